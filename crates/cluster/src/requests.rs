//! What people have asked of members, `hsmsim ha recover` and `ha synchronize`: a file of the state
//! directory, for whoever wants to repeat it. Nothing is decided by it.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
};

use serde::{Deserialize, Serialize};

use crate::{Cluster, ClusterError};

/// Its name in the state directory.
const FILE: &str = "requests.ndjson";

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// `ha.recover` or `ha.synchronize`.
    pub what: String,
    /// The group's label; all groups if absent.
    pub group: Option<String>,
}

impl Cluster {
    /// Writes a request down. A state in memory has nobody who could read it.
    ///
    /// # Errors
    /// A state directory that cannot be written.
    pub fn note_request(&self, what: &str, group: Option<&str>) -> Result<(), ClusterError> {
        let Some(path) = self.path() else { return Ok(()) };
        let at_ns = self.clock().unix_now();
        let request = Request { at_ns, what: what.to_owned(), group: group.map(str::to_owned) };
        let failed =
            |error: &dyn std::fmt::Display| ClusterError::State(format!("{FILE}: {error}"));
        let mut line = serde_json::to_vec(&request).map_err(|error| failed(&error))?;
        line.push(b'\n');
        // One write, so that lines of several processes do not mix.
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path.join(FILE))
            .and_then(|mut file| file.write_all(&line))
            .map_err(|error| failed(&error))
    }

    /// Forgets every request.
    pub(crate) fn forget_requests(&self) -> Result<(), ClusterError> {
        let Some(path) = self.path() else { return Ok(()) };
        match fs::remove_file(path.join(FILE)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(ClusterError::State(format!("{FILE}: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Requests so far, in the order of time.
    ///
    /// # Errors
    /// A state directory that cannot be read.
    pub fn requests(&self) -> Result<Vec<Request>, ClusterError> {
        let Some(path) = self.path() else { return Ok(Vec::new()) };
        match fs::read_to_string(path.join(FILE)) {
            Ok(text) => {
                let mut requests: Vec<Request> =
                    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
                requests.sort_by_key(|request| request.at_ns);
                Ok(requests)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(ClusterError::State(format!("{FILE}: {error}"))),
        }
    }
}
