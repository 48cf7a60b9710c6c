//! The files that a creative shows: what was uploaded, and what its markup names, as it was fetched.

use std::fmt::Write;

use super::super::parts::text;
use super::findings;
use crate::clock::UnixMillis;
use crate::compliance::creative::Record;
use crate::compliance::digest_of;
use crate::compliance::files::{Measured, Named};

/// The digests of all files that the stage may show for a creative.
pub(super) fn digests(record: &Record) -> Vec<[u8; 32]> {
    let fetched = record.named.iter().flat_map(|it| it.file.iter().chain(&it.other)).filter(|file| file.kept);
    let all = record.submission.files.iter().map(|file| &file.sha256).chain(fetched.map(|file| &file.sha256));
    all.filter_map(|sha256| digest_of(sha256)).collect()
}

/// What the stage shows in the place of a URL: what was uploaded for it, or else what was fetched.
pub(super) fn shown(record: &Record) -> Vec<(String, [u8; 32])> {
    let uploaded = record.submission.files.iter().map(|file| (file.url.as_str(), file.sha256.as_str()));
    let kept = |it: &'_ Named| it.present().is_some_and(|file| file.kept);
    let fetched = record.named.iter().filter(|it| kept(it));
    let fetched = fetched.filter_map(|it| Some((it.url.as_str(), it.present()?.sha256.as_str())));
    let mut files: Vec<(String, [u8; 32])> = Vec::new();
    for (url, digest) in uploaded.chain(fetched) {
        let known = files.iter().any(|(known, _)| known == url);
        files.extend(digest_of(digest).filter(|_| !known).map(|digest| (url.to_owned(), digest)));
    }
    files
}

/// What was fetched, each with what it is; where it is another one by now, both. `sheet`: where the stage shows them.
pub(super) fn fetched(sheet: Option<&str>, record: &Record) -> String {
    if record.named.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<h3>代码引用的文件 · files that the markup names</h3><div class=\"scroll\"><table class=\"wide\"><tbody>",
    );
    for it in &record.named {
        let _ = write!(html, "<tr><td>{}<small>{}</small></td><td>", text(&it.url), UnixMillis(it.at_ms).to_rfc3339());
        match (&it.file, &it.other) {
            (None, None) => html.push_str("<span class=\"person\">未抓取 not fetched</span>"),
            (Some(file), None) | (None, Some(file)) => html.push_str(&described(sheet, file)),
            (Some(file), Some(other)) => {
                html.push_str(&described(sheet, file));
                let _ = write!(html, "<br><span class=\"refuse\">现在 now</span> {}", described(sheet, other));
            }
        }
        html.push_str("</td></tr>");
    }
    html.push_str("</tbody></table></div>");
    let told: Vec<_> = record.named.iter().flat_map(Named::told).filter(|it| !record.findings.contains(it)).collect();
    if !told.is_empty() {
        html.push_str(&findings("审核之后 · since it was reviewed", &told));
    }
    html
}

fn described(sheet: Option<&str>, file: &Measured) -> String {
    let mut facts = vec![if file.kind.is_empty() { "?".to_owned() } else { file.kind.clone() }];
    facts.extend((file.size != (0, 0)).then(|| format!("{}x{}", file.size.0, file.size.1)));
    facts.extend((file.duration_ms > 0).then(|| format!("{} ms", file.duration_ms)));
    facts.push(format!("{} B", file.bytes));
    let said = format!("{}<small>SHA-256 {}</small>", text(&facts.join(" · ")), text(&file.sha256));
    match sheet.filter(|_| file.kept) {
        Some(sheet) => {
            let url = format!("{sheet}/{}", file.sha256);
            format!("<a href=\"{}\" target=\"_blank\" rel=\"noopener noreferrer\">{said}</a>", text(&url))
        }
        None => said,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::compliance::creative::tests::banner;
    use crate::compliance::creative::{FileOf, Origin};

    fn named(url: &str, file: u8, other: Option<u8>, kept: bool) -> Named {
        let of = |it: u8| {
            let text = format!(
                "{{\"sha256\":\"{it:064x}\",\"kept\":{kept},\"kind\":\"image/png\",\"bytes\":9,\"size\":[640,360]}}"
            );
            serde_json::from_str(&text).unwrap()
        };
        Named { url: url.to_owned(), at_ms: 0, file: Some(of(file)), other: other.map(of), missed: None }
    }

    #[test]
    fn files_are_shown_as_they_are_now_and_told_beside_what_was_reviewed() {
        let one = "https://a.example/1?x=<b>";
        let files = vec![FileOf { url: "https://a.example/2".to_owned(), sha256: format!("{:064x}", 9) }];
        let submission = crate::compliance::creative::Submission { files, ..banner() };
        let all = [
            named(one, 1, Some(2), true),
            named("https://a.example/2", 3, None, true),
            named("https://a.example/3", 4, None, false),
        ];
        let record = Record {
            submission,
            origin: Origin::Submitted,
            findings: Vec::new(),
            reasons: Vec::new(),
            named: all.to_vec(),
        };
        let digest = |it: u8| digest_of(&format!("{it:064x}")).unwrap();
        assert_eq!(shown(&record), [("https://a.example/2".to_owned(), digest(9)), (one.to_owned(), digest(2))]);
        assert_eq!(digests(&record), [9, 1, 2, 3].map(digest));
        let html = fetched(Some("http://127.0.0.1:9/x"), &record);
        for (part, times) in [("href=", 3), ("现在 now", 1), ("file-changed", 1), ("640x360", 4), ("?x=&lt;b&gt;", 2)]
        {
            assert_eq!(html.matches(part).count(), times, "{part}: {html}");
        }
        assert_eq!(fetched(None, &record).matches("href=").count(), 0);
    }
}
