//! Written JSON, read back by serde_json.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use openrtb::encode::{ArrayWriter, ObjectWriter, write_i64, write_millionths, write_string};
use openrtb::{BidDraft, Decoder, RawObject, ResponseDraft, SeatBidDraft, WirePrice, write_bid_response};
use proptest::prelude::*;

fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn millionths_are_the_shortest_exact_decimal() {
    for (value, expected) in [
        (0, "0"),
        (35_000_000, "35"),
        (35_100_000, "35.1"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (-1_500_000, "-1.5"),
        (100_000, "0.1"),
        (1_000_000_000_000_000_000, "1000000000000"),
        (i64::MAX, "9223372036854.775807"),
        (i64::MIN, "-9223372036854.775808"),
    ] {
        assert_eq!(text_of(|out| write_millionths(out, value)), expected);
    }
}

#[test]
fn strings_are_escaped_where_json_asks_for_it() {
    let escaped = text_of(|out| write_string(out, "a\"b\\c\n\r\t\u{0}\u{1f}\u{7f}/é价\u{2028}"));
    assert_eq!(escaped, "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\u{7f}/é价\u{2028}\"");
}

#[test]
fn a_response_is_written_in_full() {
    let ext = RawObject::new(br#" {"x":[1]} "#).unwrap();
    let (adomain, cat) = (["a.example".into(), "b.example".into()], ["IAB1".into()]);
    let bid = BidDraft {
        id: "b1",
        impid: "1",
        price: WirePrice(35_100_000),
        dealid: Some("d"),
        crid: Some("c"),
        adomain: &adomain,
        cat: &cat,
        cattax: Some(1),
        adm: Some("<a href=\"x\">"),
        w: Some(300),
        h: Some(250),
        dur: Some(15),
        mtype: Some(1),
        nurl: Some("n"),
        burl: Some("bu"),
        lurl: Some("l"),
        exp: Some(60),
        ext: Some(ext),
    };
    let plain = BidDraft { id: "b2", impid: "2", price: WirePrice(1), ..BidDraft::default() };
    let bids = [bid, plain];
    let seats = [SeatBidDraft { seat: Some("s"), bid: &bids }, SeatBidDraft::default()];
    let draft = ResponseDraft { id: "r", bidid: Some("x"), cur: Some("CNY"), seatbid: &seats, nbr: None };
    let written = text_of(|out| write_bid_response(out, &draft));
    let first = r#"{"id":"b1","impid":"1","price":35.1,"dealid":"d","crid":"c","adomain":["a.example","b.example"],"cat":["IAB1"],"cattax":1,"adm":"<a href=\"x\">","w":300,"h":250,"dur":15,"mtype":1,"nurl":"n","burl":"bu","lurl":"l","exp":60,"ext":{"x":[1]}}"#;
    let second = r#"{"id":"b2","impid":"2","price":0.000001}"#;
    let expected = format!(
        r#"{{"id":"r","bidid":"x","cur":"CNY","seatbid":[{{"seat":"s","bid":[{first},{second}]}},{{"bid":[]}}]}}"#
    );
    assert_eq!(written, expected);

    let mut body = written.into_bytes();
    let mut decoder = Decoder::default();
    let response = decoder.decode_response(&mut body).unwrap();
    assert_eq!(response.seatbid[0].bid[0].adm.unwrap(), "<a href=\"x\">");
    assert_eq!(response.seatbid[0].bid[1].price, Some(WirePrice(1)));
}

#[test]
fn a_no_bid_has_a_reason_and_no_seats() {
    let draft = ResponseDraft { id: "r", nbr: Some(2), ..ResponseDraft::default() };
    assert_eq!(text_of(|out| write_bid_response(out, &draft)), r#"{"id":"r","nbr":2}"#);
}

#[test]
fn raw_objects_are_checked() {
    for bytes in [&b"[]"[..], b"1", b"", b"{", b"{}{}", b"{\"a\"}", b"{\"\xff\":1}", b"null"] {
        assert!(RawObject::new(bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(RawObject::new(b"\n{\"a\": 1}").unwrap().as_bytes(), b"{\"a\": 1}");
}

#[test]
fn commas_stand_between_members_only() {
    let written = text_of(|out| {
        let mut object = ObjectWriter::new(out);
        object.optional_integer("none", None);
        object.integer("a", -5);
        object.optional_string("none", None);
        object.strings("none", &[]);
        let mut array = ArrayWriter::new(object.value("b"));
        ObjectWriter::new(array.value()).finish();
        write_i64(array.value(), 0);
        array.finish();
        object.finish();
    });
    assert_eq!(written, r#"{"a":-5,"b":[{},0]}"#);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strings_come_back(text in any::<String>()) {
        let written = text_of(|out| write_string(out, &text));
        prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn integers_come_back(value in any::<i64>()) {
        prop_assert_eq!(text_of(|out| write_i64(out, value)), value.to_string());
    }

    /// Nothing is lost and nothing is superfluous.
    #[test]
    fn millionths_come_back(value in -1_000_000_000_000_000_000i64..=1_000_000_000_000_000_000) {
        let written = text_of(|out| write_millionths(out, value));
        prop_assert_eq!(WirePrice::from_decimal(&written), Some(WirePrice(value)));
        prop_assert!(!(written.contains('.') && written.ends_with(['0', '.'])), "{}", written);
    }
}
