//! Matching against the plain reading of what was agreed, and each dimension by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at what they did not expect")]

use std::sync::Arc;

use openrtb::{BidRequest, Decoder, Limits};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::auction::admission::admit;
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::Method;
use crate::ids::{BuyerId, DealId, MediaId, PlacementId, PropertyId};
use crate::market::deal::{DealState, Targeting};
use crate::market::supply::{Format, Formats, Media, MediaKind, Placement, Prohibitions, Size, TrafficCurve};
use crate::market::targeting::{
    Clause, Conditions, Connection, Dayparts, DeviceType, Listed, OperatingSystem, Place, Segment, Sizes,
};
use crate::market::{ExchangeTerms, Parts};
use crate::money::{CpmMicroYuan, Currency, Margin};

const TODAY: ShanghaiDay = ShanghaiDay(20_779);

fn noon() -> UnixMillis {
    TODAY.starts_at().plus_ms(12 * 3_600_000)
}

fn media(id: u32) -> Media {
    Media {
        id: MediaId(id),
        wire: format!("media-{id}"),
        name: String::new(),
        kind: MediaKind::App,
        margin: Margin::default(),
        consent_since: (id == 0).then_some(ShanghaiDay(0)),
        prohibited: Prohibitions::default(),
        takes_unreviewed: false,
        prohibited_categories: Vec::new(),
        prohibited_advertisers: Vec::new(),
        no_bid_body: false,
        default_tmax_ms: 100,
        currency: Currency::CNY,
        suspended: false,
    }
}

/// Two media; the first has two properties with two placements each.
fn placement(id: u32) -> Placement {
    Placement {
        id: PlacementId(id),
        media: MediaId(id / 4),
        property: PropertyId(id / 2),
        tagid: format!("p{id}"),
        formats: Formats::ALL,
        sizes: Vec::new(),
        minimum_display_ms: 0,
        beacons: Formats::ALL,
        token_life_ms: 1,
        daily_capacity: 1,
        traffic: Arc::new(TrafficCurve::flat()),
        competitive_separation: true,
        card: Vec::new(),
    }
}

fn deal(id: u32, targeting: Targeting) -> Deal {
    Deal {
        id: DealId(id),
        wire: format!("d{id}"),
        method: Method::Pd,
        state: DealState::Active,
        buyer: BuyerId(0),
        dsps: Vec::new().into(),
        advertisers: Vec::new().into(),
        period: (TODAY, TODAY),
        price: CpmMicroYuan::default(),
        volume: None,
        priority: 0,
        fallback: None,
        identifiers: false,
        approved_markup: false,
        unreviewed_a_day: None,
        client: None,
        frequency: None,
        targeting,
    }
}

fn market(deals: Vec<Deal>) -> Market {
    let terms = ExchangeTerms::plain();
    let parts = Parts {
        media: (0..2).map(media).collect(),
        placements: (0..8).map(placement).collect(),
        deals,
        ..Parts::default()
    };
    Market::assemble(1, noon(), [0; 32], terms, parts)
}

fn request(body: &str) -> Vec<u8> {
    body.as_bytes().to_vec()
}

/// The numbers of the deals that a request on a placement matches, by the index and by the plain reading.
fn matched(market: &Market, tagid: &str, imp: &str, rest: &str) -> (Vec<u32>, Vec<u32>) {
    let comma = if rest.is_empty() { "" } else { "," };
    let mut body = request(&format!(r#"{{"id":"r","imp":[{{"id":"1","tagid":"{tagid}",{imp}}}]{comma}{rest}}}"#));
    let mut decoder = Decoder::new(Limits::default());
    let request: BidRequest<'_> = decoder.decode_request(&mut body).unwrap();
    let number: u32 = tagid[1..].parse().unwrap();
    let media = market.media.get(MediaId(number / 4)).unwrap();
    let admitted = admit(market, media, &request, noon()).unwrap();
    let plain = market.deals.iter().filter(|deal| fits(deal, &admitted.imps[0], &admitted)).map(|deal| deal.id.0);
    let plain = plain.collect();
    let found = match match_deals(market, admitted) {
        Ok(matched) => matched.deals(0).iter().map(|deal| deal.id.0).collect(),
        Err(_) => Vec::new(),
    };
    (found, plain)
}

const BANNER: &str = r#""banner":{"w":300,"h":250,"format":[{"w":728,"h":90}]}"#;

/// Whether a deal with these conditions is matched.
fn applies(conditions: Conditions, imp: &str, rest: &str) -> bool {
    let place = [Place::Placement(PlacementId(0))].into_iter().collect();
    let targeting = Targeting { places: place, formats: Formats::ALL, conditions: Some(Arc::new(conditions)) };
    let (found, plain) = matched(&market(vec![deal(0, targeting)]), "p0", imp, rest);
    assert_eq!(found, plain);
    !found.is_empty()
}

fn clause(exclude: bool, listed: Listed) -> Conditions {
    Conditions { clauses: [Clause { exclude, listed }].into(), ..Conditions::default() }
}

fn texts(dimension: Dimension, texts: &[&str]) -> Listed {
    Listed::Texts(dimension, texts.iter().map(|text| Box::from(*text)).collect())
}

fn system(name: &str, least: Option<&str>) -> Listed {
    let least = least.map(|least| Version::parse(least).unwrap());
    Listed::OperatingSystems([OperatingSystem { name: name.into(), least }].into())
}

fn segment(provider: &str, id: &str) -> Listed {
    Listed::Segments([Segment { provider: provider.into(), id: id.into() }].into())
}

#[test]
fn every_dimension_includes_excludes_and_knows_absence() {
    let geo = |member: &str| format!(r#""device":{{"geo":{{{member}}}}}"#);
    let device = |member: &str| format!(r#""device":{{{member}}}"#);
    let data = |provider: &str, id: &str| {
        format!(r#""user":{{"data":[{{"id":"{provider}","segment":[{{"id":"x"}},{{"id":"{id}"}}]}}]}}"#)
    };
    let cases = [
        (texts(Dimension::Country, &["CHN"]), geo(r#""country":"chn""#), geo(r#""country":"JPN""#)),
        (texts(Dimension::Region, &["CN-SH", "CN-BJ"]), geo(r#""region":"CN-BJ""#), geo(r#""region":"CN-GD""#)),
        (texts(Dimension::City, &["shanghai"]), geo(r#""city":"Shanghai""#), geo(r#""city":"Suzhou""#)),
        (texts(Dimension::Make, &["xiaomi"]), device(r#""make":"Xiaomi""#), device(r#""make":"Oppo""#)),
        (texts(Dimension::Carrier, &["460-00"]), device(r#""mccmnc":"460-00""#), device(r#""mccmnc":"460-01""#)),
        (
            texts(Dimension::Carrier, &["china mobile"]),
            device(r#""carrier":"China Mobile""#),
            device(r#""carrier":"X""#),
        ),
        (texts(Dimension::Language, &["zh"]), device(r#""language":"zh-Hans""#), device(r#""language":"en""#)),
        (Listed::DeviceTypes([DeviceType::Phone].into()), device(r#""devicetype":4"#), device(r#""devicetype":5"#)),
        (
            Listed::DeviceTypes([DeviceType::MobileOrTablet].into()),
            device(r#""devicetype":5"#),
            device(r#""devicetype":2"#),
        ),
        (
            Listed::Connections([Connection::Wifi].into()),
            device(r#""connectiontype":2"#),
            device(r#""connectiontype":6"#),
        ),
        (
            Listed::Connections([Connection::Cellular].into()),
            device(r#""connectiontype":7"#),
            device(r#""connectiontype":1"#),
        ),
        (system("ios", None), device(r#""os":"iOS""#), device(r#""os":"Android""#)),
        (system("ios", Some("15.1")), device(r#""os":"iOS","osv":"15.10""#), device(r#""os":"iOS","osv":"15.0.9""#)),
        (system("ios", Some("15.1")), device(r#""os":"iOS","osv":"16""#), device(r#""os":"iOS""#)),
        (segment("dmp", "7"), data("dmp", "7"), data("other", "7")),
        (segment("dmp", "7"), data("dmp", "7"), data("dmp", "8")),
    ];
    for (listed, same, other) in cases {
        let shown = format!("{listed:?}");
        for (exclude, said, expected) in [
            (false, same.as_str(), true),
            (false, other.as_str(), false),
            (false, "", false),
            (true, same.as_str(), false),
            (true, other.as_str(), true),
            (true, "", true),
        ] {
            assert_eq!(applies(clause(exclude, listed.clone()), BANNER, said), expected, "{exclude} {shown} of {said}");
        }
    }
}

#[test]
fn r_consent_segments_are_not_looked_at_without_consent() {
    let place = || [Place::Placement(PlacementId(4))].into_iter().collect();
    let with =
        |conditions| Targeting { places: place(), formats: Formats::ALL, conditions: Some(Arc::new(conditions)) };
    let wanted = deal(0, with(clause(false, segment("dmp", "7"))));
    let unwanted = deal(1, with(clause(true, segment("dmp", "7"))));
    let said = r#""user":{"data":[{"id":"dmp","segment":[{"id":"7"}]}]}"#;
    let (found, plain) = matched(&market(vec![wanted, unwanted]), "p4", BANNER, said);
    assert_eq!((found, plain), (vec![1], vec![1]), "the second media asserts no consent");
}

#[test]
fn sizes_formats_dayparts_and_places_include_and_exclude() {
    let size = |w, h| Size { w, h };
    let sizes = |sizes| Conditions { sizes, ..Conditions::default() };
    let native = r#""native":{"request":"{}"}"#;
    for (wanted, imp, expected) in [
        (Sizes::Only([size(728, 90)].into()), BANNER, true),
        (Sizes::Only([size(1, 1)].into()), BANNER, false),
        (Sizes::Only([size(728, 90)].into()), native, false),
        (Sizes::Except([size(728, 90)].into()), BANNER, true),
        (Sizes::Except([size(728, 90), size(300, 250)].into()), BANNER, false),
        (Sizes::Except([size(728, 90)].into()), native, true),
        (Sizes::Only([size(640, 360)].into()), r#""video":{"mimes":["video/mp4"],"w":640,"h":360}"#, true),
    ] {
        assert_eq!(applies(sizes(wanted.clone()), imp, ""), expected, "{wanted:?} {imp}");
    }
    let mut noon_only = Dayparts::NONE;
    noon_only.0[usize::from(TODAY.weekday())] = 1 << 12;
    assert!(applies(Conditions { dayparts: noon_only, ..Conditions::default() }, BANNER, ""));
    let never_noon = Dayparts::ALL.without(noon_only);
    assert!(!applies(Conditions { dayparts: never_noon, ..Conditions::default() }, BANNER, ""));

    let on = |place, excluded: Option<Place>| {
        let conditions = Conditions { excluded_places: excluded.into_iter().collect(), ..Conditions::default() };
        let places = [place].into_iter().collect();
        Targeting { places, formats: Formats::NONE.with(Format::Banner), conditions: Some(Arc::new(conditions)) }
    };
    let deals = vec![
        deal(0, on(Place::Media(MediaId(0)), None)),
        deal(1, on(Place::Media(MediaId(0)), Some(Place::Property(PropertyId(1))))),
        deal(2, on(Place::Property(PropertyId(1)), None)),
        deal(3, on(Place::Property(PropertyId(1)), Some(Place::Placement(PlacementId(3))))),
        deal(4, on(Place::Placement(PlacementId(3)), None)),
        deal(5, on(Place::Media(MediaId(1)), None)),
    ];
    let market = market(deals);
    for (tagid, expected) in [("p0", vec![0, 1]), ("p2", vec![0, 2, 3]), ("p3", vec![0, 2, 4]), ("p7", vec![5])] {
        let (found, plain) = matched(&market, tagid, BANNER, "");
        assert_eq!((&found, &plain), (&expected, &expected), "{tagid}");
    }
    assert_eq!(matched(&market, "p2", native, "").0, [0; 0], "another format");
    let restricted = format!(r#"{BANNER},"pmp":{{"deals":[{{"id":"d2"}},{{"id":"d5"}}]}}"#);
    assert_eq!(matched(&market, "p2", &restricted, "").0, [2], "one of those named does not run here");
}

fn any_listed() -> impl Strategy<Value = Listed> {
    let some = |dimension, of: Vec<&'static str>| {
        let most = of.len();
        subsequence(of, 1..=most).prop_map(move |chosen| texts(dimension, &chosen))
    };
    let systems = vec![("ios", None), ("ios", Some("15")), ("ios", Some("16.2")), ("android", None)];
    prop_oneof![
        some(Dimension::Country, vec!["CHN", "JPN"]),
        some(Dimension::Region, vec!["CN-BJ", "CN-GD", "CN-SH"]),
        some(Dimension::Carrier, vec!["460-00", "china mobile"]),
        some(Dimension::Language, vec!["en", "zh"]),
        subsequence(vec![DeviceType::MobileOrTablet, DeviceType::Pc, DeviceType::Phone], 1..=3)
            .prop_map(|kinds| Listed::DeviceTypes(kinds.into())),
        subsequence(systems, 1..=3).prop_map(|chosen| {
            let system = |(name, least): (&str, Option<&str>)| OperatingSystem {
                name: name.into(),
                least: least.map(|least| Version::parse(least).unwrap()),
            };
            Listed::OperatingSystems(chosen.into_iter().map(system).collect())
        }),
        subsequence(vec!["1", "2", "3", "4"], 1..=3).prop_map(|ids| {
            Listed::Segments(ids.into_iter().map(|id| Segment { provider: "dmp".into(), id: id.into() }).collect())
        }),
    ]
}

fn any_targeting() -> impl Strategy<Value = Targeting> {
    let place = select(vec![
        Place::Media(MediaId(0)),
        Place::Property(PropertyId(0)),
        Place::Placement(PlacementId(0)),
        Place::Placement(PlacementId(1)),
    ]);
    let sizes = select(vec![
        Sizes::Any,
        Sizes::Any,
        Sizes::Only([Size { w: 300, h: 250 }, Size { w: 1, h: 1 }].into()),
        Sizes::Except([Size { w: 300, h: 250 }, Size { w: 728, h: 90 }].into()),
    ]);
    let clauses = prop::collection::vec((any::<bool>(), any_listed()), 0..4);
    let excluded =
        prop::option::weighted(0.2, select(vec![Place::Placement(PlacementId(0)), Place::Media(MediaId(1))]));
    (place, sizes, clauses, excluded).prop_map(|(place, sizes, clauses, excluded)| {
        let clauses = clauses.into_iter().map(|(exclude, listed)| Clause { exclude, listed }).collect();
        let excluded_places = excluded.into_iter().collect();
        let conditions = Conditions { excluded_places, sizes, dayparts: Dayparts::ALL, clauses };
        let conditions = (conditions != Conditions::default()).then(|| Arc::new(conditions));
        Targeting { places: [place].into_iter().collect(), formats: Formats::ALL, conditions }
    })
}

fn any_request() -> impl Strategy<Value = String> {
    let geo = select(vec!["", r#""country":"CHN""#, r#""country":"CHN","region":"CN-SH""#, r#""region":"cn-bj""#]);
    let device = select(vec![
        "",
        r#","os":"iOS","osv":"15.6","devicetype":4"#,
        r#","os":"ios","osv":"17","language":"en","devicetype":1"#,
        r#","os":"Android","mccmnc":"460-00","carrier":"China Mobile","devicetype":2"#,
    ]);
    let segments = subsequence(vec![r#"{"id":"1"}"#, r#"{"id":"2"}"#, r#"{"id":"3"}"#, r#"{"id":"9"}"#], 0..=4);
    (geo, device, segments).prop_map(|(geo, device, segments)| {
        let segments = segments.join(",");
        format!(r#""device":{{"geo":{{{geo}}}{device}}},"user":{{"data":[{{"id":"dmp","segment":[{segments}]}}]}}"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Many deals of few values, so that every way to stand in the index is taken.
    #[test]
    fn the_index_finds_what_the_plain_reading_finds(
        targetings in prop::collection::vec(any_targeting(), 1..80), rest in any_request(), placement in 0..4_u32,
    ) {
        let deals = (0..).zip(targetings).map(|(id, targeting)| deal(id, targeting)).collect();
        let (found, plain) = matched(&market(deals), &format!("p{placement}"), BANNER, &rest);
        prop_assert_eq!(found, plain);
    }
}

/// The plain reading: every deal is gone through, every text is compared.
fn fits(deal: &Deal, imp: &OfferedImp<'_>, admitted: &Admitted<'_>) -> bool {
    let placement = imp.placement;
    let places = [Place::Placement(placement.id), Place::Property(placement.property), Place::Media(placement.media)];
    deal.targeting.places.iter().any(|place| places.contains(place))
        && deal.runs_on(admitted.day)
        && imp.only.as_ref().is_none_or(|only| only.contains(&deal.id))
        && !imp.formats.and(deal.targeting.formats).is_empty()
        && deal.targeting.conditions.as_ref().is_none_or(|conditions| hold(conditions, imp, admitted))
}

fn hold(conditions: &Conditions, imp: &OfferedImp<'_>, admitted: &Admitted<'_>) -> bool {
    let placement = imp.placement;
    let places = [Place::Placement(placement.id), Place::Property(placement.property), Place::Media(placement.media)];
    let mut sizes = fit::asked_sizes(imp);
    conditions.dayparts.include(admitted.at)
        && !places.iter().any(|place| conditions.excluded_places.contains(place))
        && match &conditions.sizes {
            Sizes::Any => true,
            Sizes::Only(_) => sizes.any(|size| conditions.sizes.take(size)),
            Sizes::Except(_) => {
                let mut sizes = sizes.peekable();
                sizes.peek().is_none() || sizes.any(|size| conditions.sizes.take(size))
            }
        }
        && conditions.clauses.iter().all(|clause| clause.exclude != meets(&clause.listed, admitted))
}

/// Whether a request is one of what is listed; what it does not say is none of it.
fn meets(listed: &Listed, admitted: &Admitted<'_>) -> bool {
    let device = admitted.request.device.as_ref();
    let geo = device.and_then(|device| device.geo.as_ref());
    match listed {
        Listed::Texts(dimension, texts) => {
            let has = |given: Option<&str>| {
                given.is_some_and(|given| texts.iter().any(|text| text.eq_ignore_ascii_case(given)))
            };
            match dimension {
                Dimension::Country => has(geo.and_then(|geo| geo.country.as_deref())),
                Dimension::Region => has(geo.and_then(|geo| geo.region.as_deref())),
                Dimension::City => has(geo.and_then(|geo| geo.city.as_deref())),
                Dimension::Make => has(device.and_then(|device| device.make.as_deref())),
                Dimension::Carrier => {
                    has(device.and_then(|device| device.carrier.as_deref()))
                        || has(device.and_then(|device| device.mccmnc.as_deref()))
                }
                Dimension::Language => has(device.and_then(|device| device.language.as_deref()?.split('-').next())),
            }
        }
        Listed::DeviceTypes(kinds) => {
            let given = device.and_then(|device| device.devicetype);
            given.is_some_and(|given| kinds.iter().any(|kind| kind.covers(given)))
        }
        Listed::Connections(kinds) => {
            let given = device.and_then(|device| device.connectiontype);
            given.is_some_and(|given| kinds.iter().any(|kind| kind.covers(given)))
        }
        Listed::OperatingSystems(systems) => {
            let name = device.and_then(|device| device.os.as_deref());
            let version = device.and_then(|device| device.osv.as_deref()).and_then(Version::of_device);
            let is = |system: &OperatingSystem, name: &str| {
                system.name.eq_ignore_ascii_case(name)
                    && system.least.is_none_or(|least| version.is_some_and(|version| version >= least))
            };
            name.is_some_and(|name| systems.iter().any(|system| is(system, name)))
        }
        Listed::Segments(segments) => {
            let data = admitted.request.user.iter().flat_map(|user| user.data);
            let mut said = data.flat_map(|data| data.segment.iter().map(|it| (data.id.as_deref(), it.id.as_deref())));
            admitted.consent && said.any(|said| segments.iter().any(|it| said == (Some(&*it.provider), Some(&*it.id))))
        }
    }
}
