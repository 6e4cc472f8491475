//! Two operations on one part (PKCS#11 3.1, 5.13): digesting or signing beside encrypting, decrypting beside
//! digesting or verifying. Both live on the primary; if one of them ends in an error, so does the other.

use hsmsim_partition::api::OperationKind;
use hsmsim_types::{Result, SessionHandle, ck::*, error::fail};

use crate::{
    Client,
    api::{Output, Room},
    operations::too_small,
    session::Active,
};

impl Client {
    /// C_DigestEncryptUpdate, C_SignEncryptUpdate: `beside` takes the part as it is.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED unless both are active, and what [`Client::update_work`] gives.
    pub(crate) async fn update_and_encrypt_work(
        &self,
        session: SessionHandle,
        beside: OperationKind,
        part: &[u8],
        room: Room,
    ) -> Result<Output> {
        let encrypt = OperationKind::Encrypt;
        if let Some(output) = self.both(session, beside, encrypt, part.len(), room)? {
            return Ok(output);
        }
        let outcome = async {
            self.update_work(session, beside, part, Room::Bytes(0)).await?;
            self.update_work(session, encrypt, part, room).await
        };
        self.or_end_both(session, beside, encrypt, outcome.await).await
    }

    /// C_DecryptDigestUpdate, C_DecryptVerifyUpdate: `beside` takes what was decrypted.
    ///
    /// # Errors
    /// As [`Client::update_and_encrypt_work`].
    pub(crate) async fn decrypt_and_update_work(
        &self,
        session: SessionHandle,
        beside: OperationKind,
        part: &[u8],
        room: Room,
    ) -> Result<Output> {
        let decrypt = OperationKind::Decrypt;
        if let Some(output) = self.both(session, beside, decrypt, part.len(), room)? {
            return Ok(output);
        }
        let outcome = async {
            let output = self.update_work(session, decrypt, part, room).await?;
            if let Output::Bytes(plain) = &output {
                self.update_work(session, beside, plain, Room::Bytes(0)).await?;
            }
            Ok(output)
        };
        self.or_end_both(session, beside, decrypt, outcome.await).await
    }

    /// Whether both are active; and the answer if the output has no room, before either has taken the part.
    fn both(
        &self,
        session: SessionHandle,
        beside: OperationKind,
        cipher: OperationKind,
        len: usize,
        room: Room,
    ) -> Result<Option<Output>> {
        let mut session = self.checkout(session)?;
        let mut before = None;
        for kind in [beside, cipher] {
            before = match session.active(kind) {
                Active::Ready(ready) => Some((ready.checked.output, 0)),
                Active::Streaming { ready, before, .. } => Some((ready.checked.output, *before)),
                Active::None | Active::Stashed { .. } => {
                    return fail(
                        CKR_OPERATION_NOT_INITIALIZED,
                        format!("no active operation: {kind:?}"),
                    );
                }
            };
        }
        Ok(before.and_then(|(output, before)| too_small(output.update(before, len), room)))
    }

    async fn or_end_both<T>(
        &self,
        session: SessionHandle,
        one: OperationKind,
        other: OperationKind,
        outcome: Result<T>,
    ) -> Result<T> {
        if outcome.is_err() {
            // One of them has ended already.
            for kind in [one, other] {
                let _ = self.operation_cancel(session, kind).await;
            }
        }
        outcome
    }
}
