//! Freezing a selector: which devices "the busiest member" was when the fault was set.

use super::Fault;
use super::target::{LinkEnd, Target};
use crate::error::ConfigError;
use crate::topology::{DeviceId, Topology};

impl Fault {
    /// The same fault by names alone: one for each device that a selector picks. A fault that names
    /// devices or places already stays as it is.
    ///
    /// # Errors
    /// As [`Fault::check`].
    pub fn resolved(
        &self,
        topology: &Topology,
        mut busiest: impl FnMut(&[DeviceId]) -> usize,
    ) -> Result<Vec<Fault>, ConfigError> {
        self.check(topology)?;
        let targets = match &self.target {
            Target::Members(selector) => {
                let devices = selector.devices(topology, &mut busiest)?;
                devices.into_iter().map(Target::Device).collect()
            }
            Target::Link { from, to } => {
                let from = from.resolved(topology, &mut busiest)?;
                let to = match to {
                    Some(end) => {
                        end.resolved(topology, &mut busiest)?.into_iter().map(Some).collect()
                    }
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

impl LinkEnd {
    fn resolved(
        &self,
        topology: &Topology,
        busiest: &mut dyn FnMut(&[DeviceId]) -> usize,
    ) -> Result<Vec<LinkEnd>, ConfigError> {
        Ok(match self {
            LinkEnd::Members(selector) => {
                let devices = selector.devices(topology, busiest)?;
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
    }
}
