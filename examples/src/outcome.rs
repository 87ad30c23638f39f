//! How a program ends.

use std::fmt::Display;
use std::process::ExitCode;

/// Says what went wrong, if anything did, and gives the program's exit code: 0 or 1.
pub fn exit_code<E: Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
