//! The result for people: one HTML page without outside resources, and a few lines of text.

use std::fmt::Write as _;

use crate::outcome::{Outcome, Second};
use crate::time::unix_seconds;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const MARGIN: f64 = 56.0;
const COLOURS: [&str; 4] = ["#2563a8", "#c2410c", "#15803d", "#7e22ce"];

/// A page with the figures, the percentile curve and the timeline of one or more runs.
#[must_use]
pub fn html(title: &str, runs: &[(String, &Outcome)]) -> String {
    let title = escape(title);
    let mut out = String::with_capacity(16 << 10);
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>\
         body{{font:15px/1.5 system-ui,sans-serif;max-width:820px;margin:2em auto;padding:0 1em;color:#1f2933}}\
         table{{border-collapse:collapse}}td,th{{padding:.2em .8em;text-align:right;border-bottom:1px solid #d9dee4}}\
         th:first-child,td:first-child{{text-align:left}}svg{{width:100%;height:auto}}text{{font:11px system-ui,sans-serif;fill:#52606d}}\
         .key{{display:inline-block;width:.8em;height:.8em;margin-right:.4em}}</style><h1>{title}</h1>\
         <p>Made at Unix time {}. Latency counts from the intended departure.</p>",
        unix_seconds()
    );
    figures(&mut out, runs);
    out.push_str("<h2>Latency by percentile</h2>");
    curve(&mut out, runs);
    for (name, run) in runs {
        let _ = write!(out, "<h2>Timeline: {}</h2>", escape(name));
        timeline(&mut out, &run.seconds);
        if !run.error_reasons.is_empty() {
            out.push_str("<h3>Errors</h3><ul>");
            for (reason, count) in &run.error_reasons {
                let _ = write!(out, "<li>{count} × {}</li>", escape(reason));
            }
            out.push_str("</ul>");
        }
    }
    out.push_str("</html>\n");
    out
}

/// The main figures in a few lines.
#[must_use]
pub fn text(name: &str, run: &Outcome) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{name}: offered {:.0}/s, answered {:.0}/s; {} sent, {} bids, {} no bids, {} shed, {} errors, {} timeouts",
        run.offered_rate, run.achieved_rate, run.sent, run.bids, run.no_bids, run.shed, run.errors, run.timeouts
    );
    let (l, o) = (run.latency_us, run.overhead_us);
    let _ = writeln!(
        out,
        "  latency µs   p50 {} · p90 {} · p99 {} · p99.9 {} · max {}",
        l.p50, l.p90, l.p99, l.p999, l.max
    );
    let _ = writeln!(
        out,
        "  overhead µs  p50 {} · p90 {} · p99 {} · p99.9 {} · max {}",
        o.p50, o.p90, o.p99, o.p999, o.max
    );
    if let Some(cpu) = run.cpu_us_per_auction {
        let _ = writeln!(out, "  server       {cpu:.1} µs of processor time per auction");
    }
    if let (false, Some(largest)) = (run.server_rss_by_tenth.is_empty(), run.server_rss_bytes) {
        let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        let tenths: Vec<_> = run.server_rss_by_tenth.iter().map(|bytes| mebibytes(*bytes)).collect();
        let _ = writeln!(out, "  memory MiB   {} after each tenth · at most {}", tenths.join(" "), mebibytes(largest));
    }
    let bill = &run.bill;
    if bill.notices_sent > 0 {
        let yuan = bill.expected_billed_micro_yuan as f64 / 1e6;
        let _ = writeln!(out, "  billed       {} impressions, {yuan:.6} yuan expected", bill.impressions_billed);
    }
    if let Some(ledger) = run.ledger_micro_yuan {
        let _ = writeln!(out, "  ledger       {:.6} yuan", ledger as f64 / 1e6);
    }
    for (reason, count) in &run.error_reasons {
        let _ = writeln!(out, "  error        {count} × {reason}");
    }
    out
}

fn figures(out: &mut String, runs: &[(String, &Outcome)]) {
    type Row = (&'static str, fn(&Outcome) -> String);
    let rows: [Row; 12] = [
        ("offered a second", |run| format!("{:.0}", run.offered_rate)),
        ("answered a second", |run| format!("{:.0}", run.achieved_rate)),
        ("bids", |run| run.bids.to_string()),
        ("no bids", |run| run.no_bids.to_string()),
        ("shed", |run| run.shed.to_string()),
        ("errors", |run| run.errors.to_string()),
        ("timeouts", |run| run.timeouts.to_string()),
        ("CPU µs per auction", |run| run.cpu_us_per_auction.map_or("–".to_owned(), |cpu| format!("{cpu:.1}"))),
        ("latency p50 / p99 / p99.9, µs", |run| {
            format!("{} / {} / {}", run.latency_us.p50, run.latency_us.p99, run.latency_us.p999)
        }),
        ("overhead p50 / p99, µs", |run| format!("{} / {}", run.overhead_us.p50, run.overhead_us.p99)),
        ("impressions billed", |run| run.bill.impressions_billed.to_string()),
        ("expected bill, micro-yuan", |run| run.bill.expected_billed_micro_yuan.to_string()),
    ];
    out.push_str("<table><tr><th></th>");
    for (index, (name, _)) in runs.iter().enumerate() {
        let _ = write!(
            out,
            "<th><span class=\"key\" style=\"background:{}\"></span>{}</th>",
            COLOURS[index % 4],
            escape(name)
        );
    }
    out.push_str("</tr>");
    for (label, value) in rows {
        let _ = write!(out, "<tr><td>{label}</td>");
        for (_, run) in runs {
            let _ = write!(out, "<td>{}</td>", value(run));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

/// x: nines (50 %, 90 %, 99 % … evenly spaced by the logarithm of what lies above); y: microseconds, logarithmic.
fn curve(out: &mut String, runs: &[(String, &Outcome)]) {
    const MOST_NINES: f64 = 5.0;
    let largest = runs.iter().map(|(_, run)| run.latency_us.max).max().unwrap_or(1).max(10) as f64;
    let decades = largest.log10().ceil().max(1.0);
    let x = |share: f64| MARGIN + -(1.0 - share).max(1e-5).log10() / MOST_NINES * (WIDTH - 2.0 * MARGIN);
    let y = |us: f64| HEIGHT - MARGIN / 2.0 - us.max(1.0).log10() / decades * (HEIGHT - MARGIN);
    open(out);
    for (share, label) in
        [(0.0, "0 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"), (0.99999, "99.999 %")]
    {
        line(out, (x(share), y(1.0)), (x(share), y(10_f64.powf(decades))));
        let _ =
            write!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>", x(share), HEIGHT - 10.0);
    }
    let mut us = 1.0;
    while us <= largest * 10.0 && us.log10() <= decades {
        line(out, (x(0.0), y(us)), (x(0.99999), y(us)));
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{us:.0} µs</text>",
            MARGIN - 4.0,
            y(us) + 4.0
        );
        us *= 10.0;
    }
    for (index, (_, run)) in runs.iter().enumerate() {
        let points = run.curve.iter().map(|(share, us)| (x(*share), y(*us as f64)));
        polyline(out, points, COLOURS[index % 4]);
    }
    out.push_str("</svg>");
}

/// Answers and failures each second as lines to one scale, p99 to another.
fn timeline(out: &mut String, seconds: &[Second]) {
    let most = seconds.iter().map(|one| one.sent.max(one.answered)).max().unwrap_or(0).max(1) as f64;
    let slowest = seconds.iter().map(|one| one.latency.p99).max().unwrap_or(0).max(1) as f64;
    let step = (WIDTH - 2.0 * MARGIN) / (seconds.len().max(2) - 1) as f64;
    let y = |part: f64| HEIGHT - MARGIN / 2.0 - part * (HEIGHT - MARGIN);
    let points = |value: fn(&Second) -> u64, scale: f64| {
        let point = move |(index, one): (usize, &Second)| (MARGIN + index as f64 * step, y(value(one) as f64 / scale));
        seconds.iter().enumerate().map(point).collect::<Vec<_>>()
    };
    open(out);
    line(out, (MARGIN, y(0.0)), (WIDTH - MARGIN, y(0.0)));
    line(out, (MARGIN, y(1.0)), (WIDTH - MARGIN, y(1.0)));
    polyline(out, points(|one| one.answered, most).into_iter(), COLOURS[2]);
    polyline(out, points(|one| one.failed, most).into_iter(), COLOURS[1]);
    polyline(out, points(|one| one.latency.p99, slowest).into_iter(), COLOURS[0]);
    let _ = write!(
        out,
        "<text x=\"{MARGIN}\" y=\"14\">top: {most:.0} a second (answered green, failed orange), {slowest:.0} µs (p99 blue)</text>\
         <text x=\"{MARGIN}\" y=\"{:.1}\">0 s</text><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} s</text></svg>",
        HEIGHT - 8.0,
        WIDTH - MARGIN,
        HEIGHT - 8.0,
        seconds.len()
    );
}

fn open(out: &mut String) {
    let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = write!(out, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#e4e8ec\" fill=\"none\"/>");
}

fn polyline(out: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
    out.push_str("<polyline points=\"");
    for (x, y) in points {
        let _ = write!(out, "{x:.1},{y:.1} ");
    }
    let _ = write!(out, "\" stroke=\"{colour}\" stroke-width=\"1.6\" fill=\"none\"/>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_every_figure_escapes_text_and_loads_nothing() {
        let mut run = Outcome { bids: 4_711, curve: vec![(0.5, 100), (0.99, 900)], ..Outcome::default() };
        run.error_reasons.insert("<script>".to_owned(), 3);
        run.seconds = vec![Second { sent: 10, answered: 9, failed: 1, ..Second::default() }; 3];
        let page = html("a & b", &[("run".to_owned(), &run)]);
        assert!(page.contains("4711") && page.contains("3 × &lt;script&gt;") && page.contains("a &amp; b"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(!page.contains("<script") && !page.contains("http"), "the page must be self-contained");
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}
