//! Published cases out of files (`data/`, `published/`): a heading `[where it stands with its publisher]`, or `[what is
//! asked] where it stands`; fields `name = value` follow.

use hsmsim_crypto::digest::{HashAlg, hash};

use super::{derivation::hex, *};

/// One case.
pub(super) struct Case {
    /// What is asked, or where it stands.
    pub(super) name: &'static str,
    /// Where it stands with its publisher.
    pub(super) origin: &'static str,
    /// Values as they stand, and as bytes where they are hexadecimal.
    fields: BTreeMap<&'static str, (&'static str, Option<Vec<u8>>)>,
}

/// The cases of a file; it has some.
pub(super) fn all(file: &'static str) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(heading) = line.strip_prefix('[') {
            let whole = heading.strip_suffix(']').map(|origin| (origin, origin));
            let (name, origin) = whole.or_else(|| heading.split_once("] ")).expect("a heading");
            all.push(Case { name, origin, fields: BTreeMap::new() });
        } else {
            let (name, value) = line.split_once(" =").expect("a field");
            let value = value.trim();
            let is_hex = value.len() % 2 == 0 && value.bytes().all(|c| c.is_ascii_hexdigit());
            let case = all.last_mut().expect("a case before its fields");
            case.fields.insert(name, (value, is_hex.then(|| hex(value))));
        }
    }
    assert!(!all.is_empty());
    all
}

/// The cases of a file whose origin begins so; it has some.
pub(super) fn cases(file: &'static str, origin: &str) -> Vec<Case> {
    let wanted: Vec<_> =
        all(file).into_iter().filter(|case| case.origin.starts_with(origin)).collect();
    assert!(!wanted.is_empty(), "{origin}");
    wanted
}

impl Case {
    fn field(&self, name: &str) -> &(&'static str, Option<Vec<u8>>) {
        self.fields.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.origin))
    }

    pub(super) fn text(&self, name: &str) -> &'static str {
        self.field(name).0
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> &[u8] {
        let bytes = self.field(name).1.as_deref();
        bytes.unwrap_or_else(|| panic!("{}: {name} is not hexadecimal", self.origin))
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        self.get(name).to_vec()
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
