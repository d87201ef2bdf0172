//! A single file that a person names, anywhere: read whole up to a limit, or written whole and never over another.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::ports::FileError;

/// The bytes of a plain file of at most `largest` bytes.
///
/// # Errors
/// [`FileError`] with the path.
pub fn read(path: &Path, largest: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError {
        path: path.to_owned(),
        source,
    };
    // A pipe or a device could be read for ever.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a plain file")));
    }
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > largest {
        let what = format!("it is larger than {} MiB", largest >> 20);
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, what)));
    }
    Ok(bytes)
}

/// Writes a new file, durable when it returns; nothing is left behind where it fails.
///
/// # Errors
/// [`FileError`] with the path; of kind `AlreadyExists` where there is one.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_once_and_read_up_to_a_limit() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x");
        create(&path, b"text").expect("written");
        assert_eq!(read(&path, 4).expect("it is there"), b"text");
        let plain = folder.path().join("plain");
        fs::write(&plain, "").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions();
        assert_eq!(mode(&path), mode(&plain), "the umask decides");
        fs::remove_file(&plain).expect("removed");
        assert_eq!(
            read(&path, 3).expect_err("too large").source.kind(),
            io::ErrorKind::FileTooLarge
        );
        let again = create(&path, b"other").expect_err("it is there");
        assert_eq!(again.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path, 4).expect("as it was"), b"text");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(read(folder.path(), 4).is_err());
    }
}
