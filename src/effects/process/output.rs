//! What a command writes: its secrets masked, kept in a file up to a cap, counted beyond it, with its digest and its
//! last lines.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::domain::ids::Digest;
use crate::domain::variables::{Masking, Secrets};
use crate::effects::plain;

/// The most of the last lines that is handed on, in bytes.
const TAIL: usize = 2 * 1024;

/// Keeps output. It never fails: a command is not held up by a disk.
pub(super) struct Kept {
    path: PathBuf,
    file: Option<File>,
    room: u64,
    total: u64,
    hasher: Context,
    tail: Vec<u8>,
    masking: Masking,
    trouble: Option<String>,
}

/// What was kept, at the end.
pub(super) struct Summary {
    pub tail: String,
    pub bytes: u64,
    pub digest: Digest,
}

impl Kept {
    /// Opens `path`, below `root`, for appending; its folder is made if need be.
    pub(super) fn open((root, path): (&Path, &Path), cap: u64, secrets: &Secrets) -> Self {
        let opened = plain::append(root, path);
        let mut kept = Self {
            path: path.to_owned(),
            file: None,
            room: cap,
            total: 0,
            hasher: Context::new(&SHA256),
            tail: Vec::new(),
            masking: Masking::new(secrets),
            trouble: None,
        };
        match opened {
            Ok(file) => kept.file = Some(file),
            Err(error) => kept.give_up(&error),
        }
        kept
    }

    /// Takes in a piece of output. Returns what of it can be shown by now.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        self.total += piece.len() as u64;
        let shown = self.masking.push(piece);
        self.keep(&shown);
        shown
    }

    fn keep(&mut self, piece: &[u8]) {
        self.tail
            .extend_from_slice(&piece[piece.len().saturating_sub(TAIL + 1)..]);
        // One byte more than is shown tells whether the tail begins in the middle of a line.
        let surplus = self.tail.len().saturating_sub(TAIL + 1);
        self.tail.drain(..surplus);
        let wanted = piece
            .len()
            .min(usize::try_from(self.room).unwrap_or(usize::MAX));
        self.write(&piece[..wanted]);
    }

    fn write(&mut self, mut rest: &[u8]) {
        while let (Some(file), false) = (&mut self.file, rest.is_empty()) {
            match file.write(rest) {
                Ok(0) => self.give_up(&io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.hasher.update(&rest[..count]);
                    self.room -= count as u64;
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.give_up(&error),
            }
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        self.file = None;
        let path: String = self.path.display().to_string().chars().take(300).collect();
        self.trouble = Some(format!(
            "[relgate could not write this output to {path}: {error}]"
        ));
    }

    /// What was kept. What arrives from here on is no longer taken in.
    pub(super) fn summary(&mut self) -> Summary {
        let held = self.masking.finish();
        self.keep(&held);
        self.file = None;
        let reserved = self.trouble.as_ref().map_or(0, |text| text.len() + 1);
        let mut tail = last_lines(&self.tail, TAIL.saturating_sub(reserved));
        if let Some(trouble) = &self.trouble {
            if !tail.is_empty() && !tail.ends_with('\n') {
                tail.push('\n');
            }
            tail.push_str(trouble);
        }
        Summary {
            tail,
            bytes: self.total,
            digest: digest(&self.hasher),
        }
    }
}

fn digest(hasher: &Context) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hasher.clone().finish().as_ref());
    Digest::from_bytes(bytes)
}

/// The end of `bytes` as text of at most `most` bytes. Where it had to be cut it begins with a whole line, if there is
/// one, so that no secret is shown by half.
fn last_lines(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= most {
        return text.into_owned();
    }
    let mut from = text.len() - most;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let begins_a_line = text[..from].ends_with('\n');
    let rest = &text[from..];
    match rest.find('\n') {
        Some(end) if !begins_a_line && end + 1 < rest.len() => rest[end + 1..].to_owned(),
        _ => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn keeps_up_to_the_cap_and_counts_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/out.log");
        let mut kept = Kept::open((folder.path(), &path), 5, &Secrets::default());
        kept.take(b"abc");
        kept.take(b"defgh");
        let summary = kept.summary();
        assert_eq!(fs::read(&path).expect("kept"), b"abcde");
        assert_eq!(summary.bytes, 8);
        assert_eq!(summary.digest, Digest::of(b"abcde"));
        assert_eq!(summary.tail, "abcdefgh");
    }

    #[test]
    fn a_file_is_appended_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.log");
        fs::write(&path, "before\n").expect("written");
        let mut kept = Kept::open((folder.path(), &path), 100, &Secrets::default());
        kept.take(b"after\n");
        assert_eq!(kept.summary().digest, Digest::of(b"after\n"));
        assert_eq!(fs::read(&path).expect("kept"), b"before\nafter\n");
    }

    #[test]
    fn a_disk_that_refuses_is_named_and_nothing_stops() {
        let mut kept = Kept::open(
            (Path::new("/proc"), Path::new("/proc/no/such/place/out.log")),
            100,
            &Secrets::default(),
        );
        kept.take(b"rolled back");
        let summary = kept.summary();
        assert_eq!(summary.bytes, 11);
        assert_eq!(summary.digest, Digest::of(b""));
        assert!(
            summary
                .tail
                .starts_with("rolled back\n[relgate could not write")
                && summary.tail.contains("/proc/no/such/place/out.log"),
            "{}",
            summary.tail
        );
    }

    #[test]
    fn the_tail_is_whole_lines_of_at_most_two_kib() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = Kept::open(
            (folder.path(), &folder.path().join("out")),
            10,
            &Secrets::default(),
        );
        for number in 0..1000 {
            kept.take(format!("line {number}\n").as_bytes());
        }
        let tail = kept.summary().tail;
        assert!(
            tail.len() <= TAIL && tail.len() > TAIL - 20,
            "{}",
            tail.len()
        );
        assert!(
            tail.starts_with("line ") && tail.ends_with("line 999\n"),
            "{tail}"
        );
        let mut kept = Kept::open(
            (folder.path(), &folder.path().join("out")),
            10,
            &Secrets::default(),
        );
        kept.take(&[0xff; 10_000]);
        let tail = kept.summary().tail;
        assert!(tail.len() <= TAIL && !tail.is_empty());
    }
}
