//! What must be true, written a second time: plain maps, its own arithmetic, none of the product's code paths. Every figure is added
//! up from what was observed; what the product did is compared with what it had to do.

mod closings;

use std::collections::{BTreeMap, BTreeSet};

use pmpx::event::{Charge, Lease, LeaseRequest, Method, Posting, Recorded, Resolution, Source};
use pmpx::ids::{AuctionId, LeaseId};

pub(crate) use closings::{SeenClosing, Told};

use crate::disk::Op;
use crate::terms::{DEALS, LONGEST_LIFE_MS, Names, PLACEMENTS, SKEW_MS};

/// What holds or does not, in words.
pub(crate) type Held = Result<(), String>;

/// Auction, imp, slot.
pub(crate) type Key = (u128, u8, u8);

/// The day in Shanghai, UTC+8.
pub(crate) fn day_of(ms: u64) -> u32 {
    ((ms + 8 * 3_600_000) / 86_400_000) as u32
}

/// The key of a charge.
pub(crate) fn key_of(charge: &Charge) -> Key {
    (charge.key.auction.0, charge.key.imp.0, charge.key.slot.0)
}

/// A lease as it was seen to be granted.
#[derive(Clone, Debug)]
pub(crate) struct SeenLease {
    /// Which start of which node it was granted to.
    pub(crate) holder: (u16, u32),
    pub(crate) source: Source,
    pub(crate) buyer: u32,
    pub(crate) granted: i64,
    /// By the model's own count.
    pub(crate) awarded: i64,
    /// What it may still cost its source; the grant, until it is retired.
    pub(crate) bound: i64,
    pub(crate) posted: i64,
    pub(crate) count: u64,
    pub(crate) window_ends: u64,
    pub(crate) closes_at: u64,
    pub(crate) open: bool,
    pub(crate) closed: bool,
}

/// How a charge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Posted,
    Void,
}

/// A charge as it was awarded.
#[derive(Clone, Debug)]
pub(crate) struct SeenCharge {
    pub(crate) charge: Charge,
    pub(crate) amount: i64,
    pub(crate) earned: i64,
    /// True time of the award.
    pub(crate) awarded_at: u64,
    /// Durable.
    pub(crate) end: Option<End>,
    pub(crate) acknowledged: bool,
}

/// At what moment, on which node, under which generation something happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// True time, ms.
    pub(crate) now: u64,
    pub(crate) node: u16,
    pub(crate) boot: u32,
    /// What the node's clock says, ms.
    pub(crate) clock: u64,
    pub(crate) generation: usize,
}

/// The model.
pub(crate) struct Model {
    pub(crate) names: Names,
    pub(crate) paid: BTreeMap<u32, i64>,
    payments: BTreeSet<String>,
    /// By deal and day: whose, and how much.
    pub(crate) commitments: BTreeMap<(u32, u32), (u32, i64)>,
    pub(crate) leases: BTreeMap<u64, SeenLease>,
    /// Leases that are not closed, by when they must be.
    unclosed: BTreeSet<(u64, u64)>,
    pub(crate) charges: BTreeMap<Key, SeenCharge>,
    /// The journal, in order.
    pub(crate) journal: Vec<Key>,
    queued: BTreeMap<u64, Key>,
    /// Bounds of leases that are not closed, and posted by those that are, by source.
    held: BTreeMap<Source, i64>,
    settled: BTreeMap<Source, i64>,
    /// Days that were decided, funded or not, and how they were closed, by deal and day.
    decided: BTreeSet<(u32, u32)>,
    pub(crate) closings: BTreeMap<(u32, u32), SeenClosing>,
    /// What is kept to be made good, by deal and the day on which it may be: one part of each closing.
    kept: BTreeMap<(u32, u32), Vec<i64>>,
    /// What closings gave back to each buyer's cash, less what they took of it.
    returned: BTreeMap<u32, i64>,
    /// Days to which nothing comes any more.
    sealed: BTreeSet<u32>,
    /// Posted by deal and settlement day.
    delivered: BTreeMap<(u32, u32), i64>,
    /// The last true time at which a clock was beyond what is allowed.
    pub(crate) clocks_wrong_at: Option<u64>,
}

fn must(holds: bool, why: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(why()) }
}

impl Model {
    pub(crate) fn new(names: Names) -> Self {
        Self {
            names,
            paid: BTreeMap::new(),
            payments: BTreeSet::new(),
            commitments: BTreeMap::new(),
            leases: BTreeMap::new(),
            unclosed: BTreeSet::new(),
            charges: BTreeMap::new(),
            journal: Vec::new(),
            queued: BTreeMap::new(),
            held: BTreeMap::new(),
            settled: BTreeMap::new(),
            decided: BTreeSet::new(),
            closings: BTreeMap::new(),
            kept: BTreeMap::new(),
            returned: BTreeMap::new(),
            sealed: BTreeSet::new(),
            delivered: BTreeMap::new(),
            clocks_wrong_at: None,
        }
    }

    /// What was paid in or set aside for a source.
    pub(crate) fn funded(&self, source: Source) -> i64 {
        match source {
            Source::Balance(buyer) => {
                let set_aside = self.commitments.values().filter(|(of, _)| *of == buyer.0).map(|(_, amount)| amount);
                let returned = self.returned.get(&buyer.0).copied().unwrap_or(0);
                self.paid.get(&buyer.0).copied().unwrap_or(0) - set_aside.sum::<i64>() + returned
            }
            Source::Client(_) => 0,
            Source::Commitment(deal, day) => {
                let key = (deal.0, day.0);
                let set_aside = self.commitments.get(&key).map_or(0, |(_, amount)| *amount);
                let gone = self.closings.get(&key).map_or(0, |it| it.from_pots + it.kept + it.released);
                set_aside + self.kept(key.0, key.1) - gone
            }
        }
    }

    /// The deal and day that a source is set aside for.
    fn of_day(&self, source: Source) -> Option<(u32, u32)> {
        match source {
            Source::Commitment(deal, day) => Some((deal.0, day.0)),
            Source::Balance(_) | Source::Client(_) => None,
        }
    }

    pub(crate) fn held(&self, source: Source) -> i64 {
        self.held.get(&source).copied().unwrap_or(0)
    }

    pub(crate) fn settled(&self, source: Source) -> i64 {
        self.settled.get(&source).copied().unwrap_or(0)
    }

    /// What can be leased of a source.
    pub(crate) fn available(&self, source: Source) -> i64 {
        self.funded(source) - self.settled(source) - self.held(source)
    }

    /// What can be awarded from of a source: a day that could not be funded is not served (R-COMMIT), and what is kept to be made good on it
    /// goes on to the next.
    pub(crate) fn spendable(&self, source: Source) -> i64 {
        let served = self.of_day(source).is_none_or(|key| self.commitments.contains_key(&key));
        if served { self.available(source) } else { 0 }
    }

    /// Every source that has ever had money.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let balances = self.paid.keys().map(|buyer| Source::Balance(pmpx::ids::BuyerId(*buyer)));
        let set_aside: BTreeSet<_> = self.commitments.keys().chain(self.kept.keys()).collect();
        let commitments = set_aside
            .into_iter()
            .map(|(deal, day)| Source::Commitment(pmpx::ids::DealId(*deal), pmpx::clock::ShanghaiDay(*day)));
        balances.chain(commitments).collect()
    }

    /// A charge was awarded: its contents are those of the terms, and its lease bears it.
    pub(crate) fn award(&mut self, charge: &Charge, moment: Moment) -> Held {
        let (amount, earned) = self.agreed(charge, moment)?;
        let at = (charge.key.auction.0 >> 80) as u64;
        let lease = self.leases.get_mut(&charge.lease.0);
        let lease = lease.ok_or_else(|| format!("awarded under lease {}, which nobody granted", charge.lease.0))?;
        let who = (moment.node, moment.boot);
        must(lease.holder == who, || format!("{who:?} awards under a lease of {:?}", lease.holder))?;
        must(lease.open && !lease.closed, || format!("lease {} had ended, and is awarded from", charge.lease.0))?;
        must(moment.clock < lease.window_ends, || format!("the window of lease {} was over", charge.lease.0))?;
        let source = match charge.method {
            Method::Pd => Source::Balance(charge.buyer),
            Method::Pdb | Method::Bpg => Source::Commitment(charge.deal, pmpx::clock::ShanghaiDay(day_of(at))),
        };
        must(lease.source == source, || format!("a charge on {source:?} is awarded from {:?}", lease.source))?;
        lease.awarded += amount;
        must(lease.awarded <= lease.granted, || {
            format!("lease {} of {} has awarded {}", charge.lease.0, lease.granted, lease.awarded)
        })?;
        let seen =
            SeenCharge { charge: *charge, amount, earned, awarded_at: moment.now, end: None, acknowledged: false };
        let before = self.charges.insert(key_of(charge), seen);
        must(before.is_none(), || format!("the key {} was given twice", charge.key.auction))
    }

    /// Amount and earnings of a charge by the terms; an error where it says something else than they do.
    fn agreed(&self, charge: &Charge, moment: Moment) -> Result<(i64, i64), String> {
        let deal = self.names.deals.iter().position(|it| it.id == charge.deal).ok_or("a deal that nobody made")?;
        let (terms, names) = (&DEALS[deal], self.names.deals[deal]);
        let placement = &PLACEMENTS[terms.placement];
        let price = terms.price[moment.generation];
        let earning = price * (10_000 - placement.margin[moment.generation]) / 10_000;
        let at = (charge.key.auction.0 >> 80) as u64;
        let buyer = self.names.buyers[terms.buyer];
        let said = (charge.method, charge.buyer, charge.creative, charge.advertiser, charge.dsp);
        let agreed = (terms.method, buyer, names.creative, names.advertiser, names.dsp);
        must(said == agreed, || format!("the charge says {said:?}, agreed was {agreed:?}"))?;
        let said = (charge.placement, charge.media);
        must(said == self.names.placements[terms.placement], || format!("shown on {said:?}"))?;
        let said = (charge.price.micro_yuan_per_mille(), charge.earning.micro_yuan_per_mille());
        must(said == (price * 1_000, earning * 1_000), || {
            format!("prices {said:?}, agreed were {price} and {earning}")
        })?;
        let said = (charge.expires_at.0, charge.minimum_display_ms);
        let agreed = (at + placement.life_ms[moment.generation], placement.minimum_ms);
        must(said == agreed, || format!("end of life and minimum {said:?}, agreed were {agreed:?}"))?;
        let thousandths = i64::from(charge.quantity.0);
        let part = |whole: i64| (whole * thousandths + 500) / 1_000;
        Ok((part(price), part(earning)))
    }

    /// Follows the store by one step.
    pub(crate) fn follow(&mut self, op: &Op, moment: Option<Moment>) -> Held {
        match op {
            Op::Queued { number, posting } => self.queued(*number, posting),
            Op::Durable { number, posting, recorded } => self.durable(*number, posting, *recorded),
            Op::Gone { number } => {
                self.queued.remove(number);
                Ok(())
            }
            Op::Granted { request, lease, .. } => {
                let moment = moment.ok_or("a lease was granted to nobody")?;
                self.granted(request, *lease, moment)
            }
            Op::Retired { lease, awarded } => self.retired(*lease, awarded.0),
            Op::Closed { now, count } => self.closed(now.0, *count),
            Op::Sealed { day } => must(self.sealed.insert(day.0), || format!("{day} was sealed twice")),
            Op::DayClosed(told) => self.day_closed(told),
            Op::PaidIn { buyer, amount, reference } => {
                *self.paid.entry(buyer.0).or_default() += amount.0;
                must(self.payments.insert(reference.clone()), || format!("the payment {reference} was booked twice"))
            }
            Op::Committed { deal, day, buyer, amount, now, funded } => {
                let terms =
                    DEALS.iter().zip(&self.names.deals).find(|(_, names)| names.id == *deal).ok_or("which deal?")?.0;
                let daily = terms.price[0] * terms.daily as i64;
                must(daily == amount.0, || format!("a day of {daily} is to be funded with {}", amount.0))?;
                let known = self.commitments.contains_key(&(deal.0, day.0));
                let covered = day_of(now.0) <= day.0 && amount.0 <= self.available(Source::Balance(*buyer));
                must(*funded == (known || covered), || {
                    let free = self.available(Source::Balance(*buyer));
                    format!(
                        "deal {} on {day}: funded is {funded}, known {known}, {free} free of {} asked",
                        deal.0, amount.0
                    )
                })?;
                self.decided.insert((deal.0, day.0));
                if *funded && !known {
                    self.commitments.insert((deal.0, day.0), (buyer.0, amount.0));
                }
                Ok(())
            }
        }
    }

    fn queued(&mut self, number: u64, posting: &Posting) -> Held {
        let key = key_of(&posting.charge);
        let seen = self.charges.get(&key).ok_or("a posting of a charge that was never awarded")?;
        must(seen.charge == posting.charge, || "a posting of a charge that was altered".to_owned())?;
        must(posting.at <= posting.charge.expires_at, || "a posting of a dead token".to_owned())?;
        self.queued.insert(number, key);
        Ok(())
    }

    fn durable(&mut self, number: u64, posting: &Posting, recorded: Recorded) -> Held {
        let key = self.queued.remove(&number).ok_or("durable without having been queued")?;
        let seen = self.charges.get_mut(&key).ok_or("durable and never awarded")?;
        let lease = self.leases.get_mut(&posting.charge.lease.0).ok_or("durable under no lease")?;
        let end = if posting.resolution == Resolution::Posted { End::Posted } else { End::Void };
        let expected = match (seen.end, end) {
            (Some(End::Posted), _) => Recorded::AlreadyPosted,
            (Some(End::Void), _) => Recorded::AlreadyVoided,
            (None, _) if lease.closed => {
                // Only where clocks were wrong may a lease end before its tokens do.
                let excused = self.clocks_wrong_at.is_some_and(|wrong| wrong + 120_000 >= seen.awarded_at);
                must(excused, || format!("lease {} closed before its token died", posting.charge.lease.0))?;
                Recorded::LeaseClosed
            }
            (None, _) if self.sealed.contains(&day_of((key.0 >> 80) as u64)) => {
                // Only where clocks were wrong may a day be sealed while its ads are awarded.
                let excused = self.clocks_wrong_at.is_some_and(|wrong| wrong + 120_000 >= seen.awarded_at);
                must(excused, || "a day was sealed before its tokens were dead".to_owned())?;
                Recorded::LeaseClosed
            }
            (None, End::Posted) => Recorded::Posted,
            (None, End::Void) => Recorded::Voided,
        };
        must(recorded == expected, || format!("the store recorded {recorded:?} instead of {expected:?}"))?;
        if seen.end.is_some() || recorded == Recorded::LeaseClosed {
            return Ok(());
        }
        seen.end = Some(end);
        self.journal.push(key);
        if end == End::Posted {
            lease.posted += seen.amount;
            lease.count += 1;
            must(lease.posted <= lease.awarded && lease.posted <= lease.bound, || {
                format!("lease {} has posted {} of {} awarded", posting.charge.lease.0, lease.posted, lease.awarded)
            })?;
            if posting.charge.method != Method::Pd {
                let day = day_of((key.0 >> 80) as u64);
                let delivered = self.delivered.entry((posting.charge.deal.0, day)).or_default();
                *delivered += seen.amount;
                let set_aside = self.commitments.get(&(posting.charge.deal.0, day)).map_or(0, |(_, amount)| *amount);
                let set_aside =
                    set_aside + self.kept.get(&(posting.charge.deal.0, day)).into_iter().flatten().sum::<i64>();
                must(*delivered <= set_aside, || {
                    format!(
                        "deal {}: {delivered} delivered of {set_aside} set aside for the day",
                        posting.charge.deal.0
                    )
                })?;
            }
        }
        Ok(())
    }

    fn granted(&mut self, request: &LeaseRequest, lease: Option<Lease>, moment: Moment) -> Held {
        let LeaseRequest { source, buyer, want, window_ends, closes_at } = *request;
        must(0 < want.0 && want.0 <= 1_000_000_000_000, || format!("a lease of {} is asked for", want.0))?;
        must(moment.clock < window_ends.0 && window_ends.0 <= moment.clock + 60_000, || {
            "a window over a minute".into()
        })?;
        must(day_of(window_ends.0 - 1) == day_of(moment.clock), || "a window across midnight".to_owned())?;
        let dead = window_ends.0 + LONGEST_LIFE_MS[moment.generation] + SKEW_MS;
        must(closes_at.0 == dead, || format!("its tokens are dead at {dead}, it closes at {}", closes_at.0))?;
        if let Source::Commitment(_, day) = source {
            must(day.0 == day_of(moment.clock), || format!("a lease on the money of {day}"))?;
        }
        let free = self.available(source);
        let expected = (free > 0).then(|| free.min(want.0));
        let amount = lease.map(|lease| lease.amount.0);
        must(amount == expected, || format!("{source:?} has {free}, {} asked, {amount:?} granted", want.0))?;
        let Some(lease) = lease else { return Ok(()) };
        *self.held.entry(source).or_default() += lease.amount.0;
        let seen = SeenLease {
            holder: (moment.node, moment.boot),
            source,
            buyer: buyer.0,
            granted: lease.amount.0,
            awarded: 0,
            bound: lease.amount.0,
            posted: 0,
            count: 0,
            window_ends: window_ends.0,
            closes_at: closes_at.0,
            open: true,
            closed: false,
        };
        self.unclosed.insert((closes_at.0, lease.id.0));
        must(self.leases.insert(lease.id.0, seen).is_none(), || format!("lease {} was granted twice", lease.id.0))
    }

    fn retired(&mut self, id: LeaseId, awarded: i64) -> Held {
        let Some(lease) = self.leases.get_mut(&id.0) else { return Err(format!("lease {} is not known", id.0)) };
        if !lease.open || lease.closed {
            return Ok(());
        }
        must(awarded == lease.awarded, || format!("lease {}: told {awarded} awarded, {} were", id.0, lease.awarded))?;
        *self.held.entry(lease.source).or_default() -= lease.granted - awarded;
        (lease.bound, lease.open) = (awarded, false);
        Ok(())
    }

    fn closed(&mut self, now: u64, count: u64) -> Held {
        let mut closed = 0;
        let dead: Vec<_> = self.unclosed.range(..=(now, u64::MAX)).copied().collect();
        for entry in dead {
            self.unclosed.remove(&entry);
            let lease = self.leases.get_mut(&entry.1).ok_or("a lease is gone")?;
            *self.held.entry(lease.source).or_default() -= lease.bound;
            *self.settled.entry(lease.source).or_default() += lease.posted;
            (lease.closed, lease.open) = (true, false);
            closed += 1;
        }
        must(count == closed, || format!("{count} leases were closed at {now}, {closed} were dead"))
    }

    /// A media was told that its display is billed.
    pub(crate) fn acknowledged(&mut self, key: Key) -> Held {
        let seen = self.charges.get_mut(&key).ok_or("acknowledged and never awarded")?;
        must(seen.end == Some(End::Posted), || format!("{} was acknowledged and is not durable", AuctionId(key.0)))?;
        seen.acknowledged = true;
        Ok(())
    }

    /// What must hold between any two events.
    pub(crate) fn holds(&self) -> Held {
        let mut funded = 0;
        for source in self.sources() {
            funded += self.funded(source);
            let free = self.available(source);
            must(free >= 0, || format!("{source:?} is {free}"))?;
        }
        let paid: i64 = self.paid.values().sum();
        let taken: i64 = self.closings.values().map(|it| it.from_pots + it.from_cash).sum();
        must(funded + taken == paid, || {
            format!("{paid} was paid in, {funded} is in the purses, {taken} was taken for undelivered volume")
        })
    }
}
