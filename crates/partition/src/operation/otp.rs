//! One-time passwords by counting: HOTP (PKCS#11 3.1, 6.45; RFC 4226). What an application says beside the key,
//! and what a password and its counter look like as a signature.

use hsmsim_crypto::{constant_time_eq, otp::hotp};
use hsmsim_types::{Error, OtpParam, Params, Result, ck::*, error::fail};

use crate::{
    failure::{During, during},
    object::{Object, key::KeyMaterial},
};

/// Bytes of a counter.
const COUNTER_LEN: usize = 8;

/// What one password is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Password {
    /// What it counts.
    pub(crate) counter: u64,
    /// Whether that is the key's own counter, which then goes on.
    pub(crate) counts: bool,
    digits: u32,
    tells_counter: bool,
}

impl Password {
    /// What a key and the parameters come to.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID for elements that HOTP does not have, contradict the key, or stand twice.
    pub(crate) fn new(key: &Object, params: &Params) -> Result<Self> {
        let own = key.attributes.bytes(CKA_OTP_COUNTER).and_then(|bytes| bytes.try_into().ok());
        let own = own
            .map(u64::from_be_bytes)
            .ok_or_else(|| Error::new(CKR_FUNCTION_FAILED, "the key has no counter"))?;
        let digits = key.attributes.ulong(CKA_OTP_LENGTH).unwrap_or_default() as u32;
        let mut password = Self { counter: own, counts: true, digits, tells_counter: true };
        let (mut flags, mut given) = (0, None);
        let params: &[OtpParam] = if let Params::Otp(params) = params { params } else { &[] };
        for (index, OtpParam { kind, value }) in params.iter().enumerate() {
            if params[..index].iter().any(|before| before.kind == *kind) {
                return invalid("an element stands twice in CK_OTP_PARAMS");
            }
            match *kind {
                CK_OTP_COUNTER => match value.as_slice().try_into() {
                    Ok(bytes) => given = Some(u64::from_be_bytes(bytes)),
                    Err(_) => return invalid("the counter of HOTP has eight bytes"),
                },
                CK_OTP_FLAGS => flags = number(value)?,
                CK_OTP_OUTPUT_LENGTH => match number(value)? {
                    len @ 6..=9 => password.digits = len as u32,
                    _ => return invalid("the passwords of HOTP have 6 to 9 digits"),
                },
                CK_OTP_OUTPUT_FORMAT if number(value)? == CK_OTP_FORMAT_DECIMAL => {}
                CK_OTP_OUTPUT_FORMAT => return invalid("the passwords of HOTP are decimal"),
                _ => return invalid("HOTP takes no such element of CK_OTP_PARAMS"),
            }
        }
        const KNOWN: u64 = CKF_NEXT_OTP
            | CKF_EXCLUDE_TIME
            | CKF_EXCLUDE_COUNTER
            | CKF_EXCLUDE_CHALLENGE
            | CKF_EXCLUDE_PIN
            | CKF_USER_FRIENDLY_OTP;
        if flags & !KNOWN != 0 {
            return invalid("there is no such flag of one-time passwords");
        }
        password.tells_counter = flags & CKF_EXCLUDE_COUNTER == 0;
        match (given, key.attributes.ulong(CKA_OTP_COUNTER_REQUIREMENT)) {
            (Some(_), Some(CK_OTP_PARAM_IGNORED)) => {
                return invalid("the key counts by itself: CKA_OTP_COUNTER_REQUIREMENT");
            }
            (None, Some(CK_OTP_PARAM_MANDATORY)) => {
                return invalid("the key wants a counter: CKA_OTP_COUNTER_REQUIREMENT");
            }
            (Some(counter), _) => (password.counter, password.counts) = (counter, false),
            (None, _) => {}
        }
        if flags & CKF_NEXT_OTP != 0 {
            password.counter = password.counter.wrapping_add(1);
        }
        Ok(password)
    }

    /// The password's digits.
    fn digits(&self, key: &Object) -> Result<String> {
        match key.material()? {
            KeyMaterial::Secret(key) => {
                hotp(key.value(), self.counter, self.digits).map_err(during(During::Sign))
            }
            _ => super::unfit(),
        }
    }

    /// The image of the password's CK_OTP_SIGNATURE_INFO.
    pub(crate) fn sign(&self, key: &Object) -> Result<Vec<u8>> {
        let mut params =
            vec![OtpParam { kind: CK_OTP_VALUE, value: self.digits(key)?.into_bytes() }];
        if self.tells_counter {
            let value = self.counter.to_be_bytes().to_vec();
            params.push(OtpParam { kind: CK_OTP_COUNTER, value });
        }
        Ok(OtpParam::image(&params))
    }

    /// Whether this is the password. A counter beside it must be the same.
    ///
    /// # Errors
    /// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
    pub(crate) fn verify(&self, key: &Object, image: &[u8]) -> Result<()> {
        let Some(params) = OtpParam::of_image(image) else {
            return fail(CKR_SIGNATURE_INVALID, "the signature is no CK_OTP_SIGNATURE_INFO");
        };
        let element = |kind| params.iter().find(|param| param.kind == kind);
        let Some(value) = element(CK_OTP_VALUE) else {
            return fail(CKR_SIGNATURE_INVALID, "CK_OTP_SIGNATURE_INFO has no CK_OTP_VALUE");
        };
        let expected = self.digits(key)?;
        if value.value.len() != expected.len() {
            return fail(CKR_SIGNATURE_LEN_RANGE, "the password has another length");
        }
        let counter = self.counter.to_be_bytes();
        let counted = element(CK_OTP_COUNTER).is_none_or(|given| given.value == counter);
        if counted && constant_time_eq(&value.value, expected.as_bytes()) {
            return Ok(());
        }
        fail(CKR_SIGNATURE_INVALID, "the password is another")
    }
}

/// Bytes of the CK_OTP_SIGNATURE_INFO that C_Sign gives.
pub(super) fn signature_len(key: &Object, params: &Params) -> Result<usize> {
    let password = Password::new(key, params)?;
    let digits = password.digits as usize;
    Ok(match password.tells_counter {
        true => OtpParam::image_len(&[digits, COUNTER_LEN]),
        false => OtpParam::image_len(&[digits]),
    })
}

fn number(value: &[u8]) -> Result<u64> {
    match value.try_into() {
        Ok(bytes) => Ok(u64::from_ne_bytes(bytes)),
        Err(_) => invalid("an element of CK_OTP_PARAMS is a CK_ULONG of eight bytes"),
    }
}

fn invalid<T>(rule: &'static str) -> Result<T> {
    fail(CKR_MECHANISM_PARAM_INVALID, rule)
}
