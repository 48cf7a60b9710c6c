//! JavaScript as tokens (ECMAScript §12): what is a name, a string, a comment, so that nothing is found in a place where it means something
//! else. It is not parsed further and never run.

use super::urls::UNKNOWN;

/// More tokens of one script than a person would look through.
const MOST: usize = 200_000;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword, with escapes resolved.
    Name(String),
    /// A string, or a template whose parts that are computed are [`UNKNOWN`]; with escapes resolved.
    Text(String),
    /// A sign. `=>`, `==`, `===`, `!=`, `<=`, `>=`, `+=` are one each, as far as they must not be taken for `=`.
    Sign(&'static str),
    /// A number or a regular expression.
    Value,
}

/// A token and the byte of the script where it begins.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// A script's tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    pub(super) list: Vec<Placed>,
    /// It is longer than is looked at, or ends within a string or comment.
    pub(super) broken: bool,
    /// Characters that strings and names hide behind escapes although they need none.
    pub(super) hidden: usize,
}

/// Signs that are told apart, the longer first.
const SIGNS: [&str; 38] = [
    "===", "!==", ">>>", "...", "??=", "||=", "&&=", "=>", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "?.", "(", ")", "[", "]", "{", "}", ";", ",", ".", "=", "+", ":", "?", "<", ">", "!", "/",
];

/// Reads a script.
pub(super) fn tokens(script: &str) -> Tokens {
    let mut scan = Scan { script, at: 0, told: Tokens::default(), templates: Vec::new(), depth: 0 };
    while scan.step() {}
    scan.told
}

struct Scan<'s> {
    script: &'s str,
    at: usize,
    told: Tokens,
    /// Templates that are open around here: the depth of braces in which their `${` stands.
    templates: Vec<usize>,
    depth: usize,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        self.script.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, token: Token, at: usize) {
        self.told.list.push(Placed { token, at });
    }

    /// Reads one token. `false`: nothing is left.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start_matches(|it: char| it.is_whitespace() || it == '\u{feff}').len();
        self.at += blank;
        let (rest, at) = (self.rest(), self.at);
        let Some(first) = rest.chars().next() else { return false };
        if self.told.list.len() >= MOST {
            self.told.broken = true;
            return false;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            self.at += 4 + comment.find("*/").unwrap_or(comment.len());
            self.told.broken |= self.at > self.script.len();
        } else if rest.starts_with("//") || rest.starts_with("<!--") || rest.starts_with("-->") && self.begins_line() {
            self.at += rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
        } else if first == '"' || first == '\'' {
            let text = self.string(first);
            self.push(Token::Text(text), at);
        } else if first == '`' {
            self.at += 1;
            self.template(at);
        } else if first == '}' && self.templates.last() == Some(&self.depth) {
            self.templates.pop();
            self.at += 1;
            self.push(Token::Sign("}"), at);
            self.template(at);
        } else if first.is_alphabetic() || matches!(first, '_' | '$' | '\\' | '#') {
            let name = self.name();
            self.push(Token::Name(name), at);
        } else if first.is_ascii_digit() {
            let end = rest.find(|it: char| !(it.is_alphanumeric() || it == '.' || it == '_')).unwrap_or(rest.len());
            self.at += end;
            self.push(Token::Value, at);
        } else if first == '/' && self.begins_value() {
            self.pattern();
            self.push(Token::Value, at);
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            self.at += sign.map_or(first.len_utf8(), str::len);
            match sign {
                Some("{") => self.depth += 1,
                Some("}") => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.push(Token::Sign(sign.unwrap_or("?")), at);
        }
        true
    }

    fn begins_line(&self) -> bool {
        let before = self.script.get(..self.at).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|it| it == '\n' || it == '\r')
    }

    /// Whether a `/` here begins a regular expression: where a value would begin.
    fn begins_value(&self) -> bool {
        match self.told.list.last().map(|it| &it.token) {
            None => true,
            Some(Token::Value | Token::Text(_)) => false,
            Some(Token::Name(name)) => matches!(
                &**name,
                "return"
                    | "typeof"
                    | "case"
                    | "in"
                    | "of"
                    | "do"
                    | "else"
                    | "void"
                    | "delete"
                    | "throw"
                    | "new"
                    | "instanceof"
            ),
            Some(Token::Sign(sign)) => !matches!(*sign, ")" | "]" | "}"),
        }
    }

    fn pattern(&mut self) {
        let (mut escaped, mut class) = (false, false);
        let mut end = self.script.len();
        for (at, letter) in self.rest().char_indices().skip(1) {
            match letter {
                '\n' | '\r' => {
                    self.told.broken = true;
                    end = self.at + at;
                    break;
                }
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => class = true,
                ']' => class = false,
                '/' if !class => {
                    end = self.at + at + 1;
                    break;
                }
                _ => {}
            }
        }
        self.at = end;
        let flags = self.rest().find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(self.rest().len());
        self.at += flags;
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        loop {
            let rest = self.rest();
            match rest.chars().next() {
                Some('\\') => match escape(rest) {
                    Some((Some(letter), length)) if rest.starts_with("\\u") => {
                        name.push(letter);
                        self.at += length;
                        self.told.hidden += 1;
                    }
                    _ => {
                        self.told.broken = true;
                        self.at += 1;
                    }
                },
                Some(it) if it.is_alphanumeric() || matches!(it, '_' | '$' | '#' | '\u{200c}' | '\u{200d}') => {
                    name.push(it);
                    self.at += it.len_utf8();
                }
                _ => return name,
            }
        }
    }

    fn string(&mut self, quote: char) -> String {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                self.told.broken = true;
                return text;
            };
            match first {
                '\\' => self.escaped(&mut text),
                '\n' | '\r' => {
                    self.told.broken = true;
                    return text;
                }
                _ => {
                    self.at += first.len_utf8();
                    if first == quote {
                        return text;
                    }
                    text.push(first);
                }
            }
        }
    }

    /// Reads a template up to its end or the next `${`.
    fn template(&mut self, at: usize) {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                self.told.broken = true;
                break;
            };
            if rest.starts_with("${") {
                text.push(UNKNOWN);
                self.at += 2;
                self.templates.push(self.depth);
                self.push(Token::Text(text), at);
                return self.push(Token::Sign("{"), at);
            }
            if first == '\\' {
                self.escaped(&mut text);
                continue;
            }
            self.at += first.len_utf8();
            if first == '`' {
                break;
            }
            text.push(first);
        }
        self.push(Token::Text(text), at);
    }

    fn escaped(&mut self, text: &mut String) {
        match escape(self.rest()) {
            Some((letter, length)) => {
                self.at += length;
                text.extend(letter);
                self.told.hidden += usize::from(length > 2 && letter.is_some_and(|it| it.is_ascii_graphic()));
            }
            None => {
                self.told.broken = true;
                self.at += 1;
            }
        }
    }
}

/// What an escape stands for and how many bytes it takes; a line that goes on stands for nothing.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let kind = rest.chars().nth(1)?;
    let hex = |from: usize, to: usize| {
        let digits = rest.get(from..to).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    // A half of a pair stands for no character by itself.
    let letter = |code: u32| Some(char::from_u32(code).unwrap_or('\u{fffd}'));
    match kind {
        'x' => Some((letter(hex(2, 4)?), 4)),
        'u' if rest.get(2..3) == Some("{") => {
            let end = rest.bytes().take(12).position(|it| it == b'}')?;
            Some((letter(hex(3, end)?), end + 1))
        }
        'u' => Some((letter(hex(2, 6)?), 6)),
        '0'..='7' => {
            let digits: String = rest.chars().skip(1).take(3).take_while(|it| matches!(it, '0'..='7')).collect();
            Some((letter(u32::from_str_radix(&digits, 8).ok()?), 1 + digits.len()))
        }
        'n' | 'r' | 't' | 'b' | 'f' | 'v' => Some((Some(' '), 2)),
        '\r' if rest.get(2..3) == Some("\n") => Some((None, 3)),
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some((None, 1 + kind.len_utf8())),
        other => Some((Some(other), 1 + other.len_utf8())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(script: &str) -> String {
        let word = |it: &Placed| match &it.token {
            Token::Name(name) => name.clone(),
            Token::Text(text) => format!("{text:?}"),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Value => "0".to_owned(),
        };
        let tokens = tokens(script);
        let end = if tokens.broken { " broken" } else { "" };
        tokens.list.iter().map(word).collect::<Vec<_>>().join(" ") + end
    }

    #[test]
    fn names_strings_and_comments_are_told_apart() {
        for (script, is) in [
            ("a/*eval*/.b//eval\n<!-- eval\n--> eval\nc", "a . b c"),
            (
                r#""\x65val" 'e\u{76}al' "a\
b""#,
                r#""eval" "eval" "ab""#,
            ),
            (r"\u0065val(1)", "eval ( 0 )"),
            ("x=/[/]'/g.test(y)/2/z", "x = 0 . test ( y ) / 0 / z"),
            ("`a${b({c:`d`})}e`+f", "\"a\u{fffc}\" { b ( { c : \"d\" } ) } \"e\" + f"),
            ("location==x; a=>b; a?.b", "location == x ; a => b ; a ?. b"),
            ("'open", "\"open\" broken"),
            ("/* open", " broken"),
            ("return /x'/ + 'y'", "return 0 + \"y\""),
        ] {
            assert_eq!(told(script), is, "{script}");
        }
        assert_eq!(tokens(r#"'\x61\x62' \u0061"#).hidden, 3);
    }
}
