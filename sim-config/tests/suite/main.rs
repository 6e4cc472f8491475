//! What this crate promises, checked through its public interface.

mod call_faults;
mod check;
mod chrystoki;
mod docs;
mod drills;
mod durations;
mod fault_drills;
mod faults;
mod profiles;
mod regions;
mod show;
mod topologies;
mod topology_errors;

use hsmsim_sim_config::{ConfigError, Topology};

/// A topology from a text, which must be a good one.
fn topology(text: &str) -> Topology {
    Topology::parse(text, "test.toml").unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A shipped topology.
fn shipped(name: &str) -> Topology {
    Topology::shipped(name).unwrap_or_else(|e| panic!("{e}"))
}

/// Asserts that reading failed at this line with a message that holds all of these parts.
fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, ConfigError>,
    line: usize,
    parts: &[&str],
    text: &str,
) {
    let error = match result {
        Err(error) => error,
        Ok(value) => panic!("accepted:\n{text}\nas {value:?}"),
    };
    assert_eq!(error.line(), line, "wrong line in \"{error}\" for:\n{text}");
    for part in parts {
        assert!(error.message().contains(part), "\"{error}\" lacks \"{part}\" for:\n{text}");
    }
}
