//! gzip (RFC 1952) towards DSPs: requests packed with one compressor a core, answers unpacked within bounds.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::answer::{LARGEST_ANSWER, Silence};

/// Bodies below this are sent as they are: a packet holds them.
pub(super) const SMALLEST: usize = 1_024;
/// An answer may be this many times larger than what was sent of it. JSON of bids packs about 3:1, rarely above 20:1; a bomb is
/// up to 1,032:1.
const MOST_RATIO: usize = 100;
/// So much is unpacked whatever the ratio.
const FREE: usize = 16 * 1_024;
/// No flags, no time, fastest, unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// Packs bodies. Its tables are made once: they are larger than most bodies.
#[derive(Debug)]
pub(super) struct Packer(Compress);

impl Packer {
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::fast(), false))
    }

    /// The body in gzip; `None` where that would not be smaller.
    pub(super) fn pack(&mut self, body: &[u8]) -> Option<Bytes> {
        let mut packed = Vec::with_capacity(body.len());
        packed.extend_from_slice(&HEAD);
        self.0.reset();
        let status = self.0.compress_vec(body, &mut packed, FlushCompress::Finish).ok()?;
        if status != Status::StreamEnd || packed.len() + 8 > body.len() {
            return None;
        }
        let mut check = Crc::new();
        check.update(body);
        packed.extend_from_slice(&check.sum().to_le_bytes());
        packed.extend_from_slice(&check.amount().to_le_bytes());
        Some(packed.into())
    }
}

/// The plain bytes of one gzip member, with nothing behind it.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, Silence> {
    let most = packed.len().saturating_mul(MOST_RATIO).clamp(FREE, LARGEST_ANSWER);
    let mut plain = Vec::with_capacity(packed.len().saturating_mul(4).min(most));
    let mut decoder = GzDecoder::new(packed).take(most as u64 + 1);
    let read = decoder.read_to_end(&mut plain);
    match read {
        Ok(length) if length > most => Err(Silence::TooLarge),
        Ok(_) if decoder.into_inner().into_inner().is_empty() => Ok(plain),
        _ => Err(Silence::Encoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_unpacks_for_everyone_again_and_again() {
        let mut packer = Packer::new();
        for turn in 0..3 {
            let body = format!("{{\"id\":\"{turn}\",\"imp\":[{}]}}", "{\"id\":\"1\"},".repeat(200));
            let packed = packer.pack(body.as_bytes()).unwrap();
            assert!(packed.len() < body.len() / 4, "{} of {}", packed.len(), body.len());
            let mut text = String::new();
            GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
            assert_eq!(text, body);
            assert_eq!(unpack(&packed).unwrap(), body.as_bytes());
        }
        let noise: Vec<u8> = (0..2_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert!(packer.pack(&noise).is_none_or(|packed| packed.len() <= noise.len()));
        assert_eq!(packer.pack(b"x"), None);
    }

    #[test]
    fn bombs_and_broken_gzip_are_refused() {
        let small = gzip(&[b' '; 100_000]);
        assert!(small.len() < 1_000, "an answer of hundreds of times its size");
        assert_eq!(unpack(&small), Err(Silence::TooLarge));
        let large = gzip(&vec![b' '; 10_000_000]);
        assert_eq!(unpack(&large), Err(Silence::TooLarge));
        assert_eq!(unpack(&gzip(&vec![b' '; FREE])).map(|plain| plain.len()), Ok(FREE));
        assert_eq!(unpack(&gzip(&vec![b' '; FREE + 1])), Err(Silence::TooLarge));
        let right = gzip(b"{\"id\":\"1\"}");
        assert_eq!(unpack(&right).unwrap(), b"{\"id\":\"1\"}");
        let (mut trailing, mut flipped) = (right.clone(), right.clone());
        trailing.push(0);
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        for broken in [&right[..right.len() - 1], b"", b"{}", &trailing, &flipped] {
            assert_eq!(unpack(broken), Err(Silence::Encoding), "{broken:?}");
        }
    }
}
