//! The command line (interfaces.md, "Command line").

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pmpx::clock::Month;

/// What is logged unless told otherwise; the demo, whose terminal shows figures, logs warnings only.
pub(crate) const DEFAULT_LOG: &str = "info";

/// A private-marketplace ad exchange: media send OpenRTB requests, approved DSPs bid on deals, every fen is accounted for.
#[derive(Debug, Parser)]
#[command(name = "pmpx", version, about, max_term_width = 100, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    /// What is logged: a level (error, warn, info, debug, trace) or directives such as `pmpx=debug`.
    #[arg(long, global = true, env = "PMPX_LOG", default_value = DEFAULT_LOG, value_name = "FILTER")]
    pub(crate) log: String,
    /// How it is logged: text, or one JSON object a line. What of an auction is told is set in exchange.toml, `[logging]`.
    #[arg(long, global = true, env = "PMPX_LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    #[command(flatten)]
    pub(crate) serve: Serve,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the exchange; also what `pmpx` alone does. SIGTERM or Ctrl-C drains and stops it, a second one makes that quick,
    /// SIGHUP reloads the config.
    Serve(Serve),
    /// Shows everything working in one process on loopback: the exchange, scripted DSPs, replayed media traffic that also
    /// fires the billing notices, and the control plane. It writes only under a temporary folder that it names.
    Demo(Demo),
    /// Validates a config folder: every error as FILE:LINE: message; exit code 1 if there is any.
    Check(Check),
    /// Writes a backup of a data folder, also while it is served from: one moment's store with its token key, their digests and the last
    /// row of the journal.
    Backup(Backup),
    /// Makes a new data folder from a backup: compares its digests, proves its books, and numbers boots and leases on. What was won after
    /// the backup cannot be billed any more.
    Restore(Restore),
    /// Enters a money record, once by its reference, also while the exchange serves from the data folder: top-ups, grants, orders,
    /// violations, monitors' figures, closings. The kinds and their forms are in docs/finance.md.
    Enter(Enter),
    /// Lists money records in the order of their entry.
    Records(Records),
    /// Writes the monthly statement of one buyer to standard output: as it was closed, else month to date. The same figures make the
    /// same bytes.
    Statement(Statement),
    /// Looks after the ledger.
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Proves conservation, no gaps, and that the ledger equals the journal; exit code 1 on any break.
    Verify(Verify),
    /// Makes what was delivered again from the journal, sealed days and leases, and compares its digest with that of the ledger; exit
    /// code 1 when they differ. Nothing is written.
    Rebuild(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The config folder.
    #[arg(long, default_value = "config")]
    pub(crate) config: PathBuf,
    /// The data folder; made when it is not there.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Where the data plane listens.
    #[arg(long, env = "PMPX_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where the control plane listens; loopback only.
    #[arg(long, env = "PMPX_CONTROL_LISTEN", default_value = "127.0.0.1:8081")]
    pub(crate) control_listen: SocketAddr,
    /// Cores of the hot plane; by default all of the machine's.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) cores: Option<u8>,
    /// This process's number among those that serve from the data folder, instead of `node` in exchange.toml.
    #[arg(long, env = "PMPX_NODE", value_name = "N")]
    pub(crate) node: Option<u16>,
    /// How long the node still serves after it has said that it is not ready, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(crate) drain_delay: u64,
    /// Serves the config folder though a rollback has pinned an older generation.
    #[arg(long)]
    pub(crate) unpin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// For how long; without it, until Ctrl-C.
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
    /// Requests a second.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "R")]
    pub(crate) rate: u32,
    /// Prints one JSON object as the last line; the exit code is 0 only if there were no errors and billed = ledger.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the control plane listens; by default on a free port.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) control_listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The config folder.
    #[arg(long, default_value = "config")]
    pub(crate) config: PathBuf,
    /// A data folder, which may be in use: also warns where its confirmed orders and the config differ.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to make; nothing is overwritten.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
    /// The data folder; it may be in use.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup's folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: PathBuf,
    /// The data folder to make; nothing is overwritten.
    #[arg(long, value_name = "NEW")]
    pub(crate) data: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Statement {
    /// The natural month, in Shanghai.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    pub(crate) month: Month,
    /// Whose.
    #[arg(long, value_name = "ACCOUNT_ID")]
    pub(crate) buyer: String,
    /// How it is written; html is for print, xlsx is a workbook.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: StatementFormat,
    /// In which language. Names stay as they are, capital numerals are Chinese.
    #[arg(long, value_enum, default_value_t, value_name = "LANGUAGE")]
    pub(crate) lang: StatementLanguage,
    /// The config folder.
    #[arg(long, default_value = "config")]
    pub(crate) config: PathBuf,
    /// The data folder; it may be in use.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
}

/// How a statement is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StatementFormat {
    #[default]
    Text,
    Json,
    Csv,
    Html,
    Xlsx,
}

/// The language of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StatementLanguage {
    #[default]
    Zh,
    En,
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "is no month; write it like 2026-11".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The data folder; it may be in use.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Enter {
    /// What the record says, such as `top-up`.
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// What you know it by: the same record under the same reference is entered once.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: String,
    /// The record as a JSON object; without it and without --file, it is read from standard input.
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    pub(crate) record: Option<String>,
    /// A file with the record; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Puts the text of a file into a field of the record, such as `csv=figures.csv`.
    #[arg(long, value_name = "FIELD=FILE")]
    pub(crate) attach: Option<String>,
    /// Who enters it; it stays in the log.
    #[arg(long, env = "USER", default_value = "command line", value_name = "NAME")]
    pub(crate) actor: String,
    /// The config folder.
    #[arg(long, default_value = "config")]
    pub(crate) config: PathBuf,
    /// The data folder; it may be in use.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Records {
    /// Those of one buyer.
    #[arg(long, value_name = "ACCOUNT_ID")]
    pub(crate) buyer: Option<String>,
    /// Those of one kind.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// The config folder.
    #[arg(long, default_value = "config")]
    pub(crate) config: PathBuf,
    /// The data folder; it may be in use.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}
