//! The drills that come with the simulator, and how a drill is found.

use std::path::Path;

use super::{Aspect, Drill, fault_drills, file};
use crate::error::{ConfigError, suggestion};
use crate::source::{looks_like_path, name_beside, read_file};

const SHIPPED: [(&str, &str); 47] = [
    ("device-loss", include_str!("../../drills/device-loss.toml")),
    ("pair-loss", include_str!("../../drills/pair-loss.toml")),
    ("region-loss", include_str!("../../drills/region-loss.toml")),
    ("link-cut", include_str!("../../drills/link-cut.toml")),
    ("maintenance", include_str!("../../drills/maintenance.toml")),
    ("async-far-pair", include_str!("../../drills/async-far-pair.toml")),
    ("brown-out", include_str!("../../drills/brown-out.toml")),
    ("cert-expiry", include_str!("../../drills/cert-expiry.toml")),
    ("device-hang", include_str!("../../drills/device-hang.toml")),
    ("device-stall", include_str!("../../drills/device-stall.toml")),
    ("dropped-sessions", include_str!("../../drills/dropped-sessions.toml")),
    ("error-rate", include_str!("../../drills/error-rate.toml")),
    ("flapping-link", include_str!("../../drills/flapping-link.toml")),
    ("full-partition", include_str!("../../drills/full-partition.toml")),
    ("held-link", include_str!("../../drills/held-link.toml")),
    ("no-entropy", include_str!("../../drills/no-entropy.toml")),
    ("recover-too-early", include_str!("../../drills/recover-too-early.toml")),
    ("rolling-restart", include_str!("../../drills/rolling-restart.toml")),
    ("second-loss", include_str!("../../drills/second-loss.toml")),
    ("self-test", include_str!("../../drills/self-test.toml")),
    ("silent-firewall", include_str!("../../drills/silent-firewall.toml")),
    ("slow-device", include_str!("../../drills/slow-device.toml")),
    ("stamp-loss", include_str!("../../drills/stamp-loss.toml")),
    ("standby-loss", include_str!("../../drills/standby-loss.toml")),
    ("tamper", include_str!("../../drills/tamper.toml")),
    ("vpn-gateway-loss", include_str!("../../drills/vpn-gateway-loss.toml")),
    ("async-region-loss", include_str!("../../drills/async-region-loss.toml")),
    ("both-links-cut", include_str!("../../drills/both-links-cut.toml")),
    ("half-cut", include_str!("../../drills/half-cut.toml")),
    ("restart-storm", include_str!("../../drills/restart-storm.toml")),
    ("slow-link", include_str!("../../drills/slow-link.toml")),
    ("pin-lock-out", include_str!("../../drills/pin-lock-out.toml")),
    ("device-replacement", include_str!("../../drills/device-replacement.toml")),
    ("deactivated-member", include_str!("../../drills/deactivated-member.toml")),
    ("full-member", include_str!("../../drills/full-member.toml")),
    ("audit-log-full", include_str!("../../drills/audit-log-full.toml")),
    ("throttled-device", include_str!("../../drills/throttled-device.toml")),
    ("corrupt-disk", include_str!("../../drills/corrupt-disk.toml")),
    ("standby-hang", include_str!("../../drills/standby-hang.toml")),
    ("lossy-link", include_str!("../../drills/lossy-link.toml")),
    ("rough-brown-out", include_str!("../../drills/rough-brown-out.toml")),
    ("forgotten-standby", include_str!("../../drills/forgotten-standby.toml")),
    ("cert-overwritten", include_str!("../../drills/cert-overwritten.toml")),
    ("dns-outage", include_str!("../../drills/dns-outage.toml")),
    ("swizzle", include_str!("../../drills/swizzle.toml")),
    ("split-regions", include_str!("../../drills/split-regions.toml")),
    ("scripted-errors", include_str!("../../drills/scripted-errors.toml")),
];

/// Name and text of every shipped drill: the stories, then those of single faults.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    SHIPPED.iter().copied().chain(fault_drills::all())
}

impl Drill {
    /// Names of the shipped drills that tell a story; those of single faults are
    /// [`Drill::fault_names`].
    pub fn shipped_names() -> Vec<&'static str> {
        SHIPPED.iter().map(|(name, _)| *name).collect()
    }

    /// Names of the shipped drills of single faults, in the order of the fault table.
    pub fn fault_names() -> Vec<&'static str> {
        fault_drills::all().map(|(name, _)| name).collect()
    }

    /// The shipped drill of one fault.
    ///
    /// # Errors
    /// There is no fault of that name.
    pub fn of_fault(kind: &str, aspect: Aspect) -> Result<Self, ConfigError> {
        Self::shipped(&fault_drills::name(kind, aspect))
    }

    /// The text of a shipped drill, for people to start their own from.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        all().find(|(n, _)| *n == name).map(|(_, text)| text)
    }

    /// A shipped drill.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn shipped(name: &str) -> Result<Self, ConfigError> {
        match Self::shipped_text(name) {
            Some(text) => Self::parse(text, &format!("{name}.toml")),
            None => Err(ConfigError::new(format!(
                "there is no drill \"{name}\"; {}",
                suggestion(name, all().map(|(name, _)| name))
            ))),
        }
    }

    /// Reads a drill from a text; `origin` is the name that errors give it.
    ///
    /// # Errors
    /// The text is no valid drill.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        file::parse(text, origin)
    }

    /// Reads a drill from a file. A relative path to a topology in it starts at the file's directory.
    ///
    /// # Errors
    /// The file cannot be read, or is no valid drill.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let (text, origin) = read_file(path.as_ref())?;
        let mut drill = Self::parse(&text, &origin)?;
        drill.topology = name_beside(path.as_ref(), drill.topology);
        Ok(drill)
    }

    /// A shipped drill by its name, or a file by its path. `faults/device.hang/bites` is a name, as is
    /// whatever begins like it and does not end in `.toml`; `./faults/…` is a path.
    ///
    /// # Errors
    /// There is neither, or it is no valid drill.
    pub fn resolve(name_or_path: &str) -> Result<Self, ConfigError> {
        let is_name = match name_or_path.strip_prefix(fault_drills::FOLDER) {
            Some(rest) => !rest.ends_with(".toml"),
            None => !looks_like_path(name_or_path),
        };
        match is_name {
            true => Self::shipped(name_or_path),
            false => Self::load(name_or_path),
        }
    }
}
