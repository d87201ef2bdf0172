//! Finds the program of a command, and says what is wrong with it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::executable::{executable, search};
use super::format;

/// The path of this program as it was when this was first called, before anybody replaced its file.
pub fn own() -> Option<&'static Path> {
    static OWN: OnceLock<Option<PathBuf>> = OnceLock::new();
    OWN.get_or_init(|| std::env::current_exe().ok()).as_deref()
}

/// As [`place`], for a program whose path need not be text.
pub(crate) fn place_os(program: &OsStr, folder: &Path) -> PathBuf {
    match program.to_str() {
        Some(text) => place(text, folder),
        None => folder.join(program),
    }
}

/// What to execute for `program`: with a slash it is found from `folder`, without one the system searches `PATH`.
///
/// The path is absolute, since it is used after the change to `folder`.
pub(crate) fn place(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') {
        let path = folder.join(program);
        std::path::absolute(&path).unwrap_or(path)
    } else {
        PathBuf::from(program)
    }
}

/// Where `program` is, if it could be started from `folder`: a file that may be executed, and that the system can execute.
///
/// # Errors
/// A text that names the program, what is wrong with it and what to do.
pub fn find(program: &str, folder: &Path) -> Result<PathBuf, String> {
    if program.is_empty() {
        return Err(
            "the program's name is empty; write a program, such as ./rollback.sh".to_owned(),
        );
    }
    let found = if program.contains('/') {
        executable(&place(program, folder)).map_err(|why| format!("the program {program:?}: {why}"))
    } else {
        search(program)
    }?;
    format::check(&found, folder).map_err(|why| format!("the program {program:?}: {why}"))?;
    Ok(found)
}

/// Why the system did not start `program`, in words that name what is missing.
pub(crate) fn start_failure(program: &str, folder: &Path, error: &io::Error) -> String {
    if !folder.is_dir() {
        return format!(
            "the program {program:?} cannot run in {}: it is not a folder",
            folder.display()
        );
    }
    match find(program, folder) {
        Err(text) => text,
        Ok(path) => format!(
            "the program {program:?} ({}) could not be started: {error}",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, name: &str, text: &str, mode: u32) {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permitted");
    }

    #[test]
    fn a_program_with_a_slash_is_found_from_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        script(folder.path(), "good.sh", "#!/bin/sh\ntrue\n", 0o755);
        assert!(find("./good.sh", folder.path()).is_ok());
        assert!(find("good.sh", folder.path()).is_err());
        assert!(find("sh", folder.path()).is_ok());
    }

    #[test]
    fn what_cannot_run_is_named_with_its_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        script(folder.path(), "plain.sh", "#!/bin/sh\n", 0o644);
        script(folder.path(), "dos.sh", "#!/bin/sh\r\ntrue\r\n", 0o755);
        script(folder.path(), "lost.py", "#!/no/such/python -u\n", 0o755);
        script(folder.path(), "bare.sh", "echo back\n", 0o755);
        for (program, reason) in [
            ("./plain.sh", "chmod +x"),
            ("./dos.sh", "carriage return"),
            ("./lost.py", "/no/such/python"),
            ("./bare.sh", "#!/bin/sh"),
            ("./missing.sh", "there is no file"),
            ("./", "is not a file"),
            ("no-such-program-anywhere", "no folder of PATH"),
            ("", "empty"),
        ] {
            let text = find(program, folder.path()).expect_err(program);
            assert!(text.contains(reason), "{program}: {text}");
            assert!(text.contains(program), "{program}: {text}");
        }
    }
}
