//! From a decision to a charge: the money is taken from the lease before the media hears of it.

use super::answer::Won;
use super::core::Core;
use super::known::known;
use super::live::Live;
use super::trace::Trace;
use crate::auction::admission::OfferedImp;
use crate::auction::eligibility::Invited;
use crate::auction::outcome::{Award, Contender, Outcome, Winner};
use crate::billing::budget::{Shortage, source_of};
use crate::billing::notice::urls;
use crate::event::{Cause, Charge, ChargeKey};
use crate::ids::{AuctionId, LeaseId};
use crate::market::Market;
use crate::market::demand::CreativeState;
use crate::money::CpmMicroYuan;
use crate::money::Quantity;

impl Core {
    /// Awards each place to the first contender that can be paid. A test request takes no money (OpenRTB 2.6 §3.2.1 `test`).
    pub(super) fn award<'r>(
        &self,
        outcome: Outcome<'r>,
        live: &Live<'_>,
        trace: Trace,
        test: bool,
    ) -> Award<'r, Option<LeaseId>> {
        let award = outcome.award(|contender, imp| {
            let paid = if test { Ok(None) } else { self.take(contender, imp, live).map(Some) };
            paid.inspect_err(|cause| trace.unfunded(&contender.deal.wire, *cause))
        });
        for winner in &award.winners {
            let imp = award.invited.matched().admitted().imps()[winner.contender.imp].index.0;
            trace.won(imp, &winner.contender.deal.wire, &winner.contender.dsp.wire);
        }
        award
    }

    /// What one ad takes: of the deal's share of the day where nobody has reviewed it, and of its money.
    fn take(&self, contender: &Contender<'_>, imp: &OfferedImp<'_>, live: &Live<'_>) -> Result<LeaseId, Cause> {
        let (deal, allowances) = (contender.deal, &self.exchange.allowances);
        if contender.creative.state == CreativeState::Approved {
            return self.fund(contender, imp, live);
        }
        let impressions = imp.quantity.0.div_ceil(Quantity::ONE.0);
        if !allowances.take(deal.id, live.day, impressions) {
            return Err(Cause::BidRejected);
        }
        let funded = self.fund(contender, imp, live);
        funded.inspect_err(|_| allowances.add(deal.id, live.day, impressions))
    }

    /// The lease that pays for one ad, which counts as seen by the user (R-FREQUENCY).
    fn fund(&self, contender: &Contender<'_>, imp: &OfferedImp<'_>, live: &Live<'_>) -> Result<LeaseId, Cause> {
        let (deal, frequency) = (contender.deal, &self.exchange.frequency);
        if deal.frequency.is_some_and(|cap| !frequency.take(deal.id, cap, live.user, live.now)) {
            return Err(Cause::FrequencyCapped);
        }
        let source = source_of(deal, live.day);
        self.exchange.budgets.award(source, deal.price.cost(imp.quantity), live.now).map_err(|shortage| {
            deal.frequency.iter().for_each(|cap| frequency.give_back(deal.id, *cap, live.user, live.now));
            match shortage {
                Shortage::Empty => Cause::BalanceEmpty,
                Shortage::NoLease => Cause::NoLease,
            }
        })
    }

    /// A winner with its notices, which carry its charge; a test request gets none.
    pub(super) fn won<'w>(
        &self,
        market: &Market,
        invited: &'w Invited<'w>,
        winner: &'w Winner<'w, Option<LeaseId>>,
        auction: AuctionId,
    ) -> Won<'w> {
        let admitted = invited.matched().admitted();
        let imp = &admitted.imps()[winner.contender.imp];
        let earning = winner.contender.deal.price.after_margin(admitted.media().margin);
        let notices = winner.paid.map(|lease| {
            let charge = charge(winner, imp, earning, lease, auction);
            urls(&market.terms.public_url, &self.exchange.tokens.load(), &charge)
        });
        Won {
            imp,
            winner,
            price: earning.converted_down(admitted.rate()),
            notices,
            known: known(admitted, &winner.contender, auction.at()),
            token_life_ms: imp.placement.token_life_ms,
        }
    }
}

fn charge<P>(
    winner: &Winner<'_, P>,
    imp: &OfferedImp<'_>,
    earning: CpmMicroYuan,
    lease: LeaseId,
    auction: AuctionId,
) -> Charge {
    let contender = &winner.contender;
    let deal = contender.deal;
    Charge {
        key: ChargeKey { auction, imp: imp.index, slot: winner.slot },
        expires_at: auction.at().plus_ms(imp.placement.token_life_ms),
        media: imp.placement.media,
        placement: imp.placement.id,
        dsp: contender.dsp.id,
        buyer: deal.buyer,
        advertiser: contender.advertiser.id,
        creative: contender.creative.id,
        version: contender.creative.version,
        deal: deal.id,
        method: deal.method,
        lease,
        quantity: imp.quantity,
        price: deal.price,
        earning,
        minimum_display_ms: imp.placement.minimum_display_ms,
    }
}
