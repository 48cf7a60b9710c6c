//! What of a creative's files is fetched, what is found in them, and whether one is what was reviewed.

use super::{Measured, Named, checks};
use crate::compliance::check::Check;
use crate::compliance::creative::{Record, Submission};
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::markup::Resource;
use crate::market::policy::landing::FileTerms;
use crate::market::supply::{Format, Size};

/// A film may be so much longer or shorter than was submitted, ms: whole seconds were.
const TOLERANCE_MS: u64 = 1_000;

/// The URLs that are still to be fetched before a submission can be judged, in the order of its URLs: at most the terms' number of all that it names.
#[must_use]
pub fn wanted(record: &Record, resources: &[Resource], terms: &FileTerms) -> Vec<String> {
    let known = |url: &str| record.named.iter().any(|it| it.url == url && it.is_settled(terms));
    let first = fetched(resources).take(terms.most);
    first.filter(|it| !known(&it.url)).map(|it| it.url.clone()).collect()
}

/// Those of a markup's files that can be asked for: what a script puts into a URL is not known.
fn fetched(resources: &[Resource]) -> impl Iterator<Item = &Resource> {
    resources.iter().filter(|it| it.is_whole())
}

impl Named {
    /// Whether it was seen, or was asked for often enough.
    fn is_settled(&self, terms: &FileTerms) -> bool {
        let given_up = self.missed.as_ref().is_some_and(|it| it.ends || it.times >= terms.tries);
        self.file.is_some() || given_up
    }

    /// Whether what was seen now is what was reviewed; `None`: it is, or it was not seen.
    #[must_use]
    pub fn differs(&self, seen: &super::Seen) -> Option<Differs> {
        let before = self.file.as_ref()?;
        match seen {
            super::Seen::File(now) if now.sha256 != before.sha256 => Some(Differs::Other(now.clone())),
            super::Seen::File(now) if now.findings.iter().any(|it| it.weight == Weight::Refuse) => {
                Some(Differs::Harmful(now.clone()))
            }
            super::Seen::File(_) => None,
            super::Seen::None(missed) if missed.why.weight == Weight::Refuse => Some(Differs::Gone(missed.why.clone())),
            super::Seen::None(_) | super::Seen::Later => None,
        }
    }

    /// What there is to be told of it since it was reviewed: that it is another one, what is wrong with that, that it is not there.
    #[must_use]
    pub fn told(&self) -> Vec<Finding> {
        let mut told = Vec::new();
        if let Some((before, now)) = self.file.as_ref().zip(self.other.as_ref()).filter(|(a, b)| a.sha256 != b.sha256) {
            let apart = before.distance(now).map(|apart| format!("; {apart}/64")).unwrap_or_default();
            let was = format!("{}{apart}", before.sha256);
            told.push(checks::CHANGED.over(format!("file {}", self.url), &now.sha256, was));
        }
        told.extend(self.other.iter().flat_map(|it| it.findings.iter().cloned()));
        told.extend(self.missed.iter().map(|it| it.why.clone()));
        told
    }
}

/// How a file differs from the one that was reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differs {
    /// It is another one.
    Other(Measured),
    /// It is the same, and known to be harmful by now.
    Harmful(Measured),
    /// It leads where no file may be, to a host that is known to be harmful, or to more than is taken.
    Gone(Finding),
}

/// All that is found in the files that a markup names. `fetches`: whether they are fetched here.
#[must_use]
pub fn findings(record: &Record, resources: &[Resource], (terms, fetches): (&FileTerms, bool)) -> Vec<Finding> {
    let submission = &record.submission;
    let mut findings = Vec::new();
    let known = |url: &str| record.named.iter().find(|it| it.url == url);
    let unseen = fetched(resources).filter(|it| known(&it.url).is_none()).count();
    if !fetches && unseen > 0 {
        findings.push(checks::NOT_FETCHED.over("adm", "", unseen));
    } else if unseen > 0 {
        findings.push(checks::TOO_MANY.over("adm", &fetched(resources).count().to_string(), terms.most));
    }
    for resource in fetched(resources) {
        let Some(named) = known(&resource.url) else { continue };
        if let Some(file) = named.present() {
            findings.extend(file.findings.iter().cloned());
            compared(submission, resource, file, &mut findings);
        } else if let Some(missed) = &named.missed {
            findings.push(missed.why.clone());
        }
    }
    findings
}

/// What a file is, beside what was said of it.
fn compared(submission: &Submission, resource: &Resource, file: &Measured, findings: &mut Vec<Finding>) {
    let place = format!("file {}", resource.url);
    let mut say = |check: &Check, found: &str, limit: String| findings.push(check.over(&place, found, limit));
    let uploaded = submission.files.iter().find(|it| it.url == resource.url);
    if let Some(uploaded) = uploaded.filter(|it| it.sha256 != file.sha256) {
        say(&checks::NOT_AS_UPLOADED, &file.sha256, uploaded.sha256.clone());
    }
    let (w, h) = file.size;
    let found = format!("{w}x{h}");
    let is_film = file.kind == "video/mp4";
    if let Some((said_w, said_h)) = resource.size.filter(|said| w > 0 && *said != (u64::from(w), u64::from(h))) {
        say(&checks::OTHER_SIZE, &found, format!("{said_w}x{said_h}"));
    }
    if !is_film || !matches!(submission.format, Format::Video | Format::Audio) || !resource.is_played {
        return;
    }
    let sizes = &submission.sizes;
    if w > 0 && !sizes.is_empty() && !sizes.iter().any(|size| has_proportions((w, h), *size)) {
        let said: Vec<_> = sizes.iter().map(|size| format!("{}x{}", size.w, size.h)).collect();
        say(&checks::PROPORTIONS, &found, said.join(", "));
    }
    if let Some(seconds) = submission.duration_s
        && file.duration_ms.abs_diff(u64::from(seconds) * 1_000) > TOLERANCE_MS
    {
        say(&checks::DURATION, &format!("{} ms", file.duration_ms), seconds.to_string());
    }
    let most = crate::compliance::markup::Rules::default().bitrate_kbps;
    if file.bitrate_kbps > u64::from(most) {
        say(&checks::BITRATE, &file.bitrate_kbps.to_string(), most.to_string());
    }
}

/// To a hundredth: widths are rounded to even pixels.
fn has_proportions((w, h): (u32, u32), size: Size) -> bool {
    let (one, other) = (u64::from(w) * u64::from(size.h), u64::from(h) * u64::from(size.w));
    one.abs_diff(other) * 100 <= one.max(other)
}
