//! Libraries of Python, Node and Go, each in a program of `tests/clients` that makes keys, lets the
//! primary lose its power and goes on.

use hsmsim_tests::programs::required;

use super::{
    pair,
    registry::{node_modules, python, shared},
    script, source,
};

#[test]
fn python_pkcs11_makes_and_uses_keys() {
    runs_in_python("python_pkcs11.py", "python-pkcs11 is content");
}

#[test]
fn pykcs11_makes_wraps_and_destroys_keys() {
    runs_in_python("pykcs11.py", "PyKCS11 is content");
}

fn runs_in_python(program: &str, last: &str) {
    required(&["openssl"]);
    let sandbox = pair();
    sandbox.run(python(), &[&source(program)]).succeeded().says(&[last]);
    assert!(sandbox.log().contains("member lost"), "the fault never bit: {}", sandbox.log());
}

#[test]
fn pkcs11js_signs_on_threads_of_node() {
    runs_in_node("pkcs11js.js", "pkcs11js is content");
}

#[test]
fn graphene_makes_and_uses_keys() {
    runs_in_node("graphene.js", "graphene is content");
}

fn runs_in_node(program: &str, last: &str) {
    let modules = node_modules().display().to_string();
    let sandbox = pair().with("NODE_PATH", &modules);
    sandbox.run("node", &[&source(program)]).succeeded().says(&[last]);
    assert!(sandbox.log().contains("member lost"), "the fault never bit: {}", sandbox.log());
}

#[test]
fn goroutines_sign_while_the_primary_is_lost() {
    required(&["go", "cc"]);
    // Debian keeps the sources of Go's libraries there, and this one needs no other.
    let library = "/usr/share/gocode/src/github.com/miekg/pkcs11";
    assert!(std::path::Path::new(library).is_dir(), "golang-github-miekg-pkcs11-dev is not here");
    let cache = shared("go").display().to_string();
    let sandbox = pair()
        .with("GO111MODULE", "off")
        .with("GOPATH", "/usr/share/gocode")
        .with("GOCACHE", &cache);
    let build = format!("go build -o signer '{}'", source("signer.go"));
    script(&sandbox, &build);
    sandbox.run(sandbox.path("signer"), &[]).succeeded().says(&["signed and verified 100"]);
    assert!(sandbox.log().contains("member lost"), "the fault never bit: {}", sandbox.log());
}
