//! `loadtest`: open-loop load with checked answers for any OpenRTB exchange.

mod arguments;
mod overload;
mod runs;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match (&arguments.floor_child, arguments.compare) {
        (Some(dsps), _) => runs::floor_child(dsps, &arguments.route).map(|()| 0),
        (None, _) if arguments.overload => overload::run(&arguments),
        (None, true) => runs::compare(&arguments),
        (None, false) => runs::single(&arguments),
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "loadtest: {message}");
            ExitCode::from(2)
        }
    }
}
