//! Large data that a program lends to a call.

use hsmsim_tests::{Sandbox, build, needs, sandbox::USER_PIN};

/// HA timers run this many times as fast: the receive timeout is 0.2 s.
const SCALE: u32 = 100;
const RECEIVE_TIMEOUT_MS: u64 = 200;

#[test]
fn memory_that_was_lent_is_not_read_after_the_call_though_members_are_lost() {
    needs!("cc");
    let sandbox = Sandbox::scaled("ha-pair", SCALE);
    let source = build::root().join("tests/c/lent.c").display().to_string();
    let module = build::module_path().display().to_string();
    let ended = sandbox.sh(&format!(
        "cc -w -O1 -o lent '{source}' -ldl
        ./lent '{module}' {USER_PIN}"
    ));
    let stalled = ended.stdout.trim().strip_prefix("stalled ").and_then(|n| n.parse().ok());
    let stalled: u64 = stalled.unwrap_or_else(|| panic!("{ended}"));
    assert!(stalled >= RECEIVE_TIMEOUT_MS, "the call was not under way to the member: {ended}");
}
