//! A finished run as plain data: all that a report is made of.
//!
//! Every tier fills one; reports, metrics and checkers are pure functions over it. Times are
//! nanoseconds of the run's own clock (since 1970 on the real tier), not multiplied by
//! `time_scale`.

use std::sync::Arc;

use hsmsim_client::record::{CallRecord, EventRecord};
use hsmsim_sim_config::{Endpoint, Fault, Strikes, Topology};
use serde::{Deserialize, Serialize};

/// A finished run.
#[derive(Clone, Debug)]
pub struct History {
    /// When the application was started.
    pub begin_ns: u64,
    /// When the settle phase was over.
    pub end_ns: u64,
    /// How many times faster than the clock drill time runs.
    pub time_scale: f64,
    /// Every call, in the order in which they began.
    pub calls: Vec<CallRecord>,
    /// What the library and the operator did, in the order of time.
    pub events: Vec<EventRecord>,
    /// What struck, in the order of time.
    pub faults: Vec<FaultSpan>,
    /// The cluster.
    pub topology: Arc<Topology>,
    /// What each member held before the application began.
    pub inventory_before: Vec<MemberInventory>,
    /// What each member held at the end.
    pub inventory_after: Vec<MemberInventory>,
    /// When, after the last fault had ended, all members of every group held the same keys; `None` if
    /// they never did.
    pub inventory_equal_ns: Option<u64>,
}

/// A fault from its first moment to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// Name of the drill's step.
    pub step: String,
    /// The fault as it is written, with its target resolved: `device.power_loss hsm-eus-1 for=90s`.
    pub fault: String,
    /// Devices struck.
    pub devices: Vec<String>,
    /// Links struck, in either direction: `client:hsm-eus-1`, `hsm-eus-1:hsm-eus2-1`.
    pub links: Vec<String>,
    /// When it was set.
    pub from_ns: u64,
    /// When it had ended: it was over or was healed, and the devices that it took down had booted. At a
    /// fault that does its work at once the same as `from_ns`.
    pub to_ns: u64,
}

impl FaultSpan {
    /// Of a fault that begins at `from_ns` and is over or healed at `end_ns`; `None`: it does not last.
    pub fn new(
        step: &str,
        fault: &Fault,
        strikes: &Strikes,
        topology: &Topology,
        from_ns: u64,
        end_ns: Option<u64>,
        time_scale: f64,
    ) -> Self {
        let boots = matches!(
            fault.spec.id,
            "device.power_loss" | "device.restart" | "stamp.loss" | "region.loss"
        );
        let boot_time = fault.duration_param("boot_time").unwrap_or(topology.ha.boot_time);
        let boot_ns = if boots { (boot_time.as_nanos() as f64 / time_scale) as u64 } else { 0 };
        let end_ns = end_ns.filter(|_| fault.spec.lasts).unwrap_or(from_ns);
        Self {
            step: step.to_owned(),
            fault: fault.to_string(),
            devices: strikes.devices.iter().map(ToString::to_string).collect(),
            links: links(strikes, topology),
            from_ns,
            to_ns: end_ns.saturating_add(boot_ns),
        }
    }

    /// Whether it strikes a device, or the link between it and the application.
    pub fn concerns(&self, device: &str) -> bool {
        self.devices.iter().any(|struck| struck == device)
            || self.links.iter().any(|link| link.strip_prefix("client:") == Some(device))
    }
}

/// The struck links by name: the clients' first, then those between devices.
fn links(strikes: &Strikes, topology: &Topology) -> Vec<String> {
    let client = Endpoint { device: None, place: topology.client };
    let device = |device: &hsmsim_sim_config::Device| Endpoint {
        device: Some(device.id.clone()),
        place: device.place,
    };
    let ends: Vec<Endpoint> =
        std::iter::once(client).chain(topology.devices.iter().map(device)).collect();
    let name = |end: &Endpoint| {
        end.device.as_ref().map_or_else(|| "client".to_owned(), ToString::to_string)
    };
    let mut names = Vec::new();
    for (index, a) in ends.iter().enumerate() {
        for b in &ends[index + 1..] {
            if strikes.covers_link(a, b) || strikes.covers_link(b, a) {
                names.push(format!("{}:{}", name(a), name(b)));
            }
        }
    }
    names
}

/// What one member of a group holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInventory {
    /// The group's label.
    pub group: String,
    /// The member's device.
    pub device: String,
    /// The identities of its token objects, sorted; never their values.
    pub keys: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(fault: &str, end_ns: Option<u64>) -> FaultSpan {
        let topology = Topology::shipped("ha-dr").unwrap();
        let fault: Fault = fault.parse().unwrap();
        let strikes = fault.strikes(&topology, |_| 0).unwrap();
        FaultSpan::new("step", &fault, &strikes, &topology, 100, end_ns, 10.0)
    }

    #[test]
    fn a_struck_link_is_named_once_whatever_its_direction() {
        for direction in ["both", "there", "back"] {
            let span = span(&format!("link.cut client:hsm-eus-1 direction={direction}"), Some(150));
            assert_eq!(span.links, ["client:hsm-eus-1"]);
            assert!(span.devices.is_empty() && span.concerns("hsm-eus-1"));
            assert_eq!((span.from_ns, span.to_ns), (100, 150));
        }
    }

    #[test]
    fn a_loss_of_power_lasts_until_the_device_has_booted() {
        let boot = "boot_time=300ms";
        let lost = span(&format!("device.power_loss hsm-eus-1 {boot}"), Some(150));
        assert_eq!(lost.to_ns, 30_000_150);
        assert_eq!(span(&format!("device.restart hsm-eus-1 {boot}"), None).to_ns, 30_000_100);
        assert_eq!(span("device.zeroize hsm-eus-1", None).to_ns, 100);
    }
}
