//! Published cases from the files in `data/`: a heading says where a case stands with its publisher, its fields
//! follow as `name = value`.

use hsmsim_crypto::digest::{HashAlg, hash};

use super::{derivation::hex, *};

/// One case.
pub(super) struct Case {
    /// Where it stands with its publisher.
    pub(super) origin: &'static str,
    fields: BTreeMap<&'static str, &'static str>,
}

/// The cases of a file whose origin begins so; it has some.
pub(super) fn cases(file: &'static str, origin: &str) -> Vec<Case> {
    let read = |block: &'static str| {
        let (heading, rest) = block.split_once("]\n").unwrap();
        let fields = rest.lines().filter_map(|line| line.split_once(" = ")).collect();
        Case { origin: heading, fields }
    };
    let all = file.split("\n[").skip(1).map(read);
    let wanted: Vec<_> = all.filter(|case| case.origin.starts_with(origin)).collect();
    assert!(!wanted.is_empty(), "{origin}");
    wanted
}

impl Case {
    pub(super) fn text(&self, name: &str) -> &'static str {
        self.fields.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.origin))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    /// The field as an attribute.
    pub(super) fn part(&self, kind: u64, name: &str) -> Attribute {
        Attribute::bytes(kind, self.bytes(name))
    }

    /// What a field `<name>_sha256` tells of a long value.
    pub(super) fn is(&self, name: &str, value: &[u8]) {
        let expected = self.bytes(&format!("{name}_sha256"));
        assert_eq!(hash(HashAlg::Sha256, value), expected, "{}, {name}", self.origin);
    }
}

/// A key of that class and type.
pub(super) fn key(class: u64, key_type: u64, parts: Vec<Attribute>) -> Vec<Attribute> {
    let kind = [Attribute::ulong(CKA_CLASS, class), Attribute::ulong(CKA_KEY_TYPE, key_type)];
    [kind.to_vec(), parts].concat()
}

/// The RSA key of a case, public half first.
pub(super) fn rsa_pair(client: &mut Client, case: &Case) -> (ObjectId, ObjectId) {
    let both = || vec![case.part(CKA_MODULUS, "n"), case.part(CKA_PUBLIC_EXPONENT, "e")];
    let mut private = both();
    private.extend([
        case.part(CKA_PRIVATE_EXPONENT, "d"),
        case.part(CKA_PRIME_1, "p"),
        case.part(CKA_PRIME_2, "q"),
        yes(CKA_SIGN),
        yes(CKA_DECRYPT),
    ]);
    (
        client.create(key(CKO_PUBLIC_KEY, CKK_RSA, both())).unwrap(),
        client.create(key(CKO_PRIVATE_KEY, CKK_RSA, private)).unwrap(),
    )
}

/// The public half that a partition makes of a private key.
pub(super) fn public_half(client: &mut Client, private: ObjectId) -> ObjectId {
    client.derive(&Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY), private, vec![]).unwrap()
}
