//! `docs/pkcs11.md`, made from the function lists and from the partition's table of mechanisms.
//!
//! `HSMSIM_UPDATE=1 cargo test -p hsmsim-pkcs11-module page` writes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
};

use hsmsim_partition::{MechanismInfo, Personality, mechanism_info, mechanism_list};
use hsmsim_sim_config::{Flags, Profile};
use hsmsim_types::{ck::*, names};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pkcs11.md");
const COMMAND: &str = "HSMSIM_UPDATE=1 cargo test -p hsmsim-pkcs11-module page";

/// Flags of a mechanism and their words, in the order of the standard.
const FLAGS: &[(u64, &str)] = &[
    (CKF_ENCRYPT, "encrypt"),
    (CKF_DECRYPT, "decrypt"),
    (CKF_DIGEST, "digest"),
    (CKF_SIGN, "sign"),
    (CKF_SIGN_RECOVER, "sign-recover"),
    (CKF_VERIFY, "verify"),
    (CKF_VERIFY_RECOVER, "verify-recover"),
    (CKF_GENERATE, "generate"),
    (CKF_GENERATE_KEY_PAIR, "generate pair"),
    (CKF_WRAP, "wrap"),
    (CKF_UNWRAP, "unwrap"),
    (CKF_DERIVE, "derive"),
    (CKF_ENCAPSULATE, "encapsulate"),
    (CKF_DECAPSULATE, "decapsulate"),
    (CKF_MESSAGE_ENCRYPT, "message encrypt"),
    (CKF_MESSAGE_DECRYPT, "message decrypt"),
    (CKF_MESSAGE_SIGN, "message sign"),
    (CKF_MESSAGE_VERIFY, "message verify"),
];

/// Where the functions that work on a session are exported.
const EXPORTS: [&str; 5] = [
    include_str!("exports/slot.rs"),
    include_str!("exports/object.rs"),
    include_str!("exports/operation.rs"),
    include_str!("exports/message.rs"),
    include_str!("exports/key.rs"),
];

/// The words of a source text that begin so.
fn words<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut seen = BTreeSet::new();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with(begin) && seen.insert(*word))
        .collect()
}

fn functions(out: &mut String) {
    let all = words(include_str!("list.rs"), "C_");
    let fields = size_of::<CK_FUNCTION_LIST_3_2>() / size_of::<usize>() - 1;
    assert_eq!(all.len(), fields, "every field of the list is named in list.rs");
    let parallel = words(include_str!("exports/unsupported.rs"), "C_");
    let versions = [
        (size_of::<CK_FUNCTION_LIST>(), "2.40"),
        (size_of::<CK_FUNCTION_LIST_3_0>(), "3.0"),
        (size_of::<CK_FUNCTION_LIST_3_2>(), "3.2"),
    ];
    let version = |place: usize| {
        let found = versions.iter().find(|(size, _)| place < size / size_of::<usize>() - 1);
        found.map_or("", |(_, version)| version)
    };
    for (_, since) in versions {
        let works: Vec<String> = all
            .iter()
            .enumerate()
            .filter(|(place, name)| version(*place) == since && !parallel.contains(name))
            .map(|(_, name)| format!("`{name}`"))
            .collect();
        let _ = writeln!(out, "**Work, of {since} ({}):** {}.\n", works.len(), works.join(", "));
    }
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let pending: Vec<&str> = EXPORTS
        .iter()
        .flat_map(|text| text.split("\n}\n"))
        .filter(|block| block.contains("session_functions! {"))
        .flat_map(|block| words(block, "C_"))
        .collect();
    let _ = writeln!(
        out,
        "**May be left pending on an asynchronous session ({}), all others are waited for:** {}.\n",
        pending.len(),
        quoted(&pending)
    );
    let _ = writeln!(
        out,
        "**CKR_FUNCTION_NOT_PARALLEL, as the standard says:** {}.\n",
        quoted(&parallel)
    );
    let luna = words(include_str!("list.rs"), "CA_");
    let luna: Vec<&str> = luna.into_iter().filter(|name| *name != "CA_LIST").collect();
    let _ =
        writeln!(out, "**Luna's, of those in its list ({}):** {}.\n", luna.len(), quoted(&luna));
}

/// What a number of CK_MECHANISM_INFO counts.
fn unit(name: &str) -> &'static str {
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    // Of the post-quantum ones the public keys are counted, in bytes (6.67 of 3.2).
    let post_quantum = is(&["ML_DSA", "ML_KEM", "SLH_DSA"]);
    if !post_quantum && is(&["RSA", "EC_", "ECD", "ECMQV", "ECIES", "EDDSA", "DSA", "DH_", "X9_42"])
    {
        " bits"
    } else {
        " bytes"
    }
}

fn sizes(name: &str, info: MechanismInfo) -> String {
    match (info.min, info.max) {
        (_, 0) => "–".to_owned(),
        (min, max) if min == max => format!("{max}{}", unit(name)),
        (min, max) => format!("{min} to {max}{}", unit(name)),
    }
}

fn uses(flags: u64) -> String {
    let uses: Vec<&str> =
        FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, word)| *word).collect();
    uses.join(", ")
}

fn mechanisms(out: &mut String) {
    let profiles: Vec<(&str, Personality)> = Profile::shipped_names()
        .into_iter()
        .map(|name| (name, Personality::from(&Profile::shipped(name).expect("a shipped profile"))))
        .collect();
    let _ = writeln!(out, "| number | name | uses | keys | profiles | remarks |");
    let _ = writeln!(out, "|---|---|---|---|---|---|");
    let all = Personality::default();
    for kind in mechanism_list(&all) {
        let info = mechanism_info(&all, kind).expect("a listed mechanism");
        let name = names::or_hex(names::mechanism, kind);
        let mut remarks = Vec::new();
        if kind & CKM_VENDOR_DEFINED != 0 {
            remarks.push("Luna's number".to_owned());
        }
        let mut offered = Vec::new();
        for (profile, personality) in &profiles {
            let Ok(narrow) = mechanism_info(personality, kind) else { continue };
            offered.push(*profile);
            if (narrow.min, narrow.max) != (info.min, info.max) {
                remarks.push(format!("{profile}: {}", sizes(&name, narrow)));
            }
            if narrow.flags & !Flags::CURVES != info.flags & !Flags::CURVES {
                remarks.push(format!("{profile}: {}", uses(narrow.flags)));
            }
        }
        let (uses, sizes) = (uses(info.flags), sizes(&name, info));
        let (offered, remarks) = (offered.join(", "), remarks.join("; "));
        let _ =
            writeln!(out, "| 0x{kind:08X} | {name} | {uses} | {sizes} | {offered} | {remarks} |");
    }
}

/// Where the known answers come from: all mechanisms that have a published one, by who published it, then
/// those that have none, and why.
fn known_answers(out: &mut String) {
    let file = include_str!("../../conformance/data/answer_sources.txt");
    let rows = file.lines().filter_map(|line| line.split_once(" = "));
    let mut published: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut others: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut count = 0;
    for (name, sources) in rows {
        let sources: Vec<_> = sources.split(" | ").filter_map(|one| one.split_once(": ")).collect();
        let of = |word: &str| -> Vec<&str> {
            sources.iter().filter(|row| row.0 == word).map(|row| row.1).collect()
        };
        let (whose, name) = (of("published"), name.trim_start_matches("CKM_"));
        if whose.is_empty() {
            let reason = of("none").first().copied().unwrap_or_default();
            for source in [of("computed"), of("use")].concat() {
                others.entry((source, reason)).or_default().push(name);
            }
        } else {
            count += 1;
        }
        for source in whose {
            published.entry(source).or_default().push(name);
        }
    }
    let _ = writeln!(
        out,
        "\n## Known answers\n\nEvery mechanism of profile `open` is held against answers that do not come from \
         hsmsim;\n`crates/crypto` takes all of Wycheproof's files besides. \
         {count} have a published answer:\n"
    );
    for (source, names) in published {
        let _ = writeln!(out, "- **{source}**: {}.", names.join(", "));
    }
    out.push_str(
        "\nThe others have one that another program computed, or are random and what they made is used; and why \
         there is\nno published one:\n\n",
    );
    for ((source, reason), names) in others {
        let why = if reason.is_empty() { String::new() } else { format!(" Why: {reason}.") };
        let _ = writeln!(out, "- **{source}**: {}.{why}", names.join(", "));
    }
}

/// The whole page.
fn page() -> String {
    let mut out = format!(
        "# Functions and mechanisms\n\nMade by `{COMMAND}`\nfrom the module's function lists and the \
         partition's table of mechanisms; a test compares it.\n\nWhat modules pass of the standard's \
         statements is in [conformance.md](conformance.md), what differs from a Luna 7 in\n\
         [differences.md](differences.md).\n\n## Functions\n\n"
    );
    functions(&mut out);
    out.push_str(
        "## Mechanisms\n\nKeys are the smallest and largest that `C_GetMechanismInfo` names; a \
         profile may narrow them and the uses.\nEvery mechanism that signs or verifies does so in \
         messages too. CKF_HW is set for all.\n\n",
    );
    mechanisms(&mut out);
    known_answers(&mut out);
    out.push_str(LEFT_OUT);
    out
}

const LEFT_OUT: &str = "
## Left out

- RC2, RC4, RC5, CAST, IDEA, CDMF, Skipjack, Blowfish, Twofish, MD2 and the password-based encryptions over
  MD2 and MD5 (`CKM_PBE_MD5_*`): no HSM of this family offers them any more, and new programs must not use
  them. A program that asks gets CKR_MECHANISM_INVALID, as from a device of today.
- SSL 3.0 (`CKM_SSL3_*`): broken, and forbidden by RFC 7568. TLS 1.0 to 1.2 are here.
- WTLS, KEA, Fortezza, CMS and the Securid and ActivIdentity one-time passwords: their applications are gone.
- GOST and the mechanisms of X2RATCHET and X3DH: outside of what these devices do.
";

#[test]
fn the_page_of_functions_and_mechanisms_is_the_tables() {
    let made = page();
    if env::var_os("HSMSIM_UPDATE").is_some() {
        fs::write(PAGE, &made).expect("docs/pkcs11.md");
    }
    let kept = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(kept == made, "docs/pkcs11.md is stale; run: {COMMAND}");
}
