//! What a simulated HSM cluster is, before any of it runs.
//!
//! - [`Topology`]: regions, stamps, devices, HA groups, links, HA timers, provisioning.
//! - [`Profile`]: what a device looks like to an application: strings, limits, mechanisms.
//! - [`Drill`]: a workload, faults on a schedule, and what the application may notice.
//! - [`fault`]: the one table of faults that the drill parser and the command line share.
//! - [`call_fault`]: faults of single PKCS#11 calls, scripted for an application's own tests.
//! - [`region`]: the catalogue of regions and the published round-trip times between them.
//!
//! The data itself (regions, shipped topologies, profiles and drills) lies as TOML beside `src/` and
//! is embedded, so a module loaded by a foreign process needs no file of its own.
//!
//! Everything here is a value or a pure function. There is no clock, no thread and no network; the
//! only input is a TOML text, read from a file in the three `load` functions, and a Luna client's
//! `Chrystoki.conf` where a topology names one. Errors name file, line
//! and column ([`ConfigError`]); a key or a name that does not exist is refused together with the
//! nearest one that does.

#![forbid(unsafe_code)]

pub mod call_fault;
mod check;
mod chrystoki;
mod cost;
pub mod drill;
mod duration;
mod error;
pub mod fault;
mod place;
pub mod profile;
pub mod region;
mod show;
mod source;
mod stable_hash;
pub mod topology;

pub use call_fault::{
    CALL_FUNCTIONS, CALL_KEYS, CallFault, CallFunction, CallKey, CallKeyKind, CallKeyUse,
    CallOutcome, CallProcess, CalledOn, Named,
};
pub use check::{Finding, Severity, check};
pub use chrystoki::ChrystokiSource;
pub use cost::CallCost;
pub use drill::{
    Abort, Action, Administration, Aspect, Claim, Compare, Condition, CountRange, Drill,
    Expectations, LatencyBound, Load, Operation, Phase, REPORT_FORMATS, Recovery, ReportSettings,
    Retry, SOMETIMES, Start, Step, Workload, WorkloadSource,
};
pub use duration::{format_duration, parse_duration};
pub use error::{ConfigError, suggestion};
pub use fault::{
    Appearance, Choose, Direction, ERROR_CODES, EndSet, Endpoint, FAULTS, Fault, FaultSpec,
    LinkEnd, ParamKind, ParamSpec, ParamValue, Pick, REPLACEMENT, Selector, Strikes, StruckLinks,
    Target, TargetKind, fault_spec,
};
pub use place::Place;
pub use profile::{
    CryptokiVersion, Flags, LoginEffect, LoginLimit, LoginLimits, MechanismRule, MechanismUse,
    ObjectLimits, PROFILE_KEYS, PinRule, Profile, ProfileKey, ServiceClass, ServiceTimes, Strings,
    profile_key_table,
};
pub use region::{Cloud, Region, RegionCode};
pub use show::show;
pub use topology::{
    ConnectBy, DeletePolicy, Device, DeviceId, Group, HaPreset, HaSettings, Jitter, LinkOverride,
    LinkTiming, Links, Member, OwedCopies, PARTITIONS_PER_DEVICE, Pin, PlacePattern, Provisioning,
    RecoveryAttempts, RecoveryMode, Replication, Role, RoundTrip, RoundTripSource, StateSettings,
    Topology,
};
