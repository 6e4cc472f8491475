//! The `hsmsim` command: start, watch, break and repair a simulated HSM cluster.
//!
//! One file under `commands` for each subcommand; all have the same shape, `Args` and `run`. What a
//! command finds out is a value first (JSON is that value) and text second. Nothing here knows how a
//! cluster works: every answer comes from the crates below.
//!
//! Exit codes: 0 all is well, 1 wrong use or a failure, 2 a finding or a broken expectation, 3 a
//! drill that proves nothing.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod context;
mod failure;
mod groups;
mod log;
mod module;
mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    text::out::tell,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell if this cannot be written.
            let _ = error.print();
            // clap's own code for wrong use is 2, which means a finding here.
            return if error.use_stderr() { Exit::Failed } else { Exit::Well }.into();
        }
    };
    let exit = log::start().and_then(|()| commands::run(cli));
    match exit {
        Ok(exit) => exit.into(),
        // The reader has seen enough (`hsmsim status | head -1`).
        Err(Failure::ClosedPipe) => Exit::Well.into(),
        Err(Failure::Told { message, hint, exit }) => {
            tell(&format!("hsmsim: {message}"));
            if let Some(hint) = hint {
                tell(&format!("        {hint}"));
            }
            exit.into()
        }
    }
}
