//! The tools of these tests, tested.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use hsmsim_tests::{
    Sandbox, apart, build, needs,
    recipe::{Recipe, excerpts, recipes},
    test_name,
};

#[test]
fn a_module_older_than_its_sources_is_refused() {
    let sandbox = Sandbox::bare();
    let built = sandbox.path("module.so");
    let file = |path: &str, seconds| {
        let path = sandbox.write(path, "");
        let file = fs::File::options().write(true).open(&path).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("a time");
        path.display().to_string().replace(' ', "\\ ")
    };
    assert!(build::fresh(&built).is_err_and(|why| why.contains("module.so")));
    let (module, one) = (file("module.so", 100), file("one.rs", 99));
    let other = file("the other.rs", 100);
    sandbox.write("module.d", format!("{module}: {one} {other}\n"));
    assert_eq!(build::fresh(&built), Ok(()));
    file("the other.rs", 103);
    let why = build::fresh(&built).expect_err("a stale module");
    assert!(why.contains("3 s older than") && why.contains("the other.rs"), "{why}");
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
fn a_test_that_lacks_a_program_is_left_out_by_name() {
    let sandbox = || Sandbox::bare().with("HSMSIM_SKIPPED", "left-out");
    apart::apart(test_name!(), sandbox, |sandbox| {
        fn test() {
            needs!("sh", "no-such-program");
            panic!("not left out");
        }
        test();
        let line = "harness::a_test_that_lacks_a_program_is_left_out_by_name: \
                    no-such-program is not here\n";
        assert_eq!(String::from_utf8(sandbox.read("left-out")).as_deref(), Ok(line));
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

#[test]
fn an_excerpt_has_lines_of_its_recipe_in_their_order() {
    let found = excerpts("<!-- of: a -->\n```go\ntwo\n\tthree\n```\n```sh\nfour\n```\n");
    let recipe = |script: &str| Recipe { name: "a".into(), script: script.into() };
    assert_eq!(found, vec![recipe("two\n\tthree\n")]);
    assert!(recipe("one\n  two\nand\nthree\n").has(&found[0]));
    assert!(!recipe("three\ntwo\n").has(&found[0]));
    assert!(!recipe("two\nthree and more\n").has(&found[0]));
}
