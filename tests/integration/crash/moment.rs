//! When the process is killed: drawn from the seed, each kind in its turn.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use pmpx::clock::{Chance, Clock};
use serde_json::json;

use super::media::Told;
use crate::harness::client_of;
use crate::patch;

/// A checkpoint or a commit that does not come in this time is not waited for.
const LONGEST: Duration = Duration::from_secs(3);

/// A moment to kill at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// After so much traffic.
    Any(Duration),
    /// So long after so many billing notices were sent: a commit is being made, or has just been announced.
    Commit(usize, Duration),
    /// So long after the log was written back into the database's file.
    Checkpoint(Duration),
    /// So long after a changed config was to be published.
    Reload(Duration),
    /// So long after each of three starts.
    Start([Duration; 3]),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(after) => write!(f, "after {after:?} of traffic"),
            Self::Commit(notices, after) => write!(f, "{after:?} after {notices} notices"),
            Self::Checkpoint(after) => write!(f, "{after:?} after a checkpoint"),
            Self::Reload(after) => write!(f, "{after:?} after a reload was asked for"),
            Self::Start(after) => write!(f, "{after:?} into three starts"),
        }
    }
}

/// Where the process runs.
pub(super) struct Place<'p> {
    pub(super) config: &'p Path,
    pub(super) data: &'p Path,
    pub(super) control: SocketAddr,
    pub(super) round: usize,
}

impl Moment {
    /// The moment of a round.
    pub(super) fn draw(round: usize, chance: &mut Chance) -> Self {
        let mut micros = |bound: u32| Duration::from_micros(chance.below(bound).into());
        match round % 6 {
            0 => Self::Any(micros(600_000) + Duration::from_millis(20)),
            1 | 4 => Self::Commit(10 + chance.below(120) as usize, Duration::from_micros(chance.below(4_000).into())),
            2 => Self::Checkpoint(micros(5_000)),
            3 => Self::Reload(micros(120_000)),
            // The first moments of a start, and anywhere in it.
            _ => Self::Start([micros(50_000), micros(600_000), micros(300_000)]),
        }
    }

    /// Waits for it while the media go on.
    pub(super) async fn wait(self, place: &Place<'_>, told: &Told) {
        let after = match self {
            Self::Any(after) => after,
            Self::Commit(notices, after) => {
                let until = told.sent() + notices;
                until_true(|| told.sent() >= until).await;
                after
            }
            Self::Checkpoint(after) => {
                let before = written(place.data);
                until_true(|| written(place.data) != before).await;
                after
            }
            Self::Reload(after) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let priority = json!({"priority": 2 + place.round / 6 % 2});
                patch::apply(place.config, &json!({"deals.toml": {"deal": {"id=PD-2026-X7-TOP": priority}}}));
                let request = Request::post("/api/v1/reload").header("content-type", "application/json");
                let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
                let control = client_of(place.control);
                tokio::spawn(async move { control.send(request).await });
                after
            }
            // Those are killed by the clock alone.
            Self::Start(_) => Duration::ZERO,
        };
        let now = Clock::system().instant();
        tokio::time::sleep(after.saturating_sub(Duration::from_millis(1))).await;
        // Timers have milliseconds; a commit takes less.
        while now.elapsed() < after {
            tokio::task::yield_now().await;
        }
    }
}

/// When the database's file was written: only a checkpoint does that.
fn written(data: &Path) -> Option<SystemTime> {
    std::fs::metadata(data.join("pmpx.db")).ok()?.modified().ok()
}

async fn until_true(mut done: impl FnMut() -> bool) {
    let started = Clock::system().instant();
    while !done() && started.elapsed() < LONGEST {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
