//! Return values, and the error that carries one together with the rule that was broken.

use std::{borrow::Cow, fmt};

use crate::{ck::*, names};

/// A PKCS#11 return value (CK_RV), spelled by its own name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnValue(pub CK_RV);

impl ReturnValue {
    /// The standard's (or Luna's) spelling, `None` for a number without a name.
    pub fn name(self) -> Option<&'static str> {
        names::return_value(self.0)
    }
}

impl fmt::Display for ReturnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "CKR_0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for ReturnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A refused call: the return value for the application, and one sentence for the log that says
/// which attribute, parameter or rule it was. Never holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    rv: ReturnValue,
    rule: Cow<'static, str>,
}

/// What every fallible function of PKCS#11 gives.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its return value and the rule that was broken.
    pub fn new(rv: CK_RV, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { rv: ReturnValue(rv), rule: rule.into() }
    }

    /// The return value for the application.
    pub fn rv(&self) -> CK_RV {
        self.rv.0
    }

    /// The return value with its name.
    pub fn return_value(&self) -> ReturnValue {
        self.rv
    }

    /// The sentence for the log.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rv, self.rule)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Shorthand: `Err(Error::new(rv, rule))`.
pub fn fail<T>(rv: CK_RV, rule: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Error::new(rv, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_its_code_and_rule() {
        let error = Error::new(CKR_PIN_INCORRECT, "crypto officer");
        assert_eq!(error.to_string(), "CKR_PIN_INCORRECT: crypto officer");
        assert_eq!(Error::new(0x8FFF_0001, "x").to_string(), "CKR_0x8FFF0001: x");
    }
}
