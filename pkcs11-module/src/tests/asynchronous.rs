//! Asynchronous sessions: calls that are left pending, over links that take their time.

use std::{
    ffi::CStr,
    time::{Duration, Instant},
};

use super::*;

const BOUND: Duration = Duration::from_secs(60);
/// What a place holds that nobody has written to.
const UNTOUCHED: u64 = 0xDEAD_BEEF;

fn untouched() -> CK_ASYNC_DATA {
    CK_ASYNC_DATA {
        ulVersion: 0,
        pValue: without_provenance_mut(8),
        ulValue: UNTOUCHED,
        hObject: UNTOUCHED,
        hAdditionalObject: UNTOUCHED,
    }
}

fn parts(data: &CK_ASYNC_DATA) -> (*mut u8, u64, u64, u64) {
    (data.pValue, data.ulValue, data.hObject, data.hAdditionalObject)
}

fn complete(session: CK_SESSION_HANDLE, function: &CStr, data: &mut CK_ASYNC_DATA) -> CK_RV {
    // SAFETY: a name that ends with a zero, a valid pointer.
    unsafe { C_AsyncComplete(session, function.as_ptr().cast_mut().cast(), data) }
}

/// Asks until the call is over. While it is not, nothing is written.
fn await_call(session: CK_SESSION_HANDLE, function: &CStr) -> (CK_RV, CK_ASYNC_DATA) {
    let begin = Instant::now();
    let mut data = untouched();
    loop {
        match complete(session, function, &mut data) {
            CKR_PENDING => assert_eq!(parts(&data), parts(&untouched())),
            rv => return (rv, data),
        }
        assert!(begin.elapsed() < BOUND, "{function:?} does not end");
        thread::yield_now();
    }
}

/// What a function that was begun came to, whether or not it was left pending.
fn outcome(session: CK_SESSION_HANDLE, function: &CStr, rv: CK_RV) -> CK_RV {
    if rv == CKR_PENDING { await_call(session, function).0 } else { rv }
}

fn done(session: CK_SESSION_HANDLE, function: &CStr, rv: CK_RV) {
    assert_eq!(outcome(session, function, rv), CKR_OK, "{function:?}");
}

impl Library {
    /// With a session that is asynchronous.
    fn asynchronous(&self) -> CK_SESSION_HANDLE {
        let (opened, session) = self.open_with(CKF_ASYNC_SESSION);
        assert_eq!(opened, CKR_OK);
        session
    }

    fn slot() -> CK_SLOT_ID {
        let (mut slots, mut count) = ([0; 64], 64);
        // SAFETY: valid pointers.
        unsafe {
            assert_eq!(C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count), CKR_OK);
        }
        slots[0]
    }

    fn open_with(&self, flags: CK_FLAGS) -> (CK_RV, CK_SESSION_HANDLE) {
        let flags = flags | CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let mut session = 0;
        // SAFETY: valid pointers.
        let rv = unsafe { C_OpenSession(Self::slot(), flags, null_mut(), None, &mut session) };
        (rv, session)
    }

    /// An asynchronous session of the user.
    fn user(&self) -> CK_SESSION_HANDLE {
        let session = self.asynchronous();
        let mut pin = *b"12345678";
        // SAFETY: valid pointers.
        let rv = unsafe { C_Login(session, CKU_USER, pin.as_mut_ptr(), 8) };
        // The PIN may be wiped as soon as the function has returned.
        pin = [0; 8];
        done(session, c"C_Login", rv);
        assert_eq!(pin, [0; 8]);
        session
    }

    fn token_flags() -> CK_FLAGS {
        // SAFETY: valid pointers.
        unsafe {
            let mut info = std::mem::zeroed::<CK_TOKEN_INFO>();
            assert_eq!(C_GetTokenInfo(Self::slot(), &mut info), CKR_OK);
            info.flags
        }
    }
}

fn plain(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism, pParameter: null_mut(), ulParameterLen: 0 }
}

/// DER of the named curve P-256.
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Begins to make a P-256 key pair of session objects.
fn begin_pair(session: CK_SESSION_HANDLE) -> (CK_RV, [u64; 2]) {
    begin_pair_of(session, CK_FALSE)
}

/// Begins to make a P-256 key pair. All that goes in is gone when this returns, and so are the places of the
/// handles.
fn begin_pair_of(session: CK_SESSION_HANDLE, mut token: CK_BBOOL) -> (CK_RV, [u64; 2]) {
    let (mut curve, mut yes) = (P256, CK_TRUE);
    let attribute =
        |type_, value: *mut u8, len| CK_ATTRIBUTE { type_, pValue: value.cast(), ulValueLen: len };
    let token = attribute(CKA_TOKEN, &raw mut token, 1);
    let mut public = [token, attribute(CKA_EC_PARAMS, curve.as_mut_ptr(), 10)];
    let mut private = [token, attribute(CKA_SIGN, &raw mut yes, 1)];
    let mut places = [UNTOUCHED; 2];
    let [first, second] = &mut places;
    // SAFETY: valid pointers.
    let rv = unsafe {
        C_GenerateKeyPair(
            session,
            &mut plain(CKM_EC_KEY_PAIR_GEN),
            public.as_mut_ptr(),
            2,
            private.as_mut_ptr(),
            2,
            first,
            second,
        )
    };
    (rv, places)
}

/// A P-256 key pair: public, private.
fn pair(session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let (rv, places) = begin_pair(session);
    assert_eq!((rv, places), (CKR_PENDING, [UNTOUCHED; 2]));
    let (rv, data) = await_call(session, c"C_GenerateKeyPair");
    assert_eq!((rv, data.pValue, data.ulValue), (CKR_OK, null_mut(), 0));
    (data.hObject, data.hAdditionalObject)
}

fn init(
    function: unsafe extern "C" fn(u64, *mut CK_MECHANISM, u64) -> CK_RV,
    name: &CStr,
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_TYPE,
    key: CK_OBJECT_HANDLE,
) {
    // SAFETY: valid pointers.
    let rv = unsafe { function(session, &mut plain(mechanism), key) };
    done(session, name, rv);
}

/// Begins to sign, with the init done.
fn begin_sign(session: CK_SESSION_HANDLE, room: &mut [u8; 64]) -> CK_RV {
    let (mut digest, mut len) = ([7; 32], 64);
    // SAFETY: valid pointers; the room lives as long as the call.
    let rv = unsafe { C_Sign(session, digest.as_mut_ptr(), 32, room.as_mut_ptr(), &mut len) };
    assert_eq!(len, 64);
    rv
}

#[test]
fn tokens_of_pkcs11_3_2_have_asynchronous_sessions() {
    let library = Library::new();
    assert_ne!(Library::token_flags() & CKF_ASYNC_SESSION_SUPPORTED, 0);
    let session = library.asynchronous();
    // SAFETY: valid pointers.
    unsafe {
        let mut info = std::mem::zeroed::<CK_SESSION_INFO>();
        assert_eq!(C_GetSessionInfo(session, &mut info), CKR_OK);
        assert_eq!(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION);
    }
}

#[test]
fn a_device_of_an_older_standard_has_none() {
    let library = Library::over("profile = \"a790\"\n", "instant");
    assert_eq!(Library::token_flags() & CKF_ASYNC_SESSION_SUPPORTED, 0);
    let (opened, _) = library.open_with(CKF_ASYNC_SESSION);
    assert_eq!(opened, CKR_SESSION_ASYNC_NOT_SUPPORTED);
    let (_, session) = library.open_with(0);
    assert_eq!(complete(session, c"C_Sign", &mut untouched()), CKR_FUNCTION_NOT_SUPPORTED);
}

#[test]
fn what_is_there_at_once_is_given_at_once() {
    let library = Library::new();
    let session = library.asynchronous();
    let (mut random, mut len) = ([0; 32], 32);
    let mut data = *b"abc";
    // SAFETY: valid pointers.
    unsafe {
        assert_eq!(C_GenerateRandom(session, random.as_mut_ptr(), 32), CKR_OK);
        assert_ne!(random, [0; 32]);
        assert_eq!(C_DigestInit(session, &mut plain(CKM_SHA256)), CKR_OK);
        len -= 1;
        let small = C_Digest(session, data.as_mut_ptr(), 3, random.as_mut_ptr(), &mut len);
        assert_eq!((small, len), (CKR_BUFFER_TOO_SMALL, 32));
        let rv = C_Digest(session, data.as_mut_ptr(), 3, random.as_mut_ptr(), &mut len);
        assert_eq!((rv, len), (CKR_OK, 32));
    }
    assert_eq!(random[..4], [0xba, 0x78, 0x16, 0xbf]);
    let (rv, places) = begin_pair(session);
    assert_eq!((rv, places.contains(&UNTOUCHED)), (CKR_USER_NOT_LOGGED_IN, true));
    let nothing = complete(session, c"C_Digest", &mut untouched());
    assert_eq!(nothing, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_signature_that_takes_its_time_is_left_pending_and_collected() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (public, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    let mut room = [0; 64];
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);

    // Until it is collected the session serves nothing else.
    assert_eq!(begin_sign(session, &mut room), CKR_OPERATION_ACTIVE);
    // SAFETY: valid pointers, or NULL.
    unsafe {
        assert_eq!(C_DigestInit(session, &mut plain(CKM_SHA256)), CKR_OPERATION_ACTIVE);
        assert_eq!(C_FindObjectsInit(session, null_mut(), 0), CKR_OPERATION_ACTIVE);
        let mut info = std::mem::zeroed::<CK_SESSION_INFO>();
        assert_eq!(C_GetSessionInfo(session, &mut info), CKR_OK);
    }
    let other = complete(session, c"C_Digest", &mut untouched());
    assert_eq!(other, CKR_OPERATION_NOT_INITIALIZED);

    let (rv, data) = await_call(session, c"C_Sign");
    assert_eq!((rv, parts(&data)), (CKR_OK, (room.as_mut_ptr(), 64, 0, 0)));
    let again = complete(session, c"C_Sign", &mut untouched());
    assert_eq!(again, CKR_OPERATION_NOT_INITIALIZED);

    for expected in [CKR_OK, CKR_SIGNATURE_INVALID] {
        init(C_VerifyInit, c"C_VerifyInit", session, CKM_ECDSA, public);
        let (mut digest, mut signature) = ([7; 32], room);
        // SAFETY: valid pointers.
        let rv = unsafe { C_Verify(session, digest.as_mut_ptr(), 32, signature.as_mut_ptr(), 64) };
        // What went in was copied.
        (digest, signature) = ([0; 32], [0; 64]);
        assert_eq!(outcome(session, c"C_Verify", rv), expected);
        assert_eq!((digest[0], signature[0]), (0, 0));
        room[0] ^= 1;
    }
}

#[test]
fn the_buffer_is_written_when_the_answer_is_asked_for_and_not_before() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (_, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    let mut room = [0; 64];
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
    let name = c"C_Sign".as_ptr().cast_mut().cast();
    let begin = Instant::now();
    // A result needs a place; without one the call stays as it is, however far it has come.
    loop {
        // SAFETY: a name, and NULL.
        match unsafe { C_AsyncComplete(session, name, null_mut()) } {
            CKR_PENDING => assert!(begin.elapsed() < BOUND),
            rv => break assert_eq!(rv, CKR_ARGUMENTS_BAD),
        }
        thread::yield_now();
    }
    assert_eq!(room, [0; 64]);
    let mut newer = CK_ASYNC_DATA { ulVersion: 1, ..untouched() };
    assert_eq!(complete(session, c"C_Sign", &mut newer), CKR_ARGUMENTS_BAD);
    assert_eq!(await_call(session, c"C_Sign").0, CKR_OK);
    assert_ne!(room, [0; 64]);
}

#[test]
fn pending_calls_go_on_while_nobody_asks() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (_, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    let mut room = [0; 64];
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
    // Another session's calls take longer than the round trip that the signature needs.
    let other = library.session();
    let mut random = [0; 32];
    for _ in 0..200 {
        // SAFETY: a valid pointer.
        assert_eq!(unsafe { C_GenerateRandom(other, random.as_mut_ptr(), 32) }, CKR_OK);
    }
    // Asked once.
    assert_eq!(complete(session, c"C_Sign", &mut untouched()), CKR_OK);
}

#[test]
fn without_threads_a_pending_call_goes_on_whenever_it_is_asked_for() {
    let library = Library::of(Setting { no_threads: true, ..Setting::shipped("ha-pair") });
    let session = library.user();
    let (_, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    let mut room = [0; 64];
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
    assert_eq!(await_call(session, c"C_Sign").0, CKR_OK);
    assert_ne!(room, [0; 64]);
}

#[test]
fn without_threads_a_call_that_waits_for_a_pending_one_has_it_go_on() {
    let library = Library::of(Setting { no_threads: true, ..Setting::shipped("ha-pair") });
    let (pending, waiting) = (library.asynchronous(), library.session());
    let mut pin = *b"12345678";
    // SAFETY: valid pointers.
    unsafe {
        assert_eq!(C_Login(pending, CKU_USER, pin.as_mut_ptr(), 8), CKR_PENDING);
        // Logins and logouts of a token come one after the other.
        let second = C_Login(waiting, CKU_USER, pin.as_mut_ptr(), 8);
        assert_eq!(second, CKR_USER_ALREADY_LOGGED_IN);
    }
    assert_eq!(await_call(pending, c"C_Login").0, CKR_OK);
}

#[test]
fn too_small_a_buffer_and_a_question_for_a_length_are_answered_by_the_function_itself() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (_, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    let (mut digest, mut room, mut len) = ([7; 32], [0; 64], 63);
    // SAFETY: valid pointers with their lengths, or NULL.
    unsafe {
        let (data, at) = (digest.as_mut_ptr(), room.as_mut_ptr());
        assert_eq!(C_Sign(session, data, 32, at, &mut len), CKR_BUFFER_TOO_SMALL);
        assert_eq!(len, 64);
        len = 0;
        assert_eq!(C_Sign(session, data, 32, null_mut(), &mut len), CKR_OK);
        assert_eq!(len, 64);
    }
    // The signature was made; it waits for room.
    assert_eq!(outcome(session, c"C_Sign", begin_sign(session, &mut room)), CKR_OK);
}

#[test]
fn the_parts_of_an_operation_are_pending_one_after_the_other() {
    let library = Library::over("", "ha-pair");
    let session = library.asynchronous();
    let mut part = *b"abc";
    let (mut digest, mut len) = ([0; 32], 32);
    // SAFETY: valid pointers.
    unsafe {
        done(session, c"C_DigestInit", C_DigestInit(session, &mut plain(CKM_SHA256)));
        for index in 0..3 {
            let rv = C_DigestUpdate(session, part.as_mut_ptr().add(index), 1);
            assert_eq!(rv, CKR_PENDING);
            done(session, c"C_DigestUpdate", rv);
        }
        let rv = C_DigestFinal(session, digest.as_mut_ptr(), &mut len);
        assert_eq!(rv, CKR_PENDING);
    }
    let (rv, data) = await_call(session, c"C_DigestFinal");
    assert_eq!((rv, data.ulValue), (CKR_OK, 32));
    assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn a_message_s_nonce_and_tag_are_written_with_its_ciphertext() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let mut length = 16_u64;
    let mut template =
        [CK_ATTRIBUTE { type_: CKA_VALUE_LEN, pValue: (&raw mut length).cast(), ulValueLen: 8 }];
    let (mut key, mut plaintext) = (UNTOUCHED, *b"attack");
    let (mut ciphertext, mut iv, mut tag) = ([0_u8; 6], [0_u8; 12], [0_u8; 16]);
    let mut message = CK_GCM_MESSAGE_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvFixedBits: 0,
        ivGenerator: CKG_GENERATE_RANDOM,
        pTag: tag.as_mut_ptr(),
        ulTagBits: 128,
    };
    let message_len = size_of_val(&message) as CK_ULONG;
    let parameter = (&raw mut message).cast();
    // SAFETY: valid pointers with their lengths.
    unsafe {
        let mechanism = &mut plain(CKM_AES_KEY_GEN);
        let rv = C_GenerateKey(session, mechanism, template.as_mut_ptr(), 1, &mut key);
        assert_eq!((rv, key), (CKR_PENDING, UNTOUCHED));
        let (rv, data) = await_call(session, c"C_GenerateKey");
        assert_eq!((rv, data.hAdditionalObject), (CKR_OK, CK_INVALID_HANDLE));
        key = data.hObject;
        let name = c"C_MessageEncryptInit";
        init(C_MessageEncryptInit, name, session, CKM_AES_GCM, key);
        let mut len = 6;
        let (text, at) = (plaintext.as_mut_ptr(), ciphertext.as_mut_ptr());
        let (none, room) = (null_mut(), &mut len);
        let rv = C_EncryptMessage(session, parameter, message_len, none, 0, text, 6, at, room);
        assert_eq!(rv, CKR_PENDING);
    }
    let (rv, data) = await_call(session, c"C_EncryptMessage");
    assert_eq!((rv, data.pValue, data.ulValue), (CKR_OK, ciphertext.as_mut_ptr(), 6));
    assert!(iv != [0; 12] && tag != [0; 16]);
    init(C_MessageDecryptInit, c"C_MessageDecryptInit", session, CKM_AES_GCM, key);
    let (mut clear, mut len) = ([0; 6], 6);
    // SAFETY: valid pointers with their lengths.
    let rv = unsafe {
        let (text, at) = (ciphertext.as_mut_ptr(), clear.as_mut_ptr());
        C_DecryptMessage(session, parameter, message_len, null_mut(), 0, text, 6, at, &mut len)
    };
    done(session, c"C_DecryptMessage", rv);
    assert_eq!(&clear, b"attack");
}

#[test]
fn a_wrapped_key_whose_length_was_asked_for_is_left_pending() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (mut length, mut yes) = (16_u64, CK_TRUE);
    let mut template = [
        CK_ATTRIBUTE { type_: CKA_VALUE_LEN, pValue: (&raw mut length).cast(), ulValueLen: 8 },
        CK_ATTRIBUTE { type_: CKA_EXTRACTABLE, pValue: (&raw mut yes).cast(), ulValueLen: 1 },
    ];
    let mut keys = [0; 2];
    for key in &mut keys {
        let mechanism = &mut plain(CKM_AES_KEY_GEN);
        // SAFETY: valid pointers.
        let rv = unsafe { C_GenerateKey(session, mechanism, template.as_mut_ptr(), 2, key) };
        assert_eq!(rv, CKR_PENDING);
        let (rv, data) = await_call(session, c"C_GenerateKey");
        assert_eq!(rv, CKR_OK);
        *key = data.hObject;
    }
    let wrap = |room: *mut u8, len: &mut u64| {
        let mechanism = &mut plain(CKM_AES_KEY_WRAP);
        // SAFETY: valid pointers, or NULL.
        unsafe { C_WrapKey(session, mechanism, keys[0], keys[1], room, len) }
    };
    let (mut room, mut len) = ([0; 24], 24);
    // How long it is only a member knows: without the question the answer is waited for.
    assert_eq!(wrap(room.as_mut_ptr(), &mut len), CKR_OK);
    len = 23;
    assert_eq!((wrap(room.as_mut_ptr(), &mut len), len), (CKR_BUFFER_TOO_SMALL, 24));
    assert_eq!((wrap(null_mut(), &mut len), len), (CKR_OK, 24));
    room = [0; 24];
    assert_eq!(wrap(room.as_mut_ptr(), &mut len), CKR_PENDING);
    let (rv, data) = await_call(session, c"C_WrapKey");
    assert_eq!((rv, data.pValue, data.ulValue), (CKR_OK, room.as_mut_ptr(), 24));
    assert_ne!(room, [0; 24]);
}

#[test]
fn an_error_is_told_with_the_address_of_the_buffer_that_may_be_freed() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (public, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    // SAFETY: no pointers.
    let rv = unsafe { C_DestroyObject(session, private) };
    done(session, c"C_DestroyObject", rv);
    let mut room = [0; 64];
    let rv = begin_sign(session, &mut room);
    assert_eq!(rv, CKR_PENDING);
    let (rv, data) = await_call(session, c"C_Sign");
    assert_eq!(rv, CKR_KEY_HANDLE_INVALID);
    assert_eq!(parts(&data), (room.as_mut_ptr(), UNTOUCHED, UNTOUCHED, UNTOUCHED));
    // The operation is ended, and the session serves again.
    assert_eq!(begin_sign(session, &mut room), CKR_OPERATION_NOT_INITIALIZED);
    init(C_VerifyInit, c"C_VerifyInit", session, CKM_ECDSA, public);
}

#[test]
fn session_cancel_ends_the_pending_call_that_its_flags_mean() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    let (_, private) = pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
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
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
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
            init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
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
        let session = library.user();
        let (_, private) = pair(session);
        init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
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

#[test]
fn sessions_that_are_not_asynchronous_wait_as_ever() {
    let library = Library::over("", "ha-pair");
    let (session, _asynchronous) = (library.session(), library.asynchronous());
    let mut random = [0; 32];
    // SAFETY: a valid pointer.
    assert_eq!(unsafe { C_GenerateRandom(session, random.as_mut_ptr(), 32) }, CKR_OK);
    assert_ne!(random, [0; 32]);
    let nothing = complete(session, c"C_GenerateRandom", &mut untouched());
    assert_eq!(nothing, CKR_OPERATION_NOT_INITIALIZED);
}

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

/// A P-256 key pair on the token: public, private.
fn token_pair(session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    assert_eq!(begin_pair_of(session, CK_TRUE).0, CKR_PENDING);
    let (rv, data) = await_call(session, c"C_GenerateKeyPair");
    assert_eq!(rv, CKR_OK);
    (data.hObject, data.hAdditionalObject)
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
        let (public, private) = token_pair(session);
        init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
        let mut gone = Box::new([0; 64]);
        assert_eq!(begin_sign(session, &mut gone), CKR_PENDING);
        let number = id(session, c"C_Sign").expect("a number");
        assert_eq!(id(session, c"C_Sign"), Ok(number));
        // The caller frees the memory that he gave.
        drop(gone);
        let nothing = complete(session, c"C_Sign", &mut untouched());
        assert_eq!(nothing, CKR_OPERATION_NOT_INITIALIZED);
        let session = if finalise {
            // SAFETY: NULL.
            assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
            assert_eq!(library.initialize(), CKR_OK);
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
            // SAFETY: NULL.
            assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
            assert_eq!(library.initialize(), CKR_OK);
            library.user()
        } else {
            // The call goes on while it belongs to nobody.
            library.asynchronous()
        };
        assert_eq!(join(session, c"C_GenerateKeyPair", number, &mut []), CKR_OK);
        let (rv, data) = await_call(session, c"C_GenerateKeyPair");
        assert_eq!((rv, data.pValue), (CKR_OK, null_mut()));
        init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, data.hAdditionalObject);
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
    let (_, private) = token_pair(session);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    let mut room = [0; 64];
    assert_eq!(begin_sign(session, &mut room), CKR_PENDING);
    let number = id(session, c"C_Sign").expect("a number");
    // SAFETY: no pointers.
    assert_eq!(unsafe { C_SessionCancel(session, CKF_SIGN) }, CKR_OK);
    assert_eq!(join(session, c"C_Sign", number, &mut room), CKR_SAVED_STATE_INVALID);
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, private);
    assert_eq!(outcome(session, c"C_Sign", begin_sign(session, &mut room)), CKR_OK);
}

#[test]
fn a_number_waits_for_who_joins_it_over_any_number_of_libraries() {
    let library = Library::over("", "ha-pair");
    let session = library.user();
    assert_eq!(begin_pair_of(session, CK_TRUE).0, CKR_PENDING);
    let number = id(session, c"C_GenerateKeyPair").expect("a number");
    for _ in 0..3 {
        // SAFETY: NULL.
        assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
        assert_eq!(library.initialize(), CKR_OK);
    }
    let session = library.user();
    assert_eq!(join(session, c"C_GenerateKeyPair", number, &mut []), CKR_OK);
    done(session, c"C_GenerateKeyPair", CKR_PENDING);
}
