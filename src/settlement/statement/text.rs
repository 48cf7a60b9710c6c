//! The statement as plain text, for terminals and mail: at most 100 columns where names allow it.

use std::fmt::Write;

use super::paper::{Cell, Paper, Table, money, width};

const WIDTH: usize = 100;
const INDENT: &str = "    ";

pub(super) fn render(paper: &Paper) -> String {
    let mut text = String::new();
    line(&mut text, &paper.issuer);
    line(&mut text, &format!("{}  {}", paper.title, paper.month));
    line(&mut text, &"=".repeat(WIDTH));
    if let Some(warning) = paper.warning {
        line(&mut text, &format!("*** {warning} ***"));
    }
    let widest = paper.particulars.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
    for (label, value) in &paper.particulars {
        line(&mut text, &format!("{label}{}  {value}", spaces(widest - width(label))));
    }
    heading(&mut text, paper.totals_title, None);
    let widest = paper.totals.iter().map(|total| width(&total.label)).max().unwrap_or(0);
    for total in &paper.totals {
        let figure = money(total.amount);
        let gap = spaces(20_usize.saturating_sub(figure.len()));
        let capitals = total.capitals.as_deref().map_or_else(String::new, |capitals| format!("  {capitals}"));
        line(&mut text, &format!("{}{}{gap}{figure}{capitals}", total.label, spaces(widest - width(&total.label))));
    }
    for it in &paper.tables {
        table(&mut text, it);
    }
    heading(&mut text, paper.notes_title, None);
    for (note, number) in paper.notes.iter().zip(1..) {
        note_lines(&mut text, &format!("{number}. {note}"));
    }
    text
}

fn heading(text: &mut String, title: &str, remark: Option<&str>) {
    let remark = remark.map_or_else(String::new, |remark| format!("  ({remark})"));
    line(text, "");
    line(text, &format!("{title}{remark}"));
    line(text, &"-".repeat(WIDTH));
}

/// Each row: its texts with the last number at the right margin, then the other numbers with their names.
fn table(text: &mut String, table: &Table) {
    heading(text, table.title, table.remark);
    for row in &table.rows {
        let Some((last, rest)) = row.split_last() else { continue };
        let mut words = Vec::new();
        let mut figures = Vec::new();
        for (cell, column) in rest.iter().zip(&table.columns) {
            match cell {
                Cell::Nothing => {}
                Cell::Text(words_of) if !column.numeric => words.push(words_of.clone()),
                cell => figures.push(format!("{} {}", column.head, cell.shown())),
            }
        }
        right(text, &words.join("  "), &last.shown());
        wrapped(text, &figures);
    }
    if let Some((label, amount)) = table.sum {
        line(text, &"-".repeat(WIDTH));
        right(text, label, &money(amount));
    }
}

fn right(text: &mut String, words: &str, figure: &str) {
    let used = width(words) + width(figure);
    let gap = if used + 2 <= WIDTH { spaces(WIDTH - used) } else { "  ".to_owned() };
    line(text, &format!("{words}{gap}{figure}"));
}

fn wrapped(text: &mut String, figures: &[String]) {
    let mut current = String::new();
    for figure in figures {
        if !current.is_empty() && width(&current) + 3 + width(figure) > WIDTH - INDENT.len() {
            line(text, &format!("{INDENT}{current}"));
            current.clear();
        }
        if !current.is_empty() {
            current.push_str(" | ");
        }
        current.push_str(figure);
    }
    if !current.is_empty() {
        line(text, &format!("{INDENT}{current}"));
    }
}

/// Broken where words end; Chinese, which has no spaces, between any two characters.
fn note_lines(text: &mut String, note: &str) {
    let mut current = String::new();
    let wide = |it: &str| width(it) > it.chars().count();
    for word in note.split_inclusive(|it: char| it == ' ' || wide(it.encode_utf8(&mut [0; 4]))) {
        if width(&current) + width(word.trim_end()) > WIDTH {
            line(text, current.trim_end());
            current = "   ".to_owned();
        }
        current.push_str(word);
    }
    line(text, &current);
}

fn line(text: &mut String, content: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}

fn spaces(count: usize) -> String {
    " ".repeat(count)
}
