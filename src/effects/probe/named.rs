//! Looks at the files that probes name, before anything is asked.

use std::path::Path;

use super::{identity, pem};
use crate::domain::probe::files::FileUse;
use crate::domain::variables::schema_in;
use crate::effects::environment::SystemEnvironment;
use crate::effects::process::program;
use crate::ports::Environment;

/// Whether the file `path` can be used as what it is named for, found from `root`.
///
/// # Errors
/// A text that names the file and the cause, and shows nothing of a key.
pub(super) fn can_use(root: &Path, path: &str, used_as: FileUse) -> Result<(), String> {
    let bytes = || pem::read(&root.join(path));
    match used_as {
        FileUse::Authorities => identity::authorities(path, &bytes()?),
        FileUse::Certificate => pem::certificates(path, &bytes()?).map(drop),
        FileUse::Key => identity::key(path, &bytes()?).map(drop),
        FileUse::Body => bytes().map(drop),
        FileUse::Part => pem::read_within(root, path).map(drop),
        FileUse::Program => program::find(path, root).map(drop),
        FileUse::Schema => {
            let root = root.to_owned();
            let text = SystemEnvironment { root }.file(path)?;
            schema_in(path, &text)
                .map(drop)
                .map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_file_must_be_what_it_is_named_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let issued =
            rcgen::generate_simple_self_signed(["shop.example".to_owned()]).expect("issued");
        let write =
            |name: &str, text: &str| std::fs::write(root.join(name), text).expect("written");
        let pem = |label: &str, der: &[u8]| {
            let text = STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
        };
        write("cert.pem", &pem("CERTIFICATE", issued.cert.der()));
        let key = issued.signing_key.serialize_der();
        write("key.pem", &pem("PRIVATE KEY", &key));
        write("schema.json", "{\"type\": \"object\"}");
        write("broken.json", "{\"type\": \"objekt\"}");
        write("text", "hello");
        for (path, used_as) in [
            ("cert.pem", FileUse::Authorities),
            ("cert.pem", FileUse::Certificate),
            ("key.pem", FileUse::Key),
            ("text", FileUse::Body),
            ("schema.json", FileUse::Schema),
        ] {
            assert_eq!(can_use(root, path, used_as), Ok(()), "{path}");
        }
        for (path, used_as, why) in [
            ("text", FileUse::Authorities, "text holds no certificate"),
            (
                "key.pem",
                FileUse::Certificate,
                "key.pem holds no certificate",
            ),
            ("cert.pem", FileUse::Key, "cert.pem holds no private key"),
            ("gone", FileUse::Body, "cannot be read"),
            (".", FileUse::Body, "is not a file"),
            ("text", FileUse::Schema, "text holds no JSON Schema"),
            (
                "broken.json",
                FileUse::Schema,
                "broken.json holds no JSON Schema",
            ),
            ("gone", FileUse::Schema, "gone"),
        ] {
            let error = can_use(root, path, used_as).expect_err(path);
            assert!(error.contains(why), "{error}");
        }
    }
}
