//! What other processes of the same data folder have published and suspended, taken over here
//! (`docs/decisions/0025-several-processes.md`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::desk::MOST_RACES;
use super::switches::Overlay;
use super::{Desk, Made, Published, Publisher, Trouble, background, held, pack};
use crate::control::config::Sources;
use crate::event::{Generation, StoreUnavailable};
use crate::market::Market;

impl Publisher {
    /// Lays over the market what other processes have suspended and resumed. `seq` is the store's last switch; the store is read only when
    /// it is another one than before. Waits for no reload.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; the switches stay as they were, and the next call tries again.
    pub fn follow_switches(&self, seq: u64) -> Result<(), StoreUnavailable> {
        let mut overlay = held(&self.overlay);
        if overlay.seq == seq {
            return Ok(());
        }
        self.catch_up_with_switches(&mut overlay)?;
        overlay.seq = seq;
        Ok(())
    }

    /// Reads what is suspended by now, at whichever process, and lays it over the market.
    pub(super) fn catch_up_with_switches(&self, overlay: &mut Overlay) -> Result<(), StoreUnavailable> {
        let stored = Overlay::of(self.operations.suspensions()?).thrown;
        if overlay.thrown != stored {
            tracing::warn!(suspended = stored.len(), "kill switches were thrown or lifted at another process");
            overlay.thrown = stored;
            let market = self.exchange.market.load_full();
            self.exchange.market.store(Arc::new(market.under(overlay.suspensions())));
        }
        Ok(())
    }

    /// Whether the newest generation is not what is served here, or is pinned otherwise: [`Publisher::follow`] has something to do.
    #[must_use]
    pub fn is_behind(&self, newest: u64, pinned: bool) -> bool {
        let serving = self.exchange.market.load().generation;
        let news = newest > serving && newest != self.passed_over.load(Ordering::Relaxed);
        news || (newest == serving && pinned != held(&self.standing).pinned)
    }

    /// Serves the newest generation that another process has published, if there is one. Compiles, and waits for the store: not for
    /// an async thread.
    pub fn follow(&self) {
        let mut desk = held(&self.desk);
        let desk = &mut *desk;
        let followed = background::run(|| {
            drop(desk.take_dead());
            self.catch_up(desk)
        });
        match followed {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what other processes have published could not be read"),
            Err(error) => tracing::warn!(%error, "no thread to compile on"),
        }
    }

    /// Does something to the market with what other processes have published before; again, when one of them is faster.
    pub(super) fn after_catching_up(
        &self,
        desk: &mut Desk,
        attempt: impl Fn(&mut Desk, &Market) -> Result<Published, Trouble>,
    ) -> Result<Published, Trouble> {
        let mut adopted = None;
        for left in (0..MOST_RACES).rev() {
            adopted = self.catch_up(desk)?.or(adopted);
            let serving = self.exchange.market.load_full();
            match attempt(desk, &serving) {
                Err(Trouble::Overtaken(_)) if left > 0 => {}
                // What was asked for is what another process has published meanwhile.
                Ok(done) if !done.changed => {
                    return Ok(adopted.map_or_else(|| done.clone(), |it| Published { pinned: done.pinned, ..it }));
                }
                done => return done,
            }
        }
        Err(Trouble::Overtaken(self.newest()?))
    }

    /// Serves the newest stored generation and its pin, if another process has published it or moved that. One that is refused here is told
    /// once and passed over: the market that is served goes on.
    fn catch_up(&self, desk: &mut Desk) -> Result<Option<Published>, StoreUnavailable> {
        let Some(newest) = self.operations.generations(u64::MAX, 1)?.pop() else { return Ok(None) };
        let serving = self.exchange.market.load_full();
        if newest.number == serving.generation {
            held(&self.standing).pinned = newest.pinned;
        }
        if newest.number <= serving.generation || newest.number == self.passed_over.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let [published, refused] = &self.exchange.metrics.reloads;
        let packed = self.operations.sources(newest.number)?;
        let sources = packed.ok_or(Trouble::NotKept(newest.number)).and_then(|packed| {
            // What cannot be unpacked is no better the next time.
            pack::unpack(newest.number, &packed).map_err(|_| Trouble::NotKept(newest.number))
        });
        let adopted = sources.and_then(|sources| self.adopt(desk, &serving, &newest, sources));
        match adopted {
            Ok(done) => {
                published.one();
                tracing::info!(generation = done.generation, pinned = done.pinned, diff = %done.diff, "market of another process adopted");
                Ok(Some(done))
            }
            Err(Trouble::Store(error)) => Err(error),
            Err(trouble) => {
                self.passed_over.store(newest.number, Ordering::Relaxed);
                refused.one();
                let (generation, serving) = (newest.number, serving.generation);
                tracing::error!(generation, serving, %trouble, "a generation of another process is refused here");
                Ok(None)
            }
        }
    }

    fn adopt(
        &self,
        desk: &mut Desk,
        serving: &Market,
        newest: &Generation,
        sources: Sources,
    ) -> Result<Published, Trouble> {
        let sources = sources.with_environment(desk.variable());
        let Generation { number, pinned, restores, .. } = *newest;
        self.put_in_force(desk, serving, &Made { sources: &sources, number, pinned, restores }, |_| Ok(()))
    }
}
