//! Money is integers with a unit (architecture §5). No float ever holds an amount.
//!
//! | type | unit | where it is used |
//! |---|---|---|
//! | [`MicroYuan`] | 10⁻⁶ RMB | every amount: charges, balances, ledger entries |
//! | [`CpmMicroYuan`] | 10⁻⁶ RMB per thousand impressions | agreed prices, rate cards, what media earn |
//! | [`Fen`] | 10⁻² RMB | printed totals only |
//! | [`ConvertedCpm`] | 10⁻⁶ of a partner's currency per thousand impressions | told to partners, never billed |
//!
//! Rounding happens in six named places and nowhere else (`docs/decisions/0003-money.md`):
//! [`CpmMicroYuan::cost`] (a fractional quantity, half up), [`CpmMicroYuan::after_margin`] (down, per impression),
//! [`MicroYuan::to_fen`] (a statement's total, half up), [`CpmMicroYuan::converted_up`] and [`CpmMicroYuan::converted_down`] (four
//! decimals of a partner's currency), damages and late fees (whole fen, half up), and the wire's decimal price (`openrtb`, to the millionth, half up).

mod currency;

pub use currency::{ConvertedCpm, Currency, Rate};

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// An amount in micro-yuan (10⁻⁶ RMB). May be negative: a ledger entry or a correction.
///
/// Arithmetic panics on overflow in tests and saturates never: `i64` micro-yuan reach ±9.2 × 10¹² RMB, which the
/// store refuses long before ([`MicroYuan::LIMIT`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroYuan(pub i64);

impl MicroYuan {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that one entry, top-up or balance may have: RMB 1 trillion. Sums of nine of these still fit.
    pub const LIMIT: Self = Self(1_000_000_000_000_000_000);

    /// Reads a decimal amount in yuan with at most two decimals, as contracts and top-ups are written (`"100000.00"`).
    ///
    /// # Errors
    /// [`MoneyError`] when the text is no such amount.
    pub fn parse_yuan(text: &str) -> Result<Self, MoneyError> {
        parse_decimal(text, 2).map(Self)
    }

    /// The amount in fen, rounded half up (away from zero for negative amounts). A total is rounded once, here (R-STATEMENT).
    #[must_use]
    pub fn to_fen(self) -> Fen {
        let magnitude = (self.0.unsigned_abs() + 5_000) / 10_000;
        let fen = i64::try_from(magnitude).unwrap_or(i64::MAX);
        Fen(if self.0 < 0 { -fen } else { fen })
    }

    /// Sum that reports overflow instead of wrapping.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The smaller of two amounts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Whether the amount is greater than nothing.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl Add for MicroYuan {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
impl Sub for MicroYuan {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
impl Neg for MicroYuan {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl AddAssign for MicroYuan {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl SubAssign for MicroYuan {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
impl Sum for MicroYuan {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for MicroYuan {
    /// `¥85116.745`: at least two decimals, as many as the amount has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_yuan(f, self.0)
    }
}

/// As a decimal string in yuan with as many decimals as it has, at least two: `"85116.745"`.
impl serde::Serialize for MicroYuan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string().replacen('¥', "", 1))
    }
}

/// From a decimal string in yuan with at most six decimals; a number is refused, because JSON's are floats to many.
impl<'de> serde::Deserialize<'de> for MicroYuan {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        parse_decimal(&text, 6).map(Self).map_err(|why| serde::de::Error::custom(format!("{text:?} {why}")))
    }
}

/// A price in micro-yuan per thousand impressions (CPM). Never negative, never finer than ¥0.001 CPM, at most ¥1,000,000 CPM.
///
/// The step makes the price of one impression a whole number of micro-yuan, so that a count of impressions times a
/// price needs no rounding at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpmMicroYuan(i64);

impl CpmMicroYuan {
    /// The finest step: ¥0.001 CPM, one micro-yuan per impression.
    pub const STEP: i64 = 1_000;
    /// The largest price: ¥1,000,000 CPM.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// A price from micro-yuan per mille, or `None` when it is negative, too fine or too large.
    #[must_use]
    pub const fn new(micro_yuan_per_mille: i64) -> Option<Self> {
        if micro_yuan_per_mille < 0 || micro_yuan_per_mille % Self::STEP != 0 || micro_yuan_per_mille > Self::MAX.0 {
            return None;
        }
        Some(Self(micro_yuan_per_mille))
    }

    /// Reads a decimal price in yuan CPM as config writes it (`"35.00"`).
    ///
    /// # Errors
    /// [`MoneyError`] when the text is no price, is finer than ¥0.001, negative or over ¥1,000,000.
    pub fn parse_yuan(text: &str) -> Result<Self, MoneyError> {
        let micro = parse_decimal(text, 3)?;
        if micro < 0 {
            return Err(MoneyError::Negative);
        }
        Self::new(micro).ok_or(MoneyError::TooLarge)
    }

    /// Micro-yuan per thousand impressions.
    #[must_use]
    pub const fn micro_yuan_per_mille(self) -> i64 {
        self.0
    }

    /// What one impression costs; exact.
    #[must_use]
    pub const fn per_impression(self) -> MicroYuan {
        MicroYuan(self.0 / Self::STEP)
    }

    /// What a quantity costs. Exact for whole impressions; a fraction of one (OpenRTB 2.6 §3.2.31 `qty`) rounds half up.
    #[must_use]
    pub fn cost(self, quantity: Quantity) -> MicroYuan {
        let product = i128::from(self.per_impression().0) * i128::from(quantity.0);
        MicroYuan(i64::try_from((product + 500) / 1_000).unwrap_or(i64::MAX))
    }

    /// What remains for the media after the exchange's margin (R-SHARE): rounded down to a micro-yuan per impression,
    /// so that the price told to the media is exactly what it is paid.
    #[must_use]
    pub fn after_margin(self, margin: Margin) -> Self {
        let kept = i64::from(Margin::WHOLE - margin.0);
        let per_impression = i128::from(self.per_impression().0) * i128::from(kept) / i128::from(Margin::WHOLE);
        Self(i64::try_from(per_impression).unwrap_or(0) * Self::STEP)
    }
}

impl fmt::Display for CpmMicroYuan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_yuan(f, self.0)?;
        f.write_str(" CPM")
    }
}

/// How much of an impression is charged, in thousandths of one: 1,000 is one impression (OpenRTB 2.6 §3.2.31 `qty.multiplier`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub u32);

impl Quantity {
    /// One impression.
    pub const ONE: Self = Self(1_000);
}

/// The exchange's margin on a media's gross price, in basis points (1/100 %): 0 to 10,000 (R-SHARE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Margin(u16);

impl Margin {
    const WHOLE: u16 = 10_000;

    /// A margin in basis points, `None` above 100 %.
    #[must_use]
    pub const fn from_basis_points(basis_points: u16) -> Option<Self> {
        if basis_points > Self::WHOLE { None } else { Some(Self(basis_points)) }
    }

    /// Basis points.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }
}

/// An amount in fen (10⁻² RMB), as it is printed and paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(pub i64);

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}¥{}.{:02}", magnitude / 100, magnitude % 100)
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point.
    #[error("is not a decimal amount; write it like \"35.00\"")]
    NotDecimal,
    /// More decimals than the unit allows.
    #[error("has more than {0} decimals")]
    TooFine(u32),
    /// Below zero where only prices are allowed.
    #[error("is negative")]
    Negative,
    /// Above the unit's limit.
    #[error("is too large")]
    TooLarge,
}

/// Decimal text in yuan to micro-yuan, refusing non-zero digits beyond `decimals`.
fn parse_decimal(text: &str, decimals: u32) -> Result<i64, MoneyError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(MoneyError::NotDecimal);
    }
    let kept = fraction.trim_end_matches('0');
    if kept.len() > decimals as usize {
        return Err(MoneyError::TooFine(decimals));
    }
    let whole: i64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
    let micro: i64 = format!("{kept:0<6}").parse().map_err(|_| MoneyError::NotDecimal)?;
    let amount = whole.checked_mul(1_000_000).and_then(|yuan| yuan.checked_add(micro));
    match amount {
        Some(amount) if amount <= MicroYuan::LIMIT.0 => Ok(if negative { -amount } else { amount }),
        _ => Err(MoneyError::TooLarge),
    }
}

fn write_yuan(f: &mut fmt::Formatter<'_>, micro: i64) -> fmt::Result {
    let sign = if micro < 0 { "-" } else { "" };
    let magnitude = micro.unsigned_abs();
    let fraction = format!("{:06}", magnitude % 1_000_000);
    let shown = fraction.trim_end_matches('0');
    write!(f, "{sign}¥{}.{shown:0<2}", magnitude / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r_settle_worked_example_1_is_exact_and_rounded_once() {
        let price = CpmMicroYuan::parse_yuan("35.00").unwrap();
        let consumed = MicroYuan(price.per_impression().0 * 2_431_907);
        assert_eq!(consumed.to_string(), "¥85116.745");
        assert_eq!(consumed.to_fen().to_string(), "¥85116.75");
    }

    #[test]
    fn prices_refuse_what_is_finer_than_a_micro_yuan_per_impression() {
        assert_eq!(CpmMicroYuan::parse_yuan("0.001").unwrap().per_impression(), MicroYuan(1));
        assert_eq!(CpmMicroYuan::parse_yuan("0.0010"), CpmMicroYuan::parse_yuan("0.001"));
        assert_eq!(CpmMicroYuan::parse_yuan("0.0005"), Err(MoneyError::TooFine(3)));
        assert_eq!(CpmMicroYuan::parse_yuan("-1"), Err(MoneyError::Negative));
        assert_eq!(CpmMicroYuan::parse_yuan("1000000.001"), Err(MoneyError::TooLarge));
        for text in ["", ".", "1.", ".5", "1e3", "+1", "1,000", " 1", "¥1", "99999999999999999999"] {
            assert!(CpmMicroYuan::parse_yuan(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn r_share_margin_rounds_down_to_what_is_paid() {
        let price = CpmMicroYuan::parse_yuan("35.001").unwrap();
        let net = price.after_margin(Margin::from_basis_points(1_500).unwrap());
        assert_eq!(net.per_impression(), MicroYuan(29_750), "35001 × 0.85 = 29750.85, rounded down");
        assert_eq!(price.after_margin(Margin::default()), price);
        assert_eq!(price.after_margin(Margin::from_basis_points(10_000).unwrap()).per_impression(), MicroYuan::ZERO);
    }

    proptest! {
        #[test]
        fn fen_is_within_half_a_fen(micro in -MicroYuan::LIMIT.0..=MicroYuan::LIMIT.0) {
            let rounded = i128::from(MicroYuan(micro).to_fen().0) * 10_000;
            let error = rounded - i128::from(micro);
            prop_assert!((-5_000..=5_000).contains(&error));
            prop_assert!(error != -5_000 || micro < 0, "half goes up");
        }

        #[test]
        fn amounts_in_json_come_back(micro in -MicroYuan::LIMIT.0..=MicroYuan::LIMIT.0) {
            let written = serde_json::to_string(&MicroYuan(micro)).unwrap();
            prop_assert_eq!(serde_json::from_str::<MicroYuan>(&written).unwrap(), MicroYuan(micro));
        }

        #[test]
        fn printed_amounts_parse_back(fen in 0..MicroYuan::LIMIT.0 / 10_000) {
            let amount = MicroYuan(fen * 10_000);
            prop_assert_eq!(MicroYuan::parse_yuan(amount.to_string().trim_start_matches('¥')), Ok(amount));
        }

        #[test]
        fn whole_impressions_cost_exactly(step in 0..1_000_000_000_i64, count in 0..4_000_000_u32) {
            let price = CpmMicroYuan::new(step * CpmMicroYuan::STEP).unwrap();
            let count = count / 1_000;
            prop_assert_eq!(price.cost(Quantity(count * 1_000)).0, step * i64::from(count));
        }
    }
}
