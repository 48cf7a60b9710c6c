//! `media.toml`: media, their request keys and placements.

use super::diagnostic::{At, File, Place, Report};
use super::exchange::LONGEST_TOKEN_LIFE_MS;
use super::names::{category, domain, format, id, key_id, label, wire};
use super::reader::{Register, Table, read_file};
use super::units::{day, duration_ms, flag, percent, sha256, short_ms, size, whole};
use super::{choice, values};
use crate::clock::ShanghaiDay;
use crate::market::supply::{Formats, MediaKind, Size};
use crate::money::Margin;

const MEDIA_KEYS: &[&str] = &[
    "id",
    "name",
    "kind",
    "margin",
    "consent_since",
    "prohibited_categories",
    "prohibited_advertisers",
    "no_bid_body",
    "keys",
    "placements",
];
const PLACEMENT_KEYS: &[&str] = &["tagid", "formats", "sizes", "minimum_display", "token_life", "daily_capacity"];
const KINDS: &[(&str, MediaKind)] = &[("app", MediaKind::App), ("site", MediaKind::Site)];

pub(super) struct MediaEntry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: MediaKind,
    pub(super) margin: Margin,
    pub(super) consent_since: Option<ShanghaiDay>,
    pub(super) prohibited_categories: Vec<String>,
    pub(super) prohibited_advertisers: Vec<String>,
    pub(super) no_bid_body: bool,
}

pub(super) struct PlacementEntry {
    /// The media's id.
    pub(super) media: String,
    pub(super) tagid: String,
    /// `media/tagid`.
    pub(super) name: String,
    pub(super) formats: Formats,
    pub(super) sizes: Vec<Size>,
    pub(super) minimum_display_ms: u32,
    pub(super) token_life_ms: Option<u64>,
    pub(super) daily_capacity: u64,
    pub(super) place: Place,
}

pub(super) struct KeyEntry {
    pub(super) media: String,
    pub(super) key_id: String,
    pub(super) sha256: [u8; 32],
}

pub(super) struct Supply {
    pub(super) media: Register<MediaEntry>,
    pub(super) placements: Register<PlacementEntry>,
    pub(super) keys: Register<KeyEntry>,
}

pub(super) fn read(text: &str, report: &Report) -> Supply {
    let read = read_file(File::Media, text, &["schema", "media"], report, |table| {
        let mut supply = Supply {
            media: Register::new("media"),
            placements: Register::new("placement"),
            keys: Register::new("request key"),
        };
        if !table.each("media", MEDIA_KEYS, |table| media(table, &mut supply)) {
            supply.media.is_incomplete();
            supply.placements.is_incomplete();
        }
        supply
    });
    read.unwrap_or_else(|| Supply {
        media: Register::unread("media"),
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
    let advertisers = table.list("prohibited_advertisers", domain);
    let no_bid_body = table.optional("no_bid_body", flag);

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
    let placements = &mut supply.placements;
    let whole = table.each("placements", PLACEMENT_KEYS, |table| placement(table, owner, placements));
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
            prohibited_advertisers: values(advertisers?),
            no_bid_body: no_bid_body?.unwrap_or(false),
        })
    })();
    supply.media.add(media_id, entry, report);
}

fn placement(table: Table<'_>, owner: Option<&str>, placements: &mut Register<PlacementEntry>) {
    let tagid = table.required_at("tagid", wire);
    let formats = table.filled_list("formats", format);
    let sizes = table.list("sizes", size);
    let minimum_display = table.optional("minimum_display", short_ms(0, 600_000));
    let token_life = table.optional("token_life", duration_ms(1_000, LONGEST_TOKEN_LIFE_MS));
    let daily_capacity = table.required("daily_capacity", whole(0, 1_000_000_000_000));
    let name = owner
        .zip(tagid.as_ref())
        .map(|(media, tagid)| At { value: format!("{media}/{}", tagid.value), place: tagid.place });
    let entry = (|| {
        Some(PlacementEntry {
            media: owner?.to_owned(),
            name: name.as_ref()?.value.clone(),
            formats: formats?.into_iter().map(|format| format.value).collect(),
            sizes: values(sizes?),
            minimum_display_ms: minimum_display?.unwrap_or(0),
            token_life_ms: token_life?,
            daily_capacity: daily_capacity?,
            place: table.place,
            tagid: tagid?.value,
        })
    })();
    placements.add(name, entry, table.report());
}
