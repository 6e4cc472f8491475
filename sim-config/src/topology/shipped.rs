//! The topologies that come with the simulator, and how a topology is found.

use std::path::Path;

use super::{Topology, file};
use crate::error::{ConfigError, suggestion};
use crate::source::{Source, beside, looks_like_path, name_beside, read_file};

const SHIPPED: [(&str, &str); 7] = [
    ("single", include_str!("../../topologies/single.toml")),
    ("ha-pair", include_str!("../../topologies/ha-pair.toml")),
    ("ha-dr", include_str!("../../topologies/ha-dr.toml")),
    ("ha-dr-async", include_str!("../../topologies/ha-dr-async.toml")),
    ("global", include_str!("../../topologies/global.toml")),
    ("instant", include_str!("../../topologies/instant.toml")),
    ("timed-locks", include_str!("../../topologies/timed-locks.toml")),
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

    /// Reads a topology from a text; `origin` is the name that errors give it. A Luna client's
    /// configuration that the text names is read too; a relative path starts at `origin`'s directory.
    ///
    /// # Errors
    /// The text is no valid topology, or that file is none of a Luna client.
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
        topology.profile = name_beside(path.as_ref(), topology.profile);
        Ok(topology)
    }

    /// The text of a topology file as it must read to mean the same in another folder: paths that
    /// start at the file's directory are written out.
    ///
    /// # Errors
    /// The text is no TOML, or the current directory is gone.
    pub fn anchored(text: &str, path: impl AsRef<Path>) -> Result<String, ConfigError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let file = std::path::absolute(path)
            .map_err(|error| ConfigError::in_file(&origin, error.to_string()))?;
        let mut paths = Source::new(&origin, text).read(|root| {
            let mut paths = Vec::new();
            if let Some(profile) = root.get("profile")
                && looks_like_path(profile.str()?)
            {
                paths.push((profile.span(), profile.string()?));
            }
            if let Some(chrystoki) = root.get("chrystoki")
                && let Some(path) = chrystoki.table()?.get("path")
            {
                paths.push((path.span(), path.string()?));
            }
            Ok(paths)
        })?;
        // From the end, so that the places before stay what they are.
        paths.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut anchored = text.to_owned();
        for (span, written) in paths {
            let whole = beside(&file, &written).display().to_string();
            anchored.replace_range(span, &toml::Value::String(whole).to_string());
        }
        Ok(anchored)
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
