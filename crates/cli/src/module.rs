//! Where the PKCS#11 module is: what `HSMSIM_MODULE` says, else beside this command, else in the `lib`
//! beside its directory, as an installation has it.

use std::{env, path::PathBuf};

use crate::{context::variable, failure::Failure};

const MODULE_VARIABLE: &str = "HSMSIM_MODULE";
const FILE: &str = "libhsmsim_pkcs11.so";

/// The module's path.
///
/// # Errors
/// There is no module, or `HSMSIM_MODULE` names no file.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    if let Some(named) = variable(MODULE_VARIABLE).map(PathBuf::from) {
        if named.is_file() {
            return Ok(std::path::absolute(&named).unwrap_or(named));
        }
        let message = format!("{MODULE_VARIABLE} names {}, which is no file", named.display());
        return Err(Failure::new(message).hint("unset it, or set it to the module's path"));
    }
    let executable = env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|error| Failure::new(format!("this command cannot find itself: {error}")))?;
    let directory = executable.parent().unwrap_or(&executable).to_owned();
    let places = [directory.join(FILE), directory.join("../lib").join(FILE)];
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.canonicalize().unwrap_or_else(|_| found.clone()));
    }
    let message = format!("there is no {FILE} in {} or in ../lib", directory.display());
    Err(Failure::new(message).hint(format!(
        "build it with `cargo build --release -p hsmsim-pkcs11-module`, or set {MODULE_VARIABLE}"
    )))
}
