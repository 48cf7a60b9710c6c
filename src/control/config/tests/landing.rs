//! `landing.toml` and the blocklists beside it.

use std::time::Duration;

use super::*;
use crate::market::policy::landing::{ClamdAt, LandingTerms};

fn with(files: &[(&str, &str)]) -> Result<Compiled, Diagnostics> {
    let mut all = example();
    all.extend(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())));
    compile(&Sources::from_files(Path::new("config"), all)?, &mut IdBook::default(), &moment())
}

/// What is said of a landing.toml.
fn said(landing: &str) -> Vec<String> {
    match with(&[("landing.toml", landing), ("bad.list", "evil.example\n# more\nhttps://evil.example/\n")]) {
        Ok(compiled) => compiled.warnings.iter().map(ToString::to_string).collect(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_folder_without_landing_toml_has_what_the_example_says() {
    let mut files = example();
    files.remove("landing.toml").unwrap();
    let sources = Sources::from_files(Path::new("config"), files).unwrap();
    let without = compile(&sources, &mut IdBook::default(), &moment()).unwrap().market;
    assert_eq!(*without.terms.landing, LandingTerms::default());
    assert_eq!(with(&[]).unwrap().market.terms.landing, without.terms.landing, "the example says what is usual");
}

#[test]
fn what_landing_toml_says_applies_with_its_lists() {
    let text = "schema = 1\n[fetch]\nredirects = 2\nwhole = \"5s\"\n[reach]\nplain = [\"80010001/qinghe-dairy\"]\n\
        [[host]]\nname = \"Qinghe.example\"\naddress = \"203.0.113.7\"\n[malware]\nblocklists = [\"ours.list\"]\n\
        [guard]\nsites = 3\nshare = \"33.33%\"\nhold = \"1h\"\n[clamd]\ntcp = \"127.0.0.1:3310\"\n[browser]\nprogram = \"/usr/bin/chromium\"\nsize = \"400x900\"\n";
    let files = [("landing.toml", text), ("ours.list", "evil.example # since May\n")];
    let market = with(&files).unwrap().market;
    let terms = &market.terms.landing;
    assert_eq!((terms.limits.most_hops, terms.limits.whole), (2, Duration::from_secs(5)));
    assert_eq!(terms.reach.hosts["qinghe.example"], std::net::IpAddr::from([203, 0, 113, 7]));
    assert_eq!(terms.blocklists.hosts, ["evil.example"]);
    assert_eq!(terms.clamd.as_ref().unwrap().at, ClamdAt::Tcp("127.0.0.1:3310".parse().unwrap()));
    let guard = &terms.guard;
    assert_eq!((guard.sites, guard.share_bp, guard.hold, guard.witnesses), (3, 3_333, Duration::from_secs(3_600), 8));
    let browser = terms.browser.as_ref().unwrap();
    assert_eq!((browser.size.w, browser.size.h, browser.within), (400, 900, Duration::from_secs(45)));
    assert!(browser.sandbox, "only a setting takes it away");
    let sources = |list: &str| {
        let mut all = example();
        all.insert("ours.list".to_owned(), list.as_bytes().to_vec());
        Sources::from_files(Path::new("config"), all).unwrap()
    };
    assert_ne!(sources("a.example").digest(), sources("b.example").digest(), "a changed list is another config");
    assert!(sources("a.example").files().any(|file| file == ("ours.list", "a.example")), "and is stored with it");
}

#[test]
fn problems_have_their_file_and_line() {
    let rows = [
        (
            "schema = 1\n[malware]\nblocklists = [\"bad.list\"]\n",
            "config/landing.toml:3: an item of `blocklists` has bad.list:3: \"https://evil.example/\" is neither a host nor the SHA-256 of a URL",
        ),
        (
            "schema = 1\n[malware]\nblocklists = [\"none.list\"]\n",
            "config/landing.toml:3: an item of `blocklists` must be the name of a *.list file in the config folder",
        ),
        (
            "schema = 1\n[watch]\nshortest = \"10s\"\n",
            "config/landing.toml:2: `confirm` must not be above `shortest`, nor that above `longest` (R-LANDING-FROZEN: within one interval)",
        ),
        (
            "schema = 1\n[guard]\nwitnesses = 2\n",
            "config/landing.toml:2: `witnesses` must be 0 or at least one less than `sites`: else nobody could tell so many",
        ),
        ("schema = 1\n[guard]\nsites = 1\n", "config/landing.toml:3: `sites` must be from 2 to 1000"),
        (
            "schema = 1\n[clamd]\nwithin = \"1s\"\n",
            "config/landing.toml:2: say where clamd listens: either `socket` or `tcp`",
        ),
        (
            "schema = 1\n[clamd]\nsocket = \"clamd\"\n",
            "config/landing.toml:3: `socket` must be a whole path, from `/` on",
        ),
        (
            "schema = 1\n[reach]\nplain = [\"qinghe-dairy\"]\n",
            "config/landing.toml:3: an item of `plain` must be an advertiser as \"ACCOUNT/ADVERTISER\"",
        ),
        (
            "schema = 1\n[reach]\ninternal = [\"127.0.0.1\"]\n",
            "config/landing.toml:3: landing pages may lead to internal addresses: for rehearsals and tests only (R-MALICE)",
        ),
        ("schema = 1\n[browser]\nsize = \"400x900\"\n", "config/landing.toml:2: `program` is missing from browser"),
        (
            "schema = 1\n[browser]\nprogram = \"/usr/bin/chromium\"\nsize = \"4001x900\"\n",
            "config/landing.toml:4: `size` must have 200 to 4000 pixels a side",
        ),
        (
            "schema = 1\n[browser]\nprogram = \"/usr/bin/chromium\"\nsandbox = false\n",
            "config/landing.toml:4: pages run in a browser without its own sandbox: let another one hold it, such as a container",
        ),
        (
            "schema = 1\n[fetch]\nredirect = 2\n",
            "config/landing.toml:3: unknown key `redirect` in fetch; did you mean `redirects`?",
        ),
    ];
    for (text, problem) in rows {
        assert_eq!(said(text).first().map(String::as_str), Some(problem), "{:?}", said(text));
    }
}
