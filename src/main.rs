//! `pmpx`: arguments → config → run → drain.

mod arguments;
mod commands;
mod demo;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, LedgerCommand};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = matches!(arguments.command, Some(Command::Demo(_))) && arguments.log == arguments::DEFAULT_LOG;
    let filter = if quiet { "warn" } else { &arguments.log };
    if let Err(error) = commands::log_to_stderr(filter, arguments.log_format) {
        commands::complain(&format!("pmpx: {}", commands::in_words(&error)));
        return ExitCode::FAILURE;
    }
    let done = match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(serve) => commands::serve(&serve),
        Command::Demo(demo) => demo::run(&demo),
        Command::Check(check) => commands::check(&check),
        Command::Backup(backup) => commands::backups::backup(&backup),
        Command::Restore(restore) => commands::backups::restore(&restore),
        Command::Enter(enter) => commands::finance::enter(&enter),
        Command::Records(records) => commands::finance::records(&records),
        Command::Statement(statement) => commands::statement::statement(&statement),
        Command::Ledger(LedgerCommand::Verify(verify)) => commands::verify(&verify),
        Command::Ledger(LedgerCommand::Rebuild(rebuild)) => commands::finance::rebuild(&rebuild),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&format!("pmpx: {}", commands::in_words(&error)));
            ExitCode::FAILURE
        }
    }
}
