//! Reads what a team keeps in files for its probes: certificates, keys, bodies of requests.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

use super::explain::explain;
use crate::effects::plain;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A longer file is none that a probe sends, or trusts.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The bytes of an ordinary file.
///
/// # Errors
/// A text that names the path and the cause.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let trouble = |what: &str| format!("the file {} {what}", path.display());
    let failed = |error: std::io::Error| trouble(&format!("cannot be read: {error}"));
    // Opening something else, such as a pipe, could wait for ever.
    let kind = std::fs::metadata(path).map_err(failed)?;
    if !kind.is_file() {
        return Err(trouble("is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(trouble("is longer than 16 MiB"));
    }
    Ok(bytes)
}

/// The bytes of an ordinary file: below `root` where its path is relative, and there no link is followed.
///
/// # Errors
/// A text that names the path and the cause.
pub(super) fn read_within(root: &Path, path: &str) -> Result<Vec<u8>, String> {
    let trouble = |what: &str| format!("the file {path} {what}");
    let given = Path::new(path);
    let plain = |it: Component<'_>| matches!(it, Component::Normal(_) | Component::CurDir);
    if given.is_absolute() {
        return read(given);
    }
    if path.contains('\0') || !given.components().all(plain) {
        return Err(trouble(
            "leaves the repository; write an absolute path for a file outside of it",
        ));
    }
    let full = root.join(given);
    let below = full.ancestors().take_while(|above| *above != root);
    let leads = below.into_iter().any(Path::is_symlink);
    let failed = |error: std::io::Error| match leads {
        true => trouble("cannot be read: a link leads there; name the file itself"),
        false => trouble(&format!("cannot be read: {error}")),
    };
    let file = plain::read(root, &full).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(trouble("is longer than 16 MiB"));
    }
    Ok(bytes)
}

/// The certificates in the text of the file `path`.
///
/// # Errors
/// A text that names the file: it holds none, or a broken one.
pub(super) fn certificates(
    path: &str,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    match all {
        Ok(all) if all.is_empty() => Err(format!(
            "the file {path} holds no certificate; it must have a part \"BEGIN CERTIFICATE\""
        )),
        Ok(all) => Ok(all),
        Err(_) => Err(format!(
            "the certificates in {path} are broken: what stands between BEGIN and END is not base64, or has no END"
        )),
    }
}

/// The authorities in the text of the file `path`.
///
/// # Errors
/// As [`certificates`], or that one of them cannot be an authority.
pub(super) fn authorities(path: &str, text: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, text)? {
        roots.add(certificate).map_err(|error| {
            format!(
                "a certificate in {path} cannot be trusted as an authority: {}",
                explain(&error)
            )
        })?;
    }
    Ok(roots)
}

/// The private key in the text of the file `path`.
///
/// # Errors
/// A text that names the file, and shows nothing of it.
pub(super) fn key(path: &str, text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        format!("the file {path} holds no private key that can be used; it must have a part \"BEGIN PRIVATE KEY\", and no passphrase")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_names_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let text = |name: &str| read(&path(name)).expect_err("no file");
        assert!(text("gone.pem").contains("gone.pem cannot be read: No such file"));
        assert!(text("").contains("is not a file"));
        let long = File::create(path("long")).expect("a file");
        long.set_len(LONGEST + 1).expect("a length");
        assert!(text("long").contains("longer than 16 MiB"));
        std::fs::write(path("short"), "ok").expect("written");
        assert_eq!(read(&path("short")), Ok(b"ok".to_vec()));
    }

    #[test]
    fn what_is_no_certificate_or_key_says_so() {
        let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let text = |text: &[u8]| authorities("ca.pem", text).expect_err("a fault");
        assert!(text(b"").contains("ca.pem holds no certificate"));
        assert!(text(broken).contains("in ca.pem are broken"));
        assert!(text(nonsense).contains("in ca.pem cannot be trusted"));
        let no_key = key("key.pem", b"hidden").expect_err("no key");
        assert!(no_key.contains("key.pem") && !no_key.contains("hidden"));
    }
}
