//! Derivations with a structure of their own: published vectors, the attributes of what is derived, refusals.

pub(crate) mod concatenate;
mod ecdh;
pub(crate) mod hkdf;
pub(crate) mod ike;
mod luna;
pub(crate) mod one_time;
pub(crate) mod passwords;
mod public;
pub(crate) mod sp800_108;
mod tls;

use hsmsim_partition::api::{Creation, Reply, Request};
use hsmsim_types::{KdfParams, KeyRef};

use crate::support::*;

/// Decodes hex digits, skipping white space.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "odd number of hex digits");
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn officer() -> Client {
    Client::logged_in(&provisioned(open()).1, 1)
}

/// A mechanism with a structure.
fn kdf(kind: u64, params: KdfParams) -> Mechanism {
    mechanism(kind, Params::Kdf(Box::new(params)))
}

/// A key that can be derived from, of a value that is known.
fn base(client: &mut Client, key_type: u64, value: &[u8]) -> ObjectId {
    let template = with(secret_key(key_type, value), vec![yes(CKA_DERIVE)]);
    client.create(template).unwrap()
}

fn generic(client: &mut Client, value: &[u8]) -> ObjectId {
    base(client, CKK_GENERIC_SECRET, value)
}

/// The template of a generic secret that can be read.
fn readable(len: usize) -> Vec<Attribute> {
    vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), Attribute::ulong(CKA_VALUE_LEN, len as u64)]
}

/// The value of a generic secret of that length, derived from a key.
fn value(client: &mut Client, mechanism: &Mechanism, key: ObjectId, len: usize) -> Result<Vec<u8>> {
    let derived = client.derive(mechanism, key, readable(len))?;
    let value = client.bytes(derived, CKA_VALUE);
    client.destroy(derived);
    Ok(value)
}

/// All that a derivation makes.
fn creation(
    client: &mut Client,
    mechanism: &Mechanism,
    base_key: ObjectId,
    template: Vec<Attribute>,
) -> Result<Creation> {
    let (mechanism, template) = (mechanism.clone(), Template(template));
    client.ask(Request::Derive { mechanism: mechanism.into(), base_key, template }).map(|reply| {
        match reply {
            Reply::Created(creation) => *creation,
            other => panic!("{other:?}"),
        }
    })
}

fn key(id: ObjectId) -> KeyRef {
    KeyRef::Object(id)
}

fn count(client: &mut Client) -> usize {
    client.find(vec![]).len()
}

/// CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE.
fn history(client: &mut Client, key: ObjectId) -> (bool, bool) {
    (client.flag(key, CKA_ALWAYS_SENSITIVE), client.flag(key, CKA_NEVER_EXTRACTABLE))
}
