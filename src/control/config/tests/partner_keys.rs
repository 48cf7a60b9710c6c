//! Keys of partners: an id means one key, and no secret opens two doors.

use super::*;
use crate::market::partner::Partner;

#[test]
fn every_partner_of_the_example_has_a_key() {
    let market = edited(&[]).unwrap().market;
    let mut keys: Vec<_> = market.partner_keys().map(|key| (key.key_id.as_str(), key.partner.kind())).collect();
    keys.sort_unstable();
    assert_eq!(keys.len(), 9);
    assert_eq!(
        (keys[0], keys[3], keys[6]),
        (("buyer-80010001", "buyer"), ("dsp-aurora", "dsp"), ("media-citypages", "media"))
    );
    let comet = market.dsps.iter().find(|dsp| dsp.wire == "comet").unwrap().id;
    assert_eq!(market.partner_key("dsp-comet").unwrap().partner, Partner::Dsp(comet));
    assert!(market.partner_key("sunrise").is_none(), "a request key is none");
}

#[test]
fn a_partner_needs_no_key_and_may_have_several() {
    let harbor = "partner_keys = [{ id = \"media-harbor\", sha256 = \"c9607107171f50b1099f01bbce153e0f6b6e9f93dbea94402ca9aa600c25dae0\" }]\n";
    assert_eq!(edited(&[("media.toml", harbor, "")]).unwrap().market.partner_keys().count(), 8);
    let two = harbor.replace(" }]", " }, { id = \"media-harbor-b\", sha256 = \"0000000000000000000000000000000000000000000000000000000000000001\" }]");
    assert_eq!(edited(&[("media.toml", harbor, &two)]).unwrap().market.partner_keys().count(), 10);
}

#[test]
fn keys_of_partners_are_apart_over_all_files() {
    // An id of another file's, a request key's id, a request key's secret, a secret of another partner's.
    let sunrise = "0af1aa275fbdb47e9f2c7b34e8469c5fe9b3c6b2fd91717dd628d82a6fd53c89";
    let basalt = "0958bad93121ce55f345264de497745d4b4a5ec6b4a36c173a5b60b127614774";
    let edits = [
        ("dsps.toml", "id = \"dsp-aurora\"", "id = \"buyer-80010001\""),
        ("media.toml", "id = \"media-harbor\"", "id = \"citypages\""),
        ("buyers.toml", "6cf50f560ce53601ee25380a115bdcb1a1c3a1a7a1a2560e6f6bff1dad0e3255", sunrise),
        ("dsps.toml", "c3302339c6e88f0a49bb5c6726d42498fbb58be96dfe7c310394ad99c67e90da", basalt),
    ];
    let said: Vec<_> = edited(&edits).unwrap_err().iter().map(ToString::to_string).collect();
    let without_line = |text: &String| {
        let mut parts = text.splitn(3, ':');
        let (file, _, message) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
        format!("{file}:{message}")
    };
    let said: Vec<_> = said.iter().map(without_line).collect();
    let expected = [
        "config/buyers.toml: key `buyer-80010002` has the secret of the request key `sunrise` of media `sunrise`: make one of its own",
        "config/dsps.toml: `buyer-80010001` is already the id of the partner key `buyer-80010001` in buyers.toml: a key's id means one key",
        "config/dsps.toml: key `dsp-comet` has the secret of the partner key `dsp-basalt` in dsps.toml: make one of its own",
        "config/media.toml: `citypages` is already the id of the request key `citypages` of media `citypages`: a key's id means one key",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_wrong_key_is_named() {
    let edits = [
        ("buyers.toml", "id = \"buyer-80010001\"", "id = \"buyer.1\""),
        ("dsps.toml", "9e512aab19c55182f6eddfd4250221ab0e6180b754e8922b2c957270304ca1e5", "9e51"),
        ("media.toml", "{ id = \"media-sunrise\", ", "{ key = \"media-sunrise\", "),
    ];
    let said: Vec<_> = edited(&edits).unwrap_err().iter().map(ToString::to_string).collect();
    let has = |part: &str| said.iter().any(|it| it.contains(part));
    assert!(
        has("must not have a point") && has("unknown key `key` in partner_keys") && has("`sha256` must be"),
        "{said:#?}"
    );
}
