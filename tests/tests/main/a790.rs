//! What an application sees of profile `a790` through the C interface: the mechanism list of a real Luna 7,
//! PIN lengths, strings, versions, and how much data one call takes.

use std::{collections::BTreeSet, fs, mem::zeroed, ptr::null_mut};

use cryptoki_sys::*;
use hsmsim_tests::{Sandbox, apart::apart, build, raw::Raw, sandbox::USER_PIN, test_name};

fn sandbox() -> Sandbox {
    let path = build::root().join("sim-config/topologies/instant.toml");
    let instant = fs::read_to_string(path).expect("a shipped topology");
    Sandbox::with_topology(&format!("profile = \"a790\"\n{instant}"))
}

/// A row of `tests/data/luna7_mechanisms.txt`.
struct Row {
    name: String,
    numbers: Vec<CK_MECHANISM_TYPE>,
    sizes: Option<(CK_ULONG, CK_ULONG)>,
    uses: CK_FLAGS,
}

fn rows() -> Vec<Row> {
    let text = include_str!("../../data/luna7_mechanisms.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [name, numbers, sizes, uses] =
                line.split_whitespace().collect::<Vec<_>>().try_into().expect("four columns");
            let number = |digits: &str| {
                CK_MECHANISM_TYPE::from_str_radix(digits.trim_start_matches("0x"), 16)
                    .expect("a number")
            };
            let size = |(min, max): (&str, &str)| {
                (min.parse().expect("a number"), max.parse().expect("a number"))
            };
            let generates =
                if name.ends_with("KEY_PAIR_GEN") { CKF_GENERATE_KEY_PAIR } else { CKF_GENERATE };
            let flag = |letter: char| match letter {
                'h' => CKF_DIGEST,
                's' => CKF_SIGN,
                'v' => CKF_VERIFY,
                'e' => CKF_ENCRYPT,
                'd' => CKF_DECRYPT,
                'w' => CKF_WRAP,
                'u' => CKF_UNWRAP,
                'g' => generates,
                'D' => CKF_DERIVE,
                _ => panic!("{line}"),
            };
            Row {
                name: name.to_owned(),
                numbers: numbers.split(',').map(number).collect(),
                sizes: sizes.split_once("..").map(size),
                uses: uses.chars().map(flag).fold(0, |all, one| all | one),
            }
        })
        .collect()
}

/// All that a mechanism can be used for, those that the dump does not ask about among them.
const USES: CK_FLAGS = CKF_ENCRYPT
    | CKF_DECRYPT
    | CKF_DIGEST
    | CKF_SIGN
    | CKF_SIGN_RECOVER
    | CKF_VERIFY
    | CKF_VERIFY_RECOVER
    | CKF_GENERATE
    | CKF_GENERATE_KEY_PAIR
    | CKF_WRAP
    | CKF_UNWRAP
    | CKF_DERIVE
    | CKF_ENCAPSULATE
    | CKF_DECAPSULATE
    | CKF_MESSAGE_ENCRYPT
    | CKF_MESSAGE_DECRYPT
    | CKF_MESSAGE_SIGN
    | CKF_MESSAGE_VERIFY;

#[test]
fn an_a790_lists_the_mechanisms_of_a_real_luna_7_with_their_uses_and_sizes() {
    apart(test_name!(), sandbox, |_| {
        let library = Raw::library();
        let (mut list, mut count) = (vec![0; 512], 512);
        // SAFETY: room for as many as it says.
        let rv =
            unsafe { library.C_GetMechanismList(library.slot(), list.as_mut_ptr(), &mut count) };
        assert_eq!(rv, CKR_OK);
        list.truncate(count as usize);
        let rows = rows();
        assert_eq!(rows.len(), 75);
        let listed: BTreeSet<_> = list.iter().copied().collect();
        let wanted: BTreeSet<_> = rows.iter().flat_map(|row| row.numbers.clone()).collect();
        assert_eq!((list.len(), &listed), (listed.len(), &wanted), "each once, and no other");
        for row in &rows {
            for &number in &row.numbers {
                let mut info = CK_MECHANISM_INFO { ulMinKeySize: 0, ulMaxKeySize: 0, flags: 0 };
                // SAFETY: a place for the answer.
                let rv = unsafe { library.C_GetMechanismInfo(library.slot(), number, &mut info) };
                assert_eq!(rv, CKR_OK, "{}", row.name);
                assert_eq!(info.flags & USES, row.uses, "{}: {:#x}", row.name, info.flags);
                assert_ne!(info.flags & CKF_HW, 0, "{}", row.name);
                if let Some(sizes) = row.sizes {
                    assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), sizes, "{}", row.name);
                }
            }
        }
    });
}

fn text(padded: &[u8]) -> &str {
    std::str::from_utf8(padded).expect("a text").trim_end()
}

fn version(version: CK_VERSION) -> (u8, u8) {
    (version.major, version.minor)
}

#[test]
fn an_a790_says_what_a_luna_client_says_of_library_slot_and_token() {
    apart(test_name!(), sandbox, |_| {
        let library = Raw::library();
        // SAFETY: plain numbers and bytes, for which zero is a value.
        let (mut info, mut slot, mut token): (CK_INFO, CK_SLOT_INFO, CK_TOKEN_INFO) =
            unsafe { (zeroed(), zeroed(), zeroed()) };
        // SAFETY: places for the answers.
        let rvs = unsafe {
            [
                library.C_GetInfo(&mut info),
                library.C_GetSlotInfo(library.slot(), &mut slot),
                library.C_GetTokenInfo(library.slot(), &mut token),
            ]
        };
        assert_eq!(rvs, [CKR_OK; 3]);
        assert_eq!(version(info.cryptokiVersion), (2, 20));
        assert_eq!(text(&info.manufacturerID), "SafeNet, Inc.");
        assert_eq!(text(&info.libraryDescription), "Chrystoki");
        assert_eq!(version(info.libraryVersion), (7, 2));
        assert_eq!(library.slot(), 0, "slots count from zero");
        assert_eq!(text(&slot.slotDescription), "HA Virtual Card Slot");
        assert_eq!(text(&slot.manufacturerID), "Safenet, Inc.");
        assert_eq!(text(&token.manufacturerID), "SafeNet");
        assert_eq!(text(&token.model), "LunaVirtual");
        assert_eq!(version(token.hardwareVersion), (2, 0));
        assert_eq!(version(token.firmwareVersion), (7, 0));
        assert_eq!((token.ulMinPinLen, token.ulMaxPinLen), (7, 255));
    });
}

#[test]
fn an_a790_takes_pins_of_7_to_255_bytes() {
    apart(test_name!(), sandbox, |_| {
        let library = Raw::library();
        let session = library.session();
        library.login(session);
        let mut known = USER_PIN.to_owned();
        for (len, wanted) in
            [(6, CKR_PIN_LEN_RANGE), (7, CKR_OK), (255, CKR_OK), (256, CKR_PIN_LEN_RANGE)]
        {
            let (mut old, mut new) = (known.clone().into_bytes(), vec![b'7'; len]);
            let (old_len, new_len) = (old.len() as CK_ULONG, new.len() as CK_ULONG);
            let (old, new) = (old.as_mut_ptr(), new.as_mut_ptr());
            // SAFETY: PINs with their lengths.
            let rv = unsafe { library.C_SetPIN(session, old, old_len, new, new_len) };
            assert_eq!(rv, wanted, "{len} bytes");
            if rv == CKR_OK {
                known = "7".repeat(len);
            }
        }
    });
}

#[test]
fn an_a790_takes_48_000_bytes_in_one_call_and_no_more() {
    apart(test_name!(), sandbox, |_| {
        let library = Raw::library();
        let session = library.session();
        library.login(session);
        let (mut data, mut digest) = (vec![5; 48_001], [0; 32]);
        for (size, wanted) in [(48_000, CKR_OK), (48_001, CKR_DEVICE_ERROR)] {
            let mut sha =
                CK_MECHANISM { mechanism: CKM_SHA256, pParameter: null_mut(), ulParameterLen: 0 };
            let (at, to, mut len) = (data.as_mut_ptr(), digest.as_mut_ptr(), 32);
            // SAFETY: data and a place, each with its length.
            let rvs = unsafe {
                [
                    library.C_DigestInit(session, &mut sha),
                    library.C_Digest(session, at, size, to, &mut len),
                ]
            };
            assert_eq!(rvs, [CKR_OK, wanted], "{size} bytes");
        }
        // In parts it may be as much as one likes.
        let mut sha =
            CK_MECHANISM { mechanism: CKM_SHA256, pParameter: null_mut(), ulParameterLen: 0 };
        // SAFETY: as above.
        unsafe {
            assert_eq!(library.C_DigestInit(session, &mut sha), CKR_OK);
            for _ in 0..2 {
                assert_eq!(library.C_DigestUpdate(session, data.as_mut_ptr(), 48_000), CKR_OK);
            }
            let mut len = 32;
            let rv = library.C_DigestFinal(session, digest.as_mut_ptr(), &mut len);
            assert_eq!(rv, CKR_OK);
        }
    });
}
