//! What DSPs are told of an auction, from its decision; nothing is sent here, and a test request tells nobody anything.

use super::core::Core;
use crate::auction::bid_check::BidWords;
use crate::auction::outcome::Award;
use crate::bidding::{BidNotice, Tidings};
use crate::event::{Charge, NoticeKind};
use crate::ids::{AuctionId, ImpIndex, LeaseId};
use crate::market::demand::Dsp;
use crate::metrics::NoticeOutcome;

impl Core {
    /// Hands over what each bid's DSP wants to hear of it. Before the answer leaves: no notice of the media may come sooner.
    pub(super) fn tell(&self, award: &Award<'_, Option<LeaseId>>, auction: AuctionId, test: bool) {
        let notices = &self.exchange.notices;
        if test || !notices.are_sent() {
            return;
        }
        let imps = award.invited.matched().admitted().imps();
        let mut tidings = Tidings::new(auction, award.winners.len() + award.losses.len());
        for winner in &award.winners {
            let contender = &winner.contender;
            let Some(words) = &contender.bid else { continue };
            let imp = &imps[contender.imp];
            let bid = notice(contender.dsp, words, imp.index, imp.imp.id.as_str());
            let expires_at = auction.at().plus_ms(imp.placement.token_life_ms);
            let price = contender.floor.millionths();
            let won = (winner.slot, price, imp.quantity, expires_at);
            if !tidings.won(&bid, (words.win, words.bill), won) {
                self.count_bad_url(contender.dsp, NoticeKind::Bill);
            }
        }
        for lost in &award.losses {
            let Some(words) = &lost.bid else { continue };
            let imp = lost.offer.and_then(|offer| imps.get(award.invited.offers().get(offer)?.imp));
            let (index, id) = imp.map_or((ImpIndex(0), ""), |imp| (imp.index, imp.imp.id.as_str()));
            if !tidings.lost(&notice(lost.dsp, words, index, id), words.loss, lost.reason.code()) {
                self.count_bad_url(lost.dsp, NoticeKind::Loss);
            }
        }
        notices.decided(tidings);
    }

    fn count_bad_url(&self, dsp: &Dsp, kind: NoticeKind) {
        if let Some(counts) = self.exchange.metrics.dsps.get(dsp.id) {
            counts.notice(usize::from(kind.code()) - 1, NoticeOutcome::BadUrl);
        }
    }

    /// The media says that an ad won: never money, but its DSP may hear so now.
    pub(super) fn tell_shown(&self, charge: &Charge) {
        self.exchange.notices.shown(charge.key, charge.dsp);
    }
}

fn notice<'b>(dsp: &Dsp, words: &BidWords<'b>, imp: ImpIndex, imp_id: &'b str) -> BidNotice<'b> {
    BidNotice {
        dsp: dsp.id,
        imp,
        imp_id,
        response: words.response,
        seat: words.seat,
        ad: words.ad,
        bid: words.price.0,
        currency: dsp.currency,
    }
}
