//! `hsmsim role`: PINs of the roles on the partitions of a group.

use std::io::{Write, stdout};

use hsmsim_types::Pin;

use crate::{
    context::{Context, group},
    failure::Outcome,
};

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Name {
    /// Crypto Officer (CKU_USER), by the partition SO
    Co,
    /// Crypto User (Luna's limited user), by the crypto officer
    Cu,
}

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Set a role's PIN on all members of a group; unlocks it
    Init {
        /// The role
        #[arg(value_enum)]
        name: Name,
        /// The new PIN
        #[arg(long)]
        pin: String,
        /// The group
        #[arg(long)]
        group: String,
        /// PIN of the role above it; the topology's if not given
        #[arg(long)]
        by_pin: Option<String>,
    },
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let Args::Init { name, pin, group: label, by_pin } = args;
    let cluster = context.cluster()?;
    let group = group(cluster.topology(), label)?;
    let pins = &cluster.topology().provisioning;
    let pin = Pin::new(pin.as_str());
    let now = std::time::Duration::from_nanos(cluster.clock().unix_now());
    // All or none: the PIN of a group must not depend on the member that is asked.
    for member in &group.members {
        cluster.serving_partition(member)?;
    }
    for member in &group.members {
        let partition = cluster.serving_partition(member)?;
        match name {
            Name::Co => {
                let by = Pin::new(by_pin.as_deref().unwrap_or(pins.so_pin.reveal()));
                partition.init_crypto_officer(&by, &pin, now)?;
            }
            Name::Cu => {
                let by = Pin::new(by_pin.as_deref().unwrap_or(pins.user_pin.reveal()));
                partition.init_crypto_user(&by, &pin, now)?;
            }
        }
        writeln!(stdout(), "{} partition {}: done", member.device, member.partition)?;
    }
    Ok(0)
}
