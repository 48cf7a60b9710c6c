//! One breaker per DSP and node: a DSP that fails is left alone, and is back within seconds when it has mended itself
//! (`docs/decisions/0018-fan-out.md`).
//!
//! Closed: every question is sent. It opens on ten failures in a row, or when half of the answers of the last five seconds, and at
//! least twenty, failed. Open: nothing is sent until a delay has passed. Then real questions are sent one at a time, as probes:
//! three good answers in a row close it, a bad one opens it again for about twice as long, two seconds at most.
//!
//! What decides is one atomic word per DSP with a serial number, so that an answer to a question of an earlier state changes
//! nothing. Time and chance come with each call.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::time::Instant;

use crate::clock::Chance;
use crate::ids::{Cells, DspId};

/// Failures in a row that open it.
const RUN: u32 = 10;
/// Fewer answers than these in the window are not judged by their share of failures.
const LEAST_ANSWERS: u64 = 20;
/// It opens when one of so many answers failed.
const ONE_FAILED_OF: u64 = 2;
/// The window: so many slots of so many milliseconds.
const SLOTS: usize = 10;
const SLOT_MS: u64 = 500;
/// Good probes in a row that close it.
const PROBES: u64 = 3;
/// Delays before the first probe, by how often it opened lately, ms. Each is drawn from its upper half.
const DELAYS_MS: [u32; 6] = [100, 200, 400, 800, 1_600, 2_000];
/// A breaker that stayed closed for so long starts with the shortest delay again, ms.
const FORGIVEN_MS: u64 = 10_000;
/// So long after its deadline a probe without a verdict is given up, ms.
const SLACK_MS: u64 = 100;

/// What a breaker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets every question through.
    #[default]
    Closed = 0,
    /// Lets one question through at a time.
    Probing = 1,
    /// Lets nothing through.
    Open = 2,
}

impl BreakerState {
    /// The name in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Probing => "probing",
            Self::Open => "open",
        }
    }
}

/// How a question ended, as far as the DSP's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An answer in time: a bid, a pass, or a refusal that is about the request.
    Healthy,
    /// None in time, or none that can be used.
    Failed,
    /// Nothing was sent.
    Unknown,
}

/// Leave to ask. Each gets one verdict.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(Word);

/// What decides, as it stands in one atomic: 14 bits serial, 4 level, 2 state, 4 good, 40 moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    /// Counts the changes.
    serial: u64,
    /// How often it opened lately.
    level: u64,
    state: BreakerState,
    /// Probing: good answers in a row.
    good: u64,
    /// Milliseconds since the start. Closed: since when. Open: until when. Probing: when the probe that is out is given up, 0 when
    /// none is.
    moment: u64,
}

impl Word {
    fn unpack(word: u64) -> Self {
        let field = |from: u32, bits: u32| word >> from & ((1 << bits) - 1);
        let state = match field(44, 2) {
            0 => BreakerState::Closed,
            1 => BreakerState::Probing,
            _ => BreakerState::Open,
        };
        Self { serial: field(50, 14), level: field(46, 4), state, good: field(40, 4), moment: field(0, 40) }
    }

    fn pack(self) -> u64 {
        let moment = self.moment & ((1 << 40) - 1);
        self.serial << 50 | self.level << 46 | (self.state as u64) << 44 | self.good << 40 | moment
    }

    fn next(self, state: BreakerState, good: u64, moment: u64) -> Self {
        Self { serial: (self.serial + 1) % (1 << 14), state, good, moment, ..self }
    }

    /// Whether nothing may be sent now.
    fn refuses(self, now: u64) -> bool {
        match self.state {
            BreakerState::Closed => false,
            BreakerState::Open | BreakerState::Probing => now < self.moment,
        }
    }
}

/// The breaker of one DSP.
#[derive(Debug, Default)]
struct Breaker {
    word: AtomicU64,
    /// Failures in a row while it is closed.
    run: AtomicU32,
    /// By time slot: 32 bits that name the slot and the serial, 16 bits answers, 16 bits failures.
    window: [AtomicU64; SLOTS],
}

impl Breaker {
    fn read(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    fn change(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Counts an answer in its slot. A slot that is full (65,535 answers in half a second) counts no more.
    fn count(&self, serial: u64, now: u64, failed: bool) {
        let slot = now / SLOT_MS;
        let name = slot_name(serial, slot);
        let add = |old: u64| {
            let (answers, failures) = if old >> 32 == name { (old >> 16 & 0xffff, old & 0xffff) } else { (0, 0) };
            (answers < 0xffff).then(|| name << 32 | (answers + 1) << 16 | (failures + u64::from(failed)))
        };
        let cell = &self.window[slot as usize % SLOTS];
        let _ = cell.fetch_update(Ordering::AcqRel, Ordering::Relaxed, add);
    }

    /// Whether too large a share of the window's answers failed.
    fn is_bad(&self, serial: u64, now: u64) -> bool {
        let last = now / SLOT_MS;
        let (mut answers, mut failures) = (0, 0);
        for slot in last.saturating_sub(SLOTS as u64 - 1)..=last {
            let cell = self.window[slot as usize % SLOTS].load(Ordering::Acquire);
            if cell >> 32 == slot_name(serial, slot) {
                answers += cell >> 16 & 0xffff;
                failures += cell & 0xffff;
            }
        }
        answers >= LEAST_ANSWERS && failures * ONE_FAILED_OF >= answers
    }

    /// An answer while it is closed.
    fn judge(&self, word: Word, now: u64, failed: bool, chance: &mut Chance) -> Option<BreakerState> {
        self.count(word.serial, now, failed);
        if !failed {
            if self.run.load(Ordering::Relaxed) > 0 {
                self.run.store(0, Ordering::Relaxed);
            }
            return None;
        }
        let run = self.run.fetch_add(1, Ordering::AcqRel) + 1;
        if run < RUN && !self.is_bad(word.serial, now) {
            return None;
        }
        let forgiven = now.saturating_sub(word.moment) >= FORGIVEN_MS;
        let opened = opened(if forgiven { Word { level: 0, ..word } } else { word }, now, chance);
        self.change(word, opened).then_some(BreakerState::Open)
    }
}

fn slot_name(serial: u64, slot: u64) -> u64 {
    (serial << 18) | (slot % (1 << 18))
}

/// The word of a breaker that opens now.
fn opened(word: Word, now: u64, chance: &mut Chance) -> Word {
    let level = usize::try_from(word.level).unwrap_or(usize::MAX).min(DELAYS_MS.len() - 1);
    let half = DELAYS_MS[level] / 2;
    let delay = u64::from(half + chance.below(half + 1));
    Word { level: level as u64 + 1, ..word.next(BreakerState::Open, 0, now + delay) }
}

/// The breakers of a node, shared by its cores; they outlive reloads (architecture, invariant 15).
#[derive(Debug)]
pub struct Breakers {
    start: Instant,
    cells: Cells<DspId, Breaker>,
}

impl Breakers {
    /// All closed; `start` is any moment that is not in the future.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, cells: Cells::new() }
    }

    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a question would not be sent now. Changes nothing.
    pub fn refuses(&self, dsp: DspId, now: Instant) -> bool {
        self.cells.get(dsp).is_none_or(|breaker| breaker.read().refuses(self.ms(now)))
    }

    /// Leave to ask a question that ends at `until`; `None` while the breaker is open or a probe is out.
    pub fn admit(&self, dsp: DspId, now: Instant, until: Instant) -> Option<Ticket> {
        let breaker = self.cells.get(dsp)?;
        let (word, now) = (breaker.read(), self.ms(now));
        if word.state == BreakerState::Closed {
            return Some(Ticket(word));
        }
        if word.refuses(now) {
            return None;
        }
        let good = if word.state == BreakerState::Probing { word.good } else { 0 };
        let probe = word.next(BreakerState::Probing, good, self.ms(until).max(now) + SLACK_MS);
        // Whoever comes second asks another time.
        breaker.change(word, probe).then_some(Ticket(probe))
    }

    /// Takes the verdict on a question. Tells the breaker's new state where it opened or closed.
    pub fn report(
        &self,
        dsp: DspId,
        Ticket(word): Ticket,
        verdict: Verdict,
        now: Instant,
        chance: &mut Chance,
    ) -> Option<BreakerState> {
        let breaker = self.cells.get(dsp)?;
        let now = self.ms(now);
        if word.state == BreakerState::Closed {
            // An answer to a question of an earlier state says nothing about this one.
            if verdict == Verdict::Unknown || breaker.read() != word {
                return None;
            }
            return breaker.judge(word, now, verdict == Verdict::Failed, chance);
        }
        let next = match verdict {
            Verdict::Failed => opened(word, now, chance),
            Verdict::Unknown => word.next(BreakerState::Probing, word.good, 0),
            Verdict::Healthy if word.good + 1 < PROBES => word.next(BreakerState::Probing, word.good + 1, 0),
            Verdict::Healthy => {
                breaker.run.store(0, Ordering::Relaxed);
                word.next(BreakerState::Closed, 0, now)
            }
        };
        (breaker.change(word, next) && next.state != BreakerState::Probing).then_some(next.state)
    }

    /// What a DSP's breaker does. One whose delay has passed is open until the next question comes.
    pub fn state(&self, dsp: DspId) -> BreakerState {
        self.cells.get(dsp).map_or(BreakerState::Closed, |breaker| breaker.read().state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DSP: DspId = DspId(7);
    const MOMENT: Duration = Duration::from_millis(1);

    /// A breaker with a clock that is moved by hand, and draws from a seed.
    struct Bench {
        breakers: Breakers,
        now: Instant,
        chance: Chance,
    }

    impl Bench {
        fn new() -> Self {
            let now = Instant::now();
            Self { breakers: Breakers::new(now), now, chance: Chance::seeded(3) }
        }

        fn ask(&self) -> Option<Ticket> {
            self.breakers.admit(DSP, self.now, self.now + Duration::from_millis(120))
        }

        fn report(&mut self, ticket: Ticket, verdict: Verdict) -> Option<BreakerState> {
            self.breakers.report(DSP, ticket, verdict, self.now, &mut self.chance)
        }

        fn answer(&mut self, verdict: Verdict) -> Option<BreakerState> {
            let ticket = self.ask().expect("leave to ask");
            self.report(ticket, verdict)
        }

        /// Milliseconds until a question may be sent again.
        fn wait(&mut self) -> u64 {
            let mut waited = 0;
            while self.breakers.refuses(DSP, self.now) {
                self.now += MOMENT;
                waited += 1;
                assert!(waited <= 2_000, "a probe comes within two seconds");
            }
            waited
        }

        fn open(&mut self) {
            while self.answer(Verdict::Failed).is_none() {}
            assert_eq!(self.breakers.state(DSP), BreakerState::Open);
        }
    }

    #[test]
    fn it_opens_on_ten_failures_in_a_row_and_not_on_nine() {
        let mut bench = Bench::new();
        for _ in 0..3 {
            (0..RUN - 1).for_each(|_| assert_eq!(bench.answer(Verdict::Failed), None));
            (0..3 * RUN).for_each(|_| assert_eq!(bench.answer(Verdict::Healthy), None));
        }
        (0..RUN - 1).for_each(|_| assert_eq!(bench.answer(Verdict::Failed), None));
        assert_eq!(bench.answer(Verdict::Failed), Some(BreakerState::Open));
        assert!(bench.ask().is_none() && bench.breakers.refuses(DSP, bench.now));
        assert!(bench.breakers.admit(DspId(8), bench.now, bench.now).is_some(), "breakers are apart");
    }

    #[test]
    fn it_opens_when_half_of_the_last_answers_failed() {
        let mut bench = Bench::new();
        let mut opened = None;
        for turn in 1..=LEAST_ANSWERS {
            let verdict = if turn % 2 == 0 { Verdict::Failed } else { Verdict::Healthy };
            opened = bench.answer(verdict).map(|_| turn);
        }
        assert_eq!(opened, Some(LEAST_ANSWERS), "not before there are enough to judge");
        // Four of ten, for long: it stays closed.
        let mut bench = Bench::new();
        for turn in 0..10_000 {
            bench.now += MOMENT;
            assert_eq!(bench.answer(if turn % 5 < 2 { Verdict::Failed } else { Verdict::Healthy }), None);
        }
        // Failures leave the window with the time.
        let mut bench = Bench::new();
        for _ in 0..9 {
            (0..2).for_each(|_| assert_eq!(bench.answer(Verdict::Failed), None));
            assert_eq!(bench.answer(Verdict::Healthy), None);
            bench.now += Duration::from_millis(SLOT_MS * SLOTS as u64);
        }
    }

    #[test]
    fn it_probes_one_at_a_time_and_three_good_answers_close_it() {
        let mut bench = Bench::new();
        bench.open();
        bench.wait();
        let probe = bench.ask().unwrap();
        assert!(bench.ask().is_none(), "one at a time");
        assert_eq!(bench.breakers.state(DSP), BreakerState::Probing);
        assert_eq!(bench.report(probe, Verdict::Healthy), None);
        assert_eq!(bench.answer(Verdict::Unknown), None, "what was not sent says nothing");
        assert_eq!(bench.answer(Verdict::Healthy), None);
        assert_eq!(bench.answer(Verdict::Healthy), Some(BreakerState::Closed));
        assert!(bench.ask().is_some() && bench.ask().is_some());
        // The failures from before are forgotten: it takes a new run to open it.
        (0..RUN - 1).for_each(|_| assert_eq!(bench.answer(Verdict::Failed), None));
        assert_eq!(bench.answer(Verdict::Failed), Some(BreakerState::Open));
    }

    #[test]
    fn delays_grow_to_two_seconds_and_a_mended_dsp_is_back_within_them() {
        let mut bench = Bench::new();
        bench.open();
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(bench.wait());
            assert_eq!(bench.answer(Verdict::Failed), Some(BreakerState::Open));
        }
        for (waited, most) in waits.iter().zip(DELAYS_MS.iter().chain([&2_000, &2_000])) {
            let most = u64::from(*most);
            assert!((most / 2..=most).contains(waited), "{waits:?}");
        }
        let mut other = Bench { chance: Chance::seeded(4), ..Bench::new() };
        other.open();
        assert_ne!(other.wait(), waits[0], "delays are jittered");
        bench.wait();
        let closed = [(); PROBES as usize].map(|()| bench.answer(Verdict::Healthy));
        assert_eq!(closed, [None, None, Some(BreakerState::Closed)]);
        // It is not forgiven at once: the next delay goes on from where it was. Ten good seconds forgive.
        bench.open();
        assert!(bench.wait() >= 1_000);
        (0..PROBES).for_each(|_| assert_ne!(bench.answer(Verdict::Healthy), Some(BreakerState::Open)));
        bench.now += Duration::from_millis(FORGIVEN_MS);
        bench.open();
        assert!(bench.wait() <= 100);
    }

    #[test]
    fn answers_to_questions_of_an_earlier_state_change_nothing() {
        let mut bench = Bench::new();
        let old: Vec<_> = (0..50).map(|_| bench.ask().unwrap()).collect();
        bench.open();
        bench.wait();
        let probe = bench.ask().unwrap();
        assert!(old[..10].iter().all(|ticket| bench.report(*ticket, Verdict::Healthy).is_none()));
        assert_eq!(bench.breakers.state(DSP), BreakerState::Probing);
        // A probe that nobody answers for is given up, and says nothing any more.
        assert!(bench.wait() > 120);
        assert_eq!(bench.answer(Verdict::Healthy), None);
        assert_eq!(bench.report(probe, Verdict::Failed), None);
        (1..PROBES).for_each(|_| assert_ne!(bench.answer(Verdict::Healthy), Some(BreakerState::Open)));
        assert_eq!(bench.breakers.state(DSP), BreakerState::Closed);
        assert!(old[10..].iter().all(|ticket| bench.report(*ticket, Verdict::Failed).is_none()));
        assert_eq!(bench.breakers.state(DSP), BreakerState::Closed);
    }

    #[test]
    fn words_pack_and_unpack() {
        for state in [BreakerState::Closed, BreakerState::Probing, BreakerState::Open] {
            let word = Word { serial: (1 << 14) - 1, level: 6, state, good: 2, moment: (1 << 40) - 1 };
            assert_eq!(Word::unpack(word.pack()), word);
            assert_eq!(word.next(state, 0, 1).serial, 0);
        }
        assert_eq!(Word::unpack(0).state, BreakerState::Closed);
    }
}
