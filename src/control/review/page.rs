//! The pages for reviewers: the queue, one creative with its checks, advertisers with their documents, spot checks, landing pages. In Chinese and English at once.

mod files;
mod landing;
mod lists;

pub(in crate::control) use landing::{page, pages};
pub(in crate::control) use lists::{queue, registrations, spot_checks};

use std::fmt::Write;

use super::parts::{document, text};
use super::stage::{Liberties, Stage};
use crate::compliance::creative::Record;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::office::{Office, Refusal, body_of, label_zh, state_of};
use crate::control::view::segment;
use crate::event::{KeptStep, StoreUnavailable, Subject};
use crate::market::demand::CreativeState;

/// Steps of a history that the page shows.
const MOST_STEPS: u32 = 50;

/// A page around its content.
fn whole(title: &str, here: &str, main: &str) -> String {
    let links = [
        ("/reviews", "审核 Reviews"),
        ("/reviews/registrations", "资质 Qualifications"),
        ("/reviews/spot-checks", "抽查 Spot checks"),
        ("/reviews/pages", "落地页 Landing pages"),
        ("/", "首页 Dashboard"),
    ];
    let link = |(path, name): (&str, &str)| {
        let current = if path == here { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{path}\"{current}>{name}</a>")
    };
    let nav: String = links.into_iter().map(link).collect();
    format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · pmpx</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/style.css\"><link rel=\"stylesheet\" href=\"/reviews/style.css\">\
         <script src=\"/reviews/script.js\" defer></script></head><body><header><h1>pmpx <span>{title}</span></h1></header><main>\
         <nav>{nav}</nav><p id=\"said\" class=\"refused\" role=\"status\" aria-live=\"polite\"></p>{main}</main></body></html>",
        title = text(title),
    )
}

fn label(state: CreativeState) -> String {
    format!("{} {}", label_zh(state), state.label())
}

fn button(name: &str, path: &str) -> String {
    format!("<button type=\"button\" data-send=\"{}\">{name}</button> ", text(path))
}

/// One creative: what it is, what the checks found, what is decided.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Unreadable`], [`Refusal::Unavailable`].
pub(in crate::control) fn creative(
    office: &Office<'_>,
    stage: &Stage,
    subject: &Subject,
    liberties: Liberties,
) -> Result<String, Refusal> {
    let (kept, state, record) = office.creative(subject)?;
    let history = office.docket.history(subject, u64::MAX, MOST_STEPS)?;
    let shown = shown(stage, &record, liberties)?;
    let mut main = format!(
        "<h2>{} <small>第 {} 版 · version {} · {}</small></h2><div class=\"two\"><div>",
        text(&subject.name),
        subject.version,
        subject.version,
        label(state)
    );
    main.insert_str(0, &lists::note(&office.aired(&kept, &record)?));
    let path = page_of(&record);
    let _ = match &shown {
        Some(url) => write!(
            main,
            "<iframe title=\"creative\" sandbox=\"{}\" referrerpolicy=\"no-referrer\" src=\"{}\"></iframe>\
             <p class=\"hint\"><a href=\"{path}\">静态 as it is</a> · <a href=\"{path}?show=remote\">加载网络图片和视频 with pictures and videos from the network</a> · \
             <a href=\"{path}?show=scripts\">运行脚本 with scripts</a></p>",
            if liberties.scripts { "allow-scripts" } else { "" },
            text(url),
        ),
        None => write!(main, "<p class=\"hint\">预览端口未启用 · the review listener is off</p>"),
    };
    main.push_str(&landing::of_creative(office, stage, &record)?);
    let _ = write!(main, "<h3>代码 · markup</h3><pre>{}</pre></div><div>", text(&record.submission.markup));
    main.push_str(&facts(&record));
    main.push_str(&findings("自动检查 · checks", &record.findings));
    main.push_str(&files::fetched(shown.as_deref(), &record));
    let it = &record.submission;
    let qualification = office.qualification(&it.account, &it.advertiser)?;
    let until = qualification.until.map_or_else(|| "—".to_owned(), |day| day.to_string());
    main.push_str(&findings(&format!("资质 · qualification ({until})"), &qualification.findings));
    main.push_str(&decision(office, &kept, state, &record));
    main.push_str("</div></div>");
    main.push_str(&steps(&history)?);
    Ok(whole("创意审核 · review", "", &main))
}

/// The path of a creative's page.
pub(super) fn page_of(record: &Record) -> String {
    let it = &record.submission;
    format!("/reviews/creatives/{}/{}/{}", segment(&it.account), segment(&it.crid), it.version)
}

fn shown(stage: &Stage, record: &Record, liberties: Liberties) -> Result<Option<String>, Refusal> {
    let made = stage.show(files::digests(record), liberties, |shown_as| {
        let local = files::shown(record).into_iter().map(|(url, digest)| (url, shown_as(&digest))).collect();
        Some(document(&record.submission, local))
    });
    made.map_err(|error| Refusal::Unavailable(StoreUnavailable(format!("no randomness: {error}"))))
}

/// Where a file is shown for a while.
pub(super) fn file_url(stage: &Stage, digest: [u8; 32]) -> Result<Option<String>, Refusal> {
    let made = stage.show(vec![digest], Liberties::default(), |_| None);
    let made = made.map_err(|error| Refusal::Unavailable(StoreUnavailable(format!("no randomness: {error}"))))?;
    Ok(made.map(|url| format!("{url}/{}", crate::compliance::digest_text(&digest))))
}

fn facts(record: &Record) -> String {
    let it = &record.submission;
    let sizes: Vec<_> = it.sizes.iter().map(|size| format!("{}x{}", size.w, size.h)).collect();
    let rows = [
        ("客户 account", it.account.clone()),
        ("广告主 advertiser", it.advertiser.clone()),
        ("类型 format", it.format.name().to_owned()),
        ("尺寸 sizes", sizes.join(", ")),
        ("时长 duration", it.duration_s.map(|seconds| format!("{seconds} s")).unwrap_or_default()),
        ("分类 categories", it.categories.join(", ")),
        ("品牌 brand", it.offer.brand.clone().unwrap_or_default()),
        ("产品 product", it.offer.product.clone().unwrap_or_default()),
        ("价格与条件 terms", it.offer.terms.join(" · ")),
        ("应用 app", it.app.clone().unwrap_or_default()),
        (
            "监测 monitors",
            it.monitors.impression.iter().chain(&it.monitors.click).cloned().collect::<Vec<_>>().join(" "),
        ),
    ];
    let row =
        |(name, value): &(&str, String)| format!("<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", text(value));
    let rows: String = rows.iter().filter(|(_, value)| !value.is_empty()).map(row).collect();
    format!("<div class=\"scroll\"><table class=\"wide\"><tbody>{rows}</tbody></table></div>")
}

fn findings(title: &str, findings: &[Finding]) -> String {
    let mut html = format!("<h3>{}</h3>", text(title));
    if findings.is_empty() {
        html.push_str("<p class=\"hint\">没有问题 · nothing found</p>");
        return html;
    }
    html.push_str("<div class=\"scroll\"><table class=\"wide\"><tbody>");
    for finding in findings {
        let (class, weight) = match finding.weight {
            Weight::Refuse => ("refuse", "不通过 refused"),
            Weight::Person => ("person", "待人工 for a person"),
            Weight::Note => ("note", "提示 note"),
        };
        let _ = write!(
            html,
            "<tr><td class=\"{class}\">{weight}<small>{} {}</small></td><td>{}<small>{}</small></td><td>{}<small>{}</small></td></tr>",
            text(&finding.rule),
            text(&finding.code),
            text(&finding.zh),
            text(&finding.en),
            text(&finding.found),
            text(&finding.place),
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// What a person may decide of a version in this state.
fn decision(office: &Office<'_>, kept: &KeptStep, state: CreativeState, record: &Record) -> String {
    let base = format!("/api/v1{}", page_of(record));
    let verbs: &[(&str, &str)] = match state {
        CreativeState::PendingReview => &[
            ("通过 Approve", "approve"),
            ("不通过 Reject", "reject"),
            ("要求修改 Request changes", "request-changes"),
            ("重新检查 Check again", "check"),
        ],
        CreativeState::Approved => &[("暂停 Suspend", "suspend")],
        CreativeState::Suspended => &[("恢复 Resume", "resume"), ("不通过 Reject", "reject")],
        _ => return String::new(),
    };
    let mut html =
        format!("<fieldset data-form data-reasons=\"1\" data-seen=\"{}\"><legend>决定 · decide</legend>", kept.seq);
    html.push_str(&reasons(office));
    for (name, verb) in verbs {
        html.push_str(&button(name, &format!("{base}/{verb}")));
    }
    html.push_str("</fieldset>");
    html
}

/// The reasons' list and a place for words.
pub(super) fn reasons(office: &Office<'_>) -> String {
    let mut html = String::new();
    for reason in &office.terms().reasons {
        let _ = write!(
            html,
            "<label><input type=\"checkbox\" name=\"reason\" value=\"{}\"> {} <small>{} · {}</small></label>",
            text(&reason.code),
            text(&reason.name.zh),
            text(&reason.name.en),
            text(&reason.rule),
        );
    }
    html.push_str("<textarea maxlength=\"500\" aria-label=\"说明 · reason\" placeholder=\"说明（客户可见） · in words; the buyer reads it\"></textarea>");
    html
}

fn steps(history: &[KeptStep]) -> Result<String, Refusal> {
    let mut html = String::from("<h3>历史 · history</h3><div class=\"scroll\"><table><tbody>");
    for kept in history {
        let reasons = body_of::<Record>(kept)?.reasons.join(", ");
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}<small>{}</small></td></tr>",
            kept.step.at.to_rfc3339(),
            label(state_of(kept)?),
            text(&kept.step.actor),
            text(&kept.step.reason),
            text(&reasons),
        );
    }
    html.push_str("</tbody></table></div>");
    Ok(html)
}
