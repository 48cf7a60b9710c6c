//! Registrations and what people decide of them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{App, Document, Registration, Standing};
use crate::compliance::digest_of;
use crate::compliance::office::{By, LONGEST_REASON, Message, Office, Refusal, body_of, written};
use crate::event::{KeptStep, Owner, Subject, SubjectKind, Taken};
use crate::market::policy::content::{LONGEST_NUMBER, last_day_of, number_fits};

/// The longest name, characters.
const LONGEST_NAME: usize = 128;
/// The most domains of an advertiser, and industries that it names.
const MOST_LISTED: usize = 32;
/// The most pages of a document.
const MOST_FILES: usize = 20;

/// What became of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its version.
    pub subject: Subject,
    /// Where it stands.
    pub standing: Standing,
    /// Whether it is new; else the same was registered before.
    pub entered: bool,
}

/// What is registered: a form with a name.
pub(super) trait Form: Serialize + DeserializeOwned + PartialEq {
    /// Its kind.
    const KIND: SubjectKind;
    /// Its name within its kind.
    fn name(&self) -> String;
    /// Whose it is.
    fn account(&self) -> &str;
    /// Judges its form.
    fn judge(&self, office: &Office<'_>) -> Result<(), Refusal>;
}

impl Office<'_> {
    /// Registers an advertiser, or a change of one, for a person to verify. The same again is the same registration.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for its form, [`Refusal::Rule`] for an excluded industry (R-SCOPE), [`Refusal::Unavailable`].
    pub fn register(&self, registration: &Registration, by: &By<'_>) -> Result<Registered, Refusal> {
        self.enter_form(registration, by)
    }

    /// Registers a document of an advertiser, or its renewal under the same number. Its files were uploaded before.
    ///
    /// # Errors
    /// See [`Office::register`]; R-QUALIFY where its number or its validity cannot be.
    pub fn register_document(&self, document: &Document, by: &By<'_>) -> Result<Registered, Refusal> {
        self.enter_form(document, by)
    }

    /// Registers an app in the app centre (R-APP).
    ///
    /// # Errors
    /// See [`Office::register`].
    pub fn register_app(&self, app: &App, by: &By<'_>) -> Result<Registered, Refusal> {
        self.enter_form(app, by)
    }

    fn enter_form<F: Form>(&self, form: &F, by: &By<'_>) -> Result<Registered, Refusal> {
        let owner = Owner::Buyer(self.buyer(form.account())?);
        form.judge(self)?;
        let name = form.name();
        let judge = || {
            let versions = self.docket.versions(F::KIND, &name)?;
            let last = versions.last();
            let subject = |version| Subject { kind: F::KIND, name: name.clone(), version };
            if let Some(last) = last {
                let standing = Standing::of(last)?;
                let lasts = matches!(standing, Standing::Pending | Standing::Verified);
                if lasts && body_of::<F>(last)? == *form {
                    let subject = subject(last.step.subject.version);
                    return Ok((Vec::new(), Registered { subject, standing, entered: false }));
                }
            }
            let version = last.map_or(0, |last| last.step.subject.version) + 1;
            if version > self.terms().limits.versions {
                let why = format!("{} {name} has {} versions: no more are kept", F::KIND.label(), version - 1);
                return Err(Refusal::Taken(why));
            }
            let mut steps = Vec::new();
            // What still waited is not looked at any more.
            if let Some(last) = last.filter(|last| last.step.state == Standing::Pending.code()) {
                let by = By { actor: by.actor, reason: "registered anew before it was verified" };
                let state = (Standing::Withdrawn.code(), last.step.body.clone());
                steps.push(self.step((last.step.subject.clone(), owner), last.seq, state, &by));
            }
            let state = (Standing::Pending.code(), written(form)?);
            steps.push(self.step((subject(version), owner), 0, state, by));
            Ok((steps, Registered { subject: subject(version), standing: Standing::Pending, entered: true }))
        };
        self.take(judge).map(|(_, registered)| registered)
    }

    /// Verifies, refuses or withdraws a registration of an advertiser, a document or an app, and tells its buyer. A version that is verified takes
    /// the place of the one before it. `seen`: the step that the person has looked at.
    ///
    /// # Errors
    /// [`Refusal::Rule`] where its state does not allow it, [`Refusal::Taken`] where it was changed since it was seen, [`Refusal::Malformed`],
    /// [`Refusal::Unknown`], [`Refusal::Unavailable`].
    pub fn judge_registration(
        &self,
        subject: &Subject,
        to: Standing,
        seen: Option<u64>,
        by: &By<'_>,
    ) -> Result<(Standing, bool), Refusal> {
        let tame = by.reason.chars().count() <= LONGEST_REASON && !by.reason.chars().any(char::is_control);
        if !tame || (to != Standing::Verified && by.reason.trim().is_empty()) {
            let why = format!("`reason` must say why in one line of at most {LONGEST_REASON} characters");
            return Err(Refusal::Malformed(why));
        }
        if !matches!(subject.kind, SubjectKind::Advertiser | SubjectKind::Document | SubjectKind::App) {
            return Err(Refusal::Unknown(subject.clone()));
        }
        self.take(|| self.judging(subject, to, seen, by)).map(|(_, told)| told)
    }

    fn judging(
        &self,
        subject: &Subject,
        to: Standing,
        seen: Option<u64>,
        by: &By<'_>,
    ) -> Result<(Vec<Taken>, (Standing, bool)), Refusal> {
        let versions = self.docket.versions(subject.kind, &subject.name)?;
        let kept = versions.iter().find(|kept| kept.step.subject == *subject);
        let kept = kept.ok_or_else(|| Refusal::Unknown(subject.clone()))?;
        if seen.is_some_and(|seen| seen != kept.seq) {
            return Err(Refusal::Taken(format!("it was changed since it was seen (step {}): look again", kept.seq)));
        }
        let from = Standing::of(kept)?;
        if from == to {
            return Ok((Vec::new(), (to, false)));
        }
        if !from.may_become(to) {
            let words = (
                format!("it is {}, and cannot become {}", from.label(), to.label()),
                format!("当前状态为 {}，不能变更为 {}", from.label(), to.label()),
            );
            return Err(Refusal::rule("R-QUALIFY", words));
        }
        let owner = kept.step.owner;
        let mut steps = Vec::new();
        let mut taken = self.step((subject.clone(), owner), kept.seq, (to.code(), kept.step.body.clone()), by);
        let mut begins = to == Standing::Verified;
        if begins && subject.kind == SubjectKind::Document {
            let document: Document = body_of(kept)?;
            let today = self.now.shanghai_day();
            document.is_current(today)?;
            taken.step.due = document.next_look(self.now, &self.terms().expiry_notice_days);
            // A renewal that begins later leaves what it renews in force until then (`calendar`).
            begins = document.valid_from <= today;
        }
        if begins {
            steps = self.superseding(subject, &versions, by.actor);
        }
        steps.push(taken);
        let message = message(subject, to, by.reason);
        let key = format!("{}/{}/{}/{}", subject.kind.label(), subject.name, subject.version, kept.seq);
        steps.extend(self.message(owner, &key, &message, by)?);
        Ok((steps, (to, true)))
    }

    /// The steps that end the older versions in force.
    pub(super) fn superseding(&self, subject: &Subject, versions: &[KeptStep], actor: &str) -> Vec<Taken> {
        let reason = format!("version {} took its place", subject.version);
        let replaced = |older: &&KeptStep| {
            older.step.subject.version < subject.version && older.step.state == Standing::Verified.code()
        };
        let end = |older: &KeptStep| {
            let of = (older.step.subject.clone(), older.step.owner);
            let state = (Standing::Expired.code(), older.step.body.clone());
            self.step(of, older.seq, state, &By { actor, reason: &reason })
        };
        versions.iter().filter(replaced).map(end).collect()
    }
}

fn message(subject: &Subject, to: Standing, reason: &str) -> Message {
    let (en, zh) = match to {
        Standing::Verified => ("is verified", "已核验通过"),
        Standing::Refused => ("is refused", "未通过核验"),
        Standing::Expired => ("has expired", "已过期"),
        Standing::Withdrawn | Standing::Pending => ("is withdrawn", "已撤回"),
    };
    let (kind, kind_zh) = match subject.kind {
        SubjectKind::Advertiser => ("advertiser", "广告主"),
        SubjectKind::App => ("app", "应用"),
        _ => ("document", "证明文件"),
    };
    let (rule, name, version) = (if kind == "app" { "R-APP" } else { "R-QUALIFY" }, &subject.name, subject.version);
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    Message {
        rule: rule.to_owned(),
        about: format!("{kind} {name} version {version}"),
        en: format!("{kind} {name} version {version} {en}{why}"),
        zh: format!("{kind_zh} {name} 第 {version} 版{zh}{why}"),
    }
}

/// An error that names the field.
pub(super) fn demand(holds: bool, what: &str, why: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Malformed(format!("`{what}`: {why}"))) }
}

/// An id of ours.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"._-".contains(&it))
}

/// One line for people.
pub(super) fn is_line(text: &str, most: usize) -> bool {
    let plain = text.trim() == text && !text.chars().any(char::is_control);
    plain && (1..=most).contains(&text.chars().count())
}

impl Form for Registration {
    const KIND: SubjectKind = SubjectKind::Advertiser;

    fn name(&self) -> String {
        format!("{}/{}", self.account, self.advertiser)
    }

    fn account(&self) -> &str {
        &self.account
    }

    fn judge(&self, office: &Office<'_>) -> Result<(), Refusal> {
        demand(is_id(&self.advertiser), "advertiser", "must be 1 to 64 letters, digits, `.`, `_` or `-`")?;
        demand(is_line(&self.name, LONGEST_NAME), "name", "must be one line of 1 to 128 characters")?;
        demand(is_line(&self.source, LONGEST_NAME), "source", "must be one line of 1 to 128 characters (R-SOURCE)")?;
        let count = (1..=MOST_LISTED).contains(&self.domains.len());
        demand(
            count && self.domains.iter().all(|it| is_domain(it)),
            "domains",
            "must be 1 to 32 domains in lower case",
        )?;
        let category = self.category.strip_prefix("IAB").is_some_and(|rest| {
            (1..=6).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        });
        demand(category, "category", "must be an IAB category such as \"IAB8\" (R-CATEGORY)")?;
        demand(self.industries.len() <= MOST_LISTED, "industries", "has more than 32 entries")?;
        let terms = office.terms();
        if let Some(unknown) = self.industries.iter().find(|id| terms.industry(id).is_none()) {
            let known: Vec<_> = terms.industries.iter().map(|it| it.id.as_str()).collect();
            return Err(Refusal::Malformed(format!(
                "`industries`: {unknown:?} is not known; there are {}",
                known.join(", ")
            )));
        }
        let excluded = terms.industries_of(&self.category, &self.industries).find(|industry| industry.excluded);
        excluded.map_or(Ok(()), |industry| {
            let words = (
                format!("nothing of {} runs here", industry.name.en),
                format!("不承接“{}”行业的广告", industry.name.zh),
            );
            Err(Refusal::rule("R-SCOPE", words))
        })
    }
}

/// A domain in lower case with a point in it.
fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

impl Form for Document {
    const KIND: SubjectKind = SubjectKind::Document;

    fn name(&self) -> String {
        format!("{}/{}/{}", self.account, self.advertiser, self.number)
    }

    fn account(&self) -> &str {
        &self.account
    }

    fn judge(&self, office: &Office<'_>) -> Result<(), Refusal> {
        demand(is_id(&self.advertiser), "advertiser", "must be 1 to 64 letters, digits, `.`, `_` or `-`")?;
        let number = is_line(&self.number, LONGEST_NUMBER) && !self.number.contains('/');
        demand(number, "number", "must be one line of 1 to 64 characters without a slash")?;
        demand(is_line(&self.issuer, LONGEST_NAME), "issuer", "must be one line of 1 to 128 characters")?;
        let Some(kind) = office.terms().document(&self.kind) else {
            let known: Vec<_> = office.terms().documents.iter().map(|it| it.id.as_str()).collect();
            return Err(Refusal::Malformed(format!(
                "`kind`: {:?} is not known; there are {}",
                self.kind,
                known.join(", ")
            )));
        };
        if !kind.forms.is_empty() && !kind.forms.iter().any(|form| number_fits(&self.number, form)) {
            let words = (
                format!(
                    "`number`: {:?} is no number of a {}: it is written {}",
                    self.number,
                    kind.name.en,
                    kind.forms.join(" or ")
                ),
                format!("“{}”不是有效的{}编号，格式应为 {}", self.number, kind.name.zh, kind.forms.join(" 或 ")),
            );
            return Err(Refusal::rule("R-QUALIFY", words));
        }
        demand(self.valid_from <= self.last_day(), "valid_until", "is before `valid_from`")?;
        let said = last_day_of(&self.number);
        if kind.ends_by_number && said != self.valid_until {
            let shown = said.map_or_else(|| "no day".to_owned(), |day| day.to_string());
            let words = (
                format!("`valid_until`: the number says that it ends on {shown}"),
                format!("有效期与批准文号不一致：文号载明的失效日期为 {shown}"),
            );
            return Err(Refusal::rule("R-QUALIFY", words));
        }
        self.is_current(office.now.shanghai_day())?;
        self.has_files(office)
    }
}

impl Document {
    /// R-QUALIFY: what has expired proves nothing.
    fn is_current(&self, today: crate::clock::ShanghaiDay) -> Result<(), Refusal> {
        let last = self.last_day();
        if last >= today {
            return Ok(());
        }
        let words = (format!("`valid_until`: it ended on {last}"), format!("证明文件已于 {last} 到期"));
        Err(Refusal::rule("R-QUALIFY", words))
    }

    fn has_files(&self, office: &Office<'_>) -> Result<(), Refusal> {
        let count = (1..=MOST_FILES).contains(&self.files.len());
        demand(count, "files", "must name 1 to 20 files that were uploaded before, by SHA-256")?;
        for file in &self.files {
            let digest = digest_of(file);
            demand(digest.is_some(), "files", "must be 64 hexadecimal digits in lower case each")?;
            let kept = match digest {
                Some(digest) => office.docket.document(&digest)?,
                None => None,
            };
            demand(kept.is_some(), "files", &format!("{file} was not uploaded"))?;
        }
        let most = office.terms().limits.documents as usize;
        let of = office.documents(&self.account, &self.advertiser)?.len();
        demand(of < most, "advertiser", &format!("has {of} documents already; at most {most} are kept"))
    }
}
