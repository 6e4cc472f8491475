//! A Luna client's own configuration, `Chrystoki.conf`: its HA groups and the settings of its HA
//! client, so that a drill runs with the file that production uses.
//!
//! Which devices there are, where they stand and how far apart is the topology's; the file names
//! members by the serial numbers of their partitions. The keys that mean something here are a named
//! few (`keys`); others that a Luna client is known to have are passed over and listed by
//! `topology check`, and unknown ones are refused.

mod keys;
mod syntax;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::keys::{KnownSection, SECTIONS};
use self::syntax::{Entry, Section};
use crate::error::{ConfigError, suggestion};
use crate::topology::{ConnectBy, HaSettings, RecoveryAttempts, RecoveryMode};

/// The environment variable that names the folder of a Luna client's file.
pub(crate) const VARIABLE: &str = "ChrystokiConfigurationPath";
/// The name of the file.
const FILE: &str = "Chrystoki.conf";
/// Where a Luna client on Linux has it.
const SYSTEM: &str = "/etc/Chrystoki.conf";

/// What a topology took from a Luna client's configuration, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChrystokiSource {
    /// The file.
    pub path: PathBuf,
    /// Keys in it that mean nothing here, `Section.Key`, in the order of the file.
    pub unused: Vec<String>,
    /// Labels of groups whose synchronisation the file turns off, which has no effect here.
    pub unsynchronized: Vec<String>,
}

/// A group of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VirtualToken {
    pub(crate) label: String,
    pub(crate) serial: Option<u64>,
    /// Serial numbers of the members, the first being the primary.
    pub(crate) members: Vec<u64>,
    /// The place of the members' line.
    line: usize,
    column: usize,
}

/// The file, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chrystoki {
    file: String,
    pub(crate) groups: Vec<VirtualToken>,
    receive_timeout: Option<Duration>,
    keep_alive: bool,
    connect_by: Option<ConnectBy>,
    ha_only: bool,
    recovery_attempts: RecoveryAttempts,
    recovery_interval: Option<Duration>,
    recovery_mode: Option<RecoveryMode>,
    log: Option<PathBuf>,
    log_length: Option<u64>,
    failover_on_deactivation: bool,
    unused: Vec<String>,
    unsynchronized: Vec<String>,
}

/// Finds the file: in the folder that the environment names, if the topology lets it; else the
/// topology's path; else where a Luna client looks.
pub(crate) fn locate(path: Option<PathBuf>, by_environment: bool) -> PathBuf {
    let folder = std::env::var_os(VARIABLE).filter(|folder| by_environment && !folder.is_empty());
    match folder {
        Some(folder) => Path::new(&folder).join(FILE),
        None => path.unwrap_or_else(|| PathBuf::from(SYSTEM)),
    }
}

impl Chrystoki {
    /// Reads a file's text. `ignore` names sections and keys (`Section`, `Section.Key`) that are
    /// passed over though nobody here knows them.
    ///
    /// # Errors
    /// Text of another form, unknown or missing keys, values that cannot be used.
    pub(crate) fn parse(text: &str, file: &str, ignore: &[String]) -> Result<Self, ConfigError> {
        let mut this = Self {
            file: file.to_owned(),
            groups: Vec::new(),
            receive_timeout: None,
            keep_alive: true,
            connect_by: None,
            // Off unless the file turns it on, and so is recovery.
            ha_only: false,
            recovery_attempts: RecoveryAttempts::Off,
            recovery_interval: None,
            recovery_mode: None,
            log: None,
            log_length: None,
            failover_on_deactivation: false,
            unused: Vec::new(),
            unsynchronized: Vec::new(),
        };
        let sections = syntax::parse(text, file)?;
        let mut status = true;
        let mut synchronize = Vec::new();
        for section in &sections {
            let Some(known) = this.known(section, ignore)? else { continue };
            for entry in &section.entries {
                if !this.is_used(section, known, entry, ignore)? {
                    continue;
                }
                match (section.name, entry.key) {
                    ("LunaSA Client", "ReceiveTimeout") => {
                        let ms = this.number(entry, 1, u64::from(u32::MAX))?;
                        this.receive_timeout = Some(Duration::from_millis(ms));
                    }
                    ("LunaSA Client", "TCPKeepAlive") => {
                        this.keep_alive = this.number(entry, 0, 1)? == 1;
                    }
                    // One name among addresses is enough to need a name service.
                    ("LunaSA Client", _) => {
                        let address = entry.value.parse::<IpAddr>().is_ok();
                        let named = !address || this.connect_by == Some(ConnectBy::Name);
                        this.connect_by =
                            Some(if named { ConnectBy::Name } else { ConnectBy::Address });
                    }
                    ("HAConfiguration", "HAOnly") => this.ha_only = this.number(entry, 0, 1)? == 1,
                    ("HAConfiguration", "reconnAtt") => {
                        this.recovery_attempts = this.attempts(entry)?;
                    }
                    ("HAConfiguration", "AutoReconnectInterval") => {
                        let seconds = this.number(entry, 1, u64::from(u32::MAX))?;
                        this.recovery_interval = Some(Duration::from_secs(seconds));
                    }
                    ("HAConfiguration", "haLogPath") => this.log = Some(this.folder(entry)?),
                    ("HAConfiguration", "logLen") => {
                        this.log_length = Some(this.number(entry, 1, i64::MAX as u64)?);
                    }
                    ("HAConfiguration", "failover_on_deactivation") => {
                        this.failover_on_deactivation = this.number(entry, 0, 1)? == 1;
                    }
                    ("HAConfiguration", "haLogStatus") => {
                        status = this.word(entry, &[("enabled", true), ("disabled", false)])?;
                    }
                    ("VirtualToken", "VirtualTokenActiveRecovery") => {
                        let modes = [
                            ("activeBasic", RecoveryMode::ActiveBasic),
                            ("activeEnhanced", RecoveryMode::ActiveEnhanced),
                        ];
                        this.recovery_mode = Some(this.word(entry, &modes)?);
                    }
                    ("HASynchronize", _) => synchronize.push(entry),
                    // The keys of groups are read together below.
                    _ => {}
                }
            }
            if section.name == "VirtualToken" {
                this.groups = this.virtual_tokens(section)?;
            }
        }
        // A path alone logs since client 7.2; the status can turn it off.
        this.log = this.log.filter(|_| status);
        for entry in synchronize {
            let known = this.groups.iter().any(|group| group.label == entry.key);
            match this.number(entry, 0, 1)? {
                _ if !known => this.unused.push(format!("HASynchronize.{}", entry.key)),
                0 => this.unsynchronized.push(entry.key.to_owned()),
                _ => {}
            }
        }
        if this.groups.is_empty() {
            let message = "no HA group: section VirtualToken needs VirtualToken00Label and \
                           VirtualToken00Members";
            return Err(ConfigError::in_file(file, message));
        }
        Ok(this)
    }

    /// The section of the table; `None` if it is passed over whole.
    fn known(
        &mut self,
        section: &Section<'_>,
        ignore: &[String],
    ) -> Result<Option<&'static KnownSection>, ConfigError> {
        if ignore.iter().any(|name| name == section.name) {
            self.unused.push(section.name.to_owned());
            return Ok(None);
        }
        match SECTIONS.iter().find(|known| known.name == section.name) {
            Some(known) => Ok(Some(known)),
            None => {
                let hint = suggestion(section.name, SECTIONS.iter().map(|known| known.name));
                let message = format!("unknown section \"{}\"; {hint}", section.name);
                let message = message + &pass_over(section.name);
                Err(ConfigError::at(&self.file, section.line, section.column, message))
            }
        }
    }

    /// Whether a key means something here.
    fn is_used(
        &mut self,
        section: &Section<'_>,
        known: &KnownSection,
        entry: &Entry<'_>,
        ignore: &[String],
    ) -> Result<bool, ConfigError> {
        if known.used.iter().any(|used| keys::is(entry.key, used, false)) {
            return Ok(true);
        }
        let name = format!("{}.{}", section.name, entry.key);
        let other = known.others.iter().any(|other| keys::is(entry.key, other, true));
        if other || ignore.contains(&name) {
            self.unused.push(name);
            return Ok(false);
        }
        let all = known.used.iter().chain(known.others).copied();
        let hint = suggestion(entry.key, all.collect::<Vec<_>>());
        let message = format!("unknown key \"{}\" in {}; {hint}", entry.key, section.name);
        Err(self.error(entry, message + &pass_over(&name)))
    }

    /// The groups, in the order of their numbers.
    fn virtual_tokens(&self, section: &Section<'_>) -> Result<Vec<VirtualToken>, ConfigError> {
        let mut numbers: Vec<&str> = Vec::new();
        for entry in &section.entries {
            let number = ["Label", "SN", "Members"].iter().find_map(|after| part(entry.key, after));
            if let Some(number) = number.filter(|number| !numbers.contains(number)) {
                numbers.push(number);
            }
        }
        numbers.sort_by_key(|number| number.parse::<u32>().unwrap_or(u32::MAX));
        let mut groups: Vec<VirtualToken> = Vec::new();
        for number in numbers {
            let find = |after: &str| {
                section.entries.iter().find(|entry| part(entry.key, after) == Some(number))
            };
            let needed = |after: &str| {
                find(after).filter(|entry| !entry.value.is_empty()).ok_or_else(|| {
                    let message = format!("VirtualToken{number}{after} is missing");
                    ConfigError::at(&self.file, section.line, section.column, message)
                })
            };
            let (label, members) = (needed("Label")?, needed("Members")?);
            let serial = find("SN").map(|entry| self.serial(entry, entry.value)).transpose()?;
            if let Some(other) = groups.iter().find(|g| serial.is_some() && g.serial == serial) {
                let message = format!("group \"{}\" has this serial number too", other.label);
                return Err(self.error(find("SN").unwrap_or(label), message));
            }
            let serials =
                members.value.split(',').map(|serial| self.serial(members, serial.trim()));
            groups.push(VirtualToken {
                label: label.value.to_owned(),
                serial,
                members: serials.collect::<Result<_, _>>()?,
                line: members.line,
                column: members.column,
            });
        }
        Ok(groups)
    }

    /// Puts what the file says in the place of a preset's settings.
    pub(crate) fn apply(&self, ha: &mut HaSettings) {
        ha.receive_timeout = self.receive_timeout.unwrap_or(ha.receive_timeout);
        ha.keep_alive = ha.keep_alive.filter(|_| self.keep_alive);
        ha.connect_by = self.connect_by.unwrap_or(ha.connect_by);
        ha.ha_only = self.ha_only;
        ha.recovery_attempts = self.recovery_attempts;
        ha.recovery_interval = self.recovery_interval.unwrap_or(ha.recovery_interval);
        ha.recovery_mode = self.recovery_mode.unwrap_or(ha.recovery_mode);
        ha.log.clone_from(&self.log);
        ha.failover_on_deactivation |= self.failover_on_deactivation;
        ha.log_length = self.log_length.unwrap_or(ha.log_length);
    }

    /// An error about a group's members.
    pub(crate) fn error_at(&self, group: &VirtualToken, message: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.file, group.line, group.column, message)
    }

    /// What remains to be told of the file.
    pub(crate) fn into_source(self) -> ChrystokiSource {
        let Self { file, unused, unsynchronized, .. } = self;
        ChrystokiSource { path: PathBuf::from(file), unused, unsynchronized }
    }

    fn error(&self, entry: &Entry<'_>, message: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.file, entry.line, entry.column, message)
    }

    fn number(&self, entry: &Entry<'_>, low: u64, high: u64) -> Result<u64, ConfigError> {
        let number = entry.value.parse().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| {
            let Entry { key, value, .. } = entry;
            self.error(entry, format!("{key} must be from {low} to {high}, not \"{value}\""))
        })
    }

    fn attempts(&self, entry: &Entry<'_>) -> Result<RecoveryAttempts, ConfigError> {
        Ok(match entry.value {
            "-1" => RecoveryAttempts::Unlimited,
            _ => match self.number(entry, 0, u64::from(u32::MAX))? {
                0 => RecoveryAttempts::Off,
                count => RecoveryAttempts::AtMost(count as u32),
            },
        })
    }

    fn word<T: Copy>(&self, entry: &Entry<'_>, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let Entry { key, value, .. } = entry;
        words.iter().find(|(word, _)| word == value).map(|(_, value)| *value).ok_or_else(|| {
            let hint = suggestion(value, words.iter().map(|(word, _)| *word));
            self.error(entry, format!("{key} cannot be \"{value}\"; {hint}"))
        })
    }

    fn folder(&self, entry: &Entry<'_>) -> Result<PathBuf, ConfigError> {
        let path = PathBuf::from(entry.value);
        match path.is_absolute() {
            true => Ok(path),
            false => Err(self.error(entry, format!("{} must be an absolute path", entry.key))),
        }
    }

    /// A serial number has at most sixteen digits: that is the room in CK_TOKEN_INFO.
    fn serial(&self, entry: &Entry<'_>, text: &str) -> Result<u64, ConfigError> {
        let is_serial = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| is_serial).ok_or_else(|| {
            self.error(entry, format!("{}: \"{text}\" is no serial number", entry.key))
        })
    }
}

/// The number in `VirtualToken00Label` and its like.
fn part<'k>(key: &'k str, after: &str) -> Option<&'k str> {
    keys::numbered(key, "VirtualToken", after, false)
}

/// How to have an unknown name passed over.
fn pass_over(name: &str) -> String {
    format!("; to pass over it, write ignore = [\"{name}\"] in [chrystoki] of the topology")
}
