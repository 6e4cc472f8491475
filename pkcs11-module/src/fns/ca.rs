//! Luna's extensions (Luna guide, "High Availability Group Status").

use std::ptr;

use hsmsim_client::{Client, extensions::Uid};
use hsmsim_types::{
    ObjectHandle, Result, ReturnValue, SlotId,
    ck::{CK_CHAR, CK_RV, CK_ULONG, CKR_ARGUMENTS_BAD},
    error::fail,
};

use crate::{
    list::{self, CaFunctionList},
    raw::{Place, UidIn, text::terminated},
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

/// The kind of element that PKCS#11 objects are: CK_CRYPTOKI_ELEMENT of Luna's header, as the public
/// Python binding has it.
const CRYPTOKI_ELEMENT: CK_ULONG = 0;

/// CA_GetObjectUID.
pub(crate) fn object_uid(
    client: &Client,
    slot: SlotId,
    kind: CK_ULONG,
    object: ObjectHandle,
    place: &Place<Uid>,
) -> Result<()> {
    let place = place.required()?;
    if kind != CRYPTOKI_ELEMENT {
        return fail(CKR_ARGUMENTS_BAD, "only objects of PKCS#11 are here, whose kind is 0");
    }
    place.put(client.run(client.object_uid(slot, object))?);
    Ok(())
}

/// CA_GetObjectHandle.
pub(crate) fn object_handle(
    client: &Client,
    slot: SlotId,
    uid: &UidIn,
    kind: &Place<CK_ULONG>,
    object: &Place<CK_ULONG>,
) -> Result<()> {
    let (kind, object) = (kind.required()?, object.required()?);
    let ObjectHandle(handle) = client.run(client.object_of_uid(slot, uid.read()?))?;
    kind.put(CRYPTOKI_ELEMENT);
    object.put(handle as CK_ULONG);
    Ok(())
}

/// CA_GetFirmwareVersion.
pub(crate) fn firmware(client: &Client, slot: SlotId, places: [&Place<CK_ULONG>; 3]) -> Result<()> {
    let [major, minor, subminor] = places;
    let places = [major.required()?, minor.required()?, subminor.required()?];
    for (place, number) in places.iter().zip(client.firmware(slot)?) {
        place.put(CK_ULONG::from(number));
    }
    Ok(())
}

/// CA_GetServerInstanceBySlotID.
pub(crate) fn server_instance(
    client: &Client,
    slot: SlotId,
    place: &Place<CK_ULONG>,
) -> Result<()> {
    let place = place.required()?;
    place.put(client.server_instance(slot)? as CK_ULONG);
    Ok(())
}

/// CA_Restart: what C_CloseAllSessions does, which takes the login along.
pub(crate) fn restart(client: &Client, slot: SlotId) -> Result<()> {
    client.run(client.close_all_sessions(slot))
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
