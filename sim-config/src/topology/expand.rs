//! Devices and groups of a topology file, from the short and the long way to write them.
//!
//! - `[[region]] code = "eastus", devices = 2` makes `hsm-eus-1` in stamp 1, `hsm-eus-2` in stamp 2.
//! - `[[device]]` names one device with everything about it.
//! - `[[groups]]` makes a row of groups: group n has partition n of every device of some regions.
//! - `[[group]]` names one group and each of its members.
//!
//! Without any group, every partition index gets one, active where the client is.

use super::{
    Device, DeviceId, Group, Member, PARTITIONS_PER_DEVICE, PlacePattern, Replication, Role,
};
use crate::chrystoki::Chrystoki;
use crate::error::{ConfigError, suggestion};
use crate::place::Place;
use crate::region::RegionCode;
use crate::source::{Table, Value};

const ROLES: [(&str, Role); 2] = [("active", Role::Active), ("standby", Role::Standby)];
const REPLICATIONS: [(&str, Replication); 2] =
    [("sync", Replication::Sync), ("async", Replication::Async)];

/// Most bytes of a token label (`CK_TOKEN_INFO.label`).
const TOKEN_LABEL_BYTES: usize = 32;

/// Collects devices and groups, and keeps them free of contradictions.
pub(super) struct Builder {
    seed: u64,
    devices: Vec<Device>,
    groups: Vec<Group>,
}

impl Builder {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, devices: Vec::new(), groups: Vec::new() }
    }

    pub(super) fn finish(self) -> (Vec<Device>, Vec<Group>) {
        (self.devices, self.groups)
    }

    pub(super) fn first_place(&self) -> Option<Place> {
        self.devices.first().map(|d| d.place)
    }

    /// Reads `[[region]]` and `[[device]]`.
    pub(super) fn devices(&mut self, root: &Table<'_>) -> Result<(), ConfigError> {
        for table in root.tables("region")? {
            self.region(&table)?;
        }
        for table in root.tables("device")? {
            self.device(&table)?;
        }
        Ok(())
    }

    fn region(&mut self, table: &Table<'_>) -> Result<(), ConfigError> {
        table.known(&["code", "devices", "partitions"])?;
        let region = table.required("code", Value::region)?;
        let count = table.required("devices", |v| v.integer(1..=255u8))?;
        let partitions = partitions(table)?;
        let stamps = region.region().stamps;
        for n in 0..count {
            let id = DeviceId::new(format!("hsm-{}-{}", region.short(), u16::from(n) + 1));
            let place = Place::new(region, n % stamps + 1);
            let serial = Device::derived_serial(self.seed, &id);
            let partition_serials = Vec::new();
            self.add_device(Device { id, place, partitions, serial, partition_serials }, table)?;
        }
        Ok(())
    }

    fn device(&mut self, table: &Table<'_>) -> Result<(), ConfigError> {
        table.known(&["id", "region", "stamp", "zone", "partitions", "serial", "serials"])?;
        let id = table.required("id", device_name)?;
        let place = place_of(table, "region")?;
        let serial = table
            // Three digits are appended for a partition and one is put before for a group, which
            // makes the sixteen that CK_TOKEN_INFO.serialNumber has room for.
            .optional("serial", |v| v.integer(1..=999_999_999_999))?
            .unwrap_or_else(|| Device::derived_serial(self.seed, &id));
        let partitions = partitions(table)?;
        let partition_serials =
            table.optional("serials", |v| partition_serials(v, partitions))?.unwrap_or_default();
        self.add_device(Device { id, place, partitions, serial, partition_serials }, table)
    }

    fn add_device(&mut self, device: Device, at: &Table<'_>) -> Result<(), ConfigError> {
        if self.devices.iter().any(|d| d.id == device.id) {
            return Err(at.error(format!("device \"{}\" is defined twice", device.id)));
        }
        if let Some(other) = self.devices.iter().find(|d| d.serial == device.serial) {
            return Err(at.error(format!(
                "device \"{}\" has the serial number {} of \"{}\"; give it a \"serial\" of its own",
                device.id, device.serial, other.id
            )));
        }
        for index in 0..device.partitions {
            let serial = device.partition_serial(index);
            let of = |d: &Device| d.partition_of_serial(serial).is_some();
            let twice = device.partition_of_serial(serial) != Some(index);
            if let Some(other) = self.devices.iter().find(|d| of(d)).or(twice.then_some(&device)) {
                return Err(at.error(format!(
                    "partition {index} of \"{}\" has the serial number {serial}, which a partition \
                     of \"{}\" has too",
                    device.id, other.id
                )));
            }
        }
        self.devices.push(device);
        Ok(())
    }

    /// Makes the groups of a Luna client's configuration. `standby`: the serial numbers of the members
    /// that wait for the others to fail.
    pub(super) fn chrystoki_groups(
        &mut self,
        conf: &Chrystoki,
        standby: &[u64],
    ) -> Result<(), ConfigError> {
        for token in &conf.groups {
            let member = |serial: &u64| {
                let found = self.devices.iter().find_map(|device| {
                    device.partition_of_serial(*serial).map(|partition| (device, partition))
                });
                let Some((device, partition)) = found else {
                    return Err(conf.error_at(
                        token,
                        format!(
                            "group \"{}\": no partition of the topology has the serial number \
                             {serial}; give it to one, with \"serials\" in a [[device]]",
                            token.label
                        ),
                    ));
                };
                let role = match standby.contains(serial) {
                    true => Role::Standby,
                    false => Role::Active,
                };
                let device = device.id.clone();
                Ok(Member { device, partition, role, replication: Replication::Sync })
            };
            let label = plain(&token.label);
            let group = Group {
                token_label: token.label.clone(),
                domain: label.clone(),
                label,
                serial: token.serial,
                members: token.members.iter().map(member).collect::<Result<_, _>>()?,
            };
            self.add_group(group, |message| conf.error_at(token, message))?;
        }
        Ok(())
    }

    /// Reads `[[groups]]` and `[[group]]`; without either, makes the default row.
    pub(super) fn groups(&mut self, root: &Table<'_>, client: Place) -> Result<(), ConfigError> {
        if root.get("groups").is_none() && root.get("group").is_none() {
            return self.default_row(root, client);
        }
        for table in root.tables("groups")? {
            self.row(&table)?;
        }
        for table in root.tables("group")? {
            self.group(&table)?;
        }
        Ok(())
    }

    fn default_row(&mut self, root: &Table<'_>, client: Place) -> Result<(), ConfigError> {
        let mut regions: Vec<RegionCode> = Vec::new();
        for device in &self.devices {
            if !regions.contains(&device.place.region) {
                regions.push(device.place.region);
            }
        }
        let home = regions.iter().copied().find(|r| *r == client.region).unwrap_or(regions[0]);
        let whole = |region| PlacePattern { region, stamp: None };
        let far = regions.into_iter().filter(|r| *r != home).map(whole).collect();
        let row = Row {
            label: "hsmsim-{n}".to_owned(),
            token_label: None,
            domain: None,
            active: vec![whole(home)],
            standby: far,
            fed_async: Vec::new(),
        };
        let count = self.devices.iter().map(|d| d.partitions).min().unwrap_or(0);
        self.add_row(&row, count, root)
    }

    fn row(&mut self, table: &Table<'_>) -> Result<(), ConfigError> {
        table.known(&["label", "token_label", "domain", "count", "active", "standby", "async"])?;
        let numbered = |key| {
            table.optional(key, |v| match v.str()? {
                text if text.contains("{n}") => Ok(text.to_owned()),
                _ => Err(v.error(format!("\"{key}\" must hold {{n}}, the number of the group"))),
            })
        };
        let row = Row {
            label: numbered("label")?.unwrap_or_else(|| "hsmsim-{n}".to_owned()),
            token_label: numbered("token_label")?,
            domain: table.optional("domain", Value::string)?,
            active: table.required("active", |v| self.places(v))?,
            standby: table.optional("standby", |v| self.places(v))?.unwrap_or_default(),
            fed_async: table.optional("async", |v| self.places(v))?.unwrap_or_default(),
        };
        let count =
            table.optional("count", |v| v.integer(1..=100))?.unwrap_or(PARTITIONS_PER_DEVICE);
        self.add_row(&row, count, table)
    }

    /// A list of regions and stamps that have devices.
    fn places(&self, value: &Value<'_>) -> Result<Vec<PlacePattern>, ConfigError> {
        let place = |v: &Value<'_>| {
            let pattern = v.place(PlacePattern::parse(v.str()?))?;
            match self.devices.iter().any(|d| pattern.fits(d.place)) {
                true => Ok(pattern),
                false => Err(v.error(format!("this topology has no device in {pattern}"))),
            }
        };
        value.array()?.iter().map(place).collect()
    }

    fn add_row(&mut self, row: &Row, count: u8, at: &Table<'_>) -> Result<(), ConfigError> {
        for n in 0..count {
            let numbered = |text: &str| text.replace("{n}", &n.to_string());
            let label = numbered(&row.label);
            let group = Group {
                token_label: row.token_label.as_deref().map_or_else(|| label.clone(), numbered),
                domain: row.domain.as_deref().map_or_else(|| label.clone(), numbered),
                label,
                serial: None,
                members: row.members(&self.devices, n),
            };
            self.add_group(group, |message| at.error(message))?;
        }
        Ok(())
    }

    fn group(&mut self, table: &Table<'_>) -> Result<(), ConfigError> {
        table.known(&["label", "token_label", "domain", "members"])?;
        let label = table.required("label", Value::string)?;
        let members = table.required("members", Value::array)?;
        let members = members.iter().map(|v| self.member(v)).collect::<Result<Vec<_>, _>>()?;
        let group = Group {
            token_label: table
                .optional("token_label", Value::string)?
                .unwrap_or_else(|| label.clone()),
            domain: table.optional("domain", Value::string)?.unwrap_or_else(|| label.clone()),
            label,
            serial: None,
            members,
        };
        self.add_group(group, |message| table.error(message))
    }

    fn member(&self, value: &Value<'_>) -> Result<Member, ConfigError> {
        let table = value.table()?;
        table.known(&["device", "partition", "role", "replication"])?;
        let device = table.required("device", |v| {
            let name = v.str()?;
            self.devices.iter().find(|d| d.id.as_str() == name).ok_or_else(|| {
                let names = self.devices.iter().map(|d| d.id.as_str());
                v.error(format!("there is no device \"{name}\"; {}", suggestion(name, names)))
            })
        })?;
        Ok(Member {
            device: device.id.clone(),
            partition: table.required("partition", |v| v.integer(0..=device.partitions - 1))?,
            role: table.optional("role", |v| v.one_of(&ROLES))?.unwrap_or(Role::Active),
            replication: table
                .optional("replication", |v| v.one_of(&REPLICATIONS))?
                .unwrap_or(Replication::Sync),
        })
    }

    /// Adds a group after comparing it with all that are there.
    fn add_group(
        &mut self,
        group: Group,
        error: impl Fn(String) -> ConfigError,
    ) -> Result<(), ConfigError> {
        let label = &group.label;
        label_is_usable(label, &group.token_label).map_err(&error)?;
        if self.groups.iter().any(|g| g.label == *label) {
            return Err(error(format!("group \"{label}\" is defined twice")));
        }
        let Some(primary) = group.members.first() else {
            return Err(error(format!("group \"{label}\" needs a member")));
        };
        if primary.role == Role::Standby || primary.replication == Replication::Async {
            return Err(error(format!(
                "the first member of group \"{label}\", {}, is its primary: it must be active and \
                 synchronous",
                primary.device
            )));
        }
        for (index, member) in group.members.iter().enumerate() {
            if group.members[..index].iter().any(|m| m.device == member.device) {
                let message = format!("group \"{label}\" has two members on {}", member.device);
                return Err(error(message));
            }
            self.partition_is_free(label, member).map_err(&error)?;
        }
        self.groups.push(group);
        Ok(())
    }

    fn partition_is_free(&self, label: &str, member: &Member) -> Result<(), String> {
        let Member { device: id, partition, .. } = member;
        let device = self.devices.iter().find(|d| d.id == *id);
        if device.is_none_or(|d| *partition >= d.partitions) {
            return Err(format!("group \"{label}\" uses partition {partition}, which {id} lacks"));
        }
        let same = |m: &Member| m.device == *id && m.partition == *partition;
        match self.groups.iter().find(|g| g.members.iter().any(same)) {
            Some(other) => Err(format!(
                "partition {partition} of {id} is used twice, by group \"{}\" and by \"{label}\"",
                other.label
            )),
            None => Ok(()),
        }
    }
}

/// A `[[groups]]`, before its groups are counted out.
struct Row {
    label: String,
    token_label: Option<String>,
    domain: Option<String>,
    active: Vec<PlacePattern>,
    standby: Vec<PlacePattern>,
    fed_async: Vec<PlacePattern>,
}

impl Row {
    /// Partition `n` of every device of the row: active places first, in the order written.
    fn members(&self, devices: &[Device], n: u8) -> Vec<Member> {
        let mut members = Vec::new();
        for (patterns, role) in [(&self.active, Role::Active), (&self.standby, Role::Standby)] {
            for device in patterns.iter().flat_map(|p| devices.iter().filter(|d| p.fits(d.place))) {
                let fed_async = self.fed_async.iter().any(|p| p.fits(device.place));
                members.push(Member {
                    device: device.id.clone(),
                    partition: n,
                    role,
                    replication: if fed_async { Replication::Async } else { Replication::Sync },
                });
            }
        }
        members
    }
}

/// Region, stamp and zone of a table, the stamp being 1 when absent.
pub(super) fn place_of(table: &Table<'_>, region_key: &str) -> Result<Place, ConfigError> {
    let region = table.required(region_key, Value::region)?;
    let catalogue = region.region();
    let zones = catalogue.zones.unwrap_or(3);
    Ok(Place {
        region,
        stamp: table.optional("stamp", |v| v.integer(1..=catalogue.stamps))?.unwrap_or(1),
        zone: table.optional("zone", |v| v.integer(1..=zones))?,
    })
}

fn partitions(table: &Table<'_>) -> Result<u8, ConfigError> {
    // A hundred is what the largest licence of the model gives.
    Ok(table.optional("partitions", |v| v.integer(1..=100))?.unwrap_or(PARTITIONS_PER_DEVICE))
}

/// Serial numbers of the first partitions. A digit 1 is put before one for a group's, which makes the
/// sixteen that CK_TOKEN_INFO.serialNumber has room for.
fn partition_serials(value: &Value<'_>, partitions: u8) -> Result<Vec<u64>, ConfigError> {
    let serial = |v: &Value<'_>| v.integer(1..=999_999_999_999_999);
    let serials = value.array()?.iter().map(serial).collect::<Result<Vec<u64>, _>>()?;
    match serials.len() <= usize::from(partitions) {
        true => Ok(serials),
        false => Err(value.error(format!("the device has {partitions} partitions only"))),
    }
}

/// A group's label as the command line takes it: a Luna's may hold blanks.
fn plain(label: &str) -> String {
    label.replace(is_reserved, "-")
}

/// What a group's name must not hold.
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '=' | '@')
}

/// Device names are file names, words of the command line and ends of links.
fn device_name(value: &Value<'_>) -> Result<DeviceId, ConfigError> {
    let name = value.str()?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !plain || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.len() > 64 {
        return Err(value.error(format!(
            "\"{name}\" cannot name a device: letters, digits, '-', '_' and '.', 64 at most"
        )));
    }
    if name == "client" || RegionCode::find(name).is_some() {
        return Err(value.error(format!("\"{name}\" already means something else on a link")));
    }
    Ok(DeviceId::new(name))
}

fn label_is_usable(label: &str, token_label: &str) -> Result<(), String> {
    if label.is_empty() || label.contains(is_reserved) {
        return Err(format!(
            "\"{label}\" cannot name a group: no blanks and none of / : = @; the token may still be \
             called so with \"token_label\""
        ));
    }
    if RegionCode::find(label).is_some() {
        return Err(format!("\"{label}\" is a region and cannot name a group"));
    }
    if token_label.is_empty() || token_label.len() > TOKEN_LABEL_BYTES {
        let bytes = token_label.len();
        return Err(format!("a token label has 1 to 32 bytes, \"{token_label}\" has {bytes}"));
    }
    Ok(())
}
