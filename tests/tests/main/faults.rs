//! Faults as a person sets and heals them, with the command.

use std::time::Duration;

use hsmsim_tests::{Sandbox, build, wait};

/// Sets a fault.
pub(crate) fn strike(sandbox: &Sandbox, fault: &str, target: &str) {
    sandbox.hsmsim(&["fault", "add", fault, target]);
}

/// Heals all faults and recovers every member, as soon as those that boot are up.
pub(crate) fn heal_and_recover(sandbox: &Sandbox) {
    sandbox.hsmsim(&["fault", "heal", "--all"]);
    wait::until(Duration::from_secs(30), "every member back", || {
        sandbox.run(build::command_path(), &["ha", "recover"]).status.success().then_some(())
    });
}
