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
use crate::number::{Millionths, WirePrice, millionths_from_decimal, millionths_from_f64, millionths_from_units};
use crate::rest::{RawMember, Rest};
use crate::text::{NumberText, Text};

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
    arena: &'a Arena,
}

/// What an object holds beside its fields, while it is read.
#[derive(Default)]
pub(crate) struct RestSoFar<'a> {
    unknown: &'a mut [RawMember<'a>],
    used: usize,
    ext: Option<&'a str>,
}

impl<'t, 'a, const KEEP: bool> Reader<'t, 'a, KEEP> {
    pub(crate) fn new(tape: Nodes<'t, 'a>, limits: &'t Limits, text_bytes: usize, arena: &'a Arena) -> Self {
        Self { tape, at: 0, limits, text_bytes, arena }
    }

    fn peek(&self) -> Option<Node<'a>> {
        self.tape.nodes.get(self.at).copied()
    }

    /// The number of members, if an object comes next.
    pub(crate) fn peek_object(&self) -> Option<usize> {
        match self.peek()? {
            Node::Object { len, .. } => Some(len),
            _ => None,
        }
    }

    fn next(&mut self) -> Result<Node<'a>, Fault> {
        let node = self.peek().ok_or_else(|| Fault::new(DecodeCode::Malformed, "the body ends early"))?;
        self.at += 1;
        Ok(node)
    }

    /// Steps over a value with all that it holds.
    pub(crate) fn skip(&mut self) {
        self.at += match self.peek() {
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
    fn raw_value(&self) -> &'a str {
        let span = self.tape.spans.get(self.at).copied().unwrap_or_default();
        match self.peek() {
            Some(Node::String(_)) => self.tape.body.get(span.start - 1..span.end + 1).unwrap_or_default(),
            _ => self.raw(self.at),
        }
    }

    /// Enters an object; the number of its members.
    pub(crate) fn object(&mut self) -> Result<usize, Fault> {
        match self.next()? {
            Node::Object { len, .. } => Ok(len),
            other => Err(wrong_type("an object", other)),
        }
    }

    pub(crate) fn key(&mut self) -> Result<&'a str, Fault> {
        match self.next()? {
            Node::String(key) => Ok(key),
            other => Err(wrong_type("a key", other)),
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
    #[inline]
    pub(crate) fn member<T: Member<'a>>(&mut self, slot: &mut T, name: &'static str) -> Result<(), Fault> {
        match self.peek() {
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
        if KEEP && self.peek() != Some(Node::Static(StaticNode::Null)) {
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

    fn string(&self, text: &'a str) -> Result<&'a str, Fault> {
        if text.len() <= self.text_bytes {
            return Ok(text);
        }
        let message = format!("{} bytes, at most {} are accepted", text.len(), self.text_bytes);
        Err(Fault::new(DecodeCode::TooLong, message))
    }

    fn list<T: Element<'a>>(&mut self) -> Result<&'a [T], Fault> {
        let len = match self.peek() {
            Some(Node::Array { len, .. }) => len,
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
            if !T::IS_OBJECT && self.peek() == Some(Node::Static(StaticNode::Null)) {
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

#[cold]
fn wrong_type(expected: &str, found: Node<'_>) -> Fault {
    let found = match found {
        Node::String(_) => "a string",
        Node::Object { .. } => "an object",
        Node::Array { .. } => "an array",
        Node::Static(StaticNode::Null) => "null",
        Node::Static(StaticNode::Bool(_)) => "a boolean",
        Node::Static(_) => "a number",
    };
    Fault::new(DecodeCode::WrongType, format!("expected {expected}, found {found}"))
}

#[cold]
fn out_of_range(what: &'static str) -> Fault {
    Fault::new(DecodeCode::OutOfRange, what)
}

impl<'a> Value<'a> for i32 {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        const RANGE: &str = "the integer does not fit 32 bits";
        match reader.next()? {
            Node::Static(StaticNode::I64(value)) => Self::try_from(value).map_err(|_| out_of_range(RANGE)),
            Node::Static(StaticNode::U64(value)) => Self::try_from(value).map_err(|_| out_of_range(RANGE)),
            Node::Static(StaticNode::Bool(value)) => Ok(Self::from(value)),
            Node::Static(StaticNode::F64(value)) => integer_from_f64(value),
            Node::String(text) => match text.trim().parse::<Self>() {
                Ok(value) => Ok(value),
                Err(_) => integer_from_f64(parse_f64(text)?),
            },
            other => Err(wrong_type("an integer", other)),
        }
    }
}

/// `3.0` is three; `3.5` is nothing that an integer field can mean.
fn integer_from_f64(value: f64) -> Result<i32, Fault> {
    if value.fract() != 0.0 {
        return Err(Fault::new(DecodeCode::WrongType, "expected an integer, found a fraction"));
    }
    if value < f64::from(i32::MIN) || value > f64::from(i32::MAX) {
        return Err(out_of_range("the integer does not fit 32 bits"));
    }
    Ok(value as i32)
}

/// Rust also reads `inf`, `nan` and `infinity`, which are no numbers of JSON.
fn parse_f64(text: &str) -> Result<f64, Fault> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(Fault::new(DecodeCode::WrongType, "expected a number, found a string that is none")),
    }
}

impl<'a> Value<'a> for f64 {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        match reader.next()? {
            Node::Static(StaticNode::I64(value)) => Ok(value as Self),
            Node::Static(StaticNode::U64(value)) => Ok(value as Self),
            Node::Static(StaticNode::F64(value)) if value.is_finite() => Ok(value),
            Node::Static(StaticNode::F64(_)) => Err(out_of_range("the number is out of range")),
            Node::String(text) => parse_f64(text),
            other => Err(wrong_type("a number", other)),
        }
    }
}

fn read_millionths<const KEEP: bool>(reader: &mut Reader<'_, '_, KEEP>) -> Result<i64, Fault> {
    const RANGE: &str = "the amount is out of range (10^12 units)";
    match reader.next()? {
        Node::Static(StaticNode::I64(value)) => millionths_from_units(value).ok_or_else(|| out_of_range(RANGE)),
        Node::Static(StaticNode::F64(value)) => millionths_from_f64(value).ok_or_else(|| out_of_range(RANGE)),
        Node::Static(StaticNode::U64(value)) => {
            i64::try_from(value).ok().and_then(millionths_from_units).ok_or_else(|| out_of_range(RANGE))
        }
        Node::String(text) => millionths_from_decimal(text.trim().as_bytes()).ok_or_else(|| {
            Fault::new(DecodeCode::WrongType, "expected a number, found a string that is none in range")
        }),
        other => Err(wrong_type("a number", other)),
    }
}

impl<'a> Value<'a> for WirePrice {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        read_millionths(reader).map(Self)
    }
}

impl<'a> Value<'a> for Millionths {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        read_millionths(reader).map(Self)
    }
}

/// A string where a number would be a mistake, such as a consent string.
impl<'a> Value<'a> for &'a str {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        match reader.next()? {
            Node::String(text) => reader.string(text),
            other => Err(wrong_type("a string", other)),
        }
    }
}

impl<'a> Value<'a> for Text<'a> {
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        let number = match reader.next()? {
            Node::String(text) => return reader.string(text).map(Self::from),
            Node::Static(StaticNode::I64(value)) => NumberText::new(value),
            Node::Static(StaticNode::U64(value)) => NumberText::new(value),
            Node::Static(StaticNode::F64(value)) => NumberText::new(value),
            other => return Err(wrong_type("a string", other)),
        };
        let number = number.ok_or_else(|| out_of_range("the number is too long for a string's place"))?;
        Ok(Self::from(reader.arena.text(number.as_str())))
    }
}
