#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at what they did not expect"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::*;
use crate::compliance::creative::{Told, tests::banner};
use crate::compliance::finding::Weight;

/// What a case submits and what is allowed.
fn submission(directives: &[(&str, &str)], markup: &str) -> (Submission, Rules) {
    let get = |key: &str| directives.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let hosts = |key: &str| Hosts::new(get(key).unwrap_or_default().split_ascii_whitespace());
    let format = Format::ALL.into_iter().find(|it| it.name() == get("format").unwrap_or("banner")).unwrap();
    let mut markup = match get("repeat") {
        Some(times) => (0..times.parse().unwrap()).map(|n: usize| markup.replace('#', &n.to_string())).collect(),
        None => markup.to_owned(),
    };
    if format == Format::Banner && get("bare").is_none() {
        markup.push_str("\n<a href=\"__CLICK_URL__\">广告</a>");
    }
    let mut submission = Submission { format, markup, ..banner() };
    submission.duration_s =
        (matches!(format, Format::Video | Format::Audio) && get("duration") != Some("none")).then_some(15);
    submission.app = get("app").map(str::to_owned);
    if get("sizes") == Some("none") || format == Format::Audio {
        submission.sizes.clear();
    }
    if let Some(landing) = get("landing") {
        landing.clone_into(&mut submission.landing_page);
    }
    submission.monitors =
        Told { impression: get("monitor").map(str::to_owned).into_iter().collect(), click: Vec::new() };
    let (script_hosts, wrapper_hosts) = (hosts("scripts"), hosts("wrappers"));
    let tracker_hosts = if get("trackers").is_some() { hosts("trackers") } else { Hosts::new(["t.example"]) };
    let mut rules = Rules { script_hosts, wrapper_hosts, tracker_hosts, ..Rules::default() };
    rules.trackers = get("most").map_or(rules.trackers, |it| it.parse().unwrap());
    rules.placements.extend(get("takes").map(|it| {
        let (w, h) = it.split_once('x').unwrap();
        Takes { format: Format::Banner, sizes: vec![Size { w: w.parse().unwrap(), h: h.parse().unwrap() }] }
    }));
    (submission, rules)
}

/// The cases of a file, with what is found now; and the codes that were.
fn run(text: &str, codes: &mut BTreeSet<String>) -> String {
    let mut parts = text.split("\n=== ");
    let mut now = parts.next().unwrap().to_owned();
    for case in parts {
        let (head, _) = case.split_once("\n---\n").unwrap_or_else(|| panic!("no --- in {case}"));
        let (name, body) = head.split_once('\n').unwrap();
        let rule = name.split(' ').next().unwrap();
        let lines = body.lines().take_while(|it| it.starts_with("% "));
        let directives: Vec<_> = lines.map(|it| it[2..].split_once(": ").unwrap_or((&it[2..], ""))).collect();
        let markup = body.lines().skip(directives.len()).collect::<Vec<_>>().join("\n");
        let (submission, rules) = submission(&directives, &markup);
        let findings = check(&submission, &rules);
        write!(now, "\n=== {head}\n---\n").unwrap();
        for finding in findings {
            let weight = format!("{:?}", finding.weight).to_lowercase();
            writeln!(now, "{weight} {} {} {}", finding.code, finding.place, finding.found).unwrap();
            assert!(!finding.en.contains("{}") && !finding.zh.contains("{}"), "{name}: {}", finding.en);
            codes.insert(finding.code.into_owned());
        }
        assert!(rule.starts_with("R-"), "{name}");
    }
    now.truncate(now.trim_end().len());
    now.push('\n');
    now
}

/// R-REVIEW, R-MALICE, R-SOURCE, R-LANDING-MATCH, R-APP, R-MONITOR-LIST: `PMPX_BLESS=1` rewrites the files.
#[test]
fn every_case_of_a_creative_is_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/creatives");
    let mut codes = BTreeSet::new();
    let mut wrong = Vec::new();
    for name in ["html", "vast", "native"] {
        let file = folder.join(format!("{name}.cases"));
        let text = std::fs::read_to_string(&file).unwrap();
        let now = run(&text, &mut codes);
        if std::env::var_os("PMPX_BLESS").is_some() {
            std::fs::write(&file, &now).unwrap();
        } else {
            let differs = text.lines().zip(now.lines()).filter(|(then, now)| then != now);
            wrong.extend(differs.map(|(then, now)| format!("{name}\n  - {then}\n  + {now}")));
            if wrong.is_empty() && text != now {
                wrong.push(format!("{name}: has other lines"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // No check is without a case.
    let missing: Vec<_> = checks::ALL.iter().filter(|check| !codes.contains(check.code)).map(|it| it.code).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn what_it_shows_is_told_once() {
    let (submission, rules) = submission(
        &[],
        "<img src='https://a.example/1.jpg' alt='鲜牛奶'><img src='https://a.example/1.jpg'><style>p{background:url(//a.example/2.png)}</style>\
         <script>var t = '9.9元'</script><p>立即购买",
    );
    let report = report(&submission, &rules);
    let shown: Vec<_> = report.resources.iter().map(|it| (it.url.as_str(), it.place.as_str())).collect();
    assert_eq!(shown, [("https://a.example/1.jpg", "adm:1:1"), ("https://a.example/2.png", "adm:1:101")]);
    assert_eq!(report.text, "鲜牛奶\n立即购买\n广告\n");
}

/// R-APP.
#[test]
fn an_app_is_found_wherever_it_hides() {
    let leads = |markup: &str| leads_to_download(&submission(&[], markup).0);
    assert!(leads("<a href='https://d.example/x.apk'>x</a>"));
    assert!(leads("<p onclick=\"window.open('market://details?id=x')\">x</p>"));
    assert!(leads(
        "<script>a.onclick = function () { location = 'https://play.google' + '.com/store/apps/details?id=x' }</script>"
    ));
    assert!(!leads("<a href='https://qinghe.example/apk'>x</a>"));
    let named = Submission { app: Some("tea".into()), ..banner() };
    assert!(leads_to_download(&named));
}

/// Markup that costs readers minutes is refused at the cost of what was read.
#[test]
fn hostile_markup_is_refused_and_cheap() {
    for (before, repeated, times) in [
        ("<script>", "((((", 100_000),
        ("<script>", "a[b", 100_000),
        ("<script>x=", "`${", 100_000),
        ("<script>x=", "()=>", 100_000),
        ("<script>", "document.write('<script>')", 10_000),
        ("<style>", "@import url(", 30_000),
        ("<p style='", "a:url(", 50_000),
        ("<b id=x>", "<p><i onclick=x>", 20_000),
        ("", "<p onclick=\"location='//x.example'\">", 9_000),
    ] {
        let markup = format!("{before}{}", repeated.repeat(times));
        let (submission, rules) = submission(&[], &markup);
        let findings = check(&submission, &rules);
        assert!(findings.iter().any(|it| it.weight >= Weight::Person), "{repeated}");
        assert!(findings.len() <= 101, "{repeated}");
    }
    let (submission, rules) = submission(&[], &"x".repeat(600_000));
    assert_eq!(check(&submission, &rules).last().map(|it| it.code.as_ref()), Some("markup-too-large"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// No markup upsets the checks, and what is said says where.
    #[test]
    fn any_markup_is_checked(parts in proptest::collection::vec(0_usize..36, 0..60), format in 0_usize..4) {
        const PARTS: [&str; 36] = [
            "<script>", "</script>", "<a href='", "'>", "location", "=", "(", ")", "{", "}", "=>", "function", "window", "[", "]", ".", "\"",
            "document.write(", "`", "${", "\\u0061", "\\", "onclick", "<p style=\"", "url(", "/*", "*/", "//", "<svg>", "<VAST>", "<Ad>",
            "<![CDATA[", "]]>", "&#x41;", "青", "\n",
        ];
        let markup: String = parts.iter().filter_map(|part| PARTS.get(*part)).copied().collect();
        let submission = Submission { format: Format::ALL[format], markup, ..banner() };
        for finding in check(&submission, &Rules::default()) {
            proptest::prop_assert!(!finding.place.is_empty() && finding.rule.starts_with("R-"));
        }
    }
}
