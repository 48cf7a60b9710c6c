//! The media: requests in sessions, displays, and notices that are told until they are answered.

use std::rc::Rc;

use pmpx::billing::beacon::Answer;

use super::{Event, HOUR, Kind, MINUTE, NODES, SECOND, World, deals};
use crate::model::{Key, key_of};
use crate::node::Won;
use crate::terms::{DEALS, PLACEMENTS};

/// A media asks so often until it gives up.
const MOST_ATTEMPTS: u32 = 12;

/// An ad that was shown, and what its media does about it.
pub(super) struct Display {
    pub(super) won: Won,
    pub(super) key: Key,
    /// The id of the key that sealed its token.
    pub(super) sealed_by: u8,
    /// How long it has been on screen, ms.
    pub(super) shown_ms: u32,
    attempts: u32,
}

impl World {
    /// Some minutes of traffic on all nodes, with their housekeeping.
    pub(super) fn session(&mut self) {
        let length = MINUTE + self.below(4 * MINUTE);
        let requests = length / SECOND / (1 + self.below(8));
        for _ in 0..requests {
            let (at, node) = (self.below(length), self.below(NODES.into()) as u16);
            self.schedule(at, Event::Request(node));
        }
        for node in 0..NODES {
            for at in (node.into()..length).step_by(4_000 + 500 * usize::from(node)) {
                self.schedule(at, Event::TendOnce(node));
            }
            self.schedule(length, Event::Flush(node));
        }
        for at in (0..length + MINUTE).step_by(45_000) {
            let node = self.below(NODES.into()) as u16;
            self.schedule(at, Event::Derive(node));
        }
        if self.below(3) == 0 {
            let (buyer, amount) = (self.below(3) as u32, 200_000_000 + self.below(4_000_000_000) as i64);
            self.pay_in(buyer, amount);
        }
    }

    /// A media asks: half of the time through the whole exchange, else for some ads of a preferred deal.
    pub(super) async fn request(&mut self, number: u16) -> Result<(), String> {
        let whole = self.below(2) == 0;
        let (placement, lane) = (self.below(PLACEMENTS.len() as u64) as usize, self.below(2) as usize);
        let (deal, ads) = (self.below(deals()) as usize, 1 + self.below(4) as u8);
        let place = &mut self.places[usize::from(number)];
        let Some(node) = &mut place.node else { return Ok(()) };
        let won = if whole { node.auction(placement, lane).await } else { node.award(deal, &self.names, ads) };
        let sealed_by = place.keys[0];
        self.log.won(&won);
        let moment = self.moment(number);
        for won in won {
            self.model.award(&won.charge, moment)?;
            self.count(if DEALS[won.charge.deal.0 as usize].daily > 0 {
                "guaranteed ads won"
            } else {
                "preferred ads won"
            });
            self.display(won, sealed_by);
        }
        if self.strikes(Kind::Crash, 500) {
            self.schedule(0, Event::Crash(number));
        }
        Ok(())
    }

    /// What becomes of an ad: most are shown soon, some late, some after their token's end, some never.
    fn display(&mut self, won: Won, sealed_by: u8) {
        let life = won.charge.expires_at.0 - won.charge.key.auction.at().0;
        let after = match self.below(20) {
            0 | 1 => return self.count("never shown"),
            2..=13 => SECOND + self.below(2 * MINUTE),
            14..=16 => self.below(life),
            // Around the very end.
            17 | 18 => life - 2 * SECOND + self.below(4 * SECOND),
            _ => life - 5 * SECOND + self.below(life / 8 + 10 * SECOND),
        };
        let key = key_of(&won.charge);
        let shown_ms = self.below(4_000) as u32;
        self.displays.push(Display { won, key, sealed_by, shown_ms, attempts: 0 });
        let display = self.displays.len() - 1;
        let mut copies = 1;
        while copies < 4 && self.strikes(Kind::Network, 4) {
            copies += 1;
        }
        for _ in 0..copies {
            let way = self.way();
            self.schedule(after + way, Event::Arrive(display));
        }
    }

    /// How long a notice is on its way: seldom for hours, and then behind others that were told later.
    fn way(&mut self) -> u64 {
        if self.strikes(Kind::Network, 40) {
            return self.draw(Kind::Network, 26 * HOUR);
        }
        self.draw(Kind::Network, 400)
    }

    /// A notice reaches a node; or it does not.
    pub(super) fn arrive(&mut self, number: usize) {
        if self.strikes(Kind::Network, 12) {
            self.count("notices lost");
            return self.again(number);
        }
        let place = self.below(NODES.into()) as u16;
        let lane = self.below(2) as usize;
        let display = &self.displays[number];
        let (mut token, displayed_ms) = (display.won.token.clone(), Some(display.shown_ms));
        let Some(node) = &self.places[usize::from(place)].node else { return self.again(number) };
        let mut forged = false;
        if !self.finishing
            && !self.options.without.contains(&Kind::Forge)
            && number.is_multiple_of(17)
            && display.attempts == 0
        {
            (token, forged) = (altered(&token, number), true);
        }
        let answering = node.bill(token, displayed_ms, lane);
        self.fly(number, place, answering, displayed_ms, forged);
    }

    /// Tells it again after a while, unless it was told too often.
    pub(super) fn again(&mut self, number: usize) {
        let display = &mut self.displays[number];
        display.attempts += 1;
        let attempts = display.attempts;
        if attempts >= MOST_ATTEMPTS && !self.finishing {
            return self.count("given up");
        }
        let pause = SECOND << attempts.min(9);
        let jitter = self.below(pause);
        self.schedule(pause + jitter, Event::Arrive(number));
    }

    /// The media hears an answer; or the answer is lost, and it asks again.
    pub(super) fn hear(&mut self, number: usize, answer: Answer) {
        self.count(answer.label());
        if self.strikes(Kind::Network, 15) {
            self.count("answers lost");
            return self.again(number);
        }
        match answer {
            Answer::NotDurable(_) => self.again(number),
            Answer::TooShort => {
                let more = self.below(3_000) as u32;
                let display = &mut self.displays[number];
                display.shown_ms += more;
                if display.attempts < MOST_ATTEMPTS {
                    self.again(number);
                }
            }
            _ => {}
        }
    }
}

/// A token with one letter changed.
fn altered(token: &str, by: usize) -> Rc<str> {
    let mut letters = token.as_bytes().to_vec();
    let place = by % letters.len();
    letters[place] = if letters[place] == b'A' { b'B' } else { b'A' };
    String::from_utf8(letters).unwrap().into()
}
