//! A slot: an HA group of members, or one partition by itself.

use std::{
    mem::{Discriminant, discriminant},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use hsmsim_partition::api::{Checked, OperationKind};
use hsmsim_types::{Mechanism, ObjectId, Params, Pin, Role, SlotId};
use parking_lot::{Mutex, RwLock};

use crate::{choose, handles::Table, member::Member};

/// Who is logged in on a slot. The PIN is kept, wiped on logout, because the library logs in to a
/// member whenever it first needs it, and again after a failover.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) role: Role,
    pub(crate) pin: Pin,
}

/// A slot that the application sees.
pub(crate) struct Group {
    /// Its number.
    pub(crate) slot: SlotId,
    /// Its index in the library's list.
    pub(crate) index: usize,
    /// The label in the topology, which names it on the command line.
    pub(crate) label: String,
    /// Whether it is an HA group: more than one member.
    pub(crate) ha: bool,
    /// Serial number of the group (of the partition if there is one only).
    pub(crate) serial: String,
    /// Its members; the order decides who is first.
    pub(crate) members: Vec<Member>,
    // Locks: short, never across an await.
    login: Mutex<Option<Login>>,
    /// C_Login and C_Logout come one after the other: the next begins when every member that is there
    /// has answered the one before. Waiting for it blocks no thread, and a call that ends early
    /// leaves it.
    pub(crate) login_order: tokio::sync::Mutex<()>,
    /// Counts logins and logouts; odd while somebody is logged in.
    login_generation: AtomicU64,
    /// The generation at which a call fault took the login away; 0 if none has.
    pub(crate) login_taken_at: AtomicU64,
    /// Counts losses of all members at once.
    pub(crate) total_losses: AtomicU64,
    /// Counts calls that moved to another member.
    pub(crate) failovers: AtomicU64,
    /// Whether a standby member has answered a call.
    pub(crate) standby_served: AtomicBool,
    /// Open sessions of this library, and those of them that are read-write.
    pub(crate) sessions: AtomicU64,
    pub(crate) rw_sessions: AtomicU64,
    checks: RwLock<Checks>,
}

/// Inits that were checked on the primary and need not be again.
#[derive(Default)]
struct Checks {
    generation: Option<u64>,
    known: Table<CheckKey, Known>,
}

/// The answer to a check, and the mechanism that it was made with if every such check is of the same.
pub(crate) type Known = (Option<Arc<Mechanism>>, Checked);

/// What a check depends on: not the contents of an IV, which differ at every call, but its length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CheckKey {
    kind: OperationKind,
    key: Option<ObjectId>,
    mechanism: u64,
    shape: Shape,
}

/// What of a mechanism's parameters a check depends on. Making one allocates nothing for those of ciphers.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Shape {
    /// All that they say.
    All(Params),
    /// Lengths, for parameters of that form.
    Lengths(Discriminant<Params>, [u64; 3]),
}

impl Shape {
    fn of(params: &Params) -> Self {
        let nonce = |bytes: &[u8]| bytes.len().min(64) as u64;
        let lengths = match params {
            Params::Bytes(bytes) => [bytes.len() as u64, 0, 0],
            Params::Gcm { iv, iv_bits, aad, tag_bits } => {
                [nonce(iv) << 1 | u64::from(!aad.is_empty()), *iv_bits, *tag_bits]
            }
            Params::Ccm { nonce: bytes, mac_len, .. } => [nonce(bytes), *mac_len, 0],
            Params::ChaCha20 { nonce: bytes, .. }
            | Params::ChaCha20Poly1305 { nonce: bytes, .. } => [nonce(bytes), 0, 0],
            Params::Ctr { counter_bits, .. } => [*counter_bits, 0, 0],
            other => return Self::All(other.clone()),
        };
        Self::Lengths(discriminant(params), lengths)
    }
}

impl CheckKey {
    pub(crate) fn new(kind: OperationKind, key: Option<ObjectId>, mechanism: &Mechanism) -> Self {
        Self { kind, key, mechanism: mechanism.kind, shape: Shape::of(&mechanism.params) }
    }
}

/// A bound on remembered checks; beyond it all are forgotten.
const MAX_CHECKS: usize = 4096;

impl Group {
    pub(crate) fn new(
        slot: SlotId,
        index: usize,
        label: String,
        ha: bool,
        serial: String,
        members: Vec<Member>,
    ) -> Self {
        Self {
            slot,
            index,
            label,
            ha,
            serial,
            members,
            login: Mutex::new(None),
            login_order: tokio::sync::Mutex::new(()),
            login_generation: AtomicU64::new(0),
            login_taken_at: AtomicU64::new(0),
            total_losses: AtomicU64::new(0),
            failovers: AtomicU64::new(0),
            standby_served: AtomicBool::new(false),
            sessions: AtomicU64::new(0),
            rw_sessions: AtomicU64::new(0),
            checks: RwLock::default(),
        }
    }

    /// The first member that is there.
    pub(crate) fn primary(&self) -> Option<usize> {
        choose::primary(self.members.iter().map(Member::candidate))
    }

    /// The member for a one-part operation.
    pub(crate) fn one_part(&self) -> Option<usize> {
        choose::one_part(self.members.iter().map(Member::candidate))
    }

    /// Who is logged in.
    pub(crate) fn login(&self) -> Option<Login> {
        self.login.lock().clone()
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.login.lock().as_ref().map(|login| login.role)
    }

    /// Who is logged in, with the login's generation.
    pub(crate) fn standing_login(&self) -> Option<(u64, Login)> {
        let login = self.login.lock();
        login.clone().map(|login| (self.login_generation(), login))
    }

    /// The generation that the next login will have.
    pub(crate) fn next_login(&self) -> u64 {
        (self.login_generation() + 1) | 1
    }

    /// Changes who is logged in.
    pub(crate) fn set_login(&self, login: Option<Login>) {
        let mut current = self.login.lock();
        let logged_in = login.is_some();
        *current = login;
        let mut generation = self.login_generation.load(Ordering::Acquire) + 1;
        if (generation % 2 == 1) != logged_in {
            generation += 1;
        }
        self.login_generation.store(generation, Ordering::Release);
    }

    /// The PIN that will be used from now on, after a change of PIN.
    pub(crate) fn replace_pin(&self, pin: Pin) {
        if let Some(login) = &mut *self.login.lock() {
            login.pin = pin;
        }
    }

    /// The generation of the login that holds; even if nobody is logged in.
    pub(crate) fn login_generation(&self) -> u64 {
        self.login_generation.load(Ordering::Acquire)
    }

    /// What a check gave, if it still holds at this generation of the primary's objects.
    pub(crate) fn checked(&self, key: &CheckKey, generation: Option<u64>) -> Option<Known> {
        let checks = self.checks.read();
        (checks.generation == generation && generation.is_some())
            .then(|| checks.known.get(key).cloned())
            .flatten()
    }

    /// Remembers the check of a mechanism.
    pub(crate) fn remember_check(
        &self,
        key: CheckKey,
        generation: Option<u64>,
        mechanism: &Arc<Mechanism>,
        checked: Checked,
    ) {
        let is_the_same = matches!(key.shape, Shape::All(_));
        let mut checks = self.checks.write();
        if checks.generation != generation || checks.known.len() >= MAX_CHECKS {
            checks.known.clear();
            checks.generation = generation;
        }
        checks.known.insert(key, (is_the_same.then(|| Arc::clone(mechanism)), checked));
    }

    /// Forgets all checks: somebody logged in or out, or the primary changed.
    pub(crate) fn forget_checks(&self) {
        self.checks.write().known.clear();
    }

    /// Whether every member has been given up.
    pub(crate) fn all_lost(&self) -> bool {
        self.members.iter().all(Member::is_down)
    }
}
