//! `pmpx`: arguments → config → run → drain.

mod arguments;
mod commands;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, LedgerCommand};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    commands::log_to_stderr(&arguments.log, arguments.log_json);
    let done = match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(serve) => commands::serve(&serve),
        Command::Check(check) => commands::check(&check),
        Command::Ledger(LedgerCommand::Verify(verify)) => commands::verify(&verify),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&format!("pmpx: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
