//! Packages of language registries, installed once under `target/clients`.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use hsmsim_tests::{build, process::Running, programs::required};

use super::source;

/// How long an installation may take: one of them compiles.
const BOUND: Duration = Duration::from_secs(300);

/// Python, with the packages of `requirements.txt`.
pub(crate) fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let list = "requirements.txt";
    let ready = PYTHON.get_or_init(|| {
        required(&["python3"]);
        installed("python", list, |folder| {
            run("python3", &["-m", "venv", "."], folder);
            let list = source(list);
            let pip = ["-m", "pip", "install", "--disable-pip-version-check", "-r", &list];
            run(folder.join("bin/python"), &pip, folder);
        })
    });
    ready.join("bin/python")
}

/// The folder of Node's modules, with those of `package.json`.
pub(crate) fn node_modules() -> PathBuf {
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    let list = "package.json";
    let ready = NODE.get_or_init(|| {
        required(&["node", "npm", "c++", "make", "python3"]);
        installed("node", list, |folder| {
            fs::copy(source(list), folder.join(list)).expect("a file");
            run("npm", &["install", "--no-audit", "--no-fund"], folder);
        })
    });
    ready.join("node_modules")
}

/// A folder in `target/clients` in which `install` has succeeded for this content of `list`.
fn installed(name: &str, list: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let folder = shared(name);
    let mark = folder.join("installed");
    let wanted = fs::read(source(list)).expect("a list of packages");
    if fs::read(&mark).ok().as_ref() != Some(&wanted) {
        // What an installation that was stopped has left.
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("a folder that can be removed");
        }
        fs::create_dir_all(&folder).expect("a folder");
        install(&folder);
        fs::write(&mark, wanted).expect("a file");
    }
    folder
}

/// A folder that later runs find again.
pub(super) fn shared(name: &str) -> PathBuf {
    build::root().join("target/clients").join(name)
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
