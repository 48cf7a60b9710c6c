//! A statement laid out once, in one language: what text, HTML and XLSX all show, each in its own manner.

use super::amounts::VatRate;
use super::numerals::in_capitals;
use super::words::Language;
use super::{Draft, Statement, Status};
use crate::money::{CpmMicroYuan, Fen};

/// A statement in words.
pub(super) struct Paper {
    pub(super) language: Language,
    pub(super) issuer: String,
    pub(super) title: &'static str,
    /// What the workbook's first sheet is called.
    pub(super) sheet: &'static str,
    pub(super) month: String,
    /// What a document that is not final says so that nobody takes it for one.
    pub(super) warning: Option<&'static str>,
    pub(super) particulars: Vec<(&'static str, String)>,
    pub(super) totals_title: &'static str,
    pub(super) totals: Vec<Total>,
    pub(super) tables: Vec<Table>,
    pub(super) notes_title: &'static str,
    pub(super) notes: Vec<String>,
    /// Who signs.
    pub(super) parties: [String; 2],
    pub(super) seal: &'static str,
}

/// One line of the summary.
pub(super) struct Total {
    pub(super) label: String,
    pub(super) amount: Fen,
    /// In capital numerals, where the rule wants them.
    pub(super) capitals: Option<String>,
}

/// A table with a name.
pub(super) struct Table {
    pub(super) title: &'static str,
    /// Whether its amounts are outside of the total, and why.
    pub(super) remark: Option<&'static str>,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// The sum of its last column.
    pub(super) sum: Option<(&'static str, Fen)>,
}

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Whether it holds numbers, which stand to the right.
    pub(super) numeric: bool,
    /// On paper it stands under the column before it, which saves width.
    pub(super) stacked: bool,
}

/// What stands in a table's cell.
pub(super) enum Cell {
    Text(String),
    Count(u64),
    Money(Fen),
    Price(CpmMicroYuan),
    /// Does not apply.
    Nothing,
}

impl Cell {
    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn optional_text(text: Option<&String>) -> Self {
        text.map_or(Self::Nothing, |text| Self::text(text))
    }

    fn optional_count(count: Option<u64>) -> Self {
        count.map_or(Self::Nothing, Self::Count)
    }

    /// As people read it: counts and amounts with commas at the thousands.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => grouped(&count.to_string()),
            Self::Money(amount) => money(*amount),
            Self::Price(price) => grouped(&price_yuan(*price)),
            Self::Nothing => "–".to_owned(),
        }
    }
}

/// An amount in yuan with two decimals and no sign of currency: `-1409.50`.
pub(super) fn plain_yuan(amount: Fen) -> String {
    let magnitude = amount.0.unsigned_abs();
    format!("{}{}.{:02}", if amount.0 < 0 { "-" } else { "" }, magnitude / 100, magnitude % 100)
}

/// A price in yuan CPM with two decimals, or three where it has them: `68.005`.
pub(super) fn price_yuan(price: CpmMicroYuan) -> String {
    let micro = price.micro_yuan_per_mille();
    let (whole, thousandths) = (micro / 1_000_000, micro / 1_000 % 1_000);
    if thousandths % 10 == 0 { format!("{whole}.{:02}", thousandths / 10) } else { format!("{whole}.{thousandths:03}") }
}

/// An amount as people read it: `-1,409.50`.
pub(super) fn money(amount: Fen) -> String {
    grouped(&plain_yuan(amount))
}

fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let whole = digits.split('.').next().unwrap_or(digits);
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index < whole.len() && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Columns on a terminal or in a sheet: characters of East Asian scripts and full-width forms take two. Only the alignment depends on it.
pub(super) fn width(text: &str) -> usize {
    let wide = |it: char| {
        matches!(it, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|it| if wide(it) { 2 } else { 1 }).sum()
}

impl Paper {
    pub(super) fn of(statement: &Statement, language: Language) -> Self {
        let draft = statement.draft();
        let pick = |chinese, english| language.pick(chinese, english);
        let warning = pick(
            "暂计数据，可能变动，不作为开票依据",
            "Provisional figures: they may change, and nothing is invoiced on them",
        );
        Self {
            language,
            issuer: draft.exchange.clone(),
            title: language.title(),
            sheet: pick("结算单", "Statement"),
            month: language.month(draft.month),
            warning: (!statement.is_closed()).then_some(warning),
            particulars: particulars(draft, language),
            totals_title: pick("结算金额（人民币元）", "Amount settled (RMB)"),
            totals: totals(statement, language),
            tables: tables(statement, language),
            notes_title: pick("说明", "Notes"),
            notes: notes(draft.vat, language),
            parties: [
                format!("{}{}", pick("甲方：", "Party A: "), draft.exchange),
                format!("{}{}", pick("乙方：", "Party B: "), draft.buyer),
            ],
            seal: pick("（盖章）　日期：", "Seal and date:"),
        }
    }
}

fn particulars(draft: &Draft, language: Language) -> Vec<(&'static str, String)> {
    let pick = |chinese, english| language.pick(chinese, english);
    let mut lines = vec![
        (pick("结算单编号", "Statement number"), draft.number.clone()),
        (pick("状态", "Status"), language.status(draft.status)),
        (pick("合同编号", "Contract number"), draft.contract.clone()),
        (pick("结算月份", "Month"), language.month(draft.month)),
        (pick("买方", "Buyer"), draft.buyer.clone()),
        (pick("推广期间", "Publishing period"), format!("{} – {}", draft.first_day, draft.last_day)),
        (pick("账户 ID", "ACCOUNT ID"), draft.account.clone()),
        (pick("发票抬头", "Invoice title"), draft.invoice_title.clone()),
    ];
    if !draft.joint_parties.is_empty() {
        let joint = draft.joint_parties.join(pick("；", "; "));
        lines.push((pick("连带责任方", "Jointly liable"), joint));
    }
    lines
}

fn totals(statement: &Statement, language: Language) -> Vec<Total> {
    let (printed, taxed, vat) = (statement.printed(), statement.taxed(), statement.draft().vat);
    let add = |amounts: &[Fen]| Fen(amounts.iter().map(|amount| amount.0).sum());
    let part = |label: &str, amount| Total { label: label.to_owned(), amount, capitals: None };
    let whole = |label: String, amount| Total { label, amount, capitals: Some(in_capitals(amount)) };
    let pick = |chinese, english| language.pick(chinese, english);
    let mut lines = vec![part(pick("项目消费", "Consumption by deal"), add(&printed.deals))];
    if printed.shortfall != Fen(0) {
        lines.push(part(pick("最低消费差额", "Shortfall to the minimum"), printed.shortfall));
    }
    if !printed.adjustments.is_empty() {
        lines.push(part(pick("以前月份调整", "Adjustments of earlier months"), add(&printed.adjustments)));
    }
    lines.push(whole(pick("价税合计", "Total with tax").to_owned(), taxed.total));
    lines.push(whole(pick("不含税金额", "Amount without tax").to_owned(), taxed.net));
    let label = match language {
        Language::Chinese => format!("增值税额（{vat}）"),
        Language::English => format!("VAT ({vat})"),
    };
    lines.push(whole(label, taxed.vat));
    lines
}

fn column(head: &'static str) -> Column {
    Column { head, numeric: false, stacked: false }
}

fn under(head: &'static str) -> Column {
    Column { stacked: true, ..column(head) }
}

fn number(head: &'static str) -> Column {
    Column { numeric: true, ..column(head) }
}

fn tables(statement: &Statement, language: Language) -> Vec<Table> {
    let mut tables = vec![deals(statement, language)];
    tables.extend(minimum(statement, language));
    tables.extend(adjustments(statement, language));
    tables.extend(grants(statement, language));
    tables.extend(deductions(statement, language));
    tables.extend(causes(statement, language));
    tables
}

fn deals(statement: &Statement, language: Language) -> Table {
    let pick = |chinese, english| language.pick(chinese, english);
    let (draft, printed) = (statement.draft(), statement.printed());
    let columns = vec![
        column(pick("订单号", "Order")),
        under(pick("交易 ID", "Deal ID")),
        column(pick("项目／广告主", "Project or advertiser")),
        column(pick("方式", "Method")),
        under(pick("期间", "Days")),
        number(pick("单价（元／CPM）", "Unit price (RMB CPM)")),
        number(pick("订购量", "Ordered")),
        number(pick("交付量", "Delivered")),
        number(pick("未交付：买方原因", "Undelivered: buyer")),
        number(pick("未交付：平台原因", "Undelivered: exchange")),
        number(pick("补量", "Made good")),
        number(pick("第三方监测量", "Third party's figure")),
        Column { numeric: true, ..under(pick("监测方", "Monitor")) },
        number(pick("结算量", "Settled")),
        number(pick("金额（元）", "Amount (RMB)")),
    ];
    let rows = draft.deals.iter().zip(&printed.deals).map(|(line, amount)| {
        let guaranteed = |count| if line.method.is_guaranteed() { Cell::Count(count) } else { Cell::Nothing };
        let (first, last) = (line.first_day.to_string(), line.last_day.to_string());
        let short = |day: &str| day.get(5..).unwrap_or(day).to_owned();
        vec![
            Cell::optional_text(line.order.as_ref()),
            Cell::text(&line.deal),
            Cell::text(&line.project),
            Cell::text(line.method.name()),
            Cell::Text(format!("{} – {}", short(&first), short(&last))),
            Cell::Price(line.price),
            Cell::optional_count(line.ordered),
            Cell::Count(line.delivered),
            guaranteed(line.undelivered_by_buyer),
            guaranteed(line.undelivered_by_exchange),
            guaranteed(line.made_good),
            Cell::optional_count(line.monitor.as_ref().map(|it| it.impressions)),
            Cell::optional_text(line.monitor.as_ref().map(|it| &it.name)),
            Cell::Count(line.settled),
            Cell::Money(*amount),
        ]
    });
    Table {
        title: pick("项目明细", "Projects by deal"),
        remark: None,
        columns,
        rows: rows.collect(),
        sum: Some((pick("小计", "Subtotal"), Fen(printed.deals.iter().map(|amount| amount.0).sum()))),
    }
}

/// The minimum that applies: its shortfall when the month is over, and while it runs what is still to be consumed.
fn minimum(statement: &Statement, language: Language) -> Option<Table> {
    let pick = |chinese, english| language.pick(chinese, english);
    let (draft, printed) = (statement.draft(), statement.printed());
    let row = |label: &str, amount: Fen| vec![Cell::text(label), Cell::Money(amount)];
    let mut rows = Vec::new();
    if let Some(minimum) = draft.minimum {
        rows.push(row(pick("适用的最低消费", "Minimum that applies"), minimum.to_fen()));
    }
    let so_far = pick("本月消费（含赠款）", "Consumption of the month, grants included");
    rows.push(row(so_far, printed.consumption));
    let mut title = pick("最低消费", "Monthly minimum");
    match draft.status {
        _ if draft.month_is_over() => {
            draft.minimum?;
            let label = pick("差额（计入价税合计）", "Shortfall, in the total with tax");
            rows.push(row(label, printed.shortfall));
        }
        Status::Provisional { .. } => {
            title = pick("本月进度与预测", "Month to date and forecast");
            if draft.minimum.is_some() {
                rows.push(row(pick("尚需消费", "Still to consume"), printed.still_to_consume));
            }
            if let Some(forecast) = printed.forecast {
                rows.push(row(pick("全月预测消费", "Forecast of the whole month"), forecast));
                if draft.minimum.is_some() {
                    rows.push(row(pick("预测差额", "Forecast shortfall"), printed.forecast_shortfall));
                }
            }
        }
        Status::Closed { .. } => return None,
    }
    let columns = vec![column(pick("项目", "What")), number(pick("金额（元）", "Amount (RMB)"))];
    Some(Table { title, remark: None, columns, rows, sum: None })
}

fn adjustments(statement: &Statement, language: Language) -> Option<Table> {
    let pick = |chinese, english| language.pick(chinese, english);
    let (draft, printed) = (statement.draft(), statement.printed());
    let lines = draft.adjustments.iter().zip(&printed.adjustments);
    let row = |reference: &str, month: String, reason: &str, amount| {
        vec![Cell::text(reference), Cell::Text(month), Cell::text(reason), Cell::Money(amount)]
    };
    let rows: Vec<_> =
        lines.map(|(line, amount)| row(&line.reference, language.month(line.month), &line.reason, *amount)).collect();
    let columns = vec![
        column(pick("编号", "Reference")),
        column(pick("所调整月份", "Month corrected")),
        column(pick("原因", "Reason")),
        number(pick("金额（元）", "Amount (RMB)")),
    ];
    let sum = Fen(printed.adjustments.iter().map(|amount| amount.0).sum());
    (!rows.is_empty()).then(|| Table {
        title: pick("以前月份调整", "Adjustments of earlier months"),
        remark: Some(pick("计入价税合计", "In the total with tax")),
        columns,
        rows,
        sum: Some((pick("小计", "Subtotal"), sum)),
    })
}

fn grants(statement: &Statement, language: Language) -> Option<Table> {
    let pick = |chinese, english| language.pick(chinese, english);
    let (draft, printed) = (statement.draft(), statement.printed());
    let lines = draft.deals.iter().zip(&printed.grants).filter(|(line, _)| line.from_grants.is_positive());
    let rows: Vec<_> = lines
        .map(|(line, amount)| vec![Cell::text(&line.deal), Cell::text(&line.project), Cell::Money(*amount)])
        .collect();
    let columns = vec![
        column(pick("交易 ID", "Deal ID")),
        column(pick("项目／广告主", "Project or advertiser")),
        number(pick("赠款支付（元）", "Paid by grants (RMB)")),
    ];
    (!rows.is_empty()).then(|| Table {
        title: pick("赠款消费", "Consumption paid by grants"),
        remark: Some(pick(
            "不计入价税合计、增值税与发票；计入最低消费",
            "Outside of total, VAT and invoice; counts toward the minimum",
        )),
        columns,
        rows,
        sum: Some((pick("合计", "Sum"), printed.granted)),
    })
}

fn deductions(statement: &Statement, language: Language) -> Option<Table> {
    let pick = |chinese, english| language.pick(chinese, english);
    let (draft, printed) = (statement.draft(), statement.printed());
    let lines = draft.deductions.iter().zip(&printed.deductions);
    let rows: Vec<_> = lines
        .map(|(line, amount)| {
            let (day, source) = (line.day.to_string(), language.source(line.source));
            vec![
                Cell::text(&line.reference),
                Cell::Text(day),
                Cell::text(&line.reason),
                Cell::text(source),
                Cell::Money(*amount),
            ]
        })
        .collect();
    let columns = vec![
        column(pick("编号", "Reference")),
        column(pick("日期", "Day")),
        column(pick("事由", "Breach")),
        column(pick("扣自", "Taken from")),
        number(pick("金额（元）", "Amount (RMB)")),
    ];
    (!rows.is_empty()).then(|| Table {
        title: pick("违约扣款", "Deducted for breaches"),
        remark: Some(pick("不计入价税合计与最低消费", "Outside of the total; never counts toward the minimum")),
        columns,
        rows,
        sum: Some((pick("合计", "Sum"), printed.deducted)),
    })
}

fn causes(statement: &Statement, language: Language) -> Option<Table> {
    let pick = |chinese, english| language.pick(chinese, english);
    let lines = statement.draft().deals.iter().flat_map(|line| line.causes.iter().map(move |cause| (line, cause)));
    let rows: Vec<_> = lines
        .map(|(line, (cause, count))| {
            let words = [line.deal.as_str(), language.cause(*cause), language.party(cause.party())].map(Cell::text);
            words.into_iter().chain([Cell::Count(*count)]).collect()
        })
        .collect();
    let columns = vec![
        column(pick("交易 ID", "Deal ID")),
        column(pick("原因", "Cause")),
        column(pick("责任方", "Answerable")),
        number(pick("次数", "Opportunities")),
    ];
    (!rows.is_empty()).then(|| Table {
        title: pick("未达成机会（按原因）", "Missed opportunities by cause"),
        remark: None,
        columns,
        rows,
        sum: None,
    })
}

fn notes(vat: VatRate, language: Language) -> Vec<String> {
    match language {
        Language::Chinese => vec![
            format!("价税合计按各行精确金额之和四舍五入一次至分；各行金额按最大余数法取整，加总与合计相等。增值税（{vat}）含于合计之内。"),
            "平台统计数据为结算依据；经认可的第三方监测差异在约定范围内的，以第三方数据结算，并列于表中。".to_owned(),
            "未交付：买方原因的照常计费；平台原因的在订单期内补量，未补足的不计费。".to_owned(),
        ],
        Language::English => vec![
            format!("The total with tax is the exact sum of the lines, rounded once, half up, to fen; the printed lines are apportioned by largest remainder so that they add up to it. VAT ({vat}) is inside the total."),
            "The exchange's own counts settle; where the figure of a recognised third party settles instead, it stands in the table.".to_owned(),
            "Volume undelivered for the buyer's reasons is payable; for the exchange's reasons it is made good within the order, and what is not is not charged.".to_owned(),
        ],
    }
}
