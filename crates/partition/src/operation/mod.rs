//! Operations with a mechanism: encrypting, decrypting, digesting, signing, verifying; in one part or
//! many (PKCS#11 3.1, 5.8 to 5.14).
//!
//! [`Ready`] is an operation whose mechanism, key and parameters were found good; [`Active`] is one
//! that has begun. What the primitives do is in [`sign`] and [`cipher`].

pub(crate) mod cipher;
mod ecies;
pub(crate) mod message;
pub(crate) mod otp;
pub(crate) mod params;
mod saved;
mod sign;

use std::{borrow::Cow, mem::MaybeUninit, sync::Arc};

use hsmsim_crypto::{
    digest::{Hasher, XofHasher, expand, hash, hash_into},
    mac::Mac,
};
use hsmsim_types::{AttributeValue, Error, Mechanism, Params, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use crate::{
    api::{Checked, Operation, OperationKind, Reply},
    mechanisms::{
        Entry, Scheme,
        service::{Service, Side, service, service_of_part},
    },
    object::{Object, key::KeyMaterial},
    output::OutputLen,
    session::Session,
};

use message::Stream;
use params::Work;

/// Most bytes of a message that must be there as a whole before anything can be done with it.
const WHOLE_MAX: usize = 1 << 30;

impl OperationKind {
    /// What a mechanism must be able to do, and what the key must be allowed to.
    fn flag_and_usage(self) -> (CK_FLAGS, CK_ATTRIBUTE_TYPE) {
        match self {
            Self::Encrypt => (CKF_ENCRYPT, CKA_ENCRYPT),
            Self::Decrypt => (CKF_DECRYPT, CKA_DECRYPT),
            // Without a key.
            Self::Digest => (CKF_DIGEST, CKA_CLASS),
            Self::Sign => (CKF_SIGN, CKA_SIGN),
            Self::Verify | Self::VerifySignature => (CKF_VERIFY, CKA_VERIFY),
            Self::SignRecover => (CKF_SIGN_RECOVER, CKA_SIGN_RECOVER),
            Self::VerifyRecover => (CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER),
            Self::MessageEncrypt => (CKF_MESSAGE_ENCRYPT, CKA_ENCRYPT),
            Self::MessageDecrypt => (CKF_MESSAGE_DECRYPT, CKA_DECRYPT),
            Self::MessageSign => (CKF_MESSAGE_SIGN, CKA_SIGN),
            Self::MessageVerify => (CKF_MESSAGE_VERIFY, CKA_VERIFY),
        }
    }

    /// What it does to the data, be it in messages or not.
    pub(crate) fn act(self) -> Act {
        match self {
            Self::Encrypt | Self::MessageEncrypt => Act::Encrypt,
            Self::Decrypt | Self::MessageDecrypt => Act::Decrypt,
            Self::Digest => Act::Digest,
            Self::Sign | Self::MessageSign | Self::SignRecover => Act::Sign,
            Self::Verify | Self::VerifySignature | Self::MessageVerify => Act::Verify,
            Self::VerifyRecover => Act::Recover,
        }
    }
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
    /// A signature becomes what was signed.
    Recover,
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
    check_type(key, entry, codes)?;
    if !key.attributes.flag(usage) {
        let name = hsmsim_types::names::attribute(usage).unwrap_or_default();
        return fail(CKR_KEY_FUNCTION_NOT_PERMITTED, format!("{name} of the key is not true"));
    }
    check_fit(key, entry, codes)
}

/// Whether an object is a key of a type that the mechanism takes.
///
/// # Errors
/// `codes`.
pub(crate) fn check_type(key: &Object, entry: &Entry, codes: &KeyCodes) -> Result<()> {
    if !matches!(key.class, CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_OTP_KEY) {
        return fail(codes.handle, "the object is no key");
    }
    if !entry.scheme.takes(key.key_type) {
        return fail(codes.kind, "the mechanism takes another type of key");
    }
    Ok(())
}

/// Whether a key allows the mechanism and has a size that it takes.
///
/// # Errors
/// `codes`, CKR_MECHANISM_INVALID (CKA_ALLOWED_MECHANISMS).
pub(crate) fn check_fit(key: &Object, entry: &Entry, codes: &KeyCodes) -> Result<()> {
    if let Some(AttributeValue::Mechanisms(allowed)) = key.attributes.get(CKA_ALLOWED_MECHANISMS)
        && !allowed.contains(&entry.kind)
    {
        return fail(CKR_MECHANISM_INVALID, "CKA_ALLOWED_MECHANISMS of the key lacks it");
    }
    let size = key.material()?.size();
    if !entry.takes_size(size) {
        let (min, max) = entry.sizes;
        return fail(codes.size, format!("the mechanism takes keys of {min} to {max}"));
    }
    Ok(())
}

/// An operation that may begin.
pub(crate) struct Ready<'m> {
    act: Act,
    entry: Entry,
    /// Whose request it is in, if that is answered before anything else is done.
    mechanism: Cow<'m, Arc<Mechanism>>,
    work: Work,
    key: Option<Arc<Object>>,
    /// Of a message whose nonce goes back to the caller.
    nonce: Option<Vec<u8>>,
    /// Whether it is one message, with its tag apart from its ciphertext.
    message: bool,
}

impl<'m> Ready<'m> {
    /// Checks an operation.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_HANDLE_INVALID and what
    /// [`check_key`] says.
    pub(crate) fn new(session: &Session, operation: &'m Operation) -> Result<Self> {
        Self::of(session, operation, None)
    }

    /// The same with the key, if it was looked up.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn of(
        session: &Session,
        operation: &'m Operation,
        key: Option<Arc<Object>>,
    ) -> Result<Self> {
        let (flag, usage) = operation.kind.flag_and_usage();
        let mechanisms = &session.partition.personality().mechanisms;
        let entry = mechanisms.usable_again(&operation.mechanism, flag, &session.mechanism)?;
        let key = match (entry.scheme, &operation.key) {
            (Scheme::Digest(_) | Scheme::Xof(_) | Scheme::Sha512T, _) => None,
            (_, None) => return fail(CKR_KEY_HANDLE_INVALID, "the mechanism needs a key"),
            (_, Some(id)) => {
                let key = match key {
                    Some(key) => key,
                    None => session.partition.object(
                        &session.application,
                        id,
                        CKR_KEY_HANDLE_INVALID,
                    )?,
                };
                check_key(&key, entry, usage, &KEY_CODES)?;
                Some(key)
            }
        };
        let act = operation.kind.act();
        let message =
            matches!(operation.kind, OperationKind::MessageEncrypt | OperationKind::MessageDecrypt);
        let mut mechanism = Cow::Borrowed(&operation.mechanism);
        let mut nonce = None;
        if message {
            let (params, made) = message::params(entry.scheme, act, &mechanism.params)?;
            mechanism = Cow::Owned(Arc::new(Mechanism { kind: mechanism.kind, params }));
            nonce = (act == Act::Encrypt).then_some(made);
        }
        let work = Work::new(entry.scheme, &mechanism.params)?;
        Ok(Self { act, entry: *entry, mechanism, work, key, nonce, message })
    }

    /// What `C_SignInit` and its kin want to know.
    pub(crate) fn checked(&self) -> Result<Checked> {
        Ok(Checked {
            output: self.output()?,
            always_authenticate: self.waits_for_login(),
            session_key: self.key.as_ref().is_some_and(|key| !key.token),
            ends_by_date: false,
            changes_key: self.one_time().is_some(),
            counts_key: self.key.as_ref().is_some_and(|key| key.limited),
        })
    }

    /// The key, if the operation has one.
    pub(crate) fn key_object(&self) -> Option<&Object> {
        self.key.as_deref()
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
        match self.act {
            Act::Verify => Ok(OutputLen::None),
            Act::Sign if self.work == Work::Hotp => {
                let (key, params) = (self.key.as_ref(), &self.mechanism.params);
                Ok(OutputLen::Fixed(key.map_or(Ok(0), |key| otp::signature_len(key, params))?))
            }
            Act::Sign => Ok(OutputLen::Fixed(sign::signature_len(&self.work, self.key()?)?)),
            Act::Recover => Ok(OutputLen::AtMost(sign::recovered_len(&self.work, self.key()?)?)),
            Act::Digest => match self.work {
                Work::Digest(alg) => Ok(OutputLen::Fixed(alg.output_len())),
                Work::Xof { len, .. } => Ok(OutputLen::Fixed(len)),
                _ => unfit(),
            },
            Act::Encrypt | Act::Decrypt if self.message => Ok(OutputLen::Stream),
            Act::Encrypt | Act::Decrypt => cipher::output(self.act, &self.work, self.key()?),
        }
    }

    /// The key and the parameters of a one-time password, and whether it is to be verified.
    pub(crate) fn one_time(&self) -> Option<(&Object, &Params, bool)> {
        match (&self.key, self.work) {
            (Some(key), Work::Hotp) => Some((key, &self.mechanism.params, self.act == Act::Verify)),
            _ => None,
        }
    }

    fn key(&self) -> Result<&KeyMaterial> {
        match &self.key {
            Some(key) => key.material(),
            None => unfit(),
        }
    }

    /// The whole operation in one.
    pub(crate) fn one_part(&self, data: Cow<'_, [u8]>, signature: &[u8]) -> Result<Reply> {
        match self.act {
            Act::Digest => match self.work {
                Work::Digest(alg) => Ok(Reply::Bytes(hash(alg, &data))),
                Work::Xof { xof, len } => Ok(Reply::Bytes(expand(xof, &data, len).to_vec())),
                _ => unfit(),
            },
            Act::Sign => {
                sign::sign(&self.work, &self.mechanism.params, self.key()?, &data).map(Reply::Bytes)
            }
            Act::Verify => {
                let params = &self.mechanism.params;
                sign::verify(&self.work, params, self.key()?, &data, signature)?;
                Ok(Reply::Done)
            }
            Act::Recover => sign::recover(&self.work, self.key()?, &data).map(Reply::Bytes),
            Act::Encrypt => {
                let params = &self.mechanism.params;
                let bytes = cipher::encrypt(&self.work, params, self.key()?, data)?;
                Ok(match &self.nonce {
                    Some(nonce) => Reply::message(nonce.clone(), bytes),
                    None => Reply::Bytes(bytes),
                })
            }
            Act::Decrypt => {
                let mut data = data;
                if self.message {
                    data.to_mut().extend_from_slice(signature);
                }
                // Ciphertext is no secret; the plaintext goes to the caller.
                let params = &self.mechanism.params;
                let plain = cipher::decrypt(&self.work, params, self.key()?, &data);
                plain.map(Reply::Bytes).map_err(|error| self.not_authentic(error))
            }
        }
    }

    /// The whole operation in one, its output in the caller's room. `None`, and nothing is done, where that cannot be.
    pub(crate) fn one_part_into(
        &self,
        data: &[u8],
        room: &mut [MaybeUninit<u8>],
    ) -> Result<Option<Reply>> {
        let written = match (self.act, self.work) {
            (Act::Encrypt, _) if self.nonce.is_none() => {
                let params = &self.mechanism.params;
                cipher::encrypt_into(&self.work, params, self.key()?, data, room)?
            }
            (Act::Digest, Work::Digest(alg)) => hash_into(alg, data, room),
            (Act::Sign, Work::Mac { alg, len }) => match self.key()? {
                KeyMaterial::Secret(key) => key.mac(alg)?.sign_into(data, len, room),
                _ => None,
            },
            _ => None,
        };
        Ok(written.map(Reply::Written))
    }

    /// A message whose tag is wrong has a code of its own (5.12).
    fn not_authentic(&self, error: Error) -> Error {
        match error.rv() {
            CKR_ENCRYPTED_DATA_INVALID if self.message => {
                Error::new(CKR_AEAD_DECRYPT_FAILED, "the message is not authentic")
            }
            _ => error,
        }
    }

    /// Begins a multi-part operation.
    ///
    /// # Errors
    /// CKR_FUNCTION_NOT_SUPPORTED for mechanisms that the standard has as single-part only (6.1.6,
    /// 6.3.12).
    pub(crate) fn begin(self) -> Result<Active> {
        let state = match (&self.work, self.act) {
            (Work::Digest(alg), Act::Digest) => State::Hash(Hasher::new(*alg)),
            (Work::Xof { xof, .. }, Act::Digest) => State::Xof(XofHasher::new(*xof)),
            (_, Act::Encrypt | Act::Decrypt) if self.message => State::Message(Stream::new(&self)?),
            (work, Act::Sign | Act::Verify) => match (work, work.hash()) {
                (_, Some(alg)) => State::Hash(Hasher::new(alg)),
                (Work::Mac { alg, .. }, _) => match self.key()? {
                    KeyMaterial::Secret(key) => State::Mac(key.mac(*alg)?.start()),
                    _ => return unfit(),
                },
                (
                    Work::Eddsa { .. }
                    | Work::Gmac { .. }
                    | Work::MlDsa(_)
                    | Work::SlhDsa(_)
                    | Work::HashMlDsa { hashes: true, .. }
                    | Work::HashSlhDsa { hashes: true, .. }
                    | Work::TlsMac { .. }
                    | Work::Hss,
                    _,
                ) => State::Whole(Zeroizing::default()),
                _ => return single_part_only(),
            },
            (
                Work::Gcm { .. }
                | Work::GcmOwnIv { .. }
                | Work::Ccm { .. }
                | Work::ChaCha20Poly1305,
                _,
            ) => State::Whole(Zeroizing::default()),
            (work, act @ (Act::Encrypt | Act::Decrypt)) => {
                let params = &self.mechanism.params;
                match cipher::Stream::start(act, work, params, self.key()?)? {
                    Some(stream) => State::Cipher(stream),
                    None => return single_part_only(),
                }
            }
            _ => return single_part_only(),
        };
        let Self { act, entry, mechanism, work, key, nonce, message } = self;
        let mechanism = Cow::Owned(mechanism.into_owned());
        Ok(Active { ready: Ready { act, entry, mechanism, work, key, nonce, message }, state })
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
    ready: Ready<'static>,
    state: State,
}

#[expect(clippy::large_enum_variant, reason = "an operation under way is in a box")]
enum State {
    Hash(Hasher),
    Xof(XofHasher),
    Mac(Mac),
    Whole(Zeroizing<Vec<u8>>),
    Cipher(cipher::Stream),
    Message(Stream),
}

impl Active {
    /// Whether the login that made the key visible must still be there.
    pub(crate) fn uses_private_key(&self) -> bool {
        self.ready.key.as_ref().is_some_and(|key| key.private)
    }

    /// What a part or the end occupies an engine with.
    pub(crate) fn service(&self, last: bool) -> Service {
        let key = self.ready.key.as_ref().and_then(|key| key.material().ok());
        let side = Side::of(self.ready.act);
        match last {
            true => service(&self.ready.entry, side, key),
            false => service_of_part(&self.ready.entry),
        }
    }

    /// Takes a part. What comes of it goes to the caller's room if there is any and the cipher can do that.
    pub(crate) fn update(
        &mut self,
        data: &[u8],
        room: Option<&mut [MaybeUninit<u8>]>,
    ) -> Result<Reply> {
        let during = crate::failure::during(cipher::during(self.ready.act));
        if let (State::Cipher(cipher), Some(room)) = (&mut self.state, room)
            && let Some(written) = cipher.update_into(data, room).map_err(&during)?
        {
            return Ok(Reply::Written(written));
        }
        let ready = match &mut self.state {
            State::Hash(hasher) => {
                hasher.update(data);
                Vec::new()
            }
            State::Xof(hasher) => {
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
            State::Cipher(cipher) => cipher.update(data).map_err(during)?,
            State::Message(stream) => stream.update(&self.ready, data)?,
        };
        Ok(match self.ready.act {
            Act::Encrypt | Act::Decrypt => Reply::Bytes(ready),
            _ => Reply::Done,
        })
    }

    /// The first part: a message that begins tells its nonce too.
    pub(crate) fn first(
        &mut self,
        data: &[u8],
        room: Option<&mut [MaybeUninit<u8>]>,
    ) -> Result<Reply> {
        let reply = self.update(data, room)?;
        Ok(match (&self.ready.nonce, reply) {
            (Some(nonce), Reply::Bytes(bytes)) => Reply::message(nonce.clone(), bytes),
            (_, reply) => reply,
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
        match (ready.act, state) {
            (Act::Digest, State::Hash(hasher)) => Ok(Reply::Bytes(hasher.finish())),
            (Act::Digest, State::Xof(hasher)) => match ready.work {
                Work::Xof { len, .. } => {
                    let mut digest = vec![0; len];
                    hasher.finish(&mut digest);
                    Ok(Reply::Bytes(digest))
                }
                _ => unfit(),
            },
            (Act::Sign, State::Hash(hasher)) => {
                let params = &ready.mechanism.params;
                sign::sign_hashed(&ready.work, params, ready.key()?, &hasher.finish())
                    .map(Reply::Bytes)
            }
            (Act::Sign, State::Mac(mac)) => {
                Ok(Reply::Bytes(sign::truncated(&ready.work, mac.finish())))
            }
            (Act::Verify, State::Hash(hasher)) => {
                let (params, digest) = (&ready.mechanism.params, hasher.finish());
                sign::verify_hashed(&ready.work, params, ready.key()?, &digest, signature)?;
                Ok(Reply::Done)
            }
            (Act::Verify, State::Mac(mac)) => {
                sign::verify_mac(&ready.work, mac, signature)?;
                Ok(Reply::Done)
            }
            (_, State::Cipher(cipher)) => {
                let during = cipher::during(ready.act);
                cipher.finish().map(Reply::Bytes).map_err(crate::failure::during(during))
            }
            (_, State::Whole(whole)) => ready.one_part(whole.as_slice().into(), signature),
            (_, State::Message(stream)) => stream.finish(&ready, signature),
            _ => unfit(),
        }
    }
}
