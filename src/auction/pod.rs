//! Ad pods: how many ads an imp shows, and which may stand beside each other (OpenRTB 2.6 §7.6).
//!
//! A structured pod is several imps with the same `podid`, one ad each. A dynamic part is one imp with a length in seconds
//! (`poddur`) that several ads share. Both together are a hybrid pod. Whatever the form: no creative twice in a pod, and one ad of
//! an advertiser, unless the media says otherwise.

use openrtb::request::Imp;

use super::admission::OfferedImp;
use super::reason::Loss;
use crate::ids::{CreativeId, DealId};
use crate::market::demand::Advertiser;
use crate::market::supply::Format;

/// The most ads of one imp, whatever it asks for.
pub const MOST_SLOTS: u8 = 16;

/// The dynamic part of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// Its length, s.
    pub length_s: u32,
    /// The most ads.
    pub most: u8,
}

impl Dynamic {
    /// What an imp offers to a format; `None` when it is one ad. `poddur` makes a dynamic part, `maxseq` limits it.
    #[must_use]
    pub fn of(imp: &Imp<'_>, format: Format) -> Option<Self> {
        let (length, most) = match format {
            Format::Video => imp.video.as_ref().map(|video| (video.poddur, video.maxseq))?,
            Format::Audio => imp.audio.as_ref().map(|audio| (audio.poddur, audio.maxseq))?,
            Format::Banner | Format::Native => return None,
        };
        let length_s = length.and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| *seconds > 0)?;
        let most = most.filter(|most| *most > 0).and_then(|most| u8::try_from(most).ok()).unwrap_or(MOST_SLOTS);
        Some(Self { length_s, most: most.min(MOST_SLOTS) })
    }
}

/// The pod that an imp is part of.
pub(super) fn id_of<'i>(imp: &'i Imp<'_>) -> Option<&'i str> {
    let video = imp.video.as_ref().and_then(|video| video.podid.as_deref());
    video.or_else(|| imp.audio.as_ref().and_then(|audio| audio.podid.as_deref())).filter(|id| !id.is_empty())
}

/// What may not stand twice in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separation {
    /// An advertiser.
    pub advertiser: bool,
    /// A category.
    pub category: bool,
    /// A creative.
    pub creative: bool,
}

impl Separation {
    /// What an imp asks for: its request's word (`poddedupe`; AdCOM "Pod Deduplication Settings"), else its placement's.
    pub(super) fn of(dedupe: &[i32], competitive: bool) -> Self {
        if dedupe.is_empty() {
            return Self { advertiser: competitive, category: false, creative: true };
        }
        let says = |setting: i32| dedupe.contains(&setting);
        // A creative has one media file: 4 is 3.
        Self { advertiser: says(1), category: says(2), creative: says(3) || says(4) }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            advertiser: self.advertiser || other.advertiser,
            category: self.category || other.category,
            creative: self.creative || other.creative,
        }
    }
}

/// A place in a dynamic part that only one ad can have (OpenRTB 2.6, AdCOM "Slot Position in Pod").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// Anywhere.
    #[default]
    Any,
    /// The first ad.
    First,
    /// The last ad.
    Last,
    /// Either of them.
    FirstOrLast,
}

impl Position {
    /// What a bid asks for; `None` for a value that the list does not have.
    pub(super) fn asked(slotinpod: Option<i32>) -> Option<Self> {
        match slotinpod.unwrap_or(0) {
            0 => Some(Self::Any),
            1 => Some(Self::First),
            -1 => Some(Self::Last),
            2 => Some(Self::FirstOrLast),
            _ => None,
        }
    }

    /// The value of a place that was given, for `slotinpod`.
    #[must_use]
    pub const fn code(self) -> Option<i32> {
        match self {
            Self::Any => None,
            Self::First => Some(1),
            Self::Last => Some(-1),
            Self::FirstOrLast => Some(2),
        }
    }
}

/// Whether an imp guarantees the place that a bid asks for.
pub(super) fn guarantees(imp: &Imp<'_>, format: Format, asked: Position) -> bool {
    let offered = match format {
        Format::Video => imp.video.as_ref().and_then(|video| video.slotinpod),
        Format::Audio => imp.audio.as_ref().and_then(|audio| audio.slotinpod),
        Format::Banner | Format::Native => None,
    };
    match asked {
        Position::Any => true,
        Position::First => matches!(offered, Some(1 | 2)),
        Position::Last => matches!(offered, Some(-1 | 2)),
        Position::FirstOrLast => matches!(offered, Some(-1 | 1 | 2)),
    }
}

/// An ad that wants a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'c> {
    /// The imp, by its place among the admitted ones.
    pub(super) imp: usize,
    /// Its deal, if a deal may have one ad on an imp only.
    pub(super) alone: Option<DealId>,
    pub(super) creative: CreativeId,
    pub(super) advertiser: &'c Advertiser,
    pub(super) format: Format,
    pub(super) seconds: u32,
    pub(super) asked: Position,
}

/// An ad that has one.
#[derive(Clone, Copy, Debug)]
struct Placed<'c> {
    ad: Candidate<'c>,
    position: Position,
}

/// Fills imps and pods, first come first served: called in the order of precedence.
#[derive(Debug)]
pub(super) struct Packing<'p, 'c> {
    imps: &'p [OfferedImp<'p>],
    placed: Vec<Placed<'c>>,
}

impl<'p, 'c> Packing<'p, 'c> {
    pub(super) fn new(imps: &'p [OfferedImp<'p>]) -> Self {
        Self { imps, placed: Vec::new() }
    }

    fn on(&self, imp: usize) -> impl Iterator<Item = &Placed<'c>> {
        self.placed.iter().filter(move |placed| placed.ad.imp == imp)
    }

    /// Whether no further ad, whichever it is, finds a place on an imp; for a deal that may have one ad, also when it has it.
    pub(super) fn is_full(&self, imp: usize, alone: Option<DealId>) -> bool {
        let Some(first) = self.on(imp).next() else { return false };
        if alone.is_some() && self.on(imp).any(|placed| placed.ad.alone == alone) {
            return true;
        }
        let Some(dynamic) = Dynamic::of(self.imps[imp].imp, first.ad.format) else { return true };
        let left = dynamic.length_s.saturating_sub(self.seconds(imp));
        self.on(imp).count() >= dynamic.most.into() || left < super::fit::shortest(self.imps[imp].imp, first.ad.format)
    }

    fn seconds(&self, imp: usize) -> u32 {
        self.on(imp).map(|placed| placed.ad.seconds).sum()
    }

    /// The place that an ad finds, or why there is none.
    pub(super) fn place_for(&self, ad: &Candidate<'_>) -> Result<Position, Loss> {
        let imp = &self.imps[ad.imp];
        if self.is_full(ad.imp, ad.alone) {
            return Err(Loss::Outranked);
        }
        let dynamic = Dynamic::of(imp.imp, ad.format);
        if self.on(ad.imp).any(|placed| placed.ad.format != ad.format)
            || dynamic.is_some_and(|dynamic| self.seconds(ad.imp) + ad.seconds > dynamic.length_s)
        {
            return Err(Loss::Outranked);
        }
        let taken = |position| self.on(ad.imp).any(|placed| placed.position == position);
        let position = match ad.asked {
            Position::FirstOrLast if taken(Position::First) => Position::Last,
            Position::FirstOrLast => Position::First,
            asked => asked,
        };
        if position != Position::Any && taken(position) {
            return Err(Loss::Outranked);
        }
        let beside = self.placed.iter().filter(|placed| self.imps[placed.ad.imp].pod == imp.pod);
        if beside.into_iter().any(|placed| repeats(imp.separation, &placed.ad, ad)) {
            return Err(Loss::Separated);
        }
        Ok(position)
    }

    /// Gives an ad the place that was found for it.
    pub(super) fn put(&mut self, ad: Candidate<'c>, position: Position) {
        self.placed.push(Placed { ad, position });
    }
}

/// Whether two ads may not stand in one pod. Two buyers' advertisers with a domain in common are the same advertiser.
fn repeats(separation: Separation, one: &Candidate<'_>, other: &Candidate<'_>) -> bool {
    let (left, right) = (one.advertiser, other.advertiser);
    let same = || left.id == right.id || left.domains.iter().any(|domain| right.domains.contains(domain));
    separation.creative && one.creative == other.creative
        || separation.category && left.category == right.category
        || separation.advertiser && same()
}
