//! Signatures and who may make them: armoured SSH signatures, public keys, `allowed_signers`, revoked keys.

use std::str;

use chrono_tz::Tz;
use relgate::domain::signature::NAMESPACE;
use relgate::domain::signature::allowed_signers::{AllowedSigners, Question};
use relgate::domain::signature::key::PublicKey;
use relgate::domain::signature::revoked::Revoked;
use relgate::domain::signature::sshsig::SshSig;
use relgate::parse;
use relgate::parse::lint::{self, Signers};

use super::shared::hold;
use super::team;

/// What the seeds are signatures over.
const PAYLOAD: &[u8] = b"{\"release\":\"2.0.0\"}";

/// Reads the bytes as each of them.
pub fn target(data: &[u8]) {
    if let Ok(key) = PublicKey::from_blob(data) {
        keeps(&key);
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    signature(text);
    if let Some(key) = PublicKey::from_line(text) {
        keeps(&key);
    }
    signers(text);
    revoked(data, text);
}

fn keeps(key: &PublicKey) {
    assert_eq!(PublicKey::from_line(&key.line()).as_ref(), Some(key));
    assert!(key.fingerprint().starts_with("SHA256:"));
}

/// What holds over a text holds over no other.
fn signature(text: &str) {
    let Ok(read) = SshSig::read(text) else {
        return;
    };
    keeps(read.maker.key());
    if read.verify(PAYLOAD).is_ok() {
        assert!(read.verify(b"{\"release\":\"2.0.1\"}").is_err());
        assert!(read.verify(b"").is_err());
    }
}

fn signers(text: &str) {
    let source = parse::source(".relgate/allowed_signers", text.as_bytes().to_vec());
    let Ok(source) = source else {
        return;
    };
    let (signers, findings) = AllowedSigners::read(&source);
    hold(&findings, std::slice::from_ref(&source));
    for entry in signers.entries() {
        keeps(&entry.key);
        for principal in entry.principals.names().take(3) {
            for at in team::moments() {
                let asked = Question {
                    key: &entry.key,
                    principal,
                    namespace: NAMESPACE,
                    at,
                    zone: Tz::Europe__Madrid,
                };
                if signers.allows(asked).is_ok() {
                    assert!(signers.keys_of(principal).any(|key| *key == entry.key));
                }
            }
        }
    }
    let mut workspace = team::workspace();
    workspace.signers = Signers::Read(signers, source.clone());
    hold(&lint::lint(&workspace), &[source]);
}

/// A key that stands in the list is revoked, or the list is refused.
fn revoked(data: &[u8], text: &str) {
    if Revoked::is_krl(data) {
        return;
    }
    let Ok(source) = parse::source(".relgate/revoked_keys", data.to_vec()) else {
        return;
    };
    match Revoked::read(&source) {
        Ok(Revoked::Krl) => panic!("a text is no KRL"),
        Ok(Revoked::Keys(keys)) => {
            for key in text.lines().filter_map(PublicKey::from_line) {
                assert!(keys.contains(&key), "{} is not revoked", key.line());
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a finding");
            hold(&findings, &[source]);
        }
    }
}
