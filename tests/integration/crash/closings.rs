//! kill -9 of the real binary while it closes days, and while it enters records: each is done once, and the money is that of books that
//! nobody disturbed (R-COMMIT, R-MONTH).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pmpx::clock::{Chance, Clock, ShanghaiDay};
use pmpx::control::config::{self, Moment};
use pmpx::event::{
    Account, AccountKind, Books, ClosedDay, DayCommitment, DayTerms, FactKind, Journal, Leases, Ledger, Measure,
    Source, Stage, Tally, TransactionKind,
};
use pmpx::ids::{BuyerId, DealId, IdBook, NodeId};
use pmpx::money::{CpmMicroYuan, MicroYuan};
use pmpx::settlement::day::{Closer, Closing};
use pmpx::store::{Options, SqliteReader, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Server, spawn, start_with_control, told, valid_for_ever};
use crate::harness::{PATIENCE, copied_config, proved};

/// A buyer and deals that no config names: what is left of an order behind the contract's end.
const BUYER: BuyerId = BuyerId(9_000);
const FIRST_DEAL: u32 = 9_000;
const DEALS: u32 = 40;
const DAYS: u32 = 3;
/// Kills of the process that closes, and of each command.
const KILLS: u32 = 4;

fn seeded() -> Chance {
    let seed = told("PMPX_SEED").unwrap_or(7);
    println!("PMPX_SEED={seed}");
    Chance::seeded(seed)
}

/// Commits `DAYS` days of `DEALS` deals before today: of each, some is the buyer's part, some the exchange's.
fn days_to_close(data: &Path) {
    let now = Clock::system().now();
    let store = SqliteStore::open(Options::new(data, NodeId(1)), now).unwrap();
    store.top_up(BUYER, "bank", MicroYuan(1_000_000_000), now).unwrap();
    let price = CpmMicroYuan::parse_yuan("60.00").unwrap();
    let terms = DayTerms { ordered: 100, price, push: (1, 1), amount: MicroYuan(6_000_000) };
    for day in (1..=DAYS).rev().map(|back| ShanghaiDay(now.shanghai_day().0 - back)) {
        for deal in (0..DEALS).map(|number| DealId(FIRST_DEAL + number)) {
            let commitment = DayCommitment { deal, day, buyer: BUYER, payer: Source::Balance(BUYER), terms };
            assert!(store.commit_day(&commitment, day.starts_at()).unwrap());
            let count = u64::from(deal.0 - FIRST_DEAL);
            store.tally(vec![Tally { day, deal, measure: Measure::Stage(Stage::Withheld), count }]).unwrap();
        }
    }
    // Counts are written behind what was queued before.
    store.close_dead(pmpx::clock::UnixMillis(0)).unwrap();
}

fn closed(data: &Path) -> Vec<ClosedDay> {
    let books = SqliteReader::open(data).unwrap();
    books.closings_of(BUYER, None, ShanghaiDay(0), ShanghaiDay(u32::MAX)).unwrap()
}

/// What came of the days: nothing of it depends on when it was done.
fn figures(data: &Path) -> (Vec<ClosedDay>, Vec<(Account, MicroYuan)>, usize) {
    let books = SqliteReader::open(data).unwrap();
    let mut days = closed(data);
    days.iter_mut().for_each(|day| day.closed_at = pmpx::clock::UnixMillis(0));
    let own = |account: &Account| account.owner == BUYER.0 || account.kind == AccountKind::UndeliveredRevenue;
    let balances = books.balances().unwrap().into_iter().filter(|(account, _)| own(account)).collect();
    let made = books.transactions(0, u32::MAX).unwrap();
    let of_closings = made.iter().filter(|stored| {
        matches!(stored.contents.kind, TransactionKind::DayClosing | TransactionKind::MakeGoodRelease)
    });
    (days, balances, of_closings.count())
}

fn copied(data: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    copy
}

/// The same days, closed by one closer that nobody disturbs.
fn undisturbed(config: &Path, data: &Path) {
    let now = Clock::system().now();
    let store = SqliteStore::open(Options::new(data, NodeId(1)), now).unwrap();
    let sources = config::load(config).unwrap().with_environment(|_| Some("0".repeat(128)));
    let at = Moment { now, generation: 1 };
    let market = config::compile(&sources, &mut IdBook::default(), &at).unwrap().market;
    let mut closer = Closer::default();
    while closer.step(&store, &market, now).unwrap() != Closing::Idle {}
}

fn pause(duration: Duration) {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    assert!(receiver.recv_timeout(duration).is_err(), "nobody sends");
}

/// Waits until so many days are closed.
fn wait_for(data: &Path, count: usize) {
    let (clock, step) = (Clock::system(), Duration::from_millis(2));
    let until = clock.instant() + PATIENCE;
    while closed(data).len() < count {
        assert!(clock.instant() < until, "{} of {count} days are closed", closed(data).len());
        pause(step);
    }
}

#[test]
fn r_commit_days_are_closed_once_over_kill_9() {
    let mut chance = seeded();
    let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
    valid_for_ever(config.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    days_to_close(data.path());
    let copy = copied(data.path());
    undisturbed(config.path(), copy.path());
    let expected = figures(copy.path());
    let all = (DEALS * DAYS) as usize;
    assert_eq!(expected.0.len(), all);
    assert!(
        expected.0.iter().any(|day| day.payable.is_positive())
            && expected.0.iter().any(|day| day.released.is_positive())
    );

    let mut before = 0;
    for _ in 0..KILLS {
        // Somewhere within the rest, as soon as it is seen: the next commits are under way.
        let until = before + 1 + chance.below(all as u32 / KILLS - 1) as usize;
        let (server, ..) = spawn(config.path(), data.path(), "off");
        wait_for(data.path(), until);
        drop(server);
        let done = closed(data.path()).len();
        println!("killed at {done} of {all} days");
        assert!(done >= until, "what was closed stays closed");
        proved(data.path());
        before = done.min(all - KILLS as usize);
    }
    let (server, ..) = start_with_control(&runtime, config.path(), data.path(), "error");
    wait_for(data.path(), all);
    drop(server);
    assert_eq!(figures(data.path()), expected, "as if nobody had ended anything");
    proved(data.path());
}

/// `pmpx enter`, which ends by itself or is ended after a while; how long it ran.
fn enter(
    config: &Path,
    data: &Path,
    (kind, reference, record): (&str, &str, &str),
    ends: Option<Duration>,
) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.args(["enter", kind, "--reference", reference, "--record", record, "--actor", "finance"]);
    command.arg("--config").arg(config).arg("--data").arg(data);
    let (clock, command) = (Clock::system(), command.stdin(Stdio::null()).stdout(Stdio::null()));
    let started = clock.instant();
    let mut process = Server(command.spawn().unwrap());
    match ends {
        Some(after) => {
            pause(after);
            process.0.kill().unwrap();
            process.0.wait().unwrap();
        }
        None => assert!(process.0.wait().unwrap().success(), "{kind} {reference}"),
    }
    clock.instant().saturating_duration_since(started)
}

fn prepared(runtime: &Runtime) -> (TempDir, TempDir) {
    let (config, data) = (copied_config(), tempfile::tempdir().unwrap());
    valid_for_ever(config.path());
    // A start gives the config's names their numbers, and pays the opening balances in.
    drop(start_with_control(runtime, config.path(), data.path(), "error"));
    (config, data)
}

#[test]
fn r_month_records_and_months_are_entered_once_over_kill_9() {
    let mut chance = seeded();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (config, data) = prepared(&runtime);
    let sum = |data: &Path, kind: AccountKind| -> i64 {
        let balances = SqliteReader::open(data).unwrap().balances().unwrap();
        balances.iter().filter(|(account, _)| account.kind == kind).map(|(_, amount)| amount.0).sum()
    };
    let bank = sum(data.path(), AccountKind::Bank);
    let month = Clock::system().now().shanghai_day().month().previous().previous();
    let top_up = r#"{"buyer":"80010001","amount":"1000.00"}"#;
    let closing = format!(r#"{{"buyer":"80010001","month":"{month}"}}"#);
    let copy = copied(data.path());
    let whole = enter(config.path(), copy.path(), ("top-up", "undisturbed", top_up), None);
    enter(config.path(), copy.path(), ("month-closing", "undisturbed", &closing), None);
    let shortfall = sum(copy.path(), AccountKind::MinimumShortfall);
    assert_ne!(shortfall, 0, "a month in which nothing was consumed costs the minimum (R-MINIMUM)");

    for number in 0..KILLS {
        let record = ("top-up", &*format!("bank {number}"), top_up);
        let after = whole * (20 + chance.below(80)) / 100;
        enter(config.path(), data.path(), record, Some(after));
        enter(config.path(), data.path(), record, None);
        let record = ("month-closing", "month", &*closing);
        enter(config.path(), data.path(), record, Some(whole * (20 + chance.below(80)) / 100));
        proved(data.path());
    }
    enter(config.path(), data.path(), ("month-closing", "month", &closing), None);
    assert_eq!(sum(data.path(), AccountKind::Bank) - bank, i64::from(KILLS) * 1_000_000_000);
    assert_eq!(sum(data.path(), AccountKind::MinimumShortfall), shortfall);
    let books = SqliteReader::open(data.path()).unwrap();
    let of = |kind: FactKind| books.facts(0, u32::MAX).unwrap().iter().filter(|kept| kept.fact.kind == kind).count();
    assert_eq!((of(FactKind::TopUp), of(FactKind::MonthClosing)), (KILLS as usize, 1));
    proved(data.path());
}
