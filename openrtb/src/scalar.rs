//! Scalars as partners write them: `"3"` and `3.0` and `true` where an integer belongs, numbers where a string does.

use simd_json::{Node, StaticNode};

use crate::decode::DecodeCode;
use crate::fault::Fault;
use crate::number::{Millionths, WirePrice, millionths_from_decimal, millionths_from_f64, millionths_from_units};
use crate::read::{Reader, Value};
use crate::text::{NumberText, Text};

#[cold]
pub(crate) fn wrong_type(expected: &str, found: Node<'_>) -> Fault {
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
    #[inline]
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        if let Some(Node::Static(StaticNode::U64(value))) = reader.peek_ref()
            && let Ok(value) = Self::try_from(*value)
        {
            reader.step();
            return Ok(value);
        }
        read_odd_integer(reader)
    }
}

/// An integer that is negative, or written as something else.
#[inline(never)]
fn read_odd_integer<const KEEP: bool>(reader: &mut Reader<'_, '_, KEEP>) -> Result<i32, Fault> {
    const RANGE: &str = "the integer does not fit 32 bits";
    match reader.next()? {
        Node::Static(StaticNode::I64(value)) => i32::try_from(value).map_err(|_| out_of_range(RANGE)),
        Node::Static(StaticNode::U64(value)) => i32::try_from(value).map_err(|_| out_of_range(RANGE)),
        Node::Static(StaticNode::Bool(value)) => Ok(i32::from(value)),
        Node::Static(StaticNode::F64(value)) => integer_from_f64(value),
        Node::String(text) => match text.trim().parse::<i32>() {
            Ok(value) => Ok(value),
            Err(_) => integer_from_f64(parse_f64(text)?),
        },
        other => Err(wrong_type("an integer", other)),
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
        reader.text()
    }
}

impl<'a> Value<'a> for Text<'a> {
    #[inline]
    fn read<const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Self, Fault> {
        if let Some(text) = reader.short_text() {
            return Ok(Self::from(text));
        }
        read_odd_text(reader)
    }
}

/// A string that is too long, or a number where a string belongs.
#[inline(never)]
fn read_odd_text<'a, const KEEP: bool>(reader: &mut Reader<'_, 'a, KEEP>) -> Result<Text<'a>, Fault> {
    let number = match reader.next()? {
        Node::String(text) => return reader.string(text).map(Text::from),
        Node::Static(StaticNode::I64(value)) => NumberText::new(value),
        Node::Static(StaticNode::U64(value)) => NumberText::new(value),
        Node::Static(StaticNode::F64(value)) => NumberText::new(value),
        other => return Err(wrong_type("a string", other)),
    };
    let number = number.ok_or_else(|| out_of_range("the number is too long for a string's place"))?;
    Ok(Text::from(reader.arena.text(number.as_str())))
}
