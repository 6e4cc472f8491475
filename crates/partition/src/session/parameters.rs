//! C_GenerateKey of domain parameters (PKCS#11 3.1, 6.2.8 to 6.2.11, 6.4.6, 6.4.10).

use hsmsim_crypto::{
    dh::DhParameters,
    digest::HashAlg,
    dsa::{SIZES, generator, probable_primes, provable_primes},
};
use hsmsim_types::{Attribute, Error, Mechanism, Params, Result, Template, ck::*, error::fail};

use super::Session;
use crate::{
    api::Reply,
    attributes::{
        build::{build_planned, check_template},
        template::checked,
    },
    failure::{During, during},
    mechanisms::{Entry, Scheme, hash_of},
    object::parts::kind,
};

/// The hash and the seed that the primes of DSA come from; both are the token's where nobody says.
struct Origin<'a> {
    hash: Option<HashAlg>,
    seed: Option<&'a [u8]>,
}

impl Session {
    pub(super) fn generate_parameters(
        &self,
        entry: &Entry,
        mechanism: &Mechanism,
        template: Template,
    ) -> Result<Reply> {
        let key_type = match entry.scheme {
            Scheme::DhParameterGen => CKK_DH,
            Scheme::X942ParameterGen => CKK_X9_42_DH,
            _ => CKK_DSA,
        };
        let given = checked(template)?;
        let mut origin = self.origin(mechanism, kind(CKO_DOMAIN_PARAMETERS, key_type));
        let plan = check_template(&origin, &given)?;
        self.check_write_of(&given, CKO_DOMAIN_PARAMETERS, key_type)?;
        let bits = |kind| given.ulong(kind).map(|bits| u32::try_from(bits).unwrap_or(u32::MAX));
        let prime_bits = bits(CKA_PRIME_BITS)
            .ok_or_else(|| Error::new(CKR_TEMPLATE_INCOMPLETE, "CKA_PRIME_BITS is missing"))?;
        if u64::from(prime_bits) < entry.info.min || u64::from(prime_bits) > entry.info.max {
            return fail(CKR_KEY_SIZE_RANGE, "CKA_PRIME_BITS is beyond what the mechanism makes");
        }
        let numbers = made(entry.scheme, &mechanism.params, prime_bits, bits(CKA_SUBPRIME_BITS))?;
        for (kind, number) in numbers {
            origin.known.set(Attribute::bytes(kind, number));
        }
        let id = self.partition.new_id()?;
        self.add([build_planned(origin, given, plan, id)?])
    }
}

/// Prime, subprime and base.
fn made(
    scheme: Scheme,
    params: &Params,
    prime_bits: u32,
    subprime_bits: Option<u32>,
) -> Result<Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>> {
    let failed = during(During::Generate);
    Ok(match scheme {
        Scheme::DhParameterGen => {
            no_parameter(params)?;
            let DhParameters { p, g, .. } = DhParameters::generate(prime_bits).map_err(failed)?;
            vec![(CKA_PRIME, p), (CKA_BASE, g)]
        }
        Scheme::X942ParameterGen => {
            no_parameter(params)?;
            let bits = subprime_bits.ok_or_else(|| {
                Error::new(CKR_TEMPLATE_INCOMPLETE, "CKA_SUBPRIME_BITS is missing")
            })?;
            let DhParameters { p, g, q } =
                DhParameters::generate_x942(prime_bits, bits).map_err(failed)?;
            vec![(CKA_PRIME, p), (CKA_BASE, g), (CKA_SUBPRIME, q.unwrap_or_default())]
        }
        _ => {
            // FIPS 186-4, 4.2: the sizes that go together; of two the longer where nobody says.
            let fits = |sizes: &&(u32, u32)| {
                sizes.0 == prime_bits && subprime_bits.is_none_or(|bits| bits == sizes.1)
            };
            let wanted = SIZES.iter().rfind(fits);
            let Some(&(_, q_bits)) = wanted else {
                return fail(CKR_KEY_SIZE_RANGE, "no primes of FIPS 186-4 have these lengths");
            };
            let usual = match q_bits {
                160 => HashAlg::Sha1,
                224 => HashAlg::Sha224,
                _ => HashAlg::Sha256,
            };
            let Origin { hash, seed } = origin(scheme, params)?;
            let hash = hash.unwrap_or(usual);
            let wrong = |cause| match cause {
                hsmsim_crypto::Error::InvalidParameter => Error::new(
                    CKR_MECHANISM_PARAM_INVALID,
                    "hash or seed do not lead to primes of this size",
                ),
                cause => during(During::Generate)(cause),
            };
            let (p, q) = match scheme {
                Scheme::DsaProvableParameterGen => {
                    let primes = provable_primes(prime_bits, q_bits, hash, seed).map_err(wrong)?;
                    (primes.p, primes.q)
                }
                _ => {
                    let primes = probable_primes(prime_bits, q_bits, hash, seed).map_err(wrong)?;
                    (primes.p, primes.q)
                }
            };
            let g = generator(&p, &q, None).map_err(failed)?;
            vec![(CKA_PRIME, p), (CKA_SUBPRIME, q), (CKA_BASE, g)]
        }
    })
}

/// # Errors
/// CKR_MECHANISM_PARAM_INVALID for any parameter.
pub(super) fn no_parameter(params: &Params) -> Result<()> {
    match params {
        Params::None => Ok(()),
        Params::Bytes(bytes) if bytes.is_empty() => Ok(()),
        _ => fail(CKR_MECHANISM_PARAM_INVALID, "the mechanism takes no parameter"),
    }
}

fn origin(scheme: Scheme, params: &Params) -> Result<Origin<'_>> {
    match (scheme, params) {
        (Scheme::DsaParameterGen, params) => {
            no_parameter(params)?;
            Ok(Origin { hash: None, seed: None })
        }
        (_, Params::DsaParameterGen { hash, seed }) => {
            let hash = hash_of(*hash).ok_or_else(|| {
                Error::new(CKR_MECHANISM_PARAM_INVALID, "the hash is not known here")
            })?;
            let seed = (!seed.is_empty()).then_some(seed.as_slice());
            Ok(Origin { hash: Some(hash), seed })
        }
        _ => fail(CKR_MECHANISM_PARAM_INVALID, "the mechanism needs CK_DSA_PARAMETER_GEN_PARAM"),
    }
}
