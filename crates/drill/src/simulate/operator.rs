//! The operator of a run in virtual time: faults on schedule, repairs by hand, and at the end the
//! healing of everything and the wait until the cluster is whole.

use std::{rc::Rc, sync::Arc, time::Duration};

use hsmsim_client::{Client, MemberRecovery};
use hsmsim_cluster::Cluster;
use hsmsim_network::{Time, VirtualExecutor, race};
use hsmsim_sim_config::{Action, DeviceId, OwedCopies, Step};
use tokio::sync::Notify;

use super::{Plan, app::Stage, trace::Trace};
use crate::{
    report::Moment,
    run::{DrillError, busiest, labels, repair, served},
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
}

pub(crate) struct Operator {
    cluster: Arc<Cluster>,
    client: Arc<Client>,
    trace: Trace,
    stage: Rc<Stage>,
    steps: Vec<Step>,
    kills: Vec<(Duration, u32)>,
    duration: Duration,
    settle: Duration,
    /// Name of the step and number of the fault.
    set: Vec<(String, u64)>,
    /// What each device had answered when the run began.
    served_before: Vec<u64>,
    moments: Vec<Moment>,
    /// Tells the ticker that the fault table has changed.
    changed: Rc<Notify>,
}

impl Operator {
    pub(crate) fn new(plan: &Plan, cluster: Arc<Cluster>, trace: &Trace, stage: Rc<Stage>) -> Self {
        let client = Client::simulated(Arc::clone(&cluster), PID, trace.sink(), plan.planted);
        let served_before = served(&cluster);
        Self {
            client,
            cluster,
            trace: trace.clone(),
            steps: plan.steps.clone(),
            kills: plan.kills.clone(),
            duration: plan.duration,
            settle: plan.settle,
            set: Vec::new(),
            served_before,
            moments: Vec::new(),
            changed: Rc::new(Notify::new()),
            stage,
        }
    }

    /// The whole run: the schedule, the end of the work, and the settling.
    pub(crate) async fn run(mut self, executor: &VirtualExecutor) -> Result<Operated, DrillError> {
        let ticker = executor.spawn(tick(Arc::clone(&self.cluster), Rc::clone(&self.changed)));
        let clock = self.cluster.clock().clone();
        let mut kills = std::mem::take(&mut self.kills);
        kills.sort_unstable();
        let mut kills = kills.into_iter().peekable();
        for step in std::mem::take(&mut self.steps) {
            while let Some((at, pid)) = kills.next_if(|(at, _)| *at <= step.at) {
                self.kill(at, pid).await;
            }
            clock.sleep_until(Time::ZERO + step.at).await;
            self.act(&step).await?;
        }
        for (at, pid) in kills {
            self.kill(at, pid).await;
        }
        clock.sleep_until(Time::ZERO + self.duration).await;
        self.heal(None)?;
        // Long enough for every member to time out once for a call that had just begun.
        let members = self.cluster.devices().len() as u32;
        let ha = &self.cluster.topology().ha;
        let patience = (ha.receive_timeout + ha.connect_timeout) * (members + 1) + ha.boot_time;
        self.stage.ended(clock.now() + patience).await;
        let equal_ns = self.settle().await?;
        ticker.abort();
        let Self { set, moments, .. } = self;
        Ok(Operated { set, moments, equal_ns })
    }

    async fn kill(&mut self, at: Duration, pid: u32) {
        self.cluster.clock().sleep_until(Time::ZERO + at).await;
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

    fn heal(&mut self, step: Option<&str>) -> Result<(), DrillError> {
        for (name, id) in &self.set {
            if step.is_none_or(|step| step == name) {
                self.cluster.heal_fault(*id)?;
            }
        }
        self.changed.notify_one();
        Ok(())
    }

    async fn act(&mut self, step: &Step) -> Result<(), DrillError> {
        match &step.action {
            Action::Fault(fault) => {
                let cluster = Arc::clone(&self.cluster);
                let busiest =
                    |candidates: &[DeviceId]| busiest(&cluster, candidates, &self.served_before);
                for fault in fault.resolved(cluster.topology(), busiest)? {
                    let ids = cluster.add_fault(&fault, |_| 0, None)?;
                    self.set.extend(ids.into_iter().map(|id| (step.name.clone(), id)));
                    self.mark(format!("fault: {fault}"));
                }
                self.changed.notify_one();
            }
            Action::Heal { step } => {
                self.heal(Some(step))?;
                self.mark(format!("healed: {step}"));
            }
            Action::HealAll => {
                self.heal(None)?;
                self.mark("healed: everything");
            }
            Action::Mark { text } => self.mark(text.clone()),
            Action::Wait => {}
            Action::Recover { group } => {
                for label in labels(&self.cluster, group.as_deref()) {
                    let reports = self.client.ha_recover(&label).await?;
                    self.repaired("ha recover", &reports);
                }
            }
            Action::Synchronize { group } => {
                for label in labels(&self.cluster, group.as_deref()) {
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
/// in virtual time nobody but this looks while all calls wait.
async fn tick(cluster: Arc<Cluster>, changed: Rc<Notify>) {
    let clock = cluster.clock().clone();
    loop {
        match cluster.next_change_ns() {
            None => changed.notified().await,
            Some(at_ns) => {
                let wait = Duration::from_nanos(at_ns.saturating_sub(clock.unix_now()));
                race(clock.sleep(wait), changed.notified()).await;
            }
        }
        cluster.refresh();
    }
}
