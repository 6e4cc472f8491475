//! States of operations (C_GetOperationState, C_SetOperationState; PKCS#11 3.1, 5.6.4 and 5.6.5).
//!
//! What is active is known here; what it has computed is on a member, which gives it out sealed. A state
//! is a list of what members gave. Any member of the group takes it up: an application that keeps one
//! survives the loss of the member that its operation was on.

use hsmsim_partition::api::{OperationKind, Reply, Request, SavedPart, SavedSet};
use hsmsim_types::{Error, ObjectHandle, ObjectId, Result, SessionHandle, ck::*, error::fail};

use crate::{
    Client,
    api::{Output, Room},
    group::Group,
    operations::{bytes, unexpected},
    session::{Active, Ready},
};

/// Of the list: an older or newer one is refused.
const VERSION: u8 = 1;
/// Most bytes of a state: a signature that waits to be verified is the longest thing in it.
const STATE_MAX: usize = 1 << 18;

fn invalid() -> Error {
    Error::new(CKR_SAVED_STATE_INVALID, "these bytes are no state of this library")
}

impl Client {
    /// C_GetOperationState.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED if nothing is active that can be saved, CKR_STATE_UNSAVEABLE if
    /// something is that cannot; CKR_DEVICE_ERROR if the member with the operation was lost.
    pub(crate) async fn operation_state_work(
        &self,
        session: SessionHandle,
        room: Room,
    ) -> Result<Output> {
        use OperationKind::*;
        let mut session = self.checkout(session)?;
        let active: Vec<_> = OperationKind::ALL
            .into_iter()
            .filter(|&kind| !matches!(session.active(kind), Active::None))
            .collect();
        if !active.iter().any(|kind| OperationKind::SAVEABLE.contains(kind)) {
            return fail(CKR_OPERATION_NOT_INITIALIZED, "no operation is active that can be saved");
        }
        // One key for a cipher and one for a signature is all that C_SetOperationState can be given.
        let count = |kinds: &[OperationKind]| active.iter().filter(|k| kinds.contains(k)).count();
        let two = count(&[Encrypt, Decrypt]) > 1 || count(&[Sign, Verify, VerifySignature]) > 1;
        if two || !active.iter().all(|kind| OperationKind::SAVEABLE.contains(kind)) {
            return fail(CKR_STATE_UNSAVEABLE, "these operations cannot be saved together");
        }
        let mut set = SavedSet {
            id: [0; 16],
            kinds: active.iter().fold(0, |kinds, kind| kinds | kind.bit()),
        };
        hsmsim_crypto::random::fill(&mut set.id)
            .map_err(|error| Error::new(CKR_FUNCTION_FAILED, error.to_string()))?;
        let mut state = vec![VERSION];
        state.extend_from_slice(&set.id);
        state.extend_from_slice(&set.kinds.to_be_bytes());
        for kind in active {
            let (ready, begun) = match session.active(kind) {
                Active::Ready(ready) => (ready.clone(), None),
                Active::Streaming { ready, member, member_generation, before } => {
                    (ready.clone(), Some((*member, *member_generation, *before)))
                }
                Active::None | Active::Stashed { .. } => {
                    return fail(CKR_STATE_UNSAVEABLE, "a result waits for a larger buffer");
                }
            };
            let request = || Request::Save {
                part: SavedPart {
                    operation: ready.operation.clone(),
                    begun: begun.is_some(),
                    before: begun.map_or(0, |(_, _, before)| before as u64),
                    signature: ready.signature().to_vec(),
                },
                set,
            };
            let reply = match begun {
                Some((member, generation, _)) => {
                    self.stream(&mut session, member, generation, request()).await?.0
                }
                None => self.call_primary(&mut session, request).await?.1,
            };
            let sealed = bytes(reply)?;
            // At most what STATE_MAX lets back in.
            state.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
            state.extend_from_slice(&sealed);
        }
        if state.len() > STATE_MAX {
            return fail(CKR_STATE_UNSAVEABLE, "the state is too long");
        }
        Ok(match room {
            Room::Query => Output::Length(state.len()),
            Room::Bytes(room) if room < state.len() => Output::TooSmall(state.len()),
            Room::Bytes(_) => Output::Bytes(state),
        })
    }

    /// C_SetOperationState. What was active before, a search too, ends if the state is good.
    ///
    /// # Errors
    /// CKR_SAVED_STATE_INVALID, CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED, CKR_KEY_CHANGED.
    pub(crate) async fn set_operation_state_work(
        &self,
        session: SessionHandle,
        state: &[u8],
        cipher_key: Option<ObjectHandle>,
        authentication_key: Option<ObjectHandle>,
    ) -> Result<()> {
        let mut session = self.checkout(session)?;
        let (set, parts) = read(state)?;
        let cipher_key = self.state_key(session.group(), cipher_key)?;
        let authentication_key = self.state_key(session.group(), authentication_key)?;
        let request =
            || Request::Restore { set, parts: parts.clone(), cipher_key, authentication_key };
        let (member, restored) = match self.call_primary(&mut session, request).await? {
            (member, Reply::Restored(restored)) => (member, restored),
            (_, other) => return Err(unexpected(&other)),
        };
        for kind in OperationKind::ALL {
            if let Active::Streaming { member: of, .. } = session.take_active(kind)
                && of != member
            {
                // It ends here whether or not the member hears of it.
                let _ = self.call_member(&mut session, of, Request::Cancel { kind }).await;
            }
        }
        session.search = None;
        let member_generation = session.group().members[member].generation();
        for one in restored {
            let kind = one.operation.kind;
            let mut ready = Ready { operation: one.operation, checked: one.checked, beside: None };
            if !one.signature.is_empty() {
                ready.beside().signature = one.signature;
            }
            let before = one.before as usize;
            *session.active(kind) = match one.begun {
                true => Active::Streaming { ready, member, member_generation, before },
                false => Active::Ready(ready),
            };
        }
        Ok(())
    }

    /// A key that goes with a state: what is no key cannot be the one that the state is of.
    fn state_key(&self, group: &Group, key: Option<ObjectHandle>) -> Result<Option<ObjectId>> {
        let found = key.map(|handle| self.key(group, handle)).transpose();
        found.map_err(|error| Error::new(CKR_KEY_CHANGED, error.rule().to_owned()))
    }
}

/// What members gave, each for an operation of that kind.
type Parts = Vec<(OperationKind, Vec<u8>)>;

/// Reads the list.
fn read(state: &[u8]) -> Result<(SavedSet, Parts)> {
    if state.len() > STATE_MAX {
        return Err(invalid());
    }
    let (&[VERSION], rest) = state.split_first_chunk().ok_or_else(invalid)? else {
        return Err(invalid());
    };
    let (&id, rest) = rest.split_first_chunk().ok_or_else(invalid)?;
    let (kinds, mut rest) = rest.split_first_chunk().ok_or_else(invalid)?;
    let set = SavedSet { id, kinds: u16::from_be_bytes(*kinds) };
    let mut parts = Vec::new();
    for kind in OperationKind::SAVEABLE.into_iter().filter(|kind| set.kinds & kind.bit() != 0) {
        let (len, behind) = rest.split_first_chunk().ok_or_else(invalid)?;
        let len = u32::from_be_bytes(*len) as usize;
        let (sealed, behind) = behind.split_at_checked(len).ok_or_else(invalid)?;
        parts.push((kind, sealed.to_vec()));
        rest = behind;
    }
    if parts.is_empty() || !rest.is_empty() { Err(invalid()) } else { Ok((set, parts)) }
}
