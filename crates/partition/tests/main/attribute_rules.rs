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

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf, thread};

use hsmsim_partition::api::{Reply, Request};
use hsmsim_types::{AttributeKind, HkdfSalt, KdfParams, attribute, names};

use crate::support::{
    shapes::{PAIRS, PairShape, class, template},
    *,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Create,
    Generate,
    Unwrap,
    Derive,
    Encapsulate,
    Decapsulate,
    Copied,
    Set,
}

use Way::{Copied, Create, Decapsulate, Derive, Encapsulate, Generate, Set, Unwrap};

const KEPT: &[Way] = &[Create, Copied, Set];
const DERIVED: &[Way] = &[Create, Derive, Copied, Set];
const PUBLIC: &[Way] = &[Create, Generate, Copied, Set];
const DERIVED_PUBLIC: &[Way] = &[Create, Generate, Derive, Copied, Set];
const PRIVATE: &[Way] = &[Create, Generate, Unwrap, Copied, Set];

/// What is no pair of keys.
const SHAPES: &[(&str, &[Way])] = &[
    ("secret", &[Create, Generate, Unwrap, Derive, Encapsulate, Decapsulate, Copied, Set]),
    ("OTP", &[Create, Generate, Copied, Set]),
    ("HSS public", KEPT),
    ("certificate", KEPT),
    ("attribute certificate", KEPT),
    ("WTLS certificate", KEPT),
    ("data", DERIVED),
    ("trust", KEPT),
    ("DSA parameters", KEPT),
    ("DH parameters", KEPT),
    ("X9.42 parameters", KEPT),
];

/// Every shape, with the ways in which such objects get attributes. That domain parameters are generated takes
/// too long for every attribute: `attribute_footnotes.rs` has the rules of that way.
fn shapes() -> Vec<(&'static str, &'static [Way])> {
    let mut all = SHAPES.to_vec();
    for pair in PAIRS {
        let derived =
            matches!(pair.key_type, CKK_RSA | CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY);
        all.push((pair.names.0, if derived { DERIVED_PUBLIC } else { PUBLIC }));
        all.push((pair.names.1, PRIVATE));
    }
    all
}

const NONE: &str = "none";

/// Luna's attributes that have rules. Others of a vendor are kept as they come.
const LUNA: [u64; 4] =
    [CKA_USAGE_LIMIT, CKA_USAGE_COUNT, CKA_FINGERPRINT_SHA1, CKA_FINGERPRINT_SHA256];

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
        AttributeKind::Template => one(Attribute::template(kind, [yes(CKA_TOKEN)]).value),
        AttributeKind::Mechanisms => one(Attribute::mechanisms(kind, [CKM_AES_ECB]).value),
    }
}

struct Bench {
    client: Client,
    /// Put to every template: the SO's objects are public.
    always: Vec<Attribute>,
    /// Unwraps and derives.
    helper: ObjectId,
    /// What is unwrapped to such an object, if it is a secret or a private key.
    wrapped: Vec<u8>,
    /// What public keys and data are derived from.
    base: ObjectId,
    /// Encapsulates and decapsulates, and what was encapsulated.
    capsule: (ObjectId, ObjectId, Vec<u8>),
}

const KWP: Mechanism = Mechanism { kind: CKM_AES_KEY_WRAP_KWP, params: Params::None };
const KEM: Mechanism = Mechanism { kind: CKM_ML_KEM, params: Params::None };

impl Bench {
    fn new(role: Role, shape: &str) -> Self {
        let (_, partition) = provisioned(open());
        let mut client = Client::new(&partition, 1, 1);
        let (pin, always) = match role {
            Role::SecurityOfficer => (SO_PIN, vec![no(CKA_PRIVATE)]),
            _ => (USER_PIN, vec![]),
        };
        client.login(role, pin).unwrap();
        let mut make = |shape: &str| {
            let out = with(always.clone(), vec![yes(CKA_EXTRACTABLE)]);
            client.create(with(template(shape), out)).unwrap()
        };
        let helper = make("secret");
        let base = match PairShape::of(shape) {
            Some((pair, _)) => make(pair.names.1),
            None => helper,
        };
        let wrapped = client.wrap(&KWP, helper, base).unwrap();
        let [encapsulates, decapsulates] = ["ML-KEM public", "ML-KEM private"]
            .map(|half| client.create(with(template(half), always.clone())).unwrap());
        let encapsulated = client
            .ask(Request::Encapsulate {
                mechanism: KEM.into(),
                public_key: encapsulates,
                template: Template(with(always.clone(), vec![yes(CKA_EXTRACTABLE)])),
                room: Some(usize::MAX),
            })
            .unwrap();
        let Reply::Created(made) = encapsulated else { panic!("{encapsulated:?}") };
        let capsule = (encapsulates, decapsulates, made.output);
        Self { client, always, helper, wrapped, base, capsule }
    }

    fn generate(&mut self, shape: &str, more: Vec<Attribute>) -> hsmsim_types::Result<()> {
        let always = self.always.clone();
        let given = |base| with(with(base, always.clone()), more.clone());
        let Some((pair, private)) = PairShape::of(shape) else {
            return match shape {
                "OTP" => self.client.generate(CKM_HOTP_KEY_GEN, given(vec![])).map(drop),
                _ => {
                    let len = vec![Attribute::ulong(CKA_VALUE_LEN, 16)];
                    self.client.generate(CKM_AES_KEY_GEN, given(len)).map(drop)
                }
            };
        };
        let (public, secret) = match private {
            true => (with((pair.needs)(), always.clone()), given(vec![])),
            false => (given((pair.needs)()), always.clone()),
        };
        self.client.pair(pair.key_gen, public, secret).map(drop)
    }

    fn derive(&mut self, shape: &str, more: Vec<Attribute>) -> hsmsim_types::Result<()> {
        let (mechanism, template) = match shape {
            "secret" => {
                let data = Params::DerivationData(vec![3; 32]);
                (mechanism(CKM_AES_ECB_ENCRYPT_DATA, data), vec![])
            }
            "data" => {
                let params = KdfParams::Hkdf {
                    extract: true,
                    expand: true,
                    hash: CKM_SHA256,
                    salt: HkdfSalt::Null,
                    info: vec![],
                };
                let hkdf = mechanism(CKM_HKDF_DATA, Params::Kdf(Box::new(params)));
                (hkdf, vec![Attribute::ulong(CKA_VALUE_LEN, 16)])
            }
            _ => (Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY), vec![]),
        };
        let template = with(with(template, self.always.clone()), more);
        self.client.derive(&mechanism, self.base, template).map(drop)
    }

    /// What a shape's attribute is answered with in one way.
    fn answer(&mut self, shape: &str, way: Way, probe: &Attribute) -> &'static str {
        let attribute = || vec![probe.clone()];
        let with_probe = |base: Vec<Attribute>, always: &[Attribute]| {
            with(with(base, always.to_vec()), attribute())
        };
        let always = self.always.clone();
        let result = match way {
            Create => self.client.create(with_probe(template(shape), &always)).map(drop),
            Generate => self.generate(shape, attribute()),
            Unwrap => {
                let kind = match PairShape::of(shape) {
                    Some((pair, _)) => class(CKO_PRIVATE_KEY, CKA_KEY_TYPE, pair.key_type),
                    None => class(CKO_SECRET_KEY, CKA_KEY_TYPE, CKK_AES),
                };
                let (new, wrapped) = (with_probe(kind, &always), self.wrapped.clone());
                self.client.unwrap(&KWP, self.helper, &wrapped, new).map(drop)
            }
            Derive => self.derive(shape, attribute()),
            Encapsulate => {
                let (public_key, template) = (self.capsule.0, with_probe(vec![], &always));
                let (template, room) = (Template(template), Some(usize::MAX));
                let request =
                    Request::Encapsulate { mechanism: KEM.into(), public_key, template, room };
                self.client.ask(request).map(drop)
            }
            Decapsulate => {
                let (_, private_key, ciphertext) = self.capsule.clone();
                let template = Template(with_probe(vec![], &always));
                let mechanism = KEM;
                let request = Request::Decapsulate {
                    mechanism: mechanism.into(),
                    private_key,
                    ciphertext,
                    template,
                };
                self.client.ask(request).map(drop)
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
        let ruled = |kind: &u64| kind & CKA_VENDOR_DEFINED == 0 || LUNA.contains(kind);
        for kind in names::attributes().filter(ruled) {
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

/// The part of the file that is about one shape.
fn section(shape: &str, ways: &[Way]) -> String {
    let name = |way: &Way| match way {
        Create => "create",
        Generate => "generate",
        Unwrap => "unwrap",
        Derive => "derive",
        Encapsulate => "encapsulate",
        Decapsulate => "decapsulate",
        Copied => "copy",
        Set => "set",
    };
    let names: Vec<_> = ways.iter().map(name).collect();
    let lines = Bench::new(Role::CryptoOfficer, shape).lines(shape, ways);
    let mut found = String::new();
    writeln!(found, "[{shape}: {}]", names.join(" ")).unwrap();
    for (attribute, answers) in &lines {
        writeln!(found, "{attribute}: {answers}").unwrap();
    }
    writeln!(found, "\n[{shape}, by the SO]").unwrap();
    for (attribute, answers) in Bench::new(Role::SecurityOfficer, shape).lines(shape, ways) {
        if lines.get(&attribute) != Some(&answers) {
            writeln!(found, "{attribute}: {answers}").unwrap();
        }
    }
    found.push('\n');
    found
}

#[test]
fn every_attribute_is_answered_by_the_table_in_every_way_and_role() {
    let shapes = shapes();
    let sections: Vec<String> = thread::scope(|scope| {
        let begun: Vec<_> =
            shapes.iter().map(|&(shape, ways)| scope.spawn(move || section(shape, ways))).collect();
        begun.into_iter().map(|section| section.join().unwrap()).collect()
    });
    let found = sections.concat();
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
    for (shape, _) in shapes() {
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
