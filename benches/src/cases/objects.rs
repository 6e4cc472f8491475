//! Objects created, copied, destroyed and read.

use std::time::Instant;

use cryptoki_sys::*;

use super::{MESSAGE, NO, Runner, YES, is, make, repeat, yes_or_no};
use crate::{
    contender::Token,
    words::{Attribute, Result},
};

const LABEL: &[u8] = b"one of its kind";

/// C_GetAttributeValue of one attribute of a token object.
pub fn attribute(token: &Token) -> Result<Runner> {
    let (session, object) = (token.open_session()?, token.create(&data_object(YES))?);
    let mut label = [0; 64];
    let len = session.attribute(object, CKA_LABEL, &mut label)?;
    assert_eq!(&label[..len], LABEL);
    repeat(move || session.attribute(object, CKA_LABEL, &mut label).map(drop))
}

/// C_CreateObject of a public data object.
pub fn create<const ON_TOKEN: bool>(token: &Token) -> Result<Runner> {
    make(token.open_session()?, |session| Ok([session.create(&data_object(yes_or_no(ON_TOKEN)))?]))
}

/// C_CopyObject of a public data object of the token.
pub fn copy<const ON_TOKEN: bool>(token: &Token) -> Result<Runner> {
    let original = token.create(&data_object(YES))?;
    make(token.open_session()?, move |session| {
        Ok([session.copy(original, &[is(CKA_TOKEN, yes_or_no(ON_TOKEN))])?])
    })
}

/// C_DestroyObject of a public data object; its making is not timed.
pub fn destroy<const ON_TOKEN: bool>(token: &Token) -> Result<Runner> {
    let session = token.open_session()?;
    let run = move |calls| {
        let made: Result<Vec<_>> =
            (0..calls).map(|_| session.create(&data_object(yes_or_no(ON_TOKEN)))).collect();
        let made = made?;
        let start = Instant::now();
        made.into_iter().try_for_each(|object| session.destroy(object))?;
        Ok(start.elapsed())
    };
    run(1)?;
    Ok(Box::new(run))
}

fn data_object(on_token: &[u8]) -> [Attribute<'_>; 6] {
    const DATA: [u8; size_of::<CK_ULONG>()] = CKO_DATA.to_ne_bytes();
    [
        is(CKA_CLASS, &DATA),
        is(CKA_TOKEN, on_token),
        is(CKA_PRIVATE, NO),
        is(CKA_MODIFIABLE, YES),
        is(CKA_LABEL, LABEL),
        is(CKA_VALUE, &MESSAGE),
    ]
}
