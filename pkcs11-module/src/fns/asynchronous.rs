//! Calls that are left pending, and what becomes of them (PKCS#11 3.2, 5.22).
//!
//! Left pending are the functions of `session_functions!`: those whose whole answer is a return value, a buffer
//! and at most two handles, which is what CK_ASYNC_DATA holds, or the parameter of a message. All others are waited
//! for, which the standard leaves to the token (5.6.1): they answer from this library's own knowledge, or their
//! answers have other places (C_GetAttributeValue, C_GetObjectSize, C_GetOperationState, C_FindObjects,
//! derivations that write into their parameter).

use std::any::Any;

use hsmsim_client::{
    Client,
    pending::{Begun, Completed, Finished, Joined, Terms, Work},
};
use hsmsim_types::{
    Result, SessionHandle,
    ck::{
        CK_ULONG, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_FUNCTION_NOT_SUPPORTED, CKR_PENDING,
    },
    error::fail,
};

use crate::raw::{Answer, AsyncOut, Fill, NameIn, Place};

/// The function that records what it asks for.
pub(crate) const COMPLETE: &str = "C_AsyncComplete";

fn pending<T>() -> Result<T> {
    fail(CKR_PENDING, "under way: C_AsyncComplete tells what it comes to")
}

/// What was gathered for the caller; nothing after a panic.
fn answer(finished: &mut Finished) -> Answer {
    let answer = finished.answer.take().and_then(|answer| answer.downcast::<Answer>().ok());
    answer.map_or_else(Answer::default, |answer| *answer)
}

/// Any function on an asynchronous session that may be left pending.
pub(crate) fn begin(
    client: &Client,
    session: SessionHandle,
    function: &'static str,
    terms: Terms,
    work: Work,
) -> Result<()> {
    let Begun::Finished(mut finished) = client.begin(session, function, terms, work)? else {
        return pending();
    };
    // A length is told also to one whose buffer is too small.
    let given = answer(&mut finished).give();
    finished.result.and(given)
}

/// Refuses what belongs to sessions that the profile has not.
fn supported(client: &Client) -> Result<()> {
    if client.has_asynchronous_sessions() {
        return Ok(());
    }
    fail(CKR_FUNCTION_NOT_SUPPORTED, "there are no asynchronous sessions")
}

/// C_AsyncComplete.
pub(crate) fn complete(
    client: &Client,
    session: SessionHandle,
    function: &NameIn,
    place: &AsyncOut,
) -> Result<()> {
    supported(client)?;
    client.session_info(session)?;
    let (function, there) = (function.read()?, place.is_there()?);
    let accepts = |finished: &Finished| {
        let answer = finished.answer.as_ref().and_then(|answer| answer.downcast_ref::<Answer>());
        if finished.result.is_ok() && !there && answer.is_some_and(Answer::has_results) {
            return fail(CKR_ARGUMENTS_BAD, "the place for the result is NULL");
        }
        Ok(())
    };
    let Some(completed) = client.complete(session, &function, accepts)? else {
        return pending();
    };
    let Completed { mut finished, joined } = completed;
    let mut answer = answer(&mut finished);
    if let Some(room) = joined.and_then(|joined| joined.downcast::<Fill>().ok()) {
        answer.redirect(&room);
    }
    match &finished.result {
        Ok(()) => place.put(answer.complete(&finished.objects)?),
        Err(error) if error.rv() == CKR_BUFFER_TOO_SMALL => place.put(answer.complete(&[])?),
        Err(_) => place.put_address(answer.address()),
    }
    finished.result
}

/// C_AsyncGetID.
pub(crate) fn id(
    client: &Client,
    session: SessionHandle,
    function: &NameIn,
    place: &Place<CK_ULONG>,
) -> Result<()> {
    supported(client)?;
    client.session_info(session)?;
    let (function, place) = (function.read()?, place.required()?);
    place.put(client.save_pending(session, &function)?);
    Ok(())
}

/// C_AsyncJoin. The buffer is looked at only if the function has output.
pub(crate) fn join(
    client: &Client,
    session: SessionHandle,
    function: &NameIn,
    id: CK_ULONG,
    room: Fill,
) -> Result<()> {
    supported(client)?;
    client.session_info(session)?;
    let function = function.read()?;
    let len = if room.is_null() { None } else { room.len().ok() };
    let measure = |answer: &dyn Any| answer.downcast_ref::<Answer>().map_or(0, Answer::len);
    let joined = Joined { room: len, place: Box::new(room) };
    client.join_pending(session, &function, id, joined, measure)
}
