//! Files that this user may execute, by path or by name.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::domain::quote;

/// Where `PATH` has `program`.
///
/// # Errors
/// What is wrong with what was found, or that nothing was.
pub(super) fn search(program: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut refused = None;
    for folder in std::env::split_paths(&path) {
        let candidate = folder.join(program);
        match executable(&candidate) {
            Ok(found) => return Ok(found),
            Err(why) if candidate.is_file() => refused = refused.or(Some(why)),
            Err(_) => {}
        }
    }
    Err(match refused {
        Some(why) => format!("the program {program:?}: {why}"),
        None => format!(
            "the program {program:?} is in no folder of PATH; install it, or write a path with a slash, such as ./{program}"
        ),
    })
}

/// `path`, if it is a file that may be executed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn executable(path: &Path) -> Result<PathBuf, String> {
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    if !about.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    access(path, Access::EXEC_OK).map_err(|_| match about.permissions().mode() & 0o111 {
        0 => format!(
            "{} may not be executed; run `chmod +x {}`",
            path.display(),
            quote::word(&path.display().to_string())
        ),
        _ => format!(
            "{} may not be executed by this user, or lies on a disk from which nothing is (noexec)",
            path.display()
        ),
    })?;
    Ok(path.to_owned())
}
