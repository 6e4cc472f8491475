//! Reading TOML with the place of every value at hand.
//!
//! A derive would be shorter, but it reports a wrong reference (a device that does not exist, a
//! partition used twice) without a line, and it cannot say which key was meant. Here each value
//! remembers its span, so that every check of this crate, however late, can point at its line.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::duration::parse_duration;
use crate::error::{ConfigError, suggestion};
use crate::region::RegionCode;

/// A text with the name it is reported under.
pub(crate) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// Parses the text and hands its root table to `f`.
    pub(crate) fn read<T>(
        &self,
        f: impl FnOnce(&Table<'_>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let parsed = DeTable::parse(self.text).map_err(|e| {
            let message = e.message().lines().collect::<Vec<_>>().join("; ");
            self.error(e.span().unwrap_or(0..0), message)
        })?;
        f(&Table { source: self, table: parsed.get_ref(), span: parsed.span(), path: Vec::new() })
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..].chars().count() + 1;
        ConfigError::at(self.name, line, column, message)
    }
}

/// A table of the file: the root, a `[section]`, an entry of `[[section]]` or an inline table.
#[derive(Clone)]
pub(crate) struct Table<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    path: Vec<&'a str>,
}

impl<'a> Table<'a> {
    /// Refuses every key that is not among `keys`. Called first, so that a misspelt key is reported
    /// as such and not as the absence of the right one.
    pub(crate) fn known(&self, keys: &[&str]) -> Result<(), ConfigError> {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let hint = suggestion(name, keys.iter().copied());
                let message = format!("unknown key \"{name}\" in {}; {hint}", self.name());
                return Err(self.source.error(key.span(), message));
            }
        }
        Ok(())
    }

    /// All entries in the order of the text.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Value<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (key.span().start, key.get_ref().as_ref(), value))
            .collect();
        entries.sort_by_key(|(start, ..)| *start);
        entries.into_iter().map(|(_, key, value)| (key, self.value(key, value))).collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.value(key.get_ref(), value))
    }

    pub(crate) fn optional<T>(
        &self,
        key: &str,
        f: impl FnOnce(&Value<'a>) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(key).map(|value| f(&value)).transpose()
    }

    pub(crate) fn required<T>(
        &self,
        key: &str,
        f: impl FnOnce(&Value<'a>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        match self.get(key) {
            Some(value) => f(&value),
            None => Err(self.error(format!("{} needs the key \"{key}\"", self.name()))),
        }
    }

    /// The entries of `[[key]]`; none when the key is absent.
    pub(crate) fn tables(&self, key: &str) -> Result<Vec<Table<'a>>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        if value.value.get_ref().is_table() {
            return Err(value.error(format!("\"{key}\" is a list: write [[{key}]], not [{key}]")));
        }
        value.array()?.iter().map(Value::table).collect()
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ConfigError {
        self.source.error(self.span.clone(), message)
    }

    /// Line and column of the table, for errors that are found after the text is gone.
    pub(crate) fn position(&self) -> (usize, usize) {
        let here = self.error("");
        (here.line(), here.column())
    }

    fn value(&self, key: &'a str, value: &'a Spanned<DeValue<'a>>) -> Value<'a> {
        // Put together when an error is told, which hardly ever happens.
        let mut path = Vec::with_capacity(self.path.len() + 1);
        path.extend_from_slice(&self.path);
        path.push(key);
        Value { source: self.source, value, path }
    }

    fn name(&self) -> String {
        match &self.path[..] {
            [] => "this file".to_owned(),
            path => format!("[{}]", path.join(".")),
        }
    }
}

/// One value of the file.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    source: &'a Source<'a>,
    value: &'a Spanned<DeValue<'a>>,
    path: Vec<&'a str>,
}

impl<'a> Value<'a> {
    pub(crate) fn error(&self, message: impl Into<String>) -> ConfigError {
        self.source.error(self.value.span(), message)
    }

    /// Gives an error that was made without a place the place of this value.
    pub(crate) fn place<T>(&self, result: Result<T, ConfigError>) -> Result<T, ConfigError> {
        result.map_err(|e| if e.line() == 0 { self.error(e.message()) } else { e })
    }

    fn expected(&self, what: &str) -> ConfigError {
        let found = self.value.get_ref().type_str();
        self.error(format!("\"{}\" must be {what}, not of type {found}", self.path()))
    }

    /// The keys that lead to it.
    fn path(&self) -> String {
        self.path.join(".")
    }

    /// Where the value stands in the text, in bytes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// The error of a value of the right type that cannot be used.
    pub(crate) fn must_be(&self, what: &str) -> ConfigError {
        self.error(format!("\"{}\" must be {what}", self.path()))
    }

    pub(crate) fn str(&self) -> Result<&'a str, ConfigError> {
        self.value.get_ref().as_str().ok_or_else(|| self.expected("a string"))
    }

    pub(crate) fn string(&self) -> Result<String, ConfigError> {
        self.str().map(str::to_owned)
    }

    pub(crate) fn boolean(&self) -> Result<bool, ConfigError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.expected("true or false"))
    }

    pub(crate) fn is_str(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// A whole number within `range`.
    pub(crate) fn integer<T>(&self, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let written =
            self.value.get_ref().as_integer().ok_or_else(|| self.expected("a whole number"))?;
        i64::from_str_radix(written.as_str(), written.radix())
            .ok()
            .and_then(|n| T::try_from(n).ok())
            .filter(|n| range.contains(n))
            .ok_or_else(|| {
                let (low, high) = (range.start(), range.end());
                self.error(format!("\"{}\" must be from {low} to {high}", self.path()))
            })
    }

    /// A finite number, written with or without a point.
    pub(crate) fn float(&self) -> Result<f64, ConfigError> {
        let value = self.value.get_ref();
        let number = match (value.as_float(), value.as_integer()) {
            (Some(f), _) => f.as_str().parse::<f64>().ok(),
            (None, Some(i)) => i64::from_str_radix(i.as_str(), i.radix()).ok().map(|n| n as f64),
            (None, None) => return Err(self.expected("a number")),
        };
        number.filter(|n| n.is_finite()).ok_or_else(|| self.expected("a finite number"))
    }

    pub(crate) fn duration(&self) -> Result<Duration, ConfigError> {
        let Some(text) = self.value.get_ref().as_str() else {
            return Err(self.expected("a duration such as \"20s\" or \"1.55ms\""));
        };
        parse_duration(text).map_err(|message| self.error(message))
    }

    pub(crate) fn region(&self) -> Result<RegionCode, ConfigError> {
        self.place(self.str()?.parse())
    }

    /// One word of a closed list.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let word = self.str()?;
        words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
            let hint = suggestion(word, words.iter().map(|(name, _)| *name));
            self.error(format!("\"{}\" cannot be \"{word}\"; {hint}", self.path()))
        })
    }

    pub(crate) fn array(&self) -> Result<Vec<Value<'a>>, ConfigError> {
        let array = self.value.get_ref().as_array().ok_or_else(|| self.expected("a list"))?;
        let element = |value| Value { source: self.source, value, path: self.path.clone() };
        Ok(array.iter().map(element).collect())
    }

    pub(crate) fn strings(&self) -> Result<Vec<String>, ConfigError> {
        self.array()?.iter().map(Value::string).collect()
    }

    pub(crate) fn table(&self) -> Result<Table<'a>, ConfigError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.expected("a table"))?;
        Ok(Table { source: self.source, table, span: self.value.span(), path: self.path.clone() })
    }
}

/// Reads a file whole; the second part is the name that errors give it.
pub(crate) fn read_file(path: &Path) -> Result<(String, String), ConfigError> {
    let origin = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((text, origin)),
        Err(e) => Err(ConfigError::in_file(origin, format!("cannot be read: {e}"))),
    }
}

/// Whether a name on the command line means a file: it has a directory or ends in `.toml`. Anything
/// else is a shipped name, so that a file called `single` in the current directory changes nothing.
pub(crate) fn looks_like_path(name: &str) -> bool {
    name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|e| e == "toml")
}

/// A name found in a file: a shipped name stays, a relative path starts at the file's directory,
/// because the working directory of a host program is nobody's choice.
pub(crate) fn name_beside(file: &Path, name: String) -> String {
    match looks_like_path(&name) {
        true => beside(file, &name).display().to_string(),
        false => name,
    }
}

/// A path found in a file: a relative one starts at the file's directory.
pub(crate) fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}
