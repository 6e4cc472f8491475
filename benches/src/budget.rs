//! What a case may cost hsmsim: the limits below which it wants to stay.
//!
//! They are compared with what was measured in the same run, never with numbers of another machine.

#![forbid(unsafe_code)]

/// The limits of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The limit against the bare primitive, for cases that have one.
    pub bare: Option<Limit>,
    /// How many times as long SoftHSM2 has to take at least.
    pub softhsm2: f64,
    /// Microseconds that it may take at most.
    pub within_us: Option<f64>,
    /// Whether several threads have to gain as much as they do with the bare primitive.
    pub scales: bool,
}

/// Which part of the bare primitive's gain several threads reach at least.
pub const GAIN: f64 = 0.95;

/// A limit against the bare primitive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// At most so many microseconds more.
    OverUs(f64),
    /// At most so many times as long.
    Times(f64),
}

impl Budget {
    /// Not slower than SoftHSM2, whatever it takes.
    pub const fn free() -> Self {
        Self { bare: None, softhsm2: 1.0, within_us: None, scales: false }
    }

    /// A call: 1.5 µs over the primitive, and SoftHSM2 takes at least `softhsm2` times as long.
    pub const fn call(softhsm2: f64) -> Self {
        Self { bare: Some(Limit::OverUs(1.5)), softhsm2, ..Self::free() }
    }

    /// A token object: 1.3 times the synced commits, and a fifth of SoftHSM2's time.
    pub const fn commits() -> Self {
        Self { bare: Some(Limit::Times(1.3)), softhsm2: 5.0, ..Self::free() }
    }

    /// A search: 20 µs, however many objects there are.
    pub const fn finding(softhsm2: f64) -> Self {
        Self { softhsm2, ..Self::free().within_us(20.0) }
    }

    /// The same, and at most so many microseconds.
    pub const fn within_us(mut self, us: f64) -> Self {
        self.within_us = Some(us);
        self
    }

    /// The same, and several threads gain what they gain with the bare primitive.
    pub const fn scaling(mut self) -> Self {
        self.scales = true;
        self
    }
}

impl Limit {
    /// Whether a call keeps to it that takes `over_us` microseconds more than the primitive, give or
    /// take `noise_us`, or `times` as long. Beside a long primitive a microsecond is lost in the
    /// noise: a difference counts as far as it stands out of that.
    pub fn holds(self, over_us: f64, noise_us: f64, times: f64) -> bool {
        match self {
            Self::OverUs(limit) => over_us <= limit + noise_us,
            Self::Times(limit) => times <= limit,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OverUs(us) => write!(f, "{us} µs over the bare primitive"),
            Self::Times(times) => write!(f, "{times}× the bare primitive"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_up_to_its_edge() {
        let (over, times) = (Limit::OverUs(1.5), Limit::Times(1.3));
        assert!(over.holds(1.5, 0.0, 9.0) && !over.holds(1.6, 0.0, 1.0));
        assert!(times.holds(9.0, 0.0, 1.3) && !times.holds(0.1, 0.0, 1.4));
    }

    #[test]
    fn what_the_noise_hides_is_not_held_against_a_call() {
        assert!(Limit::OverUs(1.5).holds(2.0, 3.0, 1.01));
        assert!(!Limit::OverUs(1.5).holds(6.0, 3.0, 1.03));
    }
}
