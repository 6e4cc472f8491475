//! The record of calls that drills are judged by: kept by the client, fed from here.
//!
//! While nobody records, a call is counted and no time is taken for it.

use std::time::Instant;

use hsmsim_client::Client;
use hsmsim_types::ck::CK_RV;

use crate::call::Subject;

/// Whether calls are being recorded, and so have to be timed.
pub(crate) fn times_calls(client: &Client) -> bool {
    client.is_recording()
}

/// Hands one finished call to the client. A call without a session is recorded with session 0.
pub(crate) fn call(
    client: &Client,
    function: &'static str,
    subject: Subject,
    rv: CK_RV,
    started: Option<Instant>,
) {
    let session = if let Subject::Session(session) = subject { session } else { 0 };
    client.record_call(function, session, rv, started.map(|started| started.elapsed()));
}
