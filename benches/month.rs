//! What months cost: posting into day sums, statements of all buyers, and a month to date by the number of impressions in it.
//!
//! `cargo bench -p pmpx --bench month`. The store is in the system's folder for temporary files: point `TMPDIR` at the disk to measure.
//!
//! A month is generated as deliveries that are already added up, as the ledger books them: 1,000 buyers, 100,000 preferred deals, 30 days, 100 million billed
//! impressions (`PMPX_BUYERS`, `PMPX_DEALS`, `PMPX_IMPRESSIONS`). Printed, in a process of its own for each number:
//!
//! - how many lines and impressions a second become day sums and balances, durably;
//! - the time for the statements of all buyers one after the other, and by how much the process's memory grows for it (Linux);
//! - a buyer's month to date with a million and with a hundred million impressions in as many rows: equal;
//! - entering a payment, and a page of records, with 200,000 records of all buyers (`PMPX_RECORDS`), a closed month with its statement among
//!   every twenty; beside it what it would cost to read all of them, as programs before records were found by buyer did.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed measurement should stop; figures are printed"
)]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{changed, example};
use pmpx::clock::{Clock, Month, ShanghaiDay, UnixMillis};
use pmpx::event::{Account, DeliveryLine, FactKind, Kinds, Ledger, Method, Span, Transaction, Whose};
use pmpx::ids::{BuyerId, DealId, DenseId, MediaId, NodeId};
use pmpx::market::Market;
use pmpx::money::MicroYuan;
use pmpx::settlement::month::statement_of;
use pmpx::settlement::office::{Facts, Submission, View, enter, page_of};
use pmpx::store::{Options, SqliteStore};

const MEDIA: u32 = 20;
/// Lines of one booking; the ledger makes one of at most 65,536 rows of the journal.
const CHUNK: usize = 20_000;
const PRICE: i64 = 35_000;

fn month() -> Month {
    Month::parse("2026-06").unwrap()
}

/// The last moment of the month: nothing of it is closed.
fn now() -> UnixMillis {
    UnixMillis(month().last_day().next().starts_at().0 - 1)
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// The example with that many buyers and preferred deals in place of its own.
fn market(buyers: u32, deals: u32) -> Market {
    changed(&example(), |parts| {
        let buyer = parts.buyers[0].clone();
        let deal = parts.deals.iter().find(|deal| deal.method == Method::Pd).unwrap().clone();
        parts.buyers.clear();
        parts.deals.clear();
        for number in 0..buyers {
            let mut buyer = buyer.clone();
            (buyer.id, buyer.account) = (BuyerId::from_number(number), format!("{}", 80_000_000 + number));
            parts.buyers.push(buyer);
        }
        for number in 0..deals {
            let mut deal = deal.clone();
            (deal.id, deal.wire) = (DealId::from_number(number), format!("PD-{number:06}"));
            deal.buyer = BuyerId(number % buyers);
            deal.advertisers = Vec::new().into();
            parts.deals.push(deal);
        }
    })
}

struct Bench {
    store: SqliteStore,
    market: Market,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Bench {
    /// A month of that many impressions, spread over all deals and days; how long it took to book, and how many lines it was.
    fn filled(buyers: u32, deals: u32, impressions: u64) -> (Self, Duration, usize) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(Options::new(folder.path(), NodeId(1)), now()).unwrap();
        let bench = Self { store, market: market(buyers, deals), clock: Clock::system(), folder };
        let days: Vec<_> = month().days().collect();
        let each = impressions / (u64::from(deals) * days.len() as u64);
        let (mut seq, mut lines_booked) = (0, 0);
        let started = bench.clock.instant();
        for day in days {
            let deals: Vec<_> = (0..deals).collect();
            for chunk in deals.chunks(CHUNK) {
                let lines: Vec<_> = chunk.iter().map(|deal| line(*deal, *deal % buyers, each)).collect();
                let rows = each * lines.len() as u64;
                let span = Span { first_seq: seq + 1, last_seq: seq + rows, rows: Some(rows), digest: [0; 32] };
                seq += rows;
                lines_booked += lines.len();
                bench.store.book(vec![delivery(day, span, lines)]).unwrap();
            }
        }
        let took = bench.clock.instant().saturating_duration_since(started);
        (bench, took, lines_booked)
    }

    /// A buyer's statement from a snapshot of the books of its own.
    fn statement(&self, buyer: BuyerId) -> usize {
        let books = self.store.snapshot().unwrap();
        let facts = Facts::about(&*books, Some(buyer), &[]).unwrap();
        let view = View { market: &self.market, books: &*books, facts: &facts, now: now() };
        black_box(statement_of(&view, buyer, month()).unwrap()).draft().deals.len()
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let started = self.clock.instant();
        let done = work();
        (done, self.clock.instant().saturating_duration_since(started))
    }
}

/// In order of buyer, deal and media, as the ledger has them.
fn line(deal: u32, buyer: u32, count: u64) -> DeliveryLine {
    let amount = MicroYuan(PRICE * i64::try_from(count).unwrap());
    let buyer = BuyerId(buyer);
    DeliveryLine {
        buyer,
        deal: DealId(deal),
        media: MediaId(deal % MEDIA),
        method: Method::Pd,
        payer: Account::cash(buyer),
        count,
        quantity: Some(count * 1_000),
        amount,
        earned: MicroYuan(amount.0 * 85 / 100),
    }
}

fn delivery(day: ShanghaiDay, span: Span, lines: Vec<DeliveryLine>) -> Transaction {
    Transaction::delivery(day, span, lines, vec![], now()).unwrap()
}

/// A line of `/proc/self/status`, in KiB.
fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|it| it.strip_prefix(line))?.split_whitespace().nth(1)?.parse().ok()
}

fn statements() {
    let buyers = u32::try_from(number("PMPX_BUYERS", 1_000)).unwrap();
    let deals = u32::try_from(number("PMPX_DEALS", 100_000)).unwrap();
    let impressions = number("PMPX_IMPRESSIONS", 100_000_000);
    let (bench, took, lines) = Bench::filled(buyers, deals, impressions);
    let second = |count: u64| count as f64 / took.as_secs_f64();
    println!(
        "posting: {lines} lines of {impressions} impressions in {:.1} s: {:.0} lines and {:.0} impressions a second",
        took.as_secs_f64(),
        second(lines as u64),
        second(impressions)
    );
    // The peak counts from here on (proc(5)).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS").unwrap_or_default();
    let (deals, took) = bench.timed(|| (0..buyers).map(|buyer| bench.statement(BuyerId(buyer))).sum::<usize>());
    let grown = memory("VmHWM").unwrap_or_default().saturating_sub(before);
    println!(
        "statements: {buyers} buyers with {deals} deals in {:.2} s, {:.2} ms each; the process at its peak had {} MiB more than when they began with {} MiB",
        took.as_secs_f64(),
        took.as_secs_f64() * 1e3 / f64::from(buyers),
        grown >> 10,
        before >> 10
    );
}

fn month_to_date(impressions: u64) {
    const TIMES: u32 = 200;
    let (bench, _, _) = Bench::filled(10, 1_000, impressions);
    let mut took: Vec<_> = (0..TIMES).map(|_| bench.timed(|| bench.statement(BuyerId(3))).1).collect();
    took.sort_unstable();
    let median = took[took.len() / 2];
    println!(
        "month to date of 100 deals with {impressions} impressions in all: {} us (median of {TIMES})",
        median.as_micros()
    );
}

/// Puts records into a store's file: 19 payments and a closed month by turns, of all buyers one after the other.
fn put_records(file: &std::path::Path, buyers: u32, records: u32) {
    let mut connection = rusqlite::Connection::open(file).unwrap();
    let transaction = connection.transaction().unwrap();
    let line = serde_json::json!({ "deal": "PD-000001", "project": "A project of some length", "settled": 1_000_000, "consumption": "35000.00" });
    let statement = vec![line; 100];
    {
        let mut insert = transaction.prepare("INSERT INTO fact VALUES (?1, ?2, ?3, ?4, ?5, 0, 'finance', ?6)").unwrap();
        for place in 0..records {
            let (buyer, round) = (place % buyers, place / buyers);
            let account = 80_000_000 + buyer;
            let (kind, body) = if round % 20 == 19 {
                let body =
                    serde_json::json!({ "buyer": account.to_string(), "month": "2024-01", "statement": statement });
                (FactKind::MonthClosing, body.to_string())
            } else {
                (FactKind::TopUp, format!(r#"{{"buyer":"{account}","amount":"1000.00"}}"#))
            };
            let row = (place + 1, kind.code(), format!("r {place}"), buyer, 19_000 + round, body);
            insert.execute(row).unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn records() {
    const TIMES: u32 = 50;
    let buyers = u32::try_from(number("PMPX_BUYERS", 1_000)).unwrap();
    let records = u32::try_from(number("PMPX_RECORDS", 200_000)).unwrap();
    let (bench, _, _) = Bench::filled(buyers, buyers, u64::from(buyers) * 30);
    put_records(&bench.folder.path().join("pmpx.db"), buyers, records);
    let median = |work: &mut dyn FnMut(u32)| {
        let mut took: Vec<_> = (0..TIMES).map(|time| bench.timed(|| work(time)).1).collect();
        took.sort_unstable();
        took[took.len() / 2].as_micros()
    };
    let entered = median(&mut |time| {
        let body = format!(r#"{{"buyer":"{}","amount":"1.00"}}"#, 80_000_000 + time);
        let reference = format!("entered {time}");
        let kind = FactKind::TopUp;
        let submission = Submission { kind, reference: &reference, actor: "finance", body: body.as_bytes() };
        enter(&submission, &bench.market, &bench.store, now()).unwrap();
    });
    let about = median(&mut |time| {
        black_box(Facts::about(&*bench.store.snapshot().unwrap(), Some(BuyerId(time)), &[]).unwrap());
    });
    let page = median(&mut |time| {
        let (after, whose) = (u64::from(records / 2 + time), Whose::Of(BuyerId(7)));
        black_box(page_of(&*bench.store.snapshot().unwrap(), Kinds::All, whose, after, 51).unwrap());
    });
    // Their bodies are only read, not understood: less than what programs before did.
    let all = bench.timed(|| {
        let books = bench.store.snapshot().unwrap();
        let (mut after, mut bytes) = (0, 0);
        while let Some(last) = books.facts(after, 4_096).unwrap().last() {
            bytes += last.fact.body.len();
            after = last.seq;
        }
        bytes
    });
    println!(
        "records: {records} of {buyers} buyers; entering one {entered} us, reading a buyer's {about} us, a page of 50 {page} us (medians of {TIMES}); reading all {} us",
        all.1.as_micros()
    );
}

/// Names what a process of its own measures.
const MEASURE: &str = "PMPX_MEASURE";

fn main() {
    match std::env::var(MEASURE).as_deref() {
        Ok("statements") => return statements(),
        Ok("records") => return records(),
        Ok(impressions) => return month_to_date(impressions.parse().unwrap()),
        Err(_) => {}
    }
    for what in ["statements", "1000000", "100000000", "records"] {
        let status = std::process::Command::new(std::env::current_exe().unwrap()).env(MEASURE, what).status().unwrap();
        assert!(status.success(), "{what} was not measured");
    }
}
