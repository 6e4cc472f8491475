//! General purpose functions (PKCS#11 3.1, 5.4).

use std::ptr;

use hsmsim_client::{Client, InitOptions};
use hsmsim_types::{
    Result,
    ck::{
        CK_FUNCTION_LIST, CK_INFO, CK_INTERFACE, CK_VERSION, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR,
    },
    error::fail,
};

use crate::{
    call, exit, fork, instance, list, log,
    raw::{InitArgs, InterfaceQuery, List, Place, text::padded},
};

/// C_Initialize.
pub(crate) fn initialize(args: &InitArgs) -> Result<()> {
    if exit::thread_locals_are_gone() {
        return fail(CKR_GENERAL_ERROR, "the process is ending");
    }
    log::start();
    call::keep_panics_off_stderr();
    fork::register_child_handler();
    let threads = args.read()?;
    instance::initialize(|| {
        Client::initialize(InitOptions { no_threads: threads.forbidden, ..InitOptions::default() })
    })
}

/// C_Finalize. `reserved`: whether the reserved pointer was anything but NULL.
pub(crate) fn finalize(reserved: bool) -> Result<()> {
    if reserved {
        return fail(CKR_ARGUMENTS_BAD, "pReserved is not NULL");
    }
    if exit::thread_locals_are_gone() {
        return instance::mark_shut_down();
    }
    instance::shut_down()
}

/// C_GetInfo. When a profile announces an older Cryptoki, it does so here and nowhere else.
pub(crate) fn info(client: &Client, place: &Place<CK_INFO>) -> Result<()> {
    let place = place.required()?;
    let info = client.info();
    place.put(CK_INFO {
        cryptokiVersion: version(info.cryptoki),
        manufacturerID: padded(info.manufacturer.as_bytes()),
        flags: 0,
        libraryDescription: padded(info.description.as_bytes()),
        libraryVersion: version(info.version),
    });
    Ok(())
}

/// CK_VERSION from its two numbers.
pub(super) fn version((major, minor): (u8, u8)) -> CK_VERSION {
    CK_VERSION { major, minor }
}

/// C_GetFunctionList.
pub(crate) fn function_list(place: &Place<*mut CK_FUNCTION_LIST>) -> Result<()> {
    place.required()?.put(ptr::from_ref(&list::LIST_2_40).cast_mut());
    Ok(())
}

/// C_GetInterfaceList.
pub(crate) fn interface_list(list: &List<CK_INTERFACE>) -> Result<()> {
    list.write(&list::INTERFACES.each_ref().map(|interface| interface.raw))
}

/// C_GetInterface: the first that fits; 3.2 if anything does.
pub(crate) fn interface(query: &InterfaceQuery, place: &Place<*mut CK_INTERFACE>) -> Result<()> {
    let place = place.required()?;
    let found = list::INTERFACES.iter().find(|interface| {
        query.accepts(list::INTERFACE_NAME, interface.version, interface.raw.flags)
    });
    // NULL, lest a caller that ignores the return value follows whatever stood there.
    let raw = found.map(|interface| ptr::from_ref(&interface.raw).cast_mut());
    place.put(raw.unwrap_or(ptr::null_mut()));
    if found.is_none() {
        return fail(CKR_ARGUMENTS_BAD, "no interface of that name, version and flags");
    }
    Ok(())
}
