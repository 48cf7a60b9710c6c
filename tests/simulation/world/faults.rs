//! What goes wrong, and how it is put right again.

use std::sync::Arc;

use super::{Event, HOUR, Kind, MINUTE, NODES, SECOND, World};
use crate::node::Node;
use crate::terms::{LONGEST_LIFE_MS, SKEW_MS, Suspended};

impl World {
    /// The first of everything that comes again and again.
    pub(super) fn begin_faults(&mut self) {
        for (kind, within, event) in
            [(Kind::Disk, 20 * HOUR, Event::DiskFull(true)), (Kind::Keys, 20 * HOUR, Event::Rotate(0))]
        {
            self.later(kind, within, event);
        }
        self.in_traffic(Kind::Suspend, 6 * HOUR, Event::Suspend(true));
        self.in_traffic(Kind::Reload, 20 * HOUR, Event::Reload);
        for node in 0..NODES {
            self.later(Kind::Clock, 3 * HOUR, Event::Step(node));
            self.later(Kind::Wild, 200 * HOUR, Event::Far(node));
        }
        // Beside those that come with what they interrupt.
        for _ in 0..self.options.days {
            let node = self.draw(Kind::Crash, NODES.into()) as u16;
            self.later(Kind::Crash, self.ends - self.now, Event::Crash(node));
            self.later(Kind::Store, self.ends - self.now, Event::StoreEnds);
        }
    }

    /// At some moment within a time, unless that kind is left out or the end has come.
    fn later(&mut self, kind: Kind, within: u64, event: Event) {
        let after = MINUTE + self.draw(kind, within);
        if !self.finishing && !self.options.without.contains(&kind) {
            self.schedule(after, event);
        }
    }

    /// The same in the middle of traffic: ads were won before it and are displayed after it.
    fn in_traffic(&mut self, kind: Kind, within: u64, event: Event) {
        let after = MINUTE + self.draw(kind, within);
        if !self.finishing && !self.options.without.contains(&kind) {
            self.schedule(after, Event::Burst);
            self.schedule(after + 45 * SECOND, event);
        }
    }

    pub(super) fn fault(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Crash(node) => self.crash(node),
            Event::Start(node) => return self.start(node),
            Event::Restart(node) => return self.restart(node),
            Event::StoreEnds => {
                if !self.disk.is_down() {
                    self.disk.kill();
                    self.count("store ends");
                    self.store_is_down();
                }
            }
            Event::StoreStarts => {
                self.disk.start();
                return self.compare(false);
            }
            Event::DiskFull(full) => {
                self.disk.set_full(full);
                if full {
                    self.count("disk full");
                    let after = 10 * SECOND + self.draw(Kind::Disk, 20 * MINUTE);
                    self.schedule(after, Event::DiskFull(false));
                } else {
                    self.later(Kind::Disk, 40 * HOUR, Event::DiskFull(true));
                }
            }
            Event::Step(node) => {
                if !self.places[usize::from(node)].far {
                    self.places[usize::from(node)].offset = self.sound_offset(Kind::Clock);
                }
                self.later(Kind::Clock, 3 * HOUR, Event::Step(node));
            }
            Event::Far(node) => {
                let far = 10 * SECOND + self.draw(Kind::Wild, 26 * HOUR);
                let back = self.draw(Kind::Wild, 2) == 0;
                let place = &mut self.places[usize::from(node)];
                (place.offset, place.far) = (if back { -(far as i64) } else { far as i64 }, true);
                self.count("clocks far off");
                let after = MINUTE + self.draw(Kind::Wild, 3 * HOUR);
                self.schedule(after, Event::Back(node));
            }
            Event::Back(node) => {
                let offset = self.sound_offset(Kind::Wild);
                let place = &mut self.places[usize::from(node)];
                (place.offset, place.far) = (offset, false);
                self.schedule(MINUTE, Event::Calm(0));
                self.later(Kind::Wild, 200 * HOUR, Event::Far(node));
            }
            Event::Rotate(phase) => self.rotate(phase),
            Event::Rekey(node) => {
                let place = &mut self.places[usize::from(node)];
                if let Some(node) = &place.node {
                    node.set_keys(&self.keys);
                    place.keys.clone_from(&self.keys);
                }
            }
            Event::Suspend(thrown) => self.suspend(thrown),
            Event::Reload => {
                self.generation = 1 - self.generation;
                self.count("reloads");
                self.publish();
                self.in_traffic(Kind::Reload, 30 * HOUR, Event::Reload);
            }
            Event::Adopt(node) => self.adopt(node),
            other => return Err(format!("{other:?} is no fault")),
        }
        Ok(())
    }

    /// A node ends without warning. Its memory goes, and with it what it had queued where the store runs in the same process.
    fn crash(&mut self, number: u16) {
        if self.places[usize::from(number)].node.take().is_none() {
            return;
        }
        self.count("crashes");
        let inside = self.draw(Kind::Crash, 2) == 0;
        self.disk.node_ends(number, inside);
        self.drop_flights(number);
        let after = SECOND + self.draw(Kind::Crash, 5 * MINUTE);
        self.schedule(after, Event::Start(number));
    }

    /// A node starts on what is durable, and takes care of its leases before it serves.
    fn start(&mut self, number: u16) -> Result<(), String> {
        let index = usize::from(number);
        if self.places[index].node.is_some() {
            return Ok(());
        }
        let market = self.markets[self.generation].under(self.suspended.overlay());
        let place = &mut self.places[index];
        (place.keys, place.generation, place.suspended) = (self.keys.clone(), self.generation, self.suspended);
        match Node::start(number, &self.disk, market, &self.keys, self.clock(number)) {
            Ok(node) => self.places[index].node = Some(node),
            Err(_) => {
                self.schedule(5 * SECOND, Event::Start(number));
                return Ok(());
            }
        }
        self.count("starts");
        self.tend_once(number)
    }

    /// A node ends in order and starts again: with the config of now.
    fn restart(&mut self, number: u16) -> Result<(), String> {
        if let Some(node) = self.places[usize::from(number)].node.take() {
            // What is not given back returns when its tokens are dead.
            let _ = node.exchange.flush_counts();
            let _ = node.exchange.budgets.close(&*node.port);
            self.places[usize::from(number)].node = Some(node);
            self.follow(Some(number))?;
            self.places[usize::from(number)].node = None;
            self.drop_flights(number);
        }
        self.start(number)
    }

    /// Keys are replaced in two phases: known everywhere before they seal anywhere, and known as long as a token of theirs lives.
    fn rotate(&mut self, phase: u8) {
        if self.places.iter().any(|place| place.keys != self.keys) {
            return self.schedule(10 * MINUTE, Event::Rotate(phase));
        }
        let new = self.keys[0].wrapping_add(1).max(1);
        self.keys = match phase {
            0 => vec![self.keys[0], new],
            1 => vec![self.keys[1], self.keys[0]],
            _ => vec![self.keys[0]],
        };
        self.count("key changes");
        for node in 0..NODES {
            let after = MINUTE + self.draw(Kind::Keys, 10 * MINUTE);
            let live = self.draw(Kind::Keys, 3) > 0;
            self.schedule(after, if live { Event::Rekey(node) } else { Event::Restart(node) });
        }
        match phase {
            0 => self.later(Kind::Keys, 2 * HOUR, Event::Rotate(1)),
            // From when the last node has changed over.
            1 => self.schedule(LONGEST_LIFE_MS[1] + SKEW_MS + HOUR, Event::Rotate(2)),
            _ => self.later(Kind::Keys, 10 * HOUR, Event::Rotate(0)),
        }
    }

    fn suspend(&mut self, thrown: bool) {
        if thrown {
            self.turn_a_switch();
            let after = MINUTE + self.draw(Kind::Suspend, 40 * MINUTE);
            self.schedule(after, Event::Suspend(false));
            self.in_traffic(Kind::Suspend, 5 * HOUR, Event::Suspend(true));
        } else {
            self.suspended = Suspended::default();
        }
        self.publish();
    }

    /// Throws or lifts the switch of something whose notice is under way: what it finds is void, or not any more.
    fn turn_a_switch(&mut self) {
        let due = |event: &Event| if let Event::Arrive(display) = event { Some(*display) } else { None };
        // The next ones: a minute later most of them have arrived.
        let coming: Vec<usize> = self.queue.values().filter_map(due).take(20).collect();
        if coming.is_empty() {
            return;
        }
        let display = coming[self.draw(Kind::Suspend, coming.len() as u64) as usize];
        let chance = self.draws.get_mut(&Kind::Suspend).unwrap();
        self.suspended.turn(&self.displays[display].won.charge, chance);
        self.count("kill switches");
    }

    /// Each node hears of it within a second.
    fn publish(&mut self) {
        for node in 0..NODES {
            let after = self.draw(Kind::Suspend, SECOND);
            self.schedule(after, Event::Adopt(node));
        }
    }

    fn adopt(&mut self, number: u16) {
        let place = &mut self.places[usize::from(number)];
        let Some(node) = &place.node else { return };
        (place.generation, place.suspended) = (self.generation, self.suspended);
        node.exchange.market.store(Arc::new(self.markets[self.generation].under(self.suspended.overlay())));
    }
}
