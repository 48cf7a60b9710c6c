#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at what they did not expect")]

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::compliance::finding::Weight;

/// A picture with something on it, moved by `shift`.
pub(in crate::compliance) fn picture(w: u32, h: u32, shift: u32) -> RgbImage {
    RgbImage::from_fn(w, h, |x, y| {
        let disc = (x * 100 / w).abs_diff(30 + shift).pow(2) + (y * 100 / h).abs_diff(40).pow(2) < 500;
        let light = (x * 160 / w + y * 60 / h) as u8;
        if disc { Rgb([230, 40, 40]) } else { Rgb([light, light, 255 - light]) }
    })
}

pub(in crate::compliance) fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture.clone()).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(in crate::compliance) fn gif(frames: u32, delay_ms: u32, repeat: Option<Repeat>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    if let Some(repeat) = repeat {
        encoder.set_repeat(repeat).unwrap();
    }
    for n in 0..frames {
        let shown = RgbaImage::from_pixel(24, 16, Rgba([n as u8 * 40, 9, 9, 255]));
        encoder.encode_frame(Frame::from_parts(shown, 0, 0, Delay::from_numer_denom_ms(delay_ms, 1))).unwrap();
    }
    drop(encoder);
    bytes
}

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes(), kind.as_slice(), &content].concat()
}

/// A film that says what it is; its media data is noise.
pub(in crate::compliance) fn mp4(codec: &[u8; 4], seconds: u32) -> Vec<u8> {
    let header = |zeros: usize| {
        [vec![0; zeros], 1_000_u32.to_be_bytes().to_vec(), (seconds * 1_000).to_be_bytes().to_vec()].concat()
    };
    let entry = boxed(codec, &[&[0; 24], &640_u16.to_be_bytes(), &360_u16.to_be_bytes(), &[0; 50]]);
    let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry]);
    let stbl = boxed(b"stbl", &[&stsd, &boxed(b"stts", &[&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]])]);
    let mdia = boxed(b"mdia", &[&boxed(b"mdhd", &[&header(12), &[0; 4]]), &boxed(b"minf", &[&stbl])]);
    let moov = boxed(b"moov", &[&boxed(b"mvhd", &[&header(12), &[0; 80]]), &boxed(b"trak", &[&mdia])]);
    let data: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    [boxed(b"ftyp", &[b"isom\0\0\x02\0mp42"]), moov, boxed(b"mdat", &[&data])].concat()
}

fn code(bytes: &[u8]) -> String {
    let refused = measure(bytes).unwrap_err();
    assert!(refused.iter().all(|it| it.weight == Weight::Refuse && !it.en.contains("{}")), "{refused:?}");
    refused[0].code.to_string()
}

/// R-REVIEW.
#[test]
fn pictures_of_every_kind_are_measured() {
    let shown = picture(320, 200, 0);
    let formats = [
        (ImageFormat::Png, Kind::Png),
        (ImageFormat::Jpeg, Kind::Jpeg),
        (ImageFormat::Gif, Kind::Gif),
        (ImageFormat::WebP, Kind::WebP),
    ];
    let seen = fingerprint(&DynamicImage::ImageRgb8(shown.clone()));
    for (format, kind) in formats {
        let bytes = encoded(&shown, format);
        let media = measure(&bytes).unwrap();
        assert_eq!((media.kind, media.size, media.frames, media.duration_ms), (kind, (320, 200), 1, 0));
        assert_eq!((media.sha256.len(), media.bytes, media.warnings.len()), (64, bytes.len(), 0));
        assert!(distance(media.fingerprint.unwrap(), seen) <= 6, "{kind:?}");
    }
}

#[test]
fn a_fingerprint_survives_scaling_and_sees_another_picture() {
    let of = |w, h, shift| fingerprint(&DynamicImage::ImageRgb8(picture(w, h, shift)));
    assert!(distance(of(640, 400, 0), of(300, 250, 0)) <= 6);
    assert!(distance(of(640, 400, 0), of(640, 400, 35)) > 0);
    let mirrored = DynamicImage::ImageRgb8(picture(640, 400, 0)).fliph();
    assert!(distance(of(640, 400, 0), fingerprint(&mirrored)) > 20);
    assert_eq!(distance(0, u64::MAX), 64);
    // Smaller than the cells, and clear.
    assert_eq!(of(1, 1, 0), 0);
    assert_eq!(fingerprint(&DynamicImage::ImageRgba8(RgbaImage::new(40, 40))), 0);
}

#[test]
fn animations_are_as_long_as_they_say() {
    let of = |bytes: &[u8]| {
        let media = measure(bytes).unwrap();
        (media.frames, media.loops, media.duration_ms, media.warnings.len())
    };
    assert_eq!(of(&gif(3, 200, None)), (3, 1, 600, 0));
    assert_eq!(of(&gif(3, 200, Some(Repeat::Finite(2)))), (3, 3, 600, 0));
    assert_eq!(of(&gif(3, 200, Some(Repeat::Infinite))), (3, 0, 600, 1));
    assert_eq!(of(&gif(4, 9_000, None)), (4, 1, 36_000, 1));
    let limits = Limits { frames: 2, ..Limits::default() };
    assert_eq!(measure_within(&gif(3, 200, None), &limits).unwrap_err()[0].code, "too-many-frames");
}

#[test]
fn films_are_measured() {
    let media = measure(&mp4(b"avc1", 15)).unwrap();
    assert_eq!(
        (media.kind, media.size, media.duration_ms, media.codecs.as_slice()),
        (Kind::Mp4, (640, 360), 15_000, ["avc1".to_owned()].as_slice())
    );
    assert_eq!(media.bitrate_kbps, media.bytes as u64 * 8 / 15_000);
    assert_eq!(
        (code(&mp4(b"encv", 15)), code(&mp4(b"avc1", 0)), code(&mp4(b"avc1", 601))),
        ("video-codec".into(), "video-length".into(), "video-length".into())
    );
    let film = mp4(b"avc1", 15);
    assert_eq!(code(&film[..film.len() - 1]), "file-broken");
    // A box that claims four gigabytes, and one of 64 bits that claims more than there is.
    let huge = [&film[..], &[0xff, 0xff, 0xff, 0xff], b"free"].concat();
    let wide = [&film[..], &[0, 0, 0, 1], b"free", &u64::MAX.to_be_bytes()].concat();
    assert_eq!((code(&huge), code(&wide)), ("file-broken".into(), "file-broken".into()));
    let many = [film, boxed(b"free", &[]).repeat(30_000)].concat();
    assert_eq!(code(&many), "file-broken");
}

/// Decompression bombs: refused by what the file says, before anything is decompressed.
#[test]
fn bombs_are_refused_by_their_size() {
    let small = encoded(&picture(8, 8, 0), ImageFormat::Png);
    let mut bomb = small.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    assert_eq!(code(&bomb), "image-too-large");
    bomb[16..24].copy_from_slice(&[0, 0, 0x1f, 0xff, 0, 0, 0x1f, 0xff]);
    assert_eq!(code(&bomb), "image-too-large");
    let mut wide = gif(1, 0, None);
    wide[6..10].copy_from_slice(b"/*\x08\0");
    assert_eq!(code(&wide), "image-too-large");
    assert_eq!(code(b"%PDF-1.4\n%%EOF"), "file-wrong-kind");
}
