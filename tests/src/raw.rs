//! The module through its bare functions, for pointers that no well-kept client would pass.

use std::ops::Deref;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_MECHANISM, CK_MECHANISM_TYPE, CK_RV, CK_SESSION_HANDLE,
    CK_SLOT_ID, CK_ULONG, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKR_OK, CKU_USER, Pkcs11,
};
use hsmsim_types::names;

use crate::{build, sandbox::USER_PIN};

/// The module's exported functions.
pub struct Raw(Pkcs11);

impl Deref for Raw {
    type Target = Pkcs11;

    fn deref(&self) -> &Pkcs11 {
        &self.0
    }
}

impl Raw {
    /// The module, loaded and initialised.
    ///
    /// # Panics
    /// If it cannot be.
    pub fn library() -> Self {
        let library = Self::load();
        // SAFETY: NULL is allowed (PKCS#11 3.1, 5.4.1).
        assert_eq!(unsafe { library.C_Initialize(std::ptr::null_mut()) }, CKR_OK);
        library
    }

    /// The module, loaded only.
    ///
    /// # Panics
    /// If it cannot be.
    pub fn load() -> Self {
        // SAFETY: the module has no initialisers that could go wrong.
        Self(unsafe { Pkcs11::new(build::module_path()) }.expect("a PKCS#11 module"))
    }

    /// The first slot.
    ///
    /// # Panics
    /// If there is none.
    pub fn slot(&self) -> CK_SLOT_ID {
        let (mut slots, mut count) = ([0; 64], 64);
        // SAFETY: room for 64 slots.
        let rv = unsafe { self.C_GetSlotList(1, slots.as_mut_ptr(), &mut count) };
        assert_eq!((rv, count > 0), (CKR_OK, true));
        slots[0]
    }

    /// A read-write session on the first slot.
    ///
    /// # Panics
    /// If there is none to be had.
    pub fn session(&self) -> CK_SESSION_HANDLE {
        let (flags, mut session) = (CKF_SERIAL_SESSION | CKF_RW_SESSION, 0);
        // SAFETY: a valid pointer for the handle.
        let rv = unsafe {
            self.C_OpenSession(self.slot(), flags, std::ptr::null_mut(), None, &mut session)
        };
        assert_eq!(rv, CKR_OK);
        session
    }

    /// Logs the crypto officer in.
    ///
    /// # Panics
    /// If that is refused.
    pub fn login(&self, session: CK_SESSION_HANDLE) {
        let mut pin = USER_PIN.as_bytes().to_vec();
        // SAFETY: a PIN with its length.
        let rv =
            unsafe { self.C_Login(session, CKU_USER, pin.as_mut_ptr(), pin.len() as CK_ULONG) };
        assert_eq!(rv, CKR_OK);
    }
}

/// The name of a code, for tables that are read by people.
pub fn name(rv: CK_RV) -> String {
    names::or_hex(names::return_value, rv)
}

/// An attribute whose value is a number, a flag or bytes, kept by the caller.
pub fn attribute<T: ?Sized>(kind: CK_ATTRIBUTE_TYPE, value: &T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: std::ptr::from_ref(value).cast::<std::ffi::c_void>().cast_mut(),
        ulValueLen: size_of_val(value) as CK_ULONG,
    }
}

/// A mechanism without parameters.
pub fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: kind, pParameter: std::ptr::null_mut(), ulParameterLen: 0 }
}

/// A mechanism with parameters, kept by the caller.
pub fn mechanism_with<T: ?Sized>(kind: CK_MECHANISM_TYPE, value: &T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: std::ptr::from_ref(value).cast::<std::ffi::c_void>().cast_mut(),
        ulParameterLen: size_of_val(value) as CK_ULONG,
    }
}
