//! Calls that are begun and collected.

use super::*;

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
fn a_token_of_pkcs11_3_2_has_none_if_its_profile_says_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("waits.toml");
    let open = hsmsim_sim_config::Profile::shipped_text("open").expect("shipped");
    std::fs::write(&file, format!("asynchronous_sessions = false\n{open}")).expect("written");
    let line = format!("profile = \"{}\"\n", file.display());
    let library = Library::over(line.leak(), "instant");
    assert_eq!(Library::token_flags() & CKF_ASYNC_SESSION_SUPPORTED, 0);
    assert_eq!(library.open_with(CKF_ASYNC_SESSION).0, CKR_SESSION_ASYNC_NOT_SUPPORTED);
    let (opened, session) = library.open_with(0);
    assert_eq!(opened, CKR_OK);
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
    let (session, public, _) = ready_to_sign(&library);
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
    let (session, _, _) = ready_to_sign(&library);
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
    let (session, _, _) = ready_to_sign(&library);
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
    let (session, _, _) = ready_to_sign(&library);
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
    let (session, _, _) = ready_to_sign(&library);
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
    let (session, public, private) = ready_to_sign(&library);
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
