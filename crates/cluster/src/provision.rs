//! First use: tokens, PINs and cloning domains as the topology says, with no set-up step between a
//! user and the first signature.

use std::sync::Arc;

use hsmsim_partition::api::DomainSeed;
use hsmsim_sim_config::{Group, Member};
use hsmsim_types::{Pin, SecretBytes, ck::CKF_TOKEN_INITIALIZED};

use crate::{Cluster, ClusterError, cluster::Progress};

/// The mark in the state directory that says that this was done.
const DONE: &str = "provisioned";

/// Provisions the state once, under the exclusive lock: of several processes that start at the
/// same time one does it and the others wait.
pub(crate) fn provision(
    cluster: &Cluster,
    progress: Option<&Progress>,
) -> Result<(), ClusterError> {
    if cluster.state.meta(DONE)?.is_some() {
        return Ok(());
    }
    let _alone = cluster.state.exclusive()?;
    if cluster.state.meta(DONE)?.is_some() {
        return Ok(());
    }
    let topology = Arc::clone(cluster.topology());
    let groups = || topology.groups.iter().filter(|group| topology.is_provisioned(group));
    let members = groups().map(|group| group.members.len()).sum();
    let mut done = 0;
    for group in groups() {
        let domain = new_domain()?;
        for member in &group.members {
            if let Some(progress) = progress {
                progress(done, members);
            }
            cluster.provision_member(group, member, &domain)?;
            done += 1;
        }
    }
    if let Some(progress) = progress {
        progress(members, members);
    }
    cluster.state.set_meta(DONE, Some(topology.name.as_bytes()))?;
    Ok(())
}

impl Cluster {
    /// Sets up a member of a group with the topology's label and PINs, erasing what was there.
    pub(crate) fn provision_member(
        &self,
        group: &Group,
        member: &Member,
        domain: &DomainSeed,
    ) -> Result<(), ClusterError> {
        let pins = &self.topology().provisioning;
        let pin = |pin: &hsmsim_sim_config::Pin| Pin::new(pin.reveal());
        let (so, officer) = (pin(&pins.so_pin), pin(&pins.user_pin));
        let now = std::time::Duration::from_nanos(self.clock().unix_now());
        let partition = self.partition_of(member);
        partition.init_token(&so, group.token_label.as_bytes(), domain, now)?;
        partition.init_crypto_officer(&so, &officer, now)?;
        if let Some(user) = &pins.crypto_user_pin {
            partition.init_crypto_user(&officer, &pin(user), now)?;
        }
        Ok(())
    }

    /// The partition that a member is.
    pub fn partition_of(&self, member: &Member) -> &Arc<hsmsim_partition::Partition> {
        let device = self.topology().device_index(&member.device).unwrap_or_default();
        &self.device(device).partitions()[usize::from(member.partition)]
    }
}

impl Cluster {
    /// The cloning domain of a group as its members on other devices than those of `new` have it, so that
    /// a partition that is initialised anew can take their keys; a new one if all of them are blank.
    ///
    /// # Errors
    /// The SO's PIN is not that of the member that is asked.
    pub fn joined_domain(
        &self,
        group: &Group,
        new: &[Member],
        so: &Pin,
        now: std::time::Duration,
    ) -> Result<DomainSeed, ClusterError> {
        let stays = |member: &&Member| new.iter().all(|new| new.device != member.device);
        for member in group.members.iter().filter(stays) {
            let partition = self.partition_of(member);
            if partition.token_info()?.flags & CKF_TOKEN_INITIALIZED != 0 {
                return partition.domain_seed(so, now).map_err(|error| {
                    ClusterError::State(format!(
                        "to join the domain of {}, the SO's PIN must be that of {}: {error}",
                        group.label, member.device
                    ))
                });
            }
        }
        new_domain()
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
