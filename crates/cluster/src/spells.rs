//! When each device of a fault is struck, and when it is restored: all at once, one after another, or
//! in an order that is drawn.

use std::time::Duration;

use hsmsim_network::{SimRng, stream};
use hsmsim_sim_config::{DeviceId, Fault};

use crate::effects::{ActiveFault, nanos};

/// From when until when a device is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) begin_ns: u64,
    /// `None`: until somebody heals the fault.
    pub(crate) end_ns: Option<u64>,
}

/// When a fault strikes a device, if it does.
pub(crate) fn spell_of(
    active: &ActiveFault,
    device: &DeviceId,
    seed: u64,
    scaled: &dyn Fn(Duration) -> Duration,
) -> Option<Spell> {
    let index = active.strikes.devices.iter().position(|id| id == device)?;
    spells(active, seed, scaled)[index]
}

/// The spells of a fault's devices, in their order. A device whose turn comes after the end is spared.
fn spells(
    active: &ActiveFault,
    seed: u64,
    scaled: &dyn Fn(Duration) -> Duration,
) -> Vec<Option<Spell>> {
    let count = active.strikes.devices.len();
    let steps = |name| {
        let step = active.fault.duration_param(name).unwrap_or_default();
        let step_ns = nanos(scaled(step));
        move |number: usize| active.set_at_ns.saturating_add(step_ns.saturating_mul(number as u64))
    };
    let spell = |begin_ns: u64, end_ns: Option<u64>| {
        end_ns.is_none_or(|end| end > begin_ns).then_some(Spell { begin_ns, end_ns })
    };
    if is_drawn(&active.fault) {
        let at = steps("interval");
        let mut returns: Vec<usize> = (0..count).collect();
        shuffle(&mut returns, &mut stream(seed, &format!("fault {} returns", active.id)));
        let of_one = |(index, turn): (usize, usize)| {
            let back = at(count + turn);
            spell(at(index), Some(active.end_ns.map_or(back, |end| end.min(back))))
        };
        return returns.into_iter().enumerate().map(of_one).collect();
    }
    let at = steps("stagger");
    (0..count).map(|index| spell(at(index).max(active.set_at_ns), active.end_ns)).collect()
}

/// Of the devices that a fault may strike, those that it does, in the order of their losses.
pub(crate) fn draw(fault: &Fault, id: u64, seed: u64, devices: &mut Vec<DeviceId>) {
    if is_drawn(fault) {
        shuffle(devices, &mut stream(seed, &format!("fault {id} losses")));
        devices.truncate(fault.count_param("count").unwrap_or_default() as usize);
    }
}

/// How long a fault lasts by itself, if it does.
pub(crate) fn own_length(fault: &Fault) -> Option<Duration> {
    let count = u32::try_from(fault.count_param("count")?).unwrap_or(u32::MAX);
    let turns = count.saturating_mul(2).saturating_sub(1);
    is_drawn(fault)
        .then(|| fault.duration_param("interval").unwrap_or_default().saturating_mul(turns))
}

fn is_drawn(fault: &Fault) -> bool {
    fault.spec.id == "device.swizzle"
}

/// Fisher and Yates's shuffle.
fn shuffle<T>(items: &mut [T], chance: &mut SimRng) {
    for last in (1..items.len()).rev() {
        items.swap(last, chance.below(last as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hsmsim_sim_config::Topology;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn active(text: &str, id: u64, end: Option<u64>) -> ActiveFault {
        let topology = Topology::shipped("ha-dr").unwrap();
        let fault: Fault = text.parse().unwrap();
        let mut strikes = fault.strikes(&topology, |_| 0).unwrap();
        draw(&fault, id, 7, &mut strikes.devices);
        let end_ns = end.map(|end| end * SECOND);
        ActiveFault { id, fault, strikes, set_at_ns: 100 * SECOND, end_ns }
    }

    /// Begin and end of each spell, in seconds.
    fn seconds(active: &ActiveFault) -> Vec<Option<(u64, Option<u64>)>> {
        let seconds =
            |spell: Spell| (spell.begin_ns / SECOND, spell.end_ns.map(|end| end / SECOND));
        spells(active, 7, &|time| time).into_iter().map(|spell| spell.map(seconds)).collect()
    }

    #[test]
    fn all_devices_are_struck_at_once_unless_something_else_is_said() {
        let at_once = active("region.loss eastus", 1, Some(160));
        assert_eq!(seconds(&at_once), [Some((100, Some(160))); 2]);
    }

    #[test]
    fn a_staggered_loss_strikes_one_device_after_the_other_and_ends_at_once() {
        let staggered = active("region.loss eastus stagger=20s", 1, Some(160));
        assert_eq!(seconds(&staggered), [Some((100, Some(160))), Some((120, Some(160)))]);
        let late = active("region.loss eastus stagger=20s", 1, Some(110));
        assert_eq!(seconds(&late), [Some((100, Some(110))), None]);
    }

    #[test]
    fn a_swizzle_stops_devices_in_one_drawn_order_and_returns_them_in_another() {
        let mut orders = BTreeSet::new();
        for id in 0..100 {
            let swizzle = active("device.swizzle /all count=3 interval=10s", id, None);
            let spells: Vec<_> = seconds(&swizzle).into_iter().flatten().collect();
            let begins: Vec<u64> = spells.iter().map(|spell| spell.0).collect();
            assert_eq!(begins, [100, 110, 120]);
            let ends: BTreeSet<_> = spells.iter().map(|spell| spell.1).collect();
            assert_eq!(ends, [130, 140, 150].map(Some).into());
            let names: Vec<_> = swizzle.strikes.devices.iter().map(ToString::to_string).collect();
            let returns: Vec<_> = spells.iter().map(|spell| spell.1).collect();
            orders.insert((names, returns));
            assert_eq!(own_length(&swizzle.fault), Some(Duration::from_secs(50)));
        }
        // 24 orders of losses with 6 of returns each.
        assert!(orders.len() > 50, "{}", orders.len());
    }

    #[test]
    fn a_swizzle_that_is_healed_brings_all_back() {
        let healed = active("device.swizzle /all count=3 interval=10s", 5, Some(115));
        assert_eq!(seconds(&healed), [Some((100, Some(115))), Some((110, Some(115))), None]);
    }
}
