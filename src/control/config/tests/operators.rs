//! `operators.toml`: who may ask the control plane.

use super::*;
use crate::market::policy::operators::Role;

const DIGEST: &str = "6cf50f560ce53601ee25380a115bdcb1a1c3a1a7a1a2560e6f6bff1dad0e3255";

fn with(operators: &str) -> Result<Compiled, Vec<String>> {
    let mut files = example();
    files.insert("operators.toml".to_owned(), operators.as_bytes().to_vec());
    let sources = Sources::from_files(Path::new("config"), files).unwrap();
    let compiled = compile(&sources, &mut IdBook::default(), &moment());
    compiled.map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
}

#[test]
fn operators_have_roles_and_keys_and_without_a_file_there_are_none() {
    assert!(edited(&[]).unwrap().market.terms.operators.is_empty());
    let digest = "0".repeat(63) + "1";
    let text = format!(
        "schema = 1\n[[operator]]\nid = \"mei\"\nroles = [\"reviewer\", \"finance\"]\nkeys = [{{ id = \"mei-1\", sha256 = \"{digest}\" }}]\n"
    );
    let operators = with(&text).unwrap().market.terms.operators.clone();
    let (mei, key) = operators.key("mei-1").unwrap();
    assert_eq!((mei.id.as_str(), key.sha256[31]), ("mei", 1));
    let may: Vec<_> = Role::ALL.into_iter().filter(|role| mei.has(*role)).collect();
    assert_eq!(may, [Role::Viewer, Role::Reviewer, Role::Finance]);
    assert!(operators.key("mei").is_none());
}

#[test]
fn what_is_wrong_with_operators_has_its_line() {
    let of = |entries: &str| with(&format!("schema = 1\n{entries}")).unwrap_err();
    let one = |id: &str, role: &str, key: &str, digest: &str| {
        format!("[[operator]]\nid = \"{id}\"\nroles = [{role}]\nkeys = [{{ id = \"{key}\", sha256 = \"{digest}\" }}]\n")
    };
    let (first, second) = ("0".repeat(63) + "1", "0".repeat(63) + "2");
    let twice = one("mei", "\"viewer\"", "a", &first) + &one("mei", "\"viewer\"", "b", &second);
    assert_eq!(of(&twice), ["config/operators.toml:6: operator `mei` stands twice"]);
    assert_eq!(of(&one("mei", "", "a", &first)), ["config/operators.toml:4: `roles` is empty"]);
    let unknown = of(&one("mei", "\"admin\"", "a", &first));
    assert!(unknown[0].starts_with("config/operators.toml:4: an item of `roles` "), "{unknown:?}");
    assert_eq!(
        of(&one("mei", "\"viewer\"", "buyer-80010001", DIGEST)),
        [
            "config/operators.toml:5: `buyer-80010001` is already the id of the partner key `buyer-80010001` in buyers.toml: a key's id means one key",
            "config/operators.toml:5: key `buyer-80010001` has the secret of the partner key `buyer-80010002` in buyers.toml: make one of its own",
        ]
    );
}
