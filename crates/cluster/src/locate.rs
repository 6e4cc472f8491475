//! Where the state is and which topology it has.
//!
//! State: what the caller says, else `HSMSIM_STATE`, else what the topology file says, else
//! `$XDG_STATE_HOME/hsmsim`, else `~/.local/state/hsmsim`. `memory` keeps nothing.
//! Topology: what the caller says, else `HSMSIM_CONFIG` (a path or a shipped name), else
//! `hsmsim.toml` in the state directory, else `/etc/hsmsim/hsmsim.toml`, else `ha-dr`.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use hsmsim_sim_config::{Place, PlacePattern, Topology};

use crate::{ClusterError, OpenOptions};

/// The environment variable that names the state directory.
pub const STATE_VARIABLE: &str = "HSMSIM_STATE";
/// The environment variable that names the topology.
pub const CONFIG_VARIABLE: &str = "HSMSIM_CONFIG";
/// The environment variable that takes the place of the topology's time scale: a drill sets it for
/// the application that it starts.
pub const TIME_SCALE_VARIABLE: &str = "HSMSIM_TIME_SCALE";
/// The environment variable that takes the place of the topology's client place, `eastus2` or
/// `eastus2/stamp2`: where the process that has it stands.
pub const CLIENT_VARIABLE: &str = "HSMSIM_CLIENT";
/// The topology file of a state directory.
pub const STATE_TOPOLOGY: &str = "hsmsim.toml";

const SYSTEM_TOPOLOGY: &str = "/etc/hsmsim/hsmsim.toml";
const DEFAULT_TOPOLOGY: &str = "ha-dr";
const MEMORY: &str = "memory";

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Located {
    /// The state directory; `None` keeps everything in memory.
    pub(crate) state: Option<PathBuf>,
    pub(crate) topology: Topology,
    /// The text to leave in a new state directory, so that whoever opens it later without naming a
    /// topology gets the one it was made from.
    pub(crate) text: String,
}

/// What may be asked of the environment; a value, so that tests need no environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) state: Option<OsString>,
    pub(crate) config: Option<OsString>,
    pub(crate) xdg_state: Option<OsString>,
    pub(crate) home: Option<OsString>,
    pub(crate) time_scale: Option<OsString>,
    pub(crate) client: Option<OsString>,
    pub(crate) system: PathBuf,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let get = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            state: get(STATE_VARIABLE),
            config: get(CONFIG_VARIABLE),
            xdg_state: get("XDG_STATE_HOME"),
            home: get("HOME"),
            time_scale: get(TIME_SCALE_VARIABLE),
            client: get(CLIENT_VARIABLE),
            system: PathBuf::from(SYSTEM_TOPOLOGY),
        }
    }
}

impl Environment {
    /// The time scale that takes the place of the topology's, if there is one.
    pub(crate) fn time_scale(&self, said: Option<f64>) -> Result<Option<f64>, ClusterError> {
        let scale = match (said, &self.time_scale) {
            (Some(scale), _) => scale,
            (None, None) => return Ok(None),
            (None, Some(text)) => text.to_str().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        };
        if !scale.is_finite() || scale < 1.0 {
            let message = format!("{TIME_SCALE_VARIABLE} must be a number of at least 1");
            return Err(ClusterError::State(message));
        }
        Ok(Some(scale))
    }
}

impl Environment {
    /// The place that takes that of the topology's client, if there is one.
    pub(crate) fn client(&self) -> Result<Option<Place>, ClusterError> {
        let Some(text) = &self.client else { return Ok(None) };
        let pattern = PlacePattern::parse(&text.to_string_lossy())
            .map_err(|error| ClusterError::State(format!("{CLIENT_VARIABLE}: {error}")))?;
        Ok(Some(Place::new(pattern.region, pattern.stamp.unwrap_or(1))))
    }
}

/// The topology that opening a cluster with these options would take; nothing is made or opened.
///
/// # Errors
/// A topology that cannot be found or is not valid.
pub fn find_topology(options: &OpenOptions) -> Result<Topology, ClusterError> {
    let environment = Environment::of_process();
    let located = locate(options.state.as_deref(), options.topology.as_deref(), &environment)?;
    Ok(located.topology)
}

/// Finds state and topology.
pub(crate) fn locate(
    state: Option<&str>,
    topology: Option<&str>,
    environment: &Environment,
) -> Result<Located, ClusterError> {
    let named_state = state.map(OsString::from).or_else(|| environment.state.clone());
    let named_topology = match topology {
        Some(name) => Some(name.to_owned()),
        None => environment.config.clone().map(text_of).transpose()?,
    };
    let default_state = || {
        let base = environment.xdg_state.clone().map(PathBuf::from).or_else(|| {
            environment.home.clone().map(|home| PathBuf::from(home).join(".local/state"))
        });
        base.map(|base| base.join("hsmsim"))
    };
    if let Some(name) = named_topology {
        let (topology, text) = resolve(&name)?;
        let state = named_state
            .map(PathBuf::from)
            .or_else(|| topology.state.directory.clone())
            .or_else(default_state);
        return finish(state, topology, text);
    }
    // The system's file comes after the state directory's own, but may say where that is.
    let system = environment.system.exists().then(|| load(&environment.system)).transpose()?;
    let state = named_state
        .map(PathBuf::from)
        .or_else(|| system.as_ref().and_then(|(topology, _)| topology.state.directory.clone()))
        .or_else(default_state);
    if let Some(own) = state.as_ref().map(|state| state.join(STATE_TOPOLOGY))
        && own.exists()
    {
        let (topology, text) = load(&own)?;
        return finish(state, topology, text);
    }
    let (topology, text) = match system {
        Some(found) => found,
        None => resolve(DEFAULT_TOPOLOGY)?,
    };
    finish(state, topology, text)
}

fn finish(
    state: Option<PathBuf>,
    topology: Topology,
    text: String,
) -> Result<Located, ClusterError> {
    let Some(state) = state else {
        return Err(ClusterError::State(format!(
            "no state directory: set {STATE_VARIABLE} to a directory, or to \"{MEMORY}\""
        )));
    };
    let state = (state.as_os_str() != MEMORY).then_some(state);
    Ok(Located { state, topology, text })
}

fn text_of(value: OsString) -> Result<String, ClusterError> {
    value
        .into_string()
        .map_err(|_| ClusterError::State(format!("{CONFIG_VARIABLE} is not valid UTF-8")))
}

fn resolve(name: &str) -> Result<(Topology, String), ClusterError> {
    if let Some(text) = Topology::shipped_text(name) {
        return Ok((Topology::shipped(name)?, text.to_owned()));
    }
    let topology = Topology::resolve(name)?;
    let text = std::fs::read_to_string(name)
        .map_err(|error| ClusterError::State(format!("{name}: {error}")))?;
    Ok((topology, Topology::anchored(&text, name)?))
}

fn load(path: &Path) -> Result<(Topology, String), ClusterError> {
    resolve(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: &Path) -> Environment {
        Environment {
            home: Some(home.into()),
            system: home.join("no-such-file"),
            ..Environment::default()
        }
    }

    #[test]
    fn nothing_said_gives_ha_dr_below_home() {
        let home = tempfile::tempdir().unwrap();
        let found = locate(None, None, &environment(home.path())).unwrap();
        assert_eq!(found.topology.name, "ha-dr");
        assert_eq!(found.state, Some(home.path().join(".local/state/hsmsim")));
    }

    #[test]
    fn memory_keeps_nothing() {
        let home = tempfile::tempdir().unwrap();
        let mut environment = environment(home.path());
        environment.state = Some("memory".into());
        environment.config = Some("instant".into());
        let found = locate(None, None, &environment).unwrap();
        assert_eq!((found.state, found.topology.name.as_str()), (None, "instant"));
    }

    #[test]
    fn the_state_directory_s_own_topology_comes_before_the_default() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let text = Topology::shipped_text("single").unwrap();
        std::fs::write(state.join(STATE_TOPOLOGY), text).unwrap();
        let mut environment = environment(home.path());
        environment.state = Some(state.clone().into());
        assert_eq!(locate(None, None, &environment).unwrap().topology.name, "single");
        environment.config = Some("ha-pair".into());
        assert_eq!(locate(None, None, &environment).unwrap().topology.name, "ha-pair");
    }

    #[test]
    fn a_time_scale_below_one_is_refused() {
        let at = |text: &str| {
            let time_scale = Some(text.into());
            Environment { time_scale, ..Environment::default() }.time_scale(None).ok()
        };
        assert_eq!(at("10"), Some(Some(10.0)));
        assert_eq!((at("0.5"), at("fast"), at("inf")), (None, None, None));
        assert_eq!(Environment::default().time_scale(None).unwrap(), None);
    }

    #[test]
    fn a_process_may_stand_elsewhere_than_the_topology_says() {
        let at = |text: &str| {
            let client = Some(text.into());
            let place = Environment { client, ..Environment::default() }.client().ok().flatten();
            place.map(|place| place.to_string())
        };
        assert_eq!(at("eastus2").as_deref(), Some("eastus2/stamp1"));
        assert_eq!(at("eastus2/stamp2").as_deref(), Some("eastus2/stamp2"));
        assert_eq!((at("nowhere"), Environment::default().client().unwrap()), (None, None));
    }

    #[test]
    fn the_caller_comes_before_the_environment() {
        let home = tempfile::tempdir().unwrap();
        let mut environment = environment(home.path());
        environment.config = Some("ha-pair".into());
        environment.state = Some("elsewhere".into());
        let found = locate(Some("memory"), Some("single"), &environment).unwrap();
        assert_eq!((found.state, found.topology.name.as_str()), (None, "single"));
    }
}
