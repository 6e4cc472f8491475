//! From a mechanism's parameters to what the primitives take; whatever is wrong with them is
//! CKR_MECHANISM_PARAM_INVALID, before a key is touched.

use hsmsim_crypto::{aes::CipherMode, digest::HashAlg, mac::MacAlg};
use hsmsim_types::{Error, Params, Result, ck::*, error::fail};

use crate::mechanisms::{Scheme, hash_of};

/// What an operation does, with its parameters checked. Bytes of parameters stay where they are, in
/// the mechanism: an operation on a cached key copies nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Digest(HashAlg),
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
    Eddsa,
    Mac {
        alg: MacAlg,
        len: usize,
    },
    Cipher(CipherMode),
    Gcm {
        tag_bits: u32,
    },
    Kw,
    Kwp,
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
            Scheme::Hmac(hash, false) => plain(params, mac(MacAlg::Hmac(hash)))?,
            Scheme::Cmac(false) => plain(params, mac(MacAlg::AesCmac))?,
            Scheme::Hmac(hash, true) => general(params, MacAlg::Hmac(hash))?,
            Scheme::Cmac(true) => general(params, MacAlg::AesCmac)?,
            Scheme::Eddsa => match params {
                Params::Eddsa { prehash: false, context } if context.is_empty() => Self::Eddsa,
                params => plain(params, Self::Eddsa)?,
            },
            Scheme::RsaOaep => oaep(params)?,
            Scheme::RsaPss(hash) => pss(params, hash)?,
            Scheme::AesEcb => plain(params, Self::Cipher(CipherMode::Ecb))?,
            Scheme::AesCbc => with_iv(params, CipherMode::Cbc)?,
            Scheme::AesCbcPad => with_iv(params, CipherMode::CbcPad)?,
            Scheme::AesCtr => match params {
                &Params::Ctr { counter_bits: counter_bits @ 1..=128, .. } => {
                    Self::Cipher(CipherMode::Ctr { counter_bits: counter_bits as u32 })
                }
                _ => return invalid("CKM_AES_CTR needs CK_AES_CTR_PARAMS with 1 to 128 bits"),
            },
            Scheme::AesGcm => gcm(params)?,
            Scheme::AesKw => wrap_iv(params, 8, Self::Kw)?,
            Scheme::AesKwp => wrap_iv(params, 4, Self::Kwp)?,
            _ => return fail(CKR_MECHANISM_INVALID, "the mechanism does something else"),
        })
    }

    /// The hash of the message, where the mechanism hashes it.
    pub(crate) fn hash(&self) -> Option<HashAlg> {
        match *self {
            Self::RsaPkcs(hash) | Self::Ecdsa(hash) => hash,
            Self::RsaPss { hash, hashes: true, .. } => Some(hash),
            _ => None,
        }
    }
}

/// The initialisation vector of a block cipher mode; empty for ECB.
pub(crate) fn iv(params: &Params) -> &[u8] {
    match params {
        Params::Bytes(iv) => iv,
        Params::Ctr { block, .. } => block,
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

fn with_iv(params: &Params, mode: CipherMode) -> Result<Work> {
    match params {
        Params::Bytes(iv) if iv.len() == 16 => Ok(Work::Cipher(mode)),
        _ => invalid("the initialisation vector has 16 bytes"),
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
    match tag_bits {
        32 | 64 | 96 | 104 | 112 | 120 | 128 => Ok(Work::Gcm { tag_bits: *tag_bits as u32 }),
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
