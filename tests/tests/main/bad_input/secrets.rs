//! What must not be seen: PINs and values of keys, in the log, in the state directory, on the
//! terminal.

use std::{fs, path::Path, ptr::null_mut};

use cryptoki_sys::*;
use hsmsim_tests::{
    Sandbox,
    apart::apart,
    raw::{Raw, attribute, mechanism_with},
    test_name,
};

use super::{YES, table, well};

const VALUE: &[u8; 32] = b"the value of a key, 32 bytes. ok";
const NEW_PIN: &[u8] = b"a-new-pin-of-the-user";
const WRONG_PIN: &[u8] = b"a-wrong-pin-of-the-user";

#[test]
fn pins_and_key_values_are_seen_nowhere() {
    let sandbox = || Sandbox::new("ha-pair").with("HSMSIM_LOG", "trace");
    apart(test_name!(), sandbox, |sandbox| {
        let library = Raw::library();
        let s = library.session();
        let pin = |pin: &'static [u8]| (pin.as_ptr().cast_mut(), pin.len() as CK_ULONG);
        let (wrong, wrong_len) = pin(WRONG_PIN);
        let (new, new_len) = pin(NEW_PIN);
        let (user, user_len) = pin(b"12345678");
        table!(library;
            C_Login(s, CKU_USER, wrong, wrong_len) => CKR_PIN_INCORRECT;
            C_Login(s, CKU_USER, user, user_len) => CKR_OK;
            C_SetPIN(s, wrong, wrong_len, new, new_len) => CKR_PIN_INCORRECT;
            C_SetPIN(s, user, user_len, new, new_len) => CKR_OK;
            C_SetPIN(s, new, new_len, new, 2) => CKR_PIN_LEN_RANGE;
        );
        let (class, kind): (CK_ULONG, CK_ULONG) = (CKO_SECRET_KEY, CKK_AES);
        let template = [
            attribute(CKA_CLASS, &class),
            attribute(CKA_KEY_TYPE, &kind),
            attribute(CKA_TOKEN, &YES),
            attribute(CKA_PRIVATE, &YES),
            attribute(CKA_SENSITIVE, &YES),
            attribute(CKA_VALUE, VALUE),
        ];
        let mut key = 0;
        well!(library; C_CreateObject(s, template.as_ptr().cast_mut(), 6, &mut key));
        // The same once more, wrong in a way that the log has to explain.
        let mut broken = template;
        broken[5].ulValueLen = 31;
        table!(library;
            C_CreateObject(s, broken.as_mut_ptr(), 6, &mut key) => CKR_ATTRIBUTE_VALUE_INVALID;
        );
        let iv = [0_u8; 16];
        let mut cbc = mechanism_with(CKM_AES_CBC, &iv);
        let (mut text, mut len) = (*VALUE, 32);
        let text = text.as_mut_ptr();
        table!(library;
            C_EncryptInit(s, &mut cbc, key) => CKR_OK;
            C_Encrypt(s, text, 32, text, &mut len) => CKR_OK;
            C_Finalize(null_mut()) => CKR_OK;
        );

        let log = sandbox.log();
        assert!(log.contains("C_SetPIN") && log.contains("CKA_VALUE"), "{log}");
        let mut files = vec![sandbox.path("hsmsim.log")];
        collect(&sandbox.state(), &mut files);
        assert!(files.len() > 4, "{files:?}");
        for file in files {
            let content = fs::read(&file).expect("a file");
            for secret in [&VALUE[..], &VALUE[..31], NEW_PIN, WRONG_PIN] {
                for (form, bytes) in forms(secret) {
                    let seen = content.windows(bytes.len()).any(|window| window == bytes);
                    assert!(!seen, "{} has a secret, {form}", file.display());
                }
            }
        }
    });
}

/// A secret as somebody may have written it by accident.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |byte: fn(&u8) -> String| secret.iter().map(byte).collect::<String>().into_bytes();
    let list: Vec<String> = secret.iter().map(u8::to_string).collect();
    vec![
        ("as it is", secret.to_vec()),
        ("in small hex", hex(|byte| format!("{byte:02x}"))),
        ("in capital hex", hex(|byte| format!("{byte:02X}"))),
        ("as a list", list.join(", ").into_bytes()),
    ]
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
