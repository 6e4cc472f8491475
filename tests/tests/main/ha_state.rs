//! Luna's functions, as an application that knows them calls them.

use std::mem::MaybeUninit;

use cryptoki_sys::{CK_BYTE, CK_RV, CK_SLOT_ID, CK_ULONG, CKR_DEVICE_ERROR, CKR_OK};
use hsmsim_tests::{Sandbox, apart::apart, build, p11, test_name};
use libloading::Library;

use crate::faults::{heal_and_recover, strike};

/// CK_HA_MEMBER of the vendor's header.
#[repr(C)]
#[derive(Clone, Copy)]
struct HaMember {
    serial: [CK_BYTE; 20],
    status: CK_RV,
}

/// CK_HA_STATUS of the vendor's header.
#[repr(C)]
struct HaState {
    group: [CK_BYTE; 20],
    members: [HaMember; 32],
    count: CK_ULONG,
}

type GetHaState = unsafe extern "C" fn(CK_SLOT_ID, *mut HaState) -> CK_RV;

/// What each member of the group can do.
fn statuses(module: &Library, function: &str, slot: u64) -> Vec<CK_RV> {
    let mut state = MaybeUninit::<HaState>::uninit();
    // SAFETY: the function has this type, and fills the structure when it succeeds.
    let state = unsafe {
        let function = module.get::<GetHaState>(function.as_bytes()).expect("an exported function");
        assert_eq!(function(slot, state.as_mut_ptr()), CKR_OK);
        state.assume_init()
    };
    assert_ne!(state.group[0], 0, "a group without a serial number");
    let members = &state.members[..state.count as usize];
    assert!(members.iter().all(|member| member.serial[0] != 0));
    members.iter().map(|member| member.status).collect()
}

#[test]
fn an_application_can_ask_for_the_states_of_the_members() {
    apart(
        test_name!(),
        || Sandbox::scaled("ha-pair", 100),
        |sandbox| {
            let library = p11::library();
            let slot = p11::slot(&library).id();
            let session = p11::session(&library);
            let random = || session.generate_random_vec(8).expect("C_GenerateRandom");
            // SAFETY: the module is loaded already and has no initialisers that could go wrong.
            let module = unsafe { Library::new(build::module_path()) }.expect("the module");
            for function in ["CA_GetHAState", "CA_GetCurrentHAState"] {
                assert_eq!(statuses(&module, function, slot), [CKR_OK, CKR_OK], "{function}");
                strike(sandbox, "link.cut", "client:hsm-eus-1");
                random();
                assert_eq!(
                    statuses(&module, function, slot),
                    [CKR_DEVICE_ERROR, CKR_OK],
                    "{function}"
                );
                heal_and_recover(sandbox);
                random();
                assert_eq!(statuses(&module, function, slot), [CKR_OK, CKR_OK], "{function}");
            }
        },
    );
}
