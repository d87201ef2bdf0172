//! The revocation list: keys whose signatures do not count, whatever else speaks for them.
//!
//! A list of public keys, one to a line, is read here; OpenSSH's binary form (a KRL) is asked through `ssh-keygen -Q`.

use std::collections::BTreeSet;

use super::Flaw;
use super::key::{OTHER_TYPES, PublicKey};
use crate::domain::finding::{Finding, Lines, Rule, Source};

/// Where it lies, relative to the repository's root.
pub const PATH: &str = ".relgate/revoked_keys";

/// What a KRL begins with.
const KRL: &[u8] = b"SSHKRL\n\0";

/// The keys whose signatures do not count.
#[derive(Clone, Debug, PartialEq)]
pub enum Revoked {
    /// These.
    Keys(BTreeSet<PublicKey>),
    /// Those of a KRL, which OpenSSH reads.
    Krl,
}

impl Default for Revoked {
    fn default() -> Self {
        Self::Keys(BTreeSet::new())
    }
}

impl Revoked {
    /// Whether `bytes` are a KRL.
    pub fn is_krl(bytes: &[u8]) -> bool {
        bytes.starts_with(KRL)
    }

    /// Reads a list of public keys.
    ///
    /// # Errors
    /// A finding for every line that is no key: one that was meant to be revoked would go on to count.
    pub fn read(source: &Source) -> Result<Self, Vec<Finding>> {
        let lines = Lines::new(&source.text);
        let mut keys = BTreeSet::new();
        let mut findings = Vec::new();
        let mut start = 0;
        for line in source.text.split_inclusive('\n') {
            let text = line.trim_start_matches('\u{feff}').trim();
            let mut words = text.split_whitespace();
            let (kind, base64) = (words.next(), words.next().unwrap_or_default());
            let key = kind.map(|kind| PublicKey::from_words(kind, base64));
            match key {
                None => {}
                _ if text.starts_with('#') => {}
                Some(Ok(key)) => {
                    keys.insert(key);
                }
                // Nothing that they sign counts as it is.
                Some(Err(Flaw::Unsupported { .. })) => {}
                Some(Err(_)) if kind.is_some_and(|kind| OTHER_TYPES.contains(&kind)) => {}
                Some(Err(_)) => findings.push(
                    Finding::error(Rule::SignerLine, &source.file, "expected a public key")
                        .at(&lines.place(start..start + line.trim_end().len()))
                        .help("write one public key to a line, as in a .pub file, or a KRL made by ssh-keygen -k"),
                ),
            }
            start += line.len();
        }
        match findings.is_empty() {
            true => Ok(Self::Keys(keys)),
            false => Err(findings),
        }
    }
}
