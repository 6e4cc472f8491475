//! First use: tokens, PINs and cloning domains as the topology says, with no set-up step between a
//! user and the first signature.

use std::sync::Arc;

use hsmsim_partition::api::DomainSeed;
use hsmsim_sim_config::Group;
use hsmsim_types::{Pin, SecretBytes};

use crate::{Cluster, ClusterError};

/// The mark in the state directory that says that this was done.
const DONE: &str = "provisioned";

/// Provisions the state once, under the exclusive lock: of several processes that start at the
/// same time one does it and the others wait.
pub(crate) fn provision(cluster: &Cluster) -> Result<(), ClusterError> {
    if cluster.state.meta(DONE)?.is_some() {
        return Ok(());
    }
    let _alone = cluster.state.exclusive()?;
    if cluster.state.meta(DONE)?.is_some() {
        return Ok(());
    }
    let topology = Arc::clone(cluster.topology());
    for group in topology.groups.iter().filter(|group| topology.is_provisioned(group)) {
        cluster.provision_group(group)?;
    }
    cluster.state.set_meta(DONE, Some(topology.name.as_bytes()))?;
    Ok(())
}

impl Cluster {
    /// Sets up every member of a group with the topology's label and PINs, erasing what was there.
    ///
    /// # Errors
    /// What a partition or its store refuses.
    pub fn provision_group(&self, group: &Group) -> Result<(), ClusterError> {
        let pins = &self.topology().provisioning;
        let pin = |pin: &hsmsim_sim_config::Pin| Pin::new(pin.reveal());
        let (so, officer) = (pin(&pins.so_pin), pin(&pins.user_pin));
        let domain = new_domain()?;
        let now = std::time::Duration::from_nanos(self.clock().unix_now());
        for member in &group.members {
            let partition = self.partition_of(member);
            partition.init_token(&so, group.token_label.as_bytes(), &domain, now)?;
            partition.init_crypto_officer(&so, &officer, now)?;
            if let Some(user) = &pins.crypto_user_pin {
                partition.init_crypto_user(&officer, &pin(user), now)?;
            }
        }
        Ok(())
    }

    /// The partition that a member is.
    pub fn partition_of(
        &self,
        member: &hsmsim_sim_config::Member,
    ) -> &Arc<hsmsim_partition::Partition> {
        let device = self.topology().device_index(&member.device).unwrap_or_default();
        &self.device(device).partitions()[usize::from(member.partition)]
    }
}

/// Key and salt of a new cloning domain.
///
/// # Errors
/// The system gives no random numbers.
pub fn new_domain() -> Result<DomainSeed, ClusterError> {
    let no_entropy = |_| ClusterError::State("the system gives no random numbers".to_owned());
    let mut salt = [0; 16];
    let mut key = vec![0; 32];
    hsmsim_crypto::random::fill(&mut salt).map_err(no_entropy)?;
    hsmsim_crypto::random::fill(&mut key).map_err(no_entropy)?;
    Ok(DomainSeed { salt, key: SecretBytes::new(key) })
}
