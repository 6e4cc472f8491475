//! Calls counted in equal parts of the time axis: what the charts draw and the read-out says.

use std::collections::BTreeMap;

use hsmsim_client::record::CallRecord;
use serde::Serialize;

use super::{axis::Axis, curves::Palette};
use crate::{
    history::History,
    metrics::{end, failed, percentile},
};

/// Devices and codes that get a colour of their own; the rest is one series.
pub(super) const SERIES: usize = 7;

/// A name and a number for each part.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Series {
    /// The device or code.
    pub(super) name: String,
    /// Its colour.
    #[serde(skip)]
    pub(super) colour: usize,
    /// Over the whole run.
    pub(super) total: u64,
    /// For each part.
    pub(super) counts: Vec<u64>,
}

impl Series {
    fn of(name: &str, counts: Vec<u64>) -> Self {
        Self { name: name.to_owned(), colour: 0, total: counts.iter().sum(), counts }
    }
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
    /// The first part after the last call.
    #[serde(skip)]
    pub(super) last_call: usize,
}

impl Bins {
    /// Counts.
    pub(super) fn of(history: &History, axis: &Axis, palette: &Palette) -> Self {
        Self::of_calls(history, &history.calls, axis, palette)
    }

    /// Counts calls of another run that have been moved onto this one's clock.
    pub(super) fn of_calls(
        history: &History,
        calls: &[CallRecord],
        axis: &Axis,
        palette: &Palette,
    ) -> Self {
        let mut devices: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let mut errors: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let bins = axis.bins();
        let mut times: Vec<Vec<u64>> = vec![Vec::new(); bins];
        // Records without devices, from an application that met an older module: then all calls count.
        let blind = calls.iter().all(|call| call.member.is_empty());
        for call in calls {
            let bin = axis.bin(end(call));
            let failed = failed(call);
            if failed {
                errors.entry(&call.code).or_insert_with(|| vec![0; bins])[bin] += 1;
            }
            if !call.member.is_empty() {
                let name = palette.name(&call.member);
                devices.entry(name).or_insert_with(|| vec![0; bins])[bin] += 1;
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
        let series = |(name, counts): (&str, Vec<u64>)| Series {
            colour: palette.colour(name),
            ..Series::of(name, counts)
        };
        let mut devices: Vec<Series> = devices.into_iter().map(series).collect();
        devices.sort_by_key(|series| palette.place(&series.name));
        Self {
            seconds: axis.seconds(),
            real_seconds: axis.real_seconds() / bins as f64,
            devices,
            errors: most_frequent(errors, "other codes", bins),
            latency,
            last_call: calls.iter().map(|call| axis.bin(end(call)) + 1).max().unwrap_or(0),
        }
    }
}

/// The series in order of their totals; those that are too many are added up under a name.
fn most_frequent(counts: BTreeMap<&str, Vec<u64>>, rest: &str, bins: usize) -> Vec<Series> {
    let mut all: Vec<Series> =
        counts.into_iter().map(|(name, counts)| Series::of(name, counts)).collect();
    all.sort_by_key(|series| std::cmp::Reverse(series.total));
    if all.len() > SERIES {
        let others = all.split_off(SERIES - 1);
        let mut sum = vec![0; bins];
        for (bin, total) in sum.iter_mut().enumerate() {
            *total = others.iter().map(|series| series.counts[bin]).sum();
        }
        all.push(Series::of(rest, sum));
    }
    for (index, series) in all.iter_mut().enumerate() {
        series.colour = index;
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
        let axis = Axis::of(&history);
        let (last, middle) = (axis.bins() - 1, axis.bins() / 2);
        let bins = Bins::of(&history, &axis, &Palette::of(&history));
        let totals: Vec<_> = bins.devices.iter().map(|s| (s.name.as_str(), s.total)).collect();
        assert_eq!(totals, [("hsm-eus-1", 1), ("hsm-eus-2", 1)]);
        assert_eq!(bins.devices[1].counts[last], 1);
        assert_eq!(bins.errors[0].name, "CKR_DEVICE_ERROR");
        assert_eq!(bins.latency[last].unwrap().max, 90.0);
        // What the library answers from memory says nothing about devices.
        assert_eq!(bins.latency[middle + 2], None);
    }

    #[test]
    fn many_series_become_few_and_none_is_dropped() {
        let names: Vec<String> = (0..20).map(|index| format!("device-{index}")).collect();
        let counts = names.iter().map(|name| (name.as_str(), vec![1; 5])).collect();
        let series = most_frequent(counts, "others", 5);
        assert_eq!(series.len(), SERIES);
        assert_eq!(series.iter().map(|series| series.total).sum::<u64>(), 20 * 5);
    }
}
