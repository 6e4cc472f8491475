//! A test body in a process of its own, where it may load the module.
//!
//! The test program is started again for this one test. There the same line finds itself called from
//! outside and runs the body; its cluster lives on in the first process, which obeys it over a
//! socket.

use std::{
    env,
    fs::{self, File},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use crate::{Builder, Cluster, Error, operator::Operator};

/// How long a body may take.
const BOUND: Duration = Duration::from_secs(120);

/// How the second process finds the cluster.
const FOLDER_VARIABLE: &str = "HSMSIM_TESTKIT_CLUSTER";
const FACTS: &str = "cluster.json";
const SOCKET: &str = "operator";

/// Runs the body of a test in a process of its own, with a cluster and its environment. The body may
/// load the module, because nothing else in that process does.
///
/// ```no_run
/// use hsmsim_testkit::{Cluster, in_own_process};
///
/// #[test]
/// fn the_application_survives_a_loss_of_power() {
///     in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
///         // HSMSIM_STATE and its kin are set: load cluster.module_path() and work.
///         let _dark = cluster.power_loss("hsm-eus-1").unwrap();
///         // …
///         cluster.record().unwrap().assert_no_errors();
///     });
/// }
/// ```
///
/// It must stand in the test's own function, whose name it takes; the test program must have the
/// standard harness. The test fails if the body panics, if its process ends otherwise, or if it takes
/// more than two minutes.
#[macro_export]
macro_rules! in_own_process {
    ($builder:expr, $body:expr $(,)?) => {{
        fn here() {}
        let inner = ::std::any::type_name_of_val(&here);
        $crate::own_process::run($crate::own_process::test_name(inner), || $builder, $body);
    }};
}

/// The test's name as the harness has it, from the path of a function inside it.
pub fn test_name(inner: &'static str) -> &'static str {
    let outer = inner.strip_suffix("::here").unwrap_or(inner);
    let outer = outer.split_once("::{{closure}}").map_or(outer, |(outer, _)| outer);
    outer.split_once("::").map_or(outer, |(_, name)| name)
}

/// What [`in_own_process!`](crate::in_own_process) does.
///
/// # Panics
/// If the body does, or its process ends otherwise or too late.
#[track_caller]
pub fn run(test: &str, builder: impl FnOnce() -> Builder, body: impl FnOnce(&Cluster)) {
    if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
        let cluster = attached(&PathBuf::from(folder)).expect("the cluster of the first process");
        return body(&cluster);
    }
    let ended = builder().start().and_then(|cluster| elsewhere(&cluster, test));
    let (status, output) = ended.unwrap_or_else(|error| panic!("{test}: {error}"));
    // Shown by the harness if the test fails or is asked to speak.
    for line in output.lines() {
        // Not at the beginning of a line, where a count of results would be taken for this harness's.
        println!("  | {line}");
    }
    match status {
        None => panic!("{test}: not over after {BOUND:?} in its own process"),
        Some(status) => assert!(status.success(), "{test}: {status} in its own process"),
    }
    assert!(output.contains("1 passed"), "{test}: the harness knows no test of this name");
}

/// The cluster that another process owns.
fn attached(folder: &Path) -> Result<Cluster, Error> {
    let facts = serde_json::from_slice(&fs::read(folder.join(FACTS))?)?;
    Ok(Cluster::new(facts, Operator::there(&folder.join(SOCKET))?, None))
}

/// Starts the test program again for this test alone, and obeys it until it ends. No status: it had to
/// be ended.
fn elsewhere(cluster: &Cluster, test: &str) -> Result<(Option<ExitStatus>, String), Error> {
    let folder = &cluster.facts().folder;
    fs::write(folder.join(FACTS), serde_json::to_vec(cluster.facts())?)?;
    let socket = folder.join(SOCKET);
    let listener = UnixListener::bind(&socket)
        .map_err(|error| Error::new(format!("{}: {error}", socket.display())))?;
    let output = folder.join("output");
    let file = File::create(&output)?;
    let mut command = cluster.command(env::current_exe()?);
    command
        .args(["--exact", "--include-ignored", "--nocapture", test])
        .env(FOLDER_VARIABLE, folder)
        .stdout(file.try_clone()?)
        .stderr(file);
    let child = command.spawn()?;
    let status = thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming().map_while(Result::ok) {
                match cluster.operator().serve(stream) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) => eprintln!("{test}: {error}"),
                }
            }
        });
        let status = end(child);
        // Wakes the listener, which takes a caller who says nothing for the end.
        let woken = UnixStream::connect(&socket);
        status.and_then(|status| woken.map(|_| status))
    })?;
    Ok((status, String::from_utf8_lossy(&fs::read(&output)?).into_owned()))
}

/// Waits until the process ends, and ends it if it takes too long.
fn end(mut child: Child) -> std::io::Result<Option<ExitStatus>> {
    let begin = Instant::now();
    while begin.elapsed() < BOUND {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::test_name;

    #[test]
    fn the_harness_s_name_of_a_test_is_its_path_without_the_crate() {
        assert_eq!(test_name("suite::signing::survives::here"), "signing::survives");
        assert_eq!(test_name("suite::survives::{{closure}}::here"), "survives");
    }
}
