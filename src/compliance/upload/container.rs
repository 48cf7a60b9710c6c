//! How pictures and films are put together: where they end, what they say beside the picture, how long they run. Nothing is decompressed.

use std::ops::Range;

use super::Kind;

/// Parts of one file at most: real ones have a few thousand.
const MOST_PARTS: usize = 100_000;

/// What a file is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::compliance) struct Parts {
    /// Width and height, as the file says.
    pub(in crate::compliance) size: (u32, u32),
    /// Where it ends.
    pub(in crate::compliance) end: usize,
    /// Comments and texts.
    pub(in crate::compliance) texts: Vec<Range<usize>>,
    /// Frames; 1 for a picture that stands still.
    pub(in crate::compliance) frames: u32,
    /// How long its frames are shown once, ms.
    pub(in crate::compliance) duration_ms: u64,
    /// How often it runs; 0: for ever.
    pub(in crate::compliance) loops: u32,
}

/// Where it breaks, and how.
pub(in crate::compliance) type Broken = (usize, &'static str);

const SHORT: &str = "it ends too early / 文件不完整";
const ODD: &str = "a part is not as it must be / 文件结构不正确";
const MANY: &str = "it has too many parts / 文件分块过多";

/// Reads how a picture or film is put together.
///
/// # Errors
/// Where it breaks.
pub(in crate::compliance) fn parts(bytes: &[u8], kind: Kind) -> Result<Parts, Broken> {
    let mut read = Read { bytes, at: 0, told: Parts { frames: 0, loops: 1, ..Parts::default() }, count: 0 };
    match kind {
        Kind::Png => read.png()?,
        Kind::Jpeg => read.jpeg()?,
        Kind::Gif => read.gif()?,
        Kind::WebP => read.webp()?,
        Kind::Mp4 => {
            let film = super::super::media::mp4::read(bytes)?;
            read.told = Parts { size: film.size, end: bytes.len(), ..read.told };
        }
        Kind::Pdf => read.told.end = bytes.len(),
    }
    Ok(Parts { frames: read.told.frames.max(1), ..read.told })
}

struct Read<'b> {
    bytes: &'b [u8],
    at: usize,
    told: Parts,
    count: usize,
}

impl<'b> Read<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], Broken> {
        let end = self.at.checked_add(length).ok_or((self.at, SHORT))?;
        let taken = self.bytes.get(self.at..end).ok_or((self.at, SHORT))?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        self.take(1).map(|it| it.first().copied().unwrap_or_default())
    }

    fn big(&mut self, length: usize) -> Result<u32, Broken> {
        Ok(self.take(length)?.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    fn little(&mut self, length: usize) -> Result<u32, Broken> {
        Ok(self.take(length)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    fn part(&mut self) -> Result<(), Broken> {
        self.count += 1;
        if self.count > MOST_PARTS { Err((self.at, MANY)) } else { Ok(()) }
    }

    fn text(&mut self, range: Range<usize>) {
        self.told.texts.push(range);
    }

    /// PNG (ISO 15948, with APNG's chunks).
    fn png(&mut self) -> Result<(), Broken> {
        self.take(8)?;
        loop {
            self.part()?;
            let begin = self.at;
            let length = self.big(4)? as usize;
            let kind = self.take(4)?;
            let content = self.at..self.at.saturating_add(length);
            match kind {
                b"IHDR" if length >= 8 && begin == 8 => {
                    self.told.size = (self.big(4)?, self.big(4)?);
                }
                _ if begin == 8 => return Err((begin, ODD)),
                b"acTL" if length == 8 => {
                    self.big(4)?;
                    self.told.loops = self.big(4)?;
                }
                b"fcTL" if length == 26 => {
                    self.take(20)?;
                    let (delay, unit) = (self.big(2)?, self.big(2)?);
                    self.told.duration_ms += u64::from(delay) * 1_000 / u64::from(if unit == 0 { 100 } else { unit });
                    self.told.frames += 1;
                }
                b"tEXt" | b"iTXt" | b"zTXt" | b"eXIf" => self.text(content.clone()),
                _ => {}
            }
            self.at = content.end;
            self.take(4)?;
            if kind == b"IEND" {
                self.told.end = self.at;
                return Ok(());
            }
        }
    }

    /// JPEG (ISO 10918-1).
    fn jpeg(&mut self) -> Result<(), Broken> {
        self.take(2)?;
        if self.bytes.get(4..6) == Some(b"/*") {
            // The first segment's length opens a comment of JavaScript.
            return Err((4, ODD));
        }
        loop {
            self.part()?;
            let begin = self.at;
            if self.byte()? != 0xff {
                return Err((begin, ODD));
            }
            let mut marker = self.byte()?;
            while marker == 0xff {
                marker = self.byte()?;
            }
            match marker {
                0xd9 => {
                    self.told.end = self.at;
                    let seen = self.told.size != (0, 0);
                    return if seen { Ok(()) } else { Err((begin, ODD)) };
                }
                0x01 | 0xd0..=0xd7 => continue,
                0x00 | 0xd8 => return Err((begin, ODD)),
                _ => {}
            }
            let length = (self.big(2)? as usize).checked_sub(2).ok_or((begin, ODD))?;
            let content = self.at..self.at.saturating_add(length);
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    self.byte()?;
                    let (h, w) = (self.big(2)?, self.big(2)?);
                    self.told.size = (w, h);
                }
                0xfe | 0xe0..=0xef => self.text(content.clone()),
                _ => {}
            }
            self.at = content.end;
            if marker == 0xda {
                self.scan()?;
            }
        }
    }

    /// The compressed data behind a scan's head: to the next marker that is none of its own.
    fn scan(&mut self) -> Result<(), Broken> {
        loop {
            let rest = self.bytes.get(self.at..).ok_or((self.at, SHORT))?;
            self.at += memchr::memchr(0xff, rest).ok_or((self.at, SHORT))?;
            match self.bytes.get(self.at + 1) {
                None => return Err((self.at, SHORT)),
                Some(0x00 | 0xd0..=0xd7) => self.at += 2,
                Some(0xff) => self.at += 1,
                Some(_) => return Ok(()),
            }
        }
    }

    /// GIF 87a and 89a.
    fn gif(&mut self) -> Result<(), Broken> {
        self.take(6)?;
        self.told.size = (self.little(2)?, self.little(2)?);
        let flags = self.byte()?;
        self.take(2)?;
        self.colours(flags)?;
        let mut delay = 0;
        loop {
            self.part()?;
            let begin = self.at;
            match self.byte()? {
                0x3b => {
                    self.told.end = self.at;
                    return if self.told.frames > 0 { Ok(()) } else { Err((begin, ODD)) };
                }
                0x2c => {
                    self.take(8)?;
                    let flags = self.byte()?;
                    self.colours(flags)?;
                    self.byte()?;
                    self.blocks()?;
                    self.told.frames += 1;
                    self.told.duration_ms += std::mem::take(&mut delay);
                }
                0x21 => {
                    let label = self.byte()?;
                    let inside = self.at;
                    if label == 0xf9 {
                        // Hundredths of a second.
                        let told = self.bytes.get(inside + 2..inside + 4);
                        delay = told
                            .map_or(0, |it| it.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
                            * 10;
                    }
                    self.blocks()?;
                    let content = inside..self.at;
                    let bytes = self.bytes.get(content.clone()).unwrap_or_default();
                    if let (0xff, Some([3, 1, low, high])) = (label, bytes.get(12..16))
                        && bytes.get(1..12) == Some(b"NETSCAPE2.0")
                    {
                        let again = u32::from(*low) | u32::from(*high) << 8;
                        // 0 is for ever; n: n times more.
                        self.told.loops = if again == 0 { 0 } else { again + 1 };
                    } else if label != 0xf9 {
                        self.text(content);
                    }
                }
                _ => return Err((begin, ODD)),
            }
        }
    }

    fn colours(&mut self, flags: u8) -> Result<(), Broken> {
        if flags & 0x80 != 0 {
            self.take(3 << ((flags & 7) + 1))?;
        }
        Ok(())
    }

    fn blocks(&mut self) -> Result<(), Broken> {
        loop {
            let length = self.byte()?;
            if length == 0 {
                return Ok(());
            }
            self.take(length.into())?;
        }
    }

    /// WebP (RFC 9649).
    fn webp(&mut self) -> Result<(), Broken> {
        self.take(4)?;
        let end = (self.little(4)? as usize).checked_add(8).ok_or((4, ODD))?;
        self.take(4)?;
        if end > self.bytes.len() {
            return Err((self.bytes.len(), SHORT));
        }
        while self.at < end {
            self.part()?;
            let begin = self.at;
            let kind = self.take(4)?;
            let length = self.little(4)? as usize;
            let content = self.at..self.at.saturating_add(length);
            match kind {
                b"VP8X" if length >= 10 => {
                    self.take(4)?;
                    self.told.size = (self.little(3)? + 1, self.little(3)? + 1);
                }
                b"VP8 " if length >= 10 && self.told.size == (0, 0) => {
                    self.take(6)?;
                    self.told.size = (self.little(2)? & 0x3fff, self.little(2)? & 0x3fff);
                }
                b"VP8L" if length >= 5 && self.told.size == (0, 0) => {
                    self.take(1)?;
                    let bits = self.little(4)?;
                    self.told.size = ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
                }
                b"ANIM" if length >= 6 => {
                    self.take(4)?;
                    self.told.loops = self.little(2)?;
                }
                b"ANMF" if length >= 16 => {
                    self.take(12)?;
                    self.told.duration_ms += u64::from(self.little(3)?);
                    self.told.frames += 1;
                }
                b"EXIF" | b"XMP " => self.text(content.clone()),
                _ => {}
            }
            self.at = content.end.saturating_add(length % 2);
            if self.at > end {
                return Err((begin, SHORT));
            }
        }
        self.told.end = end;
        if self.told.size == (0, 0) { Err((12, ODD)) } else { Ok(()) }
    }
}
