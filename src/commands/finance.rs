//! `pmpx enter` and `pmpx records`: money records from the command line, also while nodes serve from the data folder.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use pmpx::event::{Booking, FactKind, KeptFact, Kinds, Ledger, Whose};
use pmpx::market::Market;
use pmpx::settlement::ledger;
use pmpx::settlement::office::{self, LARGEST_BODY, Submission};
use pmpx::store::{SqliteReader, SqliteStore};
use serde_json::{Value, json};

use super::{say, terms};
use crate::arguments::{Enter, Records, Verify};

/// How many records are read at once.
const RECORDS: u32 = 1_000;

/// `pmpx enter`.
pub(crate) fn enter(arguments: &Enter) -> Result<ExitCode> {
    let kinds: Vec<_> = office::kinds().collect();
    let Some(kind) = FactKind::from_label(&arguments.kind).filter(|kind| kinds.contains(&kind.label())) else {
        bail!("no such kind of record: {:?}; there are {}", arguments.kind, kinds.join(", "));
    };
    let mut body = read(arguments)?;
    if let Some(attached) = &arguments.attach {
        body = attach(&body, attached)?;
    }
    let now = terms::now();
    let store = SqliteStore::open_for_entry(&arguments.data, now)?;
    let market = terms::of(&arguments.config, &*store.snapshot()?)?;
    let submission = Submission { kind, reference: &arguments.reference, actor: &arguments.actor, body: &body };
    let receipt = office::enter(&submission, &market, &store, now)?;
    let entered = receipt.booking == Booking::Booked;
    if arguments.json {
        say(&json!({ "entered": entered, "kind": kind.label(), "reference": arguments.reference }).to_string())?;
    } else {
        let words = if entered { "entered" } else { "was entered before, nothing changed" };
        say(&format!("{} {}: {words}", kind.label(), arguments.reference))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The record: an argument, a file, or standard input.
fn read(arguments: &Enter) -> Result<Vec<u8>> {
    let most = LARGEST_BODY as u64 + 1;
    let mut body = Vec::new();
    match (&arguments.record, &arguments.file) {
        (Some(record), _) => body.extend_from_slice(record.as_bytes()),
        (None, Some(path)) if path.as_os_str() != "-" => {
            let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
            file.take(most).read_to_end(&mut body).with_context(|| path.display().to_string())?;
        }
        (None, _) => {
            std::io::stdin().take(most).read_to_end(&mut body).context("reading standard input")?;
        }
    }
    Ok(body)
}

/// The record with the text of a file as one of its fields.
fn attach(body: &[u8], attached: &str) -> Result<Vec<u8>> {
    let (field, path) = attached.split_once('=').context("--attach is FIELD=FILE")?;
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| path.to_owned())?;
    file.take(LARGEST_BODY as u64 + 1).read_to_string(&mut text).with_context(|| path.to_owned())?;
    let record: Value = serde_json::from_slice(body).context("the record")?;
    let Value::Object(mut fields) = record else { bail!("the record is no JSON object") };
    if fields.insert(field.to_owned(), Value::from(text)).is_some() {
        bail!("--attach {field}: the record has that field already");
    }
    Ok(serde_json::to_vec(&fields)?)
}

/// `pmpx records`.
pub(crate) fn records(arguments: &Records) -> Result<ExitCode> {
    let kind = match &arguments.kind {
        Some(label) => Some(FactKind::from_label(label).with_context(|| format!("no such kind of record: {label:?}"))?),
        None => None,
    };
    let books = SqliteReader::open(&arguments.data)?;
    let market = terms::of(&arguments.config, &books)?;
    let buyer = match &arguments.buyer {
        Some(account) => {
            let known = market.buyers.iter().find(|buyer| buyer.account == *account);
            Some(known.with_context(|| format!("buyer {account:?} is not known"))?.id)
        }
        None => None,
    };
    let (kinds, whose) = (kind.map_or(Kinds::All, Kinds::Only), buyer.map_or(Whose::Anybodys, Whose::Of));
    let mut after = 0;
    loop {
        let page = office::page_of(&books, kinds, whose, after, RECORDS)?;
        let Some(last) = page.last() else { return Ok(ExitCode::SUCCESS) };
        after = last.seq;
        page.iter().try_for_each(|kept| tell(kept, &market, arguments.json))?;
    }
}

fn tell(kept: &KeptFact, market: &Market, as_json: bool) -> Result<()> {
    let fact = &kept.fact;
    let account = fact.buyer.and_then(|buyer| market.buyers.get(buyer)).map_or("-", |it| it.account.as_str());
    if as_json {
        let record: Value = serde_json::from_str(&fact.body).unwrap_or_default();
        let line = json!({
            "seq": kept.seq, "kind": fact.kind.label(), "reference": fact.reference, "buyer": account,
            "day": fact.day.to_string(), "at": fact.at.to_rfc3339(), "actor": fact.actor, "record": record,
        });
        return say(&line.to_string());
    }
    let (at, kind) = (fact.at.to_rfc3339(), fact.kind.label());
    say(&format!("{}  {at}  {}  {kind}  {}  {account}  {}", kept.seq, fact.actor, fact.reference, fact.body))
}

/// `pmpx ledger rebuild`.
pub(crate) fn rebuild(arguments: &Verify) -> Result<ExitCode> {
    let made = ledger::rebuild(&SqliteReader::open(&arguments.data)?)?;
    let [journal, booked] =
        [made.journal, made.ledger].map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let same = journal == booked;
    if arguments.json {
        say(&json!({ "ok": same, "journal": journal, "ledger": booked }).to_string())?;
    } else {
        say(&format!("made again from the journal: {journal}\nin the ledger:               {booked}"))?;
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
