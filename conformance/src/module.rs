//! A module under test.

use std::{
    collections::BTreeSet,
    ffi::{CString, c_void},
    path::{Path, PathBuf},
    ptr::{null, null_mut},
    sync::{Mutex, PoisonError},
};

use cryptoki_sys::*;
use hsmsim_types::names;
use libloading::Library;

/// Where a module is and how its token is used.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Target {
    /// The shared object.
    pub path: PathBuf,
    /// CKA_LABEL of the token, without the padding.
    pub label: String,
    /// PIN of CKU_USER.
    pub pin: String,
    /// PIN of CKU_SO; without it what needs one is not asked.
    pub so_pin: Option<String>,
    /// A string for `pReserved` of C_Initialize, which some modules want.
    pub reserved: Option<String>,
}

/// A module that was loaded, and its token's slot.
pub struct Module {
    /// How it was found.
    pub target: Target,
    /// Its newest function list; what an older one lacks is `None`.
    pub list: CK_FUNCTION_LIST_3_2,
    /// The slot of the token with the label.
    pub slot: CK_SLOT_ID,
    // Never closed: modules leave threads and exit handlers behind.
    _library: Option<std::mem::ManuallyDrop<Library>>,
}

/// Calls a function of the module; one that its list has not answers CKR_FUNCTION_NOT_SUPPORTED.
#[macro_export]
macro_rules! call {
    ($module:expr, $name:ident($($argument:expr),* $(,)?)) => {
        match $module.list.$name {
            // SAFETY: the arguments are what the standard asks of a caller: pointers to memory as
            // long as the lengths beside them say, NULL where a case is about NULL.
            #[allow(unused_unsafe, clippy::macro_metavars_in_unsafe)]
            Some(function) => $crate::module::answered(stringify!($name), unsafe {
                function($($argument),*)
            }),
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
}

/// Functions that have answered CKR_OK since [`succeeded`] was asked last. Calls come from any thread.
static SUCCEEDED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Keeps in mind that a function has answered CKR_OK; for [`call!`].
pub fn answered(function: &'static str, rv: CK_RV) -> CK_RV {
    if rv == CKR_OK {
        SUCCEEDED.lock().unwrap_or_else(PoisonError::into_inner).insert(function);
    }
    rv
}

/// The functions that have answered CKR_OK since this was asked last.
pub fn succeeded() -> Vec<String> {
    let mut seen = SUCCEEDED.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *seen).into_iter().map(str::to_owned).collect()
}

impl Module {
    /// Loads a module, without C_Initialize.
    ///
    /// # Errors
    /// It is no PKCS#11 module.
    pub fn load(target: Target) -> Result<Self, String> {
        // SAFETY: whoever names a module to be tested trusts its initialisers.
        let library = unsafe { Library::new(&target.path) }
            .map_err(|error| format!("{}: {error}", target.path.display()))?;
        let list = newest_list(&library, &target.path)?;
        let library = Some(std::mem::ManuallyDrop::new(library));
        Ok(Self { target, list, slot: 0, _library: library })
    }

    /// A module that is linked into this program, by its newest list; the path is not looked at.
    pub fn linked(target: Target, list: &CK_FUNCTION_LIST_3_2) -> Self {
        Self { target, list: *list, slot: 0, _library: None }
    }

    /// C_Initialize, if that was not done, and the search for the token.
    ///
    /// # Errors
    /// There is no such token.
    pub fn initialise(&mut self) -> Result<(), String> {
        let rv = self.initialise_only();
        if rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED {
            return Err(format!("C_Initialize: {}", name(rv)));
        }
        let wanted = self.target.label.clone();
        for slot in self.slots()? {
            if self.label(slot).is_some_and(|label| label == wanted) {
                self.slot = slot;
                return Ok(());
            }
        }
        Err(format!("no token has the label {wanted:?}"))
    }

    /// C_Initialize as this module wants it, with locking by the system.
    pub fn initialise_only(&self) -> CK_RV {
        let reserved =
            self.target.reserved.as_deref().map(|text| CString::new(text).unwrap_or_default());
        let mut args = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: reserved.as_ref().map_or(null_mut(), |text| text.as_ptr().cast_mut().cast()),
        };
        call!(self, C_Initialize((&raw mut args).cast::<c_void>()))
    }

    /// The slots with a token.
    ///
    /// # Errors
    /// What C_GetSlotList said.
    pub fn slots(&self) -> Result<Vec<CK_SLOT_ID>, String> {
        let mut count = 0;
        let rv = call!(self, C_GetSlotList(CK_TRUE, null_mut(), &mut count));
        let mut slots = vec![0; count as usize];
        let rv = if rv == CKR_OK {
            call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count))
        } else {
            rv
        };
        slots.truncate(count as usize);
        if rv == CKR_OK { Ok(slots) } else { Err(format!("C_GetSlotList: {}", name(rv))) }
    }

    fn label(&self, slot: CK_SLOT_ID) -> Option<String> {
        // SAFETY: plain numbers and bytes, for which zero is a value.
        let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
        let rv = call!(self, C_GetTokenInfo(slot, &mut info));
        (rv == CKR_OK).then(|| String::from_utf8_lossy(&info.label).trim_end().to_owned())
    }

    /// The mechanisms of the slot.
    pub fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        let mut count = 0;
        if call!(self, C_GetMechanismList(self.slot, null_mut(), &mut count)) != CKR_OK {
            return Vec::new();
        }
        let mut kinds = vec![0; count as usize];
        let rv = call!(self, C_GetMechanismList(self.slot, kinds.as_mut_ptr(), &mut count));
        kinds.truncate(count as usize);
        if rv == CKR_OK { kinds } else { Vec::new() }
    }

    /// CK_MECHANISM_INFO, if the module lists the mechanism.
    pub fn mechanism_info(&self, kind: CK_MECHANISM_TYPE) -> Option<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO { ulMinKeySize: 0, ulMaxKeySize: 0, flags: 0 };
        let rv = call!(self, C_GetMechanismInfo(self.slot, kind, &mut info));
        (rv == CKR_OK).then_some(info)
    }
}

/// The list of 3.2, 3.0 or 2.40, in the shape of 3.2.
fn newest_list(library: &Library, path: &Path) -> Result<CK_FUNCTION_LIST_3_2, String> {
    // SAFETY: a list is a version and optional functions, for which zero is a value.
    let mut whole: CK_FUNCTION_LIST_3_2 = unsafe { std::mem::zeroed() };
    type GetInterface = unsafe extern "C" fn(
        *mut CK_UTF8CHAR,
        *mut CK_VERSION,
        *mut *mut CK_INTERFACE,
        CK_FLAGS,
    ) -> CK_RV;
    type GetList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    let mut found: *const c_void = null();
    // SAFETY: the symbols have these types by the standard (5.4.4, 5.4.6).
    unsafe {
        if let Ok(get) = library.get::<GetInterface>(b"C_GetInterface\0") {
            for minor in [2, 0] {
                let mut version = CK_VERSION { major: 3, minor };
                let mut interface = null_mut();
                let text = c"PKCS 11".as_ptr().cast_mut().cast();
                if get(text, &mut version, &mut interface, 0) == CKR_OK && !interface.is_null() {
                    found = (*interface).pFunctionList.cast_const();
                    break;
                }
            }
        }
        if found.is_null() {
            let get = library
                .get::<GetList>(b"C_GetFunctionList\0")
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let mut list = null_mut();
            let rv = get(&mut list);
            if rv != CKR_OK || list.is_null() {
                return Err(format!("C_GetFunctionList: {}", name(rv)));
            }
            found = list.cast_const().cast();
        }
        let version = found.cast::<CK_VERSION>().read();
        let len = match (version.major, version.minor) {
            (3, 2..) => size_of::<CK_FUNCTION_LIST_3_2>(),
            (3, _) => size_of::<CK_FUNCTION_LIST_3_0>(),
            _ => size_of::<CK_FUNCTION_LIST>(),
        };
        // Each list begins as the older ones (3.2, 5.4.4).
        std::ptr::copy_nonoverlapping(found.cast::<u8>(), (&raw mut whole).cast::<u8>(), len);
    }
    Ok(whole)
}

/// The name of a code.
pub fn name(rv: CK_RV) -> String {
    names::or_hex(names::return_value, rv)
}
