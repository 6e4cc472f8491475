//! The tools of these tests, tested.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use hsmsim_tests::{
    Sandbox, apart, build,
    recipe::{Recipe, recipes},
    test_name,
};

#[test]
fn a_module_older_than_its_sources_is_refused() {
    let sandbox = Sandbox::bare();
    let (sources, built) = (sandbox.path("crates"), sandbox.path("module.so"));
    fs::create_dir_all(sources.join("a/src")).expect("a folder");
    fs::create_dir_all(sources.join("a/tests")).expect("a folder");
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = |path: &str, seconds| {
        let path = sandbox.write(path, "");
        let file = fs::File::options().write(true).open(path).expect("a file");
        file.set_modified(at(seconds)).expect("a time");
    };
    assert!(build::fresh(&built, &[sources.clone()]).is_err_and(|why| why.contains("module.so")));
    file("module.so", 100);
    file("crates/a/src/lib.rs", 99);
    file("crates/a/tests/main.rs", 200);
    file("crates/a/notes.md", 200);
    assert_eq!(build::fresh(&built, &[sources.clone()]), Ok(()));
    file("crates/a/Cargo.toml", 103);
    let why = build::fresh(&built, &[sources]).expect_err("a stale module");
    assert!(why.contains("3 s older than") && why.contains("Cargo.toml"), "{why}");
}

#[test]
fn a_test_knows_its_name() {
    assert_eq!(test_name!(), "harness::a_test_knows_its_name");
    let in_a_closure = || test_name!();
    assert_eq!(in_a_closure(), "harness::a_test_knows_its_name");
}

#[test]
fn a_body_runs_in_a_process_and_a_folder_of_its_own() {
    let here = std::process::id();
    let sandbox = || Sandbox::bare().with("HSMSIM_TEST_PARENT", &here.to_string());
    apart::apart(test_name!(), sandbox, |sandbox| {
        let parent = std::env::var("HSMSIM_TEST_PARENT").expect("the variable");
        assert_ne!(parent, std::process::id().to_string());
        assert_eq!(std::env::current_dir().ok().as_deref(), Some(sandbox.folder()));
    });
}

#[test]
#[should_panic(expected = "still running after")]
fn a_program_that_hangs_is_killed() {
    Sandbox::bare().sh_within("sleep 600", Duration::from_millis(50));
}

#[test]
fn recipes_are_found_by_their_names() {
    let document = "# T\n<!-- recipe: a -->\n\n```sh\none\ntwo\n```\n```sh\nmake\n```\n\
                    ```\nx\n```\n<!-- recipe: b -->\n```sh\nthree\n```\n";
    let recipe = |name: &str, script: &str| Recipe { name: name.into(), script: script.into() };
    let expected = vec![recipe("a", "one\ntwo\n"), recipe("b", "three\n")];
    assert_eq!(recipes(document), (expected, 1));
}
