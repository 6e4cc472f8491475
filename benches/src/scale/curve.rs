//! The curves.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Curve {
    /// Token objects of a partition.
    Objects,
    /// Open sessions of a process.
    Sessions,
    /// Threads that sign.
    Threads,
    /// Threads that make token keys, on a disk.
    Makers,
    /// Devices of the topology.
    Topologies,
    /// Keys that a returning member is owed.
    Owed,
    /// Sessions of four processes that work at the same time.
    Load,
}

/// Topologies in the order of their devices.
pub const TOPOLOGIES: [&str; 4] = ["instant", "ha-pair", "ha-dr", "global"];

/// What was measured at one size: names, with their units, and values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The size.
    pub size: u64,
    /// In the order of the table's columns.
    pub values: Vec<(String, f64)>,
}

/// A curve that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Its title.
    pub title: String,
    /// What the sizes count.
    pub axis: String,
    /// Smallest size first.
    pub points: Vec<Point>,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Curve; 7] = [
        Curve::Objects,
        Curve::Sessions,
        Curve::Threads,
        Curve::Makers,
        Curve::Topologies,
        Curve::Owed,
        Curve::Load,
    ];

    /// Title and what the sizes count.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Objects => ("Token objects in a partition", "objects"),
            Self::Sessions => ("Open sessions in a process", "sessions"),
            Self::Threads => ("Threads that sign", "threads"),
            Self::Makers => ("Threads that make token keys on two devices' disks", "threads"),
            Self::Topologies => ("Devices in the topology", "devices"),
            Self::Owed => ("Keys owed to a returning member", "keys"),
            Self::Load => {
                ("Sessions of four processes on a pair of devices with engines", "sessions")
            }
        }
    }

    /// The sizes; `quick` leaves out what takes minutes.
    pub fn sizes(self, quick: bool) -> Vec<u64> {
        let decades = |from: u32, to: u32| (from..=to).map(|power| 10_u64.pow(power)).collect();
        match self {
            Self::Objects => decades(2, if quick { 4 } else { 6 }),
            Self::Sessions => decades(0, 4),
            Self::Threads => vec![1, 2, 4, 8, 16, 32, 64],
            Self::Makers => vec![1, 2, 4, 8, 16],
            Self::Topologies => (0..TOPOLOGIES.len() as u64).collect(),
            Self::Owed => decades(2, if quick { 3 } else { 4 }),
            Self::Load => vec![4, 8, 16, 32, 64, 128],
        }
    }
}

/// A table of a curve: a line a size, a column a value.
pub fn table(measured: &Measured) -> String {
    let names: Vec<&str> = measured
        .points
        .first()
        .map(|point| point.values.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();
    let mut rows =
        vec![std::iter::once(measured.axis.as_str()).chain(names).map(str::to_owned).collect()];
    for point in &measured.points {
        let values = point.values.iter().map(|(_, value)| number(*value));
        rows.push(std::iter::once(point.size.to_string()).chain(values).collect::<Vec<_>>());
    }
    let columns = rows[0].len();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = format!("{}\n", measured.title);
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        text += &format!("  {}\n", cells.collect::<Vec<_>>().join("  "));
    }
    text
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_size_and_a_column_for_each_value() {
        let point = |size, value| Point { size, values: vec![("find, µs".to_owned(), value)] };
        let points = vec![point(100, 7.5), point(10_000, 123.4)];
        let text = table(&Measured { title: "T".to_owned(), axis: "objects".to_owned(), points });
        assert_eq!(text, "T\n  objects  find, µs\n      100      7.50\n    10000       123\n");
    }

    #[test]
    fn sizes_grow() {
        for curve in Curve::ALL {
            for quick in [false, true] {
                let sizes = curve.sizes(quick);
                assert!(sizes.len() > 1 && sizes.is_sorted(), "{curve:?}");
            }
        }
    }
}
