//! The operator of a run on the real tier: what the schedule says, and what must end with the run.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use hsmsim_client::{Client, MemberRecovery, record::EventRecord};
use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{Abort, Action, Drill, Step};

use super::{DrillError, LOOK, RunOptions, apps, labels, nanos, new_members};
use crate::{
    choose::Chooser,
    history::{CALL_FAULT, Check, FaultSpan, Notes, Snapshot},
    metrics::{end, failed_by_cluster},
    observe::{assert, fault_spans, held, inventory},
    records::Batch,
    schedule::Schedule,
    tally::Tally,
    timeline::Timeline,
};

/// What the operator of this run does: the faults, which end with it however it ends, and repairs.
pub(super) struct Operator {
    cluster: Arc<Cluster>,
    client: Arc<Client>,
    options: RunOptions,
    begin_ns: u64,
    seed: u64,
    /// What the operator's own client did to members, as the application's clients record it.
    events: Vec<EventRecord>,
    /// The step and number of the row.
    set: Vec<(Step, u64)>,
    schedule: Schedule,
    chooser: Chooser,
    tally: Tally,
    abort: Option<Abort>,
    /// Since when (drill time) its condition has held, by its place in the list.
    held_since: BTreeMap<usize, Duration>,
    programs: Vec<Program>,
    notes: Notes,
}

/// A program of a `run` step.
struct Program {
    step: String,
    command: String,
    child: Child,
    deadline_ns: u64,
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Both can only fail if it ended in this moment.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Err(error) = self.heal(None) {
            tracing::error!(%error, "faults of the drill were not healed; they end with this process");
        }
    }
}

impl Operator {
    pub(super) fn new(
        drill: &Drill,
        cluster: &Arc<Cluster>,
        options: &RunOptions,
        begin_ns: u64,
        seed: u64,
    ) -> Result<Self, DrillError> {
        Ok(Self {
            client: Client::over(Arc::clone(cluster))?,
            cluster: Arc::clone(cluster),
            options: options.clone(),
            begin_ns,
            seed,
            events: Vec::new(),
            set: Vec::new(),
            schedule: Schedule::new(drill.steps.clone()),
            chooser: Chooser::new(cluster, seed),
            tally: Tally::default(),
            abort: drill.abort.clone(),
            held_since: BTreeMap::new(),
            programs: Vec::new(),
            notes: Notes::default(),
        })
    }

    /// Drill time of a moment of the clock.
    fn drill_time(&self, at_ns: u64) -> Duration {
        let real = Duration::from_nanos(at_ns.saturating_sub(self.begin_ns));
        real.mul_f64(self.cluster.topology().time_scale)
    }

    fn now(&self) -> Duration {
        self.drill_time(self.cluster.clock().unix_now())
    }

    /// What has been recorded since the last look.
    pub(super) fn heard(&mut self, batch: &Batch) {
        let time_scale = self.cluster.topology().time_scale;
        for event in &batch.events {
            self.tally.event(event);
            self.schedule.event(event, self.drill_time(event.at_ns));
        }
        for call in &batch.calls {
            self.tally.call(call, time_scale);
            if failed_by_cluster(call) {
                self.schedule.call_failed(self.drill_time(end(call)));
            }
        }
    }

    /// Does what is due, and looks whether the run is to stop.
    pub(super) fn step(&mut self, timeline: &mut Timeline<'_>) -> Result<(), DrillError> {
        self.look_at_programs(timeline)?;
        while let Some(step) = self.schedule.due(self.now()) {
            let begin = self.now();
            self.act(&step, timeline)?;
            if !matches!(step.action, Action::Run { .. }) {
                let end = (begin + step.length()).max(self.now());
                self.schedule.ends(&step.name, end);
            }
        }
        for missed in self.schedule.missed(self.now()) {
            timeline.mark(self.cluster.clock().unix_now(), missed.clone())?;
            self.notes.inconclusive.push(missed);
        }
        self.stop_conditions(timeline)
    }

    /// Whether a condition has stopped the run.
    pub(super) fn is_stopped(&self) -> bool {
        self.notes.aborted.is_some()
    }

    fn stop_conditions(&mut self, timeline: &mut Timeline<'_>) -> Result<(), DrillError> {
        let now = self.now();
        let Some(abort) = &self.abort else { return Ok(()) };
        for (index, condition) in abort.when.iter().enumerate() {
            let (holds, measured) = self.tally.look(condition, &self.cluster)?;
            if !holds {
                self.held_since.remove(&index);
                continue;
            }
            if now - *self.held_since.entry(index).or_insert(now) >= abort.grace {
                let now_ns = self.cluster.clock().unix_now();
                timeline.mark(now_ns, format!("stopped: {condition} ({measured})"))?;
                self.notes.aborted = Some((condition.text.clone(), measured));
                self.heal(None)?;
                timeline.mark(now_ns, "healed: everything")?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends the faults of a step or of a parallel group, or all.
    pub(super) fn heal(&mut self, step: Option<&str>) -> Result<(), DrillError> {
        for (set, id) in &self.set {
            if step.is_none_or(|step| set.name == step || set.group.as_deref() == Some(step)) {
                self.cluster.heal_fault(*id)?;
            }
        }
        Ok(())
    }

    fn set_by_step(&self) -> Vec<(String, u64)> {
        self.set.iter().map(|(step, id)| (step.name.clone(), *id)).collect()
    }

    /// What has struck so far.
    pub(super) fn spans(&self) -> Vec<FaultSpan> {
        fault_spans(&self.cluster, &self.set_by_step())
    }

    /// Events, faults by step and number, and notes.
    pub(super) fn into_parts(mut self) -> (Vec<EventRecord>, Vec<(String, u64)>, Notes) {
        let set = self.set_by_step();
        (std::mem::take(&mut self.events), set, std::mem::take(&mut self.notes))
    }

    /// Does what a step says.
    fn act(&mut self, step: &Step, timeline: &mut Timeline<'_>) -> Result<(), DrillError> {
        let now_ns = self.cluster.clock().unix_now();
        match &step.action {
            Action::Fault(fault) => {
                let cluster = Arc::clone(&self.cluster);
                for fault in fault.resolved_by(cluster.topology(), &mut self.chooser)? {
                    let ids = cluster.add_fault(&fault, |_| 0, Some(std::process::id()))?;
                    self.set.extend(ids.into_iter().map(|id| (step.clone(), id)));
                    timeline.know(self.spans());
                    // Not the moment before it was set, in which the strip has no band yet.
                    timeline.mark(cluster.clock().unix_now(), format!("fault: {fault}"))?;
                }
            }
            Action::CallFault { fault, duration } => {
                let fault = fault.drawing_from(self.seed);
                let owner = Some(std::process::id());
                let id = self.cluster.add_call_fault(&fault, *duration, owner)?;
                self.set.push((step.clone(), id));
                timeline.know(self.spans());
                timeline.mark(now_ns, format!("fault: {CALL_FAULT} {fault}"))?;
            }
            Action::Heal { step } => {
                self.heal(Some(step))?;
                self.schedule.ends(step, self.now());
                timeline.mark(now_ns, format!("healed: {step}"))?;
            }
            Action::HealAll => {
                self.heal(None)?;
                self.schedule.all_end(self.now());
                timeline.mark(now_ns, "healed: everything")?;
            }
            Action::Mark { text } => timeline.mark(now_ns, text.clone())?,
            Action::Wait { .. } => {}
            Action::Administer(work) => {
                for line in self.cluster.administer(work)? {
                    timeline.mark(now_ns, format!("operator: {line}"))?;
                }
                for label in new_members(&self.cluster, work) {
                    let reports = self.client.run(self.client.ha_synchronize(&label))?;
                    self.repaired(now_ns, "ha synchronize", &label, &reports, timeline)?;
                }
            }
            Action::Recover { group } => {
                for label in labels(&self.cluster, group.as_deref()) {
                    let reports = self.client.run(self.client.ha_recover(&label))?;
                    self.repaired(now_ns, "ha recover", &label, &reports, timeline)?;
                }
            }
            Action::Synchronize { group } => {
                for label in labels(&self.cluster, group.as_deref()) {
                    let reports = self.client.run(self.client.ha_synchronize(&label))?;
                    self.repaired(now_ns, "ha synchronize", &label, &reports, timeline)?;
                }
            }
            Action::Snapshot => {
                let members = inventory(&self.cluster)?;
                timeline.mark(now_ns, format!("snapshot {}: {}", step.name, held(&members)))?;
                let step = step.name.clone();
                self.notes.snapshots.push(Snapshot { step, at_ns: now_ns, members });
            }
            Action::Assert { that } => {
                for condition in that {
                    let check = assert(&step.name, condition, &self.tally, &self.cluster)?;
                    let word = if check.met { "holds" } else { "does not hold" };
                    let line =
                        format!("assert {}: {condition} {word} ({})", step.name, check.measured);
                    timeline.mark(now_ns, line)?;
                    self.notes.checks.push(check);
                }
            }
            Action::Run { command, timeout } => self.launch(step, command, *timeout, timeline)?,
        }
        Ok(())
    }

    fn launch(
        &mut self,
        step: &Step,
        words: &[String],
        timeout: Duration,
        timeline: &mut Timeline<'_>,
    ) -> Result<(), DrillError> {
        let now_ns = self.cluster.clock().unix_now();
        let text = words.join(" ");
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        apps::surroundings(&mut command, &self.options, &self.cluster)?;
        timeline.mark(now_ns, format!("run: {text}"))?;
        match command.spawn() {
            Ok(child) => {
                let deadline_ns = now_ns + nanos(timeout);
                let step = step.name.clone();
                self.programs.push(Program { step, command: text, child, deadline_ns });
            }
            Err(error) => {
                self.schedule.ends(&step.name, self.now());
                self.ran(&step.name, &text, error.to_string(), false, timeline)?;
            }
        }
        Ok(())
    }

    fn ran(
        &mut self,
        step: &str,
        command: &str,
        measured: String,
        met: bool,
        timeline: &mut Timeline<'_>,
    ) -> Result<(), DrillError> {
        timeline.mark(self.cluster.clock().unix_now(), format!("run {step}: {measured}"))?;
        let (kind, step) = ("run".to_owned(), step.to_owned());
        let wanted = format!("{command} succeeds");
        self.notes.checks.push(Check { kind, step, wanted, measured, met });
        Ok(())
    }

    /// Takes note of programs that have ended, and ends those that take too long.
    fn look_at_programs(&mut self, timeline: &mut Timeline<'_>) -> Result<(), DrillError> {
        let now_ns = self.cluster.clock().unix_now();
        for mut program in std::mem::take(&mut self.programs) {
            let (measured, met) = match program.child.try_wait()? {
                Some(status) => (status.to_string(), status.success()),
                None if now_ns < program.deadline_ns => {
                    self.programs.push(program);
                    continue;
                }
                None => ("did not end within its time".to_owned(), false),
            };
            self.schedule.ends(&program.step, self.now());
            self.ran(&program.step, &program.command, measured, met, timeline)?;
        }
        Ok(())
    }

    /// Waits for programs that still run, as long as each may take.
    pub(super) fn finish_programs(
        &mut self,
        timeline: &mut Timeline<'_>,
    ) -> Result<(), DrillError> {
        self.look_at_programs(timeline)?;
        while !self.programs.is_empty() {
            std::thread::sleep(LOOK);
            self.look_at_programs(timeline)?;
        }
        Ok(())
    }

    /// Tells what a repair did.
    fn repaired(
        &mut self,
        at_ns: u64,
        what: &str,
        group: &str,
        reports: &[MemberRecovery],
        timeline: &mut Timeline<'_>,
    ) -> Result<(), DrillError> {
        let mut said = false;
        for report in reports {
            let Some(line) = repair(report) else { continue };
            timeline.mark(at_ns, format!("operator: {what}, {line}"))?;
            said = true;
            if report.copied > 0 {
                self.events.push(EventRecord {
                    at_ns,
                    event: "copy_delivered".to_owned(),
                    group: group.to_owned(),
                    member: report.device.clone(),
                    detail: format!("{} objects", report.copied),
                    pid: std::process::id(),
                });
            }
        }
        if !said {
            timeline.mark(at_ns, format!("operator: {what}, nothing to copy"))?;
        }
        Ok(())
    }

    /// Everything is healed: the cluster has until the end of the settle phase to become whole.
    /// Gives the time at which it was.
    pub(super) fn settle(
        &mut self,
        drill: &Drill,
        timeline: &mut Timeline<'_>,
    ) -> Result<Option<u64>, DrillError> {
        let cluster = Arc::clone(&self.cluster);
        let deadline = cluster.clock().now() + cluster.scaled(drill.settle);
        loop {
            let mut whole = true;
            for label in labels(&cluster, None) {
                self.client.run(self.client.ha_recover(&label))?;
                if let Some(group) = cluster.topology().group(&label) {
                    whole &= !cluster.needs_sync(group)?;
                }
            }
            let now_ns = cluster.clock().unix_now();
            if whole {
                timeline.mark(now_ns, "all members hold the same keys")?;
                return Ok(Some(now_ns));
            }
            if cluster.clock().now() > deadline {
                timeline.mark(now_ns, "members still differ after the settle phase")?;
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What a repair did to a member; `None` if there was nothing to do.
pub(crate) fn repair(report: &MemberRecovery) -> Option<String> {
    let MemberRecovery { device, copied, deleted, .. } = report;
    match &report.problem {
        Some(problem) => Some(format!("{device} stays away: {problem}")),
        None if copied + deleted > 0 => {
            Some(format!("{device}: {copied} objects copied, {deleted} deleted"))
        }
        None => None,
    }
}
