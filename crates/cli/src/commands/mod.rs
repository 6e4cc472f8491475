//! The commands, one file each: what it takes, what it does, what it says.

pub(crate) mod dev;
pub(crate) mod drill;
pub(crate) mod fault;
pub(crate) mod ha;
pub(crate) mod partition;
pub(crate) mod profile;
pub(crate) mod reset;
pub(crate) mod role;
pub(crate) mod status;
pub(crate) mod topology;
pub(crate) mod workload;

use crate::{
    args::{Cli, Command},
    context::Context,
    failure::{Exit, Failure},
};

/// Runs the command that was asked for.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    let context = Context { global: cli.global };
    match cli.command {
        Command::Dev(args) => dev::run(&args, &context),
        Command::Status(args) => status::run(&args, &context),
        Command::Topology(action) => topology::run(&action, &context),
        Command::Profile(action) => profile::run(&action, &context),
        Command::Fault(action) => fault::run(&action, &context),
        Command::Ha(action) => ha::run(&action, &context),
        Command::Drill(action) => drill::run(&action, &context),
        Command::Partition(action) => partition::run(&action, &context),
        Command::Role(action) => role::run(&action, &context),
        Command::Reset(args) => reset::run(&args, &context),
        Command::Workload(args) => workload::run(&args, &context),
    }
}
