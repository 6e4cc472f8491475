//! Calls that outlive their session: C_AsyncGetID and C_AsyncJoin.

use super::*;

fn id(session: CK_SESSION_HANDLE, function: &CStr) -> Result<CK_ULONG, CK_RV> {
    let mut id = 0;
    // SAFETY: a name that ends with a zero, a valid pointer.
    match unsafe { C_AsyncGetID(session, function.as_ptr().cast_mut().cast(), &mut id) } {
        CKR_OK => Ok(id),
        rv => Err(rv),
    }
}

fn join(session: CK_SESSION_HANDLE, function: &CStr, id: CK_ULONG, room: &mut [u8]) -> CK_RV {
    let (at, len) = match room.len() {
        0 => (null_mut(), 0),
        len => (room.as_mut_ptr(), len as CK_ULONG),
    };
    let name = function.as_ptr().cast_mut().cast();
    // SAFETY: a name that ends with a zero, valid pointers.
    unsafe { C_AsyncJoin(session, name, id, at, len) }
}

fn verify(session: CK_SESSION_HANDLE, public: CK_OBJECT_HANDLE, signature: &mut [u8; 64]) {
    init(C_VerifyInit, c"C_VerifyInit", session, CKM_ECDSA, public);
    let mut digest = [7; 32];
    // SAFETY: valid pointers.
    let rv = unsafe { C_Verify(session, digest.as_mut_ptr(), 32, signature.as_mut_ptr(), 64) };
    done(session, c"C_Verify", rv);
}

#[test]
fn a_signature_with_a_number_outlives_session_and_library() {
    let library = Library::over("", "ha-pair");
    for finalise in [false, true] {
        let session = library.user();
        let (public, private) = pair_of(session, CK_TRUE);
        init_sign(session, private);
        let mut gone = Box::new([0; 64]);
        assert_eq!(begin_sign(session, &mut gone), CKR_PENDING);
        let number = id(session, c"C_Sign").expect("a number");
        assert_eq!(id(session, c"C_Sign"), Ok(number));
        // The caller frees the memory that he gave.
        drop(gone);
        let nothing = complete(session, c"C_Sign", &mut untouched());
        assert_eq!(nothing, CKR_OPERATION_NOT_INITIALIZED);
        let session = if finalise {
            library.start_anew();
            library.user()
        } else {
            let other = library.asynchronous();
            // SAFETY: no pointers.
            assert_eq!(unsafe { C_CloseSession(session) }, CKR_OK);
            other
        };
        let (mut room, mut small) = ([0; 64], [0; 63]);
        assert_eq!(join(session, c"C_Sign", number + 1, &mut room), CKR_SAVED_STATE_INVALID);
        assert_eq!(join(session, c"C_Digest", number, &mut room), CKR_SAVED_STATE_INVALID);
        assert_eq!(join(session, c"C_Sign", number, &mut small), CKR_BUFFER_TOO_SMALL);
        assert_eq!(join(session, c"C_Sign", number, &mut []), CKR_ARGUMENTS_BAD);
        assert_eq!(join(session, c"C_Sign", number, &mut room), CKR_OK);
        assert_eq!(join(session, c"C_Sign", number, &mut room), CKR_OPERATION_ACTIVE);
        let (rv, data) = await_call(session, c"C_Sign");
        assert_eq!((rv, data.pValue, data.ulValue), (CKR_OK, room.as_mut_ptr(), 64));
        assert_eq!(join(session, c"C_Sign", number, &mut room), CKR_SAVED_STATE_INVALID);
        if finalise {
            // The handle of the public key has ended with its library.
            assert_ne!(room, [0; 64]);
        } else {
            verify(session, public, &mut room);
        }
        // SAFETY: no pointers.
        assert_eq!(unsafe { C_CloseAllSessions(Library::slot()) }, CKR_OK);
    }
}

#[test]
fn a_key_pair_with_a_number_is_found_by_who_joins_it() {
    let library = Library::over("", "ha-pair");
    for finalise in [false, true] {
        let session = library.user();
        assert_eq!(begin_pair_of(session, CK_TRUE).0, CKR_PENDING);
        let number = id(session, c"C_GenerateKeyPair").expect("a number");
        let session = if finalise {
            library.start_anew();
            library.user()
        } else {
            // The call goes on while it belongs to nobody.
            library.asynchronous()
        };
        assert_eq!(join(session, c"C_GenerateKeyPair", number, &mut []), CKR_OK);
        let (rv, data) = await_call(session, c"C_GenerateKeyPair");
        assert_eq!((rv, data.pValue), (CKR_OK, null_mut()));
        init_sign(session, data.hAdditionalObject);
        let mut room = [0; 64];
        assert_eq!(outcome(session, c"C_Sign", begin_sign(session, &mut room)), CKR_OK);
        verify(session, data.hObject, &mut room);
        // SAFETY: no pointers.
        assert_eq!(unsafe { C_CloseAllSessions(Library::slot()) }, CKR_OK);
    }
}

#[test]
fn what_belongs_to_its_session_gets_no_number() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    assert_eq!(id(session, c"C_Sign"), Err(CKR_OPERATION_NOT_INITIALIZED));
    assert_eq!(begin_pair(session).0, CKR_PENDING);
    assert_eq!(id(session, c"C_Sign"), Err(CKR_OPERATION_NOT_INITIALIZED));
    assert_eq!(id(session, c"C_GenerateKeyPair"), Err(CKR_STATE_UNSAVEABLE));
    assert_eq!(await_call(session, c"C_GenerateKeyPair").0, CKR_OK);
    // SAFETY: valid pointers.
    let rv = unsafe { C_DigestInit(session, &mut plain(CKM_SHA384)) };
    assert_eq!(rv, CKR_PENDING);
    assert_eq!(id(session, c"C_DigestInit"), Err(CKR_STATE_UNSAVEABLE));
    done(session, c"C_DigestInit", rv);
    assert_eq!(join(library.session(), c"C_Sign", 1, &mut []), CKR_ARGUMENTS_BAD);
}

#[test]
fn session_cancel_reaches_a_call_that_has_a_number() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (_, private) = pair_of(session, CK_TRUE);
    init_sign(session, private);
    let mut room = [0; 64];
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
    let number = id(session, c"C_Sign").expect("a number");
    // SAFETY: no pointers.
    assert_eq!(unsafe { C_SessionCancel(session, CKF_SIGN) }, CKR_OK);
    assert_eq!(join(session, c"C_Sign", number, &mut room), CKR_SAVED_STATE_INVALID);
    init_sign(session, private);
    assert_eq!(outcome(session, c"C_Sign", begin_sign(session, &mut room)), CKR_OK);
}

#[test]
fn a_number_waits_for_who_joins_it_over_any_number_of_libraries() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    assert_eq!(begin_pair_of(session, CK_TRUE).0, CKR_PENDING);
    let number = id(session, c"C_GenerateKeyPair").expect("a number");
    for _ in 0..3 {
        library.start_anew();
    }
    let session = library.user();
    assert_eq!(join(session, c"C_GenerateKeyPair", number, &mut []), CKR_OK);
    done(session, c"C_GenerateKeyPair", CKR_PENDING);
}
