//! Keys that the token makes, as session and as token objects.

use cryptoki_sys::*;

use super::{ED25519, P256, Runner, YES, asymmetric::Pair, is, make, number, yes_or_no};
use crate::{
    contender::Token,
    raw::Session,
    words::{Attribute, Mechanism, Result},
};

/// C_GenerateKey of an AES key of 256 bits.
pub fn aes<const ON_TOKEN: bool>(token: &Token) -> Result<Runner> {
    make(token.open_session()?, |session| {
        let len = number(32);
        let template = [
            is(CKA_TOKEN, yes_or_no(ON_TOKEN)),
            is(CKA_PRIVATE, YES),
            is(CKA_SENSITIVE, YES),
            is(CKA_ENCRYPT, YES),
            is(CKA_VALUE_LEN, &len),
        ];
        Ok([session.generate_key(&Mechanism::Plain(CKM_AES_KEY_GEN), &template)?])
    })
}

/// C_GenerateKeyPair on P-256.
pub fn p256<const ON_TOKEN: bool>(token: &Token) -> Result<Runner> {
    pairs(token, PairKind::P256, ON_TOKEN)
}

/// C_GenerateKeyPair of Ed25519.
pub fn ed25519(token: &Token) -> Result<Runner> {
    pairs(token, PairKind::Ed25519, false)
}

/// C_GenerateKeyPair of RSA with 2048 bits.
pub fn rsa<const ON_TOKEN: bool>(token: &Token) -> Result<Runner> {
    pairs(token, PairKind::Rsa2048, ON_TOKEN)
}

/// C_GenerateKeyPair of ML-DSA-65.
pub fn ml_dsa(token: &Token) -> Result<Runner> {
    pairs(token, PairKind::MlDsa65, false)
}

/// C_GenerateKeyPair of ML-KEM-768.
pub fn ml_kem(token: &Token) -> Result<Runner> {
    pairs(token, PairKind::MlKem768, false)
}

fn pairs(token: &Token, kind: PairKind, on_token: bool) -> Result<Runner> {
    make(token.open_session()?, move |session| {
        generate_pair(session, kind, yes_or_no(on_token)).map(<[CK_OBJECT_HANDLE; 2]>::from)
    })
}

/// What a pair is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum PairKind {
    P256,
    Ed25519,
    Rsa2048,
    MlDsa65,
    MlKem768,
}

/// Makes a pair as token or session objects.
pub(super) fn generate_pair(
    session: &Session,
    kind: PairKind,
    on_token: &'static [u8],
) -> Result<Pair> {
    let generate = |mechanism, public: &[Attribute<'_>], private: &[Attribute<'_>]| {
        session.generate_key_pair(&Mechanism::Plain(mechanism), public, private)
    };
    let signing = signing_key(on_token);
    match kind {
        PairKind::P256 => generate(CKM_EC_KEY_PAIR_GEN, &ec_public(on_token, P256), &signing),
        PairKind::Ed25519 => {
            generate(CKM_EC_EDWARDS_KEY_PAIR_GEN, &ec_public(on_token, ED25519), &signing)
        }
        PairKind::Rsa2048 => {
            let bits = number(2048);
            let public = [
                is(CKA_TOKEN, on_token),
                is(CKA_VERIFY, YES),
                is(CKA_MODULUS_BITS, &bits),
                is(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            ];
            generate(CKM_RSA_PKCS_KEY_PAIR_GEN, &public, &signing)
        }
        PairKind::MlDsa65 => {
            let set = number(CKP_ML_DSA_65);
            let public =
                [is(CKA_TOKEN, on_token), is(CKA_VERIFY, YES), is(CKA_PARAMETER_SET, &set)];
            generate(CKM_ML_DSA_KEY_PAIR_GEN, &public, &signing)
        }
        PairKind::MlKem768 => {
            let set = number(CKP_ML_KEM_768);
            let public =
                [is(CKA_TOKEN, on_token), is(CKA_ENCAPSULATE, YES), is(CKA_PARAMETER_SET, &set)];
            let private = [
                is(CKA_TOKEN, on_token),
                is(CKA_PRIVATE, YES),
                is(CKA_SENSITIVE, YES),
                is(CKA_DECAPSULATE, YES),
            ];
            generate(CKM_ML_KEM_KEY_PAIR_GEN, &public, &private)
        }
    }
}

/// The public template of a pair on a curve.
pub(super) const fn ec_public<'a>(on_token: &'a [u8], curve: &'a [u8]) -> [Attribute<'a>; 3] {
    [is(CKA_TOKEN, on_token), is(CKA_VERIFY, YES), is(CKA_EC_PARAMS, curve)]
}

/// The private template of a pair that signs.
pub(super) const fn signing_key(on_token: &[u8]) -> [Attribute<'_>; 4] {
    [is(CKA_TOKEN, on_token), is(CKA_PRIVATE, YES), is(CKA_SENSITIVE, YES), is(CKA_SIGN, YES)]
}
