//! The README's recipes, as they stand there.

use std::{fs, time::Duration};

use hsmsim_tests::{Sandbox, build, needs, recipe::recipes};

#[test]
fn every_recipe_of_the_readme_works_as_it_stands() {
    needs!("pkcs11-tool", "openssl", "p11tool", "certtool");
    let readme = fs::read_to_string(build::root().join("README.md")).expect("the README");
    let (recipes, unnamed) = recipes(&readme);
    assert!(recipes.len() >= 7, "{} recipes", recipes.len());
    assert_eq!(unnamed, 0, "every block of shell is a recipe");
    for recipe in recipes {
        let sandbox = Sandbox::bare();
        let script = format!("export HSMSIM_STATE=$PWD/state\n{}", recipe.script);
        println!("recipe {}", recipe.name);
        sandbox.sh_within(&script, Duration::from_secs(120)).succeeded();
    }
}
