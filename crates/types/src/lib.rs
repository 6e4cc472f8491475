//! Owned PKCS#11 words: attributes, mechanisms and their parameters, handles, roles, errors.
//!
//! Everything that travels between the C boundary, the client, a link and a device is made of these
//! types. They own their bytes, or borrow them from a caller that waits ([`lent`]), and print no secret.

// Allowed in `lent` alone, which is the one file with a pointer.
#![deny(unsafe_code)]

pub mod attribute;
pub mod ck;
pub mod data;
pub mod error;
pub mod handle;
pub mod lent;
pub mod mechanism;
pub mod names;
pub mod role;
pub mod secret;

pub use attribute::{Attribute, AttributeKind, AttributeValue, Template};
pub use data::{Data, Passed};
pub use error::{Error, Result, ReturnValue};
pub use handle::{ObjectHandle, ObjectId, SessionHandle, SlotId};
pub use lent::{Lent, Loan};
pub use mechanism::{
    HkdfSalt, KdfParams, KeyRef, Mechanism, MessageParams, OtpParam, Params, PrfField, PrfNumber,
    TlsRandom,
};
pub use role::Role;
pub use secret::{Pin, SecretBytes};
