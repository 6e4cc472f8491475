//! A finished run as plain data: all that a report is made of.
//!
//! Every tier fills one; reports, metrics and checkers are pure functions over it. Times are
//! nanoseconds of the run's own clock (since 1970 on the real tier), not multiplied by
//! `time_scale`.

use std::{collections::BTreeMap, sync::Arc};

use hsmsim_client::record::{CallRecord, EventRecord};
use hsmsim_cluster::SetCallFault;
use hsmsim_sim_config::{Endpoint, Fault, Strikes, Topology};
use serde::{Deserialize, Serialize};

use crate::{metrics::Stretch, operations::OperationRecord};

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
    /// The drill's workload that each process ran.
    pub workloads: BTreeMap<u32, String>,
    /// The cluster.
    pub topology: Arc<Topology>,
    /// What each member held before the application began.
    pub inventory_before: Vec<MemberInventory>,
    /// What each member held at the end.
    pub inventory_after: Vec<MemberInventory>,
    /// When, after the last fault had ended, all members of every group held the same keys; `None` if
    /// they never did.
    pub inventory_equal_ns: Option<u64>,
    /// What the run itself noted down.
    pub notes: Notes,
}

/// What a run notes down beside what the library records.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// What the drill's own applications did, in the order in which it began.
    pub operations: Vec<OperationRecord>,
    /// Inventories that the drill asked for.
    pub snapshots: Vec<Snapshot>,
    /// What `assert` and `run` steps came to.
    pub checks: Vec<Check>,
    /// Why the run proves nothing, beside what follows from its records: an event that did not come.
    pub inconclusive: Vec<String>,
    /// The condition that stopped the run, and what was measured.
    pub aborted: Option<(String, String)>,
    /// Rules that hold whatever the drill expects, and that were broken.
    pub broken: Vec<String>,
}

/// What every member held at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name of the step.
    pub step: String,
    /// When.
    pub at_ns: u64,
    /// What was held.
    pub members: Vec<MemberInventory>,
}

/// What a step that can fail came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `assert` or `run`.
    pub kind: String,
    /// Name of the step.
    pub step: String,
    /// What it wanted.
    pub wanted: String,
    /// What it found.
    pub measured: String,
    /// Whether that is what it wanted.
    pub met: bool,
}

impl History {
    /// Drill milliseconds from the begin to a time of the run's clock; 0 for what came before.
    pub fn drill_ms(&self, at_ns: u64) -> f64 {
        self.length_ms(at_ns.saturating_sub(self.begin_ns))
    }

    /// Drill milliseconds of a length of the run's clock.
    pub fn length_ms(&self, ns: u64) -> f64 {
        ns as f64 * self.time_scale / 1e6
    }

    /// When each step of the drill struck the cluster: the first of its faults. Call faults, which no
    /// device or link has a part in, are not among them.
    pub fn strike_times(&self) -> Vec<u64> {
        let mut steps = BTreeMap::new();
        for span in self.faults.iter().filter(|span| !span.scripted) {
            let first = steps.entry(span.step.as_str()).or_insert(span.from_ns);
            *first = span.from_ns.min(*first);
        }
        let mut times: Vec<u64> = steps.into_values().collect();
        times.sort_unstable();
        times
    }

    /// The workload that a call belongs to: `application` if nothing says which.
    pub fn workload(&self, pid: u32) -> &str {
        workload(&self.workloads, pid)
    }

    /// From the first moment of the first fault to the last of the last; `None` without faults.
    pub fn struck(&self) -> Option<Stretch> {
        let from_ns = self.faults.iter().map(|span| span.from_ns).min()?;
        let to_ns = self.faults.iter().map(|span| span.to_ns).max()?;
        Some(Stretch { from_ns, to_ns })
    }

    /// Nanoseconds from the moment at which nothing changed the keys any more, after the last call and
    /// the last fault, until all members held the same; `None` if they never did.
    pub fn inventory_equal_after_ns(&self) -> Option<u64> {
        let calls = self.calls.iter().map(|call| call.at_ns + call.took_ns);
        let quiet = calls.chain(self.faults.iter().map(|fault| fault.to_ns)).max();
        let equal = self.inventory_equal_ns?;
        Some(equal.saturating_sub(quiet.unwrap_or(self.begin_ns)))
    }
}

/// The workload of a process; one that was started by the application counts as the only workload
/// there is.
pub(crate) fn workload(workloads: &BTreeMap<u32, String>, pid: u32) -> &str {
    let only = workloads.values().next().filter(|_| workloads.len() == 1);
    workloads.get(&pid).or(only).map_or("application", String::as_str)
}

/// What `do` of a step says, and its line of the timeline, if it sets a call fault.
pub(crate) const CALL_FAULT: &str = "call.fault";

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
    /// Whether it is a call fault, which strikes calls of applications and nothing else.
    pub scripted: bool,
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
            "device.power_loss"
                | "device.restart"
                | "device.swizzle"
                | "stamp.loss"
                | "region.loss"
        );
        let boot_time = fault.duration_param("boot_time").unwrap_or(topology.ha.boot_time);
        let boot_ns = if boots { (boot_time.as_nanos() as f64 / time_scale) as u64 } else { 0 };
        let end_ns = end_ns.filter(|_| fault.spec.lasts).unwrap_or(from_ns);
        Self {
            step: step.to_owned(),
            fault: fault.to_string(),
            devices: strikes.devices.iter().map(ToString::to_string).collect(),
            links: links(strikes, topology),
            scripted: false,
            from_ns,
            to_ns: end_ns.saturating_add(boot_ns),
        }
    }

    /// Of a call fault; one that still stands has no end.
    pub fn of_calls(step: &str, set: &SetCallFault) -> Self {
        Self {
            step: step.to_owned(),
            fault: format!("{CALL_FAULT} {}", set.fault),
            devices: Vec::new(),
            links: Vec::new(),
            scripted: true,
            from_ns: set.set_at_ns,
            to_ns: set.end_ns.unwrap_or(u64::MAX),
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
    /// The version of each, in the same order: it changes whenever an attribute does.
    #[serde(default)]
    pub versions: Vec<u64>,
}

impl MemberInventory {
    /// The version of a key that it holds.
    pub fn version(&self, id: &str) -> Option<u64> {
        let index = self.keys.iter().position(|key| key == id)?;
        self.versions.get(index).copied()
    }
}

/// Hand-made histories.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A run of 100 ms. A call is a line of `begin took function code member`, an event one of `at event
    /// member detail`; times in milliseconds, `-` for nothing, `_` for a space in the detail.
    pub(crate) fn history(topology: &str, calls: &str, events: &str) -> History {
        let lines = |text: &str| -> Vec<Vec<String>> {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
            text.lines().map(words).filter(|words: &Vec<_>| !words.is_empty()).collect()
        };
        let ms = |word: &str| word.parse::<u64>().unwrap() * MS;
        let text = |word: &str| if word == "-" { String::new() } else { word.replace('_', " ") };
        let topology = Arc::new(Topology::shipped(topology).unwrap());
        let group = topology.groups[0].label.clone();
        let call = |words: Vec<String>| CallRecord {
            at_ns: ms(&words[0]),
            took_ns: ms(&words[1]),
            function: words[2].clone().into(),
            session: 1,
            code: words[3].clone().into(),
            pid: 1,
            member: words.get(4).map_or_else(String::new, |word| text(word)).into(),
            call_fault: "".into(),
        };
        let event = |words: Vec<String>| EventRecord {
            at_ns: ms(&words[0]),
            event: words[1].clone(),
            group: group.clone(),
            member: text(&words[2]),
            detail: words.get(3).map_or_else(String::new, |word| text(word)),
            pid: 1,
        };
        History {
            begin_ns: 0,
            end_ns: 100 * MS,
            time_scale: 1.0,
            calls: lines(calls).into_iter().map(call).collect(),
            events: lines(events).into_iter().map(event).collect(),
            faults: Vec::new(),
            workloads: BTreeMap::from([(1, "signer".to_owned())]),
            topology,
            inventory_before: Vec::new(),
            inventory_after: Vec::new(),
            inventory_equal_ns: None,
            notes: Notes::default(),
        }
    }

    /// Inventories of the first group: device, and keys with spaces between them.
    pub(crate) fn inventory(members: &[(&str, &str)]) -> Vec<MemberInventory> {
        let member = |(device, keys): &(&str, &str)| MemberInventory {
            group: "hsmsim-0".to_owned(),
            device: (*device).to_owned(),
            keys: keys.split_whitespace().map(str::to_owned).collect(),
            versions: vec![1; keys.split_whitespace().count()],
        };
        members.iter().map(member).collect()
    }

    impl History {
        /// Adds a fault; times in milliseconds.
        pub(crate) fn strike(&mut self, fault: &str, from: u64, to: u64) {
            let fault: Fault = fault.parse().unwrap();
            let strikes = fault.strikes(&self.topology, |_| 0).unwrap();
            let (from, to) = (from * MS, Some(to * MS));
            let step = format!("step-{}", self.faults.len());
            let span = FaultSpan::new(&step, &fault, &strikes, &self.topology, from, to, 1.0);
            self.faults.push(span);
        }
    }
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
