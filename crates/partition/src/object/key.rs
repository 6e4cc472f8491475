//! A key as the primitives want it: parsed once, checked, ready for any number of threads.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use hsmsim_crypto::{
    aes::{AesKey, XtsKey},
    asn1,
    block::{BlockAlg, BlockCipher},
    curve448::{Ed448PrivateKey, Ed448PublicKey, X448PrivateKey, X448PublicKey},
    dh::{DhParameters, DhPrivateKey, DhPublicKey},
    dsa::{DsaParameters, DsaPrivateKey, DsaPublicKey},
    ec::{Curve, EcPrivateKey, EcPublicKey},
    edwards::{Ed25519PrivateKey, Ed25519PublicKey},
    hss::HssPublicKey,
    mac::{MacAlg, MacKey},
    ml_dsa::{MlDsaPrivateKey, MlDsaPublicKey},
    ml_kem::{MlKemPrivateKey, MlKemPublicKey},
    montgomery::{X25519PrivateKey, X25519PublicKey},
    rsa::{RsaComponents, RsaPrivateKey, RsaPublicKey},
    slh_dsa::{SlhDsaPrivateKey, SlhDsaPublicKey},
};
use hsmsim_types::{
    Error, Result, SecretBytes,
    ck::*,
    error::fail,
    names::{self, or_hex},
};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::{
    Attributes,
    parameter_set::{ml_dsa_set, ml_kem_set, slh_dsa_set},
    secret_type::SecretType,
};
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
    Ed448Public(Ed448PublicKey),
    Ed448Private(Ed448PrivateKey),
    X448Public(X448PublicKey),
    X448Private(X448PrivateKey),
    DsaPublic(DsaPublicKey),
    DsaPrivate(DsaPrivateKey),
    DhPublic(DhPublicKey),
    DhPrivate(DhPrivateKey),
    MlKemPublic(MlKemPublicKey),
    MlKemPrivate(MlKemPrivateKey),
    MlDsaPublic(Box<MlDsaPublicKey>),
    MlDsaPrivate(Box<MlDsaPrivateKey>),
    SlhDsaPublic(SlhDsaPublicKey),
    SlhDsaPrivate(SlhDsaPrivateKey),
    HssPublic(HssPublicKey),
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
            (CKO_PUBLIC_KEY, CKK_EC_EDWARDS) => match edwards_of(need(CKA_EC_PARAMS)?)? {
                Twisted::Curve25519 => {
                    Self::EdPublic(unpacked_point(need(CKA_EC_POINT)?, |point| {
                        Ed25519PublicKey::from_bytes(point).map_err(&import)
                    })?)
                }
                Twisted::Curve448 => {
                    Self::Ed448Public(unpacked_point(need(CKA_EC_POINT)?, |point| {
                        Ed448PublicKey::from_bytes(point).map_err(&import)
                    })?)
                }
            },
            (CKO_PRIVATE_KEY, CKK_EC_EDWARDS) => match edwards_of(need(CKA_EC_PARAMS)?)? {
                Twisted::Curve25519 => {
                    Self::EdPrivate(Ed25519PrivateKey::from_seed(need(CKA_VALUE)?).map_err(import)?)
                }
                Twisted::Curve448 => Self::Ed448Private(
                    Ed448PrivateKey::from_seed(need(CKA_VALUE)?).map_err(import)?,
                ),
            },
            (CKO_PUBLIC_KEY, CKK_EC_MONTGOMERY) => match montgomery_of(need(CKA_EC_PARAMS)?)? {
                Twisted::Curve25519 => {
                    Self::XPublic(unpacked_point(need(CKA_EC_POINT)?, |point| {
                        X25519PublicKey::from_bytes(point).map_err(&import)
                    })?)
                }
                Twisted::Curve448 => {
                    Self::X448Public(unpacked_point(need(CKA_EC_POINT)?, |point| {
                        X448PublicKey::from_bytes(point).map_err(&import)
                    })?)
                }
            },
            (CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY) => match montgomery_of(need(CKA_EC_PARAMS)?)? {
                Twisted::Curve25519 => Self::XPrivate(
                    X25519PrivateKey::from_private(need(CKA_VALUE)?).map_err(import)?,
                ),
                Twisted::Curve448 => Self::X448Private(
                    X448PrivateKey::from_private(need(CKA_VALUE)?).map_err(import)?,
                ),
            },
            (CKO_PUBLIC_KEY | CKO_PRIVATE_KEY, CKK_DSA) => {
                let parameters = DsaParameters {
                    p: need(CKA_PRIME)?.to_vec(),
                    q: need(CKA_SUBPRIME)?.to_vec(),
                    g: need(CKA_BASE)?.to_vec(),
                };
                let value = need(CKA_VALUE)?;
                match class {
                    CKO_PUBLIC_KEY => Self::DsaPublic(
                        DsaPublicKey::from_components(&parameters, value).map_err(import)?,
                    ),
                    _ => Self::DsaPrivate(
                        DsaPrivateKey::from_components(&parameters, value).map_err(import)?,
                    ),
                }
            }
            (CKO_PUBLIC_KEY | CKO_PRIVATE_KEY, CKK_DH | CKK_X9_42_DH) => {
                let q = match key_type {
                    CKK_X9_42_DH => Some(need(CKA_SUBPRIME)?.to_vec()),
                    _ => None,
                };
                let parameters =
                    DhParameters { p: need(CKA_PRIME)?.to_vec(), g: need(CKA_BASE)?.to_vec(), q };
                let value = need(CKA_VALUE)?;
                match class {
                    CKO_PUBLIC_KEY => Self::DhPublic(
                        DhPublicKey::from_components(&parameters, value).map_err(import)?,
                    ),
                    _ => Self::DhPrivate(
                        DhPrivateKey::from_components(&parameters, value).map_err(import)?,
                    ),
                }
            }
            (CKO_PUBLIC_KEY | CKO_PRIVATE_KEY, CKK_ML_KEM | CKK_ML_DSA | CKK_SLH_DSA) => {
                Self::post_quantum(attributes, class, key_type)?
            }
            (CKO_PUBLIC_KEY, CKK_HSS) => {
                Self::HssPublic(HssPublicKey::from_bytes(need(CKA_VALUE)?).map_err(import)?)
            }
            (CKO_SECRET_KEY, _) | (CKO_OTP_KEY, CKK_HOTP) => {
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

    /// A key of ML-KEM, ML-DSA or SLH-DSA. A private key is its seed, its expanded value, or both.
    fn post_quantum(attributes: &Attributes, class: u64, key_type: u64) -> Result<Self> {
        let import = during(During::Import);
        let missing =
            |what: &str| Error::new(CKR_TEMPLATE_INCOMPLETE, format!("{what} is missing"));
        let number =
            attributes.ulong(CKA_PARAMETER_SET).ok_or_else(|| missing("CKA_PARAMETER_SET"))?;
        let part = |kind| attributes.bytes(kind).filter(|bytes| !bytes.is_empty());
        let (value, seed) = (part(CKA_VALUE), part(CKA_SEED));
        let either = || value.ok_or_else(|| missing("CKA_VALUE"));
        let agree = |made: &[u8]| match value {
            Some(value) if value != made => {
                fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_SEED and CKA_VALUE are of two keys")
            }
            _ => Ok(()),
        };
        Ok(match (class, key_type) {
            (CKO_PUBLIC_KEY, CKK_ML_KEM) => Self::MlKemPublic(
                MlKemPublicKey::from_bytes(ml_kem_set(number)?, either()?).map_err(import)?,
            ),
            (CKO_PUBLIC_KEY, CKK_ML_DSA) => Self::MlDsaPublic(Box::new(
                MlDsaPublicKey::from_bytes(ml_dsa_set(number)?, either()?).map_err(import)?,
            )),
            (CKO_PUBLIC_KEY, _) => Self::SlhDsaPublic(
                SlhDsaPublicKey::from_bytes(slh_dsa_set(number)?, either()?).map_err(import)?,
            ),
            (_, CKK_ML_KEM) => {
                let set = ml_kem_set(number)?;
                Self::MlKemPrivate(match seed {
                    Some(seed) => {
                        let key = MlKemPrivateKey::from_seed(set, seed).map_err(&import)?;
                        agree(&key.decapsulation_key().map_err(import)?)?;
                        key
                    }
                    None => {
                        MlKemPrivateKey::from_decapsulation_key(set, either()?).map_err(import)?
                    }
                })
            }
            (_, CKK_ML_DSA) => {
                let set = ml_dsa_set(number)?;
                Self::MlDsaPrivate(Box::new(match seed {
                    Some(seed) => {
                        let key = MlDsaPrivateKey::from_seed(set, seed).map_err(import)?;
                        agree(key.expanded())?;
                        key
                    }
                    None => MlDsaPrivateKey::from_expanded(set, either()?).map_err(import)?,
                }))
            }
            _ => Self::SlhDsaPrivate(
                SlhDsaPrivateKey::from_bytes(slh_dsa_set(number)?, either()?).map_err(import)?,
            ),
        })
    }

    /// The key's size in the unit of the mechanism table: bits for RSA, curves, DSA and
    /// Diffie-Hellman, bytes for secret keys and, of the public half, for post-quantum ones.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::RsaPublic(key) => key.modulus_bits() as u64,
            Self::RsaPrivate(key) => key.modulus_bits() as u64,
            Self::EcPublic(key) => key.curve().field_bits().into(),
            Self::EcPrivate(key) => key.curve().field_bits().into(),
            Self::EdPublic(_) | Self::EdPrivate(_) | Self::XPublic(_) | Self::XPrivate(_) => 255,
            Self::Ed448Public(_)
            | Self::Ed448Private(_)
            | Self::X448Public(_)
            | Self::X448Private(_) => 448,
            Self::DsaPublic(key) => bits(&key.parameters().p),
            Self::DsaPrivate(key) => bits(&key.parameters().p),
            Self::DhPublic(key) => bits(&key.parameters().p),
            Self::DhPrivate(key) => bits(&key.parameters().p),
            Self::MlKemPublic(key) => key.parameter_set().encapsulation_key_len() as u64,
            Self::MlKemPrivate(key) => key.parameter_set().encapsulation_key_len() as u64,
            Self::MlDsaPublic(key) => key.parameter_set().public_key_len() as u64,
            Self::MlDsaPrivate(key) => key.parameter_set().public_key_len() as u64,
            Self::SlhDsaPublic(key) => key.parameter_set().public_key_len() as u64,
            Self::SlhDsaPrivate(key) => key.parameter_set().public_key_len() as u64,
            Self::HssPublic(key) => key.to_bytes().len() as u64,
            Self::Secret(key) => key.value().len() as u64,
        }
    }
}

/// Bits of a number in big-endian order.
fn bits(number: &[u8]) -> u64 {
    let number = &number[number.iter().take_while(|&&byte| byte == 0).count()..];
    let first = number.first().map_or(0, |byte| u64::from(byte.leading_zeros()));
    (8 * number.len() as u64).saturating_sub(first)
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

/// The curves of the Edwards and Montgomery keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twisted {
    /// Ed25519, X25519.
    Curve25519,
    /// Ed448, X448.
    Curve448,
}

/// The curve of an Edwards key that CKA_EC_PARAMS names.
///
/// # Errors
/// CKR_CURVE_NOT_SUPPORTED.
pub(crate) fn edwards_of(params: &[u8]) -> Result<Twisted> {
    match () {
        () if asn1::is_ed25519_params(params) => Ok(Twisted::Curve25519),
        () if asn1::is_ed448_params(params) => Ok(Twisted::Curve448),
        () => fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names neither Ed25519 nor Ed448"),
    }
}

/// The curve of a Montgomery key that CKA_EC_PARAMS names.
///
/// # Errors
/// CKR_CURVE_NOT_SUPPORTED.
pub(crate) fn montgomery_of(params: &[u8]) -> Result<Twisted> {
    match () {
        () if asn1::is_x25519_params(params) => Ok(Twisted::Curve25519),
        () if asn1::is_x448_params(params) => Ok(Twisted::Curve448),
        () => fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names neither X25519 nor X448"),
    }
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
