//! `media.toml`: media, their request keys and placements.

use super::creatives::attribute;
use super::currencies::currency;
use super::diagnostic::{At, File, Place, Report};
use super::names::{SUSPENSION, advertiser_name, category, domain, format, id, key_id, label, wire};
use super::notices::LONGEST_TOKEN_LIFE_MS;
use super::partner_keys::{self, PartnerKeyEntry};
use super::reader::{Register, Table, read_file};
use super::units::{day, duration_ms, flag, hourly_traffic, percent, sha256, short_ms, size, whole};
use super::{choice, values};
use crate::clock::ShanghaiDay;
use crate::market::supply::{Formats, MediaKind, Size, TrafficCurve};
use crate::money::{Currency, Margin};

const MEDIA_KEYS: &[&str] = &[
    "id",
    "name",
    "kind",
    "margin",
    "consent_since",
    "prohibited_categories",
    "prohibited_industries",
    "prohibited_advertisers",
    "prohibited_advertiser_ids",
    "prohibited_attributes",
    "unreviewed",
    "no_bid_body",
    "default_tmax",
    "currency",
    "state",
    "keys",
    "partner_keys",
    "properties",
    "placements",
];
const PROPERTY_KEYS: &[&str] = &["id", "name", "kind", "bundle", "domain"];
const PLACEMENT_KEYS: &[&str] = &[
    "tagid",
    "property",
    "formats",
    "sizes",
    "minimum_display",
    "token_life",
    "daily_capacity",
    "hourly_traffic",
    "competitive_separation",
    "billing",
];
/// Formats whose markup bills.
const BILLING: &[(&str, Formats)] = &[("markup", Formats::ALL), ("notice", Formats::NONE)];
const KINDS: &[(&str, MediaKind)] = &[("app", MediaKind::App), ("site", MediaKind::Site), ("dooh", MediaKind::Dooh)];

pub(super) struct MediaEntry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: MediaKind,
    pub(super) margin: Margin,
    pub(super) consent_since: Option<ShanghaiDay>,
    pub(super) prohibited_categories: Vec<String>,
    /// By the ids of content.toml.
    pub(super) prohibited_industries: Vec<At<String>>,
    pub(super) prohibited_advertisers: Vec<String>,
    /// `ACCOUNT/ADVERTISER`.
    pub(super) prohibited_ids: Vec<String>,
    pub(super) prohibited_attributes: Vec<i32>,
    pub(super) takes_unreviewed: bool,
    pub(super) no_bid_body: bool,
    pub(super) default_tmax_ms: Option<At<u32>>,
    pub(super) currency: At<Currency>,
    pub(super) suspended: bool,
    pub(super) partner_keys: Vec<PartnerKeyEntry>,
}

pub(super) struct PropertyEntry {
    /// The media's id.
    pub(super) media: String,
    pub(super) id: String,
    /// `media/id`.
    pub(super) full: String,
    pub(super) name: String,
    pub(super) kind: MediaKind,
    pub(super) address: Option<String>,
    pub(super) place: Place,
}

pub(super) struct PlacementEntry {
    /// The media's id.
    pub(super) media: String,
    /// The property's id.
    pub(super) property: At<String>,
    pub(super) tagid: String,
    /// `media/tagid`.
    pub(super) name: String,
    pub(super) formats: Formats,
    pub(super) sizes: Vec<Size>,
    pub(super) minimum_display_ms: u32,
    pub(super) token_life_ms: Option<u64>,
    pub(super) daily_capacity: u64,
    pub(super) traffic: Option<TrafficCurve>,
    pub(super) competitive_separation: bool,
    /// Formats whose markup bills; `None`: by the kind of property.
    pub(super) billing: Option<Formats>,
    pub(super) place: Place,
}

pub(super) struct KeyEntry {
    pub(super) media: String,
    pub(super) key_id: String,
    pub(super) sha256: [u8; 32],
}

pub(super) struct Supply {
    pub(super) media: Register<MediaEntry>,
    /// By `media/property`; a media that lists none is one itself.
    pub(super) properties: Register<PropertyEntry>,
    pub(super) placements: Register<PlacementEntry>,
    pub(super) keys: Register<KeyEntry>,
}

pub(super) fn read(text: &str, report: &Report) -> Supply {
    let read = read_file(File::Media, text, &["schema", "media"], report, |table| {
        let mut supply = Supply {
            media: Register::new("media"),
            properties: Register::new("property"),
            placements: Register::new("placement"),
            keys: Register::new("request key"),
        };
        if !table.each("media", MEDIA_KEYS, |table| media(table, &mut supply)) {
            supply.media.is_incomplete();
            supply.properties.is_incomplete();
            supply.placements.is_incomplete();
        }
        supply
    });
    read.unwrap_or_else(|| Supply {
        media: Register::unread("media"),
        properties: Register::unread("property"),
        placements: Register::unread("placement"),
        keys: Register::unread("request key"),
    })
}

fn media(table: Table<'_>, supply: &mut Supply) {
    let report = table.report();
    let media_id = table.required_at("id", id);
    let name = table.required("name", label);
    let kind = table.required("kind", choice(KINDS));
    let margin = table.required("margin", percent);
    let consent_since = table.optional("consent_since", day);
    let categories = table.list("prohibited_categories", category);
    let industries = table.list("prohibited_industries", id);
    let advertisers = table.list("prohibited_advertisers", domain);
    let advertiser_ids = table.list("prohibited_advertiser_ids", advertiser_name);
    let attributes = table.list("prohibited_attributes", attribute);
    let unreviewed = table.optional("unreviewed", flag);
    let no_bid_body = table.optional("no_bid_body", flag);
    let default_tmax = table.optional_at("default_tmax", short_ms(1, 10_000));
    let currency = table.optional_at("currency", currency);
    let suspended = table.optional("state", choice(SUSPENSION));
    let partner_keys = partner_keys::read(table);

    let owner = media_id.as_ref().map(|id| id.value.as_str());
    let keys = table.filled_tables("keys", &["id", "sha256"], |table| {
        let key_id = table.required_at("id", key_id);
        let sha256 = table.required("sha256", sha256);
        let entry = owner.zip(key_id.as_ref()).zip(sha256).map(|((media, key_id), sha256)| KeyEntry {
            media: media.to_owned(),
            key_id: key_id.value.clone(),
            sha256,
        });
        supply.keys.add(key_id, entry, report);
        Some(())
    });
    let only = properties(table, owner, kind.unwrap_or(MediaKind::App), name.as_deref(), &mut supply.properties);
    let placements = &mut supply.placements;
    let whole = table.each("placements", PLACEMENT_KEYS, |table| placement(table, owner, only.as_deref(), placements));
    if !whole || owner.is_none() {
        placements.is_incomplete();
    }
    let entry = (|| {
        keys?;
        Some(MediaEntry {
            id: owner?.to_owned(),
            name: name?,
            kind: kind?,
            margin: margin?,
            consent_since: consent_since?,
            prohibited_categories: values(categories?),
            prohibited_industries: industries?,
            prohibited_advertisers: values(advertisers?),
            prohibited_ids: values(advertiser_ids?),
            prohibited_attributes: values(attributes?),
            takes_unreviewed: unreviewed?.unwrap_or(false),
            no_bid_body: no_bid_body?.unwrap_or(false),
            default_tmax_ms: default_tmax?,
            currency: currency?.unwrap_or(At { value: Currency::CNY, place: table.place }),
            suspended: suspended?.unwrap_or(false),
            partner_keys: partner_keys?,
        })
    })();
    supply.media.add(media_id, entry, report);
}

/// Reads the properties of a media, and gives the id of the one that a placement need not name: the only one.
fn properties(
    table: Table<'_>,
    owner: Option<&str>,
    media_kind: MediaKind,
    media_name: Option<&str>,
    properties: &mut Register<PropertyEntry>,
) -> Option<String> {
    let mut ids = Vec::new();
    let whole = table.each("properties", PROPERTY_KEYS, |table| {
        let property_id = table.required_at("id", id);
        ids.extend(property_id.as_ref().map(|id| id.value.clone()));
        property(table, owner, property_id, media_kind, properties);
    });
    if !whole || owner.is_none() {
        properties.is_incomplete();
    }
    if !table.has("properties") {
        let owner = owner?;
        let entry = PropertyEntry {
            media: owner.to_owned(),
            id: owner.to_owned(),
            full: format!("{owner}/{owner}"),
            name: media_name.unwrap_or(owner).to_owned(),
            kind: media_kind,
            address: None,
            place: table.place,
        };
        let full = At { value: entry.full.clone(), place: table.place };
        properties.add(Some(full), Some(entry), table.report());
        return Some(owner.to_owned());
    }
    if ids.len() == 1 { ids.pop() } else { None }
}

fn property(
    table: Table<'_>,
    owner: Option<&str>,
    id: Option<At<String>>,
    media_kind: MediaKind,
    properties: &mut Register<PropertyEntry>,
) {
    let name = table.required("name", label);
    let kind = table.optional("kind", choice(KINDS)).map(|kind| kind.unwrap_or(media_kind));
    let bundle = table.optional_at("bundle", wire);
    let domain = table.optional_at("domain", domain);
    if let (Some(kind), Some(bundle), Some(domain)) = (kind, &bundle, &domain) {
        let (wrong, key, other) = match kind {
            MediaKind::App => (domain, "domain", "bundle"),
            MediaKind::Site | MediaKind::Dooh => (bundle, "bundle", "domain"),
        };
        if let Some(wrong) = wrong {
            table.report().error(wrong.place, format!("`{key}`: this property has none; it has a `{other}`"));
        }
    }
    let full = owner.zip(id.as_ref()).map(|(media, id)| At { value: format!("{media}/{}", id.value), place: id.place });
    let entry = (|| {
        Some(PropertyEntry {
            media: owner?.to_owned(),
            id: id?.value,
            full: full.as_ref()?.value.clone(),
            name: name?,
            kind: kind?,
            address: bundle?.or(domain?).map(|address| address.value),
            place: table.place,
        })
    })();
    properties.add(full, entry, table.report());
}

/// `only` is the property that it is part of when it names none.
fn placement(table: Table<'_>, owner: Option<&str>, only: Option<&str>, placements: &mut Register<PlacementEntry>) {
    let tagid = table.required_at("tagid", wire);
    let formats = table.filled_list("formats", format);
    let sizes = table.list("sizes", size);
    let minimum_display = table.optional("minimum_display", short_ms(0, 600_000));
    let token_life = table.optional("token_life", duration_ms(1_000, LONGEST_TOKEN_LIFE_MS));
    let daily_capacity = table.required("daily_capacity", whole(0, 1_000_000_000_000));
    let traffic = table.optional("hourly_traffic", hourly_traffic);
    let separation = table.optional("competitive_separation", flag);
    let billing = table.optional("billing", choice(BILLING));
    let property = table.optional_at("property", id);
    if matches!(property, Some(None)) && only.is_none() && !table.misspells("property") {
        table.report().error(table.place, "`property` is missing from placements: the media has several");
    }
    let default = only.map(|only| At { value: only.to_owned(), place: table.place });
    let name = owner
        .zip(tagid.as_ref())
        .map(|(media, tagid)| At { value: format!("{media}/{}", tagid.value), place: tagid.place });
    let entry = (|| {
        Some(PlacementEntry {
            media: owner?.to_owned(),
            property: property?.or(default)?,
            name: name.as_ref()?.value.clone(),
            formats: formats?.into_iter().map(|format| format.value).collect(),
            sizes: values(sizes?),
            minimum_display_ms: minimum_display?.unwrap_or(0),
            token_life_ms: token_life?,
            daily_capacity: daily_capacity?,
            traffic: traffic?,
            competitive_separation: separation?.unwrap_or(true),
            billing: billing?,
            place: table.place,
            tagid: tagid?.value,
        })
    })();
    placements.add(name, entry, table.report());
}
