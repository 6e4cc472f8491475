//! What a profile changes of operations: AES-GCM in FIPS mode, FIPS mode itself, sizes that are shown only.

use hsmsim_partition::{
    Personality,
    api::{OperationKind, Reply, Request},
    mechanism_info, mechanism_list,
};
use hsmsim_sim_config::Profile;

use crate::support::*;

fn of(name: &str) -> Personality {
    let profile = Profile::shipped(name).unwrap();
    Personality { pin_rounds: 2, ..Personality::from(&profile) }
}

fn gcm(iv: &[u8]) -> Mechanism {
    let aad = b"associated".to_vec();
    let params = Params::Gcm { iv: iv.to_vec(), iv_bits: 0, aad, tag_bits: 128 };
    Mechanism { kind: CKM_AES_GCM, params }
}

fn aes_key(client: &mut Client) -> ObjectId {
    client.create(secret_key(CKK_AES, &[7; 32])).unwrap()
}

fn bytes(reply: hsmsim_types::Result<Reply>) -> Vec<u8> {
    match reply.unwrap() {
        Reply::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

const TEXT: &[u8] = b"a text of more than one block of sixteen bytes";

#[test]
fn in_fips_mode_the_device_makes_the_vector_and_appends_it() {
    let (_, fips) = provisioned(of("a790"));
    let mut client = Client::logged_in(&fips, 1);
    let key = aes_key(&mut client);
    let (encrypt, decrypt) = (OperationKind::Encrypt, OperationKind::Decrypt);
    // The caller's vector counts for nothing, be there one or none.
    let sealed: Vec<Vec<u8>> = [&[9; 12][..], &[9; 12], &[]]
        .iter()
        .map(|iv| client.one_part(encrypt, &gcm(iv), Some(key), TEXT).unwrap())
        .collect();
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        assert_ne!(sealed[one], sealed[other], "each has a vector of its own");
    }
    // A device that takes vectors as they are given opens it with the last sixteen bytes.
    let (_, plain) = provisioned(of("a790-no-fips"));
    let mut elsewhere = Client::logged_in(&plain, 1);
    let there = aes_key(&mut elsewhere);
    for sealed in &sealed {
        assert_eq!(sealed.len(), TEXT.len() + 16 + 16);
        let (body, iv) = sealed.split_at(sealed.len() - 16);
        let opened = elsewhere.one_part(decrypt, &gcm(iv), Some(there), body);
        assert_eq!(opened.unwrap(), TEXT);
        let opened = client.one_part(decrypt, &gcm(&[1; 12]), Some(key), sealed);
        assert_eq!(opened.unwrap(), TEXT);
    }
    let mut broken = sealed[0].clone();
    *broken.last_mut().unwrap() ^= 1;
    let refused = client.one_part(decrypt, &gcm(&[]), Some(key), &broken);
    assert_eq!(rv(refused), CKR_ENCRYPTED_DATA_INVALID);
    for short in [0, 15, 16, 31] {
        let refused = client.one_part(decrypt, &gcm(&[]), Some(key), &broken[..short]);
        assert_eq!(rv(refused), CKR_ENCRYPTED_DATA_LEN_RANGE, "{short}");
    }
}

#[test]
fn gcm_data_in_parts_is_given_out_at_the_end_alone() {
    for name in ["a790", "a790-no-fips"] {
        let (_, partition) = provisioned(of(name));
        let mut client = Client::logged_in(&partition, 1);
        let key = aes_key(&mut client);
        let iv = [3; 12];
        let mut in_parts = |kind, data: &[u8]| {
            let operation = operation(kind, &gcm(&iv), Some(key));
            let (first, rest) = data.split_at(20);
            let begin = Request::Begin { operation, data: first.to_vec().into() };
            assert_eq!(bytes(client.ask(begin)), b"");
            assert_eq!(
                bytes(client.ask(Request::Update { kind, data: rest.to_vec().into() })),
                b""
            );
            bytes(client.ask(Request::Final { kind, signature: Vec::new() }))
        };
        let sealed = in_parts(OperationKind::Encrypt, TEXT);
        let appended = if name == "a790" { 32 } else { 16 };
        assert_eq!(sealed.len(), TEXT.len() + appended, "{name}");
        assert_eq!(in_parts(OperationKind::Decrypt, &sealed), TEXT, "{name}");
    }
}

#[test]
fn without_fips_mode_there_are_raw_rsa_single_des_and_md5() {
    let (fips, plain) = (of("a790"), of("a790-no-fips"));
    let (with, without) = (mechanism_list(&fips), mechanism_list(&plain));
    for kind in [CKM_RSA_X_509, CKM_DES_KEY_GEN, CKM_DES_CBC, CKM_MD5, CKM_DH_PKCS_DERIVE] {
        assert!(!with.contains(&kind) && without.contains(&kind), "{kind:#x}");
    }
    assert!(with.iter().all(|kind| without.contains(kind)), "nothing is lost");
    let min = |of: &Personality| mechanism_info(of, CKM_RSA_PKCS).unwrap().min;
    assert_eq!((min(&fips), min(&plain)), (2048, 1024));
    let number = |of| mechanism_info(of, CKM_LUNA_ECDSA_SHA256).unwrap().min;
    assert_eq!((number(&fips), number(&plain)), (224, 160));
}

#[test]
fn ssl_3_is_left_out_of_every_profile() {
    for name in ["open", "a790", "a790-no-fips", "timed-locks"] {
        let list = mechanism_list(&of(name));
        for kind in [
            CKM_SSL3_PRE_MASTER_KEY_GEN,
            CKM_SSL3_MASTER_KEY_DERIVE,
            CKM_SSL3_KEY_AND_MAC_DERIVE,
            CKM_SSL3_MASTER_KEY_DERIVE_DH,
            CKM_SSL3_MD5_MAC,
            CKM_SSL3_SHA1_MAC,
        ] {
            assert!(!list.contains(&kind), "{name}: {kind:#x}");
        }
    }
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let master = client.create(secret_key(CKK_GENERIC_SECRET, &[7; 48])).unwrap();
    let mac = Mechanism { kind: CKM_SSL3_SHA1_MAC, params: Params::Length(20) };
    assert_eq!(rv(client.sign(&mac, master, b"data")), CKR_MECHANISM_INVALID);
}

#[test]
fn sizes_that_no_key_has_are_shown_and_limit_nothing() {
    let text = Profile::shipped_text("open").unwrap();
    let rules = "CKM_AES_CBC = { min = 128, max = 256 }\nCKM_AES_ECB = { min = 0, max = 0 }\n\
                 CKM_AES_CMAC = { min = 32, max = 32 }\n";
    let profile = Profile::parse(&format!("{text}\n[mechanisms]\n{rules}"), "p.toml").unwrap();
    let personality = Personality { pin_rounds: 2, ..Personality::from(&profile) };
    let shown = |kind| mechanism_info(&personality, kind).map(|info| (info.min, info.max)).unwrap();
    assert_eq!((shown(CKM_AES_CBC), shown(CKM_AES_ECB)), ((128, 256), (0, 0)));
    let (_, partition) = provisioned(personality);
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    let encrypt = OperationKind::Encrypt;
    let cbc = Mechanism { kind: CKM_AES_CBC, params: Params::Bytes(vec![0; 16]) };
    assert!(client.one_part(encrypt, &cbc, Some(key), &[1; 32]).is_ok());
    assert!(client.one_part(encrypt, &Mechanism::plain(CKM_AES_ECB), Some(key), &[1; 32]).is_ok());
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    assert_eq!(rv(client.sign(&cmac, key, b"x")), CKR_KEY_SIZE_RANGE);
}
