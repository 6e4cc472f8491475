//! General-purpose functions (5.4): the library's life, its lists and interfaces.

use std::{ffi::c_void, ptr::null_mut};

use cryptoki_sys::*;

use super::case;
use crate::{
    call,
    case::{Case, Check, expect, hold, ok},
};

/// Codes for a call before C_Initialize.
const NOT_YET: &[CK_RV] = &[CKR_CRYPTOKI_NOT_INITIALIZED];

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "general.info",
            "5.4.3",
            "C_GetInfo: texts are padded with blanks, not ended with 0",
            |b| {
                // SAFETY: plain numbers and bytes, for which zero is a value.
                let mut info: CK_INFO = unsafe { std::mem::zeroed() };
                ok(call!(b.module, C_GetInfo(&mut info)), "C_GetInfo")?;
                hold(!info.libraryDescription.contains(&0), || {
                    "libraryDescription holds a 0".into()
                })?;
                hold(!info.manufacturerID.contains(&0), || "manufacturerID holds a 0".into())?;
                hold({ info.flags } == 0, || format!("flags are {:#x}", { info.flags }))
            },
        ),
        case("general.info.null", "5.4.3", "C_GetInfo without a place is refused", |b| {
            expect(call!(b.module, C_GetInfo(null_mut())), &[CKR_ARGUMENTS_BAD], "C_GetInfo(NULL)")
        }),
        case("general.initialize.again", "5.4.1", "a second C_Initialize says so", |b| {
            expect(b.module.initialise_only(), &[CKR_CRYPTOKI_ALREADY_INITIALIZED], "C_Initialize")
        }),
        case(
            "general.finalize.reserved",
            "5.4.2",
            "C_Finalize refuses pReserved that is not NULL",
            |b| {
                let mut byte = 0_u8;
                let rv = call!(b.module, C_Finalize((&raw mut byte).cast()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "C_Finalize(pReserved)")
            },
        ),
        case(
            "general.initialize.mutexes",
            "5.4.1",
            "some mutex functions without the others are refused",
            |b| {
                unsafe extern "C" fn lock(_: *mut c_void) -> CK_RV {
                    CKR_OK
                }
                ok(call!(b.module, C_Finalize(null_mut())), "C_Finalize")?;
                let mut args = CK_C_INITIALIZE_ARGS {
                    CreateMutex: None,
                    DestroyMutex: None,
                    LockMutex: Some(lock),
                    UnlockMutex: None,
                    flags: 0,
                    pReserved: null_mut(),
                };
                let rv = call!(b.module, C_Initialize((&raw mut args).cast()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "C_Initialize(LockMutex alone)")
            },
        ),
        case(
            "general.finalize.twice",
            "5.4.2",
            "C_Finalize of what is not initialised says so",
            |b| {
                ok(call!(b.module, C_Finalize(null_mut())), "C_Finalize")?;
                expect(call!(b.module, C_Finalize(null_mut())), NOT_YET, "C_Finalize")
            },
        ),
        case("general.not-initialized", "5.1.7", "functions before C_Initialize say so", |b| {
            ok(call!(b.module, C_Finalize(null_mut())), "C_Finalize")?;
            let (m, mut count, mut handle) = (b.module, 0, 0);
            // SAFETY: plain numbers and bytes, for which zero is a value.
            let mut info: CK_INFO = unsafe { std::mem::zeroed() };
            let rows: [(&str, CK_RV); 8] = [
                ("C_GetInfo", call!(m, C_GetInfo(&mut info))),
                ("C_GetSlotList", call!(m, C_GetSlotList(CK_TRUE, null_mut(), &mut count))),
                (
                    "C_OpenSession",
                    call!(
                        m,
                        C_OpenSession(m.slot, CKF_SERIAL_SESSION, null_mut(), None, &mut handle)
                    ),
                ),
                ("C_CloseSession", call!(m, C_CloseSession(1))),
                ("C_CloseAllSessions", call!(m, C_CloseAllSessions(m.slot))),
                ("C_DestroyObject", call!(m, C_DestroyObject(1, 1))),
                ("C_GenerateRandom", call!(m, C_GenerateRandom(1, [0; 1].as_mut_ptr(), 1))),
                ("C_FindObjectsFinal", call!(m, C_FindObjectsFinal(1))),
            ];
            rows.into_iter().try_for_each(|(what, rv)| expect(rv, NOT_YET, what))
        }),
        case(
            "general.initialize.anew",
            "5.4.1",
            "the library can be initialised again, and old sessions are gone",
            |b| {
                let session = b.session()?;
                ok(call!(b.module, C_Finalize(null_mut())), "C_Finalize")?;
                ok(b.module.initialise_only(), "C_Initialize")?;
                expect(
                    session.close(),
                    &[CKR_SESSION_HANDLE_INVALID],
                    "C_CloseSession of an old handle",
                )
            },
        ),
        case(
            "general.function-list",
            "5.4.4",
            "C_GetFunctionList gives a list of 2.x; NULL is refused",
            |b| {
                let mut list = null_mut();
                ok(call!(b.module, C_GetFunctionList(&mut list)), "C_GetFunctionList")?;
                // SAFETY: a list begins with its version.
                let version = unsafe { (*list).version };
                hold(version.major == 2, || {
                    format!("version {}.{}", version.major, version.minor)
                })?;
                let rv = call!(b.module, C_GetFunctionList(null_mut()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "C_GetFunctionList(NULL)")
            },
        ),
        case("general.function-list.full", "5.4.4", "no function of the list is NULL", |b| {
            let mut list = null_mut();
            ok(call!(b.module, C_GetFunctionList(&mut list)), "C_GetFunctionList")?;
            let count = size_of::<CK_FUNCTION_LIST>() / size_of::<usize>();
            // SAFETY: a list is a version, padded to a pointer's size, and pointers.
            let pointers = unsafe { std::slice::from_raw_parts(list.cast::<usize>(), count) };
            hold(pointers[1..].iter().all(|&p| p != 0), || "there is a NULL in the list".into())
        }),
        case(
            "general.interface-list",
            "5.4.5",
            "C_GetInterfaceList follows the two-call convention",
            |b| {
                let mut count = 0;
                ok(
                    call!(b.module, C_GetInterfaceList(null_mut(), &mut count)),
                    "C_GetInterfaceList(NULL)",
                )?;
                hold(count > 0, || "there is no interface".into())?;
                let one = CK_INTERFACE {
                    pInterfaceName: null_mut(),
                    pFunctionList: null_mut(),
                    flags: 0,
                };
                let mut all = vec![one; count as usize];
                let mut less = count - 1;
                let rv = call!(b.module, C_GetInterfaceList(all.as_mut_ptr(), &mut less));
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "one place too few")?;
                hold(less == count, || format!("{less} are said to be needed, not {count}"))?;
                ok(
                    call!(b.module, C_GetInterfaceList(all.as_mut_ptr(), &mut count)),
                    "C_GetInterfaceList",
                )?;
                let null =
                    all.iter().any(|i| i.pInterfaceName.is_null() || i.pFunctionList.is_null());
                hold(!null, || "an interface has no name or no list".into())?;
                let rv = call!(b.module, C_GetInterfaceList(all.as_mut_ptr(), null_mut()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "C_GetInterfaceList without a count")
            },
        ),
        case(
            "general.interface",
            "5.4.6",
            "C_GetInterface: NULL means the default, unknown ones are refused",
            |b| {
                let mut found = null_mut();
                ok(
                    call!(b.module, C_GetInterface(null_mut(), null_mut(), &mut found, 0)),
                    "the default",
                )?;
                hold(!found.is_null(), || "no interface".into())?;
                let unknown = c"No such interface".as_ptr().cast_mut().cast();
                let refused = &[CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED];
                let rv = call!(b.module, C_GetInterface(unknown, null_mut(), &mut found, 0));
                expect(rv, refused, "an unknown name")?;
                let mut version = CK_VERSION { major: 9, minor: 9 };
                let name = c"PKCS 11".as_ptr().cast_mut().cast();
                let rv = call!(b.module, C_GetInterface(name, &mut version, &mut found, 0));
                expect(rv, refused, "an unknown version")?;
                let rv = call!(b.module, C_GetInterface(null_mut(), null_mut(), null_mut(), 0));
                expect(rv, &[CKR_ARGUMENTS_BAD], "no place")
            },
        ),
        case(
            "general.parallel",
            "5.20",
            "the functions of parallel sessions say CKR_FUNCTION_NOT_PARALLEL",
            |b| {
                let session = b.session()?;
                let only: &[CK_RV] = &[CKR_FUNCTION_NOT_PARALLEL];
                expect(
                    call!(b.module, C_GetFunctionStatus(session.handle)),
                    only,
                    "C_GetFunctionStatus",
                )?;
                expect(call!(b.module, C_CancelFunction(session.handle)), only, "C_CancelFunction")
            },
        ),
        case("general.reserved", "5.4.1", "C_Initialize with NULL works", |b| {
            if b.module.target.reserved.is_some() {
                // This module cannot do without a string there.
                return Ok(());
            }
            ok(call!(b.module, C_Finalize(null_mut())), "C_Finalize")?;
            let done: Check = ok(call!(b.module, C_Initialize(null_mut())), "C_Initialize(NULL)");
            done
        }),
    ]
}
