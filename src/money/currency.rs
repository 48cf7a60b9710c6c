//! Other currencies than ours: an agreed yuan price told to a partner that trades in another one (architecture §5, "money").
//!
//! Nothing is ever billed from a converted price: billing is always the agreed yuan price.

use std::fmt;

use super::{CpmMicroYuan, MoneyError, parse_decimal};

/// A currency by its ISO 4217 code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The yuan, in which the exchange keeps its books.
    pub const CNY: Self = Self(*b"CNY");

    /// Reads an ISO 4217 code as the wire writes it; `None` when it is not three upper-case letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = <[u8; 3]>::try_from(text.as_bytes()).ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Three ASCII letters, by construction.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self::CNY
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one unit of a currency is worth in yuan, in millionths of a yuan: 0.000001 to 1,000,000 yuan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(i64);

impl Rate {
    /// Of the yuan itself.
    pub const ONE: Self = Self(1_000_000);

    /// Reads yuan per unit with at most six decimals (`"7.0288"`).
    ///
    /// # Errors
    /// [`MoneyError`] when the text is no decimal, too fine, not above zero or over a million.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        match parse_decimal(text, 6)? {
            ..=0 => Err(MoneyError::Negative),
            1..=1_000_000_000_000 => parse_decimal(text, 6).map(Self),
            _ => Err(MoneyError::TooLarge),
        }
    }

    /// Millionths of a yuan per unit.
    #[must_use]
    pub const fn micro_yuan(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::write_yuan(f, self.0)
    }
}

/// A price per mille in a partner's currency, in millionths of its unit; a multiple of 100, so that it has four decimals at most.
///
/// This is what the wire carries. It is compared with, never billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConvertedCpm(i64);

impl ConvertedCpm {
    const DECIMALS_4: i64 = 10_000;
    const STEP: i64 = 100;

    /// Millionths of a unit per mille.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }
}

impl CpmMicroYuan {
    /// The price as a floor in another currency: rounded up to four decimals, so that who pays it pays at least the agreed price.
    /// In yuan it is the price itself.
    #[must_use]
    pub const fn converted_up(self, rate: Rate) -> ConvertedCpm {
        // At most 10¹² × 10⁴ units, so 10¹⁸ millionths, which i64 holds; a price has at most three decimals, so yuan are exact.
        let units = self.0 * ConvertedCpm::DECIMALS_4;
        ConvertedCpm((units / rate.0 + (units % rate.0 > 0) as i64) * ConvertedCpm::STEP)
    }

    /// The price as earnings in another currency: rounded down to four decimals, so that nobody is told more than is paid.
    /// In yuan it is the price itself.
    #[must_use]
    pub const fn converted_down(self, rate: Rate) -> ConvertedCpm {
        ConvertedCpm(self.0 * ConvertedCpm::DECIMALS_4 / rate.0 * ConvertedCpm::STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(text: &str) -> CpmMicroYuan {
        CpmMicroYuan::parse_yuan(text).unwrap()
    }

    #[test]
    fn a_floor_goes_up_and_earnings_go_down_to_four_decimals() {
        let dollar = Rate::parse("7.0288").unwrap();
        // 60 / 7.0288 = 8.53630776…
        assert_eq!(price("60").converted_up(dollar).millionths(), 8_536_400);
        assert_eq!(price("60").converted_down(dollar).millionths(), 8_536_300);
        let exact = Rate::parse("7.5").unwrap();
        assert_eq!(price("60").converted_up(exact), price("60").converted_down(exact));
    }

    #[test]
    fn codes_and_rates_read_only_their_form() {
        assert_eq!(Currency::parse("USD").map(|it| it.to_string()), Some("USD".to_owned()));
        for text in ["usd", "US", "USDT", "U$D", ""] {
            assert_eq!(Currency::parse(text), None, "{text:?}");
        }
        assert_eq!(Rate::parse("0.000001").map(Rate::micro_yuan), Ok(1));
        assert_eq!(Rate::parse("7.0288001"), Err(MoneyError::TooFine(6)));
        for text in ["0", "-7", "1000000.000001", "", "7e0"] {
            assert!(Rate::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn conversion_is_the_nearest_on_its_side(step in 0..1_000_000_000_i64, rate in 1..1_000_000_000_000_i64) {
            let (price, rate) = (CpmMicroYuan::new(step * 1_000).unwrap(), Rate(rate));
            // Back in yuan, exactly: four-decimal units × millionths of a yuan, against the price in the same unit.
            let back = |converted: ConvertedCpm| i128::from(converted.millionths() / 100) * i128::from(rate.0);
            let wanted = i128::from(price.micro_yuan_per_mille()) * 10_000;
            let (up, down) = (price.converted_up(rate), price.converted_down(rate));
            prop_assert_eq!(up.millionths() % 100, 0);
            prop_assert!(back(up) >= wanted && back(up) - wanted < i128::from(rate.0));
            prop_assert!(back(down) <= wanted && wanted - back(down) < i128::from(rate.0));
        }

        #[test]
        fn yuan_stay_what_they_are(step in 0..1_000_000_000_i64) {
            let price = CpmMicroYuan::new(step * 1_000).unwrap();
            prop_assert_eq!(price.converted_up(Rate::ONE).millionths(), price.micro_yuan_per_mille());
            prop_assert_eq!(price.converted_down(Rate::ONE).millionths(), price.micro_yuan_per_mille());
        }
    }
}
