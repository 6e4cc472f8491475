//! What a module says of itself: library, slots, tokens, mechanisms.

use std::ptr;

use cryptoki_sys::*;

use super::{Code, Module, Result, mechanism};

impl Module {
    /// CK_INFO.
    pub(crate) fn info(&self) -> Result<CK_INFO> {
        let mut info = CK_INFO::default();
        call!(self.C_GetInfo(&mut info))?;
        Ok(info)
    }

    /// CK_SLOT_INFO.
    pub(crate) fn slot_info(&self, slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO> {
        let mut info = CK_SLOT_INFO::default();
        call!(self.C_GetSlotInfo(slot, &mut info))?;
        Ok(info)
    }

    /// CK_TOKEN_INFO.
    pub(crate) fn token_info(&self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self.C_GetTokenInfo(slot, &mut info))?;
        Ok(info)
    }

    /// The mechanisms' numbers.
    pub(crate) fn mechanisms(&self, slot: CK_SLOT_ID) -> Result<Vec<CK_MECHANISM_TYPE>> {
        let mut count = 0;
        call!(self.C_GetMechanismList(slot, ptr::null_mut(), &mut count))?;
        let mut list = vec![0; count as usize];
        call!(self.C_GetMechanismList(slot, list.as_mut_ptr(), &mut count))?;
        list.truncate(count as usize);
        Ok(list)
    }

    /// CK_MECHANISM_INFO.
    pub(crate) fn mechanism_info(
        &self,
        slot: CK_SLOT_ID,
        kind: CK_MECHANISM_TYPE,
    ) -> Result<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO::default();
        call!(self.C_GetMechanismInfo(slot, kind, &mut info))?;
        Ok(info)
    }

    /// Versions of the standard's interfaces (C_GetInterfaceList); none if the library has no such
    /// function.
    pub(crate) fn interfaces(&self) -> Vec<CK_VERSION> {
        type GetInterfaceList = unsafe extern "C" fn(*mut CK_INTERFACE, *mut CK_ULONG) -> CK_RV;
        // SAFETY: the symbol has this type by the standard (PKCS#11 3.1, 5.4.5).
        let Ok(get) = (unsafe { self.library.get::<GetInterfaceList>(b"C_GetInterfaceList") })
        else {
            return Vec::new();
        };
        let mut count = 0;
        // SAFETY: without a list the function gives their number.
        if unsafe { get(ptr::null_mut(), &mut count) } != CKR_OK {
            return Vec::new();
        }
        let mut list = vec![CK_INTERFACE::default(); count as usize];
        // SAFETY: the list has room for `count` interfaces.
        if unsafe { get(list.as_mut_ptr(), &mut count) } != CKR_OK {
            return Vec::new();
        }
        list.truncate(count as usize);
        let standard = list.iter().filter(|interface| {
            // SAFETY: an interface's name is text that ends with a zero (5.4.5), constant memory of
            // the library, and not looked at if it is null.
            !interface.pInterfaceName.is_null()
                && unsafe { std::ffi::CStr::from_ptr(interface.pInterfaceName.cast()) }
                    == c"PKCS 11"
                && !interface.pFunctionList.is_null()
        });
        // SAFETY: a function list begins with its version (5.4.4).
        standard.map(|one| unsafe { ptr::read(one.pFunctionList.cast::<CK_VERSION>()) }).collect()
    }

    /// A digest in one part.
    pub(crate) fn digest(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let mut mechanism = mechanism(kind);
        call!(self.C_DigestInit(session, &mut mechanism))?;
        let (mut data, mut digest) = (data.to_vec(), vec![0; 64]);
        let (data_len, mut len) = (data.len() as CK_ULONG, digest.len() as CK_ULONG);
        call!(self.C_Digest(session, data.as_mut_ptr(), data_len, digest.as_mut_ptr(), &mut len))?;
        digest.truncate(len as usize);
        Ok(digest)
    }

    /// AES-CBC over whole blocks, with a vector of zeros.
    pub(crate) fn encrypt_cbc(
        &self,
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let mut iv = [0_u8; 16];
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_CBC,
            pParameter: iv.as_mut_ptr().cast(),
            ulParameterLen: 16,
        };
        call!(self.C_EncryptInit(session, &mut mechanism, key))?;
        let (mut data, mut output) = (data.to_vec(), vec![0; data.len() + 16]);
        let (data_len, mut len) = (data.len() as CK_ULONG, output.len() as CK_ULONG);
        call!(self.C_Encrypt(session, data.as_mut_ptr(), data_len, output.as_mut_ptr(), &mut len))?;
        output.truncate(len as usize);
        Ok(output)
    }
}
