//! The known attacks on wrapping, with mechanisms that do not notice a change: counter mode and raw RSA. What
//! protects a key from the others protects it from them.

use hsmsim_partition::api::{AttributeResult, OperationKind::Decrypt};

use crate::support::*;

const SECRET: [u8; 32] = [0xC5; 32];

fn ctr() -> Mechanism {
    mechanism(CKM_AES_CTR, Params::Ctr { counter_bits: 32, block: [9; 16] })
}

fn raw() -> Mechanism {
    Mechanism::plain(CKM_RSA_X_509)
}

fn template_of(kind: u64, attributes: Vec<Attribute>) -> Attribute {
    Attribute::template(kind, attributes)
}

fn only(mechanisms: &[u64]) -> Attribute {
    Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, mechanisms)
}

fn aes(more: Vec<Attribute>) -> Vec<Attribute> {
    with(secret_key(CKK_AES, &SECRET), [vec![yes(CKA_SENSITIVE)], more].concat())
}

fn asked() -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_AES),
        Attribute::ulong(CKA_VALUE_LEN, 32),
    ]
}

/// The mechanism, the key that wraps with these attributes more, and the one that unwraps.
fn ways(client: &mut Client, more: &[Attribute]) -> Vec<(Mechanism, ObjectId, ObjectId)> {
    let key = client.create(with(secret_key(CKK_AES, &[7; 32]), more.to_vec())).unwrap();
    let bits = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    let (mut public, mut private) = (bits, vec![]);
    for attribute in more {
        match attribute.kind {
            CKA_UNWRAP_TEMPLATE | CKA_UNWRAP | CKA_DECRYPT => private.push(attribute.clone()),
            CKA_ALLOWED_MECHANISMS => {
                public.push(attribute.clone());
                private.push(attribute.clone());
            }
            _ => public.push(attribute.clone()),
        }
    }
    let (public, private) = client.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, public, private).unwrap();
    vec![(ctr(), key, key), (raw(), public, private)]
}

#[test]
fn what_may_not_be_wrapped_is_not_wrapped_so() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let target = client.create(aes(vec![])).unwrap();
    let fixed = client.create(aes(vec![no(CKA_EXTRACTABLE)])).unwrap();
    let careful = client.create(aes(vec![yes(CKA_WRAP_WITH_TRUSTED)])).unwrap();
    for (mechanism, by, _) in ways(&mut client, &[]) {
        assert!(client.wrap(&mechanism, by, target).is_ok());
        assert_eq!(rv(client.wrap(&mechanism, by, fixed)), CKR_KEY_UNEXTRACTABLE);
        assert_eq!(rv(client.wrap(&mechanism, by, careful)), CKR_KEY_NOT_WRAPPABLE);
    }
    for (mechanism, by, _) in ways(&mut client, &[no(CKA_WRAP)]) {
        let refused = client.wrap(&mechanism, by, target);
        assert_eq!(rv(refused), CKR_KEY_FUNCTION_NOT_PERMITTED, "{mechanism:?}");
    }
    let wanted = template_of(CKA_WRAP_TEMPLATE, vec![Attribute::bytes(CKA_LABEL, "others")]);
    for (mechanism, by, _) in ways(&mut client, &[wanted]) {
        assert_eq!(rv(client.wrap(&mechanism, by, target)), CKR_KEY_HANDLE_INVALID);
    }
    let narrow = [only(&[CKM_AES_KEY_WRAP, CKM_RSA_PKCS_OAEP])];
    for (mechanism, by, back) in ways(&mut client, &narrow) {
        assert_eq!(rv(client.wrap(&mechanism, by, target)), CKR_MECHANISM_INVALID);
        let refused = client.unwrap(&mechanism, back, &[1; 256], asked());
        assert_eq!(rv(refused), CKR_MECHANISM_INVALID, "{mechanism:?}");
    }
}

#[test]
fn a_key_that_only_wraps_decrypts_nothing() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let target = client.create(aes(vec![])).unwrap();
    for (mechanism, by, back) in ways(&mut client, &[no(CKA_DECRYPT)]) {
        let wrapped = client.wrap(&mechanism, by, target).unwrap();
        let opened = client.one_part(Decrypt, &mechanism, Some(back), &wrapped);
        assert_eq!(rv(opened), CKR_KEY_FUNCTION_NOT_PERMITTED, "{mechanism:?}");
    }
    for (mechanism, by, back) in ways(&mut client, &[no(CKA_UNWRAP)]) {
        let wrapped = client.wrap(&mechanism, by, target).unwrap();
        let opened = client.unwrap(&mechanism, back, &wrapped, asked());
        assert_eq!(rv(opened), CKR_KEY_FUNCTION_NOT_PERMITTED, "{mechanism:?}");
    }
}

#[test]
fn what_comes_back_is_as_the_unwrapping_key_prescribes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let target = client.create(aes(vec![])).unwrap();
    let strict = vec![yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)];
    for (mechanism, by, back) in ways(&mut client, &[template_of(CKA_UNWRAP_TEMPLATE, strict)]) {
        let wrapped = client.wrap(&mechanism, by, target).unwrap();
        for wish in [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), yes(CKA_TRUSTED)] {
            let wished = client.unwrap(&mechanism, back, &wrapped, with(asked(), vec![wish]));
            let codes = [CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY];
            assert!(codes.contains(&rv(wished)), "{mechanism:?}");
        }
        let key = client.unwrap(&mechanism, back, &wrapped, asked()).unwrap();
        assert_eq!(client.get(key, CKA_VALUE), AttributeResult::Sensitive);
        for history in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL] {
            assert!(!client.flag(key, history));
        }
    }
}
