//! Exemptions that were entered behind the closing of their days: which closed days they change, one after the other (R-EXEMPT).

use std::collections::{BTreeSet, VecDeque};

use super::exempt::{Exemption, is_for};
use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{BookError, Books, ClosedDay, FactKind, Kinds, Whose};
use crate::ids::{BuyerId, DealId};
use crate::market::Market;
use crate::settlement::office::{facts_by, said};

/// A closed day that is exempt, and on which day of its order the rest may be made good.
type Next = (DealId, ShanghaiDay, Option<ShanghaiDay>);

/// What is looked through. It begins with all exemptions, and from then on with each new one; a day that an older one should have exempted
/// before its closing is found too, because the days of an exemption are looked through after it was read.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// The place of the last exemption that was carried out; those after it are being.
    through: u64,
    work: Option<Search>,
}

#[derive(Debug)]
struct Search {
    /// The place of the last one of them.
    through: u64,
    exemptions: Vec<Exemption>,
    days: VecDeque<ShanghaiDay>,
    found: VecDeque<Next>,
}

impl Late {
    /// What is to be exempted next: `None` for nothing, `Some(None)` where it is still looked for.
    pub(super) fn next(
        &mut self,
        books: &dyn Books,
        market: &Market,
        now: UnixMillis,
    ) -> Result<Option<Option<Next>>, BookError> {
        if self.work.is_none() {
            self.work = Search::begin(books, self.through, now)?;
        }
        let Some(search) = &mut self.work else { return Ok(None) };
        if let Some(next) = search.found.front() {
            return Ok(Some(Some(*next)));
        }
        let Some(day) = search.days.front().copied() else {
            self.through = search.through;
            self.work = None;
            return Ok(Some(None));
        };
        search.found = search.on(books, market, day, now)?;
        search.days.pop_front();
        Ok(Some(None))
    }

    /// The one that was told last is exempted.
    pub(super) fn done(&mut self) {
        if let Some(search) = &mut self.work {
            search.found.pop_front();
        }
    }
}

impl Search {
    fn begin(books: &dyn Books, after: u64, now: UnixMillis) -> Result<Option<Self>, BookError> {
        let facts = facts_by(books, Kinds::Only(FactKind::Exemption), Whose::Anybodys)?;
        let Some(through) = facts.last().map(|kept| kept.seq).filter(|last| *last > after) else { return Ok(None) };
        let fresh = said::<Exemption>(&facts).filter(|(kept, _)| kept.seq > after);
        let exemptions: Vec<_> = fresh.map(|(_, exemption)| exemption).collect();
        let today = now.shanghai_day();
        let days = exemptions.iter().flat_map(|it| (it.first.0..=it.last.0).map(ShanghaiDay));
        let days: BTreeSet<_> = days.filter(|day| *day < today).collect();
        Ok(Some(Self { through, exemptions, days: days.into_iter().collect(), found: VecDeque::new() }))
    }

    /// What of a day is to be exempted. What counts in a closed month stands: an adjustment has given that back when it was entered (R-MONTH).
    fn on(
        &self,
        books: &dyn Books,
        market: &Market,
        day: ShanghaiDay,
        now: UnixMillis,
    ) -> Result<VecDeque<Next>, BookError> {
        let end = day.month().last_day();
        let closed_months = books.fact_heads(FactKind::MonthClosing, Whose::Anybodys, end, end)?;
        let closed_months: BTreeSet<BuyerId> = closed_months.iter().filter_map(|head| head.buyer).collect();
        let next = day.next().max(now.shanghai_day());
        let exempt = |closed: &ClosedDay| {
            let deal = closed.closing.deal;
            let covered = self.exemptions.iter().any(|it| it.includes(day) && is_for(it, market, deal));
            (covered && closed.may_be_exempted() && !closed_months.contains(&closed.closing.buyer))
                .then(|| (deal, day, (next <= closed.closing.good_until).then_some(next)))
        };
        Ok(books.closings(day, day)?.iter().filter_map(exempt).collect())
    }
}
