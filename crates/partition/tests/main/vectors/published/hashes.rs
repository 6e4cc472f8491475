//! Digests, keys that are the digest of another's value, HMAC.

use hsmsim_partition::api::OperationKind::Digest;

use super::{
    super::hashes::{HASHES, TRUNCATED, XOFS},
    *,
};

/// The mechanisms that hash as a name in the files says, with what they need: digests, and derivations.
fn hashing(name: &str) -> (Vec<Mechanism>, Vec<Mechanism>) {
    if let Some(&(_, _, derive)) = XOFS.iter().find(|row| row.0 == name) {
        return (vec![], vec![Mechanism::plain(derive)]);
    }
    let &(_, [digest, .., derive]) =
        HASHES.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("what is {name}?"));
    let (mut digests, mut derivations) =
        (vec![Mechanism::plain(digest)], vec![Mechanism::plain(derive)]);
    for (bits, _) in TRUNCATED.iter().filter(|row| row.1 == name) {
        digests.push(mechanism(CKM_SHA512_T, Params::Length(*bits)));
        derivations.push(mechanism(CKM_SHA512_T_KEY_DERIVATION, Params::Length(*bits)));
    }
    (digests, derivations)
}

/// Every case of a file: the message's digest, and the key that is derived of a key with that value.
fn run(text: &'static str) -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    for case in cases(text) {
        let (message, answer) = (case.get("message"), case.get("answer"));
        let (digests, derivations) = hashing(case.name);
        for mechanism in digests {
            let given = client.one_part(Digest, &mechanism, None, message).unwrap();
            assert_eq!(given, answer, "{mechanism:?}: {}", case.origin);
            covered.push(mechanism.kind);
        }
        let base = secret(&mut client, CKK_GENERIC_SECRET, message);
        for mechanism in derivations {
            let given = derived(&mut client, &mechanism, base, answer.len());
            assert_eq!(given, answer, "{mechanism:?}: {}", case.origin);
            covered.push(mechanism.kind);
        }
    }
    covered
}

pub(in super::super) fn nist() -> Vec<u64> {
    run(include_str!("hashes.txt"))
}

pub(in super::super) fn blake2b() -> Vec<u64> {
    run(include_str!("blake2b.txt"))
}

/// Every case of a file by HMAC, and half of it.
fn run_hmac(text: &'static str) -> Vec<u64> {
    let (mut client, mut covered) = (officer(), Vec::new());
    for case in cases(text) {
        let &(_, [_, hmac, general, _]) = HASHES.iter().find(|row| row.0 == case.name).unwrap();
        let (message, answer) = (case.get("message"), case.get("answer"));
        let key = secret(&mut client, CKK_GENERIC_SECRET, case.get("key"));
        signs(&mut client, &Mechanism::plain(hmac), (key, key), message, answer);
        let half = answer.len() / 2;
        let general = mechanism(general, Params::Length(half as u64));
        signs(&mut client, &general, (key, key), message, &answer[..half]);
        covered.extend([hmac, general.kind]);
    }
    covered
}

pub(in super::super) fn rfc_2202() -> Vec<u64> {
    run_hmac(include_str!("rfc_2202.txt"))
}

pub(in super::super) fn hmac_blake2b() -> Vec<u64> {
    run_hmac(include_str!("hmac_blake2b.txt"))
}
