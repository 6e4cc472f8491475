//! What takes options by their names, as `openssl kdf` and `openssl mac` do: `digest:SHA256
//! hexsalt:0102`.

use std::ptr::{null, null_mut};

use super::{Functions, Handle, Param, functions, text};

/// OSSL_PARAM_END.
const END: Param = Param { key: null(), kind: 0, data: null_mut(), size: 0, returned: 0 };

/// Options that were read, until they are dropped.
pub(super) struct Params<'a> {
    f: &'a Functions,
    list: Vec<Param>,
    // The keys in the list point here.
    _texts: Vec<std::ffi::CString>,
}

impl<'a> Params<'a> {
    /// Reads `name:value` pairs with blanks between them, against the list of what can be set.
    ///
    /// # Safety
    /// `known` is such a list of libcrypto's.
    pub(super) unsafe fn read(
        f: &'a Functions,
        known: *const Param,
        options: &str,
    ) -> Option<Self> {
        let mut params = Self { f, list: Vec::new(), _texts: Vec::new() };
        for option in options.split_whitespace() {
            let (name, value) = option.split_once(':')?;
            let (name, value, mut param) = (text(name), text(value), END);
            // SAFETY: `known` by the promise of the caller; texts that end with 0.
            let good = unsafe {
                let (name, size) = (name.as_ptr(), value.as_bytes().len());
                (f.OSSL_PARAM_allocate_from_text)(
                    &mut param,
                    known,
                    name,
                    value.as_ptr(),
                    size,
                    null_mut(),
                )
            };
            if good != 1 {
                return None;
            }
            params.list.push(param);
            params._texts.extend([name, value]);
        }
        params.list.push(END);
        Some(params)
    }

    pub(super) fn list(&self) -> *const Param {
        self.list.as_ptr()
    }
}

impl Drop for Params<'_> {
    fn drop(&mut self) {
        for param in &self.list {
            // SAFETY: allocated by OSSL_PARAM_allocate_from_text, or NULL.
            unsafe { (self.f.CRYPTO_free)(param.data, c"".as_ptr(), 0) };
        }
    }
}

/// Sets options of a key's use.
///
/// # Safety
/// A context whose use was begun.
pub(super) unsafe fn set(f: &Functions, context: Handle, options: &str) -> bool {
    // SAFETY: the context by the promise of the caller.
    unsafe {
        options.is_empty()
            || Params::read(f, (f.EVP_PKEY_CTX_settable_params)(context), options)
                .is_some_and(|params| (f.EVP_PKEY_CTX_set_params)(context, params.list()) == 1)
    }
}

/// What a key derivation function gives (`openssl kdf -kdfopt … NAME`).
pub fn derive(name: &str, options: &str, len: usize) -> Option<Vec<u8>> {
    let f = functions()?;
    let name = text(name);
    let mut out = vec![0; len];
    // SAFETY: handles are used while they live; the output has the length that is told.
    unsafe {
        let kdf = (f.EVP_KDF_fetch)(null_mut(), name.as_ptr(), null());
        if kdf.is_null() {
            return None;
        }
        let params = Params::read(f, (f.EVP_KDF_settable_ctx_params)(kdf), options)?;
        let c: Handle = (f.EVP_KDF_CTX_new)(kdf);
        let good = (f.EVP_KDF_derive)(c, out.as_mut_ptr(), len, params.list()) == 1;
        (f.EVP_KDF_CTX_free)(c);
        good.then_some(out)
    }
}

/// A digest with options: `size:20` for BLAKE2B-512 with 20 bytes, from OpenSSL 3.2.
pub fn digest_with(name: &str, options: &str, data: &[u8]) -> Option<Vec<u8>> {
    let f = functions()?;
    let name = text(name);
    let (mut out, mut len) = (vec![0; 64], 0);
    // SAFETY: as above; 64 bytes are the longest digest that has a fixed length.
    unsafe {
        let md = (f.EVP_MD_fetch)(null_mut(), name.as_ptr(), null());
        if md.is_null() {
            return None;
        }
        let params = Params::read(f, (f.EVP_MD_settable_ctx_params)(md), options)?;
        let c: Handle = (f.EVP_MD_CTX_new)();
        let good = (f.EVP_DigestInit_ex2)(c, md, params.list()) == 1
            && (f.EVP_DigestUpdate)(c, data.as_ptr().cast(), data.len()) == 1
            && (f.EVP_DigestFinal_ex)(c, out.as_mut_ptr(), &mut len) == 1;
        (f.EVP_MD_CTX_free)(c);
        out.truncate(len as usize);
        good.then_some(out)
    }
}

/// What a MAC gives (`openssl mac -macopt … NAME`).
pub fn keyed(name: &str, options: &str, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let f = functions()?;
    let name = text(name);
    let (mut out, mut len) = (vec![0; 64], 0);
    // SAFETY: as above.
    unsafe {
        let mac = (f.EVP_MAC_fetch)(null_mut(), name.as_ptr(), null());
        if mac.is_null() {
            return None;
        }
        let params = Params::read(f, (f.EVP_MAC_settable_ctx_params)(mac), options)?;
        let c: Handle = (f.EVP_MAC_CTX_new)(mac);
        let good = (f.EVP_MAC_init)(c, key.as_ptr(), key.len(), params.list()) == 1
            && (f.EVP_MAC_update)(c, data.as_ptr(), data.len()) == 1
            && (f.EVP_MAC_final)(c, out.as_mut_ptr(), &mut len, out.len()) == 1;
        (f.EVP_MAC_CTX_free)(c);
        out.truncate(len);
        good.then_some(out)
    }
}
