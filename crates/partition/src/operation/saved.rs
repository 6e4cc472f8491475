//! States of operations that leave the device and come back (C_GetOperationState, C_SetOperationState;
//! PKCS#11 3.1, 5.6.4 and 5.6.5).
//!
//! A state names mechanism, parameters and a keyed hash of the key, and holds what the primitive has
//! computed so far. That may be data, or follow from a key, so it is sealed: under a key of the cloning
//! domain, which every member of a group has. With a login that is derived from the domain's own key;
//! without one, when only public keys and digests are at work, from what the token record of every member
//! holds in common. The seal binds a state to the session's state (role, read-write or not), which must be
//! the same where it is restored, and to the others that were saved with it.

use std::sync::Arc;

use hsmsim_crypto::{
    digest::{HashAlg, Hasher, XofHasher, hash},
    seal::SealingKey,
};
use hsmsim_types::{Attribute, Error, Mechanism, Params, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{Active, Ready, State, params::Work, unfit};
use crate::{
    api::{Operation, OperationKind, Reply, Restored, SavedPart, SavedSet},
    failure::{During, during},
    object::{
        Attributes, Object,
        codec::{self, Reader, put_number},
        key::KeyMaterial,
    },
    session::Session,
};

/// Of the form of a state: an older or newer one is refused.
const VERSION: u8 = 1;

/// What makes a key the one that it is. CKA_TOKEN, labels and permissions may change.
const IDENTITY: [CK_ATTRIBUTE_TYPE; 13] = [
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_VALUE,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_PRIME,
    CKA_SUBPRIME,
    CKA_BASE,
    CKA_PARAMETER_SET,
    CKA_SEED,
];

fn invalid() -> Error {
    Error::new(CKR_SAVED_STATE_INVALID, "the saved state is damaged, or of another session state")
}

fn unsaveable<T>(rule: &'static str) -> Result<T> {
    fail(CKR_STATE_UNSAVEABLE, rule)
}

/// A state, unsealed.
struct Saved {
    mechanism: Mechanism,
    /// Keyed hash of the key; `None` without one.
    key: Option<[u8; 16]>,
    signature: Vec<u8>,
    before: u64,
    /// What the primitive goes on from; `None` where nothing was begun.
    state: Option<Zeroizing<Vec<u8>>>,
}

impl Session {
    /// The key that states of this session are sealed under.
    fn state_key(&self, without: CK_RV) -> Result<SealingKey> {
        let internal = during(During::Stored);
        if let Some((_, _, domain_key)) = self.application.credentials() {
            return domain_key.derive(b"operation state").map_err(internal);
        }
        let Some(record) = self.partition.token_record()? else {
            return fail(without, "a token that is not initialised has nothing to seal under");
        };
        let shared = [&b"operation state"[..], &record.salt, &record.domain].concat();
        SealingKey::from_bytes(&hash(HashAlg::Sha256, &shared)).map_err(internal)
    }

    /// What a state is bound to besides.
    fn state_associated(&self, set: SavedSet, kind: OperationKind) -> Vec<u8> {
        let role = self.application.role().map_or(0, |role| role as u8 + 1);
        let mut data = b"operation state ".to_vec();
        data.extend_from_slice(&[VERSION, kind as u8, role, self.read_write().into()]);
        data.extend_from_slice(&set.id);
        data.extend_from_slice(&set.kinds.to_be_bytes());
        data
    }

    /// C_GetOperationState, for one operation.
    ///
    /// # Errors
    /// CKR_STATE_UNSAVEABLE, CKR_OPERATION_NOT_INITIALIZED, and what a begin may say.
    pub(crate) fn save(&self, part: &SavedPart, set: SavedSet) -> Result<Reply> {
        let kind = part.operation.kind;
        let sealing = self.state_key(CKR_STATE_UNSAVEABLE)?;
        let fresh;
        let (ready, state) = if part.begun {
            let active = self.active(kind)?;
            (&active.ready, Some(active.state()?))
        } else {
            fresh = Ready::new(self, &part.operation)?;
            (&fresh, None)
        };
        if ready.waits_for_login() {
            return unsaveable("every use of the key needs a login of its own");
        }
        let saved = Saved {
            mechanism: Mechanism::clone(&ready.mechanism),
            key: ready.key.as_ref().map(|key| identity(&sealing, key)),
            signature: part.signature.clone(),
            before: part.before,
            state,
        };
        let sealed = sealing.seal(&self.state_associated(set, kind), &saved.encode()?);
        sealed.map(Reply::Bytes).map_err(during(During::Stored))
    }

    /// C_SetOperationState: all operations of the state or none; what was active before ends.
    ///
    /// # Errors
    /// CKR_SAVED_STATE_INVALID, CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED, CKR_KEY_CHANGED.
    pub(crate) fn restore(
        &mut self,
        set: SavedSet,
        parts: &[(OperationKind, Vec<u8>)],
        keys: [Option<hsmsim_types::ObjectId>; 2],
    ) -> Result<Reply> {
        let kinds = parts.iter().fold(0, |kinds, (kind, _)| kinds | kind.bit());
        if kinds != set.kinds || parts.len() != kinds.count_ones() as usize {
            return Err(invalid());
        }
        let sealing = self.state_key(CKR_SAVED_STATE_INVALID)?;
        let mut needed = [false; 2];
        let mut opened = Vec::with_capacity(parts.len());
        for (kind, sealed) in parts {
            let plain = sealing.open(&self.state_associated(set, *kind), sealed);
            let saved = Saved::decode(&plain.map_err(|_| invalid())?)?;
            let place = match kind {
                OperationKind::Encrypt | OperationKind::Decrypt => 0,
                _ => 1,
            };
            let mut key = None;
            if let Some(known) = saved.key {
                let Some(id) = keys[place] else {
                    return fail(CKR_KEY_NEEDED, format!("{kind:?} needs its key"));
                };
                let object = self.partition.object(&self.application, &id, CKR_KEY_CHANGED)?;
                if !hsmsim_crypto::constant_time_eq(&identity(&sealing, &object), &known) {
                    return fail(CKR_KEY_CHANGED, format!("{kind:?} was begun with another key"));
                }
                needed[place] = true;
                key = Some(id);
            }
            let mechanism = Arc::new(saved.mechanism.clone());
            opened.push((saved, Operation { kind: *kind, mechanism, key }));
        }
        if keys.iter().zip(needed).any(|(key, needed)| key.is_some() && !needed) {
            return fail(CKR_KEY_NOT_NEEDED, "no operation of the state uses this key");
        }
        let (mut actives, mut restored) = (Vec::new(), Vec::new());
        for (saved, operation) in opened {
            let ready = Ready::new(self, &operation)?;
            let checked = ready.checked()?;
            if ready.waits_for_login() {
                return Err(invalid());
            }
            let begun = saved.state.is_some();
            if let Some(state) = saved.state {
                actives.push((operation.kind, ready.begin()?.resumed(&state)?));
            }
            let (before, signature) = (saved.before, saved.signature);
            restored.push(Restored { operation, checked, begun, before, signature });
        }
        self.replace_active(actives);
        Ok(Reply::Restored(restored))
    }
}

/// Keyed hash of what makes a key.
fn identity(sealing: &SealingKey, key: &Object) -> [u8; 16] {
    let kinds = IDENTITY.into_iter();
    let known: Attributes = kinds
        .filter_map(|kind| {
            let value = key.attributes.get(kind)?.clone();
            Some(Attribute { kind, value })
        })
        .collect();
    sealing.tag(b"operation key", &codec::encode(&known))
}

impl Active {
    /// What the primitive has computed so far.
    fn state(&self) -> Result<Zeroizing<Vec<u8>>> {
        match &self.state {
            State::Hash(hasher) => Ok(hasher.state()),
            State::Cipher(stream) => Ok(stream.state()),
            State::Mac(mac) => mac.state().or_else(|_| unsaveable("this MAC keeps its state")),
            State::Xof(hasher) => Ok(hasher.state()),
            State::Whole(_) | State::Message(_) => {
                unsaveable("the mechanism works on the whole message")
            }
        }
    }

    /// This operation, just begun, as it goes on from a state.
    fn resumed(self, state: &[u8]) -> Result<Self> {
        let Self { ready, state: begun } = self;
        let state = match begun {
            State::Hash(hasher) => Hasher::resume(hasher.alg(), state).map(State::Hash),
            State::Xof(hasher) => XofHasher::resume(hasher.xof(), state).map(State::Xof),
            State::Cipher(stream) => stream.resume(state).map(State::Cipher),
            State::Mac(_) => match (&ready.work, ready.key()?) {
                (Work::Mac { alg, .. }, KeyMaterial::Secret(key)) => {
                    key.mac(*alg)?.resume(state).map(State::Mac)
                }
                _ => return unfit(),
            },
            State::Whole(_) | State::Message(_) => return Err(invalid()),
        };
        Ok(Self { ready, state: state.map_err(|_| invalid())? })
    }
}

impl Saved {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>> {
        let state_len = self.state.as_ref().map_or(0, |state| state.len());
        // Room for everything at once: a growing vector would leave copies in freed memory.
        let room = state_len + self.signature.len() + 512;
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        put_number(&mut out, self.mechanism.kind);
        put_params(&mut out, &self.mechanism.params)?;
        put_bytes(&mut out, self.key.as_ref().map_or(&[], |key| &key[..]));
        put_bytes(&mut out, &self.signature);
        put_number(&mut out, self.before);
        out.push(self.state.is_some().into());
        put_bytes(&mut out, self.state.as_ref().map_or(&[], |state| state));
        Ok(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { rest: bytes };
        Self::read(&mut reader).ok().filter(|_| reader.rest.is_empty()).ok_or_else(invalid)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mechanism = Mechanism { kind: reader.number()?, params: params(reader)? };
        let key = match reader.bytes()? {
            [] => None,
            key => Some(key.try_into().map_err(|_| invalid())?),
        };
        let (signature, before) = (reader.bytes()?.to_vec(), reader.number()?);
        let begun = reader.byte()? == 1;
        let state = Zeroizing::new(reader.bytes()?.to_vec());
        Ok(Self { mechanism, key, signature, before, state: begun.then_some(state) })
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The parameters of the mechanisms that work in parts.
fn put_params(out: &mut Vec<u8>, params: &Params) -> Result<()> {
    match params {
        Params::None => out.push(0),
        Params::Bytes(bytes) => {
            out.push(1);
            put_bytes(out, bytes);
        }
        Params::Length(len) => {
            out.push(2);
            put_number(out, *len);
        }
        Params::Pss { hash, mgf, salt_len } => {
            out.push(3);
            [hash, mgf, salt_len].into_iter().for_each(|number| put_number(out, *number));
        }
        Params::Ctr { counter_bits, block } => {
            out.push(4);
            put_number(out, *counter_bits);
            out.extend_from_slice(block);
        }
        Params::ChaCha20 { counter, nonce } => {
            out.push(5);
            put_number(out, *counter);
            put_bytes(out, nonce);
        }
        _ => return unsaveable("the mechanism works on the whole message"),
    }
    Ok(())
}

fn params(reader: &mut Reader<'_>) -> Result<Params> {
    Ok(match reader.byte()? {
        0 => Params::None,
        1 => Params::Bytes(reader.bytes()?.to_vec()),
        2 => Params::Length(reader.number()?),
        3 => Params::Pss {
            hash: reader.number()?,
            mgf: reader.number()?,
            salt_len: reader.number()?,
        },
        4 => Params::Ctr {
            counter_bits: reader.number()?,
            block: reader.take(16)?.try_into().map_err(|_| invalid())?,
        },
        5 => Params::ChaCha20 { counter: reader.number()?, nonce: reader.bytes()?.to_vec() },
        _ => return Err(invalid()),
    })
}
