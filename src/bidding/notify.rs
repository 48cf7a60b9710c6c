//! Notices to DSPs: `nurl` at the first of the media's win notice and the posted bill, `burl` when the charge is posted, `lurl` with
//! the reason (`docs/decisions/0022-notices-to-dsps.md`); and the calls of click monitors.
//!
//! [`Notices`] is the hot plane's end: it only pushes into a bounded queue. Everything else happens on a thread of its own
//! ([`Notifier`]): what waits for the media's word (`waiting`), macros (`fill`), URLs (`target`), queues by DSP (`outlet`),
//! connections (`line`), and the round trips to the store (`desk`).

mod desk;
mod fill;
mod line;
mod message;
mod outlet;
mod target;
mod waiting;

#[cfg(test)]
mod tests;

pub use message::{BidNotice, Tidings};

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::dial::{Lookup, system_lookup};
use crate::clock::{Chance, Clock, UnixMillis};
use crate::event::{ChargeKey, NoticeKind, Outbox, StoreUnavailable};
use crate::ids::{DspId, NodeId};
use crate::market::Market;
use crate::metrics::{Metrics, MonitorOutcome, NoticeOutcome};
use desk::Desk;
use message::Message;

/// Messages that may wait for the thread; it looks every 20 ms.
const QUEUE: usize = 8_192;
/// The longest URL of a bid that is taken, bytes; macros not filled in.
const LONGEST_URL: usize = 2_048;

/// Tells the market of the moment.
pub type CurrentMarket = Box<dyn Fn() -> Arc<Market> + Send>;

/// The hot plane's end. No call waits or fails: what finds no room is counted as dropped.
#[derive(Debug)]
pub struct Notices {
    metrics: Arc<Metrics>,
    door: OnceLock<Door>,
}

struct Door {
    queue: SyncSender<Message>,
    outbox: Arc<dyn Outbox>,
    stir: Arc<Notify>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door")
    }
}

impl Notices {
    /// Nobody is told anything until a [`Notifier`] is started for it.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, door: OnceLock::new() }
    }

    /// Whether somebody would send them.
    #[must_use]
    pub fn are_sent(&self) -> bool {
        self.door.get().is_some()
    }

    /// An auction was decided. An answer must leave after this call, so that no notice of the media comes before it.
    pub fn decided(&self, tidings: Tidings) {
        if tidings.is_empty() {
            return;
        }
        if let Some(Message::Decided(tidings)) = self.push(Message::Decided(tidings)) {
            for note in tidings.notes() {
                note.kinds().for_each(|kind| self.count(note.dsp, kind, NoticeOutcome::Dropped));
            }
        }
    }

    /// The media says that an ad won.
    pub fn shown(&self, key: ChargeKey, dsp: DspId) {
        if self.push(Message::Shown(key)).is_some() {
            self.count(dsp, NoticeKind::Win, NoticeOutcome::Dropped);
        }
    }

    /// A charge was posted, durably. Should the queue have no room, the notice is found in the journal when the bid is written out.
    pub fn posted(&self, key: ChargeKey, dsp: DspId, at: UnixMillis) {
        if self.push(Message::Posted(key, at)).is_some() {
            self.count(dsp, NoticeKind::Bill, NoticeOutcome::Dropped);
        }
    }

    /// Calls a click monitor: one GET, repeated once, to a public address only.
    pub fn monitor(&self, url: String) {
        if self.push(Message::Monitor(url)).is_some() {
            self.metrics.monitors.one(MonitorOutcome::Dropped as usize);
        }
    }

    /// What is owed, for who looks at it or has it sent again; `None` while nobody sends anything.
    #[must_use]
    pub fn outbox(&self) -> Option<&Arc<dyn Outbox>> {
        self.door.get().map(|door| &door.outbox)
    }

    /// Has the thread look at once for kept notices that are due.
    pub fn stir(&self) {
        if let Some(door) = self.door.get() {
            door.stir.notify_one();
        }
    }

    /// What could not be pushed; nothing while nobody sends anything.
    fn push(&self, message: Message) -> Option<Message> {
        match self.door.get()?.queue.try_send(message) {
            Ok(()) => None,
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => Some(message),
        }
    }

    fn count(&self, dsp: DspId, kind: NoticeKind, outcome: NoticeOutcome) {
        if let Some(counts) = self.metrics.dsps.get(dsp) {
            counts.notice(place(kind), outcome);
        }
    }
}

/// How long things take. The defaults are those of operation.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How often the thread looks into its queue.
    pub tick: Duration,
    /// How often it visits the store at most.
    pub visit: Duration,
    /// How long a won bid waits in memory for the media's word before it is written out.
    pub hold: Duration,
    /// The pause before a notice is tried again, a fifth more or less by chance.
    pub again: Duration,
    /// One call at most, connection and all.
    pub call: Duration,
    /// How often the store is looked through for notices that are due.
    pub look: Duration,
    /// How often it is tidied.
    pub tidy: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(20),
            visit: Duration::from_millis(200),
            hold: Duration::from_secs(10),
            again: Duration::from_secs(10),
            call: Duration::from_secs(3),
            look: Duration::from_secs(1),
            tidy: Duration::from_secs(30),
        }
    }
}

/// What a notifier is started with.
pub struct Setup {
    /// Whose auctions are this process's own.
    pub node: NodeId,
    /// Time.
    pub clock: Clock,
    /// Its draws.
    pub chance: Chance,
    /// Who the DSPs are, at each moment.
    pub market: CurrentMarket,
    /// Where it keeps what is owed.
    pub outbox: Arc<dyn Outbox>,
    /// How long things take.
    pub times: Times,
}

/// The thread that calls DSPs.
#[derive(Debug)]
pub struct Notifier {
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

impl Notifier {
    /// Starts to send for the hot plane's end; what an earlier start still owed goes on. Call it before the first auction.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(notices: &Notices, setup: Setup) -> Result<Self, StartError> {
        Self::start_with(notices, setup, system_lookup)
    }

    fn start_with(notices: &Notices, setup: Setup, lookup: Lookup) -> Result<Self, StartError> {
        let (keys, owed) = setup.outbox.resume()?;
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().thread_name("pmpx-notify-io").build()?;
        let (queue, intake) = sync_channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let (outbox, stir) = (setup.outbox.clone(), Arc::new(Notify::new()));
        let (metrics, stirred) = (notices.metrics.clone(), stir.clone());
        let serve = move || {
            let desk = Desk::new(setup, lookup, metrics, keys);
            tokio::task::LocalSet::new().block_on(&runtime, desk.run(owed, &intake, &stirred, stopped));
            // A resolver that hangs hangs nobody.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("pmpx-notify".into()).spawn(serve)?;
        notices.door.set(Door { queue, outbox, stir }).map_err(|_| StartError::Twice)?;
        Ok(Self { stop, thread })
    }

    /// Sends what is under way for at most `wait`, keeps the rest, and ends. Nothing may be pushed any more.
    pub fn stop(self, wait: Duration) {
        let _ = self.stop.send(wait);
        let _ = self.thread.join();
    }
}

/// The place of a kind among the names of the counts.
const fn place(kind: NoticeKind) -> usize {
    kind.code() as usize - 1
}

/// Why notices cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is owed could not be read.
    #[error("{0}")]
    Store(#[from] StoreUnavailable),
    /// The machine refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Somebody sends them already.
    #[error("notices are sent already")]
    Twice,
}
