//! Feeds a text to html5ever piece by piece: a piece holds at most one tag, so reading can stop after each, and each token's begin is known.

use std::cell::Cell;

use html5ever::LocalName;
use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::interface::TreeSink;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};

use super::grow::{Growing, Handle};
use super::{Bound, Excess, Kept, Limits, Position};

/// Reads a text that is not longer than `u32` counts.
pub(super) fn feed(source: &str, limits: &Limits) -> Result<Vec<Kept>, Excess> {
    let too_long = Excess { bound: Bound::Bytes, limit: limits.bytes, position: Position { line: 1, column: 1 } };
    u32::try_from(source.len()).map_err(|_| too_long)?;
    let opts = TreeBuilderOpts { scripting_enabled: true, ..TreeBuilderOpts::default() };
    let builder = TreeBuilder::new(Growing::new(limits), opts);
    let (tokens, begin, piece, open) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(false));
    let watch = Watch { builder, tokens, begin, piece, open, raw: Cell::new(Raw::No) };
    // Kept as it is: positions count it.
    let tokenizer = Tokenizer::new(watch, TokenizerOpts { discard_bom: false, ..TokenizerOpts::default() });
    let whole = StrTendril::from_slice(source);
    let queue = BufferQueue::default();
    let mut tag = OpenTag::default();
    let mut at = 0_usize;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let watch = &tokenizer.sink;
        let piece = rest.get(..length(rest)).unwrap_or(rest);
        watch.next_piece(at);
        let stop = |(bound, limit): (Bound, usize)| Excess { bound, limit, position: Position::of(source, at) };
        if watch.may_be_tag(source) && tag.attributes(watch.begin.get(), at, piece) > usize::from(limits.attributes) {
            return Err(stop((Bound::Attributes, usize::from(limits.attributes))));
        }
        queue.push_back(whole.subtendril(at as u32, piece.len() as u32));
        // A script that was read does not run: go on.
        while !matches!(tokenizer.feed(&queue), TokenizerResult::Done) {}
        if watch.tokens.get() > limits.tokens {
            return Err(stop((Bound::Tokens, limits.tokens as usize)));
        }
        if let Some(passed) = watch.builder.sink.passed() {
            return Err(stop(passed));
        }
        at += piece.len();
    }
    tokenizer.end();
    match tokenizer.sink.builder.sink.passed() {
        Some((bound, limit)) => Err(Excess { bound, limit, position: Position::of(source, at) }),
        None => Ok(tokenizer.sink.builder.sink.finish()),
    }
}

/// The bytes of a text until behind its first `>` or before its next `<`.
fn length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    match memchr::memchr2(b'<', b'>', bytes) {
        Some(end) if bytes.get(end) == Some(&b'>') => end + 1,
        // The first byte is the piece's own.
        Some(0) => match memchr::memchr2(b'<', b'>', bytes.get(1..).unwrap_or_default()) {
            Some(end) if bytes.get(end + 1) == Some(&b'>') => end + 2,
            Some(end) => end + 1,
            None => bytes.len(),
        },
        Some(end) => end,
        None => bytes.len(),
    }
}

/// Whether a tag is read as text, because of the element that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Raw {
    No,
    /// All but the end tag of this element.
    Until(LocalName),
    /// To the end of the document.
    Always,
}

/// Hands tokens to the tree builder, and knows where they begin.
struct Watch {
    builder: TreeBuilder<Handle, Growing>,
    tokens: Cell<u32>,
    /// Where the token began that has not ended yet.
    begin: Cell<usize>,
    /// Where the piece began that is being fed.
    piece: Cell<usize>,
    /// Whether a token has begun before this piece and not ended.
    open: Cell<bool>,
    raw: Cell<Raw>,
}

impl Watch {
    fn next_piece(&self, at: usize) {
        self.piece.set(at);
        if !self.open.replace(true) {
            self.begin.set(at);
        }
    }

    /// Whether what has begun can be a tag with attributes.
    fn may_be_tag(&self, source: &str) -> bool {
        let Some(text) = source.get(self.begin.get()..).and_then(|text| text.strip_prefix('<')) else { return false };
        let raw = self.raw.replace(Raw::No);
        let is = match &raw {
            Raw::No => text.trim_start_matches('/').starts_with(|it: char| it.is_ascii_alphabetic()),
            Raw::Until(name) => {
                let end = text.strip_prefix('/').and_then(|text| text.get(..name.len()));
                end.is_some_and(|end| end.eq_ignore_ascii_case(name))
            }
            Raw::Always => false,
        };
        self.raw.set(raw);
        is
    }
}

impl TokenSink for Watch {
    type Handle = Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        if matches!(token, Token::ParseError(_)) {
            return TokenSinkResult::Continue;
        }
        self.tokens.set(self.tokens.get().saturating_add(1));
        self.builder.sink.begin(self.begin.get() as u32);
        // What comes behind it in this piece begins in this piece.
        self.begin.set(self.piece.get());
        self.open.set(false);
        let name = match &token {
            Token::TagToken(tag) => {
                if tag.kind == TagKind::EndTag && self.raw.replace(Raw::No) == Raw::Always {
                    self.raw.set(Raw::Always);
                }
                Some(tag.name.clone())
            }
            _ => None,
        };
        let result = self.builder.process_token(token, line);
        match &result {
            TokenSinkResult::Plaintext => self.raw.set(Raw::Always),
            TokenSinkResult::RawData(
                RawKind::Rcdata | RawKind::Rawtext | RawKind::ScriptData | RawKind::ScriptDataEscaped(_),
            ) => {
                self.raw.set(name.map_or(Raw::No, Raw::Until));
            }
            _ => {}
        }
        result
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Counts the attributes of a tag before the tokenizer sees them: it compares each with all others, so thousands would cost millions of steps.
#[derive(Debug, Default)]
struct OpenTag {
    begin: Option<usize>,
    attributes: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In the tag's name or an attribute's.
    #[default]
    Name,
    /// Between attributes.
    Between,
    /// Behind `=`.
    Value,
    Unquoted,
    Quoted(u8),
}

impl OpenTag {
    /// The attributes of the tag that begins at `begin`, with another piece of it, which stands at `at`.
    fn attributes(&mut self, begin: usize, at: usize, piece: &str) -> usize {
        if self.begin != Some(begin) || begin == at {
            *self = Self { begin: Some(begin), ..Self::default() };
        }
        for byte in piece.bytes() {
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
            self.state = match self.state {
                State::Quoted(quote) if byte == quote => State::Between,
                State::Quoted(_) => self.state,
                State::Value if space => State::Value,
                State::Value if byte == b'"' || byte == b'\'' => State::Quoted(byte),
                State::Value => State::Unquoted,
                State::Unquoted if space => State::Between,
                State::Unquoted => State::Unquoted,
                State::Name if byte == b'=' => State::Value,
                State::Name | State::Between if space || byte == b'/' => State::Between,
                State::Name => State::Name,
                // `a = b`: the sign belongs to the name before it. At a tag's begin it would be a name of its own.
                State::Between if byte == b'=' && self.attributes > 0 => State::Value,
                State::Between => {
                    self.attributes += 1;
                    State::Name
                }
            };
        }
        self.attributes
    }
}
