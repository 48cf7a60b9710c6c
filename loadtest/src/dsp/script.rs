//! What a scripted DSP does with each request: a weighted list of tempers, and how long it takes.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use rand::rngs::StdRng;

/// One way to answer a bid request, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Temper {
    /// A correct bid at each offered deal's price.
    Bid,
    /// 204.
    Pass,
    /// 200 with `{}`.
    PassEmpty,
    /// 200 with the id, no bids and this `nbr`.
    NoBidReason(u32),
    /// A correct bid, this much later.
    Slow(Duration),
    /// No answer until the other side closes the connection.
    Silent,
    /// The connection closed without an answer.
    Reset,
    /// A `Content-Length` larger than the body that follows, then the connection closed.
    Truncate,
    /// A correct bid's first half: not JSON.
    Malformed,
    /// A page in `text/html`.
    WrongType,
    /// A JSON body of at least that many bytes.
    Oversized(usize),
    /// This HTTP status with an empty body.
    Status(u16),
    /// 302 to another path of its own.
    Redirect,
    /// A correct bid in gzip, whether that was asked for or not.
    Gzip,
    /// A few hundred bytes of gzip that unpack to that many.
    Bomb(usize),
    /// A correct bid, one byte each time.
    Dribble(Duration),
    /// A response whose `id` is not the request's.
    WrongId,
    /// A bid for an imp that was not offered.
    UnknownImp,
    /// Half the deal's price.
    BelowFloor,
    /// Twice the deal's price.
    AbovePrice,
    /// `cur` USD with the same figure.
    WrongCurrency,
    /// No `cur`, which means USD.
    NoCurrency,
    /// A deal that does not exist.
    UnknownDeal,
    /// No `dealid`.
    NoDeal,
    /// This deal instead, offered or not.
    UnofferedDeal(String),
    /// A seat that nobody owns.
    WrongSeat,
    /// A creative that does not exist.
    UnknownCreative,
    /// No `adm`.
    NoMarkup,
    /// No `crid`.
    NoCreativeId,
    /// The creative of another advertiser's domain.
    ForeignAdvertiser,
    /// A size that the imp does not allow.
    WrongSize,
    /// 200 with this body, in which `@REQUEST_ID@`, `@IMP_ID@` and `@DEAL_ID@` stand for the request's id, its first
    /// imp's and that imp's first deal's.
    Fixed(Bytes),
}

impl Temper {
    /// A short name for counters and figures.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bid => "bid",
            Self::Pass => "pass",
            Self::PassEmpty => "pass_empty",
            Self::NoBidReason(_) => "no_bid_reason",
            Self::Slow(_) => "slow",
            Self::Silent => "silent",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Malformed => "malformed",
            Self::WrongType => "wrong_type",
            Self::Oversized(_) => "oversized",
            Self::Status(_) => "status",
            Self::Redirect => "redirect",
            Self::Gzip => "gzip",
            Self::Bomb(_) => "bomb",
            Self::Dribble(_) => "dribble",
            Self::WrongId => "wrong_id",
            Self::UnknownImp => "unknown_imp",
            Self::BelowFloor => "below_floor",
            Self::AbovePrice => "above_price",
            Self::WrongCurrency => "wrong_currency",
            Self::NoCurrency => "no_currency",
            Self::UnknownDeal => "unknown_deal",
            Self::NoDeal => "no_deal",
            Self::UnofferedDeal(_) => "unoffered_deal",
            Self::WrongSeat => "wrong_seat",
            Self::UnknownCreative => "unknown_creative",
            Self::NoMarkup => "no_markup",
            Self::NoCreativeId => "no_creative_id",
            Self::ForeignAdvertiser => "foreign_advertiser",
            Self::WrongSize => "wrong_size",
            Self::Fixed(_) => "fixed",
        }
    }
}

/// The time that a DSP takes on purpose before it answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Always that long; zero is as fast as the machine is.
    Constant(Duration),
    /// Evenly between the two.
    Uniform(Duration, Duration),
    /// Log-normal: half are below the median; `spread` is the standard deviation of the logarithm (0.5 is a mild tail).
    LogNormal {
        /// Half of all answers are faster.
        median: Duration,
        /// Standard deviation of the logarithm.
        spread: f64,
    },
}

impl Latency {
    /// No deliberate wait.
    pub const NONE: Self = Self::Constant(Duration::ZERO);

    /// The latency, if it is always the same.
    #[must_use]
    pub fn constant(&self) -> Option<Duration> {
        match self {
            Self::Constant(time) => Some(*time),
            Self::Uniform(..) | Self::LogNormal { .. } => None,
        }
    }

    pub(super) fn draw(&self, rng: &mut StdRng) -> Duration {
        match *self {
            Self::Constant(time) => time,
            Self::Uniform(low, high) => low + high.saturating_sub(low).mul_f64(rng.random::<f64>()),
            Self::LogNormal { median, spread } => {
                // Box and Muller; 1 − u keeps the logarithm's argument above zero.
                let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
                let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                median.mul_f64((spread * normal).exp().min(1_000.0))
            }
        }
    }
}

impl FromStr for Latency {
    type Err = String;

    /// `0`, `5ms`, `5-20ms` (even), or `~8ms` (log-normal with that median).
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| -> Result<Duration, String> {
            let digits = part.trim().trim_end_matches("ms");
            let value: f64 = digits.parse().map_err(|_| format!("`{part}` is no time in milliseconds, such as 5ms"))?;
            Duration::try_from_secs_f64(value / 1000.0).map_err(|error| format!("`{part}`: {error}"))
        };
        if let Some(median) = text.strip_prefix('~') {
            return Ok(Self::LogNormal { median: number(median)?, spread: 0.5 });
        }
        let Some((low, high)) = text.split_once('-') else { return Ok(Self::Constant(number(text)?)) };
        let (low, high) = (number(low)?, number(high)?);
        if low > high {
            return Err(format!("`{text}`: the first is larger than the second"));
        }
        Ok(Self::Uniform(low, high))
    }
}

/// A DSP's behaviour. Every request draws a temper by weight and a wait, from one seeded source.
#[derive(Debug, Clone)]
pub struct Script {
    tempers: Vec<(u32, Temper)>,
    /// The wait before every answer.
    pub latency: Latency,
    /// Seed of its draws.
    pub seed: u64,
    /// Bid for every deal of an imp instead of the first that can be served.
    pub every_deal: bool,
    /// Put `nurl`, `burl` and `lurl` that lead back to this DSP into its bids.
    pub notices: bool,
    /// Where an imp names no deals, bid for those that the catalog has on its `tagid` (for servers that only fan out).
    pub without_deals: bool,
}

impl Script {
    /// Always this temper, at once.
    #[must_use]
    pub fn always(temper: Temper) -> Self {
        Self::weighted([(1, temper)])
    }

    /// Tempers by weight; an empty list passes.
    #[must_use]
    pub fn weighted(tempers: impl IntoIterator<Item = (u32, Temper)>) -> Self {
        Self {
            tempers: tempers.into_iter().collect(),
            latency: Latency::NONE,
            seed: 1,
            every_deal: false,
            notices: false,
            without_deals: false,
        }
    }

    /// With this wait before every answer.
    #[must_use]
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// With another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Bidding for every deal.
    #[must_use]
    pub fn every_deal(mut self) -> Self {
        self.every_deal = true;
        self
    }

    /// With notice URLs of its own in every bid.
    #[must_use]
    pub fn with_notices(mut self) -> Self {
        self.notices = true;
        self
    }

    /// Bidding also where no deal is offered.
    #[must_use]
    pub fn without_deals(mut self) -> Self {
        self.without_deals = true;
        self
    }

    pub(super) fn draw(&self, rng: &mut StdRng) -> Temper {
        if let [(_, only)] = self.tempers.as_slice() {
            return only.clone();
        }
        let total: u64 = self.tempers.iter().map(|(weight, _)| u64::from(*weight)).sum();
        if total == 0 {
            return Temper::Pass;
        }
        let mut point = rng.random_range(0..total);
        for (weight, temper) in &self.tempers {
            match point.checked_sub(u64::from(*weight)) {
                Some(rest) => point = rest,
                None => return temper.clone(),
            }
        }
        Temper::Pass
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn latencies_parse_and_stay_in_their_range() {
        let mut rng = StdRng::seed_from_u64(3);
        assert_eq!("0".parse(), Ok(Latency::NONE));
        assert_eq!("5ms".parse(), Ok(Latency::Constant(Duration::from_millis(5))));
        let range: Latency = "5-20ms".parse().unwrap();
        assert_eq!(range.constant(), None);
        for _ in 0..100 {
            let drawn = range.draw(&mut rng);
            assert!((5..=20).contains(&drawn.as_millis()), "{drawn:?}");
        }
        for bad in ["", "x", "20-5ms", "5s"] {
            assert!(bad.parse::<Latency>().is_err(), "{bad}");
        }
        let tail: Latency = "~8ms".parse().unwrap();
        let below = (0..1000).filter(|_| tail.draw(&mut rng) < Duration::from_millis(8)).count();
        assert!((430..570).contains(&below), "half should be below the median, {below} of 1000 were");
    }

    #[test]
    fn weights_are_honoured_and_the_seed_repeats_them() {
        let script = Script::weighted([(9, Temper::Bid), (0, Temper::Reset), (1, Temper::Pass)]);
        let draws = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            (0..1000).map(|_| script.draw(&mut rng).name()).collect::<Vec<_>>()
        };
        let names = draws(7);
        assert_eq!(names, draws(7));
        let bids = names.iter().filter(|name| **name == "bid").count();
        assert!((850..950).contains(&bids), "{bids}");
        assert!(!names.contains(&"reset"));
    }
}
