//! The HA log: `haErrorLog.txt`, in which a Luna client tells of members lost and recovered (Luna
//! guide, "HA Logging"). Off unless the topology names a folder for it.
//!
//! The lines have the shape of Luna's and are not its own word for word:
//! `Tue Nov 24 14:05:33 2026 : [4711] HA group: 1154438865287 dropped member: 154438865287 (silent)`.
//! Times are UTC.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use hsmsim_sim_config::HaSettings;
use parking_lot::Mutex;

use crate::{
    Client,
    group::Group,
    member::{Member, Status},
};

/// Name of the file, as Luna's client has it.
const FILE: &str = "haErrorLog.txt";

/// Where the log is written, by this process among others.
pub(crate) struct HaLog {
    folder: PathBuf,
    /// Bytes beyond which the file is renamed.
    length: u64,
    /// Attempts that have failed since a member was lost, by serial number.
    // Lock: a look-up or a change, never across an await.
    failed: Mutex<BTreeMap<String, u32>>,
}

impl HaLog {
    /// The log that the settings ask for, if they do.
    pub(crate) fn of(ha: &HaSettings) -> Option<Self> {
        let folder = ha.log.clone()?;
        Some(Self { folder, length: ha.log_length, failed: Mutex::default() })
    }

    /// What the log says of an event, after the group; `None` for those that it does not tell of.
    fn sentence(&self, event: &str, member: Option<&Member>, detail: &str) -> Option<String> {
        let Some(member) = member else {
            return (event == "group_lost")
                .then(|| "lost all members: no member is left to serve it".to_owned());
        };
        let serial = &member.serial;
        Some(match event {
            "member_lost" if member.generation() == 0 => {
                format!("member was not there at the start: {serial} ({detail})")
            }
            "member_lost" => format!("dropped member: {serial} ({detail})"),
            "recovery_failed" => {
                let attempt = match member.status() {
                    Status::Down(down) => down.attempts,
                    Status::Idle | Status::Up => return None,
                };
                self.failed.lock().insert(serial.clone(), attempt);
                format!("recovery attempt #{attempt} failed for member: {serial} ({detail})")
            }
            "member_recovered" => {
                let attempt = self.failed.lock().remove(serial).unwrap_or(0) + 1;
                format!("recovery attempt #{attempt} succeeded for member: {serial} ({detail})")
            }
            _ => return None,
        })
    }

    /// Appends a line, and renames the file if that made it too long. The file is opened for each
    /// line: another process may have renamed it since, and lines are rare.
    fn append(&self, line: &str, now_ns: u64) -> io::Result<()> {
        let path = self.folder.join(FILE);
        let open = || OpenOptions::new().create(true).append(true).open(&path);
        let mut file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.folder)?;
                open()?
            }
            opened => opened?,
        };
        // One write: what other processes append comes before it or after it.
        file.write_all(line.as_bytes())?;
        if file.metadata()?.len() > self.length {
            self.rename(&file, now_ns)?;
        }
        Ok(())
    }

    /// Renames the file if it still has the name. Whoever holds its lock renames it: of two
    /// processes that find it too long, the other would rename the next one.
    fn rename(&self, file: &File, now_ns: u64) -> io::Result<()> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let path = self.folder.join(FILE);
        let (named, ours) = match fs::metadata(&path) {
            Ok(named) => (named, file.metadata()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if (named.dev(), named.ino()) != (ours.dev(), ours.ino()) {
            return Ok(());
        }
        let free = (0u64..)
            .map(|later| self.folder.join(archive(now_ns + later)))
            .find(|archive| !archive.exists());
        fs::rename(path, free.unwrap_or_else(|| self.folder.join(archive(now_ns))))
    }
}

impl Client {
    /// Writes an event into the HA log, if there is one and it tells of such events.
    pub(crate) fn log_for_ha(
        &self,
        event: &str,
        group: &Group,
        member: Option<&Member>,
        detail: &impl Display,
    ) {
        let Some(log) = self.ha_log.as_ref().filter(|_| group.ha) else { return };
        let Some(sentence) = log.sentence(event, member, &detail.to_string()) else { return };
        let now_ns = self.clock().unix_now();
        let time = Calendar::of(now_ns).with_names();
        let (pid, serial) = (std::process::id(), &group.serial);
        let line = format!("{time} : [{pid}] HA group: {serial} {sentence}\n");
        if let Err(error) = log.append(&line, now_ns) {
            let folder = log.folder.display();
            tracing::warn!(%error, %folder, "the HA log could not be written");
        }
    }
}

/// The name of a log that was full at this time.
fn archive(now_ns: u64) -> String {
    let time = Calendar::of(now_ns);
    let nanos = now_ns % 1_000_000_000;
    let Calendar { year, month, day, hour, minute, second, .. } = time;
    format!("haErrorLog-{year}{month:02}{day:02}-{hour:02}{minute:02}{second:02}.{nanos:09}.txt")
}

/// A time of day, UTC.
#[derive(Debug, PartialEq, Eq)]
struct Calendar {
    year: u64,
    /// From 1.
    month: u64,
    /// From 1.
    day: u64,
    /// From 0, Thursday, which 1970 began with.
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Calendar {
    /// The time so many nanoseconds after 1970 began.
    fn of(unix_ns: u64) -> Self {
        let seconds = unix_ns / 1_000_000_000;
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let (mut year, mut left) = (1970, days);
        while left >= 365 + leap(year) {
            left -= 365 + leap(year);
            year += 1;
        }
        let mut month = 1;
        while left >= days_of(month, year) {
            left -= days_of(month, year);
            month += 1;
        }
        Self {
            year,
            month,
            day: left + 1,
            weekday: (days % 7) as usize,
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }

    /// As C's `asctime`: `Tue Nov 24 14:05:33 2026`.
    fn with_names(&self) -> String {
        let (weekday, month) = (DAYS[self.weekday], MONTHS[self.month as usize - 1]);
        let Self { year, day, hour, minute, second, .. } = self;
        format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year}")
    }
}

/// The days that a year has beyond 365.
fn leap(year: u64) -> u64 {
    u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

fn days_of(month: u64, year: u64) -> u64 {
    match month {
        2 => 28 + leap(year),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds: u64| Calendar::of(seconds * 1_000_000_000).with_names();
        assert_eq!(at(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(at(951_782_399), "Mon Feb 28 23:59:59 2000");
        assert_eq!(at(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(at(1_798_761_599), "Thu Dec 31 23:59:59 2026");
        assert_eq!(at(4_107_542_400), "Mon Mar  1 00:00:00 2100");
        assert_eq!(archive(1_798_761_599_000_000_007), "haErrorLog-20261231-235959.000000007.txt");
    }

    fn log(folder: &std::path::Path, length: u64) -> HaLog {
        HaLog { folder: folder.join("log"), length, failed: Mutex::default() }
    }

    /// Names and contents of the folder, in the order of the names; the current file comes last.
    fn files(log: &HaLog) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(&log.folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_file_that_is_too_long_gets_a_time_for_a_name_after_its_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 10);
        for (line, now_ns) in [("12345\n", 0), ("678\n", 1), ("x\n", 1), ("next\n", 1)] {
            log.append(line, now_ns).unwrap();
        }
        let expected = [
            ("haErrorLog-19700101-000000.000000001.txt", "12345\n678\nx\n"),
            ("haErrorLog.txt", "next\n"),
        ];
        assert_eq!(files(&log), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        // The same time once more: nothing that was logged is overwritten.
        log.append("long enough\n", 1).unwrap();
        let names: Vec<String> = files(&log).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "haErrorLog-19700101-000000.000000001.txt",
                "haErrorLog-19700101-000000.000000002.txt"
            ]
        );
    }

    #[test]
    fn only_the_file_that_has_the_name_is_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 10);
        log.append("first\n", 0).unwrap();
        let old = File::open(log.folder.join(FILE)).unwrap();
        log.rename(&old, 1).unwrap();
        log.append("second\n", 2).unwrap();
        // Somebody who still has the first one open, and found it too long.
        log.rename(&old, 3).unwrap();
        assert_eq!(files(&log)[1], (FILE.to_owned(), "second\n".to_owned()));
    }
}
