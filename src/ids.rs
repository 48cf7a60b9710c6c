//! One newtype per id. Inside, entities are dense numbers; on the wire they are the strings of contracts and partners.
//!
//! A number is given once by the [`IdBook`], durably and for ever (`docs/decisions/0001-ids.md`), so that tokens, events and counters
//! mean the same entity after a reload, a restart and on every node.

mod cells;

pub use cells::Cells;

use std::collections::HashMap;
use std::fmt;

use crate::clock::UnixMillis;

macro_rules! dense_ids {
    ($($(#[$doc:meta])* $name:ident = $kind:ident),+ $(,)?) => {
        /// What a dense number stands for. The discriminants are stored; they never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum IdKind { $( $(#[$doc])* $kind ),+ }

        impl IdKind {
            /// Every kind, in the order of their stored codes.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The stored code.
            #[must_use]
            pub const fn code(self) -> u8 { self as u8 }

            /// Its name in words.
            #[must_use]
            pub fn label(self) -> String { format!("{self:?}").to_lowercase() }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub u32);

            impl DenseId for $name {
                const KIND: IdKind = IdKind::$kind;
                fn from_number(number: u32) -> Self { Self(number) }
                fn number(self) -> u32 { self.0 }
            }
        )+
    };
}

/// An id that is a dense number inside the exchange.
pub trait DenseId: Copy + Eq + std::hash::Hash + fmt::Debug {
    /// What it stands for.
    const KIND: IdKind;
    /// The id with that number.
    fn from_number(number: u32) -> Self;
    /// Its number, from 0.
    fn number(self) -> u32;
    /// Its number as an index.
    fn index(self) -> usize {
        self.number() as usize
    }
}

dense_ids! {
    /// A media: an app or site owner. Wire: the media's id in config.
    MediaId = Media,
    /// A placement of a media. Wire: `media/tagid`.
    PlacementId = Placement,
    /// A demand-side platform. Wire: its id in config.
    DspId = Dsp,
    /// A buyer. Wire: its ACCOUNT ID, digits.
    BuyerId = Buyer,
    /// An advertiser of a buyer. Wire: `account/advertiser`.
    AdvertiserId = Advertiser,
    /// A creative of a buyer, whatever its version. Wire: `account/crid`.
    CreativeId = Creative,
    /// A deal. Wire: OpenRTB `deal.id`.
    DealId = Deal,
    /// An app, a site or a set of screens of a media. Wire: `media/property`.
    PropertyId = Property,
}

/// A creative's version: from 1, one more for each change (R-REVIEW).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreativeVersion(pub u16);

/// A node of the exchange; set in config, 0 to 65,535.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// How many times this node has started on its store: given by the store, below 2²⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot(pub u32);

/// One thread of the hot plane: its index among this node's runtimes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u8);

/// A durable permission to spend, given by the store; 0 is never given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// Which imp of a request, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImpIndex(pub u8);

/// Which ad of an imp: 0, or the position in an ad pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u8);

/// The exchange's own id of one auction: 128 bits, ordered by time, unique whatever the clock does.
///
/// | bits | part | why |
/// |---|---|---|
/// | 48 | Unix milliseconds | order, and the day and month of settlement (R-MONTH) |
/// | 16 | node | nodes need no coordination |
/// | 24 | boot | a restart starts a new sequence, so a clock that steps back repeats nothing |
/// | 8 | lane | threads need no coordination |
/// | 32 | sequence | 4 × 10⁹ auctions per thread and boot before it wraps |
///
/// Written as 32 lower-case hexadecimal digits, which sort as the numbers do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuctionId(pub u128);

impl AuctionId {
    /// When the auction was.
    #[must_use]
    pub fn at(self) -> UnixMillis {
        UnixMillis((self.0 >> 80) as u64)
    }

    /// On which node it was.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NodeId((self.0 >> 64) as u16)
    }

    /// Big-endian bytes: they sort as the ids do.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id with these big-endian bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The 32 hexadecimal digits as ASCII, without an allocation.
    #[must_use]
    pub fn to_hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (index, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[((self.0 >> (124 - 4 * index)) & 0xf) as usize];
        }
        text
    }
}

impl fmt::Display for AuctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for AuctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// By how much a clock may step back before ids follow it, ms.
const HELD_MS: u64 = 5_000;

/// Makes the auction ids of one thread.
#[derive(Debug)]
pub struct AuctionIds {
    fixed: u128,
    sequence: u32,
    latest: u64,
}

impl AuctionIds {
    /// The generator of one lane; no other may exist for the same node, boot and lane.
    #[must_use]
    pub fn new(node: NodeId, boot: Boot, lane: Lane) -> Self {
        let fixed = (u128::from(node.0) << 64) | (u128::from(boot.0 & 0xff_ffff) << 40) | (u128::from(lane.0) << 32);
        Self { fixed, sequence: 0, latest: 0 }
    }

    /// The next id. A clock that steps back a little leaves the time part where it was, for order; after a larger step it follows
    /// the clock: an id in the future would put its charge on a wrong day. Either way the sequence keeps ids apart.
    pub fn next(&mut self, now: UnixMillis) -> AuctionId {
        let now = now.0 & 0xffff_ffff_ffff;
        self.latest = if now.saturating_add(HELD_MS) < self.latest { now } else { self.latest.max(now) };
        let id = (u128::from(self.latest) << 80) | self.fixed | u128::from(self.sequence);
        self.sequence = self.sequence.wrapping_add(1);
        AuctionId(id)
    }
}

/// The book of numbers: which dense number stands for which wire string, per kind. Append-only.
///
/// It does no I/O: the store loads it at start and writes [`IdBook::fresh`] before a market that uses those numbers is published.
#[derive(Clone, Debug, Default)]
pub struct IdBook {
    numbers: HashMap<(IdKind, Box<str>), u32>,
    counts: [u32; IdKind::ALL.len()],
    fresh: Vec<(IdKind, u32, Box<str>)>,
}

impl IdBook {
    /// The number of a wire string, giving it the next one if it has none yet.
    pub fn assign<I: DenseId>(&mut self, wire: &str) -> I {
        if let Some(known) = self.find(wire) {
            return known;
        }
        let count = &mut self.counts[I::KIND as usize];
        let number = *count;
        *count += 1;
        self.numbers.insert((I::KIND, wire.into()), number);
        self.fresh.push((I::KIND, number, wire.into()));
        I::from_number(number)
    }

    /// The number of a wire string, if it has one.
    #[must_use]
    pub fn find<I: DenseId>(&self, wire: &str) -> Option<I> {
        self.numbers.get(&(I::KIND, Box::from(wire))).map(|number| I::from_number(*number))
    }

    /// Every number of a kind with its wire string, in no order.
    pub fn wires<I: DenseId>(&self) -> impl Iterator<Item = (I, &str)> {
        let own = self.numbers.iter().filter(|((kind, _), _)| *kind == I::KIND);
        own.map(|((_, wire), number)| (I::from_number(*number), wire.as_ref()))
    }

    /// Forgets the names of a kind, but not how many there are: numbers that are given later are new ones.
    pub fn forget_names(&mut self, kind: IdKind) {
        self.numbers.retain(|(of, _), _| *of != kind);
        self.numbers.shrink_to_fit();
    }

    /// Restores one stored entry.
    pub fn restore(&mut self, kind: IdKind, number: u32, wire: &str) {
        let count = &mut self.counts[kind as usize];
        *count = (*count).max(number + 1);
        self.numbers.insert((kind, wire.into()), number);
    }

    /// Whether any of these numbers, or their strings, means something else in this book.
    #[must_use]
    pub fn contradicts(&self, given: &[(IdKind, u32, Box<str>)]) -> bool {
        given.iter().any(|(kind, number, wire)| match self.numbers.get(&(*kind, wire.clone())) {
            Some(known) => known != number,
            None => *number < self.counts[*kind as usize],
        })
    }

    /// The entries that the store does not have yet; empties the list.
    pub fn fresh(&mut self) -> Vec<(IdKind, u32, Box<str>)> {
        std::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auction_ids_are_unique_and_ordered_though_the_clock_steps_back() {
        let mut ids = AuctionIds::new(NodeId(7), Boot(3), Lane(1));
        let times = [1_000, 1_000, 7_000, 4_000, 2_000, 9_000];
        let made: Vec<_> = times.iter().map(|ms| ids.next(UnixMillis(*ms))).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
        assert_eq!(made[4].at(), UnixMillis(7_000));
        let after_a_large_step = ids.next(UnixMillis(1_000));
        assert_eq!(after_a_large_step.at(), UnixMillis(1_000), "nothing is won in the future");
        assert!(!made.contains(&after_a_large_step));
        let mut restarted = AuctionIds::new(NodeId(7), Boot(4), Lane(1));
        assert!(!made.contains(&restarted.next(UnixMillis(1_000))), "another boot, another id");
    }

    #[test]
    fn the_text_form_sorts_as_the_id_and_round_trips() {
        let mut ids = AuctionIds::new(NodeId(1), Boot(1), Lane(0));
        let id = ids.next(UnixMillis(1_700_000_000_000));
        assert_eq!(id.to_string().as_bytes(), id.to_hex());
        assert_eq!(id.to_string(), "018bcfe56800000100000100".to_owned() + "00000000");
        assert_eq!(AuctionId::from_bytes(id.to_bytes()), id);
        let far = AuctionIds::new(NodeId(65_535), Boot(0xff_ffff), Lane(255)).next(UnixMillis(1));
        assert_eq!((id.node(), far.node(), far.at()), (NodeId(1), NodeId(65_535), UnixMillis(1)));
    }

    #[test]
    fn a_number_is_given_once_and_survives_a_restore() {
        let mut book = IdBook::default();
        let first: DealId = book.assign("PDB-1");
        let second: DealId = book.assign("PDB-2");
        assert_ne!(first, second);
        assert_eq!(book.assign::<DealId>("PDB-1"), first);
        assert_eq!(book.assign::<MediaId>("PDB-1"), MediaId(0), "kinds count apart");
        let mut restored = IdBook::default();
        for (kind, number, wire) in book.fresh() {
            restored.restore(kind, number, &wire);
        }
        assert_eq!(restored.find::<DealId>("PDB-2"), Some(second));
        assert_eq!(restored.assign::<DealId>("PD-3"), DealId(2));
        let means = |number, wire: &str| restored.contradicts(&[(IdKind::Deal, number, wire.into())]);
        assert_eq!([means(0, "PDB-1"), means(3, "PD-4")], [false; 2]);
        assert_eq!([means(1, "PDB-1"), means(0, "PD-4")], [true; 2]);
        assert_eq!(restored.fresh().len(), 1);
    }
}
