//! Call faults from words, and whether their parts fit together.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use hsmsim_types::names;

use super::functions::functions;
use super::{
    CALL_KEYS, CallFault, CallFunction, CallKeyUse, CallOutcome, CallProcess, CalledOn, Named,
};
use crate::drill::CountRange;
use crate::duration::parse_duration;
use crate::error::{ConfigError, suggestion};

pub(super) const FOREVER: &str = "forever";
pub(super) const SESSION: &str = "session";
pub(super) const LOGIN: &str = "login";

impl CallFault {
    /// A call fault from the words of a command line: `C_Sign`, `[("label", "web"), ("nth", "3"),
    /// ("code", "CKR_DEVICE_ERROR")]`.
    ///
    /// # Errors
    /// A function, key, mechanism or code that does not exist (with the nearest that does), a wrong
    /// value, a key that the functions cannot be matched by, nothing to do or two things at once.
    pub fn new(function: &str, pairs: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let mut fault = Self::empty(function)?;
        for (index, (key, value)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(before, _)| before == key) {
                return Err(ConfigError::new(format!("\"{key}\" is given twice")));
            }
            fault.set(key, value)?;
        }
        fault.fits()?;
        Ok(fault)
    }

    pub(super) fn empty(function: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            functions: functions(function)?,
            slot: None,
            token: None,
            mechanism: None,
            label: None,
            id: None,
            session: None,
            process: None,
            nth: None,
            every: None,
            probability: None,
            seed: None,
            times: None,
            delay: None,
            delay_after: None,
            outcome: CallOutcome::Work,
        })
    }

    /// Sets one key of the table.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        match key {
            "slot" => self.slot = Some(number(key, value, 0)?),
            "token" => self.token = Some(value.to_owned()),
            "mechanism" => self.mechanism = Some(mechanism(value)?),
            "label" => self.label = Some(value.to_owned()),
            "id" => self.id = Some(bytes(value)?),
            "session" => self.session = Some(number(key, value, 1)?),
            "process" => {
                self.process = Some(match value.parse() {
                    Ok(pid) => CallProcess::Pid(pid),
                    Err(_) => CallProcess::Program(value.to_owned()),
                });
            }
            "nth" => self.nth = Some(range(value)?),
            "every" => self.every = Some(number(key, value, 1)?),
            "probability" => {
                self.probability = Some(crate::fault::parse::probability(key, value.parse().ok())?);
            }
            "seed" => self.seed = Some(number(key, value, 0)?),
            "times" => self.times = Some(number(key, value, 1)?),
            "delay" => self.delay = Some(duration(value)?),
            "delay_after" => self.delay_after = Some(duration(value)?),
            "code" => self.becomes(CallOutcome::Code(code(value)?))?,
            "code_after" => self.becomes(CallOutcome::CodeAfter(code(value)?))?,
            "hang" if value == FOREVER => self.becomes(CallOutcome::Hang(None))?,
            "hang" => self.becomes(CallOutcome::Hang(Some(duration(value)?)))?,
            "drop" => self.becomes(match value {
                SESSION => CallOutcome::DropSession,
                LOGIN => CallOutcome::DropLogin,
                _ => {
                    let hint = suggestion(value, [SESSION, LOGIN]);
                    return Err(ConfigError::new(format!("\"{value}\" cannot be dropped; {hint}")));
                }
            })?,
            _ => {
                let hint = suggestion(key, CALL_KEYS.iter().map(|key| key.name));
                return Err(ConfigError::new(format!("a call fault has no \"{key}\"; {hint}")));
            }
        }
        Ok(())
    }

    fn becomes(&mut self, outcome: CallOutcome) -> Result<(), ConfigError> {
        if self.outcome != CallOutcome::Work {
            return Err(ConfigError::new(
                "a call becomes one thing only: \"code\", \"code_after\", \"hang\" or \"drop\"",
            ));
        }
        self.outcome = outcome;
        Ok(())
    }

    /// Whether the parts fit together.
    pub(super) fn fits(&self) -> Result<(), ConfigError> {
        let idle = self.outcome == CallOutcome::Work;
        if idle && self.delay.is_none() && self.delay_after.is_none() {
            let actions = CALL_KEYS.iter().filter(|key| key.usage == CallKeyUse::Action);
            let names: Vec<&str> = actions.map(|key| key.name).collect();
            let message = format!("say what becomes of the call: {}", names.join(", "));
            return Err(ConfigError::new(message));
        }
        let drops = matches!(self.outcome, CallOutcome::DropSession | CallOutcome::DropLogin);
        let on_session = |function: &CallFunction| function.on == CalledOn::Session;
        type Has = fn(&CallFunction) -> bool;
        let needs: [(bool, &str, Has); 5] = [
            (self.mechanism.is_some(), "mechanism", |function| function.mechanism),
            (self.label.is_some(), "label", |function| function.object),
            (self.id.is_some(), "id", |function| function.object),
            (self.session.is_some(), "session", on_session),
            (drops, "session that could be dropped or logged out", on_session),
        ];
        for (said, what, has) in needs {
            if let Some(function) = self.functions.iter().find(|function| said && !has(function)) {
                let message = format!("{} has no {what}", function.name);
                return Err(ConfigError::new(message));
            }
        }
        if self.seed.is_some() && self.probability.is_none() {
            return Err(ConfigError::new("\"seed\" has no meaning without \"probability\""));
        }
        if self.delay_after.is_some() && (drops || matches!(self.outcome, CallOutcome::Code(_))) {
            let message = "\"delay_after\" has no meaning where no work is done; use \"delay\"";
            return Err(ConfigError::new(message));
        }
        Ok(())
    }
}

impl FromStr for CallFault {
    type Err = ConfigError;

    /// Reads the text form: the functions, then `key=value` words.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let words = shlex::split(text)
            .ok_or_else(|| ConfigError::new(format!("{text}: a quote is not closed")))?;
        let Some((function, rest)) = words.split_first() else {
            return Err(ConfigError::new("a call fault begins with a function"));
        };
        let mut pairs = Vec::with_capacity(rest.len());
        for word in rest {
            pairs.push(word.split_once('=').ok_or_else(|| {
                ConfigError::new(format!("\"{word}\" is not of the form key=value"))
            })?);
        }
        Self::new(function, &pairs)
    }
}

/// A word as the text form has it.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    // Only a word with a NUL cannot be quoted, and none comes from a command line or a file.
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Result<Vec<u8>, ConfigError> {
    let wrong = || ConfigError::new(format!("\"{text}\" is not an id in hexadecimal, like 01af"));
    let digits = text.as_bytes();
    if digits.is_empty() || digits.len() % 2 == 1 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(wrong());
    }
    let pair = |pair: &[u8]| std::str::from_utf8(pair).ok().map(|p| u8::from_str_radix(p, 16));
    digits.chunks(2).map(|two| pair(two).and_then(Result::ok).ok_or_else(wrong)).collect()
}

fn number(key: &str, text: &str, least: u64) -> Result<u64, ConfigError> {
    text.parse().ok().filter(|number| *number >= least).ok_or_else(|| {
        ConfigError::new(format!("\"{key}\" is a whole number from {least} on, not \"{text}\""))
    })
}

fn duration(text: &str) -> Result<Duration, ConfigError> {
    parse_duration(text).map_err(ConfigError::new)
}

fn range(text: &str) -> Result<CountRange, ConfigError> {
    let count = |text: &str| text.parse::<u64>().ok().filter(|count| *count > 0);
    let range = match text.split_once("..") {
        None => count(text).map(|nth| CountRange { min: nth, max: Some(nth) }),
        Some((min, "")) => count(min).map(|min| CountRange { min, max: None }),
        Some((min, max)) => {
            count(min).zip(count(max)).map(|(min, max)| CountRange { min, max: Some(max) })
        }
    };
    range.filter(|range| range.max.is_none_or(|max| range.min <= max)).ok_or_else(|| {
        ConfigError::new(format!("\"nth\" counts from 1: 3, 3..5 or 3.., not \"{text}\""))
    })
}

/// A number as it may stand for a name that nobody has: `0x80000001`.
fn bare_number(text: &str) -> Option<u64> {
    text.strip_prefix("0x")
        .map_or_else(|| text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())
}

fn mechanism(text: &str) -> Result<Named, ConfigError> {
    let number = names::mechanism_number(text).or_else(|| bare_number(text));
    let number = number.ok_or_else(|| {
        let hint = suggestion(text, names::mechanisms());
        ConfigError::new(format!("there is no mechanism \"{text}\"; {hint}"))
    })?;
    Ok(Named { name: text.to_owned(), number })
}

fn code(text: &str) -> Result<Named, ConfigError> {
    let number = names::return_value_number(text).or_else(|| bare_number(text));
    match number {
        Some(0) => Err(ConfigError::new("CKR_OK is no code of a call that fails")),
        Some(number) => Ok(Named { name: text.to_owned(), number }),
        None => {
            let hint = suggestion(text, names::return_values().filter(|name| *name != "CKR_OK"));
            Err(ConfigError::new(format!("there is no code \"{text}\"; {hint}")))
        }
    }
}
