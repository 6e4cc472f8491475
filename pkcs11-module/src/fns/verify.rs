//! Verification: signatures go in, nothing comes out (PKCS#11 3.1, 5.15; 3.2, 5.16).

use hsmsim_client::Client;
use hsmsim_partition::api::OperationKind::{Verify, VerifySignature};
use hsmsim_types::{Mechanism, ObjectHandle, Result, SessionHandle};

use super::operation::read;
use crate::raw::{Input, SignatureIn};

/// C_Verify.
pub(crate) async fn one_part(
    client: &Client,
    session: SessionHandle,
    data: &Input,
    signature: &SignatureIn,
) -> Result<()> {
    let data = read(client, Verify, session, data.passed(None)).await?;
    // A structure is as long as some MACs: what it is only the operation knows.
    if signature.may_be_otp() && client.verifies_one_time_passwords(session) {
        let image = read(client, Verify, session, signature.otp_image()).await?;
        return client.verify(session, Verify, data, Some(&image)).await;
    }
    let signature = read(client, Verify, session, signature.bytes()).await?;
    client.verify(session, Verify, data, Some(signature)).await
}

/// The same for a caller who waits.
pub(crate) fn one_part_now(
    client: &Client,
    session: SessionHandle,
    data: &Input,
    signature: &SignatureIn,
) -> Result<()> {
    match (data.bytes(), signature.bytes()) {
        (Ok(bytes), Ok(known)) if !signature.may_be_otp() => {
            client.verify_now(session, Verify, bytes, Some(known), || data.passed(None))
        }
        _ => client.run(one_part(client, session, data, signature)),
    }
}

/// C_VerifyFinal.
pub(crate) async fn finish(
    client: &Client,
    session: SessionHandle,
    signature: &Input,
) -> Result<()> {
    let signature = read(client, Verify, session, signature.bytes()).await?;
    client.verify_final(session, Verify, Some(signature)).await
}

/// C_VerifySignatureInit; no mechanism ends the active operation.
pub(crate) async fn signature_init(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<Option<Mechanism>>,
    key: ObjectHandle,
    signature: &Input,
) -> Result<()> {
    let Some(mechanism) = mechanism? else {
        return client.operation_cancel(session, VerifySignature).await;
    };
    let signature = signature.bytes()?;
    client.verify_signature_init(session, mechanism, key, signature).await
}

/// C_VerifySignature.
pub(crate) async fn signature(client: &Client, session: SessionHandle, data: &Input) -> Result<()> {
    let data = read(client, VerifySignature, session, data.passed(None)).await?;
    client.verify(session, VerifySignature, data, None).await
}

/// The same for a caller who waits.
pub(crate) fn signature_now(client: &Client, session: SessionHandle, data: &Input) -> Result<()> {
    match data.bytes() {
        Ok(bytes) => client.verify_now(session, VerifySignature, bytes, None, || data.passed(None)),
        Err(_) => client.run(self::signature(client, session, data)),
    }
}

/// C_VerifySignatureFinal.
pub(crate) async fn signature_final(client: &Client, session: SessionHandle) -> Result<()> {
    client.verify_final(session, VerifySignature, None).await
}
