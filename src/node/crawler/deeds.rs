//! What is owed of a page's verdict, done in its order.

use super::{Post, Trouble};
use crate::clock::UnixMillis;
use crate::compliance::landing::{self, CRAWLER, Deed, PageState, Record, Shown};
use crate::event::{FactKind, Ledger, StoreUnavailable};
use crate::ids::IdKind;
use crate::market::Market;
use crate::money::MicroYuan;
use crate::settlement::breaches::{Breach, Breaches, Evidence, Violation};
use crate::settlement::office::{self, Refusal, Submission, facts_of};

impl Post {
    /// Does all of it, and tells what was entered in the books, by its references. Any of it may have been done before.
    pub(super) fn perform(&self, market: &Market, state: PageState, record: &Record) -> Result<Vec<String>, Trouble> {
        let office = self.office(market);
        let mut entered = Vec::new();
        for deed in &record.owed {
            match deed {
                Deed::Suspend => landing::suspend(&office, state, record)?,
                Deed::Violation => {
                    let breach = Breach::PageChange { unlawful: false };
                    entered.extend(self.enter(market, record, ("page-change", breach))?);
                }
                Deed::Unlawful => {
                    let breach = Breach::Content { loss: MicroYuan::ZERO };
                    entered.extend(self.enter(market, record, ("page-content", breach))?);
                    landing::tell_unlawful(&office, record)?;
                }
                Deed::Tell => landing::tell(&office, state, record)?,
                Deed::Resume => landing::resume(&office, record)?,
            }
        }
        Ok(entered)
    }

    /// Enters what stopped a page as a violation, once (R-DAMAGE-CHANGE, R-DAMAGE-CONTENT), and throws the buyer's switch where that ends the
    /// cooperation. The reference is made of what was found, so that it counts once, however often it is entered.
    fn enter(
        &self,
        market: &Market,
        record: &Record,
        (name, breach): (&str, Breach),
    ) -> Result<Option<String>, Trouble> {
        let Some(stop) = &record.stop else { return Ok(None) };
        let (at, now) = (UnixMillis(stop.at_ms), self.exchange.clock.now());
        if at > now {
            // The clock was set back: it is entered when that moment has come.
            return Err(
                StoreUnavailable(format!("the page was stopped at {}, which is to come", at.to_rfc3339())).into()
            );
        }
        let rule = breach.rule();
        let Shown { expected, found, sha256 } = landing::claim(&*self.docket, record, stop)?;
        let reference = format!("{name}/{}/{}/{}", record.key(), stop.at_ms, sha256.get(..16).unwrap_or(&sha256));
        let evidence = Evidence { expected, found, at, sha256 };
        let violation =
            Violation { buyer: record.account.clone(), day: at.shanghai_day(), breach, evidence, charged: None };
        let body = serde_json::to_vec(&violation).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let submission = Submission { kind: FactKind::Violation, reference: &reference, actor: CRAWLER, body: &body };
        let told = match office::enter(&submission, market, &*self.store, now) {
            Ok(receipt) => {
                let (page, fact) = (&record.url, receipt.fact.body);
                tracing::warn!(rule, reference, page, fact, "a violation was entered for a landing page");
                reference
            }
            Err(error @ Refusal::Unavailable(_)) => return Err(error.into()),
            // The evidence is in the page's record: a person may enter it.
            Err(error) => {
                tracing::error!(rule, reference, %error, "a landing page could not be entered as a violation");
                format!("{reference} was refused: {error}")
            }
        };
        self.enforce(market, record)?;
        Ok(Some(told))
    }

    /// Throws the buyer's kill switch where a breach stops its delivery.
    fn enforce(&self, market: &Market, record: &Record) -> Result<(), Trouble> {
        let Some(buyer) = market.buyers.iter().find(|it| it.account == record.account) else { return Ok(()) };
        let today = self.exchange.clock.now().shanghai_day();
        let facts = facts_of(&*self.store.snapshot()?)?;
        let Some(rule) = Breaches::of(&facts, buyer.id).stops_delivery(today) else { return Ok(()) };
        let reason = format!("{rule}: see /api/v1/buyers/{}/breaches", buyer.account);
        let done = self.publisher.switch(IdKind::Buyer, &buyer.account, true, CRAWLER, &reason);
        done.map(drop).map_err(|error| StoreUnavailable(error.to_string()).into())
    }
}
