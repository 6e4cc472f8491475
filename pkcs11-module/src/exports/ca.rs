//! Luna's extensions.

use std::ffi::c_void;

use hsmsim_client::extensions::Uid;
use hsmsim_types::{
    ObjectHandle, SlotId,
    ck::{CK_FLAGS, CK_RV, CK_SLOT_ID, CK_ULONG},
};

use crate::{
    call::{self, Subject},
    fns::{ca, ca::HaStateOut, unsupported},
    list::CaFunctionList,
};

c_functions! {
    /// Luna's function list.
    fn CA_GetFunctionList(list: *mut *const CaFunctionList) outside;
    let list = Place(list);
    => ca::function_list[&list]
}

c_functions! {
    /// The members of an HA group and their states.
    fn CA_GetHAState(slot: CK_SLOT_ID, state: *mut HaStateOut) on Slot(slot);
    let state = Place(state);
    => ca::ha_state[SlotId(slot), &state]

    /// The members of an HA group and their states, in newer clients.
    fn CA_GetCurrentHAState(slot: CK_SLOT_ID, state: *mut HaStateOut) on Slot(slot);
    let state = Place(state);
    => ca::ha_state[SlotId(slot), &state]

    /// The identity of an object. A partition has one container here, whatever its number.
    fn CA_GetObjectUID(
        slot: CK_SLOT_ID,
        _container: CK_ULONG,
        kind: CK_ULONG,
        object: CK_ULONG,
        uid: *mut Uid,
    ) on Slot(slot);
    let uid = Place(uid);
    => ca::object_uid[SlotId(slot), kind, ObjectHandle(object), &uid]

    /// The object that has an identity.
    fn CA_GetObjectHandle(
        slot: CK_SLOT_ID,
        _container: CK_ULONG,
        uid: *const Uid,
        kind: *mut CK_ULONG,
        object: *mut CK_ULONG,
    ) on Slot(slot);
    let uid = UidIn(uid);
    let kind = Place(kind);
    let object = Place(object);
    => ca::object_handle[SlotId(slot), &uid, &kind, &object]

    /// The firmware's version in full.
    fn CA_GetFirmwareVersion(
        slot: CK_SLOT_ID,
        major: *mut CK_ULONG,
        minor: *mut CK_ULONG,
        subminor: *mut CK_ULONG,
    ) on Slot(slot);
    let major = Place(major);
    let minor = Place(minor);
    let subminor = Place(subminor);
    => ca::firmware[SlotId(slot), [&major, &minor, &subminor]]

    /// The server entry behind a member's slot.
    fn CA_GetServerInstanceBySlotID(slot: CK_SLOT_ID, instance: *mut CK_ULONG) on Slot(slot);
    let instance = Place(instance);
    => ca::server_instance[SlotId(slot), &instance]

    /// Ends every session of the application with a slot, and its login.
    fn CA_Restart(slot: CK_SLOT_ID) on Slot(slot);
    => ca::restart[SlotId(slot)]

    /// Sets the ID that logins are shared by. Here a login is its process's own.
    fn CA_SetApplicationID(_major: CK_ULONG, _minor: CK_ULONG) on Library;
    => unsupported::not_supported

    /// Keeps an ID's login alive without a session.
    fn CA_OpenApplicationID(
        slot: CK_SLOT_ID,
        _major: CK_ULONG,
        _minor: CK_ULONG,
    ) on Slot(slot);
    => unsupported::not_supported

    /// Ends what CA_OpenApplicationID began.
    fn CA_CloseApplicationID(
        slot: CK_SLOT_ID,
        _major: CK_ULONG,
        _minor: CK_ULONG,
    ) on Slot(slot);
    => unsupported::not_supported

    /// What the three numbers of a token's status mean is not published.
    fn CA_GetTokenStatus(
        slot: CK_SLOT_ID,
        _first: *mut CK_ULONG,
        _second: *mut CK_ULONG,
        _third: *mut CK_ULONG,
    ) on Slot(slot);
    => unsupported::not_supported

    /// What the two numbers of history mean is not published.
    fn CA_WaitForSlotEvent(
        _flags: CK_FLAGS,
        _history: *mut CK_ULONG,
        _slot: *mut CK_SLOT_ID,
        _reserved: *mut c_void,
    ) on Library;
    => unsupported::not_supported
}

/// Stands in the list for every function that is not here. The C calling convention lets a function
/// ignore arguments it does not know of.
pub(crate) unsafe extern "C" fn ca_not_supported() -> CK_RV {
    call::inside("CA_", Subject::Library, |entered| unsupported::not_supported(entered.client()))
}
