//! `conformance/data/answer_sources.txt`: where each mechanism's known answers come from. `docs/pkcs11.md` has it.

use std::{collections::BTreeMap, env, fmt::Write as _, fs};

use super::{Source, name};

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/data/answer_sources.txt");
const COMMAND: &str = "HSMSIM_UPDATE=1 cargo test -p hsmsim-partition known_answer";

impl Source {
    /// Whose answers the set has.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Published(words) | Self::Computed(words) | Self::Use(words) => words,
            Self::Either(words, ..) => words,
        }
    }

    /// What the answer for a mechanism is, in one word, and whose.
    fn of(&self, kind: u64) -> (&'static str, &'static str) {
        match self {
            Self::Published(words) => ("published", words),
            Self::Computed(words) => ("computed", words),
            Self::Either(words, kinds, _) if kinds.contains(&kind) => ("published", words),
            Self::Either(_, _, words) => ("computed", words),
            Self::Use(words) => ("use", words),
        }
    }
}

/// Mechanisms, and whose answers they have given.
#[derive(Default)]
pub(super) struct Sources(BTreeMap<u64, Vec<(&'static str, &'static str)>>);

impl Sources {
    pub(super) fn add(&mut self, from: &Source, kind: u64) {
        let (all, one) = (self.0.entry(kind).or_default(), from.of(kind));
        if !all.contains(&one) {
            all.push(one);
        }
    }

    pub(super) fn are_those_of_the_file(&self) {
        let mut made = format!(
            "# Where the known answers of each mechanism come from: the mechanism, then for each source\n\
             # `published`, `computed` (by another program) or `use` (random: what was made is used) and its \
             name.\n# {COMMAND}\n"
        );
        for (&kind, all) in &self.0 {
            let all: Vec<String> =
                all.iter().map(|(word, whose)| format!("{word}: {whose}")).collect();
            let _ = writeln!(made, "{} = {}", name(kind), all.join(" | "));
        }
        if env::var_os("HSMSIM_UPDATE").is_some() {
            fs::write(FILE, &made).expect("answer_sources.txt");
        }
        let kept = fs::read_to_string(FILE).unwrap_or_default();
        assert!(kept == made, "conformance/data/answer_sources.txt is stale; run: {COMMAND}");
    }
}
