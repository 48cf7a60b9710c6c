//! What is said to Chromium over its pipe (DevTools protocol, messages that end with a zero byte), and what it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{LARGEST_PICTURE, Refusal};
use crate::clock::Clock;
use crate::market::supply::Size;

/// The longest message, bytes: a picture in base64.
const LARGEST_MESSAGE: u64 = (LARGEST_PICTURE as u64) * 4 / 3 + (64 << 10);
/// Messages that wait for each side.
const MOST_WAITING: usize = 256;
/// Requests of one page.
const MOST_REQUESTS: u32 = 1_000;
/// After this share of the time a page is taken as it is by then.
const LOAD_SHARE: u32 = 2;
/// What a page does after it was loaded: it fades in, say.
const SETTLE: Duration = Duration::from_millis(1_500);

/// What a picture is taken of, and as what it is asked.
#[derive(Debug)]
pub(super) struct Wanted<'w> {
    pub(super) url: &'w str,
    pub(super) agent: &'static str,
    pub(super) mobile: bool,
    pub(super) size: Size,
    /// The proxy's name and word.
    pub(super) credentials: (&'static str, &'w str),
    /// From when to when.
    pub(super) time: (Instant, Instant),
    pub(super) clock: &'w Clock,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) png: Vec<u8>,
    /// Where the page was when the picture was taken.
    pub(super) url: String,
}

/// A conversation with one browser.
pub(super) struct Driver {
    say: SyncSender<Vec<u8>>,
    said: mpsc::Receiver<Said>,
    last_id: u64,
    session: Option<String>,
    seen: Seen,
}

/// What the browser told by itself.
#[derive(Debug, Default)]
struct Seen {
    /// The page's main frame.
    frame: String,
    loaded: bool,
    /// The status of the newest document of the main frame.
    status: Option<u16>,
    requests: u32,
}

#[derive(Debug, Deserialize)]
struct Said {
    id: Option<u64>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<Value>,
}

impl Driver {
    /// Talks over a browser's pipes; its threads end with them.
    pub(super) fn new(to: ChildStdin, from: ChildStdout) -> std::io::Result<Self> {
        let (say, waiting) = sync_channel::<Vec<u8>>(MOST_WAITING);
        let (told, said) = mpsc::channel(MOST_WAITING);
        std::thread::Builder::new().name("pmpx-browser-in".into()).spawn(move || write(to, &waiting))?;
        std::thread::Builder::new().name("pmpx-browser-out".into()).spawn(move || read(from, &told))?;
        Ok(Self { say, said, last_id: 0, session: None, seen: Seen::default() })
    }

    /// Opens the page, waits until it is loaded, and takes its picture.
    pub(super) async fn picture(&mut self, wanted: &Wanted<'_>) -> Result<Taken, Refusal> {
        self.open(wanted).await?;
        let moved = self.call("Page.navigate", &json!({ "url": wanted.url }), wanted).await?;
        if let Some(error) = text(&moved, "/errorText").filter(|error| !error.is_empty()) {
            return Err(Refusal::Page(error.to_owned()));
        }
        let (begin, end) = wanted.time;
        let latest = begin + end.saturating_duration_since(begin) / LOAD_SHARE;
        while !self.seen.loaded {
            // A page that is never done is taken as it is.
            let Ok(said) = timeout_at(latest, self.said.recv()).await else { break };
            self.hear(&said.ok_or(Refusal::Ended)?, wanted)?;
        }
        let settled = (wanted.clock.instant() + SETTLE).min(end);
        while let Ok(said) = timeout_at(settled, self.said.recv()).await {
            self.hear(&said.ok_or(Refusal::Ended)?, wanted)?;
        }
        match self.seen.status {
            Some(200..=299) => {}
            Some(status) => return Err(Refusal::Page(format!("status {status}"))),
            None => return Err(Refusal::Page("no answer".to_owned())),
        }
        let frames = self.call("Page.getFrameTree", &json!({}), wanted).await?;
        let url = text(&frames, "/frameTree/frame/url").unwrap_or_default().to_owned();
        let shot = json!({ "format": "png", "captureBeyondViewport": false });
        let shot = self.call("Page.captureScreenshot", &shot, wanted).await?;
        let png = STANDARD.decode(text(&shot, "/data").unwrap_or_default());
        Ok(Taken { png: png.map_err(|error| Refusal::Answer(error.to_string()))?, url })
    }

    /// A page of its own, of the asked size, that saves nothing and asks nobody.
    async fn open(&mut self, wanted: &Wanted<'_>) -> Result<(), Refusal> {
        let Size { w, h } = wanted.size;
        let blank = json!({ "url": "about:blank", "width": w, "height": h });
        let target = self.call("Target.createTarget", &blank, wanted).await?;
        let target = text(&target, "/targetId").ok_or_else(|| Refusal::Answer("no target".to_owned()))?.to_owned();
        self.call("Browser.setDownloadBehavior", &json!({ "behavior": "deny" }), wanted).await?;
        let attached =
            self.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }), wanted).await?;
        self.session = text(&attached, "/sessionId").map(str::to_owned);
        self.seen.frame = target;
        let metrics = json!({ "width": w, "height": h, "deviceScaleFactor": 1, "mobile": wanted.mobile });
        self.call("Emulation.setDeviceMetricsOverride", &metrics, wanted).await?;
        let agent = json!({ "userAgent": wanted.agent, "acceptLanguage": "zh-CN,zh;q=0.9,en;q=0.5" });
        self.call("Emulation.setUserAgentOverride", &agent, wanted).await?;
        self.call("Page.enable", &json!({}), wanted).await?;
        // Every request is let through by hand, which is how the proxy's question comes to be answered; documents once more with their status.
        let answered = json!({ "urlPattern": "*", "resourceType": "Document", "requestStage": "Response" });
        let paused = json!({ "handleAuthRequests": true, "patterns": [{ "urlPattern": "*" }, answered] });
        self.call("Fetch.enable", &paused, wanted).await?;
        Ok(())
    }

    /// Says something and waits for its answer, hearing what else is told meanwhile.
    async fn call(&mut self, method: &str, params: &Value, wanted: &Wanted<'_>) -> Result<Value, Refusal> {
        let id = self.send(method, params)?;
        loop {
            let said = self.said.recv().await.ok_or(Refusal::Ended)?;
            if said.id != Some(id) {
                self.hear(&said, wanted)?;
                continue;
            }
            return match said.error {
                Some(error) => Err(Refusal::Answer(format!("{method}: {error}"))),
                None => Ok(said.result),
            };
        }
    }

    fn send(&mut self, method: &str, params: &Value) -> Result<u64, Refusal> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if let (Some(session), Some(message)) = (&self.session, message.as_object_mut()) {
            message.insert("sessionId".to_owned(), json!(session));
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.say.try_send(bytes).map_err(|_| Refusal::Ended)?;
        Ok(self.last_id)
    }

    /// What the browser tells by itself.
    fn hear(&mut self, said: &Said, wanted: &Wanted<'_>) -> Result<(), Refusal> {
        let told = &said.params;
        match said.method.as_deref() {
            Some("Page.loadEventFired") => self.seen.loaded = true,
            // A box would keep the page from being drawn.
            Some("Page.javascriptDialogOpening") => {
                self.send("Page.handleJavaScriptDialog", &json!({ "accept": false })).map(drop)?;
            }
            Some("Fetch.requestPaused") => self.paused(told)?,
            Some("Fetch.authRequired") => {
                let (username, password) = wanted.credentials;
                // A site's own question is not answered: who it is for is not here.
                let answer = match text(told, "/authChallenge/source") {
                    Some("Proxy") => {
                        json!({ "response": "ProvideCredentials", "username": username, "password": password })
                    }
                    _ => json!({ "response": "CancelAuth" }),
                };
                let params = json!({ "requestId": told.get("requestId"), "authChallengeResponse": answer });
                self.send("Fetch.continueWithAuth", &params).map(drop)?;
            }
            Some("Inspector.targetCrashed") => return Err(Refusal::Page("the page broke the browser".to_owned())),
            _ => {}
        }
        Ok(())
    }

    fn paused(&mut self, told: &Value) -> Result<(), Refusal> {
        let request = json!({ "requestId": told.get("requestId") });
        if let Some(status) = told.get("responseStatusCode").and_then(Value::as_u64) {
            if text(told, "/frameId") == Some(&self.seen.frame) {
                self.seen.status = u16::try_from(status).ok();
            }
            return self.send("Fetch.continueRequest", &request).map(drop);
        }
        self.seen.requests += 1;
        if self.seen.requests > MOST_REQUESTS {
            let params = json!({ "requestId": told.get("requestId"), "errorReason": "BlockedByClient" });
            return self.send("Fetch.failRequest", &params).map(drop);
        }
        self.send("Fetch.continueRequest", &request).map(drop)
    }
}

fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path).and_then(Value::as_str)
}

fn write(mut to: ChildStdin, waiting: &Receiver<Vec<u8>>) {
    while let Ok(message) = waiting.recv() {
        if to.write_all(&message).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn read(from: ChildStdout, told: &mpsc::Sender<Said>) {
    let mut from = BufReader::new(from);
    loop {
        let mut message = Vec::new();
        let read = (&mut from).take(LARGEST_MESSAGE).read_until(0, &mut message);
        // Its end, or a message that is longer than any that is waited for.
        if !matches!(read, Ok(1..)) || message.pop() != Some(0) {
            return;
        }
        let Ok(said) = serde_json::from_slice(&message) else { return };
        if told.blocking_send(said).is_err() {
            return;
        }
    }
}
