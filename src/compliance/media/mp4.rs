//! MP4 (ISO 14496-12), as far as it is measured: boxes within their parents, durations, codecs. No table of samples is read, so what a
//! file claims to hold costs nothing.

use super::super::upload::Broken;

/// Boxes at most.
const MOST: usize = 20_000;

const SHORT: &str = "it ends too early / 文件不完整";
const ODD: &str = "a box is not as it must be / 文件结构不正确";
const MANY: &str = "it has too many boxes / 文件分块过多";

/// A film or sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::compliance) struct Film {
    /// Of its largest picture; 0: sound only.
    pub(in crate::compliance) size: (u32, u32),
    /// The longest track, or the film; ms.
    pub(in crate::compliance) duration_ms: u64,
    /// Of its tracks, in their order.
    pub(in crate::compliance) codecs: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// Where it breaks.
pub(in crate::compliance) fn read(bytes: &[u8]) -> Result<Film, Broken> {
    let mut walk = Walk { bytes, film: Film::default(), count: 0, media: false, header: false };
    walk.boxes(0, bytes.len(), 0)?;
    if !walk.header || !walk.media {
        return Err((bytes.len(), SHORT));
    }
    Ok(walk.film)
}

struct Walk<'b> {
    bytes: &'b [u8],
    film: Film,
    count: usize,
    /// Media data was there.
    media: bool,
    /// A film's header was there.
    header: bool,
}

impl Walk<'_> {
    fn number(&self, at: usize, length: usize) -> Result<u64, Broken> {
        let bytes = at.checked_add(length).and_then(|end| self.bytes.get(at..end)).ok_or((at, SHORT))?;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// Boxes between two places. Those that hold others are at most seven inside one another, so this calls itself at most as often.
    fn boxes(&mut self, from: usize, to: usize, depth: usize) -> Result<(), Broken> {
        let mut at = from;
        while at < to {
            self.count += 1;
            if self.count > MOST {
                return Err((at, MANY));
            }
            let small = self.number(at, 4)?;
            let kind = self.bytes.get(at + 4..at + 8).ok_or((at, SHORT))?;
            let (head, size) = match small {
                // To the end of the file, which only the last may be.
                0 if depth == 0 => (8, (to - at) as u64),
                1 => (16, self.number(at + 8, 8)?),
                size => (8, size),
            };
            let end = usize::try_from(size).ok().and_then(|size| at.checked_add(size)).filter(|end| *end <= to);
            let end = end.ok_or((at, if depth == 0 { SHORT } else { ODD }))?;
            let content = at + head;
            if content > end {
                return Err((at, ODD));
            }
            self.one(kind, (content, end), depth)?;
            at = end;
        }
        Ok(())
    }

    fn one(&mut self, kind: &[u8], (content, end): (usize, usize), depth: usize) -> Result<(), Broken> {
        match (depth, kind) {
            (0, b"mdat") => self.media = true,
            (0, b"moov") => {
                self.header = true;
                self.boxes(content, end, 1)?;
            }
            (1, b"trak") | (2, b"mdia") | (3, b"minf") | (4, b"stbl") | (1, b"mvex") => {
                self.boxes(content, end, depth + 1)?;
            }
            (1, b"mvhd") | (3, b"mdhd") => self.header(content)?,
            (2, b"mehd") => {
                // Of a film in fragments; in the film's time scale, which stands before it: seconds are enough to bound it.
                let wide = self.number(content, 1)? == 1;
                self.number(content + 4, if wide { 8 } else { 4 })?;
            }
            (5, b"stsd") => self.samples(content, end)?,
            // What may stand on its own (§8, registered): anything else behind the film is no part of it.
            (
                0,
                b"ftyp" | b"free" | b"skip" | b"wide" | b"udta" | b"meta" | b"uuid" | b"sidx" | b"styp" | b"moof"
                | b"mfra" | b"emsg" | b"pdin" | b"prft" | b"ssix",
            ) => {}
            (0, _) => return Err((content, ODD)),
            _ => {}
        }
        Ok(())
    }

    /// `mvhd` and `mdhd`: time scale and duration at the same places.
    fn header(&mut self, at: usize) -> Result<(), Broken> {
        let wide = self.number(at, 1)? == 1;
        let (scale, duration) = if wide {
            (self.number(at + 20, 4)?, self.number(at + 24, 8)?)
        } else {
            (self.number(at + 12, 4)?, self.number(at + 16, 4)?)
        };
        let unknown = duration == if wide { u64::MAX } else { u64::from(u32::MAX) };
        let ms = (u128::from(duration) * 1_000).checked_div(u128::from(scale)).ok_or((at, ODD))?;
        if !unknown {
            self.film.duration_ms = self.film.duration_ms.max(u64::try_from(ms).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// The codec of a track, and the size of its picture.
    fn samples(&mut self, at: usize, end: usize) -> Result<(), Broken> {
        let entry = at + 8;
        if entry + 8 > end {
            return Err((at, ODD));
        }
        let name = self.bytes.get(entry + 4..entry + 8).unwrap_or_default();
        let codec = String::from_utf8_lossy(name).into_owned();
        if matches!(name, b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01" | b"vp09" | b"vp08" | b"mp4v" | b"encv") {
            if entry + 36 > end {
                return Err((entry, ODD));
            }
            let size = (self.number(entry + 32, 2)? as u32, self.number(entry + 34, 2)? as u32);
            self.film.size = self.film.size.max(size);
        }
        self.film.codecs.push(codec);
        Ok(())
    }
}
