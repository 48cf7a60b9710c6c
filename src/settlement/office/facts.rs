//! What was entered, as far as somebody asks for it: the cost is that of what concerns one buyer, not of all buyers' years.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::{Deed, judges};
use crate::clock::{Month, ShanghaiDay};
use crate::event::{Books, FactHead, FactKind, KeptFact, Kinds, StoreUnavailable, Whose};
use crate::ids::BuyerId;

/// How many facts are read at once.
const PAGE: u32 = 4_096;

/// What concerns one buyer, in order, each in the form of its kind; the closings of months without their statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    kept: Vec<KeptFact>,
    closings: Vec<FactHead>,
    last: u64,
}

impl Facts {
    /// What concerns a buyer or everybody, and what `also` names, whomever that concerns. The closings of months are kept as heads: that a
    /// month is closed is known without its statement, which is read where it is told.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when it cannot be read, and names the first of these records that this program does not understand.
    pub fn about(books: &dyn Books, buyer: Option<BuyerId>, also: &[FactKind]) -> Result<Self, StoreUnavailable> {
        let kinds = Kinds::AllBut(FactKind::MonthClosing);
        let mut kept = facts_by(books, kinds, Whose::Everybodys)?;
        let mut closings = Vec::new();
        if let Some(buyer) = buyer {
            kept.extend(facts_by(books, kinds, Whose::Of(buyer))?);
            let (first, last) = (ShanghaiDay(0), ShanghaiDay(u32::MAX));
            closings = books.fact_heads(FactKind::MonthClosing, Whose::Of(buyer), first, last)?;
        }
        for kind in also {
            kept.extend(facts_by(books, Kinds::Only(*kind), Whose::Anybodys)?);
        }
        kept.sort_by_key(|kept| kept.seq);
        kept.dedup_by_key(|kept| kept.seq);
        Ok(Self { kept, closings, last: books.last_fact()? })
    }

    /// The place of the last fact that was entered, whomever it concerns; 0 for none.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// The closing of a buyer's month, if it is closed.
    #[must_use]
    pub fn closing_of(&self, buyer: BuyerId, month: Month) -> Option<&FactHead> {
        let day = month.last_day();
        self.closings.iter().find(|head| head.buyer == Some(buyer) && head.day == day)
    }
}

impl Deref for Facts {
    type Target = [KeptFact];

    fn deref(&self) -> &[KeptFact] {
        &self.kept
    }
}

/// Everything that was entered, in order, each in the form of its kind. Costs all buyers' years: for what concerns one see [`Facts`].
///
/// # Errors
/// See [`facts_by`].
pub fn facts_of(books: &dyn Books) -> Result<Vec<KeptFact>, StoreUnavailable> {
    facts_by(books, Kinds::All, Whose::Anybodys)
}

/// The facts of some kinds, in order, each in the form of its kind: a record that was passed over would be lost money.
///
/// # Errors
/// [`StoreUnavailable`] when they cannot be read, and names the first of them that this program does not understand.
pub fn facts_by(books: &dyn Books, kinds: Kinds, whose: Whose) -> Result<Vec<KeptFact>, StoreUnavailable> {
    let mut facts = Vec::new();
    loop {
        let after = facts.last().map_or(0, |last: &KeptFact| last.seq);
        let page = page_of(books, kinds, whose, after, PAGE)?;
        if page.is_empty() {
            return Ok(facts);
        }
        facts.extend(page);
    }
}

/// At most `limit` facts of some kinds with a place above `after`, in order.
///
/// # Errors
/// See [`facts_by`].
pub fn page_of(
    books: &dyn Books,
    kinds: Kinds,
    whose: Whose,
    after: u64,
    limit: u32,
) -> Result<Vec<KeptFact>, StoreUnavailable> {
    let (judges, page) = (judges(), books.facts_of(kinds, whose, after, limit)?);
    for kept in &page {
        if let Some((_, reads)) = judges.get(&kept.fact.kind) {
            reads(&kept.fact.body).map_err(|why| misunderstood(kept, &why))?;
        }
    }
    Ok(page)
}

fn misunderstood(kept: &KeptFact, why: &serde_json::Error) -> StoreUnavailable {
    let (seq, kind, reference) = (kept.seq, kept.fact.kind.label(), &kept.fact.reference);
    StoreUnavailable(format!("record {seq}, {kind} {reference}, is not understood: {why}"))
}

/// What a fact says.
///
/// # Errors
/// [`StoreUnavailable`] names it when this program does not understand it.
pub(super) fn understood<D: DeserializeOwned>(kept: &KeptFact) -> Result<D, StoreUnavailable> {
    serde_json::from_str(&kept.fact.body).map_err(|why| misunderstood(kept, &why))
}

/// What the facts of one kind say, in order. Whoever read them has refused those that are not understood.
pub fn said<D: Deed>(facts: &[KeptFact]) -> impl Iterator<Item = (&KeptFact, D)> {
    let own = facts.iter().filter(|kept| kept.fact.kind == D::KIND);
    own.filter_map(|kept| serde_json::from_str(&kept.fact.body).ok().map(|deed| (kept, deed)))
}
