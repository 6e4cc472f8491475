//! Slots, tokens and sessions.

use std::ffi::c_void;

use hsmsim_types::{
    SessionHandle, SlotId,
    ck::{
        CK_BBOOL, CK_FLAGS, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_NOTIFY, CK_SESSION_HANDLE,
        CK_SESSION_INFO, CK_SESSION_VALIDATION_FLAGS_TYPE, CK_SLOT_ID, CK_SLOT_INFO, CK_TOKEN_INFO,
        CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR,
    },
};

use crate::fns::{session as sessions, slot as slots};

session_functions! {
    /// Sets the user's PIN, as SO.
    fn C_InitPIN(
        session: CK_SESSION_HANDLE,
        pin: *mut CK_UTF8CHAR,
        pin_len: CK_ULONG,
    );
    read pin = PinIn(pin, pin_len).pin();
    => slots::init_pin[SessionHandle(session), pin]

    /// Changes the PIN of who is logged in.
    fn C_SetPIN(
        session: CK_SESSION_HANDLE,
        old: *mut CK_UTF8CHAR,
        old_len: CK_ULONG,
        new: *mut CK_UTF8CHAR,
        new_len: CK_ULONG,
    );
    read old = PinIn(old, old_len).pin();
    read new = PinIn(new, new_len).pin();
    => slots::set_pin[SessionHandle(session), old, new]

    /// Logs in to a token.
    fn C_Login(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        pin_len: CK_ULONG,
    );
    read pin = PinIn(pin, pin_len).pin();
    => sessions::login[SessionHandle(session), user, pin]

    /// Logs in to a token as a user that has a name.
    fn C_LoginUser(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        pin_len: CK_ULONG,
        name: *mut CK_UTF8CHAR,
        name_len: CK_ULONG,
    );
    let name = Input(name, name_len);
    read pin = PinIn(pin, pin_len).pin();
    => sessions::login_user[SessionHandle(session), user, pin, &name]

    /// Logs out from a token.
    fn C_Logout(session: CK_SESSION_HANDLE);
    => sessions::logout[SessionHandle(session)]
}

c_functions! {
    /// The slots.
    fn C_GetSlotList(present: CK_BBOOL, list: *mut CK_SLOT_ID, count: *mut CK_ULONG) on Library;
    let list = List(list, count);
    => slots::list[present, &list]

    /// What a slot is.
    fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) on Slot(slot);
    let info = Place(info);
    => slots::info[SlotId(slot), &info]

    /// What the token in a slot is.
    fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) on Slot(slot);
    let info = Place(info);
    => slots::token_info[SlotId(slot), &info]

    /// Waits for a token to come or go.
    fn C_WaitForSlotEvent(
        flags: CK_FLAGS,
        slot: *mut CK_SLOT_ID,
        reserved: *mut c_void,
    ) on Library;
    let slot = Place(slot);
    => slots::wait_for_event[flags, &slot, !reserved.is_null()]

    /// The mechanisms of a token.
    fn C_GetMechanismList(
        slot: CK_SLOT_ID,
        list: *mut CK_MECHANISM_TYPE,
        count: *mut CK_ULONG,
    ) on Slot(slot);
    let list = List(list, count);
    => slots::mechanisms[SlotId(slot), &list]

    /// What a mechanism can do.
    fn C_GetMechanismInfo(
        slot: CK_SLOT_ID,
        kind: CK_MECHANISM_TYPE,
        info: *mut CK_MECHANISM_INFO,
    ) on Slot(slot);
    let info = Place(info);
    => slots::mechanism_info[SlotId(slot), kind, &info]

    /// Initialises a token, which erases it.
    fn C_InitToken(
        slot: CK_SLOT_ID,
        pin: *mut CK_UTF8CHAR,
        pin_len: CK_ULONG,
        label: *mut CK_UTF8CHAR,
    ) on Slot(slot);
    let pin = PinIn(pin, pin_len);
    let label = Label(label);
    => slots::init_token[SlotId(slot), &pin, &label]

    /// Opens a session.
    fn C_OpenSession(
        slot: CK_SLOT_ID,
        flags: CK_FLAGS,
        _application: *mut c_void,
        _notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE,
    ) on Slot(slot);
    let session = Place(session);
    => sessions::open[SlotId(slot), flags, &session]

    /// Closes a session.
    fn C_CloseSession(session: CK_SESSION_HANDLE) on Session(session);
    => sessions::close[SessionHandle(session)]

    /// Closes all sessions with a token.
    fn C_CloseAllSessions(slot: CK_SLOT_ID) on Slot(slot);
    => sessions::close_all[SlotId(slot)]

    /// What a session is.
    fn C_GetSessionInfo(
        session: CK_SESSION_HANDLE,
        info: *mut CK_SESSION_INFO,
    ) on Session(session);
    let info = Place(info);
    => sessions::info[SessionHandle(session), &info]

    /// What validations say of the session's last operation.
    fn C_GetSessionValidationFlags(
        session: CK_SESSION_HANDLE,
        kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
        flags: *mut CK_FLAGS,
    ) on Session(session);
    let flags = Place(flags);
    => sessions::validation_flags[SessionHandle(session), kind, &flags]

    /// Ends active operations.
    fn C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) on Session(session);
    => sessions::cancel[SessionHandle(session), flags]
}
