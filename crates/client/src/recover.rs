//! Bringing a lost member back: when an attempt is made, and what is done before the member serves.
//!
//! Luna guide, "Recovery": off unless a retry count is set; never more often than the interval; an
//! attempt by hand (`hagroup recover`) happens at the application's next call and needs no restart.
//! Keys made meanwhile are copied to the returning member first.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::future::join_all;
use hsmsim_cluster::Cluster;
use hsmsim_network::{drive, race};
use hsmsim_partition::api::{InventoryEntry, Reply, Request};
use hsmsim_sim_config::{RecoveryAttempts, RecoveryMode, Replication};
use hsmsim_store::OwedKind;
use hsmsim_types::{Error, ObjectId, Result, ck::*, error::fail};
use tokio::sync::Notify;

use crate::{
    Client,
    call::{Failure, within},
    group::Group,
    member::{Member, Status},
    operations::unexpected,
    replicate::LIBRARY_SESSION,
    session::Sub,
    transport::MemberSession,
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
    /// Whether an asynchronous member may be behind.
    behind: AtomicBool,
    /// The client itself, for its thread.
    client: parking_lot::Mutex<Weak<Client>>,
}

/// Objects that travel in one message when a member catches up.
const BATCH: usize = 256;

impl Recovery {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        Self {
            followed: AtomicU64::new(cluster.recovery_requests()),
            wake: Notify::new(),
            threads: AtomicBool::new(false),
            running: AtomicBool::new(false),
            // Another process may have died behind with its copies.
            behind: AtomicBool::new(cluster.topology().groups.iter().any(|group| {
                group.members.iter().any(|member| member.replication == Replication::Async)
            })),
            client: parking_lot::Mutex::default(),
        }
    }
}

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
    fn of(member: &Member) -> Self {
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

    fn recovers_by_itself(&self) -> bool {
        self.timers.recovery_attempts != RecoveryAttempts::Off
    }

    /// Recovery inside a call: requests by hand, and automatic attempts where there is no thread.
    pub(crate) async fn recover_in_call(&self, group: &Group) {
        let requested = self.cluster.recovery_requests();
        if requested != self.recovery.followed.load(Ordering::Acquire) {
            self.recovery.followed.store(requested, Ordering::Release);
            for group in &self.groups {
                let lost = (0..group.members.len()).filter(|&index| group.members[index].is_down());
                join_all(lost.map(|index| async move {
                    group.members[index].allow_recovery();
                    self.attempt(group, index).await
                }))
                .await;
            }
        }
        let threads = self.recovery.threads.load(Ordering::Acquire);
        if self.recovery.behind.load(Ordering::Acquire) {
            if threads {
                self.wake_recovery();
            } else {
                self.feed().await;
            }
        }
        let inside = self.timers.recovery_mode == RecoveryMode::Passive || !threads;
        if inside && self.recovers_by_itself() && group.members.iter().any(Member::is_down) {
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
        join_all(due.map(|index| self.attempt(group, index))).await;
    }

    /// Notes that asynchronous members are owed copies, and has them delivered.
    pub(crate) fn fall_behind(&self) {
        self.recovery.behind.store(true, Ordering::Release);
        self.wake_recovery();
    }

    /// Delivers to asynchronous members what they are owed. A member that is lost catches up when it
    /// is recovered.
    async fn feed(&self) {
        self.recovery.behind.store(false, Ordering::Release);
        for group in &self.groups {
            for (index, member) in group.members.iter().enumerate() {
                if !member.asynchronous || member.is_down() {
                    continue;
                }
                let owed = self.debts.owed_to(&group.label, &member.device);
                if owed.is_ok_and(|rows| rows.is_empty()) {
                    continue;
                }
                let mut report = MemberRecovery::of(member);
                if let Err(error) = self.pay_standing(group, index, &mut report).await {
                    tracing::warn!(group = %group.label, member = %member.device, %error,
                        "asynchronous copies not delivered");
                }
            }
        }
    }

    /// Tells the background thread, if there may be one, that there is something to do.
    pub(crate) fn wake_recovery(&self) {
        let recovers =
            self.recovers_by_itself() && self.timers.recovery_mode != RecoveryMode::Passive;
        let by_thread = (recovers || self.recovery.behind.load(Ordering::Acquire))
            && self.recovery.threads.load(Ordering::Acquire);
        if by_thread && !self.is_shut_down() && !self.recovery.running.swap(true, Ordering::AcqRel) {
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
        match self.rejoin(group, index, &mut report).await {
            Ok(()) => {
                report.up = true;
                tracing::info!(group = %group.label, member = %member.device, copied = report.copied,
                    deleted = report.deleted, "member recovered");
                let detail = format!("{} copied, {} deleted", report.copied, report.deleted);
                self.event("member_recovered", group, Some(member), &detail);
                group.forget_checks();
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

    /// Connects, brings the member up to date, lets it serve, and pays what fell due meanwhile.
    async fn rejoin(&self, group: &Group, index: usize, report: &mut MemberRecovery) -> Result<()> {
        let member = &group.members[index];
        let connect = self.transport.connect(member.address);
        let connection = match within(self.clock(), self.timers.connect, connect).await {
            Some(Ok(connection)) => connection,
            Some(Err(_)) => return fail(CKR_DEVICE_ERROR, "it refuses the connection"),
            None => return fail(CKR_DEVICE_ERROR, "it does not answer"),
        };
        let open = connection.open(crate::login::library_session(self.app));
        let mut session = match within(self.clock(), self.timers.receive, open).await {
            Some(Ok(session)) => session?,
            Some(Err(_)) => return fail(CKR_DEVICE_ERROR, "it refuses sessions"),
            None => return fail(CKR_DEVICE_ERROR, "it does not answer"),
        };
        self.pay(group, index, &mut session, report).await?;
        member.joined(connection);
        self.pay(group, index, &mut session, report).await
    }

    /// Pays what a member is owed, in the order in which it fell due.
    async fn pay(
        &self,
        group: &Group,
        index: usize,
        session: &mut MemberSession,
        report: &mut MemberRecovery,
    ) -> Result<()> {
        let member = &group.members[index];
        let rows = self.debts.owed_to(&group.label, &member.device)?;
        if rows.is_empty() {
            return Ok(());
        }
        let deleted: Vec<ObjectId> =
            rows.iter().filter(|row| row.owed.kind == OwedKind::Delete).map(|row| row.owed.object).collect();
        let gone: BTreeSet<ObjectId> = deleted.iter().copied().collect();
        let copies: BTreeSet<ObjectId> = rows
            .iter()
            .filter(|row| row.owed.kind == OwedKind::Copy && !gone.contains(&row.owed.object))
            .map(|row| row.owed.object)
            .collect();
        for objects in deleted.chunks(BATCH) {
            let request = Request::ReplayDeletion { objects: objects.to_vec() };
            self.ask_returning(session, request).await?;
            report.deleted += objects.len();
        }
        let copies: Vec<ObjectId> = copies.into_iter().collect();
        if !copies.is_empty() {
            let Some(source) = self.source_beside(group, index) else {
                return fail(CKR_DEVICE_ERROR, "no member is left to copy from");
            };
            let copied = self.copy(group, source, session, &copies).await?;
            self.event("copy_delivered", group, Some(member), &format!("{copied} objects"));
            report.copied += copied;
        }
        self.debts.settle(&rows.iter().map(|row| row.id).collect::<Vec<_>>())
    }

    /// A usable member other than `index` to copy from: the primary if it can be.
    fn source_beside(&self, group: &Group, index: usize) -> Option<usize> {
        group
            .primary()
            .filter(|&primary| primary != index)
            .or_else(|| (0..group.members.len()).find(|&i| i != index && !group.members[i].is_down()))
    }

    /// Copies objects between two members, this client in the middle. Gives how many there were.
    async fn copy(
        &self,
        group: &Group,
        source: usize,
        target: &mut MemberSession,
        objects: &[ObjectId],
    ) -> Result<usize> {
        let mut copied = 0;
        let mut from = self.library_sub(group, source).await?;
        for objects in objects.chunks(BATCH) {
            let request = Request::CloneAsSource { objects: objects.to_vec() };
            let reply = self.ask(group, source, &mut from.session, request).await;
            let sealed = match reply.map_err(|failure| failed(failure, group, source))? {
                Reply::Sealed(sealed) => sealed,
                other => return Err(unexpected(&other)),
            };
            copied += sealed.len();
            self.ask_returning(target, Request::CloneAsTarget { objects: sealed }).await?;
        }
        Ok(copied)
    }

    /// A session of the library itself on a member.
    async fn library_sub(&self, group: &Group, index: usize) -> Result<Sub> {
        self.open_on_member(group, index, LIBRARY_SESSION, true)
            .await
            .map_err(|failure| failed(failure, group, index))
    }

    /// A request to a member that is not in use yet: its loss loses nothing but the attempt.
    async fn ask_returning(&self, session: &mut MemberSession, request: Request) -> Result<Reply> {
        match within(self.clock(), self.timers.receive, session.call(request)).await {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(crate::transport::CallError::Member(error))) => Err(error),
            Some(Err(crate::transport::CallError::Refused)) => {
                fail(CKR_DEVICE_ERROR, "it was lost again")
            }
            None => fail(CKR_DEVICE_ERROR, "it stopped answering"),
        }
    }

    /// `ha recover`: connects every member of a group, brings returning ones up to date, and asks
    /// every other process to do the same at its next call.
    ///
    /// # Errors
    /// None of its own: what went wrong stands with the member.
    pub async fn ha_recover(&self, label: &str) -> Result<Vec<MemberRecovery>> {
        let group = self.group_by_label(label)?;
        // A client that has just started has not noticed yet who is away.
        join_all((0..group.members.len()).map(|index| self.connected(&group, index))).await;
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
        self.cluster.request_recovery();
        self.recovery.followed.store(self.cluster.recovery_requests(), Ordering::Release);
        Ok(reports)
    }

    /// Pays what a member is owed that this process finds in place.
    async fn pay_standing(
        &self,
        group: &Group,
        index: usize,
        report: &mut MemberRecovery,
    ) -> Result<()> {
        let mut sub = self.library_sub(group, index).await?;
        self.pay(group, index, &mut sub.session, report).await
    }

    /// `ha synchronize`: every member gets every object that any member holds, in its newest version;
    /// deletions that a member missed are applied first (`deletes = replay`) or forgotten (`ignore`).
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR if a member cannot be reached; the others are then untouched.
    pub async fn ha_synchronize(&self, label: &str) -> Result<Vec<MemberRecovery>> {
        self.ha_recover(label).await?;
        let group = self.group_by_label(label)?;
        let mut holdings = Vec::with_capacity(group.members.len());
        for index in 0..group.members.len() {
            let mut sub = self.library_sub(&group, index).await?;
            let reply = self.ask(&group, index, &mut sub.session, Request::Inventory).await;
            match reply.map_err(|failure| failed(failure, &group, index))? {
                Reply::Inventory(entries) => holdings.push(entries),
                other => return Err(unexpected(&other)),
            }
        }
        let mut reports = Vec::with_capacity(group.members.len());
        for (index, missing) in plan(&holdings).into_iter().enumerate() {
            let mut target = self.library_sub(&group, index).await?;
            let mut copied = 0;
            for (source, objects) in missing {
                copied += self.copy(&group, source, &mut target.session, &objects).await?;
            }
            reports.push(MemberRecovery { copied, ..MemberRecovery::of(&group.members[index]) });
        }
        Ok(reports)
    }

    fn group_by_label(&self, label: &str) -> Result<Arc<Group>> {
        let labels = || self.groups.iter().map(|g| g.label.as_str()).collect::<Vec<_>>().join(", ");
        self.groups.iter().find(|group| group.label == label).cloned().ok_or_else(|| {
            Error::new(CKR_ARGUMENTS_BAD, format!("no group is called {label}; there are {}", labels()))
        })
    }
}

/// For each member: from whom it gets which objects. The newest version wins; among equals the
/// first member is the source.
fn plan(holdings: &[Vec<InventoryEntry>]) -> Vec<Vec<(usize, Vec<ObjectId>)>> {
    let mut newest: std::collections::BTreeMap<ObjectId, (u64, usize)> = Default::default();
    for (member, entries) in holdings.iter().enumerate() {
        for entry in entries {
            let best = newest.entry(entry.id).or_insert((entry.version, member));
            if entry.version > best.0 {
                *best = (entry.version, member);
            }
        }
    }
    holdings
        .iter()
        .map(|entries| {
            let has: std::collections::BTreeMap<_, _> =
                entries.iter().map(|entry| (entry.id, entry.version)).collect();
            let mut by_source: std::collections::BTreeMap<usize, Vec<ObjectId>> = Default::default();
            for (&id, &(version, source)) in &newest {
                if has.get(&id).is_none_or(|&held| held < version) {
                    by_source.entry(source).or_default().push(id);
                }
            }
            by_source.into_iter().collect()
        })
        .collect()
}

fn failed(failure: Failure, group: &Group, index: usize) -> Error {
    match failure {
        Failure::Member(error) => error,
        Failure::Lost => Error::new(
            CKR_DEVICE_ERROR,
            format!("{} cannot be reached", group.members[index].device),
        ),
    }
}

/// The background thread: waits for the next attempt that is due, or for a loss.
fn recover_in_background(client: &Weak<Client>) {
    loop {
        let Some(client) = client.upgrade() else { return };
        if client.is_shut_down() {
            return;
        }
        let tick = || client.cluster.refresh() || client.is_shut_down();
        drive(client.clock(), &tick, async {
            if client.recovers_by_itself() {
                for group in &client.groups {
                    client.attempt_due(group).await;
                }
            }
            if client.recovery.behind.load(Ordering::Acquire) {
                client.feed().await;
            }
            let pause = client.timers.recovery_interval.min(std::time::Duration::from_millis(500));
            race(client.recovery.wake.notified(), client.clock().sleep(pause)).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u8, version: u64) -> InventoryEntry {
        InventoryEntry { id: ObjectId([id; 16]), version }
    }

    #[test]
    fn every_member_gets_the_newest_version_of_everything() {
        let holdings =
            [vec![entry(1, 1), entry(2, 5)], vec![entry(2, 6), entry(3, 1)], Vec::new()];
        let id = |id: u8| ObjectId([id; 16]);
        assert_eq!(
            plan(&holdings),
            vec![
                vec![(1, vec![id(2), id(3)])],
                vec![(0, vec![id(1)])],
                vec![(0, vec![id(1)]), (1, vec![id(2), id(3)])],
            ]
        );
    }

    #[test]
    fn equal_members_need_nothing() {
        let holdings = [vec![entry(1, 2)], vec![entry(1, 2)]];
        assert!(plan(&holdings).iter().all(Vec::is_empty));
    }
}
