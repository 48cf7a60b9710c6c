//! Content that nobody has reviewed comes with a bid: it is submitted for its buyer (R-REVIEW, review first).
//!
//! The bid is refused all the same, and its creative waits for a person as any other does. What a bid does not say nobody makes up; but for the
//! page of a markup whose links are all the click macro: there the advertiser's own page is taken, and a finding asks a person to look.

use serde::Deserialize;
use url::Url;

use super::{By, Message, Office, Refusal, bidder, body_of, state_of};
use crate::compliance::creative::{Origin, Record, Submission};
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::markup;
use crate::compliance::qualification::{Registration, Standing};
use crate::event::{KeptStep, Owner, SubjectKind, Wanted};
use crate::ids::BuyerId;
use crate::market::demand::CreativeState;
use crate::market::supply::{Format, Size, within_domain};
use crate::market::unreviewed::UnreviewedBid;
use crate::markup::digest;

use CreativeState::{Checking, Draft, PendingReview};

/// Creatives of one buyer that wait for a person because they were bid with, at most.
const MOST_WAITING: usize = 100;
/// Creatives of one buyer that are looked through for them; who has more waiting gets none by bids.
const MOST_LOOKED_AT: usize = 1_000;
/// Subjects that are read at once.
const PAGE: u32 = 100;
/// The most of a bid's words that a step repeats, characters.
const LONGEST_WORD: usize = 64;

/// What became of a bid's creative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is submitted, and its checks begin.
    Submitted,
    /// It was known by now, or another version of it waits.
    Known,
    /// No single advertiser of the buyer is registered with all of its domains (R-OWN). The buyer and the DSP are told.
    NotRegistered,
    /// It does not say all that a submission must say. The buyer and the DSP are told.
    Incomplete,
    /// As many of the buyer wait as may. The buyer and the DSP are told.
    TooManyWaiting,
}

/// Words in English and Chinese.
type Words = (String, String);

/// As much of a record as says where it came from.
#[derive(Deserialize)]
struct Came {
    #[serde(default)]
    origin: Origin,
}

impl Office<'_> {
    /// Submits the creative of a bid for its buyer, unless it is known. A creative that is known is submitted again only as the version after one
    /// that was decided, and only with markup that none of its versions has: what a DSP fills in makes no version.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`]: nothing was submitted, and the next bid with it may be.
    pub fn submit_bid(&self, bid: &UnreviewedBid) -> Result<Heard, Refusal> {
        let Some(buyer) = self.market.buyers.get(bid.buyer) else { return Ok(Heard::Known) };
        let name = format!("{}/{}", buyer.account, bid.crid);
        let versions = self.docket.versions(SubjectKind::Creative, &name)?;
        if self.is_known(bid, &versions)? {
            return Ok(Heard::Known);
        }
        let approved = versions.iter().rev().find(|kept| kept.step.state == CreativeState::Approved.code());
        let before = approved.or(versions.last()).map(body_of::<Record>).transpose()?.map(|record| record.submission);
        let advertiser = match &before {
            Some(before) => Some(before.advertiser.clone()),
            None => self.advertiser_of(bid, &buyer.account)?,
        };
        let Some(advertiser) = advertiser else {
            let found = listed(&bid.domains);
            let words = (
                format!(
                    "no single advertiser of yours is registered with its domains ({found}): register it, and bid again"
                ),
                format!("没有唯一一个以其域名（{found}）登记的广告主：请先登记，再次出价即可送审"),
            );
            let own = (
                format!(
                    "no single advertiser of the deal's buyer is registered with all of its domains ({found}): send the domains of one \
                     in `adomain`, or have the buyer register it; then bid again"
                ),
                format!(
                    "该交易的客户没有唯一一个以全部所列域名（{found}）登记的广告主：请在 adomain 中填写同一广告主的域名，或由客户先登记，再次出价即可送审"
                ),
            );
            self.hinder(bid, ("not-registered", "R-OWN"), words, &own)?;
            return Ok(Heard::NotRegistered);
        };
        if self.waiting_by_bid(bid.buyer)? >= MOST_WAITING {
            let words = (
                format!("{MOST_WAITING} creatives that your DSPs bid with wait for review already"),
                format!("已有{MOST_WAITING}个由出价送审的创意在等待审核"),
            );
            self.hinder(bid, ("too-many-waiting", "R-REVIEW"), words, &many_wait())?;
            return Ok(Heard::TooManyWaiting);
        }
        let version = versions.last().map_or(0, |kept| kept.step.subject.version) + 1;
        let read = match before {
            Some(before) => next_of(before, bid, version),
            None => submission_of(bid, &buyer.account, (advertiser, version)),
        };
        let submission = match read {
            Ok(submission) => submission,
            Err((en, zh)) => {
                let words = (en.to_owned(), zh.to_owned());
                return self.incomplete(bid, words.clone(), &words);
            }
        };
        let (actor, reason) = (self.actor(bid), self.reason(bid));
        match self.submit_of_bid(&submission, self.bid_with(bid).as_ref(), &By { actor: &actor, reason: &reason }) {
            Ok(_) => Ok(Heard::Submitted),
            // Somebody else submits it at this moment: another process that heard the same bid, say.
            Err(Refusal::Taken(_)) => Ok(Heard::Known),
            Err(Refusal::Malformed(why)) => {
                let words = |why: String| (why.clone(), format!("内容不符合要求：{why}"));
                let own = bidder::in_words_of_bids(&why).map_or_else(of_its_buyer, words);
                self.incomplete(bid, words(why), &own)
            }
            Err(Refusal::Rule { en, zh, .. }) => self.incomplete(bid, (en, zh), &of_its_buyer()),
            Err(Refusal::TooMany { rule, en, zh }) => {
                self.hinder(bid, ("too-many-waiting", rule), (en, zh), &many_wait())?;
                Ok(Heard::TooManyWaiting)
            }
            Err(error) => Err(error),
        }
    }

    fn incomplete(&self, bid: &UnreviewedBid, words: Words, own: &Words) -> Result<Heard, Refusal> {
        self.hinder(bid, ("incomplete", "R-REVIEW"), words, own)?;
        Ok(Heard::Incomplete)
    }

    /// Whether nothing of it is new.
    fn is_known(&self, bid: &UnreviewedBid, versions: &[KeptStep]) -> Result<bool, Refusal> {
        if !bid.changed {
            return Ok(!versions.is_empty() || self.market.creative(bid.buyer, &bid.crid).is_some());
        }
        // One that only the config knows is changed there.
        let mut known = versions.is_empty();
        for kept in versions {
            known |= matches!(state_of(kept)?, Draft | Checking | PendingReview);
            let markup = body_of::<Record>(kept)?.submission.markup;
            known |= digest::is_as_approved(&digest::print(&markup), &bid.markup);
        }
        Ok(known)
    }

    /// The only advertiser of the buyer, of those that the deal is for, whose domains all of the bid's are within (R-OWN).
    fn advertiser_of(&self, bid: &UnreviewedBid, account: &str) -> Result<Option<String>, Refusal> {
        if bid.domains.is_empty() {
            return Ok(None);
        }
        let deal = self.market.deals.get(bid.deal);
        let within = |own: &[String]| bid.domains.iter().all(|told| own.iter().any(|own| within_domain(told, own)));
        let mut found = Vec::new();
        for it in self.market.all_advertisers().filter(|it| it.buyer == bid.buyer && within(&it.domains)) {
            if deal.is_none_or(|deal| deal.takes_advertiser(it.id)) {
                found.push(it.wire.clone());
            }
        }
        let served = |name: &str| self.market.advertiser_named(bid.buyer, name).is_some();
        for standing in [Standing::Pending, Standing::Verified] {
            let wanted = Wanted { state: Some(standing.code()), owner: Some(Owner::Buyer(bid.buyer)) };
            self.look_through(SubjectKind::Advertiser, &wanted, |kept| {
                let it: Registration = body_of(kept)?;
                let other = it.account == account && within(&it.domains) && !served(&it.advertiser);
                // A deal for some advertisers names those of the market.
                if other && !found.contains(&it.advertiser) && deal.is_none_or(|deal| deal.advertisers.is_empty()) {
                    found.push(it.advertiser);
                }
                Ok(())
            })?;
        }
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// How many creatives of a buyer wait for a person because they were bid with.
    fn waiting_by_bid(&self, buyer: BuyerId) -> Result<usize, Refusal> {
        let (mut waiting, mut seen) = (0, 0);
        for state in [Checking, PendingReview] {
            let wanted = Wanted { state: Some(state.code()), owner: Some(Owner::Buyer(buyer)) };
            seen += self.look_through(SubjectKind::Creative, &wanted, |kept| {
                waiting += usize::from(body_came(kept)? == Origin::Bid);
                Ok(())
            })?;
        }
        Ok(if seen >= MOST_LOOKED_AT { MOST_WAITING } else { waiting })
    }

    /// Looks through the subjects of a kind, up to [`MOST_LOOKED_AT`]. Tells how many there were.
    fn look_through(
        &self,
        kind: SubjectKind,
        wanted: &Wanted,
        mut see: impl FnMut(&KeptStep) -> Result<(), Refusal>,
    ) -> Result<usize, Refusal> {
        let (mut above, mut seen) = (0, 0);
        while seen < MOST_LOOKED_AT {
            let page = self.docket.list(kind, wanted, above, PAGE)?;
            let Some(last) = page.last() else { break };
            (above, seen) = (last.seq, seen + page.len());
            page.iter().try_for_each(&mut see)?;
        }
        Ok(seen)
    }

    /// R-LANDING-MATCH: where a bid's markup names no page, the advertiser's own was taken, and a person looks whether a click is to open it.
    pub(in crate::compliance) fn page_assumed(record: &Record) -> Option<Finding> {
        let submission = &record.submission;
        let url = Url::parse(&submission.landing_page).ok();
        let front = url.is_none_or(|url| url.path() == "/" && url.query().is_none());
        if record.origin != Origin::Bid || !front || !markup::pages(submission).is_empty() {
            return None;
        }
        let words = (
            "it came with a bid, and no link of its markup names a page: the advertiser's own is taken. Look whether a click is to open \
             it; if not, request changes, and the buyer submits it with its page",
            "该创意由出价送审，代码中的链接未指明落地页，暂以广告主域名首页代替：请确认点击是否应打开该页；如不是，请要求修改并由客户注明落地页后重新提交",
        );
        let found = ("landing_page", submission.landing_page.as_str());
        Some(Finding::new("R-LANDING-MATCH", "page-assumed", Weight::Person, found, words))
    }

    fn actor(&self, bid: &UnreviewedBid) -> String {
        format!("dsp:{}", self.market.dsps.get(bid.dsp).map_or("?", |dsp| dsp.wire.as_str()))
    }

    /// Where it came from, in words that the reviewer reads.
    fn reason(&self, bid: &UnreviewedBid) -> String {
        let deal = self.market.deals.get(bid.deal).map_or("?", |deal| deal.wire.as_str());
        format!("bid for deal {deal}, of {}", listed(&bid.domains))
    }

    /// Tells the buyer why a creative that was bid with is not submitted: once a day for each DSP and each kind of reason. And the DSP, in words of
    /// its own.
    fn hinder(
        &self,
        bid: &UnreviewedBid,
        (kind, rule): (&str, &str),
        (en, zh): Words,
        own: &Words,
    ) -> Result<(), Refusal> {
        let (actor, crid, day) = (self.actor(bid), word(&bid.crid), self.now.shanghai_day());
        let (dsp, key) = (actor.trim_start_matches("dsp:"), format!("bid/{actor}/{day}/{kind}"));
        let message = Message {
            rule: rule.to_owned(),
            about: format!("creative {crid}, which DSP {dsp} bid with"),
            en: format!("creative {crid}, which DSP {dsp} bid with, is not in review: {en}"),
            zh: format!("DSP {dsp} 出价所用创意 {crid} 未能送审：{zh}"),
        };
        let by = By::exchange("a bid's creative is not in review");
        let judge = || {
            let buyers = self.message(Owner::Buyer(bid.buyer), &key, &message, &by)?;
            let dsps = self.hindered(bid, (kind, rule), (&own.0, &own.1))?;
            Ok((buyers.into_iter().chain(dsps).collect(), ()))
        };
        self.take(judge).map(|_| ())
    }
}

/// Why a DSP's content waits for others': how many they are is their buyer's.
fn many_wait() -> Words {
    (
        "as much of its buyer's content as may waits for review already: bid with it again when some is decided"
            .to_owned(),
        "该客户等待审核的创意已达上限：待部分审核完成后再次出价即可送审".to_owned(),
    )
}

/// What a DSP is told where what its bid did not say is wrong.
fn of_its_buyer() -> Words {
    (
        "what its buyer has submitted or registered for it does not hold any more: the buyer submits it anew"
            .to_owned(),
        "客户就该创意提交或登记的内容已失效：请由客户重新提交".to_owned(),
    )
}

fn body_came(kept: &KeptStep) -> Result<Origin, Refusal> {
    body_of::<Came>(kept).map(|came| came.origin)
}

/// A submission that says what the bid says; else what it does not say, in two languages.
fn submission_of(
    bid: &UnreviewedBid,
    account: &str,
    (advertiser, version): (String, u32),
) -> Result<Submission, (&'static str, &'static str)> {
    let format = format_of(bid).ok_or((
        "`mtype` is missing, and the imp takes several formats: say which it is",
        "缺少 mtype，而该广告位接受多种形式：请注明形式",
    ))?;
    let sized = matches!(format, Format::Banner | Format::Video);
    let size = bid.size.or(if bid.asked.len() == 1 { bid.asked.first().copied() } else { None });
    let sizes: Vec<Size> = match size.filter(|_| sized) {
        None if sized => {
            return Err((
                "`w` and `h` are missing, and the imp takes several sizes",
                "缺少 w 与 h，而该广告位接受多种尺寸",
            ));
        }
        size => size.into_iter().collect(),
    };
    let timed = matches!(format, Format::Video | Format::Audio);
    let duration_s = bid.duration_s.or_else(|| markup::duration_s(&bid.markup)).filter(|_| timed);
    if timed && duration_s.is_none() {
        return Err(("neither `dur` nor its markup says its duration", "dur 与广告代码均未注明时长"));
    }
    let mut submission = Submission {
        account: account.to_owned(),
        advertiser,
        crid: bid.crid.clone(),
        version,
        format,
        sizes,
        duration_s,
        categories: bid.categories.clone(),
        attributes: bid.attributes.clone(),
        landing_page: String::new(),
        markup: bid.markup.clone(),
        files: Vec::new(),
        monitors: Default::default(),
        app: None,
        offer: Default::default(),
        display_from_ms: None,
        display_until_ms: None,
    };
    submission.landing_page = page_of(&submission, &bid.domains);
    Ok(submission)
}

/// The version after another one, with the bid's markup: what a bid does not say stays as it was.
fn next_of(before: Submission, bid: &UnreviewedBid, version: u32) -> Result<Submission, (&'static str, &'static str)> {
    let whole = UnreviewedBid {
        format: Some(before.format),
        size: bid.size.or(before.sizes.first().copied()),
        duration_s: bid.duration_s.or(before.duration_s),
        ..bid.clone()
    };
    let next = submission_of(&whole, &before.account, (before.advertiser.clone(), version))?;
    let mut sizes = before.sizes.clone();
    sizes.extend(next.sizes.iter().filter(|size| !before.sizes.contains(size)));
    Ok(Submission {
        sizes,
        categories: if next.categories.is_empty() { before.categories } else { next.categories.clone() },
        attributes: if next.attributes.is_empty() { before.attributes } else { next.attributes.clone() },
        landing_page: if markup::pages(&next).is_empty() { before.landing_page } else { next.landing_page.clone() },
        files: before.files.into_iter().filter(|file| next.markup.contains(&file.url)).collect(),
        monitors: before.monitors,
        app: before.app,
        offer: before.offer,
        display_from_ms: before.display_from_ms,
        display_until_ms: before.display_until_ms,
        ..next
    })
}

/// What it says it is; else the only thing that the imp takes.
fn format_of(bid: &UnreviewedBid) -> Option<Format> {
    let mut taken = Format::ALL.into_iter().filter(|format| bid.offered.has(*format));
    let only = taken.next().filter(|_| taken.next().is_none());
    bid.format.or(only)
}

/// The first page that a link names within the domains that the bid tells, else the first that one names; else the advertiser's own.
fn page_of(submission: &Submission, domains: &[String]) -> String {
    let host = |page: &String| Url::parse(page).ok().and_then(|url| url.host_str().map(str::to_owned));
    let own = |page: &&String| host(page).is_some_and(|host| domains.iter().any(|own| within_domain(&host, own)));
    let pages = markup::pages(submission);
    let named = pages.iter().find(own).or(pages.first()).cloned();
    let plain = |domain: &&String| domain.bytes().all(|it| it.is_ascii_alphanumeric() || b"-.".contains(&it));
    named.unwrap_or_else(|| format!("https://{}/", domains.iter().find(plain).map_or("", String::as_str)))
}

/// Words of a bid in one line, cut where they are long.
pub(super) fn word(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST_WORD).collect()
}

pub(super) fn listed(domains: &[String]) -> String {
    let told: Vec<_> = domains.iter().take(4).map(|domain| word(domain)).collect();
    if told.is_empty() { "no domain".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests;
