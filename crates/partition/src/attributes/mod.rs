//! Attributes and their rules (PKCS#11 3.2, chapter 4).
//!
//! [`table`] says for every attribute which objects have it, who may give it when, what it is when
//! left out, and whether it is shown. The code here and beside it reads that table and knows no
//! attribute by itself, except where a value is computed from others ([`computed`]).

pub(crate) mod build;
pub(crate) mod change;
pub(crate) mod computed;
mod crc64;
mod field;
pub(crate) mod implied;
mod limit;
mod table;
pub(crate) mod template;
mod usage;

use hsmsim_types::{
    Result,
    ck::*,
    error::fail,
    names::{attribute, key_type, object_class, or_hex},
};

use crate::object::{Object, secret_type::SecretType};

/// How an object comes into being or is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// C_CreateObject.
    Create,
    /// C_GenerateKey and C_GenerateKeyPair.
    Generate,
    /// C_UnwrapKey.
    Unwrap,
    /// C_DeriveKey.
    Derive,
    /// C_CopyObject.
    Copy,
    /// C_SetAttributeValue.
    Set,
}

impl Way {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of [`Shape`]s.
pub(crate) type Shapes = u32;

/// What an object is, as far as its attributes go: a set of these says which objects have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// CKO_DATA.
    Data,
    /// CKO_CERTIFICATE, CKC_X_509.
    Certificate,
    /// CKO_CERTIFICATE, CKC_X_509_ATTR_CERT.
    AttributeCertificate,
    /// CKO_CERTIFICATE, CKC_WTLS.
    WtlsCertificate,
    /// CKO_TRUST.
    Trust,
    /// CKO_PUBLIC_KEY, CKK_RSA.
    RsaPublic,
    /// CKO_PUBLIC_KEY, CKK_EC and its Edwards and Montgomery kin.
    EcPublic,
    /// CKO_PRIVATE_KEY, CKK_RSA.
    RsaPrivate,
    /// CKO_PRIVATE_KEY, CKK_EC and its Edwards and Montgomery kin.
    EcPrivate,
    /// CKO_SECRET_KEY.
    Secret,
    /// CKO_PUBLIC_KEY, CKK_DSA.
    DsaPublic,
    /// CKO_PRIVATE_KEY, CKK_DSA.
    DsaPrivate,
    /// CKO_DOMAIN_PARAMETERS, CKK_DSA.
    DsaParameters,
    /// CKO_PUBLIC_KEY, CKK_DH.
    DhPublic,
    /// CKO_PRIVATE_KEY, CKK_DH.
    DhPrivate,
    /// CKO_DOMAIN_PARAMETERS, CKK_DH.
    DhParameters,
    /// CKO_PUBLIC_KEY, CKK_X9_42_DH.
    X942Public,
    /// CKO_PRIVATE_KEY, CKK_X9_42_DH.
    X942Private,
    /// CKO_DOMAIN_PARAMETERS, CKK_X9_42_DH.
    X942Parameters,
    /// CKO_PUBLIC_KEY, CKK_ML_KEM, CKK_ML_DSA and CKK_SLH_DSA.
    SetPublic,
    /// CKO_PRIVATE_KEY, CKK_ML_KEM and CKK_ML_DSA.
    SeedPrivate,
    /// CKO_PRIVATE_KEY, CKK_SLH_DSA.
    SetPrivate,
    /// CKO_PUBLIC_KEY, CKK_HSS.
    HssPublic,
    /// CKO_OTP_KEY, CKK_HOTP.
    Otp,
}

impl Shape {
    const fn bit(self) -> Shapes {
        1 << self as u8
    }

    /// What a class and a key type (or certificate type) make.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID for a class or type that the token does not keep.
    pub(crate) fn of(class: u64, kind: u64) -> Result<Self> {
        Ok(match (class, kind) {
            (CKO_DATA, _) => Self::Data,
            (CKO_CERTIFICATE, CKC_X_509) => Self::Certificate,
            (CKO_CERTIFICATE, CKC_X_509_ATTR_CERT) => Self::AttributeCertificate,
            (CKO_CERTIFICATE, CKC_WTLS) => Self::WtlsCertificate,
            (CKO_CERTIFICATE, kind) => {
                return fail(
                    CKR_ATTRIBUTE_VALUE_INVALID,
                    format!("CKA_CERTIFICATE_TYPE {kind:#x} is not kept"),
                );
            }
            (CKO_TRUST, _) => Self::Trust,
            (CKO_PUBLIC_KEY, CKK_RSA) => Self::RsaPublic,
            (CKO_PUBLIC_KEY, CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => Self::EcPublic,
            (CKO_PRIVATE_KEY, CKK_RSA) => Self::RsaPrivate,
            (CKO_PRIVATE_KEY, CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => Self::EcPrivate,
            (CKO_PUBLIC_KEY, CKK_DSA) => Self::DsaPublic,
            (CKO_PRIVATE_KEY, CKK_DSA) => Self::DsaPrivate,
            (CKO_DOMAIN_PARAMETERS, CKK_DSA) => Self::DsaParameters,
            (CKO_PUBLIC_KEY, CKK_DH) => Self::DhPublic,
            (CKO_PRIVATE_KEY, CKK_DH) => Self::DhPrivate,
            (CKO_DOMAIN_PARAMETERS, CKK_DH) => Self::DhParameters,
            (CKO_PUBLIC_KEY, CKK_X9_42_DH) => Self::X942Public,
            (CKO_PRIVATE_KEY, CKK_X9_42_DH) => Self::X942Private,
            (CKO_DOMAIN_PARAMETERS, CKK_X9_42_DH) => Self::X942Parameters,
            (CKO_PUBLIC_KEY, CKK_ML_KEM | CKK_ML_DSA | CKK_SLH_DSA) => Self::SetPublic,
            (CKO_PRIVATE_KEY, CKK_ML_KEM | CKK_ML_DSA) => Self::SeedPrivate,
            (CKO_PRIVATE_KEY, CKK_SLH_DSA) => Self::SetPrivate,
            (CKO_PUBLIC_KEY, CKK_HSS) => Self::HssPublic,
            (CKO_OTP_KEY, CKK_HOTP) => Self::Otp,
            (CKO_SECRET_KEY, kind) if kind != CKK_HOTP && SecretType::of(kind).is_some() => {
                Self::Secret
            }
            (
                CKO_PUBLIC_KEY
                | CKO_PRIVATE_KEY
                | CKO_SECRET_KEY
                | CKO_OTP_KEY
                | CKO_DOMAIN_PARAMETERS,
                kind,
            ) => {
                return fail(
                    CKR_ATTRIBUTE_VALUE_INVALID,
                    format!(
                        "CKA_KEY_TYPE {} is not kept as {}",
                        or_hex(key_type, kind),
                        or_hex(object_class, class)
                    ),
                );
            }
            (class, _) => {
                return fail(
                    CKR_ATTRIBUTE_VALUE_INVALID,
                    format!("CKA_CLASS {} is not kept here", or_hex(object_class, class)),
                );
            }
        })
    }

    /// Whether it is a key or the domain of a field: DSA and Diffie-Hellman.
    pub(crate) fn is_of_a_field(self) -> bool {
        matches!(
            self,
            Self::DsaPublic
                | Self::DsaPrivate
                | Self::DsaParameters
                | Self::DhPublic
                | Self::DhPrivate
                | Self::DhParameters
                | Self::X942Public
                | Self::X942Private
                | Self::X942Parameters
        )
    }

    /// The shape of an object that is already there.
    pub(crate) fn of_object(object: &Object) -> Option<Self> {
        let kind = match object.class {
            CKO_CERTIFICATE => object.attributes.ulong(CKA_CERTIFICATE_TYPE).unwrap_or(u64::MAX),
            _ => object.key_type,
        };
        Self::of(object.class, kind).ok()
    }
}

/// Whether an attribute can be changed once the object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// Never.
    No,
    /// By C_CopyObject only, for the copy.
    InCopies,
    /// At will.
    Free,
    /// Only from false to true.
    ToTrue,
    /// Only from true to false.
    ToFalse,
    /// Only to no bytes, which takes the attribute away.
    ToEmpty,
    /// To what it is already: the caller may have it checked.
    AsItIs,
}

/// What an attribute is when nobody gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initial {
    /// The object then does not have it.
    Absent,
    /// A flag.
    Flag(bool),
    /// A number.
    Number(u64),
    /// No bytes.
    Empty,
    /// A usage: whatever the key type can do.
    IfCapable,
}

/// Where an attribute's value comes from, beside the caller's template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the caller alone.
    Caller,
    /// From the operation: what the caller says must agree with it.
    Operation,
    /// From the token alone: the caller may not say it.
    Token,
}

/// The rule for one attribute on some shapes of objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// CKA number.
    pub(crate) kind: CK_ATTRIBUTE_TYPE,
    /// Set of shapes that have it.
    shapes: Shapes,
    /// Where it comes from.
    pub(crate) source: Source,
    /// Set of ways in which the caller must give it.
    required: u8,
    /// What it is when left out.
    pub(crate) initial: Initial,
    /// Whether it can change.
    pub(crate) later: Later,
    /// Whether it is part of the secret: not shown when sensitive or unextractable.
    pub(crate) secret: bool,
    /// Whether only the SO may make it true.
    pub(crate) by_officer: bool,
}

impl Rule {
    /// The rule for an attribute of an object of that shape.
    pub(crate) fn find(kind: CK_ATTRIBUTE_TYPE, shape: Shape) -> Option<&'static Self> {
        let rules = BY_SHAPE[shape as usize].rules();
        let at = rules.partition_point(|&row| table::RULES[usize::from(row)].kind < kind);
        let rule = &table::RULES[usize::from(*rules.get(at)?)];
        (rule.kind == kind).then_some(rule)
    }

    /// All rules for objects of that shape, in the order of their attributes' numbers.
    pub(crate) fn all(shape: Shape) -> impl Iterator<Item = &'static Self> + Clone {
        BY_SHAPE[shape as usize].rules().iter().map(|&row| &table::RULES[usize::from(row)])
    }

    /// Finds the rules of attributes that come in the order of their numbers.
    pub(crate) fn in_order(shape: Shape) -> impl FnMut(CK_ATTRIBUTE_TYPE) -> Option<&'static Self> {
        let mut rules = Self::all(shape).peekable();
        move |kind| {
            while rules.next_if(|rule| rule.kind < kind).is_some() {}
            rules.next_if(|rule| rule.kind == kind)
        }
    }

    /// Those of them that have a default.
    pub(crate) fn with_default(shape: Shape) -> impl Iterator<Item = &'static Self> + Clone {
        WITH_DEFAULT[shape as usize].rules().iter().map(|&row| &table::RULES[usize::from(row)])
    }

    /// Whether the caller must give it.
    pub(crate) fn is_required(&self, way: Way) -> bool {
        self.required & way.bit() != 0
    }

    /// The attribute's name, for messages.
    pub(crate) fn name(&self) -> String {
        or_hex(attribute, self.kind)
    }
}

/// The rows of the table that are of one shape, in the order of their attributes' numbers: an object is
/// built from some forty attributes, and each asks for its rule.
#[derive(Clone, Copy)]
struct OfShape {
    rows: [u8; MOST],
    len: usize,
}

/// At least as many rows as any shape has; [`by_shape`] does not compile with fewer.
const MOST: usize = 96;

static BY_SHAPE: [OfShape; Shapes::BITS as usize] = by_shape(false);

static WITH_DEFAULT: [OfShape; Shapes::BITS as usize] = by_shape(true);

impl OfShape {
    fn rules(&self) -> &[u8] {
        &self.rows[..self.len]
    }
}

/// The rows of each shape, all or those with a default.
const fn by_shape(with_default: bool) -> [OfShape; Shapes::BITS as usize] {
    let rules = table::RULES;
    assert!(rules.len() <= 1 << u8::BITS);
    let mut all = [OfShape { rows: [0; MOST], len: 0 }; Shapes::BITS as usize];
    let mut shape = 0;
    while shape < all.len() {
        let own = &mut all[shape];
        let mut row = 0;
        while row < rules.len() {
            let is_wanted = !with_default || !matches!(rules[row].initial, Initial::Absent);
            if is_wanted && rules[row].shapes & (1 << shape) != 0 {
                let mut at = own.len;
                while at > 0 && rules[own.rows[at - 1] as usize].kind > rules[row].kind {
                    own.rows[at] = own.rows[at - 1];
                    at -= 1;
                }
                own.rows[at] = row as u8;
                own.len += 1;
            }
            row += 1;
        }
        shape += 1;
    }
    all
}

/// Whether a value is there but not shown (PKCS#11 3.1, 5.7.5): part of the secret of a key that is
/// sensitive or not extractable.
pub(crate) fn is_hidden(object: &Object, kind: CK_ATTRIBUTE_TYPE) -> bool {
    let secret = Shape::of_object(object)
        .and_then(|shape| Rule::find(kind, shape))
        .is_some_and(|rule| rule.secret);
    secret && (object.attributes.flag(CKA_SENSITIVE) || !object.attributes.flag(CKA_EXTRACTABLE))
}

/// Whether keys of that class and type can be used so: the default of the usage attributes.
pub(crate) fn is_capable(class: u64, key_type: u64, usage: CK_ATTRIBUTE_TYPE) -> bool {
    match (class, key_type) {
        (CKO_PUBLIC_KEY, CKK_RSA) => matches!(
            usage,
            CKA_ENCRYPT | CKA_VERIFY | CKA_VERIFY_RECOVER | CKA_WRAP | CKA_ENCAPSULATE
        ),
        (CKO_PUBLIC_KEY, CKK_EC) => matches!(usage, CKA_VERIFY | CKA_ENCAPSULATE),
        (CKO_PUBLIC_KEY, CKK_EC_EDWARDS) => usage == CKA_VERIFY,
        (CKO_PUBLIC_KEY, CKK_EC_MONTGOMERY) => usage == CKA_ENCAPSULATE,
        (CKO_PRIVATE_KEY, CKK_RSA) => matches!(
            usage,
            CKA_DECRYPT | CKA_SIGN | CKA_SIGN_RECOVER | CKA_UNWRAP | CKA_DECAPSULATE
        ),
        (CKO_PRIVATE_KEY, CKK_EC) => matches!(usage, CKA_SIGN | CKA_DERIVE | CKA_DECAPSULATE),
        (CKO_PRIVATE_KEY, CKK_EC_EDWARDS) => usage == CKA_SIGN,
        (CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY) => matches!(usage, CKA_DERIVE | CKA_DECAPSULATE),
        (CKO_PUBLIC_KEY, CKK_DSA | CKK_ML_DSA | CKK_SLH_DSA | CKK_HSS) => usage == CKA_VERIFY,
        (CKO_PRIVATE_KEY, CKK_DSA | CKK_ML_DSA | CKK_SLH_DSA) => usage == CKA_SIGN,
        (CKO_PRIVATE_KEY, CKK_DH | CKK_X9_42_DH) => usage == CKA_DERIVE,
        (CKO_PUBLIC_KEY, CKK_ML_KEM) => usage == CKA_ENCAPSULATE,
        (CKO_PRIVATE_KEY, CKK_ML_KEM) => usage == CKA_DECAPSULATE,
        (CKO_SECRET_KEY | CKO_OTP_KEY, _) => {
            SecretType::of(key_type).is_some_and(|secret| secret.is_capable(usage))
        }
        _ => false,
    }
}
