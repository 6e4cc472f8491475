//! What is set up when a state directory is first used, and where that directory is.

use std::fmt;
use std::path::PathBuf;

/// A PIN from a topology file.
///
/// The well-known PINs of a simulator are no secret, but a file may hold others, and a type that
/// never prints itself cannot put one into a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

impl Pin {
    /// Wraps a PIN.
    pub fn new(pin: impl Into<String>) -> Self {
        Self(pin.into())
    }

    /// The PIN itself, for the command line to print and for logging in.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// What is set up on first use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioning {
    /// Labels of the groups that get a token, a user PIN and an SO PIN; the first group by default.
    /// The partitions of all other groups stay blank, for `C_InitToken` or `partition init`.
    pub groups: Vec<String>,
    /// PIN of the crypto officer (`CKU_USER`) of every provisioned group: `12345678`.
    pub user_pin: Pin,
    /// PIN of the partition security officer (`CKU_SO`) of every provisioned group: `87654321`.
    pub so_pin: Pin,
    /// PIN of the crypto user, who may use keys but not make them; no such role by default.
    pub crypto_user_pin: Option<Pin>,
    /// PIN of the HSM security officer of every device: `87654321`.
    pub hsm_so_pin: Pin,
}

impl Provisioning {
    /// The well-known PINs, and no group.
    pub(crate) fn well_known() -> Self {
        Self {
            groups: Vec::new(),
            user_pin: Pin::new("12345678"),
            so_pin: Pin::new("87654321"),
            crypto_user_pin: None,
            hsm_so_pin: Pin::new("87654321"),
        }
    }
}

/// Where the state is kept, for daemons that clear their environment and workers that change user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateSettings {
    /// The state directory; the environment decides when the file does not.
    pub directory: Option<PathBuf>,
    /// The group that owns directory and files.
    pub group: Option<String>,
    /// Permission bits of the directory, `0o700` by default; files get the same without execute.
    pub mode: Option<u32>,
}
