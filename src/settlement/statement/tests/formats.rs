//! What each format says, against files (`PMPX_BLESS=1` rewrites them) and read back by readers that did not write it.

use std::io::Cursor;
use std::path::Path;

use calamine::{Data, Reader, Xlsx};
use proptest::prelude::*;

use super::super::sample::{empty, full, preferred, provisional, worked_example_1, yuan};
use super::super::{DealLine, Draft, Format, Language, MonitorFigure, Statement};

fn made(draft: Draft) -> Statement {
    Statement::new(draft).unwrap()
}

fn written(draft: Draft, format: Format, language: Language) -> Vec<u8> {
    made(draft).write(format, language).unwrap()
}

fn text(draft: Draft, format: Format, language: Language) -> String {
    String::from_utf8(written(draft, format, language)).unwrap()
}

#[test]
fn r_statement_documents_are_those_of_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/settlement/statement/golden");
    let mut different = Vec::new();
    for (name, draft) in [("full", full()), ("provisional", provisional())] {
        for language in Language::ALL {
            for format in [Format::Text, Format::Json, Format::Csv, Format::Html] {
                let file = folder.join(format!("{name}.{}.{}", language.tag(), format.name()));
                let bytes = written(draft.clone(), format, language);
                if std::env::var_os("PMPX_BLESS").is_some() {
                    std::fs::write(&file, &bytes).unwrap();
                }
                if std::fs::read(&file).ok() != Some(bytes) {
                    different.push(file);
                }
            }
        }
    }
    assert!(different.is_empty(), "look at these with PMPX_BLESS=1 and git diff: {different:?}");
}

#[test]
fn r_statement_the_same_statement_makes_the_same_bytes() {
    for draft in [full(), provisional(), empty()] {
        for (format, language) in Format::ALL.into_iter().zip(Language::ALL.into_iter().cycle()) {
            let once = written(draft.clone(), format, language);
            assert_eq!(once, written(draft.clone(), format, language), "{format:?}");
        }
    }
    // A workbook's own clock has seconds: its date is the statement's, so that waiting changes nothing.
    let mut archive = zip::ZipArchive::new(Cursor::new(written(full(), Format::Xlsx, Language::English))).unwrap();
    let core = std::io::read_to_string(archive.by_name("docProps/core.xml").unwrap()).unwrap();
    assert!(core.contains(">2026-12-06T00:00:00Z</dcterms:created>"), "{core}");
    assert!(core.contains(">2026-12-06T00:00:00Z</dcterms:modified>"), "{core}");
}

fn sheets(draft: Draft, language: Language) -> Vec<(String, Vec<Vec<Data>>)> {
    let mut book = Xlsx::new(Cursor::new(written(draft, Format::Xlsx, language))).unwrap();
    let sheets = book.worksheets();
    sheets.into_iter().map(|(name, range)| (name, range.rows().map(<[Data]>::to_vec).collect())).collect()
}

fn find<'a>(sheet: &'a [Vec<Data>], label: &str) -> &'a [Data] {
    let row = sheet.iter().find(|row| row.iter().any(|cell| *cell == Data::String(label.to_owned())));
    row.unwrap_or_else(|| panic!("no {label:?} in {sheet:?}"))
}

#[test]
fn r_statement_the_workbook_reads_back_as_numbers_and_texts() {
    let sheets = sheets(full(), Language::Chinese);
    let names: Vec<_> = sheets.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["结算单", "项目明细", "最低消费", "以前月份调整", "赠款消费", "违约扣款", "未达成机会（按原因）"];
    assert_eq!(names, expected);
    let total = find(&sheets[0].1, "价税合计");
    assert_eq!(total[1], Data::Float(506_125.5));
    assert_eq!(total[2], Data::String("人民币伍拾万陆仟壹佰贰拾伍元伍角整".to_owned()));
    assert_eq!(find(&sheets[0].1, "增值税额（6%）")[1], Data::Float(28_648.61));
    assert_eq!(find(&sheets[0].1, "不含税金额")[1], Data::Float(477_476.89));

    let monitored = find(&sheets[1].1, "BPG-2026-X7");
    assert_eq!(monitored[2], Data::String("=cmd|' /C calc'!A0 \"<b>&amp; Ltd.\"".to_owned()), "a text, as it is");
    assert_eq!((&monitored[5], &monitored[13]), (&Data::Float(68.005), &Data::Float(1_050_001.0)));
    let amounts = sheets[1].1.iter().skip(3).filter_map(|row| match row.last() {
        Some(Data::Float(amount)) => Some((amount * 100.0).round()),
        _ => None,
    });
    let amounts: Vec<_> = amounts.collect();
    let (sum, lines) = amounts.split_last().unwrap();
    assert_eq!((lines.len(), *sum), (3, lines.iter().sum::<f64>()));
}

#[test]
fn r_statement_every_sheet_is_named_prints_on_a4_and_has_no_formula() {
    for language in Language::ALL {
        for draft in [full(), provisional(), worked_example_1(), empty()] {
            let count = sheets(draft.clone(), language).len();
            let mut archive = zip::ZipArchive::new(Cursor::new(written(draft, Format::Xlsx, language))).unwrap();
            for number in 1..=count {
                let name = format!("xl/worksheets/sheet{number}.xml");
                let sheet = std::io::read_to_string(archive.by_name(&name).unwrap()).unwrap();
                assert!(!sheet.contains("<f>") && !sheet.contains("<hyperlink"), "{sheet}");
                assert!(sheet.contains("<pageSetup paperSize=\"9\"") && sheet.contains("fitToHeight=\"0\""), "{sheet}");
                assert_eq!(sheet.contains("orientation=\"landscape\""), number > 1);
            }
        }
    }
}

/// Names that a spreadsheet would run and a browser would obey, in every place that takes one.
fn hostile(name: &str) -> Draft {
    let mut draft = full();
    let places =
        [&mut draft.number, &mut draft.exchange, &mut draft.contract, &mut draft.invoice_title, &mut draft.buyer];
    places.into_iter().for_each(|it| name.clone_into(it));
    draft.joint_parties = vec![name.to_owned()];
    for (line, index) in draft.deals.iter_mut().zip(0..) {
        line.order = Some(name.to_owned());
        line.deal = format!("{name}{index}");
        name.clone_into(&mut line.project);
        line.monitor = Some(MonitorFigure { name: name.to_owned(), impressions: 1 });
    }
    for (line, index) in draft.adjustments.iter_mut().zip(0..) {
        line.reference = format!("{name}{index}");
        name.clone_into(&mut line.reason);
    }
    for (line, index) in draft.deductions.iter_mut().zip(0..) {
        line.reference = format!("{name}{index}");
        name.clone_into(&mut line.reason);
    }
    draft
}

#[test]
fn names_are_no_formulas_in_csv() {
    for name in ["=1+1", "+1", "-1+2", "@SUM(A1)", " =1", "＝1", "\"=1"] {
        let csv = text(hostile(name), Format::Csv, Language::English);
        let mut reader = csv::Reader::from_reader(csv.strip_prefix('\u{feff}').unwrap().as_bytes());
        let heads = reader.headers().unwrap().clone();
        let mut seen = 0;
        for record in reader.records() {
            for (cell, head) in record.unwrap().iter().zip(&heads) {
                let is_figure = ["amount", "paid_by_grants"].contains(&head);
                let first = cell.trim_start().chars().next().unwrap_or(' ');
                assert!(is_figure || !"=+-@＝＋－＠\t\r".contains(first), "{head}: {cell:?}");
                seen += usize::from(cell.contains(name));
            }
        }
        assert!(seen > 20, "{name} was written {seen} times");
    }
}

#[test]
fn names_are_no_markup_in_html() {
    let name = "</td><script src=//x></script><img onerror='a()' x=\"&lt;";
    let page = text(hostile(name), Format::Html, Language::English);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("\"&lt;"));
    assert!(
        page.contains("&lt;/td&gt;&lt;script src=//x&gt;&lt;/script&gt;&lt;img onerror=&#39;a()&#39; x=&quot;&amp;lt;")
    );
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn r_statement_no_format_leaves_an_amount_or_a_name_out() {
    for language in Language::ALL {
        for format in [Format::Text, Format::Json, Format::Csv, Format::Html] {
            let document = text(full(), format, language).replace(',', "");
            let wanted = [
                "506125.50",
                "477476.89",
                "28648.61",
                "人民币伍拾万陆仟壹佰贰拾伍元伍角整",
                "357000.00",
                "-1250.01",
                "88.00",
                "6234.56",
                "12000.00",
                "8000.00",
                "5950000",
                "1050001",
                "68.005",
                "Example Count",
                "PMP-2026-0001",
                "灯塔媒介采购（上海）有限公司",
                "80010001",
                "Lantern Media (Shenzhen) Ltd.",
                "DPSO-2026-0117/2",
                "VIO-2026-31",
                "ADJ-7",
                "700412",
            ];
            for it in wanted {
                assert!(document.contains(it), "{format:?} {language:?} says nothing of {it}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn r_statement_the_csv_adds_up(lines in prop::collection::vec((0..40_000_000_u64, 0..3_u8), 1..30)) {
        let deals = lines.iter().zip(0..).map(|((impressions, grants), index)| {
            let line = preferred(&format!("D{index}"), *impressions);
            let consumption = line.consumption.0;
            DealLine { from_grants: crate::money::MicroYuan(consumption / 7 * i64::from(*grants)), ..line }
        });
        let draft = Draft { minimum: Some(yuan("100000.00")), adjustments: full().adjustments, deals: deals.collect(), ..empty() };
        let csv = text(draft, Format::Csv, Language::English);
        let mut reader = csv::Reader::from_reader(csv.strip_prefix('\u{feff}').unwrap().as_bytes());
        let heads = reader.headers().unwrap().clone();
        let at = |name: &str| heads.iter().position(|head| head == name).unwrap();
        let fen = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
        let (mut sum, mut stated) = (0, [0; 3]);
        for record in reader.records() {
            let record = record.unwrap();
            if &record[at("in_total")] == "yes" {
                sum += fen(&record[at("amount")]);
            }
            for (section, stated) in ["total_with_tax", "amount_without_tax", "vat"].iter().zip(&mut stated) {
                if record[at("section")] == **section {
                    *stated = fen(&record[at("amount")]);
                }
            }
        }
        prop_assert_eq!(sum, stated[0]);
        prop_assert_eq!(stated[1] + stated[2], stated[0]);
    }
}
