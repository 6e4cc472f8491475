//! Random numbers (PKCS#11 3.1, 5.19).

use hsmsim_client::Client;
use hsmsim_types::{Result, SessionHandle};

use crate::raw::{Fill, Input};

/// The most random bytes that travel in one message.
const STEP: usize = 1 << 20;

/// C_SeedRandom.
pub(crate) fn seed(client: &Client, session: SessionHandle, seed: &Input) -> Result<()> {
    let seed = seed.bytes()?;
    client.run(client.seed_random(session, seed))
}

/// C_GenerateRandom.
pub(crate) fn generate(client: &Client, session: SessionHandle, room: &Fill) -> Result<()> {
    room.fill(STEP, |len| client.run(client.random(session, len)))
}
