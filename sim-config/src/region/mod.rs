//! Regions: the catalogue, and the published round-trip times between them.
//!
//! Both are data (`catalogue.rs`; `regions/round-trips.toml`, embedded). A region the catalogue does not have cannot be used
//! in a topology; a pair of regions the table does not have falls back to an estimate by distance.

mod catalogue;
mod round_trips;

use std::fmt;
use std::str::FromStr;

use crate::error::{ConfigError, suggestion};

pub use round_trips::{Estimate, RegionRoundTrip, region_round_trip};

/// Which cloud a region belongs to. The two do not interconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The public cloud.
    Public,
    /// The cloud of the government of the United States.
    UsGov,
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cloud::Public => "public",
            Cloud::UsGov => "usgov",
        })
    }
}

/// One region of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// The code the cloud's own tools use: `eastus2`.
    pub code: &'static str,
    /// The short key used in device names: `eus2`.
    pub short: &'static str,
    /// The name people use: `East US 2`.
    pub name: &'static str,
    /// State, province or town.
    pub place: &'static str,
    /// Degrees north; a catalogue point, not the address of a data centre.
    pub latitude: f64,
    /// Degrees east; a catalogue point, not the address of a data centre.
    pub longitude: f64,
    /// The cloud it belongs to.
    pub cloud: Cloud,
    /// The paired region's name, which need not be in the catalogue.
    pub pair: &'static str,
    /// Number of stamps that take dedicated HSMs.
    pub stamps: u8,
    /// Number of availability zones that the racks are spread over, where it is published.
    pub zones: Option<u8>,
    /// The public region whose published figures serve for this one, which has none.
    pub figures_of: Option<&'static str>,
}

/// A region of the catalogue, as a small copyable key. Ordered as the catalogue is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionCode(u8);

impl RegionCode {
    /// Every region of the catalogue, in its order.
    pub fn all() -> impl ExactSizeIterator<Item = RegionCode> + Clone {
        (0..catalogue::REGIONS.len()).map(|index| RegionCode(index as u8))
    }

    /// The catalogue entry.
    pub fn region(self) -> &'static Region {
        &catalogue::REGIONS[usize::from(self.0)]
    }

    /// The cloud's own code, `eastus2`.
    pub fn as_str(self) -> &'static str {
        self.region().code
    }

    /// The short key, `eus2`.
    pub fn short(self) -> &'static str {
        self.region().short
    }

    pub(crate) fn find(word: &str) -> Option<RegionCode> {
        RegionCode::all().find(|r| r.as_str() == word || r.short() == word)
    }
}

impl FromStr for RegionCode {
    type Err = ConfigError;

    /// Accepts the code (`eastus2`) and the short key (`eus2`).
    fn from_str(word: &str) -> Result<Self, ConfigError> {
        RegionCode::find(word).ok_or_else(|| {
            let codes = RegionCode::all().map(RegionCode::as_str);
            ConfigError::new(format!("there is no region \"{word}\"; {}", suggestion(word, codes)))
        })
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
