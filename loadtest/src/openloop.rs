//! The open loop: departures follow the schedule whatever the server does, and latency counts from the intended one.
//!
//! A run has a current-thread runtime of its own on the thread that calls [`run_blocking`], so that nothing of the
//! caller's delays it; call it from a thread of its own where the caller has a runtime. Requests are made by a second
//! thread, which sleeps until each one's departure: a runtime's timer would be up to a millisecond late.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::catalog::Catalog;
use crate::check::{Rules, Verdict};
use crate::delays::Delays;
use crate::media::Media;
use crate::notices::{Bill, NoticePlan, live};
use crate::outcome::{Outcome, OverheadBy, Percentiles, Second, Snapshot};
use crate::process;
use crate::time::{sharpen_sleep, sleep_until};
use crate::traffic::{Arrivals, Planned, Traffic};

const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Requests that have departed and wait for the runtime to take them.
const GATE: usize = 4_096;
const DISTINCT_REASONS: usize = 20;
/// Latencies above a minute count as a minute.
const LONGEST_US: u64 = 60_000_000;

/// What to run.
#[derive(Debug)]
pub struct Plan {
    /// The auction URL, `http://HOST:PORT[/path]`.
    pub url: String,
    /// Mean requests a second.
    pub rate: f64,
    /// How long requests depart, after the warm-up; `None` = until `stop`.
    pub duration: Option<Duration>,
    /// Sent and checked before, but not counted.
    pub warmup: Duration,
    /// Where requests come from.
    pub traffic: Traffic,
    /// How they arrive.
    pub arrivals: Arrivals,
    /// The facts that answers are held against.
    pub catalog: Arc<Catalog>,
    /// How strictly.
    pub rules: Rules,
    /// Connections at most, for auctions and again for notices.
    pub connections: usize,
    /// Requests under way at most; a departure beyond that is counted as not sent.
    pub most_in_flight: usize,
    /// A request unanswered so long after its intended departure is given up.
    pub timeout: Duration,
    /// An answer later than this after its intended departure is of no use to the media.
    pub in_time: Duration,
    /// How billing notices are fired; `None` = not at all.
    pub notices: Option<NoticePlan>,
    /// What the DSPs write down about their waits.
    pub delays: Option<Arc<Delays>>,
    /// The DSPs' constant latency, to fall back on.
    pub constant_delay: Option<Duration>,
    /// The server's process, for its processor time and memory.
    pub server: Option<u32>,
    /// Set it to end the run early; what is under way is still waited for.
    pub stop: Arc<AtomicBool>,
    /// Seed of the notices' draws.
    pub seed: u64,
}

impl Plan {
    /// Ten seconds of Poisson arrivals, one second of warm-up, strict checks and the usual notices.
    #[must_use]
    pub fn new(url: &str, rate: f64, traffic: Traffic, catalog: Arc<Catalog>) -> Self {
        Self {
            url: url.to_owned(),
            rate,
            duration: Some(Duration::from_secs(10)),
            warmup: Duration::from_secs(1),
            traffic,
            arrivals: Arrivals::Poisson,
            catalog,
            rules: Rules::default(),
            connections: 256,
            most_in_flight: 20_000,
            timeout: Duration::from_secs(1),
            in_time: Duration::from_millis(150),
            notices: Some(NoticePlan::default()),
            delays: None,
            constant_delay: None,
            server: None,
            stop: Arc::default(),
            seed: 1,
        }
    }
}

#[derive(Debug)]
struct Tally {
    outcome: Outcome,
    latency: Histogram<u64>,
    shed: Histogram<u64>,
    overhead: Histogram<u64>,
    second: Histogram<u64>,
    current: Second,
}

#[derive(Debug)]
struct Run {
    media: Media,
    tally: Mutex<Tally>,
    in_flight: AtomicUsize,
    noticing: AtomicUsize,
    notices: Option<NoticePlan>,
    delays: Option<Arc<Delays>>,
    constant: Option<Duration>,
    timeout: Duration,
    in_time: Duration,
    warmup: Duration,
}

impl Run {
    /// Counts a departure that too many others under way prevented.
    fn not_sent(&self, planned: &Planned) {
        if planned.at >= self.warmup {
            let mut tally = self.tally();
            tally.outcome.not_sent += 1;
            tally.outcome.timeouts += 1;
            tally.current.failed += 1;
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a plan to its end on this thread and calls `progress` about four times a second.
///
/// # Errors
/// When the URL is bad, or the system has no runtime, timer or socket for it. What the server does is no error here.
pub fn run_blocking(plan: Plan, progress: impl FnMut(&Snapshot)) -> io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(depart(plan, progress))
}

async fn depart(mut plan: Plan, mut progress: impl FnMut(&Snapshot)) -> io::Result<Outcome> {
    let run = Arc::new(prepare(&plan)?);
    plan.traffic.schedule(plan.arrivals, plan.rate);
    let end = plan.duration.map(|time| plan.warmup + time);
    let start = Instant::now();
    let (gate, mut departures) = mpsc::channel(GATE);
    let pacer = Pacer { traffic: plan.traffic, start, end, stop: Arc::clone(&plan.stop), run: Arc::clone(&run), gate };
    let pacer = std::thread::Builder::new().name("loadtest-pacer".to_owned()).spawn(move || pacer.pace())?;
    let mut clock = Clock {
        start,
        warmup: plan.warmup,
        next_progress: PROGRESS_EVERY,
        next_second: Duration::from_secs(1),
        cpu: None,
    };
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            departed = departures.recv() => match departed {
                Some(planned) => {
                    if run.in_flight.load(Ordering::Relaxed) >= plan.most_in_flight {
                        run.not_sent(&planned);
                    } else {
                        run.in_flight.fetch_add(1, Ordering::Relaxed);
                        tokio::spawn(one(Arc::clone(&run), planned, start, plan.seed));
                    }
                }
                None => break,
            },
            _ = ticks.tick() => clock.tick(&run, plan.server, &mut progress),
        }
    }
    let _ = pacer.join();
    let measured = start.elapsed().saturating_sub(plan.warmup).min(plan.duration.unwrap_or(Duration::MAX));
    let cpu = clock.spent(plan.server);
    drain(&run, plan.notices.as_ref()).await;
    clock.tick(&run, plan.server, &mut progress);
    progress(&snapshot(&run, start));
    Ok(finish(&run, measured, cpu))
}

/// Makes requests and lets each go at its time, on a thread of its own.
struct Pacer {
    traffic: Traffic,
    start: Instant,
    end: Option<Duration>,
    stop: Arc<AtomicBool>,
    run: Arc<Run>,
    gate: mpsc::Sender<Planned>,
}

impl Pacer {
    fn pace(mut self) {
        sharpen_sleep();
        loop {
            let planned = self.traffic.draw();
            if self.end.is_some_and(|end| planned.at >= end) {
                return;
            }
            let due = self.start + planned.at;
            // A stop does not wait for a rare request.
            while Instant::now() < due && !self.stop.load(Ordering::Relaxed) {
                sleep_until(due.min(Instant::now() + PROGRESS_EVERY));
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.gate.try_send(planned) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(planned)) => self.run.not_sent(&planned),
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }
}

fn prepare(plan: &Plan) -> io::Result<Run> {
    let media = Media::new(&plan.url, plan.connections, Arc::clone(&plan.catalog), plan.rules.clone())?;
    let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 3).map_err(io::Error::other);
    let tally = Tally {
        outcome: Outcome { offered_rate: plan.rate, ..Outcome::default() },
        latency: histogram()?,
        shed: histogram()?,
        overhead: histogram()?,
        second: histogram()?,
        current: Second::default(),
    };
    Ok(Run {
        media,
        tally: Mutex::new(tally),
        in_flight: AtomicUsize::new(0),
        noticing: AtomicUsize::new(0),
        notices: plan.notices.clone(),
        delays: plan.delays.clone(),
        constant: plan.constant_delay.filter(|time| !time.is_zero()),
        timeout: plan.timeout,
        in_time: plan.in_time,
        warmup: plan.warmup,
    })
}

async fn one(run: Arc<Run>, planned: Planned, start: Instant, seed: u64) {
    let due = start + planned.at;
    let departed = Instant::now();
    let answered = tokio::time::timeout_at(due + run.timeout, run.media.auction(&planned)).await;
    let latency = due.elapsed();
    run.in_flight.fetch_sub(1, Ordering::Relaxed);
    let verdict = answered.ok();
    note(&run, &planned, verdict.as_ref(), latency, departed.elapsed());
    let (Some(plan), Some(Verdict::Bids(won))) = (&run.notices, &verdict) else { return };
    for won in won {
        run.noticing.fetch_add(1, Ordering::Relaxed);
        let (run, plan, won) = (Arc::clone(&run), plan.clone(), won.clone());
        // The transaction id differs for every request, so its last digits do for the draws.
        let serial = planned.tid.get(16..).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
        let seed = seed.rotate_left(32) ^ (serial << 4) ^ won.imp as u64;
        tokio::spawn(async move {
            let (bill, fault) = live(&run.media, &plan, &won, seed).await;
            let mut tally = run.tally();
            tally.outcome.bill.add(&bill);
            if let Some(reason) = fault {
                wrong(&mut tally.outcome, reason);
            }
            drop(tally);
            run.noticing.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// `latency` counts from the intended departure, `took` from the real one: how late this program was itself is no property of
/// a refusal.
fn note(run: &Run, planned: &Planned, verdict: Option<&Verdict>, latency: Duration, took: Duration) {
    let recorded = run.delays.as_ref().and_then(|delays| delays.take(&planned.tid));
    let mut guard = run.tally();
    let tally = &mut *guard;
    // A wrong answer in the warm-up is as wrong as a later one.
    if let Some(Verdict::Wrong(reason)) = verdict {
        wrong(&mut tally.outcome, reason.clone());
    }
    let answered = matches!(verdict, Some(Verdict::Bids(_) | Verdict::NoBid(_)));
    tally.outcome.answered_in_all += u64::from(answered);
    if planned.at < run.warmup {
        return;
    }
    tally.outcome.sent += 1;
    tally.current.sent += 1;
    match verdict {
        Some(Verdict::Bids(_)) => tally.outcome.bids += 1,
        Some(Verdict::NoBid(reason)) => {
            tally.outcome.no_bids += 1;
            *tally.outcome.no_bid_reasons.entry(reason.map_or(-1, i64::from)).or_default() += 1;
        }
        Some(Verdict::Shed) => {
            tally.outcome.shed += 1;
            tally.shed.saturating_record(micros(took));
        }
        Some(Verdict::Wrong(_)) => {}
        None => tally.outcome.timeouts += 1,
    }
    if !answered {
        tally.current.failed += 1;
        return;
    }
    tally.current.answered += 1;
    tally.outcome.in_time += u64::from(latency <= run.in_time);
    let us = micros(latency);
    let (waited, by) = match (recorded, run.constant) {
        (Some(recorded), _) => (recorded, OverheadBy::TransactionId),
        (None, Some(constant)) => (u64::try_from(constant.as_micros()).unwrap_or(0), OverheadBy::Constant),
        (None, None) => (0, OverheadBy::Nothing),
    };
    if tally.outcome.overhead_by == OverheadBy::Nothing || by == OverheadBy::TransactionId {
        tally.outcome.overhead_by = by;
    }
    tally.latency.saturating_record(us);
    tally.second.saturating_record(us);
    tally.overhead.saturating_record(us.saturating_sub(waited).max(1));
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(LONGEST_US).clamp(1, LONGEST_US)
}

fn wrong(outcome: &mut Outcome, reason: String) {
    outcome.errors += 1;
    if let Some(count) = outcome.error_reasons.get_mut(&reason) {
        *count += 1;
    } else if outcome.error_reasons.len() < DISTINCT_REASONS {
        outcome.error_reasons.insert(reason, 1);
    }
}

/// Waits for what is under way: auctions for their time-out, notices as long as they get on.
async fn drain(run: &Run, plan: Option<&NoticePlan>) {
    let notices = plan.map_or(Duration::ZERO, |plan| plan.delay + plan.timeout * (plan.retries + 1));
    let until = Instant::now() + run.timeout + notices + Duration::from_secs(1);
    let busy = || run.in_flight.load(Ordering::Relaxed) + run.noticing.load(Ordering::Relaxed);
    while busy() > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = run.noticing.load(Ordering::Relaxed) as u64;
    run.tally().outcome.bill.add(&Bill { notices_unknown: left, ..Bill::default() });
}

struct Clock {
    start: Instant,
    warmup: Duration,
    next_progress: Duration,
    next_second: Duration,
    /// The server's processor time when the warm-up ended.
    cpu: Option<Duration>,
}

impl Clock {
    fn tick(&mut self, run: &Run, server: Option<u32>, progress: &mut impl FnMut(&Snapshot)) {
        let now = self.start.elapsed();
        if self.cpu.is_none() && now >= self.warmup {
            self.cpu = server.and_then(process::processor_time);
            if server.is_none() {
                self.cpu = Some(Duration::ZERO);
            }
        }
        while now >= self.next_second {
            self.next_second += Duration::from_secs(1);
            let mut tally = run.tally();
            let latency = Percentiles::of(&tally.second);
            let server_rss_bytes = server.and_then(process::resident_bytes);
            let second = Second { latency, server_rss_bytes, ..std::mem::take(&mut tally.current) };
            tally.outcome.seconds.push(second);
            tally.second.reset();
        }
        if now >= self.next_progress {
            self.next_progress = now + PROGRESS_EVERY;
            progress(&snapshot(run, self.start));
        }
    }

    fn spent(&self, server: Option<u32>) -> Option<Duration> {
        process::processor_time(server?)?.checked_sub(self.cpu?)
    }
}

fn snapshot(run: &Run, start: Instant) -> Snapshot {
    let tally = run.tally();
    let outcome = &tally.outcome;
    Snapshot {
        elapsed_s: start.elapsed().as_secs_f64(),
        sent: outcome.sent,
        bids: outcome.bids,
        no_bids: outcome.no_bids,
        shed: outcome.shed,
        errors: outcome.errors,
        timeouts: outcome.timeouts,
        in_flight: run.in_flight.load(Ordering::Relaxed),
        latency_us: Percentiles::of(&tally.latency),
        bill: outcome.bill,
    }
}

fn finish(run: &Run, measured: Duration, cpu: Option<Duration>) -> Outcome {
    let tally = run.tally();
    let mut outcome = tally.outcome.clone();
    let answered = (outcome.bids + outcome.no_bids) as f64;
    let memory: Vec<u64> = outcome.seconds.iter().filter_map(|second| second.server_rss_bytes).collect();
    outcome.server_rss_bytes = memory.iter().max().copied();
    outcome.server_rss_by_tenth =
        (1..=10).filter_map(|tenth| memory.get((memory.len() * tenth / 10).checked_sub(1)?).copied()).collect();
    let seconds = measured.as_secs_f64().max(1e-9);
    outcome.achieved_rate = round(answered / seconds);
    outcome.latency_us = Percentiles::of(&tally.latency);
    outcome.shed_us = Percentiles::of(&tally.shed);
    outcome.overhead_us = Percentiles::of(&tally.overhead);
    outcome.cpu_us_per_auction = cpu.filter(|_| answered > 0.0).map(|cpu| round(cpu.as_secs_f64() * 1e6 / answered));
    outcome.curve = tally.latency.iter_quantiles(4).map(|step| (step.quantile(), step.value_iterated_to())).collect();
    outcome
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
