//! Sessions, and what needs nothing but one.

use cryptoki_sys::CKS_RW_USER_FUNCTIONS;

use super::{Runner, repeat};
use crate::{contender::Token, words::Result};

/// C_GetSessionInfo.
///
/// # Errors
/// What the module answers; so in all functions of the cases.
pub fn info(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    assert_eq!(session.state()?, CKS_RW_USER_FUNCTIONS, "logged in");
    repeat(move || session.state().map(drop))
}

/// C_OpenSession and C_CloseSession.
pub fn open_close(token: &Token) -> Result<Runner> {
    let opener = token.opener();
    repeat(move || opener.open_session()?.close())
}

/// C_GenerateRandom.
pub fn random<const LEN: usize>(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    repeat(move || session.random(&mut [0; LEN]))
}
