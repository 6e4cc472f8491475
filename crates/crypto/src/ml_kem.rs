//! ML-KEM key encapsulation (FIPS 203).

use std::fmt;

use zeroize::Zeroizing;

use crate::ffi::kem::Kem;
use crate::{Error, Result, random};

/// Length of every shared secret in bytes.
pub const SHARED_SECRET_LEN: usize = 32;
/// Length of the seed `d || z` in bytes, the content of `CKA_SEED`.
pub const SEED_LEN: usize = 64;

/// A parameter set, the value of `CKA_PARAMETER_SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// ML-KEM-512, security category 1.
    MlKem512,
    /// ML-KEM-768, security category 3.
    MlKem768,
    /// ML-KEM-1024, security category 5.
    MlKem1024,
}

impl ParameterSet {
    /// Every parameter set.
    pub const ALL: [ParameterSet; 3] =
        [ParameterSet::MlKem512, ParameterSet::MlKem768, ParameterSet::MlKem1024];

    /// The rank `k` of the module (FIPS 203, table 2).
    const fn rank(self) -> usize {
        match self {
            ParameterSet::MlKem512 => 2,
            ParameterSet::MlKem768 => 3,
            ParameterSet::MlKem1024 => 4,
        }
    }

    /// Length of an encapsulation key in bytes (FIPS 203, table 3).
    pub const fn encapsulation_key_len(self) -> usize {
        384 * self.rank() + 32
    }

    /// Length of a decapsulation key in bytes.
    pub const fn decapsulation_key_len(self) -> usize {
        768 * self.rank() + 96
    }

    /// Length of a ciphertext in bytes.
    pub const fn ciphertext_len(self) -> usize {
        match self {
            ParameterSet::MlKem512 => 768,
            ParameterSet::MlKem768 => 1088,
            ParameterSet::MlKem1024 => 1568,
        }
    }
}

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct MlKemPrivateKey {
    key: Kem,
    seed: Option<Zeroizing<[u8; SEED_LEN]>>,
}

impl MlKemPrivateKey {
    /// Generates a key pair; the seed is kept.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate(set: ParameterSet) -> Result<Self> {
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        random::fill(&mut *seed)?;
        Self::from_seed(set, &*seed)
    }

    /// Derives the key pair of a seed `d || z` (`CKA_SEED`; FIPS 203, algorithm 16).
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless the seed has [`SEED_LEN`] bytes.
    pub fn from_seed(set: ParameterSet, seed: &[u8]) -> Result<Self> {
        let seed: [u8; SEED_LEN] = seed.try_into().map_err(|_| Error::InvalidKey)?;
        let seed = Zeroizing::new(seed);
        Ok(MlKemPrivateKey { key: Kem::from_seed(set, &seed)?, seed: Some(seed) })
    }

    /// Imports a decapsulation key (`CKA_VALUE`) with the checks of FIPS 203, 7.3: its length, and
    /// that the digest in it is of the encapsulation key in it. That both halves belong together is
    /// tried out.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn from_decapsulation_key(set: ParameterSet, key: &[u8]) -> Result<Self> {
        if key.len() != set.decapsulation_key_len() {
            return Err(Error::InvalidKey);
        }
        // dkPKE || ek || H(ek) || z
        let public = &key[384 * set.rank()..][..set.encapsulation_key_len()];
        Ok(MlKemPrivateKey { key: Kem::from_pair(set, public, key)?, seed: None })
    }

    /// The parameter set.
    pub fn parameter_set(&self) -> ParameterSet {
        self.key.set()
    }

    /// The seed, if the key was made from one.
    pub fn seed(&self) -> Option<&[u8]> {
        self.seed.as_ref().map(|seed| &seed[..])
    }

    /// The decapsulation key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn decapsulation_key(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.key.secret()
    }

    /// The public key of this private key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn public(&self) -> Result<MlKemPublicKey> {
        MlKemPublicKey::from_bytes(self.parameter_set(), &self.key.public()?)
            .map_err(|_| Error::Internal)
    }

    /// The shared secret of a ciphertext, [`SHARED_SECRET_LEN`] bytes.
    ///
    /// A ciphertext of the right length that was tampered with gives another secret, not an error
    /// (FIPS 203, 6.3).
    ///
    /// # Errors
    /// [`Error::InvalidLength`].
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if ciphertext.len() != self.parameter_set().ciphertext_len() {
            return Err(Error::InvalidLength);
        }
        self.key.decapsulate(ciphertext)
    }
}

impl fmt::Debug for MlKemPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlKemPrivateKey")
            .field("parameter_set", &self.parameter_set())
            .finish_non_exhaustive()
    }
}

/// A public key, checked and ready for use. Share it in an `Arc`.
pub struct MlKemPublicKey {
    key: Kem,
    bytes: Vec<u8>,
}

impl MlKemPublicKey {
    /// Imports an encapsulation key with the checks of FIPS 203, 7.2: its length, and that every
    /// coefficient is reduced.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn from_bytes(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != set.encapsulation_key_len() || !coefficients_are_reduced(set, bytes) {
            return Err(Error::InvalidKey);
        }
        Ok(MlKemPublicKey { key: Kem::from_public(set, bytes)?, bytes: bytes.to_vec() })
    }

    /// The parameter set.
    pub fn parameter_set(&self) -> ParameterSet {
        self.key.set()
    }

    /// The encapsulation key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes a ciphertext and its shared secret of [`SHARED_SECRET_LEN`] bytes.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], never for a key that was taken.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        self.key.encapsulate(None)
    }

    /// The same from given random bytes `m`, for tests with published vectors (FIPS 203, algorithm
    /// 17). Whoever knows `m` knows the secret.
    ///
    /// # Errors
    /// As [`encapsulate`](Self::encapsulate).
    pub fn encapsulate_with(&self, m: &[u8; 32]) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        self.key.encapsulate(Some(m))
    }
}

/// Whether all twelve-bit coefficients are below q = 3329.
fn coefficients_are_reduced(set: ParameterSet, bytes: &[u8]) -> bool {
    bytes[..384 * set.rank()].chunks_exact(3).all(|three| {
        let [a, b, c] = [three[0], three[1], three[2]].map(u16::from);
        (a | (b & 0x0f) << 8) < 3329 && (b >> 4 | c << 4) < 3329
    })
}

impl fmt::Debug for MlKemPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlKemPublicKey")
            .field("parameter_set", &self.parameter_set())
            .finish_non_exhaustive()
    }
}
