//! Whatever is done to the files: no panic, and either a market or problems with lines that exist.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Mutation {
    DeleteLine(Index),
    RepeatLine(Index),
    SwapTokens(Index, Index),
    Truncate(Index),
    Insert(Index, String),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let scrap = prop::sample::select(vec![
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "\r",
        "\\",
        ".",
        "-",
        "1",
        "99999999999999999999",
        "é",
        "'''",
        "[[deal]]\n",
        "0x",
        "%",
        "= 1\n",
    ]);
    prop_oneof![
        any::<Index>().prop_map(Mutation::DeleteLine),
        any::<Index>().prop_map(Mutation::RepeatLine),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Mutation::SwapTokens(a, b)),
        any::<Index>().prop_map(Mutation::Truncate),
        (any::<Index>(), scrap).prop_map(|(at, scrap)| Mutation::Insert(at, scrap.to_owned())),
    ]
}

fn boundary(text: &str, index: Index) -> usize {
    let mut at = index.index(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn apply(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    match mutation {
        _ if text.is_empty() => String::new(),
        Mutation::DeleteLine(at) => {
            lines.remove(at.index(lines.len()));
            lines.concat()
        }
        Mutation::RepeatLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at]);
            lines.concat()
        }
        Mutation::SwapTokens(a, b) => {
            let mut tokens: Vec<&str> = text.split_inclusive([' ', '\n', ',']).collect();
            let (a, b) = (a.index(tokens.len()), b.index(tokens.len()));
            tokens.swap(a, b);
            tokens.concat()
        }
        Mutation::Truncate(at) => text[..boundary(text, *at)].to_owned(),
        Mutation::Insert(at, scrap) => {
            let at = boundary(text, *at);
            format!("{}{scrap}{}", &text[..at], &text[at..])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_give_a_market_or_a_line(mutations in prop::collection::vec((0_usize..8, mutation()), 1..4)) {
        let mut files = example();
        for (file, mutation) in &mutations {
            let name = files.keys().nth(*file).unwrap().clone();
            let text = String::from_utf8(files[&name].clone()).unwrap();
            files.insert(name, apply(&text, mutation).into_bytes());
        }
        let sources = Sources::from_files(Path::new("config"), files.clone()).unwrap();
        if let Err(errors) = compile(&sources, &mut IdBook::default(), &moment()) {
            prop_assert!(errors.iter().len() > 0);
            for error in errors.iter() {
                let name = error.file.file_name().unwrap().to_str().unwrap();
                let lines = files[name].split(|byte| *byte == b'\n').count();
                prop_assert!((1..=lines).contains(&(error.line as usize)), "{error} of {lines} lines");
                prop_assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error}");
            }
        }
    }
}
