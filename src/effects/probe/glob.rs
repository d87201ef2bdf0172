//! Finds the files that a pattern names.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::disk::Wanted;
use crate::domain::probe::glob::{Glob, Part, is_hidden};

/// Folders within each other; more are a circle of links.
const DEEPEST: usize = 64;

/// What is at a place that a pattern names, in the order of the names, up to `most` and one more.
///
/// # Errors
/// A folder that cannot be read; the time is over.
pub(super) fn find(
    root: &Path,
    glob: &Glob,
    most: usize,
    wanted: &Wanted,
) -> Result<Vec<PathBuf>, String> {
    let mut search = Search {
        most,
        wanted,
        above: Vec::new(),
        found: Vec::new(),
    };
    let start = if glob.absolute { Path::new("/") } else { root };
    search.walk(start, &glob.parts)?;
    search.found.sort();
    search.found.dedup();
    Ok(search.found)
}

struct Search<'a> {
    most: usize,
    wanted: &'a Wanted,
    /// The folders that are being looked through, by device and number: a link that leads to one of them is a circle.
    above: Vec<(u64, u64)>,
    found: Vec<PathBuf>,
}

impl Search<'_> {
    fn walk(&mut self, place: &Path, parts: &[Part]) -> Result<(), String> {
        self.wanted.check()?;
        if self.found.len() > self.most {
            return Ok(());
        }
        let Some((first, rest)) = parts.split_first() else {
            if fs::symlink_metadata(place).is_ok() {
                self.found.push(place.to_owned());
            }
            return Ok(());
        };
        match first {
            Part::Name(name) => self.walk(&place.join(name), rest),
            Part::Names(names) => {
                for entry in entries(place)? {
                    if names.has(entry.as_os_str().as_bytes()) {
                        self.walk(&place.join(entry), rest)?;
                    }
                }
                Ok(())
            }
            Part::Folders => self.folders(place, rest),
        }
    }

    /// What `rest` names here and in every folder below.
    fn folders(&mut self, place: &Path, rest: &[Part]) -> Result<(), String> {
        let Some(id) = fs::metadata(place).ok().filter(fs::Metadata::is_dir) else {
            return Ok(());
        };
        let id = (id.dev(), id.ino());
        if self.above.contains(&id) || self.above.len() >= DEEPEST {
            return Ok(());
        }
        self.above.push(id);
        if !rest.is_empty() {
            self.walk(place, rest)?;
        }
        for entry in entries(place)? {
            let inner = place.join(&entry);
            if is_hidden(entry.as_os_str().as_bytes()) {
                continue;
            }
            match inner.is_dir() {
                true => self.folders(&inner, rest)?,
                // Where nothing follows, every file is meant.
                false if rest.is_empty() => self.walk(&inner, rest)?,
                false => {}
            }
        }
        self.above.pop();
        Ok(())
    }
}

/// The names in a folder; none where it is no folder.
fn entries(place: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: io::Error| format!("{} could not be read: {error}", place.display());
    let listed = match fs::read_dir(place) {
        Ok(listed) => listed,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let names: Result<Vec<PathBuf>, io::Error> = listed
        .map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())))
        .collect();
    let mut names = names.map_err(failed)?;
    names.sort();
    Ok(names)
}
