//! HKDF (6.61): both halves or one of them, to a key or to a data object.

use hsmsim_crypto::kdf::{hkdf_expand, hkdf_extract};
use hsmsim_types::{Attribute, Error, HkdfSalt, KdfParams, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{Call, Made, derived, invalid, secret, wanted_len};
use crate::{
    attributes::{
        Way,
        build::{Origin, build},
    },
    mechanisms::hash_of,
    object::Attributes,
};

/// CKM_HKDF_DERIVE.
pub(super) fn key(call: &Call<'_>) -> Result<Made> {
    let wanted = call.wanted()?;
    let value = derive(call, |available| match available {
        // The first half alone gives as many bytes as the hash has.
        Some(available) => wanted.within(available),
        None => wanted.said(),
    })?;
    Ok(call.key(&value)?.into())
}

/// CKM_HKDF_DATA: the template says the length as it does for a key, though a data object does not keep
/// it.
pub(super) fn data(call: &Call<'_>) -> Result<Made> {
    let mut given = call.given.clone();
    let len = wanted_len(&given)?;
    given.remove(CKA_VALUE_LEN);
    if given.ulong(CKA_CLASS).is_some_and(|class| class != CKO_DATA) {
        return fail(CKR_TEMPLATE_INCONSISTENT, "the mechanism makes data objects");
    }
    if given.get(CKA_VALUE).is_some() {
        return fail(CKR_TEMPLATE_INCONSISTENT, "CKA_VALUE comes from the operation");
    }
    call.session.check_write_of(&given, CKO_DATA, 0)?;
    let value = derive(call, |available| match (len, available) {
        (Some(len), Some(available)) if len > available => {
            fail(CKR_TEMPLATE_INCONSISTENT, format!("there are {available} bytes"))
        }
        (Some(len), _) | (None, Some(len)) => Ok(len),
        (None, None) => fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing"),
    })?;
    let known: Attributes =
        [Attribute::ulong(CKA_CLASS, CKO_DATA), Attribute::bytes(CKA_VALUE, &value[..])]
            .into_iter()
            .collect();
    let origin = Origin::of(Way::Derive, known, call.session.maker());
    let id = call.session.partition.new_id()?;
    Ok(build(origin, given, id)?.into())
}

/// As many bytes as `len` says, which is told how many there are if that is limited.
fn derive(
    call: &Call<'_>,
    len: impl Fn(Option<usize>) -> Result<usize>,
) -> Result<Zeroizing<Vec<u8>>> {
    let KdfParams::Hkdf { extract, expand, hash, salt, info } = call.kdf()? else {
        return invalid("HKDF needs CK_HKDF_PARAMS");
    };
    let hash = hash_of(*hash)
        .ok_or_else(|| Error::new(CKR_MECHANISM_PARAM_INVALID, "the hash is not known here"))?;
    if !extract && !expand {
        return invalid("HKDF extracts, expands or does both");
    }
    let base = call.base_value()?;
    let mut key = Zeroizing::new(base.to_vec());
    if *extract {
        key = match salt {
            HkdfSalt::Null => hkdf_extract(hash, &[], base),
            HkdfSalt::Data(salt) => hkdf_extract(hash, salt, base),
            HkdfSalt::Key(salt) => hkdf_extract(hash, secret(&*call.other(*salt)?)?.value(), base),
        }
        .map_err(derived)?;
    }
    if *expand {
        return hkdf_expand(hash, &key, info, len(None)?).map_err(derived);
    }
    let available = key.len();
    key.truncate(len(Some(available))?);
    Ok(key)
}
