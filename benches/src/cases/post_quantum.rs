//! ML-DSA and ML-KEM (PKCS#11 3.2, 6.67 and 6.68), with token keys.

use cryptoki_sys::*;

use super::{
    MESSAGE, NO, Runner, YES,
    asymmetric::Pair,
    generation::{PairKind, generate_pair},
    is, make, number, signing, verifying,
};
use crate::{
    contender::Token,
    words::{Mechanism, Result},
};

/// Length of a signature (FIPS 204, table 2).
const ML_DSA_65_SIGNATURE: usize = 3309;
/// Length of a ciphertext (FIPS 203, table 3).
const ML_KEM_768_CIPHERTEXT: usize = 1088;

/// ML-DSA-65 of a short message.
pub fn ml_dsa_sign(token: &Token) -> Result<Runner> {
    let (_, key) = pair(token, PairKind::MlDsa65)?;
    signing(token, Mechanism::Plain(CKM_ML_DSA), key, MESSAGE.into(), ML_DSA_65_SIGNATURE)
}

/// Its verification.
pub fn ml_dsa_verify(token: &Token) -> Result<Runner> {
    let pair = pair(token, PairKind::MlDsa65)?;
    verifying(token, Mechanism::Plain(CKM_ML_DSA), pair, MESSAGE.into())
}

/// C_EncapsulateKey with ML-KEM-768; the secret becomes a session key.
pub fn encapsulate(token: &Token) -> Result<Runner> {
    let (public, _) = pair(token, PairKind::MlKem768)?;
    make(token.open_session()?, move |session| {
        let (class, kind) = (number(CKO_SECRET_KEY), number(CKK_GENERIC_SECRET));
        let template = [is(CKA_CLASS, &class), is(CKA_KEY_TYPE, &kind), is(CKA_TOKEN, NO)];
        let mut ciphertext = [0; ML_KEM_768_CIPHERTEXT];
        let mechanism = Mechanism::Plain(CKM_ML_KEM);
        Ok([session.encapsulate(&mechanism, public, &template, &mut ciphertext)?])
    })
}

/// C_DecapsulateKey with ML-KEM-768; the secret becomes a session key.
pub fn decapsulate(token: &Token) -> Result<Runner> {
    let (public, private) = pair(token, PairKind::MlKem768)?;
    let session = token.open_session()?;
    let (class, kind) = (number(CKO_SECRET_KEY), number(CKK_GENERIC_SECRET));
    let mechanism = Mechanism::Plain(CKM_ML_KEM);
    let mut ciphertext = [0; ML_KEM_768_CIPHERTEXT];
    let template = [is(CKA_CLASS, &class), is(CKA_KEY_TYPE, &kind), is(CKA_TOKEN, NO)];
    let secret = session.encapsulate(&mechanism, public, &template, &mut ciphertext)?;
    session.destroy(secret)?;
    make(session, move |session| {
        let template = [is(CKA_CLASS, &class), is(CKA_KEY_TYPE, &kind), is(CKA_TOKEN, NO)];
        Ok([session.decapsulate(&mechanism, private, &template, &ciphertext)?])
    })
}

fn pair(token: &Token, kind: PairKind) -> Result<Pair> {
    let session = token.open_session()?;
    let pair = generate_pair(&session, kind, YES)?;
    token.owe(&[pair.0, pair.1]);
    Ok(pair)
}
