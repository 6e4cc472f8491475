//! `hsmsim ha`: members that come back, keys that are missing.

mod list;

use std::io::{Write, stdout};

use hsmsim_client::MemberRecovery;
use hsmsim_cluster::Cluster;
use hsmsim_sim_config::DeviceId;

use crate::{
    context::{Context, labels},
    failure::Outcome,
    progress::progress,
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Show groups, members and clients, as `hsmsim status`
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List groups and their members as LunaCM's `hagroup listgroups` does
    #[command(visible_alias = "listgroups")]
    List {
        /// The group; all with tokens if not given
        group: Option<String>,
    },
    /// Bring returned members up to date and have running clients use them again
    Recover {
        /// The group; all with tokens if not given
        group: Option<String>,
    },
    /// Give every member every key that any member holds
    Synchronize {
        /// The group; all with tokens if not given
        group: Option<String>,
    },
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let (group, synchronize) = match args {
        Args::Status { json } => {
            return super::status::run(context, &super::status::Args { json: *json });
        }
        Args::List { group } => return list::run(context, group.as_deref()),
        Args::Recover { group } => (group, false),
        Args::Synchronize { group } => (group, true),
    };
    let client = context.client()?;
    let what = if synchronize { "ha.synchronize" } else { "ha.recover" };
    // `hsmsim drill record` would miss it; nothing else needs it.
    if let Err(error) = client.cluster().note_request(what, group.as_deref()) {
        eprintln!("hsmsim: the request was not written down: {error}");
    }
    client.watch_copying(progress("copying objects"));
    let mut all_up = true;
    for label in labels(client.cluster(), group.as_deref())? {
        let reports = if synchronize {
            client.run(client.ha_synchronize(&label))?
        } else {
            client.run(client.ha_recover(&label))?
        };
        all_up &= print(client.cluster(), &label, &reports)?;
    }
    Ok(if all_up { 0 } else { 2 })
}

/// The faults that keep a member away, and what ends them.
fn causes(cluster: &Cluster, device: &str) -> String {
    let device = cluster.topology().device_index(&DeviceId::new(device));
    let causes = device.map(|index| cluster.causes(index)).unwrap_or_default();
    if causes.is_empty() {
        return "; no fault strikes it now: try again".to_owned();
    }
    causes.iter().map(|cause| format!("\n{:17}{cause}", "")).collect()
}

fn print(cluster: &Cluster, label: &str, reports: &[MemberRecovery]) -> std::io::Result<bool> {
    let mut out = stdout().lock();
    writeln!(out, "{label}")?;
    for report in reports {
        let line = match &report.problem {
            Some(problem) => format!("{problem}{}", causes(cluster, &report.device)),
            None => format!("up, {} copied, {} deleted", report.copied, report.deleted),
        };
        writeln!(out, "  {:<14} {line}", report.device)?;
    }
    Ok(reports.iter().all(|report| report.problem.is_none()))
}
