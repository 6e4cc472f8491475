//! The topologies that come with the simulator, and how a topology is found.

use std::path::Path;

use super::{Topology, file};
use crate::error::{ConfigError, suggestion};
use crate::source::{beside, looks_like_path, read_file};

const SHIPPED: [(&str, &str); 6] = [
    ("single", include_str!("../../topologies/single.toml")),
    ("ha-pair", include_str!("../../topologies/ha-pair.toml")),
    ("ha-dr", include_str!("../../topologies/ha-dr.toml")),
    ("ha-dr-async", include_str!("../../topologies/ha-dr-async.toml")),
    ("global", include_str!("../../topologies/global.toml")),
    ("instant", include_str!("../../topologies/instant.toml")),
];

impl Topology {
    /// Names of the shipped topologies.
    pub fn shipped_names() -> Vec<&'static str> {
        SHIPPED.iter().map(|(name, _)| *name).collect()
    }

    /// The text of a shipped topology, for people to start their own from.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
    }

    /// A shipped topology.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn shipped(name: &str) -> Result<Self, ConfigError> {
        match Self::shipped_text(name) {
            Some(text) => Self::parse(text, &format!("{name}.toml")),
            None => Err(ConfigError::new(format!(
                "there is no topology \"{name}\"; {}",
                suggestion(name, SHIPPED.iter().map(|(n, _)| *n))
            ))),
        }
    }

    /// Reads a topology from a text; `origin` is the name that errors give it.
    ///
    /// # Errors
    /// The text is no valid topology.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        file::parse(text, origin)
    }

    /// Reads a topology from a file. A relative path to a profile in it starts at the file's directory.
    ///
    /// # Errors
    /// The file cannot be read, or is no valid topology.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let (text, origin) = read_file(path.as_ref())?;
        let mut topology = Self::parse(&text, &origin)?;
        topology.profile = beside(path.as_ref(), topology.profile);
        Ok(topology)
    }

    /// A shipped topology by its name, or a file by its path.
    ///
    /// # Errors
    /// There is neither, or it is no valid topology.
    pub fn resolve(name_or_path: &str) -> Result<Self, ConfigError> {
        if !looks_like_path(name_or_path) {
            return Self::shipped(name_or_path);
        }
        Self::load(name_or_path)
    }
}
