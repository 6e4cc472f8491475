//! The recipes of the documents, as they stand there: with nothing but the module and the command on the
//! path, in a home of their own.

use std::{env, fs, time::Duration};

use hsmsim_tests::{
    Sandbox, build, needs,
    programs::{OPENSSL_ENGINE, required},
    recipe::{excerpts, recipes},
};

use crate::clients::{not_as_root, osslsigncode::program, registry};

#[test]
fn every_recipe_of_the_readme_works_as_it_stands() {
    needs!("pkcs11-tool", "openssl", "p11tool", "certtool", OPENSSL_ENGINE);
    needs!("keytool", "jarsigner", "ssh-keygen", "certutil", "cmsutil", "modutil", "p11-kit");
    all_recipes_of("README.md", 10, Sandbox::bare);
}

#[test]
fn every_recipe_of_the_clients_page_works_as_it_stands() {
    required(&["pkcs11-tool", "openssl", OPENSSL_ENGINE, "nginx", "curl", "ssh-agent", "sshd"]);
    required(&["java", "keytool", "osslsigncode", "node", "go", "cc", "p11-kit", "setpriv"]);
    // What `pip install` and `npm install` have brought.
    let modules = registry::node_modules().display().to_string();
    let python = registry::python();
    let folders = [python.parent().expect("a folder").to_owned()];
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(folders.into_iter().chain(env::split_paths(&path)));
    let path = path.expect("folders without colons").into_string().expect("a text");
    let path = format!("{}:{path}", build::target().display());
    all_recipes_of("docs/clients.md", 8, || {
        let sandbox = Sandbox::bare().with("PATH", &path).with("NODE_PATH", &modules);
        sandbox.write("app.exe", program());
        sandbox
    });
}

#[test]
fn what_the_readme_shows_of_other_clients_stands_in_a_recipe_that_works() {
    let read = |page: &str| fs::read_to_string(build::root().join(page)).expect("the page");
    let excerpts = excerpts(&read("README.md"));
    let (recipes, _) = recipes(&read("docs/clients.md"));
    for recipe in &recipes {
        assert!(excerpts.iter().any(|excerpt| excerpt.name == recipe.name), "{}", recipe.name);
    }
    for excerpt in &excerpts {
        let whole = recipes.iter().find(|recipe| recipe.name == excerpt.name);
        assert!(whole.is_some_and(|whole| whole.has(excerpt)), "{}", excerpt.name);
        assert!((1..=4).contains(&excerpt.script.lines().count()), "{}", excerpt.name);
    }
}

fn all_recipes_of(page: &str, at_least: usize, sandbox: impl Fn() -> Sandbox) {
    let text = fs::read_to_string(build::root().join(page)).expect("the page");
    let (recipes, unnamed) = recipes(&text);
    assert!(recipes.len() >= at_least, "{} recipes", recipes.len());
    assert_eq!(unnamed, 0, "every block of shell is a recipe");
    for recipe in recipes {
        println!("recipe {}", recipe.name);
        let sandbox = sandbox();
        // Of root p11-kit reads no configuration in a home.
        let script = if recipe.name == "p11-kit-proxy" {
            not_as_root(&recipe.script)
        } else {
            recipe.script.clone()
        };
        sandbox.sh_within(&script, Duration::from_secs(120)).succeeded();
        let own = sandbox.path(".local/state/hsmsim");
        // A recipe in memory or in virtual time needs no state.
        let in_memory = recipe.script.contains("HSMSIM_STATE=memory") || recipe.name == "virtual";
        assert!(own.exists() || in_memory, "{} did not use its own home", recipe.name);
    }
}
