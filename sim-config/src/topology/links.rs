//! Links: which round trip applies between two places, and how it varies.
//!
//! Asked in this order: an override of the file that fits both ends (the last one wins); the stamp
//! and region defaults inside a region; between regions the published table, the stand-ins' table,
//! and at last the estimate by distance.

use std::fmt;
use std::time::Duration;

use super::Topology;
use crate::place::Place;
use crate::region::{RegionCode, RegionRoundTrip, region_round_trip};

/// How the delay of one message varies around a link's one-way delay `d`. Each direction draws by
/// itself; a draw is never below zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jitter {
    /// Every message takes exactly `d`.
    None,
    /// `d` plus a part drawn evenly from 0 to `spread`.
    Uniform {
        /// The most that is added.
        spread: Duration,
    },
    /// Normal around `d` with this standard deviation.
    Normal {
        /// Standard deviation.
        sd: Duration,
    },
    /// Log-normal with median `d`: a long tail of late messages and none that are much too early.
    LogNormal {
        /// The 99th percentile divided by the median; above 1.
        p99_over_p50: f64,
    },
}

impl Jitter {
    /// The σ of a log-normal distribution whose 99th percentile is `p99_over_p50` medians: the
    /// 99 % quantile of the standard normal distribution is 2.3263.
    pub fn log_normal_sigma(p99_over_p50: f64) -> f64 {
        p99_over_p50.ln() / 2.326_347_874_040_841
    }
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::duration::format_duration as time;
        match self {
            Jitter::None => f.write_str("none"),
            Jitter::Uniform { spread } => write!(f, "uniform up to {}", time(*spread)),
            Jitter::Normal { sd } => write!(f, "normal, sd {}", time(*sd)),
            Jitter::LogNormal { p99_over_p50 } => {
                write!(f, "log-normal, p99 = {p99_over_p50} × median")
            }
        }
    }
}

/// Round trip and jitter of a class of links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkTiming {
    /// The round trip; half of it each way.
    pub rtt: Duration,
    /// How each way varies.
    pub jitter: Jitter,
}

/// All places of a region, or one stamp of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlacePattern {
    /// The region.
    pub region: RegionCode,
    /// The stamp, or every stamp.
    pub stamp: Option<u8>,
}

impl PlacePattern {
    /// Whether the place is one of those meant.
    pub fn fits(&self, place: Place) -> bool {
        self.region == place.region && self.stamp.is_none_or(|s| s == place.stamp)
    }
}

impl fmt::Display for PlacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stamp {
            Some(stamp) => write!(f, "{}/stamp{stamp}", self.region),
            None => write!(f, "{}", self.region),
        }
    }
}

/// A `[[link]]` of the file: other figures for one pair of places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkOverride {
    /// Where messages start.
    pub from: PlacePattern,
    /// Where they arrive.
    pub to: PlacePattern,
    /// Whether the way back has the same figures (the default) or keeps its own.
    pub both_ways: bool,
    /// The round trip, if it is another; half of it each way that the override covers.
    pub rtt: Option<Duration>,
    /// The jitter, if it is another.
    pub jitter: Option<Jitter>,
}

impl LinkOverride {
    fn covers(&self, from: Place, to: Place) -> bool {
        (self.from.fits(from) && self.to.fits(to))
            || (self.both_ways && self.from.fits(to) && self.to.fits(from))
    }
}

/// Every rule that decides what a link takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Links {
    /// Both ends in one stamp: 0.9 ms.
    pub same_stamp: LinkTiming,
    /// Both ends in one region, different stamps: 1.55 ms.
    pub same_region: LinkTiming,
    /// Jitter between regions.
    pub cross_region_jitter: Jitter,
    /// A fixed round trip for all pairs of regions, in place of the table; none.
    pub cross_region_rtt: Option<Duration>,
    /// What the two VPN gateways on the way add to a round trip between regions; none, because the
    /// table holds measured times.
    pub gateway_extra: Duration,
    /// Figures of the file for single pairs of places.
    pub overrides: Vec<LinkOverride>,
}

impl Default for Links {
    /// In-region figures: independent TCP measurements between zones of one region. Jitter: no tails
    /// are published; twice the median inside a region and 1.3 times between regions are
    /// assumptions that a file may replace.
    fn default() -> Self {
        let in_region = Jitter::LogNormal { p99_over_p50: 2.0 };
        Self {
            same_stamp: LinkTiming { rtt: Duration::from_micros(900), jitter: in_region },
            same_region: LinkTiming { rtt: Duration::from_micros(1550), jitter: in_region },
            cross_region_jitter: Jitter::LogNormal { p99_over_p50: 1.3 },
            cross_region_rtt: None,
            gateway_extra: Duration::ZERO,
            overrides: Vec::new(),
        }
    }
}

/// Where a round trip's figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoundTripSource {
    /// The topology's default for the same stamp or the same region.
    Default,
    /// The published table.
    Table,
    /// The published table, read for the regions that stand in for these.
    StandIn,
    /// The topology file.
    File,
    /// The estimate by great-circle distance.
    Estimate,
}

impl fmt::Display for RoundTripSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            RoundTripSource::Default => "default",
            RoundTripSource::Table => "table",
            RoundTripSource::StandIn => "stand-in",
            RoundTripSource::File => "file",
            RoundTripSource::Estimate => "estimate",
        })
    }
}

/// What a request and its answer take between two places, before jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTrip {
    /// There and back.
    pub rtt: Duration,
    /// There, and back: each half of what its own direction is published with.
    pub one_way: [Duration; 2],
    /// How each way varies, there and back.
    pub jitter: [Jitter; 2],
    /// Where the figure of the way there comes from.
    pub source: RoundTripSource,
}

impl Topology {
    /// The link between two places: the request goes from `from` to `to`, the answer back.
    pub fn round_trip(&self, from: Place, to: Place) -> RoundTrip {
        let (there, jitter_there, source) = self.links.one_way(from, to);
        let (back, jitter_back, _) = self.links.one_way(to, from);
        RoundTrip {
            rtt: there + back,
            one_way: [there, back],
            jitter: [jitter_there, jitter_back],
            source,
        }
    }
}

impl Links {
    /// Delay, jitter and source of the one direction.
    fn one_way(&self, from: Place, to: Place) -> (Duration, Jitter, RoundTripSource) {
        let (mut rtt, mut jitter, mut source) = self.without_overrides(from, to);
        for rule in self.overrides.iter().filter(|rule| rule.covers(from, to)) {
            if let Some(other) = rule.rtt {
                (rtt, source) = (other, RoundTripSource::File);
            }
            jitter = rule.jitter.unwrap_or(jitter);
        }
        (rtt / 2, jitter, source)
    }

    fn without_overrides(&self, from: Place, to: Place) -> (Duration, Jitter, RoundTripSource) {
        if from.same_stamp(&to) {
            return (self.same_stamp.rtt, self.same_stamp.jitter, RoundTripSource::Default);
        }
        if from.region == to.region {
            return (self.same_region.rtt, self.same_region.jitter, RoundTripSource::Default);
        }
        let (rtt, source) = match self.cross_region_rtt {
            Some(fixed) => (fixed, RoundTripSource::File),
            None => match region_round_trip(from.region, to.region) {
                RegionRoundTrip::Published(rtt) => (rtt, RoundTripSource::Table),
                RegionRoundTrip::StandIn(rtt) => (rtt, RoundTripSource::StandIn),
                RegionRoundTrip::Estimated(rtt) => (rtt, RoundTripSource::Estimate),
            },
        };
        (rtt + self.gateway_extra, self.cross_region_jitter, source)
    }
}
