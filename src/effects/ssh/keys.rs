//! Which keys this person has: named, in git's settings, held by the agent, or lying where OpenSSH looks for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::domain::signature::key::PublicKey;
use crate::ports::{KeyFile, SigningKey};

/// Where OpenSSH looks for keys that nobody named.
const HOME_KEYS: [&str; 5] = [
    "id_ed25519",
    "id_ed25519_sk",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_rsa",
];

/// A public key is a line of some hundred bytes; more is something else.
const LARGEST: u64 = 64 * 1024;

/// The keys that lie ready: git's, the agent's, and those in `~/.ssh`.
pub(super) fn ready(root: &Path) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = of_git(root).into_iter().collect();
    keys.extend(of_agent());
    let home = std::env::home_dir().unwrap_or_default().join(".ssh");
    let in_home = HOME_KEYS.iter().map(|name| home.join(name));
    keys.extend(
        in_home
            .filter(|path| path.is_file())
            .map(|path| SigningKey {
                source: format!("the key {}", path.display()),
                public: public_half(&path),
                file: KeyFile::Path(path),
            }),
    );
    keys
}

/// What a setting names: a path, or the public half itself, as git has it too.
pub(super) fn of_setting(value: &str, source: &str) -> SigningKey {
    let line = value.strip_prefix("key::").or_else(|| {
        let kinds = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
        let is_line = value.contains(' ') && kinds.iter().any(|kind| value.starts_with(kind));
        is_line.then_some(value)
    });
    if let Some(line) = line {
        return SigningKey {
            source: format!("{source} {:.40}…", line),
            public: PublicKey::from_line(line),
            file: KeyFile::Line(line.to_owned()),
        };
    }
    let path = match (value.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(value),
    };
    SigningKey {
        source: format!("{source} {}", path.display()),
        public: public_half(&path),
        file: KeyFile::Path(path),
    }
}

/// The key that git signs with, where it signs with SSH.
fn of_git(root: &Path) -> Option<SigningKey> {
    let output = Command::new("git")
        .args([
            "config",
            "--get-regexp",
            r"^(gpg\.format|user\.signingkey)$",
        ])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // Of several settings the last one counts, as for git.
    let setting = |name: &str| {
        let values = text.lines().filter_map(|line| line.strip_prefix(name));
        values
            .map(str::trim)
            .next_back()
            .filter(|it| !it.is_empty())
    };
    if setting("gpg.format ") != Some("ssh") {
        return None;
    }
    Some(of_setting(
        setting("user.signingkey ")?,
        "git's user.signingkey",
    ))
}

/// The keys that the agent holds.
fn of_agent() -> Vec<SigningKey> {
    if std::env::var_os("SSH_AUTH_SOCK").is_none_or(|it| it.is_empty()) {
        return Vec::new();
    }
    let output = Command::new("ssh-add")
        .arg("-L")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = output.map(|it| it.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| {
            let public = PublicKey::from_line(line)?;
            Some(SigningKey {
                source: format!("the agent's key {public}"),
                file: KeyFile::Line(public.line()),
                public: Some(public),
            })
        })
        .collect()
}

/// The public half of a key's file: itself, or the one beside it.
fn public_half(path: &Path) -> Option<PublicKey> {
    let beside = match path.extension() {
        Some(extension) if extension == "pub" => path.to_owned(),
        _ => {
            let mut name = path.as_os_str().to_owned();
            name.push(".pub");
            PathBuf::from(name)
        }
    };
    let is_small = fs::metadata(&beside).is_ok_and(|it| it.is_file() && it.len() <= LARGEST);
    let text = is_small
        .then(|| fs::read_to_string(&beside).ok())
        .flatten()?;
    PublicKey::from_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMFEkfJNHZ6Ipe9+nz8Qraxgj/eAABZCDbChl90Bwa1J ana";

    #[test]
    fn a_setting_is_a_path_or_the_key_itself() {
        for value in [LINE.to_owned(), format!("key::{LINE}")] {
            let key = of_setting(&value, "--key");
            assert_eq!(key.file, KeyFile::Line(LINE.to_owned()), "{value}");
        }
        for value in ["ssh-keys/mine", "/home/ana/.ssh/id_ed25519", "key", ""] {
            let key = of_setting(value, "--key");
            assert_eq!(key.file, KeyFile::Path(value.into()), "{value}");
            assert_eq!(key.public, None);
        }
    }

    #[test]
    fn the_public_half_lies_beside_the_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("a.b.pub"), LINE).expect("written");
        let key = PublicKey::from_line(LINE);
        assert!(key.is_some());
        assert_eq!(public_half(&folder.path().join("a.b")), key);
        assert_eq!(public_half(&folder.path().join("a.b.pub")), key);
        assert_eq!(public_half(&folder.path().join("a")), None);
    }
}
