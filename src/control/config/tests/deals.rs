//! What is said about deals and their targeting, about inventory, and about terms that several files share.

use super::*;
use crate::event::Source;
use crate::market::deal::{FrequencyCap, FrequencyPeriod};

const SECOND: &str = "
[[deal]]
id = \"PDB-SECOND\"
method = \"PDB\"
state = \"suspended\"
account = \"80010001\"
dsps = [\"aurora\"]
from = \"2027-03-01\"
until = \"2027-03-31\"
signed = \"2026-11-20\"
cpm = \"60.00\"
daily_volume = 40_000_000
push_ratio = \"1\"
placements = [{ media = \"sunrise\", tagid = \"sunrise-open\" }, { media = \"sunrise\", tagid = \"sunrise-feed\" }]
";

/// The example with more deals at the end of its list.
fn with_deals(text: &str) -> Edit<'static> {
    const ANCHOR: &str = "priority = 1\nplacements = [{ media = \"sunrise\", tagid = \"sunrise-feed\" }]";
    ("deals.toml", ANCHOR, format!("{ANCHOR}\n{text}").leak())
}

#[test]
fn r_inventory_a_deal_on_several_placements_takes_what_the_others_leave() {
    check(&[with_deals(&SECOND.replace("40_000_000", "97_400_000"))], &[]);
    check(
        &[with_deals(&SECOND.replace("40_000_000", "97_400_001"))],
        &[
            "config/deals.toml:98: `sunrise/sunrise-open`, `sunrise/sunrise-feed` are promised 100000001 times on 2027-03-01, their capacity is 100000000 a day; promised by `PDB-2026-SPRING-OPEN`, `PDB-SECOND` (R-INVENTORY)",
        ],
    );
    let before = SECOND
        .replace("2027-03-31", "2026-11-21")
        .replace("2027-03-01", "2026-11-01")
        .replace("40_000_000", "98_000_000");
    check(&[with_deals(&before)], &[]);
}

#[test]
fn r_inventory_hours_are_promised_by_the_curve_of_the_placement() {
    // 40 million a day, a quarter of it at 20 o'clock; 2.6 million are taken by a deal that runs at any hour.
    let curve = (
        "media.toml",
        "daily_capacity = 40_000_000",
        "daily_capacity = 40_000_000\nhourly_traffic = [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8,2,1,1]",
    );
    let evening = |volume: &str, when: &str| {
        let deal =
            SECOND.replace("40_000_000", volume).replace(", { media = \"sunrise\", tagid = \"sunrise-feed\" }", "");
        with_deals(&format!("{deal}{when}\n"))
    };
    let at_eight = "hours = [\"20\"]";
    check(&[curve, evening("10_000_000", at_eight)], &[]);
    check(
        &[curve, evening("10_000_001", at_eight)],
        &[
            "config/deals.toml:98: `sunrise/sunrise-open` is promised 10000001 times on 2027-03-01, its capacity in the hours 20 is 10000000 a day; promised by `PDB-SECOND` (R-INVENTORY)",
        ],
    );
    let workdays = "dayparts = [{ days = [\"mon-sat\"] }]";
    check(
        &[evening("1", workdays)],
        &["config/deals.toml:98: `PDB-SECOND` promises 1 on 2027-03-07, a day on which it has no hour (R-INVENTORY)"],
    );
}

#[test]
fn targeting_that_can_never_match_is_refused() {
    let narrow = |text: &str| with_deals(&SECOND.replace("[[deal]]\n", &format!("[[deal]]\n{text}\n")));
    for (text, message) in [
        (
            "regions = [\"CN-SH\"]\nexclude = { regions = [\"CN-BJ\", \"CN-SH\"] }",
            "90: `exclude` takes away all of `regions`; nothing can match",
        ),
        (
            "device_types = [\"phone\"]\nexclude = { device_types = [\"mobile_or_tablet\"] }",
            "90: `exclude` takes away all of `device_types`; nothing can match",
        ),
        (
            "operating_systems = [\"ios>=16\"]\nexclude = { operating_systems = [\"ios>=15\"] }",
            "90: `exclude` takes away all of `operating_systems`; nothing can match",
        ),
        (
            "sizes = [\"640x360\"]\nexclude = { sizes = [\"640x360\"] }",
            "89: `exclude` takes away all of `sizes`; nothing can match",
        ),
        ("sizes = [\"640x360\", \"1x1\"]", "89: no placement of this deal takes 1x1"),
        (
            "exclude = { formats = [\"banner\", \"video\", \"audio\", \"native\"] }",
            "89: `exclude` takes away all formats; nothing can match",
        ),
        ("exclude = { media = [\"sunrise\"] }", "101: there is no placement here that this deal could run on"),
    ] {
        let errors = edited(&[narrow(text)]).unwrap_err().to_string();
        assert!(errors.lines().any(|line| line == format!("config/deals.toml:{message}")), "{text}: {errors}");
    }
    let most = "operating_systems = [\"ios\"]\nexclude = { operating_systems = [\"ios>=15\"], regions = [\"CN-SH\"] }";
    check(&[narrow(most)], &[]);
}

#[test]
fn r_balance_a_client_pays_where_it_is_the_only_advertiser() {
    let deal = |text: &str| with_deals(&SECOND.replace("[[deal]]\n", &format!("[[deal]]\n{text}\n")));
    check(
        &[deal("payer = \"client\"")],
        &[
            "config/deals.toml:89: `payer` is the client, so `advertisers` must name exactly one; none is named (R-BALANCE)",
        ],
    );
    for (payer, pays) in [("client", true), ("buyer", false)] {
        let text = format!("advertisers = [\"qinghe-dairy\"]\npayer = \"{payer}\"");
        let market = edited(&[deal(&text)]).unwrap().market;
        let found = market.deals.iter().find(|deal| deal.wire == "PDB-SECOND").unwrap();
        let client = market.configured_advertisers().iter().find(|known| known.wire == "qinghe-dairy").unwrap().id;
        let expected = if pays { Source::Client(client) } else { Source::Balance(found.buyer) };
        let committed = found.commitment_on(found.period.0).unwrap().payer;
        assert_eq!((found.payer(), committed), (expected, expected));
    }
}

#[test]
fn r_sensitive_forbidden_labels_are_refused() {
    let segment = |label: &str| {
        let text = format!("segments = [{{ provider = \"dmp\", id = \"1\", label = \"{label}\" }}]");
        with_deals(&SECOND.replace("[[deal]]\n", &format!("[[deal]]\n{text}\n")))
    };
    check(&[segment("reads the news")], &[]);
    check(
        &[segment("In Debt since 2020")],
        &[
            "config/deals.toml:89: segment `In Debt since 2020` says `debt`, by which nobody may be targeted (R-SENSITIVE)",
        ],
    );
    check(
        &[
            segment("reads the news"),
            ("exchange.toml", "[targeting]\n", ""),
            ("exchange.toml", "forbidden_segment_labels", "# "),
        ],
        &[
            "config/deals.toml:89: segments cannot be judged: exchange.toml has no [targeting] with `forbidden_segment_labels` (R-SENSITIVE)",
        ],
    );
}

#[test]
fn places_are_named_once_and_exist() {
    let apps = (
        "media.toml",
        "keys = [{ id = \"sunrise\"",
        "properties = [{ id = \"ios\", name = \"iOS\", bundle = \"1\" }, { id = \"web\", name = \"Web\", kind = \"site\", domain = \"sunrise.example\" }]\nkeys = [{ id = \"sunrise\"",
    );
    check(
        &[apps, ("media.toml", "tagid = \"sunrise-feed\"", "tagid = \"sunrise-feed\"\nproperty = \"andriod\"")],
        &[
            "config/media.toml:21: `property` is missing from placements: the media has several",
            "config/media.toml:30: unknown property `andriod` of `sunrise`; known: ios, web",
        ],
    );
    let placed = [
        apps,
        ("media.toml", "tagid = \"sunrise-feed\"", "tagid = \"sunrise-feed\"\nproperty = \"ios\""),
        ("media.toml", "tagid = \"sunrise-open\"", "tagid = \"sunrise-open\"\nproperty = \"ios\""),
    ];
    let on = |places: &str| {
        let deal = SECOND.replace("placements = [{ media = \"sunrise\", tagid = \"sunrise-open\" }, { media = \"sunrise\", tagid = \"sunrise-feed\" }]", places);
        with_deals(&deal)
    };
    let market =
        edited(&[&placed[..], &[on("properties = [{ media = \"sunrise\", id = \"ios\" }]")]].concat()).unwrap();
    assert_eq!(market.market.properties.len(), 4);
    assert_eq!(market.warnings.len(), 1, "{:?}", market.warnings);
    assert!(market.warnings[0].message.contains("property `sunrise/web` has no placement"));
    check(
        &[&placed[..], &[on("media = [\"sunrise\"]\nproperties = [{ media = \"sunrise\", id = \"ios\" }, { media = \"sunrise\", id = \"x\" }]\nplacements = [{ media = \"sunrise\", tagid = \"sunrise-feed\" }]")]].concat(),
        &["config/deals.toml:101: unknown property `x` of `sunrise`; known: ios, web"],
    );
    check(
        &[
            &placed[..],
            &[on("media = [\"sunrise\"]\nplacements = [{ media = \"sunrise\", tagid = \"sunrise-feed\" }]")],
        ]
        .concat(),
        &["config/deals.toml:101: this is part of what the deal names as a whole; name one of them"],
    );
    check(&[on("formats = [\"banner\"]")], &["config/deals.toml:88: `placements` is missing from deal"]);
}

#[test]
fn currencies_have_rates_in_order_and_where_they_are_used() {
    let first = "rates = [{ currency = \"USD\", cny = \"7.0288\" }, { currency = \"EUR\", cny = \"8.2416\" }]";
    let with = |more: &str| format!("{first}\n{more}");
    let (again, wrong) = (
        with("[[version]]\nfrom = \"2026-01-01\"\nrates = [{ currency = \"USD\", cny = \"7.1\" }]"),
        with(
            "[[version]]\nfrom = \"2026-02-01\"\nrates = [{ currency = \"usd\", cny = \"7.1\" }, { currency = \"CNY\", cny = \"1.0000001\" }]",
        ),
    );
    check(
        &[("currencies.toml", first, &again)],
        &["config/currencies.toml:11: `from` 2026-01-01 is not after 2026-01-01 of the version before it, on line 7"],
    );
    check(
        &[("currencies.toml", first, &wrong)],
        &[
            "config/currencies.toml:12: `cny` has more than 6 decimals",
            "config/currencies.toml:12: `currency` must be an ISO 4217 code such as \"USD\"",
            "config/currencies.toml:12: the yuan's own rate is 1; leave it out",
        ],
    );
    let dollars = ("dsps.toml", "timeout = \"120ms\"", "timeout = \"120ms\"\ncurrency = \"USD\"");
    let market = edited(&[dollars]).unwrap().market;
    assert!(market.dsps.iter().all(|dsp| dsp.currency.as_str() == "USD"));
    let rate =
        |day: &str| market.rate_on(market.dsps.iter().next().unwrap().currency, ShanghaiDay::parse(day).unwrap());
    assert_eq!(
        [rate("2025-12-31"), rate("2026-01-01")].map(|rate| rate.map(|it| it.micro_yuan())),
        [None, Some(7_028_800)]
    );
    check(
        &[
            ("dsps.toml", "approved_from = \"2026-01-01\"", "approved_from = \"2025-12-31\""),
            ("dsps.toml", "timeout = \"120ms\"", "timeout = \"120ms\"\ncurrency = \"USD\""),
            ("media.toml", "margin = \"20%\"", "margin = \"20%\"\ncurrency = \"JPY\"\ndefault_tmax = \"10ms\""),
        ],
        &[
            "config/dsps.toml:21: `currency` USD has no rate in currencies.toml on 2025-12-31",
            "config/dsps.toml:36: `currency` USD has no rate in currencies.toml on 2025-12-31",
            "config/dsps.toml:50: `currency` USD has no rate in currencies.toml on 2025-12-31",
            "config/media.toml:38: `currency` JPY has no rate in currencies.toml on 2026-11-22",
            "config/media.toml:39: `default_tmax` is all taken by the exchange's `margin`, 10ms",
        ],
    );
}

#[test]
fn r_abnormal_states_of_buyers_dsps_and_media_are_kept() {
    let stopped = "state = \"suspended\"";
    let compiled = edited(&[
        ("buyers.toml", "contract = \"PMP-2026-0001\"", &format!("contract = \"PMP-2026-0001\"\n{stopped}")),
        ("dsps.toml", "name = \"Basalt DSP\"", &format!("name = \"Basalt DSP\"\n{stopped}")),
        ("media.toml", "name = \"Harbor Video\"", &format!("name = \"Harbor Video\"\n{stopped}")),
    ]);
    let market = compiled.unwrap().market;
    assert_eq!(market.buyers.iter().map(|it| it.suspended).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(market.dsps.iter().map(|it| it.suspended).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(market.media.iter().map(|it| it.suspended).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn r_frequency_and_r_own_a_cap_and_the_advertisers_of_a_deal() {
    let narrow = |text: &str| with_deals(&SECOND.replace("[[deal]]\n", &format!("[[deal]]\n{text}\n")));
    let text =
        "advertisers = [\"qinghe-dairy\"]\nfrequency = { impressions = 3, per = \"week\", unknown_user = \"skip\" }";
    let market = edited(&[narrow(text)]).unwrap().market;
    let deal = market.deal_named("PDB-SECOND").unwrap();
    let cap = FrequencyCap { impressions: 3, per: FrequencyPeriod::Week, serves_unknown: false };
    assert_eq!(deal.frequency, Some(cap));
    assert_eq!(market.advertiser(deal.advertisers[0]).unwrap().wire, "qinghe-dairy");
    check(
        &[narrow("advertisers = [\"qinghe-diary\"]")],
        &[
            "warning: config/deals.toml:89: advertiser `qinghe-diary` of `80010001` is not in buyers.toml: it runs once it is registered and verified (R-QUALIFY); did you mean `qinghe-dairy`?",
        ],
    );
    let registered = edited(&[narrow("advertisers = [\"lulu\"]\npayer = \"client\"")]).unwrap().market;
    let deal = registered.deal_named("PDB-SECOND").unwrap();
    assert_eq!((deal.advertisers.len(), deal.client), (1, deal.advertisers.first().copied()));
    assert!(!deal.takes_advertiser(market.configured_advertisers().iter().next().unwrap().id));
    check(
        &[narrow("advertisers = [\"yunfan-auto\"]\nfrequency = { impressions = 0, per = \"month\" }")],
        &[
            "config/deals.toml:90: `impressions` must be from 1 to 65535",
            "config/deals.toml:90: `per` is \"month\"; must be one of day, week, flight",
            "config/deals.toml:90: `unknown_user` is missing from frequency",
        ],
    );
    check(
        &[narrow("advertisers = [\"yunfan-auto\"]")],
        &["config/deals.toml:89: advertiser `yunfan-auto` belongs to account `80010002`, not to `80010001` (R-OWN)"],
    );
}

#[test]
fn r_rate_a_later_card_is_warned_of_before_it_comes() {
    let cards = "schema = 1\n[[card]]\nfrom = \"2027-06-01\"\nprices = [\n{ media = \"sunrise\", tagid = \"sunrise-open\", cpm = \"55\" },\n{ media = \"sunrise\", tagid = \"sunrise-feed\", cpm = \"25\" },\n{ media = \"harbor\", tagid = \"harbor-preroll\", cpm = \"60\" },\n{ media = \"citypages\", tagid = \"city-top\", cpm = \"8\" },\n{ media = \"citypages\", tagid = \"city-side\", cpm = \"6\" }]\n";
    check(
        &[("rate_card.toml", "schema = 1\n", cards)],
        &[
            "warning: config/deals.toml:84: `cpm` ¥24.00 CPM is under the rate card of `sunrise/sunrise-feed` from 2027-06-01 on, ¥25.00 CPM: this deal does not serve there then (R-RATE)",
        ],
    );
}

#[test]
fn r_dsp_a_deal_that_is_yet_to_begin_needs_approval_to_its_end() {
    let until = "# Sent requests and heard only within these days, both included.\napproved_from = \"2026-01-01\"\napproved_until = ";
    check(
        &[with_deals(SECOND), ("dsps.toml", &format!("{until}\"2027-12-31\""), &format!("{until}\"2027-03-30\""))],
        &["config/deals.toml:93: dsp `aurora` is approved until 2027-03-30, this deal runs until 2027-03-31 (R-DSP)"],
    );
}

#[test]
fn r_qualify_an_expiry_within_a_deal_is_warned_of() {
    let until = "category = \"IAB9\"\nqualified_until = ";
    check(
        &[("buyers.toml", &format!("{until}\"2027-12-31\""), &format!("{until}\"2027-06-30\""))],
        &[
            "warning: config/buyers.toml:55: the documents of `paopao-games` are valid until 2027-06-30, its deal `PD-2026-PAOPAO` runs until 2027-12-31 (R-QUALIFY)",
        ],
    );
}

#[test]
fn what_nothing_uses_is_warned_of() {
    check(
        &[("deals.toml", "dsps = [\"comet\", \"basalt\"]", "dsps = [\"basalt\"]")],
        &["warning: config/dsps.toml:37: no deal names dsp `comet`"],
    );
}
