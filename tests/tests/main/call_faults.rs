//! Scripted call faults, as real programs meet them.

use std::{fs, time::Duration};

use hsmsim_tests::{Sandbox, build, needs, process::Running, recipe::recipes};

use crate::WORKER;

fn script(sandbox: &Sandbox, words: &[&str]) {
    sandbox.hsmsim(&[&["call-fault", "add"][..], words].concat());
}

/// An application that does what it is told, with a session and a key `k`.
fn application(sandbox: &Sandbox) -> Running {
    let mut application = sandbox.worker(WORKER, &["serve"]);
    application.line("ready", 0, Duration::from_secs(30));
    application
}

/// What a number of signatures came to; `before`: how many it has answered already.
fn signs(application: &mut Running, before: usize, count: usize) -> Vec<String> {
    let mut answers = Vec::new();
    for nth in before..before + count {
        application.say("sign k");
        // Each answer is a whole line: "ok sign k verified" or "error DeviceError".
        answers.push(application.line("", nth, Duration::from_secs(30)));
    }
    answers
}

const OK: &str = "ok sign k verified";
const FAILED: &str = "error DeviceError";

#[test]
fn pkcs11_tool_is_refused_the_signature_that_is_struck_and_no_other() {
    needs!("pkcs11-tool", "openssl");
    let sandbox = Sandbox::new("ha-pair");
    let ended = sandbox.sh(r#"
        user() { pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --pin "$PIN" "$@"; }
        user --keypairgen --key-type rsa:2048 --id 01 --label web
        user --keypairgen --key-type rsa:2048 --id 02 --label mail
        echo 'the words that are signed' > words
        sign() { user --sign --mechanism SHA256-RSA-PKCS -i words -o signature --id "$1"; }
        verify() {
            user --read-object --type pubkey --id "$1" --output-file public.der
            openssl dgst -sha256 -verify public.der -keyform DER -signature signature words
        }
        # When C_Sign fails, pkcs11-tool signs in parts.
        hsmsim call-fault add C_Sign label=web nth=1 code=CKR_DEVICE_ERROR
        sign 01
        verify 01
        hsmsim call-fault clear
        hsmsim call-fault add C_Sign,C_SignUpdate label=web nth=1..2 code=CKR_DEVICE_ERROR
        if sign 01; then exit 1; fi
        sign 02
        verify 02
        hsmsim call-fault clear
        # The second signature of one process.
        hsmsim call-fault add C_Sign nth=2 code=CKR_HOST_MEMORY
        sign 01
        user --test || true
        hsmsim call-fault clear
        echo healed
        user --test
        "#);
    let ended = ended.says(&["CKR_DEVICE_ERROR (0x30)", "CKR_HOST_MEMORY", "healed"]);
    assert_eq!(ended.stdout.matches("Verified OK").count(), 2, "{ended}");
    assert!(ended.stdout.trim_end().ends_with("No errors"), "{ended}");
    assert!(sandbox.log().contains("a call fault strikes"), "{}", sandbox.log());
}

#[test]
fn processes_that_run_see_it_at_their_next_call_and_count_by_themselves() {
    let sandbox = Sandbox::new("ha-pair");
    let mut one = application(&sandbox);
    one.say("make k");
    one.line("ok make k", 0, Duration::from_secs(30));
    let mut two = application(&sandbox);
    assert_eq!(signs(&mut one, 2, 1), [OK]);
    script(&sandbox, &["C_Sign", "label=k", "nth=2", "code=CKR_DEVICE_ERROR"]);
    // The application asks for the length of each signature first; that is no call.
    assert_eq!(signs(&mut one, 3, 3), [OK, FAILED, OK]);
    assert_eq!(signs(&mut two, 1, 3), [OK, FAILED, OK]);
    sandbox.hsmsim(&["call-fault", "clear"]);
    script(&sandbox, &["C_Sign", &format!("process={}", two.pid()), "code=CKR_DEVICE_ERROR"]);
    assert_eq!(signs(&mut one, 6, 1), [OK]);
    assert_eq!(signs(&mut two, 4, 2), [FAILED, FAILED]);
    script(&sandbox, &["C_Sign", "process=hsmsim-tests", "code=CKR_DEVICE_ERROR"]);
    assert_eq!(signs(&mut one, 7, 1), [FAILED]);
    sandbox.hsmsim(&["call-fault", "clear"]);
    assert_eq!(signs(&mut one, 8, 1), [OK]);
    assert_eq!(signs(&mut two, 6, 1), [OK]);
}

#[test]
fn a_file_is_for_one_process_alone() {
    let sandbox = Sandbox::new("ha-pair");
    let mut plain = application(&sandbox);
    plain.say("make k");
    plain.line("ok make k", 0, Duration::from_secs(30));
    let call = "[[call]]\nfunction = \"C_Sign\"\nnth = 2\ncode = \"CKR_DEVICE_ERROR\"\n";
    let file = sandbox.write("calls.toml", call).display().to_string();
    let record = sandbox.path("record");
    fs::create_dir(&record).expect("a folder");
    let sandbox = sandbox
        .with("HSMSIM_CALL_FAULTS", &file)
        .with("HSMSIM_RECORD", &record.display().to_string());
    let mut scripted = application(&sandbox);
    assert_eq!(signs(&mut scripted, 1, 3), [OK, FAILED, OK]);
    assert_eq!(signs(&mut plain, 2, 3), [OK, OK, OK]);
    let read = |name: &str| {
        let file = record.join(format!("{name}-{}.ndjson", scripted.pid()));
        fs::read_to_string(file).expect("a record")
    };
    let (calls, events) = (read("calls"), read("events"));
    let struck: Vec<&str> = calls.lines().filter(|line| line.contains("call_fault")).collect();
    assert_eq!(struck.len(), 1, "{calls}");
    assert!(struck[0].contains(r#""code":"CKR_DEVICE_ERROR""#), "{struck:?}");
    assert!(struck[0].contains(r#""call_fault":"file:1""#), "{struck:?}");
    assert!(events.contains("file:1: C_Sign: C_Sign nth=2 code=CKR_DEVICE_ERROR"), "{events}");
}

#[test]
fn a_mistake_in_a_process_s_file_stops_it_and_the_log_says_which() {
    let sandbox = Sandbox::new("ha-pair");
    let call = "[[call]]\nfunction = \"C_Sing\"\ncode = \"CKR_DEVICE_ERROR\"\n";
    let file = sandbox.write("calls.toml", call).display().to_string();
    let sandbox = sandbox.with("HSMSIM_CALL_FAULTS", &file);
    sandbox.run(WORKER, &["start", "k"]).refused().says(&["Initialize GeneralError"]);
    let log = sandbox.log();
    assert!(log.contains("calls.toml:2:12") && log.contains("did you mean"), "{log}");
}

#[test]
fn every_recipe_of_the_pages_works_as_it_stands() {
    needs!("pkcs11-tool");
    let read = |page: &str| recipes(&fs::read_to_string(build::root().join(page)).expect("a page"));
    let (own, unnamed) = read("docs/call-faults.md");
    assert_eq!((own.len(), unnamed), (2, 0));
    let (other, _) = read("docs/testing-your-app.md");
    assert_eq!(other.len(), 1);
    for recipe in own.into_iter().chain(other) {
        println!("recipe {}", recipe.name);
        Sandbox::bare().sh_within(&recipe.script, Duration::from_secs(60)).succeeded();
    }
}
