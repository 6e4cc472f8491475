//! OpenSSL 3 with the engine of libp11.

use std::time::Duration;

use hsmsim_tests::{Sandbox, build, needs, programs::OPENSSL_ENGINE, wait};

/// Functions of bash: a key made, a key named.
const KEYS: &str = r#"
make() { # type, label
    pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --pin "$PIN" --keypairgen \
        --key-type "$1" --label "$2" --id "${3:-01}" > /dev/null
}
key() { echo "pkcs11:token=$LABEL;object=$1;type=private?pin-value=$PIN"; }
engine='-engine pkcs11 -keyform engine'
public() { openssl pkey -engine pkcs11 -inform engine -in "$(key "$1")" -pubout -out public.pem; }
"#;

fn script(sandbox: &Sandbox, script: &str) -> hsmsim_tests::process::Ended {
    sandbox.sh(&format!("{KEYS}{script}"))
}

#[test]
fn a_token_key_signs_its_certificate() {
    needs!("openssl", "pkcs11-tool", OPENSSL_ENGINE);
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        make rsa:2048 rsa; make EC:secp256r1 ec; make EC:secp384r1 ec-384
        for label in rsa ec ec-384; do
            openssl req -x509 $engine -key "$(key $label)" -subj /CN=$label -days 1 -out cert.pem
            openssl verify -CAfile cert.pem cert.pem
            openssl x509 -in cert.pem -noout -subject
        done
        "#,
    )
    .says(&["cert.pem: OK", "subject=CN = rsa", "subject=CN = ec-384"]);
}

#[test]
fn a_token_key_signs_a_request_that_an_authority_accepts() {
    needs!("openssl", "pkcs11-tool", OPENSSL_ENGINE);
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        make rsa:2048 authority 01; make EC:secp256r1 leaf 02
        openssl req -x509 $engine -key "$(key authority)" -subj /CN=authority -days 1 -out ca.pem
        openssl req -new $engine -key "$(key leaf)" -subj /CN=leaf -out leaf.csr
        openssl req -in leaf.csr -verify -noout
        # the authority's key is in the token too
        openssl x509 -req -in leaf.csr -engine pkcs11 -CAkeyform engine -CA ca.pem \
            -CAkey "$(key authority)" -set_serial 1 -days 1 -out leaf.pem
        openssl verify -CAfile ca.pem leaf.pem
        "#,
    )
    .says(&["self-signature verify OK", "leaf.pem: OK"]);
}

#[test]
fn digests_are_signed_and_verified() {
    needs!("openssl", "pkcs11-tool", OPENSSL_ENGINE);
    let sandbox = Sandbox::new("ha-pair");
    let ended = script(
        &sandbox,
        r#"
        echo 'the words that are signed' > words
        make rsa:3072 rsa 01; make EC:secp256r1 ec 02
        for label in rsa ec; do
            public $label
            for hash in sha256 sha384 sha512; do
                openssl dgst $engine -sign "$(key $label)" -$hash -out signature words
                openssl dgst -$hash -verify public.pem -signature signature words
            done
        done
        public rsa
        openssl dgst $engine -sign "$(key rsa)" -sha256 -sigopt rsa_padding_mode:pss \
            -out signature words
        openssl dgst -sha256 -verify public.pem -signature signature \
            -sigopt rsa_padding_mode:pss words
        "#,
    );
    assert_eq!(ended.stdout.matches("Verified OK").count(), 7, "{ended}");
}

#[test]
fn a_token_key_decrypts() {
    needs!("openssl", "pkcs11-tool", OPENSSL_ENGINE);
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        echo 'the words that are hidden' > words
        make rsa:2048 rsa
        public rsa
        for padding in pkcs1 oaep; do
            openssl pkeyutl -encrypt -pubin -inkey public.pem -pkeyopt rsa_padding_mode:$padding \
                -in words -out hidden
            openssl pkeyutl -decrypt $engine -inkey "$(key rsa)" \
                -pkeyopt rsa_padding_mode:$padding -in hidden -out opened
            cmp words opened
        done
        "#,
    );
}

#[test]
fn a_tls_server_goes_on_while_the_primary_loses_power() {
    needs!("openssl", "pkcs11-tool", OPENSSL_ENGINE);
    for (kind, label) in [("rsa:2048", "web-rsa"), ("EC:secp256r1", "web-ec")] {
        // The receive timeout of 20 s is 0.4 s here.
        let sandbox = Sandbox::scaled("ha-pair", 50);
        script(
            &sandbox,
            &format!(
                "make {kind} {label}
                openssl req -x509 $engine -key \"$(key {label})\" -subj /CN=localhost -days 1 \
                    -out cert.pem"
            ),
        );
        let serve = format!(
            "{KEYS}exec openssl s_server $engine -key \"$(key {label})\" -cert cert.pem \
             -accept 127.0.0.1:0 -www"
        );
        let mut server = sandbox.start("bash", &["-euo", "pipefail", "-c", &serve]);
        let port = server.line("ACCEPT 127.0.0.1:", 0, Duration::from_secs(20));
        let connect = format!("127.0.0.1:{port}");
        let handshake = || {
            let client = ["s_client", "-connect", &connect, "-CAfile", "cert.pem"];
            let options = ["-verify_return_error", "-brief"];
            sandbox
                .run("openssl", &[&client[..], &options[..]].concat())
                .succeeded()
                .says(&["CONNECTION ESTABLISHED", "Verification: OK"]);
        };
        for _ in 0..3 {
            handshake();
        }
        assert!(!sandbox.log().contains("member lost"), "{}", sandbox.log());
        sandbox.hsmsim(&["fault", "add", "device.power_loss", "hsm-eus-1"]);
        for _ in 0..5 {
            handshake();
        }
        assert!(sandbox.log().contains("member lost"), "the fault never bit: {}", sandbox.log());

        sandbox.hsmsim(&["fault", "heal", "--all"]);
        wait::until(Duration::from_secs(20), "the member back", || {
            sandbox.run(build::command_path(), &["ha", "recover"]).status.success().then_some(())
        });
        // Only the one that has just returned is left to sign.
        sandbox.hsmsim(&["fault", "add", "device.power_loss", "hsm-eus-2"]);
        for _ in 0..3 {
            handshake();
        }
        server.kill();
    }
}
