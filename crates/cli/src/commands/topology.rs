//! `hsmsim topology`: look at topologies.

use std::io::{Write, stdout};

use hsmsim_sim_config::{Severity, Topology, check, show};

use crate::{
    context::Context,
    failure::{Failure, Outcome},
    text::wrap,
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// List the shipped topologies
    List,
    /// Draw regions, stamps, devices, groups, round trips and what each call costs
    Show {
        /// A shipped name or a path; the one in use if not given
        name: Option<String>,
    },
    /// Say what a design review would say; exits with 2 if there is an error among it
    Check {
        /// A shipped name or a path; the one in use if not given
        name: Option<String>,
    },
}

fn find(context: &Context, name: Option<&str>) -> Result<Topology, Failure> {
    match name.or(context.topology.as_deref()) {
        Some(name) => Ok(Topology::resolve(name)?),
        None => context.find_topology(),
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let mut out = stdout().lock();
    match args {
        Args::List => {
            for name in Topology::shipped_names() {
                let description = Topology::shipped(name)?.description;
                writeln!(out, "{}", wrap(&format!("{name:<14} "), &description))?;
            }
            Ok(0)
        }
        Args::Show { name } => {
            write!(out, "{}", show(&find(context, name.as_deref())?))?;
            Ok(0)
        }
        Args::Check { name } => {
            let topology = find(context, name.as_deref())?;
            let findings = check(&topology);
            for finding in &findings {
                let first = format!("{:<8} {:<20} ", finding.severity, finding.rule);
                writeln!(out, "{}", wrap(&first, &finding.message))?;
            }
            let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
            Ok(if errors { 2 } else { 0 })
        }
    }
}
