//! The end of a node, phase by phase. Each has a name, a bound and a line in the log; what a phase could not do in its time
//! is said, and the next one begins.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::http::DataPlane;

/// The longest that open requests may take: the cores' own grace, and the time to notice its end.
const FINISH: Duration = Duration::from_secs(6);
/// The longest that a phase may wait for the disk, or for threads to end.
const BOUND: Duration = Duration::from_secs(10);
/// How long notices to DSPs that wait are still sent; those under way have their own time besides.
const NOTICES: Duration = Duration::from_secs(3);
/// How often a wait looks around.
const LOOK: Duration = Duration::from_millis(5);

/// Asks a drain to be quick: a second signal. Waits end, and requests that are open are cut; what is acknowledged is made
/// durable all the same.
#[derive(Clone, Debug, Default)]
pub struct Hurry(Arc<(Mutex<bool>, Condvar)>);

impl Hurry {
    /// Asks for it.
    pub fn ask(&self) {
        *self.flag() = true;
        self.0.1.notify_all();
    }

    /// Waits for so long, or until somebody asks; tells whether somebody did.
    fn wait(&self, time: Duration) -> bool {
        let waited = self.0.1.wait_timeout_while(self.flag(), time, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn flag(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the phases.
pub(super) struct Drain<'d> {
    pub(super) clock: &'d Clock,
    pub(super) hurry: &'d Hurry,
}

impl Drain<'_> {
    /// One phase; its end is logged with its duration.
    pub(super) fn phase<T>(&self, phase: &'static str, work: impl FnOnce() -> T) -> T {
        let started = self.clock.instant();
        let done = work();
        let ms = self.clock.instant().saturating_duration_since(started).as_millis();
        tracing::info!(phase, ms = u64::try_from(ms).unwrap_or(u64::MAX), "drain");
        done
    }

    /// A phase that may wait for the disk or for a thread, on a thread of its own: what hangs does not hang the end.
    pub(super) fn bounded(&self, phase: &'static str, work: impl FnOnce() + Send + 'static) {
        self.phase(phase, || within(BOUND, phase, work));
    }

    /// Lets time pass while the node still serves.
    pub(super) fn delay(&self, time: Duration) {
        self.hurry.wait(time);
    }

    /// How long notices to DSPs are still sent; what is not sent is kept.
    pub(super) fn time_for_notices(&self) -> Duration {
        if *self.hurry.flag() { Duration::ZERO } else { NOTICES }
    }

    /// Waits until open requests are answered; in a hurry, or after their time, they are cut.
    pub(super) fn finish(&self, plane: DataPlane) {
        let until = self.clock.instant() + FINISH;
        while !plane.has_ended() && self.clock.instant() < until && !self.hurry.wait(LOOK) {}
        if !plane.has_ended() {
            plane.cut();
        }
        within(BOUND, "finish", || plane.join());
    }
}

/// Does some work on a thread of its own and waits for it for so long.
fn within(bound: Duration, phase: &'static str, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = sync_channel(1);
    let work = move || {
        work();
        let _ = done.send(());
    };
    match std::thread::Builder::new().name(format!("pmpx-{phase}")).spawn(work) {
        Ok(_) if ended.recv_timeout(bound).is_err() => {
            tracing::error!(phase, "not done in {} s; the next start makes up for it", bound.as_secs());
        }
        Ok(_) => {}
        Err(error) => tracing::error!(phase, %error, "no thread could be started"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hurry_ends_a_wait_and_all_later_ones() {
        let hurry = Hurry::default();
        assert!(!hurry.wait(Duration::from_millis(1)));
        let asker = hurry.clone();
        let asking = std::thread::spawn(move || asker.ask());
        // Without the hurry this would take an hour.
        assert!(hurry.wait(Duration::from_secs(3_600)));
        assert!(hurry.wait(Duration::from_secs(3_600)));
        asking.join().unwrap();
    }
}
