//! What the kinds that read files share: paths that stay in the repository, files that can be read without waiting, and
//! work that ends with its attempt.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use rustix::fs::OFlags;

use super::Context;
use super::progress::shown;
use crate::domain::probe::kinds::Answer;

/// So much is read between two looks at whether the work is still wanted.
const PIECE: usize = 256 * 1024;

/// Whether the attempt that work is done for is still waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// # Errors
    /// Where nobody waits for the work any more.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) {
            Err("nobody waits for it any more".to_owned())
        } else {
            Ok(())
        }
    }
}

struct Ending(Wanted);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` beside the asynchronous threads, up to the attempt's time. What it cannot do is an error, since nothing
/// is known of the file then.
pub(super) async fn blocking<T: Send + 'static>(
    what: &str,
    context: &Context<'_>,
    work: impl FnOnce(&Wanted) -> Result<T, String> + Send + 'static,
) -> Result<T, Answer> {
    let wanted = Wanted::default();
    let _ending = Ending(wanted.clone());
    let doing = tokio::task::spawn_blocking(move || work(&wanted));
    match tokio::time::timeout(context.limit, doing).await {
        Ok(Ok(done)) => done.map_err(Answer::Unasked),
        Ok(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Ok(Err(error)) => Err(Answer::Unasked(format!("{what} was not read: {error}"))),
        Err(_) => Err(Answer::Unasked(format!(
            "{what} was not read within {}",
            shown(context.limit)
        ))),
    }
}

/// Where `path` lies: below `root` where it is relative, and there through links too.
///
/// # Errors
/// Why it may not be looked at.
pub(super) fn place(root: &Path, path: &str) -> Result<PathBuf, String> {
    let given = Path::new(path);
    if path.contains('\0') || path.is_empty() {
        return Err(format!("{path:?} cannot be the path of a file"));
    }
    if given.is_absolute() {
        return Ok(given.to_owned());
    }
    let plain = |it: Component<'_>| matches!(it, Component::Normal(_) | Component::CurDir);
    if !given.components().all(plain) {
        return Err(leaves(path));
    }
    let full = root.join(given);
    stays(root, &full, path)?;
    Ok(full)
}

fn leaves(path: &str) -> String {
    format!("{path} leaves the repository; write an absolute path for a file outside of it")
}

/// That what is at `full`, or the nearest folder above it that there is, lies below `root` when links are followed.
pub(super) fn stays(root: &Path, full: &Path, path: &str) -> Result<(), String> {
    let trouble = |error: io::Error| format!("{path} could not be looked at: {error}");
    let home = fs::canonicalize(root).map_err(trouble)?;
    for above in full.ancestors() {
        match fs::canonicalize(above) {
            Ok(real) if real.starts_with(&home) => return Ok(()),
            Ok(_) => return Err(leaves(path)),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(trouble(error)),
        }
    }
    Err(leaves(path))
}

/// Whether an error says that there is nothing.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What is at a path.
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// Something that is no regular file, in words.
    Other(&'static str),
    /// A regular file, opened.
    Regular(File, Metadata),
}

/// Looks at what is at `place`, and opens it where it is a regular file: a pipe or a device would never end.
///
/// # Errors
/// Why it could not be looked at.
pub(super) fn open(place: &Path) -> Result<Found, String> {
    let trouble = |error: io::Error| format!("{} could not be read: {error}", place.display());
    let about = match fs::metadata(place) {
        Ok(about) => about,
        Err(error) if is_absent(&error) => {
            let is_link = fs::symlink_metadata(place).is_ok_and(|it| it.is_symlink());
            return Ok(if is_link {
                Found::Other("a link to nothing")
            } else {
                Found::Nothing
            });
        }
        Err(error) => return Err(trouble(error)),
    };
    if !about.is_file() {
        return Ok(Found::Other(kind(&about)));
    }
    // What was a file a moment ago might be a pipe now, which would wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(place)
        .map_err(trouble)?;
    let about = file.metadata().map_err(trouble)?;
    Ok(if about.is_file() {
        Found::Regular(file, about)
    } else {
        Found::Other(kind(&about))
    })
}

fn kind(about: &Metadata) -> &'static str {
    let kind = about.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Milliseconds since a file was changed; below zero where that lies in the future.
///
/// # Errors
/// Where the file system does not say.
pub(super) fn age_ms(place: &Path, about: &Metadata, now: DateTime<Utc>) -> Result<i64, String> {
    let changed = about
        .modified()
        .map_err(|error| format!("when {} was changed is unknown: {error}", place.display()))?;
    Ok((now - DateTime::<Utc>::from(changed)).num_milliseconds())
}

/// Reads the file in pieces to its end, as long as `take` wants another and the work is wanted.
///
/// # Errors
/// Why it could not be read on.
pub(super) fn pieces(
    place: &Path,
    file: &mut File,
    wanted: &Wanted,
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<(), String> {
    let mut piece = vec![0; PIECE];
    loop {
        wanted.check()?;
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) if take(&piece[..count]) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("{} could not be read: {error}", place.display())),
        }
    }
}
