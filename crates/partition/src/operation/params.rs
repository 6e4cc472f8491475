//! From a mechanism's parameters to what the primitives take; whatever is wrong with them is
//! CKR_MECHANISM_PARAM_INVALID, before a key is touched.

use hsmsim_crypto::{
    block::{BlockAlg, CipherMode},
    digest::{HashAlg, TruncationBits, Xof},
    kdf::{TlsPrf, TlsSide},
    mac::MacAlg,
    prehash::{CONTEXT_LEN_MAX, Hedge, PreHash},
};
use hsmsim_types::{Error, Params, Result, ck::*, error::fail};

use super::ecies::{self, Ecies};
use crate::{
    mechanisms::{MacLen, Mode, Scheme, hash_of},
    session::derive::x963_hash,
};

/// Most bytes that SHAKE gives as a digest.
const XOF_MAX: u64 = 1 << 16;

/// Most bytes of the MAC of a TLS handshake.
const TLS_MAC_LEN_MAX: u64 = 256;

/// What an operation does, with its parameters checked. Bytes of parameters stay where they are, in
/// the mechanism: an operation on a cached key copies nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Digest(HashAlg),
    Xof {
        xof: Xof,
        len: usize,
    },
    RsaPkcs(Option<HashAlg>),
    RsaRaw,
    RsaOaep {
        hash: HashAlg,
        mgf: HashAlg,
    },
    /// `hashes`: whether the mechanism hashes the message, or is given the digest.
    RsaPss {
        hash: HashAlg,
        mgf: HashAlg,
        salt_len: usize,
        hashes: bool,
    },
    Ecdsa(Option<HashAlg>),
    /// `prehash`: whether the message is hashed first.
    Eddsa {
        prehash: bool,
    },
    RsaX931(Option<HashAlg>),
    Dsa(Option<HashAlg>),
    MlDsa(Hedge),
    /// `hashes`: whether the mechanism hashes the message, or is given the digest.
    HashMlDsa {
        hash: PreHash,
        hashes: bool,
        hedge: Hedge,
    },
    MlDsaMu,
    SlhDsa(Hedge),
    HashSlhDsa {
        hash: PreHash,
        hashes: bool,
        hedge: Hedge,
    },
    Hss,
    RsaAesWrap {
        aes_bits: u32,
        hash: HashAlg,
        mgf: HashAlg,
    },
    EcdhAesWrap {
        aes_bits: u32,
        kdf: Option<HashAlg>,
    },
    Mac {
        alg: MacAlg,
        len: usize,
    },
    Cipher(BlockAlg, CipherMode),
    Xts,
    Gcm {
        tag_bits: u32,
    },
    /// GCM whose vector the device makes.
    GcmOwnIv {
        tag_bits: u32,
    },
    Gmac {
        tag_bits: u32,
    },
    Ccm {
        tag_len: usize,
    },
    ChaCha20,
    ChaCha20Poly1305,
    Kw,
    Kwp,
    KwPkcs7,
    Ecies(Ecies),
    Hotp,
    TlsMac {
        prf: TlsPrf,
        side: TlsSide,
        len: usize,
    },
}

impl Work {
    /// The work of a scheme with these parameters.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID; CKR_MECHANISM_INVALID for schemes that do something else.
    pub(crate) fn new(scheme: Scheme, params: &Params) -> Result<Self> {
        Ok(match scheme {
            Scheme::Digest(hash) => plain(params, Self::Digest(hash))?,
            Scheme::RsaPkcs(hash) => plain(params, Self::RsaPkcs(hash))?,
            Scheme::RsaRaw => plain(params, Self::RsaRaw)?,
            Scheme::Ecdsa(hash) => plain(params, Self::Ecdsa(hash))?,
            Scheme::Xof(xof) => match *params {
                Params::Length(len @ 1..=XOF_MAX) => Self::Xof { xof, len: len as usize },
                Params::None => Self::Xof { xof, len: xof.usual_output_len() },
                _ => return invalid("SHAKE takes the length of its output in bytes, or nothing"),
            },
            Scheme::MlDsaMu => plain(params, Self::MlDsaMu)?,
            Scheme::Sha512T => Self::Digest(HashAlg::Sha512T(truncation(params, 1)?)),
            Scheme::Sha512THmac(in_bytes) => {
                let bits = truncation(params, if in_bytes { 8 } else { 1 })?;
                mac(MacAlg::Hmac(HashAlg::Sha512T(bits)))
            }
            Scheme::Mac(_, alg, MacLen::Whole) => plain(params, mac(alg))?,
            Scheme::Mac(_, alg, MacLen::Half) => {
                plain(params, Self::Mac { alg, len: alg.output_len() / 2 })?
            }
            Scheme::Mac(_, alg, MacLen::Bytes(len)) => plain(params, Self::Mac { alg, len })?,
            Scheme::Mac(_, alg, MacLen::General) => general(params, alg)?,
            Scheme::Gmac => match params {
                Params::Bytes(iv) if !iv.is_empty() => Self::Gmac { tag_bits: 128 },
                params => match gcm(params)? {
                    Self::Gcm { tag_bits } => Self::Gmac { tag_bits },
                    _ => return invalid("AES-GMAC needs an initialisation vector"),
                },
            },
            Scheme::Eddsa => match params {
                Params::Eddsa { prehash, context } => {
                    check_context(context)?;
                    Self::Eddsa { prehash: *prehash }
                }
                params => plain(params, Self::Eddsa { prehash: false })?,
            },
            Scheme::RsaX931(hash) => plain(params, Self::RsaX931(hash))?,
            Scheme::Dsa(hash) => plain(params, Self::Dsa(hash))?,
            Scheme::MlDsa => Self::MlDsa(hedge(params)?),
            Scheme::SlhDsa => Self::SlhDsa(hedge(params)?),
            Scheme::HashMlDsa(hash) => Self::HashMlDsa {
                hedge: hedge(params)?,
                hashes: hash.is_some(),
                hash: prehash(hash, params)?,
            },
            Scheme::HashSlhDsa(hash) => Self::HashSlhDsa {
                hedge: hedge(params)?,
                hashes: hash.is_some(),
                hash: prehash(hash, params)?,
            },
            Scheme::Hss => plain(params, Self::Hss)?,
            Scheme::RsaAesWrap => match params {
                Params::RsaAesWrap { aes_bits, oaep: inner } => match oaep(inner)? {
                    Self::RsaOaep { hash, mgf } => {
                        Self::RsaAesWrap { aes_bits: aes_bits_of(*aes_bits)?, hash, mgf }
                    }
                    _ => return invalid("CKM_RSA_AES_KEY_WRAP needs OAEP parameters"),
                },
                _ => return invalid("CKM_RSA_AES_KEY_WRAP needs CK_RSA_AES_KEY_WRAP_PARAMS"),
            },
            Scheme::EcdhAesWrap => match params {
                Params::EcdhAesWrap { aes_bits, kdf, .. } => {
                    Self::EcdhAesWrap { aes_bits: aes_bits_of(*aes_bits)?, kdf: x963_hash(*kdf)? }
                }
                _ => return invalid("ECDH with AES needs CK_ECDH_AES_KEY_WRAP_PARAMS"),
            },
            Scheme::RsaOaep => oaep(params)?,
            Scheme::RsaPss(hash) => pss(params, hash)?,
            Scheme::Block(family, mode) => block(params, family.alg(), mode)?,
            Scheme::Xts => match params {
                Params::Bytes(data_unit) if data_unit.len() == 16 => Self::Xts,
                _ => return invalid("AES-XTS needs the number of its data unit, 16 bytes"),
            },
            Scheme::AesGcm => gcm(params)?,
            Scheme::AesGcmOwnIv => match params {
                Params::Gcm { tag_bits, .. } => {
                    Self::GcmOwnIv { tag_bits: gcm_tag_bits(*tag_bits)? }
                }
                _ => return invalid("CKM_AES_GCM needs CK_GCM_PARAMS"),
            },
            Scheme::AesCcm => ccm(params)?,
            Scheme::ChaCha20 => match params {
                Params::ChaCha20 { nonce, .. } if matches!(nonce.len(), 8 | 12 | 24) => {
                    Self::ChaCha20
                }
                _ => return invalid("CKM_CHACHA20 needs CK_CHACHA20_PARAMS"),
            },
            Scheme::ChaCha20Poly1305 => match params {
                Params::ChaCha20Poly1305 { nonce, .. } if matches!(nonce.len(), 8 | 12 | 24) => {
                    Self::ChaCha20Poly1305
                }
                _ => return invalid("the nonce of CKM_CHACHA20_POLY1305 has 64, 96 or 192 bits"),
            },
            Scheme::AesKw => wrap_iv(params, 8, Self::Kw)?,
            Scheme::AesKwp => wrap_iv(params, 4, Self::Kwp)?,
            Scheme::AesKwPkcs7 => wrap_iv(params, 8, Self::KwPkcs7)?,
            Scheme::Ecies => ecies::work(params)?,
            Scheme::Hotp => match params {
                Params::Otp(_) => Self::Hotp,
                params => plain(params, Self::Hotp)?,
            },
            Scheme::TlsMac => tls_mac(params)?,
            _ => return fail(CKR_MECHANISM_INVALID, "the mechanism does something else"),
        })
    }

    /// The hash of the message, where the mechanism hashes it.
    pub(crate) fn hash(&self) -> Option<HashAlg> {
        match *self {
            Self::RsaPkcs(hash) | Self::Ecdsa(hash) | Self::Dsa(hash) | Self::RsaX931(hash) => hash,
            Self::HashMlDsa { hash: PreHash::Hash(hash), hashes: true, .. }
            | Self::HashSlhDsa { hash: PreHash::Hash(hash), hashes: true, .. } => Some(hash),
            Self::RsaPss { hash, hashes: true, .. } => Some(hash),
            _ => None,
        }
    }
}

/// The initialisation vector of a block cipher mode; empty for ECB. A counter block is the first
/// bytes of its structure's.
pub(crate) fn iv(params: &Params, block_len: usize) -> &[u8] {
    match params {
        Params::Bytes(iv) => iv,
        Params::Ctr { block, .. } => &block[..block_len],
        _ => &[],
    }
}

fn invalid<T>(rule: &'static str) -> Result<T> {
    fail(CKR_MECHANISM_PARAM_INVALID, rule)
}

fn plain(params: &Params, work: Work) -> Result<Work> {
    match params {
        Params::None => Ok(work),
        Params::Bytes(bytes) if bytes.is_empty() => Ok(work),
        _ => invalid("the mechanism takes no parameter"),
    }
}

fn mac(alg: MacAlg) -> Work {
    Work::Mac { alg, len: alg.output_len() }
}

fn general(params: &Params, alg: MacAlg) -> Result<Work> {
    match *params {
        Params::Length(len) if len > 0 && len <= alg.output_len() as u64 => {
            Ok(Work::Mac { alg, len: len as usize })
        }
        _ => invalid("CK_MAC_GENERAL_PARAMS must be from 1 to the length of the whole MAC"),
    }
}

/// Bits of the AES key that a wrapping makes for itself.
fn aes_bits_of(bits: u64) -> Result<u32> {
    match bits {
        128 | 192 | 256 => Ok(bits as u32),
        _ => invalid("the AES key of a wrapping has 128, 192 or 256 bits"),
    }
}

fn check_context(context: &[u8]) -> Result<()> {
    if context.len() > CONTEXT_LEN_MAX {
        return invalid("a context has at most 255 bytes");
    }
    Ok(())
}

/// Whether a post-quantum signature takes random numbers (3.2, 6.67.4: preferred where nobody says).
fn hedge(params: &Params) -> Result<Hedge> {
    match params {
        Params::None => Ok(Hedge::Hedged),
        Params::Bytes(bytes) if bytes.is_empty() => Ok(Hedge::Hedged),
        Params::SignContext { hedge, context, .. } => {
            check_context(context)?;
            match *hedge {
                CKH_HEDGE_PREFERRED | CKH_HEDGE_REQUIRED => Ok(Hedge::Hedged),
                CKH_DETERMINISTIC_REQUIRED => Ok(Hedge::Deterministic),
                _ => invalid("no such hedge variant"),
            }
        }
        _ => invalid("the signature takes CK_SIGN_ADDITIONAL_CONTEXT or nothing"),
    }
}

/// The hash of a pre-hashed signature: the mechanism's, or the one that the parameter names.
fn prehash(of_mechanism: Option<PreHash>, params: &Params) -> Result<PreHash> {
    let named = match params {
        Params::SignContext { hash, .. } => *hash,
        _ => None,
    };
    match (of_mechanism, named) {
        (Some(hash), None) => Ok(hash),
        (Some(_), Some(_)) => invalid("the hash is the mechanism's"),
        (None, None) => invalid("the mechanism needs CK_HASH_SIGN_ADDITIONAL_CONTEXT"),
        (None, Some(kind)) => match hash_of(kind).map(PreHash::Hash) {
            Some(hash) if PreHash::ALL.contains(&hash) => Ok(hash),
            _ => invalid("the hash is none that such a signature takes"),
        },
    }
}

/// The context string of a signature.
pub(crate) fn context(params: &Params) -> &[u8] {
    match params {
        Params::SignContext { context, .. } | Params::Eddsa { context, .. } => context,
        _ => &[],
    }
}

/// A mode of a block cipher.
fn block(params: &Params, alg: BlockAlg, mode: Mode) -> Result<Work> {
    let with = match mode {
        Mode::Ecb => return plain(params, Work::Cipher(alg, CipherMode::Ecb)),
        Mode::Ctr => return counter(params, alg),
        Mode::CtrBlock => CipherMode::Ctr { counter_bits: 8 * alg.block_len() as u32 },
        Mode::Cbc => CipherMode::Cbc,
        Mode::CbcPad => CipherMode::CbcPad,
        Mode::Ofb => CipherMode::Ofb,
        Mode::Cfb(segment_bits) => CipherMode::Cfb { segment_bits },
        Mode::Cts => CipherMode::Cts,
    };
    match params {
        Params::Bytes(iv) if iv.len() == alg.block_len() => Ok(Work::Cipher(alg, with)),
        _ => invalid("the initialisation vector has one block"),
    }
}

fn counter(params: &Params, alg: BlockAlg) -> Result<Work> {
    match params {
        &Params::Ctr { counter_bits: counter_bits @ 1..=128, .. } => {
            Ok(Work::Cipher(alg, CipherMode::Ctr { counter_bits: counter_bits as u32 }))
        }
        _ => invalid("counter mode needs CK_AES_CTR_PARAMS or its kin with 1 to 128 bits"),
    }
}

/// The t of SHA-512/t: a number of bits, or of so many bits each.
pub(crate) fn truncation(params: &Params, unit: u64) -> Result<TruncationBits> {
    let Params::Length(number) = *params else {
        return invalid("SHA-512/t needs its t as a parameter");
    };
    TruncationBits::new(number.saturating_mul(unit))
        .or_else(|_| invalid("there is no SHA-512/t with this t"))
}

fn ccm(params: &Params) -> Result<Work> {
    let Params::Ccm { nonce, mac_len, .. } = params else {
        return invalid("CKM_AES_CCM needs CK_CCM_PARAMS");
    };
    if !(7..=13).contains(&nonce.len()) {
        return invalid("the nonce of CCM has 7 to 13 bytes");
    }
    match mac_len {
        4 | 6 | 8 | 10 | 12 | 14 | 16 => Ok(Work::Ccm { tag_len: *mac_len as usize }),
        _ => invalid("CK_CCM_PARAMS has a MAC length that SP 800-38C does not know"),
    }
}

/// Key wrapping takes the standard's initial value unless it is given another.
fn wrap_iv(params: &Params, len: usize, work: Work) -> Result<Work> {
    match params {
        Params::None => Ok(work),
        Params::Bytes(iv) if iv.is_empty() || iv.len() == len => Ok(work),
        _ => invalid("the initial value of a key wrap has 8 bytes, with padding 4"),
    }
}

fn gcm(params: &Params) -> Result<Work> {
    let Params::Gcm { iv, iv_bits, tag_bits, .. } = params else {
        return invalid("CKM_AES_GCM needs CK_GCM_PARAMS");
    };
    if iv.is_empty() {
        return invalid("CK_GCM_PARAMS has an empty initialisation vector");
    }
    // Many callers leave the length in bits zero.
    if *iv_bits != 0 && *iv_bits != iv.len() as u64 * 8 {
        return invalid("CK_GCM_PARAMS contradicts itself on the length of the vector");
    }
    Ok(Work::Gcm { tag_bits: gcm_tag_bits(*tag_bits)? })
}

fn gcm_tag_bits(bits: u64) -> Result<u32> {
    match bits {
        32 | 64 | 96 | 104 | 112 | 120 | 128 => Ok(bits as u32),
        _ => invalid("CK_GCM_PARAMS has a tag length that SP 800-38D does not know"),
    }
}

fn hash_param(kind: u64) -> Result<HashAlg> {
    hash_of(kind)
        .ok_or_else(|| Error::new(CKR_MECHANISM_PARAM_INVALID, "the hash is not known here"))
}

/// The hash of a mask generation function (CKG number).
fn mgf_hash(mgf: u64) -> Result<HashAlg> {
    Ok(match mgf {
        CKG_MGF1_SHA1 => HashAlg::Sha1,
        CKG_MGF1_SHA224 => HashAlg::Sha224,
        CKG_MGF1_SHA256 => HashAlg::Sha256,
        CKG_MGF1_SHA384 => HashAlg::Sha384,
        CKG_MGF1_SHA512 => HashAlg::Sha512,
        CKG_MGF1_SHA3_224 => HashAlg::Sha3_224,
        CKG_MGF1_SHA3_256 => HashAlg::Sha3_256,
        CKG_MGF1_SHA3_384 => HashAlg::Sha3_384,
        CKG_MGF1_SHA3_512 => HashAlg::Sha3_512,
        _ => return invalid("the mask generation function is not known here"),
    })
}

/// The pseudorandom function that a CKM number names: CKM_TLS_PRF that of TLS 1.0 and 1.1, a hash that
/// of TLS 1.2 with it.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID.
pub(crate) fn tls_prf_of(kind: u64) -> Result<TlsPrf> {
    match kind {
        CKM_TLS_PRF => Ok(TlsPrf::Tls10),
        kind => hash_param(kind).map(TlsPrf::Tls12),
    }
}

fn tls_mac(params: &Params) -> Result<Work> {
    let Params::TlsMac { prf, len, side } = *params else {
        return invalid("the mechanism needs CK_TLS_MAC_PARAMS");
    };
    let prf = tls_prf_of(prf)?;
    let side = match side {
        1 => TlsSide::Server,
        2 => TlsSide::Client,
        _ => return invalid("ulServerOrClient is 1 for the server, 2 for the client"),
    };
    // RFC 5246, 7.4.9: 12 bytes or more; TLS before 1.2 has 12.
    let most = if prf == TlsPrf::Tls10 { 12 } else { TLS_MAC_LEN_MAX };
    if !(12..=most).contains(&len) {
        return invalid("the MAC of a handshake has 12 bytes, or in TLS 1.2 more");
    }
    Ok(Work::TlsMac { prf, side, len: len as usize })
}

fn oaep(params: &Params) -> Result<Work> {
    let Params::Oaep { hash, mgf, source, label } = params else {
        return invalid("CKM_RSA_PKCS_OAEP needs CK_RSA_PKCS_OAEP_PARAMS");
    };
    if *source != CKZ_DATA_SPECIFIED && !(*source == 0 && label.is_empty()) {
        return invalid("the source of an OAEP label is CKZ_DATA_SPECIFIED");
    }
    Ok(Work::RsaOaep { hash: hash_param(*hash)?, mgf: mgf_hash(*mgf)? })
}

fn pss(params: &Params, hashes: Option<HashAlg>) -> Result<Work> {
    let Params::Pss { hash, mgf, salt_len } = *params else {
        return invalid("RSA-PSS needs CK_RSA_PKCS_PSS_PARAMS");
    };
    let hash = hash_param(hash)?;
    if hashes.is_some_and(|own| own != hash) {
        return invalid("the hash in CK_RSA_PKCS_PSS_PARAMS is not the mechanism's");
    }
    let Ok(salt_len) = u16::try_from(salt_len) else {
        return invalid("the salt of RSA-PSS does not fit");
    };
    Ok(Work::RsaPss {
        hash,
        mgf: mgf_hash(mgf)?,
        salt_len: salt_len.into(),
        hashes: hashes.is_some(),
    })
}
