//! What a selector leaves open, decided when its fault is set: by load, and by chance from the seed.

use std::sync::Arc;

use hsmsim_cluster::Cluster;
use hsmsim_network::{SimRng, stream};
use hsmsim_sim_config::{Choose, DeviceId};

/// Decides for one run.
pub(crate) struct Chooser {
    cluster: Arc<Cluster>,
    /// Requests that each device had answered before the run.
    served_before: Vec<u64>,
    chance: SimRng,
}

impl Chooser {
    /// Of a run that begins now.
    pub(crate) fn new(cluster: &Arc<Cluster>, seed: u64) -> Self {
        let served_before =
            (0..cluster.devices().len()).map(|index| cluster.served(index)).collect();
        let chance = stream(seed, "targets");
        Self { cluster: Arc::clone(cluster), served_before, chance }
    }
}

impl Choose for Chooser {
    /// The device that has answered most requests since the run began; of equals the first.
    fn busiest(&mut self, candidates: &[DeviceId]) -> usize {
        let answered = |id: &DeviceId| {
            self.cluster.topology().device_index(id).map_or(0, |index| {
                let before = self.served_before.get(index).copied().unwrap_or(0);
                self.cluster.served(index).saturating_sub(before)
            })
        };
        (0..candidates.len()).rev().max_by_key(|&index| answered(&candidates[index])).unwrap_or(0)
    }

    fn draw(&mut self, of: usize) -> usize {
        self.chance.below(of as u64) as usize
    }
}
