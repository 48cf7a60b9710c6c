//! Which deals apply to a request, at a cost that does not grow with the deals that do not (`docs/decisions/0016-targeting-index.md`).
//!
//! A deal stands under each place that it names. Where a place has many deals, a deal that includes something stands there under the
//! values of its rarest inclusion only, so that a request that says none of them never meets it. What is met is checked in place:
//! an entry holds all that a deal without conditions needs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::Table;
use super::deal::Deal;
use super::lookup::{Hash, Lookup};
use super::supply::{Formats, Placement, Size};
use super::targeting::{Clause, Conditions, Dayparts, Dimension, Listed, Place, Sizes, Version};
use super::vocabulary::{Key, Term, Terms, Vocabulary};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::ids::{DealId, DenseId};

/// Up to that many deals of a place are simply gone through.
const SCANNED: usize = 16;
/// A deal is not put under more values of an inclusion than these.
const MOST_VALUES: usize = 16;
/// Of the segments of a user that some deal targets, that many count: more would make a request dear.
const MOST_SEGMENTS: usize = 256;

/// A deal under a place, as far as it can be judged without its conditions.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its row in the table of deals.
    row: u32,
    from: ShanghaiDay,
    until: ShanghaiDay,
    /// Its row in [`Index::conditions`], or [`NONE`].
    conditions: u32,
    /// Under which value it was found; meaningful with `by` only.
    value: u32,
    formats: Formats,
    /// Which of its rules it stands under, or [`UNRULED`].
    by: u8,
}

const NONE: u32 = u32::MAX;
const UNRULED: u8 = u8::MAX;

/// Some of a boxed slice.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        let start = self.start as usize;
        all.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// What stands under one place.
#[derive(Clone, Copy, Debug, Default)]
struct Spot {
    /// Deals that are met by every request.
    always: Span,
    /// The dimensions whose values have deals of their own, one bit each.
    kinds: u16,
}

/// Deals under one value at one place.
#[derive(Clone, Copy, Debug)]
struct Group {
    place: Place,
    value: Term,
    span: Span,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    /// One of the terms must be said.
    Include(Span),
    /// None of the terms may be said.
    Exclude(Span),
    /// Not all sizes of the imp may be among the terms.
    ExceptSizes(Span),
}

/// Conditions in integers.
#[derive(Clone, Copy, Debug)]
struct Compiled {
    dayparts: Dayparts,
    rules: Span,
}

/// The index over all deals.
#[derive(Debug, Default)]
pub(super) struct Index {
    vocabulary: Vocabulary,
    placements: Vec<Spot>,
    properties: Vec<Spot>,
    media: Vec<Spot>,
    groups: Vec<Group>,
    group_rows: Lookup,
    entries: Box<[Entry]>,
    /// Conditions of each deal, by its row, or [`NONE`].
    of_deals: Box<[u32]>,
    conditions: Box<[Compiled]>,
    rules: Box<[Rule]>,
    terms: Box<[Term]>,
}

/// What a request says, as far as any deal asks.
#[derive(Debug)]
pub struct Facts<'m> {
    index: &'m Index,
    at: UnixMillis,
    day: ShanghaiDay,
    /// Sorted, each once.
    terms: Vec<Term>,
    segments: usize,
}

/// What an imp says.
#[derive(Clone, Copy, Debug)]
pub struct ImpFacts<'a> {
    /// Where it is.
    pub placement: &'a Placement,
    /// What it takes.
    pub formats: Formats,
    /// The sizes that it says; none: it says none.
    pub sizes: &'a [Size],
    /// The deals that it is restricted to.
    pub only: Option<&'a [DealId]>,
}

impl Facts<'_> {
    /// The day in Shanghai that the request is of.
    pub(super) const fn day(&self) -> ShanghaiDay {
        self.day
    }

    /// A value of a dimension; texts compare without ASCII case.
    pub fn text(&mut self, dimension: Dimension, text: &str) {
        add(&mut self.terms, self.index.vocabulary.text(dimension, text));
    }

    /// `device.devicetype`.
    pub fn device_type(&mut self, given: i32) {
        add(&mut self.terms, self.index.vocabulary.device_types(given));
    }

    /// `device.connectiontype`.
    pub fn connection(&mut self, given: i32) {
        add(&mut self.terms, self.index.vocabulary.connections(given));
    }

    /// `device.os` and `device.osv`.
    pub fn system(&mut self, name: &str, version: Option<Version>) {
        add(&mut self.terms, self.index.vocabulary.systems(name, version));
    }

    /// A segment of a provider. To be told with consent only (R-CONSENT).
    pub fn segment(&mut self, provider: &str, id: &str) {
        if let Some(term) = self.index.vocabulary.segment(provider, id)
            && self.segments < MOST_SEGMENTS
        {
            self.segments += 1;
            add(&mut self.terms, [term]);
        }
    }
}

/// Puts terms where they belong in a sorted list. The list is short: what deals ask of one request.
fn add(terms: &mut Vec<Term>, more: impl IntoIterator<Item = Term>) {
    for term in more {
        if let Err(place) = terms.binary_search(&term) {
            terms.insert(place, term);
        }
    }
}

impl Index {
    /// Says nothing yet of a request at that moment.
    pub(super) fn facts(&self, at: UnixMillis) -> Facts<'_> {
        Facts { index: self, at, day: at.shanghai_day(), terms: Vec::with_capacity(32), segments: 0 }
    }

    /// The rows of the deals that apply to an imp, in no order.
    pub(super) fn find(
        &self,
        facts: &Facts<'_>,
        imp: ImpFacts<'_>,
        deals: &Table<DealId, Deal>,
        mut found: impl FnMut(u32),
    ) {
        let placement = imp.placement;
        let places = placement.places();
        let asked = Asked::new(self, facts, imp, &places);
        if let Some(only) = imp.only {
            let named = only.iter().filter_map(|id| deals.entry(*id));
            named.filter(|(row, deal)| self.meets(&asked, *row, deal, &places)).for_each(|(row, _)| found(row));
            return;
        }
        let spots = [
            self.placements.get(placement.id.index()),
            self.properties.get(placement.property.index()),
            self.media.get(placement.media.index()),
        ];
        for (place, spot) in places.into_iter().zip(spots) {
            let Some(spot) = spot else { continue };
            let mut go_through = |entries: &[Entry]| {
                entries.iter().filter(|entry| asked.meets(entry)).for_each(|entry| found(entry.row));
            };
            go_through(spot.always.of(&self.entries));
            if spot.kinds == 0 {
                continue;
            }
            for term in asked.terms.iter().filter(|term| spot.kinds >> term.kind() & 1 == 1) {
                let is = |row: usize| self.groups.get(row).is_some_and(|it| it.place == place && it.value == *term);
                let group = self.group_rows.find(group_hash(place, *term), is).and_then(|row| self.groups.get(row));
                if let Some(group) = group {
                    go_through(group.span.of(&self.entries));
                }
            }
        }
    }
}

impl Index {
    /// Finds those of some deals, each with its row in the table of deals, that apply to an imp; whatever days the index knows them by.
    pub(super) fn among<'d>(
        &self,
        facts: &Facts<'_>,
        imp: ImpFacts<'_>,
        deals: impl Iterator<Item = (u32, &'d Deal)>,
        found: &mut Vec<&'d Deal>,
    ) {
        let mut deals = deals.filter(|(_, deal)| imp.only.is_none_or(|only| only.contains(&deal.id))).peekable();
        if deals.peek().is_none() {
            return;
        }
        let places = imp.placement.places();
        let asked = Asked::new(self, facts, imp, &places);
        found.extend(deals.filter(|(row, deal)| self.meets(&asked, *row, deal, &places)).map(|(_, deal)| deal));
    }

    fn meets(&self, asked: &Asked<'_>, row: u32, deal: &Deal, places: &[Place]) -> bool {
        let there = deal.targeting.places.iter().any(|place| places.contains(place));
        let conditions = self.of_deals.get(row as usize).copied().unwrap_or(NONE);
        let (from, until) = deal.period;
        let formats = deal.targeting.formats;
        there && asked.meets(&Entry { row, from, until, conditions, value: 0, formats, by: UNRULED })
    }
}

/// A request and one of its imps.
struct Asked<'a> {
    index: &'a Index,
    /// As in [`Facts`], with what the imp says.
    terms: Cow<'a, [Term]>,
    formats: Formats,
    /// One for each size that the imp says; `None`: no deal lists it.
    sizes: Vec<Option<Term>>,
    at: UnixMillis,
    day: ShanghaiDay,
}

impl<'a> Asked<'a> {
    fn new(index: &'a Index, facts: &'a Facts<'_>, imp: ImpFacts<'_>, places: &[Place]) -> Self {
        let mut terms = Cow::Borrowed(facts.terms.as_slice());
        let mut sizes = Vec::new();
        if index.vocabulary.has_of_imps() {
            sizes.extend(imp.sizes.iter().map(|size| index.vocabulary.size(*size)));
            let terms = terms.to_mut();
            add(terms, sizes.iter().flatten().copied());
            add(terms, places.iter().filter_map(|place| index.vocabulary.place(*place)));
        }
        Self { index, terms, formats: imp.formats, sizes, at: facts.at, day: facts.day }
    }

    #[inline]
    fn meets(&self, entry: &Entry) -> bool {
        entry.from <= self.day
            && self.day <= entry.until
            && !entry.formats.and(self.formats).is_empty()
            && (entry.conditions == NONE || self.holds(entry))
    }

    fn holds(&self, entry: &Entry) -> bool {
        let Some(conditions) = self.index.conditions.get(entry.conditions as usize) else { return false };
        let rules = conditions.rules.of(&self.index.rules);
        let rule = |(place, rule): (usize, &Rule)| match rule {
            Rule::Include(span) => {
                let said = self.first_of(span.of(&self.index.terms));
                // A request with two values of the rule meets the deal under both; it counts under the first.
                said.is_some_and(|said| usize::from(entry.by) != place || said.number() == entry.value)
            }
            Rule::Exclude(span) => self.first_of(span.of(&self.index.terms)).is_none(),
            Rule::ExceptSizes(span) => {
                let listed = span.of(&self.index.terms);
                let excluded = |size: &Option<Term>| size.is_some_and(|size| listed.binary_search(&size).is_ok());
                self.sizes.is_empty() || !self.sizes.iter().all(excluded)
            }
        };
        conditions.dayparts.include(self.at) && rules.iter().enumerate().all(rule)
    }

    /// The first of the request's terms that is listed.
    fn first_of(&self, listed: &[Term]) -> Option<Term> {
        let kind = listed.first()?.kind();
        let of_kind = self.terms.iter().filter(|term| term.kind() == kind);
        of_kind.copied().find(|term| listed.binary_search(term).is_ok())
    }
}

fn group_hash(place: Place, value: Term) -> u64 {
    let (kind, id) = match place {
        Place::Media(id) => (0, id.number()),
        Place::Property(id) => (1, id.number()),
        Place::Placement(id) => (2, id.number()),
    };
    Hash::new().number(kind).number(id).number(value.number()).finish()
}

/// Builds the index of a market.
#[derive(Default)]
pub(super) struct Builder {
    terms: Terms,
    known: HashMap<*const Conditions, u32>,
    conditions: Vec<Compiled>,
    rules: Vec<Rule>,
    listed: Vec<Term>,
}

/// Deals at a place: their rows in the tables.
type At<'d> = Vec<(u32, &'d Deal)>;

impl Builder {
    /// The index of these deals; those that were over before `today` cannot come back and are left out.
    pub(super) fn build(mut self, deals: &Table<DealId, Deal>, today: ShanghaiDay) -> Index {
        let mut places: HashMap<Place, At<'_>> = HashMap::new();
        let mut of_deals = Vec::with_capacity(deals.len());
        for (row, deal) in (0..).zip(deals.iter()) {
            of_deals.push(deal.targeting.conditions.as_ref().map_or(NONE, |it| self.conditions(it)));
            if deal.period.1 >= today {
                deal.targeting.places.iter().for_each(|place| places.entry(*place).or_default().push((row, deal)));
            }
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_unstable_by_key(|(place, _)| *place);
        let mut index = Index { of_deals: of_deals.into(), ..Index::default() };
        let mut entries = Vec::new();
        for (place, at) in places {
            let spot = self.spot(place, &at, &index.of_deals, &mut entries, &mut index.groups);
            let (spots, number) = match place {
                Place::Media(id) => (&mut index.media, id.index()),
                Place::Property(id) => (&mut index.properties, id.index()),
                Place::Placement(id) => (&mut index.placements, id.index()),
            };
            if spots.len() <= number {
                spots.resize(number + 1, Spot::default());
            }
            spots[number] = spot;
        }
        index.group_rows = Lookup::new(index.groups.iter().map(|group| group_hash(group.place, group.value)));
        index.entries = entries.into();
        index.vocabulary = Vocabulary::new(self.terms);
        index.conditions = self.conditions.into();
        index.rules = self.rules.into();
        index.terms = self.listed.into();
        index
    }

    /// The row of some conditions. Deals that share them are recognised by where they stand.
    fn conditions(&mut self, conditions: &Arc<Conditions>) -> u32 {
        if let Some(known) = self.known.get(&Arc::as_ptr(conditions)) {
            return *known;
        }
        let start = self.rules.len();
        if !conditions.excluded_places.is_empty() {
            let span = self.list(conditions.excluded_places.iter().map(|place| Key::Place(*place)));
            self.rules.push(Rule::Exclude(span));
        }
        match &conditions.sizes {
            Sizes::Any => {}
            Sizes::Only(sizes) => {
                let span = self.list(sizes.iter().map(|size| Key::Size(*size)));
                self.rules.push(Rule::Include(span));
            }
            Sizes::Except(sizes) => {
                let span = self.list(sizes.iter().map(|size| Key::Size(*size)));
                self.rules.push(Rule::ExceptSizes(span));
            }
        }
        for clause in &conditions.clauses {
            let span = self.clause(clause);
            self.rules.push(if clause.exclude { Rule::Exclude(span) } else { Rule::Include(span) });
        }
        let rules = Span { start: start as u32, len: (self.rules.len() - start) as u32 };
        let row = self.conditions.len() as u32;
        self.conditions.push(Compiled { dayparts: conditions.dayparts, rules });
        self.known.insert(Arc::as_ptr(conditions), row);
        row
    }

    fn clause(&mut self, clause: &Clause) -> Span {
        match &clause.listed {
            Listed::Texts(dimension, texts) => self.list(texts.iter().map(|text| Key::Text(*dimension, text.clone()))),
            Listed::DeviceTypes(kinds) => self.list(kinds.iter().map(|kind| Key::DeviceType(*kind))),
            Listed::Connections(kinds) => self.list(kinds.iter().map(|kind| Key::Connection(*kind))),
            Listed::OperatingSystems(systems) => self.list(systems.iter().cloned().map(Key::System)),
            Listed::Segments(segments) => self.list(segments.iter().cloned().map(Key::Segment)),
        }
    }

    fn list(&mut self, keys: impl Iterator<Item = Key>) -> Span {
        let start = self.listed.len();
        for key in keys {
            let term = self.terms.of(key);
            self.listed.push(term);
        }
        self.listed[start..].sort_unstable();
        Span { start: start as u32, len: (self.listed.len() - start) as u32 }
    }

    /// Puts the deals of a place under what finds them.
    fn spot(
        &self,
        place: Place,
        at: &At<'_>,
        of_deals: &[u32],
        entries: &mut Vec<Entry>,
        groups: &mut Vec<Group>,
    ) -> Spot {
        let mut always = Vec::new();
        let mut under: Vec<(Term, Entry)> = Vec::new();
        let counts = self.counts(at, of_deals);
        for (row, deal) in at {
            let conditions = of_deals.get(*row as usize).copied().unwrap_or(NONE);
            let (from, until) = deal.period;
            let entry =
                Entry { row: *row, from, until, conditions, value: 0, formats: deal.targeting.formats, by: UNRULED };
            match self.rarest(conditions, &counts) {
                None => always.push(entry),
                Some((by, span)) => {
                    let terms = span.of(&self.listed).iter();
                    under.extend(terms.map(|term| (*term, Entry { value: term.number(), by, ..entry })));
                }
            }
        }
        let mut spot = Spot { always: Span { start: entries.len() as u32, len: always.len() as u32 }, kinds: 0 };
        entries.extend(always);
        under.sort_by_key(|(term, _)| *term);
        for group in under.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((value, _)) = group.first() else { continue };
            let span = Span { start: entries.len() as u32, len: group.len() as u32 };
            spot.kinds |= 1 << value.kind();
            groups.push(Group { place, value: *value, span });
            entries.extend(group.iter().map(|(_, entry)| *entry));
        }
        spot
    }

    fn rules_of(&self, conditions: u32) -> &[Rule] {
        self.conditions.get(conditions as usize).map_or(&[], |it| it.rules.of(&self.rules))
    }

    /// How many deals of a place include each value; nothing where they are few enough to go through.
    fn counts(&self, at: &At<'_>, of_deals: &[u32]) -> HashMap<Term, usize> {
        let mut counts = HashMap::new();
        if at.len() <= SCANNED {
            return counts;
        }
        for (row, _) in at {
            let conditions = of_deals.get(*row as usize).copied().unwrap_or(NONE);
            for rule in self.rules_of(conditions) {
                let Rule::Include(span) = rule else { continue };
                span.of(&self.listed).iter().for_each(|term| *counts.entry(*term).or_insert(0) += 1);
            }
        }
        counts
    }

    /// The inclusion whose values the fewest deals of the place share.
    fn rarest(&self, conditions: u32, counts: &HashMap<Term, usize>) -> Option<(u8, Span)> {
        if counts.is_empty() {
            return None;
        }
        let inclusion = |(place, rule): (usize, &Rule)| match rule {
            Rule::Include(span) if span.len as usize <= MOST_VALUES => {
                let shared: usize = span.of(&self.listed).iter().filter_map(|term| counts.get(term)).sum();
                Some((shared, u8::try_from(place).ok()?, *span))
            }
            _ => None,
        };
        let inclusions = self.rules_of(conditions).iter().enumerate().filter_map(inclusion);
        inclusions.min_by_key(|(shared, by, _)| (*shared, *by)).map(|(_, by, span)| (by, span))
    }
}
