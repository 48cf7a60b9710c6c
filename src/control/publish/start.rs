//! What is served first: the pinned generation, the config folder, or the last good generation where the folder is wrong.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use super::keys::Turn;
use super::orders::OrderBook;
use super::report::generation_words;
use super::switches::Overlay;
use super::{By, Desk, LastReload, Ports, Publisher, Refused, Standing, Trouble, pack};
use crate::billing::token::Tokens;
use crate::clock::UnixMillis;
use crate::control::config::{Compiled, Diagnostic, Diagnostics, Moment, Sources, compile, load};
use crate::event::{Audit, Generation, StoreUnavailable, Trigger};
use crate::exchange::Exchange;
use crate::ids::{IdBook, NodeId};
use crate::market::Market;

/// Looks up `env:NAME` secrets.
type Variable = fn(&str) -> Option<String>;

/// The newest generation that is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// It.
    pub generation: Generation,
    /// Its packed sources.
    pub sources: Vec<u8>,
}

/// What a start will serve.
#[derive(Debug)]
pub struct Choice {
    sources: Sources,
    node: NodeId,
    stored: Option<Stored>,
    /// Whether the folder is not looked at.
    pinned: bool,
    /// Why the folder is not served.
    problems: Option<Diagnostics>,
}

impl Choice {
    /// The node's number.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// The newest generation that it knows of; 0 for none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.stored.as_ref().map_or(0, |it| it.generation.number)
    }
}

/// Decides what to serve, before the store is opened for writing: that needs the node's number, which is in the config. A pinned
/// generation is served whatever the folder says, unless `unpin` ends the pin. `variable` looks up `env:NAME` secrets.
///
/// # Errors
/// [`Trouble`] when there is nothing to start with.
pub fn choose(
    folder: &Path,
    stored: Option<Stored>,
    unpin: bool,
    variable: Variable,
    now: UnixMillis,
) -> Result<Choice, Trouble> {
    if let Some(it) = stored.as_ref().filter(|it| it.generation.pinned && !unpin) {
        let (sources, node) = restored(it, variable, now).map_err(|trouble| match trouble {
            Trouble::Config(problems) => Trouble::Pinned { number: it.generation.number, problems },
            other => other,
        })?;
        return Ok(Choice { sources, node, stored, pinned: true, problems: None });
    }
    let checked = load(folder).and_then(|sources| {
        let sources = sources.with_environment(variable);
        Ok((node_of(&sources, now)?, sources))
    });
    match checked {
        Ok((node, sources)) => Ok(Choice { sources, node, stored, pinned: false, problems: None }),
        Err(problems) => last_good(stored, problems, variable, now),
    }
}

/// Where the folder is wrong.
fn last_good(
    stored: Option<Stored>,
    problems: Diagnostics,
    variable: Variable,
    now: UnixMillis,
) -> Result<Choice, Trouble> {
    let Some(it) = &stored else { return Err(problems.into()) };
    match restored(it, variable, now) {
        Ok((sources, node)) => Ok(Choice { sources, node, stored, pinned: false, problems: Some(problems) }),
        Err(trouble) => {
            tracing::error!(%trouble, generation = it.generation.number, "the last good generation is refused too");
            Err(problems.into())
        }
    }
}

fn restored(it: &Stored, variable: Variable, now: UnixMillis) -> Result<(Sources, NodeId), Trouble> {
    let sources = pack::unpack(it.generation.number, &it.sources)?.with_environment(variable);
    let node = node_of(&sources, now)?;
    Ok((sources, node))
}

fn node_of(sources: &Sources, now: UnixMillis) -> Result<NodeId, Diagnostics> {
    Ok(compile(sources, &mut IdBook::default(), &Moment { now, generation: 1 })?.node)
}

/// The first market of a process, before there is an exchange to serve it.
#[derive(Debug)]
pub struct Opened {
    /// The market, under the orders and suspensions that are stored.
    pub market: Market,
    /// What seals and opens charge tokens.
    pub tokens: Tokens,
    /// Becomes the publisher.
    pub opening: Opening,
}

/// A publisher that waits for its exchange.
#[derive(Debug)]
pub struct Opening {
    desk: Desk,
    orders: OrderBook,
    overlay: Overlay,
    standing: Standing,
}

impl Opening {
    /// What is served, but should be looked at.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.standing.warnings
    }

    /// The publisher of an exchange that serves the opened market.
    #[must_use]
    pub fn publisher(self, exchange: Arc<Exchange>) -> Publisher {
        let Self { desk, orders, overlay, standing } = self;
        if standing.refused {
            let [_, refused] = &exchange.metrics.reloads;
            refused.one();
        }
        let operations = desk.operations().clone();
        let review = Mutex::new(desk.review());
        let (desk, orders, overlay) = (Mutex::new(desk), Mutex::new(orders), Mutex::new(overlay));
        let standing = Mutex::new(standing);
        Publisher { exchange, operations, desk, orders, overlay, review, standing, passed_over: AtomicU64::new(0) }
    }
}

impl Desk {
    /// Compiles what was chosen, stores its numbers, books its opening balances, and makes it durable as the next generation if it
    /// is not the newest one.
    ///
    /// # Errors
    /// [`Trouble`] when there is nothing to start with.
    pub fn open(folder: &Path, choice: Choice, book: IdBook, ports: Ports, now: UnixMillis) -> Result<Opened, Trouble> {
        let mut desk = Self::new(folder, book, ports)?;
        let (choice, compiled, turn) = desk.first(choice, now)?;
        let Compiled { market, mut warnings, node, token_keys, .. } = compiled;
        let Some(tokens) = turn.tokens() else {
            return Err(StoreUnavailable("there is no token key".to_owned()).into());
        };
        desk.starts_as(node);
        desk.promise(&turn)?;
        desk.note_start(&choice, market.generation, now)?;
        warnings.extend(desk.key_warnings(&turn));
        desk.turned(turn, Some(token_keys), now);
        let newest = choice.stored.as_ref().filter(|it| it.generation.number == market.generation);
        let mut standing = Standing {
            warnings,
            pinned: choice.pinned,
            restores: newest.and_then(|it| it.generation.restores),
            refused: choice.problems.is_some(),
            last: None,
        };
        if choice.pinned {
            tracing::warn!(generation = market.generation, "a pinned generation is served, not the config folder");
        }
        if let Some(problems) = choice.problems {
            tracing::error!(
                generation = market.generation,
                "THE CONFIG FOLDER IS REFUSED; the last good generation is served:\n{problems}"
            );
            let outcome = Err(Refused { trouble: problems.into(), generation: market.generation });
            standing.last = Some(Arc::new(LastReload { at: now, trigger: Trigger::Start, outcome }));
        }
        let overlay = Overlay::of(desk.operations().suspensions()?);
        let mut orders = OrderBook::open(desk.folder(), desk.ledger())?;
        let market = orders.lay(&market, now.shanghai_day()).under(overlay.suspensions());
        Ok(Opened { market, tokens, opening: Opening { desk, orders, overlay, standing } })
    }

    /// A folder that compiles may still be refused by what the store knows, of opening balances for example: then the last good
    /// generation is served, too.
    fn first(&mut self, choice: Choice, now: UnixMillis) -> Result<(Choice, Compiled, Turn), Trouble> {
        let variable = self.variable();
        let number = |choice: &Choice| {
            let newest = choice.stored.as_ref().map(|it| &it.generation);
            newest.map_or(1, |it| if it.digest == choice.sources.digest() { it.number } else { it.number + 1 })
        };
        let mut attempt = |choice: &Choice| {
            let compiled = self.prepare(&choice.sources, &Moment { now, generation: number(choice) })?;
            let turn = self.turn(&compiled.token_keys, &compiled.market, now)?;
            Ok((compiled, turn))
        };
        match attempt(&choice) {
            Ok((compiled, turn)) => Ok((choice, compiled, turn)),
            Err(Trouble::Config(problems)) if !choice.pinned && choice.problems.is_none() => {
                let choice = last_good(choice.stored, problems, variable, now)?;
                let (compiled, turn) = attempt(&choice)?;
                Ok((choice, compiled, turn))
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Makes what is served durable, if it is not.
    fn note_start(&self, choice: &Choice, number: u64, now: UnixMillis) -> Result<(), StoreUnavailable> {
        let by = By::trigger(Trigger::Start);
        let newest = choice.stored.as_ref().map(|it| &it.generation);
        let before = newest.map_or_else(String::new, |it| generation_words(it.number, it.pinned, it.restores));
        let audit = |action: &str, after| Audit {
            seq: 0,
            at: now,
            actor: by.actor.clone(),
            action: action.to_owned(),
            subject: "market".to_owned(),
            before: before.clone(),
            after,
            reason: by.reason.clone(),
        };
        if let Some(newest) = newest.filter(|it| it.number == number) {
            if newest.pinned && !choice.pinned {
                let after = generation_words(number, false, newest.restores);
                self.operations().unpin(number, &audit("unpin", after))?;
            }
            return Ok(());
        }
        let changes = newest.map(|_| "the config folder changed while the exchange was stopped".to_owned());
        let generation = Generation {
            number,
            digest: choice.sources.digest(),
            published_at: now,
            trigger: by.trigger,
            actor: by.actor.clone(),
            reason: String::new(),
            changes: changes.into_iter().collect(),
            restores: None,
            pinned: false,
            size: 0,
        };
        let after = generation_words(number, false, None);
        self.operations().publish(&generation, &pack::pack(&choice.sources), &audit("publish", after))
    }
}
