//! What may be entered about buyers' accounts and what is on them (R-BALANCE, R-RESTRICT, R-TERM).

mod closing;
mod credit;
mod grants;
mod payments;
mod restrictions;

pub use closing::{AccountClosing, Cash, ENDING, close_ended, ended_uses};
pub use credit::Credit;
pub use grants::Grant;
pub use payments::{Deposit, DepositStep, Direction, Rebate, RebateStep, Refund, Transfer};
pub use restrictions::{Measure, Rectification, Restriction};

use super::{Refusal, View};
use crate::event::{AccountChange, FactKind, Fund, Position, Pot, Standing};
use crate::ids::{AdvertiserId, BuyerId};

/// What a buyer may do, if its accounts are not closed.
pub(super) fn open(view: &View<'_>, buyer: BuyerId) -> Result<Standing, Refusal> {
    let standing = view.books.standing(buyer)?;
    if standing.closed {
        return Err(Refusal::rule("R-RESTRICT", "the buyer's accounts are closed for good"));
    }
    Ok(standing)
}

/// Whether money may still come to a buyer: its accounts are open and its cooperation is not over.
pub(super) fn may_receive(view: &View<'_>, buyer: BuyerId, what: &str) -> Result<Standing, Refusal> {
    let standing = open(view, buyer)?;
    match view.market.buyers.get(buyer).and_then(|buyer| buyer.cooperation) {
        Some(cooperation) if cooperation.until < view.today() => Err(Refusal::rule(
            "R-TERM",
            format!("the cooperation ended on {}; there is no {what} after it", cooperation.until),
        )),
        _ => Ok(standing),
    }
}

/// Whether a buyer's cash may be moved: its accounts are open and it is not frozen.
fn cash_moves(view: &View<'_>, buyer: BuyerId) -> Result<(), Refusal> {
    open(view, buyer)?;
    not_frozen(view, buyer)
}

fn not_frozen(view: &View<'_>, buyer: BuyerId) -> Result<(), Refusal> {
    if view.books.standing(buyer)?.cash_frozen {
        return Err(Refusal::rule("R-RESTRICT", "the buyer's cash is frozen until a rectification lifts that"));
    }
    Ok(())
}

/// Whether money may leave the exchange: it is not withheld in a dispute (R-HOLD).
fn cash_leaves(view: &View<'_>, buyer: BuyerId) -> Result<(), Refusal> {
    open(view, buyer)?;
    cash_goes_back(view, buyer)
}

/// Whether cash may be paid back to a buyer, also what accounts that are closed left over (R-TERM).
fn cash_goes_back(view: &View<'_>, buyer: BuyerId) -> Result<(), Refusal> {
    let of = |kind| view.facts.iter().filter(|kept| kept.fact.kind == kind && kept.fact.buyer == Some(buyer)).count();
    if of(FactKind::Hold) > of(FactKind::HoldEnd) {
        return Err(Refusal::rule("R-HOLD", "deposit and balances of the buyer are withheld while a dispute is open"));
    }
    not_frozen(view, buyer)
}

/// The buyer's client with that id.
pub(super) fn client(view: &View<'_>, buyer: BuyerId, id: &str) -> Result<AdvertiserId, Refusal> {
    let own = view.market.advertiser_named(buyer, id).map(|known| known.id);
    own.ok_or_else(|| Refusal::Malformed(format!("client {id:?} is no advertiser of this buyer (R-OWN)")))
}

/// What opens a client's account, which is done once; refused where a measure bars new ones.
pub(super) fn opens(view: &View<'_>, buyer: BuyerId, client: AdvertiserId) -> Result<AccountChange, Refusal> {
    let known = pots(view, buyer)?.iter().any(|position| position.pot == Pot::Free(Fund::Client(client)));
    if open(view, buyer)?.no_new_accounts && !known {
        return Err(Refusal::rule(
            "R-RESTRICT",
            "the buyer may not open new accounts until a rectification lifts that",
        ));
    }
    Ok(AccountChange::OpenClient(client, buyer))
}

/// The pots of a buyer, its clients and its grants.
fn pots(view: &View<'_>, buyer: BuyerId) -> Result<Vec<Position>, Refusal> {
    Ok(view.books.positions_of(buyer, view.now)?)
}

/// The cash that an operation is about: the buyer's, or a client's.
pub(super) fn cash_of(view: &View<'_>, buyer: BuyerId, id: Option<&str>) -> Result<Fund, Refusal> {
    match id {
        Some(id) => Ok(Fund::Client(client(view, buyer, id)?)),
        None => Ok(Fund::Cash(buyer)),
    }
}

#[cfg(test)]
mod tests;
