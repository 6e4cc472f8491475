//! What is not counted but holds over time: sessions that are open, calls in flight, keys that members
//! lack. One value for each part of the axis, as in [`super::bins`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::{axis::Axis, bins::SERIES};
use crate::{
    history::History,
    lag::{MemberLag, lags},
    metrics::{end, failed},
};

/// Who keeps calls that nobody answered in the end.
pub(super) const NOBODY: &str = "nobody";

/// A name and a value for each part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Curve {
    /// The device or workload.
    pub(super) name: String,
    /// Its colour.
    #[serde(skip)]
    pub(super) colour: usize,
    /// For each part.
    pub(super) values: Vec<f64>,
}

impl Curve {
    /// The largest value.
    pub(super) fn most(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }
}

/// All of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Curves {
    /// Sessions that are open, by workload: the most in the part.
    pub(super) sessions: Vec<Curve>,
    /// Calls that have begun and not ended, by the device they are with: the mean.
    pub(super) flight: Vec<Curve>,
    /// Acknowledged keys that a member lacks: the most in the part. Members that never lacked one are
    /// left out.
    pub(super) lag_keys: Vec<Curve>,
    /// The age of the oldest of them, in drill seconds, at the end of the part.
    pub(super) lag_age: Vec<Curve>,
}

impl Curves {
    /// Counts.
    pub(super) fn of(history: &History, axis: &Axis, palette: &Palette) -> Self {
        let behind: Vec<MemberLag> =
            lags(history).into_iter().filter(|lag| lag.most_keys() > 0).collect();
        let curve = |lag: &MemberLag, value: &dyn Fn(usize) -> f64| Curve {
            name: lag_name(history, lag),
            colour: palette.colour(&lag.device),
            values: (0..axis.bins()).map(value).collect(),
        };
        let keys = |lag: &MemberLag| {
            curve(lag, &|bin| {
                let (from, to) = (axis.time(bin), axis.time(bin + 1));
                let within = lag.changes.iter().filter(|it| from < it.at_ns && it.at_ns < to);
                within.map(|it| it.keys).fold(lag.at(from).keys, u64::max) as f64
            })
        };
        let age = |lag: &MemberLag| {
            curve(lag, &|bin| {
                let at_ns = axis.time(bin + 1);
                history.length_ms(lag.at(at_ns).age_ns(at_ns)) / 1000.0
            })
        };
        Self {
            sessions: sessions(history, axis),
            flight: flight(history, axis, palette),
            lag_keys: behind.iter().map(keys).collect(),
            lag_age: behind.iter().map(age).collect(),
        }
    }
}

/// The member, with its group if the topology has several that hold keys.
fn lag_name(history: &History, lag: &MemberLag) -> String {
    let other = |it: &crate::MemberInventory| it.group != lag.group;
    match history.inventory_after.iter().any(other) {
        true => format!("{} in {}", lag.device, lag.group),
        false => lag.device.clone(),
    }
}

/// Sessions by workload. What a process has open ends with C_CloseAllSessions and C_Finalize.
fn sessions(history: &History, axis: &Axis) -> Vec<Curve> {
    let mut changes: Vec<(u64, u32, Option<i64>)> = Vec::new();
    for call in history.calls.iter().filter(|call| call.code == "CKR_OK") {
        let change = match &*call.function {
            "C_OpenSession" => Some(1),
            "C_CloseSession" => Some(-1),
            "C_CloseAllSessions" | "C_Finalize" => None,
            _ => continue,
        };
        changes.push((end(call), call.pid, change));
    }
    changes.sort_by_key(|(at_ns, ..)| *at_ns);
    let mut open: BTreeMap<u32, i64> = BTreeMap::new();
    let mut curves: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut changes = changes.into_iter().peekable();
    for bin in 0..axis.bins() {
        let mut most: BTreeMap<&str, i64> = BTreeMap::new();
        let mut look = |open: &BTreeMap<u32, i64>| {
            let mut now: BTreeMap<&str, i64> = BTreeMap::new();
            for (pid, count) in open {
                *now.entry(history.workload(*pid)).or_default() += count;
            }
            for (name, count) in now {
                let most = most.entry(name).or_default();
                *most = count.max(*most);
            }
        };
        look(&open);
        let to = if bin + 1 == axis.bins() { u64::MAX } else { axis.time(bin + 1) };
        while let Some((_, pid, change)) = changes.next_if(|(at_ns, ..)| *at_ns < to) {
            let count = open.entry(pid).or_default();
            *count = change.map_or(0, |change| (*count + change).max(0));
            look(&open);
        }
        for (name, count) in most {
            curves.entry(name).or_insert_with(|| vec![0.0; axis.bins()])[bin] = count as f64;
        }
    }
    let curve = |(colour, (name, values)): (usize, (&str, Vec<f64>))| Curve {
        name: name.to_owned(),
        colour: colour.min(SERIES - 1),
        values,
    };
    curves.into_iter().enumerate().map(curve).collect()
}

/// Calls in flight: how much of each part they fill. A call that moved was with the member it moved
/// from until then.
fn flight(history: &History, axis: &Axis, palette: &Palette) -> Vec<Curve> {
    let mut moves: BTreeMap<u32, Vec<(u64, &str)>> = BTreeMap::new();
    for event in history.events.iter().filter(|event| event.event == "failover") {
        moves.entry(event.pid).or_default().push((event.at_ns, &event.member));
    }
    let bins = axis.bins();
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut fill = |who, from_ns, to_ns| {
        let values = all.entry(who).or_insert_with(|| vec![0.0; bins]);
        let (from, to) = (axis.part(from_ns) * bins as f64, axis.part(to_ns) * bins as f64);
        // Whole parts, and what is left of those at both ends.
        for (bin, value) in values.iter_mut().enumerate().skip(from as usize) {
            if bin as f64 >= to {
                break;
            }
            *value += to.min(bin as f64 + 1.0) - from.max(bin as f64);
        }
    };
    for call in &history.calls {
        let last = match &*call.member {
            "" if failed(call) => NOBODY,
            "" => continue,
            member => palette.name(member),
        };
        let moves = moves.get(&call.pid).map_or(&[][..], Vec::as_slice);
        let first = moves.partition_point(|(at_ns, _)| *at_ns < call.at_ns);
        let mut from_ns = call.at_ns;
        for (at_ns, member) in moves[first..].iter().take_while(|(at_ns, _)| *at_ns <= end(call)) {
            fill(palette.name(member), from_ns, *at_ns);
            from_ns = *at_ns;
        }
        fill(last, from_ns, end(call));
    }
    let mut curves: Vec<Curve> = all
        .into_iter()
        .map(|(name, values)| Curve { name: name.to_owned(), colour: palette.colour(name), values })
        .collect();
    curves.sort_by_key(|curve| palette.place(&curve.name));
    curves
}

/// Which device has which colour, in every chart the same.
#[derive(Clone, Debug)]
pub(super) struct Palette {
    /// Devices with a colour of their own; all others share the last.
    names: Vec<String>,
    /// Whether there are others.
    others: bool,
}

/// Devices that have no colour of their own.
pub(super) const OTHERS: &str = "other devices";

impl Palette {
    /// Of a run: all devices if the colours suffice, else those that answered most.
    pub(super) fn of(history: &History) -> Self {
        let all: Vec<String> =
            history.topology.devices.iter().map(|device| device.id.to_string()).collect();
        if all.len() <= SERIES {
            return Self { names: all, others: false };
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for call in &history.calls {
            *counts.entry(&call.member).or_default() += 1;
        }
        let mut most = all.clone();
        most.sort_by_key(|name| std::cmp::Reverse(counts.get(name.as_str()).copied().unwrap_or(0)));
        most.truncate(SERIES - 1);
        let names = all.into_iter().filter(|name| most.contains(name)).collect();
        Self { names, others: true }
    }

    /// The name under which a device is drawn.
    pub(super) fn name<'a>(&self, device: &'a str) -> &'a str {
        let own = self.names.iter().any(|name| name == device);
        if own || !self.others { device } else { OTHERS }
    }

    /// Its place in the order of all charts.
    pub(super) fn place(&self, device: &str) -> usize {
        self.names.iter().position(|name| name == device).unwrap_or(self.names.len())
    }

    /// Its colour.
    pub(super) fn colour(&self, device: &str) -> usize {
        if device == NOBODY { SERIES - 1 } else { self.place(device).min(SERIES - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    /// Parts of an axis of which no drill says how wide they are.
    const BINS: usize = 240;

    fn curves(history: &History) -> Curves {
        Curves::of(history, &Axis::of(history), &Palette::of(history))
    }

    #[test]
    fn a_session_is_open_from_its_opening_to_its_closing() {
        let history = history(
            "ha-pair",
            "9 1 C_OpenSession CKR_OK
             10 1 C_OpenSession CKR_DEVICE_ERROR
             19 1 C_OpenSession CKR_OK
             49 1 C_CloseSession CKR_OK
             79 1 C_Finalize CKR_OK",
            "",
        );
        let curve = &curves(&history).sessions[0];
        let at = |ms: usize| curve.values[ms * BINS / 100];
        assert_eq!(curve.name, "signer");
        assert_eq!([5, 15, 30, 60, 90].map(at), [0.0, 1.0, 2.0, 1.0, 0.0]);
    }

    #[test]
    fn calls_in_flight_are_counted_for_as_long_as_they_last() {
        let history = history(
            "ha-pair",
            "0 50 C_Sign CKR_OK hsm-eus-1
             25 25 C_Sign CKR_OK hsm-eus-1
             75 25 C_Sign CKR_DEVICE_ERROR
             80 1 C_SignInit CKR_OK",
            "",
        );
        let flight = curves(&history).flight;
        let names: Vec<_> = flight.iter().map(|curve| curve.name.as_str()).collect();
        assert_eq!(names, ["hsm-eus-1", NOBODY]);
        let at = |curve: usize, part: usize| flight[curve].values[part];
        assert_eq!((at(0, 0), at(0, BINS / 4), at(0, BINS / 2)), (1.0, 2.0, 0.0));
        assert_eq!((at(1, 0), at(1, BINS - 1)), (0.0, 1.0));
        // Little's law: what is drawn is what was waited.
        let waited: f64 = flight.iter().flat_map(|curve| &curve.values).sum();
        assert!((waited * 100.0 / BINS as f64 - 100.0).abs() < 1e-6, "{waited}");
    }

    #[test]
    fn a_call_that_moved_was_in_flight_on_the_member_it_left() {
        let calls = "0 50 C_Sign CKR_OK hsm-eus-2\n60 1 C_Sign CKR_OK hsm-eus-2";
        let flight = curves(&history("ha-pair", calls, "25 failover hsm-eus-1")).flight;
        let at = |curve: usize, part: usize| flight[curve].values[part];
        assert_eq!((at(0, BINS / 8), at(1, BINS / 8)), (1.0, 0.0));
        assert_eq!((at(0, BINS * 3 / 8), at(1, BINS * 3 / 8)), (0.0, 1.0));
    }

    #[test]
    fn a_member_that_is_behind_has_a_curve_and_one_that_never_is_has_none() {
        let history = history(
            "ha-pair",
            "",
            "10 copy_owed hsm-eus-2 1_objects:_a
             10 object_created - a
             60 copy_delivered hsm-eus-2 1_objects",
        );
        let Curves { lag_keys, lag_age, .. } = curves(&history);
        assert_eq!((lag_keys.len(), lag_keys[0].name.as_str()), (1, "hsm-eus-2"));
        assert_eq!((lag_keys[0].most(), lag_keys[0].values[BINS - 1]), (1.0, 0.0));
        assert!((0.048..=0.05).contains(&lag_age[0].most()), "{}", lag_age[0].most());
    }

    #[test]
    fn a_device_has_one_colour_and_many_devices_share_the_last() {
        let few = Palette::of(&history("ha-dr", "", ""));
        assert_eq!((few.colour("hsm-eus-1"), few.colour("hsm-eus-2")), (0, 1));
        let calls = "0 1 C_Sign CKR_OK hsm-jpe-1";
        let many = history("global", calls, "");
        let last = many.topology.devices.last().unwrap().id.to_string();
        let palette = Palette::of(&many);
        assert_eq!((palette.name(&last), palette.colour(&last)), (OTHERS, SERIES - 1));
        assert_ne!(palette.name("hsm-jpe-1"), OTHERS);
    }
}
