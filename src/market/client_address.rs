//! Whose address a request comes from, behind proxies.

use std::net::IpAddr;

use hyper::header::{HeaderMap, HeaderName};

use super::network::AddressRange;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: the connection's, or what the trusted proxies in front of it say (`trusted_proxies` in `exchange.toml`).
///
/// Each proxy appends whom it was asked by, so the list is read from its end: the first address that is no trusted proxy is the
/// client, and what stands before it is only what the client says. A list that breaks off in something else ends there.
#[must_use]
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[AddressRange]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.has(address));
    let values = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
    let mut asked_by = values.flat_map(|value| value.rsplit(',')).map(|text| text.trim().parse::<IpAddr>());
    let mut client = peer;
    while is_trusted(client) {
        match asked_by.next() {
            Some(Ok(before)) => client = before.to_canonical(),
            _ => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/8", "192.0.2.7"].map(|range| AddressRange::parse(range).unwrap());
        let seen = |peer: &str, said: &[&'static str]| {
            let lines = said.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_static(line)));
            client(peer.parse().unwrap(), &lines.collect(), &trusted).to_string()
        };
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "a stranger says what it likes");
        assert_eq!(seen("10.1.1.1", &[]), "10.1.1.1");
        assert_eq!(seen("10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.1.1.1", &["1.1.1.1, 198.51.100.1, 192.0.2.7"]), "198.51.100.1", "the first one is forged");
        assert_eq!(seen("10.1.1.1", &["1.1.1.1", "198.51.100.1", "192.0.2.7"]), "198.51.100.1", "on several lines");
        assert_eq!(seen("10.1.1.1", &["198.51.100.1, unknown, 10.2.2.2"]), "10.2.2.2", "it breaks off");
        assert_eq!(seen("10.1.1.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("::ffff:10.1.1.1", &["2001:db8::1"]), "2001:db8::1");
    }
}
