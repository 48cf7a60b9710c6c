//! What may be bid and by whom: the facts that scripted DSPs, traffic and checks take from a config folder.
//!
//! The folder is read loosely, as TOML values: unknown keys are ignored and rules are not checked. The exchange's own
//! reader is strict; this one only needs to find what it looks for.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;

use toml::Value;

/// The secrets of media's request keys, by media id.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    overrides: HashMap<String, String>,
}

impl Secrets {
    /// The demo's secrets: `demo-<media>-secret` for every media.
    #[must_use]
    pub fn demo() -> Self {
        Self::default()
    }

    /// The same, with another secret for one media.
    #[must_use]
    pub fn with(mut self, media: &str, secret: &str) -> Self {
        self.overrides.insert(media.to_owned(), secret.to_owned());
        self
    }

    fn of(&self, media: &str) -> String {
        self.overrides.get(media).cloned().unwrap_or_else(|| format!("demo-{media}-secret"))
    }
}

/// The kinds of advertisement that are traded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Display (`mtype` 1).
    Banner,
    /// Video (`mtype` 2).
    Video,
    /// Audio (`mtype` 3): known, but no scripted DSP bids it by itself.
    Audio,
    /// Native (`mtype` 4).
    Native,
}

impl Format {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "banner" => Some(Self::Banner),
            "video" => Some(Self::Video),
            "audio" => Some(Self::Audio),
            "native" => Some(Self::Native),
            _ => None,
        }
    }

    /// OpenRTB 2.6 `bid.mtype`.
    #[must_use]
    pub fn mtype(self) -> u8 {
        match self {
            Self::Banner => 1,
            Self::Video => 2,
            Self::Audio => 3,
            Self::Native => 4,
        }
    }
}

/// How a deal is delivered (R-METHODS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Fixed price, reserved volume, with returns.
    Pdb,
    /// Fixed price, guaranteed volume, no returns.
    Bpg,
    /// Fixed price, no volume.
    Pd,
}

/// A creative as far as a bid or a check needs it.
#[derive(Debug, Clone)]
pub struct CreativeCard {
    /// The id that a bid names.
    pub crid: String,
    /// The advertiser that it promotes.
    pub advertiser: String,
    /// The advertiser's domains.
    pub adomain: Vec<String>,
    /// IAB categories.
    pub cat: Vec<String>,
    /// Width and height in pixels.
    pub sizes: Vec<(u32, u32)>,
    /// What it is.
    pub format: Format,
    /// Seconds of play; video only.
    pub duration_s: Option<u32>,
    /// Where its link leads.
    pub landing_page: String,
    /// The exchange's own copy, where it has one.
    pub markup: Option<String>,
}

/// A deal and all creatives that its buyer may show under it.
#[derive(Debug, Clone)]
pub struct DealCard {
    /// The deal's id.
    pub id: String,
    /// The buyer.
    pub account: String,
    /// The gross price, micro-yuan per thousand impressions.
    pub price_micro_cpm: i64,
    /// Its delivery method.
    pub method: Method,
    /// The push ratio as written, `"1"` where none is.
    pub push_ratio: String,
    /// Approved creatives of the buyer that fit the deal's formats.
    pub creatives: Vec<CreativeCard>,
    /// The creative that the exchange may show by itself (R-FALLBACK).
    pub fallback: Option<String>,
    /// (media id, tagid) where it runs.
    pub placements: Vec<(String, String)>,
    /// DSPs that are offered it.
    pub dsps: Vec<String>,
}

impl DealCard {
    /// What one billed impression costs the buyer, in micro-yuan.
    #[must_use]
    pub fn impression_micro(&self) -> i64 {
        self.price_micro_cpm / 1000
    }
}

/// One placement of a media.
#[derive(Debug, Clone)]
pub struct PlacementCard {
    /// The id in `imp.tagid`.
    pub tagid: String,
    /// What it shows.
    pub formats: Vec<Format>,
    /// Sizes that it takes, width and height in pixels.
    pub sizes: Vec<(u32, u32)>,
    /// A display counts from this many milliseconds (R-DISPLAY); 0 = at once.
    pub minimum_display_ms: u64,
}

/// Whether requests carry `app` or `site`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A mobile application.
    App,
    /// A web site.
    Site,
}

/// A media with the key that its requests carry.
#[derive(Debug, Clone)]
pub struct MediaCard {
    /// The media's id.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// App or site.
    pub kind: MediaKind,
    /// Id of its request key.
    pub key_id: String,
    /// The key's secret.
    pub secret: String,
    /// Where it shows advertisements.
    pub placements: Vec<PlacementCard>,
}

/// A DSP as the config knows it.
#[derive(Debug, Clone)]
pub struct DspCard {
    /// The DSP's id.
    pub id: String,
    /// Every seat that it bids for, of all its buyers.
    pub seats: Vec<String>,
    /// Where its endpoint listens, if that is an address and not a name.
    pub address: Option<SocketAddr>,
}

/// Everything above, by id. Immutable; share it in an `Arc`.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Deals by id.
    pub deals: BTreeMap<String, DealCard>,
    /// Media in the config's order.
    pub media: Vec<MediaCard>,
    /// DSPs in the config's order.
    pub dsps: Vec<DspCard>,
    /// `host:port` that notice URLs begin with, if the config says so.
    pub public_authority: Option<String>,
}

impl Catalog {
    /// Reads `deals`, `creatives`, `buyers`, `media`, `dsps` and `exchange` (each `.toml`) from a config folder.
    ///
    /// # Errors
    /// Names the file that is missing, unreadable, not TOML, or without a key that is needed here.
    pub fn from_config(folder: &Path, secrets: &Secrets) -> Result<Self, String> {
        let advertisers = read_advertisers(&table(folder, "buyers.toml")?)?;
        let creatives = read_creatives(&table(folder, "creatives.toml")?, &advertisers)?;
        let deals = read_deals(&table(folder, "deals.toml")?, &creatives)?;
        let media = read_media(&table(folder, "media.toml")?, secrets)?;
        let dsps = read_dsps(&table(folder, "dsps.toml")?)?;
        let exchange = table(folder, "exchange.toml")?;
        let public_authority = exchange.get("public_url").and_then(Value::as_str).and_then(authority_of);
        Ok(Self { deals, media, dsps, public_authority })
    }

    /// Which DSPs (as indices into `dsps`) hold a deal on a placement; what an exchange with this config would ask.
    #[must_use]
    pub fn routes(&self) -> BTreeMap<String, Vec<usize>> {
        let mut routes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for deal in self.deals.values() {
            for (_, tagid) in &deal.placements {
                let asked = routes.entry(tagid.clone()).or_default();
                for (index, dsp) in self.dsps.iter().enumerate() {
                    if deal.dsps.contains(&dsp.id) && !asked.contains(&index) {
                        asked.push(index);
                    }
                }
            }
        }
        routes
    }
}

/// The `host:port` of an `http://` URL; port 80 where none is written.
#[must_use]
pub fn authority_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split(['/', '?']).next().filter(|text| !text.is_empty())?;
    Some(if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") })
}

struct Advertiser {
    domains: Vec<String>,
    category: Option<String>,
}

type Owned = (String, CreativeCard);

fn table(folder: &Path, name: &str) -> Result<Value, String> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let table: toml::Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Value::Table(table))
}

fn read_advertisers(file: &Value) -> Result<HashMap<(String, String), Advertiser>, String> {
    let mut found = HashMap::new();
    for buyer in list(file, "buyer") {
        let account = text(buyer, "account", "buyers.toml")?;
        for advertiser in list(buyer, "advertisers") {
            let id = text(advertiser, "id", "buyers.toml")?;
            let category = advertiser.get("category").and_then(Value::as_str).map(str::to_owned);
            found.insert((account.clone(), id), Advertiser { domains: texts(advertiser, "domains"), category });
        }
    }
    Ok(found)
}

fn read_creatives(file: &Value, advertisers: &HashMap<(String, String), Advertiser>) -> Result<Vec<Owned>, String> {
    const FILE: &str = "creatives.toml";
    let mut found = Vec::new();
    for creative in list(file, "creative") {
        if creative.get("state").and_then(Value::as_str) != Some("approved") {
            continue;
        }
        let crid = text(creative, "crid", FILE)?;
        let account = text(creative, "account", FILE)?;
        let advertiser = text(creative, "advertiser", FILE)?;
        let owner = advertisers.get(&(account.clone(), advertiser.clone()));
        let format = text(creative, "format", FILE)?;
        let format = Format::parse(&format).ok_or_else(|| format!("{FILE}: {crid}: format {format} is unknown"))?;
        let card = CreativeCard {
            crid,
            advertiser,
            adomain: owner.map(|owner| owner.domains.clone()).unwrap_or_default(),
            cat: owner.and_then(|owner| owner.category.clone()).into_iter().collect(),
            sizes: sizes(creative),
            format,
            duration_s: milliseconds(creative, "duration").and_then(|ms| u32::try_from(ms / 1000).ok()),
            landing_page: creative.get("landing_page").and_then(Value::as_str).unwrap_or_default().to_owned(),
            markup: creative.get("markup").and_then(Value::as_str).map(str::to_owned),
        };
        found.push((account, card));
    }
    Ok(found)
}

fn read_deals(file: &Value, creatives: &[Owned]) -> Result<BTreeMap<String, DealCard>, String> {
    const FILE: &str = "deals.toml";
    let mut found = BTreeMap::new();
    for deal in list(file, "deal") {
        if deal.get("state").and_then(Value::as_str) != Some("active") {
            continue;
        }
        let id = text(deal, "id", FILE)?;
        let account = text(deal, "account", FILE)?;
        let price = text(deal, "cpm", FILE)?;
        let price_micro_cpm = micro_yuan(&price).ok_or_else(|| format!("{FILE}: {id}: cpm {price} is no price"))?;
        let method = match text(deal, "method", FILE)?.as_str() {
            "PDB" => Method::Pdb,
            "BPG" => Method::Bpg,
            "PD" => Method::Pd,
            other => return Err(format!("{FILE}: {id}: method {other} is unknown")),
        };
        let formats: Vec<Format> = texts(deal, "formats").iter().filter_map(|name| Format::parse(name)).collect();
        let fits = |card: &CreativeCard| formats.is_empty() || formats.contains(&card.format);
        let mine = creatives.iter().filter(|(owner, card)| *owner == account && fits(card));
        let mut placements = Vec::new();
        for place in list(deal, "placements") {
            placements.push((text(place, "media", FILE)?, text(place, "tagid", FILE)?));
        }
        let card = DealCard {
            id: id.clone(),
            price_micro_cpm,
            method,
            push_ratio: deal.get("push_ratio").and_then(Value::as_str).unwrap_or("1").to_owned(),
            creatives: mine.map(|(_, card)| card.clone()).collect(),
            fallback: deal.get("fallback").and_then(Value::as_str).map(str::to_owned),
            placements,
            dsps: texts(deal, "dsps"),
            account,
        };
        found.insert(id, card);
    }
    Ok(found)
}

fn read_media(file: &Value, secrets: &Secrets) -> Result<Vec<MediaCard>, String> {
    const FILE: &str = "media.toml";
    let mut found = Vec::new();
    for media in list(file, "media") {
        let id = text(media, "id", FILE)?;
        let key = list(media, "keys").next().ok_or_else(|| format!("{FILE}: {id}: no keys"))?;
        let mut placements = Vec::new();
        for place in list(media, "placements") {
            placements.push(PlacementCard {
                tagid: text(place, "tagid", FILE)?,
                formats: texts(place, "formats").iter().filter_map(|name| Format::parse(name)).collect(),
                sizes: sizes(place),
                minimum_display_ms: milliseconds(place, "minimum_display").unwrap_or(0),
            });
        }
        found.push(MediaCard {
            name: media.get("name").and_then(Value::as_str).unwrap_or(&id).to_owned(),
            kind: if media.get("kind").and_then(Value::as_str) == Some("site") {
                MediaKind::Site
            } else {
                MediaKind::App
            },
            key_id: text(key, "id", FILE)?,
            secret: secrets.of(&id),
            placements,
            id,
        });
    }
    Ok(found)
}

fn read_dsps(file: &Value) -> Result<Vec<DspCard>, String> {
    const FILE: &str = "dsps.toml";
    let mut found = Vec::new();
    for dsp in list(file, "dsp") {
        let endpoint = text(dsp, "endpoint", FILE)?;
        found.push(DspCard {
            id: text(dsp, "id", FILE)?,
            seats: list(dsp, "buyers").flat_map(|buyer| texts(buyer, "seats")).collect(),
            address: authority_of(&endpoint).and_then(|authority| authority.parse().ok()),
        });
    }
    Ok(found)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, key: &str, file: &str) -> Result<String, String> {
    let found = value.get(key).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| format!("{file}: an entry has no text `{key}`"))
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn sizes(value: &Value) -> Vec<(u32, u32)> {
    let parse = |text: &str| text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    list(value, "sizes").filter_map(Value::as_str).filter_map(parse).collect()
}

/// `"2s"`, `"150ms"`, `"1m"`, `"4h"` in milliseconds.
fn milliseconds(value: &Value, key: &str) -> Option<u64> {
    let text = value.get(key)?.as_str()?;
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(factor)
}

/// A decimal price in yuan as micro-yuan; `None` if it is malformed or finer than a micro-yuan.
fn micro_yuan(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let micro: i64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_and_nonsense_is_refused() {
        assert_eq!(micro_yuan("35.00"), Some(35_000_000));
        assert_eq!(micro_yuan("0.001"), Some(1_000));
        assert_eq!(micro_yuan("62"), Some(62_000_000));
        for bad in ["", "-1", "1.0000001", "1e3", "1,5", ".5"] {
            assert_eq!(micro_yuan(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_example_config_gives_deals_with_their_buyers_creatives() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        let catalog = Catalog::from_config(&folder, &Secrets::demo().with("harbor", "other")).unwrap();
        let open = &catalog.deals["PDB-2026-SPRING-OPEN"];
        assert_eq!((open.price_micro_cpm, open.impression_micro(), open.method), (60_000_000, 60_000, Method::Pdb));
        assert_eq!(open.fallback.as_deref(), Some("milk-open-1"));
        assert!(open.creatives.iter().all(|card| card.format == Format::Banner && card.adomain == ["qinghe.example"]));
        let harbor = catalog.media.iter().find(|media| media.id == "harbor").unwrap();
        assert_eq!((harbor.secret.as_str(), harbor.placements[0].minimum_display_ms), ("other", 2_000));
        assert_eq!(catalog.dsps[1].seats, ["basalt-1", "basalt-3"]);
        assert_eq!(catalog.dsps[2].address, "127.0.0.1:9103".parse().ok());
        assert_eq!(catalog.routes()["city-side"], [1, 2], "only basalt and comet hold a deal there");
    }

    #[test]
    fn a_folder_without_deals_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Catalog::from_config(folder.path(), &Secrets::demo()).unwrap_err();
        assert!(error.contains("buyers.toml"), "{error}");
    }
}
