//! Diffie-Hellman of PKCS#3 (6.4.7).

use hsmsim_types::{Params, Result, ck::CKR_KEY_TYPE_INCONSISTENT, error::fail};

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
