//! The books as they are kept, and the ports to them: journal rows, leases, positions, stored transactions.

use std::collections::BTreeSet;

use super::{
    Account, ChargeKey, ClickGroup, Clicked, ClosedDay, DaySum, Draft, EVENT_VERSION, FactHead, FactKind, GrantTerms,
    Group, GroupKey, KeptCommitment, KeptFact, Kinds, LeasePart, Method, Position, Posting, Resolution, Sealed, Source,
    Standing, StoreUnavailable, Tally, Whose,
};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{AuctionId, BuyerId, DealId, IdBook, LeaseId, MediaId};
use crate::money::MicroYuan;

/// A row of the journal, as it is stored: what a [`Posting`] leaves behind for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Its place in the journal, from 1, without gaps.
    pub seq: u64,
    /// Its auction.
    pub auction: AuctionId,
    /// Its imp.
    pub imp: u8,
    /// Its ad of the imp.
    pub slot: u8,
    /// 0 for posted, otherwise the code of the `VoidReason`.
    pub resolution: u8,
    /// The `EVENT_VERSION` that wrote it.
    pub version: u8,
    /// The media's number.
    pub media: MediaId,
    /// The placement's number.
    pub placement: u32,
    /// The DSP's number.
    pub dsp: u32,
    /// The buyer's number.
    pub buyer: BuyerId,
    /// The advertiser's number.
    pub advertiser: u32,
    /// The deal's number.
    pub deal: DealId,
    /// The creative's number.
    pub creative: u32,
    /// The creative's version.
    pub creative_version: u16,
    /// How the deal is bought.
    pub method: Method,
    /// The lease that it counts against.
    pub lease: LeaseId,
    /// Thousandths of an impression.
    pub quantity: u32,
    /// The agreed price, micro-yuan per mille.
    pub price: i64,
    /// The media's price, micro-yuan per mille.
    pub earning: i64,
    /// What the buyer pays; also kept for a void, which nobody pays.
    pub amount: MicroYuan,
    /// What the media earns of it.
    pub earned: MicroYuan,
    /// When its notice came.
    pub at: UnixMillis,
    /// The code of the `Via`.
    pub via: u8,
    /// How long it was on screen, in milliseconds, where that was told.
    pub displayed_ms: Option<u32>,
}

impl Journaled {
    /// The row of a posting.
    #[must_use]
    pub fn new(seq: u64, posting: &Posting) -> Self {
        let charge = &posting.charge;
        Self {
            seq,
            auction: charge.key.auction,
            imp: charge.key.imp.0,
            slot: charge.key.slot.0,
            resolution: match posting.resolution {
                Resolution::Posted => 0,
                Resolution::Voided(reason) => reason.code(),
            },
            version: EVENT_VERSION,
            media: charge.media,
            placement: charge.placement.0,
            dsp: charge.dsp.0,
            buyer: charge.buyer,
            advertiser: charge.advertiser.0,
            deal: charge.deal,
            creative: charge.creative.0,
            creative_version: charge.version.0,
            method: charge.method,
            lease: charge.lease,
            quantity: charge.quantity.0,
            price: charge.price.micro_yuan_per_mille(),
            earning: charge.earning.micro_yuan_per_mille(),
            amount: charge.amount(),
            earned: charge.earned(),
            at: posting.at,
            via: posting.via as u8,
            displayed_ms: posting.displayed_ms,
        }
    }

    /// Whether somebody pays for it.
    #[must_use]
    pub const fn is_posted(&self) -> bool {
        self.resolution == 0
    }

    /// The settlement day: that of the auction (R-MONTH).
    #[must_use]
    pub fn day(&self) -> ShanghaiDay {
        self.auction.at().shanghai_day()
    }
}

/// A stored transaction. Its contents are unchecked: `settlement::ledger::verify` is there to find what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number, from 1, without gaps.
    pub id: u64,
    /// Its contents.
    pub contents: Draft,
}

/// Where a lease is in its life. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LeaseState {
    /// May be awarded from until its window ends.
    Open = 0,
    /// No more is awarded; its tokens may still be posted.
    Retired = 1,
    /// Its tokens are dead; what was not posted went back.
    Closed = 2,
}

/// A lease and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Its id.
    pub id: LeaseId,
    /// What it draws on.
    pub source: Source,
    /// Who pays.
    pub buyer: BuyerId,
    /// How much may be awarded.
    pub amount: MicroYuan,
    /// How much was, once it is retired.
    pub awarded: Option<MicroYuan>,
    /// How much was posted.
    pub posted: MicroYuan,
    /// By how many charges.
    pub posted_count: u64,
    /// Until when it may be awarded from.
    pub window_ends: UnixMillis,
    /// When all its tokens are dead.
    pub closes_at: UnixMillis,
    /// Where it is in its life.
    pub state: LeaseState,
}

impl LeaseRecord {
    /// The most that its charges may post: what it holds of its source until it closes.
    #[must_use]
    pub fn bound(&self) -> MicroYuan {
        self.awarded.unwrap_or(self.amount)
    }
}

/// What two totals say about the same money (interfaces, `demo`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Posted charges in the journal.
    pub posted_count: u64,
    /// Their amounts.
    pub posted: MicroYuan,
    /// What delivery transactions took from buyers.
    pub ledger: MicroYuan,
}

/// The books as they were at one moment. All answers of one value agree with each other.
pub trait Books {
    /// The last row of the journal; 0 for none.
    ///
    /// # Errors
    /// [`StoreUnavailable`], here and in every other call, when it cannot be read.
    fn head_seq(&self) -> Result<u64, StoreUnavailable>;

    /// The rows of the journal with `after < seq ≤ after + limit`, in order. Fewer only at the head, where rows are missing, or where
    /// they were let go with their sealed days.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn charges(&self, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable>;

    /// The first charge, if any, that is in the journal twice: the later seq.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn doubled_charge(&self) -> Result<Option<u64>, StoreUnavailable>;

    /// The last row of the journal that is in the ledger; 0 for none.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn cursor(&self) -> Result<u64, StoreUnavailable>;

    /// The digest of a day's rows as far as they are in the ledger; zeros for none.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn day_digest(&self, day: ShanghaiDay) -> Result<[u8; 32], StoreUnavailable>;

    /// At most `limit` deliveries of a day with an id above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn deliveries_of(&self, day: ShanghaiDay, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable>;

    /// At most `limit` rows of a day with a seq above `after`, in order; none where they were let go.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn charges_of(&self, day: ShanghaiDay, after: u64, limit: u32) -> Result<Vec<Journaled>, StoreUnavailable>;

    /// The days that can be sealed at `now`, in order: not sealed, every lease that may carry their charges closed, every row in the
    /// ledger, each delivery with a digest of the day's own.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn sealable(&self, now: UnixMillis) -> Result<Vec<ShanghaiDay>, StoreUnavailable>;

    /// The sealed days in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn seals(&self) -> Result<Vec<Sealed>, StoreUnavailable>;

    /// At most `limit` groups that were laid down for a day, with a key above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn groups(&self, day: ShanghaiDay, after: Option<GroupKey>, limit: u32) -> Result<Vec<Group>, StoreUnavailable>;

    /// All groups of clicks that were laid down for a day, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn click_groups(&self, day: ShanghaiDay) -> Result<Vec<ClickGroup>, StoreUnavailable>;

    /// At most `limit` transactions with an id above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn transactions(&self, after: u64, limit: u32) -> Result<Vec<Stored>, StoreUnavailable>;

    /// What was delivered by settlement days from `first` to `last`, of one buyer or of all, in order of their keys. Costs the number of
    /// sums, whatever the number of impressions.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn day_sums(
        &self,
        first: ShanghaiDay,
        last: ShanghaiDay,
        buyer: Option<BuyerId>,
    ) -> Result<Vec<DaySum>, StoreUnavailable>;

    /// What the entries of each account add up to, in order of the accounts: debit positive, credit negative.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn balances(&self) -> Result<Vec<(Account, MicroYuan)>, StoreUnavailable>;

    /// At most `limit` leases with an id above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn leases(&self, after: u64, limit: u32) -> Result<Vec<LeaseRecord>, StoreUnavailable>;

    /// What each of these leases may take from which pots, in order; nothing for a lease that is not known.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn lease_parts(&self, leases: &[LeaseId]) -> Result<Vec<(LeaseId, Vec<LeasePart>)>, StoreUnavailable>;

    /// How much the ledger has taken of each of these leases that draw on several accounts, in order; nothing for a lease that it has taken
    /// nothing of.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn drawn(&self, leases: &[LeaseId]) -> Result<Vec<(LeaseId, MicroYuan)>, StoreUnavailable>;

    /// The terms of every grant that was given, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn grants(&self) -> Result<Vec<GrantTerms>, StoreUnavailable>;

    /// What a buyer and its clients may do with their accounts.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn standing(&self, buyer: BuyerId) -> Result<Standing, StoreUnavailable>;

    /// The days of guaranteed deals that were decided, with a day from `from` to `to`, both included, in order of day and deal.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn commitments(&self, from: ShanghaiDay, to: ShanghaiDay) -> Result<Vec<KeptCommitment>, StoreUnavailable>;

    /// What can be closed of the first day that is not closed, in order of deal: days that are over and sealed, or on which nothing happened.
    /// Nothing while that day waits to be sealed. Deals that are passed over hold up nobody.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn closable(&self, now: UnixMillis, passing: &BTreeSet<DealId>) -> Result<Vec<KeptCommitment>, StoreUnavailable>;

    /// The days of which something is closed, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn closed_days(&self) -> Result<Vec<ShanghaiDay>, StoreUnavailable>;

    /// The closed days of guaranteed deals from `first` to `last`, in order of day and deal.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn closings(&self, first: ShanghaiDay, last: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable>;

    /// The closed days of a buyer from `first` to `last`, of one of its deals or of all, in order of day and deal. Others' cost nothing.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn closings_of(
        &self,
        buyer: BuyerId,
        deal: Option<DealId>,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Result<Vec<ClosedDay>, StoreUnavailable>;

    /// The closed days of which something is kept to be made good on a day, in order of day and deal.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn made_good_on(&self, day: ShanghaiDay) -> Result<Vec<ClosedDay>, StoreUnavailable>;

    /// The money of every pot, and how much of it is unspendable at `now`, in order of the pots.
    ///
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn positions(&self, now: UnixMillis) -> Result<Vec<Position>, StoreUnavailable>;

    /// Those of them that are a buyer's, its clients' and its grants'.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn positions_of(&self, buyer: BuyerId, now: UnixMillis) -> Result<Vec<Position>, StoreUnavailable> {
        Ok(self.positions(now)?.into_iter().filter(|position| position.buyer == buyer).collect())
    }

    /// Journal and ledger in one sum each.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn totals(&self) -> Result<Totals, StoreUnavailable>;

    /// The counts of a day, in order of deal and measure.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn tallies_of(&self, day: ShanghaiDay) -> Result<Vec<Tally>, StoreUnavailable>;

    /// How many charges of each deal were posted for a day: where its plan goes on after a restart.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn posted_of(&self, day: ShanghaiDay) -> Result<Vec<(DealId, u64)>, StoreUnavailable>;

    /// At most `limit` ads of a day that were clicked, with a key above `after`, in order of their keys.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn clicks(&self, day: ShanghaiDay, after: Option<ChargeKey>, limit: u32) -> Result<Vec<Clicked>, StoreUnavailable>;

    /// At most `limit` facts with a place above `after`, in order.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn facts(&self, after: u64, limit: u32) -> Result<Vec<KeptFact>, StoreUnavailable> {
        self.facts_of(Kinds::All, Whose::Anybodys, after, limit)
    }

    /// At most `limit` facts of some kinds with a place above `after`, in order. Others cost nothing.
    ///
    /// # Errors
    /// See [`Books::head_seq`]; also when one of them is of a kind that this program does not know.
    fn facts_of(&self, kinds: Kinds, whose: Whose, after: u64, limit: u32) -> Result<Vec<KeptFact>, StoreUnavailable>;

    /// The heads of the facts of a kind with a day from `first` to `last`, in order of their places. What they say is not read.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn fact_heads(
        &self,
        kind: FactKind,
        whose: Whose,
        first: ShanghaiDay,
        last: ShanghaiDay,
    ) -> Result<Vec<FactHead>, StoreUnavailable>;

    /// The fact of a kind with that reference.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn fact(&self, kind: FactKind, reference: &str) -> Result<Option<KeptFact>, StoreUnavailable>;

    /// The place of the last fact; 0 for none.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn last_fact(&self) -> Result<u64, StoreUnavailable>;

    /// Every number that was ever given.
    ///
    /// # Errors
    /// See [`Books::head_seq`].
    fn load_ids(&self) -> Result<IdBook, StoreUnavailable>;
}
