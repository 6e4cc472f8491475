//! Bad input through the C interface: the code that the standard names, never a crash, never a wrong
//! success.
//!
//! Each table is a test: a line is a call as it is written, and the code it has to give. All wrong
//! lines of a table are shown at once.

mod arguments;
mod mechanisms;
mod order;
mod secrets;
mod templates;

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_tests::raw::{Raw, attribute};

/// Calls each function with its arguments and compares the code.
macro_rules! table {
    ($library:expr; $($function:ident($($argument:expr),* $(,)?) => $code:ident;)*) => {{
        let mut wrong: Vec<String> = Vec::new();
        $(
            // SAFETY: what the tables pass is what the module promises to survive: NULL, pointers
            // with their true lengths, and lengths so absurd that they are refused unread.
            let got = hsmsim_tests::raw::name(unsafe { $library.$function($($argument),*) });
            if got != stringify!($code) {
                let call = stringify!($function($($argument),*));
                wrong.push(format!("{call} gave {got}, not {}", stringify!($code)));
            }
        )*
        assert!(wrong.is_empty(), "{wrong:#?}");
    }};
}
pub(crate) use table;

/// One call that has to succeed.
macro_rules! well {
    ($library:expr; $function:ident($($argument:expr),* $(,)?)) => {
        $crate::bad_input::table!($library; $function($($argument),*) => CKR_OK;)
    };
}
pub(crate) use well;

const YES: CK_BBOOL = CK_TRUE;
const NO: CK_BBOOL = CK_FALSE;

/// A session key pair on RSA-2048 that can do everything.
fn rsa_pair(library: &Raw, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let bits: CK_ULONG = 2048;
    let mut mechanism = hsmsim_tests::raw::mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let mut template = [attribute(CKA_MODULUS_BITS, &bits)];
    let (mut public, mut private) = (0, 0);
    well!(library; C_GenerateKeyPair(
        session, &mut mechanism, template.as_mut_ptr(), 1, null_mut(), 0, &mut public, &mut private
    ));
    (public, private)
}

/// An AES session key of 32 bytes.
fn aes(library: &Raw, session: CK_SESSION_HANDLE) -> CK_OBJECT_HANDLE {
    let len: CK_ULONG = 32;
    let mut mechanism = hsmsim_tests::raw::mechanism(CKM_AES_KEY_GEN);
    let mut template = [attribute(CKA_VALUE_LEN, &len)];
    let mut key = 0;
    well!(library; C_GenerateKey(session, &mut mechanism, template.as_mut_ptr(), 1, &mut key));
    key
}
