//! A run in virtual time: cluster, applications and operator in one thread, on one clock that moves
//! only when nothing is left to do.
//!
//! - [`Plan`]: what is run. Made from a drill file, or drawn by the explorer.
//! - `app`: applications, which call the client library as the module does.
//! - `keys`: the keys they work with, and what became of each.
//! - `operator`: faults on schedule, repairs, and the settling at the end.
//! - `trace`: what happened, in order, and its hash.
//! - `truth`: what must hold at the end of every run, whatever the faults.
//!
//! Everything that is drawn comes from the plan's seed, so a run can be repeated from that number
//! alone. Signatures are modelled by HMAC-SHA256: the checker can still verify them, and a run of
//! hundreds of thousands of calls ends within seconds.

mod app;
mod keys;
mod operator;
mod report;
mod trace;
mod truth;

use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

use hsmsim_client::planted::Planted;
use hsmsim_cluster::Cluster;
use hsmsim_network::{Clock, Time, VirtualExecutor};
use hsmsim_sim_config::{Abort, Action, Drill, Step, Topology, WorkloadSource};

pub use app::{AppPlan, Op, THINK};
pub use report::{VirtualOptions, judge_virtual, run_virtual};
pub use truth::{Broken, Rule};

use crate::{
    history::History,
    observe::{fault_spans, inventory},
    report::Moment,
    run::{DrillError, named_keys},
};

/// What is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cluster. Its seed and time scale are not used: the plan's seed counts, and virtual time
    /// needs no compression.
    pub topology: Topology,
    /// The seed.
    pub seed: u64,
    /// How long the applications work.
    pub duration: Duration,
    /// How long the cluster has to become whole after everything is healed.
    pub settle: Duration,
    /// So long after the load has begun every application must have ended; if nothing is said, each has
    /// the time after the load's end that it takes to time out once at every member.
    pub deadline: Option<Duration>,
    /// The applications.
    pub apps: Vec<AppPlan>,
    /// What the operator does, in order of time.
    pub steps: Vec<Step>,
    /// When the run is stopped early.
    pub abort: Option<Abort>,
    /// When which application (counted from 1) is killed.
    pub kills: Vec<(Duration, u32)>,
    /// A bug that a test has planted.
    pub planted: Option<Planted>,
    /// Whether calls are kept one by one; the trace's hash has them either way.
    pub keep_calls: bool,
}

impl Plan {
    /// What a drill file describes, on its own topology.
    ///
    /// # Errors
    /// A drill that does not fit its topology, or has no load of its own.
    pub fn of_drill(drill: &Drill, seed: u64) -> Result<Self, DrillError> {
        let topology = Topology::resolve(&drill.topology)?;
        drill.check(&topology)?;
        runs_in_virtual_time(drill)?;
        let mut apps = Vec::new();
        for workload in &drill.workloads {
            let WorkloadSource::Threads(load) = &workload.source else { continue };
            let first = topology.groups.first().map(|group| group.label.as_str());
            let group = workload.group.as_deref().or(first).unwrap_or_default().to_owned();
            for process in 1..=workload.processes {
                apps.push(AppPlan {
                    name: workload.name.clone(),
                    group: group.clone(),
                    client: workload.client,
                    sessions: load.threads,
                    mix: load.mix.iter().map(|&(op, weight)| (Op::from(op), weight)).collect(),
                    rate: load.rate,
                    open_loop: load.open_loop,
                    think: load.think,
                    payload: load.payload,
                    key_label: named_keys(&load.key_label, &workload.name, process),
                    retry: load.retry.clone(),
                });
            }
        }
        Ok(Self {
            topology,
            seed,
            duration: drill.duration,
            settle: drill.settle,
            deadline: drill.deadline,
            apps,
            steps: drill.steps.clone(),
            abort: drill.abort.clone(),
            kills: Vec::new(),
            planted: None,
            keep_calls: true,
        })
    }
}

/// Whether everything in a drill can be in virtual time.
///
/// # Errors
/// A program of its own, as load or as a step, which runs on the clock on the wall.
pub fn runs_in_virtual_time(drill: &Drill) -> Result<(), DrillError> {
    for workload in &drill.workloads {
        if matches!(workload.source, WorkloadSource::External { .. }) {
            return Err(DrillError::usage(format!(
                "workload {} is a program of its own, and virtual time can run none: leave out --virtual",
                workload.name
            )));
        }
    }
    for step in &drill.steps {
        if matches!(step.action, Action::Run { .. }) {
            return Err(DrillError::usage(format!(
                "step {} runs a program, and virtual time can run none: leave out --virtual",
                step.name
            )));
        }
    }
    Ok(())
}

/// What a run left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Hash of the trace: equal seeds give equal hashes, in any process on any day.
    pub trace_hash: String,
    /// The run as data; its calls, in the order in which they ended, only if the plan keeps them.
    pub history: History,
    /// How many calls there were.
    pub call_count: u64,
    /// The timeline.
    pub moments: Vec<Moment>,
    /// Signatures that verified outside the library.
    pub verified: u64,
    /// Signatures that did not.
    pub invalid: u64,
    /// Keys that were acknowledged and that no member holds.
    pub lost_keys: Vec<String>,
    /// Keys that were destroyed and that a member holds.
    pub resurrected_keys: Vec<String>,
    /// Acknowledged copies that are missing on members at the end.
    pub missing_copies: u64,
    /// Rules that the run broke.
    pub broken: Vec<Broken>,
    /// How often something was polled: a measure of work.
    pub polls: u64,
}

/// Runs a plan to its end.
///
/// # Errors
/// A plan whose topology, groups or targets do not exist; a run that does not end.
pub fn simulate(plan: &Plan) -> Result<Outcome, DrillError> {
    let clock = Clock::virtual_at(Time::ZERO);
    let mut topology = plan.topology.clone();
    topology.seed = plan.seed;
    topology.time_scale = 1.0;
    let cluster = Cluster::simulate(topology, clock.clone())?;
    let executor = VirtualExecutor::new(clock.clone());
    let asserts = |step: &Step| matches!(step.action, Action::Assert { .. });
    let conditions = plan.abort.is_some() || plan.steps.iter().any(asserts);
    let trace = trace::Trace::new(plan.keep_calls, conditions);
    let stage = Rc::new(app::Stage::new(plan, &cluster, &trace, executor.spawner())?);
    let operator = operator::Operator::new(plan, Arc::clone(&cluster), &trace, Rc::clone(&stage));
    let begin_ns = clock.unix_now();
    let inventory_before = inventory(&cluster)?;
    Rc::clone(&stage).start(&executor);
    let run = executor.block_on(operator.run(&executor));
    let mut operated =
        run.map_err(|error| DrillError::new(format!("the run does not end: {error}")))??;
    let found = truth::look(plan, &cluster, &stage, &trace)?;
    let end_ns = clock.unix_now();
    let faults = fault_spans(&cluster, &operated.set);
    let inventory_after = inventory(&cluster)?;
    let (verified, invalid) = stage.signatures();
    operated.notes.operations = stage.take_operations();
    operated.notes.operations.sort_by_key(|operation| operation.begin_ns);
    // The tasks hold the clients; dropping them before the trace is taken keeps the order clear.
    let polls = executor.polls();
    drop(executor);
    let record = trace.finish();
    Ok(Outcome {
        trace_hash: record.hash,
        call_count: record.call_count,
        history: History {
            begin_ns,
            end_ns,
            time_scale: 1.0,
            calls: record.calls,
            events: record.events,
            faults,
            workloads: BTreeMap::new(),
            topology: Arc::clone(cluster.topology()),
            inventory_before,
            inventory_after,
            inventory_equal_ns: operated.equal_ns,
            notes: operated.notes,
        },
        moments: operated.moments,
        verified,
        invalid,
        lost_keys: found.lost,
        resurrected_keys: found.resurrected,
        missing_copies: found.missing,
        broken: found.broken,
        polls,
    })
}
