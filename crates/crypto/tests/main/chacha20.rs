//! ChaCha20 and Poly1305: vectors of RFC 8439 and of the drafts, streams, limits of the counters.

use hsmsim_crypto::Error;
use hsmsim_crypto::chacha20::{
    ChaCha20, ChaCha20Key, chacha20_poly1305_open, chacha20_poly1305_seal,
};
use hsmsim_crypto::mac::{self, MacAlg, MacKey};

use crate::hex::hex;

fn key(bytes: &[u8]) -> ChaCha20Key {
    ChaCha20Key::new(bytes).unwrap()
}

fn counting_key() -> ChaCha20Key {
    key(&(0..32).collect::<Vec<u8>>())
}

fn stream(nonce: &[u8], count: u64) -> ChaCha20 {
    ChaCha20::new(&counting_key(), nonce, count).unwrap()
}

#[test]
fn stream_gives_the_example_of_rfc_8439() {
    // 2.4.2.
    let nonce = hex("000000000000004a00000000");
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
                 the future, sunscreen would be it.";
    let expected = hex("6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b\
                        f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8\
                        07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736\
                        5af90bbf74a35be6b40b8eedf2785e42874d");
    assert_eq!(stream(&nonce, 1).update(text).unwrap(), expected);
    assert_eq!(stream(&nonce, 1).update(&expected).unwrap(), text);
}

#[test]
fn original_nonce_gives_the_keystream_of_the_first_paper() {
    // draft-agl-tls-chacha20poly1305-04, 7: zero key and nonce, then a nonce of one.
    for (nonce, expected) in [
        ("0000000000000000", "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"),
        ("0000000000000001", "de9cba7bf3d69ef5e786dc63973f653a0b49e015adbff7134fcb7df137821031"),
    ] {
        let mut stream = ChaCha20::new(&key(&[0; 32]), &hex(nonce), 0).unwrap();
        assert_eq!(stream.update(&[0; 32]).unwrap(), hex(expected), "{nonce}");
    }
}

#[test]
fn extended_nonce_gives_the_example_of_the_draft() {
    // draft-irtf-cfrg-xchacha-03, A.3.1: the AEAD, whose text is enciphered from block 1 on.
    let key = key(&(0x80..0xa0).collect::<Vec<u8>>());
    let nonce = hex("404142434445464748494a4b4c4d4e4f5051525354555657");
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
                 the future, sunscreen would be it.";
    let expected = hex("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                        731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                        2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                        21f9664c97637da9768812f615c68b13b52e");
    let mut stream = ChaCha20::new(&key, &nonce, 1).unwrap();
    assert_eq!(stream.update(text).unwrap(), expected);

    let aad = hex("50515253c0c1c2c3c4c5c6c7");
    let sealed = chacha20_poly1305_seal(&key, &nonce, &aad, text).unwrap();
    assert_eq!(sealed, [&expected[..], &hex("c0875924c1c7987947deafd8780acf49")].concat());
}

#[test]
fn original_authenticated_form_gives_the_example_of_its_draft() {
    // draft-agl-tls-chacha20poly1305-04, 7.
    let key = key(&hex("4290bcb154173531f314af57f3be3b5006da371ece272afa1b5dbdd1100a1007"));
    let (nonce, aad) = (hex("cd7cf67be39c794a"), hex("87e229d4500845a079c0"));
    let sealed = chacha20_poly1305_seal(&key, &nonce, &aad, &hex("86d09974840bded2a5ca")).unwrap();
    assert_eq!(sealed, hex("e3e446f7ede9a19b62a4677dabf4e3d24b876bb284753896e1d6"));
    let opened = chacha20_poly1305_open(&key, &nonce, &aad, &sealed).unwrap();
    assert_eq!(*opened, hex("86d09974840bded2a5ca"));
}

#[test]
fn every_change_to_a_sealed_message_is_noticed() {
    for nonce_len in [8, 12, 24] {
        let (key, nonce) = (counting_key(), vec![4; nonce_len]);
        let sealed = chacha20_poly1305_seal(&key, &nonce, b"aad", b"text").unwrap();
        let open = |nonce: &[u8], aad: &[u8], sealed: &[u8]| {
            chacha20_poly1305_open(&key, nonce, aad, sealed).map(|text| text.to_vec())
        };
        assert_eq!(open(&nonce, b"aad", &sealed).unwrap(), b"text");
        assert_eq!(open(&nonce, b"add", &sealed), Err(Error::DecryptFailed));
        assert_eq!(open(&vec![5; nonce_len], b"aad", &sealed), Err(Error::DecryptFailed));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(open(&nonce, b"aad", &changed), Err(Error::DecryptFailed), "byte {index}");
        }
        assert_eq!(open(&nonce, b"aad", &sealed[..15]), Err(Error::InvalidLength));
    }
    for nonce_len in [0, 7, 11, 13, 16, 23, 25] {
        let (key, nonce) = (counting_key(), vec![4; nonce_len]);
        let refused = chacha20_poly1305_seal(&key, &nonce, b"", b"");
        assert_eq!(refused, Err(Error::InvalidParameter));
        let refused = chacha20_poly1305_open(&key, &nonce, b"", &[0; 16]);
        assert_eq!(refused, Err(Error::InvalidParameter));
        let refused = ChaCha20::new(&key, &nonce, 0).map(|_| ());
        assert_eq!(refused, Err(Error::InvalidParameter), "{nonce_len} bytes");
    }
}

#[test]
fn stream_in_parts_is_the_stream_of_the_whole() {
    let message: Vec<u8> = (0..=255).cycle().take(500).collect();
    for nonce_len in [8, 12, 24] {
        let nonce = vec![9; nonce_len];
        let whole = stream(&nonce, 3).update(&message).unwrap();
        for part in [1, 7, 63, 64, 65, 128, 499] {
            let mut parts = stream(&nonce, 3);
            let mut clone = parts.clone();
            let given: Vec<u8> =
                message.chunks(part).flat_map(|chunk| parts.update(chunk).unwrap()).collect();
            assert_eq!(given, whole, "parts of {part}");
            assert_eq!(clone.update(&message[..5]).unwrap(), whole[..5]);
        }
        // A stream may start at any block.
        assert_eq!(stream(&nonce, 4).update(&message[64..]).unwrap(), whole[64..]);
    }
}

#[test]
fn narrow_counter_ends_the_stream_and_wide_one_carries() {
    let last = u64::from(u32::MAX);
    let mut narrow = stream(&[1; 12], last);
    assert_eq!(narrow.update(&[0; 65]), Err(Error::DataTooLarge));
    assert_eq!(narrow.update(&[0; 60]).unwrap().len(), 60);
    assert_eq!(narrow.update(&[0; 5]), Err(Error::DataTooLarge));
    assert_eq!(narrow.update(&[0; 4]).unwrap().len(), 4);
    let refused = ChaCha20::new(&counting_key(), &[1; 12], last + 1).map(|_| ());
    assert_eq!(refused, Err(Error::InvalidParameter));

    for nonce_len in [8, 24] {
        let nonce = vec![1; nonce_len];
        let over = stream(&nonce, last).update(&[0; 192]).unwrap();
        assert_eq!(over[64..], stream(&nonce, last + 1).update(&[0; 128]).unwrap());
        assert_ne!(over[64..128], stream(&nonce, 0).update(&[0; 64]).unwrap());
        assert_eq!(stream(&nonce, u64::MAX).update(&[0; 65]), Err(Error::DataTooLarge));
        assert_eq!(stream(&nonce, u64::MAX).update(&[0; 64]).unwrap().len(), 64);
    }
}

#[test]
fn poly1305_gives_the_example_of_rfc_8439() {
    // 2.5.2.
    let key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
    let message = b"Cryptographic Forum Research Group";
    let expected = hex("a8061dc1305136c6c22b8baf0c0127a9");
    assert_eq!(mac::mac(MacAlg::Poly1305, &key, message).unwrap(), expected);
    for part in [1, 15, 16, 17] {
        let mut mac = MacKey::new(MacAlg::Poly1305, &key).unwrap().start();
        for chunk in message.chunks(part) {
            mac.update(chunk);
            // The state survives being moved and copied.
            mac = (*Box::new(mac)).clone();
        }
        assert_eq!(mac.finish(), expected, "parts of {part}");
    }
    for len in [0, 16, 31, 33] {
        let refused = MacKey::new(MacAlg::Poly1305, &vec![0; len]).map(|_| ());
        assert_eq!(refused, Err(Error::KeySize), "{len} bytes");
    }
}

#[test]
fn keys_of_another_length_are_refused() {
    for len in [0, 16, 31, 33] {
        assert_eq!(ChaCha20Key::new(&vec![0; len]).map(|_| ()), Err(Error::KeySize), "{len} bytes");
    }
    assert_eq!(format!("{:?}", counting_key()), "ChaCha20Key { .. }");
}
