//! Link arguments of the shared object.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // `dlclose` must not unmap code that an at-fork handler, a background thread or a thread-local
    // destructor still points at.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
