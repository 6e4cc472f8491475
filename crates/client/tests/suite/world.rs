//! A cluster with one client, and short words for what tests do with it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hsmsim_client::{Client, Output, Room, record::EventRecord};
use hsmsim_cluster::{Cluster, OpenOptions};
use hsmsim_network::{Clock, Time};
use hsmsim_partition::api::OperationKind;
use hsmsim_sim_config::Fault;
use hsmsim_types::{
    Attribute, Error, Mechanism, ObjectHandle, ObjectId, Pin, Result, Role, SessionHandle, SlotId,
    Template, ck::*, role::UserType,
};

pub(crate) struct World {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) client: Arc<Client>,
    pub(crate) slot: SlotId,
}

/// Time (ns), kind and member of each event of a client.
#[derive(Debug, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<(u64, String, String)>>>);

impl Events {
    /// When events of a kind happened to a member.
    pub(crate) fn times(&self, kind: &str, member: &str) -> Vec<Duration> {
        let events = self.0.lock().unwrap();
        let chosen = events.iter().filter(|(_, event, of)| event == kind && of == member);
        chosen.map(|&(at_ns, ..)| Duration::from_nanos(at_ns)).collect()
    }

    /// How often it happened.
    pub(crate) fn count(&self, kind: &str, member: &str) -> usize {
        self.times(kind, member).len()
    }
}

pub(crate) const USER_PIN: &str = "12345678";
pub(crate) const SO_PIN: &str = "87654321";

/// DER of the named curve P-256.
pub(crate) const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

impl World {
    /// A shipped topology, or the text of one, in memory and virtual time.
    pub(crate) fn new(topology: &str) -> Self {
        let options = OpenOptions {
            state: Some("memory".to_owned()),
            topology: Some(topology.to_owned()),
            clock: Clock::virtual_at(Time::ZERO),
            ..OpenOptions::default()
        };
        Self::over(Cluster::open(options).unwrap())
    }

    /// `ha-dr` with lines added to its `[ha]` section.
    pub(crate) fn ha_dr_with(lines: &str) -> Self {
        Self::of_text(&format!("{}\n[ha]\n{lines}\n", Self::shipped_text("ha-dr")))
    }

    /// A shipped topology with another profile.
    pub(crate) fn with_profile(topology: &str, profile: &str) -> Self {
        Self::of_text(&format!("profile = \"{profile}\"\n{}", Self::shipped_text(topology)))
    }

    /// A shipped topology with another profile and lines added to its `[ha]` section.
    pub(crate) fn with(topology: &str, profile: &str, lines: &str) -> Self {
        let text = Self::shipped_text(topology);
        Self::of_text(&format!("profile = \"{profile}\"\n{text}\n[ha]\n{lines}\n"))
    }

    fn shipped_text(topology: &str) -> &'static str {
        hsmsim_sim_config::Topology::shipped_text(topology).unwrap()
    }

    /// The text of a topology file.
    pub(crate) fn of_text(text: &str) -> Self {
        let file = std::env::temp_dir().join(format!(
            "hsmsim-client-test-{}-{:?}.toml",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&file, text).unwrap();
        let world = Self::new(file.to_str().unwrap());
        std::fs::remove_file(file).unwrap();
        world
    }

    fn over(cluster: Arc<Cluster>) -> Self {
        let client = Client::over(Arc::clone(&cluster)).unwrap();
        let slot = client.slots(true)[0];
        Self { cluster, client, slot }
    }

    /// Another application on the same cluster.
    pub(crate) fn another(&self) -> Self {
        Self::over(Arc::clone(&self.cluster))
    }

    /// Another application, and what happens to it as it happens.
    pub(crate) fn recorded(&self) -> (Self, Events) {
        let events = Events::default();
        let sink = {
            let events = Arc::clone(&events.0);
            Box::new(move |event: EventRecord| {
                events.lock().unwrap().push((event.at_ns, event.event, event.member));
            })
        };
        let client = Client::simulated(Arc::clone(&self.cluster), 7, sink, None);
        (Self { cluster: Arc::clone(&self.cluster), client, slot: self.slot }, events)
    }

    pub(crate) fn now(&self) -> Duration {
        self.cluster.clock().now() - Time::ZERO
    }

    /// How long `call` takes.
    pub(crate) fn timed<T>(&self, call: impl FnOnce(&Self) -> T) -> (T, Duration) {
        let begin = self.now();
        let value = call(self);
        (value, self.now() - begin)
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.cluster.clock().advance_to(self.cluster.clock().now() + time);
        self.cluster.refresh();
    }

    pub(crate) fn fault(&self, text: &str) -> Vec<u64> {
        let fault: Fault = text.parse().unwrap();
        self.cluster.add_fault(&fault, |_| 0, None).unwrap()
    }

    pub(crate) fn heal_all(&self) {
        self.cluster.heal_all().unwrap();
        self.pass(self.cluster.topology().ha.boot_time);
    }

    pub(crate) fn open(&self) -> SessionHandle {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        self.client.run(self.client.open_session(self.slot, flags)).unwrap()
    }

    pub(crate) fn login_as(&self, session: SessionHandle, role: Role, pin: &str) -> Result<()> {
        self.client.run(self.client.login(session, UserType::Role(role), Pin::new(pin)))
    }

    /// A session of the Crypto Officer.
    pub(crate) fn officer(&self) -> SessionHandle {
        let session = self.open();
        self.login_as(session, Role::CryptoOfficer, USER_PIN).unwrap();
        session
    }

    /// A P-256 key pair with a label; gives public and private key.
    pub(crate) fn try_pair(
        &self,
        session: SessionHandle,
        label: &str,
        token: bool,
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        let common =
            || [Attribute::bool(CKA_TOKEN, token), Attribute::bytes(CKA_LABEL, label.as_bytes())];
        let public = [Attribute::bytes(CKA_EC_PARAMS, P256), Attribute::bool(CKA_VERIFY, true)];
        let public = common().into_iter().chain(public).collect();
        let private = common().into_iter().chain([Attribute::bool(CKA_SIGN, true)]).collect();
        let mechanism = Mechanism::plain(CKM_EC_KEY_PAIR_GEN);
        self.client.run(self.client.generate_key_pair(session, mechanism, public, private))
    }

    pub(crate) fn pair(&self, session: SessionHandle, label: &str) -> (ObjectHandle, ObjectHandle) {
        self.try_pair(session, label, true).unwrap()
    }

    pub(crate) fn init(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        mechanism: CK_MECHANISM_TYPE,
        key: ObjectHandle,
    ) -> Result<()> {
        let mechanism = Mechanism::plain(mechanism);
        self.client.run(self.client.operation_init(session, kind, mechanism, Some(key)))
    }

    pub(crate) fn sign(&self, session: SessionHandle, key: ObjectHandle) -> Result<Vec<u8>> {
        self.init(session, OperationKind::Sign, CKM_ECDSA, key)?;
        let room = Room::Bytes(64);
        let call = self.client.one_part(session, OperationKind::Sign, &[7; 32], room);
        match self.client.run(call)? {
            Output::Bytes(bytes) => Ok(bytes),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn verify(
        &self,
        session: SessionHandle,
        key: ObjectHandle,
        signature: &[u8],
    ) -> Result<()> {
        self.init(session, OperationKind::Verify, CKM_ECDSA, key)?;
        self.client.run(self.client.verify(
            session,
            OperationKind::Verify,
            &[7; 32],
            Some(signature),
        ))
    }

    /// All objects with this label.
    pub(crate) fn find(&self, session: SessionHandle, label: &str) -> Vec<ObjectHandle> {
        let template = Template(vec![Attribute::bytes(CKA_LABEL, label.as_bytes())]);
        self.client.run(self.client.find_init(session, template)).unwrap();
        let found = self.client.find(session, 100).unwrap();
        self.client.find_final(session).unwrap();
        found
    }

    /// Whether this client believes a member of the first group usable.
    pub(crate) fn usable(&self, member: usize) -> bool {
        let state = self.client.run(self.client.ha_state(self.slot)).unwrap();
        state.members[member].1.0 == CKR_OK
    }

    /// How many requests each device has answered, to all clients together.
    pub(crate) fn served(&self) -> Vec<u64> {
        (0..self.cluster.devices().len()).map(|device| self.cluster.served(device)).collect()
    }

    /// The devices that answered somebody during `call`, by index.
    pub(crate) fn served_by<T>(&self, call: impl FnOnce(&Self) -> T) -> (T, Vec<usize>) {
        let before = self.served();
        let value = call(self);
        let after = self.served();
        let grew = (0..before.len()).filter(|&device| after[device] > before[device]);
        (value, grew.collect())
    }

    /// What a member of the first group holds, in truth.
    pub(crate) fn holdings(&self, member: usize) -> Vec<ObjectId> {
        let group = &self.cluster.topology().groups[0];
        self.cluster.inventory(&group.members[member]).unwrap().into_keys().collect()
    }

    pub(crate) fn recover(&self) {
        let label = self.cluster.topology().groups[0].label.clone();
        self.client.run(self.client.ha_recover(&label)).unwrap();
    }
}

/// The return value of a call that had to fail.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    let error: Error = result.unwrap_err();
    error.return_value().name().unwrap()
}
