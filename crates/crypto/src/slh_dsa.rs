//! SLH-DSA and HashSLH-DSA signatures (FIPS 205).

use std::fmt;

use fips205::traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _};
use fips205::{CryptoRng, RngCore, RngError};
use zeroize::Zeroizing;

pub use crate::prehash::{CONTEXT_LEN_MAX, Hedge, PreHash};
use crate::{Error, Result, constant_time_eq, random};

/// Writes what depends on the parameter set once for all twelve of them.
macro_rules! parameter_sets {
    ($($(#[$doc:meta])* $variant:ident = $module:ident;)*) => {
        /// A parameter set, the value of `CKA_PARAMETER_SET`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ParameterSet {
            $($(#[$doc])* $variant,)*
        }

        impl ParameterSet {
            /// Every parameter set, in the order of FIPS 205, table 2 (SHA-2 first), which is the
            /// order of NIST's OIDs.
            pub const ALL: [ParameterSet; 12] = [$(ParameterSet::$variant,)*];

            /// Length of a private key in bytes (FIPS 205, figure 15), twice that of a public key.
            pub const fn private_key_len(self) -> usize {
                match self { $(ParameterSet::$variant => fips205::$module::SK_LEN,)* }
            }

            /// Length of a public key in bytes (FIPS 205, table 2).
            pub const fn public_key_len(self) -> usize {
                match self { $(ParameterSet::$variant => fips205::$module::PK_LEN,)* }
            }

            /// Length of a signature in bytes.
            pub const fn signature_len(self) -> usize {
                match self { $(ParameterSet::$variant => fips205::$module::SIG_LEN,)* }
            }

            /// The public key that belongs to three seeds, computed.
            fn computed_root(self, seeds: &[u8]) -> Result<Vec<u8>> {
                match self {
                    $(ParameterSet::$variant => {
                        const N: usize = fips205::$module::PK_LEN / 2;
                        let seed = |index: usize| -> Result<&[u8; N]> {
                            let bytes = seeds.get(index * N..(index + 1) * N);
                            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(Error::InvalidKey)
                        };
                        let pair = fips205::$module::KG::keygen_from_seed::<N>(
                            seed(0)?, seed(1)?, seed(2)?,
                        );
                        Ok(pair.0.into_bytes().to_vec())
                    })*
                }
            }

            fn sign(
                self,
                private: &[u8],
                message: Message<'_>,
                context: &[u8],
                opt_rand: Option<&[u8]>,
            ) -> Result<Vec<u8>> {
                let mut rng = Given(opt_rand.unwrap_or_default());
                let hedged = opt_rand.is_some();
                match self {
                    $(ParameterSet::$variant => {
                        let bytes = private.try_into().map_err(|_| Error::Internal)?;
                        let key = fips205::$module::PrivateKey::try_from_bytes(bytes)
                            .map_err(|_| Error::Internal)?;
                        match message {
                            Message::Whole(message) => {
                                key.try_sign_with_rng(&mut rng, message, context, hedged)
                            }
                            Message::Digest { digest, oid } => key.try_hash_sign_with_rng(
                                &mut rng, digest, context, &oid, hedged,
                            ),
                        }
                        .map(|signature| signature.to_vec())
                        .map_err(|_| Error::Internal)
                    })*
                }
            }

            fn verify(
                self,
                public: &[u8],
                message: Message<'_>,
                context: &[u8],
                signature: &[u8],
            ) -> Result<bool> {
                match self {
                    $(ParameterSet::$variant => {
                        let signature = signature.try_into().map_err(|_| Error::SignatureLength)?;
                        let bytes = public.try_into().map_err(|_| Error::Internal)?;
                        let key = fips205::$module::PublicKey::try_from_bytes(bytes)
                            .map_err(|_| Error::Internal)?;
                        Ok(match message {
                            Message::Whole(message) => key.verify(message, signature, context),
                            Message::Digest { digest, oid } => {
                                key.hash_verify(digest, signature, context, &oid)
                            }
                        })
                    })*
                }
            }
        }
    };
}

parameter_sets! {
    /// SLH-DSA-SHA2-128s.
    Sha2_128s = slh_dsa_sha2_128s;
    /// SLH-DSA-SHA2-128f.
    Sha2_128f = slh_dsa_sha2_128f;
    /// SLH-DSA-SHA2-192s.
    Sha2_192s = slh_dsa_sha2_192s;
    /// SLH-DSA-SHA2-192f.
    Sha2_192f = slh_dsa_sha2_192f;
    /// SLH-DSA-SHA2-256s.
    Sha2_256s = slh_dsa_sha2_256s;
    /// SLH-DSA-SHA2-256f.
    Sha2_256f = slh_dsa_sha2_256f;
    /// SLH-DSA-SHAKE-128s.
    Shake128s = slh_dsa_shake_128s;
    /// SLH-DSA-SHAKE-128f.
    Shake128f = slh_dsa_shake_128f;
    /// SLH-DSA-SHAKE-192s.
    Shake192s = slh_dsa_shake_192s;
    /// SLH-DSA-SHAKE-192f.
    Shake192f = slh_dsa_shake_192f;
    /// SLH-DSA-SHAKE-256s.
    Shake256s = slh_dsa_shake_256s;
    /// SLH-DSA-SHAKE-256f.
    Shake256f = slh_dsa_shake_256f;
}

impl ParameterSet {
    /// Length `n` of a seed in bytes.
    const fn n(self) -> usize {
        self.public_key_len() / 2
    }
}

/// What is signed: a message, or a digest and the DER of its function's OID.
enum Message<'a> {
    Whole(&'a [u8]),
    Digest { digest: &'a [u8], oid: [u8; 11] },
}

impl<'a> Message<'a> {
    fn digest(hash: PreHash, digest: &'a [u8]) -> Result<Self> {
        let oid = hash.oid().ok_or(Error::Unsupported)?;
        if digest.len() == hash.output_len() {
            Ok(Message::Digest { digest, oid })
        } else {
            Err(Error::InvalidLength)
        }
    }
}

/// Hands given bytes to the library, which asks for random ones.
struct Given<'a>(&'a [u8]);

impl RngCore for Given<'_> {
    fn next_u32(&mut self) -> u32 {
        unreachable!("the library asks for whole strings")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("the library asks for whole strings")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0[..out.len()]);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> std::result::Result<(), RngError> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Given<'_> {}

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct SlhDsaPrivateKey {
    set: ParameterSet,
    bytes: Zeroizing<Vec<u8>>,
}

impl SlhDsaPrivateKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate(set: ParameterSet) -> Result<Self> {
        let mut seeds = Zeroizing::new(vec![0; 3 * set.n()]);
        random::fill(&mut seeds)?;
        Self::from_seeds(set, &seeds)
    }

    /// Computes the key pair of the seeds `SK.seed || SK.prf || PK.seed` (FIPS 205, algorithm 18).
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless there are three quarters of
    /// [`private_key_len`](ParameterSet::private_key_len) bytes.
    pub fn from_seeds(set: ParameterSet, seeds: &[u8]) -> Result<Self> {
        if seeds.len() != 3 * set.n() {
            return Err(Error::InvalidKey);
        }
        let public = set.computed_root(seeds)?;
        let bytes = Zeroizing::new([seeds, &public[set.n()..]].concat());
        Ok(SlhDsaPrivateKey { set, bytes })
    }

    /// Imports a private key (`CKA_VALUE`): the seeds and the root, which is computed anew and must
    /// be the same. For the small ("s") sets that takes as long as a key generation.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn from_bytes(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != set.private_key_len() {
            return Err(Error::InvalidKey);
        }
        let key = Self::from_seeds(set, &bytes[..3 * set.n()])?;
        if constant_time_eq(&key.bytes, bytes) { Ok(key) } else { Err(Error::InvalidKey) }
    }

    /// The parameter set.
    pub fn parameter_set(&self) -> ParameterSet {
        self.set
    }

    /// The private key: `SK.seed || SK.prf || PK.seed || PK.root`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The public key of this private key.
    pub fn public(&self) -> SlhDsaPublicKey {
        SlhDsaPublicKey { set: self.set, bytes: self.bytes[2 * self.set.n()..].to_vec() }
    }

    /// Signs a message (`CKM_SLH_DSA`; FIPS 205, algorithm 22). The small ("s") sets take up to
    /// seconds.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context longer than [`CONTEXT_LEN_MAX`],
    /// [`Error::Internal`] without random numbers.
    pub fn sign(&self, message: &[u8], context: &[u8], hedge: Hedge) -> Result<Vec<u8>> {
        self.sign_any(Message::Whole(message), context, hedge)
    }

    /// Signs a digest as HashSLH-DSA (`CKM_HASH_SLH_DSA`; FIPS 205, algorithm 23).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a hash function that FIPS 205 does not allow,
    /// [`Error::InvalidLength`] if the digest is not one of this function; as [`sign`](Self::sign).
    pub fn sign_digest(
        &self,
        hash: PreHash,
        digest: &[u8],
        context: &[u8],
        hedge: Hedge,
    ) -> Result<Vec<u8>> {
        self.sign_any(Message::digest(hash, digest)?, context, hedge)
    }

    fn sign_any(&self, message: Message<'_>, context: &[u8], hedge: Hedge) -> Result<Vec<u8>> {
        check_context(context)?;
        let mut opt_rand = Zeroizing::new(vec![0; self.set.n()]);
        let opt_rand = match hedge {
            Hedge::Hedged => {
                random::fill(&mut opt_rand)?;
                Some(&opt_rand[..])
            }
            Hedge::Deterministic => None,
        };
        self.set.sign(&self.bytes, message, context, opt_rand)
    }
}

impl fmt::Debug for SlhDsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlhDsaPrivateKey").field("parameter_set", &self.set).finish_non_exhaustive()
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlhDsaPublicKey {
    set: ParameterSet,
    bytes: Vec<u8>,
}

impl SlhDsaPublicKey {
    /// Imports a public key (`CKA_VALUE`): `PK.seed || PK.root`.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has the length of its parameter set; every other string is a
    /// public key.
    pub fn from_bytes(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != set.public_key_len() {
            return Err(Error::InvalidKey);
        }
        Ok(SlhDsaPublicKey { set, bytes: bytes.to_vec() })
    }

    /// The parameter set.
    pub fn parameter_set(&self) -> ParameterSet {
        self.set
    }

    /// The public key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Verifies a signature of a message (FIPS 205, algorithm 24).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a context longer than [`CONTEXT_LEN_MAX`],
    /// [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify(&self, message: &[u8], context: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_any(Message::Whole(message), context, signature)
    }

    /// Verifies a HashSLH-DSA signature of a digest (FIPS 205, algorithm 25).
    ///
    /// # Errors
    /// As [`verify`](Self::verify) and [`SlhDsaPrivateKey::sign_digest`].
    pub fn verify_digest(
        &self,
        hash: PreHash,
        digest: &[u8],
        context: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        self.verify_any(Message::digest(hash, digest)?, context, signature)
    }

    fn verify_any(&self, message: Message<'_>, context: &[u8], signature: &[u8]) -> Result<()> {
        check_context(context)?;
        if self.set.verify(&self.bytes, message, context, signature)? {
            Ok(())
        } else {
            Err(Error::VerifyFailed)
        }
    }
}

fn check_context(context: &[u8]) -> Result<()> {
    if context.len() <= CONTEXT_LEN_MAX { Ok(()) } else { Err(Error::InvalidParameter) }
}
