//! What is wrong with an appliance that has power: slow, full, out of entropy, or worse.
//!
//! A device without trouble costs its sessions one relaxed load a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_network::SimRng;
use hsmsim_partition::api::Request;
use hsmsim_types::{Error, Role, ck::*, role::UserType};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Scope;

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trouble {
    /// What each request takes longer.
    pub extra_service: Duration,
    /// It hangs, and says by heartbeats that it works.
    pub heartbeats: bool,
    /// How likely a cryptographic request is answered with which code.
    pub errors: Option<(f64, CK_RV)>,
    /// No room for new objects, session objects included.
    pub memory_full: bool,
    /// Room for so many token objects at most.
    pub rooms: Vec<Room>,
    /// Cryptographic requests a second at most, of all processes together.
    pub per_second: Option<u64>,
    /// Mechanisms that it does not have.
    pub missing: Vec<CK_MECHANISM_TYPE>,
    /// How wrong its clock is.
    pub clock: Skew,
    /// The audit log is full: cryptography waits.
    pub audit_full: bool,
    /// No random numbers.
    pub entropy_fail: bool,
    /// All cryptography is refused.
    pub self_test_failed: bool,
    /// Sessions that it has open at most, of one process.
    pub sessions_max: Option<u64>,
    /// What becomes of new connections, if they fail.
    pub connecting: Option<ConnectFault>,
    /// Connections that it holds at most, of one process.
    pub links_max: Option<u64>,
    /// Partitions that have lost their activation.
    pub deactivated: Vec<Scope>,
}

/// Why a connection cannot be made, in the order in which a client would find out: of two reasons the
/// first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectFault {
    /// The device's name cannot be resolved; a client that has its address does not ask.
    NameUnknown,
    /// A firewall drops what is sent to the port.
    PortDropped,
    /// The port refuses connections.
    PortRefused,
    /// The client refuses the device's certificate.
    DeviceCertificate,
    /// The device refuses the client's certificate.
    ClientCertificate,
}

/// Room for token objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// So many on all partitions together.
    Device(u64),
    /// So many on each of these partitions.
    Partitions(Scope, u64),
}

/// How wrong a clock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    /// How far it is ahead, in nanoseconds; below zero if it is behind.
    pub ahead_ns: i64,
    /// How much faster it runs, in millionths.
    pub drift_ppm: u64,
    /// Since when it does; Unix time in nanoseconds.
    pub since_ns: u64,
}

impl Skew {
    /// What the clock shows when it is `now_ns`.
    pub(crate) fn shown(&self, now_ns: u64) -> u64 {
        let gained = u128::from(now_ns.saturating_sub(self.since_ns)) * u128::from(self.drift_ppm);
        let gained = u64::try_from(gained / 1_000_000).unwrap_or(u64::MAX);
        now_ns.saturating_add_signed(self.ahead_ns).saturating_add(gained)
    }
}

impl Trouble {
    /// Adds a reason why connections cannot be made.
    pub fn refuse_connections(&mut self, fault: ConnectFault) {
        self.connecting = Some(self.connecting.map_or(fault, |other| other.min(fault)));
    }

    /// Whether a partition has lost its activation.
    pub(crate) fn is_deactivated(&self, partition: usize) -> bool {
        self.deactivated.iter().any(|scope| scope.covers_partition(partition))
    }
}

/// The trouble of a device, and what it needs to act.
pub(crate) struct Troubles {
    any: AtomicBool,
    // Locks: looks and changes only, never across an await.
    now: Mutex<Arc<Trouble>>,
    chance: Mutex<SimRng>,
    /// Wakes what waits for a trouble to end, in the order in which it began to wait.
    changed: Notify,
    /// Sessions and connections open, of this process.
    sessions: AtomicU64,
    links: AtomicU64,
}

impl Troubles {
    pub(crate) fn new(chance: SimRng) -> Self {
        Self {
            any: AtomicBool::new(false),
            now: Mutex::default(),
            chance: Mutex::new(chance),
            changed: Notify::new(),
            sessions: AtomicU64::new(0),
            links: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, trouble: Trouble) {
        self.any.store(trouble != Trouble::default(), Ordering::Release);
        *self.now.lock() = Arc::new(trouble);
        self.changed.notify_waiters();
    }

    /// Completes when the audit log has room.
    pub(crate) async fn audit_has_room(&self) {
        loop {
            // Before the look: it hears of every change from now on, polled or not.
            let changed = self.changed.notified();
            if self.now().is_none_or(|trouble| !trouble.audit_full) {
                return;
            }
            changed.await;
        }
    }

    /// Whether anything is wrong.
    pub(crate) fn are_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// What is wrong; `None` if nothing is.
    pub(crate) fn now(&self) -> Option<Arc<Trouble>> {
        self.are_any().then(|| Arc::clone(&self.now.lock()))
    }

    /// What a request is refused with, if it is.
    pub(crate) fn refusal(
        &self,
        trouble: &Trouble,
        partition: usize,
        request: &Request,
    ) -> Option<Error> {
        let refuse = |rv, rule: &'static str| Some(Error::new(rv, rule));
        let kind = Kind::of(request);
        let logs_in = matches!(request, Request::Login { user, .. }
            if *user != UserType::Role(Role::SecurityOfficer));
        if trouble.is_deactivated(partition) && (logs_in || request.uses_objects()) {
            return refuse(
                CKR_USER_NOT_LOGGED_IN,
                "the partition is not activated: somebody must do that at the device",
            );
        }
        if trouble.self_test_failed && kind.cryptographic() {
            return refuse(
                CKR_DEVICE_ERROR,
                "the device is in its error state: a self-test failed",
            );
        }
        if trouble.entropy_fail && kind == Kind::Random {
            return refuse(CKR_RANDOM_NO_RNG, "the random number generator has failed its test");
        }
        if trouble.entropy_fail && kind == Kind::Generates {
            return refuse(CKR_FUNCTION_FAILED, "the random number generator has failed its test");
        }
        if request.mechanism().is_some_and(|kind| trouble.missing.contains(&kind)) {
            return refuse(CKR_MECHANISM_INVALID, "this firmware does not have the mechanism");
        }
        if trouble.memory_full && matches!(kind, Kind::Generates | Kind::Stores) {
            return refuse(CKR_DEVICE_MEMORY, "the device has no room for new objects");
        }
        let (probability, rv) = trouble.errors.filter(|_| kind.cryptographic())?;
        let struck = self.chance.lock().chance(probability);
        struck.then(|| Error::new(rv, "an error that a fault asks for"))
    }

    /// Takes a place for a session; `false` if all are taken.
    pub(crate) fn open_session(&self) -> bool {
        Self::take(&self.sessions, self.now().and_then(|trouble| trouble.sessions_max))
    }

    /// A session's place is free again.
    pub(crate) fn close_session(&self) {
        self.sessions.fetch_sub(1, Ordering::AcqRel);
    }

    /// A place for a connection; `None` if all are taken.
    pub(crate) fn open_link(self: &Arc<Self>) -> Option<Place> {
        let most = self.now().and_then(|trouble| trouble.links_max);
        Self::take(&self.links, most).then(|| Place(Arc::clone(self)))
    }

    fn take(taken: &AtomicU64, most: Option<u64>) -> bool {
        let count = taken.fetch_add(1, Ordering::AcqRel) + 1;
        let has_one = most.is_none_or(|most| count <= most);
        if !has_one {
            taken.fetch_sub(1, Ordering::AcqRel);
        }
        has_one
    }
}

/// A place among the connections that are open; free again when dropped.
pub(crate) struct Place(Arc<Troubles>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.links.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether the device has to compute with keys or random numbers for it.
pub(crate) fn is_cryptographic(request: &Request) -> bool {
    Kind::of(request).cryptographic()
}

/// What a request needs of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Random numbers for the caller.
    Random,
    /// Random numbers for a key, and room for it.
    Generates,
    /// Room for an object.
    Stores,
    /// Neither, but a key's use.
    Uses,
    /// Roles, attributes, searches.
    Other,
}

impl Kind {
    fn of(request: &Request) -> Self {
        match request {
            Request::Random { .. } | Request::SeedRandom => Self::Random,
            Request::GenerateKey { .. }
            | Request::GenerateKeyPair { .. }
            | Request::Encapsulate { .. } => Self::Generates,
            Request::Create { .. } | Request::Copy { .. } | Request::CloneAsTarget { .. } => {
                Self::Stores
            }
            Request::Unwrap { .. } | Request::Derive { .. } | Request::Decapsulate { .. } => {
                Self::Stores
            }
            Request::OnePart { .. }
            | Request::Begin { .. }
            | Request::Update { .. }
            | Request::DigestKey { .. }
            | Request::Final { .. }
            | Request::Save { .. }
            | Request::Restore { .. }
            | Request::Wrap { .. } => Self::Uses,
            _ => Self::Other,
        }
    }

    fn cryptographic(self) -> bool {
        !matches!(self, Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_network::stream;

    use super::*;

    fn code(trouble: &Trouble, request: &Request) -> Option<CK_RV> {
        let troubles = Troubles::new(stream(1, "test"));
        troubles.refusal(trouble, 0, request).map(|error| error.rv())
    }

    #[test]
    fn each_trouble_refuses_what_it_concerns_and_nothing_else() {
        let random = Request::Random { len: 8 };
        let find = Request::Inventory;
        let clone = Request::CloneAsTarget { objects: Vec::new() };
        let none = Trouble::default();
        let full = Trouble { memory_full: true, ..none.clone() };
        let dry = Trouble { entropy_fail: true, ..none.clone() };
        let failed = Trouble { self_test_failed: true, ..none.clone() };
        let errors = Trouble { errors: Some((1.0, CKR_HOST_MEMORY)), ..none.clone() };
        for (trouble, on_random, on_clone) in [
            (&none, None, None),
            (&full, None, Some(CKR_DEVICE_MEMORY)),
            (&dry, Some(CKR_RANDOM_NO_RNG), None),
            (&failed, Some(CKR_DEVICE_ERROR), Some(CKR_DEVICE_ERROR)),
            (&errors, Some(CKR_HOST_MEMORY), Some(CKR_HOST_MEMORY)),
        ] {
            assert_eq!(code(trouble, &random), on_random, "{trouble:?}");
            assert_eq!(code(trouble, &clone), on_clone, "{trouble:?}");
            assert_eq!(code(trouble, &find), None, "{trouble:?}");
        }
    }

    #[test]
    fn errors_come_as_often_as_they_are_likely() {
        let troubles = Troubles::new(stream(1, "test"));
        let trouble = Trouble { errors: Some((0.25, CKR_DEVICE_ERROR)), ..Trouble::default() };
        let request = Request::Random { len: 8 };
        let struck =
            (0..4000).filter(|_| troubles.refusal(&trouble, 0, &request).is_some()).count();
        assert!((900..1100).contains(&struck), "{struck}");
    }

    #[test]
    fn a_wrong_clock_is_ahead_or_behind_and_runs_away() {
        const HOUR: u64 = 3_600_000_000_000;
        let skew = |ahead_ns, drift_ppm| Skew { ahead_ns, drift_ppm, since_ns: HOUR };
        assert_eq!(Skew::default().shown(5), 5);
        assert_eq!(skew(7, 0).shown(HOUR), HOUR + 7);
        assert_eq!(skew(-7, 0).shown(HOUR), HOUR - 7);
        assert_eq!(skew(-7, 0).shown(3), 0, "no clock shows what was before 1970");
        assert_eq!(skew(0, 100).shown(2 * HOUR), 2 * HOUR + HOUR / 10_000);
    }

    #[test]
    fn a_session_that_ends_leaves_its_place_to_another() {
        let troubles = Arc::new(Troubles::new(stream(1, "test")));
        troubles.set(Trouble { sessions_max: Some(1), ..Trouble::default() });
        assert!(troubles.open_session() && !troubles.open_session());
        troubles.close_session();
        assert!(troubles.open_session());
    }
}
