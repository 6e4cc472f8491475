//! A Luna client's configuration in the place of a topology's groups.

use std::path::Path;
use std::time::Duration;

use hsmsim_sim_config::{
    ConfigError, ConnectBy, RecoveryAttempts, RecoveryMode, Role, Severity, Topology, check,
};
use tempfile::TempDir;

use crate::assert_refused;

/// As the installer and LunaCM leave it, with two groups.
const CLIENT: &str = "\
Chrystoki2 = {
   LibUNIX64 = /usr/safenet/lunaclient/lib/libCryptoki2_64.so;
}

Luna = {
  DefaultTimeOut = 500000;
  PEDTimeout1 = 100000;
  PEDTimeout2 = 200000;
  PEDTimeout3 = 10000;
  KeypairGenTimeOut = 2700000;
  CloningCommandTimeOut = 300000;
  CommandTimeOutPedSet = 720000;
}

CardReader = {
  RemoteCommand = 1;
  LunaG5Slots = 0;
}

Misc = {
  PE1746Enabled = 0;
  ToolsDir = /usr/safenet/lunaclient/bin;
}
LunaSA Client = {
   ReceiveTimeout = 5000;
   SSLConfigFile = /usr/safenet/lunaclient/bin/openssl.cnf;
   ClientPrivKeyFile = /usr/safenet/lunaclient/cert/client/app1Key.pem;
   ClientCertFile = /usr/safenet/lunaclient/cert/client/app1.pem;
   ServerCAFile = /usr/safenet/lunaclient/cert/server/CAFile.pem;
   NetClient = 1;
   TCPKeepAlive = 1;
   ServerName00 = 10.0.0.4;
   ServerPort00 = 1792;
   ServerHtl00 = 0;
   ServerName01 = hsm-far.example;
   ServerPort01 = 1792;
   ServerHtl01 = ;
}

VirtualToken = {
   VirtualToken00Label = payments;
   VirtualToken00SN = 1154438865287;
   VirtualToken00Members = 154438865287,1238700701509;
   VirtualToken01Label = code signing;
   VirtualToken01SN = 11238700701510;
   VirtualToken01Members = 1238700701510, 154438865288;
   VirtualTokenActiveRecovery = activeEnhanced;
}

HASynchronize = {
   payments = 1;
   code signing = 0;
   retired = 1;
}

HAConfiguration = {
   HAOnly = 1;
   haLogPath = /var/log/luna;
   haLogStatus = enabled;
   logLen = 262144;
   reconnAtt = 500;
   AutoReconnectInterval = 90;
}
";

/// What a topology says beside it.
const DEVICES: &str = "\
version = 1
name = \"as in production\"
[[device]]
id = \"hsm-a\"
region = \"eastus\"
stamp = 1
serials = [154438865287, 154438865288]
[[device]]
id = \"hsm-b\"
region = \"eastus\"
stamp = 2
serials = [1238700701509, 1238700701510]
[chrystoki]
path = \"Chrystoki.conf\"
";

/// A folder with the two files.
fn folder(topology: &str, client: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.toml"), topology).unwrap();
    std::fs::write(folder.path().join("Chrystoki.conf"), client).unwrap();
    folder
}

fn load(folder: &TempDir) -> Result<Topology, ConfigError> {
    Topology::load(folder.path().join("mine.toml"))
}

/// The topology with lines added to it, over the client's file with `from` replaced by `to`.
fn with(added: &str, from: &str, to: &str) -> Result<Topology, ConfigError> {
    assert!(CLIENT.contains(from), "{from}");
    load(&folder(&format!("{DEVICES}{added}"), &CLIENT.replacen(from, to, 1)))
}

#[track_caller]
fn refused(from: &str, to: &str, line: usize, parts: &[&str]) {
    let result = with("", from, to);
    if let Err(error) = &result {
        assert!(error.file().ends_with("Chrystoki.conf"), "{error}");
    }
    assert_refused(result, line, parts, &CLIENT.replacen(from, to, 1));
}

/// The line, from 1, in which `text` stands in the client's file.
fn line(text: &str) -> usize {
    CLIENT[..CLIENT.find(text).unwrap()].matches('\n').count() + 1
}

#[test]
fn groups_and_settings_are_those_of_the_file() {
    let topology = load(&folder(DEVICES, CLIENT)).unwrap_or_else(|e| panic!("{e}"));
    let groups: Vec<_> = topology
        .groups
        .iter()
        .map(|group| {
            let members: Vec<_> =
                group.members.iter().map(|m| (m.device.as_str(), m.partition, m.role)).collect();
            (group.label.as_str(), group.token_label.as_str(), group.serial, members)
        })
        .collect();
    let active = Role::Active;
    assert_eq!(
        groups,
        [
            (
                "payments",
                "payments",
                Some(1154438865287),
                vec![("hsm-a", 0, active), ("hsm-b", 0, active)]
            ),
            (
                "code-signing",
                "code signing",
                Some(11238700701510),
                vec![("hsm-b", 1, active), ("hsm-a", 1, active)]
            ),
        ]
    );
    let ha = &topology.ha;
    assert_eq!(ha.receive_timeout, Duration::from_secs(5));
    assert_eq!((ha.ha_only, ha.recovery_mode), (true, RecoveryMode::ActiveEnhanced));
    assert_eq!(ha.recovery_attempts, RecoveryAttempts::AtMost(500));
    assert_eq!(ha.recovery_interval, Duration::from_secs(90));
    assert_eq!((ha.log.as_deref(), ha.log_length), (Some(Path::new("/var/log/luna")), 262_144));
    assert_eq!(topology.provisioning.groups, ["payments"]);
}

#[test]
fn keys_of_the_topology_win_and_name_standby_members() {
    let added = "standby = [1238700701509]\n[ha]\npreset = \"luna\"\nreceive_timeout = \"2s\"\n\
                 ha_only = false\n";
    let topology = with(added, "HAOnly = 1", "HAOnly = 1").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(topology.ha.receive_timeout, Duration::from_secs(2));
    assert!(!topology.ha.ha_only);
    assert_eq!(topology.ha.recovery_attempts, RecoveryAttempts::AtMost(500), "not the preset's");
    let roles: Vec<Role> = topology.groups[0].members.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::Active, Role::Standby]);
}

#[test]
fn what_the_file_leaves_out_is_as_on_a_luna() {
    let start = CLIENT.find("HAConfiguration").unwrap();
    let ha = with("", &CLIENT[start..], "").unwrap_or_else(|e| panic!("{e}")).ha;
    assert!(!ha.ha_only, "off unless the file turns it on");
    assert_eq!(ha.recovery_attempts, RecoveryAttempts::Off);
    assert_eq!((ha.log, ha.recovery_interval), (None, Duration::from_secs(60)));
    let endless = with("", "reconnAtt = 500", "reconnAtt = -1").unwrap();
    assert_eq!(endless.ha.recovery_attempts, RecoveryAttempts::Unlimited);
    let silent = with("", "haLogStatus = enabled", "haLogStatus = disabled").unwrap();
    assert_eq!(silent.ha.log, None);
    let leaves = with("", "HAOnly = 1;", "HAOnly = 1;\n   failover_on_deactivation = 1;").unwrap();
    assert!(leaves.ha.failover_on_deactivation && !ha.failover_on_deactivation);
}

#[test]
fn check_tells_what_means_nothing_here() {
    let topology = load(&folder(DEVICES, CLIENT)).unwrap_or_else(|e| panic!("{e}"));
    let findings = check(&topology);
    let told = |rule: &str| {
        let found: Vec<_> = findings.iter().filter(|f| f.rule == rule).collect();
        assert_eq!(found.len(), 1, "{rule}: {findings:?}");
        (found[0].severity, found[0].message.clone())
    };
    let (severity, unused) = told("chrystoki-unused");
    assert_eq!(severity, Severity::Info);
    for key in [
        "Chrystoki2.LibUNIX64",
        "Luna.DefaultTimeOut",
        "LunaSA Client.ServerPort01",
        "LunaSA Client.ServerHtl01",
        "HASynchronize.retired",
    ] {
        assert!(unused.contains(key), "{key}: {unused}");
    }
    assert!(!unused.contains("ReceiveTimeout") && !unused.contains("HAOnly"), "{unused}");
    let (severity, message) = told("chrystoki-sync");
    assert_eq!(severity, Severity::Warning);
    assert!(message.contains("code signing"), "{message}");
    assert!(told("chrystoki").1.contains("Chrystoki.conf"));
}

#[test]
fn unknown_names_are_refused_with_the_nearest_and_can_be_passed_over() {
    let at = line("HAOnly");
    refused("HAOnly", "HAonly", at, &["\"HAonly\" in HAConfiguration", "mean \"HAOnly\""]);
    let at = line("ReceiveTimeout");
    refused("ReceiveTimeout", "RecieveTimeout", at, &["mean \"ReceiveTimeout\""]);
    refused("Misc = {", "Mics = {", line("Misc"), &["unknown section \"Mics\"", "mean \"Misc\""]);
    refused(
        "ToolsDir",
        "NewInThisRelease",
        line("ToolsDir"),
        &["ignore = [\"Misc.NewInThisRelease\"]"],
    );
    refused("VirtualToken00Label", "VirtualToken0Label", line("VirtualToken00Label"), &["Label"]);
    let added = "ignore = [\"Misc.NewInThisRelease\", \"CardReader\"]\n";
    let topology = with(added, "ToolsDir", "NewInThisRelease").unwrap_or_else(|e| panic!("{e}"));
    let unused = topology.chrystoki.unwrap().unused;
    assert!(unused.contains(&"Misc.NewInThisRelease".to_owned()), "{unused:?}");
    assert!(unused.contains(&"CardReader".to_owned()), "{unused:?}");
    // Published files write what means nothing here in other cases too.
    with("", "CommandTimeOutPedSet", "CommandTimeoutPedSet").unwrap();
}

#[test]
fn the_form_is_checked_with_line_and_column() {
    refused("  PEDTimeout1 =", "\tPEDTimeout1 =", line("PEDTimeout1"), &["a tab"]);
    refused("PEDTimeout1 = 100000;", "PEDTimeout1 = 100000", line("PEDTimeout1"), &["\";\""]);
    refused("PEDTimeout1 = 100000;", "PEDTimeout1;", line("PEDTimeout1"), &["neither"]);
    refused("PEDTimeout2", "PEDTimeout1", line("PEDTimeout2"), &["set twice", "line 7"]);
    refused("Chrystoki2 = {\n", "\n", 2, &["outside of any section"]);
    refused("}\n\nLuna", "\n\nLuna", line("Luna = {"), &["before Chrystoki2 has ended"]);
    refused("Misc = {", "Luna = {", line("Misc"), &["begins twice", "line 5"]);
    refused("}\n\nCardReader", "}\n}\nCardReader", line("CardReader") - 1, &["ends no section"]);
    refused("Chrystoki2 = {", "[Chrystoki2]", 1, &["crystoki.ini"]);
    let end = "AutoReconnectInterval = 90;\n}\n";
    let open = "AutoReconnectInterval = 90;\n";
    refused(end, open, line("HAConfiguration"), &["HAConfiguration does not end"]);
    let error = with("", "  PEDTimeout1", "  \tPEDTimeout1").unwrap_err();
    assert_eq!(error.column(), 3);
    // Comments, other line ends, other indents.
    with("", "Luna = {", "# a comment = {\r\n      # another\r\nLuna={\r").unwrap();
}

#[test]
fn values_are_checked() {
    refused(
        "= 5000;",
        "= 5s;",
        line("ReceiveTimeout"),
        &["ReceiveTimeout must be from 1", "\"5s\""],
    );
    refused("HAOnly = 1", "HAOnly = yes", line("HAOnly"), &["HAOnly must be from 0 to 1"]);
    refused("= 500;", "= -2;", line("reconnAtt"), &["reconnAtt"]);
    refused("= /var/log/luna", "= logs", line("haLogPath"), &["absolute path"]);
    refused("= enabled", "= on", line("haLogStatus"), &["haLogStatus cannot be \"on\""]);
    refused(
        "activeEnhanced",
        "enhanced",
        line("VirtualTokenActiveRecovery"),
        &["cannot be \"enhanced\"", "activeEnhanced"],
    );
    refused("154438865287,", "154438865287;", line("VirtualToken00Members"), &["serial number"]);
    refused(
        "1154438865287",
        "11238700701510",
        line("VirtualToken01SN"),
        &["\"payments\" has this"],
    );
}

#[test]
fn members_are_partitions_of_the_topology() {
    let members = line("VirtualToken00Members");
    refused(
        "154438865287,",
        "154438865289,",
        members,
        &["\"payments\"", "serial number 154438865289", "\"serials\" in a [[device]]"],
    );
    refused(
        "1238700701510, 154438865288",
        "154438865287",
        line("VirtualToken01Members"),
        &["twice"],
    );
    refused("154438865287,1", "154438865288,154438865287,1", members, &["two members on hsm-a"]);
}

#[test]
fn a_file_without_groups_is_refused() {
    let start = CLIENT.find("VirtualToken = {").unwrap();
    let end = CLIENT.find("HASynchronize").unwrap();
    let error = with("", &CLIENT[start..end], "").unwrap_err();
    assert!(error.message().contains("no HA group"), "{error}");
    refused(
        "   VirtualToken01Members = 1238700701510, 154438865288;\n",
        "",
        line("VirtualToken = {"),
        &["VirtualToken01Members is missing"],
    );
}

#[test]
fn the_section_is_checked_like_every_other() {
    for (topology, at, part) in [
        (DEVICES.replace("path", "file"), 14, "known: path"),
        (DEVICES.replace("path = \"Chrystoki.conf\"\n", ""), 13, "needs \"path\""),
        (DEVICES.replace("Chrystoki.conf", "absent.conf"), 13, "cannot be read"),
        (format!("{DEVICES}standby = [77]\n"), 15, "77 is no member"),
        (format!("{DEVICES}[[groups]]\nactive = [\"eastus\"]\n"), 13, "not from both"),
        (format!("{DEVICES}standby = [154438865287]\n"), 0, ""),
    ] {
        let error = load(&folder(&topology, CLIENT)).unwrap_err();
        if at > 0 {
            assert_eq!(error.line(), at, "{error}");
        }
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn serial_numbers_of_partitions_are_unique_and_mark_the_device() {
    let head = "version = 1\nname = \"x\"\n";
    let device =
        |id: &str, rest: &str| format!("[[device]]\nid = \"{id}\"\nregion = \"eastus\"\n{rest}\n");
    let plain = Topology::parse(&format!("{head}{}", device("a", "")), "x.toml").unwrap();
    let derived = plain.devices[0].partition_serial(3);
    let given = format!("{head}{}", device("a", "serials = [5, 6]"));
    let given = Topology::parse(&given, "x.toml").unwrap();
    let serials = [0, 1, 3].map(|index| given.devices[0].partition_serial(index));
    assert_eq!(serials, [5, 6, derived]);
    assert_eq!(given.devices[0].partition_of_serial(6), Some(1));
    assert_ne!(given.fingerprint_devices(), plain.fingerprint_devices());
    for devices in [
        device("a", "serials = [5, 5]"),
        device("a", "serials = [5]") + &device("b", "serials = [5]"),
        device("a", "") + &device("b", &format!("serials = [{derived}]")),
        device("a", "partitions = 1\nserials = [5, 6]"),
        device("a", "serials = [1000000000000000]"),
    ] {
        let text = format!("{head}{devices}");
        assert!(Topology::parse(&text, "x.toml").is_err(), "{text}");
    }
}

#[test]
fn a_topology_that_is_copied_elsewhere_still_finds_its_files() {
    let folder = folder(&format!("profile = \"p/a.toml\"\n{DEVICES}"), CLIENT);
    let file = folder.path().join("mine.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let anchored = Topology::anchored(&text, &file).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("hsmsim.toml");
    std::fs::write(&copy, &anchored).unwrap();
    assert_eq!(Topology::load(copy).unwrap(), Topology::load(file).unwrap());
    let single = Topology::shipped_text("single").unwrap();
    assert_eq!(Topology::anchored(single, "single.toml").unwrap(), single);
}

#[test]
fn keep_alive_and_the_names_of_the_devices_are_the_file_s() {
    let read = |client: &str| {
        let topology = load(&folder(DEVICES, client)).unwrap_or_else(|e| panic!("{e}"));
        (topology.ha.keep_alive, topology.ha.connect_by)
    };
    let two_hours = Some(Duration::from_secs(7_200));
    // One name among addresses is enough to need a name service.
    assert_eq!(read(CLIENT), (two_hours, ConnectBy::Name));
    let numbers = CLIENT.replace("hsm-far.example", "10.1.0.4");
    assert_eq!(read(&numbers), (two_hours, ConnectBy::Address));
    let silent = numbers.replace("TCPKeepAlive = 1", "TCPKeepAlive = 0");
    assert_eq!(read(&silent), (None, ConnectBy::Address));
}
