//! Colours, for a terminal only, and not where `NO_COLOR` is set (no-color.org).

use std::{
    env,
    io::{self, IsTerminal},
};

/// What a word means; its colour follows from that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// As it should be.
    Good,
    /// Worth a look.
    Notice,
    /// Broken.
    Bad,
    /// Of lesser interest.
    Faint,
}

/// Colours words, or leaves them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { on: !unwanted && !dumb && io::stdout().is_terminal() }
    }

    /// Leaves every word as it is.
    pub(crate) fn none() -> Self {
        Self { on: false }
    }

    /// The words in the colour of their tone.
    pub(crate) fn tone(self, tone: Tone, words: &str) -> String {
        let code = match tone {
            _ if !self.on || words.is_empty() => return words.to_owned(),
            Tone::Plain => return words.to_owned(),
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Notice => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{words}\u{1b}[0m")
    }

    /// A heading.
    pub(crate) fn strong(self, words: &str) -> String {
        self.tone(Tone::Strong, words)
    }
}
