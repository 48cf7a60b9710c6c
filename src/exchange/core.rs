//! One core: what a hot thread has for itself, and the auction as it runs there.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openrtb::request::BidRequest;
use openrtb::{Arena, Arenas, DecodeCode, Decoder, Limits, ScanError};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::answer::{BadRequest, Reply, bid_body, no_bid_body};
use super::live::{Live, Open, Rehearsal};
use super::trace::Trace;
use super::unreviewed::Sieve;
use super::{Exchange, left_ms};
use crate::auction::NoBid;
use crate::auction::admission::admit;
use crate::auction::eligibility::{Delivery, invite};
use crate::auction::matching::match_deals;
use crate::auction::offer::Sheet;
use crate::auction::outcome::Award;
use crate::bidding::Bidders;
use crate::billing::beacon::{self, Notice};
use crate::billing::token::Purpose;
use crate::clock::Chance;
use crate::event::{Cause, Measure, Stage, Via};
use crate::ids::{AuctionIds, Boot, DealId, Lane, NodeId};
use crate::market::Market;
use crate::market::supply::Media;
use crate::metrics::Outcome;

/// Tokio's timers fire up to 2 ms late; the deadline is that much earlier (performance.md).
const TIMER_SLACK: Duration = Duration::from_millis(2);
/// With less time than this nobody is asked.
const LEAST_TIME_MS: u32 = 3;

/// What a core starts from.
#[derive(Debug)]
pub struct Seed {
    /// Its place among the node's cores.
    pub lane: Lane,
    /// The node.
    pub node: NodeId,
    /// How many times the node has started.
    pub boot: Boot,
    /// Its draws.
    pub chance: Chance,
}

/// One core of the hot plane. Lives on one thread, within a `LocalSet`.
#[derive(Debug)]
pub struct Core {
    pub(super) exchange: Arc<Exchange>,
    lane: Lane,
    ids: RefCell<AuctionIds>,
    chance: RefCell<Chance>,
    pub(super) decoder: RefCell<Decoder>,
    pub(super) sheet: RefCell<Sheet>,
    arenas: Arenas,
    pub(super) bidders: Bidders,
    pub(super) sieve: RefCell<Sieve>,
}

/// One request as it came in.
#[derive(Debug)]
pub struct Incoming<'i> {
    /// When it came.
    pub arrived: Instant,
    /// The credential of `Authorization: Bearer`.
    pub bearer: Option<&'i str>,
    /// Its body, decompressed.
    pub body: Bytes,
}

impl Core {
    /// A core with nothing remembered yet.
    #[must_use]
    pub fn new(exchange: Arc<Exchange>, mut seed: Seed) -> Self {
        let (clock, metrics) = (exchange.clock.clone(), exchange.metrics.clone());
        let bidders = Bidders::new(clock, seed.chance.branch(), exchange.breakers.clone(), metrics);
        Self {
            lane: seed.lane,
            ids: RefCell::new(AuctionIds::new(seed.node, seed.boot, seed.lane)),
            chance: RefCell::new(seed.chance),
            decoder: RefCell::new(Decoder::new(Limits::default())),
            sheet: RefCell::default(),
            arenas: Arenas::default(),
            bidders,
            sieve: RefCell::default(),
            exchange,
        }
    }

    /// What all cores share.
    #[must_use]
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Whether a credential is a media's: asked before the body is read, so that a stranger costs no memory.
    #[must_use]
    pub fn knows(&self, bearer: Option<&str>) -> bool {
        authenticate(&self.exchange.market.load(), bearer).is_some()
    }

    /// Connects to every DSP of the market ahead of traffic.
    pub async fn warm(&self, each: usize) {
        let market = self.exchange.market.load_full();
        self.bidders.warm(market.dsps.iter(), each).await;
    }

    /// One auction, from bytes to answer.
    pub async fn auction(&self, incoming: Incoming<'_>) -> Reply {
        let market = self.exchange.market.load_full();
        let Some(media) = authenticate(&market, incoming.bearer) else {
            self.exchange.metrics.request(None, Outcome::Unauthorized);
            return Reply::Unauthorized;
        };
        let (waited, told) = (Cell::new(Duration::ZERO), Cell::new(None));
        let reply = self.decide(&market, media, &incoming, &waited, &told).await;
        let metrics = &self.exchange.metrics;
        let took = self.exchange.clock.instant().saturating_duration_since(incoming.arrived);
        metrics.request_seconds.note(took);
        metrics.overhead_seconds.note(took.saturating_sub(waited.get()));
        if let Some(trace) = told.get() {
            trace.answered(&reply, took, waited.get());
        }
        let outcome = match &reply {
            Reply::Bid(_) => Outcome::Bid,
            Reply::NoBid(reason, _) => {
                metrics.no_bids.one(reason.index());
                Outcome::NoBid
            }
            Reply::BadRequest(_) => Outcome::BadRequest,
            Reply::Unauthorized => Outcome::Unauthorized,
            Reply::TooLarge(_) => Outcome::TooLarge,
        };
        metrics.request(Some(media.id), outcome);
        reply
    }

    async fn decide(
        &self,
        market: &Market,
        media: &Media,
        incoming: &Incoming<'_>,
        waited: &Cell<Duration>,
        told: &Cell<Option<Trace>>,
    ) -> Reply {
        let arena = self.arenas.lend();
        let request = match self.read(market, &incoming.body, &arena) {
            Ok(request) => request,
            Err(reply) => return reply,
        };
        let auction = self.ids.borrow_mut().next(self.exchange.clock.now());
        // Everything about an auction happens at its id's time, also where the clock has stepped back since: the money of a day
        // pays for that day (R-MONTH, R-COMMIT).
        let now = auction.at();
        let trace = Trace::of(auction, market.terms.trace_one_in);
        told.set(Some(trace));
        trace.read(media, &request);
        let no_bid = |reason| Reply::NoBid(reason, media.no_bid_body.then(|| no_bid_body(&request.id, reason)));
        let matched = admit(market, media, &request, now).and_then(|admitted| match_deals(market, admitted));
        let matched = match matched {
            Ok(matched) => matched,
            Err(reason) => return no_bid(reason),
        };
        let test = matched.admitted().is_test();
        let admitted = matched.admitted();
        let user = admitted.user_id().map(|id| self.exchange.frequency.user(id));
        let live = Live { exchange: &self.exchange, market, now, day: admitted.day(), user };
        let delivery: &dyn Delivery = if test { &Rehearsal } else { &live };
        let invited = invite(market, matched, delivery, &mut self.chance.borrow_mut());
        if invited.invitations().is_empty() {
            self.count(&live, invited.ends(), test);
            return no_bid(NoBid::NoEligibleDeal);
        }
        trace.invited(market, &invited);
        if let Err(error) = self.sheet.borrow_mut().cut(&incoming.body, &invited, &market.terms, auction) {
            // Nothing is counted: a request that is refused offered nothing to anybody.
            live.give_back(&invited, true);
            return ambiguous(&error);
        }
        self.count(&live, invited.ends(), test);
        let open = Open::new(&live, invited.opportunities().filter(|_| !test).map(|(_, deal)| deal));
        let deadline = deadline(market, media, incoming.arrived, request.tmax);
        let Some(deadline) = deadline.filter(|it| left_ms(*it, self.exchange.clock.instant()) >= LEAST_TIME_MS) else {
            open.end(Cause::NoTime);
            live.give_back(&invited, false);
            return no_bid(NoBid::NoTime);
        };
        let asking = self.ask_all(market, invited, auction, deadline, &live);
        let (clearing, heard) = self.hear(market, asking, (auction, &arena), deadline, waited).await;
        open.decided();
        let outcome = clearing.decide(self.exchange.clock.instant() >= deadline);
        let nothing = outcome.is_empty();
        let award = self.award(outcome, &live, trace, test);
        self.tell(&award, auction, test);
        let Award { invited, winners, ends, losses } = award;
        self.count(&live, &ends, test);
        for lost in &losses {
            let reason = lost.reason.code();
            tracing::trace!(%auction, dsp = %lost.dsp.wire, reason, "bid lost");
        }
        if nothing {
            return no_bid(if heard { NoBid::AllRejected } else { NoBid::NoBids });
        }
        if winners.is_empty() {
            return no_bid(NoBid::Unfunded);
        }
        let won = winners.iter().map(|winner| self.won(market, &invited, winner, auction));
        Reply::Bid(bid_body(&request.id, auction, invited.matched().admitted().currency(), won))
    }

    /// Decodes a request and holds it to the rules of the wire.
    fn read<'b>(&self, market: &Market, body: &[u8], arena: &'b Arena) -> Result<BidRequest<'b>, Reply> {
        let decoded = self.decoder.borrow_mut().decode_request_in(arena.copy(body), arena);
        let request = decoded.map_err(|error| refused(&error))?;
        if request.imp.len() > market.terms.most_imps {
            let message = format!("more than {} imps", market.terms.most_imps);
            return Err(Reply::BadRequest(BadRequest { code: "too_many", message, path: "imp".into() }));
        }
        openrtb::validate_request(&request).map_err(|invalid| {
            let message = invalid.message.into_owned();
            Reply::BadRequest(BadRequest { code: "invalid", message, path: invalid.path })
        })?;
        Ok(request)
    }

    /// Bills one display; see [`beacon::bill`].
    pub async fn bill(&self, notice: Notice<'_>) -> beacon::Answer {
        let exchange = &self.exchange;
        let market = exchange.market.load_full();
        let now = exchange.clock.now();
        let tokens = exchange.tokens.load_full();
        let (answer, charge) = beacon::bill(notice, &tokens, &market, &*exchange.journal, self.lane, now).await;
        exchange.metrics.notices.one(notice_place(answer, notice.via));
        if let Some(charge) = &charge {
            Trace::of(charge.key.auction, market.terms.trace_one_in).noticed("bill", answer.label());
        }
        if let (beacon::Answer::Posted, Some(charge)) = (answer, charge) {
            exchange.attribution.count(charge.deal, charge.day(), Measure::Stage(Stage::Billed));
            exchange.notices.posted(charge.key, charge.dsp, now);
            let place = usize::from(charge.method.code()) - 1;
            exchange.metrics.billed_micro_yuan[place].add(charge.amount().0.unsigned_abs());
        }
        answer
    }

    /// Counts a pixel that was refused unread: a browser does not ask again.
    pub fn pixel_lost(&self) {
        self.exchange.metrics.notices.one(PIXEL_LOST);
    }

    /// Counts a pixel whose displayed time is none.
    pub fn bad_display(&self) {
        self.exchange.metrics.notices.one(BAD_DISPLAY);
    }

    /// Whether a win or loss notice would be genuine; counts nothing.
    #[must_use]
    pub fn opens(&self, token: &str) -> bool {
        self.exchange.tokens.load().open(Purpose::Notice, token).is_ok()
    }

    /// Whether a win or loss notice carries a genuine token. Such notices are never money.
    #[must_use]
    pub fn is_genuine(&self, notice: &'static str, token: &str) -> bool {
        let opened = self.exchange.tokens.load().open(Purpose::Notice, token);
        if let Ok(charge) = &opened {
            if notice == "win" {
                self.tell_shown(charge);
            }
            let one_in = self.exchange.market.load().terms.trace_one_in;
            Trace::of(charge.key.auction, one_in).noticed(notice, "counted");
        }
        opened.is_ok()
    }

    /// Counts what happened to deals; a test request counts for none.
    pub(super) fn count(&self, live: &Live<'_>, ends: &[(DealId, Measure)], test: bool) {
        for (deal, measure) in ends.iter().filter(|_| !test) {
            self.exchange.attribution.count(*deal, live.day, *measure);
        }
    }
}

/// The media whose key it is; the secret is compared in constant time, as a digest.
fn authenticate<'m>(market: &'m Market, bearer: Option<&str>) -> Option<&'m Media> {
    let (key_id, secret) = bearer?.split_once('.')?;
    let key = market.key(key_id)?;
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let same = bool::from(digest.ct_eq(&key.sha256));
    same.then(|| market.media.get(key.media)).flatten()
}

/// Arrival plus what the request allows, or else what its media gets by default, less what is kept back for the way home.
fn deadline(market: &Market, media: &Media, arrived: Instant, tmax: Option<i32>) -> Option<Instant> {
    let terms = &market.terms;
    let asked = tmax.and_then(|ms| u32::try_from(ms).ok()).filter(|ms| *ms > 0).unwrap_or(media.default_tmax_ms);
    let ms = asked.min(terms.longest_tmax_ms).checked_sub(terms.margin_ms)?;
    (arrived + Duration::from_millis(ms.into())).checked_sub(TIMER_SLACK)
}

/// Two readers might disagree on what the body says.
fn ambiguous(error: &ScanError) -> Reply {
    Reply::BadRequest(BadRequest { code: "ambiguous", message: error.to_string(), path: String::new() })
}

fn refused(error: &openrtb::DecodeError) -> Reply {
    let code = match error.code {
        DecodeCode::BodyTooLarge => return Reply::TooLarge(error.message.to_string()),
        DecodeCode::TooDeep => "too_deep",
        DecodeCode::Malformed => "malformed",
        DecodeCode::WrongType => "wrong_type",
        DecodeCode::OutOfRange => "out_of_range",
        DecodeCode::Duplicate => "duplicate",
        DecodeCode::TooMany => "too_many",
        DecodeCode::TooLong => "too_long",
    };
    let mut message = error.message.to_string();
    if let Some(offset) = error.offset {
        message.push_str(&format!(" (byte {offset})"));
    }
    Reply::BadRequest(BadRequest { code, message, path: error.path.clone() })
}

/// What a pixel told and nobody will tell again.
const PIXEL_LOST: usize = 7;
const BAD_DISPLAY: usize = 8;

/// The place of an answer among the names of [`Exchange::metrics`].
const fn notice_place(answer: beacon::Answer, via: Via) -> usize {
    match answer {
        beacon::Answer::Posted => 0,
        beacon::Answer::AlreadyPosted => 1,
        beacon::Answer::TooShort => 2,
        beacon::Answer::Expired => 3,
        beacon::Answer::Void => 4,
        beacon::Answer::BadToken(_) => 5,
        beacon::Answer::NotDurable(_) if matches!(via, Via::Pixel) => PIXEL_LOST,
        beacon::Answer::NotDurable(_) => 6,
    }
}
