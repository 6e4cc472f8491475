//! Certificates, data and keys, written, read and deleted.

use hsmsim_tests::{Sandbox, needs};

use super::script;

#[test]
fn a_certificate_comes_back_as_it_was() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-dr");
    script(
        &sandbox,
        r#"
        openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=imported -days 1 \
            -keyout key.pem -out cert.pem
        openssl x509 -in cert.pem -outform DER -out cert.der
        user --write-object cert.der --type cert --id 0a --label imported
        user --read-object --type cert --id 0a --output-file read.der
        cmp cert.der read.der
        # a certificate is public: no login
        pkcs11-tool --module "$MODULE" --token-label "$LABEL" --list-objects --type cert
        "#,
    )
    .says(&["label:      imported", "subject:    DN: CN=imported", "ID:         0a"]);
}

#[test]
fn an_imported_key_signs_as_it_did_outside() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        echo 'the words that are signed' > words
        for key in rsa ec; do
            case $key in
                rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem ;;
                ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem ;;
            esac
            openssl pkey -in key.pem -outform DER -out key.der
            openssl pkey -in key.pem -pubout -out public.pem
            user --write-object key.der --type privkey --id 0b --label $key --usage-sign
            mechanism=$([ $key = rsa ] && echo SHA256-RSA-PKCS || echo ECDSA-SHA256)
            user --sign --id 0b --mechanism $mechanism --signature-format openssl \
                -i words -o signature
            openssl dgst -sha256 -verify public.pem -signature signature words
            user --delete-object --type privkey --id 0b
        done
        "#,
    );
}

#[test]
fn data_objects_are_kept_and_private_ones_need_a_login() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        echo 'some data' > data
        user --write-object data --type data --label open
        user --write-object data --type data --label closed --private
        user --read-object --type data --label closed --output-file read
        cmp data read
        anybody() { pkcs11-tool --module "$MODULE" --token-label "$LABEL" "$@"; }
        anybody --read-object --type data --label open --output-file read
        cmp data read
        if anybody --read-object --type data --label closed --output-file read; then exit 1; fi
        "#,
    );
}

#[test]
fn a_deleted_object_is_gone_for_every_process() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-dr");
    script(
        &sandbox,
        r#"
        user --keypairgen --key-type EC:secp256r1 --id 0c --label short-lived
        user --keypairgen --key-type EC:secp256r1 --id 0d --label long-lived
        user --keygen --key-type AES:32 --id 0e --label short-lived
        user --delete-object --type privkey --id 0c
        user --delete-object --type pubkey --id 0c
        user --delete-object --type secrkey --id 0e
        "#,
    );
    let left = script(&sandbox, "user --list-objects").says(&["long-lived"]);
    assert!(!left.all().contains("short-lived"), "{left}");
    let refused =
        sandbox.sh_refused(&format!("{}user --delete-object --type privkey --id 0c", super::USER));
    assert!(refused.all().contains("not found"), "{refused}");
}

#[test]
fn attributes_can_be_changed_and_random_bytes_had() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        user --keypairgen --key-type EC:secp256r1 --id 0f --label before
        user --set-id 1f --type privkey --id 0f
        user --list-objects --type privkey
        user --generate-random 64 --output-file random
        [ "$(wc -c < random)" = 64 ]
        "#,
    )
    .says(&["ID:         1f"]);
}
