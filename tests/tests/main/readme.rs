//! The README's recipes, as they stand there: with nothing but the module and the command on the path,
//! in a home of their own.

use std::{fs, time::Duration};

use hsmsim_tests::{Sandbox, build, needs, programs::OPENSSL_ENGINE, recipe::recipes};

#[test]
fn every_recipe_of_the_readme_works_as_it_stands() {
    needs!("pkcs11-tool", "openssl", "p11tool", "certtool", OPENSSL_ENGINE);
    needs!("keytool", "jarsigner", "ssh-keygen", "certutil", "modutil", "p11-kit");
    let readme = fs::read_to_string(build::root().join("README.md")).expect("the README");
    let (recipes, unnamed) = recipes(&readme);
    assert!(recipes.len() >= 10, "{} recipes", recipes.len());
    assert_eq!(unnamed, 0, "every block of shell is a recipe");
    for recipe in recipes {
        println!("recipe {}", recipe.name);
        let sandbox = Sandbox::bare();
        sandbox.sh_within(&recipe.script, Duration::from_secs(120)).succeeded();
        let own = sandbox.path(".local/state/hsmsim");
        // A recipe in memory or in virtual time needs no state.
        let in_memory = recipe.script.contains("HSMSIM_STATE=memory") || recipe.name == "virtual";
        assert!(own.exists() || in_memory, "{} did not use its own home", recipe.name);
    }
}
