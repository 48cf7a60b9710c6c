//! What is said about the form of the files.

use super::*;

#[test]
fn an_unknown_key_is_refused_with_what_was_meant() {
    check(
        &[
            ("deals.toml", "daily_volume = 2", "daily_volumes = 2"),
            ("media.toml", "kind = \"site\"", "kind = \"site\"\ncolour = 1"),
        ],
        &[
            "config/deals.toml:17: unknown key `daily_volumes` in deal; did you mean `daily_volume`?",
            "config/media.toml:55: unknown key `colour` in media; known here: id, name, kind, margin, consent_since, prohibited_categories, prohibited_industries, prohibited_advertisers, prohibited_advertiser_ids, prohibited_attributes, unreviewed, no_bid_body, default_tmax, currency, state, keys, partner_keys, properties, placements",
        ],
    );
}

#[test]
fn an_unknown_table_is_refused_with_what_was_meant() {
    check(
        &[("dsps.toml", "[[dsp]]", "[[dsps]]")],
        &["config/dsps.toml:4: unknown key `dsps` in the file; did you mean `dsp`?"],
    );
}

#[test]
fn a_single_table_in_place_of_a_list_is_refused() {
    check(
        &[("rate_card.toml", "[[card]]", "[card]")],
        &["config/rate_card.toml:5: `card` must be a list of tables; begin each with [[card]]"],
    );
}

#[test]
fn a_missing_key_stands_at_the_head_of_its_table() {
    check(
        &[
            ("deals.toml", "method = \"BPG\"\n", ""),
            ("exchange.toml", "margin = \"10ms\"", ""),
            ("media.toml", "daily_capacity = 20_000_000", ""),
        ],
        &[
            "config/deals.toml:27: `method` is missing from deal",
            "config/exchange.toml:13: `margin` is missing from auction",
            "config/media.toml:42: `daily_capacity` is missing from placements",
        ],
    );
}

#[test]
fn a_missing_section_is_named() {
    check(
        &[("exchange.toml", "[auction]", "[notice]")],
        &[
            "config/exchange.toml:1: `auction` is missing from the file",
            "config/exchange.toml:13: unknown key `notice` in the file; did you mean `notices`?",
        ],
    );
}

#[test]
fn a_wrong_type_is_named() {
    check(
        &[
            ("deals.toml", "daily_volume = 1_500_000", "daily_volume = \"many\""),
            ("deals.toml", "dsps = [\"comet\", \"basalt\"]", "dsps = \"comet\""),
            ("dsps.toml", "seats = [\"comet-3\"]", "seats = [3]"),
        ],
        &[
            "config/deals.toml:37: `daily_volume` must be a whole number, not a string",
            "config/deals.toml:46: `dsps` must be a list, not a string",
            "config/dsps.toml:44: an item of `seats` must be a string, not an integer",
        ],
    );
}

#[test]
fn prices_and_amounts_are_quoted() {
    check(
        &[
            ("deals.toml", "\"60.00\"", "60.00"),
            ("rate_card.toml", "\"22.00\"", "22"),
            ("deals.toml", "\"1.3\"", "1.3"),
        ],
        &[
            "config/deals.toml:16: `cpm` must be quoted: \"60.00\", not 60.00",
            "config/deals.toml:19: `push_ratio` must be quoted: \"1.3\", not 1.3",
            "config/rate_card.toml:9: `cpm` must be quoted: \"22\", not 22",
        ],
    );
}

#[test]
fn prices_finer_than_a_micro_yuan_an_impression_are_refused() {
    check(
        &[
            ("deals.toml", "\"60.00\"", "\"60.0005\""),
            ("deals.toml", "\"68.00\"", "\"-68\""),
            ("deals.toml", "\"24.00\"", "\"0\""),
        ],
        &[
            "config/deals.toml:16: `cpm` is finer than ¥0.001 CPM",
            "config/deals.toml:36: `cpm` is negative",
            "config/deals.toml:84: `cpm` must be greater than zero",
        ],
    );
}

#[test]
fn units_are_needed() {
    check(
        &[
            ("exchange.toml", "\"150ms\"", "150"),
            ("exchange.toml", "\"256KiB\"", "\"256K\""),
            ("media.toml", "\"20%\"", "\"0.2\""),
            ("media.toml", "\"728x90\", ", "\"728*90\", "),
        ],
        &[
            "config/exchange.toml:15: `default_tmax` must be a duration with its unit: \"150ms\", \"10s\", \"5m\", \"1h\" or \"2d\"",
            "config/exchange.toml:20: `largest_body` must be a size with its unit: \"512B\", \"256KiB\" or \"1MiB\"",
            "config/media.toml:37: `margin` must be a percentage such as \"15%\" or \"12.5%\", with at most two decimals",
            "config/media.toml:63: an item of `sizes` must be a size such as \"728x90\"",
        ],
    );
}

#[test]
fn a_margin_above_the_whole_is_refused() {
    check(&[("media.toml", "\"20%\"", "\"120%\"")], &["config/media.toml:37: `margin` is above 100% (R-SHARE)"]);
}

#[test]
fn dates_are_of_the_calendar_and_may_be_toml_dates() {
    check(&[("deals.toml", "signed = \"2026-01-05\"", "signed = 2026-01-05")], &[]);
    check(
        &[
            ("deals.toml", "signed = \"2026-01-05\"", "signed = \"2026-02-30\""),
            ("rate_card.toml", "from = \"2026-01-01\"", "from = 2026-01-01T00:00:00"),
        ],
        &[
            "config/deals.toml:15: `signed` must be a day of the calendar such as \"2026-01-31\"",
            "config/rate_card.toml:6: `from` must be a day of the calendar such as \"2026-01-31\"",
        ],
    );
}

#[test]
fn a_period_ends_after_it_begins() {
    check(
        &[("deals.toml", "until = \"2027-12-31\"\ncpm = \"24.00\"", "until = \"2025-12-31\"\ncpm = \"24.00\"")],
        &["config/deals.toml:83: `until` 2025-12-31 is before `from` 2026-01-01"],
    );
}

#[test]
fn words_of_a_list_are_suggested() {
    check(
        &[
            ("deals.toml", "method = \"BPG\"", "method = \"BGP\""),
            ("media.toml", "kind = \"site\"", "kind = \"blimp\""),
        ],
        &[
            "config/deals.toml:29: `method` is \"BGP\"; did you mean \"BPG\"?",
            "config/media.toml:54: `kind` is \"blimp\"; must be one of app, site, dooh",
        ],
    );
}

#[test]
fn internal_endpoints_are_meant() {
    check(
        &[("dsps.toml", "9103/bid\"\nallow_internal = true", "9103/bid\"")],
        &[
            "config/dsps.toml:40: `endpoint` 127.0.0.1 is not on the public internet; if that is meant, set allow_internal = true",
        ],
    );
}

#[test]
fn secrets_do_not_stand_in_the_config() {
    let keys =
        "# [[notices.keys]]\n# id = 1                               # 1 to 31\n# secret = \"env:PMPX_TOKEN_KEY_1\" ";
    check(
        &[("exchange.toml", keys, "[[notices.keys]]\nid = 1\nsecret = \"0a1b2c\" ")],
        &["config/exchange.toml:35: `secret` must be env:NAME or file:PATH; a secret never stands in the config"],
    );
    let compiled = edited(&[("exchange.toml", keys, "[[notices.keys]]\nid = 1\nsecret = \"env:KEY\" ")]).unwrap();
    assert_eq!(
        compiled.token_keys,
        [TokenKeySource { id: 1, secret: SecretSource::Variable("KEY".into()), revoked: false }]
    );
    check(
        &[("exchange.toml", keys, "[[notices.keys]]\nid = 0\nsecret = \"env:A\" ")],
        &["config/exchange.toml:34: `id` must be from 1 to 31"],
    );
    check(
        &[(
            "exchange.toml",
            keys,
            "[[notices.keys]]\nid = 1\nsecret = \"env:A\"\n[[notices.keys]]\nid = 1\nsecret = \"file:B\" ",
        )],
        &["config/exchange.toml:36: token key 1 is already defined"],
    );
}

#[test]
fn another_schema_is_refused() {
    check(
        &[("deals.toml", "schema = 1", "schema = 2"), ("media.toml", "schema = 1", "")],
        &[
            "config/deals.toml:4: schema 2 is not known; this version reads schema = 1",
            "config/media.toml:1: `schema` is missing from the file",
        ],
    );
}

#[test]
fn syntax_errors_have_their_line() {
    check(
        &[
            ("deals.toml", "cpm = \"9.50\"", "cpm = \"9.50"),
            ("buyers.toml", "monthly_minimum = \"100000.00\"", "monthly_minimum = = 1"),
        ],
        &[
            "config/buyers.toml:11: is not TOML here: extra `=`, expected nothing",
            "config/buyers.toml:30: is not TOML here: extra `=`, expected nothing",
            "config/buyers.toml:46: is not TOML here: extra `=`, expected nothing",
            "config/deals.toml:68: is not TOML here: invalid basic string, expected `\"`",
        ],
    );
}

#[test]
fn two_entries_of_one_name_are_refused() {
    check(
        &[
            ("deals.toml", "PD-2026-X7-TOP", "PD-2026-PAOPAO"),
            ("media.toml", "id = \"harbor\", sha", "id = \"sunrise\", sha"),
            ("media.toml", "\"city-side\"", "\"city-top\""),
            ("dsps.toml", "\"comet\"", "\"basalt\""),
            ("creatives.toml", "paopao-video-1", "paopao-banner-1"),
            ("buyers.toml", "account = \"80010003\"", "account = \"80010002\""),
        ],
        &[
            "config/buyers.toml:42: account `80010002` is already defined on line 26",
            "config/creatives.toml:51: unknown account `80010003`; did you mean `80010001`?",
            "config/creatives.toml:60: creative `80010003/paopao-banner-1` is already defined on line 50",
            "config/deals.toml:45: unknown account `80010003`; did you mean `80010001`?",
            "config/deals.toml:46: unknown dsp `comet`; known: aurora, basalt",
            "config/deals.toml:57: unknown placement `city-side` of `citypages`; known: city-top",
            "config/deals.toml:61: deal `PD-2026-PAOPAO` is already defined on line 42",
            "config/dsps.toml:31: unknown account `80010003`; did you mean `80010001`?",
            "config/dsps.toml:38: dsp `basalt` is already defined on line 25",
            "config/media.toml:39: request key `sunrise` is already defined on line 16",
            "config/media.toml:67: placement `citypages/city-top` is already defined on line 61",
            "config/rate_card.toml:12: unknown placement `city-side` of `citypages`; known: city-top",
        ],
    );
}

#[test]
fn one_refused_entry_does_not_refuse_those_that_name_it() {
    check(
        &[("dsps.toml", "timeout = \"120ms\"", "timeout = \"120\"")],
        &[
            "config/dsps.toml:20: `timeout` must be a duration with its unit: \"150ms\", \"10s\", \"5m\", \"1h\" or \"2d\"",
            "config/dsps.toml:34: `timeout` must be a duration with its unit: \"150ms\", \"10s\", \"5m\", \"1h\" or \"2d\"",
            "config/dsps.toml:47: `timeout` must be a duration with its unit: \"150ms\", \"10s\", \"5m\", \"1h\" or \"2d\"",
        ],
    );
    check(
        &[("media.toml", "\"15%\"", "\"15\"")],
        &[
            "config/media.toml:9: `margin` must be a percentage such as \"15%\" or \"12.5%\", with at most two decimals",
            "config/media.toml:55: `margin` must be a percentage such as \"15%\" or \"12.5%\", with at most two decimals",
        ],
    );
}

#[test]
fn tokens_live_at_most_a_week_and_tmax_leaves_something() {
    check(
        &[
            ("media.toml", "token_life = \"4h\"", "token_life = \"8d\""),
            ("exchange.toml", "margin = \"10ms\"", "margin = \"150ms\""),
        ],
        &[
            "config/exchange.toml:18: `margin` leaves nothing of `default_tmax`",
            "config/media.toml:48: `token_life` must be from 1s to 7d",
        ],
    );
}

/// R-RETAIN, R-OBJECT, R-RECONCILE: what may be questioned is still there in detail.
#[test]
fn r_retain_detail_is_kept_until_nobody_may_question_it() {
    let detail = |value: &str| edited(&[("exchange.toml", "detail = \"92d\"", &format!("detail = \"{value}\""))]);
    assert_eq!(detail("46d").unwrap().market.terms.detail_ms, 46 * 86_400_000);
    assert_eq!(
        detail("1103h").unwrap_err().to_string(),
        "config/exchange.toml:40: `detail` must be from 46d to 3650d: detail outlives objections and reconciliation (R-OBJECT, R-RECONCILE)"
    );
    let without =
        edited(&[("exchange.toml", "[retention]\n", ""), ("exchange.toml", "detail = \"92d\"\n", "")]).unwrap();
    assert_eq!(without.market.terms.detail_ms, 92 * 86_400_000);
}

#[test]
fn a_token_lives_as_its_placement_or_its_formats_say() {
    let life = |edits: &[(&str, &str, &str)], media: &str, tagid: &str| {
        let market = edited(edits).unwrap().market;
        let media = market.key(media).unwrap().media;
        market.placement(media, tagid).unwrap().token_life_ms
    };
    let by_format = "# token_life_by_format = { video = \"4h\", audio = \"4h\", dooh = \"1d\" }";
    let spoken = by_format.strip_prefix("# ").unwrap();
    let lives = ("exchange.toml", by_format, spoken);
    assert_eq!(life(&[lives], "sunrise", "sunrise-open"), 3_600_000, "banner: as usual");
    let own = ("media.toml", "token_life = \"4h\"\n", "");
    assert_eq!(life(&[own], "harbor", "harbor-preroll"), 3_600_000);
    assert_eq!(life(&[own, lives], "harbor", "harbor-preroll"), 14_400_000, "video");
    let short = ("media.toml", "token_life = \"4h\"\n", "token_life = \"2h\"\n");
    assert_eq!(life(&[short, lives], "harbor", "harbor-preroll"), 7_200_000, "the placement has the last word");
    let screens = ("media.toml", "kind = \"site\"", "kind = \"dooh\"");
    assert_eq!(life(&[screens, lives], "citypages", "city-top"), 86_400_000, "screens in public places");
    check(
        &[("exchange.toml", by_format, "token_life_by_format = { video = \"8d\", dvd = \"1h\" }")],
        &[
            "config/exchange.toml:29: `video` must be from 1s to 7d",
            "config/exchange.toml:29: unknown key `dvd` in token_life_by_format; known here: banner, video, audio, native, dooh",
        ],
    );
}

#[test]
fn proxies_are_addresses_or_ranges_of_them() {
    let proxies = "# trusted_proxies = [\"10.0.0.0/8\", \"192.0.2.7\"]";
    let market = edited(&[("exchange.toml", proxies, proxies.strip_prefix("# ").unwrap())]).unwrap().market;
    assert_eq!(market.terms.trusted_proxies.len(), 2);
    check(
        &[("exchange.toml", proxies, "trusted_proxies = [\"10.0.0.1/8\"]")],
        &[
            "config/exchange.toml:11: an item of `trusted_proxies` must be an address such as \"192.0.2.7\", or a range whose other bits \
           are zero, such as \"10.0.0.0/8\"",
        ],
    );
}

#[test]
fn the_folder_has_its_files_and_no_others() {
    let mut files = example();
    files.remove("deals.toml");
    files.insert("deal.toml".to_owned(), Vec::new());
    files.insert("buyers.toml".to_owned(), b"schema = 1\n\xff".to_vec());
    let errors = Sources::from_files(Path::new("config"), files).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "config/buyers.toml:2: is not UTF-8 here
config/deal.toml:1: is no file of a config folder; those are buyers.toml, content.toml, creatives.toml, currencies.toml, deals.toml, \
         dsps.toml, exchange.toml, landing.toml, media.toml, operators.toml, rate_card.toml, settlement.toml, words.toml
config/deals.toml:1: this file is missing"
    );
    let errors = load(Path::new("no/such/folder")).unwrap_err();
    assert_eq!(errors.to_string(), "no/such/folder:1: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_folder_above_the_limit_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("deals.toml")).unwrap();
    file.set_len(LARGEST_FOLDER + 1).unwrap();
    let errors = load(folder.path()).unwrap_err();
    assert!(errors.to_string().ends_with(":1: the files together are above 64MiB"), "{errors}");
}

#[test]
fn hostile_names_cost_no_memory_and_one_line() {
    let long = "x".repeat(1 << 20);
    let errors =
        edited(&[("deals.toml", "schema = 1", &format!("schema = 1\n{long} = 1\n\"a\\nb\" = 2"))]).unwrap_err();
    let lines: Vec<_> = errors.to_string().lines().map(|line| line.chars().take(38).collect::<String>()).collect();
    assert_eq!(lines, ["config/deals.toml:5: unknown key `xxxx", "config/deals.toml:6: unknown key `a\u{fffd}b`",]);
}

#[test]
fn hidden_and_other_files_are_passed_over_and_links_followed() {
    let folder = tempfile::tempdir().unwrap();
    for name in example().keys() {
        std::os::unix::fs::symlink(Path::new("config").canonicalize().unwrap().join(name), folder.path().join(name))
            .unwrap();
    }
    std::fs::write(folder.path().join(".#deals.toml"), "x").unwrap();
    std::fs::write(folder.path().join("README.md"), "x").unwrap();
    let sources = load(folder.path()).unwrap();
    assert_eq!(sources.digest(), load(Path::new("config")).unwrap().digest(), "the folder's name is not in it");
    assert!(compile(&sources, &mut IdBook::default(), &moment()).is_ok());
}

#[test]
fn r_statement_the_exchange_has_a_legal_name_or_its_domain() {
    let name = |edits: &[(&str, &str, &str)]| edited(edits).unwrap().market.terms.name().to_owned();
    assert_eq!(name(&[]), "exchange.example");
    let line = "domain = \"exchange.example\"";
    let named = format!("{line}\nlegal_name = \"北京某某广告有限公司\"");
    assert_eq!(name(&[("exchange.toml", line, &named)]), "北京某某广告有限公司");
    let empty = format!("{line}\nlegal_name = \"\"");
    let refused = edited(&[("exchange.toml", line, &empty)]).unwrap_err().to_string();
    assert!(refused.contains("exchange.toml:8") && refused.contains("legal_name"), "{refused}");
}
