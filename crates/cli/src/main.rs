//! The `hsmsim` command: start, watch, break and repair a simulated HSM cluster.
//!
//! One file under `commands` for each subcommand. Exit codes: 0 all is well, 1 wrong use or a failure,
//! 2 a finding or a broken expectation, 3 a drill that proves nothing, 4 a rule was broken that holds
//! whatever a drill expects, 5 a drill failed from within.

#![forbid(unsafe_code)]

mod commands;
mod context;
mod failure;
mod log;
mod progress;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{context::Context, failure::Failure};

/// Runs in virtual time make and drop small things by the million: an explored seed costs a tenth less
/// than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A simulator of network HSM clusters behind PKCS#11, for tests and failover drills. It protects no
/// real key.
#[derive(Parser)]
#[command(name = "hsmsim", version, max_term_width = 100)]
struct Cli {
    /// The state directory; HSMSIM_STATE if not given
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<String>,
    /// The topology, a shipped name or a path; HSMSIM_CONFIG if not given
    #[arg(long, global = true, value_name = "NAME|PATH")]
    topology: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a cluster ready and print module, slots, PINs and lines to paste
    Dev(commands::dev::Args),
    /// Show devices, partitions, groups, and what each client believes of them
    Status(commands::status::Args),
    /// Look at topologies
    #[command(subcommand)]
    Topology(commands::topology::Args),
    /// Look at profiles, check them, record one from another module
    #[command(subcommand)]
    Profile(commands::profile::Args),
    /// Set, list and heal faults
    #[command(subcommand)]
    Fault(commands::fault::Args),
    /// Script what becomes of single PKCS#11 calls
    #[command(subcommand)]
    CallFault(commands::call_fault::Args),
    /// Recover and synchronise the members of groups
    #[command(subcommand)]
    Ha(commands::ha::Args),
    /// Run drills
    #[command(subcommand)]
    Drill(commands::drill::Args),
    /// Replace or activate devices
    #[command(subcommand)]
    Device(commands::device::Args),
    /// Initialise or clear partitions
    #[command(subcommand)]
    Partition(commands::partition::Args),
    /// Set the PINs of roles
    #[command(subcommand)]
    Role(commands::role::Args),
    /// Remove every object, token and fault, and begin anew
    Reset(commands::reset::Args),
    /// The drills' own application
    #[command(hide = true)]
    Workload(commands::drill::WorkloadFile),
    /// Loads a module and says what it shows
    #[command(hide = true)]
    Probe,
}

/// Something failed that nobody asked for.
const INTERNAL: u8 = 5;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell if this cannot be written.
            let _ = error.print();
            // clap's own code for wrong use is 2, which means a finding here.
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let context = Context { state: cli.state, topology: cli.topology };
    let result = log::start().and_then(|()| match cli.command {
        Command::Dev(args) => commands::dev::run(&context, &args),
        Command::Status(args) => commands::status::run(&context, &args),
        Command::Topology(args) => commands::topology::run(&context, &args),
        Command::Profile(args) => commands::profile::run(&context, &args),
        Command::Fault(args) => commands::fault::run(&context, &args),
        Command::CallFault(args) => commands::call_fault::run(&context, &args),
        Command::Ha(args) => commands::ha::run(&context, &args),
        Command::Drill(args) => commands::drill::run(&context, &args),
        Command::Device(args) => commands::device::run(&context, &args),
        Command::Partition(args) => commands::partition::run(&context, &args),
        Command::Role(args) => commands::role::run(&context, &args),
        Command::Reset(args) => commands::reset::run(&context, &args),
        Command::Workload(args) => commands::drill::workload(&args),
        Command::Probe => commands::profile::probe_here(),
    });
    match result {
        Ok(code) => ExitCode::from(code),
        // The reader has seen enough (`hsmsim status | head -1`).
        Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Told(message)) => {
            eprintln!("hsmsim: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Internal(message)) => {
            eprintln!("hsmsim: {message}");
            ExitCode::from(INTERNAL)
        }
    }
}
