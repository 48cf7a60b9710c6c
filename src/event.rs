//! Records that cross the two planes, and the ports through which they do (architecture §1, §3).
//!
//! Everything here is versioned and outlives the process that wrote it: codes are appended, never reused
//! (`docs/decisions/0004-events.md`). `store` implements the ports; `billing`, `delivery` and `settlement` call them; `main` joins them.

mod booking;
mod books;
#[macro_use]
mod cause;
mod click;
mod closing;
mod content;
mod fact;
mod fund;
mod journal;
mod ledger;
mod operation;
mod outbox;
mod position;
mod seal;
mod sums;

pub use booking::{BookError, Booking, Ledger};
pub use books::{Books, Journaled, LeaseRecord, LeaseState, Stored, Totals};
pub use cause::{Cause, Measure, Party, Stage};
pub use click::{Click, Clicked};
pub use closing::{ClosedDay, DayClosing, LateExemption};
pub use content::{
    Docket, DocketError, KeptStep, LARGEST_BLOB, Owner, Step, Subject, SubjectKind, Taken, Wanted, object,
};
pub use fact::{Entered, Fact, FactHead, FactKind, KeptFact, Kinds, Whose};
pub use fund::{
    AccountChange, DayCommitment, DayTerms, Fund, GrantId, GrantTerms, KeptCommitment, LeasePart, Pot, Standing,
};
pub use journal::{Journal, LaneBoard, Receipt, Recorded, Ticket, Unrecorded};
pub use ledger::{Account, AccountKind, DeliveryLine, Draft, Entry, Span, Transaction, TransactionKind, Unbalanced};
pub use operation::{Audit, Generation, Operations, REMEMBERED_MS, Remembered, Suspension, Trigger};
pub use outbox::{
    Attempt, KeptNotice, MOST_NOTICES, MOST_WAITING, NOTICE_LIFE_MS, NoticeFilter, NoticeKind, NoticeWords, Outbox,
    OutboxRound, Owed, OwedNotice, Resend, WAITING_GRACE_MS, WonBid,
};
pub use position::{Position, Sums, sums_by_source};
pub use seal::{AFTER_MIDNIGHT_MS, Archive, ClickGroup, ClickKey, Group, GroupKey, Seal, Sealed};
pub use sums::{DaySum, Delivered, SumKey};

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, LeaseId, MediaId,
    PlacementId, Slot,
};
use crate::money::{CpmMicroYuan, MicroYuan, Quantity};

/// The version of the records below; stored with each of them.
pub const EVENT_VERSION: u8 = 1;

/// How a deal is bought (R-METHODS). The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Method {
    /// Programmatic direct buying: fixed price, reserved volume, returns within the push ratio.
    Pdb = 1,
    /// Brand programmatic guarantee: fixed price, guaranteed volume, no returns.
    Bpg = 2,
    /// Preferred deal: fixed price, no volume.
    Pd = 3,
}

impl Method {
    /// All methods, in order of precedence (architecture, invariant 4).
    pub const ALL: [Self; 3] = [Self::Pdb, Self::Bpg, Self::Pd];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The method with that code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.code() == code)
    }

    /// `PDB`, `BPG` or `PD`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdb => "PDB",
            Self::Bpg => "BPG",
            Self::Pd => "PD",
        }
    }

    /// Whether a volume was promised: PDB and BPG.
    #[must_use]
    pub const fn is_guaranteed(self) -> bool {
        !matches!(self, Self::Pd)
    }
}

/// What makes a charge unique: our auction, the imp, and the ad's slot within it (architecture, invariant 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargeKey {
    /// The exchange's own id, never `BidRequest.id`.
    pub auction: AuctionId,
    /// Which imp of the request.
    pub imp: ImpIndex,
    /// Which ad of the imp.
    pub slot: Slot,
}

/// One won impression and all that is needed to bill it later, on any node, without a look-up. It travels in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Its key; the time in it decides day, month, rate and grant (R-MONTH).
    pub key: ChargeKey,
    /// After this moment its notices get 410.
    pub expires_at: UnixMillis,
    /// Who is paid.
    pub media: MediaId,
    /// Where it was shown.
    pub placement: PlacementId,
    /// Who bid.
    pub dsp: DspId,
    /// Who pays.
    pub buyer: BuyerId,
    /// Whose ad it is.
    pub advertiser: AdvertiserId,
    /// What was shown.
    pub creative: CreativeId,
    /// Which version of it.
    pub version: CreativeVersion,
    /// Under which deal.
    pub deal: DealId,
    /// How that deal is bought: decides whether commitment or free balance pays (R-COMMIT).
    pub method: Method,
    /// The lease that it was awarded from.
    pub lease: LeaseId,
    /// How much of an impression.
    pub quantity: Quantity,
    /// The agreed price; a secret from the media (R-SECRET).
    pub price: CpmMicroYuan,
    /// What the media earns (R-SHARE).
    pub earning: CpmMicroYuan,
    /// How long it must be on screen to count, in milliseconds; 0 for no minimum (R-DISPLAY).
    pub minimum_display_ms: u32,
}

impl Charge {
    /// What the buyer pays.
    #[must_use]
    pub fn amount(&self) -> MicroYuan {
        self.price.cost(self.quantity)
    }

    /// What the media earns of it.
    #[must_use]
    pub fn earned(&self) -> MicroYuan {
        self.earning.cost(self.quantity)
    }

    /// The settlement day: that of the auction.
    #[must_use]
    pub fn day(&self) -> ShanghaiDay {
        self.key.auction.at().shanghai_day()
    }
}

/// Why a charge was made void at its beacon. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum VoidReason {
    /// The creative is not approved any more (R-REVIEW, R-REFUSE).
    CreativeSuspended = 1,
    /// The deal is suspended.
    DealSuspended = 2,
    /// The buyer's account is restricted (R-ABNORMAL, R-RESTRICT).
    BuyerSuspended = 3,
    /// The media is suspended.
    MediaSuspended = 4,
    /// The DSP is suspended (R-DSP).
    DspSuspended = 5,
    /// The advertiser is not qualified any more: a document has ended, or its registration was taken back (R-QUALIFY).
    AdvertiserNotQualified = 6,
}

impl VoidReason {
    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// How a charge was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Displayed: the buyer pays.
    Posted,
    /// Suspended before it was displayed: nobody pays.
    Voided(VoidReason),
}

/// By which way the display was reported. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Via {
    /// `/n/bill`: the media's server or SDK.
    Notice = 1,
    /// `/t/imp`: a pixel in the markup.
    Pixel = 2,
}

/// A charge and how it ends: the record that becomes money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The charge.
    pub charge: Charge,
    /// How it ends.
    pub resolution: Resolution,
    /// When its notice came.
    pub at: UnixMillis,
    /// How its notice came.
    pub via: Via,
    /// How long it was on screen, in milliseconds, where that was told.
    pub displayed_ms: Option<u32>,
}

/// How often something happened to a deal on a day: an increment, added up by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The auctions' day.
    pub day: ShanghaiDay,
    /// The deal.
    pub deal: DealId,
    /// What happened.
    pub measure: Measure,
    /// How often since the last tally.
    pub count: u64,
}

/// What a lease draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The buyer's own balance: preferred deals (R-PREPAY).
    Balance(BuyerId),
    /// A client's own account: preferred deals that it pays itself (R-BALANCE).
    Client(AdvertiserId),
    /// What was set aside for one day of a guaranteed deal (R-COMMIT).
    Commitment(DealId, ShanghaiDay),
}

/// A request to spend within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// What to draw on.
    pub source: Source,
    /// Who pays.
    pub buyer: BuyerId,
    /// How much is wanted, in micro-yuan; less may be granted.
    pub want: MicroYuan,
    /// Until when it may be awarded from; at most 60 s ahead and never across midnight in Shanghai.
    pub window_ends: UnixMillis,
    /// When all its tokens are dead: window end + longest token life + clock skew.
    pub closes_at: UnixMillis,
}

/// A durable permission to award charges (architecture, invariant 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id, which travels in each charge.
    pub id: LeaseId,
    /// What it draws on.
    pub source: Source,
    /// How much may be awarded under it.
    pub amount: MicroYuan,
    /// Until when.
    pub window_ends: UnixMillis,
}

/// A source of leases; called from the cold plane, may block for a commit.
pub trait Leases: Send + Sync {
    /// Grants at most what is wanted and available; `None` when nothing is.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be made durable.
    fn grant(&self, request: LeaseRequest) -> Result<Option<Lease>, StoreUnavailable>;

    /// Says that no more will be awarded under a lease, and how much was: the rest is available again at once.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be made durable.
    fn retire(&self, lease: LeaseId, awarded: MicroYuan) -> Result<(), StoreUnavailable>;

    /// Closes every lease whose tokens are all dead at `now`; what was not posted is available again. Returns how many.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be made durable.
    fn close_dead(&self, now: UnixMillis) -> Result<u64, StoreUnavailable>;

    /// Sets aside the day's volume of a guaranteed deal from what is free of its payer, once and all of it: `false` when that does not
    /// cover it (R-COMMIT). Its terms are kept with it. A second call for a funded day changes nothing; one for a refused day tries
    /// again until the day ends.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be made durable.
    fn commit_day(&self, commitment: &DayCommitment, now: UnixMillis) -> Result<bool, StoreUnavailable>;

    /// Voids what is free of grants whose last day is over (R-BALANCE): of those of a buyer in `ends` also once its last day of use is
    /// over, if that is earlier (R-TERM). What comes back later from leases and commitments is voided by a later call. Returns how many.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be made durable.
    fn expire(&self, ends: &[(BuyerId, ShanghaiDay)], now: UnixMillis) -> Result<u64, StoreUnavailable>;
}

/// The store could not make something durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is not available: {0}")]
pub struct StoreUnavailable(pub String);
