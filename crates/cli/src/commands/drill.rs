//! `hsmsim drill`: run drills, and the hidden application that they run.

use std::{
    io::{Write, stdout},
    path::PathBuf,
};

use hsmsim_drill::{
    Compare, RunOptions,
    simulate::{VirtualOptions, run_virtual},
    workload as application,
};
use hsmsim_sim_config::{Action, Drill, Topology, format_duration};

use crate::{
    context::{Context, module},
    failure::{Failure, Outcome},
    text::wrap,
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
    /// Check a drill file and print what it will do, with times and targets
    Check {
        /// A shipped name, or the path of a drill file
        name: String,
    },
    /// Run a drill; exits with 0 pass, 2 expectation failed, 3 inconclusive
    Run {
        /// A shipped name, or the path of a drill file
        name: String,
        /// Write the report into this folder: a page, result.json, JUnit, every call
        #[arg(long, value_name = "DIR")]
        report: Option<PathBuf>,
        /// Takes the place of the drill's seed
        #[arg(long)]
        seed: Option<u64>,
        /// Run in virtual time: the whole cluster and its load in one thread, repeatable to the
        /// nanosecond, minutes within a second
        #[arg(long = "virtual", conflicts_with = "application")]
        in_virtual_time: bool,
        /// Run the same load without the faults first, and compare; the default in virtual time
        #[arg(long, conflicts_with_all = ["no_control", "baseline"])]
        control: bool,
        /// Compare with nothing
        #[arg(long, conflicts_with = "baseline")]
        no_control: bool,
        /// Compare with the report in this folder
        #[arg(long, value_name = "DIR")]
        baseline: Option<PathBuf>,
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
                writeln!(out, "{name:<18} {}", Drill::shipped(name)?.title)?;
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
        Args::Check { name } => check(name),
        Args::Run { name, report, seed, in_virtual_time: true, no_control, baseline, .. } => {
            let options = VirtualOptions {
                drill: name.clone(),
                seed: *seed,
                report: report.clone(),
                compare: compare(!no_control, baseline.as_ref()),
            };
            let report = run_virtual(&options, &mut stdout())?;
            Ok(u8::try_from(report.verdict.exit_code()).unwrap_or(1))
        }
        Args::Run { name, report, seed, application, control, baseline, .. } => {
            let options = RunOptions {
                drill: name.clone(),
                module: module()?,
                workload_program: std::env::current_exe()?,
                application: application.clone(),
                seed: *seed,
                report: report.clone(),
                state: context.state.clone(),
                topology: context.topology.clone(),
                compare: compare(*control, baseline.as_ref()),
            };
            let report = hsmsim_drill::run(&options, &mut stdout())?;
            Ok(u8::try_from(report.verdict.exit_code()).unwrap_or(1))
        }
        Args::Explore(args) => super::explore::run(args),
    }
}

fn compare(control: bool, baseline: Option<&PathBuf>) -> Compare {
    match baseline {
        Some(folder) => Compare::Baseline(folder.clone()),
        None if control => Compare::Control,
        None => Compare::Nothing,
    }
}

/// The plan of a drill: every step with its time and what it strikes.
fn check(name: &str) -> Outcome {
    let drill = Drill::resolve(name)?;
    let topology = Topology::resolve(&drill.topology)?;
    drill.check(&topology)?;
    let mut out = stdout().lock();
    writeln!(out, "{}: {}", drill.name, drill.title)?;
    writeln!(out, "{}", wrap("", &drill.hypothesis))?;
    let scale = drill.effective_time_scale(&topology);
    let real = drill.real_duration(&topology).as_secs_f64();
    writeln!(out, "\ntopology {}, {scale} times as fast as the clock: {real:.0} s", topology.name)?;
    for step in &drill.steps {
        let at = format_duration(step.at);
        let what = match &step.action {
            Action::Fault(fault) => {
                let devices = fault.strikes(&topology, |_| 0)?.devices;
                let devices: Vec<&str> = devices.iter().map(|device| device.as_str()).collect();
                let struck =
                    if devices.is_empty() { "links".to_owned() } else { devices.join(", ") };
                format!("{fault}, which strikes {struck}")
            }
            Action::Heal { step } => format!("heal {step}"),
            Action::HealAll => "heal everything".to_owned(),
            Action::Mark { text } => format!("mark: {text}"),
            Action::Recover { .. } => "ha recover".to_owned(),
            Action::Synchronize { .. } => "ha synchronize".to_owned(),
            Action::Wait => "wait".to_owned(),
        };
        writeln!(out, "{}", wrap(&format!("{at:>8}  "), &what))?;
    }
    writeln!(out, "{:>8}  the load ends; everything is healed", format_duration(drill.duration))?;
    Ok(0)
}

pub(crate) fn workload(args: &WorkloadFile) -> Outcome {
    let arguments = application::read_args(&args.file)?;
    let summary = application::run(&arguments)?;
    serde_json::to_writer(stdout(), &summary)?;
    Ok(0)
}
