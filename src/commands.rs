//! What each command does.

pub(crate) mod backups;
pub(crate) mod finance;
pub(crate) mod statement;
mod terms;

use std::io::{IsTerminal, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use pmpx::clock::Clock;
use pmpx::control::config::{self, Moment};
use pmpx::event::Books;
use pmpx::ids::NodeId;
use pmpx::node::{Hurry, Node, Settings};
use pmpx::settlement::ledger;
use pmpx::settlement::office::facts_of;
use pmpx::settlement::orders::Orders;
use pmpx::store::SqliteReader;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Check, LogFormat, Serve, Verify};

/// Logs go to stderr: stdout is for results.
pub(crate) fn log_to_stderr(filter: &str, format: LogFormat) -> Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("--log {filter}"))?;
    // What cannot be logged, because the disk of the log is full too, is not told on stderr: that would end the thread.
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Json => logs.json().flatten_event(true).init(),
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
    }
    Ok(())
}

/// A line on stderr.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An error with its causes, each said once.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told {
        told if told.is_empty() => cause,
        told if told.contains(&cause) => told,
        told => format!("{told}: {cause}"),
    })
}

/// A line on stdout.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("writing to stdout")
}

/// `pmpx serve`.
pub(crate) fn serve(arguments: &Serve) -> Result<ExitCode> {
    let listener = TcpListener::bind(arguments.listen).with_context(|| format!("listening on {}", arguments.listen))?;
    let control = TcpListener::bind(arguments.control_listen)
        .with_context(|| format!("listening on {}", arguments.control_listen))?;
    let cores = arguments.cores.unwrap_or_else(all_cores);
    raise_open_files();
    outlive_file_size_limit()?;
    let node = Node::start(Settings {
        config: arguments.config.clone(),
        data: arguments.data.clone(),
        listener,
        control: Some(control),
        cores,
        clock: Clock::system(),
        watch: true,
        node: arguments.node.map(NodeId),
        unpin: arguments.unpin,
        variable,
    })?;
    tracing::info!(address = %node.address(), control = %arguments.control_listen, cores, "serving");
    wait_for_signals(|| {
        // The publisher logs what comes of it.
        let _ = node.reload();
    })?;
    tracing::info!("draining; a second signal makes it quick");
    node.drain(Duration::from_millis(arguments.drain_delay), &hurry_at_signal()?);
    Ok(ExitCode::SUCCESS)
}

/// As many open files as the system allows: each connection is one, and the usual limit of 1,024 is soon reached.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
}

/// At a limit of a file's size (`ulimit -f`) a write fails like one on a full disk, instead of the signal ending the process.
fn outlive_file_size_limit() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The handler stays for as long as the process lives.
    let listening = async { signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop) };
    runtime.block_on(listening).context("handling SIGXFSZ")
}

/// The machine's cores, at most what a node can name.
pub(crate) fn all_cores() -> u8 {
    std::thread::available_parallelism().map_or(1, |cores| u8::try_from(cores.get()).unwrap_or(u8::MAX))
}

/// Returns at SIGTERM or Ctrl-C; calls `reload` at each SIGHUP.
pub(crate) fn wait_for_signals(reload: impl Fn()) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = hang_up.recv() => reload(),
            }
        }
    })
}

/// The next SIGTERM or Ctrl-C asks for a hurry.
fn hurry_at_signal() -> Result<Hurry> {
    let hurry = Hurry::default();
    let asked = hurry.clone();
    let wait = move || {
        if wait_for_signals(|| {}).is_ok() {
            tracing::warn!("a second signal: draining in a hurry");
            asked.ask();
        }
    };
    std::thread::Builder::new().name("pmpx-signals".into()).spawn(wait)?;
    Ok(hurry)
}

/// Looks up an `env:NAME` secret.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `pmpx check`.
pub(crate) fn check(arguments: &Check) -> Result<ExitCode> {
    let at = Moment { now: Clock::system().now(), generation: 1 };
    let sources = config::load(&arguments.config).map(|sources| sources.with_environment(variable));
    let books = arguments.data.as_ref().map(|data| SqliteReader::open(data)).transpose()?;
    let mut book = books.as_ref().map(|books| books.load_ids()).transpose()?.unwrap_or_default();
    let compiled = sources.and_then(|sources| config::compile(&sources, &mut book, &at));
    match compiled {
        Ok(compiled) => {
            for warning in &compiled.warnings {
                complain(&format!("{warning} (warning)"));
            }
            let market = &compiled.market;
            if let Some(books) = &books {
                let orders = Orders::of(&facts_of(books)?);
                for remark in orders.remarks(market, at.now.shanghai_day()) {
                    complain(&format!("{}: {remark} (warning)", arguments.config.join("deals.toml").display()));
                }
            }
            say(&format!(
                "{}: ok: {} media, {} placements, {} DSPs, {} buyers, {} creatives, {} deals",
                arguments.config.display(),
                market.media.len(),
                market.placements.len(),
                market.dsps.len(),
                market.buyers.len(),
                market.creatives.len(),
                market.deals.len(),
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(diagnostics) => {
            say(diagnostics.to_string().trim_end())?;
            complain(&format!("{}: {} errors", arguments.config.display(), diagnostics.count()));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// `pmpx ledger verify`.
pub(crate) fn verify(arguments: &Verify) -> Result<ExitCode> {
    let books = SqliteReader::open(&arguments.data)?;
    match ledger::verify(&books) {
        Ok(proof) => {
            if arguments.json {
                say(&format!(
                    "{{\"ok\":true,\"charges\":{},\"sealed_days\":{},\"gone_days\":{},\"closed_days\":{},\"facts\":{},\"transactions\":{},\"entries\":{},\"head_seq\":{},\
                     \"posted_micro_yuan\":{},\"ledger_micro_yuan\":{}}}",
                    proof.charges,
                    proof.sealed_days,
                    proof.gone_days,
                    proof.closed_days,
                    proof.facts,
                    proof.transactions,
                    proof.entries,
                    proof.head_seq,
                    proof.posted_micro_yuan,
                    proof.ledger_micro_yuan,
                ))?;
            } else {
                say(&format!(
                    "ok: {} charges in the journal and {} transactions with {} entries in the ledger agree; {} days are sealed, of \
                     {} of them only the sums are left; {} days of guaranteed deals are closed",
                    proof.charges,
                    proof.transactions,
                    proof.entries,
                    proof.sealed_days,
                    proof.gone_days,
                    proof.closed_days
                ))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            say(&format!("broken: {broken}"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let cause = std::io::Error::other("disk full");
        let error = anyhow::Error::new(cause).context("data: disk full").context("starting");
        assert_eq!(in_words(&error), "starting: data: disk full");
    }
}
