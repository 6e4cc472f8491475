//! RSA and elliptic curves, with token keys.

use aws_lc_rs::agreement;
use cryptoki_sys::*;

use super::{
    ED25519, MESSAGE, NO, P256, P384, Runner, YES, generation, is, make, number, repeat, signing,
    verifying,
};
use crate::{
    contender::Token,
    words::{Mechanism, Result},
};

/// id-sha256 with its frame (RFC 8017, 9.2): what CKM_RSA_PKCS expects before the digest.
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A key pair: the public key, the private key.
pub(super) type Pair = (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE);

/// ECDSA over a digest with P-256.
pub fn p256_sign(token: &Token) -> Result<Runner> {
    let (_, key) = ec_pair(token, P256)?;
    signing(token, Mechanism::Plain(CKM_ECDSA), key, MESSAGE.into(), 64)
}

/// Its verification.
pub fn p256_verify(token: &Token) -> Result<Runner> {
    verifying(token, Mechanism::Plain(CKM_ECDSA), ec_pair(token, P256)?, MESSAGE.into())
}

/// ECDSA over a digest with P-384.
pub fn p384_sign(token: &Token) -> Result<Runner> {
    let (_, key) = ec_pair(token, P384)?;
    signing(token, Mechanism::Plain(CKM_ECDSA), key, vec![0x5a; 48], 96)
}

/// Its verification.
pub fn p384_verify(token: &Token) -> Result<Runner> {
    verifying(token, Mechanism::Plain(CKM_ECDSA), ec_pair(token, P384)?, vec![0x5a; 48])
}

/// Ed25519 of a short message.
pub fn ed25519_sign(token: &Token) -> Result<Runner> {
    let (_, key) = edwards_pair(token)?;
    signing(token, Mechanism::Plain(CKM_EDDSA), key, MESSAGE.into(), 64)
}

/// Its verification.
pub fn ed25519_verify(token: &Token) -> Result<Runner> {
    verifying(token, Mechanism::Plain(CKM_EDDSA), edwards_pair(token)?, MESSAGE.into())
}

/// ECDH with P-256; the secret becomes a session key.
pub fn ecdh(token: &Token) -> Result<Runner> {
    const BROKEN: &str = "the primitive works";
    let template = [is(CKA_TOKEN, YES), is(CKA_PRIVATE, YES), is(CKA_DERIVE, YES)];
    let mechanism = Mechanism::Plain(CKM_EC_KEY_PAIR_GEN);
    let public = [is(CKA_TOKEN, YES), is(CKA_EC_PARAMS, P256)];
    let (_, key) = token.generate_key_pair(&mechanism, &public, &template)?;
    let other = agreement::PrivateKey::generate(&agreement::ECDH_P256).expect(BROKEN);
    let other = other.compute_public_key().expect(BROKEN);
    make(token.open_session()?, move |session| {
        let (class, kind, len) = (number(CKO_SECRET_KEY), number(CKK_GENERIC_SECRET), number(32));
        let template = [
            is(CKA_CLASS, &class),
            is(CKA_KEY_TYPE, &kind),
            is(CKA_VALUE_LEN, &len),
            is(CKA_TOKEN, NO),
        ];
        Ok([session.derive(&Mechanism::Ecdh(other.as_ref()), key, &template)?])
    })
}

/// RSASSA-PKCS1-v1_5 over a SHA-256 digest.
pub fn rsa_pkcs<const BITS: usize>(token: &Token) -> Result<Runner> {
    let (_, key) = rsa_pair::<BITS>(token)?;
    signing(token, Mechanism::Plain(CKM_RSA_PKCS), key, digest_info(), BITS / 8)
}

/// RSASSA-PSS over a SHA-256 digest.
pub fn rsa_pss<const BITS: usize>(token: &Token) -> Result<Runner> {
    let (_, key) = rsa_pair::<BITS>(token)?;
    signing(token, Mechanism::PssSha256, key, MESSAGE.into(), BITS / 8)
}

/// Verification of RSASSA-PKCS1-v1_5.
pub fn rsa_verify<const BITS: usize>(token: &Token) -> Result<Runner> {
    verifying(token, Mechanism::Plain(CKM_RSA_PKCS), rsa_pair::<BITS>(token)?, digest_info())
}

/// Decryption of RSAES-PKCS1-v1_5.
pub fn rsa_decrypt<const BITS: usize>(token: &Token) -> Result<Runner> {
    let (public, private) = rsa_pair::<BITS>(token)?;
    let session = token.open_session()?;
    let mechanism = Mechanism::Plain(CKM_RSA_PKCS);
    let mut sealed = vec![0; BITS / 8];
    let len = session.encrypt(&mechanism, public, &MESSAGE, &mut sealed)?;
    assert_eq!(len, sealed.len());
    let mut opened = vec![0; BITS / 8];
    repeat(move || {
        let len = session.decrypt(&mechanism, private, &sealed, &mut opened)?;
        assert_eq!(&opened[..len], MESSAGE);
        Ok(())
    })
}

/// What CKM_RSA_PKCS signs for a SHA-256 digest.
fn digest_info() -> Vec<u8> {
    [&SHA256_PREFIX[..], &MESSAGE].concat()
}

fn ec_pair(token: &Token, curve: &[u8]) -> Result<Pair> {
    let mechanism = Mechanism::Plain(CKM_EC_KEY_PAIR_GEN);
    token.generate_key_pair(&mechanism, &generation::ec_public(YES, curve), &SIGNING_KEY)
}

fn edwards_pair(token: &Token) -> Result<Pair> {
    let mechanism = Mechanism::Plain(CKM_EC_EDWARDS_KEY_PAIR_GEN);
    token.generate_key_pair(&mechanism, &generation::ec_public(YES, ED25519), &SIGNING_KEY)
}

const SIGNING_KEY: [crate::words::Attribute<'_>; 4] = generation::signing_key(YES);

/// One pair a token and size, as a large one takes seconds to make.
fn rsa_pair<const BITS: usize>(token: &Token) -> Result<Pair> {
    token.kept_pair(BITS, |session| {
        let bits = number(BITS as CK_ULONG);
        let public = [
            is(CKA_TOKEN, YES),
            is(CKA_VERIFY, YES),
            is(CKA_ENCRYPT, YES),
            is(CKA_MODULUS_BITS, &bits),
            is(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
        ];
        let private = [
            is(CKA_TOKEN, YES),
            is(CKA_PRIVATE, YES),
            is(CKA_SENSITIVE, YES),
            is(CKA_SIGN, YES),
            is(CKA_DECRYPT, YES),
        ];
        let mechanism = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        session.generate_key_pair(&mechanism, &public, &private)
    })
}
