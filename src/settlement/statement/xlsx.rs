//! The statement as a workbook (Office Open XML): figures are numbers, names are texts and never formulas, and every sheet prints on A4.
//!
//! Numbers of a workbook are binary fractions by its format; each is written from whole fen or thousandths, as the shortest decimal that
//! reads back to it, so what is shown and summed to the fen is what the other formats say. Its date is the statement's own: the same
//! statement makes the same bytes.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::paper::{Cell, Paper, Table, width};
use crate::clock::ShanghaiDay;
use crate::money::{CpmMicroYuan, Fen};

const A4: u8 = 9;
const MONEY: &str = "#,##0.00;[Red]-#,##0.00";
const COUNT: &str = "#,##0";
const PRICE: &str = "#,##0.00#";

/// A workbook of one sheet for the statement and one for each table; `day` is the date that it bears.
pub(super) fn render(paper: &Paper, day: ShanghaiDay) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let [year, month, day] = [day.compact() / 10_000, day.compact() / 100 % 100, day.compact() % 100];
    let small = |number| u8::try_from(number).unwrap_or(1);
    let date = ExcelDateTime::from_ymd(u16::try_from(year).unwrap_or(1970), small(month), small(day))?;
    let title = format!("{} {}", paper.title, paper.month);
    let properties = DocProperties::new().set_title(title).set_author(&paper.issuer).set_creation_datetime(&date);
    book.set_properties(&properties);
    front(book.add_worksheet(), paper)?;
    for table in &paper.tables {
        lines(book.add_worksheet(), paper, table)?;
    }
    book.save_to_buffer()
}

fn front(sheet: &mut Worksheet, paper: &Paper) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    page(sheet, paper.sheet)?;
    sheet.set_column_width(0, 30)?.set_column_width(1, 22)?.set_column_width(2, 64)?;
    sheet.write_string_with_format(0, 0, &paper.issuer, &Format::new())?;
    sheet.write_string_with_format(1, 0, paper.title, &Format::new().set_bold().set_font_size(16))?;
    sheet.write_string_with_format(2, 0, &paper.month, &bold)?;
    if let Some(warning) = paper.warning {
        let red = Format::new().set_bold().set_font_color("AA0000");
        sheet.write_string_with_format(3, 0, warning, &red)?;
    }
    let mut row = 5;
    for (label, value) in &paper.particulars {
        sheet.write_string(row, 0, *label)?.write_string_with_format(row, 1, value, &bold)?;
        row += 1;
    }
    row += 1;
    sheet.write_string_with_format(row, 0, paper.totals_title, &bold)?;
    for total in &paper.totals {
        row += 1;
        let cell = Format::new().set_border(FormatBorder::Thin);
        let cell = if total.capitals.is_some() { cell.set_bold() } else { cell };
        sheet.write_string_with_format(row, 0, &total.label, &cell)?;
        sheet.write_number_with_format(row, 1, yuan(total.amount), &cell.clone().set_num_format(MONEY))?;
        sheet.write_string_with_format(row, 2, total.capitals.as_deref().unwrap_or(""), &cell)?;
    }
    row += 2;
    sheet.write_string_with_format(row, 0, paper.notes_title, &bold)?;
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    for note in &paper.notes {
        row += 1;
        sheet.merge_range(row, 0, row, 2, note, &wrapped)?;
        sheet.set_row_height(row, 32)?;
    }
    for party in &paper.parties {
        row += 2;
        sheet.write_string_with_format(row, 0, party, &bold)?.write_string(row, 2, paper.seal)?;
    }
    Ok(())
}

fn lines(sheet: &mut Worksheet, paper: &Paper, table: &Table) -> Result<(), XlsxError> {
    const HEAD: u32 = 2;
    page(sheet, table.title)?;
    sheet.set_landscape();
    let number = paper.particulars.first().map_or("", |(_, number)| number);
    let title = format!("{}  {number}  {}", table.title, paper.month);
    sheet.write_string_with_format(0, 0, title, &Format::new().set_bold().set_font_size(13))?;
    sheet.write_string(1, 0, table.remark.or(paper.warning).unwrap_or(""))?;
    let cell = Format::new().set_border(FormatBorder::Thin).set_align(FormatAlign::Top);
    let head = cell.clone().set_bold().set_text_wrap().set_background_color("EEEEEE");
    for (index, column) in (0..).zip(&table.columns) {
        let cells = table.rows.iter().filter_map(|row| row.get(usize::from(index)));
        let widest = cells.map(|cell| width(&cell.shown())).max().unwrap_or(0).max(width(column.head).min(14));
        sheet.set_column_width(index, u32::try_from(widest.clamp(8, 44) + 2).unwrap_or(46))?;
        let align = if column.numeric { FormatAlign::Right } else { FormatAlign::Left };
        sheet.write_string_with_format(HEAD, index, column.head, &head.clone().set_align(align))?;
    }
    let mut row = HEAD;
    for cells in &table.rows {
        row += 1;
        for (column, content) in (0..).zip(cells) {
            write(sheet, row, column, content, &cell)?;
        }
    }
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(0);
    sheet.set_freeze_panes(HEAD + 1, 0)?.set_repeat_rows(0, HEAD)?;
    sheet.autofilter(HEAD, 0, row, last)?;
    if let Some((label, amount)) = table.sum {
        let sum = cell.set_bold();
        for column in 0..last {
            sheet.write_blank(row + 1, column, &sum)?;
        }
        sheet.write_string_with_format(row + 1, 0, label, &sum)?;
        write(sheet, row + 1, last, &Cell::Money(amount), &sum)?;
    }
    Ok(())
}

fn write(sheet: &mut Worksheet, row: u32, column: u16, content: &Cell, cell: &Format) -> Result<(), XlsxError> {
    let number = |format: &str| cell.clone().set_num_format(format);
    match content {
        Cell::Text(text) => sheet.write_string_with_format(row, column, text, &cell.clone().set_text_wrap())?,
        Cell::Count(count) => sheet.write_number_with_format(row, column, float(*count), &number(COUNT))?,
        Cell::Money(amount) => sheet.write_number_with_format(row, column, yuan(*amount), &number(MONEY))?,
        Cell::Price(price) => sheet.write_number_with_format(row, column, cpm(*price), &number(PRICE))?,
        Cell::Nothing => sheet.write_blank(row, column, cell)?,
    };
    Ok(())
}

fn page(sheet: &mut Worksheet, name: &str) -> Result<(), XlsxError> {
    sheet.set_name(name)?.set_paper_size(A4).set_print_fit_to_pages(1, 0).set_footer("&C&P / &N");
    Ok(())
}

fn yuan(amount: Fen) -> f64 {
    let magnitude = float(amount.0.unsigned_abs()) / 100.0;
    if amount.0 < 0 { -magnitude } else { magnitude }
}

fn cpm(price: CpmMicroYuan) -> f64 {
    float(price.micro_yuan_per_mille().unsigned_abs() / 1_000) / 1_000.0
}

#[allow(clippy::cast_precision_loss, reason = "exact below 2^53, and workbooks have no other numbers")]
fn float(whole: u64) -> f64 {
    whole as f64
}
