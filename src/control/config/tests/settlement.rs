//! The figures of the agreements and the terms of buyers.

use super::*;
use crate::market::agreement::{Cooperation, Party};
use crate::market::figures::Figures;
use crate::money::MicroYuan;

#[test]
fn the_example_says_the_figures_of_the_agreements_and_warns_of_the_late_fee() {
    let sources = Sources::from_files(Path::new("config"), files_of_the_repository()).unwrap();
    let compiled = compile(&sources, &mut IdBook::default(), &moment()).unwrap();
    let figures = &compiled.market.terms.figures;
    for day in ["1999-01-01", "2023-01-01", "2026-11-22"] {
        assert_eq!(figures.on(ShanghaiDay::parse(day).unwrap()), &Figures::of_2023());
    }
    let said: Vec<String> = compiled.warnings.iter().map(ToString::to_string).collect();
    let line = String::from_utf8(sources.files().find(|(name, _)| *name == "settlement.toml").unwrap().1.into())
        .unwrap()
        .lines()
        .position(|line| line.starts_with("late_fee_a_day"))
        .unwrap()
        + 1;
    let warning = format!(
        "config/settlement.toml:{line}: `late_fee_a_day` 3 % may be meant as 3 ‰: read the contract, then say `late_fee_confirmed = true` (R-LATE)"
    );
    assert_eq!(said, [warning]);
}

#[test]
fn later_figures_say_only_what_changes_and_apply_from_their_day() {
    let later = "late_fee_confirmed = true\n[[figures]]\nfrom = \"2026-12-01\"\nmonthly_minimum = \"120000\"\n\
        page_change_damages = [\"30000\"]\n[[figures]]\nfrom = \"2027-01-01\"\nlate_fee_a_day = \"0.3%\"\n\
        force_majeure_days = { running = 10, total = 30 }\n";
    let compiled = edited(&[("settlement.toml", "late_fee_confirmed = true\n", later)]).unwrap();
    assert_eq!(compiled.warnings, [], "3 \u{2030} is what is usual");
    let on = |day| compiled.market.terms.figures.on(ShanghaiDay::parse(day).unwrap()).clone();
    let december = Figures {
        monthly_minimum: MicroYuan(120_000_000_000),
        page_change_damages: vec![MicroYuan(30_000_000_000)],
        ..Figures::of_2023()
    };
    assert_eq!(on("2026-11-30"), Figures::of_2023());
    assert_eq!(on("2026-12-31"), december);
    let january = on("2027-01-01");
    assert_eq!((january.late_fee_a_day.0, january.force_majeure_days), (30, (10, 30)));
    assert_eq!(january.page_change_damages, december.page_change_damages, "what December said stands");
}

#[test]
fn wrong_figures_are_named() {
    check(
        &[
            ("settlement.toml", "vat = \"6%\"", "vat = 6"),
            ("settlement.toml", "objection_days = 5 ", ""),
            ("settlement.toml", "{ running = 20, total = 30 }", "{ running = 20 }"),
            ("settlement.toml", "[\"20000.00\", \"100000.00\", \"500000.00\"]", "[]"),
            ("settlement.toml", "\"100000.00\"\ndamages", "\"-1\"\ndamages"),
        ],
        &[
            "config/settlement.toml:6: `objection_days` is missing from figures",
            "config/settlement.toml:11: `vat` must be quoted: \"6\", not 6",
            "config/settlement.toml:22: `total` is missing from force_majeure_days",
            "config/settlement.toml:26: `page_change_damages` is empty",
            "config/settlement.toml:31: `poaching_damages` is negative",
        ],
    );
    check(
        &[("settlement.toml", "late_fee_confirmed = true\n", "[[figures]]\nfrom = \"2023-01-01\"\nvats = \"9%\"\n")],
        &[
            "config/settlement.toml:42: `from` 2023-01-01 is not after 2023-01-01 of the figures before it, on line 7",
            "config/settlement.toml:43: unknown key `vats` in figures; did you mean `vat`?",
        ],
    );
    let mut files = example();
    files.insert("settlement.toml".to_owned(), b"schema = 1\nfigures = []\n".to_vec());
    let sources = Sources::from_files(Path::new("config"), files).unwrap();
    let refused = compile(&sources, &mut IdBook::default(), &moment()).unwrap_err().to_string();
    assert_eq!(refused, "config/settlement.toml:2: `figures` is empty: the first of them says every figure");
}

#[test]
fn r_term_r_monitor_list_a_buyer_says_its_terms() {
    let contract = "contract = \"PMP-2026-0002\"\n";
    let terms = "contract = \"PMP-2026-0002\"\ninvoice_title = \"Stonebridge (Shanghai) Ltd.\"\n\
        cooperation = { from = \"2026-01-01\", until = \"2026-12-31\" }\nmonitor = \"Example Count\"\n\
        parties = [{ name = \"Stonebridge A\", credit_code = \"91350100M000100Y43\" }, { name = \"Stonebridge B\" }]\n";
    let compiled = edited(&[("buyers.toml", contract, terms)]).unwrap();
    assert_eq!(compiled.warnings, []);
    let buyer = |account: &str| compiled.market.buyers.iter().find(|buyer| buyer.account == account).unwrap().clone();
    let stonebridge = buyer("80010002");
    let day = |text| ShanghaiDay::parse(text).unwrap();
    assert_eq!(stonebridge.invoice_title, "Stonebridge (Shanghai) Ltd.");
    assert_eq!(stonebridge.cooperation, Some(Cooperation { from: day("2026-01-01"), until: day("2026-12-31") }));
    assert_eq!(stonebridge.monitor.as_deref(), Some("Example Count"));
    let party = |name: &str, code: Option<&str>| Party { name: name.into(), credit_code: code.map(str::to_owned) };
    let parties = [party("Stonebridge A", Some("91350100M000100Y43")), party("Stonebridge B", None)];
    assert_eq!(stonebridge.parties, parties);
    assert_eq!(buyer("80010001").invoice_title, "Lantern Media Buying", "its name, where it says none");

    let wrong = terms
        .replace("2026-12-31", "2025-12-31")
        .replace("Example Count", "Exampel Count")
        .replace("Y43", "Y44")
        .replace("Stonebridge B", "Stonebridge A");
    check(
        &[("buyers.toml", contract, &wrong)],
        &[
            "config/buyers.toml:30: `until` 2025-12-31 is before `from` 2026-01-01",
            "config/buyers.toml:32: `credit_code` must be a unified social credit code: 18 digits and capital letters, the last of which checks the others",
        ],
    );
    let wrong = terms.replace("Example Count", "Exampel Count").replace("Stonebridge B", "Stonebridge A");
    check(
        &[("buyers.toml", contract, &wrong)],
        &[
            "config/buyers.toml:31: monitor `Exampel Count` is not on the exchange's list in exchange.toml, `[[monitors]]` (R-MONITOR-LIST); did you mean `Example Count`?",
            "config/buyers.toml:32: party `Stonebridge A` is named twice",
        ],
    );
    check(
        &[("buyers.toml", contract, terms), ("exchange.toml", "# until = \"2026-12-31\"", "until = \"2026-10-31\"")],
        &[
            "warning: config/buyers.toml:31: monitor `Example Count` is on the list from 2026-01-01 until 2026-10-31: its figures of other days are void (R-MONITOR-LIST)",
        ],
    );
}
