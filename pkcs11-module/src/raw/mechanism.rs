//! CK_MECHANISM and the parameter structures behind it (PKCS#11 3.1, chapter 6); those of derivations are
//! in a file of their own.
//!
//! One table, [`shape`], says which structure belongs to which mechanism. A structure is read only
//! if its length is exactly right; pointers in it are followed by the same rules as any others.

use hsmsim_types::{
    Error, Mechanism, Params, Result, ck::*, error::fail, mechanism::EciesParams, names,
};

use super::slices::{bytes, owned};

pub(crate) mod derivation;
pub(crate) mod places;
pub(crate) mod wrapping;

/// The longest parameter in bytes of a mechanism whose parameter has no structure known here.
const MAX_PLAIN: CK_ULONG = 4096;

/// What the parameter of a mechanism looks like in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Plain bytes, or none: an initialisation vector, or nothing that this file knows.
    Plain,
    /// CK_MAC_GENERAL_PARAMS.
    Number,
    Oaep,
    Pss,
    Ctr,
    Gcm,
    Ecdh1,
    /// CK_EDDSA_PARAMS, or none.
    Eddsa,
    /// CK_KEY_DERIVATION_STRING_DATA.
    StringData,
    /// CK_AES_CBC_ENCRYPT_DATA_PARAMS and its kin of 16-byte blocks.
    CbcEncryptData16,
    /// CK_DES_CBC_ENCRYPT_DATA_PARAMS.
    CbcEncryptData8,
    /// CK_GCM_PARAMS, or the initialisation vector alone.
    Gmac,
    /// CK_ULONG, or none.
    OptionalNumber,
    /// CK_SIGN_ADDITIONAL_CONTEXT, or none.
    SignContext,
    /// CK_HASH_SIGN_ADDITIONAL_CONTEXT.
    HashSignContext,
    DsaParameterGen,
    X942,
    RsaAesWrap,
    EcdhAesWrap,
    Ecies,
    Ccm,
    ChaCha20,
    ChaCha20Poly1305,
    /// A structure of a derivation.
    Derivation(derivation::Shape),
}

fn shape(kind: CK_MECHANISM_TYPE) -> Shape {
    match kind {
        CKM_RSA_PKCS_OAEP => Shape::Oaep,
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA224_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS
        | CKM_SHA3_224_RSA_PKCS_PSS
        | CKM_SHA3_256_RSA_PKCS_PSS
        | CKM_SHA3_384_RSA_PKCS_PSS
        | CKM_SHA3_512_RSA_PKCS_PSS => Shape::Pss,
        CKM_AES_CTR | CKM_CAMELLIA_CTR => Shape::Ctr,
        CKM_AES_GCM | CKM_LUNA_AES_GCM => Shape::Gcm,
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => Shape::Ecdh1,
        CKM_EDDSA | CKM_LUNA_EDDSA => Shape::Eddsa,
        CKM_AES_GMAC | CKM_LUNA_AES_GMAC => Shape::Gmac,
        CKM_ML_DSA
        | CKM_HASH_ML_DSA_SHA224
        | CKM_HASH_ML_DSA_SHA256
        | CKM_HASH_ML_DSA_SHA384
        | CKM_HASH_ML_DSA_SHA512
        | CKM_HASH_ML_DSA_SHA3_224
        | CKM_HASH_ML_DSA_SHA3_256
        | CKM_HASH_ML_DSA_SHA3_384
        | CKM_HASH_ML_DSA_SHA3_512
        | CKM_HASH_ML_DSA_SHAKE128
        | CKM_HASH_ML_DSA_SHAKE256
        | CKM_SLH_DSA
        | CKM_HASH_SLH_DSA_SHA224
        | CKM_HASH_SLH_DSA_SHA256
        | CKM_HASH_SLH_DSA_SHA384
        | CKM_HASH_SLH_DSA_SHA512
        | CKM_HASH_SLH_DSA_SHA3_224
        | CKM_HASH_SLH_DSA_SHA3_256
        | CKM_HASH_SLH_DSA_SHA3_384
        | CKM_HASH_SLH_DSA_SHA3_512
        | CKM_HASH_SLH_DSA_SHAKE128
        | CKM_HASH_SLH_DSA_SHAKE256 => Shape::SignContext,
        CKM_HASH_ML_DSA | CKM_HASH_SLH_DSA => Shape::HashSignContext,
        CKM_DSA_PROBABILISTIC_PARAMETER_GEN | CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN => {
            Shape::DsaParameterGen
        }
        CKM_X9_42_DH_DERIVE => Shape::X942,
        CKM_RSA_AES_KEY_WRAP => Shape::RsaAesWrap,
        CKM_ECDH_AES_KEY_WRAP | CKM_ECDH_X_AES_KEY_WRAP | CKM_ECDH_COF_AES_KEY_WRAP => {
            Shape::EcdhAesWrap
        }
        CKM_ECIES => Shape::Ecies,
        CKM_LUNA_SHAKE_128 | CKM_LUNA_SHAKE_256 => Shape::OptionalNumber,
        CKM_AES_CCM => Shape::Ccm,
        CKM_CHACHA20 => Shape::ChaCha20,
        CKM_CHACHA20_POLY1305 => Shape::ChaCha20Poly1305,
        CKM_AES_ECB_ENCRYPT_DATA
        | CKM_DES_ECB_ENCRYPT_DATA
        | CKM_DES3_ECB_ENCRYPT_DATA
        | CKM_ARIA_ECB_ENCRYPT_DATA
        | CKM_CAMELLIA_ECB_ENCRYPT_DATA
        | CKM_CONCATENATE_BASE_AND_DATA
        | CKM_CONCATENATE_DATA_AND_BASE
        | CKM_XOR_BASE_AND_DATA => Shape::StringData,
        CKM_AES_CBC_ENCRYPT_DATA | CKM_ARIA_CBC_ENCRYPT_DATA | CKM_CAMELLIA_CBC_ENCRYPT_DATA => {
            Shape::CbcEncryptData16
        }
        CKM_DES_CBC_ENCRYPT_DATA | CKM_DES3_CBC_ENCRYPT_DATA => Shape::CbcEncryptData8,
        CKM_MD5_HMAC_GENERAL
        | CKM_SHA_1_HMAC_GENERAL
        | CKM_SHA224_HMAC_GENERAL
        | CKM_SHA256_HMAC_GENERAL
        | CKM_SHA384_HMAC_GENERAL
        | CKM_SHA512_HMAC_GENERAL
        | CKM_SHA512_224_HMAC_GENERAL
        | CKM_SHA512_256_HMAC_GENERAL
        | CKM_SHA512_T_HMAC_GENERAL
        | CKM_SHA3_224_HMAC_GENERAL
        | CKM_SHA3_256_HMAC_GENERAL
        | CKM_SHA3_384_HMAC_GENERAL
        | CKM_SHA3_512_HMAC_GENERAL
        | CKM_SHA512_T
        | CKM_SHA512_T_HMAC
        | CKM_SHA512_T_KEY_DERIVATION
        | CKM_RIPEMD160_HMAC_GENERAL
        | CKM_BLAKE2B_160_HMAC_GENERAL
        | CKM_BLAKE2B_256_HMAC_GENERAL
        | CKM_BLAKE2B_384_HMAC_GENERAL
        | CKM_BLAKE2B_512_HMAC_GENERAL
        | CKM_EXTRACT_KEY_FROM_KEY
        | CKM_DES_MAC_GENERAL
        | CKM_ARIA_MAC_GENERAL
        | CKM_CAMELLIA_MAC_GENERAL
        | CKM_DES3_MAC_GENERAL
        | CKM_DES3_CMAC_GENERAL
        | CKM_AES_MAC_GENERAL
        | CKM_AES_CMAC_GENERAL => Shape::Number,
        kind => derivation::shape(kind).map_or(Shape::Plain, Shape::Derivation),
    }
}

/// A mechanism that the caller passes.
pub(crate) struct MechanismIn(*const CK_MECHANISM);

impl MechanismIn {
    /// # Safety
    /// `ptr` is NULL or points at a CK_MECHANISM whose parameter is NULL or holds as many bytes as
    /// it says (and, if it is the structure that belongs to the mechanism, likewise the pointers in
    /// it); all of it stays readable and unchanged while this value lives.
    pub(crate) unsafe fn new(ptr: *mut CK_MECHANISM) -> Self {
        Self(ptr)
    }

    /// An owned copy; a parameter that cannot be what the mechanism takes is [`Params::Malformed`].
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    pub(crate) fn read(&self) -> Result<Mechanism> {
        self.read_optional()?.ok_or_else(|| Error::new(CKR_ARGUMENTS_BAD, "mechanism is NULL"))
    }

    /// The mechanism alone, `None` for NULL: its parameter is left where it is, because it comes with
    /// each message (C_MessageEncryptInit: PKCS#11 3.1, 5.9.1).
    ///
    /// # Errors
    /// None so far.
    pub(crate) fn read_kind(&self) -> Result<Option<Mechanism>> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, so a mechanism as promised to `new`.
        Ok(Some(Mechanism::plain(unsafe { self.0.read_unaligned() }.mechanism)))
    }

    /// An owned copy, `None` for NULL: that ends an operation (PKCS#11 3.1, 5.8.1).
    ///
    /// # Errors
    /// As [`Self::read`], but for NULL.
    pub(crate) fn read_optional(&self) -> Result<Option<Mechanism>> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, so a mechanism with a parameter as promised to `new`.
        unsafe {
            let raw = self.0.read_unaligned();
            if raw.ulParameterLen == 0 && matches!(shape(raw.mechanism), Shape::Plain) {
                // Made where it is returned: what is moved just after it was written waits for it to be there.
                return Ok(Some(Mechanism::plain(raw.mechanism)));
            }
            let params = or_malformed(raw.mechanism, read_params(&raw))?;
            Ok(Some(Mechanism { kind: raw.mechanism, params }))
        }
    }
}

/// Leaves the judgement on a parameter to the token, which looks at the mechanism first: one that cannot be
/// used so is CKR_MECHANISM_INVALID, whatever its parameter.
///
/// # Errors
/// Every other than CKR_MECHANISM_PARAM_INVALID.
#[inline(always)] // So that what was read is not moved.
fn or_malformed(kind: CK_MECHANISM_TYPE, params: Result<Params>) -> Result<Params> {
    match params {
        Err(error) if error.rv() == CKR_MECHANISM_PARAM_INVALID => {
            let name = names::or_hex(names::mechanism, kind);
            Ok(Params::Malformed(format!("{name}: {}", error.rule())))
        }
        params => params,
    }
}

impl MechanismIn {
    /// As [`Self::read`], with where the parameter has places for what is derived.
    ///
    /// # Errors
    /// Those of [`Self::read`]; a place that is missing makes the parameter malformed.
    pub(crate) fn read_with_places(&self) -> Result<(Mechanism, places::Places)> {
        let Mechanism { kind, mut params } = self.read()?;
        let mut found = places::Places::None;
        if !matches!(params, Params::Malformed(_)) {
            params = or_malformed(
                kind,
                self.derived_places().map(|places| {
                    found = places;
                    params
                }),
            )?;
        }
        Ok((Mechanism { kind, params }, found))
    }

    /// Where the parameter has places for what is derived.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID for a place that is missing.
    fn derived_places(&self) -> Result<places::Places> {
        // SAFETY: NULL, or a mechanism with a parameter as promised to `new`.
        unsafe {
            if self.0.is_null() {
                return Ok(places::Places::None);
            }
            places::places(&self.0.read_unaligned())
        }
    }
}

/// # Safety
/// As [`MechanismIn::new`].
unsafe fn read_params(raw: &CK_MECHANISM) -> Result<Params> {
    // SAFETY: the parameter is as the caller of this function promises, and each structure is read
    // as the one that belongs to the mechanism.
    unsafe {
        match shape(raw.mechanism) {
            Shape::Plain => plain(raw),
            Shape::Number => Ok(Params::Length(structure::<CK_ULONG>(raw)?)),
            Shape::Oaep => oaep(&structure(raw)?),
            Shape::Pss => {
                let CK_RSA_PKCS_PSS_PARAMS { hashAlg, mgf, sLen } = structure(raw)?;
                Ok(Params::Pss { hash: hashAlg, mgf, salt_len: sLen })
            }
            Shape::Ctr => {
                let CK_AES_CTR_PARAMS { ulCounterBits, cb } = structure(raw)?;
                Ok(Params::Ctr { counter_bits: ulCounterBits, block: cb })
            }
            Shape::Gcm => gcm(&structure(raw)?),
            Shape::Ecdh1 => ecdh1(&structure(raw)?),
            Shape::Eddsa if raw.ulParameterLen == 0 => Ok(Params::None),
            Shape::Eddsa => eddsa(raw),
            Shape::StringData => {
                let CK_KEY_DERIVATION_STRING_DATA { pData, ulLen } = structure(raw)?;
                Ok(Params::DerivationData(part(pData, ulLen, "data")?))
            }
            Shape::CbcEncryptData16 => {
                let CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv, pData, length } = structure(raw)?;
                let data = part(pData, length, "data")?;
                Ok(Params::CbcEncryptData { iv: iv.to_vec(), data })
            }
            Shape::CbcEncryptData8 => {
                let CK_DES_CBC_ENCRYPT_DATA_PARAMS { iv, pData, length } = structure(raw)?;
                let data = part(pData, length, "data")?;
                Ok(Params::CbcEncryptData { iv: iv.to_vec(), data })
            }
            Shape::Gmac if raw.ulParameterLen == size_of::<CK_GCM_PARAMS>() as CK_ULONG => {
                gcm(&structure(raw)?)
            }
            Shape::Gmac => plain(raw),
            Shape::OptionalNumber if raw.ulParameterLen == 0 => Ok(Params::None),
            Shape::OptionalNumber => Ok(Params::Length(structure::<CK_ULONG>(raw)?)),
            Shape::SignContext if raw.ulParameterLen == 0 => Ok(Params::None),
            Shape::SignContext => {
                let CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant, pContext, ulContextLen } =
                    structure(raw)?;
                let context = part(pContext, ulContextLen, "the context")?;
                Ok(Params::SignContext { hedge: hedgeVariant, context, hash: None })
            }
            Shape::HashSignContext => {
                let raw: CK_HASH_SIGN_ADDITIONAL_CONTEXT = structure(raw)?;
                Ok(Params::SignContext {
                    hedge: raw.hedgeVariant,
                    context: part(raw.pContext, raw.ulContextLen, "the context")?,
                    hash: Some(raw.hash),
                })
            }
            Shape::DsaParameterGen => {
                let raw: CK_DSA_PARAMETER_GEN_PARAM = structure(raw)?;
                let seed = part(raw.pSeed, raw.ulSeedLen, "the seed")?;
                Ok(Params::DsaParameterGen { hash: raw.hash, seed })
            }
            Shape::X942 => {
                let raw: CK_X9_42_DH1_DERIVE_PARAMS = structure(raw)?;
                Ok(Params::X942 {
                    kdf: raw.kdf,
                    other_info: part(raw.pOtherInfo, raw.ulOtherInfoLen, "the other info")?,
                    public_data: part(raw.pPublicData, raw.ulPublicDataLen, "the public data")?,
                })
            }
            Shape::RsaAesWrap => {
                let raw: CK_RSA_AES_KEY_WRAP_PARAMS = structure(raw)?;
                if raw.pOAEPParams.is_null() {
                    return fail(CKR_MECHANISM_PARAM_INVALID, "the OAEP parameters are missing");
                }
                let inner = oaep(&raw.pOAEPParams.read_unaligned())?;
                Ok(Params::RsaAesWrap { aes_bits: raw.ulAESKeyBits, oaep: Box::new(inner) })
            }
            Shape::EcdhAesWrap => {
                let raw: CK_ECDH_AES_KEY_WRAP_PARAMS = structure(raw)?;
                Ok(Params::EcdhAesWrap {
                    aes_bits: raw.ulAESKeyBits,
                    kdf: raw.kdf,
                    shared_data: part(raw.pSharedData, raw.ulSharedDataLen, "the shared data")?,
                })
            }
            Shape::Ecies => ecies(&structure(raw)?),
            Shape::Ccm => ccm(&structure(raw)?),
            Shape::ChaCha20 => chacha20(&structure(raw)?),
            Shape::ChaCha20Poly1305 => chacha20_poly1305(&structure(raw)?),
            Shape::Derivation(shape) => derivation::read(shape, raw),
        }
    }
}

/// The structure behind the parameter pointer.
///
/// # Safety
/// The parameter is NULL or holds as many bytes as it says; any bytes are a valid `T`.
unsafe fn structure<T: Copy>(raw: &CK_MECHANISM) -> Result<T> {
    if raw.pParameter.is_null() {
        return fail(CKR_MECHANISM_PARAM_INVALID, "the parameter is missing");
    }
    if raw.ulParameterLen != size_of::<T>() as CK_ULONG {
        return fail(
            CKR_MECHANISM_PARAM_INVALID,
            format!("the parameter has {} bytes, not {}", raw.ulParameterLen, size_of::<T>()),
        );
    }
    // SAFETY: not NULL, and long enough.
    Ok(unsafe { raw.pParameter.cast::<T>().read_unaligned() })
}

/// Bytes that a structure points at.
///
/// # Safety
/// `ptr` is NULL or points at `len` readable bytes.
unsafe fn part(ptr: *const CK_BYTE, len: CK_ULONG, what: &'static str) -> Result<Vec<u8>> {
    // SAFETY: promised by the caller of this function.
    owned(unsafe { bytes(ptr, len, CKR_MECHANISM_PARAM_INVALID, what) }?)
}

/// # Safety
/// The parameter is NULL or holds as many bytes as it says.
unsafe fn plain(raw: &CK_MECHANISM) -> Result<Params> {
    // The parameter of a mechanism without a name is not touched: the token will refuse the number.
    if raw.ulParameterLen == 0 || !names::is_mechanism(raw.mechanism) {
        return Ok(Params::None);
    }
    if raw.ulParameterLen > MAX_PLAIN {
        return fail(
            CKR_MECHANISM_PARAM_INVALID,
            format!("a parameter of {} bytes is out of all reason", raw.ulParameterLen),
        );
    }
    // SAFETY: promised by the caller of this function.
    unsafe { part(raw.pParameter.cast(), raw.ulParameterLen, "the parameter") }.map(Params::Bytes)
}

/// # Safety
/// The pointer in it is NULL or holds as many bytes as it says.
unsafe fn oaep(raw: &CK_RSA_PKCS_OAEP_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    let label = unsafe { part(raw.pSourceData.cast(), raw.ulSourceDataLen, "the label") }?;
    Ok(Params::Oaep { hash: raw.hashAlg, mgf: raw.mgf, source: raw.source, label })
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn gcm(raw: &CK_GCM_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        Ok(Params::Gcm {
            iv: part(raw.pIv, raw.ulIvLen, "the initialisation vector")?,
            iv_bits: raw.ulIvBits,
            aad: part(raw.pAAD, raw.ulAADLen, "the additional data")?,
            tag_bits: raw.ulTagBits,
        })
    }
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn ccm(raw: &CK_CCM_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        Ok(Params::Ccm {
            data_len: raw.ulDataLen,
            nonce: part(raw.pNonce, raw.ulNonceLen, "the nonce")?,
            aad: part(raw.pAAD, raw.ulAADLen, "the additional data")?,
            mac_len: raw.ulMACLen,
        })
    }
}

/// # Safety
/// The pointers in it are NULL or hold as many bits as they say.
unsafe fn chacha20(raw: &CK_CHACHA20_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    let (counter, nonce) = unsafe {
        (
            part(raw.pBlockCounter, raw.blockCounterBits / 8, "the block counter")?,
            part(raw.pNonce, raw.ulNonceBits / 8, "the nonce")?,
        )
    };
    // 6.63.3: in the order of the cipher's own state, the least significant byte first.
    let counter = match (counter.as_slice(), nonce.len()) {
        (&[a, b, c, d], 12 | 24) => u32::from_le_bytes([a, b, c, d]).into(),
        (&[a, b, c, d, e, f, g, h], 8 | 24) => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => {
            return fail(
                CKR_MECHANISM_PARAM_INVALID,
                "the block counter has 32 bits beside a nonce of 96, 64 beside one of 64",
            );
        }
    };
    Ok(Params::ChaCha20 { counter, nonce })
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn chacha20_poly1305(raw: &CK_SALSA20_CHACHA20_POLY1305_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        Ok(Params::ChaCha20Poly1305 {
            nonce: part(raw.pNonce, raw.ulNonceLen, "the nonce")?,
            aad: part(raw.pAAD, raw.ulAADLen, "the additional data")?,
        })
    }
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn ecdh1(raw: &CK_ECDH1_DERIVE_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        Ok(Params::Ecdh1 {
            kdf: raw.kdf,
            shared_data: part(raw.pSharedData, raw.ulSharedDataLen, "the shared data")?,
            public_data: part(raw.pPublicData, raw.ulPublicDataLen, "the public data")?,
        })
    }
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn ecies(raw: &CK_ECIES_PARAMS) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    let (shared_data_1, shared_data_2) = unsafe {
        (
            part(raw.pSharedData1, raw.ulSharedDataLen1, "the shared data")?,
            part(raw.pSharedData2, raw.ulSharedDataLen2, "the shared data")?,
        )
    };
    Ok(Params::Ecies(Box::new(EciesParams {
        primitive: raw.dhPrimitive,
        kdf: raw.kdf,
        shared_data_1,
        encryption: raw.encScheme,
        key_bits: raw.ulEncKeyLenInBits,
        mac: raw.macScheme,
        mac_key_bits: raw.ulMacKeyLenInBits,
        mac_bits: raw.ulMacLenInBits,
        shared_data_2,
    })))
}

/// # Safety
/// As [`MechanismIn::new`], for a mechanism with CK_EDDSA_PARAMS.
unsafe fn eddsa(raw: &CK_MECHANISM) -> Result<Params> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        let CK_EDDSA_PARAMS { phFlag, ulContextDataLen, pContextData } = structure(raw)?;
        let prehash = match phFlag {
            CK_FALSE => false,
            CK_TRUE => true,
            _ => return fail(CKR_MECHANISM_PARAM_INVALID, "phFlag is neither true nor false"),
        };
        Ok(Params::Eddsa { prehash, context: part(pContextData, ulContextDataLen, "the context")? })
    }
}

#[cfg(test)]
mod tests;
