//! Faults from words, and faults against a topology.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::Fault;
use super::spec::{ERROR_CODES, FaultSpec, ParamKind, ParamValue, TargetKind};
use super::table::{FAULTS, fault_spec};
use super::target::{
    ByLoad, Choose, Direction, EndSet, LinkEnd, Pick, Selector, Strikes, StruckLinks, Target,
    known_device,
};
use crate::duration::parse_duration;
use crate::error::{ConfigError, nearest, suggestion};
use crate::region::RegionCode;
use crate::topology::{DeviceId, PlacePattern, Topology};

/// Parameters that describe another one, and that one.
const COMPANIONS: [(&str, &str); 3] =
    [("distribution", "spread"), ("correlation", "spread"), ("burst", "loss")];

impl Fault {
    /// A fault from the words of a command line: `device.power_loss`, `hsm-eus-1`, 90 s,
    /// `[("boot_time", "30s")]`. Names in the target are compared with a topology only by
    /// [`Fault::strikes`] and [`Fault::check`].
    ///
    /// # Errors
    /// An unknown fault or parameter (with the nearest one), a target of the wrong kind, a wrong
    /// value, or a duration for a fault that does not last.
    pub fn new(
        id: &str,
        target: &str,
        duration: Option<Duration>,
        params: &[(&str, &str)],
    ) -> Result<Self, ConfigError> {
        let spec = known_spec(id)?;
        let target = Target::parse(spec.target, target)?;
        let mut values = BTreeMap::new();
        for (name, text) in params {
            let (name, value) = param(spec, name, text)?;
            if values.insert(name, value).is_some() {
                return Err(ConfigError::new(format!("{id}: \"{name}\" is given twice")));
            }
        }
        Self::assemble(spec, target, duration, values)
    }

    pub(crate) fn assemble(
        spec: &'static FaultSpec,
        target: Target,
        duration: Option<Duration>,
        params: BTreeMap<&'static str, ParamValue>,
    ) -> Result<Self, ConfigError> {
        if duration.is_some() && !spec.lasts {
            let message = format!("{} does not last, so it takes no duration", spec.id);
            return Err(ConfigError::new(message));
        }
        if let Some(p) = spec.params.iter().find(|p| p.required && !params.contains_key(p.name)) {
            let message = format!("{} needs \"{}\": {}", spec.id, p.name, p.help);
            return Err(ConfigError::new(message));
        }
        let alone = |(name, other): &&(&str, &str)| {
            params.contains_key(name) && !params.contains_key(other) && spec.param(other).is_some()
        };
        if let Some((name, other)) = COMPANIONS.iter().find(alone) {
            let message = format!("{}: \"{name}\" says nothing without \"{other}\"", spec.id);
            return Err(ConfigError::new(message));
        }
        target.fits(spec)?;
        Ok(Self { spec, target, duration, params })
    }

    /// Says whether every name in the target exists in the topology.
    ///
    /// # Errors
    /// A device, group or place that the topology does not have, or a selector that picks nobody.
    pub fn check(&self, topology: &Topology) -> Result<(), ConfigError> {
        self.strikes(topology, |_| 0).map(|_| ())
    }

    /// What the fault comes to: devices and directions of links. `busiest` is asked only by targets
    /// that name the busiest member; it is shown the candidates and answers with an index.
    ///
    /// # Errors
    /// As [`Fault::check`].
    pub fn strikes(
        &self,
        topology: &Topology,
        busiest: impl FnMut(&[DeviceId]) -> usize,
    ) -> Result<Strikes, ConfigError> {
        let busiest: &mut dyn Choose = &mut ByLoad(busiest);
        let strikes = match &self.target {
            Target::Device(id) => {
                Ok(Strikes { devices: vec![known_device(topology, id)?], links: Vec::new() })
            }
            Target::Members(selector) => {
                Ok(Strikes { devices: selector.devices(topology, busiest)?, links: Vec::new() })
            }
            Target::Place(place) => strike_place(self, *place, topology),
            Target::Link { from, to } => {
                let from = from.set(topology, busiest)?;
                let to = match to {
                    Some(end) => end.set(topology, busiest)?,
                    None => EndSet::Any,
                };
                Ok(Strikes { devices: Vec::new(), links: directions(from, to, self.direction()) })
            }
        }?;
        let (wanted, there) = (self.count_param("count").unwrap_or(0), strikes.devices.len());
        if wanted > there as u64 {
            let message = format!("{self}: \"count\" is more than the {there} devices it strikes");
            return Err(ConfigError::new(message));
        }
        Ok(strikes)
    }
}

impl FromStr for Fault {
    type Err = ConfigError;

    /// Reads the text form: id, target, then `name=value` words, `for` among them.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut words = text.split_whitespace();
        let (Some(id), Some(target)) = (words.next(), words.next()) else {
            return Err(ConfigError::new(format!("\"{text}\" is not a fault and its target")));
        };
        let mut duration = None;
        let mut params = Vec::new();
        for word in words {
            match word.split_once('=') {
                Some(("for", value)) => {
                    duration = Some(parse_duration(value).map_err(ConfigError::new)?);
                }
                Some(param) => params.push(param),
                None => {
                    let message = format!("\"{word}\" is not of the form name=value");
                    return Err(ConfigError::new(message));
                }
            }
        }
        Self::new(id, target, duration, &params)
    }
}

/// The row of the table, or an error with the nearest id.
pub(crate) fn known_spec(id: &str) -> Result<&'static FaultSpec, ConfigError> {
    fault_spec(id).ok_or_else(|| {
        let hint = suggestion(id, FAULTS.iter().map(|f| f.id));
        ConfigError::new(format!("there is no fault \"{id}\"; {hint}"))
    })
}

/// A parameter of the fault from its text.
pub(crate) fn param(
    spec: &'static FaultSpec,
    name: &str,
    text: &str,
) -> Result<(&'static str, ParamValue), ConfigError> {
    let Some(known) = spec.param(name) else {
        let names = ["for"].into_iter().chain(spec.params.iter().map(|p| p.name));
        let hint = suggestion(name, names);
        return Err(ConfigError::new(format!("{} has no \"{name}\"; {hint}", spec.id)));
    };
    let value = match known.kind {
        ParamKind::Duration => {
            ParamValue::Duration(parse_duration(text).map_err(ConfigError::new)?)
        }
        ParamKind::Direction => ParamValue::Direction(word(text, &Direction::ALL, "direction")?),
        ParamKind::Probability => ParamValue::Probability(probability(name, text.parse().ok())?),
        ParamKind::Count => ParamValue::Count(text.parse().map_err(|_| {
            ConfigError::new(format!("\"{name}\" must be a whole number, not \"{text}\""))
        })?),
        ParamKind::Code => ParamValue::Code(word(text, &ERROR_CODES, "code")?),
        ParamKind::Word(words) => ParamValue::Word(word(text, &pairs(words), name)?),
        ParamKind::Mechanisms => ParamValue::Mechanisms(mechanisms(name, text)?),
    };
    Ok((known.name, value))
}

/// Words as readers of words want them.
pub(crate) fn pairs(words: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    words.iter().map(|word| (*word, *word)).collect()
}

fn word<T: Copy>(text: &str, words: &[(&str, T)], what: &str) -> Result<T, ConfigError> {
    words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let hint = suggestion(text, words.iter().map(|(name, _)| *name));
        ConfigError::new(format!("there is no {what} \"{text}\"; {hint}"))
    })
}

impl Target {
    /// A target of the given kind from its text.
    ///
    /// # Errors
    /// The text names something of another kind.
    pub fn parse(kind: TargetKind, text: &str) -> Result<Self, ConfigError> {
        if kind == TargetKind::Link {
            let (from, to) = match text.split_once(':') {
                Some((from, to)) => (from, Some(LinkEnd::parse(to)?)),
                None => (text, None),
            };
            return Ok(Target::Link { from: LinkEnd::parse(from)?, to });
        }
        Ok(match LinkEnd::parse(text)? {
            LinkEnd::Device(id) => Target::Device(id),
            LinkEnd::Members(selector) => Target::Members(selector),
            LinkEnd::Place(place) => Target::Place(place),
            LinkEnd::Client => {
                let message = format!("\"client\" is an end of a link, not a {kind}");
                return Err(ConfigError::new(message));
            }
        })
    }

    /// Whether this is a target that the fault can strike.
    pub(crate) fn fits(&self, spec: &FaultSpec) -> Result<(), ConfigError> {
        let fits = match (spec.target, self) {
            (TargetKind::Device, Target::Device(_) | Target::Members(_)) => true,
            (TargetKind::Stamp, Target::Place(place)) => place.stamp.is_some(),
            (TargetKind::Region, Target::Place(place)) => place.stamp.is_none(),
            (TargetKind::Link, Target::Link { .. }) => true,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let example = match spec.target {
            TargetKind::Device => "hsm-eus-1 or hsmsim-0/busiest",
            TargetKind::Link => "client:hsm-eus-1 or eastus:eastus2",
            TargetKind::Stamp => "eastus/stamp1",
            TargetKind::Region => "eastus",
        };
        let mut message =
            format!("{} strikes a {}, for example {example}, not \"{self}\"", spec.id, spec.target);
        // A misspelt region reads as the name of a device.
        if let Target::Device(name) = self
            && let Some(near) = nearest(name.as_str(), RegionCode::all().map(RegionCode::as_str))
        {
            message += &format!("; did you mean \"{near}\"?");
        }
        Err(ConfigError::new(message))
    }
}

impl LinkEnd {
    /// An end from its text; the forms are in the header of `target.rs`.
    ///
    /// # Errors
    /// An unknown pick or a malformed stamp.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.is_empty() || text.contains([':', '=', ' ']) {
            return Err(ConfigError::new(format!("\"{text}\" is not the name of a target")));
        }
        if text == "client" {
            return Ok(LinkEnd::Client);
        }
        let Some((before, after)) = text.split_once('/') else {
            return Ok(match RegionCode::find(text) {
                Some(region) => LinkEnd::Place(PlacePattern { region, stamp: None }),
                None => LinkEnd::Device(DeviceId::new(text)),
            });
        };
        if let Some(region) = RegionCode::find(before) {
            return Ok(LinkEnd::Place(PlacePattern { region, stamp: Some(stamp(region, after)?) }));
        }
        let (pick, region) = match after.split_once('@') {
            Some((pick, region)) => (pick, Some(region.parse()?)),
            None => (after, None),
        };
        let group = (!before.is_empty()).then(|| before.to_owned());
        Ok(LinkEnd::Members(Selector { group, region, pick: Pick::parse(pick)? }))
    }
}

impl PlacePattern {
    /// A region or a stamp of it from its text: `eastus`, `eastus/stamp1`.
    ///
    /// # Errors
    /// An unknown region, or a stamp that it does not have.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        match text.split_once('/') {
            None => Ok(PlacePattern { region: text.parse()?, stamp: None }),
            Some((region, after)) => {
                let region = region.parse()?;
                Ok(PlacePattern { region, stamp: Some(stamp(region, after)?) })
            }
        }
    }
}

fn stamp(region: RegionCode, text: &str) -> Result<u8, ConfigError> {
    let stamps = region.region().stamps;
    text.strip_prefix("stamp")
        .and_then(|n| n.parse().ok())
        .filter(|n| (1..=stamps).contains(n))
        .ok_or_else(|| {
            ConfigError::new(format!(
                "{region} has no \"{text}\"; its stamps are stamp1 to stamp{stamps}"
            ))
        })
}

/// Names of mechanisms, with commas between them. Whether there are such is the cluster's to say.
pub(crate) fn mechanisms(name: &str, text: &str) -> Result<Vec<String>, ConfigError> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !name.starts_with("CKM_") || name.contains(' ')) {
        None => Ok(names),
        Some(other) => Err(ConfigError::new(format!(
            "\"{name}\" takes names of mechanisms with commas between them, not \"{other}\""
        ))),
    }
}

/// A number from 0 to 1.
pub(crate) fn probability(name: &str, value: Option<f64>) -> Result<f64, ConfigError> {
    let value = value.filter(|p| (0.0..=1.0).contains(p));
    value.ok_or_else(|| ConfigError::new(format!("\"{name}\" must be a number from 0 to 1")))
}

fn strike_place(
    fault: &Fault,
    place: PlacePattern,
    topology: &Topology,
) -> Result<Strikes, ConfigError> {
    let devices: Vec<DeviceId> =
        topology.devices.iter().filter(|d| place.fits(d.place)).map(|d| d.id.clone()).collect();
    if devices.is_empty() {
        let message = format!("topology {} has no device in {place}", topology.name);
        return Err(ConfigError::new(message));
    }
    let inside = EndSet::Inside(place);
    let outside = EndSet::Outside(place.region);
    Ok(match fault.spec.id {
        "region.brownout" => {
            Strikes { devices: Vec::new(), links: directions(inside, EndSet::Any, Direction::Both) }
        }
        "region.isolate" => {
            Strikes { devices: Vec::new(), links: directions(inside, outside, Direction::Both) }
        }
        _ if fault.word_param("links") == Some("lost") => {
            Strikes { devices, links: directions(inside, outside, Direction::Both) }
        }
        _ => Strikes { devices, links: Vec::new() },
    })
}

fn directions(from: EndSet, to: EndSet, direction: Direction) -> Vec<StruckLinks> {
    let there = StruckLinks { from: from.clone(), to: to.clone() };
    let back = StruckLinks { from: to, to: from };
    match direction {
        Direction::Both => vec![there, back],
        Direction::There => vec![there],
        Direction::Back => vec![back],
    }
}
