//! Every attribute the simulator has a name for, in every way an object gets one, by the Crypto Officer
//! and by the SO: what is answered stands in `attribute_rules.txt`.
//!
//! A line there is an attribute, a value (flags are tried with both) and the answers, way by way. An
//! attribute without a line is refused as none of such an object, in every way. Of the SO the lines that
//! differ stand there; the SO's objects are public, since it sees no others.
//!
//! The words are CKR_OK, CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID (`none`),
//! CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT and
//! CKR_USER_NOT_LOGGED_IN.
//!
//! After a wanted change of a rule, `UPDATE_EXPECT=1` writes the file anew; read the difference.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf};

use hsmsim_partition::api::Request;
use hsmsim_types::{AttributeKind, attribute, names};

use crate::support::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Create,
    Generate,
    Unwrap,
    Derive,
    Copied,
    Set,
}

use Way::{Copied, Create, Derive, Generate, Set, Unwrap};

const SHAPES: &[(&str, &[Way])] = &[
    ("secret", &[Create, Generate, Unwrap, Derive, Copied, Set]),
    ("private", &[Create, Generate, Unwrap, Copied, Set]),
    ("public", &[Create, Generate, Copied, Set]),
    ("certificate", &[Create, Copied, Set]),
    ("attribute certificate", &[Create, Copied, Set]),
    ("data", &[Create, Copied, Set]),
    ("trust", &[Create, Copied, Set]),
    ("DSA parameters", &[Create, Copied, Set]),
    ("DH private", &[Create, Copied, Set]),
];

const NONE: &str = "none";

fn class(class: u64, kind: u64, value: u64) -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_CLASS, class), Attribute::ulong(kind, value)]
}

/// A template that makes such an object with C_CreateObject.
fn template(shape: &str) -> Vec<Attribute> {
    let bytes = |kind, value: &[u8]| Attribute::bytes(kind, value);
    match shape {
        "secret" => secret_key(CKK_AES, &[7; 16]),
        "private" => [
            class(CKO_PRIVATE_KEY, CKA_KEY_TYPE, CKK_EC),
            vec![bytes(CKA_EC_PARAMS, P256), bytes(CKA_VALUE, &[1; 32])],
        ]
        .concat(),
        "public" => [
            class(CKO_PUBLIC_KEY, CKA_KEY_TYPE, CKK_EC),
            vec![bytes(CKA_EC_PARAMS, P256), bytes(CKA_EC_POINT, &point())],
        ]
        .concat(),
        "certificate" => [
            class(CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE, CKC_X_509),
            vec![bytes(CKA_SUBJECT, b"subject"), bytes(CKA_VALUE, b"certificate")],
        ]
        .concat(),
        "attribute certificate" => [
            class(CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE, CKC_X_509_ATTR_CERT),
            vec![bytes(CKA_OWNER, b"owner"), bytes(CKA_VALUE, b"certificate")],
        ]
        .concat(),
        "data" => vec![Attribute::ulong(CKA_CLASS, CKO_DATA)],
        "trust" => vec![
            Attribute::ulong(CKA_CLASS, CKO_TRUST),
            bytes(CKA_ISSUER, b"issuer"),
            bytes(CKA_SERIAL_NUMBER, b"1"),
            bytes(CKA_HASH_OF_CERTIFICATE, &[5; 32]),
            Attribute::ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256),
        ],
        "DSA parameters" => [
            class(CKO_DOMAIN_PARAMETERS, CKA_KEY_TYPE, CKK_DSA),
            vec![
                bytes(CKA_PRIME, &[0xFF; 128]),
                bytes(CKA_SUBPRIME, &[0xFF; 20]),
                bytes(CKA_BASE, &[2]),
            ],
        ]
        .concat(),
        "DH private" => [
            class(CKO_PRIVATE_KEY, CKA_KEY_TYPE, CKK_DH),
            vec![
                bytes(CKA_PRIME, &small_group().p),
                bytes(CKA_BASE, &[2]),
                bytes(CKA_VALUE, &[9; 32]),
            ],
        ]
        .concat(),
        other => panic!("no shape {other}"),
    }
}

/// The base point of P-256 (SP 800-186).
fn point() -> Vec<u8> {
    let (x, y) = (
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    );
    let digits = format!("04{x}{y}");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The values that an attribute is tried with, each with its word in the file.
fn probes(kind: u64) -> Vec<(&'static str, AttributeValue)> {
    let one = |value| vec![("some", value)];
    match attribute::kind(kind) {
        AttributeKind::Bool => {
            vec![("true", AttributeValue::Bool(true)), ("false", AttributeValue::Bool(false))]
        }
        AttributeKind::Ulong => one(AttributeValue::Ulong(1)),
        AttributeKind::Bytes => one(Attribute::bytes(kind, "probe").value),
        AttributeKind::Date => one(Attribute::bytes(kind, "20300101").value),
        AttributeKind::Template => one(AttributeValue::Template(Template(vec![yes(CKA_TOKEN)]))),
        AttributeKind::Mechanisms => one(AttributeValue::Mechanisms(vec![CKM_AES_ECB])),
    }
}

struct Bench {
    client: Client,
    /// Put to every template: the SO's objects are public.
    always: Vec<Attribute>,
    /// Unwraps and derives.
    helper: ObjectId,
    wrapped_secret: Vec<u8>,
    wrapped_private: Vec<u8>,
}

impl Bench {
    fn new(role: Role) -> Self {
        let (_, partition) = provisioned(open());
        let mut client = Client::new(&partition, 1, 1);
        let (pin, always) = match role {
            Role::SecurityOfficer => (SO_PIN, vec![no(CKA_PRIVATE)]),
            _ => (USER_PIN, vec![]),
        };
        client.login(role, pin).unwrap();
        let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
        let out = with(always.clone(), vec![yes(CKA_EXTRACTABLE)]);
        let helper = client.create(with(template("secret"), always.clone())).unwrap();
        let private = client.create(with(template("private"), out)).unwrap();
        let wrapped_secret = client.wrap(&kwp, helper, helper).unwrap();
        let wrapped_private = client.wrap(&kwp, helper, private).unwrap();
        Self { client, always, helper, wrapped_secret, wrapped_private }
    }

    /// What a shape's attribute is answered with in one way.
    fn answer(&mut self, shape: &str, way: Way, probe: &Attribute) -> &'static str {
        let attribute = || vec![probe.clone()];
        let with_probe = |base: Vec<Attribute>, always: &[Attribute]| {
            with(with(base, always.to_vec()), attribute())
        };
        let always = self.always.clone();
        let private = shape == "private";
        let result = match way {
            Create => self.client.create(with_probe(template(shape), &always)).map(drop),
            Generate if shape == "secret" => {
                let base = vec![Attribute::ulong(CKA_VALUE_LEN, 16)];
                self.client.generate(CKM_AES_KEY_GEN, with_probe(base, &always)).map(drop)
            }
            Generate => {
                let params = vec![Attribute::bytes(CKA_EC_PARAMS, P256)];
                let (public, secret) = if private {
                    (with(params, always.clone()), with_probe(vec![], &always))
                } else {
                    (with_probe(params, &always), always.clone())
                };
                self.client.pair(CKM_EC_KEY_PAIR_GEN, public, secret).map(drop)
            }
            Unwrap => {
                let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
                let (base, wrapped) = if private {
                    (class(CKO_PRIVATE_KEY, CKA_KEY_TYPE, CKK_EC), self.wrapped_private.clone())
                } else {
                    (class(CKO_SECRET_KEY, CKA_KEY_TYPE, CKK_AES), self.wrapped_secret.clone())
                };
                let new = with_probe(base, &always);
                self.client.unwrap(&kwp, self.helper, &wrapped, new).map(drop)
            }
            Derive => {
                let data = Params::DerivationData(vec![3; 32]);
                let derivation = mechanism(CKM_AES_ECB_ENCRYPT_DATA, data);
                self.client.derive(&derivation, self.helper, with_probe(vec![], &always)).map(drop)
            }
            Copied | Set => {
                let object = self.client.create(with(template(shape), always)).unwrap();
                let template = Template(attribute());
                self.client
                    .ask(match way {
                        Copied => Request::Copy { object, template },
                        _ => Request::SetAttributes { object, template },
                    })
                    .map(drop)
            }
        };
        match rv(result) {
            CKR_OK => "ok",
            CKR_ATTRIBUTE_READ_ONLY => "read-only",
            CKR_ATTRIBUTE_TYPE_INVALID => NONE,
            CKR_ATTRIBUTE_VALUE_INVALID => "value",
            CKR_TEMPLATE_INCOMPLETE => "incomplete",
            CKR_TEMPLATE_INCONSISTENT => "inconsistent",
            CKR_USER_NOT_LOGGED_IN => "login",
            other => names::return_value(other).unwrap(),
        }
    }

    /// All lines of a shape: attribute and value, and the answers.
    fn lines(&mut self, shape: &str, ways: &[Way]) -> BTreeMap<String, String> {
        let mut lines = BTreeMap::new();
        for kind in names::attributes().filter(|kind| kind & CKA_VENDOR_DEFINED == 0) {
            for (word, value) in probes(kind) {
                let probe = Attribute { kind, value };
                let answers: Vec<_> =
                    ways.iter().map(|&way| self.answer(shape, way, &probe)).collect();
                if answers.iter().any(|&answer| answer != NONE) {
                    let name = names::attribute(kind).unwrap();
                    lines.insert(format!("{name} {word}"), answers.join(" "));
                }
            }
        }
        lines
    }
}

#[test]
fn every_attribute_is_answered_by_the_table_in_every_way_and_role() {
    let (mut officer, mut so) =
        (Bench::new(Role::CryptoOfficer), Bench::new(Role::SecurityOfficer));
    let mut found = String::new();
    for (shape, ways) in SHAPES {
        let name = |way: &Way| match way {
            Create => "create",
            Generate => "generate",
            Unwrap => "unwrap",
            Derive => "derive",
            Copied => "copy",
            Set => "set",
        };
        let names: Vec<_> = ways.iter().map(name).collect();
        let lines = officer.lines(shape, ways);
        writeln!(found, "[{shape}: {}]", names.join(" ")).unwrap();
        for (attribute, answers) in &lines {
            writeln!(found, "{attribute}: {answers}").unwrap();
        }
        writeln!(found, "\n[{shape}, by the SO]").unwrap();
        for (attribute, answers) in so.lines(shape, ways) {
            if lines.get(&attribute) != Some(&answers) {
                writeln!(found, "{attribute}: {answers}").unwrap();
            }
        }
        found.push('\n');
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/main/attribute_rules.txt");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "UPDATE_EXPECT=1 writes {} anew", path.display());
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn the_crypto_user_changes_nothing_that_is_private() {
    let (_, partition) = provisioned(open());
    let mut officer = Client::logged_in(&partition, 1);
    let key = officer.create(with(template("secret"), vec![yes(CKA_TOKEN)])).unwrap();
    let mut user = Client::new(&partition, 2, 200);
    user.login(Role::CryptoUser, CU_PIN).unwrap();
    for (shape, _) in SHAPES {
        let private = with(template(shape), vec![yes(CKA_PRIVATE)]);
        assert_eq!(rv(user.create(private)), CKR_USER_NOT_LOGGED_IN, "{shape}");
    }
    for attribute in [Attribute::bytes(CKA_LABEL, "new"), no(CKA_ENCRYPT), yes(CKA_SENSITIVE)] {
        assert_eq!(user.set(key, attribute.clone()), CKR_USER_NOT_LOGGED_IN);
        let copy = Request::Copy { object: key, template: Template(vec![attribute]) };
        assert_eq!(user.code(copy), CKR_USER_NOT_LOGGED_IN);
    }
    assert_eq!(user.destroy(key), CKR_USER_NOT_LOGGED_IN);
    assert!(user.sign(&Mechanism::plain(CKM_AES_CMAC), key, b"data").is_ok(), "but it uses keys");
}
