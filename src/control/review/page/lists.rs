//! The queue, registrations that wait, and spot checks.

use std::fmt::Write;

use super::{button, file_url, label, page_of, reasons, text, whole};
use crate::compliance::creative::Record;
use crate::compliance::digest_of;
use crate::compliance::finding::Weight;
use crate::compliance::office::{Office, Refusal, body_of, state_of};
use crate::compliance::qualification::{Document, Standing};
use crate::compliance::sample::SpotState;
use crate::control::review::Stage;
use crate::control::view::segment;
use crate::event::{KeptStep, SubjectKind, Wanted};
use crate::market::demand::CreativeState;

/// Rows of a page.
const ROWS: u32 = 100;

/// The queue of a state after a place: who waits longest comes first.
///
/// # Errors
/// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
pub(in crate::control) fn queue(office: &Office<'_>, state: CreativeState, above: u64) -> Result<String, Refusal> {
    let wanted = Wanted { state: Some(state.code()), owner: None };
    let found = office.docket.list(SubjectKind::Creative, &wanted, above, ROWS)?;
    let mut main = String::from("<p>");
    for other in CreativeState::ALL {
        let current = if other == state { " aria-current=\"page\"" } else { "" };
        let _ = write!(main, "<a href=\"/reviews?state={}\"{current}>{}</a> ", other.label(), label(other));
    }
    main.push_str("</p><div class=\"scroll\"><table><thead><tr><th scope=\"col\">创意 Creative</th><th scope=\"col\">广告主 Advertiser</th>\
         <th scope=\"col\">类型 Format</th><th scope=\"col\">检查 Checks</th><th scope=\"col\">自 Since</th></tr></thead><tbody>");
    for kept in &found {
        let record: Record = body_of(kept)?;
        let it = &record.submission;
        let count = |weight| record.findings.iter().filter(|finding| finding.weight == weight).count();
        let _ = write!(
            main,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small>{} · v{} · {}</small></th><td>{}</td><td>{}</td>\
             <td><span class=\"refuse\">{}</span> / <span class=\"person\">{}</span> / <span class=\"note\">{}</span></td><td>{}</td></tr>",
            page_of(&record),
            text(&it.crid),
            text(&it.account),
            it.version,
            label(state_of(kept)?),
            text(&it.advertiser),
            it.format.name(),
            count(Weight::Refuse),
            count(Weight::Person),
            count(Weight::Note),
            kept.step.at.to_rfc3339(),
        );
    }
    if found.is_empty() {
        main.push_str("<tr><td colspan=\"5\">没有 · none</td></tr>");
    }
    main.push_str("</tbody></table></div>");
    if let Some(last) = found.last().filter(|_| found.len() == ROWS as usize) {
        let _ =
            write!(main, "<p><a href=\"/reviews?state={}&amp;cursor={}\">下一页 next</a></p>", state.label(), last.seq);
    }
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
