//! Looking for new words in everything that is approved, and in what waits for a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use super::super::yield_to_others;
use super::{Finder, Words, said_in};
use crate::compliance::words::Banned;
use crate::event::{Docket, KeptStep, Owner, StoreUnavailable, SubjectKind, Wanted};
use crate::ids::{BuyerId, MediaId};
use crate::market::Market;
use crate::market::demand::CreativeState;
use crate::market::targeting::Place;

/// Creatives that are read at once.
const PAGE: u32 = 256;
/// Pages that wait to be taken over at most.
const MOST_PAGES: usize = 64;

/// A scan that is on.
#[derive(Debug)]
pub(super) struct Scan {
    told: Receiver<Told>,
}

/// What a scan tells, in this order.
#[derive(Debug)]
pub(super) enum Told {
    /// What it looks for.
    Finder(Arc<Finder>),
    /// What it found.
    Scanned(Vec<Scanned>),
    /// It has seen everything.
    Ended,
    /// It has not.
    Failed(String),
}

/// Who keeps away a version of a creative.
#[derive(Debug)]
pub(super) struct Scanned {
    /// `ACCOUNT/CRID`.
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) by: Box<[MediaId]>,
}

impl Scan {
    /// Begins one; `None`: there is no thread for it.
    pub(super) fn begin(docket: &Arc<dyn Docket>, said: &BTreeMap<MediaId, Words>, market: &Market) -> Option<Self> {
        let (tell, told) = sync_channel(MOST_PAGES);
        let (docket, said, first) = (Arc::clone(docket), said.clone(), buyers_on(said, market));
        let work = move || {
            yield_to_others();
            let last = match scan(&*docket, said, &first, &tell) {
                Ok(()) => Told::Ended,
                Err(why) => Told::Failed(why),
            };
            // Nobody listens any more where the node ends.
            drop(tell.send(last));
        };
        match std::thread::Builder::new().name("pmpx-words".into()).spawn(work) {
            Ok(_) => Some(Self { told }),
            Err(error) => {
                tracing::warn!(%error, "no thread to look for media's words on; what was not looked at stays away");
                None
            }
        }
    }

    /// One whose thread is gone.
    #[cfg(test)]
    pub(super) fn ended() -> Self {
        Self { told: sync_channel(1).1 }
    }

    /// What it has told since, one thing at a time.
    pub(super) fn told(&self) -> Option<Told> {
        match self.told.try_recv() {
            Ok(told) => Some(told),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Told::Failed("the scan ended early".to_owned())),
        }
    }
}

/// The buyers whose deals run on these media: theirs are looked at first, so that the media stay without ads as shortly as may be.
fn buyers_on(said: &BTreeMap<MediaId, Words>, market: &Market) -> BTreeSet<BuyerId> {
    let media_of = |place: &Place| match *place {
        Place::Media(media) => Some(media),
        Place::Property(property) => market.properties.get(property).map(|it| it.media),
        Place::Placement(placement) => market.placements.get(placement).map(|it| it.media),
    };
    let runs = |places: &[Place]| places.iter().filter_map(media_of).any(|media| said.contains_key(&media));
    market.deals.iter().filter(|deal| runs(&deal.targeting.places)).map(|deal| deal.buyer).collect()
}

fn scan(
    docket: &dyn Docket,
    said: BTreeMap<MediaId, Words>,
    first: &BTreeSet<BuyerId>,
    tell: &SyncSender<Told>,
) -> Result<(), String> {
    let banned = Banned::new(said.values().map(|words| &**words)).map_err(|why| why.to_string())?;
    let finder = Arc::new(Finder { said, banned: Some(banned) });
    if tell.send(Told::Finder(Arc::clone(&finder))).is_err() {
        return Ok(());
    }
    let approved = Some(CreativeState::Approved.code());
    let of_first = first.iter().map(|buyer| Wanted { state: approved, owner: Some(Owner::Buyer(*buyer)) });
    // Deals that serve first show what waits for a person.
    let waiting = Some(CreativeState::PendingReview.code());
    let of_others = [approved, waiting].map(|state| Wanted { state, owner: None });
    let (mut seen, mut barred) = (0_usize, 0_usize);
    for wanted in of_first.chain(of_others) {
        let mut above = 0;
        loop {
            let unavailable = |error: StoreUnavailable| error.to_string();
            let page = docket.list(SubjectKind::Creative, &wanted, above, PAGE).map_err(unavailable)?;
            let Some(last) = page.last() else { break };
            above = last.seq;
            let was_first = |kept: &&KeptStep| matches!(kept.step.owner, Owner::Buyer(it) if first.contains(&it));
            let is_new = |kept: &&KeptStep| wanted.owner.is_some() || wanted.state == waiting || !was_first(kept);
            let scanned: Vec<_> = page.iter().filter(is_new).filter_map(|kept| scanned(kept, &finder)).collect();
            seen += scanned.len();
            barred += scanned.iter().filter(|it| !it.by.is_empty()).count();
            if tell.send(Told::Scanned(scanned)).is_err() {
                return Ok(());
            }
        }
    }
    tracing::info!(media = finder.said.len(), creatives = seen, barred, "words of media were looked for");
    Ok(())
}

fn scanned(kept: &KeptStep, finder: &Finder) -> Option<Scanned> {
    let subject = &kept.step.subject;
    Some(Scanned { name: subject.name.clone(), version: subject.version, by: finder.media_of(&said_in(kept)?) })
}
