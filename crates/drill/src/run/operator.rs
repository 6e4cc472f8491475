//! The operator of a run on the real tier: what the schedule says, and what must end with the run.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use hsmsim_client::{Client, MemberRecovery, record::EventRecord};
use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{Action, Drill, Step};

use super::{DrillError, LOOK, RunOptions, apps, labels, nanos, new_members};
use crate::{
    history::{Check, FaultSpan, Notes},
    metrics::{end, failed_by_cluster},
    operator::{Desk, Performed},
    records::Batch,
    tally::Tally,
    timeline::Timeline,
};

/// What the operator of this run does: the faults, which end with it however it ends, and repairs.
pub(super) struct Operator {
    cluster: Arc<Cluster>,
    client: Arc<Client>,
    options: RunOptions,
    begin_ns: u64,
    desk: Desk,
    /// What the operator's own client did to members, as the application's clients record it.
    events: Vec<EventRecord>,
    tally: Tally,
    programs: Vec<Program>,
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
        if let Err(error) = self.heal() {
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
            desk: Desk::new(
                cluster,
                drill.steps.clone(),
                drill.abort.clone(),
                seed,
                Some(std::process::id()),
            ),
            events: Vec::new(),
            tally: Tally::default(),
            programs: Vec::new(),
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
            self.desk.schedule.event(event, self.drill_time(event.at_ns));
        }
        for call in &batch.calls {
            self.tally.call(call, time_scale);
            if failed_by_cluster(call) {
                self.desk.schedule.call_failed(self.drill_time(end(call)));
            }
        }
    }

    /// Does what is due, and looks whether the run is to stop.
    pub(super) fn step(&mut self, timeline: &mut Timeline<'_>) -> Result<(), DrillError> {
        self.look_at_programs(timeline)?;
        while let Some(step) = self.desk.schedule.due(self.now()) {
            let begin = self.now();
            self.act(&step, timeline)?;
            if !matches!(step.action, Action::Run { .. }) {
                let end = (begin + step.length()).max(self.now());
                self.desk.schedule.ends(&step.name, end);
            }
        }
        let now = self.now();
        for missed in self.desk.missed(now) {
            timeline.mark(self.cluster.clock().unix_now(), missed)?;
        }
        if let Some(lines) = self.desk.stops(|| &self.tally, now)? {
            let now_ns = self.cluster.clock().unix_now();
            lines.into_iter().try_for_each(|line| timeline.mark(now_ns, line))?;
        }
        Ok(())
    }

    /// Whether a condition has stopped the run.
    pub(super) fn is_stopped(&self) -> bool {
        self.desk.notes.aborted.is_some()
    }

    /// Ends all faults of the drill.
    pub(super) fn heal(&self) -> Result<(), DrillError> {
        self.desk.heal(None)
    }

    /// What has struck so far.
    pub(super) fn spans(&self) -> Vec<FaultSpan> {
        self.desk.spans()
    }

    /// Events, faults by step and number, and notes.
    pub(super) fn into_parts(mut self) -> (Vec<EventRecord>, Vec<(String, u64)>, Notes) {
        let set = self.desk.set_by_step();
        (std::mem::take(&mut self.events), set, std::mem::take(&mut self.desk.notes))
    }

    /// Does what a step says.
    fn act(&mut self, step: &Step, timeline: &mut Timeline<'_>) -> Result<(), DrillError> {
        let now = self.now();
        let performed = self.desk.perform(step, || &self.tally, now)?;
        // Not the moment before a fault was set, in which the strip has no band yet.
        let now_ns = self.cluster.clock().unix_now();
        match performed {
            Performed::Done(lines) => {
                timeline.know(self.spans());
                lines.into_iter().try_for_each(|line| timeline.mark(now_ns, line))?;
            }
            Performed::Administer(work) => {
                for line in self.cluster.administer(work)? {
                    timeline.mark(now_ns, format!("operator: {line}"))?;
                }
                for label in new_members(&self.cluster, work) {
                    let reports = self.client.run(self.client.ha_synchronize(&label))?;
                    self.repaired(now_ns, "ha synchronize", &label, &reports, timeline)?;
                }
            }
            Performed::Recover(group) => {
                for label in labels(&self.cluster, group) {
                    let reports = self.client.run(self.client.ha_recover(&label))?;
                    self.repaired(now_ns, "ha recover", &label, &reports, timeline)?;
                }
            }
            Performed::Synchronize(group) => {
                for label in labels(&self.cluster, group) {
                    let reports = self.client.run(self.client.ha_synchronize(&label))?;
                    self.repaired(now_ns, "ha synchronize", &label, &reports, timeline)?;
                }
            }
            Performed::Run { command, timeout } => self.launch(step, command, timeout, timeline)?,
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
                self.desk.schedule.ends(&step.name, self.now());
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
        self.desk.notes.checks.push(Check { kind, step, wanted, measured, met });
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
            self.desk.schedule.ends(&program.step, self.now());
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
