//! What the examiner has asked for: each creative once, and none of a buyer's holds up another buyer's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::UnixMillis;
use crate::compliance::creative::Record;
use crate::compliance::examine::Rooms;
use crate::event::{KeptStep, Subject};
use crate::market::Market;
use crate::market::demand::CreativeState;

use super::whole_ms;

/// Creatives whose files are fetched at the same time: in all, and of one buyer.
const AT_ONCE: usize = 4;
const AT_ONCE_OF_ONE: usize = 2;
/// Creatives that wait for their turn.
const MOST_WAITING: usize = 1_024;
/// After how long the examiner asks again, ms: it knows then that nobody does it, or that it is under way still.
const HELD_MS: u64 = 30_000;

/// A creative whose files are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) subject: Subject,
    /// Its buyer's ACCOUNT ID.
    pub(super) account: String,
    /// Its step that is known.
    pub(super) seq: u64,
    /// Those that are fetched for the first time; empty where known ones are looked at again.
    pub(super) urls: Vec<String>,
}

/// What was asked for and is not done.
#[derive(Debug, Default)]
pub(in crate::node) struct Orders {
    book: Mutex<Book>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Book {
    waiting: VecDeque<Order>,
    /// Those under way, with their buyers.
    running: BTreeMap<Subject, String>,
}

impl Orders {
    /// Sees to the files of a creative that is due; tells when it is due again, or `None` where nothing of its files is to be waited for.
    pub(in crate::node) fn tend(
        &self,
        (market, rooms, now): (&Market, &Rooms, UnixMillis),
        (kept, state, record): (&KeptStep, CreativeState, &Record),
    ) -> Option<UnixMillis> {
        let terms = &market.terms.landing;
        let urls = match state {
            CreativeState::Checking => rooms.wanted(record),
            CreativeState::Approved => Vec::new(),
            _ => return None,
        };
        let is_watched = state == CreativeState::Approved && record.named.iter().any(|it| it.file.is_some());
        if urls.is_empty() && !is_watched {
            return None;
        }
        if !terms.crawl {
            // Nobody fetches anything at the moment.
            return Some(now.plus_ms(whole_ms(terms.files.again)));
        }
        let (subject, account) = (kept.step.subject.clone(), record.submission.account.clone());
        self.book().enter(Order { subject, account, seq: kept.seq, urls });
        self.news.notify_one();
        Some(now.plus_ms(HELD_MS))
    }

    /// The next one whose turn it is.
    pub(super) async fn next(&self) -> Order {
        loop {
            let news = self.news.notified();
            if let Some(order) = self.book().next() {
                return order;
            }
            news.await;
        }
    }

    /// One is done, or can be asked for again.
    pub(super) fn done(&self, subject: &Subject) {
        self.book().running.remove(subject);
        self.news.notify_one();
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Takes an order, once. Beyond what may wait it comes again.
    fn enter(&mut self, order: Order) {
        if self.running.contains_key(&order.subject) {
            return;
        }
        if let Some(known) = self.waiting.iter_mut().find(|it| it.subject == order.subject) {
            *known = order;
        } else if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(order);
        }
    }

    /// The one that waits longest of those whose buyers have room.
    fn next(&mut self) -> Option<Order> {
        if self.running.len() >= AT_ONCE {
            return None;
        }
        let of = |account: &str| self.running.values().filter(|it| *it == account).count();
        let place = self.waiting.iter().position(|it| of(&it.account) < AT_ONCE_OF_ONE)?;
        let order = self.waiting.remove(place)?;
        self.running.insert(order.subject.clone(), order.account.clone());
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SubjectKind;

    fn order(account: &str, crid: u32, seq: u64) -> Order {
        let subject = Subject { kind: SubjectKind::Creative, name: format!("{account}/{crid}"), version: 1 };
        Order { subject, account: account.to_owned(), seq, urls: Vec::new() }
    }

    /// Of a buyer that asks for much, and one that asks for little.
    #[test]
    fn a_buyer_holds_up_no_other_and_each_is_asked_for_once() {
        let mut book = Book::default();
        (0..2_000).for_each(|crid| book.enter(order("busy", crid, 1)));
        assert_eq!(book.waiting.len(), MOST_WAITING);
        book.waiting.truncate(10);
        book.enter(order("busy", 3, 7));
        book.enter(order("calm", 0, 1));
        let mut next = || book.next().map(|it| (it.account, it.subject.name));
        let of = |account: &str, crid: u32| Some((account.to_owned(), format!("{account}/{crid}")));
        assert_eq!([next(), next(), next(), next()], [of("busy", 0), of("busy", 1), of("calm", 0), None]);
        // What is under way is not taken again; what waits is taken as it was asked for last.
        book.enter(order("busy", 0, 1));
        book.running.clear();
        let rest: Vec<_> = std::iter::from_fn(|| {
            book.running.clear();
            book.next().map(|it| (it.subject.name, it.seq))
        })
        .collect();
        assert_eq!((rest.len(), &rest[1]), (8, &("busy/3".to_owned(), 7)));
        (0..9).for_each(|buyer| book.enter(order(&buyer.to_string(), 0, 1)));
        book.running.clear();
        assert_eq!(std::iter::from_fn(|| book.next()).count(), AT_ONCE, "and not more at once than measures");
    }
}
