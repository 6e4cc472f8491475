//! Asynchronous function management (PKCS#11 3.2, 5.22).

use hsmsim_types::{
    SessionHandle,
    ck::{CK_ASYNC_DATA, CK_BYTE, CK_SESSION_HANDLE, CK_ULONG, CK_UTF8CHAR},
};

use crate::fns::asynchronous;

c_functions! {
    /// Asks whether a function that was left pending is over, and what it came to.
    fn C_AsyncComplete(
        session: CK_SESSION_HANDLE,
        function: *mut CK_UTF8CHAR,
        result: *mut CK_ASYNC_DATA,
    ) on Session(session);
    let function = NameIn(function);
    let result = AsyncOut(result);
    => asynchronous::complete[SessionHandle(session), &function, &result]

    /// A number by which a pending function can be joined later.
    fn C_AsyncGetID(
        session: CK_SESSION_HANDLE,
        function: *mut CK_UTF8CHAR,
        id: *mut CK_ULONG,
    ) on Session(session);
    let function = NameIn(function);
    let id = Place(id);
    => asynchronous::id[SessionHandle(session), &function, &id]

    /// Takes up a pending function by its number.
    fn C_AsyncJoin(
        session: CK_SESSION_HANDLE,
        function: *mut CK_UTF8CHAR,
        id: CK_ULONG,
        data: *mut CK_BYTE,
        data_len: CK_ULONG,
    ) on Session(session);
    let function = NameIn(function);
    let room = Fill(data, data_len);
    => asynchronous::join[SessionHandle(session), &function, id, room]
}
