//! The other process of a test: this same test binary, told by its environment what to do. Started
//! without that, the test below has nothing to do.

use std::{
    env,
    io::{self, BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

const ROLE: &str = "HSMSIM_STORE_TEST_ROLE";
const STATE: &str = "HSMSIM_STORE_TEST_STATE";
const ROUND: &str = "HSMSIM_STORE_TEST_ROUND";

#[test]
fn other_process() {
    let (Ok(role), Some(state)) = (env::var(ROLE), env::var_os(STATE)) else { return };
    let round = env::var(ROUND).ok().and_then(|round| round.parse().ok()).unwrap_or(0);
    // The harness has begun a line.
    say("");
    let state = Path::new(&state);
    match role.as_str() {
        "pairs" => crate::kill::write_pairs(state, round),
        "debts" => crate::kill::owe_and_settle(state),
        "hammer" => crate::processes::hammer(state),
        "slot" => crate::processes::hold_slot(state),
        "fork" => crate::fork::parent_that_forks(state),
        "busy" => crate::fork::parent_that_forks_while_busy(state),
        "exclusive" => crate::fork::parent_that_dies_with_the_lock(state),
        "inside" => crate::fork::parent_that_forks_inside_a_change(state),
        "full" => crate::full::fill(state),
        other => panic!("no role {other}"),
    }
}

/// A line for the process that started this one.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("pipe");
}

/// Another process at work.
pub(crate) struct Other {
    pub(crate) child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

pub(crate) fn start(role: &str, state: &Path, round: u32) -> Other {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "helper::other_process", "--test-threads=1"])
        .env(ROLE, role)
        .env(STATE, state)
        .env(ROUND, round.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    Other { child, lines }
}

impl Other {
    /// The rest of the next line that begins with `word`; `None` at the end of output.
    pub(crate) fn next(&mut self, word: &str) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(word).map(|rest| rest.trim().to_owned()))
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill");
    }

    /// Waits for a good end.
    pub(crate) fn finish(mut self) {
        drop(self.child.stdin.take());
        while self.next("").is_some() {}
        assert!(self.child.wait().expect("wait").success(), "the other process failed");
    }
}
