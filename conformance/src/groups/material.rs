//! Keys whose values the suite knows, and templates.

use cryptoki_sys::*;

use crate::{
    case::{Stop, Template},
    openssl::Key,
};

/// A key pair in PKCS#8 and SubjectPublicKeyInfo, made for these tests.
pub(super) struct Pair {
    private: &'static [u8],
    public: &'static [u8],
}

macro_rules! pair {
    ($name:ident, $file:literal) => {
        pub(super) const $name: Pair = Pair {
            private: include_bytes!(concat!("../../data/", $file, ".der")),
            public: include_bytes!(concat!("../../data/", $file, ".pub.der")),
        };
    };
}

pair!(RSA, "rsa-2048");
pair!(P256, "p256");
pair!(P384, "p384");
pair!(P521, "p521");
pair!(ED25519, "ed25519");
pair!(X25519, "x25519");

/// The contents of the DER element at the beginning, and what follows it.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, first) = (der[0], usize::from(der[1]));
    let (at, len) = if first < 0x80 {
        (2, first)
    } else {
        let count = first - 0x80;
        (2 + count, der[2..2 + count].iter().fold(0, |len, &byte| len << 8 | usize::from(byte)))
    };
    (tag, &der[at..at + len], &der[at + len..])
}

/// The contents of the elements inside an element.
fn elements(der: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut rest, mut all) = (der, Vec::new());
    while !rest.is_empty() {
        let (tag, content, after) = element(rest);
        all.push((tag, content));
        rest = after;
    }
    all
}

fn unsigned(bytes: &[u8]) -> &[u8] {
    if bytes.len() > 1 && bytes[0] == 0 { &bytes[1..] } else { bytes }
}

impl Pair {
    /// OpenSSL's public key.
    pub(super) fn public(&self) -> Result<Key, Stop> {
        Key::public(self.public).ok_or_else(no_openssl)
    }

    /// OpenSSL's private key.
    pub(super) fn private(&self) -> Result<Key, Stop> {
        Key::private(self.private).ok_or_else(no_openssl)
    }

    /// The SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> &'static [u8] {
        self.public
    }

    /// The PKCS#8.
    pub(super) fn pkcs8(&self) -> &'static [u8] {
        self.private
    }

    fn inner(&self) -> &'static [u8] {
        // PrivateKeyInfo: version, algorithm, OCTET STRING.
        elements(element(self.private).1)[2].1
    }

    /// n, e, d, p, q, dp, dq, qinv.
    fn rsa(&self) -> Vec<&'static [u8]> {
        elements(element(self.inner()).1)[1..].iter().map(|(_, number)| unsigned(number)).collect()
    }

    /// CKA_EC_PARAMS: the curve's name, in DER.
    fn curve(&self) -> Vec<u8> {
        let algorithm = elements(element(self.public).1)[0].1;
        let (tag, name) = elements(algorithm).into_iter().nth(1).unwrap_or_else(|| {
            // Edwards and Montgomery: the algorithm is the curve (6.3.5, 6.3.7).
            elements(algorithm)[0]
        });
        [&[tag, name.len() as u8], name].concat()
    }

    /// The point, as it stands in the BIT STRING.
    pub(super) fn point(&self) -> &'static [u8] {
        &elements(element(self.public).1)[1].1[1..]
    }

    /// CKA_EC_POINT: the point in an OCTET STRING.
    pub(super) fn wrapped_point(&self) -> Vec<u8> {
        let point = self.point();
        let mut out = vec![4];
        if point.len() >= 0x80 {
            out.push(0x81);
        }
        out.push(point.len() as u8);
        out.extend_from_slice(point);
        out
    }

    /// Whether it is an RSA pair.
    pub(super) fn is_rsa(&self) -> bool {
        self.key_type() == CKK_RSA
    }

    fn key_type(&self) -> CK_ULONG {
        match self.public.len() {
            44 if self.public[8] == 0x70 => CKK_EC_EDWARDS,
            44 => CKK_EC_MONTGOMERY,
            294 => CKK_RSA,
            _ => CKK_EC,
        }
    }

    /// A template for C_CreateObject, with these uses.
    pub(super) fn private_template(&self, uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
        let key_type = self.key_type();
        let mut template = Template::new()
            .number(CKA_CLASS, CKO_PRIVATE_KEY)
            .number(CKA_KEY_TYPE, key_type)
            .flag(CKA_TOKEN, false)
            .flag(CKA_SENSITIVE, false)
            .flag(CKA_EXTRACTABLE, true);
        if key_type == CKK_RSA {
            let kinds = [
                CKA_MODULUS,
                CKA_PUBLIC_EXPONENT,
                CKA_PRIVATE_EXPONENT,
                CKA_PRIME_1,
                CKA_PRIME_2,
                CKA_EXPONENT_1,
                CKA_EXPONENT_2,
                CKA_COEFFICIENT,
            ];
            for (kind, number) in kinds.into_iter().zip(self.rsa()) {
                template = template.bytes(kind, number);
            }
        } else {
            let inner = self.inner();
            // ECPrivateKey: version, OCTET STRING; Curve25519: an OCTET STRING alone.
            let value =
                if key_type == CKK_EC { elements(element(inner).1)[1].1 } else { element(inner).1 };
            template = template.bytes(CKA_EC_PARAMS, &self.curve()).bytes(CKA_VALUE, value);
        }
        with_uses(template, uses)
    }

    /// A template for C_CreateObject, with these uses.
    pub(super) fn public_template(&self, uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
        let key_type = self.key_type();
        let template = Template::new()
            .number(CKA_CLASS, CKO_PUBLIC_KEY)
            .number(CKA_KEY_TYPE, key_type)
            .flag(CKA_TOKEN, false);
        let template = if key_type == CKK_RSA {
            let numbers = self.rsa();
            template.bytes(CKA_MODULUS, numbers[0]).bytes(CKA_PUBLIC_EXPONENT, numbers[1])
        } else {
            template.bytes(CKA_EC_PARAMS, &self.curve()).bytes(CKA_EC_POINT, &self.wrapped_point())
        };
        with_uses(template, uses)
    }

    /// For C_GenerateKeyPair: a public template of the same kind and size.
    pub(super) fn like(&self) -> Template {
        if self.key_type() == CKK_RSA {
            Template::new().number(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])
        } else {
            Template::new().bytes(CKA_EC_PARAMS, &self.curve())
        }
    }
}

/// The template with these uses allowed.
pub(super) fn with_uses(template: Template, uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    uses.iter().fold(template, |template, &used| template.flag(used, true))
}

/// A secret key as a session object that can be read.
pub(super) fn secret(key_type: CK_ULONG, value: &[u8], uses: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let template = Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, key_type)
        .flag(CKA_TOKEN, false)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
        .bytes(CKA_VALUE, value);
    with_uses(template, uses)
}

/// A data object.
pub(super) fn data(label: &str, value: &[u8]) -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_DATA)
        .flag(CKA_TOKEN, false)
        .flag(CKA_PRIVATE, false)
        .bytes(CKA_LABEL, label.as_bytes())
        .bytes(CKA_VALUE, value)
}

/// Bytes that are the same every time and fit any cipher: DES keys among them have odd parity.
pub(super) fn pattern(len: usize) -> Vec<u8> {
    let byte = |at: usize| (at as u8).wrapping_mul(37).wrapping_add(11);
    (0..len).map(byte).collect()
}

/// A key of that type; DES keys with odd parity, no two parts alike.
pub(super) fn key_bytes(key_type: CK_ULONG, len: usize) -> Vec<u8> {
    let mut bytes = pattern(len);
    if matches!(key_type, CKK_DES | CKK_DES2 | CKK_DES3) {
        for byte in &mut bytes {
            *byte = *byte & 0xFE | u8::from((*byte & 0xFE).count_ones() % 2 == 0);
        }
    }
    bytes
}

/// libcrypto is not here, or refuses.
pub(super) fn no_openssl() -> Stop {
    Stop::Fail("libcrypto.so.3 is not here or does not do this".to_owned())
}

impl Pair {
    /// Tells cases of one mechanism apart.
    pub(super) fn variant(&self) -> &'static str {
        match self.public.len() {
            91 => ".p256",
            120 => ".p384",
            158 => ".p521",
            _ => "",
        }
    }
}
