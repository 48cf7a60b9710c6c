//! Random histories against a plain account of the same rules: both engines must agree with it after every step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::funds::{enter, moved};
use super::*;
use crate::event::{AccountChange, Fund, GrantId, GrantTerms, LeasePart, Pot, TransactionKind};

/// One step of a history. The index of a lease is taken modulo one more than there are: sometimes it is unknown.
#[derive(Clone, Debug)]
pub(super) enum Step {
    TopUp {
        buyer: u32,
        reference: u8,
        amount: i64,
    },
    Give {
        to: usize,
        last_day: u32,
        amount: i64,
    },
    Limit {
        buyer: u32,
        amount: i64,
    },
    /// To the client where it is above zero, else back.
    Transfer {
        amount: i64,
    },
    Expire {
        days: u32,
        end: bool,
    },
    Commit {
        deal: u32,
        amount: i64,
    },
    Grant {
        source: usize,
        want: i64,
        life_ms: u64,
    },
    Retire {
        lease: usize,
        awarded: i64,
    },
    Post {
        lease: usize,
        number: u32,
        amount: i64,
        void: bool,
    },
    Close {
        now_ms: u64,
    },
    Derive,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2_u32, 0..8_u8, 1..300_i64).prop_map(|(buyer, reference, amount)| Step::TopUp { buyer, reference, amount }),
        3 => (0..3_usize, 0..4_u32, 1..90_i64).prop_map(|(to, last_day, amount)| Step::Give { to, last_day, amount }),
        1 => (0..2_u32, 0..60_i64).prop_map(|(buyer, amount)| Step::Limit { buyer, amount }),
        2 => (-120..120_i64).prop_map(|amount| Step::Transfer { amount }),
        1 => (0..4_u32, prop::bool::weighted(0.3)).prop_map(|(days, end)| Step::Expire { days, end }),
        2 => (0..4_u32, 0..150_i64).prop_map(|(deal, amount)| Step::Commit { deal, amount }),
        5 => (0..7_usize, 0..120_i64, 1..100_u64).prop_map(|(source, want, life_ms)| Step::Grant { source, want, life_ms }),
        3 => (0..30_usize, 0..120_i64).prop_map(|(lease, awarded)| Step::Retire { lease, awarded }),
        9 => (0..30_usize, 0..60_u32, 0..40_i64, prop::bool::weighted(0.2))
            .prop_map(|(lease, number, amount, void)| Step::Post { lease, number, amount, void }),
        2 => (0..100_u64).prop_map(|now_ms| Step::Close { now_ms }),
        1 => Just(Step::Derive),
    ];
    prop::collection::vec(step, 1..80)
}

/// A client of buyer 0.
const CLIENT: AdvertiserId = AdvertiserId(5);

/// Deal `d` is buyer `d % 2`'s; deal 3 would be paid by the client, whose account buyer 1 may not use.
const SOURCES: [(Source, u32); 7] = [
    (Source::Balance(BuyerId(0)), 0),
    (Source::Balance(BuyerId(1)), 1),
    (Source::Client(CLIENT), 0),
    (Source::Commitment(DealId(0), DAY), 0),
    (Source::Commitment(DealId(1), DAY), 1),
    (Source::Commitment(DealId(2), DAY), 0),
    (Source::Commitment(DealId(3), DAY), 1),
];

/// Deal 2 is the client's.
fn payer(deal: u32) -> Source {
    if deal >= 2 { Source::Client(CLIENT) } else { Source::Balance(BuyerId(deal % 2)) }
}

#[derive(Clone, Debug)]
struct ModelLease {
    source: Source,
    buyer: u32,
    parts: Vec<LeasePart>,
    bound: i64,
    granted: i64,
    posted: i64,
    open: bool,
    closed: bool,
    closes_ms: u64,
}

impl ModelLease {
    /// What the first micro-yuan of it, up to a number, take from a pot: counted one by one.
    fn first(&self, pot: Pot, amount: i64) -> i64 {
        if self.parts.iter().all(|part| part.pot != pot) {
            return 0;
        }
        let coins = self.parts.iter().flat_map(|part| std::iter::repeat_n(part.pot, part.amount.0 as usize));
        coins.take(amount as usize).filter(|of| *of == pot).count() as i64
    }
}

/// The rules, written without purses: every figure is added up from the history.
#[derive(Debug, Default)]
struct Model {
    payments: BTreeMap<u8, (u32, i64)>,
    /// What came to each fund, and what was taken from it other than by leases.
    moved: Vec<(Fund, i64)>,
    grants: Vec<GrantTerms>,
    limits: BTreeMap<u32, i64>,
    /// What each deal's day was set aside from.
    commitments: BTreeMap<u32, Vec<(Fund, i64)>>,
    leases: Vec<ModelLease>,
    charges: BTreeMap<u32, Recorded>,
}

impl Model {
    fn funded(&self, pot: Pot) -> i64 {
        let of = |(fund, amount): &(Fund, i64)| if *fund == pot.fund() { *amount } else { 0 };
        match pot {
            Pot::Free(_) => {
                let aside: i64 = self.commitments.values().flatten().map(of).sum();
                self.moved.iter().map(of).sum::<i64>() - aside
            }
            Pot::Committed(deal, ..) => self.commitments.get(&deal.0).into_iter().flatten().map(of).sum(),
            Pot::MakeGood(..) => 0,
        }
    }

    fn spent_and_held(&self, pot: Pot) -> (i64, i64) {
        let sum = |closed, amount: fn(&ModelLease) -> i64| {
            let leases = self.leases.iter().filter(|lease| lease.closed == closed);
            leases.map(|lease| lease.first(pot, amount(lease))).sum()
        };
        (sum(true, |lease| lease.posted), sum(false, |lease| lease.bound))
    }

    fn available(&self, pot: Pot) -> i64 {
        let (spent, held) = self.spent_and_held(pot);
        (self.funded(pot) - spent - held).max(0)
    }

    /// R-BALANCE: grants by earliest expiry, then cash, then credit; a commitment's in the same order.
    fn pots(&self, source: Source) -> Vec<Pot> {
        let mut grants = self.grants.clone();
        grants.sort_by_key(|terms| (terms.last_day, terms.grant));
        let lasting = |terms: &&GrantTerms| terms.last_day >= DAY && terms.source() == source;
        match source {
            Source::Balance(buyer) => {
                let grants = grants.iter().filter(lasting).map(|terms| Pot::Free(Fund::Grant(terms.grant)));
                grants.chain([Fund::Cash(buyer), Fund::Credit(buyer)].map(Pot::Free)).collect()
            }
            Source::Client(client) => {
                let grants = grants.iter().filter(lasting).map(|terms| Pot::Free(Fund::Grant(terms.grant)));
                grants.chain([Pot::Free(Fund::Client(client))]).collect()
            }
            Source::Commitment(deal, day) => {
                let grants = grants.iter().map(|terms| Fund::Grant(terms.grant));
                let buyer = BuyerId(deal.0 % 2);
                let rest = [Fund::Client(CLIENT), Fund::Cash(buyer), Fund::Credit(buyer)];
                grants.chain(rest).map(|fund| Pot::Committed(deal, day, fund)).collect()
            }
        }
    }

    /// The first of a source's pots that make an amount, or all that there is.
    fn take(&self, source: Source, amount: i64) -> Vec<LeasePart> {
        let mut left = amount;
        let mut parts = Vec::new();
        for pot in self.pots(source) {
            let amount = left.min(self.available(pot));
            left -= amount;
            parts.extend((amount > 0).then_some(LeasePart { pot, amount: MicroYuan(amount) }));
        }
        parts
    }

    fn top_up(&mut self, buyer: u32, reference: u8, amount: i64) -> Option<Booking> {
        match self.payments.get(&reference) {
            Some(known) if *known == (buyer, amount) => Some(Booking::AlreadyBooked),
            Some(_) => None,
            None => {
                self.payments.insert(reference, (buyer, amount));
                self.moved.push((Fund::Cash(BuyerId(buyer)), amount));
                Some(Booking::Booked)
            }
        }
    }

    fn commit(&mut self, deal: u32, amount: i64) -> bool {
        if self.commitments.contains_key(&deal) {
            return true;
        }
        let parts = self.take(payer(deal), amount);
        // The client is buyer 0's, deal 3 is not.
        let own = amount == 0 || deal != 3;
        let covered = own && parts.iter().map(|part| part.amount.0).sum::<i64>() == amount;
        if covered {
            let funds = parts.iter().map(|part| (part.pot.fund(), part.amount.0)).collect();
            self.commitments.insert(deal, funds);
        }
        covered
    }

    fn expire(&mut self, days: u32, end: bool) -> u64 {
        let today = ShanghaiDay(DAY.0 + days);
        let over = |terms: &&GrantTerms| terms.last_day < today || end && terms.buyer == BuyerId(0) && today > DAY;
        let pots = self.grants.iter().filter(over).map(|terms| Pot::Free(Fund::Grant(terms.grant)));
        let left: Vec<_> = pots.map(|pot| (pot.fund(), -self.available(pot))).filter(|(_, left)| *left < 0).collect();
        self.moved.extend(&left);
        left.len() as u64
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

/// The steps that enter facts.
fn account(store: &dyn Engine, model: &mut Model, step: &Step) {
    match *step {
        Step::Give { to, last_day, amount } => {
            let (buyer, client) = [(0, None), (1, None), (0, Some(CLIENT))][to];
            let grant = GrantId(model.grants.len() as u32 + 1);
            // From the day before on.
            let terms =
                GrantTerms { grant, buyer: BuyerId(buyer), client, last_day: ShanghaiDay(DAY.0 + last_day - 1) };
            let (cost, own) = (Account::single(AccountKind::GrantCost), Fund::Grant(grant).account());
            let given = moved(TransactionKind::Grant, cost, own, amount, &format!("grant {}", grant.0));
            let opens = client.map(|client| AccountChange::OpenClient(client, BuyerId(0)));
            let changes = opens.into_iter().chain([AccountChange::Grant(terms)]).collect();
            assert_eq!(enter(store, changes, vec![given]), Ok(Booking::Booked));
            model.grants.push(terms);
            model.moved.push((Fund::Grant(grant), amount));
        }
        Step::Limit { buyer, amount } => {
            let change = AccountChange::CreditLimit(BuyerId(buyer), MicroYuan(amount));
            assert_eq!(enter(store, vec![change], vec![]), Ok(Booking::Booked));
            let before = model.limits.insert(buyer, amount).unwrap_or_default();
            model.moved.push((Fund::Credit(BuyerId(buyer)), amount - before));
        }
        Step::Transfer { amount } if amount != 0 => {
            let (main, own) = (Fund::Cash(BuyerId(0)), Fund::Client(CLIENT));
            let (from, to) = if amount > 0 { (main, own) } else { (own, main) };
            let reference = format!("move {}", model.moved.len());
            let transfer = moved(TransactionKind::Transfer, from.account(), to.account(), amount.abs(), &reference);
            let done = enter(store, vec![AccountChange::OpenClient(CLIENT, BuyerId(0))], vec![transfer]);
            let covered = amount.abs() <= model.available(Pot::Free(from));
            assert_eq!(done.is_ok(), covered, "{done:?}");
            if covered {
                model.moved.extend([(from, -amount.abs()), (to, amount.abs())]);
            }
        }
        _ => {}
    }
}

fn apply(store: &dyn Engine, model: &mut Model, step: &Step) {
    match *step {
        Step::TopUp { buyer, reference, amount } => {
            let done = store.top_up(BuyerId(buyer), &format!("bank {reference}"), MicroYuan(amount), noon());
            assert_eq!(done.ok(), model.top_up(buyer, reference, amount));
        }
        Step::Give { .. } | Step::Limit { .. } | Step::Transfer { .. } => account(store, model, step),
        Step::Expire { days, end } => {
            let ends = [(BuyerId(0), DAY)];
            let ends = if end { &ends[..] } else { &[] };
            let done = store.expire(ends, ShanghaiDay(DAY.0 + days).starts_at()).unwrap();
            assert_eq!(done, model.expire(days, end));
        }
        Step::Commit { deal, amount } => {
            let commitment = DayCommitment { payer: payer(deal), ..day_of(DealId(deal), BuyerId(deal % 2), amount) };
            assert_eq!(store.commit_day(&commitment, noon()).unwrap(), model.commit(deal, amount));
        }
        Step::Grant { source, want, life_ms } => {
            let (source, buyer) = SOURCES[source];
            let closes_ms = life_ms;
            let (window_ends, closes_at) = (moment(life_ms / 2), moment(life_ms));
            let want_money = MicroYuan(want);
            let request = LeaseRequest { source, buyer: BuyerId(buyer), want: want_money, window_ends, closes_at };
            let lease = store.grant(request).unwrap();
            let parts = model.take(source, want);
            let granted = parts.iter().map(|part| part.amount.0).sum();
            assert_eq!(lease.map_or(0, |lease| lease.amount.0), granted);
            if let Some(lease) = lease {
                assert_eq!(store.snapshot().unwrap().lease_parts(&[lease.id]).unwrap(), [(lease.id, parts.clone())]);
                let (bound, posted, open, closed) = (granted, 0, true, false);
                model.leases.push(ModelLease { source, buyer, parts, bound, granted, posted, open, closed, closes_ms });
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
        let (spent, held) = model.spent_and_held(position.pot);
        let expected = (model.funded(position.pot), spent, held);
        assert_eq!((position.funded.0, position.settled.0, position.held().0), expected, "{position:?}");
        let credit = matches!(position.pot, Pot::Free(Fund::Credit(_)));
        let left = position.funded.0 - position.settled.0 - position.held().0;
        assert!(credit || left >= 0, "never below zero: {position:?}");
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
    let came: i64 = model.moved.iter().map(|(_, amount)| amount).sum();
    let funded: i64 = books.positions(noon()).unwrap().iter().map(|position| position.funded.0).sum();
    assert_eq!(funded, came, "what came in is somewhere");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn r_balance_random_histories_in_memory_agree_with_the_model(history in steps()) {
        check(&MemoryStore::new(), &history);
    }
}

proptest! {
    // Each step is a commit on disk.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn r_balance_random_histories_on_disk_agree_with_the_model(history in steps()) {
        let folder = tempfile::tempdir().unwrap();
        check(&SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap(), &history);
    }
}
