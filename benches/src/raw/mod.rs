//! PKCS#11 through a C function list, as thin as it can be: what is timed is the module, not this.
//!
//! All calls are safe to make from Rust: every pointer that goes down is taken from a slice or a
//! reference that outlives the call, with the length of that slice. What remains to be trusted is the
//! module itself.

pub mod session;

use std::{error::Error, fmt, path::Path, ptr::null_mut};

use cryptoki_sys::*;
use hsmsim_types::ReturnValue;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::words::{Refusal, Result, length, ulong};

pub use session::Session;

/// A slot with a token in it.
#[derive(Clone, Debug)]
pub struct TokenSlot {
    /// Slot number.
    pub slot: CK_SLOT_ID,
    /// Label without its padding.
    pub label: String,
    /// CKF_TOKEN_INITIALIZED and CKF_USER_PIN_INITIALIZED.
    pub initialized: bool,
}

/// A loaded module; it stays loaded until the process ends.
#[derive(Debug)]
pub struct Module {
    functions: CK_FUNCTION_LIST,
    /// Of a module that has the interface of PKCS#11 3.2.
    functions_3_2: Option<CK_FUNCTION_LIST_3_2>,
}

/// Calls a function of the list and turns its answer into a [`Result`].
macro_rules! call {
    ($module:expr, $function:ident($($argument:expr),* $(,)?)) => {
        call!(@ $module.functions.$function, $function($($argument),*))
    };
    (@ $place:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $place {
            // SAFETY: the function is of the list that the module gave out, whose types PKCS#11
            // fixes (3.1, 3.6); the pointers point to live Rust values of the length that is given
            // beside them, and PKCS#11 modules keep no pointer after they return (3.1, 5.1.2).
            Some(function) => match unsafe { function($($argument),*) } {
                CKR_OK => Ok(()),
                rv => Err(Refusal { function: stringify!($function), rv: ReturnValue(rv) }),
            },
            None => Err(Refusal {
                function: stringify!($function),
                rv: ReturnValue(CKR_FUNCTION_NOT_SUPPORTED),
            }),
        }
    };
}

use call;

impl Module {
    /// Loads a shared object and takes its function list.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn load(path: &Path) -> std::result::Result<&'static Self, String> {
        let named = |reason: &dyn fmt::Display| format!("{}: {reason}", path.display());
        // The loader's own words are the source of the error.
        let unloadable = |error: libloading::Error| match error.source() {
            Some(source) => source.to_string(),
            None => named(&error),
        };
        // SAFETY: whoever names a module to this program wants its initialisers to run here.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.map_err(unloadable)?;
        // SAFETY: PKCS#11 fixes the type of a symbol of this name (3.1, 5.4.4).
        let get_list = unsafe {
            library.get::<unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV>(
                "C_GetFunctionList",
            )
        };
        let get_list = get_list.map_err(unloadable)?;
        let mut list: *mut CK_FUNCTION_LIST = null_mut();
        // SAFETY: the argument is a place for one pointer.
        let rv = unsafe { get_list(&raw mut list) };
        if rv != CKR_OK || list.is_null() {
            return Err(named(&format_args!("C_GetFunctionList: {}", ReturnValue(rv))));
        }
        // SAFETY: not null, and after CKR_OK it points to the module's list, which stays where it is.
        let functions = unsafe { *list };
        let functions_3_2 = interface_3_2(&library);
        // Modules are not made to be unloaded while their threads and exit handlers live.
        std::mem::forget(library);
        Ok(Box::leak(Box::new(Self { functions, functions_3_2 })))
    }

    /// C_Initialize for several threads, with the operating system's locks.
    ///
    /// # Errors
    /// What the module answers; so in all functions below.
    pub fn initialize(&self) -> Result<()> {
        let mut arguments =
            CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..CK_C_INITIALIZE_ARGS::default() };
        call!(self, C_Initialize((&raw mut arguments).cast()))
    }

    /// C_Finalize.
    pub fn finalize(&self) -> Result<()> {
        call!(self, C_Finalize(null_mut()))
    }

    /// The slots that have a token, in the module's order.
    pub fn token_slots(&self) -> Result<Vec<TokenSlot>> {
        self.slots()?.into_iter().map(|slot| self.token(slot)).collect()
    }

    fn slots(&self) -> Result<Vec<CK_SLOT_ID>> {
        let mut count = 0;
        call!(self, C_GetSlotList(CK_TRUE, null_mut(), &raw mut count))?;
        let mut slots = vec![0; length(count)];
        call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count))?;
        slots.truncate(length(count));
        Ok(slots)
    }

    fn token(&self, slot: CK_SLOT_ID) -> Result<TokenSlot> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self, C_GetTokenInfo(slot, &raw mut info))?;
        let ready = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
        Ok(TokenSlot {
            slot,
            label: String::from_utf8_lossy(&info.label).trim_end().to_owned(),
            initialized: info.flags & ready == ready,
        })
    }

    /// The first slot whose token is initialised; those behind it are not asked, as they may be far away.
    pub fn ready_slot(&self) -> Result<CK_SLOT_ID> {
        for slot in self.slots()? {
            if self.token(slot)?.initialized {
                return Ok(slot);
            }
        }
        Err(Refusal { function: "C_GetTokenInfo", rv: ReturnValue(CKR_TOKEN_NOT_RECOGNIZED) })
    }

    /// C_InitToken.
    pub fn init_token(&self, slot: CK_SLOT_ID, so_pin: &str, label: &str) -> Result<()> {
        let mut padded = [b' '; 32];
        for (to, from) in padded.iter_mut().zip(label.bytes()) {
            *to = from;
        }
        call!(
            self,
            C_InitToken(slot, bytes(so_pin.as_bytes()), ulong(so_pin.len()), padded.as_mut_ptr())
        )
    }

    /// C_OpenSession for reading and writing.
    pub fn open_session(&'static self, slot: CK_SLOT_ID) -> Result<Session> {
        let mut handle = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        call!(self, C_OpenSession(slot, flags, null_mut(), None, &raw mut handle))?;
        Ok(Session::new(self, handle))
    }
}

/// The function list of the interface "PKCS 11" 3.2, if the module has it (3.2, 5.4.6).
fn interface_3_2(library: &Library) -> Option<CK_FUNCTION_LIST_3_2> {
    type GetInterface = unsafe extern "C" fn(
        *mut CK_UTF8CHAR,
        *mut CK_VERSION,
        *mut *mut CK_INTERFACE,
        CK_FLAGS,
    ) -> CK_RV;
    // SAFETY: PKCS#11 fixes the type of a symbol of this name.
    let get_interface = unsafe { library.get::<GetInterface>("C_GetInterface") }.ok()?;
    let mut name = *b"PKCS 11\0";
    let mut version = CK_VERSION { major: 3, minor: 2 };
    let mut interface: *mut CK_INTERFACE = null_mut();
    // SAFETY: a name with its end, a version and a place for one pointer, all alive.
    let rv = unsafe { get_interface(name.as_mut_ptr(), &raw mut version, &raw mut interface, 0) };
    if rv != CKR_OK || interface.is_null() {
        return None;
    }
    // SAFETY: not null, and after CKR_OK it points to an interface of the module.
    let list = unsafe { (*interface).pFunctionList }.cast::<CK_FUNCTION_LIST_3_2>();
    if list.is_null() {
        return None;
    }
    // SAFETY: every function list begins with its version.
    let version = unsafe { *list.cast::<CK_VERSION>() };
    // A module may give what it has for what was asked.
    // SAFETY: a list of version 3.2 has this type, and stays where it is.
    (version.major == 3 && version.minor >= 2).then(|| unsafe { *list })
}

/// Sets environment variables, and removes those without a value.
///
/// # Panics
/// If the process has more than one thread already: no thread may read the environment meanwhile.
pub fn set_environment(variables: &[(&str, Option<&Path>)]) {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    assert_eq!(threads, 1, "the environment is set before there are threads");
    for (name, value) in variables {
        match value {
            // SAFETY: this thread is the only one, as was just seen.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
}

/// PKCS#11 declares input as pointers to mutable bytes; modules do not write there.
fn bytes(data: &[u8]) -> *mut CK_BYTE {
    data.as_ptr().cast_mut()
}
