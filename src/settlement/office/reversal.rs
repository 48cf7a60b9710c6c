//! A transaction that was entered wrongly is reversed by its opposite; nothing is erased (R-RECORDS).

use serde::{Deserialize, Serialize};

use super::{Deed, Refusal, View, said};
use crate::clock::ShanghaiDay;
use crate::event::{AccountKind, FactKind, Stored, Transaction, TransactionKind};
use crate::ids::BuyerId;

/// The longest reason, characters.
const LONGEST_REASON: usize = 500;

/// The opposite of an entered transaction is booked, today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reversal {
    /// The number of the transaction in the ledger.
    pub transaction: u64,
    /// Why, in words.
    pub reason: String,
}

impl Reversal {
    /// The transaction, if it is one that may be reversed.
    fn original(&self, view: &View<'_>) -> Result<Stored, Refusal> {
        let number = self.transaction;
        let mut page = view.books.transactions(number.saturating_sub(1), 1)?;
        let Some(stored) = page.pop().filter(|stored| stored.id == number && number > 0) else {
            return Err(Refusal::Malformed(format!("there is no transaction {number}")));
        };
        let kind = stored.contents.kind;
        match why_not(kind) {
            None => Ok(stored),
            Some(instead) => Err(Refusal::Malformed(format!("transaction {number} is a {}, {instead}", kind.label()))),
        }
    }
}

/// What changes a transaction of a kind that is not reversed by hand; `None` for those that are.
const fn why_not(kind: TransactionKind) -> Option<&'static str> {
    use TransactionKind as Kind;
    match kind {
        Kind::TopUp | Kind::Grant | Kind::Transfer | Kind::Refund | Kind::Rebate | Kind::Deposit | Kind::Receipt => {
            None
        }
        Kind::Damages | Kind::LateFee => Some("which a waiver takes back"),
        Kind::Adjustment => Some("which another adjustment takes back"),
        Kind::Reversal => Some("which is not reversed: enter what it took back again"),
        Kind::Commitment
        | Kind::Delivery
        | Kind::GrantExpiry
        | Kind::DayClosing
        | Kind::MakeGoodRelease
        | Kind::Collection
        | Kind::MonthClosing
        | Kind::AccountClosing => Some("which follows from other records: an adjustment corrects it"),
    }
}

impl Deed for Reversal {
    const KIND: FactKind = FactKind::Reversal;
    // Another may have taken the same transaction back, whomever it was said to concern.
    const JUDGED_BY_ALL: &'static [FactKind] = &[FactKind::Reversal];

    fn concerns(&self, view: &View<'_>) -> Result<(Option<BuyerId>, ShanghaiDay), Refusal> {
        let entries = self.original(view)?.contents.entries;
        let of_buyer = |kind| {
            use AccountKind as Kind;
            matches!(kind, Kind::BuyerCash | Kind::BuyerReceivable | Kind::BuyerRebate | Kind::BuyerDeposit)
        };
        let buyer = entries.iter().map(|entry| entry.account).find(|account| of_buyer(account.kind));
        Ok((buyer.map(|account| BuyerId(account.owner)), view.today()))
    }

    fn judge(&self, _: &str, view: &View<'_>) -> Result<Vec<Transaction>, Refusal> {
        let length = self.reason.trim().chars().count();
        if !(1..=LONGEST_REASON).contains(&length) {
            return Err(Refusal::Malformed(format!(
                "`reason` has {length} characters, 1 to {LONGEST_REASON} are asked"
            )));
        }
        let original = self.original(view)?;
        if let Some((before, _)) = said::<Self>(view.facts).find(|(_, other)| other.transaction == self.transaction) {
            let reference = &before.fact.reference;
            return Err(Refusal::Malformed(format!(
                "transaction {} was reversed before, by reversal {reference:?}",
                self.transaction
            )));
        }
        let sides = original.contents.entries.iter().map(|entry| (entry.account, -entry.amount));
        let reference = format!("transaction {}", self.transaction);
        let (kind, today) = (TransactionKind::Reversal, view.today());
        Ok(vec![Transaction::of(kind, reference, today, view.now, self.reason.trim(), sides)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::event::{Booking, Ledger};
    use crate::ids::BuyerId;
    use crate::money::MicroYuan;
    use crate::settlement::ledger::verify;
    use crate::settlement::office::{Submission, enter, tests::market};
    use crate::store::MemoryStore;

    const NOW: UnixMillis = UnixMillis(1_795_312_800_000);

    fn submit(store: &MemoryStore, kind: FactKind, reference: &str, body: &str) -> Result<Booking, Refusal> {
        let submission = Submission { kind, reference, actor: "finance", body: body.as_bytes() };
        enter(&submission, &market(), store, NOW).map(|receipt| receipt.booking)
    }

    #[test]
    fn a_transaction_is_reversed_once_by_its_opposite_and_never_below_zero() {
        let store = MemoryStore::new();
        let top_up = |reference: &str, amount: &str| {
            submit(&store, FactKind::TopUp, reference, &format!(r#"{{"buyer":"8001","amount":"{amount}"}}"#)).unwrap()
        };
        let reverse = |reference: &str, number: u64, reason: &str| {
            let body = format!(r#"{{"transaction":{number},"reason":"{reason}"}}"#);
            submit(&store, FactKind::Reversal, reference, &body)
        };
        let cash = || store.snapshot().unwrap().positions(NOW).unwrap()[0].available();
        top_up("bank 1", "100.00");
        top_up("bank 2", "30.00");
        assert_eq!(reverse("wrong 1", 2, "booked to the wrong buyer"), Ok(Booking::Booked));
        assert_eq!(cash(), MicroYuan(100_000_000));
        assert_eq!(reverse("wrong 1", 2, "booked to the wrong buyer"), Ok(Booking::AlreadyBooked));
        let words = |refused: Result<Booking, Refusal>| refused.unwrap_err().to_string();
        assert!(words(reverse("wrong 2", 2, "again")).contains("was reversed before, by reversal \"wrong 1\""));
        assert!(words(reverse("wrong 2", 3, "back")).contains("enter what it took back again"));
        assert!(words(reverse("wrong 2", 9, "what")).contains("there is no transaction 9"));
        assert!(words(reverse("wrong 2", 0, "what")).contains("there is no transaction 0"));
        assert!(words(reverse("wrong 2", 1, " ")).contains("`reason` has 0 characters"));
        let gone = Transaction::of(
            TransactionKind::Refund,
            "r",
            NOW.shanghai_day(),
            NOW,
            "",
            [
                (crate::event::Account::cash(BuyerId(0)), MicroYuan(1)),
                (crate::event::Account::single(AccountKind::Bank), MicroYuan(-1)),
            ],
        );
        store.book(vec![gone.unwrap()]).unwrap();
        assert!(words(reverse("wrong 2", 1, "all of it")).contains("R-PREPAY"), "a micro-yuan of it is gone");
        assert_eq!(cash(), MicroYuan(99_999_999));
        let books = store.snapshot().unwrap();
        assert_eq!(books.facts(2, 9).unwrap()[0].fact.buyer, Some(BuyerId(0)));
        assert_eq!(verify(&*books).unwrap().transactions, 4);
    }
}
