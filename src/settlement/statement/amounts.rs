//! From exact lines to printed fen, and the VAT inside a total (R-STATEMENT).

use crate::money::{Fen, MicroYuan};

/// A rate of VAT in basis points (1/100 %): 600 is 6 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct VatRate(u32);

impl VatRate {
    const WHOLE: u32 = 10_000;

    /// A rate in basis points, `None` above 100 %.
    #[must_use]
    pub const fn from_basis_points(basis_points: u32) -> Option<Self> {
        if basis_points > Self::WHOLE { None } else { Some(Self(basis_points)) }
    }

    /// Basis points, 0 to 10,000.
    #[must_use]
    pub const fn basis_points(self) -> u32 {
        self.0
    }

    /// What is inside a total with tax: the net is rounded half up (away from zero for a credit), the VAT is the rest.
    #[must_use]
    pub fn inside(self, total: Fen) -> Taxed {
        let divisor = i128::from(Self::WHOLE) + i128::from(self.0);
        let doubled = 2 * i128::from(total.0.unsigned_abs()) * i128::from(Self::WHOLE) + divisor;
        let magnitude = i64::try_from(doubled / (2 * divisor)).unwrap_or(i64::MAX);
        let net = Fen(magnitude * total.0.signum());
        Taxed { total, net, vat: Fen(total.0 - net.0) }
    }
}

impl std::fmt::Display for VatRate {
    /// `6%`, `6.5%`, `0.25%`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, part) = (self.0 / 100, format!("{:02}", self.0 % 100));
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            part => write!(f, "{whole}.{part}%"),
        }
    }
}

impl TryFrom<u32> for VatRate {
    type Error = &'static str;
    fn try_from(basis_points: u32) -> Result<Self, Self::Error> {
        Self::from_basis_points(basis_points).ok_or("a rate of VAT is at most 10000 basis points")
    }
}

impl From<VatRate> for u32 {
    fn from(rate: VatRate) -> Self {
        rate.0
    }
}

/// A total with tax and what it consists of: `net + vat = total` always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taxed {
    /// With tax: fixed, the parts follow from it.
    pub total: Fen,
    /// Without tax.
    pub net: Fen,
    /// The tax.
    pub vat: Fen,
}

/// The exact sum of amounts, `None` beyond [`MicroYuan::LIMIT`] either way.
#[must_use]
pub fn sum(amounts: impl IntoIterator<Item = MicroYuan>) -> Option<MicroYuan> {
    let sum: i128 = amounts.into_iter().map(|amount| i128::from(amount.0)).sum();
    let within = sum.unsigned_abs() <= MicroYuan::LIMIT.0.unsigned_abs().into();
    within.then_some(()).and_then(|()| i64::try_from(sum).ok()).map(MicroYuan)
}

/// The printed amount of each line, in fen, so that they add up to the sum rounded once: each line is rounded down, and the fen
/// that are missing go to the lines that lost most, the earlier first among equals.
///
/// `total` is the lines' exact sum; a printed line is less than one fen away from its exact amount.
#[must_use]
pub fn apportion(lines: &[MicroYuan], total: MicroYuan) -> Vec<Fen> {
    const FEN: i64 = 10_000;
    let mut printed: Vec<_> = lines.iter().map(|line| Fen(line.0.div_euclid(FEN))).collect();
    let floors: i128 = printed.iter().map(|fen| i128::from(fen.0)).sum();
    let missing = usize::try_from(i128::from(total.to_fen().0) - floors).unwrap_or(0);
    let mut order: Vec<_> = printed.iter_mut().zip(lines).map(|(fen, line)| (line.0.rem_euclid(FEN), fen)).collect();
    order.sort_by_key(|(lost, _)| std::cmp::Reverse(*lost));
    for (_, fen) in order.into_iter().take(missing) {
        fen.0 += 1;
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn six() -> VatRate {
        VatRate::from_basis_points(600).unwrap()
    }

    #[test]
    fn r_statement_worked_example_1() {
        let lines = [MicroYuan(85_116_745_000), MicroYuan(14_883_255_000)];
        let total = sum(lines).unwrap();
        assert_eq!(apportion(&lines, total), [Fen(8_511_675), Fen(1_488_325)], "a tie goes to the earlier line");
        let taxed = six().inside(total.to_fen());
        assert_eq!(taxed, Taxed { total: Fen(10_000_000), net: Fen(9_433_962), vat: Fen(566_038) });
    }

    #[test]
    fn r_statement_the_net_is_rounded_half_up() {
        // 0.53 / 1.06 = 0.50; 0.01 / 1.06 = 0.0094; 1.00 / 2.00 = 0.50; 0.01 / 2.00 = 0.005.
        let cases =
            [(600, 53, 50), (600, 1, 1), (600, 0, 0), (10_000, 100, 50), (10_000, 1, 1), (0, 7, 7), (600, -106, -100)];
        for (rate, total, net) in cases {
            let taxed = VatRate::from_basis_points(rate).unwrap().inside(Fen(total));
            assert_eq!((taxed.net.0, taxed.vat.0), (net, total - net), "{rate} of {total}");
        }
        assert_eq!(VatRate::from_basis_points(10_001), None);
        let shown = [600, 650, 25, 0, 1_300].map(|rate| VatRate::from_basis_points(rate).unwrap().to_string());
        assert_eq!(shown, ["6%", "6.5%", "0.25%", "0%", "13%"]);
    }

    #[test]
    fn r_statement_the_largest_remainders_get_the_missing_fen() {
        let micro = [3_333, 3_334, 3_333].map(MicroYuan);
        assert_eq!(apportion(&micro, MicroYuan(10_000)), [Fen(0), Fen(1), Fen(0)]);
        // Three lines of 0.6 fen: 1.8 fen are two, and the last goes without.
        assert_eq!(apportion(&[MicroYuan(6_000); 3], MicroYuan(18_000)), [Fen(1), Fen(1), Fen(0)]);
        // A credit of 0.4 fen is rounded down to -1 fen and given back first.
        assert_eq!(apportion(&[MicroYuan(10_000), MicroYuan(-4_000)], MicroYuan(6_000)), [Fen(1), Fen(0)]);
        assert_eq!(sum([MicroYuan::LIMIT, MicroYuan(1)]), None);
        assert_eq!(sum([MicroYuan::LIMIT, MicroYuan(1), MicroYuan(-1)]), Some(MicroYuan::LIMIT));
    }

    proptest! {
        #[test]
        fn r_statement_printed_lines_add_up(lines in prop::collection::vec(-50_000_i64..500_000, 0..40)) {
            let lines: Vec<_> = lines.into_iter().map(MicroYuan).collect();
            let total = sum(lines.iter().copied()).unwrap();
            let printed = apportion(&lines, total);
            prop_assert_eq!(printed.iter().map(|fen| fen.0).sum::<i64>(), total.to_fen().0);
            for (fen, line) in printed.iter().zip(&lines) {
                prop_assert!((fen.0 * 10_000 - line.0).abs() < 10_000, "{} for {}", fen, line);
            }
        }

        #[test]
        fn r_statement_vat_is_inside(total in -1_000_000_000_000_i64..1_000_000_000_000, rate in 0..=10_000_u32) {
            let taxed = VatRate::from_basis_points(rate).unwrap().inside(Fen(total));
            prop_assert_eq!(taxed.net.0 + taxed.vat.0, total);
            let error = i128::from(taxed.net.0) * (10_000 + i128::from(rate)) - i128::from(total) * 10_000;
            prop_assert!(2 * error.abs() <= 10_000 + i128::from(rate), "the net is nearest");
        }
    }
}
