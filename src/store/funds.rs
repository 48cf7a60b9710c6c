//! Which pots a source draws on and in which order, what a lease takes from them and gives back, how a day is set aside, how grants
//! expire and accounts close: written once, over what an engine keeps (R-BALANCE, R-COMMIT, R-CREDIT, R-RESTRICT).

use std::collections::HashMap;

use super::purse::Purse;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountChange, AccountKind, BookError, Booking, DayCommitment, Fund, GrantId, GrantTerms, LeasePart,
    LeaseRecord, LeaseRequest, LeaseState, Position, Pot, Source, Standing, StoreUnavailable, Transaction,
    TransactionKind,
};
use crate::ids::{AdvertiserId, BuyerId, DealId};
use crate::money::MicroYuan;

type Kept<T> = Result<T, StoreUnavailable>;

/// What an engine keeps of accounts and their money.
pub(super) trait Vault {
    /// The money of a pot, if it ever had any.
    fn purse(&self, pot: Pot) -> Kept<Option<Purse>>;
    fn keep_purse(&mut self, pot: Pot, purse: &Purse) -> Kept<()>;
    /// The pots set aside for a deal and day: committed ones before those of make-good.
    fn set_aside(&self, deal: DealId, day: ShanghaiDay) -> Kept<Vec<(Pot, Purse)>>;
    /// The pots of a buyer, its clients and its grants.
    fn purses_of(&self, buyer: BuyerId) -> Kept<Vec<(Pot, Purse)>>;
    fn grant_terms(&self, grant: GrantId) -> Kept<Option<GrantTerms>>;
    fn keep_grant(&mut self, terms: &GrantTerms) -> Kept<()>;
    /// The grants of which something is free, by earliest expiry, then number: of one source.
    fn grants_to(&self, source: Source) -> Kept<Vec<GrantTerms>>;
    /// The same of all sources, whose last day is before a day.
    fn grants_over(&self, today: ShanghaiDay) -> Kept<Vec<GrantTerms>>;
    /// Counts one more transaction that voids what is left of a grant, and tells its number.
    fn count_void(&mut self, grant: GrantId) -> Kept<u32>;
    /// Whose client has an account of its own.
    fn client(&self, client: AdvertiserId) -> Kept<Option<BuyerId>>;
    fn clients_of(&self, buyer: BuyerId) -> Kept<Vec<AdvertiserId>>;
    fn keep_client(&mut self, client: AdvertiserId, buyer: BuyerId) -> Kept<()>;
    /// What a buyer may do, and how much it may owe.
    fn standing(&self, buyer: BuyerId) -> Kept<(Standing, MicroYuan)>;
    fn keep_standing(&mut self, buyer: BuyerId, standing: Standing, credit_limit: MicroYuan) -> Kept<()>;
    /// Books a transaction that moves money as [`moves`] says.
    fn book(&mut self, transaction: &Transaction) -> Result<Booking, BookError>;
}

/// Takes what a lease may have, at most what is wanted and what is there: its parts, or `None` when nothing is.
pub(super) fn lease(vault: &mut impl Vault, request: &LeaseRequest) -> Kept<Option<Vec<LeasePart>>> {
    let refuse = |why: &str| Err(StoreUnavailable(format!("a lease on {:?} is refused: {why}", request.source)));
    if request.closes_at < request.window_ends {
        return refuse("it would close before its window ends");
    }
    let mut pots = match request.source {
        Source::Commitment(deal, day) => ordered(vault, vault.set_aside(deal, day)?)?,
        source => free(vault, source, request.window_ends)?,
    };
    let own = match request.source {
        Source::Balance(buyer) => buyer == request.buyer,
        Source::Client(_) | Source::Commitment(..) => pots.iter().all(|(_, purse)| purse.buyer == request.buyer),
    };
    if !own {
        return refuse("the money is another buyer's");
    }
    let (standing, _) = vault.standing(request.buyer)?;
    pots.retain(|(pot, _)| standing.allows(pot.fund()));
    let amount = request.want.min(available(&pots));
    if !amount.is_positive() {
        return Ok(None);
    }
    let parts = fill(&mut pots, amount);
    for (pot, purse) in &pots {
        vault.keep_purse(*pot, purse)?;
    }
    Ok(Some(parts))
}

/// The free pots of a balance or client in the order of their use: grants that last until a moment, cash, credit (R-BALANCE).
fn free(vault: &impl Vault, source: Source, until: UnixMillis) -> Kept<Vec<(Pot, Purse)>> {
    let grants = vault.grants_to(source)?;
    let grants = grants.iter().filter(|terms| terms.lasts_until(until)).map(|terms| Fund::Grant(terms.grant));
    let rest = match source {
        Source::Balance(buyer) => vec![Fund::Cash(buyer), Fund::Credit(buyer)],
        Source::Client(client) => vec![Fund::Client(client)],
        Source::Commitment(..) => Vec::new(),
    };
    let mut pots = Vec::new();
    for fund in grants.chain(rest) {
        let pot = Pot::Free(fund);
        if let Some(purse) = vault.purse(pot)? {
            pots.push((pot, purse));
        }
    }
    Ok(pots)
}

/// What is set aside, in the order of its use: committed before make-good, each by its fund as the free money is.
fn ordered(vault: &impl Vault, pots: Vec<(Pot, Purse)>) -> Kept<Vec<(Pot, Purse)>> {
    let mut keyed = Vec::with_capacity(pots.len());
    for (pot, purse) in pots {
        let ends = match pot.fund() {
            Fund::Grant(grant) => vault.grant_terms(grant)?.map(|terms| terms.last_day),
            _ => None,
        };
        keyed.push(((matches!(pot, Pot::MakeGood(..)), ends.unwrap_or(ShanghaiDay(u32::MAX)), pot), (pot, purse)));
    }
    keyed.sort_unstable_by_key(|(key, _)| *key);
    Ok(keyed.into_iter().map(|(_, pot)| pot).collect())
}

fn available(pots: &[(Pot, Purse)]) -> MicroYuan {
    // Far below the limit of an i64: each pot is within `MicroYuan::LIMIT`, and a source has few.
    pots.iter().fold(MicroYuan::ZERO, |sum, (_, purse)| MicroYuan(sum.0.saturating_add(purse.available().0)))
}

/// Holds an amount, pot by pot; what is not there is not held.
fn fill(pots: &mut [(Pot, Purse)], amount: MicroYuan) -> Vec<LeasePart> {
    let mut left = amount;
    let mut parts = Vec::new();
    for (pot, purse) in pots {
        let amount = left.min(purse.available());
        if amount.is_positive() {
            purse.held += amount;
            left -= amount;
            parts.push(LeasePart { pot: *pot, amount });
        }
    }
    parts
}

/// Ends the awarding under an open lease; what was not awarded is free again at once. `false` when it had ended before.
/// `awarded` is kept between what was posted and what was granted: a wrong figure can neither free spent money nor hold more.
pub(super) fn retire(
    vault: &mut impl Vault,
    lease: &mut LeaseRecord,
    parts: &[LeasePart],
    awarded: MicroYuan,
) -> Kept<bool> {
    if lease.state != LeaseState::Open {
        return Ok(false);
    }
    let awarded = MicroYuan(awarded.0.clamp(lease.posted.0, lease.amount.0));
    for part in LeasePart::between(parts, awarded, lease.amount) {
        change(vault, part.pot, |purse| purse.held -= part.amount)?;
    }
    lease.awarded = Some(awarded);
    lease.state = LeaseState::Retired;
    Ok(true)
}

/// Ends a lease whose tokens are dead: what was posted is settled, the rest is free again.
pub(super) fn close(vault: &mut impl Vault, lease: &mut LeaseRecord, parts: &[LeasePart]) -> Kept<()> {
    for part in LeasePart::first(parts, lease.bound()) {
        change(vault, part.pot, |purse| purse.held -= part.amount)?;
    }
    for part in LeasePart::first(parts, lease.posted) {
        change(vault, part.pot, |purse| purse.settled += part.amount)?;
    }
    lease.state = LeaseState::Closed;
    Ok(())
}

fn change(vault: &mut impl Vault, pot: Pot, edit: impl FnOnce(&mut Purse)) -> Kept<()> {
    let Some(mut purse) = vault.purse(pot)? else {
        return Err(StoreUnavailable(format!("a lease holds money of {pot:?}, which is not there")));
    };
    edit(&mut purse);
    vault.keep_purse(pot, &purse)
}

/// Sets a day's amount aside from what is free of its payer, all of it or nothing; `false` when that does not cover it.
pub(super) fn commit(vault: &mut impl Vault, commitment: &DayCommitment, now: UnixMillis) -> Kept<bool> {
    let DayCommitment { deal, day, buyer, payer, terms } = *commitment;
    if !terms.amount.is_positive() {
        return Ok(true);
    }
    let (standing, _) = vault.standing(buyer)?;
    let mut pots = free(vault, payer, day.next().starts_at())?;
    pots.retain(|(pot, purse)| standing.allows(pot.fund()) && purse.buyer == buyer);
    if available(&pots) < terms.amount {
        return Ok(false);
    }
    let parts = fill(&mut pots, terms.amount);
    let funds: Vec<_> = parts.iter().map(|part| (part.pot.fund(), part.amount)).collect();
    let unavailable = |error: BookError| StoreUnavailable(error.to_string());
    let made = Transaction::commitment(deal, day, buyer, &funds, now).map_err(|error| unavailable(error.into()))?;
    vault.book(&made).map_err(unavailable)?;
    for (fund, amount) in funds {
        let purse = Purse { funded: amount, ..Purse::empty(buyer) };
        vault.keep_purse(Pot::Committed(deal, day, fund), &purse)?;
    }
    Ok(true)
}

/// What a transaction changes in free pots: money that does not move by delivery (delivery is counted by lease). Credit is money paid in.
fn moves(transaction: &Transaction) -> impl Iterator<Item = (Fund, MicroYuan)> {
    let contents = transaction.contents();
    let entries = contents.entries.iter().filter(|_| contents.kind != TransactionKind::Delivery);
    entries.filter_map(|entry| Some((Fund::of_account(entry.account)?, -entry.amount)))
}

/// Moves the money that a transaction moves.
pub(super) fn move_money(vault: &mut impl Vault, transaction: &Transaction) -> Result<(), BookError> {
    for (fund, change) in moves(transaction) {
        let pot = Pot::Free(fund);
        let mut purse = match vault.purse(pot)? {
            Some(purse) => purse,
            None => Purse::empty(owner(vault, fund)?),
        };
        purse.fund(fund, change)?;
        vault.keep_purse(pot, &purse)?;
    }
    Ok(())
}

/// Whose a fund is.
fn owner(vault: &impl Vault, fund: Fund) -> Result<BuyerId, BookError> {
    let (owner, what) = match fund {
        Fund::Cash(buyer) | Fund::Credit(buyer) => (Some(buyer), String::new()),
        Fund::Grant(grant) => (vault.grant_terms(grant)?.map(|terms| terms.buyer), format!("grant {}", grant.0)),
        Fund::Client(client) => (vault.client(client)?, format!("client number {}", client.0)),
    };
    owner.ok_or_else(|| BookError::NoAccount(format!("{what} has no account")))
}

/// Refuses what a caller may not book directly: money set aside moves only together with its deal and day, which entries
/// do not have (R-COMMIT).
pub(super) fn check_bookable(transaction: &Transaction) -> Result<(), BookError> {
    use AccountKind::{BuyerCommitted, BuyerMakeGood, GrantCommitted, GrantMakeGood};
    let contents = transaction.contents();
    let aside = [BuyerCommitted, BuyerMakeGood, GrantCommitted, GrantMakeGood];
    match contents.entries.iter().find(|entry| aside.contains(&entry.account.kind)) {
        Some(entry) if contents.kind != TransactionKind::Delivery => Err(BookError::MovesCommitment(entry.account)),
        _ => Ok(()),
    }
}

/// Applies what a fact changes of accounts.
pub(super) fn apply(vault: &mut impl Vault, change: &AccountChange, now: UnixMillis) -> Result<(), BookError> {
    match *change {
        AccountChange::Grant(terms) => vault.keep_grant(&terms)?,
        AccountChange::OpenClient(client, buyer) => match vault.client(client)? {
            Some(known) if known != buyer => {
                let why = format!("client number {} has its account under buyer number {}", client.0, known.0);
                return Err(BookError::NoAccount(why));
            }
            Some(_) => {}
            None => vault.keep_client(client, buyer)?,
        },
        AccountChange::Standing(buyer, standing) => {
            let (_, limit) = vault.standing(buyer)?;
            vault.keep_standing(buyer, standing, limit)?;
        }
        AccountChange::CreditLimit(buyer, limit) => {
            let (standing, before) = vault.standing(buyer)?;
            let pot = Pot::Free(Fund::Credit(buyer));
            let mut purse = vault.purse(pot)?.unwrap_or(Purse::empty(buyer));
            purse.fund(pot.fund(), limit - before)?;
            vault.keep_purse(pot, &purse)?;
            vault.keep_standing(buyer, standing, limit)?;
        }
        AccountChange::Close(buyer) => close_account(vault, buyer, now)?,
    }
    Ok(())
}

fn close_account(vault: &mut impl Vault, buyer: BuyerId, now: UnixMillis) -> Result<(), BookError> {
    let mut held = MicroYuan::ZERO;
    for (pot, purse) in vault.purses_of(buyer)? {
        held += match pot {
            Pot::Free(_) => purse.held,
            Pot::Committed(..) | Pot::MakeGood(..) => purse.funded - purse.settled,
        };
    }
    if held.is_positive() {
        return Err(BookError::StillHeld { buyer, held });
    }
    for source in sources_of(vault, buyer)? {
        for terms in vault.grants_to(source)? {
            void(vault, terms.grant, now)?;
        }
    }
    let (standing, limit) = vault.standing(buyer)?;
    if limit.is_positive() {
        apply(vault, &AccountChange::CreditLimit(buyer, MicroYuan::ZERO), now)?;
    }
    vault.keep_standing(buyer, Standing { closed: true, ..standing }, MicroYuan::ZERO)?;
    Ok(())
}

/// The buyer's own balance and its clients'.
fn sources_of(vault: &impl Vault, buyer: BuyerId) -> Kept<Vec<Source>> {
    let clients = vault.clients_of(buyer)?.into_iter().map(Source::Client);
    Ok(std::iter::once(Source::Balance(buyer)).chain(clients).collect())
}

/// Voids what is free of grants that are over; how many.
pub(super) fn expire(vault: &mut impl Vault, ends: &[(BuyerId, ShanghaiDay)], now: UnixMillis) -> Kept<u64> {
    let today = now.shanghai_day();
    let mut over = vault.grants_over(today)?;
    for (buyer, _) in ends.iter().filter(|(_, last)| *last < today) {
        for source in sources_of(vault, *buyer)? {
            over.extend(vault.grants_to(source)?.into_iter().filter(|terms| terms.last_day >= today));
        }
    }
    for terms in &over {
        void(vault, terms.grant, now).map_err(|error| StoreUnavailable(error.to_string()))?;
    }
    Ok(over.len() as u64)
}

/// Voids what is free of a grant, by a transaction of its own: what comes back later is voided by another.
fn void(vault: &mut impl Vault, grant: GrantId, now: UnixMillis) -> Result<(), BookError> {
    let free = vault.purse(Pot::Free(Fund::Grant(grant)))?.map_or(MicroYuan::ZERO, |purse| purse.available());
    if !free.is_positive() {
        return Ok(());
    }
    let reference = format!("grant {}, {}", grant.0, vault.count_void(grant)?);
    let sides = [(Fund::Grant(grant).account(), free), (Account::single(AccountKind::GrantCost), -free)];
    let made = Transaction::of(TransactionKind::GrantExpiry, reference, now.shanghai_day(), now, "", sides)?;
    vault.book(&made)?;
    Ok(())
}

/// What draws on a pot.
fn source_of(vault: &impl Vault, pot: Pot) -> Kept<Source> {
    Ok(match pot {
        Pot::Committed(deal, day, _) | Pot::MakeGood(deal, day, _) => Source::Commitment(deal, day),
        Pot::Free(Fund::Cash(buyer) | Fund::Credit(buyer)) => Source::Balance(buyer),
        Pot::Free(Fund::Client(client)) => Source::Client(client),
        Pot::Free(Fund::Grant(grant)) => match vault.grant_terms(grant)? {
            Some(terms) => terms.source(),
            None => return Err(StoreUnavailable(format!("grant {} has money and no terms", grant.0))),
        },
    })
}

/// Every pot as it is told to others; `open` is what leases that may be awarded from now hold.
pub(super) fn positions(vault: &impl Vault, pots: Vec<(Pot, Purse)>, open: Vec<LeasePart>) -> Kept<Vec<Position>> {
    let mut opened = HashMap::<Pot, MicroYuan>::new();
    for part in open {
        *opened.entry(part.pot).or_default() += part.amount;
    }
    let position = |(pot, purse): (Pot, Purse)| {
        let open = opened.get(&pot).copied().unwrap_or_default();
        let Purse { buyer, funded, settled, held } = purse;
        let source = source_of(vault, pot)?;
        Ok(Position { pot, source, buyer, funded, settled, open, holding: held - open })
    };
    pots.into_iter().map(position).collect()
}
