//! Looking for seeds that break a rule: topologies, applications and faults are drawn from a seed, run
//! in virtual time and compared with what must hold. The first seed that breaks a rule is repeated
//! with fewer and fewer steps until none can be left out.

mod draw;
mod shrink;

use std::{
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use hsmsim_sim_config::HaPreset;

pub use draw::draw;
#[doc(hidden)]
pub use hsmsim_client::planted::Planted;

use crate::{
    run::DrillError,
    simulate::{Broken, Outcome, simulate},
};

/// What to explore.
#[derive(Clone, Debug)]
pub struct ExploreOptions {
    /// The first seed.
    pub from: u64,
    /// How many seeds.
    pub seeds: u64,
    /// The habits of the clients; drawn from the seed if absent.
    pub preset: Option<HaPreset>,
    /// About how many calls a seed makes at most.
    pub calls: u64,
    /// Each seed is run twice, and the hashes are compared.
    pub twice: bool,
    /// Calls are kept one by one.
    pub keep_calls: bool,
    /// A bug that a test has planted.
    pub planted: Option<Planted>,
}

impl Default for ExploreOptions {
    fn default() -> Self {
        Self {
            from: 1,
            seeds: 1,
            preset: None,
            calls: 20_000,
            twice: false,
            keep_calls: false,
            planted: None,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// Seeds that were run.
    pub seeds: u64,
    /// Calls that were made.
    pub calls: u64,
    /// Faults that were set.
    pub faults: u64,
    /// The violation of the smallest seed, if there was one.
    pub violation: Option<Violation>,
}

/// A seed that breaks a rule.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What it broke.
    pub broken: Vec<Broken>,
    /// Numbers of the drawn steps that are needed to break it, from 0.
    pub keep: Vec<usize>,
    /// How many steps were drawn.
    pub drawn: usize,
    /// The steps that are needed, one a line.
    pub schedule: Vec<String>,
    /// Hash of the trace with just those steps.
    pub trace_hash: String,
}

/// One seed with the steps of `keep` only, or with all.
///
/// # Errors
/// A run that cannot be made; a broken rule is no error.
pub fn replay(
    options: &ExploreOptions,
    seed: u64,
    keep: Option<&[usize]>,
) -> Result<Outcome, DrillError> {
    let drawn = draw(options, seed)?;
    simulate(&shrink::with_steps(&drawn, keep))
}

/// Runs seeds until one breaks a rule or all are run. `progress` is told how many are done.
///
/// # Errors
/// A run that cannot be made, a run that does not end, or one that differs from its repetition.
pub fn explore(
    options: &ExploreOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Explored, DrillError> {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let found = Mutex::new((Explored::default(), None::<(u64, Result<Outcome, DrillError>)>));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= options.seeds {
                return;
            }
            let seed = options.from + index;
            let run = run_seed(options, seed);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.0.seeds += 1;
            if let Ok(outcome) = &run {
                found.0.calls += outcome.call_count;
                found.0.faults += outcome.history.strike_times().len() as u64;
            }
            progress(found.0.seeds, options.seeds);
            let good = run.as_ref().is_ok_and(|outcome| outcome.broken.is_empty());
            // Of several that break a rule at the same time the smallest counts.
            if !good && found.1.as_ref().is_none_or(|(other, _)| seed < *other) {
                found.1 = Some((seed, run));
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    let (mut explored, first) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((seed, run)) = first {
        let outcome = run.map_err(|error| DrillError::new(format!("seed {seed}: {error}")))?;
        explored.violation = Some(shrink::shrink(options, seed, outcome)?);
    }
    Ok(explored)
}

fn run_seed(options: &ExploreOptions, seed: u64) -> Result<Outcome, DrillError> {
    let outcome = replay(options, seed, None)?;
    if options.twice {
        let again = replay(options, seed, None)?;
        if again.trace_hash != outcome.trace_hash {
            return Err(DrillError::new(format!(
                "two runs differ: {} and {}",
                outcome.trace_hash, again.trace_hash
            )));
        }
    }
    Ok(outcome)
}
