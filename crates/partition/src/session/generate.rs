//! C_GenerateKey and C_GenerateKeyPair (PKCS#11 3.1, 5.18.1 and 5.18.2).

use hsmsim_crypto::{
    curve448::{Ed448PrivateKey, X448PrivateKey},
    des,
    dh::{DhParameters, DhPrivateKey},
    dsa::{DsaParameters, DsaPrivateKey},
    ec::EcPrivateKey,
    edwards::Ed25519PrivateKey,
    ml_dsa::MlDsaPrivateKey,
    ml_kem::MlKemPrivateKey,
    montgomery::X25519PrivateKey,
    random,
    rsa::RsaPrivateKey,
    slh_dsa::SlhDsaPrivateKey,
};
use hsmsim_types::{Error, Mechanism, Result, Template, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{Session, parameters::no_parameter};
use crate::{
    api::Reply,
    attributes::{
        Way,
        build::{Origin, build_planned, check_template},
        template::checked,
    },
    failure::{During, during},
    mechanisms::{Entry, Scheme},
    object::{
        Attributes,
        key::{Twisted, curve_of, edwards_of, montgomery_of},
        parameter_set::{ml_dsa_set, ml_kem_set, slh_dsa_set},
        parts::{self, kind},
        private_key::PrivateKey,
        secret_type::{Lengths, SecretType},
    },
};

/// The public exponent that is used when nobody asks for another.
const EXPONENT: &[u8] = &[1, 0, 1];

impl Session {
    pub(super) fn generate_key(&self, mechanism: &Mechanism, template: Template) -> Result<Reply> {
        let mechanisms = &self.partition.personality().mechanisms;
        let entry = mechanisms.usable_again(mechanism, CKF_GENERATE, &self.mechanism)?;
        match entry.scheme {
            Scheme::Pbkdf2 => return self.generate_from_password(mechanism, template),
            Scheme::HotpKeyGen => return self.generate_hotp(mechanism, template),
            Scheme::TlsPremasterGen => return self.generate_premaster(mechanism, template),
            Scheme::DsaParameterGen
            | Scheme::DsaProbableParameterGen
            | Scheme::DsaProvableParameterGen
            | Scheme::DhParameterGen
            | Scheme::X942ParameterGen => {
                return self.generate_parameters(entry, mechanism, template);
            }
            _ => {}
        }
        no_parameter(&mechanism.params)?;
        let Scheme::SecretKeyGen(key_type) = entry.scheme else {
            return fail(CKR_MECHANISM_INVALID, "the mechanism makes no secret key");
        };
        let mut given = checked(template)?;
        let mut origin = self.origin(mechanism, kind(CKO_SECRET_KEY, key_type));
        let plan = check_template(&origin, &given)?;
        self.check_write_of(&given, CKO_SECRET_KEY, key_type)?;

        let Some(secret) = SecretType::of(key_type) else {
            return fail(CKR_MECHANISM_INVALID, "the mechanism makes no secret key");
        };
        let mut value = Zeroizing::new(vec![0; secret_len(&given, secret, entry)?]);
        // pkcs11-tool asks for 24 bytes of triple DES: that is true, and no attribute of the key.
        if !secret.has_value_len() {
            given.remove(CKA_VALUE_LEN);
        }
        loop {
            random::fill(&mut value).map_err(during(During::Generate))?;
            secret.settle(&mut value);
            // A weak key is drawn again (6.21.1).
            if !secret.is_des() || des::is_weak(&value).is_ok_and(|weak| !weak) {
                break;
            }
        }
        origin.known = parts::secret(key_type, &value);
        let id = self.partition.new_id()?;
        self.add([build_planned(origin, given, plan, id)?])
    }

    pub(super) fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: Template,
        private: Template,
    ) -> Result<Reply> {
        let entry = self.generator(mechanism, CKF_GENERATE_KEY_PAIR)?;
        let key_type = match entry.scheme {
            Scheme::RsaKeyPairGen | Scheme::RsaX931KeyPairGen => CKK_RSA,
            Scheme::EcKeyPairGen => CKK_EC,
            Scheme::EdwardsKeyPairGen => CKK_EC_EDWARDS,
            Scheme::MontgomeryKeyPairGen => CKK_EC_MONTGOMERY,
            Scheme::DsaKeyPairGen => CKK_DSA,
            Scheme::DhKeyPairGen => CKK_DH,
            Scheme::X942DhKeyPairGen => CKK_X9_42_DH,
            Scheme::MlKemKeyPairGen => CKK_ML_KEM,
            Scheme::MlDsaKeyPairGen => CKK_ML_DSA,
            Scheme::SlhDsaKeyPairGen => CKK_SLH_DSA,
            _ => return fail(CKR_MECHANISM_INVALID, "the mechanism makes no key pair"),
        };
        let (public, private) = (checked(public)?, checked(private)?);
        let mut of_public = self.origin(mechanism, kind(CKO_PUBLIC_KEY, key_type));
        let mut of_private = self.origin(mechanism, kind(CKO_PRIVATE_KEY, key_type));
        let public_plan = check_template(&of_public, &public)?;
        let private_plan = check_template(&of_private, &private)?;
        self.check_write_of(&public, CKO_PUBLIC_KEY, key_type)?;
        self.check_write_of(&private, CKO_PRIVATE_KEY, key_type)?;

        let made = make_pair(entry, &public, &private)?;
        let params = public.bytes(CKA_EC_PARAMS);
        of_public.known = made.public(params)?;
        of_public.key = Some(made.public_key()?);
        of_private.known = made.private(params)?;
        of_private.key = Some(made.into());
        let (public_id, private_id) = (self.partition.new_id()?, self.partition.new_id()?);
        self.add([
            build_planned(of_public, public, public_plan, public_id)?,
            build_planned(of_private, private, private_plan, private_id)?,
        ])
    }

    fn generator(&self, mechanism: &Mechanism, flag: CK_FLAGS) -> Result<&Entry> {
        let mechanisms = &self.partition.personality().mechanisms;
        let entry = mechanisms.usable_again(mechanism, flag, &self.mechanism)?;
        no_parameter(&mechanism.params).map(|()| entry)
    }

    pub(super) fn origin(&self, mechanism: &Mechanism, known: Attributes) -> Origin {
        let mut origin = Origin::of(Way::Generate, known, self.maker());
        origin.generated_by = Some(mechanism.kind);
        origin
    }
}

/// Length of a secret key that is to be made: CKA_VALUE_LEN where its type leaves a choice.
fn secret_len(given: &Attributes, secret: &SecretType, entry: &Entry) -> Result<usize> {
    let Some(len) = given.ulong(CKA_VALUE_LEN) else {
        return secret
            .usual_len()
            .ok_or_else(|| Error::new(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing"));
    };
    let sized = !matches!(secret.lengths, Lengths::OneOf(_));
    if sized && !entry.takes_size(len) {
        let (min, max) = entry.sizes;
        return fail(CKR_KEY_SIZE_RANGE, format!("CKA_VALUE_LEN is from {min} to {max}"));
    }
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if !secret.takes(len) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN: no key of this type is so long");
    }
    // A profile may take fewer lengths than the type has.
    if !sized && secret.has_value_len() {
        check_size(entry, len as u64)?;
    }
    Ok(len)
}

fn make_pair(entry: &Entry, public: &Attributes, private: &Attributes) -> Result<PrivateKey> {
    let failed = during(During::Generate);
    let missing = |what: &str| Error::new(CKR_TEMPLATE_INCOMPLETE, format!("{what} is missing"));
    let curve = || public.bytes(CKA_EC_PARAMS).ok_or_else(|| missing("CKA_EC_PARAMS"));
    let set = || public.ulong(CKA_PARAMETER_SET).ok_or_else(|| missing("CKA_PARAMETER_SET"));
    let number = |kind| public.bytes(kind).unwrap_or_default().to_vec();
    Ok(match entry.scheme {
        Scheme::RsaKeyPairGen | Scheme::RsaX931KeyPairGen => {
            let bits = public.ulong(CKA_MODULUS_BITS).ok_or_else(|| missing("CKA_MODULUS_BITS"))?;
            check_size(entry, bits)?;
            let exponent = public.bytes(CKA_PUBLIC_EXPONENT).unwrap_or(EXPONENT);
            let generate = match entry.scheme {
                Scheme::RsaKeyPairGen => RsaPrivateKey::generate,
                _ => RsaPrivateKey::generate_x931,
            };
            PrivateKey::Rsa(generate(bits as u32, exponent).map_err(failed)?)
        }
        Scheme::EcKeyPairGen => {
            let curve = curve_of(curve()?)?;
            check_size(entry, curve.field_bits().into())?;
            PrivateKey::Ec(EcPrivateKey::generate(curve).map_err(failed)?)
        }
        Scheme::EdwardsKeyPairGen => match edwards_of(curve()?)? {
            Twisted::Curve25519 => {
                PrivateKey::Ed25519(Ed25519PrivateKey::generate().map_err(failed)?)
            }
            Twisted::Curve448 => {
                check_size(entry, 448)?;
                PrivateKey::Ed448(Ed448PrivateKey::generate().map_err(failed)?)
            }
        },
        Scheme::MontgomeryKeyPairGen => match montgomery_of(curve()?)? {
            Twisted::Curve25519 => {
                PrivateKey::X25519(X25519PrivateKey::generate().map_err(failed)?)
            }
            Twisted::Curve448 => {
                check_size(entry, 448)?;
                PrivateKey::X448(X448PrivateKey::generate().map_err(failed)?)
            }
        },
        Scheme::DsaKeyPairGen => {
            let (p, q, g) = (number(CKA_PRIME), number(CKA_SUBPRIME), number(CKA_BASE));
            check_size(entry, 8 * p.len() as u64)?;
            PrivateKey::Dsa(DsaPrivateKey::generate(&DsaParameters { p, q, g }).map_err(no_domain)?)
        }
        Scheme::DhKeyPairGen | Scheme::X942DhKeyPairGen => {
            let q = (entry.scheme == Scheme::X942DhKeyPairGen).then(|| number(CKA_SUBPRIME));
            let parameters = DhParameters { p: number(CKA_PRIME), g: number(CKA_BASE), q };
            check_size(entry, 8 * parameters.p.len() as u64)?;
            let bits = private
                .ulong(CKA_VALUE_BITS)
                .map(u32::try_from)
                .transpose()
                .map_err(|_| Error::new(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_BITS"))?;
            PrivateKey::Dh(DhPrivateKey::generate(&parameters, bits).map_err(no_domain)?)
        }
        Scheme::MlKemKeyPairGen => {
            PrivateKey::MlKem(MlKemPrivateKey::generate(ml_kem_set(set()?)?).map_err(failed)?)
        }
        Scheme::MlDsaKeyPairGen => {
            PrivateKey::MlDsa(MlDsaPrivateKey::generate(ml_dsa_set(set()?)?).map_err(failed)?)
        }
        _ => PrivateKey::SlhDsa(SlhDsaPrivateKey::generate(slh_dsa_set(set()?)?).map_err(failed)?),
    })
}

/// Of numbers that a template gives: what is wrong with the key is wrong with them.
fn no_domain(cause: hsmsim_crypto::Error) -> Error {
    match cause {
        hsmsim_crypto::Error::InvalidKey => Error::new(
            CKR_ATTRIBUTE_VALUE_INVALID,
            "CKA_PRIME, CKA_SUBPRIME and CKA_BASE are not those of a group",
        ),
        cause => during(During::Generate)(cause),
    }
}

fn check_size(entry: &Entry, bits: u64) -> Result<()> {
    if entry.takes_size(bits) {
        return Ok(());
    }
    let (min, max) = entry.sizes;
    fail(CKR_KEY_SIZE_RANGE, format!("the mechanism makes keys of {min} to {max} bits"))
}
