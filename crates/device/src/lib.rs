//! One appliance: its partitions, its power, and the sessions that reach it over a trust link.
//!
//! A session owns the partition's session; there is no lock between calls. It is polled by whoever
//! waits for its answer, so a device that nobody calls costs nothing and nothing here may depend on
//! being polled on: whether a request takes effect is decided by the state of link and device when it
//! arrives.

#![forbid(unsafe_code)]

mod burden;
mod condition;
mod ending;
mod engines;
mod session;
mod trouble;
mod trust;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hsmsim_network::SimRng;
use hsmsim_partition::{Partition, Service};
use hsmsim_store::DeviceStore;

pub use condition::{Condition, State};
pub use ending::{Ended, Scope};
pub use session::{DeviceSession, Left};
pub use trouble::{ConnectFault, Room, Skew, Trouble};
pub use trust::{KeepAlive, LinkRefused, TrustLink, Wire};

use condition::Switch;
use ending::Endings;
use trouble::Troubles;

/// One simulated appliance, as this process sees it.
pub struct Device {
    id: String,
    partitions: Vec<Arc<Partition>>,
    store: Arc<DeviceStore>,
    switch: Switch,
    troubles: Arc<Troubles>,
    /// Requests of this process that wait for an engine or occupy one.
    working: AtomicU64,
    endings: Endings,
    pub(crate) shared: Shared,
}

/// What all processes that use an appliance share of it.
pub struct Shared {
    /// Called for each request that was answered.
    pub served: Box<dyn Fn() + Send + Sync>,
    /// Reserves so much of the appliance's time, all in nanoseconds: asked at a time for a cost, it gives
    /// the time at which that is done, behind what was reserved before.
    pub reserve: Box<dyn Fn(u64, u64) -> u64 + Send + Sync>,
    /// Occupies an engine with a piece of work from a time on, in nanoseconds: gives the time at which it is
    /// done, behind what was there before. `None`: the profile has no service times.
    pub engines: Option<Box<EngineFn>>,
}

/// From what is to be done, and when it is asked, to when it is done.
pub type EngineFn = dyn Fn(Service, u64) -> u64 + Send + Sync;

impl Device {
    /// An appliance over its store. It is on until somebody says otherwise. `chance` decides which
    /// requests a fault strikes.
    pub fn new(
        id: String,
        partitions: Vec<Arc<Partition>>,
        store: Arc<DeviceStore>,
        shared: Shared,
        chance: SimRng,
    ) -> Arc<Self> {
        let troubles = Arc::new(Troubles::new(chance));
        let (switch, endings) = (Switch::new(), Endings::default());
        let working = AtomicU64::new(0);
        Arc::new(Self { id, partitions, store, switch, troubles, working, endings, shared })
    }

    /// The name in the topology, such as `hsm-eus-1`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The partitions, in order.
    pub fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    /// The durable objects and token records.
    pub fn store(&self) -> &Arc<DeviceStore> {
        &self.store
    }

    /// What is wrong with the appliance from now on.
    pub fn set_trouble(&self, trouble: Trouble) {
        self.troubles.set(trouble);
    }

    /// Whether it says by heartbeats that it works on what it was asked.
    pub fn heartbeats(&self) -> bool {
        let powered = matches!(self.state().condition, Condition::On | Condition::Hung);
        let works = self.working.load(Ordering::Acquire) > 0;
        powered && (works || self.troubles.now().is_some_and(|trouble| trouble.heartbeats))
    }

    /// Whether a partition has lost its activation: no login is to be had on it.
    pub fn is_deactivated(&self, partition: usize) -> bool {
        self.troubles.now().is_some_and(|trouble| trouble.is_deactivated(partition))
    }

    /// Everything that has ended on the appliance beside losses of power, from the beginning. What is
    /// new takes away logins and session objects.
    pub fn set_endings(&self, all: Vec<Ended>) {
        for ended in self.endings.set(all) {
            let (Ended::Sessions(scope) | Ended::Logins(scope)) = ended;
            let partitions = self.partitions.iter().enumerate();
            for (_, partition) in partitions.filter(|(index, _)| scope.covers_partition(*index)) {
                match ended {
                    Ended::Sessions(_) => partition.end_presence(scope.process),
                    Ended::Logins(_) => partition.take_logins(scope.process),
                }
            }
        }
    }

    /// Counts a request as answered.
    pub(crate) fn count_served(&self) {
        (self.shared.served)();
    }

    /// What the appliance is doing now.
    pub fn state(&self) -> State {
        self.switch.state()
    }

    /// Puts the appliance into another state and wakes whoever waits for it. A new power epoch
    /// takes away what does not survive a loss of power: logins, unsealed keys, session objects.
    pub fn set_state(&self, state: State) {
        let before = self.switch.set(state);
        if before.epoch != state.epoch {
            for partition in &self.partitions {
                partition.power_lost();
            }
        }
    }
}
