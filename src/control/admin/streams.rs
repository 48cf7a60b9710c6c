//! `/events`: the parts of the dashboard once a second, as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::{Shared, answer};
use crate::control::dashboard::{Figures, parts};
use crate::control::publish::held;

/// Streams at a time.
pub(super) const MOST_STREAMS: usize = 32;
/// Events that wait for a slow reader; it misses those beyond.
const QUEUE: usize = 2;

/// The open streams.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<Hub>);

#[derive(Debug, Default)]
struct Hub {
    readers: Vec<mpsc::Sender<Bytes>>,
    closed: bool,
}

impl Streams {
    /// A new stream; `None` at the bound, and after the end.
    fn open(&self) -> Option<(mpsc::Sender<Bytes>, Events)> {
        let mut hub = held(&self.0);
        hub.readers.retain(|reader| !reader.is_closed());
        if hub.closed || hub.readers.len() >= MOST_STREAMS {
            return None;
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        hub.readers.push(sender.clone());
        Some((sender, Events(receiver)))
    }

    pub(super) fn anybody(&self) -> bool {
        held(&self.0).readers.iter().any(|reader| !reader.is_closed())
    }

    pub(super) fn send(&self, event: &Bytes) {
        let gone = |reader: &mpsc::Sender<Bytes>| {
            matches!(reader.try_send(event.clone()), Err(mpsc::error::TrySendError::Closed(_)))
        };
        held(&self.0).readers.retain(|reader| !gone(reader));
    }

    /// Ends every stream; there will be no other.
    pub(super) fn close(&self) {
        let mut hub = held(&self.0);
        hub.closed = true;
        hub.readers.clear();
    }
}

/// One event: a JSON object with the HTML of each part of the page by its element's id.
pub(super) fn frame(figures: &Figures) -> Bytes {
    let parts: serde_json::Map<_, _> =
        parts(figures).into_iter().map(|(part, html)| (part.to_owned(), html.into())).collect();
    let json = serde_json::Value::from(parts);
    format!("data: {json}\n\n").into()
}

struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

pub(super) async fn events(state: Shared) -> Response {
    let Some((sender, events)) = state.streams.open() else {
        let message = format!("at most {MOST_STREAMS} streams at a time");
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", &message);
    };
    // An empty queue takes it.
    let _ = sender.try_send(frame(&state.figures()));
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    ([kind], Body::new(events)).into_response()
}
