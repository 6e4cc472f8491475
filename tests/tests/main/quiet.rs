//! What a signature does not do.

use hsmsim_tests::{Sandbox, build, needs, sandbox::USER_PIN};

/// Allocations of C_SignInit and C_Sign together, by an HMAC whose primitive makes none: the mechanism, which is not made
/// again for a key of the token. Data and signature stay where the caller has them.
const ALLOCATIONS: u64 = 1;

#[test]
fn a_signature_in_one_part_makes_no_system_call_and_few_allocations() {
    needs!("cc");
    let sandbox = Sandbox::new("instant");
    let source = build::root().join("tests/c/quiet.c").display().to_string();
    sandbox.sh(&format!("cc -w -O1 -rdynamic -o quiet '{source}' -ldl"));
    let program = sandbox.path("quiet").display().to_string();
    let module = build::module_path().display().to_string();
    // The first system call would have ended it.
    let ended = sandbox.run(program, &[&module, USER_PIN]).succeeded();
    let count = ended.stdout.trim().strip_prefix("allocations ").and_then(|n| n.parse().ok());
    let count: u64 = count.unwrap_or_else(|| panic!("{ended}"));
    assert!(count <= 1000 * ALLOCATIONS, "{count} allocations in a thousand signatures");
}
