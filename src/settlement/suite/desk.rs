//! An office on any store, with two buyers and a few deals, for tests of what is entered.

use serde_json::Value;

use super::{Engine, noon};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountChange, AccountKind, Entered, Fact, FactKind, Fund, GrantId, GrantTerms, KeptFact, Method, Pot,
    Transaction, TransactionKind,
};
use crate::ids::{AdvertiserId, BuyerId, DealId, MediaId, NodeId, PlacementId, PropertyId};
use crate::market::deal::{Deal, DealState, PushRatio, Targeting, Volume};
use crate::market::demand::{Advertiser, Buyer};
use crate::market::supply::{Formats, Placement, TrafficCurve};
use crate::market::targeting::Place;
use crate::market::{ExchangeTerms, Market, Parts};
use crate::money::{CpmMicroYuan, MicroYuan};
use crate::settlement::ledger::verify;
use crate::settlement::office::{Receipt, Refusal, Submission, enter, facts_of};
use crate::store::{MemoryStore, Options, SqliteStore};

/// The buyer `8001`.
pub(crate) const BUYER: BuyerId = BuyerId(0);

pub(crate) const fn yuan(yuan: i64) -> MicroYuan {
    MicroYuan(yuan * 1_000_000)
}

pub(crate) fn day(text: &str) -> ShanghaiDay {
    ShanghaiDay::parse(text).unwrap()
}

/// Runs a test on both engines.
pub(crate) fn on_both(test: impl Fn(Desk<'_>)) {
    let now = day("2026-11-10").starts_at().plus_ms(36_000_000);
    let memory = MemoryStore::new();
    test(Desk { store: &memory, market: market(), now });
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap();
    test(Desk { store: &sqlite, market: market(), now });
}

/// Buyers `8001` and `8002`, client `milk` of the first; of it PDB-1 (200,000 a day, ¥60, push 1.3), BPG-1 (100,000 a day, ¥60) and PD-1
/// from 1 November to 31 December 2026, on a placement at ¥55 until August and ¥60 from then on.
pub(crate) fn market() -> Market {
    let buyer = |number: u32| Buyer {
        id: BuyerId(number),
        account: format!("800{}", number + 1),
        name: "A buyer".to_owned(),
        contract: "PMP-1".to_owned(),
        opening_balance: None,
        monthly_minimum: MicroYuan::ZERO,
        suspended: false,
        invoice_title: "A buyer".to_owned(),
        cooperation: None,
        parties: vec![],
        monitor: None,
    };
    let client = Advertiser {
        id: AdvertiserId(0),
        buyer: BUYER,
        wire: "milk".to_owned(),
        name: "Milk".to_owned(),
        source: "Milk".to_owned(),
        domains: vec![],
        category: "IAB8".to_owned(),
        industries: vec![],
        qualified_until: Some(day("2027-12-31")),
    };
    let price = |text| CpmMicroYuan::parse_yuan(text).unwrap();
    let placement = Placement {
        id: PlacementId(0),
        media: MediaId(0),
        property: PropertyId(0),
        tagid: "open".to_owned(),
        formats: Formats::ALL,
        sizes: vec![],
        minimum_display_ms: 0,
        beacons: Formats::ALL,
        token_life_ms: 1,
        daily_capacity: 1_000_000,
        traffic: std::sync::Arc::new(TrafficCurve::flat()),
        competitive_separation: true,
        card: vec![(day("2026-01-01"), price("55")), (day("2026-08-01"), price("60"))],
    };
    let deal = |number: u32, wire: &str, method, volume: Option<(u64, &str)>| Deal {
        id: DealId(number),
        wire: wire.to_owned(),
        method,
        state: DealState::Active,
        buyer: BUYER,
        dsps: vec![].into(),
        advertisers: vec![].into(),
        period: (day("2026-11-01"), day("2026-12-31")),
        price: price("60"),
        volume: volume.map(|(daily, push)| Volume { daily, push: PushRatio::parse(push).unwrap() }),
        priority: 0,
        fallback: None,
        identifiers: false,
        approved_markup: false,
        unreviewed_a_day: None,
        frequency: None,
        client: None,
        targeting: Targeting {
            places: [Place::Placement(PlacementId(0))].into_iter().collect(),
            formats: Formats::ALL,
            conditions: None,
        },
    };
    let parts = Parts {
        buyers: vec![buyer(0), buyer(1)],
        advertisers: vec![client],
        placements: vec![placement],
        deals: vec![
            deal(0, "PDB-1", Method::Pdb, Some((200_000, "1.3"))),
            deal(1, "BPG-1", Method::Bpg, Some((100_000, "1"))),
            deal(2, "PD-1", Method::Pd, None),
        ],
        ..Parts::default()
    };
    Market::assemble(1, noon(), [0; 32], ExchangeTerms::plain(), parts)
}

pub(crate) struct Desk<'s> {
    pub(crate) store: &'s dyn Engine,
    pub(crate) market: Market,
    pub(crate) now: UnixMillis,
}

impl Desk<'_> {
    /// It is ten in the morning of that day.
    pub(crate) fn at(&mut self, text: &str) {
        self.now = day(text).starts_at().plus_ms(36_000_000);
    }

    pub(crate) fn enter(&self, kind: FactKind, reference: &str, body: impl Into<Value>) -> Result<Receipt, Refusal> {
        let body = body.into().to_string();
        let submission = Submission { kind, reference, actor: "finance", body: body.as_bytes() };
        enter(&submission, &self.market, self.store, self.now)
    }

    /// What is said against a record.
    #[track_caller]
    pub(crate) fn refused(&self, kind: FactKind, body: impl Into<Value>) -> String {
        self.enter(kind, "refused", body).unwrap_err().to_string()
    }

    pub(crate) fn top_up(&self, reference: &str, amount: i64) {
        let body = serde_json::json!({ "buyer": "8001", "amount": format!("{amount}.00") });
        self.enter(FactKind::TopUp, reference, body).unwrap();
    }

    /// Moves money as others' records do.
    pub(crate) fn book(&self, kind: TransactionKind, from: AccountKind, to: AccountKind, amount: MicroYuan) {
        let of = |kind: AccountKind| {
            let single = (400..500).contains(&kind.code()) || matches!(kind, AccountKind::Bank);
            if single { Account::single(kind) } else { Account { kind, owner: BUYER.0 } }
        };
        let sides = [(of(from), amount), (of(to), -amount)];
        let made = Transaction::of(kind, "booked", self.now.shanghai_day(), self.now, "", sides).unwrap();
        self.store.book(vec![made]).unwrap();
    }

    /// Gives the buyer a grant, as its record does.
    pub(crate) fn give_grant(&self, amount: MicroYuan) {
        let (day, after) = (self.now.shanghai_day(), self.facts().last().map_or(0, |last| last.seq));
        let fund = Fund::Grant(GrantId(9));
        let terms = GrantTerms { grant: GrantId(9), buyer: BUYER, client: None, last_day: day.plus_days(30) };
        let sides = [(Account::single(AccountKind::GrantCost), amount), (fund.account(), -amount)];
        let fact = Fact {
            kind: FactKind::Grant,
            reference: "grant".to_owned(),
            buyer: Some(BUYER),
            day,
            at: self.now,
            actor: "finance".to_owned(),
            body: r#"{"buyer":"8001","amount":"1.00","last_day":"2026-12-31"}"#.to_owned(),
        };
        let given = Transaction::of(TransactionKind::Grant, "grant", day, self.now, "", sides).unwrap();
        let changes = vec![AccountChange::Grant(terms)];
        self.store.enter(Entered { fact, transactions: vec![given], changes, after }).unwrap();
    }

    pub(crate) fn facts(&self) -> Vec<KeptFact> {
        facts_of(&*self.store.snapshot().unwrap()).unwrap()
    }

    /// What an account of the buyer, or the only one of its kind, has: what it holds for the buyer, or what the exchange earned.
    pub(crate) fn holds(&self, kind: AccountKind) -> MicroYuan {
        let balances = self.store.snapshot().unwrap().balances().unwrap();
        let found = balances.iter().filter(|(account, _)| account.kind == kind).map(|(_, amount)| *amount).sum();
        if kind == AccountKind::BuyerReceivable { found } else { -found }
    }

    /// What the buyer may spend.
    pub(crate) fn free(&self) -> MicroYuan {
        let positions = self.store.snapshot().unwrap().positions(self.now).unwrap();
        let own = positions.iter().find(|position| position.pot == Pot::Free(Fund::Cash(BUYER)));
        own.map_or(MicroYuan::ZERO, |position| position.available())
    }

    pub(crate) fn verify(&self) {
        verify(&*self.store.snapshot().unwrap()).unwrap();
    }
}
