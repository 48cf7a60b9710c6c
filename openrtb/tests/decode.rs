//! Decoding: the tolerance that partners need, the limits, and what errors say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use openrtb::{DecodeCode, DecodeError, Decoder, Limits, Millionths, NativeRequest, WirePrice};
use proptest::prelude::*;

fn request_error(body: &str) -> DecodeError {
    let mut bytes = body.as_bytes().to_vec();
    Decoder::default().decode_request(&mut bytes).expect_err(body)
}

fn check_error(body: &str, code: DecodeCode, path: &str) {
    let error = request_error(body);
    assert_eq!((error.code, error.path.as_str()), (code, path), "{body}: {error}");
}

const FULL: &str = r#" {"id":"r\u0031","at":1,"tmax":120,"test":0,"cur":["CNY","USD"],"wseat":["s1"],"bcat":["IAB7"],"cattax":1,
 "badv":["bad.example"],"bapp":["com.bad"],"unknown":{"id":[1,{"a":"}"}]},
 "source":{"tid":"t1","ext":{"schain":{"ver":"1.0","complete":1,"nodes":[{"asi":"a.example","sid":"s"}]}}},
 "regs":{"coppa":0,"us_privacy":"1YNN","gpp":"DB","ext":{"gdpr":1}},
 "site":{"id":"s","domain":"a.example","page":"https:\/\/a.example\/?q=\"x\"","cat":["IAB1"],"publisher":{"id":7}},
 "device":{"ua":"UA","ip":"1.2.3.4","ipv6":"::1","dnt":0,"lmt":1,"devicetype":4,"make":"M","model":"X","os":"Android","osv":12,
  "carrier":"C","connectiontype":6,"ifa":"f","language":"zh","w":1080,"h":2400,
  "geo":{"country":"CHN","region":"SH","city":"Shanghai","lat":31.25,"lon":121,"type":2}},
 "user":{"id":"u","buyeruid":"b","ext":{"consent":"CO"}},
 "imp":[
  {"id":"1","tagid":"t","instl":1,"secure":0,"rwdd":0,"exp":30,"bidfloor":35.1,"bidfloorcur":"CNY","qty":{"multiplier":0.5},
   "banner":{"w":300,"h":250,"pos":0,"btype":[1],"battr":[16,500],"mimes":["image/png"],"api":[5],
    "format":[{"w":300,"h":250},{"wratio":16,"hratio":9,"wmin":320}]},
   "pmp":{"private_auction":1,"deals":[{"id":"d1","bidfloor":"12.34","bidfloorcur":"CNY","at":3,"wseat":["s1"],
     "wadomain":["ok.example"],"guar":1,"mincpmpersec":0.000001,"durfloors":[{"mindur":5,"maxdur":15,"bidfloor":2}]}]}},
  {"id":"2","video":{"mimes":["video/mp4"],"startdelay":0,"maxseq":3,"poddur":60,"protocols":[7,8],
    "w":640,"h":360,"podid":"p","podseq":-1,"rqddurs":[15],"plcmt":1,"linearity":1,"skip":0,"slotinpod":2,"battr":[1],"api":[7]},
   "audio":{"mimes":["audio/mp4"],"maxduration":30,"protocols":[9]},
   "native":{"request":"{\"ver\":\"1.2\",\"assets\":[]}","ver":1.2,"battr":[8]}}]} "#;

#[test]
fn every_field_needed_is_read() {
    let mut body = FULL.as_bytes().to_vec();
    let mut decoder = Decoder::default();
    let request = decoder.decode_request(&mut body).unwrap();
    assert_eq!(request.id, "r1");
    assert_eq!((request.at, request.tmax, request.test, request.cattax), (Some(1), Some(120), Some(0), Some(1)));
    assert_eq!(request.cur, ["CNY", "USD"]);
    assert_eq!((request.wseat, request.bcat), (&["s1".into()][..], &["IAB7".into()][..]));
    assert_eq!((&request.badv[0][..], &request.bapp[0][..]), ("bad.example", "com.bad"));
    assert!(request.bseat.is_empty() && request.acat.is_empty() && request.app.is_none() && request.dooh.is_none());
    let source = request.source.unwrap();
    assert!(request.supply_chain().is_some() && source.schain.is_none() && source.tid.unwrap() == "t1");
    let regs = request.regs.as_ref().unwrap();
    assert_eq!((regs.coppa, regs.gdpr, regs.gdpr_applies()), (Some(0), None, Some(1)));
    assert_eq!((regs.us_privacy.unwrap(), regs.gpp.unwrap()), ("1YNN", "DB"));
    let site = request.site.as_ref().unwrap();
    assert_eq!(site.page.unwrap(), r#"https://a.example/?q="x""#);
    assert_eq!(site.publisher.as_ref().unwrap().id.unwrap(), "7");
    let device = request.device.as_ref().unwrap();
    assert_eq!(
        (device.dnt, device.lmt, device.devicetype, device.connectiontype),
        (Some(0), Some(1), Some(4), Some(6))
    );
    assert_eq!((device.osv.unwrap(), device.w, device.h), ("12".into(), Some(1080), Some(2400)));
    let geo = device.geo.as_ref().unwrap();
    assert_eq!((geo.country.unwrap(), geo.lat, geo.lon), ("CHN".into(), Some(31.25), Some(121.0)));
    assert_eq!(request.user.as_ref().unwrap().consent_string().unwrap(), "CO");

    let imp = &request.imp[0];
    assert_eq!((imp.bidfloor, imp.secure, imp.exp), (Some(WirePrice(35_100_000)), Some(0), Some(30)));
    assert_eq!(imp.qty.as_ref().unwrap().multiplier, Some(Millionths(500_000)));
    let banner = imp.banner.as_ref().unwrap();
    assert_eq!((banner.battr, banner.api, banner.pos), (&[16, 500][..], &[5][..], Some(0)));
    assert_eq!((banner.format[0].w, banner.format[1].wmin, banner.format[1].w), (Some(300), Some(320), None));
    let pmp = imp.pmp.as_ref().unwrap();
    let deal = &pmp.deals[0];
    assert_eq!((pmp.private_auction, deal.at, deal.guar), (Some(1), Some(3), Some(1)));
    assert_eq!((deal.bidfloor, deal.mincpmpersec), (Some(WirePrice(12_340_000)), Some(WirePrice(1))));
    assert_eq!((deal.durfloors[0].maxdur, deal.durfloors[0].bidfloor), (Some(15), Some(WirePrice(2_000_000))));
    let imp = &request.imp[1];
    let video = imp.video.as_ref().unwrap();
    assert_eq!((video.startdelay, video.podseq, video.slotinpod, video.skip), (Some(0), Some(-1), Some(2), Some(0)));
    assert_eq!((video.protocols, video.rqddurs), (&[7, 8][..], &[15][..]));
    assert_eq!(imp.audio.as_ref().unwrap().maxduration, Some(30));
    let native = imp.native.as_ref().unwrap();
    assert!(matches!(native.request, NativeRequest::Asked { json: r#"{"ver":"1.2","assets":[]}"#, .. }));
    assert_eq!(native.ver.unwrap(), "1.2");
    // Decoding is not validating: a deal has one form of floor.
    assert_eq!(openrtb::validate_request(&request).unwrap_err().path, "imp[0].pmp.deals[0].mincpmpersec");
}

#[test]
fn scalars_are_read_as_partners_write_them() {
    for (tmax, expected) in [
        ("120", Some(120)),
        ("\"120\"", Some(120)),
        ("\" 120.0 \"", Some(120)),
        ("120.0", Some(120)),
        ("1.2e2", Some(120)),
        ("true", Some(1)),
        ("false", Some(0)),
        ("null", None),
        ("-5", Some(-5)),
        ("-0.0", Some(0)),
        ("2147483647.0", Some(i32::MAX)),
    ] {
        let mut body = format!(r#"{{"id":5,"tmax":{tmax}}}"#).into_bytes();
        let mut decoder = Decoder::default();
        let request = decoder.decode_request(&mut body).expect(tmax);
        assert_eq!((request.id, request.tmax), ("5".into(), expected), "{tmax}");
    }
    for tmax in ["2147483648", "2147483648.0", "18446744073709551615", "99999999999999999999999"] {
        check_error(&format!(r#"{{"tmax":{tmax}}}"#), DecodeCode::OutOfRange, "tmax");
    }
    for tmax in ["3.5", "\"3.5\"", "\"x\"", "\"\"", "\"NaN\"", "\"inf\"", "{}", "[]", "[1]"] {
        check_error(&format!(r#"{{"tmax":{tmax}}}"#), DecodeCode::WrongType, "tmax");
    }
}

#[test]
fn absent_null_and_empty_are_one() {
    for body in [
        r#"{"id":"1","imp":[{"banner":null,"video":[],"pmp":null}],"site":null,"app":[],"cur":null,"bcat":[],"wseat":[null]}"#,
        r#"{"id":"1","imp":[{}]}"#,
    ] {
        let mut bytes = body.as_bytes().to_vec();
        let mut reference = br#"{"imp":[{}],"id":"1"}"#.to_vec();
        let (mut one, mut other) = (Decoder::default(), Decoder::default());
        assert_eq!(one.decode_request(&mut bytes).unwrap(), other.decode_request(&mut reference).unwrap(), "{body}");
    }
}

#[test]
fn a_bare_scalar_is_a_list_of_one() {
    let mut body = br#"{"id":"1","cur":"CNY","bcat":7,"imp":[{"banner":{"battr":"3","api":true}}]}"#.to_vec();
    let mut decoder = Decoder::default();
    let request = decoder.decode_request(&mut body).unwrap();
    assert_eq!((request.cur, request.bcat), (&["CNY".into()][..], &["7".into()][..]));
    let banner = request.imp[0].banner.as_ref().unwrap();
    assert_eq!((banner.battr, banner.api), (&[3][..], &[1][..]));
}

#[test]
fn an_error_names_its_place() {
    check_error(r#"{"imp":[{"id":"1"},{"id":{}}]}"#, DecodeCode::WrongType, "imp[1].id");
    check_error(r#"{"user":{"consent":1}}"#, DecodeCode::WrongType, "user.consent");
    check_error(r#"{"imp":[{"id":true}]}"#, DecodeCode::WrongType, "imp[0].id");
    check_error(r#"{"imp":[{"id":1e40}]}"#, DecodeCode::OutOfRange, "imp[0].id");
    check_error(r#"{"imp":[null]}"#, DecodeCode::WrongType, "imp[0]");
    check_error(r#"{"imp":{"id":"1"}}"#, DecodeCode::WrongType, "imp");
    check_error(r#"{"imp":[["1"]]}"#, DecodeCode::WrongType, "imp[0]");
    check_error(r#"{"user":{"ext":{"consent":[1]}}}"#, DecodeCode::WrongType, "user.ext.consent");
    check_error(
        r#"{"imp":[{"pmp":{"deals":[{},{"bidfloor":1e13}]}}]}"#,
        DecodeCode::OutOfRange,
        "imp[0].pmp.deals[1].bidfloor",
    );
    check_error(r#"{"imp":[{"bidfloor":"1,5"}]}"#, DecodeCode::WrongType, "imp[0].bidfloor");
    check_error("[1]", DecodeCode::WrongType, "");
    check_error("null", DecodeCode::WrongType, "");
    check_error("", DecodeCode::Malformed, "");
    check_error("malformed", DecodeCode::Malformed, "");
    check_error(r#"{"id":"1"} x"#, DecodeCode::Malformed, "");
    check_error(r#"{"id":"1","imp":[{"id":1}"#, DecodeCode::Malformed, "");
    assert_eq!(request_error(r#"{"id":tru}"#).offset, Some(6));
    let mut latin1 = b"{\"id\":\"\xe9\"}".to_vec();
    assert_eq!(Decoder::default().decode_request(&mut latin1).unwrap_err().code, DecodeCode::Malformed);
}

#[test]
fn a_key_given_twice_is_refused_even_in_disguise() {
    check_error(r#"{"id":"1","id":"2"}"#, DecodeCode::Duplicate, "id");
    check_error(r#"{"id":"1","i\u0064":"2"}"#, DecodeCode::Duplicate, "id");
    check_error(r#"{"imp":[{"id":"1","pmp":null,"pmp":{}}]}"#, DecodeCode::Duplicate, "imp[0].pmp");
}

#[test]
fn an_integer_beyond_64_bits_nobody_reads_passes() {
    let mut body = br#"{"id":"1","ext":{"big":123456789012345678901234567890}}"#.to_vec();
    assert_eq!(Decoder::default().decode_request(&mut body).unwrap().id, "1");
}

/// `at` elements pass and one more is refused at `path`.
fn check_count(limits: Limits, at: usize, path: &str, build: impl Fn(usize) -> String) {
    let mut decoder = Decoder::new(limits);
    decoder.decode_request(&mut build(at).into_bytes()).expect("at the limit");
    let error = decoder.decode_request(&mut build(at + 1).into_bytes()).expect_err("above the limit").clone();
    assert_eq!((error.code, error.path.as_str()), (DecodeCode::TooMany, path));
    assert!(error.message.contains(&(at + 1).to_string()), "{error}");
}

#[test]
fn counts_are_limited() {
    let repeat = |element: &str, times: usize| vec![element; times].join(",");
    let limits = Limits { imps: 3, deals: 4, formats: 2, list_items: 5, ..Limits::default() };
    check_count(limits, 3, "imp", |n| format!(r#"{{"imp":[{}]}}"#, repeat("{}", n)));
    let deals = |n| format!(r#"{{"imp":[{{}},{{"pmp":{{"deals":[{}]}}}}]}}"#, repeat("{}", n));
    check_count(limits, 4, "imp[1].pmp.deals", deals);
    let formats = |n| format!(r#"{{"imp":[{{"banner":{{"format":[{}]}}}}]}}"#, repeat("{}", n));
    check_count(limits, 2, "imp[0].banner.format", formats);
    let companions = |n| format!(r#"{{"imp":[{{"video":{{"companionad":[{}]}}}}]}}"#, repeat("{}", n));
    check_count(limits, 2, "imp[0].video.companionad", companions);
    check_count(limits, 5, "bcat", |n| format!(r#"{{"bcat":[{}]}}"#, repeat("\"a\"", n)));
    check_count(Limits::default(), 64, "imp", |n| format!(r#"{{"imp":[{}]}}"#, repeat("{}", n)));
}

#[test]
fn strings_and_bodies_are_limited() {
    let mut decoder = Decoder::new(Limits { id_bytes: 4, text_bytes: 8, body_bytes: 80, ..Limits::default() });
    let mut check = |body: &str, expected: Option<(DecodeCode, &str)>| {
        let mut bytes = body.as_bytes().to_vec();
        let found = decoder.decode_request(&mut bytes).err().map(|error| (error.code, error.path));
        assert_eq!(found, expected.map(|(code, path)| (code, path.to_owned())), "{body}");
    };
    check(r#"{"id":"1234","site":{"page":"12345678"}}"#, None);
    check(r#"{"id":"12345"}"#, Some((DecodeCode::TooLong, "id")));
    check(r#"{"imp":[{},{"id":"12345"}]}"#, Some((DecodeCode::TooLong, "imp[1].id")));
    check(r#"{"imp":[{"pmp":{"deals":[{"id":"12345"}]}}]}"#, Some((DecodeCode::TooLong, "imp[0].pmp.deals[0].id")));
    check(r#"{"site":{"page":"123456789"}}"#, Some((DecodeCode::TooLong, "site.page")));
    check(&format!("{{{}}}", " ".repeat(78)), None);
    check(&format!("{{{}}}", " ".repeat(79)), Some((DecodeCode::BodyTooLarge, "")));
}

#[test]
fn depth_is_limited_without_recursion() {
    let nested = |depth: usize, open: &str, close: &str| {
        format!(r#"{{"ext":{}1{}}}"#, open.repeat(depth - 1), close.repeat(depth - 1))
    };
    let mut decoder = Decoder::new(Limits { depth: 8, ..Limits::default() });
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        decoder.decode_request(&mut nested(8, open, close).into_bytes()).unwrap();
        let error = decoder.decode_request(&mut nested(9, open, close).into_bytes()).unwrap_err();
        assert_eq!(error.code, DecodeCode::TooDeep);
        assert!(error.offset.is_some());
        let error = decoder.decode_request(&mut nested(10_000, open, close).into_bytes()).unwrap_err();
        assert_eq!(error.code, DecodeCode::TooDeep);
    }
    // Unclosed, as an attacker would send it, under the default limits.
    check_error(&"[".repeat(100_000), DecodeCode::TooDeep, "");
}

#[test]
fn a_decoder_survives_errors_and_large_bodies() {
    let mut decoder = Decoder::default();
    for padding in [0, 200_000, 10] {
        assert!(decoder.decode_request(&mut b"{".to_vec()).is_err());
        let mut body = format!(r#"{{"id":"a","ext":"{}","tmax":9}}"#, "x".repeat(padding)).into_bytes();
        let request = decoder.decode_request(&mut body).unwrap();
        assert_eq!((request.id, request.tmax), ("a".into(), Some(9)));
    }
}

#[test]
fn every_field_of_a_response_is_read() {
    let mut body = br#"{"id":"r","bidid":"b","cur":"CNY","customdata":"c","nbr":2,"ext":{"x":1},"seatbid":[{"seat":9,"group":1,"bid":[
      {"id":"1","impid":2,"price":"35.1","nurl":"n","burl":"bu","lurl":"l","adm":"<a href=\"x\">","adid":"ad","adomain":["a.example"],
       "bundle":"com.a","iurl":"i","cid":3,"crid":"cr","tactic":"t","cattax":6,"cat":["1"],"attr":[1,2],"apis":[7],"api":5,
       "protocol":8,"qagmediarating":1,"language":"zh","langb":"zh-CN","dealid":"d","w":300,"h":250,"wratio":6,"hratio":5,
       "exp":60,"dur":15,"mtype":2,"slotinpod":-1,"ext":[1,2]}]}]}"#
        .to_vec();
    let mut decoder = Decoder::default();
    let response = decoder.decode_response(&mut body).unwrap();
    assert_eq!((response.id, response.bidid.unwrap(), response.cur.unwrap()), ("r".into(), "b".into(), "CNY".into()));
    assert_eq!((response.customdata.unwrap(), response.nbr), ("c".into(), Some(2)));
    let seatbid = &response.seatbid[0];
    assert_eq!((seatbid.seat.unwrap(), seatbid.group), ("9".into(), Some(1)));
    let bid = &seatbid.bid[0];
    assert_eq!((bid.id, bid.impid, bid.price), ("1".into(), "2".into(), Some(WirePrice(35_100_000))));
    let texts = [bid.nurl, bid.burl, bid.lurl, bid.adm, bid.adid, bid.bundle, bid.iurl, bid.cid, bid.crid, bid.tactic];
    assert_eq!(texts.map(Option::unwrap), ["n", "bu", "l", r#"<a href="x">"#, "ad", "com.a", "i", "3", "cr", "t"]);
    assert_eq!([bid.language, bid.langb, bid.dealid].map(Option::unwrap), ["zh", "zh-CN", "d"]);
    assert_eq!((&bid.adomain[0][..], &bid.cat[0][..]), ("a.example", "1"));
    assert_eq!((bid.attr, bid.apis), (&[1, 2][..], &[7][..]));
    let integers = [bid.cattax, bid.api, bid.protocol, bid.qagmediarating, bid.w, bid.h, bid.wratio, bid.hratio];
    assert_eq!(integers.map(Option::unwrap), [6, 5, 8, 1, 300, 250, 6, 5]);
    assert_eq!([bid.exp, bid.dur, bid.mtype, bid.slotinpod].map(Option::unwrap), [60, 15, 2, -1]);
}

#[test]
fn bids_are_limited_over_all_seats() {
    let body = |first: usize, second: usize| {
        let bids = |count: usize| vec!["{}"; count].join(",");
        format!(r#"{{"seatbid":[{{"bid":[{}]}},{{"bid":[{}]}}]}}"#, bids(first), bids(second)).into_bytes()
    };
    let mut decoder = Decoder::new(Limits { bids: 5, ..Limits::default() });
    decoder.decode_response(&mut body(2, 3)).unwrap();
    let error = decoder.decode_response(&mut body(3, 3)).unwrap_err();
    assert_eq!((error.code, error.path.as_str()), (DecodeCode::TooMany, "seatbid"));
    let error = decoder.decode_response(&mut body(0, 6)).unwrap_err();
    assert_eq!((error.code, error.path.as_str()), (DecodeCode::TooMany, "seatbid[1].bid"));
    let mut long = Decoder::new(Limits { id_bytes: 2, ..Limits::default() });
    let error = long.decode_response(&mut br#"{"seatbid":[{"bid":[{},{"dealid":"abc"}]}]}"#.to_vec()).unwrap_err();
    assert_eq!((error.code, error.path.as_str()), (DecodeCode::TooLong, "seatbid[0].bid[1].dealid"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A price written with up to six places is read as exactly that, as a number and as a string.
    #[test]
    fn prices_are_exact(millionths in -1_000_000_000_000_000i64..=1_000_000_000_000_000) {
        let mut text = Vec::new();
        openrtb::encode::write_millionths(&mut text, millionths);
        let text = String::from_utf8(text).unwrap();
        for written in [text.clone(), format!("\"{text}\"")] {
            let mut body = format!(r#"{{"imp":[{{"bidfloor":{written}}}]}}"#).into_bytes();
            let mut decoder = Decoder::default();
            let request = decoder.decode_request(&mut body).unwrap();
            prop_assert_eq!(request.imp[0].bidfloor, Some(WirePrice(millionths)), "{}", written);
        }
    }

    /// The number and the same digits in a string agree, however many places they have.
    #[test]
    fn rounding_does_not_depend_on_the_form(units in 0u32..1_000_000, places in 0u64..1_000_000_000) {
        let decimal = format!("{units}.{places:09}");
        let mut body = format!(r#"{{"imp":[{{"bidfloor":{decimal}}}]}}"#).into_bytes();
        let mut decoder = Decoder::default();
        let found = decoder.decode_request(&mut body).unwrap().imp[0].bidfloor.unwrap();
        prop_assert_eq!(Some(found), WirePrice::from_decimal(&decimal));
        prop_assert_eq!(found.0, i64::from(units) * 1_000_000 + (places as i64 + 500) / 1000);
    }

    /// Arbitrary bytes never panic.
    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::default();
        let _ = decoder.decode_request(&mut body.clone());
        let _ = decoder.decode_response(&mut body.clone());
        let _ = openrtb::scan::root(&body);
    }
}
