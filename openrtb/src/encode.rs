//! Writing JSON: commas, escapes and exact decimals, straight into a buffer.

use std::io::Write;
use std::ops::Range;

use crate::number::WirePrice;
use crate::scan::{self, ObjectScan, ScanError, ScanErrorKind};
use crate::text::Text;

/// Appends a JSON string with its quotes. U+2028 and U+2029 are legal in JSON and stay.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
        copied = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15)]);
            }
        }
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    out.push(b'"');
}

/// Appends an integer.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_digits(out, value.unsigned_abs(), 1);
}

/// Appends at least `width` digits.
fn write_digits(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        if value == 0 && used >= width {
            break;
        }
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Appends millionths as the shortest exact decimal: `35`, `35.1`, `-0.000001`.
pub fn write_millionths(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    write_digits(out, magnitude / 1_000_000, 1);
    let fraction = magnitude % 1_000_000;
    if fraction != 0 {
        out.push(b'.');
        write_digits(out, fraction, 6);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends a number, in the shortest decimal that reads back as it; null unless it is finite.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        // Writing to a `Vec` cannot fail.
        let _ = write!(out, "{value:?}");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// JSON that has been checked to be an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawObject<'a>(&'a [u8]);

impl<'a> RawObject<'a> {
    /// Takes the bytes of an object.
    ///
    /// # Errors
    /// [`ScanError`] if they are not one JSON object in UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ScanError> {
        if let Err(error) = str::from_utf8(bytes) {
            return Err(ScanError { kind: ScanErrorKind::UnexpectedByte, offset: error.valid_up_to() });
        }
        let range: Range<usize> = scan::root(bytes)?;
        if let Some(Err(error)) = ObjectScan::new(bytes, range.clone()).next() {
            return Err(error);
        }
        Ok(Self(bytes.get(range).unwrap_or_default()))
    }

    /// The bytes, from brace to brace.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Writes an object; [`ObjectWriter::finish`] closes it.
#[derive(Debug)]
#[must_use = "an object must be finished"]
pub struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens an object at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes the key; the value is to be appended to what is returned. Keys come from the program and need no escape.
    pub fn value(&mut self, key: &'static str) -> &mut Vec<u8> {
        self.raw_member(key, "");
        self.out
    }

    /// Writes a member whose key and value are JSON already.
    pub(crate) fn raw_member(&mut self, key: &str, value: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Writes a string.
    pub fn string(&mut self, key: &'static str, text: &str) {
        write_string(self.value(key), text);
    }

    /// Writes a string unless it is absent.
    pub fn optional_string(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.string(key, text);
        }
    }

    /// Writes an integer.
    pub fn integer(&mut self, key: &'static str, value: i64) {
        write_i64(self.value(key), value);
    }

    /// Writes an integer unless it is absent.
    pub fn optional_integer(&mut self, key: &'static str, value: Option<i32>) {
        if let Some(value) = value {
            self.integer(key, value.into());
        }
    }

    /// Writes a list of strings unless it is empty.
    pub fn strings(&mut self, key: &'static str, list: &[Text<'_>]) {
        if !list.is_empty() {
            let mut array = ArrayWriter::new(self.value(key));
            for text in list {
                write_string(array.value(), text);
            }
            array.finish();
        }
    }

    /// Writes the closing brace.
    pub fn finish(self) {
        self.out.push(b'}');
    }
}

/// Writes an array; [`ArrayWriter::finish`] closes it.
#[derive(Debug)]
#[must_use = "an array must be finished"]
pub struct ArrayWriter<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> ArrayWriter<'o> {
    /// Opens an array at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// The place to append the next element to.
    pub fn value(&mut self) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out
    }

    /// Writes the closing bracket.
    pub fn finish(self) {
        self.out.push(b']');
    }
}

/// A response to write (OpenRTB 2.6 §4.2.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseDraft<'a> {
    /// The request's id.
    pub id: &'a str,
    /// Id of this response.
    pub bidid: Option<&'a str>,
    /// Currency of the bids, ISO 4217; readers take USD if absent.
    pub cur: Option<&'a str>,
    /// Bids by seat; left out if empty.
    pub seatbid: &'a [SeatBidDraft<'a>],
    /// Why there is no bid ([`crate::lists::no_bid_reason`]).
    pub nbr: Option<i32>,
}

/// The bids of a seat (OpenRTB 2.6 §4.2.2).
#[derive(Clone, Copy, Debug, Default)]
pub struct SeatBidDraft<'a> {
    /// The buyer.
    pub seat: Option<&'a str>,
    /// The bids.
    pub bid: &'a [BidDraft<'a>],
}

/// A bid to write; fields as in [`crate::Bid`] (OpenRTB 2.6 §4.2.3).
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the names are those of Bid, where each is explained")]
pub struct BidDraft<'a> {
    pub id: &'a str,
    pub impid: &'a str,
    pub price: WirePrice,
    pub dealid: Option<&'a str>,
    pub crid: Option<&'a str>,
    pub adomain: &'a [Text<'a>],
    pub cat: &'a [Text<'a>],
    pub cattax: Option<i32>,
    pub adm: Option<&'a str>,
    pub w: Option<i32>,
    pub h: Option<i32>,
    pub dur: Option<i32>,
    pub mtype: Option<i32>,
    pub nurl: Option<&'a str>,
    pub burl: Option<&'a str>,
    pub lurl: Option<&'a str>,
    pub exp: Option<i32>,
    pub ext: Option<RawObject<'a>>,
}

/// Appends a response as JSON.
pub fn write_bid_response(out: &mut Vec<u8>, response: &ResponseDraft<'_>) {
    let mut object = ObjectWriter::new(out);
    object.string("id", response.id);
    object.optional_string("bidid", response.bidid);
    object.optional_string("cur", response.cur);
    if !response.seatbid.is_empty() {
        let mut seats = ArrayWriter::new(object.value("seatbid"));
        for seatbid in response.seatbid {
            write_seat_bid(seats.value(), seatbid);
        }
        seats.finish();
    }
    object.optional_integer("nbr", response.nbr);
    object.finish();
}

fn write_seat_bid(out: &mut Vec<u8>, seatbid: &SeatBidDraft<'_>) {
    let mut object = ObjectWriter::new(out);
    object.optional_string("seat", seatbid.seat);
    let mut bids = ArrayWriter::new(object.value("bid"));
    for bid in seatbid.bid {
        write_bid(bids.value(), bid);
    }
    bids.finish();
    object.finish();
}

fn write_bid(out: &mut Vec<u8>, bid: &BidDraft<'_>) {
    let mut object = ObjectWriter::new(out);
    object.string("id", bid.id);
    object.string("impid", bid.impid);
    write_millionths(object.value("price"), bid.price.0);
    object.optional_string("dealid", bid.dealid);
    object.optional_string("crid", bid.crid);
    object.strings("adomain", bid.adomain);
    object.strings("cat", bid.cat);
    object.optional_integer("cattax", bid.cattax);
    object.optional_string("adm", bid.adm);
    object.optional_integer("w", bid.w);
    object.optional_integer("h", bid.h);
    object.optional_integer("dur", bid.dur);
    object.optional_integer("mtype", bid.mtype);
    object.optional_string("nurl", bid.nurl);
    object.optional_string("burl", bid.burl);
    object.optional_string("lurl", bid.lurl);
    object.optional_integer("exp", bid.exp);
    if let Some(ext) = bid.ext {
        object.value("ext").extend_from_slice(ext.as_bytes());
    }
    object.finish();
}
