//! Where the module is, and whether it is as new as its sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::Error;

/// The environment variable that names the module.
pub(crate) const MODULE_VARIABLE: &str = "HSMSIM_MODULE";

const MODULE: &str = "libhsmsim_pkcs11.so";
const BUILD: &str = "cargo build -p hsmsim-pkcs11-module";

/// The module: `HSMSIM_MODULE`, else in cargo's target folder that the test program came from.
///
/// # Errors
/// There is none, or it is older than its sources; the message says how to build it.
pub(crate) fn find() -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os(MODULE_VARIABLE).filter(|name| !name.is_empty()) {
        let named = PathBuf::from(named);
        return fs::canonicalize(&named).map_err(|error| {
            Error::new(format!("{MODULE_VARIABLE} names {}: {error}", named.display()))
        });
    }
    let program = env::current_exe()?;
    let found = find_from(&program).ok_or_else(|| {
        Error::new(format!(
            "{MODULE} is not in the target folder of {}: build it with `{BUILD}`, or name it in \
             {MODULE_VARIABLE}",
            program.display()
        ))
    })?;
    fresh(&found).map_err(|why| Error::new(format!("{why}: build it with `{BUILD}`")))?;
    Ok(found)
}

/// Looks in `target/debug` when the program is `target/debug/deps/test-0123` or
/// `target/debug/examples/app`, then in the other profile's folder beside it.
fn find_from(program: &Path) -> Option<PathBuf> {
    let own = program.ancestors().skip(1).take(3).map(|folder| folder.join(MODULE));
    let others =
        program.ancestors().skip(1).take(4).flat_map(|folder| {
            ["debug", "release"].map(|profile| folder.join(profile).join(MODULE))
        });
    own.chain(others).find(|path| path.is_file())
}

/// Whether none of the sources that cargo lists beside the module is newer: a test against
/// yesterday's module proves nothing. A module without a list was not built here and is taken as
/// it is; a source that is gone is no news of its own.
fn fresh(module: &Path) -> Result<(), String> {
    let Ok(list) = fs::read_to_string(module.with_extension("d")) else { return Ok(()) };
    let changed = |file: &Path| fs::metadata(file).and_then(|file| file.modified());
    let built_at = changed(module).map_err(|error| format!("{}: {error}", module.display()))?;
    for source in sources(&list) {
        if changed(&source).is_ok_and(|changed_at| changed_at > built_at) {
            return Err(format!("{} is older than {}", module.display(), source.display()));
        }
    }
    Ok(())
}

/// The sources in a list as `make` reads them: `built: one two`, blanks in names escaped.
fn sources(list: &str) -> Vec<PathBuf> {
    let names = list.split_once(": ").map_or("", |(_, names)| names).trim_end();
    let unescaped = names.replace("\\ ", "\0");
    let names = unescaped.split(' ').filter(|name| !name.is_empty());
    names.map(|name| PathBuf::from(name.replace('\0', " "))).collect()
}

/// Whether this process has loaded the module.
pub(crate) fn is_loaded_here(module: &Path) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let module = module.to_string_lossy();
    maps.lines().any(|line| line.ends_with(&*module))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        time::{Duration, SystemTime},
    };

    use super::*;

    fn place(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(&path).unwrap();
        path
    }

    #[test]
    fn the_module_of_the_program_s_own_profile_comes_first() {
        let target = tempfile::tempdir().unwrap();
        let debug = place(target.path(), "debug/libhsmsim_pkcs11.so");
        let release = place(target.path(), "release/libhsmsim_pkcs11.so");
        let of = |program: &str| find_from(&target.path().join(program));
        assert_eq!(of("debug/deps/suite-0123").as_ref(), Some(&debug));
        assert_eq!(of("debug/examples/app").as_ref(), Some(&debug));
        assert_eq!(of("release/deps/suite-0123").as_ref(), Some(&release));
        fs::remove_file(&debug).unwrap();
        assert_eq!(of("debug/deps/suite-0123").as_ref(), Some(&release));
        fs::remove_file(&release).unwrap();
        assert_eq!(of("debug/deps/suite-0123"), None);
    }

    #[test]
    fn a_module_older_than_a_source_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let module = place(folder.path(), "libhsmsim_pkcs11.so");
        let source = place(folder.path(), "with blank/lib.rs");
        let name = source.to_str().unwrap().replace(' ', "\\ ");
        let list = format!("{}: {name} /no/longer/there.rs\n", module.display());
        fs::write(module.with_extension("d"), list).unwrap();
        let at = |path: &Path, second: u64| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        at(&module, 20);
        at(&source, 10);
        assert_eq!(fresh(&module), Ok(()));
        at(&source, 30);
        assert!(fresh(&module).unwrap_err().contains("with blank/lib.rs"));
    }
}
