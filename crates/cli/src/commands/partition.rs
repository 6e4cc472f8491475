//! `hsmsim partition`: what the HSM SO does to partitions.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};

use hsmsim_cluster::{Cluster, new_domain};
use hsmsim_sim_config::{Group, Member, Replication, Role};
use hsmsim_types::Pin;

use crate::{
    context::{Context, device, group},
    failure::{Failure, Outcome},
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Initialise the partitions of a group, or one: label, SO PIN, user PIN; erases what was there
    Init {
        #[command(flatten)]
        target: Target,
        /// Label of the token; the group's if not given
        #[arg(long)]
        label: Option<String>,
        /// PIN of the partition SO; the topology's if not given
        #[arg(long)]
        so_pin: Option<String>,
        /// PIN of the crypto officer; the topology's if not given
        #[arg(long)]
        user_pin: Option<String>,
    },
    /// Erase the partitions of a group, or one: they are blank afterwards
    Clear {
        #[command(flatten)]
        target: Target,
    },
}

#[derive(clap::Args)]
pub(crate) struct Target {
    /// All members of this group
    #[arg(long, conflicts_with = "device", required_unless_present = "device")]
    group: Option<String>,
    /// One partition of this device
    #[arg(long, requires = "partition")]
    device: Option<String>,
    /// Its number on the device, from 0
    #[arg(long)]
    partition: Option<u8>,
    /// PIN of the HSM SO; the topology's if not given
    #[arg(long)]
    hsm_so_pin: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Target {
    fn group(&self, cluster: &Cluster) -> Result<Group, Failure> {
        let topology = cluster.topology();
        if let Some(label) = &self.group {
            return Ok(group(topology, label)?.clone());
        }
        let device = device(topology, self.device.as_deref().unwrap_or_default())?;
        let partition = self.partition.unwrap_or_default();
        if partition >= device.partitions {
            let message = format!("{} has partitions 0 to {}", device.id, device.partitions - 1);
            return Err(Failure::new(message));
        }
        let label = format!("{}-{partition}", device.id);
        Ok(Group {
            token_label: label.clone(),
            domain: label.clone(),
            label,
            serial: None,
            members: vec![Member {
                device: device.id.clone(),
                partition,
                role: Role::Active,
                replication: Replication::Sync,
            }],
        })
    }

    /// The HSM SO of each device must agree, and whoever types the command too.
    fn permit(&self, cluster: &Cluster, group: &Group, consequence: &str) -> Result<(), Failure> {
        confirm(&format!("{consequence} of {}", group.label), self.yes)?;
        let known = cluster.topology().provisioning.hsm_so_pin.reveal();
        let pin = Pin::new(self.hsm_so_pin.as_deref().unwrap_or(known));
        for member in &group.members {
            cluster.serving_partition(member)?;
        }
        for member in &group.members {
            cluster.hsm_so_login(&member.device, &pin)?;
        }
        Ok(())
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let cluster = context.cluster()?;
    match args {
        Args::Init { target, label, so_pin, user_pin } => {
            let group = target.group(&cluster)?;
            target.permit(&cluster, &group, "this erases every key and PIN on the partitions")?;
            let pins = &cluster.topology().provisioning;
            let so = Pin::new(so_pin.as_deref().unwrap_or(pins.so_pin.reveal()));
            let user = Pin::new(user_pin.as_deref().unwrap_or(pins.user_pin.reveal()));
            let now = std::time::Duration::from_nanos(cluster.clock().unix_now());
            let home = home(&cluster, &group);
            let label = match (label, &home) {
                (Some(label), _) => label,
                (None, Some(home)) => &home.token_label,
                (None, None) => &group.token_label,
            };
            let domain = match &home {
                Some(home) => cluster.joined_domain(home, &group.members, &so, now)?,
                None => new_domain()?,
            };
            for member in &group.members {
                let partition = cluster.partition_of(member);
                partition.zeroize()?;
                partition.init_token(&so, label.as_bytes(), &domain, now)?;
                partition.init_crypto_officer(&so, &user, now)?;
                writeln!(
                    stdout(),
                    "{} partition {}: initialised",
                    member.device,
                    member.partition
                )?;
            }
        }
        Args::Clear { target } => {
            let group = target.group(&cluster)?;
            target.permit(&cluster, &group, "this erases every key and PIN on the partitions")?;
            for member in &group.members {
                cluster.partition_of(member).zeroize()?;
                writeln!(stdout(), "{} partition {}: blank", member.device, member.partition)?;
            }
        }
    }
    Ok(0)
}

/// The group of the topology that a single partition is a member of.
fn home(cluster: &Cluster, target: &Group) -> Option<Group> {
    let [single] = target.members.as_slice() else { return None };
    let is_member =
        |member: &Member| member.device == single.device && member.partition == single.partition;
    let groups = &cluster.topology().groups;
    groups.iter().find(|group| group.members.iter().any(is_member)).cloned()
}

/// Asks for the word that Luna's own tools ask for, unless `yes` was said.
pub(crate) fn confirm(consequence: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let mut err = stderr();
    write!(err, "{consequence}. Type proceed to go on: ")?;
    err.flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("proceed") {
        return Ok(());
    }
    if !stdin().is_terminal() {
        writeln!(err)?;
    }
    Err(Failure::new("nothing was changed: type proceed, or add --yes"))
}
