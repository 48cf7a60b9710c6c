//! Golden cases: a file per behaviour, from the media's request and the DSPs' answers to the media's answer, what each DSP saw,
//! how every opportunity ended, and what was journaled.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http_body_util::Full;
use hyper::Request;
use loadtest::client::Answer;
use loadtest::dsp::{Script, ScriptedDsp, Temper};
use serde_json::{Map, Value, json};

use crate::harness::{Counts, NOON, Pmpx, bids};
use crate::json::{differences, mask, pretty};

/// The headers of an answer that are part of its meaning.
const TOLD: [&str; 8] = [
    "allow",
    "cache-control",
    "content-encoding",
    "content-type",
    "retry-after",
    "www-authenticate",
    "x-openrtb-version",
    "x-pmpx-nbr",
];

#[test]
fn every_golden_case_is_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (bless, wanted) = (std::env::var("PMPX_BLESS").is_ok(), std::env::var("PMPX_GOLDEN").unwrap_or_default());
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().contains(&wanted));
    files.sort();
    assert!(!files.is_empty(), "there are no cases in {}", folder.display());
    let mut report = String::new();
    for file in &files {
        let told =
            std::panic::catch_unwind(|| run(file, bless)).unwrap_or_else(|_| vec!["it panicked; see above".into()]);
        if !told.is_empty() {
            let _ = writeln!(report, "{}:\n  {}", file.file_name().unwrap().display(), told.join("\n  "));
        }
    }
    assert!(
        report.is_empty(),
        "\n{report}PMPX_BLESS=1 writes what happened into the files; review it against the rules."
    );
}

/// Runs a case. Returns how it differs from its file.
fn run(file: &PathBuf, bless: bool) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut case: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    known(&case, &["rules", "about", "config", "now", "requests"]);
    let mut pmpx = Pmpx::start(case["now"].as_str().unwrap_or(NOON), &case["config"]);
    let mut told = Vec::new();
    for (index, step) in case["requests"].as_array_mut().expect("requests").iter_mut().enumerate() {
        let happened = request(&pmpx, step);
        if step["expect"] != happened {
            let differences = differences(&step["expect"], &happened);
            told.extend(differences.into_iter().map(|line| format!("request {index}{line}")));
        }
        step["expect"] = happened;
    }
    pmpx.settle();
    if bless {
        std::fs::write(file, pretty(&case)).unwrap();
        return Vec::new();
    }
    if told.is_empty() && text != pretty(&case) {
        told.push("is not written as PMPX_BLESS=1 writes it".to_owned());
    }
    told
}

/// A misspelt key would be a case that tests something else.
fn known(object: &Value, keys: &[&str]) {
    for key in object.as_object().expect("an object").keys() {
        assert!(keys.contains(&key.as_str()), "{key} is none of {keys:?}");
    }
}

fn request(pmpx: &Pmpx, step: &Value) -> Value {
    known(
        step,
        &["now", "media", "key", "headers", "body", "raw", "pad", "gzip", "answers", "edit", "notices", "expect"],
    );
    if let Some(now) = step["now"].as_str() {
        pmpx.set_clock(now);
    }
    let before = (pmpx.events(), pmpx.rejected(), pmpx.journal().len());
    let asked: Vec<_> = pmpx.dsps().iter().map(|dsp| dsp.stats().requests).collect();
    for dsp in pmpx.dsps() {
        dsp.set_script(script(&step["answers"][dsp.name()]));
    }
    for name in step["answers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        pmpx.dsp(name);
    }
    let answer = pmpx.send(sent(step));
    wait_for_slow_readers(pmpx, &asked, &step["expect"]["asked"]);
    let seen: Vec<_> =
        pmpx.dsps().iter().zip(&asked).map(|(dsp, before)| (dsp.name(), body_seen(dsp, *before))).collect();
    if !step["edit"].is_null() {
        // What changes between the answer and its notices.
        pmpx.edit(&step["edit"]);
        pmpx.reload();
    }
    let mut happened = Map::new();
    let response = response(&answer);
    let auction = seen.iter().find_map(|(_, body)| body["id"].as_str()).or(response["body"]["bidid"].as_str());
    let auction = auction.unwrap_or_default().to_owned();
    happened.insert("asked".into(), seen.into_iter().map(|(name, body)| (name.to_owned(), body)).collect());
    happened.insert("response".into(), response);
    if let Some(notices) = step["notices"].as_array() {
        happened.insert("notices".into(), notices.iter().map(|notice| notify(pmpx, &answer, notice)).collect());
    }
    let mut happened = Value::Object(happened);
    mask(&mut happened, &auction);
    happened["events"] = json!(growth(&before.0, pmpx.events()));
    happened["rejected"] = json!(growth(&before.1, pmpx.rejected()));
    happened["journal"] = pmpx.journal()[before.2..].iter().map(|row| journaled(pmpx, row)).collect();
    happened
}

fn sent(step: &Value) -> Request<Full<Bytes>> {
    let media = step["media"].as_str().expect("media");
    let own = format!("{media}.demo-{media}-secret");
    let mut request = Request::post("/openrtb2/auction");
    let mut headers = json!({"authorization": format!("Bearer {}", step["key"].as_str().unwrap_or(&own)),
        "content-type": "application/json"});
    if step["gzip"] == true {
        headers["content-encoding"] = "gzip".into();
    }
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        headers[name] = value.clone();
    }
    for (name, value) in headers.as_object().unwrap() {
        if let Some(value) = value.as_str() {
            request = request.header(name, value);
        }
    }
    let body = step["raw"].as_str().map_or_else(|| step["body"].to_string(), str::to_owned);
    let body = body + &" ".repeat(step["pad"].as_u64().unwrap_or(0) as usize);
    let body = if step["gzip"] == true { gzip(&body) } else { body.into() };
    request.body(Full::new(body)).unwrap()
}

fn gzip(body: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, body.as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

/// How a DSP answers: the name of a temper, or one with its parameter. Nothing: it bids.
fn script(answer: &Value) -> Script {
    let number = |name: &str| answer[name].as_u64();
    if let Some(ms) = number("slow_ms") {
        return Script::always(Temper::Slow(Duration::from_millis(ms)));
    }
    if let Some(status) = number("status") {
        return Script::always(Temper::Status(u16::try_from(status).unwrap()));
    }
    if let Some(deal) = answer["unoffered_deal"].as_str() {
        return Script::always(Temper::UnofferedDeal(deal.to_owned()));
    }
    if !answer["fixed"].is_null() {
        return Script::always(Temper::Fixed(answer["fixed"].to_string().into()));
    }
    Script::always(match answer.as_str() {
        None if answer.is_null() => Temper::Bid,
        Some("every_deal") => return Script::always(Temper::Bid).every_deal(),
        Some("pass") => Temper::Pass,
        Some("pass_empty") => Temper::PassEmpty,
        Some("silent") => Temper::Silent,
        Some("reset") => Temper::Reset,
        Some("below_floor") => Temper::BelowFloor,
        Some("above_price") => Temper::AbovePrice,
        Some("foreign_advertiser") => Temper::ForeignAdvertiser,
        Some("wrong_seat") => Temper::WrongSeat,
        _ => panic!("{answer} is no answer of a DSP"),
    })
}

/// An early answer leaves before a slow DSP has read its question: waits for those that are expected, and for strays.
fn wait_for_slow_readers(pmpx: &Pmpx, before: &[u64], expected: &Value) {
    let missing =
        |(dsp, before): (&ScriptedDsp, &u64)| !expected[dsp.name()].is_null() && dsp.stats().requests == *before;
    pmpx.wait_until("every expected DSP is asked", || {
        expected.is_null() || !pmpx.dsps().iter().zip(before).any(missing)
    });
    let strays = std::cell::Cell::new(0);
    pmpx.wait_until("strays have come", || strays.replace(strays.get() + 1) > if expected.is_null() { 40 } else { 1 });
}

/// What a DSP was asked; null when it was not.
fn body_seen(dsp: &ScriptedDsp, before: u64) -> Value {
    let count = usize::try_from(dsp.stats().requests - before).unwrap();
    assert!(count <= 1, "{} was asked {count} times in one auction", dsp.name());
    let Some(seen) = dsp.seen().pop().filter(|_| count == 1) else { return Value::Null };
    let mut body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert!(body["tmax"].as_u64().is_some_and(|ms| ms > 0), "{body}");
    body["tmax"] = "TMAX".into();
    body
}

fn response(answer: &Answer) -> Value {
    let headers: Map<_, _> = TOLD
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), answer.headers.get(*name)?.to_str().ok()?.into())))
        .collect();
    let mut text = answer.body.to_vec();
    if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut GzDecoder::new(&text[..]), &mut plain).unwrap();
        text = plain;
    }
    let picture = headers.get("content-type").is_some_and(|kind| kind == "image/gif");
    let body = match text.as_slice() {
        [] => Value::Null,
        _ if picture => "a picture".into(),
        json => serde_json::from_slice(json).unwrap(),
    };
    json!({"status": answer.status.as_u16(), "headers": headers, "body": body})
}

/// Fires `burl`, `nurl` or `lurl` of the first bid, with a query behind it where one is written; `1:burl` is the second bid's;
/// what starts with a slash is a path, `adm:/t/imp/` the first URL of the markup with that path.
fn notify(pmpx: &Pmpx, answer: &Answer, notice: &Value) -> Value {
    let notice = notice.as_str().expect("a notice");
    let url = if notice.starts_with('/') {
        notice.to_owned()
    } else if let Some(path) = notice.strip_prefix("adm:") {
        url_in(bids(answer)[0]["adm"].as_str().unwrap(), path)
    } else {
        let (place, name) = notice.split_once(':').unwrap_or(("0", notice));
        let (name, query) = name.split_once('?').unwrap_or((name, ""));
        let bid = &bids(answer)[place.parse::<usize>().unwrap()];
        let url = bid[name].as_str().unwrap_or_else(|| panic!("the bid has no {name}"));
        if query.is_empty() { url.to_owned() } else { format!("{url}?{query}") }
    };
    let answer = response(&pmpx.get(&url));
    json!({"status": answer["status"], "body": answer["body"]})
}

/// The URL in a text that has a path in it.
fn url_in(text: &str, path: &str) -> String {
    let place = text.find(path).unwrap_or_else(|| panic!("no {path} in {text}"));
    let start = text[..place].rfind("http").unwrap();
    let end = text[place..].find(['"', ']', ' ', '<']).map_or(text.len(), |length| place + length);
    text[start..end].to_owned()
}

fn growth(before: &Counts, after: Counts) -> Counts {
    let grown = |(name, counts): (String, _)| {
        let grown = |(label, count): (String, u64)| {
            let count = count - before.get(&name).and_then(|known| known.get(&label)).copied().unwrap_or(0);
            (count > 0).then_some((label, count))
        };
        let counts: std::collections::BTreeMap<_, _> =
            std::collections::BTreeMap::into_iter(counts).filter_map(grown).collect();
        (!counts.is_empty()).then_some((name, counts))
    };
    after.into_iter().filter_map(grown).collect()
}

fn journaled(pmpx: &Pmpx, row: &pmpx::event::Journaled) -> Value {
    let market = pmpx.exchange().market.load();
    json!({
        "deal": market.deals.get(row.deal).map(|deal| deal.wire.clone()),
        "media": market.media.get(row.media).map(|media| media.wire.clone()),
        "amount": row.amount.0,
        "earned": row.earned.0,
        "thousandths": row.quantity,
        "void": row.resolution,
        "displayed_ms": row.displayed_ms,
    })
}
