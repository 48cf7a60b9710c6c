use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use loadtest::check::Rules;
use loadtest::delays::Delays;
use loadtest::dsp::{Latency, Script, ScriptedDsp, Temper};
use loadtest::floor::{Floor, FloorPlan};
use loadtest::openloop::{Plan, run_blocking};
use loadtest::outcome::{Outcome, OverheadBy};
use loadtest::traffic::Traffic;

use crate::harness::catalog;

fn run(script: &Script, routes: BTreeMap<String, Vec<usize>>, change: impl FnOnce(&mut Plan)) -> (Outcome, u64) {
    let catalog = catalog();
    let delays = Arc::new(Delays::default());
    let dsps = ScriptedDsp::start_all(&catalog, script, false, Some(&delays)).unwrap();
    let plan = FloorPlan {
        address: "127.0.0.1:0".parse().unwrap(),
        dsps: dsps.iter().map(ScriptedDsp::addr).collect(),
        routes,
        threads: 2,
        deadline: Duration::from_millis(100),
    };
    let floor = Floor::start(&plan).unwrap();
    let traffic = Traffic::from_sample(&catalog, 1).unwrap();
    let mut plan = Plan::new(&format!("http://{}", floor.addr()), 300.0, traffic, Arc::clone(&catalog));
    plan.duration = Some(Duration::from_millis(1_200));
    plan.warmup = Duration::from_millis(200);
    plan.rules = Rules { generic: true, ..Rules::default() };
    plan.notices = None;
    plan.delays = Some(delays);
    change(&mut plan);
    let mut snapshots = 0;
    let outcome = run_blocking(plan, |_| snapshots += 1).unwrap();
    assert!(snapshots >= 3, "progress was told {snapshots} times");
    (outcome, dsps.iter().map(|dsp| dsp.stats().requests).sum())
}

#[test]
fn the_floor_answers_everything_by_asking_everyone() {
    let (outcome, asked) = run(&Script::always(Temper::Bid).without_deals(), BTreeMap::new(), |_| {});
    assert_eq!((outcome.errors, outcome.timeouts, outcome.no_bids), (0, 0, 0), "{:?}", outcome.error_reasons);
    assert!((250..480).contains(&outcome.sent), "{} sent", outcome.sent);
    assert_eq!(outcome.bids, outcome.sent);
    assert_eq!(asked, 3 * outcome.answered_in_all, "each of the three DSPs is asked once");
    assert!(outcome.latency_us.p50 > 50 && outcome.latency_us.p50 <= outcome.latency_us.p99);
    assert_eq!(outcome.overhead_us, outcome.latency_us, "there is no deliberate wait to subtract");
}

#[test]
fn routes_narrow_the_fan_out() {
    let routes = catalog().routes();
    let (outcome, asked) = run(&Script::always(Temper::Bid).without_deals(), routes, |_| {});
    assert_eq!(outcome.errors, 0);
    let per_auction = asked as f64 / outcome.answered_in_all as f64;
    assert!((2.0..2.9).contains(&per_auction), "{per_auction}");
}

#[test]
fn overhead_leaves_the_dsps_own_time_out() {
    let wait = Latency::Uniform(Duration::from_millis(8), Duration::from_millis(20));
    let (outcome, _) = run(&Script::always(Temper::Bid).without_deals().latency(wait), BTreeMap::new(), |_| {});
    assert_eq!(outcome.overhead_by, OverheadBy::TransactionId);
    assert!(outcome.latency_us.p50 >= 12_000, "{:?}", outcome.latency_us);
    // Each DSP waits at least 8 ms, so each overhead is that much less than its latency, however busy the machine is.
    assert!(outcome.overhead_us.p50 + 7_500 < outcome.latency_us.p50, "{:?}", outcome.overhead_us);
}

#[test]
fn a_server_that_is_too_slow_does_not_slow_the_schedule() {
    let wait = Latency::Constant(Duration::from_millis(60));
    let script = Script::always(Temper::Bid).without_deals().latency(wait);
    let (outcome, _) = run(&script, BTreeMap::new(), |plan| plan.most_in_flight = 5);
    assert!(outcome.not_sent > 100, "five at a time of 60 ms each cannot keep up: {} not sent", outcome.not_sent);
    assert_eq!(outcome.timeouts, outcome.not_sent);
    let departures = outcome.sent + outcome.not_sent;
    assert!((250..480).contains(&departures), "the schedule had {departures} departures");
}

#[test]
fn wrong_answers_are_errors_with_a_reason_and_silence_is_a_timeout() {
    let (outcome, _) = run(&Script::always(Temper::UnknownImp).without_deals(), BTreeMap::new(), |_| {});
    assert!(outcome.errors >= outcome.sent && outcome.bids == 0);
    assert!(outcome.error_reasons.contains_key("impid is not of the request"), "{:?}", outcome.error_reasons);
    let (outcome, _) =
        run(&Script::always(Temper::Silent), BTreeMap::new(), |plan| plan.timeout = Duration::from_millis(30));
    assert_eq!((outcome.timeouts, outcome.bids, outcome.errors), (outcome.sent, 0, 0));
}

#[test]
fn a_result_has_exactly_the_promised_figures_first() {
    let (outcome, _) = run(&Script::always(Temper::Pass), BTreeMap::new(), |_| {});
    assert_eq!(outcome.no_bids, outcome.sent);
    let text = serde_json::to_string(&outcome).unwrap();
    let names = ["offered_rate", "achieved_rate", "sent", "bids", "no_bids", "shed", "errors", "timeouts"];
    let names = names.iter().chain(&["cpu_us_per_auction", "latency_us", "overhead_us"]);
    let places: Vec<usize> = names.map(|name| text.find(&format!("\"{name}\":")).expect(name)).collect();
    assert!(places.is_sorted(), "{text}");
    for name in ["\"p999\":", "\"impressions_billed\":", "\"expected_billed_micro_yuan\":"] {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
}
