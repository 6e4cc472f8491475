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
use hsmsim_types::{Error, ck::*};
use parking_lot::Mutex;

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trouble {
    /// What each request takes longer.
    pub extra_service: Duration,
    /// It hangs, and says by heartbeats that it works.
    pub heartbeats: bool,
    /// How likely a cryptographic request is answered with which code.
    pub errors: Option<(f64, CK_RV)>,
    /// No room for new objects.
    pub memory_full: bool,
    /// No random numbers.
    pub entropy_fail: bool,
    /// All cryptography is refused.
    pub self_test_failed: bool,
    /// Sessions that it has open at most, of one process.
    pub sessions_max: Option<u64>,
    /// What becomes of new connections, if they fail.
    pub connecting: Option<ConnectFault>,
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

impl Trouble {
    /// Adds a reason why connections cannot be made.
    pub fn refuse_connections(&mut self, fault: ConnectFault) {
        self.connecting = Some(self.connecting.map_or(fault, |other| other.min(fault)));
    }
}

/// The trouble of a device, and what it needs to act.
pub(crate) struct Troubles {
    any: AtomicBool,
    // Locks: looks and changes only, never across an await.
    now: Mutex<Arc<Trouble>>,
    chance: Mutex<SimRng>,
    /// Sessions open, of this process.
    sessions: AtomicU64,
}

impl Troubles {
    pub(crate) fn new(chance: SimRng) -> Self {
        Self {
            any: AtomicBool::new(false),
            now: Mutex::default(),
            chance: Mutex::new(chance),
            sessions: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, trouble: Trouble) {
        self.any.store(trouble != Trouble::default(), Ordering::Release);
        *self.now.lock() = Arc::new(trouble);
    }

    /// What is wrong; `None` if nothing is.
    pub(crate) fn now(&self) -> Option<Arc<Trouble>> {
        self.any.load(Ordering::Acquire).then(|| Arc::clone(&self.now.lock()))
    }

    /// What a request is refused with, if it is.
    pub(crate) fn refusal(&self, trouble: &Trouble, request: &Request) -> Option<Error> {
        let refuse = |rv, rule: &'static str| Some(Error::new(rv, rule));
        let kind = Kind::of(request);
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
        if trouble.memory_full && matches!(kind, Kind::Generates | Kind::Stores) {
            return refuse(CKR_DEVICE_MEMORY, "the device has no room for new objects");
        }
        let (probability, rv) = trouble.errors.filter(|_| kind.cryptographic())?;
        let struck = self.chance.lock().chance(probability);
        struck.then(|| Error::new(rv, "an error that a fault asks for"))
    }

    /// A place for a session; `None` if all are taken.
    pub(crate) fn open_session(self: &Arc<Self>) -> Option<OpenSessions> {
        let open = self.sessions.fetch_add(1, Ordering::AcqRel) + 1;
        let place = OpenSessions(Arc::clone(self));
        let most = self.now().and_then(|trouble| trouble.sessions_max);
        most.is_none_or(|most| open <= most).then_some(place)
    }
}

/// A session's place among those open; free again when dropped.
pub(crate) struct OpenSessions(Arc<Troubles>);

impl Drop for OpenSessions {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::AcqRel);
    }
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
            Request::GenerateKey { .. } | Request::GenerateKeyPair { .. } => Self::Generates,
            Request::Create { .. } | Request::Copy { .. } | Request::CloneAsTarget { .. } => {
                Self::Stores
            }
            Request::Unwrap { .. } | Request::Derive { .. } => Self::Stores,
            Request::OnePart { .. }
            | Request::Begin { .. }
            | Request::Update { .. }
            | Request::DigestKey { .. }
            | Request::Final { .. }
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
        troubles.refusal(trouble, request).map(|error| error.rv())
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
        let struck = (0..4000).filter(|_| troubles.refusal(&trouble, &request).is_some()).count();
        assert!((900..1100).contains(&struck), "{struck}");
    }

    #[test]
    fn a_session_that_ends_leaves_its_place_to_another() {
        let troubles = Arc::new(Troubles::new(stream(1, "test")));
        troubles.set(Trouble { sessions_max: Some(1), ..Trouble::default() });
        let first = troubles.open_session();
        assert!(first.is_some() && troubles.open_session().is_none());
        drop(first);
        assert!(troubles.open_session().is_some());
    }
}
