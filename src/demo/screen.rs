//! The demo's live figures: a block that is drawn anew on a terminal, a line a second elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use loadtest::dsp::DspStats;
use loadtest::outcome::{Outcome, Snapshot};
use pmpx::event::{Measure, Stage};
use pmpx::metrics::Metrics;
use pmpx::money::MicroYuan;
use pmpx::node::Node;
use pmpx::settlement::ledger::Verified;

/// Where live figures go: stderr, so that stdout has the result only.
#[derive(Debug)]
pub(super) struct Screen {
    live: bool,
    drawn: usize,
    told_s: u64,
}

impl Screen {
    /// Says where to look, then waits for figures.
    pub(super) fn new(json: bool, node: &Node) -> Self {
        let live = std::io::stderr().is_terminal() && !json;
        let mut text = format!("data plane     http://{}/openrtb2/auction\n", node.address());
        if let Some(control) = node.control_address() {
            let _ = writeln!(text, "control plane  http://{control}/   metrics  http://{control}/metrics");
        }
        put(&text);
        Self { live, drawn: 0, told_s: 0 }
    }

    /// Draws the figures so far.
    pub(super) fn show(&mut self, snapshot: &Snapshot, node: &Node, dsps: &[(String, DspStats)]) {
        let second = snapshot.elapsed_s as u64;
        if !self.live {
            if second > self.told_s {
                self.told_s = second;
                put(&line(snapshot));
            }
            return;
        }
        let text = block(snapshot, node, dsps);
        let mut frame = String::new();
        if self.drawn > 0 {
            let _ = write!(frame, "\x1b[{}A\x1b[J", self.drawn);
        }
        frame.push_str(&text);
        self.drawn = text.lines().count();
        put(&frame);
    }

    /// Leaves the last figures on the screen.
    pub(super) fn end(&mut self) {
        self.drawn = 0;
    }
}

fn put(text: &str) {
    // A terminal that has gone away ends no demo.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn line(snapshot: &Snapshot) -> String {
    format!(
        "{:>4.0} s  {} sent, {} bids, {} no-bids, {} shed, {} errors; {} billed; p50 {} µs, p99 {} µs\n",
        snapshot.elapsed_s,
        snapshot.sent,
        snapshot.bids,
        snapshot.no_bids,
        snapshot.shed,
        snapshot.errors,
        snapshot.bill.impressions_billed,
        snapshot.latency_us.p50,
        snapshot.latency_us.p99,
    )
}

fn block(snapshot: &Snapshot, node: &Node, dsps: &[(String, DspStats)]) -> String {
    let exchange = node.exchange();
    let market = exchange.market.load();
    let day = exchange.clock.now().shanghai_day();
    let mut text = format!("\n{}", line(snapshot));
    let overhead = &exchange.metrics.overhead_seconds;
    let _ = writeln!(
        text,
        "        exchange's own time p50 ≤ {} µs, p99 ≤ {} µs; billed {}",
        overhead.quantile_us(0.5),
        overhead.quantile_us(0.99),
        MicroYuan(snapshot.bill.expected_billed_micro_yuan),
    );
    let _ =
        writeln!(text, "\n  {:<24} {:>6} {:>12} {:>9} {:>9} {:>9}", "deal", "", "price", "offered", "won", "billed");
    for deal in market.deals.iter().map(|deal| market.on_day(deal, day)) {
        let today = |stage| exchange.attribution.today(deal.id, day, Measure::Stage(stage));
        let _ = writeln!(
            text,
            "  {:<24} {:>6} {:>12} {:>9} {:>9} {:>9}",
            deal.wire,
            deal.method.name(),
            deal.price.to_string(),
            today(Stage::Offered),
            today(Stage::Won),
            today(Stage::Billed),
        );
    }
    let _ = writeln!(
        text,
        "\n  {:<16} {:>8} {:>8} {:>8} {:>8} {:>8}   what it did",
        "DSP", "asked", "bids", "told won", "billed", "lost"
    );
    for (name, stats) in dsps {
        let mut tempers: Vec<_> = stats.tempers.iter().collect();
        tempers.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let tempers: Vec<_> = tempers.iter().take(5).map(|(temper, count)| format!("{temper} {count}")).collect();
        let (tempers, heard) = (tempers.join(", "), [stats.wins, stats.billed, stats.losses]);
        let _ = write!(text, "  {name:<16} {:>8} {:>8}", stats.requests, stats.bids);
        let _ = heard.iter().try_for_each(|count| write!(text, " {count:>8}"));
        let _ = writeln!(text, "   {tempers}");
    }
    text
}

/// The last words of a demo that a person watched.
pub(super) fn summary(outcome: &Outcome, proof: &Verified, metrics: &Metrics) -> Result<()> {
    let commits = &metrics.journal_commit_seconds;
    let bill = &outcome.bill;
    let text = format!(
        "\n{} requests: {} bids, {} no-bids, {} shed, {} errors, {} timeouts\n\
         latency p50 {} µs, p99 {} µs; without the DSPs' own time p50 {} µs, p99 {} µs\n\
         {} impressions billed: the media were told {}, the ledger has {}\n\
         ledger: {} charges and {} transactions agree; commits p99 ≤ {} µs\n",
        outcome.sent,
        outcome.bids,
        outcome.no_bids,
        outcome.shed,
        outcome.errors,
        outcome.timeouts,
        outcome.latency_us.p50,
        outcome.latency_us.p99,
        outcome.overhead_us.p50,
        outcome.overhead_us.p99,
        bill.impressions_billed,
        MicroYuan(bill.expected_billed_micro_yuan),
        MicroYuan(proof.ledger_micro_yuan),
        proof.charges,
        proof.transactions,
        commits.quantile_us(0.99),
    );
    std::io::stdout().write_all(text.as_bytes()).context("writing to stdout")
}

/// What the DSPs were told, after the node has ended.
pub(super) fn heard(dsps: &[DspStats]) -> Result<()> {
    let sum = |of: fn(&DspStats) -> u64| dsps.iter().map(of).sum::<u64>();
    let (won, billed, lost) = (sum(|dsp| dsp.wins), sum(|dsp| dsp.billed), sum(|dsp| dsp.losses));
    let text = format!("DSPs were told of {won} bids that won, {billed} that were billed and {lost} that lost\n");
    std::io::stdout().write_all(text.as_bytes()).context("writing to stdout")
}
