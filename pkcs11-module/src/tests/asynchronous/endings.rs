//! What ends a call that is pending: C_SessionCancel, a session that closes, C_Finalize.

use super::*;

#[test]
fn session_cancel_ends_the_pending_call_that_its_flags_mean() {
    let library = Library::over("", "ha-pair");
    let (session, _, private) = ready_to_sign(&library);
    let mut room = [0; 64];
    // SAFETY: NULL.
    let rv = unsafe { C_FindObjectsInit(session, null_mut(), 0) };
    done(session, c"C_FindObjectsInit", rv);
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
    // SAFETY: no pointers.
    unsafe {
        assert_eq!(C_SessionCancel(session, 0), CKR_OK);
        assert_eq!(C_SessionCancel(session, CKF_VERIFY), CKR_OK);
        // The search is active, and cannot be ended beside the call.
        let search = CKF_FIND_OBJECTS;
        assert_eq!(C_SessionCancel(session, search), CKR_OPERATION_CANCEL_FAILED);
        assert_eq!(begin_sign(session, &mut room), CKR_OPERATION_ACTIVE);
        assert_eq!(C_SessionCancel(session, CKF_SIGN | search), CKR_OK);
        assert_eq!(C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    }
    let ended = complete(session, c"C_Sign", &mut untouched());
    assert_eq!(ended, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(begin_sign(session, &mut room), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(room, [0; 64]);
    // The next operation is none the worse.
    init_sign(session, private);
    assert_eq!(outcome(session, c"C_Sign", begin_sign(session, &mut room)), CKR_OK);
}

#[test]
fn a_cancelled_key_generation_leaves_no_key() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let count = || {
        let (mut found, mut count) = ([0; 16], 0);
        // SAFETY: valid pointers, or NULL.
        unsafe {
            let rv = C_FindObjectsInit(session, null_mut(), 0);
            done(session, c"C_FindObjectsInit", rv);
            assert_eq!(C_FindObjects(session, found.as_mut_ptr(), 16, &mut count), CKR_OK);
            assert_eq!(C_FindObjectsFinal(session), CKR_OK);
        }
        count
    };
    let before = count();
    assert_eq!(begin_pair(session).0, CKR_PENDING);
    // SAFETY: no pointers.
    assert_eq!(unsafe { C_SessionCancel(session, CKF_GENERATE_KEY_PAIR) }, CKR_OK);
    let ended = complete(session, c"C_GenerateKeyPair", &mut untouched());
    assert_eq!((ended, count()), (CKR_OPERATION_NOT_INITIALIZED, before));
}

#[test]
fn closing_sessions_ends_what_is_pending_on_them() {
    let library = Library::over("", "ha-pair");
    let (session, other) = (library.user(), library.asynchronous());
    let (_, private) = pair(session);
    let mut room = [0; 64];
    for close_all in [false, true] {
        let session = if close_all { other } else { session };
        if !close_all {
            init_sign(session, private);
            assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
        } else {
            assert_eq!(begin_pair(session).0, CKR_PENDING);
        }
        // SAFETY: no pointers.
        unsafe {
            match close_all {
                false => assert_eq!(C_CloseSession(session), CKR_OK),
                true => assert_eq!(C_CloseAllSessions(Library::slot()), CKR_OK),
            }
        }
        let gone = complete(session, c"C_Sign", &mut untouched());
        assert_eq!(gone, CKR_SESSION_HANDLE_INVALID);
    }
    assert_eq!(room, [0; 64]);
}

#[test]
fn finalising_ends_what_is_pending_and_frees_it() {
    let library = Library::over("", "ha-pair");
    for collected in [false, true] {
        let (session, _, _) = ready_to_sign(&library);
        let mut room = [0; 64];
        assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
        if collected {
            assert_eq!(await_call(session, c"C_Sign").0, CKR_OK);
            assert_eq!(begin_pair(session).0, CKR_PENDING);
        }
        // SAFETY: NULL.
        assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
        assert_eq!(room != [0; 64], collected);
        let gone = complete(session, c"C_Sign", &mut untouched());
        assert_eq!(gone, CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(library.initialize(), CKR_OK);
    }
}
