//! How DSPs are spoken to.

use super::*;
use crate::market::demand::{OpenRtb, Transport};

const PLACE: &str = "timeout = \"120ms\"\n# Keys for the partner API";

/// The example with the first DSP on a scheme and with further lines, and with files.
fn with_files(scheme: &str, lines: &str, files: &[(&str, &str)]) -> Result<Compiled, Diagnostics> {
    let mut all = example();
    let dsps = String::from_utf8(all["dsps.toml"].clone()).unwrap();
    assert!(dsps.contains(PLACE));
    let dsps = dsps.replace("http://127.0.0.1:9101", &format!("{scheme}://127.0.0.1:9101"));
    all.insert("dsps.toml".into(), dsps.replace(PLACE, &format!("{lines}\n{PLACE}")).into_bytes());
    all.extend(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())));
    let sources = Sources::from_files(Path::new("config"), all)?.with_environment(|name| match name {
        "AURORA_KEY" => Some(" hush-hush \n".to_owned()),
        "BROKEN_KEY" => Some("two\nlines".to_owned()),
        _ => None,
    });
    compile(&sources, &mut IdBook::default(), &moment())
}

fn aurora(scheme: &str, lines: &str, files: &[(&str, &str)]) -> Transport {
    let market = with_files(scheme, lines, files).unwrap().market;
    let dsp = market.dsps.iter().find(|dsp| dsp.wire == "aurora").unwrap();
    Transport::clone(&dsp.transport)
}

/// What is said about the line that was added.
#[track_caller]
fn refused(scheme: &str, lines: &str, expected: &str) {
    let errors: Vec<_> = with_files(scheme, lines, &[("ca.pem", CA), ("empty.pem", ""), ("noise.pem", NOISE)])
        .unwrap_err()
        .iter()
        .map(|error| error.message.clone())
        .collect();
    assert_eq!(errors, [expected]);
}

/// PEM around what is no certificate.
const NOISE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
/// A certificate of a test authority.
const CA: &str = include_str!("ca.pem");

#[test]
fn nothing_said_is_plain_http_1_1() {
    assert_eq!(aurora("http", "", &[]), Transport::default());
    let said = aurora(
        "http",
        "http = \"2\"\nrequest_encoding = \"gzip\"\naccept_encoding = \"gzip\"\nopenrtb_version = \"2.5\"",
        &[],
    );
    assert_eq!((said.http2, said.gzip_requests, said.gzip_answers, said.openrtb), (true, true, true, OpenRtb::V2_5));
}

#[test]
fn headers_carry_secrets_that_are_kept_elsewhere_and_never_shown() {
    let said = aurora("http", "headers = { X-Api-Key = \"env:AURORA_KEY\" }", &[]);
    assert_eq!(said.headers[0].0.as_str(), "x-api-key");
    assert_eq!(said.headers[0].1, "hush-hush");
    assert!(!format!("{said:?}").contains("hush"), "{said:?}");
    for (headers, wrong) in [
        (
            "x-api-key = \"hush\"",
            "has `x-api-key`, which must be env:NAME or file:PATH; a secret never stands in the config",
        ),
        (
            "x-api-key = \"env:NO_KEY\"",
            "has `x-api-key`, which cannot be had: the environment variable NO_KEY is not set",
        ),
        (
            "x-api-key = \"env:BROKEN_KEY\"",
            "has `x-api-key`, which cannot be a header: env:BROKEN_KEY is empty or has other than printable ASCII",
        ),
        ("\"x key\" = \"env:AURORA_KEY\"", "has `x key`, which is no name of a header"),
        ("Host = \"env:AURORA_KEY\"", "has `Host`, which the exchange writes itself, or is about the connection only"),
        (
            "Transfer-Encoding = \"env:AURORA_KEY\"",
            "has `Transfer-Encoding`, which the exchange writes itself, or is about the connection only",
        ),
        (
            "a = \"env:AURORA_KEY\", A = \"env:AURORA_KEY\"",
            "has `a`, which is there twice: names of headers have no case",
        ),
    ] {
        refused("http", &format!("headers = {{ {headers} }}"), &format!("`headers` {wrong}"));
    }
}

#[test]
fn an_authority_is_a_file_of_the_folder_and_part_of_its_digest() {
    assert_eq!(aurora("https", "", &[]).authorities, None, "the public ones");
    assert_eq!(aurora("https", "ca_file = \"ca.pem\"", &[("ca.pem", CA)]).authorities.map(|all| all.len()), Some(1));
    refused(
        "http",
        "ca_file = \"ca.pem\"",
        "`ca_file` has no meaning for an endpoint of http://; write https:// or remove it",
    );
    refused("https", "ca_file = \"no.pem\"", "`ca_file` must be the name of a *.pem file in the config folder");
    refused("https", "ca_file = \"../ca.pem\"", "`ca_file` must be the name of a *.pem file in the config folder");
    refused("https", "ca_file = \"empty.pem\"", "`ca_file` is empty.pem, which has no certificate");
    refused("https", "ca_file = \"noise.pem\"", "`ca_file` is noise.pem, whose entry 1 is no certificate");
    let folder = |files: &[(&str, &str)]| {
        let mut all = example();
        all.extend(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())));
        Sources::from_files(Path::new("config"), all).unwrap()
    };
    let (without, with) = (folder(&[]), folder(&[("ca.pem", CA)]));
    assert_ne!(without.digest(), with.digest());
    let stored = with.files().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect();
    assert_eq!(Sources::from_files(Path::new("config"), stored).unwrap().digest(), with.digest());
}
