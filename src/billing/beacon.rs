//! A billing notice: from its token to a durable posting (architecture, invariants 6 and 7).

use super::token::{Purpose, TokenError, Tokens};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Charge, Journal, Posting, Recorded, Resolution, Unrecorded, Via, VoidReason};
use crate::ids::Lane;
use crate::market::Market;
use crate::market::deal::DealState;

/// How a billing notice is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 `{"billable":true}`: posted now, durably.
    Posted,
    /// 200 `{"billable":true}`: posted before.
    AlreadyPosted,
    /// 200 `{"billable":false}`: shown for less than the placement's minimum so far (R-DISPLAY).
    TooShort,
    /// 410: its token's life is over.
    Expired,
    /// 410: made void by a suspension, now or before.
    Void,
    /// 403: not a token of ours.
    BadToken(TokenError),
    /// 503: not durable; ask again.
    NotDurable(Unrecorded),
}

impl Answer {
    /// The name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::AlreadyPosted => "already_posted",
            Self::TooShort => "too_short",
            Self::Expired => "expired",
            Self::Void => "void",
            Self::BadToken(_) => "bad_token",
            Self::NotDurable(_) => "not_durable",
        }
    }
}

/// One billing notice as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'n> {
    /// The token of its URL.
    pub token: &'n str,
    /// How long the ad was on screen, ms, where that was told.
    pub displayed_ms: Option<u32>,
    /// How it came.
    pub via: Via,
}

/// What a notice asks for, decided without waiting.
#[derive(Clone, Copy, Debug)]
enum Decision {
    Answer(Answer),
    Record(Posting),
}

/// Bills one display: opens the token, checks life, minimum and suspensions, and waits until the posting is durable.
///
/// Returns the charge too, so that the caller can count it.
pub async fn bill(
    notice: Notice<'_>,
    tokens: &Tokens,
    market: &Market,
    journal: &dyn Journal,
    lane: Lane,
    now: UnixMillis,
) -> (Answer, Option<Charge>) {
    let charge = match tokens.open(Purpose::Bill, notice.token) {
        Ok(charge) => charge,
        Err(error) => return (Answer::BadToken(error), None),
    };
    let posting = match decide(&charge, notice, market, now) {
        Decision::Answer(answer) => return (answer, Some(charge)),
        Decision::Record(posting) => posting,
    };
    let outcome = match journal.submit(lane, posting) {
        Ok(receipt) => receipt.outcome().await,
        Err(refused) => Err(refused),
    };
    let answer = match outcome {
        Ok(Recorded::Posted) => Answer::Posted,
        Ok(Recorded::AlreadyPosted) => Answer::AlreadyPosted,
        Ok(Recorded::Voided | Recorded::AlreadyVoided) => Answer::Void,
        Ok(Recorded::LeaseClosed) => Answer::Expired,
        Err(unrecorded) => Answer::NotDurable(unrecorded),
    };
    (answer, Some(charge))
}

fn decide(charge: &Charge, notice: Notice<'_>, market: &Market, now: UnixMillis) -> Decision {
    if now > charge.expires_at {
        return Decision::Answer(Answer::Expired);
    }
    if notice.displayed_ms.unwrap_or(0) < charge.minimum_display_ms {
        return Decision::Answer(Answer::TooShort);
    }
    let resolution = match suspension(charge, market, now.shanghai_day()) {
        Some(reason) => Resolution::Voided(reason),
        None => Resolution::Posted,
    };
    Decision::Record(Posting {
        charge: *charge,
        resolution,
        at: now,
        via: notice.via,
        displayed_ms: notice.displayed_ms,
    })
}

/// Whether what was won may not be shown any more. What has left the market by its own end (a deal that is over) was
/// rightly won and is billed.
fn suspension(charge: &Charge, market: &Market, today: ShanghaiDay) -> Option<VoidReason> {
    if market.is_stopped(charge.creative, charge.version) {
        return Some(VoidReason::CreativeSuspended);
    }
    if market.advertiser(charge.advertiser).is_some_and(|advertiser| !advertiser.is_qualified_on(today)) {
        return Some(VoidReason::AdvertiserNotQualified);
    }
    if market.deals.get(charge.deal).is_some_and(|deal| market.deal_state(deal) == DealState::Suspended) {
        return Some(VoidReason::DealSuspended);
    }
    if market.buyer_is_suspended(charge.buyer) {
        return Some(VoidReason::BuyerSuspended);
    }
    if market.media.get(charge.media).is_some_and(|media| market.media_is_suspended(media)) {
        return Some(VoidReason::MediaSuspended);
    }
    if market.dsp_is_suspended(charge.dsp) {
        return Some(VoidReason::DspSuspended);
    }
    None
}
