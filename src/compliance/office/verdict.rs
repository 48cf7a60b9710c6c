//! What is decided of a version: by the automatic checks, by people, by the crawler, by the calendar.

use super::{By, LONGEST_REASON, Message, Office, Refusal, body_of, state_of, written};
use crate::compliance::creative::Record;
use crate::compliance::files::{self, Named};
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::review;
use crate::event::{KeptStep, Subject, SubjectKind, Taken};
use crate::market::demand::CreativeState;

use CreativeState::{Approved, Checking, Expired, PendingReview, Rejected, Suspended};

/// What is decided.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'v> {
    /// Where the version stands from now on.
    pub to: CreativeState,
    /// Why, by codes of the reasons' list; needed where it is rejected, suspended or resumed by a person.
    pub reasons: &'v [String],
    /// What the checks found; `None`: as it was.
    pub findings: Option<&'v [Finding]>,
    /// Its files as they were seen; `None`: as they were known.
    pub files: Option<&'v [Named]>,
    /// The step that its author has seen; `None`: whatever it is. Another one in between refuses.
    pub seen: Option<u64>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it stands.
    pub state: CreativeState,
    /// Whether this changed it; else it stood so already.
    pub changed: bool,
    /// Versions that ended because this one is approved.
    pub replaced: Vec<u32>,
}

impl Office<'_> {
    /// Takes a version into another state, tells its buyer, and ends what it replaces, all in one commit.
    ///
    /// # Errors
    /// [`Refusal::Rule`] where the table of states, the documents or a finding is against it, [`Refusal::Malformed`] for a reason that is not on the
    /// list, [`Refusal::Taken`] where it was changed since it was seen, [`Refusal::Unknown`], [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn decide(&self, subject: &Subject, verdict: &Verdict<'_>, by: &By<'_>) -> Result<Moved, Refusal> {
        self.knows(verdict.reasons, by)?;
        self.take(|| self.deciding(subject, verdict, by)).map(|(_, moved)| moved)
    }

    /// Takes an approved version offline (R-REFUSE, R-LANDING-FROZEN, R-LANDING-SAFE). One that is offline already stays so, with its first reason.
    ///
    /// # Errors
    /// See [`Office::decide`].
    pub fn suspend(&self, subject: &Subject, reasons: &[String], by: &By<'_>) -> Result<Moved, Refusal> {
        self.decide(subject, &Verdict { to: Suspended, reasons, findings: None, files: None, seen: None }, by)
    }

    /// Puts a suspended version back, once somebody has confirmed that what was wrong is right (R-LANDING-SAFE).
    ///
    /// # Errors
    /// See [`Office::decide`].
    pub fn resume(&self, subject: &Subject, reasons: &[String], by: &By<'_>) -> Result<Moved, Refusal> {
        let (_, state, _) = self.creative(subject)?;
        if !matches!(state, Suspended | Approved) {
            let (en, zh) = (state.label(), label_zh(state));
            let words = (
                format!("it is {en}: only what is suspended is resumed"),
                format!("当前状态为{zh}，仅可恢复已暂停的创意"),
            );
            return Err(Refusal::rule("R-REVIEW", words));
        }
        self.decide(subject, &Verdict { to: Approved, reasons, findings: None, files: None, seen: None }, by)
    }

    pub(in crate::compliance) fn deciding(
        &self,
        subject: &Subject,
        verdict: &Verdict<'_>,
        by: &By<'_>,
    ) -> Result<(Vec<Taken>, Moved), Refusal> {
        let (kept, from, record) = self.creative(subject)?;
        let to = verdict.to;
        if verdict.seen.is_some_and(|seen| seen != kept.seq) {
            return Err(Refusal::Taken(format!("it was changed since it was seen (step {}): look again", kept.seq)));
        }
        // Checking again is a step each time; anything else is so already.
        if from == to {
            return Ok((Vec::new(), Moved { state: from, changed: false, replaced: Vec::new() }));
        }
        if !review::may_follow(Some(from), to) {
            let words = (
                format!("it is {}, and cannot become {}", from.label(), to.label()),
                format!("当前状态为{}，不能变更为{}", label_zh(from), label_zh(to)),
            );
            return Err(Refusal::rule("R-REVIEW", words));
        }
        let findings = verdict.findings.map_or_else(|| record.findings.clone(), <[Finding]>::to_vec);
        let mut steps = Vec::new();
        let mut replaced = Vec::new();
        let mut named = verdict.files.map_or_else(|| record.named.clone(), <[Named]>::to_vec);
        if to == Approved {
            self.is_approvable(findings.iter().chain(files::refusing(&named)))?;
            named = named.into_iter().map(Named::accepted).collect();
            self.is_qualified(&record)?;
            replaced = self.replacing(subject, by, &mut steps)?;
        }
        if to == Checking {
            // They are fetched anew: so they are looked at as they are now.
            named.clear();
        }
        let runs = to == Approved && named.iter().any(|it| it.file.is_some());
        let record = Record { findings, reasons: verdict.reasons.to_vec(), named, ..record };
        let owner = kept.step.owner;
        let mut taken = self.step((subject.clone(), owner), kept.seq, (to.code(), written(&record)?), by);
        // Between a review and its end the files may have changed.
        taken.step.due = if runs { Some(self.now) } else { review::due(to, &record.submission, self.now) };
        steps.push(taken);
        if let Some(message) = self.message_of(subject, (from, to), &record, by) {
            let key = format!("creative/{}/{}/{}", subject.name, subject.version, kept.seq);
            steps.extend(self.message(owner, &key, &message, by)?);
        }
        Ok((steps, Moved { state: to, changed: true, replaced }))
    }

    /// R-REFUSE: what the checks refuse, nobody approves.
    fn is_approvable<'f>(&self, mut findings: impl Iterator<Item = &'f Finding>) -> Result<(), Refusal> {
        let Some(refusing) = findings.find(|finding| finding.weight == Weight::Refuse) else { return Ok(()) };
        let (en, zh) = (&refusing.en, &refusing.zh);
        let words = (format!("the checks refuse it: {en}"), format!("自动检查未通过：{zh}"));
        Err(Refusal::rule("R-REFUSE", words))
    }

    /// R-QUALIFY: nothing is released of an advertiser whose documents are not in order today.
    fn is_qualified(&self, record: &Record) -> Result<(), Refusal> {
        let (account, advertiser) = (&record.submission.account, &record.submission.advertiser);
        let qualification = self.qualification(account, advertiser)?;
        match qualification.findings.first() {
            Some(first) if qualification.until.is_none() => {
                let words = (
                    format!("advertiser {account}/{advertiser} is not qualified: {}", first.en),
                    format!("广告主 {account}/{advertiser} 资质不全：{}", first.zh),
                );
                Err(Refusal::rule("R-QUALIFY", words))
            }
            _ => Ok(()),
        }
    }

    /// The steps that end what an approval replaces.
    fn replacing(&self, subject: &Subject, by: &By<'_>, steps: &mut Vec<Taken>) -> Result<Vec<u32>, Refusal> {
        let versions = self.docket.versions(SubjectKind::Creative, &subject.name)?;
        let state = |kept: &KeptStep| state_of(kept).map(|state| (kept.step.subject.version, state));
        let states = versions.iter().map(state).collect::<Result<Vec<_>, _>>()?;
        let newer = |newer| {
            let words = (
                format!(
                    "version {newer} was approved after it: an older version does not come back; submit it as a new one"
                ),
                format!("版本 {newer} 已通过审核，旧版本不能恢复，请作为新版本提交"),
            );
            Refusal::rule("R-REVIEW", words)
        };
        let replaced = review::replaced(subject.version, &states).map_err(newer)?;
        let reason = format!("replaced by version {}", subject.version);
        for kept in versions.iter().filter(|kept| replaced.contains(&kept.step.subject.version)) {
            let of = (kept.step.subject.clone(), kept.step.owner);
            let by = By { actor: by.actor, reason: &reason };
            let record = Record { reasons: Vec::new(), ..body_of::<Record>(kept)? };
            steps.push(self.step(of, kept.seq, (Expired.code(), written(&record)?), &by));
        }
        Ok(replaced)
    }

    /// Whether the reasons are on the list, and the words are tame.
    pub(in crate::compliance) fn knows(&self, reasons: &[String], by: &By<'_>) -> Result<(), Refusal> {
        if let Some(unknown) = reasons.iter().find(|code| self.terms().reason(code).is_none()) {
            let known: Vec<_> = self.terms().reasons.iter().map(|reason| reason.code.as_str()).collect();
            let why = format!("`reasons`: {unknown:?} is not on the list; there are {}", known.join(", "));
            return Err(Refusal::Malformed(why));
        }
        let tame = by.reason.chars().count() <= LONGEST_REASON && !by.reason.chars().any(char::is_control);
        let why = || Refusal::Malformed(format!("`reason` must have at most {LONGEST_REASON} characters, in one line"));
        if tame { Ok(()) } else { Err(why()) }
    }

    /// What the buyer is told of a step; `None`: nothing that it does not know.
    fn message_of(
        &self,
        subject: &Subject,
        (from, to): (CreativeState, CreativeState),
        record: &Record,
        by: &By<'_>,
    ) -> Option<Message> {
        let (en, zh) = match (from, to) {
            (Suspended, Approved) => ("is resumed", "已恢复投放"),
            (_, Approved) => ("is approved", "已通过审核"),
            (_, Rejected) => ("is rejected", "未通过审核"),
            (_, Suspended) => ("is suspended", "已暂停投放"),
            (Approved | Suspended | PendingReview, Expired) => ("has expired", "已过期"),
            _ => return None,
        };
        let reasons: Vec<_> = record.reasons.iter().filter_map(|code| self.terms().reason(code)).collect();
        let refusing = record.findings.iter().filter(|finding| to == Rejected && finding.weight == Weight::Refuse);
        let join = |told: Vec<&str>| if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) };
        let mut english: Vec<&str> = reasons.iter().map(|reason| reason.name.en.as_str()).collect();
        let mut chinese: Vec<&str> = reasons.iter().map(|reason| reason.name.zh.as_str()).collect();
        for finding in refusing.take(MOST_TOLD) {
            english.push(&finding.en);
            chinese.push(&finding.zh);
        }
        // A person's own words stand in both.
        if from != Checking && !by.reason.is_empty() {
            english.push(by.reason);
            chinese.push(by.reason);
        }
        let (name, version) = (&subject.name, subject.version);
        Some(Message {
            rule: reasons.first().map_or_else(|| "R-REVIEW".to_owned(), |reason| reason.rule.clone()),
            about: format!("creative {name} version {version}"),
            en: format!("creative {name} version {version} {en}{}", join(english)),
            zh: format!("创意 {name} 第 {version} 版{zh}{}", join(chinese)),
        })
    }
}

/// The most findings that a message repeats.
const MOST_TOLD: usize = 10;

/// A state in Chinese.
#[must_use]
pub const fn label_zh(state: CreativeState) -> &'static str {
    match state {
        CreativeState::Draft => "草稿",
        Checking => "检查中",
        PendingReview => "待审核",
        Approved => "已通过",
        Rejected => "未通过",
        Suspended => "已暂停",
        Expired => "已过期",
    }
}
