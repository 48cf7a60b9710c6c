//! What was seen of files, noted in the docket.

use super::{Differs, Named};
use crate::clock::UnixMillis;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::office::{By, Moved, Office, Refusal, Verdict, written};
use crate::compliance::scan;
use crate::event::Subject;
use crate::market::demand::CreativeState;

/// Why a creative is suspended, by the reasons' list that is shipped.
const CHANGED: &str = "content-changed";
const UNSAFE: &str = "malice";
/// The most characters of a URL that a reason repeats.
const LONGEST_SHOWN: usize = 200;

/// What became of what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It stands in the docket.
    Taken,
    /// Somebody took a step in between: what that asks for is done instead.
    Overtaken,
}

impl Office<'_> {
    /// Notes what was seen of the files of a version that is being checked, after the step that was known. Its checks go on at `again`.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn note_files(
        &self,
        subject: &Subject,
        seen: u64,
        (named, again): (&[Named], UnixMillis),
    ) -> Result<Noted, Refusal> {
        let judge = || {
            let (kept, state, mut record) = self.creative(subject)?;
            if kept.seq != seen || state != CreativeState::Checking {
                return Ok((Vec::new(), Noted::Overtaken));
            }
            record.named = named.to_vec();
            let by = By::exchange("the files that its markup names were fetched");
            let of = (subject.clone(), kept.step.owner);
            let mut taken = self.step(of, kept.seq, (state.code(), written(&record)?), &by);
            taken.step.due = Some(again);
            Ok((vec![taken], Noted::Taken))
        };
        self.take(judge).map(|(_, noted)| noted)
    }

    /// Suspends an approved version of which a file is not what was reviewed any more (R-REVIEW, R-MALICE), and tells its buyer. A person who has
    /// seen what is there now may resume it.
    ///
    /// # Errors
    /// See [`Office::decide`].
    pub fn files_differ(
        &self,
        subject: &Subject,
        seen: u64,
        (named, differs): (&[Named], &[(usize, Differs)]),
    ) -> Result<Moved, Refusal> {
        let of = |(place, differs): &(usize, Differs)| named.get(*place).map(|it| (it.url.as_str(), differs.clone()));
        let told: Vec<_> = differs.iter().filter_map(of).collect();
        let harmful = told.iter().any(|(_, it)| !matches!(it, Differs::Other(_)));
        let code = if harmful { UNSAFE } else { CHANGED };
        // An operator's own list of reasons may not have it.
        let reasons: Vec<_> = self.terms().reason(code).map(|reason| reason.code.clone()).into_iter().collect();
        let urls: Vec<_> = told.iter().map(|(url, _)| *url).collect();
        let urls: String = urls.join(" ").chars().take(LONGEST_SHOWN).collect();
        let reason = format!("not the file that was reviewed · 与审核时的文件不一致: {urls}");
        let verdict = Verdict {
            to: CreativeState::Suspended,
            reasons: &reasons,
            findings: None,
            files: Some(named),
            seen: Some(seen),
        };
        self.decide(subject, &verdict, &By::exchange(&reason))
    }
}

/// R-REFUSE: what refuses a file that took another's place. That it was harmful is confirmed by who resumes it (R-LANDING-SAFE).
pub(in crate::compliance) fn refusing(named: &[Named]) -> impl Iterator<Item = &Finding> {
    let all = named.iter().filter_map(|it| it.other.as_ref()).flat_map(|it| &it.findings);
    all.filter(|it| it.weight == Weight::Refuse && it.code != scan::INFECTED)
}
