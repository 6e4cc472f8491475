//! Who may make, change and destroy which objects (PKCS#11 3.1, table 6; Luna guide, "Crypto User").

use hsmsim_types::{Error, Result, Role, ck::*, error::fail};

use super::Session;
use crate::{
    attributes::{Initial, Rule, Shape, build::Maker},
    object::Attributes,
};

impl Session {
    /// Whether the SO is logged in.
    pub(super) fn is_officer(&self) -> bool {
        self.application.role() == Some(Role::SecurityOfficer)
    }

    /// In whose name objects are made.
    pub(super) fn maker(&self) -> Maker {
        Maker { officer: self.is_officer(), personality: self.partition.personality().clone() }
    }

    /// CKR_SESSION_READ_ONLY for what needs CKF_RW_SESSION.
    pub(super) fn check_read_write(&self) -> Result<()> {
        if self.read_write {
            return Ok(());
        }
        fail(CKR_SESSION_READ_ONLY, "the session is read-only")
    }

    /// Whether this session may make, change or destroy an object of that kind.
    ///
    /// The Crypto User only reads: what is left to it is what a public session may do with session
    /// objects.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_SESSION_READ_ONLY, CKR_USER_NOT_AUTHORIZED (Luna).
    pub(super) fn check_write(&self, token: bool, private: bool) -> Result<()> {
        if private && !self.application.sees_private() {
            return fail(CKR_USER_NOT_LOGGED_IN, "private objects need a login of the user");
        }
        if (private || token) && self.application.role() == Some(Role::CryptoUser) {
            // The standard has no such role; what it says of a missing right is that "an
            // appropriate user" is not logged in.
            let rv = if self.partition.personality().vendor_codes {
                CKR_USER_NOT_AUTHORIZED
            } else {
                CKR_USER_NOT_LOGGED_IN
            };
            return Err(Error::new(rv, "the Crypto User is read-only"));
        }
        if token { self.check_read_write() } else { Ok(()) }
    }

    /// The same for an object that is to be made of a template, before it is made.
    pub(super) fn check_write_of(&self, given: &Attributes, class: u64, kind: u64) -> Result<()> {
        let shape = Shape::of(class, kind)?;
        let default = Rule::find(CKA_PRIVATE, shape).map(|rule| rule.initial);
        let private = match given.get(CKA_PRIVATE) {
            Some(value) => value.as_bool() == Some(true),
            None => default == Some(Initial::Flag(true)),
        };
        self.check_write(given.flag(CKA_TOKEN), private)
    }
}
