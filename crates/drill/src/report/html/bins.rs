//! Calls counted in equal parts of the time axis: what the charts draw and the read-out says.

use std::collections::BTreeMap;

use hsmsim_client::record::CallRecord;
use serde::Serialize;

use super::axis::Axis;
use crate::{
    history::History,
    metrics::{end, failed, percentile},
};

/// Parts of the axis.
pub(super) const BINS: usize = 240;
/// Devices and codes that get a colour of their own; the rest is one series.
const SERIES: usize = 7;

/// A name and a number for each part.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Series {
    /// The device or code.
    pub(super) name: String,
    /// Over the whole run.
    pub(super) total: u64,
    /// For each part.
    pub(super) counts: Vec<u64>,
}

/// Latency of one part, in drill milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Latency {
    /// Half took no longer.
    pub(super) p50: f64,
    /// 99 of 100 took no longer.
    pub(super) p99: f64,
    /// The longest.
    pub(super) max: f64,
}

/// A history in parts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bins {
    /// Length of the axis, in drill seconds.
    pub(super) seconds: f64,
    /// Length of one part, in real seconds.
    pub(super) real_seconds: f64,
    /// Calls that a device answered, by device, in the topology's order; by the end of the call.
    pub(super) devices: Vec<Series>,
    /// Calls that failed, by code, the most frequent first; by the end of the call.
    pub(super) errors: Vec<Series>,
    /// Of the calls that a device answered or that failed; by the end of the call.
    pub(super) latency: Vec<Option<Latency>>,
}

impl Bins {
    /// Counts.
    pub(super) fn of(history: &History, axis: &Axis) -> Self {
        let mut devices: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let mut errors: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let mut times: Vec<Vec<u64>> = vec![Vec::new(); BINS];
        // Records without devices, from an application that met an older module: then all calls count.
        let blind = history.calls.iter().all(|call| call.member.is_empty());
        for call in &history.calls {
            let bin = bin(axis, call);
            let failed = failed(call);
            if failed {
                errors.entry(&call.code).or_insert_with(|| vec![0; BINS])[bin] += 1;
            }
            if !call.member.is_empty() {
                devices.entry(&call.member).or_insert_with(|| vec![0; BINS])[bin] += 1;
            }
            if failed || blind || !call.member.is_empty() {
                times[bin].push(call.took_ns);
            }
        }
        let latency = times
            .into_iter()
            .map(|mut times| {
                times.sort_unstable();
                let ms = |ns: u64| history.length_ms(ns);
                times.last().map(|&max| Latency {
                    p50: ms(percentile(&times, 0.5)),
                    p99: ms(percentile(&times, 0.99)),
                    max: ms(max),
                })
            })
            .collect();
        let place = |series: &Series| {
            history.topology.devices.iter().position(|device| device.id.as_str() == series.name)
        };
        let mut devices = most_frequent(devices, "other devices");
        devices.sort_by_key(|series| place(series).unwrap_or(usize::MAX));
        Self {
            seconds: axis.seconds(),
            real_seconds: axis.real_seconds() / BINS as f64,
            devices,
            errors: most_frequent(errors, "other codes"),
            latency,
        }
    }
}

fn bin(axis: &Axis, call: &CallRecord) -> usize {
    ((axis.part(end(call)) * BINS as f64) as usize).min(BINS - 1)
}

/// The series in order of their totals; those that are too many are added up under a name.
fn most_frequent(counts: BTreeMap<&str, Vec<u64>>, rest: &str) -> Vec<Series> {
    let series = |(name, counts): (&str, Vec<u64>)| Series {
        name: name.to_owned(),
        total: counts.iter().sum(),
        counts,
    };
    let mut all: Vec<Series> = counts.into_iter().map(series).collect();
    all.sort_by_key(|series| std::cmp::Reverse(series.total));
    if all.len() > SERIES {
        let others = all.split_off(SERIES - 1);
        let mut sum = vec![0; BINS];
        for (bin, total) in sum.iter_mut().enumerate() {
            *total = others.iter().map(|series| series.counts[bin]).sum();
        }
        all.push(series((rest, sum)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    #[test]
    fn every_answered_call_and_every_error_is_in_exactly_one_part() {
        let history = history(
            "ha-pair",
            "0 1 C_Sign CKR_OK hsm-eus-1
             10 90 C_Sign CKR_OK hsm-eus-2
             99 1 C_Sign CKR_DEVICE_ERROR
             50 1 C_SignInit CKR_OK",
            "",
        );
        let bins = Bins::of(&history, &Axis::of(&history));
        let totals: Vec<_> = bins.devices.iter().map(|s| (s.name.as_str(), s.total)).collect();
        assert_eq!(totals, [("hsm-eus-1", 1), ("hsm-eus-2", 1)]);
        assert_eq!(bins.devices[1].counts[BINS - 1], 1);
        assert_eq!(bins.errors[0].name, "CKR_DEVICE_ERROR");
        let last = bins.latency[BINS - 1].unwrap();
        assert_eq!(last.max, 90.0);
        // What the library answers from memory says nothing about devices.
        assert_eq!(bins.latency[BINS / 2 + 2], None);
    }

    #[test]
    fn many_series_become_few_and_none_is_dropped() {
        let names: Vec<String> = (0..20).map(|index| format!("device-{index}")).collect();
        let counts = names.iter().map(|name| (name.as_str(), vec![1; BINS])).collect();
        let series = most_frequent(counts, "others");
        assert_eq!(series.len(), SERIES);
        assert_eq!(series.iter().map(|series| series.total).sum::<u64>(), 20 * BINS as u64);
    }
}
