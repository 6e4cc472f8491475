//! Key pairs that pass between the token and OpenSSL in DER: private halves through C_WrapKey and
//! C_UnwrapKey, public ones through their attributes.

use std::{cell::RefCell, collections::BTreeMap};

use cryptoki_sys::*;
use hsmsim_conformance::{
    case::{Mechanism, Template},
    module::Module,
    openssl::{self, Cipher, Generated, Key},
};

use super::token::{Token, ok, readable};

/// A key that wraps and unwraps the others on their way, and its handle.
const CARRIER: [u8; 32] = [0x5c; 32];

impl Token<'_> {
    /// A pair of keys that the token makes, as DER, by way of C_WrapKey and CKA_PUBLIC_KEY_INFO.
    #[track_caller]
    pub(crate) fn made(&self, kind: Kind, like: &Der) -> Der {
        let parts = kind.parts(&like.public);
        let public = kind.uses(Template::new().flag(CKA_TOKEN, false), true);
        let public = if matches!(kind, Kind::Rsa | Kind::RsaX931) {
            public
                .number(CKA_MODULUS_BITS, 8 * parts[0].1.len() as CK_ULONG)
                .bytes(CKA_PUBLIC_EXPONENT, &parts[1].1)
        } else {
            let domain = [CKA_EC_PARAMS, CKA_PRIME, CKA_SUBPRIME, CKA_BASE, CKA_PARAMETER_SET];
            let domain = parts.iter().filter(|(kind, _)| domain.contains(kind));
            domain.fold(public, |template, (kind, value)| template.bytes(*kind, value))
        };
        let private = Template::new()
            .flag(CKA_TOKEN, false)
            .flag(CKA_SENSITIVE, false)
            .flag(CKA_EXTRACTABLE, true);
        let (rv, public, private) = self.0.generate_pair(
            &Mechanism::plain(kind.generates()),
            &public,
            &kind.uses(private, false),
        );
        ok(("C_GenerateKeyPair", rv));
        self.carried_out(self.value(public, CKA_PUBLIC_KEY_INFO), private)
    }

    /// A private key out of the token, by way of C_WrapKey, with its public key.
    #[track_caller]
    pub(crate) fn carried_out(&self, public: Vec<u8>, private: CK_OBJECT_HANDLE) -> Der {
        let carrier = self.secret(CKK_AES, &CARRIER);
        let wrapped = self.wrap(&Mechanism::plain(CKM_AES_KEY_WRAP_KWP), carrier, private);
        let private = openssl::decrypt(carried(), &wrapped).expect("PKCS#8 from C_WrapKey");
        Der { public, private }
    }

    /// A pair brought into the token, and read by OpenSSL.
    #[track_caller]
    pub(crate) fn brought(&self, kind: Kind, der: &Der) -> Pair {
        let carrier = self.secret(CKK_AES, &CARRIER);
        let wrapped = openssl::encrypt(carried(), &der.private).expect("a wrapping");
        let template = readable(CKO_PRIVATE_KEY, kind.key_type())
            .flag(CKA_TOKEN, false)
            .flag(CKA_DERIVE, true);
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let private = self.unwrap(&kwp, carrier, &wrapped, &kind.uses(template, false));
        let template = Template::new()
            .number(CKA_CLASS, CKO_PUBLIC_KEY)
            .number(CKA_KEY_TYPE, kind.key_type())
            .flag(CKA_TOKEN, false);
        let parts = kind.parts(&der.public);
        let template =
            parts.iter().fold(template, |template, (kind, value)| template.bytes(*kind, value));
        let public = self.object(&kind.uses(template, true));
        assert_eq!(self.value(public, CKA_PUBLIC_KEY_INFO), der.public, "CKA_PUBLIC_KEY_INFO");
        Pair {
            public,
            private,
            theirs: der.private(),
            theirs_public: Key::public(&der.public).expect("a public key that OpenSSL reads"),
            value: kind.public_value(&der.public),
            spki: der.public.clone(),
        }
    }
}

/// A pair of keys: PKCS#8 and SubjectPublicKeyInfo.
#[derive(Clone)]
pub(crate) struct Der {
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
}

impl Der {
    /// OpenSSL's private key.
    pub(crate) fn private(&self) -> Key {
        Key::private(&self.private).expect("PKCS#8 that OpenSSL reads")
    }
}

/// One pair made by each side; made once for rows that want the same.
pub(crate) struct Pairs<'a> {
    module: &'a Module,
    made: RefCell<BTreeMap<(Kind, &'static str), [Der; 2]>>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn new(module: &'a Module) -> Self {
        Self { module, made: RefCell::default() }
    }

    /// Of this kind, with OpenSSL's options for it.
    #[track_caller]
    pub(crate) fn of(&self, kind: Kind, options: &'static str) -> [Der; 2] {
        let mut made = self.made.borrow_mut();
        let both = made.entry((kind, options)).or_insert_with(|| {
            let (parameters, rest) = options.split_once('|').unwrap_or(("", options));
            let rest = if kind.openssl(options) == options { "" } else { rest };
            let made = Generated::new(kind.openssl(options), parameters, rest);
            let Generated { private, public, .. } = made.expect("a pair that OpenSSL makes");
            let theirs = Der { private, public };
            [Token::open(self.module).made(kind, &theirs), theirs]
        });
        both.clone()
    }
}

fn carried() -> Cipher<'static> {
    Cipher { name: "AES-256-WRAP-PAD", key: &CARRIER, iv: &[], padded: true, tag: None }
}

/// One pair on both sides.
pub(crate) struct Pair {
    pub(crate) public: CK_OBJECT_HANDLE,
    pub(crate) private: CK_OBJECT_HANDLE,
    /// OpenSSL's.
    pub(crate) theirs: Key,
    /// OpenSSL's, the public half.
    pub(crate) theirs_public: Key,
    /// What the other side of an agreement is told: the point or the number.
    pub(crate) value: Vec<u8>,
    /// SubjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
}

/// A type of key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Rsa,
    /// With primes of X9.31.
    RsaX931,
    Ec,
    Edwards,
    Montgomery,
    Dsa,
    Dh,
    X942,
    // With the OpenSSL of `peers`.
    MlKem,
    MlDsa,
    SlhDsa,
}

impl Kind {
    pub(crate) fn key_type(self) -> CK_ULONG {
        match self {
            Self::Rsa | Self::RsaX931 => CKK_RSA,
            Self::Ec => CKK_EC,
            Self::Edwards => CKK_EC_EDWARDS,
            Self::Montgomery => CKK_EC_MONTGOMERY,
            Self::Dsa => CKK_DSA,
            Self::Dh => CKK_DH,
            Self::X942 => CKK_X9_42_DH,
            Self::MlKem => CKK_ML_KEM,
            Self::MlDsa => CKK_ML_DSA,
            Self::SlhDsa => CKK_SLH_DSA,
        }
    }

    /// OpenSSL's algorithm; of Curve25519, Curve448 and the post-quantum schemes each parameter set is
    /// one, and stands in the options' place.
    pub(crate) fn openssl(self, options: &'static str) -> &'static str {
        match self {
            Self::Rsa | Self::RsaX931 => "RSA",
            Self::Ec => "EC",
            Self::Edwards | Self::Montgomery | Self::MlKem | Self::MlDsa | Self::SlhDsa => options,
            Self::Dsa => "DSA",
            Self::Dh => "DH",
            Self::X942 => "DHX",
        }
    }

    pub(crate) fn generates(self) -> CK_MECHANISM_TYPE {
        match self {
            Self::Rsa => CKM_RSA_PKCS_KEY_PAIR_GEN,
            Self::RsaX931 => CKM_RSA_X9_31_KEY_PAIR_GEN,
            Self::Ec => CKM_EC_KEY_PAIR_GEN,
            Self::Edwards => CKM_EC_EDWARDS_KEY_PAIR_GEN,
            Self::Montgomery => CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
            Self::Dsa => CKM_DSA_KEY_PAIR_GEN,
            Self::Dh => CKM_DH_PKCS_KEY_PAIR_GEN,
            Self::X942 => CKM_X9_42_DH_KEY_PAIR_GEN,
            Self::MlKem => CKM_ML_KEM_KEY_PAIR_GEN,
            Self::MlDsa => CKM_ML_DSA_KEY_PAIR_GEN,
            Self::SlhDsa => CKM_SLH_DSA_KEY_PAIR_GEN,
        }
    }

    pub(crate) fn uses(self, template: Template, public: bool) -> Template {
        let uses: &[[CK_ATTRIBUTE_TYPE; 2]] = match self {
            Self::Rsa | Self::RsaX931 => {
                &[[CKA_SIGN, CKA_VERIFY], [CKA_DECRYPT, CKA_ENCRYPT], [CKA_UNWRAP, CKA_WRAP]]
            }
            Self::Ec => &[
                [CKA_SIGN, CKA_VERIFY],
                [CKA_DERIVE, 0],
                [CKA_UNWRAP, CKA_WRAP],
                [CKA_DECRYPT, CKA_ENCRYPT],
            ],
            Self::Edwards | Self::Dsa | Self::MlDsa | Self::SlhDsa => &[[CKA_SIGN, CKA_VERIFY]],
            Self::MlKem => &[[CKA_DECAPSULATE, CKA_ENCAPSULATE]],
            Self::Montgomery => {
                &[[CKA_DERIVE, 0], [CKA_UNWRAP, CKA_WRAP], [CKA_DECRYPT, CKA_ENCRYPT]]
            }
            Self::Dh | Self::X942 => &[[CKA_DERIVE, 0]],
        };
        let kinds = uses.iter().map(|both| both[usize::from(public)]).filter(|kind| *kind != 0);
        kinds.fold(template, |template, kind| template.flag(kind, true))
    }

    /// The attributes of a public key, out of its SubjectPublicKeyInfo.
    pub(crate) fn parts(self, spki: &[u8]) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
        let [algorithm, bits] = &elements(contents(spki))[..] else { panic!("no key information") };
        let (algorithm, value) = (elements(contents(algorithm)), &contents(bits)[1..]);
        let whole = |at: usize| algorithm[at].to_vec();
        let numbers = |of: &[u8]| -> Vec<Vec<u8>> {
            elements(contents(of)).into_iter().map(unsigned).collect()
        };
        match self {
            Self::Rsa | Self::RsaX931 => {
                let both = numbers(value);
                vec![(CKA_MODULUS, both[0].clone()), (CKA_PUBLIC_EXPONENT, both[1].clone())]
            }
            Self::Ec => vec![(CKA_EC_PARAMS, whole(1)), (CKA_EC_POINT, octets(value))],
            // The algorithm is the curve (6.3.5, 6.3.7).
            Self::Edwards | Self::Montgomery => {
                vec![(CKA_EC_PARAMS, whole(0)), (CKA_EC_POINT, octets(value))]
            }
            Self::Dsa => {
                let n = numbers(algorithm[1]);
                vec![
                    (CKA_PRIME, n[0].clone()),
                    (CKA_SUBPRIME, n[1].clone()),
                    (CKA_BASE, n[2].clone()),
                    (CKA_VALUE, unsigned(value)),
                ]
            }
            Self::Dh => {
                let n = numbers(algorithm[1]);
                let (p, g) = (n[0].clone(), n[1].clone());
                vec![(CKA_PRIME, p), (CKA_BASE, g), (CKA_VALUE, unsigned(value))]
            }
            Self::X942 => {
                let n = numbers(algorithm[1]);
                vec![
                    (CKA_PRIME, n[0].clone()),
                    (CKA_BASE, n[1].clone()),
                    (CKA_SUBPRIME, n[2].clone()),
                    (CKA_VALUE, unsigned(value)),
                ]
            }
            Self::MlKem | Self::MlDsa | Self::SlhDsa => {
                let set = self.parameter_set(algorithm[0]);
                vec![(CKA_PARAMETER_SET, set.to_ne_bytes().to_vec()), (CKA_VALUE, value.to_vec())]
            }
        }
    }

    /// The parameter set that an identifier of NIST's stands for, by its last arc: of SLH-DSA those of
    /// SHA-2 come before those of SHAKE, in PKCS#11 by turns.
    fn parameter_set(self, identifier: &[u8]) -> CK_ULONG {
        let arc = CK_ULONG::from(*identifier.last().expect("an identifier"));
        match self {
            Self::MlKem => arc,
            Self::MlDsa => arc - 16,
            _ if arc < 26 => 2 * (arc - 20) + CKP_SLH_DSA_SHA2_128S,
            _ => 2 * (arc - 26) + CKP_SLH_DSA_SHAKE_128S,
        }
    }

    pub(crate) fn public_value(self, spki: &[u8]) -> Vec<u8> {
        let bits = elements(contents(spki))[1];
        let value = &contents(bits)[1..];
        if matches!(self, Self::Dh | Self::X942) { unsigned(value) } else { value.to_vec() }
    }
}

/// The length of the header of the DER element at the beginning, and of its contents.
fn lengths(der: &[u8]) -> (usize, usize) {
    let first = usize::from(der[1]);
    if first < 0x80 {
        return (2, first);
    }
    let count = first - 0x80;
    (2 + count, der[2..2 + count].iter().fold(0, |len, &byte| len << 8 | usize::from(byte)))
}

pub(crate) fn contents(der: &[u8]) -> &[u8] {
    let (header, len) = lengths(der);
    &der[header..header + len]
}

/// The elements that stand one after the other.
pub(crate) fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while !der.is_empty() {
        let (header, len) = lengths(der);
        let (one, rest) = der.split_at(header + len);
        all.push(one);
        der = rest;
    }
    all
}

/// An INTEGER without its sign.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let bytes = contents(number);
    bytes[usize::from(bytes.len() > 1 && bytes[0] == 0)..].to_vec()
}

/// In an OCTET STRING.
fn octets(value: &[u8]) -> Vec<u8> {
    let len: &[u8] = if value.len() < 0x80 { &[] } else { &[0x81] };
    [&[4], len, &[value.len() as u8], value].concat()
}

/// r and s side by side, of that length together, out of the DER that OpenSSL writes.
pub(crate) fn from_der(der: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    for (at, number) in elements(contents(der)).into_iter().enumerate() {
        let number = unsigned(number);
        let end = (at + 1) * len / 2;
        out[end - number.len()..end].copy_from_slice(&number);
    }
    out
}
