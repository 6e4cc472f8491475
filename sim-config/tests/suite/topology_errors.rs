//! What a topology file may not say, and where the message points.

use hsmsim_sim_config::{ConfigError, Topology};

use crate::assert_refused;

/// Five good lines; what a case adds starts at line 6.
const HEAD: &str = "version = 1\nname = \"x\"\n[[region]]\ncode = \"eastus\"\ndevices = 2\n";

fn refused(added: &str, line: usize, parts: &[&str]) {
    let text = format!("{HEAD}{added}");
    assert_refused(Topology::parse(&text, "test.toml"), line, parts, &text);
}

fn refused_whole(text: &str, line: usize, parts: &[&str]) {
    assert_refused(Topology::parse(text, "test.toml"), line, parts, text);
}

#[test]
fn errors_show_file_line_and_column() {
    let text = format!("{HEAD}[ha]\n  recieve_timeout = \"5s\"\n");
    let error = Topology::parse(&text, "my/cluster.toml").expect_err("misspelt");
    assert_eq!(
        error.to_string(),
        "my/cluster.toml:7:3: unknown key \"recieve_timeout\" in [ha]; did you mean \
         \"receive_timeout\"?"
    );
}

#[test]
fn unknown_keys_are_refused_everywhere_with_the_nearest_known() {
    refused("[links]\nsame_stmp = {}\n", 7, &["\"same_stmp\"", "[links]", "\"same_stamp\""]);
    refused("[links]\nsame_stamp = { rt = \"1ms\" }\n", 7, &["\"rt\"", "\"rtt\""]);
    refused("[client]\nregoin = \"eastus\"\n", 7, &["\"regoin\"", "\"region\""]);
    refused("[provisioning]\nuserpin = \"1234\"\n", 7, &["\"user_pin\""]);
    refused("[state]\ndir = \"/x\"\n", 7, &["unknown key \"dir\""]);
    refused("[[device]]\nid = \"a\"\nregion = \"wus\"\nstmp = 1\n", 9, &["\"stamp\""]);
    refused("[[groups]]\nactiv = [\"eastus\"]\n", 7, &["\"active\""]);
    refused("[[link]]\nform = \"eastus\"\n", 7, &["\"from\""]);
    refused(
        "[[group]]\nlabel = \"g\"\nmembers = [{ device = \"hsm-eus-1\", partiton = 1 }]\n",
        8,
        &["\"partition\""],
    );
    refused_whole(
        "version = 1\ntimescale = 2\n",
        2,
        &["\"timescale\" in this file", "\"time_scale\""],
    );
    refused("[zzz]\n", 6, &["unknown key \"zzz\"", "known: version, name"]);
}

#[test]
fn toml_itself_is_checked_first() {
    refused("[ha]\nretry = \n", 7, &[]);
    refused("[ha]\nretry = true\nretry = false\n", 8, &["duplicate key"]);
}

#[test]
fn wrong_types_and_ranges_are_named() {
    refused("[ha]\nretry = \"yes\"\n", 7, &["\"ha.retry\" must be true or false", "string"]);
    refused("[ha]\nreceive_timeout = 20\n", 7, &["duration", "\"20s\"", "integer"]);
    refused("[ha]\nreceive_timeout = \"20\"\n", 7, &["\"20\" is not a duration"]);
    refused("[ha]\nheartbeat = \"0s\"\n", 7, &["longer than zero"]);
    refused("[ha]\nrecovery_attempts = -2\n", 7, &["from -1 to"]);
    refused("[ha]\npreset = \"lunar\"\n", 7, &["\"lunar\"", "\"luna\""]);
    refused("[ha]\nrecovery_mode = \"active\"\n", 7, &["cannot be \"active\""]);
    refused("[links]\njitter = \"uniform\"\n", 7, &["spread"]);
    refused("[links]\njitter = { dist = \"pareto\" }\n", 7, &["\"pareto\"", "known: none"]);
    refused("[links]\njitter = { dist = \"normal\", spread = \"1ms\" }\n", 7, &["\"spread\""]);
    refused("[links]\njitter = { dist = \"lognormal\", p99_over_p50 = 1 }\n", 7, &["above 1"]);
    refused("[[link]]\nfrom = \"eastus\"\nto = \"eastus2\"\n", 6, &["changes nothing"]);
    refused("[state]\ndirectory = \"var\"\n", 7, &["absolute"]);
    refused("[state]\nmode = \"0099\"\n", 7, &["octal"]);
    refused("[state]\nmode = \"0077\"\n", 7, &["owner"]);
    refused("[region]\n", 6, &[]);
    refused_whole("version = 2\n", 1, &["\"version\" must be from 1 to 1"]);
    for scale in ["0.5", "0", "-1", "1001", "nan", "\"2\""] {
        refused_whole(&format!("time_scale = {scale}\n{HEAD}"), 1, &["time_scale"]);
    }
    refused_whole("version = 1\nname = \"x\"\n[region]\n", 3, &["[[region]]"]);
}

#[test]
fn places_must_exist() {
    refused("[client]\nregion = \"eastu\"\n", 7, &["no region \"eastu\"", "\"eastus\""]);
    refused("[client]\nregion = \"eastus\"\nstamp = 3\n", 8, &["\"client.stamp\"", "1 to 2"]);
    refused("[client]\nregion = \"eastus2\"\nzone = 3\n", 8, &["1 to 2"]);
    refused("[[groups]]\nactive = [\"westus\"]\n", 7, &["no device in westus"]);
    refused("[[groups]]\nactive = [\"eastus/stamp4\"]\n", 7, &["\"stamp4\"", "stamp1 to stamp2"]);
    refused("[[link]]\nfrom = \"eastus\"\nto = \"nowhere\"\nrtt = \"1ms\"\n", 8, &["no region"]);
}

#[test]
fn devices_are_named_once_and_usably() {
    refused(
        "[[device]]\nid = \"hsm-eus-1\"\nregion = \"wus\"\n",
        6,
        &["\"hsm-eus-1\" is defined twice"],
    );
    refused("[[region]]\ncode = \"eus\"\ndevices = 1\n", 6, &["defined twice"]);
    refused("[[device]]\nid = \"a/b\"\nregion = \"wus\"\n", 7, &["cannot name a device"]);
    refused("[[device]]\nid = \"../x\"\nregion = \"wus\"\n", 7, &["cannot name a device"]);
    refused("[[device]]\nid = \"client\"\nregion = \"wus\"\n", 7, &["means something else"]);
    refused("[[device]]\nid = \"eus\"\nregion = \"wus\"\n", 7, &["means something else"]);
    refused(
        "[[device]]\nid = \"a\"\nregion = \"wus\"\nserial = 5\n[[device]]\nid = \"b\"\nregion = \"wus\"\nserial = 5\n",
        10,
        &["serial number 5 of \"a\""],
    );
    refused("[[device]]\nid = \"a\"\nregion = \"wus\"\npartitions = 101\n", 9, &["1 to 100"]);
    refused("[[device]]\nregion = \"wus\"\n", 6, &["[device] needs the key \"id\""]);
    refused_whole("version = 1\nname = \"x\"\n", 1, &["needs a device"]);
}

#[test]
fn groups_hold_what_exists_and_hold_it_once() {
    let group = |label: &str, members: &str| {
        format!("[[group]]\nlabel = \"{label}\"\nmembers = [{members}]\n")
    };
    let one = "{ device = \"hsm-eus-1\", partition = 0 }";
    let two = "{ device = \"hsm-eus-2\", partition = 0 }";
    refused(
        &group("g", "{ device = \"hsm-eus-3\", partition = 0 }"),
        8,
        &["no device \"hsm-eus-3\"", "did you mean \"hsm-eus-"],
    );
    refused(&group("g", "{ device = \"hsm-eus-1\", partition = 10 }"), 8, &["from 0 to 9"]);
    refused(&group("g", ""), 6, &["needs a member"]);
    refused(
        &group("g", &format!("{one}, {{ device = \"hsm-eus-1\", partition = 1 }}")),
        6,
        &["two members on hsm-eus-1"],
    );
    refused(
        &(group("a", one) + &group("b", one)),
        9,
        &["partition 0 of hsm-eus-1 is used twice", "\"a\" and by \"b\""],
    );
    refused(&(group("a", one) + &group("a", two)), 9, &["group \"a\" is defined twice"]);
    let standby = "{ device = \"hsm-eus-1\", partition = 0, role = \"standby\" }";
    refused(&group("g", standby), 6, &["primary", "must be active"]);
    let fed = "{ device = \"hsm-eus-1\", partition = 0, replication = \"async\" }";
    refused(&group("g", fed), 6, &["primary", "synchronous"]);
    refused(&group("my group", one), 6, &["no blanks", "token_label"]);
    refused(&group("eastus", one), 6, &["is a region"]);
    refused(&group(&"x".repeat(33), one), 6, &["1 to 32 bytes", "has 33"]);
    refused("[[groups]]\nlabel = \"g\"\nactive = [\"eastus\"]\n", 7, &["{n}"]);
    refused("[[groups]]\ncount = 11\nactive = [\"eastus\"]\n", 6, &["partition 10", "lacks"]);
    refused(
        "[[groups]]\nactive = [\"eastus\"]\nstandby = [\"eastus/stamp2\"]\n",
        6,
        &["two members"],
    );
    refused("[[groups]]\nactive = []\n", 6, &["needs a member"]);
}

#[test]
fn provisioning_names_groups_that_exist() {
    refused(
        "[provisioning]\ngroups = [\"hsmsim-10\"]\n",
        7,
        &["no group \"hsmsim-10\"", "did you mean"],
    );
    refused("[provisioning]\ngroups = \"some\"\n", 7, &["cannot be \"some\""]);
    refused("[provisioning]\nuser_pin = 12345678\n", 7, &["must be a string"]);
    refused("[provisioning]\nuser_pin = \"\"\n", 7, &["1 to 255"]);
}

#[test]
fn a_refused_pin_is_not_repeated() {
    let pin = "9".repeat(300);
    let text = format!("{HEAD}[provisioning]\nuser_pin = \"{pin}\"\n");
    let error = Topology::parse(&text, "t").expect_err("too long");
    assert!(!error.to_string().contains("999"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let missing = |e: Result<Topology, ConfigError>| e.expect_err("missing").to_string();
    let message = missing(Topology::resolve("no/such.toml"));
    assert!(message.starts_with("no/such.toml: cannot be read"), "{message}");
    assert_eq!(
        missing(Topology::resolve("ha-rd")),
        "there is no topology \"ha-rd\"; did you mean \"ha-dr\"?"
    );
}

#[test]
fn paths_in_a_file_start_at_its_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cluster.toml");
    let text = HEAD.replacen("name", "profile = \"mine.toml\"\nname", 1);
    std::fs::write(&path, text).expect("written");
    let topology = Topology::load(&path).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(topology.profile, directory.path().join("mine.toml").display().to_string());
}

#[test]
fn no_text_makes_the_reader_panic() {
    let whole = Topology::shipped_text("ha-dr-async").unwrap_or_default();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let _ = Topology::parse(&whole[..end], "cut");
    }
    for byte in 0..whole.len() {
        for other in ['[', '"', '=', '9', '\n', '-', 'µ'] {
            if whole.is_char_boundary(byte) && whole.is_char_boundary(byte + 1) {
                let text = format!("{}{other}{}", &whole[..byte], &whole[byte + 1..]);
                let _ = Topology::parse(&text, "changed");
            }
        }
    }
}

#[test]
fn the_ha_log_needs_a_folder_that_is_the_same_for_every_process() {
    refused("[ha]\nlog = \"logs\"\n", 7, &["\"ha.log\" must be an absolute path"]);
    refused("[ha]\nlog = \"/logs\"\nlog_length = 0\n", 8, &["log_length"]);
    refused("[ha]\nlog_lenght = 100\n", 7, &["\"log_length\""]);
}
