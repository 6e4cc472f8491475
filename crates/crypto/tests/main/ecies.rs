//! Encryption by temporary keys.

use hsmsim_crypto::Error;
use hsmsim_crypto::block::{BlockAlg, CipherMode};
use hsmsim_crypto::curve448::X448PrivateKey;
use hsmsim_crypto::digest::HashAlg;
use hsmsim_crypto::ec::{Curve, EcPrivateKey, EcPublicKey};
use hsmsim_crypto::ecies::{
    Encryption, Owner, Parameters, Recipient, ecies_decrypt, ecies_encrypt,
};
use hsmsim_crypto::kdf::x963_kdf;
use hsmsim_crypto::mac::{MacAlg, MacKey};
use hsmsim_crypto::montgomery::X25519PrivateKey;

use crate::hex::hex;

/// The vectors are those of 3GPP TS 33.501, C.4.3.1 and C.4.4.1.
#[test]
fn ecies_of_5g_opens_the_published_messages_on_both_curves() {
    let private_a = hex("c53c22208b61860b06c62e5406a7b330c2b577aa5558981510d128247d38bd1d");
    let sealed_a = hex("b2e92f836055a255837debf850b528997ce0201cb82adfe4be1f587d07d8457d\
                        cb02352410cddd9e730ef3fa87");
    let private_b = hex("F1AB1074477EBCC7F554EA1C5FC368B1616730155E0041AC447D6301975FECDA");
    let sealed_b = hex("039AAB8376597021E855679A9778EA0B67396E68C66DF32C0F41E9ACCA2DA9B9D1\
                        46A33FC2716AC7DAE96AA30A4D");
    let a = X25519PrivateKey::from_private(&private_a).unwrap();
    let b = EcPrivateKey::from_scalar(Curve::P256, &private_b).unwrap();
    let parameters = |shared_data_1| Parameters {
        kdf: HashAlg::Sha256,
        shared_data_1,
        encryption: Encryption::AesCtr { key_bits: 128 },
        mac: HashAlg::Sha256,
        mac_key_len: 32,
        mac_len: 8,
        shared_data_2: &[],
    };
    let msin = hex("00012080f6");
    assert_eq!(
        *ecies_decrypt(Owner::X25519(&a), &parameters(&sealed_a[..32]), &sealed_a).unwrap(),
        msin
    );
    assert_eq!(
        *ecies_decrypt(Owner::Ec(&b), &parameters(&sealed_b[..33]), &sealed_b).unwrap(),
        msin
    );
    // The same point in full, with the key derivation told of the short one.
    let full = EcPublicKey::from_point(Curve::P256, &sealed_b[..33]).unwrap().point().to_vec();
    let longer = [&full[..], &sealed_b[33..]].concat();
    assert_eq!(*ecies_decrypt(Owner::Ec(&b), &parameters(&sealed_b[..33]), &longer).unwrap(), msin);
}

/// Every encryption, with the length of its key and of what else is derived before the MAC key.
const ENCRYPTIONS: [(Encryption, usize, usize); 6] = {
    const fn cbc(cipher: BlockAlg, key_bits: u32, padded: bool) -> (Encryption, usize, usize) {
        (Encryption::Cbc { cipher, key_bits, padded }, key_bits as usize / 8, 0)
    }
    [
        (Encryption::Xor, 32, 0),
        cbc(BlockAlg::Aes, 256, true),
        cbc(BlockAlg::Aes, 128, false),
        cbc(BlockAlg::Des, 192, true),
        cbc(BlockAlg::Des, 128, false),
        (Encryption::AesCtr { key_bits: 192 }, 24, 16),
    ]
};

/// What an encryption makes of a message, step by step.
fn by_hand(encryption: Encryption, key: &[u8], counter: &[u8], message: &[u8]) -> Vec<u8> {
    let with = |alg: BlockAlg, mode, iv: &[u8]| {
        let key = alg.key(key).unwrap();
        hsmsim_crypto::block::encrypt(mode, &*key, iv, message).unwrap()
    };
    match encryption {
        Encryption::Xor => message.iter().zip(key).map(|(a, b)| a ^ b).collect(),
        Encryption::Cbc { cipher, padded, .. } => {
            let mode = if padded { CipherMode::CbcPad } else { CipherMode::Cbc };
            with(cipher, mode, &[0; 16][..cipher.block_len()])
        }
        Encryption::AesCtr { .. } => {
            with(BlockAlg::Aes, CipherMode::Ctr { counter_bits: 32 }, counter)
        }
    }
}

#[test]
fn ecies_is_public_key_ciphertext_and_mac_on_every_curve() {
    let message = b"two whole blocks of thirty-two B";
    for (encryption, key_len, counter_len) in ENCRYPTIONS {
        let parameters = Parameters {
            kdf: HashAlg::Sha256,
            shared_data_1: b"first",
            encryption,
            mac: HashAlg::Sha384,
            mac_key_len: 20,
            mac_len: 24,
            shared_data_2: b"second",
        };
        let check =
            |recipient: Recipient<'_>, owner: Owner<'_>, agree: &dyn Fn(&[u8]) -> Vec<u8>| {
                let sealed = ecies_encrypt(recipient, &parameters, message).unwrap();
                assert_eq!(*ecies_decrypt(owner, &parameters, &sealed).unwrap(), message);

                // Taken apart by hand.
                let (temporary, rest) = sealed.split_at(recipient.temporary_len());
                let (encrypted, mac) = rest.split_at(rest.len() - 24);
                let len = key_len + counter_len + 20;
                let keys = x963_kdf(HashAlg::Sha256, &agree(temporary), b"first", len).unwrap();
                let (encryption_key, rest) = keys.split_at(key_len);
                let (counter, mac_key) = rest.split_at(counter_len);
                let mac_key = MacKey::new(MacAlg::Hmac(HashAlg::Sha384), mac_key).unwrap();
                let authenticated = [encrypted, b"second"].concat();
                assert_eq!(mac_key.sign(&authenticated)[..24], *mac);
                let expected = by_hand(encryption, encryption_key, counter, message);
                assert_eq!(encrypted, expected, "{owner:?}");

                for index in [temporary.len() - 1, temporary.len(), sealed.len() - 1] {
                    let mut changed = sealed.clone();
                    changed[index] ^= 1;
                    let refused = ecies_decrypt(owner, &parameters, &changed);
                    assert_eq!(refused, Err(Error::DecryptFailed), "{owner:?}, {index}");
                }
                let other = Parameters { shared_data_2: b"", ..parameters };
                assert_eq!(ecies_decrypt(owner, &other, &sealed), Err(Error::DecryptFailed));
                for short in [0, temporary.len() - 1, temporary.len() + 23] {
                    let refused = ecies_decrypt(owner, &parameters, &sealed[..short]);
                    assert_eq!(refused, Err(Error::InvalidLength));
                }
            };
        for curve in Curve::ALL {
            let key = EcPrivateKey::generate(curve).unwrap();
            let public = key.public();
            check(Recipient::Ec(&public), Owner::Ec(&key), &|point| {
                key.ecdh(point).unwrap().to_vec()
            });
        }
        let key = X25519PrivateKey::generate().unwrap();
        let public = key.public();
        check(Recipient::X25519(&public), Owner::X25519(&key), &|peer| {
            key.agree(peer).unwrap().to_vec()
        });
        let key = X448PrivateKey::generate().unwrap();
        let public = key.public();
        check(Recipient::X448(&public), Owner::X448(&key), &|peer| {
            key.agree(peer).unwrap().to_vec()
        });

        let public = EcPrivateKey::generate(Curve::P256).unwrap().public();
        let cbc = |cipher, key_bits| Encryption::Cbc { cipher, key_bits, padded: false };
        for bad in [
            Parameters { mac_len: 49, ..parameters },
            Parameters { mac_len: 0, ..parameters },
            Parameters { mac_key_len: 0, ..parameters },
            Parameters { encryption: cbc(BlockAlg::Aes, 100), ..parameters },
            Parameters { encryption: cbc(BlockAlg::Des, 256), ..parameters },
            Parameters { encryption: Encryption::AesCtr { key_bits: 64 }, ..parameters },
        ] {
            let refused = ecies_encrypt(Recipient::Ec(&public), &bad, message);
            assert_eq!(refused, Err(Error::InvalidParameter));
        }
    }
}
