//! The profiles that come with the simulator, and how a profile is found.

use std::path::Path;
use std::sync::LazyLock;

use super::{Profile, file};
use crate::error::{ConfigError, suggestion};
use crate::source::{looks_like_path, read_file};

const A790: &str = include_str!("../../profiles/a790.toml");

/// Gives a text, which is put together when it is first asked for.
type Text = fn() -> &'static str;

const SHIPPED: [(&str, Text); 4] = [
    ("open", || include_str!("../../profiles/open.toml")),
    ("a790", || A790),
    ("a790-no-fips", || &A790_NO_FIPS),
    ("timed-locks", || include_str!("../../profiles/timed-locks.toml")),
];

/// The same device with FIPS mode switched off: one file cannot get ahead of the other.
static A790_NO_FIPS: LazyLock<String> = LazyLock::new(|| {
    A790.replacen("name = \"a790\"", "name = \"a790-no-fips\"", 1)
        .replacen("A790 in FIPS mode", "A790 without FIPS mode", 1)
        .replacen("\nfips = true\n", "\nfips = false\n", 1)
});

impl Profile {
    /// Names of the shipped profiles.
    pub fn shipped_names() -> Vec<&'static str> {
        SHIPPED.iter().map(|(name, _)| *name).collect()
    }

    /// The text of a shipped profile, for people to start their own from.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(n, _)| *n == name).map(|(_, text)| text())
    }

    /// A shipped profile.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn shipped(name: &str) -> Result<Self, ConfigError> {
        match Self::shipped_text(name) {
            Some(text) => Self::parse(text, &format!("{name}.toml")),
            None => Err(ConfigError::new(format!(
                "there is no profile \"{name}\"; {}",
                suggestion(name, SHIPPED.iter().map(|(n, _)| *n))
            ))),
        }
    }

    /// Reads a profile from a text; `origin` is the name that errors give it.
    ///
    /// # Errors
    /// The text is no valid profile.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        file::parse(text, origin)
    }

    /// Reads a profile from a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no valid profile.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let (text, origin) = read_file(path.as_ref())?;
        Self::parse(&text, &origin)
    }

    /// A shipped profile by its name, or a file by its path.
    ///
    /// # Errors
    /// There is neither, or it is no valid profile.
    pub fn resolve(name_or_path: &str) -> Result<Self, ConfigError> {
        if !looks_like_path(name_or_path) {
            return Self::shipped(name_or_path);
        }
        Self::load(name_or_path)
    }
}
