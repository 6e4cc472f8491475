//! One-time passwords that count: the values of RFC 4226, and a counter that lasts.

use hsmsim_partition::api::OperationKind;
use hsmsim_types::OtpParam;

use super::*;

/// RFC 4226, appendix D.
const VALUES: [&str; 10] = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
];

fn otp(params: &[(u64, &[u8])]) -> Mechanism {
    let params = params.iter().map(|&(kind, value)| OtpParam { kind, value: value.to_vec() });
    mechanism(CKM_HOTP, Params::Otp(params.collect()))
}

fn key_of_the_rfc(more: Vec<Attribute>) -> Vec<Attribute> {
    let template = vec![
        Attribute::ulong(CKA_CLASS, CKO_OTP_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_HOTP),
        Attribute::bytes(CKA_VALUE, "12345678901234567890"),
    ];
    with(template, more)
}

/// The password and the counter that a signature tells.
fn told(signature: &[u8]) -> (String, Option<u64>) {
    let params = OtpParam::of_image(signature).unwrap();
    let element = |kind| params.iter().find(|param| param.kind == kind);
    let digits = String::from_utf8(element(CK_OTP_VALUE).unwrap().value.clone()).unwrap();
    let counter = element(CK_OTP_COUNTER).map(|param| param.value[..].try_into().unwrap());
    (digits, counter.map(u64::from_be_bytes))
}

fn counter(client: &mut Client, key: ObjectId) -> u64 {
    u64::from_be_bytes(client.bytes(key, CKA_OTP_COUNTER).try_into().unwrap())
}

#[test]
pub(crate) fn passwords_are_those_of_rfc_4226_each_given_once() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(key_of_the_rfc(vec![yes(CKA_TOKEN)])).unwrap();
    let hotp = Mechanism::plain(CKM_HOTP);
    for (count, expected) in (0..).zip(&VALUES[..5]) {
        let signature = client.sign(&hotp, key, b"").unwrap();
        assert_eq!(told(&signature), ((*expected).to_owned(), Some(count)));
    }
    // The count lasts: a new view of the same store, a read-only session of the Crypto User.
    let later = view(&store, open());
    let mut user = Client::with(&later, 2, 200, false);
    user.login(Role::CryptoUser, CU_PIN).unwrap();
    for (count, expected) in (5..).zip(&VALUES[5..]) {
        let signature = user.sign(&hotp, key, b"").unwrap();
        assert_eq!(told(&signature), ((*expected).to_owned(), Some(count)));
    }
    assert_eq!(counter(&mut user, key), 10);
    assert_eq!(counter(&mut client, key), 10);
    // Somebody else takes a password right before this one is taken.
    let mut other = Client::logged_in(&view(&store, open()), 3);
    let first = Mechanism::plain(CKM_HOTP);
    store.before_next_change(move || {
        other.sign(&first, key, b"").unwrap();
    });
    assert_eq!(told(&client.sign(&hotp, key, b"").unwrap()).1, Some(11));
    assert_eq!(rv(client.sign(&hotp, key, b"data")), CKR_DATA_LEN_RANGE);
}

#[test]
fn a_password_is_good_once() {
    let mut client = officer();
    let key = client.create(key_of_the_rfc(vec![])).unwrap();
    let hotp = Mechanism::plain(CKM_HOTP);
    let password = |digits: &str| {
        OtpParam::image(&[OtpParam { kind: CK_OTP_VALUE, value: digits.as_bytes().to_vec() }])
    };
    for (digits, expected) in [
        (VALUES[1], CKR_SIGNATURE_INVALID),
        (VALUES[0], CKR_OK),
        (VALUES[0], CKR_SIGNATURE_INVALID),
        ("28708", CKR_SIGNATURE_LEN_RANGE),
        (VALUES[1], CKR_OK),
    ] {
        assert_eq!(client.verify(&hotp, key, b"", &password(digits)), expected, "{digits}");
    }
    assert_eq!(counter(&mut client, key), 2);
    assert_eq!(client.verify(&hotp, key, b"", b"287082"), CKR_SIGNATURE_INVALID);
    let nothing = OtpParam::image(&[]);
    assert_eq!(client.verify(&hotp, key, b"", &nothing), CKR_SIGNATURE_INVALID);
    // A counter beside the password must be the one that it is of.
    for (counter, expected) in [(3_u64, CKR_SIGNATURE_INVALID), (2, CKR_OK)] {
        let value = VALUES[2].as_bytes().to_vec();
        let signature = OtpParam::image(&[
            OtpParam { kind: CK_OTP_VALUE, value },
            OtpParam { kind: CK_OTP_COUNTER, value: counter.to_be_bytes().to_vec() },
        ]);
        assert_eq!(client.verify(&hotp, key, b"", &signature), expected, "{counter}");
    }
}

#[test]
fn applications_may_say_counter_length_and_flags() {
    let mut client = officer();
    let key = client.create(key_of_the_rfc(vec![])).unwrap();
    let number = |number: u64| number.to_ne_bytes();
    for (params, expected, count) in [
        (otp(&[(CK_OTP_COUNTER, &7_u64.to_be_bytes())]), VALUES[7], Some(7)),
        (
            otp(&[(CK_OTP_OUTPUT_LENGTH, &number(8)), (CK_OTP_COUNTER, &[0; 8])]),
            "84755224",
            Some(0),
        ),
        (otp(&[(CK_OTP_OUTPUT_FORMAT, &number(CK_OTP_FORMAT_DECIMAL))]), VALUES[0], Some(0)),
        (otp(&[(CK_OTP_FLAGS, &number(CKF_EXCLUDE_COUNTER))]), VALUES[1], None),
        (otp(&[(CK_OTP_FLAGS, &number(CKF_NEXT_OTP))]), VALUES[3], Some(3)),
        (otp(&[]), VALUES[4], Some(4)),
    ] {
        let operation = operation(OperationKind::Sign, &params, Some(key));
        let Reply::Checked(checked) = client.ask(Request::Check { operation }).unwrap() else {
            panic!()
        };
        let signature = client.sign(&params, key, b"").unwrap();
        assert_eq!(told(&signature), (expected.to_owned(), count), "{params:?}");
        assert_eq!(checked.output.one_part(0), signature.len());
        assert!(checked.changes_key);
    }
    for wrong in [
        otp(&[(CK_OTP_COUNTER, &[0; 7])]),
        otp(&[(CK_OTP_COUNTER, &[0; 8]), (CK_OTP_COUNTER, &[0; 8])]),
        otp(&[(CK_OTP_OUTPUT_LENGTH, &number(5))]),
        otp(&[(CK_OTP_OUTPUT_LENGTH, &number(10))]),
        otp(&[(CK_OTP_OUTPUT_LENGTH, &[6])]),
        otp(&[(CK_OTP_OUTPUT_FORMAT, &number(CK_OTP_FORMAT_BINARY))]),
        otp(&[(CK_OTP_FLAGS, &number(64))]),
        otp(&[(CK_OTP_TIME, b"20260101")]),
        mechanism(CKM_HOTP, Params::Bytes(vec![1])),
    ] {
        assert_eq!(rv(client.sign(&wrong, key, b"")), CKR_MECHANISM_PARAM_INVALID, "{wrong:?}");
    }
    let with_counter = otp(&[(CK_OTP_COUNTER, &[0; 8])]);
    for (requirement, mechanism) in
        [(CK_OTP_PARAM_IGNORED, with_counter), (CK_OTP_PARAM_MANDATORY, Mechanism::plain(CKM_HOTP))]
    {
        let rule = Attribute::ulong(CKA_OTP_COUNTER_REQUIREMENT, requirement);
        let key = client.create(key_of_the_rfc(vec![rule])).unwrap();
        assert_eq!(rv(client.sign(&mechanism, key, b"")), CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn keys_for_one_time_passwords_are_objects_of_their_own_class() {
    let mut client = officer();
    let made = client.generate(CKM_HOTP_KEY_GEN, vec![]).unwrap();
    let class = vec![Attribute::ulong(CKA_CLASS, CKO_OTP_KEY)];
    assert_eq!(client.find(class), [made]);
    assert!(
        client.flag(made, CKA_SIGN)
            && client.flag(made, CKA_VERIFY)
            && client.flag(made, CKA_LOCAL)
    );
    assert_eq!(history(&mut client, made), (true, true));
    assert_eq!(counter(&mut client, made), 0);
    let hotp = Mechanism::plain(CKM_HOTP);
    client.sign(&hotp, made, b"").unwrap();
    assert_eq!(counter(&mut client, made), 1);
    // Nobody turns a counter back.
    let back = client.set(made, Attribute::bytes(CKA_OTP_COUNTER, [0; 8]));
    assert_eq!(back, CKR_ATTRIBUTE_READ_ONLY);
    let from = 6_u64.to_be_bytes();
    let template = key_of_the_rfc(vec![
        Attribute::bytes(CKA_OTP_COUNTER, from),
        Attribute::ulong(CKA_OTP_LENGTH, 6),
    ]);
    let key = client.create(template).unwrap();
    assert_eq!(told(&client.sign(&hotp, key, b"").unwrap()).0, VALUES[6]);
    for (wrong, expected) in [
        (Attribute::bytes(CKA_OTP_COUNTER, [0; 4]), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::ulong(CKA_OTP_LENGTH, 5), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::ulong(CKA_OTP_FORMAT, CK_OTP_FORMAT_BINARY), CKR_ATTRIBUTE_VALUE_INVALID),
        (Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY), CKR_ATTRIBUTE_VALUE_INVALID),
    ] {
        assert_eq!(rv(client.create(key_of_the_rfc(vec![wrong]))), expected);
    }
    let secret = client.create(secret_key(CKK_GENERIC_SECRET, b"secret")).unwrap();
    assert_eq!(rv(client.sign(&hotp, secret, b"")), CKR_KEY_TYPE_INCONSISTENT);
}
