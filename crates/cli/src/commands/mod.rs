//! The subcommands, one file each.

pub(crate) mod call_fault;
pub(crate) mod dev;
pub(crate) mod device;
pub(crate) mod drill;
pub(crate) mod explore;
pub(crate) mod fault;
pub(crate) mod ha;
pub(crate) mod partition;
pub(crate) mod profile;
pub(crate) mod record;
pub(crate) mod reset;
pub(crate) mod role;
pub(crate) mod status;
pub(crate) mod topology;
