//! Packages of language registries, installed once under `target/clients`.

use std::{
    ffi::OsStr,
    fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{build, process::Running, programs::required};

/// How long an installation may take: one of them compiles.
const BOUND: Duration = Duration::from_secs(300);

/// The folder of Python's environment of that name, with the packages of a file of requirements; its
/// interpreter is `bin/python`.
///
/// # Panics
/// If they cannot be installed.
pub fn python(name: &str, list: &Path) -> PathBuf {
    required(&["python3"]);
    installed(name, list, |folder| {
        run("python3", &["-m", "venv", "."], folder);
        let list = list.display().to_string();
        let pip = ["-m", "pip", "install", "--disable-pip-version-check", "-r", &list];
        run(folder.join("bin/python"), &pip, folder);
    })
}

/// The folder of Node's modules, with those of a `package.json`.
///
/// # Panics
/// If they cannot be installed.
pub fn node_modules(name: &str, list: &Path) -> PathBuf {
    required(&["node", "npm", "c++", "make", "python3"]);
    let folder = installed(name, list, |folder| {
        fs::copy(list, folder.join("package.json")).expect("a file");
        run("npm", &["install", "--no-audit", "--no-fund"], folder);
    });
    folder.join("node_modules")
}

/// A folder that later runs find again.
pub fn shared(name: &str) -> PathBuf {
    build::root().join("target/clients").join(name)
}

/// A folder in `target/clients` in which `install` has succeeded for this content of `list`.
fn installed(name: &str, list: &Path, install: impl FnOnce(&Path)) -> PathBuf {
    let folder = shared(name);
    fs::create_dir_all(&folder).expect("a folder");
    // Tests that want the same may run in processes of their own.
    let lock = File::create(folder.with_extension("lock")).expect("a file");
    lock.lock().expect("a lock");
    let mark = folder.join("installed");
    let wanted = fs::read(list).expect("a list of packages");
    if fs::read(&mark).ok().as_ref() != Some(&wanted) {
        // What an installation that was stopped has left.
        fs::remove_dir_all(&folder).expect("a folder that can be removed");
        fs::create_dir_all(&folder).expect("a folder");
        install(&folder);
        fs::write(&mark, wanted).expect("a file");
    }
    folder
}

/// Runs a program in the environment of this one, where the registries are configured.
fn run(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path) {
    let title = format!("{} {}", program.as_ref().display(), arguments.join(" "));
    let output = tempfile::tempdir().expect("a folder");
    let file = |name| output.path().join(name);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    Running::start(command, title, b"", file("stdout"), file("stderr")).end(BOUND).succeeded();
}
