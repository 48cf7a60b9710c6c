//! One form for what reads alike: width, case, traditional characters, look-alikes, and whatever is put between letters.

use std::sync::LazyLock;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};
use unicode_security::skeleton;

/// What stands between a letter and the one before it, the heavier last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Nothing, or what cannot be seen.
    None,
    /// Marks that do not end a clause: hyphens, dots, brackets, emoji.
    Mark,
    /// A space.
    Space,
    /// The end of a clause or a line.
    Clause,
}

/// A letter of the folded text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    /// Where it begins in the folded text, bytes.
    pub(super) at: u32,
    /// Where it stands in the original, bytes.
    pub(super) from: u32,
    /// Where it ends there, with its combining marks.
    pub(super) to: u32,
    /// What stands before it.
    pub(super) gap: Gap,
}

/// A text of letters only, each with its place in the original.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) text: String,
    pub(super) letters: Vec<Letter>,
}

impl Folded {
    /// Folds a text; what is beyond 4 GiB is not read.
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), letters: Vec::with_capacity(text.len() / 3) };
        let mut gap = Gap::None;
        for (from, it) in text.char_indices() {
            let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(from + it.len_utf8())) else { break };
            if is_combining_mark(it) && gap == Gap::None {
                if let Some(last) = folded.letters.last_mut() {
                    last.to = to;
                }
                continue;
            }
            let asks = gap == Gap::None && is_dash(it) && folded.text.ends_with(['第', '唯', '独', '统']);
            let stroke = asks && text.get(to as usize..).is_some_and(|rest| rest.chars().next().is_some_and(is_no_one));
            fold(if stroke { '一' } else { it }, &mut |part| match part {
                Part::Letter(letter) => {
                    let at = folded.text.len() as u32;
                    folded.letters.push(Letter { at, from, to, gap });
                    folded.text.push(letter);
                    gap = Gap::None;
                }
                Part::Gap(between) => gap = gap.max(between),
            });
        }
        folded
    }

    /// The letter that begins at a byte of the folded text, or behind which it lies.
    pub(super) fn letter_at(&self, byte: usize) -> usize {
        self.letters.partition_point(|letter| (letter.at as usize) <= byte).saturating_sub(1)
    }

    /// Whether a letter is one of Latin script or a digit, of which words are made by spaces.
    pub(super) fn is_latin(&self, letter: usize) -> bool {
        let byte = self.letters.get(letter).and_then(|it| self.text.as_bytes().get(it.at as usize));
        byte.is_some_and(u8::is_ascii_alphanumeric)
    }
}

/// What a character comes to.
enum Part {
    Letter(char),
    Gap(Gap),
}

fn fold(it: char, put: &mut impl FnMut(Part)) {
    match it {
        'a'..='z' | '0'..='9' | '%' => put(Part::Letter(it)),
        'A'..='Z' => put(Part::Letter(it.to_ascii_lowercase())),
        '\u{4e00}'..='\u{9fff}' => put(Part::Letter(HAN[it as usize - 0x4e00])),
        '\u{0}'..='\u{7f}' => put(Part::Gap(gap(it))),
        _ if is_invisible(it) => {}
        // Letters in circles, squares and flags have no compatibility form.
        '\u{1f150}'..='\u{1f169}' => put(Part::Letter(nth_letter(it, 0x1_f150))),
        '\u{1f170}'..='\u{1f189}' => put(Part::Letter(nth_letter(it, 0x1_f170))),
        '\u{1f1e6}'..='\u{1f1ff}' => put(Part::Letter(nth_letter(it, 0x1_f1e6))),
        _ => decompose_compatible(it, |part| match part {
            'a'..='z' | '0'..='9' | '%' => put(Part::Letter(part)),
            'A'..='Z' => put(Part::Letter(part.to_ascii_lowercase())),
            '\u{4e00}'..='\u{9fff}' => put(Part::Letter(HAN[part as usize - 0x4e00])),
            _ if is_combining_mark(part) || is_invisible(part) => {}
            _ if part.is_alphanumeric() => put(Part::Letter(look_alike(part))),
            _ => put(Part::Gap(gap(part))),
        }),
    }
}

fn nth_letter(it: char, first: u32) -> char {
    char::from_u32('a' as u32 + (it as u32 - first)).unwrap_or(it)
}

fn gap(it: char) -> Gap {
    match it {
        ',' | ':' | ';' | '!' | '?' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' | '、'
        | '。' => Gap::Clause,
        _ if it.is_whitespace() => Gap::Space,
        // What does not print parts nothing.
        _ if it.is_control() => Gap::None,
        _ => Gap::Mark,
    }
}

/// Characters that take no room and are no marks: joiners, directions, tags, fillers.
fn is_invisible(it: char) -> bool {
    matches!(it, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a stroke before it can be 一: an ideograph that is not 一 itself.
fn is_no_one(it: char) -> bool {
    matches!(it, '\u{4e00}'..='\u{9fff}') && HAN[it as usize - 0x4e00] != '一'
}

/// Strokes that are read as 一 behind a character that asks for it: `第—名`.
fn is_dash(it: char) -> bool {
    matches!(
        it,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{2501}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// The letter that a letter of another script stands for, as Unicode's list of confusable characters has it (UTS 39 §4).
fn look_alike(it: char) -> char {
    if it == 'ー' {
        return '一';
    }
    let small = it.to_lowercase().next().unwrap_or(it);
    for form in [small, it.to_uppercase().next().unwrap_or(it)] {
        let mut buffer = [0; 4];
        let mut shown = skeleton(form.encode_utf8(&mut buffer));
        match (shown.next(), shown.next()) {
            (Some(alike), None) if alike.is_ascii_alphanumeric() => return alike.to_ascii_lowercase(),
            (Some(alike @ '\u{4e00}'..='\u{9fff}'), None) => return HAN[alike as usize - 0x4e00],
            _ => {}
        }
    }
    TABLE.binary_search_by_key(&small, |(from, _)| *from).map_or(small, |row| TABLE[row].1)
}

/// Characters that are written for others to get past a list of words. Each group: what is meant, and what is written for it.
const WRITTEN_FOR: &str = "一壹弌壱 二贰弍弐 三叁弎叄 国囯囻圀囶 第苐㐧 级伋 最冣朂 佳隹 极亟 唯惟 首艏 治冶 癌疒 青靑 户戸 黄黃 吕呂 别別 温溫";

/// Each form that is not the one that is meant, sorted.
static TABLE: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let lines = include_str!("simplified.txt").lines().filter(|line| !line.starts_with('#'));
    let mut table = Vec::with_capacity(4_096);
    for group in lines.flat_map(|line| line.split(' ')) {
        let mut forms = group.chars();
        if let Some(meant) = forms.next() {
            table.extend(forms.map(|form| (form, meant)));
        }
    }
    table.sort_unstable();
    table
});

/// What each of the unified ideographs is read as.
static HAN: LazyLock<Vec<char>> = LazyLock::new(|| {
    let simplified = |it: char| TABLE.binary_search_by_key(&it, |(from, _)| *from).map_or(it, |row| TABLE[row].1);
    let mut written_for = Vec::new();
    for group in WRITTEN_FOR.split(' ') {
        let mut forms = group.chars();
        if let Some(meant) = forms.next() {
            written_for.extend(forms.map(|form| (form, meant)));
        }
    }
    let alike = |it: char| {
        let mut buffer = [0; 4];
        let mut shown = skeleton(it.encode_utf8(&mut buffer));
        match (shown.next(), shown.next()) {
            (Some(alike @ '\u{4e00}'..='\u{9fff}'), None) => alike,
            _ => it,
        }
    };
    let meant = |it: char| written_for.iter().find(|(form, _)| *form == it).map_or(it, |(_, meant)| *meant);
    ('\u{4e00}'..='\u{9fff}').map(|it| meant(simplified(alike(simplified(it))))).collect()
});
