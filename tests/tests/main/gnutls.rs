//! GnuTLS: p11tool and certtool.

use hsmsim_tests::{Sandbox, needs};

const TOOLS: &str = r#"
export GNUTLS_PIN="$PIN" GNUTLS_SO_PIN="$SO_PIN"
token="pkcs11:token=$LABEL"
p11() { p11tool --provider "$MODULE" --login "$@"; }
cert() { certtool --provider "$MODULE" "$@"; }
"#;

fn script(sandbox: &Sandbox, script: &str) -> hsmsim_tests::process::Ended {
    sandbox.sh(&format!("{TOOLS}{script}"))
}

#[test]
fn tokens_and_objects_are_listed() {
    needs!("p11tool", "certtool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        p11 --generate-rsa --bits 2048 --label listed --outfile public.pem "$token"
        p11tool --provider "$MODULE" --list-tokens
        p11 --list-all "$token"
        "#,
    )
    .says(&["Label: hsmsim-0", "Private key (RSA-2048)", "object=listed;type=private"]);
}

#[test]
fn keys_are_generated_and_sign_certificates() {
    needs!("p11tool", "certtool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        echo 'cn = "gnutls"
        expiration_days = 2
        signing_key' > template
        p11 --generate-rsa --bits 2048 --label rsa --outfile rsa.pem "$token"
        p11 --generate-ecc --curve secp256r1 --label ec --outfile ec.pem "$token"
        for label in rsa ec; do
            cert --generate-self-signed --template template --outfile $label.crt \
                --load-privkey "$token;object=$label;type=private" \
                --load-pubkey "$token;object=$label;type=public"
            openssl verify -CAfile $label.crt $label.crt
            cert --generate-request --template template --outfile $label.csr \
                --load-privkey "$token;object=$label;type=private" \
                --load-pubkey "$token;object=$label;type=public"
            openssl req -in $label.csr -verify -noout
            p11 --write --load-certificate $label.crt --label $label "$token"
            p11 --export "$token;object=$label;type=cert" --outfile back.pem
            openssl x509 -in back.pem -noout -subject
        done
        "#,
    )
    .says(&["rsa.crt: OK", "ec.crt: OK", "verify OK", "subject=CN = gnutls"]);
}

#[test]
fn the_own_sign_test_of_p11tool_passes() {
    needs!("p11tool");
    let sandbox = Sandbox::new("ha-pair");
    let ended = script(
        &sandbox,
        r#"
        p11 --generate-rsa --bits 2048 --label rsa --outfile rsa.pem "$token"
        p11 --generate-ecc --curve secp384r1 --label ec --outfile ec.pem "$token"
        p11 --test-sign "$token;object=rsa;type=private"
        p11 --test-sign "$token;object=ec;type=private"
        p11 --delete --batch "$token;object=ec;type=private"
        "#,
    );
    assert!(ended.all().matches("ok").count() >= 4, "{ended}");
    let left = script(&sandbox, "p11 --list-privkeys \"$token\"");
    assert!(left.all().contains("object=rsa") && !left.all().contains("object=ec"), "{left}");
}
