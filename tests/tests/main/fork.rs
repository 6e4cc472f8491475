//! A host that forks with the module loaded.

use hsmsim_tests::{Sandbox, build, needs, sandbox::USER_PIN};

#[test]
fn a_child_needs_its_own_initialisation_and_its_keys_survive_the_parent_s_finalisation() {
    needs!("cc");
    for topology in ["instant", "ha-pair"] {
        let sandbox = Sandbox::new(topology);
        let source = build::root().join("tests/c/fork.c").display().to_string();
        sandbox.sh(&format!("cc -w -O1 -o fork '{source}' -ldl"));
        let program = sandbox.path("fork").display().to_string();
        let module = build::module_path().display().to_string();
        let ended = sandbox.run(program, &[&module, USER_PIN]).succeeded();
        assert!(ended.stdout.contains("ok"), "{ended}");
    }
}
