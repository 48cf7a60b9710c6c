//! What happened, a line each: the same seed writes the same bytes.

use std::fmt::Write;

use pmpx::billing::beacon::Answer;
use pmpx::event::Posting;
use sha2::{Digest, Sha256};

use crate::disk::Op;
use crate::node::Won;

/// How many lines of the end a failure shows.
const LAST: usize = 60;

/// The log.
#[derive(Debug, Default)]
pub(crate) struct Log(String);

impl Log {
    pub(crate) fn event(&mut self, step: u64, now: u64, event: &impl std::fmt::Debug) {
        let at = pmpx::clock::UnixMillis(now).to_rfc3339();
        let _ = writeln!(self.0, "{step} {at} {event:?}");
    }

    pub(crate) fn won(&mut self, won: &[Won]) {
        for Won { charge, token } in won {
            let key = charge.key;
            let (imp, slot) = (key.imp.0, key.slot.0);
            let (deal, lease, amount) = (charge.deal.0, charge.lease.0, charge.amount().0);
            let _ = writeln!(self.0, "  won {}.{imp}.{slot} deal {deal} lease {lease} {amount} {token}", key.auction);
        }
    }

    pub(crate) fn answer(&mut self, flight: u64, answer: &Answer) {
        let _ = writeln!(self.0, "  flight {flight}: {answer:?}");
    }

    pub(crate) fn op(&mut self, op: &Op) {
        let key = |posting: &Posting| {
            let key = posting.charge.key;
            format!("{}.{}.{}", key.auction, key.imp.0, key.slot.0)
        };
        let _ = match op {
            Op::Queued { number, posting } => {
                writeln!(self.0, "  queued {number}: {} {:?}", key(posting), posting.resolution)
            }
            Op::Durable { number, posting, recorded } => {
                writeln!(self.0, "  durable {number}: {} {recorded:?}", key(posting))
            }
            Op::Granted { node, request, lease } => {
                let (id, amount) = lease.map_or((0, 0), |lease| (lease.id.0, lease.amount.0));
                let want = request.want.0;
                writeln!(self.0, "  granted to {node}: lease {id} on {:?}, {amount} of {want}", request.source)
            }
            other => writeln!(self.0, "  {other:?}"),
        };
    }

    pub(crate) fn digest(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.0)
    }

    /// The end of it.
    pub(crate) fn last(&self) -> String {
        let lines: Vec<_> = self.0.lines().rev().take(LAST).collect();
        lines.into_iter().rev().fold(String::new(), |text, line| text + line + "\n")
    }
}
