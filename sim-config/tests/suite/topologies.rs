//! Shipped topologies, what the short forms expand to, and the links between places.

use std::collections::BTreeSet;
use std::time::Duration;

use hsmsim_sim_config::{
    Cloud, ConnectBy, DeletePolicy, HaPreset, HaSettings, Jitter, OwedCopies, Place,
    RecoveryAttempts, RecoveryMode, RegionCode, Replication, Role, RoundTripSource, Topology,
};

use crate::{shipped, topology};

const MS: Duration = Duration::from_millis(1);

fn place(region: &str, stamp: u8) -> Place {
    let region: RegionCode = region.parse().unwrap_or_else(|e| panic!("{e}"));
    Place::new(region, stamp)
}

#[test]
fn every_shipped_topology_is_good_and_named_after_itself() {
    let names = ["single", "ha-pair", "ha-dr", "ha-dr-async", "global", "instant", "timed-locks"];
    assert_eq!(Topology::shipped_names(), names);
    for name in names {
        let t = shipped(name);
        let profile = if name == "timed-locks" { name } else { "open" };
        assert_eq!((t.name.as_str(), t.profile.as_str()), (name, profile));
        assert_eq!(Topology::resolve(name).as_ref(), Ok(&t));
        assert!(!t.description.is_empty());
        let serials: BTreeSet<u64> = t.devices.iter().map(|d| d.serial).collect();
        assert_eq!(serials.len(), t.devices.len(), "{name}");
        assert_eq!(t.provisioning.groups, [t.groups[0].label.clone()], "only the first group");
    }
}

#[test]
fn ha_dr_is_a_home_pair_and_a_far_pair_in_ten_groups() {
    let t = shipped("ha-dr");
    let devices: Vec<_> =
        t.devices.iter().map(|d| (d.id.as_str(), d.place.to_string(), d.partitions)).collect();
    assert_eq!(
        devices,
        [
            ("hsm-eus-1", "eastus/stamp1".to_owned(), 10),
            ("hsm-eus-2", "eastus/stamp2".to_owned(), 10),
            ("hsm-eus2-1", "eastus2/stamp1".to_owned(), 10),
            ("hsm-eus2-2", "eastus2/stamp2".to_owned(), 10),
        ]
    );
    assert_eq!(t.groups.len(), 10);
    for (n, group) in t.groups.iter().enumerate() {
        assert_eq!(group.label, format!("hsmsim-{n}"));
        assert_eq!((&group.token_label, &group.domain), (&group.label, &group.label));
        assert!(group.has_ha());
        let members: Vec<_> =
            group.members.iter().map(|m| (m.device.as_str(), m.role, m.replication)).collect();
        assert_eq!(
            members,
            [
                ("hsm-eus-1", Role::Active, Replication::Sync),
                ("hsm-eus-2", Role::Active, Replication::Sync),
                ("hsm-eus2-1", Role::Standby, Replication::Sync),
                ("hsm-eus2-2", Role::Standby, Replication::Sync),
            ]
        );
        assert!(group.members.iter().all(|m| usize::from(m.partition) == n));
    }
    assert_eq!(t.client, place("eastus", 1));
    assert_eq!(t.provisioning.user_pin.reveal(), "12345678");
    assert_eq!(t.provisioning.so_pin.reveal(), "87654321");
    assert_eq!(t.ha, HaSettings::default());
}

#[test]
fn ha_dr_async_differs_from_ha_dr_in_the_far_replication_only() {
    let mut t = shipped("ha-dr-async");
    let sync = shipped("ha-dr");
    for member in t.groups.iter_mut().flat_map(|g| &mut g.members) {
        let far = member.device.as_str().starts_with("hsm-eus2-");
        assert_eq!(member.replication == Replication::Async, far);
        member.replication = Replication::Sync;
    }
    assert_eq!(t.groups, sync.groups);
    assert_eq!(t.fingerprint_devices(), sync.fingerprint_devices());
}

#[test]
fn single_has_slots_without_ha() {
    let t = shipped("single");
    assert_eq!((t.devices.len(), t.groups.len()), (1, 10));
    assert!(t.groups.iter().all(|g| !g.has_ha() && g.members.len() == 1));
}

#[test]
fn instant_is_the_pair_without_any_time() {
    let (instant, pair) = (shipped("instant"), shipped("ha-pair"));
    assert_eq!(instant.devices, pair.devices);
    assert_eq!(instant.groups, pair.groups);
    for from in &instant.devices {
        for to in &instant.devices {
            let trip = instant.round_trip(from.place, to.place);
            assert_eq!((trip.rtt, trip.jitter), (Duration::ZERO, [Jitter::None; 2]));
        }
    }
    assert_eq!(instant.round_trip(place("eastus", 1), place("japaneast", 1)).rtt, Duration::ZERO);
}

#[test]
fn global_uses_every_region_and_keeps_the_clouds_apart() {
    let t = shipped("global");
    assert_eq!(t.devices.len(), 40);
    assert_eq!(t.devices.iter().map(|d| u32::from(d.partitions)).sum::<u32>(), 400);
    let regions: BTreeSet<RegionCode> = t.devices.iter().map(|d| d.place.region).collect();
    assert_eq!(regions.len(), RegionCode::all().len());
    for region in RegionCode::all() {
        let stamps: BTreeSet<u8> =
            t.devices.iter().filter(|d| d.place.region == region).map(|d| d.place.stamp).collect();
        assert_eq!(stamps, BTreeSet::from([1, 2]), "{region}");
    }
    let used: BTreeSet<(&str, u8)> = t
        .groups
        .iter()
        .flat_map(|g| &g.members)
        .map(|m| (m.device.as_str(), m.partition))
        .collect();
    assert_eq!(used.len(), 400, "every partition is in exactly one group");
    for group in &t.groups {
        assert!(group.members.len() <= 16, "{}", group.label);
        let gov = |m| t.place_of(m).map(|p| p.region.region().cloud) == Some(Cloud::UsGov);
        let in_gov = group.members.iter().filter(|m| gov(m)).count();
        assert!(in_gov == 0 || in_gov == group.members.len(), "{}", group.label);
    }
}

#[test]
fn the_smallest_file_is_a_whole_cluster() {
    let t = topology(
        "version = 1\nname = \"x\"\n[[region]]\ncode = \"uks\"\ndevices = 1\n[[region]]\ncode = \"ukw\"\ndevices = 2\n",
    );
    assert_eq!(t.client, place("uksouth", 1));
    assert_eq!(t.groups.len(), 10);
    let roles: Vec<_> = t.groups[3].members.iter().map(|m| (m.device.as_str(), m.role)).collect();
    assert_eq!(
        roles,
        [("hsm-uks-1", Role::Active), ("hsm-ukw-1", Role::Standby), ("hsm-ukw-2", Role::Standby)]
    );
}

#[test]
fn the_long_form_says_everything() {
    let t = topology(
        r#"
version = 1
name = "mine"
profile = "a790"
seed = 7
time_scale = 2.5

[client]
region = "southeastasia"
stamp = 2
zone = 3

[[device]]
id = "alpha"
region = "southeastasia"
stamp = 2
zone = 1
partitions = 20
serial = 154438

[[device]]
id = "beta"
region = "japaneast"

[[group]]
label = "tls"
token_label = "Front TLS"
domain = "shared"
members = [
    { device = "alpha", partition = 19 },
    { device = "beta", partition = 0, role = "standby", replication = "async" },
]

[provisioning]
groups = "all"
crypto_user_pin = "11112222"

[state]
directory = "/var/lib/hsmsim"
group = "hsm"
mode = "0770"
"#,
    );
    assert_eq!((t.profile.as_str(), t.seed, t.time_scale), ("a790", 7, 2.5));
    assert_eq!((t.client.stamp, t.client.zone), (2, Some(3)));
    let alpha = &t.devices[0];
    assert_eq!((alpha.serial, alpha.partitions, alpha.place.zone), (154_438, 20, Some(1)));
    assert_eq!(alpha.partition_serial(19), 154_438_020);
    let tls = &t.groups[0];
    assert_eq!((tls.token_label.as_str(), tls.domain.as_str()), ("Front TLS", "shared"));
    assert_eq!(tls.members[1].replication, Replication::Async);
    assert!(t.is_provisioned(tls));
    assert_eq!(t.provisioning.crypto_user_pin.as_ref().map(|p| p.reveal()), Some("11112222"));
    assert_eq!(t.state.mode, Some(0o770));
    assert_eq!(t.state.group.as_deref(), Some("hsm"));
}

#[test]
fn serial_numbers_follow_from_seed_and_name_alone() {
    let t = shipped("ha-dr");
    let serials: Vec<u64> = t.devices.iter().map(|d| d.serial).collect();
    assert_eq!(serials[0], shipped("single").devices[0].serial, "another topology, same device");
    assert!(serials.iter().all(|s| (100_000_000..1_000_000_000).contains(s)), "{serials:?}");
    // Written into state directories, so a change of the derivation must be noticed.
    assert_eq!(serials[0], SERIAL_OF_HSM_EUS_1_WITH_SEED_1);
    let text = Topology::shipped_text("ha-dr").unwrap_or_default();
    let other = topology(&format!("seed = 2\n{text}"));
    assert!(other.devices.iter().zip(&t.devices).all(|(a, b)| a.serial != b.serial));
}

const SERIAL_OF_HSM_EUS_1_WITH_SEED_1: u64 = 262_181_639;

#[test]
fn the_fingerprint_tells_another_set_of_devices_from_changed_times() {
    let base = shipped("ha-dr");
    let same = base.fingerprint_devices();
    let mut times = base.clone();
    times.ha.receive_timeout = MS;
    times.links.gateway_extra = MS;
    times.time_scale = 10.0;
    times.profile = "a790".to_owned();
    times.groups.truncate(1);
    times.devices.reverse();
    assert_eq!(times.fingerprint_devices(), same);
    let changed: [fn(&mut Topology); 5] = [
        |t| t.devices.truncate(3),
        |t| t.devices[1].serial += 1,
        |t| t.devices[1].partitions = 9,
        |t| t.devices[1].place.stamp = 1,
        |t| t.devices[1].id = hsmsim_sim_config::DeviceId::new("hsm-eus-9"),
    ];
    for change in changed {
        let mut t = base.clone();
        change(&mut t);
        assert_ne!(t.fingerprint_devices(), same);
    }
}

#[test]
fn pins_are_never_printed() {
    let printed = format!("{:?}", shipped("ha-dr"));
    assert!(!printed.contains("12345678") && !printed.contains("87654321"));
}

#[test]
fn each_way_of_a_link_takes_half_of_its_own_published_round_trip() {
    let t = shipped("ha-dr");
    let trip = t.round_trip(place("eastus", 1), place("eastus2", 2));
    assert_eq!(trip.one_way, [MS * 9 / 2, MS * 5]);
    assert_eq!((trip.rtt, trip.source), (MS * 19 / 2, RoundTripSource::Table));
    let back = t.round_trip(place("eastus2", 2), place("eastus", 1));
    assert_eq!(back.one_way, [MS * 5, MS * 9 / 2]);
    let same_stamp = t.round_trip(place("eastus", 1), place("eastus", 1));
    assert_eq!((same_stamp.rtt, same_stamp.source), (MS * 9 / 10, RoundTripSource::Default));
    let same_region = t.round_trip(place("eastus", 1), place("eastus", 2));
    assert_eq!(same_region.rtt, Duration::from_micros(1550));
    let gov = t.round_trip(place("usgovvirginia", 1), place("usgovtexas", 1));
    assert_eq!((gov.rtt, gov.source), (MS * 73 / 2, RoundTripSource::StandIn));
    let mixed = t.round_trip(place("usgovvirginia", 1), place("eastus", 1));
    assert_eq!(mixed.source, RoundTripSource::Estimate);
}

const PAIR: &str = "version = 1\nname = \"x\"\n[[region]]\ncode = \"eastus\"\ndevices = 2\n[[region]]\ncode = \"eastus2\"\ndevices = 2\n";

#[test]
fn the_file_overrides_any_pair_of_places() {
    let t = topology(&format!(
        r#"{PAIR}
[links]
jitter = "none"
same_stamp = {{ rtt = "0.5ms" }}
same_region = {{ jitter = {{ dist = "normal", sd = "0.1ms" }} }}
cross_region = {{ gateway_extra = "2ms", jitter = {{ dist = "uniform", spread = "3ms" }} }}

[[link]]
from = "eastus"
to = "eastus2"
rtt = "30ms"

[[link]]
from = "eastus/stamp1"
to = "eastus2/stamp2"
both_ways = false
rtt = "50ms"
jitter = {{ dist = "lognormal", p99_over_p50 = 1.5 }}
"#
    ));
    let trip = |a, b| t.round_trip(a, b);
    let (e1, e2) = (place("eastus", 1), place("eastus", 2));
    let (f1, f2) = (place("eastus2", 1), place("eastus2", 2));
    assert_eq!((trip(e1, e1).rtt, trip(e1, e1).jitter[0]), (MS / 2, Jitter::None));
    assert_eq!(trip(e1, e2).jitter[1], Jitter::Normal { sd: MS / 10 });
    assert_eq!((trip(e2, f1).rtt, trip(e2, f1).source), (MS * 30, RoundTripSource::File));
    assert_eq!(trip(f1, e2).rtt, MS * 30, "both ways unless told otherwise");
    let one_sided = trip(e1, f2);
    assert_eq!(one_sided.one_way, [MS * 25, MS * 15], "the later rule, and only its own way");
    assert_eq!(one_sided.jitter[0], Jitter::LogNormal { p99_over_p50: 1.5 });
    assert_eq!(one_sided.jitter[1], Jitter::Uniform { spread: MS * 3 });
    // No rule for this pair: table and gateways.
    assert_eq!(trip(e1, place("westus", 1)).rtt, MS * 145 / 2 + MS * 2);
}

#[test]
fn a_log_normal_tail_is_where_the_file_puts_it() {
    let sigma = Jitter::log_normal_sigma(2.0);
    // The 99 % quantile of the standard normal distribution.
    assert!(((sigma * 2.326_347_87).exp() - 2.0).abs() < 1e-6);
}

#[test]
fn presets_set_what_their_table_says_and_nothing_else() {
    let default = HaPreset::Default.settings();
    let seconds = Duration::from_secs;
    assert_eq!(default.receive_timeout, seconds(20));
    assert_eq!(default.connect_timeout, seconds(10));
    assert_eq!(default.heartbeat, seconds(2));
    assert_eq!(default.recovery_interval, seconds(60));
    assert_eq!(default.recovery_attempts, RecoveryAttempts::Off);
    assert_eq!(default.boot_time, seconds(60));
    assert_eq!(default.keep_alive, Some(seconds(7_200)));
    assert_eq!(default.connect_by, ConnectBy::Name);
    assert!(default.ha_only && default.retry && default.session_object_replication);
    assert_eq!((default.owed_copies, default.deletes), (OwedCopies::Durable, DeletePolicy::Replay));
    let luna = HaSettings {
        preset: HaPreset::Luna,
        owed_copies: OwedCopies::Process,
        deletes: DeletePolicy::Ignore,
        ..default.clone()
    };
    assert_eq!(HaPreset::Luna.settings(), luna);
    let basic =
        HaSettings { preset: HaPreset::LunaBasic, recovery_mode: RecoveryMode::Passive, ..luna };
    assert_eq!(HaPreset::LunaBasic.settings(), basic);
    let no_retry = HaSettings { preset: HaPreset::NoRetry, retry: false, ..default };
    assert_eq!(HaPreset::NoRetry.settings(), no_retry);
}

#[test]
fn keys_of_the_file_win_over_its_preset() {
    let t = topology(&format!(
        "{PAIR}[ha]\npreset = \"luna\"\ndeletes = \"replay\"\nrecovery_attempts = -1\nrecovery_mode = \"activeEnhanced\"\nreceive_timeout = \"5s\"\nha_only = false\nboot_time = \"0s\"\n"
    ));
    assert_eq!((t.ha.preset, t.ha.owed_copies), (HaPreset::Luna, OwedCopies::Process));
    assert_eq!((t.ha.deletes, t.ha.ha_only), (DeletePolicy::Replay, false));
    assert_eq!(t.ha.recovery_attempts, RecoveryAttempts::Unlimited);
    assert_eq!(t.ha.recovery_mode, RecoveryMode::ActiveEnhanced);
    assert_eq!((t.ha.receive_timeout, t.ha.boot_time), (Duration::from_secs(5), Duration::ZERO));
    let some = topology(&format!("{PAIR}[ha]\nrecovery_attempts = 500\n"));
    assert_eq!(some.ha.recovery_attempts, RecoveryAttempts::AtMost(500));
    let wire = |line: &str| topology(&format!("{PAIR}[ha]\n{line}\n")).ha;
    assert_eq!(wire("keep_alive = \"off\"").keep_alive, None);
    assert_eq!(wire("keep_alive = \"2m\"").keep_alive, Some(Duration::from_secs(120)));
    assert_eq!(wire("connect_by = \"address\"").connect_by, ConnectBy::Address);
}

#[test]
fn call_costs_follow_the_members() {
    let t = shipped("ha-dr");
    let costs = t.call_costs(&t.groups[0], t.client);
    let cost = |f: &str| {
        costs.iter().find(|c| c.function == f).map(|c| c.expected).unwrap_or_else(|| panic!("{f}"))
    };
    let us = Duration::from_micros;
    assert_eq!(cost("C_Sign"), us(900));
    assert_eq!(cost("C_Login"), us(900) + us(1550));
    assert_eq!(cost("C_SignInit, from then on"), Duration::ZERO);
    assert_eq!(cost("C_GenerateKeyPair, token"), us(900) + us(9500));
    assert_eq!(cost("C_GenerateKeyPair, session"), us(900) + us(1550));
    let t = shipped("ha-dr-async");
    let costs = t.call_costs(&t.groups[0], t.client);
    let token = costs.iter().find(|c| c.function == "C_GenerateKeyPair, token");
    assert_eq!(token.map(|c| c.expected), Some(us(2450)), "the far pair is not waited for");
}

#[test]
fn the_ha_log_is_off_unless_a_folder_is_named() {
    let head = "version = 1\nname = \"x\"\n[[region]]\ncode = \"eastus\"\ndevices = 2\n";
    let ha = |lines: &str| topology(&format!("{head}[ha]\n{lines}\n")).ha;
    assert_eq!((ha("").log, ha("").log_length), (None, 100_000_000));
    let given = ha("log = \"/var/log/x\"\nlog_length = 4096");
    assert_eq!((given.log, given.log_length), (Some("/var/log/x".into()), 4096));
}
