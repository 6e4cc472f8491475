//! Words: wrapping, plurals, durations, and the nearest known name.

use std::time::Duration;

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Breaks a text between words; at least one line, if an empty one.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if columns(line) + 1 + columns(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// `1 key`, `2 keys`.
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A duration for people, in the unit that suits it: `0.4 s`, `78 s`, `12 min`, `3 h`.
pub(crate) fn rough(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..600 => format!("{} s", duration.as_secs()),
        600..36_000 => format!("{} min", duration.as_secs() / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// A list of names, short even when it is long: `a, b`, `g-0 to g-9`, `a, …, z (12 in all)`.
pub(crate) fn names(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [first, .., last] if names.len() > 2 && is_run(names) => format!("{first} to {last}"),
        [first, .., last] if names.len() > 6 => {
            format!("{first}, …, {last} ({} in all)", names.len())
        }
        _ => names.join(", "),
    }
}

/// Whether the names are one stem with consecutive numbers.
fn is_run(names: &[&str]) -> bool {
    let split = |name: &str| {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        name[stem.len()..].parse::<u64>().ok().map(|number| (stem.to_owned(), number))
    };
    let parts: Option<Vec<_>> = names.iter().map(|name| split(name)).collect();
    let follows = |pair: &[(String, u64)]| pair[0].0 == pair[1].0 && pair[0].1 + 1 == pair[1].1;
    parts.is_some_and(|parts| parts.windows(2).all(follows))
}

/// The end of a "there is no such thing" sentence: the nearest name, or what there is.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    let likeness = |name: &&&str| {
        let lower = (word.to_lowercase(), name.to_lowercase());
        strsim::normalized_damerau_levenshtein(&lower.0, &lower.1)
    };
    let near = known
        .iter()
        .filter(|name| likeness(name) >= 0.45)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("there is {}", names(known)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_names_is_short() {
        assert_eq!(names(&["g-8", "g-9", "g-10"]), "g-8 to g-10");
        assert_eq!(names(&["a", "b"]), "a, b");
        assert_eq!(names(&["g-1", "g-3", "g-5"]), "g-1, g-3, g-5");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(suggestion("hsmsim0", &["hsmsim-0", "other"]), "did you mean \"hsmsim-0\"?");
        assert_eq!(suggestion("xyz", &["hsmsim-0", "other"]), "there is hsmsim-0, other");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(rough(Duration::from_millis(420)), "0.4 s");
        assert_eq!(rough(Duration::from_secs(78)), "78 s");
        assert_eq!(rough(Duration::from_secs(720)), "12 min");
    }
}
