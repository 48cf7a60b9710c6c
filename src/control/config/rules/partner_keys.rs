//! Keys of partners and operators, over all files: an id means one key, and a secret that opens two doors is refused.

use std::collections::HashMap;

use super::super::Folder;
use super::super::diagnostic::Report;

pub(super) fn judge(folder: &Folder, report: &Report) {
    let of_media = folder.supply.media.entries.iter().flat_map(|media| &media.partner_keys);
    let of_buyers = folder.buyers.buyers.entries.iter().flat_map(|buyer| &buyer.partner_keys);
    let of_dsps = folder.dsps.entries.iter().flat_map(|dsp| &dsp.partner_keys);
    let mut ids: HashMap<&str, String> = HashMap::new();
    let mut digests: HashMap<&[u8; 32], String> = HashMap::new();
    for key in &folder.supply.keys.entries {
        let name = format!("request key `{}` of media `{}`", key.key_id, key.media);
        ids.insert(&key.key_id, name.clone());
        digests.insert(&key.sha256, name);
    }
    let of_partners = of_media.chain(of_buyers).chain(of_dsps).map(|key| (&key.key_id, &key.sha256, "partner"));
    let of_operators =
        folder.operators.iter().flat_map(|them| them.keys()).map(|(id, sha256)| (id, sha256, "operator's"));
    for (key, sha256, whose) in of_partners.chain(of_operators) {
        let (id, place) = (&key.value, key.place);
        let name = format!("{whose} key `{id}` in {}", place.file.name());
        if let Some(other) = ids.insert(id, name.clone()) {
            report.error(place, format!("`{id}` is already the id of the {other}: a key's id means one key"));
        }
        if let Some(other) = digests.insert(sha256, name) {
            report.error(place, format!("key `{id}` has the secret of the {other}: make one of its own"));
        }
    }
}
