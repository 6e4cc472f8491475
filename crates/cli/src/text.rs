//! Text for people: lines that fit, words that a shell takes as they are.

use std::borrow::Cow;

/// Columns that output for people keeps to.
pub(crate) const WIDTH: usize = 100;

/// `first` followed by the words of `text`, in lines of at most [`WIDTH`] columns; those after the
/// first are indented by as much as `first` is long. A word that is longer than a line stands alone.
pub(crate) fn wrap(first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let mut lines = first.to_owned();
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        }
        if column > indent {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines.truncate(lines.trim_end().len());
    lines
}

/// A number with its word: `1 fault`, `2 faults`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A word as a POSIX shell must be given it.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:=@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width_and_lose_no_word() {
        let text = "word ".repeat(60) + &"x".repeat(WIDTH);
        let wrapped = wrap("  12 things: ", &text);
        let mut lines = wrapped.lines();
        assert!(lines.next().unwrap().starts_with("  12 things: word word"));
        let rest: Vec<&str> = lines.collect();
        assert!(rest.iter().all(|line| line.starts_with(&" ".repeat(13))));
        assert!(rest[..rest.len() - 1].iter().all(|line| line.len() <= WIDTH));
        assert_eq!(wrapped.matches("word").count(), 60);
    }

    #[test]
    fn a_shell_gets_its_word_back() {
        for word in ["/plain/path", "two words", "it's", "$HOME", "", "*"] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
