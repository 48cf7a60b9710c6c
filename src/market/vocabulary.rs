//! Everything that some deal targets, as numbers: a request's texts are looked up once, and every comparison is of integers.

use std::collections::HashMap;

use super::lookup::{Hash, Lookup};
use super::supply::Size;
use super::targeting::{Connection, DeviceType, Dimension, OperatingSystem, Place, Segment, Version};

/// One value of one dimension. The dimension stands in the upper bits, so that a sorted list of terms is sorted by dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term(u32);

impl Term {
    const NUMBER_BITS: u32 = 26;

    fn new(kind: u32, number: usize) -> Self {
        // 2²⁶ values of a dimension are more than a config folder can hold.
        Self(kind << Self::NUMBER_BITS | (number as u32 & ((1 << Self::NUMBER_BITS) - 1)))
    }

    /// Its dimension: below 16.
    pub(super) const fn kind(self) -> u32 {
        self.0 >> Self::NUMBER_BITS
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

const DEVICE_TYPE: u32 = 6;
const CONNECTION: u32 = 7;
const SYSTEM: u32 = 8;
const SEGMENT: u32 = 9;
const SIZE: u32 = 10;
const PLACE: u32 = 11;

/// A value that deals list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(Dimension, Box<str>),
    DeviceType(DeviceType),
    Connection(Connection),
    System(OperatingSystem),
    Segment(Segment),
    Size(Size),
    Place(Place),
}

impl Key {
    const fn kind(&self) -> u32 {
        match self {
            Self::Text(dimension, _) => *dimension as u32,
            Self::DeviceType(_) => DEVICE_TYPE,
            Self::Connection(_) => CONNECTION,
            Self::System(_) => SYSTEM,
            Self::Segment(_) => SEGMENT,
            Self::Size(_) => SIZE,
            Self::Place(_) => PLACE,
        }
    }
}

/// Gives terms to keys.
#[derive(Default)]
pub(super) struct Terms(HashMap<Key, Term>);

impl Terms {
    pub(super) fn of(&mut self, key: Key) -> Term {
        let next = Term::new(key.kind(), self.0.len());
        *self.0.entry(key).or_insert(next)
    }
}

/// An operating system's name with the terms of the versions from which it is listed; none first.
#[derive(Debug)]
struct System {
    name: Box<str>,
    from: Vec<(Option<Version>, Term)>,
}

/// The terms of all keys.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    texts: Vec<(Dimension, Box<str>, Term)>,
    text_rows: Lookup,
    systems: Vec<System>,
    segments: Vec<(Segment, Term)>,
    segment_rows: Lookup,
    device_types: Vec<(DeviceType, Term)>,
    connections: Vec<(Connection, Term)>,
    sizes: Vec<(Size, Term)>,
    places: Vec<(Place, Term)>,
    /// Which dimensions have a term, one bit each.
    kinds: u16,
}

impl Vocabulary {
    pub(super) fn new(terms: Terms) -> Self {
        let mut made = Self::default();
        let mut systems: HashMap<Box<str>, Vec<_>> = HashMap::new();
        for (key, term) in terms.0 {
            made.kinds |= 1 << key.kind();
            match key {
                Key::Text(dimension, text) => made.texts.push((dimension, text, term)),
                Key::DeviceType(kind) => made.device_types.push((kind, term)),
                Key::Connection(kind) => made.connections.push((kind, term)),
                Key::System(system) => systems.entry(system.name).or_default().push((system.least, term)),
                Key::Segment(segment) => made.segments.push((segment, term)),
                Key::Size(size) => made.sizes.push((size, term)),
                Key::Place(place) => made.places.push((place, term)),
            }
        }
        made.systems = systems.into_iter().map(|(name, from)| System { name, from }).collect();
        made.systems.iter_mut().for_each(|system| system.from.sort_unstable());
        made.sizes.sort_unstable();
        made.places.sort_unstable();
        made.text_rows = Lookup::new(made.texts.iter().map(|(dimension, text, _)| text_hash(*dimension, text)));
        made.segment_rows = Lookup::new(made.segments.iter().map(|(it, _)| segment_hash(&it.provider, &it.id)));
        made
    }

    fn has(&self, kind: u32) -> bool {
        self.kinds >> kind & 1 == 1
    }

    /// Whether what an imp says matters to any deal beside its formats.
    pub(super) fn has_of_imps(&self) -> bool {
        self.has(SIZE) || self.has(PLACE)
    }

    pub(super) fn text(&self, dimension: Dimension, text: &str) -> Option<Term> {
        if !self.has(dimension as u32) {
            return None;
        }
        let is = |row: usize| {
            self.texts.get(row).is_some_and(|(of, it, _)| *of == dimension && it.eq_ignore_ascii_case(text))
        };
        let row = self.text_rows.find(text_hash(dimension, text), is)?;
        self.texts.get(row).map(|(_, _, term)| *term)
    }

    pub(super) fn device_types(&self, given: i32) -> impl Iterator<Item = Term> + '_ {
        self.device_types.iter().filter(move |(kind, _)| kind.covers(given)).map(|(_, term)| *term)
    }

    pub(super) fn connections(&self, given: i32) -> impl Iterator<Item = Term> + '_ {
        self.connections.iter().filter(move |(kind, _)| kind.covers(given)).map(|(_, term)| *term)
    }

    pub(super) fn systems(&self, name: &str, version: Option<Version>) -> impl Iterator<Item = Term> + '_ {
        let system = self.systems.iter().find(|system| system.name.eq_ignore_ascii_case(name));
        let from = system.map_or(&[][..], |system| system.from.as_slice());
        from.iter().take_while(move |(least, _)| *least <= version).map(|(_, term)| *term)
    }

    pub(super) fn segment(&self, provider: &str, id: &str) -> Option<Term> {
        if !self.has(SEGMENT) {
            return None;
        }
        let is = |row: usize| self.segments.get(row).is_some_and(|(it, _)| *it.provider == *provider && *it.id == *id);
        let row = self.segment_rows.find(segment_hash(provider, id), is)?;
        self.segments.get(row).map(|(_, term)| *term)
    }

    pub(super) fn size(&self, size: Size) -> Option<Term> {
        let row = self.sizes.binary_search_by_key(&size, |(size, _)| *size).ok()?;
        self.sizes.get(row).map(|(_, term)| *term)
    }

    pub(super) fn place(&self, place: Place) -> Option<Term> {
        let row = self.places.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.places.get(row).map(|(_, term)| *term)
    }
}

fn text_hash(dimension: Dimension, text: &str) -> u64 {
    Hash::new().number(dimension as u32).caseless(text).finish()
}

fn segment_hash(provider: &str, id: &str) -> u64 {
    Hash::new().text(provider).text(id).finish()
}
