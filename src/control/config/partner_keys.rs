//! `partner_keys` of buyers, DSPs and media: who may ask the partner API. `rules::partner_keys` keeps them apart over all files.

use super::diagnostic::At;
use super::names::key_id;
use super::reader::Table;
use super::units::sha256;
use super::{Folder, values};
use crate::market::Parts;
use crate::market::partner::{Partner, PartnerKey};

/// A partner's key.
pub(super) struct PartnerKeyEntry {
    pub(super) key_id: At<String>,
    pub(super) sha256: [u8; 32],
}

/// Reads a partner's keys; `None` when one was refused.
pub(super) fn read(table: Table<'_>) -> Option<Vec<PartnerKeyEntry>> {
    let keys = table.tables("partner_keys", &["id", "sha256"], |key| {
        let key_id = key.required_at("id", key_id);
        let sha256 = key.required("sha256", sha256);
        Some(PartnerKeyEntry { key_id: key_id?, sha256: sha256? })
    });
    keys.map(values)
}

/// The keys of all partners, who stand in the parts in the order of their files.
pub(super) fn of(folder: &Folder, parts: &Parts) -> Vec<PartnerKey> {
    let buyers = folder.buyers.buyers.entries.iter().map(|buyer| &buyer.partner_keys);
    let buyers = buyers.zip(parts.buyers.iter().map(|buyer| Partner::Buyer(buyer.id)));
    let dsps = folder.dsps.entries.iter().map(|dsp| &dsp.partner_keys);
    let dsps = dsps.zip(parts.dsps.iter().map(|dsp| Partner::Dsp(dsp.id)));
    let media = folder.supply.media.entries.iter().map(|media| &media.partner_keys);
    let media = media.zip(parts.media.iter().map(|media| Partner::Media(media.id)));
    let all = buyers.chain(dsps).chain(media);
    all.flat_map(|(keys, partner)| {
        keys.iter().map(move |key| PartnerKey { key_id: key.key_id.value.clone(), sha256: key.sha256, partner })
    })
    .collect()
}
