//! `conformance/data/answer_sources.txt`: where each mechanism's known answers come from. `docs/pkcs11.md` has it.
//!
//! What nobody has published an answer for is in `conformance/data/no_published_answer.txt`, with the reason.

use std::{collections::BTreeMap, env, fmt::Write as _, fs};

use super::{Source, name};

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/data/answer_sources.txt");
const REASONS: &str = include_str!("../../../../../conformance/data/no_published_answer.txt");
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

    fn has_published(&self, kind: u64) -> bool {
        self.0[&kind].iter().any(|source| source.0 == "published")
    }

    /// The file's reasons are for mechanisms that have no published answer, each once and in order.
    fn reasons(&self) -> BTreeMap<String, &'static str> {
        let mut reasons = BTreeMap::new();
        for block in REASONS.split("\n\n") {
            let lines = block.lines().filter(|line| !line.starts_with('#'));
            let rows: Vec<_> = lines.filter_map(|line| line.split_once(" = ")).collect();
            let sorted = rows.windows(2).all(|pair| pair[0].0 < pair[1].0);
            assert!(sorted, "a block of no_published_answer.txt is not in order: {rows:?}");
            for (name, reason) in rows {
                assert!(!reason.is_empty() && !reason.contains(" | "), "{name}: {reason:?}");
                assert!(reasons.insert(name.to_owned(), reason).is_none(), "{name} is there twice");
            }
        }
        let without: Vec<_> = self
            .0
            .keys()
            .filter(|&&kind| !self.has_published(kind))
            .map(|&kind| name(kind))
            .collect();
        let stale: Vec<_> = reasons.keys().filter(|name| !without.contains(name)).collect();
        assert!(stale.is_empty(), "published, or not in the list: {stale:?}");
        let missing: Vec<_> = without.iter().filter(|name| !reasons.contains_key(*name)).collect();
        assert!(missing.is_empty(), "neither published nor a reason: {missing:?}");
        reasons
    }

    pub(super) fn are_those_of_the_file(&self) {
        let reasons = self.reasons();
        let mut made = format!(
            "# Where the known answers of each mechanism come from: the mechanism, then for each source\n\
             # `published`, `computed` (by another program) or `use` (random: what was made is used) and its \
             name;\n# `none`: why nobody has published one.\n# {COMMAND}\n"
        );
        for (&kind, all) in &self.0 {
            let mut all: Vec<String> =
                all.iter().map(|(word, whose)| format!("{word}: {whose}")).collect();
            all.extend(reasons.get(&name(kind)).map(|reason| format!("none: {reason}")));
            let _ = writeln!(made, "{} = {}", name(kind), all.join(" | "));
        }
        if env::var_os("HSMSIM_UPDATE").is_some() {
            fs::write(FILE, &made).expect("answer_sources.txt");
        }
        let kept = fs::read_to_string(FILE).unwrap_or_default();
        assert!(kept == made, "conformance/data/answer_sources.txt is stale; run: {COMMAND}");
    }
}
