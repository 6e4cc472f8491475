//! The functions of SP 800-108: vectors of NIST's component validation, several keys at once, refusals.

use hsmsim_types::{PrfField, PrfNumber};

use super::*;

const BIG_32: PrfNumber = PrfNumber { little_endian: false, width_bits: 32 };

fn params(prf: u64, fields: Vec<PrfField>, iv: &[u8]) -> KdfParams {
    KdfParams::Sp800_108 { prf, fields, iv: iv.to_vec(), additional: vec![] }
}

/// Mechanism, base key, initialisation vector, fixed input, derived key; HMAC-SHA-256 with a counter of 32
/// bits, before the fixed input or after the iteration variable.
const NIST: [(u64, &str, &str, &str, &str); 3] = [
    (
        CKM_SP800_108_COUNTER_KDF,
        "1d9209183e557d3aac7e2ab53d26ec659df2a745fe56a53818ef5853a42ce194",
        "",
        "c01a431a32833930a22abee5c6ea34db459316def3b241529ece7e39e2069a1e\
         6b942946132eebc9679801d2cefef4bbb6a1b84ef853325b7bc498fd",
        "dabcffa16a7589deee6c768aaf01e0813de909005526da54700083ef068f854d49941279689a1726",
    ),
    (
        CKM_SP800_108_FEEDBACK_KDF,
        "93f698e842eed75394d629d957e2e89c6e741f810b623c8b901e38376d068e7b",
        "9f575d9059d3e0c0803f08112f8a806de3c3471912cdf42b095388b14b33508e",
        "53b89c18690e2057a1d167822e636de50be0018532c431f7f5e37f77139220d5\
         e042599ebe266af5767ee18cd2c5c19a1f0f80",
        "bd1476f43a4e315747cf5918e0ea5bc0d98769457477c3ab18b742def0e079a9\
         33b756365afb5541f253fee43c6fd788a44041038509e9eeb68f7d65ffbb5f95",
    ),
    (
        CKM_SP800_108_DOUBLE_PIPELINE_KDF,
        "9306645e6b3182a66b1cca905480b7ffa8d60467a52c12202476a54287a45bc0",
        "",
        "0fc1704af3daaa5942025495c22a710ed64bba03d71f0f89ee2b37552a073797\
         d639a8fda73ee616332f5a54e51359ea578382",
        "a0a718541e7722e8a62b7946ea0244d1b6f3f1dc9213a880cc1c777ead8814b5\
         1b687777258e32fe9f0e85854271d9cb029026c3c7eb920136005634b4e1c09a\
         cffa969cd952",
    ),
];

fn mechanism_of(kind: u64, iv: &[u8], fixed: &[u8]) -> KdfParams {
    let variable = match kind {
        CKM_SP800_108_COUNTER_KDF => vec![PrfField::IterationVariable(Some(BIG_32))],
        _ => vec![PrfField::IterationVariable(None), PrfField::Counter(BIG_32)],
    };
    let fields = [variable, vec![PrfField::Bytes(fixed.to_vec())]].concat();
    params(CKM_SHA256_HMAC, fields, iv)
}

#[test]
pub(crate) fn all_modes_give_the_vectors_of_nist() {
    let mut client = officer();
    for (kind, base, iv, fixed, expected) in NIST {
        let base = generic(&mut client, &hex(base));
        let expected = hex(expected);
        let mechanism = kdf(kind, mechanism_of(kind, &hex(iv), &hex(fixed)));
        assert_eq!(value(&mut client, &mechanism, base, expected.len()).unwrap(), expected);
        // The same input, its middle out of a key.
        let (fixed, iv) = (hex(fixed), hex(iv));
        let middle = generic(&mut client, &fixed[10..20]);
        let mut fields = match mechanism_of(kind, &iv, &fixed[..10]) {
            KdfParams::Sp800_108 { fields, .. } => fields,
            _ => unreachable!(),
        };
        fields.push(PrfField::Key(key(middle)));
        fields.push(PrfField::Bytes(fixed[20..].to_vec()));
        let mechanism = kdf(kind, params(CKM_SHA256_HMAC, fields, &iv));
        assert_eq!(value(&mut client, &mechanism, base, expected.len()).unwrap(), expected);
    }
}

fn several(lens: &[u64]) -> Mechanism {
    let additional = lens
        .iter()
        .map(|&len| {
            Template(vec![
                no(CKA_SENSITIVE),
                yes(CKA_EXTRACTABLE),
                Attribute::ulong(CKA_VALUE_LEN, len),
                Attribute::bytes(CKA_LABEL, format!("key of {len}")),
            ])
        })
        .collect();
    let fields = vec![PrfField::IterationVariable(Some(BIG_32)), PrfField::Bytes(b"x".to_vec())];
    kdf(
        CKM_SP800_108_COUNTER_KDF,
        KdfParams::Sp800_108 { prf: CKM_SHA256_HMAC, fields, iv: vec![], additional },
    )
}

#[test]
fn further_keys_are_derived_after_the_first_each_by_its_own_template() {
    let mut client = officer();
    let base = generic(&mut client, b"key");
    let made = creation(&mut client, &several(&[16, 40]), base, readable(48)).unwrap();
    let prf = |count: u32| {
        let input = [&count.to_be_bytes()[..], b"x"].concat();
        let hmac = hsmsim_crypto::mac::MacAlg::Hmac(hsmsim_crypto::digest::HashAlg::Sha256);
        hsmsim_crypto::mac::mac(hmac, b"key", &input).unwrap()
    };
    let all = [
        [&prf(1)[..], &prf(2)[..16]].concat(),
        prf(3)[..16].to_vec(),
        [&prf(4)[..], &prf(5)[..8]].concat(),
    ];
    assert_eq!(made.objects.len(), 3);
    for (object, expected) in made.objects.iter().zip(all) {
        assert_eq!(client.bytes(object.id, CKA_VALUE), expected);
    }
    assert_eq!(client.bytes(made.objects[2].id, CKA_LABEL), b"key of 40");
}

#[test]
fn of_several_keys_all_come_into_being_or_none() {
    let mut client = officer();
    let base = generic(&mut client, b"key");
    let before = count(&mut client);
    // The last has no length that there is, after two that are good.
    let refused = creation(&mut client, &several(&[16, 0]), base, readable(48));
    assert_eq!(rv(refused), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(count(&mut client), before);

    // A partition with room for two more takes none of three.
    let (_, partition) =
        provisioned(hsmsim_partition::Personality { objects_max: Some(2), ..open() });
    let mut client = Client::logged_in(&partition, 1);
    let base = generic(&mut client, b"key");
    let mut mechanism = several(&[16, 16]);
    if let Params::Kdf(params) = &mut mechanism.params
        && let KdfParams::Sp800_108 { additional, .. } = &mut **params
    {
        additional.iter_mut().for_each(|template| template.0.push(yes(CKA_TOKEN)));
    }
    let token = [readable(16), vec![yes(CKA_TOKEN)]].concat();
    let before = count(&mut client);
    let refused = creation(&mut client, &mechanism, base, token);
    assert_eq!(rv(refused), CKR_DEVICE_MEMORY);
    assert_eq!(count(&mut client), before);
}

#[test]
fn cmac_takes_keys_of_its_cipher_and_hmac_does_not() {
    let mut client = officer();
    let aes = base(&mut client, CKK_AES, &[7; 16]);
    let secret = generic(&mut client, &[7; 16]);
    let fields = vec![PrfField::IterationVariable(Some(BIG_32))];
    let by = |prf| kdf(CKM_SP800_108_COUNTER_KDF, params(prf, fields.clone(), b""));
    let expected = hsmsim_crypto::mac::mac(
        hsmsim_crypto::mac::MacAlg::AesCmac,
        &[7; 16],
        &1_u32.to_be_bytes(),
    );
    assert_eq!(value(&mut client, &by(CKM_AES_CMAC), aes, 16).unwrap(), expected.unwrap());
    for (prf, key, expected) in [
        (CKM_AES_CMAC, secret, CKR_KEY_TYPE_INCONSISTENT),
        (CKM_SHA256_HMAC, aes, CKR_KEY_TYPE_INCONSISTENT),
        (CKM_SHA256, secret, CKR_MECHANISM_PARAM_INVALID),
        (CKM_AES_XCBC_MAC, aes, CKR_MECHANISM_PARAM_INVALID),
        (u64::MAX, secret, CKR_MECHANISM_PARAM_INVALID),
    ] {
        assert_eq!(rv(client.derive(&by(prf), key, readable(16))), expected, "{prf:#x}");
    }
}

#[test]
fn fields_that_make_no_sense_are_refused() {
    let mut client = officer();
    let base = generic(&mut client, b"key");
    let wide = PrfNumber { little_endian: false, width_bits: u64::MAX };
    let variable = PrfField::IterationVariable(Some(BIG_32));
    for fields in [
        vec![],
        vec![PrfField::IterationVariable(None)],
        vec![variable.clone(), variable.clone()],
        vec![PrfField::IterationVariable(Some(wide))],
        vec![variable.clone(), PrfField::DkmLength(9, BIG_32)],
    ] {
        let mechanism = kdf(CKM_SP800_108_COUNTER_KDF, params(CKM_SHA256_HMAC, fields, b""));
        let refused = client.derive(&mechanism, base, readable(16));
        assert_eq!(rv(refused), CKR_MECHANISM_PARAM_INVALID);
    }
    let narrow = PrfNumber { little_endian: false, width_bits: 8 };
    let fields = vec![PrfField::IterationVariable(Some(narrow))];
    let mechanism = kdf(CKM_SP800_108_COUNTER_KDF, params(CKM_SHA256_HMAC, fields, b""));
    assert_eq!(rv(client.derive(&mechanism, base, readable(8161))), CKR_KEY_SIZE_RANGE);
}
