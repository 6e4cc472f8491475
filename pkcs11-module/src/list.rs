//! The function lists and interfaces (PKCS#11 3.1, 5.4.4 to 5.4.6), and Luna's list of CA_
//! functions.
//!
//! All of them are constants; a function list has no field that is NULL. The interfaces do not
//! claim CKF_INTERFACE_FORK_SAFE: a forked child has to call C_Initialize here.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};

use hsmsim_client::extensions::Uid;
use hsmsim_types::ck::{
    CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_INTERFACE, CK_RV,
    CK_SLOT_ID, CK_ULONG, CK_VERSION,
};

use crate::{exports::*, fns::ca::HaStateOut};

/// Name of the standard's interfaces.
pub(crate) const INTERFACE_NAME: &CStr = c"PKCS 11";

/// A list with the functions of 2.40, and those named after it.
macro_rules! function_list {
    ($type:ident, $major:literal, $minor:literal; $($more:ident)*) => {
        $type {
            version: CK_VERSION { major: $major, minor: $minor },
            C_Initialize: Some(C_Initialize),
            C_Finalize: Some(C_Finalize),
            C_GetInfo: Some(C_GetInfo),
            C_GetFunctionList: Some(C_GetFunctionList),
            C_GetSlotList: Some(C_GetSlotList),
            C_GetSlotInfo: Some(C_GetSlotInfo),
            C_GetTokenInfo: Some(C_GetTokenInfo),
            C_GetMechanismList: Some(C_GetMechanismList),
            C_GetMechanismInfo: Some(C_GetMechanismInfo),
            C_InitToken: Some(C_InitToken),
            C_InitPIN: Some(C_InitPIN),
            C_SetPIN: Some(C_SetPIN),
            C_OpenSession: Some(C_OpenSession),
            C_CloseSession: Some(C_CloseSession),
            C_CloseAllSessions: Some(C_CloseAllSessions),
            C_GetSessionInfo: Some(C_GetSessionInfo),
            C_GetOperationState: Some(C_GetOperationState),
            C_SetOperationState: Some(C_SetOperationState),
            C_Login: Some(C_Login),
            C_Logout: Some(C_Logout),
            C_CreateObject: Some(C_CreateObject),
            C_CopyObject: Some(C_CopyObject),
            C_DestroyObject: Some(C_DestroyObject),
            C_GetObjectSize: Some(C_GetObjectSize),
            C_GetAttributeValue: Some(C_GetAttributeValue),
            C_SetAttributeValue: Some(C_SetAttributeValue),
            C_FindObjectsInit: Some(C_FindObjectsInit),
            C_FindObjects: Some(C_FindObjects),
            C_FindObjectsFinal: Some(C_FindObjectsFinal),
            C_EncryptInit: Some(C_EncryptInit),
            C_Encrypt: Some(C_Encrypt),
            C_EncryptUpdate: Some(C_EncryptUpdate),
            C_EncryptFinal: Some(C_EncryptFinal),
            C_DecryptInit: Some(C_DecryptInit),
            C_Decrypt: Some(C_Decrypt),
            C_DecryptUpdate: Some(C_DecryptUpdate),
            C_DecryptFinal: Some(C_DecryptFinal),
            C_DigestInit: Some(C_DigestInit),
            C_Digest: Some(C_Digest),
            C_DigestUpdate: Some(C_DigestUpdate),
            C_DigestKey: Some(C_DigestKey),
            C_DigestFinal: Some(C_DigestFinal),
            C_SignInit: Some(C_SignInit),
            C_Sign: Some(C_Sign),
            C_SignUpdate: Some(C_SignUpdate),
            C_SignFinal: Some(C_SignFinal),
            C_SignRecoverInit: Some(C_SignRecoverInit),
            C_SignRecover: Some(C_SignRecover),
            C_VerifyInit: Some(C_VerifyInit),
            C_Verify: Some(C_Verify),
            C_VerifyUpdate: Some(C_VerifyUpdate),
            C_VerifyFinal: Some(C_VerifyFinal),
            C_VerifyRecoverInit: Some(C_VerifyRecoverInit),
            C_VerifyRecover: Some(C_VerifyRecover),
            C_DigestEncryptUpdate: Some(C_DigestEncryptUpdate),
            C_DecryptDigestUpdate: Some(C_DecryptDigestUpdate),
            C_SignEncryptUpdate: Some(C_SignEncryptUpdate),
            C_DecryptVerifyUpdate: Some(C_DecryptVerifyUpdate),
            C_GenerateKey: Some(C_GenerateKey),
            C_GenerateKeyPair: Some(C_GenerateKeyPair),
            C_WrapKey: Some(C_WrapKey),
            C_UnwrapKey: Some(C_UnwrapKey),
            C_DeriveKey: Some(C_DeriveKey),
            C_SeedRandom: Some(C_SeedRandom),
            C_GenerateRandom: Some(C_GenerateRandom),
            C_GetFunctionStatus: Some(C_GetFunctionStatus),
            C_CancelFunction: Some(C_CancelFunction),
            C_WaitForSlotEvent: Some(C_WaitForSlotEvent),
            $($more: Some($more),)*
        }
    };
}

/// A list with the functions of 3.0, and those named after it.
macro_rules! function_list_3 {
    ($type:ident, $minor:literal; $($more:ident)*) => {
        function_list! {
            $type, 3, $minor;
            C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel
            C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext
            C_MessageEncryptFinal
            C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
            C_MessageDecryptFinal
            C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext C_MessageSignFinal
            C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin C_VerifyMessageNext
            C_MessageVerifyFinal
            $($more)*
        }
    };
}

/// What C_GetFunctionList gives.
pub(crate) static LIST_2_40: CK_FUNCTION_LIST = function_list! { CK_FUNCTION_LIST, 2, 40; };

static LIST_3_0: CK_FUNCTION_LIST_3_0 = function_list_3! { CK_FUNCTION_LIST_3_0, 0; };

static LIST_3_2: CK_FUNCTION_LIST_3_2 = function_list_3! {
    CK_FUNCTION_LIST_3_2, 2;
    C_EncapsulateKey C_DecapsulateKey
    C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate C_VerifySignatureFinal
    C_GetSessionValidationFlags
    C_AsyncComplete C_AsyncGetID C_AsyncJoin
    C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated
};

/// An interface and the version of its list.
pub(crate) struct Interface {
    /// The version.
    pub(crate) version: CK_VERSION,
    /// What C_GetInterface gives a pointer to.
    pub(crate) raw: CK_INTERFACE,
}

// SAFETY: the pointers lead to constants; nothing is ever written through them here, and the
// standard gives applications no leave to.
unsafe impl Sync for Interface {}

const fn interface<T>(version: CK_VERSION, list: &'static T) -> Interface {
    let raw = CK_INTERFACE {
        pInterfaceName: INTERFACE_NAME.as_ptr().cast_mut().cast(),
        pFunctionList: (&raw const *list).cast_mut().cast::<c_void>(),
        flags: 0,
    };
    Interface { version, raw }
}

/// All interfaces, the default first.
pub(crate) static INTERFACES: [Interface; 3] = [
    interface(LIST_3_2.version, &LIST_3_2),
    interface(LIST_3_0.version, &LIST_3_0),
    interface(LIST_2_40.version, &LIST_2_40),
];

type NoFunction = unsafe extern "C" fn() -> CK_RV;

/// Luna's CK_SFNT_CA_FUNCTION_LIST, as long as any seen and longer: places of functions that are
/// not here hold one that answers CKR_FUNCTION_NOT_SUPPORTED. The places are those of the public
/// Python binding for Luna (pycryptoki); the list grew in the middle from one client release to the
/// next, so programs that want to be sure look functions up by name.
#[repr(C)]
pub(crate) struct CaFunctionList {
    version: CK_VERSION,
    get_function_list: unsafe extern "C" fn(*mut *const CaFunctionList) -> CK_RV,
    wait_for_slot_event:
        unsafe extern "C" fn(CK_FLAGS, *mut CK_ULONG, *mut CK_SLOT_ID, *mut c_void) -> CK_RV,
    from_2: [NoFunction; 22],
    restart: unsafe extern "C" fn(CK_SLOT_ID) -> CK_RV,
    from_25: [NoFunction; 1],
    close_application_id: unsafe extern "C" fn(CK_SLOT_ID, CK_ULONG, CK_ULONG) -> CK_RV,
    from_27: [NoFunction; 1],
    open_application_id: unsafe extern "C" fn(CK_SLOT_ID, CK_ULONG, CK_ULONG) -> CK_RV,
    from_29: [NoFunction; 1],
    set_application_id: unsafe extern "C" fn(CK_ULONG, CK_ULONG) -> CK_RV,
    from_31: [NoFunction; 72],
    get_token_status:
        unsafe extern "C" fn(CK_SLOT_ID, *mut CK_ULONG, *mut CK_ULONG, *mut CK_ULONG) -> CK_RV,
    from_104: [NoFunction; 35],
    get_ha_state: unsafe extern "C" fn(CK_SLOT_ID, *mut HaStateOut) -> CK_RV,
    from_140: [NoFunction; 11],
    get_object_uid:
        unsafe extern "C" fn(CK_SLOT_ID, CK_ULONG, CK_ULONG, CK_ULONG, *mut Uid) -> CK_RV,
    get_object_handle: unsafe extern "C" fn(
        CK_SLOT_ID,
        CK_ULONG,
        *const Uid,
        *mut CK_ULONG,
        *mut CK_ULONG,
    ) -> CK_RV,
    from_153: [NoFunction; 84],
    get_server_instance_by_slot_id: unsafe extern "C" fn(CK_SLOT_ID, *mut CK_ULONG) -> CK_RV,
    from_238: [NoFunction; 2],
    get_firmware_version:
        unsafe extern "C" fn(CK_SLOT_ID, *mut CK_ULONG, *mut CK_ULONG, *mut CK_ULONG) -> CK_RV,
    from_241: [NoFunction; 79],
}

/// What CA_GetFunctionList gives.
pub(crate) static CA_LIST: CaFunctionList = CaFunctionList {
    version: CK_VERSION { major: 2, minor: 40 },
    get_function_list: CA_GetFunctionList,
    wait_for_slot_event: CA_WaitForSlotEvent,
    from_2: [ca_not_supported; 22],
    restart: CA_Restart,
    from_25: [ca_not_supported; 1],
    close_application_id: CA_CloseApplicationID,
    from_27: [ca_not_supported; 1],
    open_application_id: CA_OpenApplicationID,
    from_29: [ca_not_supported; 1],
    set_application_id: CA_SetApplicationID,
    from_31: [ca_not_supported; 72],
    get_token_status: CA_GetTokenStatus,
    from_104: [ca_not_supported; 35],
    get_ha_state: CA_GetHAState,
    from_140: [ca_not_supported; 11],
    get_object_uid: CA_GetObjectUID,
    get_object_handle: CA_GetObjectHandle,
    from_153: [ca_not_supported; 84],
    get_server_instance_by_slot_id: CA_GetServerInstanceBySlotID,
    from_238: [ca_not_supported; 2],
    get_firmware_version: CA_GetFirmwareVersion,
    from_241: [ca_not_supported; 79],
};

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// The pointers behind a list's version field.
    fn pointers<T>(list: &T) -> Vec<usize> {
        let count = size_of::<T>() / size_of::<usize>() - 1;
        // SAFETY: a list is a version, padded to a pointer's size, and pointers.
        unsafe {
            let first = (&raw const *list).cast::<usize>().add(1);
            std::slice::from_raw_parts(first, count).to_vec()
        }
    }

    #[test]
    fn no_field_of_a_list_is_null_and_older_lists_begin_newer_ones() {
        let newest = pointers(&LIST_3_2);
        assert_eq!(newest.len(), 104);
        assert!(newest.iter().all(|&pointer| pointer != 0));
        assert!(newest.starts_with(&pointers(&LIST_3_0)));
        assert!(newest.starts_with(&pointers(&LIST_2_40)));
        assert_eq!((pointers(&LIST_3_0).len(), pointers(&LIST_2_40).len()), (92, 68));
    }

    #[test]
    fn each_interface_leads_to_a_list_of_its_version() {
        for (interface, expected) in INTERFACES.iter().zip([(3, 2), (3, 0), (2, 40)]) {
            // SAFETY: a list begins with its version.
            let version = unsafe { interface.raw.pFunctionList.cast::<CK_VERSION>().read() };
            assert_eq!((version.major, version.minor), expected);
            assert_eq!((interface.version.major, interface.version.minor), expected);
            assert_eq!(interface.raw.flags, 0);
        }
    }

    #[test]
    fn luna_s_functions_stand_in_their_places() {
        let list = pointers(&CA_LIST);
        assert_eq!(list.len(), 320);
        let nothing = ca_not_supported as NoFunction as usize;
        let here: Vec<usize> = (0..list.len()).filter(|&place| list[place] != nothing).collect();
        assert_eq!(here, [0, 1, 24, 26, 28, 30, 103, 139, 151, 152, 237, 240]);
        let place = |index: usize| size_of::<usize>() * (index + 1);
        assert_eq!(offset_of!(CaFunctionList, restart), place(24));
        assert_eq!(offset_of!(CaFunctionList, set_application_id), place(30));
        assert_eq!(offset_of!(CaFunctionList, get_ha_state), place(139));
        assert_eq!(offset_of!(CaFunctionList, get_object_handle), place(152));
        assert_eq!(offset_of!(CaFunctionList, get_firmware_version), place(240));
    }
}
