//! Keys made, used and verified, inside and outside.

use hsmsim_tests::{Sandbox, needs, programs::OPENSSL_ENGINE};

use super::{assert_no_errors, script};

#[test]
fn slots_and_mechanisms_are_listed() {
    needs!("pkcs11-tool");
    // The default topology: nobody sets anything up.
    let sandbox = Sandbox::bare();
    sandbox.sh("pkcs11-tool --module $MODULE --show-info").says(&["Manufacturer     hsmsim"]);
    let slots = sandbox.sh("pkcs11-tool --module $MODULE --list-slots").says(&[
        "token label        : hsmsim-0",
        "login required, rng, token initialized, PIN initialized",
    ]);
    assert_eq!(slots.stdout.matches("Simulated HA group").count(), 10, "{slots}");
    assert_eq!(slots.stdout.matches("uninitialized").count(), 9, "{slots}");
    sandbox.sh("pkcs11-tool --module $MODULE --token-label $LABEL --list-mechanisms").says(&[
        "RSA-PKCS-KEY-PAIR-GEN",
        "SHA256-RSA-PKCS-PSS",
        "RSA-PKCS-OAEP",
        "ECDSA-SHA256",
        "ECDH1-DERIVE",
        "EDDSA",
        "AES-GCM",
        "AES-CMAC",
        "AES-KEY-WRAP",
        "SHA512-HMAC",
    ]);
    sandbox.sh("pkcs11-tool --module $MODULE --list-interfaces").says(&["PKCS 11"]);
}

#[test]
fn rsa_signatures_verify_inside_and_outside() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    let signing = r#"
        echo 'the words that are signed' > words
        openssl dgst -sha256 -binary words > hash
        # DigestInfo of SHA-256, for the mechanism that pads only
        { printf '0%b' '\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20'
          cat hash; } > digest-info
        sign() { user --sign --id 01 --mechanism "$@"; }
        verify() { user --verify --id 01 --mechanism "$@"; }
        for bits in 2048 3072 4096; do
            user --keypairgen --key-type rsa:$bits --id 01 --label rsa-$bits
            user --read-object --type pubkey --id 01 --output-file public.der
            openssl rsa -pubin -inform DER -in public.der -out public.pem
            openssl rsa -pubin -in public.pem -text -noout | grep -F "($bits bit)"

            sign RSA-PKCS -i digest-info -o signature
            verify RSA-PKCS -i digest-info --signature-file signature
            openssl dgst -sha256 -verify public.pem -signature signature words

            sign SHA256-RSA-PKCS -i words -o signature
            verify SHA256-RSA-PKCS -i words --signature-file signature
            openssl dgst -sha256 -verify public.pem -signature signature words

            pss='--hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32'
            sign RSA-PKCS-PSS $pss -i hash -o signature
            verify RSA-PKCS-PSS $pss -i hash --signature-file signature
            openssl pkeyutl -verify -pubin -inkey public.pem -in hash -sigfile signature \
                -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32

            sign SHA256-RSA-PKCS-PSS --salt-len 32 -i words -o signature
            verify SHA256-RSA-PKCS-PSS --salt-len 32 -i words --signature-file signature
            openssl dgst -sha256 -verify public.pem -signature signature \
                -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 words

            # another text is no success
            { verify SHA256-RSA-PKCS-PSS --salt-len 32 -i hash --signature-file signature || true; } 2>&1 |
                grep -i invalid
            user --delete-object --type privkey --id 01
            user --delete-object --type pubkey --id 01
        done
    "#;
    let ended = script(&sandbox, signing);
    assert_eq!(ended.stdout.matches("Signature is valid").count(), 12, "{ended}");
    assert_eq!(ended.stdout.matches("Verified OK").count(), 9, "{ended}");
    assert_eq!(ended.stdout.matches("Signature Verified Successfully").count(), 3, "{ended}");
}

#[test]
fn ecdsa_signatures_verify_inside_and_outside() {
    needs!("pkcs11-tool", "openssl", OPENSSL_ENGINE);
    let sandbox = Sandbox::new("ha-pair");
    let signing = r#"
        echo 'the words that are signed' > words
        openssl dgst -sha256 -binary words > hash
        for curve in secp256r1 secp384r1 secp521r1; do
            user --keypairgen --key-type EC:$curve --id 02 --label $curve
            # pkcs11-tool 0.23 cannot export keys of the larger curves, from no module
            openssl pkey -engine pkcs11 -inform engine -pubout -out public.pem \
                -in "pkcs11:token=$LABEL;id=%02;type=private?pin-value=$PIN"

            user --sign --id 02 --mechanism ECDSA --signature-format openssl -i hash -o signature
            openssl pkeyutl -verify -pubin -inkey public.pem -in hash -sigfile signature
            user --sign --id 02 --mechanism ECDSA -i hash -o raw
            user --verify --id 02 --mechanism ECDSA -i hash --signature-file raw

            user --sign --id 02 --mechanism ECDSA-SHA256 --signature-format openssl \
                -i words -o signature
            openssl dgst -sha256 -verify public.pem -signature signature words
            user --sign --id 02 --mechanism ECDSA-SHA256 -i words -o raw
            user --verify --id 02 --mechanism ECDSA-SHA256 -i words --signature-file raw
            user --delete-object --type privkey --id 02
            user --delete-object --type pubkey --id 02
        done
    "#;
    let ended = script(&sandbox, signing);
    assert_eq!(ended.stdout.matches("Signature is valid").count(), 6, "{ended}");
    assert_eq!(ended.stdout.matches("Verified OK").count(), 3, "{ended}");
    assert_eq!(ended.stdout.matches("Signature Verified Successfully").count(), 3, "{ended}");
}

#[test]
fn what_is_encrypted_outside_is_decrypted_inside() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        printf 'sixteen bytes ab' > text
        user --keypairgen --key-type rsa:2048 --id 03 --label oaep --usage-decrypt
        user --read-object --type pubkey --id 03 --output-file public.der
        for hash in 1 256; do
            openssl pkeyutl -encrypt -pubin -keyform DER -inkey public.der -in text -out secret \
                -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha$hash \
                -pkeyopt rsa_mgf1_md:sha$hash
            name=$([ $hash = 1 ] && echo SHA-1 || echo SHA256)
            user --decrypt --id 03 --mechanism RSA-PKCS-OAEP --hash-algorithm $name \
                --mgf MGF1-SHA$hash -i secret -o opened
            cmp text opened
        done
        openssl pkeyutl -encrypt -pubin -keyform DER -inkey public.der -in text -out secret
        user --decrypt --id 03 --mechanism RSA-PKCS -i secret -o opened
        cmp text opened
        "#,
    );
}

#[test]
fn aes_agrees_with_openssl() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        printf 'sixteen bytes ab' > block
        echo 'any number of bytes' > text
        head -c 32 /dev/urandom > key
        hex=$(od -An -tx1 key | tr -d ' \n')
        iv=000102030405060708090a0b0c0d0e0f
        user --write-object key --type secrkey --key-type AES:32 --id 04 --label imported \
            --usage-decrypt
        both() { # mechanism, cipher of OpenSSL, input
            user --encrypt --id 04 --mechanism "$1" --iv $iv -i "$3" -o inside
            openssl enc "$2" -K $hex -iv $iv ${4-} -in "$3" -out outside
            cmp inside outside
            user --decrypt --id 04 --mechanism "$1" --iv $iv -i outside -o opened
            cmp "$3" opened
        }
        both AES-CBC -aes-256-cbc block -nopad
        both AES-CBC-PAD -aes-256-cbc text

        user --keygen --key-type AES:16 --id 05 --label made
        user --encrypt --id 05 --mechanism AES-CBC-PAD --iv $iv -i text -o inside
        user --decrypt --id 05 --mechanism AES-CBC-PAD --iv $iv -i inside -o opened
        cmp text opened
        "#,
    );
}

#[test]
fn the_self_test_of_pkcs11_tool_finds_no_error() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    let ended = script(
        &sandbox,
        r#"
        user --keypairgen --key-type rsa:2048 --id 01 --label rsa > /dev/null
        user --keypairgen --key-type EC:secp256r1 --id 02 --label ec > /dev/null
        user --test
        "#,
    )
    .says(&["all 4 digest functions seem to work", "SHA256-RSA-PKCS: OK", "No errors"]);
    assert_no_errors(&ended);
}

#[test]
fn the_ec_self_test_of_pkcs11_tool_finds_no_error() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    for curve in ["secp256r1", "secp384r1", "secp521r1"] {
        let test = format!("user --session-rw --test-ec --key-type EC:{curve} --id 06 --label t");
        let ended = script(&sandbox, &test).says(&["==> OK"]);
        assert_no_errors(&ended);
    }
}

#[test]
fn the_fork_test_of_pkcs11_tool_finds_no_error() {
    needs!("pkcs11-tool");
    let ended = script(&Sandbox::new("ha-pair"), "user --test-fork");
    assert_no_errors(&ended);
}
