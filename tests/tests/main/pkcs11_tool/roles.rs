//! Tokens and PINs.

use hsmsim_tests::{Sandbox, needs};

use super::script;

#[test]
fn the_user_changes_the_pin() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(&sandbox, "user --change-pin --new-pin another-pin").says(&["successfully changed"]);
    script(&sandbox, "PIN=another-pin; user --keygen --key-type AES:32 --id 01 --label kept");
    let old = sandbox.sh_refused(&format!("{}user --list-objects", super::USER));
    assert!(old.all().contains("CKR_PIN_INCORRECT"), "{old}");
}

#[test]
fn the_security_officer_resets_the_pin_and_objects_stay() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        user --keygen --key-type AES:32 --id 01 --label kept
        officer() {
            pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --login-type so \
                --so-pin "$SO_PIN" "$@"
        }
        officer --init-pin --new-pin reset-pin
        PIN=reset-pin
        user --list-objects
        officer --change-pin --new-pin another-so-pin
        SO_PIN=another-so-pin
        officer --init-pin --new-pin "reset-again"
        "#,
    )
    .says(&["kept", "successfully initialized"]);
}

#[test]
fn a_blank_token_is_initialised_and_used() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-dr");
    sandbox
        .sh(r#"
        tool() { pkcs11-tool --module "$MODULE" "$@"; }
        tool --slot 2 --init-token --label fresh --so-pin new-so-pin
        tool --token-label fresh --init-pin --login --login-type so --so-pin new-so-pin \
            --pin new-user-pin
        tool --token-label fresh --login --pin new-user-pin --keypairgen --key-type EC:secp256r1 \
            --id 01 --label first
        tool --token-label fresh --login --pin new-user-pin --list-objects
        "#)
        .says(&["Token successfully initialized", "label:      first"]);
    let slots = sandbox.sh("pkcs11-tool --module $MODULE --list-slots");
    assert_eq!(slots.stdout.matches("uninitialized").count(), 8, "{slots}");
}

#[test]
fn a_token_initialised_anew_is_empty() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        user --keypairgen --key-type EC:secp256r1 --id 01 --label gone
        pkcs11-tool --module "$MODULE" --token-label "$LABEL" --init-token --label anew \
            --so-pin "$SO_PIN"
        pkcs11-tool --module "$MODULE" --token-label anew --init-pin --login --login-type so \
            --so-pin "$SO_PIN" --pin 1234
        LABEL=anew PIN=1234
        "#,
    );
    let left = script(&sandbox, "LABEL=anew PIN=1234; user --list-objects");
    assert!(!left.all().contains("gone"), "{left}");
    let wrong = sandbox.sh_refused(
        "pkcs11-tool --module $MODULE --token-label anew --init-token --label x --so-pin wrong-one",
    );
    assert!(wrong.all().contains("CKR_PIN_INCORRECT"), "{wrong}");
}

#[test]
fn too_many_wrong_pins_lock_the_user_until_the_officer_resets() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        user --keygen --key-type AES:32 --id 01 --label kept
        for attempt in $(seq 10); do
            if (PIN=wrong-$attempt; user --list-objects); then exit 1; fi
        done
        if user --list-objects; then exit 1; fi
        pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --login-type so \
            --so-pin "$SO_PIN" --init-pin --new-pin "$PIN"
        user --list-objects
        "#,
    )
    .says(&["CKR_PIN_INCORRECT", "CKR_PIN_LOCKED", "kept"]);
    assert!(!sandbox.log().contains("wrong-"), "a PIN in the log");
}
