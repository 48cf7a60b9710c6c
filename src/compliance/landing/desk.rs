//! Pages as reviewers see them, and what they decide of them.

use super::{Again, CRAWLER, Deed, PageState, Record, Standing, Watched, decided};
use crate::clock::UnixMillis;
use crate::compliance::digest_of;
use crate::compliance::finding::Finding;
use crate::compliance::office::{By, Office, Refusal, written};
use crate::event::{Owner, Step, Subject, SubjectKind, Taken, Wanted};

/// What a person decides of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be: it is frozen as it was last seen, and the creatives that were suspended for it are resumed (R-LANDING-SAFE).
    Confirmed,
    /// What it shows is unlawful: R-DAMAGE-CONTENT. It stays stopped.
    Unlawful,
    /// That it is another page is a change without permission, where that was left to a person: R-DAMAGE-CHANGE. It stays stopped.
    Changed,
    /// The guard holds a verdict back, and it is the page after all: the next look that sees another page decides (R-LANDING-FROZEN).
    Released,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Confirmed, Self::Unlawful, Self::Changed, Self::Released];

    /// Its name on the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unlawful => "unlawful",
            Self::Changed => "changed",
            Self::Released => "released",
        }
    }

    /// The verdict with that name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.label() == label)
    }
}

/// What became of a page by a person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The place of the step.
    pub seq: u64,
    /// Where it stands.
    pub state: PageState,
    /// What follows, and is done within a second where a process crawls or not.
    pub owed: Vec<Deed>,
}

/// Pages in the order of their last steps, and where the list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The pages.
    pub pages: Vec<Watched>,
    /// Pages that this program cannot read, in words.
    pub unread: Vec<String>,
    /// Above this place are further ones; `None`: there are none.
    pub next: Option<u64>,
}

/// Pages of which the guard lets no verdict be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldPages {
    /// The pages, who is held longest first.
    pub pages: Vec<Watched>,
    /// Whether there may be more than were gone through.
    pub more: bool,
}

impl HeldPages {
    /// Since when the first of them is held; `None`: none is.
    #[must_use]
    pub fn since(&self) -> Option<UnixMillis> {
        self.pages.iter().filter_map(|page| Some(UnixMillis(page.record.held.as_ref()?.since_ms))).min()
    }

    /// Why, in English, each cause once.
    #[must_use]
    pub fn why(&self) -> Vec<&'static str> {
        let words = self.pages.iter().filter_map(|page| Some(page.record.held.as_ref()?.cause.words()));
        words.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

/// Pages in doubt that are gone through at once to find those that are held.
const MOST_DOUBTED: u32 = 10_000;
/// Pages that are read at once.
const AT_ONCE: u32 = 256;

impl Office<'_> {
    /// Pages of which the guard lets no verdict be taken, among the 10,000 that are in doubt longest.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub fn held_pages(&self) -> Result<HeldPages, Refusal> {
        let (mut held, mut above, mut gone) = (HeldPages::default(), 0, 0);
        loop {
            let listed = self.pages(Some(PageState::Doubted), None, (above, AT_ONCE))?;
            held.pages.extend(listed.pages.into_iter().filter(|page| page.record.held.is_some()));
            gone += AT_ONCE;
            match listed.next {
                Some(next) if gone < MOST_DOUBTED => above = next,
                next => {
                    held.more = next.is_some();
                    break;
                }
            }
        }
        held.pages.sort_by_key(|page| page.record.held.as_ref().map(|held| held.since_ms));
        Ok(held)
    }

    /// A person says that it is the pages, of all that are held: the next look at each decides. How many there were.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]: some may be released.
    pub fn release_pages(&self, by: &By<'_>) -> Result<usize, Refusal> {
        self.knows(&[], by)?;
        let mut released = 0;
        for page in self.held_pages()?.pages {
            match self.confirm_page(&page.record.subject(), Verdict::Released, None, by) {
                Ok(_) => released += 1,
                // It was released, or is as it was again, meanwhile.
                Err(Refusal::Rule { .. } | Refusal::Taken(_) | Refusal::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(released)
    }

    /// At most `limit` pages whose last step is above a place, of one state or owner or all; who waits longest comes first.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub fn pages(
        &self,
        state: Option<PageState>,
        owner: Option<Owner>,
        (above, limit): (u64, u32),
    ) -> Result<Listed, Refusal> {
        let wanted = Wanted { state: state.map(PageState::code), owner };
        let kept = self.docket.list(SubjectKind::Page, &wanted, above, limit)?;
        let is_full = u32::try_from(kept.len()).is_ok_and(|count| count == limit);
        let next = kept.last().map(|kept| kept.seq).filter(|_| is_full);
        let (mut pages, mut unread) = (Vec::new(), Vec::new());
        for kept in &kept {
            match Watched::read(kept) {
                Ok(page) => pages.push(page),
                Err(refusal) => unread.push(refusal.to_string()),
            }
        }
        Ok(Listed { pages, unread, next })
    }

    /// A page as it stands, by its name [`subject`](super::subject).
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn page(&self, subject: &Subject) -> Result<Watched, Refusal> {
        Watched::of(self.docket, subject)?.ok_or_else(|| Refusal::Unknown(subject.clone()))
    }

    /// Takes a person's verdict on a page. `seen`: the step that the person has looked at; another one in between refuses.
    ///
    /// # Errors
    /// [`Refusal::Taken`] where it was changed since, or something is still owed, [`Refusal::Rule`] where there is nothing to decide, and those of [`Office::page`].
    pub fn confirm_page(
        &self,
        subject: &Subject,
        verdict: Verdict,
        seen: Option<u64>,
        by: &By<'_>,
    ) -> Result<Decided, Refusal> {
        self.knows(&[], by)?;
        let judge = || {
            let page = self.page(subject)?;
            if seen.is_some_and(|seen| seen != page.seq) {
                let why = format!("it was changed since it was seen (step {}): look again", page.seq);
                return Err(Refusal::Taken(why));
            }
            let standing = decided(page.state, &page.record, verdict)?;
            let told = (standing.state, standing.record.owed.clone());
            Ok((vec![self.page_step(&page, &standing, by)?], told))
        };
        let (places, (state, owed)) = self.take(judge)?;
        Ok(Decided { seq: places.first().copied().unwrap_or_default(), state, owed })
    }

    /// Has a page looked at as soon as may be.
    ///
    /// # Errors
    /// [`Refusal::Rule`] for one to which no creative leads, and those of [`Office::page`].
    pub fn look_now(&self, subject: &Subject) -> Result<(), Refusal> {
        if self.page(subject)?.state == PageState::Retired {
            let words = ("no creative leads to this page: it is not looked at", "没有创意指向该页面，不再监测");
            return Err(Refusal::rule("R-LANDING-FROZEN", words));
        }
        Ok(self.docket.put_off(&[(subject.clone(), Some(self.now))])?)
    }

    /// Keeps a picture of a page: the SHA-256 of what the docket has, and of the sight that it is of ([`Record::current`]); and how the page behaved
    /// when it was taken. Whether any of it was new.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for a digest that is none, and those of [`Office::page`].
    pub fn picture_page(
        &self,
        subject: &Subject,
        (screenshot, of): (&str, &str),
        reached: &[Finding],
    ) -> Result<bool, Refusal> {
        if digest_of(screenshot).is_none() || digest_of(of).is_none() {
            return Err(Refusal::Malformed(
                "a picture of a page is named by SHA-256, 64 hexadecimal digits".to_owned(),
            ));
        }
        let by = By { actor: CRAWLER, reason: "a picture was taken" };
        let (places, ()) = self.take(|| {
            let page = self.page(subject)?;
            let (screenshot, pictured) = (Some(screenshot.to_owned()), Some(of.to_owned()));
            if (&page.record.screenshot, &page.record.pictured, page.record.reached.as_slice())
                == (&screenshot, &pictured, reached)
            {
                return Ok((Vec::new(), ()));
            }
            let record = Record { screenshot, pictured, reached: reached.to_vec(), ..page.record.clone() };
            let standing = Standing { state: page.state, record, again: Again::AsBefore };
            Ok((vec![self.page_step(&page, &standing, &by)?], ()))
        })?;
        Ok(!places.is_empty())
    }

    /// A page's next step, where it is looked at now or as it was to be.
    fn page_step(&self, page: &Watched, standing: &Standing, by: &By<'_>) -> Result<Taken, Refusal> {
        let due = match standing.again {
            Again::AsBefore => page.due,
            Again::Never => None,
            Again::After(ms) => Some(self.now.plus_ms(ms)),
            Again::Now | Again::Usual => Some(self.now),
        };
        let step = Step {
            subject: standing.record.subject(),
            owner: page.owner,
            state: standing.state.code(),
            due,
            at: self.now,
            actor: by.actor.to_owned(),
            reason: by.reason.to_owned(),
            body: written(&standing.record)?,
        };
        Ok(Taken { step, after: page.seq })
    }
}
