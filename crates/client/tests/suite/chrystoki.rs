//! A client over the configuration of a Luna client.

use std::{fs, time::Duration};

use tempfile::TempDir;

use crate::world::World;

const TOPOLOGY: &str = r#"
version = 1
name = "as in production"
[[device]]
id = "hsm-a"
region = "eastus"
stamp = 1
serials = [154438865287, 154438865288]
[[device]]
id = "hsm-b"
region = "eastus"
stamp = 2
serials = [1238700701509, 1238700701510]
[chrystoki]
path = "Chrystoki.conf"
[provisioning]
groups = "all"
"#;

/// The client's file; `HAONLY` and `LOG` are filled in.
const CLIENT: &str = "
LunaSA Client = {
   ReceiveTimeout = 5000;
   ServerName00 = 10.0.0.4;
}
VirtualToken = {
   VirtualToken00Label = payments;
   VirtualToken00SN = 1154438865287;
   VirtualToken00Members = 154438865287,1238700701509;
   VirtualToken01Label = code signing;
   VirtualToken01SN = 11238700701510;
   VirtualToken01Members = 1238700701510,154438865288;
   VirtualTokenActiveRecovery = activeEnhanced;
}
HAConfiguration = {
   HAOnly = HAONLY;
   haLogPath = LOG;
   reconnAtt = -1;
   AutoReconnectInterval = 90;
}
";

fn world(ha_only: &str) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().display().to_string();
    let file = folder.path().join("mine.toml");
    fs::write(&file, TOPOLOGY).unwrap();
    let client = CLIENT.replace("HAONLY", ha_only).replace("LOG", &log);
    fs::write(folder.path().join("Chrystoki.conf"), client).unwrap();
    (World::new(file.to_str().unwrap()), folder)
}

/// Label and serial number of each token.
fn tokens(world: &World) -> Vec<(String, String)> {
    let client = &world.client;
    let token = |slot| client.run(client.token_info(slot)).unwrap();
    let text = |label: Vec<u8>| String::from_utf8(label).unwrap().trim_end().to_owned();
    let tokens = client.slots(true).into_iter().map(token);
    tokens.map(|token| (text(token.label), token.serial)).collect()
}

fn states(world: &World) -> Vec<(String, bool)> {
    let state = world.client.run(world.client.ha_state(world.slot)).unwrap();
    state.members.into_iter().map(|(serial, status)| (serial, status.0 == 0)).collect()
}

fn pair(label: &str, serial: &str) -> (String, String) {
    (label.to_owned(), serial.to_owned())
}

#[test]
fn groups_slots_timers_and_recovery_are_those_of_the_file() {
    let (world, folder) = world("1");
    let groups = [pair("payments", "1154438865287"), pair("code signing", "11238700701510")];
    assert_eq!(tokens(&world), groups);
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    assert_eq!(world.holdings(0), world.holdings(1));
    // ReceiveTimeout is five seconds.
    world.fault("device.power_loss hsm-a for=1s");
    let (_, time) = world.timed(|world| world.sign(session, key).unwrap());
    assert!((5.0..6.0).contains(&time.as_secs_f64()), "{time:?}");
    let serials = ["154438865287", "1238700701509"].map(str::to_owned);
    let expect = |up: [bool; 2]| serials.clone().into_iter().zip(up).collect::<Vec<_>>();
    assert_eq!(states(&world), expect([false, true]));
    // Recovery is on, each ninety seconds.
    world.pass(Duration::from_secs(80));
    world.sign(session, key).unwrap();
    assert_eq!(states(&world), expect([false, true]));
    world.pass(Duration::from_secs(11));
    world.sign(session, key).unwrap();
    assert_eq!(states(&world), expect([true, true]));
    let log = fs::read_to_string(folder.path().join("haErrorLog.txt")).unwrap();
    assert!(log.contains("HA group: 1154438865287 dropped member: 154438865287"), "{log}");
}

#[test]
fn recovery_is_enhanced_as_the_file_says() {
    let (world, _folder) = world("1");
    let session = world.officer();
    let (_, key) = world.pair(session, "k");
    world.fault("region.loss eastus for=10s");
    world.sign(session, key).unwrap_err();
    world.pass(Duration::from_secs(300));
    world.sign(session, key).unwrap();
}

#[test]
fn without_ha_only_members_have_slots_before_the_groups() {
    let (world, _folder) = world("0");
    let groups = [pair("payments", "1154438865287"), pair("code signing", "11238700701510")];
    let members = [
        pair("payments", "154438865287"),
        pair("payments", "1238700701509"),
        pair("code signing", "1238700701510"),
        pair("code signing", "154438865288"),
    ];
    assert_eq!(tokens(&world), [&members[..], &groups].concat());
}
