//! Calls of a session that make a key out of another: unwrapping, derivation, encapsulation.

use cryptoki_sys::*;

use crate::{
    call,
    case::{Mechanism, Session, Template},
};

/// As much room as the ciphertext of any mechanism here takes.
const CIPHERTEXT_MAX: usize = 2048;

fn raw(data: &[u8]) -> (*mut u8, CK_ULONG) {
    (data.as_ptr().cast_mut(), data.len() as CK_ULONG)
}

impl Session<'_> {
    /// C_UnwrapKey: the code and the handle.
    pub fn unwrap(
        &self,
        mechanism: &Mechanism,
        by: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &Template,
    ) -> (CK_RV, CK_OBJECT_HANDLE) {
        let ((at, len), mut list, mut key) = (raw(wrapped), template.raw(), 0);
        let (first, count) = (list.as_mut_ptr(), list.len() as CK_ULONG);
        let mut mechanism = mechanism.raw();
        let rv = call!(
            self.module,
            C_UnwrapKey(self.handle, &mut mechanism, by, at, len, first, count, &mut key)
        );
        (rv, key)
    }

    /// C_DeriveKey: the code and the handle.
    pub fn derive(
        &self,
        mechanism: &Mechanism,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> (CK_RV, CK_OBJECT_HANDLE) {
        let (mut list, mut key) = (template.raw(), 0);
        let (first, count) = (list.as_mut_ptr(), list.len() as CK_ULONG);
        let mut mechanism = mechanism.raw();
        let rv = call!(
            self.module,
            C_DeriveKey(self.handle, &mut mechanism, base, first, count, &mut key)
        );
        (rv, key)
    }

    /// C_EncapsulateKey: the code, the ciphertext and the handle.
    pub fn encapsulate(
        &self,
        mechanism: &Mechanism,
        public: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> (CK_RV, Vec<u8>, CK_OBJECT_HANDLE) {
        let (mut list, mut key) = (template.raw(), 0);
        let (first, count) = (list.as_mut_ptr(), list.len() as CK_ULONG);
        let (mut out, mut len) = (vec![0; CIPHERTEXT_MAX], CIPHERTEXT_MAX as CK_ULONG);
        let (at, mut mechanism) = (out.as_mut_ptr(), mechanism.raw());
        let rv = call!(
            self.module,
            C_EncapsulateKey(
                self.handle,
                &mut mechanism,
                public,
                first,
                count,
                at,
                &mut len,
                &mut key
            )
        );
        out.truncate(if rv == CKR_OK { len as usize } else { 0 });
        (rv, out, key)
    }

    /// C_DecapsulateKey: the code and the handle.
    pub fn decapsulate(
        &self,
        mechanism: &Mechanism,
        private: CK_OBJECT_HANDLE,
        ciphertext: &[u8],
        template: &Template,
    ) -> (CK_RV, CK_OBJECT_HANDLE) {
        let ((at, len), mut list, mut key) = (raw(ciphertext), template.raw(), 0);
        let (first, count) = (list.as_mut_ptr(), list.len() as CK_ULONG);
        let mut mechanism = mechanism.raw();
        let rv = call!(
            self.module,
            C_DecapsulateKey(self.handle, &mut mechanism, private, first, count, at, len, &mut key)
        );
        (rv, key)
    }
}
