//! The exported symbols: every C_ function of PKCS#11 2.40 to 3.2, and some of Luna's CA_
//! functions.
//!
//! A wrapper lists the C arguments, says what the call is about (`on`), puts a type of
//! [`raw`](crate::raw) around each pointer (`let`), and names the function that does the work
//! (`=>`).

#![allow(unsafe_code)]
#![allow(non_snake_case)]

/// Writes wrappers; see the module's header. `outside` instead of `on` is for functions that work
/// without a client.
macro_rules! c_functions {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) on $subject:expr;
        $(let $memory:ident = $adapter:ident($($part:ident),*);)*
        => $function:path $([$($value:expr),*])?
    )*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(
            $($arg: $type),*
        ) -> hsmsim_types::ck::CK_RV {
            #[allow(unused_imports)]
            use $crate::{call::Subject::*, raw::*};
            $crate::call::inside(stringify!($name), $subject, |client| {
                $(
                    // SAFETY: the caller of a C_ function promises, by that function's section of
                    // the standard and 5.2, that each pointer is NULL or valid for what goes with
                    // it, for as long as the call takes, and that no other thread uses it
                    // meanwhile.
                    let $memory = unsafe { $adapter::new($($part),*) };
                )*
                $function(client $(, $($value),*)?)
            })
        }
    )*};
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) outside;
        $(let $memory:ident = $adapter:ident($($part:ident),*);)*
        => $function:path [$($value:expr),*]
    )*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(
            $($arg: $type),*
        ) -> hsmsim_types::ck::CK_RV {
            #[allow(unused_imports)]
            use $crate::raw::*;
            $crate::call::outside(stringify!($name), || {
                $(
                    // SAFETY: as in the first arm, a promise of the caller (PKCS#11 3.1, 5.2).
                    let $memory = unsafe { $adapter::new($($part),*) };
                )*
                $function($($value),*)
            })
        }
    )*};
}

mod ca;
mod general;
mod key;
mod message;
mod object;
mod operation;
mod slot;
mod unsupported;

pub(crate) use ca::*;
pub(crate) use general::*;
pub(crate) use key::*;
pub(crate) use message::*;
pub(crate) use object::*;
pub(crate) use operation::*;
pub(crate) use slot::*;
pub(crate) use unsupported::*;
