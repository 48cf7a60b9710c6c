//! What DSPs are owed: the notices of won bids that wait for the media's word, and those that could not be delivered yet
//! (`docs/decisions/0022-notices-to-dsps.md`).

use super::{Audit, ChargeKey, StoreUnavailable};
use crate::clock::UnixMillis;
use crate::ids::DspId;
use crate::money::{Currency, Quantity};

/// What a notice tells a DSP (OpenRTB 2.6 §4.2.3). The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NoticeKind {
    /// `nurl`: its bid won.
    Win = 1,
    /// `burl`: its bid was billed.
    Bill = 2,
    /// `lurl`: its bid lost, and why.
    Loss = 3,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Win, Self::Bill, Self::Loss];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind with that code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Its name in metrics and on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Bill => "bill",
            Self::Loss => "loss",
        }
    }
}

/// What a DSP said of a bid and its notices need again, in its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeWords {
    /// The imp's id as it was offered; empty where the bid named none of them.
    pub imp: String,
    /// `BidResponse.bidid`.
    pub response: Option<String>,
    /// The seat.
    pub seat: Option<String>,
    /// `Bid.adid`.
    pub ad: Option<String>,
}

/// A won bid whose DSP wants to hear of it, until it is known whether it was displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WonBid {
    /// Its charge.
    pub key: ChargeKey,
    /// Who bid.
    pub dsp: DspId,
    /// After this it is billed no more.
    pub expires_at: UnixMillis,
    /// The agreed price as the DSP was told it: CPM in millionths of its currency.
    pub price: i64,
    /// What it bid, likewise.
    pub bid: i64,
    /// Its currency.
    pub currency: Currency,
    /// How many impressions were won.
    pub quantity: Quantity,
    /// What fills its macros.
    pub words: NoticeWords,
    /// `nurl`, macros not filled in.
    pub win: Option<String>,
    /// `burl`, macros not filled in.
    pub bill: Option<String>,
    /// Whether `nurl` was called, or is about to be.
    pub told: bool,
}

/// A notice that was tried in vain, or never, macros filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedNotice {
    /// The charge that it is about.
    pub key: ChargeKey,
    /// Whom it is for.
    pub dsp: DspId,
    /// What it tells.
    pub kind: NoticeKind,
    /// Where it goes.
    pub url: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again; `None`: not by itself any more.
    pub next_at: Option<UnixMillis>,
    /// What came of the last attempt.
    pub error: String,
    /// When it was first kept.
    pub made_at: UnixMillis,
}

/// A notice in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptNotice {
    /// Its id, from 1; never given twice.
    pub id: u64,
    /// What is owed.
    pub notice: OwedNotice,
}

/// What came of one more attempt at a kept notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is owed no more.
    Delivered,
    /// It was tried so often by now, and is tried again then, or not by itself any more.
    Failed {
        /// How often it was tried.
        attempts: u32,
        /// When it is tried again.
        next_at: Option<UnixMillis>,
        /// What came of it.
        error: String,
    },
}

/// Changes that become durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxRound {
    /// Won bids to be kept. One whose charge the journal has posted already is owed at once.
    pub waiting: Vec<WonBid>,
    /// Kept won bids of which the media said that they won.
    pub shown: Vec<ChargeKey>,
    /// Kept won bids whose charge was posted, and when.
    pub posted: Vec<(ChargeKey, UnixMillis)>,
    /// Kept won bids whose DSP has heard everything, or will by a kept notice of this round.
    pub settled: Vec<ChargeKey>,
    /// Notices to be kept.
    pub failed: Vec<OwedNotice>,
    /// What came of kept ones.
    pub tried: Vec<(u64, Attempt)>,
}

impl OutboxRound {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
            && self.shown.is_empty()
            && self.posted.is_empty()
            && self.settled.is_empty()
            && self.failed.is_empty()
            && self.tried.is_empty()
    }
}

/// Which notices are due now, from what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// Won bids whose DSP is to hear that it won; they stay kept, as told.
    pub shown: Vec<WonBid>,
    /// Won bids whose DSP is to hear that they were billed, and when they were; `told` is as it was before. They stay kept, as
    /// posted, until they are settled.
    pub posted: Vec<(WonBid, UnixMillis)>,
    /// Won bids that are over, and were forgotten.
    pub over: Vec<ChargeKey>,
}

/// Which kept notices are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// Of this DSP only.
    pub dsp: Option<DspId>,
    /// `true`: only those that are not tried by themselves any more; `false`: only the others.
    pub undelivered: Option<bool>,
}

impl NoticeFilter {
    /// Whether a notice is meant.
    #[must_use]
    pub fn takes(&self, notice: &OwedNotice) -> bool {
        self.dsp.is_none_or(|dsp| notice.dsp == dsp)
            && self.undelivered.is_none_or(|undelivered| notice.next_at.is_none() == undelivered)
    }
}

/// Which undelivered notices are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// This one.
    One(u64),
    /// All of a DSP's.
    Of(DspId),
}

/// Notices kept at most; beyond, the oldest go.
pub const MOST_NOTICES: u64 = 100_000;
/// Won bids kept at most; beyond, those that end first go.
pub const MOST_WAITING: u64 = 1_000_000;
/// How long a notice is kept, ms: 7 days (R-RETAIN).
pub const NOTICE_LIFE_MS: u64 = 7 * 86_400_000;
/// How long after its end a won bid is kept, ms: until its last posting is surely in the journal.
pub const WAITING_GRACE_MS: u64 = 60_000;

/// The port to what DSPs are owed. Called from threads that may wait. What returns without an error is durable.
pub trait Outbox: Send + Sync {
    /// Makes a round durable, all of it or nothing, and tells what is owed by it.
    ///
    /// # Errors
    /// [`StoreUnavailable`] here and in every other call: nothing changed.
    fn keep(&self, round: &OutboxRound) -> Result<Owed, StoreUnavailable>;

    /// For a start: the keys of all won bids that are kept, and of those what is owed because the journal has posted them since.
    ///
    /// # Errors
    /// See [`Outbox::keep`].
    fn resume(&self) -> Result<(Vec<ChargeKey>, Owed), StoreUnavailable>;

    /// Lets go what is over: won bids after their end (what the journal has posted of them is owed instead), at most `limit` of
    /// them, notices after their life, and the oldest of both beyond their bounds.
    ///
    /// # Errors
    /// See [`Outbox::keep`].
    fn tidy(&self, now: UnixMillis, limit: usize) -> Result<Owed, StoreUnavailable>;

    /// Kept notices that are due, those of each DSP that are due for longest, at most `most` of each. A time more than an hour
    /// ahead is due too: the clock was wrong.
    ///
    /// # Errors
    /// See [`Outbox::keep`].
    fn due(&self, now: UnixMillis, most: usize) -> Result<Vec<KeptNotice>, StoreUnavailable>;

    /// At most `limit` kept notices with an id below, the newest first.
    ///
    /// # Errors
    /// See [`Outbox::keep`].
    fn notices(&self, filter: NoticeFilter, below: u64, limit: usize) -> Result<Vec<KeptNotice>, StoreUnavailable>;

    /// How many notices are tried again by themselves, and how many are not.
    ///
    /// # Errors
    /// See [`Outbox::keep`].
    fn owed(&self) -> Result<(u64, u64), StoreUnavailable>;

    /// Has undelivered notices tried as if for the first time, together with an entry of the audit log; tells how many. Without
    /// any, nothing is logged.
    ///
    /// # Errors
    /// See [`Outbox::keep`].
    fn resend(&self, which: Resend, now: UnixMillis, audit: &Audit) -> Result<u64, StoreUnavailable>;
}
