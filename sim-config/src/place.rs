//! Where something stands: region, stamp and, where known, availability zone.

use std::fmt;

use crate::region::RegionCode;

/// A place in the world that a device or a client stands in.
///
/// A stamp is one of the two groups of racks that a region has for dedicated HSMs; `1` is written
/// `stamp1` in the cloud's own resource type. Devices of one stamp share power and network failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The region.
    pub region: RegionCode,
    /// The stamp in the region, counted from 1.
    pub stamp: u8,
    /// The availability zone, counted from 1, where the region has zones and somebody said which.
    pub zone: Option<u8>,
}

impl Place {
    /// A place by region and stamp, zone not named.
    pub fn new(region: RegionCode, stamp: u8) -> Self {
        Self { region, stamp, zone: None }
    }

    /// Whether the two share racks, power and switches.
    pub fn same_stamp(&self, other: &Place) -> bool {
        self.region == other.region && self.stamp == other.stamp
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/stamp{}", self.region, self.stamp)
    }
}
