//! A key as the primitives want it: parsed once, checked, ready for any number of threads.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use hsmsim_crypto::{
    aes::{AesKey, XtsKey},
    asn1,
    block::{BlockAlg, BlockCipher},
    ec::{Curve, EcPrivateKey, EcPublicKey},
    edwards::{Ed25519PrivateKey, Ed25519PublicKey},
    mac::{MacAlg, MacKey},
    montgomery::{X25519PrivateKey, X25519PublicKey},
    rsa::{RsaComponents, RsaPrivateKey, RsaPublicKey},
};
use hsmsim_types::{
    Error, Result, SecretBytes,
    ck::*,
    error::fail,
    names::{self, or_hex},
};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::{Attributes, secret_type::SecretType};
use crate::failure::{During, during};

/// A key ready for use.
pub(crate) enum KeyMaterial {
    RsaPublic(RsaPublicKey),
    RsaPrivate(RsaPrivateKey),
    EcPublic(EcPublicKey),
    EcPrivate(EcPrivateKey),
    EdPublic(Ed25519PublicKey),
    EdPrivate(Ed25519PrivateKey),
    XPublic(X25519PublicKey),
    XPrivate(X25519PrivateKey),
    Secret(Box<SecretKey>),
}

impl KeyMaterial {
    /// The key that these attributes describe.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID, CKR_CURVE_NOT_SUPPORTED, CKR_TEMPLATE_INCOMPLETE: meant for whoever
    /// gave the attributes; a stored object has passed this before.
    pub(crate) fn from_attributes(attributes: &Attributes) -> Result<Self> {
        let import = during(During::Import);
        let class = attributes.ulong(CKA_CLASS).unwrap_or(u64::MAX);
        let key_type = attributes.ulong(CKA_KEY_TYPE).unwrap_or(u64::MAX);
        let need = |kind| {
            attributes.bytes(kind).ok_or_else(|| {
                let name = or_hex(names::attribute, kind);
                Error::new(CKR_TEMPLATE_INCOMPLETE, format!("{name} is missing"))
            })
        };
        Ok(match (class, key_type) {
            (CKO_PUBLIC_KEY, CKK_RSA) => Self::RsaPublic(
                RsaPublicKey::from_components(need(CKA_MODULUS)?, need(CKA_PUBLIC_EXPONENT)?)
                    .map_err(import)?,
            ),
            (CKO_PRIVATE_KEY, CKK_RSA) => {
                let optional = |kind| attributes.bytes(kind).unwrap_or_default().to_vec();
                let secret = |kind| Zeroizing::new(optional(kind));
                let components = RsaComponents {
                    n: need(CKA_MODULUS)?.to_vec(),
                    e: optional(CKA_PUBLIC_EXPONENT),
                    d: Zeroizing::new(need(CKA_PRIVATE_EXPONENT)?.to_vec()),
                    p: secret(CKA_PRIME_1),
                    q: secret(CKA_PRIME_2),
                    dp: secret(CKA_EXPONENT_1),
                    dq: secret(CKA_EXPONENT_2),
                    qi: secret(CKA_COEFFICIENT),
                };
                Self::RsaPrivate(RsaPrivateKey::from_components(&components).map_err(import)?)
            }
            (CKO_PUBLIC_KEY, CKK_EC) => {
                let curve = curve_of(need(CKA_EC_PARAMS)?)?;
                let point = unpacked_point(need(CKA_EC_POINT)?, |point| {
                    EcPublicKey::from_point(curve, point).map_err(&import)
                })?;
                Self::EcPublic(point)
            }
            (CKO_PRIVATE_KEY, CKK_EC) => {
                let curve = curve_of(need(CKA_EC_PARAMS)?)?;
                Self::EcPrivate(EcPrivateKey::from_scalar(curve, need(CKA_VALUE)?).map_err(import)?)
            }
            (CKO_PUBLIC_KEY, CKK_EC_EDWARDS) => {
                check_edwards(need(CKA_EC_PARAMS)?)?;
                Self::EdPublic(unpacked_point(need(CKA_EC_POINT)?, |point| {
                    Ed25519PublicKey::from_bytes(point).map_err(&import)
                })?)
            }
            (CKO_PRIVATE_KEY, CKK_EC_EDWARDS) => {
                check_edwards(need(CKA_EC_PARAMS)?)?;
                Self::EdPrivate(Ed25519PrivateKey::from_seed(need(CKA_VALUE)?).map_err(import)?)
            }
            (CKO_PUBLIC_KEY, CKK_EC_MONTGOMERY) => {
                check_montgomery(need(CKA_EC_PARAMS)?)?;
                Self::XPublic(unpacked_point(need(CKA_EC_POINT)?, |point| {
                    X25519PublicKey::from_bytes(point).map_err(&import)
                })?)
            }
            (CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY) => {
                check_montgomery(need(CKA_EC_PARAMS)?)?;
                Self::XPrivate(X25519PrivateKey::from_private(need(CKA_VALUE)?).map_err(import)?)
            }
            (CKO_SECRET_KEY, _) => {
                let value = need(CKA_VALUE)?;
                match SecretType::of(key_type) {
                    Some(secret) => secret.check(value)?,
                    None => return fail(CKR_ATTRIBUTE_VALUE_INVALID, "no such type of secret key"),
                }
                Self::Secret(Box::new(SecretKey::new(value)))
            }
            _ => return fail(CKR_KEY_TYPE_INCONSISTENT, "the object is no key"),
        })
    }

    /// The key's size in the unit of the mechanism table: bits for RSA and curves, bytes for secret
    /// keys.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::RsaPublic(key) => key.modulus_bits() as u64,
            Self::RsaPrivate(key) => key.modulus_bits() as u64,
            Self::EcPublic(key) => key.curve().field_bits().into(),
            Self::EcPrivate(key) => key.curve().field_bits().into(),
            Self::EdPublic(_) | Self::EdPrivate(_) | Self::XPublic(_) | Self::XPrivate(_) => 255,
            Self::Secret(key) => key.value().len() as u64,
        }
    }
}

/// A secret key: its value, and what the primitives prepared of it.
pub(crate) struct SecretKey {
    value: SecretBytes,
    aes: OnceLock<std::result::Result<Arc<AesKey>, hsmsim_crypto::Error>>,
    /// Of the block cipher that the key's type means, where that is not AES.
    block: OnceLock<std::result::Result<Arc<dyn BlockCipher>, hsmsim_crypto::Error>>,
    xts: OnceLock<std::result::Result<Arc<XtsKey>, hsmsim_crypto::Error>>,
    /// Prepared for the MAC that was asked for first, mostly the only one.
    mac: OnceLock<MacKey>,
    // Lock: a look and a push; nobody waits for anything under it.
    other_macs: Mutex<Vec<MacKey>>,
}

/// Keeps what was prepared, or why it could not be.
fn prepared<T: Clone>(
    place: &OnceLock<std::result::Result<T, hsmsim_crypto::Error>>,
    prepare: impl FnOnce() -> std::result::Result<T, hsmsim_crypto::Error>,
) -> Result<&T> {
    place
        .get_or_init(prepare)
        .as_ref()
        .map_err(|&cause| crate::failure::because(During::Stored, cause))
}

impl SecretKey {
    fn new(value: &[u8]) -> Self {
        Self {
            value: SecretBytes::new(value.to_vec()),
            aes: OnceLock::new(),
            block: OnceLock::new(),
            xts: OnceLock::new(),
            mac: OnceLock::new(),
            other_macs: Mutex::default(),
        }
    }

    /// The value.
    pub(crate) fn value(&self) -> &[u8] {
        &self.value
    }

    /// The key with AES's round keys computed.
    ///
    /// # Errors
    /// CKR_KEY_SIZE_RANGE for a value that is no AES key.
    pub(crate) fn aes(&self) -> Result<&Arc<AesKey>> {
        prepared(&self.aes, || AesKey::new(&self.value).map(Arc::new))
    }

    /// The key of a block cipher. A key has one type, so it is always the same cipher's.
    ///
    /// # Errors
    /// CKR_KEY_SIZE_RANGE for a value that is no key of it.
    pub(crate) fn block(&self, alg: BlockAlg) -> Result<Arc<dyn BlockCipher>> {
        match alg {
            BlockAlg::Aes => Ok(Arc::<AesKey>::clone(self.aes()?)),
            other => prepared(&self.block, || other.key(&self.value)).map(Arc::clone),
        }
    }

    /// The pair of keys of AES-XTS.
    ///
    /// # Errors
    /// CKR_KEY_SIZE_RANGE, CKR_FUNCTION_FAILED for two equal halves.
    pub(crate) fn xts(&self) -> Result<&Arc<XtsKey>> {
        prepared(&self.xts, || XtsKey::new(&self.value).map(Arc::new))
    }

    /// The key prepared for a MAC.
    ///
    /// # Errors
    /// CKR_KEY_SIZE_RANGE for a value that the MAC does not take.
    pub(crate) fn mac(&self, alg: MacAlg) -> Result<Cow<'_, MacKey>> {
        if let Some(key) = self.mac.get().filter(|key| key.alg() == alg) {
            return Ok(Cow::Borrowed(key));
        }
        let known = |others: &[MacKey]| others.iter().find(|key| key.alg() == alg).cloned();
        if let Some(key) = known(&self.other_macs.lock()) {
            return Ok(Cow::Owned(key));
        }
        let key = MacKey::new(alg, &self.value).map_err(during(During::Stored))?;
        if self.mac.set(key.clone()).is_err() {
            self.other_macs.lock().push(key.clone());
        }
        Ok(Cow::Owned(key))
    }
}

/// The Weierstrass curve that CKA_EC_PARAMS names.
///
/// # Errors
/// CKR_CURVE_NOT_SUPPORTED; CKR_ATTRIBUTE_VALUE_INVALID for what names no curve.
pub(crate) fn curve_of(params: &[u8]) -> Result<Curve> {
    Curve::from_params(params).map_err(|cause| match cause {
        hsmsim_crypto::Error::Unsupported => {
            Error::new(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names a curve that is not here")
        }
        _ => Error::new(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_EC_PARAMS names no curve"),
    })
}

/// Whether CKA_EC_PARAMS names Ed25519.
pub(crate) fn check_edwards(params: &[u8]) -> Result<()> {
    if asn1::is_ed25519_params(params) {
        return Ok(());
    }
    fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS of an Edwards key must name Ed25519")
}

/// Whether CKA_EC_PARAMS names X25519.
pub(crate) fn check_montgomery(params: &[u8]) -> Result<()> {
    if asn1::is_x25519_params(params) {
        return Ok(());
    }
    fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS of a Montgomery key must name X25519")
}

/// Reads CKA_EC_POINT or a peer's public key: a DER OCTET STRING by the standard, the bare point
/// from many applications. The content of an OCTET STRING is tried first: a bare point of the right
/// length that also reads as one would have to begin with 0x04 and its own length.
pub(crate) fn unpacked_point<T>(given: &[u8], read: impl Fn(&[u8]) -> Result<T>) -> Result<T> {
    if let Ok(inner) = asn1::unwrap_octet_string(given)
        && let Ok(point) = read(&inner)
    {
        return Ok(point);
    }
    read(given)
}
