//! `pmpx statement`: the monthly statement of one buyer, as it was closed or month to date (R-STATEMENT).

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use pmpx::settlement::month::statement_of;
use pmpx::settlement::office::{Facts, View};
use pmpx::settlement::statement::{Format, Language};
use pmpx::store::SqliteReader;

use super::terms;
use crate::arguments::{Statement, StatementFormat, StatementLanguage};

/// `pmpx statement`.
pub(crate) fn statement(arguments: &Statement) -> Result<ExitCode> {
    let format = match arguments.format {
        StatementFormat::Text => Format::Text,
        StatementFormat::Json => Format::Json,
        StatementFormat::Csv => Format::Csv,
        StatementFormat::Html => Format::Html,
        StatementFormat::Xlsx => Format::Xlsx,
    };
    let language = match arguments.lang {
        StatementLanguage::Zh => Language::Chinese,
        StatementLanguage::En => Language::English,
    };
    let mut stdout = std::io::stdout();
    if format == Format::Xlsx && stdout.is_terminal() {
        bail!(
            "a workbook is no text for a terminal: send it to a file, as in `pmpx statement … --format xlsx > statement.xlsx`"
        );
    }
    let books = SqliteReader::open(&arguments.data)?;
    let market = terms::of(&arguments.config, &books)?;
    let known = market.buyers.iter().find(|buyer| buyer.account == arguments.buyer);
    let buyer = known.with_context(|| format!("--buyer {}: no buyer has that ACCOUNT ID", arguments.buyer))?.id;
    let facts = Facts::about(&books, Some(buyer), &[])?;
    let view = View { market: &market, books: &books, facts: &facts, now: terms::now() };
    let statement = statement_of(&view, buyer, arguments.month)?;
    let document = statement.write(format, language)?;
    stdout.write_all(&document).and_then(|()| stdout.flush()).context("writing to stdout")?;
    Ok(ExitCode::SUCCESS)
}
