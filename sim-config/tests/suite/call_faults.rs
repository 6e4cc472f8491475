//! Call faults as they are written, on one line and in a file.

use hsmsim_sim_config::{CALL_FUNCTIONS, CALL_KEYS, CallFault, CallKeyUse};

use crate::assert_refused;

#[test]
fn the_text_of_a_call_fault_reads_back_as_the_same() {
    for text in [
        "C_Sign label=web nth=3 code=CKR_DEVICE_ERROR",
        "C_Sign,C_SignFinal slot=1 token=hsmsim-0 mechanism=CKM_ECDSA id=01af session=4 delay=250ms",
        "any process=signer probability=0.25 seed=7 times=2 hang=forever",
        "C_Login process=4711 nth=3.. every=2 drop=session",
        "C_Decrypt label='two words' nth=3..5 drop=login",
        "C_GenerateKey delay_after=1s code_after=0x80000123",
        "C_Verify mechanism=0x1041 hang=90s",
    ] {
        let fault: CallFault = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(fault.to_string(), text);
        assert_eq!(fault.to_string().parse(), Ok(fault));
    }
}

/// What is wrong with a line, which must hold all of these parts.
fn refused(text: &str, parts: &[&str]) {
    let error = text.parse::<CallFault>().expect_err(text);
    for part in parts {
        assert!(error.message().contains(part), "{text}: \"{error}\" lacks \"{part}\"");
    }
}

#[test]
fn what_does_not_exist_is_answered_with_the_nearest_that_does() {
    refused("C_Sing code=CKR_DEVICE_ERROR", &["C_Sing", "did you mean \"C_Sign\""]);
    refused("C_Initialize delay=1s", &["no call fault strikes"]);
    refused("C_Sign lable=web delay=1s", &["did you mean \"label\""]);
    refused("C_Sign code=CKR_DEVICE_EROR", &["did you mean \"CKR_DEVICE_ERROR\""]);
    refused("C_Sign code_after=DEVICE_ERROR", &["did you mean \"CKR_DEVICE_ERROR\""]);
    refused("C_Sign mechanism=CKM_ECDAS delay=1s", &["did you mean \"CKM_ECDSA\""]);
    refused("C_Sign drop=sesion", &["did you mean \"session\""]);
}

#[test]
fn values_that_mean_nothing_are_refused() {
    for (text, parts) in [
        ("C_Sign code=CKR_OK", &["CKR_OK is no code"][..]),
        ("C_Sign nth=0 delay=1s", &["counts from 1"]),
        ("C_Sign nth=5..3 delay=1s", &["counts from 1"]),
        ("C_Sign every=0 delay=1s", &["\"every\"", "from 1 on"]),
        ("C_Sign times=none delay=1s", &["\"times\""]),
        ("C_Sign probability=1.5 delay=1s", &["from 0 to 1"]),
        ("C_Sign id=1 delay=1s", &["hexadecimal"]),
        ("C_Sign id=+1 delay=1s", &["hexadecimal"]),
        ("C_Sign delay=soon", &["not a duration"]),
        ("C_Sign delay=1s delay=2s", &["twice"]),
        ("C_Sign web", &["key=value"]),
        ("C_Sign label='web", &["quote"]),
        ("", &["begins with a function"]),
    ] {
        refused(text, parts);
    }
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    for (text, parts) in [
        ("C_Sign label=web", &["say what becomes of the call", "code_after", "drop"][..]),
        ("C_Sign code=CKR_DEVICE_ERROR hang=1s", &["one thing only"]),
        ("C_Sign delay_after=1s drop=login", &["no work is done"]),
        ("C_Sign seed=7 delay=1s", &["without \"probability\""]),
        ("C_GenerateRandom label=web delay=1s", &["C_GenerateRandom has no label"]),
        ("C_Sign,C_Login mechanism=CKM_ECDSA delay=1s", &["C_Login has no mechanism"]),
        ("C_OpenSession session=1 delay=1s", &["C_OpenSession has no session"]),
        ("C_OpenSession drop=session", &["C_OpenSession has no session"]),
    ] {
        refused(text, parts);
    }
}

#[test]
fn a_file_says_the_same_in_sections() {
    let text = r#"
        [[call]]
        function = "C_Sign"
        label = "web"
        nth = 3
        code = "CKR_DEVICE_ERROR"

        [[call]]
        function = ["C_Sign", "C_Verify"]
        nth = "2..4"
        probability = 0.5
        seed = 12345678901234567
        delay = "10ms"
    "#;
    let faults = CallFault::parse_file(text, "test.toml").unwrap();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "C_Sign label=web nth=3 code=CKR_DEVICE_ERROR",
            "C_Sign,C_Verify nth=2..4 probability=0.5 seed=12345678901234567 delay=10ms",
        ]
    );
}

#[test]
fn a_mistake_in_a_file_has_its_line() {
    let call = |line: &str| format!("[[call]]\nfunction = \"C_Sign\"\n{line}\n");
    for (text, line, parts) in [
        (call("lable = \"web\""), 3, &["unknown key \"lable\"", "\"label\""][..]),
        (call("code = \"CKR_DEVICE_EROR\""), 3, &["CKR_DEVICE_ERROR"]),
        (call("nth = 0"), 3, &["counts from 1"]),
        (call("label = \"web\""), 1, &["say what becomes"]),
        ("[[call]]\nfunction = \"C_Sing\"\n".to_owned(), 2, &["\"C_Sign\""]),
        ("[[call]]\ndelay = \"1s\"\n".to_owned(), 1, &["needs the key \"function\""]),
        ("[[calls]]\n".to_owned(), 1, &["\"call\""]),
        ("[call]\nfunction = \"C_Sign\"\n".to_owned(), 1, &["[[call]]"]),
        (String::new(), 1, &["no [[call]]"]),
    ] {
        assert_refused(CallFault::parse_file(&text, "test.toml"), line, parts, &text);
    }
}

#[test]
fn chance_has_a_seed_of_its_own_only_if_somebody_said_so() {
    let drawn = |text: &str| text.parse::<CallFault>().unwrap().drawing_from(7).to_string();
    assert_eq!(drawn("any probability=0.5 delay=1s"), "any probability=0.5 seed=7 delay=1s");
    let own = "any probability=0.5 seed=3 delay=1s";
    assert_eq!(drawn(own), own);
    assert_eq!(drawn("any nth=2 delay=1s"), "any nth=2 delay=1s", "nothing is drawn");
}

#[test]
fn every_key_of_the_table_is_read_from_its_example() {
    let action = |key: &&hsmsim_sim_config::CallKey| key.usage == CallKeyUse::Action;
    for key in CALL_KEYS {
        let mut text = format!("C_Sign {}={}", key.name, key.example);
        if key.name == "seed" {
            text += " probability=1";
        }
        if !action(&key) {
            text += " delay=1s";
        }
        let fault: CallFault = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let said = format!("{}={}", key.name, key.example);
        assert!(fault.to_string().split(' ').any(|word| word == said), "{fault}");
    }
    for function in CALL_FUNCTIONS {
        assert!(format!("{} delay=1s", function.name).parse::<CallFault>().is_ok());
    }
}
