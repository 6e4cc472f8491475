//! The attributes that a key's own numbers become: for keys that are generated or unwrapped.

use hsmsim_crypto::{
    asn1::{PrivateKey, ed25519_params, wrap_octet_string, x25519_params},
    rsa::RsaPrivateKey,
};
use hsmsim_types::{Attribute, Result, ck::*};

use super::Attributes;
use crate::failure::{During, during};

/// Class and type of a key.
pub(crate) fn kind(class: u64, key_type: u64) -> Attributes {
    [Attribute::ulong(CKA_CLASS, class), Attribute::ulong(CKA_KEY_TYPE, key_type)]
        .into_iter()
        .collect()
}

/// A secret key.
pub(crate) fn secret(key_type: u64, value: &[u8]) -> Attributes {
    let mut all = kind(CKO_SECRET_KEY, key_type);
    all.set(Attribute::bytes(CKA_VALUE, value));
    all
}

/// The CKK number of a private key.
pub(crate) fn key_type(private: &PrivateKey) -> u64 {
    match private {
        PrivateKey::Rsa(_) => CKK_RSA,
        PrivateKey::Ec(_) => CKK_EC,
        PrivateKey::Ed25519(_) => CKK_EC_EDWARDS,
        PrivateKey::X25519(_) => CKK_EC_MONTGOMERY,
    }
}

/// A private key. `params` is CKA_EC_PARAMS as the caller wrote it, where there is a choice.
///
/// # Errors
/// CKR_FUNCTION_FAILED, never in practice.
pub(crate) fn private(private: &PrivateKey, params: Option<&[u8]>) -> Result<Attributes> {
    let failed = during(During::Generate);
    let mut all = kind(CKO_PRIVATE_KEY, key_type(private));
    let mut bytes = |kind, value: &[u8]| all.set(Attribute::bytes(kind, value));
    match private {
        PrivateKey::Rsa(key) => {
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
        PrivateKey::Ec(key) => {
            bytes(CKA_EC_PARAMS, params.unwrap_or(&key.curve().params_der()));
            bytes(CKA_VALUE, &key.scalar().map_err(failed)?);
        }
        PrivateKey::Ed25519(key) => {
            bytes(CKA_EC_PARAMS, params.unwrap_or(&ed25519_params()));
            bytes(CKA_VALUE, key.seed());
        }
        PrivateKey::X25519(key) => {
            bytes(CKA_EC_PARAMS, params.unwrap_or(&x25519_params()));
            bytes(CKA_VALUE, key.private());
        }
    }
    Ok(all)
}

/// The public half of a private key.
///
/// # Errors
/// CKR_FUNCTION_FAILED, never in practice.
pub(crate) fn public(private: &PrivateKey, params: Option<&[u8]>) -> Result<Attributes> {
    let mut all = kind(CKO_PUBLIC_KEY, key_type(private));
    match private {
        PrivateKey::Rsa(key) => set_rsa_public(&mut all, key)?,
        PrivateKey::Ec(key) => {
            let params = params.map_or_else(|| key.curve().params_der(), <[u8]>::to_vec);
            set_point(&mut all, params, &key.public_point());
        }
        PrivateKey::Ed25519(key) => {
            let params = params.map_or_else(ed25519_params, <[u8]>::to_vec);
            set_point(&mut all, params, key.public().as_bytes());
        }
        PrivateKey::X25519(key) => {
            let params = params.map_or_else(x25519_params, <[u8]>::to_vec);
            set_point(&mut all, params, key.public().as_bytes());
        }
    }
    Ok(all)
}

fn set_rsa_public(all: &mut Attributes, key: &RsaPrivateKey) -> Result<()> {
    let public = key.public().map_err(during(During::Generate))?;
    all.set(Attribute::bytes(CKA_MODULUS, public.modulus()));
    all.set(Attribute::bytes(CKA_PUBLIC_EXPONENT, public.exponent()));
    Ok(())
}

fn set_point(all: &mut Attributes, params: Vec<u8>, point: &[u8]) {
    all.set(Attribute::bytes(CKA_EC_PARAMS, params));
    all.set(Attribute::bytes(CKA_EC_POINT, wrap_octet_string(point)));
}
