//! Encryption and decryption.

use std::{borrow::Cow, mem::MaybeUninit, sync::Arc};

use hsmsim_crypto::{
    aes::{
        XtsCipher, cbc_encrypt_into, ccm_decrypt, ccm_encrypt, gcm_decrypt, gcm_encrypt,
        gcm_encrypt_into, gcm_encrypt_owned, kw_pkcs7_unwrap, kw_pkcs7_wrap, kw_unwrap, kw_wrap,
        kwp_unwrap, kwp_wrap, xts_decrypt, xts_encrypt,
    },
    block::{self, BlockAlg, BlockCipher, Cipher, CipherMode, Direction},
    chacha20::{ChaCha20, ChaCha20Key, chacha20_poly1305_open, chacha20_poly1305_seal},
    random,
};
use hsmsim_types::{
    Params, Result,
    ck::{CK_RV, CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE},
    error::fail,
};
use zeroize::Zeroizing;

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

/// Bytes of the vector that a device in FIPS mode makes for AES-GCM and puts behind the tag (Luna SDK
/// guide, "CKM_AES_GCM").
const OWN_IV_LEN: usize = 16;

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
        (Work::Cipher(alg, mode), _) => {
            let block = alg.block_len();
            match mode {
                CipherMode::Ecb | CipherMode::Cbc => OutputLen::Blocks(block),
                CipherMode::CbcPad if encrypts => OutputLen::PadEncrypt(block),
                CipherMode::CbcPad => OutputLen::PadDecrypt(block),
                CipherMode::Cts => OutputLen::Stealing(block),
                CipherMode::Ctr { .. } | CipherMode::Ofb | CipherMode::Cfb { .. } => {
                    OutputLen::Stream
                }
            }
        }
        (Work::Xts, _) => OutputLen::HoldsBlock(16),
        (Work::ChaCha20, _) => OutputLen::Stream,
        // RFC 3394 and RFC 5649: whole semiblocks, and one more.
        (Work::Kw, _) if encrypts => OutputLen::TagAppend(8),
        (Work::Kwp, _) if encrypts => OutputLen::ZeroTagAppend { block: 8, tag: 8 },
        (Work::KwPkcs7, _) if encrypts => OutputLen::PadTagAppend { block: 8, tag: 8 },
        (Work::Kw | Work::Kwp | Work::KwPkcs7, _) => OutputLen::TagRemove(8),
        (Work::Ecies(ecies), key) => ecies.output(key)?,
        (
            Work::Gcm { .. } | Work::GcmOwnIv { .. } | Work::Ccm { .. } | Work::ChaCha20Poly1305,
            _,
        ) => {
            let tag = match work {
                Work::Gcm { tag_bits } => *tag_bits as usize / 8,
                Work::GcmOwnIv { tag_bits } => *tag_bits as usize / 8 + OWN_IV_LEN,
                Work::Ccm { tag_len } => *tag_len,
                _ => 16,
            };
            if encrypts { OutputLen::TagAppend(tag) } else { OutputLen::TagRemove(tag) }
        }
        _ => return unfit(),
    })
}

/// A cipher that gives out what it can with every part.
pub(super) enum Stream {
    Block(Cipher),
    Xts(XtsCipher),
    ChaCha20(ChaCha20),
}

impl Stream {
    /// Begins one, where the work has one.
    pub(super) fn start(
        act: Act,
        work: &Work,
        params: &Params,
        key: &KeyMaterial,
    ) -> Result<Option<Self>> {
        let KeyMaterial::Secret(key) = key else { return Ok(None) };
        let direction = match act {
            Act::Encrypt => Direction::Encrypt,
            _ => Direction::Decrypt,
        };
        let failed = failure::during(during(act));
        Ok(Some(match (work, params) {
            (Work::Cipher(alg, mode), _) => {
                let key = key.block(*alg)?;
                Self::Block(
                    Cipher::new(direction, *mode, key, iv(params, alg.block_len()))
                        .map_err(failed)?,
                )
            }
            (Work::Xts, Params::Bytes(data_unit)) => {
                let key = Arc::clone(key.xts()?);
                Self::Xts(XtsCipher::new(direction, key, data_unit).map_err(failed)?)
            }
            (Work::ChaCha20, Params::ChaCha20 { counter, nonce }) => {
                let key = ChaCha20Key::new(key.value()).map_err(&failed)?;
                Self::ChaCha20(ChaCha20::new(&key, nonce, *counter).map_err(failed)?)
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn update(
        &mut self,
        data: &[u8],
    ) -> std::result::Result<Vec<u8>, hsmsim_crypto::Error> {
        match self {
            Self::Block(cipher) => cipher.update(data),
            Self::Xts(cipher) => cipher.update(data),
            Self::ChaCha20(cipher) => cipher.update(data),
        }
    }

    /// As [`Self::update`], to the beginning of `room`; gives how many bytes were written. `None`, and nothing is done,
    /// where the cipher has held something back, or the room is too little.
    pub(super) fn update_into(
        &mut self,
        data: &[u8],
        room: &mut [MaybeUninit<u8>],
    ) -> std::result::Result<Option<usize>, hsmsim_crypto::Error> {
        match self {
            Self::Block(cipher) => cipher.update_to(data, room),
            Self::Xts(_) | Self::ChaCha20(_) => Ok(None),
        }
    }

    pub(super) fn state(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Block(cipher) => cipher.state(),
            Self::Xts(cipher) => cipher.state(),
            Self::ChaCha20(cipher) => cipher.state(),
        }
    }

    pub(super) fn resume(self, state: &[u8]) -> std::result::Result<Self, hsmsim_crypto::Error> {
        Ok(match self {
            Self::Block(cipher) => Self::Block(cipher.resume(state)?),
            Self::Xts(cipher) => Self::Xts(cipher.resume(state)?),
            Self::ChaCha20(cipher) => Self::ChaCha20(cipher.resume(state)?),
        })
    }

    pub(super) fn finish(self) -> std::result::Result<Vec<u8>, hsmsim_crypto::Error> {
        match self {
            Self::Block(cipher) => cipher.finish(),
            Self::Xts(cipher) => cipher.finish(),
            Self::ChaCha20(_) => Ok(Vec::new()),
        }
    }
}

/// The initial value of a key wrap, if the caller gives one.
fn initial(params: &Params) -> Option<&[u8]> {
    match params {
        Params::Bytes(iv) if !iv.is_empty() => Some(iv),
        _ => None,
    }
}

/// The length of the data that CCM was promised.
fn check_promised(params: &Params, len: usize, rv: CK_RV) -> Result<()> {
    match params {
        Params::Ccm { data_len, .. } if *data_len != len as u64 => {
            fail(rv, format!("CK_CCM_PARAMS promised {data_len} bytes"))
        }
        _ => Ok(()),
    }
}

/// Encrypts a message: one that is given away in its own place where the cipher can do that, one that is only
/// read from there to its new place.
pub(crate) fn encrypt(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    data: Cow<'_, [u8]>,
) -> Result<Vec<u8>> {
    let during = failure::during(During::Encrypt);
    match (work, key, params) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPublic(key), _) => {
            key.encrypt_pkcs1(&data).map_err(during)
        }
        (Work::RsaRaw, KeyMaterial::RsaPublic(key), _) => key.raw_public(&data).map_err(during),
        (Work::RsaOaep { hash, mgf }, KeyMaterial::RsaPublic(key), Params::Oaep { label, .. }) => {
            key.encrypt_oaep(*hash, *mgf, label, &data).map_err(during)
        }
        (Work::Ecies(ecies), key, _) => ecies.encrypt(params, key, &data)?.map_err(during),
        (Work::Cipher(BlockAlg::Aes, mode), KeyMaterial::Secret(key), _) => {
            encrypt_blocks(*mode, &**key.aes()?, iv(params, 16), data).map_err(during)
        }
        (Work::Cipher(alg, mode), KeyMaterial::Secret(key), _) => {
            let iv = iv(params, alg.block_len());
            encrypt_blocks(*mode, &*key.block(*alg)?, iv, data).map_err(during)
        }
        (Work::Xts, KeyMaterial::Secret(key), Params::Bytes(data_unit)) => {
            xts_encrypt(key.xts()?, data_unit, &data).map_err(during)
        }
        (Work::Ccm { tag_len }, KeyMaterial::Secret(key), Params::Ccm { nonce, aad, .. }) => {
            check_promised(params, data.len(), CKR_DATA_LEN_RANGE)?;
            ccm_encrypt(key.aes()?, nonce, aad, *tag_len, &data).map_err(during)
        }
        (Work::Kw, KeyMaterial::Secret(key), _) => {
            kw_wrap(key.aes()?, initial(params), &data).map_err(during)
        }
        (Work::Kwp, KeyMaterial::Secret(key), _) => {
            kwp_wrap(key.aes()?, initial(params), &data).map_err(during)
        }
        (Work::KwPkcs7, KeyMaterial::Secret(key), _) => {
            kw_pkcs7_wrap(key.aes()?, initial(params), &data).map_err(during)
        }
        (Work::ChaCha20, KeyMaterial::Secret(key), Params::ChaCha20 { counter, nonce }) => {
            let key = ChaCha20Key::new(key.value()).map_err(&during)?;
            ChaCha20::new(&key, nonce, *counter)
                .and_then(|mut stream| stream.update(&data))
                .map_err(during)
        }
        (
            Work::ChaCha20Poly1305,
            KeyMaterial::Secret(key),
            Params::ChaCha20Poly1305 { nonce, aad },
        ) => {
            let key = ChaCha20Key::new(key.value()).map_err(&during)?;
            chacha20_poly1305_seal(&key, nonce, aad, &data).map_err(during)
        }
        (Work::Gcm { tag_bits }, KeyMaterial::Secret(key), Params::Gcm { iv, aad, .. }) => {
            let key = key.aes()?;
            match data {
                Cow::Owned(data) => gcm_encrypt_owned(key, iv, aad, *tag_bits, data),
                Cow::Borrowed(data) => gcm_encrypt(key, iv, aad, *tag_bits, data),
            }
            .map_err(during)
        }
        (Work::GcmOwnIv { tag_bits }, KeyMaterial::Secret(key), Params::Gcm { aad, .. }) => {
            let mut iv = [0; OWN_IV_LEN];
            random::fill(&mut iv).map_err(failure::during(During::Generate))?;
            let mut sealed = gcm_encrypt(key.aes()?, &iv, aad, *tag_bits, &data).map_err(during)?;
            sealed.extend_from_slice(&iv);
            Ok(sealed)
        }
        _ => unfit(),
    }
}

/// Encrypts a long message straight to the beginning of `room`; gives how many bytes were written. `None`, and nothing
/// is done, where the cipher does not do that, or the room is too little.
pub(super) fn encrypt_into(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    data: &[u8],
    room: &mut [MaybeUninit<u8>],
) -> Result<Option<usize>> {
    let KeyMaterial::Secret(key) = key else { return Ok(None) };
    match (work, params) {
        (Work::Gcm { tag_bits }, Params::Gcm { iv, aad, .. }) => {
            gcm_encrypt_into(key.aes()?, iv, aad, *tag_bits, data, room)
        }
        (Work::Cipher(BlockAlg::Aes, CipherMode::Cbc), params) => {
            cbc_encrypt_into(key.aes()?, iv(params, 16), data, room)
        }
        _ => Ok(None),
    }
    .map_err(failure::during(During::Encrypt))
}

fn encrypt_blocks<C: BlockCipher + ?Sized>(
    mode: CipherMode,
    key: &C,
    iv: &[u8],
    data: Cow<'_, [u8]>,
) -> std::result::Result<Vec<u8>, hsmsim_crypto::Error> {
    match data {
        Cow::Owned(data) => block::encrypt_owned(mode, key, iv, data),
        Cow::Borrowed(data) => block::encrypt(mode, key, iv, data),
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
        (Work::Ecies(ecies), key, _) => ecies.decrypt(params, key, data)?,
        (Work::Cipher(BlockAlg::Aes, mode), KeyMaterial::Secret(key), _) => {
            block::decrypt(*mode, &**key.aes()?, iv(params, 16), data)
        }
        (Work::Cipher(alg, mode), KeyMaterial::Secret(key), _) => {
            block::decrypt(*mode, &*key.block(*alg)?, iv(params, alg.block_len()), data)
        }
        (Work::Xts, KeyMaterial::Secret(key), Params::Bytes(data_unit)) => {
            xts_decrypt(key.xts()?, data_unit, data)
        }
        (Work::Ccm { tag_len }, KeyMaterial::Secret(key), Params::Ccm { nonce, aad, .. }) => {
            let promised = data.len().saturating_sub(*tag_len);
            check_promised(params, promised, CKR_ENCRYPTED_DATA_LEN_RANGE)?;
            ccm_decrypt(key.aes()?, nonce, aad, *tag_len, data)
        }
        (Work::Kw, KeyMaterial::Secret(key), _) => kw_unwrap(key.aes()?, initial(params), data),
        (Work::Kwp, KeyMaterial::Secret(key), _) => kwp_unwrap(key.aes()?, initial(params), data),
        (Work::KwPkcs7, KeyMaterial::Secret(key), _) => {
            kw_pkcs7_unwrap(key.aes()?, initial(params), data)
        }
        (Work::ChaCha20, KeyMaterial::Secret(key), Params::ChaCha20 { counter, nonce }) => {
            ChaCha20Key::new(key.value())
                .and_then(|key| ChaCha20::new(&key, nonce, *counter))
                .and_then(|mut stream| stream.update(data))
                .map(Zeroizing::new)
        }
        (
            Work::ChaCha20Poly1305,
            KeyMaterial::Secret(key),
            Params::ChaCha20Poly1305 { nonce, aad },
        ) => ChaCha20Key::new(key.value())
            .and_then(|key| chacha20_poly1305_open(&key, nonce, aad, data)),
        (Work::Gcm { tag_bits }, KeyMaterial::Secret(key), Params::Gcm { iv, aad, .. }) => {
            gcm_decrypt(key.aes()?, iv, aad, *tag_bits, data)
        }
        (Work::GcmOwnIv { tag_bits }, KeyMaterial::Secret(key), Params::Gcm { aad, .. }) => {
            let Some((sealed, iv)) = data.split_last_chunk::<OWN_IV_LEN>() else {
                return fail(CKR_ENCRYPTED_DATA_LEN_RANGE, "the device's vector is at the end");
            };
            gcm_decrypt(key.aes()?, iv, aad, *tag_bits, sealed)
        }
        _ => return unfit(),
    };
    // The buffer itself goes on to the caller, without a copy.
    plain.map(|mut plain| std::mem::take(&mut *plain)).map_err(during)
}
