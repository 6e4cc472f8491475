//! What the application may notice, over the whole run and phase by phase.

use std::fmt;
use std::time::Duration;

use super::condition::LatencyBound;

/// A range of counts, both ends included: `"1..2"`, `"1.."`, `"2"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRange {
    /// The fewest.
    pub min: u64,
    /// The most; any number when absent.
    pub max: Option<u64>,
}

impl CountRange {
    /// Whether the count lies in the range.
    pub fn contains(&self, count: u64) -> bool {
        count >= self.min && self.max.is_none_or(|max| count <= max)
    }
}

impl fmt::Display for CountRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) if max == self.min => write!(f, "{max}"),
            Some(max) => write!(f, "{}..{max}", self.min),
            None => write!(f, "{}..", self.min),
        }
    }
}

/// Events that a step may wait for and that a drill may ask to have happened at least once, with
/// what they mean.
///
/// A drill whose fault never bit proves nothing; these say what has to be seen.
pub const SOMETIMES: [(&str, &str); 19] = [
    ("ha.failover", "a client went from one member to another"),
    ("ha.standby_served", "a standby member answered a call"),
    ("ha.member_recovered", "a lost member took part again"),
    ("ha.copy_owed", "a key could not be copied to a member that was away"),
    ("ha.copy_delivered", "an owed key reached the member it was owed to"),
    ("ha.multi_part_lost", "a multi-part operation ended with its member"),
    ("ha.member_lost", "a client gave a member up"),
    ("ha.group_lost", "a client lost every member of a group"),
    ("ha.recovery_failed", "a lost member could not be brought back"),
    ("ha.deletion_owed", "a key could not be deleted on a member that was away"),
    ("ha.not_replicated", "a member refused a copy"),
    ("repl.applied", "a device told an asynchronous member of a change"),
    (BEHIND, "an acknowledged key reached an asynchronous member more than a second later"),
    ("repl.dropped", "what a device told an asynchronous member was lost"),
    ("repl.conflict", "an object had been changed or destroyed in two places"),
    ("key.created", "an application was told about a new token object"),
    ("key.destroyed", "an application destroyed a token object"),
    ("call.failed", "a call of an application failed"),
    ("call.struck", "a call fault struck a call of an application"),
];

/// What only the end of a run can tell, so that no step can wait for it.
pub(super) const BEHIND: &str = "repl.behind";

/// A part of the run that an expectation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Until the first fault.
    Before,
    /// While a fault of the drill stands, the boot of what it took down included.
    During,
    /// From the last heal on.
    After,
    /// Within a receive timeout of a fault's begin or end.
    Edge,
    /// The whole run.
    Always,
}

impl Phase {
    /// Every phase under its word.
    pub const ALL: [(&'static str, Phase); 5] = [
        ("before", Phase::Before),
        ("during", Phase::During),
        ("after", Phase::After),
        ("edge", Phase::Edge),
        ("always", Phase::Always),
    ];

    /// The word of the drill file.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, phase)| *phase == self).map_or("", |(word, _)| word)
    }
}

/// What the application may notice. Durations in drill time; what is absent is not judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expectations {
    /// The longest single call.
    pub stall_max: Option<Duration>,
    /// The longest run of failed calls that one thread sees.
    pub error_window_max: Option<Duration>,
    /// The time from a fault until the workload succeeds steadily again.
    pub rto_max: Option<Duration>,
    /// Keys that were acknowledged and are gone at the end; for the whole run 0 when absent.
    pub lost_keys_max: Option<u64>,
    /// Acknowledged keys that no survivor held when a fault struck.
    pub rpo_keys_max: Option<u64>,
    /// The age of the oldest of them.
    pub rpo_age_max: Option<Duration>,
    /// Keys that a member holds and that nobody was told about.
    pub duplicate_keys_max: Option<u64>,
    /// Calls whose outcome stays unknown.
    pub unknown_max: Option<u64>,
    /// The part of all operations that fail, in percent.
    pub error_rate_max: Option<f64>,
    /// Bounds on how long operations take.
    pub latency: Vec<LatencyBound>,
    /// Operations a second that succeed at least, in real time.
    pub throughput_min: Option<f64>,
    /// The only codes that failed calls may have; any when absent.
    pub codes_permitted: Option<Vec<String>>,
    /// Codes that calls must have failed with.
    pub codes_seen: Vec<String>,
    /// How many failovers all clients see together.
    pub failovers: Option<CountRange>,
    /// How many members take part again.
    pub recovered_members: Option<CountRange>,
    /// From the last call or fault until all members hold the same keys.
    pub inventory_equal_within: Option<Duration>,
    /// Events of [`SOMETIMES`] that must have happened.
    pub sometimes: Vec<&'static str>,
}
