//! One request on one connection, and what of its answer is read: so many bytes, within so much time, unpacked within the same bounds.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

use super::agent::Agent;
use super::budget::Budget;
use super::reach::Line;
use super::refusal::{Phase, Refusal};
use crate::market::policy::landing::Limits;

/// The most lines of an answer's head.
const MOST_HEADERS: usize = 200;
/// The least that hyper reads a head into.
const LEAST_HEAD: usize = 8_192;
/// How a file is served that is saved instead of shown (RFC 6266 §4.2).
const ATTACHMENT: &str = "attachment";

/// An answer that was read.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) head: HeaderMap,
    /// As it is after unpacking; empty where the status is none of success: nobody looks at it.
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.head.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What is asked, and within which bounds it is read.
pub(super) struct Question<'q> {
    pub(super) url: &'q Url,
    pub(super) agent: Agent,
    pub(super) limits: &'q Limits,
    pub(super) budget: &'q Budget,
    pub(super) wanted: Wanted,
}

/// What an answer should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A page, and nothing else.
    Page,
    /// A picture, film or sound, whatever it says that it is.
    File,
    /// A robots.txt, whatever it says that it is. What is longer than is read of it is cut.
    Robots,
}

impl Wanted {
    /// What a browser says that it takes (RFC 9110 §12.5.1). Of files only what every browser shows: a server that has several forms sends that one.
    const fn accept(self) -> &'static str {
        match self {
            Self::Page | Self::Robots => "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
            Self::File => "image/png,image/jpeg,image/gif,video/mp4,audio/*;q=0.9,*/*;q=0.5",
        }
    }
}

impl Question<'_> {
    /// Asks on a connection that serves this once.
    pub(super) async fn ask(&self, line: Box<dyn Line>) -> Result<Reply, Refusal> {
        let wrong = |error: hyper::Error| self.wrong(&error);
        let mut builder = http1::Builder::new();
        builder.max_buf_size(self.limits.largest_head.max(LEAST_HEAD)).max_headers(MOST_HEADERS);
        let (mut sender, connection) = builder.handshake(TokioIo::new(line)).await.map_err(wrong)?;
        // Ends with this request: a dropped set takes its task with it.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let asking = timeout(self.limits.head, sender.send_request(self.request()?)).await;
        let response = asking.map_err(|_| Refusal::Slow(Phase::Head))?.map_err(wrong)?;
        self.read(response).await
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, Refusal> {
        let url = self.url;
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = Request::get(target)
            .header(header::HOST, host)
            .header(header::USER_AGENT, self.agent.header())
            .header(header::ACCEPT, self.wanted.accept())
            .header(header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.5")
            .header(header::ACCEPT_ENCODING, "gzip, deflate")
            .header(header::CONNECTION, "close")
            .body(Empty::new());
        request.map_err(|error| Refusal::Malformed(error.to_string()))
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Reply, Refusal> {
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            return Ok(Reply { status: parts.status, head: parts.headers, body: Vec::new() });
        }
        let most = match self.wanted {
            Wanted::Page => {
                page(&parts.headers)?;
                self.limits.largest_body
            }
            Wanted::File => self.limits.largest_body,
            Wanted::Robots => super::robots::LARGEST,
        };
        let sent = self.collect(body, most).await?;
        let body = unpacked(sent, parts.headers.get(header::CONTENT_ENCODING), most)?;
        Ok(Reply { status: parts.status, head: parts.headers, body })
    }

    async fn collect(&self, mut body: Incoming, most: usize) -> Result<Vec<u8>, Refusal> {
        let mut sent = Vec::new();
        loop {
            let next = timeout(self.limits.pause, body.frame()).await.map_err(|_| Refusal::Slow(Phase::Body))?;
            let Some(frame) = next else { return Ok(sent) };
            let frame = frame.map_err(|error| self.wrong(&error))?;
            let Ok(piece) = frame.into_data() else { continue };
            self.budget.spend(piece.len())?;
            let room = most - sent.len();
            if piece.len() > room {
                if self.wanted == Wanted::Robots {
                    sent.extend(piece.into_iter().take(room));
                    return Ok(sent);
                }
                return Err(Refusal::LargeBody(most));
            }
            sent.extend_from_slice(&piece);
        }
    }

    fn wrong(&self, error: &hyper::Error) -> Refusal {
        if error.is_parse_too_large() {
            return Refusal::LargeHead(self.limits.largest_head.max(LEAST_HEAD));
        }
        Refusal::Protocol(error.to_string())
    }
}

/// Judges what an answer says that it is, before any of it is read.
fn page(head: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: HeaderName| head.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(how) = text(header::CONTENT_DISPOSITION)
        && how.trim_start().get(..ATTACHMENT.len()).is_some_and(|it| it.eq_ignore_ascii_case(ATTACHMENT))
    {
        return Err(Refusal::Download(how));
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(essence.as_str(), "text/html" | "application/xhtml+xml") { Ok(()) } else { Err(Refusal::Type(kind)) }
}

/// The plain bytes of a body. What is packed in several layers, or in a way that was not asked for, is refused.
fn unpacked(sent: Vec<u8>, encoding: Option<&HeaderValue>, most: usize) -> Result<Vec<u8>, Refusal> {
    let Some(encoding) = encoding else { return Ok(sent) };
    let name = String::from_utf8_lossy(encoding.as_bytes()).trim().to_ascii_lowercase();
    match name.as_str() {
        "" | "identity" => Ok(sent),
        "gzip" | "x-gzip" => plain(MultiGzDecoder::new(&sent[..]), most),
        // RFC 9110 §8.4.1.2: zlib's form; some send the bare one.
        "deflate" if is_zlib(&sent) => plain(ZlibDecoder::new(&sent[..]), most),
        "deflate" => plain(DeflateDecoder::new(&sent[..]), most),
        _ => Err(Refusal::Encoding(name)),
    }
}

/// RFC 1950 §2.2.
fn is_zlib(sent: &[u8]) -> bool {
    matches!(sent, [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) * 256 + u16::from(*flags)).is_multiple_of(31))
}

fn plain(decoder: impl Read, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    match decoder.take(most as u64 + 1).read_to_end(&mut plain) {
        Ok(_) if plain.len() > most => Err(Refusal::LargeBody(most)),
        Ok(_) => Ok(plain),
        Err(error) => Err(Refusal::Encoding(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    #[test]
    fn packed_bodies_are_unpacked_within_bounds() {
        let text = "牛奶 milk ".repeat(500);
        let most = text.len();
        let mut packers: [(&str, Vec<u8>); 3] =
            [("gzip", Vec::new()), ("deflate", Vec::new()), ("deflate", Vec::new())];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        packers[0].1 = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(text.as_bytes()).unwrap();
        packers[1].1 = zlib.finish().unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
        bare.write_all(text.as_bytes()).unwrap();
        packers[2].1 = bare.finish().unwrap();
        for (name, packed) in packers {
            let named = HeaderValue::from_static(name);
            assert_eq!(unpacked(packed.clone(), Some(&named), most).unwrap(), text.as_bytes());
            let less = unpacked(packed.clone(), Some(&named), most - 1);
            assert_eq!(less.unwrap_err(), Refusal::LargeBody(most - 1), "one byte too many, {name}");
            let cut = unpacked(packed[..packed.len() / 2].to_vec(), Some(&named), most);
            assert!(matches!(cut, Err(Refusal::Encoding(_))), "half of it, {name}");
        }
        let other = unpacked(vec![1, 2, 3], Some(&HeaderValue::from_static("br")), most);
        assert_eq!(other.unwrap_err(), Refusal::Encoding("br".to_owned()));
        let layered = unpacked(vec![1, 2, 3], Some(&HeaderValue::from_static("gzip, gzip")), most);
        assert_eq!(layered.unwrap_err(), Refusal::Encoding("gzip, gzip".to_owned()));
    }
}
