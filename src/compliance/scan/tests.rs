//! The lists, and clamd itself: a daemon of the test's own with signatures of the test's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::*;
use crate::market::policy::landing::{Clamd, ClamdAt};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn hosts_with_all_under_them_and_urls_by_their_digest_are_found() {
    let url = |text: &str| Url::parse(text).unwrap();
    let bad = hex(&Sha256::digest("https://shop.example/bad?x=1"));
    let worse = hex(&Sha256::digest("https://shop.example/worse")).to_uppercase();
    let mut reader = Reader::default();
    reader.read(&format!("# ours\n\nEvil.example  # since May\n{bad}\n")).unwrap();
    reader.read(&format!("{worse}\r\n牛奶.example\nevil.example\n203.0.113.9\n")).unwrap();
    let lists = reader.done();
    assert_eq!((lists.hosts.len(), lists.urls.len()), (3, 2));
    for text in ["https://evil.example/", "http://a.b.EVIL.example./x", "https://牛奶.example/", "https://203.0.113.9/"]
    {
        assert!(listed(&url(text), &lists).unwrap().starts_with("host "), "{text}");
    }
    for text in ["https://shop.example/bad?x=1#top", "https://shop.example/worse?any=thing"] {
        assert!(listed(&url(text), &lists).unwrap().starts_with("URL "), "{text}");
    }
    for text in
        ["https://notevil.example/", "https://example/", "https://shop.example/bad?x=2", "https://shop.example/bad"]
    {
        assert_eq!(listed(&url(text), &lists), None, "{text}");
    }
    let wrong = Reader::default().read("good.example\nhttps://evil.example/\n").unwrap_err();
    assert_eq!((wrong.line, wrong.message.contains("neither a host")), (2, true), "{wrong}");
}

/// The test file of the European Institute for Computer Anti-Virus Research, in two parts, so that this file is not one.
fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

/// A clamd that ends with the test.
struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn clamd_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("clamd")).find(|file| file.is_file())
}

impl Daemon {
    /// Signatures: EICAR's, and one of our own for a piece of a page's script.
    fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signatures = folder.path().join("signatures");
        std::fs::create_dir(&signatures).unwrap();
        let lines = [("Test.Eicar", &eicar()[..]), ("Test.Redirector", b"location.replace('//dropper.example")]
            .map(|(name, bytes)| format!("{name}:0:*:{}\n", hex(bytes)));
        std::fs::write(signatures.join("test.ndb"), lines.concat()).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nLogFile {}\nStreamMaxLength 1M\nMaxThreads 2\n",
            at("socket"),
            at("signatures"),
            folder.path().display(),
            at("log")
        );
        std::fs::write(folder.path().join("clamd.conf"), config).unwrap();
        let child = Command::new(program)
            .arg(format!("--config-file={}", at("clamd.conf")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn terms(&self) -> Clamd {
        let at = ClamdAt::Socket(self.folder.path().join("socket"));
        Clamd { at, within: Duration::from_secs(60), largest: 2 << 20 }
    }
}

/// R-LANDING-SAFE: a real daemon finds what its signatures name, and nothing else.
#[tokio::test]
async fn r_landing_safe_clamd_finds_what_its_signatures_name() {
    let Some(program) = clamd_program() else {
        println!("skipped: there is no clamd on this machine");
        return;
    };
    let mut daemon = Daemon::start(&program);
    let terms = daemon.terms();
    while tokio::net::UnixStream::connect(daemon.folder.path().join("socket")).await.is_err() {
        assert!(
            daemon.child.try_wait().unwrap().is_none(),
            "clamd ended: {:?}",
            std::fs::read_to_string(daemon.folder.path().join("log"))
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(scan(&terms, b"<p>milk").await, Scan::Clean);
    assert_eq!(scan(&terms, &eicar()).await, Scan::Infected("Test.Eicar.UNOFFICIAL".to_owned()));
    let page = "<p>milk</p>".repeat(20_000) + "<script>location.replace('//dropper.example/x')</script>";
    assert!(page.len() > 3 * 65_536);
    assert_eq!(scan(&terms, page.as_bytes()).await, Scan::Infected("Test.Redirector.UNOFFICIAL".to_owned()));
    // Its own limit is 1 MiB: it says so, and that is not "clean".
    let Scan::NotKnown(why) = scan(&terms, &vec![b'a'; 3 << 19]).await else { panic!("too much for clamd") };
    assert!(why.contains("size limit"), "{why}");
    let Scan::NotKnown(why) = scan(&terms, &vec![b'a'; 3 << 20]).await else { panic!("too much for us") };
    assert!(why.contains("3145728 bytes"), "{why}");
    drop(daemon);
    let gone = scan(&terms, b"<p>milk").await;
    assert!(matches!(gone, Scan::NotKnown(_)), "{gone:?}");
    assert_eq!(gone.finding("page x").unwrap().weight, Weight::Note);
}

/// What answers something else, half of it, or nothing, leaves it open.
#[tokio::test]
async fn r_landing_safe_a_daemon_that_fails_is_not_clean() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = ClamdAt::Tcp(listener.local_addr().unwrap());
    let terms = Clamd { at, within: Duration::from_secs(60), largest: 1 << 20 };
    let answers = [Some(&b"stream: O"[..]), Some(b"OK\0"), Some(b""), Some(b"stream: OK FOUNDER\0"), None];
    tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            match answer {
                Some(bytes) => {
                    let mut heard = vec![0; 1_024];
                    let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut heard).await;
                    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, bytes).await;
                }
                None => open.push(stream),
            }
        }
        std::future::pending::<()>().await;
    });
    for answer in answers {
        let terms =
            if answer.is_some() { terms.clone() } else { Clamd { within: Duration::from_millis(50), ..terms.clone() } };
        let said = scan(&terms, b"<p>").await;
        assert!(matches!(said, Scan::NotKnown(_)), "{answer:?}: {said:?}");
    }
}
