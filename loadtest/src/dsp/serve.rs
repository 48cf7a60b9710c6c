//! One request to a scripted DSP: read, remembered, delayed, answered as its temper wants.

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use hyper::{HeaderMap, Request, Response, StatusCode};
use tokio::time::{Instant, Sleep};

use super::Shared;
use super::bid::{Asked, respond};
use super::script::{Script, Temper};

/// No exchange sends more than this in one request.
const LARGEST_REQUEST: usize = 4 << 20;
/// Time for what was written to leave before the connection breaks.
const BREAK_AFTER: Duration = Duration::from_millis(5);

/// A body of one piece, one that breaks off after it, or one that comes byte by byte.
pub(super) struct Reply {
    piece: Option<Bytes>,
    breaks: Option<Pin<Box<Sleep>>>,
    drips: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let reply = self.get_mut();
        if let (Some((pause, timer)), Some(rest)) = (reply.drips.as_mut(), reply.piece.as_mut()) {
            std::task::ready!(timer.as_mut().poll(context));
            timer.as_mut().reset(Instant::now() + *pause);
            let drop = rest.split_to(1.min(rest.len()));
            if rest.is_empty() {
                reply.piece = None;
            }
            return Poll::Ready(Some(Ok(Frame::data(drop))));
        }
        if let Some(piece) = reply.piece.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let Some(timer) = reply.breaks.as_mut() else { return Poll::Ready(None) };
        std::task::ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_none() && self.breaks.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.piece, &self.breaks) {
            (_, Some(_)) => SizeHint::default(),
            (piece, None) => SizeHint::with_exact(piece.as_ref().map_or(0, |piece| piece.len() as u64)),
        }
    }
}

type Answer = Result<Response<Reply>, io::Error>;

/// Answers one request; an error closes the connection without an answer.
pub(super) async fn serve(shared: &Shared, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    if target.starts_with("/notice/") {
        shared.memory.notice(target);
        return reply(StatusCode::OK, "application/json", Bytes::new());
    }
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        return reply(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", Bytes::new());
    };
    let arrived = Instant::now();
    let answer = bid_request(shared, target, &head.headers, body.to_bytes(), arrived).await;
    if let Ok(answer) = &answer {
        let size = answer.body().piece.as_ref().map_or(0, Bytes::len);
        shared.memory.stats().bytes_out += size as u64;
    }
    answer
}

async fn bid_request(shared: &Shared, target: &str, headers: &HeaderMap, body: Bytes, arrived: Instant) -> Answer {
    shared.memory.remember(target, headers, &body);
    let script = shared.script();
    let (temper, wait) = {
        let mut rng = shared.rng();
        (script.draw(&mut rng), script.latency.draw(&mut rng))
    };
    let asked = serde_json::from_slice::<Asked<'_>>(&body);
    {
        let mut stats = shared.memory.stats();
        stats.requests += 1;
        stats.bytes_in += body.len() as u64;
        *stats.tempers.entry(temper.name()).or_default() += 1;
        stats.unreadable += u64::from(asked.is_err());
    }
    let Ok(asked) = asked else { return reply(StatusCode::BAD_REQUEST, "text/plain", Bytes::new()) };
    let wait = if let Temper::Slow(more) = temper { wait + more } else { wait };
    if temper == Temper::Silent {
        // Its own time is all that it was given.
        note(shared, &asked, Duration::from_millis(asked.tmax.into()));
    }
    pause(shared, &asked, wait, arrived).await;
    act(shared, &script, &temper, &asked).await
}

/// Waits, and writes down for the media how long that was.
async fn pause(shared: &Shared, asked: &Asked<'_>, wait: Duration, arrived: Instant) {
    if wait.is_zero() {
        return;
    }
    // Once before, in case the exchange does not wait for the end, and once after: timers overshoot.
    note(shared, asked, wait);
    tokio::time::sleep(wait).await;
    note(shared, asked, arrived.elapsed());
}

fn note(shared: &Shared, asked: &Asked<'_>, waited: Duration) {
    if let Some(delays) = shared.delays.as_ref().filter(|_| !asked.source.tid.is_empty()) {
        delays.note(&asked.source.tid, u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
    }
}

async fn act(shared: &Shared, script: &Script, temper: &Temper, asked: &Asked<'_>) -> Answer {
    const JSON: &str = "application/json";
    match temper {
        Temper::Pass => reply(StatusCode::NO_CONTENT, "", Bytes::new()),
        Temper::PassEmpty => reply(StatusCode::OK, JSON, Bytes::from_static(b"{}")),
        Temper::NoBidReason(reason) => {
            let body = serde_json::json!({"id": asked.id, "seatbid": [], "nbr": reason});
            reply(StatusCode::OK, JSON, body.to_string().into())
        }
        Temper::Silent => match std::future::pending::<Infallible>().await {},
        Temper::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        Temper::WrongType => reply(StatusCode::OK, "text/html", "<html><body>It works!</body></html>".into()),
        Temper::Oversized(size) => {
            let body = serde_json::json!({"id": asked.id, "ext": {"padding": "x".repeat(*size)}, "seatbid": []});
            reply(StatusCode::OK, JSON, body.to_string().into())
        }
        Temper::Status(code) => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            reply(status, JSON, Bytes::new())
        }
        Temper::Redirect => {
            let answer = Response::builder().status(StatusCode::FOUND).header(LOCATION, "/elsewhere");
            answer.body(Reply { piece: None, breaks: None, drips: None }).map_err(io::Error::other)
        }
        Temper::Bomb(size) => packed(&vec![b' '; *size]),
        Temper::Fixed(body) => reply(StatusCode::OK, JSON, fill(body, asked)),
        _ => bid(shared, script, temper, asked),
    }
}

fn bid(shared: &Shared, script: &Script, temper: &Temper, asked: &Asked<'_>) -> Answer {
    let serial = shared.serial.fetch_add(1, Ordering::Relaxed);
    let Some((body, bids)) = respond(&shared.bidder, script, &shared.catalog, asked, temper, serial) else {
        return reply(StatusCode::NO_CONTENT, "", Bytes::new());
    };
    shared.memory.stats().bids += bids;
    let whole = Bytes::from(body);
    let half = whole.slice(..whole.len() / 2);
    match temper {
        Temper::Malformed => reply(StatusCode::OK, "application/json", half),
        Temper::Truncate => {
            let answer =
                Response::builder().header(CONTENT_TYPE, "application/json").header(CONTENT_LENGTH, whole.len());
            let breaks = Some(Box::pin(tokio::time::sleep(BREAK_AFTER)));
            answer.body(Reply { piece: Some(half), breaks, drips: None }).map_err(io::Error::other)
        }
        Temper::Gzip => packed(&whole),
        Temper::Dribble(pause) => {
            let drips = Some((*pause, Box::pin(tokio::time::sleep(*pause))));
            let answer =
                Response::builder().header(CONTENT_TYPE, "application/json").header(CONTENT_LENGTH, whole.len());
            answer.body(Reply { piece: Some(whole), breaks: None, drips }).map_err(io::Error::other)
        }
        _ => reply(StatusCode::OK, "application/json", whole),
    }
}

fn packed(plain: &[u8]) -> Answer {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain)?;
    let answer = Response::builder().header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, "gzip");
    let piece = Some(encoder.finish()?.into());
    answer.body(Reply { piece, breaks: None, drips: None }).map_err(io::Error::other)
}

fn reply(status: StatusCode, content_type: &str, body: Bytes) -> Answer {
    let mut answer = Response::builder().status(status);
    if !content_type.is_empty() {
        answer = answer.header(CONTENT_TYPE, content_type);
    }
    let piece = (!body.is_empty()).then_some(body);
    answer.body(Reply { piece, breaks: None, drips: None }).map_err(io::Error::other)
}

fn fill(body: &Bytes, asked: &Asked<'_>) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else { return body.clone() };
    if !text.contains('@') {
        return body.clone();
    }
    let imp = asked.imp.first();
    let text = text.replace("@REQUEST_ID@", &asked.id);
    let text = text.replace("@IMP_ID@", imp.map_or("", |imp| imp.id.as_ref()));
    text.replace("@DEAL_ID@", imp.and_then(|imp| imp.first_deal()).unwrap_or("")).into()
}
