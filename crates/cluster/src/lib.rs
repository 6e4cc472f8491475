//! A cluster as one process sees it: devices and links built from a topology over the shared state,
//! and the fault table that acts on them.
//!
//! Nothing here knows groups' clients, failover or PKCS#11 functions. Whoever calls a device calls
//! [`Cluster::refresh`] first, which costs an atomic load as long as no fault has changed.

#![forbid(unsafe_code)]

mod administer;
mod call_faults;
mod cluster;
mod effects;
mod error;
mod faults;
mod harm;
mod hsm_so;
mod impairments;
mod locate;
mod provision;
mod replication;
mod requests;
mod spells;
mod truth;

pub use call_faults::SetCallFault;
pub use cluster::{Cluster, OpenOptions, Progress};
pub use effects::ActiveFault;
pub use error::ClusterError;
pub use locate::{
    CLIENT_VARIABLE, CONFIG_VARIABLE, STATE_TOPOLOGY, STATE_VARIABLE, TIME_SCALE_VARIABLE,
    find_topology,
};
pub use provision::new_domain;
pub use replication::{Delivery, Effect};
pub use requests::Request;
pub use truth::{DeviceTruth, PartitionTruth};
