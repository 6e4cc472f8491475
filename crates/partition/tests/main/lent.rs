//! Data that is lent: read where it is, or as it was when its caller stopped waiting.

use hsmsim_partition::api::{OperationKind, Reply, Request};
use hsmsim_types::{
    Data,
    lent::{lend, lend_with_room},
};

use crate::support::*;

/// What is asked of a partition: kind, mechanism and key.
type Asked = (OperationKind, Mechanism, Option<ObjectId>);

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + 3) as u8).collect()
}

/// An operation on data, and for a verification with a signature.
fn one_part(client: &mut Client, asked: &Asked, data: Data, signature: &[u8]) -> Result<Vec<u8>> {
    let (kind, mechanism, key) = asked;
    let operation = operation(*kind, mechanism, *key);
    client.ask(Request::OnePart { operation, data, signature: signature.to_vec() }).map(bytes)
}

fn lent(client: &mut Client, asked: &Asked, data: &[u8], signature: &[u8]) -> Result<Vec<u8>> {
    lend(data, |lent| one_part(client, asked, Data::Lent(lent.clone()), signature))
}

fn gcm(tag_bits: u64) -> Params {
    Params::Gcm { iv: vec![1; 12], iv_bits: 96, aad: vec![2; 20], tag_bits }
}

#[test]
fn lent_data_and_owned_data_give_the_same() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let generic = client.create(secret_key(CKK_GENERIC_SECRET, &message(40))).unwrap();
    let aes = client.create(secret_key(CKK_AES, &message(32))).unwrap();
    let iv = || Params::Bytes(vec![5; 16]);
    let ctr = Params::Ctr { counter_bits: 128, block: [0; 16] };
    let mac = Mechanism::plain(CKM_SHA256_HMAC);
    for len in [0, 1, 4080, 4096, 4112, 65_536] {
        let data = message(len);
        for (kind, mechanism, key) in [
            (OperationKind::Digest, Mechanism::plain(CKM_SHA256), None),
            (OperationKind::Digest, Mechanism::plain(CKM_SHA3_256), None),
            (OperationKind::Sign, mac.clone(), Some(generic)),
            (OperationKind::Sign, Mechanism::plain(CKM_AES_CMAC), Some(aes)),
            (OperationKind::Encrypt, mechanism(CKM_AES_GCM, gcm(128)), Some(aes)),
            (OperationKind::Encrypt, mechanism(CKM_AES_GCM, gcm(96)), Some(aes)),
            (OperationKind::Encrypt, mechanism(CKM_AES_CBC, iv()), Some(aes)),
            (OperationKind::Encrypt, mechanism(CKM_AES_CBC_PAD, iv()), Some(aes)),
            (OperationKind::Encrypt, mechanism(CKM_AES_CTR, ctr.clone()), Some(aes)),
            (OperationKind::Encrypt, Mechanism::plain(CKM_AES_ECB), Some(aes)),
        ] {
            let case = format!("{mechanism:?}, {len} bytes");
            let asked = (kind, mechanism, key);
            let owned = one_part(&mut client, &asked, data.clone().into(), &[]);
            let output = lent(&mut client, &asked, &data, &[]);
            assert!(owned == output, "{case}");
            match output {
                Ok(output) if kind == OperationKind::Encrypt => {
                    let back = (OperationKind::Decrypt, asked.1, key);
                    assert!(lent(&mut client, &back, &output, &[]).expect(&case) == data, "{case}");
                }
                Ok(_) => {}
                Err(error) => {
                    assert_eq!((error.rv(), len), (CKR_DATA_LEN_RANGE, 1), "{case}");
                }
            }
        }
        let verify = (OperationKind::Verify, mac.clone(), Some(generic));
        let sign = (OperationKind::Sign, mac.clone(), Some(generic));
        let tag = lent(&mut client, &sign, &data, &[]).unwrap();
        assert_eq!(lent(&mut client, &verify, &data, &tag), Ok(Vec::new()));
        let refused = lent(&mut client, &verify, &data, &[0; 32]);
        assert_eq!(rv(refused), CKR_SIGNATURE_INVALID);
    }
}

#[test]
fn long_ciphertext_goes_once_to_the_room_that_was_lent() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = || with(secret_key(CKK_AES, &message(32)), vec![yes(CKA_TOKEN)]);
    let aes = client.create(key()).unwrap();
    let cbc = || mechanism(CKM_AES_CBC, Params::Bytes(vec![5; 16]));
    let ctr = Params::Ctr { counter_bits: 128, block: [0; 16] };
    let data = message(65_536);
    for (len, mechanism, goes_there) in [
        (65_536, mechanism(CKM_AES_GCM, gcm(128)), true),
        (4096, mechanism(CKM_AES_GCM, gcm(128)), true),
        (65_536, cbc(), true),
        (65_536, mechanism(CKM_AES_GCM, gcm(96)), false),
        (65_536, mechanism(CKM_AES_CTR, ctr), false),
        (4095, mechanism(CKM_AES_GCM, gcm(128)), false),
    ] {
        let data = &data[..len];
        let encrypt = || operation(OperationKind::Encrypt, &mechanism, Some(aes));
        let asked = (OperationKind::Encrypt, mechanism.clone(), Some(aes));
        let expected = lent(&mut client, &asked, data, &[]).unwrap();
        for spare in [-1, 0, 100] {
            let case = format!("{mechanism:?}, {len} bytes, {spare} too many");
            let mut room = vec![9; expected.len().checked_add_signed(spare).unwrap()];
            let replies = lend_with_room(data, &mut room, |lent| {
                [(); 2].map(|()| {
                    let data = Data::Lent(lent.clone());
                    let signature = Vec::new();
                    client.ask(Request::OnePart { operation: encrypt(), data, signature }).unwrap()
                })
            });
            let (goes_there, len) = (goes_there && spare >= 0, expected.len());
            for (reply, is_there) in replies.into_iter().zip([goes_there, false]) {
                match reply {
                    Reply::Written(written) => assert_eq!((written, is_there), (len, true)),
                    Reply::Bytes(bytes) => assert!(bytes == expected && !is_there, "{case}"),
                    other => panic!("{other:?}"),
                }
            }
            let (written, rest) = room.split_at(if goes_there { len } else { 0 });
            assert!(!goes_there || written == expected, "{case}");
            assert!(rest.iter().all(|&byte| byte == 9), "{case}");
        }
    }
    // What was used is counted on every member before anybody sees what it was used for.
    let counted = with(key(), vec![Attribute::ulong(CKA_USAGE_LIMIT, 5)]);
    let counted = client.create(counted).unwrap();
    let operation = operation(OperationKind::Encrypt, &cbc(), Some(counted));
    let mut room = vec![9; data.len()];
    let reply = lend_with_room(&data, &mut room, |lent| {
        let data = Data::Lent(lent.clone());
        client.ask(Request::OnePart { operation, data, signature: Vec::new() }).unwrap()
    });
    assert!(matches!(reply, Reply::Bytes(bytes) if bytes.len() == data.len()));
    assert!(room.iter().all(|&byte| byte == 9));
}

#[test]
fn signatures_over_lent_data_are_those_over_owned_data() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let p256 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
    for (mechanism, (public, private)) in [
        (CKM_SHA256_RSA_PKCS, rsa_pair(&mut client)),
        (CKM_ECDSA_SHA256, ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, &p256)),
    ] {
        let mechanism = Mechanism::plain(mechanism);
        let sign = (OperationKind::Sign, mechanism.clone(), Some(private));
        let verify = (OperationKind::Verify, mechanism, Some(public));
        for len in [1, 4096, 65_536] {
            let data = message(len);
            let signature = lent(&mut client, &sign, &data, &[]).unwrap();
            let owned = one_part(&mut client, &verify, data.clone().into(), &signature);
            assert_eq!(owned, Ok(Vec::new()));
            let signature = one_part(&mut client, &sign, data.clone().into(), &[]).unwrap();
            assert_eq!(lent(&mut client, &verify, &data, &signature), Ok(Vec::new()));
            let other = message(len + 1);
            let refused = lent(&mut client, &verify, &other[1..], &signature);
            assert_eq!(rv(refused), CKR_SIGNATURE_INVALID);
        }
    }
}

#[test]
fn a_request_that_outlives_its_caller_computes_over_what_was_lent() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let digest = (OperationKind::Digest, Mechanism::plain(CKM_SHA256), None);
    let mut data = message(65_536);
    let expected = one_part(&mut client, &digest, data.clone().into(), &[]);
    let kept = lend(&data, |lent| Data::Lent(lent.clone()));
    data.fill(0);
    drop(data);
    assert_eq!(one_part(&mut client, &digest, kept, &[]), expected);
}

#[test]
fn a_device_takes_no_more_lent_data_than_owned_data() {
    let personality = hsmsim_partition::Personality { data_max: Some(5000), ..open() };
    let (_, partition) = provisioned(personality);
    let mut client = Client::logged_in(&partition, 1);
    let digest = (OperationKind::Digest, Mechanism::plain(CKM_SHA256), None);
    for (len, expected) in [(5000, None), (5001, Some(CKR_DEVICE_ERROR))] {
        let answer = lent(&mut client, &digest, &message(len), &[]);
        assert_eq!(answer.err().map(|error| error.rv()), expected, "{len}");
    }
}
