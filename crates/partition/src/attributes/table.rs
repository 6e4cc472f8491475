//! The table of attributes: PKCS#11 3.1, tables 11 to 32 and those of chapter 6, row by row.

use hsmsim_types::ck::*;

use super::{
    Initial::{self, *},
    Later::{self, *},
    Rule, Shape,
    Source::{self, *},
    Way,
};

const DATA: u32 = Shape::Data.bit();
const CERT: u32 = Shape::Certificate.bit();
const RSA_PUB: u32 = Shape::RsaPublic.bit();
const EC_PUB: u32 = Shape::EcPublic.bit();
const RSA_PRIV: u32 = Shape::RsaPrivate.bit();
const EC_PRIV: u32 = Shape::EcPrivate.bit();
const SECRET: u32 = Shape::Secret.bit();
const DSA_PUB: u32 = Shape::DsaPublic.bit();
const DSA_PRIV: u32 = Shape::DsaPrivate.bit();
const DH_PUB: u32 = Shape::DhPublic.bit();
const DH_PRIV: u32 = Shape::DhPrivate.bit();
const X942_PUB: u32 = Shape::X942DhPublic.bit();
const X942_PRIV: u32 = Shape::X942DhPrivate.bit();
const SET_PUB: u32 = Shape::SetPublic.bit();
const SEED_PRIV: u32 = Shape::SeedPrivate.bit();
const SET_PRIV: u32 = Shape::SetPrivate.bit();
const HSS_PUB: u32 = Shape::HssPublic.bit();
const FIELD_PUB: u32 = DSA_PUB | DH_PUB | X942_PUB;
const FIELD_PRIV: u32 = DSA_PRIV | DH_PRIV | X942_PRIV;
const PUBLIC: u32 = RSA_PUB | EC_PUB | FIELD_PUB | SET_PUB | HSS_PUB;
const PRIVATE: u32 = RSA_PRIV | EC_PRIV | FIELD_PRIV | SEED_PRIV | SET_PRIV;
const KEYS: u32 = PUBLIC | PRIVATE | SECRET;
const ALL: u32 = DATA | CERT | KEYS;

const CREATE: u8 = Way::Create.bit();
const GENERATE: u8 = Way::Generate.bit();

const fn row(kind: u64, shapes: u32, source: Source, initial: Initial, later: Later) -> Rule {
    Rule { kind, shapes, source, required: 0, initial, later, secret: false, by_officer: false }
}

impl Rule {
    const fn required(mut self, ways: u8) -> Self {
        self.required = ways;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn by_officer(mut self) -> Self {
        self.by_officer = true;
        self
    }
}

/// Every attribute that an object here can have.
#[rustfmt::skip]
pub(super) static RULES: &[Rule] = &[
    // Every object.
    row(CKA_CLASS, ALL, Operation, Absent, No).required(CREATE),
    row(CKA_TOKEN, ALL, Caller, Flag(false), InCopies),
    row(CKA_PRIVATE, DATA | PRIVATE | SECRET, Caller, Flag(true), InCopies),
    row(CKA_PRIVATE, CERT | PUBLIC, Caller, Flag(false), InCopies),
    row(CKA_MODIFIABLE, ALL, Caller, Flag(true), InCopies),
    row(CKA_COPYABLE, ALL, Caller, Flag(true), ToFalse),
    row(CKA_DESTROYABLE, ALL, Caller, Flag(true), InCopies),
    row(CKA_LABEL, ALL, Caller, Empty, Free),
    row(CKA_UNIQUE_ID, ALL, Token, Absent, No),
    row(CKA_OUID, ALL, Token, Absent, No),

    // Data.
    row(CKA_APPLICATION, DATA, Caller, Empty, Free),
    row(CKA_OBJECT_ID, DATA, Caller, Empty, Free),
    row(CKA_VALUE, DATA, Caller, Empty, Free),

    // Certificates. Whether CKA_VALUE may be missing depends on CKA_URL: see `computed`.
    row(CKA_CERTIFICATE_TYPE, CERT, Caller, Absent, No).required(CREATE),
    row(CKA_TRUSTED, CERT | PUBLIC | SECRET, Caller, Flag(false), Free).by_officer(),
    row(CKA_CERTIFICATE_CATEGORY, CERT, Caller, Number(CK_CERTIFICATE_CATEGORY_UNSPECIFIED), No),
    row(CKA_SUBJECT, CERT, Caller, Absent, No).required(CREATE),
    row(CKA_ISSUER, CERT, Caller, Empty, Free),
    row(CKA_SERIAL_NUMBER, CERT, Caller, Empty, Free),
    row(CKA_VALUE, CERT, Caller, Empty, No),
    row(CKA_URL, CERT, Caller, Empty, No),
    row(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT, Caller, Empty, No),
    row(CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERT, Caller, Empty, No),
    row(CKA_JAVA_MIDP_SECURITY_DOMAIN, CERT, Caller, Number(CK_SECURITY_DOMAIN_UNSPECIFIED), No),
    row(CKA_NAME_HASH_ALGORITHM, CERT, Caller, Absent, No),
    row(CKA_CHECK_VALUE, CERT | SECRET, Operation, Absent, No),

    // Every key.
    row(CKA_KEY_TYPE, KEYS, Operation, Absent, No).required(CREATE),
    row(CKA_ID, CERT | KEYS, Caller, Empty, Free),
    row(CKA_START_DATE, CERT | KEYS, Caller, Empty, Free),
    row(CKA_END_DATE, CERT | KEYS, Caller, Empty, Free),
    row(CKA_DERIVE, KEYS, Caller, IfCapable, Free),
    row(CKA_LOCAL, KEYS, Token, Flag(false), No),
    row(CKA_KEY_GEN_MECHANISM, KEYS, Token, Number(CK_UNAVAILABLE_INFORMATION), No),
    row(CKA_ALLOWED_MECHANISMS, KEYS, Caller, Absent, No),
    row(CKA_PUBLIC_KEY_INFO, CERT, Caller, Empty, No),
    row(CKA_PUBLIC_KEY_INFO, PUBLIC | PRIVATE, Operation, Absent, No),
    row(CKA_SUBJECT, PUBLIC | PRIVATE, Caller, Empty, Free),

    // Usage.
    row(CKA_ENCRYPT, PUBLIC | SECRET, Caller, IfCapable, Free),
    row(CKA_VERIFY, PUBLIC | SECRET, Caller, IfCapable, Free),
    row(CKA_VERIFY_RECOVER, PUBLIC, Caller, IfCapable, Free),
    row(CKA_WRAP, PUBLIC | SECRET, Caller, IfCapable, Free),
    row(CKA_DECRYPT, PRIVATE | SECRET, Caller, IfCapable, Free),
    row(CKA_SIGN, PRIVATE | SECRET, Caller, IfCapable, Free),
    row(CKA_SIGN_RECOVER, PRIVATE, Caller, IfCapable, Free),
    row(CKA_UNWRAP, PRIVATE | SECRET, Caller, IfCapable, Free),
    row(CKA_WRAP_TEMPLATE, PUBLIC | SECRET, Caller, Absent, No),
    row(CKA_UNWRAP_TEMPLATE, PRIVATE | SECRET, Caller, Absent, No),
    row(CKA_DERIVE_TEMPLATE, PRIVATE | SECRET, Caller, Absent, No),
    row(CKA_ENCAPSULATE, PUBLIC, Caller, IfCapable, Free),
    row(CKA_DECAPSULATE, PRIVATE, Caller, IfCapable, Free),
    row(CKA_ENCAPSULATE_TEMPLATE, PUBLIC, Caller, Absent, No),
    row(CKA_DECAPSULATE_TEMPLATE, PRIVATE, Caller, Absent, No),

    // Protection. The defaults are the cautious ones, and those of the token that most
    // applications were written against.
    row(CKA_SENSITIVE, PRIVATE | SECRET, Caller, Flag(true), ToTrue),
    row(CKA_EXTRACTABLE, PRIVATE | SECRET, Caller, Flag(false), ToFalse),
    row(CKA_WRAP_WITH_TRUSTED, PRIVATE | SECRET, Caller, Flag(false), ToTrue),
    row(CKA_ALWAYS_SENSITIVE, PRIVATE | SECRET, Token, Flag(false), No),
    row(CKA_NEVER_EXTRACTABLE, PRIVATE | SECRET, Token, Flag(false), No),
    row(CKA_ALWAYS_AUTHENTICATE, PRIVATE, Caller, Flag(false), No),

    // RSA (6.1).
    row(CKA_MODULUS, RSA_PUB | RSA_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_MODULUS_BITS, RSA_PUB, Operation, Absent, No).required(GENERATE),
    row(CKA_PUBLIC_EXPONENT, RSA_PUB, Operation, Absent, No).required(CREATE),
    row(CKA_PUBLIC_EXPONENT, RSA_PRIV, Operation, Absent, No),
    row(CKA_PRIVATE_EXPONENT, RSA_PRIV, Operation, Absent, No).required(CREATE).secret(),
    row(CKA_PRIME_1, RSA_PRIV, Operation, Absent, No).secret(),
    row(CKA_PRIME_2, RSA_PRIV, Operation, Absent, No).secret(),
    row(CKA_EXPONENT_1, RSA_PRIV, Operation, Absent, No).secret(),
    row(CKA_EXPONENT_2, RSA_PRIV, Operation, Absent, No).secret(),
    row(CKA_COEFFICIENT, RSA_PRIV, Operation, Absent, No).secret(),

    // Elliptic curves (6.3). CKA_EC_POINT on a private key is no attribute of the standard, but
    // several applications store it there and look for it.
    row(CKA_EC_PARAMS, EC_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_EC_PARAMS, EC_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_EC_POINT, EC_PUB, Operation, Absent, No).required(CREATE),
    row(CKA_EC_POINT, EC_PRIV, Operation, Absent, No),
    row(CKA_VALUE, EC_PRIV, Operation, Absent, No).required(CREATE).secret(),

    // DSA (6.2) and Diffie-Hellman (6.4 to 6.6).
    row(CKA_PRIME, FIELD_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_PRIME, FIELD_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_SUBPRIME, DSA_PUB | X942_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_SUBPRIME, DSA_PRIV | X942_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_BASE, FIELD_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_BASE, FIELD_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_VALUE, FIELD_PUB, Operation, Absent, No).required(CREATE),
    row(CKA_VALUE, FIELD_PRIV, Operation, Absent, No).required(CREATE).secret(),
    row(CKA_VALUE_BITS, DH_PRIV, Operation, Absent, No),

    // ML-KEM, ML-DSA, SLH-DSA (3.2, 6.67 to 6.69), HSS (6.65). A private key is its seed or its value: see
    // `computed`.
    row(CKA_PARAMETER_SET, SET_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_PARAMETER_SET, SEED_PRIV | SET_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_VALUE, SET_PUB | HSS_PUB, Operation, Absent, No).required(CREATE),
    row(CKA_SEED, SEED_PRIV, Operation, Absent, No).secret(),
    row(CKA_VALUE, SEED_PRIV, Operation, Absent, No).secret(),
    row(CKA_VALUE, SET_PRIV, Operation, Absent, No).required(CREATE).secret(),
    row(CKA_HSS_LEVELS, HSS_PUB, Operation, Absent, No),
    row(CKA_HSS_LMS_TYPE, HSS_PUB, Operation, Absent, No),
    row(CKA_HSS_LMOTS_TYPE, HSS_PUB, Operation, Absent, No),

    // Secret keys (6.7, 6.10).
    row(CKA_VALUE, SECRET, Operation, Absent, No).required(CREATE).secret(),
    row(CKA_VALUE_LEN, SECRET, Operation, Absent, No),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_has_two_rules_for_one_attribute() {
        for (at, rule) in RULES.iter().enumerate() {
            for other in &RULES[at + 1..] {
                assert!(
                    rule.kind != other.kind || rule.shapes & other.shapes == 0,
                    "{} stands twice",
                    rule.name()
                );
            }
        }
    }

    #[test]
    fn no_part_of_a_secret_ever_changes() {
        for rule in RULES.iter().filter(|rule| rule.secret) {
            assert_eq!(rule.later, No, "{}", rule.name());
        }
    }

    #[test]
    fn what_the_token_alone_says_is_never_asked_for() {
        for rule in RULES.iter().filter(|rule| rule.source == Token) {
            assert_eq!(rule.required, 0, "{}", rule.name());
            assert_eq!(rule.later, No, "{}", rule.name());
        }
    }
}
