//! The packages of `requirements.txt` and `package.json`.

use std::path::PathBuf;

use hsmsim_tests::registry;
pub(super) use hsmsim_tests::registry::shared;

use super::source;

/// Python, with its packages.
pub(crate) fn python() -> PathBuf {
    registry::python("python", source("requirements.txt").as_ref()).join("bin/python")
}

/// The folder of Node's modules.
pub(crate) fn node_modules() -> PathBuf {
    registry::node_modules("node", source("package.json").as_ref())
}
