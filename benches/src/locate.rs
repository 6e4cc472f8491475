//! Where hsmsim's own module lies, and whether it was built from the sources as they are now.
//!
//! A table about a module of yesterday misleads, so a stale one is refused. Cargo writes beside the
//! shared object a file of the form `object: source source …` that names all of its sources.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

const FILE: &str = "libhsmsim_pkcs11.so";

/// The module beside this program in the target directory.
///
/// # Errors
/// A sentence that says what is missing or stale, and what to do.
pub fn fresh_module() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let module = directory(&program).join(FILE);
    if !module.exists() {
        return Err(format!("{} is not built: run `make build`", module.display()));
    }
    match newer_source(&module)? {
        None => Ok(module),
        Some(source) => Err(format!(
            "{} is older than {}: build it (`make build`), or name a module with --hsmsim",
            module.display(),
            source.display()
        )),
    }
}

/// target/release of target/release/deps/compare-0123456789abcdef, target/debug of target/debug/program.
fn directory(program: &Path) -> &Path {
    let directory = program.parent().unwrap_or(Path::new("."));
    match directory.parent() {
        Some(above) if directory.ends_with("deps") => above,
        _ => directory,
    }
}

fn newer_source(module: &Path) -> Result<Option<PathBuf>, String> {
    let list = module.with_extension("d");
    let text = std::fs::read_to_string(&list)
        .map_err(|error| format!("{}: {error}; run `make build`", list.display()))?;
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let built = time(module).map_err(|error| format!("{}: {error}", module.display()))?;
    // A source that is gone counts as changed.
    let is_newer = |source: &PathBuf| time(source).map_or(true, |changed| changed > built);
    Ok(sources(&text).into_iter().find(is_newer))
}

/// The paths after the colon of the first line; in them, a blank is written `\ `.
fn sources(text: &str) -> Vec<PathBuf> {
    let line = text.lines().next().unwrap_or_default();
    let (_, list) = line.split_once(": ").unwrap_or_default();
    let list = list.replace("\\ ", "\0");
    list.split_whitespace().map(|path| path.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_from_cargos_list() {
        let text = "/t/libx.so: /s/a.rs /my\\ s/b.rs\n\n/s/c.rs:\n";
        assert_eq!(sources(text), [PathBuf::from("/s/a.rs"), PathBuf::from("/my s/b.rs")]);
    }

    #[test]
    fn a_benchmark_and_a_program_lie_in_one_directory() {
        for program in ["/t/debug/deps/compare-0123", "/t/debug/hsmsim-instructions"] {
            assert_eq!(directory(Path::new(program)), Path::new("/t/debug"), "{program}");
        }
    }

    #[test]
    fn a_module_older_than_a_source_is_found_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let [module, source] = ["libx.so", "a.rs"].map(|name| directory.path().join(name));
        let list = format!("{}: {}\n", module.display(), source.display());
        std::fs::write(module.with_extension("d"), list).expect("the list");
        let old = std::time::SystemTime::UNIX_EPOCH;
        let written = |path: &Path| std::fs::File::create(path).expect("a file");
        written(&source).set_modified(old).expect("a time");
        written(&module);
        assert_eq!(newer_source(&module), Ok(None));
        written(&source);
        written(&module).set_modified(old).expect("a time");
        assert_eq!(newer_source(&module), Ok(Some(source.clone())));
        std::fs::remove_file(&source).expect("gone");
        assert_eq!(newer_source(&module), Ok(Some(source)));
    }
}
