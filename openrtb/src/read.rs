//! Typed values read from simd-json's tape.
//!
//! The tape is used and not serde: an undecoded member is stepped over in one addition however large it is, nothing
//! recurses over foreign data, an error knows its path, and an array is never mistaken for an object by position.

use std::borrow::Cow;

use simd_json::{Node, StaticNode};

use crate::decode::{DecodeCode, DecodeError, Limits};
use crate::number::{Millionths, WirePrice, millionths_from_decimal, millionths_from_f64, millionths_from_units};
use crate::text::Text;

/// Why a value was refused; gathers its path while the error travels outwards.
pub(crate) struct Fault(Box<FaultParts>);

struct FaultParts {
    code: DecodeCode,
    message: Cow<'static, str>,
    inner_to_outer: Vec<Step>,
}

enum Step {
    Member(&'static str),
    Element(usize),
}

impl Fault {
    #[cold]
    pub(crate) fn new(code: DecodeCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(FaultParts { code, message: message.into(), inner_to_outer: Vec::new() }))
    }

    #[cold]
    pub(crate) fn in_member(mut self, name: &'static str) -> Self {
        self.0.inner_to_outer.push(Step::Member(name));
        self
    }

    #[cold]
    pub(crate) fn in_element(mut self, index: usize) -> Self {
        self.0.inner_to_outer.push(Step::Element(index));
        self
    }

    #[cold]
    pub(crate) fn into_error(self) -> DecodeError {
        let mut path = String::new();
        for step in self.0.inner_to_outer.iter().rev() {
            match step {
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Element(index) => path.push_str(&format!("[{index}]")),
            }
        }
        DecodeError { code: self.0.code, message: self.0.message, path, offset: None }
    }
}

/// Walks the tape from front to back; every `read` leaves it behind the value.
pub(crate) struct Reader<'t, 'a> {
    nodes: &'t [Node<'a>],
    at: usize,
    limits: &'t Limits,
    text_bytes: usize,
}

impl<'t, 'a> Reader<'t, 'a> {
    pub(crate) fn new(nodes: &'t [Node<'a>], limits: &'t Limits, text_bytes: usize) -> Self {
        Self { nodes, at: 0, limits, text_bytes }
    }

    fn peek(&self) -> Option<Node<'a>> {
        self.nodes.get(self.at).copied()
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

    /// Reads a known member. `null`, and `[]` where an object belongs (an empty PHP array), stand for absence.
    ///
    /// A second member of the same name is refused: the party that reads the last one would see another request than
    /// the one that reads the first.
    pub(crate) fn member<T: ReadValue<'a>>(
        &mut self,
        slot: &mut T,
        seen: &mut u64,
        field: u32,
        name: &'static str,
    ) -> Result<(), Fault> {
        let bit = 1u64 << field;
        if *seen & bit != 0 {
            return Err(Fault::new(DecodeCode::Duplicate, "this key stands twice in its object").in_member(name));
        }
        *seen |= bit;
        match self.peek() {
            Some(Node::Static(StaticNode::Null)) => {}
            Some(Node::Array { len: 0, .. }) if T::IS_OBJECT => {}
            _ => return T::read_into(slot, self).map_err(|fault| fault.in_member(name)),
        }
        self.at += 1;
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

/// A type that can be read from the tape. The reader stands on the value, which is not null unless in an array.
pub(crate) trait ReadValue<'a>: Sized + Default {
    /// Whether the value is an object: then `[]` stands for absence, and no scalar for a list of one.
    const IS_OBJECT: bool = false;

    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault>;

    /// Reads into a default: objects fill themselves in place, since moving one out of three results costs more than
    /// reading it.
    fn read_into(slot: &mut Self, reader: &mut Reader<'_, 'a>) -> Result<(), Fault> {
        *slot = Self::read(reader)?;
        Ok(())
    }

    /// The most elements that an array of these may have.
    fn list_limit(limits: &Limits) -> usize {
        limits.list_items
    }
}

impl<'a, T: ReadValue<'a>> ReadValue<'a> for Option<T> {
    const IS_OBJECT: bool = T::IS_OBJECT;

    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        T::read(reader).map(Some)
    }

    fn read_into(slot: &mut Self, reader: &mut Reader<'_, 'a>) -> Result<(), Fault> {
        T::read_into(slot.insert(T::default()), reader)
    }
}

impl<'a, T: ReadValue<'a>> ReadValue<'a> for Vec<T> {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        let len = match reader.peek() {
            Some(Node::Array { len, .. }) => len,
            // A bare scalar is a list of one.
            Some(Node::String(_) | Node::Static(_)) if !T::IS_OBJECT => return Ok(vec![T::read(reader)?]),
            _ => return Err(wrong_type("an array", reader.next()?)),
        };
        let limit = T::list_limit(reader.limits);
        if len > limit {
            return Err(Fault::new(DecodeCode::TooMany, format!("{len} elements, at most {limit} are accepted")));
        }
        reader.at += 1;
        let mut list = Self::with_capacity(len);
        for index in 0..len {
            // A null scalar says nothing. A null object is refused: dropping it would shift the others' indices
            // against the raw array.
            if !T::IS_OBJECT && reader.peek() == Some(Node::Static(StaticNode::Null)) {
                reader.at += 1;
                continue;
            }
            let slot = list.push_mut(T::default());
            T::read_into(slot, reader).map_err(|fault| fault.in_element(index))?;
        }
        Ok(list)
    }
}

impl<'a> ReadValue<'a> for i32 {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
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

impl<'a> ReadValue<'a> for f64 {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
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

fn read_millionths(reader: &mut Reader<'_, '_>) -> Result<i64, Fault> {
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

impl<'a> ReadValue<'a> for WirePrice {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        read_millionths(reader).map(Self)
    }
}

impl<'a> ReadValue<'a> for Millionths {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        read_millionths(reader).map(Self)
    }
}

/// A string where a number would be a mistake, such as a consent string.
impl<'a> ReadValue<'a> for &'a str {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        match reader.next()? {
            Node::String(text) if text.len() <= reader.text_bytes => Ok(text),
            Node::String(text) => {
                let message = format!("{} bytes, at most {} are accepted", text.len(), reader.text_bytes);
                Err(Fault::new(DecodeCode::TooLong, message))
            }
            other => Err(wrong_type("a string", other)),
        }
    }
}

impl<'a> ReadValue<'a> for Text<'a> {
    fn read(reader: &mut Reader<'_, 'a>) -> Result<Self, Fault> {
        let number = match reader.peek() {
            Some(Node::Static(StaticNode::I64(value))) => Self::from_number(value),
            Some(Node::Static(StaticNode::U64(value))) => Self::from_number(value),
            Some(Node::Static(StaticNode::F64(value))) => Self::from_number(value),
            _ => return <&str>::read(reader).map(Self::from),
        };
        reader.at += 1;
        number.ok_or_else(|| out_of_range("the number is too long for a string's place"))
    }
}

/// A hash of a key, so that a known key is found by a few integer comparisons and one of strings.
pub(crate) const fn key_hash(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (head, tail) = if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
    } else {
        match bytes {
            [a, b, c] => (*a as u64, (*b as u64) << 8 | *c as u64),
            [a, b] => (*a as u64, *b as u64),
            [a] => (*a as u64, 0),
            _ => (0, 0),
        }
    };
    (head ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ tail.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
}

/// The key of a field: its own name unless the wire's name is no Rust identifier.
macro_rules! wire_key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $key:literal) => {
        $key
    };
}

/// Declares a wire object and how it is read. Up to 64 fields; a field's type is anything that is `ReadValue + Default`.
///
/// `wire_object! { 'a; Name<'a> { field: Type, renamed = "type": Type } }`
macro_rules! wire_object {
    ($life:lifetime; $(#[$meta:meta])* $name:ident $(<$generic:lifetime>)? $([limit $limit:ident])? {
        $($(#[$field_meta:meta])* $field:ident $(= $key:literal)? : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name $(<$generic>)? {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl<$life> crate::read::ReadValue<$life> for $name $(<$generic>)? {
            const IS_OBJECT: bool = true;

            fn read(reader: &mut crate::read::Reader<'_, $life>) -> Result<Self, crate::read::Fault> {
                let mut object = Self::default();
                Self::read_into(&mut object, reader)?;
                Ok(object)
            }

            fn read_into(
                object: &mut Self,
                reader: &mut crate::read::Reader<'_, $life>,
            ) -> Result<(), crate::read::Fault> {
                #[allow(non_camel_case_types, reason = "named as the fields are")]
                enum Field { $($field,)* }
                struct Hash;
                #[allow(non_upper_case_globals, reason = "named as the fields are")]
                impl Hash {
                    $(const $field: u64 = crate::read::key_hash(crate::read::wire_key!($field $(, $key)?));)*
                }
                let mut seen = 0u64;
                for _ in 0..reader.object()? {
                    let key = reader.key()?;
                    match crate::read::key_hash(key) {
                        $(Hash::$field if key == crate::read::wire_key!($field $(, $key)?) => {
                            let name = crate::read::wire_key!($field $(, $key)?);
                            reader.member(&mut object.$field, &mut seen, Field::$field as u32, name)?;
                        })*
                        _ => reader.skip(),
                    }
                }
                Ok(())
            }

            $(fn list_limit(limits: &crate::decode::Limits) -> usize { limits.$limit })?
        }
    };
}

pub(crate) use {wire_key, wire_object};
