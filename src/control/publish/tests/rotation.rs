//! Keys of the charge tokens change without a restart, and no token is lost by it.

use super::*;
use crate::billing::token::{Purpose, tests::charge};

/// The example with keys in files of its folder, newest first.
fn bench(keys: &[u8]) -> Bench {
    let bench = Bench::new();
    for key in [1, 2] {
        std::fs::write(bench.folder.path().join(format!("{key}.key")), format!("{key:02x}").repeat(64)).unwrap();
    }
    name(&bench, keys);
    bench.reload().unwrap();
    bench
}

/// Has the config name these keys.
fn name(bench: &Bench, keys: &[u8]) {
    let path = bench.folder.path().join("exchange.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let rest = text.split("\n[[notices.keys]]").next().unwrap();
    let key = |id: &u8| {
        let file = bench.folder.path().join(format!("{id}.key"));
        format!("\n[[notices.keys]]\nid = {id}\nsecret = \"file:{}\"\n", file.display())
    };
    std::fs::write(&path, rest.to_owned() + &keys.iter().map(key).collect::<String>()).unwrap();
}

fn sealed(bench: &Bench) -> String {
    let mut token = String::new();
    bench.publisher.exchange().tokens.load().seal(Purpose::Bill, &charge(), &mut token);
    token
}

fn opens(bench: &Bench, token: &str) -> bool {
    bench.publisher.exchange().tokens.load().open(Purpose::Bill, token) == Ok(charge())
}

#[test]
fn a_reload_rotates_keys_and_a_rollback_loses_none() {
    let bench = bench(&[1]);
    let old = sealed(&bench);
    name(&bench, &[2, 1]);
    let done = bench.reload().unwrap();
    assert_eq!(done.warnings, []);
    let new = sealed(&bench);
    assert!(new != old && opens(&bench, &old) && opens(&bench, &new));
    name(&bench, &[2]);
    let warnings = bench.reload().unwrap().warnings;
    assert!(warnings[0].message.starts_with("token key 1 is not in the config any more"), "{warnings:?}");
    assert!(opens(&bench, &old));
    // The generation that is restored names key 1 only.
    let done = bench.publisher.rollback(2, &By::trigger(Trigger::Rollback)).unwrap();
    assert!(done.warnings[0].message.starts_with("token key 2 is not"), "{:?}", done.warnings);
    assert_eq!(sealed(&bench), old, "key 1 seals again");
    assert!(opens(&bench, &new));
}

#[test]
fn a_key_that_cannot_be_had_refuses_the_reload_and_the_old_ones_go_on() {
    let mut bench = bench(&[1]);
    let old = sealed(&bench);
    name(&bench, &[3, 1]);
    let refused = bench.reload().unwrap_err().to_string();
    assert!(refused.contains("exchange.toml:1: token key 3: ") && refused.contains("3.key"), "{refused}");
    assert_eq!(sealed(&bench), old);
    bench.restart(false).unwrap();
    assert!(sealed(&bench) == old && bench.publisher.standing().refused, "a start serves the last good generation");
    // The store does not take the generation: the new key has sealed nothing.
    name(&bench, &[2, 1]);
    *held(&bench.broken) = true;
    assert!(bench.reload().is_err());
    assert_eq!(sealed(&bench), old);
    *held(&bench.broken) = false;
    name(&bench, &[1]);
    assert_eq!(bench.reload().unwrap().warnings, []);
    bench.restart(false).unwrap();
    assert_eq!(bench.publisher.standing().warnings, [], "nobody waits for tokens of key 2");
}

#[test]
fn a_secret_that_changed_where_it_is_kept_is_seen_though_the_folder_did_not() {
    let bench = bench(&[1]);
    let old = sealed(&bench);
    let file = bench.folder.path().join("1.key");
    std::fs::write(&file, "ff".repeat(64)).unwrap();
    let refused = bench.reload().unwrap_err().to_string();
    assert!(
        refused.contains("token key 1 is not the key that it was, whose tokens live until 2026-11-22T"),
        "{refused}"
    );
    assert!(opens(&bench, &old));
    std::fs::write(&file, "01".repeat(64)).unwrap();
    assert!(!bench.reload().unwrap().changed);
}
