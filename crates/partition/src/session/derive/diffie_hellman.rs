//! Diffie-Hellman of PKCS#3 (6.4.7) and of X9.42 (6.4.12).

use hsmsim_crypto::{
    digest::HashAlg,
    kdf::{x942_kdf_asn1, x942_kdf_concatenate},
};
use hsmsim_types::{Params, Result, ck::*, error::fail};

use super::{Call, derived, invalid};
use crate::object::{Object, key::KeyMaterial};

/// The shared secret with a peer, whose public value is the parameter.
pub(super) fn key(call: &Call<'_>) -> Result<Object> {
    let KeyMaterial::DhPrivate(key) = call.base.material()? else {
        return fail(CKR_KEY_TYPE_INCONSISTENT, "only private Diffie-Hellman keys agree");
    };
    let Params::Bytes(peer) = call.params else {
        return invalid("the peer's public value is missing");
    };
    let secret = key.derive(peer).map_err(derived)?;
    // As from ECDH, bytes are taken away from the leading end.
    let len = call.wanted()?.within(secret.len())?;
    call.key(&secret[secret.len() - len..])
}

/// The shared secret with a peer, or what a function makes of it.
pub(super) fn x942_key(call: &Call<'_>) -> Result<Object> {
    let KeyMaterial::DhPrivate(key) = call.base.material()? else {
        return fail(CKR_KEY_TYPE_INCONSISTENT, "only private Diffie-Hellman keys agree");
    };
    let Params::X942 { kdf, other_info, public_data } = call.params else {
        return invalid("X9.42 needs CK_X9_42_DH1_DERIVE_PARAMS");
    };
    let secret = key.derive(public_data).map_err(derived)?;
    let wanted = call.wanted()?;
    let function = match *kdf {
        CKD_NULL if other_info.is_empty() => {
            let len = wanted.within(secret.len())?;
            return call.key(&secret[secret.len() - len..]);
        }
        CKD_NULL => return invalid("CKD_NULL takes no other info"),
        CKD_SHA1_KDF_ASN1 => x942_kdf_asn1,
        CKD_SHA1_KDF_CONCATENATE => x942_kdf_concatenate,
        _ => return invalid("the derivation function is not known here"),
    };
    call.key(&function(HashAlg::Sha1, &secret, other_info, wanted.said()?).map_err(derived)?)
}
