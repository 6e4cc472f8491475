//! A PKCS#11 module loaded through `dlopen`, as any application loads it: the safe face of its
//! function list for what the workload and the recording of profiles need.

#![allow(unsafe_code)]

use std::{ffi::c_void, path::Path, ptr};

use cryptoki_sys::*;
use libloading::Library;

/// Calls a function of the list; a function that the list lacks answers as the standard says.
macro_rules! call {
    ($self:ident.$name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the list was given by C_GetFunctionList and lives as long as the library; all
        // pointers among the arguments are to values that outlive the call, with their true lengths.
        let rv = unsafe {
            match (*$self.list).$name {
                Some(function) => function($($argument),*),
                None => CKR_FUNCTION_NOT_SUPPORTED,
            }
        };
        if rv == CKR_OK { Ok(()) } else { Err(Code(rv)) }
    }};
}

mod describe;

/// A code other than CKR_OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) CK_RV);

pub(crate) type Result<T> = std::result::Result<T, Code>;

/// A loaded and initialised module. `Sync`: it was initialised for use from several threads.
pub(crate) struct Module {
    list: *const CK_FUNCTION_LIST,
    /// Unloaded last.
    library: Library,
}

// SAFETY: the list is constant memory of the library, and the module was initialised with
// CKF_OS_LOCKING_OK, by which it promises to be called from several threads at once.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

/// An attribute of a template.
pub(crate) enum Attribute<'a> {
    Bool(CK_ATTRIBUTE_TYPE, bool),
    Ulong(CK_ATTRIBUTE_TYPE, CK_ULONG),
    Bytes(CK_ATTRIBUTE_TYPE, &'a [u8]),
}

/// Templates point into values; these are the values.
struct Values(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Values {
    fn of(attributes: &[Attribute<'_>]) -> Self {
        Self(
            attributes
                .iter()
                .map(|attribute| match attribute {
                    Attribute::Bool(kind, value) => (*kind, vec![u8::from(*value)]),
                    Attribute::Ulong(kind, value) => (*kind, value.to_ne_bytes().to_vec()),
                    Attribute::Bytes(kind, value) => (*kind, value.to_vec()),
                })
                .collect(),
        )
    }

    fn template(&mut self) -> Vec<CK_ATTRIBUTE> {
        self.0
            .iter_mut()
            .map(|(kind, value)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: value.as_mut_ptr().cast(),
                ulValueLen: value.len() as CK_ULONG,
            })
            .collect()
    }
}

fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: kind, pParameter: ptr::null_mut(), ulParameterLen: 0 }
}

impl Module {
    /// Loads and initialises the module.
    pub(crate) fn load(path: &Path) -> std::result::Result<Self, String> {
        // SAFETY: loading runs the library's constructors; the caller named a PKCS#11 module.
        let library = unsafe { Library::new(path) }.map_err(|error| error.to_string())?;
        let mut list = ptr::null_mut();
        // SAFETY: the symbol has this type by the standard (PKCS#11 3.1, 5.4.4).
        let rv = unsafe {
            let get = library
                .get::<unsafe extern "C" fn(*mut CK_FUNCTION_LIST_PTR) -> CK_RV>(
                    b"C_GetFunctionList",
                )
                .map_err(|error| error.to_string())?;
            get(&mut list)
        };
        if rv != CKR_OK || list.is_null() {
            return Err(format!("C_GetFunctionList: 0x{rv:X}"));
        }
        let module = Self { list, library };
        module.initialize().map_err(|Code(rv)| format!("C_Initialize: 0x{rv:X}"))?;
        Ok(module)
    }

    pub(crate) fn initialize(&self) -> Result<()> {
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: ptr::null_mut(),
        };
        let arguments: *mut c_void = ptr::from_mut(&mut arguments).cast();
        call!(self.C_Initialize(arguments))
    }

    pub(crate) fn finalize(&self) -> Result<()> {
        call!(self.C_Finalize(ptr::null_mut()))
    }

    pub(crate) fn slots(&self) -> Result<Vec<CK_SLOT_ID>> {
        let mut count = 0;
        call!(self.C_GetSlotList(CK_TRUE, ptr::null_mut(), &mut count))?;
        let mut slots = vec![0; count as usize];
        call!(self.C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count))?;
        slots.truncate(count as usize);
        Ok(slots)
    }

    pub(crate) fn label(&self, slot: CK_SLOT_ID) -> Result<String> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self.C_GetTokenInfo(slot, &mut info))?;
        Ok(String::from_utf8_lossy(&info.label).trim_end().to_owned())
    }

    pub(crate) fn open(&self, slot: CK_SLOT_ID) -> Result<CK_SESSION_HANDLE> {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        call!(self.C_OpenSession(slot, flags, ptr::null_mut(), None, &mut session))?;
        Ok(session)
    }

    pub(crate) fn close(&self, session: CK_SESSION_HANDLE) -> Result<()> {
        call!(self.C_CloseSession(session))
    }

    pub(crate) fn login(&self, session: CK_SESSION_HANDLE, pin: &str) -> Result<()> {
        let mut pin = pin.as_bytes().to_vec();
        let len = pin.len() as CK_ULONG;
        match call!(self.C_Login(session, CKU_USER, pin.as_mut_ptr(), len)) {
            Err(Code(CKR_USER_ALREADY_LOGGED_IN)) => Ok(()),
            other => other,
        }
    }

    pub(crate) fn logout(&self, session: CK_SESSION_HANDLE) -> Result<()> {
        call!(self.C_Logout(session))
    }

    pub(crate) fn generate_pair(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        public: &[Attribute<'_>],
        private: &[Attribute<'_>],
    ) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let mut mechanism = mechanism(kind);
        let (mut public, mut private) = (Values::of(public), Values::of(private));
        let (mut public, mut private) = (public.template(), private.template());
        let (mut public_key, mut private_key) = (0, 0);
        call!(self.C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.as_mut_ptr(),
            public.len() as CK_ULONG,
            private.as_mut_ptr(),
            private.len() as CK_ULONG,
            &mut public_key,
            &mut private_key,
        ))?;
        Ok((public_key, private_key))
    }

    pub(crate) fn generate(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        template: &[Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE> {
        let mut mechanism = mechanism(kind);
        let mut values = Values::of(template);
        let mut template = values.template();
        let mut key = 0;
        call!(self.C_GenerateKey(
            session,
            &mut mechanism,
            template.as_mut_ptr(),
            template.len() as CK_ULONG,
            &mut key,
        ))?;
        Ok(key)
    }

    pub(crate) fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<Vec<u8>> {
        let mut value = vec![0; 4096];
        let mut attribute = CK_ATTRIBUTE {
            type_: kind,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        call!(self.C_GetAttributeValue(session, object, &mut attribute, 1))?;
        value.truncate(attribute.ulValueLen as usize);
        Ok(value)
    }

    pub(crate) fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let mut mechanism = mechanism(kind);
        call!(self.C_SignInit(session, &mut mechanism, key))?;
        let mut data = data.to_vec();
        let mut signature = vec![0; 1024];
        let mut len = signature.len() as CK_ULONG;
        let data_len = data.len() as CK_ULONG;
        call!(self.C_Sign(session, data.as_mut_ptr(), data_len, signature.as_mut_ptr(), &mut len))?;
        signature.truncate(len as usize);
        Ok(signature)
    }

    pub(crate) fn verify(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let mut mechanism = mechanism(kind);
        call!(self.C_VerifyInit(session, &mut mechanism, key))?;
        let (mut data, mut signature) = (data.to_vec(), signature.to_vec());
        let (data_len, len) = (data.len() as CK_ULONG, signature.len() as CK_ULONG);
        call!(self.C_Verify(session, data.as_mut_ptr(), data_len, signature.as_mut_ptr(), len))
    }

    pub(crate) fn encrypt_gcm(
        &self,
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let mut iv = iv.to_vec();
        let mut parameters = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: iv.len() as CK_ULONG,
            ulIvBits: iv.len() as CK_ULONG * 8,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_GCM,
            pParameter: ptr::from_mut(&mut parameters).cast(),
            ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG,
        };
        call!(self.C_EncryptInit(session, &mut mechanism, key))?;
        let mut data = data.to_vec();
        let mut output = vec![0; data.len() + 64];
        let (data_len, mut len) = (data.len() as CK_ULONG, output.len() as CK_ULONG);
        call!(self.C_Encrypt(session, data.as_mut_ptr(), data_len, output.as_mut_ptr(), &mut len))?;
        output.truncate(len as usize);
        Ok(output)
    }

    pub(crate) fn find(&self, session: CK_SESSION_HANDLE, label: &[u8]) -> Result<usize> {
        self.find_all(session, CKA_LABEL, label).map(|found| found.len())
    }

    /// Objects with this value of an attribute, at most sixteen.
    pub(crate) fn find_all(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
        value: &[u8],
    ) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let mut values = Values::of(&[Attribute::Bytes(kind, value)]);
        let mut template = values.template();
        call!(self.C_FindObjectsInit(session, template.as_mut_ptr(), template.len() as CK_ULONG))?;
        let mut found = [0; 16];
        let mut count = 0;
        let searched = call!(self.C_FindObjects(session, found.as_mut_ptr(), 16, &mut count));
        call!(self.C_FindObjectsFinal(session))?;
        searched.map(|()| found[..(count as usize).min(found.len())].to_vec())
    }

    pub(crate) fn random(&self, session: CK_SESSION_HANDLE, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        call!(self.C_GenerateRandom(session, bytes.as_mut_ptr(), len as CK_ULONG))?;
        Ok(bytes)
    }
}
