//! Conditions in words, `members_down >= 2`, and what they can speak of.
//!
//! An `assert` step asks them once, an `[abort]` table all the time.

use std::fmt;
use std::time::Duration;

use crate::duration::parse_duration;
use crate::error::{ConfigError, suggestion};
use crate::fault::known_device;
use crate::topology::{DeviceId, Topology};

/// The unit of what a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Parts of a hundred, written with or without `%`.
    Percent,
    /// Drill time.
    Time,
}

/// A number that a condition can speak of.
#[derive(Debug, PartialEq, Eq)]
pub struct Gauge {
    /// Its word.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What it counts.
    pub help: &'static str,
}

const fn count(name: &'static str, help: &'static str) -> Gauge {
    Gauge { name, unit: Unit::Count, help }
}

/// Everything that a condition can compare.
pub const GAUGES: [Gauge; 16] = [
    count("calls_ok", "calls that succeeded so far"),
    count("calls_failed", "calls that failed so far"),
    count("calls_struck", "calls so far that a call fault struck; no other number counts them"),
    count("calls_unknown", "calls so far whose outcome nobody knows"),
    Gauge {
        name: "error_rate",
        unit: Unit::Percent,
        help: "the part of the calls of the last ten seconds of drill time that failed",
    },
    Gauge {
        name: "latency",
        unit: Unit::Time,
        help: "the longest call that has ended in the last ten seconds of drill time",
    },
    count(
        "throughput",
        "calls that succeeded in the last ten seconds of drill time, in a second of real time",
    ),
    Gauge { name: "stall", unit: Unit::Time, help: "the longest call that has ended so far" },
    count("failovers", "calls so far that moved to another member"),
    count("members_lost", "members given up so far"),
    count("members_recovered", "members that took part again so far"),
    count("keys", "token objects that applications were told about and have not destroyed"),
    count("lost_keys", "those of them that no member holds"),
    count("missing_copies", "copies of them that members lack"),
    count("devices_up", "devices that serve now"),
    count("devices_down", "devices that do not"),
];

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

impl Compare {
    const ALL: [(&'static str, Compare); 6] = [
        ("<", Compare::Less),
        ("<=", Compare::AtMost),
        ("=", Compare::Equal),
        ("!=", Compare::Unequal),
        (">=", Compare::AtLeast),
        (">", Compare::More),
    ];

    fn parse(text: &str) -> Option<Self> {
        let text = if text == "==" { "=" } else { text };
        Self::ALL.iter().find(|(word, _)| *word == text).map(|(_, compare)| *compare)
    }

    /// Whether it holds.
    pub fn holds(self, measured: f64, wanted: f64) -> bool {
        match self {
            Compare::Less => measured < wanted,
            Compare::AtMost => measured <= wanted,
            Compare::Equal => measured == wanted,
            Compare::Unequal => measured != wanted,
            Compare::AtLeast => measured >= wanted,
            Compare::More => measured > wanted,
        }
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, compare)| compare == self).map_or("", |(w, _)| w);
        f.pad(word)
    }
}

/// What a condition says.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// A number stands in a relation to another.
    Number {
        /// What is measured.
        gauge: &'static Gauge,
        /// How it is compared.
        compare: Compare,
        /// With what: a count, percent, or drill milliseconds.
        value: f64,
    },
    /// A device serves or does not.
    Device {
        /// Which.
        device: DeviceId,
        /// Whether it is to serve.
        up: bool,
    },
}

/// A condition: `missing_copies = 0`, `error_rate > 50 %`, `hsm-eus-1 is down`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    /// What it says.
    pub claim: Claim,
}

impl Condition {
    /// A condition from its text.
    ///
    /// # Errors
    /// Words that make none, with the nearest that would.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [device, "is", state] = words[..] {
            let up = match state {
                "up" => true,
                "down" => false,
                _ => {
                    return Err(ConfigError::new(format!("a device is up or down, not {state}")));
                }
            };
            let claim = Claim::Device { device: DeviceId::new(device), up };
            return Ok(Self { text: text.to_owned(), claim });
        }
        let [name, compare, value @ ..] = &words[..] else { return Err(no_condition(text)) };
        let gauge = GAUGES.iter().find(|gauge| gauge.name == *name).ok_or_else(|| {
            let hint = suggestion(name, GAUGES.iter().map(|gauge| gauge.name));
            ConfigError::new(format!("no condition speaks of \"{name}\"; {hint}"))
        })?;
        let compare = Compare::parse(compare).ok_or_else(|| no_condition(text))?;
        let value = number(gauge.unit, &value.concat())?;
        Ok(Self { text: text.to_owned(), claim: Claim::Number { gauge, compare, value } })
    }

    /// Whether the device that it names exists.
    pub(super) fn check(&self, topology: &Topology) -> Result<(), ConfigError> {
        match &self.claim {
            Claim::Device { device, .. } => known_device(topology, device).map(|_| ()),
            Claim::Number { .. } => Ok(()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn no_condition(text: &str) -> ConfigError {
    ConfigError::new(format!(
        "\"{text}\" is no condition; write \"missing_copies = 0\", \"error_rate > 50 %\" or \
         \"hsm-eus-1 is down\""
    ))
}

fn number(unit: Unit, text: &str) -> Result<f64, ConfigError> {
    let plain = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    match unit {
        Unit::Count => plain(text)
            .ok_or_else(|| ConfigError::new(format!("\"{text}\" is no number of things"))),
        Unit::Percent => {
            plain(text.strip_suffix('%').unwrap_or(text)).filter(|n| *n <= 100.0).ok_or_else(|| {
                ConfigError::new(format!("\"{text}\" is no part of a hundred: \"5 %\""))
            })
        }
        Unit::Time => parse_duration(text).map(milliseconds).map_err(ConfigError::new),
    }
}

/// A number of percent as an expectation writes it: `"0.5 %"`.
pub(super) fn percent(text: &str) -> Result<f64, ConfigError> {
    number(Unit::Percent, &text.split_whitespace().collect::<String>())
}

/// A bound on latency: `p99 < 12ms`, or from below, `max > 15s`.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyBound {
    /// As it was written.
    pub text: String,
    /// The part of all operations that took no longer; 1 for `max`.
    pub part: f64,
    /// `<`, `<=`, `>=` or `>`.
    pub compare: Compare,
    /// The bound, in drill time.
    pub limit: Duration,
}

/// Words for a part of all operations.
pub const PERCENTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

impl LatencyBound {
    /// A bound from its text.
    ///
    /// # Errors
    /// Words that make none.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            let words = PERCENTILES.map(|(word, _)| word).join(", ");
            ConfigError::new(format!(
                "\"{text}\" is no bound on latency; write \"p99 < 12ms\" with {words}"
            ))
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [word, compare, limit] = words[..] else { return Err(wrong()) };
        let part = PERCENTILES.iter().find(|(name, _)| *name == word).map(|(_, part)| *part);
        let compare = Compare::parse(compare)
            .filter(|compare| ![Compare::Equal, Compare::Unequal].contains(compare));
        let limit = parse_duration(limit).map_err(ConfigError::new)?;
        let (part, compare) = part.zip(compare).ok_or_else(wrong)?;
        Ok(Self { text: text.to_owned(), part, compare, limit })
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_says_what_is_compared_with_what() {
        let number = |text: &str| match Condition::parse(text).unwrap().claim {
            Claim::Number { gauge, compare, value } => (gauge.name, compare, value),
            other => panic!("{other:?}"),
        };
        assert_eq!(number("error_rate > 50 %"), ("error_rate", Compare::More, 50.0));
        assert_eq!(number("stall <= 1m30s"), ("stall", Compare::AtMost, 90_000.0));
        assert_eq!(number("keys == 3"), ("keys", Compare::Equal, 3.0));
        let device = Condition::parse("hsm-eus-1 is down").unwrap().claim;
        assert_eq!(device, Claim::Device { device: DeviceId::new("hsm-eus-1"), up: false });
    }

    #[test]
    fn what_is_no_condition_is_told_what_would_be_one() {
        for (text, word) in [
            ("eror_rate > 5", "error_rate"),
            ("keys", "missing_copies = 0"),
            ("keys ~ 5", "missing_copies = 0"),
            ("keys > many", "no number"),
            ("error_rate > 120 %", "part of a hundred"),
            ("stall > 5", "not a duration"),
            ("hsm-eus-1 is gone", "up or down"),
        ] {
            let error = Condition::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        for text in ["p99 < 12ms", "p50 >= 2s", "max > 15s"] {
            assert!(LatencyBound::parse(text).is_ok(), "{text}");
        }
        for text in ["p98 < 12ms", "p99 = 12ms", "p99 != 12ms", "p99 12ms", "p99 < 12"] {
            assert!(LatencyBound::parse(text).is_err(), "{text}");
        }
    }
}
