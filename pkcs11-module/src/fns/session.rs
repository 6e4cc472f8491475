//! Session management (PKCS#11 3.1, 5.6).

use hsmsim_client::{CANCEL_FLAGS, Client, script::CalledOn};
use hsmsim_types::{
    Pin, Result, SessionHandle, SlotId,
    ck::{
        CK_FLAGS, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SESSION_VALIDATION_FLAGS_TYPE,
        CK_USER_TYPE, CKF_FIND_OBJECTS, CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED,
        CKR_USER_TYPE_INVALID, CKS_LAST_VALIDATION_OK,
    },
    error::fail,
    role::UserType,
};

use crate::raw::{Input, Place};

/// C_OpenSession. The notification callback is never called: nothing here calls back.
pub(crate) fn open(
    client: &Client,
    slot: SlotId,
    flags: CK_FLAGS,
    place: &Place<CK_SESSION_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let SessionHandle(session) = client.run(client.open_session(slot, flags))?;
    place.put(session);
    Ok(())
}

/// C_CloseSession.
pub(crate) fn close(client: &Client, session: SessionHandle) -> Result<()> {
    client.run(client.close_session(session))
}

/// C_CloseAllSessions.
pub(crate) fn close_all(client: &Client, slot: SlotId) -> Result<()> {
    client.run(client.close_all_sessions(slot))
}

/// C_GetSessionInfo.
pub(crate) fn info(
    client: &Client,
    session: SessionHandle,
    place: &Place<CK_SESSION_INFO>,
) -> Result<()> {
    let place = place.required()?;
    let (info, on) = (|| client.session_info(session), CalledOn::Session(session));
    let info = client.answer("C_GetSessionInfo", on, info)?;
    place.put(CK_SESSION_INFO {
        slotID: info.slot.0,
        state: info.state,
        flags: info.flags,
        ulDeviceError: info.device_error,
    });
    Ok(())
}

/// C_Login.
pub(crate) async fn login(
    client: &Client,
    session: SessionHandle,
    user: CK_USER_TYPE,
    pin: Result<Pin>,
) -> Result<()> {
    let Some(user) = UserType::from_cku(user) else {
        return fail(CKR_USER_TYPE_INVALID, format!("no user of type {user:#x}"));
    };
    client.login(session, user, pin?).await
}

/// C_LoginUser.
pub(crate) async fn login_user(
    client: &Client,
    session: SessionHandle,
    user: CK_USER_TYPE,
    pin: Result<Pin>,
    name: &Input,
) -> Result<()> {
    let name = String::from_utf8_lossy(name.bytes()?);
    let Some(user) = UserType::from_cku_and_name(user, &name) else {
        return fail(CKR_USER_TYPE_INVALID, format!("no user of type {user:#x} named {name:?}"));
    };
    client.login(session, user, pin?).await
}

/// C_Logout.
pub(crate) async fn logout(client: &Client, session: SessionHandle) -> Result<()> {
    client.logout(session).await
}

/// C_GetSessionValidationFlags: no validation holds for anything here, so no flag is ever set (PKCS#11
/// 3.2, 4.15).
pub(crate) fn validation_flags(
    client: &Client,
    session: SessionHandle,
    kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
    flags: &Place<CK_FLAGS>,
) -> Result<()> {
    client.session_info(session)?;
    let flags = flags.required()?;
    if kind != CKS_LAST_VALIDATION_OK {
        return fail(CKR_ARGUMENTS_BAD, format!("there are no validation flags of type {kind}"));
    }
    flags.put(0);
    Ok(())
}

/// C_SessionCancel: ends what is active or pending of the kinds named by `flags`; what is neither is no
/// error.
pub(crate) fn cancel(client: &Client, session: SessionHandle, flags: CK_FLAGS) -> Result<()> {
    client.session_info(session)?;
    if client.run(client.cancel_pending(session, flags))? {
        return Ok(());
    }
    for (flag, kind) in CANCEL_FLAGS {
        if flags & flag != 0 {
            unless_idle(client.run(client.operation_cancel(session, kind)))?;
        }
    }
    if flags & CKF_FIND_OBJECTS != 0 {
        unless_idle(client.find_final(session))?;
    }
    Ok(())
}

fn unless_idle(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.rv() == CKR_OPERATION_NOT_INITIALIZED => Ok(()),
        outcome => outcome,
    }
}
