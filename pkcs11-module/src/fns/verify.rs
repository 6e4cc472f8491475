//! Verification: signatures go in, nothing comes out (PKCS#11 3.1, 5.15; 3.2, 5.16).

use hsmsim_client::Client;
use hsmsim_partition::api::OperationKind::{Verify, VerifySignature};
use hsmsim_types::{ObjectHandle, Result, SessionHandle};

use super::operation::read;
use crate::raw::{Input, MechanismIn, SignatureIn};

/// C_Verify.
pub(crate) fn one_part(
    client: &Client,
    session: SessionHandle,
    data: &Input,
    signature: &SignatureIn,
) -> Result<()> {
    let data = read(client, Verify, session, data.bytes())?;
    // A structure is as long as some MACs: what it is only the operation knows.
    if signature.may_be_otp() && client.verifies_one_time_passwords(session) {
        let image = read(client, Verify, session, signature.otp_image())?;
        return client.run(client.verify(session, Verify, data, Some(&image)));
    }
    let signature = read(client, Verify, session, signature.bytes())?;
    client.run(client.verify(session, Verify, data, Some(signature)))
}

/// C_VerifyFinal.
pub(crate) fn finish(client: &Client, session: SessionHandle, signature: &Input) -> Result<()> {
    let signature = read(client, Verify, session, signature.bytes())?;
    client.run(client.verify_final(session, Verify, Some(signature)))
}

/// C_VerifySignatureInit; a NULL mechanism ends the active operation.
pub(crate) fn signature_init(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    key: ObjectHandle,
    signature: &Input,
) -> Result<()> {
    let Some(mechanism) = mechanism.read_optional()? else {
        return client.run(client.operation_cancel(session, VerifySignature));
    };
    let signature = signature.bytes()?;
    client.run(client.verify_signature_init(session, mechanism, key, signature))
}

/// C_VerifySignature.
pub(crate) fn signature(client: &Client, session: SessionHandle, data: &Input) -> Result<()> {
    let data = read(client, VerifySignature, session, data.bytes())?;
    client.run(client.verify(session, VerifySignature, data, None))
}

/// C_VerifySignatureFinal.
pub(crate) fn signature_final(client: &Client, session: SessionHandle) -> Result<()> {
    client.run(client.verify_final(session, VerifySignature, None))
}
