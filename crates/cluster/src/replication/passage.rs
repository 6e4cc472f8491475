//! When a row of an outbox arrives: a pure function of its time and number and of the fault history.

use std::{fmt::Write as _, time::Duration};

use hsmsim_device::Condition as DeviceCondition;
use hsmsim_network::{
    Condition as LinkCondition, Impairment, Impairments, LatencyModel, Time, Toll, stream,
};
use hsmsim_sim_config::{Device, Endpoint, Topology};
use hsmsim_store::outbox::Carried;

use crate::{
    cluster::jitter,
    effects::{ActiveFault, History, Next, nanos},
};

/// What became of a row by now. Times are Unix times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrived.
    Arrived(u64),
    /// It left, and was lost on its way: nobody will send it again.
    Lost(u64),
    /// It will arrive then if nothing comes between; `None` while something holds it up whose end is
    /// not known.
    UnderWay(Option<u64>),
}

/// The way from a device to a peer. Its rows are to be asked about in their order.
pub(super) struct Passage<'a> {
    history: History<'a>,
    source: &'a Device,
    target: &'a Device,
    ends: (Endpoint, Endpoint),
    latency: LatencyModel,
    round_trip_ns: u64,
    seed: u64,
    /// Names the chance of a row: what all have in common, and then its number.
    name: String,
    named: usize,
    /// The way as it was when it was last looked at.
    stretch: Stretch,
    carried: Carried,
    /// For when a fate was last asked, and until when the answer stands.
    now_ns: u64,
    stands_until_ns: u64,
}

/// How long devices wait before they connect anew after a damaged or reset message.
const RECONNECT_NS: u64 = 1_000_000_000;

/// The state of the way for a time.
#[derive(Clone, Debug, Default)]
struct Stretch {
    from_ns: u64,
    /// When it changes; `u64::MAX`: not as far as is known.
    until_ns: u64,
    open: bool,
    extra: Duration,
    /// What befalls the packets of each row. Rows do not remember each other: a correlated delay is drawn
    /// for each by itself.
    impairments: Vec<Impairment>,
    /// The least time between two rows.
    pause_ns: u64,
    /// How likely a row is lost.
    loss: f64,
}

impl<'a> Passage<'a> {
    /// The way between two devices of a topology, by their numbers.
    pub(super) fn new(
        topology: &'a Topology,
        faults: &'a [ActiveFault],
        scaled: &'a dyn Fn(Duration) -> Duration,
        (source, target): (usize, usize),
        carried: Carried,
    ) -> Self {
        let (source, target) = (&topology.devices[source], &topology.devices[target]);
        let end =
            |device: &Device| Endpoint { device: Some(device.id.clone()), place: device.place };
        let round_trip = topology.round_trip(source.place, target.place);
        let latency =
            LatencyModel { base: round_trip.one_way[0], jitter: jitter(round_trip.jitter[0]) };
        let name = format!("replication {} > {} row ", source.id, target.id);
        Self {
            // Devices talk to each other whether or not people may log in.
            history: History { topology, faults, activation_held: None, scaled },
            source,
            target,
            ends: (end(source), end(target)),
            latency,
            round_trip_ns: nanos(round_trip.one_way[0] + round_trip.one_way[1]),
            seed: topology.seed,
            named: name.len(),
            name,
            stretch: Stretch::default(),
            carried,
            now_ns: 0,
            stands_until_ns: 0,
        }
    }

    /// How far the rows that arrived have come.
    pub(super) fn carried(&self) -> Carried {
        self.carried
    }

    /// Until when the fate that was last told, of a row under way, stays what it is unless the fault
    /// history is changed: no state of the way that it depends on ends earlier.
    pub(super) fn stands_until_ns(&self) -> u64 {
        self.stands_until_ns
    }

    /// The fate, as it is known at `now_ns`, of the row number `seq` of a change made at `at_ns`.
    pub(super) fn fate(&mut self, at_ns: u64, seq: u64, now_ns: u64) -> Fate {
        (self.now_ns, self.stands_until_ns) = (now_ns, u64::MAX);
        let fate = self.fate_on_the_way(at_ns, seq, now_ns);
        if let Fate::UnderWay(Some(arrives_ns)) = fate {
            self.stands_until_ns = self.stands_until_ns.min(arrives_ns);
        }
        fate
    }

    fn fate_on_the_way(&mut self, at_ns: u64, seq: u64, now_ns: u64) -> Fate {
        let mut leaves_ns = at_ns.max(self.carried.ready_ns);
        self.name.truncate(self.named);
        // Writing to a string does not fail.
        let _ = write!(self.name, "{seq}");
        let mut chance = stream(self.seed, &self.name);
        let (delay, lot) = (self.latency.sample(&mut chance), chance.unit());
        let mut resets = 0_u32;
        loop {
            let way = self.at(leaves_ns).clone();
            if !way.open {
                if way.until_ns > now_ns {
                    let reopens = self.reopens(way);
                    return Fate::UnderWay(reopens.map(|at| at + nanos(delay)));
                }
                // The connection is made anew.
                leaves_ns = way.until_ns;
                if self.at(leaves_ns).open {
                    leaves_ns += self.round_trip_ns;
                }
                continue;
            }
            let toll = self.toll(&way, delay, resets);
            let delay = delay.saturating_add(way.extra).saturating_add(toll.late);
            let arrives_ns = (leaves_ns + nanos(delay)).max(self.carried.last_ns);
            if let Some(broken_ns) = self.broken_within(leaves_ns, arrives_ns.min(now_ns)) {
                leaves_ns = broken_ns;
                continue;
            }
            if arrives_ns > now_ns {
                return Fate::UnderWay(Some(arrives_ns));
            }
            if toll.breaks {
                // It had no effect, and is sent again on a new connection.
                resets += 1;
                leaves_ns = arrives_ns.saturating_add(RECONNECT_NS);
                continue;
            }
            self.carried = Carried { ready_ns: leaves_ns + way.pause_ns, last_ns: arrives_ns };
            if lot < way.loss {
                return Fate::Lost(arrives_ns);
            }
            return Fate::Arrived(arrives_ns);
        }
    }

    /// What a row pays on an impaired link.
    fn toll(&self, way: &Stretch, delay: Duration, resets: u32) -> Toll {
        if way.impairments.is_empty() {
            return Toll::default();
        }
        let name = format!("{} attempt {resets}", self.name);
        let mut impairments = Impairments::new(self.seed, &name);
        impairments.set(&way.impairments);
        impairments.toll(Time::ZERO, delay, false)
    }

    /// When the way closes while a row is on it.
    fn broken_within(&mut self, from_ns: u64, to_ns: u64) -> Option<u64> {
        let mut at_ns = from_ns;
        loop {
            let way = self.at(at_ns);
            if !way.open {
                return Some(at_ns);
            }
            if way.until_ns > to_ns {
                return None;
            }
            at_ns = way.until_ns;
        }
    }

    /// When a closed way opens, as far as the history says.
    fn reopens(&mut self, mut way: Stretch) -> Option<u64> {
        // Enough for a flapping link; a later look goes on from there.
        for _ in 0..8 {
            if way.open {
                return Some(way.from_ns);
            }
            if way.until_ns == u64::MAX {
                return None;
            }
            way = self.at(way.until_ns).clone();
        }
        Some(way.from_ns)
    }

    fn at(&mut self, at_ns: u64) -> &Stretch {
        if !(self.stretch.from_ns..self.stretch.until_ns).contains(&at_ns) {
            self.stretch = self.look(at_ns);
        }
        if self.stretch.until_ns > self.now_ns {
            self.stands_until_ns = self.stands_until_ns.min(self.stretch.until_ns);
        }
        &self.stretch
    }

    fn look(&self, at_ns: u64) -> Stretch {
        let mut next = Next { now_ns: at_ns, at: None };
        let (from, from_trouble) = self.history.device(self.source, &mut next);
        let (to, to_trouble) = self.history.device(self.target, &mut next);
        let (link, _) = self.history.link(&self.ends.0, &self.ends.1, &mut next);
        let mut way = Stretch {
            from_ns: at_ns,
            until_ns: u64::MAX,
            open: from.condition == DeviceCondition::On
                && to.condition == DeviceCondition::On
                && link.condition == LinkCondition::Open
                && !(from_trouble.self_test_failed || to_trouble.self_test_failed)
                && !to_trouble.memory_full,
            extra: from_trouble.extra_service + to_trouble.extra_service,
            pause_ns: link.impairments.iter().map(turn_ns).max().unwrap_or_default(),
            impairments: link.impairments,
            loss: 0.0,
        };
        for active in self.history.faults {
            if active.set_at_ns > at_ns {
                way.until_ns = way.until_ns.min(active.set_at_ns);
            } else if active.strikes.covers_link(&self.ends.0, &self.ends.1)
                && next.is_before(active.end_ns)
            {
                self.strike(&mut way, active);
            }
        }
        way.until_ns = way.until_ns.min(next.at.unwrap_or(u64::MAX));
        way
    }

    /// The faults of replication alone.
    fn strike(&self, way: &mut Stretch, active: &ActiveFault) {
        let fault = &active.fault;
        match fault.spec.id {
            "repl.pause" => way.open = false,
            "repl.lag" => {
                let extra = fault.duration_param("extra").unwrap_or_default();
                way.extra += (self.history.scaled)(extra);
            }
            "repl.rate" => {
                let second = (self.history.scaled)(Duration::from_secs(1));
                let rows = fault.count_param("rows").unwrap_or(1).max(1);
                way.pause_ns = way.pause_ns.max(nanos(second) / rows);
            }
            "repl.drop" => {
                let probability = fault.probability_param("probability").unwrap_or_default();
                way.loss = 1.0 - (1.0 - way.loss) * (1.0 - probability);
            }
            _ => {}
        }
    }
}

/// The least time between two rows on a link of limited rate.
fn turn_ns(impairment: &Impairment) -> u64 {
    match impairment {
        Impairment::Rate { per_second } => 1_000_000_000 / per_second.max(&1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::Fault;

    use super::*;

    const MS: u64 = 1_000_000;
    /// Long after 1970, as real histories are.
    const BEGIN: u64 = 1_900_000_000_000 * MS;

    /// Faults in lines of their text, their begin and their end in ms.
    fn history(topology: &Topology, lines: &[(&str, u64, Option<u64>)]) -> Vec<ActiveFault> {
        let at_ns = |ms: u64| BEGIN + ms * MS;
        let active = |(id, (text, set_at, end)): (u64, &(&str, u64, Option<u64>))| {
            let fault: Fault = text.parse().unwrap();
            let strikes = fault.strikes(topology, |_| 0).unwrap();
            let (set_at_ns, end_ns) = (at_ns(*set_at), end.map(at_ns));
            ActiveFault { id, fault, strikes, set_at_ns, end_ns }
        };
        (1..).zip(lines).map(active).collect()
    }

    #[test]
    fn fate_of_a_row_under_way_is_the_same_for_as_long_as_it_is_said_to_stand() {
        let topology = Topology::shipped("ha-dr-async").unwrap();
        let (source, target) = (&topology.devices[0].id, &topology.devices[2].id);
        let link = format!("{source}:{target}");
        let pause = format!("repl.pause {link}");
        let lag = format!("repl.lag {link} extra=90ms");
        let flap = format!("link.flap {link} down=40ms up=70ms");
        let loss = format!("device.power_loss {target}");
        let reset = format!("link.reset {link} probability=0.5");
        let scaled = |duration: Duration| duration;
        let (mut asked, mut repeated, mut changed) = (0, 0, 0);
        for lines in [
            vec![],
            vec![(pause.as_str(), 100, Some(400))],
            vec![(lag.as_str(), 50, Some(500)), (pause.as_str(), 120, None)],
            vec![(flap.as_str(), 20, Some(900))],
            vec![(loss.as_str(), 150, Some(300)), (lag.as_str(), 0, None)],
            vec![(reset.as_str(), 0, Some(800)), (flap.as_str(), 300, Some(600))],
        ] {
            let faults = history(&topology, &lines);
            let passage = || Passage::new(&topology, &faults, &scaled, (0, 2), Carried::default());
            for (seq, sent) in (0..40).map(|row| (row, BEGIN + row * 17 * MS)) {
                for now_ns in (0..60).map(|step| sent + step * 11 * MS) {
                    let mut asking = passage();
                    let fate = asking.fate(sent, seq, now_ns);
                    let Fate::UnderWay(_) = fate else { continue };
                    asked += 1;
                    let until_ns = asking.stands_until_ns();
                    assert!(until_ns > now_ns);
                    let last_ns = until_ns.min(now_ns + 1_000 * MS) - 1;
                    for later_ns in [now_ns + 1, now_ns.midpoint(last_ns), last_ns] {
                        let later_ns = later_ns.min(last_ns);
                        assert_eq!(passage().fate(sent, seq, later_ns), fate);
                        repeated += 1;
                    }
                    // Where nothing more will happen, nobody asks about the end of time.
                    if until_ns < u64::MAX {
                        changed += u32::from(passage().fate(sent, seq, until_ns) != fate);
                    }
                }
            }
        }
        // Rows were under way, and what was said did end.
        assert!(asked > 1_000 && repeated > 3_000 && changed > 500, "{asked} {repeated} {changed}");
    }
}
