//! The standard's tables of attributes, copied by hand (`attribute_footnotes.txt`), against what is answered.
//!
//! What the standard leaves open is decided so: what must not be given to a generation or an unwrapping, but
//! follows from it, may be given if it agrees (several clients repeat CKA_EC_PARAMS in the private template); so
//! the values that are tried here disagree. The value of a private post-quantum key may stand for its seed, or
//! the other way round. The length of an OTP key has a default. The public exponent of a private RSA key, which
//! was optional in older versions of the standard, follows from the rest.

use std::{collections::BTreeMap, thread};

use hsmsim_partition::api::{AttributeResult, Request};
use hsmsim_types::{AttributeKind, attribute, names};

use crate::support::{
    shapes::{PAIRS, PairShape, class, template},
    *,
};

/// Attributes with their footnotes, and the chapter.
type Rows = Vec<(u64, Vec<u8>, String)>;

/// The rows of every shape.
fn rows() -> BTreeMap<&'static str, Rows> {
    let mut rows: BTreeMap<&str, Rows> = BTreeMap::new();
    let text = include_str!("attribute_footnotes.txt");
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut chapter, mut shapes) = (String::new(), Vec::new());
    while let Some(line) = lines.next() {
        if line.starts_with('[') {
            chapter = line.to_owned();
            shapes = lines.next().unwrap().split(", ").flat_map(shapes_of).collect();
            continue;
        }
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let kind = names::attributes().find(|&kind| names::attribute(kind) == Some(name));
        let kind = kind.unwrap_or_else(|| panic!("{name} is no attribute"));
        let footnotes: Vec<u8> = words.map(|word| word.parse().unwrap()).collect();
        for shape in &shapes {
            rows.entry(shape).or_default().push((kind, footnotes.clone(), chapter.clone()));
        }
    }
    rows
}

fn shapes_of(word: &'static str) -> Vec<&'static str> {
    let public = || PAIRS.iter().map(|pair| pair.names.0).chain(["HSS public"]);
    let private = || PAIRS.iter().map(|pair| pair.names.1);
    match word {
        "public keys" => public().collect(),
        "private keys" => private().collect(),
        "keys" => public().chain(private()).chain(["secret", "OTP"]).collect(),
        shape => vec![shape],
    }
}

/// A value that is no object's own.
fn other(kind: u64) -> Attribute {
    let value = match attribute::kind(kind) {
        // 1 is the set that the keys here have.
        _ if kind == CKA_PARAMETER_SET => AttributeValue::Ulong(2),
        AttributeKind::Bool => AttributeValue::Bool(true),
        AttributeKind::Ulong => AttributeValue::Ulong(1),
        AttributeKind::Bytes => Attribute::bytes(kind, "probe").value,
        AttributeKind::Date => Attribute::bytes(kind, "20300101").value,
        AttributeKind::Template => Attribute::template(kind, [yes(CKA_TOKEN)]).value,
        AttributeKind::Mechanisms => Attribute::mechanisms(kind, [CKM_AES_ECB]).value,
    };
    Attribute { kind, value }
}

const KWP: Mechanism = Mechanism { kind: CKM_AES_KEY_WRAP_KWP, params: Params::None };

struct Bench {
    client: Client,
    shape: &'static str,
    /// Unwraps; and what it unwraps to such an object.
    helper: ObjectId,
    wrapped: Vec<u8>,
}

impl Bench {
    fn new(shape: &'static str) -> Self {
        let (_, partition) = provisioned(open());
        let mut client = Client::logged_in(&partition, 1);
        let helper = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
        let carried = match PairShape::of(shape) {
            Some((pair, _)) => {
                let out = vec![yes(CKA_EXTRACTABLE)];
                client.create(with(template(pair.names.1), out)).unwrap()
            }
            None => helper,
        };
        let wrapped = client.wrap(&KWP, helper, carried).unwrap();
        Self { client, shape, helper, wrapped }
    }

    fn create(&mut self, change: impl Fn(Vec<Attribute>) -> Vec<Attribute>) -> CK_RV {
        rv(self.client.create(change(template(self.shape))))
    }

    /// C_GenerateKey or C_GenerateKeyPair; `None` where there is no such mechanism.
    fn generate(&mut self, change: impl Fn(Vec<Attribute>) -> Vec<Attribute>) -> Option<CK_RV> {
        if let Some((pair, private)) = PairShape::of(self.shape) {
            let needs = (pair.needs)();
            let (public, secret) = match private {
                true => (needs, change(vec![])),
                false => (change(needs), vec![]),
            };
            return Some(rv(self.client.pair(pair.key_gen, public, secret)));
        }
        let number = Attribute::ulong;
        let (kind, needs) = match self.shape {
            "secret" => (CKM_AES_KEY_GEN, vec![number(CKA_VALUE_LEN, 16)]),
            "OTP" => (CKM_HOTP_KEY_GEN, vec![]),
            "DSA parameters" => (CKM_DSA_PARAMETER_GEN, vec![number(CKA_PRIME_BITS, 1024)]),
            "DH parameters" => (CKM_DH_PKCS_PARAMETER_GEN, vec![number(CKA_PRIME_BITS, 512)]),
            "X9.42 parameters" => {
                let bits = [number(CKA_PRIME_BITS, 1024), number(CKA_SUBPRIME_BITS, 160)];
                (CKM_X9_42_DH_PARAMETER_GEN, bits.to_vec())
            }
            _ => return None,
        };
        Some(rv(self.client.generate(kind, change(needs))))
    }

    /// C_UnwrapKey; `None` for what is not wrapped.
    fn unwrap(&mut self, change: impl Fn(Vec<Attribute>) -> Vec<Attribute>) -> Option<CK_RV> {
        let new = match PairShape::of(self.shape) {
            Some((pair, true)) => class(CKO_PRIVATE_KEY, CKA_KEY_TYPE, pair.key_type),
            None if self.shape == "secret" => class(CKO_SECRET_KEY, CKA_KEY_TYPE, CKK_AES),
            _ => return None,
        };
        let wrapped = self.wrapped.clone();
        Some(rv(self.client.unwrap(&KWP, self.helper, &wrapped, change(new))))
    }

    /// What is wrong with one row of the standard.
    fn broken(&mut self, kind: u64, footnotes: &[u8]) -> Vec<String> {
        let mut broken = Vec::new();
        let mut hold = |holds: bool, what: String| {
            if !holds {
                broken.push(what);
            }
        };
        let incomplete = CKR_TEMPLATE_INCOMPLETE;
        let refused = |code| {
            let read_only = [CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_VALUE_INVALID];
            code == CKR_TEMPLATE_INCONSISTENT || read_only.contains(&code)
        };
        let has = |footnote: u8| footnotes.contains(&footnote);
        let given = || other(kind);
        let add = |template: Vec<Attribute>| with(template, vec![given()]);
        let leave = |template: Vec<Attribute>| without(template, kind);

        let code = self.create(leave);
        hold(has(1) == (code == incomplete), format!("created without it: {code:#x}"));
        if has(2) {
            // Not even what it will be.
            let made = self.client.create(template(self.shape)).unwrap();
            let value = match self.client.get(made, kind) {
                AttributeResult::Value(value) => value,
                _ => given().value,
            };
            let own = || Attribute { kind, value: value.clone() };
            let code = self.create(|template| with(template, vec![own()]));
            hold(refused(code), format!("created with it: {code:#x}"));
        }
        // To find primes takes long; without one of these nothing is looked for.
        let at_once = has(3) || has(4) || !self.shape.ends_with("parameters");
        if at_once && let Some(code) = self.generate(leave) {
            hold(has(3) == (code == incomplete), format!("generated without it: {code:#x}"));
        }
        if has(4)
            && let Some(code) = self.generate(add)
        {
            hold(refused(code), format!("generated with it: {code:#x}"));
        }
        if let Some(code) = self.unwrap(leave) {
            // Nobody guesses the class of what is unwrapped either.
            let needed = has(5) || kind == CKA_CLASS;
            hold(needed == (code == incomplete), format!("unwrapped without it: {code:#x}"));
        }
        if has(6)
            && let Some(code) = self.unwrap(add)
        {
            hold(refused(code), format!("unwrapped with it: {code:#x}"));
        }

        let protected = [vec![yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)], vec![]];
        let is_secret = matches!(self.shape, "secret" | "OTP")
            || PairShape::of(self.shape).is_some_and(|(_, private)| private);
        let base = with(template(self.shape), protected[usize::from(!is_secret)].clone());
        let object = self.client.create(base).unwrap();
        let hidden = matches!(self.client.get(object, kind), AttributeResult::Sensitive);
        hold(has(7) == hidden, format!("hidden: {hidden}"));

        let flag = |value| Attribute::bool(kind, value);
        if has(11) || has(12) {
            let (once, back) = if has(11) { (true, false) } else { (false, true) };
            let open = with(template(self.shape), vec![flag(back)]);
            let object = self.client.create(open).unwrap();
            hold(self.client.set(object, flag(once)) == CKR_OK, "not set".into());
            let code = self.client.set(object, flag(back));
            hold(code == CKR_ATTRIBUTE_READ_ONLY, format!("set back: {code:#x}"));
        } else if has(10) {
            let code = self.client.set(object, flag(true));
            hold(code == CKR_ATTRIBUTE_READ_ONLY, format!("trusted by the user: {code:#x}"));
        } else {
            let code = self.client.set(object, given());
            let wanted = if has(8) { CKR_OK } else { CKR_ATTRIBUTE_READ_ONLY };
            hold(code == wanted, format!("set: {code:#x}"));
        }
        let copy = Request::Copy { object, template: Template(vec![]) };
        hold(self.client.code(copy) == CKR_OK, "not copied".into());
        broken
    }
}

#[test]
fn the_tables_of_the_standard_hold_footnote_by_footnote() {
    let rows = rows();
    let broken: Vec<String> = thread::scope(|scope| {
        let begun: Vec<_> = rows
            .iter()
            .map(|(&shape, rows)| {
                scope.spawn(move || {
                    let mut bench = Bench::new(shape);
                    let mut broken = Vec::new();
                    for (kind, footnotes, chapter) in rows {
                        let name = names::attribute(*kind).unwrap();
                        let found = bench.broken(*kind, footnotes);
                        let told =
                            found.iter().map(|what| format!("{shape} {chapter} {name}: {what}"));
                        broken.extend(told);
                    }
                    broken
                })
            })
            .collect();
        begun.into_iter().flat_map(|shape| shape.join().unwrap()).collect()
    });
    assert!(broken.is_empty(), "{} rows:\n{}", broken.len(), broken.join("\n"));
    // Every shape that the token keeps is here.
    assert_eq!(rows.len(), 11 + 2 * PAIRS.len());
}
