//! What a DSP is told of content that it bid with (R-REVIEW): why it is not in review, and what is decided of it. By the words of its own bid, and
//! nothing of its buyer's other content or of other DSPs (R-SECRET).

use super::bid::{listed, word};
use super::{By, Message, Office, Refusal};
use crate::compliance::creative::{BidWith, Record, Submission};
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::markup;
use crate::event::{Owner, Subject, Taken};
use crate::ids::{BuyerId, DspId};
use crate::market::demand::CreativeState;
use crate::market::unreviewed::UnreviewedBid;

use CreativeState::{Approved, Rejected, Suspended};

/// The most findings that a message repeats.
const MOST_TOLD: usize = 10;
/// The most domains of a bid that are kept with its creative.
const MOST_DOMAINS: usize = 4;
/// Where findings are whose subject a bid itself says; others may be of what its buyer has added.
const OF_THE_BID: [&str; 7] = ["adm", "file", "format", "sizes", "duration", "categories", "attributes"];
/// Where they are whose subject is the landing page: a bid's own where its markup names it.
const OF_ITS_PAGE: [&str; 2] = ["landing_page", "page"];
/// A submission's fields, and what of a bid they come from.
const FIELDS: [(&str, &str); 7] = [
    ("crid", "`crid`"),
    ("markup", "`adm`"),
    ("sizes", "`w` and `h`"),
    ("duration_s", "`dur`"),
    ("categories", "`cat`"),
    ("attributes", "`attr`"),
    ("landing_page", "`adomain` or a link of `adm`"),
];

/// What is wrong with a submission's field, by the name of what it comes from in a bid; `None`: it comes from nothing there.
pub(super) fn in_words_of_bids(why: &str) -> Option<String> {
    let (field, why) = why.strip_prefix('`')?.split_once('`')?;
    let (_, of_bid) = FIELDS.iter().find(|(known, _)| *known == field)?;
    Some(format!("{of_bid}{why}"))
}

impl Office<'_> {
    /// What is kept of a bid with its creative.
    pub(super) fn bid_with(&self, bid: &UnreviewedBid) -> Option<BidWith> {
        let (dsp, deal) = (self.market.dsps.get(bid.dsp)?, self.market.deals.get(bid.deal)?);
        let domains = bid.domains.iter().take(MOST_DOMAINS).map(|domain| word(domain)).collect();
        Some(BidWith { dsp: dsp.wire.clone(), deal: deal.wire.clone(), domains })
    }

    /// The step that tells a DSP why the creative of its bid is not in review: once a day for each deal and each kind of reason.
    pub(super) fn hindered(
        &self,
        bid: &UnreviewedBid,
        (kind, rule): (&str, &str),
        (en, zh): (&str, &str),
    ) -> Result<Option<Taken>, Refusal> {
        let Some(with) = self.bid_with(bid) else { return Ok(None) };
        let (about, about_zh) = named(&with, &bid.crid, None);
        let message = Message {
            rule: rule.to_owned(),
            about: format!("creative {}, bid with for deal {}", word(&bid.crid), with.deal),
            en: format!("{about} is not in review: {en}"),
            zh: format!("{about_zh}未能送审：{zh}"),
        };
        let key = format!("bid/{}/{}/{kind}", with.deal, self.now.shanghai_day());
        self.message(Owner::Dsp(bid.dsp), &key, &message, &By::exchange("a bid's creative is not in review"))
    }

    /// The step that tells a DSP what was decided of a version that came with its bid; `None`: it came with none, or the DSP has no seat of the
    /// buyer any more, or it is nothing that decides about its bids.
    pub(super) fn verdict_of_bid(
        &self,
        subject: &Subject,
        (from, to): (CreativeState, CreativeState),
        (record, buyer): (&Record, Owner),
        key: &str,
    ) -> Result<Option<Taken>, Refusal> {
        let (Some(with), Owner::Buyer(buyer)) = (&record.bid, buyer) else { return Ok(None) };
        let Some(dsp) = self.seated(with, buyer) else { return Ok(None) };
        let (en, zh) = match (from, to) {
            (Suspended, Approved) => ("is resumed: bids with it count again", "已恢复投放：使用该创意的出价重新有效"),
            (_, Approved) => ("is approved: bids with it count", "已通过审核：使用该创意的出价有效"),
            (_, Rejected) => (
                "is rejected: bid with another `crid`, or have its buyer submit it anew",
                "未通过审核：请以其他 crid 出价，或由客户修改后重新提交",
            ),
            (_, Suspended) => (
                "is suspended: bids with it are refused until it is resumed",
                "已暂停投放：恢复之前，使用该创意的出价将被拒绝",
            ),
            _ => return Ok(None),
        };
        let (why, why_zh) = if to == Approved { Default::default() } else { self.reasons_of_bid(record, to) };
        let reasons = || record.reasons.iter().filter_map(|code| self.terms().reason(code));
        let (crid, version) = (&record.submission.crid, subject.version);
        let (about, about_zh) = named(with, crid, Some(version));
        let message = Message {
            rule: reasons().next().map_or_else(|| "R-REVIEW".to_owned(), |reason| reason.rule.clone()),
            about: format!("creative {} version {version}, bid with for deal {}", word(crid), with.deal),
            en: format!("{about} {en}{why}"),
            zh: format!("{about_zh}{zh}{why_zh}"),
        };
        self.message(Owner::Dsp(dsp), key, &message, &By::exchange("a verdict on what it bid with"))
    }

    /// The DSP of a bid, while it may bid for the buyer.
    fn seated(&self, with: &BidWith, buyer: BuyerId) -> Option<DspId> {
        let dsp = self.market.dsps.iter().find(|dsp| dsp.wire == with.dsp)?;
        dsp.buyers.iter().any(|(seated, _)| *seated == buyer).then_some(dsp.id)
    }

    /// Why, for its DSP: reasons of the list, and what checks found in what it sent. A reviewer's own words are its buyer's.
    fn reasons_of_bid(&self, record: &Record, to: CreativeState) -> (String, String) {
        let reasons: Vec<_> = record.reasons.iter().filter_map(|code| self.terms().reason(code)).collect();
        let mut english: Vec<String> = reasons.iter().map(|reason| reason.name.en.clone()).collect();
        let mut chinese: Vec<String> = reasons.iter().map(|reason| reason.name.zh.clone()).collect();
        let refusing = record.findings.iter().filter(|finding| to == Rejected && finding.weight == Weight::Refuse);
        let (own, other): (Vec<_>, Vec<_>) = refusing.partition(|finding| is_of_bid(finding, &record.submission));
        for finding in own.iter().take(MOST_TOLD) {
            let (rule, place) = (&finding.rule, &finding.place);
            english.push(format!("{} ({rule}, {place})", finding.en));
            chinese.push(format!("{}（{rule}，{place}）", finding.zh));
        }
        let more = other.len() + own.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            english.push(format!("{more} more, which its buyer reads"));
            chinese.push(format!("另有 {more} 项，可由客户查看"));
        }
        let join = |said: &str, told: &[String]| match told {
            [] => String::new(),
            told => format!("{said}{}", told.join("; ")),
        };
        (join(". Why: ", &english), join("。原因：", &chinese))
    }
}

/// Whether a finding is about what the bid itself says.
fn is_of_bid(finding: &Finding, submission: &Submission) -> bool {
    let room = finding.place.split([' ', ':']).next().unwrap_or_default();
    let names_page = || markup::pages(submission).contains(&submission.landing_page);
    OF_THE_BID.contains(&room) || (OF_ITS_PAGE.contains(&room) && names_page())
}

/// A creative as its DSP knows it, in English and Chinese.
fn named(with: &BidWith, crid: &str, version: Option<u32>) -> (String, String) {
    let (crid, domains, deal) = (word(crid), listed(&with.domains), &with.deal);
    let (of, of_zh) = match version {
        Some(version) => (format!(" version {version}"), format!("第 {version} 版")),
        None => Default::default(),
    };
    (
        format!("creative {crid}{of} (adomain {domains}), which you bid with for deal {deal},"),
        format!("您在交易 {deal} 中出价所用创意 {crid}{of_zh}（adomain：{domains}）"),
    )
}
