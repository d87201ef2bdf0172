//! Asks about a file on this machine.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::disk::{self, Found, Wanted};
use super::{Context, quote};
use crate::domain::ids::Digest;
use crate::domain::probe::kinds::{Answer, FileAnswer, FileProbe, RegularFile};
use crate::domain::probe::text::Text;
use crate::effects::clock::SystemClock;
use crate::ports::Clock;

/// More of the contents than this is not kept; a digest is of all of them.
const CAP: usize = 1024 * 1024;

/// Looks at the file, and reads as much of it as is asked for.
pub(super) async fn ask(file: &FileProbe, context: &Context<'_>) -> Answer {
    let (file, root) = (file.clone(), context.root.to_owned());
    let what = file.path.clone();
    let kept = file.is_read() || !context.probe.capture.is_empty();
    let work = move |wanted: &Wanted| look((&file, kept), &root, SystemClock.now().wall, wanted);
    match disk::blocking(&what, context, work).await {
        Ok(answer) => Answer::File(answer),
        Err(trouble) => trouble,
    }
}

fn look(
    (probe, kept): (&FileProbe, bool),
    root: &Path,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> Result<FileAnswer, String> {
    let place = disk::place(root, &probe.path)?;
    let (mut file, about) = match disk::open(&place)? {
        Found::Nothing => return Ok(FileAnswer::Missing),
        Found::Other(what) => return Ok(FileAnswer::Other(what.to_owned())),
        Found::Regular(file, about) => (file, about),
    };
    let expect = &probe.expect;
    let hashed = expect.sha256.is_some();
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let mut contents = Vec::new();
    let mut truncated = false;
    if hashed || kept {
        disk::pieces(&place, &mut file, wanted, |piece| {
            if hashed {
                digest.update(piece);
            }
            if kept {
                let room = CAP - contents.len();
                contents.extend_from_slice(&piece[..piece.len().min(room)]);
                truncated |= piece.len() > room;
            }
            hashed || !truncated
        })?;
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.finish().as_ref());
    Ok(FileAnswer::Regular(RegularFile {
        size: about.len(),
        age_ms: disk::age_ms(&place, &about, now)?,
        sha256: hashed.then(|| Digest::from_bytes(bytes)),
        contents: kept.then(|| Text::decode(&contents, None, truncated)),
        truncated,
    }))
}

/// A line that shows the same in the repository's root.
pub(super) fn repeat(file: &FileProbe) -> String {
    if file.expect.sha256.is_some() {
        quote::line(["sha256sum", "--", &file.path])
    } else if file.is_read() {
        quote::line(["head", "-c", "1048576", "--", &file.path])
    } else {
        quote::line(["ls", "-lL", "--", &file.path])
    }
}
