//! Macros in markup and in monitors' URLs: OpenRTB's `${AUCTION_…}` and the field's `__NAME__`, in one pass (docs/markup.md has
//! the table for those who write markup).
//!
//! A value is never read again. A token that is no macro stays as it is; a macro that has no value becomes empty. Values of
//! `__NAME__` are percent-encoded (RFC 3986 §2.3), so that none can end a URL, a string or a tag.

use memchr::memchr2;
use openrtb::{Macros, substitute};

use crate::clock::UnixMillis;

/// What macros are filled in with. R-SECRET: no price is among it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known<'k> {
    /// Now.
    pub at: UnixMillis,
    /// Our id of the auction.
    pub auction: &'k str,
    /// The creative's id.
    pub creative: &'k str,
    /// The media's id.
    pub media: &'k str,
    /// An app's bundle.
    pub bundle: Option<&'k str>,
    /// An app's name.
    pub app: Option<&'k str>,
    /// The operating system, as the request names it.
    pub os: Option<&'k str>,
    /// Its version.
    pub os_version: Option<&'k str>,
    /// The user agent.
    pub user_agent: Option<&'k str>,
    /// The model of the device.
    pub model: Option<&'k str>,
    /// Width and height of the screen, physical pixels.
    pub screen: Option<(i32, i32)>,
    /// The connection, by AdCOM's list; 2 is wifi.
    pub connection: Option<i32>,
    /// Who the user is, where there is consent and the deal needs it; else nothing (R-CONSENT).
    pub identifiers: Option<Identifiers<'k>>,
}

/// What tells one user from another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Identifiers<'k> {
    /// The full address, IPv4 or IPv6.
    pub ip: Option<&'k str>,
    /// The system's advertising id (`device.ifa`).
    pub advertising: Option<&'k str>,
    /// MD5 of the hardware's id (`device.didmd5`).
    pub hardware_md5: Option<&'k str>,
    /// MD5 of the platform's id (`device.dpidmd5`).
    pub platform_md5: Option<&'k str>,
    /// Where the device is, ISO 3166-1 alpha-3.
    pub country: Option<&'k str>,
    /// Latitude and longitude, degrees.
    pub position: Option<(f64, f64)>,
    /// How exact that is, m.
    pub accuracy: Option<i32>,
}

type Write = fn(&Known<'_>, &mut String);

/// Every macro of the field, without its underscores.
const TABLE: [(&str, Write); 27] = [
    ("OS", |known, out| out.push(System::of(known).digit())),
    ("OSVS", |known, out| text(known.os_version, out)),
    ("TS", |known, out| integer(known.at.0, out)),
    ("UA", |known, out| text(known.user_agent, out)),
    ("TERM", |known, out| text(known.model, out)),
    ("SCWH", screen),
    ("WIFI", |known, out| known.connection.iter().for_each(|kind| out.push(if *kind == 2 { '1' } else { '0' }))),
    ("IP", |known, out| text(identified(known).ip, out)),
    ("LBS", position),
    ("IMEI", |known, out| text(identified(known).hardware_md5.filter(|_| System::of(known) == System::Android), out)),
    ("ANDROIDID", |known, out| {
        text(identified(known).platform_md5.filter(|_| System::of(known) == System::Android), out);
    }),
    ("IDFA", |known, out| advertising(known, Advertising::Idfa, out)),
    ("OAID", |known, out| advertising(known, Advertising::Oaid, out)),
    ("AAID", |known, out| advertising(known, Advertising::Aaid, out)),
    // No request carries these, or the exchange does not pass them on.
    ("ANDROIDID1", |_, _| {}),
    ("MAC", |_, _| {}),
    ("MAC1", |_, _| {}),
    ("DUID", |_, _| {}),
    ("OPENUDID", |_, _| {}),
    ("ODIN", |_, _| {}),
    ("REQUESTID", |known, out| text(Some(known.auction), out)),
    ("ADID", |known, out| text(Some(known.creative), out)),
    ("CREATIVEID", |known, out| text(Some(known.creative), out)),
    ("MEDIAID", |known, out| text(Some(known.media), out)),
    ("APPID", |known, out| text(known.bundle, out)),
    ("AKEY", |known, out| text(known.bundle, out)),
    ("ANAME", |known, out| text(known.app, out)),
];
/// The exchange's click URL, in markup only: as it is, and percent-encoded for another URL's query.
const CLICK: &str = "CLICK_URL";
const CLICK_ENCODED: &str = "CLICK_URL_ESC";
/// Of all names.
const LONGEST: usize = CLICK_ENCODED.len();

/// The operating systems that the field tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    Android,
    Ios,
    WindowsPhone,
    Other,
}

impl System {
    fn of(known: &Known<'_>) -> Self {
        let is = |names: &[&str]| known.os.is_some_and(|os| names.iter().any(|name| os.eq_ignore_ascii_case(name)));
        if is(&["android"]) {
            Self::Android
        } else if is(&["ios", "ipados", "iphone os"]) {
            Self::Ios
        } else if is(&["windows phone", "wp"]) {
            Self::WindowsPhone
        } else {
            Self::Other
        }
    }

    const fn digit(self) -> char {
        match self {
            Self::Android => '0',
            Self::Ios => '1',
            Self::WindowsPhone => '2',
            Self::Other => '3',
        }
    }
}

/// What `device.ifa` is, by the system and the country.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Advertising {
    Idfa,
    Oaid,
    Aaid,
}

fn advertising(known: &Known<'_>, asked: Advertising, out: &mut String) {
    let identifiers = identified(known);
    let abroad = identifiers.country.is_some_and(|country| !country.eq_ignore_ascii_case("CHN"));
    let kind = match System::of(known) {
        System::Ios => Advertising::Idfa,
        System::Android if abroad => Advertising::Aaid,
        _ => Advertising::Oaid,
    };
    // A system that hides the id sends one of zeros.
    let told = |id: &&str| id.bytes().any(|byte| byte.is_ascii_alphanumeric() && byte != b'0');
    text(identifiers.advertising.filter(|_| kind == asked).filter(told), out);
}

fn identified<'k>(known: &Known<'k>) -> Identifiers<'k> {
    known.identifiers.unwrap_or_default()
}

fn screen(known: &Known<'_>, out: &mut String) {
    let Some((width, height)) = known.screen else { return };
    for (joint, side) in [("", width), ("x", height)] {
        out.push_str(joint);
        integer(u64::try_from(side).unwrap_or(0), out);
    }
}

/// `LATxLONxACCURACY`; without its last part where nobody said.
fn position(known: &Known<'_>, out: &mut String) {
    use std::fmt::Write as _;
    let identifiers = identified(known);
    let Some((latitude, longitude)) = identifiers.position else { return };
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{latitude}x{longitude}");
    if let Some(accuracy) = identifiers.accuracy {
        let _ = write!(out, "x{accuracy}");
    }
}

/// Appends an integer.
pub(super) fn integer(value: u64, out: &mut String) {
    use std::fmt::Write as _;
    let _ = write!(out, "{value}");
}

/// Appends a value, percent-encoded but for unreserved characters (RFC 3986 §2.3).
fn text(value: Option<&str>, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.unwrap_or_default().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
        }
    }
}

/// A monitor's URL with its macros filled in. `${AUCTION_…}` and the click's macros have no meaning there and stay as they are.
#[must_use]
pub fn fill(url: &str, known: &Known<'_>) -> String {
    let mut out = String::with_capacity(url.len() + 64);
    Filler { known, auction: None, click: None }.fill(url, &mut out);
    out
}

/// Fills macros in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filler<'f> {
    pub(super) known: &'f Known<'f>,
    /// `${AUCTION_…}`, in markup.
    pub(super) auction: Option<&'f Macros<'f>>,
    /// `__CLICK_URL__`, in markup.
    pub(super) click: Option<&'f str>,
}

impl Filler<'_> {
    /// Appends a text with its macros filled in.
    pub(super) fn fill(&self, text: &str, out: &mut String) {
        let mut rest = text;
        while let Some(at) = memchr2(b'_', b'$', rest.as_bytes()) {
            let (before, token) = rest.split_at(at);
            out.push_str(before);
            rest = self.token(token, out);
        }
        out.push_str(rest);
    }

    /// Appends what a token at the beginning of `text` becomes, or its first character if it is none. Returns what follows.
    fn token<'t>(&self, text: &'t str, out: &mut String) -> &'t str {
        const AUCTION: &str = "${AUCTION_";
        if let Some(named) = text.strip_prefix("__") {
            if let Some(rest) = self.named(named, out) {
                return rest;
            }
        } else if let (Some(values), true) = (self.auction, text.starts_with(AUCTION)) {
            let end = text.find('}').map_or(text.len(), |end| end + 1);
            let (token, rest) = text.split_at(end);
            substitute(token, values, out);
            return rest;
        }
        let (first, rest) = text.split_at(1);
        out.push_str(first);
        rest
    }

    /// Appends the value of a macro, if `text` is its name and two underscores.
    fn named<'t>(&self, text: &'t str, out: &mut String) -> Option<&'t str> {
        let near = text.as_bytes().get(..text.len().min(LONGEST + 2))?;
        let end = near.windows(2).position(|pair| pair == b"__")?;
        let (name, rest) = (text.get(..end)?, text.get(end + 2..)?);
        if let Some(click) = self.click {
            match name {
                CLICK => out.push_str(click),
                CLICK_ENCODED => self::text(Some(click), out),
                _ => {}
            }
            if [CLICK, CLICK_ENCODED].contains(&name) {
                return Some(rest);
            }
        }
        let (_, write) = TABLE.iter().find(|(known, _)| *known == name)?;
        write(self.known, out);
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn filled(macros: &str, os: &'static str, country: Option<&'static str>) -> String {
        let identifiers = Identifiers {
            advertising: Some("A-1"),
            hardware_md5: Some("h"),
            platform_md5: Some("p"),
            country,
            ..Identifiers::default()
        };
        fill(macros, &Known { os: Some(os), identifiers: Some(identifiers), ..Known::default() })
    }

    #[test]
    fn an_advertising_id_is_what_its_system_and_country_make_it() {
        let ids = "__OS__|__IDFA__|__OAID__|__AAID__|__IMEI__|__ANDROIDID__";
        assert_eq!(filled(ids, "android", Some("CHN")), "0||A-1||h|p");
        assert_eq!(filled(ids, "Android", None), "0||A-1||h|p");
        assert_eq!(filled(ids, "Android", Some("SGP")), "0|||A-1|h|p");
        assert_eq!(filled(ids, "iOS", Some("SGP")), "1|A-1||||");
        assert_eq!(filled(ids, "Windows Phone", None), "2||A-1|||");
        assert_eq!(filled(ids, "HarmonyOS", Some("CHN")), "3||A-1|||");
        let hidden =
            Identifiers { advertising: Some("00000000-0000-0000-0000-000000000000"), ..Identifiers::default() };
        let known = Known { os: Some("iOS"), identifiers: Some(hidden), ..Known::default() };
        assert_eq!(fill("[__IDFA__]", &known), "[]");
    }

    /// R-CONSENT, R-SECRET: without identifiers nothing tells who the user is, and nothing tells a price at all.
    #[test]
    fn a_monitor_learns_what_is_known_and_no_more() {
        let known = Known { at: UnixMillis(7), auction: "a/1", creative: "c 1", media: "m", ..Known::default() };
        let url = "https://m.example/i?o=__OS__&t=__TS__&r=__REQUESTID__&c=__CREATIVEID__&i=__IP__&l=__LBS__&w=__WIFI__&s=__SCWH__";
        assert_eq!(fill(url, &known), "https://m.example/i?o=3&t=7&r=a%2F1&c=c%201&i=&l=&w=&s=");
        let markup_only = "__CLICK_URL__ __CLICK_URL_ESC__ ${AUCTION_PRICE} __PRICE__";
        assert_eq!(fill(markup_only, &known), markup_only);
        let wired = Known { connection: Some(1), ..known };
        assert_eq!(fill("__WIFI__", &wired), "0");
    }

    #[test]
    fn the_documented_table_is_the_table() {
        let page = include_str!("../../docs/markup.md");
        let rows = page.lines().filter(|line| line.starts_with("| `__"));
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        let documented: BTreeSet<_> =
            cells.flat_map(|cell| cell.split('`')).filter(|it| it.starts_with("__")).collect();
        let names = TABLE.iter().map(|(name, _)| *name).chain([CLICK, CLICK_ENCODED]);
        let known: BTreeSet<_> = names.map(|name| format!("__{name}__")).collect();
        assert_eq!(documented, known.iter().map(String::as_str).collect());
        assert!(known.iter().all(|name| name.len() <= LONGEST + 4));
    }
}
