//! Encryption and decryption.

use std::sync::Arc;

use hsmsim_crypto::aes::{self, Cipher, CipherMode, Direction, gcm_decrypt, gcm_encrypt};
use hsmsim_types::{Params, Result, ck::CKR_ENCRYPTED_DATA_LEN_RANGE, error::fail};

use super::{
    Act,
    params::{Work, iv},
    unfit,
};
use crate::{
    failure::{self, During},
    object::key::KeyMaterial,
    output::OutputLen,
};

/// During what a primitive refuses.
pub(super) fn during(act: Act) -> During {
    if act == Act::Decrypt { During::Decrypt } else { During::Encrypt }
}

/// How long the output will be.
pub(super) fn output(act: Act, work: &Work, key: &KeyMaterial) -> Result<OutputLen> {
    let encrypts = act == Act::Encrypt;
    Ok(match (work, key) {
        (
            Work::RsaPkcs(None) | Work::RsaRaw | Work::RsaOaep { .. },
            KeyMaterial::RsaPublic(key),
        ) => OutputLen::Fixed(key.modulus_len()),
        (Work::RsaRaw, KeyMaterial::RsaPrivate(key)) => OutputLen::Fixed(key.modulus_len()),
        (Work::RsaPkcs(None), KeyMaterial::RsaPrivate(key)) => {
            OutputLen::AtMost(key.modulus_len().saturating_sub(11))
        }
        (Work::RsaOaep { hash, .. }, KeyMaterial::RsaPrivate(key)) => {
            OutputLen::AtMost(key.modulus_len().saturating_sub(2 * hash.output_len() + 2))
        }
        (Work::Cipher(CipherMode::Ecb | CipherMode::Cbc), _) => OutputLen::Blocks,
        (Work::Cipher(CipherMode::CbcPad), _) if encrypts => OutputLen::PadEncrypt,
        (Work::Cipher(CipherMode::CbcPad), _) => OutputLen::PadDecrypt,
        (Work::Cipher(CipherMode::Ctr { .. }), _) => OutputLen::Stream,
        (Work::Gcm { tag_bits }, _) if encrypts => OutputLen::TagAppend(*tag_bits as usize / 8),
        (Work::Gcm { tag_bits }, _) => OutputLen::TagRemove(*tag_bits as usize / 8),
        _ => return unfit(),
    })
}

/// Begins an AES stream.
pub(super) fn start(
    act: Act,
    mode: CipherMode,
    params: &Params,
    key: &KeyMaterial,
) -> Result<Cipher> {
    let KeyMaterial::Secret(key) = key else { return unfit() };
    let direction = match act {
        Act::Encrypt => Direction::Encrypt,
        _ => Direction::Decrypt,
    };
    Cipher::new(direction, mode, Arc::clone(key.aes()?), iv(params))
        .map_err(failure::during(during(act)))
}

/// Encrypts a message.
pub(crate) fn encrypt(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    data: &[u8],
) -> Result<Vec<u8>> {
    let during = failure::during(During::Encrypt);
    match (work, key, params) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPublic(key), _) => {
            key.encrypt_pkcs1(data).map_err(during)
        }
        (Work::RsaRaw, KeyMaterial::RsaPublic(key), _) => key.raw_public(data).map_err(during),
        (Work::RsaOaep { hash, mgf }, KeyMaterial::RsaPublic(key), Params::Oaep { label, .. }) => {
            key.encrypt_oaep(*hash, *mgf, label, data).map_err(during)
        }
        (Work::Cipher(mode), KeyMaterial::Secret(key), _) => {
            aes::encrypt(*mode, key.aes()?, iv(params), data).map_err(during)
        }
        (Work::Gcm { tag_bits }, KeyMaterial::Secret(key), Params::Gcm { iv, aad, .. }) => {
            gcm_encrypt(key.aes()?, iv, aad, *tag_bits, data).map_err(during)
        }
        _ => unfit(),
    }
}

/// Decrypts a message.
pub(crate) fn decrypt(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    data: &[u8],
) -> Result<Vec<u8>> {
    let during = failure::during(During::Decrypt);
    let plain = match (work, key, params) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPrivate(key), _) => key.decrypt_pkcs1(data),
        (Work::RsaRaw, KeyMaterial::RsaPrivate(key), _) => {
            if data.len() != key.modulus_len() {
                return fail(CKR_ENCRYPTED_DATA_LEN_RANGE, "the data is as long as the modulus");
            }
            key.raw_private(data)
        }
        (Work::RsaOaep { hash, mgf }, KeyMaterial::RsaPrivate(key), Params::Oaep { label, .. }) => {
            key.decrypt_oaep(*hash, *mgf, label, data)
        }
        (Work::Cipher(mode), KeyMaterial::Secret(key), _) => {
            aes::decrypt(*mode, key.aes()?, iv(params), data)
        }
        (Work::Gcm { tag_bits }, KeyMaterial::Secret(key), Params::Gcm { iv, aad, .. }) => {
            gcm_decrypt(key.aes()?, iv, aad, *tag_bits, data)
        }
        _ => return unfit(),
    };
    // The buffer itself goes on to the caller, without a copy.
    plain.map(|mut plain| std::mem::take(&mut *plain)).map_err(during)
}
