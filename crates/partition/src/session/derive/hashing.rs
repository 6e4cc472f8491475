//! Derivation by hashing (6.20.8 and its kin) and by encryption (6.15).

use hsmsim_crypto::{
    block::{self, CipherMode},
    digest::{HashAlg, expand, hash},
};
use hsmsim_types::{Params, Result};
use zeroize::Zeroizing;

use super::{Call, derived, invalid, no_parameter};
use crate::{mechanisms::Scheme, operation::params::truncation};

/// The value of the key.
pub(super) fn value(call: &Call<'_>, scheme: Scheme) -> Result<Zeroizing<Vec<u8>>> {
    let wanted = call.wanted()?;
    let mut bytes = match scheme {
        Scheme::DigestKey(alg) => {
            no_parameter(call.params)?;
            Zeroizing::new(hash(alg, call.base_value()?))
        }
        Scheme::Sha512TKey => {
            let alg = HashAlg::Sha512T(truncation(call.params, 1)?);
            Zeroizing::new(hash(alg, call.base_value()?))
        }
        Scheme::XofKey(xof) => {
            no_parameter(call.params)?;
            // 6.20.8: without a length, twice the strength in bits of the function.
            let available = wanted.len.unwrap_or(xof.usual_output_len());
            expand(xof, call.base_value()?, wanted.within(available)?)
        }
        scheme => encrypted(call, scheme)?,
    };
    // 6.15.2: the first bytes of what encryption gave.
    let len = wanted.within(bytes.len())?;
    bytes.truncate(len);
    Ok(bytes)
}

fn encrypted(call: &Call<'_>, scheme: Scheme) -> Result<Zeroizing<Vec<u8>>> {
    let (family, mode, iv, data): (_, _, &[u8], _) = match (scheme, call.params) {
        (Scheme::EcbEncryptData(family), Params::DerivationData(data)) => {
            (family, CipherMode::Ecb, &[], data)
        }
        (Scheme::CbcEncryptData(family), Params::CbcEncryptData { iv, data }) => {
            (family, CipherMode::Cbc, iv, data)
        }
        _ => return invalid("the derivation needs its data"),
    };
    let alg = family.alg();
    if data.is_empty() || !data.len().is_multiple_of(alg.block_len()) {
        return invalid("the data comes in whole blocks");
    }
    let cipher = call.base_key()?.block(alg)?;
    block::encrypt(mode, &*cipher, iv, data).map(Zeroizing::new).map_err(derived)
}
