//! Landing pages for reviewers: those that need a person, one with all that is known of it, and what a creative's review shows of its own.

use std::fmt::Write;

use super::{file_url, findings, text, whole};
use crate::clock::UnixMillis;
use crate::compliance::creative;
use crate::compliance::digest_of;
use crate::compliance::landing::{self, Held, HeldPages, PageState, Record, Sight, Standpoint, Watched};
use crate::compliance::office::{Office, Refusal};
use crate::control::review::Stage;
use crate::control::view::segment;
use crate::event::Subject;

/// Rows of a page.
const ROWS: u32 = 100;
/// Steps of a history that are shown.
const MOST_STEPS: u32 = 50;
/// Creatives of a page that are shown.
const MOST_USES: usize = 50;
/// Pages that are named of those that are held.
const MOST_HELD: usize = 20;
/// The states in which a person decides.
const WAITING: [PageState; 4] = [PageState::Infected, PageState::Cloaked, PageState::Changed, PageState::Unreachable];

fn label(state: PageState) -> String {
    let zh = match state {
        PageState::Awaited => "待审核",
        PageState::Watched => "监测中",
        PageState::Doubted => "待复核",
        PageState::Changed => "已变更",
        PageState::Cloaked => "差异展示",
        PageState::Infected => "不安全",
        PageState::Unreachable => "无法访问",
        PageState::Retired => "已停用",
    };
    format!("{zh} {}", state.label())
}

fn class(state: PageState) -> &'static str {
    match state {
        PageState::Changed | PageState::Cloaked | PageState::Infected => "refuse",
        PageState::Unreachable | PageState::Doubted => "person",
        _ => "note",
    }
}

fn path_of(record: &Record) -> String {
    format!("/reviews/pages/{}/{}/{}", segment(&record.account), segment(&record.advertiser), segment(&record.url))
}

/// Pages of a state after a place; without a state those that need a person, of every state.
///
/// # Errors
/// [`Refusal::Unavailable`].
pub(in crate::control) fn pages(office: &Office<'_>, state: Option<PageState>, above: u64) -> Result<String, Refusal> {
    let mut main = String::from("<p><a href=\"/reviews/pages\">需要处理 need a person</a> ");
    for other in PageState::ALL {
        let current = if Some(other) == state { " aria-current=\"page\"" } else { "" };
        let _ = write!(main, "<a href=\"/reviews/pages?state={}\"{current}>{}</a> ", other.label(), label(other));
    }
    main.push_str("</p>");
    if !office.market.terms.landing.crawl {
        main.push_str("<p class=\"hint\">未启用落地页监测 · landing pages are not looked at (landing.toml, <code>crawl</code>)</p>");
    }
    main.push_str(&held(&office.held_pages()?));
    let states = state.map_or_else(|| WAITING.to_vec(), |state| vec![state]);
    for state in states {
        let listed = office.pages(Some(state), None, (above, ROWS))?;
        let _ = write!(main, "<h2>{} <small>{}</small></h2>", label(state), listed.pages.len());
        for why in &listed.unread {
            let _ = write!(main, "<p class=\"refused\">{}</p>", text(why));
        }
        if listed.pages.is_empty() {
            main.push_str("<p class=\"hint\">没有 · none</p>");
            continue;
        }
        main.push_str("<div class=\"scroll\"><table class=\"wide\"><thead><tr><th scope=\"col\">落地页 Page</th><th scope=\"col\">广告主 Advertiser</th>\
             <th scope=\"col\">创意 Creatives</th><th scope=\"col\">发现 Found</th></tr></thead><tbody>");
        for page in &listed.pages {
            main.push_str(&row(page));
        }
        main.push_str("</tbody></table></div>");
        if let Some(next) = listed.next {
            let _ = write!(
                main,
                "<p><a href=\"/reviews/pages?state={}&amp;cursor={next}\">下一页 next</a></p>",
                state.label()
            );
        }
    }
    Ok(whole("落地页 · landing pages", "/reviews/pages", &main))
}

/// Loudly: pages that are other ones, of which no verdict is taken. The pages themselves, and one word for all.
fn held(held: &HeldPages) -> String {
    let Some(since) = held.since() else { return String::new() };
    let more = if held.more { "+" } else { "" };
    let mut html = format!(
        "<h2 class=\"refuse\">暂缓处理 held back <small>{}{more} · {}</small></h2><p class=\"refused\">多个互不相关的落地页同时变为其他页面，可能是平台自身网络故障\
         （强制门户、代理、域名解析）：不作处理，投放继续，持续复查 · pages of unrelated sites are other ones at once, perhaps by our own line \
         (captive portal, proxy, resolver): no verdict is taken, serving goes on, they are looked at again</p>",
        held.pages.len(),
        since.to_rfc3339(),
    );
    html.push_str("<div class=\"scroll\"><table class=\"wide\"><tbody>");
    for page in held.pages.iter().take(MOST_HELD) {
        let Some(of) = &page.record.held else { continue };
        let _ = write!(
            html,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small>{}</small></th><td>{}<small>{}</small></td></tr>",
            path_of(&page.record),
            text(&page.record.url),
            text(&page.record.account),
            of.cause.words_zh(),
            text(&reason(of)),
        );
    }
    html.push_str(
        "</tbody></table></div><fieldset data-form><legend>决定 · decide</legend><textarea maxlength=\"500\" aria-label=\"说明 · reason\" \
         placeholder=\"说明（必填） · in words: what shows that it is the pages\"></textarea>",
    );
    html.push_str(&super::button(
        "确为页面变更，全部继续处理 It is the pages: go on with all",
        "/api/v1/pages/held/release",
    ));
    html.push_str("</fieldset>");
    html
}

/// Why a page is held, with the others.
fn reason(held: &Held) -> String {
    let released = if held.released { "; a person said that it is the page: the next look decides" } else { "" };
    format!("{}: {}{released}", held.cause.words(), held.sites.join(" "))
}

fn row(page: &Watched) -> String {
    let record = &page.record;
    let at = record.stop.as_ref().map(|stop| UnixMillis(stop.at_ms).to_rfc3339()).unwrap_or_default();
    format!(
        "<tr><th scope=\"row\"><a href=\"{}\">{}</a><small>{at}</small></th><td>{}<small>{}</small></td><td>{}</td><td>{}</td></tr>",
        path_of(record),
        text(&record.url),
        text(&record.advertiser),
        text(&record.account),
        record.uses.len(),
        text(&found(record).join("; ")),
    )
}

/// What was found against a page, or how the last look at it ended.
fn found(record: &Record) -> Vec<String> {
    match &record.stop {
        Some(stop) => stop.found.clone(),
        None => last_look(record),
    }
}

fn last_look(record: &Record) -> Vec<String> {
    let looks = record.rounds.last().map(|noted| noted.looks.as_slice()).unwrap_or_default();
    looks.iter().map(|(agent, look)| format!("{}: {look}", agent.label())).collect()
}

/// One page: its picture, what leads to it, how well it matches, in what it differs, its evidence, and what is decided.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Unreadable`], [`Refusal::Unavailable`].
pub(in crate::control) fn page(
    office: &Office<'_>,
    stage: &Stage,
    subject: &Subject,
    verbs: impl Fn(&Watched) -> Vec<&'static str>,
) -> Result<String, Refusal> {
    let page = office.page(subject)?;
    let record = &page.record;
    let mut main = format!(
        "<h2>{} <small class=\"{}\">{}</small></h2><p class=\"hint\">{} / {}</p><div class=\"two\"><div>{}</div><div>",
        text(&record.url),
        class(page.state),
        label(page.state),
        text(&record.account),
        text(&record.advertiser),
        picture(stage, record)?,
    );
    main.push_str(&differences(record));
    if let Some(held) = &record.held {
        let _ = write!(
            main,
            "<p class=\"refuse\">暂缓处理 held back: {} · {}</p>",
            held.cause.words_zh(),
            text(&reason(held))
        );
    }
    main.push_str(&decision(&page, &verbs(&page)));
    if !record.reached.is_empty() {
        main.push_str(&findings("在浏览器中的行为 · how it behaved in a browser", &record.reached));
    }
    main.push_str(&uses(record));
    main.push_str(&matches(record, |_| true));
    main.push_str(&looks(&page));
    main.push_str(&evidence(record));
    main.push_str("</div></div>");
    main.push_str(&steps(office, subject)?);
    Ok(whole("落地页 · landing page", "", &main))
}

/// What a creative's review shows of its landing page.
pub(super) fn of_creative(office: &Office<'_>, stage: &Stage, creative: &creative::Record) -> Result<String, Refusal> {
    let it = &creative.submission;
    let mut html = format!("<h3>落地页 · landing page</h3><p>{}</p>", text(&it.landing_page));
    let subject = landing::subject(&it.account, &it.advertiser, &it.landing_page);
    let page = match office.page(&subject) {
        Ok(page) => page,
        Err(Refusal::Unknown(_)) => {
            html.push_str("<p class=\"hint\">尚未抓取 · not looked at yet</p>");
            return Ok(html);
        }
        Err(refusal) => return Err(refusal),
    };
    let record = &page.record;
    let _ = write!(
        html,
        "<p><a href=\"{}\"><span class=\"{}\">{}</span></a></p>",
        path_of(record),
        class(page.state),
        label(page.state)
    );
    html.push_str(&differences(record));
    html.push_str(&matches(record, |of| (of.crid.as_str(), of.version) == (it.crid.as_str(), it.version)));
    html.push_str(&picture(stage, record)?);
    Ok(html)
}

/// The page's picture, from the stage: `screenshot` of what is known of the page is the SHA-256 of a picture in the docket.
fn picture(stage: &Stage, record: &Record) -> Result<String, Refusal> {
    let Some(digest) = record.screenshot.as_deref().and_then(digest_of) else {
        return Ok("<p class=\"hint\">没有截图 · no screenshot</p>".to_owned());
    };
    let Some(url) = file_url(stage, digest)? else {
        return Ok("<p class=\"hint\">预览端口未启用 · the review listener is off</p>".to_owned());
    };
    let old = if record.wants_picture() {
        "<p class=\"hint\">截图早于最近一次抓取 · the picture is older than what was last seen</p>"
    } else {
        ""
    };
    Ok(format!(
        "<iframe title=\"landing page\" class=\"tall\" sandbox=\"\" referrerpolicy=\"no-referrer\" src=\"{}\"></iframe>{old}",
        text(&url)
    ))
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>", text(item))).collect();
    format!("<h3>{title}</h3><ul>{items}</ul>")
}

fn differences(record: &Record) -> String {
    let stopped = record.stop.as_ref().map(|stop| list("发现的变化 · what was found", &stop.found)).unwrap_or_default();
    stopped + &list("不同浏览器之间的差异 · in what browsers differ", &record.apart)
}

fn uses(record: &Record) -> String {
    let row = |of: &landing::Use| {
        let standing = match of.standing {
            Standpoint::Pending => "待审核 pending",
            Standpoint::Approved => "已通过 approved",
            Standpoint::Suspended => "已暂停 suspended",
            Standpoint::Gone => "已结束 gone",
        };
        let path = format!("/reviews/creatives/{}/{}/{}", segment(&record.account), segment(&of.crid), of.version);
        format!(
            "<tr><th scope=\"row\"><a href=\"{path}\">{}</a><small>v{}</small></th><td>{standing}</td></tr>",
            text(&of.crid),
            of.version
        )
    };
    let rows: String = record.uses.iter().take(MOST_USES).map(row).collect();
    format!(
        "<h3>创意 · creatives <small>{}</small></h3><div class=\"scroll\"><table><tbody>{rows}</tbody></table></div>",
        record.uses.len()
    )
}

/// How well the page says what its creatives state (R-LANDING-MATCH).
fn matches(record: &Record, wanted: impl Fn(&landing::Matched) -> bool) -> String {
    let mut html = String::new();
    for of in record.matches.iter().filter(|of| wanted(of)).take(MOST_USES) {
        html.push_str(&findings(
            &format!("匹配度 · match {} v{}: {}", of.crid, of.version, of.score),
            &[of.finding(&record.url)],
        ));
        let reason = |it: &crate::compliance::page::matching::Reason| {
            let aspect = serde_json::to_value(it.aspect).ok();
            let aspect = aspect.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}%</td></tr>",
                text(&aspect),
                text(&it.stated),
                it.met
            )
        };
        let rows: String = of.reasons.iter().map(reason).collect();
        if !rows.is_empty() {
            let _ = write!(html, "<div class=\"scroll\"><table><tbody>{rows}</tbody></table></div>");
        }
    }
    html
}

fn looks(page: &Watched) -> String {
    let due = page.due.map_or_else(|| "—".to_owned(), UnixMillis::to_rfc3339);
    let mut html = format!("<h3>抓取 · looks <small>下次 next {due}</small></h3><div class=\"scroll\"><table><tbody>");
    for noted in page.record.rounds.iter().rev() {
        let looks: Vec<_> = noted.looks.iter().map(|(agent, look)| format!("{}: {look}", agent.label())).collect();
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td></tr>",
            UnixMillis(noted.at_ms).to_rfc3339(),
            text(&looks.join(", "))
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// What the docket keeps of the page: saved as files, never shown from here.
fn evidence(record: &Record) -> String {
    let base = format!(
        "/api/v1/pages/{}/{}/{}/evidence",
        segment(&record.account),
        segment(&record.advertiser),
        segment(&record.url)
    );
    let mut html = String::from("<h3>证据 · evidence</h3><div class=\"scroll\"><table class=\"wide\"><tbody>");
    let mut add = |what: &str, sights: &[Sight]| {
        for sight in sights {
            let _ = write!(
                html,
                "<tr><td>{what}</td><td>{}</td><td>{}</td><td><a href=\"{base}/{}\">下载 save</a><small>{}</small></td></tr>",
                sight.agent.label(),
                UnixMillis(sight.at_ms).to_rfc3339(),
                text(&sight.sha256),
                text(sight.route.last().map_or("", String::as_str)),
            );
        }
    };
    if let Some(stop) = &record.stop {
        add("变更前 before", &stop.before);
        add("变更后 after", &stop.after);
    }
    add("冻结版本 frozen", &record.frozen);
    add("最近版本 latest", &record.latest);
    html.push_str("</tbody></table></div>");
    html + &list("已入账 · entered in the books", record.stop.as_ref().map_or(&[], |stop| &stop.entered))
}

fn decision(page: &Watched, verbs: &[&'static str]) -> String {
    if verbs.is_empty() {
        return String::new();
    }
    let base = format!("/api/v1{}", path_of(&page.record).trim_start_matches("/reviews"));
    let mut html = format!(
        "<fieldset data-form data-seen=\"{}\"><legend>决定 · decide</legend><textarea maxlength=\"500\" aria-label=\"说明 · reason\" \
         placeholder=\"说明（必填） · in words: what the verdict rests on\"></textarea>",
        page.seq
    );
    for verb in verbs {
        let name = match *verb {
            "confirm" => "确认无误并恢复 Confirm as it is now",
            "unlawful" => "违法内容 Unlawful (R-DAMAGE-CONTENT)",
            "changed" => "擅自变更 Changed (R-DAMAGE-CHANGE)",
            "release" => "确为页面变更，继续处理 It is the page: go on",
            _ => "立即抓取 Look now",
        };
        html.push_str(&super::button(name, &format!("{base}/{verb}")));
    }
    html.push_str("</fieldset>");
    html
}

fn steps(office: &Office<'_>, subject: &Subject) -> Result<String, Refusal> {
    let mut html = String::from("<h3>历史 · history</h3><div class=\"scroll\"><table><tbody>");
    for kept in office.docket.history(subject, u64::MAX, MOST_STEPS)? {
        let page = Watched::read(&kept)?;
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            kept.step.at.to_rfc3339(),
            label(page.state),
            text(&kept.step.actor),
            text(&kept.step.reason)
        );
    }
    html.push_str("</tbody></table></div>");
    Ok(html)
}
