//! Every kind of key that pkcs11-tool makes and a Luna 7 has.

use hsmsim_tests::{Sandbox, needs};

use super::script;

#[test]
fn every_kind_of_key_is_made() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("instant");
    let ended = script(
        &sandbox,
        r"
        for kind in rsa:1024 rsa:2048 rsa:4096 EC:prime192v3 EC:secp192k1 EC:secp224r1 EC:prime256v1 \
            EC:secp384r1 EC:secp521r1 EC:secp256k1 EC:frp256v1 EC:brainpoolP256r1 EC:brainpoolP512r1 \
            EC:edwards25519; do
            user --keypairgen --key-type $kind --label $kind
        done
        for kind in AES:16 AES:24 AES:32 DES:8 DES3:24 GENERIC:1 GENERIC:64; do
            user --keygen --key-type $kind --label $kind
        done
        user --list-objects | grep '^S.* Key Object\|^P.* Key Object'
        ",
    );
    let listed = |line: &str| ended.stdout.matches(line).count();
    assert_eq!(listed("Key pair generated:"), 14, "{ended}");
    assert_eq!(listed("Key generated:"), 7, "{ended}");
    // Each stands there twice: when it was made, and in the list.
    for line in ["RSA 1024 bits", "RSA 4096 bits", "EC  EC_POINT 384 bits", "AES length 24"] {
        assert_eq!(listed(line), 2, "{line}: {ended}");
    }
}

#[test]
fn an_edwards_key_signs_what_openssl_verifies() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        echo 'the words that are signed' > words
        user --keypairgen --key-type EC:edwards25519 --label edwards --id 01 --usage-sign
        user --sign --id 01 --mechanism EDDSA -i words -o signature
        # pkcs11-tool 0.23 shows the point, and exports it with a curve's name in the place of its OID
        point=$(user --list-objects --type pubkey | sed -n 's/ *EC_POINT: *0420//p')
        # the head of a public key of RFC 8410, and the point
        printf "$(sed 's/../\\x&/g' <<< "302a300506032b6570032100$point")" > public.der
        openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey public.der -in words -sigfile signature
        "#,
    )
    .says(&["Signature Verified Successfully"]);
}

#[test]
fn a_secret_is_agreed_on_with_openssl() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        for curve in prime256v1 secp384r1; do
            user --keypairgen --key-type EC:$curve --label $curve --id 01 --usage-derive
            openssl ecparam -name $curve -genkey -noout -out other.pem
            openssl pkey -in other.pem -pubout -outform DER -out other.der
            user --derive --id 01 --mechanism ECDH1-DERIVE -i other.der -o inside
            # pkcs11-tool 0.23 cannot export keys of the larger curves, so their points do
            case $curve in
            prime256v1) head=3059301306072a8648ce3d020106082a8648ce3d030107034200 ;;
            secp384r1) head=3076301006072a8648ce3d020106052b81040022036200 ;;
            esac
            point=$(user --list-objects --type pubkey | sed -n 's/ *EC_POINT: *04..//p')
            printf "$(sed 's/../\\x&/g' <<< "$head$point")" > public.der
            openssl pkeyutl -derive -inkey other.pem -peerkey public.der -peerform DER -out outside
            cmp inside outside
            user --delete-object --type privkey --id 01
            user --delete-object --type pubkey --id 01
        done
        "#,
    );
}

#[test]
fn a_generic_secret_authenticates_and_a_wrapped_key_comes_back() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        echo 'the words that are signed' > words
        user --keygen --key-type GENERIC:64 --label mac --id 01 --usage-sign
        for hash in SHA256 SHA384 SHA512; do
            user --sign --id 01 --mechanism $hash-HMAC -i words -o mac
            user --verify --id 01 --mechanism $hash-HMAC -i words --signature-file mac
        done

        user --keygen --key-type AES:32 --label wrapping --id 02 --usage-wrap
        user --keygen --key-type AES:16 --label moved --id 03 --usage-decrypt --extractable
        iv=000102030405060708090a0b0c0d0e0f
        user --wrap --mechanism AES-CBC-PAD --iv $iv --id 02 --application-id 03 -o wrapped
        user --unwrap --mechanism AES-CBC-PAD --iv $iv --id 02 -i wrapped --key-type AES: \
            --application-id 04 --application-label back
        user --encrypt --id 03 --mechanism AES-CBC-PAD --iv $iv -i words -o hidden
        user --decrypt --id 04 --mechanism AES-CBC-PAD --iv $iv -i hidden -o opened
        cmp words opened
        "#,
    )
    .says(&["Signature is valid", "Key wrapped", "Key unwrapped"]);
}
