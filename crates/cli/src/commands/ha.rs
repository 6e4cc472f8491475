//! `hsmsim ha`: members that come back, keys that are missing.

use std::io::{Write, stdout};

use hsmsim_client::MemberRecovery;

use crate::{
    context::{Context, labels},
    failure::Outcome,
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Show groups, members and clients, as `hsmsim status`
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
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
        Args::Recover { group } => (group, false),
        Args::Synchronize { group } => (group, true),
    };
    let client = context.client()?;
    let mut all_up = true;
    for label in labels(client.cluster(), group.as_deref())? {
        let reports = if synchronize {
            client.run(client.ha_synchronize(&label))?
        } else {
            client.run(client.ha_recover(&label))?
        };
        all_up &= print(&label, &reports)?;
    }
    Ok(if all_up { 0 } else { 2 })
}

fn print(label: &str, reports: &[MemberRecovery]) -> std::io::Result<bool> {
    let mut out = stdout().lock();
    writeln!(out, "{label}")?;
    for report in reports {
        let line = match &report.problem {
            Some(problem) => format!("{problem}: see hsmsim status for its power and its faults"),
            None => format!("up, {} copied, {} deleted", report.copied, report.deleted),
        };
        writeln!(out, "  {:<14} {line}", report.device)?;
    }
    Ok(reports.iter().all(|report| report.problem.is_none()))
}
