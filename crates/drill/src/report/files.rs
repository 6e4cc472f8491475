//! The files of one JSON object a line: `events.ndjson` and `history.ndjson`.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use hsmsim_client::record::CallRecord;
use serde::Serialize;

use crate::{
    history::History,
    metrics::{Outcome, end, outcome},
};

/// A line of `history.ndjson`.
#[derive(Serialize)]
struct Line<'a> {
    begin_ns: u64,
    end_ns: u64,
    outcome: Outcome,
    code: &'a str,
    function: &'a str,
    /// The device that answered; `null` if none did.
    member: Option<&'a str>,
    session: u64,
    pid: u32,
    /// The number of the call fault that struck it; left out if none did.
    #[serde(skip_serializing_if = "str::is_empty")]
    call_fault: &'a str,
}

impl<'a> Line<'a> {
    fn of(call: &'a CallRecord) -> Self {
        Self {
            begin_ns: call.at_ns,
            end_ns: end(call),
            outcome: outcome(call),
            code: &call.code,
            function: &call.function,
            member: Some(&*call.member).filter(|member| !member.is_empty()),
            session: call.session,
            pid: call.pid,
            call_fault: &call.call_fault,
        }
    }
}

/// What the library and the operator did.
pub(super) fn write_events(path: &Path, history: &History) -> io::Result<()> {
    write(path, &history.events)
}

/// Every call.
pub(super) fn write_history(path: &Path, history: &History) -> io::Result<()> {
    write(path, history.calls.iter().map(Line::of))
}

/// What the drill's own applications did, from the moment each operation was due.
pub(super) fn write_operations(path: &Path, history: &History) -> io::Result<()> {
    write(path, &history.notes.operations)
}

fn write(path: &Path, lines: impl IntoIterator<Item = impl Serialize>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for line in lines {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    #[test]
    fn every_call_is_a_line_with_its_outcome_and_its_member() {
        let history = history(
            "ha-pair",
            "1 2 C_Sign CKR_OK hsm-eus-1
             5 1 C_Sign CKR_DEVICE_ERROR
             7 1 C_GenerateKey CKR_DEVICE_ERROR",
            "",
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.ndjson");
        write_history(&path, &history).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["ok", "fail", "unknown"]);
        assert_eq!(lines[0]["member"], "hsm-eus-1");
        assert!(lines[1]["member"].is_null());
        assert_eq!(lines[0]["end_ns"], 3_000_000);
    }
}
