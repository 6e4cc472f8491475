//! Reads a topology file: the root, and the sections that are not devices and groups.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::expand::{self, Builder};
use super::{
    ConnectBy, DeletePolicy, HaPreset, HaSettings, Jitter, LinkOverride, LinkTiming, Links,
    OwedCopies, Pin, PlacePattern, Provisioning, RecoveryAttempts, RecoveryMode, StateSettings,
    Topology,
};
use crate::chrystoki::{self, Chrystoki};
use crate::error::{ConfigError, suggestion};
use crate::place::Place;
use crate::source::{Source, Table, Value, beside, read_file};

pub(super) fn parse(text: &str, origin: &str) -> Result<Topology, ConfigError> {
    Source::new(origin, text).read(|root| {
        root.known(&[
            "version",
            "name",
            "description",
            "profile",
            "seed",
            "time_scale",
            "allow_mixed_clouds",
            "client",
            "region",
            "device",
            "groups",
            "group",
            "chrystoki",
            "ha",
            "links",
            "link",
            "provisioning",
            "state",
        ])?;
        let version = root.required("version", |v| v.integer(1..=1))?;
        let seed = root.optional("seed", |v| v.integer(0..=i64::MAX as u64))?.unwrap_or(1);
        let mut builder = Builder::new(seed);
        builder.devices(root)?;
        let first = builder.first_place().ok_or_else(|| {
            root.error("a topology needs a device: write a [[region]] or a [[device]]")
        })?;
        let client = root.optional("client", |v| place(&v.table()?))?.unwrap_or(first);
        let chrystoki = root.optional("chrystoki", |v| chrystoki(v, root, origin))?;
        match &chrystoki {
            Some((conf, standby)) => builder.chrystoki_groups(conf, standby)?,
            None => builder.groups(root, client)?,
        }
        let conf = chrystoki.map(|(conf, _)| conf);
        let (devices, groups) = builder.finish();
        let mut topology = Topology {
            name: root.required("name", Value::string)?,
            version,
            description: root.optional("description", Value::string)?.unwrap_or_default(),
            profile: root.optional("profile", Value::string)?.unwrap_or_else(|| "open".to_owned()),
            seed,
            time_scale: root.optional("time_scale", time_scale)?.unwrap_or(1.0),
            client,
            devices,
            groups,
            ha: ha(root.get("ha"), conf.as_ref())?,
            links: links(root)?,
            provisioning: Provisioning::well_known(),
            state: root.optional("state", state)?.unwrap_or_default(),
            chrystoki: conf.map(Chrystoki::into_source),
            allow_mixed_clouds: root
                .optional("allow_mixed_clouds", Value::boolean)?
                .unwrap_or(false),
        };
        topology.provisioning = provisioning(root.get("provisioning"), &topology)?;
        Ok(topology)
    })
}

/// A time scale: at least 1, because HA timers that run slower than the clock help nobody.
pub(crate) fn time_scale(value: &Value<'_>) -> Result<f64, ConfigError> {
    match value.float()? {
        scale if (1.0..=1000.0).contains(&scale) => Ok(scale),
        _ => Err(value.error("\"time_scale\" must be from 1 to 1000")),
    }
}

/// `{ region, stamp, zone }`, the stamp being 1 when absent.
pub(crate) fn place(table: &Table<'_>) -> Result<Place, ConfigError> {
    table.known(&["region", "stamp", "zone"])?;
    expand::place_of(table, "region")
}

/// `[chrystoki]`: a Luna client's configuration, and the serial numbers of its standby members.
fn chrystoki(
    value: &Value<'_>,
    root: &Table<'_>,
    origin: &str,
) -> Result<(Chrystoki, Vec<u64>), ConfigError> {
    let table = value.table()?;
    table.known(&["path", "environment", "standby", "ignore"])?;
    if root.get("groups").is_some() || root.get("group").is_some() {
        return Err(table.error("groups come from [chrystoki] or from [[group]], not from both"));
    }
    let path = table.optional("path", |v| Ok(beside(Path::new(origin), v.str()?)))?;
    let environment = table.optional("environment", Value::boolean)?.unwrap_or(false);
    if path.is_none() && !environment {
        return Err(table.error("[chrystoki] needs \"path\" or environment = true"));
    }
    let ignore = table.optional("ignore", Value::strings)?.unwrap_or_default();
    let (text, file) = read_file(&chrystoki::locate(path, environment))
        .map_err(|error| table.error(error.to_string()))?;
    let conf = Chrystoki::parse(&text, &file, &ignore)?;
    let standby = table.optional("standby", |v| {
        let serial = |v: &Value<'_>| {
            let serial = v.integer(1..=i64::MAX as u64)?;
            match conf.groups.iter().any(|group| group.members.contains(&serial)) {
                true => Ok(serial),
                false => Err(v.error(format!("{serial} is no member of any group in {file}"))),
            }
        };
        v.array()?.iter().map(serial).collect::<Result<Vec<u64>, _>>()
    })?;
    Ok((conf, standby.unwrap_or_default()))
}

/// A preset, over it a Luna client's configuration, over that the keys of `[ha]`.
fn ha(value: Option<Value<'_>>, conf: Option<&Chrystoki>) -> Result<HaSettings, ConfigError> {
    let base = |preset: HaPreset| {
        let mut settings = preset.settings();
        if let Some(conf) = conf {
            conf.apply(&mut settings);
        }
        settings
    };
    let Some(value) = value else {
        return Ok(base(HaPreset::Default));
    };
    let table = value.table()?;
    table.known(&[
        "preset",
        "receive_timeout",
        "connect_timeout",
        "heartbeat",
        "recovery_interval",
        "recovery_attempts",
        "recovery_mode",
        "ha_only",
        "session_object_replication",
        "owed_copies",
        "deletes",
        "retry",
        "failover_on_deactivation",
        "boot_time",
        "log",
        "log_length",
        "keep_alive",
        "connect_by",
    ])?;
    let preset =
        table.optional("preset", |v| v.one_of(&HaPreset::ALL))?.unwrap_or(HaPreset::Default);
    let mut ha = base(preset);
    let set = |slot: &mut Duration, key| match table.optional(key, above_zero) {
        Ok(given) => {
            *slot = given.unwrap_or(*slot);
            Ok(())
        }
        Err(e) => Err(e),
    };
    set(&mut ha.receive_timeout, "receive_timeout")?;
    set(&mut ha.connect_timeout, "connect_timeout")?;
    set(&mut ha.heartbeat, "heartbeat")?;
    set(&mut ha.recovery_interval, "recovery_interval")?;
    let owed = [("durable", OwedCopies::Durable), ("process", OwedCopies::Process)];
    let deletes = [("replay", DeletePolicy::Replay), ("ignore", DeletePolicy::Ignore)];
    Ok(HaSettings {
        recovery_attempts: table
            .optional("recovery_attempts", recovery_attempts)?
            .unwrap_or(ha.recovery_attempts),
        recovery_mode: table
            .optional("recovery_mode", |v| v.one_of(&RecoveryMode::ALL))?
            .unwrap_or(ha.recovery_mode),
        ha_only: table.optional("ha_only", Value::boolean)?.unwrap_or(ha.ha_only),
        session_object_replication: table
            .optional("session_object_replication", Value::boolean)?
            .unwrap_or(ha.session_object_replication),
        owed_copies: table.optional("owed_copies", |v| v.one_of(&owed))?.unwrap_or(ha.owed_copies),
        deletes: table.optional("deletes", |v| v.one_of(&deletes))?.unwrap_or(ha.deletes),
        retry: table.optional("retry", Value::boolean)?.unwrap_or(ha.retry),
        failover_on_deactivation: table
            .optional("failover_on_deactivation", Value::boolean)?
            .unwrap_or(ha.failover_on_deactivation),
        boot_time: table.optional("boot_time", Value::duration)?.unwrap_or(ha.boot_time),
        log: table.optional("log", absolute)?.or(ha.log),
        log_length: table
            .optional("log_length", |v| v.integer(1..=i64::MAX as u64))?
            .unwrap_or(ha.log_length),
        keep_alive: table.optional("keep_alive", or_off)?.unwrap_or(ha.keep_alive),
        connect_by: table
            .optional("connect_by", |v| v.one_of(&ConnectBy::ALL))?
            .unwrap_or(ha.connect_by),
        ..ha
    })
}

/// A folder. A daemon's working directory is nobody's choice, so a relative path has no fixed meaning.
fn absolute(value: &Value<'_>) -> Result<PathBuf, ConfigError> {
    let path = PathBuf::from(value.str()?);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(value.must_be("an absolute path")),
    }
}

fn above_zero(value: &Value<'_>) -> Result<Duration, ConfigError> {
    match value.duration()? {
        Duration::ZERO => Err(value.error("must be longer than zero")),
        duration => Ok(duration),
    }
}

/// A duration above zero, or `off`.
fn or_off(value: &Value<'_>) -> Result<Option<Duration>, ConfigError> {
    match value.is_str() && value.str()? == "off" {
        true => Ok(None),
        false => above_zero(value).map(Some),
    }
}

fn recovery_attempts(value: &Value<'_>) -> Result<RecoveryAttempts, ConfigError> {
    Ok(match value.integer(-1..=1_000_000i64)? {
        -1 => RecoveryAttempts::Unlimited,
        0 => RecoveryAttempts::Off,
        count => RecoveryAttempts::AtMost(count as u32),
    })
}

fn links(root: &Table<'_>) -> Result<Links, ConfigError> {
    let mut links = root.optional("links", link_defaults)?.unwrap_or_default();
    links.overrides = root.tables("link")?.iter().map(link_override).collect::<Result<_, _>>()?;
    Ok(links)
}

fn link_defaults(value: &Value<'_>) -> Result<Links, ConfigError> {
    let table = value.table()?;
    table.known(&["jitter", "same_stamp", "same_region", "cross_region"])?;
    let mut links = Links::default();
    if let Some(all) = table.optional("jitter", jitter)? {
        links.same_stamp.jitter = all;
        links.same_region.jitter = all;
        links.cross_region_jitter = all;
    }
    let timing = |key, default: LinkTiming| -> Result<LinkTiming, ConfigError> {
        let Some(value) = table.get(key) else {
            return Ok(default);
        };
        let own = value.table()?;
        own.known(&["rtt", "jitter"])?;
        Ok(LinkTiming {
            rtt: own.optional("rtt", Value::duration)?.unwrap_or(default.rtt),
            jitter: own.optional("jitter", jitter)?.unwrap_or(default.jitter),
        })
    };
    links.same_stamp = timing("same_stamp", links.same_stamp)?;
    links.same_region = timing("same_region", links.same_region)?;
    if let Some(value) = table.get("cross_region") {
        let own = value.table()?;
        own.known(&["rtt", "jitter", "gateway_extra"])?;
        links.cross_region_rtt = own.optional("rtt", Value::duration)?;
        links.cross_region_jitter =
            own.optional("jitter", jitter)?.unwrap_or(links.cross_region_jitter);
        links.gateway_extra =
            own.optional("gateway_extra", Value::duration)?.unwrap_or(links.gateway_extra);
    }
    Ok(links)
}

fn link_override(table: &Table<'_>) -> Result<LinkOverride, ConfigError> {
    table.known(&["from", "to", "both_ways", "rtt", "jitter"])?;
    let end = |key| table.required(key, |v| v.place(PlacePattern::parse(v.str()?)));
    let rule = LinkOverride {
        from: end("from")?,
        to: end("to")?,
        both_ways: table.optional("both_ways", Value::boolean)?.unwrap_or(true),
        rtt: table.optional("rtt", Value::duration)?,
        jitter: table.optional("jitter", jitter)?,
    };
    if rule.rtt.is_none() && rule.jitter.is_none() {
        return Err(table.error("a [[link]] that changes nothing: give \"rtt\" or \"jitter\""));
    }
    Ok(rule)
}

/// `"none"`, or a table with `dist` and the distribution's own parameter.
fn jitter(value: &Value<'_>) -> Result<Jitter, ConfigError> {
    #[derive(Clone, Copy)]
    enum Dist {
        None,
        Uniform,
        Normal,
        LogNormal,
    }
    const DISTS: [(&str, Dist); 4] = [
        ("none", Dist::None),
        ("uniform", Dist::Uniform),
        ("normal", Dist::Normal),
        ("lognormal", Dist::LogNormal),
    ];
    if value.is_str() {
        return match value.one_of(&DISTS)? {
            Dist::None => Ok(Jitter::None),
            _ => Err(value.error(
                "this distribution needs its parameter: { dist = \"uniform\", spread = \"1ms\" }, \
                 { dist = \"normal\", sd = \"1ms\" } or { dist = \"lognormal\", p99_over_p50 = 2 }",
            )),
        };
    }
    let table = value.table()?;
    match table.required("dist", |v| v.one_of(&DISTS))? {
        Dist::None => table.known(&["dist"]).map(|()| Jitter::None),
        Dist::Uniform => {
            table.known(&["dist", "spread"])?;
            Ok(Jitter::Uniform { spread: table.required("spread", Value::duration)? })
        }
        Dist::Normal => {
            table.known(&["dist", "sd"])?;
            Ok(Jitter::Normal { sd: table.required("sd", Value::duration)? })
        }
        Dist::LogNormal => {
            table.known(&["dist", "p99_over_p50"])?;
            let p99_over_p50 = table.required("p99_over_p50", |v| match v.float()? {
                ratio if ratio > 1.0 && ratio <= 100.0 => Ok(ratio),
                _ => Err(v.error("\"p99_over_p50\" must be above 1 and at most 100")),
            })?;
            Ok(Jitter::LogNormal { p99_over_p50 })
        }
    }
}

fn provisioning(
    value: Option<Value<'_>>,
    topology: &Topology,
) -> Result<Provisioning, ConfigError> {
    let default = Provisioning {
        groups: topology.groups.first().map(|g| g.label.clone()).into_iter().collect(),
        ..Provisioning::well_known()
    };
    let Some(value) = value else {
        return Ok(default);
    };
    let table = value.table()?;
    table.known(&["groups", "user_pin", "so_pin", "crypto_user_pin", "hsm_so_pin"])?;
    let groups = table.optional("groups", |v| provisioned_groups(v, topology))?;
    Ok(Provisioning {
        groups: groups.unwrap_or(default.groups),
        user_pin: table.optional("user_pin", pin)?.unwrap_or(default.user_pin),
        so_pin: table.optional("so_pin", pin)?.unwrap_or(default.so_pin),
        crypto_user_pin: table.optional("crypto_user_pin", pin)?,
        hsm_so_pin: table.optional("hsm_so_pin", pin)?.unwrap_or(default.hsm_so_pin),
    })
}

/// A list of labels, or the word `"all"`.
fn provisioned_groups(value: &Value<'_>, topology: &Topology) -> Result<Vec<String>, ConfigError> {
    if value.is_str() {
        value.one_of(&[("all", ())])?;
        return Ok(topology.groups.iter().map(|g| g.label.clone()).collect());
    }
    let label = |v: &Value<'_>| {
        let label = v.str()?;
        if topology.group(label).is_none() {
            let hint = suggestion(label, topology.groups.iter().map(|g| g.label.as_str()));
            return Err(v.error(format!("there is no group \"{label}\"; {hint}")));
        }
        Ok(label.to_owned())
    };
    value.array()?.iter().map(label).collect()
}

/// The message never repeats the PIN.
fn pin(value: &Value<'_>) -> Result<Pin, ConfigError> {
    match value.str()? {
        pin if (1..=255).contains(&pin.len()) => Ok(Pin::new(pin)),
        _ => Err(value.error("a PIN has 1 to 255 bytes")),
    }
}

fn state(value: &Value<'_>) -> Result<StateSettings, ConfigError> {
    let table = value.table()?;
    table.known(&["directory", "group", "mode"])?;
    let directory = table.optional("directory", absolute)?;
    let mode = table.optional("mode", |v| {
        let text = v.str()?;
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o777 && mode & 0o700 == 0o700)
            .ok_or_else(|| {
                v.error("\"mode\" is an octal number that leaves the owner all rights: \"0770\"")
            })
    })?;
    Ok(StateSettings { directory, group: table.optional("group", Value::string)?, mode })
}
