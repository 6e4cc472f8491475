//! What TLS up to 1.2 derives (6.26 to 6.28).

use hsmsim_crypto::kdf::{
    MASTER_SECRET_LEN, TlsPrf, tls_export, tls_extended_master_secret, tls_key_block,
    tls_master_secret,
};
use hsmsim_types::{Attribute, KdfParams, Result, TlsRandom, ck::*, error::fail};

use super::{Call, Heritage, Made, derived, invalid};
use crate::{
    mechanisms::{
        derivation::{Premaster, Tls},
        hash_of,
    },
    object::Attributes,
    operation::params::tls_prf_of,
};

/// Most bits of a key or vector that is cut out of the key block.
const PART_BITS_MAX: u64 = 8192;

/// What the master secret of TLS 1.2 may be used for (6.28.4; the standard calls two of them by two
/// names).
const OF_MASTER: [CK_MECHANISM_TYPE; 6] = [
    CKM_TLS12_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_SAFE_DERIVE,
    CKM_TLS12_KDF,
    CKM_TLS_KDF,
    CKM_TLS12_MAC,
    CKM_TLS_MAC,
];

/// CKM_TLS12_MASTER_KEY_DERIVE and its kin.
pub(super) fn master(call: &Call<'_>, tls: Tls, premaster: Premaster) -> Result<Made> {
    let KdfParams::TlsMaster { random: TlsRandom { client, server }, hash, version } =
        call.kdf()?
    else {
        return invalid("the derivation needs CK_TLS12_MASTER_KEY_DERIVE_PARAMS or its kin");
    };
    let output = version_of(call, premaster, *version)?;
    let base = call.base_value()?;
    let value = tls_master_secret(prf(tls, *hash)?, base, client, server);
    master_key(call, tls, &value.map_err(derived)?, output)
}

/// CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE and its _DH form.
pub(super) fn extended_master(call: &Call<'_>, premaster: Premaster) -> Result<Made> {
    let KdfParams::TlsExtendedMaster { hash, session_hash, version } = call.kdf()? else {
        return invalid("the derivation needs CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS");
    };
    let output = version_of(call, premaster, *version)?;
    let prf = tls_prf_of(*hash)?;
    let value = tls_extended_master_secret(prf, call.base_value()?, session_hash);
    master_key(call, Tls::Tls12, &value.map_err(derived)?, output)
}

/// The version at the beginning of a premaster secret that has one.
fn version_of(call: &Call<'_>, premaster: Premaster, asked: bool) -> Result<Vec<u8>> {
    match (premaster, asked) {
        (Premaster::Rsa, _) => Ok(call.base_value()?[..2].to_vec()),
        (Premaster::Dh, false) => Ok(Vec::new()),
        (Premaster::Dh, true) => invalid("a secret that was agreed on has no version"),
    }
}

fn master_key(call: &Call<'_>, tls: Tls, value: &[u8], output: Vec<u8>) -> Result<Made> {
    let wanted = call.wanted()?;
    if wanted.key_type != CKK_GENERIC_SECRET
        || wanted.len.is_some_and(|len| len != MASTER_SECRET_LEN)
    {
        return fail(CKR_TEMPLATE_INCONSISTENT, "a master secret is a generic secret of 48 bytes");
    }
    let mut given = call.given.clone();
    if tls == Tls::Tls12 {
        given.set_default(Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, OF_MASTER.to_vec()));
    }
    let key = call.make(&given, wanted.key_type, value, &Heritage::of(&[call.base]))?;
    Ok(Made { objects: vec![key], output })
}

/// CKM_TLS12_KEY_AND_MAC_DERIVE and its kin: the client's and the server's MAC keys, then their cipher
/// keys, and both vectors.
pub(super) fn key_material(call: &Call<'_>, tls: Tls, ivs: bool) -> Result<Made> {
    let KdfParams::TlsKeyMaterial { mac_bits, key_bits, iv_bits, export, random, hash } =
        call.kdf()?
    else {
        return invalid("the derivation needs CK_TLS12_KEY_MAT_PARAMS or its kin");
    };
    if *export {
        return invalid("keys for export are not made");
    }
    let iv_bits = if ivs { *iv_bits } else { 0 };
    let lens = (bytes(*mac_bits)?, bytes(*key_bits)?, bytes(iv_bits)?);
    let (mac_len, key_len, iv_len) = lens;
    let heritage = Heritage::of(&[call.base]);
    let given = heritage.inherit(&call.given)?;
    let wanted = call.wanted_of(&given)?;
    if wanted.len.is_some_and(|len| len != key_len)
        || key_len > 0 && wanted.within(key_len)? != key_len
    {
        return fail(CKR_TEMPLATE_INCONSISTENT, "the parameters say another length of the keys");
    }
    if mac_len == 0 && key_len == 0 {
        return invalid("no key is asked for");
    }
    let (prf, TlsRandom { client, server }) = (prf(tls, *hash)?, random);
    let block = tls_key_block(prf, call.base_value()?, client, server, lens).map_err(derived)?;

    let mut objects = Vec::new();
    if mac_len > 0 {
        let given = typed(&given, CKK_GENERIC_SECRET, [CKA_SIGN, CKA_VERIFY]);
        for value in [&block.client_mac, &block.server_mac] {
            objects.push(call.make(&given, CKK_GENERIC_SECRET, value, &heritage)?);
        }
    }
    if key_len > 0 {
        let given = typed(&given, wanted.key_type, [CKA_ENCRYPT, CKA_DECRYPT]);
        for value in [&block.client_key, &block.server_key] {
            objects.push(call.make(&given, wanted.key_type, value, &heritage)?);
        }
    }
    let output = if iv_len > 0 { [block.client_iv, block.server_iv].concat() } else { Vec::new() };
    Ok(Made { objects, output })
}

/// The template of one of the keys: its type, and the usages that it is meant for (6.26.6).
fn typed(given: &Attributes, key_type: u64, usages: [CK_ATTRIBUTE_TYPE; 2]) -> Attributes {
    let mut given = given.clone();
    given.set(Attribute::ulong(CKA_KEY_TYPE, key_type));
    given.remove(CKA_VALUE_LEN);
    for usage in [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE]
    {
        let meant = usages.contains(&usage) || usage == CKA_DERIVE;
        given.set(Attribute::bool(usage, meant));
    }
    given
}

/// CKM_TLS12_KDF, CKM_TLS_KDF.
pub(super) fn keying_material(call: &Call<'_>) -> Result<Made> {
    let KdfParams::TlsKdf { prf, label, random, context } = call.kdf()? else {
        return invalid("the derivation needs CK_TLS_KDF_PARAMS");
    };
    let len = call.wanted()?.said()?;
    let (prf, base) = (tls_prf_of(*prf)?, call.base_value()?);
    let TlsRandom { client, server } = random;
    let value = tls_export(prf, base, label, client, server, context.as_deref(), len);
    Ok(call.key(&value.map_err(derived)?)?.into())
}

/// The pseudorandom function of a protocol.
fn prf(tls: Tls, hash: Option<u64>) -> Result<TlsPrf> {
    match (tls, hash) {
        (Tls::Tls10, None) => Ok(TlsPrf::Tls10),
        (Tls::Tls12, Some(hash)) => match hash_of(hash) {
            Some(hash) => Ok(TlsPrf::Tls12(hash)),
            None => invalid("the hash is not known here"),
        },
        _ => invalid("the structure is that of another version of TLS"),
    }
}

fn bytes(bits: u64) -> Result<usize> {
    if bits > PART_BITS_MAX || !bits.is_multiple_of(8) {
        return invalid("a key or a vector has at most 8192 bits, and whole bytes");
    }
    Ok(bits as usize / 8)
}
