//! A ledger's folder: listing it, reading what is new, and adding a file durably.
//!
//! Whoever writes in the folder is not trusted to write records: links are not followed, devices and pipes not read,
//! large files not read whole.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::domain::anomaly::Damage;
use crate::domain::audit::{self, Content, Flaw, LARGEST_RECORD, UNFINISHED, belongs, foreign};
use crate::domain::record::{Record, id_of_file_name};
use crate::effects::{failpoint, plain};
use crate::ports::StoreError;

/// The places in the writing of one record where a crash can leave something, in their order.
pub const FAILPOINTS: [&str; 5] = [
    "ledger:begin",
    "ledger:written",
    "ledger:synced",
    "ledger:linked",
    "ledger:durable",
];

/// Kept beside the records when the folder is made. Git must not carry the locks: a checkout that replaces one while it
/// is held would let two processes in.
const IGNORE: &str = "/.lock\n/.watch\n/.rollback\n/.tmp-*\n";

/// What lies in a ledger's folder.
#[derive(Default)]
pub(super) struct Listing {
    /// The names that may be records and are not known, sorted.
    pub names: Vec<String>,
    /// How many of the known ones are there.
    pub known: usize,
    /// The names that are no text, as far as they can be shown.
    pub unnameable: Vec<String>,
    /// What a crash left unfinished.
    pub unfinished: Vec<PathBuf>,
}

/// What lies in `folder`, beside the files whose names are `known`; nothing where there is no such folder.
pub(super) fn list(folder: &Path, known: &HashSet<String>) -> Result<Listing, StoreError> {
    let failed = |source| read_error(folder, source);
    let mut listing = Listing::default();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        match entry.file_name().into_string() {
            Ok(name) if known.contains(&name) => listing.known += 1,
            Ok(name) if name.starts_with('.') || !name.ends_with(".json") => {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if !belongs(&name, is_folder) {
                    listing.names.push(name);
                } else if name.starts_with(UNFINISHED) {
                    listing.unfinished.push(entry.path());
                }
            }
            Ok(name) => listing.names.push(name),
            Err(name) => listing.unnameable.push(name.to_string_lossy().into_owned()),
        }
    }
    listing.names.sort_unstable();
    Ok(listing)
}

/// Reads files of one folder by name.
pub(super) struct Reader {
    folder: OwnedFd,
}

impl Reader {
    /// A reader of the files in `folder`; `None` where there is no such folder.
    pub fn open(folder: &Path) -> Result<Option<Self>, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(folder, flags, Mode::empty()) {
            Ok(folder) => Ok(Some(Self { folder })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(read_error(folder, error.into())),
        }
    }

    /// Puts the bytes of the file `name` into `bytes`. `Ok(false)` where it is gone since it was listed.
    ///
    /// # Errors
    /// A [`Flaw`] where it cannot hold a record, or cannot be read.
    pub fn read(&self, name: &str, bytes: &mut Vec<u8>) -> Result<bool, Flaw> {
        bytes.clear();
        // What is not even called a record, and can be none, is foreign whatever it is.
        self.fill(name, bytes)
            .map_err(|flaw| match id_of_file_name(name) {
                Some(_) => flaw,
                None => foreign(),
            })
    }

    fn fill(&self, name: &str, bytes: &mut Vec<u8>) -> Result<bool, Flaw> {
        // Without NONBLOCK, opening a pipe waits for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(false),
            Err(Errno::LOOP) => return Err(not_a_file("symbolic link")),
            Err(Errno::NXIO) => return Err(not_a_file("socket or device")),
            Err(error) => return Err(unreadable(error)),
        };
        let stat = rustix::fs::fstat(&file).map_err(unreadable)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(not_a_file("folder")),
            _ => return Err(not_a_file("pipe or device")),
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size > LARGEST_RECORD {
            return Err(too_large(size));
        }
        // One byte more than it should have, so that a full read shows that it ended.
        bytes.reserve(usize::try_from(size).unwrap_or(0) + 1);
        loop {
            let room = bytes.capacity() - bytes.len();
            let read = retry_on_intr(|| rustix::io::read(&file, spare_capacity(bytes)))
                .map_err(unreadable)?;
            if bytes.len() as u64 > LARGEST_RECORD {
                return Err(too_large(bytes.len() as u64));
            }
            // A plain file answers with less than was asked for at its end alone.
            if read < room {
                return Ok(true);
            }
            bytes.reserve(4096);
        }
    }
}

/// All that lies in the ledger's folder, read one after the other as the audit asks for it; what belongs there without
/// being a record is left out. Nothing where there is no such folder.
///
/// # Errors
/// [`StoreError::Read`] where the folder cannot be listed. What cannot be read in it is for the audit to tell.
pub fn gather(folder: &Path) -> Result<impl Iterator<Item = audit::File> + use<>, StoreError> {
    let reader = Reader::open(folder)?;
    let listing = list(folder, &HashSet::new())?;
    let unnameable = listing.unnameable.into_iter().map(|name| audit::File {
        name,
        content: Content::Unfit(foreign()),
    });
    let files = listing.names.into_iter().filter_map(move |name| {
        let mut bytes = Vec::new();
        let content = match reader.as_ref()?.read(&name, &mut bytes) {
            Ok(true) => Content::Bytes(bytes),
            Ok(false) => return None,
            Err(flaw) => Content::Unfit(flaw),
        };
        Some(audit::File { name, content })
    });
    Ok(files.chain(unnameable))
}

/// Makes the ledger's folder where it does not exist yet; the folder that it lies in must.
pub(super) fn create(folder: &Path) -> Result<(), StoreError> {
    match std::fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(write_error(folder, error)),
    }
    // The records are as safe without it, so a failure to write it shows when the first record is written.
    let ignored = folder.join(".gitignore");
    let _ = plain::create(folder, &ignored, IGNORE.as_bytes(), &mut Vec::new());
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    sync_folder(parent)
}

/// Writes `record` into `folder`, durable when it returns.
///
/// # Errors
/// [`StoreError::Write`]; nothing of the record is left behind. A file of the same name is never replaced.
pub(super) fn write(folder: &Path, record: &Record) -> Result<(), StoreError> {
    prepare(folder, record)?.place()
}

/// A record whose bytes are durable and that has no name yet: nobody sees it.
pub(super) struct Prepared {
    folder: PathBuf,
    path: PathBuf,
    file: tempfile::NamedTempFile,
}

/// Makes the bytes of `record` durable in `folder`. Dropped, nothing of it is left.
///
/// # Errors
/// [`StoreError::Write`]; nothing of the record is left behind.
pub(super) fn prepare(folder: &Path, record: &Record) -> Result<Prepared, StoreError> {
    let name = record.file_name();
    let path = folder.join(&name);
    let failed = |source| write_error(&path, source);
    let bytes = record.bytes();
    // What could not be read again would shut the ledger for good.
    if bytes.len() as u64 > LARGEST_RECORD {
        return Err(failed(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!(
                "the record has {} bytes, and the largest that is kept has {LARGEST_RECORD}",
                bytes.len()
            ),
        )));
    }
    if let Err(flaw) = audit::examine(&name, bytes) {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it could not be read again: {}", flaw.what),
        )));
    }
    failpoint::hit(FAILPOINTS[0]);
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    failpoint::hit(FAILPOINTS[1]);
    file.as_file().sync_all().map_err(failed)?;
    failpoint::hit(FAILPOINTS[2]);
    let folder = folder.to_owned();
    Ok(Prepared { folder, path, file })
}

impl Prepared {
    /// Gives it its name, durable when it returns.
    ///
    /// # Errors
    /// As [`write`].
    pub fn place(self) -> Result<(), StoreError> {
        let Self { folder, path, file } = self;
        file.persist_noclobber(&path)
            .map_err(|error| write_error(&path, error.error))?;
        failpoint::hit(FAILPOINTS[3]);
        if let Err(error) = sync_folder(&folder) {
            // It is not known to be durable, and the caller is told that it is not there.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        failpoint::hit(FAILPOINTS[4]);
        Ok(())
    }
}

/// Makes the names in `folder` durable.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems answer so: they have no such call, and keep names by themselves.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        Err(error) => Err(write_error(folder, error)),
        Ok(()) => Ok(()),
    }
}

fn read_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Read {
        place: path.display().to_string(),
        source,
    }
}

fn write_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Write {
        place: path.display().to_string(),
        source,
    }
}

fn not_a_file(what: &str) -> Flaw {
    Flaw::new(
        Damage::NotAFile,
        format!("it is a {what}, and a record is a plain file"),
    )
}

fn too_large(size: u64) -> Flaw {
    Flaw::new(
        Damage::TooLarge,
        format!("it has {size} bytes, and the largest record has {LARGEST_RECORD}"),
    )
}

fn unreadable(error: Errno) -> Flaw {
    Flaw::new(
        Damage::Unreadable,
        format!("it cannot be read: {}", io::Error::from(error)),
    )
}
