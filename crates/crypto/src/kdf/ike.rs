//! What IKE derives, versions 1 and 2 (RFC 2409, RFC 7296; PKCS#11 v3.1, 6.64).

use zeroize::Zeroizing;

use crate::mac::{MacAlg, MacKey};
use crate::{Error, Result};

/// Prepares the key of a pseudorandom function of IKE, of any length.
///
/// HMAC takes any key. The MACs of AES take 16 bytes: to XCBC a shorter one is padded with zeros and
/// a longer one replaced by its own MAC under a key of zeros (RFC 4434, 2), to CMAC any other than 16
/// bytes is replaced so (RFC 4615, 3).
///
/// # Errors
/// [`Error::Unsupported`] for any other MAC.
pub fn ike_prf_key(alg: MacAlg, key: &[u8]) -> Result<MacKey> {
    let replaced = || Ok(Zeroizing::new(MacKey::new(alg, &[0; 16])?.sign(key)));
    match alg {
        MacAlg::Hmac(_) => MacKey::new(alg, key),
        MacAlg::AesXcbcMac | MacAlg::AesCmac if key.len() == 16 => MacKey::new(alg, key),
        MacAlg::AesXcbcMac if key.len() < 16 => {
            let mut padded = Zeroizing::new([0; 16]);
            padded[..key.len()].copy_from_slice(key);
            MacKey::new(alg, &*padded)
        }
        MacAlg::AesXcbcMac | MacAlg::AesCmac => MacKey::new(alg, &replaced()?),
        _ => Err(Error::Unsupported),
    }
}

/// The first key, from the nonces as key and the shared secret as data: `SKEYSEED`, `SKEYID` with
/// signatures. `CKM_IKE_PRF_DERIVE` with `bDataAsKey`.
///
/// # Errors
/// As [`ike_prf_key`].
pub fn ike_prf_of_secret(
    alg: MacAlg,
    initiator_nonce: &[u8],
    responder_nonce: &[u8],
    secret: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let nonces = [initiator_nonce, responder_nonce].concat();
    Ok(Zeroizing::new(ike_prf_key(alg, &nonces)?.sign(secret)))
}

/// The first key from a key that is there: `SKEYID` with a pre-shared key, or when rekeying, with the
/// new shared secret, `SKEYSEED`. `CKM_IKE_PRF_DERIVE` without `bDataAsKey`.
pub fn ike_prf(
    base: &MacKey,
    new_secret: Option<&[u8]>,
    initiator_nonce: &[u8],
    responder_nonce: &[u8],
) -> Zeroizing<Vec<u8>> {
    let secret = new_secret.unwrap_or_default();
    signed(base, &[secret, initiator_nonce, responder_nonce])
}

/// A key of IKEv1: `SKEYID_d`, or from the one before, `SKEYID_a` and `SKEYID_e`. The caller cuts it.
/// `CKM_IKE1_PRF_DERIVE`.
pub fn ike1_prf(
    base: &MacKey,
    previous: Option<&[u8]>,
    secret: &[u8],
    initiator_cookie: &[u8],
    responder_cookie: &[u8],
    number: u8,
) -> Zeroizing<Vec<u8>> {
    let previous = previous.unwrap_or_default();
    signed(base, &[previous, secret, initiator_cookie, responder_cookie, &[number]])
}

/// A longer key of IKEv1 (RFC 2409, 5.5 and appendix B). Without a secret, a key no longer than the
/// function's output is the beginning of the base key, whose value is given beside what was prepared
/// from it. `CKM_IKE1_EXTENDED_DERIVE`.
///
/// # Errors
/// [`Error::InvalidLength`] for more than 255 outputs, or more than the base key where that is cut.
pub fn ike1_extended(
    base: &MacKey,
    base_value: &[u8],
    secret: Option<&[u8]>,
    extra: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let output_len = base.alg().output_len();
    if secret.is_none() && len <= output_len {
        let cut = base_value.get(..len).ok_or(Error::InvalidLength)?;
        return Ok(Zeroizing::new(cut.to_vec()));
    }
    let seed = [secret.unwrap_or_default(), extra];
    let nothing = secret.is_none() && extra.is_empty();
    let mut last = if nothing { signed(base, &[&[0]]) } else { signed(base, &seed) };
    let mut out = last.clone();
    extend(&mut out, output_len, len, |_| {
        last = signed(base, &[&last, seed[0], seed[1]]);
        last.clone()
    })?;
    Ok(out)
}

/// `prf+` of IKEv2 (RFC 7296, 2.13), over a seed that is given in parts.
/// `CKM_IKE2_PRF_PLUS_DERIVE`.
///
/// # Errors
/// [`Error::InvalidLength`] for more than 255 outputs.
pub fn ike2_prf_plus(base: &MacKey, seed: &[&[u8]], len: usize) -> Result<Zeroizing<Vec<u8>>> {
    let seed = Zeroizing::new(seed.concat());
    let mut last = Zeroizing::new(Vec::new());
    let mut out = Zeroizing::new(Vec::new());
    extend(&mut out, base.alg().output_len(), len, |number| {
        last = signed(base, &[&last, &seed, &[number]]);
        last.clone()
    })?;
    Ok(out)
}

/// Appends outputs, which are counted from 1, until there are `len` bytes of them.
fn extend(
    out: &mut Zeroizing<Vec<u8>>,
    output_len: usize,
    len: usize,
    mut next: impl FnMut(u8) -> Zeroizing<Vec<u8>>,
) -> Result<()> {
    u8::try_from(len.div_ceil(output_len)).map_err(|_| Error::InvalidLength)?;
    let mut longer = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(output_len)));
    longer.extend_from_slice(out);
    let mut number = (out.len() / output_len) as u8;
    while longer.len() < len {
        number += 1;
        longer.extend_from_slice(&next(number));
    }
    longer.truncate(len);
    *out = longer;
    Ok(())
}

fn signed(key: &MacKey, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut mac = key.start();
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finish())
}
