//! Signing in parts, with a mistake that no test without a failover finds.
//!
//! A multi-part operation lives in one device. When that is lost the call ends with CKR_DEVICE_ERROR
//! and the operation is over (Luna guide, "Failover"); the session lives on, on another member. An
//! application that then goes on where it was gets a signature, and a return code of CKR_OK, for the
//! rest of its document.

use std::{
    io::{self, Read, Seek},
    path::Path,
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error as Pkcs11Error, RvError},
    mechanism::Mechanism,
    object::{Attribute, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};

/// Bytes of a part.
const PART: usize = 4096;
/// How often a document is begun before the application gives up.
const ATTEMPTS: usize = 3;

/// Why a document could not be signed.
#[derive(Debug)]
pub(crate) enum SignError {
    /// The document cannot be read.
    Document(io::Error),
    /// The token refused.
    Token(Pkcs11Error),
    /// There is no such token or key.
    Missing(&'static str),
}

impl std::fmt::Display for SignError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Document(error) => write!(f, "the document: {error}"),
            Self::Token(error) => error.fmt(f),
            Self::Missing(what) => write!(f, "there is no such {what}"),
        }
    }
}

impl std::error::Error for SignError {}

impl From<io::Error> for SignError {
    fn from(error: io::Error) -> Self {
        Self::Document(error)
    }
}

impl From<Pkcs11Error> for SignError {
    fn from(error: Pkcs11Error) -> Self {
        Self::Token(error)
    }
}

impl SignError {
    /// Whether the device that had the operation is gone, and another may do it.
    fn is_device_lost(&self) -> bool {
        matches!(self, Self::Token(Pkcs11Error::Pkcs11(RvError::DeviceError, _)))
    }
}

/// What to do when the device is lost in the middle of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Begin an operation on the device that is left and repeat the part that failed. It looks
    /// right, and is the mistake: the parts before are not in the signature.
    RepeatPart,
    /// Rewind the document and begin the whole of it anew.
    BeginAnew,
}

/// A session that is logged in, and the key to sign with.
pub(crate) struct Signer {
    /// The session.
    pub(crate) session: Session,
    key: ObjectHandle,
}

impl Signer {
    /// Loads the module, logs in to the token and finds the key.
    ///
    /// # Errors
    /// A module that does not load, a token or key that is not there, a wrong PIN.
    pub(crate) fn open(
        module: &Path,
        token: &str,
        pin: &str,
        key: &str,
    ) -> Result<Self, SignError> {
        let library = Pkcs11::new(module)?;
        library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        let mut ours = None;
        for slot in library.get_slots_with_initialized_token()? {
            if library.get_token_info(slot)?.label().trim_end() == token {
                ours = Some(slot);
            }
        }
        let session = library.open_rw_session(ours.ok_or(SignError::Missing("token"))?)?;
        session.login(UserType::User, Some(&AuthPin::from(pin)))?;
        let template =
            [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(key.as_bytes().into())];
        let found = session.find_objects(&template)?;
        let key = *found.first().ok_or(SignError::Missing("key"))?;
        Ok(Self { session, key })
    }

    /// Signs a document from its beginning.
    ///
    /// # Errors
    /// A document that cannot be read, or a token that fails in a way that `strategy` does not mend.
    pub(crate) fn sign(
        &self,
        document: &mut (impl Read + Seek),
        strategy: Strategy,
    ) -> Result<Vec<u8>, SignError> {
        let mut attempt = 1;
        loop {
            document.rewind()?;
            match self.sign_once(document, strategy) {
                Err(error)
                    if error.is_device_lost()
                        && strategy == Strategy::BeginAnew
                        && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn sign_once(
        &self,
        document: &mut impl Read,
        strategy: Strategy,
    ) -> Result<Vec<u8>, SignError> {
        let begin = || self.session.sign_init(&Mechanism::Sha256RsaPkcs, self.key);
        begin()?;
        let mut part = [0; PART];
        loop {
            let length = document.read(&mut part)?;
            if length == 0 {
                return Ok(self.session.sign_final()?);
            }
            let part = &part[..length];
            let updated = self.session.sign_update(part).map_err(SignError::from);
            match updated {
                Err(error) if error.is_device_lost() && strategy == Strategy::RepeatPart => {
                    begin()?;
                    self.session.sign_update(part)?;
                }
                other => other?,
            }
        }
    }
}
