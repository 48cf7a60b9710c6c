//! Whether promises fit into slots: a maximum flow from promises to the slots that each may take from (Dinic's algorithm).
//!
//! Exact for integers: if everything fits it says so, and otherwise it names promises and slots that prove that it does not (the
//! minimum cut: what these promises may take from is together smaller than what they are promised).

use std::collections::VecDeque;

/// A promise: how much, and the slots it may take from, by their rows.
pub(super) struct Promise<'a> {
    pub(super) amount: u128,
    pub(super) slots: &'a [u32],
}

/// Why not everything fits: rows of promises, and of all slots that they may take from, ascending.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) promises: Vec<usize>,
    pub(super) slots: Vec<usize>,
}

struct Edge {
    to: usize,
    left: u128,
}

struct Network {
    /// Each edge stands before its reverse: the reverse of `e` is `e ^ 1`.
    edges: Vec<Edge>,
    of: Vec<Vec<usize>>,
    levels: Vec<u32>,
    next: Vec<usize>,
}

const SOURCE: usize = 0;
const SINK: usize = 1;
const UNREACHED: u32 = u32::MAX;

/// Whether all promises fit into slots of these capacities.
///
/// # Errors
/// [`Excess`] when they do not.
pub(super) fn fit(promises: &[Promise<'_>], capacities: &[u64]) -> Result<(), Excess> {
    let first_slot = 2 + promises.len();
    let mut network = Network::new(first_slot + capacities.len());
    let mut wanted = 0;
    for (row, promise) in promises.iter().enumerate() {
        wanted += promise.amount;
        network.edge(SOURCE, 2 + row, promise.amount);
        for slot in promise.slots {
            network.edge(2 + row, first_slot + *slot as usize, promise.amount);
        }
    }
    for (row, capacity) in capacities.iter().enumerate() {
        network.edge(first_slot + row, SINK, (*capacity).into());
    }
    if network.maximum() == wanted {
        return Ok(());
    }
    // After the last round the levels are those that the source still reaches: its side of the minimum cut.
    let reached = |node: usize| network.levels[node] != UNREACHED;
    Err(Excess {
        promises: (0..promises.len()).filter(|row| reached(2 + row)).collect(),
        slots: (0..capacities.len()).filter(|row| reached(first_slot + row)).collect(),
    })
}

impl Network {
    fn new(nodes: usize) -> Self {
        Self { edges: Vec::new(), of: vec![Vec::new(); nodes], levels: Vec::new(), next: Vec::new() }
    }

    fn edge(&mut self, from: usize, to: usize, capacity: u128) {
        self.of[from].push(self.edges.len());
        self.edges.push(Edge { to, left: capacity });
        self.of[to].push(self.edges.len());
        self.edges.push(Edge { to: from, left: 0 });
    }

    fn maximum(&mut self) -> u128 {
        let mut flow = 0;
        while self.layer() {
            self.next = vec![0; self.of.len()];
            while let Some(pushed) = self.push() {
                flow += pushed;
            }
        }
        flow
    }

    /// Layers the nodes by their distance from the source; whether the sink is reached.
    fn layer(&mut self) -> bool {
        self.levels = vec![UNREACHED; self.of.len()];
        self.levels[SOURCE] = 0;
        let mut queue = VecDeque::from([SOURCE]);
        while let Some(node) = queue.pop_front() {
            for edge in &self.of[node] {
                let Edge { to, left } = self.edges[*edge];
                if left > 0 && self.levels[to] == UNREACHED {
                    self.levels[to] = self.levels[node] + 1;
                    queue.push_back(to);
                }
            }
        }
        self.levels[SINK] != UNREACHED
    }

    /// Pushes along one path of the layers, without recursion; `None` when there is none any more.
    fn push(&mut self) -> Option<u128> {
        let mut path: Vec<usize> = Vec::new();
        let mut node = SOURCE;
        while node != SINK {
            let found = self.of[node].get(self.next[node]).copied();
            match found {
                Some(edge) => {
                    let Edge { to, left } = self.edges[edge];
                    if left > 0 && self.levels[to] == self.levels[node] + 1 {
                        path.push(edge);
                        node = to;
                    } else {
                        self.next[node] += 1;
                    }
                }
                None => {
                    // A dead end: back, and not here again in this round.
                    let back = path.pop()?;
                    node = self.edges[back ^ 1].to;
                    self.next[node] += 1;
                }
            }
        }
        let pushed = path.iter().map(|edge| self.edges[*edge].left).min()?;
        for edge in path {
            self.edges[edge].left -= pushed;
            self.edges[edge ^ 1].left += pushed;
        }
        Some(pushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_promise_makes_room_for_another_that_has_no_choice() {
        let promises = [Promise { amount: 10, slots: &[0, 1] }, Promise { amount: 10, slots: &[0] }];
        assert_eq!(fit(&promises, &[10, 10]), Ok(()));
        let excess = Excess { promises: vec![1], slots: vec![0] };
        assert_eq!(fit(&promises, &[9, 11]), Err(excess), "the other one is not to blame");
        assert_eq!(fit(&[Promise { amount: 1, slots: &[] }], &[]), Err(Excess { promises: vec![0], slots: vec![] }));
    }

    /// Hall's condition: for every set of promises, what they may take from is at least what they are promised.
    fn fits_by_enumeration(promises: &[(u64, Vec<u32>)], capacities: &[u64]) -> bool {
        (0_u32..1 << promises.len()).all(|set| {
            let chosen = || promises.iter().enumerate().filter(|(row, _)| set >> row & 1 == 1).map(|(_, it)| it);
            let wanted: u64 = chosen().map(|(amount, _)| amount).sum();
            let reachable = |row: u32| chosen().any(|(_, slots)| slots.contains(&row));
            let there: u64 = (0..).zip(capacities).filter(|(row, _)| reachable(*row)).map(|(_, it)| it).sum();
            wanted <= there
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn r_inventory_the_flow_agrees_with_every_subset(
            capacities in prop::collection::vec(0..20_u64, 1..5),
            promises in prop::collection::vec((0..20_u64, prop::collection::btree_set(0..5_u32, 1..4)), 1..7),
        ) {
            let most = capacities.len() as u32;
            let promises: Vec<(u64, Vec<u32>)> = promises
                .into_iter()
                .map(|(amount, slots)| (amount, slots.into_iter().filter(|slot| *slot < most).collect()))
                .collect();
            let given: Vec<_> = promises.iter().map(|(amount, slots)| Promise { amount: u128::from(*amount), slots }).collect();
            match fit(&given, &capacities) {
                Ok(()) => prop_assert!(fits_by_enumeration(&promises, &capacities)),
                Err(excess) => {
                    let wanted: u64 = excess.promises.iter().map(|row| promises[*row].0).sum();
                    let there: u64 = excess.slots.iter().map(|row| capacities[*row]).sum();
                    prop_assert!(wanted > there, "the cut proves it");
                    let inside = |slot: &u32| excess.slots.contains(&(*slot as usize));
                    prop_assert!(excess.promises.iter().all(|row| promises[*row].1.iter().all(inside)));
                }
            }
        }
    }
}
