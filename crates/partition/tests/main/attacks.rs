//! The known attacks on key management through PKCS#11, each tried and each failing.
//!
//! Names and ideas: Clulow, "On the security of PKCS #11" (2003); Delaune, Kremer and Steel, "Formal
//! analysis of PKCS#11" (2008); Bortolozzo et al., "Attacking and fixing PKCS#11 security tokens" (2010);
//! Bardou et al., "Efficient padding oracle attacks on cryptographic hardware" (2012). What the standard
//! allows a careless user is shown beside the protection that stops it.

use hsmsim_partition::api::{AttributeResult, OperationKind::Decrypt, Request};

use crate::support::*;

const SECRET: [u8; 32] = [0xC5; 32];

fn kw() -> Mechanism {
    Mechanism::plain(CKM_AES_KEY_WRAP)
}

fn ecb() -> Mechanism {
    Mechanism::plain(CKM_AES_ECB)
}

fn template_of(kind: u64, attributes: Vec<Attribute>) -> Attribute {
    Attribute::template(kind, attributes)
}

fn only(mechanisms: &[u64]) -> Attribute {
    Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, mechanisms)
}

fn aes(value: &[u8], more: Vec<Attribute>) -> Vec<Attribute> {
    with(secret_key(CKK_AES, value), more)
}

/// A sensitive key that may be wrapped.
fn target(client: &mut Client, more: Vec<Attribute>) -> ObjectId {
    client.create(with(aes(&SECRET, vec![yes(CKA_SENSITIVE)]), more)).unwrap()
}

/// What an attacker asks of an unwrapped key.
fn readable() -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_AES),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ]
}

/// A partition with the user logged in, and a public wrapping key that the SO trusts for wrapping alone.
fn with_trusted_key() -> (Client, ObjectId) {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    client.login(Role::SecurityOfficer, SO_PIN).unwrap();
    let usage = [CKA_DECRYPT, CKA_ENCRYPT, CKA_UNWRAP, CKA_DERIVE, CKA_SIGN, CKA_VERIFY].map(no);
    let template = aes(&[7; 16], [usage.to_vec(), vec![yes(CKA_SENSITIVE)]].concat());
    let key = vec![yes(CKA_TRUSTED), yes(CKA_TOKEN), no(CKA_PRIVATE)];
    let key = client.create(with(template, key)).unwrap();
    client.ask(Request::Logout).unwrap();
    client.login(Role::CryptoOfficer, USER_PIN).unwrap();
    (client, key)
}

#[test]
fn wrap_and_decrypt_with_one_key() {
    let (mut client, trusted) = with_trusted_key();
    // By the standard a user may have a key that wraps and decrypts; what it wraps is then open.
    let both = client.create(aes(&[7; 16], vec![])).unwrap();
    let careless = target(&mut client, vec![]);
    let wrapped = client.wrap(&ecb(), both, careless).unwrap();
    assert_eq!(client.one_part(Decrypt, &ecb(), Some(both), &wrapped).unwrap(), SECRET);

    // A key that only trusted ones may wrap meets none of the user's own making.
    let careful = target(&mut client, vec![yes(CKA_WRAP_WITH_TRUSTED)]);
    assert_eq!(rv(client.wrap(&ecb(), both, careful)), CKR_KEY_NOT_WRAPPABLE);
    assert_eq!(client.set(careful, no(CKA_WRAP_WITH_TRUSTED)), CKR_ATTRIBUTE_READ_ONLY);
    // And what the SO trusts cannot be taught to decrypt, neither itself nor in a copy.
    let wrapped = client.wrap(&ecb(), trusted, careful).unwrap();
    let decrypted = client.one_part(Decrypt, &ecb(), Some(trusted), &wrapped);
    assert_eq!(rv(decrypted), CKR_KEY_FUNCTION_NOT_PERMITTED);
    for usage in [CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE, CKA_ENCRYPT] {
        assert_eq!(client.set(trusted, yes(usage)), CKR_ATTRIBUTE_READ_ONLY);
        let template = Template(vec![yes(usage)]);
        let copy = Request::Copy { object: trusted, template };
        assert_eq!(client.code(copy), CKR_ATTRIBUTE_READ_ONLY);
        // Giving up the trust first gives up the wrapping too.
        let template = Template(vec![no(CKA_TRUSTED), yes(usage)]);
        let copy = Request::Copy { object: trusted, template };
        assert_eq!(client.code(copy), CKR_ATTRIBUTE_READ_ONLY);
    }

    // A wrapping key that may do nothing but a key wrap does not decrypt what it wrapped.
    let narrow = client.create(aes(&[7; 16], vec![only(&[CKM_AES_KEY_WRAP])])).unwrap();
    let wrapped = client.wrap(&kw(), narrow, careless).unwrap();
    assert_eq!(rv(client.wrap(&ecb(), narrow, careless)), CKR_MECHANISM_INVALID);
    let decrypted = client.one_part(Decrypt, &ecb(), Some(narrow), &wrapped);
    assert_eq!(rv(decrypted), CKR_MECHANISM_INVALID);
    assert_eq!(client.set(narrow, only(&[CKM_AES_ECB])), CKR_ATTRIBUTE_READ_ONLY);

    // And one with a template wraps what it is meant for alone.
    let wanted = template_of(CKA_WRAP_TEMPLATE, vec![Attribute::bytes(CKA_LABEL, "session keys")]);
    let picky = client.create(aes(&[7; 16], vec![wanted])).unwrap();
    assert_eq!(rv(client.wrap(&ecb(), picky, careless)), CKR_KEY_HANDLE_INVALID);
}

#[test]
fn making_a_trusted_key_without_the_so() {
    let (mut client, _) = with_trusted_key();
    let trusted = || vec![yes(CKA_TRUSTED)];
    let helper = client.create(aes(&[7; 16], vec![])).unwrap();
    let wrapped = client.wrap(&kw(), helper, helper).unwrap();
    let data = mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(vec![1; 32]));
    let size = Attribute::ulong(CKA_VALUE_LEN, 16);
    for answer in [
        rv(client.create(aes(&[7; 16], trusted()))),
        rv(client.generate(CKM_AES_KEY_GEN, with(trusted(), vec![size]))),
        rv(client.unwrap(&kw(), helper, &wrapped, with(readable(), trusted()))),
        rv(client.derive(&data, helper, trusted())),
        client.set(helper, yes(CKA_TRUSTED)),
        client.code(Request::Copy { object: helper, template: Template(trusted()) }),
    ] {
        assert_eq!(answer, CKR_ATTRIBUTE_READ_ONLY);
    }
    // Nor through a key that prescribes it.
    for kind in [CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE] {
        let helper = client.create(aes(&[7; 16], vec![template_of(kind, trusted())])).unwrap();
        let made = match kind {
            CKA_UNWRAP_TEMPLATE => client.unwrap(&kw(), helper, &wrapped, readable()),
            _ => client.derive(&data, helper, vec![]),
        };
        assert_eq!(rv(made), CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn reimport_with_other_attributes() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    // What comes back is never taken for a key that was always inside, whatever it says of itself.
    let free = client.create(aes(&[7; 16], vec![])).unwrap();
    let len = Attribute::ulong(CKA_VALUE_LEN, 32);
    let inside = vec![len, yes(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let inside = client.generate(CKM_AES_KEY_GEN, inside).unwrap();
    assert!(client.flag(inside, CKA_ALWAYS_SENSITIVE) && client.flag(inside, CKA_LOCAL));
    let wrapped = client.wrap(&kw(), free, inside).unwrap();
    let hidden = with(readable(), vec![yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]);
    let again = client.unwrap(&kw(), free, &wrapped, hidden).unwrap();
    for history in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL] {
        assert!(!client.flag(again, history));
    }

    // A key that wraps and unwraps opens what it wraps, unless it prescribes how keys come back.
    let opened = client.unwrap(&kw(), free, &wrapped, readable()).unwrap();
    assert_eq!(client.bytes(opened, CKA_VALUE).len(), 32);
    let strict = vec![
        yes(CKA_SENSITIVE),
        no(CKA_EXTRACTABLE),
        yes(CKA_WRAP_WITH_TRUSTED),
        no(CKA_DECRYPT),
        no(CKA_WRAP),
        no(CKA_MODIFIABLE),
        no(CKA_COPYABLE),
    ];
    let strict = template_of(CKA_UNWRAP_TEMPLATE, strict);
    let bound = client.create(aes(&[7; 16], vec![strict.clone()])).unwrap();
    let wrapped = client.wrap(&kw(), bound, inside).unwrap();
    let modest = || without(without(readable(), CKA_SENSITIVE), CKA_EXTRACTABLE);
    for wish in [
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
        no(CKA_WRAP_WITH_TRUSTED),
        yes(CKA_DECRYPT),
        yes(CKA_WRAP),
        yes(CKA_MODIFIABLE),
        yes(CKA_COPYABLE),
    ] {
        let wished = client.unwrap(&kw(), bound, &wrapped, with(modest(), vec![wish.clone()]));
        assert_eq!(rv(wished), CKR_TEMPLATE_INCONSISTENT, "{wish:?}");
    }
    let back = client.unwrap(&kw(), bound, &wrapped, modest()).unwrap();
    assert_eq!(client.get(back, CKA_VALUE), AttributeResult::Sensitive);
    assert_eq!(client.set(back, yes(CKA_DECRYPT)), CKR_ACTION_PROHIBITED);
    let copy = Request::Copy { object: back, template: Template(vec![yes(CKA_DECRYPT)]) };
    assert_eq!(client.code(copy), CKR_ACTION_PROHIBITED);
    // The prescription itself stays: neither the key nor a copy of it loses it.
    let nothing = template_of(CKA_UNWRAP_TEMPLATE, vec![]);
    assert_eq!(client.set(bound, nothing.clone()), CKR_ATTRIBUTE_READ_ONLY);
    let copy = Request::Copy { object: bound, template: Template(vec![nothing]) };
    assert_eq!(client.code(copy), CKR_ATTRIBUTE_READ_ONLY);
    let AttributeResult::Value(kept) = client.get(bound, CKA_UNWRAP_TEMPLATE) else { panic!() };
    assert_eq!(kept, strict.value);
}

#[test]
fn copy_to_lower_protection_and_setting_it_back() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let len = Attribute::ulong(CKA_VALUE_LEN, 32);
    let guarded = vec![len, yes(CKA_WRAP_WITH_TRUSTED), only(&[CKM_AES_GCM])];
    let key = client.generate(CKM_AES_KEY_GEN, guarded).unwrap();
    for weaker in [
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
        no(CKA_WRAP_WITH_TRUSTED),
        no(CKA_ALWAYS_SENSITIVE),
        no(CKA_NEVER_EXTRACTABLE),
        yes(CKA_TRUSTED),
        only(&[CKM_AES_ECB]),
        template_of(CKA_WRAP_TEMPLATE, vec![]),
        template_of(CKA_DERIVE_TEMPLATE, vec![]),
    ] {
        assert_eq!(client.set(key, weaker.clone()), CKR_ATTRIBUTE_READ_ONLY, "{weaker:?}");
        let copy = Request::Copy { object: key, template: Template(vec![weaker]) };
        assert_eq!(client.code(copy), CKR_ATTRIBUTE_READ_ONLY);
    }
    let public = Request::Copy { object: key, template: Template(vec![no(CKA_PRIVATE)]) };
    assert_eq!(client.code(public), CKR_TEMPLATE_INCONSISTENT);
    // Two steps come no further than one.
    let copy = Request::Copy { object: key, template: Template(vec![yes(CKA_SENSITIVE)]) };
    let hsmsim_partition::api::Reply::Created(made) = client.ask(copy).unwrap() else { panic!() };
    let copy = made.objects[0].id;
    assert_eq!(client.set(copy, no(CKA_SENSITIVE)), CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(client.get(copy, CKA_VALUE), AttributeResult::Sensitive);
    for flag in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED] {
        assert!(client.flag(copy, flag), "{flag:#x} of the copy");
    }
    // What is not to be copied stays so, also in what was made before.
    assert_eq!(client.set(copy, no(CKA_COPYABLE)), CKR_OK);
    assert_eq!(client.set(copy, yes(CKA_COPYABLE)), CKR_ATTRIBUTE_READ_ONLY);
    let again = Request::Copy { object: copy, template: Template(vec![]) };
    assert_eq!(client.code(again), CKR_ACTION_PROHIBITED);
}

#[test]
fn reading_a_secret_by_search_setting_or_check_value() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = target(&mut client, vec![]);
    let guess = Attribute::bytes(CKA_VALUE, SECRET);
    assert!(client.find(vec![guess.clone()]).is_empty());
    assert_eq!(client.set(key, guess), CKR_ATTRIBUTE_READ_ONLY);
    // Whoever fears the three bytes of a check value makes the key without, for good.
    assert_eq!(client.bytes(key, CKA_CHECK_VALUE).len(), 3);
    let guess = Attribute::bytes(CKA_CHECK_VALUE, [1, 2, 3]);
    assert_eq!(client.set(key, guess.clone()), CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(client.set(key, Attribute::bytes(CKA_CHECK_VALUE, "")), CKR_OK);
    assert_eq!(client.get(key, CKA_CHECK_VALUE), AttributeResult::Invalid);
    assert_eq!(client.set(key, guess), CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(client.get(key, CKA_CHECK_VALUE), AttributeResult::Invalid);
}

#[test]
fn key_conjuring() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (_, private) = rsa_pair(&mut client);
    let unwrapping = client.create(aes(&[7; 16], vec![])).unwrap();
    let random: Vec<u8> = (0..48_u8).map(|at| at.wrapping_mul(37)).collect();
    let oaep = Params::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        label: vec![],
    };
    let gcm = Params::Gcm { iv: vec![5; 12], iv_bits: 96, aad: vec![], tag_bits: 128 };
    for (mechanism, key, bytes) in [
        (kw(), unwrapping, &random[..40]),
        (Mechanism::plain(CKM_AES_KEY_WRAP_KWP), unwrapping, &random[..40]),
        (mechanism(CKM_AES_GCM, gcm), unwrapping, &random[..48]),
        (mechanism(CKM_RSA_PKCS_OAEP, oaep), private, &random.repeat(6)[..256]),
    ] {
        let conjured = client.unwrap(&mechanism, key, bytes, readable());
        assert_eq!(rv(conjured), CKR_WRAPPED_KEY_INVALID, "{:#x}", mechanism.kind);
    }
    // A mode that proves nothing conjures keys by its nature; a key can be barred from it.
    assert_eq!(rv(client.unwrap(&ecb(), unwrapping, &random[..32], readable())), CKR_OK);
    let narrow = client.create(aes(&[7; 16], vec![only(&[CKM_AES_KEY_WRAP])])).unwrap();
    let conjured = client.unwrap(&ecb(), narrow, &random[..32], readable());
    assert_eq!(rv(conjured), CKR_MECHANISM_INVALID);
}

#[test]
fn exchanging_the_halves_of_a_wrapped_key() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let halves = [[1; 16], [2; 16]].concat();
    let key = client.create(aes(&halves, vec![yes(CKA_SENSITIVE)])).unwrap();
    let wrapping = client.create(aes(&[7; 16], vec![only(&[CKM_AES_KEY_WRAP])])).unwrap();
    let wrapped = client.wrap(&kw(), wrapping, key).unwrap();
    let mut twisted = wrapped.clone();
    twisted[8..].rotate_left(16);
    let doubled = [&wrapped[..24], &wrapped[8..24]].concat();
    let half = wrapped[..24].to_vec();
    for forged in [twisted, doubled, half] {
        let unwrapped = client.unwrap(&kw(), wrapping, &forged, readable());
        assert_eq!(rv(unwrapped), CKR_WRAPPED_KEY_INVALID);
    }
    assert_eq!(rv(client.wrap(&ecb(), wrapping, key)), CKR_MECHANISM_INVALID);
}

/// Bytes as a padded block of RSA without a mechanism's own padding.
fn raw(client: &mut Client, public: ObjectId, padded: &[u8]) -> Vec<u8> {
    use hsmsim_partition::api::OperationKind::Encrypt;
    client.one_part(Encrypt, &Mechanism::plain(CKM_RSA_X_509), Some(public), padded).unwrap()
}

/// PKCS#1 v1.5 around a message, with the first bytes as given.
fn block(first: [u8; 2], message: &[u8]) -> Vec<u8> {
    let fill = vec![0xA5; 256 - 3 - message.len()];
    [&first[..], &fill, &[0], message].concat()
}

#[test]
fn padding_oracle_of_pkcs_1_by_unwrapping() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let pkcs = Mechanism::plain(CKM_RSA_PKCS);
    let good = block([0, 2], &SECRET);
    let len = |len| vec![Attribute::ulong(CKA_VALUE_LEN, len)];
    let check = vec![Attribute::bytes(CKA_CHECK_VALUE, [1, 2, 3])];
    let mut short = block([0, 2], &SECRET);
    short[5] = 0;
    for (padded, template) in [
        (block([0, 1], &SECRET), readable()),
        (block([1, 2], &SECRET), readable()),
        (vec![0xA5; 255].into_iter().chain([1]).collect(), readable()),
        (short, readable()),
        // Well padded, and no such key in it.
        (block([0, 2], &[1; 17]), readable()),
        (block([0, 2], &[]), readable()),
        (good.clone(), with(readable(), len(16))),
        (good.clone(), with(readable(), check)),
        (good.clone(), with(readable(), vec![Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY)])),
    ] {
        let mut padded = padded;
        // Below the modulus, whose first bit is one.
        padded[0] &= 0x7F;
        let wrapped = raw(&mut client, public, &padded);
        let template = match template.iter().any(|given| given.value.as_ulong() == Some(3)) {
            true => with(template, vec![Attribute::ulong(CKA_KEY_TYPE, CKK_EC)]),
            false => template,
        };
        let unwrapped = client.unwrap(&pkcs, private, &wrapped, template);
        assert_eq!(rv(unwrapped), CKR_WRAPPED_KEY_INVALID, "{:02x?}", &padded[..4]);
    }
    let wrapped = raw(&mut client, public, &good);
    assert!(client.unwrap(&pkcs, private, &wrapped, readable()).is_ok());
    // What the template alone forbids is said before, of whatever ciphertext.
    for padded in [&good, &vec![1; 256]] {
        let wrapped = raw(&mut client, public, padded);
        let local = with(readable(), vec![yes(CKA_LOCAL)]);
        assert_eq!(rv(client.unwrap(&pkcs, private, &wrapped, local)), CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn padding_oracle_of_pkcs_1_by_decrypting_and_decapsulating() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let pkcs = Mechanism::plain(CKM_RSA_PKCS);
    let mut no_end = vec![0xA5; 256];
    (no_end[0], no_end[1]) = (0, 2);
    let mut short = block([0, 2], &SECRET);
    short[5] = 0;
    for padded in [block([0, 1], &SECRET), block([1, 2], &SECRET), no_end, short] {
        let ciphertext = raw(&mut client, public, &padded);
        let decrypted = client.one_part(Decrypt, &pkcs, Some(private), &ciphertext);
        assert_eq!(rv(decrypted), CKR_ENCRYPTED_DATA_INVALID, "{:02x?}", &padded[..8]);
        let request = decapsulate(&pkcs, private, ciphertext, None);
        assert_eq!(client.code(request), CKR_ENCRYPTED_DATA_INVALID);
    }
    // Well padded, and another length than was asked for: as if the padding were bad.
    let ciphertext = raw(&mut client, public, &block([0, 2], &SECRET));
    let request = decapsulate(&pkcs, private, ciphertext.clone(), Some(16));
    assert_eq!(client.code(request), CKR_ENCRYPTED_DATA_INVALID);
    assert_eq!(client.code(decapsulate(&pkcs, private, ciphertext, Some(32))), CKR_OK);
}

fn decapsulate(
    mechanism: &Mechanism,
    private_key: ObjectId,
    ciphertext: Vec<u8>,
    len: Option<u64>,
) -> Request {
    let template = len.map(|len| Attribute::ulong(CKA_VALUE_LEN, len)).into_iter().collect();
    Request::Decapsulate { mechanism: mechanism.clone().into(), private_key, ciphertext, template }
}

#[test]
fn padding_oracle_of_oaep() {
    // Manger: whether the first byte is zero must not show.
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) = rsa_pair(&mut client);
    let oaep = Params::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        label: vec![],
    };
    let oaep = mechanism(CKM_RSA_PKCS_OAEP, oaep);
    for first in [0, 1, 0x40] {
        let mut padded = vec![0x5A; 256];
        padded[0] = first;
        let ciphertext = raw(&mut client, public, &padded);
        let decrypted = client.one_part(Decrypt, &oaep, Some(private), &ciphertext);
        assert_eq!(rv(decrypted), CKR_ENCRYPTED_DATA_INVALID);
        let unwrapped = client.unwrap(&oaep, private, &ciphertext, readable());
        assert_eq!(rv(unwrapped), CKR_WRAPPED_KEY_INVALID);
    }
}

#[test]
fn padding_oracle_of_cbc() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let pad = mechanism(CKM_AES_CBC_PAD, Params::Bytes(vec![3; 16]));
    let cbc = mechanism(CKM_AES_CBC, Params::Bytes(vec![3; 16]));
    let key = client.create(aes(&[7; 16], vec![])).unwrap();
    let encrypt = |client: &mut Client, plain: &[u8]| {
        use hsmsim_partition::api::OperationKind::Encrypt;
        client.one_part(Encrypt, &cbc, Some(key), plain).unwrap()
    };
    let ending = |end: &[u8]| [&[0x11; 48][..48 - end.len()], end].concat();
    for end in [&[0][..], &[17], &[2, 1, 2], &[9, 9], &[0xFF]] {
        let ciphertext = encrypt(&mut client, &ending(end));
        let decrypted = client.one_part(Decrypt, &pad, Some(key), &ciphertext);
        let well_padded = end == [2, 1, 2];
        if !well_padded {
            assert_eq!(rv(decrypted), CKR_ENCRYPTED_DATA_INVALID, "{end:02x?}");
        }
        let unwrapped = client.unwrap(&pad, key, &ciphertext, readable());
        assert_eq!(rv(unwrapped), CKR_WRAPPED_KEY_INVALID, "{end:02x?}");
        let ec = vec![
            Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
            Attribute::ulong(CKA_KEY_TYPE, CKK_EC),
        ];
        assert_eq!(rv(client.unwrap(&pad, key, &ciphertext, ec)), CKR_WRAPPED_KEY_INVALID);
    }
    // Well padded: 47 bytes are no AES key, and say nothing else than a bad padding would.
    let ciphertext = encrypt(&mut client, &ending(&[1]));
    assert!(client.one_part(Decrypt, &pad, Some(key), &ciphertext).is_ok());
    let unwrapped = client.unwrap(&pad, key, &ciphertext, readable());
    assert_eq!(rv(unwrapped), CKR_WRAPPED_KEY_INVALID);
}

#[test]
fn downgrading_by_derivation() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, _) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let point = client.bytes(public, CKA_EC_POINT);
    let agreement = Params::Ecdh1 { kdf: CKD_NULL, shared_data: vec![], public_data: point };
    let agreement = mechanism(CKM_ECDH1_DERIVE, agreement);
    let strict = || vec![yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE), no(CKA_DERIVE)];
    let bound = template_of(CKA_DERIVE_TEMPLATE, strict());
    let params = vec![Attribute::bytes(CKA_EC_PARAMS, P256)];
    let (_, private) = client.pair(CKM_EC_KEY_PAIR_GEN, params, vec![bound]).unwrap();
    for wish in [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), yes(CKA_DERIVE)] {
        let derived = client.derive(&agreement, private, vec![wish.clone()]);
        assert_eq!(rv(derived), CKR_TEMPLATE_INCONSISTENT, "{wish:?}");
    }
    // One byte of the secret is as well kept as all of it.
    let one = client.derive(&agreement, private, vec![Attribute::ulong(CKA_VALUE_LEN, 1)]).unwrap();
    assert_eq!(client.get(one, CKA_VALUE), AttributeResult::Sensitive);
    assert_eq!(client.set(one, no(CKA_SENSITIVE)), CKR_ATTRIBUTE_READ_ONLY);
    // Without a template the user decides, and the history tells of it.
    let base = vec![Attribute::ulong(CKA_VALUE_LEN, 16), yes(CKA_DERIVE)];
    let base = client.generate(CKM_AES_KEY_GEN, base).unwrap();
    let data = mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(vec![1; 16]));
    let open = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let child = client.derive(&data, base, open).unwrap();
    assert!(!client.flag(child, CKA_ALWAYS_SENSITIVE));
    assert!(!client.flag(child, CKA_NEVER_EXTRACTABLE));
    assert_eq!(client.set(child, yes(CKA_SENSITIVE)), CKR_OK);
    let grandchild = client.derive(&data, base, vec![]).unwrap();
    assert!(client.flag(grandchild, CKA_ALWAYS_SENSITIVE), "its own history, not its sister's");
}

#[test]
fn using_a_key_that_belongs_to_nobody_logged_in() {
    let (_, partition) = provisioned(open());
    let mut officer = Client::logged_in(&partition, 1);
    let key = officer.create(aes(&SECRET, vec![yes(CKA_TOKEN)])).unwrap();
    let session_key = officer.create(aes(&SECRET, vec![])).unwrap();
    let mut stranger = Client::new(&partition, 2, 2);
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    for guessed in [key, session_key] {
        assert_eq!(rv(stranger.sign(&cmac, guessed, b"data")), CKR_KEY_HANDLE_INVALID);
        let copy = Request::Copy { object: guessed, template: Template(vec![no(CKA_PRIVATE)]) };
        assert_eq!(stranger.code(copy), CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(stranger.destroy(guessed), CKR_OBJECT_HANDLE_INVALID);
    }
    stranger.login(Role::SecurityOfficer, SO_PIN).unwrap();
    assert_eq!(rv(stranger.sign(&cmac, key, b"data")), CKR_KEY_HANDLE_INVALID, "nor the SO's");
    assert!(stranger.find(vec![]).is_empty());
}
