//! Looks at pages of a server of the test's own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::compliance::crawl::SystemResolver;
use crate::compliance::creative::Offer;
use crate::compliance::landing::{Cause, Held, Standpoint, Use};
use crate::market::network::AddressRange;
use crate::market::policy::landing::{Blocklists, Clamd, ClamdAt, LandingTerms, Rates, Reach};
use crate::store::MemoryDocket;

/// Answers by path and `User-Agent`: a page, or where it leads.
type Answers = Arc<Mutex<Box<dyn Fn(&str, &str) -> Answer + Send>>>;

enum Answer {
    Page(String),
    To(String),
    Status(u16),
}

struct Site {
    port: u16,
    answers: Answers,
    docket: MemoryDocket,
    clock: Clock,
    domains: Vec<String>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Answers = Arc::new(Mutex::new(Box::new(|_, _| Answer::Status(404))));
        let shown = answers.clone();
        tokio::spawn(async move {
            let mut count = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap();
                count += 1;
                let answer = shown.lock().unwrap()(path, &head);
                let text = match answer {
                    Answer::Page(body) => {
                        let body = body.replace("{n}", &format!("{count:032x}"));
                        format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        )
                    }
                    Answer::To(url) => format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n"),
                    Answer::Status(status) => format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n"),
                };
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        let (docket, clock) = (MemoryDocket::default(), Clock::system());
        Self { port, answers, docket, clock, domains: vec!["shop.example".to_owned()] }
    }

    /// Answers so from now on; robots.txt is not there.
    fn put(&self, answer: impl Fn(&str) -> Answer + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(move |path, head| match path {
            "/robots.txt" => Answer::Status(404),
            _ => answer(head),
        });
    }

    fn page(&self, body: &'static str) {
        self.put(move |_| Answer::Page(body.to_owned()));
    }

    fn url(&self) -> String {
        format!("http://shop.example:{}/", self.port)
    }

    fn terms(&self) -> LandingTerms {
        let at = |host: &str, address: &str| (host.to_owned(), address.parse().unwrap());
        let reach = Reach {
            plain_ports: vec![self.port],
            internal: vec![AddressRange::parse("127.0.0.1").unwrap()],
            hosts: [at("shop.example", "127.0.0.1"), at("in.shop.example", "10.0.0.7")].into(),
            ..Reach::default()
        };
        let rates = Rates { gap: std::time::Duration::ZERO, ..Rates::default() };
        LandingTerms { reach, rates, ..LandingTerms::default() }
    }

    /// A page to which a creative leads.
    fn record(&self, standing: Standpoint) -> Record {
        let uses = vec![Use { crid: "milk-9".to_owned(), version: 1, standing, from_ms: None }];
        Record { uses, ..Record::new("80010001", "shop", &self.url()) }
    }

    async fn look(&self, terms: LandingTerms, state: PageState, record: &Record) -> Round {
        let fetcher = Fetcher::new(terms, Arc::new(SystemResolver), self.clock.clone()).unwrap();
        let looker = Looker { fetcher: &fetcher, docket: &self.docket, clock: &self.clock };
        let offer = Offer { brand: Some("青禾".to_owned()), ..Offer::default() };
        let offered = [Offered { crid: "milk-9".to_owned(), version: 1, offer, app: None }];
        let target = Target { url: &record.url, domains: &self.domains, plain: true };
        looker.reaches(record, &target).unwrap();
        looker.look((state, record), &target, &offered).await.unwrap()
    }

    /// A page as it is frozen by what is shown now.
    async fn frozen(&self) -> Record {
        let mut record = self.record(Standpoint::Approved);
        let round = self.look(self.terms(), PageState::Watched, &record).await;
        record.frozen = round.looks.iter().map(|(_, look)| look.sight().unwrap().clone()).collect();
        record.matches = round.matches;
        record
    }
}

fn labels(round: &Round) -> Vec<&'static str> {
    round.looks.iter().map(|(_, look)| look.label()).collect()
}

fn found(look: &Look) -> &[String] {
    if let Look::Other(_, found) = look { found } else { panic!("{look:?}") }
}

const MILK: &str = "<h1>青禾</h1><p>9.9元</p><a href=\"/buy?sid={n}\">买</a><script>var token = '{n}';</script>";

/// R-LANDING-FROZEN: what varies by itself is learned at the first look, is no change afterwards, and is not kept again and again.
#[tokio::test]
async fn r_landing_frozen_what_varies_is_learned_and_not_kept_again() {
    let site = Site::start().await;
    site.page(MILK);
    let frozen = site.frozen().await;
    assert!(frozen.frozen.iter().all(|sight| sight.also.len() == 1), "learned from two fetches");
    assert_eq!((frozen.matches[0].score, &frozen.matches[0].sha256), (100, &frozen.frozen[0].sha256));
    for (state, standing) in [
        (PageState::Watched, Standpoint::Approved),
        (PageState::Awaited, Standpoint::Pending),
        (PageState::Changed, Standpoint::Suspended),
    ] {
        let record = Record { uses: site.record(standing).uses, ..frozen.clone() };
        let round = site.look(site.terms(), state, &record).await;
        assert_eq!(labels(&round), ["same"; 3], "{state:?}");
        let kept: Vec<_> = round.looks.iter().map(|(_, look)| look.sight().unwrap()).collect();
        assert_eq!(kept, frozen.frozen.iter().collect::<Vec<_>>(), "no other bytes are named: {state:?}");
        assert!(round.matches.is_empty() && !round.more, "compared once");
    }
    site.page("<h1>青禾</h1><p>99元</p><a href=\"/buy?sid={n}\">买</a><script>var token = '{n}';</script>");
    let round = site.look(site.terms(), PageState::Watched, &frozen).await;
    assert_eq!(labels(&round), ["other"; 3]);
    let (_, look) = &round.looks[0];
    assert_eq!(found(look), ["text: \"9.9元\" became \"99元\""]);
    let digest = digest_of(&look.sight().unwrap().sha256).unwrap();
    let bytes = site.docket.document(&digest).unwrap().unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains("99元"), "what was found is evidence");
}

/// R-LANDING-FROZEN: what a page shows whose verdict is held back is kept once, however often it is looked at, and another thing again.
#[tokio::test]
async fn r_landing_frozen_what_a_held_page_shows_is_not_kept_at_each_look() {
    let site = Site::start().await;
    site.page(MILK);
    let mut record = site.frozen().await;
    site.page("<p>请先登录公共无线网络</p><script>var token = '{n}';</script>");
    let first = site.look(site.terms(), PageState::Doubted, &record).await;
    assert!(matches!(&first.marks[..], [Mark::Bytes(_), Mark::Text(_, 10), ..]), "{:?}", first.marks);
    record.latest = first.looks.iter().map(|(_, look)| look.sight().unwrap().clone()).collect();
    let sights = |round: &Round| round.looks.iter().map(|(_, look)| look.sight().unwrap().clone()).collect::<Vec<_>>();
    let again = site.look(site.terms(), PageState::Doubted, &record).await;
    assert_ne!(sights(&again), record.latest, "the evidence of a verdict is of its own look");
    let held = Held { cause: Cause::Many, since_ms: 1, sites: Vec::new(), released: false };
    record.held = Some(held.clone());
    let again = site.look(site.terms(), PageState::Doubted, &record).await;
    assert_eq!((labels(&again), sights(&again)), (vec!["other"; 3], record.latest.clone()));
    assert_eq!(found(&again.looks[0].1), found(&first.looks[0].1), "compared with what was frozen all the same");
    // A person says that it is the page: what the verdict rests on is of its own look again.
    record.held = Some(Held { released: true, ..held });
    assert_ne!(sights(&site.look(site.terms(), PageState::Doubted, &record).await), record.latest);
    site.page(MILK);
    assert_eq!(labels(&site.look(site.terms(), PageState::Doubted, &record).await), ["same"; 3]);
}

/// R-MALICE: each kind of browser is held to what was frozen for it; what they see apart is told to the reviewer.
#[tokio::test]
async fn r_malice_cloaking_shows_between_kinds_of_browsers() {
    let site = Site::start().await;
    let by_desk = |desk: &'static str, other: &'static str| {
        move |head: &str| Answer::Page(if head.contains("Windows NT") { desk } else { other }.to_owned())
    };
    site.put(by_desk("<h1>青禾</h1>", MILK));
    let record = site.record(Standpoint::Pending);
    let round = site.look(site.terms(), PageState::Awaited, &record).await;
    let apart = round.apart.unwrap();
    assert!(apart.len() == 1 && apart[0].starts_with("desktop sees another page than mobile: "), "{apart:?}");
    site.page(MILK);
    let frozen = site.frozen().await;
    site.put(by_desk(MILK, "<h1>青禾</h1><form action=\"/win\"><input name=phone></form>"));
    let round = site.look(site.terms(), PageState::Watched, &frozen).await;
    assert_eq!(labels(&round), ["other", "same", "other"]);
    assert_eq!((round.apart, round.unproven), (None, false));
}

/// R-LANDING-FROZEN, R-DAMAGE-CHANGE: to lead elsewhere is a change, but for a name that is resolved to an internal address, which nobody has proven.
#[tokio::test]
async fn r_damage_change_a_redirect_is_a_change_and_an_internal_address_is_not_proven() {
    let site = Site::start().await;
    site.page(MILK);
    let frozen = site.frozen().await;
    let port = site.port;
    let rows = [
        ("https://evil.example/".to_owned(), "evil.example", false),
        (format!("http://in.shop.example:{port}/"), "10.0.0.7", true),
    ];
    for (url, told, unproven) in rows {
        site.put(move |_| Answer::To(url.clone()));
        let round = site.look(site.terms(), PageState::Watched, &frozen).await;
        assert_eq!((labels(&round), round.unproven), (vec!["other"; 3], unproven));
        assert_eq!(round.marks, vec![Mark::Leads(told.to_owned()); 3], "known again at other sites");
        assert!(found(&round.looks[0].1)[0].contains(told), "{:?}", round.looks);
    }
    site.put(|_| Answer::Status(500));
    let round = site.look(site.terms(), PageState::Watched, &frozen).await;
    assert_eq!(labels(&round), ["none"; 3]);
    // It leads there within its own domain: another way, and the same page.
    site.put(move |head| match head.starts_with("GET /moved") {
        true => Answer::Page(MILK.to_owned()),
        false => Answer::To("/moved".to_owned()),
    });
    let round = site.look(site.terms(), PageState::Watched, &frozen).await;
    assert!(found(&round.looks[0].1)[0].starts_with("redirects: "), "{:?}", round.looks);
}

/// R-LANDING-SAFE: lists and clamd; what could not be scanned is neither clean nor infected.
#[tokio::test]
async fn r_landing_safe_what_is_harmful_is_found_and_what_is_not_scanned_is_told() {
    let site = Site::start().await;
    site.page(MILK);
    let frozen = site.frozen().await;
    site.page("<h1>青禾</h1><p>9.9元</p><img src=\"//cdn.evil.example/1.png\">");
    let lists = Blocklists { hosts: vec!["evil.example".to_owned()], urls: Vec::new() };
    let terms = LandingTerms { blocklists: Arc::new(lists), ..site.terms() };
    let round = site.look(terms, PageState::Watched, &frozen).await;
    assert_eq!(round.infected.as_deref(), Some("host evil.example is on a blocklist"));
    let digest = digest_of(&round.looks[0].1.sight().unwrap().sha256).unwrap();
    assert!(site.docket.document(&digest).unwrap().is_some(), "kept for the person who judges");
    assert!(round.matches.is_empty());
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let within = std::time::Duration::from_secs(5);
    let clamd = |at| LandingTerms { clamd: Some(Clamd { at, within, largest: 1 << 20 }), ..site.terms() };
    site.page(MILK);
    let round = site.look(clamd(ClamdAt::Tcp(closed)), PageState::Watched, &frozen).await;
    assert_eq!((labels(&round), &round.infected), (vec!["same"; 3], &None));
    assert!(round.unscanned.unwrap().starts_with("clamd: "));
    let daemon = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = ClamdAt::Tcp(daemon.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = daemon.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(&[0; 4]) {
            stream.read_buf(&mut heard).await.unwrap();
        }
        stream.write_all(b"stream: Eicar-Test-Signature FOUND\0").await.unwrap();
    });
    let round = site.look(clamd(at), PageState::Watched, &frozen).await;
    assert_eq!(round.infected.as_deref(), Some("malware Eicar-Test-Signature"));
}

/// What the terms or the registration do not let anybody look at any more has not changed by itself.
#[tokio::test]
async fn a_page_that_may_not_be_asked_for_any_more_is_left_as_it_is() {
    let site = Site::start().await;
    site.page(MILK);
    let frozen = site.frozen().await;
    let fetcher = Fetcher::new(site.terms(), Arc::new(SystemResolver), site.clock.clone()).unwrap();
    let looker = Looker { fetcher: &fetcher, docket: &site.docket, clock: &site.clock };
    let elsewhere = ["other.example".to_owned()];
    let rows: [(&[String], bool, bool); 3] =
        [(&site.domains, true, true), (&elsewhere, true, false), (&site.domains, false, false)];
    for (domains, plain, reaches) in rows {
        let target = Target { url: &frozen.url, domains, plain };
        assert_eq!(looker.reaches(&frozen, &target).is_ok(), reaches, "{domains:?} {plain}");
    }
}
