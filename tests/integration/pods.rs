//! Ad pods by chance: whatever is asked and answered in whatever order, an early answer is the answer, and no pod is ever wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use openrtb::{Arena, BidRequest, Decoder, Limits};
use pmpx::auction::admission::admit;
use pmpx::auction::bid_check::check;
use pmpx::auction::clearing::{Clearing, NoAnswer};
use pmpx::auction::eligibility::{Delivery, Funds, Invited, Standing, invite};
use pmpx::auction::matching::match_deals;
use pmpx::auction::outcome::{Award, Outcome};
use pmpx::clock::Chance;
use pmpx::event::{Cause, Measure, Method, Stage};
use pmpx::ids::{AdvertiserId, CreativeId, DealId};
use pmpx::market::Market;
use pmpx::market::deal::{Deal, PushRatio, Volume};
use pmpx::market::demand::{Advertiser, Creative, CreativeTexts};
use pmpx::market::supply::{Format, Formats, Media};
use pmpx::market::targeting::Place;
use pmpx::money::{CpmMicroYuan, MicroYuan};
use proptest::prelude::*;
use serde_json::{Value, json};

#[path = "../../benches/common/fixture.rs"]
pub(crate) mod common;

/// The least that a beacon finds its place in.
const VAST: &str = "<VAST version=\"3.0\"><Ad><InLine><Impression/><Creatives><Creative><Linear/></Creative></Creatives></InLine></Ad></VAST>";
const DURATIONS: [u32; 5] = [5, 10, 15, 20, 30];

/// Three buyers with two advertisers each, their creatives of every duration, and for each buyer a guaranteed deal and two preferred
/// ones, all for one placement; every DSP may bid for every buyer.
fn market(chance: &mut Chance) -> Market {
    common::changed(&common::example(), |parts| {
        let model = parts.creatives.iter().find(|it| it.format == Format::Video).unwrap().clone();
        let here = parts.placements.iter().find(|it| it.tagid == "harbor-preroll").unwrap().id;
        let template = parts.deals.iter().find(|it| it.wire.starts_with("BPG")).unwrap().clone();
        let first: Vec<_> = parts.advertisers.clone();
        let second = first.iter().map(|it| Advertiser {
            id: AdvertiserId(it.id.0 + 100),
            domains: vec![format!("second-{}", it.domains[0])],
            ..it.clone()
        });
        parts.advertisers.extend(second.collect::<Vec<_>>());
        parts.creatives.clear();
        for advertiser in &parts.advertisers {
            for seconds in DURATIONS {
                let id = CreativeId(parts.creatives.len() as u32);
                let texts = CreativeTexts::new(&format!("c{}", id.0), model.landing_page());
                let duration_s = Some(seconds);
                let (buyer, advertiser) = (advertiser.buyer, advertiser.id);
                parts.creatives.push(Creative { id, texts, buyer, advertiser, duration_s, ..model.clone() });
            }
        }
        let buyers: Vec<_> = parts.buyers.iter().map(|buyer| buyer.id).collect();
        for dsp in &mut parts.dsps {
            dsp.buyers = buyers.iter().map(|buyer| (*buyer, vec!["s".to_owned()])).collect();
        }
        let dsps: Vec<_> = parts.dsps.iter().map(|dsp| dsp.id).collect();
        parts.deals.clear();
        for (buyer, kind) in buyers.iter().flat_map(|buyer| (0..3_u32).map(move |kind| (buyer, kind))) {
            let method = [[Method::Pdb, Method::Bpg][chance.below(2) as usize], Method::Pd, Method::Pd][kind as usize];
            let asked = dsps.iter().copied().filter(|_| chance.below(2) == 0).collect::<Vec<_>>();
            let id = DealId(parts.deals.len() as u32);
            let mut deal = Deal {
                id,
                wire: format!("D{}", id.0),
                method,
                buyer: *buyer,
                price: CpmMicroYuan::parse_yuan(["70", "80", "90"][chance.below(3) as usize]).unwrap(),
                volume: method.is_guaranteed().then_some(Volume { daily: 1_000, push: PushRatio::ONE }),
                priority: chance.below(2) as u8,
                ..template.clone()
            };
            deal.dsps = if asked.is_empty() { vec![dsps[0]] } else { asked }.into();
            deal.targeting.places = vec![Place::Placement(here)].into();
            deal.targeting.formats = Formats::ALL;
            deal.fallback = (method.is_guaranteed() && chance.below(2) == 0)
                .then(|| parts.creatives.iter().find(|it| it.buyer == *buyer).map(|it| it.id))
                .flatten();
            parts.deals.push(deal);
        }
        parts.creatives.iter_mut().for_each(|it| it.markup = Some(VAST.into()));
    })
}

/// One imp, a structured pod, a dynamic one or a hybrid.
fn request(chance: &mut Chance) -> Value {
    let (dynamic, structured) = [(0, 1), (0, 3), (1, 0), (1, 2)][chance.below(4) as usize];
    let mut imps = Vec::new();
    for index in 0..dynamic + structured {
        let mut video = json!({"mimes": ["video/mp4"], "w": 1280, "h": 720, "podid": "p"});
        if index < dynamic {
            video["poddur"] = json!([30, 45, 60, 90][chance.below(4) as usize]);
            video["maxseq"] = json!(1 + chance.below(4));
            video["slotinpod"] = json!([0, 1, -1, 2][chance.below(4) as usize]);
        }
        match chance.below(3) {
            0 => video["rqddurs"] = json!([15, 30]),
            1 => (video["minduration"], video["maxduration"]) = (json!(5), json!(20)),
            _ => {}
        }
        if chance.below(4) == 0 {
            video["poddedupe"] = [json!([3]), json!([5]), json!([1, 2])][chance.below(3) as usize].clone();
        }
        imps.push(json!({"id": format!("i{index}"), "tagid": "harbor-preroll", "video": video}));
    }
    json!({"id": "r", "imp": imps, "app": {"id": "a"}})
}

/// Guaranteed deals are behind by numbers of their own.
struct Due;

fn behind(deal: &Deal) -> Option<u32> {
    deal.volume.map(|_| deal.id.0 * 7_919 % 13)
}

impl Delivery for Due {
    fn standing(&self, deal: &Deal, _: MicroYuan) -> Standing {
        Standing { behind: behind(deal), capped: false, funds: Funds::Ready, may_return: deal.id.0.is_multiple_of(2) }
    }

    fn take(&self, _: &Deal) -> bool {
        true
    }
}

fn invited<'r>(market: &'r Market, media: &'r Media, request: &'r BidRequest<'r>, seed: u64) -> Option<Invited<'r>> {
    let matched = match_deals(market, admit(market, media, request, common::noon()).unwrap()).ok()?;
    let invited = invite(market, matched, &Due, &mut Chance::seeded(seed));
    (!invited.invitations().is_empty()).then_some(invited)
}

/// What each DSP says: bids for some of its offers, each with one to three creatives; `None`: nothing in time.
fn answers(market: &Market, invited: &Invited<'_>, chance: &mut Chance) -> Vec<Option<Vec<u8>>> {
    let answer = |invitation| {
        if chance.below(6) == 0 {
            return None;
        }
        let mut bids = Vec::new();
        for (_, offer) in invited.offers_of(invitation) {
            let imp = invited.matched().admitted().imps()[offer.imp].imp;
            for _ in 0..chance.below(4) {
                let own: Vec<_> = market.creatives.iter().filter(|it| it.buyer == offer.deal.buyer).collect();
                let creative = own[chance.below(own.len() as u32) as usize];
                let domain = &market.advertiser(creative.advertiser).unwrap().domains[0];
                let slot = [0, 0, 0, 1, -1, 2][chance.below(6) as usize];
                bids.push(json!({"id": "b", "impid": imp.id.as_str(), "price": 100, "dealid": offer.deal.wire,
                    "crid": creative.crid(), "adomain": [domain], "adm": VAST, "slotinpod": slot}));
            }
        }
        let body = json!({"id": common::auction().to_string(), "cur": "CNY", "seatbid": [{"seat": "s", "bid": bids}]});
        Some(body.to_string().into_bytes())
    };
    invited.invitations().iter().map(answer).collect()
}

/// Feeds answers in an order; stops when nothing can change the decision any more, if that is to be used.
fn decided<'r>(
    market: &'r Market,
    invited: Invited<'r>,
    (answers, order): (&[Option<Vec<u8>>], &[usize]),
    early: bool,
    arena: &'r Arena,
) -> (Outcome<'r>, usize) {
    let mut clearing = Clearing::new(market, invited);
    let mut decoder = Decoder::new(Limits::default());
    let mut heard = 0;
    for tag in order {
        if early && clearing.is_settled() {
            break;
        }
        heard += 1;
        match &answers[*tag] {
            None => clearing.unanswered(*tag, NoAnswer::Timeout),
            Some(body) => {
                let invitation = &clearing.invited().invitations()[*tag];
                let body = (&body[..], arena);
                let checked = check(market, clearing.invited(), invitation, common::auction(), &mut decoder, body);
                clearing.answered(*tag, checked);
            }
        }
    }
    (clearing.decide(!early), heard)
}

/// What is shown: imp, slot, deal, creative.
fn shown(award: &Award<'_, ()>) -> Vec<(usize, u8, DealId, CreativeId)> {
    let of = |it: &pmpx::auction::outcome::Winner<'_, ()>| {
        (it.contender.imp, it.slot.0, it.contender.deal.id, it.contender.creative.id)
    };
    award.winners.iter().map(of).collect()
}

fn hold_pod_rules(award: &Award<'_, ()>) {
    let imps = award.invited.matched().admitted().imps();
    for (place, imp) in imps.iter().enumerate() {
        let on: Vec<_> = award.winners.iter().filter(|it| it.contender.imp == place).collect();
        let video = imp.imp.video.unwrap();
        let most = video.poddur.and(video.maxseq).unwrap_or(1);
        assert!(on.len() <= most as usize, "maxseq");
        let seconds: u32 = on.iter().map(|it| it.contender.creative.duration_s.unwrap()).sum();
        assert!(video.poddur.is_none_or(|length| seconds <= length as u32), "poddur");
        assert!(on.iter().enumerate().all(|(slot, it)| usize::from(it.slot.0) == slot), "slots count from 0");
        for (slot, winner) in on.iter().enumerate() {
            match winner.position.code() {
                Some(1) => assert_eq!(slot, 0, "who asked for the first place has it"),
                Some(-1) => assert_eq!(slot + 1, on.len(), "who asked for the last place has it"),
                _ => {}
            }
        }
        let guaranteed: Vec<_> = on.iter().filter(|it| it.contender.deal.method.is_guaranteed()).collect();
        let deals: BTreeSet<_> = guaranteed.iter().map(|it| it.contender.deal.id).collect();
        assert_eq!(guaranteed.len(), deals.len(), "a guaranteed deal has one ad on an imp");
        let order: Vec<_> = guaranteed
            .iter()
            .filter(|it| it.position.code().is_none())
            .map(|it| (it.contender.deal.method, std::cmp::Reverse(behind(it.contender.deal))))
            .collect();
        assert!(order.is_sorted(), "PDB, BPG, and of one method the one furthest behind: {order:?}");
    }
    let separation = imps[0].separation;
    let count = |key: &dyn Fn(&pmpx::auction::outcome::Contender<'_>) -> String| {
        award.winners.iter().map(|it| key(&it.contender)).collect::<BTreeSet<_>>().len()
    };
    let all = award.winners.len();
    assert!(!separation.creative || count(&|it| it.creative.crid().to_owned()) == all, "a creative twice");
    assert!(!separation.advertiser || count(&|it| it.advertiser.domains[0].clone()) == all, "an advertiser twice");
    assert!(!separation.category || count(&|it| it.advertiser.category.clone()) == all, "a category twice");
}

/// R-MAKEGOOD: each opportunity ends once, and a preferred deal's further ads are opportunities that went all the way.
fn hold_accounts(award: &Award<'_, ()>) {
    let opportunities = award.invited.opportunities().count();
    let won = award.ends.iter().filter(|(_, it)| *it == Measure::Stage(Stage::Won)).count();
    let causes = award.ends.iter().filter(|(_, it)| matches!(it, Measure::Cause(_))).count();
    let deals: BTreeSet<_> = award.winners.iter().map(|it| (it.contender.imp, it.contender.deal.id)).collect();
    assert_eq!(won, award.winners.len());
    assert_eq!(deals.len() + causes, opportunities, "{:?}", award.ends);
}

/// Invariant 4 for pods: a guaranteed deal is offered only where it surely has room, so nothing but separation and a wish for a
/// place takes it away.
fn hold_guarantees(award: &Award<'_, ()>, separated: bool) {
    for lost in &award.losses {
        let offer = &award.invited.offers()[lost.offer.unwrap()];
        let shown =
            award.winners.iter().any(|it| it.contender.imp == offer.imp && it.contender.deal.id == offer.deal.id);
        let wished = award.winners.iter().any(|it| it.position.code().is_some());
        if offer.deal.method.is_guaranteed() && !shown && !separated && !wished {
            let why = lost.reason.code();
            assert!(!matches!(why, 102 | 103), "{} lost by {why}", offer.deal.wire);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn an_early_answer_is_the_answer_and_no_pod_is_ever_wrong(seed in any::<u64>()) {
        let mut chance = Chance::seeded(seed);
        let market = market(&mut chance);
        let media = market.media.iter().find(|it| it.wire == "harbor").unwrap();
        let (arena, body) = (Arena::new(), request(&mut chance).to_string());
        let mut decoder = Decoder::new(Limits::default());
        let request = decoder.decode_request_in(arena.copy(body.as_bytes()), &arena).unwrap();
        let Some(asked) = invited(&market, media, &request, seed) else { return Ok(()) };
        let answers = answers(&market, &asked, &mut chance);
        let mut order: Vec<_> = (0..answers.len()).collect();
        order.sort_by_cached_key(|_| chance.below(u32::MAX));
        let (whole, all) = decided(&market, asked, (&answers, &order), false, &arena);
        let again = invited(&market, media, &request, seed).unwrap();
        let (early, heard) = decided(&market, again, (&answers, &order), true, &arena);
        let whole = whole.award(|_, _| Ok(()));
        let early = early.award(|_, _| Ok(()));
        prop_assert_eq!(shown(&early), shown(&whole), "after {} of {} answers: {}", heard, all, body);
        hold_pod_rules(&whole);
        hold_accounts(&whole);
        hold_accounts(&early);
        let separated = whole.ends.iter().any(|(_, it)| *it == Measure::Cause(Cause::Separated));
        hold_guarantees(&whole, separated);
    }
}

/// Every bid that wins nothing has its reason, for the notice to its DSP (OpenRTB 2.6 §5.25).
#[test]
fn every_bid_that_wins_nothing_is_told_why() {
    let told = |priority: u8| {
        let market = common::changed(&common::example(), |parts| {
            parts.deals.iter_mut().filter(|it| it.wire == "PD-2026-X7-TOP").for_each(|it| it.priority = priority);
        });
        let media = market.media.iter().find(|it| it.wire == "citypages").unwrap();
        let body = json!({"id": "r", "site": {"id": "s"},
            "imp": [{"id": "1", "tagid": "city-top", "banner": {"w": 728, "h": 90}}]});
        let (arena, body) = (Arena::new(), body.to_string());
        let request = Decoder::default().decode_request_in(arena.copy(body.as_bytes()), &arena).unwrap();
        let asked = invited(&market, media, &request, 7).unwrap();
        let bid = |deal: &str, crid: &str, domain: &str, price: u32| {
            json!({"id": "b", "impid": "1", "dealid": deal, "crid": crid, "adomain": [domain], "adm": "<p>", "price": price,
                "w": 728, "h": 90, "lurl": format!("http://dsp.example/{deal}/{price}")})
        };
        let paopao = |price| bid("PD-2026-PAOPAO", "paopao-banner-1", "paopao.example", price);
        let answer = |seats: Value| {
            let body = json!({"id": common::auction().to_string(), "cur": "CNY", "seatbid": seats});
            Some(body.to_string().into_bytes())
        };
        let x7 = bid("PD-2026-X7-TOP", "auto-top-1", "yunfan.example", 10);
        let said = |dsp: &str| match dsp {
            "comet" => json!([{"seat": "comet-3", "bid": [paopao(62), paopao(70)]}]),
            _ => json!([{"seat": "basalt-1", "bid": [x7]}, {"seat": "basalt-3", "bid": [paopao(61)]}]),
        };
        let answers: Vec<_> = asked.invitations().iter().map(|it| answer(said(&it.dsp.wire))).collect();
        let order: Vec<_> = (0..answers.len()).collect();
        let (whole, _) = decided(&market, asked, (&answers, &order), false, &arena);
        let award = whole.award(|_, _| Ok(()));
        assert_eq!(award.winners.len(), 1);
        let mut told: Vec<_> =
            award.losses.iter().map(|it| (it.bid.unwrap().loss.unwrap().to_owned(), it.reason.code())).collect();
        told.sort();
        told
    };
    let url = |rest: &str| format!("http://dsp.example/{rest}");
    let lost = |outranked| {
        vec![(url("PD-2026-PAOPAO/61"), 101), (url("PD-2026-PAOPAO/70"), 512), (url("PD-2026-X7-TOP/10"), outranked)]
    };
    assert_eq!(told(2), lost(103), "a deal of higher precedence has the place");
    assert_eq!(told(1), lost(102), "a dearer one of the same precedence has it");
}
