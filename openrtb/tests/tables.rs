//! The tables against the list of all objects and fields of OpenRTB 2.6-202606 and Native 1.2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use openrtb::native::{request, response};
use openrtb::{Decoder, WireObject};
use serde_json::Value;

type Objects = BTreeMap<&'static str, BTreeSet<&'static str>>;

fn listed() -> Objects {
    let lines = include_str!("cases/fields.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (object, fields) = line.split_once(": ").unwrap();
            (object, fields.split(' ').collect())
        })
        .collect()
}

fn tables() -> Objects {
    fn table<T: WireObject>() -> (&'static str, BTreeSet<&'static str>) {
        let fields: BTreeSet<_> = T::FIELDS.iter().copied().collect();
        assert_eq!(fields.len(), T::FIELDS.len(), "{} names no field twice", T::NAME);
        (T::NAME, fields)
    }
    macro_rules! tables {
        ($module:ident { $($name:ident)+ }) => { [$(table::<$module::$name<'_>>()),+] };
    }
    let mut all = Objects::new();
    all.extend(
        tables!(openrtb { BidRequest Source Regs SupplyChain SupplyChainNode Imp Metric Banner Format Video Audio
        Native Pmp Deal DurFloors Qty Refresh RefSettings Site App Dooh Publisher Producer Content Network Channel Data
        Segment Device UserAgent BrandVersion Geo User Eid Uid BidResponse SeatBid Bid }),
    );
    all.extend(tables!(request { Request Asset Title Image Video Data EventTracker }));
    all.extend(tables!(response { Response Asset Title Image Video Data Link EventTracker }));
    all
}

#[test]
fn every_object_and_field_of_the_specification_has_its_table() {
    let (listed, tables) = (listed(), tables());
    assert_eq!(tables, listed);
    let (native, rtb): (Vec<_>, Vec<_>) =
        listed.iter().partition(|(object, _)| object.starts_with("Native") && object.len() > 6);
    assert_eq!((rtb.len(), native.len()), (38, 15));
    // `ext` of each object is a field of the specification; here every object has it and no table names it.
    assert_eq!(rtb.iter().map(|(_, fields)| fields.len() + 1).sum::<usize>(), 417);
    assert!(listed.values().all(|fields| !fields.contains("ext")));
}

/// A body with every field of every object, each value another: what is read and written again is the same, and nothing
/// of it was an unknown member.
#[test]
fn every_field_is_read_and_written() {
    let request = include_str!("cases/full_request.json");
    let response = include_str!("cases/full_response.json");
    check(request, |decoder, body, out| decoder.decode_request(body).unwrap().write_fields(out));
    check(request, |decoder, body, out| decoder.decode_whole_request(body).unwrap().write_fields(out));
    check(response, |decoder, body, out| decoder.decode_response(body).unwrap().write_fields(out));
    check(response, |decoder, body, out| decoder.decode_whole_response(body).unwrap().write_fields(out));
    check(include_str!("cases/full_native_request.json"), |decoder, body, out| {
        decoder.decode_native_request(str::from_utf8(body).unwrap()).unwrap().write_fields(out);
    });
    check(include_str!("cases/full_native_response.json"), |decoder, body, out| {
        decoder.decode_native_response(str::from_utf8(body).unwrap()).unwrap().write_fields(out);
    });
}

fn check(source: &str, rewrite: impl Fn(&mut Decoder, &mut [u8], &mut Vec<u8>)) {
    let expected: Value = serde_json::from_str(source).unwrap();
    let mut written = Vec::new();
    rewrite(&mut Decoder::default(), &mut source.as_bytes().to_vec(), &mut written);
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), expected);
    let mut again = Vec::new();
    rewrite(&mut Decoder::default(), &mut written.clone(), &mut again);
    assert_eq!(again, written);
}

/// The cases themselves: each holds every field of the tables that it can reach.
#[test]
fn the_full_cases_hold_every_field() {
    fn walk(value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                keys.extend(members.keys().cloned());
                members.values().for_each(|member| walk(member, keys));
            }
            Value::Array(elements) => elements.iter().for_each(|element| walk(element, keys)),
            _ => {}
        }
    }
    let mut keys = BTreeSet::new();
    for source in [
        include_str!("cases/full_request.json"),
        include_str!("cases/full_response.json"),
        include_str!("cases/full_native_request.json"),
        include_str!("cases/full_native_response.json"),
    ] {
        walk(&serde_json::from_str(source).unwrap(), &mut keys);
    }
    let missing: Vec<_> = listed().into_values().flatten().filter(|field| !keys.contains(*field)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
