//! What waits for the media's word, against every order of events: each notice at most once, a bill never without its posting, and
//! every posting's bill in the end, however the bid was written out, lost sight of or found again.

use std::collections::HashMap;

use proptest::prelude::*;
use tokio::time::Instant;

use super::super::waiting::Waiting;
use super::*;
use crate::event::{Journal, OutboxRound, Owed, Recorded, WAITING_GRACE_MS, WonBid};
use crate::ids::{LeaseId, NodeId};
use crate::settlement::suite;

#[derive(Clone, Debug)]
enum Event {
    Won(u32),
    Shown(u32),
    /// Posted, and the thread hears of it or not.
    Posted(u32, bool),
    /// Written out; the store may refuse, and then the round stays for the next time.
    Written(bool),
    /// The end of the bids' lives.
    Tidied,
    Restarted,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let number = 0..6_u32;
    prop::collection::vec(
        prop_oneof![
            3 => number.clone().prop_map(Event::Won),
            3 => number.clone().prop_map(Event::Shown),
            3 => (number, any::<bool>()).prop_map(|(number, heard)| Event::Posted(number, heard)),
            3 => any::<bool>().prop_map(Event::Written),
            1 => Just(Event::Tidied),
            1 => Just(Event::Restarted),
        ],
        0..60,
    )
}

#[derive(Default)]
struct Heard {
    wins: HashMap<ChargeKey, u32>,
    bills: HashMap<ChargeKey, u32>,
}

impl Heard {
    fn win(&mut self, win: &WonBid) {
        *self.wins.entry(win.key).or_default() += u32::from(win.win.is_some());
    }

    fn bill(&mut self, win: &WonBid) {
        if !win.told {
            self.win(win);
        }
        *self.bills.entry(win.key).or_default() += u32::from(win.bill.is_some());
    }

    /// What the thread does with what the store owes; settled at once, as if every call were delivered.
    fn owed(&mut self, owed: &Owed, store: &MemoryStore, waiting: &mut Waiting) {
        waiting.answered(owed);
        owed.shown.iter().for_each(|win| self.win(win));
        owed.posted.iter().for_each(|(win, _)| self.bill(win));
        let settled = owed.posted.iter().map(|(win, _)| win.key).collect();
        store.keep(&OutboxRound { settled, ..OutboxRound::default() }).unwrap();
    }
}

/// Each bid with its own mixture of notices.
fn bid_of(number: u32, lease: LeaseId) -> WonBid {
    let win = suite::outbox::won(number);
    let url = |there: bool| there.then(|| "http://dsp.example/".to_owned());
    let charge = suite::charge(number, lease, crate::event::Method::Pd, 1);
    WonBid { key: charge.key, win: url(number % 3 != 1), bill: url(number % 3 != 2), ..win }
}

fn check(events: &[Event]) {
    let store = MemoryStore::new();
    suite::top_up(&store, "bank", 1_000).unwrap();
    let lease = suite::grant(&store, crate::event::Source::Balance(suite::BUYER), 1_000).unwrap().id;
    let mut waiting = Waiting::new(NodeId(0), Vec::new());
    let (mut heard, mut round) = (Heard::default(), OutboxRound::default());
    let (mut known, mut posted) = (Vec::new(), Vec::new());
    let now = Instant::now();
    let end = suite::charge(0, lease, crate::event::Method::Pd, 1).expires_at.plus_ms(WAITING_GRACE_MS);
    let write = |waiting: &mut Waiting, round: &mut OutboxRound, heard: &mut Heard, taken: bool| {
        round.waiting.extend(waiting.overdue(now, Duration::ZERO, 100));
        let (shown, posted) = waiting.asked();
        round.shown.extend(shown);
        round.posted.extend(posted);
        if taken {
            let owed = store.keep(&std::mem::take(round)).unwrap();
            heard.owed(&owed, &store, waiting);
        }
    };
    // After their end bids are neither won nor posted: their beacons get 410.
    let mut over = false;
    for event in events {
        match event {
            Event::Won(_) | Event::Posted(..) if over => {}
            Event::Won(number) if !known.contains(number) => {
                known.push(*number);
                assert!(waiting.won(bid_of(*number, lease), now));
            }
            Event::Won(_) => {}
            Event::Shown(number) => {
                let due = waiting.shown(bid_of(*number, lease).key);
                due.iter().for_each(|win| heard.win(win));
            }
            Event::Posted(number, told) => {
                let charge = suite::charge(*number, lease, crate::event::Method::Pd, 1);
                let recorded = suite::wait(store.submit(crate::ids::Lane(0), suite::posted(charge)).unwrap().outcome());
                if recorded == Ok(Recorded::Posted) {
                    posted.push((*number, known.contains(number)));
                    let due = told.then(|| waiting.posted(charge.key, noon())).flatten();
                    due.iter().for_each(|win| heard.bill(win));
                }
            }
            Event::Written(taken) => write(&mut waiting, &mut round, &mut heard, *taken),
            Event::Tidied => {
                over = true;
                let owed = store.tidy(end, 100).unwrap();
                heard.owed(&owed, &store, &mut waiting);
            }
            Event::Restarted => {
                // As a drain ends: everything is written.
                write(&mut waiting, &mut round, &mut heard, true);
                write(&mut waiting, &mut round, &mut heard, true);
                let (keys, owed) = store.resume().unwrap();
                waiting = Waiting::new(NodeId(0), keys);
                heard.owed(&owed, &store, &mut waiting);
            }
        }
    }
    // The end of it all: whatever was lost sight of is found.
    write(&mut waiting, &mut round, &mut heard, true);
    write(&mut waiting, &mut round, &mut heard, true);
    let owed = store.tidy(end, 100).unwrap();
    heard.owed(&owed, &store, &mut waiting);
    assert_eq!(store.resume().unwrap(), (Vec::new(), Owed::default()), "nothing is left behind");
    for number in 0..6 {
        let bid = bid_of(number, lease);
        let times = |of: &HashMap<ChargeKey, u32>| of.get(&bid.key).copied().unwrap_or(0);
        let was_posted = posted.iter().any(|(it, known)| *it == number && *known);
        // A posting that comes before its bid is not of this world.
        let before = posted.iter().any(|(it, known)| *it == number && !*known);
        assert!(times(&heard.wins) <= 1 && times(&heard.bills) <= 1, "bid {number} was told twice: {events:?}");
        if !before {
            assert_eq!(times(&heard.bills), u32::from(was_posted && bid.bill.is_some()), "bid {number}: {events:?}");
            assert!(!was_posted || times(&heard.wins) == u32::from(bid.win.is_some()), "bid {number}: {events:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn each_notice_is_told_once_in_whatever_order(events in events()) {
        check(&events);
    }
}
