//! One object found among many: private AES keys with a label and an id each.

use cryptoki_sys::*;

use super::{MESSAGE, Runner, YES, is, number, repeat};
use crate::{
    contender::Token,
    raw::Session,
    words::{Attribute, Result},
};

/// C_FindObjectsInit, C_FindObjects and C_FindObjectsFinal by CKA_LABEL.
pub fn by_label<const CROWD: usize>(token: &Token) -> Result<Runner> {
    let label = label(CROWD / 2);
    find(token, CKA_LABEL, label.into_bytes())
}

/// The same by CKA_ID.
pub fn by_id<const CROWD: usize>(token: &Token) -> Result<Runner> {
    find(token, CKA_ID, id(CROWD / 2).to_vec())
}

/// Makes the object of the crowd that has this number.
///
/// # Errors
/// What the module answers.
pub fn add(session: &Session, place: usize) -> Result<CK_OBJECT_HANDLE> {
    let (class, kind) = (number(CKO_SECRET_KEY), number(CKK_AES));
    let (label, id) = (label(place), id(place));
    session.create(&[
        is(CKA_CLASS, &class),
        is(CKA_KEY_TYPE, &kind),
        is(CKA_TOKEN, YES),
        is(CKA_PRIVATE, YES),
        is(CKA_SENSITIVE, YES),
        is(CKA_LABEL, label.as_bytes()),
        is(CKA_ID, &id),
        is(CKA_ENCRYPT, YES),
        is(CKA_VALUE, &MESSAGE),
    ])
}

/// Looks for the object that has this number, by its label or its id; gives how many were found.
///
/// # Errors
/// What the module answers.
pub fn find_one(session: &Session, place: usize, by_label: bool) -> Result<usize> {
    let (label, id) = (label(place), id(place));
    let wanted = if by_label { is(CKA_LABEL, label.as_bytes()) } else { is(CKA_ID, &id) };
    session.find(&[wanted], &mut [0; 2])
}

fn find(token: &Token, kind: CK_ATTRIBUTE_TYPE, value: Vec<u8>) -> Result<Runner> {
    let session = token.open_session()?;
    repeat(move || {
        let mut found = [0; 2];
        let count = session.find(&[Attribute { kind, value: &value }], &mut found)?;
        assert_eq!(count, 1, "one object has this value");
        Ok(())
    })
}

fn label(place: usize) -> String {
    format!("one of the crowd {place}")
}

fn id(place: usize) -> [u8; 8] {
    (place as u64).to_be_bytes()
}
