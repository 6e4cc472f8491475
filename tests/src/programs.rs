//! Programs that a test needs and a machine may lack.

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a test calls first with the programs it needs, each a name on PATH or a
/// [`OPENSSL_ENGINE`].
///
/// If one is missing the test ends here: its name and the reason go as a line into the file that
/// `HSMSIM_SKIPPED` names, where `scripts/test` counts them.
#[macro_export]
macro_rules! needs {
    ($($program:expr),+ $(,)?) => {
        for program in [$($program),+] {
            if !$crate::programs::is_there(program) {
                $crate::programs::skip($crate::test_name!(), program);
                return;
            }
        }
    };
}

/// The name of the function it stands in, as the test harness calls it: `module::function`.
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        $crate::programs::test_name_of(std::any::type_name_of_val(&here))
    }};
}

/// The pkcs11 engine of OpenSSL 3, which is no program but a shared object.
pub const OPENSSL_ENGINE: &str = "libengine-pkcs11-openssl";

/// The right to mount file systems: not a program either.
pub const MOUNT: &str = "the right to mount a tmpfs";

/// Takes a test's name out of the path of a function inside it.
pub fn test_name_of(inner: &'static str) -> &'static str {
    let outer = inner.strip_suffix("::here").unwrap_or(inner);
    let outer = outer.split_once("::{{closure}}").map_or(outer, |(outer, _)| outer);
    outer.split_once("::").map_or(outer, |(_, name)| name)
}

/// Fails a test whose programs are not there: those that `scripts/test` installs and no system lacks
/// a package of. Names as for [`needs`].
///
/// # Panics
/// If one is missing.
pub fn required(programs: &[&str]) {
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program)).collect();
    assert!(missing.is_empty(), "not installed: {missing:?}; scripts/test does that, as root");
}

/// Whether a program can be run, or the engine loaded.
pub fn is_there(program: &str) -> bool {
    match program {
        OPENSSL_ENGINE => openssl_engine().is_some(),
        MOUNT => may_mount(),
        _ => on_path(program).is_some(),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The engine's file.
fn openssl_engine() -> Option<PathBuf> {
    let folders = Path::new("/usr/lib").read_dir().ok()?;
    folders
        .filter_map(Result::ok)
        .map(|folder| folder.path().join("engines-3/pkcs11.so"))
        .find(|file| file.is_file())
}

/// Notes that a test was left out.
///
/// # Panics
/// If there is a list and it cannot be written: a test that is neither run nor counted would be a
/// lie.
pub fn skip(test: &str, missing: &str) {
    let line = format!("{test}: {missing} is not here\n");
    eprint!("left out: {line}");
    if let Some(list) = env::var_os("HSMSIM_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(&list);
        // One call, so that tests that run at the same time do not mix their lines.
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("HSMSIM_SKIPPED");
    }
}

/// Whether a process may have file systems of its own: not all who are root may.
fn may_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]);
    let mount = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    mount.is_ok_and(|status| status.success())
}
