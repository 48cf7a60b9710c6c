//! What the wire costs one auction: nanoseconds per body, and bytes of the body read or written per second.
//!
//! `cargo bench -p pmpx --bench wire`. The request is an app's (2.7 KB), the answer one bid with markup and notices. What
//! rewrites its input is given a fresh copy each time, which `copy` measures alone: the floor of everything here.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed measurement should stop")]

#[path = "common/fixture.rs"]
mod common;

use std::hint::black_box;

use common::REQUEST;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use openrtb::{
    BidDraft, Decoder, Limits, RawObject, ResponseDraft, SeatBidDraft, Text, WirePrice, scan, validate_request,
    write_bid_response,
};
use pmpx::auction::eligibility::Invitation;
use pmpx::auction::offer::Sheet;

fn size(bytes: &[u8]) -> Throughput {
    Throughput::Bytes(bytes.len() as u64)
}

/// A request on its way in: copied, decoded, its rules checked.
fn request(criterion: &mut Criterion) {
    let mut copy = REQUEST.to_vec();
    let mut decoder = Decoder::new(Limits::default());
    let mut group = criterion.benchmark_group("wire/request");
    group.throughput(size(REQUEST));
    group.bench_function("copy", |bencher| {
        bencher.iter(|| {
            copy.copy_from_slice(black_box(REQUEST));
            black_box(&mut copy);
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            copy.copy_from_slice(black_box(REQUEST));
            black_box(decoder.decode_request(&mut copy).unwrap());
        });
    });
    copy.copy_from_slice(REQUEST);
    let request = decoder.decode_request(&mut copy).unwrap();
    group.bench_function("validate", |bencher| bencher.iter(|| validate_request(black_box(&request))));
    group.finish();
}

/// A DSP's answer, decoded.
fn answer(criterion: &mut Criterion) {
    let body = common::answer();
    let mut copy = body.clone();
    let mut decoder = Decoder::new(Limits::default());
    let mut group = criterion.benchmark_group("wire/answer");
    group.throughput(size(&body));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            copy.copy_from_slice(black_box(&body));
            black_box(decoder.decode_response(&mut copy).unwrap());
        });
    });
    group.finish();
}

/// What goes to DSPs: one cut per auction, one body per DSP. `scan` is the scanner alone, once over the request.
fn offer(criterion: &mut Criterion) {
    let market = common::example();
    let mut copy = REQUEST.to_vec();
    let mut decoder = Decoder::new(Limits::default());
    let request = decoder.decode_request(&mut copy).unwrap();
    let invited = common::invited(&market, &request);
    assert_eq!(invited.invitations().len(), 3, "three DSPs are asked");
    let auction = common::auction();
    let mut group = criterion.benchmark_group("wire/offer");
    group.throughput(size(REQUEST));
    group.bench_function("scan", |bencher| bencher.iter(|| scan::root(black_box(REQUEST)).unwrap()));
    let mut sheet = Sheet::default();
    group.bench_function("cut", |bencher| {
        bencher.iter(|| sheet.cut(black_box(REQUEST), black_box(&invited), &market.terms, auction).unwrap());
    });
    let mut out = Vec::new();
    for (name, identifiers) in [("body_with_identifiers", true), ("body_without", false)] {
        let needs =
            |it: &&Invitation<'_>| invited.offers_of(it).any(|(_, offer)| offer.deal.identifiers) == identifiers;
        let invitation = invited.invitations().iter().find(needs).unwrap();
        let mut body = || {
            out.clear();
            sheet.write(&market, black_box(&invited), black_box(invitation), black_box(120), &mut out);
            out.len()
        };
        group.throughput(Throughput::Bytes(body() as u64));
        group.bench_function(name, |bencher| bencher.iter(&mut body));
    }
    group.finish();
}

/// The media's answer with one bid, written.
fn response(criterion: &mut Criterion) {
    let auction = common::auction().to_string();
    let token = "A".repeat(90);
    let notice = |kind: &str, rest: &str| format!("https://exchange.example/n/{kind}/{token}{rest}");
    let (win, bill, loss) = (notice("win", ""), notice("bill", ""), notice("loss", "?reason=${AUCTION_LOSS}"));
    let markup = concat!(
        r#"<a href="https://qinghe.example/spring"><img src="https://cdn.qinghe.example/milk-open-1.jpg?a=19e7f3c5b0000000000000000000002a" "#,
        r#"width="1080" height="1920" alt=""></a>"#
    );
    let (adomain, cat) = ([Text::from("qinghe.example")], [Text::from("IAB8")]);
    let bid = BidDraft {
        id: "19e7f3c5b0000000000000000000002a-0",
        impid: "1",
        price: WirePrice(51_000_000),
        dealid: Some("PDB-2026-SPRING-OPEN"),
        crid: Some("milk-open-1"),
        adomain: &adomain,
        cat: &cat,
        adm: Some(markup),
        w: Some(1_080),
        h: Some(1_920),
        mtype: Some(1),
        nurl: Some(&win),
        burl: Some(&bill),
        lurl: Some(&loss),
        exp: Some(3_600),
        ext: RawObject::new(br#"{"source":"Qinghe Dairy Co."}"#).ok(),
        ..BidDraft::default()
    };
    let bids = [bid];
    let seats = [SeatBidDraft { seat: None, bid: &bids }];
    let draft = ResponseDraft {
        id: "lt-00000001-000000000007",
        bidid: Some(&auction),
        cur: Some("CNY"),
        seatbid: &seats,
        nbr: None,
    };
    let mut out = Vec::with_capacity(2_048);
    write_bid_response(&mut out, &draft);
    let mut group = criterion.benchmark_group("wire/response");
    group.throughput(size(&out));
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_bid_response(&mut out, black_box(&draft));
            black_box(&mut out);
        });
    });
    group.finish();
}

criterion_group!(benches, request, answer, offer, response);
criterion_main!(benches);
