//! What is read of a DSP's answer: its status, its type, and a bounded body.

use std::error::Error;
use std::io;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Response, StatusCode};

use super::breaker::Verdict;
use super::gzip::unpack;

/// The largest answer that is read, bytes; also after it is unpacked.
pub(super) const LARGEST_ANSWER: usize = 256 * 1_024;

/// Why a DSP's answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Not in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// An address that is not allowed (not on the public internet).
    Forbidden,
    /// No TLS: another name, an unknown authority, out of its dates, or no common version.
    Tls,
    /// Not the HTTP that was agreed.
    Protocol,
    /// This status, other than 200 and 204. A redirect is one of them: it is never followed.
    Status(u16),
    /// Not JSON by its content type.
    ContentType,
    /// A content encoding other than gzip, or broken gzip.
    Encoding,
    /// Larger than 256 KiB, as sent or unpacked, or packed more than a hundredfold.
    TooLarge,
}

impl Silence {
    /// The name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Forbidden => "forbidden",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Status(_) => "status",
            Self::ContentType => "content_type",
            Self::Encoding => "encoding",
            Self::TooLarge => "too_large",
        }
    }

    /// What it says about the DSP's health. A 4xx is about the request, which a media may have written, and not about the DSP;
    /// 408 and 429 are not.
    pub(super) const fn verdict(self) -> Verdict {
        match self {
            Self::Status(408 | 429) => Verdict::Failed,
            Self::Status(400..=499) => Verdict::Healthy,
            _ => Verdict::Failed,
        }
    }

    /// What an error of a connection means.
    pub(super) fn of(error: &hyper::Error) -> Self {
        // Broken chunks come as an error of the body with the reader's own complaint.
        let complaint = error.source().and_then(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
        let garbled = matches!(complaint, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
        if error.is_parse() || garbled { Self::Protocol } else { Self::Connection }
    }
}

/// The whole answer: the body of a 200, nothing of a 204. A body that does not count is read too, within the same bound, so that
/// its connection can be used again.
pub(super) async fn read(response: Response<Incoming>) -> Result<Option<Vec<u8>>, Silence> {
    let (head, body) = response.into_parts();
    let bytes = collect(body).await?;
    match head.status {
        StatusCode::NO_CONTENT => Ok(None),
        StatusCode::OK if !is_json(&head.headers) => Err(Silence::ContentType),
        StatusCode::OK => plain(&head.headers, bytes).map(Some),
        status => Err(Silence::Status(status.as_u16())),
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, Silence> {
    if body.size_hint().lower() > LARGEST_ANSWER as u64 {
        return Err(Silence::TooLarge);
    }
    // The usual answer is one frame: one allocation of its size. The decoder of bids rewrites its input, so it is a copy.
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Silence::of(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > LARGEST_ANSWER {
            return Err(Silence::TooLarge);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// Whether it is JSON by its type. OpenRTB 2.6 §2.4: a missing type is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    })
}

fn plain(headers: &HeaderMap, bytes: Vec<u8>) -> Result<Vec<u8>, Silence> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(bytes),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(bytes),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"gzip") => unpack(&bytes),
        _ => Err(Silence::Encoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_request_is_not_held_against_the_dsp() {
        for (status, verdict) in [
            (400, Verdict::Healthy),
            (404, Verdict::Healthy),
            (408, Verdict::Failed),
            (429, Verdict::Failed),
            (302, Verdict::Failed),
            (500, Verdict::Failed),
            (503, Verdict::Failed),
        ] {
            assert_eq!(Silence::Status(status).verdict(), verdict, "{status}");
        }
    }

    #[test]
    fn a_type_is_its_essence() {
        let typed = |text: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]);
        assert!(is_json(&HeaderMap::new()));
        assert!(is_json(&typed("application/json")) && is_json(&typed("Application/JSON ; charset=utf-8")));
        assert!(!is_json(&typed("application/jsonp")) && !is_json(&typed("text/html")));
    }
}
