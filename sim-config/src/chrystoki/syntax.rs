//! The form of `Chrystoki.conf`: sections `Name = {` to `}`, in them lines `Key = value;`.

use crate::error::ConfigError;

/// A value with its key and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    pub(super) key: &'t str,
    /// Without the blanks around it; may be empty.
    pub(super) value: &'t str,
    /// From 1.
    pub(super) line: usize,
    /// Column of the key, from 1.
    pub(super) column: usize,
}

/// A section and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'t> {
    pub(super) name: &'t str,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) entries: Vec<Entry<'t>>,
}

/// Reads all sections of a file; `file` is the name that errors give it. A line that begins with `#`
/// says nothing.
pub(super) fn parse<'t>(text: &'t str, file: &str) -> Result<Vec<Section<'t>>, ConfigError> {
    let mut sections: Vec<Section<'t>> = Vec::new();
    let mut is_open = false;
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        if let Some(before) = raw.split_once('\t').map(|(before, _)| before) {
            let message = "a tab: the Luna client does not read files with tabs, write blanks";
            return Err(ConfigError::at(file, line, before.chars().count() + 1, message));
        }
        let words = raw.trim();
        let column = raw.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let error = |message: String| ConfigError::at(file, line, column, message);
        if words.is_empty() || words.starts_with('#') {
            continue;
        }
        if words.starts_with('[') {
            return Err(error(
                "this is the form of crystoki.ini on Windows; give the file that Linux clients \
                 have: `Section = {`, `Key = value;`, `}`"
                    .to_owned(),
            ));
        }
        if words == "}" {
            if !is_open {
                return Err(error("a \"}\" that ends no section".to_owned()));
            }
            is_open = false;
            continue;
        }
        let Some((name, rest)) = words.split_once('=') else {
            return Err(error(format!("\"{words}\" is neither `Key = value;` nor `Section = {{`")));
        };
        let (name, rest) = (name.trim(), rest.trim());
        if name.is_empty() {
            return Err(error("a name is missing before the \"=\"".to_owned()));
        }
        match (rest == "{", is_open) {
            (true, false) => {
                if let Some(other) = sections.iter().find(|section| section.name == name) {
                    let message =
                        format!("section {name} begins twice, first in line {}", other.line);
                    return Err(error(message));
                }
                sections.push(Section { name, line, column, entries: Vec::new() });
                is_open = true;
            }
            (true, true) => {
                let outer = sections.last().map_or("", |section| section.name);
                let message = format!("section {name} begins before {outer} has ended with \"}}\"");
                return Err(error(message));
            }
            (false, false) => {
                return Err(error(format!("\"{name}\" stands outside of any section")));
            }
            (false, true) => {
                let Some(value) = rest.strip_suffix(';') else {
                    return Err(error(format!("the line of \"{name}\" does not end with \";\"")));
                };
                let value = value.trim();
                let entries = sections.last_mut().map(|section| &mut section.entries);
                let Some(entries) = entries else { continue };
                if let Some(other) = entries.iter().find(|entry| entry.key == name) {
                    let message = format!("\"{name}\" is set twice, first in line {}", other.line);
                    return Err(error(message));
                }
                entries.push(Entry { key: name, value, line, column });
            }
        }
    }
    match sections.last() {
        Some(section) if is_open => {
            let message = format!("section {} does not end with \"}}\"", section.name);
            Err(ConfigError::at(file, section.line, section.column, message))
        }
        _ => Ok(sections),
    }
}
