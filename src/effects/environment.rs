//! The environment variables of this process, and small files, for the variables of a probe.
//!
//! Which of them are secret is the business of [`crate::domain::variables`].

use std::env::VarError;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use crate::domain::probe::text::Text;
use crate::domain::variables::NotText;
use crate::ports::Environment;

/// A file that a variable names holds a token or a certificate; more is a mistake.
const LARGEST_FILE: u64 = 64 * 1024;

/// The environment of this process, with files found from `root`.
#[derive(Clone, Debug)]
pub struct SystemEnvironment {
    /// The repository's root. An absolute path, such as a mounted secret's, is taken as it is.
    pub root: PathBuf,
}

impl Environment for SystemEnvironment {
    fn variable(&self, name: &str) -> Result<Option<String>, NotText> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(NotText),
        }
    }

    fn variables(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((
                    name.into_string().ok()?,
                    value.to_string_lossy().into_owned(),
                ))
            })
            .collect()
    }

    /// The text, without the line ending at its end that editors add. Only a regular file of at most 64 KiB is read, so
    /// that a pipe or a device cannot hold the caller up.
    fn file(&self, path: &str) -> Result<String, String> {
        let place = self.root.join(path);
        let trouble = |cause: String| format!("the file {}: {cause}", place.display());
        let about = fs::metadata(&place).map_err(|error| trouble(error.to_string()))?;
        if !about.is_file() {
            return Err(trouble("it is not a regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        File::open(&place)
            .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
            .map_err(|error| trouble(error.to_string()))?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(trouble(format!(
                "it is larger than {} KiB",
                LARGEST_FILE / 1024
            )));
        }
        let text = Text::decode(&bytes, None, false);
        let mut text = match text.read() {
            Ok(text) => text.to_owned(),
            Err(why) => return Err(trouble(format!("it is {why}"))),
        };
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> (tempfile::TempDir, SystemEnvironment) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().to_owned();
        (folder, SystemEnvironment { root })
    }

    #[test]
    fn a_file_loses_one_line_ending_and_nothing_else() {
        let (folder, environment) = environment();
        fs::write(folder.path().join("token"), " abc \n\r\n").expect("written");
        assert_eq!(environment.file("token"), Ok(" abc \n".to_owned()));
    }

    #[test]
    fn what_is_no_small_text_file_is_refused_with_its_path() {
        let (folder, environment) = environment();
        fs::write(folder.path().join("big"), vec![b'x'; 64 * 1024 + 1]).expect("written");
        fs::write(folder.path().join("just"), vec![b'x'; 64 * 1024]).expect("written");
        fs::write(folder.path().join("binary"), [0xff, 0xfe]).expect("written");
        for (path, cause) in [
            ("big", "larger than 64 KiB"),
            ("binary", "byte 0xff at offset 0 is not UTF-8"),
            (".", "not a regular file"),
            ("missing", "No such file"),
        ] {
            let error = environment.file(path).expect_err(path);
            assert!(error.contains(cause) && error.contains(path), "{error}");
        }
        assert_eq!(environment.file("just").map(|text| text.len()), Ok(65_536));
    }

    #[test]
    fn an_unset_variable_is_none() {
        let (_folder, environment) = environment();
        assert_eq!(environment.variable("RELGATE_NO_SUCH_VARIABLE"), Ok(None));
        assert_eq!(environment.variable("no=such"), Ok(None));
        assert!(environment.text("PATH").is_some());
    }
}
