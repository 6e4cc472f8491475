//! Attributes and templates, owned.
//!
//! What an attribute's value is made of (a flag, a number, bytes, a list) is said by one table,
//! [`kind`]; the C boundary reads and writes by it, the store's encoding relies on it.

use std::fmt;

use crate::{ck::*, names, secret::SecretBytes};

/// What an attribute's value is made of (PKCS#11 3.1, chapter 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// CK_BBOOL, one byte.
    Bool,
    /// CK_ULONG.
    Ulong,
    /// A byte array or big integer, an RFC 2279 string, DER: bytes as they are.
    Bytes,
    /// CK_DATE: eight digits, or empty.
    Date,
    /// An array of attributes (the templates that go with wrapping, unwrapping and derivation).
    Template,
    /// An array of mechanism numbers.
    Mechanisms,
}

/// An attribute's value. In three words: objects have some thirty of them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum AttributeValue {
    /// A flag.
    Bool(bool),
    /// A number.
    Ulong(u64),
    /// Bytes, a string, a big integer, a date.
    Bytes(SecretBytes),
    /// A nested template.
    Template(Box<Template>),
    /// A list of mechanisms.
    Mechanisms(Box<[u64]>),
}

/// An attribute: its number and its value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The CKA number.
    pub kind: CK_ATTRIBUTE_TYPE,
    /// The value, of the form that [`kind`] says.
    pub value: AttributeValue,
}

impl Attribute {
    /// A flag.
    pub fn bool(kind: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        Self { kind, value: AttributeValue::Bool(value) }
    }

    /// A number.
    pub fn ulong(kind: CK_ATTRIBUTE_TYPE, value: u64) -> Self {
        Self { kind, value: AttributeValue::Ulong(value) }
    }

    /// Bytes or a string.
    pub fn bytes(kind: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Self {
        Self { kind, value: AttributeValue::Bytes(SecretBytes::new(value.into())) }
    }

    /// A template.
    pub fn template(kind: CK_ATTRIBUTE_TYPE, inner: impl Into<Vec<Attribute>>) -> Self {
        Self { kind, value: AttributeValue::Template(Box::new(Template(inner.into()))) }
    }

    /// A list of mechanisms.
    pub fn mechanisms(kind: CK_ATTRIBUTE_TYPE, list: impl Into<Box<[u64]>>) -> Self {
        Self { kind, value: AttributeValue::Mechanisms(list.into()) }
    }

    /// The attribute's name, or its number in hexadecimal.
    pub fn name(&self) -> String {
        names::or_hex(names::attribute, self.kind)
    }
}

impl AttributeValue {
    /// The flag, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number, if it is one.
    pub fn as_ulong(&self) -> Option<u64> {
        if let Self::Ulong(value) = self { Some(*value) } else { None }
    }

    /// The bytes, if it has any.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }
}

/// Flags and numbers are printed, bytes only as their length: any of them could be a key.
impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Ulong(value) => write!(f, "{value:#x}"),
            Self::Bytes(value) => write!(f, "{} bytes", value.len()),
            Self::Template(value) => value.fmt(f),
            Self::Mechanisms(value) => write!(f, "{value:x?}"),
        }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?}", self.name(), self.value)
    }
}

/// A list of attributes as a caller gave it: order kept, repetitions too.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Template(pub Vec<Attribute>);

impl Template {
    /// The first attribute of that number.
    pub fn get(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&AttributeValue> {
        self.0.iter().find(|attribute| attribute.kind == kind).map(|attribute| &attribute.value)
    }

    /// The flag of that number.
    pub fn bool(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<bool> {
        self.get(kind)?.as_bool()
    }

    /// The number of that number.
    pub fn ulong(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        self.get(kind)?.as_ulong()
    }

    /// The bytes of that number.
    pub fn bytes(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.get(kind)?.as_bytes()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl FromIterator<Attribute> for Template {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

/// The kind of an attribute's value. Numbers nobody knows are bytes: a vendor's attribute can be
/// stored and read back as it came.
pub fn kind(attribute: CK_ATTRIBUTE_TYPE) -> AttributeKind {
    match attribute {
        CKA_TOKEN
        | CKA_PRIVATE
        | CKA_TRUSTED
        | CKA_SENSITIVE
        | CKA_ENCRYPT
        | CKA_DECRYPT
        | CKA_WRAP
        | CKA_UNWRAP
        | CKA_SIGN
        | CKA_SIGN_RECOVER
        | CKA_VERIFY
        | CKA_VERIFY_RECOVER
        | CKA_DERIVE
        | CKA_EXTRACTABLE
        | CKA_LOCAL
        | CKA_NEVER_EXTRACTABLE
        | CKA_ALWAYS_SENSITIVE
        | CKA_MODIFIABLE
        | CKA_COPYABLE
        | CKA_DESTROYABLE
        | CKA_ALWAYS_AUTHENTICATE
        | CKA_WRAP_WITH_TRUSTED
        | CKA_ENCAPSULATE
        | CKA_DECAPSULATE
        | CKA_RESET_ON_INIT
        | CKA_HAS_RESET
        | CKA_COLOR
        | CKA_OTP_USER_FRIENDLY_MODE
        | CKA_CCM_PRIVATE => AttributeKind::Bool,
        CKA_CLASS
        | CKA_CERTIFICATE_TYPE
        | CKA_CERTIFICATE_CATEGORY
        | CKA_JAVA_MIDP_SECURITY_DOMAIN
        | CKA_NAME_HASH_ALGORITHM
        | CKA_KEY_TYPE
        | CKA_MODULUS_BITS
        | CKA_PRIME_BITS
        | CKA_SUB_PRIME_BITS
        | CKA_VALUE_BITS
        | CKA_VALUE_LEN
        | CKA_KEY_GEN_MECHANISM
        | CKA_HW_FEATURE_TYPE
        | CKA_PIXEL_X
        | CKA_PIXEL_Y
        | CKA_RESOLUTION
        | CKA_CHAR_ROWS
        | CKA_CHAR_COLUMNS
        | CKA_BITS_PER_PIXEL
        | CKA_MECHANISM_TYPE
        | CKA_PROFILE_ID
        | CKA_PARAMETER_SET
        | CKA_HSS_LEVELS
        | CKA_HSS_LMS_TYPE
        | CKA_HSS_LMOTS_TYPE
        | CKA_OBJECT_VALIDATION_FLAGS
        | CKA_TRUST_SERVER_AUTH
        | CKA_TRUST_CLIENT_AUTH
        | CKA_TRUST_CODE_SIGNING
        | CKA_TRUST_EMAIL_PROTECTION
        | CKA_TRUST_IPSEC_IKE
        | CKA_TRUST_TIME_STAMPING
        | CKA_TRUST_OCSP_SIGNING
        | CKA_VALIDATION_TYPE
        | CKA_VALIDATION_LEVEL
        | CKA_VALIDATION_FLAG
        | CKA_VALIDATION_AUTHORITY_TYPE
        | CKA_OTP_FORMAT
        | CKA_OTP_LENGTH
        | CKA_OTP_TIME_INTERVAL
        | CKA_OTP_CHALLENGE_REQUIREMENT
        | CKA_OTP_TIME_REQUIREMENT
        | CKA_OTP_COUNTER_REQUIREMENT
        | CKA_OTP_PIN_REQUIREMENT
        | CKA_USAGE_COUNT
        | CKA_USAGE_LIMIT => AttributeKind::Ulong,
        CKA_START_DATE | CKA_END_DATE => AttributeKind::Date,
        CKA_WRAP_TEMPLATE
        | CKA_UNWRAP_TEMPLATE
        | CKA_DERIVE_TEMPLATE
        | CKA_ENCAPSULATE_TEMPLATE
        | CKA_DECAPSULATE_TEMPLATE => AttributeKind::Template,
        CKA_ALLOWED_MECHANISMS => AttributeKind::Mechanisms,
        _ => AttributeKind::Bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_four_words() {
        assert_eq!(size_of::<Attribute>(), 32);
    }

    #[test]
    fn debug_of_a_template_prints_no_bytes() {
        let template =
            Template(vec![Attribute::bytes(CKA_VALUE, b"KEY!"), Attribute::bool(CKA_TOKEN, true)]);
        assert_eq!(format!("{template:?}"), "[CKA_VALUE = 4 bytes, CKA_TOKEN = true]");
    }

    #[test]
    fn every_flag_and_number_of_the_table_has_its_kind() {
        assert_eq!(kind(CKA_TOKEN), AttributeKind::Bool);
        assert_eq!(kind(CKA_CLASS), AttributeKind::Ulong);
        assert_eq!(kind(CKA_START_DATE), AttributeKind::Date);
        assert_eq!(kind(CKA_UNWRAP_TEMPLATE), AttributeKind::Template);
        assert_eq!(kind(CKA_ALLOWED_MECHANISMS), AttributeKind::Mechanisms);
        assert_eq!(kind(CKA_MODULUS), AttributeKind::Bytes);
        assert_eq!(kind(0x8765_4321), AttributeKind::Bytes);
    }
}
