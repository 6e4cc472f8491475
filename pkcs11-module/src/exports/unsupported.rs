//! Functions that answer CKR_FUNCTION_NOT_PARALLEL. They look at none of their arguments.

use hsmsim_types::ck::{CK_RV, CK_SESSION_HANDLE};

use crate::{
    call::{self, Subject},
    fns::unsupported::not_parallel,
};

macro_rules! refused {
    ($answer:path; $($name:ident($($type:ty),* $(,)?);)*) => {$(
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name($(_: $type),*) -> CK_RV {
            call::inside(stringify!($name), Subject::Library, |entered| $answer(entered.client()))
        }
    )*};
}

refused! {
    not_parallel;
    C_GetFunctionStatus(CK_SESSION_HANDLE);
    C_CancelFunction(CK_SESSION_HANDLE);
}
