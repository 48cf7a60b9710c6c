//! What is known of keys that have sealed, durable beside the store: which, until when, and where their secrets are kept.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{KeyError, own};
use crate::billing::budget::Lives;
use crate::billing::token::TokenKey;
use crate::clock::UnixMillis;
use crate::control::config::SecretSource;

const FILE: &str = "token-keys.json";

/// A key that has sealed tokens which may live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: u8,
    /// `env:NAME` or `file:PATH`; none: the exchange's own.
    pub(super) place: Option<String>,
    /// Tells one key from another; nothing of the secret can be had from it.
    pub(super) fingerprint: String,
    /// The longest that a token under it may live, with the clocks' skew, ms.
    pub(super) life_ms: u64,
    /// When it had sealed its last token, Unix ms; none: it may still seal.
    pub(super) sealed_until: Option<u64>,
}

/// The first 128 bits of the SHA-256 of 512 random ones, in hexadecimal.
pub(super) fn fingerprint(key: &TokenKey) -> String {
    Sha256::digest(key.secret).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Record {
    /// Until when its tokens live; counted from `now` while it may still seal.
    pub(super) fn lives_until(&self, now: UnixMillis) -> UnixMillis {
        self.sealed_until.map_or(now, UnixMillis).plus_ms(self.life_ms)
    }

    pub(super) fn is_dead(&self, now: UnixMillis) -> bool {
        self.sealed_until.is_some() && self.lives_until(now) < now
    }

    /// The key, from where it is kept; the own one is read with the others.
    pub(super) fn read(&self, variable: fn(&str) -> Option<String>) -> Option<TokenKey> {
        let source = SecretSource::parse(self.place.as_deref()?)?;
        Some(TokenKey { id: self.id, secret: source.bytes::<64>(variable).ok()? })
    }
}

/// Notes that a key seals from now on.
pub(super) fn note_sealing(records: &mut Vec<Record>, key: &TokenKey, place: Option<String>, lives: Lives) {
    let life_ms = lives.longest_token_ms + lives.clock_skew_ms;
    match records.iter_mut().find(|it| it.id == key.id) {
        Some(known) => {
            *known = Record {
                place: place.or(known.place.take()),
                life_ms: known.life_ms.max(life_ms),
                sealed_until: None,
                ..known.clone()
            };
        }
        None => {
            let fingerprint = fingerprint(key);
            records.push(Record { id: key.id, place, fingerprint, life_ms, sealed_until: None });
        }
    }
}

pub(super) fn load(data: &Path) -> Result<Vec<Record>, KeyError> {
    let path = data.join(FILE);
    let records = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    records.map_err(|error| KeyError::File(path, error))
}

pub(super) fn save(data: &Path, records: &[Record]) -> Result<(), KeyError> {
    let path = data.join(FILE);
    let _alone = own::alone(data)?;
    let written = serde_json::to_vec_pretty(records).map_err(io::Error::from);
    written.and_then(|text| own::write(&path, &text)).map_err(|error| KeyError::File(path, error))
}
