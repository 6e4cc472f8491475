//! What a design review would say about a topology.
//!
//! A file that contradicts itself is refused when it is read. What passes that can still be a bad
//! idea, and each such idea is a rule here with an id of its own. An *error* would not work, or not in
//! the clouds that are modelled; a *warning* works until something fails; an *info* is worth knowing.

mod chrystoki;
mod groups;
mod settings;
mod sites;

use std::fmt;
use std::time::Duration;

use crate::topology::Topology;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It would not work.
    Error,
    /// It works until something fails.
    Warning,
    /// It is worth knowing.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        })
    }
}

/// One remark about a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The rule's id, stable and fit to be searched for: `one-stamp`.
    pub rule: &'static str,
    /// What is the matter, with names and figures.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.rule, self.message)
    }
}

/// Collects findings.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, rule: &'static str, message: String) {
        self.0.push(Finding { severity, rule, message });
    }

    fn error(&mut self, rule: &'static str, message: String) {
        self.add(Severity::Error, rule, message);
    }

    fn warning(&mut self, rule: &'static str, message: String) {
        self.add(Severity::Warning, rule, message);
    }

    fn info(&mut self, rule: &'static str, message: String) {
        self.add(Severity::Info, rule, message);
    }
}

/// Reviews a topology: errors first, then warnings, then what is worth knowing.
///
/// Groups over the same members are spoken of together. If the topology names a profile by path, that
/// file is read; nothing else outside the topology is looked at.
pub fn check(topology: &Topology) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    groups::review(topology, &mut findings);
    sites::review(topology, &mut findings);
    settings::review(topology, &mut findings);
    chrystoki::review(topology, &mut findings);
    let mut findings = findings.0;
    findings.sort_by_key(|f| f.severity);
    findings
}

/// Milliseconds with at most two decimals, `9.5 ms`.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let text = format!("{:.2}", duration.as_secs_f64() * 1000.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} ms")
}
