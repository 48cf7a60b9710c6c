//! Notices within a node: read, queued, committed, told, answered, each a step of its own, with an end of the process possible between
//! any two of them.

use std::task::{Context, Poll, Waker};

use pmpx::billing::beacon::Answer;
use pmpx::event::{Recorded, Resolution, Unrecorded};

use super::{Event, HOUR, Kind, MINUTE, SECOND, World};
use crate::disk::Commit;
use crate::node::Answering;
use crate::terms::{LONGEST_LIFE_MS, SKEW_MS};

/// What became of a queued posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Waiting,
    Durable(Recorded),
    Gone,
}

/// A notice that a node works on.
pub(super) struct Flight {
    pub(super) display: usize,
    pub(super) node: u16,
    answering: Answering,
    displayed_ms: Option<u32>,
    forged: bool,
    /// Its posting in the store's queue.
    posting: Option<u64>,
}

/// How a notice must be answered before anything is written, or that something must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    BadToken,
    Expired,
    TooShort,
    Write { void: bool },
}

impl World {
    /// A node has a notice in hand and has not looked at it.
    pub(super) fn fly(
        &mut self,
        display: usize,
        node: u16,
        answering: Answering,
        displayed_ms: Option<u32>,
        forged: bool,
    ) {
        let number = self.next_flight;
        self.next_flight += 1;
        self.flights.insert(number, Flight { display, node, answering, displayed_ms, forged, posting: None });
        if self.strikes(Kind::Crash, 500) {
            self.schedule(0, Event::Crash(node));
        }
        self.schedule(0, Event::Read(number));
    }

    /// The node reads it: it is answered at once, or its posting is queued.
    pub(super) fn read(&mut self, number: u64) -> Result<(), String> {
        let Some(due) = self.flights.get(&number).map(|flight| self.due(flight)) else { return Ok(()) };
        let Some(mut flight) = self.flights.remove(&number) else { return Ok(()) };
        let answer = poll(&mut flight.answering);
        let queued = self.follow(Some(flight.node))?;
        if let (Due::Write { void }, Some((_, posting))) = (due, queued)
            && void == (posting.resolution == Resolution::Posted)
        {
            return Err(format!("{due:?} was due, and {:?} was queued", posting.resolution));
        }
        flight.posting = queued.map(|(number, _)| number);
        if let Some(posting) = flight.posting {
            self.fates.insert(posting, (number, Fate::Waiting));
        }
        let written = flight.posting.is_some();
        let must_write = matches!(due, Due::Write { .. });
        if written && !must_write {
            return Err(format!("{due:?} was due, and a posting was queued"));
        }
        let Some(answer) = answer else {
            if !written {
                return Err("a notice waits for nothing".to_owned());
            }
            let node = flight.node;
            self.flights.insert(number, flight);
            self.after_queueing(node);
            return Ok(());
        };
        if written {
            return self.answered(&flight, answer);
        }
        let right = match (due, answer) {
            (Due::BadToken, Answer::BadToken(_)) => self.may_be_unknown(&flight),
            (Due::Expired, Answer::Expired) | (Due::TooShort, Answer::TooShort) => true,
            (Due::Write { .. }, Answer::NotDurable(Unrecorded::Full)) => true,
            (Due::Write { .. }, Answer::NotDurable(Unrecorded::Closed)) => self.disk.is_down(),
            _ => false,
        };
        if !right {
            return Err(format!("{due:?} was due, the answer is {answer:?}"));
        }
        self.log.answer(number, &answer);
        if flight.forged {
            // The genuine one comes as well.
            self.count("forged");
            self.again(flight.display);
        } else {
            self.hear(flight.display, answer);
        }
        Ok(())
    }

    /// What the rules say about a notice, by the node's clock, keys and switches.
    fn due(&self, flight: &Flight) -> Due {
        let (display, place) = (&self.displays[flight.display], &self.places[usize::from(flight.node)]);
        let charge = &display.won.charge;
        let clock = self.moment(flight.node).clock;
        if flight.forged || !place.keys.contains(&display.sealed_by) {
            return Due::BadToken;
        }
        if clock > charge.expires_at.0 {
            return Due::Expired;
        }
        if flight.displayed_ms.unwrap_or(0) < charge.minimum_display_ms {
            return Due::TooShort;
        }
        let off = &place.suspended;
        let void = off.creative == Some(charge.creative)
            || off.deal == Some(charge.deal)
            || off.buyer == Some(charge.buyer)
            || off.media == Some(charge.media)
            || off.dsp == Some(charge.dsp);
        Due::Write { void }
    }

    /// A genuine token's key is known as long as the token may live.
    fn may_be_unknown(&self, flight: &Flight) -> bool {
        let awarded_at = self.model.charges[&self.displays[flight.display].key].awarded_at;
        flight.forged || self.now > awarded_at + LONGEST_LIFE_MS[1] + 2 * SKEW_MS
    }

    /// The store will commit: soon, or late when the disk is slow. Either process may end before.
    fn after_queueing(&mut self, node: u16) {
        if self.strikes(Kind::Crash, 200) {
            let after = self.draw(Kind::Crash, 40);
            self.schedule(after, Event::Crash(node));
        }
        if self.strikes(Kind::Store, 1_500) {
            self.schedule(0, Event::StoreEnds);
        }
        let waits = self.queue.values().any(|event| matches!(event, Event::Commit));
        if !waits {
            let mut after = 1 + self.draw(Kind::Disk, 20);
            if self.strikes(Kind::Disk, 60) {
                after += self.draw(Kind::Disk, 40 * SECOND);
            }
            self.schedule(after, Event::Commit);
        }
    }

    /// All of the queue is durable, or nothing is; then it is told, unless a process ends in between.
    pub(super) fn commit(&mut self) -> Result<(), String> {
        let how = match () {
            () if self.strikes(Kind::Store, 500) => Commit::DiesBefore,
            () if self.strikes(Kind::Store, 500) => Commit::DiesBehind,
            () if self.strikes(Kind::Disk, 60) => Commit::Refused,
            () => Commit::Done,
        };
        self.disk.commit(how);
        self.count("commits");
        if self.disk.is_down() {
            self.count("the store ends in a commit");
            self.store_is_down();
        }
        if self.strikes(Kind::Crash, 200) {
            let node = self.draw(Kind::Crash, super::NODES.into()) as u16;
            self.schedule(0, Event::Crash(node));
        }
        self.schedule(0, Event::Wake);
        let after = self.draw(Kind::Disk, 3);
        self.schedule(after, Event::Announce);
        self.follow(None).map(|_| ())
    }

    pub(super) fn announce(&mut self) {
        self.disk.announce();
        if self.strikes(Kind::Crash, 200) {
            let node = self.draw(Kind::Crash, super::NODES.into()) as u16;
            self.schedule(0, Event::Crash(node));
        }
        self.schedule(0, Event::Wake);
    }

    /// Those that wait look whether they have been told.
    pub(super) fn wake(&mut self) -> Result<(), String> {
        let waiting: Vec<u64> =
            self.flights.iter().filter(|(_, it)| it.posting.is_some()).map(|(number, _)| *number).collect();
        for number in waiting {
            let Some(mut flight) = self.flights.remove(&number) else { continue };
            match poll(&mut flight.answering) {
                Some(answer) => {
                    self.log.answer(number, &answer);
                    self.answered(&flight, answer)?;
                }
                None => {
                    self.flights.insert(number, flight);
                }
            }
        }
        Ok(())
    }

    /// A media is answered about what was queued: what it is told must be durable.
    fn answered(&mut self, flight: &Flight, answer: Answer) -> Result<(), String> {
        let (display, key) = (flight.display, self.displays[flight.display].key);
        let posting = flight.posting.ok_or("an answer about nothing")?;
        let (_, fate) = self.fates.remove(&posting).ok_or("an answer about a posting that is not known")?;
        if matches!(answer, Answer::Posted | Answer::AlreadyPosted) {
            self.model.acknowledged(key)?;
        }
        let right = match (fate, answer) {
            (Fate::Durable(Recorded::Posted), Answer::Posted)
            | (Fate::Durable(Recorded::AlreadyPosted), Answer::AlreadyPosted)
            | (Fate::Durable(Recorded::Voided | Recorded::AlreadyVoided), Answer::Void)
            | (Fate::Durable(Recorded::LeaseClosed), Answer::Expired)
            // Not told that it is durable: asked again, it costs nothing.
            | (_, Answer::NotDurable(_)) => true,
            _ => false,
        };
        if !right {
            return Err(format!("the store's word is {fate:?}, the answer {answer:?}"));
        }
        self.hear(display, answer);
        Ok(())
    }

    /// A node is gone: nobody answers what it had in hand, and the media ask again.
    pub(super) fn drop_flights(&mut self, node: u16) {
        let gone: Vec<u64> = self.flights.iter().filter(|(_, it)| it.node == node).map(|(number, _)| *number).collect();
        for number in gone {
            let Some(flight) = self.flights.remove(&number) else { continue };
            self.fates.retain(|_, (of, _)| *of != number);
            self.count("unanswered");
            self.again(flight.display);
        }
    }

    pub(super) fn store_is_down(&mut self) {
        let after = SECOND + self.draw(Kind::Store, 2 * MINUTE);
        self.schedule(after, Event::StoreStarts);
        self.schedule(0, Event::Wake);
        debug_assert!(after < HOUR);
    }
}

fn poll(answering: &mut Answering) -> Option<Answer> {
    match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
