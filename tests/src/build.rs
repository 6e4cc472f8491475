//! What is under test: the shared object and the command that cargo built.
//!
//! A test that loads yesterday's module proves nothing, so a file older than its sources is refused.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::SystemTime,
};

/// The folders whose files end up in the module and the command.
const SOURCES: [&str; 3] = ["crates", "sim-config", "pkcs11-module"];

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
            let sources: Vec<PathBuf> = SOURCES.iter().map(|folder| root().join(folder)).collect();
            if let Err(why) = fresh(&target.join(file), &sources) {
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

/// Whether `built` is there and no source below `folders` is newer.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn fresh(built: &Path, folders: &[PathBuf]) -> Result<(), String> {
    let built_at = fs::metadata(built)
        .and_then(|file| file.modified())
        .map_err(|error| format!("{}: {error}", built.display()))?;
    for folder in folders {
        let newest = newest_source(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        if let Some((changed_at, source)) = newest.filter(|(at, _)| *at > built_at) {
            let age = changed_at.duration_since(built_at).unwrap_or_default().as_secs();
            let (built, source) = (built.display(), source.display());
            return Err(format!("{built} is {age} s older than {source}"));
        }
    }
    Ok(())
}

/// The newest file that a build of the folder reads. Its tests, examples and benches are not among
/// them.
fn newest_source(folder: &Path) -> io::Result<Option<(SystemTime, PathBuf)>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let found = if entry?.is_dir() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if ["tests", "examples", "benches", "target"].contains(&name) {
                continue;
            }
            newest_source(&path)?
        } else if path.extension().is_some_and(|e| ["rs", "toml"].iter().any(|known| e == *known)) {
            Some((fs::metadata(&path)?.modified()?, path))
        } else {
            None
        };
        newest = newest.max(found);
    }
    Ok(newest)
}
