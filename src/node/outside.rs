//! What works on the internet for a node: on a thread and a runtime of its own, by a fetcher for the terms in force, in the docket's order.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::clock::{Clock, UnixMillis};
use crate::compliance::crawl::{Fetcher, SystemResolver};
use crate::event::{Docket, StoreUnavailable, Subject};
use crate::market::policy::landing::LandingTerms;

/// A running thread.
pub(super) struct Outside {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Outside {
    /// Runs `work`, which ends by no other than [`Outside::stop`].
    pub(super) fn start<F: Future<Output = ()>>(
        name: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let local = LocalSet::new();
            // Fetches under way end with the set; what they would have found is found again.
            runtime.block_on(local.run_until(async {
                tokio::select! {
                    _ = stopped => {}
                    () = work() => {}
                }
            }));
            // A name that is still being resolved, or a picture that is measured, holds up no end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// Ends it after the commit that it is in.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// The fetcher by the terms in force; its budget begins anew with other terms.
#[derive(Default)]
pub(super) struct Fetching(RefCell<Option<Rc<Fetcher>>>);

impl Fetching {
    /// # Errors
    /// Where the authorities' certificates cannot be used.
    pub(super) fn by(&self, terms: &LandingTerms, clock: &Clock) -> Result<Rc<Fetcher>, rustls::Error> {
        let mut made = self.0.borrow_mut();
        if let Some(fetcher) = made.as_ref().filter(|fetcher| fetcher.terms() == terms) {
            return Ok(fetcher.clone());
        }
        let fetcher = Rc::new(Fetcher::new(terms.clone(), Arc::new(SystemResolver), clock.clone())?);
        Ok(made.insert(fetcher).clone())
    }
}

/// Moves when a subject is looked at again, where nobody took a step of it since the one that is known: what that asks for is not put off.
pub(super) fn put_off(
    docket: &dyn Docket,
    (subject, seq): (&Subject, u64),
    (due, now): (Option<UnixMillis>, UnixMillis),
) -> Result<(), StoreUnavailable> {
    docket.put_off(&[(subject.clone(), due)])?;
    if docket.standing(subject)?.is_some_and(|kept| kept.seq != seq) {
        docket.put_off(&[(subject.clone(), Some(now))])?;
    }
    Ok(())
}

pub(super) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
