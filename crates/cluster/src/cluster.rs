//! Opening a cluster, and keeping it as the fault table says.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_device::{Device, EngineFn, KeepAlive, Shared, Wire};
use hsmsim_network::{Clock, Duplex, Jitter, LatencyModel, Link, stream};
use hsmsim_partition::{Identities, Partition, Personality, Service};
use hsmsim_sim_config::{ConnectBy, Jitter as JitterSpec, Place, Profile, Topology};
use hsmsim_store::{
    Counter, DeviceIndex, DeviceSpec, DeviceStore, Ledger, ProcessSlot, SharedPage, Sharing,
    StateDir, StateError, StateSpec,
};
use hsmsim_types::ObjectId;
use parking_lot::Mutex;

use crate::{
    ClusterError,
    call_faults::CallFaults,
    effects::{ActiveFault, History, effects},
    locate::{Environment, STATE_TOPOLOGY, locate},
    provision,
    replication::Replicator,
};

/// What to open.
#[derive(Clone)]
pub struct OpenOptions {
    /// The state directory, or `memory`; `None` follows the environment.
    pub state: Option<String>,
    /// The topology, a path or a shipped name; `None` follows the environment.
    pub topology: Option<String>,
    /// Takes the place of the topology's time scale; `None` follows `HSMSIM_TIME_SCALE`, if it is set.
    pub time_scale: Option<f64>,
    /// The clock.
    pub clock: Clock,
    /// Told how far the setting up of a new state has come.
    pub progress: Option<Progress>,
}

/// Told how many of how many steps of something long are done.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

impl Default for OpenOptions {
    fn default() -> Self {
        Self { state: None, topology: None, time_scale: None, clock: Clock::real(), progress: None }
    }
}

/// A cluster as one process sees it.
pub struct Cluster {
    topology: Arc<Topology>,
    profile: Arc<Profile>,
    personality: Arc<Personality>,
    path: Option<PathBuf>,
    pub(crate) state: StateDir,
    ledger: Arc<Ledger>,
    devices: Vec<Arc<Device>>,
    wires: Vec<Wire>,
    clock: Clock,
    /// The generation of the fault table that devices and links stand by; none at first.
    seen: AtomicU64,
    /// When something changes by itself (Unix time in ns); `u64::MAX`: never.
    next_change: AtomicU64,
    // Lock: one thread reads the fault table at a time; never across an await.
    reading: Mutex<()>,
    /// The faults as last read.
    faults: Mutex<Arc<Vec<ActiveFault>>>,
    pub(crate) call_faults: CallFaults,
    indices: Vec<DeviceIndex>,
    pub(crate) replicator: Replicator,
}

/// A generation that no table has: the first look always reads.
const UNSEEN: u64 = u64::MAX;

/// The cluster's spare word that counts requests for recovery by hand.
const RECOVERY_REQUESTS: usize = 0;

/// The device's spare word that counts the requests it has answered, to whatever process.
const SERVED: usize = 0;

/// The device's spare word that says until when its time is reserved (Unix time in ns).
const BUSY_UNTIL: usize = 2;

/// The device's spare word that counts how often another appliance has taken its place.
const REPLACED: usize = 1;

impl Cluster {
    /// Opens the state directory, makes it if it is not there, and provisions it on first use.
    ///
    /// # Errors
    /// A topology that is not valid; a state directory that cannot be used, belongs to other devices
    /// or comes from a newer version. The data is left as it was.
    pub fn open(options: OpenOptions) -> Result<Arc<Self>, ClusterError> {
        let environment = Environment::of_process();
        let mut located =
            locate(options.state.as_deref(), options.topology.as_deref(), &environment)?;
        if let Some(scale) = environment.time_scale(options.time_scale)? {
            located.topology.time_scale = scale;
        }
        if let Some(place) = environment.client()? {
            located.topology.client = place;
        }
        let cluster = Self::build(located.topology, located.state.clone(), options.clock, None)?;
        if let Some(state) = &located.state {
            leave_topology(state, &located.text)?;
        }
        provision::provision(&cluster, options.progress.as_ref())?;
        cluster.refresh();
        Ok(cluster)
    }

    /// A cluster in memory and in virtual time, for one run of one thread. All chance in it comes
    /// from the topology's seed, identities of objects included, so that two runs of the same seed
    /// are the same. Keys are as random as ever.
    ///
    /// # Errors
    /// A topology whose profile is not valid.
    pub fn simulate(topology: Topology, clock: Clock) -> Result<Arc<Self>, ClusterError> {
        let ids = Mutex::new(stream(topology.seed, "identities"));
        let identities: Identities = Arc::new(move || ObjectId(ids.lock().bytes_16()));
        let cluster = Self::build(topology, None, clock, Some(identities))?;
        provision::provision(&cluster, None)?;
        cluster.refresh();
        Ok(cluster)
    }

    /// The same cluster as clients at another place see it: devices and state are shared, the links to
    /// them are its own.
    pub fn seen_from(&self, place: Place) -> Arc<Self> {
        let topology = Topology { client: place, ..(*self.topology).clone() };
        let wire = |index| wire(&topology, &self.clock, index);
        let cluster = Arc::new(Self {
            wires: (0..self.devices.len()).map(wire).collect(),
            // As another process of the same state: whoever looks first carries.
            replicator: Replicator::of(&topology),
            call_faults: CallFaults::default(),
            topology: Arc::new(topology),
            profile: Arc::clone(&self.profile),
            personality: Arc::clone(&self.personality),
            path: self.path.clone(),
            state: self.state.clone(),
            ledger: Arc::clone(&self.ledger),
            devices: self.devices.clone(),
            clock: self.clock.clone(),
            seen: AtomicU64::new(UNSEEN),
            next_change: AtomicU64::new(u64::MAX),
            reading: Mutex::new(()),
            faults: Mutex::default(),
            indices: self.indices.clone(),
        });
        cluster.refresh();
        cluster
    }

    fn build(
        topology: Topology,
        path: Option<PathBuf>,
        clock: Clock,
        identities: Option<Identities>,
    ) -> Result<Arc<Self>, ClusterError> {
        let profile = Arc::new(Profile::resolve(&topology.profile)?);
        let mut personality = Personality::from(&*profile);
        if identities.is_some() {
            // What a PIN protects at rest is not what a simulated run is about, and nothing of it rests:
            // the rounds would be most of what a run with many logins costs.
            personality.pin_rounds = 1;
        }
        let personality = Arc::new(personality);
        let spec = state_spec(&topology)?;
        let state = match &path {
            Some(path) => StateDir::open_or_create(path, &spec)?,
            None => StateDir::memory(&spec)?,
        };
        let ledger = Ledger::open(&state);
        let mut devices = Vec::with_capacity(topology.devices.len());
        let mut wires = Vec::with_capacity(topology.devices.len());
        let mut indices = Vec::with_capacity(topology.devices.len());
        for (index, device) in topology.devices.iter().enumerate() {
            let place = state.device(device.id.as_str()).ok_or_else(|| {
                ClusterError::State(format!("the state directory has no device {}", device.id))
            })?;
            let store = DeviceStore::open(&state, place)?;
            let page = Arc::clone(state.page());
            indices.push(place);
            let partitions = (0..device.partitions)
                .map(|partition| {
                    Partition::with_identities(
                        store.partition(u16::from(partition)),
                        Arc::clone(&personality),
                        identities.clone(),
                    )
                })
                .collect();
            let mut shared = shared(Arc::clone(&page), place);
            shared.engines = engines(page, place, &profile, topology.time_scale);
            let chance = stream(topology.seed, &format!("device {}", device.id));
            devices.push(Device::new(device.id.to_string(), partitions, store, shared, chance));
            wires.push(wire(&topology, &clock, index));
        }
        let replicator = Replicator::of(&topology);
        let cluster = Self {
            topology: Arc::new(topology),
            profile,
            personality,
            path,
            state,
            ledger,
            devices,
            wires,
            clock,
            seen: AtomicU64::new(UNSEEN),
            next_change: AtomicU64::new(u64::MAX),
            reading: Mutex::new(()),
            faults: Mutex::default(),
            call_faults: CallFaults::default(),
            indices,
            replicator,
        };
        cluster.begin_feeding();
        Ok(Arc::new(cluster))
    }

    /// The topology.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The profile.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The profile as partitions understand it.
    pub fn personality(&self) -> &Arc<Personality> {
        &self.personality
    }

    /// The state directory; `None` if everything is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Faults, debts, views.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn page(&self) -> &SharedPage {
        self.state.page()
    }

    /// A device by its index in the topology.
    ///
    /// # Panics
    /// If there is none of that index.
    pub fn device(&self, index: usize) -> &Arc<Device> {
        &self.devices[index]
    }

    /// All devices, in the topology's order.
    pub fn devices(&self) -> &[Arc<Device>] {
        &self.devices
    }

    /// The way from this process to a device.
    ///
    /// # Panics
    /// If there is no device of that index.
    pub fn wire(&self, index: usize) -> Wire {
        self.wires[index].clone()
    }

    /// A duration of drill time in real time: divided by the time scale.
    pub fn scaled(&self, duration: Duration) -> Duration {
        duration.div_f64(self.topology.time_scale)
    }

    /// Takes note of the fault table as it is now. `true`: something has changed. One atomic load if
    /// nothing has.
    pub fn refresh(&self) -> bool {
        let generation = self.page().fault_generation();
        let next_change = self.next_change.load(Ordering::Acquire);
        if generation == self.seen.load(Ordering::Acquire)
            && (next_change == u64::MAX || self.clock.unix_now() < next_change)
        {
            return false;
        }
        self.read_faults()
    }

    /// Reads the fault table and puts devices and links into the state it says.
    fn read_faults(&self) -> bool {
        let _reading = self.reading.lock();
        let generation = self.page().fault_generation();
        let now_ns = self.clock.unix_now();
        let unchanged = generation == self.seen.load(Ordering::Acquire);
        if unchanged && now_ns < self.next_change.load(Ordering::Acquire) {
            return false;
        }
        if !unchanged {
            match self.load_faults() {
                Ok(faults) => *self.faults.lock() = Arc::new(faults),
                Err(error) => {
                    // The next look tries again; until then the last known faults hold.
                    tracing::error!(%error, "the fault table cannot be read");
                    return false;
                }
            }
        }
        let faults = Arc::clone(&*self.faults.lock());
        let history = History {
            topology: &self.topology,
            faults: &faults,
            activation_held: self.profile.activation_held,
            scaled: &|duration| self.scaled(duration),
        };
        let mut effects = effects(&history, now_ns);
        for (state, index) in effects.devices.iter_mut().zip(&self.indices) {
            // A reset of the state ends all sessions too.
            state.epoch += self.page().power_epoch(*index);
        }
        let now = self.clock.now();
        let struck = effects.devices.iter().zip(&effects.links);
        for ((device, wire), (state, link)) in self.devices.iter().zip(&self.wires).zip(struck) {
            let since = now - Duration::from_nanos(now_ns.saturating_sub(link.since_ns));
            wire.links.there.set_state(since, link.there.clone());
            wire.links.back.set_state(since, link.back.clone());
            device.set_state(*state);
        }
        for (device, trouble) in self.devices.iter().zip(effects.troubles) {
            device.set_trouble(trouble);
        }
        for (device, ended) in self.devices.iter().zip(effects.endings) {
            device.set_endings(ended);
        }
        let call_fault_ends_ns = self.follow_call_faults(generation, now_ns);
        let next_change_ns = effects.next_change_ns.into_iter().chain(call_fault_ends_ns).min();
        self.next_change.store(next_change_ns.unwrap_or(u64::MAX), Ordering::Release);
        self.seen.store(generation, Ordering::Release);
        true
    }

    /// When something will change by itself (Unix time in ns): a fault ends, a device has booted.
    /// `None`: not unless somebody does something.
    pub fn next_change_ns(&self) -> Option<u64> {
        Some(self.next_change.load(Ordering::Acquire)).filter(|&at| at != u64::MAX)
    }

    /// The faults as last read, those that have ended among them.
    pub fn fault_history(&self) -> Arc<Vec<ActiveFault>> {
        self.refresh();
        Arc::clone(&*self.faults.lock())
    }

    /// How often somebody has asked all clients to bring lost members back.
    pub fn recovery_requests(&self) -> u64 {
        self.page().cluster_spare(RECOVERY_REQUESTS).load(Ordering::Acquire)
    }

    /// Asks all clients to bring lost members back at their next call (`ha recover`).
    pub fn request_recovery(&self) {
        self.page().cluster_spare(RECOVERY_REQUESTS).fetch_add(1, Ordering::AcqRel);
    }

    /// How many requests a device has answered, to all processes together, since the state was made.
    ///
    /// # Panics
    /// If there is no device of that index.
    pub fn served(&self, index: usize) -> u64 {
        self.page().device_spare(self.indices[index], SERVED).load(Ordering::Relaxed)
    }

    /// The serial number of a partition: the topology's, or that of the appliance that has taken the
    /// device's place since.
    ///
    /// # Panics
    /// If there is no device of that index.
    pub fn partition_serial(&self, index: usize, partition: u8) -> u64 {
        let replaced = self.replaced(index).load(Ordering::Acquire);
        self.topology.devices[index].partition_serial_after(replaced, partition)
    }

    /// Counts the appliances that have stood in a device's place.
    pub(crate) fn replaced(&self, index: usize) -> &AtomicU64 {
        self.page().device_spare(self.indices[index], REPLACED)
    }

    /// A place for this process among those that use the cluster.
    pub fn claim_process(&self) -> ProcessSlot {
        let slot = self.state.claim_process(self.clock.unix_now());
        slot.counter(Counter::LastSeen).store(self.clock.unix_now(), Ordering::Relaxed);
        slot
    }

    /// The process IDs of all that have the cluster open as clients, whether or not they have called
    /// anything yet.
    pub fn clients(&self) -> Vec<u32> {
        self.state.processes().iter().map(|process| process.pid).collect()
    }

    /// The views that living processes have published, with their process IDs.
    ///
    /// # Errors
    /// A state directory that cannot be read.
    pub fn views(&self) -> Result<Vec<(u32, String)>, StateError> {
        let views = self.state.views()?;
        Ok(views.into_iter().map(|(process, view)| (process.pid, view)).collect())
    }

    /// Removes every object, token, fault and debt, and sets the state up anew as on first use.
    ///
    /// # Errors
    /// A state that another process is setting up, or that cannot be written.
    pub fn reset(&self) -> Result<(), ClusterError> {
        self.state.exclusive()?.reset()?;
        self.forget_requests()?;
        for index in 0..self.devices.len() {
            self.replaced(index).store(0, Ordering::Release);
        }
        provision::provision(self, None)?;
        self.refresh();
        Ok(())
    }
}

fn state_spec(topology: &Topology) -> Result<StateSpec, ClusterError> {
    let devices = topology
        .devices
        .iter()
        .map(|device| DeviceSpec { id: device.id.to_string(), serial: device.serial })
        .collect();
    let fingerprint = format!("{:016x}", topology.fingerprint_devices());
    let most = topology.devices.iter().map(|device| device.partitions).max();
    let by_mode = topology.state.mode.is_some_and(|mode| mode & 0o070 != 0);
    let sharing = match &topology.state.group {
        Some(name) => Sharing::Group { gid: Some(group_number(name)?) },
        None if by_mode => Sharing::Group { gid: None },
        None => Sharing::Private,
    };
    Ok(StateSpec { devices, partitions: u16::from(most.unwrap_or(1)), fingerprint, sharing })
}

/// What processes share of a device: words of the shared page.
fn shared(page: Arc<SharedPage>, place: DeviceIndex) -> Shared {
    let counted = Arc::clone(&page);
    let served = Box::new(move || {
        counted.device_spare(place, SERVED).fetch_add(1, Ordering::Relaxed);
    });
    let reserve = Box::new(move |now_ns: u64, cost_ns: u64| {
        let after = |last: u64| last.max(now_ns).saturating_add(cost_ns);
        let word = page.device_spare(place, BUSY_UNTIL);
        let last = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(after(last)));
        // The update always gives a value.
        after(last.unwrap_or_default())
    });
    Shared { served, reserve, engines: None }
}

/// The engines of a device with service times: each has a word that says until when it is busy, and a
/// piece of work goes to the one that is free first.
fn engines(
    page: Arc<SharedPage>,
    place: DeviceIndex,
    profile: &Profile,
    time_scale: f64,
) -> Option<Box<EngineFn>> {
    let times = profile.service_times.clone()?;
    Some(Box::new(move |service: Service, now_ns: u64| {
        let time = times.service(service.class, service.size).unwrap_or_default();
        let cost_ns = u64::try_from(time.div_f64(time_scale).as_nanos()).unwrap_or(u64::MAX);
        let words = &page.engines(place)[..times.engines as usize];
        loop {
            let busy_until = |word: &&AtomicU64| word.load(Ordering::Acquire);
            // A profile has at least one engine.
            let Some(word) = words.iter().min_by_key(busy_until) else { return now_ns };
            let last = word.load(Ordering::Acquire);
            let done = last.max(now_ns).saturating_add(cost_ns);
            let claimed = word.compare_exchange(last, done, Ordering::AcqRel, Ordering::Acquire);
            if claimed.is_ok() {
                return done;
            }
        }
    }))
}

/// The number of a group of users, by name or as a number.
fn group_number(name: &str) -> Result<u32, ClusterError> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| fields.get(2)?.parse().ok())
        .ok_or_else(|| {
            ClusterError::State(format!("this machine has no group of users \"{name}\""))
        })
}

/// The links between the client's place and a device.
fn links(topology: &Topology, index: usize) -> Duplex {
    let device = &topology.devices[index];
    let round_trip = topology.round_trip(topology.client, device.place);
    let model = |way: usize| LatencyModel {
        base: round_trip.one_way[way],
        jitter: jitter(round_trip.jitter[way]),
    };
    let near = format!("client@{}", topology.client);
    let far = device.id.as_str();
    Duplex {
        there: Link::new(topology.seed, &format!("{near}>{far}"), model(0)),
        back: Link::new(topology.seed, &format!("{far}>{near}"), model(1)),
    }
}

/// Linux's keep-alive: nine probes, 75 s apart. Drill time, like the client's other timers.
const PROBING: Duration = Duration::from_secs(9 * 75);

/// The way from this process to a device.
fn wire(topology: &Topology, clock: &Clock, index: usize) -> Wire {
    Wire {
        clock: clock.clone(),
        links: Arc::new(links(topology, index)),
        keep_alive: keep_alive(topology),
        by_name: topology.ha.connect_by == ConnectBy::Name,
    }
}

fn keep_alive(topology: &Topology) -> Option<KeepAlive> {
    let scaled = |time: Duration| time.div_f64(topology.time_scale);
    let idle = topology.ha.keep_alive?;
    Some(KeepAlive { idle: scaled(idle), patience: scaled(PROBING) })
}

pub(crate) fn jitter(spec: JitterSpec) -> Jitter {
    match spec {
        JitterSpec::None => Jitter::None,
        JitterSpec::Uniform { spread } => Jitter::Uniform { max: spread },
        JitterSpec::Normal { sd } => Jitter::Normal { sd },
        JitterSpec::LogNormal { p99_over_p50 } => Jitter::LogNormal { p99_over_p50 },
    }
}

/// Leaves the topology in a state directory that has none of its own.
fn leave_topology(state: &Path, text: &str) -> Result<(), ClusterError> {
    let path = state.join(STATE_TOPOLOGY);
    if path.exists() {
        return Ok(());
    }
    // Written beside and moved: another process must not read half of it.
    let partial = state.join(format!("{STATE_TOPOLOGY}.{}", std::process::id()));
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, &path))
        .map_err(|error| ClusterError::State(format!("{}: {error}", path.display())))
}
