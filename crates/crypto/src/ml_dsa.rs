//! ML-DSA and HashML-DSA signatures (FIPS 204).
//!
//! AWS-LC makes keys, signs and verifies, always over a message representative µ that is made here. What it
//! has not is fips204's: signatures that are not hedged, and the check of an expanded private key.

use std::fmt;
use std::sync::OnceLock;

use fips204::traits::{SerDes as _, Signer as _};
use fips204::{ml_dsa_44, ml_dsa_65, ml_dsa_87};
use zeroize::Zeroizing;

use crate::ffi::ml_dsa::MlDsa;
use crate::ffi::shake::{Shake, shake};
pub use crate::prehash::{CONTEXT_LEN_MAX, Hedge, PreHash};
use crate::{Error, Result, constant_time_eq, random};

/// Length of the seed ξ in bytes, the content of `CKA_SEED`.
pub const SEED_LEN: usize = 32;
/// Length of a message representative µ in bytes.
pub const MU_LEN: usize = 64;

/// A parameter set, the value of `CKA_PARAMETER_SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// ML-DSA-44, security category 2.
    MlDsa44,
    /// ML-DSA-65, security category 3.
    MlDsa65,
    /// ML-DSA-87, security category 5.
    MlDsa87,
}

impl ParameterSet {
    /// Every parameter set.
    pub const ALL: [ParameterSet; 3] =
        [ParameterSet::MlDsa44, ParameterSet::MlDsa65, ParameterSet::MlDsa87];

    /// Length of a public key in bytes (FIPS 204, table 2).
    pub const fn public_key_len(self) -> usize {
        match self {
            ParameterSet::MlDsa44 => ml_dsa_44::PK_LEN,
            ParameterSet::MlDsa65 => ml_dsa_65::PK_LEN,
            ParameterSet::MlDsa87 => ml_dsa_87::PK_LEN,
        }
    }

    /// Length of an expanded private key in bytes.
    pub const fn private_key_len(self) -> usize {
        match self {
            ParameterSet::MlDsa44 => ml_dsa_44::SK_LEN,
            ParameterSet::MlDsa65 => ml_dsa_65::SK_LEN,
            ParameterSet::MlDsa87 => ml_dsa_87::SK_LEN,
        }
    }

    /// Length of a signature in bytes.
    pub const fn signature_len(self) -> usize {
        match self {
            ParameterSet::MlDsa44 => ml_dsa_44::SIG_LEN,
            ParameterSet::MlDsa65 => ml_dsa_65::SIG_LEN,
            ParameterSet::MlDsa87 => ml_dsa_87::SIG_LEN,
        }
    }
}

/// A key of fips204, prepared for its operations; in a box, as it has tens of kilobytes.
enum Signing {
    MlDsa44(Box<ml_dsa_44::PrivateKey>),
    MlDsa65(Box<ml_dsa_65::PrivateKey>),
    MlDsa87(Box<ml_dsa_87::PrivateKey>),
}

impl Signing {
    /// Checks that the parts of an expanded private key are in range.
    fn new(set: ParameterSet, expanded: &[u8]) -> Result<Self> {
        macro_rules! import {
            ($variant:ident, $module:ident) => {{
                let bytes = expanded.try_into().map_err(|_| Error::InvalidKey)?;
                let key = $module::PrivateKey::try_from_bytes(bytes);
                Signing::$variant(Box::new(key.map_err(|_| Error::InvalidKey)?))
            }};
        }
        Ok(match set {
            ParameterSet::MlDsa44 => import!(MlDsa44, ml_dsa_44),
            ParameterSet::MlDsa65 => import!(MlDsa65, ml_dsa_65),
            ParameterSet::MlDsa87 => import!(MlDsa87, ml_dsa_87),
        })
    }
}

/// Does the same with the key of any parameter set.
macro_rules! with {
    ($value:expr, $key:ident => $body:expr) => {
        match $value {
            Signing::MlDsa44($key) => $body,
            Signing::MlDsa65($key) => $body,
            Signing::MlDsa87($key) => $body,
        }
    };
}

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct MlDsaPrivateKey {
    key: MlDsa,
    /// For signatures that are not hedged; made when the first is asked for.
    unhedged: OnceLock<Option<Signing>>,
    seed: Option<Zeroizing<[u8; SEED_LEN]>>,
    expanded: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
}

impl MlDsaPrivateKey {
    /// Generates a key pair; the seed is kept.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate(set: ParameterSet) -> Result<Self> {
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        random::fill(&mut *seed)?;
        Self::from_seed(set, &*seed)
    }

    /// Derives the key pair of a seed ξ (`CKA_SEED`; FIPS 204, algorithm 6).
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless the seed has [`SEED_LEN`] bytes.
    pub fn from_seed(set: ParameterSet, seed: &[u8]) -> Result<Self> {
        let seed: [u8; SEED_LEN] = seed.try_into().map_err(|_| Error::InvalidKey)?;
        let seed = Zeroizing::new(seed);
        let mut key = Self::whole(MlDsa::from_seed(set, &seed)?)?;
        key.seed = Some(seed);
        Ok(key)
    }

    /// Imports an expanded private key (`CKA_VALUE`) and checks that its parts are in range and that
    /// the digest of the public key in it is the right one.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn from_expanded(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        let checked = Signing::new(set, bytes)?;
        let mut key = Self::whole(MlDsa::from_expanded(set, bytes)?)?;
        // rho || K || tr || s1 || s2 || t0 (FIPS 204, algorithm 24)
        let consistent = constant_time_eq(&key.expanded, bytes)
            && constant_time_eq(&bytes[64..128], &public_key_digest(&key.public));
        key.unhedged = OnceLock::from(Some(checked));
        if consistent { Ok(key) } else { Err(Error::InvalidKey) }
    }

    fn whole(key: MlDsa) -> Result<Self> {
        let (expanded, public) = (key.expanded()?, key.public()?);
        Ok(MlDsaPrivateKey { key, unhedged: OnceLock::new(), seed: None, expanded, public })
    }

    /// The key as the library has it that signs without random numbers, and with given ones.
    fn unhedged(&self) -> Result<&Signing> {
        let key = || Signing::new(self.parameter_set(), &self.expanded).ok();
        self.unhedged.get_or_init(key).as_ref().ok_or(Error::Internal)
    }

    /// The parameter set.
    pub fn parameter_set(&self) -> ParameterSet {
        self.key.parameter_set()
    }

    /// The digest `tr` of the public key, as it stands in the private one.
    fn tr(&self) -> &[u8] {
        &self.expanded[64..128]
    }

    /// The seed, if the key was made from one.
    pub fn seed(&self) -> Option<&[u8]> {
        self.seed.as_ref().map(|seed| &seed[..])
    }

    /// The expanded private key.
    pub fn expanded(&self) -> &[u8] {
        &self.expanded
    }

    /// The public key of this private key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn public(&self) -> Result<MlDsaPublicKey> {
        MlDsaPublicKey::from_bytes(self.parameter_set(), &self.public).map_err(|_| Error::Internal)
    }

    /// Signs a message (`CKM_ML_DSA`; FIPS 204, algorithm 2).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context longer than [`CONTEXT_LEN_MAX`]; [`Error::Internal`]
    /// without random numbers, and for a key that signs nothing, which no key generation makes.
    pub fn sign(&self, message: &[u8], context: &[u8], hedge: Hedge) -> Result<Vec<u8>> {
        match hedge {
            Hedge::Hedged => self.key.sign(&representative(self.tr(), 0, context, &[message])?),
            Hedge::Deterministic => self.sign_with(message, context, &[0; 32]),
        }
    }

    /// The same with given random bytes `rnd`, for tests with published vectors.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_with(&self, message: &[u8], context: &[u8], rnd: &[u8; 32]) -> Result<Vec<u8>> {
        check_context(context)?;
        let signature = with!(self.unhedged()?, key => {
            key.try_sign_with_seed(rnd, message, context).map(|signature| signature.to_vec())
        });
        signature.map_err(|_| Error::Internal)
    }

    /// Signs a digest as HashML-DSA (`CKM_HASH_ML_DSA`; FIPS 204, algorithm 4).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a hash function that FIPS 204 does not allow,
    /// [`Error::InvalidLength`] if the digest is not one of this function; as [`sign`](Self::sign).
    pub fn sign_digest(
        &self,
        hash: PreHash,
        digest: &[u8],
        context: &[u8],
        hedge: Hedge,
    ) -> Result<Vec<u8>> {
        check_context(context)?;
        let oid = checked_oid(hash, digest)?;
        if hedge == Hedge::Hedged {
            return self.key.sign(&representative(self.tr(), 1, context, &[&oid, digest])?);
        }
        let signature = with!(self.unhedged()?, key => {
            key.try_hash_sign_with_seed(&[0; 32], digest, context, &oid)
                .map(|signed| signed.to_vec())
        });
        signature.map_err(|_| Error::Internal)
    }

    /// Signs a message representative µ that the caller computed, see [`message_representative`]
    /// (`CKM_ML_DSA_EXTERNAL_MU`). Always hedged: the library behind it has no other way.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] unless µ has [`MU_LEN`] bytes.
    pub fn sign_mu(&self, mu: &[u8]) -> Result<Vec<u8>> {
        self.key.sign(mu.try_into().map_err(|_| Error::InvalidLength)?)
    }
}

impl fmt::Debug for MlDsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlDsaPrivateKey")
            .field("parameter_set", &self.parameter_set())
            .finish_non_exhaustive()
    }
}

/// A public key, ready for use. Share it in an `Arc`.
pub struct MlDsaPublicKey {
    key: MlDsa,
    bytes: Vec<u8>,
    tr: [u8; 64],
}

impl MlDsaPublicKey {
    /// Imports a public key (`CKA_VALUE`).
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has the length of its parameter set; every other string is a
    /// public key.
    pub fn from_bytes(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        let key = MlDsa::from_public(set, bytes)?;
        Ok(MlDsaPublicKey { key, bytes: bytes.to_vec(), tr: public_key_digest(bytes) })
    }

    /// The parameter set.
    pub fn parameter_set(&self) -> ParameterSet {
        self.key.parameter_set()
    }

    /// The public key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest `tr` of this key, which stands before every message (FIPS 204, algorithm 6).
    pub fn tr(&self) -> [u8; 64] {
        self.tr
    }

    /// Verifies a signature of a message (FIPS 204, algorithm 3).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context longer than [`CONTEXT_LEN_MAX`],
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify(&self, message: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_representative(&representative(&self.tr, 0, context, &[message])?, signature)
    }

    /// Verifies a HashML-DSA signature of a digest (FIPS 204, algorithm 5).
    ///
    /// # Errors
    /// As [`verify`](Self::verify) and [`MlDsaPrivateKey::sign_digest`].
    pub fn verify_digest(
        &self,
        hash: PreHash,
        digest: &[u8],
        context: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        check_context(context)?;
        let oid = checked_oid(hash, digest)?;
        self.verify_representative(
            &representative(&self.tr, 1, context, &[&oid, digest])?,
            signature,
        )
    }

    /// Verifies a signature over a message representative µ.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] unless µ has [`MU_LEN`] bytes, [`Error::SignatureLength`],
    /// [`Error::VerifyFailed`].
    pub fn verify_mu(&self, mu: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_representative(mu.try_into().map_err(|_| Error::InvalidLength)?, signature)
    }

    fn verify_representative(&self, mu: &[u8; MU_LEN], signature: &[u8]) -> Result<()> {
        if signature.len() != self.parameter_set().signature_len() {
            return Err(Error::SignatureLength);
        }
        self.key.verify(mu, signature)
    }
}

impl fmt::Debug for MlDsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlDsaPublicKey")
            .field("parameter_set", &self.parameter_set())
            .finish_non_exhaustive()
    }
}

/// The message representative µ of a message (`CKM_ML_DSA_EXTERNAL_MU_GEN`; FIPS 204, algorithm 7)
/// under the public key with the digest `tr`.
///
/// # Errors
/// [`Error::InvalidParameter`] for a context longer than [`CONTEXT_LEN_MAX`].
pub fn message_representative(
    tr: &[u8; 64],
    context: &[u8],
    message: &[u8],
) -> Result<[u8; MU_LEN]> {
    representative(tr, 0, context, &[message])
}

/// µ of what is signed: `form` is 0 for a message and 1 for the OID of a hash function and its digest
/// (FIPS 204, algorithms 2 and 4).
fn representative(tr: &[u8], form: u8, context: &[u8], signed: &[&[u8]]) -> Result<[u8; MU_LEN]> {
    check_context(context)?;
    let mut mu = [0; MU_LEN];
    // The check keeps the length in one byte.
    let head = [form, context.len() as u8];
    let parts: Vec<&[u8]> =
        [tr, &head, context].into_iter().chain(signed.iter().copied()).collect();
    shake(Shake::Shake256, &parts, &mut mu);
    Ok(mu)
}

fn public_key_digest(public: &[u8]) -> [u8; 64] {
    let mut tr = [0; 64];
    shake(Shake::Shake256, &[public], &mut tr);
    tr
}

fn check_context(context: &[u8]) -> Result<()> {
    if context.len() <= CONTEXT_LEN_MAX { Ok(()) } else { Err(Error::InvalidParameter) }
}

fn checked_oid(hash: PreHash, digest: &[u8]) -> Result<[u8; 11]> {
    let oid = hash.oid().ok_or(Error::Unsupported)?;
    if digest.len() == hash.output_len() { Ok(oid) } else { Err(Error::InvalidLength) }
}
