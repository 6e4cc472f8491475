//! What has happened so far, for conditions that are asked while a drill runs.

use std::collections::{BTreeSet, VecDeque};

use hsmsim_client::record::{CallRecord, EventRecord};
use hsmsim_cluster::{Cluster, ClusterError};
use hsmsim_sim_config::{Claim, Condition};

use crate::metrics::{Outcome, end, failed, outcome};

/// How far back `error_rate`, `latency` and `throughput` look, in drill seconds.
const RECENT_S: f64 = 10.0;

/// A call that has ended lately.
#[derive(Clone, Copy)]
struct Recent {
    ended_ns: u64,
    took_ns: u64,
    failed: bool,
}

/// Counts what is recorded.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    ok: u64,
    failed: u64,
    unknown: u64,
    /// Calls that a call fault struck; they count nowhere else.
    struck: u64,
    stall_ns: u64,
    /// Recent calls, in the order in which they were told of.
    recent: VecDeque<Recent>,
    failovers: u64,
    members_lost: u64,
    members_recovered: u64,
    /// Group and identity of keys that applications were told about and have not destroyed.
    keys: BTreeSet<(String, String)>,
}

impl Tally {
    /// A call has ended. `time_scale` decides how many are recent.
    pub(crate) fn call(&mut self, call: &CallRecord, time_scale: f64) {
        if !call.call_fault.is_empty() {
            self.struck += 1;
            return;
        }
        match outcome(call) {
            Outcome::Ok => self.ok += 1,
            Outcome::Fail => self.failed += 1,
            Outcome::Unknown => self.unknown += 1,
        }
        self.stall_ns = self.stall_ns.max(call.took_ns);
        let ended = end(call);
        self.recent.push_back(Recent {
            ended_ns: ended,
            took_ns: call.took_ns,
            failed: failed(call),
        });
        let reach = recent_ns(time_scale);
        while self.recent.front().is_some_and(|call| call.ended_ns + reach < ended) {
            self.recent.pop_front();
        }
    }

    pub(crate) fn event(&mut self, event: &EventRecord) {
        match event.event.as_str() {
            "failover" => self.failovers += 1,
            "member_lost" => self.members_lost += 1,
            "member_recovered" => self.members_recovered += 1,
            "object_created" => {
                self.keys.insert((event.group.clone(), event.detail.clone()));
            }
            "object_destroyed" => {
                self.keys.remove(&(event.group.clone(), event.detail.clone()));
            }
            _ => {}
        }
    }

    /// Whether a condition holds now, and what was measured.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn look(
        &self,
        condition: &Condition,
        cluster: &Cluster,
    ) -> Result<(bool, String), ClusterError> {
        match &condition.claim {
            Claim::Device { device, up } => {
                let serves = devices_up(cluster)?.iter().any(|id| id == device.as_str());
                let word = if serves { "up" } else { "down" };
                Ok((serves == *up, format!("{device} is {word}")))
            }
            Claim::Number { gauge, compare, value } => {
                let measured = self.measure(gauge.name, cluster)?;
                let text = match gauge.name {
                    "error_rate" => format!("{measured:.1} %"),
                    "stall" => format!("{:.1} s", measured / 1e3),
                    "latency" => format!("{measured:.0} ms"),
                    "throughput" => format!("{measured:.1}/s"),
                    _ => format!("{measured}"),
                };
                Ok((compare.holds(measured, *value), text))
            }
        }
    }

    fn measure(&self, gauge: &str, cluster: &Cluster) -> Result<f64, ClusterError> {
        let time_scale = cluster.topology().time_scale;
        let count = match gauge {
            "calls_ok" => self.ok,
            "calls_failed" => self.failed,
            "calls_unknown" => self.unknown,
            "calls_struck" => self.struck,
            "error_rate" => return Ok(self.error_rate(cluster.clock().unix_now(), time_scale)),
            "latency" => {
                let calls = self.recent(cluster.clock().unix_now(), time_scale);
                let longest = calls.map(|call| call.took_ns).max().unwrap_or_default();
                return Ok(longest as f64 * time_scale / 1e6);
            }
            "throughput" => {
                let calls = self.recent(cluster.clock().unix_now(), time_scale);
                let succeeded = calls.filter(|call| !call.failed).count();
                return Ok(succeeded as f64 * time_scale / RECENT_S);
            }
            "stall" => return Ok(self.stall_ns as f64 * time_scale / 1e6),
            "failovers" => self.failovers,
            "members_lost" => self.members_lost,
            "members_recovered" => self.members_recovered,
            "keys" => self.keys.len() as u64,
            "lost_keys" => self.copies(cluster)?.0,
            "missing_copies" => self.copies(cluster)?.1,
            "devices_up" => devices_up(cluster)?.len() as u64,
            "devices_down" => (cluster.devices().len() - devices_up(cluster)?.len()) as u64,
            other => {
                return Err(ClusterError::State(format!("nothing measures \"{other}\"")));
            }
        };
        Ok(count as f64)
    }

    /// The calls of the last ten seconds.
    fn recent(&self, now_ns: u64, time_scale: f64) -> impl Iterator<Item = &Recent> {
        let since = now_ns.saturating_sub(recent_ns(time_scale));
        self.recent.iter().filter(move |call| call.ended_ns >= since)
    }

    fn error_rate(&self, now_ns: u64, time_scale: f64) -> f64 {
        let failed = self.recent(now_ns, time_scale).filter(|call| call.failed).count();
        100.0 * failed as f64 / self.recent(now_ns, time_scale).count().max(1) as f64
    }

    /// Keys that nobody holds, and copies that members lack of the others.
    fn copies(&self, cluster: &Cluster) -> Result<(u64, u64), ClusterError> {
        let (mut lost, mut missing) = (0, 0);
        for group in &cluster.topology().groups {
            let mut holders: Vec<BTreeSet<String>> = Vec::with_capacity(group.members.len());
            for member in &group.members {
                let held = cluster.inventory(member)?;
                holders.push(held.into_keys().map(|id| id.to_string()).collect());
            }
            for (_, id) in self.keys.iter().filter(|(label, _)| *label == group.label) {
                let copies = holders.iter().filter(|held| held.contains(id)).count();
                match copies {
                    0 => lost += 1,
                    copies => missing += (holders.len() - copies) as u64,
                }
            }
        }
        Ok((lost, missing))
    }
}

fn recent_ns(time_scale: f64) -> u64 {
    (RECENT_S * 1e9 / time_scale) as u64
}

/// Devices that serve now.
fn devices_up(cluster: &Cluster) -> Result<Vec<String>, ClusterError> {
    cluster.refresh();
    let truth = cluster.truth()?;
    Ok(truth.into_iter().filter(|device| device.power == "on").map(|device| device.id).collect())
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::drill::GAUGES;

    use super::*;
    use hsmsim_cluster::OpenOptions;

    #[test]
    fn everything_that_a_condition_can_speak_of_is_measured() {
        let options = OpenOptions {
            state: Some("memory".to_owned()),
            topology: Some("instant".to_owned()),
            ..OpenOptions::default()
        };
        let cluster = Cluster::open(options).unwrap();
        let tally = Tally::default();
        for gauge in &GAUGES {
            let measured = tally.measure(gauge.name, &cluster).unwrap();
            let expected = if gauge.name == "devices_up" { 2.0 } else { 0.0 };
            assert_eq!(measured, expected, "{}", gauge.name);
        }
        assert!(tally.measure("nothing", &cluster).is_err());
    }

    #[test]
    fn error_rate_and_latency_are_those_of_the_last_ten_seconds() {
        let mut tally = Tally::default();
        for (second, code) in [(0, "CKR_DEVICE_ERROR"), (12, "CKR_OK"), (13, "CKR_DEVICE_ERROR")] {
            let call = CallRecord {
                at_ns: second * 1_000_000_000,
                took_ns: second * 1_000_000,
                function: "C_Sign".into(),
                session: 1,
                code: code.into(),
                pid: 1,
                member: "".into(),
                call_fault: "".into(),
            };
            tally.call(&call, 1.0);
        }
        assert_eq!((tally.ok, tally.failed), (1, 2));
        assert_eq!(tally.error_rate(13_000_000_000, 1.0), 50.0);
        assert_eq!(tally.error_rate(30_000_000_000, 1.0), 0.0);
        let longest = |now_ns| tally.recent(now_ns, 1.0).map(|call| call.took_ns).max();
        assert_eq!(
            (longest(13_000_000_000), longest(22_500_000_000)),
            (Some(13_000_000), Some(13_000_000))
        );
        assert_eq!(longest(30_000_000_000), None);
    }
}
