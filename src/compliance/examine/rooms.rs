//! The checks of the rooms, in order: markup, the files that were uploaded, words.

use crate::clock::ShanghaiDay;
use crate::compliance::creative::{Record, Submission};
use crate::compliance::finding::Finding;
use crate::compliance::html::Limits;
use crate::compliance::markup::{self, Hosts, Rules};
use crate::compliance::office::{Office, Refusal};
use crate::compliance::words::{Scope, Words, WordsError, spoken};
use crate::compliance::{digest_of, media};
use crate::market::Market;

/// The rooms, ready for the terms of one market on one day.
#[derive(Debug)]
pub struct Rooms {
    rules: Rules,
    words: Words,
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
        Ok(Self { rules, words: Words::new((*terms.words).clone())? })
    }

    /// All that the rooms find in a submission.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn check(&self, record: &Record, office: &Office<'_>) -> Result<Vec<Finding>, Refusal> {
        let submission = &record.submission;
        let mut findings = markup::check(submission, &self.rules);
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
        let mut texts = spoken(submission.format, &submission.markup);
        let offer = submission.offer.brand.iter().chain(&submission.offer.product).chain(&submission.offer.terms);
        texts.extend(
            offer.map(|text| crate::compliance::words::Spoken { place: "offer".to_owned(), text: text.clone() }),
        );
        Ok(texts.iter().flat_map(|said| self.words.find_for(&said.text, &said.place, &scope)).collect())
    }
}
