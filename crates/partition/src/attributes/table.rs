//! The table of attributes: PKCS#11 3.2, the tables of chapter 4 and those of chapter 6, row by row.

use hsmsim_types::ck::*;

use super::{
    Initial::{self, *},
    Later::{self, *},
    Rule, Shape, Shapes,
    Source::{self, *},
    Way,
};

const DATA: Shapes = Shape::Data.bit();
const X509: Shapes = Shape::Certificate.bit();
const ATTR_CERT: Shapes = Shape::AttributeCertificate.bit();
const WTLS: Shapes = Shape::WtlsCertificate.bit();
const CERT: Shapes = X509 | ATTR_CERT | WTLS;
const TRUST: Shapes = Shape::Trust.bit();
const RSA_PUB: Shapes = Shape::RsaPublic.bit();
const EC_PUB: Shapes = Shape::EcPublic.bit();
const RSA_PRIV: Shapes = Shape::RsaPrivate.bit();
const EC_PRIV: Shapes = Shape::EcPrivate.bit();
const OTP: Shapes = Shape::Otp.bit();
const SECRET: Shapes = Shape::Secret.bit() | OTP;
const DSA_PUB: Shapes = Shape::DsaPublic.bit();
const DSA_PRIV: Shapes = Shape::DsaPrivate.bit();
const DSA_PARAMS: Shapes = Shape::DsaParameters.bit();
const DH_PUB: Shapes = Shape::DhPublic.bit();
const DH_PRIV: Shapes = Shape::DhPrivate.bit();
const DH_PARAMS: Shapes = Shape::DhParameters.bit();
const X942_PUB: Shapes = Shape::X942Public.bit();
const X942_PRIV: Shapes = Shape::X942Private.bit();
const X942_PARAMS: Shapes = Shape::X942Parameters.bit();
const PARAMS: Shapes = DSA_PARAMS | DH_PARAMS | X942_PARAMS;
/// Keys over the integers modulo a prime, whose domain is in each of them.
const FIELD_PUB: Shapes = DSA_PUB | DH_PUB | X942_PUB;
const FIELD_PRIV: Shapes = DSA_PRIV | DH_PRIV | X942_PRIV;
const SET_PUB: Shapes = Shape::SetPublic.bit();
const SEED_PRIV: Shapes = Shape::SeedPrivate.bit();
const SET_PRIV: Shapes = Shape::SetPrivate.bit();
const HSS_PUB: Shapes = Shape::HssPublic.bit();
const PUBLIC: Shapes = RSA_PUB | EC_PUB | FIELD_PUB | SET_PUB | HSS_PUB;
const PRIVATE: Shapes = RSA_PRIV | EC_PRIV | FIELD_PRIV | SEED_PRIV | SET_PRIV;
const KEYS: Shapes = PUBLIC | PRIVATE | SECRET;
const ALL: Shapes = DATA | CERT | TRUST | PARAMS | KEYS;

const CREATE: u8 = Way::Create.bit();
const GENERATE: u8 = Way::Generate.bit();
const UNWRAP: u8 = Way::Unwrap.bit();

const fn row(kind: u64, shapes: Shapes, source: Source, initial: Initial, later: Later) -> Rule {
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
    row(CKA_PRIVATE, CERT | TRUST | PARAMS | PUBLIC, Caller, Flag(false), InCopies),
    row(CKA_MODIFIABLE, ALL, Caller, Flag(true), InCopies),
    row(CKA_COPYABLE, ALL, Caller, Flag(true), ToFalse),
    row(CKA_DESTROYABLE, ALL, Caller, Flag(true), InCopies),
    row(CKA_LABEL, ALL, Caller, Empty, Free),
    row(CKA_UNIQUE_ID, ALL, Token, Absent, No),
    row(CKA_OUID, ALL, Token, Absent, No),

    // Data.
    row(CKA_APPLICATION, DATA, Caller, Empty, No),
    row(CKA_OBJECT_ID, DATA, Caller, Empty, No),
    row(CKA_VALUE, DATA, Caller, Empty, No),

    // Certificates. Whether CKA_VALUE may be missing depends on CKA_URL: see `computed`.
    row(CKA_CERTIFICATE_TYPE, CERT, Caller, Absent, No).required(CREATE),
    row(CKA_TRUSTED, CERT | PUBLIC | SECRET, Caller, Flag(false), Free).by_officer(),
    row(CKA_CERTIFICATE_CATEGORY, CERT, Caller, Number(CK_CERTIFICATE_CATEGORY_UNSPECIFIED), No),
    row(CKA_CHECK_VALUE, CERT, Operation, Absent, No),
    row(CKA_START_DATE, CERT, Caller, Empty, No),
    row(CKA_END_DATE, CERT, Caller, Empty, No),
    row(CKA_PUBLIC_KEY_INFO, CERT, Caller, Empty, No),
    row(CKA_ID, X509, Caller, Empty, Free),
    row(CKA_SUBJECT, X509 | WTLS, Caller, Absent, No).required(CREATE),
    row(CKA_ISSUER, X509 | WTLS, Caller, Empty, Free),
    row(CKA_SERIAL_NUMBER, X509 | ATTR_CERT, Caller, Empty, Free),
    row(CKA_VALUE, X509 | WTLS, Caller, Empty, No),
    row(CKA_URL, X509 | WTLS, Caller, Empty, No),
    row(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, X509 | WTLS, Caller, Empty, No),
    row(CKA_HASH_OF_ISSUER_PUBLIC_KEY, X509 | WTLS, Caller, Empty, No),
    row(CKA_JAVA_MIDP_SECURITY_DOMAIN, X509, Caller, Number(CK_SECURITY_DOMAIN_UNSPECIFIED), No),
    row(CKA_NAME_HASH_ALGORITHM, X509 | WTLS, Caller, Absent, No),
    row(CKA_OWNER, ATTR_CERT, Caller, Absent, No).required(CREATE),
    row(CKA_AC_ISSUER, ATTR_CERT, Caller, Empty, Free),
    row(CKA_ATTR_TYPES, ATTR_CERT, Caller, Empty, Free),
    row(CKA_VALUE, ATTR_CERT, Caller, Absent, No).required(CREATE),

    // Trust in a certificate. When the hash may be missing: see `computed`. A purpose that is not
    // there counts as CKT_TRUST_UNKNOWN; what is trusted changes, so the purposes can be set.
    row(CKA_ISSUER, TRUST, Caller, Absent, No).required(CREATE),
    row(CKA_SERIAL_NUMBER, TRUST, Caller, Absent, No).required(CREATE),
    row(CKA_HASH_OF_CERTIFICATE, TRUST, Caller, Empty, No),
    row(CKA_NAME_HASH_ALGORITHM, TRUST, Caller, Absent, No),
    row(CKA_TRUST_SERVER_AUTH, TRUST, Caller, Absent, Free),
    row(CKA_TRUST_CLIENT_AUTH, TRUST, Caller, Absent, Free),
    row(CKA_TRUST_CODE_SIGNING, TRUST, Caller, Absent, Free),
    row(CKA_TRUST_EMAIL_PROTECTION, TRUST, Caller, Absent, Free),
    row(CKA_TRUST_IPSEC_IKE, TRUST, Caller, Absent, Free),
    row(CKA_TRUST_TIME_STAMPING, TRUST, Caller, Absent, Free),
    row(CKA_TRUST_OCSP_SIGNING, TRUST, Caller, Absent, Free),

    // Every key.
    row(CKA_KEY_TYPE, KEYS, Operation, Absent, No).required(CREATE | UNWRAP),
    row(CKA_KEY_TYPE, PARAMS, Operation, Absent, No).required(CREATE),
    row(CKA_ID, KEYS, Caller, Empty, Free),
    row(CKA_START_DATE, KEYS, Caller, Empty, Free),
    row(CKA_END_DATE, KEYS, Caller, Empty, Free),
    row(CKA_DERIVE, KEYS, Caller, IfCapable, Free),
    row(CKA_LOCAL, PARAMS | KEYS, Token, Flag(false), No),
    row(CKA_KEY_GEN_MECHANISM, KEYS, Token, Number(CK_UNAVAILABLE_INFORMATION), No),
    row(CKA_ALLOWED_MECHANISMS, KEYS, Caller, Absent, No),
    // Not kept but said when it is asked for: see `implied`.
    row(CKA_OBJECT_VALIDATION_FLAGS, KEYS, Operation, Absent, No),
    row(CKA_PUBLIC_CRC64_VALUE, FIELD_PUB | SET_PUB | HSS_PUB, Operation, Absent, No),
    // A private key must be found to belong to it (4.10).
    row(CKA_PUBLIC_KEY_INFO, PUBLIC & !HSS_PUB, Operation, Absent, No),
    row(CKA_PUBLIC_KEY_INFO, PRIVATE, Operation, Absent, AsItIs),
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

    // Luna's: a limit of uses and what was used of it (`limit`), fingerprints (`implied`).
    row(CKA_USAGE_LIMIT, KEYS, Caller, Absent, Free),
    row(CKA_USAGE_COUNT, KEYS, Caller, Absent, Free),
    row(CKA_FINGERPRINT_SHA1, KEYS, Token, Absent, No),
    row(CKA_FINGERPRINT_SHA256, KEYS, Token, Absent, No),

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
    row(CKA_CHECK_VALUE, SECRET, Operation, Absent, ToEmpty),
    row(CKA_VALUE, SECRET, Operation, Absent, No).required(CREATE).secret(),
    row(CKA_VALUE_LEN, SECRET, Operation, Absent, No),

    // DSA (6.2), Diffie-Hellman and X9.42 Diffie-Hellman (6.4): keys and their domains.
    row(CKA_PRIME, FIELD_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_PRIME, FIELD_PRIV | PARAMS, Operation, Absent, No).required(CREATE),
    row(CKA_SUBPRIME, DSA_PUB | X942_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_SUBPRIME, DSA_PRIV | X942_PRIV, Operation, Absent, No).required(CREATE),
    row(CKA_SUBPRIME, DSA_PARAMS | X942_PARAMS, Operation, Absent, No).required(CREATE),
    row(CKA_BASE, FIELD_PUB, Operation, Absent, No).required(CREATE | GENERATE),
    row(CKA_BASE, FIELD_PRIV | PARAMS, Operation, Absent, No).required(CREATE),
    row(CKA_PRIME_BITS, PARAMS, Operation, Absent, No).required(GENERATE),
    // A length that 6.2.10 and 6.2.11 take beside the table of 6.2.4.
    row(CKA_SUBPRIME_BITS, DSA_PARAMS, Operation, Absent, No),
    row(CKA_SUBPRIME_BITS, X942_PARAMS, Operation, Absent, No).required(GENERATE),
    row(CKA_VALUE, FIELD_PUB, Operation, Absent, No).required(CREATE),
    row(CKA_VALUE, FIELD_PRIV, Operation, Absent, No).required(CREATE).secret(),
    row(CKA_VALUE_BITS, DH_PRIV, Operation, Absent, No),

    // One-time passwords (6.45). The counter goes on by itself; its first value is set with the rest of the
    // key's numbers, see `computed`.
    row(CKA_OTP_FORMAT, OTP, Caller, Number(CK_OTP_FORMAT_DECIMAL), No),
    row(CKA_OTP_LENGTH, OTP, Caller, Number(6), No),
    row(CKA_OTP_USER_FRIENDLY_MODE, OTP, Caller, Flag(false), No),
    row(CKA_OTP_CHALLENGE_REQUIREMENT, OTP, Caller, Number(CK_OTP_PARAM_IGNORED), No),
    row(CKA_OTP_TIME_REQUIREMENT, OTP, Caller, Number(CK_OTP_PARAM_IGNORED), No),
    row(CKA_OTP_COUNTER_REQUIREMENT, OTP, Caller, Number(CK_OTP_PARAM_OPTIONAL), No),
    row(CKA_OTP_PIN_REQUIREMENT, OTP, Caller, Number(CK_OTP_PARAM_IGNORED), No),
    row(CKA_OTP_COUNTER, OTP, Caller, Absent, No),
    row(CKA_OTP_TIME, OTP, Caller, Empty, Free),
    row(CKA_OTP_USER_IDENTIFIER, OTP, Caller, Empty, Free),
    row(CKA_OTP_SERVICE_IDENTIFIER, OTP, Caller, Empty, Free),
    row(CKA_OTP_SERVICE_LOGO, OTP, Caller, Empty, Free),
    row(CKA_OTP_SERVICE_LOGO_TYPE, OTP, Caller, Empty, Free),
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
