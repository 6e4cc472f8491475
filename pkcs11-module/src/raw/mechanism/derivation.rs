//! The structures of derivations and of what belongs to them (PKCS#11 3.1, 6.26 to 6.31, 6.42, 6.43, 6.61, 6.64;
//! Luna's cryptoki_v2.h).

use hsmsim_types::{
    HkdfSalt, KdfParams, KeyRef, ObjectHandle, OtpParam, Params, PrfField, PrfNumber, Result,
    SecretBytes, TlsRandom, ck::*, error::fail,
};

use super::{MAX_PLAIN, part, structure};
use crate::raw::{Input, Keep, TemplateIn};

/// The most parts of an input to a pseudorandom function, and the most additional keys, that are
/// believed.
pub(super) const MAX_ITEMS: CK_ULONG = 256;

/// The longest password in bytes that is believed.
pub(super) const MAX_PASSWORD: CK_ULONG = MAX_PLAIN;

/// What the parameter looks like in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// CK_OBJECT_HANDLE.
    Key,
    Hkdf,
    Sp800_108,
    Sp800_108Feedback,
    LunaPrf,
    /// CK_PKCS5_PBKD2_PARAMS or CK_PKCS5_PBKD2_PARAMS2.
    Pbkdf2,
    /// CK_VERSION.
    Version,
    Tls12Master,
    Ssl3Master,
    TlsExtendedMaster,
    Tls12KeyMaterial,
    Ssl3KeyMaterial,
    TlsKdf,
    TlsMac,
    IkePrf,
    Ike1Prf,
    Ike1Extended,
    Ike2PrfPlus,
    /// CK_OTP_PARAMS, or none.
    Otp,
}

pub(super) fn shape(kind: CK_MECHANISM_TYPE) -> Option<Shape> {
    Some(match kind {
        CKM_CONCATENATE_BASE_AND_KEY => Shape::Key,
        CKM_HKDF_DERIVE | CKM_HKDF_DATA => Shape::Hkdf,
        CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => Shape::Sp800_108,
        CKM_SP800_108_FEEDBACK_KDF => Shape::Sp800_108Feedback,
        CKM_NIST_PRF_KDF | CKM_PRF_KDF => Shape::LunaPrf,
        CKM_PKCS5_PBKD2 => Shape::Pbkdf2,
        CKM_TLS_PRE_MASTER_KEY_GEN => Shape::Version,
        CKM_TLS12_MASTER_KEY_DERIVE | CKM_TLS12_MASTER_KEY_DERIVE_DH => Shape::Tls12Master,
        // TLS 1.0 and 1.1 have the structures of SSL 3.0, which is not here itself.
        CKM_TLS_MASTER_KEY_DERIVE | CKM_TLS_MASTER_KEY_DERIVE_DH => Shape::Ssl3Master,
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => {
            Shape::TlsExtendedMaster
        }
        CKM_TLS12_KEY_AND_MAC_DERIVE | CKM_TLS12_KEY_SAFE_DERIVE => Shape::Tls12KeyMaterial,
        CKM_TLS_KEY_AND_MAC_DERIVE => Shape::Ssl3KeyMaterial,
        CKM_TLS_KDF | CKM_TLS12_KDF => Shape::TlsKdf,
        CKM_TLS_MAC | CKM_TLS12_MAC => Shape::TlsMac,
        CKM_IKE_PRF_DERIVE => Shape::IkePrf,
        CKM_IKE1_PRF_DERIVE => Shape::Ike1Prf,
        CKM_IKE1_EXTENDED_DERIVE => Shape::Ike1Extended,
        CKM_IKE2_PRF_PLUS_DERIVE => Shape::Ike2PrfPlus,
        CKM_HOTP => Shape::Otp,
        _ => return None,
    })
}

/// # Safety
/// As [`super::MechanismIn::new`].
pub(super) unsafe fn read(shape: Shape, raw: &CK_MECHANISM) -> Result<Params> {
    // SAFETY: the parameter is as the caller of this function promises, and each structure is read
    // as the one that belongs to the mechanism.
    let params = unsafe {
        match shape {
            Shape::Version => {
                let CK_VERSION { major, minor } = structure(raw)?;
                return Ok(Params::Version(major, minor));
            }
            Shape::TlsMac => {
                let CK_TLS_MAC_PARAMS { prfHashMechanism, ulMacLength, ulServerOrClient } =
                    structure(raw)?;
                return Ok(Params::TlsMac {
                    prf: prfHashMechanism,
                    len: ulMacLength,
                    side: ulServerOrClient,
                });
            }
            Shape::Otp if raw.ulParameterLen == 0 => return Ok(Params::None),
            Shape::Otp => {
                let CK_OTP_PARAMS { pParams, ulCount } = structure(raw)?;
                return otp(pParams, ulCount).map(Params::Otp);
            }
            Shape::Key => KdfParams::Key(handle(structure(raw)?)),
            Shape::Hkdf => hkdf(&structure(raw)?)?,
            Shape::Sp800_108 => {
                let raw: CK_SP800_108_KDF_PARAMS = structure(raw)?;
                KdfParams::Sp800_108 {
                    prf: raw.prfType,
                    fields: fields(raw.pDataParams, raw.ulNumberOfDataParams)?,
                    iv: Vec::new(),
                    additional: templates(&additional(
                        raw.pAdditionalDerivedKeys,
                        raw.ulAdditionalDerivedKeys,
                    )?)?,
                }
            }
            Shape::Sp800_108Feedback => {
                let raw: CK_SP800_108_FEEDBACK_KDF_PARAMS = structure(raw)?;
                KdfParams::Sp800_108 {
                    prf: raw.prfType,
                    fields: fields(raw.pDataParams, raw.ulNumberOfDataParams)?,
                    iv: part(raw.pIV, raw.ulIVLen, "the initialisation vector")?,
                    additional: templates(&additional(
                        raw.pAdditionalDerivedKeys,
                        raw.ulAdditionalDerivedKeys,
                    )?)?,
                }
            }
            Shape::LunaPrf => {
                let raw: CK_KDF_PRF_PARAMS = structure(raw)?;
                KdfParams::LunaPrf {
                    prf: raw.prfType,
                    label: part(raw.pLabel, raw.ulLabelLen, "the label")?,
                    context: part(raw.pContext, raw.ulContextLen, "the context")?,
                    counter: raw.ulCounter,
                    encoding: raw.ulEncodingScheme,
                }
            }
            Shape::Pbkdf2 => pbkdf2(raw)?,
            Shape::Tls12Master => {
                let raw: CK_TLS12_MASTER_KEY_DERIVE_PARAMS = structure(raw)?;
                KdfParams::TlsMaster {
                    random: random(&raw.RandomInfo)?,
                    hash: Some(raw.prfHashMechanism),
                    version: !raw.pVersion.is_null(),
                }
            }
            Shape::Ssl3Master => {
                let raw: CK_SSL3_MASTER_KEY_DERIVE_PARAMS = structure(raw)?;
                KdfParams::TlsMaster {
                    random: random(&raw.RandomInfo)?,
                    hash: None,
                    version: !raw.pVersion.is_null(),
                }
            }
            Shape::TlsExtendedMaster => {
                let raw: CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS = structure(raw)?;
                KdfParams::TlsExtendedMaster {
                    hash: raw.prfHashMechanism,
                    session_hash: part(raw.pSessionHash, raw.ulSessionHashLen, "the hash")?,
                    version: !raw.pVersion.is_null(),
                }
            }
            Shape::Tls12KeyMaterial => {
                let raw: CK_TLS12_KEY_MAT_PARAMS = structure(raw)?;
                KdfParams::TlsKeyMaterial {
                    mac_bits: raw.ulMacSizeInBits,
                    key_bits: raw.ulKeySizeInBits,
                    iv_bits: raw.ulIVSizeInBits,
                    export: flag(raw.bIsExport)?,
                    random: random(&raw.RandomInfo)?,
                    hash: Some(raw.prfHashMechanism),
                }
            }
            Shape::Ssl3KeyMaterial => {
                let raw: CK_SSL3_KEY_MAT_PARAMS = structure(raw)?;
                KdfParams::TlsKeyMaterial {
                    mac_bits: raw.ulMacSizeInBits,
                    key_bits: raw.ulKeySizeInBits,
                    iv_bits: raw.ulIVSizeInBits,
                    export: flag(raw.bIsExport)?,
                    random: random(&raw.RandomInfo)?,
                    hash: None,
                }
            }
            Shape::TlsKdf => {
                let raw: CK_TLS_KDF_PARAMS = structure(raw)?;
                let context = part(raw.pContextData, raw.ulContextDataLength, "the context")?;
                KdfParams::TlsKdf {
                    prf: raw.prfMechanism,
                    label: part(raw.pLabel, raw.ulLabelLength, "the label")?,
                    random: random(&raw.RandomInfo)?,
                    context: (!raw.pContextData.is_null()).then_some(context),
                }
            }
            Shape::IkePrf => {
                let raw: CK_IKE_PRF_DERIVE_PARAMS = structure(raw)?;
                KdfParams::IkePrf {
                    prf: raw.prfMechanism,
                    data_as_key: flag(raw.bDataAsKey)?,
                    new_key: flag(raw.bRekey)?.then_some(handle(raw.hNewKey)),
                    initiator: part(raw.pNi, raw.ulNiLen, "the initiator's nonce")?,
                    responder: part(raw.pNr, raw.ulNrLen, "the responder's nonce")?,
                }
            }
            Shape::Ike1Prf => {
                let raw: CK_IKE1_PRF_DERIVE_PARAMS = structure(raw)?;
                KdfParams::Ike1Prf {
                    prf: raw.prfMechanism,
                    secret: handle(raw.hKeygxy),
                    previous: flag(raw.bHasPrevKey)?.then_some(handle(raw.hPrevKey)),
                    initiator: part(raw.pCKYi, raw.ulCKYiLen, "the initiator's cookie")?,
                    responder: part(raw.pCKYr, raw.ulCKYrLen, "the responder's cookie")?,
                    number: raw.keyNumber,
                }
            }
            Shape::Ike1Extended => {
                let raw: CK_IKE1_EXTENDED_DERIVE_PARAMS = structure(raw)?;
                KdfParams::Ike1Extended {
                    prf: raw.prfMechanism,
                    secret: flag(raw.bHasKeygxy)?.then_some(handle(raw.hKeygxy)),
                    extra: part(raw.pExtraData, raw.ulExtraDataLen, "the extra data")?,
                }
            }
            Shape::Ike2PrfPlus => {
                let raw: CK_IKE2_PRF_PLUS_DERIVE_PARAMS = structure(raw)?;
                KdfParams::Ike2PrfPlus {
                    prf: raw.prfMechanism,
                    seed_key: flag(raw.bHasSeedKey)?.then_some(handle(raw.hSeedKey)),
                    seed: part(raw.pSeedData, raw.ulSeedDataLen, "the seed")?,
                }
            }
        }
    };
    Ok(Params::Kdf(Box::new(params)))
}

fn handle(handle: CK_OBJECT_HANDLE) -> KeyRef {
    KeyRef::Handle(ObjectHandle(handle))
}

fn flag(flag: CK_BBOOL) -> Result<bool> {
    match flag {
        CK_FALSE => Ok(false),
        CK_TRUE => Ok(true),
        _ => fail(CKR_MECHANISM_PARAM_INVALID, "a flag is neither true nor false"),
    }
}

/// The elements of CK_OTP_PARAMS and of CK_OTP_SIGNATURE_INFO.
///
/// # Safety
/// `ptr` is NULL or points at `count` elements, whose values are NULL or hold as many bytes as they say.
unsafe fn otp(ptr: *const CK_OTP_PARAM, count: CK_ULONG) -> Result<Vec<OtpParam>> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        items(ptr, count)?
            .iter()
            .map(|raw| {
                let value = part(raw.pValue.cast(), raw.ulValueLen, "an element")?;
                Ok(OtpParam { kind: raw.type_, value })
            })
            .collect()
    }
}

/// The signature that C_Verify is given: bytes, or a CK_OTP_SIGNATURE_INFO.
pub(crate) struct SignatureIn(Input);

impl Keep for SignatureIn {
    /// Copies the bytes. What a CK_OTP_SIGNATURE_INFO points at is read before the function first waits.
    fn keep(self) -> Result<Self> {
        self.0.keep().map(Self)
    }
}

impl SignatureIn {
    /// # Safety
    /// As [`Input::new`]; and if the signature is a CK_OTP_SIGNATURE_INFO, its elements and their values are
    /// NULL or as many as it says.
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: CK_ULONG) -> Self {
        // SAFETY: promised by the caller of this function.
        Self(unsafe { Input::new(ptr, len) })
    }

    /// The bytes.
    ///
    /// # Errors
    /// As [`Input::bytes`].
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        self.0.bytes()
    }

    /// Whether it is as long as a CK_OTP_SIGNATURE_INFO.
    pub(crate) fn may_be_otp(&self) -> bool {
        self.0.bytes().is_ok_and(|bytes| bytes.len() == size_of::<CK_OTP_SIGNATURE_INFO>())
    }

    /// The image of a CK_OTP_SIGNATURE_INFO.
    ///
    /// # Errors
    /// CKR_SIGNATURE_LEN_RANGE for what is none, CKR_MECHANISM_PARAM_INVALID for counts and lengths that are
    /// out of all reason.
    pub(crate) fn otp_image(&self) -> Result<Vec<u8>> {
        let bytes = self.0.bytes()?;
        if bytes.len() != size_of::<CK_OTP_SIGNATURE_INFO>() {
            return fail(CKR_SIGNATURE_LEN_RANGE, "the signature is no CK_OTP_SIGNATURE_INFO");
        }
        // SAFETY: as long as the structure, which the caller of `new` promises it to be.
        unsafe {
            let CK_OTP_SIGNATURE_INFO { pParams, ulCount } =
                bytes.as_ptr().cast::<CK_OTP_SIGNATURE_INFO>().read_unaligned();
            otp(pParams, ulCount).map(|params| OtpParam::image(&params))
        }
    }
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn hkdf(raw: &CK_HKDF_PARAMS) -> Result<KdfParams> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        let extract = flag(raw.bExtract)?;
        Ok(KdfParams::Hkdf {
            extract,
            expand: flag(raw.bExpand)?,
            hash: raw.prfHashMechanism,
            salt: match raw.ulSaltType {
                // Without the first half there is no salt, whatever stands there.
                _ if !extract => HkdfSalt::Null,
                CKF_HKDF_SALT_NULL => HkdfSalt::Null,
                CKF_HKDF_SALT_DATA => HkdfSalt::Data(part(raw.pSalt, raw.ulSaltLen, "the salt")?),
                CKF_HKDF_SALT_KEY => HkdfSalt::Key(handle(raw.hSaltKey)),
                _ => return fail(CKR_MECHANISM_PARAM_INVALID, "there is no such type of salt"),
            },
            info: part(raw.pInfo, raw.ulInfoLen, "the info")?,
        })
    }
}

/// # Safety
/// The pointers in it are NULL or hold as many bytes as they say.
unsafe fn random(raw: &CK_SSL3_RANDOM_DATA) -> Result<TlsRandom> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        Ok(TlsRandom {
            client: part(raw.pClientRandom, raw.ulClientRandomLen, "the client's random number")?,
            server: part(raw.pServerRandom, raw.ulServerRandomLen, "the server's random number")?,
        })
    }
}

/// The two structures have one layout and one number, but the older one has a pointer to the password's
/// length where the newer one has the length. No password is as long as an address is high, and at the
/// addresses that are lengths nothing lies.
///
/// # Safety
/// As [`super::MechanismIn::new`], for a mechanism with one of them.
unsafe fn pbkdf2(raw: &CK_MECHANISM) -> Result<KdfParams> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        let raw: CK_PKCS5_PBKD2_PARAMS2 = structure(raw)?;
        let mut password_len = raw.ulPasswordLen;
        if password_len > MAX_PASSWORD && is_mapped(password_len) {
            password_len = (password_len as usize as *const CK_ULONG).read_unaligned();
        }
        if password_len > MAX_PASSWORD {
            return fail(CKR_MECHANISM_PARAM_INVALID, "the password is out of all reason");
        }
        Ok(KdfParams::Pbkdf2 {
            salt_source: raw.saltSource,
            salt: part(raw.pSaltSourceData.cast(), raw.ulSaltSourceDataLen, "the salt")?,
            iterations: raw.iterations,
            prf: raw.prf,
            prf_data: part(raw.pPrfData.cast(), raw.ulPrfDataLen, "the function's data")?,
            password: SecretBytes::new(part(raw.pPassword.cast(), password_len, "the password")?),
        })
    }
}

/// Whether memory lies where a CK_ULONG would: what is no address must not be followed as one.
fn is_mapped(address: CK_ULONG) -> bool {
    const PAGE_LEN: usize = 4096;
    let Ok(address) = usize::try_from(address) else { return false };
    let Some(last) = address.checked_add(size_of::<CK_ULONG>() - 1) else { return false };
    [address, last].into_iter().all(|at| {
        let mut resident = 0_u8;
        // A page is a multiple of this many bytes on every machine; where it is longer the kernel
        // refuses what is not at its beginning, and then nothing is followed.
        let page = std::ptr::without_provenance_mut::<libc::c_void>(at - at % PAGE_LEN);
        // SAFETY: the kernel looks at its own tables, not at the memory, and writes one byte.
        unsafe { libc::mincore(page, 1, &raw mut resident) == 0 }
    })
}

/// The items of an array.
///
/// # Safety
/// `ptr` is NULL or points at `count` items.
unsafe fn items<T: Copy>(ptr: *const T, count: CK_ULONG) -> Result<Vec<T>> {
    if count > MAX_ITEMS || (ptr.is_null() && count > 0) {
        return fail(CKR_MECHANISM_PARAM_INVALID, "an array is missing or out of all reason");
    }
    // SAFETY: promised by the caller of this function; the count is bounded.
    Ok((0..count as usize).map(|index| unsafe { ptr.add(index).read_unaligned() }).collect())
}

/// The parts of the input of a pseudorandom function.
///
/// # Safety
/// `ptr` is NULL or points at `count` parts, whose values are NULL or hold as many bytes as they say.
unsafe fn fields(ptr: *const CK_PRF_DATA_PARAM, count: CK_ULONG) -> Result<Vec<PrfField>> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        items(ptr, count)?
            .iter()
            .map(|raw| {
                Ok(match raw.type_ {
                    CK_SP800_108_ITERATION_VARIABLE if raw.ulValueLen == 0 => {
                        PrfField::IterationVariable(None)
                    }
                    CK_SP800_108_ITERATION_VARIABLE => {
                        PrfField::IterationVariable(Some(counter(raw)?))
                    }
                    CK_SP800_108_COUNTER => PrfField::Counter(counter(raw)?),
                    CK_SP800_108_DKM_LENGTH => {
                        let CK_SP800_108_DKM_LENGTH_FORMAT {
                            dkmLengthMethod,
                            bLittleEndian,
                            ulWidthInBits,
                        } = value(raw)?;
                        let little_endian = flag(bLittleEndian)?;
                        let number = PrfNumber { little_endian, width_bits: ulWidthInBits };
                        PrfField::DkmLength(dkmLengthMethod, number)
                    }
                    CK_SP800_108_BYTE_ARRAY => {
                        PrfField::Bytes(part(raw.pValue.cast(), raw.ulValueLen, "a byte array")?)
                    }
                    CK_SP800_108_KEY_HANDLE => PrfField::Key(handle(value(raw)?)),
                    _ => return fail(CKR_MECHANISM_PARAM_INVALID, "there is no such data field"),
                })
            })
            .collect()
    }
}

/// # Safety
/// As [`fields`].
unsafe fn counter(raw: &CK_PRF_DATA_PARAM) -> Result<PrfNumber> {
    // SAFETY: promised by the caller of this function.
    let CK_SP800_108_COUNTER_FORMAT { bLittleEndian, ulWidthInBits } = unsafe { value(raw) }?;
    Ok(PrfNumber { little_endian: flag(bLittleEndian)?, width_bits: ulWidthInBits })
}

/// The structure behind a part of the input.
///
/// # Safety
/// As [`fields`]; any bytes are a valid `T`.
unsafe fn value<T: Copy>(raw: &CK_PRF_DATA_PARAM) -> Result<T> {
    if raw.pValue.is_null() || raw.ulValueLen != size_of::<T>() as CK_ULONG {
        return fail(CKR_MECHANISM_PARAM_INVALID, "the value of a data field has another length");
    }
    // SAFETY: not NULL, and long enough.
    Ok(unsafe { raw.pValue.cast::<T>().read_unaligned() })
}

/// The additional keys, each with a place for its handle.
///
/// # Safety
/// `ptr` is NULL or points at `count` structures.
pub(super) unsafe fn additional(
    ptr: *const CK_DERIVED_KEY,
    count: CK_ULONG,
) -> Result<Vec<CK_DERIVED_KEY>> {
    // SAFETY: promised by the caller of this function.
    let keys = unsafe { items(ptr, count) }?;
    if keys.iter().any(|key| key.phKey.is_null()) {
        return fail(CKR_MECHANISM_PARAM_INVALID, "the place for an additional key is NULL");
    }
    Ok(keys)
}

/// # Safety
/// The templates are as [`TemplateIn::new`] wants them.
unsafe fn templates(keys: &[CK_DERIVED_KEY]) -> Result<Vec<hsmsim_types::Template>> {
    keys.iter()
        // SAFETY: promised by the caller of this function.
        .map(|key| unsafe { TemplateIn::new(key.pTemplate, key.ulAttributeCount) }.read())
        .collect()
}
