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
            $crate::call::inside(stringify!($name), $subject, |entered| {
                $(
                    // SAFETY: the caller of a C_ function promises, by that function's section of
                    // the standard and 5.2, that each pointer is NULL or valid for what goes with
                    // it, for as long as the call takes, and that no other thread uses it
                    // meanwhile.
                    let $memory = unsafe { $adapter::new($($part),*) };
                )*
                $function(entered.client() $(, $($value),*)?)
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

/// The result of a function for a caller who waits, by the one made for that if there is one.
macro_rules! for_who_waits {
    ($client:ident; now $now:path [$($with:expr),*]; => $function:path [$($value:expr),*]) => {
        $now($client, $($with),*)
    };
    ($client:ident; => $function:path [$($value:expr),*]) => {
        $client.run($function($client, $($value),*))
    };
}

/// Writes wrappers of functions that may be left pending on an asynchronous session (PKCS#11 3.2, 5.22). Their
/// first argument is the session. What is behind `read` is read before the function begins, and is its own; what
/// is behind `let` is kept ([`raw::keep`](crate::raw::keep)). The function is async; what it does before it first
/// waits is done on the caller's thread, before he has an answer. What is behind `now` does the same for a caller who
/// waits, without a future where nothing holds it up.
macro_rules! session_functions {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($session:ident: CK_SESSION_HANDLE $(, $arg:ident: $type:ty)* $(,)?);
        $(let $memory:ident = $adapter:ident($($part:ident),*);)*
        $(read $owned:ident = $reader:ident($($place:ident),*).$read:ident();)*
        $(now $now:path [$($with:expr),*];)?
        => $function:path [$($value:expr),*]
    )*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(
            $session: CK_SESSION_HANDLE,
            $($arg: $type),*
        ) -> hsmsim_types::ck::CK_RV {
            #[allow(unused_imports)]
            use $crate::{call::Subject, raw::*};
            let subject = Subject::Session($session);
            $crate::call::inside(stringify!($name), subject, |entered| {
                let client = entered.client();
                $(
                    // SAFETY: as in `c_functions`; of what is kept the types say how long it has to stay.
                    #[allow(unused_mut)]
                    let mut $memory = unsafe { $adapter::new($($part),*) };
                )*
                $(
                    // SAFETY: as above; nothing of it is kept.
                    #[allow(unused_mut)]
                    let mut $owned = unsafe { $reader::new($($place),*) }.$read();
                )*
                let handle = hsmsim_types::SessionHandle($session);
                let waits = false $(|| $memory.waits())* $(|| $owned.waits())*;
                if waits || !client.is_asynchronous(handle) {
                    return for_who_waits!(
                        client; $(now $now [$($with),*];)? => $function [$($value),*]
                    );
                }
                $(let $memory = $memory.keep()?;)*
                let terms = hsmsim_client::pending::Terms {
                    outlives_session: true $(&& $owned.outlives_session())*,
                    room: None $(.or($memory.output_room()))*,
                };
                let shared = entered.shared();
                let work = Box::pin(async move {
                    let result = $function(&shared, $($value),*).await;
                    #[allow(unused_mut)]
                    let mut answer = Answer::default();
                    $($memory.settle(&mut answer);)*
                    answer.with(result)
                });
                $crate::fns::asynchronous::begin(client, handle, stringify!($name), terms, work)
            })
        }
    )*};
}

mod asynchronous;
mod ca;
mod general;
mod key;
mod message;
mod object;
mod operation;
mod slot;
mod unsupported;

pub(crate) use asynchronous::*;
pub(crate) use ca::*;
pub(crate) use general::*;
pub(crate) use key::*;
pub(crate) use message::*;
pub(crate) use object::*;
pub(crate) use operation::*;
pub(crate) use slot::*;
pub(crate) use unsupported::*;
