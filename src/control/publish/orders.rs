//! Orders over what the config says: read as they are entered, laid over each market that is published
//! (`docs/decisions/0028-order-versions-in-the-market.md`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Publisher, held};
use crate::clock::ShanghaiDay;
use crate::control::config::Diagnostic;
use crate::event::{Ledger, StoreUnavailable};
use crate::market::Market;
use crate::settlement::orders::Orders;

/// Records that are read at a time.
const PAGE: u32 = 1_000;
/// Remarks that are told at most.
const MOST_REMARKS: usize = 50;

/// The orders as far as they are known here. Held for whatever changes the catalog that is served, so that orders are always laid over it.
pub(super) struct OrderBook {
    ledger: Arc<dyn Ledger>,
    /// Where remarks point to.
    deals: PathBuf,
    orders: Orders,
    /// The last record that was read.
    seq: u64,
    /// What of the orders should be looked at.
    remarks: Vec<String>,
    /// Why what was entered last is not followed.
    stuck: Option<String>,
}

impl fmt::Debug for OrderBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderBook").field("seq", &self.seq).field("stuck", &self.stuck).finish_non_exhaustive()
    }
}

impl OrderBook {
    /// Everything that was entered so far.
    pub(super) fn open(folder: &Path, ledger: Arc<dyn Ledger>) -> Result<Self, StoreUnavailable> {
        let (deals, orders) = (folder.join("deals.toml"), Orders::default());
        let mut book = Self { ledger, deals, orders, seq: 0, remarks: Vec::new(), stuck: None };
        book.catch_up()?;
        Ok(book)
    }

    /// Reads what was entered since; whether any of it is about orders. What was read before a record that is not understood stays.
    fn catch_up(&mut self) -> Result<bool, StoreUnavailable> {
        let books = self.ledger.snapshot()?;
        let mut news = false;
        loop {
            let page = books.facts(self.seq, PAGE)?;
            if page.is_empty() {
                self.stuck = None;
                return Ok(news);
            }
            for kept in &page {
                news |= self.orders.learn(kept)?;
                self.seq = kept.seq;
            }
        }
    }

    /// A market under these orders.
    pub(super) fn lay(&mut self, market: &Market, today: ShanghaiDay) -> Market {
        self.remarks = self.orders.remarks(market, today);
        let more = self.remarks.len().saturating_sub(MOST_REMARKS);
        self.remarks.truncate(MOST_REMARKS);
        self.remarks.extend((more > 0).then(|| format!("{more} more orders differ from deals.toml")));
        self.remarks.iter().for_each(|remark| tracing::warn!("{remark}"));
        market.by_orders(self.orders.over(market))
    }

    /// What of them should be looked at, and why some are not followed.
    pub(super) fn remarks(&self) -> Vec<Diagnostic> {
        let stuck = self.stuck.iter().map(|why| format!("orders entered since are not followed: {why}"));
        let all = stuck.chain(self.remarks.iter().cloned());
        all.map(|message| Diagnostic { file: self.deals.clone(), line: 1, message }).collect()
    }

    /// Takes note of why what was entered cannot be followed; said once, and again when it is something else.
    fn is_stuck(&mut self, error: &StoreUnavailable) {
        let why = error.to_string();
        if self.stuck.as_ref() != Some(&why) {
            tracing::error!(%error, "ORDERS ARE NOT FOLLOWED; guaranteed deals are served by the orders that were known before");
            self.stuck = Some(why);
        }
    }
}

impl Publisher {
    /// Lays over the market what was entered about orders, here or at another process or command. `seq` is the store's last record; it is read only
    /// when it is another one than before. Waits for no compiler, and no request waits for it.
    ///
    /// # Errors
    /// [`StoreUnavailable`]: the market that is served goes on under the orders that were known, and the next call tries again.
    pub fn follow_orders(&self, seq: u64) -> Result<(), StoreUnavailable> {
        let mut book = held(&self.orders);
        if book.seq >= seq {
            return Ok(());
        }
        self.catch_up_with_orders(&mut book)
    }

    fn catch_up_with_orders(&self, book: &mut OrderBook) -> Result<(), StoreUnavailable> {
        let before = book.seq;
        let caught = book.catch_up();
        if let Err(error) = &caught {
            book.is_stuck(error);
        }
        // What was understood counts, whatever came after it.
        if caught.as_ref().is_ok_and(|news| !news) || book.seq == before {
            return caught.map(drop);
        }
        let serving = self.exchange.market.load_full();
        let laid = book.lay(&serving, self.exchange.clock.now().shanghai_day());
        let overlay = held(&self.overlay);
        self.exchange.market.store(Arc::new(overlay.lay_over(&laid)));
        drop(overlay);
        tracing::info!(seq = book.seq, "orders laid over the market");
        caught.map(drop)
    }

    /// Serves another catalog under the orders and the suspensions of this moment, and hands back what was served.
    pub(super) fn swap(&self, market: &Market) -> Arc<Market> {
        let mut book = held(&self.orders);
        if let Err(error) = book.catch_up() {
            book.is_stuck(&error);
        }
        let laid = book.lay(market, self.exchange.clock.now().shanghai_day());
        let overlay = held(&self.overlay);
        self.exchange.market.swap(Arc::new(overlay.lay_over(&laid)))
    }
}
