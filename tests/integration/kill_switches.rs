//! What a kill switch stops, as media, DSPs and the accountant see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::Full;
use loadtest::dsp::Temper;
use serde_json::{Value, json};

use crate::harness::{NOON, PATIENCE, Pmpx, auction, bids, client_of, parsed, splash, top};

const PDB: &str = "PDB-2026-SPRING-OPEN";
const PD: &str = "PD-2026-PAOPAO";

/// The deal that wins a request, or the reason for no bid.
fn outcome(pmpx: &Pmpx, media: &str, body: &Value) -> String {
    let answer = pmpx.auction(media, body);
    if answer.status == 204 {
        return answer.headers["x-pmpx-nbr"].to_str().unwrap().to_owned();
    }
    bids(&answer)[0]["dealid"].as_str().unwrap().to_owned()
}

fn asked(pmpx: &Pmpx, dsp: &str) -> u64 {
    pmpx.dsp(dsp).stats().requests
}

#[test]
fn r_dsp_a_suspended_dsp_is_not_asked() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PDB);
    pmpx.switch("dsps/aurora/suspend");
    let before = asked(&pmpx, "aurora");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PD);
    assert_eq!(asked(&pmpx, "aurora"), before);
    let events = pmpx.events();
    assert_eq!((events[PDB]["dsp_not_approved"], events[PDB]["withheld"]), (1, 1), "R-MAKEGOOD: paced and counted");
    pmpx.switch("dsps/aurora/resume");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PDB);
}

#[test]
fn r_dsp_the_answer_of_a_dsp_that_was_suspended_meanwhile_is_not_heard() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("comet", Temper::Pass);
    pmpx.script("basalt", Temper::Slow(Duration::from_millis(700)));
    let answer = pmpx.auction_while("citypages", &top(), || {
        let asked = asked(&pmpx, "basalt") == 1;
        if asked {
            pmpx.switch("dsps/basalt/suspend");
        }
        asked
    });
    assert_eq!(answer.status, 204, "{:?}", answer.body);
    assert_eq!(pmpx.events()["PD-2026-X7-TOP"]["dsp_not_approved"], 1);
    let metrics = pmpx.exchange().metrics.clone();
    let basalt = pmpx.exchange().market.load().dsps.iter().find(|dsp| dsp.wire == "basalt").unwrap().id;
    let place = pmpx::metrics::DSP_OUTCOMES.iter().position(|name| *name == "suspended").unwrap();
    assert_eq!(metrics.dsps.get(basalt).unwrap().asked[place].get(), 1);
}

#[test]
fn r_fallback_covers_a_dsp_that_was_suspended_meanwhile() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.script("aurora", Temper::Slow(Duration::from_millis(700)));
    let answer = pmpx.auction_while("sunrise", &splash(), || {
        let asked = asked(&pmpx, "aurora") == 1;
        if asked {
            pmpx.switch("dsps/aurora/suspend");
        }
        asked
    });
    let bid = &bids(&answer)[0];
    assert_eq!((bid["dealid"].as_str(), bid["crid"].as_str()), (Some(PDB), Some("milk-open-1")));
}

#[test]
fn a_suspended_media_gets_no_bid_and_others_do() {
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.switch("media/sunrise/suspend");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), "510");
    assert!(pmpx.events().get(PDB).is_none_or(|counts| !counts.contains_key("matched")));
    assert!(outcome(&pmpx, "citypages", &top()).starts_with("PD-"));
    pmpx.switch("media/sunrise/resume");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PDB);
}

#[test]
fn r_makegood_a_suspended_buyer_or_deal_is_matched_paced_and_counted() {
    for (path, cause) in [("buyers/80010001", "buyer_suspended"), (&format!("deals/{PDB}"), "deal_suspended")] {
        // One opportunity a day: that it was taken shows when the deal is resumed.
        let one = json!({"deals.toml": {"deal": {"id=PDB-2026-SPRING-OPEN": {"daily_volume": 1, "push_ratio": "1"}}}});
        let pmpx = Pmpx::start(NOON, &one);
        pmpx.switch(&format!("{path}/suspend"));
        assert_eq!(outcome(&pmpx, "sunrise", &splash()), PD, "{path}");
        let events = pmpx.events();
        assert_eq!((events[PDB]["matched"], events[PDB]["withheld"], events[PDB][cause]), (1, 1, 1), "{path}");
        pmpx.switch(&format!("{path}/resume"));
        assert_eq!(outcome(&pmpx, "sunrise", &splash()), PD, "{path}");
        assert_eq!(pmpx.events()[PDB]["ahead_of_plan"], 1, "{path}: the day's opportunity was used up");
    }
}

#[test]
fn r_refuse_a_suspended_creative_is_neither_a_bid_nor_a_fallback() {
    // Another creative fits, so the deal is offered; the DSP bids with the suspended one all the same.
    let edits = json!({"creatives.toml": {"creative": {"crid=milk-feed-1": {"sizes": ["1080x1920"]}}}});
    let pmpx = Pmpx::start(NOON, &edits);
    pmpx.switch("creatives/80010001%2Fmilk-open-1/suspend");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PD);
    assert_eq!(pmpx.rejected()["aurora"]["creative_not_approved"], 1);
    assert_eq!(pmpx.events()[PDB]["bid_rejected"], 1);
    pmpx.switch("creatives/80010001%2Fmilk-open-1/resume");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PDB);
    let pmpx = Pmpx::start(NOON, &json!({}));
    pmpx.switch("creatives/80010001%2Fmilk-open-1/suspend");
    assert_eq!(outcome(&pmpx, "sunrise", &splash()), PD);
    assert_eq!(pmpx.events()[PDB]["no_creative"], 1, "the only one that fits");
}

#[test]
fn r_review_what_was_won_and_not_displayed_is_void_for_its_reason() {
    let subjects = [
        ("creatives/80010003%2Fpaopao-banner-1", 1),
        ("deals/PD-2026-PAOPAO", 2),
        ("buyers/80010003", 3),
        ("media/citypages", 4),
        ("dsps/comet", 5),
    ];
    for (path, reason) in subjects {
        let mut pmpx = Pmpx::start(NOON, &json!({}));
        pmpx.script("basalt", Temper::Pass);
        let urls: Vec<_> =
            (0..5).map(|_| bids(&pmpx.auction("citypages", &top()))[0]["burl"].as_str().unwrap().to_owned()).collect();
        let billed = |pmpx: &Pmpx, url: &str| pmpx.get(url).status.as_u16();
        assert_eq!(billed(&pmpx, &urls[0]), 200);
        pmpx.switch(&format!("{path}/suspend"));
        let told = pmpx.get(&urls[1]);
        assert_eq!((told.status.as_u16(), parsed(&told)["error"]["code"].as_str()), (410, Some("void")), "{path}");
        assert_eq!(
            billed(&pmpx, &urls[4].replace("/n/bill/", "/t/imp/")),
            200,
            "a pixel is a picture, and void all the same"
        );
        assert_eq!(billed(&pmpx, &urls[4]), 410, "{path}");
        pmpx.restart(&json!({}));
        assert_eq!(billed(&pmpx, &urls[2]), 410, "{path}: after a restart");
        assert_eq!(billed(&pmpx, &urls[0]), 200, "{path}: what was posted stays posted");
        pmpx.switch(&format!("{path}/resume"));
        assert_eq!((billed(&pmpx, &urls[3]), billed(&pmpx, &urls[1])), (200, 410), "{path}: void once is void");
        let resolutions: Vec<_> = pmpx.journal().iter().map(|row| row.resolution).collect();
        assert_eq!(resolutions, [0, reason, reason, reason, 0], "{path}");
        assert_eq!(pmpx.settle().posted_micro_yuan, 124_000);
    }
}

#[test]
fn r_stats_no_count_is_lost_to_reloads_rollbacks_and_switches_under_load() {
    const MEDIA: usize = 6;
    let mut pmpx = Pmpx::start(NOON, &json!({}));
    let (over, sent, won, displayed) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let address = pmpx.address();
    let one = async || {
        let client = client_of(address);
        while !over.load(Ordering::Relaxed) {
            let body = Full::new(top().to_string().into());
            let asking = tokio::time::timeout(PATIENCE, client.send(auction("citypages").body(body).unwrap()));
            let answer = asking.await.expect("in time").unwrap();
            sent.fetch_add(1, Ordering::Relaxed);
            assert!([200, 204].contains(&answer.status.as_u16()), "{:?}", answer.status);
            if answer.status != 200 {
                continue;
            }
            won.fetch_add(1, Ordering::Relaxed);
            let burl = parsed(&answer)["seatbid"][0]["bid"][0]["burl"].as_str().unwrap().to_owned();
            let path = burl.find("/n/bill/").map(|start| &burl[start..]).unwrap();
            match client.get(path).await.unwrap().status.as_u16() {
                200 => drop(displayed.fetch_add(1, Ordering::Relaxed)),
                other => assert_eq!(other, 410, "void while its DSP is suspended"),
            }
        }
    };
    std::thread::scope(|scope| {
        let media: Vec<_> = (0..MEDIA)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(one());
                })
            })
            .collect();
        for round in 0..6_u64 {
            let price = format!("{}.00", 24 + round);
            pmpx.edit(&json!({"deals.toml": {"deal": {"id=PD-2026-DAIRY-FEED": {"cpm": price}}}}));
            pmpx.reload();
            pmpx.switch("dsps/comet/suspend");
            pmpx.switch("deals/PD-2026-DAIRY-FEED/suspend");
            let rollback = json!({"generation": 1});
            assert_eq!(pmpx.control("/api/v1/market/rollback", Some(&rollback)).0, 200);
            pmpx.switch("dsps/comet/resume");
            pmpx.switch("deals/PD-2026-DAIRY-FEED/resume");
        }
        over.store(true, Ordering::Relaxed);
        media.into_iter().for_each(|media| media.join().unwrap());
    });
    let [sent, won, displayed] = [&sent, &won, &displayed].map(|count| count.load(Ordering::Relaxed));
    assert!(won > 20, "{won} won of {sent}");
    let events = pmpx.events();
    let (mut told_won, mut told_billed) = (0, 0);
    for deal in [PD, "PD-2026-X7-TOP"] {
        let count = |name: &str| events[deal].get(name).copied().unwrap_or(0);
        assert_eq!(count("matched"), sent, "{deal}");
        let stages = ["matched", "eligible", "withheld", "offered", "answered", "won", "billed"];
        let causes: u64 =
            events[deal].iter().filter(|(name, _)| !stages.contains(&name.as_str())).map(|(_, count)| count).sum();
        assert_eq!(count("won") + causes, sent, "{deal}: each opportunity ends once: {:?}", events[deal]);
        told_won += count("won");
        told_billed += count("billed");
    }
    assert_eq!((told_won, told_billed), (won, displayed));
    let posted = pmpx.journal().iter().filter(|row| row.is_posted()).count() as u64;
    assert_eq!(posted, displayed);
    pmpx.settle();
}
