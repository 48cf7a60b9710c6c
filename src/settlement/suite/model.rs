//! Random histories against a plain account of the same rules: both engines must agree with it after every step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One step of a history. The index of a lease is taken modulo one more than there are: sometimes it is unknown.
#[derive(Clone, Debug)]
pub(super) enum Step {
    TopUp { buyer: u32, reference: u8, amount: i64 },
    Commit { buyer: u32, deal: u32, amount: i64 },
    Grant { source: usize, want: i64, life_ms: u64 },
    Retire { lease: usize, awarded: i64 },
    Post { lease: usize, number: u32, amount: i64, void: bool },
    Close { now_ms: u64 },
    Derive,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2_u32, 0..8_u8, 1..300_i64).prop_map(|(buyer, reference, amount)| Step::TopUp { buyer, reference, amount }),
        1 => (0..2_u32, 0..3_u32, 0..150_i64).prop_map(|(buyer, deal, amount)| Step::Commit { buyer, deal, amount }),
        4 => (0..5_usize, 0..120_i64, 1..100_u64).prop_map(|(source, want, life_ms)| Step::Grant { source, want, life_ms }),
        2 => (0..30_usize, 0..120_i64).prop_map(|(lease, awarded)| Step::Retire { lease, awarded }),
        8 => (0..30_usize, 0..60_u32, 0..40_i64, prop::bool::weighted(0.2))
            .prop_map(|(lease, number, amount, void)| Step::Post { lease, number, amount, void }),
        2 => (0..100_u64).prop_map(|now_ms| Step::Close { now_ms }),
        1 => Just(Step::Derive),
    ];
    prop::collection::vec(step, 1..80)
}

/// Deal `d` is buyer `d % 2`'s: a commitment by the other is refused before it reaches the stores.
const SOURCES: [(Source, u32); 5] = [
    (Source::Balance(BuyerId(0)), 0),
    (Source::Balance(BuyerId(1)), 1),
    (Source::Commitment(DealId(0), DAY), 0),
    (Source::Commitment(DealId(1), DAY), 1),
    (Source::Commitment(DealId(2), DAY), 0),
];

#[derive(Clone, Debug)]
struct ModelLease {
    source: Source,
    buyer: u32,
    bound: i64,
    granted: i64,
    posted: i64,
    open: bool,
    closed: bool,
    closes_ms: u64,
}

/// The rules, written without purses: every figure is added up from the history.
#[derive(Debug, Default)]
struct Model {
    payments: BTreeMap<u8, (u32, i64)>,
    commitments: BTreeMap<u32, (u32, i64)>,
    leases: Vec<ModelLease>,
    charges: BTreeMap<u32, Recorded>,
}

impl Model {
    fn funded(&self, source: Source) -> i64 {
        match source {
            Source::Balance(buyer) => {
                let paid: i64 = self.payments.values().filter(|(of, _)| *of == buyer.0).map(|(_, amount)| amount).sum();
                let set_aside = self.commitments.values().filter(|(of, _)| *of == buyer.0).map(|(_, amount)| amount);
                paid - set_aside.sum::<i64>()
            }
            Source::Client(_) => 0,
            Source::Commitment(deal, _) => self.commitments.get(&deal.0).map_or(0, |(_, amount)| *amount),
        }
    }

    fn spent_and_held(&self, source: Source) -> (i64, i64) {
        let mine = || self.leases.iter().filter(|lease| lease.source == source);
        let spent = mine().filter(|lease| lease.closed).map(|lease| lease.posted).sum();
        (spent, mine().filter(|lease| !lease.closed).map(|lease| lease.bound).sum())
    }

    fn available(&self, source: Source) -> i64 {
        let (spent, held) = self.spent_and_held(source);
        self.funded(source) - spent - held
    }

    fn top_up(&mut self, buyer: u32, reference: u8, amount: i64) -> Option<Booking> {
        match self.payments.get(&reference) {
            Some(known) if *known == (buyer, amount) => Some(Booking::AlreadyBooked),
            Some(_) => None,
            None => {
                self.payments.insert(reference, (buyer, amount));
                Some(Booking::Booked)
            }
        }
    }

    fn commit(&mut self, buyer: u32, deal: u32, amount: i64) -> bool {
        if self.commitments.contains_key(&deal) {
            return true;
        }
        let covered = amount <= self.available(Source::Balance(BuyerId(buyer)));
        if covered {
            self.commitments.insert(deal, (buyer, amount));
        }
        covered
    }

    fn post(&mut self, lease: usize, number: u32, amount: i64, void: bool) -> Recorded {
        match self.charges.get(&number) {
            Some(Recorded::Posted) => return Recorded::AlreadyPosted,
            Some(_) => return Recorded::AlreadyVoided,
            None => {}
        }
        let Some(lease) = self.leases.get_mut(lease) else { return Recorded::LeaseClosed };
        let recorded = if void { Recorded::Voided } else { Recorded::Posted };
        if lease.closed || (!void && lease.posted + amount > lease.bound) {
            return Recorded::LeaseClosed;
        }
        lease.posted += if void { 0 } else { amount };
        self.charges.insert(number, recorded);
        recorded
    }
}

fn moment(ms: u64) -> UnixMillis {
    noon().plus_ms(ms)
}

fn apply(store: &dyn Engine, model: &mut Model, step: &Step) {
    match *step {
        Step::TopUp { buyer, reference, amount } => {
            let done = store.top_up(BuyerId(buyer), &format!("bank {reference}"), MicroYuan(amount), noon());
            assert_eq!(done.ok(), model.top_up(buyer, reference, amount));
        }
        Step::Commit { buyer, deal, amount } => {
            if buyer == deal % 2 {
                let done = store.commit_day(&day_of(DealId(deal), BuyerId(buyer), amount), noon()).unwrap();
                assert_eq!(done, model.commit(buyer, deal, amount));
            }
        }
        Step::Grant { source, want, life_ms } => {
            let (source, buyer) = SOURCES[source];
            let closes_ms = life_ms;
            let (window_ends, closes_at) = (moment(life_ms / 2), moment(life_ms));
            let want_money = MicroYuan(want);
            let request = LeaseRequest { source, buyer: BuyerId(buyer), want: want_money, window_ends, closes_at };
            let granted = store.grant(request).unwrap().map_or(0, |lease| lease.amount.0);
            assert_eq!(granted, want.min(model.available(source)).max(0));
            if granted > 0 {
                let bound = granted;
                let (posted, open, closed) = (0, true, false);
                model.leases.push(ModelLease { source, buyer, bound, granted, posted, open, closed, closes_ms });
            }
        }
        Step::Retire { lease, awarded } => {
            let lease = lease % (model.leases.len() + 1);
            store.retire(LeaseId(lease as u64 + 1), MicroYuan(awarded)).unwrap();
            if let Some(lease) = model.leases.get_mut(lease).filter(|lease| lease.open) {
                lease.bound = awarded.max(lease.posted).min(lease.granted);
                lease.open = false;
            }
        }
        Step::Post { lease, number, amount, void } => {
            let lease = lease % (model.leases.len() + 1);
            let known = model.leases.get(lease);
            let source = known.map_or(Source::Balance(BuyerId(0)), |lease| lease.source);
            let (method, deal) = match source {
                Source::Balance(_) | Source::Client(_) => (Method::Pd, DEAL),
                Source::Commitment(deal, _) => (Method::Bpg, deal),
            };
            let buyer = BuyerId(known.map_or(0, |lease| lease.buyer));
            let charge = Charge { deal, buyer, ..charge(number, LeaseId(lease as u64 + 1), method, amount) };
            let posting = if void { voided(charge) } else { posted(charge) };
            assert_eq!(record(store, posting), Ok(model.post(lease, number, amount, void)));
        }
        Step::Close { now_ms } => {
            let mut closed = 0;
            for lease in model.leases.iter_mut().filter(|lease| !lease.closed && lease.closes_ms <= now_ms) {
                (lease.closed, lease.open) = (true, false);
                closed += 1;
            }
            assert_eq!(store.close_dead(moment(now_ms)), Ok(closed));
        }
        Step::Derive => {
            derive(store, noon()).unwrap();
        }
    }
}

fn agree(store: &dyn Engine, model: &Model) {
    for position in store.snapshot().unwrap().positions(noon()).unwrap() {
        let (spent, held) = model.spent_and_held(position.source);
        let expected = (model.funded(position.source), spent, held);
        assert_eq!((position.funded.0, position.settled.0, position.held().0), expected, "{position:?}");
        assert!(position.available().0 >= 0, "never below zero: {position:?}");
    }
}

pub(super) fn check(store: &dyn Engine, history: &[Step]) {
    let mut model = Model::default();
    for step in history {
        apply(store, &mut model, step);
        agree(store, &model);
    }
    derive(store, noon()).unwrap();
    let books = store.snapshot().unwrap();
    let proved = verify(&*books).unwrap();
    let posted: i64 = model.leases.iter().map(|lease| lease.posted).sum();
    assert_eq!((proved.posted_micro_yuan, proved.ledger_micro_yuan), (posted, posted));
    let paid: i64 = model.payments.values().map(|(_, amount)| amount).sum();
    let funded: i64 = books.positions(noon()).unwrap().iter().map(|position| position.funded.0).sum();
    assert_eq!(funded, paid, "what was paid in is somewhere");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn r_prepay_random_histories_in_memory_agree_with_the_model(history in steps()) {
        check(&MemoryStore::new(), &history);
    }
}

proptest! {
    // Each step is a commit on disk.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn r_prepay_random_histories_on_disk_agree_with_the_model(history in steps()) {
        let folder = tempfile::tempdir().unwrap();
        check(&SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap(), &history);
    }
}
