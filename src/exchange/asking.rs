//! Asking the invited DSPs, and taking in what they answer.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use openrtb::Arena;
use tokio::time::{Instant, timeout_at};

use super::core::Core;
use super::left_ms;
use super::live::Live;
use super::trace::Trace;
use crate::auction::BidRejection;
use crate::auction::bid_check::{CheckedAnswer, check};
use crate::auction::clearing::{Clearing, NoAnswer};
use crate::auction::eligibility::Invited;
use crate::bidding::{Answer, Ask, Inbox, Silence, Unasked};
use crate::event::{Measure, Stage};
use crate::ids::AuctionId;
use crate::market::Market;
use crate::metrics::DSP_OUTCOMES;

/// What one DSP is about to be asked.
struct Question {
    /// Its invitation's place.
    tag: usize,
    deadline: Instant,
    /// Where its body ends in the bodies of all.
    end: usize,
}

impl Core {
    /// Asks every invited DSP, without waiting. What was sent counts as offered; what a DSP's agreed rate or its open breaker
    /// forbids is withheld for the buyer's reason; what the exchange's own limit forbids is neither, and goes back to its plan (R-MAKEGOOD).
    pub(super) fn ask_all<'r>(
        &self,
        market: &'r Market,
        invited: Invited<'r>,
        auction: AuctionId,
        deadline: Instant,
        live: &Live<'_>,
    ) -> (Clearing<'r>, Inbox<Answer>) {
        let now = self.exchange.clock.instant();
        let mut unasked = Vec::new();
        let mut questions = Vec::with_capacity(invited.invitations().len());
        // One buffer for all bodies: each is a slice of it.
        let mut bodies = Vec::with_capacity(4_096);
        for (tag, invitation) in invited.invitations().iter().enumerate() {
            let dsp = invitation.dsp;
            if self.exchange.breakers.refuses(dsp.id, now) {
                unasked.push((tag, NoAnswer::BreakerOpen));
                continue;
            }
            if !self.exchange.throttles.take(dsp.id, dsp.queries_per_second, now) {
                unasked.push((tag, NoAnswer::Throttled));
                continue;
            }
            let deadline = deadline.min(now + Duration::from_millis(dsp.timeout_ms.into()));
            self.sheet.borrow().write(market, &invited, invitation, left_ms(deadline, now), &mut bodies);
            questions.push(Question { tag, deadline, end: bodies.len() });
        }
        let bodies = Bytes::from(bodies);
        let mut inbox = Inbox::new();
        let mut start = 0;
        for Question { tag, deadline, end } in questions {
            let dsp = invited.invitations()[tag].dsp;
            let body = bodies.slice(start..end);
            start = end;
            match self.bidders.ask(Ask { dsp, body, deadline, tag }, &mut inbox) {
                Ok(()) => {}
                Err(Unasked::Busy) => unasked.push((tag, NoAnswer::Busy)),
                Err(Unasked::BreakerOpen) => unasked.push((tag, NoAnswer::BreakerOpen)),
            }
        }
        self.count_asked(&invited, &unasked, live);
        let mut clearing = Clearing::new(market, invited);
        let trace = Trace::of(auction, market.terms.trace_one_in);
        for (tag, why) in unasked {
            let outcome = match why {
                NoAnswer::BreakerOpen => "breaker_open",
                NoAnswer::Throttled => "throttled",
                _ => "busy",
            };
            self.count_dsp(&clearing, tag, outcome, None);
            trace.heard(&clearing, tag, outcome, None);
            clearing.unanswered(tag, why);
        }
        (clearing, inbox)
    }

    /// Counts each opportunity as offered when any DSP of its deal was asked, else as what kept them from it.
    fn count_asked(&self, invited: &Invited<'_>, unasked: &[(usize, NoAnswer)], live: &Live<'_>) {
        let test = invited.matched().admitted().is_test();
        let why = |tag| unasked.iter().find(|(it, _)| *it == tag).map(|(_, why)| *why);
        for (imp, deal) in invited.opportunities().filter(|_| !test) {
            let fates = || invited.invited_for(imp, deal).map(why);
            let stage = if fates().any(|why| why.is_none()) {
                Stage::Offered
            } else if fates().any(|why| matches!(why, Some(NoAnswer::Throttled | NoAnswer::BreakerOpen))) {
                Stage::Withheld
            } else {
                self.exchange.pacing.give_back(deal, live.now);
                continue;
            };
            self.exchange.attribution.count(deal, live.day, Measure::Stage(stage));
        }
    }

    /// Takes in answers until none can change the decision or time is up. Tells whether any bid was rejected.
    pub(super) async fn hear<'r>(
        &self,
        market: &'r Market,
        (mut clearing, mut inbox): (Clearing<'r>, Inbox<Answer>),
        (auction, arena): (AuctionId, &'r Arena),
        deadline: Instant,
        waited: &Cell<Duration>,
    ) -> (Clearing<'r>, bool) {
        let clock = &self.exchange.clock;
        let mut rejected = false;
        while !clearing.is_settled() {
            let waiting = clock.instant();
            let answer = timeout_at(deadline, inbox.next()).await;
            waited.set(waited.get() + clock.instant().saturating_duration_since(waiting));
            let Ok(Some(answer)) = answer else { break };
            rejected |= self.take_in(market, &mut clearing, (auction, arena), answer);
        }
        (clearing, rejected)
    }

    /// Notes one answer. Tells whether a bid in it was rejected.
    fn take_in<'r>(
        &self,
        market: &'r Market,
        clearing: &mut Clearing<'r>,
        (auction, arena): (AuctionId, &'r Arena),
        answer: Answer,
    ) -> bool {
        let tag = answer.tag;
        let trace = Trace::of(auction, market.terms.trace_one_in);
        // A kill switch is obeyed at once, though the request keeps its snapshot (R-DSP).
        if self.exchange.market.load().dsp_is_suspended(clearing.invited().invitations()[tag].dsp.id) {
            trace.heard(clearing, tag, "suspended", Some(answer.took));
            self.count_dsp(clearing, tag, "suspended", Some(answer.took));
            clearing.unanswered(tag, NoAnswer::Suspended);
            return false;
        }
        let body = match answer.result {
            Err(silence) => {
                trace.heard(clearing, tag, silence.label(), Some(answer.took));
                self.count_dsp(clearing, tag, silence.label(), Some(answer.took));
                clearing.unanswered(tag, no_answer(silence));
                return false;
            }
            Ok(None) => {
                trace.heard(clearing, tag, "no_bid", Some(answer.took));
                self.count_dsp(clearing, tag, "no_bid", Some(answer.took));
                clearing.answered(tag, CheckedAnswer::default());
                return false;
            }
            Ok(Some(body)) => body,
        };
        let invitation = &clearing.invited().invitations()[tag];
        let mut decoder = self.decoder.borrow_mut();
        let checked = check(market, clearing.invited(), invitation, auction, &mut decoder, (&body, arena));
        let silent = checked.accepted.is_empty() && checked.rejected.is_empty();
        let outcome = if silent { "no_bid" } else { "bid" };
        self.count_dsp(clearing, tag, outcome, Some(answer.took));
        trace.heard(clearing, tag, outcome, Some(answer.took));
        trace.checked(&invitation.dsp.wire, &checked);
        if checked.rejected.iter().any(|bid| bid.reason == BidRejection::InvalidResponse) {
            answer.health.malformed();
        }
        let rejected = !checked.rejected.is_empty();
        if let Some(counts) = self.exchange.metrics.dsps.get(invitation.dsp.id) {
            checked.rejected.iter().for_each(|bid| counts.rejected[bid.reason.index()].one());
        }
        self.hand_over(market, clearing.invited(), &checked.unreviewed);
        clearing.answered(tag, checked);
        rejected
    }

    fn count_dsp(&self, clearing: &Clearing<'_>, invitation: usize, outcome: &str, took: Option<Duration>) {
        let dsp = clearing.invited().invitations()[invitation].dsp.id;
        let Some(counts) = self.exchange.metrics.dsps.get(dsp) else { return };
        if let Some(place) = DSP_OUTCOMES.iter().position(|label| *label == outcome) {
            counts.asked[place].one();
        }
        if let Some(took) = took {
            counts.seconds.note(took);
        }
    }
}

const fn no_answer(silence: Silence) -> NoAnswer {
    match silence {
        Silence::Timeout => NoAnswer::Timeout,
        _ => NoAnswer::Failed,
    }
}
