//! A click: counted once for each ad, told to the journal, and led to its creative's page.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use super::core::Core;
use super::trace::Trace;
use crate::billing::token::Purpose;
use crate::clock::UnixMillis;
use crate::event::{Charge, ChargeKey, Click, Measure, Stage};
use crate::market::Market;
use crate::market::demand::CreativeState;
use crate::market::supply::Format;
use crate::markup::{Identifiers, Known, fill};

const SHARDS: usize = 64;
/// Ads per shard whose clicks are remembered; together about a million, 16 bytes each.
const MOST: usize = 16_384;
/// A full shard is looked through for dead ads at most so often, ms.
const TIDY_MS: u64 = 1_000;

/// A click as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Clicking<'c> {
    /// The token of its URL.
    pub token: &'c str,
    /// Whose browser it was.
    pub client: IpAddr,
    /// What it says that it is.
    pub user_agent: Option<&'c str>,
}

/// Where a click leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the page that the creative is registered with now.
    Page(String),
    /// Nowhere any more: its creative is not approved now.
    Gone,
    /// Nowhere: no genuine token, or no creative of the market.
    Unknown,
}

/// The names of [`Told`] in metrics.
pub(super) const CLICKS: [&str; 6] = ["first", "again", "unsure", "late", "bad_token", "not_recorded"];

/// How a click was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The ad's first.
    First,
    /// One more on the same ad.
    Again,
    /// There is no room to remember it: it may be one more.
    Unsure,
    /// After the life of the ad's tokens.
    Late,
    BadToken,
    /// The journal did not take it.
    NotRecorded,
}

/// Which ads were clicked, for as long as their tokens live. Bounded; when there is no room it says so.
#[derive(Debug)]
pub struct ClickedAds {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

/// By hash of the key, until when it counts, in Unix seconds.
#[derive(Debug, Default)]
struct Shard {
    until: HashMap<u64, u32>,
    tidied_at: u64,
}

impl Default for ClickedAds {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl ClickedAds {
    /// Whether this is the first click on an ad; `None` when there is no room to tell.
    pub fn is_first(&self, key: ChargeKey, expires_at: UnixMillis, now: UnixMillis) -> Option<bool> {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shards[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.until.contains_key(&hash) {
            return Some(false);
        }
        if shard.until.len() >= MOST && shard.tidied_at + TIDY_MS <= now.0 {
            shard.tidied_at = now.0;
            shard.until.retain(|_, until| u64::from(*until) * 1_000 >= now.0);
        }
        if shard.until.len() >= MOST {
            return None;
        }
        shard.until.insert(hash, u32::try_from(expires_at.0.div_ceil(1_000)).unwrap_or(u32::MAX));
        Some(true)
    }
}

impl Core {
    /// Counts a click, if it shall count, and tells where it leads. Waits for nothing.
    pub fn click(&self, click: &Clicking<'_>, counts: bool) -> Destination {
        let exchange = &self.exchange;
        let opened = exchange.tokens.load().open(Purpose::Notice, click.token);
        let market = exchange.market.load();
        let Ok(charge) = opened else {
            exchange.metrics.clicks.one(Told::BadToken as usize);
            return Destination::Unknown;
        };
        let destination = destination(&charge, &market);
        if counts {
            let told = self.count_click(&charge);
            if told == Told::First && matches!(destination, Destination::Page(_)) {
                let at = exchange.clock.now();
                monitors(&charge, &market, click, at).for_each(|url| exchange.notices.monitor(url));
            }
            exchange.metrics.clicks.one(told as usize);
            Trace::of(charge.key.auction, market.terms.trace_one_in).noticed("click", CLICKS[told as usize]);
        }
        destination
    }

    fn count_click(&self, charge: &Charge) -> Told {
        let (exchange, at) = (&self.exchange, self.exchange.clock.now());
        if at > charge.expires_at {
            return Told::Late;
        }
        let first = exchange.clicked.is_first(charge.key, charge.expires_at, at);
        if first != Some(false) {
            exchange.attribution.count(charge.deal, charge.day(), Measure::Stage(Stage::Clicked));
        }
        // Each is told: how often and how fast an ad is clicked shows invalid traffic (R-IVT).
        if exchange.journal.click(Click { charge: *charge, at }).is_err() {
            return Told::NotRecorded;
        }
        match first {
            Some(true) => Told::First,
            Some(false) => Told::Again,
            None => Told::Unsure,
        }
    }
}

/// To the page that the creative is registered with now and nowhere else: nothing of the request or of the markup is followed.
/// What has only come to the end of its period still leads on; what is not reviewed does not (R-REVIEW).
fn destination(charge: &Charge, market: &Market) -> Destination {
    let Some(creative) = market.creative_numbered(charge.creative) else { return Destination::Unknown };
    match market.creative_state(creative) {
        CreativeState::Approved | CreativeState::Expired => Destination::Page(creative.landing_page().to_owned()),
        _ => Destination::Gone,
    }
}

/// The creative's monitors to call for a click, macros filled in with what is known of it. Only a banner's: VAST and native markup
/// has them in trackers of its own.
fn monitors<'m>(
    charge: &'m Charge,
    market: &'m Market,
    click: &'m Clicking<'_>,
    at: UnixMillis,
) -> impl Iterator<Item = String> + use<'m> {
    let creative = market.creative_numbered(charge.creative).filter(|creative| creative.format == Format::Banner);
    let urls = creative.and_then(|creative| Some((creative, creative.monitors.as_ref()?)));
    let (auction, ip) = (charge.key.auction.to_string(), shortened(click.client));
    urls.into_iter().flat_map(move |(creative, monitors)| {
        let known = Known {
            at,
            auction: &auction,
            creative: creative.crid(),
            media: market.media.get(charge.media).map_or("", |media| &media.wire),
            os: click.user_agent.and_then(system),
            user_agent: click.user_agent,
            identifiers: Some(Identifiers { ip: Some(&ip), ..Identifiers::default() }),
            ..Known::default()
        };
        monitors.click.iter().map(|url| fill(url, &known)).collect::<Vec<_>>()
    })
}

/// R-CONSENT: a click says nothing of consent, so of an address its network alone is told: 24 bits, or 48 of IPv6.
fn shortened(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::from([a, b, c, 0, 0, 0, 0, 0]).to_string()
        }
    }
}

/// The operating system that a browser names, in the words of `device.os`.
fn system(user_agent: &str) -> Option<&'static str> {
    // The first pretends to be the others.
    let names = [("Windows Phone", "windows phone"), ("iPhone", "ios"), ("iPad", "ios"), ("Android", "android")];
    names.into_iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, system)| system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_consent_a_monitor_hears_of_a_network_and_not_of_an_address() {
        assert_eq!(shortened([203, 0, 113, 97].into()), "203.0.113.0");
        assert_eq!(shortened("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1::");
        let phone = "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950)";
        assert_eq!(system(phone), Some("windows phone"));
        assert_eq!(system("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)"), Some("ios"));
        assert_eq!(system("Mozilla/5.0 (Linux; Android 15)"), Some("android"));
        assert_eq!(system("Mozilla/5.0 (X11; Linux x86_64)"), None);
    }
    use crate::ids::{AuctionId, ImpIndex, Slot};

    fn key(number: u128) -> ChargeKey {
        ChargeKey { auction: AuctionId(number), imp: ImpIndex(0), slot: Slot(0) }
    }

    #[test]
    fn an_ads_first_click_is_told_from_the_others_while_there_is_room() {
        let (ads, at) = (ClickedAds::default(), UnixMillis(1_000_000));
        let first = |number, expires: u64, now| ads.is_first(key(number), UnixMillis(expires), now);
        assert_eq!(first(1, 1_060_000, at), Some(true));
        assert_eq!(first(1, 1_060_000, at), Some(false));
        let slot = ChargeKey { slot: Slot(1), ..key(1) };
        assert_eq!(ads.is_first(slot, UnixMillis(1_060_000), at), Some(true), "another ad of the pod");
        let mut number = 1;
        while first(number, 1_060_000, at).is_some() {
            number += 1;
        }
        assert!(number as usize >= MOST, "{number}");
        assert_eq!(first(1, 1_060_000, at), Some(false), "what is known stays known");
        assert_eq!(first(number, 1_060_000, at.plus_ms(60_000)), None, "all of them may still be clicked");
        assert_eq!(first(number, 1_060_000, at.plus_ms(61_001)), Some(true), "they are dead and gone");
    }
}
