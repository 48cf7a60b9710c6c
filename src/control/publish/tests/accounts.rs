//! When buyers' accounts were used, over markets that come and go (R-IDLE).

use super::*;
use crate::event::{Docket, Owner, Step, Subject, SubjectKind, Taken};
use crate::ids::BuyerId;

/// A step of an account, so many days ago.
fn step(bench: &Bench, account: &str, state: u16, days_ago: u64) {
    let subject = Subject { kind: SubjectKind::Account, name: account.to_owned(), version: 0 };
    let (at, body) = (UnixMillis(noon().0 - days_ago * 86_400_000), "{}".to_owned());
    let (owner, actor, reason) = (Owner::Buyer(BuyerId(0)), "exchange".to_owned(), String::new());
    let step = Step { subject, owner, state, due: None, at, actor, reason, body };
    bench.docket.take(&[Taken { step, after: 0 }]).unwrap();
}

/// R-IDLE: the last use is served as it was noted, also to a market and by a process that come later; unused for as many days as may be is not idle yet.
#[test]
fn r_idle_the_last_use_is_followed_and_outlives_markets() {
    let mut bench = Bench::new();
    let days = bench.publisher.exchange().market.load().terms.content.idle_days;
    let is_idle = |bench: &Bench, account: &str, later: u32| {
        let market = bench.publisher.exchange().market.load_full();
        let buyer = market.buyers.iter().find(|it| it.account == account).unwrap().id;
        market.buyer_is_idle(buyer, ShanghaiDay(noon().shanghai_day().0 + later))
    };
    step(&bench, "80010001", 2, days.into());
    step(&bench, "80010002", 9, 1_000);
    step(&bench, "80010099", 1, u64::from(days) + 1);
    bench.publisher.follow_content().unwrap();
    let stand =
        |bench: &Bench| ["80010001", "80010002", "80010003"].map(|it| [0, 1].map(|later| is_idle(bench, it, later)));
    let expected = [[false, true], [false, false], [false, false]];
    assert_eq!(stand(&bench), expected, "of what nobody noted, or nobody understands, nothing is known");
    let path = bench.folder.path().join("buyers.toml");
    let more =
        "\n[[buyer]]\naccount = \"80010099\"\nname = \"New Co.\"\ncontract = \"PMP-99\"\nmonthly_minimum = \"0.00\"\n";
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + more).unwrap();
    bench.reload().unwrap();
    assert_eq!((stand(&bench), is_idle(&bench, "80010099", 0)), (expected, true), "with its buyer");
    bench.restart(false).unwrap();
    assert_eq!((stand(&bench), is_idle(&bench, "80010099", 0)), (expected, true));
}
