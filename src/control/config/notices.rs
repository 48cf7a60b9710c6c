//! `[notices]` of `exchange.toml`: how long tokens live, and under which keys.

use std::collections::HashSet;

use super::diagnostic::At;
use super::names::SecretSource;
use super::reader::Table;
use super::units::{duration_ms, flag, small};
use crate::billing::token::HIGHEST_KEY;
use crate::market::supply::{Format, Formats, MediaKind};

pub(super) const NOTICE_KEYS: &[&str] = &["token_life", "token_life_by_format", "clock_skew", "keys"];

/// The longest that a token may live: a month closes only after it (R-MONTH).
pub(super) const LONGEST_TOKEN_LIFE_MS: u64 = 7 * 86_400_000;

/// A key of the charge tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKeySource {
    /// Its number, which stands in each token: 1 to [`HIGHEST_KEY`]; 0 is the exchange's own.
    pub id: u8,
    /// Where its 64 bytes are kept.
    pub secret: SecretSource,
    /// Whether its tokens are refused though they may live.
    pub revoked: bool,
}

/// How long a display can be billed, where the placement says nothing.
#[derive(Clone, Debug)]
pub(super) struct TokenLives {
    /// Where nothing more is said, ms.
    pub(super) usual_ms: u64,
    /// By format, in the order of [`Format::ALL`].
    by_format: [Option<u64>; 4],
    /// On screens in public places, whatever the format.
    dooh: Option<u64>,
}

impl TokenLives {
    /// That of a placement: of its formats the longest.
    pub(super) fn of(&self, formats: Formats, kind: MediaKind) -> u64 {
        let dooh = self.dooh.filter(|_| kind == MediaKind::Dooh);
        let taken = Format::ALL.into_iter().zip(self.by_format).filter(|(format, _)| formats.has(*format));
        let longest = taken.map(|(_, life)| life.unwrap_or(self.usual_ms)).max();
        dooh.or(longest).unwrap_or(self.usual_ms)
    }
}

pub(super) struct Notices {
    pub(super) token_lives: TokenLives,
    pub(super) clock_skew_ms: u64,
    pub(super) token_keys: Vec<TokenKeySource>,
}

pub(super) fn read(table: Table<'_>) -> Option<Notices> {
    let usual = table.required("token_life", life());
    let by_format = table.optional_section("token_life_by_format", &["banner", "video", "audio", "native", "dooh"]);
    let by_format = match by_format {
        Some(Some(section)) => {
            let of_format = Format::ALL.map(|format| section.optional(format.name(), life()));
            let dooh = section.optional("dooh", life());
            let [banner, video, audio, native] = of_format;
            (|| Some(([banner?, video?, audio?, native?], dooh?)))()
        }
        absent => absent.map(|_| ([None; 4], None)),
    };
    let clock_skew = table.required("clock_skew", duration_ms(0, 600_000));
    let keys = keys(table);
    let (by_format, dooh) = by_format?;
    Some(Notices {
        token_lives: TokenLives { usual_ms: usual?, by_format, dooh },
        clock_skew_ms: clock_skew?,
        token_keys: keys?,
    })
}

fn life() -> impl Fn(&toml::de::DeValue<'_>) -> Result<u64, super::reader::Wrong> {
    duration_ms(1_000, LONGEST_TOKEN_LIFE_MS)
}

fn keys(table: Table<'_>) -> Option<Vec<TokenKeySource>> {
    let keys = table.tables("keys", &["id", "secret", "revoked"], |key| {
        let id = key.required("id", small(1, HIGHEST_KEY));
        let secret = key.required("secret", SecretSource::read);
        let revoked = key.optional("revoked", flag);
        Some(TokenKeySource { id: id?, secret: secret?, revoked: revoked?.unwrap_or_default() })
    })?;
    let mut ids = HashSet::new();
    for At { value: key, place } in &keys {
        if !ids.insert(key.id) {
            table.report().error(*place, format!("token key {} is already defined", key.id));
        }
    }
    Some(keys.into_iter().map(|key| key.value).collect())
}
