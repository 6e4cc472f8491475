//! A text that its owner writes again and again and others read meanwhile, in one file.
//!
//! It is written in place: a rename over the old text would wait for the disk on ext4, and every group that a
//! process begins to use changes its view. What is read between the halves of a write does not fit the sum
//! before it, and is read again.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, thread};

use hsmsim_crypto::digest::{HashAlg, hash};

use crate::{files, state_error::StateError};

/// How often a text is read that does not fit its sum, before it counts as none.
const TRIES: usize = 100;
/// Length and sum, as hexadecimal digits, and the end of the line.
const HEADER: usize = 8 + 16 + 1;

/// The owner's end.
pub(crate) struct ViewFile(File);

impl ViewFile {
    /// Makes the file, whatever the process's umask, in the place of one that is there.
    pub(crate) fn create(path: &Path, mode: u32) -> Result<Self, StateError> {
        files::remove(path)?;
        files::create(path, mode).map(Self).map_err(StateError::io("write", path))
    }

    /// Replaces the text. The rest of a longer one stays behind it and is not read.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        self.0.write_all_at(&[header(text.as_bytes()).as_bytes(), text.as_bytes()].concat(), 0)
    }
}

/// The text of another process's file; `None` if there is none, or none that is whole.
pub(crate) fn read(path: &Path) -> Result<Option<String>, StateError> {
    for _ in 0..TRIES {
        let Some(bytes) = files::read(path)? else { return Ok(None) };
        if let Some(text) = whole(&bytes) {
            return Ok(Some(text));
        }
        thread::yield_now();
    }
    Ok(None)
}

fn header(text: &[u8]) -> String {
    let sum = hash(HashAlg::Sha256, text);
    let sum = sum.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{:08x}{sum:016x}\n", text.len())
}

fn whole(bytes: &[u8]) -> Option<String> {
    let (found, rest) = bytes.split_at_checked(HEADER)?;
    let len = usize::from_str_radix(str::from_utf8(found.get(..8)?).ok()?, 16).ok()?;
    let text = rest.get(..len)?;
    (header(text).as_bytes() == found).then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_text_replaces_a_longer_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("0.view");
        let file = ViewFile::create(&path, 0o600).unwrap();
        assert_eq!(read(&path).unwrap(), None, "nothing was written yet");
        for text in ["a longer text", "a text", ""] {
            file.write(text).unwrap();
            assert_eq!(read(&path).unwrap().as_deref(), Some(text));
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn half_a_text_is_none() {
        let (text, other) = ("the members are up", "the members are no");
        let mixed = [header(text.as_bytes()).as_bytes(), other.as_bytes()].concat();
        assert_eq!(whole(&mixed), None);
        let cut = [header(text.as_bytes()).as_bytes(), &text.as_bytes()[..9]].concat();
        assert_eq!(whole(&cut), None);
        assert_eq!(whole(b"{\"not\": \"one of these\", \"though\": \"long\"}"), None);
    }

    #[test]
    fn readers_see_one_of_the_texts_while_they_are_written() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("0.view");
        let file = ViewFile::create(&path, 0o600).unwrap();
        let texts = ["a".repeat(20_000), "b".repeat(30_000)];
        file.write(&texts[0]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for turn in 0..2_000 {
                    file.write(&texts[turn % 2]).unwrap();
                }
            });
            while !writer.is_finished() {
                let text = read(&path).unwrap();
                assert!(text.is_none_or(|text| texts.contains(&text)));
            }
        });
        assert_eq!(read(&path).unwrap().as_deref(), Some(texts[1].as_str()));
    }
}
