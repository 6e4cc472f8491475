//! Scripted call faults: what becomes of a call of the application because somebody said so, whatever
//! the cluster does. Rules come from the state directory, where every process sees them at its next
//! call, and from a file of this process alone ([`CALL_FAULTS_VARIABLE`]).
//!
//! - `calls`: the application's calls, each with what a rule may ask about it.
//! - `functions`: what the functions work on, by their names.
//! - `rules`: which rule strikes; pure.
//! - here: what a rule does.
//!
//! Without rules a call costs two atomic loads more. A call that asks for a length (a NULL pointer for
//! the output) is no call to a rule, nor is one on a session or slot that is not there, nor one whose
//! arguments the C boundary refuses.

mod calls;
pub(crate) mod functions;
mod rules;

use std::{
    cell::Cell,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use hsmsim_partition::api::OperationKind;
use hsmsim_sim_config::{CallFault, CallOutcome};
use hsmsim_types::{
    AttributeValue, Error, ObjectHandle, ObjectId, Result, SessionHandle, SlotId, Template, ck::*,
};
use parking_lot::Mutex;

use crate::{Client, group::Group, session::Checkout, timeout::within};

use rules::{Caller, Facts, Origin, Rules};

/// The environment variable that names a file of call faults for one process alone.
pub const CALL_FAULTS_VARIABLE: &str = "HSMSIM_CALL_FAULTS";

/// The rules of one client.
pub(crate) struct Script {
    /// Whether there are rules of this process alone.
    has_own: bool,
    // Lock: counting and choosing only, never across an await.
    rules: Mutex<Rules>,
}

impl Script {
    pub(crate) fn new(pid: u32, seed: u64, own: Vec<CallFault>) -> Self {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).unwrap_or_default();
        let caller = Caller { pid, program: program.to_string_lossy().into_owned() };
        Self { has_own: !own.is_empty(), rules: Mutex::new(Rules::new(caller, seed, own)) }
    }

    /// The rules that the environment gives this process alone.
    pub(crate) fn from_environment() -> Result<Vec<CallFault>> {
        let path = std::env::var_os(CALL_FAULTS_VARIABLE).filter(|path| !path.is_empty());
        let Some(path) = path else { return Ok(Vec::new()) };
        CallFault::file(Path::new(&path)).map_err(|error| {
            Error::new(CKR_GENERAL_ERROR, format!("{CALL_FAULTS_VARIABLE}: {error}"))
        })
    }
}

/// What a call is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledOn {
    /// A slot.
    Slot(SlotId),
    /// A session.
    Session(SessionHandle),
}

/// What remains of a call when its arguments have gone to its work.
#[derive(Clone, Copy)]
struct Head {
    function: &'static str,
    on: CalledOn,
    /// The kind of operation it works on. Every error but CKR_BUFFER_TOO_SMALL ends that
    /// (PKCS#11 3.1, 5.2).
    kind: Option<OperationKind>,
}

/// A call, as its arguments say.
struct Call<'a> {
    head: Head,
    mechanism: Option<u64>,
    objects: [Option<ObjectHandle>; 2],
    templates: [Option<&'a Template>; 2],
}

impl<'a> Call<'a> {
    fn new(head: Head) -> Self {
        Self { head, mechanism: None, objects: [None; 2], templates: [None; 2] }
    }

    fn mechanism(self, kind: u64) -> Self {
        Self { mechanism: Some(kind), ..self }
    }

    fn objects(self, first: Option<ObjectHandle>, second: Option<ObjectHandle>) -> Self {
        Self { objects: [first, second], ..self }
    }

    fn object(self, object: ObjectHandle) -> Self {
        self.objects(Some(object), None)
    }

    fn templates(self, first: &'a Template, second: Option<&'a Template>) -> Self {
        Self { templates: [Some(first), second], ..self }
    }
}

/// A call with all that its session knows.
struct Known<'a> {
    client: &'a Client,
    call: &'a Call<'a>,
    group: &'a Group,
    /// Mechanism and key of the active operation.
    active: Option<(u64, Option<ObjectId>)>,
}

impl Known<'_> {
    /// Whether label and id of one of the call's objects please.
    fn any_object(&self, kind: u64, pleases: &dyn Fn(&[u8]) -> bool) -> bool {
        let said = self.call.templates.iter().flatten().any(|template| {
            template.get(kind).and_then(AttributeValue::as_bytes).is_some_and(pleases)
        });
        let handles = self.call.objects.iter().flatten();
        let ids =
            handles.filter_map(|&handle| self.client.handles.object(self.group.index, handle));
        let mut ids = ids.chain(self.active.and_then(|(_, key)| key));
        said || ids.any(|id| {
            let found = self.client.label_and_id(self.group, &id);
            found.is_some_and(|(label, id)| pleases(if kind == CKA_ID { &id } else { &label }))
        })
    }
}

impl Facts for Known<'_> {
    fn function(&self) -> &'static str {
        self.call.head.function
    }

    fn slot(&self) -> u64 {
        self.group.slot.0
    }

    fn has_token(&self, label: &str) -> bool {
        self.group.label == label || self.client.token_is_labelled(self.group, label)
    }

    fn session(&self) -> Option<u64> {
        match self.call.head.on {
            CalledOn::Session(session) => Some(session.0),
            CalledOn::Slot(_) => None,
        }
    }

    fn mechanism(&self) -> Option<u64> {
        self.call.mechanism.or(self.active.map(|(mechanism, _)| mechanism))
    }

    fn has_label(&self, label: &[u8]) -> bool {
        self.any_object(CKA_LABEL, &|found| found == label)
    }

    fn has_id(&self, id: &[u8]) -> bool {
        self.any_object(CKA_ID, &|found| found == id)
    }
}

thread_local! {
    /// The rule that struck the call that has just ended on this thread; 0 if none did. Set where the
    /// call ends and taken where it is recorded, between which a thread does nothing else. No
    /// destructor: exit handlers may call.
    static STRUCK: Cell<u64> = const { Cell::new(0) };
}

/// Takes the mark of the rule that struck the call that has just ended on this thread, so that it can be told
/// where the call is asked for; 0 if none did.
pub(crate) fn take_struck() -> u64 {
    STRUCK.take()
}

/// Puts a mark back.
pub(crate) fn put_struck(mark: u64) {
    STRUCK.set(mark);
}

/// Marks a number as one of the file's.
const OF_FILE: u64 = 1 << 63;

/// The rule that struck the call that has just ended on this thread, told once; empty if none did.
pub fn struck_by() -> String {
    match STRUCK.take() {
        0 => String::new(),
        number if number & OF_FILE == 0 => Origin::Cluster(number).to_string(),
        number => Origin::File(number & !OF_FILE).to_string(),
    }
}

/// A call that a rule has struck. When it is dropped, the call has ended.
struct Struck<'a> {
    client: &'a Client,
    origin: Origin,
    fault: Arc<CallFault>,
    ended: bool,
}

impl Struck<'_> {
    fn mark(&self) {
        STRUCK.set(match self.origin {
            Origin::Cluster(id) => id,
            Origin::File(id) => id | OF_FILE,
        });
    }

    /// The call's answer.
    fn ends<T>(mut self, answer: T) -> T {
        self.ended = true;
        self.mark();
        answer
    }
}

impl Drop for Struck<'_> {
    /// C_Finalize ends a call that waits by dropping it. In a simulated run an application that is
    /// killed drops its calls too, and nobody records those.
    fn drop(&mut self) {
        if !self.ended && self.client.is_shut_down() {
            self.mark();
        }
    }
}

impl Client {
    /// Makes a call that the library answers by itself, with the call faults that strike it. The calls
    /// that reach members see to that themselves.
    ///
    /// # Errors
    /// What `work` gives, or what a call fault says.
    pub async fn with_call_faults<T>(
        &self,
        function: &'static str,
        on: CalledOn,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if self.is_unscripted() {
            return work();
        }
        let head = Head { function, on, kind: None };
        match self.call_begins(Call::new(head)).await? {
            None => work(),
            Some(struck) => {
                let result = work();
                self.call_ends(struck, head, result).await
            }
        }
    }

    /// As [`Self::with_call_faults`], on the calling thread.
    ///
    /// # Errors
    /// The same, and what [`Client::run`] gives.
    #[inline]
    pub fn answer<T>(
        &self,
        function: &'static str,
        on: CalledOn,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if self.is_unscripted() {
            return work();
        }
        self.run(self.with_call_faults(function, on, work))
    }

    /// Whether there is certainly no rule.
    #[inline]
    pub(crate) fn is_unscripted(&self) -> bool {
        !self.script.has_own && self.cluster.has_no_call_faults()
    }

    /// Looks for the rule that strikes a call, and does what it says to be done before the work.
    ///
    /// # Errors
    /// What the rule answers instead of the work.
    async fn call_begins(&self, call: Call<'_>) -> Result<Option<Struck<'_>>> {
        let Some((struck, group)) = self.strike(&call) else { return Ok(None) };
        let head = call.head;
        let Struck { origin, fault, .. } = &struck;
        let (origin, fault) = (*origin, Arc::clone(fault));
        let function = head.function;
        tracing::info!(rule = %origin, %function, %fault, "a call fault strikes");
        self.event("call_fault", &group, None, format_args!("{origin}: {function}: {fault}"));
        if let Some(delay) = fault.delay {
            self.clock().sleep(delay).await;
        }
        let because = |rv: CK_RV| Error::new(rv, format!("call fault {origin}: {fault}"));
        match &fault.outcome {
            CallOutcome::Work | CallOutcome::CodeAfter(_) => Ok(Some(struck)),
            CallOutcome::Code(code) => {
                self.end_operation(head, code.number).await;
                Err(struck.ends(because(code.number)))
            }
            CallOutcome::Hang(limit) => {
                let removed = async {
                    match origin {
                        Origin::Cluster(id) => self.cluster.call_fault_removed(id).await,
                        Origin::File(_) => std::future::pending().await,
                    }
                };
                match limit {
                    // Over in time or not: then the work is done.
                    Some(limit) => drop(within(self.clock(), *limit, removed).await),
                    None => removed.await,
                }
                Ok(Some(struck))
            }
            CallOutcome::DropSession => {
                if let CalledOn::Session(session) = head.on {
                    self.end_session(session).await;
                }
                Err(struck.ends(because(CKR_SESSION_HANDLE_INVALID)))
            }
            CallOutcome::DropLogin => {
                self.end_operation(head, CKR_USER_NOT_LOGGED_IN).await;
                self.take_login(head, &group).await;
                Err(struck.ends(because(self.no_login())))
            }
        }
    }

    /// Does what the rule says to be done after the work.
    async fn call_ends<T>(&self, struck: Struck<'_>, head: Head, result: Result<T>) -> Result<T> {
        let fault = Arc::clone(&struck.fault);
        if let Some(delay) = fault.delay_after {
            self.clock().sleep(delay).await;
        }
        let result = match (result, &fault.outcome) {
            (Ok(_), CallOutcome::CodeAfter(code)) => {
                self.end_operation(head, code.number).await;
                let rule = format!("call fault {}: {fault}; the work was done", struck.origin);
                Err(Error::new(code.number, rule))
            }
            (result, _) => result,
        };
        struck.ends(result)
    }

    /// The rule that strikes a call, if one does, and the slot's group.
    fn strike(&self, call: &Call<'_>) -> Option<(Struck<'_>, Arc<Group>)> {
        STRUCK.set(0);
        let (slot, group) = match call.head.on {
            CalledOn::Slot(slot) => (None, Arc::clone(self.group(slot).ok()?)),
            CalledOn::Session(session) => {
                let slot = self.session(session).ok()?;
                let group = Arc::clone(&slot.group);
                (Some(slot), group)
            }
        };
        let active = call.head.kind.zip(slot).and_then(|(kind, slot)| slot.mechanism_and_key(kind));
        let known = Known { client: self, call, group: &group, active };
        let mut rules = self.script.rules.lock();
        // Asked under the lock: a thread that was slow must not bring an older state back.
        rules.follow(self.cluster.call_faults());
        let (origin, fault) = rules.strike(&known)?;
        drop(rules);
        Some((Struck { client: self, origin, fault, ended: false }, group))
    }

    /// Ends what the application has to take for ended after this code.
    async fn end_operation(&self, head: Head, code: CK_RV) {
        let CalledOn::Session(session) = head.on else { return };
        if code == CKR_BUFFER_TOO_SMALL {
            return;
        }
        // There may be nothing to end.
        match head.kind {
            Some(kind) => drop(self.operation_cancel(session, kind).await),
            None if head.function == "C_FindObjectsInit" => drop(self.find_final(session)),
            None => {}
        }
    }

    /// Logs the application out of the token, on every member.
    async fn take_login(&self, head: Head, group: &Group) {
        let _order = group.login_order.lock().await;
        if group.role().is_none() {
            return;
        }
        if let CalledOn::Session(session) = head.on
            && let Ok(slot) = self.session(session)
            && let Ok(mut checkout) = Checkout::new(slot)
        {
            self.log_out_members(&mut checkout).await;
            group.login_taken_at.store(group.login_generation(), Ordering::Release);
        }
    }

    /// What a call that needs a login answers without one.
    fn no_login(&self) -> CK_RV {
        if self.personality.vendor_codes { CKR_USER_NOT_AUTHORIZED } else { CKR_USER_NOT_LOGGED_IN }
    }

    /// The error of a call, as it is since a rule has taken the login away: what is not seen for the
    /// want of it is refused for the want of it.
    #[cold]
    pub(crate) fn without_login(&self, on: CalledOn, error: Error) -> Error {
        let group = match on {
            CalledOn::Slot(_) => return error,
            CalledOn::Session(session) => self.session(session).map(|slot| Arc::clone(&slot.group)),
        };
        let taken = group.is_ok_and(|group| {
            let taken_at = group.login_taken_at.load(Ordering::Acquire);
            taken_at != 0 && taken_at == group.login_generation()
        });
        let unseen = [
            CKR_KEY_HANDLE_INVALID,
            CKR_OBJECT_HANDLE_INVALID,
            CKR_WRAPPING_KEY_HANDLE_INVALID,
            CKR_UNWRAPPING_KEY_HANDLE_INVALID,
            CKR_USER_NOT_LOGGED_IN,
        ];
        if taken && unseen.contains(&error.rv()) {
            return Error::new(self.no_login(), "a call fault has taken the login away");
        }
        error
    }

    /// Label and CKA_ID of an object of this application, from whichever member has it.
    fn label_and_id(&self, group: &Group, id: &ObjectId) -> Option<(Vec<u8>, Vec<u8>)> {
        group.members.iter().find_map(|member| {
            let device = self.cluster.device(member.address.device);
            let partition = &device.partitions()[usize::from(member.address.partition)];
            partition.label_and_id(self.app, id)
        })
    }

    /// Whether the token that a group shows has this label.
    fn token_is_labelled(&self, group: &Group, label: &str) -> bool {
        group.members.first().is_some_and(|member| {
            let device = self.cluster.device(member.address.device);
            let partition = &device.partitions()[usize::from(member.address.partition)];
            partition
                .token_info()
                .is_ok_and(|token| token.label.trim_ascii_end() == label.as_bytes())
        })
    }
}
