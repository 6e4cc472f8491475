//! A point of time, real or virtual, as a number of nanoseconds.
//!
//! std's `Instant` cannot be made from a number, stored or sent to another process, and a virtual
//! clock has none. All arithmetic saturates: a deadline that does not fit is simply never reached.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Nanoseconds since the epoch of the [`Clock`](crate::Clock) that gave it.
///
/// Times of the real clock count from the machine's boot (`CLOCK_MONOTONIC`) and may be compared
/// between processes of one machine; times of a virtual clock only with each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The epoch itself.
    pub const ZERO: Time = Time(0);
    /// Never: no clock gets there (584 years).
    pub const MAX: Time = Time(u64::MAX);

    /// The point `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Time(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was, zero if it is still to come.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in nanoseconds, cut off at 584 years.
pub(crate) fn nanos_of(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(nanos_of(duration)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    /// Not before the epoch.
    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(nanos_of(duration)))
    }
}

impl Sub<Time> for Time {
    type Output = Duration;

    /// The same as [`Time::since`].
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Time {
    /// Seconds with six decimals: `12.001550s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Time::MAX + Duration::from_secs(1), Time::MAX);
        assert_eq!(Time::ZERO + Duration::MAX, Time::MAX);
        assert_eq!(Time::from_nanos(5) - Duration::from_secs(1), Time::ZERO);
        assert_eq!(Time::ZERO - Time::from_nanos(7), Duration::ZERO);
        assert_eq!(Time::from_nanos(9) - Time::from_nanos(7), Duration::from_nanos(2));
    }

    #[test]
    fn display_shows_microseconds() {
        assert_eq!(Time::from_nanos(12_001_550_999).to_string(), "12.001550s");
    }
}
