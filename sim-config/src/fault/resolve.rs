//! Freezing a selector: which devices "the busiest member" was when the fault was set.

use super::Fault;
use super::target::{ByLoad, Choose, LinkEnd, Pick, Selector, Target};
use crate::error::ConfigError;
use crate::topology::{DeviceId, Topology};

impl Fault {
    /// The same fault by names alone: one for each device that a selector picks. A fault that names
    /// devices or places already stays as it is, and so does one that strikes members together, unless
    /// load decides which.
    ///
    /// # Errors
    /// As [`Fault::check`].
    pub fn resolved(
        &self,
        topology: &Topology,
        busiest: impl FnMut(&[DeviceId]) -> usize,
    ) -> Result<Vec<Fault>, ConfigError> {
        self.resolved_by(topology, &mut ByLoad(busiest))
    }

    /// The same, where chance decides too: [`Fault::resolved`] takes the last members of "one of
    /// them", always.
    ///
    /// # Errors
    /// As [`Fault::check`].
    pub fn resolved_by(
        &self,
        topology: &Topology,
        choose: &mut dyn Choose,
    ) -> Result<Vec<Fault>, ConfigError> {
        self.check(topology)?;
        let targets = match &self.target {
            Target::Members(selector)
                if self.spec.id == "device.swizzle" && selector.pick.is_by_role() =>
            {
                vec![self.target.clone()]
            }
            Target::Members(selector) => {
                let devices = selector.devices(topology, choose)?;
                devices.into_iter().map(Target::Device).collect()
            }
            Target::Link { from, to } => {
                let from = from.resolved(topology, choose)?;
                let to = match to {
                    Some(end) => end.resolved(topology, choose)?.into_iter().map(Some).collect(),
                    None => vec![None],
                };
                let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
                pairs
                    .map(|(from, to)| Target::Link { from: from.clone(), to: to.clone() })
                    .collect()
            }
            named @ (Target::Device(_) | Target::Place(_)) => vec![named.clone()],
        };
        Ok(targets.into_iter().map(|target| Fault { target, ..self.clone() }).collect())
    }
}

impl Fault {
    /// What load or chance will decide only when the fault is set, in words; `None` if nothing.
    ///
    /// # Errors
    /// As [`Fault::check`].
    pub fn leaves_open(&self, topology: &Topology) -> Result<Option<String>, ConfigError> {
        let selectors: Vec<&Selector> = match &self.target {
            Target::Members(selector) => vec![selector],
            Target::Link { from, to } => [Some(from), to.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(|end| match end {
                    LinkEnd::Members(selector) => Some(selector),
                    _ => None,
                })
                .collect(),
            Target::Device(_) | Target::Place(_) => Vec::new(),
        };
        let mut open = Vec::new();
        for selector in selectors {
            let candidates = selector.candidates(topology)?;
            let count = selector.devices(topology, &mut ByLoad(|_: &[DeviceId]| 0))?.len();
            if count < candidates.len() {
                let names: Vec<&str> = candidates.iter().map(DeviceId::as_str).collect();
                let how = if selector.pick == Pick::Busiest { "the busiest" } else { "by chance" };
                open.push(format!("{count} of {} ({how})", names.join(", ")));
            }
        }
        Ok((!open.is_empty()).then(|| open.join(" and ")))
    }
}

impl LinkEnd {
    fn resolved(
        &self,
        topology: &Topology,
        choose: &mut dyn Choose,
    ) -> Result<Vec<LinkEnd>, ConfigError> {
        Ok(match self {
            LinkEnd::Members(selector) => {
                let devices = selector.devices(topology, choose)?;
                devices.into_iter().map(LinkEnd::Device).collect()
            }
            named => vec![named.clone()],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let topology = Topology::shipped("ha-dr").unwrap();
        let fault: Fault = text.parse().unwrap();
        let resolved = fault.resolved(&topology, |candidates| candidates.len() - 1).unwrap();
        resolved.iter().map(|fault| fault.target.to_string()).collect()
    }

    #[test]
    fn a_selector_becomes_names() {
        assert_eq!(names("device.power_loss /busiest"), ["hsm-eus-2"]);
        assert_eq!(names("device.power_loss /all").len(), 4);
        assert_eq!(names("link.cut client:/primary"), ["client:hsm-eus-1"]);
        assert_eq!(names("region.loss eastus"), ["eastus"]);
        assert_eq!(names("device.swizzle /all count=2 interval=9s"), ["/all"]);
        assert_eq!(names("device.swizzle /busiest count=1 interval=9s"), ["hsm-eus-2"]);
    }

    /// Draws the first or the last of those it is asked about.
    struct Fixed(bool);

    impl Choose for Fixed {
        fn busiest(&mut self, _candidates: &[DeviceId]) -> usize {
            0
        }

        fn draw(&mut self, of: usize) -> usize {
            if self.0 { 0 } else { of - 1 }
        }
    }

    #[test]
    fn chance_takes_so_many_members_in_the_order_of_their_group() {
        let topology = Topology::shipped("ha-dr").unwrap();
        let drawn = |text: &str, first: bool| -> Result<Vec<String>, ConfigError> {
            let fault: Fault = text.parse()?;
            let resolved = fault.resolved_by(&topology, &mut Fixed(first))?;
            Ok(resolved.iter().map(|fault| fault.target.to_string()).collect())
        };
        for (pick, count) in [("one", 1), ("2", 2), ("50%", 2), ("51%", 3), ("1%", 1), ("4", 4)] {
            assert_eq!(
                drawn(&format!("device.hang /{pick}"), false).unwrap().len(),
                count,
                "{pick}"
            );
        }
        assert_eq!(drawn("device.hang /majority", false).unwrap().len(), 3);
        assert_eq!(drawn("device.hang /minority", false).unwrap(), ["hsm-eus-1"]);
        assert_ne!(drawn("device.hang /one", true), drawn("device.hang /one", false));
        assert_eq!(drawn("device.hang /2@eastus", true).unwrap(), ["hsm-eus-1", "hsm-eus-2"]);
        for refused in ["device.hang /5", "device.hang /minority@eastus", "device.hang /0"] {
            assert!(drawn(refused, true).is_err(), "{refused}");
        }
    }
}
