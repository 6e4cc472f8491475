//! Logging in and PINs (5.6.7, 5.6.8, 5.5.8, 5.5.9).

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{data, secret},
};
use crate::{
    call,
    case::{Case, Session, Stop, Template, expect, hold, ok},
};

fn so<'a>(b: &crate::case::Bench<'a>) -> Result<(Session<'a>, String), Stop> {
    let Some(pin) = b.module.target.so_pin.clone() else {
        return Err(Stop::Unsupported("no PIN of the security officer was given".into()));
    };
    let session = b.session()?;
    ok(session.login(CKU_SO, &pin), "C_Login(CKU_SO)")?;
    Ok((session, pin))
}

fn login_user(session: &Session<'_>, user: CK_USER_TYPE, pin: &str, name: &str) -> CK_RV {
    let (mut pin, mut name) = (pin.as_bytes().to_vec(), name.as_bytes().to_vec());
    let (pin_len, name_len) = (pin.len() as CK_ULONG, name.len() as CK_ULONG);
    let (pin, name) = (pin.as_mut_ptr(), name.as_mut_ptr());
    call!(session.module, C_LoginUser(session.handle, user, pin, pin_len, name, name_len))
}

fn set_pin(session: &Session<'_>, old: &str, new: &str) -> CK_RV {
    let (mut old, mut new) = (old.as_bytes().to_vec(), new.as_bytes().to_vec());
    let (old_len, new_len) = (old.len() as CK_ULONG, new.len() as CK_ULONG);
    call!(
        session.module,
        C_SetPIN(session.handle, old.as_mut_ptr(), old_len, new.as_mut_ptr(), new_len)
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "login.wrong-pin",
            "5.6.7",
            "a wrong PIN is CKR_PIN_INCORRECT, and the right one still works",
            |b| {
                let session = b.session()?;
                expect(session.login(CKU_USER, "wrong-pin"), &[CKR_PIN_INCORRECT], "a wrong PIN")?;
                ok(session.login(CKU_USER, &b.module.target.pin), "the right PIN")
            },
        ),
        case("login.twice", "5.6.7", "a second login is CKR_USER_ALREADY_LOGGED_IN", |b| {
            let session = b.user()?;
            let rv = session.login(CKU_USER, &b.module.target.pin);
            expect(rv, &[CKR_USER_ALREADY_LOGGED_IN], "C_Login")
        }),
        case("login.another", "5.6.7", "another user while one is logged in is refused", |b| {
            let session = b.user()?;
            let Some(pin) = b.module.target.so_pin.clone() else {
                return Err(Stop::Unsupported("no PIN of the security officer was given".into()));
            };
            let rv = session.login(CKU_SO, &pin);
            expect(rv, &[CKR_USER_ANOTHER_ALREADY_LOGGED_IN], "C_Login(CKU_SO)")
        }),
        case(
            "login.user-type",
            "5.6.7",
            "a user type that does not exist is CKR_USER_TYPE_INVALID",
            |b| {
                let session = b.session()?;
                expect(session.login(77, "12345678"), &[CKR_USER_TYPE_INVALID], "C_Login(77)")
            },
        ),
        case(
            "login.context",
            "5.6.7",
            "CKU_CONTEXT_SPECIFIC without an operation is CKR_OPERATION_NOT_INITIALIZED",
            |b| {
                let session = b.user()?;
                let rv = session.login(CKU_CONTEXT_SPECIFIC, &b.module.target.pin);
                expect(rv, &[CKR_OPERATION_NOT_INITIALIZED], "C_Login(CKU_CONTEXT_SPECIFIC)")
            },
        ),
        case(
            "login.so.read-only",
            "5.6.7",
            "the SO cannot log in beside a read-only session",
            |b| {
                let _reader = b.open(0)?;
                let session = b.session()?;
                let Some(pin) = b.module.target.so_pin.clone() else {
                    return Err(Stop::Unsupported(
                        "no PIN of the security officer was given".into(),
                    ));
                };
                let rv = session.login(CKU_SO, &pin);
                expect(rv, &[CKR_SESSION_READ_ONLY_EXISTS], "C_Login(CKU_SO)")
            },
        ),
        case("login.so.then-read-only", "5.6.1", "no read-only session beside the SO's", |b| {
            let (_session, _) = so(b)?;
            let (m, mut handle) = (b.module, 0);
            let rv =
                call!(m, C_OpenSession(m.slot, CKF_SERIAL_SESSION, null_mut(), None, &mut handle));
            expect(rv, &[CKR_SESSION_READ_WRITE_SO_EXISTS], "C_OpenSession")
        }),
        case(
            "login.named",
            "5.6.9",
            "C_LoginUser without a name is C_Login: the PIN counts, and the user is logged in",
            |b| {
                let (session, pin) = (b.session()?, &b.module.target.pin);
                let rv = login_user(&session, CKU_USER, "wrong-pin", "");
                expect(rv, &[CKR_PIN_INCORRECT], "a wrong PIN")?;
                ok(login_user(&session, CKU_USER, pin, ""), "C_LoginUser")?;
                let mut info = CK_SESSION_INFO { slotID: 0, state: 0, flags: 0, ulDeviceError: 0 };
                let rv = call!(b.module, C_GetSessionInfo(session.handle, &mut info));
                ok(rv, "C_GetSessionInfo")?;
                hold(info.state == CKS_RW_USER_FUNCTIONS, || format!("state {}", info.state))?;
                let rv = login_user(&session, CKU_USER, pin, "");
                expect(rv, &[CKR_USER_ALREADY_LOGGED_IN], "C_LoginUser again")
            },
        ),
        case(
            "login.named.unknown",
            "5.6.9",
            "C_LoginUser of a user that is not there is refused",
            |b| {
                let session = b.session()?;
                let rv = login_user(&session, CKU_USER, &b.module.target.pin, "nobody-here");
                let codes =
                    &[CKR_USER_TYPE_INVALID, CKR_PIN_INCORRECT, CKR_ARGUMENTS_BAD, CKR_PIN_INVALID];
                expect(rv, codes, "C_LoginUser")?;
                let mut info = CK_SESSION_INFO { slotID: 0, state: 0, flags: 0, ulDeviceError: 0 };
                let rv = call!(b.module, C_GetSessionInfo(session.handle, &mut info));
                ok(rv, "C_GetSessionInfo")?;
                hold(info.state == CKS_RW_PUBLIC_SESSION, || format!("state {}", info.state))
            },
        ),
        case("logout.nobody", "5.6.8", "a logout of nobody is CKR_USER_NOT_LOGGED_IN", |b| {
            let session = b.session()?;
            expect(call!(b.module, C_Logout(session.handle)), &[CKR_USER_NOT_LOGGED_IN], "C_Logout")
        }),
        case(
            "logout.private-objects",
            "5.6.8",
            "private session objects end with the login; their handles stay invalid",
            |b| {
                let session = b.user()?;
                let key = session.object(
                    &secret(CKK_GENERIC_SECRET, b"0123456789abcdef", &[]).flag(CKA_PRIVATE, true),
                )?;
                ok(call!(b.module, C_Logout(session.handle)), "C_Logout")?;
                expect(
                    session.get(key, CKA_CLASS).0,
                    &[CKR_OBJECT_HANDLE_INVALID],
                    "after the logout",
                )?;
                ok(session.login(CKU_USER, &b.module.target.pin), "C_Login")?;
                expect(
                    session.get(key, CKA_CLASS).0,
                    &[CKR_OBJECT_HANDLE_INVALID],
                    "after the next login",
                )
            },
        ),
        case("login.private-objects", "4.4", "private objects need the user", |b| {
            let session = b.session()?;
            let (rv, _) =
                session.create(&data("conformance-private", b"x").flag(CKA_PRIVATE, true));
            expect(rv, &[CKR_USER_NOT_LOGGED_IN], "C_CreateObject")?;
            let hidden = session.find(&Template::new().flag(CKA_PRIVATE, true))?;
            hold(hidden.is_empty(), || format!("{} private objects are seen", hidden.len()))
        }),
        case("login.so.private-objects", "4.4", "the SO sees and makes no private objects", |b| {
            let (session, _) = so(b)?;
            let (rv, _) =
                session.create(&data("conformance-private", b"x").flag(CKA_PRIVATE, true));
            expect(rv, &[CKR_USER_NOT_LOGGED_IN], "C_CreateObject")
        }),
        case(
            "pin.set",
            "5.5.9",
            "C_SetPIN changes the user's PIN; the old one then is wrong",
            |b| {
                let session = b.user()?;
                let pin = b.module.target.pin.clone();
                expect(
                    set_pin(&session, "wrong-pin", "1234567890"),
                    &[CKR_PIN_INCORRECT],
                    "a wrong old PIN",
                )?;
                ok(set_pin(&session, &pin, "1234567890"), "C_SetPIN")?;
                ok(call!(b.module, C_Logout(session.handle)), "C_Logout")?;
                let old = session.login(CKU_USER, &pin);
                let new = session.login(CKU_USER, "1234567890");
                ok(set_pin(&session, "1234567890", &pin), "C_SetPIN back")?;
                expect(old, &[CKR_PIN_INCORRECT], "the old PIN")?;
                ok(new, "the new PIN")
            },
        ),
        case(
            "pin.set.length",
            "5.5.9",
            "PINs outside the token's lengths are CKR_PIN_LEN_RANGE",
            |b| {
                let session = b.user()?;
                // SAFETY: plain numbers and bytes, for which zero is a value.
                let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
                ok(call!(b.module, C_GetTokenInfo(b.module.slot, &mut info)), "C_GetTokenInfo")?;
                let pin = b.module.target.pin.clone();
                let mut lens = vec![info.ulMaxPinLen as usize + 1];
                if info.ulMinPinLen > 1 {
                    lens.push(info.ulMinPinLen as usize - 1);
                }
                for len in lens {
                    let other = "9".repeat(len);
                    let rv = set_pin(&session, &pin, &other);
                    if rv == CKR_OK {
                        ok(set_pin(&session, &other, &pin), "C_SetPIN back")?;
                    }
                    expect(rv, &[CKR_PIN_LEN_RANGE], &format!("a PIN of {len} bytes"))?;
                }
                Ok(())
            },
        ),
        case(
            "pin.set.read-only",
            "5.5.9",
            "C_SetPIN in a read-only session is CKR_SESSION_READ_ONLY",
            |b| {
                let session = b.open(0)?;
                let pin = b.module.target.pin.clone();
                expect(set_pin(&session, &pin, "1234567890"), &[CKR_SESSION_READ_ONLY], "C_SetPIN")
            },
        ),
        case("pin.init.user", "5.5.8", "C_InitPIN is the SO's alone", |b| {
            let session = b.user()?;
            let mut pin = *b"1234567890";
            let rv = call!(b.module, C_InitPIN(session.handle, pin.as_mut_ptr(), 10));
            expect(rv, &[CKR_USER_NOT_LOGGED_IN], "C_InitPIN")
        }),
        case("pin.init", "5.5.8", "C_InitPIN sets the user's PIN", |b| {
            let (session, _) = so(b)?;
            let mut pin = b.module.target.pin.clone().into_bytes();
            let len = pin.len() as CK_ULONG;
            ok(call!(b.module, C_InitPIN(session.handle, pin.as_mut_ptr(), len)), "C_InitPIN")?;
            ok(call!(b.module, C_Logout(session.handle)), "C_Logout")?;
            ok(session.login(CKU_USER, &b.module.target.pin), "C_Login")
        }),
    ]
}
