//! Reading what the module wrote down, `calls-<pid>.ndjson` and `events-<pid>.ndjson`, and what the
//! drill's own applications did, `operations-<pid>.ndjson`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use hsmsim_client::record::{CallRecord, EventRecord};

use crate::operations::OperationRecord;

/// Follows the files of a directory while processes append to them.
#[derive(Default)]
pub struct Tail {
    directory: PathBuf,
    /// How far each file has been read, in whole lines.
    offsets: BTreeMap<PathBuf, u64>,
}

/// What has been written since the last look, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Calls.
    pub calls: Vec<CallRecord>,
    /// Events.
    pub events: Vec<EventRecord>,
}

impl Tail {
    /// Follows the files of `directory`.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), offsets: BTreeMap::new() }
    }

    /// Reads what is new. A line that is not finished yet is left for the next look.
    ///
    /// # Errors
    /// A directory or file that cannot be read.
    pub fn read(&mut self) -> std::io::Result<Batch> {
        let mut batch = Batch::default();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let (calls, events) = (name.starts_with("calls-"), name.starts_with("events-"));
            if !calls && !events {
                continue;
            }
            for line in self.new_lines(&path)?.lines() {
                if calls {
                    batch.calls.extend(serde_json::from_str::<CallRecord>(line).ok());
                } else {
                    batch.events.extend(serde_json::from_str::<EventRecord>(line).ok());
                }
            }
        }
        batch.calls.sort_by_key(|call| call.at_ns);
        batch.events.sort_by_key(|event| event.at_ns);
        Ok(batch)
    }

    /// What the drill's own applications did, once they have ended, in the order in which it began.
    ///
    /// # Errors
    /// A directory or file that cannot be read.
    pub fn operations(&self) -> std::io::Result<Vec<OperationRecord>> {
        let mut operations = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("operations-") {
                for line in fs::read_to_string(&path)?.lines() {
                    operations.extend(serde_json::from_str::<OperationRecord>(line).ok());
                }
            }
        }
        operations.sort_by_key(|operation| operation.begin_ns);
        Ok(operations)
    }

    fn new_lines(&mut self, path: &Path) -> std::io::Result<String> {
        let offset = self.offsets.entry(path.to_owned()).or_insert(0);
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(*offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        *offset += whole as u64;
        bytes.truncate(whole);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_half_written_line_is_read_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("calls-1.ndjson");
        let mut file = File::create(&path).unwrap();
        let line =
            r#"{"at_ns":1,"took_ns":2,"function":"C_Sign","session":1,"code":"CKR_OK","pid":1}"#;
        write!(file, "{line}\n{}", &line[..20]).unwrap();
        let mut tail = Tail::new(directory.path());
        assert_eq!(tail.read().unwrap().calls.len(), 1);
        assert_eq!(tail.read().unwrap().calls.len(), 0);
        writeln!(file, "{}", &line[20..]).unwrap();
        assert_eq!(tail.read().unwrap().calls.len(), 1);
    }
}
