//! The operator of a run in virtual time: faults on schedule, repairs by hand, and at the end the
//! healing of everything and the wait until the cluster is whole.

use std::{rc::Rc, sync::Arc, time::Duration};

use hsmsim_client::{Client, MemberRecovery};
use hsmsim_cluster::Cluster;
use hsmsim_network::{Time, VirtualExecutor, race};
use hsmsim_sim_config::{Action, OwedCopies, Step};
use tokio::sync::Notify;

use super::{
    Plan,
    app::Stage,
    trace::{Heard, Trace},
};
use crate::{
    history::Notes,
    operator::{Desk, Performed},
    report::Moment,
    run::{DrillError, labels, new_members, repair},
};

/// The operator's number in the trace; applications count from 1.
const PID: u32 = 0;
/// How often a cluster that settles is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the operator did.
pub(crate) struct Operated {
    /// Name of the step and number of the fault.
    pub(crate) set: Vec<(String, u64)>,
    pub(crate) moments: Vec<Moment>,
    /// When members held the same keys, if they did within the settle phase; Unix time in ns.
    pub(crate) equal_ns: Option<u64>,
    pub(crate) notes: Notes,
}

pub(crate) struct Operator {
    cluster: Arc<Cluster>,
    client: Arc<Client>,
    trace: Trace,
    stage: Rc<Stage>,
    desk: Desk,
    /// How much of the trace the schedule has been told.
    heard: Heard,
    kills: Vec<(Duration, u32)>,
    duration: Duration,
    settle: Duration,
    deadline: Option<Duration>,
    moments: Vec<Moment>,
    /// Tells the ticker that the fault table has changed.
    changed: Rc<Notify>,
}

impl Operator {
    pub(crate) fn new(plan: &Plan, cluster: Arc<Cluster>, trace: &Trace, stage: Rc<Stage>) -> Self {
        let client = Client::simulated(Arc::clone(&cluster), PID, trace.sink(), plan.planted);
        let desk = Desk::new(&cluster, plan.steps.clone(), plan.abort.clone(), plan.seed, None);
        Self {
            client,
            cluster,
            trace: trace.clone(),
            desk,
            heard: Heard::default(),
            kills: plan.kills.clone(),
            duration: plan.duration,
            settle: plan.settle,
            deadline: plan.deadline,
            moments: Vec::new(),
            changed: Rc::new(Notify::new()),
            stage,
        }
    }

    /// The whole run: the schedule, the end of the work, and the settling.
    pub(crate) async fn run(mut self, executor: &VirtualExecutor) -> Result<Operated, DrillError> {
        let mut views = self.stage.views();
        views.insert(0, Arc::clone(&self.cluster));
        let ticker = executor.spawn(tick(views, Rc::clone(&self.changed)));
        let clock = self.cluster.clock().clone();
        self.operate().await?;
        self.trace.listen(false);
        self.heal()?;
        // Long enough for every member to time out once for a call that had just begun.
        let members = self.cluster.devices().len() as u32;
        let ha = &self.cluster.topology().ha;
        let patience = (ha.receive_timeout + ha.connect_timeout) * (members + 1) + ha.boot_time;
        let deadline =
            self.deadline.map_or(clock.now() + patience, |deadline| Time::ZERO + deadline);
        self.stage.ended(deadline).await;
        if self.deadline.is_some() {
            self.stage.note_late();
        }
        let equal_ns = self.settle().await?;
        ticker.abort();
        let Self { desk, moments, .. } = self;
        Ok(Operated { set: desk.set_by_step(), moments, equal_ns, notes: desk.notes })
    }

    /// The schedule, until the load ends or the run is stopped.
    async fn operate(&mut self) -> Result<(), DrillError> {
        let clock = self.cluster.clock().clone();
        let mut kills = std::mem::take(&mut self.kills);
        kills.sort_unstable();
        let mut kills = kills.into_iter().peekable();
        let end = self.duration;
        loop {
            let now = clock.now() - Time::ZERO;
            while let Some((_, pid)) = kills.next_if(|(at, _)| *at <= now) {
                self.kill(pid);
            }
            self.listen();
            while let Some(step) = self.desk.schedule.due(clock.now() - Time::ZERO) {
                self.act(&step).await?;
                self.listen();
            }
            for missed in self.desk.missed(clock.now() - Time::ZERO) {
                self.mark(missed);
            }
            let tally = || self.trace.tally();
            if let Some(lines) = self.desk.stops(tally, clock.now() - Time::ZERO)? {
                lines.into_iter().for_each(|line| self.mark(line));
                self.changed.notify_one();
                self.stage.stop();
                return Ok(());
            }
            let now = clock.now() - Time::ZERO;
            if now >= end {
                return Ok(());
            }
            let mut next = self.desk.schedule.next().unwrap_or(end).min(end);
            if let Some((at, _)) = kills.peek() {
                next = next.min(*at);
            }
            if self.desk.may_stop() {
                next = next.min(now + LOOK);
            }
            let wait = clock.sleep_until(Time::ZERO + next.max(now));
            let listens = self.desk.schedule.listens();
            self.trace.listen(listens);
            if listens {
                race(wait, self.trace.news()).await;
            } else {
                wait.await;
            }
        }
    }

    /// Tells the schedule what has happened, if a step waits for it.
    fn listen(&mut self) {
        if !self.desk.schedule.listens() {
            return;
        }
        let begin_ns = self.cluster.clock().unix_now()
            - (self.cluster.clock().now() - Time::ZERO).as_nanos() as u64;
        let at = |at_ns: u64| Duration::from_nanos(at_ns.saturating_sub(begin_ns));
        let (events, failures) = self.trace.unheard(&mut self.heard);
        for event in events {
            self.desk.schedule.event(&event, at(event.at_ns));
        }
        for ended_ns in failures {
            self.desk.schedule.call_failed(at(ended_ns));
        }
    }

    fn kill(&mut self, pid: u32) {
        if self.stage.kill(pid) {
            self.mark(format!("killed: application {pid}"));
        }
    }

    fn mark(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.trace.mark(self.cluster.clock().unix_now(), &what);
        let at_ms = (self.cluster.clock().now() - Time::ZERO).as_secs_f64() * 1e3;
        self.moments.push(Moment { at_ms, what });
    }

    fn heal(&self) -> Result<(), DrillError> {
        self.desk.heal(None)?;
        self.changed.notify_one();
        Ok(())
    }

    async fn act(&mut self, step: &Step) -> Result<(), DrillError> {
        let begin = self.cluster.clock().now() - Time::ZERO;
        self.perform(step).await?;
        let now = self.cluster.clock().now() - Time::ZERO;
        self.desk.schedule.ends(&step.name, (begin + step.length()).max(now));
        Ok(())
    }

    async fn perform(&mut self, step: &Step) -> Result<(), DrillError> {
        let now = self.cluster.clock().now() - Time::ZERO;
        match self.desk.perform(step, || self.trace.tally(), now)? {
            Performed::Done(lines) => {
                lines.into_iter().for_each(|line| self.mark(line));
                let changes = matches!(
                    step.action,
                    Action::Fault(_)
                        | Action::CallFault { .. }
                        | Action::Heal { .. }
                        | Action::HealAll
                );
                if changes {
                    self.changed.notify_one();
                }
            }
            Performed::Administer(work) => {
                for line in self.cluster.administer(work)? {
                    self.mark(format!("operator: {line}"));
                }
                self.changed.notify_one();
                for label in new_members(&self.cluster, work) {
                    let reports = self.client.ha_synchronize(&label).await?;
                    self.repaired("ha synchronize", &reports);
                }
            }
            Performed::Run { .. } => {
                return Err(DrillError::usage("virtual time can run no program"));
            }
            Performed::Recover(group) => {
                for label in labels(&self.cluster, group) {
                    let reports = self.client.ha_recover(&label).await?;
                    self.repaired("ha recover", &reports);
                }
            }
            Performed::Synchronize(group) => {
                for label in labels(&self.cluster, group) {
                    match self.client.ha_synchronize(&label).await {
                        Ok(reports) => self.repaired("ha synchronize", &reports),
                        Err(error) => self.mark(format!("operator: ha synchronize, {error}")),
                    }
                }
            }
        }
        Ok(())
    }

    fn repaired(&mut self, what: &str, reports: &[MemberRecovery]) {
        for report in reports {
            let Some(line) = repair(report) else { continue };
            self.mark(format!("operator: {what}, {line}"));
        }
    }

    /// Debts that live in processes may have died with one: what is missing then needs a comparison.
    fn debts_may_be_lost(&self) -> bool {
        self.cluster.topology().ha.owed_copies == OwedCopies::Process
    }

    /// Everything is healed: the cluster has until the end of the settle phase to become whole.
    async fn settle(&mut self) -> Result<Option<u64>, DrillError> {
        let clock = self.cluster.clock().clone();
        clock.sleep(self.cluster.topology().ha.boot_time).await;
        let deadline = clock.now() + self.settle;
        let groups = labels(&self.cluster, None);
        loop {
            let mut whole = true;
            for label in &groups {
                let reports = self.client.ha_recover(label).await?;
                whole &= reports.iter().all(|report| report.problem.is_none());
                // Applications follow the request at their next call, and bring what they owe.
                self.stage.touch(label).await;
                if whole && self.debts_may_be_lost() {
                    let reports = self.client.ha_synchronize(label).await?;
                    self.repaired("ha synchronize", &reports);
                }
                if let Some(group) = self.cluster.topology().group(label) {
                    whole &= !self.cluster.needs_sync(group)?;
                }
            }
            if whole {
                self.mark("all members hold the same keys");
                return Ok(Some(clock.unix_now()));
            }
            if clock.now() > deadline {
                self.mark("members still differ after the settle phase");
                return Ok(None);
            }
            clock.sleep(LOOK).await;
        }
    }
}

/// Puts devices and links into the state that the fault table says whenever that changes by itself:
/// in virtual time nobody but this looks while all calls wait. `views`: the cluster as each place sees it.
async fn tick(views: Vec<Arc<Cluster>>, changed: Rc<Notify>) {
    let Some(first) = views.first() else { return };
    let clock = first.clock().clone();
    loop {
        match views.iter().filter_map(|cluster| cluster.next_change_ns()).min() {
            None => changed.notified().await,
            Some(at_ns) => {
                let wait = Duration::from_nanos(at_ns.saturating_sub(clock.unix_now()));
                race(clock.sleep(wait), changed.notified()).await;
            }
        }
        for cluster in &views {
            cluster.refresh();
        }
    }
}
