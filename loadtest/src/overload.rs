//! What is left of an exchange's throughput when more is asked of it than it can do: `--overload`.

use std::time::Duration;

use loadtest::outcome::Outcome;
use loadtest::process::stay_on;
use serde_json::json;

use crate::arguments::Arguments;
use crate::runs::{Bench, Fallible, Ports, Running, median, say};

/// What is offered, as shares of the saturation.
const SHARES: [f64; 3] = [1.0, 1.5, 3.0];
/// The search for the saturation begins here, requests a second.
const FIRST_RATE: f64 = 500.0;
/// And grows by this.
const STEP: f64 = 1.3;
/// A rate that is answered less than this is beyond the saturation.
const ENOUGH: f64 = 0.95;
/// Seconds of each step.
const STEP_SECONDS: f64 = 2.0;
/// Connections: so many that the generator does not wait for one when the server is late.
const CONNECTIONS: usize = 2_048;

/// One round: the saturation and the runs at its multiples.
struct Round {
    peak: f64,
    runs: Vec<Outcome>,
}

/// Measures goodput under overload; returns the errors of all runs.
pub(crate) fn run(arguments: &Arguments) -> Fallible<u64> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // The exchange has processor 0 for itself; this program and its DSPs have the others.
    let apart = processors > 1 && stay_on(1..processors);
    if !apart {
        say("one processor for all: the generator takes time from the exchange\n")?;
    }
    let bench = Bench::new(arguments, Ports::Preferred)?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds.max(1) {
        let round = one(arguments, &bench, apart.then_some(processors))?;
        say(&table(number, &round))?;
        rounds.push(round);
    }
    let ratio = |share: usize| -> Option<f64> {
        let mut ratios: Vec<f64> = rounds.iter().map(|round| goodput(&round.runs[share]) / round.peak).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).map(|ratio| (ratio * 1000.0).round() / 1000.0)
    };
    let runs = rounds.iter().flat_map(|round| &round.runs);
    let errors: u64 = runs.clone().map(|run| run.errors).sum();
    let all: Vec<Outcome> = runs.cloned().collect();
    let worst = |figure: fn(&Outcome) -> u64| all.iter().map(figure).max();
    let result = json!({
        "rounds": rounds.len(), "errors": errors,
        "goodput_ratio_1x": ratio(0), "goodput_ratio_1_5x": ratio(1), "goodput_ratio_3x": ratio(2),
        "refused_p99_us": worst(|run| run.shed_us.p99), "refused_p50_us": worst(|run| run.shed_us.p50),
        "answered_p99_us": median(&all, |run| Some(run.latency_us.p99 as f64)),
    });
    say(&format!("{result}\n"))?;
    Ok(errors)
}

fn one(arguments: &Arguments, bench: &Bench<'_>, processors: Option<usize>) -> Fallible<Round> {
    let binary = arguments.serve.as_deref().ok_or("--overload needs --serve PATH")?;
    if processors.is_some() {
        stay_on(0..1);
    }
    let running = bench.start(binary, Some(1));
    if let Some(processors) = processors {
        stay_on(1..processors);
    }
    let running = running?;
    let mut peak = saturation(bench, &running)?;
    let mut runs = Vec::new();
    for share in SHARES {
        let run = offer(bench, &running, peak * share, arguments.seconds)?;
        runs.push(run);
    }
    // What was reached at 1 × counts, too: the search is short.
    peak = runs.iter().map(goodput).fold(peak, f64::max);
    if let Some(last) = runs.last_mut() {
        running.end_under_load(binary, last)?;
    }
    Ok(Round { peak, runs })
}

/// The highest goodput while the rate grows: beyond it, more is asked than can be done.
fn saturation(bench: &Bench<'_>, running: &Running) -> Fallible<f64> {
    let (mut rate, mut peak) = (FIRST_RATE, 0.0_f64);
    loop {
        let run = offer(bench, running, rate, STEP_SECONDS)?;
        let reached = goodput(&run);
        peak = peak.max(reached);
        if reached < rate * ENOUGH {
            return Ok(peak);
        }
        rate *= STEP;
    }
}

fn offer(bench: &Bench<'_>, running: &Running, rate: f64, seconds: f64) -> Fallible<Outcome> {
    let mut plan = bench.plan(&running.url, Some(running.server.pid()), false)?;
    plan.rate = rate;
    plan.duration = Some(Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?);
    plan.connections = plan.connections.max(CONNECTIONS);
    let outcome = bench.run(&format!("{rate:.0}/s"), plan)?;
    if outcome.sent == 0 {
        return Err(format!("nothing could be sent at {rate:.0} a second"));
    }
    Ok(outcome)
}

/// Answers in time, a second.
fn goodput(run: &Outcome) -> f64 {
    run.achieved_rate * run.in_time as f64 / ((run.bids + run.no_bids).max(1)) as f64
}

fn table(number: usize, round: &Round) -> String {
    let mut out = format!(
        "round {number}: peak goodput {:.0}/s\n{:>10}{:>10}{:>10}{:>8}{:>10}{:>12}{:>12}{:>14}{:>10}{:>8}\n",
        round.peak,
        "offered/s",
        "sent/s",
        "goodput/s",
        "ratio",
        "refused/s",
        "refused p50",
        "refused p99",
        "answered p99",
        "timeouts",
        "errors"
    );
    for run in &round.runs {
        let answered = (run.bids + run.no_bids).max(1) as f64;
        let seconds = answered / run.achieved_rate.max(1e-9);
        out.push_str(&format!(
            "{:>10.0}{:>10.0}{:>10.0}{:>8.3}{:>10.0}{:>9} µs{:>9} µs{:>11} µs{:>10}{:>8}\n",
            run.offered_rate,
            run.sent as f64 / seconds,
            goodput(run),
            goodput(run) / round.peak,
            run.shed as f64 / seconds,
            run.shed_us.p50,
            run.shed_us.p99,
            run.latency_us.p99,
            run.timeouts,
            run.errors
        ));
    }
    out
}
