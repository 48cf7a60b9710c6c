//! Kill switches: what is suspended at run time, durable before it takes effect, in effect before the call returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{By, Publisher, held};
use crate::event::{StoreUnavailable, Suspension, Trigger};
use crate::ids::{DenseId, IdKind};
use crate::market::content::Content;
use crate::market::deal::DealState;
use crate::market::demand::CreativeState;
use crate::market::{Market, Marks, Suspensions};

/// The switches that are thrown, by kind and number.
pub type Thrown = BTreeMap<(IdKind, u32), Suspension>;

/// What is laid over each market. Readers share the map; a switch makes the next one.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// What is reviewed.
    pub(super) content: Content,
    pub(super) thrown: Arc<Thrown>,
    /// The store's last switch when another process's were last taken over.
    pub(super) seq: u64,
}

impl Overlay {
    pub(super) fn of(thrown: Vec<Suspension>) -> Self {
        Self {
            thrown: Arc::new(thrown.into_iter().map(|it| ((it.kind, it.number), it)).collect()),
            seq: 0,
            content: Content::default(),
        }
    }

    /// A market with what is reviewed, under the suspensions.
    pub(super) fn lay_over(&self, market: &Market) -> Market {
        market.showing(self.content.clone()).under(self.suspensions())
    }

    /// As the hot plane reads them.
    pub(super) fn suspensions(&self) -> Suspensions {
        Suspensions {
            media: self.marks(),
            dsps: self.marks(),
            buyers: self.marks(),
            creatives: self.marks(),
            deals: self.marks(),
        }
    }

    fn marks<I: DenseId>(&self) -> Marks<I> {
        self.thrown.keys().filter(|(kind, _)| *kind == I::KIND).map(|(_, number)| I::from_number(*number)).collect()
    }
}

/// How a subject stands after a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// Whether the switch was thrown or lifted by this call; `false` when it stood like this before.
    pub changed: bool,
    /// The switch, while it is thrown.
    pub thrown: Option<Suspension>,
    /// Whether the config suspends the subject, whatever the switch.
    pub by_config: bool,
}

/// Why a switch did not move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unswitched {
    /// Nothing has that name in the market, and no switch of that name is thrown.
    #[error("no {} `{name}` is in the market", .kind.label())]
    Unknown {
        /// Of what kind.
        kind: IdKind,
        /// The name.
        name: String,
    },
    /// It would not outlive a restart, so it did not happen.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
}

impl Publisher {
    /// Suspends or resumes a media, DSP, buyer, creative (`account/crid`) or deal by its name on the wire. Waits for a commit of the
    /// store, never for a reload; the next request already sees it.
    ///
    /// # Errors
    /// [`Unswitched`]: nothing changed.
    pub fn switch(
        &self,
        kind: IdKind,
        name: &str,
        suspended: bool,
        actor: &str,
        reason: &str,
    ) -> Result<Switched, Unswitched> {
        let mut overlay = held(&self.overlay);
        self.catch_up_with_switches(&mut overlay)?;
        let market = self.exchange.market.load_full();
        let unknown = || Unswitched::Unknown { kind, name: name.to_owned() };
        let in_market = find(&market, kind, name);
        let by_config = in_market.is_some_and(|(_, by_config)| by_config);
        // What has left the market may still be resumed.
        let thrown = overlay.thrown.values().find(|it| it.kind == kind && it.name == name);
        let number = in_market.map(|(number, _)| number).or(thrown.map(|it| it.number)).ok_or_else(unknown)?;
        let before = overlay.thrown.get(&(kind, number)).cloned();
        if before.is_some() == suspended {
            return Ok(Switched { changed: false, thrown: before, by_config });
        }
        let at = self.exchange.clock.now();
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        let record = Suspension { kind, number, name: name.to_owned(), suspended, at, actor, reason };
        let words = |suspended| if suspended { "suspended" } else { "not suspended" }.to_owned();
        let by = By { trigger: Trigger::Api, actor: record.actor.clone(), reason: record.reason.clone() };
        let action = if suspended { "suspend" } else { "resume" };
        let subject = format!("{} {name}", kind.label());
        let audit = self.audit(&by, action, &subject, words(!suspended), words(suspended));
        self.operations.switch(&record, &audit)?;
        if suspended {
            Arc::make_mut(&mut overlay.thrown).insert((kind, number), record.clone());
        } else {
            Arc::make_mut(&mut overlay.thrown).remove(&(kind, number));
        }
        self.exchange.market.store(Arc::new(market.under(overlay.suspensions())));
        tracing::warn!(subject, action, reason = record.reason, "kill switch");
        Ok(Switched { changed: true, thrown: suspended.then_some(record), by_config })
    }

    /// The switches that are thrown.
    #[must_use]
    pub fn thrown(&self) -> Arc<Thrown> {
        held(&self.overlay).thrown.clone()
    }
}

/// The number of a name, and whether the config suspends it.
fn find(market: &Market, kind: IdKind, name: &str) -> Option<(u32, bool)> {
    match kind {
        IdKind::Media => market.media.iter().find(|it| it.wire == name).map(|it| (it.id.0, it.suspended)),
        IdKind::Dsp => market.dsps.iter().find(|it| it.wire == name).map(|it| (it.id.0, it.suspended)),
        IdKind::Buyer => market.buyers.iter().find(|it| it.account == name).map(|it| (it.id.0, it.suspended)),
        IdKind::Deal => market.deal_named(name).map(|it| (it.id.0, it.state == DealState::Suspended)),
        IdKind::Creative => {
            let (account, crid) = name.split_once('/')?;
            let buyer = market.buyers.iter().find(|it| it.account == account)?;
            market.creative(buyer.id, crid).map(|it| (it.id.0, it.state == CreativeState::Suspended))
        }
        IdKind::Placement | IdKind::Property | IdKind::Advertiser => None,
    }
}
