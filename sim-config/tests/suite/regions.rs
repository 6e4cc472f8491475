//! The catalogue and the round-trip table against what is published.

use std::collections::BTreeSet;
use std::time::Duration;

use hsmsim_sim_config::region::{RegionRoundTrip, region_round_trip};
use hsmsim_sim_config::{Cloud, RegionCode};

fn region(word: &str) -> RegionCode {
    word.parse().unwrap_or_else(|e| panic!("{e}"))
}

fn public() -> Vec<RegionCode> {
    RegionCode::all().filter(|r| r.region().cloud == Cloud::Public).collect()
}

/// Published milliseconds of an ordered pair.
fn published(from: &str, to: &str) -> u128 {
    match region_round_trip(region(from), region(to)) {
        RegionRoundTrip::Published(rtt) => rtt.as_millis(),
        other => panic!("{from} to {to}: {other:?}"),
    }
}

fn pairs() -> Vec<(RegionCode, RegionCode, f64)> {
    let mut pairs = Vec::new();
    for from in public() {
        for to in public().into_iter().filter(|to| *to != from) {
            match region_round_trip(from, to) {
                RegionRoundTrip::Published(rtt) => pairs.push((from, to, rtt.as_secs_f64() * 1e3)),
                other => panic!("{from} to {to}: {other:?}"),
            }
        }
    }
    pairs
}

#[test]
fn all_twenty_regions_of_the_deployment_guide_are_there() {
    let names: BTreeSet<&str> = RegionCode::all().map(|r| r.region().name).collect();
    let guide = [
        "East US",
        "East US 2",
        "West US",
        "West US 2",
        "Canada East",
        "Canada Central",
        "South Central US",
        "Southeast Asia",
        "Central India",
        "South India",
        "Japan East",
        "Japan West",
        "North Europe",
        "West Europe",
        "UK South",
        "UK West",
        "Switzerland North",
        "Switzerland West",
        "US Gov Virginia",
        "US Gov Texas",
    ];
    assert_eq!(names, BTreeSet::from(guide));
    let keys: BTreeSet<&str> = RegionCode::all().flat_map(|r| [r.as_str(), r.short()]).collect();
    assert_eq!(keys.len(), 40, "codes and short keys are all different");
    for r in RegionCode::all() {
        assert_eq!(r.region().stamps, 2, "{r}");
        assert_eq!(region(r.short()), r);
        assert!((-90.0..=90.0).contains(&r.region().latitude), "{r}");
        assert!((-180.0..=180.0).contains(&r.region().longitude), "{r}");
    }
    let zones: Vec<_> =
        RegionCode::all().filter_map(|r| Some((r.as_str(), r.region().zones?))).collect();
    assert_eq!(zones, [("eastus2", 2), ("southeastasia", 3)]);
    let gov: Vec<_> = RegionCode::all().filter(|r| r.region().cloud == Cloud::UsGov).collect();
    assert_eq!(gov, [region("usgovvirginia"), region("usgovtexas")]);
}

#[test]
fn pairs_that_lie_in_the_catalogue_are_mutual() {
    for r in RegionCode::all() {
        let pair = RegionCode::all().find(|o| o.region().name == r.region().pair);
        if let Some(pair) = pair {
            assert_eq!(pair.region().pair, r.region().name);
            assert_eq!(pair.region().cloud, r.region().cloud);
        }
    }
    assert_eq!(region("uksouth").region().pair, "UK West");
}

#[test]
fn an_unknown_region_is_refused_with_the_nearest() {
    let error = "westeurop".parse::<RegionCode>().expect_err("no such region");
    assert_eq!(error.to_string(), "there is no region \"westeurop\"; did you mean \"westeurope\"?");
}

#[test]
fn all_306_ordered_pairs_are_published() {
    assert_eq!(pairs().len(), 306);
}

#[test]
fn figures_are_the_published_ones() {
    let spots = [
        ("eastus", "eastus2", 9),
        ("eastus2", "eastus", 10),
        ("westus", "westus2", 24),
        ("westus2", "westus", 25),
        ("eastus", "westus", 71),
        ("westus", "eastus", 74),
        ("uksouth", "ukwest", 8),
        ("ukwest", "uksouth", 7),
        ("switzerlandnorth", "switzerlandwest", 8),
        ("japaneast", "japanwest", 11),
        ("canadacentral", "canadaeast", 15),
        ("northeurope", "westeurope", 19),
        ("centralindia", "southindia", 24),
        ("southindia", "canadaeast", 242),
        ("southeastasia", "southindia", 36),
        ("switzerlandnorth", "japanwest", 263),
        ("japanwest", "switzerlandnorth", 262),
        ("switzerlandwest", "ukwest", 21),
        ("southcentralus", "westus2", 48),
    ];
    for (from, to, ms) in spots {
        assert_eq!(published(from, to), ms, "{from} to {to}");
    }
    let mean = pairs().iter().map(|p| p.2).sum::<f64>() / 306.0;
    assert!((mean - 126.59).abs() < 0.01, "mean {mean}");
    let most = pairs().into_iter().map(|(.., ms)| ms).fold(0.0, f64::max);
    assert_eq!(most, 263.0);
    let least = pairs().into_iter().map(|(.., ms)| ms).fold(f64::MAX, f64::min);
    assert_eq!(least, 7.0);
}

/// Sums of the published rows: a slip in any cell shows.
#[test]
fn rows_add_up_to_the_published_sums() {
    let sums = [
        ("eastus", 1747),
        ("eastus2", 1792),
        ("westus", 2087),
        ("westus2", 2058),
        ("southcentralus", 1909),
        ("canadacentral", 1809),
        ("canadaeast", 1946),
        ("southeastasia", 2833),
        ("centralindia", 2649),
        ("southindia", 2778),
        ("japaneast", 2804),
        ("japanwest", 2904),
        ("northeurope", 1939),
        ("westeurope", 1872),
        ("uksouth", 1804),
        ("ukwest", 1856),
        ("switzerlandnorth", 2020),
        ("switzerlandwest", 1930),
    ];
    for (from, sum) in sums {
        let found: f64 = pairs().iter().filter(|p| p.0 == region(from)).map(|p| p.2).sum();
        assert_eq!(found, f64::from(sum), "{from}");
    }
}

#[test]
fn the_two_directions_differ_by_at_most_five_milliseconds() {
    for (from, to, there) in pairs() {
        let back = region_round_trip(to, from).duration().as_secs_f64() * 1e3;
        assert!((there - back).abs() <= 5.0, "{from} to {to}: {there} and {back}");
    }
}

#[test]
fn gov_regions_borrow_the_figures_of_their_neighbours() {
    let (virginia, texas) = (region("usgovvirginia"), region("usgovtexas"));
    let ms = |n| Duration::from_millis(n);
    assert_eq!(region_round_trip(virginia, texas), RegionRoundTrip::StandIn(ms(35)));
    assert_eq!(region_round_trip(texas, virginia), RegionRoundTrip::StandIn(ms(38)));
    assert_eq!(region_round_trip(virginia, region("westus")), RegionRoundTrip::StandIn(ms(71)));
}

#[test]
fn a_pair_without_a_figure_is_estimated_by_distance() {
    // The stand-in of US Gov Virginia is East US itself, so no figure is left for this pair.
    match region_round_trip(region("usgovvirginia"), region("eastus")) {
        RegionRoundTrip::Estimated(rtt) => {
            assert!((12.0..12.1).contains(&(rtt.as_secs_f64() * 1e3)), "{rtt:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// The line of the estimate is the least-squares line through the published pairs, which checks the
/// coordinates and the table against each other.
#[test]
fn the_estimate_is_the_line_that_fits_the_table_best() {
    let points: Vec<(f64, f64)> =
        pairs().into_iter().map(|(a, b, ms)| (distance_km(a, b), ms)).collect();
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (km, ms) = (mean(|p| p.0), mean(|p| p.1));
    let covariance: f64 = points.iter().map(|p| (p.0 - km) * (p.1 - ms)).sum();
    let variance: f64 = points.iter().map(|p| (p.0 - km).powi(2)).sum();
    let slope = covariance / variance;
    assert!((slope - 0.0159).abs() < 0.0002, "slope {slope}");
    assert!((ms - slope * km - 12.0).abs() < 1.0, "base {}", ms - slope * km);
    let mut errors: Vec<f64> = points.iter().map(|p| (12.0 + 0.0159 * p.0 - p.1).abs()).collect();
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    assert!((10.0..14.0).contains(&median), "median error {median}");
}

/// Spherical law of cosines: another formula than the one under test.
fn distance_km(a: RegionCode, b: RegionCode) -> f64 {
    let (a, b) = (a.region(), b.region());
    let (p, q) = (a.latitude.to_radians(), b.latitude.to_radians());
    let l = (b.longitude - a.longitude).to_radians();
    6371.0 * (p.sin() * q.sin() + p.cos() * q.cos() * l.cos()).clamp(-1.0, 1.0).acos()
}
