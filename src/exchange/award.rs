//! From a decision to a charge: the money is taken from the lease before the media hears of it.

use super::answer::Won;
use super::core::Core;
use super::live::Live;
use super::trace::Trace;
use crate::auction::admission::OfferedImp;
use crate::auction::clearing::{Contender, ImpOutcome};
use crate::auction::eligibility::Invited;
use crate::billing::budget::{Shortage, source_of};
use crate::billing::notice::urls;
use crate::event::{Cause, Charge, ChargeKey, Measure, Stage};
use crate::ids::{AuctionId, DealId, LeaseId, Slot};
use crate::market::Market;
use crate::market::demand::Advertiser;
use crate::money::CpmMicroYuan;

impl Core {
    /// Awards an imp to the first contender that can be paid, and makes its charge and notices. A test request takes no
    /// money and gets no notices (OpenRTB 2.6 §3.2.1 `test`).
    pub(super) fn award<'a>(
        &self,
        market: &'a Market,
        invited: &'a Invited<'a>,
        outcome: ImpOutcome<'a>,
        auction: AuctionId,
        live: &Live<'_>,
    ) -> Option<Won<'a>> {
        let admitted = invited.matched().admitted();
        let imp = &admitted.imps()[outcome.imp];
        let test = admitted.is_test();
        let mut ends: Vec<(DealId, Measure)> = Vec::new();
        let mut winner = None;
        let trace = Trace::of(auction, market.terms.trace_one_in);
        for contender in outcome.contenders {
            let deal = contender.deal;
            // Two DSPs of one deal are two contenders and one opportunity.
            if ends.iter().any(|(ended, _)| *ended == deal.id) {
                continue;
            }
            if winner.is_some() {
                ends.push((deal.id, Measure::Cause(Cause::Outranked)));
                continue;
            }
            match self.fund(&contender, imp, live, test) {
                Ok(lease) => {
                    trace.won(imp.index.0, &deal.wire, &contender.dsp.wire);
                    ends.push((deal.id, Measure::Stage(Stage::Won)));
                    winner = Some((contender, lease));
                }
                Err(shortage) => {
                    let cause = if shortage == Shortage::Empty { Cause::BalanceEmpty } else { Cause::NoLease };
                    trace.unfunded(&deal.wire, cause);
                    ends.push((deal.id, Measure::Cause(cause)));
                }
            }
        }
        self.count(live, &ends, test);
        let (contender, lease) = winner?;
        let advertiser = market.advertisers.get(contender.creative.advertiser)?;
        let earning = contender.deal.price.after_margin(admitted.media().margin);
        let notices = lease.map(|lease| {
            let charge = charge(&contender, imp, advertiser, earning, lease, auction);
            urls(&market.terms.public_url, &mut self.tokens.borrow_mut(), &charge)
        });
        Some(Won { imp, contender, advertiser, earning, notices, token_life_ms: imp.placement.token_life_ms })
    }

    /// The lease that pays; none for a test request.
    fn fund(
        &self,
        contender: &Contender<'_>,
        imp: &OfferedImp<'_>,
        live: &Live<'_>,
        test: bool,
    ) -> Result<Option<LeaseId>, Shortage> {
        if test {
            return Ok(None);
        }
        let deal = contender.deal;
        let source = source_of(deal.method, deal.id, deal.buyer, live.day);
        self.exchange.budgets.award(source, deal.price.cost(imp.quantity), live.now).map(Some)
    }
}

fn charge(
    contender: &Contender<'_>,
    imp: &OfferedImp<'_>,
    advertiser: &Advertiser,
    earning: CpmMicroYuan,
    lease: LeaseId,
    auction: AuctionId,
) -> Charge {
    let deal = contender.deal;
    Charge {
        key: ChargeKey { auction, imp: imp.index, slot: Slot::default() },
        expires_at: auction.at().plus_ms(imp.placement.token_life_ms),
        media: imp.placement.media,
        placement: imp.placement.id,
        dsp: contender.dsp.id,
        buyer: deal.buyer,
        advertiser: advertiser.id,
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
