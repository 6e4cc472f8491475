//! The public half of a private key.

use super::*;
use crate::support::shapes::dsa_parameters;

#[test]
fn public_halves_come_out_of_private_keys_of_every_type() {
    let mut client = officer();
    let unwilling =
        vec![no(CKA_DERIVE), Attribute::bytes(CKA_ID, "one"), Attribute::bytes(CKA_LABEL, "pair")];
    let bits = Attribute::ulong(CKA_MODULUS_BITS, 2048);
    let curve = |params: &[u8]| Attribute::bytes(CKA_EC_PARAMS, params);
    let set = |number| vec![Attribute::ulong(CKA_PARAMETER_SET, number)];
    let domain = dsa_parameters();
    let group = without(domain.clone(), CKA_SUBPRIME);
    for (kind, given, parts) in [
        (CKM_RSA_PKCS_KEY_PAIR_GEN, vec![bits], [CKA_MODULUS, CKA_PUBLIC_EXPONENT]),
        (CKM_EC_KEY_PAIR_GEN, vec![curve(P256)], [CKA_EC_PARAMS, CKA_EC_POINT]),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, vec![curve(ED25519)], [CKA_EC_PARAMS, CKA_EC_POINT]),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, vec![curve(X25519)], [CKA_EC_PARAMS, CKA_EC_POINT]),
        (CKM_DSA_KEY_PAIR_GEN, domain.clone(), [CKA_SUBPRIME, CKA_VALUE]),
        (CKM_DH_PKCS_KEY_PAIR_GEN, group, [CKA_BASE, CKA_VALUE]),
        (CKM_X9_42_DH_KEY_PAIR_GEN, domain, [CKA_SUBPRIME, CKA_VALUE]),
        (CKM_ML_KEM_KEY_PAIR_GEN, set(CKP_ML_KEM_768), [CKA_VALUE; 2]),
        (CKM_ML_DSA_KEY_PAIR_GEN, set(CKP_ML_DSA_65), [CKA_VALUE; 2]),
        (CKM_SLH_DSA_KEY_PAIR_GEN, set(CKP_SLH_DSA_SHAKE_128F), [CKA_VALUE; 2]),
    ] {
        let (public, private) = client.pair(kind, given, unwilling.clone()).unwrap();
        let mechanism = Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
        let made = client.derive(&mechanism, private, vec![]).unwrap();
        for part in [parts[0], parts[1], CKA_PUBLIC_KEY_INFO] {
            assert_eq!(client.bytes(made, part), client.bytes(public, part), "{part:#x}");
        }
        assert_eq!(client.bytes(made, CKA_ID), b"one");
        assert_eq!(client.bytes(made, CKA_LABEL), b"pair");
        assert_eq!(client.flag(made, CKA_VERIFY), client.flag(private, CKA_SIGN));
        assert!(client.flag(made, CKA_LOCAL));
        let template = vec![Attribute::bytes(CKA_LABEL, "other"), no(CKA_VERIFY)];
        let made = client.derive(&mechanism, private, template).unwrap();
        assert_eq!(client.bytes(made, CKA_LABEL), b"other");
        assert!(!client.flag(made, CKA_VERIFY));
        let refused = client.derive(&mechanism, public, vec![]);
        assert_eq!(rv(refused), CKR_KEY_TYPE_INCONSISTENT);
        let class = vec![Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY)];
        let refused = client.derive(&mechanism, private, class);
        assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT);
    }
    let secret = generic(&mut client, b"secret");
    let refused = client.derive(&Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY), secret, vec![]);
    assert_eq!(rv(refused), CKR_KEY_TYPE_INCONSISTENT);
}
