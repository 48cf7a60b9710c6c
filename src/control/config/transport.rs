//! How a DSP is spoken to: the keys of `dsps.toml` beside its endpoint.

use hyper::header::{HeaderName, HeaderValue};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use toml::de::DeValue;

use super::names::{SecretSource, choice};
use super::reader::{Table, Wrong, expected};
use super::sources::Sources;
use super::units::text;
use crate::market::demand::{Endpoint, OpenRtb, Transport};

/// Headers of a DSP's own at most.
const MOST_HEADERS: usize = 16;
/// Certificates of a `ca_file` at most.
const MOST_AUTHORITIES: usize = 64;
const VERSIONS: &[(&str, OpenRtb)] = &[(OpenRtb::V2_5.name(), OpenRtb::V2_5), (OpenRtb::V2_6.name(), OpenRtb::V2_6)];
/// Headers that are about the connection or the message, or that the exchange writes itself (RFC 9110 §7.6.1).
const RESERVED: [&str; 18] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-openrtb-version",
];

/// Reads the keys; `None` when one was refused.
pub(super) fn read(table: Table<'_>, endpoint: Option<&Endpoint>, sources: &Sources) -> Option<Transport> {
    let http2 = table.optional("http", choice(&[("1.1", false), ("2", true)]));
    let gzip_requests = table.optional("request_encoding", encoding);
    let gzip_answers = table.optional("accept_encoding", encoding);
    let openrtb = table.optional("openrtb_version", choice(VERSIONS));
    let headers = table.optional("headers", |value| headers(value, sources.variable));
    let authorities = table.optional("ca_file", |value| authorities(value, sources));
    if let (Some(Some(_)), Some(Endpoint { tls: false, .. })) = (&authorities, endpoint) {
        let message = "`ca_file` has no meaning for an endpoint of http://; write https:// or remove it";
        table.report().error(table.place_of("ca_file"), message);
    }
    Some(Transport {
        http2: http2?.unwrap_or(false),
        gzip_requests: gzip_requests?.unwrap_or(false),
        gzip_answers: gzip_answers?.unwrap_or(false),
        openrtb: openrtb?.unwrap_or_default(),
        headers: headers?.unwrap_or_default(),
        authorities: authorities?,
    })
}

/// Whether bodies are gzip'd.
fn encoding(value: &DeValue<'_>) -> Result<bool, Wrong> {
    choice(&[("identity", false), ("gzip", true)])(value)
}

/// `{ "x-api-key" = "env:NAME" }`: names as they may stand beside the exchange's own, values from where secrets are kept.
fn headers(value: &DeValue<'_>, variable: fn(&str) -> Option<String>) -> Result<Vec<(HeaderName, HeaderValue)>, Wrong> {
    let DeValue::Table(given) = value else { return Err(expected("a table", value)) };
    if given.len() > MOST_HEADERS {
        return Err(format!("has more than {MOST_HEADERS} headers"));
    }
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(given.len());
    for (name, value) in given {
        let name = name.get_ref().as_ref();
        let of_name = |wrong: Wrong| format!("has `{name}`, which {wrong}");
        let parsed = name.parse::<HeaderName>().map_err(|_| of_name("is no name of a header".to_owned()))?;
        if RESERVED.contains(&parsed.as_str()) {
            return Err(of_name("the exchange writes itself, or is about the connection only".to_owned()));
        }
        if headers.iter().any(|(known, _)| *known == parsed) {
            return Err(of_name("is there twice: names of headers have no case".to_owned()));
        }
        let source = SecretSource::read(value.get_ref()).map_err(of_name)?;
        let secret = source.text(variable).map_err(|error| of_name(format!("cannot be had: {error}")))?;
        let secret = secret.trim();
        // The secret itself is never shown.
        let mut value = match HeaderValue::from_str(secret) {
            Ok(value) if !secret.is_empty() => value,
            _ => {
                return Err(of_name(format!(
                    "cannot be a header: {source} is empty or has other than printable ASCII"
                )));
            }
        };
        value.set_sensitive(true);
        headers.push((parsed, value));
    }
    Ok(headers)
}

/// The certificates of a PEM file in the config folder. They become part of the market's generation, as terms are.
pub(super) fn authorities(value: &DeValue<'_>, sources: &Sources) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let name = text(value)?;
    let pem = sources.certificates(name).ok_or("must be the name of a *.pem file in the config folder")?;
    let mut store = RootCertStore::empty();
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("is {name}, which is not PEM: {error}"))?;
        let place = found.len() + 1;
        store.add(certificate.clone()).map_err(|_| format!("is {name}, whose entry {place} is no certificate"))?;
        found.push(certificate);
    }
    match found.len() {
        0 => Err(format!("is {name}, which has no certificate")),
        1..=MOST_AUTHORITIES => Ok(found),
        _ => Err(format!("is {name}, with more than {MOST_AUTHORITIES} certificates")),
    }
}
