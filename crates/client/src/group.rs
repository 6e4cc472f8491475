//! A slot: an HA group of members, or one partition by itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_utils::atomic::AtomicCell;
use hsmsim_types::{Pin, Role, SlotId};
use parking_lot::Mutex;

use crate::{checks::Checks, choose, member::Member};

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
    /// Whose login it is: changed under its lock, read without.
    role: AtomicCell<Option<Role>>,
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
    /// Open sessions of this library.
    pub(crate) sessions: SessionCount,
    /// What the primary has allowed.
    pub(crate) checks: Checks,
}

/// How many sessions are open, and how many of them are read-write: one word, changed at once.
#[derive(Default)]
pub(crate) struct SessionCount(AtomicU64);

impl SessionCount {
    const READ_WRITE: u64 = 1 << 32;

    fn one(read_write: bool) -> u64 {
        if read_write { Self::READ_WRITE + 1 } else { 1 }
    }

    pub(crate) fn opened(&self, read_write: bool) {
        self.0.fetch_add(Self::one(read_write), Ordering::AcqRel);
    }

    pub(crate) fn closed(&self, read_write: bool) {
        self.0.fetch_sub(Self::one(read_write), Ordering::AcqRel);
    }

    pub(crate) fn all(&self) -> u64 {
        self.0.load(Ordering::Acquire) % Self::READ_WRITE
    }

    pub(crate) fn read_write(&self) -> u64 {
        self.0.load(Ordering::Acquire) / Self::READ_WRITE
    }
}

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
            role: AtomicCell::new(None),
            login_order: tokio::sync::Mutex::new(()),
            login_generation: AtomicU64::new(0),
            login_taken_at: AtomicU64::new(0),
            total_losses: AtomicU64::new(0),
            failovers: AtomicU64::new(0),
            standby_served: AtomicBool::new(false),
            sessions: SessionCount::default(),
            checks: Checks::default(),
        }
    }

    /// Whether somebody is logged in whose login ends with the session that is about to: the last one.
    pub(crate) fn login_ends(&self) -> bool {
        self.sessions.all() <= 1 && self.role().is_some()
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
        self.role.load()
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
        self.role.store(login.as_ref().map(|login| login.role));
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

    /// Whether every member has been given up.
    pub(crate) fn all_lost(&self) -> bool {
        self.members.iter().all(Member::is_down)
    }
}
