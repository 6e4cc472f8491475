//! How long a message is on its way: a fixed delay and a random part around it.

use std::time::Duration;

use crate::chance::SimRng;
use crate::time::nanos_of;

/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

/// The random part of a delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Jitter {
    /// None: every message takes the base delay.
    #[default]
    None,
    /// Evenly spread from `max` below the base to `max` above it.
    Uniform {
        /// The greatest deviation.
        max: Duration,
    },
    /// Normal around the base.
    Normal {
        /// The standard deviation.
        sd: Duration,
    },
    /// Log-normal, the shape of real round trips: mostly near the base, with a tail upwards.
    LogNormal {
        /// The 99th percentile divided by the median. 1.3 suits a backbone, 2 to 3 the inside of a
        /// region. 1 or less means no jitter.
        p99_over_p50: f64,
    },
}

/// The delay of one direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LatencyModel {
    /// The median delay, one way.
    pub base: Duration,
    /// The random part around it.
    pub jitter: Jitter,
}

impl LatencyModel {
    /// No delay at all.
    pub const INSTANT: LatencyModel = LatencyModel { base: Duration::ZERO, jitter: Jitter::None };

    /// The same delay for every message.
    pub const fn constant(base: Duration) -> Self {
        LatencyModel { base, jitter: Jitter::None }
    }

    /// One direction of a path whose median round trip is `round_trip`.
    pub fn half_of(round_trip: Duration, jitter: Jitter) -> Self {
        LatencyModel { base: round_trip / 2, jitter }
    }

    /// Whether no message is ever delayed.
    pub fn is_instant(&self) -> bool {
        self.base.is_zero()
            && match self.jitter {
                Jitter::None | Jitter::LogNormal { .. } => true,
                Jitter::Uniform { max } => max.is_zero(),
                Jitter::Normal { sd } => sd.is_zero(),
            }
    }

    /// The delay of one message; never below zero. How many numbers it draws depends on the kind of
    /// jitter alone.
    pub fn sample(&self, rng: &mut SimRng) -> Duration {
        let base = nanos_of(self.base) as f64;
        let nanos = match self.jitter {
            Jitter::None => return self.base,
            Jitter::Uniform { max } => base + nanos_of(max) as f64 * (2.0 * rng.unit() - 1.0),
            Jitter::Normal { sd } => base + nanos_of(sd) as f64 * rng.normal(),
            Jitter::LogNormal { p99_over_p50 } => {
                // Not a number counts as 1 here: `max` passes over it.
                let sigma = libm::log(p99_over_p50.max(1.0)) / NORMAL_P99;
                base * libm::exp(sigma * rng.normal())
            }
        };
        // The cast takes negative numbers to 0 and what is too large to the greatest duration.
        Duration::from_nanos((nanos + 0.5) as u64)
    }
}
