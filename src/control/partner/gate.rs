//! Who may ask, and how often: a key always, on loopback too; wrong ones are counted and held off; each partner has a rate and a number of
//! requests in flight.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::caller::Caller;
use super::problem::Problem;
use crate::clock::ShanghaiDay;
use crate::control::admin::{ControlState, Peer};
use crate::control::publish::held;
use crate::market::client_address;
use crate::market::partner::Partner;
use crate::metrics::PartnerAnswer;

/// Requests of a partner a second, in the long run.
pub(super) const A_SECOND: u32 = 20;
/// Requests that a partner may send at once after a quiet spell.
pub(super) const BURST: u32 = 60;
/// Requests of a partner in flight.
pub(super) const IN_FLIGHT: usize = 8;
/// Wrong secrets of a key id from an address within a minute or two, after which it is not looked at any more.
pub(super) const MOST_FAILURES: u32 = 10;
/// How long a window of failures is.
const WINDOW: Duration = Duration::from_secs(60);
/// After how many seconds a pair that failed too often is looked at again at the latest.
pub(in crate::control) const LOCKED_OUT_S: u32 = 120;
/// Pairs of key id and address that one window remembers.
const MOST_PAIRS: usize = 8_192;
/// What is kept of a key id that nobody has: more than any has.
const LONGEST_ID: usize = 64;
/// What waits for the books and the docket at a time, over all partners; others wait for their turn.
const TURNS: usize = 4;
/// Bodies of more than a creative's size at a time, over all partners.
const UPLOADS: usize = 4;
/// Bytes of files that a partner may upload on a day: 1 GiB.
const A_DAY: u64 = 1 << 30;

/// The door of the partner API.
#[derive(Debug)]
pub(in crate::control) struct Gate {
    failures: Mutex<Failures>,
    partners: Mutex<HashMap<Partner, Visits>>,
    uploaded: Mutex<HashMap<Partner, (ShanghaiDay, u64)>>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) uploads: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        let (failures, partners, uploaded) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (turns, uploads) = (Arc::new(Semaphore::new(TURNS)), Arc::new(Semaphore::new(UPLOADS)));
        Self { failures, partners, uploaded, turns, uploads }
    }
}

/// Failures of this window and the one before. A window ends with its time, or when it is full.
#[derive(Debug, Default)]
pub(in crate::control) struct Failures {
    began: Option<Instant>,
    now: HashMap<(Box<str>, IpAddr), u32>,
    before: HashMap<(Box<str>, IpAddr), u32>,
}

impl Failures {
    fn turn(&mut self, now: Instant) {
        let passed = self.began.map_or(Duration::MAX, |began| now.saturating_duration_since(began));
        if passed >= WINDOW * 2 {
            self.now.clear();
        }
        if passed >= WINDOW || self.now.len() >= MOST_PAIRS {
            self.before = std::mem::take(&mut self.now);
            self.began = Some(now);
        }
    }

    fn of(&self, pair: &(Box<str>, IpAddr)) -> u32 {
        let count = |window: &HashMap<_, u32>| window.get(pair).copied().unwrap_or(0);
        count(&self.now).saturating_add(count(&self.before))
    }

    /// Looks a key up, unless its id was tried too often from the address; counts where nothing is found.
    pub(in crate::control) fn attempt<T>(
        &mut self,
        (key_id, client): (&str, IpAddr),
        now: Instant,
        find: impl FnOnce() -> Option<T>,
    ) -> Result<T, Failed> {
        let pair = (Box::from(&key_id[..key_id.floor_char_boundary(LONGEST_ID)]), client);
        self.turn(now);
        if self.of(&pair) >= MOST_FAILURES {
            return Err(Failed::LockedOut);
        }
        let found = find();
        if found.is_none() {
            let count = self.now.entry(pair).or_default();
            *count = count.saturating_add(1);
        }
        found.ok_or(Failed::Wrong)
    }
}

/// Why a key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum Failed {
    /// Too many wrong secrets before.
    LockedOut,
    /// Nobody's, or not its secret.
    Wrong,
}

/// What a partner has asked for.
#[derive(Debug, Default)]
struct Visits {
    /// When the next request is due by the rate; the bucket of a virtual schedule.
    due: Option<Instant>,
    inside: Arc<AtomicUsize>,
}

/// A place in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Lets a request in as its partner's, or says why not.
pub(super) async fn gate(State(state): State<Arc<ControlState>>, mut request: Request, next: Next) -> Response {
    let metrics = state.exchange().metrics.clone();
    let answer = |answer: PartnerAnswer| metrics.partners.one(answer as usize);
    match enter(&state, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            let response = next.run(request).await;
            answer(match response.status() {
                status if status.is_success() => PartnerAnswer::Ok,
                status if status.is_server_error() => PartnerAnswer::Failed,
                _ => PartnerAnswer::Refused,
            });
            response
        }
        Err((counted, problem)) => {
            answer(counted);
            problem.into_response()
        }
    }
}

type Kept = (PartnerAnswer, Problem);

fn enter(state: &ControlState, request: &Request) -> Result<Caller, Kept> {
    let market = state.market();
    let now = state.exchange().clock.instant();
    let Some((key_id, secret)) = bearer(request.headers()) else {
        let en = "send `Authorization: Bearer KEYID.SECRET` once, with a partner key of yours";
        let zh = "请携带一次 `Authorization: Bearer 密钥ID.密钥`，使用您的合作方密钥";
        return Err((PartnerAnswer::NoToken, Problem::new(StatusCode::UNAUTHORIZED, "no_token", en, zh)));
    };
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let client = client_address::client(peer, request.headers(), &market.terms.trusted_proxies);
    let find = || known(market.partner_key(key_id).map(|key| (key, &key.sha256)), secret);
    let key = held(&state.partners().failures).attempt((key_id, client), now, find).map_err(failed)?;
    let inside = state.partners().visit(key.partner, now)?;
    Caller::of(&market, key, inside).ok_or_else(|| (PartnerAnswer::BadToken, bad_token()))
}

impl Gate {
    /// Counts an upload against what a partner may send on a day, on this node.
    pub(super) fn charge(&self, partner: Partner, day: ShanghaiDay, bytes: u64) -> Result<(), Problem> {
        let mut uploaded = held(&self.uploaded);
        let (of, sum) = uploaded.entry(partner).or_insert((day, 0));
        if *of != day {
            (*of, *sum) = (day, 0);
        }
        if sum.saturating_add(bytes) > A_DAY {
            let en = format!("more than {A_DAY} bytes of files on one day; go on tomorrow");
            let zh = format!("当日上传文件超过 {A_DAY} 字节，请明日继续");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_much", en, zh).after(3_600));
        }
        *sum += bytes;
        Ok(())
    }

    /// A place in flight within a partner's rate.
    fn visit(&self, partner: Partner, now: Instant) -> Result<Inside, Kept> {
        let mut partners = held(&self.partners);
        let visits = partners.entry(partner).or_default();
        let interval = Duration::from_secs(1) / A_SECOND;
        let due = visits.due.map_or(now, |due| due.max(now));
        let ahead = due.saturating_duration_since(now);
        if ahead > interval * (BURST - 1) {
            let en = format!("more than {A_SECOND} requests a second; slow down");
            let zh = format!("请求超过每秒 {A_SECOND} 次，请放慢");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_fast", en, zh).after(1);
            return Err((PartnerAnswer::TooFast, problem));
        }
        if visits.inside.load(Ordering::Acquire) >= IN_FLIGHT {
            let en = format!("{IN_FLIGHT} requests of yours are in flight; wait for their answers");
            let zh = format!("您已有 {IN_FLIGHT} 个请求正在处理，请等待其应答");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_in_flight", en, zh).after(1);
            return Err((PartnerAnswer::TooMany, problem));
        }
        visits.due = Some(due + interval);
        visits.inside.fetch_add(1, Ordering::AcqRel);
        Ok(Inside(visits.inside.clone()))
    }
}

/// Key id and secret, where they stand once in the form that is asked for.
pub(in crate::control) fn bearer(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let (key_id, secret) = token.split_once('.')?;
    let whole = scheme.eq_ignore_ascii_case("bearer") && values.next().is_none() && !key_id.is_empty();
    whole.then_some((key_id, secret))
}

fn failed(why: Failed) -> Kept {
    if why == Failed::Wrong {
        return (PartnerAnswer::BadToken, bad_token());
    }
    let en = "too many wrong secrets for this key id from your address; wait two minutes";
    let zh = "此密钥ID在您的地址上多次使用错误密钥，请等待两分钟";
    (PartnerAnswer::LockedOut, Problem::new(StatusCode::TOO_MANY_REQUESTS, "locked_out", en, zh).after(LOCKED_OUT_S))
}

/// What belongs to a key, if the secret is its own. One that nobody has costs the same time as a wrong one.
pub(in crate::control) fn known<T>(key: Option<(T, &[u8; 32])>, secret: &str) -> Option<T> {
    const NOBODY: [u8; 32] = [0; 32];
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let same = bool::from(digest.ct_eq(key.as_ref().map_or(&NOBODY, |(_, sha256)| *sha256)));
    key.filter(|_| same).map(|(of, _)| of)
}

fn bad_token() -> Problem {
    let (en, zh) = ("this is no partner key, or not its secret", "合作方密钥不存在，或密钥错误");
    Problem::new(StatusCode::UNAUTHORIZED, "bad_token", en, zh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_forgotten_after_two_windows_and_the_table_is_bounded() {
        let mut failures = Failures::default();
        let start = Instant::now();
        let pair = |id: usize| (id.to_string().into_boxed_str(), IpAddr::from([127, 0, 0, 1]));
        let fail = |failures: &mut Failures, id, now| {
            failures.turn(now);
            *failures.now.entry(pair(id)).or_default() += 1;
        };
        fail(&mut failures, 1, start);
        fail(&mut failures, 1, start + WINDOW);
        assert_eq!(failures.of(&pair(1)), 2, "a window's end forgets nothing yet");
        failures.turn(start + WINDOW * 2);
        assert_eq!(failures.of(&pair(1)), 1);
        failures.turn(start + WINDOW * 5);
        assert_eq!(failures.of(&pair(1)), 0);
        (0..3 * MOST_PAIRS).for_each(|id| fail(&mut failures, id, start + WINDOW * 5));
        assert!(failures.now.len() + failures.before.len() <= 2 * MOST_PAIRS);
    }

    #[test]
    fn a_partner_has_a_rate_a_burst_and_places_in_flight() {
        let (gate, start) = (Gate::default(), Instant::now());
        let one = Partner::Dsp(crate::ids::DspId(1));
        let code = |kept: Result<Inside, Kept>| kept.map(drop).map_err(|kept| kept.0);
        let at_once = (0..1_000).filter(|_| code(gate.visit(one, start)).is_ok()).count();
        assert_eq!(at_once, BURST as usize);
        assert_eq!(code(gate.visit(one, start)), Err(PartnerAnswer::TooFast));
        let second = start + Duration::from_secs(1);
        assert_eq!((0..1_000).filter(|_| code(gate.visit(one, second)).is_ok()).count(), A_SECOND as usize);
        let later = start + Duration::from_secs(60);
        let inside: Vec<_> = (0..IN_FLIGHT).map(|_| gate.visit(one, later).unwrap()).collect();
        assert_eq!(code(gate.visit(one, later)), Err(PartnerAnswer::TooMany));
        assert!(gate.visit(Partner::Media(crate::ids::MediaId(1)), later).is_ok(), "partners are apart");
        drop(inside);
        assert!(gate.visit(one, later).is_ok());
    }
}
