//! Verification: signatures go in, nothing comes out (PKCS#11 3.1, 5.15).

use hsmsim_client::Client;
use hsmsim_partition::api::OperationKind::Verify;
use hsmsim_types::{Result, SessionHandle};

use super::operation::read;
use crate::raw::Input;

/// C_Verify.
pub(crate) fn one_part(
    client: &Client,
    session: SessionHandle,
    data: &Input,
    signature: &Input,
) -> Result<()> {
    let data = read(client, Verify, session, data.bytes())?;
    let signature = read(client, Verify, session, signature.bytes())?;
    client.run(client.verify(session, data, signature))
}

/// C_VerifyFinal.
pub(crate) fn finish(client: &Client, session: SessionHandle, signature: &Input) -> Result<()> {
    let signature = read(client, Verify, session, signature.bytes())?;
    client.run(client.verify_final(session, signature))
}
