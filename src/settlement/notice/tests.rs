use serde_json::{Value, json};

use super::*;
use crate::market::agreement::Cooperation;
use crate::settlement::suite::desk::{BUYER, day, on_both};

fn at(text: &str) -> UnixMillis {
    let ms = format!("{text}:00+08:00").parse::<jiff::Timestamp>().unwrap().as_millisecond();
    UnixMillis(u64::try_from(ms).unwrap())
}

#[test]
fn r_notice_is_served_by_the_earliest_way() {
    let slow = Figures { email_served_hours: 48, ..Figures::of_2023() };
    let figures = DatedFigures::new(Figures::of_2023(), vec![(day("2026-12-01"), slow)]);
    let email = |sent| Way::Email { sent: at(sent) };
    let post = |delivered| Way::Post { delivered: at(delivered) };
    let platform = |published| Way::Platform { published: at(published) };
    let served = |ways: &[Way]| served_at(ways, &figures).unwrap();
    assert_eq!(served(&[email("2026-11-10T09:30")]), at("2026-11-11T09:30"), "24 hours after sending");
    assert_eq!(served(&[post("2026-11-12T09:00")]), at("2026-11-12T09:00"));
    assert_eq!(served(&[platform("2026-11-12T09:00")]), at("2026-11-12T09:00"));
    assert_eq!(served(&[post("2026-11-12T09:00"), email("2026-11-11T08:59")]), at("2026-11-12T08:59"));
    assert_eq!(served(&[email("2026-12-01T00:00")]), at("2026-12-03T00:00"), "by the figures of the day of sending");
    assert_eq!(served_at(&[], &figures), None);
}

fn notice(about: &str, from: &str, email: &str, effective: Option<&str>) -> Value {
    let mut notice = json!({
        "buyer": "8001", "from": from, "about": about, "text": "as agreed",
        "ways": [{"by": "email", "sent": format!("{email}T09:00:00+08:00")}],
    });
    if let Some(effective) = effective {
        notice["effective"] = json!(effective);
    }
    notice
}

#[test]
fn r_notice_contacts_change_five_working_days_ahead() {
    on_both(|desk| {
        // Served on Tuesday the 10th: the fifth working day after it is Tuesday the 17th.
        let told = |effective| notice("contacts", "buyer", "2026-11-09", effective);
        let refused = desk.refused(FactKind::Notice, told(Some("2026-11-16")));
        assert!(refused.contains("R-NOTICE") && refused.contains("may apply from 2026-11-17"), "{refused}");
        assert!(desk.refused(FactKind::Notice, told(None)).contains("`effective` is missing"));
        let kept = desk.enter(FactKind::Notice, "n1", told(Some("2026-11-17"))).unwrap();
        assert_eq!(kept.fact.day, day("2026-11-10"), "the day on which it is served");
        let early = notice("other", "exchange", "2026-11-11", None);
        assert!(desk.refused(FactKind::Notice, early).contains("still to come"));
        let mut nowhere = notice("other", "exchange", "2026-11-09", None);
        nowhere["ways"] = json!([]);
        assert!(desk.refused(FactKind::Notice, nowhere).contains("`ways` is empty"));
        let year = notice("contacts", "buyer", "2023-03-01", Some("2026-12-01"));
        assert!(desk.refused(FactKind::Notice, year).contains("R-WORKDAY"), "a year without a calendar");
    });
}

fn termination(by: &str, end: &str, ground: Value) -> Value {
    let mut termination = json!({"buyer": "8001", "by": by, "end": end});
    termination["ground"] = ground;
    termination
}

#[test]
fn r_end_the_exchange_gives_a_month_and_the_extension_follows() {
    on_both(|desk| {
        let ground = json!({"because": "notice", "notice": "n1"});
        assert!(
            desk.refused(FactKind::Termination, termination("exchange", "2026-12-10", ground.clone()))
                .contains("no notice \"n1\"")
        );
        desk.enter(FactKind::Notice, "n1", notice("termination", "exchange", "2026-11-09", None)).unwrap();
        let early = desk.refused(FactKind::Termination, termination("exchange", "2026-12-09", ground.clone()));
        assert!(early.contains("R-END: it may end on 2026-12-10"), "{early}");
        let buyer = desk.refused(FactKind::Termination, termination("buyer", "2026-12-10", ground.clone()));
        assert!(buyer.contains("only the exchange"), "{buyer}");
        desk.enter(FactKind::Termination, "t1", termination("exchange", "2026-12-10", ground.clone())).unwrap();
        assert!(
            desk.refused(FactKind::Termination, termination("exchange", "2026-12-11", ground))
                .contains("already ends on 2026-12-10")
        );
        let known = desk.market.buyers.get(BUYER).unwrap();
        let figures = &desk.market.terms.figures;
        let ends = |cooperation, of_use| Some(LastDays { cooperation: day(cooperation), of_use: day(of_use) });
        assert_eq!(last_days(&desk.facts(), known, figures), ends("2026-12-10", "2027-03-10"));
        // R-TERM: the contract's own end, where it is earlier, clamped to the month's end.
        let cooperation = Cooperation { from: day("2026-01-01"), until: day("2026-11-30") };
        let known = Buyer { cooperation: Some(cooperation), ..known.clone() };
        assert_eq!(last_days(&desk.facts(), &known, figures), ends("2026-11-30", "2027-02-28"));
        assert_eq!(last_days(&[], desk.market.buyers.get(BUYER).unwrap(), figures), None);
    });
}

#[test]
fn r_end_a_buyer_ends_after_thirty_days_without_service() {
    on_both(|desk| {
        let end =
            |by: &str, end: &str| termination(by, end, json!({"because": "non-provision", "since": "2026-10-12"}));
        assert!(desk.refused(FactKind::Termination, end("buyer", "2026-11-10")).contains("may end on 2026-11-11"));
        assert!(desk.refused(FactKind::Termination, end("exchange", "2026-11-11")).contains("only the buyer"));
        desk.enter(FactKind::Termination, "t1", end("buyer", "2026-11-11")).unwrap();
    });
}

#[test]
fn r_exempt_force_majeure_ends_after_twenty_days_running_or_more_than_thirty() {
    let figures = Figures::of_2023();
    let of = |periods: &[(u32, u32)]| {
        let periods: Vec<_> = periods.iter().map(|(from, until)| (ShanghaiDay(*from), ShanghaiDay(*until))).collect();
        may_end_for_force_majeure(&periods, &figures).ok().map(|day| day.0)
    };
    assert_eq!(of(&[(100, 118)]), None, "19 days");
    assert_eq!(of(&[(100, 119)]), Some(119));
    assert_eq!(of(&[(110, 119), (100, 109)]), Some(119), "two periods without a gap run");
    assert_eq!(of(&[(100, 114), (116, 130)]), None, "30 in total");
    assert_eq!(of(&[(100, 114), (116, 130), (140, 140)]), Some(140), "31 in total");
    assert_eq!(of(&[(100, 114), (100, 114), (116, 130)]), None, "a day counts once");
    assert_eq!(of(&[(5, 4)]), None);
}

#[test]
fn r_price_change_a_buyer_who_objects_in_writing_may_end() {
    on_both(|desk| {
        let ground = json!({"because": "price-change", "notice": "n1"});
        desk.enter(FactKind::Notice, "n1", notice("termination", "buyer", "2026-11-09", None)).unwrap();
        let end = |on: &str| termination("buyer", on, ground.clone());
        assert!(desk.refused(FactKind::Termination, end("2026-11-09")).contains("R-PRICE-CHANGE"));
        desk.enter(FactKind::Termination, "t1", end("2026-11-10")).unwrap();
    });
}
