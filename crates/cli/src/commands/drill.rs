//! `hsmsim drill`: run drills, and the hidden application that they run.

use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
};

use hsmsim_drill::{
    Compare, Report, RunOptions, Verdict,
    simulate::{VirtualOptions, run_virtual, runs_in_virtual_time},
    workload as application,
};
use hsmsim_sim_config::{
    Action, Administration, Aspect, Drill, FAULTS, Start, Step, Topology, Workload, WorkloadSource,
    format_duration,
};

use crate::{
    context::{Context, module},
    failure::{Failure, Outcome},
    text::wrap,
};

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// List the shipped drills
    List {
        /// Only those with this tag
        #[arg(long)]
        tag: Option<String>,
    },
    /// Print a drill file
    Show {
        /// Name of a shipped drill
        name: String,
    },
    /// Check a drill file and print what it will do, with times and targets
    Check {
        /// A shipped name, or the path of a drill file
        name: String,
        /// Check that it can run in virtual time too
        #[arg(long = "virtual")]
        in_virtual_time: bool,
    },
    /// Write a drill file that repeats what is done by hand: faults, recoveries, synchronisations
    Record(super::record::Args),
    /// Print the JSON Schema of drill files, for editors
    Schema,
    /// Run a drill; exits with 0 pass, 1 wrong use, 2 expectation failed, 3 inconclusive, 4 a rule that
    /// always holds was broken, 5 a failure from within
    Run {
        /// A shipped name, or the path of a drill file
        name: String,
        /// Write the report into this folder: a page, result.json, JUnit, every call
        #[arg(long, value_name = "DIR")]
        report: Option<PathBuf>,
        /// Takes the place of the drill's seed
        #[arg(long)]
        seed: Option<u64>,
        /// Takes the place of the drill's number of seeds: they follow each other, and all must pass
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        repeat: Option<u32>,
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
        Args::List { tag } => list(tag.as_deref()),
        Args::Show { name } => {
            let text = Drill::shipped_text(name).ok_or_else(|| {
                let names = Drill::shipped_names().join(", ");
                let faults = "faults/FAULT/bites and faults/FAULT/heals for every fault";
                Failure::new(format!("there is no drill {name}; there are {names}, and {faults}"))
            })?;
            write!(stdout(), "{text}")?;
            Ok(0)
        }
        Args::Check { name, in_virtual_time } => check(name, *in_virtual_time),
        Args::Record(args) => super::record::run(context, args),
        Args::Schema => {
            let schema = serde_json::to_string_pretty(&hsmsim_sim_config::drill::schema())?;
            writeln!(stdout(), "{schema}")?;
            Ok(0)
        }
        Args::Run {
            name,
            report,
            seed,
            repeat,
            in_virtual_time,
            control,
            no_control,
            baseline,
            application,
        } => {
            let baseline = match baseline {
                Some(folder) => Some(folder.clone()),
                None => Drill::resolve(name)?.report.baseline,
            };
            // In virtual time it costs seconds.
            let control = *control || (*in_virtual_time && !no_control);
            let one = |seed: Option<u64>, report: Option<PathBuf>| -> Result<Report, Failure> {
                let (drill, compare) = (name.clone(), compare(control, baseline.as_ref()));
                if *in_virtual_time {
                    let options = VirtualOptions { drill, seed, report, compare };
                    return Ok(run_virtual(&options, &mut stdout())?);
                }
                let options = RunOptions {
                    drill,
                    module: module()?,
                    workload_program: std::env::current_exe()?,
                    application: application.clone(),
                    seed,
                    report,
                    state: context.state.clone(),
                    topology: context.topology.clone(),
                    compare,
                };
                Ok(hsmsim_drill::run(&options, &mut stdout())?)
            };
            run_all(&one, name, *repeat, *seed, report.as_deref())
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

fn list(tag: Option<&str>) -> Outcome {
    let mut out = stdout().lock();
    let wanted = |drill: &Drill| tag.is_none_or(|tag| drill.tags.iter().any(|own| own == tag));
    for name in Drill::shipped_names() {
        let drill = Drill::shipped(name)?;
        if wanted(&drill) {
            writeln!(out, "{name:<18} {:<56} {}", drill.title, drill.tags.join(" "))?;
        }
    }
    // One line a fault: its two drills would else bury the stories.
    let mut faults = Vec::new();
    for spec in FAULTS {
        let mut aspects = Vec::new();
        for aspect in Aspect::ALL {
            if wanted(&Drill::of_fault(spec.id, aspect)?) {
                aspects.push(aspect.as_str());
            }
        }
        if !aspects.is_empty() {
            let title = Drill::of_fault(spec.id, Aspect::Bites)?.title;
            faults.push((spec.id, title, aspects.join(" ")));
        }
    }
    if !faults.is_empty() {
        writeln!(
            out,
            "\nwhat single faults do, and that they heal: `faults/FAULT/bites`, `faults/FAULT/heals`"
        )?;
    }
    for (id, title, aspects) in faults {
        writeln!(out, "{id:<22} {title:<52} {aspects}")?;
    }
    Ok(0)
}

type RunOne<'a> = &'a dyn Fn(Option<u64>, Option<PathBuf>) -> Result<Report, Failure>;

/// Runs a drill with every seed that it asks for; the worst verdict counts.
fn run_all(
    one: RunOne<'_>,
    name: &str,
    repeat: Option<u32>,
    seed: Option<u64>,
    report: Option<&Path>,
) -> Outcome {
    let drill = Drill::resolve(name)?;
    // A seed on the command line repeats one run.
    let repeat = repeat.unwrap_or(if seed.is_some() { 1 } else { drill.repeat });
    if repeat == 1 {
        let verdict = one(seed, report.map(Path::to_owned))?.verdict;
        return Ok(u8::try_from(verdict.exit_code()).unwrap_or(1));
    }
    let report = report.map(Path::to_owned).or(drill.report.folder);
    let mut verdicts: Vec<(u64, Verdict)> = Vec::new();
    let mut next = seed.or(drill.seed);
    for _ in 0..repeat {
        let folder = match (&report, next) {
            (Some(folder), Some(seed)) => Some(folder.join(format!("seed-{seed}"))),
            (Some(folder), None) => Some(folder.join("seed-random")),
            (None, _) => None,
        };
        let done = one(next, folder)?;
        verdicts.push((done.seed, done.verdict));
        next = next.map(|seed| seed + 1);
        writeln!(stdout())?;
    }
    let mut out = stdout().lock();
    for (seed, verdict) in &verdicts {
        writeln!(out, "  seed {seed:<20} {}", verdict.as_str())?;
    }
    let passed = verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Pass).count();
    writeln!(out, "{passed} of {} seeds pass", verdicts.len())?;
    let worst = verdicts.into_iter().fold(Verdict::Pass, |worst, (_, one)| worst.worse(one));
    Ok(u8::try_from(worst.exit_code()).unwrap_or(1))
}

/// When a step begins, in words.
fn start(step: &Step) -> String {
    let at = format_duration(step.at);
    match &step.start {
        Start::When { event, count, within, .. } => {
            let often = if *count > 1 { format!(" {count} times") } else { String::new() };
            format!(
                "≥ {at}, when {event} has happened{often}, within {}:",
                format_duration(*within)
            )
        }
        Start::After { step, delay } if delay.is_zero() => format!("{at}, after {step}:"),
        Start::After { step, delay } => format!("{at}, {} after {step}:", format_duration(*delay)),
        Start::At => at,
    }
}

fn describe(step: &Step, topology: &Topology) -> Result<String, Failure> {
    Ok(match &step.action {
        Action::Fault(fault) => {
            let devices = fault.strikes(topology, |_| 0)?.devices;
            let devices: Vec<&str> = devices.iter().map(|device| device.as_str()).collect();
            let struck = if devices.is_empty() { "links".to_owned() } else { devices.join(", ") };
            match fault.leaves_open(topology)? {
                Some(choice) => format!("{fault}, which strikes {choice}"),
                None => format!("{fault}, which strikes {struck}"),
            }
        }
        Action::CallFault { fault, duration } => {
            let length =
                duration.map_or_else(String::new, |it| format!(" for {}", format_duration(it)));
            format!("call.fault {fault}{length}, which strikes calls of applications")
        }
        Action::Heal { step } => format!("heal {step}"),
        Action::HealAll => "heal everything".to_owned(),
        Action::Mark { text } => format!("mark: {text}"),
        Action::Recover { .. } => "ha recover".to_owned(),
        Action::Synchronize { .. } => "ha synchronize".to_owned(),
        Action::Administer(Administration::Replace { device }) => format!("replace {device}"),
        Action::Administer(Administration::Activate { device }) => format!("activate {device}"),
        Action::Administer(Administration::InitPartitions { device }) => {
            format!("initialise the partitions of {device} anew")
        }
        Action::Administer(Administration::InitOfficer { .. }) => {
            "the SO sets the crypto officer's PIN".to_owned()
        }
        Action::Wait { length: Some(length) } => format!("wait {}", format_duration(*length)),
        Action::Wait { length: None } => "wait".to_owned(),
        Action::Snapshot => "snapshot of what every member holds".to_owned(),
        Action::Assert { that } => {
            let that: Vec<&str> = that.iter().map(|condition| condition.text.as_str()).collect();
            format!("assert that {}", that.join(" and "))
        }
        Action::Run { command, .. } => format!("run {}", command.join(" ")),
    })
}

fn describe_load(workload: &Workload, topology: &Topology) -> String {
    let first = topology.groups.first().map(|group| group.label.as_str());
    let group = workload.group.as_deref().or(first).unwrap_or("no group");
    let place = workload.client.unwrap_or(topology.client);
    let processes = match workload.processes {
        1 => String::new(),
        processes => format!("{processes} processes of "),
    };
    let what = match &workload.source {
        WorkloadSource::External { command } if command.is_empty() => {
            "the program after --".to_owned()
        }
        WorkloadSource::External { command } => command.join(" "),
        WorkloadSource::Threads(load) => {
            let pace = match (load.rate, load.think) {
                (Some(rate), _) if load.open_loop => format!("{rate}/s due on schedule"),
                (Some(rate), _) => format!("{rate}/s"),
                (None, Some(think)) => format!("with pauses of {}", format_duration(think)),
                (None, None) => "as fast as they can".to_owned(),
            };
            format!("{} threads, {pace}", load.threads)
        }
    };
    format!("load {}: {processes}{what}; from {place} on {group}", workload.name)
}

/// The plan of a drill: every step with its time and what it strikes.
fn check(name: &str, in_virtual_time: bool) -> Outcome {
    let drill = Drill::resolve(name)?;
    let topology = Topology::resolve(&drill.topology)?;
    drill.check(&topology)?;
    if in_virtual_time {
        runs_in_virtual_time(&drill)?;
    }
    let mut out = stdout().lock();
    writeln!(out, "{}: {}", drill.name, drill.title)?;
    writeln!(out, "{}", wrap("", &drill.hypothesis))?;
    let scale = drill.effective_time_scale(&topology);
    let real = drill.real_duration(&topology).as_secs_f64();
    let seed = drill.seed.map_or_else(|| "random".to_owned(), |seed| seed.to_string());
    let seeds = match drill.repeat {
        1 => format!("seed {seed}"),
        repeat => format!("{repeat} seeds from {seed}"),
    };
    writeln!(
        out,
        "\ntopology {}, {scale} times as fast as the clock: {real:.0} s; {seeds}",
        topology.name
    )?;
    for workload in &drill.workloads {
        writeln!(out, "{}", describe_load(workload, &topology))?;
    }
    for step in &drill.steps {
        let first = format!("{:>8}  ", start(step));
        let named = if step.group.is_some() || first.chars().count() > 10 {
            let group = step.group.iter().map(|group| format!("{group}: "));
            format!("{}{}: ", group.collect::<String>(), step.name)
        } else {
            String::new()
        };
        writeln!(out, "{}", wrap(&first, &format!("{named}{}", describe(step, &topology)?)))?;
    }
    writeln!(out, "{:>8}  the load ends; everything is healed", format_duration(drill.duration))?;
    if let Some(abort) = &drill.abort {
        let when: Vec<&str> = abort.when.iter().map(|when| when.text.as_str()).collect();
        let grace = format_duration(abort.grace);
        writeln!(
            out,
            "{}",
            wrap("stops early if ", &format!("{} for {grace}", when.join(" or ")))
        )?;
    }
    let settle = format_duration(drill.settle);
    writeln!(out, "then at most {settle} until all members hold the same")?;
    Ok(0)
}

pub(crate) fn workload(args: &WorkloadFile) -> Outcome {
    let arguments = application::read_args(&args.file)?;
    let summary = application::run(&arguments)?;
    serde_json::to_writer(stdout(), &summary)?;
    Ok(0)
}
