//! Files that are read in parts say the same as whole ones.

use std::fmt::Write;

use super::*;

/// A preferred deal of 12 lines, the last of them empty.
fn preferred(number: usize) -> String {
    format!(
        "[[deal]]\nid = \"PD-{number}\"\nmethod = \"PD\"\nstate = \"active\"\naccount = \"80010001\"\ndsps = [\"aurora\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\ncpm = \"24.00\"\nplacements = [{{ media = \"sunrise\", tagid = \"sunrise-feed\" }}]\nregions = [\"CN-SH\"]\n\n"
    )
}

const DEALS: usize = 3_000;
const LINES: usize = 12;

/// The line on which a deal begins: one line of schema and what stands after it come before.
fn line(number: usize) -> usize {
    2 + LINES * number
}

fn with(edit: impl Fn(usize, String) -> String) -> Result<Compiled, Diagnostics> {
    let mut text = "schema = 1\n".to_owned();
    for number in 0..DEALS {
        write!(text, "{}", edit(number, preferred(number))).unwrap();
    }
    edited(&[("deals.toml", &String::from_utf8(example()["deals.toml"].clone()).unwrap(), &text)])
}

fn said(outcome: Result<Compiled, Diagnostics>) -> Vec<String> {
    match outcome {
        Ok(compiled) => {
            compiled.warnings.iter().map(|it| format!("warning: {it}")).filter(|it| it.contains("deals.toml")).collect()
        }
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_deal_of_a_long_file_is_read_and_every_line_is_right() {
    let market = with(|_, deal| deal).unwrap().market;
    assert_eq!(market.deals.len(), DEALS);
    let shared = |name: &str| market.deal_named(name).unwrap().targeting.conditions.clone().unwrap();
    assert!(Arc::ptr_eq(&shared("PD-0"), &shared("PD-2999")), "the same conditions are kept once");

    let wrong = |number: usize, deal: String| match number {
        7 => deal.replace("cpm", "cmp"),
        1_500 => deal.replace("aurora", "aurara"),
        2_999 => deal.replace("PD-2999", "PD-7"),
        _ => deal,
    };
    assert_eq!(
        said(with(wrong)),
        [
            format!("config/deals.toml:{}: unknown key `cmp` in deal; did you mean `cpm`?", line(7) + 8),
            format!("config/deals.toml:{}: unknown dsp `aurara`; did you mean `aurora`?", line(1_500) + 5),
            format!("config/deals.toml:{}: deal `PD-7` is already defined on line {}", line(2_999) + 1, line(7) + 1),
        ]
    );
}

#[test]
fn a_mistake_of_syntax_is_told_as_of_the_whole_file_and_alone() {
    let wrong = |number: usize, deal: String| match number {
        7 => deal.replace("aurora", "aurara"),
        2_000 => deal.replace("\"24.00\"", "\"24.00"),
        _ => deal,
    };
    let line = line(2_000) + 8;
    assert_eq!(
        said(with(wrong)),
        [format!("config/deals.toml:{line}: is not TOML here: invalid basic string, expected `\"`")]
    );
}

#[test]
fn a_text_of_several_lines_that_looks_like_tables_is_a_text() {
    // Longer than a part, so that the cut falls into it.
    let text = "\n[[deal]]\nid = \"no deal\"".repeat(9_000);
    let name = |number: usize, deal: String| {
        if number == 0 { deal.replace("\"PD-0\"", &format!("'''{text}'''")) } else { deal }
    };
    assert_eq!(said(with(name)), ["config/deals.toml:3: `id` must be 1 to 128 bytes without spaces at its ends"]);
}
