//! A member of a group as this client sees it: its state, its connection, its load.
//!
//! The truth about a device and what a client believes are two things: a member that has power
//! again stays given up until somebody recovers it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_network::Time;
use hsmsim_partition::api::OpenSession;
use hsmsim_sim_config::RecoveryAttempts;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, futures::Notified};

use crate::{
    choose::Candidate,
    transport::{Address, Connection, MemberSession},
};

/// Why a member was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The wire or the device said no at once.
    Refused,
    /// Nothing was heard for the receive (or connect) timeout.
    Silent,
    /// It refused a login that the others accepted; recovery never repeats such a login.
    LoginRefused,
}

impl Loss {
    /// The word for logs, views and reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::LoginRefused => "login refused",
        }
    }
}

/// What the client believes about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not asked for anything yet.
    Idle,
    /// In use.
    Up,
    /// Given up.
    Down(Down),
}

/// A member that was given up, and what recovery did about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Down {
    /// Since when.
    pub(crate) since: Time,
    /// Why.
    pub(crate) why: Loss,
    /// Attempts to bring it back so far.
    pub(crate) attempts: u32,
    /// No automatic attempt before this time.
    pub(crate) next_attempt: Time,
}

impl Down {
    /// Whether an automatic attempt is due (Luna guide, "Recovery"; `hagroup retry`, `interval`).
    pub(crate) fn attempt_is_due(&self, now: Time, attempts: RecoveryAttempts) -> bool {
        let allowed = match attempts {
            RecoveryAttempts::Off => false,
            RecoveryAttempts::AtMost(most) => self.attempts < most,
            RecoveryAttempts::Unlimited => true,
        };
        allowed && self.why != Loss::LoginRefused && now >= self.next_attempt
    }

    /// The state after an attempt that failed.
    pub(crate) fn after_attempt(self, now: Time, interval: Duration) -> Self {
        Self { attempts: self.attempts + 1, next_attempt: now + interval, ..self }
    }
}

/// One member.
pub(crate) struct Member {
    /// Name of the device.
    pub(crate) device: String,
    /// Where it is.
    pub(crate) address: Address,
    /// Serial number of the partition.
    pub(crate) serial: String,
    /// Serves only when no active member is left.
    pub(crate) standby: bool,
    /// Fed by the devices, not by the client.
    pub(crate) asynchronous: bool,
    /// Time to set up a connection if all is well; how long a healthy one is waited for while
    /// another is there already.
    pub(crate) expected_connect: Duration,
    // Lock: short look-ups and changes, never across an await.
    status: Mutex<Status>,
    given_up: AtomicBool,
    /// Whether somebody tries to bring it back.
    recovering: AtomicBool,
    // Lock: looks, changes and the opening of a session, never across an await.
    connection: RwLock<Option<Arc<dyn Connection>>>,
    /// Wakes the calls that wait for this member when it is given up.
    gone: Notify,
    /// Counts the connections: a session of an older one is gone.
    generation: AtomicU64,
    /// The group's login (its generation) that holds on this member; 0 for none.
    pub(crate) logged_in: AtomicU64,
    /// Logins and logouts reach the member one after the other, whichever sessions they come through:
    /// of two on their way at the same time the member might take the older one last. Whoever waits
    /// for it blocks no thread; whoever has it waits for the member no longer than for any answer.
    pub(crate) login_order: tokio::sync::Mutex<()>,
    /// Requests sent to it.
    pub(crate) load: Load,
}

/// How many requests are without an answer, and how many were answered: one word, changed at once.
#[derive(Default)]
pub(crate) struct Load(AtomicU64);

impl Load {
    const SERVED: u64 = 1 << 24;

    /// A request is under way until what is given is dropped.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Requests without an answer.
    pub(crate) fn in_flight(&self) -> u64 {
        self.0.load(Ordering::Relaxed) % Self::SERVED
    }

    /// Requests answered.
    pub(crate) fn served(&self) -> u64 {
        self.0.load(Ordering::Relaxed) / Self::SERVED
    }
}

/// Counts a request as under way, also if its caller goes away.
pub(crate) struct InFlight<'a>(&'a Load);

impl InFlight<'_> {
    /// It was answered.
    pub(crate) fn served(self) {
        self.0.0.fetch_add(Load::SERVED - 1, Ordering::Relaxed);
        std::mem::forget(self);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Member {
    pub(crate) fn new(
        device: String,
        address: Address,
        serial: String,
        standby: bool,
        asynchronous: bool,
        expected_connect: Duration,
    ) -> Self {
        Self {
            device,
            address,
            serial,
            standby,
            asynchronous,
            expected_connect,
            status: Mutex::new(Status::Idle),
            given_up: AtomicBool::new(false),
            recovering: AtomicBool::new(false),
            connection: RwLock::new(None),
            gone: Notify::new(),
            generation: AtomicU64::new(0),
            logged_in: AtomicU64::new(0),
            login_order: tokio::sync::Mutex::new(()),
            load: Load::default(),
        }
    }

    pub(crate) fn candidate(&self) -> Candidate {
        Candidate {
            usable: !self.given_up.load(Ordering::Acquire),
            standby: self.standby,
            in_flight: self.load.in_flight(),
        }
    }

    pub(crate) fn status(&self) -> Status {
        *self.status.lock()
    }

    pub(crate) fn is_down(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    pub(crate) fn connection(&self) -> Option<Arc<dyn Connection>> {
        self.connection.read().clone()
    }

    /// Opens a session if there is a connection and nothing on the way to the member has to wait.
    pub(crate) fn open_at_once(
        &self,
        open: OpenSession,
    ) -> Option<hsmsim_types::Result<MemberSession>> {
        let connection = self.connection.read();
        let connection = connection.as_ref().filter(|connection| !connection.is_broken())?;
        connection.open_at_once(open)
    }

    /// Whether there is a connection, as far as this client knows: there was a first one, and it was not lost.
    pub(crate) fn is_connected(&self) -> bool {
        self.generation() > 0 && !self.is_down()
    }

    /// Whether it is to be connected with the others at first use.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.standby && !self.is_down() && !self.is_connected()
    }

    /// Completes when the member is given up after this was called.
    pub(crate) fn gone(&self) -> Notified<'_> {
        self.gone.notified()
    }

    /// Counts the connections this member has had.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// A lost member takes part again.
    pub(crate) fn joined(&self, connection: Arc<dyn Connection>) {
        let mut status = self.status.lock();
        *self.connection.write() = Some(connection);
        self.logged_in.store(0, Ordering::Release);
        self.generation.fetch_add(1, Ordering::AcqRel);
        *status = Status::Up;
        self.given_up.store(false, Ordering::Release);
    }

    /// A first connection was made, begun when the count of connections was `since`. A member that was
    /// given up meanwhile stays so: only recovery brings it back, with the copies it is owed. Of two
    /// connections made at the same time the first counts.
    pub(crate) fn connected(&self, connection: Arc<dyn Connection>, since: u64) -> bool {
        let mut status = self.status.lock();
        if matches!(*status, Status::Down(_)) {
            return false;
        }
        if self.generation() == since {
            *self.connection.write() = Some(connection);
            self.logged_in.store(0, Ordering::Release);
            self.generation.fetch_add(1, Ordering::AcqRel);
            *status = Status::Up;
        }
        true
    }

    /// A login (0: none) holds on its connection number `since`; on a later one it does not.
    pub(crate) fn login_holds(&self, login: u64, since: u64) {
        let status = self.status.lock();
        if *status == Status::Up && self.generation() == since {
            self.logged_in.store(login, Ordering::Release);
        }
    }

    /// Gives the member up for what happened on its connection number `since`. Gives `false` if it was
    /// given up already, or has another connection since: what an old one says is no news.
    pub(crate) fn lost(&self, why: Loss, now: Time, interval: Duration, since: u64) -> bool {
        let mut status = self.status.lock();
        if matches!(*status, Status::Down(_)) || self.generation() != since {
            return false;
        }
        *status = Status::Down(Down { since: now, why, attempts: 0, next_attempt: now + interval });
        self.given_up.store(true, Ordering::Release);
        *self.connection.write() = None;
        self.logged_in.store(0, Ordering::Release);
        drop(status);
        self.gone.notify_waiters();
        true
    }

    /// An attempt to bring it back failed.
    pub(crate) fn still_lost(&self, now: Time, interval: Duration) {
        let mut status = self.status.lock();
        if let Status::Down(down) = *status {
            *status = Status::Down(down.after_attempt(now, interval));
        }
    }

    /// Begins an attempt to bring it back, which ends when what is given is dropped; `None` if there is
    /// one already.
    pub(crate) fn begin_recovery(&self) -> Option<Recovering<'_>> {
        let first = !self.recovering.swap(true, Ordering::AcqRel);
        // Made only if it is the first: one that is dropped ends the attempt.
        first.then(|| Recovering(&self.recovering))
    }

    /// Forgets that a login was refused, so that a person's `ha recover` may try again.
    pub(crate) fn allow_recovery(&self) {
        let mut status = self.status.lock();
        if let Status::Down(down) = &mut *status {
            down.why = Loss::Refused;
        }
    }
}

/// An attempt under way.
pub(crate) struct Recovering<'a>(&'a AtomicBool);

impl Drop for Recovering<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(attempts: u32, why: Loss) -> Down {
        Down { since: Time::from_nanos(0), why, attempts, next_attempt: Time::from_nanos(100) }
    }

    #[test]
    fn recovery_is_off_bounded_or_endless() {
        let later = Time::from_nanos(100);
        let most = RecoveryAttempts::AtMost(3);
        assert!(!down(0, Loss::Silent).attempt_is_due(later, RecoveryAttempts::Off));
        assert!(down(2, Loss::Silent).attempt_is_due(later, most));
        assert!(!down(3, Loss::Silent).attempt_is_due(later, most));
        assert!(down(9999, Loss::Silent).attempt_is_due(later, RecoveryAttempts::Unlimited));
    }

    #[test]
    fn recovery_waits_its_interval() {
        let attempts = RecoveryAttempts::Unlimited;
        assert!(!down(0, Loss::Silent).attempt_is_due(Time::from_nanos(99), attempts));
        let next =
            down(0, Loss::Silent).after_attempt(Time::from_nanos(100), Duration::from_nanos(60));
        assert_eq!((next.attempts, next.next_attempt), (1, Time::from_nanos(160)));
    }

    #[test]
    fn recovery_never_repeats_a_refused_login() {
        let later = Time::from_nanos(1_000);
        assert!(!down(0, Loss::LoginRefused).attempt_is_due(later, RecoveryAttempts::Unlimited));
    }
}
