//! What changed against an approved page.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::fingerprint::{Fingerprint, Line, Set, brief, hex, known, outside};
use super::mask::is_opaque;
use super::{Finding, Page, Part, SimHash, Weight};
use crate::compliance::finding::Language;

/// The most changes that are told one by one.
pub const MOST_CHANGES: usize = 100;
/// The most comparisons of lines; where more would be needed, all lines between what is equal at both ends count as changed.
const MOST_COMPARED: usize = 4_000_000;

/// How a page stands to what was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The very same bytes.
    Same,
    /// Different in what varies by itself only.
    Varied,
    /// Changed.
    Changed,
}

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// The page is at another address: its URL redirects now.
    Address,
    /// Visible text.
    Text,
    /// Text that is there and not shown.
    Hidden,
    /// A link.
    Link,
    /// An image, video or sound.
    Media,
    /// A frame or embedded object.
    Frame,
    /// A style sheet.
    Style,
    /// A form.
    Form,
    /// A download.
    Download,
    /// A redirect by the page.
    Redirect,
    /// A script by its URL.
    Script,
    /// A script in the page.
    Code,
}

impl ChangeKind {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Address => ("address", "网址"),
            Self::Text => ("text", "文字"),
            Self::Hidden => ("hidden text", "隐藏文字"),
            Self::Link => ("link", "链接"),
            Self::Media => ("image or media", "图片或媒体"),
            Self::Frame => ("frame", "内嵌框架"),
            Self::Style => ("style", "样式"),
            Self::Form => ("form", "表单"),
            Self::Download => ("download", "下载"),
            Self::Redirect => ("redirect", "跳转"),
            Self::Script => ("script", "脚本"),
            Self::Code => ("script in the page", "页内脚本"),
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Of what.
    pub kind: ChangeKind,
    /// What was approved and is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// What is there and was not approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

impl Change {
    /// In words: `text: "9.9元" became "99元"`.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let (en, zh) = self.kind.names();
        let (gone, now) = (self.gone.as_deref(), self.now.as_deref());
        match (language, gone, now) {
            (Language::English, Some(gone), Some(now)) => format!("{en}: \"{gone}\" became \"{now}\""),
            (Language::English, Some(gone), None) => format!("{en}: \"{gone}\" is gone"),
            (Language::English, None, now) => format!("{en}: \"{}\" is new", now.unwrap_or_default()),
            (Language::Chinese, Some(gone), Some(now)) => format!("{zh}：“{gone}”变为“{now}”"),
            (Language::Chinese, Some(gone), None) => format!("{zh}：“{gone}”已消失"),
            (Language::Chinese, None, now) => format!("{zh}：新增“{}”", now.unwrap_or_default()),
        }
    }
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The outcome.
    pub standing: Standing,
    /// The changes, at most [`MOST_CHANGES`].
    pub changes: Vec<Change>,
    /// How many changes there are.
    pub count: usize,
    /// By how many of 64 bits the hashes of the texts differ: how much of the text is another.
    pub distance: u32,
}

impl Comparison {
    /// The changes in words, a line each.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let mut told: Vec<_> = self.changes.iter().map(|change| change.words(language)).collect();
        let more = self.count.saturating_sub(self.changes.len());
        if more > 0 {
            told.push(match language {
                Language::English => format!("and {more} more changes"),
                Language::Chinese => format!("另有 {more} 处变更"),
            });
        }
        told.join("\n")
    }

    /// The refusal, if the page changed.
    #[must_use]
    pub fn finding(&self, url: &str) -> Option<Finding> {
        let first = self.changes.first().filter(|_| self.standing == Standing::Changed)?;
        let found = first.now.as_deref().or(first.gone.as_deref()).unwrap_or_default();
        let en = format!("the landing page must not change while it is shown; {}", self.words(Language::English));
        let zh = format!("投放有效期内落地页不得变更；{}", self.words(Language::Chinese));
        Some(Finding::new("R-LANDING-FROZEN", "page-changed", Weight::Refuse, (format!("page {url}"), found), (en, zh)))
    }
}

impl Fingerprint {
    /// Compares a page as it is now with what was approved.
    #[must_use]
    pub fn compare(&self, now: &Page) -> Comparison {
        let frozen = u64::from_str_radix(&self.simhash, 16).unwrap_or_default();
        let distance = SimHash(frozen).distance(now.simhash());
        if self.digests.contains(&hex(&now.digest)) && self.url == now.url {
            return Comparison { standing: Standing::Same, changes: Vec::new(), count: 0, distance };
        }
        let known = known(now, &self.places);
        let mut changes = Changes::default();
        if self.url != now.url {
            changes.add(ChangeKind::Address, Some(&self.url), Some(&now.url));
        }
        lines(ChangeKind::Text, &self.text, &outside(&now.text, &known), &mut changes);
        lines(ChangeKind::Hidden, &self.hidden, &outside(&now.hidden, &known), &mut changes);
        let parts = |parts: &[Part]| outside(parts, &known).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        let list = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        let sets = [
            (ChangeKind::Form, &self.forms, list(&now.forms)),
            (ChangeKind::Download, &self.downloads, list(&now.downloads)),
            (ChangeKind::Redirect, &self.redirects, list(&now.redirects)),
            (ChangeKind::Script, &self.scripts, list(&now.scripts)),
            (ChangeKind::Frame, &self.frames, parts(&now.frames)),
            (ChangeKind::Link, &self.links, parts(&now.links)),
            (ChangeKind::Media, &self.media, parts(&now.media)),
            (ChangeKind::Style, &self.styles, parts(&now.styles)),
        ];
        for (kind, frozen, now) in sets {
            set(kind, frozen, &now, &mut changes);
        }
        self.compare_code(now, &mut changes);
        let Changes { list, count } = changes;
        let standing = if count == 0 { Standing::Varied } else { Standing::Changed };
        Comparison { standing, changes: list, count, distance }
    }

    fn compare_code(&self, now: &Page, changes: &mut Changes) {
        let mut found = vec![false; self.code.len()];
        for script in &now.code {
            let mut is_known = false;
            for (at, code) in self.code.iter().enumerate() {
                if script.digest(&code.wild) == code.digest {
                    found[at] = true;
                    is_known = true;
                }
            }
            if !is_known {
                let sends = if script.sends() { ChangeKind::Redirect } else { ChangeKind::Code };
                changes.add(sends, None, Some(&script.start()));
            }
        }
        for (code, _) in self.code.iter().zip(found).filter(|(code, found)| !found && !code.sometimes) {
            changes.add(ChangeKind::Code, Some(&code.start), None);
        }
    }
}

#[derive(Debug, Default)]
struct Changes {
    list: Vec<Change>,
    count: usize,
}

impl Changes {
    fn add(&mut self, kind: ChangeKind, gone: Option<&str>, now: Option<&str>) {
        self.count += 1;
        if self.list.len() < MOST_CHANGES {
            let short = |text: &str| text.chars().take(Finding::LONGEST).collect();
            self.list.push(Change { kind, gone: gone.map(short), now: now.map(short) });
        }
    }
}

fn set(kind: ChangeKind, frozen: &Set, now: &BTreeSet<String>, changes: &mut Changes) {
    let mut new = now.iter().filter(|it| {
        !frozen.always.contains(*it) && !frozen.sometimes.contains(*it) && !frozen.sometimes.contains(&shape(it))
    });
    for gone in frozen.always.iter().filter(|it| !now.contains(*it)) {
        changes.add(kind, Some(gone), new.next().map(String::as_str));
    }
    new.for_each(|it| changes.add(kind, None, Some(it)));
}

fn lines(kind: ChangeKind, frozen: &[Line], now: &[&str], changes: &mut Changes) {
    for (mine, theirs) in align(frozen, now) {
        let (mine, theirs) = (&frozen[mine], &now[theirs]);
        // What stands before the first slot and behind the last one is told against what stands there now; the rest is the slots'.
        let is_slot = |line: &Line| matches!(line, Line::Slot { .. });
        let (lead, tail) = match (mine.iter().position(is_slot), mine.iter().rposition(is_slot)) {
            (Some(first), Some(last)) => (first, mine.len() - last - 1),
            _ => (mine.len(), 0),
        };
        let slots = &mine[lead..mine.len() - tail];
        let before = if slots.is_empty() { theirs.len() } else { lead.min(theirs.len()) };
        let behind = tail.min(theirs.len() - before);
        let (first, rest) = theirs.split_at(before);
        let (middle, last) = rest.split_at(rest.len() - behind);
        replaced(kind, &mine[..lead], first, changes);
        slot(kind, slots, middle, changes);
        replaced(kind, &mine[mine.len() - tail..], last, changes);
    }
}

/// Lines that stand for others.
fn replaced(kind: ChangeKind, gone: &[Line], now: &[&str], changes: &mut Changes) {
    for at in 0..gone.len().max(now.len()) {
        let gone = gone.get(at).and_then(|line| match line {
            Line::Text(text) => Some(text.as_str()),
            Line::Slot { .. } => None,
        });
        changes.add(kind, gone, now.get(at).copied());
    }
}

/// Lines in slots, and in what stands between slots.
fn slot(kind: ChangeKind, slots: &[Line], now: &[&str], changes: &mut Changes) {
    let (mut room, mut allowed) = (0, String::new());
    for line in slots {
        match line {
            Line::Text(text) => changes.add(kind, Some(text), None),
            Line::Slot { room: more, kinds } => {
                room += more;
                allowed.push_str(kinds);
            }
        }
    }
    let shown: usize = now.iter().map(|line| line.chars().count()).sum();
    let is_allowed = |line: &str| shown <= room && kinds_of(line).chars().all(|kind| allowed.contains(kind));
    now.iter().filter(|line| !is_allowed(line)).for_each(|line| changes.add(kind, None, Some(line)));
}

/// The kinds of things in a line that a slot allows only if it had them: `p` a price, `d` many digits (a phone number, an account), `u` an address.
pub(super) fn kinds_of(line: &str) -> String {
    let mut kinds = String::new();
    let price = ["¥", "￥", "$", "元", "rmb", "RMB", "折", "% off", "yuan"].iter().any(|mark| line.contains(mark));
    if price && line.contains(|it: char| it.is_ascii_digit()) {
        kinds.push('p');
    }
    let plain: String = line.chars().filter(|it| !matches!(it, ' ' | '-')).collect();
    if plain.split(|it: char| !it.is_ascii_digit()).any(|digits| digits.len() >= 7) {
        kinds.push('d');
    }
    if ["http", "www.", ".com", ".cn", "微信", "weixin", "QQ", "@"].iter().any(|mark| line.contains(mark)) {
        kinds.push('u');
    }
    kinds
}

/// Where two lists of lines differ, in order; between these places they are equal.
pub(super) fn align(frozen: &[Line], now: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let fits = |a: usize, b: usize| match (frozen.get(a), now.get(b)) {
        (Some(Line::Text(pattern)), Some(line)) => fits(pattern, line),
        _ => false,
    };
    let start = (0..frozen.len().min(now.len())).take_while(|at| fits(*at, *at)).count();
    let most = frozen.len().min(now.len()) - start;
    let end = (0..most).take_while(|at| fits(frozen.len() - 1 - at, now.len() - 1 - at)).count();
    let (rows, columns) = (frozen.len() - start - end, now.len() - start - end);
    if rows == 0 && columns == 0 {
        return Vec::new();
    }
    let whole = vec![(start..start + rows, start..start + columns)];
    if rows == 0 || columns == 0 || rows.saturating_mul(columns) > MOST_COMPARED {
        return whole;
    }
    // The longest common subsequence, from the end: lengths[a][b] of what is left from a and b on.
    let width = columns + 1;
    let mut lengths = vec![0_u32; (rows + 1) * width];
    let mut equal = vec![false; rows * columns];
    for a in (0..rows).rev() {
        for b in (0..columns).rev() {
            let same = fits(start + a, start + b);
            equal[a * columns + b] = same;
            lengths[a * width + b] = if same {
                lengths[(a + 1) * width + b + 1] + 1
            } else {
                lengths[(a + 1) * width + b].max(lengths[a * width + b + 1])
            };
        }
    }
    let (mut a, mut b, mut from) = (0, 0, (0, 0));
    let mut differ = Vec::new();
    let mut close = |from: (usize, usize), to: (usize, usize)| {
        if from != to {
            differ.push((start + from.0..start + to.0, start + from.1..start + to.1));
        }
    };
    while a < rows && b < columns {
        if equal[a * columns + b] {
            close(from, (a, b));
            (a, b) = (a + 1, b + 1);
            from = (a, b);
        } else if lengths[(a + 1) * width + b] >= lengths[a * width + b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    close(from, (rows, columns));
    differ
}

/// Whether a line is what a pattern says.
fn fits(pattern: &str, line: &str) -> bool {
    if pattern == line {
        return true;
    }
    if !pattern.contains("{#}") && !pattern.contains("{?}") {
        return pattern.len() > line.len().min(400) && pattern == brief(line);
    }
    let (pattern, line) = (tokens(pattern), tokens(line));
    pattern.len() == line.len()
        && pattern.iter().zip(line).all(|(pattern, token)| match *pattern {
            "{#}" => is_number(token),
            "{?}" => is_code(token),
            other => other == token,
        })
}

/// The pattern of which both are; `None` if more than numbers and codes differ.
pub(super) fn pattern(mine: &Line, theirs: &str) -> Option<String> {
    let Line::Text(mine) = mine else { return None };
    let (mine, theirs) = (tokens(mine), tokens(theirs));
    if mine.len() != theirs.len() {
        return None;
    }
    let one = |(mine, theirs): (&&'_ str, &&str)| match (*mine, *theirs) {
        (mine, theirs) if mine == theirs => Some(mine.to_owned()),
        ("{#}", theirs) if is_number(theirs) => Some("{#}".to_owned()),
        ("{?}", theirs) if is_code(theirs) => Some("{?}".to_owned()),
        (mine, theirs) if is_number(mine) && is_number(theirs) => Some("{#}".to_owned()),
        (mine, theirs) if is_code(mine) && is_code(theirs) => Some("{?}".to_owned()),
        _ => None,
    };
    mine.iter().zip(&theirs).map(one).collect()
}

/// Numbers, runs of letters and digits, masks, and all else letter by letter.
fn tokens(line: &str) -> Vec<&str> {
    let mut list = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '{' => rest.find('}').map_or(1, |end| end + 1),
            _ if first.is_ascii_alphanumeric() => {
                let run = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
                if rest[..run].bytes().all(|it| it.is_ascii_digit()) { number(rest, run) } else { run }
            }
            _ => first.len_utf8(),
        };
        list.push(&rest[..length]);
        rest = &rest[length..];
    }
    list
}

fn number(text: &str, mut length: usize) -> usize {
    while let Some(rest) = text[length..].strip_prefix([',', '.']) {
        let more = rest.bytes().take_while(u8::is_ascii_digit).count();
        if more == 0 {
            break;
        }
        length += 1 + more;
    }
    length
}

fn is_number(token: &str) -> bool {
    token.starts_with(|it: char| it.is_ascii_digit())
        && token.bytes().all(|it| it.is_ascii_digit() || matches!(it, b',' | b'.'))
}

/// A token that says nothing by itself: at least six letters and digits, both.
fn is_code(token: &str) -> bool {
    let has = |is: fn(&u8) -> bool| token.bytes().any(|it| is(&it));
    token.len() >= 6
        && is_opaque(token)
        && has(u8::is_ascii_digit)
        && (has(u8::is_ascii_alphabetic) || token.len() >= 12)
}

/// An address with `{?}` for each part of it that has a digit or says nothing.
pub(super) fn shape(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let part = |part: &str| {
        let (name, end) = part.rsplit_once('.').unwrap_or((part, ""));
        let (key, value) = name.split_once('=').map_or(("", name), |(key, value)| (key, value));
        if !value.bytes().any(|it| it.is_ascii_digit()) {
            return part.to_owned();
        }
        let key = if key.is_empty() { String::new() } else { format!("{key}=") };
        if end.is_empty() { format!("{key}{{?}}") } else { format!("{key}{{?}}.{end}") }
    };
    let mut shaped = format!("{scheme}://{host}");
    for (at, piece) in path.split_inclusive(['/', '?', '&']).enumerate() {
        let plain = piece.trim_end_matches(['/', '?', '&']);
        if at == 0 {
            shaped.push('/');
        }
        shaped.push_str(&part(plain));
        shaped.push_str(&piece[plain.len()..]);
    }
    shaped
}
