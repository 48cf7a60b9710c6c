//! PDF (ISO 32000-1), as far as it can do something: names are looked for with their escapes resolved, also in compressed objects.

use std::io::Read;

use super::super::finding::Finding;
use super::checks;

/// Names that make a PDF do something on its own: in no document that an advertiser hands in.
const ACTIVE: [&str; 10] = [
    "JavaScript",
    "Launch",
    "EmbeddedFile",
    "EmbeddedFiles",
    "RichMedia",
    "SubmitForm",
    "ImportData",
    "GoToE",
    "Filespec",
    "Rendition",
];
/// Names of what is done when it is opened: most often a page is turned to.
const ACTIONS: [&str; 2] = ["OpenAction", "AcroForm"];
/// Bytes of compressed objects that are looked into.
const INFLATED: u64 = 16 << 20;
/// Compressed objects that are looked into.
const MOST_STREAMS: usize = 2_000;

/// What is wrong with a PDF.
pub(super) fn examine(bytes: &[u8]) -> Vec<Finding> {
    let tail = bytes.get(bytes.len().saturating_sub(1024)..).unwrap_or_default();
    if memchr::memmem::find(tail, b"%%EOF").is_none() {
        return vec![checks::BROKEN.over(format!("file:{}", bytes.len()), "", "it ends too early / 文件不完整")];
    }
    let mut findings = Vec::new();
    names(bytes, 0, &mut findings);
    if memchr::memmem::find(bytes, b"/Encrypt").is_some() {
        findings.push(checks::PDF_HIDDEN.over("file", "Encrypt", "it is encrypted / 已加密"));
    }
    objects(bytes, &mut findings);
    findings
}

/// Names among bytes that stand from `begin` on.
fn names(bytes: &[u8], begin: usize, findings: &mut Vec<Finding>) {
    for at in memchr::memchr_iter(b'/', bytes) {
        let name = name(bytes.get(at + 1..).unwrap_or_default());
        let check = if ACTIVE.contains(&&*name) {
            checks::PDF_ACTIVE
        } else if ACTIONS.contains(&&*name) {
            checks::PDF_ACTION
        } else {
            continue;
        };
        if findings.iter().all(|it| it.found != name) {
            findings.push(check.at(format!("file:{}", begin + at), &name));
        }
    }
}

/// A name with `#xx` resolved, as far as any of those above is long.
fn name(bytes: &[u8]) -> String {
    let mut name = String::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).filter(|_| name.len() < 16) {
        let hex = |at: usize| bytes.get(at).and_then(|it| char::from(*it).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'#', Some(high), Some(low)) => {
                name.push(char::from_u32(high * 16 + low).unwrap_or(' '));
                at += 3;
            }
            (it, ..) if it.is_ascii_alphanumeric() => {
                name.push(char::from(*it));
                at += 1;
            }
            _ => break,
        }
    }
    name
}

/// Looks into streams that hold objects.
fn objects(bytes: &[u8], findings: &mut Vec<Finding>) {
    let mut left = INFLATED;
    for (count, at) in memchr::memmem::find_iter(bytes, b"ObjStm").enumerate() {
        let after = bytes.get(at..).unwrap_or_default();
        let dictionary =
            bytes.get(at.saturating_sub(256)..at + 256).or(bytes.get(at.saturating_sub(256)..)).unwrap_or_default();
        let Some(stream) = memchr::memmem::find(after, b"stream") else { continue };
        let data = after.get(stream + 6..).unwrap_or_default();
        let data = data.strip_prefix(b"\r\n").or(data.strip_prefix(b"\n")).unwrap_or(data);
        let plain = memchr::memmem::find(dictionary, b"FlateDecode").is_none();
        let mut text = Vec::new();
        let read = flate2::read::ZlibDecoder::new(data).take(left).read_to_end(&mut text);
        left = left.saturating_sub(text.len() as u64);
        if plain || read.is_err() && text.is_empty() || left == 0 || count >= MOST_STREAMS {
            findings.push(checks::PDF_HIDDEN.over(format!("file:{at}"), "ObjStm", "compressed objects / 压缩对象"));
            return;
        }
        names(&text, at, findings);
    }
}
