//! Saved operations (5.6.4, 5.6.5), and what the token's hardware shows (4.3).

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{no_openssl, pattern, secret},
};
use crate::{
    call,
    case::{Bench, Case, Check, Mechanism, Session, Stop, Template, expect, hold, ok},
    openssl,
};

/// C_GetOperationState. That a token cannot save an operation is the standard's to allow.
fn saved(session: &Session<'_>) -> Result<Vec<u8>, Stop> {
    let mut len = 0;
    let rv = call!(session.module, C_GetOperationState(session.handle, null_mut(), &mut len));
    if rv == CKR_STATE_UNSAVEABLE {
        return Err(Stop::Unsupported("C_GetOperationState: CKR_STATE_UNSAVEABLE".into()));
    }
    ok(rv, "C_GetOperationState")?;
    let mut state = vec![0; len as usize];
    let at = state.as_mut_ptr();
    ok(
        call!(session.module, C_GetOperationState(session.handle, at, &mut len)),
        "C_GetOperationState",
    )?;
    state.truncate(len as usize);
    Ok(state)
}

fn restored(
    session: &Session<'_>,
    state: &[u8],
    cipher: CK_OBJECT_HANDLE,
    authentication: CK_OBJECT_HANDLE,
) -> CK_RV {
    let (at, len) = (state.as_ptr().cast_mut(), state.len() as CK_ULONG);
    call!(session.module, C_SetOperationState(session.handle, at, len, cipher, authentication))
}

/// A digest that took the first of its data, and the rest of it.
fn begun<'a>(b: &Bench<'a>) -> Result<(Session<'a>, Vec<u8>), Stop> {
    let session = b.session()?;
    let mut mechanism = Mechanism::plain(CKM_SHA256).raw();
    ok(call!(b.module, C_DigestInit(session.handle, &mut mechanism)), "C_DigestInit")?;
    digests(&session, &pattern(100))?;
    Ok((session, pattern(45)))
}

fn digests(session: &Session<'_>, data: &[u8]) -> Check {
    let (at, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
    ok(call!(session.module, C_DigestUpdate(session.handle, at, len)), "C_DigestUpdate")
}

fn finished(session: &Session<'_>, rest: &[u8]) -> Result<Vec<u8>, Stop> {
    digests(session, rest)?;
    let (mut out, mut len) = (vec![0; 64], 64);
    let at = out.as_mut_ptr();
    ok(call!(session.module, C_DigestFinal(session.handle, at, &mut len)), "C_DigestFinal")?;
    out.truncate(len as usize);
    Ok(out)
}

/// An HMAC that took the first of its data.
fn mac_begun(session: &Session<'_>, key: CK_OBJECT_HANDLE) -> Check {
    let mut mechanism = Mechanism::plain(CKM_SHA256_HMAC).raw();
    ok(call!(session.module, C_SignInit(session.handle, &mut mechanism, key)), "C_SignInit")?;
    let data = pattern(100);
    let (at, len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
    ok(call!(session.module, C_SignUpdate(session.handle, at, len)), "C_SignUpdate")
}

fn mac_finished(session: &Session<'_>) -> Result<Vec<u8>, Stop> {
    let (mut out, mut len) = (vec![0; 64], 64);
    let at = out.as_mut_ptr();
    ok(call!(session.module, C_SignFinal(session.handle, at, &mut len)), "C_SignFinal")?;
    out.truncate(len as usize);
    Ok(out)
}

/// The cases of the group of sessions.
pub(super) fn of_sessions() -> Vec<Case> {
    vec![
        case(
            "session.state.digest",
            "5.6.5",
            "a saved digest goes on in another session, and in its own",
            |b| {
                let (session, rest) = begun(b)?;
                let state = saved(&session)?;
                let other = b.session()?;
                ok(restored(&other, &state, 0, 0), "C_SetOperationState")?;
                let whole = [pattern(100), rest.clone()].concat();
                let wanted = openssl::digest("SHA256", &whole).ok_or_else(no_openssl)?;
                hold(finished(&other, &rest)? == wanted, || "another digest there".into())?;
                hold(finished(&session, &rest)? == wanted, || "another digest here".into())
            },
        ),
        case(
            "session.state.key",
            "5.6.5",
            "a saved MAC wants its key: none is CKR_KEY_NEEDED, another CKR_KEY_CHANGED",
            |b| {
                let session = b.user()?;
                let uses = &[CKA_SIGN];
                let key = session.object(&secret(CKK_GENERIC_SECRET, &[7; 32], uses))?;
                let other = session.object(&secret(CKK_GENERIC_SECRET, &[8; 32], uses))?;
                mac_begun(&session, key)?;
                let state = saved(&session)?;
                expect(restored(&session, &state, 0, 0), &[CKR_KEY_NEEDED], "without a key")?;
                expect(restored(&session, &state, 0, other), &[CKR_KEY_CHANGED], "another key")?;
                ok(restored(&session, &state, 0, key), "its key")?;
                let wanted = openssl::mac("HMAC", "SHA256", &[7; 32], &pattern(100));
                let wanted = wanted.ok_or_else(no_openssl)?;
                hold(mac_finished(&session)? == wanted, || "another MAC".into())
            },
        ),
        case(
            "session.state.key-not-needed",
            "5.6.5",
            "a key for a digest is CKR_KEY_NOT_NEEDED",
            |b| {
                let user = b.user()?;
                let key = user.object(&secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_SIGN]))?;
                let (session, _) = begun(b)?;
                let state = saved(&session)?;
                expect(restored(&session, &state, 0, key), &[CKR_KEY_NOT_NEEDED], "a key")
            },
        ),
        case(
            "session.state.damaged",
            "5.6.5",
            "what is no state is CKR_SAVED_STATE_INVALID",
            |b| {
                let (session, _) = begun(b)?;
                let state = saved(&session)?;
                let shorter = &state[..state.len() - 1];
                let codes = &[CKR_SAVED_STATE_INVALID];
                expect(restored(&session, shorter, 0, 0), codes, "a shorter one")?;
                expect(restored(&session, &[0x5a; 40], 0, 0), codes, "any bytes")
            },
        ),
        case(
            "session.state.length",
            "5.6.4",
            "too small a place for a state is CKR_BUFFER_TOO_SMALL, and the operation goes on",
            |b| {
                let (session, rest) = begun(b)?;
                let needed = saved(&session)?.len() as CK_ULONG;
                let (mut place, mut len) = (vec![0; needed as usize], needed - 1);
                let at = place.as_mut_ptr();
                let rv = call!(b.module, C_GetOperationState(session.handle, at, &mut len));
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "C_GetOperationState")?;
                hold(len >= needed, || format!("{len} instead of {needed}"))?;
                finished(&session, &rest).map(drop)
            },
        ),
    ]
}

/// The token's feature of that kind.
fn feature(session: &Session<'_>, kind: CK_ULONG) -> Result<CK_OBJECT_HANDLE, Stop> {
    let template =
        Template::new().number(CKA_CLASS, CKO_HW_FEATURE).number(CKA_HW_FEATURE_TYPE, kind);
    let found = session.find(&template)?;
    found.first().copied().ok_or_else(|| Stop::Unsupported("there is no such feature".into()))
}

/// The cases of the group of objects.
pub(super) fn of_objects() -> Vec<Case> {
    vec![
        case(
            "object.feature.clock",
            "4.3.2",
            "a clock shows sixteen digits, those of utcTime if the token has CKF_CLOCK_ON_TOKEN",
            |b| {
                let session = b.session()?;
                let clock = feature(&session, CKH_CLOCK)?;
                let shown = session.value(clock, CKA_VALUE)?;
                let digits = shown.len() == 16 && shown.iter().all(u8::is_ascii_digit);
                hold(digits, || format!("{} bytes", shown.len()))?;
                // SAFETY: plain numbers and bytes, for which zero is a value.
                let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
                ok(call!(b.module, C_GetTokenInfo(b.module.slot, &mut info)), "C_GetTokenInfo")?;
                let has = info.flags & CKF_CLOCK_ON_TOKEN != 0;
                // The hour may have changed between.
                hold(!has || info.utcTime[..6] == shown[..6], || "another month".into())
            },
        ),
        case(
            "object.feature.clock-set",
            "4.3.2",
            "a user who may not set the clock is CKR_USER_NOT_LOGGED_IN",
            |b| {
                let session = b.session()?;
                let clock = feature(&session, CKH_CLOCK)?;
                let template = Template::new().bytes(CKA_VALUE, b"2030010100000000");
                let codes =
                    &[CKR_USER_NOT_LOGGED_IN, CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY];
                expect(session.set(clock, &template), codes, "C_SetAttributeValue")
            },
        ),
        case(
            "object.feature.counter",
            "4.3.3",
            "a monotonic counter is greater each time it is read, and is not set",
            |b| {
                let session = b.session()?;
                let counter = feature(&session, CKH_MONOTONIC_COUNTER)?;
                let mut last = Vec::new();
                for _ in 0..5 {
                    let value = session.value(counter, CKA_VALUE)?;
                    // Big endian, so that numbers of one length are in the order of their bytes.
                    let grows = (value.len(), &value) > (last.len(), &last);
                    hold(grows, || "a number that is not greater".into())?;
                    last = value;
                }
                for kind in [CKA_RESET_ON_INIT, CKA_HAS_RESET] {
                    hold(session.value(counter, kind)?.len() == 1, || "no CK_BBOOL".into())?;
                }
                let template = Template::new().bytes(CKA_VALUE, &[0; 8]);
                let codes = &[CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY];
                expect(session.set(counter, &template), codes, "C_SetAttributeValue")
            },
        ),
    ]
}
