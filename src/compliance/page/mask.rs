//! What varies on a page by itself, by rule: times, today's date, counters, tokens, sessions. A letter of what was masked stands in braces.

use url::Url;

use crate::clock::ShanghaiDay;

/// Names of query parameters, fields and variables that carry what a server makes anew each time.
const VARYING: &[&str] = &[
    "_",
    "t",
    "ts",
    "_t",
    "time",
    "timestamp",
    "r",
    "rnd",
    "rand",
    "random",
    "nonce",
    "cb",
    "cachebuster",
    "sid",
    "session",
    "sessionid",
    "session_id",
    "jsessionid",
    "phpsessid",
    "token",
    "csrf",
    "_csrf",
    "csrftoken",
    "csrf_token",
    "xsrf",
    "_token",
    "authenticity_token",
    "__requestverificationtoken",
    "__viewstate",
    "__eventvalidation",
    "requestid",
    "request_id",
    "reqid",
    "req_id",
    "traceid",
    "trace_id",
    "spm",
    "scm",
    "gclid",
    "clickid",
    "click_id",
    "sign",
    "signature",
    "auth_key",
    "expires",
    "x_amz_signature",
    "x_amz_date",
    "x_oss_signature",
    "visitorid",
    "visitor_id",
    "servertime",
    "server_time",
    "now",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
];
/// Names of variables that count.
const COUNTING: &[&str] = &[
    "stock",
    "inventory",
    "sold",
    "sales",
    "views",
    "viewcount",
    "pv",
    "uv",
    "online",
    "likes",
    "comments",
    "remaining",
    "downloads",
    "plays",
];
/// What stands behind a counter.
const BEHIND: &[&str] = &[
    "人已",
    "人正在",
    "人付款",
    "人收货",
    "人参与",
    "人报名",
    "人预约",
    "人浏览",
    "人在线",
    "人关注",
    "人购买",
    "人想买",
    "人评价",
    "人使用",
    "人下载",
    "人观看",
    "人领取",
    "次浏览",
    "次阅读",
    "次播放",
    "次观看",
    "次下载",
    "次安装",
    "条评论",
    "条评价",
    "views",
    "sold",
    "people are",
    "people have",
    "comments",
    "likes",
    "downloads",
    "watching",
    "online",
    "left in stock",
    "in stock",
];
/// What stands before one.
const BEFORE: &[&str] = &[
    "已售",
    "月销",
    "销量",
    "库存",
    "剩余",
    "还剩",
    "仅剩",
    "浏览",
    "浏览量",
    "阅读",
    "阅读量",
    "播放",
    "播放量",
    "热度",
    "在线人数",
    "已有",
    "访问量",
    "点赞",
    "评论",
    "views",
    "sold",
    "in stock",
    "online now",
];
/// Units of what runs down.
const UNITS: &[&str] = &["天", "小时", "时", "分钟", "分", "秒", "days", "hours", "minutes", "seconds"];

/// A line of text as it is compared: spaces collapsed, invisible characters left out, what varies by rule in braces.
pub(super) fn text(line: &str, today: Option<ShanghaiDay>) -> String {
    let mut plain = String::with_capacity(line.len());
    for it in line.chars() {
        match it {
            // Braces are this form's own.
            '{' => plain.push('｛'),
            '}' => plain.push('｝'),
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {}
            _ if it.is_whitespace() => {
                if !plain.is_empty() && !plain.ends_with(' ') {
                    plain.push(' ');
                }
            }
            _ if it.is_control() => {}
            _ => plain.push(it),
        }
    }
    let plain = plain.trim_end();
    let mut masked = String::with_capacity(plain.len());
    let mut rest = plain;
    while let Some(at) = rest.find(|it: char| it.is_ascii_digit()) {
        let (before, digits) = rest.split_at(at);
        masked.push_str(before);
        let (taken, put) = varying(&masked, digits, today);
        masked.push_str(put.unwrap_or(&digits[..taken]));
        rest = &digits[taken..];
    }
    masked.push_str(rest);
    masked
}

/// How much of the text, which begins with a digit, is one thing, and what is written for it if it varies.
fn varying(before: &str, text: &str, today: Option<ShanghaiDay>) -> (usize, Option<&'static str>) {
    let plain = digits(text);
    if before.ends_with(|it: char| it.is_ascii_alphanumeric()) && !before.ends_with('T') {
        return (plain, None);
    }
    if let Some(length) =
        clock(text, before.ends_with("{date}") || before.ends_with("{date} ") || before.ends_with("{date}T"))
    {
        return (length, Some("{time}"));
    }
    if let (Some((length, day)), Some(today)) = (date(text, today), today)
        && (day - i64::from(today.0)).abs() <= 1
    {
        return (length + weekday(&text[length..]), Some("{date}"));
    }
    if let Some(length) = countdown(text) {
        return (length, Some("{time}"));
    }
    let number = number(text);
    let (behind, ahead) =
        (text[number..].trim_start_matches(['+', '万', '千', 'k', 'K', '件', ' ']), before.to_lowercase());
    let ahead = ahead.trim_end_matches([' ', ':', '：', '(', '（', '约', '超']);
    let low = behind.get(..16.min(behind.len())).map(str::to_lowercase).unwrap_or_else(|| behind.to_owned());
    if BEHIND.iter().any(|it| low.starts_with(it)) || BEFORE.iter().any(|it| ahead.ends_with(it)) {
        return (number, Some("{n}"));
    }
    let copyright = ahead.chars().rev().take(24).any(|it| it == '©') || ahead.ends_with("copyright");
    if copyright && today.is_some_and(|today| today.to_string().starts_with(&text[..plain]) && plain == 4) {
        return (4, Some("{year}"));
    }
    (plain, None)
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Digits with separators of thousands and a fraction.
fn number(text: &str) -> usize {
    let mut length = digits(text);
    while let Some(rest) = text[length..].strip_prefix([',', '.']) {
        match digits(rest) {
            0 => break,
            more => length += 1 + more,
        }
    }
    length
}

/// A time of day: with seconds, or, behind today's date, without.
fn clock(text: &str, dated: bool) -> Option<usize> {
    let mut length = digits(text);
    if !(1..=2).contains(&length) {
        return None;
    }
    let mut parts = 1;
    while let Some(rest) = text[length..].strip_prefix(':').filter(|rest| digits(rest) == 2) {
        length += 1 + digits(rest);
        parts += 1;
    }
    if let Some(rest) = text[length..].strip_prefix('.').filter(|_| parts == 3) {
        length += if digits(rest) > 0 { 1 + digits(rest) } else { 0 };
    }
    (parts == 3 || parts == 2 && dated).then_some(length)
}

/// A date and its days since 1970; without a year, today's.
fn date(text: &str, today: Option<ShanghaiDay>) -> Option<(usize, i64)> {
    let first = digits(text);
    let (year, from) = if first == 4 {
        let mark = text[4..].chars().next().filter(|it| matches!(it, '-' | '/' | '.' | '年'))?;
        (text[..4].to_owned(), 4 + mark.len_utf8())
    } else {
        (today?.to_string().get(..4)?.to_owned(), 0)
    };
    let months = digits(&text[from..]);
    let behind = &text[from + months..];
    let mark = behind.chars().next().filter(|it| matches!(it, '-' | '/' | '.' | '月'))?;
    if from == 0 && mark != '月' || !(1..=2).contains(&months) {
        return None;
    }
    let days = digits(&behind[mark.len_utf8()..]);
    if !(1..=2).contains(&days) {
        return None;
    }
    let end = from + months + mark.len_utf8() + days;
    let (month, day) = (&text[from..from + months], &text[end - days..end]);
    let found = ShanghaiDay::parse(&format!("{year}-{month:0>2}-{day:0>2}"))?;
    let closing = if text[end..].starts_with('日') { '日'.len_utf8() } else { 0 };
    Some((end + closing, i64::from(found.0)))
}

/// A day of the week behind a date.
fn weekday(text: &str) -> usize {
    let trimmed = text.trim_start_matches([' ', '(', '（']);
    let name = ["星期", "周"].iter().find(|name| trimmed.starts_with(**name));
    let Some(name) = name else { return 0 };
    let day = trimmed[name.len()..].chars().next().filter(|it| "一二三四五六日天".contains(*it));
    day.map_or(0, |day| text.len() - trimmed.len() + name.len() + day.len_utf8())
}

/// `1天 02时03分04秒`: at least two units, of which the last runs by the second.
fn countdown(text: &str) -> Option<usize> {
    let (mut length, mut units, mut seconds) = (0, 0, false);
    loop {
        let rest = &text[length..];
        let spaces = rest.len() - rest.trim_start_matches(' ').len();
        let number = digits(&rest[spaces..]);
        if number == 0 {
            break;
        }
        let behind = rest[spaces + number..].trim_start_matches(' ');
        let Some(unit) = UNITS.iter().find(|unit| behind.starts_with(**unit)) else { break };
        length = text.len() - behind.len() + unit.len();
        units += 1;
        seconds = matches!(*unit, "秒" | "seconds");
    }
    (units > 1 && seconds).then_some(length)
}

/// Whether a name is one of what a server makes anew each time.
pub(super) fn is_varying(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    VARYING.contains(&name.as_str()) || ["csrf", "nonce", "xsrf"].iter().any(|it| name.contains(it))
}

fn is_counting(name: &str) -> bool {
    COUNTING.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a value says nothing by itself: no address, no words.
pub(super) fn is_opaque(value: &str) -> bool {
    value.len() <= 512
        && value.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-=+/~%|:".contains(&it))
        && !value.contains("//")
}

/// A moment in seconds or milliseconds since 1970, with or without parts of one: 2001 to 2096.
fn is_moment(value: &str) -> bool {
    let whole = if is_decimal(value) { value.split_once('.').map_or(value, |(whole, _)| whole) } else { value };
    matches!(whole.len(), 10 | 13)
        && whole.bytes().all(|it| it.is_ascii_digit())
        && matches!(whole.as_bytes()[0], b'1'..=b'3')
}

/// A number with a point in it.
pub(super) fn is_decimal(value: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    value.split_once('.').is_some_and(|(whole, part)| digits(whole) && digits(part))
}

/// A UUID.
fn is_uuid(value: &str) -> bool {
    let dashes = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    value.len() == 36
        && value.bytes().enumerate().all(|(at, it)| if dashes(at) { it == b'-' } else { it.is_ascii_hexdigit() })
}

/// An address as it is compared: absolute, without fragment, sessions and parameters that vary; the rest of its query in order of name.
pub(super) fn url(base: &Url, raw: &str) -> String {
    let raw = raw.trim();
    let Ok(mut url) = base.join(raw) else { return format!("unreadable {raw}") };
    if !matches!(url.scheme(), "http" | "https") {
        return url.to_string();
    }
    url.set_fragment(None);
    if let Some((path, _)) = url.path().split_once(";jsessionid=").map(|(path, rest)| (path.to_owned(), rest.len())) {
        url.set_path(&path);
    }
    let mut kept: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    kept.retain(|(name, value)| !(is_varying(name) && is_opaque(value) || is_moment(value)));
    kept.sort();
    if kept.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url.to_string()
}

/// Code as tokens, without comments and spaces, what varies by rule in braces.
pub(super) fn code(code: &str, today: Option<ShanghaiDay>) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if first.is_whitespace() => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            '/' if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
                continue;
            }
            '"' | '\'' | '`' => literal(rest, first),
            _ if first.is_alphanumeric() || matches!(first, '_' | '$') => {
                rest.find(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | '$'))).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let token = masked(&tokens, &rest[..length], today);
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

/// How long a string literal is.
fn literal(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, it) in text.char_indices().skip(1) {
        match it {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if it == quote => return at + it.len_utf8(),
            '\n' if quote != '`' => return at,
            _ => {}
        }
    }
    text.len()
}

/// A token, masked if the name before it says that it varies.
fn masked(before: &[String], token: &str, today: Option<ShanghaiDay>) -> String {
    let value = token.trim_matches(['"', '\'', '`']);
    let is_text = value.len() < token.len();
    let assigned = matches!(before, [.., sign] if matches!(sign.as_str(), ":" | "=" | ","));
    let name = match before {
        [.., name, _] if assigned => name.trim_matches(['"', '\'', '`']),
        _ => "",
    };
    if is_moment(value) || is_uuid(value) {
        return "{n}".to_owned();
    }
    if is_text && is_varying(name) && is_opaque(value) && !value.is_empty() {
        return "{id}".to_owned();
    }
    if !is_text && value.starts_with(|it: char| it.is_ascii_digit()) && (is_counting(name) || is_varying(name)) {
        return "{n}".to_owned();
    }
    if is_text { text(token, today) } else { token.to_owned() }
}
