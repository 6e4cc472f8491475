//! Sessions (5.6).

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{case, material::data};
use crate::{
    call,
    case::{Case, Session, Stop, Template, expect, hold, ok},
};

const CLOSED: &[CK_RV] = &[CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED];

fn state(session: &Session<'_>) -> Result<CK_SESSION_INFO, Stop> {
    let mut info = CK_SESSION_INFO { slotID: 0, state: 0, flags: 0, ulDeviceError: 0 };
    ok(call!(session.module, C_GetSessionInfo(session.handle, &mut info)), "C_GetSessionInfo")?;
    Ok(info)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "session.open.parallel",
            "5.6.1",
            "a session without CKF_SERIAL_SESSION is refused",
            |b| {
                let (m, mut handle) = (b.module, 0);
                let rv =
                    call!(m, C_OpenSession(m.slot, CKF_RW_SESSION, null_mut(), None, &mut handle));
                expect(rv, &[CKR_SESSION_PARALLEL_NOT_SUPPORTED], "C_OpenSession")
            },
        ),
        case("session.open.no-slot", "5.6.1", "a session on no slot is CKR_SLOT_ID_INVALID", |b| {
            let mut handle = 0;
            let rv = call!(
                b.module,
                C_OpenSession(0x7FFF_FFF0, CKF_SERIAL_SESSION, null_mut(), None, &mut handle)
            );
            expect(rv, &[CKR_SLOT_ID_INVALID], "C_OpenSession")
        }),
        case("session.open.null", "5.6.1", "no place for the handle is refused", |b| {
            let m = b.module;
            let rv =
                call!(m, C_OpenSession(m.slot, CKF_SERIAL_SESSION, null_mut(), None, null_mut()));
            expect(rv, &[CKR_ARGUMENTS_BAD], "C_OpenSession")
        }),
        case("session.info", "5.6.4", "C_GetSessionInfo tells slot, flags and state", |b| {
            let (ro, rw) = (b.open(0)?, b.session()?);
            let (one, other) = (state(&ro)?, state(&rw)?);
            let seen = [one.state, one.flags, other.state, other.flags];
            let wanted = [
                CKS_RO_PUBLIC_SESSION,
                CKF_SERIAL_SESSION,
                CKS_RW_PUBLIC_SESSION,
                CKF_SERIAL_SESSION | CKF_RW_SESSION,
            ];
            hold(seen == wanted, || format!("{seen:?}"))?;
            hold({ one.slotID } == b.module.slot, || "another slot".into())?;
            let rv = call!(b.module, C_GetSessionInfo(ro.handle, null_mut()));
            expect(rv, &[CKR_ARGUMENTS_BAD], "no place")
        }),
        case("session.info.states", "5.6.4", "states follow the login of any session", |b| {
            let (ro, rw) = (b.open(0)?, b.session()?);
            ok(rw.login(CKU_USER, &b.module.target.pin), "C_Login")?;
            let seen = [state(&ro)?.state, state(&rw)?.state];
            hold(seen == [CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS], || format!("{seen:?}"))?;
            ok(call!(b.module, C_Logout(ro.handle)), "C_Logout")?;
            let seen = [state(&ro)?.state, state(&rw)?.state];
            hold(seen == [CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION], || format!("{seen:?}"))
        }),
        case("session.close.twice", "5.6.2", "a closed session's handle is invalid", |b| {
            let session = b.session()?;
            ok(session.close(), "C_CloseSession")?;
            expect(session.close(), CLOSED, "C_CloseSession")
        }),
        case("session.close.last", "5.6.2", "closing the last session logs out", |b| {
            let session = b.user()?;
            ok(session.close(), "C_CloseSession")?;
            let now = state(&b.session()?)?.state;
            hold(now == CKS_RW_PUBLIC_SESSION, || format!("state {now}"))
        }),
        case(
            "session.close-all",
            "5.6.3",
            "C_CloseAllSessions closes all, and an empty slot is no error",
            |b| {
                let (one, other) = (b.session()?, b.open(0)?);
                ok(call!(b.module, C_CloseAllSessions(b.module.slot)), "C_CloseAllSessions")?;
                expect(one.close(), CLOSED, "the first")?;
                expect(other.close(), CLOSED, "the second")?;
                ok(call!(b.module, C_CloseAllSessions(b.module.slot)), "C_CloseAllSessions")?;
                let rv = call!(b.module, C_CloseAllSessions(0x7FFF_FFF0));
                expect(rv, &[CKR_SLOT_ID_INVALID], "no such slot")
            },
        ),
        case("session.objects", "4.4", "session objects end with their session", |b| {
            let (keeper, session) = (b.session()?, b.session()?);
            let object = session.object(&data("conformance-session", b"gone"))?;
            ok(session.close(), "C_CloseSession")?;
            let left = keeper.find(&Template::new().bytes(CKA_LABEL, b"conformance-session"))?;
            hold(left.is_empty(), || "it is still found".into())?;
            let (rv, _) = keeper.get(object, CKA_LABEL);
            expect(rv, &[CKR_OBJECT_HANDLE_INVALID], "C_GetAttributeValue")
        }),
        case(
            "session.objects.shared",
            "4.4",
            "other sessions of the application see session objects",
            |b| {
                let (maker, other) = (b.session()?, b.session()?);
                let object = maker.object(&data("conformance-shared", b"seen"))?;
                let found = other.find(&Template::new().bytes(CKA_LABEL, b"conformance-shared"))?;
                hold(found == [object], || format!("found {found:?}"))
            },
        ),
        case(
            "session.handle",
            "5.1.7",
            "a handle of no session is CKR_SESSION_HANDLE_INVALID everywhere",
            |b| {
                let (m, no) = (b.module, 0x7FFF_FFF3);
                let (mut len, mut out, mut key) = (16, [0_u8; 16], 0);
                let mut mechanism = CK_MECHANISM {
                    mechanism: CKM_SHA256,
                    pParameter: null_mut(),
                    ulParameterLen: 0,
                };
                let mut info = CK_SESSION_INFO { slotID: 0, state: 0, flags: 0, ulDeviceError: 0 };
                let mut attribute =
                    CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null_mut(), ulValueLen: 0 };
                let at = out.as_mut_ptr();
                let rows: Vec<(&str, CK_RV)> = vec![
                    ("C_GetSessionInfo", call!(m, C_GetSessionInfo(no, &mut info))),
                    ("C_Login", call!(m, C_Login(no, CKU_USER, at, 8))),
                    ("C_Logout", call!(m, C_Logout(no))),
                    ("C_InitPIN", call!(m, C_InitPIN(no, at, 8))),
                    ("C_SetPIN", call!(m, C_SetPIN(no, at, 8, at, 8))),
                    ("C_CreateObject", call!(m, C_CreateObject(no, &mut attribute, 1, &mut key))),
                    ("C_CopyObject", call!(m, C_CopyObject(no, 1, null_mut(), 0, &mut key))),
                    ("C_DestroyObject", call!(m, C_DestroyObject(no, 1))),
                    ("C_GetObjectSize", call!(m, C_GetObjectSize(no, 1, &mut len))),
                    (
                        "C_GetAttributeValue",
                        call!(m, C_GetAttributeValue(no, 1, &mut attribute, 1)),
                    ),
                    (
                        "C_SetAttributeValue",
                        call!(m, C_SetAttributeValue(no, 1, &mut attribute, 1)),
                    ),
                    ("C_FindObjectsInit", call!(m, C_FindObjectsInit(no, null_mut(), 0))),
                    ("C_FindObjects", call!(m, C_FindObjects(no, &mut key, 1, &mut len))),
                    ("C_FindObjectsFinal", call!(m, C_FindObjectsFinal(no))),
                    ("C_EncryptInit", call!(m, C_EncryptInit(no, &mut mechanism, 1))),
                    ("C_Encrypt", call!(m, C_Encrypt(no, at, 16, at, &mut len))),
                    ("C_EncryptUpdate", call!(m, C_EncryptUpdate(no, at, 16, at, &mut len))),
                    ("C_EncryptFinal", call!(m, C_EncryptFinal(no, at, &mut len))),
                    ("C_DecryptInit", call!(m, C_DecryptInit(no, &mut mechanism, 1))),
                    ("C_Decrypt", call!(m, C_Decrypt(no, at, 16, at, &mut len))),
                    ("C_DecryptUpdate", call!(m, C_DecryptUpdate(no, at, 16, at, &mut len))),
                    ("C_DecryptFinal", call!(m, C_DecryptFinal(no, at, &mut len))),
                    ("C_DigestInit", call!(m, C_DigestInit(no, &mut mechanism))),
                    ("C_Digest", call!(m, C_Digest(no, at, 16, at, &mut len))),
                    ("C_DigestUpdate", call!(m, C_DigestUpdate(no, at, 16))),
                    ("C_DigestKey", call!(m, C_DigestKey(no, 1))),
                    ("C_DigestFinal", call!(m, C_DigestFinal(no, at, &mut len))),
                    ("C_SignInit", call!(m, C_SignInit(no, &mut mechanism, 1))),
                    ("C_Sign", call!(m, C_Sign(no, at, 16, at, &mut len))),
                    ("C_SignUpdate", call!(m, C_SignUpdate(no, at, 16))),
                    ("C_SignFinal", call!(m, C_SignFinal(no, at, &mut len))),
                    ("C_VerifyInit", call!(m, C_VerifyInit(no, &mut mechanism, 1))),
                    ("C_Verify", call!(m, C_Verify(no, at, 16, at, 16))),
                    ("C_VerifyUpdate", call!(m, C_VerifyUpdate(no, at, 16))),
                    ("C_VerifyFinal", call!(m, C_VerifyFinal(no, at, 16))),
                    (
                        "C_GenerateKey",
                        call!(m, C_GenerateKey(no, &mut mechanism, null_mut(), 0, &mut key)),
                    ),
                    ("C_WrapKey", call!(m, C_WrapKey(no, &mut mechanism, 1, 1, at, &mut len))),
                    (
                        "C_UnwrapKey",
                        call!(
                            m,
                            C_UnwrapKey(no, &mut mechanism, 1, at, 16, &mut attribute, 1, &mut key)
                        ),
                    ),
                    (
                        "C_DeriveKey",
                        call!(m, C_DeriveKey(no, &mut mechanism, 1, &mut attribute, 1, &mut key)),
                    ),
                    ("C_GenerateRandom", call!(m, C_GenerateRandom(no, at, 16))),
                    ("C_SeedRandom", call!(m, C_SeedRandom(no, at, 16))),
                ];
                for (what, rv) in rows {
                    if rv != CKR_FUNCTION_NOT_SUPPORTED {
                        expect(rv, &[CKR_SESSION_HANDLE_INVALID], what)?;
                    }
                }
                Ok(())
            },
        ),
        case(
            "session.cancel",
            "5.6.9",
            "C_SessionCancel ends what its flags name and nothing else",
            |b| {
                let session = b.session()?;
                let (m, s) = (b.module, session.handle);
                let mut mechanism = CK_MECHANISM {
                    mechanism: CKM_SHA256,
                    pParameter: null_mut(),
                    ulParameterLen: 0,
                };
                ok(call!(m, C_DigestInit(s, &mut mechanism)), "C_DigestInit")?;
                ok(call!(m, C_FindObjectsInit(s, null_mut(), 0)), "C_FindObjectsInit")?;
                ok(call!(m, C_SessionCancel(s, CKF_DIGEST)), "C_SessionCancel")?;
                let rv = call!(m, C_DigestUpdate(s, [0; 1].as_mut_ptr(), 1));
                expect(rv, &[CKR_OPERATION_NOT_INITIALIZED], "C_DigestUpdate")?;
                ok(call!(m, C_FindObjectsFinal(s)), "C_FindObjectsFinal")
            },
        ),
        case(
            "session.cancel.nothing",
            "5.6.9",
            "C_SessionCancel without an operation is no error",
            |b| {
                let session = b.session()?;
                let all = CKF_ENCRYPT
                    | CKF_DECRYPT
                    | CKF_DIGEST
                    | CKF_SIGN
                    | CKF_VERIFY
                    | CKF_FIND_OBJECTS;
                ok(call!(b.module, C_SessionCancel(session.handle, all)), "C_SessionCancel")
            },
        ),
        case(
            "session.state.none",
            "5.6.5",
            "C_GetOperationState without an operation says so",
            |b| {
                let session = b.session()?;
                let mut len = 0;
                let rv = call!(b.module, C_GetOperationState(session.handle, null_mut(), &mut len));
                expect(rv, &[CKR_OPERATION_NOT_INITIALIZED], "C_GetOperationState")
            },
        ),
        case(
            "session.validation-flags",
            "5.6 of 3.2",
            "C_GetSessionValidationFlags tells the flags of the last validation",
            |b| {
                let (session, mut flags) = (b.session()?, CK_FLAGS::MAX);
                let (m, s) = (b.module, session.handle);
                let kind = CKS_LAST_VALIDATION_OK;
                let rv = call!(m, C_GetSessionValidationFlags(s, kind, &mut flags));
                ok(rv, "C_GetSessionValidationFlags")?;
                hold(flags != CK_FLAGS::MAX, || "no flags were written".into())
            },
        ),
    ]
}
