//! The checks of the rooms, in order: markup, the files that were uploaded, those that it names by URL, words.

use crate::clock::ShanghaiDay;
use crate::compliance::creative::{Record, Submission};
use crate::compliance::finding::Finding;
use crate::compliance::html::Limits;
use crate::compliance::markup::{self, Hosts, Rules};
use crate::compliance::office::{Office, Refusal};
use crate::compliance::words::{Scope, Words, WordsError, said};
use crate::compliance::{digest_of, files, media};
use crate::market::Market;
use crate::market::policy::landing::FileTerms;

/// The rooms, ready for the terms of one market on one day.
#[derive(Debug)]
pub struct Rooms {
    rules: Rules,
    words: Words,
    files: FileTerms,
    /// Whether files that markup names are fetched.
    fetches: bool,
}

impl Rooms {
    /// Makes the rooms ready.
    ///
    /// # Errors
    /// [`WordsError`]: the list of words cannot be used.
    pub fn of(market: &Market, day: ShanghaiDay) -> Result<Self, WordsError> {
        let (terms, content) = (&market.terms, &market.terms.content);
        let listed = terms.monitors.iter().filter(|monitor| monitor.is_listed_on(day));
        let hosts = listed.flat_map(|monitor| &monitor.hosts).chain(&content.tracker_hosts);
        // Each with its subdomains.
        let hosts: Vec<_> = hosts.flat_map(|host| [host.clone(), format!("*.{host}")]).collect();
        let usual = Rules::default();
        let rules = Rules {
            tracker_hosts: Hosts::new(hosts),
            trackers: content.most_trackers as usize,
            limits: Limits { bytes: content.limits.markup_bytes, ..usual.limits },
            ..usual
        };
        let (files, fetches) = (terms.landing.files.clone(), terms.landing.crawl);
        Ok(Self { rules, words: Words::new((*terms.words).clone())?, files, fetches })
    }

    /// The files that a submission's markup names and that are still to be fetched before it can be judged, by URL; none where they are not fetched.
    #[must_use]
    pub fn wanted(&self, record: &Record) -> Vec<String> {
        if !self.fetches {
            return Vec::new();
        }
        files::wanted(record, &markup::report(&record.submission, &self.rules).resources, &self.files)
    }

    /// All that the rooms find in a submission.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn check(&self, record: &Record, office: &Office<'_>) -> Result<Vec<Finding>, Refusal> {
        let submission = &record.submission;
        let report = markup::report(submission, &self.rules);
        let mut findings = report.findings;
        for file in &submission.files {
            let bytes = match digest_of(&file.sha256) {
                Some(digest) => office.docket.document(&digest)?,
                None => None,
            };
            // That one is missing is a finding of its own.
            let refused = bytes.and_then(|bytes| media::measure(&bytes).err()).unwrap_or_default();
            let place = |finding: Finding| Finding { place: format!("file {}", file.url), ..finding };
            findings.extend(refused.into_iter().map(place));
        }
        findings.extend(files::findings(record, &report.resources, (&self.files, self.fetches)));
        findings.extend(self.words_of(submission, office)?);
        Ok(findings)
    }

    fn words_of(&self, submission: &Submission, office: &Office<'_>) -> Result<Vec<Finding>, Refusal> {
        let (account, id) = (submission.account.as_str(), submission.advertiser.as_str());
        let buyer = office.buyer(account)?;
        let registered = office.registered(account, id)?;
        let configured = office.market.configured_advertiser(buyer, id);
        let own = registered.as_ref().map(|it| (it.category.as_str(), it.industries.as_slice(), &it.name, &it.source));
        let own = own.or(configured.map(|it| (it.category.as_str(), &[][..], &it.name, &it.source)));
        let mut industries: Vec<&str> = submission.categories.iter().map(String::as_str).collect();
        let mut brands = Vec::new();
        if let Some((category, named, name, source)) = own {
            industries.push(category);
            industries.extend(office.terms().industries_of(category, named).map(|industry| industry.id.as_str()));
            brands.extend([name.as_str(), source.as_str()]);
        }
        let scope = Scope { industries: &industries, brands: &brands };
        Ok(said(submission).iter().flat_map(|said| self.words.find_for(&said.text, &said.place, &scope)).collect())
    }
}
