//! What stands where in a script's tokens, and which string an expression comes to.

use std::collections::{HashMap, HashSet};

use super::super::script::{Placed, Token};
use super::super::urls::UNKNOWN;
use super::{GLOBALS, Reader, is_act};

/// Tokens of one expression that are looked at: a string that is put together from more hides something.
const LONGEST_VALUE: usize = 200;

impl Reader {
    pub(super) fn token(&self, at: usize) -> Option<&Token> {
        self.list.get(at).map(|it| &it.token)
    }

    pub(super) fn name(&self, at: usize) -> Option<&str> {
        match self.token(at)? {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn text(&self, at: usize) -> Option<&str> {
        match self.token(at)? {
            Token::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is(&self, at: usize, sign: &str) -> bool {
        self.token(at).is_some_and(|it| matches!(it, Token::Sign(is) if *is == sign))
    }

    pub(super) fn before(&self, at: usize, sign: &str) -> bool {
        at.checked_sub(1).is_some_and(|at| self.is(at, sign))
    }

    pub(super) fn is_member(&self, at: usize) -> bool {
        self.before(at, ".") || self.before(at, "?.")
    }

    /// Names that hold one string: declared with it, never assigned again, and nowhere the name of a parameter.
    pub(super) fn constants(&self) -> HashMap<String, String> {
        let mut assigned: HashMap<&str, usize> = HashMap::new();
        let mut shadowed: HashSet<&str> = HashSet::new();
        let mut open = Vec::new();
        for at in 0..self.list.len() {
            match self.token(at) {
                Some(Token::Sign("(" | "[" | "{")) => open.push(at),
                Some(Token::Sign(")" | "]" | "}")) => {
                    let begin = open.pop().unwrap_or(at);
                    // Parameters, conditions, patterns that are taken apart; `a[b] =` is none.
                    let block = self.is(at, ")") && (self.is(at + 1, "{") || self.is(at + 1, "=>"));
                    let member = self.is(begin, "[") && begin.checked_sub(1).is_some_and(|at| self.ends_value(at));
                    if block || !self.is(at, ")") && self.is(at + 1, "=") && !member {
                        shadowed.extend((begin..at).filter_map(|at| self.name(at)));
                    }
                }
                Some(Token::Name(name)) => {
                    let changes = ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "??=", "||=", "&&="];
                    if self.is(at + 1, "=>") || self.is(at + 1, "+") && self.is(at + 2, "+") {
                        shadowed.insert(name);
                    } else if changes.iter().any(|sign| self.is(at + 1, sign)) && !self.is_member(at) {
                        *assigned.entry(name).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
        let declared = |at: usize| {
            at.checked_sub(1).and_then(|at| self.name(at)).is_some_and(|word| matches!(word, "var" | "let" | "const"))
                || self.before(at, ",")
        };
        let mut constants = HashMap::new();
        for at in 0..self.list.len() {
            let Some(name) = self.name(at).filter(|_| self.is(at + 1, "=") && declared(at)) else { continue };
            if assigned.get(name) == Some(&1) && !shadowed.contains(name) {
                let (value, _) = self.value(at + 2);
                if !value.contains(UNKNOWN) {
                    constants.insert(name.to_owned(), value);
                }
            }
        }
        constants
    }

    /// `x["name"]` is `x.name`.
    pub(super) fn name_members(&mut self) {
        let mut named = Vec::with_capacity(self.list.len());
        let mut at = 0;
        while let Some(it) = self.list.get(at) {
            let behind = at.checked_sub(1).and_then(|at| self.token(at));
            let access =
                matches!(behind, Some(Token::Name(_) | Token::Sign(")" | "]"))) && it.token == Token::Sign("[");
            let (value, end) = if access { self.value(at + 1) } else { (String::new(), at) };
            let word = |it: &str| !it.is_empty() && it.chars().all(|it| it.is_alphanumeric() || it == '_' || it == '$');
            if access && self.is(end, "]") && word(&value) && !value.starts_with(|it: char| it.is_ascii_digit()) {
                named.push(Placed { token: Token::Sign("."), at: it.at });
                named.push(Placed { token: Token::Name(value), at: it.at });
                at = end + 1;
            } else {
                named.push(it.clone());
                at += 1;
            }
        }
        self.list = named;
    }

    /// The string that an expression comes to, with [`UNKNOWN`] for what is not known, and the token behind it.
    pub(super) fn value(&self, from: usize) -> (String, usize) {
        let (mut value, mut at, mut depth) = (String::new(), from, 0_usize);
        let unknown = |value: &mut String| {
            if !value.ends_with(UNKNOWN) {
                value.push(UNKNOWN);
            }
        };
        while let Some(token) = self.token(at) {
            if at - from > LONGEST_VALUE {
                unknown(&mut value);
                break;
            }
            match token {
                Token::Sign(")" | "]" | "}" | "," | ";" | "=>") if depth == 0 => break,
                // A statement that ends without a semicolon.
                Token::Name(_) | Token::Text(_) | Token::Sign("{")
                    if depth == 0 && at > from && self.ends_statement(at) =>
                {
                    break;
                }
                Token::Sign("(" | "[" | "{") => {
                    depth += 1;
                    unknown(&mut value);
                }
                Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
                Token::Text(text) if depth == 0 => value.push_str(text),
                Token::Name(name) if depth == 0 => match self.constants.get(name) {
                    Some(constant) if !self.is_member(at) && !self.is(at + 1, ".") && !self.is(at + 1, "(") => {
                        value.push_str(constant);
                    }
                    _ => unknown(&mut value),
                },
                Token::Sign("+") => {}
                _ if depth == 0 => unknown(&mut value),
                _ => {}
            }
            at += 1;
        }
        (value, at)
    }

    /// Whether a value ends with a token.
    pub(super) fn ends_value(&self, at: usize) -> bool {
        const OPERATORS: [&str; 8] = ["new", "typeof", "void", "await", "in", "of", "instanceof", "return"];
        match self.token(at) {
            Some(Token::Text(_) | Token::Value | Token::Sign(")" | "]")) => true,
            Some(Token::Name(name)) => !OPERATORS.contains(&&**name),
            _ => false,
        }
    }

    /// Whether a statement without a semicolon is over before a token.
    pub(super) fn ends_statement(&self, at: usize) -> bool {
        let before = at.checked_sub(1);
        let ended = before.is_some_and(|at| self.ends_value(at) || self.is(at, "}"));
        let goes_on = matches!(self.name(at), Some("in" | "of" | "instanceof"));
        ended && !goes_on
    }

    /// The second argument of a call whose bracket opens there.
    pub(super) fn second(&self, open: usize) -> String {
        let (_, end) = self.value(open + 1);
        if self.is(end, ",") { self.value(end + 1).0 } else { UNKNOWN.to_string() }
    }

    /// The name that a function is given: `NAME = (…) =>`, `NAME: function`.
    pub(super) fn assigned_to(&self, at: usize) -> Option<String> {
        let sign = self.begins(at)?.checked_sub(1)?;
        let named = self.is(sign, "=") || self.is(sign, ":");
        self.name(sign.checked_sub(1)?).filter(|name| named && !name.starts_with("on")).map(str::to_owned)
    }

    /// Where a function begins: `function` itself, or the parameters before `=>`; with `async`.
    pub(super) fn begins(&self, at: usize) -> Option<usize> {
        let mut begin = at;
        if self.is(at, "=>") {
            begin = at.checked_sub(1)?;
            let mut depth = 0_usize;
            while self.is(at - 1, ")") {
                match self.token(begin)? {
                    Token::Sign(")") => depth += 1,
                    Token::Sign("(") => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                begin = begin.checked_sub(1).filter(|begin| at - begin < LONGEST_VALUE)?;
            }
        }
        let asynchronous = begin.checked_sub(1).is_some_and(|at| self.name(at) == Some("async"));
        Some(if asynchronous { begin - 1 } else { begin })
    }

    pub(super) fn declares(&self, at: usize) -> bool {
        at.checked_sub(1).and_then(|at| self.name(at)) == Some("function")
            || self.is(at + 1, "=")
            || self.is(at + 1, ":")
    }

    /// Whether a name is given as what runs at a click: `onclick = NAME`, `addEventListener("click", NAME)`.
    pub(super) fn is_handed(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).and_then(|at| self.name(at));
        let handler = self.before(at, "=") && before(2).and_then(|name| name.strip_prefix("on")).is_some_and(is_act);
        (handler || self.scope().hands && self.before(at, ",")) && !self.is(at + 1, "(")
    }

    /// Whether a name stands for the thing itself and not for a part of it.
    pub(super) fn is_value(&self, at: usize) -> bool {
        let ends =
            [",", ")", ";", "}", "]", "||"].iter().any(|sign| self.is(at + 1, sign)) || self.token(at + 1).is_none();
        let condition = self.before(at, "(") && at.checked_sub(2).and_then(|at| self.name(at)) == Some("if");
        let begins = ["=", "(", ",", ":", "?", "["].iter().any(|sign| self.before(at, sign))
            || at.checked_sub(1).and_then(|at| self.name(at)) == Some("return");
        ends && begins && !condition
    }

    pub(super) fn of_global(&self, at: usize) -> bool {
        at.checked_sub(2).and_then(|at| self.name(at)).is_some_and(|name| GLOBALS.contains(&name))
    }

    pub(super) fn is_location(&self, at: usize) -> bool {
        at.checked_sub(2).and_then(|at| self.name(at)) == Some("location")
    }
}
