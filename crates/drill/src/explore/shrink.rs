//! From a schedule that breaks a rule to the fewest steps that still do.

use super::{
    ExploreOptions, Violation,
    draw::{Drawn, DrawnStep, draw},
};
use crate::{
    run::DrillError,
    simulate::{Outcome, Plan, simulate},
};

/// The plan with the steps of `keep` only (numbers as drawn), or with all.
pub(super) fn with_steps(drawn: &Drawn, keep: Option<&[usize]>) -> Plan {
    let mut plan = drawn.plan.clone();
    for (index, step) in drawn.steps.iter().enumerate() {
        if keep.is_some_and(|keep| !keep.contains(&index)) {
            continue;
        }
        match step {
            DrawnStep::Step(step) => plan.steps.push((**step).clone()),
            DrawnStep::Kill(at, pid) => plan.kills.push((*at, *pid)),
        }
    }
    plan.steps.sort_by_key(|step| step.at);
    plan
}

/// Leaves out one step after the other as long as a rule that was broken stays broken.
pub(super) fn shrink(
    options: &ExploreOptions,
    seed: u64,
    first: Outcome,
) -> Result<Violation, DrillError> {
    let drawn = draw(options, seed)?;
    let mut keep: Vec<usize> = (0..drawn.steps.len()).collect();
    let mut outcome = first;
    let rules =
        |outcome: &Outcome| -> Vec<_> { outcome.broken.iter().map(|broken| broken.rule).collect() };
    let wanted = rules(&outcome);
    loop {
        let mut shorter = None;
        for leave_out in keep.iter().rev() {
            let fewer: Vec<usize> = keep.iter().copied().filter(|i| i != leave_out).collect();
            let run = simulate(&with_steps(&drawn, Some(&fewer)))?;
            if rules(&run).iter().any(|rule| wanted.contains(rule)) {
                shorter = Some((fewer, run));
                break;
            }
        }
        match shorter {
            Some(found) => (keep, outcome) = found,
            None => break,
        }
    }
    let describe = |index: &usize| match &drawn.steps[*index] {
        DrawnStep::Step(step) => format!("at {:.1} s  {}", step.at.as_secs_f64(), step.name),
        DrawnStep::Kill(at, pid) => {
            format!("at {:.1} s  application {pid} is killed", at.as_secs_f64())
        }
    };
    Ok(Violation {
        seed,
        schedule: keep.iter().map(describe).collect(),
        drawn: drawn.steps.len(),
        keep,
        broken: outcome.broken,
        trace_hash: outcome.trace_hash,
    })
}
