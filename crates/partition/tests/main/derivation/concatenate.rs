//! Keys put together: PKCS#11's own examples, and who inherits what.

use super::*;

fn data(kind: u64, data: &str) -> Mechanism {
    mechanism(kind, Params::DerivationData(hex(data)))
}

#[test]
pub(crate) fn keys_and_data_are_put_together_as_in_the_examples_of_the_standard() {
    let mut client = officer();
    let unsaid = || without(readable(1), CKA_VALUE_LEN);
    // 6.43.3 to 6.43.6.
    let (first, second) =
        (generic(&mut client, &hex("01234567")), generic(&mut client, &hex("89abcdef")));
    for (mechanism, expected) in [
        (kdf(CKM_CONCATENATE_BASE_AND_KEY, KdfParams::Key(key(second))), "0123456789abcdef"),
        (data(CKM_CONCATENATE_BASE_AND_DATA, "89abcdef"), "0123456789abcdef"),
        (data(CKM_CONCATENATE_DATA_AND_BASE, "89abcdef"), "89abcdef01234567"),
        (data(CKM_XOR_BASE_AND_DATA, "89abcdef"), "88888888"),
        // As long as the shorter of the two.
        (data(CKM_XOR_BASE_AND_DATA, "89ab"), "8888"),
        (data(CKM_XOR_BASE_AND_DATA, "89abcdef00"), "88888888"),
        (data(CKM_CONCATENATE_BASE_AND_DATA, ""), "01234567"),
    ] {
        let made = client.derive(&mechanism, first, unsaid()).unwrap();
        assert_eq!(client.bytes(made, CKA_VALUE), hex(expected), "{mechanism:?}");
        // A length cuts the end.
        let two = value(&mut client, &mechanism, first, 2).unwrap();
        assert_eq!(two, hex(expected)[..2], "{mechanism:?}");
        let long = client.derive(&mechanism, first, readable(9));
        assert_eq!(rv(long), CKR_TEMPLATE_INCONSISTENT);
    }
    let empty = data(CKM_XOR_BASE_AND_DATA, "");
    assert_eq!(rv(client.derive(&empty, first, unsaid())), CKR_MECHANISM_PARAM_INVALID);
    let bare = Mechanism::plain(CKM_CONCATENATE_BASE_AND_KEY);
    assert_eq!(rv(client.derive(&bare, first, unsaid())), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
pub(crate) fn bits_are_taken_from_a_place_on_and_go_on_at_the_beginning() {
    let mut client = officer();
    // 6.43.7: from the value 0x329F84A9, 16 bits from place 21 on.
    let base = generic(&mut client, &hex("329f84a9"));
    let from = |bit| mechanism(CKM_EXTRACT_KEY_FROM_KEY, Params::Length(bit));
    assert_eq!(value(&mut client, &from(21), base, 2).unwrap(), hex("9526"));
    assert_eq!(value(&mut client, &from(0), base, 4).unwrap(), hex("329f84a9"));
    assert_eq!(value(&mut client, &from(8), base, 4).unwrap(), hex("9f84a932"));
    for (bit, len, expected) in [
        (32, 2, CKR_MECHANISM_PARAM_INVALID),
        (u64::MAX, 2, CKR_MECHANISM_PARAM_INVALID),
        (0, 5, CKR_TEMPLATE_INCONSISTENT),
    ] {
        assert_eq!(rv(client.derive(&from(bit), base, readable(len))), expected);
    }
    let unsaid = without(readable(1), CKA_VALUE_LEN);
    assert_eq!(rv(client.derive(&from(0), base, unsaid)), CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn what_is_put_together_is_as_protected_as_all_its_parts() {
    let mut client = officer();
    let open = generic(&mut client, b"open");
    let len = Attribute::ulong(CKA_VALUE_LEN, 16);
    let generated = vec![len.clone(), yes(CKA_DERIVE)];
    let closed = client.generate(CKM_GENERIC_SECRET_KEY_GEN, generated).unwrap();
    let and = |other| kdf(CKM_CONCATENATE_BASE_AND_KEY, KdfParams::Key(key(other)));
    let bits = mechanism(CKM_EXTRACT_KEY_FROM_KEY, Params::Length(0));
    let bytes = data(CKM_XOR_BASE_AND_DATA, "00112233445566778899aabbccddeeff");
    for (mechanism, base) in
        [(and(closed), open), (and(open), closed), (bits, closed), (bytes, closed)]
    {
        // Nobody says: it follows.
        let made = client.derive(&mechanism, base, vec![len.clone()]).unwrap();
        assert!(client.flag(made, CKA_SENSITIVE) && !client.flag(made, CKA_EXTRACTABLE));
        for less in [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)] {
            let refused = client.derive(&mechanism, base, vec![len.clone(), less]);
            assert_eq!(rv(refused), CKR_TEMPLATE_INCONSISTENT);
        }
    }
    // History is that of both.
    let mixed = client.derive(&and(open), closed, vec![]).unwrap();
    assert_eq!(history(&mut client, mixed), (false, false));
    let both = client.derive(&and(closed), closed, vec![]).unwrap();
    assert_eq!(history(&mut client, both), (true, true));
}
