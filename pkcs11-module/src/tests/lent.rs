//! Data that a call reads where its caller has it, and output that it writes where he wants it: with the sizes from
//! which data is lent to requests, and below. What comes of one part and of several is compared.

use std::ffi::c_void;

use super::*;
use crate::raw::slices::LENT_MIN;

const SIZES: [usize; 7] = [32, 1024, LENT_MIN - 16, LENT_MIN, LENT_MIN + 16, 64 << 10, 1 << 20];

type Init = unsafe extern "C" fn(u64, *mut CK_MECHANISM, u64) -> CK_RV;
type OnePart = unsafe extern "C" fn(u64, *mut u8, u64, *mut u8, *mut u64) -> CK_RV;
type Update = OnePart;
type Final = unsafe extern "C" fn(u64, *mut u8, *mut u64) -> CK_RV;

unsafe extern "C" fn digest_init(session: u64, mechanism: *mut CK_MECHANISM, _: u64) -> CK_RV {
    // SAFETY: the test's valid pointers.
    unsafe { C_DigestInit(session, mechanism) }
}

unsafe extern "C" fn digest_update(
    session: u64,
    part: *mut u8,
    len: u64,
    _: *mut u8,
    out_len: *mut u64,
) -> CK_RV {
    // SAFETY: the test's valid pointers.
    unsafe {
        *out_len = 0;
        C_DigestUpdate(session, part, len)
    }
}

unsafe extern "C" fn sign_update(
    session: u64,
    part: *mut u8,
    len: u64,
    _: *mut u8,
    out_len: *mut u64,
) -> CK_RV {
    // SAFETY: the test's valid pointers.
    unsafe {
        *out_len = 0;
        C_SignUpdate(session, part, len)
    }
}

/// Four functions of one kind of operation.
type Kind = (Init, OnePart, Update, Final);

const DIGEST: Kind = (digest_init, C_Digest, digest_update, C_DigestFinal);
const SIGN: Kind = (C_SignInit, C_Sign, sign_update, C_SignFinal);
const ENCRYPT: Kind = (C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal);
const DECRYPT: Kind = (C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal);

/// A mechanism with its parameter, which lives as long.
#[derive(Clone, Copy)]
struct With {
    kind: CK_MECHANISM_TYPE,
    parameter: *mut c_void,
    len: usize,
}

impl With {
    fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        Self { kind, parameter: null_mut(), len: 0 }
    }

    fn of<T>(kind: CK_MECHANISM_TYPE, parameter: &mut T) -> Self {
        Self { kind, parameter: (&raw mut *parameter).cast(), len: size_of::<T>() }
    }
}

fn begin(init: Init, session: u64, with: With, key: u64) {
    let mut mechanism = CK_MECHANISM {
        mechanism: with.kind,
        pParameter: with.parameter,
        ulParameterLen: with.len as u64,
    };
    // SAFETY: valid pointers.
    assert_eq!(unsafe { init(session, &mut mechanism, key) }, CKR_OK, "{:#x}", with.kind);
}

/// In one part, from memory that is overwritten as soon as the function has returned.
fn one_part((init, call, ..): Kind, session: u64, with: With, key: u64, data: &[u8]) -> Vec<u8> {
    begin(init, session, with, key);
    let mut data = data.to_vec();
    let mut out = vec![0xA5; data.len() + 512];
    let mut len = out.len() as u64;
    // SAFETY: valid pointers.
    let rv =
        unsafe { call(session, data.as_mut_ptr(), data.len() as u64, out.as_mut_ptr(), &mut len) };
    data.fill(0);
    assert_eq!(rv, CKR_OK, "{:#x}", with.kind);
    let beyond = out.split_off(len as usize);
    assert!(
        beyond.iter().all(|&byte| byte == 0xA5),
        "{:#x}: no more than that is written",
        with.kind
    );
    out
}

/// The same in parts.
fn in_parts(kind: Kind, session: u64, with: With, key: u64, data: &[u8]) -> Vec<u8> {
    in_parts_of(1000, kind, session, with, key, data)
}

/// The same in parts of that length, from memory that is overwritten as soon as each was taken.
fn in_parts_of(
    len: usize,
    (init, _, update, finish): Kind,
    session: u64,
    with: With,
    key: u64,
    data: &[u8],
) -> Vec<u8> {
    begin(init, session, with, key);
    let mut out = vec![0xA5; data.len() + 512];
    let mut at = 0;
    for part in data.chunks(len) {
        let mut part = part.to_vec();
        let mut len = (out.len() - at) as u64;
        // SAFETY: valid pointers.
        let rv = unsafe {
            update(session, part.as_mut_ptr(), part.len() as u64, out[at..].as_mut_ptr(), &mut len)
        };
        part.fill(0);
        assert_eq!(rv, CKR_OK, "{:#x}", with.kind);
        at += len as usize;
        // A block of a cipher, and more.
        assert!(out[at..][..64].iter().all(|&byte| byte == 0xA5), "no more than that is written");
    }
    let mut len = (out.len() - at) as u64;
    // SAFETY: valid pointers.
    let rv = unsafe { finish(session, out[at..].as_mut_ptr(), &mut len) };
    assert_eq!(rv, CKR_OK, "{:#x}", with.kind);
    out.truncate(at + len as usize);
    out
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + 3) as u8).collect()
}

fn attribute<T>(type_: CK_ATTRIBUTE_TYPE, value: &mut T) -> CK_ATTRIBUTE {
    let len = size_of::<T>() as u64;
    CK_ATTRIBUTE { type_, pValue: (&raw mut *value).cast(), ulValueLen: len }
}

/// A session with a secret key of a type.
fn secret(session: u64, mut key_type: CK_KEY_TYPE) -> u64 {
    let (mut class, mut no, mut yes, mut value) = (CKO_SECRET_KEY, CK_FALSE, CK_TRUE, [7_u8; 32]);
    let mut template = vec![
        attribute(CKA_CLASS, &mut class),
        attribute(CKA_KEY_TYPE, &mut key_type),
        attribute(CKA_PRIVATE, &mut no),
        attribute(CKA_VALUE, &mut value),
    ];
    let uses: &[_] = match key_type {
        CKK_AES => &[CKA_ENCRYPT, CKA_DECRYPT],
        _ => &[CKA_SIGN, CKA_VERIFY],
    };
    template.extend(uses.iter().map(|&usage| attribute(usage, &mut yes)));
    let mut key = 0;
    // SAFETY: valid pointers.
    let rv =
        unsafe { C_CreateObject(session, template.as_mut_ptr(), template.len() as u64, &mut key) };
    assert_eq!(rv, CKR_OK);
    key
}

/// A key pair of the user's, public key first.
fn pair(session: u64, mechanism: CK_MECHANISM_TYPE, params: CK_ATTRIBUTE) -> (u64, u64) {
    let mut yes = CK_TRUE;
    let mut public = [params, attribute(CKA_VERIFY, &mut yes)];
    let mut private = [attribute(CKA_SIGN, &mut yes)];
    let mut mechanism = CK_MECHANISM { mechanism, pParameter: null_mut(), ulParameterLen: 0 };
    let (mut first, mut second) = (0, 0);
    // SAFETY: valid pointers.
    let rv = unsafe {
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.as_mut_ptr(),
            2,
            private.as_mut_ptr(),
            1,
            &mut first,
            &mut second,
        )
    };
    assert_eq!(rv, CKR_OK);
    (first, second)
}

fn verify(session: u64, with: With, key: u64, data: &[u8], signature: &[u8]) -> CK_RV {
    begin(C_VerifyInit, session, with, key);
    let (mut data, mut signature) = (data.to_vec(), signature.to_vec());
    let (len, signature_len) = (data.len() as u64, signature.len() as u64);
    // SAFETY: valid pointers.
    unsafe { C_Verify(session, data.as_mut_ptr(), len, signature.as_mut_ptr(), signature_len) }
}

fn gcm(iv: &mut [u8; 12]) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    }
}

#[test]
fn large_data_in_one_part_gives_what_it_gives_in_parts() {
    let library = Library::new();
    let session = library.session();
    let (aes, mac) = (secret(session, CKK_AES), secret(session, CKK_GENERIC_SECRET));
    let (mut iv, mut block) = ([9; 12], [5_u8; 16]);
    let mut gcm = gcm(&mut iv);
    let ciphers = [
        With::of(CKM_AES_GCM, &mut gcm),
        With::of(CKM_AES_CBC, &mut block),
        With::of(CKM_AES_CBC_PAD, &mut block),
        With::plain(CKM_AES_ECB),
    ];
    for data in SIZES.map(data) {
        let case = data.len();
        for (kind, with, key) in [
            (DIGEST, With::plain(CKM_SHA256), 0),
            (DIGEST, With::plain(CKM_SHA3_256), 0),
            (SIGN, With::plain(CKM_SHA256_HMAC), mac),
        ] {
            let whole = one_part(kind, session, with, key, &data);
            assert_eq!(whole, in_parts(kind, session, with, key, &data), "{case}");
        }
        for with in ciphers {
            let sealed = one_part(ENCRYPT, session, with, aes, &data);
            let case = format!("{:#x}, {case} bytes", with.kind);
            assert!(sealed == in_parts(ENCRYPT, session, with, aes, &data), "{case}");
            assert!(data == one_part(DECRYPT, session, with, aes, &sealed), "{case}");
            assert!(data == in_parts(DECRYPT, session, with, aes, &sealed), "{case}");
        }
    }
}

#[test]
fn large_parts_give_what_small_parts_give() {
    let library = Library::new();
    let session = library.session();
    let aes = secret(session, CKK_AES);
    let mac = secret(session, CKK_GENERIC_SECRET);
    let (mut block, mut iv) = ([5_u8; 16], [9; 12]);
    let mut ctr = CK_AES_CTR_PARAMS { ulCounterBits: 32, cb: [0xFE; 16] };
    let mut gcm = gcm(&mut iv);
    let ciphers = [
        With::of(CKM_AES_GCM, &mut gcm),
        With::of(CKM_AES_CBC, &mut block),
        With::of(CKM_AES_CBC_PAD, &mut block),
        With::of(CKM_AES_CTS, &mut block),
        With::of(CKM_AES_OFB, &mut block),
        With::of(CKM_AES_CFB128, &mut block),
        With::of(CKM_AES_CTR, &mut ctr),
        With::plain(CKM_AES_ECB),
    ];
    let kinds = ciphers
        .map(|with| (ENCRYPT, with, aes))
        .into_iter()
        .chain([(DIGEST, With::plain(CKM_SHA256), 0), (SIGN, With::plain(CKM_SHA256_HMAC), mac)]);
    let data = data(80_000);
    for (kind, with, key) in kinds {
        let expected = in_parts_of(160, kind, session, with, key, &data);
        // Whole blocks, and such that something of each part is left for the next.
        for len in [LENT_MIN, 16_384, 5_000, 20_001, data.len()] {
            let given = in_parts_of(len, kind, session, with, key, &data);
            assert!(given == expected, "{:#x} in parts of {len}", with.kind);
            if key == aes {
                let back = in_parts_of(len, DECRYPT, session, with, key, &expected);
                assert!(back == data, "{:#x} in parts of {len}", with.kind);
            }
        }
    }
}

#[test]
fn output_of_large_parts_may_go_where_the_part_was() {
    let library = Library::new();
    let session = library.session();
    let aes = secret(session, CKK_AES);
    let mut ctr = CK_AES_CTR_PARAMS { ulCounterBits: 128, cb: [1; 16] };
    let with = With::of(CKM_AES_CTR, &mut ctr);
    let data = data(80_000);
    let expected = in_parts(ENCRYPT, session, with, aes, &data);
    let mut place = data;
    begin(C_EncryptInit, session, with, aes);
    for part in place.chunks_mut(20_000) {
        let (at, mut len) = (part.as_mut_ptr(), part.len() as u64);
        // SAFETY: valid pointers.
        let rv = unsafe { C_EncryptUpdate(session, at, len, at, &mut len) };
        assert_eq!((rv, len), (CKR_OK, 20_000));
    }
    assert!(place == expected);
}

#[test]
fn large_data_is_signed_and_verified() {
    let library = Library::new();
    let session = library.session();
    let mut pin = *b"12345678";
    // SAFETY: valid pointers.
    assert_eq!(unsafe { C_Login(session, CKU_USER, pin.as_mut_ptr(), 8) }, CKR_OK);
    let mut p256 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07_u8];
    let mut bits: CK_ULONG = 2048;
    let mac = secret(session, CKK_GENERIC_SECRET);
    let ec = pair(session, CKM_EC_KEY_PAIR_GEN, attribute(CKA_EC_PARAMS, &mut p256));
    let rsa = pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, attribute(CKA_MODULUS_BITS, &mut bits));
    for (mechanism, (public, private)) in
        [(CKM_SHA256_HMAC, (mac, mac)), (CKM_ECDSA_SHA256, ec), (CKM_SHA256_RSA_PKCS, rsa)]
    {
        let with = With::plain(mechanism);
        for mut data in SIZES.map(data) {
            let whole = one_part(SIGN, session, with, private, &data);
            let parts = in_parts(SIGN, session, with, private, &data);
            assert_eq!(verify(session, with, public, &data, &whole), CKR_OK);
            assert_eq!(verify(session, with, public, &data, &parts), CKR_OK);
            *data.last_mut().expect("data") ^= 1;
            let refused = verify(session, with, public, &data, &whole);
            assert_eq!(refused, CKR_SIGNATURE_INVALID);
        }
    }
}

#[test]
fn output_may_go_where_the_data_was() {
    let library = Library::new();
    let session = library.session();
    let aes = secret(session, CKK_AES);
    let (mut iv, mut block) = ([9; 12], [5_u8; 16]);
    let mut gcm = gcm(&mut iv);
    let ciphers = [With::of(CKM_AES_GCM, &mut gcm), With::of(CKM_AES_CBC_PAD, &mut block)];
    for with in ciphers {
        for data in SIZES.map(data) {
            let sealed = one_part(ENCRYPT, session, with, aes, &data);
            let mut place = data.clone();
            place.resize(data.len() + 16, 0);
            let at = place.as_mut_ptr();
            for (init, call, from, to) in [
                (C_EncryptInit as Init, C_Encrypt as OnePart, &data, &sealed),
                (C_DecryptInit, C_Decrypt, &sealed, &data),
            ] {
                begin(init, session, with, aes);
                let mut len = place.len() as u64;
                // SAFETY: valid pointers; 5.2 lets input and output be in one place.
                let rv = unsafe { call(session, at, from.len() as u64, at, &mut len) };
                assert_eq!(rv, CKR_OK, "{:#x}", with.kind);
                assert!(place[..len as usize] == **to, "{:#x}", with.kind);
            }
        }
    }
}

#[test]
fn a_query_for_a_length_and_too_little_room_leave_large_data_for_the_next_call() {
    let library = Library::new();
    let session = library.session();
    let aes = secret(session, CKK_AES);
    let mut iv = [9; 12];
    let mut gcm = gcm(&mut iv);
    let with = With::of(CKM_AES_GCM, &mut gcm);
    let expected = one_part(ENCRYPT, session, with, aes, &data(64 << 10));
    begin(C_EncryptInit, session, with, aes);
    let mut data = data(64 << 10);
    let (at, size) = (data.as_mut_ptr(), data.len() as u64);
    let mut out = vec![0; expected.len()];
    let mut len = 0;
    // SAFETY: valid pointers, and room as `len` says.
    unsafe {
        assert_eq!(C_Encrypt(session, at, size, null_mut(), &mut len), CKR_OK);
        assert_eq!(len, size + 16);
        len = 100;
        let small = C_Encrypt(session, at, size, out.as_mut_ptr(), &mut len);
        assert_eq!((small, len), (CKR_BUFFER_TOO_SMALL, size + 16));
        assert_eq!(C_Encrypt(session, at, size, out.as_mut_ptr(), &mut len), CKR_OK);
    }
    assert!(out == expected);
}

#[test]
fn a_large_message_is_sealed_as_in_one_part_and_comes_back_whatever_becomes_of_its_memory() {
    let library = Library::new();
    let session = library.session();
    let aes = secret(session, CKK_AES);
    for data in SIZES.map(data) {
        let (mut iv, mut tag) = ([9; 12], [0_u8; 16]);
        let mut gcm = gcm(&mut iv);
        let expected = one_part(ENCRYPT, session, With::of(CKM_AES_GCM, &mut gcm), aes, &data);
        let mut parameter = CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: tag.as_mut_ptr(),
            ulTagBits: 128,
        };
        let (at, size) = ((&raw mut parameter).cast(), size_of_val(&parameter) as u64);
        // Ciphertext goes where plaintext was, and back.
        let mut place = data.clone();
        let mut len = place.len() as u64;
        begin(C_MessageEncryptInit, session, With::plain(CKM_AES_GCM), aes);
        // SAFETY: valid pointers.
        let rv = unsafe {
            let text = place.as_mut_ptr();
            C_EncryptMessage(session, at, size, null_mut(), 0, text, len, text, &mut len)
        };
        assert_eq!((rv, len), (CKR_OK, data.len() as u64));
        assert!([&place[..], &tag].concat() == expected);
        begin(C_MessageDecryptInit, session, With::plain(CKM_AES_GCM), aes);
        for (spoilt, expected) in [(1, CKR_AEAD_DECRYPT_FAILED), (0, CKR_OK)] {
            place[0] ^= spoilt;
            // SAFETY: valid pointers.
            let rv = unsafe {
                let text = place.as_mut_ptr();
                C_DecryptMessage(session, at, size, null_mut(), 0, text, len, text, &mut len)
            };
            place[0] ^= spoilt;
            assert_eq!((rv, len), (expected, data.len() as u64));
        }
        assert!(place == data);
        // SAFETY: a session.
        unsafe {
            assert_eq!(C_MessageEncryptFinal(session), CKR_OK);
            assert_eq!(C_MessageDecryptFinal(session), CKR_OK);
        }
    }
}
