//! Luna's extensions.

use hsmsim_types::{
    SlotId,
    ck::{CK_RV, CK_SLOT_ID},
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
}

/// Stands in the list for every function that is not here. The C calling convention lets a function
/// ignore arguments it does not know of.
pub(crate) unsafe extern "C" fn ca_not_supported() -> CK_RV {
    call::inside("CA_", Subject::Library, unsupported::not_supported)
}
