//! What reviews say, taken from the docket and laid over the market (R-REVIEW, R-REFUSE; `docs/decisions/0029-content-in-the-market.md`).
//!
//! Steps are followed in their order, whichever process took them. A verdict goes into a small shelf beside a large one, so that it takes
//! effect at once whatever the number of creatives; the large one is built anew on a thread of its own when the small one has grown.
//! Numbers of new names are durable before they are served.

mod accounts;
mod advertisers;
mod prohibitions;
mod read;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::background::yield_to_others;
use super::desk::{MOST_RACES, NUMBERS, StoredIds};
use super::{Publisher, held};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{Docket, KeptStep, StoreUnavailable, Subject, SubjectKind, Wanted};
use crate::ids::{BuyerId, CreativeId, CreativeVersion, IdBook, IdKind, MediaId};
use crate::market::Market;
use crate::market::agreement::MonitorList;
use crate::market::content::{Advertisers, Content, Shelf, ShelfDraft, was_live};
use crate::market::demand::{Creative, CreativeState};
use crate::market::supply::Prohibitions;
use crate::store::Registry;

use read::{Reading, Unread};

/// Creatives beside the large shelf before it is built anew; few in tests, so that it happens there.
const MOST_RECENT: usize = if cfg!(test) { 16 } else { 4_096 };
/// Steps that are taken over at once.
const STEPS: u32 = 512;
/// Subjects that are read at once, where all are.
const PAGE: u32 = 1_000;
/// Warnings that are kept at most.
const MOST_TROUBLES: usize = 1_000;

/// Something in the docket that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTrouble {
    /// Which step.
    pub step: u64,
    /// What is wrong, with the subject's name.
    pub message: String,
}

/// Follows the docket.
pub(super) struct Review {
    docket: Arc<dyn Docket>,
    identities: Arc<dyn Registry>,
    stored_ids: StoredIds,
    /// Numbers of buyers and advertisers; of creatives only how many there are, and those that were given here.
    book: IdBook,
    /// The catalog that it was last looked at with; `None`: nothing has been read yet.
    seen: Option<Seen>,
    /// The last step that was taken over.
    after: u64,
    base: Arc<Shelf>,
    /// What has changed since the base was begun, with the step.
    recent: BTreeMap<CreativeId, (u64, Creative)>,
    /// Versions that were stopped, of creatives of which another one stands.
    stopped: Arc<HashSet<(CreativeId, CreativeVersion)>>,
    /// What media prohibit themselves.
    prohibited: Arc<HashMap<MediaId, Prohibitions>>,
    words: words::MediaWords,
    /// Advertisers of whom the docket has a word.
    advertisers: advertisers::Known,
    shown: Arc<Advertisers>,
    /// When buyers' accounts were last used.
    used: Arc<HashMap<BuyerId, ShanghaiDay>>,
    building: Option<(u64, JoinHandle<Shelf>)>,
    /// Large shelves that requests may still read: freed here, they cost no request anything.
    retired: Vec<Arc<Shelf>>,
    /// By subject.
    troubles: BTreeMap<Subject, ContentTrouble>,
}

/// What was judged by: of a catalog, what is in the creatives, and the day of which advertisers' documents were judged.
struct Seen {
    generation: u64,
    monitors: MonitorList,
    day: ShanghaiDay,
}

impl Seen {
    fn of(market: &Market, day: ShanghaiDay) -> Self {
        Self { generation: market.generation, monitors: market.terms.monitors.clone(), day }
    }
}

impl std::fmt::Debug for Review {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Review").field("after", &self.after).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Serves what reviews say by now: approvals, suspensions, whatever process they were made at. Waits for no reload. Cheap when
    /// nothing has happened; to be called after each step of this process, and now and then for those of others.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; what was served goes on, and the next call tries again.
    pub fn follow_content(&self) -> Result<(), StoreUnavailable> {
        let mut review = held(&self.review);
        let mut scanned = review.take_scanned(&self.exchange.market.load());
        let now = || self.exchange.clock.now();
        while review.look(&self.exchange.market.load(), now())? || std::mem::take(&mut scanned) {
            let content = review.content();
            let mut overlay = held(&self.overlay);
            overlay.content = content.clone();
            let market = self.exchange.market.load_full();
            self.exchange.market.store(Arc::new(market.showing(content)));
        }
        Ok(())
    }

    /// The same behind a reload, which goes on whatever the docket does.
    pub(super) fn follow_content_after_reload(&self) {
        if let Err(error) = self.follow_content() {
            tracing::warn!(%error, "what is reviewed could not be read after the reload; it is tried again");
        }
    }

    /// What of the docket cannot be served, in the order of its names.
    #[must_use]
    pub fn content_troubles(&self) -> Vec<ContentTrouble> {
        held(&self.review).troubles.values().cloned().collect()
    }
}

impl Review {
    pub(super) fn new(docket: Arc<dyn Docket>, identities: Arc<dyn Registry>, stored_ids: StoredIds) -> Self {
        Self {
            docket,
            identities,
            stored_ids,
            book: IdBook::default(),
            seen: None,
            after: 0,
            base: Arc::default(),
            recent: BTreeMap::new(),
            stopped: Arc::default(),
            prohibited: Arc::default(),
            words: words::MediaWords::default(),
            advertisers: advertisers::Known::new(),
            shown: Arc::default(),
            used: Arc::default(),
            building: None,
            retired: Vec::new(),
            troubles: BTreeMap::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn is_building(&self) -> bool {
        self.building.is_some()
    }

    /// What the market shows.
    pub(super) fn content(&self) -> Content {
        let recent = self.recent.values().map(|(_, creative)| creative.clone());
        let content = Content::new(Arc::clone(&self.base), Arc::new(Shelf::new(recent)), Arc::clone(&self.stopped));
        let content = content.prohibiting(Arc::clone(&self.prohibited)).barring(self.words.barred());
        content.advertising(Arc::clone(&self.shown)).using(Arc::clone(&self.used))
    }

    /// Takes over what is new, at most a batch of it. Tells whether there was anything.
    fn look(&mut self, market: &Market, now: UnixMillis) -> Result<bool, StoreUnavailable> {
        let today = now.shanghai_day();
        self.retired.retain(|shelf| Arc::strong_count(shelf) > 1);
        let Some(seen) = &self.seen else {
            self.load(market, today)?;
            return Ok(true);
        };
        if seen.generation != market.generation {
            if seen.monitors != market.terms.monitors {
                // They are part of every creative.
                self.load(market, today)?;
                return Ok(true);
            }
            return self.turn(market, today).map(|()| true);
        }
        let turned = seen.day != today;
        if turned {
            // What begins today is valid though no step says so yet.
            self.turn_advertisers(market, today)?;
            self.seen = Some(Seen::of(market, today));
        }
        let built = self.take_built() | self.look_again(market)? | turned;
        let steps =
            if self.docket.last_step()? > self.after { self.docket.steps(self.after, STEPS)? } else { Vec::new() };
        let Some(last) = steps.last().map(|step| step.seq) else { return Ok(built) };
        let creatives = names_of(SubjectKind::Creative, &steps);
        let changed = self.refresh(&creatives, market)?;
        let changed = self.refresh_prohibitions(&names_of(SubjectKind::Prohibitions, &steps), market)? || changed;
        self.look_at(&creatives, market)?;
        let advertisers = advertisers::names_of(&steps);
        let changed = self.refresh_advertisers(&advertisers, market, today)? || changed;
        let changed = self.take_accounts(&steps) || changed;
        self.after = last;
        self.build_where_large();
        Ok(built || changed || self.docket.last_step()? > last)
    }

    /// Everything anew: at the start, and where the list of monitors has changed.
    fn load(&mut self, market: &Market, today: ShanghaiDay) -> Result<(), StoreUnavailable> {
        self.book = (self.stored_ids)()?;
        for left in (0..MOST_RACES).rev() {
            // What happens while it is read is followed afterwards.
            let after = self.docket.last_step()?;
            self.troubles.clear();
            let (standing, stopped) = self.read_all(market)?;
            let prohibited = self.read_prohibitions(market)?;
            let advertisers = self.read_advertisers(market, today)?;
            match self.save_numbers() {
                Ok(()) => {}
                Err(error) if left == 0 => return Err(error),
                Err(_) => continue,
            }
            self.look_at_since(after, market)?;
            self.read_accounts()?;
            self.book.forget_names(IdKind::Creative);
            self.building = None;
            self.recent.clear();
            self.rest_on(standing.finish());
            self.stopped = Arc::new(stopped);
            self.prohibited = Arc::new(prohibited);
            self.show_advertisers(advertisers);
            self.after = after;
            self.seen = Some(Seen::of(market, today));
            tracing::info!(step = after, creatives = self.base.len(), "reviewed content is served");
            return Ok(());
        }
        Ok(())
    }

    /// The version of each creative that stands, and all that were stopped.
    fn read_all(&mut self, market: &Market) -> Result<AllRead, StoreUnavailable> {
        let mut ranks: HashMap<CreativeId, Rank> = HashMap::new();
        let mut standing = ShelfDraft::default();
        let mut stopped = Vec::new();
        let reading = Reading::of(market);
        let mut above = 0;
        loop {
            let page = self.docket.list(SubjectKind::Creative, &Wanted::default(), above, PAGE)?;
            let Some(last) = page.last() else {
                let of = |(name, version): (String, CreativeVersion)| {
                    let id: CreativeId = self.book.find(&name)?;
                    // What stands is judged by its own state: beside one that was only ever rejected, the config's goes on.
                    ranks.get(&id).filter(|(_, standing)| *standing != u32::from(version.0)).map(|_| (id, version))
                };
                return Ok((standing, stopped.into_iter().filter_map(of).collect()));
            };
            above = last.seq;
            for kept in page {
                let Some(rank) = rank(&kept) else { continue };
                let name = &kept.step.subject.name;
                stopped.extend(stopped_version(&kept).map(|version| (name.clone(), version)));
                let known = self.book.find::<CreativeId>(name).and_then(|id| ranks.get(&id));
                if known.is_some_and(|other| *other > rank) {
                    continue;
                }
                match reading.creative(&kept, &mut self.book, None) {
                    Ok(creative) => {
                        ranks.insert(creative.id, rank);
                        standing.put(creative);
                    }
                    Err(wrong) => self.tell(&kept, &wrong),
                }
            }
        }
    }

    /// What another generation asks of content: copies of fallbacks' markup, and another try where a name was unknown.
    fn turn(&mut self, market: &Market, today: ShanghaiDay) -> Result<(), StoreUnavailable> {
        let troubled = |kind| self.troubles.keys().filter(move |it| it.kind == kind).map(|it| it.name.clone());
        let mut names: BTreeSet<String> = troubled(SubjectKind::Creative).collect();
        let prohibitions = troubled(SubjectKind::Prohibitions).chain(self.prohibiting_industries(market)).collect();
        for fallback in market.deals.iter().filter_map(|deal| market.creative_numbered(deal.fallback?)) {
            if let (None, Some(buyer)) = (&fallback.markup, market.buyers.get(fallback.buyer)) {
                names.insert(format!("{}/{}", buyer.account, fallback.crid()));
            }
        }
        if !self.troubles.is_empty() {
            self.book = (self.stored_ids)()?;
            self.book.forget_names(IdKind::Creative);
        }
        self.learn(market);
        self.refresh(&names, market)?;
        self.refresh_prohibitions(&prohibitions, market)?;
        self.look_at_config(market);
        // Their industries' documents, and what the config says of them, may be others.
        self.turn_advertisers(market, today)?;
        self.seen = Some(Seen::of(market, today));
        self.read_accounts()?;
        Ok(())
    }

    /// Takes over the numbers of whom a reload may have brought: the docket is about them from now on.
    fn learn(&mut self, market: &Market) {
        market.buyers.iter().for_each(|it| self.book.restore(IdKind::Buyer, it.id.0, &it.account));
        market.media.iter().for_each(|it| self.book.restore(IdKind::Media, it.id.0, &it.wire));
    }

    /// Reads these creatives again. Nothing has changed where it fails.
    fn refresh(&mut self, names: &BTreeSet<String>, market: &Market) -> Result<bool, StoreUnavailable> {
        for left in (0..MOST_RACES).rev() {
            let mut read = Vec::new();
            let reading = Reading::of(market);
            for name in names {
                read.extend(self.stand_of(name, &reading)?);
            }
            match self.save_numbers() {
                Ok(()) => {}
                Err(error) if left == 0 => return Err(error),
                Err(_) => continue,
            }
            let changed = !read.is_empty();
            self.recent.extend(read.into_iter().map(|(step, creative)| (creative.id, (step, creative))));
            return Ok(changed);
        }
        Ok(false)
    }

    /// How a creative stands: its newest version that was ever approved, or else its newest one.
    fn stand_of(&mut self, name: &str, reading: &Reading<'_>) -> Result<Option<(u64, Creative)>, StoreUnavailable> {
        let versions = self.docket.versions(SubjectKind::Creative, name)?;
        versions.iter().for_each(|it| drop(self.troubles.remove(&it.step.subject)));
        let Some((_, kept)) = versions.iter().filter_map(|it| Some((rank(it)?, it))).max_by_key(|(rank, _)| *rank)
        else {
            return Ok(None);
        };
        let present = self.present(name, reading.market);
        match reading.creative(kept, &mut self.book, present.map(|it| it.id)) {
            Ok(creative) => {
                self.stop(creative.id, &versions, kept);
                Ok(Some((kept.seq, creative)))
            }
            Err(wrong) => {
                self.tell(kept, &wrong);
                // What may not run is stopped although nobody can read it; what may keeps the last word that could be read.
                let state = CreativeState::from_code(kept.step.state).filter(|it| *it != CreativeState::Approved);
                let present = present.zip(state.filter(|it| was_live(*it)));
                Ok(present.map(|(it, state)| (kept.seq, Creative { state, ..it.clone() })))
            }
        }
    }

    /// Notes which versions were stopped beside the one that stands.
    fn stop(&mut self, id: CreativeId, versions: &[KeptStep], standing: &KeptStep) {
        let others = versions.iter().filter(|it| it.step.subject != standing.step.subject);
        let stopped: Vec<_> = others.filter_map(stopped_version).map(|version| (id, version)).collect();
        if stopped.iter().any(|it| !self.stopped.contains(it)) {
            Arc::make_mut(&mut self.stopped).extend(stopped);
        }
    }

    /// The creative of a name as it is served, or is about to be.
    fn present<'m>(&self, name: &str, market: &'m Market) -> Option<&'m Creative> {
        let (account, crid) = name.split_once('/')?;
        let buyer: BuyerId = self.book.find(account)?;
        market.creative(buyer, crid)
    }

    fn tell(&mut self, kept: &KeptStep, wrong: &Unread) {
        self.tell_of(&kept.step.subject, kept.seq, wrong);
    }

    fn tell_of(&mut self, subject: &Subject, step: u64, wrong: &Unread) {
        let message = match subject.kind {
            SubjectKind::Prohibitions => format!("prohibitions of media {}: {wrong}", subject.name),
            kind => format!("{} {} version {}: {wrong}", kind.label(), subject.name, subject.version),
        };
        tracing::error!(step, "REVIEWED CONTENT CANNOT BE SERVED: {message}");
        if self.troubles.len() < MOST_TROUBLES {
            self.troubles.insert(subject.clone(), ContentTrouble { step, message });
        }
    }

    /// Stores the numbers that were given. Where another process has given them other meanings, nothing of this try is served: the book is
    /// read again, and the caller tries once more.
    fn save_numbers(&mut self) -> Result<(), StoreUnavailable> {
        let fresh = self.book.fresh();
        for batch in fresh.chunks(NUMBERS) {
            if let Err(error) = self.identities.save_ids(batch) {
                self.book = (self.stored_ids)()?;
                return Err(error);
            }
        }
        Ok(())
    }

    fn build_where_large(&mut self) {
        if self.recent.len() <= MOST_RECENT || self.building.is_some() {
            return;
        }
        let (base, content) = (Arc::clone(&self.base), self.content());
        let build = move || {
            yield_to_others();
            base.merged(content.recent())
        };
        match std::thread::Builder::new().name("pmpx-content".into()).spawn(build) {
            Ok(thread) => self.building = Some((self.after, thread)),
            Err(error) => tracing::warn!(%error, "no thread to build the creatives' index on; it goes on growing"),
        }
    }

    fn take_built(&mut self) -> bool {
        let Some((upto, thread)) = self.building.take_if(|(_, thread)| thread.is_finished()) else { return false };
        let Ok(shelf) = thread.join() else { return false };
        self.recent.retain(|_, (step, _)| *step > upto);
        self.rest_on(shelf);
        true
    }

    fn rest_on(&mut self, shelf: Shelf) {
        self.retired.push(std::mem::replace(&mut self.base, Arc::new(shelf)));
    }
}

/// Which creatives stand, and which versions of which were stopped.
type AllRead = (ShelfDraft, HashSet<(CreativeId, CreativeVersion)>);

/// The version of a step that stopped it.
fn stopped_version(kept: &KeptStep) -> Option<CreativeVersion> {
    let state = CreativeState::from_code(kept.step.state)?;
    let stopped = matches!(state, CreativeState::Suspended | CreativeState::Rejected);
    u16::try_from(kept.step.subject.version).ok().filter(|_| stopped).map(CreativeVersion)
}

/// The names of a kind of subjects among steps.
fn names_of(kind: SubjectKind, steps: &[KeptStep]) -> BTreeSet<String> {
    let subjects = steps.iter().map(|it| &it.step.subject).filter(|it| it.kind == kind);
    subjects.map(|it| it.name.clone()).collect()
}

/// What comes first of a creative's versions; `None`: it is a draft, or nobody knows what its state means.
type Rank = (bool, u32);

fn rank(kept: &KeptStep) -> Option<Rank> {
    let state = CreativeState::from_code(kept.step.state).filter(|state| *state != CreativeState::Draft)?;
    Some((was_live(state), kept.step.subject.version))
}
