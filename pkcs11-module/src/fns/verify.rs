//! Verification: signatures go in, nothing comes out (PKCS#11 3.1, 5.15).

use hsmsim_client::Client;
use hsmsim_types::{Result, SessionHandle};

use crate::raw::Input;

/// C_Verify.
pub(crate) fn one_part(
    client: &Client,
    session: SessionHandle,
    data: &Input,
    signature: &Input,
) -> Result<()> {
    let (data, signature) = (data.bytes()?, signature.bytes()?);
    client.run(client.verify(session, data, signature))
}

/// C_VerifyFinal.
pub(crate) fn finish(client: &Client, session: SessionHandle, signature: &Input) -> Result<()> {
    let signature = signature.bytes()?;
    client.run(client.verify_final(session, signature))
}
