#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use image::ImageFormat;
use tokio::sync::Semaphore;

use super::*;
use crate::clock::Clock;
use crate::compliance::crawl::tests::{Answer, Site, raw, redirect_to};
use crate::compliance::creative::tests::banner;
use crate::compliance::creative::{FileOf, Origin, Record, Submission};
use crate::compliance::digest_of;
use crate::compliance::examine::Rooms;
use crate::compliance::finding::Weight;
use crate::compliance::markup::Resource;
use crate::compliance::media::tests::{encoded, mp4, picture};
use crate::compliance::office::tests::{BY, market, market_with, noon};
use crate::compliance::office::{Office, Refusal};
use crate::event::{Docket, Subject};
use crate::market::demand::CreativeState;
use crate::market::policy::landing::{Blocklists, FileTerms, LandingTerms};
use crate::market::supply::{Format, Size};
use crate::store::MemoryDocket;

fn png(shift: u32) -> Vec<u8> {
    encoded(&picture(320, 200, shift), ImageFormat::Png)
}

fn served(kind: &str, body: &[u8]) -> Answer {
    raw("200 OK", &format!("content-type: {kind}\r\n"), body)
}

/// A site with files, and a docket that keeps them.
struct Files {
    site: Site,
    docket: MemoryDocket,
}

impl Files {
    async fn start() -> Self {
        Self { site: Site::start().await, docket: MemoryDocket::default() }
    }

    async fn look_by(&self, terms: LandingTerms, url: &str, known: Option<&Named>, most: u64) -> Seen {
        let (fetcher, clock, measuring) = (self.site.fetcher(terms), Clock::system(), Semaphore::new(1));
        let looker = Looker { fetcher: &fetcher, docket: &self.docket, clock: &clock, measuring: &measuring };
        looker.look(url, known, &|bytes| bytes <= most).await.unwrap()
    }

    async fn look(&self, path: &str) -> Seen {
        self.look_by(self.site.terms(), &self.site.url(path), None, u64::MAX).await
    }
}

fn file(seen: Seen) -> Measured {
    match seen {
        Seen::File(file) => file,
        other => panic!("{other:?}"),
    }
}

fn missed(seen: Seen) -> Missed {
    match seen {
        Seen::None(missed) => missed,
        other => panic!("{other:?}"),
    }
}

fn codes(findings: &[Finding]) -> Vec<(&str, Weight)> {
    findings.iter().map(|it| (it.code.as_ref(), it.weight)).collect()
}

/// R-REVIEW: what is there is measured, fingerprinted and kept.
#[tokio::test]
async fn a_file_is_fetched_measured_and_kept() {
    let files = Files::start().await;
    let (one, film) = (png(0), mp4(b"avc1", 15));
    files.site.put("/1.png", served("image/png", &one));
    files.site.put("/unsaid", served("application/octet-stream", &one));
    files.site.put("/a.mp4", served("video/mp4", &film));
    files.site.put("/moved", redirect_to("/1.png"));
    files.site.put("/still", raw("200 OK", "content-type: image/png\r\nrefresh: 0;url=/elsewhere\r\n", &one));
    for path in ["/1.png", "/unsaid", "/moved", "/still"] {
        let seen = file(files.look(path).await);
        assert_eq!((seen.kind.as_str(), seen.size, seen.bytes), ("image/png", (320, 200), one.len() as u64), "{path}");
        assert!(seen.kept && seen.findings.is_empty(), "{path}: {:?}", seen.findings);
        assert_eq!(files.docket.document(&digest_of(&seen.sha256).unwrap()).unwrap().unwrap(), one);
    }
    let seen = file(files.look("/a.mp4").await);
    assert_eq!((seen.kind.as_str(), seen.size, seen.duration_ms), ("video/mp4", (640, 360), 15_000));
    assert!(seen.fingerprint.is_none() && seen.bitrate_kbps > 0);
    // The same picture, packed anew, is near; another one is far.
    files.site.put("/1.jpg", served("image/jpeg", &encoded(&picture(320, 200, 0), ImageFormat::Jpeg)));
    let mut turned = picture(320, 200, 0);
    turned.pixels_mut().for_each(image::Pixel::invert);
    files.site.put("/2.png", served("image/png", &encoded(&turned, ImageFormat::Png)));
    let (first, again, other) = (files.look("/1.png").await, files.look("/1.jpg").await, files.look("/2.png").await);
    let (first, again, other) = (file(first), file(again), file(other));
    assert!(first.distance(&again).unwrap() <= 6 && first.distance(&other).unwrap() > 6);
    assert_eq!(first.distance(&seen), None);
}

/// R-MALICE, R-REVIEW: what a file is, its bytes say, and nothing that could run is kept.
#[tokio::test]
async fn r_malice_what_is_no_picture_is_refused_by_what_it_is() {
    let files = Files::start().await;
    let one = png(0);
    let polyglot = [one.as_slice(), b"<script>alert(1)</script>"].concat();
    let rows: [(&str, &str, &[u8], &str, Weight); 8] = [
        ("/said.png", "text/html", &one, "file-wrong-kind", Weight::Refuse),
        ("/said.jpg", "image/jpeg", &one, "file-wrong-kind", Weight::Refuse),
        ("/page", "image/png", b"<!doctype html><script>x()</script>", "file-html", Weight::Refuse),
        ("/x.svg", "image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "file-svg", Weight::Refuse),
        ("/poly.png", "image/png", &polyglot, "file-polyglot", Weight::Refuse),
        ("/cut.png", "image/png", &one[..one.len() / 2], "file-broken", Weight::Refuse),
        ("/empty", "image/png", b"", "file-empty", Weight::Refuse),
        ("/a.mp3", "audio/mpeg", b"ID3\x04\0\0\0\0\0\0sound", "file-not-measured", Weight::Person),
    ];
    for (path, kind, body, code, weight) in rows {
        files.site.put(path, served(kind, body));
        let seen = file(files.look(path).await);
        assert_eq!(codes(&seen.findings)[0], (code, weight), "{path}");
        let kept = files.docket.document(&digest_of(&seen.sha256).unwrap()).unwrap();
        assert_eq!((seen.kept, kept.is_some()), (weight == Weight::Person, weight == Weight::Person), "{path}");
        let place = format!("file {}", files.site.url(path));
        assert!(seen.findings.iter().all(|it| it.place == place), "{:?}", seen.findings);
    }
}

/// R-MALICE: nothing internal is asked, nothing elsewhere followed; what does not answer is told as what it is.
#[tokio::test]
async fn r_malice_a_file_is_fetched_from_where_it_may_be_only() {
    let files = Files::start().await;
    let site = &files.site;
    site.put("/away.png", redirect_to("https://elsewhere.example/1.png"));
    site.put("/down.png", redirect_to("http://shop.example/1.png"));
    site.put("/in.png", redirect_to("https://www.shop.example/1.png"));
    for path in ["/away.png", "/down.png"] {
        let missed = missed(files.look(path).await);
        assert_eq!(
            (missed.why.code.as_ref(), missed.why.weight, missed.ends),
            ("file-elsewhere", Weight::Refuse, true)
        );
    }
    let mut outside = site.terms();
    outside.reach.internal.clear();
    let internal = missed(files.look_by(outside, &site.url("/1.png"), None, u64::MAX).await);
    assert_eq!((internal.why.rule.as_ref(), internal.why.code.as_ref()), ("R-MALICE", "file-elsewhere"));
    assert!(internal.why.en.contains("internal network") && internal.why.zh.contains("内部网络"), "{internal:?}");
    assert_eq!(site.asked(), ["/away.png", "/down.png"]);
    // It may be there tomorrow: each time it is not is counted.
    let gone = missed(files.look("/gone.png").await);
    assert_eq!(
        (codes(std::slice::from_ref(&gone.why))[0], gone.ends, gone.times),
        (("file-unreachable", Weight::Person), false, 1)
    );
    let url = site.url("/gone.png");
    let known = Named { url: url.clone(), at_ms: 0, file: None, other: None, missed: Some(gone) };
    assert_eq!(missed(files.look_by(site.terms(), &url, Some(&known), u64::MAX).await).times, 2);
    let mut small = site.terms();
    small.limits.largest_body = 1_000;
    site.put("/large.png", served("image/png", &png(0)));
    let large = missed(files.look_by(small, &site.url("/large.png"), None, u64::MAX).await);
    assert_eq!((large.why.code.as_ref(), large.why.weight, large.ends), ("file-too-large", Weight::Refuse, true));
    site.put("/robots.txt", raw("200 OK", "", b"User-agent: *\nDisallow: /\n"));
    let closed = missed(files.look("/large.png").await);
    assert_eq!((closed.why.code.as_ref(), closed.why.weight, closed.ends), ("file-unreachable", Weight::Person, true));
    assert!(closed.why.en.contains("pmpx-landing"));
    let mut listed = site.terms();
    listed.blocklists = Arc::new(Blocklists { hosts: vec!["shop.example".to_owned()], urls: Vec::new() });
    let infected = missed(files.look_by(listed, &site.url("/large.png"), None, u64::MAX).await);
    assert_eq!((infected.why.code.as_ref(), infected.why.weight), ("infected", Weight::Refuse));
    let mut busy = site.terms();
    busy.rates.bytes_a_minute = 0;
    assert_eq!(
        files.look_by(busy, &site.url("/large.png"), None, u64::MAX).await,
        Seen::Later,
        "says nothing of the file"
    );
}

#[tokio::test]
async fn a_buyer_s_bytes_of_a_day_are_bounded() {
    let files = Files::start().await;
    files.site.put("/1.png", served("image/png", &png(0)));
    let url = files.site.url("/1.png");
    let over = file(files.look_by(files.site.terms(), &url, None, 10).await);
    assert_eq!((over.kept, codes(&over.findings)), (false, vec![("file-not-kept", Weight::Person)]));
    assert!(files.docket.document(&digest_of(&over.sha256).unwrap()).unwrap().is_none());
    let kept = file(files.look("/1.png").await);
    let known = named(&url, &kept);
    let again = file(files.look_by(files.site.terms(), &url, Some(&known), 0).await);
    assert!(again.kept, "what is kept already is not counted again");
    let known = named(&url, &Measured { sha256: "0".repeat(64), ..kept });
    let other = file(files.look_by(files.site.terms(), &url, Some(&known), 0).await);
    assert!(!other.kept, "another one is");
}

fn named(url: &str, file: &Measured) -> Named {
    Named { url: url.to_owned(), at_ms: 1, file: Some(file.clone()), other: None, missed: None }
}

fn measured(sha: u8, kind: &str, size: (u32, u32), duration_ms: u64) -> Measured {
    Measured {
        sha256: format!("{sha:064x}"),
        kept: true,
        kind: kind.to_owned(),
        bytes: 1_000,
        size,
        duration_ms,
        bitrate_kbps: 900,
        fingerprint: None,
        findings: Vec::new(),
    }
}

fn resource(url: &str, size: Option<(u64, u64)>, is_played: bool) -> Resource {
    Resource { url: url.to_owned(), place: "adm".to_owned(), size, is_played }
}

fn record(submission: Submission, named: Vec<Named>) -> Record {
    Record { named, ..Record::new(submission, Origin::Submitted) }
}

/// R-REVIEW: what was fetched is held against what was said of it.
#[test]
fn r_review_a_file_is_what_was_submitted() {
    let terms = FileTerms::default();
    let found = |submission: &Submission, resource: Resource, file: Measured| {
        let record = record(submission.clone(), vec![named(&resource.url, &file)]);
        let found = findings(&record, &[resource], (&terms, true));
        found.iter().map(|it| it.code.to_string()).collect::<Vec<_>>()
    };
    let one = "https://cdn.example/1";
    let plain = |it: &Submission, file| found(it, resource(one, Some((640, 360)), true), file);
    let film =
        Submission { format: Format::Video, sizes: vec![Size { w: 1280, h: 720 }], duration_s: Some(15), ..banner() };
    let picture = |w, h| measured(1, "image/png", (w, h), 0);
    let of_film = |size, ms| measured(1, "video/mp4", size, ms);
    assert!(plain(&banner(), picture(640, 360)).is_empty());
    assert_eq!(plain(&banner(), picture(640, 361)), ["file-size"]);
    assert!(found(&banner(), resource(one, None, false), picture(3, 4)).is_empty(), "the markup does not say");
    assert!(plain(&film, of_film((640, 360), 15_900)).is_empty());
    assert_eq!(plain(&film, of_film((640, 480), 15_000)), ["file-size", "file-proportions"]);
    assert_eq!(plain(&film, of_film((640, 360), 16_001)), ["file-duration"]);
    assert_eq!(plain(&film, of_film((640, 360), 13_999)), ["file-duration"]);
    let rich = Measured { bitrate_kbps: 8_001, ..of_film((640, 360), 15_000) };
    assert_eq!(plain(&film, rich.clone()), ["file-bitrate"]);
    assert!(found(&film, resource(one, None, false), rich).is_empty(), "an icon's film is not what is played");
    let uploaded = |sha: u8| {
        let files = vec![FileOf { url: one.to_owned(), sha256: format!("{sha:064x}") }];
        plain(&Submission { files, ..banner() }, picture(640, 360))
    };
    assert_eq!((uploaded(1), uploaded(2)), (vec![], vec!["file-not-as-uploaded".to_owned()]));
    let broken = Measured { findings: vec![checks::NOT_MEASURED.at("file", "")], ..picture(640, 360) };
    assert_eq!(plain(&banner(), broken), ["file-not-measured"]);
}

/// Some that are known, some that are not, and one whose URL a script puts together.
#[test]
fn as_many_files_are_wanted_as_the_terms_say_and_each_until_it_is_known() {
    let terms = FileTerms { most: 3, tries: 2, ..FileTerms::default() };
    let urls = ["https://a.example/1", "https://a.example/2?r=%EF%BF%BC", "https://a.example/3", "https://a.example/4"];
    let mut all: Vec<_> = urls.iter().map(|url| resource(url, None, false)).collect();
    let mut known = record(banner(), Vec::new());
    assert_eq!(wanted(&known, &all, &terms), [urls[0], urls[2], urls[3]]);
    let why = checks::UNREACHABLE.at("file", "");
    let gone = |times, ends| Named {
        url: urls[2].to_owned(),
        at_ms: 1,
        file: None,
        other: None,
        missed: Some(Missed { times, ends, why: why.clone() }),
    };
    known.named = vec![named(urls[0], &measured(1, "image/png", (1, 1), 0)), gone(1, false)];
    assert_eq!(wanted(&known, &all, &terms), [urls[2], urls[3]], "it may be there next time");
    for settled in [gone(2, false), gone(1, true)] {
        known.named[1] = settled;
        assert_eq!(wanted(&known, &all, &terms), [urls[3]]);
    }
    let of = |known: &Record, all: &[Resource], fetches| {
        let found = findings(known, all, (&terms, fetches));
        found.iter().map(|it| (it.code.to_string(), it.weight)).collect::<Vec<_>>()
    };
    let unreachable = ("file-unreachable".to_owned(), Weight::Person);
    // R-REVIEW: nobody is told that what was not looked at is as it should be.
    assert_eq!(of(&known, &all, false), [("files-not-fetched".to_owned(), Weight::Note), unreachable.clone()]);
    known.named.push(named(urls[3], &measured(1, "image/png", (1, 1), 0)));
    assert_eq!(of(&known, &all, true), std::slice::from_ref(&unreachable));
    all.push(resource("https://a.example/5", None, false));
    assert!(wanted(&known, &all, &terms).is_empty(), "no more than three");
    assert_eq!(of(&known, &all, true), [("files-too-many".to_owned(), Weight::Person), unreachable]);
}

/// R-REVIEW: only another file, a harmful one, or one elsewhere is a difference.
#[test]
fn r_review_what_is_not_seen_is_no_difference() {
    let before = measured(1, "image/png", (9, 9), 0);
    let it = named("https://a.example/1", &before);
    let why = |check: &crate::compliance::check::Check| Missed { times: 1, ends: false, why: check.at("file", "") };
    let harmful = Measured { findings: vec![checks::ELSEWHERE.at("file", "")], ..before.clone() };
    let noted = Measured { findings: vec![checks::NOT_MEASURED.at("file", "")], ..before.clone() };
    for same in [Seen::File(before.clone()), Seen::File(noted), Seen::Later, Seen::None(why(&checks::UNREACHABLE))] {
        assert_eq!(it.differs(&same), None, "{same:?}");
    }
    let other = measured(2, "image/png", (9, 9), 0);
    assert_eq!(it.differs(&Seen::File(other.clone())), Some(Differs::Other(other.clone())));
    assert_eq!(it.differs(&Seen::File(harmful.clone())), Some(Differs::Harmful(harmful)));
    // Elsewhere, on a blocklist, or larger than any that was reviewed.
    let infected = crate::compliance::scan::Scan::Infected("host".to_owned()).finding("file").unwrap();
    let large = crate::compliance::upload::checks::TOO_LARGE.at("file", "");
    for gone in [checks::ELSEWHERE.at("file", ""), infected, large] {
        let seen = Seen::None(Missed { times: 1, ends: true, why: gone.clone() });
        assert_eq!(it.differs(&seen), Some(Differs::Gone(gone)));
    }
    let mut changed = it.clone();
    changed.other = Some(other.clone());
    assert_eq!(changed.present(), Some(&other));
    assert_eq!(changed.accepted(), named("https://a.example/1", &other));
}

/// A submission, and where its file is.
fn submitted(office: &Office<'_>) -> (Subject, String) {
    office.submit(&banner(), Origin::Submitted, &BY).unwrap();
    (banner().subject(), "https://cdn.qinghe.example/9.jpg".to_owned())
}

/// R-REVIEW: nobody is asked before its files were seen; what was seen is told; and checking again fetches anew.
#[test]
fn r_review_a_creative_waits_for_its_files_and_holds_up_no_other() {
    let market = market_with("crawl = false", "crawl = true");
    let rooms = Rooms::of(&market, noon().shanghai_day()).unwrap();
    let docket = MemoryDocket::default();
    let office = Office { docket: &docket, market: &market, now: noon() };
    let (subject, url) = submitted(&office);
    let other = Submission {
        crid: "plain".to_owned(),
        markup: "<a href=\"__CLICK_URL__\">广告 青禾</a>".to_owned(),
        ..banner()
    };
    office.submit(&other, Origin::Submitted, &BY).unwrap();
    let later = noon().plus_ms(30_000);
    let files = |_: &crate::event::KeptStep, _, record: &Record| (!rooms.wanted(record).is_empty()).then_some(later);
    let tend = |office: &Office<'_>| {
        let check: super::super::examine::Check<'_> = &|record, office| rooms.check(record, office);
        let examined = office.tend_creatives(9, &[check], &files).unwrap();
        (examined.seen, examined.pending, examined.rejected)
    };
    assert_eq!(tend(&office), (2, 1, 0));
    let (kept, state, record) = office.creative(&subject).unwrap();
    assert_eq!(
        (state, kept.step.due, rooms.wanted(&record)),
        (CreativeState::Checking, Some(later), vec![url.clone()])
    );
    let seen = [named(&url, &measured(1, "image/jpeg", (640, 360), 0))];
    assert_eq!(office.note_files(&subject, kept.seq + 9, (&seen, noon())).unwrap(), Noted::Overtaken);
    assert_eq!(office.note_files(&subject, kept.seq, (&seen, noon())).unwrap(), Noted::Taken);
    assert_eq!(office.note_files(&subject, kept.seq, (&seen, noon())).unwrap(), Noted::Overtaken);
    assert_eq!(tend(&office), (1, 1, 0));
    let (kept, state, record) = office.creative(&subject).unwrap();
    assert_eq!((state, record.named.as_slice()), (CreativeState::PendingReview, seen.as_slice()));
    let late = office.note_files(&subject, kept.seq, (&[], noon())).unwrap();
    assert_eq!(late, Noted::Overtaken, "what is not being checked is not noted");
    assert!(record.findings.iter().all(|it| !it.code.starts_with("file")), "{:?}", record.findings);
    // Checked again, it is fetched again.
    moved(&office, &subject, CreativeState::Checking).unwrap();
    assert_eq!(rooms.wanted(&office.creative(&subject).unwrap().2), std::slice::from_ref(&url));
    let (kept, ..) = office.creative(&subject).unwrap();
    let bad = Measured { findings: vec![checks::ELSEWHERE.at("file", "x")], ..measured(1, "", (0, 0), 0) };
    office.note_files(&subject, kept.seq, (&[named(&url, &bad)], noon())).unwrap();
    assert_eq!(tend(&office), (1, 0, 1), "what is wrong with a file refuses the creative");
}

fn moved(office: &Office<'_>, subject: &Subject, to: CreativeState) -> Result<(), Refusal> {
    let verdict = super::super::office::Verdict { to, reasons: &[], findings: None, files: None, seen: None };
    office.decide(subject, &verdict, &BY).map(drop)
}

/// R-REVIEW, R-REFUSE: a file that is another stops the creative; who resumes it takes the other one, unless that is refused.
#[test]
fn r_review_what_is_not_what_was_approved_is_suspended_until_somebody_has_seen_it() {
    let (docket, market) = (MemoryDocket::default(), market());
    let office = Office { docket: &docket, market: &market, now: noon() };
    let (subject, url) = submitted(&office);
    let (kept, ..) = office.creative(&subject).unwrap();
    let mut it = named(&url, &measured(1, "image/jpeg", (640, 360), 0));
    office.note_files(&subject, kept.seq, (std::slice::from_ref(&it), noon())).unwrap();
    moved(&office, &subject, CreativeState::PendingReview).unwrap();
    moved(&office, &subject, CreativeState::Approved).unwrap();
    let due = |office: &Office<'_>| office.creative(&subject).unwrap().0.step.due;
    assert_eq!(due(&office), Some(noon()), "between the review and its end it may have changed");
    let suspend = |it: &Named, differs: Differs| {
        let seen = office.creative(&subject).unwrap().0.seq;
        let told = office.files_differ(&subject, seen, (std::slice::from_ref(it), &[(0, differs)])).unwrap();
        assert_eq!((told.state, told.changed), (CreativeState::Suspended, true));
        office.creative(&subject).unwrap().2
    };
    let other = measured(2, "image/jpeg", (640, 360), 0);
    it.other = Some(other.clone());
    let record = suspend(&it, Differs::Other(other.clone()));
    assert_eq!((record.reasons, record.named[0].other.as_ref()), (vec!["content-changed".to_owned()], Some(&other)));
    let owner = crate::event::Owner::Buyer(office.buyer("80010001").unwrap());
    let told = office.messages(owner, false, (0, 9)).unwrap();
    assert!(told.iter().any(|(_, it)| it.en.contains(&url) && it.zh.contains("已暂停")), "{told:?}");
    moved(&office, &subject, CreativeState::Approved).unwrap();
    assert_eq!(office.creative(&subject).unwrap().2.named, [named(&url, &other)]);
    // Harmful: a person confirms that it is safe. Not a picture at all: nobody can.
    let infected = crate::compliance::scan::Scan::Infected("Eicar".to_owned()).finding("file").unwrap();
    let harmful = Measured { findings: vec![infected], ..other.clone() };
    it = Named { other: Some(harmful.clone()), ..named(&url, &other) };
    assert_eq!(suspend(&it, Differs::Harmful(harmful)).reasons, ["malice"]);
    moved(&office, &subject, CreativeState::Approved).unwrap();
    let page = Measured { findings: vec![checks::ELSEWHERE.at("file", "")], ..measured(3, "", (0, 0), 0) };
    it.other = Some(page.clone());
    suspend(&it, Differs::Other(page));
    assert!(matches!(moved(&office, &subject, CreativeState::Approved), Err(Refusal::Rule { rule: "R-REFUSE", .. })));
}

#[test]
fn a_difference_is_told_with_what_was_there_before() {
    let print = |print: &str| Measured { fingerprint: Some(print.to_owned()), ..measured(1, "image/png", (9, 9), 0) };
    let mut it = named("https://a.example/1", &print("00000000000000ff"));
    assert!(it.told().is_empty());
    let wrong = vec![checks::NOT_MEASURED.at("file", "")];
    it.other = Some(Measured { sha256: "2".repeat(64), findings: wrong, ..print("0000000000000000") });
    let told = it.told();
    assert_eq!((told[0].code.as_ref(), told[0].place.as_str()), ("file-changed", "file https://a.example/1"));
    assert!(told[0].en.contains("8/64") && told[0].found.contains("2222"), "{told:?}");
    assert_eq!(told[1].code, "file-not-measured");
    it.other = Some(Measured { findings: told[1..].to_vec(), ..it.file.clone().unwrap() });
    assert_eq!(
        codes(&it.told()),
        [("file-not-measured", Weight::Person)],
        "the same file, and what is known of it by now"
    );
}
