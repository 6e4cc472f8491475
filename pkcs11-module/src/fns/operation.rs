//! What encryption, decryption, digests and signatures have in common: they begin with an Init,
//! give their output in one part or in several, and end (PKCS#11 3.1, 5.8 to 5.13).

use hsmsim_client::{Client, Room};
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{
    Error, Mechanism, ObjectHandle, Result, SessionHandle,
    ck::{CK_INVALID_HANDLE, CK_OBJECT_HANDLE},
};

use crate::raw::{Buffer, Input};

/// C_EncryptInit, C_MessageEncryptInit and their kin; no mechanism ends the active operation (since PKCS#11
/// 3.0).
pub(crate) async fn init(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    mechanism: &Result<Option<Mechanism>>,
    key: Option<ObjectHandle>,
) -> Result<()> {
    match mechanism.as_ref().map_err(Error::clone)? {
        Some(mechanism) => client.operation_init(session, kind, mechanism, key).await,
        None => client.operation_cancel(session, kind).await,
    }
}

/// The same for a caller who waits.
pub(crate) fn init_now(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    mechanism: &mut Result<Option<Mechanism>>,
    key: Option<ObjectHandle>,
) -> Result<()> {
    match mechanism {
        Ok(Some(mechanism)) => client.operation_init_now(session, kind, mechanism, key),
        other => client.run(init(client, kind, session, other, key)),
    }
}

/// What was read from the arguments. If that failed the active operation ends: every error but
/// CKR_BUFFER_TOO_SMALL ends it (PKCS#11 3.1, 5.2), and the client does not hear of this one.
pub(crate) async fn read<T>(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    arguments: Result<T>,
) -> Result<T> {
    if arguments.is_err() {
        // There may be no such session, or no such operation.
        let _ = Box::pin(client.operation_cancel(session, kind)).await;
    }
    arguments
}

/// C_Encrypt, C_Decrypt, C_Digest, C_Sign.
pub(crate) async fn one_part(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    data: &Input,
    buffer: &Buffer,
) -> Result<()> {
    let arguments = buffer.room().and_then(|room| Ok((room, data.passed(Some(buffer))?)));
    let (room, passed) = read(client, kind, session, arguments).await?;
    let output = client.one_part(session, kind, passed, room).await;
    // The output may go where the data is (5.2), which a request that was given up must not see.
    data.take_back();
    buffer.write(&output?)
}

/// The same for a caller who waits.
pub(crate) fn one_part_now(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    data: &Input,
    buffer: &mut Buffer,
) -> Result<()> {
    let (Ok(room), Ok(bytes)) = (buffer.room(), data.bytes()) else {
        return client.run(one_part(client, kind, session, data, buffer));
    };
    let place = (room, buffer.place_apart_from(bytes));
    let output = client.one_part_now(session, kind, bytes, place, || data.passed(None));
    data.take_back();
    buffer.write(&output?)
}

/// C_EncryptUpdate, C_DecryptUpdate.
pub(crate) async fn update(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    part: &Input,
    buffer: &Buffer,
) -> Result<()> {
    let arguments = buffer.room().and_then(|room| Ok((room, part.passed(Some(buffer))?)));
    let (room, passed) = read(client, kind, session, arguments).await?;
    let output = client.update(session, kind, passed, room).await;
    part.take_back();
    buffer.write(&output?)
}

/// The same for a caller who waits.
pub(crate) fn update_now(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    part: &Input,
    buffer: &mut Buffer,
) -> Result<()> {
    let (Ok(room), Ok(bytes)) = (buffer.room(), part.bytes()) else {
        return client.run(update(client, kind, session, part, buffer));
    };
    let place = (room, buffer.place_apart_from(bytes));
    let output = client.update_now(session, kind, bytes, place, || part.passed(None));
    part.take_back();
    buffer.write(&output?)
}

/// C_DigestUpdate, C_SignUpdate, C_VerifyUpdate: parts that give nothing back.
pub(crate) async fn update_silent(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    part: &Input,
) -> Result<()> {
    let part = read(client, kind, session, part.passed(None)).await?;
    client.update(session, kind, part, Room::Bytes(0)).await.map(drop)
}

/// The same for a caller who waits.
pub(crate) fn update_silent_now(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    part: &Input,
) -> Result<()> {
    let Ok(bytes) = part.bytes() else {
        return client.run(update_silent(client, kind, session, part));
    };
    let nowhere = (Room::Bytes(0), None);
    client.update_now(session, kind, bytes, nowhere, || part.passed(None)).map(drop)
}

/// C_GetOperationState. It ends nothing, whatever it answers.
pub(crate) fn state(client: &Client, session: SessionHandle, buffer: &Buffer) -> Result<()> {
    let room = buffer.room()?;
    buffer.write(&client.run(client.operation_state(session, room))?)
}

/// C_SetOperationState; a key that no operation needs is 0.
pub(crate) async fn set_state(
    client: &Client,
    session: SessionHandle,
    state: &Input,
    cipher_key: CK_OBJECT_HANDLE,
    authentication_key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let key = |handle| (handle != CK_INVALID_HANDLE).then_some(ObjectHandle(handle));
    let (state, cipher, authentication) =
        (state.bytes()?, key(cipher_key), key(authentication_key));
    client.set_operation_state(session, state, cipher, authentication).await
}

/// C_EncryptFinal, C_DecryptFinal, C_DigestFinal, C_SignFinal.
pub(crate) async fn finish(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    buffer: &Buffer,
) -> Result<()> {
    let room = read(client, kind, session, buffer.room()).await?;
    buffer.write(&client.finish(session, kind, room).await?)
}
