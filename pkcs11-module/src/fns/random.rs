//! Random numbers (PKCS#11 3.1, 5.19).

use hsmsim_client::Client;
use hsmsim_types::{Result, SessionHandle};

use crate::raw::{Fill, Input};

/// The most random bytes that travel in one message.
const STEP: usize = 1 << 20;

/// C_SeedRandom.
pub(crate) async fn seed(client: &Client, session: SessionHandle, seed: &Input) -> Result<()> {
    let seed = seed.bytes()?;
    client.seed_random(session, seed).await
}

/// C_GenerateRandom. No room asks for nothing, but of a session that has to be there.
pub(crate) async fn generate(client: &Client, session: SessionHandle, room: &Fill) -> Result<()> {
    let len = room.len()?;
    let mut at = 0;
    loop {
        let random = client.random(session, STEP.min(len - at)).await?;
        room.put(at, &random)?;
        at += random.len();
        if at == len {
            return Ok(());
        }
    }
}
