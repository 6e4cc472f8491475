//! Two operations on one part (PKCS#11 3.1, 5.13).

use hsmsim_client::{Client, Room};
use hsmsim_partition::api::OperationKind;
use hsmsim_types::{Result, SessionHandle};

use super::operation::read;
use crate::raw::{Buffer, Input};

/// C_DigestEncryptUpdate, C_SignEncryptUpdate.
pub(crate) async fn update_and_encrypt(
    client: &Client,
    beside: OperationKind,
    session: SessionHandle,
    part: &Input,
    buffer: &Buffer,
) -> Result<()> {
    let kinds = [beside, OperationKind::Encrypt];
    let (room, part) = arguments(client, kinds, session, part, buffer).await?;
    buffer.write(&client.update_and_encrypt(session, beside, part, room).await?)
}

/// C_DecryptDigestUpdate, C_DecryptVerifyUpdate.
pub(crate) async fn decrypt_and_update(
    client: &Client,
    beside: OperationKind,
    session: SessionHandle,
    part: &Input,
    buffer: &Buffer,
) -> Result<()> {
    let kinds = [beside, OperationKind::Decrypt];
    let (room, part) = arguments(client, kinds, session, part, buffer).await?;
    buffer.write(&client.decrypt_and_update(session, beside, part, room).await?)
}

/// What cannot be read ends both operations, as any error of theirs does.
async fn arguments<'a>(
    client: &Client,
    kinds: [OperationKind; 2],
    session: SessionHandle,
    part: &'a Input,
    buffer: &Buffer,
) -> Result<(Room, &'a [u8])> {
    let arguments = buffer.room().and_then(|room| Ok((room, part.bytes()?)));
    if let Err(error) = arguments {
        for kind in kinds {
            let _ = read(client, kind, session, Err::<(), _>(error.clone())).await;
        }
        return Err(error);
    }
    arguments
}
