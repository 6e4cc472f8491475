//! p11-kit: the module among others, and at the other end of a socket.

use hsmsim_tests::programs::required;

use super::{not_as_root, pair, script};

/// A file of p11-kit, wherever the machine's libraries are.
const FILE: &str = r#"
file() { find /usr/lib -path "*/$1" | head -n 1; }
"#;

#[test]
fn the_module_is_listed_and_used_beside_others() {
    required(&["pkcs11-tool", "p11-kit", "setpriv"]);
    let own = r#"
        mkdir -p .config/pkcs11/modules
        echo "module: $MODULE" > .config/pkcs11/modules/hsmsim.module
        p11-kit list-modules
        proxy() { pkcs11-tool --module "$(file p11-kit-proxy.so)" --token-label "$LABEL" "$@"; }
        proxy --login --pin "$PIN" --keypairgen --key-type EC:secp256r1 --id 01 --label through
        proxy --list-objects
    "#;
    // Of root p11-kit reads no configuration of its own.
    script(&pair(), &not_as_root(&format!("{FILE}{own}"))).says(&[
        "token: hsmsim-0",
        "library-manufacturer: hsmsim",
        "label:      through",
    ]);
}

#[test]
fn a_key_is_used_over_a_socket_while_the_primary_is_lost() {
    required(&["pkcs11-tool", "p11-kit", "openssl"]);
    script(
        &pair(),
        &format!(
            r#"{FILE}
            XDG_RUNTIME_DIR=$PWD p11-kit server --foreground --name "$PWD/socket" \
                --provider "$MODULE" "pkcs11:token=$LABEL" &
            server=$!
            trap 'kill $server' EXIT
            soon test -S socket
            export P11_KIT_SERVER_ADDRESS=unix:path=$PWD/socket
            client=$(file pkcs11/p11-kit-client.so)
            pkcs11-tool --module "$client" --list-slots
            remote() {{
                pkcs11-tool --module "$client" --token-label "$LABEL" --login --pin "$PIN" "$@"
            }}
            remote --keypairgen --key-type rsa:2048 --id 01 --label far
            remote --keypairgen --key-type EC:secp256r1 --id 02 --label far
            remote --read-object --type pubkey --id 01 --output-file rsa.der
            remote --read-object --type pubkey --id 02 --output-file ec.der
            echo 'the words that are signed' > words
            openssl dgst -sha256 -binary words > hash
            sign_and_verify() {{
                remote --sign --id 01 --mechanism SHA256-RSA-PKCS -i words -o signature
                openssl dgst -sha256 -verify rsa.der -keyform DER -signature signature words
                # p11-kit 0.24 passes only what it knows, and ECDSA-SHA256 is not among it
                remote --sign --id 02 --mechanism ECDSA --signature-format openssl -i hash -o signature
                openssl pkeyutl -verify -pubin -keyform DER -inkey ec.der -in hash -sigfile signature
            }}
            sign_and_verify
            lose_the_primary
            sign_and_verify
            noticed
            remote --list-objects
            "#
        ),
    )
    .says(&["token label        : hsmsim-0", "Verified OK", "label:      far"]);
}
