//! Memory and threads of this process, as `/proc` has them.

#![forbid(unsafe_code)]

use std::fs;

/// Resident memory in bytes; 0 where there is no `/proc`.
pub fn resident() -> u64 {
    status("VmRSS:").map_or(0, |kib| kib * 1024)
}

/// Threads.
pub fn threads() -> u64 {
    status("Threads:").unwrap_or_default()
}

fn status(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_threads() {
        assert!(resident() > 100_000 && threads() > 0);
    }
}
