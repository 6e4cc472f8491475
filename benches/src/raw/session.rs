//! An open session and its calls.

use cryptoki_sys::*;
use hsmsim_types::ReturnValue;

use super::{Module, bytes, call};
use crate::words::{Attribute, Mechanism, Refusal, Result, lay_out, length, ulong};

/// Calls a function of the list of PKCS#11 3.2, if the module has one.
macro_rules! call_3_2 {
    ($module:expr, $function:ident($($argument:expr),* $(,)?)) => {
        call!(
            @ $module.functions_3_2.as_ref().and_then(|list| list.$function),
            $function($($argument),*)
        )
    };
}

/// An operation in one part: the call that begins it, with its key, and the one that gives its output; gives the
/// length of that.
macro_rules! one_part {
    ($session:ident, $init:ident($($key:ident)?), $function:ident, $mechanism:ident, $data:ident, $out:ident) => {{
        $mechanism
            .with(|mechanism| call!($session.module, $init($session.handle, mechanism $(, $key)?)))?;
        let mut len = ulong($out.len());
        let (data, data_len) = (bytes($data), ulong($data.len()));
        call!(
            $session.module,
            $function($session.handle, data, data_len, $out.as_mut_ptr(), &raw mut len)
        )?;
        Ok(length(len))
    }};
}

/// An open session; closed when dropped.
#[derive(Debug)]
pub struct Session {
    module: &'static Module,
    handle: CK_SESSION_HANDLE,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Nobody is left to tell if the module has lost the session.
        let _ = call!(self.module, C_CloseSession(self.handle));
    }
}

impl Session {
    pub(super) fn new(module: &'static Module, handle: CK_SESSION_HANDLE) -> Self {
        Self { module, handle }
    }

    /// C_CloseSession, for those who want to see the answer.
    ///
    /// # Errors
    /// What the module answers; so in all functions below.
    pub fn close(self) -> Result<()> {
        let closed = call!(self.module, C_CloseSession(self.handle));
        std::mem::forget(self);
        closed
    }

    /// C_Login as `user` (CKU_SO, CKU_USER).
    pub fn login(&self, user: CK_USER_TYPE, pin: &str) -> Result<()> {
        call!(self.module, C_Login(self.handle, user, bytes(pin.as_bytes()), ulong(pin.len())))
    }

    /// C_Logout.
    pub fn logout(&self) -> Result<()> {
        call!(self.module, C_Logout(self.handle))
    }

    /// C_InitPIN.
    pub fn init_pin(&self, pin: &str) -> Result<()> {
        call!(self.module, C_InitPIN(self.handle, bytes(pin.as_bytes()), ulong(pin.len())))
    }

    /// C_GetSessionInfo; gives the state (CKS_).
    pub fn state(&self) -> Result<CK_STATE> {
        let mut info = CK_SESSION_INFO::default();
        call!(self.module, C_GetSessionInfo(self.handle, &raw mut info))?;
        Ok(info.state)
    }

    /// C_GenerateRandom.
    pub fn random(&self, out: &mut [u8]) -> Result<()> {
        call!(self.module, C_GenerateRandom(self.handle, out.as_mut_ptr(), ulong(out.len())))
    }

    /// C_GenerateKey.
    pub fn generate_key(
        &self,
        mechanism: &Mechanism<'_>,
        template: &[Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut template, count) = lay_out(template);
        let mut key = 0;
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_GenerateKey(self.handle, mechanism, template.as_mut_ptr(), count, &raw mut key)
            )
        })?;
        Ok(key)
    }

    /// C_GenerateKeyPair; gives the public key and the private key.
    pub fn generate_key_pair(
        &self,
        mechanism: &Mechanism<'_>,
        public: &[Attribute<'_>],
        private: &[Attribute<'_>],
    ) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut public, public_count) = lay_out(public);
        let (mut private, private_count) = lay_out(private);
        let (mut public_key, mut private_key) = (0, 0);
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_GenerateKeyPair(
                    self.handle,
                    mechanism,
                    public.as_mut_ptr(),
                    public_count,
                    private.as_mut_ptr(),
                    private_count,
                    &raw mut public_key,
                    &raw mut private_key,
                )
            )
        })?;
        Ok((public_key, private_key))
    }

    /// C_CreateObject.
    pub fn create(&self, template: &[Attribute<'_>]) -> Result<CK_OBJECT_HANDLE> {
        let (mut template, count) = lay_out(template);
        let mut object = 0;
        call!(
            self.module,
            C_CreateObject(self.handle, template.as_mut_ptr(), count, &raw mut object)
        )?;
        Ok(object)
    }

    /// C_CopyObject; gives the copy.
    pub fn copy(
        &self,
        object: CK_OBJECT_HANDLE,
        template: &[Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut template, count) = lay_out(template);
        let mut copy = 0;
        call!(
            self.module,
            C_CopyObject(self.handle, object, template.as_mut_ptr(), count, &raw mut copy)
        )?;
        Ok(copy)
    }

    /// C_DestroyObject.
    pub fn destroy(&self, object: CK_OBJECT_HANDLE) -> Result<()> {
        call!(self.module, C_DestroyObject(self.handle, object))
    }

    /// C_GetAttributeValue of one attribute; gives its length.
    pub fn attribute(
        &self,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
        out: &mut [u8],
    ) -> Result<usize> {
        let mut attribute = CK_ATTRIBUTE {
            type_: kind,
            pValue: out.as_mut_ptr().cast(),
            ulValueLen: ulong(out.len()),
        };
        call!(self.module, C_GetAttributeValue(self.handle, object, &raw mut attribute, 1))?;
        Ok(length(attribute.ulValueLen))
    }

    /// C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal; gives how many were found, at most as
    /// many as there is room for.
    pub fn find(
        &self,
        template: &[Attribute<'_>],
        found: &mut [CK_OBJECT_HANDLE],
    ) -> Result<usize> {
        let (mut template, count) = lay_out(template);
        call!(self.module, C_FindObjectsInit(self.handle, template.as_mut_ptr(), count))?;
        let mut count = 0;
        call!(
            self.module,
            C_FindObjects(self.handle, found.as_mut_ptr(), ulong(found.len()), &raw mut count)
        )?;
        call!(self.module, C_FindObjectsFinal(self.handle))?;
        Ok(length(count))
    }

    /// C_DigestInit and C_Digest; gives the length of the digest.
    pub fn digest(&self, mechanism: &Mechanism<'_>, data: &[u8], out: &mut [u8]) -> Result<usize> {
        one_part!(self, C_DigestInit(), C_Digest, mechanism, data, out)
    }

    /// C_DigestInit.
    pub fn digest_init(&self, mechanism: &Mechanism<'_>) -> Result<()> {
        mechanism.with(|mechanism| call!(self.module, C_DigestInit(self.handle, mechanism)))
    }

    /// C_DigestUpdate.
    pub fn digest_update(&self, part: &[u8]) -> Result<()> {
        call!(self.module, C_DigestUpdate(self.handle, bytes(part), ulong(part.len())))
    }

    /// C_EncryptInit.
    pub fn encrypt_init(&self, mechanism: &Mechanism<'_>, key: CK_OBJECT_HANDLE) -> Result<()> {
        mechanism.with(|mechanism| call!(self.module, C_EncryptInit(self.handle, mechanism, key)))
    }

    /// C_EncryptUpdate; gives how many bytes came of the part.
    pub fn encrypt_update(&self, part: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut len = ulong(out.len());
        let (part, part_len) = (bytes(part), ulong(part.len()));
        call!(
            self.module,
            C_EncryptUpdate(self.handle, part, part_len, out.as_mut_ptr(), &raw mut len)
        )?;
        Ok(length(len))
    }

    /// C_SignInit and C_Sign; gives the length of the signature.
    pub fn sign(
        &self,
        mechanism: &Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        one_part!(self, C_SignInit(key), C_Sign, mechanism, data, out)
    }

    /// C_VerifyInit and C_Verify.
    pub fn verify(
        &self,
        mechanism: &Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        mechanism
            .with(|mechanism| call!(self.module, C_VerifyInit(self.handle, mechanism, key)))?;
        call!(
            self.module,
            C_Verify(
                self.handle,
                bytes(data),
                ulong(data.len()),
                bytes(signature),
                ulong(signature.len()),
            )
        )
    }

    /// C_EncryptInit and C_Encrypt; gives the length of the ciphertext.
    pub fn encrypt(
        &self,
        mechanism: &Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        one_part!(self, C_EncryptInit(key), C_Encrypt, mechanism, data, out)
    }

    /// C_DecryptInit and C_Decrypt; gives the length of the plaintext.
    pub fn decrypt(
        &self,
        mechanism: &Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        one_part!(self, C_DecryptInit(key), C_Decrypt, mechanism, data, out)
    }

    /// C_DeriveKey; gives the derived key.
    pub fn derive(
        &self,
        mechanism: &Mechanism<'_>,
        base: CK_OBJECT_HANDLE,
        template: &[Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut template, count) = lay_out(template);
        let mut key = 0;
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_DeriveKey(
                    self.handle,
                    mechanism,
                    base,
                    template.as_mut_ptr(),
                    count,
                    &raw mut key
                )
            )
        })?;
        Ok(key)
    }

    /// C_EncapsulateKey (3.2); fills the ciphertext and gives the secret key.
    pub fn encapsulate(
        &self,
        mechanism: &Mechanism<'_>,
        public: CK_OBJECT_HANDLE,
        template: &[Attribute<'_>],
        ciphertext: &mut [u8],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut template, count) = lay_out(template);
        let mut len = ulong(ciphertext.len());
        let mut key = 0;
        mechanism.with(|mechanism| {
            call_3_2!(
                self.module,
                C_EncapsulateKey(
                    self.handle,
                    mechanism,
                    public,
                    template.as_mut_ptr(),
                    count,
                    ciphertext.as_mut_ptr(),
                    &raw mut len,
                    &raw mut key,
                )
            )
        })?;
        assert_eq!(length(len), ciphertext.len(), "length of the ciphertext");
        Ok(key)
    }

    /// C_DecapsulateKey (3.2); gives the secret key.
    pub fn decapsulate(
        &self,
        mechanism: &Mechanism<'_>,
        private: CK_OBJECT_HANDLE,
        template: &[Attribute<'_>],
        ciphertext: &[u8],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut template, count) = lay_out(template);
        let mut key = 0;
        mechanism.with(|mechanism| {
            call_3_2!(
                self.module,
                C_DecapsulateKey(
                    self.handle,
                    mechanism,
                    private,
                    template.as_mut_ptr(),
                    count,
                    bytes(ciphertext),
                    ulong(ciphertext.len()),
                    &raw mut key,
                )
            )
        })?;
        Ok(key)
    }
}
