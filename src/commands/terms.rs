//! The terms that the commands on money go by: the config folder, with the numbers that a data folder has given to its names.

use std::path::Path;

use anyhow::{Result, bail};
use pmpx::clock::{Clock, UnixMillis};
use pmpx::control::config::{self, Moment};
use pmpx::event::Books;
use pmpx::market::Market;
use pmpx::settlement::office::facts_of;
use pmpx::settlement::orders::Orders;

/// How many unknown names are told.
const TOLD: usize = 5;

/// The market of a config folder under the data folder's orders. Secrets are not looked up: nothing is served from it.
///
/// # Errors
/// What is wrong with the folder; or that it names somebody whom the data folder does not know yet.
pub(crate) fn of(folder: &Path, books: &dyn Books) -> Result<Market> {
    let at = Moment { now: now(), generation: 1 };
    // As long as a token key, in hexadecimal: right wherever a secret may stand.
    let secret = |_: &str| Some("0".repeat(128));
    let mut book = books.load_ids()?;
    let sources = config::load(folder).map(|sources| sources.with_environment(secret));
    let compiled = match sources.and_then(|sources| config::compile(&sources, &mut book, &at)) {
        Ok(compiled) => compiled,
        Err(diagnostics) => bail!("the config is refused:\n{}", diagnostics.to_string().trim_end()),
    };
    let fresh = book.fresh();
    if !fresh.is_empty() {
        let names: Vec<_> = fresh.iter().take(TOLD).map(|(kind, _, name)| format!("{} {name}", kind.label())).collect();
        bail!(
            "{} has {} names that this data folder does not know yet ({}, …): serve or reload it first",
            folder.display(),
            fresh.len(),
            names.join(", ")
        );
    }
    let orders = Orders::of(&facts_of(books)?);
    Ok(compiled.market.by_orders(orders.over(&compiled.market)))
}

/// The machine's time.
pub(crate) fn now() -> UnixMillis {
    Clock::system().now()
}
