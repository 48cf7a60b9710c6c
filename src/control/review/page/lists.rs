//! The queue, registrations that wait, and spot checks.

use std::fmt::Write;

use super::{button, file_url, label, page_of, reasons, text, whole};
use crate::compliance::creative::Record;
use crate::compliance::digest_of;
use crate::compliance::finding::Weight;
use crate::compliance::office::{Aired, Office, OnAir, Refusal, body_of, state_of};
use crate::compliance::qualification::{Document, Standing};
use crate::compliance::sample::SpotState;
use crate::control::review::Stage;
use crate::control::view::segment;
use crate::event::{KeptStep, SubjectKind, Wanted};
use crate::market::demand::CreativeState;

/// Rows of a page.
const ROWS: u32 = 100;

/// The queue of a state after a place: first what is on the air before its review, or only that; then who waits longest.
///
/// # Errors
/// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
pub(in crate::control) fn queue(
    office: &Office<'_>,
    state: CreativeState,
    (above, only_on_air): (u64, bool),
) -> Result<String, Refusal> {
    if only_on_air {
        return on_air(office, above);
    }
    let wanted = Wanted { state: Some(state.code()), owner: None };
    let found = office.docket.list(SubjectKind::Creative, &wanted, above, ROWS)?;
    let mut main = String::from("<p>");
    for other in CreativeState::ALL {
        let current = if other == state { " aria-current=\"page\"" } else { "" };
        let _ = write!(main, "<a href=\"/reviews?state={}\"{current}>{}</a> ", other.label(), label(other));
    }
    main.push_str("<a href=\"/reviews?on_air=true\">已在投放 on air</a></p>");
    // What is shown already comes first, wherever it stands in the queue.
    let is_first = state == CreativeState::PendingReview && above == 0;
    let aired = if is_first { office.on_air(None, 0, ROWS as usize)? } else { OnAir::default() };
    if !aired.versions.is_empty() {
        main.push_str(&rows_on_air(&aired)?);
        main.push_str("<h2>其他 · others</h2>");
    }
    main.push_str(HEAD);
    let mut rows = 0;
    for kept in found.iter().filter(|kept| aired.versions.iter().all(|(other, ..)| other.seq != kept.seq)) {
        let record: Record = body_of(kept)?;
        main.push_str(&row(kept, &record, &office.aired(kept, &record)?)?);
        rows += 1;
    }
    main.push_str(if rows == 0 { NONE } else { END });
    if let Some(last) = found.last().filter(|_| found.len() == ROWS as usize) {
        let _ =
            write!(main, "<p><a href=\"/reviews?state={}&amp;cursor={}\">下一页 next</a></p>", state.label(), last.seq);
    }
    Ok(whole("审核 · reviews", "/reviews", &main))
}

const HEAD: &str = "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">创意 Creative</th><th scope=\"col\">广告主 Advertiser</th>\
     <th scope=\"col\">类型 Format</th><th scope=\"col\">检查 Checks</th><th scope=\"col\">自 Since</th></tr></thead><tbody>";
const END: &str = "</tbody></table></div>";
const NONE: &str = "<tr><td colspan=\"5\">没有 · none</td></tr></tbody></table></div>";

/// A version in the queue, marked where it is on the air already.
fn row(kept: &KeptStep, record: &Record, aired: &[Aired]) -> Result<String, Refusal> {
    let it = &record.submission;
    let count = |weight| record.findings.iter().filter(|finding| finding.weight == weight).count();
    let mark = if aired.is_empty() { "" } else { "<small class=\"refuse\">已在投放 on air before review</small>" };
    Ok(format!(
        "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small>{} · v{} · {}</small>{mark}{}</th><td>{}</td><td>{}</td>\
         <td><span class=\"refuse\">{}</span> / <span class=\"person\">{}</span> / <span class=\"note\">{}</span></td><td>{}</td></tr>",
        page_of(record),
        text(&it.crid),
        text(&it.account),
        it.version,
        label(state_of(kept)?),
        aired.iter().map(|it| format!("<small>{}</small>", shown(it))).collect::<String>(),
        text(&it.advertiser),
        it.format.name(),
        count(Weight::Refuse),
        count(Weight::Person),
        count(Weight::Note),
        kept.step.at.to_rfc3339(),
    ))
}

/// By which deal it is shown, where, and how much of today is reserved.
fn shown(it: &Aired) -> String {
    text(&format!("{} · {} · 今日已预留 reserved today {}/{}", it.deal, it.media.join(" "), it.reserved, it.a_day))
}

/// What a version's own page says of it where it is on the air before its review.
pub(super) fn note(aired: &[Aired]) -> String {
    if aired.is_empty() {
        return String::new();
    }
    let items: String = aired.iter().map(|it| format!("<li>{}</li>", shown(it))).collect();
    format!(
        "<p class=\"refuse\">先投后审：审核前已在投放，不通过即停 · on air before its review: rejecting it stops it within a second</p><ul>{items}</ul>"
    )
}

fn rows_on_air(found: &OnAir) -> Result<String, Refusal> {
    let mut html = format!(
        "<h2 class=\"refuse\">已在投放，请优先审核 · on air before review: first <small>{}</small></h2>",
        found.versions.len()
    );
    html.push_str(HEAD);
    for (kept, record, aired) in &found.versions {
        html.push_str(&row(kept, record, aired)?);
    }
    html.push_str(if found.versions.is_empty() { NONE } else { END });
    if let Some(next) = found.next {
        let _ = write!(html, "<p><a href=\"/reviews?on_air=true&amp;cursor={next}\">下一页 next</a></p>");
    }
    Ok(html)
}

/// Only what is on the air before its review.
fn on_air(office: &Office<'_>, above: u64) -> Result<String, Refusal> {
    let mut main = String::from("<p><a href=\"/reviews\">全部 all</a></p>");
    main.push_str(&rows_on_air(&office.on_air(None, above, ROWS as usize)?)?);
    Ok(whole("审核 · reviews", "/reviews", &main))
}

/// Advertisers, documents and apps that wait for a person.
///
/// # Errors
/// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
pub(in crate::control) fn registrations(office: &Office<'_>, stage: &Stage) -> Result<String, Refusal> {
    let wanted = Wanted { state: Some(Standing::Pending.code()), owner: None };
    let mut main = String::new();
    for (kind, path, title) in [
        (SubjectKind::Advertiser, "advertisers", "广告主 · advertisers"),
        (SubjectKind::Document, "documents", "证明文件 · documents"),
        (SubjectKind::App, "apps", "应用 · apps"),
    ] {
        let found = office.docket.list(kind, &wanted, 0, ROWS)?;
        let _ = write!(main, "<h2>{title} <small>{}</small></h2>", found.len());
        for kept in &found {
            main.push_str(&registration(kept, path, stage)?);
        }
        if found.is_empty() {
            main.push_str("<p class=\"hint\">没有待核验的 · none waits</p>");
        }
    }
    Ok(whole("资质 · qualifications", "/reviews/registrations", &main))
}

fn registration(kept: &KeptStep, path: &str, stage: &Stage) -> Result<String, Refusal> {
    let subject = &kept.step.subject;
    let body: serde_json::Value = body_of(kept)?;
    let pretty = serde_json::to_string_pretty(&body).unwrap_or_default();
    let mut html = format!(
        "<fieldset data-form data-seen=\"{}\"><legend>{} · v{}</legend><pre>{}</pre>",
        kept.seq,
        text(&subject.name),
        subject.version,
        text(&pretty)
    );
    if subject.kind == SubjectKind::Document {
        let document: Document = body_of(kept)?;
        for digest in document.files.iter().filter_map(|file| digest_of(file)) {
            if let Some(url) = file_url(stage, digest)? {
                let _ = write!(
                    html,
                    "<a href=\"{}\" target=\"_blank\" rel=\"noopener noreferrer\">文件 file</a> ",
                    text(&url)
                );
            }
        }
    }
    html.push_str("<textarea maxlength=\"500\" aria-label=\"说明 · reason\" placeholder=\"说明（客户可见） · in words; the buyer reads it\"></textarea>");
    let name: Vec<_> = subject.name.splitn(3, '/').map(segment).collect();
    let base = format!("/api/v1/reviews/{path}/{}/{}", name.join("/"), subject.version);
    html.push_str(&button("核验通过 Verify", &format!("{base}/verify")));
    html.push_str(&button("不通过 Refuse", &format!("{base}/refuse")));
    html.push_str("</fieldset>");
    Ok(html)
}

/// Spot checks that wait for a person.
///
/// # Errors
/// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
pub(in crate::control) fn spot_checks(office: &Office<'_>) -> Result<String, Refusal> {
    let found = office.spot_checks(SpotState::Open, (0, ROWS))?;
    let mut main = String::new();
    for (kept, check) in &found {
        let (account, crid) = check.creative.split_once('/').unwrap_or((&check.creative, ""));
        let path = format!("/reviews/creatives/{}/{}/{}", segment(account), segment(crid), check.version);
        let number = &kept.step.subject.name;
        let _ = write!(
            main,
            "<fieldset data-form data-reasons=\"1\"><legend>{} · {}</legend><p><a href=\"{path}\">{} v{}</a></p>{}\
             <label><input type=\"checkbox\" name=\"account\"> 同时暂停该客户的交易 <small>suspend the account's transactions too</small></label>",
            text(number),
            check.day,
            text(&check.creative),
            check.version,
            reasons(office),
        );
        let base = format!("/api/v1/reviews/spot-checks/{}", segment(number));
        main.push_str(&button("合格 Pass", &format!("{base}/pass")));
        let fail = format!(
            "<button type=\"button\" data-account=\"1\" data-send=\"{}/fail\">不合格 Fail</button>",
            text(&base)
        );
        main.push_str(&fail);
        main.push_str("</fieldset>");
    }
    if found.is_empty() {
        main.push_str("<p class=\"hint\">没有待抽查的 · none waits</p>");
    }
    Ok(whole("抽查 · spot checks", "/reviews/spot-checks", &main))
}
