//! Functions that answer CKR_FUNCTION_NOT_SUPPORTED, or CKR_FUNCTION_NOT_PARALLEL. They look at
//! none of their arguments.

use hsmsim_types::ck::{CK_ASYNC_DATA, CK_BYTE, CK_RV, CK_SESSION_HANDLE, CK_ULONG, CK_UTF8CHAR};

use crate::{
    call::{self, Subject},
    fns::unsupported::{not_parallel, not_supported},
};

macro_rules! refused {
    ($answer:path; $($name:ident($($type:ty),* $(,)?);)*) => {$(
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name($(_: $type),*) -> CK_RV {
            call::inside(stringify!($name), Subject::Library, $answer)
        }
    )*};
}

refused! {
    not_parallel;
    C_GetFunctionStatus(CK_SESSION_HANDLE);
    C_CancelFunction(CK_SESSION_HANDLE);
}

refused! {
    not_supported;
    // Of 3.2.
    C_AsyncComplete(CK_SESSION_HANDLE, *mut CK_UTF8CHAR, *mut CK_ASYNC_DATA);
    C_AsyncGetID(CK_SESSION_HANDLE, *mut CK_UTF8CHAR, *mut CK_ULONG);
    C_AsyncJoin(CK_SESSION_HANDLE, *mut CK_UTF8CHAR, CK_ULONG, *mut CK_BYTE, CK_ULONG);
}
