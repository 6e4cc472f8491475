//! Random numbers (5.19).

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::case;
use crate::{
    call,
    case::{Case, expect, hold, ok},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("random.generate", "5.19.2", "C_GenerateRandom gives other bytes every time", |b| {
            let session = b.session()?;
            let mut two = [[0_u8; 32]; 2];
            for place in &mut two {
                ok(
                    call!(b.module, C_GenerateRandom(session.handle, place.as_mut_ptr(), 32)),
                    "C_GenerateRandom",
                )?;
            }
            hold(two[0] != two[1] && two[0] != [0; 32], || "the same bytes, or none".into())
        }),
        case("random.generate.much", "5.19.2", "a mebibyte at once is filled to its end", |b| {
            let session = b.session()?;
            let mut much = vec![0_u8; 1 << 20];
            ok(
                call!(b.module, C_GenerateRandom(session.handle, much.as_mut_ptr(), 1 << 20)),
                "C_GenerateRandom",
            )?;
            hold(much[(1 << 20) - 64..].iter().any(|&byte| byte != 0), || {
                "the end is not filled".into()
            })?;
            let zeros = much.iter().filter(|&&byte| byte == 0).count();
            hold((3000..5500).contains(&zeros), || format!("{zeros} of a mebibyte are 0"))
        }),
        case("random.generate.null", "5.19.2", "no place is refused", |b| {
            let session = b.session()?;
            let rv = call!(b.module, C_GenerateRandom(session.handle, null_mut(), 16));
            expect(rv, &[CKR_ARGUMENTS_BAD], "C_GenerateRandom")
        }),
        case("random.seed", "5.19.1", "C_SeedRandom is taken or refused by its own code", |b| {
            let session = b.session()?;
            let rv = call!(b.module, C_SeedRandom(session.handle, [7; 16].as_mut_ptr(), 16));
            expect(rv, &[CKR_OK, CKR_RANDOM_SEED_NOT_SUPPORTED], "C_SeedRandom")
        }),
    ]
}
