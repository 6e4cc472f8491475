//! A virtual session: what the application holds, with the sessions on members behind it.
//!
//! A session serves one call at a time. The calling thread takes its state out of the slot and puts
//! it back when it is done; a second thread that finds the slot empty is told
//! CKR_OPERATION_ACTIVE. So no lock is held while a call waits, and none is needed to take the state.

use std::{
    collections::{BTreeMap, HashSet, hash_map::Entry},
    mem::take,
    ops::{Index, IndexMut},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use crossbeam_utils::atomic::AtomicCell;
use foldhash::fast::FixedState;
use hsmsim_partition::api::{Checked, Operation, OperationKind};
use hsmsim_types::{
    Error, Mechanism, ObjectHandle, ObjectId, Result, SessionHandle, ck::*, error::fail,
};
use parking_lot::{Mutex, RwLock};

use crate::{
    CANCEL_FLAGS,
    api::Room,
    checks::{RecentChecks, Stamp},
    group::Group,
    handles::Table,
    pending::Pending,
    transport::MemberSession,
};

/// A session on a member, and what it was opened under.
pub(crate) struct Sub {
    pub(crate) session: MemberSession,
    /// The member's connection count at that time: of an older connection nothing is left.
    pub(crate) member_generation: u64,
}

/// Members of most groups.
const PAIR: usize = 2;

/// The places of a session for sessions on members. Those of a pair take no memory of their own.
pub(crate) struct Subs {
    count: usize,
    first: [Option<Sub>; PAIR],
    others: Vec<Option<Sub>>,
}

impl Subs {
    fn new(count: usize) -> Self {
        let others = (PAIR..count).map(|_| None).collect();
        Self { count, first: [None, None], others }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Option<Sub>> {
        self.first.iter_mut().chain(&mut self.others).take(self.count)
    }
}

impl Index<usize> for Subs {
    type Output = Option<Sub>;

    fn index(&self, index: usize) -> &Option<Sub> {
        self.first.get(index).unwrap_or_else(|| &self.others[index - PAIR])
    }
}

impl IndexMut<usize> for Subs {
    fn index_mut(&mut self, index: usize) -> &mut Option<Sub> {
        match self.first.get_mut(index) {
            Some(place) => place,
            None => &mut self.others[index - PAIR],
        }
    }
}

/// What is active of one kind of operation.
#[derive(Default)]
pub(crate) enum Active {
    /// Nothing.
    #[default]
    None,
    /// Init was checked; nothing has been sent yet.
    Ready(Ready),
    /// Parts have been sent to a member; the operation lives and dies with it.
    Streaming {
        ready: Ready,
        /// The member.
        member: usize,
        /// Its connection count: the operation does not survive a new connection.
        member_generation: u64,
        /// Bytes that went in.
        before: usize,
    },
    /// A result that did not fit the caller's buffer: given to the next call of the same function.
    Stashed { from: Stash, output: Vec<u8>, next: Box<Active> },
}

/// Which function's result waits for a larger buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stash {
    /// The one-part function's.
    OnePart,
    /// The one-part function's, where it is a structure.
    Structure,
    /// Update's.
    Update,
    /// Final's.
    Final,
}

/// An operation that was allowed.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) operation: Operation,
    pub(crate) checked: Checked,
    /// Apart, as an operation is moved several times a call.
    pub(crate) beside: Option<Box<Beside>>,
}

impl Ready {
    /// The signature that C_VerifySignatureInit was given; empty without one.
    pub(crate) fn signature(&self) -> &[u8] {
        self.beside.as_ref().map_or(&[], |beside| &beside.signature)
    }

    /// What few operations have.
    pub(crate) fn beside(&mut self) -> &mut Beside {
        self.beside.get_or_insert_default()
    }
}

/// What few operations have.
#[derive(Clone, Default)]
pub(crate) struct Beside {
    /// The signature that C_VerifySignatureInit was given.
    pub(crate) signature: Vec<u8>,
    /// What the messages of an operation have in common.
    pub(crate) messages: Messages,
}

/// The messages of an operation so far.
#[derive(Clone, Default)]
pub(crate) struct Messages {
    /// How many there were.
    pub(crate) count: u64,
    /// The nonce that the first was given: what a counter counts from.
    pub(crate) base: Vec<u8>,
}

/// A search under way: all results are here already.
pub(crate) struct Search {
    pub(crate) results: std::vec::IntoIter<ObjectId>,
}

/// A length that was asked for, of an answer that only a member knows the length of.
pub(crate) struct Announced {
    pub(crate) mechanism: u64,
    /// The keys that it follows from.
    pub(crate) keys: [Option<ObjectId>; 2],
    pub(crate) length: usize,
}

/// The state that travels with the call that uses the session.
pub(crate) struct SessionState {
    pub(crate) subs: Subs,
    /// One place for each kind of operation there has been: most sessions see few.
    active: Vec<(OperationKind, Active)>,
    pub(crate) search: Option<Search>,
    /// The wrappings with an AEAD so far whose nonce was a counter's, by mechanism and wrapping key.
    pub(crate) wrappings: BTreeMap<(u64, ObjectId), Messages>,
    /// On an asynchronous session: the last length that was asked for.
    pub(crate) announced: Option<Announced>,
    /// Session objects made here; their handles end with the session.
    pub(crate) objects: HashSet<ObjectId, FixedState>,
    /// The last inits that were allowed.
    pub(crate) recent: RecentChecks,
}

impl SessionState {
    /// Begins an operation that was allowed before, if that still holds.
    pub(crate) fn recall(
        &mut self,
        kind: OperationKind,
        mechanism: &mut Mechanism,
        key: Option<ObjectHandle>,
        stamp: Stamp,
    ) -> bool {
        let Some((key, known)) = self.recent.find(kind, mechanism, key, stamp) else {
            return false;
        };
        let own = || Mechanism { params: take(&mut mechanism.params), ..*mechanism };
        let ready = Ready::of(kind, own, *key, known);
        *self.active(kind) = Active::Ready(ready);
        true
    }

    pub(crate) fn active(&mut self, kind: OperationKind) -> &mut Active {
        let known = self.active.iter().position(|(other, _)| *other == kind);
        let place = known.unwrap_or_else(|| {
            self.active.push((kind, Active::None));
            self.active.len() - 1
        });
        &mut self.active[place].1
    }

    /// The same, of a kind that there may never have been.
    fn known(&self, kind: OperationKind) -> &Active {
        let known = self.active.iter().find(|(other, _)| *other == kind);
        known.map_or(&Active::None, |(_, active)| active)
    }

    /// What is active, as flags of C_SessionCancel.
    fn active_flags(&self) -> CK_FLAGS {
        let active =
            CANCEL_FLAGS.iter().filter(|(_, kind)| !matches!(self.known(*kind), Active::None));
        let search = if self.search.is_some() { CKF_FIND_OBJECTS } else { 0 };
        active.fold(search, |flags, (flag, _)| flags | flag)
    }

    /// Memory for the data of a request, if a session on a member has any to be used again.
    pub(crate) fn take_spare(&mut self) -> Vec<u8> {
        let subs = self.subs.iter_mut().flatten();
        let mut spares = subs.map(|sub| sub.session.take_spare());
        spares.find(|spare| spare.capacity() > 0).unwrap_or_default()
    }

    /// Takes the operation of that kind out: it is ended unless it is put back.
    pub(crate) fn take_active(&mut self, kind: OperationKind) -> Active {
        take(self.active(kind))
    }
}

/// What never changes about a session.
pub(crate) struct SessionSlot {
    pub(crate) handle: SessionHandle,
    pub(crate) group: Arc<Group>,
    pub(crate) read_write: bool,
    /// Whether its calls may be left pending (CKF_ASYNC_SESSION).
    pub(crate) asynchronous: bool,
    /// The call that is pending, or that nobody has asked for.
    // Lock: short, never across an await.
    pub(crate) pending: Mutex<Option<Arc<Pending>>>,
    /// Whether the call under way is waited for, on an asynchronous session.
    pub(crate) waits: AtomicBool,
    /// What was active after the last call, as flags of C_SessionCancel, on an asynchronous session.
    pub(crate) active_flags: AtomicU64,
    /// How often the group had lost all its members when the session was opened.
    pub(crate) born: u64,
    /// The member's error number of the last call that failed there (CK_SESSION_INFO).
    pub(crate) device_error: AtomicU64,
    /// One more than the index of the member that answered the call under way; 0 if none has.
    answered: AtomicUsize,
    closed: AtomicBool,
    /// Empty while a call has it, and once the session is closed.
    state: AtomicCell<Option<Box<SessionState>>>,
}

impl SessionSlot {
    /// Without its state, which whoever opens it has.
    fn new(handle: SessionHandle, group: Arc<Group>, flags: CK_FLAGS) -> Self {
        Self {
            handle,
            born: group.total_losses.load(Ordering::Acquire),
            group,
            read_write: flags & CKF_RW_SESSION != 0,
            asynchronous: flags & CKF_ASYNC_SESSION != 0,
            pending: Mutex::new(None),
            waits: AtomicBool::new(false),
            active_flags: AtomicU64::new(0),
            device_error: 0.into(),
            answered: 0.into(),
            closed: AtomicBool::new(false),
            state: AtomicCell::new(None),
        }
    }

    /// Says that the answer has at most `length` bytes and there is that much room: one that may not fit is
    /// waited for, since a function that finds its buffer too small says so itself (PKCS#11 3.2, 5.22.1).
    pub(crate) fn expect(&self, length: usize, room: Room) {
        if !matches!(room, Room::Bytes(room) if room >= length) {
            self.waits.store(true, Ordering::Relaxed);
        }
    }

    /// A member has answered the call under way.
    pub(crate) fn answers(&self, index: usize) {
        self.answered.store(index + 1, Ordering::Relaxed);
    }

    /// Takes the device that answered last; `None` if none has since the last look.
    pub(crate) fn answered_by(&self) -> Option<String> {
        let index = self.answered.swap(0, Ordering::Relaxed).checked_sub(1)?;
        self.group.members.get(index).map(|member| member.device.clone())
    }

    /// Mechanism and key of the active operation of that kind; `None` also while a call has the state.
    pub(crate) fn mechanism_and_key(
        self: &Arc<Self>,
        kind: OperationKind,
    ) -> Option<(u64, Option<ObjectId>)> {
        let state = Checkout::new(Arc::clone(self)).ok()?;
        let mut active = state.known(kind);
        loop {
            match active {
                Active::None => return None,
                Active::Ready(ready) | Active::Streaming { ready, .. } => {
                    return Some((ready.operation.mechanism.kind, ready.operation.key));
                }
                Active::Stashed { next, .. } => active = next,
            }
        }
    }

    /// Marks the session closed, so that a call that has its state out drops it at its end, and
    /// gives the state if no call has it.
    pub(crate) fn close(&self) -> Option<Box<SessionState>> {
        // Before the exchange: a call whose own exchange comes after it sees this.
        self.closed.store(true, Ordering::Release);
        self.state.take()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// The open sessions. Tables for a part of the handles each, so that no lock is every session's.
#[derive(Default)]
// Locks: look-ups and changes only, never across an await.
pub(crate) struct Sessions([RwLock<Table<u64, Arc<SessionSlot>>>; TABLES]);

const TABLES: usize = 16;

impl Sessions {
    fn table(&self, handle: SessionHandle) -> &RwLock<Table<u64, Arc<SessionSlot>>> {
        &self.0[(handle.0 % TABLES as u64) as usize]
    }

    pub(crate) fn get(&self, handle: SessionHandle) -> Option<Arc<SessionSlot>> {
        self.table(handle).read().get(&handle.0).cloned()
    }

    pub(crate) fn facts(&self, handle: SessionHandle) -> Option<SessionFacts> {
        self.table(handle).read().get(&handle.0).map(|slot| SessionFacts {
            group: slot.group.index,
            born: slot.born,
            read_write: slot.read_write,
            asynchronous: slot.asynchronous,
            device_error: slot.device_error.load(Ordering::Relaxed),
        })
    }

    pub(crate) fn insert(&self, slot: Arc<SessionSlot>) {
        self.table(slot.handle).write().insert(slot.handle.0, slot);
    }

    /// Takes one out if it may go.
    pub(crate) fn remove(
        &self,
        handle: SessionHandle,
        may_go: impl FnOnce(&SessionSlot) -> bool,
    ) -> Removed {
        match self.table(handle).write().entry(handle.0) {
            Entry::Vacant(_) => Removed::Nothing,
            Entry::Occupied(entry) if may_go(entry.get()) => Removed::Session(entry.remove()),
            Entry::Occupied(entry) => Removed::Kept(Arc::clone(entry.get())),
        }
    }

    /// Those of a group, in no order.
    pub(crate) fn of(&self, group: usize) -> Vec<Arc<SessionSlot>> {
        let mut all = Vec::new();
        for table in &self.0 {
            let table = table.read();
            all.extend(table.values().filter(|slot| slot.group.index == group).cloned());
        }
        all
    }

    pub(crate) fn clear(&self) {
        self.0.iter().for_each(|table| table.write().clear());
    }
}

/// What can be said of a session without holding on to it.
pub(crate) struct SessionFacts {
    /// The index of its group.
    pub(crate) group: usize,
    /// As in [`SessionSlot`].
    pub(crate) born: u64,
    pub(crate) read_write: bool,
    pub(crate) asynchronous: bool,
    pub(crate) device_error: u64,
}

/// What taking a session out of the table came to.
pub(crate) enum Removed {
    /// There is none.
    Nothing,
    /// It stays for now.
    Kept(Arc<SessionSlot>),
    /// It is out.
    Session(Arc<SessionSlot>),
}

/// A session in use by one call.
pub(crate) struct Checkout {
    pub(crate) slot: Arc<SessionSlot>,
    state: Option<Box<SessionState>>,
}

/// A session that is being opened, and counts among the group's already; nobody knows its handle yet.
pub(crate) struct Opening<'g> {
    slot: SessionSlot,
    state: Box<SessionState>,
    counted: Counted<'g>,
}

/// Counts a session as open until it is dropped.
struct Counted<'g> {
    group: &'g Group,
    read_write: bool,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.group.sessions.closed(self.read_write);
    }
}

impl<'g> Opening<'g> {
    pub(crate) fn new(handle: SessionHandle, group: &'g Arc<Group>, flags: CK_FLAGS) -> Self {
        let state = SessionState {
            subs: Subs::new(group.members.len()),
            active: Vec::new(),
            search: None,
            wrappings: BTreeMap::new(),
            announced: None,
            objects: HashSet::default(),
            recent: RecentChecks::default(),
        };
        let slot = SessionSlot::new(handle, Arc::clone(group), flags);
        let counted = Counted { group, read_write: slot.read_write };
        group.sessions.opened(slot.read_write);
        Self { slot, state: Box::new(state), counted }
    }

    /// What never changes, and the place for a session on a member.
    pub(crate) fn place(&mut self, index: usize) -> (&SessionSlot, &mut Option<Sub>) {
        (&self.slot, &mut self.state.subs[index])
    }

    /// It is open, and counts until it is taken out of the table.
    pub(crate) fn done(self) -> Arc<SessionSlot> {
        let Self { mut slot, state, counted } = self;
        slot.state = AtomicCell::new(Some(state));
        std::mem::forget(counted);
        Arc::new(slot)
    }
}

impl Checkout {
    /// Takes the session's state for one call.
    pub(crate) fn new(slot: Arc<SessionSlot>) -> Result<Self> {
        match slot.state.take() {
            Some(state) => Ok(Self { slot, state: Some(state) }),
            None if slot.is_closed() => fail(CKR_SESSION_HANDLE_INVALID, "the session was closed"),
            None => {
                fail(CKR_OPERATION_ACTIVE, "another thread's call on this session is under way")
            }
        }
    }

    pub(crate) fn group(&self) -> &Arc<Group> {
        &self.slot.group
    }

    /// What never changes, and a place for a session on a member.
    pub(crate) fn place(&mut self, index: usize) -> (&SessionSlot, &mut Option<Sub>) {
        let state = self.state.as_deref_mut().expect("a checkout holds its state");
        (&self.slot, &mut state.subs[index])
    }

    /// What never changes; what is active of that kind, unless there has never been any; and the places for sessions
    /// on members.
    pub(crate) fn parts(
        &mut self,
        kind: OperationKind,
    ) -> (&SessionSlot, Option<&mut Active>, &mut Subs) {
        let state = self.state.as_deref_mut().expect("a checkout holds its state");
        let active = state.active.iter_mut().find(|(other, _)| *other == kind);
        (&self.slot, active.map(|(_, active)| active), &mut state.subs)
    }

    /// As [`SessionSlot::expect`].
    pub(crate) fn expect(&self, length: usize, room: Room) {
        self.slot.expect(length, room);
    }

    /// As [`Self::expect`], of an answer whose length only a member knows: it fits for certain where its length
    /// has been asked for.
    pub(crate) fn expect_announced(&self, mechanism: u64, keys: [Option<ObjectId>; 2], room: Room) {
        let length = match &self.announced {
            Some(asked) if (asked.mechanism, asked.keys) == (mechanism, keys) => asked.length,
            _ => usize::MAX,
        };
        self.expect(length, room);
    }

    /// Remembers the answer to a question for a length.
    pub(crate) fn announce(&mut self, mechanism: u64, keys: [Option<ObjectId>; 2], length: usize) {
        if self.slot.asynchronous {
            self.announced = Some(Announced { mechanism, keys, length });
        }
    }

    /// The error of an operation that was never begun, or has ended.
    pub(crate) fn not_initialized(kind: OperationKind) -> Error {
        Error::new(CKR_OPERATION_NOT_INITIALIZED, format!("no active operation: {kind:?}"))
    }
}

impl std::ops::Deref for Checkout {
    type Target = SessionState;
    fn deref(&self) -> &SessionState {
        // Present from `new` to `drop`.
        self.state.as_deref().expect("a checkout holds its state")
    }
}

impl std::ops::DerefMut for Checkout {
    fn deref_mut(&mut self) -> &mut SessionState {
        self.state.as_deref_mut().expect("a checkout holds its state")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let state = self.state.take();
        if self.slot.asynchronous {
            let flags = state.as_ref().map_or(0, |state| state.active_flags());
            self.slot.active_flags.store(flags, Ordering::Relaxed);
        }
        self.slot.state.store(state);
        if self.slot.is_closed() {
            // Meanwhile, or before: whoever closes it may have found no state. What it holds ends here.
            drop(self.slot.state.take());
        }
    }
}
