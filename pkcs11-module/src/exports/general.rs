//! General purpose functions.

use std::ffi::c_void;

use hsmsim_types::ck::{
    CK_FLAGS, CK_FUNCTION_LIST, CK_INFO, CK_INTERFACE, CK_ULONG, CK_UTF8CHAR, CK_VERSION,
};

use crate::fns::general;

c_functions! {
    /// Begins to use the library, once in a process.
    fn C_Initialize(args: *mut c_void) outside;
    let args = InitArgs(args);
    => general::initialize[&args]

    /// Ends the use of the library.
    fn C_Finalize(reserved: *mut c_void) outside;
    => general::finalize[!reserved.is_null()]

    /// The functions of 2.40.
    fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) outside;
    let list = Place(list);
    => general::function_list[&list]

    /// All interfaces.
    fn C_GetInterfaceList(list: *mut CK_INTERFACE, count: *mut CK_ULONG) outside;
    let list = List(list, count);
    => general::interface_list[&list]

    /// One interface.
    fn C_GetInterface(
        name: *mut CK_UTF8CHAR,
        version: *mut CK_VERSION,
        interface: *mut *mut CK_INTERFACE,
        flags: CK_FLAGS,
    ) outside;
    let query = InterfaceQuery(name, version, flags);
    let interface = Place(interface);
    => general::interface[&query, &interface]
}

c_functions! {
    /// What the library is.
    fn C_GetInfo(info: *mut CK_INFO) on Library;
    let info = Place(info);
    => general::info[&info]
}
