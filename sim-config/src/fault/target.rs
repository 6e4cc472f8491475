//! What a fault strikes: names and selectors as they are written, and what they come to in a topology.
//!
//! Written forms: a device `hsm-eus-1`; members of a group `hsmsim-0/busiest`, of the first group
//! `/busiest`, in one region `hsmsim-0/all@eastus`, some of them by chance `/one`, `/2`, `/50%`,
//! `/majority`; a region `eastus`; a stamp `eastus/stamp1`; a link `A:B` whose ends are any of these or
//! `client`, or one end alone for all of its links.

use std::fmt;

use crate::error::{ConfigError, suggestion};
use crate::place::Place;
use crate::region::RegionCode;
use crate::topology::{DeviceId, Group, Member, PlacePattern, Role, Topology};

/// Which way of a link is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    Both,
    /// From the first end to the second.
    There,
    /// From the second end to the first.
    Back,
}

impl Direction {
    /// Every direction under its word.
    pub const ALL: [(&'static str, Direction); 3] =
        [("both", Direction::Both), ("there", Direction::There), ("back", Direction::Back)];
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, d)| d == self).map_or("both", |(word, _)| word);
        f.pad(word)
    }
}

/// Which members of a group are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pick {
    /// The active member with the most calls in flight when the fault strikes.
    Busiest,
    /// The first member.
    Primary,
    /// Every active member.
    Active,
    /// Every standby member.
    Standby,
    /// Every member.
    All,
    /// One member, by chance.
    One,
    /// More than half of the members, by chance.
    Majority,
    /// As many members as may be without being half of them, by chance.
    Minority,
    /// So many members, by chance.
    Count(u16),
    /// So many of a hundred members, rounded up, by chance.
    Percent(u8),
}

impl Pick {
    /// Whether it names the same members whenever it is asked: neither load nor chance decides.
    pub(crate) fn is_by_role(self) -> bool {
        matches!(self, Self::Primary | Self::Active | Self::Standby | Self::All)
    }

    /// Every pick that is a word, under it; numbers (`2`) and parts (`50%`) are the others.
    pub const ALL: [(&'static str, Pick); 8] = [
        ("busiest", Pick::Busiest),
        ("primary", Pick::Primary),
        ("active", Pick::Active),
        ("standby", Pick::Standby),
        ("all", Pick::All),
        ("one", Pick::One),
        ("majority", Pick::Majority),
        ("minority", Pick::Minority),
    ];

    /// A pick from its text: a word, a number of members, or a part of them in percent.
    ///
    /// # Errors
    /// Another word, with the nearest one, or a number that picks nobody.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if let Some((_, pick)) = Self::ALL.iter().find(|(word, _)| *word == text) {
            return Ok(*pick);
        }
        let number = match text.strip_suffix('%') {
            Some(part) => {
                part.trim().parse().ok().filter(|p| (1..=100).contains(p)).map(Pick::Percent)
            }
            None => text.parse().ok().filter(|n| *n > 0).map(Pick::Count),
        };
        number.ok_or_else(|| {
            let hint = suggestion(text, Self::ALL.iter().map(|(word, _)| *word));
            ConfigError::new(format!(
                "there is no pick \"{text}\"; {hint} A number of members (2) or a part of them \
                 (50%) will do too"
            ))
        })
    }

    /// How many of `members` are drawn by chance; `None` if chance has no part in it.
    fn drawn(self, members: usize) -> Option<usize> {
        match self {
            Pick::One => Some(1),
            Pick::Majority => Some(members / 2 + 1),
            Pick::Minority => Some(members.saturating_sub(1) / 2),
            Pick::Count(count) => Some(usize::from(count)),
            Pick::Percent(part) => Some((members * usize::from(part)).div_ceil(100)),
            _ => None,
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pick::Count(count) => write!(f, "{count}"),
            Pick::Percent(part) => write!(f, "{part}%"),
            word => f.pad(Self::ALL.iter().find(|(_, p)| p == word).map_or("all", |(w, _)| w)),
        }
    }
}

/// Decides what a selector leaves open.
pub trait Choose {
    /// The busiest of these devices, as an index.
    fn busiest(&mut self, candidates: &[DeviceId]) -> usize;
    /// One of so many, by chance.
    fn draw(&mut self, of: usize) -> usize;
}

/// Decides by load alone: where chance is asked the first is taken.
pub(crate) struct ByLoad<F>(pub(crate) F);

impl<F: FnMut(&[DeviceId]) -> usize> Choose for ByLoad<F> {
    fn busiest(&mut self, candidates: &[DeviceId]) -> usize {
        (self.0)(candidates)
    }

    fn draw(&mut self, _of: usize) -> usize {
        0
    }
}

/// Members chosen by their part in a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    /// The group's label; the topology's first group when absent.
    pub group: Option<String>,
    /// Only members in this region.
    pub region: Option<RegionCode>,
    /// Which of them.
    pub pick: Pick,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group.as_deref().unwrap_or(""), self.pick)?;
        self.region.iter().try_for_each(|region| write!(f, "@{region}"))
    }
}

/// One end of a struck link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LinkEnd {
    /// Every client.
    Client,
    /// A device.
    Device(DeviceId),
    /// The devices of members of a group.
    Members(Selector),
    /// All clients and devices of a region or stamp.
    Place(PlacePattern),
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkEnd::Client => f.write_str("client"),
            LinkEnd::Device(id) => write!(f, "{id}"),
            LinkEnd::Members(selector) => write!(f, "{selector}"),
            LinkEnd::Place(place) => write!(f, "{place}"),
        }
    }
}

/// What a fault strikes, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A device by name.
    Device(DeviceId),
    /// Devices by their part in a group.
    Members(Selector),
    /// A region, or a stamp of it.
    Place(PlacePattern),
    /// The links between two ends, or all links of one.
    Link {
        /// The first end.
        from: LinkEnd,
        /// The second end; every other end when absent.
        to: Option<LinkEnd>,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Device(id) => write!(f, "{id}"),
            Target::Members(selector) => write!(f, "{selector}"),
            Target::Place(place) => write!(f, "{place}"),
            Target::Link { from, to: Some(to) } => write!(f, "{from}:{to}"),
            Target::Link { from, to: None } => write!(f, "{from}"),
        }
    }
}

/// An end of an actual link: a client, or a device, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The device; `None` for a client.
    pub device: Option<DeviceId>,
    /// Where it stands.
    pub place: Place,
}

/// A set of endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndSet {
    /// Every endpoint.
    Any,
    /// Every client, wherever it stands.
    Clients,
    /// These devices.
    Devices(Vec<DeviceId>),
    /// Everything that stands there.
    Inside(PlacePattern),
    /// Everything that stands elsewhere.
    Outside(RegionCode),
}

impl EndSet {
    fn contains(&self, end: &Endpoint) -> bool {
        match self {
            EndSet::Any => true,
            EndSet::Clients => end.device.is_none(),
            EndSet::Devices(ids) => end.device.as_ref().is_some_and(|id| ids.contains(id)),
            EndSet::Inside(pattern) => pattern.fits(end.place),
            EndSet::Outside(region) => end.place.region != *region,
        }
    }
}

/// A struck direction: messages from one set of endpoints to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StruckLinks {
    /// Where the struck messages start.
    pub from: EndSet,
    /// Where they would arrive.
    pub to: EndSet,
}

/// What a fault comes to in a topology: devices, and directions of links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strikes {
    /// Devices, in the topology's order.
    pub devices: Vec<DeviceId>,
    /// Directions of links. A client's place decides for each process by itself.
    pub links: Vec<StruckLinks>,
}

impl Strikes {
    /// Whether messages from one endpoint to the other are struck.
    pub fn covers_link(&self, from: &Endpoint, to: &Endpoint) -> bool {
        self.links.iter().any(|l| l.from.contains(from) && l.to.contains(to))
    }
}

impl Selector {
    /// The group that is meant.
    pub(crate) fn group_in<'t>(&self, topology: &'t Topology) -> Result<&'t Group, ConfigError> {
        match &self.group {
            None => topology.groups.first().ok_or_else(|| {
                ConfigError::new(format!("topology {} has no group to pick from", topology.name))
            }),
            Some(label) => topology.group(label).ok_or_else(|| {
                let labels = topology.groups.iter().map(|g| g.label.as_str());
                let hint = suggestion(label, labels);
                ConfigError::new(format!("there is no group \"{label}\"; {hint}"))
            }),
        }
    }

    /// The members that load or chance may pick from.
    pub(crate) fn candidates(&self, topology: &Topology) -> Result<Vec<DeviceId>, ConfigError> {
        let group = self.group_in(topology)?;
        let here = |m: &&Member| match self.region {
            Some(region) => topology.place_of(m).is_some_and(|p| p.region == region),
            None => true,
        };
        let wanted = |m: &&Member| match self.pick {
            Pick::Busiest | Pick::Active => m.role == Role::Active,
            Pick::Standby => m.role == Role::Standby,
            Pick::Primary => *m == group.primary(),
            _ => true,
        };
        let members = group.members.iter().filter(here).filter(wanted);
        Ok(members.map(|m| m.device.clone()).collect())
    }

    /// The devices meant; `choose` is asked only where load or chance decides.
    pub(crate) fn devices(
        &self,
        topology: &Topology,
        choose: &mut dyn Choose,
    ) -> Result<Vec<DeviceId>, ConfigError> {
        let group = self.group_in(topology)?;
        let mut devices = self.candidates(topology)?;
        let drawn = self.pick.drawn(devices.len());
        if devices.is_empty() || drawn == Some(0) {
            let message = format!("\"{self}\" picks no member of group {}", group.label);
            return Err(ConfigError::new(message));
        }
        if self.pick == Pick::Busiest {
            let index = choose.busiest(&devices).min(devices.len() - 1);
            devices = vec![devices.swap_remove(index)];
        }
        if let Some(count) = drawn {
            if count > devices.len() {
                let (all, label) = (devices.len(), &group.label);
                let message = format!("\"{self}\" asks for {count} of {all} members of {label}");
                return Err(ConfigError::new(message));
            }
            // What is left over goes; the rest stays in the group's order.
            while devices.len() > count {
                let index = choose.draw(devices.len()).min(devices.len() - 1);
                devices.remove(index);
            }
        }
        Ok(devices)
    }
}

impl LinkEnd {
    pub(crate) fn set(
        &self,
        topology: &Topology,
        choose: &mut dyn Choose,
    ) -> Result<EndSet, ConfigError> {
        Ok(match self {
            LinkEnd::Client => EndSet::Clients,
            LinkEnd::Device(id) => EndSet::Devices(vec![known_device(topology, id)?]),
            LinkEnd::Members(selector) => EndSet::Devices(selector.devices(topology, choose)?),
            LinkEnd::Place(place) => EndSet::Inside(*place),
        })
    }
}

pub(crate) fn known_device(topology: &Topology, id: &DeviceId) -> Result<DeviceId, ConfigError> {
    if topology.device(id).is_some() {
        return Ok(id.clone());
    }
    let names = topology.devices.iter().map(|d| d.id.as_str());
    let hint = suggestion(id.as_str(), names);
    let message = format!("topology {} has no device \"{id}\"; {hint}", topology.name);
    Err(ConfigError::new(message))
}
