//! Message-based operations (PKCS#11 3.1, 5.9, 5.12, 5.15, 5.17): one init, then any number of messages, each in one part or in
//! many.
//!
//! A message in one part goes to whichever member is chosen for it, as any one-part call does; one in many
//! parts lives and dies with the primary. Between messages there is nothing on any member: what a nonce's
//! counter has reached is kept here, so that it goes on after a failover.

use std::sync::Arc;

use hsmsim_partition::api::{Operation, OperationKind, Reply, Request};
use hsmsim_types::{
    Mechanism, MessageParams, Params, Passed, Result, SessionHandle, ck::*, error::fail,
};

use crate::{
    Client,
    api::{Message, Output, Room},
    group::Group,
    operations::{bytes, too_small, unexpected},
    session::{Active, Checkout, Messages, Ready},
};

/// A message under way.
struct Streaming {
    ready: Ready,
    member: usize,
    member_generation: u64,
    before: usize,
}

impl From<Streaming> for Active {
    fn from(streaming: Streaming) -> Self {
        let Streaming { ready, member, member_generation, before } = streaming;
        Self::Streaming { ready, member, member_generation, before }
    }
}

impl Messages {
    /// Gives a message its number, and the nonce that a counter counts from.
    pub(crate) fn number(&mut self, params: &mut MessageParams) {
        if self.count == 0 {
            self.base.clone_from(&params.nonce);
        }
        let counts = [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR].contains(&params.generator);
        if counts && self.base.len() == params.nonce.len() {
            params.nonce.clone_from(&self.base);
        }
        params.count = self.count;
    }
}

impl Ready {
    /// The operation for one message of an AEAD.
    fn message(&mut self, mut params: MessageParams) -> Operation {
        self.beside().messages.number(&mut params);
        let params = Params::Message(Box::new(params));
        let of = &self.operation;
        let mechanism = Arc::new(Mechanism { kind: of.mechanism.kind, params });
        Operation { kind: of.kind, mechanism, key: of.key }
    }

    /// After a message has ended.
    fn next(mut self) -> Active {
        self.beside().messages.count += 1;
        Active::Ready(self)
    }
}

/// The operation that is between two messages.
async fn between(client: &Client, session: &mut Checkout, kind: OperationKind) -> Result<Ready> {
    match session.take_active(kind) {
        Active::Ready(ready) => Ok(ready),
        Active::Streaming { member, .. } => {
            let _ = client.call_member(session, member, Request::Cancel { kind }).await;
            fail(CKR_OPERATION_ACTIVE, "a message is under way: the operation is ended")
        }
        _ => Err(Checkout::not_initialized(kind)),
    }
}

/// The message that is under way.
fn under_way(session: &mut Checkout, kind: OperationKind) -> Result<Streaming> {
    match session.take_active(kind) {
        Active::Streaming { ready, member, member_generation, before } => {
            Ok(Streaming { ready, member, member_generation, before })
        }
        other => {
            // A message that was not begun does no harm to the operation.
            *session.active(kind) = other;
            Err(Checkout::not_initialized(kind))
        }
    }
}

impl Client {
    /// The CKM number of the operation of that kind, which says what a message's parameter looks like.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED.
    pub fn message_mechanism(&self, session: SessionHandle, kind: OperationKind) -> Result<u64> {
        let slot = self.session(session)?;
        match slot.mechanism_and_key(kind) {
            Some((mechanism, _)) => Ok(mechanism),
            None => Err(Checkout::not_initialized(kind)),
        }
    }

    /// C_EncryptMessage.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE, CKR_MECHANISM_PARAM_INVALID, and what the member
    /// finds.
    pub(crate) async fn encrypt_message_work(
        &self,
        session: SessionHandle,
        params: MessageParams,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Result<Message> {
        let data = data.into();
        let kind = OperationKind::MessageEncrypt;
        let mut session = self.checkout(session)?;
        let mut ready = between(self, &mut session, kind).await?;
        if let Some(output) = too_small(data.len(), room) {
            *session.active(kind) = Active::Ready(ready);
            return Ok(Message { output, ..Message::default() });
        }
        let operation = ready.message(params);
        let request = || Request::OnePart {
            operation: operation.clone(),
            data: data.to_data(Vec::new(), 0),
            signature: Vec::new(),
        };
        let choose = |group: &Group| ready.chosen(group);
        let (nonce, mut sealed) = match self.call_chosen(&mut session, choose, request).await? {
            (_, Reply::Message(message)) => (message.nonce, message.bytes),
            (_, other) => return Err(unexpected(&other)),
        };
        *session.active(kind) = ready.next();
        let tag = sealed.split_off(data.len());
        Ok(Message { nonce, tag, output: Output::Bytes(sealed) })
    }

    /// C_DecryptMessage. A message that is not authentic does not end the operation: the next may be.
    ///
    /// # Errors
    /// CKR_AEAD_DECRYPT_FAILED, and as [`Client::encrypt_message_work`].
    pub(crate) async fn decrypt_message_work(
        &self,
        session: SessionHandle,
        params: MessageParams,
        data: impl Into<Passed<'_>>,
        tag: &[u8],
        room: Room,
    ) -> Result<Output> {
        let data = data.into();
        let kind = OperationKind::MessageDecrypt;
        let mut session = self.checkout(session)?;
        let mut ready = between(self, &mut session, kind).await?;
        if let Some(output) = too_small(data.len(), room) {
            *session.active(kind) = Active::Ready(ready);
            return Ok(output);
        }
        let operation = ready.message(params);
        let request = || Request::OnePart {
            operation: operation.clone(),
            data: data.to_data(Vec::new(), 0),
            signature: tag.to_vec(),
        };
        let choose = |group: &Group| ready.chosen(group);
        let answer = self.call_chosen(&mut session, choose, request).await;
        if answer.as_ref().err().is_none_or(|error| error.rv() == CKR_AEAD_DECRYPT_FAILED) {
            *session.active(kind) = ready.next();
        }
        Ok(Output::Bytes(bytes(answer?.1)?))
    }

    /// C_EncryptMessageBegin, C_DecryptMessageBegin. Gives the nonce, which may be generated.
    ///
    /// # Errors
    /// As [`Client::encrypt_message_work`].
    pub(crate) async fn message_begin_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        params: MessageParams,
    ) -> Result<Vec<u8>> {
        let mut session = self.checkout(session)?;
        let mut ready = between(self, &mut session, kind).await?;
        let operation = ready.message(params);
        let request = || Request::Begin { operation: operation.clone(), data: Vec::new().into() };
        let (member, reply) = self.call_primary(&mut session, request).await?;
        let member_generation = session.group().members[member].generation();
        let streaming = Streaming { ready, member, member_generation, before: 0 };
        *session.active(kind) = streaming.into();
        match reply {
            Reply::Message(message) => Ok(message.nonce),
            _ => Ok(Vec::new()),
        }
    }

    /// C_EncryptMessageNext, C_DecryptMessageNext; `last` ends the message, for a decryption with the tag
    /// that was sent along.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED without a message that was begun, CKR_AEAD_DECRYPT_FAILED,
    /// CKR_DEVICE_ERROR if the member was lost.
    pub(crate) async fn message_next_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
        data: &[u8],
        last: Option<&[u8]>,
        room: Room,
    ) -> Result<Message> {
        let mut session = self.checkout(session)?;
        let streaming = under_way(&mut session, kind)?;
        if let Some(output) = too_small(data.len(), room) {
            *session.active(kind) = streaming.into();
            return Ok(Message { output, ..Message::default() });
        }
        let Streaming { ready, member, member_generation, before } = streaming;
        let update = Request::Update { kind, data: data.to_vec().into() };
        let (reply, _) = self.stream(&mut session, member, member_generation, update).await?;
        let output = Output::Bytes(bytes(reply)?);
        let Some(tag) = last else {
            let before = before + data.len();
            let streaming = Streaming { ready, member, member_generation, before };
            *session.active(kind) = streaming.into();
            return Ok(Message { output, ..Message::default() });
        };
        let end = Request::Final { kind, signature: tag.to_vec() };
        let answer = self.stream(&mut session, member, member_generation, end).await;
        if answer.as_ref().err().is_none_or(|error| error.rv() == CKR_AEAD_DECRYPT_FAILED) {
            *session.active(kind) = ready.next();
        }
        Ok(Message { tag: bytes(answer?.0)?, output, ..Message::default() })
    }

    /// C_MessageEncryptFinal and its kin.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED; CKR_OPERATION_ACTIVE while a message is under way, which then is
    /// ended with all.
    pub(crate) async fn messages_end_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        between(self, &mut session, kind).await.map(drop)
    }

    /// C_SignMessage.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE, and what the member finds.
    pub(crate) async fn sign_message_work(
        &self,
        session: SessionHandle,
        data: impl Into<Passed<'_>>,
        room: Room,
    ) -> Result<Output> {
        let data = data.into();
        let kind = OperationKind::MessageSign;
        let mut session = self.checkout(session)?;
        let ready = between(self, &mut session, kind).await?;
        if let Some(output) = too_small(ready.checked.output.one_part(data.len()), room) {
            *session.active(kind) = Active::Ready(ready);
            return Ok(output);
        }
        let reply = self.run_one_part(&mut session, &mut None, &ready, data, &[]).await?;
        *session.active(kind) = ready.next();
        Ok(Output::Bytes(bytes(reply)?))
    }

    /// C_VerifyMessage. A signature that is wrong does not end the operation: the next may be right.
    ///
    /// # Errors
    /// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, and as [`Client::sign_message_work`].
    pub(crate) async fn verify_message_work(
        &self,
        session: SessionHandle,
        data: impl Into<Passed<'_>>,
        signature: &[u8],
    ) -> Result<()> {
        let data = data.into();
        let kind = OperationKind::MessageVerify;
        let mut session = self.checkout(session)?;
        let ready = between(self, &mut session, kind).await?;
        let answer = self.run_one_part(&mut session, &mut None, &ready, data, signature).await;
        if answer.as_ref().err().is_none_or(is_verdict) {
            *session.active(kind) = ready.next();
        }
        answer.map(drop)
    }

    /// C_SignMessageBegin, C_VerifyMessageBegin.
    ///
    /// # Errors
    /// As [`Client::sign_message_work`].
    pub(crate) async fn signed_message_begin_work(
        &self,
        session: SessionHandle,
        kind: OperationKind,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        let ready = between(self, &mut session, kind).await?;
        let request =
            || Request::Begin { operation: ready.operation.clone(), data: Vec::new().into() };
        let (member, _) = self.call_primary(&mut session, request).await?;
        let member_generation = session.group().members[member].generation();
        let streaming = Streaming { ready, member, member_generation, before: 0 };
        *session.active(kind) = streaming.into();
        Ok(())
    }

    /// C_SignMessageNext; `room` is `None` while parts follow.
    ///
    /// # Errors
    /// As [`Client::message_next_work`].
    pub(crate) async fn sign_message_next_work(
        &self,
        session: SessionHandle,
        data: &[u8],
        room: Option<Room>,
    ) -> Result<Output> {
        let kind = OperationKind::MessageSign;
        let mut session = self.checkout(session)?;
        let streaming = under_way(&mut session, kind)?;
        let length = streaming.ready.checked.output.finish(streaming.before + data.len());
        if let Some(output) = room.and_then(|room| too_small(length, room)) {
            *session.active(kind) = streaming.into();
            return Ok(output);
        }
        let signature = self.part(&mut session, kind, streaming, data, room.map(|_| &[][..]));
        Ok(Output::Bytes(signature.await?))
    }

    /// C_VerifyMessageNext; `signature` is `None` while parts follow.
    ///
    /// # Errors
    /// As [`Client::verify_message_work`] and [`Client::message_next_work`].
    pub(crate) async fn verify_message_next_work(
        &self,
        session: SessionHandle,
        data: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<()> {
        let kind = OperationKind::MessageVerify;
        let mut session = self.checkout(session)?;
        let streaming = under_way(&mut session, kind)?;
        self.part(&mut session, kind, streaming, data, signature).await.map(drop)
    }

    /// A part of a message that is signed or verified, the last if there is an `end`.
    async fn part(
        &self,
        session: &mut Checkout,
        kind: OperationKind,
        streaming: Streaming,
        data: &[u8],
        end: Option<&[u8]>,
    ) -> Result<Vec<u8>> {
        let Streaming { ready, member, member_generation, before } = streaming;
        let update = Request::Update { kind, data: data.to_vec().into() };
        self.stream(session, member, member_generation, update).await?;
        let Some(signature) = end else {
            let before = before + data.len();
            let streaming = Streaming { ready, member, member_generation, before };
            *session.active(kind) = streaming.into();
            return Ok(Vec::new());
        };
        let end = Request::Final { kind, signature: signature.to_vec() };
        let answer = self.stream(session, member, member_generation, end).await;
        if answer.as_ref().err().is_none_or(is_verdict) {
            *session.active(kind) = ready.next();
        }
        bytes(answer?.0)
    }
}

/// Whether an error says something of one message alone.
fn is_verdict(error: &hsmsim_types::Error) -> bool {
    [CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE].contains(&error.rv())
}
