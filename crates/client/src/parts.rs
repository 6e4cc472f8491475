//! Operations in parts: they begin on the primary, live there, and end with it.
//!
//! Luna guide, "Failover": what has begun is not repeated on another member; the application begins anew.

use hsmsim_device::Left;
use hsmsim_partition::api::{OperationKind, Reply, Request};
use hsmsim_types::{
    ObjectHandle, Passed, Result, SessionHandle, ck::CKR_DEVICE_ERROR, error::fail,
};

use crate::{
    Client,
    api::{Output, Room},
    at_once::Came,
    call::{Begun, Failure},
    operations::{bytes, deliver, too_small},
    planted::Planted,
    session::{Active, Checkout, SessionSlot, Stash, Subs},
};

/// Of a reply without bytes.
pub(crate) fn written(reply: &Reply) -> Output {
    match reply {
        Reply::Written(len) => Output::Written(*len),
        _ => Output::Bytes(Vec::new()),
    }
}

impl Client {
    /// C_EncryptUpdate, C_DecryptUpdate, C_DigestUpdate, C_SignUpdate, C_VerifyUpdate (the last
    /// three give no bytes).
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED; CKR_DEVICE_ERROR if the member was lost: the operation is
    /// ended and has to be begun anew.
    pub(crate) async fn update_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Result<Output> {
        let data = data.into();
        match self.update_begins(session, kind, data, room, None)? {
            Came::Done(output) => Ok(output),
            Came::Left(session, begun) => self.update_from(session, begun, kind, data, room).await,
        }
    }

    /// What is left of it.
    pub(crate) async fn update_from(
        &self,
        mut session: Checkout,
        begun: Option<Begun>,
        kind: OperationKind,
        data: Passed<'_>,
        room: Room,
    ) -> Result<Output> {
        let (ready, streaming) = match session.take_active(kind) {
            Active::Ready(ready) => (ready, None),
            Active::Streaming { ready, member, member_generation, before } => {
                (ready, Some((member, member_generation, before)))
            }
            Active::Stashed { from: Stash::Update, output, next } => {
                return Ok(deliver(&mut session, kind, room, output, Stash::Update, *next));
            }
            Active::None | Active::Stashed { .. } => return Err(Checkout::not_initialized(kind)),
        };
        let mut begin = || Request::Begin {
            operation: ready.operation.clone(),
            data: data.to_data(Vec::new(), 0),
        };
        let (reply, member) = match streaming {
            None => {
                if let Some(answer) = too_small(ready.checked.output.update(0, data.len()), room) {
                    *session.active(kind) = Active::Ready(ready);
                    return Ok(answer);
                }
                let (member, reply) = self.call_primary(&mut session, begin).await?;
                (reply, member)
            }
            Some((member, generation, before)) => {
                if let Some(answer) =
                    too_small(ready.checked.output.update(before, data.len()), room)
                {
                    let member_generation = generation;
                    *session.active(kind) =
                        Active::Streaming { ready, member, member_generation, before };
                    return Ok(answer);
                }
                let answer = match begun {
                    Some(Begun { answer: Some(answer), .. }) => {
                        self.streamed(&session, member, answer)
                    }
                    Some(Begun { answer: None, .. }) => {
                        let rest = Box::pin(self.finish_call(&mut session, member, Left::Wait));
                        let answer = rest.await;
                        self.streamed(&session, member, answer)
                    }
                    None => {
                        let part = data.to_data(session.take_spare(), 0);
                        let request = Request::Update { kind, data: part };
                        self.stream(&mut session, member, generation, request).await
                    }
                };
                match answer {
                    Err(error)
                        if error.rv() == CKR_DEVICE_ERROR
                            && self.planted == Some(Planted::MultiPartRetried) =>
                    {
                        let (member, reply) = self.call_primary(&mut session, &mut begin).await?;
                        (reply, member)
                    }
                    other => other?,
                }
            }
        };
        let next = Active::Streaming {
            ready,
            member,
            member_generation: session.group().members[member].generation(),
            before: streaming.map_or(0, |(.., before)| before) + data.len(),
        };
        if matches!(reply, Reply::Done | Reply::Written(_)) {
            *session.active(kind) = next;
            return Ok(written(&reply));
        }
        Ok(deliver(&mut session, kind, room, bytes(reply)?, Stash::Update, next))
    }

    /// C_DigestKey: the key's value goes into the digest.
    ///
    /// # Errors
    /// As [`Client::update_work`]; CKR_KEY_INDIGESTIBLE for keys that have no value to digest.
    pub(crate) async fn digest_key_work(
        &self,
        session: SessionHandle,
        key: ObjectHandle,
    ) -> Result<()> {
        let kind = OperationKind::Digest;
        let mut session = self.checkout(session)?;
        let key = self.key(session.group(), key)?;
        let (ready, streaming) = match session.take_active(kind) {
            Active::Ready(ready) => (ready, None),
            Active::Streaming { ready, member, member_generation, before } => {
                (ready, Some((member, member_generation, before)))
            }
            _ => return Err(Checkout::not_initialized(kind)),
        };
        let (member, generation, before) = match streaming {
            Some(streaming) => streaming,
            None => {
                let request = || Request::Begin {
                    operation: ready.operation.clone(),
                    data: Vec::new().into(),
                };
                let (member, _) = self.call_primary(&mut session, request).await?;
                (member, session.group().members[member].generation(), 0)
            }
        };
        self.stream(&mut session, member, generation, Request::DigestKey { key }).await?;
        let member_generation = generation;
        *session.active(kind) = Active::Streaming { ready, member, member_generation, before };
        Ok(())
    }

    /// A further step of an operation that lives on `member`. If that is lost, so is the operation
    /// (Luna guide, "Failover": multi-part operations must be restarted by the application).
    pub(crate) async fn stream(
        &self,
        session: &mut Checkout,
        member: usize,
        member_generation: u64,
        request: Request,
    ) -> Result<(Reply, usize)> {
        self.may_stream(&session.slot, &session.subs, member, member_generation)?;
        let answer = self.call_member(session, member, request).await;
        self.streamed(session, member, answer)
    }

    /// Whether an operation that lives on `member` can go on there.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR if the member was lost, and as [`Client::alive`].
    pub(crate) fn may_stream(
        &self,
        slot: &SessionSlot,
        subs: &Subs,
        member: usize,
        member_generation: u64,
    ) -> Result<()> {
        self.cluster.refresh();
        self.alive(slot)?;
        let held =
            subs[member].as_ref().is_some_and(|sub| sub.member_generation == member_generation);
        if !held || slot.group.members[member].generation() != member_generation {
            return fail(CKR_DEVICE_ERROR, "the member with this operation was lost: begin anew");
        }
        Ok(())
    }

    /// What became of a step of an operation on `member`.
    fn streamed(
        &self,
        session: &Checkout,
        member: usize,
        answer: std::result::Result<Reply, Failure>,
    ) -> Result<(Reply, usize)> {
        match answer {
            Ok(reply) => Ok((reply, member)),
            Err(Failure::Member(error)) => Err(error),
            Err(Failure::Lost) => {
                let group = session.group();
                self.event("multi_part_lost", group, group.members.get(member), "");
                fail(CKR_DEVICE_ERROR, "the member was lost during the operation: begin anew")
            }
        }
    }

    /// C_EncryptFinal, C_DecryptFinal, C_DigestFinal, C_SignFinal.
    ///
    /// # Errors
    /// As [`Client::update_work`].
    pub(crate) async fn finish_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        room: Room,
    ) -> Result<Output> {
        let mut session = self.checkout(session)?;
        let active = session.take_active(kind);
        if let Active::Stashed { from: Stash::Final, output, next } = active {
            return Ok(deliver(&mut session, kind, room, output, Stash::Final, *next));
        }
        if let Active::Stashed { next, .. } = active {
            // A result of C_Sign or C_SignUpdate waits for its buffer. Every error but
            // CKR_BUFFER_TOO_SMALL ends the operation (PKCS#11 3.1, 5.2), this one too.
            if let Active::Streaming { member, .. } = *next {
                let _ = self.call_member(&mut session, member, Request::Cancel { kind }).await;
            }
            return Err(Checkout::not_initialized(kind));
        }
        if room == Room::Query {
            let length = match &active {
                Active::Ready(ready) => ready.checked.output.finish(0),
                Active::Streaming { ready, before, .. } => ready.checked.output.finish(*before),
                _ => return Err(Checkout::not_initialized(kind)),
            };
            *session.active(kind) = active;
            return Ok(Output::Length(length));
        }
        if let Active::Ready(ready) | Active::Streaming { ready, .. } = &active {
            let before = if let Active::Streaming { before, .. } = active { before } else { 0 };
            session.expect(ready.checked.output.finish(before), room);
        }
        let reply = self.end(&mut session, kind, active, &[]).await?;
        Ok(deliver(&mut session, kind, room, bytes(reply)?, Stash::Final, Active::None))
    }

    /// The last step of a multi-part operation, also of one that had no part.
    async fn end(
        &self,
        session: &mut Checkout,
        kind: OperationKind,
        active: Active,
        signature: &[u8],
    ) -> Result<Reply> {
        let last = || Request::Final { kind, signature: signature.to_vec() };
        let (member, generation) = match active {
            Active::Streaming { member, member_generation, .. } => (member, member_generation),
            Active::Ready(ready) => {
                let request = || Request::Begin {
                    operation: ready.operation.clone(),
                    data: Vec::new().into(),
                };
                let (member, _) = self.call_primary(session, request).await?;
                (member, session.group().members[member].generation())
            }
            _ => return Err(Checkout::not_initialized(kind)),
        };
        Ok(self.stream(session, member, generation, last()).await?.0)
    }

    /// C_VerifyFinal, C_VerifySignatureFinal.
    ///
    /// # Errors
    /// As [`Client::verify_work`] and [`Client::update_work`].
    pub(crate) async fn verify_final_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        signature: Option<&[u8]>,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        let active = session.take_active(kind);
        let known = match &active {
            Active::Ready(ready) | Active::Streaming { ready, .. } => ready.signature().to_vec(),
            _ => Vec::new(),
        };
        self.end(&mut session, kind, active, signature.unwrap_or(&known)).await?;
        Ok(())
    }
}
