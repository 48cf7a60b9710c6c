//! Pictures and films that a creative shows: measured, decoded within limits and fingerprinted (R-REVIEW).

pub(super) mod mp4;
#[cfg(test)]
pub(super) mod tests;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader};
use sha2::{Digest, Sha256};

use super::finding::Finding;
use super::upload::{self, Kind, checks};

/// What a file may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a side: 8,191. A wider GIF is a script too: its size would be letters.
    pub side: u32,
    /// Pixels in all: 20 million.
    pub pixels: u64,
    /// Frames of an animation: 500.
    pub frames: u32,
    /// How long an animation runs in all, s: 30.
    pub animation_s: u64,
    /// How long a film or sound is, s: 600.
    pub duration_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { side: 8_191, pixels: 20_000_000, frames: 500, animation_s: 30, duration_s: 600 }
    }
}

/// A file that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub kind: Kind,
    /// Width and height, pixels; of a film that of its picture, 0 where it has none.
    pub size: (u32, u32),
    /// Its bytes.
    pub bytes: usize,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How a picture, or the first of an animation, looks: see [`distance`].
    pub fingerprint: Option<u64>,
    /// Frames; 1 for a picture that stands still, 0 for a film.
    pub frames: u32,
    /// How often an animation runs; 0: for ever.
    pub loops: u32,
    /// How long it is: a film, or an animation once. ms; 0 for a picture that stands still.
    pub duration_ms: u64,
    /// Codecs of a film's tracks, by their names in the file: `avc1`, `mp4a`.
    pub codecs: Vec<String>,
    /// Of a film: bits of the whole file by its duration, kbit/s.
    pub bitrate_kbps: u64,
    /// What a person should know.
    pub warnings: Vec<Finding>,
}

/// Measures a file that a creative shows.
///
/// # Errors
/// Why it is refused, also by [`upload::check`].
pub fn measure(bytes: &[u8]) -> Result<Media, Vec<Finding>> {
    measure_within(bytes, &Limits::default())
}

/// Measures a file within limits.
///
/// # Errors
/// As [`measure`].
pub fn measure_within(bytes: &[u8], limits: &Limits) -> Result<Media, Vec<Finding>> {
    let refuse = |finding: Finding| vec![finding];
    let boxed = |finding: Box<Finding>| vec![*finding];
    let kind = upload::check(bytes, "").map_err(boxed)?;
    let sha256 = super::digest_text(&Sha256::digest(bytes).into());
    let broken = |(at, what): (usize, &str)| refuse(checks::BROKEN.over(format!("file:{at}"), "", what));
    let mut media = Media {
        kind,
        size: (0, 0),
        bytes: bytes.len(),
        sha256,
        fingerprint: None,
        frames: 0,
        loops: 1,
        duration_ms: 0,
        codecs: Vec::new(),
        bitrate_kbps: 0,
        warnings: upload::warnings(bytes, kind),
    };
    match kind {
        Kind::Pdf => return Err(refuse(checks::WRONG_KIND.over("file", "creative", kind.media_type()))),
        Kind::Mp4 => {
            let film = mp4::read(bytes).map_err(broken)?;
            (media.size, media.duration_ms, media.codecs) = (film.size, film.duration_ms, film.codecs);
            within(media.size, limits).map_err(boxed)?;
            if media.duration_ms == 0 || media.duration_ms > limits.duration_s * 1_000 {
                let found = format!("{} ms", media.duration_ms);
                return Err(refuse(checks::LENGTH.over("file", &found, limits.duration_s)));
            }
            if media.codecs.is_empty() || media.codecs.iter().any(|it| !PLAYED.contains(&&**it)) {
                return Err(refuse(checks::CODEC.at("file", &media.codecs.join(" "))));
            }
            media.bitrate_kbps = bytes.len() as u64 * 8 / media.duration_ms;
        }
        Kind::Png | Kind::Jpeg | Kind::Gif | Kind::WebP => {
            let parts = upload::parts(bytes, kind).map_err(broken)?;
            (media.size, media.frames) = (parts.size, parts.frames);
            within(media.size, limits).map_err(boxed)?;
            if parts.frames > limits.frames {
                let found = parts.frames.to_string();
                return Err(refuse(checks::FRAMES.over("file", &found, limits.frames)));
            }
            let picture = decode(bytes, kind, limits).map_err(boxed)?;
            media.fingerprint = Some(fingerprint(&picture));
            if parts.frames > 1 {
                (media.loops, media.duration_ms) = (parts.loops, parts.duration_ms);
                let all = parts.duration_ms.saturating_mul(parts.loops.into());
                if parts.loops == 0 || all > limits.animation_s * 1_000 {
                    let found = format!("{} ms × {}", parts.duration_ms, parts.loops);
                    media.warnings.push(checks::ANIMATION.over("file", &found, limits.animation_s));
                }
            }
        }
    }
    Ok(media)
}

/// Codecs that browsers and players of ads know, by their sample entries (MP4 registration authority).
const PLAYED: [&str; 13] =
    ["avc1", "avc3", "hvc1", "hev1", "av01", "vp09", "vp08", "mp4a", "Opus", "ac-3", "ec-3", ".mp3", "fLaC"];

fn within((w, h): (u32, u32), limits: &Limits) -> Result<(), Box<Finding>> {
    let found = format!("{w}x{h}");
    if w > limits.side || h > limits.side {
        return Err(checks::IMAGE_SIDE.over("file", &found, format!("{} px", limits.side)).into());
    }
    if u64::from(w) * u64::from(h) > limits.pixels {
        return Err(checks::IMAGE_SIDE.over("file", &found, format!("{} px in all", limits.pixels)).into());
    }
    Ok(())
}

/// Decodes a picture, or the first of an animation, whose size is known to be within the limits.
fn decode(bytes: &[u8], kind: Kind, limits: &Limits) -> Result<DynamicImage, Box<Finding>> {
    let format = match kind {
        Kind::Png => ImageFormat::Png,
        Kind::Gif => ImageFormat::Gif,
        Kind::WebP => ImageFormat::WebP,
        _ => ImageFormat::Jpeg,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::default();
    (bounds.max_image_width, bounds.max_image_height) = (Some(limits.side), Some(limits.side));
    // The picture with four bytes (PNG: eight) for each pixel, and as much again for the decoder's own.
    bounds.max_alloc = Some(limits.pixels.saturating_mul(16));
    reader.limits(bounds);
    let picture = reader.decode().map_err(|error| Box::new(checks::BROKEN.over("file", "", error)))?;
    if picture.width() == 0 || picture.height() == 0 {
        return Err(checks::BROKEN.over("file", "", "it has no pixels / 没有像素").into());
    }
    Ok(picture)
}

/// Columns and rows that a picture's fingerprint is made of.
const CELLS: (u32, u32) = (9, 8);

/// A difference hash: the picture in 9 by 8 cells of mean brightness; a bit for each cell that is brighter than the one to its right.
///
/// It survives scaling and compression, and changes where what is shown does. What lies under transparency counts as if it lay on white.
#[must_use]
pub fn fingerprint(picture: &DynamicImage) -> u64 {
    let picture = picture.to_luma_alpha8();
    let (w, h) = picture.dimensions();
    let mean = |column: u32, row: u32| {
        // Half-open ranges of pixels, never empty: pictures may be smaller than the cells.
        let range = |cell: u32, cells: u32, side: u32| {
            let begin = u64::from(cell) * u64::from(side) / u64::from(cells);
            let end = (u64::from(cell + 1) * u64::from(side)).div_ceil(u64::from(cells));
            (begin as u32, (end as u32).max(begin as u32 + 1).min(side))
        };
        let ((left, right), (top, bottom)) = (range(column, CELLS.0, w), range(row, CELLS.1, h));
        let (mut sum, mut count) = (0_u64, 0_u64);
        for y in top..bottom {
            for x in left..right {
                let image::LumaA([light, alpha]) = *picture.get_pixel(x, y);
                sum += (u64::from(light) * u64::from(alpha) + 255 * u64::from(255 - alpha)) / 255;
                count += 1;
            }
        }
        sum * 256 / count.max(1)
    };
    let mut bits = 0_u64;
    for row in 0..CELLS.1 {
        for column in 0..CELLS.0 - 1 {
            bits = bits << 1 | u64::from(mean(column, row) > mean(column + 1, row));
        }
    }
    bits
}

/// How different two pictures look, by their fingerprints: 0 to 64. Up to 6: the same picture, scaled or compressed again, or one that differs in a
/// detail; whether the bytes are the same, their SHA-256 tells.
#[must_use]
pub const fn distance(one: u64, other: u64) -> u32 {
    (one ^ other).count_ones()
}
