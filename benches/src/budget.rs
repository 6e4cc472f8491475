//! What a case may cost hsmsim: the limits below which it wants to stay.
//!
//! They are compared with what was measured in the same run, never with numbers of another machine.

#![forbid(unsafe_code)]

/// The limits of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The limit against the bare primitive, for cases that have one.
    pub bare: Limit,
    /// How many times as long SoftHSM2 has to take at least.
    pub softhsm2: f64,
}

/// A limit against the bare primitive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// At most so many microseconds more.
    OverUs(f64),
    /// At most so many times as long.
    Times(f64),
}

impl Budget {
    /// A call: 1.5 µs over the primitive, and SoftHSM2 takes at least `softhsm2` times as long.
    pub const fn call(softhsm2: f64) -> Self {
        Self { bare: Limit::OverUs(1.5), softhsm2 }
    }
}

impl Limit {
    /// Whether `us` microseconds keep to it, where the primitive takes `bare_us`.
    pub fn holds(self, us: f64, bare_us: f64) -> bool {
        match self {
            Self::OverUs(over) => us - bare_us <= over,
            Self::Times(times) => us <= bare_us * times,
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
        assert!(Limit::OverUs(1.5).holds(2.5, 1.0) && !Limit::OverUs(1.5).holds(2.6, 1.0));
        assert!(Limit::Times(1.25).holds(2.5, 2.0) && !Limit::Times(1.25).holds(2.6, 2.0));
    }
}
