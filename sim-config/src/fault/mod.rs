//! The table of faults, and a fault as somebody asked for it.
//!
//! One table feeds the drill parser, `hsmsim fault`, its help and the reference page. A fault in the
//! table acts inside the simulator only. What each does to a cluster:
//!
//! - a **device** fault changes one device; what that device alone held survives a power loss and
//!   does not survive `device.zeroize`;
//! - a **link** fault changes directed links between clients, devices and places; the devices at
//!   both ends stay well;
//! - a **place** fault strikes all devices of a stamp or region, or all links into a region.
//!
//! *Silent* means that nothing comes back until the receive timeout; *refused* means that the caller
//! learns at once. Faults end by themselves (`for`), by being healed, or with the drill.

mod params;
pub(crate) mod parse;
mod resolve;
mod spec;
mod table;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::duration::format_duration;
use crate::topology::DeviceId;

pub use spec::{Appearance, ERROR_CODES, FaultSpec, ParamKind, ParamSpec, ParamValue, TargetKind};
pub use table::{FAULTS, REPLACEMENT, fault_spec};
pub(crate) use target::known_device;
pub use target::{
    Choose, Direction, EndSet, Endpoint, LinkEnd, Pick, Selector, Strikes, StruckLinks, Target,
};

/// A fault with its target and parameters, as the command line or a drill asks for it.
///
/// The text form, [`fmt::Display`], is what [`std::str::FromStr`] reads:
/// `device.power_loss hsm-eus-1 for=90s boot_time=30s`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The row of the table.
    pub spec: &'static FaultSpec,
    /// What it strikes.
    pub target: Target,
    /// How long it lasts, in drill time; `None` until it is healed.
    pub duration: Option<Duration>,
    /// The parameters that were given, by name.
    pub params: BTreeMap<&'static str, ParamValue>,
}

impl Fault {
    /// The entry of the history that says that another appliance has taken a device's place.
    pub fn replacement(device: DeviceId) -> Self {
        Self {
            spec: &REPLACEMENT,
            target: Target::Device(device),
            duration: None,
            params: BTreeMap::new(),
        }
    }

    /// The duration given for a parameter.
    pub fn duration_param(&self, name: &str) -> Option<Duration> {
        match self.params.get(name) {
            Some(ParamValue::Duration(d)) => Some(*d),
            _ => None,
        }
    }

    /// The probability given for a parameter.
    pub fn probability_param(&self, name: &str) -> Option<f64> {
        match self.params.get(name) {
            Some(ParamValue::Probability(p)) => Some(*p),
            _ => None,
        }
    }

    /// The number given for a parameter.
    pub fn count_param(&self, name: &str) -> Option<u64> {
        match self.params.get(name) {
            Some(ParamValue::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// The mechanisms given for a parameter, by name.
    pub fn mechanisms_param(&self, name: &str) -> &[String] {
        match self.params.get(name) {
            Some(ParamValue::Mechanisms(names)) => names,
            _ => &[],
        }
    }

    /// The code given for a parameter.
    pub fn code_param(&self, name: &str) -> Option<&'static str> {
        match self.params.get(name) {
            Some(ParamValue::Code(code)) => Some(code),
            _ => None,
        }
    }

    /// The word given for a parameter; the first of its words when nothing was said.
    pub fn word_param(&self, name: &str) -> Option<&'static str> {
        match (self.params.get(name), self.spec.param(name)?.kind) {
            (Some(ParamValue::Word(word)), _) => Some(word),
            (_, ParamKind::Word(words)) => words.first().copied(),
            _ => None,
        }
    }

    /// The way of a link that is struck; both when nothing was said.
    pub fn direction(&self) -> Direction {
        match self.params.get("direction") {
            Some(ParamValue::Direction(direction)) => *direction,
            _ => Direction::Both,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.spec.id, self.target)?;
        if let Some(duration) = self.duration {
            write!(f, " for={}", format_duration(duration))?;
        }
        self.params.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
