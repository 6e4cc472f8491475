//! The tests that pkcs11-tool has itself, beside those of `keys.rs`.

use hsmsim_tests::{Sandbox, needs};

use super::{assert_no_errors, script};

#[test]
fn the_thread_test_of_pkcs11_tool_finds_no_error() {
    needs!("pkcs11-tool");
    // Each thread initialises the library, asks for its version and its slots, and shows a token.
    // Meanwhile the program itself makes a key; if it were done first, it would wait half a minute.
    let ended = script(
        &Sandbox::new("ha-pair"),
        "user --keypairgen --key-type rsa:4096 --label beside --id 01 \
            --test-threads ILGISLT0 --test-threads ILGISLT0 --test-threads ILGISLT0",
    );
    let output = ended.all();
    let count = |line: &str| output.matches(line).count();
    assert_eq!(count("state:-1, rv:CKR_OK"), 3, "{ended}");
    // Three times by the threads, once by the program, and one of the four comes first.
    assert_eq!(
        count("returned CKR_CRYPTOKI_ALREADY_INITIALIZED") + count("rv:CKR_CRYPTOKI"),
        3,
        "{ended}"
    );
    assert_eq!(count("token label        : hsmsim-0"), 3, "{ended}");
    assert_eq!(count("Key pair generated:"), 1, "{ended}");
}

#[test]
fn the_hotplug_test_of_pkcs11_tool_finds_the_slots_and_waits_for_an_event() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::new("ha-pair");
    // A return goes on from one part to the next, an x ends one.
    let ended = script(&sandbox, r"printf '\nx\nx\n' | user --test-hotplug");
    assert_no_errors(&ended);
    assert_eq!(ended.stdout.matches("Simulated HA group").count(), 10, "{ended}");
    ended.says(&["detection using C_GetSlotList", "detection using C_WaitForSlotEvent"]);
}

#[test]
fn keys_and_certificates_are_made_as_a_browser_does() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    script(
        &sandbox,
        r#"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=browser -days 1 \
            -outform DER -out cert.der
        user --session-rw --moz-cert cert.der --key-type rsa:2048 --id 01 --label browser
        "#,
    )
    .says(&["DN: CN=browser", "==> OK, successful!"]);
}

#[test]
fn the_self_tests_of_pkcs11_tool_find_no_error_with_one_member_lost() {
    needs!("pkcs11-tool");
    let sandbox = Sandbox::scaled("ha-pair", 100);
    let ended = script(
        &sandbox,
        r#"
        user --keypairgen --key-type rsa:2048 --id 01 --label rsa > /dev/null
        hsmsim fault add device.power_loss hsm-eus-1
        user --test
        user --session-rw --test-ec --key-type EC:secp256r1 --id 02 --label ec
        "#,
    )
    .says(&["SHA256-RSA-PKCS: OK", "No errors", "==> OK"]);
    assert_no_errors(&ended);
    assert!(sandbox.log().contains("member lost"), "the fault never bit: {}", sandbox.log());
}
