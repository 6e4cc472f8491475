//! What the functions of 5.22 (PKCS#11 3.2) are given: a function's name, and a place for a CK_ASYNC_DATA.

use hsmsim_types::{
    Result,
    ck::{CK_ASYNC_DATA, CK_BYTE, CK_UTF8CHAR, CKR_ARGUMENTS_BAD},
    error::fail,
};

/// The longest name in bytes that is believed; the standard's longest has 27.
const MAX_NAME: usize = 64;

/// The name of a function, which ends with a zero.
pub(crate) struct NameIn(*const CK_UTF8CHAR);

impl NameIn {
    /// # Safety
    /// `ptr` is NULL or points at bytes up to a zero that stay readable and unchanged while this value lives.
    pub(crate) unsafe fn new(ptr: *mut CK_UTF8CHAR) -> Self {
        Self(ptr)
    }

    /// The name.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL, and for what is too long or no text.
    pub(crate) fn read(&self) -> Result<String> {
        if self.0.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "the function's name is NULL");
        }
        let mut name = Vec::new();
        for index in 0..MAX_NAME {
            // SAFETY: not NULL, and no byte before this one was the zero that `new` was promised.
            match unsafe { self.0.add(index).read() } {
                0 => {
                    return String::from_utf8(name)
                        .or_else(|_| fail(CKR_ARGUMENTS_BAD, "the function's name is no UTF-8"));
                }
                byte => name.push(byte),
            }
        }
        fail(CKR_ARGUMENTS_BAD, "no function has so long a name")
    }
}

/// The place for the result of C_AsyncComplete. It may be NULL for functions without one.
pub(crate) struct AsyncOut(*mut CK_ASYNC_DATA);

impl AsyncOut {
    /// # Safety
    /// `ptr` is NULL or points at a CK_ASYNC_DATA that stays writable while this value lives.
    pub(crate) unsafe fn new(ptr: *mut CK_ASYNC_DATA) -> Self {
        Self(ptr)
    }

    /// Whether there is a place.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for one of another version.
    pub(crate) fn is_there(&self) -> Result<bool> {
        if self.0.is_null() {
            return Ok(false);
        }
        // SAFETY: not NULL, so readable by the promise given to `new`.
        match unsafe { (&raw const (*self.0).ulVersion).read_unaligned() } {
            0 => Ok(true),
            version => fail(CKR_ARGUMENTS_BAD, format!("no CK_ASYNC_DATA has version {version}")),
        }
    }

    /// Writes the result, if there is a place.
    pub(crate) fn put(&self, data: CK_ASYNC_DATA) {
        if !self.0.is_null() {
            // SAFETY: not NULL, so writable by the promise given to `new`.
            unsafe { self.0.write_unaligned(data) }
        }
    }

    /// Says only where the output would have gone, so that it may be freed.
    pub(crate) fn put_address(&self, address: *mut CK_BYTE) {
        if !self.0.is_null() {
            // SAFETY: not NULL, so writable by the promise given to `new`.
            unsafe { (&raw mut (*self.0).pValue).write_unaligned(address) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;

    #[test]
    fn a_name_ends_with_a_zero_and_has_a_reasonable_length() {
        let name = |bytes: &[u8]| {
            // SAFETY: bytes with a zero, or more than are looked at.
            let name = unsafe { NameIn::new(bytes.as_ptr().cast_mut()) };
            name.read().map_err(|error| error.rv())
        };
        assert_eq!(name(b"C_Sign\0junk"), Ok("C_Sign".to_owned()));
        assert_eq!(name(b"\0"), Ok(String::new()));
        assert_eq!(name(b"\xff\0"), Err(CKR_ARGUMENTS_BAD));
        assert_eq!(name(&[b'x'; MAX_NAME]), Err(CKR_ARGUMENTS_BAD));
        // SAFETY: NULL.
        assert!(unsafe { NameIn::new(null_mut()) }.read().is_err());
    }
}
