//! What only digests have (PKCS#11 3.1, 5.12); the rest is in `operation`.

use hsmsim_client::Client;
use hsmsim_types::{ObjectHandle, Result, SessionHandle};

/// C_DigestKey.
pub(crate) async fn key(client: &Client, session: SessionHandle, key: ObjectHandle) -> Result<()> {
    client.digest_key(session, key).await
}
