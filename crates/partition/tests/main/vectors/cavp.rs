//! NIST's Cryptographic Algorithm Validation Program: `data/cavp.txt`; RFC 5114, whose examples NIST wrote too:
//! `data/rfc_5114.txt`; RSA Laboratories: `data/rsa_laboratories.txt`; roots that everybody had:
//! `data/roots.txt`.

use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_partition::api::{OperationKind::Decrypt, Reply, Request};

use super::{
    cases::{Case, cases, key, public_half, rsa_pair},
    wycheproof::{P224, P384, P521},
    *,
};

const CAVP: &str = include_str!("data/cavp.txt");
const RFC_5114: &str = include_str!("data/rfc_5114.txt");
const ROOTS: &str = include_str!("data/roots.txt");
const LABORATORIES: &str = include_str!("data/rsa_laboratories.txt");

/// DER of a DigestInfo of SHA-1, up to the digest.
const SHA1_INFO: [u8; 15] = [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 20];

/// PKCS #1 v1.5 with SHA-1, and of what is put together outside.
pub(super) fn pkcs1() -> Vec<u64> {
    let mut client = officer();
    for case in cases(CAVP, "SigVer15_186-3.rsp") {
        let (pair, message) = (rsa_pair(&mut client, &case), case.bytes("message"));
        let signature = case.bytes("signature");
        if case.origin.ends_with("SHA256") {
            signs(&mut client, &Mechanism::plain(CKM_SHA256_RSA_PKCS), pair, &message, &signature);
            continue;
        }
        signs(&mut client, &Mechanism::plain(CKM_SHA1_RSA_PKCS), pair, &message, &signature);
        let info = [&SHA1_INFO[..], &hash(HashAlg::Sha1, &message)].concat();
        signs(&mut client, &Mechanism::plain(CKM_RSA_PKCS), pair, &info, &signature);
    }
    vec![CKM_SHA1_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS]
}

/// PKCS #1 v1.5 with MD5: roots of the web's first years, which signed themselves. No suite has it, but for
/// RFC 1421 with a key of 512 bits.
pub(super) fn roots() -> Vec<u64> {
    let mut client = officer();
    for case in cases(ROOTS, "") {
        let parts = vec![case.part(CKA_MODULUS, "n"), case.part(CKA_PUBLIC_EXPONENT, "e")];
        let public = client.create(key(CKO_PUBLIC_KEY, CKK_RSA, parts)).unwrap();
        let (message, signature) = (case.bytes("message"), case.bytes("signature"));
        let md5 = Mechanism::plain(CKM_MD5_RSA_PKCS);
        verifies(&mut client, &md5, public, &message, &signature);
    }
    vec![CKM_MD5_RSA_PKCS]
}

/// X9.31: the digest and the trailer that names its function.
pub(super) fn x9_31() -> Vec<u64> {
    let mut client = officer();
    for case in cases(CAVP, "SigVerRSA.rsp") {
        let (pair, message) = (rsa_pair(&mut client, &case), case.bytes("message"));
        let signature = case.bytes("signature");
        let (function, number) = match case.origin.rsplit(' ').next().unwrap() {
            "SHA1" => (HashAlg::Sha1, 0x33),
            "SHA256" => (HashAlg::Sha256, 0x34),
            "SHA384" => (HashAlg::Sha384, 0x36),
            _ => (HashAlg::Sha512, 0x35),
        };
        let mut block = hash(function, &message);
        block.extend([number, 0xcc]);
        let given = Mechanism::plain(CKM_RSA_X9_31);
        assert_eq!(client.sign(&given, pair.1, &block).unwrap(), signature, "{}", case.origin);
        assert_eq!(client.verify(&given, pair.0, &block, &signature), CKR_OK, "{}", case.origin);
        if function == HashAlg::Sha1 {
            signs(&mut client, &Mechanism::plain(CKM_SHA1_RSA_X9_31), pair, &message, &signature);
        }
    }
    vec![CKM_RSA_X9_31, CKM_SHA1_RSA_X9_31]
}

/// RSA itself, and PKCS #1 v1.5 encryption.
pub(super) fn rsa_laboratories() -> Vec<u64> {
    let mut client = officer();
    for case in cases(LABORATORIES, "pss-int.txt") {
        let pair = rsa_pair(&mut client, &case);
        let (block, signature) = (case.bytes("block"), case.bytes("signature"));
        signs(&mut client, &Mechanism::plain(CKM_RSA_X_509), pair, &block, &signature);
    }
    for case in cases(LABORATORIES, "pkcs1v15crypt-vectors.txt") {
        let (_, private) = rsa_pair(&mut client, &case);
        let (message, encrypted) = (case.bytes("message"), case.bytes("encrypted"));
        let pkcs1 = Mechanism::plain(CKM_RSA_PKCS);
        let opened = client.one_part(Decrypt, &pkcs1, Some(private), &encrypted).unwrap();
        assert_eq!(opened, message, "{}", case.origin);
        let raw = Mechanism::plain(CKM_RSA_X_509);
        let block = client.one_part(Decrypt, &raw, Some(private), &encrypted).unwrap();
        assert!(block.starts_with(&[0, 2]) && block.ends_with(&message), "{}", case.origin);
    }
    vec![CKM_RSA_X_509, CKM_RSA_PKCS]
}

fn field_key(client: &mut Client, case: &Case, key_type: u64, value: &str) -> ObjectId {
    let mut parts =
        vec![case.part(CKA_PRIME, "p"), case.part(CKA_BASE, "g"), case.part(CKA_VALUE, value)];
    parts.extend((key_type != CKK_DH).then(|| case.part(CKA_SUBPRIME, "q")));
    client.create(key(CKO_PRIVATE_KEY, key_type, parts)).unwrap()
}

/// The secret that one key and another's public value make, by PKCS #3 and by X9.42.
fn agrees(client: &mut Client, case: &Case, value: &str, peer: &str) {
    let (peer, secret) = (case.bytes(peer), case.bytes("secret"));
    let by_pkcs3 = mechanism(CKM_DH_PKCS_DERIVE, Params::Bytes(peer.clone()));
    let params = Params::X942 { kdf: CKD_NULL, other_info: vec![], public_data: peer };
    let by_x942 = mechanism(CKM_X9_42_DH_DERIVE, params);
    for (key_type, agree) in [(CKK_DH, by_pkcs3), (CKK_X9_42_DH, by_x942)] {
        let own = field_key(client, case, key_type, value);
        assert_eq!(derived(client, &agree, own, secret.len()), secret, "{}", case.origin);
    }
}

/// The exchanges of NIST's validation of key agreement.
pub(super) fn agreement() -> Vec<u64> {
    let mut client = officer();
    for case in cases(CAVP, "KASValidityTest_FFCStatic") {
        agrees(&mut client, &case, "x", "peer");
    }
    vec![CKM_DH_PKCS_DERIVE, CKM_X9_42_DH_DERIVE]
}

/// The exchanges of RFC 5114, from both sides.
pub(super) fn rfc_5114() -> Vec<u64> {
    let mut client = officer();
    for case in cases(RFC_5114, "RFC 5114") {
        agrees(&mut client, &case, "x", "y_peer");
        agrees(&mut client, &case, "x_peer", "y");
    }
    vec![CKM_DH_PKCS_DERIVE, CKM_X9_42_DH_DERIVE]
}

/// The primes that a seed leads to.
pub(super) fn primes() -> Vec<u64> {
    let mut client = officer();
    for (section, kind) in [
        ("A.1.1.2", CKM_DSA_PROBABILISTIC_PARAMETER_GEN),
        ("A.1.2.1", CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN),
    ] {
        for case in cases(CAVP, &format!("PQGGen.rsp (186-3), {section}")) {
            let hash = match case.origin.rsplit(' ').next().unwrap() {
                "SHA-1" => CKM_SHA_1,
                "SHA-224" => CKM_SHA224,
                "SHA-256" => CKM_SHA256,
                "SHA-384" => CKM_SHA384,
                _ => CKM_SHA512,
            };
            let [p, q] = ["p", "q"].map(|name| case.bytes(name));
            let template = [(CKA_PRIME_BITS, &p), (CKA_SUBPRIME_BITS, &q)]
                .map(|(kind, number)| Attribute::ulong(kind, 8 * number.len() as u64));
            let params = Params::DsaParameterGen { hash, seed: case.bytes("seed") };
            let request = Request::GenerateKey {
                mechanism: mechanism(kind, params).into(),
                template: Template(template.to_vec()),
            };
            let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
            let domain = made.objects[0].id;
            assert_eq!(client.bytes(domain, CKA_PRIME), p, "{}", case.origin);
            assert_eq!(client.bytes(domain, CKA_SUBPRIME), q, "{}", case.origin);
        }
    }
    vec![CKM_DSA_PROBABILISTIC_PARAMETER_GEN, CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN]
}

/// The public keys of NIST's key pairs.
pub(super) fn public_keys() -> Vec<u64> {
    let mut client = officer();
    for (key_type, origin) in [
        (CKK_DSA, "KeyPair.rsp (DSA"),
        (CKK_DH, "KASValidityTest_FFCStatic"),
        (CKK_X9_42_DH, "KASValidityTest_FFCStatic"),
    ] {
        for case in cases(CAVP, origin) {
            let private = field_key(&mut client, &case, key_type, "x");
            let public = public_half(&mut client, private);
            assert_eq!(client.bytes(public, CKA_VALUE), case.bytes("y"), "{}", case.origin);
        }
    }
    for (curve, name) in [(P224, "P-224"), (P256, "P-256"), (P384, "P-384"), (P521, "P-521")] {
        for case in cases(CAVP, &format!("KeyPair.rsp (ECDSA, 186-3), {name}")) {
            let params = Attribute::bytes(CKA_EC_PARAMS, curve);
            let parts = vec![params, case.part(CKA_VALUE, "d")];
            let private = client.create(key(CKO_PRIVATE_KEY, CKK_EC, parts)).unwrap();
            let public = public_half(&mut client, private);
            let point = [vec![4], case.bytes("x"), case.bytes("y")].concat();
            let given = client.bytes(public, CKA_EC_POINT);
            assert!(given.ends_with(&point) && given.len() <= point.len() + 3, "{}", case.origin);
        }
    }
    for case in cases(CAVP, "SigVer15_186-3.rsp") {
        let (_, private) = rsa_pair(&mut client, &case);
        let public = public_half(&mut client, private);
        assert_eq!(client.bytes(public, CKA_MODULUS), case.bytes("n"), "{}", case.origin);
        assert_eq!(client.bytes(public, CKA_PUBLIC_EXPONENT), case.bytes("e"), "{}", case.origin);
    }
    vec![CKM_PUB_KEY_FROM_PRIV_KEY]
}
