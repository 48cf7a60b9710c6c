//! Bodies: bounded, also after decompression.

use std::io::{Read, Write};

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Over the limit, as sent or after decompression.
    TooLarge,
    /// The client broke off.
    Broken,
    /// Not the gzip that it says it is.
    NotGzip,
}

/// Reads a whole body of at most `most` bytes. A length that is announced and too large is refused unread.
pub(super) async fn read(mut body: Incoming, most: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut whole: Option<Bytes> = None;
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        match whole.take() {
            // The usual body is one frame and is not copied.
            None if parts.is_empty() => whole = Some(data),
            None => parts.extend_from_slice(&data),
            Some(first) => {
                parts.extend_from_slice(&first);
                parts.extend_from_slice(&data);
            }
        }
        if whole.as_ref().map_or(parts.len(), Bytes::len) > most {
            return Err(BodyError::TooLarge);
        }
    }
    Ok(whole.unwrap_or_else(|| parts.freeze()))
}

/// Undoes gzip, to at most `most` bytes.
pub(super) fn gunzip(packed: &[u8], most: usize) -> Result<Bytes, BodyError> {
    let mut plain = Vec::with_capacity(packed.len().saturating_mul(4).min(most));
    let read = MultiGzDecoder::new(packed).take(most as u64 + 1).read_to_end(&mut plain);
    match read {
        Ok(length) if length > most => Err(BodyError::TooLarge),
        Ok(_) => Ok(plain.into()),
        Err(_) => Err(BodyError::NotGzip),
    }
}

/// Gzips an answer, fast rather than small.
pub(super) fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = gzip(&vec![b' '; 10_000_000]).unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(gunzip(&bomb, 256 * 1_024), Err(BodyError::TooLarge));
        assert_eq!(gunzip(&bomb, 10_000_000).map(|plain| plain.len()), Ok(10_000_000));
        assert_eq!(gunzip(b"not gzip", 100), Err(BodyError::NotGzip));
        assert_eq!(gunzip(&bomb[..bomb.len() - 9], 20_000_000), Err(BodyError::NotGzip));
    }
}
