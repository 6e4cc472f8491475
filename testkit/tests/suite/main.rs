//! The testkit against the module, and an example application with a mistake that it finds.

mod archive_signer;
mod call_faults;
mod clusters;
mod faults;
mod own_process;
mod p11;
#[allow(dead_code)]
#[path = "../../examples/archive_signer/signer.rs"]
mod signer;
