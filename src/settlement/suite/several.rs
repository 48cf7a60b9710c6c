//! Several processes on one data folder, as stores that are opened beside each other: whatever the ports promise, they promise it wherever
//! each call goes.

mod clocks;
mod company;

use std::sync::Mutex;

use super::*;
use crate::clock::Chance;
use crate::event::{
    Audit, Books, Click, ClickGroup, DayClosing, Entered, Generation, Group, KeptNotice, NoticeFilter, OutboxRound,
    Owed, Receipt, Remembered, Resend, Seal, StoreUnavailable, Suspension,
};
use crate::ids::IdKind;

/// Nodes 1, 2 … on one folder; each call goes to one of them, drawn from a seed. What only the one that leads does goes to all.
pub(crate) struct Several {
    nodes: Vec<SqliteStore>,
    chance: Mutex<Chance>,
    _folder: tempfile::TempDir,
}

impl Several {
    pub(crate) fn open(nodes: u16, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = |node| SqliteStore::open(Options::new(folder.path(), NodeId(node)), noon()).unwrap();
        let nodes: Vec<_> = (1..=nodes).map(open).collect();
        let several = Self { nodes, chance: Mutex::new(Chance::seeded(seed)), _folder: folder };
        // Any of them may lead.
        assert!(several.any().leads());
        several
    }

    fn any(&self) -> &SqliteStore {
        let drawn = self.chance.lock().unwrap().below(self.nodes.len() as u32);
        &self.nodes[drawn as usize]
    }

    fn leader(&self) -> &SqliteStore {
        self.nodes.iter().find(|node| node.leads()).unwrap()
    }
}

/// Delegates to any of the nodes.
macro_rules! to_any {
    ($port:ident { $(fn $call:ident(&self $(, $name:ident: $kind:ty)*) -> $answer:ty;)+ $(; $($rest:tt)*)? }) => {
        impl $port for Several {
            $(fn $call(&self $(, $name: $kind)*) -> $answer { self.any().$call($($name),*) })+
            $($($rest)*)?
        }
    };
}

type Stored<T> = Result<T, StoreUnavailable>;

to_any!(Journal {
    fn submit(&self, lane: Lane, posting: Posting) -> Result<Receipt, Unrecorded>;
    fn tally(&self, rows: Vec<Tally>) -> Result<(), Unrecorded>;
    fn click(&self, click: Click) -> Result<(), Unrecorded>;
});

to_any!(Leases {
    fn grant(&self, request: LeaseRequest) -> Stored<Option<Lease>>;
    fn retire(&self, lease: LeaseId, awarded: MicroYuan) -> Stored<()>;
    fn commit_day(&self, commitment: &DayCommitment, now: UnixMillis) -> Stored<bool>;
    fn expire(&self, ends: &[(BuyerId, ShanghaiDay)], now: UnixMillis) -> Stored<u64>;
    ;
    fn close_dead(&self, now: UnixMillis) -> Stored<u64> {
        // A click that still waits at another node would come too late.
        self.nodes.iter().try_for_each(SqliteStore::confirm)?;
        self.nodes.iter().map(|node| node.close_dead(now)).sum()
    }
});

to_any!(Ledger {
    fn book(&self, transactions: Vec<Transaction>) -> Result<Booking, BookError>;
    fn enter(&self, entered: Entered) -> Result<Booking, BookError>;
    ;
    fn snapshot(&self) -> Stored<Box<dyn Books>> {
        // What a node has taken without an answer is not durable yet.
        self.nodes.iter().try_for_each(SqliteStore::confirm)?;
        self.any().snapshot()
    }
});

to_any!(Registry {
    fn save_ids(&self, fresh: &[(IdKind, u32, Box<str>)]) -> Stored<()>;
});

to_any!(Operations {
    fn publish(&self, generation: &Generation, sources: &[u8], audit: &Audit) -> Stored<()>;
    fn unpin(&self, number: u64, audit: &Audit) -> Stored<()>;
    fn generations(&self, below: u64, limit: usize) -> Stored<Vec<Generation>>;
    fn sources(&self, number: u64) -> Stored<Option<Vec<u8>>>;
    fn switch(&self, suspension: &Suspension, audit: &Audit) -> Stored<()>;
    fn suspensions(&self) -> Stored<Vec<Suspension>>;
    fn audits(&self, below: u64, limit: usize) -> Stored<Vec<Audit>>;
    fn remember(&self, key: &str, answer: &Remembered) -> Stored<()>;
    fn recall(&self, key: &str, now: UnixMillis) -> Stored<Option<Remembered>>;
});

impl Archive for Several {
    fn lay(&self, day: ShanghaiDay, charges: &[Group], clicks: &[ClickGroup]) -> Stored<()> {
        self.leader().lay(day, charges, clicks)
    }
    fn clear(&self, day: ShanghaiDay, limit: u32) -> Stored<bool> {
        self.leader().clear(day, limit)
    }
    fn seal(&self, seal: &Seal) -> Stored<()> {
        self.leader().seal(seal)
    }
    fn close_day(&self, closing: &DayClosing, now: UnixMillis) -> Result<Booking, BookError> {
        self.leader().close_day(closing, now)
    }
    fn exempt_day(
        &self,
        deal: DealId,
        day: ShanghaiDay,
        on: Option<ShanghaiDay>,
        now: UnixMillis,
    ) -> Result<Booking, BookError> {
        self.leader().exempt_day(deal, day, on, now)
    }
    fn let_go(&self, day: ShanghaiDay, now: UnixMillis) -> Stored<()> {
        self.leader().let_go(day, now)
    }
    fn sweep(&self, limit: u32) -> Stored<bool> {
        self.leader().sweep(limit)
    }
}

impl Outbox for Several {
    fn keep(&self, round: &OutboxRound) -> Stored<Owed> {
        self.any().keep(round)
    }
    fn resume(&self) -> Stored<(Vec<ChargeKey>, Owed)> {
        let mut all = (Vec::new(), Owed::default());
        for node in &self.nodes {
            let (keys, owed) = node.resume()?;
            all.0.extend(keys);
            all.1.shown.extend(owed.shown);
            all.1.posted.extend(owed.posted);
        }
        all.0.sort_unstable();
        all.1.posted.sort_by_key(|(win, _)| win.key);
        Ok(all)
    }
    fn tidy(&self, now: UnixMillis, limit: usize) -> Stored<Owed> {
        let tidied: Vec<_> = self.nodes.iter().map(|node| node.tidy(now, limit)).collect::<Result<_, _>>()?;
        assert!(tidied.iter().filter(|owed| **owed != Owed::default()).count() <= 1, "one of them tidies");
        Ok(tidied.into_iter().find(|owed| *owed != Owed::default()).unwrap_or_default())
    }
    fn due(&self, now: UnixMillis, most: usize) -> Stored<Vec<KeptNotice>> {
        let due: Vec<_> = self.nodes.iter().map(|node| node.due(now, most)).collect::<Result<_, _>>()?;
        assert!(due.iter().filter(|due| !due.is_empty()).count() <= 1, "one of them sends what is due");
        Ok(due.concat())
    }
    fn notices(&self, filter: NoticeFilter, below: u64, limit: usize) -> Stored<Vec<KeptNotice>> {
        self.any().notices(filter, below, limit)
    }
    fn owed(&self) -> Stored<(u64, u64)> {
        self.any().owed()
    }
    fn resend(&self, which: Resend, now: UnixMillis, audit: &Audit) -> Stored<u64> {
        self.any().resend(which, now, audit)
    }
}
