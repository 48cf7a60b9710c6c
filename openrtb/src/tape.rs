//! A tape of our own: the nodes that simd-json gives, from the scanner, with the place of each in the body.
//!
//! The body is not rewritten: a string without escapes is borrowed from it, one with escapes is unescaped into the
//! arena. What simd-json refuses is refused here too, and the two are held together by tests.

use simd_json::{Node, StaticNode, Tape};

use crate::arena::Arena;
use crate::read::{Nodes, Span};
use crate::scan::{Cursor, ScanError, ScanErrorKind, error};

/// Buffers of a tape, used again body after body.
#[derive(Default)]
pub(crate) struct OwnTape<'a> {
    nodes: Vec<Node<'a>>,
    spans: Vec<Span>,
    /// The containers that are open, outermost first, as indices of their nodes.
    open: Vec<usize>,
}

impl<'a> OwnTape<'a> {
    /// An empty tape of another lifetime with the same memory.
    pub(crate) fn reset<'b>(self) -> OwnTape<'b> {
        let Self { nodes, mut spans, mut open } = self;
        spans.clear();
        open.clear();
        OwnTape { nodes: Tape(nodes).reset().0, spans, open }
    }

    /// The nodes, of the body that they were filled from.
    pub(crate) fn nodes(&self, body: &'a str) -> Nodes<'_, 'a> {
        Nodes { nodes: &self.nodes, spans: &self.spans, body }
    }

    /// Reads the one value that `body` is, with at most `depth` containers inside one another.
    pub(crate) fn fill(&mut self, body: &'a str, depth: usize, arena: &'a Arena) -> Result<(), ScanError> {
        self.nodes.clear();
        self.spans.clear();
        self.open.clear();
        let mut cursor = Cursor::new(body.as_bytes(), &(0..body.len()));
        loop {
            cursor.white_space();
            let entered = match cursor.peek() {
                Some(open @ (b'{' | b'[')) => self.enter(&mut cursor, open, depth)?,
                _ => {
                    self.scalar(&mut cursor, body, arena)?;
                    false
                }
            };
            if entered {
                self.key_if_object(&mut cursor, body, arena)?;
            } else if self.leave(&mut cursor, body, arena)? {
                return cursor.expect_end();
            }
        }
    }

    /// False if the container is empty, and then it is left.
    fn enter(&mut self, cursor: &mut Cursor<'_>, open: u8, depth: usize) -> Result<bool, ScanError> {
        if self.open.len() >= depth {
            return Err(error(ScanErrorKind::TooDeep, cursor.at));
        }
        let start = cursor.at;
        // The closing bracket stands two places behind the opening one in ASCII.
        let entered = cursor.enter(open, open + 2)?;
        if entered {
            self.open.push(self.nodes.len());
        }
        self.nodes.push(match open {
            b'{' => Node::Object { len: 0, count: 0 },
            _ => Node::Array { len: 0, count: 0 },
        });
        self.spans.push(Span { start, end: cursor.at });
        Ok(entered)
    }

    /// Behind a value: goes on to the next, closing what ends here. True when the outermost value is over.
    fn leave(&mut self, cursor: &mut Cursor<'_>, body: &'a str, arena: &'a Arena) -> Result<bool, ScanError> {
        while let Some(container) = self.open.last().copied() {
            let inside = self.nodes.len() - container - 1;
            let close = match self.nodes.get_mut(container) {
                Some(Node::Object { len, count }) => {
                    (*len, *count) = (*len + 1, inside);
                    b'}'
                }
                Some(Node::Array { len, count }) => {
                    (*len, *count) = (*len + 1, inside);
                    b']'
                }
                _ => return Ok(true),
            };
            if cursor.more(close)? {
                self.key_if_object(cursor, body, arena)?;
                return Ok(false);
            }
            if let Some(span) = self.spans.get_mut(container) {
                span.end = cursor.at;
            }
            self.open.pop();
        }
        Ok(true)
    }

    fn key_if_object(&mut self, cursor: &mut Cursor<'_>, body: &'a str, arena: &'a Arena) -> Result<(), ScanError> {
        let container = self.open.last().and_then(|at| self.nodes.get(*at));
        if let Some(Node::Object { .. }) = container {
            let (key, escaped) = cursor.key()?;
            self.string(Span { start: key.start, end: key.end }, escaped, body, arena)?;
        }
        Ok(())
    }

    fn string(&mut self, span: Span, escaped: bool, body: &'a str, arena: &'a Arena) -> Result<(), ScanError> {
        let raw = body.get(span.start..span.end).unwrap_or_default();
        let text = if escaped { unescape(raw, span.start, arena)? } else { raw };
        self.nodes.push(Node::String(text));
        self.spans.push(span);
        Ok(())
    }

    fn scalar(&mut self, cursor: &mut Cursor<'_>, body: &'a str, arena: &'a Arena) -> Result<(), ScanError> {
        let start = cursor.at;
        let node = match cursor.peek() {
            Some(b'"') => {
                let escaped = cursor.skip_string()?;
                return self.string(Span { start: start + 1, end: cursor.at - 1 }, escaped, body, arena);
            }
            first => {
                cursor.skip_scalar()?;
                match first {
                    Some(b't') => StaticNode::Bool(true),
                    Some(b'f') => StaticNode::Bool(false),
                    Some(b'n') => StaticNode::Null,
                    _ => number(body.get(start..cursor.at).unwrap_or_default())
                        .ok_or_else(|| error(ScanErrorKind::UnexpectedByte, start))?,
                }
            }
        };
        self.nodes.push(Node::Static(node));
        self.spans.push(Span { start, end: cursor.at });
        Ok(())
    }
}

/// A number of JSON; `None` beyond f64.
fn number(text: &str) -> Option<StaticNode> {
    if !text.contains(['.', 'e', 'E']) {
        let integer = if text.starts_with('-') {
            text.parse().ok().map(StaticNode::I64)
        } else {
            text.parse().ok().map(StaticNode::U64)
        };
        if integer.is_some() {
            return integer;
        }
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(StaticNode::F64)
}

/// The text of a string whose escapes the scanner has passed; `start` is its offset, for errors.
fn unescape<'a>(raw: &str, start: usize, arena: &'a Arena) -> Result<&'a str, ScanError> {
    // Unescaped text is never longer: six bytes of `\uXXXX` give three at most.
    let text = arena.list::<u8>(raw.len());
    let mut used = 0;
    let mut push = |piece: &str| {
        if let Some(room) = text.get_mut(used..used + piece.len()) {
            room.copy_from_slice(piece.as_bytes());
            used += piece.len();
        }
    };
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        push(plain);
        let lone = || error(ScanErrorKind::UnexpectedByte, start + (raw.len() - escape.len()) - 1);
        let mut after = escape.chars();
        let character = match after.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (character, length) = unicode_escape(escape).ok_or_else(lone)?;
                after = escape.get(length..).unwrap_or_default().chars();
                character
            }
            // A quote, a backslash or a slash: the scanner has passed no other.
            Some(itself) => itself,
            None => return Err(lone()),
        };
        push(character.encode_utf8(&mut [0; 4]));
        rest = after.as_str();
    }
    push(rest);
    text.get(..used).and_then(|text| str::from_utf8(text).ok()).ok_or(error(ScanErrorKind::UnexpectedByte, start))
}

/// The character of `uXXXX` or of a surrogate pair `uXXXX\uXXXX`, and how long that is.
fn unicode_escape(escape: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u32::from_str_radix(escape.get(at..at + 4)?, 16).ok();
    let high = unit(1)?;
    if !(0xd800..0xdc00).contains(&high) {
        // A low surrogate alone is no character.
        return Some((char::from_u32(high)?, 5));
    }
    let low = escape.get(5..7).filter(|next| *next == "\\u").and_then(|_| unit(7))?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 11))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simd_json::Buffers;

    use super::*;

    /// Both tapes of a body; what is wrong with it is not compared.
    fn check(body: &str, depth: usize) {
        let arena = Arena::new();
        let mut own = OwnTape::default();
        let ours = own.fill(body, depth, &arena);
        let mut bytes = body.as_bytes().to_vec();
        let mut tape = Tape(Vec::new());
        let theirs = simd_json::fill_tape(&mut bytes, &mut Buffers::with_max_depth(64, depth), &mut tape);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{body:?}: {ours:?}, {theirs:?}");
        if ours.is_ok() {
            assert_eq!(own.nodes, tape.0, "{body:?}");
            assert_eq!(own.spans.len(), own.nodes.len());
            let whole = own.spans[0];
            let quote = usize::from(matches!(own.nodes[0], Node::String(_)));
            assert_eq!(&body[whole.start - quote..whole.end + quote], body.trim_matches([' ', '\n', '\r', '\t']));
        }
    }

    #[test]
    fn both_tapes_read_numbers_alike() {
        for text in [
            "0",
            "-0",
            "1",
            "-1",
            "00",
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "0.5",
            "-0.0",
            "1e5",
            "1E+5",
            "1e-5",
            "1e",
            "1e+",
            "1.5e300",
            "1e308",
            "1e309",
            "-1e309",
            "1e-400",
            "5e-324",
            "2e-324",
            "0e999999999999",
            "1e-999999999999",
            "1e999999999999",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "123456789012345678901234567890",
            "0.1234567890123456789012345",
            "1234567890.1234567890e-30",
            "1.00",
            "1e3",
            "179769313486231580793728971405301e277",
            "0x1",
            "1_0",
            "NaN",
            "Infinity",
            "2.2250738585072011e-308",
            "9007199254740993.0",
            "1.7976931348623159e308",
        ] {
            check(text, 4);
            check(&format!("[{text}]"), 4);
            check(&format!("{{\"a\":{text} }}"), 4);
        }
        check(&"9".repeat(400), 4);
        check(&format!("-{}", "9".repeat(309)), 4);
        check(&format!("[0.{}1]", "0".repeat(500)), 4);
    }

    #[test]
    fn both_tapes_read_strings_alike() {
        for text in [
            r"",
            r"a",
            r#"\""#,
            r"\\",
            r"\/",
            r"\b\f\n\r\t",
            r"\u0041",
            r"\u00e9\u4ef7",
            r"\ud83d\ude00x",
            r"\uD83D",
            r"\ud83dx",
            r"\ud83d\n",
            r"\ud83d\u0041",
            r"\ude00",
            r"\u12",
            r"\u12g4",
            r"\x",
            r"\u0000",
            r"\uffff",
            r"\udbff\udfff",
            "\u{7f}",
            "é价😀",
            "\u{1}",
            "\t",
            "\n",
            "a\\",
            "\\u+123",
            "\\u 123",
            r"\\ud83d",
            r"\\\u0041",
        ] {
            check(&format!("\"{text}\""), 4);
            check(&format!("{{\"{text}\":[\"{text}\"]}}"), 4);
            check(&format!("[\"{}{text}\"]", "x".repeat(70)), 4);
        }
    }

    #[test]
    fn both_tapes_read_structure_alike() {
        for text in [
            "",
            " ",
            "{}",
            "[]",
            "[[]]",
            "{\"a\":{}}",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "[1}",
            "{]",
            "[",
            "{",
            "]",
            "}",
            "[[",
            "[]]",
            "{}{}",
            "[] []",
            "null",
            "true",
            "false",
            "nul",
            "truex",
            "nullnull",
            "[null,true,false]",
            " [ 1 , { \"a\" : [ ] } ] ",
            "\u{feff}{}",
            "\"a\"",
            "\"a\" x",
            "1 2",
            "{\"a\":1 \"b\":2}",
            "[1]\u{0}",
            "\u{b}[]",
            "{1:2}",
            "{\"a\":1,\"a\":2}",
            "[tru]",
            "[\"a\"\"b\"]",
            "[\"a\":1]",
            "{\"a\",1}",
        ] {
            check(text, 4);
        }
        for depth in 1..8 {
            check(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)), 4);
            check(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)), 4);
            check(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)), 4);
            check(&format!("{}{{}}{}", "{\"a\":".repeat(depth), "}".repeat(depth)), 4);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn both_tapes_read_anything_alike(body in r#"([\[\]{}:, ]|"[a\\u0-9é]{0,3}"|-?[0-9]{1,3}|[.eE+]|true|null|\\|"){0,14}"#) {
            check(&body, 4);
        }

        #[test]
        fn both_tapes_read_json_alike(body in r#"\{("[a-c]":(-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?|"(\\[nu"/]|[0-9a-f]){0,9}"|\[(1(,2)?)?\]),?){0,4}\}"#) {
            check(&body, 4);
        }
    }
}
