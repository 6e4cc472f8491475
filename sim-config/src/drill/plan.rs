//! When each step begins, as far as that is known before the run.

use std::time::Duration;

use super::{Start, Step};
use crate::error::{ConfigError, suggestion};
use crate::source::Table;

/// Sets the time of every step that waits for another or for an event: exactly, or the earliest if an
/// event decides.
pub(super) fn set_times(
    read: &mut [(Step, Table<'_>)],
    duration: Duration,
) -> Result<(), ConfigError> {
    let mut known: Vec<bool> = read.iter().map(|(step, _)| step.start == Start::At).collect();
    loop {
        let mut moved = false;
        for index in 0..read.len() {
            if known[index] {
                continue;
            }
            let at = match &read[index].0.start {
                Start::At => continue,
                Start::When { delay, .. } => *delay,
                Start::After { step, delay } => match end_of(step, read, &known, index)? {
                    Some(end) => end + *delay,
                    None => continue,
                },
            };
            let (step, table) = &mut read[index];
            if at > duration {
                let message = "this step comes after the end of the drill (\"duration\")";
                return Err(table.error(message));
            }
            step.at = at;
            known[index] = true;
            moved = true;
        }
        if !moved {
            break;
        }
    }
    match known.iter().position(|known| !known) {
        None => Ok(()),
        Some(index) => {
            let (step, table) = &read[index];
            Err(table.error(format!("step \"{}\" waits for itself, by way of others", step.name)))
        }
    }
}

/// When the step or group of that name has ended; `None` if that is not known yet.
fn end_of(
    name: &str,
    read: &[(Step, Table<'_>)],
    known: &[bool],
    index: usize,
) -> Result<Option<Duration>, ConfigError> {
    let named = |step: &Step| step.name == name || step.group.as_deref() == Some(name);
    let mut end = None;
    for (at, (step, _)) in read.iter().enumerate().filter(|(_, (step, _))| named(step)) {
        if at == index || !known[at] {
            return Ok(None);
        }
        end = end.max(Some(step.at + step.length()));
    }
    if end.is_none() {
        let names = read.iter().filter(|(step, _)| step.name != read[index].0.name);
        let names = names.flat_map(|(step, _)| [Some(step.name.as_str()), step.group.as_deref()]);
        let names: Vec<&str> = names.flatten().collect();
        let hint = suggestion(name, names.iter().copied());
        return Err(read[index]
            .1
            .error(format!("there is no step \"{name}\" to wait for; {hint}")));
    }
    Ok(end)
}
