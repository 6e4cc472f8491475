//! `hsmsim profile`, but for what needs another module.

use crate::Run;

#[test]
fn shipped_profiles_are_listed_and_shown_as_they_are() {
    let run = Run::new("instant");
    let list = run.ok(&["profile", "list"]);
    for name in ["open", "a790", "a790-no-fips", "timed-locks"] {
        assert!(list.lines().any(|line| line.starts_with(&format!("{name} "))), "{list}");
    }
    let a790 = run.ok(&["profile", "show", "a790"]);
    std::fs::write(run.folder.path().join("mine.toml"), &a790).unwrap();
    assert_eq!(run.ok(&["profile", "show", "mine.toml"]), a790, "a path is shown too");
    let off = run.ok(&["profile", "show", "a790-no-fips"]);
    assert!(off.contains("\nfips = false\n") && off.contains("name = \"a790-no-fips\""));
    let refused = run.ends_with(1, &["profile", "show", "a970"]);
    assert!(refused.contains("did you mean \"a790\""), "{refused}");
}

#[test]
fn check_says_what_a_profile_promises_in_vain() {
    let run = Run::new("instant");
    let open = run.ok(&["profile", "check"]);
    assert!(open.contains("no-service-times"), "the topology's own: {open}");
    let a790 = run.ok(&["profile", "check", "a790"]);
    assert!(a790.contains("sizes-beyond") && a790.contains("CKM_ECDSA: 224 to 571"), "{a790}");
    let text = run.ok(&["profile", "show", "a790"]);
    let write = |text: String| std::fs::write(run.folder.path().join("mine.toml"), text).unwrap();
    write(text.replacen("CKM_AES_CMAC =", "CKM_AES_CAMC =", 1));
    let unknown = run.ends_with(2, &["profile", "check", "mine.toml"]);
    assert!(unknown.contains("CKM_AES_CAMC") && unknown.contains("CKM_AES_CMAC"), "{unknown}");
    write(text.replacen("vendor_codes =", "vendor_code =", 1));
    let misspelt = run.ends_with(2, &["profile", "check", "mine.toml"]);
    assert!(misspelt.contains("mine.toml:") && misspelt.contains("\"vendor_codes\""), "{misspelt}");
    run.ends_with(1, &["profile", "check", "absent.toml"]);
}
