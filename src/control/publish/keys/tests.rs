use super::*;
use crate::billing::token::{Purpose, TokenError, tests::charge};
use crate::control::config::SecretSource;

const LIVES: Lives = Lives { longest_token_ms: 3_600_000, clock_skew_ms: 5_000 };
const NOW: UnixMillis = UnixMillis(1_795_312_800_000);
/// When a token that is sealed then is dead.
const ONE: &str = "2026-11-22T11:00:05.000+08:00";

/// A data folder with secrets in files.
struct Safe(tempfile::TempDir);

impl Safe {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> TokenKeys {
        self.open_at(1)
    }

    fn open_at(&self, node: u16) -> TokenKeys {
        TokenKeys::open(self.0.path(), NodeId(node), |_| None).unwrap()
    }

    fn put(&self, name: &str, byte: u8) {
        std::fs::write(self.0.path().join(name), format!("{byte:02x}").repeat(64)).unwrap();
    }

    fn drop(&self, name: &str) {
        std::fs::remove_file(self.0.path().join(name)).unwrap();
    }

    /// A key of a file that is named like it.
    fn source(&self, id: u8) -> TokenKeySource {
        let secret = SecretSource::File(self.0.path().join(id.to_string()));
        TokenKeySource { id, secret, revoked: false }
    }

    fn sources<const N: usize>(&self, ids: [u8; N]) -> Vec<TokenKeySource> {
        ids.map(|id| self.source(id)).into()
    }
}

/// Takes keys into use, and gives the tokens and what was warned of.
fn serve(keys: &mut TokenKeys, asked: &[TokenKeySource], now: UnixMillis) -> Result<(Tokens, Vec<String>), KeyError> {
    let turn = keys.prepare(asked, LIVES, now)?;
    keys.promise(&turn)?;
    let (tokens, warnings) = (turn.tokens().unwrap(), turn.warnings.clone());
    keys.served(turn, now);
    Ok((tokens, warnings))
}

fn sealed(tokens: &Tokens) -> String {
    let mut token = String::new();
    tokens.seal(Purpose::Bill, &charge(), &mut token);
    token
}

fn opens(tokens: &Tokens, token: &str) -> bool {
    tokens.open(Purpose::Bill, token) == Ok(charge())
}

#[test]
fn a_key_that_has_left_the_config_opens_until_its_last_token_is_dead() {
    let safe = Safe::new();
    safe.put("1", 1);
    safe.put("2", 2);
    let mut keys = safe.open();
    let (first, warnings) = serve(&mut keys, &safe.sources([1]), UnixMillis(0)).unwrap();
    assert_eq!(warnings, [""; 0]);
    let old = sealed(&first);
    let (both, warnings) = serve(&mut keys, &safe.sources([2, 1]), NOW).unwrap();
    assert!(opens(&both, &old) && !opens(&first, &sealed(&both)), "the new one seals, both open");
    assert_eq!(warnings, [""; 0]);

    let place = safe.source(1).secret;
    let kept = format!(
        "token key 1 is not in the config any more; it opens what it has sealed until {ONE}: keep {place} until then"
    );
    let (tokens, warnings) = serve(&mut keys, &safe.sources([2]), NOW.plus_ms(1)).unwrap();
    assert!(opens(&tokens, &old));
    assert_eq!(warnings, std::slice::from_ref(&kept));
    let (tokens, warnings) = serve(&mut safe.open(), &safe.sources([2]), NOW.plus_ms(2)).unwrap();
    assert!(opens(&tokens, &old), "a restart reads it from where it was");
    assert_eq!(warnings, std::slice::from_ref(&kept));

    safe.drop("1");
    let (tokens, warnings) = serve(&mut keys, &safe.sources([2]), NOW.plus_ms(3)).unwrap();
    assert!(opens(&tokens, &old), "who has it keeps it");
    assert_eq!(warnings, [kept]);
    let mut restarted = safe.open();
    let (tokens, warnings) = serve(&mut restarted, &safe.sources([2]), NOW.plus_ms(4)).unwrap();
    assert!(!opens(&tokens, &old) && warnings[0].starts_with("TOKEN KEY 1 IS LOST"), "{warnings:?}");
    safe.put("1", 1);
    let (tokens, _) = serve(&mut restarted, &safe.sources([2]), NOW.plus_ms(5)).unwrap();
    assert!(opens(&tokens, &old), "found again");

    let (tokens, _) = serve(&mut keys, &safe.sources([2]), NOW.plus_ms(3_605_000)).unwrap();
    assert!(opens(&tokens, &old), "its last token may just live");
    let (tokens, warnings) = serve(&mut keys, &safe.sources([2]), NOW.plus_ms(3_605_001)).unwrap();
    assert_eq!(tokens.open(Purpose::Bill, &old), Err(TokenError::UnknownKey));
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_key_that_sealed_when_the_process_ended_has_sealed_until_the_next_start() {
    let safe = Safe::new();
    safe.put("1", 1);
    safe.put("2", 2);
    serve(&mut safe.open(), &safe.sources([1]), UnixMillis(0)).unwrap();
    let mut restarted = safe.open();
    let (_, warnings) = serve(&mut restarted, &safe.sources([2]), NOW).unwrap();
    assert!(warnings[0].contains(ONE), "{warnings:?}");
    // What was longer once is not forgotten.
    let short = Lives { longest_token_ms: 1_000, clock_skew_ms: 0 };
    let turn = restarted.prepare(&safe.sources([1]), short, NOW.plus_ms(1)).unwrap();
    assert_eq!(turn.records.iter().map(|it| (it.id, it.life_ms)).collect::<Vec<_>>(), [(1, 3_605_000), (2, 3_605_000)]);
}

#[test]
fn another_secret_under_the_same_id_is_refused_while_tokens_of_the_old_one_live() {
    let safe = Safe::new();
    safe.put("1", 1);
    safe.put("2", 2);
    let mut keys = safe.open();
    let (first, _) = serve(&mut keys, &safe.sources([1]), NOW).unwrap();
    safe.put("1", 9);
    let refused = serve(&mut keys, &safe.sources([1]), NOW).unwrap_err().to_string();
    assert!(refused.starts_with("token key 1 is not the key that it was") && refused.contains(ONE), "{refused}");
    assert!(serve(&mut safe.open(), &safe.sources([1]), NOW).is_err(), "nor at a start");
    // Its tokens are given up in so many words.
    let revoked = TokenKeySource { revoked: true, ..safe.source(1) };
    let (tokens, warnings) = serve(&mut keys, &[safe.source(2), revoked], NOW).unwrap();
    assert_eq!(tokens.open(Purpose::Bill, &sealed(&first)), Err(TokenError::UnknownKey));
    assert_eq!(warnings, [""; 0]);
    assert!(serve(&mut keys, &safe.sources([2, 1]), NOW).is_ok(), "and then the id is free");
}

#[test]
fn the_own_key_keeps_opening_when_configured_ones_appear() {
    let safe = Safe::new();
    let mut keys = safe.open();
    let (own, _) = serve(&mut keys, &[], NOW).unwrap();
    let old = sealed(&own);
    #[cfg(unix)]
    for file in ["token.key", "token-keys.json"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(safe.0.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    safe.put("1", 1);
    let (tokens, warnings) = serve(&mut safe.open(), &safe.sources([1]), NOW).unwrap();
    assert!(opens(&tokens, &old) && !opens(&own, &sealed(&tokens)));
    assert_eq!(warnings, [""; 0]);
    safe.drop("token.key");
    let (tokens, _) = serve(&mut keys, &safe.sources([1]), NOW).unwrap();
    assert!(opens(&tokens, &old), "who has it keeps it");
    let (tokens, warnings) = serve(&mut safe.open(), &[], NOW).unwrap();
    assert!(!opens(&tokens, &old) && !opens(&own, &sealed(&tokens)), "a new one was made");
    assert!(warnings.iter().any(|it| it.starts_with("TOKEN KEY 0 IS LOST: token.key")), "{warnings:?}");
    std::fs::write(safe.0.path().join("token.key"), b"short").unwrap();
    assert!(keys.prepare(&[], LIVES, NOW).unwrap_err().to_string().contains("64 bytes"));
}

#[test]
fn a_promise_that_is_withdrawn_binds_nobody() {
    let safe = Safe::new();
    safe.put("1", 1);
    safe.put("2", 2);
    let mut keys = safe.open();
    serve(&mut keys, &safe.sources([1]), NOW).unwrap();
    let turn = keys.prepare(&safe.sources([2, 1]), LIVES, NOW).unwrap();
    keys.promise(&turn).unwrap();
    assert_eq!(safe.open().records.len(), 2, "from here on the second may seal");
    keys.withdraw(NOW);
    assert_eq!(safe.open().records, keys.records);
}

#[test]
fn each_node_notes_its_own_keys_and_opens_what_others_have_sealed() {
    let safe = Safe::new();
    safe.put("1", 1);
    safe.put("2", 2);
    let lock = std::fs::File::create(safe.0.path().join("node-2.lock")).unwrap();
    lock.lock().unwrap();
    let [mut one, mut two] = [safe.open_at(1), safe.open_at(2)];
    serve(&mut one, &safe.sources([1]), NOW).unwrap();
    let (old, _) = serve(&mut two, &safe.sources([1]), NOW).unwrap();
    // The first node rotates and forgets the old key; the second one, which has not reloaded, seals with it.
    serve(&mut one, &safe.sources([2, 1]), NOW.plus_ms(1)).unwrap();
    let later = NOW.plus_ms(LIVES.longest_token_ms * 9);
    let token = sealed(&old);
    let (tokens, warnings) = serve(&mut one, &safe.sources([2]), later).unwrap();
    assert!(
        opens(&tokens, &token) && warnings[0].contains("token key 1 is not in the config any more"),
        "{warnings:?}"
    );
    // What the second node writes takes nothing from what the first has written.
    serve(&mut two, &safe.sources([2, 1]), later).unwrap();
    let nodes: Vec<_> = [1, 2].map(|node| record::load(safe.0.path(), NodeId(node)).unwrap().0.len()).into();
    assert_eq!(nodes, [1, 2], "the first node's old key is dead, the second's is not yet");
    // A node that has gone seals no more: its keys die with their last tokens.
    lock.unlock().unwrap();
    serve(&mut one, &safe.sources([1, 2]), later).unwrap();
    let (_, others) = record::load(safe.0.path(), NodeId(1)).unwrap();
    assert!(!others.is_empty() && others.iter().all(|it| it.sealed_until.is_some()), "{others:?}");
}
