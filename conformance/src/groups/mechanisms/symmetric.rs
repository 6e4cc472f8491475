//! Digests, MACs, ciphers.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    super::material::{key_bytes, no_openssl, pattern, secret},
    Asked, Key, LENGTHS, asked, named, raw,
    table::{Len, Param, What},
    taken,
};
use crate::{
    call,
    case::{Bench, Mechanism, Session, Stop, expect, hold, ok},
    openssl::{self, Cipher},
};

/// Calls Update for each part, then Final.
fn cut(data: &[u8]) -> [&[u8]; 3] {
    let (one, rest) = data.split_at(data.len() / 3);
    let (other, last) = rest.split_at(rest.len() / 2);
    [one, other, last]
}

pub(super) fn digest(kind: CK_MECHANISM_TYPE, what: What) -> Vec<Asked> {
    fn once(s: &Session<'_>, kind: CK_MECHANISM_TYPE, data: &[u8]) -> Result<Vec<u8>, Stop> {
        ok(
            call!(s.module, C_DigestInit(s.handle, &mut Mechanism::plain(kind).raw())),
            "C_DigestInit",
        )?;
        let (at, len) = raw(data);
        let (rv, value) =
            taken(64, |out, room| call!(s.module, C_Digest(s.handle, at, len, out, room)));
        ok(rv, "C_Digest")?;
        Ok(value)
    }
    vec![
        asked(
            "value",
            "6.20 to 6.27",
            "its digests are OpenSSL's, or a published one",
            CKF_DIGEST,
            move |b| {
                let s = b.session()?;
                match what {
                    What::Digest(name) => LENGTHS.into_iter().try_for_each(|len| {
                        let data = pattern(len);
                        let wanted = openssl::digest(name, &data).ok_or_else(no_openssl)?;
                        hold(once(&s, kind, &data)? == wanted, || {
                            format!("{len} bytes: another digest")
                        })
                    }),
                    What::DigestOf(hex) => {
                        let value = once(&s, kind, b"abc")?;
                        let seen: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                        hold(seen == hex, || seen.clone())
                    }
                    _ => Ok(()),
                }
            },
        ),
        asked("parts", "5.12.3", "a digest in parts is the same", CKF_DIGEST, move |b| {
            let s = b.session()?;
            for len in LENGTHS {
                let data = pattern(len);
                let wanted = once(&s, kind, &data)?;
                ok(
                    call!(b.module, C_DigestInit(s.handle, &mut Mechanism::plain(kind).raw())),
                    "C_DigestInit",
                )?;
                for part in cut(&data) {
                    let (at, len) = raw(part);
                    ok(call!(b.module, C_DigestUpdate(s.handle, at, len)), "C_DigestUpdate")?;
                }
                let (rv, value) =
                    taken(64, |out, room| call!(b.module, C_DigestFinal(s.handle, out, room)));
                ok(rv, "C_DigestFinal")?;
                hold(value == wanted, || format!("{len} bytes: another digest"))?;
            }
            Ok(())
        }),
        asked("no-key", "5.13.1", "a digest mechanism does not sign", CKF_DIGEST, move |b| {
            let s = b.user()?;
            let key = s.object(&secret(CKK_GENERIC_SECRET, &[7; 32], &[CKA_SIGN]))?;
            let rv = call!(b.module, C_SignInit(s.handle, &mut Mechanism::plain(kind).raw(), key));
            expect(rv, &[CKR_MECHANISM_INVALID], "C_SignInit")
        }),
    ]
}

/// The MAC as OpenSSL makes it.
fn wanted_mac(mac: &str, under: &str, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Stop> {
    let under = named(under, key.len());
    if mac != "CBC-MAC" {
        return openssl::mac(mac, &under, key, data).ok_or_else(no_openssl);
    }
    // The last block of a CBC encryption, zeros at the end (6.13.12).
    let block = if under.starts_with("DES") { 8 } else { 16 };
    let mut filled = data.to_vec();
    filled.resize(data.len().div_ceil(block).max(1) * block, 0);
    let cipher = Cipher { name: &under, key, iv: &vec![0; block], padded: false, tag: None };
    let whole = openssl::encrypt(cipher, &filled).ok_or_else(no_openssl)?;
    Ok(whole[whole.len() - block..].to_vec())
}

fn sign(
    s: &Session<'_>,
    m: &Mechanism,
    key: CK_OBJECT_HANDLE,
    parts: &[&[u8]],
) -> Result<Vec<u8>, Stop> {
    ok(call!(s.module, C_SignInit(s.handle, &mut m.raw(), key)), "C_SignInit")?;
    if let [data] = parts {
        let (at, len) = raw(data);
        let (rv, mac) =
            taken(64, |out, room| call!(s.module, C_Sign(s.handle, at, len, out, room)));
        ok(rv, "C_Sign")?;
        return Ok(mac);
    }
    for part in parts {
        let (at, len) = raw(part);
        ok(call!(s.module, C_SignUpdate(s.handle, at, len)), "C_SignUpdate")?;
    }
    let (rv, mac) = taken(64, |out, room| call!(s.module, C_SignFinal(s.handle, out, room)));
    ok(rv, "C_SignFinal")?;
    Ok(mac)
}

pub(super) fn mac(kind: CK_MECHANISM_TYPE, what: What) -> Vec<Asked> {
    let What::Mac(key_type, lens, name, under, len) = what else { return Vec::new() };
    let (general, mechanism) = match len {
        Len::General => (true, Mechanism::bytes(kind, &6_u64.to_ne_bytes())),
        _ => (false, Mechanism::plain(kind)),
    };
    let m = mechanism.clone();
    let value = move |b: &Bench, parts: bool| {
        // A token may have limits of its own for keys of an HMAC.
        let info =
            b.module.mechanism_info(kind).map_or((0, 0), |i| (i.ulMinKeySize, i.ulMaxKeySize));
        let fits = |len: &&usize| {
            key_type != CKK_GENERIC_SECRET || (info.0..=info.1).contains(&(**len as CK_ULONG))
        };
        for &key_len in lens.iter().filter(fits) {
            let s = b.user()?;
            let key = key_bytes(key_type, key_len);
            let handle = s.object(&secret(key_type, &key, &[CKA_SIGN, CKA_VERIFY]))?;
            // What a CBC-MAC of nothing is, nobody says.
            let least = usize::from(name == "CBC-MAC");
            for data_len in LENGTHS.into_iter().filter(|&len| len >= least) {
                let data = pattern(data_len);
                let mut wanted = wanted_mac(name, under, &key, &data)?;
                match len {
                    Len::Whole => {}
                    Len::Bytes(len) => wanted.truncate(len),
                    Len::General => wanted.truncate(6),
                }
                let made = if parts {
                    sign(&s, &m, handle, &cut(&data))?
                } else {
                    sign(&s, &m, handle, &[&data])?
                };
                hold(made == wanted, || {
                    format!("key of {key_len}, {data_len} bytes: another MAC")
                })?;
            }
            ok(call!(b.module, C_Logout(s.handle)), "C_Logout")?;
        }
        Ok(())
    };
    let in_parts = value.clone();
    let m = mechanism.clone();
    let mut all = vec![
        asked("value", "6.13.12 to 6.30", "its MACs are OpenSSL's", CKF_SIGN, move |b| {
            value(b, false)
        }),
        asked("parts", "5.13.3", "a MAC in parts is the same", CKF_SIGN, move |b| {
            in_parts(b, true)
        }),
        asked(
            "verify",
            "5.15.2",
            "its MACs verify; altered, shorter and longer ones do not",
            CKF_VERIFY,
            move |b| {
                let s = b.user()?;
                let key = s.object(&secret(
                    key_type,
                    &key_bytes(key_type, lens[lens.len() - 1]),
                    &[CKA_SIGN, CKA_VERIFY],
                ))?;
                let data = pattern(40);
                let mac = sign(&s, &m, key, &[&data])?;
                let mut altered = mac.clone();
                altered[0] ^= 1;
                let longer = [&mac[..], &[0]].concat();
                let shorter = mac[1..].to_vec();
                let length = &[CKR_SIGNATURE_LEN_RANGE];
                let rows: [(&str, &[u8], &[CK_RV]); 4] = [
                    ("the MAC", &mac, &[CKR_OK]),
                    ("an altered one", &altered, &[CKR_SIGNATURE_INVALID]),
                    ("a longer one", &longer, length),
                    ("a shorter one", &shorter, length),
                ];
                for (what, mac, codes) in rows {
                    ok(call!(b.module, C_VerifyInit(s.handle, &mut m.raw(), key)), "C_VerifyInit")?;
                    let ((at, len), (mac, mac_len)) = (raw(&data), raw(mac));
                    expect(
                        call!(b.module, C_Verify(s.handle, at, len, mac, mac_len)),
                        codes,
                        what,
                    )?;
                }
                Ok(())
            },
        ),
    ];
    if general {
        all.push(asked(
            "limits",
            "6.13.11",
            "a length beyond the MAC's is CKR_MECHANISM_PARAM_INVALID",
            CKF_SIGN,
            move |b| {
                let s = b.user()?;
                let key = s.object(&secret(
                    key_type,
                    &key_bytes(key_type, lens[lens.len() - 1]),
                    &[CKA_SIGN],
                ))?;
                let mut wrong = vec![Mechanism::plain(kind), Mechanism::bytes(kind, &[6, 0, 0, 0])];
                wrong.push(Mechanism::bytes(kind, &65_u64.to_ne_bytes()));
                for m in wrong {
                    let rv = call!(b.module, C_SignInit(s.handle, &mut m.raw(), key));
                    expect(rv, &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD], "C_SignInit")?;
                }
                Ok(())
            },
        ));
    }
    all
}

const AAD: &[u8] = b"associated data";

/// The mechanism with its parameter, and OpenSSL's vector and tag.
fn parameter(
    kind: CK_MECHANISM_TYPE,
    param: Param,
    data_len: usize,
) -> (Mechanism, Vec<u8>, Option<usize>) {
    let iv = |len| pattern(len);
    match param {
        Param::None => (Mechanism::plain(kind), Vec::new(), None),
        Param::Iv(len) | Param::Padded(len) => (Mechanism::bytes(kind, &iv(len)), iv(len), None),
        Param::Ctr => {
            let mut cb = [0; 16];
            cb.copy_from_slice(&iv(16));
            let ctr = CK_AES_CTR_PARAMS { ulCounterBits: 128, cb };
            (Mechanism::structure(kind, ctr, Vec::new()), iv(16), None)
        }
        Param::ChaCha => {
            let (counter, nonce) = (7_u32.to_ne_bytes().to_vec(), iv(12));
            let chacha = CK_CHACHA20_PARAMS {
                pBlockCounter: counter.as_ptr().cast_mut(),
                blockCounterBits: 32,
                pNonce: nonce.as_ptr().cast_mut(),
                ulNonceBits: 96,
            };
            let both = [&7_u32.to_le_bytes()[..], &iv(12)].concat();
            (Mechanism::structure(kind, chacha, vec![counter, nonce]), both, None)
        }
        Param::Gcm => {
            let (nonce, aad) = (iv(12), AAD.to_vec());
            let gcm = CK_GCM_PARAMS {
                pIv: nonce.as_ptr().cast_mut(),
                ulIvLen: 12,
                ulIvBits: 96,
                pAAD: aad.as_ptr().cast_mut(),
                ulAADLen: AAD.len() as CK_ULONG,
                ulTagBits: 128,
            };
            (Mechanism::structure(kind, gcm, vec![nonce, aad]), iv(12), Some(16))
        }
        Param::Ccm => {
            let (nonce, aad) = (iv(12), AAD.to_vec());
            let ccm = CK_CCM_PARAMS {
                ulDataLen: data_len as CK_ULONG,
                pNonce: nonce.as_ptr().cast_mut(),
                ulNonceLen: 12,
                pAAD: aad.as_ptr().cast_mut(),
                ulAADLen: AAD.len() as CK_ULONG,
                ulMACLen: 16,
            };
            (Mechanism::structure(kind, ccm, vec![nonce, aad]), iv(12), Some(16))
        }
        Param::Poly => {
            let (nonce, aad) = (iv(12), AAD.to_vec());
            let poly = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
                pNonce: nonce.as_ptr().cast_mut(),
                ulNonceLen: 12,
                pAAD: aad.as_ptr().cast_mut(),
                ulAADLen: AAD.len() as CK_ULONG,
            };
            (Mechanism::structure(kind, poly, vec![nonce, aad]), iv(12), Some(16))
        }
    }
}

fn encrypt(k: &Key<'_>, m: &Mechanism, parts: &[&[u8]]) -> Result<Vec<u8>, Stop> {
    let (s, key) = k;
    ok(call!(s.module, C_EncryptInit(s.handle, &mut m.raw(), *key)), "C_EncryptInit")?;
    if let [data] = parts {
        let (at, len) = raw(data);
        let (rv, out) =
            taken(512, |out, room| call!(s.module, C_Encrypt(s.handle, at, len, out, room)));
        ok(rv, "C_Encrypt")?;
        return Ok(out);
    }
    let mut whole = Vec::new();
    for part in parts {
        let (at, len) = raw(part);
        let (rv, out) =
            taken(512, |out, room| call!(s.module, C_EncryptUpdate(s.handle, at, len, out, room)));
        ok(rv, "C_EncryptUpdate")?;
        whole.extend(out);
    }
    let (rv, out) = taken(512, |out, room| call!(s.module, C_EncryptFinal(s.handle, out, room)));
    ok(rv, "C_EncryptFinal")?;
    Ok([whole, out].concat())
}

/// The code of the call that did not succeed, or what came out.
fn decrypt(k: &Key<'_>, m: &Mechanism, parts: &[&[u8]]) -> (CK_RV, Vec<u8>) {
    let (s, key) = k;
    let rv = call!(s.module, C_DecryptInit(s.handle, &mut m.raw(), *key));
    if rv != CKR_OK {
        return (rv, Vec::new());
    }
    if let [data] = parts {
        let (at, len) = raw(data);
        return taken(512, |out, room| call!(s.module, C_Decrypt(s.handle, at, len, out, room)));
    }
    let mut whole = Vec::new();
    for part in parts {
        let (at, len) = raw(part);
        let (rv, out) =
            taken(512, |out, room| call!(s.module, C_DecryptUpdate(s.handle, at, len, out, room)));
        if rv != CKR_OK {
            return (rv, Vec::new());
        }
        whole.extend(out);
    }
    let (rv, out) = taken(512, |out, room| call!(s.module, C_DecryptFinal(s.handle, out, room)));
    (rv, [whole, out].concat())
}

fn begun<'a>(
    b: &Bench<'a>,
    key_type: CK_ULONG,
    key_len: usize,
) -> Result<(Key<'a>, Vec<u8>), Stop> {
    let s = b.user()?;
    let bytes = key_bytes(key_type, key_len);
    let key = s.object(&secret(key_type, &bytes, &[CKA_ENCRYPT, CKA_DECRYPT]))?;
    Ok(((s, key), bytes))
}

pub(super) fn cipher(kind: CK_MECHANISM_TYPE, what: What) -> Vec<Asked> {
    let What::Cipher(key_type, lens, name, param, block) = what else { return Vec::new() };
    // XTS has no shorter data than a block.
    let least = if key_type == CKK_AES_XTS { 16 } else { 1 };
    let fits = move |len: &usize| *len >= least && len.is_multiple_of(block);
    let mut all = vec![
        asked(
            "value",
            "6.13 to 6.19",
            "its ciphertexts are OpenSSL's, and decrypt",
            CKF_ENCRYPT | CKF_DECRYPT,
            move |b| {
                for &key_len in lens {
                    let (k, bytes) = begun(b, key_type, key_len)?;
                    for len in LENGTHS.into_iter().chain([32]).filter(fits) {
                        let data = pattern(len);
                        let (m, iv, tag) = parameter(kind, param, len);
                        let padded = matches!(param, Param::Padded(_));
                        let tag = tag.map(|len| (AAD, len));
                        let cipher = Cipher {
                            name: &named(name, key_len),
                            key: &bytes,
                            iv: &iv,
                            padded,
                            tag,
                        };
                        let wanted = openssl::encrypt(cipher, &data).ok_or_else(no_openssl)?;
                        let made = encrypt(&k, &m, &[&data])?;
                        hold(made == wanted, || {
                            format!("key of {key_len}, {len} bytes: another ciphertext")
                        })?;
                        let (rv, back) = decrypt(&k, &m, &[&made]);
                        ok(rv, "C_Decrypt")?;
                        hold(back == data, || {
                            format!("key of {key_len}, {len} bytes: another plaintext")
                        })?;
                    }
                    ok(call!(b.module, C_Logout(k.0.handle)), "C_Logout")?;
                }
                Ok(())
            },
        ),
        asked(
            "parts",
            "5.8.3",
            "in parts it gives the same",
            CKF_ENCRYPT | CKF_DECRYPT,
            move |b| {
                let (k, _) = begun(b, key_type, lens[0])?;
                for len in [16, 48, 300, 65].into_iter().filter(fits) {
                    let data = pattern(len);
                    let (m, _, _) = parameter(kind, param, len);
                    let whole = encrypt(&k, &m, &[&data])?;
                    hold(encrypt(&k, &m, &cut(&data))? == whole, || {
                        format!("{len} bytes: another ciphertext")
                    })?;
                    let (rv, back) = decrypt(&k, &m, &cut(&whole));
                    ok(rv, "C_DecryptUpdate and Final")?;
                    hold(back == data, || format!("{len} bytes: another plaintext"))?;
                }
                Ok(())
            },
        ),
    ];
    if block > 1 {
        all.push(asked(
            "limits",
            "5.8.2",
            "data that is no whole number of blocks is refused by its code",
            CKF_ENCRYPT | CKF_DECRYPT,
            move |b| {
                let ((s, key), _) = begun(b, key_type, lens[0])?;
                let (m, _, _) = parameter(kind, param, 0);
                for len in [1, block - 1, block + 1] {
                    let data = pattern(len);
                    let (at, size) = raw(&data);
                    ok(
                        call!(b.module, C_EncryptInit(s.handle, &mut m.raw(), key)),
                        "C_EncryptInit",
                    )?;
                    let (rv, _) = taken(512, |out, room| {
                        call!(b.module, C_Encrypt(s.handle, at, size, out, room))
                    });
                    expect(rv, &[CKR_DATA_LEN_RANGE], "C_Encrypt")?;
                    ok(
                        call!(b.module, C_DecryptInit(s.handle, &mut m.raw(), key)),
                        "C_DecryptInit",
                    )?;
                    let (rv, _) = taken(512, |out, room| {
                        call!(b.module, C_Decrypt(s.handle, at, size, out, room))
                    });
                    expect(rv, &[CKR_ENCRYPTED_DATA_LEN_RANGE], "C_Decrypt")?;
                }
                Ok(())
            },
        ));
    }
    if param != Param::None {
        all.push(asked(
            "parameter",
            "5.8.1",
            "a parameter that is missing, short or long is CKR_MECHANISM_PARAM_INVALID",
            CKF_ENCRYPT,
            move |b| {
                let ((s, key), _) = begun(b, key_type, lens[0])?;
                let (m, _, _) = parameter(kind, param, 16);
                for len in [0, 1, m.len() - 1, m.len() + 1] {
                    let mut wrong = m.raw();
                    let long = vec![0_u64; m.len() / 8 + 2];
                    if len > m.len() {
                        wrong.pParameter = long.as_ptr().cast_mut().cast();
                    }
                    wrong.ulParameterLen = len as CK_ULONG;
                    let rv = call!(b.module, C_EncryptInit(s.handle, &mut wrong, key));
                    let what = format!("C_EncryptInit with {len} bytes");
                    expect(rv, &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD], &what)?;
                }
                let mut wrong = m.raw();
                wrong.pParameter = null_mut();
                let rv = call!(b.module, C_EncryptInit(s.handle, &mut wrong, key));
                expect(
                    rv,
                    &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD],
                    "C_EncryptInit with NULL",
                )
            },
        ));
    }
    if matches!(param, Param::Gcm | Param::Ccm | Param::Poly) {
        all.push(asked("altered", "5.10.2", "an altered ciphertext is CKR_ENCRYPTED_DATA_INVALID or CKR_AEAD_DECRYPT_FAILED, a short one too short", CKF_ENCRYPT | CKF_DECRYPT, move |b| {
            let (k, _) = begun(b, key_type, lens[0])?;
            let (m, _, _) = parameter(kind, param, 20);
            let mut text = encrypt(&k, &m, &[&pattern(20)])?;
            text[3] ^= 1;
            let codes = &[CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED];
            expect(decrypt(&k, &m, &[&text]).0, codes, "an altered one")?;
            let codes = &[CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED];
            expect(decrypt(&k, &m, &[&text[..15]]).0, codes, "one shorter than its tag")
        }));
    }
    all
}
