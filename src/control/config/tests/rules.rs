//! What the business rules refuse, by their ids.

use super::*;

#[test]
fn unknown_references_are_refused_with_suggestions() {
    check(
        &[
            ("deals.toml", "tagid = \"city-side\"", "tagid = \"city-sid\""),
            (
                "deals.toml",
                "media = \"harbor\", tagid = \"harbor-preroll\" }]",
                "media = \"habor\", tagid = \"harbor-preroll\" }]",
            ),
            ("deals.toml", "account = \"80010003\"", "account = \"80010009\""),
            ("deals.toml", "\"milk-open-1\"", "\"milk-opn-1\""),
            ("creatives.toml", "advertiser = \"yunfan-auto\"", "advertiser = \"yunfan\""),
            ("dsps.toml", "account = \"80010001\"", "account = \"70000000\""),
            ("rate_card.toml", "\"sunrise-feed\"", "\"feed\""),
        ],
        &[
            "config/creatives.toml:31: unknown advertiser `yunfan` of `80010002`; known: yunfan-auto",
            "config/creatives.toml:42: unknown advertiser `yunfan` of `80010002`; known: yunfan-auto",
            "config/deals.toml:21: unknown creative `milk-opn-1` of `80010001`; did you mean `milk-open-1`?",
            "config/deals.toml:38: unknown media `habor`; did you mean `harbor`?",
            "config/deals.toml:45: unknown account `80010009`; did you mean `80010001`?",
            "config/deals.toml:57: unknown placement `city-sid` of `citypages`; did you mean `city-side`?",
            "config/dsps.toml:15: unknown account `70000000`; known: 80010001, 80010002, 80010003",
            "config/rate_card.toml:9: unknown placement `feed` of `sunrise`; known: sunrise-feed, sunrise-open",
        ],
    );
}

#[test]
fn r_rate_a_guaranteed_price_is_judged_by_the_card_of_its_signing() {
    check(
        &[("deals.toml", "\"68.00\"", "\"59.999\"")],
        &[
            "config/deals.toml:36: `cpm` ¥59.999 CPM is under the rate card of `harbor/harbor-preroll` on 2026-02-01, when this was signed: ¥60.00 CPM (R-RATE)",
        ],
    );
    check(
        &[("deals.toml", "signed = \"2026-02-01\"\n", "")],
        &["config/deals.toml:27: `signed` is missing: a BPG's price is judged by the rate card of that day (R-RATE)"],
    );
    check(
        &[("deals.toml", "signed = \"2026-02-01\"", "signed = \"2025-12-31\"")],
        &[
            "config/deals.toml:35: `harbor/harbor-preroll` has no price in the rate card of 2025-12-31, when this was signed (R-RATE)",
        ],
    );
}

#[test]
fn r_rate_a_new_card_leaves_signed_prices_and_warns_of_preferred_ones() {
    let next = "schema = 1\n[[card]]\nfrom = \"2026-11-22\"\nprices = [\n{ media = \"sunrise\", tagid = \"sunrise-open\", cpm = \"65\" },\n{ media = \"sunrise\", tagid = \"sunrise-feed\", cpm = \"25\" },\n{ media = \"harbor\", tagid = \"harbor-preroll\", cpm = \"60\" },\n{ media = \"citypages\", tagid = \"city-top\", cpm = \"8\" },\n{ media = \"citypages\", tagid = \"city-side\", cpm = \"6\" }]\n";
    check(
        &[("rate_card.toml", "schema = 1\n", next)],
        &[
            "warning: config/deals.toml:49: `cpm` ¥62.00 CPM is under the rate card of `sunrise/sunrise-open` on 2026-11-22, ¥65.00 CPM: this deal does not serve there (R-RATE)",
            "warning: config/deals.toml:84: `cpm` ¥24.00 CPM is under the rate card of `sunrise/sunrise-feed` on 2026-11-22, ¥25.00 CPM: this deal does not serve there (R-RATE)",
        ],
    );
}

#[test]
fn r_rate_every_placement_has_a_price_in_every_card() {
    check(
        &[("rate_card.toml", "from = \"2026-01-01\"", "from = \"2027-01-01\"")],
        &[
            "config/deals.toml:15: `sunrise/sunrise-open` has no price in the rate card of 2026-01-05, when this was signed (R-RATE)",
            "config/deals.toml:35: `harbor/harbor-preroll` has no price in the rate card of 2026-02-01, when this was signed (R-RATE)",
            "config/media.toml:20: `sunrise/sunrise-open` has no price in the rate card of 2026-11-22; its first is from 2027-01-01 (R-RATE)",
            "config/media.toml:27: `sunrise/sunrise-feed` has no price in the rate card of 2026-11-22; its first is from 2027-01-01 (R-RATE)",
            "config/media.toml:42: `harbor/harbor-preroll` has no price in the rate card of 2026-11-22; its first is from 2027-01-01 (R-RATE)",
            "config/media.toml:60: `citypages/city-top` has no price in the rate card of 2026-11-22; its first is from 2027-01-01 (R-RATE)",
            "config/media.toml:66: `citypages/city-side` has no price in the rate card of 2026-11-22; its first is from 2027-01-01 (R-RATE)",
        ],
    );
    check(
        &[("rate_card.toml", "    { media = \"citypages\", tagid = \"city-side\", cpm = \"6.00\" },\n", "")],
        &["config/media.toml:66: `citypages/city-side` has no price in the rate card of 2026-11-22 (R-RATE)"],
    );
    let next = "schema = 1\n[[card]]\nfrom = \"2027-01-01\"\nprices = [{ media = \"sunrise\", tagid = \"sunrise-open\", cpm = \"55\" }, { media = \"sunrise\", tagid = \"sunrise-open\", cpm = \"56\" }]\n";
    check(
        &[("rate_card.toml", "schema = 1\n", next)],
        &[
            "config/rate_card.toml:4: the card from 2027-01-01 does not price `citypages/city-side`, which the one before it does (R-RATE)",
            "config/rate_card.toml:4: the card from 2027-01-01 does not price `citypages/city-top`, which the one before it does (R-RATE)",
            "config/rate_card.toml:4: the card from 2027-01-01 does not price `harbor/harbor-preroll`, which the one before it does (R-RATE)",
            "config/rate_card.toml:4: the card from 2027-01-01 does not price `sunrise/sunrise-feed`, which the one before it does (R-RATE)",
            "config/rate_card.toml:6: this placement is already priced by this card (R-RATE)",
        ],
    );
    check(
        &[(
            "rate_card.toml",
            "schema = 1\n",
            "schema = 1\n[[card]]\nfrom = \"2026-01-01\"\nprices = [{ media = \"sunrise\", tagid = \"sunrise-open\", cpm = \"55\" }]\n",
        )],
        &["config/rate_card.toml:8: a rate card from 2026-01-01 is already defined on line 4 (R-RATE)"],
    );
}

#[test]
fn r_dsp_a_deal_names_only_dsps_approved_for_its_buyer() {
    check(
        &[("deals.toml", "dsps = [\"comet\", \"basalt\"]", "dsps = [\"comet\", \"aurora\", \"comet\"]")],
        &[
            "config/deals.toml:46: dsp `aurora` is not approved for account `80010003` (R-DSP)",
            "config/deals.toml:46: dsp `comet` is listed twice",
        ],
    );
}

#[test]
fn r_dsp_an_approval_covers_the_deal() {
    let until = |day: &str| {
        format!("9103/bid\"\nallow_internal = true\napproved_from = \"2026-01-01\"\napproved_until = \"{day}\"")
    };
    check(
        &[("dsps.toml", &until("2027-12-31"), &until("2027-06-30"))],
        &[
            "warning: config/deals.toml:46: dsp `comet` is approved until 2027-06-30, this deal runs until 2027-12-31 (R-DSP)",
        ],
    );
    check(
        &[
            ("dsps.toml", &until("2027-12-31"), &until("2026-06-30")),
            (
                "deals.toml",
                "from = \"2026-01-01\"\nuntil = \"2027-12-31\"\ncpm = \"62.00\"",
                "from = \"2026-07-01\"\nuntil = \"2027-12-31\"\ncpm = \"62.00\"",
            ),
        ],
        &[
            "config/deals.toml:46: dsp `comet` is approved from 2026-01-01 until 2026-06-30, on no day of this deal (R-DSP)",
        ],
    );
    check(
        &[("dsps.toml", &until("2027-12-31"), &until("2025-06-30"))],
        &["config/dsps.toml:43: `approved_until` is before `approved_from` (R-DSP)"],
    );
}

#[test]
fn r_dsp_a_seat_stands_for_one_buyer() {
    check(
        &[("dsps.toml", "\"basalt-3\"", "\"basalt-1\"")],
        &["config/dsps.toml:31: seat `basalt-1` already stands for account `80010002` (R-DSP)"],
    );
    check(
        &[
            (
                "dsps.toml",
                "{ account = \"80010003\", seats = [\"basalt-3\"] }",
                "{ account = \"80010002\", seats = [\"basalt-3\"] }",
            ),
            ("deals.toml", "[\"comet\", \"basalt\"]", "[\"comet\"]"),
        ],
        &["config/dsps.toml:31: account `80010002` is already listed for this DSP (R-DSP)"],
    );
}

#[test]
fn r_methods_preferred_deals_promise_no_volume_and_guaranteed_ones_do() {
    check(
        &[
            (
                "deals.toml",
                "priority = 1\nplacements = [\n",
                "daily_volume = 5\npush_ratio = \"1.2\"\nfallback = \"paopao-banner-1\"\nplacements = [\n",
            ),
            ("deals.toml", "daily_volume = 1_500_000\n", "priority = 1\n"),
        ],
        &[
            "config/deals.toml:27: `daily_volume` is missing: a BPG promises one (R-METHODS)",
            "config/deals.toml:37: `priority` orders preferred deals; a BPG has none (R-METHODS)",
            "config/deals.toml:51: `daily_volume` is for guaranteed deals; a PD has none (R-METHODS)",
            "config/deals.toml:52: `push_ratio` is for guaranteed deals; a PD has none (R-METHODS)",
            "config/deals.toml:53: `fallback` is for guaranteed deals; a PD has none (R-FALLBACK)",
        ],
    );
}

#[test]
fn r_push_a_bpg_returns_nothing_and_a_ratio_is_at_least_one() {
    check(
        &[
            ("deals.toml", "daily_volume = 1_500_000\n", "daily_volume = 1_500_000\npush_ratio = \"1.1\"\n"),
            ("deals.toml", "\"1.3\"", "\"0.9\""),
        ],
        &[
            "config/deals.toml:19: `push_ratio` must be from 1 to 100 with at most three decimals (R-PUSH)",
            "config/deals.toml:38: `push_ratio` of a BPG is 1: it has no return allowance (R-PUSH)",
        ],
    );
    check(&[("deals.toml", "daily_volume = 1_500_000\n", "daily_volume = 1_500_000\npush_ratio = \"1.0\"\n")], &[]);
}

#[test]
fn r_push_a_pdb_without_a_ratio_has_the_usual_one() {
    let market = edited(&[("deals.toml", "push_ratio = \"1.3\"\n", "")]).unwrap().market;
    let push = |deal: &str| market.deal_named(deal).unwrap().volume.unwrap().push;
    assert_eq!(push("PDB-2026-SPRING-OPEN").offers_for(1_000), 1_300);
    assert!(push("BPG-2026-X7-PREROLL").is_one());
}

#[test]
fn r_own_creatives_and_advertisers_are_the_buyers_own() {
    check(
        &[("deals.toml", "\"milk-open-1\"", "\"paopao-banner-1\"")],
        &["config/deals.toml:21: creative `paopao-banner-1` belongs to account `80010003`, not to `80010001` (R-OWN)"],
    );
    check(
        &[(
            "creatives.toml",
            "account = \"80010003\"\nadvertiser = \"paopao-games\"\nversion = 1\nstate = \"approved\"\nformat = \"video\"",
            "account = \"80010003\"\nadvertiser = \"qinghe-dairy\"\nversion = 1\nstate = \"approved\"\nformat = \"video\"",
        )],
        &[
            "config/creatives.toml:62: advertiser `qinghe-dairy` belongs to account `80010001`, not to `80010003` (R-OWN)",
        ],
    );
}

#[test]
fn r_qualify_a_deal_that_no_advertiser_of_the_config_can_serve_is_warned_of() {
    let expired = (
        "buyers.toml",
        "category = \"IAB9\"\nqualified_until = \"2027-12-31\"",
        "category = \"IAB9\"\nqualified_until = \"2026-11-21\"",
    );
    check(
        &[expired],
        &[
            "warning: config/buyers.toml:55: the documents of `paopao-games` were valid until 2026-11-21: nothing of it runs but by what is registered and verified (R-QUALIFY)",
            "warning: config/deals.toml:45: account `80010003` has no advertiser here whose documents are valid on 2026-11-22: only registered and verified ones run (R-QUALIFY)",
        ],
    );
    check(
        &[
            expired,
            (
                "deals.toml",
                "method = \"PD\"\nstate = \"active\"\naccount = \"80010003\"",
                "method = \"PD\"\nstate = \"paused\"\naccount = \"80010003\"",
            ),
        ],
        &[
            "warning: config/buyers.toml:55: the documents of `paopao-games` were valid until 2026-11-21: nothing of it runs but by what is registered and verified (R-QUALIFY)",
        ],
    );
}

#[test]
fn r_review_a_fallback_is_approved_has_markup_and_fits() {
    check(
        &[
            (
                "creatives.toml",
                "state = \"approved\"\nformat = \"banner\"\nsizes = [\"1080x1920\"",
                "state = \"pending_review\"\nformat = \"banner\"\nsizes = [\"1x1\"]\n# ",
            ),
            ("creatives.toml", "markup = ", "# markup = "),
        ],
        &[
            "config/deals.toml:21: fallback `milk-open-1` has no markup for the exchange to show (R-FALLBACK)",
            "config/deals.toml:21: fallback `milk-open-1` has no size that fits `sunrise/sunrise-open` (R-REVIEW)",
            "config/deals.toml:21: fallback `milk-open-1` is not approved (R-REVIEW)",
        ],
    );
    check(
        &[(
            "deals.toml",
            "placements = [{ media = \"sunrise\", tagid = \"sunrise-open\" }]\nformats = [\"banner\"]",
            "placements = [{ media = \"sunrise\", tagid = \"sunrise-open\" }, { media = \"sunrise\", tagid = \"sunrise-feed\" }]\nformats = [\"native\", \"video\"]",
        )],
        &[
            "config/deals.toml:21: fallback `milk-open-1` is a banner, which this deal does not show on `sunrise/sunrise-feed` (R-REVIEW)",
            "config/deals.toml:21: fallback `milk-open-1` is a banner, which this deal does not show on `sunrise/sunrise-open` (R-REVIEW)",
            "config/deals.toml:24: `sunrise/sunrise-open` shows none of this deal's formats",
            "config/deals.toml:25: no placement of this deal shows video",
        ],
    );
}

#[test]
fn r_inventory_nothing_is_promised_twice() {
    check(
        &[("deals.toml", "daily_volume = 1_500_000", "daily_volume = 20_000_001")],
        &[
            "config/deals.toml:37: `harbor/harbor-preroll` is promised 20000001 times on 2026-11-22, its capacity is 20000000 a day; promised by `BPG-2026-X7-PREROLL` (R-INVENTORY)",
        ],
    );
    check(&[("deals.toml", "daily_volume = 1_500_000", "daily_volume = 20_000_000")], &[]);
    check(
        &[("deals.toml", "daily_volume = 2_000_000", "daily_volume = 30_800_000")],
        &[
            "config/deals.toml:17: `sunrise/sunrise-open` is promised 40040000 times on 2026-11-22, its capacity is 40000000 a day; promised by `PDB-2026-SPRING-OPEN` (R-INVENTORY)",
        ],
    );
}

#[test]
fn r_minimum_is_never_negative() {
    check(
        &[
            ("buyers.toml", "contract = \"PMP-2026-0001\"", "contract = \"X\""),
            (
                "buyers.toml",
                "\"bank-2026-0001\" }\n# The least consumption of a natural month (R-MINIMUM).\nmonthly_minimum = \"100000.00\"",
                "\"bank-2026-0001\" }\nmonthly_minimum = \"-1.00\"",
            ),
        ],
        &["config/buyers.toml:10: `monthly_minimum` is negative (R-MINIMUM)"],
    );
}

#[test]
fn r_commit_a_days_volume_is_an_amount_that_the_ledger_holds() {
    check(
        &[
            ("deals.toml", "daily_volume = 1_500_000", "daily_volume = 1_000_000_000"),
            ("deals.toml", "\"68.00\"", "\"1000000\""),
            ("media.toml", "daily_capacity = 20_000_000", "daily_capacity = 1_000_000_000_000"),
        ],
        &[],
    );
    check(
        &[
            ("deals.toml", "daily_volume = 1_500_000", "daily_volume = 1_000_000_001"),
            ("deals.toml", "\"68.00\"", "\"1000000\""),
            ("media.toml", "daily_capacity = 20_000_000", "daily_capacity = 1_000_000_000_000"),
        ],
        &[
            "config/deals.toml:37: 1000000001 impressions a day at ¥1000000.00 CPM are above ¥1000000000000.00, the most that one entry may be (R-COMMIT)",
        ],
    );
}

#[test]
fn r_monitor_list_only_listed_monitors_count() {
    let page = "landing_page = \"https://qinghe.example/feed\"";
    let named = |url: &str| format!("{page}\nmonitors = {{ impression = [\"{url}\"] }}");
    check(&[("creatives.toml", page, &named("https://c.count.example/i?o=__OS__&t=__TS__"))], &[]);
    check(
        &[("creatives.toml", page, &named("https://discount.example/i"))],
        &[
            "config/creatives.toml:27: `discount.example` is of no monitor on the exchange's list in exchange.toml, `[[monitors]]` (R-MONITOR-LIST)",
        ],
    );
    let before = ("exchange.toml", "from = \"2026-01-01\"", "from = \"2026-01-01\"\nuntil = \"2026-11-20\"");
    check(
        &[before, ("creatives.toml", page, &named("https://count.example/i"))],
        &[
            "warning: config/creatives.toml:27: `count.example` is on the list of monitors from 2026-01-01 until 2026-11-20: it is not called today (R-MONITOR-LIST)",
        ],
    );
    check(
        &[("exchange.toml", "from = \"2026-01-01\"", "from = \"2026-01-01\"\nuntil = \"2025-12-31\"")],
        &["config/exchange.toml:63: `until` is before `from`"],
    );
    check(
        &[("creatives.toml", page, &named("ftp://count.example/i"))],
        &[
            "config/creatives.toml:27: an item of `impression` must be a URL such as \"https://count.example/i?o=__OS__&t=__TS__\"",
        ],
    );
    check(
        &[("creatives.toml", page, &named("https://count.example/i?q='>"))],
        &["config/creatives.toml:27: an item of `impression` must be ASCII, anything else percent-encoded"],
    );
}

#[test]
fn r_fallback_markup_that_nobody_can_read_is_refused() {
    let video = "landing_page = \"https://paopao.example/island\"\nmarkup = '";
    let page = "duration = \"15s\"\nlanding_page = \"https://paopao.example/island\"";
    let with = |markup: &str| format!("duration = \"15s\"\n{video}{markup}'");
    check(
        &[("creatives.toml", page, &with("<VAST version=\"3.0\"><Ad><InLine><Impression/></InLine></Ad></VAST>"))],
        &[],
    );
    check(
        &[("creatives.toml", page, &with("https://dsp.example/vast"))],
        &["config/creatives.toml:69: `markup` is no well-formed VAST or DAAST document (R-FALLBACK)"],
    );
    check(
        &[("creatives.toml", page, &with("<VAST version=\"3.0\"/>"))],
        &["config/creatives.toml:69: `markup` has no ad in it (R-FALLBACK)"],
    );
}
