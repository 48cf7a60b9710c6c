//! A market of a buyer, its days, and what is entered: what the tests of months stand on.

use super::*;

pub(super) const BUYER: BuyerId = BuyerId(0);

pub(super) fn day(text: &str) -> ShanghaiDay {
    ShanghaiDay::parse(text).unwrap()
}

pub(super) fn november() -> Month {
    Month::parse("2026-11").unwrap()
}

pub(super) fn at(text: &str) -> UnixMillis {
    day(text).starts_at().plus_ms(12 * 3_600_000)
}

pub(super) fn yuan(fen: i64) -> MicroYuan {
    MicroYuan(fen * 1_000_000)
}

pub(super) fn deal(id: u32, wire: &str, method: Method, period: (&str, &str)) -> Deal {
    let volume = Volume { daily: 1_000, push: PushRatio::ONE };
    Deal {
        id: DealId(id),
        wire: wire.to_owned(),
        method,
        state: DealState::Active,
        buyer: BUYER,
        dsps: Vec::new().into(),
        advertisers: Vec::new().into(),
        period: (day(period.0), day(period.1)),
        price: CpmMicroYuan::parse_yuan("35.00").unwrap(),
        volume: method.is_guaranteed().then_some(volume),
        priority: 0,
        fallback: None,
        identifiers: false,
        approved_markup: false,
        unreviewed_a_day: None,
        frequency: None,
        client: None,
        targeting: Targeting { places: vec![Place::Media(MediaId(0))].into(), formats: Formats::ALL, conditions: None },
    }
}

pub(super) fn buyer() -> Buyer {
    Buyer {
        id: BUYER,
        account: "8001".to_owned(),
        name: "Qinghe Media".to_owned(),
        contract: "PMP-1".to_owned(),
        opening_balance: None,
        monthly_minimum: yuan(100_000),
        suspended: false,
        invoice_title: "Qinghe Media Ltd".to_owned(),
        cooperation: Some(Cooperation { from: day("2026-11-02"), until: day("2026-12-10") }),
        parties: vec![],
        monitor: None,
    }
}

pub(super) fn market_with(buyer: Buyer, deals: Vec<Deal>) -> Market {
    let monitor = |name: &str, host: &str, from: &str, until: Option<&str>| ListedMonitor {
        name: name.to_owned(),
        hosts: vec![host.to_owned()],
        from: day(from),
        until: until.map(day),
    };
    let list = vec![
        monitor("Example Count", "count.example", "2026-01-01", None),
        monitor("Late Count", "late.example", "2026-11-10", None),
        monitor("Qinghe Count", "count.qinghe.example", "2026-01-01", None),
    ];
    let terms = ExchangeTerms { domain: "pmpx.example".to_owned(), monitors: list.into(), ..ExchangeTerms::plain() };
    let advertiser = Advertiser {
        id: AdvertiserId(0),
        buyer: BUYER,
        wire: "qinghe".to_owned(),
        name: "Qinghe Dairy".to_owned(),
        source: "Qinghe".to_owned(),
        domains: vec!["qinghe.example".to_owned()],
        category: "food".to_owned(),
        industries: vec![],
        qualified_until: Some(day("2030-01-01")),
    };
    let parts = Parts { buyers: vec![buyer], advertisers: vec![advertiser], deals, ..Parts::default() };
    Market::assemble(1, at("2026-11-01"), [0; 32], terms, parts)
}

pub(super) fn market() -> Market {
    market_with(buyer(), vec![deal(0, "PD-1", Method::Pd, ("2026-11-01", "2026-12-31"))])
}

pub(super) fn say(
    store: &MemoryStore,
    market: &Market,
    (kind, reference): (FactKind, &str),
    now: &str,
    body: &str,
) -> Result<Receipt, Refusal> {
    let submission = Submission { kind, reference, actor: "finance", body: body.as_bytes() };
    enter(&submission, market, store, at(now))
}

/// The words of a refusal.
pub(super) fn refused(result: Result<Receipt, Refusal>) -> String {
    result.unwrap_err().to_string()
}

/// A store with ¥120,000 of cash, of which one charge takes that many impressions at ¥35 on 10 November.
pub(super) fn store_with(market: &Market, impressions: u32) -> MemoryStore {
    let store = MemoryStore::new();
    store.save_ids(&[(IdKind::Deal, 0, "PD-1".into())]).unwrap();
    let body = r#"{"buyer":"8001","amount":"120000.00"}"#;
    say(&store, market, (FactKind::TopUp, "bank 1"), "2026-11-02", body).unwrap();
    charged(&store, "2026-11-10", impressions);
    store
}

pub(super) fn charged(store: &MemoryStore, on: &str, impressions: u32) {
    charge_under(store, on, Source::Balance(BUYER), (DealId(0), Method::Pd), impressions);
}

/// One charge of that many impressions at ¥35, from a lease of its own that is over at once.
pub(super) fn charge_under(
    store: &MemoryStore,
    on: &str,
    source: Source,
    (deal, method): (DealId, Method),
    impressions: u32,
) {
    let now = at(on);
    let (window_ends, closes_at) = (now.plus_ms(60_000), now.plus_ms(120_000));
    let request = LeaseRequest { source, buyer: BUYER, want: yuan(100_000), window_ends, closes_at };
    let lease = store.grant(request).unwrap().unwrap().id;
    let price = CpmMicroYuan::parse_yuan("35.00").unwrap();
    let charge = Charge {
        key: ChargeKey { auction: AuctionId(u128::from(now.0) << 80), imp: ImpIndex(0), slot: Slot(0) },
        expires_at: closes_at,
        media: MediaId(0),
        placement: PlacementId(0),
        dsp: DspId(0),
        buyer: BUYER,
        advertiser: AdvertiserId(0),
        creative: CreativeId(0),
        version: CreativeVersion(1),
        deal,
        method,
        lease,
        quantity: Quantity(impressions * 1_000),
        price,
        earning: price,
        minimum_display_ms: 0,
    };
    let posting = Posting { charge, resolution: Resolution::Posted, at: now, via: Via::Notice, displayed_ms: None };
    record(store, posting).unwrap();
    derive(store, now).unwrap();
    store.close_dead(closes_at).unwrap();
}

pub(super) fn commitment(day: ShanghaiDay) -> DayCommitment {
    let price = CpmMicroYuan::parse_yuan("35.00").unwrap();
    let terms = DayTerms { ordered: 1_000, price, push: (1, 1), amount: yuan(35) };
    DayCommitment { deal: DealId(1), day, buyer: BUYER, payer: Source::Balance(BUYER), terms }
}

/// A day of PDB-1: set aside, offered, delivered, sealed and closed.
pub(super) fn guaranteed_day(store: &MemoryStore, market: &Market, on: &str, offered: u64, delivered: u32) {
    let deal = DealId(1);
    assert!(store.commit_day(&commitment(day(on)), at(on)).unwrap());
    let measure = Measure::Stage(Stage::Offered);
    store.tally(vec![Tally { day: day(on), deal, measure, count: offered }]).unwrap();
    charge_under(store, on, Source::Commitment(deal, day(on)), (deal, Method::Pdb), delivered);
    seal(store, on);
    let mut closer = Closer::default();
    let now = day(on).next().starts_at().plus_ms(AFTER_MIDNIGHT_MS);
    while closer.step(store, market, now).unwrap() != Closing::Idle {}
}

pub(super) fn seal(store: &MemoryStore, on: &str) {
    let now = day(on).next().starts_at().plus_ms(AFTER_MIDNIGHT_MS);
    let mut sealer = Sealer::default();
    while sealer.step(store, now).unwrap() != Progress::Idle {}
}

pub(super) fn balance(store: &MemoryStore, kind: AccountKind) -> i64 {
    let balances = store.snapshot().unwrap().balances().unwrap();
    let own = |account: &Account| account.kind == kind;
    balances.iter().filter(|(account, _)| own(account)).map(|(_, amount)| amount.0).sum()
}

pub(super) fn stand_on(store: &MemoryStore, market: &Market, now: &str, month: Month) -> Stand {
    let books = store.snapshot().unwrap();
    let facts = Facts::about(&*books, Some(BUYER), &[]).unwrap();
    stand(&View { market, books: &*books, facts: &facts, now: at(now) }, BUYER, month).unwrap()
}
