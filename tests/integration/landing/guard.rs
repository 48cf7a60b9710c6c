//! The guard of the watch in a running node: three buyers' pages that are other ones at once, a restart in between, and a person's word.

use super::*;

/// Buyers of the example with their advertisers, a creative of each, and the host of its page.
const PARTIES: [(&str, &str, &str, &str); 3] = [
    (ACCOUNT, ADVERTISER, CRID, "qinghe.example"),
    ("80010002", "yunfan-auto", "auto-9", "yunfan.example"),
    ("80010003", "paopao-games", "games-9", "paopao.example"),
];

struct Watch {
    pmpx: Pmpx,
    site: Site,
}

impl Watch {
    fn url(&self, party: usize) -> String {
        format!("http://{}:{}/", PARTIES[party].3, self.site.port())
    }

    fn page(&self, party: usize) -> Watched {
        let (account, advertiser, ..) = PARTIES[party];
        Watched::of(&**self.pmpx.docket(), &landing::subject(account, advertiser, &self.url(party))).unwrap().unwrap()
    }

    fn until_all(&self, what: &str, is_so: impl Fn(&Watched) -> bool) {
        self.pmpx.wait_until(what, || (0..3).all(|party| is_so(&self.page(party))));
    }

    fn violations(&self) -> Vec<usize> {
        let of = |account: &str| self.pmpx.control(&format!("/api/v1/buyers/{account}/breaches"), None).1;
        PARTIES.iter().map(|it| of(it.0)["violations"].as_array().unwrap().len()).collect()
    }

    /// Has one page looked at; nobody else's is due.
    fn look(&self, party: usize) {
        let market = self.pmpx.exchange().market.load_full();
        let office = Office { docket: &**self.pmpx.docket(), market: &market, now: self.pmpx.exchange().clock.now() };
        office.look_now(&self.page(party).record.subject()).unwrap();
    }

    fn held(&self) -> u64 {
        self.pmpx.exchange().metrics.landing.held.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn looked_at_again(&self, what: &str) {
        let asked = self.site.asked();
        self.pmpx.wait_until(what, || self.site.asked() >= asked + 40);
    }
}

fn config(site: &Site) -> Value {
    let mut config = crawling(site);
    let landing = &mut config["landing.toml"];
    landing["reach"]["plain"] = PARTIES.iter().map(|it| json!(format!("{}/{}", it.0, it.1))).collect();
    landing["host"] = PARTIES.iter().map(|it| json!({"name": it.3, "address": "127.0.0.1"})).collect();
    landing["watch"] = json!({"longest": "1h", "shortest": "1s", "confirm": "100ms"});
    landing["guard"] = json!({"sites": 3, "share": "60%"});
    config
}

/// A portal that says to each page which one it is.
const PORTAL: &str = "<p>请先登录 {host}";

/// R-LANDING-FROZEN, R-DAMAGE-CHANGE: behind a captive portal nobody is judged, also after a restart; one page that changes while the others are as they
/// were is; and a person may say that it is the pages.
#[test]
fn r_damage_change_pages_of_all_buyers_that_are_other_ones_at_once_are_held_until_a_person_decides() {
    let site = Site::start(&milk("9.90"));
    let pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &config(&site));
    let mut watch = Watch { pmpx, site };
    for (party, (account, advertiser, crid, _)) in PARTIES.into_iter().enumerate() {
        let buyer = watch.pmpx.exchange().market.load().buyers.iter().find(|it| it.account == account).unwrap().id;
        let (account, advertiser, crid) = (account.to_owned(), advertiser.to_owned(), crid.to_owned());
        let submission = Submission { account, advertiser, crid, ..submission(1, &watch.url(party)) };
        let subject = submission.subject();
        let record = Creative::new(submission, Origin::Submitted);
        let body = serde_json::to_string(&record).unwrap();
        step(watch.pmpx.docket(), Owner::Buyer(buyer), subject, (CreativeState::Approved.code(), body), false);
    }
    watch.pmpx.wait_until("they are held to what was frozen", || {
        let held = |party: usize| {
            let (account, advertiser, ..) = PARTIES[party];
            let page = Watched::of(&**watch.pmpx.docket(), &landing::subject(account, advertiser, &watch.url(party)));
            page.unwrap().is_some_and(|it| it.state == PageState::Watched && it.record.since_ms.is_some())
        };
        (0..3).all(held)
    });
    served(&watch.pmpx, CreativeState::Approved);

    // Only one of them is due: it has the others looked at.
    watch.site.put(PORTAL);
    watch.look(0);
    let is_held = |it: &Watched| it.state == PageState::Doubted && it.record.held.is_some();
    watch.until_all("all are held", is_held);
    let (_, listed) = watch.pmpx.control("/api/v1/pages", None);
    assert_eq!((&listed["held"]["pages"], &listed["held"]["more"]), (&json!(3), &json!(false)), "{listed}");
    assert_eq!(listed["held"]["why"], json!(["too many unrelated sites are not as they were"]));
    assert_eq!(watch.held(), 3);
    let since = listed["held"]["since"].clone();
    watch.looked_at_again("they are looked at again and again");
    let steps = watch.pmpx.docket().last_step().unwrap();
    watch.looked_at_again("and nothing is written of it");
    assert_eq!(watch.pmpx.docket().last_step().unwrap(), steps);

    let again = config(&watch.site);
    watch.pmpx.restart(&again);
    watch.looked_at_again("by another process too");
    watch.until_all("they are held as before", is_held);
    assert_eq!(watch.pmpx.control("/api/v1/pages", None).1["held"]["since"], since);
    assert_eq!((watch.violations(), told(&watch.pmpx).len(), wins(&watch.pmpx)), (vec![0, 0, 0], 0, true));
    watch.site.put(&milk("9.90"));
    watch.until_all("it is over", |it| it.state == PageState::Watched && it.record.held.is_none());
    watch.pmpx.wait_until("it is told", || watch.held() == 0);
    assert_eq!(watch.pmpx.control("/api/v1/pages", None).1["held"], Value::Null);

    // One that changes while the others are as they were.
    watch.site.put_for("qinghe.example", &milk("99.90"));
    watch.look(0);
    let settled = |it: &Watched| it.record.owed.is_empty();
    watch.pmpx.wait_until("it is stopped", || settled(&watch.page(0)) && watch.page(0).state == PageState::Changed);
    assert_eq!(watch.violations(), [1, 0, 0]);
    assert!([1, 2].into_iter().all(|party| watch.page(party).state == PageState::Watched));
    confirm(&watch.pmpx, &watch.url(0), Verdict::Confirmed);
    watch.until_all("all are watched", |it| it.state == PageState::Watched && it.record.since_ms.is_some());

    // It is the pages, says a person.
    watch.site.put_for("qinghe.example", PORTAL);
    watch.site.put(PORTAL);
    watch.look(2);
    watch.until_all("all are held again", is_held);
    let release = "/api/v1/pages/held/release";
    assert_eq!(watch.pmpx.control(release, Some(&json!({"reason": " "}))).0, 400, "a word needs its reason");
    let said = watch.pmpx.control(release, Some(&json!({"reason": "seen at home"})));
    assert_eq!(said, (200, json!({"released": 3})));
    watch.until_all("all are stopped", |it| it.state == PageState::Changed && settled(it) && it.record.held.is_none());
    assert_eq!(watch.violations(), [2, 1, 1]);
    served(&watch.pmpx, CreativeState::Suspended);
}
