//! Rules of the house that the compiler does not know (ARCHITECTURE.md, "Who may import whom"; style).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree};

/// The lines of the import rule, from the top. A module may import from lines below its own, never from its own.
const LINES: [&[&str]; 8] = [
    &["main", "commands", "arguments", "demo"],
    &["node"],
    &["http", "control"],
    &["exchange", "settlement", "compliance"],
    &["auction", "delivery", "bidding", "billing", "store"],
    &["markup"],
    &["market"],
    &["event", "metrics"],
];
/// The last line: units, ids and time.
const BOTTOM: [&str; 3] = ["money", "ids", "clock"];
/// The plane that answers media. It never imports the other one. `markup` is pure: what it reads at an award, `compliance` reads beforehand.
const HOT: [&str; 6] = ["http", "exchange", "auction", "delivery", "bidding", "billing"];
/// The plane of terms and money. Of it only `control` may look at the hot one.
const COLD: [&str; 4] = ["control", "settlement", "compliance", "store"];
/// Imports within a line, each with its reason.
const SIBLINGS: [(&str, &str, &str); 7] = [
    ("main", "commands", "the binary is one"),
    ("main", "arguments", "the binary is one"),
    ("commands", "arguments", "the binary is one"),
    ("commands", "demo", "the binary is one"),
    ("demo", "arguments", "the binary is one"),
    ("demo", "commands", "the binary is one"),
    ("ids", "clock", "an auction's id carries its moment (architecture, invariant 6)"),
];
/// The longest that a file may be, in lines.
const LONGEST_FILE: usize = 520;
/// Who reads a clock besides `clock.rs`, and why.
const CLOCK_READERS: [(&str, &str); 0] = [];

/// Which crate a file belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Package {
    Library,
    Binary,
}

/// One file outside of tests, with where it is in the module tree.
struct Source {
    path: PathBuf,
    package: Package,
    module: Vec<String>,
    text: String,
}

impl Source {
    fn top(&self) -> &str {
        let root = if self.package == Package::Binary { "main" } else { "lib" };
        self.module.first().map_or(root, String::as_str)
    }

    fn name(&self) -> String {
        self.path.strip_prefix(root().join("src")).unwrap().display().to_string()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| attribute.meta.require_list().map(|list| list.tokens.to_string());
    attributes.iter().any(|it| it.path().is_ident("cfg") && text(it).is_ok_and(|text| text == "test"))
}

/// The files of both packages, by their `mod` declarations, without those that only tests see; and the latter.
fn sources() -> (Vec<Source>, BTreeSet<PathBuf>) {
    let (mut found, mut tests) = (Vec::new(), BTreeSet::new());
    let source = root().join("src");
    let roots = [(Package::Library, "lib.rs"), (Package::Binary, "main.rs")];
    let mut waiting: Vec<_> =
        roots.into_iter().map(|(package, file)| (package, Vec::new(), source.join(file), source.clone())).collect();
    while let Some((package, module, path, folder)) = waiting.pop() {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        for item in syn::parse_file(&text).unwrap().items {
            let Item::Mod(ItemMod { attrs, ident, content: None, .. }) = item else { continue };
            let (file, inside) = (folder.join(format!("{ident}.rs")), folder.join(ident.to_string()));
            if is_test_only(&attrs) {
                tests.extend(inside.is_dir().then(|| files(&inside)).into_iter().flatten());
                tests.insert(file);
            } else {
                waiting.push((package, [&module[..], &[ident.to_string()]].concat(), file, inside));
            }
        }
        found.push(Source { path, package, module, text });
    }
    (found, tests)
}

/// Every path that code outside of tests names, from the crate's root: `["event", "Charge"]`, or `["pmpx", "node"]`.
struct Paths {
    module: Vec<String>,
    package: Package,
    found: Vec<Vec<String>>,
    attributes: Vec<String>,
}

impl Paths {
    fn of(source: &Source) -> Self {
        let (module, package) = (source.module.clone(), source.package);
        let mut paths = Self { module, package, found: Vec::new(), attributes: Vec::new() };
        paths.visit_file(&syn::parse_file(&source.text).unwrap());
        paths
    }

    /// Notes a path; what does not start at a known place is a name that was imported, which was noted at its import.
    fn note(&mut self, segments: &[String]) {
        let mut place = self.module.clone();
        let mut rest = segments;
        match segments.first().map(String::as_str) {
            Some("crate") => {
                place.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    place.pop();
                    rest = &rest[1..];
                }
            }
            Some("pmpx") if self.package == Package::Binary => {
                self.found.push(rest[1..].to_vec());
                return;
            }
            _ => {
                self.found.push([&["::".to_owned()], rest].concat());
                return;
            }
        }
        self.found.push([&place[..], rest].concat());
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &dyn std::fmt::Display| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.note(&with(&name.ident)),
            UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            UseTree::Glob(_) => self.note(&with(&"*")),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(it) => &it.attrs,
            Item::Fn(it) => &it.attrs,
            Item::Impl(it) => &it.attrs,
            Item::Use(it) => &it.attrs,
            Item::Struct(it) => &it.attrs,
            Item::Enum(it) => &it.attrs,
            Item::Trait(it) => &it.attrs,
            Item::Static(it) => &it.attrs,
            Item::Const(it) => &it.attrs,
            _ => &Vec::new(),
        };
        if !is_test_only(attributes) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.note(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("allow") || attribute.path().is_ident("expect") {
            self.attributes.push(attribute.meta.require_list().unwrap().tokens.to_string());
        }
    }

    /// The inside of a macro call is no syntax tree: paths that start at `crate` or `pmpx` are found in its text.
    fn visit_macro(&mut self, call: &'ast Macro) {
        let text = call.tokens.to_string();
        let words: Vec<_> = text.split_whitespace().collect();
        for (place, word) in words.iter().enumerate() {
            if matches!(*word, "crate" | "pmpx" | "loadtest" | "Instant" | "SystemTime") {
                let path = words[place..].iter().step_by(2).zip(words[place + 1..].iter().step_by(2).chain([&""]));
                let mut segments = Vec::new();
                for (segment, joint) in path {
                    segments.push((*segment).to_owned());
                    if *joint != "::" {
                        break;
                    }
                }
                if segments.len() > 1 {
                    self.note(&segments);
                }
            }
        }
        syn::visit::visit_macro(self, call);
    }
}

/// How far down a module stands.
fn line_of(module: &str) -> Option<usize> {
    let line = LINES.iter().position(|line| line.contains(&module));
    line.or(BOTTOM.contains(&module).then_some(LINES.len()))
}

/// Imports of a file that the rule forbids.
fn forbidden(source: &Source) -> Vec<String> {
    let from = source.top();
    let paths = Paths::of(source).found;
    let complaint = |path: &Vec<String>| -> Option<String> {
        let told = path.join("::");
        if path[0] == "::" {
            let foreign = path.get(1).is_some_and(|name| name == "loadtest") && source.package != Package::Binary;
            return foreign.then(|| format!("{told}: only the binary may name loadtest"));
        }
        let to = path[0].as_str();
        if from == "control"
            && to == "exchange"
            && path.get(1).is_some_and(|name| ["Core", "core", "*"].contains(&name.as_str()))
        {
            return Some(format!("{told}: control may read hot snapshots, never call the hot path"));
        }
        if from == "lib" || to == from {
            return None;
        }
        let (Some(mine), Some(theirs)) = (line_of(from), line_of(to)) else {
            // A name of the crate's root that is no module of it: an item of `main`, say.
            return line_of(to).is_some().then(|| format!("{told}: {from} stands on no line of the import rule"));
        };
        let named = SIBLINGS.iter().any(|(a, b, _)| (*a, *b) == (from, to));
        if theirs < mine || theirs == mine && !named {
            return Some(format!("{told}: {to} does not stand below {from}"));
        }
        let crosses =
            HOT.contains(&from) && COLD.contains(&to) || COLD.contains(&from) && from != "control" && HOT.contains(&to);
        crosses.then(|| format!("{told}: {from} and {to} are of two planes"))
    };
    let complaints: BTreeSet<_> = paths.iter().filter(|path| !path.is_empty()).filter_map(complaint).collect();
    complaints.into_iter().map(|complaint| format!("src/{}: {complaint}", source.name())).collect()
}

#[test]
fn modules_import_downwards_only() {
    let (sources, tests) = sources();
    let found: Vec<_> = sources.iter().flat_map(forbidden).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let known: BTreeSet<_> = sources.into_iter().map(|source| source.path).chain(tests).collect();
    let strays: Vec<_> = files(&root().join("src")).into_iter().filter(|path| !known.contains(path)).collect();
    assert!(strays.is_empty(), "files that no module declares: {strays:?}");
    for (package, own) in [("openrtb", &["pmpx", "loadtest"][..]), ("loadtest", &["pmpx"])] {
        let manifest: toml::Table =
            std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(section).and_then(toml::Value::as_table);
            assert!(
                names.is_none_or(|names| own.iter().all(|name| !names.contains_key(*name))),
                "{package}: {section}"
            );
        }
    }
}

#[test]
fn a_planted_import_is_found() {
    let planted = |module: &[&str], package: Package, text: &str| {
        let path = root().join("src").join(module.join("/")).with_extension("rs");
        let module = module.iter().map(|name| (*name).to_owned()).collect();
        forbidden(&Source { path, package, module, text: text.to_owned() })
    };
    let library = |module: &[&str], text: &str| planted(module, Package::Library, text).len();
    let wrong = [
        (&["exchange"][..], "use crate::store::SqliteStore;"),
        (&["exchange", "core"], "fn f() { crate::settlement::ledger::derive(); }"),
        (&["exchange", "core"], "fn f() { let x: super::super::http::DataPlane; }"),
        (&["auction", "fit"], "use crate::{ids::DealId, delivery::{pacing::Pacing}};"),
        (&["auction"], "mod inner { pub(crate) use super::super::billing as money; }"),
        (&["market"], "fn f() { tracing::info!(\"{}\", crate::metrics::BOUNDS_US.len(), crate :: exchange :: X); }"),
        (&["ids"], "fn f(x: &crate::event::Charge) {}"),
        (&["control", "admin"], "use crate::exchange::Core;"),
        (&["control"], "use crate::exchange::*;"),
        (&["settlement"], "use crate::billing::token::Tokens;"),
        (&["store"], "impl crate::delivery::X for Y {}"),
        (&["http"], "use loadtest::dsp::Script;"),
        (&["node"], "fn f() { loadtest::time::pause(); }"),
        (&["event"], "use crate::metrics::Metrics;"),
        (&["stray"], "use crate::ids::DealId;"),
        (&["markup", "vast"], "use crate::auction::BidRejection;"),
    ];
    for (module, text) in wrong {
        assert_eq!(library(module, text), 1, "{module:?}: {text}");
    }
    let right = [
        (&["exchange"][..], "use crate::auction::{self, NoBid}; use super::market::Market; use std::store::X;"),
        (&["control"], "use crate::exchange::Exchange; use crate::store::SqliteStore;"),
        (&["store"], "#[cfg(test)] mod tests { use crate::exchange::Core; } use self::memory::MemoryStore;"),
        (&["node"], "use crate::http::DataPlane; use crate::control::config;"),
        (&["store", "purse"], "#[cfg(test)] use crate::exchange::Core;"),
    ];
    for (module, text) in right {
        assert_eq!(library(module, text), 0, "{module:?}: {text}");
    }
    assert_eq!(planted(&["commands"], Package::Binary, "use pmpx::node::Node; use loadtest::dsp;").len(), 0);
    assert_eq!(planted(&["arguments"], Package::Binary, "use crate::commands;").len(), 1);
}

#[test]
fn time_chance_and_environment_come_in_by_handles() {
    let mut found = Vec::new();
    let mut readers = BTreeSet::new();
    for source in sources().0.iter().filter(|source| source.package == Package::Library && source.name() != "clock.rs")
    {
        for path in Paths::of(source).found {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            let reads = match path.as_slice() {
                [.., "Instant" | "SystemTime", "now"] => Some("a clock"),
                ["::", "rand", ..] => Some("a random source"),
                ["::", "std", "env", ..] => Some("the environment"),
                _ => None,
            };
            let named = CLOCK_READERS.iter().find(|(file, _)| *file == source.name());
            match (reads, named) {
                (Some("a clock"), Some((file, _))) => drop(readers.insert(*file)),
                (Some(what), _) => found.push(format!("src/{} reads {what}: {}", source.name(), path.join("::"))),
                (None, _) => {}
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert_eq!(readers.len(), CLOCK_READERS.len(), "an exception that nobody needs any more");
}

#[test]
fn files_are_short_named_and_finished() {
    let mut found = Vec::new();
    for folder in ["src", "openrtb/src", "loadtest/src", "tests"] {
        for path in files(&root().join(folder)) {
            let (name, text) = (path.strip_prefix(root()).unwrap().display(), std::fs::read_to_string(&path).unwrap());
            let lines = text.lines().count();
            if folder != "tests" && lines > LONGEST_FILE {
                found.push(format!("{name} has {lines} lines: it has a second thing in it that has a name"));
            }
            if path.file_name().is_some_and(|file| file == "mod.rs") {
                found.push(format!("{name}: a module is named by its file"));
            }
            for unfinished in ["todo", "unimplemented", "dbg"] {
                if text.contains(&format!("{unfinished}!(")) {
                    found.push(format!("{name}: {unfinished}"));
                }
            }
        }
    }
    for source in sources().0 {
        let exceptions = Paths::of(&source).attributes;
        let silent = exceptions.iter().filter(|tokens| !tokens.contains("reason ="));
        found.extend(silent.map(|tokens| format!("src/{}: allow({tokens}) gives no reason", source.name())));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_rule_that_is_named_exists() {
    let list = std::fs::read_to_string(root().join("docs/rules.txt")).unwrap();
    let rules: BTreeSet<_> = list.lines().collect();
    let mut found = BTreeSet::new();
    let mut named = 0;
    let mut look = |path: &Path| {
        for rule in rules_in(&std::fs::read_to_string(path).unwrap()) {
            named += 1;
            if !rules.contains(rule.as_str()) {
                found.insert(format!("{}: {rule}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    };
    for folder in ["src", "openrtb", "loadtest", "tests"] {
        files(&root().join(folder)).iter().for_each(|path| look(path));
    }
    for folder in ["config", "docs", "docs/decisions", "tests/golden"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).for_each(|path| look(&path));
    }
    assert!(named > 100 && found.is_empty(), "\n{found:?}");
}

/// Every `R-…` of a text.
fn rules_in(text: &str) -> Vec<String> {
    let part = |letter: char| letter.is_ascii_uppercase() || letter == '-';
    let starts =
        text.match_indices("R-").filter(|(place, _)| !text[..*place].ends_with(|it: char| it.is_alphanumeric()));
    let names = starts.map(|(place, _)| text[place..].split(|letter| !part(letter)).next().unwrap_or_default());
    names.map(|name| name.trim_end_matches('-').to_owned()).filter(|name| name.len() > 2).collect()
}
