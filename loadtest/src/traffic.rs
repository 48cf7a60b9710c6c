//! Bid requests on a schedule: replayed slots become site requests, their users' whereabouts app requests.
//!
//! Requests are rendered once as templates; making one copies about 2.5 KB and writes 86 bytes into it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::catalog::{Catalog, Format, MediaKind};
use crate::check::Expectation;
use crate::sample::{self, Slot};
use crate::template::{self, Template};

/// Of all requests, in parts: those from sites, from apps' banner placements, from apps' video placements.
const SHARES: (f64, f64, f64) = (50.0, 40.0, 10.0);
/// Every so manieth site request has two imps.
const SECOND_IMP_EVERY: usize = 25;

/// How requests are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// Independent of each other at a mean rate.
    #[default]
    Poisson,
    /// The log's own timestamps, scaled to the mean rate; bursts stay bursts.
    Replay,
}

/// A request and when it leaves.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Time after the start.
    pub at: Duration,
    /// Index into `Catalog::media`.
    pub media: usize,
    /// `Bearer KEYID.SECRET`.
    pub authorization: HeaderValue,
    /// The request's id, unique in a run.
    pub id: String,
    /// The transaction's id, unique in a run.
    pub tid: String,
    /// A complete OpenRTB 2.6 BidRequest.
    pub body: Bytes,
    /// What an answer may hold.
    pub expectation: Arc<Expectation>,
}

#[derive(Debug)]
struct Lane {
    weight: f64,
    templates: Vec<Template>,
    next: usize,
}

/// An endless source of requests. The same seed gives the same bytes.
#[derive(Debug)]
pub struct Traffic {
    lanes: Vec<Lane>,
    keys: Vec<HeaderValue>,
    offsets: Vec<u64>,
    rng: StdRng,
    run: u32,
    serial: u64,
    arrivals: Arrivals,
    rate: f64,
    elapsed: f64,
}

impl Traffic {
    /// From the embedded sample of 2,000 slots.
    ///
    /// # Errors
    /// When no placement of the catalog fits any of it.
    pub fn from_sample(catalog: &Catalog, seed: u64) -> Result<Self, String> {
        Self::new(&sample::embedded()?, catalog, seed)
    }

    /// From an iPinYou impression log.
    ///
    /// # Errors
    /// When the file is not such a log, or no placement of the catalog fits any of it.
    pub fn from_ipinyou(path: &Path, catalog: &Catalog, seed: u64) -> Result<Self, String> {
        Self::new(&sample::ipinyou(path)?, catalog, seed)
    }

    fn new(slots: &[Slot], catalog: &Catalog, seed: u64) -> Result<Self, String> {
        let mut keys = Vec::new();
        for media in &catalog.media {
            let bearer = format!("Bearer {}.{}", media.key_id, media.secret);
            keys.push(bearer.parse().map_err(|_| format!("media {}: its key cannot stand in a header", media.id))?);
        }
        Ok(Self {
            lanes: lanes(slots, catalog)?,
            keys,
            offsets: slots.iter().map(|slot| slot.offset_ms).collect(),
            rng: StdRng::seed_from_u64(seed),
            run: u32::try_from(seed & 0xffff_ffff).unwrap_or(0),
            serial: 0,
            arrivals: Arrivals::Poisson,
            rate: 1_000.0,
            elapsed: 0.0,
        })
    }

    /// Sets how the next requests arrive, from time zero on; `rate` is their mean number a second.
    pub fn schedule(&mut self, arrivals: Arrivals, rate: f64) {
        (self.arrivals, self.rate, self.elapsed) = (arrivals, rate.max(0.001), 0.0);
    }

    /// The next request.
    #[must_use]
    pub fn draw(&mut self) -> Planned {
        let at = self.arrival();
        let total: f64 = self.lanes.iter().map(|lane| lane.weight).sum();
        let mut point = self.rng.random::<f64>() * total;
        let mut chosen = 0;
        for (index, lane) in self.lanes.iter().enumerate() {
            chosen = index;
            point -= lane.weight;
            if point < 0.0 {
                break;
            }
        }
        let noise = self.rng.next_u64();
        let lane = &mut self.lanes[chosen];
        let template = &lane.templates[lane.next];
        lane.next = (lane.next + 1) % lane.templates.len();
        let filled = template.fill(self.run, self.serial, noise);
        self.serial += 1;
        Planned {
            at,
            media: template.media,
            authorization: self.keys[template.media].clone(),
            id: filled.id,
            tid: filled.tid,
            body: filled.body,
            expectation: Arc::clone(&template.expectation),
        }
    }

    fn arrival(&mut self) -> Duration {
        match self.arrivals {
            Arrivals::Poisson => self.elapsed += -(1.0 - self.rng.random::<f64>()).ln() / self.rate,
            Arrivals::Replay => {
                let count = self.offsets.len();
                let index = usize::try_from(self.serial).unwrap_or(0);
                let span = self.offsets.last().copied().unwrap_or(0) as f64;
                // One pass over the log takes count ÷ rate seconds; the next begins one mean gap after its last row.
                let pass = count as f64 / self.rate;
                let within = if span > 0.0 { self.offsets[index % count] as f64 / span } else { 0.0 };
                self.elapsed = (index / count) as f64 * pass + within * (pass - 1.0 / self.rate);
            }
        }
        Duration::try_from_secs_f64(self.elapsed.max(0.0)).unwrap_or(Duration::MAX)
    }
}

fn lanes(slots: &[Slot], catalog: &Catalog) -> Result<Vec<Lane>, String> {
    let mut sites = Vec::new();
    let mut apps: Vec<(Format, Vec<Template>)> = Vec::new();
    for (index, media) in catalog.media.iter().enumerate() {
        match media.kind {
            MediaKind::Site => {
                for (row, slot) in slots.iter().enumerate() {
                    let fits = |place: &&crate::catalog::PlacementCard| place.sizes.contains(&slot.size);
                    let Some(place) = media.placements.iter().find(fits) else { continue };
                    let other = media.placements.iter().find(|other| other.tagid != place.tagid);
                    let second = other.filter(|_| row % SECOND_IMP_EVERY == 0);
                    sites.push(template::site(index, media, place, second, slot)?);
                }
            }
            MediaKind::App => {
                for place in media.placements.iter().filter(|place| !place.sizes.is_empty()) {
                    let format = if place.formats.contains(&Format::Video) { Format::Video } else { Format::Banner };
                    let made: Result<Vec<_>, _> =
                        slots.iter().step_by(4).map(|slot| template::app(index, media, place, slot)).collect();
                    apps.push((format, made?));
                }
            }
        }
    }
    let count = |format: Format| apps.iter().filter(|(one, _)| *one == format).count().max(1) as f64;
    let (banners, videos) = (count(Format::Banner), count(Format::Video));
    let mut lanes = vec![Lane { weight: SHARES.0, templates: sites, next: 0 }];
    for (format, templates) in apps {
        let weight = if format == Format::Video { SHARES.2 / videos } else { SHARES.1 / banners };
        lanes.push(Lane { weight, templates, next: 0 });
    }
    lanes.retain(|lane| !lane.templates.is_empty());
    if lanes.is_empty() {
        return Err("no placement of the config fits any slot of the traffic".to_owned());
    }
    Ok(lanes)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use serde_json::Value;

    use super::*;
    use crate::catalog::Secrets;

    fn traffic(seed: u64) -> Traffic {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        Traffic::from_sample(&Catalog::from_config(&folder, &Secrets::demo()).unwrap(), seed).unwrap()
    }

    #[test]
    fn requests_are_whole_unique_and_mixed_as_promised() {
        let mut traffic = traffic(5);
        let (mut ids, mut tids, mut tags) = (HashSet::new(), HashSet::new(), BTreeMap::<String, u32>::new());
        let mut bytes = 0;
        for _ in 0..2_000 {
            let planned = traffic.draw();
            let body: Value = serde_json::from_slice(&planned.body).unwrap();
            assert_eq!(body["id"], planned.id.as_str());
            assert_eq!(body["source"]["tid"], planned.tid.as_str());
            assert!(body["device"]["ip"].as_str().unwrap().parse::<std::net::Ipv4Addr>().unwrap().octets()[0] == 198);
            assert!(body["site"].is_object() != body["app"].is_object(), "exactly one of site and app");
            assert!(!body.to_string().contains('@'), "a hole was left: {body}");
            let imps = body["imp"].as_array().unwrap();
            assert_eq!(imps.len(), planned.expectation.imps.len());
            *tags.entry(imps[0]["tagid"].as_str().unwrap().to_owned()).or_default() += 1;
            bytes += planned.body.len();
            assert!(ids.insert(planned.id) && tids.insert(planned.tid));
        }
        assert!((1_800..3_300).contains(&(bytes / 2_000)), "mean size {}", bytes / 2_000);
        let share = |tag: &str| tags.get(tag).copied().unwrap_or(0);
        assert!((300..500).contains(&share("sunrise-open")), "{tags:?}");
        assert!((130..270).contains(&share("harbor-preroll")), "{tags:?}");
        assert!((900..1_100).contains(&(share("city-top") + share("city-side"))), "{tags:?}");
    }

    #[test]
    fn both_schedules_keep_the_rate_and_the_order_and_the_seed_repeats_all() {
        for arrivals in [Arrivals::Poisson, Arrivals::Replay] {
            let (mut one, mut two) = (traffic(9), traffic(9));
            one.schedule(arrivals, 500.0);
            two.schedule(arrivals, 500.0);
            let mut last = Duration::ZERO;
            for _ in 0..6_000 {
                let planned = one.draw();
                assert!(planned.at >= last, "{arrivals:?}");
                assert_eq!(two.draw().body, planned.body);
                last = planned.at;
            }
            assert!((11.0..13.0).contains(&last.as_secs_f64()), "{arrivals:?}: 6000 at 500/s took {last:?}");
        }
    }
}
