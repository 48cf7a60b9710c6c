//! Decimal numbers of the wire as integers: prices are rounded here, once, and never again.

use std::fmt::{self, Write};

/// Millionths in one unit.
const MILLION: i64 = 1_000_000;
/// The largest magnitude accepted: 10^12 units.
const LIMIT: i64 = 1_000_000_000_000 * MILLION;

/// A price or floor: millionths of the currency unit per mille impressions (CPM), so `35.1` is `35_100_000`.
///
/// The decimal that the sender wrote, rounded to the nearest millionth, halves away from zero. Magnitudes above 10^12
/// units are refused when read. The currency stands beside it (`cur`, `bidfloorcur`). OpenRTB 2.6 §4.2.3 asks for
/// integer arithmetic on prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WirePrice(pub i64);

/// A factor such as `qty.multiplier`, in millionths: `0.5` is `500_000`. Rounded as [`WirePrice`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millionths(pub i64);

impl WirePrice {
    /// Reads decimal text, such as a price sent as a string; an exponent is accepted.
    #[must_use]
    pub fn from_decimal(text: &str) -> Option<Self> {
        millionths_from_decimal(text.trim().as_bytes()).map(Self)
    }
}

/// `units` as millionths, if in range.
pub(crate) fn millionths_from_units(units: i64) -> Option<i64> {
    units.checked_mul(MILLION).filter(|value| value.unsigned_abs() <= LIMIT.unsigned_abs())
}

/// The millionths nearest to the decimal that `value` was most likely written as.
pub(crate) fn millionths_from_f64(value: f64) -> Option<i64> {
    if !value.is_finite() || value.abs() > 1e12 {
        return None;
    }
    let scaled = value * 1e6;
    // Below 10^12 millionths the product is off by less than 10^-3, so only a value that near to a half is in doubt.
    if scaled.abs() < 1e12 && (scaled.fract().abs() - 0.5).abs() > 1e-3 {
        return Some(scaled.round() as i64);
    }
    // The shortest decimal that reads back as this double is what the sender wrote (up to 15 digits).
    let mut shortest = StackText { bytes: [0; 40], len: 0 };
    write!(shortest, "{value:e}").ok()?;
    millionths_from_decimal(shortest.bytes.get(..shortest.len)?)
}

struct StackText {
    bytes: [u8; 40],
    len: usize,
}

impl Write for StackText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let Some(room) = self.bytes.get_mut(self.len..end) else { return Err(fmt::Error) };
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Exact: no binary fraction in between. `None` for anything but a decimal number in range.
pub(crate) fn millionths_from_decimal(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match digits.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (digits.get(..at)?, parse_exponent(digits.get(at + 1..)?)?),
        None => (digits, 0),
    };
    let (significant, power) = parse_mantissa(mantissa)?;
    let magnitude = scale(significant, power + exponent + 6)?;
    let magnitude = i64::try_from(magnitude).ok().filter(|value| *value <= LIMIT)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The digits as an integer and the power of ten that it is to be multiplied by.
fn parse_mantissa(text: &[u8]) -> Option<(u128, i32)> {
    // 36 digits fit a u128 and reach past the rounding place of every number in range; later ones change nothing.
    const ENOUGH: u128 = 10u128.pow(35);
    let (mut significant, mut power, mut seen_point, mut any) = (0u128, 0i32, false, false);
    for byte in text {
        match byte {
            b'.' if !seen_point => seen_point = true,
            b'0'..=b'9' => {
                any = true;
                if significant < ENOUGH {
                    significant = significant * 10 + u128::from(byte - b'0');
                    power -= i32::from(seen_point);
                } else {
                    power += i32::from(!seen_point);
                }
            }
            _ => return None,
        }
    }
    any.then_some((significant, power))
}

fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i32;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Saturates: past this every number is zero or out of range.
        value = (value * 10 + i32::from(byte - b'0')).min(100_000);
    }
    Some(if negative { -value } else { value })
}

/// `significant × 10^power`, halves up.
fn scale(significant: u128, power: i32) -> Option<u128> {
    if significant == 0 {
        return Some(0);
    }
    let shift = power.unsigned_abs();
    if power >= 0 {
        return significant.checked_mul(10u128.checked_pow(shift)?);
    }
    let Some(divisor) = 10u128.checked_pow(shift) else { return Some(0) };
    let (quotient, rest) = (significant / divisor, significant % divisor);
    Some(quotient + u128::from(rest >= divisor - rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_exact_millionths() {
        for (value, expected) in [
            (35.1, 35_100_000),
            (0.1 + 0.2, 300_000),
            (0.000_000_5, 1),
            (0.000_000_499_999, 0),
            (1.000_000_5, 1_000_001),
            (2.675_000_5, 2_675_001),
            (-1.5, -1_500_000),
            (-0.000_000_5, -1),
            (1e12, LIMIT),
            (999_999_999_999.1, 999_999_999_999_100_000),
            (123_456_789.123_456_7, 123_456_789_123_457),
        ] {
            assert_eq!(millionths_from_f64(value), Some(expected), "{value}");
        }
    }

    /// The product with a million is often on the wrong side of a half.
    #[test]
    fn halves_are_those_of_the_decimal() {
        for millionths in (0..3_000_000_000).step_by(99_991) {
            let decimal = format!("{}.{:06}5", millionths / 1_000_000, millionths % 1_000_000);
            let value: f64 = decimal.parse().unwrap();
            assert_eq!(millionths_from_f64(value), Some(millionths + 1), "{decimal}");
            assert_eq!(millionths_from_f64(-value), Some(-millionths - 1), "-{decimal}");
        }
    }

    #[test]
    fn what_is_not_a_price_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.000_1e12, -1e13] {
            assert_eq!(millionths_from_f64(value), None, "{value}");
        }
        for text in
            ["", "-", ".", "1e", "1.2.3", "0x10", "1,5", "NaN", "inf", "1000000000000.000001", "1e99999999999", "1 2"]
        {
            assert_eq!(WirePrice::from_decimal(text), None, "{text}");
        }
        assert_eq!(millionths_from_units(1_000_000_000_001), None);
        assert_eq!(millionths_from_units(i64::MIN), None);
    }

    #[test]
    fn decimal_text_is_read_exactly() {
        for (text, expected) in [
            ("35.1", 35_100_000),
            (" 5 ", 5_000_000),
            ("5.", 5_000_000),
            (".5", 500_000),
            ("1.0000005", 1_000_001),
            ("1.00000049999999999999999999999999999999999999999999", 1_000_000),
            ("3.51e1", 35_100_000),
            ("351E-1", 35_100_000),
            ("1e-99999", 0),
            ("0e99999", 0),
            ("100000000000000000000000000000000000000000e-40", 1_000_000 * 10),
            ("1000000000000", LIMIT),
            ("-0", 0),
        ] {
            assert_eq!(WirePrice::from_decimal(text), Some(WirePrice(expected)), "{text}");
        }
    }
}
