//! The command line as a whole: what all commands share, and which there are.

use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{
        dev, drill, fault, ha, partition, profile, reset, role, status, topology, workload,
    },
    text::WIDTH,
};

const LONG_ABOUT: &str = "\
hsmsim simulates a cluster of network HSMs behind a PKCS#11 module, for tests and failover drills.
It protects nothing: never keep real keys in it.

Start with `hsmsim dev`; it says how to load the module. Then break something with `hsmsim fault add`
and watch with `hsmsim status --watch`, or let `hsmsim drill run device-loss` do both.

Exit codes: 0 all is well; 1 wrong use or a failure; 2 a finding, or an expectation that was not
met; 3 a drill that proves nothing because its fault never struck.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "hsmsim",
    version,
    about = "A simulated HSM cluster for tests and failover drills; no protection for real keys",
    long_about = LONG_ABOUT,
    max_term_width = WIDTH,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// State directory, or "memory" [default: $HSMSIM_STATE, else $XDG_STATE_HOME/hsmsim]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<String>,
    /// A shipped topology or a file [default: $HSMSIM_CONFIG, else the state's own, else ha-dr]
    #[arg(long, global = true, value_name = "NAME|PATH")]
    pub(crate) topology: Option<String>,
}

/// For commands whose answer a program may want.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// Answer with JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the state ready and say how to use it
    Dev(dev::Args),
    /// Show devices, groups, clients and faults
    Status(status::Args),
    /// Review or draw a topology
    #[command(subcommand)]
    Topology(topology::Action),
    /// What devices look like to an application
    #[command(subcommand)]
    Profile(profile::Action),
    /// Break things, and heal them
    #[command(subcommand)]
    Fault(fault::Action),
    /// Bring members of HA groups back, and make them equal
    #[command(subcommand)]
    Ha(ha::Action),
    /// Run failover drills
    #[command(subcommand)]
    Drill(drill::Action),
    /// Initialise or empty partitions
    #[command(subcommand)]
    Partition(partition::Action),
    /// Set the PINs of a partition's roles
    #[command(subcommand)]
    Role(role::Action),
    /// Remove every key, PIN and fault, and set the state up anew
    Reset(reset::Args),
    /// The workload of a drill, in a process of its own
    #[command(hide = true)]
    Workload(workload::Args),
}
