//! Network addresses: ranges of them, and which the public internet routes. Neither a DSP nor a landing page is reached at any other unless
//! config allows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Whether an address is one that the public internet routes (RFC 6890 and its registries).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is given out; within it, Teredo, 6to4 and documentation lead elsewhere.
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && first != 0x2002
        && first != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_addresses_are_told_from_public_ones() {
        let internal = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "2001::1",
        ];
        for text in internal {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in
            ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2400:3200::1", "::ffff:1.1.1.1"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

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
