//! Pictures of pages in a running node, by a real Chromium; where there is none, the test says so and passes.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::*;

/// What of a PNG says its size (PNG §11.2.2).
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (side(16), side(20))
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// R-REVIEW, R-MALICE: the reviewer sees the page as it is, and what its scripts reach for inside is refused and told.
#[test]
fn r_review_a_page_under_watch_has_a_picture_of_how_it_was_last_seen() {
    let Some(program) = chromium() else {
        println!("skipped: there is no Chromium on this machine");
        return;
    };
    let inner = std::net::TcpListener::bind("127.0.0.9:0").unwrap();
    let reaches = format!(
        "<script>fetch('http://127.0.0.9:{}/').catch(function(){{}})</script>",
        inner.local_addr().unwrap().port()
    );
    let site = Site::start(&(milk("9.90") + &reaches));
    let url = site.url("/spring");
    let mut config = crawling(&site);
    let sandbox = std::fs::metadata("/proc/self").unwrap().uid() != 0;
    config["landing.toml"]["browser"] =
        json!({"program": program, "size": "400x800", "within": "60s", "sandbox": sandbox});
    config["landing.toml"]["reach"]["plain_ports"] = json!([site.port(), inner.local_addr().unwrap().port()]);
    let pmpx = Pmpx::start_with(Clock::following(moment(NOON)), &config);
    let owner = Owner::Buyer(buyer(&pmpx));
    decide(pmpx.docket(), owner, (1, &url), CreativeState::Approved);
    let is_pictured = |state: PageState, it: &Record, wanted: PageState| {
        state == wanted && it.screenshot.is_some() && !it.wants_picture()
    };
    let watched = until(&pmpx, &url, "its picture is there", |state, it| is_pictured(state, it, PageState::Watched));
    let picture = |watched: &Watched| {
        let digest = digest_of(watched.record.screenshot.as_ref().unwrap()).unwrap();
        pmpx.docket().document(&digest).unwrap().unwrap()
    };
    let before = picture(&watched);
    assert_eq!(size(&before), (400, 800));
    let reached: Vec<_> = watched.record.reached.iter().map(|it| (&*it.code, it.found.as_str())).collect();
    assert_eq!(reached, [("page-internal", "127.0.0.9")]);
    inner.set_nonblocking(true).unwrap();
    assert!(inner.accept().is_err(), "nobody came");
    // The change is evidence: another picture, of what was found.
    site.put(&milk("99.00"));
    let changed =
        until(&pmpx, &url, "the new page's picture is there", |state, it| is_pictured(state, it, PageState::Changed));
    assert!(changed.record.latest.iter().any(|sight| Some(&sight.sha256) == changed.record.pictured.as_ref()));
    assert_ne!(picture(&changed), before);
    let (status, one) = pmpx.control(
        &format!("/api/v1/pages/{ACCOUNT}/{ADVERTISER}/{}", url.replace(':', "%3A").replace('/', "%2F")),
        None,
    );
    assert_eq!((status, &one["state"], &one["may"][0]), (200, &json!("changed"), &json!("confirm")), "{one}");
    assert_eq!(one["screenshot"], json!(changed.record.screenshot));
}
