//! Simulated applications: sessions that make calls at their pace or on schedule, judge each outcome,
//! and after a failure do what their application's habit is.
//!
//! - `work`: the calls of each operation, and what is made of their answers.

mod work;

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use hsmsim_client::{Client, planted::Planted, record::CallRecord, script::struck_by};
use hsmsim_cluster::Cluster;
use hsmsim_network::{Clock, JoinHandle, SimRng, Spawner, Time, VirtualExecutor, stream};
use hsmsim_sim_config::{Operation, Place, Recovery, Retry};
use hsmsim_types::{
    Error, ObjectHandle, Pin, Result, ReturnValue, Role, SessionHandle, SlotId, ck::*,
    role::UserType,
};

use super::{
    Plan,
    keys::Pool,
    trace::Trace,
    truth::{self, Rule},
};
use crate::{operations::OperationRecord, run::DrillError};

/// What an application does in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Sign in one part, and verify outside.
    Sign,
    /// Sign in several parts, and verify outside.
    SignParts,
    /// Sign, and have the token verify.
    Verify,
    /// Encrypt 1 KiB with AES-GCM.
    Encrypt,
    /// Make a token key.
    Generate,
    /// Destroy a token key.
    Destroy,
    /// Find keys by label.
    Find,
    /// Give a token key the application's next label.
    Rename,
    /// 32 random bytes.
    Random,
    /// Open a session and close it.
    Login,
}

impl From<Operation> for Op {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::SignRsa2048 | Operation::SignEcdsaP256 => Self::Sign,
            Operation::VerifyEcdsaP256 => Self::Verify,
            Operation::EncryptAesGcm => Self::Encrypt,
            Operation::GenerateRsa | Operation::GenerateEc => Self::Generate,
            Operation::Find => Self::Find,
            Operation::Random => Self::Random,
            Operation::Login => Self::Login,
        }
    }
}

impl Op {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::SignParts => "sign_parts",
            Self::Verify => "verify",
            Self::Encrypt => "encrypt",
            Self::Generate => "generate",
            Self::Destroy => "destroy",
            Self::Find => "find",
            Self::Rename => "rename",
            Self::Random => "random",
            Self::Login => "login",
        }
    }
}

/// An application: one process with sessions on one group.
#[derive(Clone, Debug)]
pub struct AppPlan {
    /// The workload's name.
    pub name: String,
    /// The group's label.
    pub group: String,
    /// Where its client stands; the topology's client place if absent.
    pub client: Option<Place>,
    /// Sessions, each in use by one thread of its own.
    pub sessions: u32,
    /// What it does, with weights above 0.
    pub mix: Vec<(Op, u32)>,
    /// Operations a second over all sessions; without it each session pauses [`THINK`] between two.
    pub rate: Option<f64>,
    /// Operations are due on schedule, whether or not earlier ones have returned. Needs a rate.
    pub open_loop: bool,
    /// The pause of a session after an operation, in place of [`THINK`].
    pub think: Option<Duration>,
    /// Bytes that are signed or encrypted; a few if absent.
    pub payload: Option<u32>,
    /// Label of the keys it makes; `{n}` counts them.
    pub key_label: String,
    /// What it does about a failure.
    pub retry: Retry,
}

impl Default for AppPlan {
    fn default() -> Self {
        Self {
            name: String::new(),
            group: String::new(),
            client: None,
            sessions: 1,
            mix: Vec::new(),
            rate: None,
            open_loop: false,
            think: None,
            payload: None,
            key_label: "drill".to_owned(),
            retry: Retry::default(),
        }
    }
}

/// The pause between two operations of a session without a rate: virtual time would else stand still
/// on links without delay.
pub const THINK: Duration = Duration::from_millis(1);
/// How often a thread looks whether the library is being initialised anew.
const LOOK: Duration = Duration::from_millis(10);
/// The codes on which an application initialises the library anew, if that is its habit: those that
/// Luna's own OpenSSL engine takes for broken.
const BROKEN: [u64; 3] = [CKR_DEVICE_ERROR, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_HANDLE_INVALID];

/// All applications of a run.
pub(crate) struct Stage {
    cluster: Arc<Cluster>,
    /// The cluster as applications elsewhere see it.
    views: BTreeMap<Place, Arc<Cluster>>,
    clock: Clock,
    trace: Trace,
    planted: Option<Planted>,
    /// Whether the plan allows that an acknowledged key is not found.
    keys_may_be_missed: bool,
    /// For what a library does in the background.
    spawner: Spawner,
    /// When the load ends.
    end: Cell<Time>,
    keeps_operations: bool,
    operations: RefCell<Vec<OperationRecord>>,
    seed: u64,
    apps: Vec<Rc<App>>,
    /// Sessions that have not ended.
    working: Cell<u64>,
    verified: Cell<u64>,
    invalid: Cell<u64>,
    /// Rules broken on the way, with what happened.
    broken: RefCell<Vec<(Rule, String)>>,
}

/// One application.
pub(crate) struct App {
    pid: u32,
    /// The library; another one after C_Finalize.
    client: RefCell<Arc<Client>>,
    /// The cluster as it sees it.
    view: Arc<Cluster>,
    /// How often the library was finalised.
    generation: Cell<u64>,
    /// Whether it is being finalised: nobody begins an operation meanwhile.
    finalizing: Cell<bool>,
    /// Operations under way.
    busy: Cell<u32>,
    /// Operations of an open loop that threads have taken.
    taken: Cell<u64>,
    /// Keys it has named.
    named: Cell<u64>,
    slot: SlotId,
    pin: Pin,
    plan: AppPlan,
    pub(crate) pool: Pool,
    /// The key for encryption, once it is made.
    aes: Cell<Option<ObjectHandle>>,
    /// Calls that have begun and not ended.
    open_calls: Cell<u64>,
    /// Whether a call fault struck the call that has ended last. Whoever awaited that call may ask,
    /// until it awaits something else.
    scripted: Cell<bool>,
    /// Its tasks, which are dropped when it is killed.
    tasks: RefCell<Vec<JoinHandle<()>>>,
    killed: Cell<bool>,
}

/// The session of a thread.
#[derive(Default)]
struct Seat {
    session: Option<SessionHandle>,
    /// How often the library had been finalised when it was opened.
    generation: u64,
}

impl App {
    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.borrow())
    }

    /// The label of the next key.
    fn next_label(&self) -> Vec<u8> {
        let number = self.named.get();
        self.named.set(number + 1);
        self.label(number)
    }

    fn label(&self, number: u64) -> Vec<u8> {
        self.plan.key_label.replace("{n}", &number.to_string()).into_bytes()
    }

    /// As by `kill -9`: nothing it was about to do is done, nothing is said to anybody.
    fn kill(&self) {
        self.killed.set(true);
        for task in self.tasks.take() {
            task.abort();
        }
    }

    /// Calls that nobody will see the end of.
    pub(crate) fn hanging_calls(&self) -> u64 {
        if self.killed.get() { 0 } else { self.open_calls.get() }
    }
}

impl Stage {
    pub(crate) fn new(
        plan: &Plan,
        cluster: &Arc<Cluster>,
        trace: &Trace,
        spawner: Spawner,
    ) -> std::result::Result<Self, DrillError> {
        let topology = cluster.topology();
        let mut apps = Vec::with_capacity(plan.apps.len());
        let mut views: BTreeMap<Place, Arc<Cluster>> = BTreeMap::new();
        for (index, app) in plan.apps.iter().enumerate() {
            let pid = index as u32 + 1;
            let view = match app.client.filter(|place| *place != topology.client) {
                None => Arc::clone(cluster),
                Some(place) => {
                    let view = views.entry(place).or_insert_with(|| cluster.seen_from(place));
                    Arc::clone(view)
                }
            };
            let client = Client::simulated(Arc::clone(&view), pid, trace.sink(), plan.planted);
            let group = topology.groups.iter().position(|group| group.label == app.group);
            let slot = group.and_then(|group| client.slots(false).get(group).copied());
            let slot =
                slot.ok_or_else(|| DrillError::new(format!("there is no group {}", app.group)))?;
            apps.push(Rc::new(App {
                pid,
                client: RefCell::new(client),
                view,
                generation: Cell::new(0),
                finalizing: Cell::new(false),
                busy: Cell::new(0),
                taken: Cell::new(0),
                named: Cell::new(0),
                slot,
                pin: Pin::new(topology.provisioning.user_pin.reveal()),
                plan: app.clone(),
                pool: Pool::default(),
                aes: Cell::new(None),
                open_calls: Cell::new(0),
                scripted: Cell::new(false),
                tasks: RefCell::default(),
                killed: Cell::new(false),
            }));
        }
        Ok(Self {
            cluster: Arc::clone(cluster),
            views,
            clock: cluster.clock().clone(),
            trace: trace.clone(),
            planted: plan.planted,
            keys_may_be_missed: truth::permitted(plan, Rule::KeyFound),
            spawner,
            end: Cell::new(Time::ZERO + plan.duration),
            keeps_operations: plan.keep_calls,
            operations: RefCell::default(),
            seed: plan.seed,
            apps,
            working: Cell::new(0),
            verified: Cell::new(0),
            invalid: Cell::new(0),
            broken: RefCell::default(),
        })
    }

    pub(crate) fn apps(&self) -> &[Rc<App>] {
        &self.apps
    }

    /// The cluster as applications elsewhere see it.
    pub(crate) fn views(&self) -> Vec<Arc<Cluster>> {
        self.views.values().cloned().collect()
    }

    /// No operation begins from now on.
    pub(crate) fn stop(&self) {
        self.end.set(self.end.get().min(self.clock.now()));
    }

    /// What applications did.
    pub(crate) fn take_operations(&self) -> Vec<OperationRecord> {
        self.operations.take()
    }

    /// Signatures that verified, and those that did not.
    pub(crate) fn signatures(&self) -> (u64, u64) {
        (self.verified.get(), self.invalid.get())
    }

    /// Rules that were broken while applications worked.
    pub(crate) fn take_broken(&self) -> Vec<(Rule, String)> {
        self.broken.take()
    }

    /// Starts every session of every application.
    pub(crate) fn start(self: Rc<Self>, executor: &VirtualExecutor) {
        for app in &self.apps {
            let background = executor.spawn(app.client().background());
            app.tasks.borrow_mut().push(background);
            for index in 0..app.plan.sessions {
                let (stage, app) = (Rc::clone(&self), Rc::clone(app));
                let task = Rc::clone(&app);
                let session = executor.spawn(async move { stage.session(&task, index).await });
                app.tasks.borrow_mut().push(session);
            }
        }
    }

    /// Kills an application; `false` if there is none of that number or it is dead already.
    pub(crate) fn kill(&self, pid: u32) -> bool {
        let app = self.apps.iter().find(|app| app.pid == pid && !app.killed.get());
        app.inspect(|app| app.kill()).is_some()
    }

    /// Waits until the sessions of all living applications have ended, at most until `deadline`.
    pub(crate) async fn ended(&self, deadline: Time) {
        while self.clock.now() < deadline && self.working.get() > 0 {
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sessions that work at the deadline have broken a rule, whatever becomes of them.
    pub(crate) fn note_late(&self) {
        let late = self.working.get();
        if late > 0 {
            let what = format!("{late} sessions had not ended at the deadline");
            self.broken.borrow_mut().push((Rule::CallEnds, what));
        }
    }

    /// Every application of a group makes one more call.
    pub(crate) async fn touch(&self, group: &str) {
        let living = |app: &&Rc<App>| app.plan.group == group && !app.killed.get();
        for app in self.apps.iter().filter(living) {
            if let Ok(session) = self.open(app).await {
                let client = app.client();
                let random = client.random(session, 8);
                // What it gives is in the trace.
                let _ = self.call(app, "C_GenerateRandom", session.0, random).await;
                let close = client.close_session(session);
                let _ = self.call(app, "C_CloseSession", session.0, close).await;
            }
        }
    }

    /// One session from beginning to end.
    async fn session(&self, app: &App, index: u32) {
        let _working = Working::begin(&self.working);
        let mut chance = stream(self.seed, &format!("app {} session {index}", app.pid));
        let interval = app.plan.rate.map_or_else(
            || app.plan.think.unwrap_or(THINK),
            |rate| Duration::from_secs_f64(f64::from(app.plan.sessions) / rate),
        );
        // Sessions begin one after the other within an interval, not all at one instant.
        let mut due = self.clock.now() + interval.mul_f64(chance.unit());
        let mut seat = Seat::default();
        loop {
            if let Some(rate) = app.plan.rate.filter(|_| app.plan.open_loop) {
                // Whichever thread is free takes what is due next.
                let number = app.taken.get();
                app.taken.set(number + 1);
                due = Time::ZERO + Duration::from_secs_f64(number as f64 / rate);
            }
            self.clock.sleep_until(due).await;
            if self.clock.now() >= self.end.get() {
                if app.plan.open_loop && due < self.end.get() {
                    self.missed(app, due);
                    continue;
                }
                return;
            }
            let outcome = self.operation(app, &mut seat, due, &mut chance).await;
            let now = self.clock.now();
            // After a stall a closed loop goes on from now: what was missed is not made up for.
            due = if app.plan.think.is_some() { now + interval } else { (due + interval).max(now) };
            if outcome.is_err() {
                due = due.max(now + app.plan.retry.pause);
            }
        }
    }

    /// An operation was due, and the load ended before a thread was free for it.
    fn missed(&self, app: &App, due: Time) {
        let end = self.end.get();
        self.note(app, "", "".into(), (due, end, end), 0);
    }

    fn note(
        &self,
        app: &App,
        operation: &'static str,
        code: Cow<'static, str>,
        (due, begin, end): (Time, Time, Time),
        attempts: u32,
    ) {
        if !self.keeps_operations {
            return;
        }
        let now = self.clock.now();
        let unix = |time: Time| self.clock.unix_now() - (now - time).as_nanos() as u64;
        self.operations.borrow_mut().push(OperationRecord {
            due_ns: unix(due),
            begin_ns: unix(begin),
            end_ns: unix(end),
            operation: Cow::Borrowed(operation),
            code,
            attempts,
            workload: Cow::Owned(app.plan.name.clone()),
            pid: app.pid,
        });
    }

    /// One operation, with what its application does about failures by itself.
    async fn operation(
        &self,
        app: &App,
        seat: &mut Seat,
        due: Time,
        chance: &mut SimRng,
    ) -> Result<()> {
        let begin = self.clock.now();
        let op = match app.pool.len() {
            0 => Op::Generate,
            _ => work::pick(&app.plan.mix, chance),
        };
        let retry = &app.plan.retry;
        let mut attempts = 0;
        loop {
            attempts += 1;
            while app.finalizing.get() {
                self.clock.sleep(LOOK).await;
            }
            app.busy.set(app.busy.get() + 1);
            let mut outcome = self.attempt(app, seat, op, chance).await;
            if let Err(error) = outcome {
                self.recover(app, seat).await;
                outcome = Err(error);
            }
            app.busy.set(app.busy.get() - 1);
            let now = self.clock.now();
            let again = match &outcome {
                Ok(()) => false,
                Err(error) => {
                    let code = code_name(error.rv());
                    let meant = retry.codes.is_empty() || retry.codes.iter().any(|c| *c == code);
                    attempts <= retry.times && meant && now < self.end.get()
                }
            };
            if !again {
                let rv = outcome.as_ref().map_or_else(Error::rv, |()| CKR_OK);
                // In a closed loop an operation is due when its thread begins it.
                let due = if app.plan.open_loop { due } else { begin };
                self.note(app, op.as_str(), code_name(rv), (due, begin, now), attempts);
                return outcome;
            }
            self.clock.sleep(retry.pause).await;
        }
    }

    async fn attempt(&self, app: &App, seat: &mut Seat, op: Op, chance: &mut SimRng) -> Result<()> {
        if seat.generation != app.generation.get() {
            *seat = Seat { session: None, generation: app.generation.get() };
        }
        let session = match seat.session {
            Some(session) => session,
            None => *seat.session.insert(self.open(app).await?),
        };
        self.operate(app, session, op, chance).await
    }

    /// After a failure: what the application's habit is.
    async fn recover(&self, app: &App, seat: &mut Seat) {
        let habit = app.plan.retry.recover;
        if habit == Recovery::None
            || (habit == Recovery::Login && self.log_in_again(app, seat).await)
        {
            return;
        }
        if let Some(session) = seat.session.take() {
            // It may be gone already, which is why it is closed.
            let client = app.client();
            let close = client.close_session(session);
            let _ = self.call(app, "C_CloseSession", session.0, close).await;
        }
        if habit == Recovery::Finalize {
            match self.open(app).await {
                Ok(session) => seat.session = Some(session),
                Err(error) if BROKEN.contains(&error.rv()) => self.finalize(app).await,
                Err(_) => {}
            }
        }
    }

    /// C_Logout and C_Login in the session; whether that was of use.
    async fn log_in_again(&self, app: &App, seat: &Seat) -> bool {
        let Some(session) = seat.session else { return false };
        let client = app.client();
        // Whoever is logged out already is told so.
        let _ = self.call(app, "C_Logout", session.0, client.logout(session)).await;
        self.log_in(app, session).await.is_ok()
    }

    /// C_Finalize and C_Initialize, once all other threads of the application are out of the library.
    async fn finalize(&self, app: &App) {
        let before = app.generation.get();
        app.busy.set(app.busy.get() - 1);
        while app.finalizing.get() {
            self.clock.sleep(LOOK).await;
        }
        // Another thread may have done it meanwhile.
        if app.generation.get() == before {
            app.finalizing.set(true);
            while app.busy.get() > 0 {
                self.clock.sleep(LOOK).await;
            }
            let old = app.client();
            let shut_down = async {
                old.shut_down();
                Ok(())
            };
            let _ = self.call(app, "C_Finalize", 0, shut_down).await;
            let new =
                Client::simulated(Arc::clone(&app.view), app.pid, self.trace.sink(), self.planted);
            let background = self.spawner.spawn(Arc::clone(&new).background());
            app.tasks.borrow_mut().push(background);
            app.client.replace(new);
            app.generation.set(before + 1);
            app.aes.set(None);
            let _ = self.call(app, "C_Initialize", 0, async { Ok(()) }).await;
            app.finalizing.set(false);
        }
        app.busy.set(app.busy.get() + 1);
    }

    /// Makes one call and writes it down.
    async fn call<T>(
        &self,
        app: &App,
        function: &'static str,
        session: u64,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        app.open_calls.set(app.open_calls.get() + 1);
        let (begin, at_ns) = (self.clock.now(), self.clock.unix_now());
        let result = call.await;
        app.open_calls.set(app.open_calls.get() - 1);
        let took = self.clock.now() - begin;
        let rv = result.as_ref().map_or_else(Error::rv, |_| CKR_OK);
        let code = code_name(rv);
        let call_fault = struck_by();
        app.scripted.set(!call_fault.is_empty());
        let call = CallRecord {
            at_ns,
            took_ns: took.as_nanos() as u64,
            function: Cow::Borrowed(function),
            session,
            code,
            pid: app.pid,
            member: Cow::Borrowed(""),
            call_fault: Cow::Owned(call_fault),
        };
        self.trace.call(call, || app.client().answered_by(session));
        result
    }

    async fn open(&self, app: &App) -> Result<SessionHandle> {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let client = app.client();
        let open = client.open_session(app.slot, flags);
        let session = self.call(app, "C_OpenSession", 0, open).await?;
        match self.log_in(app, session).await {
            Err(error) => {
                let close = client.close_session(session);
                let _ = self.call(app, "C_CloseSession", session.0, close).await;
                Err(error)
            }
            Ok(()) => Ok(session),
        }
    }

    /// C_Login; another thread may have done it already.
    async fn log_in(&self, app: &App, session: SessionHandle) -> Result<()> {
        let client = app.client();
        let login = client.login(session, UserType::Role(Role::CryptoOfficer), app.pin.clone());
        match self.call(app, "C_Login", session.0, login).await {
            Err(error) if error.rv() != CKR_USER_ALREADY_LOGGED_IN => Err(error),
            _ => Ok(()),
        }
    }
}

fn code_name(rv: u64) -> Cow<'static, str> {
    ReturnValue(rv).name().map_or_else(|| Cow::Owned(format!("0x{rv:X}")), Cow::Borrowed)
}

/// Counts a session as working until it ends or is dropped.
struct Working<'a>(&'a Cell<u64>);

impl<'a> Working<'a> {
    fn begin(count: &'a Cell<u64>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
