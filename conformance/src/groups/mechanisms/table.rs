//! The mechanisms that are asked about, and by which computation of OpenSSL's.

use cryptoki_sys::*;
use hsmsim_types::ck::{
    CKM_LUNA_AES_CFB8, CKM_LUNA_AES_CFB128, CKM_LUNA_AES_GCM, CKM_LUNA_AES_KW, CKM_LUNA_AES_KWP,
    CKM_LUNA_AES_OFB, CKM_LUNA_AES_XTS, CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN,
    CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN, CKM_LUNA_ECDSA_SHA224, CKM_LUNA_ECDSA_SHA256,
    CKM_LUNA_ECDSA_SHA384, CKM_LUNA_ECDSA_SHA512, CKM_LUNA_EDDSA,
    CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN, CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN,
};

use super::super::material::{ED25519, P256, P384, P521, Pair, RSA, X25519};

/// What a mechanism is, as far as the suite needs it.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// A digest: OpenSSL's name, or what it makes of "abc" where OpenSSL has not got it.
    Digest(&'static str),
    /// A digest that OpenSSL has not got: its value for "abc", in hexadecimal.
    DigestOf(&'static str),
    /// Key type, key lengths, OpenSSL's MAC and what is under it, length: all, half, general.
    Mac(CK_ULONG, &'static [usize], &'static str, &'static str, Len),
    /// Key type, key lengths, OpenSSL's cipher, parameter, block.
    Cipher(CK_ULONG, &'static [usize], &'static str, Param, usize),
    /// Signature with RSA: digest (empty: the caller's), padding.
    RsaSign(&'static str, Padding),
    /// ECDSA: digest (empty: the caller's).
    Ecdsa(&'static str),
    /// Ed25519.
    Eddsa,
    /// Encryption with RSA.
    RsaCrypt(Padding),
    /// A secret key of that type: a length that works, whether CKA_VALUE_LEN gives it.
    Generate(CK_ULONG, usize, bool),
    /// A key pair like this one.
    Pair(fn() -> &'static Pair),
    /// Key lengths, OpenSSL's cipher.
    Wrap(&'static [usize], &'static str),
    /// Derivation by encryption: key type, key length, OpenSSL's cipher.
    Encrypts(CK_ULONG, usize, &'static str),
    /// Derivation by hashing.
    Hashes(&'static str),
    /// ECDH.
    Agrees,
}

/// How long a MAC is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Len {
    Whole,
    Bytes(usize),
    General,
}

/// A cipher's parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    None,
    Iv(usize),
    /// CK_AES_CTR_PARAMS and its kin.
    Ctr,
    /// The vector, and the last block is filled.
    Padded(usize),
    Gcm,
    Ccm,
    /// CK_CHACHA20_PARAMS: counter and nonce.
    ChaCha,
    /// CK_SALSA20_CHACHA20_POLY1305_PARAMS.
    Poly,
}

/// RSA padding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    Pkcs1,
    Pss,
    Oaep,
    None,
}

macro_rules! rows {
    ($($kind:ident $what:expr;)*) => { &[$(($kind, stringify!($kind), $what)),*] };
}

use Len::*;
use Padding::*;
use Param::*;
use What::*;

const AES: &[usize] = &[16, 24, 32];
const K8: &[usize] = &[8];
const K24: &[usize] = &[24];
const K32: &[usize] = &[32];
const K64: &[usize] = &[64];
/// Keys of an HMAC, shorter and longer than any block.
const ANY: &[usize] = &[1, 32, 200];
const S: CK_ULONG = CKK_GENERIC_SECRET;

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[(CK_MECHANISM_TYPE, &str, What)] = rows! {
    CKM_MD5 Digest("MD5");                  CKM_SHA_1 Digest("SHA1");
    CKM_RIPEMD160 Digest("RIPEMD160");
    CKM_SHA224 Digest("SHA224");            CKM_SHA256 Digest("SHA256");
    CKM_SHA384 Digest("SHA384");            CKM_SHA512 Digest("SHA512");
    CKM_SHA512_224 Digest("SHA512-224");    CKM_SHA512_256 Digest("SHA512-256");
    CKM_SHA3_224 Digest("SHA3-224");        CKM_SHA3_256 Digest("SHA3-256");
    CKM_SHA3_384 Digest("SHA3-384");        CKM_SHA3_512 Digest("SHA3-512");
    CKM_BLAKE2B_512 Digest("BLAKE2B-512");
    CKM_BLAKE2B_160 DigestOf("384264f676f39536840523f284921cdc68b6846b");
    CKM_BLAKE2B_256 DigestOf("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    CKM_BLAKE2B_384 DigestOf("6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6c66ba83be64b302d7cba6ce15bb556f4");

    CKM_MD5_HMAC Mac(S, ANY, "HMAC", "MD5", Whole);           CKM_MD5_HMAC_GENERAL Mac(S, ANY, "HMAC", "MD5", General);
    CKM_SHA_1_HMAC Mac(S, ANY, "HMAC", "SHA1", Whole);        CKM_SHA_1_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA1", General);
    CKM_RIPEMD160_HMAC Mac(S, ANY, "HMAC", "RIPEMD160", Whole);
    CKM_SHA224_HMAC Mac(S, ANY, "HMAC", "SHA224", Whole);     CKM_SHA224_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA224", General);
    CKM_SHA256_HMAC Mac(S, ANY, "HMAC", "SHA256", Whole);     CKM_SHA256_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA256", General);
    CKM_SHA384_HMAC Mac(S, ANY, "HMAC", "SHA384", Whole);     CKM_SHA384_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA384", General);
    CKM_SHA512_HMAC Mac(S, ANY, "HMAC", "SHA512", Whole);     CKM_SHA512_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA512", General);
    CKM_SHA512_224_HMAC Mac(S, ANY, "HMAC", "SHA512-224", Whole); CKM_SHA512_256_HMAC Mac(S, ANY, "HMAC", "SHA512-256", Whole);
    CKM_SHA3_224_HMAC Mac(S, ANY, "HMAC", "SHA3-224", Whole); CKM_SHA3_224_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA3-224", General);
    CKM_SHA3_256_HMAC Mac(S, ANY, "HMAC", "SHA3-256", Whole); CKM_SHA3_256_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA3-256", General);
    CKM_SHA3_384_HMAC Mac(S, ANY, "HMAC", "SHA3-384", Whole); CKM_SHA3_512_HMAC Mac(S, ANY, "HMAC", "SHA3-512", Whole);
    CKM_BLAKE2B_512_HMAC Mac(S, ANY, "HMAC", "BLAKE2B-512", Whole);
    CKM_SHA512_224_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA512-224", General); CKM_SHA512_256_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA512-256", General);
    CKM_SHA3_384_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA3-384", General); CKM_SHA3_512_HMAC_GENERAL Mac(S, ANY, "HMAC", "SHA3-512", General);
    CKM_RIPEMD160_HMAC_GENERAL Mac(S, ANY, "HMAC", "RIPEMD160", General); CKM_BLAKE2B_512_HMAC_GENERAL Mac(S, ANY, "HMAC", "BLAKE2B-512", General);
    CKM_AES_CMAC Mac(CKK_AES, AES, "CMAC", "AES-{}-CBC", Whole);
    CKM_AES_CMAC_GENERAL Mac(CKK_AES, AES, "CMAC", "AES-{}-CBC", General);
    CKM_DES3_CMAC Mac(CKK_DES3, K24, "CMAC", "DES-EDE3-CBC", Whole);
    CKM_DES3_CMAC_GENERAL Mac(CKK_DES3, K24, "CMAC", "DES-EDE3-CBC", General);
    CKM_AES_MAC Mac(CKK_AES, AES, "CBC-MAC", "AES-{}-CBC", Bytes(8));
    CKM_AES_MAC_GENERAL Mac(CKK_AES, AES, "CBC-MAC", "AES-{}-CBC", General);
    CKM_DES3_MAC Mac(CKK_DES3, K24, "CBC-MAC", "DES-EDE3-CBC", Bytes(4));
    CKM_DES3_MAC_GENERAL Mac(CKK_DES3, K24, "CBC-MAC", "DES-EDE3-CBC", General);
    CKM_DES_MAC Mac(CKK_DES, K8, "CBC-MAC", "DES-CBC", Bytes(4)); CKM_DES_MAC_GENERAL Mac(CKK_DES, K8, "CBC-MAC", "DES-CBC", General);
    CKM_CAMELLIA_MAC_GENERAL Mac(CKK_CAMELLIA, AES, "CBC-MAC", "CAMELLIA-{}-CBC", General);
    CKM_ARIA_MAC_GENERAL Mac(CKK_ARIA, AES, "CBC-MAC", "ARIA-{}-CBC", General);
    CKM_CAMELLIA_MAC Mac(CKK_CAMELLIA, AES, "CBC-MAC", "CAMELLIA-{}-CBC", Bytes(8));
    CKM_ARIA_MAC Mac(CKK_ARIA, AES, "CBC-MAC", "ARIA-{}-CBC", Bytes(8));
    CKM_POLY1305 Mac(CKK_POLY1305, K32, "POLY1305", "", Whole);

    CKM_AES_ECB Cipher(CKK_AES, AES, "AES-{}-ECB", Param::None, 16);
    CKM_AES_CBC Cipher(CKK_AES, AES, "AES-{}-CBC", Iv(16), 16);
    CKM_AES_CBC_PAD Cipher(CKK_AES, AES, "AES-{}-CBC", Padded(16), 1);
    CKM_AES_CTR Cipher(CKK_AES, AES, "AES-{}-CTR", Ctr, 1);
    CKM_AES_OFB Cipher(CKK_AES, AES, "AES-{}-OFB", Iv(16), 1);
    CKM_AES_CFB1 Cipher(CKK_AES, AES, "AES-{}-CFB1", Iv(16), 1);
    CKM_AES_CFB8 Cipher(CKK_AES, AES, "AES-{}-CFB8", Iv(16), 1);
    CKM_AES_CFB128 Cipher(CKK_AES, AES, "AES-{}-CFB", Iv(16), 1);
    CKM_LUNA_AES_OFB Cipher(CKK_AES, AES, "AES-{}-OFB", Iv(16), 1);
    CKM_LUNA_AES_CFB8 Cipher(CKK_AES, AES, "AES-{}-CFB8", Iv(16), 1);
    CKM_LUNA_AES_CFB128 Cipher(CKK_AES, AES, "AES-{}-CFB", Iv(16), 1);
    CKM_LUNA_AES_GCM Cipher(CKK_AES, AES, "AES-{}-GCM", Gcm, 1);
    CKM_AES_XTS Cipher(CKK_AES_XTS, K64, "AES-256-XTS", Iv(16), 1);
    CKM_LUNA_AES_XTS Cipher(CKK_AES_XTS, K64, "AES-256-XTS", Iv(16), 1);
    CKM_CHACHA20 Cipher(CKK_CHACHA20, K32, "CHACHA20", ChaCha, 1);
    CKM_AES_GCM Cipher(CKK_AES, AES, "AES-{}-GCM", Gcm, 1);
    CKM_AES_CCM Cipher(CKK_AES, AES, "AES-{}-CCM", Ccm, 1);
    CKM_CHACHA20_POLY1305 Cipher(CKK_CHACHA20, K32, "CHACHA20-POLY1305", Poly, 1);
    CKM_DES_ECB Cipher(CKK_DES, K8, "DES-ECB", Param::None, 8);
    CKM_DES_CBC Cipher(CKK_DES, K8, "DES-CBC", Iv(8), 8);
    CKM_DES_CBC_PAD Cipher(CKK_DES, K8, "DES-CBC", Padded(8), 1);
    CKM_DES3_ECB Cipher(CKK_DES3, K24, "DES-EDE3-ECB", Param::None, 8);
    CKM_DES3_CBC Cipher(CKK_DES3, K24, "DES-EDE3-CBC", Iv(8), 8);
    CKM_DES3_CBC_PAD Cipher(CKK_DES3, K24, "DES-EDE3-CBC", Padded(8), 1);
    CKM_DES_OFB64 Cipher(CKK_DES, K8, "DES-OFB", Iv(8), 1);
    CKM_DES_CFB8 Cipher(CKK_DES, K8, "DES-CFB8", Iv(8), 1);
    CKM_DES_CFB64 Cipher(CKK_DES, K8, "DES-CFB", Iv(8), 1);
    CKM_CAMELLIA_ECB Cipher(CKK_CAMELLIA, AES, "CAMELLIA-{}-ECB", Param::None, 16);
    CKM_CAMELLIA_CBC Cipher(CKK_CAMELLIA, AES, "CAMELLIA-{}-CBC", Iv(16), 16);
    CKM_CAMELLIA_CBC_PAD Cipher(CKK_CAMELLIA, AES, "CAMELLIA-{}-CBC", Padded(16), 1);
    CKM_CAMELLIA_CTR Cipher(CKK_CAMELLIA, AES, "CAMELLIA-{}-CTR", Ctr, 1);
    CKM_ARIA_ECB Cipher(CKK_ARIA, AES, "ARIA-{}-ECB", Param::None, 16);
    CKM_ARIA_CBC Cipher(CKK_ARIA, AES, "ARIA-{}-CBC", Iv(16), 16);
    CKM_ARIA_CBC_PAD Cipher(CKK_ARIA, AES, "ARIA-{}-CBC", Padded(16), 1);

    CKM_RSA_PKCS RsaSign("", Pkcs1);              CKM_RSA_X_509 RsaSign("", Padding::None);
    CKM_RSA_PKCS_PSS RsaSign("", Pss);
    CKM_MD5_RSA_PKCS RsaSign("MD5", Pkcs1);       CKM_SHA1_RSA_PKCS RsaSign("SHA1", Pkcs1);
    CKM_RIPEMD160_RSA_PKCS RsaSign("RIPEMD160", Pkcs1);
    CKM_SHA224_RSA_PKCS RsaSign("SHA224", Pkcs1); CKM_SHA256_RSA_PKCS RsaSign("SHA256", Pkcs1);
    CKM_SHA384_RSA_PKCS RsaSign("SHA384", Pkcs1); CKM_SHA512_RSA_PKCS RsaSign("SHA512", Pkcs1);
    CKM_SHA3_224_RSA_PKCS RsaSign("SHA3-224", Pkcs1); CKM_SHA3_256_RSA_PKCS RsaSign("SHA3-256", Pkcs1);
    CKM_SHA3_384_RSA_PKCS RsaSign("SHA3-384", Pkcs1); CKM_SHA3_512_RSA_PKCS RsaSign("SHA3-512", Pkcs1);
    CKM_SHA1_RSA_PKCS_PSS RsaSign("SHA1", Pss);     CKM_SHA224_RSA_PKCS_PSS RsaSign("SHA224", Pss);
    CKM_SHA256_RSA_PKCS_PSS RsaSign("SHA256", Pss); CKM_SHA384_RSA_PKCS_PSS RsaSign("SHA384", Pss);
    CKM_SHA512_RSA_PKCS_PSS RsaSign("SHA512", Pss); CKM_SHA3_224_RSA_PKCS_PSS RsaSign("SHA3-224", Pss);
    CKM_SHA3_256_RSA_PKCS_PSS RsaSign("SHA3-256", Pss); CKM_SHA3_384_RSA_PKCS_PSS RsaSign("SHA3-384", Pss);
    CKM_SHA3_512_RSA_PKCS_PSS RsaSign("SHA3-512", Pss);
    CKM_ECDSA Ecdsa("");              CKM_ECDSA_SHA1 Ecdsa("SHA1");
    CKM_ECDSA_SHA224 Ecdsa("SHA224"); CKM_ECDSA_SHA256 Ecdsa("SHA256");
    CKM_ECDSA_SHA384 Ecdsa("SHA384"); CKM_ECDSA_SHA512 Ecdsa("SHA512");
    CKM_ECDSA_SHA3_224 Ecdsa("SHA3-224"); CKM_ECDSA_SHA3_256 Ecdsa("SHA3-256");
    CKM_ECDSA_SHA3_384 Ecdsa("SHA3-384"); CKM_ECDSA_SHA3_512 Ecdsa("SHA3-512");
    CKM_LUNA_ECDSA_SHA224 Ecdsa("SHA224"); CKM_LUNA_ECDSA_SHA256 Ecdsa("SHA256");
    CKM_LUNA_ECDSA_SHA384 Ecdsa("SHA384"); CKM_LUNA_ECDSA_SHA512 Ecdsa("SHA512");
    CKM_EDDSA Eddsa;                       CKM_LUNA_EDDSA Eddsa;

    CKM_RSA_PKCS RsaCrypt(Pkcs1);     CKM_RSA_PKCS_OAEP RsaCrypt(Oaep);
    CKM_RSA_X_509 RsaCrypt(Padding::None);

    CKM_AES_KEY_GEN Generate(CKK_AES, 32, true);
    CKM_AES_XTS_KEY_GEN Generate(CKK_AES_XTS, 64, true);
    CKM_GENERIC_SECRET_KEY_GEN Generate(CKK_GENERIC_SECRET, 32, true);
    CKM_DES_KEY_GEN Generate(CKK_DES, 8, false);
    CKM_DES2_KEY_GEN Generate(CKK_DES2, 16, false);
    CKM_DES3_KEY_GEN Generate(CKK_DES3, 24, false);
    CKM_CAMELLIA_KEY_GEN Generate(CKK_CAMELLIA, 32, true);
    CKM_ARIA_KEY_GEN Generate(CKK_ARIA, 32, true);
    CKM_CHACHA20_KEY_GEN Generate(CKK_CHACHA20, 32, false);
    CKM_POLY1305_KEY_GEN Generate(CKK_POLY1305, 32, false);
    CKM_SHA256_KEY_GEN Generate(CKK_SHA256_HMAC, 32, true);
    CKM_SHA_1_KEY_GEN Generate(CKK_SHA_1_HMAC, 20, true);
    CKM_SHA224_KEY_GEN Generate(CKK_SHA224_HMAC, 28, true);
    CKM_SHA384_KEY_GEN Generate(CKK_SHA384_HMAC, 48, true);
    CKM_SHA512_KEY_GEN Generate(CKK_SHA512_HMAC, 64, true);
    CKM_SHA512_224_KEY_GEN Generate(CKK_SHA512_224_HMAC, 28, true);
    CKM_SHA512_256_KEY_GEN Generate(CKK_SHA512_256_HMAC, 32, true);
    CKM_SHA3_224_KEY_GEN Generate(CKK_SHA3_224_HMAC, 28, true);
    CKM_SHA3_256_KEY_GEN Generate(CKK_SHA3_256_HMAC, 32, true);
    CKM_SHA3_384_KEY_GEN Generate(CKK_SHA3_384_HMAC, 48, true);
    CKM_SHA3_512_KEY_GEN Generate(CKK_SHA3_512_HMAC, 64, true);
    CKM_BLAKE2B_160_KEY_GEN Generate(CKK_BLAKE2B_160_HMAC, 20, true);
    CKM_BLAKE2B_256_KEY_GEN Generate(CKK_BLAKE2B_256_HMAC, 32, true);
    CKM_BLAKE2B_384_KEY_GEN Generate(CKK_BLAKE2B_384_HMAC, 48, true);
    CKM_BLAKE2B_512_KEY_GEN Generate(CKK_BLAKE2B_512_HMAC, 64, true);
    CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN Pair(|| &RSA);
    CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN Pair(|| &RSA);
    CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN Pair(|| &ED25519);
    CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN Pair(|| &X25519);
    CKM_RSA_PKCS_KEY_PAIR_GEN Pair(|| &RSA);
    CKM_EC_KEY_PAIR_GEN Pair(|| &P256);
    CKM_EC_KEY_PAIR_GEN Pair(|| &P384);
    CKM_EC_KEY_PAIR_GEN Pair(|| &P521);
    CKM_EC_EDWARDS_KEY_PAIR_GEN Pair(|| &ED25519);
    CKM_EC_MONTGOMERY_KEY_PAIR_GEN Pair(|| &X25519);

    CKM_AES_KEY_WRAP Wrap(AES, "AES-{}-WRAP");
    CKM_LUNA_AES_KW Wrap(AES, "AES-{}-WRAP"); CKM_LUNA_AES_KWP Wrap(AES, "AES-{}-WRAP-PAD");
    CKM_AES_KEY_WRAP_KWP Wrap(AES, "AES-{}-WRAP-PAD");

    CKM_AES_ECB_ENCRYPT_DATA Encrypts(CKK_AES, 32, "AES-256-ECB");
    CKM_AES_CBC_ENCRYPT_DATA Encrypts(CKK_AES, 32, "AES-256-CBC");
    CKM_DES3_ECB_ENCRYPT_DATA Encrypts(CKK_DES3, 24, "DES-EDE3-ECB");
    CKM_DES3_CBC_ENCRYPT_DATA Encrypts(CKK_DES3, 24, "DES-EDE3-CBC");
    CKM_DES_ECB_ENCRYPT_DATA Encrypts(CKK_DES, 8, "DES-ECB"); CKM_DES_CBC_ENCRYPT_DATA Encrypts(CKK_DES, 8, "DES-CBC");
    CKM_CAMELLIA_ECB_ENCRYPT_DATA Encrypts(CKK_CAMELLIA, 32, "CAMELLIA-256-ECB");
    CKM_CAMELLIA_CBC_ENCRYPT_DATA Encrypts(CKK_CAMELLIA, 32, "CAMELLIA-256-CBC");
    CKM_ARIA_ECB_ENCRYPT_DATA Encrypts(CKK_ARIA, 32, "ARIA-256-ECB");
    CKM_ARIA_CBC_ENCRYPT_DATA Encrypts(CKK_ARIA, 32, "ARIA-256-CBC");
    CKM_MD5_KEY_DERIVATION Hashes("MD5"); CKM_SHA3_224_KEY_DERIVATION Hashes("SHA3-224");
    CKM_SHA3_384_KEY_DERIVATION Hashes("SHA3-384"); CKM_SHA3_512_KEY_DERIVATION Hashes("SHA3-512");
    CKM_SHA512_224_KEY_DERIVATION Hashes("SHA512-224"); CKM_SHA512_256_KEY_DERIVATION Hashes("SHA512-256");
    CKM_BLAKE2B_512_KEY_DERIVE Hashes("BLAKE2B-512"); CKM_SHA512_T_KEY_DERIVATION Hashes("SHA512-256");
    CKM_SHA1_KEY_DERIVATION Hashes("SHA1");     CKM_SHA224_KEY_DERIVATION Hashes("SHA224");
    CKM_SHA256_KEY_DERIVATION Hashes("SHA256"); CKM_SHA384_KEY_DERIVATION Hashes("SHA384");
    CKM_SHA512_KEY_DERIVATION Hashes("SHA512"); CKM_SHA3_256_KEY_DERIVATION Hashes("SHA3-256");
    CKM_ECDH1_DERIVE Agrees;                    CKM_ECDH1_COFACTOR_DERIVE Agrees;
};
