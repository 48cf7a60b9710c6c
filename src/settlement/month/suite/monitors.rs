//! A third party's figure of an order, from the office to the statement (R-STATS).

use super::*;

/// Two deals of one order: 600 impressions of PD-1 and 400 of PD-2, at ¥35 CPM.
fn ordered() -> (Market, MemoryStore) {
    let pd = |id, wire| deal(id, wire, Method::Pd, ("2026-11-01", "2026-11-30"));
    let terms = Buyer { monthly_minimum: MicroYuan::ZERO, ..buyer() };
    let market = market_with(terms, vec![pd(0, "PD-1"), pd(1, "PD-2"), pd(2, "PD-3")]);
    let store = MemoryStore::new();
    let body = r#"{"buyer":"8001","amount":"500.00"}"#;
    say(&store, &market, (FactKind::TopUp, "bank 1"), "2026-11-02", body).unwrap();
    for (id, on, count) in [(0, "2026-11-10", 600), (1, "2026-11-11", 400)] {
        charge_under(&store, on, Source::Balance(BUYER), (DealId(id), Method::Pd), count);
    }
    seal(&store, "2026-11-11");
    let line = |deal: &str, from: &str| serde_json::json!({ "deal": deal, "method": "PD", "from": from, "until": "2026-11-30", "cpm": "35.00", "differs": ["period"] });
    let order = serde_json::json!({
        "number": "DPS-7", "version": 1, "buyer": "8001", "contract": "PMP-1", "signed": "2026-11-02",
        "lines": [line("PD-1", "2026-11-05"), line("PD-2", "2026-11-03")],
    });
    say(&store, &market, (FactKind::Order, "o 1"), "2026-11-02", &order.to_string()).unwrap();
    let confirmed = r#"{"buyer":"8001","number":"DPS-7","version":1,"day":"2026-11-02"}"#;
    say(&store, &market, (FactKind::OrderConfirmation, "c 1"), "2026-11-02", confirmed).unwrap();
    (market, store)
}

fn figures(store: &MemoryStore, market: &Market, reference: &str, rows: &str) -> Result<Receipt, Refusal> {
    let csv = format!("deal,order,from,until,impressions,monitor\n{rows}");
    let body = serde_json::json!({ "buyer": "8001", "csv": csv }).to_string();
    say(store, market, (FactKind::MonitorFigures, reference), "2026-12-02", &body)
}

#[test]
fn r_stats_an_orders_figure_settles_its_deals_together() {
    let (market, store) = ordered();
    let wrong = refused(figures(
        &store,
        &market,
        "m 1",
        ",DPS-8,2026-11-01,2026-11-30,5,Example Count\n,DPS-7,2026-11-05,2026-11-30,5,Example Count\n\
         PD-2,,2026-11-01,2026-11-30,5,Example Count\nPD-3,DPS-7,2026-11-01,2026-11-30,5,Example Count\n",
    ));
    assert_eq!(wrong.lines().count(), 1, "what cannot be read is told alone: {wrong}");
    assert!(wrong.contains("line 5, order: \"DPS-7\" stands beside deal \"PD-3\""), "{wrong}");
    let wrong = refused(figures(
        &store,
        &market,
        "m 1",
        ",DPS-8,2026-11-01,2026-11-30,5,Example Count\n,DPS-7,2026-11-05,2026-11-30,5,Example Count\n\
         PD-2,,2026-11-01,2026-11-30,5,Example Count\n",
    ));
    for words in [
        "line 2, order: order \"DPS-8\" is none of the buyer's",
        "line 3, from: the promotion period of DPS-7 in 2026-11 is 2026-11-03 to 2026-11-30",
        "line 4, deal: PD-2 has figures for 2026-11 on line 3",
    ] {
        assert!(wrong.contains(words), "{words}\n{wrong}");
    }
    // 899 of 1,000 are more than a tenth apart, though each deal's part would be its own matter.
    figures(&store, &market, "m 1", ",DPS-7,2026-11-03,2026-11-30,899,Example Count\n").unwrap();
    let again = refused(figures(&store, &market, "m 2", "PD-1,,2026-11-01,2026-11-30,600,Example Count\n"));
    assert!(again.contains("line 2, deal: PD-1 has figures for 2026-11 by \"m 1\""), "{again}");
    let waits = refused(say(&store, &market, CLOSE, "2026-12-06", NOVEMBER));
    assert!(waits.contains("899 for order DPS-7, the exchange 1000: a review is to decide"), "{waits}");
    let review = |of: &str| {
        let body = format!(
            r#"{{"buyer":"8001","figures":"m 1",{of}"exchange_was_wrong":true,"impressions":950,"reason":"logs compared"}}"#
        );
        say(&store, &market, (FactKind::MonitorReview, "r 1"), "2026-12-06", &body)
    };
    assert!(refused(review("")).contains("`deal` or `order` says which"));
    assert!(refused(review(r#""deal":"PD-1","#)).contains("say nothing of deal PD-1"));
    review(r#""order":"DPS-7","#).unwrap();
    let standing = stand_on(&store, &market, "2026-12-06", november()).standings.remove(0);
    let parts = [("PD-1".to_owned(), 600, Some(570)), ("PD-2".to_owned(), 400, Some(380))];
    assert_eq!((standing.settles, standing.deals), (Some(950), parts.to_vec()));
    say(&store, &market, CLOSE, "2026-12-06", NOVEMBER).unwrap();
    let closed = stand_on(&store, &market, "2026-12-06", november()).statement;
    let settled: Vec<_> = closed.draft().deals.iter().map(|line| (line.deal.as_str(), line.settled)).collect();
    assert_eq!(settled, [("PD-1", 570), ("PD-2", 380)]);
    assert_eq!(closed.sums().consumption, MicroYuan(950 * 35_000));
    assert!(verify(&*store.snapshot().unwrap()).is_ok());
}
