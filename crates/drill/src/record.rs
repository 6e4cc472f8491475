//! A drill file from what somebody did by hand: the faults of the ledger with their times, and what was
//! asked of members. Pure.

use std::{fmt::Write, time::Duration};

use hsmsim_cluster::{ActiveFault, Cluster, ClusterError, Request, SetCallFault};
use hsmsim_sim_config::{CallKeyKind, ParamValue, Topology, format_duration};

/// What was done by hand, and the cluster it was done to.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The drill's name.
    pub name: String,
    /// Name or path of the topology.
    pub topology: String,
    /// How many times faster than the clock drill time ran.
    pub time_scale: f64,
    /// When the drill begins (nanoseconds since 1970).
    pub begin_ns: u64,
    /// When the recording ended.
    pub end_ns: u64,
    /// Faults, in the order in which they were set.
    pub faults: Vec<ActiveFault>,
    /// Call faults, in the order in which they were set.
    pub call_faults: Vec<SetCallFault>,
    /// Recoveries and synchronisations, in the order of time.
    pub requests: Vec<Request>,
}

/// Before the first step of a drill that was recorded after the fact, in drill time.
pub const LEAD: Duration = Duration::from_secs(10);
/// How long a drill goes on after its last step, so that its end can be seen.
const TAIL: Duration = Duration::from_secs(30);

impl Recording {
    /// What was done to a cluster since a moment. `lead`: the drill begins [`LEAD`] before the first thing
    /// that was done, not at the moment itself.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn of(
        cluster: &Cluster,
        name: &str,
        since_ns: u64,
        lead: bool,
    ) -> Result<Self, ClusterError> {
        let topology = cluster.topology();
        let end_ns = cluster.clock().unix_now();
        // What stood already is as if it were set at the begin.
        let concerns = |fault: &&ActiveFault| {
            let stood = fault.fault.spec.lasts && fault.end_ns.is_none_or(|end| end > since_ns);
            fault.set_at_ns >= since_ns || stood
        };
        let history = cluster.fault_history();
        let faults: Vec<ActiveFault> = history.iter().filter(concerns).cloned().collect();
        let mut requests = cluster.requests()?;
        requests.retain(|request| request.at_ns >= since_ns);
        let history = cluster.call_fault_history();
        let concerns = |set: &&SetCallFault| set.end_ns.is_none_or(|end| end > since_ns);
        let call_faults: Vec<SetCallFault> = history.iter().filter(concerns).cloned().collect();
        let set = faults.iter().map(|fault| fault.set_at_ns);
        let set = set.chain(call_faults.iter().map(|set| set.set_at_ns));
        let first = set
            .map(|set_at_ns| set_at_ns.max(since_ns))
            .chain(requests.iter().map(|request| request.at_ns));
        let first = first.min();
        let lead_ns = LEAD.div_f64(topology.time_scale).as_nanos() as u64;
        let begin_ns = match first.filter(|_| lead) {
            Some(first) => first.saturating_sub(lead_ns),
            None => since_ns,
        };
        Ok(Self {
            name: name.to_owned(),
            topology: topology_name(cluster),
            time_scale: topology.time_scale,
            begin_ns,
            end_ns,
            faults,
            call_faults,
            requests,
        })
    }

    /// How many steps the drill has.
    pub fn steps(&self) -> usize {
        self.faults.len() + self.call_faults.len() + self.requests.len()
    }

    /// A length of the clock in drill time, to the millisecond.
    fn drill_time(&self, from_ns: u64, to_ns: u64) -> Duration {
        let ms = to_ns.saturating_sub(from_ns) as f64 * self.time_scale / 1e6;
        Duration::from_millis(ms.round() as u64)
    }

    /// The drill file.
    pub fn text(&self) -> String {
        let mut steps: Vec<(Duration, String)> =
            self.faults.iter().map(|fault| self.fault(fault)).collect();
        steps.extend(self.call_faults.iter().map(|set| self.call_fault(set)));
        steps.extend(self.requests.iter().map(|request| {
            let at = self.drill_time(self.begin_ns, request.at_ns);
            let group = request.group.as_ref();
            let group = group.map_or_else(String::new, |g| format!("group = {}\n", quoted(g)));
            (at, format!("do = {}\n{group}", quoted(&request.what)))
        }));
        steps.sort_by_key(|(at, _)| *at);
        let last = steps.iter().map(|(at, _)| *at);
        let healed = self.faults.iter().filter_map(|fault| fault.end_ns);
        let healed = healed.chain(self.call_faults.iter().filter_map(|set| set.end_ns));
        let healed = healed.filter(|&end| end <= self.end_ns);
        let last = last.chain(healed.map(|end| self.drill_time(self.begin_ns, end))).max();
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "version = 1\nname = {name}\ntitle = \"Recorded by hand\"\n\
             hypothesis = \"What was done by hand costs no key\"\ntags = [\"recorded\"]\nseed = 1\n\
             topology = {topology}\ntime_scale = {scale}\nduration = {duration}\nsettle = \"60s\"\n",
            name = quoted(&self.name),
            topology = quoted(&self.topology),
            scale = self.time_scale,
            duration = quoted(&format_duration(last.unwrap_or_default() + TAIL)),
        );
        if self.faults.iter().any(|fault| fault.fault.spec.destroys_keys) {
            text.push_str("allow_data_loss = true\n");
        }
        text.push_str(
            "\n[[workload]]\nname = \"signer\"\nthreads = 4\nrate = \"100/s\"\n\
             mix = { sign_ecdsa_p256 = 90, generate_ec = 10 }\n",
        );
        for (at, step) in steps {
            let _ = write!(text, "\n[[step]]\nat = {}\n{step}", quoted(&format_duration(at)));
        }
        text.push_str("\n[expect]\nlost_keys_max = 0\n");
        text
    }

    fn fault(&self, row: &ActiveFault) -> (Duration, String) {
        let set_at_ns = row.set_at_ns.max(self.begin_ns);
        let fault = &row.fault;
        let mut text = format!(
            "name = {}\ndo = {}\ntarget = {}\n",
            quoted(&format!("fault {}", row.id)),
            quoted(fault.spec.id),
            quoted(&fault.target.to_string())
        );
        // What will end by itself later on was set for so long.
        if let Some(end_ns) = row.end_ns.filter(|_| fault.spec.lasts) {
            let length = self.drill_time(set_at_ns, end_ns);
            let _ = writeln!(text, "for = {}", quoted(&format_duration(length)));
        }
        for (name, value) in &fault.params {
            let value = match value {
                ParamValue::Probability(_) | ParamValue::Count(_) => value.to_string(),
                word => quoted(&word.to_string()),
            };
            let _ = writeln!(text, "{name} = {value}");
        }
        (self.drill_time(self.begin_ns, set_at_ns), text)
    }

    fn call_fault(&self, set: &SetCallFault) -> (Duration, String) {
        let set_at_ns = set.set_at_ns.max(self.begin_ns);
        let mut text =
            format!("name = {}\ndo = \"call.fault\"\n", quoted(&format!("fault {}", set.id)));
        let mut call = format!("function = {}", quoted(&set.fault.functions_text()));
        for (key, value) in set.fault.pairs() {
            // TOML's whole numbers end at that of i64.
            let bare = match key.kind {
                CallKeyKind::Number(_) => value.parse::<i64>().is_ok(),
                CallKeyKind::Probability => true,
                _ => false,
            };
            let value = if bare { value } else { quoted(&value) };
            let _ = write!(call, ", {} = {value}", key.name);
        }
        let _ = writeln!(text, "call = {{ {call} }}");
        if let Some(end_ns) = set.end_ns {
            let length = self.drill_time(set_at_ns, end_ns);
            let _ = writeln!(text, "for = {}", quoted(&format_duration(length)));
        }
        (self.drill_time(self.begin_ns, set_at_ns), text)
    }
}

/// A shipped name, or the path of the topology that the state was made from.
fn topology_name(cluster: &Cluster) -> String {
    let name = &cluster.topology().name;
    match (Topology::shipped_text(name), cluster.path()) {
        (None, Some(state)) => {
            let path = state.join(hsmsim_cluster::STATE_TOPOLOGY);
            path.canonicalize().unwrap_or(path).display().to_string()
        }
        _ => name.clone(),
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::{Action, Drill, Fault};

    use super::*;

    const S: u64 = 1_000_000_000;

    fn row(id: u64, fault: &str, set_s: u64, end_s: Option<u64>) -> ActiveFault {
        let topology = Topology::shipped("ha-dr").unwrap();
        let fault: Fault = fault.parse().unwrap();
        let strikes = fault.strikes(&topology, |_| 0).unwrap();
        let end_ns = end_s.map(|end| end * S);
        ActiveFault { id, fault, strikes, set_at_ns: set_s * S, end_ns }
    }

    fn set(id: u64, fault: &str, set_s: u64, end_s: Option<u64>) -> SetCallFault {
        let (fault, end_ns) = (fault.parse().unwrap(), end_s.map(|end| end * S));
        SetCallFault { id, fault, set_at_ns: set_s * S, end_ns }
    }

    #[test]
    fn what_was_recorded_reads_as_a_drill_with_the_same_faults_at_the_same_times() {
        let recording = Recording {
            name: "by \"hand\"".to_owned(),
            topology: "ha-dr".to_owned(),
            time_scale: 10.0,
            begin_ns: 100 * S,
            end_ns: 120 * S,
            faults: vec![
                row(
                    1,
                    "device.error_rate hsm-eus-1 probability=0.5 code=CKR_DEVICE_ERROR",
                    101,
                    Some(103),
                ),
                row(2, "link.delay client:hsm-eus-2 extra=5ms direction=there", 102, None),
                row(3, "device.zeroize hsm-eus-1", 104, None),
                row(4, "session.exhaust hsm-eus-1 max=3", 90, Some(110)),
            ],
            call_faults: vec![
                set(5, "C_Sign label=\"a b\" every=10 code=CKR_DEVICE_ERROR", 103, Some(104)),
                set(6, "any probability=0.25 seed=18446744073709551615 delay=5ms", 106, None),
            ],
            requests: vec![Request {
                at_ns: 105 * S,
                what: "ha.recover".to_owned(),
                group: Some("hsmsim-0".to_owned()),
            }],
        };
        let text = recording.text();
        let drill = Drill::parse(&text, "recorded.toml").unwrap_or_else(|e| panic!("{e}\n{text}"));
        drill.check(&Topology::shipped("ha-dr").unwrap()).unwrap();
        let steps: Vec<(u64, String)> = drill
            .steps
            .iter()
            .map(|step| match &step.action {
                Action::Fault(fault) => (step.at.as_secs(), fault.to_string()),
                Action::CallFault { fault, duration } => {
                    (step.at.as_secs(), format!("{fault} for {duration:?}"))
                }
                other => (step.at.as_secs(), format!("{other:?}")),
            })
            .collect();
        let recover = "Recover { group: Some(\"hsmsim-0\") }";
        let expected = [
            (0, "session.exhaust hsm-eus-1 for=100s max=3"),
            (10, "device.error_rate hsm-eus-1 for=20s code=CKR_DEVICE_ERROR probability=0.5"),
            (20, "link.delay client:hsm-eus-2 direction=there extra=5ms"),
            (30, "C_Sign label='a b' every=10 code=CKR_DEVICE_ERROR for Some(10s)"),
            (40, "device.zeroize hsm-eus-1"),
            (50, recover),
            (60, "any probability=0.25 seed=18446744073709551615 delay=5ms for None"),
        ];
        assert_eq!(steps, expected.map(|(at, what)| (at, what.to_owned())));
        assert_eq!((drill.time_scale, drill.duration), (Some(10.0), Duration::from_secs(130)));
        assert_eq!(recording.steps(), drill.steps.len());
        assert!(drill.allow_data_loss);
    }
}
