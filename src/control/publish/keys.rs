//! The keys of the charge tokens: read again at every reload, and kept until the last token under them is dead.
//!
//! What a key has sealed is money that a media has earned, so a key is never lost by an edit. Which keys have sealed, until when, and
//! where their secrets are kept stands in a file of the data folder (`token-keys.json`, no secret in it): a key that has left the
//! config, or that an older generation does not name, is read from where it was and opens until its last token is dead.

mod own;
mod record;

use std::io;
use std::path::{Path, PathBuf};

use crate::billing::budget::Lives;
use crate::billing::token::{TokenKey, Tokens};
use crate::clock::UnixMillis;
use crate::control::config::{SecretError, TokenKeySource};

use record::{Record, fingerprint};

/// The id of the exchange's own key; configured keys have others.
const OWN: u8 = 0;

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    /// Not where the config says, or not 64 bytes in hexadecimal.
    #[error("token key {0}: {1}")]
    Secret(u8, SecretError),
    /// Another secret under the same id.
    #[error(
        "token key {id} is not the key that it was, whose tokens live until {until}: give the new key an id of its own, or \
         say `revoked = true` here and take the new key in at another id, if those tokens shall be refused"
    )]
    Replaced {
        /// Which.
        id: u8,
        /// Until when.
        until: String,
    },
    /// The exchange's own files.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

/// The keys that are in use, and what they have sealed.
#[derive(Debug)]
pub(super) struct TokenKeys {
    data: PathBuf,
    variable: fn(&str) -> Option<String>,
    records: Vec<Record>,
    /// In use now: a secret that has gone from its place is still here.
    held: Vec<TokenKey>,
}

/// The keys that shall be in use, not durable yet.
#[derive(Debug)]
pub(super) struct Turn {
    keys: Vec<TokenKey>,
    records: Vec<Record>,
    /// What an operator should know.
    pub(super) warnings: Vec<String>,
}

impl Turn {
    /// What seals and opens with them; `None` never, as each turn has a key.
    pub(super) fn tokens(&self) -> Option<Tokens> {
        Tokens::new(&self.keys)
    }
}

impl TokenKeys {
    /// What the data folder knows of keys.
    pub(super) fn open(data: &Path, variable: fn(&str) -> Option<String>) -> Result<Self, KeyError> {
        Ok(Self { data: data.to_owned(), variable, records: record::load(data)?, held: Vec::new() })
    }

    /// Reads the keys that the config names, in its order, and those that must still open. Changes nothing, but makes the exchange's
    /// own key where nothing else is to seal.
    pub(super) fn prepare(&self, asked: &[TokenKeySource], lives: Lives, now: UnixMillis) -> Result<Turn, KeyError> {
        let revoked = |id| asked.iter().any(|key| key.id == id && key.revoked);
        let mut records: Vec<Record> =
            self.records.iter().filter(|it| !it.is_dead(now) && !revoked(it.id)).cloned().collect();
        let mut keys = Vec::new();
        for source in asked.iter().filter(|source| !source.revoked) {
            let secret =
                source.secret.bytes::<64>(self.variable).map_err(|error| KeyError::Secret(source.id, error))?;
            let key = TokenKey { id: source.id, secret };
            if let Some(old) = records.iter().find(|it| it.id == key.id && it.fingerprint != fingerprint(&key)) {
                return Err(KeyError::Replaced { id: key.id, until: old.lives_until(now).to_rfc3339() });
            }
            keys.push(key);
        }
        let turn = own::alone(&self.data)?;
        keys.extend(own::read(&self.data, keys.is_empty())?.map(|secret| TokenKey { id: OWN, secret }));
        drop(turn);
        let mut warnings = Vec::new();
        for record in &records {
            self.keep(record, &mut keys, &mut warnings, now);
        }
        // A key that is lost may be found again where it was, unless another one has its id now.
        records.retain(|it| keys.iter().all(|key| key.id != it.id || it.fingerprint == fingerprint(key)));
        if let Some(sealing) = keys.first() {
            let place = asked.iter().find(|source| source.id == sealing.id).map(|source| source.secret.to_string());
            record::note_sealing(&mut records, sealing, place, lives);
        }
        Ok(Turn { keys, records, warnings })
    }

    /// Keeps a key that the config does not name while its tokens live.
    fn keep(&self, record: &Record, keys: &mut Vec<TokenKey>, warnings: &mut Vec<String>, now: UnixMillis) {
        if keys.iter().any(|key| key.id == record.id && record.fingerprint == fingerprint(key)) {
            return;
        }
        let (id, until) = (record.id, record.lives_until(now).to_rfc3339());
        let same = |key: &TokenKey| key.id == id && record.fingerprint == fingerprint(key);
        let place = record.place.as_deref().unwrap_or("token.key");
        let kept = self.held.iter().find(|key| same(key)).cloned().or_else(|| record.read(self.variable).filter(same));
        // Under one id there is one key.
        match kept.filter(|_| !keys.iter().any(|key| key.id == id)) {
            Some(key) => {
                keys.push(key);
                warnings.push(format!(
                    "token key {id} is not in the config any more; it opens what it has sealed until {until}: keep {place} until then"
                ));
            }
            None => warnings.push(format!(
                "TOKEN KEY {id} IS LOST: {place} does not hold it any more, so tokens that live until {until} are refused"
            )),
        }
    }

    /// Whether a turn would change anything.
    pub(super) fn is_news(&self, turn: &Turn) -> bool {
        let ids = |keys: &[TokenKey]| keys.iter().map(fingerprint).collect::<Vec<_>>();
        ids(&turn.keys) != ids(&self.held)
    }

    /// Makes durable that the keys of a turn may seal: before they do.
    pub(super) fn promise(&self, turn: &Turn) -> Result<(), KeyError> {
        if turn.records == self.records { Ok(()) } else { record::save(&self.data, &turn.records) }
    }

    /// Takes a promise back: what it was for did not happen.
    pub(super) fn withdraw(&self) {
        if let Err(error) = record::save(&self.data, &self.records) {
            tracing::warn!(%error, "keys are taken to have sealed though they did not");
        }
    }

    /// Notes that a turn is in use, and that every key but its first has sealed its last token.
    pub(super) fn served(&mut self, turn: Turn, now: UnixMillis) {
        let Turn { keys, mut records, .. } = turn;
        let sealing = keys.first().map(|key| key.id);
        for record in &mut records {
            if Some(record.id) != sealing && record.sealed_until.is_none() {
                record.sealed_until = Some(now.0);
                let until = record.lives_until(now).to_rfc3339();
                tracing::info!(
                    key = record.id,
                    until,
                    "this token key seals no more; it may go when its tokens are dead"
                );
            }
        }
        if records != self.records
            && let Err(error) = record::save(&self.data, &records)
        {
            tracing::warn!(%error, "a key is taken to seal though it does no more");
        }
        (self.records, self.held) = (records, keys);
    }
}

#[cfg(test)]
mod tests;
