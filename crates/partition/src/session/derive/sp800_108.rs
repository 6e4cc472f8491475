//! The key derivation functions of SP 800-108 (6.42), which make one key or several.

use std::sync::Arc;

use hsmsim_crypto::{
    kdf::{DkmLength, Field, Mode, NumberFormat, sp800_108},
    mac::MacAlg,
};
use hsmsim_types::{Error, KdfParams, PrfField, PrfNumber, Result, ck::*, error::fail};

use super::{Call, Heritage, Made, derived, impose, invalid, secret};
use crate::{
    attributes::template::checked,
    mechanisms::{derivation::KdfMode, mac_of},
    object::Object,
};

/// All keys, the one of C_DeriveKey first.
pub(super) fn keys(call: &Call<'_>, mode: KdfMode) -> Result<Made> {
    let KdfParams::Sp800_108 { prf, fields, iv, additional } = call.kdf()? else {
        return invalid("SP 800-108 needs CK_SP800_108_KDF_PARAMS or its kin");
    };
    let (alg, takes) = mac_of(*prf)
        .filter(|(alg, _)| matches!(alg, MacAlg::Hmac(_) | MacAlg::AesCmac | MacAlg::Des3Cmac))
        .ok_or_else(|| {
            Error::new(CKR_MECHANISM_PARAM_INVALID, "the pseudorandom function is not known here")
        })?;
    if !takes(call.base.key_type) {
        return fail(CKR_KEY_TYPE_INCONSISTENT, "the pseudorandom function takes another key");
    }

    let mut templates = vec![call.given.clone()];
    for template in additional {
        let mut given = checked(template.clone())?;
        impose(call.base, CKA_DERIVE_TEMPLATE, &mut given)?;
        templates.push(given);
    }
    let (mut types, mut lengths) = (Vec::new(), Vec::new());
    for given in &templates {
        let wanted = call.wanted_of(given)?;
        types.push(wanted.key_type);
        lengths.push(wanted.said()?);
    }

    let others = fields
        .iter()
        .map(|field| match field {
            PrfField::Key(key) => call.other(*key).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<Vec<Option<Arc<Object>>>>>()?;
    let fields = fields
        .iter()
        .zip(&others)
        .map(|(field, other)| self::field(field, other.as_deref()))
        .collect::<Result<Vec<_>>>()?;
    let mode = match mode {
        KdfMode::Counter => Mode::Counter,
        KdfMode::Feedback => Mode::Feedback(iv),
        KdfMode::DoublePipeline => Mode::DoublePipeline,
    };
    let prf = call.base_key()?.mac(alg)?;
    let values = sp800_108(&prf, mode, &fields, &lengths).map_err(derived)?;

    let heritage = Heritage::of(&[call.base]);
    let objects = templates
        .iter()
        .zip(types)
        .zip(&values)
        .map(|((given, key_type), value)| call.make(given, key_type, value, &heritage))
        .collect::<Result<_>>()?;
    Ok(Made { objects, output: Vec::new() })
}

fn field<'a>(field: &'a PrfField, other: Option<&'a Object>) -> Result<Field<'a>> {
    Ok(match field {
        PrfField::IterationVariable(number) => {
            Field::IterationVariable(number.map(format).transpose()?)
        }
        PrfField::Counter(number) => Field::Counter(format(*number)?),
        PrfField::DkmLength(CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, number) => {
            Field::DkmLength(DkmLength::SumOfKeys, format(*number)?)
        }
        PrfField::DkmLength(CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS, number) => {
            Field::DkmLength(DkmLength::SumOfSegments, format(*number)?)
        }
        PrfField::DkmLength(..) => return invalid("there is no such length of keying material"),
        PrfField::Bytes(bytes) => Field::Bytes(bytes),
        PrfField::Key(_) => match other {
            Some(key) => Field::Bytes(secret(key)?.value()),
            None => return fail(CKR_KEY_HANDLE_INVALID, "the parameters name no key"),
        },
    })
}

fn format(number: PrfNumber) -> Result<NumberFormat> {
    match u32::try_from(number.width_bits) {
        Ok(width_bits) => Ok(NumberFormat { little_endian: number.little_endian, width_bits }),
        Err(_) => invalid("no number is so wide"),
    }
}
