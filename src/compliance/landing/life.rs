//! What follows for a page: from what becomes of its creatives, from what was seen of it, from what a person decides. Pure.

use super::guard::alike;
use super::record::noted;
use super::{
    Again, Deed, Held, Lead, Look, MOST_USES, Odd, PageState, Record, Round, Ruling, Sight, Standing, Standpoint, Stop,
    Use, Verdict,
};
use crate::compliance::crawl::Agent;
use crate::compliance::office::Refusal;
use crate::market::policy::landing::Watch;

/// Rounds that are kept in a page's record, the newest last.
pub(super) const MOST_ROUNDS: usize = 12;
const DAY_MS: u64 = 86_400_000;

/// What follows for a page from what became of a creative; `None`: nothing. A page that [`MOST_USES`] lead to takes no more.
#[must_use]
pub fn used(state: PageState, record: &Record, lead: &Lead<'_>, now: Standpoint) -> Option<Standing> {
    let mut next = record.clone();
    let is_it = |it: &Use| it.crid == lead.crid && it.version == lead.version;
    let place = next.uses.iter().position(is_it);
    let one = Use { crid: lead.crid.to_owned(), version: lead.version, standing: now, from_ms: lead.from_ms };
    match place {
        Some(place) if now == Standpoint::Gone => {
            next.matches.retain(|matched| !matched.is_of(&one));
            next.uses.remove(place);
        }
        Some(place) => next.uses.iter_mut().skip(place).take(1).for_each(|it| it.clone_from(&one)),
        None if now == Standpoint::Gone || next.uses.len() >= MOST_USES => return None,
        None => next.uses.push(one),
    }
    let held = next.is_held();
    let next_state = match (state, &next.stop) {
        _ if next.uses.is_empty() => PageState::Retired,
        // What it was when others led to it does not bind those that come now; a stop does, until a person lifts it.
        (PageState::Retired, Some(stop)) => stop.state,
        (PageState::Retired, None) => {
            (next.frozen, next.latest) = (Vec::new(), Vec::new());
            (next.misses, next.doubted, next.odd, next.held) = (0, Vec::new(), None, None);
            if held { PageState::Watched } else { PageState::Awaited }
        }
        (PageState::Awaited, _) if held => PageState::Watched,
        (state, _) => state,
    };
    if !next.uses.iter().any(|it| it.standing == Standpoint::Approved) {
        next.since_ms = None;
    }
    if next_state.is_stopped() && now == Standpoint::Approved && !next.owed.contains(&Deed::Suspend) {
        next.owed.retain(|deed| *deed != Deed::Resume);
        next.owed.insert(0, Deed::Suspend);
    }
    if (next_state, &next) == (state, record) {
        return None;
    }
    let is_new = place.is_none() || next_state != state;
    let again = match next_state {
        _ if !next.owed.is_empty() => Again::Now,
        PageState::Retired => Again::Never,
        _ if is_new => Again::Now,
        _ => Again::AsBefore,
    };
    Some(Standing { state: next_state, record: next, again })
}

/// What follows from a round. Where the state and the record are the same afterwards, nothing does; nor while something is still owed of the
/// last verdict, whose evidence would be lost.
#[must_use]
pub fn seen(state: PageState, record: &Record, round: &Round, watch: &Watch) -> Standing {
    if !record.owed.is_empty() {
        return Standing { state, record: record.clone(), again: Again::Now };
    }
    if state == PageState::Retired {
        return Standing { state, record: record.clone(), again: Again::Never };
    }
    let confirm_ms = u64::try_from(watch.confirm.as_millis()).unwrap_or(u64::MAX);
    let mut standing = follow(state, record, round, (watch, confirm_ms));
    for matched in &round.matches {
        let matches = &mut standing.record.matches;
        matches.retain(|it| (&it.crid, it.version) != (&matched.crid, matched.version));
        matches.push(matched.clone());
    }
    if round.more && standing.again == Again::Usual {
        standing.again = Again::After(confirm_ms);
    }
    let last_ms = record.rounds.last().map_or(0, |noted| noted.at_ms);
    if (standing.state, &standing.record) != (state, record) || round.at.0 >= last_ms.saturating_add(DAY_MS) {
        let rounds = &mut standing.record.rounds;
        rounds.push(noted(round));
        let over = rounds.len().saturating_sub(MOST_ROUNDS);
        rounds.drain(..over);
    }
    standing
}

fn follow(state: PageState, record: &Record, round: &Round, (watch, confirm_ms): (&Watch, u64)) -> Standing {
    let mut record = record.clone();
    let sights = || round.looks.iter().filter_map(|(_, look)| look.sight().cloned());
    if round.looks.iter().all(|(_, look)| matches!(look, Look::Later)) && round.infected.is_none() {
        return Standing { state, record, again: Again::After(confirm_ms) };
    }
    let none = round.looks.iter().any(|(_, look)| matches!(look, Look::None(_)));
    record.misses = if none && !state.is_stopped() { record.misses.saturating_add(1) } else { 0 };
    if let Some(apart) = &round.apart {
        record.apart.clone_from(apart);
    }
    if let Some(found) = &round.infected {
        // What is infected is not what the page should be: it is nothing that a person could confirm.
        record.latest.clear();
        record.misses = 0;
        if state == PageState::Infected {
            return Standing { state, record, again: Again::Usual };
        }
        let stop = Stop {
            state: PageState::Infected,
            at_ms: round.at.0,
            before: Vec::new(),
            after: sights().collect(),
            found: vec![found.clone()],
            entered: Vec::new(),
        };
        return stopped(record, stop, false);
    }
    if state.is_stopped() {
        merge(&mut record.latest, sights());
        return Standing { state, record, again: Again::Usual };
    }
    if !record.is_held() {
        merge(&mut record.frozen, sights());
        record.doubted.clear();
        (record.odd, record.held) = (None, None);
        return unless_unreachable((state, PageState::Awaited), record, (watch, confirm_ms));
    }
    judged(state, record, round, (watch, confirm_ms))
}

/// The same for a page that is held to what was frozen.
fn judged(state: PageState, mut record: Record, round: &Round, (watch, confirm_ms): (&Watch, u64)) -> Standing {
    let is_other = |agent: Agent, look: &Look| matches!(look, Look::Other(..)) && record.frozen_for(agent).is_some();
    let others: Vec<_> = round.looks.iter().filter(|(agent, look)| is_other(*agent, look)).collect();
    let same = |of: Agent| round.looks.iter().any(|(agent, look)| *agent == of && matches!(look, Look::Same(_)));
    if others.is_empty() {
        // What a kind of browser sees for the first time is what it is held to from now on.
        let new = round.looks.iter().filter(|(agent, _)| record.frozen_for(*agent).is_none());
        let new: Vec<_> = new.filter_map(|(_, look)| look.sight().cloned()).collect();
        merge(&mut record.frozen, new.into_iter());
        record.doubted.retain(|agent| !same(*agent));
        record.latest.retain(|sight| !same(sight.agent));
        if record.doubted.is_empty() {
            (record.odd, record.held) = (None, None);
        }
        let certain = record.doubted.is_empty() && Agent::ALL.into_iter().any(same);
        if certain && record.runs(round.at) {
            record.since_ms = record.since_ms.or(Some(round.at.0));
        }
        let next = if certain && record.misses == 0 { PageState::Watched } else { state };
        return unless_unreachable((state, next), record, (watch, confirm_ms));
    }
    let after: Vec<_> = others.iter().filter_map(|(_, look)| look.sight().cloned()).collect();
    record.odd = Some(odd(record.odd, round));
    if record.doubted.is_empty() {
        record.doubted = others.iter().map(|(agent, _)| *agent).collect();
        record.latest = after;
        return Standing { state: PageState::Doubted, record, again: Again::After(confirm_ms) };
    }
    let unproven = match &round.ruling {
        Ruling::Take => round.unproven,
        Ruling::Unproven => true,
        Ruling::Wait => return waiting(record, after, None, (watch, confirm_ms, round)),
        Ruling::Hold(held) => return waiting(record, after, Some(held), (watch, confirm_ms, round)),
    };
    let before = others.iter().filter_map(|(agent, _)| record.frozen_for(*agent).cloned()).collect();
    let cloaked = Agent::ALL.into_iter().any(same);
    let told = |(agent, look): &&(Agent, Look)| {
        let found: &[String] = if let Look::Other(_, found) = look { found } else { &[] };
        found.iter().map(|it| format!("{}: {it}", agent.label())).collect::<Vec<_>>()
    };
    let found = others.iter().flat_map(told).collect();
    let state = if cloaked { PageState::Cloaked } else { PageState::Changed };
    let stop = Stop { state, at_ms: round.at.0, before, after, found, entered: Vec::new() };
    // What is cloaked a person judges; so is what was another page from the first look on, or while nothing was shown, or is not proven.
    let in_display = record.since_ms.is_some() && record.runs(round.at) && !unproven;
    stopped(record, stop, state == PageState::Changed && in_display)
}

/// What a page shows that is another one: since when is kept, and what it shows as long as that is the same.
fn odd(known: Option<Odd>, round: &Round) -> Odd {
    let since_ms = known.as_ref().map_or(round.at.0, |odd| odd.since_ms);
    match known.filter(|odd| odd.marks == round.marks || alike(&odd.marks, &round.marks)) {
        Some(odd) => odd,
        None => Odd { since_ms, at_ms: round.at.0, marks: round.marks.clone() },
    }
}

/// A page of which the guard lets no verdict be taken: it stays in doubt. It is looked at again soon, and the less soon the longer that lasts.
fn waiting(
    mut record: Record,
    after: Vec<Sight>,
    held: Option<&Held>,
    (watch, confirm_ms, round): (&Watch, u64, &Round),
) -> Standing {
    merge(&mut record.latest, after.into_iter());
    record.held = held.cloned().or(record.held);
    let lasts_ms = record.held.as_ref().map_or(0, |held| round.at.0.saturating_sub(held.since_ms));
    let shortest_ms = u64::try_from(watch.shortest.as_millis()).unwrap_or(u64::MAX);
    let again = Again::After((lasts_ms / 8).min(shortest_ms).max(confirm_ms));
    Standing { state: PageState::Doubted, record, again }
}

fn stopped(mut record: Record, stop: Stop, is_violation: bool) -> Standing {
    let state = stop.state;
    if state != PageState::Infected {
        record.latest.clone_from(&stop.after);
    }
    (record.misses, record.doubted, record.held) = (0, Vec::new(), None);
    record.stop = Some(stop);
    record.owed = vec![Deed::Suspend, Deed::Violation, Deed::Tell];
    record.owed.retain(|deed| *deed != Deed::Violation || is_violation);
    Standing { state, record, again: Again::Now }
}

/// Where no answer came lately it is looked again soon, then less and less soon, and after a while its buyer is told.
fn unless_unreachable(
    (before, after): (PageState, PageState),
    mut record: Record,
    (watch, confirm_ms): (&Watch, u64),
) -> Standing {
    let again = match record.misses {
        0 if record.doubted.is_empty() => Again::Usual,
        misses => Again::After(longer(confirm_ms, misses)),
    };
    if record.misses < watch.misses {
        return Standing { state: after, record, again };
    }
    let again = if before == PageState::Unreachable { again } else { Again::Now };
    if before != PageState::Unreachable {
        record.owed.push(Deed::Tell);
    }
    Standing { state: PageState::Unreachable, record, again }
}

/// How a page stands when what was owed is done, with the references of what was entered.
#[must_use]
pub fn done(state: PageState, record: &Record, entered: Vec<String>, watch: &Watch) -> Standing {
    let mut record = Record { owed: Vec::new(), ..record.clone() };
    if let Some(stop) = &mut record.stop {
        let new: Vec<_> = entered.into_iter().filter(|it| !stop.entered.contains(it)).collect();
        stop.entered.extend(new);
    }
    let confirm_ms = u64::try_from(watch.confirm.as_millis()).unwrap_or(u64::MAX);
    let again = match state {
        PageState::Retired => Again::Never,
        PageState::Watched | PageState::Awaited => Again::Now,
        PageState::Unreachable => Again::After(longer(confirm_ms, record.misses)),
        _ => Again::Usual,
    };
    Standing { state, record, again }
}

/// The time to the next look after so many without an answer.
const fn longer(confirm_ms: u64, misses: u32) -> u64 {
    confirm_ms.saturating_mul(1 << if misses < 10 { misses } else { 10 })
}

/// What follows from what a person decides of a page.
///
/// # Errors
/// [`Refusal::Taken`] while something of the last verdict is still to be done, [`Refusal::Rule`] where there is nothing to decide.
pub fn decided(state: PageState, record: &Record, verdict: Verdict) -> Result<Standing, Refusal> {
    if !record.owed.is_empty() {
        let why = "what follows from the last verdict on this page is still being done: look again";
        return Err(Refusal::Taken(why.to_owned()));
    }
    let mut record = record.clone();
    let refused = |rule, en: &str, zh: &str| Err(Refusal::rule(rule, (en, zh)));
    match (verdict, &mut record.stop) {
        (Verdict::Confirmed, stop) => {
            let resumes = stop.take().is_some();
            if !resumes && !matches!(state, PageState::Doubted | PageState::Unreachable) {
                let (en, zh) = ("nothing stands against this page: there is nothing to confirm", "该页面无待确认事项");
                return refused("R-LANDING-FROZEN", en, zh);
            }
            let latest = std::mem::take(&mut record.latest);
            merge(&mut record.frozen, latest.into_iter());
            (record.misses, record.doubted, record.since_ms) = (0, Vec::new(), None);
            (record.odd, record.held) = (None, None);
            record.owed.extend(resumes.then_some(Deed::Resume));
            let state = match state {
                PageState::Retired => PageState::Retired,
                _ if record.is_held() => PageState::Watched,
                _ => PageState::Awaited,
            };
            Ok(Standing { state, record, again: Again::Now })
        }
        (Verdict::Released, _) => match &mut record.held {
            Some(held) if !held.released => {
                held.released = true;
                Ok(Standing { state, record, again: Again::Now })
            }
            _ => {
                let (en, zh) = ("no verdict on this page is held back", "该页面没有被暂缓的处理");
                refused("R-LANDING-FROZEN", en, zh)
            }
        },
        (Verdict::Unlawful, Some(_)) => {
            record.owed.push(Deed::Unlawful);
            Ok(Standing { state, record, again: Again::Now })
        }
        (Verdict::Changed, Some(stop)) if stop.state != PageState::Infected => {
            record.owed.push(Deed::Violation);
            Ok(Standing { state, record, again: Again::Now })
        }
        (Verdict::Changed, Some(_)) => {
            let en = "an infected page is the buyer's cause, and no change of the page by itself";
            refused("R-LANDING-SAFE", en, "页面感染恶意软件属买方原因，不单独构成页面变更违约")
        }
        (_, None) => {
            refused("R-LANDING-FROZEN", "the page is not stopped: there is no evidence", "该页面未被停用，无证据可依")
        }
    }
}

/// Replaces what each kind of browser saw, where it is another page.
fn merge(known: &mut Vec<Sight>, new: impl Iterator<Item = Sight>) {
    for sight in new {
        let same = |it: &Sight| (it.agent, &it.sha256, &it.route) == (sight.agent, &sight.sha256, &sight.route);
        if known.iter().any(same) {
            continue;
        }
        known.retain(|it| it.agent != sight.agent);
        known.push(sight);
    }
    known.sort_by_key(|sight| sight.agent);
}
