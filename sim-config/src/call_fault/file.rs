//! Call faults from tables: the `[[call]]` sections of a file, in the order in which they are asked, and
//! `call` of a drill's step.

use std::path::Path;

use super::{CALL_KEYS, CallFault};
use crate::error::ConfigError;
use crate::source::{Source, Table, Value, read_file};

impl CallFault {
    /// The call faults of a file.
    ///
    /// # Errors
    /// A file that cannot be read, and as [`CallFault::parse_file`].
    pub fn file(path: &Path) -> Result<Vec<Self>, ConfigError> {
        let (text, origin) = read_file(path)?;
        Self::parse_file(&text, &origin)
    }

    /// The call faults of a file's text; `origin` is what errors call it.
    ///
    /// # Errors
    /// As [`CallFault::new`], with the place; a key that does not exist, with the nearest that does; a
    /// file without a section.
    pub fn parse_file(text: &str, origin: &str) -> Result<Vec<Self>, ConfigError> {
        Source::new(origin, text).read(|root| {
            root.known(&["call"])?;
            let faults: Vec<Self> =
                root.tables("call")?.iter().map(Self::table).collect::<Result<_, _>>()?;
            if faults.is_empty() {
                return Err(root.error("this file has no [[call]]"));
            }
            Ok(faults)
        })
    }

    /// A call fault from its table, which has `function` and keys of [`CALL_KEYS`], and no other.
    pub(crate) fn table(table: &Table<'_>) -> Result<Self, ConfigError> {
        let mut known = vec!["function"];
        known.extend(CALL_KEYS.iter().map(|key| key.name));
        table.known(&known)?;
        let mut fault = table.required("function", |value| {
            let names = if value.is_str() { value.string()? } else { value.strings()?.join(",") };
            value.place(Self::empty(&names))
        })?;
        for key in CALL_KEYS {
            table.optional(key.name, |value| value.place(fault.set(key.name, &scalar(value)?)))?;
        }
        fault.fits().map_err(|error| table.error(error.message()))?;
        Ok(fault)
    }
}

/// A value as the command line would have it.
fn scalar(value: &Value<'_>) -> Result<String, ConfigError> {
    if value.is_str() {
        return value.string();
    }
    match value.integer(0..=u64::MAX) {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Ok(value.float()?.to_string()),
    }
}
