//! Every mechanism of profile `open` against answers that do not come from this project.
//!
//! [`SETS`] is the table: where answers come from, and a function that asks a partition for them and gives
//! the mechanisms that answered. The one test runs all of it and fails for a mechanism that no set has. A
//! set is not believed: it only counts for mechanisms with which the partition has really done something
//! while it ran. What is random by nature (keys, domain parameters) has no known answer; [`made`] uses each
//! of them for one that is known, or proves what they must fulfil.

mod agreement;
mod ciphers;
mod hashes;
mod made;
mod protocols;
mod signatures;

use std::collections::{BTreeMap, BTreeSet};

use hsmsim_partition::{Personality, mechanism_list};
use hsmsim_types::names::{self, or_hex};

use crate::{derivation, ecies, support::*};

/// A set: where its answers come from, what runs it.
type Set = (&'static str, fn() -> Vec<u64>);

#[rustfmt::skip]
const SETS: &[Set] = &[
    ("FIPS 180-4, FIPS 202, RFC 1321, ISO/IEC 10118-3, RFC 7693; hashlib", hashes::digests),
    ("RFC 4231, RFC 2202, RFC 2286; Python's hmac", hashes::hmacs),
    ("the digests again, as keys", hashes::keys_by_digest),
    ("OpenSSL 3.0: block ciphers and their modes", ciphers::modes),
    ("OpenSSL 3.0: chained MACs; SP 800-38B in cryptography 48; RFC 3566", ciphers::macs),
    ("cryptography 48: AEADs, XTS, ChaCha20", ciphers::others),
    ("cryptography 48: key wrap (RFC 3394, RFC 5649)", ciphers::wraps),
    ("the block ciphers again, as keys", ciphers::keys_by_encryption),
    ("OpenSSL 3.0: RSA signatures and encryption", signatures::rsa),
    ("OpenSSL 3.0: ECDSA and DSA", signatures::elliptic_and_finite),
    ("RFC 8032, 7.1", signatures::edwards),
    ("noble-post-quantum 0.7.1: ML-DSA", signatures::ml_dsa),
    ("noble-post-quantum 0.7.1: SLH-DSA", signatures::slh_dsa),
    ("RFC 8554, appendix F", signatures::hss),
    ("noble-post-quantum 0.7.1: ML-KEM", agreement::ml_kem),
    ("cryptography 48: ECDH, and wraps under it", agreement::ecdh),
    ("RFC 3526, group 14: Diffie-Hellman", agreement::diffie_hellman),
    ("3GPP TS 33.501, C.4", || {
        ecies::the_published_messages_of_5g_are_opened();
        vec![CKM_ECIES]
    }),
    ("RFC 2246, RFC 5246, RFC 6101, RFC 7627 in Python", protocols::tls),
    ("Luna's layouts in Python", protocols::luna),
    ("NIST, SP 800-135 component validation: IKE", || {
        derivation::ike::keys_of_version_1_are_those_of_nist();
        derivation::ike::keys_of_version_2_are_those_of_nist();
        vec![CKM_IKE1_PRF_DERIVE, CKM_IKE_PRF_DERIVE, CKM_IKE2_PRF_PLUS_DERIVE]
    }),
    ("RFC 2409, appendix B in Python", protocols::ike_extended),
    ("Wycheproof: HKDF; RFC 5869", || {
        derivation::hkdf::hkdf_gives_the_vectors_of_wycheproof();
        derivation::hkdf::hkdf_makes_data_objects_too();
        vec![CKM_HKDF_DERIVE, CKM_HKDF_DATA]
    }),
    ("Wycheproof: PBKDF2", || {
        derivation::passwords::pbkdf2_gives_the_vectors_of_wycheproof();
        vec![CKM_PKCS5_PBKD2]
    }),
    ("NIST, CAVS 14.4: SP 800-108", || {
        derivation::sp800_108::all_modes_give_the_vectors_of_nist();
        vec![
            CKM_SP800_108_COUNTER_KDF,
            CKM_SP800_108_FEEDBACK_KDF,
            CKM_SP800_108_DOUBLE_PIPELINE_KDF,
        ]
    }),
    ("RFC 4226, appendix D", || {
        derivation::one_time::passwords_are_those_of_rfc_4226_each_given_once();
        vec![CKM_HOTP]
    }),
    ("PKCS#11 3.1, 6.43", || {
        derivation::concatenate::keys_and_data_are_put_together_as_in_the_examples_of_the_standard();
        derivation::concatenate::bits_are_taken_from_a_place_on_and_go_on_at_the_beginning();
        vec![
            CKM_CONCATENATE_BASE_AND_KEY,
            CKM_CONCATENATE_BASE_AND_DATA,
            CKM_CONCATENATE_DATA_AND_BASE,
            CKM_XOR_BASE_AND_DATA,
            CKM_EXTRACT_KEY_FROM_KEY,
        ]
    }),
    ("OpenSSL 3.0: the public half of a private key", agreement::public_of_private),
    ("use of what was made: secret keys", made::secret_keys),
    ("use of what was made: key pairs", made::pairs),
    ("FIPS 186-4, A.1.1.2 in Python; GnuTLS; use of what was made: domain parameters", made::parameters),
];

/// The known answers by name.
struct Known(BTreeMap<&'static str, Vec<u8>>);

impl Known {
    fn read() -> Self {
        let lines = include_str!("../../../../../conformance/data/known_answers.txt")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(" = "));
        Self(pairs.map(|(name, digits)| (name, derivation::hex(digits))).collect())
    }

    fn get(&self, name: &str) -> Vec<u8> {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in conformance/data/known_answers.txt"))
            .clone()
    }
}

fn officer() -> Client {
    Client::logged_in(&provisioned(open()).1, 1)
}

/// `len` bytes that count from `first`.
fn counting(first: u8, len: u8) -> Vec<u8> {
    (first..first + len).collect()
}

/// The data of most vectors: 40 41 ... 5f.
fn data() -> Vec<u8> {
    counting(0x40, 32)
}

/// A secret key that may do everything.
fn secret(client: &mut Client, key_type: u64, value: &[u8]) -> ObjectId {
    let uses = [CKA_SIGN, CKA_VERIFY, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
    let mut template = secret_key(key_type, value);
    template.extend(uses.map(yes));
    client.create(template).unwrap()
}

/// The value of a generic secret of that length that is derived.
fn derived(client: &mut Client, mechanism: &Mechanism, base: ObjectId, len: usize) -> Vec<u8> {
    let template =
        vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), Attribute::ulong(CKA_VALUE_LEN, len as u64)];
    let key = client.derive(mechanism, base, template).unwrap();
    client.bytes(key, CKA_VALUE)
}

/// A signature that is one and no other.
fn signs(
    client: &mut Client,
    mechanism: &Mechanism,
    (public, private): (ObjectId, ObjectId),
    data: &[u8],
    expected: &[u8],
) {
    assert_eq!(client.sign(mechanism, private, data).unwrap(), expected, "{mechanism:?}");
    verifies(client, mechanism, public, data, expected);
}

/// A signature of another's.
fn verifies(
    client: &mut Client,
    mechanism: &Mechanism,
    public: ObjectId,
    data: &[u8],
    signature: &[u8],
) {
    assert_eq!(client.verify(mechanism, public, data, signature), CKR_OK, "{mechanism:?}");
    let mut changed = data.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    let wrong = client.verify(mechanism, public, &changed, signature);
    assert_eq!(wrong, CKR_SIGNATURE_INVALID, "{mechanism:?}");
}

fn name(kind: u64) -> String {
    or_hex(names::mechanism, kind)
}

#[test]
fn every_mechanism_of_profile_open_has_a_known_answer() {
    let mut covered = BTreeSet::new();
    for (source, run) in SETS {
        forget_used();
        let answered = run();
        assert!(!answered.is_empty(), "{source}");
        let used = used();
        for kind in answered {
            assert!(used.contains(&kind), "{}: {source} did not use it", name(kind));
            covered.insert(kind);
        }
    }
    let listed: BTreeSet<u64> = mechanism_list(&Personality::default()).into_iter().collect();
    let names = |kinds: Vec<&u64>| kinds.into_iter().map(|&kind| name(kind)).collect::<Vec<_>>();
    let missing = names(listed.difference(&covered).collect());
    assert!(missing.is_empty(), "no known answer for {missing:?}");
    let strange = names(covered.difference(&listed).collect());
    assert!(strange.is_empty(), "not in the list: {strange:?}");
}
