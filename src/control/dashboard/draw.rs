//! The page as HTML: drawn once for whoever opens it, and part by part for the stream that keeps it up to date.
//!
//! Every text goes through [`text`]: names come from config files that people write, reasons from operators.

use std::fmt::Write;

use super::figures::{Figures, ReloadReport, Thrown};
use crate::control::view::{Counted, DealLine, DspLine, Progress, segment};
use crate::markup::escaped as text;

const PAGE: &str = include_str!("page.html");
/// Points of a full curve; its length and height are those of the picture in `page.html`.
const POINTS: usize = 120;

/// The page with these figures.
pub(in crate::control) fn page(it: &Figures) -> String {
    let parts = parts(it);
    let value = |name: &str| parts.iter().find(|(part, _)| *part == name).map_or("", |(_, html)| html.as_str());
    fill(PAGE, value)
}

/// What the page holds, by the ids of its elements.
pub(in crate::control) fn parts(it: &Figures) -> Vec<(&'static str, String)> {
    let peak = it.series.requests.iter().chain(&it.series.bids).copied().max().unwrap_or(0).max(1);
    let or = |rows: String, columns, message| if rows.is_empty() { empty(columns, message) } else { rows };
    let (deals, dsps) = (it.deals.iter().map(deal).collect(), it.dsps.iter().map(dsp).collect());
    let suspensions = it.suspensions.iter().map(suspension).collect();
    vec![
        ("facts", facts(it)),
        ("banner", banner(it)),
        ("tiles", tiles(it)),
        ("peak", grouped(peak)),
        ("spark", curves(it, peak)),
        ("suspensions-shown", shown(it.suspensions.len(), it.suspensions_total)),
        ("suspensions", or(suspensions, 5, "Nothing is suspended.")),
        ("deals-shown", shown(it.deals.len(), it.deals_total)),
        ("deals", or(deals, 10, "No deals in the market. Add one in deals.toml.")),
        ("dsps-shown", shown(it.dsps.len(), it.dsps_total)),
        ("dsps", or(dsps, 9, "No DSPs in the market. Add one in dsps.toml.")),
        ("report", it.reload.as_ref().map(report).unwrap_or_default()),
    ]
}

fn facts(it: &Figures) -> String {
    let mut html = format!("<span>Generation <b>{}</b></span>", it.generation);
    if it.pinned {
        html.push_str("<span class=\"pill\">pinned</span>");
    }
    let (loaded, ready) = (text(&it.loaded_at), it.readiness);
    let _ = write!(html, "<span>loaded <time>{loaded}</time></span>");
    let _ = write!(html, "<span class=\"pill\" data-state=\"{ready}\">{ready}</span>");
    if it.warnings > 0 {
        let _ = write!(html, "<span><a href=\"/api/v1/market\">Config warnings: <b>{}</b></a></span>", it.warnings);
    }
    html
}

/// What an operator must not overlook.
fn banner(it: &Figures) -> String {
    let mut html = String::new();
    if it.refused {
        let _ = write!(
            html,
            "<p class=\"alarm\"><b>The config folder is refused.</b> Generation {}, the last good one, keeps serving. \
             The errors are under Config below.</p>",
            it.generation
        );
    }
    if it.pinned {
        let content = it.restores.map_or_else(String::new, |older| format!(" with the content of generation {older}"));
        let _ = write!(
            html,
            "<p class=\"alarm\"><b>Generation {}{content} is pinned.</b> Changes of config files are ignored until a \
             reload is asked for.</p>",
            it.generation
        );
    }
    html
}

fn curves(it: &Figures, peak: u64) -> String {
    let line = |class, values| format!("<polyline class=\"{class}\" points=\"{}\"/>", points(values, peak));
    let floor = "<line class=\"floor\" x1=\"0\" y1=\"88\" x2=\"600\" y2=\"88\"/>";
    format!("{floor}{}{}", line("requests", &it.series.requests), line("bids", &it.series.bids))
}

fn suspension(it: &Thrown) -> String {
    let mut html = String::new();
    let _ = write!(html, "<tr><th scope=\"row\">{}<small>{}</small></th>", text(&it.name), text(&it.kind));
    let _ = write!(html, "<td>{}</td><td>{}</td>", text(&it.line.since), text(&it.line.by));
    let _ = write!(html, "<td>{}</td><td>{}</td></tr>", text(&it.line.reason), button("Resume", &it.resume));
    html
}

/// A button that asks for a reason and then for a change.
fn button(name: &str, path: &str) -> String {
    format!("<button type=\"button\" class=\"small\" data-change=\"{}\">{name}</button>", text(path))
}

fn switch(collection: &str, id: &str, thrown: bool) -> String {
    let verb = if thrown { "resume" } else { "suspend" };
    let name = if thrown { "Resume" } else { "Suspend" };
    button(name, &format!("/api/v1/{collection}/{}/{verb}", segment(id)))
}

/// A template with each `{{name}}` replaced, in one pass: what a value holds is never a place itself.
fn fill<'v>(template: &str, value: impl Fn(&str) -> &'v str) -> String {
    let mut parts = template.split("{{");
    let mut page = String::with_capacity(16_384);
    page.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        page.push_str(value(name));
        page.push_str(rest);
    }
    page
}

fn words(label: &str) -> String {
    text(&label.replace('_', " "))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn duration(us: Option<u64>) -> String {
    match us {
        None | Some(0) => "–".to_owned(),
        Some(us) if us < 1_000 => format!("≤ {us} µs"),
        Some(us) if us < 1_000_000 => format!("≤ {} ms", us as f64 / 1e3),
        Some(us) => format!("≤ {} s", us as f64 / 1e6),
    }
}

fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}") } else { grouped(per_second.round() as u64) }
}

/// A decimal amount to the fen, cut: the exact one is on the API.
fn yuan(amount: &str) -> String {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "00"));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    format!("¥{whole}.{}", fraction.get(..2).unwrap_or(fraction))
}

fn tiles(it: &Figures) -> String {
    let mut html = String::new();
    let mut tile = |name: &str, value: String, note: String| {
        let note = if note.is_empty() { note } else { format!("<dd class=\"note\">{note}</dd>") };
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd>{note}</div>");
    };
    tile("Requests a second", rate(it.requests_per_second), String::new());
    tile("Bids a second", rate(it.bids_per_second), String::new());
    for (name, [p50, p99]) in [("Request p99", it.request_us), ("Overhead p99", it.overhead_us)] {
        tile(name, duration(p99), format!("p50 {}", duration(p50)));
    }
    tile("Journal commit p99", duration(it.commit_p99_us), String::new());
    tile("Billed since start", yuan(&it.billed.amount), String::new());
    tile("Shed", grouped(it.shed_recently), format!("{} since start", grouped(it.shed)));
    let reasons: Vec<_> = it.no_bids.iter().map(|no| format!("{} {}", words(no.name), grouped(no.count))).collect();
    let reasons = if reasons.is_empty() { "nothing in the last 10 s".to_owned() } else { reasons.join(" · ") };
    let _ = write!(html, "<div class=\"wide\"><dt>No bid because</dt><dd class=\"note\">{reasons}</dd></div>");
    html
}

fn points(values: &[u64], peak: u64) -> String {
    let first = POINTS.saturating_sub(values.len());
    let point = |(index, value): (usize, &u64)| {
        let x = (first + index) as f64 * 600.0 / (POINTS - 1) as f64;
        format!("{x:.1},{:.1}", 88.0 - *value as f64 / peak as f64 * 84.0)
    };
    values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

fn shown(rows: usize, total: usize) -> String {
    let all = grouped(total as u64);
    if rows < total { format!("{rows} of {all}; the others are on the API") } else { all }
}

fn empty(columns: usize, message: &str) -> String {
    format!("<tr><td colspan=\"{columns}\" class=\"plain\">{message}</td></tr>")
}

fn list(items: &[String], class: &str, empty: &str) -> String {
    if items.is_empty() {
        return format!("<span class=\"plain\">{empty}</span>");
    }
    format!("<ul class=\"{class}\">{}</ul>", items.concat())
}

fn deal(it: &DealLine) -> String {
    let state = if it.in_period { it.state } else { "out_of_period" };
    let lost: Vec<_> = it
        .today
        .lost
        .iter()
        .map(|end| {
            let (party, count, cause) = (end.party, grouped(end.count), words(end.cause));
            format!("<li class=\"{party}\"><b>{count}</b> {cause} ({party})</li>")
        })
        .collect();
    let mut html = String::new();
    let _ = write!(html, "<tr><th scope=\"row\">{}<small>buyer {}</small></th>", text(&it.id), text(&it.buyer));
    let _ = write!(html, "<td>{}</td><td class=\"state-{state}\">{}</td>", it.method, words(state));
    let numbers = [it.today.offered, it.today.won, it.today.billed].map(grouped);
    for number in [text(&it.price.cpm)].into_iter().chain(numbers) {
        let _ = write!(html, "<td class=\"number\">{number}</td>");
    }
    let progress = it.progress.as_ref().map_or_else(|| "<span class=\"plain\">no volume</span>".to_owned(), progress);
    let _ = write!(html, "<td>{progress}</td><td>{}</td>", list(&lost, "counts", "none"));
    let _ = write!(html, "<td>{}</td></tr>", switch("deals", &it.id, it.suspension.is_some()));
    html
}

fn progress(it: &Progress) -> String {
    let share = |count: u64| if it.to_offer == 0 { 0.0 } else { count as f64 * 100.0 / it.to_offer as f64 };
    let (done, plan) = (share(it.offered + it.withheld), share(it.planned_by_now));
    let width = done.min(100.0);
    let label = format!("{done:.1} % of {} · plan {plan:.1} %", grouped(it.to_offer));
    let pace = match it.pace {
        "behind" => format!("behind by {:.1} %", f64::from(it.behind_millionths) / 1e4),
        pace => words(pace),
    };
    format!(
        "<div><svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\">\
         <rect class=\"track\" width=\"100\" height=\"10\"/><rect class=\"done\" width=\"{width:.2}\" height=\"10\"/>\
         <line class=\"plan\" x1=\"{plan:.2}\" x2=\"{plan:.2}\" y1=\"0\" y2=\"10\"/></svg>\
         <small>{label}</small><small>{pace}</small></div>"
    )
}

fn dsp(it: &DspLine) -> String {
    let item = |counted: &Counted| format!("<li><b>{}</b> {}</li>", grouped(counted.count), words(counted.name));
    let outcomes: Vec<_> = it.outcomes.iter().filter(|counted| counted.count > 0).map(item).collect();
    let rejected: Vec<_> = it.rejected.iter().map(item).collect();
    let mut html = String::new();
    let _ = write!(html, "<tr><th scope=\"row\">{}<small>{}</small></th>", text(&it.id), text(&it.name));
    let breaker = if it.breaker == "closed" { String::new() } else { format!("<small>breaker {}</small>", it.breaker) };
    let _ = write!(html, "<td class=\"state-{}\">{}{breaker}</td>", it.state, words(it.state));
    let _ = write!(html, "<td class=\"number\">{}</td>", grouped(it.asked));
    let _ = write!(html, "<td>{}</td>", list(&outcomes, "counts columns", "not asked yet"));
    for us in [it.p50_us, it.p99_us] {
        let _ = write!(html, "<td class=\"number\">{}</td>", duration(Some(us)));
    }
    let _ = write!(html, "<td>{}</td>", list(&rejected, "counts columns", "none"));
    let notices: Vec<_> = it.notices.iter().map(item).collect();
    let _ = write!(html, "<td>{}</td>", list(&notices, "counts", "none"));
    let _ = write!(html, "<td>{}</td></tr>", switch("dsps", &it.id, it.suspension.is_some()));
    html
}

fn report(it: &ReloadReport) -> String {
    let title = match it.result {
        "published" => format!("Published as generation {}", it.generation),
        "unchanged" => format!("Unchanged: generation {} is this folder", it.generation),
        "kept" => format!("Files changed; generation {} is pinned and keeps serving", it.generation),
        _ => format!("Refused: generation {} keeps serving", it.generation),
    };
    let lines: String = it.lines.iter().map(|line| format!("<li>{}</li>", text(line))).collect();
    let (result, at, trigger) = (it.result, text(&it.at), it.trigger);
    format!("<p class=\"{result}\">{title} <small>{at}, by {trigger}</small></p><ul>{lines}</ul>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup_nor_the_end_of_an_attribute() {
        assert_eq!(
            text("<script>alert('1')</script>\"&"),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"
        );
    }

    #[test]
    fn a_value_is_not_a_place_in_the_template() {
        let value = |name: &str| if name == "a" { "{{b}}" } else { "leaked" };
        assert_eq!(fill("x{{a}}y", value), "x{{b}}y");
    }

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!(
            [None, Some(400), Some(1_500), Some(10_000_000)].map(duration),
            ["–", "≤ 400 µs", "≤ 1.5 ms", "≤ 10 s"]
        );
        assert_eq!((rate(9.96), rate(1_234.4)), ("10.0".to_owned(), "1,234".to_owned()));
        assert_eq!(yuan("85116.745"), "¥85,116.74");
        assert_eq!(points(&[0, 10], 10), "595.0,88.0 600.0,4.0");
    }
}
