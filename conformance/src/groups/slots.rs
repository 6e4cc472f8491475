//! Slots and tokens (5.5).

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::case;
use crate::{
    call,
    case::{Case, expect, hold, ok},
};

/// No module has a slot with this number.
const NO_SLOT: CK_SLOT_ID = 0x7FFF_FFF0;
const INVALID: &[CK_RV] = &[CKR_SLOT_ID_INVALID];

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "slots.list",
            "5.5.1",
            "C_GetSlotList: the count, too few places, enough places",
            |b| {
                let mut count = 0;
                ok(call!(b.module, C_GetSlotList(CK_FALSE, null_mut(), &mut count)), "the count")?;
                let mut slots = vec![0; count as usize];
                let mut less = count - 1;
                let rv = call!(b.module, C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &mut less));
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "one place too few")?;
                hold(less == count, || format!("{less} are said to be needed, not {count}"))?;
                ok(
                    call!(b.module, C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &mut count)),
                    "the list",
                )?;
                slots.sort_unstable();
                hold(slots.windows(2).all(|two| two[0] != two[1]), || {
                    "a slot stands twice".into()
                })?;
                let rv = call!(b.module, C_GetSlotList(CK_FALSE, null_mut(), null_mut()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "no count")
            },
        ),
        case("slots.info", "5.5.2", "C_GetSlotInfo tells a token that is there", |b| {
            // SAFETY: plain numbers and bytes, for which zero is a value.
            let mut info: CK_SLOT_INFO = unsafe { std::mem::zeroed() };
            ok(call!(b.module, C_GetSlotInfo(b.module.slot, &mut info)), "C_GetSlotInfo")?;
            hold(info.flags & CKF_TOKEN_PRESENT != 0, || "CKF_TOKEN_PRESENT is not set".into())?;
            hold(!info.slotDescription.contains(&0), || "slotDescription holds a 0".into())?;
            expect(call!(b.module, C_GetSlotInfo(NO_SLOT, &mut info)), INVALID, "no such slot")?;
            let rv = call!(b.module, C_GetSlotInfo(b.module.slot, null_mut()));
            expect(rv, &[CKR_ARGUMENTS_BAD], "no place")
        }),
        case(
            "slots.token-info",
            "5.5.3",
            "C_GetTokenInfo tells an initialised token with a user PIN",
            |b| {
                // SAFETY: plain numbers and bytes, for which zero is a value.
                let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
                ok(call!(b.module, C_GetTokenInfo(b.module.slot, &mut info)), "C_GetTokenInfo")?;
                let wanted = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
                hold(info.flags & wanted == wanted, || format!("flags {:#x}", { info.flags }))?;
                hold(!info.label.contains(&0), || "label holds a 0".into())?;
                let (min, max) = (info.ulMinPinLen, info.ulMaxPinLen);
                hold(min <= max, || format!("PINs from {min} to {max}"))?;
                expect(
                    call!(b.module, C_GetTokenInfo(NO_SLOT, &mut info)),
                    INVALID,
                    "no such slot",
                )?;
                let rv = call!(b.module, C_GetTokenInfo(b.module.slot, null_mut()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "no place")
            },
        ),
        case("slots.token-info.sessions", "5.5.3", "the token counts sessions", |b| {
            // SAFETY: plain numbers and bytes, for which zero is a value.
            let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
            let _one = b.session()?;
            let _two = b.open(0)?;
            ok(call!(b.module, C_GetTokenInfo(b.module.slot, &mut info)), "C_GetTokenInfo")?;
            let counts = (info.ulSessionCount, info.ulRwSessionCount);
            let unknown = CK_UNAVAILABLE_INFORMATION;
            let good = [(2, 1), (unknown, unknown)].contains(&counts);
            hold(good, || format!("{counts:?} sessions, read-write sessions"))
        }),
        case(
            "slots.mechanism-list",
            "5.5.5",
            "C_GetMechanismList follows the two-call convention",
            |b| {
                let mut count = 0;
                ok(
                    call!(b.module, C_GetMechanismList(b.module.slot, null_mut(), &mut count)),
                    "the count",
                )?;
                let mut kinds = vec![0; count as usize];
                let mut less = count - 1;
                let rv = call!(
                    b.module,
                    C_GetMechanismList(b.module.slot, kinds.as_mut_ptr(), &mut less)
                );
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "one place too few")?;
                hold(less == count, || format!("{less} are said to be needed, not {count}"))?;
                ok(
                    call!(
                        b.module,
                        C_GetMechanismList(b.module.slot, kinds.as_mut_ptr(), &mut count)
                    ),
                    "the list",
                )?;
                kinds.sort_unstable();
                hold(kinds.windows(2).all(|two| two[0] != two[1]), || {
                    "a mechanism stands twice".into()
                })?;
                let rv = call!(b.module, C_GetMechanismList(NO_SLOT, null_mut(), &mut count));
                expect(rv, INVALID, "no such slot")?;
                let rv = call!(b.module, C_GetMechanismList(b.module.slot, null_mut(), null_mut()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "no count")
            },
        ),
        case(
            "slots.mechanism-info",
            "5.5.6",
            "every mechanism that is listed has information with sizes in order",
            |b| {
                for kind in b.module.mechanisms() {
                    let Some(info) = b.module.mechanism_info(kind) else {
                        return crate::case::fail(format!(
                            "{kind:#x} is listed and has no information"
                        ));
                    };
                    let (min, max) = (info.ulMinKeySize, info.ulMaxKeySize);
                    hold(min <= max, || format!("{kind:#x}: keys from {min} to {max}"))?;
                    hold(info.flags != 0, || format!("{kind:#x}: no flags"))?;
                }
                Ok(())
            },
        ),
        case(
            "slots.mechanism-info.unknown",
            "5.5.6",
            "a mechanism that is not listed is CKR_MECHANISM_INVALID",
            |b| {
                let mut info = CK_MECHANISM_INFO { ulMinKeySize: 0, ulMaxKeySize: 0, flags: 0 };
                let rv = call!(b.module, C_GetMechanismInfo(b.module.slot, 0x8FFF_FFF1, &mut info));
                expect(rv, &[CKR_MECHANISM_INVALID], "C_GetMechanismInfo")?;
                let rv = call!(b.module, C_GetMechanismInfo(NO_SLOT, CKM_SHA256, &mut info));
                expect(rv, INVALID, "no such slot")
            },
        ),
        case(
            "slots.wait",
            "5.5.4",
            "C_WaitForSlotEvent that does not block says CKR_NO_EVENT",
            |b| {
                let mut slot = 0;
                for _ in 0..64 {
                    let rv =
                        call!(b.module, C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut()));
                    if rv != CKR_OK {
                        return expect(rv, &[CKR_NO_EVENT], "C_WaitForSlotEvent");
                    }
                }
                crate::case::fail("64 events, and nobody touched a slot")
            },
        ),
        case(
            "slots.wait.reserved",
            "5.5.4",
            "C_WaitForSlotEvent refuses pReserved that is not NULL",
            |b| {
                let (mut slot, mut byte) = (0, 0_u8);
                let rv = call!(
                    b.module,
                    C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, (&raw mut byte).cast())
                );
                expect(rv, &[CKR_ARGUMENTS_BAD], "C_WaitForSlotEvent(pReserved)")
            },
        ),
        case(
            "slots.init-token.sessions",
            "5.5.7",
            "C_InitToken with a session open is CKR_SESSION_EXISTS",
            |b| {
                let _session = b.session()?;
                let mut pin = *b"not the pin";
                let mut label = [b' '; 32];
                let rv = call!(
                    b.module,
                    C_InitToken(b.module.slot, pin.as_mut_ptr(), 11, label.as_mut_ptr())
                );
                expect(rv, &[CKR_SESSION_EXISTS], "C_InitToken")
            },
        ),
        case(
            "slots.init-token.no-slot",
            "5.5.7",
            "C_InitToken of no slot is CKR_SLOT_ID_INVALID",
            |b| {
                let mut pin = *b"12345678";
                let mut label = [b' '; 32];
                let rv =
                    call!(b.module, C_InitToken(NO_SLOT, pin.as_mut_ptr(), 8, label.as_mut_ptr()));
                expect(rv, INVALID, "C_InitToken")
            },
        ),
    ]
}
