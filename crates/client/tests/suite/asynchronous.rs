//! Members that the devices feed by themselves. In `ha-dr-async` the home pair (members 0 and 1)
//! feeds the far pair (2 and 3).

use std::time::Duration;

use hsmsim_sim_config::Topology;
use hsmsim_types::{Attribute, ObjectHandle, SessionHandle, Template, ck::*};

use crate::world::{Events, World, code};

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any message between the two regions takes.
const SOON: Duration = Duration::from_millis(100);

fn world() -> (World, Events) {
    World::new("ha-dr-async").recorded()
}

impl World {
    fn destroy(&self, session: SessionHandle, object: ObjectHandle) {
        self.client.run(self.client.destroy_object(session, object)).unwrap();
    }

    fn rename(&self, session: SessionHandle, object: ObjectHandle, label: &str) {
        let label = Template(vec![Attribute::bytes(CKA_LABEL, label.as_bytes())]);
        self.client.run(self.client.set_attributes(session, object, label)).unwrap();
    }

    /// Whether every member holds the same objects in the same state.
    fn is_whole(&self) -> bool {
        !self.cluster.needs_sync(&self.cluster.topology().groups[0]).unwrap()
    }

    /// What the home pair and the far pair hold.
    fn counts(&self) -> [usize; 4] {
        [0, 1, 2, 3].map(|member| self.holdings(member).len())
    }
}

#[test]
fn a_new_key_waits_for_no_asynchronous_member() {
    let made = |topology: &str| {
        let world = World::new(topology);
        let session = world.officer();
        // The first one opens the sessions that the second uses.
        world.pair(session, "first");
        world.timed(|world| world.pair(session, "k")).1
    };
    let topology = Topology::shipped("ha-dr").unwrap();
    let far = topology.round_trip(topology.client, topology.devices[2].place);
    let (waits, fed) = (made("ha-dr"), made("ha-dr-async"));
    assert!(waits > far.one_way[0] + far.one_way[1] && fed < waits / 2, "{waits:?} {fed:?}");
}

#[test]
fn what_is_made_at_home_arrives_after_the_link_s_time_and_not_before() {
    let (world, events) = world();
    world.fault("repl.lag eastus:eastus2 extra=5s");
    let session = world.officer();
    world.pair(session, "k");
    world.pass(5 * SECOND - SOON);
    assert_eq!(world.counts(), [2, 2, 0, 0]);
    world.pass(2 * SOON);
    assert_eq!(world.counts(), [2, 2, 2, 2]);
    assert!(world.is_whole());
    assert_eq!(events.count("replication_applied", "hsm-eus2-1"), 2);
}

#[test]
fn changes_and_deletions_arrive_in_their_order() {
    let (world, _) = world();
    let session = world.officer();
    world.fault("repl.pause eastus:eastus2");
    let (public, private) = world.pair(session, "k");
    world.rename(session, private, "renamed");
    world.destroy(session, public);
    world.pass(60 * SECOND);
    assert_eq!(world.counts(), [1, 1, 0, 0]);
    world.heal_all();
    world.pass(SOON);
    assert_eq!(world.counts(), [1, 1, 1, 1]);
    assert!(world.is_whole());
    world.fault("region.loss eastus");
    let other = world.another();
    assert_eq!(other.find(other.officer(), "renamed").len(), 1);
}

#[test]
fn a_change_that_the_far_pair_has_not_got_stays_owed_until_its_holder_returns() {
    let (world, _) = world();
    let session = world.officer();
    let (_, private) = world.pair(session, "k");
    world.pass(SOON);
    let paused = world.fault("repl.pause eastus:eastus2");
    let cut = world.fault("link.cut client:hsm-eus-2");
    world.rename(session, private, "renamed");
    world.fault("device.power_loss hsm-eus-1");
    world.find(session, "k");
    assert!(world.cluster.heal_fault(cut[0]).unwrap());
    world.recover();
    assert_eq!(world.client.serving(world.slot), ["hsm-eus-2", "hsm-eus2-1", "hsm-eus2-2"]);
    world.heal_all();
    assert!(!world.cluster.heal_fault(paused[0]).unwrap(), "healed with all others");
    world.recover();
    world.pass(SOON);
    assert!(world.is_whole());
    assert_eq!(world.find(session, "renamed").len(), 1);
}

#[test]
fn nothing_has_to_run_while_changes_are_on_their_way() {
    let (world, _) = world();
    world.fault("repl.lag eastus:eastus2 extra=60s");
    let session = world.officer();
    world.pair(session, "k");
    world.client.shut_down();
    world.pass(30 * SECOND);
    // Its lag is its own from now on.
    world.heal_all();
    world.pass(61 * SECOND);
    // Nobody has looked since. What left before the loss of the region arrived.
    world.fault("region.loss eastus");
    let late = world.another();
    assert_eq!(late.find(late.officer(), "k").len(), 2);
}

#[test]
fn a_cut_between_the_regions_delays_replication_and_no_call() {
    let (world, events) = world();
    let session = world.officer();
    world.pair(session, "before");
    world.pass(SOON);
    world.fault("link.cut hsm-eus-1:eastus2 for=30s");
    world.fault("link.blackhole hsm-eus-2:eastus2 for=40s");
    let (_, time) = world.timed(|world| world.pair(session, "k"));
    assert!(time < SECOND, "{time:?}");
    world.pass(29 * SECOND);
    assert_eq!(world.counts(), [4, 4, 2, 2]);
    world.pass(2 * SECOND);
    assert_eq!(world.counts(), [4, 4, 4, 4], "one of two that tell is enough");
    world.pass(10 * SECOND);
    assert_eq!(world.counts(), [4, 4, 4, 4]);
    assert_eq!(events.count("replication_applied", "hsm-eus2-1"), 4, "told twice, taken once");
    assert_eq!(events.count("member_lost", "hsm-eus2-1"), 0);
}

#[test]
fn a_poor_link_between_the_regions_delays_replication_and_loses_nothing() {
    for fault in [
        "link.loss eastus:eastus2 probability=0.5",
        "link.loss eastus:eastus2 probability=0.5 burst=2s",
        "link.reset eastus:eastus2 probability=0.5",
        "link.corrupt eastus:eastus2 probability=0.5",
        "link.reorder eastus:eastus2 probability=1 extra=2s",
        "link.rate eastus:eastus2 per_second=2",
        "link.delay eastus:eastus2 extra=1s spread=1s distribution=exponential",
    ] {
        let (world, _) = world();
        let session = world.officer();
        world.fault(fault);
        for label in ["a", "b", "c", "d", "e"] {
            world.pair(session, label);
        }
        world.pass(SOON);
        assert!(!world.is_whole(), "{fault}: some of it is late");
        world.pass(600 * SECOND);
        assert!(world.is_whole(), "{fault}: {:?}", world.counts());
    }
}

#[test]
fn over_a_link_that_resets_every_message_nothing_is_told_until_it_is_healed() {
    let (world, _) = world();
    let session = world.officer();
    world.fault("link.reset eastus:eastus2 probability=1");
    world.pair(session, "k");
    world.pass(600 * SECOND);
    assert_eq!(world.counts(), [2, 2, 0, 0]);
    world.heal_all();
    world.pass(5 * SECOND);
    assert!(world.is_whole());
}

#[test]
fn a_peer_without_power_gets_what_it_missed_when_it_is_back() {
    let (world, _) = world();
    world.fault("device.power_loss hsm-eus2-1 for=60s boot_time=30s");
    let session = world.officer();
    world.pair(session, "k");
    world.pass(89 * SECOND);
    assert_eq!(world.counts(), [2, 2, 0, 2]);
    world.pass(2 * SECOND);
    assert_eq!(world.counts(), [2, 2, 2, 2]);
}

#[test]
fn keys_that_had_not_left_the_lost_region_are_missing_until_it_is_back() {
    let (world, _) = world();
    let session = world.officer();
    world.pair(session, "early");
    world.pass(SOON);
    world.fault("repl.lag eastus:eastus2 extra=10s");
    world.pair(session, "late");
    world.fault("region.loss eastus for=60s boot_time=60s");
    assert_eq!(world.find(session, "early").len(), 2);
    assert_eq!(world.find(session, "late").len(), 0);
    world.pass(130 * SECOND);
    assert_eq!(world.counts(), [4, 4, 4, 4]);
    assert_eq!(world.find(session, "late").len(), 2, "the far pair serves, and has it now");
}

#[test]
fn what_had_not_arrived_when_its_devices_were_erased_never_does() {
    let (world, _) = world();
    world.fault("repl.lag eastus:eastus2 extra=10s");
    let session = world.officer();
    world.pair(session, "arrives");
    world.pass(11 * SECOND);
    world.pair(session, "lost");
    world.fault("device.zeroize hsm-eus-1");
    world.fault("device.zeroize hsm-eus-2");
    world.pass(60 * SECOND);
    assert_eq!(world.counts(), [0, 0, 2, 2]);
}

#[test]
fn a_destroyed_key_is_not_brought_back_by_a_slower_teller() {
    let (world, _) = world();
    let session = world.officer();
    world.fault("repl.lag hsm-eus-2:eastus2 extra=60s");
    let (public, private) = world.pair(session, "k");
    world.destroy(session, public);
    world.destroy(session, private);
    world.pass(SOON);
    for _ in 0..13 {
        assert_eq!(world.counts(), [0, 0, 0, 0]);
        world.pass(10 * SECOND);
    }
    assert!(!world.cluster.is_behind());
}

/// Two clients that cannot see each other's members: `home` works on the home pair and `far` on the
/// far pair, and the regions tell each other nothing until everything is healed. Both have the key.
struct Split {
    home: World,
    far: World,
    home_key: (SessionHandle, ObjectHandle),
    far_key: (SessionHandle, ObjectHandle),
}

impl Split {
    fn new() -> Self {
        let far = World::new("ha-dr-async");
        let session = far.officer();
        let (_, key) = far.pair(session, "k");
        far.pass(SOON);
        // The client of the far region loses its home for good: nobody recovers it.
        far.fault("link.cut client:eastus for=1s");
        far.sign(session, key).unwrap();
        far.pass(2 * SECOND);
        far.fault("region.isolate eastus2");
        let home = far.another();
        let own = home.officer();
        let keys = home.find(own, "k");
        far.cluster.heal_all().unwrap();
        far.fault("repl.pause eastus:eastus2");
        Self { home_key: (own, keys[1]), far_key: (session, key), home, far }
    }

    fn heal(&self) {
        self.home.heal_all();
        self.home.pass(SOON);
        self.far.recover();
        self.far.pass(SOON);
    }
}

#[test]
fn of_two_changes_in_split_regions_the_later_stands_everywhere_and_the_conflict_is_named() {
    for far_is_later in [true, false] {
        let split = Split::new();
        let far = || split.far.rename(split.far_key.0, split.far_key.1, "far");
        let home = || split.home.rename(split.home_key.0, split.home_key.1, "home");
        let (label, stands) = if far_is_later {
            home();
            split.far.pass(SECOND);
            far();
            ("far", "hsm-eus2-")
        } else {
            far();
            split.far.pass(SECOND);
            home();
            ("home", "hsm-eus-")
        };
        split.heal();
        assert!(split.home.is_whole());
        assert_eq!(split.home.find(split.home_key.0, label).len(), 1);
        assert_eq!(split.far.find(split.far_key.0, label).len(), 1);
        let conflicts = split.home.cluster.ledger().conflicts().unwrap();
        assert!(!conflicts.is_empty());
        for conflict in conflicts {
            assert!(conflict.stands.starts_with(stands), "{conflict:?}");
        }
    }
}

#[test]
fn more_changes_stand_over_a_later_one() {
    let split = Split::new();
    split.far.rename(split.far_key.0, split.far_key.1, "once");
    split.far.rename(split.far_key.0, split.far_key.1, "twice");
    split.far.pass(SECOND);
    split.home.rename(split.home_key.0, split.home_key.1, "later");
    split.heal();
    assert!(split.home.is_whole());
    assert_eq!(split.home.find(split.home_key.0, "twice").len(), 1);
}

#[test]
fn what_one_region_destroyed_stays_destroyed_though_the_other_changed_it() {
    let split = Split::new();
    split.far.destroy(split.far_key.0, split.far_key.1);
    split.far.pass(SECOND);
    split.home.rename(split.home_key.0, split.home_key.1, "changed");
    split.heal();
    assert!(split.home.is_whole());
    assert_eq!(split.home.counts(), [1, 1, 1, 1]);
    assert_eq!(code(split.home.sign(split.home_key.0, split.home_key.1)), "CKR_KEY_HANDLE_INVALID");
    assert!(!split.home.cluster.ledger().conflicts().unwrap().is_empty());
}

#[test]
fn keys_made_on_both_sides_of_a_split_are_all_kept() {
    let split = Split::new();
    split.far.pair(split.far_key.0, "same");
    split.home.pair(split.home_key.0, "same");
    split.heal();
    assert!(split.home.is_whole());
    assert_eq!(split.home.find(split.home_key.0, "same").len(), 4);
    assert_eq!(split.home.cluster.ledger().conflicts().unwrap(), []);
}

#[test]
fn a_change_that_is_lost_on_its_way_is_found_by_comparing_and_brought_by_a_synchronisation() {
    let (world, events) = world();
    world.fault("repl.drop eastus:eastus2 probability=1");
    let session = world.officer();
    world.pair(session, "k");
    world.pass(SECOND);
    world.heal_all();
    world.pass(SECOND);
    assert_eq!(world.counts(), [2, 2, 0, 0]);
    assert!(!world.is_whole());
    assert_eq!(events.count("replication_dropped", "hsm-eus2-1"), 4);
    let label = world.cluster.topology().groups[0].label.clone();
    world.client.run(world.client.ha_synchronize(&label)).unwrap();
    assert!(world.is_whole());
}

#[test]
fn a_slow_feed_spreads_a_burst_over_time_whoever_looks_and_however_often() {
    let arrivals = |looks: &[u32]| {
        let (world, events) = world();
        // Two a second from each of the home pair.
        world.fault("repl.rate eastus:eastus2 rows=2");
        let session = world.officer();
        for number in 0..4 {
            world.pair(session, &format!("k{number}"));
        }
        for &look in looks {
            world.pass(SOON * look);
            world.counts();
        }
        events.times("replication_applied", "hsm-eus2-1")
    };
    let once = arrivals(&[200]);
    assert_eq!(once.len(), 8);
    let took = once[7] - once[0];
    assert!((3 * SECOND..5 * SECOND).contains(&took), "{took:?}");
    assert_eq!(arrivals(&[3, 4, 1, 1, 9, 12, 170]), once);
}

#[test]
fn how_far_a_peer_is_behind_can_be_asked() {
    let (world, _) = world();
    world.fault("repl.pause eastus:eastus2");
    let session = world.officer();
    let before = world.cluster.clock().unix_now();
    world.pair(session, "k");
    let group = &world.cluster.topology().groups[0];
    let (changes, oldest) = world.cluster.backlog(group, &group.members[2]).unwrap();
    assert_eq!(changes, 2);
    assert!((before..world.cluster.clock().unix_now()).contains(&oldest.unwrap()));
    assert_eq!(world.cluster.backlog(group, &group.members[1]).unwrap(), (0, None));
    world.heal_all();
    world.pass(SOON);
    assert_eq!(world.cluster.backlog(group, &group.members[2]).unwrap(), (0, None));
}
