//! The functions of SP 800-108: vectors of NIST's component validation, the layouts of PKCS#11 and
//! Luna, limits.

use hsmsim_crypto::Error;
use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::kdf::{
    DkmLength, Field, LunaPrfKdfScheme, Mode, NumberFormat, luna_prf_kdf, sp800_108,
};
use hsmsim_crypto::mac::{MacAlg, MacKey};

use crate::hex::hex;

const BIG_32: NumberFormat = NumberFormat::big_endian(32);

fn hmac_sha256(key: &[u8]) -> MacKey {
    MacKey::new(MacAlg::Hmac(HashAlg::Sha256), key).unwrap()
}

/// The only key of this length.
fn one(prf: &MacKey, mode: Mode<'_>, fields: &[Field<'_>], len: usize) -> Vec<u8> {
    let keys = sp800_108(prf, mode, fields, &[len]).unwrap();
    assert_eq!(keys.len(), 1);
    keys[0].to_vec()
}

#[test]
fn counter_mode_gives_the_vectors_of_nist() {
    // HMAC-SHA-256, counter of 32 bits before the fixed input.
    for (key, fixed, expected) in [
        (
            "dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0",
            "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b8\
             64a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac",
            "10621342bfb0fd40046c0e29f2cfdbf0",
        ),
        (
            "1d9209183e557d3aac7e2ab53d26ec659df2a745fe56a53818ef5853a42ce194",
            "c01a431a32833930a22abee5c6ea34db459316def3b241529ece7e39e2069a1e\
             6b942946132eebc9679801d2cefef4bbb6a1b84ef853325b7bc498fd",
            "dabcffa16a7589deee6c768aaf01e0813de909005526da54700083ef068f854d49941279689a1726",
        ),
    ] {
        let (fixed, expected) = (hex(fixed), hex(expected));
        let fields = [Field::IterationVariable(Some(BIG_32)), Field::Bytes(&fixed)];
        let given = one(&hmac_sha256(&hex(key)), Mode::Counter, &fields, expected.len());
        assert_eq!(given, expected);
    }
}

#[test]
fn feedback_mode_gives_the_vectors_of_nist() {
    // HMAC-SHA-256, counter of 32 bits after the iteration variable.
    for (key, iv, fixed, expected) in [
        (
            "93f698e842eed75394d629d957e2e89c6e741f810b623c8b901e38376d068e7b",
            "9f575d9059d3e0c0803f08112f8a806de3c3471912cdf42b095388b14b33508e",
            "53b89c18690e2057a1d167822e636de50be0018532c431f7f5e37f77139220d5\
             e042599ebe266af5767ee18cd2c5c19a1f0f80",
            "bd1476f43a4e315747cf5918e0ea5bc0d98769457477c3ab18b742def0e079a9\
             33b756365afb5541f253fee43c6fd788a44041038509e9eeb68f7d65ffbb5f95",
        ),
        (
            "833ab78dc0a2700c2ed8775c1565583895ab58760206675f25829f883dedaf6b",
            "14aef75054bf33d2e7417535fd8d9f8a872a8121d91eb5bf15f2799d2b5c7701",
            "645fe69ba5377ec8d54cb2a774bf45bd008f7ac491e818f1835dc7b03b2df5a1\
             812cc76d24185e5a962be381dd2ed3f48cf30d",
            "f0025aa175fc9b880abf4f4ee741c6d11d88286f43d2fa8ea4e96b55b075227c\
             1c84a5797da8431fd8811274c7071627c3fae554bd0d4cce9074e98f5ecfa51b\
             a67704efcc24",
        ),
    ] {
        let (iv, fixed, expected) = (hex(iv), hex(fixed), hex(expected));
        let fields = [Field::IterationVariable(None), Field::Counter(BIG_32), Field::Bytes(&fixed)];
        let given = one(&hmac_sha256(&hex(key)), Mode::Feedback(&iv), &fields, expected.len());
        assert_eq!(given, expected);
    }
}

#[test]
fn double_pipeline_mode_gives_the_vectors_of_nist() {
    // HMAC-SHA-256, counter of 32 bits after the iteration variable.
    for (key, fixed, expected) in [
        (
            "02d36fa021c20ddbdee469f0579468bae5cb13b548b6c61cdf9d3ec419111de2",
            "85abe38bf265fbdc6445ae5c71159f1548c73b7d526a623104904a0f8792070b\
             3df9902b9669490425a385eadb0f9c76e46f0f",
            "d69f74f518c9f64f90a0beebab69f689b73b5c13eb0f860a95cad7d9814f8c50\
             6eb7b179a5c5b4466a9ec154c3bf1c13efd6ec0d82b02c29af2c690299edc453",
        ),
        (
            "9306645e6b3182a66b1cca905480b7ffa8d60467a52c12202476a54287a45bc0",
            "0fc1704af3daaa5942025495c22a710ed64bba03d71f0f89ee2b37552a073797\
             d639a8fda73ee616332f5a54e51359ea578382",
            "a0a718541e7722e8a62b7946ea0244d1b6f3f1dc9213a880cc1c777ead8814b5\
             1b687777258e32fe9f0e85854271d9cb029026c3c7eb920136005634b4e1c09a\
             cffa969cd952",
        ),
    ] {
        let (fixed, expected) = (hex(fixed), hex(expected));
        let fields = [Field::IterationVariable(None), Field::Counter(BIG_32), Field::Bytes(&fixed)];
        let given = one(&hmac_sha256(&hex(key)), Mode::DoublePipeline, &fields, expected.len());
        assert_eq!(given, expected);
    }
}

#[test]
fn fields_go_into_the_function_in_their_order() {
    let prf = MacKey::new(MacAlg::AesCmac, &[7; 16]).unwrap();
    let fields = [
        Field::Bytes(b"label"),
        Field::DkmLength(DkmLength::SumOfKeys, NumberFormat::big_endian(24)),
        Field::IterationVariable(Some(NumberFormat { little_endian: true, width_bits: 16 })),
        Field::Bytes(b"context"),
    ];
    let expected: Vec<u8> = [1, 2]
        .into_iter()
        .flat_map(|count| prf.sign(&[&b"label"[..], &[0, 0, 160, count, 0], b"context"].concat()))
        .take(20)
        .collect();
    assert_eq!(one(&prf, Mode::Counter, &fields, 20), expected);
}

#[test]
fn counter_stands_in_the_pipelines_but_not_in_what_they_begin_with() {
    let prf = hmac_sha256(b"key");
    let count = Field::Counter(NumberFormat::big_endian(8));
    let fields = [Field::IterationVariable(None), count, Field::Bytes(b"fixed")];

    let first = prf.sign(b"iv\x01fixed");
    let second = prf.sign(&[&first[..], b"\x02fixed"].concat());
    assert_eq!(one(&prf, Mode::Feedback(b"iv"), &fields, 64), [first, second].concat());

    let a1 = prf.sign(b"fixed");
    let a2 = prf.sign(&a1);
    let expected = [[&a1[..], b"\x01fixed"].concat(), [&a2[..], b"\x02fixed"].concat()]
        .map(|input| prf.sign(&input))
        .concat();
    assert_eq!(one(&prf, Mode::DoublePipeline, &fields, 64), expected);
}

#[test]
fn every_key_begins_with_a_segment_of_its_own() {
    // The example of PKCS#11: keys of 48 and 16 bytes from segments of 32.
    let prf = hmac_sha256(b"key");
    for (method, bits) in [(DkmLength::SumOfKeys, 512_u16), (DkmLength::SumOfSegments, 768)] {
        let fields = [
            Field::IterationVariable(Some(BIG_32)),
            Field::DkmLength(method, NumberFormat::big_endian(16)),
        ];
        let keys = sp800_108(&prf, Mode::Counter, &fields, &[48, 16]).unwrap();
        let segment =
            |count: u32| prf.sign(&[&count.to_be_bytes()[..], &bits.to_be_bytes()].concat());
        assert_eq!(*keys[0], [&segment(1)[..], &segment(2)[..16]].concat());
        assert_eq!(*keys[1], segment(3)[..16]);
    }
}

#[test]
fn fields_that_the_mode_does_not_have_are_refused() {
    let prf = hmac_sha256(b"key");
    let variable = Field::IterationVariable(Some(BIG_32));
    let previous = Field::IterationVariable(None);
    let count = Field::Counter(BIG_32);
    let length = Field::DkmLength(DkmLength::SumOfKeys, BIG_32);
    let width = |width_bits| NumberFormat::big_endian(width_bits);
    let cases: &[(Mode<'_>, &[Field<'_>])] = &[
        (Mode::Counter, &[]),
        (Mode::Counter, &[Field::Bytes(b"x")]),
        (Mode::Counter, &[previous]),
        (Mode::Counter, &[variable, count]),
        (Mode::Counter, &[variable, variable]),
        (Mode::Counter, &[variable, length, length]),
        (Mode::Counter, &[Field::IterationVariable(Some(width(0)))]),
        (Mode::Counter, &[Field::IterationVariable(Some(width(12)))]),
        (Mode::Counter, &[Field::IterationVariable(Some(width(40)))]),
        (Mode::Counter, &[variable, Field::DkmLength(DkmLength::SumOfKeys, width(72))]),
        // 256 bits do not fit a byte.
        (Mode::Counter, &[variable, Field::DkmLength(DkmLength::SumOfKeys, width(8))]),
        (Mode::Feedback(b""), &[variable]),
        (Mode::Feedback(b""), &[previous, count, count]),
        (Mode::DoublePipeline, &[variable]),
        (Mode::DoublePipeline, &[count]),
    ];
    for (mode, fields) in cases {
        let refused = sp800_108(&prf, *mode, fields, &[32]);
        assert_eq!(refused, Err(Error::InvalidParameter), "{mode:?}, {fields:?}");
    }
}

#[test]
fn counter_is_not_counted_beyond_its_width() {
    let prf = hmac_sha256(b"key");
    let narrow = NumberFormat::big_endian(8);
    let counter = [Field::IterationVariable(Some(narrow))];
    let feedback = [Field::IterationVariable(None), Field::Counter(narrow)];
    for (mode, fields) in [(Mode::Counter, &counter[..]), (Mode::Feedback(b""), &feedback)] {
        assert_eq!(one(&prf, mode, fields, 255 * 32).len(), 255 * 32);
        let refused = sp800_108(&prf, mode, fields, &[255 * 32 + 1]);
        assert_eq!(refused, Err(Error::InvalidLength));
        for lens in [&[][..], &[0], &[16, 0]] {
            assert_eq!(sp800_108(&prf, mode, fields, lens), Err(Error::InvalidLength), "{lens:?}");
        }
    }
}

#[test]
fn layouts_of_luna_are_those_of_its_documentation() {
    let prf = MacKey::new(MacAlg::AesCmac, &[9; 32]).unwrap();
    let derive = |scheme, counter, len| {
        luna_prf_kdf(&prf, scheme, b"label", b"context", counter, len).map(|key| key.to_vec())
    };
    for (scheme, inputs) in [
        (
            LunaPrfKdfScheme::Scheme1,
            ["\0\0\0\x01context\0label\0\0\x01\0", "\0\0\0\x02context\0label\0\0\x01\0"],
        ),
        (LunaPrfKdfScheme::Scheme2, ["\0\0\0\x01contextlabel", "\0\0\0\x02contextlabel"]),
        (
            LunaPrfKdfScheme::Scheme3,
            ["\0\0\0\x01label\0context\0\0\x01\0", "\0\0\0\x02label\0context\0\0\x01\0"],
        ),
        (LunaPrfKdfScheme::Scheme4, ["\0\0\0\x01labelcontext", "\0\0\0\x02labelcontext"]),
        (LunaPrfKdfScheme::Scp03, ["label\0\x01\0\x01context", "label\0\x01\0\x02context"]),
        (LunaPrfKdfScheme::HidKd, ["\x01label\0context\x01\0", "\x02label\0context\x01\0"]),
    ] {
        let expected = inputs.map(|input| prf.sign(input.as_bytes())).concat();
        assert_eq!(derive(scheme, 1, 32).unwrap(), expected, "{scheme:?}");
        assert_eq!(derive(scheme, 1, 0), Err(Error::InvalidLength), "{scheme:?}");
        assert_eq!(derive(scheme, 1 << 32, 32), Err(Error::InvalidParameter), "{scheme:?}");
    }
    // Counting begins where the caller says.
    let from_one = derive(LunaPrfKdfScheme::Scheme4, 1, 32).unwrap();
    let from_two = derive(LunaPrfKdfScheme::Scheme4, 2, 16).unwrap();
    assert_eq!(from_one[16..], from_two);
    for scheme in [LunaPrfKdfScheme::Scp03, LunaPrfKdfScheme::HidKd] {
        assert_eq!(derive(scheme, 255, 17), Err(Error::InvalidLength), "{scheme:?}");
        assert!(derive(scheme, 255, 16).is_ok(), "{scheme:?}");
    }
}

#[test]
fn scp03_derives_what_smart_card_tools_derive() {
    // Session key S-ENC as in GlobalPlatform Amendment D, 6.2.1: constant 04, AES-128, one block.
    let prf = MacKey::new(MacAlg::AesCmac, &hex("404142434445464748494a4b4c4d4e4f")).unwrap();
    let label = [&[0; 11][..], &[4]].concat();
    let context = hex("00112233445566778899aabbccddeeff");
    let input = [&label[..], &[0, 0, 0x80, 1], &context].concat();
    let given = luna_prf_kdf(&prf, LunaPrfKdfScheme::Scp03, &label, &context, 1, 16).unwrap();
    assert_eq!(*given, prf.sign(&input));
}
