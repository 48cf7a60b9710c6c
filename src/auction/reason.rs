//! Refusals have names: each with its OpenRTB code and its metric label (architecture, invariant 12).

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$variant_doc])* $variant ),+ }

        impl $name {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The OpenRTB code.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self { $(Self::$variant => $code),+ }
            }

            /// The name in metrics and reports.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            /// Its place in [`Self::ALL`].
            #[must_use]
            pub const fn index(self) -> usize { self as usize }
        }
    };
}

reasons! {
    /// Why a request is answered without a bid; the codes are `nbr` (OpenRTB 2.6 §5.24, own ones from 500).
    NoBid {
        /// Not a placement of this media, or the media is stopped.
        UnknownPlacement = 7, "unknown_placement";
        /// The media is stopped.
        MediaSuspended = 510, "media_suspended";
        /// Too little time is left to ask anybody.
        NoTime = 15, "no_time";
        /// The request allows other currencies only.
        Currency = 500, "currency";
        /// No deal applies to what is offered.
        NoDeal = 501, "no_deal";
        /// Deals apply, and none may run now.
        NoEligibleDeal = 502, "no_eligible_deal";
        /// Nobody who was asked bid in time.
        NoBids = 503, "no_bids";
        /// Who bid, bid wrongly.
        AllRejected = 504, "all_rejected";
        /// The money behind the winning bids was gone.
        Unfunded = 505, "unfunded";
    }
}

reasons! {
    /// Why a bid does not count; the codes are loss reasons (OpenRTB 2.6 §5.25, own ones from 500).
    BidRejection {
        /// The answer is not an OpenRTB response.
        InvalidResponse = 3, "invalid_response";
        /// The answer is for another auction.
        WrongAuction = 5, "wrong_auction";
        /// An imp that was not offered to this DSP.
        UnknownImp = 501, "unknown_imp";
        /// A currency that was not offered.
        WrongCurrency = 502, "wrong_currency";
        /// No price, or none above zero.
        MissingPrice = 9, "missing_price";
        /// No deal id where only deals are sold.
        MissingDeal = 503, "missing_deal";
        /// A deal that was not offered to this DSP on this imp (architecture, invariant 3).
        DealNotOffered = 4, "deal_not_offered";
        /// Below the deal's price.
        BelowDealPrice = 101, "below_deal_price";
        /// A seat that does not stand for the deal's buyer.
        SeatNotAllowed = 104, "seat_not_allowed";
        /// No creative id.
        MissingCreative = 8, "missing_creative";
        /// A creative that the buyer never submitted (R-REVIEW).
        UnknownCreative = 10, "unknown_creative";
        /// A creative that waits for its review.
        CreativePending = 201, "creative_pending";
        /// A creative that was refused, suspended or has expired (R-REFUSE).
        CreativeNotApproved = 202, "creative_not_approved";
        /// A size that was not approved or does not fit the imp.
        SizeNotAllowed = 203, "size_not_allowed";
        /// A kind of ad that the imp does not take.
        FormatNotAllowed = 204, "format_not_allowed";
        /// No advertiser domain, or a broken one.
        MissingAdvertiser = 6, "missing_advertiser";
        /// A domain that is not the creative's advertiser's (R-OWN).
        ForeignAdvertiser = 504, "foreign_advertiser";
        /// The advertiser's documents are missing or expired (R-QUALIFY).
        NotQualified = 505, "not_qualified";
        /// The media prohibits the advertiser (R-CATEGORY).
        AdvertiserProhibited = 205, "advertiser_prohibited";
        /// The media prohibits the category (R-CATEGORY).
        CategoryProhibited = 209, "category_prohibited";
        /// A creative attribute that the imp blocks.
        AttributeBlocked = 210, "attribute_blocked";
        /// Longer or shorter than the imp takes.
        DurationNotAllowed = 200, "duration_not_allowed";
        /// No markup.
        MissingMarkup = 7, "missing_markup";
        /// Markup over http where https is needed.
        NotSecure = 207, "not_secure";
        /// An API or protocol that the imp does not take.
        ApiNotAllowed = 211, "api_not_allowed";
        /// An app that the request blocks.
        AppBlocked = 206, "app_blocked";
        /// A language that the request does not take.
        LanguageNotAllowed = 208, "language_not_allowed";
        /// The deal's price is under the media's floor per second for an ad of that length.
        BelowFloorPerSecond = 100, "below_floor_per_second";
        /// A place in the pod that the imp does not guarantee.
        SlotNotOffered = 506, "slot_not_offered";
        /// An advertiser that may not run under the deal (R-OWN, `deal.wadomain`).
        AdvertiserNotInDeal = 213, "advertiser_not_in_deal";
        /// Part of a group that only wins as a whole; ads are sold one by one.
        GroupedBid = 507, "grouped_bid";
        /// Native markup that is no native response.
        InvalidNative = 508, "invalid_native";
        /// A required asset is not answered.
        MissingAsset = 509, "missing_asset";
        /// An asset that was not asked for, of another kind, too long or of the wrong size.
        AssetNotAllowed = 510, "asset_not_allowed";
        /// An event tracker that was not asked for.
        TrackerNotAllowed = 511, "tracker_not_allowed";
        /// Video or audio markup that is no well-formed VAST or DAAST document, a URL instead of one among it.
        InvalidVast = 515, "invalid_vast";
        /// Markup without a place for the beacon that would bill it: no ad in it, or only an overlay where a minimum display time is
        /// asked for (R-DISPLAY).
        UnbillableMarkup = 516, "unbillable_markup";
        /// A category that neither the creative nor its advertiser was approved with (R-REVIEW, R-CATEGORY).
        CategoryNotApproved = 517, "category_not_approved";
        /// A creative attribute that was not approved (R-REVIEW).
        AttributeNotApproved = 518, "attribute_not_approved";
        /// Other markup than was approved or submitted, where the deal takes no other (R-REVIEW).
        MarkupNotApproved = 519, "markup_not_approved";
        /// The creative says a word that the media prohibits, or nobody has looked yet whether it does (R-CATEGORY).
        WordProhibited = 520, "word_prohibited";
        /// Content that no person has seen, on a media that does not take any (R-REVIEW).
        UnreviewedNotTaken = 521, "unreviewed_not_taken";
        /// Content that no person has seen, and the deal's share of the day is used up (R-REVIEW).
        UnreviewedLimit = 522, "unreviewed_limit";
    }
}

reasons! {
    /// Why a bid that counts wins nothing; the codes are loss reasons like those of [`BidRejection`].
    Loss {
        /// A bid of the same precedence with a higher price has the place.
        Outbid = 102, "outbid";
        /// A deal of higher precedence has the place, or the rest of the pod is too short (architecture, invariant 4).
        Outranked = 103, "outranked";
        /// The pod has the advertiser or the creative already.
        Separated = 205, "separated";
        /// Another bid for the same deal on the same imp came first.
        SecondBid = 512, "second_bid";
        /// The money behind it was gone.
        Unfunded = 513, "unfunded";
        /// The user has seen enough of the deal (R-FREQUENCY).
        FrequencyCapped = 514, "frequency_capped";
        /// Others won the rest of what the deal may show today before a person has seen it (R-REVIEW).
        UnreviewedLimit = 523, "unreviewed_limit";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_labels_tell_reasons_apart() {
        let codes: HashSet<_> = BidRejection::ALL.iter().map(|reason| reason.code()).collect();
        let labels: HashSet<_> = BidRejection::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!((codes.len(), labels.len()), (BidRejection::ALL.len(), BidRejection::ALL.len()));
        let codes: HashSet<_> = NoBid::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), NoBid::ALL.len());
        let own = Loss::ALL.iter().filter(|loss| loss.code() >= 500).map(|loss| loss.code());
        assert!(own.into_iter().all(|code| BidRejection::ALL.iter().all(|reason| reason.code() != code)));
        assert!(NoBid::ALL.iter().enumerate().all(|(index, reason)| reason.index() == index));
    }
}
