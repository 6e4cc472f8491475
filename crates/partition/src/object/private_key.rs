//! A private key of whatever kind: what key generation makes and a wrapping holds. From it come the attributes
//! of both halves.

use hsmsim_crypto::{
    asn1::{
        self, KeyKind, ed448_params, ed25519_params, wrap_octet_string, x448_params, x25519_params,
    },
    curve448::{Ed448PrivateKey, X448PrivateKey},
    dh::{DhPrivateKey, DhPublicKey},
    dsa::DsaPrivateKey,
    ec::EcPrivateKey,
    edwards::Ed25519PrivateKey,
    ml_dsa::MlDsaPrivateKey,
    ml_kem::MlKemPrivateKey,
    montgomery::X25519PrivateKey,
    rsa::RsaPrivateKey,
    slh_dsa::SlhDsaPrivateKey,
};
use hsmsim_types::{Attribute, Result, ck::*};

use super::{
    Attributes,
    key::KeyMaterial,
    parameter_set::{ml_dsa_number, ml_kem_number, slh_dsa_number},
    parts,
};
use crate::failure::{During, during};

/// A private key.
pub(crate) enum PrivateKey {
    Rsa(RsaPrivateKey),
    Ec(EcPrivateKey),
    Ed25519(Ed25519PrivateKey),
    X25519(X25519PrivateKey),
    Ed448(Ed448PrivateKey),
    X448(X448PrivateKey),
    Dsa(DsaPrivateKey),
    /// Of PKCS#3, or of X9.42 where the parameters have a subprime.
    Dh(DhPrivateKey),
    MlKem(MlKemPrivateKey),
    MlDsa(MlDsaPrivateKey),
    SlhDsa(SlhDsaPrivateKey),
}

impl PrivateKey {
    /// The key in a PrivateKeyInfo.
    ///
    /// # Errors
    /// What the primitives say.
    pub(crate) fn from_pkcs8(encoded: &[u8]) -> std::result::Result<Self, hsmsim_crypto::Error> {
        Ok(match asn1::private_key_kind(encoded)? {
            KeyKind::Rsa | KeyKind::Ec(_) | KeyKind::Ed25519 | KeyKind::X25519 => {
                match asn1::PrivateKey::from_pkcs8(encoded)? {
                    asn1::PrivateKey::Rsa(key) => Self::Rsa(key),
                    asn1::PrivateKey::Ec(key) => Self::Ec(key),
                    asn1::PrivateKey::Ed25519(key) => Self::Ed25519(key),
                    asn1::PrivateKey::X25519(key) => Self::X25519(key),
                }
            }
            KeyKind::Ed448 => Self::Ed448(Ed448PrivateKey::from_pkcs8(encoded)?),
            KeyKind::X448 => Self::X448(X448PrivateKey::from_pkcs8(encoded)?),
            KeyKind::Dsa => Self::Dsa(DsaPrivateKey::from_pkcs8(encoded)?),
            KeyKind::Dh | KeyKind::X942Dh => Self::Dh(DhPrivateKey::from_pkcs8(encoded)?),
            KeyKind::MlKem(_) => Self::MlKem(MlKemPrivateKey::from_pkcs8(encoded)?),
            KeyKind::MlDsa(_) => Self::MlDsa(MlDsaPrivateKey::from_pkcs8(encoded)?),
            KeyKind::SlhDsa(_) => Self::SlhDsa(SlhDsaPrivateKey::from_pkcs8(encoded)?),
        })
    }

    /// Its CKK number.
    pub(crate) fn key_type(&self) -> u64 {
        match self {
            Self::Rsa(_) => CKK_RSA,
            Self::Ec(_) => CKK_EC,
            Self::Ed25519(_) | Self::Ed448(_) => CKK_EC_EDWARDS,
            Self::X25519(_) | Self::X448(_) => CKK_EC_MONTGOMERY,
            Self::Dsa(_) => CKK_DSA,
            Self::Dh(key) if key.parameters().q.is_some() => CKK_X9_42_DH,
            Self::Dh(_) => CKK_DH,
            Self::MlKem(_) => CKK_ML_KEM,
            Self::MlDsa(_) => CKK_ML_DSA,
            Self::SlhDsa(_) => CKK_SLH_DSA,
        }
    }

    /// The attributes that its own numbers become. `params` is CKA_EC_PARAMS as the caller wrote it,
    /// where there is a choice.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED, never in practice.
    pub(crate) fn private(&self, params: Option<&[u8]>) -> Result<Attributes> {
        let failed = during(During::Generate);
        let mut all = parts::kind(CKO_PRIVATE_KEY, self.key_type());
        let mut bytes = |kind, value: &[u8]| all.set(Attribute::bytes(kind, value));
        match self {
            Self::Rsa(key) => {
                let parts = key.components().map_err(failed)?;
                bytes(CKA_MODULUS, &parts.n);
                bytes(CKA_PUBLIC_EXPONENT, &parts.e);
                bytes(CKA_PRIVATE_EXPONENT, &parts.d);
                bytes(CKA_PRIME_1, &parts.p);
                bytes(CKA_PRIME_2, &parts.q);
                bytes(CKA_EXPONENT_1, &parts.dp);
                bytes(CKA_EXPONENT_2, &parts.dq);
                bytes(CKA_COEFFICIENT, &parts.qi);
            }
            Self::Ec(key) => {
                bytes(CKA_EC_PARAMS, params.unwrap_or(&key.curve().params_der()));
                bytes(CKA_VALUE, &key.scalar().map_err(failed)?);
            }
            Self::Ed25519(key) => {
                bytes(CKA_EC_PARAMS, params.unwrap_or(&ed25519_params()));
                bytes(CKA_VALUE, key.seed());
            }
            Self::X25519(key) => {
                bytes(CKA_EC_PARAMS, params.unwrap_or(&x25519_params()));
                bytes(CKA_VALUE, key.private());
            }
            Self::Ed448(key) => {
                bytes(CKA_EC_PARAMS, params.unwrap_or(&ed448_params()));
                bytes(CKA_VALUE, key.seed());
            }
            Self::X448(key) => {
                bytes(CKA_EC_PARAMS, params.unwrap_or(&x448_params()));
                bytes(CKA_VALUE, key.private());
            }
            Self::Dsa(key) => {
                let parameters = key.parameters();
                bytes(CKA_PRIME, &parameters.p);
                bytes(CKA_SUBPRIME, &parameters.q);
                bytes(CKA_BASE, &parameters.g);
                bytes(CKA_VALUE, &key.x());
            }
            Self::Dh(key) => {
                set_dh_parameters(&mut bytes, key);
                bytes(CKA_VALUE, &key.x());
                if key.parameters().q.is_none() {
                    all.set(Attribute::ulong(CKA_VALUE_BITS, key.x_bits() as u64));
                }
            }
            Self::MlKem(key) => {
                bytes(CKA_VALUE, &key.decapsulation_key().map_err(failed)?);
                if let Some(seed) = key.seed() {
                    bytes(CKA_SEED, seed);
                }
                let number = ml_kem_number(key.parameter_set());
                all.set(Attribute::ulong(CKA_PARAMETER_SET, number));
            }
            Self::MlDsa(key) => {
                bytes(CKA_VALUE, key.expanded());
                if let Some(seed) = key.seed() {
                    bytes(CKA_SEED, seed);
                }
                let number = ml_dsa_number(key.parameter_set());
                all.set(Attribute::ulong(CKA_PARAMETER_SET, number));
            }
            Self::SlhDsa(key) => {
                bytes(CKA_VALUE, key.as_bytes());
                let number = slh_dsa_number(key.parameter_set());
                all.set(Attribute::ulong(CKA_PARAMETER_SET, number));
            }
        }
        Ok(all)
    }

    /// Its public half.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED, never in practice.
    pub(crate) fn public_key(&self) -> Result<KeyMaterial> {
        let failed = during(During::Generate);
        Ok(match self {
            Self::Rsa(key) => KeyMaterial::RsaPublic(key.public().map_err(failed)?),
            Self::Ec(key) => KeyMaterial::EcPublic(key.public()),
            Self::Ed25519(key) => KeyMaterial::EdPublic(key.public()),
            Self::X25519(key) => KeyMaterial::XPublic(key.public()),
            Self::Ed448(key) => KeyMaterial::Ed448Public(key.public()),
            Self::X448(key) => KeyMaterial::X448Public(key.public()),
            Self::Dsa(key) => KeyMaterial::DsaPublic(key.public()),
            Self::Dh(key) => KeyMaterial::DhPublic(
                DhPublicKey::from_components(&key.parameters(), &key.y()).map_err(failed)?,
            ),
            Self::MlKem(key) => KeyMaterial::MlKemPublic(key.public().map_err(failed)?),
            Self::MlDsa(key) => KeyMaterial::MlDsaPublic(Box::new(key.public().map_err(failed)?)),
            Self::SlhDsa(key) => KeyMaterial::SlhDsaPublic(key.public()),
        })
    }

    /// The attributes of its public half.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED, never in practice.
    pub(crate) fn public(&self, params: Option<&[u8]>) -> Result<Attributes> {
        let failed = during(During::Generate);
        let mut all = parts::kind(CKO_PUBLIC_KEY, self.key_type());
        let or = |default: Vec<u8>| params.map_or(default, <[u8]>::to_vec);
        match self {
            Self::Rsa(key) => {
                let public = key.public().map_err(failed)?;
                all.set(Attribute::bytes(CKA_MODULUS, public.modulus()));
                all.set(Attribute::bytes(CKA_PUBLIC_EXPONENT, public.exponent()));
            }
            Self::Ec(key) => {
                set_point(&mut all, or(key.curve().params_der()), key.public_point());
            }
            Self::Ed25519(key) => {
                set_point(&mut all, or(ed25519_params()), key.public().as_bytes());
            }
            Self::X25519(key) => {
                set_point(&mut all, or(x25519_params()), key.public().as_bytes());
            }
            Self::Ed448(key) => set_point(&mut all, or(ed448_params()), key.public().as_bytes()),
            Self::X448(key) => set_point(&mut all, or(x448_params()), key.public().as_bytes()),
            Self::Dsa(key) => {
                let parameters = key.parameters();
                all.set(Attribute::bytes(CKA_PRIME, parameters.p));
                all.set(Attribute::bytes(CKA_SUBPRIME, parameters.q));
                all.set(Attribute::bytes(CKA_BASE, parameters.g));
                all.set(Attribute::bytes(CKA_VALUE, key.public().y()));
            }
            Self::Dh(key) => {
                set_dh_parameters(&mut |kind, value| all.set(Attribute::bytes(kind, value)), key);
                all.set(Attribute::bytes(CKA_VALUE, key.y()));
            }
            Self::MlKem(key) => {
                let number = ml_kem_number(key.parameter_set());
                all.set(Attribute::ulong(CKA_PARAMETER_SET, number));
                let public = key.public().map_err(failed)?;
                all.set(Attribute::bytes(CKA_VALUE, public.as_bytes()));
            }
            Self::MlDsa(key) => {
                let number = ml_dsa_number(key.parameter_set());
                all.set(Attribute::ulong(CKA_PARAMETER_SET, number));
                let public = key.public().map_err(failed)?;
                all.set(Attribute::bytes(CKA_VALUE, public.as_bytes()));
            }
            Self::SlhDsa(key) => {
                let number = slh_dsa_number(key.parameter_set());
                all.set(Attribute::ulong(CKA_PARAMETER_SET, number));
                all.set(Attribute::bytes(CKA_VALUE, key.public().as_bytes()));
            }
        }
        Ok(all)
    }
}

impl From<PrivateKey> for KeyMaterial {
    fn from(key: PrivateKey) -> Self {
        match key {
            PrivateKey::Rsa(key) => Self::RsaPrivate(key),
            PrivateKey::Ec(key) => Self::EcPrivate(key),
            PrivateKey::Ed25519(key) => Self::EdPrivate(key),
            PrivateKey::X25519(key) => Self::XPrivate(key),
            PrivateKey::Ed448(key) => Self::Ed448Private(key),
            PrivateKey::X448(key) => Self::X448Private(key),
            PrivateKey::Dsa(key) => Self::DsaPrivate(key),
            PrivateKey::Dh(key) => Self::DhPrivate(key),
            PrivateKey::MlKem(key) => Self::MlKemPrivate(key),
            PrivateKey::MlDsa(key) => Self::MlDsaPrivate(Box::new(key)),
            PrivateKey::SlhDsa(key) => Self::SlhDsaPrivate(key),
        }
    }
}

fn set_dh_parameters(set: &mut dyn FnMut(CK_ATTRIBUTE_TYPE, &[u8]), key: &DhPrivateKey) {
    let parameters = key.parameters();
    set(CKA_PRIME, &parameters.p);
    set(CKA_BASE, &parameters.g);
    if let Some(subprime) = &parameters.q {
        set(CKA_SUBPRIME, subprime);
    }
}

fn set_point(all: &mut Attributes, params: Vec<u8>, point: &[u8]) {
    all.set(Attribute::bytes(CKA_EC_PARAMS, params));
    all.set(Attribute::bytes(CKA_EC_POINT, wrap_octet_string(point)));
}
