//! What IKE derives (6.64).

use hsmsim_crypto::{
    kdf::{ike_prf, ike_prf_key, ike_prf_of_secret, ike1_extended, ike1_prf, ike2_prf_plus},
    mac::{MacAlg, MacKey},
};
use hsmsim_types::{Error, KdfParams, KeyRef, Result, ck::*};
use zeroize::Zeroizing;

use super::{Call, Made, derived, invalid, secret};
use crate::mechanisms::mac_of;

/// CKM_IKE_PRF_DERIVE.
pub(super) fn prf(call: &Call<'_>) -> Result<Made> {
    let KdfParams::IkePrf { prf, data_as_key, new_key, initiator, responder } = call.kdf()? else {
        return invalid("the derivation needs CK_IKE_PRF_DERIVE_PARAMS");
    };
    let value = match (data_as_key, new_key) {
        (true, Some(_)) => return invalid("either the data is the key or there is a new one"),
        (true, None) => {
            let base = call.base_value()?;
            ike_prf_of_secret(alg(*prf)?, initiator, responder, base).map_err(derived)?
        }
        (false, new_key) => {
            let new_secret = new_key.map(|key| other(call, key)).transpose()?;
            let new_secret = new_secret.as_deref().map(Vec::as_slice);
            ike_prf(&prepared(call, *prf)?, new_secret, initiator, responder)
        }
    };
    Ok(call.leading(&value)?.into())
}

/// CKM_IKE1_PRF_DERIVE.
pub(super) fn prf1(call: &Call<'_>) -> Result<Made> {
    let KdfParams::Ike1Prf { prf, secret, previous, initiator, responder, number } = call.kdf()?
    else {
        return invalid("the derivation needs CK_IKE1_PRF_DERIVE_PARAMS");
    };
    let shared = other(call, *secret)?;
    let previous = previous.map(|key| other(call, key)).transpose()?;
    let base = prepared(call, *prf)?;
    let previous = previous.as_deref().map(Vec::as_slice);
    let value = ike1_prf(&base, previous, &shared, initiator, responder, *number);
    Ok(call.leading(&value)?.into())
}

/// CKM_IKE1_EXTENDED_DERIVE.
pub(super) fn extended(call: &Call<'_>) -> Result<Made> {
    let KdfParams::Ike1Extended { prf, secret, extra } = call.kdf()? else {
        return invalid("the derivation needs CK_IKE1_EXTENDED_DERIVE_PARAMS");
    };
    let len = call.wanted()?.said()?;
    let secret = secret.map(|key| other(call, key)).transpose()?;
    let secret = secret.as_deref().map(Vec::as_slice);
    let base = prepared(call, *prf)?;
    let value = ike1_extended(&base, call.base_value()?, secret, extra, len).map_err(derived)?;
    Ok(call.key(&value)?.into())
}

/// CKM_IKE2_PRF_PLUS_DERIVE.
pub(super) fn prf_plus(call: &Call<'_>) -> Result<Made> {
    let KdfParams::Ike2PrfPlus { prf, seed_key, seed } = call.kdf()? else {
        return invalid("the derivation needs CK_IKE2_PRF_PLUS_DERIVE_PARAMS");
    };
    let len = call.wanted()?.said()?;
    let first = seed_key.map(|key| other(call, key)).transpose()?.unwrap_or_default();
    let base = prepared(call, *prf)?;
    let value = ike2_prf_plus(&base, &[&first, seed], len).map_err(derived)?;
    Ok(call.key(&value)?.into())
}

fn alg(prf: u64) -> Result<MacAlg> {
    match mac_of(prf) {
        Some((alg, _)) => Ok(alg),
        None => Err(Error::new(
            CKR_MECHANISM_PARAM_INVALID,
            "the pseudorandom function is not known here",
        )),
    }
}

fn prepared(call: &Call<'_>, prf: u64) -> Result<MacKey> {
    ike_prf_key(alg(prf)?, call.base_value()?).map_err(derived)
}

fn other(call: &Call<'_>, key: KeyRef) -> Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new(secret(&*call.other(key)?)?.value().to_vec()))
}
