//! What is under test: the shared object and the command that cargo built.
//!
//! A test that loads yesterday's module proves nothing, so a file older than its sources is refused.
//! Which these are, cargo has written beside it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The root of the clone.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder tests/ is in the clone")
}

/// The folder of the module and the command: `target/debug`, or what `HSMSIM_TEST_TARGET` says.
///
/// # Panics
/// If either of them is missing or older than a source file.
pub fn target() -> &'static Path {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    TARGET.get_or_init(|| {
        let target = match env::var_os("HSMSIM_TEST_TARGET") {
            Some(target) => root().join(target),
            None => root().join("target/debug"),
        };
        for file in ["libhsmsim_pkcs11.so", "hsmsim"] {
            if let Err(why) = fresh(&target.join(file)) {
                panic!("{why}; run: cargo build -p hsmsim-pkcs11-module -p hsmsim-cli");
            }
        }
        target
    })
}

/// The module, in a file that is as new as its sources.
pub fn module_path() -> PathBuf {
    target().join("libhsmsim_pkcs11.so")
}

/// The command.
pub fn command_path() -> PathBuf {
    target().join("hsmsim")
}

/// Whether `built` is there and none of the sources that cargo lists beside it is newer.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn fresh(built: &Path) -> Result<(), String> {
    let changed = |file: &Path| {
        let changed = fs::metadata(file).and_then(|file| file.modified());
        changed.map_err(|error| format!("{}: {error}", file.display()))
    };
    let built_at = changed(built)?;
    let list = built.with_extension("d");
    let list = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    for source in sources(&list) {
        let changed_at = changed(&source)?;
        if changed_at > built_at {
            let age = changed_at.duration_since(built_at).unwrap_or_default().as_secs();
            let (built, source) = (built.display(), source.display());
            return Err(format!("{built} is {age} s older than {source}"));
        }
    }
    Ok(())
}

/// The sources in a list as `make` reads them: `built: one two`, blanks in names escaped.
fn sources(list: &str) -> Vec<PathBuf> {
    let names = list.split_once(": ").map_or("", |(_, names)| names).trim_end();
    let unescaped = names.replace("\\ ", "\0");
    unescaped
        .split(' ')
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(name.replace('\0', " ")))
        .collect()
}
