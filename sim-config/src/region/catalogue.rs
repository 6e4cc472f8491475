//! Reads `regions/catalogue.toml`, once.

use std::sync::LazyLock;

use super::{Cloud, Region};
use crate::error::ConfigError;
use crate::source::{Source, Table};

const TEXT: &str = include_str!("../../regions/catalogue.toml");

/// The regions in the order of the file.
///
/// The text is part of the program and a test reads it, so a damaged one cannot reach a user; the
/// list is empty then, and every region unknown.
static REGIONS: LazyLock<Vec<Region>> = LazyLock::new(|| parse(TEXT).unwrap_or_default());

pub(super) fn regions() -> &'static [Region] {
    &REGIONS
}

pub(super) fn parse(text: &str) -> Result<Vec<Region>, ConfigError> {
    Source::new("regions/catalogue.toml", text).read(|root| {
        root.known(&["source", "region"])?;
        root.tables("region")?.iter().map(region).collect()
    })
}

fn region(table: &Table<'_>) -> Result<Region, ConfigError> {
    table.known(&[
        "code",
        "short",
        "name",
        "place",
        "lat",
        "lon",
        "cloud",
        "pair",
        "stamps",
        "zones",
        "figures_of",
    ])?;
    Ok(Region {
        code: table.required("code", |v| v.string())?,
        short: table.required("short", |v| v.string())?,
        name: table.required("name", |v| v.string())?,
        place: table.required("place", |v| v.string())?,
        latitude: table.required("lat", |v| v.float())?,
        longitude: table.required("lon", |v| v.float())?,
        cloud: table.required("cloud", |v| {
            v.one_of(&[("public", Cloud::Public), ("usgov", Cloud::UsGov)])
        })?,
        pair: table.required("pair", |v| v.string())?,
        stamps: table.required("stamps", |v| v.strings())?.len() as u8,
        zones: table.optional("zones", |v| v.integer(1..=9))?,
        figures_of: table.optional("figures_of", |v| v.string())?,
    })
}
