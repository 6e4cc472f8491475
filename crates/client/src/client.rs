//! One `C_Initialize`: what the library knows until `C_Finalize`.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use hsmsim_cluster::{Cluster, ClusterError, OpenOptions, Progress};
use hsmsim_network::{Clock, drive};
use hsmsim_partition::{Personality, api::AppId};
use hsmsim_sim_config::{
    CallFault, DeletePolicy, OwedCopies, Profile, RecoveryAttempts, RecoveryMode,
};
use hsmsim_types::{Error, Result, SessionHandle, SlotId, ck::*, error::fail};
use parking_lot::Mutex;

use crate::{
    InitOptions,
    debts::Debts,
    group::Group,
    ha_log::HaLog,
    handles::Handles,
    in_process::InProcess,
    pending::PendingCalls,
    planted::Planted,
    process::Process,
    record::{EventSink, Recorder},
    recover::Recovery,
    script::Script,
    session::{Checkout, Opening, Removed, SessionFacts, SessionSlot, Sessions},
    slot_events::SlotEvents,
    slots,
    transport::Transport,
};

/// HA timers in real time: the topology's, divided by its `time_scale`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timers {
    pub(crate) receive: Duration,
    pub(crate) connect: Duration,
    pub(crate) recovery_interval: Duration,
    pub(crate) recovery_attempts: RecoveryAttempts,
    pub(crate) recovery_mode: RecoveryMode,
}

/// One `C_Initialize`: everything the library knows until `C_Finalize`.
///
/// The functions that reach members are async and run on the calling thread by [`Client::run`].
pub struct Client {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) app: AppId,
    pub(crate) profile: Arc<Profile>,
    pub(crate) personality: Arc<Personality>,
    pub(crate) timers: Timers,
    /// Whether one-part calls are repeated on another member (`retry`).
    pub(crate) retry: bool,
    pub(crate) restores_sessions: bool,
    pub(crate) clones_session_objects: bool,
    /// Whether a member is given up that is no longer activated (`failover_on_deactivation`).
    pub(crate) leaves_deactivated: bool,
    pub(crate) replays_deletions: bool,
    pub(crate) groups: Vec<Arc<Group>>,
    pub(crate) handles: Handles,
    sessions: Sessions,
    last_session: AtomicU64,
    pub(crate) debts: Debts,
    pub(crate) process: Process,
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) script: Script,
    pub(crate) slot_events: SlotEvents,
    /// A bug that a test has planted.
    pub(crate) planted: Option<Planted>,
    pub(crate) ha_log: Option<HaLog>,
    pub(crate) recovery: Recovery,
    pub(crate) pending: PendingCalls,
    /// Told how many objects have been copied to a member that catches up.
    pub(crate) progress: OnceLock<Progress>,
    shut_down: AtomicBool,
    pub(crate) background: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Client {
    /// Opens the cluster that options and environment name, and lists its slots. Nothing is
    /// connected yet: members are, when they are first needed.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR for a damaged topology or an unusable state directory, CKR_DEVICE_ERROR for
    /// one that belongs to other devices; the log says which and what to do.
    pub fn initialize(options: InitOptions) -> Result<Arc<Self>> {
        let no_threads = options.no_threads;
        let open = OpenOptions {
            state: options.state,
            topology: options.topology,
            ..OpenOptions::default()
        };
        let cluster = Cluster::open(open).map_err(|error| refused(&error))?;
        let client = Self::over(cluster)?;
        if !no_threads {
            client.allow_background();
        }
        Ok(client)
    }

    /// A client of an open cluster. It makes no thread of its own accord.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR if the environment asks for a record that cannot be written, or names call
    /// faults that cannot be read.
    pub fn over(cluster: Arc<Cluster>) -> Result<Arc<Self>> {
        let recorder = Recorder::from_environment()?;
        let own = Script::from_environment()?;
        Ok(Self::build(cluster, recorder, own, None))
    }

    /// A client whose events `sink` is given, under the number `pid`; for runs of many clients in one
    /// process. It makes no thread: spawn [`Client::background`].
    pub fn simulated(
        cluster: Arc<Cluster>,
        pid: u32,
        sink: EventSink,
        planted: Option<Planted>,
    ) -> Arc<Self> {
        Self::build(cluster, Some(Recorder::Memory { pid, sink }), Vec::new(), planted)
    }

    fn build(
        cluster: Arc<Cluster>,
        recorder: Option<Recorder>,
        call_faults: Vec<CallFault>,
        planted: Option<Planted>,
    ) -> Arc<Self> {
        let topology = cluster.topology();
        let ha = &topology.ha;
        let timers = Timers {
            receive: cluster.scaled(ha.receive_timeout),
            connect: cluster.scaled(ha.connect_timeout),
            recovery_interval: cluster.scaled(ha.recovery_interval),
            recovery_attempts: ha.recovery_attempts,
            recovery_mode: ha.recovery_mode,
        };
        let pid = match &recorder {
            Some(Recorder::Memory { pid, .. }) => *pid,
            _ => std::process::id(),
        };
        let process = Process::claim(&cluster, pid);
        let app = process.app();
        let debts = Debts::new(Arc::clone(&cluster), ha.owed_copies == OwedCopies::Durable);
        let groups = slots::build(&cluster);
        let pid = recorder.as_ref().map_or_else(std::process::id, Recorder::pid);
        let script = Script::new(pid, topology.seed, call_faults);
        let recorder = recorder.map(Arc::new);
        if let Some(recorder) = &recorder {
            recorder.watch(&cluster);
        }
        if planted == Some(Planted::RowDropped) {
            cluster.lose_rows();
        }
        Arc::new(Self {
            transport: Arc::new(InProcess::new(Arc::clone(&cluster), app)),
            app,
            profile: Arc::clone(cluster.profile()),
            personality: Arc::clone(cluster.personality()),
            timers,
            retry: ha.retry,
            restores_sessions: ha.recovery_mode == RecoveryMode::ActiveEnhanced,
            clones_session_objects: ha.session_object_replication,
            leaves_deactivated: ha.failover_on_deactivation,
            replays_deletions: ha.deletes == DeletePolicy::Replay,
            groups,
            handles: Handles::default(),
            sessions: Sessions::default(),
            last_session: AtomicU64::new(0),
            debts,
            process,
            recorder,
            script,
            slot_events: SlotEvents::default(),
            ha_log: HaLog::of(ha),
            recovery: Recovery::new(&cluster),
            pending: PendingCalls::default(),
            progress: OnceLock::new(),
            shut_down: AtomicBool::new(false),
            background: Mutex::new(None),
            planted,
            cluster,
        })
    }

    /// Has `progress` told how many objects of how many have been copied whenever a member catches up.
    /// The first one given stays.
    pub fn watch_copying(&self, progress: Progress) {
        let _ = self.progress.set(progress);
    }

    /// The cluster behind this client.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.cluster.clock()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Acquire)
    }

    /// Runs one of this client's async functions on the calling thread, which waits precisely and
    /// looks at the cluster's faults meanwhile.
    ///
    /// # Errors
    /// What the function gives; CKR_CRYPTOKI_NOT_INITIALIZED if the client is shut down meanwhile.
    #[inline(always)] // Else the whole future is copied into the frame of this function.
    pub fn run<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let mut call = pin!(call);
        let until_shut_down = poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Pending if self.is_shut_down() => Poll::Ready(fail(
                CKR_CRYPTOKI_NOT_INITIALIZED,
                "the library was finalised meanwhile",
            )),
            Poll::Pending => {
                self.drive_beside(cx);
                Poll::Pending
            }
            ready => ready,
        });
        let tick = || self.cluster.refresh() || self.is_shut_down();
        drive(self.clock(), &tick, until_shut_down)
    }

    /// Ends background work and pending calls, and wakes every waiting one; calls in flight return soon after.
    pub fn shut_down(&self) {
        self.finish_all_saved();
        self.shut_down.store(true, Ordering::Release);
        self.wake_recovery();
        let background = self.background.lock().take();
        if let Some(thread) = background {
            // A panic of that thread was logged when it happened.
            let _ = thread.join();
        }
        self.drop_pending();
        self.sessions.clear();
        self.process.withdraw();
    }

    /// What every call on a slot begins with: the faults as they are now, and recovery where it is
    /// done inside calls.
    pub(crate) async fn before_call(&self, group: &Group) {
        self.cluster.refresh();
        if self.may_recover_in_call(group) {
            // Boxed, so that the calls have no place for what few need.
            Box::pin(self.recover_in_call(group)).await;
        }
    }

    /// The slot's group.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub(crate) fn group(&self, slot: SlotId) -> Result<&Arc<Group>> {
        self.groups
            .iter()
            .find(|group| group.slot == slot)
            .ok_or_else(|| Error::new(CKR_SLOT_ID_INVALID, format!("there is no slot {}", slot.0)))
    }

    /// Takes a session's state for one call.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_OPERATION_ACTIVE if another thread's call has it.
    pub(crate) fn checkout(&self, session: SessionHandle) -> Result<Checkout> {
        Checkout::new(self.session(session)?)
    }

    pub(crate) fn session(&self, session: SessionHandle) -> Result<Arc<SessionSlot>> {
        self.sessions.get(session).ok_or_else(|| Self::no_session(session))
    }

    /// What is known of a session.
    pub(crate) fn session_facts(&self, session: SessionHandle) -> Result<SessionFacts> {
        self.sessions.facts(session).ok_or_else(|| Self::no_session(session))
    }

    /// The error of a handle that is no session's.
    pub(crate) fn no_session(session: SessionHandle) -> Error {
        Error::new(CKR_SESSION_HANDLE_INVALID, format!("no session has handle {}", session.0))
    }

    /// A session that is being opened.
    pub(crate) fn new_session<'g>(&self, group: &'g Arc<Group>, flags: CK_FLAGS) -> Opening<'g> {
        let handle = SessionHandle(self.last_session.fetch_add(1, Ordering::Relaxed) + 1);
        Opening::new(handle, group, flags)
    }

    /// From now on the handle names an open session.
    pub(crate) fn add_session(&self, session: Opening<'_>) -> SessionHandle {
        let slot = session.done();
        let handle = slot.handle;
        self.sessions.insert(slot);
        handle
    }

    /// Takes a session out of the table if it may go.
    pub(crate) fn remove_session(
        &self,
        session: SessionHandle,
        may_go: impl FnOnce(&SessionSlot) -> bool,
    ) -> Removed {
        let removed = self.sessions.remove(session, may_go);
        if let Removed::Session(slot) = &removed {
            slot.group.sessions.closed(slot.read_write);
        }
        removed
    }

    pub(crate) fn sessions_of(&self, group: &Group) -> Vec<Arc<SessionSlot>> {
        let mut all = self.sessions.of(group.index);
        all.sort_by_key(|slot| slot.handle);
        all
    }
}

fn refused(error: &ClusterError) -> Error {
    let rv = if error.is_device_error() { CKR_DEVICE_ERROR } else { CKR_GENERAL_ERROR };
    Error::new(rv, error.to_string())
}
