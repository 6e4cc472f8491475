//! C_GenerateKey where the mechanism knows more than a length: keys from passwords (6.31.4), premaster
//! secrets of TLS (6.26.3), keys for one-time passwords (6.45.6).

use hsmsim_crypto::{digest::HashAlg, kdf::pbkdf2_hmac, random};
use hsmsim_types::{
    Attribute, Error, KdfParams, Mechanism, Params, Result, Template, ck::*, error::fail,
};
use zeroize::Zeroizing;

use super::{Session, derive::key_len, derive::wanted_len};
use crate::{
    api::Reply,
    attributes::{build::build_planned, build::check_template, template::checked},
    failure::{During, during},
    object::{Attributes, parts::kind, secret_type::SecretType},
};

/// Most rounds of PBKDF2: some seconds of one core.
const ROUNDS_MAX: u64 = 10_000_000;
/// Bytes of a premaster secret.
const PREMASTER_LEN: usize = 48;

impl Session {
    /// CKM_PKCS5_PBKD2.
    pub(super) fn generate_from_password(
        &self,
        mechanism: &Mechanism,
        template: Template,
    ) -> Result<Reply> {
        let Params::Kdf(params) = &mechanism.params else { return no_structure() };
        let KdfParams::Pbkdf2 { salt_source, salt, iterations, prf, prf_data, password } =
            &**params
        else {
            return no_structure();
        };
        if *salt_source != CKZ_SALT_SPECIFIED {
            return fail(CKR_MECHANISM_PARAM_INVALID, "the source of a salt is CKZ_SALT_SPECIFIED");
        }
        if !prf_data.is_empty() {
            return fail(CKR_MECHANISM_PARAM_INVALID, "the pseudorandom function takes no data");
        }
        if !(1..=ROUNDS_MAX).contains(iterations) {
            return fail(
                CKR_MECHANISM_PARAM_INVALID,
                format!("PBKDF2 has from 1 to {ROUNDS_MAX} rounds here"),
            );
        }
        let hash = pbkdf2_hash(*prf)?;
        self.generate_as(mechanism, template, None, |len| {
            let mut value = Zeroizing::new(vec![0; len]);
            pbkdf2_hmac(hash, password, salt, *iterations as u32, &mut value)
                .map_err(during(During::Derive))?;
            Ok(value)
        })
    }

    /// CKM_TLS_PRE_MASTER_KEY_GEN.
    pub(super) fn generate_premaster(
        &self,
        mechanism: &Mechanism,
        template: Template,
    ) -> Result<Reply> {
        let Params::Version(major, minor) = mechanism.params else {
            return fail(CKR_MECHANISM_PARAM_INVALID, "a premaster secret needs CK_VERSION");
        };
        self.generate_as(mechanism, template, Some(PREMASTER_LEN), |len| {
            let mut value = Zeroizing::new(vec![0; len]);
            random::fill(&mut value).map_err(during(During::Generate))?;
            value[..2].copy_from_slice(&[major, minor]);
            Ok(value)
        })
    }

    /// CKM_HOTP_KEY_GEN.
    pub(super) fn generate_hotp(&self, mechanism: &Mechanism, template: Template) -> Result<Reply> {
        if mechanism.params != Params::None {
            return fail(CKR_MECHANISM_PARAM_INVALID, "key generation takes no parameter");
        }
        let given = checked(template)?;
        self.generate_of(mechanism, given, (CKO_OTP_KEY, CKK_HOTP), None, |len| {
            let mut value = Zeroizing::new(vec![0; len]);
            random::fill(&mut value).map_err(during(During::Generate))?;
            Ok(value)
        })
    }

    /// A key of the template's type, or, if there is only one length, a generic secret.
    fn generate_as(
        &self,
        mechanism: &Mechanism,
        template: Template,
        only: Option<usize>,
        value: impl FnOnce(usize) -> Result<Zeroizing<Vec<u8>>>,
    ) -> Result<Reply> {
        let given = checked(template)?;
        let key_type = match (only, given.ulong(CKA_KEY_TYPE)) {
            (None, Some(key_type)) => key_type,
            _ => CKK_GENERIC_SECRET,
        };
        self.generate_of(mechanism, given, (CKO_SECRET_KEY, key_type), only, value)
    }

    /// A key of that class and type.
    fn generate_of(
        &self,
        mechanism: &Mechanism,
        given: Attributes,
        (class, key_type): (u64, u64),
        only: Option<usize>,
        value: impl FnOnce(usize) -> Result<Zeroizing<Vec<u8>>>,
    ) -> Result<Reply> {
        let mut origin = self.origin(mechanism, kind(class, key_type));
        let plan = check_template(&origin, &given)?;
        self.check_write_of(&given, class, key_type)?;
        let wanted = wanted_len(&given)?;
        let secret = SecretType::of(key_type);
        let len = match only.or(wanted).or(secret.and_then(SecretType::usual_len)) {
            Some(len) => key_len(len, key_type, Some(len))?,
            None => return Err(Error::new(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing")),
        };
        let mut value = value(len)?;
        if let Some(secret) = secret {
            secret.settle(&mut value);
        }
        origin.known.set(Attribute::bytes(CKA_VALUE, &value[..]));
        let id = self.partition.new_id()?;
        self.add([build_planned(origin, given, plan, id)?])
    }
}

fn no_structure<T>() -> Result<T> {
    fail(CKR_MECHANISM_PARAM_INVALID, "PBKDF2 needs CK_PKCS5_PBKD2_PARAMS2")
}

/// The hash of a pseudorandom function (CKP number).
fn pbkdf2_hash(prf: u64) -> Result<HashAlg> {
    Ok(match prf {
        CKP_PKCS5_PBKD2_HMAC_SHA1 => HashAlg::Sha1,
        CKP_PKCS5_PBKD2_HMAC_SHA224 => HashAlg::Sha224,
        CKP_PKCS5_PBKD2_HMAC_SHA256 => HashAlg::Sha256,
        CKP_PKCS5_PBKD2_HMAC_SHA384 => HashAlg::Sha384,
        CKP_PKCS5_PBKD2_HMAC_SHA512 => HashAlg::Sha512,
        CKP_PKCS5_PBKD2_HMAC_SHA512_224 => HashAlg::Sha512_224,
        CKP_PKCS5_PBKD2_HMAC_SHA512_256 => HashAlg::Sha512_256,
        _ => {
            return fail(
                CKR_MECHANISM_PARAM_INVALID,
                "the pseudorandom function is not known here",
            );
        }
    })
}
