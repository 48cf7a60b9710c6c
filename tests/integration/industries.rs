//! R-CATEGORY: an advertiser is of the industries that it names, whatever its category, and a media that prohibits one is not shown it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use openrtb::{Arena, Decoder, Limits};
use pmpx::auction::BidRejection;
use pmpx::auction::bid_check::check;
use pmpx::event::{Cause, Measure};
use pmpx::market::Market;
use pmpx::market::supply::Media;

use crate::pods::common;

const DEAL: &str = "PDB-2026-SPRING-OPEN";

/// The example, where the dairy names industries and the media of the example's request prohibits one.
fn market(named: &[&str], prohibited: &str) -> Market {
    common::changed(&common::example(), |parts| {
        let dairy = parts.advertisers.iter_mut().find(|it| it.wire == "qinghe-dairy").unwrap();
        dairy.industries = named.iter().map(|it| (*it).to_owned()).collect();
        let sunrise: &mut Media = parts.media.iter_mut().find(|it| it.wire == "sunrise").unwrap();
        sunrise.prohibited.industries = vec![prohibited.to_owned()];
    })
}

#[test]
fn r_category_an_advertiser_of_a_prohibited_industry_is_neither_offered_nor_accepted() {
    let arena = Arena::default();
    let request = Decoder::new(Limits::default()).decode_request_in(arena.copy(common::REQUEST), &arena).unwrap();
    for (prohibited, allowed) in [("apps", false), ("food", false), ("games", true)] {
        let market = market(&["food", "apps"], prohibited);
        let deal = market.deals.iter().find(|it| it.wire == DEAL).unwrap().id;
        let invited = common::invited(&market, &request);
        let is_prohibited = invited.ends().contains(&(deal, Measure::Cause(Cause::Prohibited)));
        assert_eq!(is_prohibited, !allowed, "{prohibited}");
        assert_eq!(invited.offers().iter().any(|offer| offer.deal.id == deal), allowed, "{prohibited}");
    }
    // Where it is offered for another's creative, the bid with this one's is refused.
    let [other, own] = [market(&["food"], "games"), market(&["games"], "games")];
    let invited = common::invited(&other, &request);
    let rejected = |market: &Market| {
        let (invitation, answer) = (&invited.invitations()[0], common::answer());
        let mut decoder = Decoder::new(Limits::default());
        let answer = (&answer[..], &arena);
        let checked = check(market, &invited, invitation, common::auction(), &mut decoder, answer);
        checked.rejected.first().map(|it| it.reason)
    };
    assert_eq!(rejected(&other), None);
    assert_eq!(rejected(&own), Some(BidRejection::AdvertiserProhibited));
}
