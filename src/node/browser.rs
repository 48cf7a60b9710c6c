//! Pictures of landing pages, for reviewers and as evidence (R-REVIEW, R-LANDING-FROZEN): a Chromium of its own for each, that knows nobody and is known to
//! nobody, whose only way out is the proxy, and which ends with the picture.
//!
//! A page's scripts run in it, as they do at users'. So it has a profile that is thrown away, one way out, bounded time, and Chromium's own sandbox.

mod driver;
mod proxy;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process_group, test_kill_process_group};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout_at};
use url::Url;

use driver::{Driver, Wanted};
use proxy::Proxy;

use crate::clock::Clock;
use crate::compliance::crawl::{Agent, Dialer};
use crate::compliance::finding::Finding;
use crate::compliance::{media, upload};
use crate::market::policy::landing::{BrowserTerms, LandingTerms};

/// The largest picture, bytes.
const LARGEST_PICTURE: usize = 12 << 20;
/// Seconds of processor time of each of its processes, beyond its time.
const SPARE_S: u64 = 5;
/// How much of what it says of its troubles is kept, bytes.
const TROUBLES: usize = 2_000;
/// Its processes are gone within this after they were killed.
const GONE: Duration = Duration::from_secs(2);
/// Starts it: its pipe where it looks for it, no core files, bounded processor time, and weaker than what serves ads.
const START: &str = r#"ulimit -c 0; ulimit -t "$0"; exec nice -n 19 "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#;

const PREFERENCES: &str = r#"{"webrtc":{"ip_handling_policy":"disable_non_proxied_udp"}}"#;

/// Takes pictures, one at a time.
#[derive(Debug)]
pub struct Browser {
    terms: LandingTerms,
    browser: BrowserTerms,
    dialer: Arc<Dialer>,
    turn: Semaphore,
    clock: Clock,
}

/// A picture of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// PNG, of the asked size.
    pub png: Vec<u8>,
    /// Where the page was by then: scripts may have led elsewhere.
    pub url: String,
    /// What the page asked for and was not given.
    pub refused: Vec<Finding>,
}

/// Why there is no picture. It says nothing of the page by itself.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Neither HTTPS nor, where that is allowed, HTTP.
    #[error("there are no pictures of {0:?}: a page's URL begins with https://")]
    Url(String),
    /// Chromium's sandbox does not work for root.
    #[error(
        "the browser is not started as root: run pmpx as another user, or say `sandbox = false` in landing.toml [browser]"
    )]
    Root,
    /// The browser, its proxy or its profile could not be made.
    #[error("the browser could not be started: {0}")]
    Start(#[from] io::Error),
    /// It ended by itself.
    #[error("the browser ended before the picture was there")]
    Ended,
    /// The same, with what it said of its troubles.
    #[error("the browser ended before the picture was there; it said: {0}")]
    EndedSaying(String),
    /// Its time was over.
    #[error("the picture was not there in time")]
    Slow,
    /// The page does not answer as one.
    #[error("the page could not be opened: {0}")]
    Page(String),
    /// The browser said something that is not understood.
    #[error("the browser's answer is not understood: {0}")]
    Answer(String),
    /// What it gave is no picture of the asked size.
    #[error("what the browser gave is no picture as it was asked for: {0}")]
    Picture(String),
}

impl Browser {
    /// One that goes where the dialer lets it; `None`: the terms have none.
    #[must_use]
    pub fn new(terms: &LandingTerms, dialer: Arc<Dialer>, clock: Clock) -> Option<Self> {
        let browser = terms.browser.clone()?;
        Some(Self { terms: terms.clone(), browser, dialer, turn: Semaphore::new(1), clock })
    }

    /// A picture of a page as that kind of browser shows it; `plain`: it may do without TLS.
    ///
    /// # Errors
    /// [`Refusal`]. Nothing of the browser is left behind, whatever becomes of it, also where the caller does not wait for the end.
    pub async fn picture(&self, url: &str, agent: Agent, plain: bool) -> Result<Picture, Refusal> {
        let scheme = Url::parse(url).map(|url| url.scheme().to_owned()).unwrap_or_default();
        if scheme != "https" && !(plain && scheme == "http") {
            return Err(Refusal::Url(url.chars().take(200).collect()));
        }
        if self.browser.sandbox && geteuid().is_root() {
            return Err(Refusal::Root);
        }
        let _turn = self.turn.acquire().await.map_err(|_| Refusal::Ended)?;
        let proxy = Proxy::open(self.dialer.clone(), self.terms.clone(), plain).await?;
        let mut running = Running::start(&self.browser, &proxy)?;
        let begin = self.clock.instant();
        let time = (begin, begin + self.browser.within);
        let (size, mobile) = (self.browser.size, agent != Agent::Desktop);
        let (credentials, clock) = (proxy.credentials(), &self.clock);
        let wanted = Wanted { url, agent: agent.header(), mobile, size, credentials, time, clock };
        let taken = timeout_at(time.1, running.driver.picture(&wanted)).await.unwrap_or(Err(Refusal::Slow));
        let troubles = running.end().await;
        let taken = taken.map_err(|refusal| match refusal {
            Refusal::Ended if !troubles.is_empty() => Refusal::EndedSaying(troubles),
            other => other,
        })?;
        self.check(&taken.png)?;
        Ok(Picture { png: taken.png, url: taken.url, refused: proxy.refused() })
    }

    /// A picture is judged like a file that anybody uploads.
    fn check(&self, png: &[u8]) -> Result<(), Refusal> {
        if png.len() > LARGEST_PICTURE {
            return Err(Refusal::Picture(format!("{} bytes", png.len())));
        }
        let refused = |finding: &Finding| Refusal::Picture(format!("{}: {}", finding.code, finding.en));
        let kind = upload::check(png, upload::Kind::Png.media_type()).map_err(|finding| refused(&finding))?;
        let media = media::measure(png).map_err(|found| found.first().map_or(Refusal::Ended, refused))?;
        let size = (u32::from(self.browser.size.w), u32::from(self.browser.size.h));
        if kind != upload::Kind::Png || media.size != size {
            return Err(Refusal::Picture(format!("{}x{} pixels", media.size.0, media.size.1)));
        }
        Ok(())
    }
}

/// A browser that ends with this, and all of its processes with it.
struct Running {
    driver: Driver,
    child: Child,
    group: Option<Pid>,
    troubles: Arc<Mutex<Vec<u8>>>,
    profile: Option<TempDir>,
}

impl Running {
    fn start(terms: &BrowserTerms, proxy: &Proxy) -> io::Result<Self> {
        let prefix = format!("pmpx-browser-{}-", std::process::id());
        let profile = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        let home = profile.path();
        // The same as the switch says: without either, WebRTC sends datagrams past the proxy.
        std::fs::create_dir_all(home.join("profile/Default"))?;
        std::fs::write(home.join("profile/Default/Preferences"), PREFERENCES)?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(START).arg((terms.within.as_secs() + SPARE_S).to_string()).arg(&terms.program);
        command
            .args(["--headless", "--remote-debugging-pipe", "--no-startup-window", "--block-new-web-contents"])
            .args(["--no-first-run", "--no-default-browser-check", "--no-pings", "--mute-audio", "--hide-scrollbars"])
            .args(["--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-sync"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-domain-reliability"])
            .args(["--disable-default-apps", "--disable-breakpad", "--disable-client-side-phishing-detection"])
            .args(["--disable-features=Translate,MediaRouter,OptimizationHints,NetworkTimeServiceQuerying"])
            .args(["--disable-blink-features=AutomationControlled", "--password-store=basic", "--use-mock-keychain"])
            // Nothing goes out but through the proxy: neither loopback, nor by UDP, nor to ask for a name.
            .args(["--proxy-bypass-list=<-loopback>", "--disable-quic"])
            .arg("--webrtc-ip-handling-policy=disable_non_proxied_udp")
            .arg("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
            .arg(format!("--proxy-server=http://{}", proxy.address()))
            .args(["--renderer-process-limit=4", "--js-flags=--max-old-space-size=256", "--disk-cache-size=33554432"])
            .arg("--lang=zh-CN")
            .arg(format!("--user-data-dir={}", home.join("profile").display()))
            .args((!terms.sandbox).then_some("--no-sandbox"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").env("HOME", home).env("TMPDIR", home);
        command.current_dir(home).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let troubles = Arc::<Mutex<Vec<u8>>>::default();
        let talking = pipes.ok_or(io::ErrorKind::BrokenPipe.into()).and_then(|((to, from), stderr)| {
            let kept = troubles.clone();
            std::thread::Builder::new().name("pmpx-browser-err".into()).spawn(move || listen(stderr, &kept))?;
            Driver::new(to, from)
        });
        match talking {
            Ok(driver) => Ok(Self { driver, child, group, troubles, profile: Some(profile) }),
            Err(error) => {
                end(&mut child, group);
                Err(error)
            }
        }
    }

    /// Ends it, and tells what it said of its troubles last.
    async fn end(mut self) -> String {
        end(&mut self.child, self.group);
        // Its other processes are nobody's children here: they are gone when their group is.
        let wait = Duration::from_millis(10);
        for _ in 0..GONE.as_millis() / wait.as_millis() {
            if self.group.is_none_or(|group| test_kill_process_group(group).is_err()) {
                break;
            }
            sleep(wait).await;
        }
        self.group = None;
        if let Some(profile) = self.profile.take()
            && let Err(error) = profile.close()
        {
            tracing::warn!(%error, "a browser's profile could not be removed");
        }
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |it: char| if it.is_control() { ' ' } else { it };
        String::from_utf8_lossy(&troubles).trim().chars().map(shown).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child, self.group);
    }
}

/// Kills a browser and all that it has started.
fn end(child: &mut Child, group: Option<Pid>) {
    // Once it was waited for, its number may be another's.
    if matches!(child.try_wait(), Ok(Some(_))) && group.is_none_or(|group| test_kill_process_group(group).is_err()) {
        return;
    }
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Keeps the end of what is said.
fn listen(mut from: ChildStderr, kept: &Mutex<Vec<u8>>) {
    let mut piece = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(piece.get(..read).unwrap_or_default());
        let over = kept.len().saturating_sub(TROUBLES);
        kept.drain(..over);
    }
}
