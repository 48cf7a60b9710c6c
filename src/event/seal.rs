//! Sealed days: what a day's charges and clicks come to once no more can be added to it, and the port that keeps it
//! (`docs/decisions/0023-sealed-days.md`).

use super::{BookError, Booking, DayClosing, Ledger, Method, StoreUnavailable};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{BuyerId, DealId, LeaseId, MediaId};
use crate::money::MicroYuan;

/// How long after a day's end an auction of that day may still be awarded, in ms: far above the longest `tmax` and one lease's window. A
/// lease whose window ends by then may carry charges of the day.
pub const AFTER_MIDNIGHT_MS: u64 = 120_000;

/// What the charges of a group share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey {
    /// Who pays.
    pub buyer: BuyerId,
    /// Who is paid.
    pub media: MediaId,
    /// Under which deal.
    pub deal: DealId,
    /// Under which lease.
    pub lease: LeaseId,
    /// The creative's number.
    pub creative: u32,
    /// The creative's version.
    pub creative_version: u16,
    /// How the deal is bought.
    pub method: Method,
    /// The cause: 0 for posted, otherwise the code of the `VoidReason`.
    pub resolution: u8,
}

/// What the charges of one group of a sealed day come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which.
    pub key: GroupKey,
    /// How many charges, from 1.
    pub count: u64,
    /// Thousandths of an impression.
    pub quantity: u64,
    /// What the buyer pays; of a void, what it would have paid.
    pub amount: MicroYuan,
    /// What the media earns of it; of a void, what it would have earned.
    pub earned: MicroYuan,
}

/// What the clicks of a group share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClickKey {
    /// Who pays.
    pub buyer: BuyerId,
    /// Who is paid.
    pub media: MediaId,
    /// Under which deal.
    pub deal: DealId,
    /// The creative's number.
    pub creative: u32,
    /// The creative's version.
    pub creative_version: u16,
}

/// What the clicks of one group of a sealed day come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClickGroup {
    /// Which.
    pub key: ClickKey,
    /// How many ads were clicked, from 1.
    pub ads: u64,
    /// How often in all.
    pub clicks: u64,
}

/// A day that takes no more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Which.
    pub day: ShanghaiDay,
    /// When it was sealed.
    pub sealed_at: UnixMillis,
    /// How many rows of the journal it has, posted or void.
    pub rows: u64,
    /// The last of them; 0 for none.
    pub last_seq: u64,
    /// The digest of its rows in order, as its last delivery has it; zeros for none.
    pub digest: [u8; 32],
    /// The digest of its groups and groups of clicks in order.
    pub groups_digest: [u8; 32],
}

/// A seal, and whether the day's detail is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The seal.
    pub seal: Seal,
    /// When its charges and clicks were let go (R-RETAIN).
    pub gone_at: Option<UnixMillis>,
}

/// The port through which days are sealed and their detail is let go. Called from the cold plane; each call is one short commit.
pub trait Archive: Ledger {
    /// Lays down groups of a day that is not sealed yet. They count for nothing before its seal.
    ///
    /// # Errors
    /// [`StoreUnavailable`], here and in every other call, when it cannot be made durable; also for a day that is sealed.
    fn lay(&self, day: ShanghaiDay, charges: &[Group], clicks: &[ClickGroup]) -> Result<(), StoreUnavailable>;

    /// Takes away at most `limit` groups that were laid down for a day that was not sealed; `false` when none was left.
    ///
    /// # Errors
    /// See [`Archive::lay`].
    fn clear(&self, day: ShanghaiDay, limit: u32) -> Result<bool, StoreUnavailable>;

    /// Seals a day, for ever: no charge and no click comes to it any more.
    ///
    /// # Errors
    /// See [`Archive::lay`]; also when a lease of the day is not closed, when the ledger is not past its last row, or when that
    /// is another than the seal says.
    fn seal(&self, seal: &Seal) -> Result<(), StoreUnavailable>;

    /// Closes a day of a guaranteed deal, once: books what is payable, keeps what is owed, and remembers what was decided (R-COMMIT). Days
    /// of a deal are closed in order.
    ///
    /// # Errors
    /// [`BookError`] when the day is not sealed, is not the deal's first open one, or when its parts do not add up; nothing was booked.
    fn close_day(&self, closing: &DayClosing, now: UnixMillis) -> Result<Booking, BookError>;

    /// Gives back what a closed day charged for undelivered volume, once, because neither side failed on it after all (R-EXEMPT): kept to be
    /// made good on that day, or where it came from. A day that it would not change is left as it is.
    ///
    /// # Errors
    /// [`BookError`] when the day is not closed, or when nothing can be made good on the day that is named; nothing was booked.
    fn exempt_day(
        &self,
        deal: DealId,
        day: ShanghaiDay,
        made_good_on: Option<ShanghaiDay>,
        now: UnixMillis,
    ) -> Result<Booking, BookError>;

    /// Lets the charges and clicks of a sealed day go: no reader finds them any more. Their space comes back by [`Archive::sweep`].
    ///
    /// # Errors
    /// See [`Archive::lay`]; also when the day is not sealed.
    fn let_go(&self, day: ShanghaiDay, now: UnixMillis) -> Result<(), StoreUnavailable>;

    /// Gives the space of at most `limit` charges or clicks back that were let go; `false` when there was nothing to do.
    ///
    /// # Errors
    /// See [`Archive::lay`].
    fn sweep(&self, limit: u32) -> Result<bool, StoreUnavailable>;
}
