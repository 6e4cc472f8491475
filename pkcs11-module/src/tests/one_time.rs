//! One-time passwords: a signature that is a structure with pointers into itself.

use super::*;

const VALUES: [&[u8]; 3] = [b"755224", b"287082", b"359152"];

fn key(session: CK_SESSION_HANDLE) -> CK_OBJECT_HANDLE {
    let (mut class, mut kind, mut no) = (CKO_OTP_KEY, CKK_HOTP, CK_FALSE);
    let mut value = *b"12345678901234567890";
    let attribute = |type_, value: *mut u8, len: usize| CK_ATTRIBUTE {
        type_,
        pValue: value.cast(),
        ulValueLen: len as CK_ULONG,
    };
    let mut template = [
        attribute(CKA_CLASS, (&raw mut class).cast(), 8),
        attribute(CKA_KEY_TYPE, (&raw mut kind).cast(), 8),
        attribute(CKA_PRIVATE, &raw mut no, 1),
        attribute(CKA_VALUE, value.as_mut_ptr(), value.len()),
    ];
    let mut key = 0;
    // SAFETY: valid pointers.
    let rv = unsafe { C_CreateObject(session, template.as_mut_ptr(), 4, &mut key) };
    assert_eq!(rv, CKR_OK);
    key
}

fn init(
    function: unsafe extern "C" fn(u64, *mut CK_MECHANISM, u64) -> CK_RV,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
) {
    let mut mechanism =
        CK_MECHANISM { mechanism: CKM_HOTP, pParameter: null_mut(), ulParameterLen: 0 };
    // SAFETY: valid pointers.
    assert_eq!(unsafe { function(session, &mut mechanism, key) }, CKR_OK);
}

/// The elements of the structure at the beginning of some words.
fn elements(room: &[u64]) -> Vec<(CK_ULONG, Vec<u8>)> {
    let within = room.as_ptr_range();
    // SAFETY: C_Sign wrote the structure, whose pointers lead into the room.
    unsafe {
        let info = room.as_ptr().cast::<CK_OTP_SIGNATURE_INFO>().read();
        assert!(within.contains(&info.pParams.cast_const().cast()));
        (0..info.ulCount as usize)
            .map(|index| {
                let param = info.pParams.add(index).read();
                assert!(within.contains(&param.pValue.cast_const().cast()));
                let value = std::slice::from_raw_parts(
                    param.pValue.cast_const().cast::<u8>(),
                    param.ulValueLen as usize,
                );
                (param.type_, value.to_vec())
            })
            .collect()
    }
}

#[test]
fn a_password_comes_as_a_structure_that_points_into_itself() {
    let library = Library::new();
    let session = library.session();
    let key = key(session);
    let mut room = [0_u64; 16];
    let at = room.as_mut_ptr().cast::<u8>();
    for (count, expected) in VALUES.iter().enumerate() {
        init(C_SignInit, session, key);
        let mut len = 0;
        // SAFETY: valid pointers; the room is longer than the structure.
        unsafe {
            assert_eq!(C_Sign(session, null_mut(), 0, null_mut(), &mut len), CKR_OK);
            let needed = len;
            // Too little room costs no password.
            len = needed - 1;
            let small = C_Sign(session, null_mut(), 0, at, &mut len);
            assert_eq!((small, len), (CKR_BUFFER_TOO_SMALL, needed));
            assert_eq!(C_Sign(session, null_mut(), 0, at, &mut len), CKR_OK);
            assert_eq!(len, needed);
        }
        let expected = vec![
            (CK_OTP_VALUE, expected.to_vec()),
            (CK_OTP_COUNTER, (count as u64).to_be_bytes().to_vec()),
        ];
        assert_eq!(elements(&room), expected);
    }
}

#[test]
fn the_structure_of_one_key_is_verified_by_another_once() {
    let library = Library::new();
    let session = library.session();
    let (token, server) = (key(session), key(session));
    let mut room = [0_u64; 16];
    let at = room.as_mut_ptr().cast::<u8>();
    for _ in 0..2 {
        init(C_SignInit, session, token);
        let mut len = 128;
        // SAFETY: valid pointers.
        assert_eq!(unsafe { C_Sign(session, null_mut(), 0, at, &mut len) }, CKR_OK);
        // What is verified is the structure; its elements lie behind its pointers.
        let len = size_of::<CK_OTP_SIGNATURE_INFO>() as CK_ULONG;
        for expected in [CKR_OK, CKR_SIGNATURE_INVALID] {
            init(C_VerifyInit, session, server);
            // SAFETY: valid pointers.
            let rv = unsafe { C_Verify(session, null_mut(), 0, at, len) };
            assert_eq!(rv, expected);
        }
    }
    let mut wild = CK_OTP_SIGNATURE_INFO { pParams: without_provenance_mut(8), ulCount: u64::MAX };
    init(C_VerifyInit, session, server);
    // SAFETY: a count that is refused unread.
    let rv = unsafe { C_Verify(session, null_mut(), 0, (&raw mut wild).cast(), 16) };
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}
