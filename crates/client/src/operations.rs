//! Operations: init, then one call or many (`parts.rs`).
//!
//! An init is checked on the primary, once for each key and mechanism, and kept here. A one-part
//! call takes it along to whichever member is chosen; the first part of many takes it to the
//! primary, where the operation then stays. Output lengths follow from the check, so asking for a
//! length costs no round trip; a result that does not fit is kept until the buffer does.

use std::{borrow::Borrow, sync::Arc};

use hsmsim_partition::api::{Operation, OperationKind, Reply, Request};
use hsmsim_types::{
    Error, Mechanism, ObjectHandle, ObjectId, Passed, Result, SessionHandle, ck::*, error::fail,
    role::UserType,
};

use crate::{
    Client,
    api::{Output, Room},
    at_once::Came,
    call::Begun,
    checks::{CheckOf, Known, Stamp},
    group::Group,
    session::{Active, Checkout, Ready, Stash},
};

/// A reply of another form than the request asks for: a fault of this library.
pub(crate) fn unexpected(reply: &Reply) -> Error {
    Error::new(CKR_GENERAL_ERROR, format!("a member answered out of turn: {reply:?}"))
}

/// The bytes of a reply; a reply without any counts as none.
pub(crate) fn bytes(reply: Reply) -> Result<Vec<u8>> {
    match reply {
        Reply::Bytes(bytes) => Ok(bytes),
        Reply::Done => Ok(Vec::new()),
        other => Err(unexpected(&other)),
    }
}

/// Where output goes: what fits is given, what does not is kept with the state it leaves behind.
pub(crate) fn deliver(
    session: &mut Checkout,
    kind: OperationKind,
    room: Room,
    output: Vec<u8>,
    from: Stash,
    next: Active,
) -> Output {
    match room {
        Room::Bytes(room) if output.len() <= room => {
            *session.active(kind) = next;
            match from {
                Stash::Structure => Output::Structure(output),
                _ => Output::Bytes(output),
            }
        }
        Room::Bytes(_) => {
            let needed = output.len();
            *session.active(kind) = Active::Stashed { from, output, next: Box::new(next) };
            Output::TooSmall(needed)
        }
        Room::Query => {
            let needed = output.len();
            *session.active(kind) = Active::Stashed { from, output, next: Box::new(next) };
            Output::Length(needed)
        }
    }
}

impl Ready {
    /// The member that a one-part operation goes to: the one it is balanced to, or the primary if the key asks for a
    /// login of its own each time.
    pub(crate) fn chosen(&self, group: &Group) -> Option<usize> {
        if self.checked.on_primary() { group.primary() } else { group.one_part() }
    }

    /// An operation that has been checked, and may begin.
    pub(crate) fn of(
        kind: OperationKind,
        mechanism: impl FnOnce() -> Mechanism,
        key: Option<ObjectId>,
        (same, checked): &Known,
    ) -> Self {
        let mechanism = same.as_ref().map_or_else(|| Arc::new(mechanism()), Arc::clone);
        Self { operation: Operation { kind, mechanism, key }, checked: *checked, beside: None }
    }
}

impl Client {
    /// C_EncryptInit, C_DecryptInit, C_DigestInit, C_SignInit, C_VerifyInit; `key` is `None` for
    /// digests.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, CKR_KEY_HANDLE_INVALID, and what the primary finds wrong with
    /// mechanism, parameters or key.
    pub(crate) async fn operation_init_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        mechanism: impl Borrow<Mechanism>,
        key: Option<ObjectHandle>,
    ) -> Result<()> {
        let mut mechanism = mechanism.borrow().clone();
        match self.init_begins(session, kind, &mut mechanism, key)? {
            None => Ok(()),
            Some(session) => self.init_from(session, kind, &mut mechanism, key).await,
        }
    }

    /// What is left of it if the session does not remember that it is allowed.
    pub(crate) async fn init_from(
        &self,
        mut session: Checkout,
        kind: OperationKind,
        mechanism: &mut Mechanism,
        key: Option<ObjectHandle>,
    ) -> Result<()> {
        self.before_call(&session.slot.group).await;
        if self.recalls(&mut session, kind, mechanism, key) {
            return Ok(());
        }
        let check = CheckOf::new(kind, key, mechanism);
        let stamp = self.stamp(&session);
        let id = key.map(|handle| self.key(session.group(), handle)).transpose()?;
        self.alive(&session.slot)?;
        let of_id = check.clone().of_key(id);
        let known = self.check(&mut session, of_id, kind, mechanism.clone(), id).await?;
        *session.active(kind) = Active::Ready(Ready::of(kind, || mechanism.clone(), id, &known));
        if let (Some(stamp), true) = (stamp, known.1.holds_on()) {
            session.recent.keep(check, stamp, id, known);
        }
        Ok(())
    }

    /// What a session's remembered checks depend on; `None` if it has no session on the primary.
    pub(crate) fn stamp(&self, session: &Checkout) -> Option<Stamp> {
        let group = session.group();
        let primary = group.primary()?;
        let sub = session.subs[primary].as_ref()?;
        let connection = group.members[primary].generation();
        (sub.member_generation == connection).then_some(())?;
        Some(Stamp {
            primary: (primary, connection),
            objects: sub.session.generation()?,
            checks: group.checks.forgotten(),
            handles: self.handles.forgotten(),
        })
    }

    /// C_VerifySignatureInit.
    ///
    /// # Errors
    /// As [`Client::operation_init_work`].
    pub(crate) async fn verify_signature_init_work(
        &self,
        session: SessionHandle,
        mechanism: Mechanism,
        key: ObjectHandle,
        signature: &[u8],
    ) -> Result<()> {
        let kind = OperationKind::VerifySignature;
        self.operation_init_work(session, kind, mechanism, Some(key)).await?;
        if let Active::Ready(ready) = self.checkout(session)?.active(kind) {
            ready.beside().signature = signature.into();
        }
        Ok(())
    }

    /// What the primary says of an operation, from the group's memory if it has said it before.
    async fn check(
        &self,
        session: &mut Checkout,
        check: CheckOf<ObjectId>,
        kind: OperationKind,
        mechanism: Mechanism,
        key: Option<ObjectId>,
    ) -> Result<Known> {
        let group = Arc::clone(session.group());
        let generation = group
            .primary()
            .and_then(|index| group.members[index].connection())
            .and_then(|connection| connection.generation());
        if let Some(known) = group.checks.find(&check, generation) {
            return Ok(known);
        }
        let mechanism = Arc::new(mechanism);
        let request = || Request::Check {
            operation: Operation { kind, mechanism: Arc::clone(&mechanism), key },
        };
        match self.call_primary(session, request).await? {
            (_, Reply::Checked(checked)) => {
                let known = check.known(&mechanism, checked);
                if known.1.holds_on() {
                    group.checks.keep(check, generation, known.clone());
                }
                Ok(known)
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    /// Ends the active operation of that kind without a result (an init with a NULL mechanism,
    /// C_SessionCancel).
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED if there is none.
    pub async fn operation_cancel(
        &self,
        session: SessionHandle,
        kind: OperationKind,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        match session.take_active(kind) {
            Active::None => Err(Checkout::not_initialized(kind)),
            Active::Streaming { member, .. } => {
                // It ends here whether or not the member hears of it.
                let _ = self.call_member(&mut session, member, Request::Cancel { kind }).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// C_Encrypt, C_Decrypt, C_Digest, C_Sign.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE after an update, and what the member
    /// finds; the operation then is ended.
    pub(crate) async fn one_part_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Result<Output> {
        let data = data.into();
        match self.one_part_begins(session, kind, data, room, None)? {
            Came::Done(output) => Ok(output),
            Came::Left(session, begun) => {
                self.one_part_from(session, begun, kind, data, room).await
            }
        }
    }

    /// What is left of it.
    pub(crate) async fn one_part_from(
        &self,
        mut session: Checkout,
        mut begun: Option<Begun>,
        kind: OperationKind,
        data: Passed<'_>,
        room: Room,
    ) -> Result<Output> {
        match session.take_active(kind) {
            Active::None => Err(Checkout::not_initialized(kind)),
            Active::Ready(ready) if room == Room::Query => {
                let length = ready.checked.output.one_part(data.len());
                *session.active(kind) = Active::Ready(ready);
                Ok(Output::Length(length))
            }
            Active::Ready(ready) => {
                session.expect(ready.checked.output.one_part(data.len()), room);
                let call = self.run_one_part(&mut session, &mut begun, &ready, data, &[]);
                let output = match call.await? {
                    Reply::Written(len) => return Ok(Output::Written(len)),
                    reply => bytes(reply)?,
                };
                let from =
                    if ready.checked.changes_key { Stash::Structure } else { Stash::OnePart };
                Ok(deliver(&mut session, kind, room, output, from, Active::None))
            }
            Active::Stashed { from: from @ (Stash::OnePart | Stash::Structure), output, next } => {
                Ok(deliver(&mut session, kind, room, output, from, *next))
            }
            other => self.refuse_one_part(&mut session, kind, other).await,
        }
    }

    /// A one-part call while parts are being sent ends the operation (PKCS#11 3.1, 5.2).
    async fn refuse_one_part<T>(
        &self,
        session: &mut Checkout,
        kind: OperationKind,
        active: Active,
    ) -> Result<T> {
        if let Active::Streaming { member, .. } = active {
            let _ = self.call_member(session, member, Request::Cancel { kind }).await;
        }
        fail(CKR_OPERATION_ACTIVE, "a one-part call after a part: the operation is ended")
    }

    /// Sends a one-part operation to the member it is balanced to, or to the primary if the key
    /// asks for a login of its own each time, unless it has begun. Members that are asked in turn share data that is lent.
    pub(crate) async fn run_one_part(
        &self,
        session: &mut Checkout,
        begun: &mut Option<Begun>,
        ready: &Ready,
        data: Passed<'_>,
        signature: &[u8],
    ) -> Result<Reply> {
        // With room for the output of a cipher that works in place.
        let room = match ready.operation.kind {
            OperationKind::Encrypt => ready.checked.output.one_part(data.len()),
            _ => 0,
        };
        let mut spare = session.take_spare();
        let request = move || Request::OnePart {
            operation: ready.operation.clone(),
            data: data.to_data(std::mem::take(&mut spare), room),
            signature: signature.to_vec(),
        };
        if let (true, Some(key)) = (ready.checked.changes_key, ready.operation.key) {
            return self.run_changing(session, request, key).await;
        }
        let choose = |group: &Group| ready.chosen(group);
        let (_, reply) = match begun {
            Some(_) => self.call_chosen_from(session, begun, choose, request).await?,
            None => self.call_chosen(session, choose, request).await?,
        };
        Ok(reply)
    }

    /// Sends an operation that changes its key to the primary and brings the key to the others before the
    /// answer is given: a password must not come twice because a member was lost.
    async fn run_changing(
        &self,
        session: &mut Checkout,
        mut request: impl FnMut() -> Request,
        key: ObjectId,
    ) -> Result<Reply> {
        loop {
            let (primary, reply) = self.call_primary(session, &mut request).await?;
            if self.replicate(session, primary, &[key]).await? {
                return Ok(reply);
            }
            // Nobody has seen the password, and nobody has its count but a member that is lost.
            self.moved_on(session.group(), primary)?;
        }
    }

    /// Whether the active verification is one of one-time passwords, whose signature is a structure.
    pub fn verifies_one_time_passwords(&self, session: SessionHandle) -> bool {
        self.checkout(session).is_ok_and(|mut session| {
            let kind = OperationKind::Verify;
            matches!(session.active(kind), Active::Ready(ready) if ready.checked.changes_key)
        })
    }

    /// C_Verify, C_VerifySignature; `signature` is `None` where the init was given it.
    ///
    /// # Errors
    /// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, and as [`Client::one_part_work`].
    pub(crate) async fn verify_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: impl Into<Passed<'_>>,
        signature: Option<&[u8]>,
    ) -> Result<()> {
        let data = data.into();
        match self.verify_begins(session, kind, data, signature)? {
            Came::Done(()) => Ok(()),
            Came::Left(session, begun) => {
                self.verify_from(session, begun, kind, data, signature).await
            }
        }
    }

    /// What is left of it.
    pub(crate) async fn verify_from(
        &self,
        mut session: Checkout,
        mut begun: Option<Begun>,
        kind: OperationKind,
        data: Passed<'_>,
        signature: Option<&[u8]>,
    ) -> Result<()> {
        match session.take_active(kind) {
            Active::None => Err(Checkout::not_initialized(kind)),
            Active::Ready(ready) => {
                let signature = signature.unwrap_or(ready.signature());
                self.run_one_part(&mut session, &mut begun, &ready, data, signature).await?;
                Ok(())
            }
            other => self.refuse_one_part(&mut session, kind, other).await,
        }
    }

    /// C_Login with CKU_CONTEXT_SPECIFIC: confirms the operation that waits for it, on the primary.
    pub(crate) async fn context_login(
        &self,
        session: &mut Checkout,
        pin: hsmsim_types::Pin,
    ) -> Result<()> {
        let waiting = OperationKind::ALL.into_iter().any(|kind| {
            matches!(session.active(kind), Active::Ready(ready) if ready.checked.always_authenticate)
        });
        if !waiting {
            return fail(CKR_OPERATION_NOT_INITIALIZED, "no operation waits for a context login");
        }
        let request = || Request::Login { user: UserType::ContextSpecific, pin: pin.clone() };
        self.call_primary(session, request).await?;
        Ok(())
    }

    /// The object behind a key's handle.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID.
    pub(crate) fn key(&self, group: &Group, handle: ObjectHandle) -> Result<ObjectId> {
        self.handles.object(group.index, handle).ok_or_else(|| {
            Error::new(CKR_KEY_HANDLE_INVALID, format!("no object has handle {}", handle.0))
        })
    }
}

/// The answer if the caller only asks for the length, or has too little room for what this call
/// gives for certain.
pub(crate) fn too_small(length: usize, room: Room) -> Option<Output> {
    match room {
        Room::Query => Some(Output::Length(length)),
        Room::Bytes(room) if room < length => Some(Output::TooSmall(length)),
        Room::Bytes(_) => None,
    }
}
