//! Faults that strike until they are dropped.

use std::{fmt, time::Duration};

use hsmsim_sim_config::format_duration;

use crate::{Cluster, Error, operator::Request};

/// A fault that strikes until it is dropped or its own duration is over.
///
/// A device whose loss of power ends boots first, and a lost member is not used again before somebody
/// recovers it: [`Cluster::recover`].
#[must_use = "a fault ends when it is dropped: bind it to a name"]
pub struct Fault {
    /// Until it was healed.
    cluster: Option<Cluster>,
    ids: Vec<u64>,
    text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({})", self.text)
    }
}

impl Fault {
    /// Ends it now.
    ///
    /// # Errors
    /// A state that cannot be written.
    pub fn heal(mut self) -> Result<(), Error> {
        self.end()
    }

    /// Lets it strike for as long as the cluster lives, or until [`Cluster::heal_all`].
    pub fn keep(mut self) {
        self.cluster = None;
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.cluster.take() {
            Some(cluster) => cluster.ask(&Request::Heal(self.ids.clone()))?.done(),
            None => Ok(()),
        }
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{} was not healed: {error}", self.text);
        }
    }
}

impl Cluster {
    /// Sets any fault of the table on a target: `fault("device.power_loss", "hsm-eus-1")`. Parameters
    /// and a duration may follow the target: `fault("link.delay", "client:hsm-eus-2 extra=5ms
    /// for=30s")`. `hsmsim fault kinds` lists the table.
    ///
    /// # Errors
    /// A kind, target or parameter that does not exist, with the nearest one that does.
    pub fn fault(&self, kind: &str, target: &str) -> Result<Fault, Error> {
        let text = format!("{kind} {target}");
        let ids = self.ask(&Request::Strike(text.clone()))?.ids()?;
        Ok(Fault { cluster: Some(self.clone()), ids, text })
    }

    /// A device has no power: silence, and its sessions end.
    ///
    /// # Errors
    /// There is no such device.
    pub fn power_loss(&self, device: &str) -> Result<Fault, Error> {
        self.fault("device.power_loss", device)
    }

    /// A device takes requests and answers none.
    ///
    /// # Errors
    /// There is no such device.
    pub fn hang(&self, device: &str) -> Result<Fault, Error> {
        self.fault("device.hang", device)
    }

    /// A device restarts: it refuses connections until it has booted. That happens once and ends by
    /// itself.
    ///
    /// # Errors
    /// There is no such device.
    pub fn restart(&self, device: &str) -> Result<(), Error> {
        self.fault("device.restart", device).map(Fault::keep)
    }

    /// Erases all partitions of a device, for good.
    ///
    /// # Errors
    /// There is no such device.
    pub fn zeroize(&self, device: &str) -> Result<(), Error> {
        self.fault("device.zeroize", device).map(Fault::keep)
    }

    /// Cuts a link: connections end and are refused. `client:hsm-eus-1`, or a device for all its
    /// links.
    ///
    /// # Errors
    /// There is no such link.
    pub fn cut_link(&self, link: &str) -> Result<Fault, Error> {
        self.fault("link.cut", link)
    }

    /// Messages on a link vanish without a word.
    ///
    /// # Errors
    /// There is no such link.
    pub fn blackhole(&self, link: &str) -> Result<Fault, Error> {
        self.fault("link.blackhole", link)
    }

    /// Messages on a link wait until the fault ends, and are then delivered late.
    ///
    /// # Errors
    /// There is no such link.
    pub fn hold(&self, link: &str) -> Result<Fault, Error> {
        self.fault("link.hold", link)
    }

    /// Each message on a link takes longer, each way, in real time.
    ///
    /// # Errors
    /// There is no such link.
    pub fn delay(&self, link: &str, extra: Duration) -> Result<Fault, Error> {
        self.fault("link.delay", &format!("{link} extra={}", format_duration(extra)))
    }

    /// Every device of a stamp loses its power: `eastus/stamp1`.
    ///
    /// # Errors
    /// There is no device there.
    pub fn stamp_loss(&self, stamp: &str) -> Result<Fault, Error> {
        self.fault("stamp.loss", stamp)
    }

    /// Every device of a region loses its power: `eastus`.
    ///
    /// # Errors
    /// There is no device there.
    pub fn region_loss(&self, region: &str) -> Result<Fault, Error> {
        self.fault("region.loss", region)
    }

    /// Messages into and out of a region vanish.
    ///
    /// # Errors
    /// There is no device there.
    pub fn isolate_region(&self, region: &str) -> Result<Fault, Error> {
        self.fault("region.isolate", region)
    }
}
