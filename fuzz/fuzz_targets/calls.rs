//! Calls on the C interface, decoded by `hsmsim_conformance::random_calls`:
//! `scripts/fuzz`, or `cargo +nightly fuzz run calls`.

#![no_main]

use std::{cell::RefCell, ptr::null_mut};

use cryptoki_sys::{CK_FLAGS, CK_FUNCTION_LIST_3_2, CK_INTERFACE, CK_RV, CK_UTF8CHAR, CK_VERSION};
use hsmsim_conformance::{
    module::{Module, Target},
    random_calls,
};
use libfuzzer_sys::fuzz_target;

// Linked, not loaded, so that its code is instrumented.
extern crate hsmsim_pkcs11;

unsafe extern "C" {
    fn C_GetInterface(
        name: *mut CK_UTF8CHAR,
        version: *mut CK_VERSION,
        interface: *mut *mut CK_INTERFACE,
        flags: CK_FLAGS,
    ) -> CK_RV;
}

fn module() -> Module {
    // SAFETY: before the first call, on the only thread.
    unsafe {
        std::env::set_var("HSMSIM_STATE", "memory");
        std::env::set_var("HSMSIM_CONFIG", "instant");
    }
    let mut interface = null_mut();
    // SAFETY: a place for the pointer; the default is the newest interface, whose list is of 3.2.
    let list = unsafe {
        assert_eq!(C_GetInterface(null_mut(), null_mut(), &mut interface, 0), 0);
        &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>()
    };
    let target = Target {
        path: "linked".into(),
        label: "hsmsim-0".into(),
        pin: "12345678".into(),
        so_pin: Some("87654321".into()),
        reserved: None,
    };
    Module::linked(target, list)
}

thread_local! {
    static MODULE: RefCell<Module> = RefCell::new(module());
}

fuzz_target!(|bytes: &[u8]| {
    MODULE.with_borrow_mut(|module| {
        let played = random_calls::play(module, bytes).expect("the token is there");
        assert!(played.broken.is_none(), "{played:?}");
    });
});
