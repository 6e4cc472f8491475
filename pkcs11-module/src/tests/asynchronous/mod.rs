//! Asynchronous sessions: calls that are left pending, over links that take their time. Here is what the tests
//! share.

use std::{
    ffi::CStr,
    time::{Duration, Instant},
};

use super::*;

mod calls;
mod endings;
mod numbers;

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

    /// C_Finalize and C_Initialize.
    fn start_anew(&self) {
        // SAFETY: NULL.
        assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
        assert_eq!(self.initialize(), CKR_OK);
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

/// A P-256 key pair of session objects: public, private.
fn pair(session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    pair_of(session, CK_FALSE)
}

/// A P-256 key pair: public, private.
fn pair_of(session: CK_SESSION_HANDLE, token: CK_BBOOL) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let (rv, places) = begin_pair_of(session, token);
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

fn init_sign(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
    init(C_SignInit, c"C_SignInit", session, CKM_ECDSA, key);
}

/// A session of the user over links that take their time, with a P-256 key pair and an operation begun: session,
/// public key, private key.
fn ready_to_sign(library: &Library) -> (CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let session = library.user();
    let (public, private) = pair(session);
    init_sign(session, private);
    (session, public, private)
}

/// Begins to sign, with the init done.
fn begin_sign(session: CK_SESSION_HANDLE, room: &mut [u8; 64]) -> CK_RV {
    let (mut digest, mut len) = ([7; 32], 64);
    // SAFETY: valid pointers; the room lives as long as the call.
    let rv = unsafe { C_Sign(session, digest.as_mut_ptr(), 32, room.as_mut_ptr(), &mut len) };
    assert_eq!(len, 64);
    rv
}
