//! `/partner/v1/creatives`: to a buyer its own with what was found and decided; to a DSP those of its buyers with where they stand, so that it
//! knows what it may bid with (R-REVIEW).

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde_json::{Value, json};

use super::caller::{AsBuyer, Caller};
use super::docket::{creative_state, is_of, own_subject, record, step};
use super::lists::{Asked, Page, bad_cursor, page};
use super::problem::Problem;
use super::{Answered, read};
use crate::control::admin::{ControlState, Shared};
use crate::event::{KeptStep, Owner, SubjectKind, Wanted};
use crate::ids::BuyerId;
use crate::market::Market;
use crate::market::demand::{Creative, CreativeState};
use crate::market::partner::Partner;

pub(super) async fn list(state: Shared, caller: Caller, asked: Asked) -> Answered {
    let asked = Page::of(asked)?;
    read(state.0, caller, move |state, caller| {
        let market = state.market();
        let limit = asked.limit()?;
        let mut listing = Listing { state, market: &market, caller, items: Vec::new(), last: None, most: limit + 1 };
        let from = asked.name().map(Mark::parse).transpose()?;
        for (account, buyer) in buyers_of(&market, caller)? {
            let from = match &from {
                Some(mark) if mark.account > account => continue,
                Some(mark) if mark.account == account => mark.after.clone(),
                _ => After::Step(0),
            };
            listing.of_buyer(&account, buyer, from)?;
        }
        Ok(listing.page(limit))
    })
    .await
}

/// Whose creatives a partner sees, by ACCOUNT ID in order.
fn buyers_of(market: &Market, caller: &Caller) -> Result<Vec<(String, BuyerId)>, Problem> {
    let ids: Vec<_> = match caller.partner {
        Partner::Buyer(buyer) => vec![buyer],
        Partner::Dsp(dsp) => {
            market.dsps.get(dsp).map_or_else(Vec::new, |dsp| dsp.buyers.iter().map(|(id, _)| *id).collect())
        }
        Partner::Media(_) => return Err(Problem::not_found()),
    };
    let named = ids.into_iter().filter_map(|id| Some((market.buyers.get(id)?.account.clone(), id)));
    let mut named: Vec<_> = named.collect();
    named.sort();
    Ok(named)
}

/// Where a page begins: after a step among what was submitted, then after a name among what only the config has.
#[derive(Clone, Debug)]
enum After {
    Step(u64),
    Config(String),
}

/// A cursor: `ACCOUNT/s/STEP` or `ACCOUNT/c/CRID`.
struct Mark {
    account: String,
    after: After,
}

impl Mark {
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut parts = text.splitn(3, '/');
        let after = match (parts.next(), parts.next(), parts.next()) {
            (Some(account), Some("s"), Some(step)) => (account, After::Step(step.parse().map_err(|_| bad_cursor())?)),
            (Some(account), Some("c"), Some(crid)) => (account, After::Config(crid.to_owned())),
            _ => return Err(bad_cursor()),
        };
        Ok(Self { account: after.0.to_owned(), after: after.1 })
    }
}

/// A page that is being made: one item more than is asked for, to see that there is more.
struct Listing<'x> {
    state: &'x ControlState,
    market: &'x Market,
    caller: &'x Caller,
    items: Vec<(String, Value)>,
    last: Option<String>,
    most: usize,
}

impl Listing<'_> {
    fn of_buyer(&mut self, account: &str, buyer: BuyerId, from: After) -> Result<(), Problem> {
        let config = match from {
            After::Step(above) => {
                self.submitted(account, buyer, above)?;
                String::new()
            }
            After::Config(crid) => crid,
        };
        self.configured(account, buyer, &config)
    }

    fn room(&self) -> usize {
        self.most.saturating_sub(self.items.len())
    }

    fn submitted(&mut self, account: &str, buyer: BuyerId, above: u64) -> Result<(), Problem> {
        let room = u32::try_from(self.room()).unwrap_or(u32::MAX);
        if room == 0 {
            return Ok(());
        }
        let wanted = Wanted { state: None, owner: Some(Owner::Buyer(buyer)) };
        for kept in self.state.docket().list(SubjectKind::Creative, &wanted, above, room)? {
            let line = submitted_line(self.market, buyer, account, &kept, self.caller)?;
            self.items.push((format!("{account}/s/{}", kept.seq), line));
        }
        Ok(())
    }

    fn configured(&mut self, account: &str, buyer: BuyerId, after: &str) -> Result<(), Problem> {
        let room = self.room();
        if room == 0 {
            return Ok(());
        }
        let own = self.market.creatives.iter().filter(|it| it.buyer == buyer && it.crid() > after);
        let mut own: Vec<_> = own.collect();
        own.sort_unstable_by(|a, b| a.crid().cmp(b.crid()));
        for creative in own {
            if self.room() == 0 {
                break;
            }
            let name = format!("{account}/{}", creative.crid());
            if self.state.docket().versions(SubjectKind::Creative, &name)?.is_empty() {
                let line = configured_line(self.market, account, creative);
                self.items.push((format!("{account}/c/{}", creative.crid()), line));
            }
        }
        Ok(())
    }

    fn page(mut self, limit: usize) -> Value {
        if self.items.len() > limit {
            self.items.truncate(limit);
            self.last = self.items.last().map(|(mark, _)| mark.clone());
        }
        page(self.items.into_iter().map(|(_, line)| line).collect(), self.last)
    }
}

fn submitted_line(
    market: &Market,
    buyer: BuyerId,
    account: &str,
    kept: &KeptStep,
    caller: &Caller,
) -> Result<Value, Problem> {
    let (record, state) = (record(kept)?, creative_state(kept)?);
    let submission = &record.submission;
    let served = market.creative(buyer, &submission.crid).is_some_and(|creative| {
        u32::from(creative.version.0) == submission.version
            && market.creative_state(creative) == CreativeState::Approved
    });
    let mut line = json!({
        "account": account,
        "advertiser": submission.advertiser,
        "crid": submission.crid,
        "version": submission.version,
        "format": submission.format.name(),
        "state": state.label(),
        "served": served,
        "origin": record.origin,
        "at": kept.step.at.to_rfc3339(),
    });
    // Why is between the buyer and the exchange.
    if matches!(caller.partner, Partner::Buyer(_)) {
        line["reason"] = Value::from(kept.step.reason.as_str());
        line["reasons"] = json!(record.reasons);
    }
    Ok(line)
}

/// A creative that the exchange's operators approved in the config, without a submission.
fn configured_line(market: &Market, account: &str, creative: &Creative) -> Value {
    let state = market.creative_state(creative);
    json!({
        "account": account,
        "advertiser": market.advertiser(creative.advertiser).map(|it| it.wire.as_str()),
        "crid": creative.crid(),
        "version": creative.version.0,
        "format": creative.format.name(),
        "state": state.label(),
        "served": state == CreativeState::Approved,
        "origin": "config",
    })
}

type Crid = Result<Path<String>, PathRejection>;
type Version = Result<Path<(String, u32)>, PathRejection>;

/// All versions of a creative, the oldest first.
pub(super) async fn versions(state: Shared, buyer: AsBuyer, crid: Crid) -> Answered {
    let Path(crid) = crid?;
    read(state.0, buyer.caller, move |state, caller| {
        let market = state.market();
        let name = own_subject(caller, SubjectKind::Creative, &crid, 0).name;
        let versions = state.docket().versions(SubjectKind::Creative, &name)?;
        let mut items = Vec::new();
        for kept in versions.iter().filter(|kept| is_of(kept, caller.owner())) {
            items.push(submitted_line(&market, buyer.id, &caller.name, kept, caller)?);
        }
        if items.is_empty() {
            let creative = market.creative(buyer.id, &crid).ok_or_else(Problem::not_found)?;
            items.push(configured_line(&market, &caller.name, creative));
        }
        Ok(json!({ "items": items }))
    })
    .await
}

/// One version: as it was submitted, what the checks found, why it stands where it stands.
pub(super) async fn one(state: Shared, buyer: AsBuyer, named: Version) -> Answered {
    let Path((crid, version)) = named?;
    read(state.0, buyer.caller, move |state, caller| {
        let subject = own_subject(caller, SubjectKind::Creative, &crid, version);
        let kept = state.docket().standing(&subject)?.filter(|kept| is_of(kept, caller.owner()));
        let kept = kept.ok_or_else(Problem::not_found)?;
        let mut value = submitted_line(&state.market(), buyer.id, &caller.name, &kept, caller)?;
        let record = record(&kept)?;
        value["submission"] = json!(record.submission);
        value["findings"] = json!(record.findings);
        value["files"] = json!(record.named);
        Ok(value)
    })
    .await
}

/// What happened to one version, the newest first.
pub(super) async fn history(state: Shared, buyer: AsBuyer, named: Version, asked: Asked) -> Answered {
    let (Path((crid, version)), asked) = (named?, Page::of(asked)?);
    read(state.0, buyer.caller, move |state, caller| {
        let subject = own_subject(caller, SubjectKind::Creative, &crid, version);
        let (below, limit) = (asked.number(u64::MAX)?, asked.limit()?);
        let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut kept = state.docket().history(&subject, below, most)?;
        kept.retain(|kept| is_of(kept, caller.owner()));
        if kept.is_empty() && below == u64::MAX {
            return Err(Problem::not_found());
        }
        let more = kept.len() > limit;
        kept.truncate(limit);
        let mut items = Vec::new();
        for kept in &kept {
            let mut line = step(kept, caller, creative_state(kept)?.label());
            line["findings"] = json!(record(kept)?.findings);
            items.push(line);
        }
        Ok(page(items, kept.last().filter(|_| more).map(|kept| kept.seq.to_string())))
    })
    .await
}
