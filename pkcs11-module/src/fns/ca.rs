//! Luna's extensions (Luna guide, "High Availability Group Status").

use std::ptr;

use hsmsim_client::Client;
use hsmsim_types::{
    Result, ReturnValue, SlotId,
    ck::{CK_CHAR, CK_RV, CK_ULONG},
};

use crate::{
    list::{self, CaFunctionList},
    raw::{Place, text::terminated},
};

/// Bytes of a serial number in CK_HA_STATE: the standard's 16 and four more, as in the header of
/// the vendor's OpenSSL engine.
const SERIAL_LEN: usize = 20;

/// CK_HA_MAX_MEMBERS.
const MEMBERS_MAX: usize = 32;

/// A member in CK_HA_STATE.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct HaMemberOut {
    serial: [CK_CHAR; SERIAL_LEN],
    status: CK_RV,
}

/// CK_HA_STATE.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct HaStateOut {
    group_serial: [CK_CHAR; SERIAL_LEN],
    members: [HaMemberOut; MEMBERS_MAX],
    members_len: CK_ULONG,
}

/// CA_GetFunctionList.
pub(crate) fn function_list(place: &Place<*const CaFunctionList>) -> Result<()> {
    place.required()?.put(ptr::from_ref(&list::CA_LIST));
    Ok(())
}

/// CA_GetHAState and CA_GetCurrentHAState: they differ in how Luna's client asks the members, not
/// in what they say.
pub(crate) fn ha_state(client: &Client, slot: SlotId, place: &Place<HaStateOut>) -> Result<()> {
    let place = place.required()?;
    let state = client.run(client.ha_state(slot))?;
    let mut members = [HaMemberOut { serial: [0; SERIAL_LEN], status: 0 }; MEMBERS_MAX];
    let members_len = members.len().min(state.members.len());
    for (member, (serial, ReturnValue(status))) in members.iter_mut().zip(&state.members) {
        *member = HaMemberOut { serial: terminated(serial), status: *status };
    }
    place.put(HaStateOut {
        group_serial: terminated(&state.group_serial),
        members,
        members_len: members_len as CK_ULONG,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_layout_is_that_of_the_vendors_header() {
        assert_eq!(size_of::<HaMemberOut>(), 32);
        assert_eq!(offset_of!(HaStateOut, members), 24);
        assert_eq!(offset_of!(HaStateOut, members_len), 24 + 32 * 32);
    }
}
