//! Whatever is submitted or uploaded, it is checked or refused: no panic, and nothing is told without a place.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pmpx::compliance::creative::Submission;
use pmpx::compliance::html::{Document, Limits};
use pmpx::compliance::{markup, media, upload};
use pmpx::market::supply::Format;

static SUBMISSION: LazyLock<Submission> = LazyLock::new(|| {
    let text = r#"{"account": "80010001", "advertiser": "qinghe-dairy", "crid": "milk-9", "version": 1, "format": "banner",
        "sizes": ["640x360"], "duration_s": 15, "landing_page": "https://qinghe.example/spring", "markup": ""}"#;
    serde_json::from_str(text).unwrap()
});

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (what, bytes) = input;
    match what % 6 {
        0 => drop(Document::of_bytes(&bytes, None, &Limits::default())),
        1 => {
            if let Ok(media) = media::measure(&bytes) {
                assert!(u64::from(media.size.0) * u64::from(media.size.1) <= 20_000_000);
            }
            drop(upload::check(&bytes, "image/png"));
        }
        format => {
            let markup = String::from_utf8_lossy(&bytes).into_owned();
            let format = Format::ALL[usize::from(format) % 4];
            let submission = Submission { format, markup, ..SUBMISSION.clone() };
            let findings = markup::check(&submission, &markup::Rules::default());
            assert!(findings.len() <= 101 && findings.iter().all(|it| !it.place.is_empty()));
        }
    }
});
