//! What the shared object shows to the linker of its host.

use hsmsim_tests::{Sandbox, build, needs};

#[test]
fn only_c_and_ca_functions_are_exported() {
    needs!("nm");
    let module = build::module_path().display().to_string();
    let listed = Sandbox::bare().run("nm", &["-D", "--defined-only", &module]).succeeded();
    let names: Vec<&str> =
        listed.stdout.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let foreign: Vec<_> =
        names.iter().filter(|name| !name.starts_with("C_") && !name.starts_with("CA_")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let entries =
        ["C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList", "CA_GetFunctionList"];
    for name in entries.iter().chain(&["C_Initialize", "C_Sign", "CA_GetHAState"]) {
        assert!(names.contains(name), "{name} is missing");
    }
}
