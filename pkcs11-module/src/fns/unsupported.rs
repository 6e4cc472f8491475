//! Functions that are in the lists and not yet behind them.

use hsmsim_client::Client;
use hsmsim_types::{
    Result,
    ck::{CKR_FUNCTION_NOT_PARALLEL, CKR_FUNCTION_NOT_SUPPORTED},
    error::fail,
};

/// Functions of Luna's list that are not here.
pub(crate) fn not_supported(_: &Client) -> Result<()> {
    fail(CKR_FUNCTION_NOT_SUPPORTED, "not supported")
}

/// C_GetFunctionStatus and C_CancelFunction: legacy, with one answer only (PKCS#11 3.1, 5.20).
pub(crate) fn not_parallel(_: &Client) -> Result<()> {
    fail(CKR_FUNCTION_NOT_PARALLEL, "functions do not run in parallel")
}
