//! Asynchronous sessions and their functions (5.6.1 and 5.22 of 3.2). Whether anything is ever left pending is the
//! module's choice: what is asked holds either way.

use std::{
    ffi::CStr,
    ptr::null_mut,
    time::{Duration, Instant},
};

use cryptoki_sys::*;

use super::case;
use crate::{
    call,
    case::{Bench, Case, Mechanism, Session, Stop, Template, expect, fail, hold, ok},
};

/// Longest time of one call.
const BOUND: Duration = Duration::from_secs(60);
const PLACE: CK_ULONG = 0xDEAD_BEEF;

fn flags(b: &Bench<'_>) -> Result<CK_FLAGS, Stop> {
    // SAFETY: any bytes are a CK_TOKEN_INFO.
    let mut info = unsafe { std::mem::zeroed::<CK_TOKEN_INFO>() };
    ok(call!(b.module, C_GetTokenInfo(b.module.slot, &mut info)), "C_GetTokenInfo")?;
    Ok(info.flags)
}

/// An asynchronous session, if the token has any.
fn open<'a>(b: &Bench<'a>) -> Result<Session<'a>, Stop> {
    if b.module.list.C_AsyncComplete.is_none() || flags(b)? & CKF_ASYNC_SESSION_SUPPORTED == 0 {
        return Err(Stop::Unsupported("the token has no asynchronous sessions".into()));
    }
    b.open(CKF_RW_SESSION | CKF_ASYNC_SESSION)
}

fn name(function: &CStr) -> *mut CK_UTF8CHAR {
    function.as_ptr().cast_mut().cast()
}

/// What a function comes to that said `rv`. A result is not touched while the call is pending.
fn outcome(
    session: &Session<'_>,
    function: &CStr,
    rv: CK_RV,
) -> Result<(CK_RV, Option<CK_ASYNC_DATA>), Stop> {
    if rv != CKR_PENDING {
        return Ok((rv, None));
    }
    let begin = Instant::now();
    let mut data = CK_ASYNC_DATA {
        ulVersion: 0,
        pValue: null_mut(),
        ulValue: PLACE,
        hObject: PLACE,
        hAdditionalObject: PLACE,
    };
    loop {
        match call!(session.module, C_AsyncComplete(session.handle, name(function), &mut data)) {
            CKR_PENDING => {
                let same = [data.ulValue, data.hObject, data.hAdditionalObject] == [PLACE; 3];
                hold(same, || format!("{function:?} is pending, and its result was changed"))?;
            }
            rv => return Ok((rv, Some(data))),
        }
        if begin.elapsed() > BOUND {
            return fail(format!("{function:?} is pending for ever"));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn done(session: &Session<'_>, function: &CStr, rv: CK_RV) -> Result<Option<CK_ASYNC_DATA>, Stop> {
    let (rv, data) = outcome(session, function, rv)?;
    ok(rv, &function.to_string_lossy())?;
    Ok(data)
}

/// SHA-256 of "abc" begins so (FIPS 180-4, examples).
const DIGEST: [u8; 4] = [0xba, 0x78, 0x16, 0xbf];

fn digest(session: &Session<'_>) -> Result<([u8; 32], CK_ULONG), Stop> {
    let (m, s) = (session.module, session.handle);
    let mut mechanism = Mechanism::plain(CKM_SHA256).raw();
    let (mut data, mut out, mut len) = (*b"abc", [0; 32], 32);
    done(session, c"C_DigestInit", call!(m, C_DigestInit(s, &mut mechanism)))?;
    let rv = call!(m, C_Digest(s, data.as_mut_ptr(), 3, out.as_mut_ptr(), &mut len));
    if let Some(result) = done(session, c"C_Digest", rv)? {
        let place = result.pValue == out.as_mut_ptr();
        hold(place, || "pValue is not the buffer of the function".into())?;
        len = result.ulValue;
    }
    Ok((out, len))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "asynchronous.flag",
            "5.6.1 of 3.2",
            "CKF_ASYNC_SESSION is taken if the token's flag says so, else refused by its code",
            |b| {
                if b.module.list.C_AsyncComplete.is_none() {
                    return Err(Stop::Unsupported("older than asynchronous sessions".into()));
                }
                let supported = flags(b)? & CKF_ASYNC_SESSION_SUPPORTED != 0;
                let wanted = if supported { CKR_OK } else { CKR_SESSION_ASYNC_NOT_SUPPORTED };
                let flags = CKF_SERIAL_SESSION | CKF_ASYNC_SESSION;
                let (m, mut handle) = (b.module, 0);
                let rv = call!(m, C_OpenSession(m.slot, flags, null_mut(), None, &mut handle));
                expect(rv, &[wanted], "C_OpenSession")
            },
        ),
        case(
            "asynchronous.info",
            "5.6.4 of 3.2",
            "an asynchronous session says that it is one",
            |b| {
                let session = open(b)?;
                let mut info = CK_SESSION_INFO { slotID: 0, state: 0, flags: 0, ulDeviceError: 0 };
                ok(
                    call!(b.module, C_GetSessionInfo(session.handle, &mut info)),
                    "C_GetSessionInfo",
                )?;
                let wanted = CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION;
                hold(info.flags == wanted, || format!("flags {:#x}", info.flags))
            },
        ),
        case(
            "asynchronous.complete",
            "5.22.1 of 3.2",
            "a call's result is in the function's own buffer, its length in CK_ASYNC_DATA",
            |b| {
                let (out, len) = digest(&open(b)?)?;
                hold(out[..4] == DIGEST && len == 32, || format!("{len} bytes: {out:?}"))
            },
        ),
        case(
            "asynchronous.complete.objects",
            "5.22.1 of 3.2",
            "the handle of what a call makes is in CK_ASYNC_DATA",
            |b| {
                let session = open(b)?;
                let mut pin = b.module.target.pin.as_bytes().to_vec();
                let (at, len) = (pin.as_mut_ptr(), pin.len() as CK_ULONG);
                let rv = call!(b.module, C_Login(session.handle, CKU_USER, at, len));
                done(&session, c"C_Login", rv)?;
                let template = Template::new().number(CKA_VALUE_LEN, 16);
                let (rv, mut key) = session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template);
                if let Some(result) = done(&session, c"C_GenerateKey", rv)? {
                    key = result.hObject;
                }
                let value = session.value(key, CKA_VALUE_LEN)?;
                hold(value == 16_u64.to_ne_bytes(), || format!("CKA_VALUE_LEN {value:?}"))
            },
        ),
        case(
            "asynchronous.complete.too-small",
            "5.22.1 of 3.2",
            "a function whose buffer is too small says so itself",
            |b| {
                let session = open(b)?;
                let (m, s) = (b.module, session.handle);
                let mut mechanism = Mechanism::plain(CKM_SHA256).raw();
                done(&session, c"C_DigestInit", call!(m, C_DigestInit(s, &mut mechanism)))?;
                let (mut data, mut out, mut len) = (*b"abc", [0; 31], 31);
                let rv = call!(m, C_Digest(s, data.as_mut_ptr(), 3, out.as_mut_ptr(), &mut len));
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "C_Digest")?;
                hold(len == 32, || format!("{len} bytes instead of 32"))
            },
        ),
        case(
            "asynchronous.complete.error",
            "5.22.1 of 3.2",
            "C_AsyncComplete gives the error of the function",
            |b| {
                let session = open(b)?;
                let (mut data, mut out, mut len) = (*b"abc", [0; 32], 32);
                let (at, place) = (data.as_mut_ptr(), out.as_mut_ptr());
                let rv = call!(b.module, C_Digest(session.handle, at, 3, place, &mut len));
                let (rv, _) = outcome(&session, c"C_Digest", rv)?;
                expect(rv, &[CKR_OPERATION_NOT_INITIALIZED], "C_Digest")
            },
        ),
        case(
            "asynchronous.close",
            "5.6.2 of 3.2",
            "closing a session ends what is pending on it",
            |b| {
                let session = open(b)?;
                let mut random = [0; 32];
                let rv = call!(b.module, C_GenerateRandom(session.handle, random.as_mut_ptr(), 32));
                expect(rv, &[CKR_OK, CKR_PENDING], "C_GenerateRandom")?;
                let (rv, _) = outcome(&session, c"C_CloseSession", session.close())?;
                ok(rv, "C_CloseSession")?;
                digest(&open(b)?).map(drop)
            },
        ),
        case(
            "asynchronous.id.none",
            "5.22.2 of 3.2",
            "a function that is not pending has no number",
            |b| {
                let (session, mut id) = (open(b)?, 0);
                let function = name(c"C_Sign");
                let rv = call!(b.module, C_AsyncGetID(session.handle, function, &mut id));
                expect(rv, &[CKR_OPERATION_NOT_INITIALIZED], "C_AsyncGetID")
            },
        ),
        case(
            "asynchronous.join.unknown",
            "5.22.3 of 3.2",
            "a number that was never given is CKR_SAVED_STATE_INVALID",
            |b| {
                let (session, mut room) = (open(b)?, [0; 64]);
                let (function, at) = (name(c"C_Sign"), room.as_mut_ptr());
                let rv =
                    call!(b.module, C_AsyncJoin(session.handle, function, 0x7E57_0001, at, 64));
                expect(rv, &[CKR_SAVED_STATE_INVALID], "C_AsyncJoin")
            },
        ),
    ]
}
