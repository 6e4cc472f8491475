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
///
/// One word, so that the results of what succeeds are as small as they can be: on the way of a call they are handed
/// on a dozen times.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Refusal>);

#[derive(Clone, PartialEq, Eq)]
struct Refusal {
    rv: ReturnValue,
    rule: Cow<'static, str>,
}

/// What every fallible function of PKCS#11 gives.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its return value and the rule that was broken.
    pub fn new(rv: CK_RV, rule: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Refusal { rv: ReturnValue(rv), rule: rule.into() }))
    }

    /// The return value for the application.
    pub fn rv(&self) -> CK_RV {
        self.0.rv.0
    }

    /// The return value with its name.
    pub fn return_value(&self) -> ReturnValue {
        self.0.rv
    }

    /// The sentence for the log.
    pub fn rule(&self) -> &str {
        &self.0.rule
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.rv, self.0.rule)
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
    fn a_result_is_no_larger_than_what_it_gives() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
        assert_eq!(size_of::<Result<Vec<u8>>>(), size_of::<Vec<u8>>());
    }

    #[test]
    fn error_names_its_code_and_rule() {
        let error = Error::new(CKR_PIN_INCORRECT, "crypto officer");
        assert_eq!(error.to_string(), "CKR_PIN_INCORRECT: crypto officer");
        assert_eq!(Error::new(0x8FFF_0001, "x").to_string(), "CKR_0x8FFF0001: x");
    }
}
