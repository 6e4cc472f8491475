//! A plan from a seed: a topology, applications, faults and repairs.
//!
//! Each part has a generator of its own, so that a change to how faults are drawn leaves the
//! topologies of all seeds as they were.

use std::time::Duration;

use hsmsim_network::{SimRng, stream};
use hsmsim_sim_config::{Action, Fault, HaPreset, Step, Topology};

use super::ExploreOptions;
use crate::{
    run::DrillError,
    simulate::{AppPlan, Op, Plan},
};

/// The group all drawn applications work on.
const GROUP: &str = "g-0";
/// Calls that an operation makes on the average.
const CALLS_PER_OPERATION: u64 = 2;

/// A plan and what can be left out of it.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The plan, still without its steps.
    pub plan: Plan,
    /// Its steps and kills, in the order in which they were drawn.
    pub steps: Vec<DrawnStep>,
}

/// Something that happens during the run.
#[derive(Clone, Debug)]
pub enum DrawnStep {
    /// A fault or a repair.
    Step(Box<Step>),
    /// An application is killed.
    Kill(Duration, u32),
}

/// Draws the plan of a seed.
///
/// # Errors
/// A topology that cannot be: a fault of the drawing.
pub fn draw(options: &ExploreOptions, seed: u64) -> Result<Drawn, DrillError> {
    let mut chance = stream(seed, "explore topology");
    let preset = options.preset.unwrap_or_else(|| {
        *chance.choose(&HaPreset::ALL.map(|(_, preset)| preset)).unwrap_or(&HaPreset::Default)
    });
    let topology = Topology::parse(&topology(preset, &mut chance), "explored")?;
    let mut chance = stream(seed, "explore applications");
    let duration = Duration::from_secs(60 + chance.below(540));
    let mut apps = applications(options, duration, &mut chance);
    rename(&mut apps, &mut stream(seed, "explore renames"));
    let mut chance = stream(seed, "explore steps");
    let steps = steps(&topology, duration, apps.len() as u64, &mut chance)?;
    let plan = Plan {
        topology,
        seed,
        duration,
        settle: Duration::from_secs(600),
        deadline: None,
        apps,
        steps: Vec::new(),
        kills: Vec::new(),
        planted: options.planted,
        keep_calls: options.keep_calls,
        abort: None,
    };
    Ok(Drawn { plan, steps })
}

/// A small cluster: one or two regions, with or without a far pair, fed at once or later.
fn topology(preset: HaPreset, chance: &mut SimRng) -> String {
    let home = 1 + chance.below(3);
    let far = chance.below(3);
    let mode = ["passive", "activeBasic", "activeEnhanced"][chance.below(3) as usize];
    let attempts = ["0", "0", "-1", "3"][chance.below(4) as usize];
    let mut text = format!(
        "version = 1\nname = \"explored\"\nprofile = \"open\"\n\
         [client]\nregion = \"eastus\"\nstamp = 1\n\
         [[region]]\ncode = \"eastus\"\ndevices = {home}\n"
    );
    if far > 0 {
        text += &format!("[[region]]\ncode = \"eastus2\"\ndevices = {far}\n");
    }
    text += "[[groups]]\nlabel = \"g-{n}\"\ncount = 1\nactive = [\"eastus\"]\n";
    if far > 0 {
        let asynchronous = if chance.chance(0.3) { "async = [\"eastus2\"]\n" } else { "" };
        text += &format!("standby = [\"eastus2\"]\n{asynchronous}");
    }
    text += &format!("[ha]\npreset = \"{preset}\"\nrecovery_attempts = {attempts}\n");
    // A preset that is about its mode keeps it.
    if preset != HaPreset::LunaBasic {
        text += &format!("recovery_mode = \"{mode}\"\n");
    }
    text
}

/// One to three applications whose calls together stay about within the limit.
fn applications(options: &ExploreOptions, duration: Duration, chance: &mut SimRng) -> Vec<AppPlan> {
    let count = 1 + chance.below(3);
    let most = options.calls / CALLS_PER_OPERATION / count;
    // Few calls find as much as many, so most seeds make few.
    let operations = (most as f64 * (0.02 + 0.98 * chance.unit().powi(3))).max(20.0);
    let mixes = [
        vec![(Op::Sign, 60), (Op::Generate, 20), (Op::Destroy, 15), (Op::Find, 5)],
        vec![(Op::SignParts, 60), (Op::Generate, 25), (Op::Destroy, 10), (Op::Login, 5)],
        vec![(Op::Generate, 60), (Op::Destroy, 40)],
        vec![(Op::Sign, 85), (Op::Encrypt, 5), (Op::Random, 5), (Op::Verify, 4), (Op::Generate, 1)],
    ];
    (0..count)
        .map(|_| AppPlan {
            group: GROUP.to_owned(),
            sessions: 1 + chance.below(4) as u32,
            mix: mixes[chance.below(mixes.len() as u64) as usize].clone(),
            rate: Some(operations / duration.as_secs_f64()),
            ..AppPlan::default()
        })
        .collect()
}

/// Some applications rename keys as well. Their labels differ then, and a key gets a new one each time.
fn rename(apps: &mut [AppPlan], chance: &mut SimRng) {
    for app in apps {
        if chance.chance(0.6) {
            continue;
        }
        app.mix.push((Op::Rename, 5 + chance.below(40) as u32));
        "drill-{n}".clone_into(&mut app.key_label);
    }
}

/// Faults that a cluster must get over, and what an operator does about them.
fn steps(
    topology: &Topology,
    duration: Duration,
    applications: u64,
    chance: &mut SimRng,
) -> Result<Vec<DrawnStep>, DrillError> {
    let mut steps = Vec::new();
    let within = |chance: &mut SimRng| duration.mul_f64(chance.unit());
    for number in 0..1 + chance.below(6) {
        let at = within(chance);
        let text = fault(topology, chance);
        let fault: Fault = text.parse()?;
        fault.check(topology)?;
        let name = format!("{number}: {text}");
        steps.push(DrawnStep::Step(Box::new(Step::at(name, at, Action::Fault(fault)))));
    }
    for _ in 0..chance.below(4) {
        let at = within(chance);
        let action = Action::Recover { group: None };
        steps.push(DrawnStep::Step(Box::new(Step::at("ha.recover", at, action))));
    }
    if chance.chance(0.1) {
        let at = within(chance);
        let action = Action::Synchronize { group: None };
        steps.push(DrawnStep::Step(Box::new(Step::at("ha.synchronize", at, action))));
    }
    // One of several may be killed; the others tell what became of its keys.
    if applications > 1 && chance.chance(0.3) {
        steps.push(DrawnStep::Kill(within(chance), 1 + chance.below(applications) as u32));
    }
    Ok(steps)
}

/// A fault that takes a member away, slows it, or makes it refuse copies for a while. Those that destroy
/// keys are left out, and those that make a member answer errors for as long as nobody does anything.
fn fault(topology: &Topology, chance: &mut SimRng) -> String {
    let index = chance.below(topology.devices.len() as u64) as usize;
    let device = &topology.devices[index];
    // Short ones end before a time-out, long ones outlast it.
    let seconds = [1, 5, 15, 30, 60, 120][chance.below(6) as usize] + chance.below(10);
    let (id, region) = (&device.id, device.place.region);
    match chance.below(30) {
        0..=2 => format!("device.power_loss {id} for={seconds}s"),
        3 => format!("device.restart {id}"),
        4 | 5 => format!("device.hang {id} for={seconds}s"),
        6 => format!("link.cut client:{id} for={seconds}s"),
        7 | 8 => format!("link.blackhole client:{id} for={seconds}s"),
        9 => format!("link.hold client:{id} for={seconds}s"),
        10 => format!("link.delay client:{id} extra={}ms for={seconds}s", 1 + chance.below(4000)),
        11 => format!("device.stall {id} for={seconds}s"),
        12 => format!("device.slow {id} extra={}ms for={seconds}s", 1 + chance.below(2000)),
        13 => format!("device.tamper {id} for={seconds}s"),
        14 => format!("session.drop_all {id}"),
        15 => format!("trust.cert_expired {id} for={seconds}s"),
        16 => {
            let (down, up) = (1 + chance.below(20), 1 + chance.below(20));
            format!("link.flap client:{id} down={down}s up={up}s for={seconds}s")
        }
        17..=19 => wire_fault(id.as_str(), seconds, chance),
        20 => {
            let count = 1 + chance.below(topology.devices.len() as u64);
            let interval = 1 + chance.below(40);
            format!("device.swizzle /all count={count} interval={interval}s")
        }
        21 => format!("region.loss {region} stagger={}s for={seconds}s", chance.below(30)),
        22 => format!("region.loss {region} links=lost for={seconds}s"),
        23 => format!("device.throttle {id} per_second={} for={seconds}s", 1 + chance.below(200)),
        24 => format!("audit.log_full {id} for={seconds}s"),
        25 => format!("client.conn_limit {id} max={} for={seconds}s", chance.below(4)),
        26 => format!("session.drop_all {id} pid={}", 1 + chance.below(3)),
        27 => format!("partition.full {id} free_objects={} for={seconds}s", chance.below(8)),
        _ => format!("region.loss {region} for={seconds}s"),
    }
}

/// A fault of the network that carries some messages and not others, or some connections.
fn wire_fault(id: &str, seconds: u64, chance: &mut SimRng) -> String {
    let link = format!("client:{id}");
    let part = [0.001, 0.01, 0.1, 0.5][chance.below(4) as usize];
    let direction = ["both", "there", "back"][chance.below(3) as usize];
    let side = ["device", "client"][chance.below(2) as usize];
    let struck = match chance.below(11) {
        0 => format!("link.loss {link} probability={part} direction={direction}"),
        1 => format!("link.loss {link} probability={part} burst={}ms", 1 + chance.below(5_000)),
        2 => format!("link.reorder {link} probability={part} extra={}ms", 1 + chance.below(2_000)),
        3 => format!("link.rate {link} per_second={}", 1 + chance.below(50)),
        4 => format!("link.corrupt {link} probability={part} direction={direction}"),
        5 => format!("link.reset {link} probability={part} direction={direction}"),
        6 | 7 => format!("link.idle_drop {link} idle={}s", 1 + chance.below(30)),
        8 => format!("trust.cert_mismatch {id} side={side} connections=ended"),
        9 => {
            format!("port.blocked {id} answer={}", ["refused", "dropped"][chance.below(2) as usize])
        }
        _ => "dns.fail /all".to_owned(),
    };
    format!("{struck} for={seconds}s")
}
