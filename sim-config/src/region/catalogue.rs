//! The regions that dedicated HSMs are deployed in: a table of the program and not a file that is read, as every
//! process that uses a topology looks regions up when it starts.
//!
//! From: Azure Dedicated HSM, deployment architecture; list of Azure regions, March 2025. Coordinates are catalogue
//! points of the cloud's own region list, not addresses of data centres; those of the US Gov regions and of
//! Switzerland are approximations. Each region has two stamps, in two data centres or two availability zones; `zones`
//! is given only where the deployment guide names a number. `pair` is the cloud's official pair, which need not be a
//! region of this list. `figures_of` names the public region whose published round trips serve for one that has none.

use super::Cloud::{Public, UsGov};
use super::Region;

#[rustfmt::skip]
pub(super) const REGIONS: &[Region] = &[
    Region { code: "eastus", short: "eus", name: "East US", place: "Virginia", latitude: 37.372, longitude: -79.816, cloud: Public, pair: "West US", stamps: 2, zones: None, figures_of: None },
    Region { code: "eastus2", short: "eus2", name: "East US 2", place: "Virginia", latitude: 36.668, longitude: -78.389, cloud: Public, pair: "Central US", stamps: 2, zones: Some(2), figures_of: None },
    Region { code: "westus", short: "wus", name: "West US", place: "California", latitude: 37.783, longitude: -122.417, cloud: Public, pair: "East US", stamps: 2, zones: None, figures_of: None },
    Region { code: "westus2", short: "wus2", name: "West US 2", place: "Washington", latitude: 47.233, longitude: -119.852, cloud: Public, pair: "West Central US", stamps: 2, zones: None, figures_of: None },
    Region { code: "canadaeast", short: "cae", name: "Canada East", place: "Quebec", latitude: 46.817, longitude: -71.217, cloud: Public, pair: "Canada Central", stamps: 2, zones: None, figures_of: None },
    Region { code: "canadacentral", short: "cac", name: "Canada Central", place: "Toronto", latitude: 43.653, longitude: -79.383, cloud: Public, pair: "Canada East", stamps: 2, zones: None, figures_of: None },
    Region { code: "southcentralus", short: "scus", name: "South Central US", place: "Texas", latitude: 29.417, longitude: -98.5, cloud: Public, pair: "North Central US", stamps: 2, zones: None, figures_of: None },
    Region { code: "southeastasia", short: "sea", name: "Southeast Asia", place: "Singapore", latitude: 1.283, longitude: 103.833, cloud: Public, pair: "East Asia", stamps: 2, zones: Some(3), figures_of: None },
    Region { code: "centralindia", short: "cin", name: "Central India", place: "Pune", latitude: 18.582, longitude: 73.92, cloud: Public, pair: "South India", stamps: 2, zones: None, figures_of: None },
    Region { code: "southindia", short: "sin", name: "South India", place: "Chennai", latitude: 12.982, longitude: 80.164, cloud: Public, pair: "Central India", stamps: 2, zones: None, figures_of: None },
    Region { code: "japaneast", short: "jpe", name: "Japan East", place: "Tokyo, Saitama", latitude: 35.68, longitude: 139.77, cloud: Public, pair: "Japan West", stamps: 2, zones: None, figures_of: None },
    Region { code: "japanwest", short: "jpw", name: "Japan West", place: "Osaka", latitude: 34.694, longitude: 135.502, cloud: Public, pair: "Japan East", stamps: 2, zones: None, figures_of: None },
    Region { code: "northeurope", short: "neu", name: "North Europe", place: "Ireland", latitude: 53.348, longitude: -6.26, cloud: Public, pair: "West Europe", stamps: 2, zones: None, figures_of: None },
    Region { code: "westeurope", short: "weu", name: "West Europe", place: "Netherlands", latitude: 52.367, longitude: 4.9, cloud: Public, pair: "North Europe", stamps: 2, zones: None, figures_of: None },
    Region { code: "uksouth", short: "uks", name: "UK South", place: "London", latitude: 50.941, longitude: -0.799, cloud: Public, pair: "UK West", stamps: 2, zones: None, figures_of: None },
    Region { code: "ukwest", short: "ukw", name: "UK West", place: "Cardiff", latitude: 53.427, longitude: -3.084, cloud: Public, pair: "UK South", stamps: 2, zones: None, figures_of: None },
    Region { code: "switzerlandnorth", short: "chn", name: "Switzerland North", place: "Zurich", latitude: 47.45, longitude: 8.56, cloud: Public, pair: "Switzerland West", stamps: 2, zones: None, figures_of: None },
    Region { code: "switzerlandwest", short: "chw", name: "Switzerland West", place: "Geneva", latitude: 46.2, longitude: 6.14, cloud: Public, pair: "Switzerland North", stamps: 2, zones: None, figures_of: None },
    Region { code: "usgovvirginia", short: "ugv", name: "US Gov Virginia", place: "Virginia", latitude: 37.37, longitude: -79.82, cloud: UsGov, pair: "US Gov Texas", stamps: 2, zones: None, figures_of: Some("eastus") },
    Region { code: "usgovtexas", short: "ugt", name: "US Gov Texas", place: "Texas", latitude: 29.42, longitude: -98.5, cloud: UsGov, pair: "US Gov Virginia", stamps: 2, zones: None, figures_of: Some("southcentralus") },
];
