//! Bringing a lost member back: when an attempt is made, and what is done before the member serves.
//!
//! Luna guide, "Recovery": off unless a retry count is set; never more often than the interval; an
//! attempt by hand (`hagroup recover`) happens at the application's next call and needs no restart.
//! Keys made meanwhile are copied to the returning member first.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_cluster::Cluster;
use hsmsim_network::{all, race};
use hsmsim_sim_config::{OwedCopies, RecoveryAttempts, RecoveryMode};
use hsmsim_types::{Error, Result, SlotId, ck::*};
use tokio::sync::Notify;

use crate::{
    Client,
    group::Group,
    member::{Member, Status},
    planted::Planted,
};

/// What recovery remembers.
pub(crate) struct Recovery {
    /// The last request by hand that was followed.
    followed: AtomicU64,
    /// Wakes the background thread.
    wake: Notify,
    /// Whether threads may be made.
    threads: AtomicBool,
    running: AtomicBool,
    /// When what members that serve have refused is tried again, on this client's clock in ns;
    /// `u64::MAX`: nothing is.
    pub(crate) again_at: AtomicU64,
    /// The client itself, for its thread.
    client: parking_lot::Mutex<Weak<Client>>,
}

impl Recovery {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        Self {
            followed: AtomicU64::new(cluster.recovery_requests()),
            wake: Notify::new(),
            threads: AtomicBool::new(false),
            running: AtomicBool::new(false),
            again_at: AtomicU64::new(first_look(cluster)),
            client: parking_lot::Mutex::default(),
        }
    }
}

/// When a client that starts looks whether a member that serves is owed what another process was refused
/// there; never if nothing is owed durably.
fn first_look(cluster: &Cluster) -> u64 {
    let ha = &cluster.topology().ha;
    let durable = ha.owed_copies == OwedCopies::Durable;
    if durable && cluster.ledger().owes_anything().unwrap_or_default() {
        let interval = cluster.scaled(ha.recovery_interval);
        return (cluster.clock().now() + interval).as_nanos();
    }
    u64::MAX
}

/// The longest the background thread sleeps between two looks at what is due.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How often a returning member is paid what fell due meanwhile before it serves all the same: under a load
/// that makes keys faster than they can be copied it would else never return.
const PASSES: usize = 16;

/// What an attempt on one member came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecovery {
    /// Name of the device.
    pub device: String,
    /// Whether it serves now.
    pub up: bool,
    /// Objects copied to it.
    pub copied: usize,
    /// Deletions it caught up with.
    pub deleted: usize,
    /// Why it does not serve, in a sentence.
    pub problem: Option<String>,
}

impl MemberRecovery {
    pub(crate) fn of(member: &Member) -> Self {
        let device = member.device.clone();
        Self { device, up: !member.is_down(), copied: 0, deleted: 0, problem: None }
    }
}

impl Client {
    /// Permits a background thread, made when a member is first lost and recovery is automatic.
    pub(crate) fn allow_background(self: &Arc<Self>) {
        *self.recovery.client.lock() = Arc::downgrade(self);
        self.recovery.threads.store(true, Ordering::Release);
    }

    /// The client for a thread of its own, if there may be one.
    pub(crate) fn client_for_threads(&self) -> Option<Weak<Self>> {
        let allowed = self.recovery.threads.load(Ordering::Acquire);
        let client = allowed.then(|| self.recovery.client.lock().clone())?;
        (client.strong_count() > 0).then_some(client)
    }

    /// What the background thread does, for a client that has none: spawn it where the client's calls
    /// run. It ends when the client is shut down.
    pub async fn background(self: Arc<Self>) {
        // Nothing else may do it, neither a thread nor a call.
        self.recovery.threads.store(true, Ordering::Release);
        self.recovery.running.store(true, Ordering::Release);
        while !self.is_shut_down() {
            self.background_round().await;
            if self.has_background_work() {
                race(self.recovery.wake.notified(), self.clock().sleep(self.pause())).await;
            } else {
                self.recovery.wake.notified().await;
            }
        }
    }

    /// How long the background rests: until something is due, as far as that is known.
    fn pause(&self) -> Duration {
        let pause = self.timers.recovery_interval.min(LONGEST_PAUSE);
        let now_ns = self.clock().unix_now();
        let arrival = self.cluster.next_arrival_ns().map(|at| at.saturating_sub(now_ns));
        arrival.map_or(pause, |wait| pause.min(Duration::from_nanos(wait)))
    }

    /// Attempts that are due, and what the devices told each other.
    async fn background_round(&self) {
        if self.recovers_by_itself() && self.timers.recovery_mode != RecoveryMode::Passive {
            for group in &self.groups {
                self.attempt_due(group).await;
            }
        }
        self.deliver();
        if self.timers.recovery_mode != RecoveryMode::Passive && self.again_is_due() {
            self.try_again().await;
        }
    }

    fn recovers_by_itself(&self) -> bool {
        self.timers.recovery_attempts != RecoveryAttempts::Off
    }

    /// Whether [`Self::recover_in_call`] may find something to do.
    pub(crate) fn may_recover_in_call(&self, group: &Group) -> bool {
        self.cluster.recovery_requests() != self.recovery.followed.load(Ordering::Acquire)
            || self.cluster.arrivals_are_due()
            || self.again_is_due()
            || (group.members.iter().any(Member::is_down) && self.recovers_inside_calls())
    }

    /// Whether attempts of its own accord are made inside calls.
    fn recovers_inside_calls(&self) -> bool {
        self.has_no_background() && self.recovers_by_itself()
    }

    /// Whether what a thread would do is done inside calls.
    fn has_no_background(&self) -> bool {
        self.timers.recovery_mode == RecoveryMode::Passive
            || !self.recovery.threads.load(Ordering::Acquire)
    }

    /// Recovery inside a call: requests by hand, and automatic attempts where there is no thread.
    pub(crate) async fn recover_in_call(&self, group: &Group) {
        let requested = self.cluster.recovery_requests();
        if requested != self.recovery.followed.load(Ordering::Acquire) {
            self.recovery.followed.store(requested, Ordering::Release);
            for group in &self.groups {
                let lost = (0..group.members.len()).filter(|&index| group.members[index].is_down());
                all(lost.map(|index| async move {
                    group.members[index].allow_recovery();
                    self.attempt(group, index).await
                }))
                .await;
            }
            if self.waits_to_try_again() {
                self.try_again().await;
            }
        }
        let threads = self.recovery.threads.load(Ordering::Acquire);
        if self.cluster.arrivals_are_due() {
            if threads {
                self.wake_recovery();
            } else {
                self.deliver();
            }
        }
        if self.again_is_due() {
            if self.has_no_background() {
                self.try_again().await;
            } else {
                self.wake_recovery();
            }
        }
        if self.recovers_inside_calls() && group.members.iter().any(Member::is_down) {
            self.attempt_due(group).await;
        }
    }

    /// Attempts on those members of a group that are due.
    async fn attempt_due(&self, group: &Group) {
        let basic = self.timers.recovery_mode != RecoveryMode::ActiveEnhanced;
        if group.ha && basic && group.all_lost() {
            return;
        }
        let now = self.clock().now();
        let due = (0..group.members.len()).filter(|&index| match group.members[index].status() {
            Status::Down(down) => down.attempt_is_due(now, self.timers.recovery_attempts),
            _ => false,
        });
        all(due.map(|index| self.attempt(group, index))).await;
    }

    /// Whether the background thread has something to do or to wait for.
    fn has_background_work(&self) -> bool {
        let active = self.timers.recovery_mode != RecoveryMode::Passive;
        let recovers = self.recovers_by_itself() && active;
        self.cluster.is_behind()
            || self.cluster.arrivals_are_due()
            || (active && self.waits_to_try_again())
            || (recovers
                && self.groups.iter().any(|group| group.members.iter().any(Member::is_down)))
    }

    /// Tells the background thread, if there may be one, that there is something to do.
    pub(crate) fn wake_recovery(&self) {
        let by_thread = self.has_background_work() && self.recovery.threads.load(Ordering::Acquire);
        if by_thread && !self.is_shut_down() && !self.recovery.running.swap(true, Ordering::AcqRel)
        {
            let client = self.recovery.client.lock().clone();
            let started = std::thread::Builder::new()
                .name("hsmsim-recovery".to_owned())
                .spawn(move || recover_in_background(&client));
            match started {
                Ok(thread) => *self.background.lock() = Some(thread),
                Err(error) => {
                    tracing::warn!(%error, "no thread for recovery: it happens inside calls");
                    self.recovery.threads.store(false, Ordering::Release);
                }
            }
        }
        self.recovery.wake.notify_one();
    }

    /// One attempt to bring a member back.
    pub(crate) async fn attempt(&self, group: &Group, index: usize) -> MemberRecovery {
        let member = &group.members[index];
        let mut report = MemberRecovery::of(member);
        if report.up {
            return report;
        }
        let Some(_recovering) = member.begin_recovery() else {
            report.problem = Some("another attempt is under way".to_owned());
            return report;
        };
        match self.rejoin(group, index, &mut report).await {
            Ok(()) => {
                report.up = true;
                tracing::info!(group = %group.label, member = %member.device, copied = report.copied,
                    deleted = report.deleted, "member recovered");
                let detail = format!("{} copied, {} deleted", report.copied, report.deleted);
                self.event("member_recovered", group, Some(member), &detail);
                group.checks.forget();
                self.pay_others(group, index).await;
            }
            Err(problem) => {
                member.still_lost(self.clock().now(), self.timers.recovery_interval);
                self.event("recovery_failed", group, Some(member), problem.rule());
                report.problem = Some(problem.rule().to_owned());
            }
        }
        self.publish_view();
        report
    }

    /// Pays those that serve what they are owed, when a member returns that may have it.
    async fn pay_others(&self, group: &Group, returned: usize) {
        for index in (0..group.members.len()).filter(|&index| index != returned) {
            if self.serves_with_debts(group, index) {
                self.pay_in_place(group, index).await;
            }
        }
    }

    /// Connects, brings the member up to date, lets it serve, and pays what fell due meanwhile.
    async fn rejoin(&self, group: &Group, index: usize, report: &mut MemberRecovery) -> Result<()> {
        let member = &group.members[index];
        let (connection, mut session) = self.reach(member).await?;
        self.deliver();
        if self.planted == Some(Planted::StaleMemberServes) {
            member.joined(Arc::clone(&connection));
            self.clock().sleep(Duration::from_secs(1)).await;
        }
        // What falls due while it is paid is paid before it serves, as long as that comes to an end.
        for _ in 0..PASSES {
            if !self.pay(group, index, &mut session, report).await? {
                break;
            }
        }
        // What it alone has others may be owed since they returned before it: a call that comes to one
        // of them must not miss what a member that serves holds.
        self.pay_others(group, index).await;
        member.joined(connection);
        // From now on it serves, whatever comes of this.
        if let Err(error) = self.pay(group, index, &mut session, report).await {
            self.refused_in_place(group, member, &error);
        }
        Ok(())
    }

    /// `ha recover`: connects every member of a group, brings returning ones up to date, and asks
    /// every other process to do the same at its next call.
    ///
    /// # Errors
    /// None of its own: what went wrong stands with the member.
    pub async fn ha_recover(&self, label: &str) -> Result<Vec<MemberRecovery>> {
        let reports = self.recover_members(label).await?;
        self.ask_others_to_recover();
        Ok(reports)
    }

    /// Asks every other process to bring lost members back at its next call.
    pub(crate) fn ask_others_to_recover(&self) {
        self.cluster.request_recovery();
        self.recovery.followed.store(self.cluster.recovery_requests(), Ordering::Release);
    }

    /// Connects every member of a group for this client, and brings returning ones up to date.
    pub(crate) async fn recover_members(&self, label: &str) -> Result<Vec<MemberRecovery>> {
        let group = self.group_by_label(label)?;
        // A client that has just started has not noticed yet who is away.
        all((0..group.members.len()).map(|index| self.connected(&group, index))).await;
        let mut reports = Vec::with_capacity(group.members.len());
        for index in 0..group.members.len() {
            let member = &group.members[index];
            member.allow_recovery();
            let mut report = self.attempt(&group, index).await;
            if report.up && report.copied + report.deleted == 0 {
                let paid = self.pay_standing(&group, index, &mut report).await;
                report.problem = paid.err().map(|error| error.rule().to_owned());
            }
            reports.push(report);
        }
        Ok(reports)
    }

    /// Whether a slot has a member of that index that has not been given up.
    pub fn serves(&self, slot: SlotId, index: usize) -> bool {
        let group = self.groups.iter().find(|group| group.slot == slot);
        let member = group.and_then(|group| group.members.get(index));
        member.is_some_and(|member| !member.is_down())
    }

    /// The devices of a slot's members that have not been given up.
    pub fn serving(&self, slot: SlotId) -> Vec<String> {
        let group = self.groups.iter().find(|group| group.slot == slot);
        let members = group.into_iter().flat_map(|group| &group.members);
        members.filter(|member| !member.is_down()).map(|member| member.device.clone()).collect()
    }

    pub(crate) fn group_by_label(&self, label: &str) -> Result<Arc<Group>> {
        let labels = || self.groups.iter().map(|g| g.label.as_str()).collect::<Vec<_>>().join(", ");
        self.groups.iter().find(|group| group.label == label).cloned().ok_or_else(|| {
            Error::new(
                CKR_ARGUMENTS_BAD,
                format!("no group is called {label}; there are {}", labels()),
            )
        })
    }
}

/// The background thread: makes attempts that are due and has replication arrive, and ends when
/// there is nothing left to do.
fn recover_in_background(client: &Weak<Client>) {
    while let Some(client) = client.upgrade() {
        // Ends early, with an error that says so, when the client is shut down.
        let ran = client.run(async {
            client.background_round().await;
            if client.has_background_work() {
                race(client.recovery.wake.notified(), client.clock().sleep(client.pause())).await;
            }
            Ok(())
        });
        if ran.is_err() {
            return;
        }
        if !client.has_background_work() {
            client.recovery.running.store(false, Ordering::Release);
            // Work that came up in between has either seen the flag down or is seen here.
            let more = client.has_background_work();
            if !more || client.recovery.running.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}
