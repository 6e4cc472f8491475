//! The places that some structures of derivations have for what is derived: handles of further keys, the
//! version in a premaster secret, the keys and vectors of a connection (PKCS#11 3.1, 6.26, 6.28, 6.42).

use hsmsim_types::{Result, ck::*, error::fail};

use super::{
    derivation::{Shape, additional, shape},
    structure,
};

/// Where a structure has places for what is derived.
pub(crate) enum Places {
    /// Nowhere: one key, whose place is that of the call.
    None,
    /// For additional keys.
    Keys(Vec<*mut CK_OBJECT_HANDLE>),
    /// For the version in a premaster secret.
    Version(*mut CK_VERSION),
    /// For the keys of a connection: whether there are MAC keys, cipher keys, and how long the vectors are.
    KeyMaterial { out: *mut CK_SSL3_KEY_MAT_OUT, macs: bool, keys: bool, iv_len: usize },
}

// SAFETY: the pointers are followed on the thread of the call that they were given to: a derivation that writes
// into its parameter is waited for (`Owned::waits`).
unsafe impl Send for Places {}
// SAFETY: as above.
unsafe impl Sync for Places {}

/// The places in a mechanism's parameter, which was read before.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID for one that is missing.
///
/// # Safety
/// As [`super::MechanismIn::new`]; what the structure gives places for is writable.
pub(super) unsafe fn places(raw: &CK_MECHANISM) -> Result<Places> {
    // SAFETY: promised by the caller of this function.
    unsafe {
        Ok(match shape(raw.mechanism) {
            Some(Shape::Sp800_108) => {
                let raw: CK_SP800_108_KDF_PARAMS = structure(raw)?;
                let keys = additional(raw.pAdditionalDerivedKeys, raw.ulAdditionalDerivedKeys)?;
                Places::Keys(keys.iter().map(|key| key.phKey).collect())
            }
            Some(Shape::Sp800_108Feedback) => {
                let raw: CK_SP800_108_FEEDBACK_KDF_PARAMS = structure(raw)?;
                let keys = additional(raw.pAdditionalDerivedKeys, raw.ulAdditionalDerivedKeys)?;
                Places::Keys(keys.iter().map(|key| key.phKey).collect())
            }
            Some(Shape::Tls12Master) => {
                Places::Version(structure::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>(raw)?.pVersion)
            }
            Some(Shape::Ssl3Master) => {
                Places::Version(structure::<CK_SSL3_MASTER_KEY_DERIVE_PARAMS>(raw)?.pVersion)
            }
            Some(Shape::TlsExtendedMaster) => Places::Version(
                structure::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>(raw)?.pVersion,
            ),
            Some(Shape::Tls12KeyMaterial) => {
                let params: CK_TLS12_KEY_MAT_PARAMS = structure(raw)?;
                // CKM_TLS12_KEY_SAFE_DERIVE gives no vectors, whatever their size (6.28.7).
                let safe = raw.mechanism == CKM_TLS12_KEY_SAFE_DERIVE;
                key_material(
                    params.pReturnedKeyMaterial,
                    [params.ulMacSizeInBits, params.ulKeySizeInBits],
                    if safe { 0 } else { params.ulIVSizeInBits },
                )?
            }
            Some(Shape::Ssl3KeyMaterial) => {
                let params: CK_SSL3_KEY_MAT_PARAMS = structure(raw)?;
                key_material(
                    params.pReturnedKeyMaterial,
                    [params.ulMacSizeInBits, params.ulKeySizeInBits],
                    params.ulIVSizeInBits,
                )?
            }
            _ => Places::None,
        })
    }
}

/// # Safety
/// `out` is NULL or points at its structure.
unsafe fn key_material(
    out: *mut CK_SSL3_KEY_MAT_OUT,
    [mac_bits, key_bits]: [CK_ULONG; 2],
    iv_bits: CK_ULONG,
) -> Result<Places> {
    if out.is_null() {
        return fail(CKR_MECHANISM_PARAM_INVALID, "the place for the key material is NULL");
    }
    // SAFETY: not NULL, so a structure as promised by the caller of this function.
    let raw = unsafe { out.read_unaligned() };
    if iv_bits > 0 && (raw.pIVClient.is_null() || raw.pIVServer.is_null()) {
        return fail(CKR_MECHANISM_PARAM_INVALID, "the place for a vector is NULL");
    }
    let iv_len = usize::try_from(iv_bits / 8).unwrap_or(usize::MAX);
    Ok(Places::KeyMaterial { out, macs: mac_bits > 0, keys: key_bits > 0, iv_len })
}

impl Places {
    /// Whether C_DeriveKey's own place stays empty.
    pub(crate) fn all_in_structure(&self) -> bool {
        matches!(self, Self::KeyMaterial { .. })
    }

    /// Writes handles, and what else was derived.
    pub(crate) fn put(&self, mut handles: impl Iterator<Item = CK_OBJECT_HANDLE>, output: &[u8]) {
        // SAFETY: the places are not NULL where they are written, and writable by the promise given to
        // `places`; the vectors are as long as the structure says.
        unsafe {
            match self {
                Self::None => {}
                Self::Keys(places) => {
                    for place in places {
                        place.write_unaligned(handles.next().unwrap_or(CK_INVALID_HANDLE));
                    }
                }
                Self::Version(place) => {
                    if let (false, &[major, minor]) = (place.is_null(), output) {
                        place.write_unaligned(CK_VERSION { major, minor });
                    }
                }
                &Self::KeyMaterial { out, macs, keys, iv_len } => {
                    let mut next = |there: bool| match there {
                        true => handles.next().unwrap_or(CK_INVALID_HANDLE),
                        false => CK_INVALID_HANDLE,
                    };
                    let mut raw = out.read_unaligned();
                    (raw.hClientMacSecret, raw.hServerMacSecret) = (next(macs), next(macs));
                    (raw.hClientKey, raw.hServerKey) = (next(keys), next(keys));
                    out.write_unaligned(raw);
                    if output.len() == 2 * iv_len && iv_len > 0 {
                        let (client, server) = output.split_at(iv_len);
                        raw.pIVClient.copy_from_nonoverlapping(client.as_ptr(), iv_len);
                        raw.pIVServer.copy_from_nonoverlapping(server.as_ptr(), iv_len);
                    }
                }
            }
        }
    }

    /// Says of every key that there is none, after a failure (6.42.1: all keys or none).
    pub(crate) fn put_none(&self) {
        if !matches!(self, Self::Version(_)) {
            self.put(std::iter::empty(), &[]);
        }
    }
}
