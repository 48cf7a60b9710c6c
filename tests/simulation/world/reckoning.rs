//! What is compared and when: everything against the model, quiet moments in which whoever has money can spend it, and the end, at which
//! everything that was set aside is back.

use pmpx::billing::budget::source_of;
use pmpx::clock::UnixMillis;
use pmpx::money::MicroYuan;
use pmpx::settlement::ledger;

use super::{Event, NODES, SECOND, World};
use crate::audit::audit;
use crate::terms::DEALS;

impl World {
    /// Compares everything with the model, with the ledger where it can be derived to its end.
    pub(super) fn compare(&mut self, derive: bool) -> Result<(), String> {
        let durable = self.disk.durable();
        if derive {
            ledger::derive(&durable, UnixMillis(self.now)).map_err(|why| why.to_string())?;
        }
        self.report.audited = audit(&durable, &self.model, self.now, derive)?;
        self.count("audits");
        Ok(())
    }

    /// With nothing wrong any more, whoever has money can spend it on every node.
    pub(super) fn calm(&mut self, beat: u8) -> Result<(), String> {
        let troubled =
            self.disk.is_down() || self.disk.is_full() || self.places.iter().any(|it| it.far || it.node.is_none());
        if troubled {
            return Ok(());
        }
        for number in 0..NODES {
            let node = self.places[usize::from(number)].node.as_ref().unwrap();
            // Somebody asks, and the housekeeper comes by.
            self.short_of(number).for_each(drop);
            node.tend().map_err(|why| format!("nothing is wrong, and yet: {why}"))?;
            self.follow(Some(number))?;
        }
        if beat < 3 {
            // Long enough for a source that was short to be asked again.
            self.schedule(1_100, Event::Calm(beat + 1));
            return Ok(());
        }
        self.count("calms");
        match (0..NODES).find_map(|number| self.short_of(number).next()) {
            Some(short) => Err(short),
            None => Ok(()),
        }
    }

    /// The deals that a node cannot award one ad of, though there is money for it.
    fn short_of(&self, number: u16) -> impl Iterator<Item = String> {
        let node = self.places[usize::from(number)].node.as_ref().unwrap();
        let (market, now) = (node.exchange.market.load_full(), node.now());
        let generation = self.places[usize::from(number)].generation;
        let needs = node.exchange.needs(now);
        let short = DEALS.iter().zip(&self.names.deals).filter_map(move |(terms, names)| {
            let deal = market.deals.get(names.id).unwrap();
            let source = source_of(deal, now.shanghai_day());
            let (price, free) = (terms.price[generation], self.model.available(source));
            let funds = node.exchange.budgets.probe(source, MicroYuan(price), now);
            let needed = needs.iter().any(|need| need.source == source);
            (needed && funds.is_err() && free >= price)
                .then(|| format!("{} costs {price}, {source:?} has {free} free, node {number}: {funds:?}", terms.wire))
        });
        short.collect::<Vec<_>>().into_iter()
    }

    /// The end of the run: whatever is wrong is put right, and what is on its way arrives.
    pub(super) fn heal(&mut self) {
        self.finishing = true;
        self.queue.retain(|_, event| {
            matches!(
                event,
                Event::Arrive(_) | Event::Read(_) | Event::Commit | Event::Announce | Event::Wake | Event::TopUp(_)
            )
        });
        self.disk.set_full(false);
        self.disk.start();
        self.places.iter_mut().for_each(|place| (place.offset, place.far) = (0, false));
        for node in 0..NODES {
            if self.places[usize::from(node)].node.is_none() {
                self.schedule(0, Event::Start(node));
            }
        }
        self.schedule(SECOND, Event::Calm(0));
    }

    /// After the last notice: every node ends, every token dies, and every reservation is back.
    pub(super) fn settle_all(&mut self) -> Result<(), String> {
        for number in 0..NODES {
            if let Some(node) = self.places[usize::from(number)].node.take() {
                node.exchange.budgets.close(&*node.port).map_err(|why| why.to_string())?;
                self.follow(Some(number))?;
            }
        }
        let last = self.model.leases.values().map(|lease| lease.closes_at).max().unwrap_or(0);
        let port = self.disk.port(0);
        pmpx::event::Leases::close_dead(&port, UnixMillis(last)).map_err(|why| why.to_string())?;
        self.follow(None)?;
        self.compare(true)?;
        for source in self.model.sources() {
            if self.model.held(source) != 0 {
                return Err(format!("{source:?}: {} did not come back", self.model.held(source)));
            }
        }
        Ok(())
    }
}
