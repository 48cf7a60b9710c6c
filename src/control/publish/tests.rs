//! Reloads of a copy of the repository's example.

mod accounts;
mod advertisers;
mod content;
mod flaky;
mod follow;
mod generations;
mod kill_switches;
mod orders;
mod rotation;

use std::path::Path;

use super::*;
use crate::clock::{Clock, ShanghaiDay, UnixMillis};
use crate::event::{Click, Journal, Posting, Receipt, Recorded, Tally, Unrecorded};
use crate::ids::{IdBook, IdKind, Lane, NodeId};
use crate::market::demand::TopUp;
use crate::store::{MemoryDocket, MemoryStore, Registry};

/// A journal that takes everything and keeps nothing.
pub(in crate::control) struct Nowhere;

impl Journal for Nowhere {
    fn submit(&self, _: Lane, _: Posting) -> Result<Receipt, Unrecorded> {
        Ok(Receipt::known(Ok(Recorded::Posted)))
    }

    fn tally(&self, _: Vec<Tally>) -> Result<(), Unrecorded> {
        Ok(())
    }

    fn click(&self, _: Click) -> Result<(), Unrecorded> {
        Ok(())
    }
}

type Saved = Arc<Mutex<Vec<(IdKind, u32, Box<str>)>>>;

/// A store of numbers that can be told to fail.
#[derive(Default)]
pub(in crate::control) struct Numbers {
    saved: Saved,
    broken: Arc<Mutex<bool>>,
}

impl Registry for Numbers {
    fn save_ids(&self, fresh: &[(IdKind, u32, Box<str>)]) -> Result<(), StoreUnavailable> {
        if *held(&self.broken) {
            return Err(StoreUnavailable("disk full".to_owned()));
        }
        if book_of(&self.saved).contradicts(fresh) {
            return Err(StoreUnavailable("a number contradicts one that was given before".to_owned()));
        }
        let known = |it: &(IdKind, u32, Box<str>)| held(&self.saved).contains(it);
        let news: Vec<_> = fresh.iter().filter(|it| !known(it)).cloned().collect();
        held(&self.saved).extend(news);
        Ok(())
    }
}

/// A publisher on a folder of its own.
pub(in crate::control) struct Bench {
    pub(in crate::control) folder: tempfile::TempDir,
    pub(in crate::control) publisher: Arc<Publisher>,
    saved: Saved,
    broken: Arc<Mutex<bool>>,
    booked: Arc<Mutex<Vec<String>>>,
    store: MemoryStore,
    pub(in crate::control) docket: Arc<MemoryDocket>,
    rival: flaky::Rival,
}

impl Bench {
    pub(in crate::control) fn new() -> Self {
        Self::edited(&[])
    }

    /// The example with replacements `(file, old, new)`.
    pub(in crate::control) fn edited(edits: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir("config").unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        // So that nothing is warned of but what a test asks for.
        let settlement = folder.path().join("settlement.toml");
        let text = std::fs::read_to_string(&settlement).unwrap();
        std::fs::write(&settlement, text + "late_fee_confirmed = true\n").unwrap();
        edits.iter().for_each(|(file, old, new)| edit(folder.path(), file, old, new));
        let saved = Saved::default();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let (broken, booked, store, rival) = (Arc::default(), Arc::default(), MemoryStore::new(), Arc::default());
        let docket = Arc::default();
        let publisher = open(folder.path(), (&saved, &broken, &rival), &booked, (&store, &docket), false).unwrap();
        Self { folder, publisher, saved, broken, booked, store, docket, rival }
    }

    /// The publisher of another process on the same store.
    fn beside(&self, folder: &Path, unpin: bool) -> Result<Arc<Publisher>, Trouble> {
        let stores = (&self.store, &self.docket);
        open(folder, (&self.saved, &self.broken, &self.rival), &self.booked, stores, unpin)
    }

    /// Its store.
    pub(in crate::control) fn store(&self) -> MemoryStore {
        self.store.clone()
    }

    /// Its books.
    pub(in crate::control) fn ledger(&self) -> Arc<dyn crate::event::Ledger> {
        Arc::new(self.store.clone())
    }

    /// Starts again on the same store, with the folder as it is now.
    fn restart(&mut self, unpin: bool) -> Result<(), Trouble> {
        self.publisher = self.beside(self.folder.path(), unpin)?;
        Ok(())
    }

    pub(in crate::control) fn edit(&self, file: &str, old: &str, new: &str) {
        edit(self.folder.path(), file, old, new);
    }

    /// Reloads as an operator does.
    fn reload(&self) -> Result<Published, Refused> {
        self.publisher.reload(&By::trigger(Trigger::Api))
    }

    /// The price of a deal that is served, as config writes it.
    fn price(&self, deal: &str) -> String {
        self.publisher.exchange().market.load().deal_named(deal).unwrap().price.to_string()
    }

    fn serving(&self) -> u64 {
        self.publisher.exchange().market.load().generation
    }

    fn reloads(&self) -> [u64; 2] {
        let [published, refused] = &self.publisher.exchange().metrics.reloads;
        [published.get(), refused.get()]
    }
}

fn open(
    folder: &Path,
    (saved, broken, rival): (&Saved, &Arc<Mutex<bool>>, &flaky::Rival),
    booked: &Arc<Mutex<Vec<String>>>,
    (store, docket): (&MemoryStore, &Arc<MemoryDocket>),
    unpin: bool,
) -> Result<Arc<Publisher>, Trouble> {
    let bank = booked.clone();
    let book_top_up = move |_, top_up: &TopUp, over: Option<ShanghaiDay>, _| {
        if let Some(last) = over.filter(|_| !held(&bank).contains(&top_up.reference)) {
            return Err(format!("R-TERM: the cooperation ended on {last}"));
        }
        if top_up.reference == "stolen" {
            return Err("this reference was booked with another amount".to_owned());
        }
        held(&bank).push(top_up.reference.clone());
        Ok(())
    };
    let book = book_of(saved);
    let identities = Arc::new(Numbers { saved: saved.clone(), broken: broken.clone() });
    let operations = Arc::new(flaky::Flaky { store: store.clone(), broken: broken.clone(), rival: rival.clone() });
    let stored = saved.clone();
    let stored_ids = Arc::new(move || Ok(book_of(&stored)));
    let top_ups = Box::new(book_top_up);
    let node = NodeId(1);
    let docket = docket.clone();
    let ledger = Arc::new(store.clone());
    let ports = Ports {
        identities,
        stored_ids,
        top_ups,
        operations,
        docket,
        ledger,
        node,
        data: folder.join("data"),
        variable: |_| None,
    };
    let newest = store.generations(u64::MAX, 1)?.pop();
    let stored = newest.map(|it| Stored { sources: store.sources(it.number).unwrap().unwrap(), generation: it });
    let choice = choose(folder, stored, unpin, |_| None, noon())?;
    let opened = Desk::open(folder, choice, book, ports, noon())?;
    let metrics = Arc::new(Exchange::metrics());
    let exchange =
        Arc::new(Exchange::new(opened.market, opened.tokens, Arc::new(Nowhere), metrics, Clock::manual(noon())));
    let publisher = opened.opening.publisher(exchange);
    publisher.follow_content()?;
    Ok(Arc::new(publisher))
}

fn book_of(saved: &Saved) -> IdBook {
    let mut book = IdBook::default();
    held(saved).iter().for_each(|(kind, number, wire)| book.restore(*kind, *number, wire));
    book
}

fn noon() -> UnixMillis {
    ShanghaiDay::parse("2026-11-22").unwrap().starts_at().plus_ms(43_200_000)
}

fn edit(folder: &Path, file: &str, old: &str, new: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{file} has no {old:?}");
    std::fs::write(path, text.replacen(old, new, 1)).unwrap();
}

#[test]
fn a_change_is_published_with_what_is_different() {
    let bench = Bench::new();
    assert_eq!(held(&bench.saved).len(), 3 + 3 + 5 + 3 + 3 + 3 + 6 + 5, "before the first market is served");
    assert_eq!(*held(&bench.booked), ["bank-2026-0001", "bank-2026-0002", "bank-2026-0003"]);
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.edit("deals.toml", "id = \"PD-2026-X7-TOP\"", "id = \"PD-2026-X7-TOP-B\"");
    let done = bench.reload().unwrap();
    assert_eq!((done.generation, done.changed, bench.serving()), (2, true, 2));
    let lines = [
        "deals: 1 added (PD-2026-X7-TOP-B)",
        "deals: 1 changed (PD-2026-DAIRY-FEED)",
        "deals: 1 removed (PD-2026-X7-TOP)",
    ];
    assert_eq!(done.diff.lines(), lines);
    assert_eq!(held(&bench.saved).last().unwrap().2.as_ref(), "PD-2026-X7-TOP-B");
    assert_eq!(bench.reloads(), [1, 0]);
}

#[test]
fn a_rotated_key_and_the_exchanges_terms_are_differences_too() {
    let bench = Bench::new();
    bench.edit("media.toml", "{ id = \"harbor\", sha256 = \"cc", "{ id = \"harbor\", sha256 = \"dd");
    bench.edit("exchange.toml", "most_imps = 16", "most_imps = 8");
    let lines = bench.reload().unwrap().diff.lines();
    assert_eq!(lines, ["exchange: terms changed", "keys: 1 changed (harbor)"], "no digest of a secret");
}

#[test]
fn a_bad_config_changes_nothing_and_says_where() {
    let bench = Bench::new();
    let before = bench.publisher.exchange().market.load_full();
    bench.edit("deals.toml", "cpm = \"9.50\"", "cpm = 9.50");
    let refused = bench.reload().unwrap_err();
    assert_eq!(refused.generation, 1);
    let Trouble::Config(problems) = &refused.trouble else { panic!("{refused}") };
    let problem = problems.iter().next().unwrap();
    assert_eq!((problem.file.clone(), problem.line), (bench.folder.path().join("deals.toml"), 68));
    assert!(Arc::ptr_eq(&before, &bench.publisher.exchange().market.load_full()));
    assert_eq!(bench.reloads(), [0, 1]);
    bench.edit("deals.toml", "cpm = 9.50", "cpm = \"9.50\"");
    assert!(!bench.reload().unwrap().changed, "back to what is served");
    assert_eq!((bench.reloads(), bench.serving()), ([0, 1], 1));
    assert!(bench.publisher.standing().last.unwrap().outcome.is_ok());
}

#[test]
fn numbers_that_could_not_be_stored_keep_their_meaning() {
    let bench = Bench::new();
    *held(&bench.broken) = true;
    bench.edit("deals.toml", "id = \"PD-2026-X7-TOP\"", "id = \"PD-FIRST\"");
    let refused = bench.reload().unwrap_err();
    assert_eq!(refused.trouble, Trouble::Store(StoreUnavailable("disk full".to_owned())));
    assert_eq!(bench.serving(), 1, "nothing is served whose numbers are not durable");
    *held(&bench.broken) = false;
    bench.edit("deals.toml", "id = \"PD-FIRST\"", "id = \"PD-SECOND\"");
    bench.reload().unwrap();
    let saved: Vec<_> =
        held(&bench.saved).iter().rev().take(2).map(|(_, number, name)| (*number, name.clone())).collect();
    assert_eq!(saved, [(6, "PD-SECOND".into()), (5, "PD-FIRST".into())]);
}

#[test]
fn a_top_up_that_is_not_booked_refuses_the_folder() {
    let bench = Bench::new();
    bench.edit("buyers.toml", "bank-2026-0002", "stolen");
    let refused = bench.reload().unwrap_err();
    let text = refused.trouble.to_string();
    assert!(
        text.contains("buyers.toml:1: the opening balance `stolen` of 80010002 is not booked: this reference"),
        "{text}"
    );
    assert_eq!(bench.serving(), 1);
}

#[test]
fn what_only_a_restart_brings_is_a_warning() {
    let bench = Bench::new();
    bench.edit("exchange.toml", "node = 1", "node = 2");
    let done = bench.reload().unwrap();
    assert!(done.changed);
    let warnings: Vec<_> = done.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["`node` changed: takes effect when the exchange is started again"]);
    assert_eq!(bench.publisher.standing().warnings, done.warnings);
}
