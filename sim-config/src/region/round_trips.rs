//! Published round-trip times between regions, and the estimate for pairs that have none.
//!
//! A figure belongs to an ordered pair: the row's region sent the probes. The two directions differ
//! by up to 5 ms. The two US Gov regions are in no published table; a public region stands in for
//! each of them (`figures_of` in the catalogue).

use std::sync::LazyLock;
use std::time::Duration;

use super::RegionCode;
use crate::error::ConfigError;
use crate::source::{Source, Table};

const TEXT: &str = include_str!("../../regions/round-trips.toml");

/// The line that estimates a round trip from a distance: `base + per_km × great-circle km`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Milliseconds that every pair of regions costs.
    pub base_ms: f64,
    /// Milliseconds for each kilometre of the great circle.
    pub per_km_ms: f64,
}

/// A round-trip time between two different regions, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionRoundTrip {
    /// Published for exactly this ordered pair.
    Published(Duration),
    /// Published for the public regions that stand in for this pair.
    StandIn(Duration),
    /// Estimated from the great-circle distance.
    Estimated(Duration),
}

impl RegionRoundTrip {
    /// The time, whatever its source.
    pub fn duration(self) -> Duration {
        match self {
            Self::Published(d) | Self::StandIn(d) | Self::Estimated(d) => d,
        }
    }
}

struct RoundTrips {
    estimate: Estimate,
    /// `milliseconds[from][to]`, by catalogue index; `None` where nothing is published.
    milliseconds: Vec<Vec<Option<u32>>>,
}

/// Empty only if the embedded text were damaged, which a test excludes.
static ROUND_TRIPS: LazyLock<RoundTrips> = LazyLock::new(|| {
    parse(TEXT).unwrap_or(RoundTrips {
        estimate: Estimate { base_ms: 12.0, per_km_ms: 0.0159 },
        milliseconds: Vec::new(),
    })
});

/// The round-trip time that probes from `from` to `to` take; median, in whole published
/// milliseconds. `from` and `to` are different regions; for one and the same region the answer is
/// the estimate for no distance, and the topology's own defaults serve instead.
pub fn region_round_trip(from: RegionCode, to: RegionCode) -> RegionRoundTrip {
    if let Some(published) = published(from, to) {
        return RegionRoundTrip::Published(published);
    }
    let stand_in = |r: RegionCode| r.region().figures_of.and_then(RegionCode::find).unwrap_or(r);
    if let Some(published) = published(stand_in(from), stand_in(to)) {
        return RegionRoundTrip::StandIn(published);
    }
    let Estimate { base_ms, per_km_ms } = ROUND_TRIPS.estimate;
    let ms = base_ms + per_km_ms * great_circle_km(from, to);
    // Whole microseconds: a figure of this kind has no finer meaning, and it prints well.
    RegionRoundTrip::Estimated(Duration::from_micros((ms * 1000.0).round() as u64))
}

fn published(from: RegionCode, to: RegionCode) -> Option<Duration> {
    let row = ROUND_TRIPS.milliseconds.get(usize::from(from.0))?;
    let ms = (*row.get(usize::from(to.0))?)?;
    Some(Duration::from_millis(u64::from(ms)))
}

/// Distance on a sphere of the mean radius of the earth (haversine formula).
fn great_circle_km(from: RegionCode, to: RegionCode) -> f64 {
    const EARTH_RADIUS_KM: f64 = 6371.0;
    let (a, b) = (from.region(), to.region());
    let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_lat = (lat_b - lat_a) / 2.0;
    let half_lon = (b.longitude - a.longitude).to_radians() / 2.0;
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
}

fn parse(text: &str) -> Result<RoundTrips, ConfigError> {
    Source::new("regions/round-trips.toml", text).read(|root| {
        root.known(&["source", "columns", "estimate", "milliseconds"])?;
        let estimate = root.required("estimate", |v| v.table())?;
        estimate.known(&["base_ms", "per_km_ms"])?;
        let columns: Vec<RegionCode> =
            root.required("columns", |v| v.array()?.iter().map(|code| code.region()).collect())?;
        let rows = root.required("milliseconds", |v| v.table())?;
        let mut milliseconds = vec![vec![None; RegionCode::all().len()]; RegionCode::all().len()];
        for from in &columns {
            fill_row(&mut milliseconds[usize::from(from.0)], &rows, *from, &columns)?;
        }
        Ok(RoundTrips {
            estimate: Estimate {
                base_ms: estimate.required("base_ms", |v| v.float())?,
                per_km_ms: estimate.required("per_km_ms", |v| v.float())?,
            },
            milliseconds,
        })
    })
}

fn fill_row(
    row: &mut [Option<u32>],
    rows: &Table<'_>,
    from: RegionCode,
    columns: &[RegionCode],
) -> Result<(), ConfigError> {
    let value = rows.required(from.as_str(), |v| Ok(v.clone()))?;
    let cells = value.array()?;
    if cells.len() != columns.len() {
        return Err(value.error(format!("{} figures for {} columns", cells.len(), columns.len())));
    }
    for (cell, to) in cells.iter().zip(columns) {
        let ms: u32 = cell.integer(0..=10_000)?;
        // A region's way to itself is written as 0 to keep the matrix readable.
        row[usize::from(to.0)] = (from != *to).then_some(ms);
    }
    Ok(())
}
