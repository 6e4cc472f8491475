//! `hsmsim drill`: run drills, and the hidden application that they run.

use std::{
    io::{Write, stdout},
    path::PathBuf,
};

use hsmsim_drill::{
    RunOptions,
    simulate::{VirtualOptions, run_virtual},
    workload as application,
};
use hsmsim_sim_config::Drill;

use crate::{
    context::{Context, module},
    failure::{Failure, Outcome},
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// List the shipped drills
    List,
    /// Print a drill file
    Show {
        /// Name of a shipped drill
        name: String,
    },
    /// Run a drill; exits with 0 pass, 2 expectation failed, 3 inconclusive
    Run {
        /// A shipped name, or the path of a drill file
        name: String,
        /// Write result.json and the records into this folder
        #[arg(long, value_name = "DIR")]
        report: Option<PathBuf>,
        /// Takes the place of the drill's seed
        #[arg(long)]
        seed: Option<u64>,
        /// Run in virtual time: the whole cluster and its load in one thread, repeatable to the
        /// nanosecond, minutes within a second
        #[arg(long = "virtual", conflicts_with = "application")]
        in_virtual_time: bool,
        /// Your application and its arguments: it runs as it is, in the current state
        #[arg(last = true)]
        application: Vec<String>,
    },
    /// Draw clusters, loads and faults from seeds and stop at the first that breaks a rule; exits
    /// with 4 if one does
    Explore(super::explore::Args),
}

#[derive(clap::Args)]
pub(crate) struct WorkloadFile {
    file: PathBuf,
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    match args {
        Args::List => {
            let mut out = stdout().lock();
            for name in Drill::shipped_names() {
                writeln!(out, "{name:<14} {}", Drill::shipped(name)?.title)?;
            }
            Ok(0)
        }
        Args::Show { name } => {
            let text = Drill::shipped_text(name).ok_or_else(|| {
                let names = Drill::shipped_names().join(", ");
                Failure::new(format!("there is no drill {name}; there are {names}"))
            })?;
            write!(stdout(), "{text}")?;
            Ok(0)
        }
        Args::Run { name, report, seed, in_virtual_time: true, .. } => {
            let options =
                VirtualOptions { drill: name.clone(), seed: *seed, report: report.clone() };
            let report = run_virtual(&options, &mut stdout())?;
            Ok(u8::try_from(report.verdict.exit_code()).unwrap_or(1))
        }
        Args::Run { name, report, seed, application, .. } => {
            let options = RunOptions {
                drill: name.clone(),
                module: module()?,
                workload_program: std::env::current_exe()?,
                application: application.clone(),
                seed: *seed,
                report: report.clone(),
                state: context.state.clone(),
                topology: context.topology.clone(),
            };
            let report = hsmsim_drill::run(&options, &mut stdout())?;
            Ok(u8::try_from(report.verdict.exit_code()).unwrap_or(1))
        }
        Args::Explore(args) => super::explore::run(args),
    }
}

pub(crate) fn workload(args: &WorkloadFile) -> Outcome {
    let arguments = application::read_args(&args.file)?;
    let summary = application::run(&arguments)?;
    serde_json::to_writer(stdout(), &summary)?;
    Ok(0)
}
