//! The config folder, compiled into a market (interfaces, "Config folder").
//!
//! [`load`] reads the bytes; [`compile`] reads each file into entries that name each other (`exchange` … `deals`), finds whom the
//! names mean (`links`), judges the rules that concern several files (`rules`), and only then gives out numbers (`build`).
//! Every problem of a run is reported, each as `FILE:LINE: message`, with the rule that refuses it. What a refused entry would have
//! caused elsewhere is not reported. Nothing here reads a clock: the same sources at the same moment, with the same secrets, give the same market.

mod build;
mod buyers;
mod content;
mod creatives;
mod currencies;
mod deals;
mod diagnostic;
mod dsps;
mod exchange;
mod landing;
mod links;
mod media;
mod names;
mod notices;
mod operators;
mod partner_keys;
mod rate_card;
mod reader;
mod rules;
mod settlement;
mod sources;
mod targeting;
mod transport;
mod units;
mod words;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Diagnostics};
pub(in crate::control) use names::host_of;
pub use names::{SecretError, SecretSource};
pub use notices::TokenKeySource;
pub use sources::{LARGEST_FOLDER, Sources, load};

use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::ids::{BuyerId, IdBook, NodeId};
use crate::market::Market;
use crate::market::demand::TopUp;
use crate::market::figures::DatedFigures;
use crate::market::policy::content::ContentTerms;
use crate::market::policy::landing::LandingTerms;
use crate::market::policy::words::WordTerms;

use diagnostic::{At, File, Report};
use names::choice;

/// When a market is compiled, and as which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now: rules are judged as of its day in Shanghai.
    pub now: UnixMillis,
    /// The market's generation.
    pub generation: u64,
}

/// A market and what else the folder says.
#[derive(Debug)]
pub struct Compiled {
    /// The market.
    pub market: Market,
    /// What is served, but should be looked at; sorted by file and line.
    pub warnings: Vec<Diagnostic>,
    /// This node.
    pub node: NodeId,
    /// Keys of the charge tokens, newest first; none: the exchange makes one.
    pub token_keys: Vec<TokenKeySource>,
    /// Opening balances, each to be booked once by its reference.
    pub top_ups: Vec<(BuyerId, TopUp)>,
}

/// The entries of all files.
struct Folder {
    exchange: Option<exchange::Exchange>,
    supply: media::Supply,
    buyers: buyers::Buyers,
    dsps: reader::Register<dsps::DspEntry>,
    creatives: reader::Register<creatives::CreativeEntry>,
    currencies: currencies::Currencies,
    rates: rate_card::RateCard,
    deals: reader::Register<deals::DealEntry>,
    figures: Option<DatedFigures>,
    content: Option<ContentTerms>,
    landing: Option<LandingTerms>,
    operators: Option<operators::Entries>,
    words: Option<WordTerms>,
}

impl Folder {
    fn read(sources: &Sources, report: &Report) -> Self {
        Self {
            exchange: exchange::read(sources.text(File::Exchange), report),
            supply: media::read(sources.text(File::Media), report),
            buyers: buyers::read(sources.text(File::Buyers), report),
            dsps: dsps::read(sources, report),
            creatives: creatives::read(sources.text(File::Creatives), report),
            currencies: currencies::read(sources.text(File::Currencies), report),
            rates: rate_card::read(sources.text(File::RateCard), report),
            deals: deals::read(sources.text(File::Deals), report),
            figures: settlement::read(sources.text(File::Settlement), report),
            content: content::read(sources.optional_text(File::Content), report),
            landing: landing::read(sources, report),
            operators: operators::read(sources.optional_text(File::Operators), report),
            words: words::read(sources.optional_text(File::Words), report),
        }
    }
}

/// Compiles a market. The book gets the new names' numbers only if nothing was refused.
///
/// # Errors
/// [`Diagnostics`]: everything that is wrong. The book is as it was.
pub fn compile(sources: &Sources, book: &mut IdBook, at: &Moment) -> Result<Compiled, Diagnostics> {
    let report = Report::default();
    let mut folder = Folder::read(sources, &report);
    let links = links::resolve(&folder, &report);
    rules::judge(&folder, &links, at.now.shanghai_day(), &report);
    let warnings = report.finish(sources.folder())?;
    // Whatever refuses a file is reported above; should that ever be forgotten, it is refused all the same.
    let refused = |file: File| {
        let file = sources.folder().join(file.name());
        Diagnostics::from(vec![Diagnostic { file, line: 1, message: "this file is refused".to_owned() }])
    };
    let mut exchange = folder.exchange.take().ok_or_else(|| refused(File::Exchange))?;
    exchange.terms.figures = Arc::new(folder.figures.take().ok_or_else(|| refused(File::Settlement))?);
    exchange.terms.content = Arc::new(folder.content.take().ok_or_else(|| refused(File::Content))?);
    exchange.terms.landing = Arc::new(folder.landing.take().ok_or_else(|| refused(File::Landing))?);
    let operators = folder.operators.take().ok_or_else(|| refused(File::Operators))?;
    exchange.terms.operators = Arc::new(operators.finish());
    exchange.terms.words = Arc::new(folder.words.take().ok_or_else(|| refused(File::Words))?);

    let parts = build::parts(folder, links, (&exchange.terms, &exchange.token_lives, at.now.shanghai_day()), book);
    let top_ups = parts.buyers.iter().filter_map(|buyer| Some((buyer.id, buyer.opening_balance.clone()?))).collect();
    let market = Market::assemble(at.generation, at.now, sources.digest(), exchange.terms, parts);
    Ok(Compiled { market, warnings, node: exchange.node, token_keys: exchange.token_keys, top_ups })
}

/// The values of a list whose lines do not matter any more.
fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}
