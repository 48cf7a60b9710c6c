//! One look at a file: it is fetched, scanned for malware, measured, and kept.

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use url::Url;

use super::{Measured, Missed, Named, checks};
use crate::clock::Clock;
use crate::compliance::check::Check;
use crate::compliance::crawl::{Agent, Document, Fetch, Fetcher, Meaning, Phase, Refusal, Target};
use crate::compliance::digest_text;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::media::{self, Media};
use crate::compliance::scan::{Scan, listed, scan};
use crate::compliance::upload;
use crate::event::{Docket, DocketError};

/// Types by which servers say that they do not know what they send.
const UNSAID: [&str; 3] = ["", "application/octet-stream", "binary/octet-stream"];

/// What was seen of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is there.
    File(Measured),
    /// It could not be fetched; how often so far.
    None(Missed),
    /// It was not asked for: this side's own budget was used up.
    Later,
}

impl Seen {
    /// In one word.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::File(file) if file.findings.iter().any(|it| it.weight == Weight::Refuse) => "refused",
            Self::File(_) => "measured",
            Self::None(_) => "none",
            Self::Later => "later",
        }
    }
}

/// Who looks, and where files are kept.
#[derive(Clone, Copy, Debug)]
pub struct Looker<'l> {
    /// Fetches.
    pub fetcher: &'l Fetcher,
    /// Keeps what a person looks at.
    pub docket: &'l dyn Docket,
    /// Time.
    pub clock: &'l Clock,
    /// Whose turn it is to measure: that takes much memory.
    pub measuring: &'l Semaphore,
}

impl Looker<'_> {
    /// Looks at a file; `known`: what is known of it. `may_keep` is asked whether so many bytes more may be kept.
    ///
    /// # Errors
    /// [`DocketError`]: nothing follows for the file.
    pub async fn look(
        &self,
        url: &str,
        known: Option<&Named>,
        may_keep: &dyn Fn(u64) -> bool,
    ) -> Result<Seen, DocketError> {
        let before = known.and_then(|it| it.missed.as_ref()).map_or(0, |it| it.times);
        let fetch = self.ask(url).await;
        let place = format!("file {url}");
        if let Some(found) = self.on_a_list(url, &fetch) {
            return Ok(none(before, true, harmful(&place, &found)));
        }
        let document = match fetch.result {
            Ok(document) => document,
            Err((at, refusal)) => return Ok(missed(&place, before, (&at, &refusal))),
        };
        let mut findings = self.scanned(&document, &place).await;
        // Decoding takes its time, and others are being fetched.
        let Ok(_turn) = self.measuring.acquire().await else { return Ok(Seen::Later) };
        let measuring = tokio::task::spawn_blocking(move || {
            let (wrong, measured) = (is_what_it_says(&document), media::measure(&document.body));
            (document.body, wrong, measured)
        });
        let Ok((body, wrong, measured)) = measuring.await else { return Ok(Seen::Later) };
        findings.extend(wrong.map(|it| at(it, &place)));
        let mut file = of(&body, measured, &place, &mut findings);
        let is_known = |it: &Named| it.present().is_some_and(|of| of.kept && of.sha256 == file.sha256);
        // What is refused, nobody needs to look at.
        let refused = findings.iter().any(|it| it.weight == Weight::Refuse);
        file.kept = known.is_some_and(is_known) || !refused && may_keep(file.bytes);
        match file.kept {
            true => drop(self.docket.keep(&body, self.clock.now())?),
            false if !refused => findings.push(checks::NOT_KEPT.at(&place, "")),
            false => {}
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        Ok(Seen::File(Measured { findings, ..file }))
    }

    async fn ask(&self, url: &str) -> Fetch {
        // A file that is elsewhere is another one tomorrow: redirects stay on its host and below.
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let domains: Vec<_> = host.into_iter().collect();
        self.fetcher.fetch_file(&Target { url, domains: &domains, plain: false }, Agent::Mobile).await
    }

    /// R-MALICE: by what it, or what it leads to, is on a blocklist.
    fn on_a_list(&self, url: &str, fetch: &Fetch) -> Option<String> {
        let lists = &self.fetcher.terms().blocklists;
        let last = fetch.result.as_ref().err().map(|(at, _)| at.as_str());
        let urls = std::iter::once(url).chain(last).filter_map(|url| Url::parse(url).ok());
        let mut all = urls.chain(fetch.route.iter().map(|hop| hop.url.clone()));
        all.find_map(|url| listed(&url, lists))
    }

    async fn scanned(&self, document: &Document, place: &str) -> Vec<Finding> {
        let Some(clamd) = &self.fetcher.terms().clamd else { return Vec::new() };
        scan(clamd, &document.body).await.finding(place).into_iter().collect()
    }
}

fn harmful(place: &str, found: &str) -> Finding {
    let scan = Scan::Infected(format!("{found} is on a blocklist"));
    // An infection is always told.
    scan.finding(place).unwrap_or_else(|| checks::ELSEWHERE.at(place, found))
}

fn none(before: u32, ends: bool, why: Finding) -> Seen {
    Seen::None(Missed { times: before.saturating_add(1), ends, why })
}

/// R-MALICE: a server that calls a picture something else has browsers treat it as that.
fn is_what_it_says(document: &Document) -> Option<Finding> {
    let said = document.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if UNSAID.contains(&said.as_str()) {
        return None;
    }
    let wrong = upload::check(&document.body, &said).err()?;
    // Anything else is found when it is measured.
    (wrong.code == upload::checks::WRONG_KIND.code).then_some(*wrong)
}

/// A file by its bytes; what is wrong with it is found.
fn of(body: &[u8], measured: Result<Media, Vec<Finding>>, place: &str, findings: &mut Vec<Finding>) -> Measured {
    let mut file = Measured {
        sha256: digest_text(&Sha256::digest(body).into()),
        kept: false,
        kind: String::new(),
        bytes: body.len() as u64,
        size: (0, 0),
        duration_ms: 0,
        bitrate_kbps: 0,
        fingerprint: None,
        findings: Vec::new(),
    };
    match measured {
        Ok(media) => {
            media.kind.media_type().clone_into(&mut file.kind);
            (file.size, file.duration_ms, file.bitrate_kbps) = (media.size, media.duration_ms, media.bitrate_kbps);
            file.fingerprint = media.fingerprint.map(|print| format!("{print:016x}"));
            findings.extend(media.warnings.into_iter().map(|it| at(it, place)));
        }
        Err(wrong) => findings.extend(wrong.into_iter().map(|it| match it.code == upload::checks::UNKNOWN.code {
            // What players take and this program does not measure: sounds, playlists, captions, fonts.
            true => checks::NOT_MEASURED.at(place, &it.found),
            false => at(it, place),
        })),
    }
    file
}

fn at(finding: Finding, place: &str) -> Finding {
    Finding { place: place.to_owned(), ..finding }
}

/// Why nothing was seen.
fn missed(place: &str, before: u32, (at, refusal): (&str, &Refusal)) -> Seen {
    if let Refusal::Busy(_) = refusal {
        return Seen::Later;
    }
    if let Refusal::LargeBody(most) = refusal {
        let why = upload::checks::TOO_LARGE.over(place, "", format!("{most} bytes"));
        return none(before, true, why);
    }
    let (en, zh) = words(refusal);
    let told = |check: &Check| {
        let mut finding = check.over(place, at, en);
        finding.zh = check.over("", "", zh).zh;
        finding
    };
    match refusal.meaning() {
        Meaning::Elsewhere => none(before, true, told(&checks::ELSEWHERE)),
        _ => none(before, matches!(refusal, Refusal::Robots), told(&checks::UNREACHABLE)),
    }
}

/// A refusal of a file in English and Chinese.
const fn words(refusal: &Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::Scheme(_) => ("it must be served over https", "须使用 https 提供"),
        Refusal::Port(_) => ("it must be served at the usual port", "须使用标准端口"),
        Refusal::Credentials => ("a user or a password is in its URL", "网址中含有用户名或密码"),
        Refusal::Malformed(_) => ("its URL cannot be read", "网址无法识别"),
        Refusal::Outside(_) => {
            ("it redirects to another host: name the URL where it is", "跳转到其他主机：请直接引用最终网址")
        }
        Refusal::Internal(_) => ("its host has an address of an internal network", "其主机指向内部网络地址"),
        Refusal::Nameless(_) => ("its host's name cannot be resolved", "无法解析其主机名"),
        Refusal::Certificate(_) => ("the server's certificate does not hold", "服务器证书无效"),
        Refusal::Protocol(_) | Refusal::LargeHead(_) | Refusal::Encoding(_) => {
            ("the answer is not HTTP as it should be", "响应不符合 HTTP 协议")
        }
        Refusal::Slow(Phase::Resolve | Phase::Connect) => ("the server does not answer in time", "服务器未及时响应"),
        Refusal::Slow(_) => ("it does not arrive in time", "未能及时接收完毕"),
        Refusal::Hops(_) | Refusal::Loop(_) => ("it redirects too often", "跳转次数过多"),
        Refusal::Status(_) => {
            ("the server says that it is not there (its status is not 200)", "服务器返回的状态码不是 200")
        }
        Refusal::Robots => {
            ("robots.txt forbids it: allow it for `pmpx-landing`", "robots.txt 禁止抓取：请对 `pmpx-landing` 放行")
        }
        Refusal::RobotsGone => ("the host's robots.txt cannot be had", "无法获取该主机的 robots.txt"),
        Refusal::LargeBody(_) => ("it is too large", "文件过大"),
        Refusal::Unreachable(_) | Refusal::Type(_) | Refusal::Download(_) | Refusal::Busy(_) => {
            ("the server cannot be connected to", "无法连接服务器")
        }
    }
}
