//! The sources of a generation as the store keeps them: a version byte, then gzip over each file's name and text, each after its
//! length in 4 bytes, little-endian.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::Trouble;
use crate::control::config::{LARGEST_FOLDER, Sources};
use crate::event::StoreUnavailable;

const VERSION: u8 = 1;
/// Names and lengths beside the texts at most.
const FRAMES: u64 = 64 << 10;

pub(super) fn pack(sources: &Sources) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![VERSION], Compression::fast());
    for part in sources.files().flat_map(|(name, text)| [name, text]) {
        // Writing to memory does not fail; a folder is far below 4 GiB.
        let _ = encoder.write_all(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        let _ = encoder.write_all(part.as_bytes());
    }
    encoder.finish().unwrap_or_default()
}

/// The sources of a stored generation. Problems in them will name `generation N` as their folder.
pub(super) fn unpack(number: u64, packed: &[u8]) -> Result<Sources, Trouble> {
    let damaged = || StoreUnavailable(format!("the stored sources of generation {number} are damaged"));
    let [VERSION, zipped @ ..] = packed else { return Err(damaged().into()) };
    let mut bytes = Vec::new();
    let most = LARGEST_FOLDER + FRAMES;
    GzDecoder::new(zipped).take(most + 1).read_to_end(&mut bytes).map_err(|_| damaged())?;
    if bytes.len() as u64 > most {
        return Err(damaged().into());
    }
    let mut rest = bytes.as_slice();
    let mut files = BTreeMap::new();
    while !rest.is_empty() {
        let name = part(&mut rest).and_then(|name| String::from_utf8(name).ok()).ok_or_else(damaged)?;
        files.insert(name, part(&mut rest).ok_or_else(damaged)?);
    }
    Ok(Sources::from_files(Path::new(&format!("generation {number}")), files)?)
}

fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(part.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::load;

    #[test]
    fn what_was_packed_is_what_comes_back_and_damage_is_told() {
        let sources = load(Path::new("config")).unwrap();
        let packed = pack(&sources);
        let back = unpack(3, &packed).unwrap();
        assert_eq!(back.digest(), sources.digest());
        assert!(back.files().eq(sources.files()));
        assert_eq!(back.folder(), Path::new("generation 3"));
        for damage in [&packed[1..], &packed[..packed.len() / 2], &[VERSION], &[]] {
            let error = unpack(3, damage).unwrap_err();
            assert!(error.to_string().contains("generation 3 are damaged"), "{error}");
        }
    }
}
