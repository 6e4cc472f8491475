//! The table: number, scheme, key sizes, flags.
//!
//! Sizes are what the primitives take; a profile narrows them. Luna's vendor numbers that mean a
//! mechanism of the standard stand beside it.

use hsmsim_crypto::{
    block::BlockAlg,
    digest::{
        HashAlg::{self, *},
        Xof,
    },
    mac::MacAlg,
    prehash::PreHash,
};
use hsmsim_types::ck::*;

use super::{
    Entry,
    Family::{self, Aes, AnyDes, Aria, Camellia, Des, Des3, Poly1305},
    MacLen::{Bytes, General, Half, Whole},
    MechanismInfo,
    Mode::*,
    Scheme::{self, *},
    derivation::{self, Derivation::PublicOfPrivate},
};

/// Whatever signs does so in messages too (5.14, 5.16).
pub(super) const SIGN: CK_FLAGS =
    CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
const RECOVER: CK_FLAGS = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
const MESSAGES: CK_FLAGS = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
const CAPSULES: CK_FLAGS = CKF_ENCAPSULATE | CKF_DECAPSULATE;
const CRYPT: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
const WRAP: CK_FLAGS = CKF_WRAP | CKF_UNWRAP;
/// Prime curves by OID, by name and by their parameters; points in both forms (6.3).
const CURVES: CK_FLAGS = CKF_EC_F_P
    | CKF_EC_ECPARAMETERS
    | CKF_EC_NAMEDCURVE
    | CKF_EC_CURVENAME
    | CKF_EC_UNCOMPRESS
    | CKF_EC_COMPRESS;
/// Of Edwards and Montgomery curves there are names alone, and one coordinate is a public key.
const NAMED: CK_FLAGS = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_COMPRESS;

/// Bits of an RSA modulus.
const RSA: (u64, u64) = (1024, 8192);
/// Bits of a curve's field.
const EC: (u64, u64) = (160, 521);
/// Bits of the fields of Curve25519 and Curve448.
const EC_255: (u64, u64) = (255, 448);
/// Bits of the prime of DSA.
const DSA: (u64, u64) = (1024, 3072);
/// Bits of the prime of Diffie-Hellman.
const DH: (u64, u64) = (512, 8192);
/// Bytes of a public key.
const ML_KEM: (u64, u64) = (800, 1568);
const ML_DSA: (u64, u64) = (1312, 2592);
const SLH_DSA: (u64, u64) = (32, 64);
/// Bytes of an AES key.
const AES: (u64, u64) = (16, 32);
/// Bytes of the two keys of AES-XTS together.
const XTS: (u64, u64) = (32, 64);
/// Bytes of a key of triple DES.
const DES3: (u64, u64) = (16, 24);
/// Bytes of a generic secret.
pub(super) const SECRET: (u64, u64) = (1, 8192);
const NONE: (u64, u64) = (0, 0);

/// A hash and the numbers of what is made with it; 0 where the standard has none.
struct Hashed {
    hash: HashAlg,
    digest: u64,
    hmac: u64,
    hmac_general: u64,
    /// Key type and key generation for this HMAC.
    key: [u64; 2],
    /// RSA PKCS#1, RSA-PSS, ECDSA.
    signs: [u64; 3],
    /// DSA, HashML-DSA, HashSLH-DSA.
    also: [u64; 3],
    /// Derivation by hashing.
    derive: u64,
}

#[rustfmt::skip]
const HASHED: [Hashed; 17] = [
    Hashed { hash: Md5, digest: CKM_MD5, hmac: CKM_MD5_HMAC, hmac_general: CKM_MD5_HMAC_GENERAL,
        key: [0; 2], signs: [CKM_MD5_RSA_PKCS, 0, 0], also: [0; 3], derive: CKM_MD5_KEY_DERIVATION },
    Hashed { hash: Ripemd160, digest: CKM_RIPEMD160, hmac: CKM_RIPEMD160_HMAC, hmac_general: CKM_RIPEMD160_HMAC_GENERAL,
        key: [0; 2], signs: [CKM_RIPEMD160_RSA_PKCS, 0, 0], also: [0; 3], derive: 0 },
    Hashed { hash: Sha1, digest: CKM_SHA_1, hmac: CKM_SHA_1_HMAC, hmac_general: CKM_SHA_1_HMAC_GENERAL,
        key: [CKK_SHA_1_HMAC, CKM_SHA_1_KEY_GEN],
        signs: [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1], also: [CKM_DSA_SHA1, 0, 0], derive: CKM_SHA1_KEY_DERIVATION },
    Hashed { hash: Sha224, digest: CKM_SHA224, hmac: CKM_SHA224_HMAC, hmac_general: CKM_SHA224_HMAC_GENERAL,
        key: [CKK_SHA224_HMAC, CKM_SHA224_KEY_GEN],
        signs: [CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224], also: [CKM_DSA_SHA224, CKM_HASH_ML_DSA_SHA224, CKM_HASH_SLH_DSA_SHA224], derive: CKM_SHA224_KEY_DERIVATION },
    Hashed { hash: Sha256, digest: CKM_SHA256, hmac: CKM_SHA256_HMAC, hmac_general: CKM_SHA256_HMAC_GENERAL,
        key: [CKK_SHA256_HMAC, CKM_SHA256_KEY_GEN],
        signs: [CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256], also: [CKM_DSA_SHA256, CKM_HASH_ML_DSA_SHA256, CKM_HASH_SLH_DSA_SHA256], derive: CKM_SHA256_KEY_DERIVATION },
    Hashed { hash: Sha384, digest: CKM_SHA384, hmac: CKM_SHA384_HMAC, hmac_general: CKM_SHA384_HMAC_GENERAL,
        key: [CKK_SHA384_HMAC, CKM_SHA384_KEY_GEN],
        signs: [CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384], also: [CKM_DSA_SHA384, CKM_HASH_ML_DSA_SHA384, CKM_HASH_SLH_DSA_SHA384], derive: CKM_SHA384_KEY_DERIVATION },
    Hashed { hash: Sha512, digest: CKM_SHA512, hmac: CKM_SHA512_HMAC, hmac_general: CKM_SHA512_HMAC_GENERAL,
        key: [CKK_SHA512_HMAC, CKM_SHA512_KEY_GEN],
        signs: [CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512], also: [CKM_DSA_SHA512, CKM_HASH_ML_DSA_SHA512, CKM_HASH_SLH_DSA_SHA512], derive: CKM_SHA512_KEY_DERIVATION },
    Hashed { hash: Sha512_224, digest: CKM_SHA512_224, hmac: CKM_SHA512_224_HMAC, hmac_general: CKM_SHA512_224_HMAC_GENERAL,
        key: [CKK_SHA512_224_HMAC, CKM_SHA512_224_KEY_GEN], signs: [0; 3], also: [0; 3], derive: CKM_SHA512_224_KEY_DERIVATION },
    Hashed { hash: Sha512_256, digest: CKM_SHA512_256, hmac: CKM_SHA512_256_HMAC, hmac_general: CKM_SHA512_256_HMAC_GENERAL,
        key: [CKK_SHA512_256_HMAC, CKM_SHA512_256_KEY_GEN], signs: [0; 3], also: [0; 3], derive: CKM_SHA512_256_KEY_DERIVATION },
    Hashed { hash: Sha3_224, digest: CKM_SHA3_224, hmac: CKM_SHA3_224_HMAC, hmac_general: CKM_SHA3_224_HMAC_GENERAL,
        key: [CKK_SHA3_224_HMAC, CKM_SHA3_224_KEY_GEN],
        signs: [CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_ECDSA_SHA3_224], also: [CKM_DSA_SHA3_224, CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_224], derive: CKM_SHA3_224_KEY_DERIVATION },
    Hashed { hash: Sha3_256, digest: CKM_SHA3_256, hmac: CKM_SHA3_256_HMAC, hmac_general: CKM_SHA3_256_HMAC_GENERAL,
        key: [CKK_SHA3_256_HMAC, CKM_SHA3_256_KEY_GEN],
        signs: [CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_ECDSA_SHA3_256], also: [CKM_DSA_SHA3_256, CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_256], derive: CKM_SHA3_256_KEY_DERIVATION },
    Hashed { hash: Sha3_384, digest: CKM_SHA3_384, hmac: CKM_SHA3_384_HMAC, hmac_general: CKM_SHA3_384_HMAC_GENERAL,
        key: [CKK_SHA3_384_HMAC, CKM_SHA3_384_KEY_GEN],
        signs: [CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_ECDSA_SHA3_384], also: [CKM_DSA_SHA3_384, CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_384], derive: CKM_SHA3_384_KEY_DERIVATION },
    Hashed { hash: Sha3_512, digest: CKM_SHA3_512, hmac: CKM_SHA3_512_HMAC, hmac_general: CKM_SHA3_512_HMAC_GENERAL,
        key: [CKK_SHA3_512_HMAC, CKM_SHA3_512_KEY_GEN],
        signs: [CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_ECDSA_SHA3_512], also: [CKM_DSA_SHA3_512, CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA3_512], derive: CKM_SHA3_512_KEY_DERIVATION },
    Hashed { hash: Blake2b160, digest: CKM_BLAKE2B_160, hmac: CKM_BLAKE2B_160_HMAC, hmac_general: CKM_BLAKE2B_160_HMAC_GENERAL,
        key: [CKK_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_KEY_GEN], signs: [0; 3], also: [0; 3], derive: CKM_BLAKE2B_160_KEY_DERIVE },
    Hashed { hash: Blake2b256, digest: CKM_BLAKE2B_256, hmac: CKM_BLAKE2B_256_HMAC, hmac_general: CKM_BLAKE2B_256_HMAC_GENERAL,
        key: [CKK_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_KEY_GEN], signs: [0; 3], also: [0; 3], derive: CKM_BLAKE2B_256_KEY_DERIVE },
    Hashed { hash: Blake2b384, digest: CKM_BLAKE2B_384, hmac: CKM_BLAKE2B_384_HMAC, hmac_general: CKM_BLAKE2B_384_HMAC_GENERAL,
        key: [CKK_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_KEY_GEN], signs: [0; 3], also: [0; 3], derive: CKM_BLAKE2B_384_KEY_DERIVE },
    Hashed { hash: Blake2b512, digest: CKM_BLAKE2B_512, hmac: CKM_BLAKE2B_512_HMAC, hmac_general: CKM_BLAKE2B_512_HMAC_GENERAL,
        key: [CKK_BLAKE2B_512_HMAC, CKM_BLAKE2B_512_KEY_GEN], signs: [0; 3], also: [0; 3], derive: CKM_BLAKE2B_512_KEY_DERIVE },
];

/// Number, scheme, sizes, flags.
pub(super) type Row = (u64, Scheme, (u64, u64), CK_FLAGS);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (CKM_RSA_PKCS_KEY_PAIR_GEN, RsaKeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN, RsaKeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN, RsaKeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_X9_31_KEY_PAIR_GEN, RsaX931KeyPairGen, RSA, CKF_GENERATE_KEY_PAIR),
    (CKM_RSA_X9_31, RsaX931(None), RSA, SIGN),
    (CKM_SHA1_RSA_X9_31, RsaX931(Some(Sha1)), RSA, SIGN),
    (CKM_RSA_AES_KEY_WRAP, RsaAesWrap, RSA, WRAP),
    (CKM_RSA_PKCS, RsaPkcs(None), RSA, SIGN | RECOVER | CRYPT | WRAP | CAPSULES),
    (CKM_RSA_X_509, RsaRaw, RSA, SIGN | RECOVER | CRYPT | WRAP | CAPSULES),
    (CKM_RSA_PKCS_OAEP, RsaOaep, RSA, CRYPT | WRAP | CAPSULES),
    (CKM_RSA_PKCS_PSS, RsaPss(None), RSA, SIGN),

    (CKM_EC_KEY_PAIR_GEN, EcKeyPairGen, EC, CKF_GENERATE_KEY_PAIR | CURVES),
    (CKM_ECDSA, Ecdsa(None), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA224, Ecdsa(Some(Sha224)), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA256, Ecdsa(Some(Sha256)), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA384, Ecdsa(Some(Sha384)), EC, SIGN | CURVES),
    (CKM_LUNA_ECDSA_SHA512, Ecdsa(Some(Sha512)), EC, SIGN | CURVES),
    (CKM_ECDH1_DERIVE, Ecdh, EC, CKF_DERIVE | CAPSULES | CURVES),
    // Every curve here has cofactor 1 or, like X25519, takes care of it itself.
    (CKM_ECDH1_COFACTOR_DERIVE, Ecdh, EC, CKF_DERIVE | CAPSULES | CURVES),
    (CKM_EC_EDWARDS_KEY_PAIR_GEN, EdwardsKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | NAMED),
    (CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN, EdwardsKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | NAMED),
    (CKM_EDDSA, Eddsa, EC_255, SIGN | NAMED),
    (CKM_LUNA_EDDSA, Eddsa, EC_255, SIGN | NAMED),
    (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, MontgomeryKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | NAMED),
    (CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN, MontgomeryKeyPairGen, EC_255, CKF_GENERATE_KEY_PAIR | NAMED),

    (CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS, EcKeyPairGen, EC, CKF_GENERATE_KEY_PAIR | CURVES),
    (CKM_ECDH_AES_KEY_WRAP, EcdhAesWrap, EC, WRAP | CURVES),
    (CKM_ECDH_COF_AES_KEY_WRAP, EcdhAesWrap, EC, WRAP | CURVES),
    (CKM_ECDH_X_AES_KEY_WRAP, EcdhAesWrap, EC_255, WRAP | NAMED),
    (CKM_ECIES, Ecies, EC, CRYPT | CURVES),

    (CKM_DSA_KEY_PAIR_GEN, DsaKeyPairGen, DSA, CKF_GENERATE_KEY_PAIR),
    (CKM_DSA, Dsa(None), DSA, SIGN),
    (CKM_LUNA_DSA_SHA224, Dsa(Some(Sha224)), DSA, SIGN),
    (CKM_LUNA_DSA_SHA256, Dsa(Some(Sha256)), DSA, SIGN),
    (CKM_DSA_PARAMETER_GEN, DsaParameterGen, DSA, CKF_GENERATE),
    (CKM_DSA_PROBABILISTIC_PARAMETER_GEN, DsaProbableParameterGen, DSA, CKF_GENERATE),
    (CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN, DsaProvableParameterGen, DSA, CKF_GENERATE),
    (CKM_DH_PKCS_PARAMETER_GEN, DhParameterGen, DH, CKF_GENERATE),
    (CKM_X9_42_DH_PARAMETER_GEN, X942ParameterGen, DH, CKF_GENERATE),
    (CKM_X9_42_DH_DERIVE, X942Derive, DH, CKF_DERIVE),
    (CKM_DH_PKCS_KEY_PAIR_GEN, DhKeyPairGen, DH, CKF_GENERATE_KEY_PAIR),
    (CKM_DH_PKCS_DERIVE, DhDerive, DH, CKF_DERIVE),
    (CKM_X9_42_DH_KEY_PAIR_GEN, X942DhKeyPairGen, DH, CKF_GENERATE_KEY_PAIR),

    (CKM_ML_KEM_KEY_PAIR_GEN, MlKemKeyPairGen, ML_KEM, CKF_GENERATE_KEY_PAIR),
    (CKM_ML_KEM, MlKem, ML_KEM, CAPSULES),
    (CKM_ML_DSA_KEY_PAIR_GEN, MlDsaKeyPairGen, ML_DSA, CKF_GENERATE_KEY_PAIR),
    (CKM_ML_DSA, MlDsa, ML_DSA, SIGN),
    (CKM_LUNA_EXTMU_ML_DSA, MlDsaMu, ML_DSA, SIGN),
    (CKM_HASH_ML_DSA, HashMlDsa(None), ML_DSA, SIGN),
    (CKM_HASH_ML_DSA_SHAKE128, HashMlDsa(Some(PreHash::Shake128)), ML_DSA, SIGN),
    (CKM_HASH_ML_DSA_SHAKE256, HashMlDsa(Some(PreHash::Shake256)), ML_DSA, SIGN),
    (CKM_SLH_DSA_KEY_PAIR_GEN, SlhDsaKeyPairGen, SLH_DSA, CKF_GENERATE_KEY_PAIR),
    (CKM_SLH_DSA, SlhDsa, SLH_DSA, SIGN),
    (CKM_HASH_SLH_DSA, HashSlhDsa(None), SLH_DSA, SIGN),
    (CKM_HASH_SLH_DSA_SHAKE128, HashSlhDsa(Some(PreHash::Shake128)), SLH_DSA, SIGN),
    (CKM_HASH_SLH_DSA_SHAKE256, HashSlhDsa(Some(PreHash::Shake256)), SLH_DSA, SIGN),
    (CKM_HSS, Hss, (1, 60), CKF_VERIFY | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE),

    (CKM_AES_KEY_GEN, SecretKeyGen(CKK_AES), AES, CKF_GENERATE),
    (CKM_AES_ECB, Block(Aes, Ecb), AES, CRYPT | WRAP),
    (CKM_AES_CBC, Block(Aes, Cbc), AES, CRYPT | WRAP),
    (CKM_AES_CBC_PAD, Block(Aes, CbcPad), AES, CRYPT | WRAP),
    (CKM_AES_CTR, Block(Aes, Ctr), AES, CRYPT | WRAP),
    (CKM_AES_CTS, Block(Aes, Cts), AES, CRYPT | WRAP),
    (CKM_AES_OFB, Block(Aes, Ofb), AES, CRYPT | WRAP),
    (CKM_LUNA_AES_OFB, Block(Aes, Ofb), AES, CRYPT | WRAP),
    (CKM_AES_CFB1, Block(Aes, Cfb(1)), AES, CRYPT | WRAP),
    (CKM_AES_CFB8, Block(Aes, Cfb(8)), AES, CRYPT | WRAP),
    (CKM_LUNA_AES_CFB8, Block(Aes, Cfb(8)), AES, CRYPT | WRAP),
    (CKM_AES_CFB64, Block(Aes, Cfb(64)), AES, CRYPT | WRAP),
    (CKM_AES_CFB128, Block(Aes, Cfb(128)), AES, CRYPT | WRAP),
    (CKM_LUNA_AES_CFB128, Block(Aes, Cfb(128)), AES, CRYPT | WRAP),
    (CKM_AES_GCM, AesGcm, AES, CRYPT | WRAP | MESSAGES),
    (CKM_LUNA_AES_GCM, AesGcm, AES, CRYPT | WRAP | MESSAGES),
    (CKM_AES_CCM, AesCcm, AES, CRYPT | WRAP | MESSAGES),
    (CKM_AES_GMAC, Gmac, AES, SIGN),
    (CKM_LUNA_AES_GMAC, Gmac, AES, SIGN),
    (CKM_AES_MAC, Mac(Aes, MacAlg::CbcMac(BlockAlg::Aes), Half), AES, SIGN),
    (CKM_AES_MAC_GENERAL, Mac(Aes, MacAlg::CbcMac(BlockAlg::Aes), General), AES, SIGN),
    (CKM_AES_CMAC, Mac(Aes, MacAlg::AesCmac, Whole), AES, SIGN),
    (CKM_AES_CMAC_GENERAL, Mac(Aes, MacAlg::AesCmac, General), AES, SIGN),
    (CKM_AES_XCBC_MAC, Mac(Aes, MacAlg::AesXcbcMac, Whole), (16, 16), SIGN),
    (CKM_AES_XCBC_MAC_96, Mac(Aes, MacAlg::AesXcbcMac, Bytes(12)), (16, 16), SIGN),
    (CKM_AES_KEY_WRAP, AesKw, AES, CRYPT | WRAP),
    (CKM_LUNA_AES_KW, AesKw, AES, CRYPT | WRAP),
    (CKM_AES_KEY_WRAP_PAD, AesKwp, AES, CRYPT | WRAP),
    (CKM_AES_KEY_WRAP_KWP, AesKwp, AES, CRYPT | WRAP),
    (CKM_LUNA_AES_KWP, AesKwp, AES, CRYPT | WRAP),
    (CKM_AES_KEY_WRAP_PKCS7, AesKwPkcs7, AES, CRYPT | WRAP),
    (CKM_AES_ECB_ENCRYPT_DATA, EcbEncryptData(Aes), AES, CKF_DERIVE),
    (CKM_AES_CBC_ENCRYPT_DATA, CbcEncryptData(Aes), AES, CKF_DERIVE),
    (CKM_AES_XTS_KEY_GEN, SecretKeyGen(CKK_AES_XTS), XTS, CKF_GENERATE),
    (CKM_AES_XTS, Xts, XTS, CRYPT | WRAP),
    (CKM_LUNA_AES_XTS, Xts, XTS, CRYPT | WRAP),

    (CKM_DES_KEY_GEN, SecretKeyGen(CKK_DES), (8, 8), CKF_GENERATE),
    (CKM_DES_ECB, Block(Des, Ecb), (8, 8), CRYPT | WRAP),
    (CKM_DES_CBC, Block(Des, Cbc), (8, 8), CRYPT | WRAP),
    (CKM_DES_CBC_PAD, Block(Des, CbcPad), (8, 8), CRYPT | WRAP),
    (CKM_DES_MAC, Mac(Des, MacAlg::CbcMac(BlockAlg::Des), Half), (8, 8), SIGN),
    (CKM_DES_MAC_GENERAL, Mac(Des, MacAlg::CbcMac(BlockAlg::Des), General), (8, 8), SIGN),
    (CKM_DES_OFB64, Block(AnyDes, Ofb), (8, 24), CRYPT),
    (CKM_DES_CFB8, Block(AnyDes, Cfb(8)), (8, 24), CRYPT),
    (CKM_DES_CFB64, Block(AnyDes, Cfb(64)), (8, 24), CRYPT),
    (CKM_DES_ECB_ENCRYPT_DATA, EcbEncryptData(Des), (8, 8), CKF_DERIVE),
    (CKM_DES_CBC_ENCRYPT_DATA, CbcEncryptData(Des), (8, 8), CKF_DERIVE),
    (CKM_DES2_KEY_GEN, SecretKeyGen(CKK_DES2), (16, 16), CKF_GENERATE),
    (CKM_DES3_KEY_GEN, SecretKeyGen(CKK_DES3), (24, 24), CKF_GENERATE),
    (CKM_DES3_ECB, Block(Des3, Ecb), DES3, CRYPT | WRAP),
    (CKM_DES3_CBC, Block(Des3, Cbc), DES3, CRYPT | WRAP),
    (CKM_DES3_CBC_PAD, Block(Des3, CbcPad), DES3, CRYPT | WRAP),
    (CKM_LUNA_DES3_CTR, Block(Des3, CtrBlock), DES3, CRYPT),
    (CKM_DES3_MAC, Mac(Des3, MacAlg::CbcMac(BlockAlg::Des), Half), DES3, SIGN),
    (CKM_DES3_MAC_GENERAL, Mac(Des3, MacAlg::CbcMac(BlockAlg::Des), General), DES3, SIGN),
    (CKM_DES3_CMAC, Mac(Des3, MacAlg::Des3Cmac, Whole), DES3, SIGN),
    (CKM_DES3_CMAC_GENERAL, Mac(Des3, MacAlg::Des3Cmac, General), DES3, SIGN),
    (CKM_DES3_ECB_ENCRYPT_DATA, EcbEncryptData(Des3), DES3, CKF_DERIVE),
    (CKM_DES3_CBC_ENCRYPT_DATA, CbcEncryptData(Des3), DES3, CKF_DERIVE),

    (CKM_CHACHA20_KEY_GEN, SecretKeyGen(CKK_CHACHA20), (32, 32), CKF_GENERATE),
    (CKM_CHACHA20, ChaCha20, (32, 32), CRYPT | WRAP),
    (CKM_CHACHA20_POLY1305, ChaCha20Poly1305, (32, 32), CRYPT | WRAP | MESSAGES),
    (CKM_POLY1305_KEY_GEN, SecretKeyGen(CKK_POLY1305), (32, 32), CKF_GENERATE),
    (CKM_POLY1305, Mac(Poly1305, MacAlg::Poly1305, Whole), (32, 32), SIGN),

    (CKM_SHAKE_128_KEY_DERIVATION, XofKey(Xof::Shake128), SECRET, CKF_DERIVE),
    (CKM_SHAKE_256_KEY_DERIVATION, XofKey(Xof::Shake256), SECRET, CKF_DERIVE),
    (CKM_LUNA_SHAKE_128, Scheme::Xof(Xof::Shake128), NONE, CKF_DIGEST),
    (CKM_LUNA_SHAKE_256, Scheme::Xof(Xof::Shake256), NONE, CKF_DIGEST),
    (CKM_SHA512_T, Scheme::Sha512T, NONE, CKF_DIGEST),
    (CKM_SHA512_T_HMAC, Sha512THmac(false), SECRET, SIGN),
    (CKM_SHA512_T_HMAC_GENERAL, Sha512THmac(true), SECRET, SIGN),
    (CKM_SHA512_T_KEY_DERIVATION, Sha512TKey, SECRET, CKF_DERIVE),
    (CKM_SHA512_T_KEY_GEN, SecretKeyGen(CKK_SHA512_T_HMAC), SECRET, CKF_GENERATE),
    (CKM_GENERIC_SECRET_KEY_GEN, SecretKeyGen(CKK_GENERIC_SECRET), SECRET, CKF_GENERATE),
];

/// The rows of the block ciphers that have all modes and no others.
#[rustfmt::skip]
const MODES: [(Family, BlockAlg, u64, [u64; 9]); 2] = [
    (Aria, BlockAlg::Aria, CKK_ARIA, [
        CKM_ARIA_KEY_GEN, CKM_ARIA_ECB, CKM_ARIA_CBC, CKM_ARIA_CBC_PAD, 0,
        CKM_ARIA_MAC, CKM_ARIA_MAC_GENERAL, CKM_ARIA_ECB_ENCRYPT_DATA, CKM_ARIA_CBC_ENCRYPT_DATA,
    ]),
    (Camellia, BlockAlg::Camellia, CKK_CAMELLIA, [
        CKM_CAMELLIA_KEY_GEN, CKM_CAMELLIA_ECB, CKM_CAMELLIA_CBC, CKM_CAMELLIA_CBC_PAD, CKM_CAMELLIA_CTR,
        CKM_CAMELLIA_MAC, CKM_CAMELLIA_MAC_GENERAL, CKM_CAMELLIA_ECB_ENCRYPT_DATA, CKM_CAMELLIA_CBC_ENCRYPT_DATA,
    ]),
];

/// All rows, not sorted.
pub(super) fn entries() -> Vec<Entry> {
    let mut rows = ROWS.to_vec();
    rows.extend_from_slice(derivation::ROWS);
    for (family, alg, key_type, [key_gen, ecb, cbc, cbc_pad, ctr, mac, general, by_ecb, by_cbc]) in
        MODES
    {
        rows.push((key_gen, SecretKeyGen(key_type), AES, CKF_GENERATE));
        rows.push((ecb, Block(family, Ecb), AES, CRYPT | WRAP));
        rows.push((cbc, Block(family, Cbc), AES, CRYPT | WRAP));
        rows.push((cbc_pad, Block(family, CbcPad), AES, CRYPT | WRAP));
        rows.push((ctr, Block(family, Ctr), AES, CRYPT));
        rows.push((mac, Mac(family, MacAlg::CbcMac(alg), Half), AES, SIGN));
        rows.push((general, Mac(family, MacAlg::CbcMac(alg), General), AES, SIGN));
        rows.push((by_ecb, EcbEncryptData(family), AES, CKF_DERIVE));
        rows.push((by_cbc, CbcEncryptData(family), AES, CKF_DERIVE));
    }
    for hashed in &HASHED {
        let hash = hashed.hash;
        let [key_type, key_gen] = hashed.key;
        let [pkcs, pss, ecdsa] = hashed.signs;
        let [dsa, ml_dsa, slh_dsa] = hashed.also;
        rows.push((dsa, Dsa(Some(hash)), DSA, SIGN));
        rows.push((ml_dsa, HashMlDsa(Some(PreHash::Hash(hash))), ML_DSA, SIGN));
        rows.push((slh_dsa, HashSlhDsa(Some(PreHash::Hash(hash))), SLH_DSA, SIGN));
        rows.push((hashed.digest, Digest(hash), NONE, CKF_DIGEST));
        rows.push((hashed.hmac, Mac(Family::None, MacAlg::Hmac(hash), Whole), SECRET, SIGN));
        let general = Mac(Family::None, MacAlg::Hmac(hash), General);
        rows.push((hashed.hmac_general, general, SECRET, SIGN));
        rows.push((key_gen, SecretKeyGen(key_type), SECRET, CKF_GENERATE));
        rows.push((hashed.derive, DigestKey(hash), SECRET, CKF_DERIVE));
        rows.push((pkcs, RsaPkcs(Some(hash)), RSA, SIGN));
        rows.push((pss, RsaPss(Some(hash)), RSA, SIGN));
        rows.push((ecdsa, Ecdsa(Some(hash)), EC, SIGN | CURVES));
    }
    // 0 stands for what there is no number for; CKM_RSA_PKCS_KEY_PAIR_GEN has that number.
    rows.retain(|row| row.0 != 0 || row.1 == RsaKeyPairGen);
    rows.into_iter()
        .map(|(kind, scheme, (min, max), flags)| Entry {
            kind,
            scheme,
            info: match scheme {
                // Keys of every type have no common unit.
                Derivation(PublicOfPrivate) => MechanismInfo { min: 0, max: 0, flags },
                _ => MechanismInfo { min, max, flags },
            },
            sizes: (min, max),
        })
        .collect()
}
