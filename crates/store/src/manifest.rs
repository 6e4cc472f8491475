//! Which devices a state belongs to: what is asked for, and the file `state` that remembers it.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use crate::{files, shared_page::PageShape, state_error::StateError};

/// Version of the directory's layout that this program writes and reads.
pub(crate) const VERSION: u64 = 1;
const FIRST_LINE: &str = "hsmsim state ";
const DEVICES_MAX: usize = 4096;
const PARTITIONS_MAX: u16 = 100;

/// A device's place in the state, for as long as the state exists. Only a
/// [`StateDir`](crate::StateDir) gives it out, because a later topology may name the same devices
/// in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceIndex(u16);

impl DeviceIndex {
    /// The place as a number, from 0.
    pub fn position(self) -> usize {
        usize::from(self.0)
    }
}

/// A device of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Its name, which is also that of its file: 1 to 64 letters, digits, `.`, `-`, `_`, the
    /// first a letter or digit.
    pub id: String,
    /// Its serial number, at most twelve digits. Remembered from the first use on.
    pub serial: u64,
}

/// Who may use a state directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Its owner alone: 0700, files 0600.
    #[default]
    Private,
    /// A group as well: 2770, files 0660; for daemons whose workers change user.
    Group {
        /// The group's number; `None` takes that of the process or of the parent directory.
        gid: Option<u32>,
    },
}

impl Sharing {
    pub(crate) fn directory_mode(self) -> u32 {
        match self {
            Self::Private => 0o700,
            // The set-group bit gives files made by other users the directory's group.
            Self::Group { .. } => 0o2770,
        }
    }

    pub(crate) fn file_mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Group { .. } => 0o660,
        }
    }
}

/// What a state is to hold.
#[derive(Clone, Debug)]
pub struct StateSpec {
    /// The devices.
    pub devices: Vec<DeviceSpec>,
    /// Partitions of each device, 1 to 100.
    pub partitions: u16,
    /// The topology's own fingerprint of its set of devices: one line.
    pub fingerprint: String,
    /// Who may use it; counts when the directory is made.
    pub sharing: Sharing,
}

impl StateSpec {
    /// Devices of ten partitions, private, with serial numbers that follow from the names.
    pub fn new(
        ids: impl IntoIterator<Item = impl Into<String>>,
        fingerprint: impl Into<String>,
    ) -> Self {
        let mut taken = BTreeSet::new();
        let devices = ids.into_iter().map(Into::into).map(|id: String| {
            let mut serial = serial_of(&id);
            while !taken.insert(serial) {
                serial = if serial == 999_999_999 { 100_000_000 } else { serial + 1 };
            }
            DeviceSpec { id, serial }
        });
        let devices = devices.collect();
        Self { devices, partitions: 10, fingerprint: fingerprint.into(), sharing: Sharing::Private }
    }

    pub(crate) fn check(&self) -> Result<(), StateError> {
        let refuse = |why: String| Err(StateError::Spec(why));
        if self.devices.is_empty() || self.devices.len() > DEVICES_MAX {
            return refuse(format!("a state has 1 to {DEVICES_MAX} devices"));
        }
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return refuse(format!("a device has 1 to {PARTITIONS_MAX} partitions"));
        }
        if self.fingerprint.is_empty() || self.fingerprint.contains(char::is_control) {
            return refuse("the fingerprint of the devices must be one line".into());
        }
        let (mut ids, mut serials) = (BTreeSet::new(), BTreeSet::new());
        for DeviceSpec { id, serial } in &self.devices {
            if !is_name(id) {
                return refuse(format!("{id:?} cannot name a device"));
            }
            // Names differ by more than case, for file systems that do not see it.
            if !ids.insert(id.to_lowercase()) {
                return refuse(format!("two devices are called {id}"));
            }
            if *serial > 999_999_999_999 || !serials.insert(*serial) {
                return refuse(format!("serial number {serial} of {id} is too long or taken"));
            }
        }
        Ok(())
    }

    pub(crate) fn shape(&self) -> PageShape {
        PageShape { devices: self.devices.len(), partitions: usize::from(self.partitions) }
    }

    /// The place of a device of this name.
    pub(crate) fn index(&self, id: &str) -> Option<DeviceIndex> {
        let position = self.devices.iter().position(|device| device.id == id)?;
        u16::try_from(position).ok().map(DeviceIndex)
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = (DeviceIndex, &DeviceSpec)> {
        (0..).map(DeviceIndex).zip(&self.devices)
    }
}

/// Whether a name may become a file's.
pub(crate) fn is_name(name: &str) -> bool {
    let ordinary = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(ordinary)
}

/// Nine digits from a name (FNV-1a).
fn serial_of(id: &str) -> u64 {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    100_000_000 + hash % 900_000_000
}

/// Writes the file `state`; from then on the directory is a state.
pub(crate) fn write(path: &Path, spec: &StateSpec) -> Result<(), StateError> {
    let sharing = match spec.sharing {
        Sharing::Private => "private",
        Sharing::Group { .. } => "group",
    };
    let mut text = format!("{FIRST_LINE}{VERSION}\nsharing {sharing}\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "fingerprint {}\npartitions {}", spec.fingerprint, spec.partitions);
    for DeviceSpec { id, serial } in &spec.devices {
        let _ = writeln!(text, "device {id} {serial}");
    }
    files::write_whole(path, spec.sharing.file_mode(), text.as_bytes())
}

/// Reads the file `state`; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<StateSpec>, StateError> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    let damaged = |why: &str| StateError::Damaged { path: path.into(), why: why.into() };
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix(FIRST_LINE)?.parse().ok());
    match version {
        None => return Err(damaged("its first line is not that of a state of hsmsim")),
        Some(found) if found > VERSION => {
            return Err(StateError::Newer { path: path.into(), found, known: VERSION });
        }
        Some(_) => {}
    }
    parse(lines).map(Some).ok_or_else(|| damaged("a line of it cannot be understood"))
}

fn parse<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<StateSpec> {
    let sharing = match lines.next()?.strip_prefix("sharing ")? {
        "private" => Sharing::Private,
        "group" => Sharing::Group { gid: None },
        _ => return None,
    };
    let fingerprint = lines.next()?.strip_prefix("fingerprint ")?.to_owned();
    let partitions = lines.next()?.strip_prefix("partitions ")?.parse().ok()?;
    let devices = lines.map(|line| {
        let (id, serial) = line.strip_prefix("device ")?.split_once(' ')?;
        Some(DeviceSpec { id: id.to_owned(), serial: serial.parse().ok()? })
    });
    let spec =
        StateSpec { devices: devices.collect::<Option<_>>()?, partitions, fingerprint, sharing };
    spec.check().is_ok().then_some(spec)
}

/// Whether the state in `directory` is of the devices that are wanted, in whatever order.
pub(crate) fn agree(
    directory: &Path,
    found: &StateSpec,
    wanted: &StateSpec,
) -> Result<(), StateError> {
    let names = |spec: &StateSpec| -> BTreeSet<String> {
        spec.devices.iter().map(|device| device.id.clone()).collect()
    };
    let (here, there) = (names(found), names(wanted));
    if here != there {
        return Err(StateError::OtherDevices {
            path: directory.into(),
            missing: here.difference(&there).cloned().collect(),
            extra: there.difference(&here).cloned().collect(),
        });
    }
    let other = |found: String, wanted: String| {
        Err(StateError::OtherShape { path: directory.into(), found, wanted })
    };
    if found.partitions != wanted.partitions {
        let words = |spec: &StateSpec| format!("{} partitions a device", spec.partitions);
        return other(words(found), words(wanted));
    }
    if found.fingerprint != wanted.fingerprint {
        let words = |spec: &StateSpec| format!("devices with fingerprint {}", spec.fingerprint);
        return other(words(found), words(wanted));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_follow_from_names_and_differ() {
        let ids = (0..4000).map(|n| format!("hsm-{n}"));
        let spec = StateSpec::new(ids.clone(), "f");
        spec.check().unwrap();
        assert_eq!(spec.devices, StateSpec::new(ids, "f").devices);
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for id in ["", "..", "../x", "a/b", ".hidden", "a b", "a\n", &"x".repeat(65)] {
            assert!(StateSpec::new([id], "f").check().is_err(), "{id:?}");
        }
        StateSpec::new(["hsm-eus-1", "HSM_2.a"], "f").check().unwrap();
        assert!(StateSpec::new(["hsm", "HSM"], "f").check().is_err());
    }
}
