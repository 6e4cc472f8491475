//! What C_Initialize and C_GetInterface are told.

use std::ffi::{CStr, c_void};

use hsmsim_types::{
    Result,
    ck::{
        CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_UTF8CHAR, CK_VERSION,
        CKF_LIBRARY_CANT_CREATE_OS_THREADS, CKF_OS_LOCKING_OK, CKR_ARGUMENTS_BAD, CKR_CANT_LOCK,
    },
    error::fail,
};

/// The argument of C_Initialize.
pub(crate) struct InitArgs(*const CK_C_INITIALIZE_ARGS);

/// What that argument says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Threads {
    /// CKF_LIBRARY_CANT_CREATE_OS_THREADS.
    pub(crate) forbidden: bool,
}

impl InitArgs {
    /// # Safety
    /// `ptr` is NULL or points at a CK_C_INITIALIZE_ARGS that stays readable while this value
    /// lives.
    pub(crate) unsafe fn new(ptr: *mut c_void) -> Self {
        Self(ptr.cast())
    }

    /// Reads and checks the argument (PKCS#11 3.1, 5.4.1). The callbacks are never called: this
    /// library locks with the operating system's means, which the caller must allow if it names its
    /// own.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for a reserved pointer that is not NULL (it is not followed) or for some
    /// but not all callbacks, CKR_CANT_LOCK if only the callbacks may be used.
    pub(crate) fn read(&self) -> Result<Threads> {
        if self.0.is_null() {
            return Ok(Threads::default());
        }
        // SAFETY: not NULL, so readable by the promise given to `new`.
        let args = unsafe { self.0.read_unaligned() };
        if !args.pReserved.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "pReserved is not NULL");
        }
        let callbacks = [
            args.CreateMutex.is_some(),
            args.DestroyMutex.is_some(),
            args.LockMutex.is_some(),
            args.UnlockMutex.is_some(),
        ];
        let given = callbacks.iter().filter(|&&given| given).count();
        if given != 0 && given != callbacks.len() {
            return fail(CKR_ARGUMENTS_BAD, "mutex callbacks come all four or not at all");
        }
        if given != 0 && args.flags & CKF_OS_LOCKING_OK == 0 {
            return fail(CKR_CANT_LOCK, "CKF_OS_LOCKING_OK is missing beside the mutex callbacks");
        }
        Ok(Threads { forbidden: args.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS != 0 })
    }
}

/// What C_GetInterface is asked for: a name, a version, flags. NULL leaves the choice to the
/// library.
pub(crate) struct InterfaceQuery {
    name: *const CK_UTF8CHAR,
    version: *const CK_VERSION,
    flags: CK_FLAGS,
}

impl InterfaceQuery {
    /// # Safety
    /// `name` is NULL or a terminated string, `version` is NULL or points at a CK_VERSION; both
    /// stay readable and unchanged while this value lives.
    pub(crate) unsafe fn new(
        name: *mut CK_UTF8CHAR,
        version: *mut CK_VERSION,
        flags: CK_FLAGS,
    ) -> Self {
        Self { name, version, flags }
    }

    /// Whether an interface of that name, version and flags answers the question.
    pub(crate) fn accepts(&self, name: &CStr, version: CK_VERSION, flags: CK_FLAGS) -> bool {
        // SAFETY: NULL is sorted out, the rest is the promise given to `new`.
        let (asked_name, asked_version) = unsafe {
            let asked_name = (!self.name.is_null()).then(|| CStr::from_ptr(self.name.cast()));
            let asked_version = (!self.version.is_null()).then(|| self.version.read_unaligned());
            (asked_name, asked_version)
        };
        asked_name.is_none_or(|asked| asked == name)
            && asked_version
                .is_none_or(|asked| (asked.major, asked.minor) == (version.major, version.minor))
            && self.flags & flags == self.flags
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::{null_mut, without_provenance_mut};

    use hsmsim_types::ck::{CK_RV, CKR_OK};

    use super::*;

    unsafe extern "C" fn create(_: *mut *mut c_void) -> CK_RV {
        CKR_OK
    }
    unsafe extern "C" fn other(_: *mut c_void) -> CK_RV {
        CKR_OK
    }

    fn args(callbacks: u8, flags: CK_FLAGS) -> CK_C_INITIALIZE_ARGS {
        let given = |bit: u8| callbacks & bit != 0;
        CK_C_INITIALIZE_ARGS {
            CreateMutex: given(1).then_some(create),
            DestroyMutex: given(2).then_some(other),
            LockMutex: given(4).then_some(other),
            UnlockMutex: given(8).then_some(other),
            flags,
            pReserved: null_mut(),
        }
    }

    fn read(mut args: CK_C_INITIALIZE_ARGS) -> std::result::Result<Threads, CK_RV> {
        // SAFETY: a valid structure.
        unsafe { InitArgs::new((&raw mut args).cast()) }.read().map_err(|error| error.rv())
    }

    #[test]
    fn mutex_callbacks_come_all_or_none_and_beside_os_locking() {
        for callbacks in 0..16 {
            for flags in [0, CKF_OS_LOCKING_OK] {
                let expected = match callbacks {
                    0 => Ok(Threads::default()),
                    15 if flags == 0 => Err(CKR_CANT_LOCK),
                    15 => Ok(Threads::default()),
                    _ => Err(CKR_ARGUMENTS_BAD),
                };
                assert_eq!(read(args(callbacks, flags)), expected, "{callbacks:04b} {flags}");
            }
        }
    }

    #[test]
    fn the_wish_for_no_threads_is_heard() {
        let flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
        assert_eq!(read(args(0, flags)), Ok(Threads { forbidden: true }));
        // SAFETY: NULL.
        assert_eq!(unsafe { InitArgs::new(null_mut()) }.read(), Ok(Threads { forbidden: false }));
    }

    #[test]
    fn a_reserved_pointer_is_refused_and_not_followed() {
        let mut reserved = args(0, CKF_OS_LOCKING_OK);
        reserved.pReserved = without_provenance_mut(1);
        assert_eq!(read(reserved), Err(CKR_ARGUMENTS_BAD));
    }
}
