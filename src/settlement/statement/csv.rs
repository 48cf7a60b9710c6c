//! The statement as CSV (RFC 4180): one flat table, one header, the statement's number on each row, so that files of many buyers
//! can be put one after another. UTF-8 with a byte order mark, without which spreadsheets on Chinese systems read another encoding.
//!
//! A text that a spreadsheet could take for a formula gets an apostrophe before it; figures are numbers and stay as they are.

use super::numerals::in_capitals;
use super::paper::{plain_yuan, price_yuan};
use super::words::Language;
use super::{Statement, Status};
use crate::money::Fen;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The columns, in order; [`Row`] has a place for each.
const COLUMNS: [(&str, &str); 25] = [
    ("结算单编号", "statement"),
    ("账户 ID", "account"),
    ("结算月份", "month"),
    ("状态", "status"),
    ("类别", "section"),
    ("计入价税合计", "in_total"),
    ("编号", "reference"),
    ("交易 ID", "deal"),
    ("说明", "description"),
    ("方式", "method"),
    ("首日", "first_day"),
    ("末日", "last_day"),
    ("单价（元／CPM）", "unit_price_cpm"),
    ("订购量", "ordered"),
    ("交付量", "delivered"),
    ("未交付：买方原因", "undelivered_by_buyer"),
    ("未交付：平台原因", "undelivered_by_exchange"),
    ("补量", "made_good"),
    ("监测方", "monitor"),
    ("第三方监测量", "monitor_impressions"),
    ("结算量", "settled"),
    ("次数", "opportunities"),
    ("金额（元）", "amount"),
    ("赠款支付（元）", "paid_by_grants"),
    ("大写", "capitals"),
];

/// A row beyond its head: what it holds by the English name of its column; the rest is empty.
type Row = Vec<(&'static str, String)>;

pub(super) fn render(statement: &Statement, language: Language) -> Result<Vec<u8>, ::csv::Error> {
    let draft = statement.draft();
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(chinese, english)| language.pick(chinese, english)))?;
    let state = match draft.status {
        Status::Closed { .. } => language.pick("已关账", "closed"),
        Status::Provisional { .. } => language.pick("暂计", "provisional"),
    };
    let head = [harmless(&draft.number), draft.account.clone(), draft.month.to_string(), state.to_owned()];
    for row in rows(statement, language) {
        let mut row: std::collections::BTreeMap<_, _> = row.into_iter().collect();
        let rest = COLUMNS.iter().skip(head.len()).map(|(_, name)| row.remove(name).unwrap_or_default());
        writer.write_record(head.iter().cloned().chain(rest))?;
    }
    let written = writer.into_inner().map_err(|why| why.into_error())?;
    Ok([BYTE_ORDER_MARK.as_bytes(), &written].concat())
}

fn rows(statement: &Statement, language: Language) -> Vec<Row> {
    let draft = statement.draft();
    let pick = |chinese: &'static str, english: &'static str| language.pick(chinese, english).to_owned();
    let named = |section: &str, name: &str| vec![("section", section.to_owned()), ("description", harmless(name))];
    let particular = pick("抬头", "particulars");
    let mut rows: Vec<Row> = Vec::new();
    let particulars = [
        (pick("合同编号", "contract"), draft.contract.clone()),
        (pick("发票抬头", "invoice_title"), draft.invoice_title.clone()),
        (pick("甲方", "issuer"), draft.exchange.clone()),
        (pick("买方", "buyer"), draft.buyer.clone()),
        (pick("推广期间首日", "publishing_period_first_day"), draft.first_day.to_string()),
        (pick("推广期间末日", "publishing_period_last_day"), draft.last_day.to_string()),
    ];
    let joint = draft.joint_parties.iter().map(|name| (pick("连带责任方", "joint_party"), name.clone()));
    for (label, value) in particulars.into_iter().chain(joint) {
        rows.push([named(&particular, &value), vec![("reference", label)]].concat());
    }
    rows.extend(deals(statement, language));
    rows.extend(beside_deals(statement, language));
    let taxed = statement.taxed();
    let totals = [
        (pick("价税合计", "total_with_tax"), taxed.total),
        (pick("不含税金额", "amount_without_tax"), taxed.net),
        (pick("增值税额", "vat"), taxed.vat),
    ];
    for (section, amount) in totals {
        let capitals = vec![("amount", plain_yuan(amount)), ("capitals", in_capitals(amount))];
        rows.push([vec![("section", section)], capitals].concat());
    }
    rows
}

fn deals(statement: &Statement, language: Language) -> Vec<Row> {
    let (draft, printed) = (statement.draft(), statement.printed());
    let pick = |chinese: &'static str, english: &'static str| language.pick(chinese, english).to_owned();
    let mut rows = Vec::new();
    let amounts = printed.deals.iter().zip(&printed.grants);
    for (line, (amount, granted)) in draft.deals.iter().zip(amounts) {
        let guaranteed = |count: u64| if line.method.is_guaranteed() { count.to_string() } else { String::new() };
        let monitor = line.monitor.as_ref();
        rows.push(vec![
            ("section", pick("交易", "deal")),
            ("in_total", pick("是", "yes")),
            ("reference", line.order.as_deref().map(harmless).unwrap_or_default()),
            ("deal", harmless(&line.deal)),
            ("description", harmless(&line.project)),
            ("method", line.method.name().to_owned()),
            ("first_day", line.first_day.to_string()),
            ("last_day", line.last_day.to_string()),
            ("unit_price_cpm", price_yuan(line.price)),
            ("ordered", line.ordered.map(|count| count.to_string()).unwrap_or_default()),
            ("delivered", line.delivered.to_string()),
            ("undelivered_by_buyer", guaranteed(line.undelivered_by_buyer)),
            ("undelivered_by_exchange", guaranteed(line.undelivered_by_exchange)),
            ("made_good", guaranteed(line.made_good)),
            ("monitor", monitor.map(|it| harmless(&it.name)).unwrap_or_default()),
            ("monitor_impressions", monitor.map(|it| it.impressions.to_string()).unwrap_or_default()),
            ("settled", line.settled.to_string()),
            ("amount", plain_yuan(*amount)),
            ("paid_by_grants", plain_yuan(*granted)),
        ]);
        for (cause, count) in &line.causes {
            rows.push(vec![
                ("section", pick("未达成机会", "cause")),
                ("deal", harmless(&line.deal)),
                ("description", language.cause(*cause).to_owned()),
                ("reference", language.party(cause.party()).to_owned()),
                ("opportunities", count.to_string()),
            ]);
        }
    }
    rows
}

fn beside_deals(statement: &Statement, language: Language) -> Vec<Row> {
    let (draft, printed) = (statement.draft(), statement.printed());
    let pick = |chinese: &'static str, english: &'static str| language.pick(chinese, english).to_owned();
    let (yes, no) = (pick("是", "yes"), pick("否", "no"));
    let amount = |section: String, in_total: &str, amount: Fen| -> Row {
        vec![("section", section), ("in_total", in_total.to_owned()), ("amount", plain_yuan(amount))]
    };
    let mut rows = Vec::new();
    if let Some(minimum) = draft.minimum {
        rows.push(amount(pick("最低消费", "minimum"), &no, minimum.to_fen()));
        let consumed = pick("计入最低消费的消费额", "consumption_counted");
        rows.push(amount(consumed, &no, printed.consumption));
        if draft.month_is_over() {
            rows.push(amount(pick("最低消费差额", "shortfall"), &yes, printed.shortfall));
        } else {
            rows.push(amount(pick("尚需消费", "still_to_consume"), &no, printed.still_to_consume));
        }
    }
    if let Some(forecast) = printed.forecast {
        rows.push(amount(pick("全月预测消费", "forecast"), &no, forecast));
    }
    for (line, printed) in draft.adjustments.iter().zip(&printed.adjustments) {
        let words =
            vec![("reference", harmless(&line.reference)), ("description", format!("{}: {}", line.month, line.reason))];
        rows.push([amount(pick("以前月份调整", "adjustment"), &yes, *printed), words].concat());
    }
    if printed.granted != Fen(0) {
        rows.push(amount(pick("赠款消费合计", "paid_by_grants"), &no, printed.granted));
    }
    for (line, printed) in draft.deductions.iter().zip(&printed.deductions) {
        let words = vec![
            ("reference", harmless(&line.reference)),
            ("description", format!("{}: {}", language.source(line.source), line.reason)),
            ("first_day", line.day.to_string()),
        ];
        rows.push([amount(pick("违约扣款", "deduction"), &no, *printed), words].concat());
    }
    rows
}

/// A name that no spreadsheet takes for a formula: one that begins as formulas do, also in full width or after spaces, has an
/// apostrophe before it.
fn harmless(text: &str) -> String {
    let begins = text.trim_start().chars().next();
    let formula = begins.is_some_and(|it| matches!(it, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '−'));
    if formula { format!("'{text}") } else { text.to_owned() }
}
