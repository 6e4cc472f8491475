//! `hsmsim device`: what takes a person at the appliance.

use std::io::{Write, stdout};

use hsmsim_sim_config::{Administration, DeviceId};

use super::partition::confirm;
use crate::{
    context::{Context, device},
    failure::Outcome,
    progress::progress,
    text::counted,
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Put a new appliance in the place of one: other serial numbers, the keys of its groups
    Replace {
        /// The device
        device: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Activate the partitions of a device again
    Activate {
        /// The device
        device: String,
    },
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    match args {
        Args::Replace { device, yes } => replace(context, device, *yes),
        Args::Activate { device: name } => {
            let cluster = context.cluster()?;
            let device = device(cluster.topology(), name)?.id.clone();
            tell(&cluster.administer(&Administration::Activate { device })?)
        }
    }
}

fn replace(context: &Context, name: &str, yes: bool) -> Outcome {
    let client = context.client()?;
    let cluster = client.cluster();
    let device: DeviceId = device(cluster.topology(), name)?.id.clone();
    confirm(&format!("what {device} holds and no other member does is gone with it"), yes)?;
    tell(&cluster.administer(&Administration::Replace { device: device.clone() })?)?;
    client.watch_copying(progress("copying objects"));
    for group in cluster.groups_on(&device) {
        for report in client.run(client.ha_synchronize(&group.label))? {
            if report.device == device.as_str() {
                let copied = counted(report.copied, "object", "objects");
                writeln!(stdout(), "{}: {copied} copied", group.label)?;
            }
        }
    }
    Ok(0)
}

fn tell(lines: &[String]) -> Outcome {
    let mut out = stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(0)
}
