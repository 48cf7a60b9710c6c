//! Quantities as config writes them: each function reads one TOML value, or says what is wrong with it.

use toml::de::DeValue;

use super::reader::{Wrong, expected};
use crate::clock::ShanghaiDay;
use crate::market::deal::PushRatio;
use crate::market::supply::{Size, TrafficCurve};
use crate::money::{CpmMicroYuan, Margin, MicroYuan, MoneyError};

/// A string.
pub(super) fn text<'a>(value: &'a DeValue<'_>) -> Result<&'a str, Wrong> {
    match value {
        DeValue::String(text) => Ok(text.as_ref()),
        other => Err(expected("a string", other)),
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &DeValue<'_>) -> Result<bool, Wrong> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        other => Err(expected("true or false", other)),
    }
}

/// A whole number within bounds, both included.
pub(super) fn whole(least: u64, most: u64) -> impl Fn(&DeValue<'_>) -> Result<u64, Wrong> {
    move |value| {
        let DeValue::Integer(number) = value else { return Err(expected("a whole number", value)) };
        let number = u64::from_str_radix(number.as_str(), number.radix()).ok();
        number.filter(|it| (least..=most).contains(it)).ok_or_else(|| format!("must be from {least} to {most}"))
    }
}

/// As [`whole`], for numbers of fewer bits: the upper bound is what they hold.
pub(super) fn small<T: TryFrom<u64> + Into<u64>>(least: T, most: T) -> impl Fn(&DeValue<'_>) -> Result<T, Wrong> {
    let read = whole(least.into(), most.into());
    move |value| T::try_from(read(value)?).map_err(|_| "is too large".to_owned())
}

/// A decimal as a string. A bare number is refused: a float would not be the amount that was agreed.
pub(super) fn decimal<'a>(value: &'a DeValue<'_>, example: &str) -> Result<&'a str, Wrong> {
    match value {
        DeValue::String(text) => Ok(text.as_ref()),
        DeValue::Float(number) => Err(format!("must be quoted: \"{}\", not {}", number.as_str(), number.as_str())),
        DeValue::Integer(number) => Err(format!("must be quoted: \"{number}\", not {number}")),
        other => Err(expected(&format!("a quoted decimal such as \"{example}\""), other)),
    }
}

/// A price in yuan per mille: `"35.00"`.
pub(super) fn price(value: &DeValue<'_>) -> Result<CpmMicroYuan, Wrong> {
    let price = CpmMicroYuan::parse_yuan(decimal(value, "35.00")?).map_err(|error| match error {
        MoneyError::TooFine(_) => "is finer than ¥0.001 CPM".to_owned(),
        other => other.to_string(),
    })?;
    if price == CpmMicroYuan::default() { Err("must be greater than zero".to_owned()) } else { Ok(price) }
}

/// An amount in yuan, zero or more: `"100000.00"`.
pub(super) fn amount(value: &DeValue<'_>) -> Result<MicroYuan, Wrong> {
    let amount = MicroYuan::parse_yuan(decimal(value, "100000.00")?).map_err(|error| error.to_string())?;
    if amount < MicroYuan::ZERO { Err("is negative".to_owned()) } else { Ok(amount) }
}

/// A share of the whole: `"15%"`, with at most two decimals.
pub(super) fn percent(value: &DeValue<'_>) -> Result<Margin, Wrong> {
    const FORM: &str = "must be a percentage such as \"15%\" or \"12.5%\", with at most two decimals";
    let text = match value {
        DeValue::String(text) => text.strip_suffix('%').ok_or(FORM)?,
        _ => return Err(FORM.to_owned()),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str, most: usize| (1..=most).contains(&part.len()) && all_digits(part);
    if !plain(whole, 5) || !plain(fraction, 2) {
        return Err(FORM.to_owned());
    }
    let basis_points: u32 = format!("{whole}{fraction:0<2}").parse().map_err(|_| FORM)?;
    let margin = u16::try_from(basis_points).ok().and_then(Margin::from_basis_points);
    margin.ok_or_else(|| "is above 100% (R-SHARE)".to_owned())
}

/// A push ratio: `"1.3"` (R-PUSH).
pub(super) fn push_ratio(value: &DeValue<'_>) -> Result<PushRatio, Wrong> {
    let text = decimal(value, "1.3")?;
    PushRatio::parse(text).ok_or_else(|| "must be from 1 to 100 with at most three decimals (R-PUSH)".to_owned())
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number and the unit behind it: `150ms` is 150 and `ms`.
fn with_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A duration in ms, within bounds in ms: `"150ms"`, `"10s"`, `"5m"`, `"1h"`, `"2d"`.
pub(super) fn duration_ms(least: u64, most: u64) -> impl Fn(&DeValue<'_>) -> Result<u64, Wrong> {
    move |value| {
        const FORM: &str = "must be a duration with its unit: \"150ms\", \"10s\", \"5m\", \"1h\" or \"2d\"";
        let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
        let (number, unit) = with_unit(text).ok_or(FORM)?;
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(FORM.to_owned()),
        };
        let ms = number.checked_mul(unit).filter(|ms| (least..=most).contains(ms));
        ms.ok_or_else(|| format!("must be from {} to {}", shown_ms(least), shown_ms(most)))
    }
}

/// As [`duration_ms`], for what stands in 32 bits.
pub(super) fn short_ms(least: u32, most: u32) -> impl Fn(&DeValue<'_>) -> Result<u32, Wrong> {
    let read = duration_ms(u64::from(least), u64::from(most));
    move |value| u32::try_from(read(value)?).map_err(|_| "is too long".to_owned())
}

fn shown_ms(ms: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let unit = units.into_iter().find(|(_, unit)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(name, unit)| format!("{}{name}", ms / unit))
}

/// The length of a creative in whole seconds: `"15s"`.
pub(super) fn seconds(value: &DeValue<'_>) -> Result<u32, Wrong> {
    let ms = short_ms(1_000, 86_400_000)(value)?;
    if ms % 1_000 == 0 { Ok(ms / 1_000) } else { Err("must be whole seconds".to_owned()) }
}

/// A number of bytes within bounds: `"256KiB"`, `"1MiB"`, `"512B"`.
pub(super) fn bytes(least: usize, most: usize) -> impl Fn(&DeValue<'_>) -> Result<usize, Wrong> {
    move |value| {
        const FORM: &str = "must be a size with its unit: \"512B\", \"256KiB\" or \"1MiB\"";
        let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
        let (number, unit) = with_unit(text).ok_or(FORM)?;
        let unit = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => return Err(FORM.to_owned()),
        };
        let bytes = usize::try_from(number).ok().and_then(|number| number.checked_mul(unit));
        let within = bytes.filter(|bytes| (least..=most).contains(bytes));
        within.ok_or_else(|| format!("must be from {} to {}KiB", least, most >> 10))
    }
}

/// A size in pixels: `"728x90"`.
pub(super) fn size(value: &DeValue<'_>) -> Result<Size, Wrong> {
    const FORM: &str = "must be a size such as \"728x90\"";
    let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
    let (w, h) = text.split_once('x').filter(|(w, h)| all_digits(w) && all_digits(h)).ok_or(FORM)?;
    match (w.parse(), h.parse()) {
        (Ok(w), Ok(h)) if w > 0 && h > 0 => Ok(Size { w, h }),
        _ => Err(FORM.to_owned()),
    }
}

/// A day in Shanghai: `"2026-01-31"`, or a TOML date.
pub(super) fn day(value: &DeValue<'_>) -> Result<ShanghaiDay, Wrong> {
    const FORM: &str = "must be a day of the calendar such as \"2026-01-31\"";
    let day = match value {
        DeValue::String(text) => ShanghaiDay::parse(text),
        DeValue::Datetime(date) if date.time.is_none() => ShanghaiDay::parse(&date.to_string()),
        _ => None,
    };
    day.ok_or_else(|| FORM.to_owned())
}

/// Hours of the day, both included, one bit each: `"7-9"` or `"7"`.
pub(super) fn hours(value: &DeValue<'_>) -> Result<u32, Wrong> {
    const FORM: &str = "must be hours such as \"7-9\", from 0 to 23";
    let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    if !all_digits(first) || !all_digits(last) {
        return Err(FORM.to_owned());
    }
    match (first.parse::<u32>(), last.parse::<u32>()) {
        (Ok(first), Ok(last)) if first < 24 && last < 24 && first > last => {
            Err(format!("passes midnight; write \"{first}-23\" and \"0-{last}\""))
        }
        (Ok(first), Ok(last)) if last < 24 => Ok((first..=last).fold(0, |bits, hour| bits | 1 << hour)),
        _ => Err(FORM.to_owned()),
    }
}

/// Days of the week, both included, one bit each from Monday: `"mon-fri"` or `"sun"`.
pub(super) fn days(value: &DeValue<'_>) -> Result<u32, Wrong> {
    const FORM: &str = "must be days such as \"mon-fri\" or \"sun\"";
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |name: &str| NAMES.iter().position(|it| *it == name);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => {
            Err(format!("passes Sunday; write \"{}-sun\" and \"mon-{}\"", NAMES[first], NAMES[last]))
        }
        (Some(first), Some(last)) => Ok((first..=last).fold(0, |bits, day| bits | 1 << day)),
        _ => Err(FORM.to_owned()),
    }
}

/// How a day's traffic spreads over its hours in Shanghai: 24 weights, midnight first.
pub(super) fn hourly_traffic(value: &DeValue<'_>) -> Result<TrafficCurve, Wrong> {
    let most = TrafficCurve::MOST;
    let form = || format!("must be 24 whole numbers from 0 to {most}, one for each hour and not all 0");
    let DeValue::Array(items) = value else { return Err(form()) };
    let read = small(0, most);
    let weights: Option<Vec<u32>> = items.iter().map(|item| read(item.get_ref()).ok()).collect();
    let weights = weights.and_then(|weights| <[u32; 24]>::try_from(weights).ok());
    weights.and_then(|weights| TrafficCurve::new(&weights)).ok_or_else(form)
}

/// A SHA-256 in hexadecimal.
pub(super) fn sha256(value: &DeValue<'_>) -> Result<[u8; 32], Wrong> {
    const FORM: &str = "must be the SHA-256 of the secret: 64 hexadecimal digits";
    let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
    hexadecimal(text).ok_or_else(|| FORM.to_owned())
}

/// Exactly `N` bytes in hexadecimal.
pub(super) fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> DeValue<'_> {
        DeValue::String(text.into())
    }

    #[test]
    fn durations_carry_their_unit() {
        let read = |text| duration_ms(0, 2 * 86_400_000)(&string(text));
        let given = [("150ms", 150), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000)];
        for (text, ms) in given {
            assert_eq!(read(text), Ok(ms));
        }
        for text in ["150", "1 s", "-1s", "1.5s", "s", "", "1H", "99999999999999999999d"] {
            assert!(read(text).unwrap_err().contains("must be a duration"), "{text:?}");
        }
        assert_eq!(read("3d").unwrap_err(), "must be from 0ms to 2d");
        assert_eq!(read("9999999999999999999d").unwrap_err(), "must be from 0ms to 2d", "no overflow");
    }

    #[test]
    fn sizes_percentages_and_hours_read_only_their_form() {
        assert_eq!(bytes(1, 1 << 30)(&string("256KiB")), Ok(262_144));
        assert!(bytes(1, 1 << 30)(&string("256KB")).is_err());
        assert_eq!(size(&string("728x90")), Ok(Size { w: 728, h: 90 }));
        for text in ["728", "0x90", "728X90", "+1x1", "70000x1", "x"] {
            assert!(size(&string(text)).is_err(), "{text:?}");
        }
        assert_eq!(percent(&string("12.5%")).map(Margin::basis_points), Ok(1_250));
        assert_eq!(percent(&string("0%")).map(Margin::basis_points), Ok(0));
        assert_eq!(percent(&string("100.01%")), Err("is above 100% (R-SHARE)".to_owned()));
        for text in ["15", "15.555%", ".5%", "-1%", "%", "1e1%"] {
            assert!(percent(&string(text)).is_err(), "{text:?}");
        }
        assert_eq!(hours(&string("7-9")), Ok(0b11_1000_0000));
        assert_eq!(hours(&string("0-23")), Ok(0xff_ffff));
        assert_eq!(hours(&string("22-2")).unwrap_err(), "passes midnight; write \"22-23\" and \"0-2\"");
        assert!(hours(&string("7-24")).is_err() && hours(&string("")).is_err() && hours(&string("+7")).is_err());
    }

    #[test]
    fn digests_are_whole() {
        assert_eq!(hexadecimal::<2>("0aFf"), Some([10, 255]));
        for text in ["0af", "0affa", "0ag0", "é1", "+1+1"] {
            assert_eq!(hexadecimal::<2>(text), None, "{text:?}");
        }
    }
}
