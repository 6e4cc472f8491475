//! Message-based operations (PKCS#11 3.1, 5.9, 5.12, 5.15 and 5.17).

use hsmsim_client::{Client, Room};
use hsmsim_partition::api::OperationKind::{self, MessageDecrypt, MessageEncrypt};
use hsmsim_types::{
    Result, SessionHandle,
    ck::{CK_FLAGS, CKF_END_OF_MESSAGE},
};

use crate::raw::{Buffer, Input, MessageIn};

/// C_MessageEncryptFinal and its kin.
pub(crate) async fn end(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
) -> Result<()> {
    client.messages_end(session, kind).await
}

/// C_EncryptMessage.
pub(crate) async fn encrypt(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    associated: &Input,
    data: &Input,
    buffer: &Buffer,
) -> Result<()> {
    let room = buffer.room()?;
    let mechanism = client.message_mechanism(session, MessageEncrypt)?;
    let (mut params, _) = parameter.read(mechanism)?;
    if room != Room::Query {
        parameter.has_room_for_tag(mechanism)?;
    }
    params.aad = associated.bytes()?.to_vec();
    let message = client.encrypt_message(session, params, data.passed(None)?, room).await;
    // As in one part.
    data.take_back();
    let message = message?;
    parameter.write(mechanism, &message.nonce, &message.tag)?;
    buffer.write(&message.output)
}

/// C_DecryptMessage.
pub(crate) async fn decrypt(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    associated: &Input,
    data: &Input,
    buffer: &Buffer,
) -> Result<()> {
    let room = buffer.room()?;
    let mechanism = client.message_mechanism(session, MessageDecrypt)?;
    let (mut params, tag) = parameter.read_with_tag(mechanism)?;
    params.aad = associated.bytes()?.to_vec();
    let plain = client.decrypt_message(session, params, data.passed(None)?, &tag, room).await;
    data.take_back();
    buffer.write(&plain?)
}

/// C_EncryptMessageBegin, C_DecryptMessageBegin.
pub(crate) async fn begin(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    parameter: &MessageIn,
    associated: &Input,
) -> Result<()> {
    let mechanism = client.message_mechanism(session, kind)?;
    let (mut params, _) = parameter.read(mechanism)?;
    params.aad = associated.bytes()?.to_vec();
    let nonce = client.message_begin(session, kind, params).await?;
    parameter.write(mechanism, &nonce, &[])
}

/// C_EncryptMessageNext.
pub(crate) async fn encrypt_next(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    part: &Input,
    buffer: &Buffer,
    flags: CK_FLAGS,
) -> Result<()> {
    let (room, part) = (buffer.room()?, part.bytes()?);
    let mechanism = client.message_mechanism(session, MessageEncrypt)?;
    let last = flags & CKF_END_OF_MESSAGE != 0;
    if last && room != Room::Query {
        parameter.has_room_for_tag(mechanism)?;
    }
    let last = last.then_some(&[][..]);
    let next = client.message_next(session, MessageEncrypt, part, last, room);
    let message = next.await?;
    parameter.write(mechanism, &[], &message.tag)?;
    buffer.write(&message.output)
}

/// C_DecryptMessageNext.
pub(crate) async fn decrypt_next(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    part: &Input,
    buffer: &Buffer,
    flags: CK_FLAGS,
) -> Result<()> {
    let (room, part) = (buffer.room()?, part.bytes()?);
    let mechanism = client.message_mechanism(session, MessageDecrypt)?;
    let tag = match flags & CKF_END_OF_MESSAGE {
        0 => None,
        _ => Some(parameter.read_with_tag(mechanism)?.1),
    };
    let next = client.message_next(session, MessageDecrypt, part, tag.as_deref(), room);
    buffer.write(&next.await?.output)
}

/// C_SignMessage.
pub(crate) async fn sign(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    data: &Input,
    buffer: &Buffer,
) -> Result<()> {
    parameter.none()?;
    let signature = client.sign_message(session, data.passed(None)?, buffer.room()?).await;
    data.take_back();
    buffer.write(&signature?)
}

/// C_SignMessageBegin, C_VerifyMessageBegin.
pub(crate) async fn signed_begin(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    parameter: &MessageIn,
) -> Result<()> {
    parameter.none()?;
    client.signed_message_begin(session, kind).await
}

/// C_SignMessageNext: the last part is the one with a place for the signature's length.
pub(crate) async fn sign_next(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    part: &Input,
    buffer: &Buffer,
) -> Result<()> {
    parameter.none()?;
    let (room, part) = (buffer.optional_room(), part.bytes()?);
    let output = client.sign_message_next(session, part, room).await?;
    if room.is_some() { buffer.write(&output) } else { Ok(()) }
}

/// C_VerifyMessage.
pub(crate) async fn verify(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    data: &Input,
    signature: &Input,
) -> Result<()> {
    parameter.none()?;
    client.verify_message(session, data.passed(None)?, signature.bytes()?).await
}

/// C_VerifyMessageNext: the last part is the one with a signature.
pub(crate) async fn verify_next(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    part: &Input,
    signature: &Input,
) -> Result<()> {
    parameter.none()?;
    let signature = (!signature.is_null()).then(|| signature.bytes()).transpose()?;
    client.verify_message_next(session, part.bytes()?, signature).await
}
