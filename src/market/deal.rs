//! Deals: what was agreed, for whom, where, when and for how much.

use super::few::Few;
pub use super::targeting::Targeting;
use crate::clock::ShanghaiDay;
use crate::event::{DayCommitment, DayTerms, Method, Source};
use crate::ids::{AdvertiserId, BuyerId, CreativeId, DealId, DspId};
use crate::money::{CpmMicroYuan, MicroYuan};

/// Where a deal stands.
///
/// Drafts and ended deals are not in a market. A suspended guaranteed deal is: it is still matched, paced and counted
/// under its cause (architecture, invariant 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DealState {
    /// Runs within its period.
    Active,
    /// Stopped by the buyer.
    Paused,
    /// Stopped by the exchange.
    Suspended,
    /// Not ordered on the day: its order was cancelled, or does not have that day (R-ORDER). The config never says it.
    NotOrdered,
}

/// How much more than the ordered volume is offered (推送比, R-PUSH): a rational number ≥ 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushRatio {
    numerator: u32,
    denominator: u32,
}

impl PushRatio {
    /// Offered as ordered; nothing may be returned.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// Reads a decimal ratio such as `"1.3"`: 1 to 100, at most three decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return None;
        }
        let numerator = whole.parse::<u32>().ok()? * 1_000 + format!("{fraction:0<3}").parse::<u32>().ok()?;
        (1_000..=100_000).contains(&numerator).then(|| Self::reduced(numerator, 1_000))
    }

    /// The ratio of two numbers; `None` when it is below 1, or of nothing.
    #[must_use]
    pub fn of(numerator: u32, denominator: u32) -> Option<Self> {
        (0 < denominator && denominator <= numerator).then(|| Self::reduced(numerator, denominator))
    }

    fn reduced(numerator: u32, denominator: u32) -> Self {
        let (mut a, mut b) = (numerator, denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { numerator: numerator / a, denominator: denominator / a }
    }

    /// How much is offered for an ordered volume: the ratio times it, rounded up, so that the promise is kept.
    #[must_use]
    pub fn offers_for(self, ordered: u64) -> u64 {
        let product = u128::from(ordered) * u128::from(self.numerator);
        u64::try_from(product.div_ceil(u128::from(self.denominator))).unwrap_or(u64::MAX)
    }

    /// How much of what was offered must be deliverable: floor(offered / N) (R-MAKEGOOD).
    #[must_use]
    pub fn deliverable_of(self, offered: u64) -> u64 {
        let product = u128::from(offered) * u128::from(self.denominator);
        u64::try_from(product / u128::from(self.numerator)).unwrap_or(u64::MAX)
    }

    /// How much of what was offered may be returned: at most 1 − 1/N of it (退量).
    #[must_use]
    pub fn returnable_of(self, offered: u64) -> u64 {
        let product = u128::from(offered) * u128::from(self.denominator);
        let kept = u64::try_from(product.div_ceil(u128::from(self.numerator))).unwrap_or(u64::MAX);
        offered.saturating_sub(kept)
    }

    /// Whether returns are not allowed at all: N = 1.
    #[must_use]
    pub fn is_one(self) -> bool {
        self == Self::ONE
    }
}

impl std::fmt::Display for PushRatio {
    /// `1.3`: as many decimals as it has.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milli = u64::from(self.numerator) * 1_000 / u64::from(self.denominator);
        match format!("{:03}", milli % 1_000).trim_end_matches('0') {
            "" => write!(f, "{}", milli / 1_000),
            decimals => write!(f, "{}.{decimals}", milli / 1_000),
        }
    }
}

/// The promised volume of a guaranteed deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Impressions a day (Asia/Shanghai).
    pub daily: u64,
    /// How much more is offered.
    pub push: PushRatio,
}

/// How often one user sees a deal (R-FREQUENCY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrequencyCap {
    /// Impressions at most, 1 to 65,535.
    pub impressions: u16,
    /// Within what.
    pub per: FrequencyPeriod,
    /// Whether it serves a user that cannot be recognised.
    pub serves_unknown: bool,
}

/// The period of a frequency cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrequencyPeriod {
    /// A calendar day in Shanghai.
    Day,
    /// A calendar week in Shanghai, from Monday.
    Week,
    /// The whole of the deal.
    Flight,
}

/// A deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    /// Its id.
    pub id: DealId,
    /// Its id on the wire: `deal.id`, `bid.dealid`.
    pub wire: String,
    /// How it is bought.
    pub method: Method,
    /// Where it stands.
    pub state: DealState,
    /// Who buys.
    pub buyer: BuyerId,
    /// The DSPs that are asked for it.
    pub dsps: Few<DspId>,
    /// The only advertisers of the buyer that may run under it; empty: all of them (R-OWN). Told to DSPs as `deal.wadomain`.
    pub advertisers: Few<AdvertiserId>,
    /// First and last day.
    pub period: (ShanghaiDay, ShanghaiDay),
    /// The agreed price.
    pub price: CpmMicroYuan,
    /// The promised volume: guaranteed deals have one, preferred deals none.
    pub volume: Option<Volume>,
    /// Among preferred deals: lower first.
    pub priority: u8,
    /// Shown when the DSP fails (R-FALLBACK).
    pub fallback: Option<CreativeId>,
    /// Whether only the markup that was approved is shown (R-REVIEW).
    pub approved_markup: bool,
    /// How many impressions a day (Asia/Shanghai) it may win with content that has passed the automatic checks and waits for a person; `None`: none,
    /// review comes first (R-REVIEW).
    pub unreviewed_a_day: Option<u32>,
    /// Whether the buyer needs identifiers, where consent allows them (R-CONSENT).
    pub identifiers: bool,
    /// The client whose own account pays, which is its only advertiser; `None`: the buyer's balance does (R-BALANCE).
    pub client: Option<AdvertiserId>,
    /// How often one user sees it; `None`: as often as it wins.
    pub frequency: Option<FrequencyCap>,
    /// Where it applies.
    pub targeting: Targeting,
}

impl Deal {
    /// Whether a day is within its period.
    #[must_use]
    pub fn runs_on(&self, day: ShanghaiDay) -> bool {
        self.period.0 <= day && day <= self.period.1
    }

    /// Whether ads of an advertiser may run under it (R-OWN).
    #[must_use]
    pub fn takes_advertiser(&self, advertiser: AdvertiserId) -> bool {
        self.advertisers.is_empty() || self.advertisers.contains(&advertiser)
    }

    /// What a day of its volume costs; zero for preferred deals (R-COMMIT).
    #[must_use]
    pub fn daily_commitment(&self) -> MicroYuan {
        let ordered = self.volume.map_or(0, |volume| volume.daily);
        let cost = i128::from(self.price.per_impression().0) * i128::from(ordered);
        MicroYuan(i64::try_from(cost).unwrap_or(i64::MAX))
    }

    /// Whose free money pays for it.
    #[must_use]
    pub fn payer(&self) -> Source {
        self.client.map_or(Source::Balance(self.buyer), Source::Client)
    }

    /// What is set aside for a day of its volume, and on which terms; `None` for preferred deals (R-COMMIT). Of the deal as it is on that day.
    #[must_use]
    pub fn commitment_on(&self, day: ShanghaiDay) -> Option<DayCommitment> {
        let Volume { daily, push } = self.volume?;
        let push = (push.numerator, push.denominator);
        let terms = DayTerms { ordered: daily, price: self.price, push, amount: self.daily_commitment() };
        Some(DayCommitment { deal: self.id, day, buyer: self.buyer, payer: self.payer(), terms })
    }

    /// Whether returns are not allowed, so that `deal.guar = 1` obliges the DSP to bid (R-PUSH).
    #[must_use]
    pub fn obliges_to_bid(&self) -> bool {
        self.volume.is_some_and(|volume| volume.push.is_one())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r_push_ratio_is_rational() {
        let ratio = PushRatio::parse("1.3").unwrap();
        assert_eq!(ratio.offers_for(200_000), 260_000);
        assert_eq!(ratio.deliverable_of(195_000), 150_000, "worked example 2");
        assert_eq!(ratio.returnable_of(1_300), 300, "23.1 % of what is offered");
        assert_eq!(PushRatio::ONE.returnable_of(1_000), 0);
        assert_eq!(PushRatio::parse("1.000"), Some(PushRatio::ONE));
        assert_eq!(["1.3", "1", "1.050"].map(|text| PushRatio::parse(text).unwrap().to_string()), ["1.3", "1", "1.05"]);
        for text in ["0.9", "1.3001", "", "1.", "-1", "100.001", "a"] {
            assert_eq!(PushRatio::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn r_push_what_is_offered_suffices_to_deliver(milli in 1_000_u32..=100_000, ordered in 0_u64..1_000_000_000) {
            let ratio = PushRatio::reduced(milli, 1_000);
            prop_assert!(ratio.deliverable_of(ratio.offers_for(ordered)) >= ordered);
        }
    }
}
