//! What the operators of both tiers do alike: faults and their healing, conditions, snapshots. What needs
//! a client, which one tier awaits and the other drives, and when anybody looks, is theirs
//! (`run/operator.rs`, `simulate/operator.rs`).
//!
//! Nothing here tells the time or prints: a moment is drill time that the caller gives, and what was done
//! comes back as lines for the timeline.

use std::{borrow::Borrow, collections::BTreeMap, sync::Arc, time::Duration};

use hsmsim_cluster::Cluster;
use hsmsim_sim_config::{Abort, Action, Administration, Condition, Step};

use crate::{
    choose::Chooser,
    history::{CALL_FAULT, FaultSpan, Notes, Snapshot},
    observe::{assert, fault_spans, held, inventory},
    run::DrillError,
    schedule::Schedule,
    tally::Tally,
};

/// The line of a run that has healed everything.
pub(crate) const ALL_HEALED: &str = "healed: everything";

/// What became of a step: done, with lines that say what was done, or left to its tier.
pub(crate) enum Performed<'a> {
    Done(Vec<String>),
    Administer(&'a Administration),
    /// Of this group, or of all.
    Recover(Option<&'a str>),
    Synchronize(Option<&'a str>),
    Run {
        command: &'a [String],
        timeout: Duration,
    },
}

/// What an operator has before them: the schedule, what was set so far, and what was noted.
pub(crate) struct Desk {
    cluster: Arc<Cluster>,
    pub(crate) schedule: Schedule,
    pub(crate) notes: Notes,
    chooser: Chooser,
    seed: u64,
    /// The process that faults end with.
    owner: Option<u32>,
    abort: Option<Abort>,
    /// Since when one of its conditions has held, by its place in the list.
    held_since: BTreeMap<usize, Duration>,
    /// The step and number of each fault.
    set: Vec<(Step, u64)>,
}

impl Desk {
    /// Of a run that begins now.
    pub(crate) fn new(
        cluster: &Arc<Cluster>,
        steps: Vec<Step>,
        abort: Option<Abort>,
        seed: u64,
        owner: Option<u32>,
    ) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            schedule: Schedule::new(steps),
            notes: Notes::default(),
            chooser: Chooser::new(cluster, seed),
            seed,
            owner,
            abort,
            held_since: BTreeMap::new(),
            set: Vec::new(),
        }
    }

    /// Does what a step says, if that needs no client and no program. `tally` is asked if there are
    /// conditions.
    ///
    /// # Errors
    /// A target that does not exist; a state that cannot be read or written.
    pub(crate) fn perform<'a, T: Borrow<Tally>>(
        &mut self,
        step: &'a Step,
        tally: impl FnOnce() -> T,
        now: Duration,
    ) -> Result<Performed<'a>, DrillError> {
        Ok(Performed::Done(match &step.action {
            Action::Fault(fault) => {
                let cluster = Arc::clone(&self.cluster);
                let mut lines = Vec::new();
                for fault in fault.resolved_by(cluster.topology(), &mut self.chooser)? {
                    let ids = cluster.add_fault(&fault, |_| 0, self.owner)?;
                    self.set.extend(ids.into_iter().map(|id| (step.clone(), id)));
                    lines.push(format!("fault: {fault}"));
                }
                lines
            }
            Action::CallFault { fault, duration } => {
                let fault = fault.drawing_from(self.seed);
                let id = self.cluster.add_call_fault(&fault, *duration, self.owner)?;
                self.set.push((step.clone(), id));
                vec![format!("fault: {CALL_FAULT} {fault}")]
            }
            Action::Heal { step } => {
                self.heal(Some(step))?;
                self.schedule.ends(step, now);
                vec![format!("healed: {step}")]
            }
            Action::HealAll => {
                self.heal(None)?;
                self.schedule.all_end(now);
                vec![ALL_HEALED.to_owned()]
            }
            Action::Mark { text } => vec![text.clone()],
            Action::Wait { .. } => Vec::new(),
            Action::Snapshot => {
                let members = inventory(&self.cluster)?;
                let line = format!("snapshot {}: {}", step.name, held(&members));
                let (step, at_ns) = (step.name.clone(), self.cluster.clock().unix_now());
                self.notes.snapshots.push(Snapshot { step, at_ns, members });
                vec![line]
            }
            Action::Assert { that } => self.asserted(&step.name, that, tally().borrow())?,
            Action::Administer(work) => return Ok(Performed::Administer(work)),
            Action::Recover { group } => return Ok(Performed::Recover(group.as_deref())),
            Action::Synchronize { group } => return Ok(Performed::Synchronize(group.as_deref())),
            Action::Run { command, timeout } => {
                return Ok(Performed::Run { command, timeout: *timeout });
            }
        }))
    }

    fn asserted(
        &mut self,
        step: &str,
        that: &[Condition],
        tally: &Tally,
    ) -> Result<Vec<String>, DrillError> {
        let mut lines = Vec::new();
        for condition in that {
            let check = assert(step, condition, tally, &self.cluster)?;
            let word = if check.met { "holds" } else { "does not hold" };
            lines.push(format!("assert {step}: {} {word} ({})", check.wanted, check.measured));
            self.notes.checks.push(check);
        }
        Ok(lines)
    }

    /// Steps whose event has not come in time, in words, and noted as such.
    pub(crate) fn missed(&mut self, now: Duration) -> Vec<String> {
        let missed = self.schedule.missed(now);
        self.notes.inconclusive.extend(missed.iter().cloned());
        missed
    }

    /// Whether the run has conditions that stop it.
    pub(crate) fn may_stop(&self) -> bool {
        self.abort.is_some()
    }

    /// Whether a condition has held for so long that the run is to stop: then everything is healed, and
    /// the lines say so. `tally` is asked if there are conditions.
    ///
    /// # Errors
    /// A state that cannot be read or written.
    pub(crate) fn stops<T: Borrow<Tally>>(
        &mut self,
        tally: impl FnOnce() -> T,
        now: Duration,
    ) -> Result<Option<[String; 2]>, DrillError> {
        let Some(abort) = &self.abort else { return Ok(None) };
        let tally = tally();
        for (index, condition) in abort.when.iter().enumerate() {
            let (holds, measured) = tally.borrow().look(condition, &self.cluster)?;
            if !holds {
                self.held_since.remove(&index);
                continue;
            }
            if now - *self.held_since.entry(index).or_insert(now) >= abort.grace {
                let condition = condition.text.clone();
                let line = format!("stopped: {condition} ({measured})");
                self.notes.aborted = Some((condition, measured));
                self.heal(None)?;
                return Ok(Some([line, ALL_HEALED.to_owned()]));
            }
        }
        Ok(None)
    }

    /// Ends the faults of a step or of a parallel group, or all.
    ///
    /// # Errors
    /// A state that cannot be written.
    pub(crate) fn heal(&self, step: Option<&str>) -> Result<(), DrillError> {
        for (set, id) in &self.set {
            if step.is_none_or(|step| set.name == step || set.group.as_deref() == Some(step)) {
                self.cluster.heal_fault(*id)?;
            }
        }
        Ok(())
    }

    /// What has struck so far.
    pub(crate) fn spans(&self) -> Vec<FaultSpan> {
        fault_spans(&self.cluster, &self.set_by_step())
    }

    /// The numbers of the faults that were set, with the names of their steps.
    pub(crate) fn set_by_step(&self) -> Vec<(String, u64)> {
        self.set.iter().map(|(step, id)| (step.name.clone(), *id)).collect()
    }
}
