#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at what they did not expect")]

use std::collections::BTreeSet;
use std::io::Write;

use flate2::write::ZlibEncoder;
use image::ImageFormat;
use image::codecs::gif::Repeat;

use super::*;
use crate::compliance::media::measure;
use crate::compliance::media::tests::{encoded, gif, mp4, picture};

fn code(bytes: &[u8], declared: &str) -> String {
    check(bytes, declared).map_or_else(|finding| finding.code.into_owned(), |kind| format!("{kind:?}"))
}

fn pdf(objects: &str) -> Vec<u8> {
    format!("%PDF-1.7\n1 0 obj\n<< /Type /Catalog {objects} >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n")
        .into_bytes()
}

fn compressed(objects: &str) -> Vec<u8> {
    let mut stream = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    stream.write_all(objects.as_bytes()).unwrap();
    let stream = stream.finish().unwrap();
    [
        &b"%PDF-1.7\n1 0 obj\n<< /Type /ObjStm /Filter /FlateDecode /N 1 >>\nstream\n"[..],
        &stream,
        b"\nendstream\nendobj\n%%EOF",
    ]
    .concat()
}

fn files() -> Vec<Vec<u8>> {
    let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];
    let mut files: Vec<_> = formats.into_iter().map(|format| encoded(&picture(40, 30, 0), format)).collect();
    files.extend([gif(3, 100, Some(Repeat::Infinite)), mp4(b"avc1", 15), pdf(""), compressed("<< /Type /Page >>")]);
    files
}

/// R-REVIEW, R-QUALIFY: what is taken is taken for what it is.
#[test]
fn files_are_what_their_bytes_say() {
    let kinds: Vec<_> = files().iter().map(|file| check(file, "").unwrap()).collect();
    assert_eq!(kinds, [Kind::Png, Kind::Jpeg, Kind::Gif, Kind::WebP, Kind::Gif, Kind::Mp4, Kind::Pdf, Kind::Pdf]);
    let png = &files()[0];
    assert_eq!((code(png, "image/png"), code(png, "Image/PNG; x=1")), ("Png".into(), "Png".into()));
    assert_eq!(
        (code(png, "image/jpeg"), code(png, "application/pdf")),
        ("file-wrong-kind".into(), "file-wrong-kind".into())
    );
    assert_eq!(code(&files()[1], "image/jpg"), "Jpeg");
    assert!(Kind::Pdf.is_document() && !Kind::Gif.is_document() && !Kind::Pdf.is_shown());
    // Padding is no data.
    assert_eq!(code(&[&png[..], &[0; 16]].concat(), ""), "Png");
}

/// R-MALICE: each refused, and named.
#[test]
fn bad_files_are_refused() {
    let png = encoded(&picture(40, 30, 0), ImageFormat::Png);
    let jpeg = encoded(&picture(40, 30, 0), ImageFormat::Jpeg);
    let still = gif(1, 0, None);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("a.zip", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&[0; 1 << 20]).unwrap();
    let archive = archive.finish().unwrap().into_inner();
    let with = |bytes: &[u8], behind: &[u8]| [bytes, behind].concat();
    // A comment of JPEG behind its first marker.
    let comment =
        |text: &[u8]| [&jpeg[..2], &[0xff, 0xfe], &(text.len() as u16 + 2).to_be_bytes(), text, &jpeg[2..]].concat();
    let extension = |text: &[u8]| {
        let colours = if still[10] & 0x80 == 0 { 0 } else { 3 << ((still[10] & 7) + 1) };
        let (head, tail) = still.split_at(13 + colours);
        [head, &[0x21, 0xfe, text.len() as u8], text, &[0], tail].concat()
    };
    let mut opened = jpeg.clone();
    opened[4..6].copy_from_slice(b"/*");
    let bomb = compressed(&"<< /Type /Page >>".repeat(1_200_000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "file-empty"),
        (vec![0; LARGEST + 1], "file-too-large"),
        (b"hello".to_vec(), "file-unknown"),
        (archive.clone(), "file-archive"),
        (b"\x1f\x8b\x08\0".repeat(9), "file-archive"),
        (b"MZ\x90\0".repeat(9), "file-program"),
        (b"#!/bin/sh".to_vec(), "file-program"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>".to_vec(), "file-svg"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><!-- x --><svg><script>x()</script></svg>".to_vec(), "file-svg-script"),
        (b"<svg onload='x()'></svg>".to_vec(), "file-svg-script"),
        (b"<svg><a href='https://evil.example/'/></svg>".to_vec(), "file-svg-script"),
        (b"<!DOCTYPE html><p>x".to_vec(), "file-html"),
        ("<div>".repeat(10_000).into_bytes(), "file-html"),
        (with(&png, &archive), "file-polyglot"),
        (with(&png, b"\x89PNG"), "file-trailing-data"),
        (with(&still, b"=1;alert(1)"), "file-trailing-data"),
        (with(&jpeg, b"<script>x()</script>"), "file-polyglot"),
        (with(&pdf(""), &archive), "file-polyglot"),
        (comment(b"<?php system($_GET[1]); ?>"), "file-polyglot"),
        (comment(b"*/=1;alert(1);/*"), "file-polyglot"),
        (comment(b"Made with care"), "Jpeg"),
        (extension(b"*/=alert(1)//"), "file-polyglot"),
        (extension(b"<SCRIPT>x()"), "file-polyglot"),
        (extension(b"Made with care"), "Gif"),
        (opened, "file-broken"),
        (png[..png.len() - 3].to_vec(), "file-broken"),
        (jpeg[..jpeg.len() - 3].to_vec(), "file-broken"),
        (still[..still.len() - 1].to_vec(), "file-broken"),
        (pdf("/OpenAction << /S /JavaScript /JS (app.alert(1)) >>"), "pdf-active"),
        (pdf("/A << /S /J#61vaScr#69pt >>"), "pdf-active"),
        (pdf("/Names << /EmbeddedFiles 2 0 R >>"), "pdf-active"),
        (compressed("<< /S /Launch /F (cmd.exe) >>"), "pdf-active"),
        (b"%PDF-1.7\n1 0 obj".to_vec(), "file-broken"),
        (pdf("/Launcher /JavaScripts"), "Pdf"),
    ];
    let mut codes = BTreeSet::new();
    for (n, (bytes, is)) in cases.iter().enumerate() {
        assert_eq!(code(bytes, ""), *is, "case {n}: {}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        codes.insert(*is);
    }
    let warned =
        |bytes: &[u8]| warnings(bytes, Kind::Pdf).into_iter().map(|it| it.code.into_owned()).collect::<Vec<_>>();
    assert_eq!(warned(&pdf("/OpenAction [3 0 R /Fit]")), ["pdf-action"]);
    assert_eq!(warned(&pdf("/Encrypt 4 0 R")), ["pdf-unreadable"]);
    assert_eq!(warned(&bomb), ["pdf-unreadable"]);
    assert_eq!(warned(&pdf("")), Vec::<String>::new());
    // No check is without a case, here or among those of media.
    codes.extend(["pdf-action", "pdf-unreadable", "file-wrong-kind"]);
    codes.extend(["image-too-large", "animation-long", "too-many-frames", "video-codec", "video-length"]);
    let missing: Vec<_> = checks::ALL.iter().map(|it| it.code).filter(|code| !codes.contains(code)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Files with bytes that were changed, cut, doubled: measured or refused, never a panic, and what is measured is within the limits.
    #[test]
    fn mutated_files_are_measured_or_refused(
        file in 0_usize..8,
        changes in proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 0..12),
        cut in proptest::option::of(proptest::num::usize::ANY),
        double in proptest::option::of((proptest::num::usize::ANY, 0_usize..64)),
    ) {
        let mut bytes = files().swap_remove(file);
        for (at, value) in changes {
            // Half of them among the first bytes, where sizes and lengths stand.
            let length = if at % 2 == 0 { bytes.len().min(128) } else { bytes.len() };
            bytes[at / 2 % length] = value;
        }
        if let Some((at, length)) = double {
            let at = at % bytes.len();
            let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut % bytes.len());
        }
        if let Ok(media) = measure(&bytes) {
            proptest::prop_assert!(u64::from(media.size.0) * u64::from(media.size.1) <= 20_000_000);
            proptest::prop_assert!(media.kind.is_shown());
        }
    }
}
