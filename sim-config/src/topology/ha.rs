//! Timers and habits of the HA client, and the presets that set them together.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A named set of defaults for [`HaSettings`]; keys that the file gives win over it.
///
/// | setting                      | `default`     | `luna`        | `luna-basic` | `no-retry`    |
/// |------------------------------|---------------|---------------|--------------|---------------|
/// | `recovery_mode`              | `activeBasic` | `activeBasic` | `passive`    | `activeBasic` |
/// | `owed_copies`                | `durable`     | `process`     | `process`    | `durable`     |
/// | `deletes`                    | `replay`      | `ignore`      | `ignore`     | `replay`      |
/// | `retry`                      | `true`        | `true`        | `true`       | `false`       |
///
/// All others are the same in every preset: see [`HaSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HaPreset {
    /// Luna's timers, with copies and deletions that survive the process that owes them.
    Default,
    /// To the letter of the vendor's guide.
    Luna,
    /// Clients before 6.2: a lost member is looked for only inside calls.
    LunaBasic,
    /// A library that never repeats a call on another member, as AWS CloudHSM's.
    NoRetry,
}

impl HaPreset {
    /// Every preset under the word of the topology file.
    pub const ALL: [(&'static str, HaPreset); 4] = [
        ("default", HaPreset::Default),
        ("luna", HaPreset::Luna),
        ("luna-basic", HaPreset::LunaBasic),
        ("no-retry", HaPreset::NoRetry),
    ];

    /// The settings this preset stands for.
    pub fn settings(self) -> HaSettings {
        let default = HaSettings {
            preset: self,
            receive_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(2),
            recovery_interval: Duration::from_secs(60),
            recovery_attempts: RecoveryAttempts::Off,
            recovery_mode: RecoveryMode::ActiveBasic,
            ha_only: true,
            session_object_replication: true,
            owed_copies: OwedCopies::Durable,
            deletes: DeletePolicy::Replay,
            retry: true,
            failover_on_deactivation: false,
            boot_time: Duration::from_secs(60),
            log: None,
            log_length: 100_000_000,
            keep_alive: Some(Duration::from_secs(2 * 3600)),
            connect_by: ConnectBy::Name,
        };
        let luna = HaSettings {
            owed_copies: OwedCopies::Process,
            deletes: DeletePolicy::Ignore,
            ..default.clone()
        };
        match self {
            HaPreset::Default => default,
            HaPreset::Luna => luna,
            HaPreset::LunaBasic => HaSettings { recovery_mode: RecoveryMode::Passive, ..luna },
            HaPreset::NoRetry => HaSettings { retry: false, ..default },
        }
    }
}

impl fmt::Display for HaPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, p)| p == self).map_or("default", |(word, _)| word);
        f.pad(word)
    }
}

/// How often a client tries to bring a lost member back by itself (`hagroup retry -count`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecoveryAttempts {
    /// Never; somebody has to run `ha recover`. What Azure Dedicated HSM documents as its default.
    Off,
    /// This many times, counted anew after a success.
    AtMost(u32),
    /// For as long as the process lives; `-1` in the file.
    Unlimited,
}

/// Who looks for lost members, and what survives the loss of all (`hagroup recoverymode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecoveryMode {
    /// Attempts happen inside the application's calls; an idle client never recovers.
    Passive,
    /// A background thread probes. After the loss of all members the library must be initialised
    /// anew.
    ActiveBasic,
    /// As `ActiveBasic`, and sessions and logins come back after the loss of all members.
    ActiveEnhanced,
}

impl RecoveryMode {
    /// Every mode under the word of the topology file.
    pub const ALL: [(&'static str, RecoveryMode); 3] = [
        ("passive", RecoveryMode::Passive),
        ("activeBasic", RecoveryMode::ActiveBasic),
        ("activeEnhanced", RecoveryMode::ActiveEnhanced),
    ];
}

impl fmt::Display for RecoveryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, m)| m == self).map_or("passive", |(word, _)| word);
        f.pad(word)
    }
}

/// Who remembers a key that a member has missed while it was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwedCopies {
    /// The state directory; any process delivers the copy when the member rejoins.
    Durable,
    /// The process that made the key; the debt dies with it, as with Luna.
    Process,
}

/// What happens on rejoin to a key that was destroyed while the member was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeletePolicy {
    /// It is destroyed there too.
    Replay,
    /// It comes back, and the report says so.
    Ignore,
}

/// How a client's configuration names the devices it connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectBy {
    /// By host name, which is resolved for every connection.
    Name,
    /// By IP address.
    Address,
}

impl ConnectBy {
    /// Every way under the word of the topology file.
    pub const ALL: [(&'static str, ConnectBy); 2] =
        [("name", ConnectBy::Name), ("address", ConnectBy::Address)];
}

/// Timers and habits of the HA client. Durations are in drill time: `time_scale` divides them.
///
/// Sources: "Timeouts", "Failover", "Recovery" of the Luna Network HSM 7 guides; recovery off by
/// default as Azure's troubleshooting page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaSettings {
    /// The preset that filled in what the file left out.
    pub preset: HaPreset,
    /// Silence after which a member is given up; 20 s (`ReceiveTimeout`).
    pub receive_timeout: Duration,
    /// Time that setting up a connection may take; 10 s.
    pub connect_timeout: Duration,
    /// Interval at which a device says that a long command still runs; 2 s.
    pub heartbeat: Duration,
    /// Time between two recovery attempts; 60 s (Luna accepts 60 s to 1200 s).
    pub recovery_interval: Duration,
    /// Number of automatic recovery attempts; off.
    pub recovery_attempts: RecoveryAttempts,
    /// Who looks for lost members.
    pub recovery_mode: RecoveryMode,
    /// Only groups are visible as slots, and their numbers never change (`HAOnly`); on.
    pub ha_only: bool,
    /// Session objects are copied to all active members; on.
    pub session_object_replication: bool,
    /// Who remembers missed keys.
    pub owed_copies: OwedCopies,
    /// What a returning member does about destroyed keys.
    pub deletes: DeletePolicy,
    /// One-part calls pending on a failed member are repeated on another; on.
    pub retry: bool,
    /// A member whose partition is no longer activated is given up (`failover_on_deactivation`); off,
    /// and the application gets CKR_USER_NOT_LOGGED_IN.
    pub failover_on_deactivation: bool,
    /// Time a device takes from power on until it answers; 60 s.
    pub boot_time: Duration,
    /// The folder that the client writes `haErrorLog.txt` into (`haLogPath`); none, and no log.
    pub log: Option<PathBuf>,
    /// Bytes beyond which that file is renamed and begun anew (`logLen`); 100,000,000.
    pub log_length: u64,
    /// Idle time after which TCP looks whether the other end is still there (`TCPKeepAlive` and the
    /// system's `tcp_keepalive_time`); 2 h, as Linux has it. `None`: it never looks.
    pub keep_alive: Option<Duration>,
    /// How the client's configuration names devices (`ServerName`).
    pub connect_by: ConnectBy,
}

impl Default for HaSettings {
    fn default() -> Self {
        HaPreset::Default.settings()
    }
}
