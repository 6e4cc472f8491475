//! Keys put together of others, of data, or of bits of one (6.43). The result is no less protected than
//! what goes in.

use hsmsim_types::{KdfParams, Params, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{Call, Heritage, Made, invalid, secret};
use crate::object::{Object, secret_type::SecretType};

/// CKM_CONCATENATE_BASE_AND_KEY.
pub(super) fn base_and_key(call: &Call<'_>) -> Result<Made> {
    let KdfParams::Key(key) = call.kdf()? else {
        return invalid("the derivation needs the handle of another key");
    };
    let key = call.other(*key)?;
    let value = Zeroizing::new([call.base_value()?, secret(&key)?.value()].concat());
    of(call, &value, &[call.base, &*key])
}

/// CKM_CONCATENATE_BASE_AND_DATA.
pub(super) fn base_and_data(call: &Call<'_>) -> Result<Made> {
    let value = Zeroizing::new([call.base_value()?, data(call)?].concat());
    of(call, &value, &[call.base])
}

/// CKM_CONCATENATE_DATA_AND_BASE.
pub(super) fn data_and_base(call: &Call<'_>) -> Result<Made> {
    let value = Zeroizing::new([data(call)?, call.base_value()?].concat());
    of(call, &value, &[call.base])
}

/// CKM_XOR_BASE_AND_DATA: as much as the shorter of the two has.
pub(super) fn xor(call: &Call<'_>) -> Result<Made> {
    let (base, data) = (call.base_value()?, data(call)?);
    if data.is_empty() {
        return invalid("there is no data");
    }
    let value: Zeroizing<Vec<u8>> =
        Zeroizing::new(base.iter().zip(data).map(|(base, data)| base ^ data).collect());
    of(call, &value, &[call.base])
}

/// CKM_EXTRACT_KEY_FROM_KEY: bits from a place on, going on at the beginning after the last.
pub(super) fn extract(call: &Call<'_>) -> Result<Made> {
    let base = call.base_value()?;
    let bits = 8 * base.len();
    let first = match *call.params {
        Params::Length(first) if first < bits as u64 => first as usize,
        _ => return invalid("CK_EXTRACT_PARAMS names a bit that the key does not have"),
    };
    let wanted = call.wanted()?;
    // 6.43.7: there is no length that would follow by itself.
    let usual = SecretType::of(wanted.key_type).and_then(SecretType::usual_len);
    if wanted.len.or(usual).is_none() {
        return fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing");
    }
    wanted.within(base.len())?;
    let bit = |at: usize| base[(at % bits) / 8] >> (7 - at % 8) & 1;
    let byte =
        |index: usize| (0..8).fold(0, |byte, place| byte << 1 | bit(first + 8 * index + place));
    let value: Zeroizing<Vec<u8>> = Zeroizing::new((0..base.len()).map(byte).collect());
    of(call, &value, &[call.base])
}

fn data<'a>(call: &'a Call<'_>) -> Result<&'a [u8]> {
    match call.params {
        Params::DerivationData(data) => Ok(data),
        _ => invalid("the derivation needs CK_KEY_DERIVATION_STRING_DATA"),
    }
}

/// The first bytes of a value as a key that is protected as all its parents together.
fn of(call: &Call<'_>, value: &[u8], parents: &[&Object]) -> Result<Made> {
    let wanted = call.wanted()?;
    let len = wanted.within(value.len())?;
    let heritage = Heritage::of(parents);
    let given = heritage.protect(&call.given)?;
    Ok(call.make(&given, wanted.key_type, &value[..len], &heritage)?.into())
}
