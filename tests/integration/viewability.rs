//! The viewability snippet in a real browser: a page with ads that are wholly in view, partly, not at all, and later.
//!
//! Needs Chromium; without one the test says so and passes. The browser talks to this test's own server on loopback and to nobody else.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loadtest::time::pause;
use openrtb::Macros;
use pmpx::market::supply::{Format, Size};
use pmpx::markup::{self, Display, Known, Tags};

/// The placement's minimum, ms.
const MINIMUM_MS: u32 = 400;
/// Longer than any of it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the page's server is asked and says.
#[derive(Default)]
struct Site {
    port: u16,
    /// Beacons by ad.
    fired: Mutex<BTreeMap<String, u32>>,
    /// Where the page is scrolled to, px.
    scroll: AtomicU32,
}

impl Site {
    fn fired(&self, ad: &str) -> u32 {
        self.fired.lock().unwrap().get(ad).copied().unwrap_or(0)
    }

    /// An ad of 300 × 250 as the exchange writes it.
    fn ad(&self, name: &str) -> String {
        let beacon = format!("http://127.0.0.1:{}/t/imp/{name}", self.port);
        let tags = Tags { impression: Some(&beacon), landing_page: "https://tea.example", ..Tags::default() };
        let size = Some(Size { w: 300, h: 250 });
        let display = Display {
            format: Format::Banner,
            beacon: true,
            minimum_ms: MINIMUM_MS,
            duration_ms: None,
            size,
            native: None,
        };
        let mut out = String::new();
        let markup = r#"<div style="width:300px;height:250px;background:#9c9">tea</div>"#;
        markup::write(markup, &display, &tags, (&Known::default(), &Macros::default()), &mut out).unwrap();
        out
    }

    fn page(&self) -> String {
        let frame = |name: &str, top: &str, left: u32, height: u32| {
            format!(
                r#"<iframe src="http://localhost:{}/frame/{name}" style="position:absolute;top:{top};left:{left}px" width="300" height="{height}" frameborder="0" scrolling="no"></iframe>"#,
                self.port
            )
        };
        format!(
            r#"<!DOCTYPE html><body style="margin:0;height:4000px">{}{}{}{}{}{}<div style="position:absolute;top:270px;left:0;width:300px;height:250px">{}</div>
<script>setInterval(function(){{fetch("/scroll").then(function(r){{return r.text()}}).then(function(y){{scrollTo(0,+y)}})}},100)</script></body>"#,
            frame("whole", "0", 0, 250),
            frame("nested", "0", 310, 250),
            frame("clipped", "270px", 310, 100),
            frame("old", "300px", 400, 250),
            frame("half", "calc(100vh - 125px)", 310, 250),
            frame("below", "2000px", 0, 250),
            self.ad("inline"),
        )
    }

    /// An answer's type and body.
    fn answer(&self, path: &str) -> (&'static str, String) {
        const HTML: &str = "text/html; charset=utf-8";
        let body = |ad: &str| format!(r#"<!DOCTYPE html><html><body style="margin:0">{ad}</body></html>"#);
        let (_, name) = path.rsplit_once('/').unwrap_or_default();
        match path {
            "/" => (HTML, self.page()),
            "/scroll" => ("text/plain", self.scroll.load(Ordering::Relaxed).to_string()),
            "/frame/nested" => {
                let inner = format!("http://127.0.0.1:{}/frame/inner", self.port);
                let frame = format!(
                    r#"<iframe src="{inner}" width="300" height="250" frameborder="0" scrolling="no"></iframe>"#
                );
                (HTML, body(&frame))
            }
            "/frame/old" => {
                (HTML, body(&format!("<script>window.IntersectionObserver=undefined</script>{}", self.ad(name))))
            }
            _ if path.starts_with("/frame/") => (HTML, body(&self.ad(name))),
            _ if path.starts_with("/t/imp/") => {
                let told = format!("?ms={MINIMUM_MS}");
                let ad = name.strip_suffix(&told).unwrap_or("a beacon without its time").to_owned();
                *self.fired.lock().unwrap().entry(ad).or_default() += 1;
                ("image/gif", String::new())
            }
            _ => ("text/plain", String::new()),
        }
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while reader.read_line(&mut line)? > 2 {}
        let (kind, body) = self.answer(&path);
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type:";
        write!(reader.into_inner(), "{head} {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// A browser that ends with the test.
struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

fn open(program: PathBuf, url: &str) -> Browser {
    let profile = tempfile::tempdir().unwrap();
    let child = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=800,900"])
        .args(["--no-first-run", "--disable-extensions", "--disable-sync", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-dev-shm-usage", "--remote-debugging-port=0"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Browser { child, _profile: profile }
}

/// R-DISPLAY: on screen, wholly and clearly visible, for the minimum; and one display bills once.
#[test]
fn r_display_the_snippet_fires_once_when_all_of_the_ad_was_in_view() {
    let Some(program) = chromium() else {
        println!("skipped: there is no Chromium on this machine");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Arc::new(Site { port: listener.local_addr().unwrap().port(), ..Site::default() });
    let server = Arc::clone(&site);
    // Ends with the process: a browser may hold connections that it never uses.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let site = Arc::clone(&server);
            std::thread::spawn(move || site.serve(stream));
        }
    });
    let _browser = open(program, &format!("http://127.0.0.1:{}/", site.port));
    let wait_for = |ads: &[&str]| {
        const STEP: Duration = Duration::from_millis(20);
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            if ads.iter().all(|ad| site.fired(ad) > 0) {
                // Time for what should not fire, or not again.
                return pause(Duration::from_millis(3 * u64::from(MINIMUM_MS)));
            }
            pause(STEP);
        }
        panic!("waiting for {ads:?}; fired: {:?}", site.fired.lock().unwrap());
    };
    let once = |ads: &[&str]| {
        let expected: BTreeMap<_, _> = ads.iter().map(|ad| ((*ad).to_owned(), 1)).collect();
        assert_eq!(*site.fired.lock().unwrap(), expected);
    };
    wait_for(&["whole", "inner", "inline"]);
    once(&["whole", "inner", "inline"]);
    site.scroll.store(1_900, Ordering::Relaxed);
    wait_for(&["below"]);
    once(&["whole", "inner", "inline", "below"]);
    // Back to where those stand that have fired.
    site.scroll.store(0, Ordering::Relaxed);
    wait_for(&[]);
    once(&["whole", "inner", "inline", "below"]);
}
