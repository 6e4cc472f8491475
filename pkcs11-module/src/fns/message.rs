//! Message-based operations (PKCS#11 3.1, 5.9, 5.12, 5.15 and 5.17).

use hsmsim_client::{Client, Room};
use hsmsim_partition::api::OperationKind::{self, MessageDecrypt, MessageEncrypt};
use hsmsim_types::{
    ObjectHandle, Result, SessionHandle,
    ck::{CK_FLAGS, CKF_END_OF_MESSAGE},
};

use crate::raw::{Buffer, Input, MechanismIn, MessageIn};

/// C_MessageEncryptInit and its kin; a NULL mechanism ends the active operation.
pub(crate) fn init(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    mechanism: &MechanismIn,
    key: ObjectHandle,
) -> Result<()> {
    // The parameter of an AEAD comes with each message, that of a signature with the init.
    let mechanism = match kind {
        MessageEncrypt | MessageDecrypt => mechanism.read_kind()?,
        _ => mechanism.read_optional()?,
    };
    match mechanism {
        Some(mechanism) => client.run(client.operation_init(session, kind, mechanism, Some(key))),
        None => client.run(client.operation_cancel(session, kind)),
    }
}

/// C_MessageEncryptFinal and its kin.
pub(crate) fn end(client: &Client, kind: OperationKind, session: SessionHandle) -> Result<()> {
    client.run(client.messages_end(session, kind))
}

/// C_EncryptMessage.
pub(crate) fn encrypt(
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
    let message = client.run(client.encrypt_message(session, params, data.bytes()?, room))?;
    parameter.write(mechanism, &message.nonce, &message.tag)?;
    buffer.write(&message.output)
}

/// C_DecryptMessage.
pub(crate) fn decrypt(
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
    let data = data.bytes()?;
    buffer.write(&client.run(client.decrypt_message(session, params, data, &tag, room))?)
}

/// C_EncryptMessageBegin, C_DecryptMessageBegin.
pub(crate) fn begin(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    parameter: &MessageIn,
    associated: &Input,
) -> Result<()> {
    let mechanism = client.message_mechanism(session, kind)?;
    let (mut params, _) = parameter.read(mechanism)?;
    params.aad = associated.bytes()?.to_vec();
    let nonce = client.run(client.message_begin(session, kind, params))?;
    parameter.write(mechanism, &nonce, &[])
}

/// C_EncryptMessageNext.
pub(crate) fn encrypt_next(
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
    let message = client.run(next)?;
    parameter.write(mechanism, &[], &message.tag)?;
    buffer.write(&message.output)
}

/// C_DecryptMessageNext.
pub(crate) fn decrypt_next(
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
    buffer.write(&client.run(next)?.output)
}

/// C_SignMessage.
pub(crate) fn sign(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    data: &Input,
    buffer: &Buffer,
) -> Result<()> {
    parameter.none()?;
    let (room, data) = (buffer.room()?, data.bytes()?);
    buffer.write(&client.run(client.sign_message(session, data, room))?)
}

/// C_SignMessageBegin, C_VerifyMessageBegin.
pub(crate) fn signed_begin(
    client: &Client,
    kind: OperationKind,
    session: SessionHandle,
    parameter: &MessageIn,
) -> Result<()> {
    parameter.none()?;
    client.run(client.signed_message_begin(session, kind))
}

/// C_SignMessageNext: the last part is the one with a place for the signature's length.
pub(crate) fn sign_next(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    part: &Input,
    buffer: &Buffer,
) -> Result<()> {
    parameter.none()?;
    let (room, part) = (buffer.optional_room(), part.bytes()?);
    let output = client.run(client.sign_message_next(session, part, room))?;
    if room.is_some() { buffer.write(&output) } else { Ok(()) }
}

/// C_VerifyMessage.
pub(crate) fn verify(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    data: &Input,
    signature: &Input,
) -> Result<()> {
    parameter.none()?;
    client.run(client.verify_message(session, data.bytes()?, signature.bytes()?))
}

/// C_VerifyMessageNext: the last part is the one with a signature.
pub(crate) fn verify_next(
    client: &Client,
    session: SessionHandle,
    parameter: &MessageIn,
    part: &Input,
    signature: &Input,
) -> Result<()> {
    parameter.none()?;
    let signature = (!signature.is_null()).then(|| signature.bytes()).transpose()?;
    client.run(client.verify_message_next(session, part.bytes()?, signature))
}
