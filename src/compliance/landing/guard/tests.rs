//! Whose fault it is that pages are other ones.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Since when the page is another one, and when its verdict is asked for.
const SINCE: u64 = 100 * HOUR;
const NOW: u64 = SINCE + MINUTE;

fn terms() -> Guard {
    Guard::default()
}

fn moment() -> Moment {
    let [now, since, patience] = [NOW, SINCE, SINCE + 10 * MINUTE].map(UnixMillis);
    Moment { now, since, patience, more: false }
}

fn portal() -> Saw {
    Saw::Other(vec![Mark::Bytes("aa".into())])
}

/// A page of its own.
fn own(of: &str) -> Saw {
    Saw::Other(vec![Mark::Bytes(of.to_owned())])
}

/// A look between the page's first and now; what is another page is in doubt.
fn look(account: &str, site: &str, saw: Saw) -> Recent {
    let open = matches!(saw, Saw::Other(_));
    Recent { account: account.into(), site: site.into(), at: UnixMillis(SINCE + MINUTE / 2), saw, open }
}

/// One page each of unrelated parties, numbered from 1.
fn parties(saws: impl IntoIterator<Item = Saw>) -> Vec<Recent> {
    let one = |(at, saw)| look(&format!("8001{at:04}"), &format!("site{at}.example"), saw);
    (1..).zip(saws).map(one).collect()
}

fn page(saw: Saw) -> Recent {
    look("80010000", "site0.example", saw)
}

fn ruled(saw: Saw, others: &[Recent]) -> Ruling {
    rule(&page(saw), None, others, &moment(), &terms())
}

fn cause(ruling: &Ruling) -> Option<Cause> {
    if let Ruling::Hold(held) = ruling { Some(held.cause) } else { None }
}

fn held(cause: Cause, since_ms: u64) -> Held {
    Held { cause, since_ms, sites: Vec::new(), released: false }
}

/// R-LANDING-FROZEN, R-DAMAGE-CHANGE: where everybody is another page, nobody is judged.
#[test]
fn r_damage_change_a_captive_portal_is_nobodys_change() {
    let all = parties(vec![portal(); 5]);
    let Ruling::Hold(held) = ruled(portal(), &all) else { panic!("held") };
    assert_eq!((held.cause, held.since_ms, held.sites[0].as_str()), (Cause::Many, NOW, "site1.example"));
    // It says to each page which one it is: nothing is the same.
    let each = parties((0..5).map(|at| own(&at.to_string())));
    assert_eq!(cause(&ruled(own("ours"), &each)), Some(Cause::Many));
    // Behind it most do not even answer.
    assert_eq!(cause(&ruled(own("ours"), &parties(vec![Saw::Nothing; 3]))), Some(Cause::Many));
    // Two pages of two buyers are enough where they show the same; where not, they may well have changed.
    assert_eq!(cause(&ruled(portal(), &all[..1])), Some(Cause::SamePage));
    assert_eq!(ruled(own("ours"), &each[..1]), Ruling::Take);
}

/// R-LANDING-FROZEN: a page that changes while the others are as they were has changed.
#[test]
fn r_landing_frozen_one_of_ten_is_judged() {
    assert_eq!(ruled(own("ours"), &parties(vec![Saw::Same; 9])), Ruling::Take);
    // Exactly half is not above it, nor are three, whatever their share.
    let of = |amiss: usize, same: usize| {
        let each = (0..amiss).map(|at| own(&at.to_string())).chain(std::iter::repeat_n(Saw::Same, same));
        ruled(own("ours"), &parties(each))
    };
    assert_eq!((of(4, 5), of(2, 0)), (Ruling::Take, Ruling::Take));
    assert_eq!((cause(&of(4, 4)), cause(&of(3, 0))), (Some(Cause::Many), Some(Cause::Many)));
}

/// R-DAMAGE-CHANGE: nobody is guarded by its own pages, nor by those of who shares its site or its buyer.
#[test]
fn r_damage_change_a_buyer_that_changes_all_its_pages_is_judged() {
    let five: Vec<_> = (0..5).map(|at| look("80010000", &format!("shop{at}.example"), portal())).collect();
    assert_eq!(ruled(portal(), &five), Ruling::Take);
    let other_buyers: Vec<_> = (1..6).map(|at| look(&format!("8001{at:04}"), "site0.example", portal())).collect();
    assert_eq!(ruled(portal(), &other_buyers), Ruling::Take);
    // Through others: a buyer of two sites, of which one is another buyer's too.
    let chain = [look("80010000", "b.example", portal()), look("80010009", "b.example", portal())];
    assert_eq!(ruled(portal(), &chain), Ruling::Take);
    let chain =
        [&chain[..], &[look("80010009", "c.example", portal()), look("80010008", "c.example", portal())]].concat();
    assert_eq!(ruled(portal(), &chain), Ruling::Take);
    // Another buyer with any number of pages is one more party, and one that vouches with most of its pages is none that is amiss.
    let many: Vec<_> = (0..9).map(|at| look("80010001", &format!("shop{at}.example"), own(&at.to_string()))).collect();
    assert_eq!(ruled(own("ours"), &many), Ruling::Take);
    let mut mixed = parties((0..4).map(|at| own(&at.to_string())));
    for at in 1..=4 {
        mixed.extend([0, 1].map(|page| look(&format!("8001{at:04}"), &format!("more{at}-{page}.example"), Saw::Same)));
    }
    assert_eq!(ruled(own("ours"), &mixed), Ruling::Take);
}

#[test]
fn only_what_was_seen_since_counts_but_for_what_is_still_in_doubt() {
    let terms = terms();
    let shifted = |mut all: Vec<Recent>, at: u64, open: bool| {
        all.iter_mut().for_each(|it| (it.at, it.open) = (UnixMillis(at), open));
        all
    };
    let amiss = || parties((0..4).map(|at| own(&at.to_string())));
    let of = |others: &[Recent]| cause(&ruled(own("ours"), others));
    assert_eq!(of(&shifted(amiss(), SINCE, false)), Some(Cause::Many));
    assert_eq!(of(&shifted(amiss(), SINCE - 1, false)), None, "decided before: these changed for themselves");
    assert_eq!(of(&shifted(amiss(), SINCE - 1, true)), Some(Cause::Many), "still so");
    assert_eq!(of(&shifted(amiss(), NOW - HOUR - 1, true)), None, "nobody has looked since");
    // Who was as ever an hour ago says nothing of the line now.
    let before = shifted(parties(vec![Saw::Same; 20]), SINCE - 1, false);
    let mut both = shifted(amiss(), SINCE, true);
    both.extend(before.into_iter().skip(4));
    assert_eq!(of(&both), Some(Cause::Many));
    // A page that was stopped within the window is a twin all the same.
    let twin = |at| cause(&ruled(portal(), &shifted(parties([portal()]), at, false)));
    assert_eq!((twin(NOW - HOUR), twin(NOW - HOUR - 1)), (Some(Cause::SamePage), None));
    assert_eq!(terms.window, Duration::from_secs(3_600));
}

/// R-LANDING-FROZEN: two that show the same scam are stopped after a while where the line is well, and nothing is claimed of their buyers.
#[test]
fn r_landing_frozen_a_twin_is_stopped_after_a_while_without_a_violation_where_the_line_is_well() {
    let hold_ms = whole_ms(terms().hold);
    let of = |since_ms: u64, cause: Cause, others: &[Recent]| {
        rule(&page(portal()), Some(&held(cause, since_ms)), others, &moment(), &terms())
    };
    let mut well = parties([portal()]);
    well.extend(parties(vec![Saw::Same; 4]).into_iter().skip(1));
    assert_eq!(of(NOW - hold_ms, Cause::SamePage, &well), Ruling::Unproven);
    assert_eq!(of(NOW - hold_ms + 1, Cause::SamePage, &well), Ruling::Hold(held(Cause::SamePage, NOW - hold_ms + 1)));
    let half = &well[..3];
    assert_eq!(cause(&of(NOW - hold_ms, Cause::SamePage, half)), Some(Cause::SamePage), "half is not most");
    assert_eq!(cause(&of(NOW - hold_ms, Cause::SamePage, &well[..1])), Some(Cause::SamePage), "nobody vouches");
    // The time begins anew with another cause.
    let Ruling::Hold(anew) = of(
        NOW - hold_ms,
        Cause::Many,
        &parties([portal(), Saw::Same, Saw::Same, Saw::Same, Saw::Same, Saw::Same, Saw::Same]),
    ) else {
        panic!("held")
    };
    assert_eq!((anew.cause, anew.since_ms), (Cause::SamePage, NOW));
}

#[test]
fn what_was_too_many_is_over_when_it_is_a_few_or_when_a_person_says_so() {
    let of = |amiss: usize, same: usize, held: &Held| {
        let each = (0..amiss).map(|at| own(&at.to_string())).chain(std::iter::repeat_n(Saw::Same, same));
        rule(&page(own("ours")), Some(held), &parties(each), &moment(), &terms())
    };
    let many = held(Cause::Many, NOW - 9 * HOUR);
    assert_eq!(of(1, 2, &many), Ruling::Hold(many.clone()), "however long: a person decides");
    assert_eq!((of(1, 6, &many), of(0, 1, &many)), (Ruling::Take, Ruling::Take));
    let released = Held { released: true, ..many };
    assert_eq!(of(9, 0, &released), Ruling::Take);
}

#[test]
fn a_verdict_waits_for_witnesses_as_long_as_there_are_any_and_not_for_ever() {
    let ask = |others: &[Recent], moment: Moment, terms: &Guard| rule(&page(own("ours")), None, others, &moment, terms);
    let more = Moment { more: true, ..moment() };
    let three = parties(vec![Saw::Same; 3]);
    assert_eq!((ask(&[], more, &terms()), ask(&three[..2], more, &terms())), (Ruling::Wait, Ruling::Wait));
    assert_eq!((ask(&three, more, &terms()), ask(&[], moment(), &terms())), (Ruling::Take, Ruling::Take));
    let late = Moment { now: more.patience, ..more };
    assert_eq!(ask(&[], late, &terms()), Ruling::Take);
    assert_eq!(ask(&[], more, &Guard { witnesses: 0, ..terms() }), Ruling::Take);
}

#[test]
fn only_a_page_that_is_held_to_something_tells_how_the_line_is() {
    use crate::compliance::crawl::Agent;
    use crate::compliance::landing::{Sight, Standpoint, Use};
    let sight = |agent| Sight {
        agent,
        at_ms: 1,
        route: vec!["https://q.example/".into()],
        content_type: "text/html".into(),
        sha256: "01".repeat(32),
        also: Vec::new(),
    };
    let use_of = |standing| Use { crid: "milk-9".into(), version: 1, standing, from_ms: None };
    let frozen = Record {
        uses: vec![use_of(Standpoint::Approved)],
        frozen: vec![sight(Agent::Mobile), sight(Agent::Desktop)],
        ..Record::new("80010001", "qinghe-dairy", "https://q.example/")
    };
    let marks = vec![Mark::Leads("portal.example".into())];
    let round = |looks: [Look; 3], infected: Option<&str>| Round {
        at: UnixMillis(NOW),
        looks: Agent::ALL.into_iter().zip(looks).collect(),
        apart: None,
        infected: infected.map(str::to_owned),
        unproven: false,
        unscanned: None,
        marks: marks.clone(),
        ruling: Ruling::Take,
        matches: Vec::new(),
        more: false,
    };
    let same = || Look::Same(sight(Agent::Mobile));
    let (other, none) = (|| Look::Other(None, Vec::new()), || Look::None("page-slow".into()));
    let saw = |looks, state| Saw::of(state, &frozen, &round(looks, None));
    let watched = PageState::Watched;
    assert_eq!(saw([same(), none(), Look::Later], watched), Some(Saw::Same), "an answer is an answer");
    assert_eq!(saw([same(), other(), none()], watched), Some(Saw::Other(marks.clone())));
    assert_eq!(saw([none(), Look::Later, none()], watched), Some(Saw::Nothing));
    assert_eq!(saw([none(), none(), none()], PageState::Unreachable), None, "it was so before");
    // What one kind of browser sees for the first time is compared with nothing; not asked is not seen.
    assert_eq!(
        (saw([Look::Later, Look::Later, same()], watched), saw([Look::Later, Look::Later, other()], watched)),
        (None, None)
    );
    for state in [PageState::Changed, PageState::Cloaked, PageState::Infected] {
        assert_eq!(saw([same(), same(), same()], state), None, "it is the same as it was when it was stopped");
    }
    assert_eq!(Saw::of(watched, &frozen, &round([same(), same(), same()], Some("Test.Eicar"))), None);
    let awaited = Record { uses: vec![use_of(Standpoint::Pending)], ..frozen.clone() };
    assert_eq!(Saw::of(PageState::Awaited, &awaited, &round([same(), same(), same()], None)), None);
    let open = |state, saw| Recent::of(state, &frozen, UnixMillis(NOW), saw).open;
    assert!(
        open(PageState::Doubted, Saw::Other(marks.clone())) && !open(PageState::Changed, Saw::Other(marks.clone()))
    );
    assert!(!open(PageState::Doubted, Saw::Nothing));
}

#[test]
fn a_page_is_known_again_by_its_bytes_or_its_text_and_not_by_a_few_letters() {
    let of = |html: &str| Mark::of(&Page::read("https://q.example/", html.as_bytes()).unwrap());
    let long = |name: &str| {
        format!(
            "<h1>欢迎使用公共无线网络，请先登录</h1><p>您正在访问 {name}，登录之后即可继续。本网络由机场提供，使用即表示同意服务条款与隐私政策，\
             如需帮助请联系服务台，或拨打客服热线，工作时间为每日上午八时至晚上十时，节假日照常服务。请妥善保管您的账号和密码，不要在公共设备上保存登录信息。</p>"
        )
    };
    assert!(alike(&of(&long("qinghe.example")), &of(&long("paopao.example"))));
    assert!(!alike(&of(&long("qinghe.example")), &of("<h1>青禾 鲜牛奶</h1><p>每箱 9.9元，全国冷链配送到家</p>")));
    assert!(alike(&of("<p>请先登录公共网络"), &of("<div>请先登录公共网络</div>")), "the same words in other bytes");
    assert!(!alike(&of("<p>请先登录公共网络"), &of("<p>请先登录内部网络")));
    assert!(!alike(&of("<p>登录"), &of("<div>登录</div>")), "two letters say nothing");
    assert!(alike(&[Mark::Leads("portal.example".into())], &[Mark::Leads("portal.example".into())]));
    assert!(!alike(&[], &[]));
}

#[test]
fn a_site_is_what_one_registers() {
    for (url, is) in [
        ("https://www.shop.qinghe.example/a?b", "qinghe.example"),
        ("http://qinghe.com.cn:8080/", "qinghe.com.cn"),
        ("https://m.qinghe.com.cn./", "qinghe.com.cn"),
        ("https://a.qq.cn/", "qq.cn"),
        ("http://10.1.2.3/", "10.1.2.3"),
        ("nothing", ""),
    ] {
        assert_eq!(site(url), is, "{url}");
    }
}
