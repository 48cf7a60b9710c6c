//! Nodes whose clocks differ, and jump within what the exchange allows: what each awards under its leases, what is billed of it, and when.

use super::*;
use crate::billing::budget::{Budgets, LONGEST_WINDOW_MS, Lives, Need};
use crate::ids::Boot;

/// By how much any two clocks differ at most, ms.
const SKEW_MS: u64 = 5_000;
const LIVES: Lives = Lives { longest_token_ms: 20_000, clock_skew_ms: SKEW_MS };
const PRICE: i64 = 35_000_000;

/// A node: its clock, what it may award, and what it has awarded that is not billed yet.
struct Clocked {
    /// Ahead of the true time, less half the skew, ms.
    ahead_ms: u64,
    budgets: Budgets,
    out: Vec<(Charge, u64)>,
}

impl Clocked {
    fn now(&self, true_ms: u64) -> UnixMillis {
        UnixMillis(noon().0 + true_ms + self.ahead_ms - SKEW_MS / 2)
    }
}

fn award(node: &mut Clocked, number: u32, true_ms: u64, life_ms: u64) -> bool {
    // As an auction does: it looks before it takes.
    let now = node.now(true_ms);
    if node.budgets.probe(CASH, MicroYuan(PRICE), now).is_err() {
        return false;
    }
    let Ok(lease) = node.budgets.award(CASH, MicroYuan(PRICE), now) else { return false };
    node.out.push((charge(number, lease, Method::Pd, PRICE), true_ms + life_ms));
    true
}

/// R-PREPAY: a token that is told in its life is billed though the clocks of those who granted, awarded and closed differ, no lease is awarded
/// from later than its window and the skew, and the balance is spent to the last impression and never below zero.
#[test]
fn r_prepay_clocks_that_differ_and_jump_neither_lose_nor_overdraw() {
    const PAID: i64 = 400 * PRICE + PRICE / 2;
    for seed in 0..4 {
        let several = Several::open(3, seed);
        let mut chance = Chance::seeded(seed);
        top_up(&several, "bank 1", PAID).unwrap();
        let need = Need { source: CASH, buyer: BUYER, commitment: None };
        let mut nodes: Vec<_> =
            several.nodes.iter().map(|_| Clocked { ahead_ms: 0, budgets: Budgets::default(), out: vec![] }).collect();
        nodes.iter().for_each(|node| node.budgets.share(true));
        let (mut number, mut billed) = (0, 0);
        let mut windows = std::collections::HashMap::new();
        for beat in 0..2_400_u64 {
            let true_ms = beat * 200;
            for (node, store) in nodes.iter_mut().zip(&several.nodes) {
                if chance.below(25) == 0 {
                    node.ahead_ms = u64::from(chance.below(SKEW_MS as u32 + 1));
                }
                node.budgets.tend(&[need], store, LIVES, node.now(true_ms)).unwrap();
                if chance.below(4) == 0 {
                    number += 1;
                    let life_ms = u64::from(chance.below(LIVES.longest_token_ms as u32));
                    if award(node, number, true_ms, life_ms) {
                        let lease = node.out.last().unwrap().0.lease;
                        let ends = windows.entry(lease).or_insert_with(|| {
                            let leases = store.snapshot().unwrap().leases(lease.0 - 1, 1).unwrap();
                            leases[0].window_ends.0
                        });
                        assert!(noon().0 + true_ms < *ends + SKEW_MS, "awarded too late");
                    }
                }
            }
            // Media tell when they like, and any node hears it.
            for node in &mut nodes {
                let told: Vec<_> = node.out.extract_if(.., |(_, at)| *at <= true_ms).collect();
                for (charge, _) in told {
                    assert_eq!(record(&several, posted(charge)), Ok(Recorded::Posted), "a token in its life");
                    billed += PRICE;
                }
            }
            if beat.is_multiple_of(100) {
                let seen = position(&several, CASH);
                assert!(seen.available().0 >= 0 && billed <= PAID, "{seen:?}");
            }
        }
        assert_eq!(billed, 400 * PRICE, "seed {seed}: to the last impression");
        derive(&several, noon()).unwrap();
        assert_eq!(verify(&*several.snapshot().unwrap()).unwrap().posted_micro_yuan, billed);
        for (node, store) in nodes.iter().zip(&several.nodes) {
            node.budgets.close(store).unwrap();
        }
        several.close_dead(noon().plus_ms(2_400 * 200 + LONGEST_WINDOW_MS * 4)).unwrap();
        assert_eq!(position(&several, CASH).available(), MicroYuan(PAID - billed), "every lease is back");
        assert!(several.nodes.iter().all(|store| store.boot() == Boot(1)));
    }
}
