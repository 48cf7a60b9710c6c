//! Markup: a file per document, from what a DSP sent to what the media gets; and what holds for every document.
//!
//! A case is a head of `key: value` lines, the document behind `--- in`, and behind `--- out` what is written, or `unfit: why`.
//! `PMPX_BLESS=1` writes what happened.

use std::path::Path;

use openrtb::{Decoder, Limits, Macros};
use pmpx::clock::UnixMillis;
use pmpx::market::demand::Monitors;
use pmpx::market::supply::{Format, Size};
use pmpx::markup::{self, Display, Identifiers, Known, Tags, Unfit};
use proptest::prelude::*;

const IMPRESSION: &str = "https://x.example/t/imp/BILL";
const CLICK: &str = "https://x.example/t/click/NOTICE";
const LANDING: &str = "https://tea.example/spring?a=1&b=2";

fn monitors() -> Monitors {
    Monitors {
        impression: vec!["https://m.example/i?o=__OS__&r=__REQUESTID__".into()],
        click: vec!["https://m.example/c?u=__UA__&x=__UNKNOWN__".into()],
    }
}

fn known() -> Known<'static> {
    Known {
        at: UnixMillis(1_795_312_800_000),
        auction: "0123456789abcdef0123456789abcdef",
        creative: "tea-1",
        media: "sunrise",
        bundle: Some("com.sunrise"),
        app: Some("Sunrise & more"),
        os: Some("Android"),
        os_version: Some("14"),
        user_agent: Some("Mozilla/5.0 (Linux; \"x\")"),
        model: Some("小米 14"),
        screen: Some((1_080, 2_400)),
        connection: Some(2),
        identifiers: Some(Identifiers {
            ip: Some("2001:db8::1"),
            advertising: Some("0aF1-22"),
            hardware_md5: Some("a".repeat(32).leak()),
            platform_md5: Some("b".repeat(32).leak()),
            country: Some("CHN"),
            position: Some((31.225, 121.446)),
            accuracy: Some(100),
        }),
    }
}

/// How a case is shown.
struct Head<'h> {
    display: Display<'h>,
    test: bool,
    monitored: bool,
}

fn written(markup: &str, head: &Head<'_>) -> Result<String, Unfit> {
    let monitors = monitors();
    let tags = Tags {
        impression: Some(IMPRESSION).filter(|_| !head.test),
        click: Some(CLICK).filter(|_| !head.test),
        landing_page: LANDING,
        monitors: Some(&monitors).filter(|_| head.monitored),
    };
    let macros = Macros { id: Some("__OS__"), ..Macros::default() };
    let mut out = String::from("> ");
    let result = markup::write(markup, &head.display, &tags, (&known(), &macros), &mut out);
    if !head.test {
        assert_eq!(result, markup::check(markup, &head.display), "what is checked is what can be written");
    }
    result.map(|()| out[2..].to_owned())
}

fn format_of(name: &str) -> Format {
    *Format::ALL.iter().find(|format| format.name() == name).unwrap_or_else(|| panic!("{name} is no format"))
}

/// Runs a case; returns its text as it should be.
fn run(text: &str) -> String {
    let (head, rest) = text.split_once("--- in\n").expect("--- in");
    let (markup, _) = rest.split_once("\n--- out").expect("--- out");
    let value = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let keys = ["about", "format", "minimum_ms", "duration_ms", "beacon", "test", "monitors", "size", "asked"];
    assert!(head.lines().all(|line| line.split_once(": ").is_some_and(|(key, _)| keys.contains(&key))), "{head}");
    let number = |key| value(key).map(|it: &str| it.parse().unwrap());
    let mut decoder = Decoder::new(Limits::default());
    let native = value("asked").map(|asked| decoder.decode_native_request(asked).unwrap());
    let size = value("size").and_then(|size| size.split_once('x'));
    let display = Display {
        format: format_of(value("format").expect("format")),
        beacon: value("beacon") != Some("no"),
        minimum_ms: number("minimum_ms").unwrap_or(0),
        duration_ms: number("duration_ms"),
        size: size.map(|(w, h)| Size { w: w.parse().unwrap(), h: h.parse().unwrap() }),
        native: native.as_ref(),
    };
    let head_of = Head { display, test: value("test") == Some("yes"), monitored: value("monitors") == Some("yes") };
    // The script is golden as a file of its own.
    let script = include_str!("../../src/markup/viewability.js").trim_end();
    let out = match written(markup, &head_of) {
        Ok(out) => format!("\n{}", out.replace(script, "SNIPPET")),
        Err(unfit) => format!("\nunfit: {unfit:?}"),
    };
    format!("{head}--- in\n{markup}\n--- out{out}\n")
}

#[test]
fn every_document_is_written_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/markup");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let happened = run(&text);
        count += 1;
        if std::env::var("PMPX_BLESS").is_ok() {
            std::fs::write(&path, happened).unwrap();
        } else if text != happened {
            wrong.push(format!("{}:\n{happened}", path.file_name().unwrap().display()));
        }
    }
    assert!(count > 30 && wrong.is_empty(), "{count} cases; these differ:\n{}", wrong.join("\n"));
}

fn display(format: Format, minimum_ms: u32) -> Display<'static> {
    Display { format, beacon: true, minimum_ms, duration_ms: Some(30_000), size: None, native: None }
}

/// A document by pieces: what players meet, in any order, and not always closed.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

const VAST_PIECES: &[&str] = &[
    "<VAST version=\"3.0\">",
    "</VAST>",
    "<Ad>",
    "</Ad>",
    "<InLine>",
    "</InLine>",
    "<Wrapper>",
    "</Wrapper>",
    "<Impression/>",
    "<Impression>",
    "</Impression>",
    "<Creatives>",
    "</Creatives>",
    "<Creative>",
    "</Creative>",
    "<Linear>",
    "</Linear>",
    "<Linear/>",
    "<TrackingEvents/>",
    "<VideoClicks>",
    "</VideoClicks>",
    "<ClickThrough>",
    "</ClickThrough>",
    "<ClickThrough/>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&amp;",
    "&",
    "text",
    " ",
    "<?x ?>",
    "<x a='1'>",
    "</x>",
    "é",
    "<",
    "\"",
];
const JSON_PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"link\"",
    "\"url\"",
    "\"assets\"",
    "\"eventtrackers\"",
    "\"native\"",
    "\"clicktrackers\"",
    "\"fallback\"",
    "\"https://a\"",
    "\"tea://\"",
    "null",
    "1",
    "\"é\\n\"",
    " ",
];
const HTML_PIECES: &[&str] = &[
    "<body>",
    "</body>",
    "</html>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "--!>",
    "<p a=\"",
    "\">",
    "'",
    "=",
    ">",
    "<",
    "/",
    "!",
    "?",
    "-",
    "<template>",
    "</template>",
    "<plaintext>",
    "é",
    "__OS__",
    "__",
    "${AUCTION_ID}",
    "${",
    "}",
];

/// A whole VAST document, each part there or not.
fn vast() -> impl Strategy<Value = String> {
    let maybe = |text: &'static str| prop::sample::select(vec!["", text]);
    let linear = (
        maybe("<Duration>00:00:30</Duration>"),
        maybe("<TrackingEvents><Tracking event=\"start\">u</Tracking></TrackingEvents>"),
        prop::sample::select(vec![
            "",
            "<VideoClicks>\n<ClickThrough>https://d.example</ClickThrough> </VideoClicks>",
            "<VideoClicks><ClickTracking id='1'>https://d.example</ClickTracking></VideoClicks>",
        ]),
    )
        .prop_map(|(duration, tracking, clicks)| format!("<Linear>{duration}{clicks}{tracking}</Linear>"));
    let linears = prop::collection::vec(linear, 0..3).prop_map(|linears| {
        linears.into_iter().map(|it| format!("<Creative id=\"é\">{it}</Creative>")).collect::<String>()
    });
    let ad =
        (prop::bool::ANY, maybe("<Impression>\n i </Impression>"), maybe("<!-- c -->"), linears, maybe("<Creatives>"))
            .prop_map(|(inline, impression, comment, linears, wraps)| {
                let name = if inline { "InLine" } else { "Wrapper" };
                let creatives = if wraps.is_empty() && linears.is_empty() {
                    String::new()
                } else {
                    format!("<Creatives>{linears}</Creatives>")
                };
                format!("<Ad><{name}>{impression}{comment}{creatives}<Error/></{name}></Ad>\n")
            });
    let version = prop::sample::select(vec!["2.0", "3.0", "4.2"]);
    (version, prop::collection::vec(ad, 1..4))
        .prop_map(|(version, ads)| format!("<VAST version='{version}'>{}</VAST>", ads.concat()))
}

/// Without what was put in, and without what a click-through opens.
fn stripped(document: &str) -> String {
    let mut text = document.to_owned();
    let urls = [IMPRESSION.to_owned(), format!("{IMPRESSION}?ms=2000"), format!("{CLICK}?track=1")];
    for url in urls {
        for name in ["Impression", "Tracking", "ClickTracking"] {
            while let Some(end) = text.find(&format!("<![CDATA[{url}]]></{name}>")) {
                let start = text[..end].rfind(&format!("<{name}")).unwrap();
                text.replace_range(start..end + format!("<![CDATA[{url}]]></{name}>").len(), "");
            }
        }
    }
    for url in [CLICK, LANDING] {
        text = text.replace(&format!("<![CDATA[{url}]]>"), "");
    }
    text = text.replace("<ClickThrough>https://d.example</ClickThrough>", "<ClickThrough></ClickThrough>");
    for made in ["TrackingEvents", "VideoClicks", "Linear", "Creative", "Creatives"] {
        text = text.replace(&format!("<{made}></{made}>"), "");
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_panics_and_a_refusal_is_known_beforehand(
        markup in prop_oneof![any::<String>(), pieces(VAST_PIECES), pieces(JSON_PIECES), pieces(HTML_PIECES)],
        format in prop::sample::select(Format::ALL.to_vec()),
        minimum_ms in prop::sample::select(vec![0, 2_000]),
    ) {
        let _ = written(&markup, &Head { display: display(format, minimum_ms), test: false, monitored: true });
    }

    #[test]
    fn a_banner_without_its_tags_is_the_banner(markup in pieces(HTML_PIECES)) {
        let head = Head { display: Display { beacon: false, ..display(Format::Banner, 0) }, test: false, monitored: false };
        let plain = written(&markup, &head).unwrap();
        let tagged = written(&markup, &Head { display: display(Format::Banner, 0), ..head }).unwrap();
        let tag = format!("<img src=\"{IMPRESSION}\" width=\"1\" height=\"1\" alt=\"\" style=\"display:none\">");
        prop_assert_eq!(tagged.matches(&tag).count(), 1);
        prop_assert_eq!(tagged.replace(&tag, ""), plain);
    }

    #[test]
    fn a_document_without_its_tags_is_the_document(document in vast(), minimum_ms in prop::sample::select(vec![0, 2_000])) {
        let head = Head { display: display(Format::Video, minimum_ms), test: false, monitored: false };
        match written(&document, &head) {
            Ok(tagged) => {
                prop_assert_eq!(stripped(&tagged), stripped(&document));
                prop_assert!(tagged.contains(IMPRESSION), "it can be billed: {}", tagged);
                prop_assert_eq!(written(&tagged, &head).map(drop), Ok(()), "it is well-formed: {}", tagged);
                prop_assert_eq!(tagged.matches("<Ad>").count(), document.matches("<Ad>").count());
            }
            Err(unfit) => {
                let bare = document.split("<Ad>").any(|ad| ad.contains("<InLine>") && !ad.contains("<Linear>"));
                prop_assert!(unfit == Unfit::Unbillable && minimum_ms > 0 && bare, "{:?}", unfit);
            }
        }
    }

    #[test]
    fn native_with_its_tags_is_json_with_its_members(title in any::<String>(), trackers in 0_usize..3) {
        let tracker = serde_json::json!({"event": 1, "method": 1, "url": "https://d.example/i"});
        let ad = serde_json::json!({"x": {"y": [title]}, "link": {"url": "https://d.example", "ext": title},
            "eventtrackers": vec![tracker; trackers], "assets": [{"id": 1, "title": {"text": title}}]});
        let asked = r#"{"assets":[],"eventtrackers":[{"event":1,"methods":[1]}]}"#;
        let mut decoder = Decoder::new(Limits::default());
        let asked = decoder.decode_native_request(asked).unwrap();
        let display = Display { native: Some(&asked), ..display(Format::Native, 0) };
        let tagged = written(&ad.to_string(), &Head { display, test: false, monitored: false }).unwrap();
        let plain: serde_json::Value = serde_json::from_str(&written(&ad.to_string(),
            &Head { display: Display { beacon: false, ..display }, test: true, monitored: false }).unwrap()).unwrap();
        let mut tagged: serde_json::Value = serde_json::from_str(&tagged).unwrap();
        prop_assert_eq!(&tagged["link"]["url"], CLICK);
        let last = tagged["eventtrackers"].as_array_mut().unwrap().pop().unwrap();
        prop_assert_eq!(last, serde_json::json!({"event": 1, "method": 1, "url": IMPRESSION}));
        tagged["link"]["url"] = "https://d.example".into();
        prop_assert_eq!(tagged, plain);
    }
}
