//! PKCS#11 through a C function list, as thin as it can be: what is timed is the module, not this.
//!
//! All calls are safe to make from Rust: every pointer that goes down is taken from a slice or a
//! reference that outlives the call, with the length of that slice. What remains to be trusted is the
//! module itself.

use std::{error::Error, fmt, path::Path, ptr::null_mut};

use cryptoki_sys::*;
use hsmsim_types::ReturnValue;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::words::{Attribute, Mechanism, Refusal, Result, lay_out, length, ulong};

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
}

/// Calls a function of the list and turns its answer into a [`Result`].
macro_rules! call {
    ($module:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $module.functions.$function {
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
        // Modules are not made to be unloaded while their threads and exit handlers live.
        std::mem::forget(library);
        Ok(Box::leak(Box::new(Self { functions })))
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
        let mut count = 0;
        call!(self, C_GetSlotList(CK_TRUE, null_mut(), &raw mut count))?;
        let mut slots = vec![0; length(count)];
        call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count))?;
        slots.truncate(length(count));
        let mut found = Vec::new();
        for slot in slots {
            let mut info = CK_TOKEN_INFO::default();
            call!(self, C_GetTokenInfo(slot, &raw mut info))?;
            let ready = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
            found.push(TokenSlot {
                slot,
                label: String::from_utf8_lossy(&info.label).trim_end().to_owned(),
                initialized: info.flags & ready == ready,
            });
        }
        Ok(found)
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
        Ok(Session { module: self, handle })
    }
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
    /// C_CloseSession, for those who want to see the answer.
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
        mechanism.with(|mechanism| call!(self.module, C_DigestInit(self.handle, mechanism)))?;
        let mut len = ulong(out.len());
        call!(
            self.module,
            C_Digest(self.handle, bytes(data), ulong(data.len()), out.as_mut_ptr(), &raw mut len)
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
        mechanism.with(|mechanism| call!(self.module, C_SignInit(self.handle, mechanism, key)))?;
        let mut len = ulong(out.len());
        call!(
            self.module,
            C_Sign(self.handle, bytes(data), ulong(data.len()), out.as_mut_ptr(), &raw mut len)
        )?;
        Ok(length(len))
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
        mechanism
            .with(|mechanism| call!(self.module, C_EncryptInit(self.handle, mechanism, key)))?;
        let mut len = ulong(out.len());
        call!(
            self.module,
            C_Encrypt(self.handle, bytes(data), ulong(data.len()), out.as_mut_ptr(), &raw mut len)
        )?;
        Ok(length(len))
    }
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
