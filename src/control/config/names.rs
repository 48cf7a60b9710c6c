//! Names, domains, categories, addresses and secrets as config writes them.

use std::fmt;
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::diagnostic::nearest;
use super::reader::Wrong;
use super::units::{hexadecimal, text};
use crate::market::demand::Endpoint;
use crate::market::network::AddressRange;
use crate::market::supply::Format;
use crate::market::targeting::{OperatingSystem, Version};

fn made_of(text: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(allowed)
}

/// An id of ours: letters, digits, `.`, `_` and `-`, at most 64. It becomes a metric's label and a part of wire names.
pub(super) fn id(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    if made_of(text, 64, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 64 letters, digits, `.`, `_` or `-`".to_owned())
}

/// The id of a request key: as [`id`] but without a point, which ends it in `KEYID.SECRET`.
pub(super) fn key_id(value: &DeValue<'_>) -> Result<String, Wrong> {
    let id = id(value)?;
    if id.contains('.') { Err("must not have a point: the header is KEYID.SECRET".to_owned()) } else { Ok(id) }
}

/// A name that a partner chose and that stands on the wire: at most 128 bytes without spaces at its ends or control characters.
pub(super) fn wire(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    let plain = (1..=128).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("must be 1 to 128 bytes without spaces at its ends".to_owned()) }
}

/// A text for people, on one line.
pub(super) fn label(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    let plain = (1..=256).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("must be one line of 1 to 256 bytes".to_owned()) }
}

/// Markup: as it is, not empty, at most 64 KiB.
pub(super) fn markup(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    if text.trim().is_empty() || text.len() > 64 << 10 {
        return Err("must not be empty, nor above 64KiB".to_owned());
    }
    Ok(text.to_owned())
}

/// An ACCOUNT ID: digits.
pub(super) fn account(value: &DeValue<'_>) -> Result<String, Wrong> {
    const FORM: &str = "must be an ACCOUNT ID: 1 to 20 digits in quotes";
    let DeValue::String(text) = value else { return Err(FORM.to_owned()) };
    if made_of(text, 20, |byte| byte.is_ascii_digit()) { Ok(text.to_string()) } else { Err(FORM.to_owned()) }
}

/// One word of a list.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&DeValue<'_>) -> Result<T, Wrong> {
    move |value| {
        let given = text(value)?;
        if let Some((_, chosen)) = words.iter().find(|(word, _)| *word == given) {
            return Ok(*chosen);
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        match nearest(given, known.iter().copied()) {
            Some(near) => Err(format!("is \"{given}\"; did you mean \"{near}\"?")),
            None => Err(format!("is \"{given}\"; must be one of {}", known.join(", "))),
        }
    }
}

/// The states of what runs unless it is suspended (R-ABNORMAL, R-RESTRICT, R-REFUSE): whether it is.
pub(super) const SUSPENSION: &[(&str, bool)] = &[("active", false), ("suspended", true)];

/// A format's name.
pub(super) fn format(value: &DeValue<'_>) -> Result<Format, Wrong> {
    const WORDS: &[(&str, Format)] = &[
        (Format::Banner.name(), Format::Banner),
        (Format::Video.name(), Format::Video),
        (Format::Audio.name(), Format::Audio),
        (Format::Native.name(), Format::Native),
    ];
    choice(WORDS)(value)
}

/// A host name: labels of letters, digits and hyphens, in lower case.
fn is_host(text: &str) -> bool {
    let label = |part: &str| {
        made_of(part, 63, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A domain, returned in lower case: `qinghe.example`.
pub(super) fn domain(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    if is_host(text) && text.contains('.') {
        return Ok(text.to_ascii_lowercase());
    }
    Err("must be a domain such as \"qinghe.example\", without scheme or path".to_owned())
}

/// A host, returned in lower case: a domain, or an address of a network that is not the internet.
pub(super) fn host(value: &DeValue<'_>) -> Result<String, Wrong> {
    let given = text(value)?;
    if is_host(given) {
        Ok(given.to_ascii_lowercase())
    } else {
        Err("must be a host such as \"count.example\"".to_owned())
    }
}

/// A category of the IAB content taxonomy 1.0 (OpenRTB 2.6 `cattax` 1): `IAB7` or `IAB7-39`.
pub(super) fn category(value: &DeValue<'_>) -> Result<String, Wrong> {
    let given = text(value)?;
    let number = |part: &str, most: u16| {
        made_of(part, 3, |byte| byte.is_ascii_digit())
            && !part.starts_with('0')
            && part.parse::<u16>().is_ok_and(|number| number <= most)
    };
    let known = given.strip_prefix("IAB").is_some_and(|rest| match rest.split_once('-') {
        Some((tier_1, tier_2)) => number(tier_1, 26) && number(tier_2, 999),
        None => number(rest, 26),
    });
    if known { Ok(given.to_owned()) } else { Err("must be an IAB category such as \"IAB7\" or \"IAB7-39\"".to_owned()) }
}

/// A country by ISO 3166-1 alpha-3: `CHN`.
pub(super) fn country(value: &DeValue<'_>) -> Result<Box<str>, Wrong> {
    let given = text(value)?;
    if given.len() == 3 && made_of(given, 3, |byte| byte.is_ascii_uppercase()) {
        return Ok(given.into());
    }
    Err("must be an ISO 3166-1 alpha-3 code such as \"CHN\"".to_owned())
}

/// A region by ISO 3166-2: `CN-SH`.
pub(super) fn region(value: &DeValue<'_>) -> Result<Box<str>, Wrong> {
    let given = text(value)?;
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let parts = given.split_once('-');
    if parts.is_some_and(|(land, part)| land.len() == 2 && made_of(land, 2, upper) && made_of(part, 3, upper)) {
        return Ok(given.into());
    }
    Err("must be an ISO 3166-2 code such as \"CN-SH\"".to_owned())
}

/// A city as the media write it.
pub(super) fn city(value: &DeValue<'_>) -> Result<Box<str>, Wrong> {
    named_text(value)
}

/// A name that requests carry, compared without ASCII case: at most 64 bytes.
pub(super) fn named_text(value: &DeValue<'_>) -> Result<Box<str>, Wrong> {
    let given = label(value)?;
    if given.len() > 64 { Err("must be at most 64 bytes".to_owned()) } else { Ok(given.to_ascii_lowercase().into()) }
}

/// A language by ISO 639-1: `zh`.
pub(super) fn language(value: &DeValue<'_>) -> Result<Box<str>, Wrong> {
    let given = text(value)?;
    if given.len() == 2 && made_of(given, 2, |byte| byte.is_ascii_lowercase()) {
        return Ok(given.into());
    }
    Err("must be an ISO 639-1 code such as \"zh\"".to_owned())
}

/// An operating system in lower case, from a version on or any: `android`, `ios>=15.1`.
pub(super) fn operating_system(value: &DeValue<'_>) -> Result<OperatingSystem, Wrong> {
    let given = text(value)?;
    let (name, least) = match given.split_once(">=") {
        Some((name, least)) => (name.trim_end(), Some(least.trim_start())),
        None => (given, None),
    };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b" ._-".contains(&byte);
    if !made_of(name, 32, allowed) || name.trim() != name {
        return Err("must be in lower case: \"android\", or from a version on: \"ios>=15.1\"".to_owned());
    }
    let least = least.map(|least| Version::parse(least).ok_or("has no version of up to four numbers: \"ios>=15.1\""));
    Ok(OperatingSystem { name: name.into(), least: least.transpose()? })
}

/// Scheme, authority and the rest of an absolute URL without spaces.
fn split_url(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let plain = text.len() <= 2_048 && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    plain.then_some((scheme, &rest[..end], &rest[end..]))
}

/// Host in lower case and port of an authority without user information.
fn host_and_port(authority: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, made_of(port, 5, |byte| byte.is_ascii_digit()).then(|| port.parse().ok())??),
        None => (authority, default_port),
    };
    (is_host(host) && port != 0).then(|| (host.to_ascii_lowercase(), port))
}

/// Where a DSP is asked: `http[s]://host[:port]/path`.
pub(super) fn endpoint(value: &DeValue<'_>) -> Result<Endpoint, Wrong> {
    const FORM: &str = "must be a URL such as \"https://dsp.example/bid\" or \"http://dsp.example:8080/bid\"";
    let (scheme, authority, rest) = split_url(text(value)?).ok_or(FORM)?;
    let (tls, port) = match scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return Err(FORM.to_owned()),
    };
    if authority.starts_with('[') {
        return Err("is an IPv6 address; give it a host name".to_owned());
    }
    let (host, port) = host_and_port(authority, port).ok_or(FORM)?;
    if rest.contains('#') || !rest.is_ascii() {
        return Err("must be ASCII, without a fragment".to_owned());
    }
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    Ok(Endpoint { tls, host, port, path })
}

/// Whether a host is written as an address that is not on the public internet. Names are judged when they are resolved.
pub(super) fn is_internal(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    host.parse::<Ipv4Addr>().is_ok_and(|address| {
        let [a, b, ..] = address.octets();
        address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_documentation()
            || address.is_multicast()
            || a == 0
            || a >= 240
            || (a == 100 && (64..128).contains(&b))
            || (a == 198 && (18..20).contains(&b))
    })
}

/// What notice URLs begin with: http or https, no slash at the end, no query.
pub(super) fn public_url(value: &DeValue<'_>) -> Result<String, Wrong> {
    const FORM: &str = "must be a URL such as \"https://pmp.exchange.example\"";
    let given = text(value)?;
    let (scheme, authority, rest) = split_url(given).ok_or(FORM)?;
    if !matches!(scheme, "http" | "https") || host_and_port(authority, 80).is_none() {
        return Err(FORM.to_owned());
    }
    if rest.ends_with('/') {
        return Err("must not end with a slash".to_owned());
    }
    if rest.contains(['?', '#']) || !rest.is_ascii() {
        return Err("must not have a query or a fragment".to_owned());
    }
    Ok(given.to_owned())
}

/// An address or a range of them.
pub(super) fn address_range(value: &DeValue<'_>) -> Result<AddressRange, Wrong> {
    const FORM: &str =
        "must be an address such as \"192.0.2.7\", or a range whose other bits are zero, such as \"10.0.0.0/8\"";
    AddressRange::parse(text(value)?).ok_or_else(|| FORM.to_owned())
}

/// A page on the web.
pub(super) fn page(value: &DeValue<'_>) -> Result<String, Wrong> {
    const FORM: &str = "must be a URL such as \"https://qinghe.example/spring\"";
    let given = text(value)?;
    let (scheme, authority, _) = split_url(given).ok_or(FORM)?;
    let known = matches!(scheme, "http" | "https") && host_and_port(authority, 80).is_some();
    if known { Ok(given.to_owned()) } else { Err(FORM.to_owned()) }
}

/// What a monitor is called by: a URL that can stand in markup as it is, its macros beside.
pub(super) fn monitor_url(value: &DeValue<'_>) -> Result<String, Wrong> {
    const FORM: &str = "must be a URL such as \"https://count.example/i?o=__OS__&t=__TS__\"";
    let given = text(value)?;
    if host_of(given).is_none() {
        return Err(FORM.to_owned());
    }
    if given.bytes().any(|byte| !byte.is_ascii_graphic() || b"\"'<>\\^`{|}".contains(&byte)) {
        return Err("must be ASCII, anything else percent-encoded".to_owned());
    }
    Ok(given.to_owned())
}

/// The host of a URL of http or https, in lower case.
pub(in crate::control) fn host_of(url: &str) -> Option<String> {
    let (scheme, authority, _) = split_url(url)?;
    let (host, _) = host_and_port(authority, 80)?;
    matches!(scheme, "http" | "https").then_some(host)
}

/// Where a secret of the exchange is kept; never in the config itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `env:NAME`: an environment variable.
    Variable(String),
    /// `file:PATH`: a file.
    File(PathBuf),
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is not what it should be. The secret itself is never shown.
    #[error("{0} does not hold {1} bytes in hexadecimal")]
    NotHexadecimal(SecretSource, usize),
}

impl SecretSource {
    /// Reads `env:NAME` or `file:PATH`.
    pub(super) fn read(value: &DeValue<'_>) -> Result<Self, Wrong> {
        let wrong = || "must be env:NAME or file:PATH; a secret never stands in the config".to_owned();
        Self::parse(text(value)?).ok_or_else(wrong)
    }

    /// Reads `env:NAME` or `file:PATH`, as it is displayed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if made_of(name, 128, |byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                Some(Self::Variable(name.to_owned()))
            }
            ("file", path) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }

    /// The secret: `N` bytes in hexadecimal. `variable` looks a name up in the environment.
    ///
    /// # Errors
    /// [`SecretError`] when it is not there or is not `N` bytes.
    pub fn bytes<const N: usize>(&self, variable: impl Fn(&str) -> Option<String>) -> Result<[u8; N], SecretError> {
        let text = self.text(variable)?;
        hexadecimal(text.trim()).ok_or_else(|| SecretError::NotHexadecimal(self.clone(), N))
    }

    /// The secret as it is kept: at most 4 KiB are read of a file.
    ///
    /// # Errors
    /// [`SecretError`] when it is not there.
    pub(super) fn text(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String, SecretError> {
        match self {
            Self::Variable(name) => variable(name).ok_or_else(|| SecretError::NotSet(name.clone())),
            Self::File(path) => {
                let unreadable = |error| SecretError::Unreadable(path.clone(), error);
                let file = std::fs::File::open(path).map_err(unreadable)?;
                let mut text = String::new();
                file.take(4_096).read_to_string(&mut text).map_err(unreadable)?;
                Ok(text)
            }
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> DeValue<'_> {
        DeValue::String(text.into())
    }

    #[test]
    fn endpoints_are_urls_of_http_or_https() {
        let read = |text| endpoint(&string(text));
        let over =
            |tls| move |host: &str, port, path: &str| Ok(Endpoint { tls, host: host.into(), port, path: path.into() });
        let (made, secured) = (over(false), over(true));
        assert_eq!(read("http://DSP.example:8080/bid?x=1"), made("dsp.example", 8080, "/bid?x=1"));
        assert_eq!(read("http://dsp.example"), made("dsp.example", 80, "/"));
        assert_eq!(read("http://dsp.example?x=1"), made("dsp.example", 80, "/?x=1"));
        assert_eq!(read("https://dsp.example/bid"), secured("dsp.example", 443, "/bid"));
        assert_eq!(read("https://dsp.example:8443"), secured("dsp.example", 8443, "/"));
        assert!(read("http://[::1]:80/").unwrap_err().contains("IPv6"));
        for text in
            ["dsp.example/bid", "http://", "http://a b/", "http://u:p@h/", "http://h:0/", "http://h:99999/", "ftp://h/"]
        {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn internal_addresses_are_known() {
        for host in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "localhost"] {
            assert!(is_internal(host), "{host}");
        }
        assert!(!is_internal("8.8.8.8") && !is_internal("dsp.example"));
    }

    #[test]
    fn public_urls_end_where_paths_begin() {
        assert!(public_url(&string("https://pmp.example:8443/x")).is_ok());
        for text in ["https://pmp.example/", "https://pmp.example?x", "pmp.example", "ftp://pmp.example"] {
            assert!(public_url(&string(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn r_category_names_are_those_of_the_taxonomy() {
        assert!(category(&string("IAB7-39")).is_ok() && category(&string("IAB26")).is_ok());
        for text in ["IAB27", "IAB07", "iab7", "IAB", "IAB7-", "IAB7-0", "7-39", "IAB7-39-1"] {
            assert!(category(&string(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn secrets_stand_elsewhere_and_are_not_shown() {
        assert!(SecretSource::read(&string("0a1b2c")).unwrap_err().contains("never stands in the config"));
        let source = SecretSource::read(&string("env:KEY_1")).unwrap();
        assert_eq!(source.bytes::<2>(|name| (name == "KEY_1").then(|| " 0a1b\n".into())).unwrap(), [10, 27]);
        assert!(matches!(source.bytes::<2>(|_| None), Err(SecretError::NotSet(_))));
        let error = source.bytes::<4>(|_| Some("hush".into())).unwrap_err();
        assert_eq!(error.to_string(), "env:KEY_1 does not hold 4 bytes in hexadecimal");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "ffff\n").unwrap();
        let source = SecretSource::read(&string(&format!("file:{}", file.path().display()))).unwrap();
        assert_eq!(source.bytes::<2>(|_| None).unwrap(), [255, 255]);
    }
}
