//! Landing pages under watch (R-LANDING-MATCH, R-LANDING-FROZEN, R-LANDING-SAFE): who waits for a person, what is known of each, its evidence, and what
//! people decide.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::changes::{Acting, Asking, change, parsed};
use super::{Asked, Query1, Shared, answer, bad, done, refusal, step_line, subject_line, told};
use crate::compliance::landing::{self, HeldPages, PageState, Record, Sight, Verdict, Watched, decided};
use crate::compliance::office::{By, Office, Refusal};
use crate::compliance::{digest_of, digest_text};
use crate::event::{KeptStep, StoreUnavailable, Subject};

/// Steps of a history that one answer shows, and whose evidence can be had.
const MOST_STEPS: u32 = 200;
/// What is asked of a page beside the verdicts.
const LOOK: &str = "look";
const CONFIRM: &str = "confirm";
const RELEASE: &str = "release";

type Named = Result<Path<(String, String, String)>, PathRejection>;

pub(super) async fn list(state: Shared, asked: Query1) -> Response {
    let (asked, above, most) = match Asked::of(asked) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let wanted = asked.state.as_deref().map(PageState::from_label);
    if wanted == Some(None) {
        let known: Vec<_> = PageState::ALL.iter().map(|state| state.label()).collect();
        return *bad(&format!("`state` must be one of {}", known.join(", ")));
    }
    told(state, move |_, office| {
        let listed = office.pages(wanted.flatten(), asked.owner(office)?, (above, most - 1))?;
        let items: Vec<_> = listed.pages.iter().map(line).collect();
        let held = held(&office.held_pages()?);
        Ok(json!({ "items": items, "next_cursor": listed.next, "unread": listed.unread, "held": held }))
    })
    .await
}

/// Pages of which the guard lets no verdict be taken; `null`: there are none.
fn held(held: &HeldPages) -> Value {
    let since = held.since().map(|since| since.to_rfc3339());
    let count = held.pages.len();
    since.map_or(Value::Null, |since| json!({ "pages": count, "more": held.more, "since": since, "why": held.why() }))
}

/// A page in a list.
fn line(page: &Watched) -> Value {
    let record = &page.record;
    let stop = record.stop.as_ref();
    json!({
        "account": record.account, "advertiser": record.advertiser, "url": record.url, "state": page.state.label(), "step": page.seq,
        "due": page.due.map(|due| due.to_rfc3339()), "creatives": record.uses.len(),
        "score": record.matches.iter().map(|it| it.score).min(), "found": stop.map(|stop| &stop.found),
        "stopped_ms": stop.map(|stop| stop.at_ms), "screenshot": record.screenshot, "held": record.held,
    })
}

pub(super) async fn one(state: Shared, named: Named) -> Response {
    let Ok(Path((account, advertiser, url))) = named else { return answer::not_found("no such page") };
    told(state, move |_, office| whole(office, &landing::subject(&account, &advertiser, &url))).await
}

/// Everything that is known of a page.
fn whole(office: &Office<'_>, subject: &Subject) -> Result<Value, Refusal> {
    let page = office.page(subject)?;
    let history = office.docket.history(subject, u64::MAX, MOST_STEPS)?;
    let step = |kept: &KeptStep| -> Result<Value, Refusal> {
        let mut value = step_line(kept);
        value["state"] = Value::from(Watched::read(kept)?.state.label());
        Ok(value)
    };
    let record = &page.record;
    let matches = record.matches.iter().map(|it| {
        let finding = it.finding(&record.url);
        json!({ "crid": it.crid, "version": it.version, "score": it.score, "weight": finding.weight, "reasons": it.reasons,
            "en": finding.en, "zh": finding.zh })
    });
    let named = |(sha256, what): (String, String)| json!({ "sha256": sha256, "what": what });
    Ok(json!({
        "subject": subject_line(subject),
        "account": record.account,
        "advertiser": record.advertiser,
        "url": record.url,
        "state": page.state.label(),
        "step": page.seq,
        "due": page.due.map(|due| due.to_rfc3339()),
        "may": verbs(page.state, record),
        "creatives": record.uses,
        "looks": record.rounds,
        "frozen": record.frozen,
        "latest": record.latest,
        "differences": { "found": record.stop.as_ref().map(|stop| &stop.found), "between_browsers": record.apart },
        "stop": record.stop,
        "held": record.held,
        "owed": record.owed,
        "matches": matches.collect::<Vec<_>>(),
        "screenshot": record.screenshot,
        "reached": record.reached,
        "evidence": evidence_of(record).into_iter().map(named).collect::<Vec<_>>(),
        "history": history.iter().map(step).collect::<Result<Vec<_>, _>>()?,
    }))
}

/// What a person may ask of a page as it stands.
pub(super) fn verbs(state: PageState, record: &Record) -> Vec<&'static str> {
    let verdicts = Verdict::ALL.into_iter().filter(|verdict| decided(state, record, *verdict).is_ok()).map(verb);
    verdicts.chain((state != PageState::Retired).then_some(LOOK)).collect()
}

fn verb(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => CONFIRM,
        Verdict::Released => RELEASE,
        Verdict::Unlawful | Verdict::Changed => verdict.label(),
    }
}

/// What the docket keeps of a page, by its SHA-256, and what each is.
fn evidence_of(record: &Record) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut add = |what: &str, sights: &[Sight]| {
        for sight in sights {
            for sha256 in std::iter::once(&sight.sha256).chain(&sight.also) {
                found.entry(sha256.clone()).or_insert_with(|| format!("{what}, {}", sight.agent.label()));
            }
        }
    };
    if let Some(stop) = &record.stop {
        add("before the stop", &stop.before);
        add("at the stop", &stop.after);
    }
    add("as frozen", &record.frozen);
    add("as last seen", &record.latest);
    if let Some(screenshot) = &record.screenshot {
        found.insert(screenshot.clone(), PICTURE.to_owned());
    }
    found
}

const PICTURE: &str = "picture";

pub(super) async fn evidence(
    state: Shared,
    named: Result<Path<(String, String, String, String)>, PathRejection>,
) -> Response {
    let nothing = || answer::not_found("this page has no such evidence");
    let Ok(Path((account, advertiser, url, sha256))) = named else { return nothing() };
    let Some(digest) = digest_of(&sha256) else { return nothing() };
    let state = state.0;
    let work = move || {
        let market = state.market();
        let office = Office { docket: &*state.docket, market: &market, now: state.exchange.clock.now() };
        match file(&office, &landing::subject(&account, &advertiser, &url), digest) {
            Ok(Some((bytes, ending))) => attached(bytes, &format!("{sha256}.{ending}")),
            Ok(None) => nothing(),
            Err(refused) => refusal(&refused),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| answer::unavailable(&StoreUnavailable("reading ended early; see the log".to_owned())))
}

/// A document of a page's history, and how its file's name ends: a page is saved as text, so that nothing opens it as a page.
fn file(office: &Office<'_>, subject: &Subject, digest: [u8; 32]) -> Result<Option<(Vec<u8>, &'static str)>, Refusal> {
    let sha256 = digest_text(&digest);
    office.page(subject)?;
    for kept in office.docket.history(subject, u64::MAX, MOST_STEPS)? {
        if let Some(what) = evidence_of(&Watched::read(&kept)?.record).get(&sha256) {
            let ending = if what == PICTURE { "png" } else { "txt" };
            return Ok(office.docket.document(&digest)?.map(|bytes| (bytes, ending)));
        }
    }
    Ok(None)
}

/// Bytes that are saved, and never shown from this origin; the guard adds `nosniff` and a policy that lets nothing run.
fn attached(bytes: Vec<u8>, name: &str) -> Response {
    let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) else {
        return answer::not_found("no such evidence");
    };
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// What is asked of a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// In words; a verdict needs it.
    #[serde(default)]
    reason: String,
    /// The step that was looked at.
    seen: Option<u64>,
}

pub(super) async fn decide(
    state: Shared,
    named: Result<Path<(String, String, String, String)>, PathRejection>,
    asking: Asking,
) -> Response {
    let Ok(Path((account, advertiser, url, asked))) = named else { return answer::not_found("no such page") };
    let verdict = Verdict::ALL.into_iter().find(|verdict| verb(*verdict) == asked);
    if verdict.is_none() && asked != LOOK {
        let known: Vec<_> = Verdict::ALL.into_iter().map(verb).chain([LOOK]).collect();
        return answer::not_found(&format!("a page has {}", known.join(", ")));
    }
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Sent>(body) {
        Ok(sent) => done(state, &sent.reason, |office, by| {
            let subject = landing::subject(&account, &advertiser, &url);
            let Some(verdict) = verdict else { return looked(office, &subject, by) };
            if by.reason.trim().is_empty() {
                return Err(Refusal::Malformed("`reason` must say what the verdict rests on".to_owned()));
            }
            let decided = office.confirm_page(&subject, verdict, sent.seen, by)?;
            let owed = decided.owed.iter().map(|deed| deed.label()).collect::<Vec<_>>();
            Ok((StatusCode::OK, json!({ "state": decided.state.label(), "step": decided.seq, "owed": owed })))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}

/// It is the pages, and not this side's line: of all that are held the next look decides.
pub(super) async fn release(state: Shared, asking: Asking) -> Response {
    let turns = state.reviewing.clone();
    let work = move |state: &Acting<'_>, body: &[u8]| match parsed::<Word>(body) {
        Ok(sent) => done(state, &sent.reason, |office, by| {
            if by.reason.trim().is_empty() {
                return Err(Refusal::Malformed("`reason` must say what shows that it is the pages".to_owned()));
            }
            let released = office.release_pages(by)?;
            tracing::warn!(released, by = by.actor, reason = by.reason, "verdicts on landing pages go on");
            Ok((StatusCode::OK, json!({ "released": released })))
        }),
        Err(outcome) => outcome,
    };
    change(state.0, turns, asking, work).await
}

/// Why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    reason: String,
}

/// Looking changes nothing of a page: it is no step of the docket, and stands in the log.
fn looked(office: &Office<'_>, subject: &Subject, by: &By<'_>) -> Result<(StatusCode, Value), Refusal> {
    office.look_now(subject)?;
    let page = office.page(subject)?;
    let looks = office.market.terms.landing.crawl;
    tracing::info!(page = subject.name, by = by.actor, reason = by.reason, "a landing page is to be looked at now");
    Ok((StatusCode::OK, json!({ "state": page.state.label(), "step": page.seq, "crawls": looks })))
}
