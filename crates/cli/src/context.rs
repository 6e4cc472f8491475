//! What every command needs: the cluster, its groups, the module's path.

use std::{env, path::PathBuf, sync::Arc};

use hsmsim_client::Client;
use hsmsim_cluster::{Cluster, OpenOptions, find_topology};
use hsmsim_sim_config::{Device, Group, Topology, suggestion};
use hsmsim_types::ck::CKF_TOKEN_INITIALIZED;

use crate::{failure::Failure, progress::progress};

/// The global options.
pub(crate) struct Context {
    pub(crate) state: Option<String>,
    pub(crate) topology: Option<String>,
}

const MODULE: &str = "libhsmsim_pkcs11.so";

impl Context {
    fn options(&self) -> OpenOptions {
        OpenOptions {
            state: self.state.clone(),
            topology: self.topology.clone(),
            progress: Some(progress("setting up partitions")),
            ..OpenOptions::default()
        }
    }

    /// The topology in use; no state is made or opened for it.
    pub(crate) fn find_topology(&self) -> Result<Topology, Failure> {
        Ok(find_topology(&self.options())?)
    }

    /// Opens the cluster; it is provisioned if this is its first use.
    pub(crate) fn cluster(&self) -> Result<Arc<Cluster>, Failure> {
        Ok(Cluster::open(self.options())?)
    }

    /// A client of the cluster, to act on groups with.
    pub(crate) fn client(&self) -> Result<Arc<Client>, Failure> {
        Ok(Client::over(self.cluster()?)?)
    }
}

/// The module: `HSMSIM_MODULE`, else beside this program, else in the `lib` folder next to its own.
pub(crate) fn module() -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os("HSMSIM_MODULE").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let missing =
            || Failure::new(format!("HSMSIM_MODULE names {}, which is not there", path.display()));
        return path.exists().then(|| path.clone()).ok_or_else(missing);
    }
    let program = env::current_exe()?;
    let folder = program.parent().map(PathBuf::from).unwrap_or_default();
    let places = [folder.join(MODULE), folder.join("../lib").join(MODULE)];
    places.iter().find(|path| path.exists()).cloned().ok_or_else(|| {
        Failure::new(format!(
            "{MODULE} is not beside {}: build it with `make build`, or name it in HSMSIM_MODULE",
            program.display()
        ))
    })
}

/// Whether the group's primary has a token.
pub(crate) fn is_initialised(cluster: &Cluster, group: &Group) -> Result<bool, Failure> {
    let info = cluster.partition_of(group.primary()).token_info()?;
    Ok(info.flags & CKF_TOKEN_INITIALIZED != 0)
}

/// The group of this label.
pub(crate) fn group<'t>(topology: &'t Topology, label: &str) -> Result<&'t Group, Failure> {
    topology.group(label).ok_or_else(|| {
        let hint = suggestion(label, topology.groups.iter().map(|group| group.label.as_str()));
        Failure::new(format!("there is no group {label}: {hint}"))
    })
}

/// The device of this name.
pub(crate) fn device<'t>(topology: &'t Topology, name: &str) -> Result<&'t Device, Failure> {
    topology.devices.iter().find(|device| device.id.as_str() == name).ok_or_else(|| {
        let hint = suggestion(name, topology.devices.iter().map(|device| device.id.as_str()));
        Failure::new(format!("there is no device {name}: {hint}"))
    })
}

/// Labels of the group named, or of all that have tokens.
pub(crate) fn labels(cluster: &Cluster, named: Option<&str>) -> Result<Vec<String>, Failure> {
    if let Some(label) = named {
        return Ok(vec![group(cluster.topology(), label)?.label.clone()]);
    }
    let mut labels = Vec::new();
    for group in &cluster.topology().groups {
        if is_initialised(cluster, group)? {
            labels.push(group.label.clone());
        }
    }
    Ok(labels)
}
