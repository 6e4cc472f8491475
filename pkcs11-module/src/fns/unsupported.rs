//! Functions that are in the lists and not yet behind them.

use hsmsim_client::Client;
use hsmsim_types::{
    Result,
    ck::{CKR_FUNCTION_NOT_PARALLEL, CKR_FUNCTION_NOT_SUPPORTED},
    error::fail,
};

/// Message-based, dual and recovering operations, operation state, encapsulation, asynchronous
/// calls and the other functions of 3.x that nothing here implements.
pub(crate) fn not_supported(_: &Client) -> Result<()> {
    fail(CKR_FUNCTION_NOT_SUPPORTED, "not supported")
}

/// C_GetFunctionStatus and C_CancelFunction: legacy, with one answer only (PKCS#11 3.1, 5.20).
pub(crate) fn not_parallel(_: &Client) -> Result<()> {
    fail(CKR_FUNCTION_NOT_PARALLEL, "functions do not run in parallel")
}
