//! A test body in a process of its own.
//!
//! The module reads its environment once a process and there is one library in a process, so tests
//! that load it cannot share one. [`apart`] starts the test program again for this test alone; there
//! the same call finds itself inside a sandbox and runs the body. A crash or a hang of the module is
//! then the failure of one test.

use std::{env, time::Duration};

use crate::{
    Sandbox,
    process::{BOUND, Running},
    sandbox::FOLDER_VARIABLE,
};

/// Runs `body` in a process of its own, for at most a minute.
///
/// ```text
/// #[test]
/// fn a_promise() {
///     apart(test_name!(), || Sandbox::new("instant"), |sandbox| { … });
/// }
/// ```
///
/// # Panics
/// If the body does, or the process ends otherwise or too late.
pub fn apart(test: &str, sandbox: impl FnOnce() -> Sandbox, body: impl FnOnce(&Sandbox)) {
    apart_within(BOUND, test, sandbox, body);
}

/// As [`apart`], with a bound of its own.
///
/// # Panics
/// As [`apart`].
pub fn apart_within(
    bound: Duration,
    test: &str,
    sandbox: impl FnOnce() -> Sandbox,
    body: impl FnOnce(&Sandbox),
) {
    if let Some(sandbox) = Sandbox::inherited() {
        return body(&sandbox);
    }
    let sandbox = sandbox();
    let program = env::current_exe().expect("the test program");
    let mut command = sandbox.command(program);
    command.args(["--exact", "--nocapture", test]).env(FOLDER_VARIABLE, sandbox.folder());
    let passed = |name| env::var_os(name).map(|value| (name, value));
    command.envs(["RUST_BACKTRACE", "HSMSIM_TEST_TARGET"].into_iter().filter_map(passed));
    let (stdout, stderr) = sandbox.outputs();
    let ended = Running::start(command, test.to_owned(), b"", stdout, stderr).end(bound);
    // Shown by the harness if asked for: measurements among it.
    print!("{}", ended.stdout);
    let ended = ended.succeeded();
    assert!(ended.stdout.contains("1 passed"), "the test did not run\n{ended}");
}
