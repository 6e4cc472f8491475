//! Key pairs that libcrypto makes, and the DER they travel in.

use std::{
    ffi::CStr,
    ptr::{null, null_mut},
};

use super::{Functions, Handle, Key, functions, options::set, text};

/// A pair made outside the module.
pub struct Generated {
    /// Its PKCS#8.
    pub private: Vec<u8>,
    /// Its SubjectPublicKeyInfo.
    pub public: Vec<u8>,
}

impl Generated {
    /// A pair of this algorithm: `RSA` with `bits:2048`, `EC` with `group:prime256v1`. Parameters are
    /// made first where there are options for them: `DSA` with `pbits:1024 qbits:160`.
    pub fn new(algorithm: &str, parameters: &str, options: &str) -> Option<Self> {
        let f = functions()?;
        let name = text(algorithm);
        // SAFETY: contexts are freed after their use; each key has one owner.
        unsafe {
            let mut c = (f.EVP_PKEY_CTX_new_from_name)(null_mut(), name.as_ptr(), null());
            // Owns the parameters until the key is there.
            let mut group = None;
            if !parameters.is_empty() && !c.is_null() {
                let made = ((f.EVP_PKEY_paramgen_init)(c) == 1)
                    .then(|| generate(f, c, parameters))
                    .flatten();
                (f.EVP_PKEY_CTX_free)(c);
                c = (f.EVP_PKEY_CTX_new)(made.as_ref()?.0, null_mut());
                group = made;
            }
            let key = (!c.is_null() && (f.EVP_PKEY_keygen_init)(c) == 1)
                .then(|| generate(f, c, options))
                .flatten();
            (f.EVP_PKEY_CTX_free)(c);
            drop(group);
            let key = key?;
            let public = der(|at| (f.i2d_PUBKEY)(key.0, at))?;
            let info = (f.EVP_PKEY2PKCS8)(key.0);
            if info.is_null() {
                return None;
            }
            let private = der(|at| (f.i2d_PKCS8_PRIV_KEY_INFO)(info, at));
            (f.PKCS8_PRIV_KEY_INFO_free)(info);
            Some(Self { private: private?, public })
        }
    }
}

/// # Safety
/// A context whose generation was begun.
unsafe fn generate(f: &Functions, context: Handle, options: &str) -> Option<Key> {
    let mut key = null_mut();
    // SAFETY: the context by the promise of the caller.
    let good = unsafe { set(f, context, options) && (f.EVP_PKEY_generate)(context, &mut key) == 1 };
    good.then(|| Key(key))
}

/// What an `i2d` function writes.
fn der(write: impl Fn(*mut *mut u8) -> std::ffi::c_int) -> Option<Vec<u8>> {
    let mut out = vec![0; usize::try_from(write(null_mut())).ok().filter(|len| *len > 0)?];
    let mut at = out.as_mut_ptr();
    (write(&mut at) > 0).then_some(out)
}

/// The names of all curves over prime fields.
pub fn prime_curves() -> Option<Vec<String>> {
    let f = functions()?;
    let blank = super::BuiltinCurve { nid: 0, comment: null() };
    // SAFETY: as many places as the count says; names and comments are texts that stay.
    unsafe {
        let mut all = vec![blank; (f.EC_get_builtin_curves)(null_mut(), 0)];
        (f.EC_get_builtin_curves)(all.as_mut_ptr(), all.len());
        let prime = all.iter().filter(|curve| {
            CStr::from_ptr(curve.comment).to_string_lossy().contains("prime field")
        });
        let name = |nid| CStr::from_ptr((f.OBJ_nid2sn)(nid)).to_string_lossy().into_owned();
        Some(prime.map(|curve| name(curve.nid)).collect())
    }
}
