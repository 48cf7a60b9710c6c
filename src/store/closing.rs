//! Closing a day of a guaranteed deal: what is payable is paid from what was set aside, what is owed is kept for the day on which it may be
//! made good, or goes back (R-COMMIT, R-MAKEGOOD). Written once, over what an engine keeps.

use super::funds::{self, Vault};
use super::purse::Purse;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountKind, BookError, Booking, ClosedDay, DayClosing, DayTerms, Entry, Fund, KeptCommitment,
    LateExemption, LeasePart, Pot, StoreUnavailable, Transaction, TransactionKind, Unbalanced,
};
use crate::ids::DealId;
use crate::money::MicroYuan;

/// What an engine keeps of closed days.
pub(super) trait Closings: Vault {
    fn commitment(&self, deal: DealId, day: ShanghaiDay) -> Result<Option<KeptCommitment>, StoreUnavailable>;
    /// The first day of a deal that was decided by its terms and is not closed.
    fn first_open(&self, deal: DealId) -> Result<Option<ShanghaiDay>, StoreUnavailable>;
    fn closed(&self, deal: DealId, day: ShanghaiDay) -> Result<Option<ClosedDay>, StoreUnavailable>;
    fn keep_closed(&mut self, closed: &ClosedDay) -> Result<(), StoreUnavailable>;
    /// Keeps what an exemption changed of a closed day.
    fn keep_exempted(
        &mut self,
        deal: DealId,
        day: ShanghaiDay,
        exemption: &LateExemption,
    ) -> Result<(), StoreUnavailable>;
    /// The entries of the transaction of a kind with that reference; none where there is no such transaction.
    fn entries_of(&self, kind: TransactionKind, reference: &str) -> Result<Vec<Entry>, StoreUnavailable>;
    /// What the entries of an account add up to.
    fn balance(&self, account: Account) -> Result<MicroYuan, StoreUnavailable>;
    /// Whether nothing can be posted for a day any more: it is sealed, or nothing happened on it and its leases are closed.
    fn is_settled(&self, day: ShanghaiDay, now: UnixMillis) -> Result<bool, StoreUnavailable>;
}

/// Closes a day, once.
pub(super) fn close(vault: &mut impl Closings, closing: &DayClosing, now: UnixMillis) -> Result<Booking, BookError> {
    let DayClosing { deal, day, buyer, .. } = *closing;
    if vault.closed(deal, day)?.is_some() {
        return Ok(Booking::AlreadyBooked);
    }
    let (funded, terms) = check(vault, closing, now)?;
    let mut pots = funds::ordered(vault, vault.set_aside(deal, day)?)?;
    if pots.iter().any(|(_, purse)| purse.held.is_positive()) {
        return Err(refuse(closing, "leases hold money of it"));
    }
    let committed: MicroYuan =
        pots.iter().filter(|(pot, _)| matches!(pot, Pot::Committed(..))).map(|(_, purse)| purse.funded).sum();
    let posted: MicroYuan = pots.iter().map(|(_, purse)| purse.settled).sum();
    let payable = payable(closing, terms.amount, committed.min(posted));
    let mut closed = ClosedDay {
        closing: closing.clone(),
        closed_at: now,
        funded,
        payable,
        from_grants: MicroYuan::ZERO,
        from_cash: MicroYuan::ZERO,
        owed: MicroYuan::ZERO,
        kept: MicroYuan::ZERO,
        released: MicroYuan::ZERO,
        exemption: None,
    };
    let revenue = Account::single(AccountKind::UndeliveredRevenue);
    let (mut sides, mut back) = (vec![(revenue, -payable)], Vec::new());
    let mut left = if funded { payable } else { MicroYuan::ZERO };
    for (pot, purse) in &mut pots {
        let rest = purse.funded - purse.settled;
        let paid = left.min(rest);
        let owed = rest - paid;
        left -= paid;
        purse.funded = purse.settled;
        vault.keep_purse(*pot, purse)?;
        let (account, fund) = (pot.account(buyer), pot.fund());
        sides.push((account, paid));
        if matches!(fund, Fund::Grant(_)) {
            closed.from_grants += paid;
        }
        match closing.made_good_on {
            Some(on) => {
                closed.kept += owed;
                let next = Pot::MakeGood(deal, on, fund);
                sides.extend([(account, owed), (next.account(buyer), -owed)]);
                if owed.is_positive() {
                    let mut purse = vault.purse(next)?.unwrap_or(Purse::empty(buyer));
                    purse.funded += owed;
                    vault.keep_purse(next, &purse)?;
                }
            }
            None => {
                closed.released += owed;
                back.extend([(account, owed), (fund.account(), -owed)]);
            }
        }
    }
    // Before cash is looked at: what goes back may pay what is owed.
    book(vault, TransactionKind::MakeGoodRelease, closing, back, now)?;
    if !funded {
        let cash = Pot::Free(Fund::Cash(buyer));
        closed.from_cash = payable.min(vault.purse(cash)?.map_or(MicroYuan::ZERO, |purse| purse.available()));
        closed.owed = payable - closed.from_cash;
        let receivable = Account { kind: AccountKind::BuyerReceivable, owner: buyer.0 };
        sides.extend([(cash.account(buyer), closed.from_cash), (receivable, closed.owed)]);
    }
    book(vault, TransactionKind::DayClosing, closing, sides, now)?;
    vault.keep_closed(&closed)?;
    Ok(Booking::Booked)
}

/// What is payable though it was not delivered: the day's volume, less the exchange's failure and what was posted of it.
pub(super) fn payable(closing: &DayClosing, volume: MicroYuan, posted: MicroYuan) -> MicroYuan {
    let per_impression = i128::from(closing.price.per_impression().0);
    let excused = per_impression * (i128::from(closing.failed) + i128::from(closing.exempted));
    let payable = i128::from(volume.0) - excused - i128::from(posted.0);
    MicroYuan(i64::try_from(payable.max(0)).unwrap_or(i64::MAX))
}

/// Whether the day may be closed that way; whether it was funded, and its terms.
fn check(vault: &impl Closings, closing: &DayClosing, now: UnixMillis) -> Result<(bool, DayTerms), BookError> {
    let DayClosing { deal, day, .. } = *closing;
    let Some((kept, terms)) = vault.commitment(deal, day)?.and_then(|kept| Some((kept, kept.terms?))) else {
        return Err(refuse(closing, "nobody decided on what terms it runs"));
    };
    if (terms.ordered, terms.price, kept.buyer) != (closing.ordered, closing.price, closing.buyer) {
        return Err(refuse(closing, "its terms are others"));
    }
    let parts = [closing.delivered, closing.failed, closing.exempted, closing.by_buyer];
    let undelivered: u128 = closing.causes.iter().map(|(_, count)| u128::from(*count)).sum();
    let whole: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    if whole != u128::from(closing.ordered) || undelivered != whole - u128::from(closing.delivered) {
        return Err(refuse(closing, "its parts do not add up to what was ordered"));
    }
    if vault.first_open(deal)? != Some(day) {
        return Err(refuse(closing, "an earlier day of the deal is not closed"));
    }
    if !vault.is_settled(day, now)? {
        return Err(refuse(closing, "it is not sealed"));
    }
    if let Some(on) = closing.made_good_on
        && (on <= day || on > closing.good_until || vault.closed(deal, on)?.is_some())
    {
        return Err(refuse(closing, "nothing can be made good on the day that it names"));
    }
    Ok((kept.funded, terms))
}

const fn refuse(closing: &DayClosing, why: &'static str) -> BookError {
    BookError::NotClosed { deal: closing.deal, day: closing.day, why }
}

/// Gives back what a closed day charged for undelivered volume, once, because neither side failed on it (R-EXEMPT).
pub(super) fn exempt(
    vault: &mut impl Closings,
    (deal, day): (DealId, ShanghaiDay),
    made_good_on: Option<ShanghaiDay>,
    now: UnixMillis,
) -> Result<Booking, BookError> {
    let not_closed = BookError::NotClosed { deal, day, why: "so that nothing of it can be exempted" };
    let closed = vault.closed(deal, day)?.ok_or(not_closed)?;
    if !closed.may_be_exempted() {
        return Ok(Booking::AlreadyBooked);
    }
    // What was never set aside is no money that could be kept.
    let on = made_good_on.filter(|_| closed.funded);
    if let Some(on) = on
        && (on <= day || on > closed.closing.good_until || vault.closed(deal, on)?.is_some())
    {
        return Err(refuse(&closed.closing, "nothing can be made good on the day that is named for its exemption"));
    }
    let back = closed.given_back_by_exemption();
    let mut exemption =
        LateExemption { at: now, back, to_grants: MicroYuan::ZERO, kept: MicroYuan::ZERO, made_good_on: on };
    let mut sides = vec![(Account::single(AccountKind::UndeliveredRevenue), back)];
    for (fund, amount) in paid_back(vault, &closed, back)? {
        if matches!(fund, Fund::Grant(_)) {
            exemption.to_grants += amount;
        }
        let Some(on) = on else {
            sides.push((fund.account(), -amount));
            continue;
        };
        let pot = Pot::MakeGood(deal, on, fund);
        let mut purse = vault.purse(pot)?.unwrap_or(Purse::empty(closed.closing.buyer));
        purse.funded += amount;
        vault.keep_purse(pot, &purse)?;
        exemption.kept += amount;
        sides.push((pot.account(closed.closing.buyer), -amount));
    }
    let reference = exempted(deal, day);
    match Transaction::of(TransactionKind::DayClosing, reference, day, now, "R-EXEMPT", sides) {
        Ok(made) => drop(vault.book(&made)?),
        Err(Unbalanced::Empty) => {}
        Err(error) => return Err(error.into()),
    }
    vault.keep_exempted(deal, day, &exemption)?;
    Ok(Booking::Booked)
}

/// What the transaction of an exemption is known by.
fn exempted(deal: DealId, day: ShanghaiDay) -> String {
    format!("deal {} on {day}, exempt", deal.0)
}

/// To which funds an amount goes back that a closed day took: to the last of those that it was taken from first.
fn paid_back(vault: &impl Closings, closed: &ClosedDay, back: MicroYuan) -> Result<Vec<(Fund, MicroYuan)>, BookError> {
    let DayClosing { deal, day, buyer, .. } = closed.closing;
    if !closed.funded {
        // What is due to the buyer first pays what it owes.
        let owed = vault.balance(Account { kind: AccountKind::BuyerReceivable, owner: buyer.0 })?;
        let repaid = back.min(owed.max(MicroYuan::ZERO));
        let parts = [(Fund::Credit(buyer), repaid), (Fund::Cash(buyer), back - repaid)];
        return Ok(parts.into_iter().filter(|(_, amount)| amount.is_positive()).collect());
    }
    let set_aside = vault.entries_of(TransactionKind::Commitment, &format!("deal {} on {day}", deal.0))?;
    let mut parts = Vec::new();
    for (pot, purse) in funds::ordered(vault, vault.set_aside(deal, day)?)? {
        let Pot::Committed(_, _, fund) = pot else { continue };
        let entry = set_aside.iter().find(|entry| entry.account == fund.account());
        let amount = entry.map_or(MicroYuan::ZERO, |entry| entry.amount) - purse.settled;
        if amount.is_positive() {
            parts.push(LeasePart { pot, amount });
        }
    }
    let taken: Vec<_> = LeasePart::between(&parts, closed.payable - back, closed.payable).collect();
    if taken.iter().map(|part| part.amount).sum::<MicroYuan>() != back {
        return Err(refuse(&closed.closing, "what was set aside for it does not hold what it took"));
    }
    Ok(taken.into_iter().map(|part| (part.pot.fund(), part.amount)).collect())
}

/// Books what moves; nothing where everything stays on its account.
fn book(
    vault: &mut impl Closings,
    kind: TransactionKind,
    closing: &DayClosing,
    sides: Vec<(Account, MicroYuan)>,
    now: UnixMillis,
) -> Result<(), BookError> {
    let reference = format!("deal {} on {}", closing.deal.0, closing.day);
    match Transaction::of(kind, reference, closing.day, now, "", sides) {
        Ok(made) => vault.book(&made).map(|_| ()),
        Err(Unbalanced::Empty) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
