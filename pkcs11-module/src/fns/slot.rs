//! Slot and token management (PKCS#11 3.1, 5.5).

use hsmsim_client::{Client, script::CalledOn};
use hsmsim_types::{
    Pin, Result, SessionHandle, SlotId,
    ck::{
        CK_BBOOL, CK_FALSE, CK_FLAGS, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_SLOT_ID,
        CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG, CK_UNAVAILABLE_INFORMATION, CKF_DONT_BLOCK,
        CKR_ARGUMENTS_BAD,
    },
    error::fail,
};

use super::general::version;
use crate::raw::{Label, List, PinIn, Place, text::padded};

/// C_GetSlotList.
pub(crate) fn list(client: &Client, present: CK_BBOOL, list: &List<CK_SLOT_ID>) -> Result<()> {
    list.required()?;
    let slots: Vec<_> =
        client.slots(present != CK_FALSE).into_iter().map(|SlotId(slot)| slot).collect();
    list.write(&slots)
}

/// C_GetSlotInfo.
pub(crate) fn info(client: &Client, slot: SlotId, place: &Place<CK_SLOT_INFO>) -> Result<()> {
    let place = place.required()?;
    let (info, on) = (|| client.slot_info(slot), CalledOn::Slot(slot));
    let info = client.answer("C_GetSlotInfo", on, info)?;
    place.put(CK_SLOT_INFO {
        slotDescription: padded(info.description.as_bytes()),
        manufacturerID: padded(info.manufacturer.as_bytes()),
        flags: info.flags,
        hardwareVersion: version(info.hardware),
        firmwareVersion: version(info.firmware),
    });
    Ok(())
}

/// C_GetTokenInfo.
pub(crate) fn token_info(
    client: &Client,
    slot: SlotId,
    place: &Place<CK_TOKEN_INFO>,
) -> Result<()> {
    let place = place.required()?;
    let info = client.run(client.token_info(slot))?;
    let known = |number: Option<u64>| number.unwrap_or(CK_UNAVAILABLE_INFORMATION) as CK_ULONG;
    place.put(CK_TOKEN_INFO {
        label: padded(&info.label),
        manufacturerID: padded(info.manufacturer.as_bytes()),
        model: padded(info.model.as_bytes()),
        serialNumber: padded(info.serial.as_bytes()),
        flags: info.flags,
        // No limit is 0, which is the standard's CK_EFFECTIVELY_INFINITE.
        ulMaxSessionCount: info.max_sessions,
        ulSessionCount: info.sessions,
        ulMaxRwSessionCount: info.max_sessions,
        ulRwSessionCount: info.rw_sessions,
        ulMaxPinLen: info.pin_max,
        ulMinPinLen: info.pin_min,
        ulTotalPublicMemory: known(info.public_memory.0),
        ulFreePublicMemory: known(info.public_memory.1),
        ulTotalPrivateMemory: known(info.private_memory.0),
        ulFreePrivateMemory: known(info.private_memory.1),
        hardwareVersion: version(info.hardware),
        firmwareVersion: version(info.firmware),
        utcTime: info.utc_time,
    });
    Ok(())
}

/// C_WaitForSlotEvent.
pub(crate) fn wait_for_event(
    client: &Client,
    flags: CK_FLAGS,
    place: &Place<CK_SLOT_ID>,
    reserved: bool,
) -> Result<()> {
    let place = place.required()?;
    if reserved {
        return fail(CKR_ARGUMENTS_BAD, "pReserved is not NULL");
    }
    let SlotId(slot) = match flags & CKF_DONT_BLOCK {
        0 => client.run(async { Ok(client.next_slot_event().await) })?,
        _ => client.run(client.slot_event())?,
    };
    place.put(slot);
    Ok(())
}

/// C_GetMechanismList.
pub(crate) fn mechanisms(
    client: &Client,
    slot: SlotId,
    list: &List<CK_MECHANISM_TYPE>,
) -> Result<()> {
    list.required()?;
    list.write(&client.mechanisms(slot)?)
}

/// C_GetMechanismInfo.
pub(crate) fn mechanism_info(
    client: &Client,
    slot: SlotId,
    kind: CK_MECHANISM_TYPE,
    place: &Place<CK_MECHANISM_INFO>,
) -> Result<()> {
    let place = place.required()?;
    let info = client.mechanism_info(slot, kind)?;
    place.put(CK_MECHANISM_INFO {
        ulMinKeySize: info.min,
        ulMaxKeySize: info.max,
        flags: info.flags,
    });
    Ok(())
}

/// C_InitToken.
pub(crate) fn init_token(client: &Client, slot: SlotId, pin: &PinIn, label: &Label) -> Result<()> {
    let (pin, label) = (pin.pin()?, label.trimmed()?);
    client.run(client.init_token(slot, pin, label))
}

/// C_InitPIN.
pub(crate) async fn init_pin(
    client: &Client,
    session: SessionHandle,
    pin: Result<Pin>,
) -> Result<()> {
    client.init_pin(session, pin?).await
}

/// C_SetPIN.
pub(crate) async fn set_pin(
    client: &Client,
    session: SessionHandle,
    old: Result<Pin>,
    new: Result<Pin>,
) -> Result<()> {
    client.set_pin(session, old?, new?).await
}
