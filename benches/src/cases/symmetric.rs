//! Digests, MACs and ciphers of messages of every size.

use cryptoki_sys::*;

use super::{MESSAGE, Runner, YES, is, number, repeat, signing};
use crate::{
    contender::Token,
    words::{Mechanism, Result},
};

/// SHA-256.
pub fn sha256<const LEN: usize>(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    let data = vec![0x5a; LEN];
    repeat(move || {
        let len = session.digest(&Mechanism::Plain(CKM_SHA256), &data, &mut [0; 32])?;
        assert_eq!(len, MESSAGE.len());
        Ok(())
    })
}

/// SHA-256, one part of many.
pub fn sha256_part<const LEN: usize>(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    session.digest_init(&Mechanism::Plain(CKM_SHA256))?;
    let part = vec![0x5a; LEN];
    repeat(move || session.digest_update(&part))
}

/// AES-256-CTR with a token key, one part of many.
pub fn aes_ctr_part<const LEN: usize>(token: &Token) -> Result<Runner> {
    cipher_part::<LEN>(token, &Mechanism::Ctr([7; 16]))
}

/// AES-256-CBC with a token key, one part of many.
pub fn aes_cbc_part<const LEN: usize>(token: &Token) -> Result<Runner> {
    cipher_part::<LEN>(token, &Mechanism::Iv(CKM_AES_CBC, &[7; 16]))
}

fn cipher_part<const LEN: usize>(token: &Token, mechanism: &Mechanism<'_>) -> Result<Runner> {
    let key = secret_key(token, CKM_AES_KEY_GEN, &[CKA_ENCRYPT, CKA_DECRYPT])?;
    let session = token.open_session()?;
    session.encrypt_init(mechanism, key)?;
    let part = vec![0x5a; LEN];
    let mut out = vec![0; LEN];
    repeat(move || {
        let len = session.encrypt_update(&part, &mut out)?;
        assert_eq!(len, LEN);
        Ok(())
    })
}

/// HMAC-SHA256 with a token key.
pub fn hmac<const LEN: usize>(token: &Token) -> Result<Runner> {
    let key = secret_key(token, CKM_GENERIC_SECRET_KEY_GEN, &[CKA_SIGN, CKA_VERIFY])?;
    signing(token, Mechanism::Plain(CKM_SHA256_HMAC), key, vec![0x5a; LEN], 32)
}

/// AES-256-GCM with a token key, encryption.
pub fn aes_gcm<const LEN: usize>(token: &Token) -> Result<Runner> {
    let key = secret_key(token, CKM_AES_KEY_GEN, &[CKA_ENCRYPT, CKA_DECRYPT])?;
    let session = token.open_session()?;
    // A module may refuse an IV it has seen with this key.
    let mut iv = [0; 12];
    let mut calls: u64 = 0;
    let data = vec![0x5a; LEN];
    let mut out = vec![0; LEN + 16];
    repeat(move || {
        calls += 1;
        iv[4..].copy_from_slice(&calls.to_be_bytes());
        let len = session.encrypt(&Mechanism::Gcm(&iv), key, &data, &mut out)?;
        assert_eq!(len, LEN + 16);
        Ok(())
    })
}

/// AES-256-CBC with a token key, encryption.
pub fn aes_cbc<const LEN: usize>(token: &Token) -> Result<Runner> {
    let key = secret_key(token, CKM_AES_KEY_GEN, &[CKA_ENCRYPT, CKA_DECRYPT])?;
    let session = token.open_session()?;
    let iv = [7; 16];
    let data = vec![0x5a; LEN];
    let mut out = vec![0; LEN];
    repeat(move || {
        let len = session.encrypt(&Mechanism::Iv(CKM_AES_CBC, &iv), key, &data, &mut out)?;
        assert_eq!(len, LEN);
        Ok(())
    })
}

fn secret_key(
    token: &Token,
    mechanism: CK_MECHANISM_TYPE,
    usages: &[CK_ATTRIBUTE_TYPE],
) -> Result<CK_OBJECT_HANDLE> {
    let len = number(32);
    let mut template = vec![
        is(CKA_TOKEN, YES),
        is(CKA_PRIVATE, YES),
        is(CKA_SENSITIVE, YES),
        is(CKA_VALUE_LEN, &len),
    ];
    template.extend(usages.iter().map(|&usage| is(usage, YES)));
    token.generate_key(&Mechanism::Plain(mechanism), &template)
}
