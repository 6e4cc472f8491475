//! OpenSC's pkcs11-tool, as in its manual.

mod keys;
mod kinds;
mod objects;
mod roles;
mod self_tests;

use hsmsim_tests::Sandbox;

/// A function of bash for the scripts: pkcs11-tool on the provisioned token, as its user.
const USER: &str = r#"
user() { pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --pin "$PIN" "$@"; }
"#;

/// Runs a script that uses `user`.
fn script(sandbox: &Sandbox, script: &str) -> hsmsim_tests::process::Ended {
    sandbox.sh(&format!("{USER}{script}"))
}

/// Fails if a self-test of pkcs11-tool found something: its exit code is 0 all the same.
fn assert_no_errors(ended: &hsmsim_tests::process::Ended) {
    let bad = |line: &&str| {
        let line = line.to_lowercase();
        // The library refuses values of sensitive keys, which pkcs11-tool asks for and warns about.
        let harmless =
            line.starts_with("no errors") || line.starts_with("warning: pkcs11 function");
        !harmless && ["err", "fail", "differ", "abort"].iter().any(|word| line.contains(word))
    };
    let output = ended.all();
    let lines: Vec<&str> = output.lines().filter(bad).collect();
    assert!(lines.is_empty(), "{lines:#?}\n{ended}");
}
