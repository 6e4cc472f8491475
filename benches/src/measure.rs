//! Rounds, taken in turn: in each round every participant makes its calls once, so that what
//! disturbs the machine for a while disturbs all of them.

#![forbid(unsafe_code)]

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    cases::Runner,
    words::{Refusal, Result},
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds of each case.
    pub rounds: usize,
    /// How long one participant's round should take.
    pub round: Duration,
    /// A case that has lasted so long has no more rounds, if it had [`ROUNDS_MIN`] of them.
    pub patience: Duration,
}

/// Rounds that every case has, however slow a participant is.
pub const ROUNDS_MIN: usize = 5;

/// One participant of a case: a runner for each thread.
pub struct Lane {
    runners: Vec<Runner>,
    calls: u64,
}

impl Lane {
    /// A participant that runs on as many threads as there are runners.
    pub fn new(runners: Vec<Runner>) -> Self {
        Self { runners, calls: 1 }
    }

    /// One round of all threads together; the time of the slowest.
    fn run(&mut self) -> Result<Duration> {
        let calls = self.calls;
        if let [runner] = &mut self.runners[..] {
            return runner(calls);
        }
        let start = &Barrier::new(self.runners.len());
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .runners
                .iter_mut()
                .map(|runner| {
                    scope.spawn(move || {
                        start.wait();
                        runner(calls)
                    })
                })
                .collect();
            let mut slowest = Duration::ZERO;
            for thread in threads {
                slowest = slowest.max(thread.join().expect("a runner does not panic")?);
            }
            Ok(slowest)
        })
    }

    /// Finds how many calls make a round, and warms up.
    fn calibrate(&mut self, round: Duration) -> Result<()> {
        loop {
            let taken = self.run()?;
            let missing = round.as_secs_f64() / taken.as_secs_f64().max(1e-9);
            if missing < 4.0 {
                // A round is at least one call, and one of many calls is not cut to the letter.
                self.calls = ((self.calls as f64 * missing).round() as u64).max(1);
                return Ok(());
            }
            // Step by step: first calls are slower than those after them.
            self.calls *= missing.min(10.0) as u64;
        }
    }

    /// Microseconds a call over all threads.
    fn sample(&mut self) -> Result<f64> {
        let calls = self.calls * self.runners.len() as u64;
        Ok(self.run()?.as_secs_f64() * 1e6 / calls as f64)
    }
}

/// What the rounds of one participant gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Microseconds a call, one for each round in the order of the rounds.
    pub us: Vec<f64>,
}

impl Samples {
    /// The median in microseconds a call.
    pub fn median_us(&self) -> f64 {
        quantile(&self.us, 0.5)
    }

    /// Half the distance between the quartiles, in microseconds.
    pub fn noise_us(&self) -> f64 {
        (quantile(&self.us, 0.75) - quantile(&self.us, 0.25)) / 2.0
    }

    /// The noise as a part of the median.
    pub fn spread(&self) -> f64 {
        self.noise_us() / self.median_us()
    }

    /// How much longer than `other` in each round; the two of one round met the same conditions.
    pub fn over(&self, other: &Self) -> Self {
        Self { us: self.us.iter().zip(&other.us).map(|(us, other)| us - other).collect() }
    }

    /// How many times as long as `other`: the median of the rounds' ratios.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        let ratios: Vec<_> = self.us.iter().zip(&other.us).map(|(us, other)| us / other).collect();
        quantile(&ratios, 0.5)
    }
}

/// Runs all lanes of a case in turn, each round beginning with another one. A lane that is refused
/// stops; the others go on.
pub fn in_turn(lanes: Vec<Result<Lane>>, plan: Plan) -> Vec<Result<Samples>> {
    let mut running: Vec<Result<(Lane, Samples)>> = lanes
        .into_iter()
        .map(|lane| {
            let mut lane = lane?;
            lane.calibrate(plan.round)?;
            Ok((lane, Samples { us: Vec::with_capacity(plan.rounds) }))
        })
        .collect();
    let count = running.len();
    let start = Instant::now();
    for round in 0..plan.rounds {
        if round >= ROUNDS_MIN && start.elapsed() > plan.patience {
            break;
        }
        for place in 0..count {
            let entry = &mut running[(round + place) % count];
            if let Err(refusal) = step(entry) {
                *entry = Err(refusal);
            }
        }
    }
    running.into_iter().map(|entry| entry.map(|(_, samples)| samples)).collect()
}

fn step(entry: &mut Result<(Lane, Samples)>) -> std::result::Result<(), Refusal> {
    if let Ok((lane, samples)) = entry {
        samples.us.push(lane.sample()?);
    }
    Ok(())
}

/// The `part` quantile, between two samples in proportion.
fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    let above = sorted[(below + 1).min(last)];
    sorted[below] + (above - sorted[below]) * rest
}

#[cfg(test)]
mod tests {
    use hsmsim_types::ReturnValue;

    use super::*;

    /// Takes as long as it says, without taking it.
    fn pretend(us_per_call: u64) -> Runner {
        Box::new(move |calls| Ok(Duration::from_micros(us_per_call * calls)))
    }

    const PLAN: Plan =
        Plan { rounds: 5, round: Duration::from_millis(20), patience: Duration::from_secs(60) };

    #[test]
    fn quantiles_lie_between_samples() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
        assert_eq!(quantile(&[7.0], 0.75), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn two_are_compared_within_a_round() {
        // The machine was ten times slower in the second round.
        let [fast, slow] = [[1.0, 10.0, 1.0], [2.0, 20.0, 2.0]].map(|us| Samples { us: us.into() });
        assert_eq!(slow.ratio_to(&fast), 2.0);
        assert_eq!(slow.over(&fast).median_us(), 1.0);
        assert_eq!(fast.median_us(), 1.0);
    }

    #[test]
    fn each_lane_is_measured_and_a_refused_one_stops_alone() {
        let refusal = Refusal { function: "C_SignInit", rv: ReturnValue(0x70) };
        let mut calls_left = 3;
        let failing: Runner = Box::new(move |calls| {
            calls_left -= 1;
            if calls_left == 0 { Err(refusal) } else { Ok(Duration::from_millis(7 * calls)) }
        });
        let lanes = vec![
            Ok(Lane::new(vec![pretend(3)])),
            Err(refusal),
            Ok(Lane::new(vec![failing])),
            Ok(Lane::new(vec![pretend(30), pretend(10)])),
        ];
        let results = in_turn(lanes, PLAN);
        let medians: Vec<_> =
            results.iter().map(|result| result.as_ref().map(Samples::median_us)).collect();
        // Two threads make two calls in the time of the slower one.
        assert_eq!(medians, [Ok(3.0), Err(&refusal), Err(&refusal), Ok(15.0)]);
    }

    #[test]
    fn a_slow_case_ends_after_the_fewest_rounds() {
        let plan = Plan { rounds: 21, patience: Duration::ZERO, ..PLAN };
        let results = in_turn(vec![Ok(Lane::new(vec![pretend(3)]))], plan);
        assert_eq!(results[0].as_ref().map(|samples| samples.us.len()), Ok(ROUNDS_MIN));
    }

    #[test]
    fn a_round_takes_about_as_long_as_planned() {
        for us in [1, 7, 300, 15_000, 900_000] {
            let mut lane = Lane::new(vec![pretend(us)]);
            lane.calibrate(PLAN.round).expect("never refused");
            let round = Duration::from_micros(lane.calls * us);
            let span = PLAN.round / 2..PLAN.round * 2;
            assert!(span.contains(&round) || lane.calls == 1, "{us} µs: {round:?}");
        }
    }
}
