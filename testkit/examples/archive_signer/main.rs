//! An application to try the testkit on: it signs documents that are too long for one call.
//!
//! ```sh
//! cargo run -p hsmsim-testkit --example archive-signer -- MODULE TOKEN PIN KEY DOCUMENT
//! ```
//!
//! Prints the signature (RSA PKCS#1 v1.5 with SHA-256) in hexadecimal. The interesting part is
//! `signer.rs`, and the test that finds its mistake is `tests/suite/archive_signer.rs`.

mod signer;

use std::{env, error::Error, fs::File, process::ExitCode};

use signer::{Signer, Strategy};

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [module, token, pin, key, document] = arguments else {
        return Err("usage: archive-signer MODULE TOKEN PIN KEY DOCUMENT".into());
    };
    let signer = Signer::open(module.as_ref(), token, pin, key)?;
    let signature = signer.sign(&mut File::open(document)?, Strategy::BeginAnew)?;
    println!("{}", signature.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Ok(())
}

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("archive-signer: {error}");
            ExitCode::FAILURE
        }
    }
}
