//! Accounts that nobody uses are verified again before they are used (R-IDLE).
//!
//! A buyer's account is used when it changes something over the partner API, or when something is delivered for it. Its steps in the docket say so, at most
//! one a day, and who verified it. Unused for longer than the terms say, it is idle: it reads, but changes nothing and its deals are not offered, until a
//! person has verified it again.

use std::collections::BTreeSet;

use super::office::{By, LONGEST_REASON, Office, Refusal};
use crate::clock::ShanghaiDay;
use crate::event::{KeptStep, Owner, Subject, SubjectKind, Wanted};
use crate::ids::BuyerId;

/// Accounts that are read at once.
const PAGE: u32 = 1_000;

/// What the last step of an account says. The codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum AccountState {
    /// The exchange has seen it for the first time.
    Opened = 1,
    /// It was used.
    Used = 2,
    /// A person has verified it.
    Verified = 3,
}

impl AccountState {
    /// The state with that stored code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        [Self::Opened, Self::Used, Self::Verified].into_iter().find(|state| *state as u16 == code)
    }

    /// In a word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Used => "used",
            Self::Verified => "verified",
        }
    }
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its last step; `None`: the exchange has not noted it yet, and it is not idle.
    pub last: Option<KeptStep>,
    /// The last day on which it may be used as it is.
    pub until: Option<ShanghaiDay>,
    /// Whether it must be verified before it is used.
    pub is_idle: bool,
}

/// The day that a step of an account counts for.
#[must_use]
pub fn day_of(kept: &KeptStep) -> ShanghaiDay {
    kept.step.at.shanghai_day()
}

fn subject(account: &str) -> Subject {
    Subject { kind: SubjectKind::Account, name: account.to_owned(), version: 0 }
}

impl Office<'_> {
    /// How a buyer's account stands today.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when nobody has it, [`Refusal::Unavailable`].
    pub fn account(&self, account: &str) -> Result<Account, Refusal> {
        self.buyer(account)?;
        Ok(self.stands(self.docket.standing(&subject(account))?))
    }

    fn stands(&self, last: Option<KeptStep>) -> Account {
        let until = last.as_ref().map(|kept| ShanghaiDay(day_of(kept).0.saturating_add(self.terms().idle_days)));
        Account { is_idle: until.is_some_and(|until| until < self.now.shanghai_day()), last, until }
    }

    /// Notes that an account is used today. One that is idle is not, whoever says so.
    ///
    /// # Errors
    /// See [`Office::account`].
    pub fn use_account(&self, account: &str, by: &By<'_>) -> Result<(), Refusal> {
        let owner = Owner::Buyer(self.buyer(account)?);
        let today = self.now.shanghai_day();
        let judge = || {
            let account_now = self.account(account)?;
            let noted = account_now.last.as_ref().is_some_and(|kept| day_of(kept) >= today);
            let before = account_now.last.map_or(0, |kept| kept.seq);
            let step = || self.step((subject(account), owner), before, (AccountState::Used as u16, body()), by);
            Ok(((!noted && !account_now.is_idle).then(step).into_iter().collect(), ()))
        };
        self.take(judge).map(|_| ())
    }

    /// Notes that a person has verified an idle account again; tells how it stands, and whether that is new. `seen` is the step that was looked at.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] without a reason of one line, [`Refusal::Taken`] where the account was used or verified since; see [`Office::account`].
    pub fn verify_account(&self, account: &str, seen: Option<u64>, by: &By<'_>) -> Result<(Account, bool), Refusal> {
        let tame = by.reason.chars().count() <= LONGEST_REASON && !by.reason.chars().any(char::is_control);
        if !tame || by.reason.trim().is_empty() {
            let why =
                format!("`reason` must say what was verified, in one line of at most {LONGEST_REASON} characters");
            return Err(Refusal::Malformed(why));
        }
        let owner = Owner::Buyer(self.buyer(account)?);
        let judge = || {
            let now = self.account(account)?;
            let before = now.last.as_ref().map_or(0, |kept| kept.seq);
            if seen.is_some_and(|seen| seen != before) {
                return Err(Refusal::Taken(format!("it was changed since it was seen (step {before}): look again")));
            }
            let step = || self.step((subject(account), owner), before, (AccountState::Verified as u16, body()), by);
            Ok((now.is_idle.then(step).into_iter().collect(), now.is_idle))
        };
        let (_, changed) = self.take(judge)?;
        Ok((self.account(account)?, changed))
    }

    /// Notes each account of the market that is not noted yet, and the use of those for which something was delivered.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]; what was noted stays.
    pub fn tend_accounts(&self, delivered: &BTreeSet<BuyerId>) -> Result<(), Refusal> {
        for buyer in self.market.buyers.iter() {
            let name = &buyer.account;
            if delivered.contains(&buyer.id) {
                self.use_account(name, &By::exchange("something was delivered"))?;
            } else if self.docket.standing(&subject(name))?.is_none() {
                let by = By::exchange("its unused days count from here");
                let judge = || {
                    let known = self.docket.standing(&subject(name))?.is_some();
                    let opened = (AccountState::Opened as u16, body());
                    let step = || self.step((subject(name), Owner::Buyer(buyer.id)), 0, opened, &by);
                    Ok(((!known).then(step).into_iter().collect(), ()))
                };
                self.take(judge)?;
            }
        }
        Ok(())
    }

    /// At most `limit` accounts whose last step is above a place, who was used the longest ago first.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub fn accounts(&self, (above, limit): (u64, u32)) -> Result<Vec<(String, Account)>, Refusal> {
        let kept = self.docket.list(SubjectKind::Account, &Wanted::default(), above, limit.min(PAGE + 1))?;
        Ok(kept.into_iter().map(|kept| (kept.step.subject.name.clone(), self.stands(Some(kept)))).collect())
    }
}

/// There is nothing to say of it beside the step itself.
fn body() -> String {
    "{}".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::compliance::office::tests::{market, noon};
    use crate::event::Docket;
    use crate::store::MemoryDocket;

    const BUYER: &str = "80010001";
    const BY: By<'_> = By { actor: "buyer 80010001", reason: "by key k" };
    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn r_idle_an_unused_account_is_verified_before_it_is_used() {
        let (docket, market) = (MemoryDocket::default(), market());
        let on = |day: u64| Office { docket: &docket, market: &market, now: noon().plus_ms(day * DAY_MS) };
        let idle_days = u64::from(market.terms.content.idle_days);
        assert!(!on(0).account(BUYER).unwrap().is_idle, "nobody has noted it");
        on(0).tend_accounts(&BTreeSet::new()).unwrap();
        on(0).tend_accounts(&BTreeSet::new()).unwrap();
        let accounts = docket.last_step().unwrap();
        assert_eq!(accounts, market.buyers.len() as u64, "each once");
        // At most one step a day.
        for _ in 0..3 {
            on(1).use_account(BUYER, &BY).unwrap();
        }
        assert_eq!(docket.last_step().unwrap(), accounts + 1);
        let own = market.buyers.iter().find(|it| it.account == BUYER).unwrap().id;
        on(2).tend_accounts(&BTreeSet::from([own])).unwrap();
        let last = 2 + idle_days;
        assert!(!on(last).account(BUYER).unwrap().is_idle && on(last + 1).account(BUYER).unwrap().is_idle);
        // Neither a late delivery nor its own word makes it used again.
        on(last + 1).use_account(BUYER, &BY).unwrap();
        on(last + 1).tend_accounts(&BTreeSet::from([own])).unwrap();
        let idle = on(last + 1).account(BUYER).unwrap();
        assert!(idle.is_idle);

        let person = By { actor: "mei", reason: "the licence of today was seen" };
        let verify = |seen, by: &By<'_>| on(last + 1).verify_account(BUYER, seen, by);
        let long = "x".repeat(LONGEST_REASON + 1);
        for reason in [" ", "two\nlines", &long] {
            assert!(matches!(verify(None, &By { reason, ..person }), Err(Refusal::Malformed(_))));
        }
        assert!(matches!(verify(Some(1), &person), Err(Refusal::Taken(_))));
        let (account, changed) = verify(idle.last.map(|kept| kept.seq), &person).unwrap();
        assert_eq!((account.is_idle, changed), (false, true));
        let step = account.last.unwrap().step;
        assert_eq!((step.actor.as_str(), step.reason.as_str()), (person.actor, person.reason));
        let steps = docket.last_step().unwrap();
        assert!(!verify(None, &person).unwrap().1, "once");
        assert_eq!(docket.last_step().unwrap(), steps);
        let listed = on(last + 1).accounts((0, 2)).unwrap();
        let idle: Vec<_> = listed.iter().map(|(name, account)| (name.as_str(), account.is_idle)).collect();
        assert_eq!(idle, [("80010002", true), ("80010003", true)], "who was used the longest ago");
        assert!(matches!(on(0).account("80019999"), Err(Refusal::Malformed(_))));
    }
}
