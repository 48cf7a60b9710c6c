//! The statement as one HTML page for print: A4 landscape, no script, nothing loaded from anywhere, heads repeated on each page.

use std::fmt::Write;

use super::paper::{Cell, Column, Paper, Table, money};
use crate::markup::escaped;

const STYLE: &str = include_str!("statement.css");

pub(super) fn render(paper: &Paper) -> String {
    let mut page = String::new();
    let language = paper.language.tag();
    let title = format!("{} {} {}", paper.title, paper.month, number(paper));
    // Even where a name slipped through, nothing could be loaded or run.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    push(&mut page, "<!doctype html>\n");
    push(&mut page, &format!("<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n"));
    push(&mut page, &format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n"));
    push(&mut page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    push(
        &mut page,
        &format!("<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n", escaped(&title)),
    );
    head(&mut page, paper);
    totals(&mut page, paper);
    for (it, number) in paper.tables.iter().zip(1..) {
        table(&mut page, it, number);
    }
    foot(&mut page, paper);
    push(&mut page, "</main>\n</body>\n</html>\n");
    page
}

fn number(paper: &Paper) -> &str {
    paper.particulars.first().map_or("", |(_, number)| number)
}

fn head(page: &mut String, paper: &Paper) {
    push(page, &format!("<header>\n<p class=\"issuer\">{}</p>\n", escaped(&paper.issuer)));
    push(page, &format!("<h1>{}</h1>\n<p class=\"month\">{}</p>\n", escaped(paper.title), escaped(&paper.month)));
    if let Some(warning) = paper.warning {
        push(page, &format!("<p class=\"warning\" role=\"note\">{}</p>\n", escaped(warning)));
    }
    push(page, "</header>\n<dl class=\"particulars\">\n");
    for (label, value) in &paper.particulars {
        push(page, &format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(label), escaped(value)));
    }
    push(page, "</dl>\n");
}

fn totals(page: &mut String, paper: &Paper) {
    push(
        page,
        &format!("<section aria-labelledby=\"totals\">\n<h2 id=\"totals\">{}</h2>\n", escaped(paper.totals_title)),
    );
    push(page, "<table class=\"totals\">\n<tbody>\n");
    let mut stated = paper.totals.iter().filter(|total| total.capitals.is_some());
    let fixed = stated.next().map(|total| &total.label);
    for total in &paper.totals {
        let class = if Some(&total.label) == fixed { " class=\"fixed\"" } else { "" };
        let capitals = total.capitals.as_deref().unwrap_or("");
        push(page, &format!("<tr{class}><th scope=\"row\">{}</th>", escaped(&total.label)));
        push(page, &format!("<td class=\"number\">{}</td>", money(total.amount)));
        push(page, &format!("<td class=\"capitals\" lang=\"zh-CN\">{}</td></tr>\n", escaped(capitals)));
    }
    push(page, "</tbody>\n</table>\n</section>\n");
}

/// The columns as they stand on paper: each with those that are stacked under it.
fn stacks(table: &Table) -> Vec<Vec<(usize, Column)>> {
    let mut stacks: Vec<Vec<_>> = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        match stacks.last_mut() {
            Some(stack) if column.stacked => stack.push((index, *column)),
            _ => stacks.push(vec![(index, *column)]),
        }
    }
    stacks
}

fn table(page: &mut String, table: &Table, number: usize) {
    let stacks = stacks(table);
    let shape = match stacks.len() {
        ..=2 => " narrow",
        3..=6 => "",
        _ => " wide",
    };
    push(
        page,
        &format!(
            "<section class=\"table\" aria-labelledby=\"t{number}\">\n<h2 id=\"t{number}\">{}",
            escaped(table.title)
        ),
    );
    if let Some(remark) = table.remark {
        push(page, &format!(" <small>{}</small>", escaped(remark)));
    }
    push(page, &format!("</h2>\n<table class=\"lines{shape}\" aria-labelledby=\"t{number}\">\n<thead>\n<tr>"));
    for stack in &stacks {
        let heads: Vec<_> = stack.iter().map(|(_, column)| escaped(column.head)).collect();
        let class = class(stack);
        push(page, &format!("<th scope=\"col\"{class}>{}</th>", heads.join("<br>")));
    }
    push(page, "</tr>\n</thead>\n<tbody>\n");
    for row in &table.rows {
        push(page, "<tr>");
        for stack in &stacks {
            let class = class(stack);
            let cells = stack.iter().filter_map(|(index, _)| row.get(*index)).enumerate();
            let shown = cells.filter(|(place, cell)| *place == 0 || !matches!(cell, Cell::Nothing));
            let shown: Vec<_> = shown.map(|(_, cell)| escaped(&cell.shown())).collect();
            push(page, &format!("<td{class}>{}</td>", shown.join("<br>")));
        }
        push(page, "</tr>\n");
    }
    // The sum is the last row of the body: a foot would be repeated on each page.
    if let Some((label, amount)) = table.sum {
        let across = stacks.len() - 1;
        push(page, &format!("<tr class=\"sum\"><th scope=\"row\" colspan=\"{across}\">{}</th>", escaped(label)));
        push(page, &format!("<td class=\"number\">{}</td></tr>\n", money(amount)));
    }
    push(page, "</tbody>\n</table>\n</section>\n");
}

fn class(stack: &[(usize, Column)]) -> &'static str {
    if stack.first().is_some_and(|(_, column)| column.numeric) { " class=\"number\"" } else { "" }
}

fn foot(page: &mut String, paper: &Paper) {
    push(
        page,
        &format!(
            "<section class=\"notes\" aria-labelledby=\"notes\">\n<h2 id=\"notes\">{}</h2>\n<ol>\n",
            escaped(paper.notes_title)
        ),
    );
    for note in &paper.notes {
        push(page, &format!("<li>{}</li>\n", escaped(note)));
    }
    push(page, "</ol>\n</section>\n<footer class=\"seals\">\n");
    for party in &paper.parties {
        push(page, &format!("<div><p>{}</p><p>{}</p></div>\n", escaped(party), escaped(paper.seal)));
    }
    push(page, "</footer>\n");
}

fn push(page: &mut String, html: &str) {
    // Writing to a string cannot fail.
    let _ = page.write_str(html);
}
