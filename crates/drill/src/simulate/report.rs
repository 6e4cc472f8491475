//! A drill in virtual time from its file to its report.

use std::{collections::BTreeMap, io, io::Write, path::PathBuf, time::Instant};

use hsmsim_sim_config::{Drill, WorkloadSource};

use super::{Outcome, Plan, simulate};
use crate::{
    control::{Compare, Control, without_steps},
    film::Film,
    history::History,
    records::Batch,
    report::{Facts, Moment, Report, Tier, replay_command},
    run::{DrillError, conclude, guard, seed_of},
    timeline::Timeline,
};

/// What to run.
#[derive(Clone, Debug)]
pub struct VirtualOptions {
    /// Name of a shipped drill, or the path of one.
    pub drill: String,
    /// Takes the place of the drill's seed.
    pub seed: Option<u64>,
    /// Where the report goes, if anywhere.
    pub report: Option<PathBuf>,
    /// What the run is compared with.
    pub compare: Compare,
}

/// Runs a drill in virtual time and prints its timeline and summary to `out`.
///
/// # Errors
/// A drill that is not valid, does not fit its topology, or needs a program of its own. A drill that
/// fails is no error: that is the report's verdict.
pub fn run_virtual(options: &VirtualOptions, out: &mut dyn Write) -> Result<Report, DrillError> {
    let drill = Drill::resolve(&options.drill)?;
    guard(&drill)?;
    let seed = seed_of(options.seed, &drill)?;
    let plan = Plan::of_drill(&drill, seed)?;
    writeln!(out, "drill {}: {}", drill.name, drill.title)?;
    writeln!(
        out,
        "topology {}: {} devices, {} groups; seed {seed}; virtual time\n",
        plan.topology.name,
        plan.topology.devices.len(),
        plan.topology.groups.len()
    )?;
    let control = control(options, &drill, seed)?;
    let begin = Instant::now();
    let outcome = simulate(&plan)?;
    let took = begin.elapsed();
    let trace_hash = outcome.trace_hash.clone();
    let (report, history) = judged(&drill, &options.drill, seed, outcome, control, out)?;
    let directory = options.report.clone().or_else(|| drill.report.folder.clone());
    let report = conclude(report, &drill, &options.drill, directory.as_deref(), &history)?;
    report.print(out)?;
    let length = report.duration_ms / 1000.0;
    writeln!(out, "\n  {length:.0} s of virtual time in {:.2} s", took.as_secs_f64())?;
    writeln!(out, "  trace {trace_hash}")?;
    for rule in &history.notes.broken {
        writeln!(out, "  broken: {rule}")?;
    }
    Ok(report)
}

/// Runs a drill that has been read, or changed since, in virtual time, and judges it. Nothing is printed,
/// and no report is written.
///
/// # Errors
/// A drill that does not fit its topology, or needs a program of its own.
pub fn judge_virtual(drill: &Drill, seed: u64) -> Result<Report, DrillError> {
    guard(drill)?;
    let outcome = simulate(&Plan::of_drill(drill, seed)?)?;
    judged(drill, &drill.name, seed, outcome, None, &mut io::sink()).map(|(report, _)| report)
}

/// The report of a run, and the run. `name`: what the drill is called on the command line.
fn judged(
    drill: &Drill,
    name: &str,
    seed: u64,
    mut outcome: Outcome,
    control: Option<Control>,
    out: &mut dyn Write,
) -> Result<(Report, History), DrillError> {
    outcome.history.calls.sort_by_key(|call| call.at_ns);
    outcome.history.workloads = workloads(drill);
    let timeline = tell(drill, &outcome, out)?;
    let seed_word = seed.to_string();
    let words = ["drill", "run", name, "--virtual", "--seed", &seed_word];
    let facts = Facts {
        tier: Tier::Virtual,
        seed,
        replay: replay_command(&words, &[]),
        trace_hash: Some(outcome.trace_hash),
        verified_signatures: Some(outcome.verified),
        invalid_signatures: outcome.invalid,
        control,
        log: None,
        timeline,
    };
    outcome.history.notes.broken = outcome.broken.iter().map(ToString::to_string).collect();
    let report = Report::new(drill, &outcome.history, facts);
    Ok((report, outcome.history))
}

/// What the run is compared with.
fn control(
    options: &VirtualOptions,
    drill: &Drill,
    seed: u64,
) -> Result<Option<Control>, DrillError> {
    match &options.compare {
        Compare::Nothing => Ok(None),
        Compare::Baseline(folder) => Control::read(folder).map(Some),
        Compare::Control => {
            let mut outcome = simulate(&Plan::of_drill(&without_steps(drill), seed)?)?;
            outcome.history.workloads = workloads(drill);
            let hash = Some(outcome.trace_hash);
            Ok(Some(Control::without_faults(outcome.history, seed, hash)))
        }
    }
}

/// Applications are numbered from 1, in the order of the drill file.
fn workloads(drill: &Drill) -> BTreeMap<u32, String> {
    let own =
        drill.workloads.iter().filter(|it| matches!(it.source, WorkloadSource::Threads { .. }));
    let processes = own.flat_map(|workload| (0..workload.processes).map(|_| workload.name.clone()));
    (1..).zip(processes).collect()
}

/// Prints what happened in the order of time, as a drill in real time does while it happens.
fn tell(drill: &Drill, outcome: &Outcome, out: &mut dyn Write) -> io::Result<Vec<Moment>> {
    let history = &outcome.history;
    let film = Film::of(drill, &history.topology);
    let mut timeline = Timeline::new(out, history.begin_ns, history.time_scale, film)?;
    timeline.know(history.faults.clone());
    let mut moments = outcome.moments.iter().peekable();
    let mut events = history.events.iter().peekable();
    let mut calls: Vec<_> = history.calls.iter().collect();
    calls.sort_by_key(|call| call.at_ns + call.took_ns);
    let moment_ns = |moment: &Moment| history.begin_ns + (moment.at_ms * 1e6) as u64;
    for call in calls {
        let end_ns = call.at_ns + call.took_ns;
        while let Some(moment) = moments.next_if(|moment| moment_ns(moment) <= end_ns) {
            timeline.mark(moment_ns(moment), moment.what.clone())?;
        }
        while let Some(event) = events.next_if(|event| event.at_ns <= end_ns) {
            let batch = Batch { calls: Vec::new(), events: vec![event.clone()] };
            timeline.follow(&batch, event.at_ns)?;
        }
        timeline.follow(&Batch { calls: vec![call.clone()], events: Vec::new() }, end_ns)?;
    }
    for moment in moments {
        timeline.mark(moment_ns(moment), moment.what.clone())?;
    }
    timeline.into_moments(history.end_ns)
}
