//! URLs that come from bids: what is called is http or https, names a host and nobody's password, and fits into one request line.

use crate::market::demand::Endpoint;

/// The longest URL that is called, bytes; macros filled in and what HTTP does not carry encoded.
const LONGEST: usize = 8_192;

/// Where a URL leads; `None` when it is not one that is called. What a request line does not carry (RFC 3986 §2) is
/// percent-encoded: macros are filled in raw (OpenRTB 2.6 §4.4).
pub(super) fn target(url: &str) -> Option<Endpoint> {
    let (scheme, rest) = url.split_once("://")?;
    let tls = match () {
        () if scheme.eq_ignore_ascii_case("https") => true,
        () if scheme.eq_ignore_ascii_case("http") => false,
        () => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    let (host, port) = host_and_port(authority)?;
    let port = match port {
        Some("") | None => {
            if tls {
                443
            } else {
                80
            }
        }
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().filter(|it| *it > 0)?,
        Some(_) => return None,
    };
    let path = path(rest.split('#').next().unwrap_or_default())?;
    (path.len() + host.len() <= LONGEST).then(|| Endpoint { tls, host: host.to_ascii_lowercase(), port, path })
}

/// Splits an authority. No user information (RFC 3986 §3.2.1), and no host that is neither a name nor an address.
fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return if port.is_empty() { Some((host, None)) } else { Some((host, Some(port.strip_prefix(':')?))) };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    ((1..=253).contains(&host.len()) && host.bytes().all(named)).then_some((host, port))
}

fn path(rest: &str) -> Option<String> {
    let mut path = String::with_capacity(rest.len() + 1);
    if !rest.starts_with('/') {
        path.push('/');
    }
    for byte in rest.bytes() {
        match byte {
            // A line break or another control character in a URL is no accident.
            0..=0x1f | 0x7f => return None,
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                path.push_str(&format!("%{byte:02X}"));
            }
            _ => path.push(char::from(byte)),
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Option<(bool, &str, u16, &str)>) {
        let found = target(url);
        let found = found.as_ref().map(|it| (it.tls, it.host.as_str(), it.port, it.path.as_str()));
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn a_url_leads_to_a_host_a_port_and_a_path() {
        check("https://DSP.example/win?p=1", Some((true, "dsp.example", 443, "/win?p=1")));
        check("HTTP://dsp.example:8080", Some((false, "dsp.example", 8080, "/")));
        check("http://dsp.example?x#frag", Some((false, "dsp.example", 80, "/?x")));
        check("https://[2001:db8::1]:9/a", Some((true, "2001:db8::1", 9, "/a")));
        check("http://127.0.0.1/a", Some((false, "127.0.0.1", 80, "/a")));
        check("http://a/x y|{z}\"é%20", Some((false, "a", 80, "/x%20y%7C%7Bz%7D%22%C3%A9%20")));
    }

    #[test]
    fn what_is_no_url_of_ours_is_not_called() {
        let refused = [
            "",
            "//dsp.example/",
            "ftp://dsp.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "http://",
            "http:///a",
            "http://user@dsp.example/",
            "http://user:word@dsp.example/",
            "http://dsp.example:0/",
            "http://dsp.example:99999/",
            "http://dsp.example:8a/",
            "http://dsp.example:+1/",
            "http://[::1/",
            "http://[dsp]/",
            "http://dsp.example\\@evil/",
            "http://dsp example/",
            "http://dsp.example/a\r\nHost: x",
            "http://dsp.example/a\tb",
            " http://dsp.example/",
        ];
        for url in refused {
            check(url, None);
        }
        check(&format!("http://a/{}", "x".repeat(LONGEST)), None);
        check(&format!("http://{}/", "x".repeat(254)), None);
    }
}
