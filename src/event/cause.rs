//! What can happen to an opportunity of a deal, and who is answerable for it (R-MAKEGOOD).

/// Who is answerable for an opportunity that a guaranteed deal did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Agreed: neither side's failure.
    Neither,
    /// The buyer: what was ordered stays payable.
    Buyer,
    /// The exchange: made good or not charged.
    Exchange,
}

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum $name { $( $(#[$variant_doc])* $variant = $code ),+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stored code.
            #[must_use]
            pub const fn code(self) -> u16 { self as u16 }

            /// The name in metrics, reports and the API.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }
    };
}

coded! {
    /// How far an opportunity of a deal came: the funnel. Codes 1 to 99 are stored.
    Stage {
        /// The request fits the deal's placements and targeting.
        Matched = 1, "matched";
        /// Every condition of dates, states, money and prohibitions holds.
        Eligible = 2, "eligible";
        /// Sent to at least one DSP.
        Offered = 3, "offered";
        /// A DSP answered with a bid for it.
        Answered = 4, "answered";
        /// It won the impression.
        Won = 5, "won";
        /// Its display was billed.
        Billed = 6, "billed";
        /// Withheld for a reason of the buyer; counts as offered (R-MAKEGOOD).
        Withheld = 7, "withheld";
        /// Its display was clicked, each counted once.
        Clicked = 8, "clicked";
    }
}

coded! {
    /// Why an opportunity of a deal ended without its display. Codes from 100 are stored.
    Cause {
        /// Its plan did not want the opportunity yet, or the day's volume is done.
        AheadOfPlan = 100, "ahead_of_plan";
        /// Guaranteed deals further behind took the place, or the one that its buyer may have in an ad pod.
        OtherGuaranteed = 101, "other_guaranteed";
        /// A deal of higher precedence, or a better one of the same, won.
        Outranked = 102, "outranked";
        /// The DSP passed within its return allowance (R-PUSH).
        Returned = 103, "returned";
        /// Won, and no display was reported in time.
        NotDisplayed = 104, "not_displayed";
        /// A preferred deal's DSP passed: its choice (R-CHOICE).
        Passed = 105, "passed";
        /// The preferred deal's price is under the card of the day (R-RATE).
        UnderRateCard = 106, "under_rate_card";
        /// The media prohibits the category or advertiser (R-CATEGORY).
        Prohibited = 107, "prohibited";
        /// The media broke off before it was answered.
        MediaGone = 108, "media_gone";
        /// Its ad pod had another ad of the advertiser, or the same creative.
        Separated = 109, "separated";
        /// The user has seen the deal as often as was agreed (R-FREQUENCY).
        FrequencyCapped = 110, "frequency_capped";
        /// The deal's price is under the media's floor per second for every ad that fits.
        UnderFloor = 111, "under_floor";
        /// The day was exempt for both sides (R-EXEMPT).
        Exempt = 112, "exempt";
        /// The deal is not ordered on that day: its order was cancelled, or does not have it (R-ORDER).
        NotOrdered = 113, "not_ordered";

        /// The deal is suspended or paused for a reason of the buyer.
        DealSuspended = 200, "deal_suspended";
        /// The buyer's account is suspended (R-ABNORMAL, R-RESTRICT).
        BuyerSuspended = 201, "buyer_suspended";
        /// The balance or the day's commitment is used up, or was never funded (R-PREPAY, R-COMMIT).
        BalanceEmpty = 202, "balance_empty";
        /// No approved creative (R-REVIEW).
        NoCreative = 203, "no_creative";
        /// The advertiser's documents are missing or expired (R-QUALIFY).
        NotQualified = 204, "not_qualified";
        /// No DSP of the deal is on the approved list today, or it was suspended after it was asked (R-DSP).
        DspNotApproved = 205, "dsp_not_approved";
        /// The DSP passed beyond its return allowance.
        PassedBeyondReturn = 206, "passed_beyond_return";
        /// The DSP did not answer in time.
        DspTimeout = 207, "dsp_timeout";
        /// The DSP's connection or answer failed.
        DspFailed = 208, "dsp_failed";
        /// The DSP's bid was refused.
        BidRejected = 209, "bid_rejected";
        /// The DSP's agreed rate of requests is used up.
        DspThrottled = 210, "dsp_throttled";
        /// The DSP failed lately, so its breaker is open and it was not asked.
        BreakerOpen = 211, "breaker_open";

        /// The exchange failed inside.
        ExchangeError = 300, "exchange_error";
        /// Too little time was left to ask.
        NoTime = 301, "no_time";
        /// This node holds no lease at the moment though there is money.
        NoLease = 302, "no_lease";
        /// The exchange was at its own limit of outgoing requests.
        ExchangeBusy = 303, "exchange_busy";
        /// There was too little traffic for what was ordered (R-MAKEGOOD).
        TooLittleTraffic = 304, "too_little_traffic";
    }
}

impl Cause {
    /// Who is answerable for it.
    #[must_use]
    pub const fn party(self) -> Party {
        match self.code() {
            100..=199 => Party::Neither,
            200..=299 => Party::Buyer,
            _ => Party::Exchange,
        }
    }
}

/// One count of the deal's record: a stage or a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// How far it came.
    Stage(Stage),
    /// Why it ended.
    Cause(Cause),
}

impl Measure {
    /// Every measure.
    pub fn all() -> impl Iterator<Item = Self> {
        let stages = Stage::ALL.iter().copied().map(Self::Stage);
        stages.chain(Cause::ALL.iter().copied().map(Self::Cause))
    }

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Stage(stage) => stage.code(),
            Self::Cause(cause) => cause.code(),
        }
    }

    /// The name in metrics, reports and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stage(stage) => stage.label(),
            Self::Cause(cause) => cause.label(),
        }
    }

    /// The measure with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::all().find(|measure| measure.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_labels_are_unique_and_read_back() {
        let codes: HashSet<_> = Measure::all().map(Measure::code).collect();
        let labels: HashSet<_> = Measure::all().map(Measure::label).collect();
        assert_eq!(codes.len(), Measure::all().count());
        assert_eq!(labels.len(), Measure::all().count());
        assert!(Measure::all().all(|measure| Measure::from_code(measure.code()) == Some(measure)));
        assert_eq!(Measure::from_code(99), None);
    }

    #[test]
    fn r_makegood_each_cause_has_the_party_of_its_hundred() {
        assert_eq!(Cause::Returned.party(), Party::Neither);
        assert_eq!(Cause::DspTimeout.party(), Party::Buyer);
        assert_eq!(Cause::NoLease.party(), Party::Exchange);
    }
}
