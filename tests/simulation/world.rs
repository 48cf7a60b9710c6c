//! The world around the product: true time, what happens next, and the model that looks on. One event at a time; after each of them
//! everything must hold.

mod faults;
mod flights;
mod media;
mod reckoning;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pmpx::clock::{Chance, Clock, UnixMillis};
use pmpx::event::{Ledger, Posting};
use pmpx::market::Market;
use pmpx::money::MicroYuan;
use pmpx::settlement::ledger;

use crate::audit::Audited;
use crate::disk::{Cheat, Disk, Op, Trouble};
use crate::log::Log;
use crate::model::{Model, Moment};
use crate::node::Node;
use crate::terms::{DEALS, Names, SKEW_MS, Suspended, first_day, markets};

use flights::{Fate, Flight};
use media::Display;

/// Nodes that share the store.
const NODES: u16 = 3;
pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;
/// Everything is compared at least so often, in events.
const AUDIT_EVERY: u64 = 4_096;

/// What can go wrong. Each kind has draws of its own, so that one can be left out without changing when the others come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nodes end without warning and start again.
    Crash,
    /// The store's process ends without warning and starts again.
    Store,
    /// Commits that are refused, late or lost on the way back; a full disk.
    Disk,
    /// Clocks that differ within what is allowed.
    Clock,
    /// Clocks that step far.
    Wild,
    /// Token keys that are replaced.
    Keys,
    /// Kill switches.
    Suspend,
    /// Another generation of the market.
    Reload,
    /// Notices that are lost, doubled, late and out of order.
    Network,
    /// Tokens that nobody made.
    Forge,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Crash,
        Self::Store,
        Self::Disk,
        Self::Clock,
        Self::Wild,
        Self::Keys,
        Self::Suspend,
        Self::Reload,
        Self::Network,
        Self::Forge,
    ];

    /// Its name for `PMPX_SIM_WITHOUT`.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) days: u64,
    pub(crate) without: BTreeSet<Kind>,
    /// The run ends before this event.
    pub(crate) most_steps: u64,
    pub(crate) cheat: Option<Cheat>,
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) steps: u64,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) audited: Audited,
    /// SHA-256 of the log, in hexadecimal.
    pub(crate) digest: String,
    pub(crate) log: String,
}

/// A run that broke.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) why: String,
    pub(crate) step: u64,
    /// The last lines of the log.
    pub(crate) last: String,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Some minutes of traffic begin, and some more later; or just some.
    Session,
    Burst,
    /// A media asks for an ad.
    Request(u16),
    /// A node's housekeeping: leases, again and again or once more in a session; counts; the ledger.
    Tend(u16),
    TendOnce(u16),
    Flush(u16),
    Derive(u16),
    /// A billing notice reaches a node.
    Arrive(usize),
    /// A node reads a notice that has reached it.
    Read(u64),
    /// The store commits what is queued, tells it, and those that wait hear it.
    Commit,
    Announce,
    Wake,
    /// Ends and starts.
    Crash(u16),
    Start(u16),
    Restart(u16),
    StoreEnds,
    StoreStarts,
    DiskFull(bool),
    /// Clocks.
    Step(u16),
    Far(u16),
    Back(u16),
    /// Keys, kill switches, generations, and when a node hears of the latter two.
    Rotate(u8),
    Rekey(u16),
    Suspend(bool),
    Reload,
    Adopt(u16),
    /// A payment, by its number.
    TopUp(u32),
    /// Everything is compared.
    Audit,
    /// Nothing is wrong any more: whoever has money can spend it. In four beats.
    Calm(u8),
}

/// Where a node runs.
pub(super) struct Place {
    pub(super) node: Option<Node>,
    pub(super) offset: i64,
    pub(super) far: bool,
    pub(super) keys: Vec<u8>,
    pub(super) generation: usize,
    pub(super) suspended: Suspended,
}

/// The world.
pub(crate) struct World {
    options: Options,
    draws: BTreeMap<Kind, Chance>,
    chance: Chance,
    now: u64,
    ends: u64,
    steps: u64,
    scheduled: u64,
    queue: BTreeMap<(u64, u64), Event>,
    markets: [Market; 2],
    names: Names,
    places: Vec<Place>,
    disk: Disk,
    model: Model,
    log: Log,
    displays: Vec<Display>,
    flights: BTreeMap<u64, Flight>,
    /// Which flight queued which posting, and what became of it.
    fates: BTreeMap<u64, (u64, Fate)>,
    next_flight: u64,
    /// What is durable beside the store: the config's keys and generation, and the kill switches.
    keys: Vec<u8>,
    generation: usize,
    suspended: Suspended,
    payments: Vec<(u32, i64)>,
    finishing: bool,
    report: Report,
}

impl World {
    fn new(options: Options) -> Self {
        let (markets, names) = markets();
        let chance = Chance::seeded(options.seed);
        let draw = |(place, kind): (usize, &Kind)| (*kind, Chance::seeded(options.seed ^ (place as u64 + 1) << 48));
        let now = first_day().starts_at().0;
        let place = |_| Place {
            node: None,
            offset: 0,
            far: false,
            keys: vec![],
            generation: 0,
            suspended: Suspended::default(),
        };
        Self {
            draws: Kind::ALL.iter().enumerate().map(draw).collect(),
            chance,
            now,
            ends: now + options.days * DAY,
            steps: 0,
            scheduled: 0,
            queue: BTreeMap::new(),
            model: Model::new(names.clone()),
            markets,
            names,
            places: (0..NODES).map(place).collect(),
            disk: Disk::new(options.cheat),
            log: Log::default(),
            displays: Vec::new(),
            flights: BTreeMap::new(),
            fates: BTreeMap::new(),
            next_flight: 0,
            keys: vec![1],
            generation: 0,
            suspended: Suspended::default(),
            payments: Vec::new(),
            finishing: false,
            report: Report::default(),
            options,
        }
    }

    /// Runs to the end, or to what breaks.
    pub(crate) fn run(options: Options) -> Result<Report, Box<Broken>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let mut world = Self::new(options);
        let all = tokio::task::unconstrained(world.all());
        let ended = tokio::task::LocalSet::new().block_on(&runtime, all);
        match ended {
            Ok(()) => {
                world.report.steps = world.steps;
                world.report.digest = world.log.digest();
                world.report.log = world.log.take();
                Ok(world.report)
            }
            Err(why) => Err(Box::new(Broken { why, step: world.steps, last: world.log.last() })),
        }
    }

    async fn all(&mut self) -> Result<(), String> {
        self.begin();
        while let Some(((at, order), event)) = self.queue.pop_first() {
            if at >= self.ends && !self.finishing {
                self.queue.insert((at, order), event);
                self.heal();
                continue;
            }
            if self.steps >= self.options.most_steps {
                return Ok(());
            }
            self.steps += 1;
            if at > self.now {
                tokio::time::advance(Duration::from_millis(at - self.now)).await;
                self.now = at;
            }
            self.set_clocks();
            self.log.event(self.steps, self.now, &event);
            self.happen(event).await?;
            self.follow(None)?;
            self.model.holds()?;
            if self.steps.is_multiple_of(AUDIT_EVERY) {
                self.compare(false)?;
            }
        }
        self.settle_all()
    }

    /// The opening balances, the nodes, and the first of everything that comes again and again.
    fn begin(&mut self) {
        for buyer in 0..3 {
            self.pay_in(buyer, 5_000_000_000);
        }
        for node in 0..NODES {
            self.schedule(SECOND, Event::Start(node));
            self.schedule(30 * MINUTE, Event::Tend(node));
        }
        self.schedule(MINUTE, Event::Session);
        for day in 1..=self.options.days {
            // Midnight is always busy.
            self.schedule(day * DAY - 2 * MINUTE, Event::Burst);
            self.schedule(day * DAY + 4 * HOUR, Event::Audit);
            self.schedule(day * DAY - 19 * HOUR, Event::Calm(0));
        }
        self.begin_faults();
    }

    async fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Session => {
                self.session();
                let next = 20 * MINUTE + self.below(3 * HOUR);
                self.schedule(next, Event::Session);
            }
            Event::Burst => self.session(),
            Event::Request(node) => return self.request(node).await,
            Event::Tend(node) => {
                if !self.finishing {
                    self.schedule(30 * MINUTE, Event::Tend(node));
                }
                return self.tend_once(node);
            }
            Event::TendOnce(node) => return self.tend_once(node),
            Event::Flush(node) => {
                if let Some(node) = &self.places[usize::from(node)].node {
                    // What is not taken is handed over next time.
                    let _ = node.exchange.flush_counts();
                }
            }
            Event::Derive(node) => self.derive(node),
            Event::Arrive(display) => self.arrive(display),
            Event::Read(flight) => return self.read(flight),
            Event::Commit => return self.commit(),
            Event::Announce => self.announce(),
            Event::Wake => return self.wake(),
            Event::Audit => return self.compare(true),
            Event::Calm(beat) => return self.calm(beat),
            Event::TopUp(payment) => self.top_up(payment),
            fault => return self.fault(fault),
        }
        Ok(())
    }

    pub(super) fn schedule(&mut self, after: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((self.now + after, self.scheduled), event);
    }

    /// A number below a bound, of the draws of a kind.
    pub(super) fn draw(&mut self, kind: Kind, bound: u64) -> u64 {
        let bound = u32::try_from(bound).unwrap();
        u64::from(self.draws.get_mut(&kind).unwrap().below(bound))
    }

    /// Whether something of a kind goes wrong now, once in so often.
    pub(super) fn strikes(&mut self, kind: Kind, once_in: u64) -> bool {
        let drawn = self.draw(kind, once_in) == 0;
        drawn && !self.finishing && !self.options.without.contains(&kind)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.chance.below(u32::try_from(bound).unwrap()))
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.report.counts.entry(what).or_default() += 1;
    }

    fn set_clocks(&mut self) {
        for place in &self.places {
            if let Some(node) = &place.node {
                node.clock.set(UnixMillis(self.now.saturating_add_signed(place.offset)));
            }
            if place.far {
                self.model.clocks_wrong_at = Some(self.now);
            }
        }
    }

    pub(super) fn moment(&self, node: u16) -> Moment {
        let place = &self.places[usize::from(node)];
        Moment {
            now: self.now,
            node,
            boot: place.node.as_ref().map_or(0, |node| node.boot),
            clock: self.now.saturating_add_signed(place.offset),
            generation: place.generation,
        }
    }

    /// Tells the model what the store did, in order.
    pub(super) fn follow(&mut self, node: Option<u16>) -> Result<Option<(u64, Posting)>, String> {
        let moment = node.map(|node| self.moment(node));
        let mut queued = None;
        for op in self.disk.ops() {
            self.log.op(&op);
            match &op {
                Op::Queued { number, posting } => queued = Some((*number, *posting)),
                Op::Durable { number, recorded, .. } => {
                    if let Some((_, fate)) = self.fates.get_mut(number) {
                        *fate = Fate::Durable(*recorded);
                    }
                }
                Op::Gone { number } => {
                    if let Some((_, fate)) = self.fates.get_mut(number) {
                        *fate = Fate::Gone;
                    }
                }
                Op::Granted { node, .. } if moment.is_none_or(|moment| moment.node != *node) => {
                    return Err(format!("node {node} was granted a lease out of turn"));
                }
                _ => {}
            }
            self.model.follow(&op, moment)?;
        }
        Ok(queued)
    }

    /// One beat of a node's housekeeper. What the store refuses is tried at the next one.
    pub(super) fn tend_once(&mut self, number: u16) -> Result<(), String> {
        self.script_trouble();
        let Some(node) = &self.places[usize::from(number)].node else { return Ok(()) };
        let refused = node.tend().is_err();
        self.disk.unscript();
        if refused {
            self.count("beats refused");
        }
        self.follow(Some(number)).map(|_| ())
    }

    /// One of the next calls goes wrong, now and then.
    fn script_trouble(&mut self) {
        if self.strikes(Kind::Disk, 12) {
            let after = self.draw(Kind::Disk, 8) as u32;
            let lost = self.draw(Kind::Disk, 2) == 0;
            self.disk.script(after, if lost { Trouble::AnswerLost } else { Trouble::Refused });
        }
    }

    fn derive(&mut self, number: u16) {
        self.script_trouble();
        let Some(node) = &self.places[usize::from(number)].node else { return };
        let derived = ledger::derive(&*node.port, node.now());
        self.disk.unscript();
        self.count(if derived.is_ok() { "derived" } else { "derivations refused" });
    }

    fn pay_in(&mut self, buyer: u32, amount: i64) {
        self.payments.push((buyer, amount));
        self.schedule(0, Event::TopUp(self.payments.len() as u32 - 1));
    }

    /// Books a payment until it is known to be booked.
    fn top_up(&mut self, payment: u32) {
        self.script_trouble();
        let (buyer, amount) = self.payments[payment as usize];
        let buyer = self.names.buyers[buyer as usize];
        let reference = format!("bank {payment}");
        let booked = self.disk.port(0).top_up(buyer, &reference, MicroYuan(amount), UnixMillis(self.now));
        self.disk.unscript();
        if booked.is_err() {
            self.schedule(10 * SECOND, Event::TopUp(payment));
        }
    }

    /// A clock for a node that starts.
    fn clock(&self, node: u16) -> Clock {
        Clock::manual(UnixMillis(self.moment(node).clock))
    }

    /// How far apart two sound clocks may be, either way from the truth.
    fn sound_offset(&mut self, kind: Kind) -> i64 {
        self.draw(kind, SKEW_MS) as i64 - SKEW_MS as i64 / 2
    }
}

/// How many deals there are.
pub(super) const fn deals() -> u64 {
    DEALS.len() as u64
}
