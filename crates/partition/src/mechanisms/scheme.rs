//! What mechanisms do, whatever their numbers, and which keys they take.

use hsmsim_crypto::{
    block::BlockAlg,
    digest::{HashAlg, Xof},
    mac::MacAlg,
    prehash::PreHash,
};
use hsmsim_types::ck::*;

use super::derivation::Derivation;
use crate::object::secret_type::SecretType;

/// What a mechanism does: the code behind its number. Several numbers can have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSA key pair generation.
    RsaKeyPairGen,
    /// RSA key pair generation with primes as X9.31 wants them.
    RsaX931KeyPairGen,
    /// Key pairs on a Weierstrass curve.
    EcKeyPairGen,
    /// Ed25519 and Ed448 key pairs.
    EdwardsKeyPairGen,
    /// X25519 and X448 key pairs.
    MontgomeryKeyPairGen,
    /// DSA key pairs of given parameters.
    DsaKeyPairGen,
    /// Diffie-Hellman key pairs of given parameters (PKCS#3).
    DhKeyPairGen,
    /// Diffie-Hellman key pairs of given parameters (X9.42).
    X942DhKeyPairGen,
    /// ML-KEM key pairs.
    MlKemKeyPairGen,
    /// ML-DSA key pairs.
    MlDsaKeyPairGen,
    /// SLH-DSA key pairs.
    SlhDsaKeyPairGen,
    /// Secret keys of that CKK type.
    SecretKeyGen(u64),
    /// A digest.
    Digest(HashAlg),
    /// PKCS#1 v1.5: signature over what the caller gives, or over its hash; encryption.
    RsaPkcs(Option<HashAlg>),
    /// Raw RSA.
    RsaRaw,
    /// RSA-OAEP.
    RsaOaep,
    /// RSA-PSS over a given digest, or over the hash of what the caller gives.
    RsaPss(Option<HashAlg>),
    /// ECDSA over a given digest, or over the hash of what the caller gives.
    Ecdsa(Option<HashAlg>),
    /// Ed25519 and Ed448, with a context and a hash before it where the parameter says so.
    Eddsa,
    /// RSA signatures of X9.31: over what the caller gives, or over its hash.
    RsaX931(Option<HashAlg>),
    /// DSA over a given digest, or over the hash of what the caller gives.
    Dsa(Option<HashAlg>),
    /// ML-DSA.
    MlDsa,
    /// HashML-DSA over a digest whose hash the parameter names, or over the hash of what the caller
    /// gives.
    HashMlDsa(Option<PreHash>),
    /// ML-DSA over a message representative.
    MlDsaMu,
    /// SLH-DSA.
    SlhDsa,
    /// HashSLH-DSA, as HashML-DSA.
    HashSlhDsa(Option<PreHash>),
    /// Verification of HSS/LMS.
    Hss,
    /// ML-KEM.
    MlKem,
    /// RSA-OAEP around an AES key around the key.
    RsaAesWrap,
    /// ECDH for an AES key around the key.
    EcdhAesWrap,
    /// Encryption for a public key on a curve (Luna).
    Ecies,
    /// SHAKE as a digest, of its usual length or of that which the parameter says.
    Xof(Xof),
    /// SHA-512/t, whose parameter says t.
    Sha512T,
    /// A MAC, and how much of it there is.
    Mac(Family, MacAlg, MacLen),
    /// HMAC over SHA-512/t, whose parameter says t (and with `true` the length before it).
    Sha512THmac(bool),
    /// AES-GMAC, whose vector is a parameter.
    Gmac,
    /// A mode of a block cipher.
    Block(Family, Mode),
    /// AES-XTS.
    Xts,
    /// AES-GCM.
    AesGcm,
    /// AES-GCM whose vector the device makes, and keeps behind the tag.
    AesGcmOwnIv,
    /// AES-CCM.
    AesCcm,
    /// ChaCha20.
    ChaCha20,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
    /// AES key wrap of whole semiblocks (SP 800-38F KW).
    AesKw,
    /// AES key wrap of any length (SP 800-38F KWP).
    AesKwp,
    /// AES key wrap of any length, padded as PKCS#7 does.
    AesKwPkcs7,
    /// ECDH, on Weierstrass curves and X25519.
    Ecdh,
    /// Diffie-Hellman.
    DhDerive,
    /// Diffie-Hellman of X9.42, and a function that makes a key of what was agreed.
    X942Derive,
    /// Domain parameters of DSA as the token likes to make them.
    DsaParameterGen,
    /// Domain parameters of DSA with probable primes of a given hash and seed.
    DsaProbableParameterGen,
    /// Domain parameters of DSA with primes that have a proof (Shawe and Taylor).
    DsaProvableParameterGen,
    /// Domain parameters of Diffie-Hellman (PKCS#3).
    DhParameterGen,
    /// Domain parameters of Diffie-Hellman (X9.42).
    X942ParameterGen,
    /// Derivation by hashing.
    DigestKey(HashAlg),
    /// Derivation by SHA-512/t, whose parameter says t.
    Sha512TKey,
    /// Derivation by hashing with an output of any length.
    XofKey(Xof),
    /// Derivation by encryption, block by block.
    EcbEncryptData(Family),
    /// Derivation by encryption in a chain.
    CbcEncryptData(Family),
    /// Another derivation.
    Derivation(Derivation),
    /// A secret key from a password.
    Pbkdf2,
    /// A premaster secret of TLS, with the version at its beginning.
    TlsPremasterGen,
    /// What a "finished" message of TLS proves.
    TlsMac,
    /// Keys for one-time passwords.
    HotpKeyGen,
    /// One-time passwords.
    Hotp,
}

/// The block cipher of a mechanism, by the keys that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// No block cipher.
    None,
    /// AES.
    Aes,
    /// Single DES.
    Des,
    /// Triple DES with two keys or three.
    Des3,
    /// DES in any of its forms: the feedback modes, which have one number for all of them.
    AnyDes,
    /// ARIA.
    Aria,
    /// Camellia.
    Camellia,
    /// The one-time keys of Poly1305.
    Poly1305,
}

impl Family {
    /// The cipher.
    pub(crate) fn alg(self) -> BlockAlg {
        match self {
            Self::None | Self::Aes | Self::Poly1305 => BlockAlg::Aes,
            Self::Des | Self::Des3 | Self::AnyDes => BlockAlg::Des,
            Self::Aria => BlockAlg::Aria,
            Self::Camellia => BlockAlg::Camellia,
        }
    }

    fn takes(self, key_type: u64) -> bool {
        match self {
            Self::None => false,
            Self::Aes => key_type == CKK_AES,
            Self::Des => key_type == CKK_DES,
            Self::Des3 => matches!(key_type, CKK_DES2 | CKK_DES3),
            Self::AnyDes => matches!(key_type, CKK_DES | CKK_DES2 | CKK_DES3),
            Self::Aria => key_type == CKK_ARIA,
            Self::Camellia => key_type == CKK_CAMELLIA,
            Self::Poly1305 => key_type == CKK_POLY1305,
        }
    }
}

/// A mode of a block cipher, as a mechanism names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Ecb,
    Cbc,
    CbcPad,
    /// With CK_AES_CTR_PARAMS and its kin.
    Ctr,
    /// With the counter block alone (Luna's CKM_DES3_CTR).
    CtrBlock,
    Ofb,
    /// Bits that are fed back.
    Cfb(u32),
    Cts,
}

/// How much of a MAC there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacLen {
    /// All of it.
    Whole,
    /// Half a block (6.13.12 and its kin).
    Half,
    /// So many bytes.
    Bytes(usize),
    /// As many as the parameter says.
    General,
}

impl Scheme {
    /// Whether a key of that type can be used with it.
    pub(crate) fn takes(self, key_type: u64) -> bool {
        match self {
            Self::RsaKeyPairGen
            | Self::RsaX931KeyPairGen
            | Self::RsaX931(_)
            | Self::RsaAesWrap
            | Self::RsaPkcs(_)
            | Self::RsaRaw
            | Self::RsaOaep
            | Self::RsaPss(_) => key_type == CKK_RSA,
            Self::EcKeyPairGen | Self::Ecdsa(_) => key_type == CKK_EC,
            Self::EdwardsKeyPairGen | Self::Eddsa => key_type == CKK_EC_EDWARDS,
            Self::MontgomeryKeyPairGen => key_type == CKK_EC_MONTGOMERY,
            Self::Ecdh | Self::EcdhAesWrap | Self::Ecies => {
                matches!(key_type, CKK_EC | CKK_EC_MONTGOMERY)
            }
            Self::DsaKeyPairGen | Self::Dsa(_) => key_type == CKK_DSA,
            Self::DhKeyPairGen => key_type == CKK_DH,
            Self::X942DhKeyPairGen | Self::X942Derive => key_type == CKK_X9_42_DH,
            Self::DsaParameterGen
            | Self::DsaProbableParameterGen
            | Self::DsaProvableParameterGen
            | Self::DhParameterGen
            | Self::X942ParameterGen => false,
            Self::DhDerive => key_type == CKK_DH,
            Self::MlKemKeyPairGen | Self::MlKem => key_type == CKK_ML_KEM,
            Self::MlDsaKeyPairGen | Self::MlDsa | Self::MlDsaMu | Self::HashMlDsa(_) => {
                key_type == CKK_ML_DSA
            }
            Self::SlhDsaKeyPairGen | Self::SlhDsa | Self::HashSlhDsa(_) => key_type == CKK_SLH_DSA,
            Self::Hss => key_type == CKK_HSS,
            Self::Mac(family, alg, _) => match alg {
                MacAlg::Hmac(hash) => {
                    key_type == CKK_GENERIC_SECRET || key_type == hmac_key_type(hash)
                }
                _ => family.takes(key_type),
            },
            Self::Sha512THmac(_) => matches!(key_type, CKK_GENERIC_SECRET | CKK_SHA512_T_HMAC),
            Self::SecretKeyGen(made) => key_type == made,
            Self::Digest(_)
            | Self::Xof(_)
            | Self::Sha512T
            | Self::Pbkdf2
            | Self::TlsPremasterGen => false,
            Self::HotpKeyGen | Self::Hotp => key_type == CKK_HOTP,
            Self::Derivation(derivation) => derivation.takes(key_type),
            Self::TlsMac => key_type == CKK_GENERIC_SECRET,
            Self::DigestKey(_) | Self::Sha512TKey | Self::XofKey(_) => {
                SecretType::of(key_type).is_some()
            }
            Self::Block(family, _)
            | Self::EcbEncryptData(family)
            | Self::CbcEncryptData(family) => family.takes(key_type),
            Self::Xts => key_type == CKK_AES_XTS,
            Self::ChaCha20 | Self::ChaCha20Poly1305 => key_type == CKK_CHACHA20,
            Self::Gmac
            | Self::AesGcm
            | Self::AesGcmOwnIv
            | Self::AesCcm
            | Self::AesKw
            | Self::AesKwp
            | Self::AesKwPkcs7 => key_type == CKK_AES,
        }
    }
}

/// The key type that belongs to one HMAC alone.
fn hmac_key_type(hash: HashAlg) -> u64 {
    match hash {
        HashAlg::Sha1 => CKK_SHA_1_HMAC,
        HashAlg::Sha224 => CKK_SHA224_HMAC,
        HashAlg::Sha256 => CKK_SHA256_HMAC,
        HashAlg::Sha384 => CKK_SHA384_HMAC,
        HashAlg::Sha512 => CKK_SHA512_HMAC,
        HashAlg::Sha3_224 => CKK_SHA3_224_HMAC,
        HashAlg::Sha3_256 => CKK_SHA3_256_HMAC,
        HashAlg::Sha3_384 => CKK_SHA3_384_HMAC,
        HashAlg::Sha3_512 => CKK_SHA3_512_HMAC,
        HashAlg::Sha512_224 => CKK_SHA512_224_HMAC,
        HashAlg::Sha512_256 => CKK_SHA512_256_HMAC,
        HashAlg::Sha512T(_) => CKK_SHA512_T_HMAC,
        HashAlg::Md5 => CKK_MD5_HMAC,
        HashAlg::Ripemd160 => CKK_RIPEMD160_HMAC,
        HashAlg::Blake2b160 => CKK_BLAKE2B_160_HMAC,
        HashAlg::Blake2b256 => CKK_BLAKE2B_256_HMAC,
        HashAlg::Blake2b384 => CKK_BLAKE2B_384_HMAC,
        HashAlg::Blake2b512 => CKK_BLAKE2B_512_HMAC,
    }
}
