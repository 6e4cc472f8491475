//! Operations with a mechanism: encrypting, decrypting, digesting, signing, verifying; in one part or
//! many (PKCS#11 3.1, 5.8 to 5.14).
//!
//! [`Ready`] is an operation whose mechanism, key and parameters were found good; [`Active`] is one
//! that has begun. What the primitives do is in [`sign`] and [`cipher`].

pub(crate) mod cipher;
pub(crate) mod params;
mod sign;

use std::sync::Arc;

use hsmsim_crypto::{
    aes::Cipher,
    digest::{Hasher, hash},
    mac::Mac,
};
use hsmsim_types::{AttributeValue, Mechanism, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use crate::{
    api::{Checked, Operation, OperationKind, Reply},
    mechanisms::{Entry, Scheme},
    object::{Object, key::KeyMaterial},
    output::OutputLen,
    session::Session,
};

use params::Work;

/// Most bytes of a message that must be there as a whole before anything can be done with it.
const WHOLE_MAX: usize = 1 << 30;

impl OperationKind {
    fn flag(self) -> CK_FLAGS {
        match self {
            Self::Encrypt => CKF_ENCRYPT,
            Self::Decrypt => CKF_DECRYPT,
            Self::Digest => CKF_DIGEST,
            Self::Sign => CKF_SIGN,
            Self::Verify => CKF_VERIFY,
        }
    }

    fn usage(self) -> CK_ATTRIBUTE_TYPE {
        match self {
            Self::Encrypt => CKA_ENCRYPT,
            Self::Decrypt => CKA_DECRYPT,
            Self::Digest => CKA_CLASS,
            Self::Sign => CKA_SIGN,
            Self::Verify => CKA_VERIFY,
        }
    }
}

/// The return values for a key that does not fit: they differ between operations.
pub(crate) struct KeyCodes {
    pub(crate) handle: CK_RV,
    pub(crate) kind: CK_RV,
    pub(crate) size: CK_RV,
}

/// Those of every operation but wrapping and unwrapping.
pub(crate) const KEY_CODES: KeyCodes = KeyCodes {
    handle: CKR_KEY_HANDLE_INVALID,
    kind: CKR_KEY_TYPE_INCONSISTENT,
    size: CKR_KEY_SIZE_RANGE,
};

/// Whether a key may be used with a mechanism so.
///
/// # Errors
/// `codes`, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID (CKA_ALLOWED_MECHANISMS).
pub(crate) fn check_key(
    key: &Object,
    entry: &Entry,
    usage: CK_ATTRIBUTE_TYPE,
    codes: &KeyCodes,
) -> Result<()> {
    if !matches!(key.class, CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY) {
        return fail(codes.handle, "the object is no key");
    }
    if !entry.scheme.takes(key.key_type) {
        return fail(codes.kind, "the mechanism takes another type of key");
    }
    if !key.attributes.flag(usage) {
        let name = hsmsim_types::names::attribute(usage).unwrap_or_default();
        return fail(CKR_KEY_FUNCTION_NOT_PERMITTED, format!("{name} of the key is not true"));
    }
    if let Some(AttributeValue::Mechanisms(allowed)) = key.attributes.get(CKA_ALLOWED_MECHANISMS)
        && !allowed.contains(&entry.kind)
    {
        return fail(CKR_MECHANISM_INVALID, "CKA_ALLOWED_MECHANISMS of the key lacks it");
    }
    let size = key.material()?.size();
    if size < entry.info.min || size > entry.info.max {
        return fail(
            codes.size,
            format!("the mechanism takes keys of {} to {}", entry.info.min, entry.info.max),
        );
    }
    Ok(())
}

/// An operation that may begin.
pub(crate) struct Ready {
    kind: OperationKind,
    mechanism: Arc<Mechanism>,
    work: Work,
    key: Option<Arc<Object>>,
}

impl Ready {
    /// Checks an operation.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_HANDLE_INVALID and what
    /// [`check_key`] says.
    pub(crate) fn new(session: &Session, operation: &Operation) -> Result<Self> {
        let kind = operation.kind;
        let mechanisms = &session.partition.personality().mechanisms;
        let entry = mechanisms.usable(operation.mechanism.kind, kind.flag())?;
        let key = match (entry.scheme, &operation.key) {
            (Scheme::Digest(_), _) => None,
            (_, None) => return fail(CKR_KEY_HANDLE_INVALID, "the mechanism needs a key"),
            (_, Some(id)) => {
                let key =
                    session.partition.object(&session.application, id, CKR_KEY_HANDLE_INVALID)?;
                check_key(&key, entry, kind.usage(), &KEY_CODES)?;
                Some(key)
            }
        };
        let work = Work::new(entry.scheme, &operation.mechanism.params)?;
        Ok(Self { kind, mechanism: Arc::clone(&operation.mechanism), work, key })
    }

    /// What `C_SignInit` and its kin want to know.
    pub(crate) fn checked(&self) -> Result<Checked> {
        Ok(Checked {
            output: self.output()?,
            always_authenticate: self.waits_for_login(),
            session_key: self.key.as_ref().is_some_and(|key| !key.token),
        })
    }

    fn waits_for_login(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.attributes.flag(CKA_ALWAYS_AUTHENTICATE))
    }

    /// CKA_ALWAYS_AUTHENTICATE: every operation needs a login of its own (4.9).
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub(crate) fn check_confirmed(&self, confirmed: bool) -> Result<()> {
        if confirmed || !self.waits_for_login() {
            return Ok(());
        }
        fail(CKR_USER_NOT_LOGGED_IN, "CKA_ALWAYS_AUTHENTICATE: the operation needs its own login")
    }

    fn output(&self) -> Result<OutputLen> {
        match self.kind {
            OperationKind::Verify => Ok(OutputLen::None),
            OperationKind::Sign => {
                Ok(OutputLen::Fixed(sign::signature_len(&self.work, self.key()?)?))
            }
            OperationKind::Digest => match self.work {
                Work::Digest(alg) => Ok(OutputLen::Fixed(alg.output_len())),
                _ => unfit(),
            },
            OperationKind::Encrypt | OperationKind::Decrypt => {
                cipher::output(self.kind, &self.work, self.key()?)
            }
        }
    }

    fn key(&self) -> Result<&KeyMaterial> {
        match &self.key {
            Some(key) => key.material(),
            None => unfit(),
        }
    }

    /// The whole operation in one.
    pub(crate) fn one_part(&self, data: Vec<u8>, signature: &[u8]) -> Result<Reply> {
        match self.kind {
            OperationKind::Digest => match self.work {
                Work::Digest(alg) => Ok(Reply::Bytes(hash(alg, &data))),
                _ => unfit(),
            },
            OperationKind::Sign => sign::sign(&self.work, self.key()?, &data).map(Reply::Bytes),
            OperationKind::Verify => {
                sign::verify(&self.work, self.key()?, &data, signature)?;
                Ok(Reply::Done)
            }
            OperationKind::Encrypt => {
                cipher::encrypt(&self.work, &self.mechanism.params, self.key()?, &data)
                    .map(Reply::Bytes)
            }
            OperationKind::Decrypt => {
                // Ciphertext is no secret; the plaintext goes to the caller.
                cipher::decrypt(&self.work, &self.mechanism.params, self.key()?, &data)
                    .map(Reply::Bytes)
            }
        }
    }

    /// Begins a multi-part operation.
    ///
    /// # Errors
    /// CKR_FUNCTION_NOT_SUPPORTED for mechanisms that the standard has as single-part only (6.1.6,
    /// 6.3.12).
    pub(crate) fn begin(self) -> Result<Active> {
        let state = match (&self.work, self.kind) {
            (Work::Digest(alg), OperationKind::Digest) => State::Hash(Hasher::new(*alg)),
            (work, OperationKind::Sign | OperationKind::Verify) => match (work, work.hash()) {
                (_, Some(alg)) => State::Hash(Hasher::new(alg)),
                (Work::Mac { alg, .. }, _) => match self.key()? {
                    KeyMaterial::Secret(key) => State::Mac(key.mac(*alg)?.start()),
                    _ => return unfit(),
                },
                (Work::Eddsa, _) => State::Whole(Zeroizing::default()),
                _ => return single_part_only(),
            },
            (Work::Gcm { .. }, _) => State::Whole(Zeroizing::default()),
            (Work::Cipher(mode), kind) => {
                State::Cipher(cipher::start(kind, *mode, &self.mechanism.params, self.key()?)?)
            }
            _ => return single_part_only(),
        };
        Ok(Active { ready: self, state })
    }
}

fn single_part_only<T>() -> Result<T> {
    fail(CKR_FUNCTION_NOT_SUPPORTED, "the mechanism works in one part only")
}

/// The checks before let only fitting keys and mechanisms through.
fn unfit<T>() -> Result<T> {
    fail(CKR_KEY_TYPE_INCONSISTENT, "the mechanism takes another type of key")
}

/// A multi-part operation.
pub(crate) struct Active {
    ready: Ready,
    state: State,
}

enum State {
    Hash(Hasher),
    Mac(Mac),
    Whole(Zeroizing<Vec<u8>>),
    Cipher(Cipher),
}

impl Active {
    /// Whether the login that made the key visible must still be there.
    pub(crate) fn uses_private_key(&self) -> bool {
        self.ready.key.as_ref().is_some_and(|key| key.private)
    }

    /// Takes a part.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<Reply> {
        let ready = match &mut self.state {
            State::Hash(hasher) => {
                hasher.update(data);
                Vec::new()
            }
            State::Mac(mac) => {
                mac.update(data);
                Vec::new()
            }
            State::Whole(whole) => {
                if whole.len() + data.len() > WHOLE_MAX {
                    return fail(CKR_DATA_LEN_RANGE, "the message is too long for this mechanism");
                }
                whole.extend_from_slice(data);
                Vec::new()
            }
            State::Cipher(cipher) => cipher
                .update(data)
                .map_err(crate::failure::during(cipher::during(self.ready.kind)))?,
        };
        Ok(match self.ready.kind {
            OperationKind::Encrypt | OperationKind::Decrypt => Reply::Bytes(ready),
            _ => Reply::Done,
        })
    }

    /// C_DigestKey.
    ///
    /// # Errors
    /// CKR_KEY_INDIGESTIBLE for anything but a secret key.
    pub(crate) fn digest_key(&mut self, key: &Object) -> Result<()> {
        if key.class == CKO_SECRET_KEY
            && let KeyMaterial::Secret(secret) = key.material()?
            && let State::Hash(hasher) = &mut self.state
        {
            hasher.update(secret.value());
            return Ok(());
        }
        fail(CKR_KEY_INDIGESTIBLE, "only secret keys can be digested")
    }

    /// Ends the operation.
    pub(crate) fn finish(self, signature: &[u8]) -> Result<Reply> {
        let Self { ready, state } = self;
        match (ready.kind, state) {
            (OperationKind::Digest, State::Hash(hasher)) => Ok(Reply::Bytes(hasher.finish())),
            (OperationKind::Sign, State::Hash(hasher)) => {
                sign::sign_hashed(&ready.work, ready.key()?, &hasher.finish()).map(Reply::Bytes)
            }
            (OperationKind::Sign, State::Mac(mac)) => {
                Ok(Reply::Bytes(sign::truncated(&ready.work, mac.finish())))
            }
            (OperationKind::Verify, State::Hash(hasher)) => {
                sign::verify_hashed(&ready.work, ready.key()?, &hasher.finish(), signature)?;
                Ok(Reply::Done)
            }
            (OperationKind::Verify, State::Mac(mac)) => {
                sign::verify_mac(&ready.work, mac, signature)?;
                Ok(Reply::Done)
            }
            (_, State::Cipher(cipher)) => {
                let during = cipher::during(ready.kind);
                cipher.finish().map(Reply::Bytes).map_err(crate::failure::during(during))
            }
            (_, State::Whole(whole)) => ready.one_part(whole.to_vec(), signature),
            _ => unfit(),
        }
    }
}
