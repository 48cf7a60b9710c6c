//! Ranges of network addresses.

use std::net::{IpAddr, Ipv6Addr};

/// An address, or all that begin like it: `10.0.0.0/8`, `2001:db8::/32` (RFC 4632 §3.1, RFC 4291 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first of them; an IPv4 address as IPv6 has it.
    first: u128,
    /// How many bits are alike, of 128.
    alike: u32,
}

impl AddressRange {
    /// Reads an address, or one with the number of bits that count; the others must be zero. `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = |bits: &str| bits.parse().ok().filter(|bits: &u32| *bits <= most);
        let bits = bits.map_or(Some(most), digits)?;
        let range = Self { first: number(address), alike: 128 - most + bits };
        (range.first & !range.mask() == 0).then_some(range)
    }

    /// Whether an address is in it. An IPv4 address that is written as IPv6 is the same.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        (number(address) ^ self.first) & self.mask() == 0
    }

    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - self.alike).unwrap_or(0)
    }
}

fn number(address: IpAddr) -> u128 {
    let mapped = |address: Ipv6Addr| u128::from(address);
    match address {
        IpAddr::V4(address) => mapped(address.to_ipv6_mapped()),
        IpAddr::V6(address) => mapped(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_what_begins_like_it() {
        let has = |range: &str, address: &str| AddressRange::parse(range).unwrap().has(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.6"));
        assert!(has("10.0.0.0/8", "::ffff:10.1.1.1"), "as a listener on both families sees it");
        assert!(has("2001:db8::/32", "2001:db8:9::1") && !has("2001:db8::/32", "2001:db9::1"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "2001:db8::1"), "IPv4 only");
        assert!(has("::/0", "203.0.113.9"));
        for text in ["10.0.0.1/8", "10.0.0.0/33", "::1/129", "10.0.0", "proxy.example", "10.0.0.0/", ""] {
            assert_eq!(AddressRange::parse(text), None, "{text:?}");
        }
    }
}
