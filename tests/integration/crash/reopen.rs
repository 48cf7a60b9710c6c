//! What a killed process left, opened and proved.

use std::collections::BTreeSet;
use std::path::Path;

use pmpx::clock::Clock;
use pmpx::event::{LeaseState, Leases, Ledger, Position};
use pmpx::ids::NodeId;
use pmpx::money::MicroYuan;
use pmpx::settlement::ledger;
use pmpx::store::{Options, SqliteStore};

use super::media::Told;
use crate::harness::proved;

/// A week: every token of the example is dead by then.
const WEEK_MS: u64 = 7 * 86_400_000;

/// Opens the folder as the next starts of these nodes would, and holds it against what the media were told. Returns how many charges are
/// posted.
pub(super) fn proved_after_kill(data: &Path, told: &Told, nodes: &[u16]) -> usize {
    let clock = Clock::system();
    let stores = open(data, nodes);
    ledger::derive(&stores[0], clock.now()).unwrap();
    let rows = stores[0].snapshot().unwrap().charges(0, u32::MAX).unwrap();
    drop(stores);
    let proof = proved(data);
    let sum: i64 = rows.iter().filter(|row| row.is_posted()).map(|row| row.amount.0).sum();
    assert_eq!((proof.charges, proof.posted_micro_yuan), (rows.len() as u64, sum));
    let posted: BTreeSet<_> = rows.iter().map(|row| row.auction.to_string()).collect();
    assert_eq!(posted.len(), rows.len(), "each of these auctions has one imp: one of them is there twice");
    let lost = told.lost(&posted);
    assert!(lost.is_empty(), "acknowledged and not in the journal: {lost:?}");
    let invented = told.never_won(&posted);
    assert!(invented.is_empty(), "posted and never won: {invented:?}");
    reservations_come_back(data, nodes, sum);
    posted.len()
}

fn open(data: &Path, nodes: &[u16]) -> Vec<SqliteStore> {
    let now = Clock::system().now();
    nodes.iter().map(|node| SqliteStore::open(Options::new(data, NodeId(*node)), now).unwrap()).collect()
}

/// On a copy: once all tokens are dead, nothing is held, and each purse has what was paid in less what was posted.
fn reservations_come_back(data: &Path, nodes: &[u16], posted: i64) {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let now = Clock::system().now();
    let stores = open(copy.path(), nodes);
    let store = &stores[0];
    assert!(store.leads(), "whoever led was killed");
    let open = |store: &SqliteStore| store.snapshot().unwrap().leases(0, u32::MAX).unwrap();
    assert!(
        open(store).iter().all(|lease| lease.state != LeaseState::Open),
        "a start ends the leases of the one before"
    );
    let held: i64 = positions(store).iter().map(|it| it.held().0).sum();
    let bounds = open(store).iter().filter(|it| it.state == LeaseState::Retired).map(|it| it.bound().0).sum::<i64>();
    assert_eq!(held, bounds, "what purses hold is what leases may still post");
    assert!(positions(store).iter().all(|it| it.available().0 >= 0), "a balance is below zero");
    store.close_dead(now.plus_ms(WEEK_MS)).unwrap();
    let after = positions(store);
    assert!(after.iter().all(|it| it.held() == MicroYuan::ZERO), "a reservation did not come back: {after:?}");
    assert_eq!(after.iter().map(|it| it.settled.0).sum::<i64>(), posted);
    drop(stores);
    proved(copy.path());
}

fn positions(store: &SqliteStore) -> Vec<Position> {
    store.snapshot().unwrap().positions(Clock::system().now().plus_ms(WEEK_MS)).unwrap()
}
