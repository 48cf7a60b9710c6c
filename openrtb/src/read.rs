//! Typed values read from a tape: the nodes of a body in order, objects and arrays with their sizes.
//!
//! Two tapes are read by this one reader: simd-json's, and that of [`crate::tape`], which also knows where in the body
//! each node stands (`KEEP`). The tape is used and not serde: an unknown member is stepped over in one addition however
//! large it is, nothing recurses over foreign data, an error knows its path, and an array is never mistaken for an
//! object by position.

use simd_json::{Node, StaticNode};

use crate::arena::Arena;
use crate::decode::{DecodeCode, Limits};
use crate::fault::Fault;
use crate::rest::{RawMember, Rest};
use crate::scalar::wrong_type;
use crate::scan::{self, ScanError, ScanErrorKind};
use crate::tape::OwnTape;
use crate::text::Text;

/// Where a node stands in the body; of a string, what is between its quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A body as nodes.
#[derive(Clone, Copy)]
pub(crate) struct Nodes<'t, 'a> {
    pub(crate) nodes: &'t [Node<'a>],
    /// One for each node; empty unless `KEEP`.
    pub(crate) spans: &'t [Span],
    /// The text that the spans are of; empty unless `KEEP`.
    pub(crate) body: &'a str,
}

/// Walks a tape from front to back; every `read` leaves it behind the value. With `KEEP`, what is no field is kept.
pub(crate) struct Reader<'t, 'a, const KEEP: bool> {
    tape: Nodes<'t, 'a>,
    at: usize,
    limits: &'t Limits,
    text_bytes: usize,
    pub(crate) arena: &'a Arena,
    /// For JSON inside a string; `None` while that is read.
    inner: Option<&'t mut OwnTape<'a>>,
}

/// A value of any kind, as it stands in the body. Only read where the whole body is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    /// The value's JSON.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> Value<'a> for RawJson<'a> {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        let raw = if KEEP { reader.raw_value() } else { "null" };
        reader.skip();
        Ok(Self(raw))
    }
}

/// What an object holds beside its fields, while it is read.
#[derive(Default)]
pub(crate) struct RestSoFar<'a> {
    unknown: &'a mut [RawMember<'a>],
    used: usize,
    ext: Option<&'a str>,
}

impl<'t, 'a, const KEEP: bool> Reader<'t, 'a, KEEP> {
    pub(crate) fn new(
        tape: Nodes<'t, 'a>,
        limits: &'t Limits,
        text_bytes: usize,
        arena: &'a Arena,
        inner: Option<&'t mut OwnTape<'a>>,
    ) -> Self {
        Self { tape, at: 0, limits, text_bytes, arena, inner }
    }

    #[inline]
    pub(crate) fn peek_ref(&self) -> Option<&'t Node<'a>> {
        self.tape.nodes.get(self.at)
    }

    #[inline]
    fn peek(&self) -> Option<Node<'a>> {
        self.peek_ref().copied()
    }

    /// Behind a node that holds no others.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    /// A string within its limit, if one comes next.
    #[inline]
    pub(crate) fn short_text(&mut self) -> Option<&'a str> {
        let Some(Node::String(text)) = self.peek_ref() else { return None };
        let text = Some(*text).filter(|text| text.len() <= self.text_bytes)?;
        self.at += 1;
        Some(text)
    }

    /// The number of members, if an object comes next.
    pub(crate) fn peek_object(&self) -> Option<usize> {
        match self.peek()? {
            Node::Object { len, .. } => Some(len),
            _ => None,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Node<'a>, Fault> {
        let node = self.peek().ok_or_else(|| Fault::new(DecodeCode::Malformed, "the body ends early"))?;
        self.at += 1;
        Ok(node)
    }

    /// Steps over a value with all that it holds.
    pub(crate) fn skip(&mut self) {
        self.at += match self.peek_ref() {
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
            _ => 1,
        };
    }

    /// The bytes of the node at `at`, as they stand in the body.
    fn raw(&self, at: usize) -> &'a str {
        let span = self.tape.spans.get(at).copied().unwrap_or_default();
        self.tape.body.get(span.start..span.end).unwrap_or_default()
    }

    /// The value that comes next, as it stands in the body.
    pub(crate) fn raw_value(&self) -> &'a str {
        let span = self.tape.spans.get(self.at).copied().unwrap_or_default();
        match self.peek() {
            Some(Node::String(_)) => self.tape.body.get(span.start.saturating_sub(1)..span.end + 1).unwrap_or_default(),
            _ => self.raw(self.at),
        }
    }

    /// Reads the value that comes next and leaves it behind whether or not that went well.
    pub(crate) fn aside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let start = self.at;
        let result = read(self);
        self.at = start;
        self.skip();
        result
    }

    /// Enters an object whose one member is `key`: its value comes next.
    pub(crate) fn enter_wrapper(&mut self, key: &str) {
        let wrapped = self.peek_object() == Some(1) && self.tape.nodes.get(self.at + 1) == Some(&Node::String(key));
        if wrapped {
            self.at += 2;
        }
    }

    /// Reads the JSON inside a string.
    pub(crate) fn embedded<T>(
        &mut self,
        json: &'a str,
        read: impl FnOnce(&mut Reader<'_, 'a, KEEP>) -> Result<T, Fault>,
    ) -> Result<Result<T, Fault>, ScanError> {
        let Some(tape) = self.inner.take() else { return Err(scan::error(ScanErrorKind::TooDeep, 0)) };
        let filled = tape.fill(json, self.limits.depth, self.arena);
        let result = filled.map(|()| {
            let nodes = tape.nodes(json);
            read(&mut Reader { tape: nodes, at: 0, inner: None, ..*self })
        });
        self.inner = Some(tape);
        result
    }

    /// Enters an object; the number of its members.
    #[inline]
    pub(crate) fn object(&mut self) -> Result<usize, Fault> {
        match self.peek_ref() {
            Some(Node::Object { len, .. }) => {
                self.at += 1;
                Ok(*len)
            }
            _ => Err(wrong_type("an object", self.next()?)),
        }
    }

    #[inline]
    pub(crate) fn key(&mut self) -> Result<&'a str, Fault> {
        match self.peek_ref() {
            Some(Node::String(key)) => {
                self.at += 1;
                Ok(key)
            }
            _ => Err(wrong_type("a key", self.next()?)),
        }
    }

    /// Notes a known key. The second of the same name is refused: the party that reads the last one would see another
    /// request than the one that reads the first.
    #[inline]
    pub(crate) fn once(&self, seen: &mut u64, field: u32, name: &'static str) -> Result<(), Fault> {
        let bit = 1u64 << field;
        if *seen & bit != 0 {
            return Err(Fault::new(DecodeCode::Duplicate, "this key stands twice in its object").in_member(name));
        }
        *seen |= bit;
        Ok(())
    }

    /// Reads a known member. `null`, and `[]` where an object belongs (an empty PHP array), stand for absence.
    #[inline(never)]
    pub(crate) fn member<T: Member<'a>>(&mut self, slot: &mut T, name: &'static str) -> Result<(), Fault> {
        match self.peek_ref() {
            Some(Node::Static(StaticNode::Null)) => {}
            Some(Node::Array { len: 0, .. }) if T::IS_OBJECT => {}
            _ => return slot.read_member(self).map_err(|fault| fault.in_member(name)),
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over a member whose key, already read, is no field.
    #[inline]
    pub(crate) fn unknown(&mut self, members: usize, rest: &mut RestSoFar<'a>) {
        if KEEP {
            if rest.unknown.is_empty() {
                rest.unknown = self.arena.list(members);
            }
            let member = RawMember { key: self.raw(self.at - 1), value: self.raw_value() };
            if let Some(slot) = rest.unknown.get_mut(rest.used) {
                *slot = member;
                rest.used += 1;
            }
        }
        self.skip();
    }

    /// Keeps the value of `ext`, which comes next and is not yet stepped over.
    #[inline]
    pub(crate) fn keep_ext(&self, rest: &mut RestSoFar<'a>) {
        if KEEP && !matches!(self.peek_ref(), Some(Node::Static(StaticNode::Null))) {
            rest.ext = Some(self.raw_value());
        }
    }

    /// `None` where there is nothing.
    #[inline]
    pub(crate) fn rest(&self, rest: RestSoFar<'a>) -> Option<&'a Rest<'a>> {
        let RestSoFar { unknown, used, ext } = rest;
        if !KEEP || (used == 0 && ext.is_none()) {
            return None;
        }
        let (unknown, _) = unknown.split_at_checked(used)?;
        let kept = self.arena.object::<Rest<'a>>();
        *kept = Rest { unknown, ext };
        Some(kept)
    }

    /// Reads a string.
    pub(crate) fn text(&mut self) -> Result<&'a str, Fault> {
        match self.next()? {
            Node::String(text) => self.string(text),
            other => Err(wrong_type("a string", other)),
        }
    }

    pub(crate) fn string(&self, text: &'a str) -> Result<&'a str, Fault> {
        if text.len() <= self.text_bytes {
            return Ok(text);
        }
        let message = format!("{} bytes, at most {} are accepted", text.len(), self.text_bytes);
        Err(Fault::new(DecodeCode::TooLong, message))
    }

    fn list<T: Element<'a>>(&mut self) -> Result<&'a [T], Fault> {
        let len = match self.peek_ref() {
            Some(Node::Array { len, .. }) => *len,
            // A bare scalar is a list of one.
            Some(Node::String(_) | Node::Static(_)) if !T::IS_OBJECT => {
                let list = self.arena.list::<T>(1);
                list.iter_mut().try_for_each(|slot| slot.read_element(self))?;
                return Ok(list);
            }
            _ => return Err(wrong_type("an array", self.next()?)),
        };
        let limit = T::list_limit(self.limits);
        if len > limit {
            return Err(Fault::new(DecodeCode::TooMany, format!("{len} elements, at most {limit} are accepted")));
        }
        self.at += 1;
        let list = self.arena.list::<T>(len);
        let mut slots = list.iter_mut();
        let mut used = 0;
        for index in 0..len {
            // A null scalar says nothing. A null object is refused: dropping it would shift the others' indices
            // against the raw array.
            if !T::IS_OBJECT && matches!(self.peek_ref(), Some(Node::Static(StaticNode::Null))) {
                self.at += 1;
                continue;
            }
            if let Some(slot) = slots.next() {
                slot.read_element(self).map_err(|fault| fault.in_element(index))?;
                used += 1;
            }
        }
        Ok(list.get(..used).unwrap_or_default())
    }
}

/// A field of an object: read into its default.
pub(crate) trait Member<'a>: Default {
    /// Whether the value is an object: then `[]` stands for absence.
    const IS_OBJECT: bool = false;

    fn read_member<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault>;
}

/// A value that is not null.
pub(crate) trait Value<'a>: Sized {
    const IS_OBJECT: bool = false;

    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault>;
}

/// An element of a list. Objects fill themselves in place, since moving one costs more than reading it.
pub(crate) trait Element<'a>: Copy + Default + 'a {
    /// Whether the value is an object: then no scalar stands for a list of one.
    const IS_OBJECT: bool = false;

    fn read_element<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault>;

    /// The most elements that an array of these may have.
    fn list_limit(limits: &Limits) -> usize {
        limits.list_items
    }
}

/// An object with a table (see [`crate::table`]).
pub(crate) trait Object<'a>: Element<'a> {}

impl<'a, T: Value<'a>> Member<'a> for Option<T> {
    const IS_OBJECT: bool = T::IS_OBJECT;

    #[inline]
    fn read_member<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault> {
        *self = Some(T::read(reader)?);
        Ok(())
    }
}

impl<'a, T: Element<'a>> Member<'a> for &'a [T] {
    #[inline]
    fn read_member<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault> {
        *self = reader.list()?;
        Ok(())
    }
}

impl<'a> Member<'a> for Text<'a> {
    #[inline]
    fn read_member<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault> {
        *self = Self::read(reader)?;
        Ok(())
    }
}

impl<'a, T: Object<'a>> Value<'a> for &'a T {
    const IS_OBJECT: bool = true;

    #[inline]
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        let object = reader.arena.object::<T>();
        object.read_element(reader)?;
        Ok(object)
    }
}

impl<'a> Element<'a> for i32 {
    #[inline]
    fn read_element<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault> {
        *self = Self::read(reader)?;
        Ok(())
    }
}

impl<'a> Element<'a> for Text<'a> {
    #[inline]
    fn read_element<const KEEP: bool>(&mut self, reader: &mut Reader<'_, 'a, KEEP>) -> Result<(), Fault> {
        *self = Self::read(reader)?;
        Ok(())
    }
}
