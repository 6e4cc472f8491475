//! Every mechanism of profile `open` against answers that do not come from this project.
//!
//! [`SETS`] is the table: where answers come from, and a function that asks a partition for them and gives
//! the mechanisms that answered. The one test runs all of it and fails for a mechanism that no set has. A
//! set is not believed: it only counts for mechanisms with which the partition has really done something
//! while it ran. What is random by nature (keys, domain parameters) has no known answer; [`made`] uses each
//! of them for one that is known, or proves what they must fulfil.

mod acvp;
mod agreement;
mod cases;
mod cavp;
mod ciphers;
mod hashes;
mod made;
mod post_quantum;
mod protocols;
mod published;
mod signatures;
mod sources;
mod standards;
mod wycheproof;

use std::collections::{BTreeMap, BTreeSet};

use hsmsim_partition::{Personality, mechanism_list};
use hsmsim_types::names::{self, or_hex};

use crate::{derivation, ecies, support::*};

/// Where the answers of a set come from.
enum Source {
    /// Who published them.
    Published(&'static str),
    /// What computed them, which is not this project.
    Computed(&'static str),
    /// Published for these mechanisms, computed for the others.
    Either(&'static str, &'static [u64], &'static str),
    /// No answer is known: it is random. What was made is used or proved.
    Use(&'static str),
}
use Source::*;

/// A set: where its answers come from, what runs it.
type Set = (Source, fn() -> Vec<u64>);

#[rustfmt::skip]
const SETS: &[Set] = &[
    (Either("FIPS 180-4, RFC 1321, ISO/IEC 10118-3, RFC 7693", hashes::PUBLISHED, "Python's hashlib"), hashes::digests),
    (Published("FIPS 202, NIST's examples"), standards::fips_202),
    (Either("RFC 4231, RFC 2202, RFC 2286", hashes::PUBLISHED, "Python's hmac"), hashes::hmacs),
    (Either("FIPS 180-4, RFC 1321, RFC 7693", hashes::PUBLISHED, "Python's hashlib"), hashes::keys_by_digest),
    (Published("SP 800-38A, F"), standards::sp800_38a),
    (Published("RFC 3713, RFC 5794, FIPS 81"), standards::blocks),
    (Published("RFC 8439"), standards::rfc_8439),
    (Published("RFC 6979, A.2"), standards::rfc_6979),
    (Published("Wycheproof: RSA"), wycheproof::rsa),
    (Published("Wycheproof: ECDSA"), wycheproof::ecdsa),
    (Published("Wycheproof: DSA"), wycheproof::dsa),
    (Published("Wycheproof: MACs"), wycheproof::macs),
    (Published("Wycheproof: AEADs, CBC, XTS, key wrap"), wycheproof::ciphers),
    (Published("Wycheproof: ECDH"), wycheproof::agreement),
    (Published("Wycheproof: ML-KEM, ML-DSA"), post_quantum::ml_kem),
    (Published("Wycheproof: ML-KEM, ML-DSA"), post_quantum::ml_dsa),
    (Published("NIST ACVP: keyGen"), acvp::public_keys),
    (Published("NIST ACVP: RSA sigVer"), acvp::pss),
    (Published("NIST ACVP: ML-DSA sigGen"), acvp::ml_dsa),
    (Published("NIST ACVP: SLH-DSA sigGen"), acvp::slh_dsa),
    (Published("NIST CAVP: RSA, 186-3"), cavp::pkcs1),
    (Published("NIST CAVP: RSA, 186-3"), cavp::x9_31),
    (Published("root certificates of the web, 1996 to 1999"), cavp::roots),
    (Published("NIST CAVP: DSA, 186-3"), cavp::primes),
    (Published("NIST CAVP: KAS FFC"), cavp::agreement),
    (Published("NIST CAVP: key pairs"), cavp::public_keys),
    (Published("RFC 5114, appendix A"), cavp::rfc_5114),
    (Published("RSA Laboratories: PKCS #1"), cavp::rsa_laboratories),
    (Published("NIST CAVP: triple DES"), published::ciphers::triple_des),
    (Published("NIST ACVP: triple DES in counter mode"), published::ciphers::des3_ctr),
    (Published("SP 800-38B, D"), published::ciphers::des3_cmac),
    (Published("FIPS 113, 2"), published::ciphers::fips_113),
    (Published("NIST CAVP: AES"), published::ciphers::aes),
    (Published("RFC 3962, B"), published::ciphers::rfc_3962),
    (Published("RFC 3713, RFC 5528, OpenSSL's vectors of Camellia"), published::ciphers::camellia),
    (Published("RFC 5794, KISA's vectors of ARIA"), published::ciphers::aria),
    (Published("NIST CAVP: SP 800-38F"), published::ciphers::key_wrap),
    (Published("NIST CAVP: SHA-1, SHA-2, SHA-3, SHAKE"), published::hashes::nist),
    (Published("LibTomCrypt's and OpenSSL's vectors of BLAKE2b"), published::hashes::blake2b),
    (Published("RFC 2202"), published::hashes::rfc_2202),
    (Published("Erlang/OTP's vectors of HMAC with BLAKE2b"), published::hashes::hmac_blake2b),
    (Computed("OpenSSL 3.0"), ciphers::modes),
    (Either("RFC 3566", &[CKM_AES_XCBC_MAC, CKM_AES_XCBC_MAC_96], "OpenSSL 3.0, cryptography 48"), ciphers::macs),
    (Computed("cryptography 48"), ciphers::others),
    (Computed("cryptography 48"), ciphers::wraps),
    (Computed("OpenSSL 3.0"), ciphers::keys_by_encryption),
    (Computed("OpenSSL 3.0"), signatures::rsa),
    (Computed("OpenSSL 3.0"), signatures::elliptic_and_finite),
    (Published("RFC 8032, 7.1"), signatures::edwards),
    (Computed("noble-post-quantum 0.7.1"), signatures::ml_dsa),
    (Computed("noble-post-quantum 0.7.1"), signatures::slh_dsa),
    (Published("RFC 8554, appendix F"), signatures::hss),
    (Computed("noble-post-quantum 0.7.1"), agreement::ml_kem),
    (Computed("cryptography 48"), agreement::ecdh),
    (Computed("Python, in group 14 of RFC 3526"), agreement::diffie_hellman),
    (Published("3GPP TS 33.501, C.4"), || {
        ecies::the_published_messages_of_5g_are_opened();
        vec![CKM_ECIES]
    }),
    (Published("NIST CAVP: SP 800-135, TLS"), published::derivation::tls),
    (Published("NIST ACVP: TLS 1.2 by RFC 7627"), published::derivation::tls_extended),
    (Published("The Illustrated TLS 1.2 Connection"), published::derivation::tls_finished),
    (Published("NSS's vectors of IKE"), published::derivation::ike),
    (Published("NIST, CAVS 14.4: SP 800-108"), published::derivation::luna),
    (Computed("Python, by RFC 2246, RFC 5246, RFC 6101, RFC 7627"), protocols::tls),
    (Computed("Python, by Luna's layouts"), protocols::luna),
    (Published("NIST, SP 800-135 component validation"), || {
        derivation::ike::keys_of_version_1_are_those_of_nist();
        derivation::ike::keys_of_version_2_are_those_of_nist();
        vec![CKM_IKE1_PRF_DERIVE, CKM_IKE_PRF_DERIVE, CKM_IKE2_PRF_PLUS_DERIVE]
    }),
    (Computed("Python, by RFC 2409, appendix B"), protocols::ike_extended),
    (Published("RFC 5869; Wycheproof: HKDF"), || {
        derivation::hkdf::hkdf_gives_the_vectors_of_wycheproof();
        derivation::hkdf::hkdf_makes_data_objects_too();
        vec![CKM_HKDF_DERIVE, CKM_HKDF_DATA]
    }),
    (Published("Wycheproof: PBKDF2"), || {
        derivation::passwords::pbkdf2_gives_the_vectors_of_wycheproof();
        vec![CKM_PKCS5_PBKD2]
    }),
    (Published("NIST, CAVS 14.4: SP 800-108"), || {
        derivation::sp800_108::all_modes_give_the_vectors_of_nist();
        vec![
            CKM_SP800_108_COUNTER_KDF,
            CKM_SP800_108_FEEDBACK_KDF,
            CKM_SP800_108_DOUBLE_PIPELINE_KDF,
        ]
    }),
    (Published("RFC 4226, appendix D"), || {
        derivation::one_time::passwords_are_those_of_rfc_4226_each_given_once();
        vec![CKM_HOTP]
    }),
    (Published("PKCS#11 3.1, 6.43"), || {
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
    (Computed("OpenSSL 3.0"), agreement::public_of_private),
    (Use("a secret key that is used"), made::secret_keys),
    (Use("a key pair that is used"), made::pairs),
    (Use("domain parameters that are proved, as FIPS 186-4, A.1.1.2 and GnuTLS prove them"), made::parameters),
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
    let (mut covered, mut sources) = (BTreeSet::new(), sources::Sources::default());
    for (from, run) in SETS {
        forget_used();
        let answered = run();
        let used = used();
        assert!(!answered.is_empty(), "{}", from.words());
        for kind in answered {
            assert!(used.contains(&kind), "{}: {} did not use it", name(kind), from.words());
            covered.insert(kind);
            sources.add(from, kind);
        }
    }
    let listed: BTreeSet<u64> = mechanism_list(&Personality::default()).into_iter().collect();
    let names = |kinds: Vec<&u64>| kinds.into_iter().map(|&kind| name(kind)).collect::<Vec<_>>();
    let missing = names(listed.difference(&covered).collect());
    assert!(missing.is_empty(), "no known answer for {missing:?}");
    let strange = names(covered.difference(&listed).collect());
    assert!(strange.is_empty(), "not in the list: {strange:?}");
    sources.are_those_of_the_file();
}
