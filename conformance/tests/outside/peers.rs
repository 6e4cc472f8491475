//! Peers that no system has: packages of PyPI, installed once under `target/clients`. An OpenSSL that
//! knows the post-quantum algorithms and BLAKE2b of every length, and an HSS that signs.

use std::{fs, path::PathBuf};

use hsmsim_conformance::openssl;
use hsmsim_tests::{Sandbox, build, registry};

use super::token;

/// The folder of Python's environment.
fn environment() -> PathBuf {
    let list = build::root().join("conformance/tests/outside/requirements.txt");
    registry::python("peers", &list)
}

/// Python, with the packages.
pub(crate) fn python() -> PathBuf {
    environment().join("bin/python")
}

/// A token in memory; the packages are there.
pub(crate) fn sandbox() -> Sandbox {
    environment();
    token::sandbox()
}

/// Puts OpenSSL 3.5 in the place of the system's, for the rest of this process.
pub(crate) fn bring_openssl() {
    let entries = |folder: PathBuf| {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        entries.map(|entry| entry.expect("an entry").path())
    };
    let libraries = entries(environment().join("lib"))
        .map(|python| python.join("site-packages/psycopg_binary.libs"))
        .find(|folder| folder.is_dir())
        .expect("the libraries of psycopg-binary");
    let named = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libcrypto-"))
    };
    let libcrypto = entries(libraries).find(named).expect("a libcrypto");
    assert!(openssl::bring(&libcrypto), "{} as the only libcrypto", libcrypto.display());
}
