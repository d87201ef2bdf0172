//! The names of things: releases, gates, items, probes, roles, people, incidents, records.
//!
//! Each is a type of its own, so that a role cannot be passed where a person is meant, and each is checked when it is
//! made: a name never leaves its folder, never carries control characters, never looks like a flag.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// Why a text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be a {what}: {why}")]
pub struct NameError {
    what: &'static str,
    text: String,
    why: &'static str,
}

const LONGEST: usize = 100;

fn checked(what: &'static str, text: &str, extra: &[char]) -> Result<(), NameError> {
    let refuse = |why| {
        Err(NameError {
            what,
            text: text.chars().take(120).collect(),
            why,
        })
    };
    if text.is_empty() {
        return refuse("it is empty");
    }
    if text.len() > LONGEST {
        return refuse("it is longer than 100 characters");
    }
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.' || extra.contains(&c)
    };
    if !text.chars().all(plain) {
        return refuse(match extra {
            [] => "only letters, digits, \"-\", \"_\" and \".\" are allowed",
            _ => "only letters, digits, \"-\", \"_\", \"+\" and \".\" are allowed",
        });
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse("it must begin with a letter or a digit");
    }
    if text.contains("..") || text.ends_with('.') {
        return refuse("it must not contain \"..\" or end with a dot");
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $what:literal $(plus $extra:literal)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The checked name.
            ///
            /// # Errors
            /// A [`NameError`] that says which character or form is not allowed.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                checked($what, &text, &[$($extra)?])?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "minLength": 1,
                    "maxLength": LONGEST,
                    "pattern": concat!("^[A-Za-z0-9][A-Za-z0-9._", $($extra,)? "-]*$"),
                    "description": concat!("The name of a ", $what, ": letters, digits, \"-\", \"_\" and \".\", beginning with a letter or a digit.")
                })
            }
        }
    )*};
}

names! {
    /// What tells one team's repository from every other.
    RepositoryId: "repository id";
    /// A release, and the folder it lies in: `2.4.0`, `2026-11-20`, `v3.0.0-rc.1+build5`.
    ReleaseName: "release" plus '+';
    /// A gate of the checklist.
    GateId: "gate";
    /// An item of a gate, or of the deployment checklist.
    ItemId: "item";
    /// A probe, unique within its release.
    ProbeId: "probe";
    /// A tag of probes, by which they are chosen.
    TagName: "tag";
    /// A value that one probe captures for others.
    CaptureName: "captured value";
    /// A role of the policy.
    RoleName: "role";
    /// A person of the policy.
    PersonName: "person";
    /// The name of a machine in a policy.
    MachineName: "machine";
    /// A stage of the rollout.
    StageName: "stage";
    /// A step of the rollback plan.
    StepId: "step";
    /// An artifact of the release.
    ArtifactName: "artifact";
    /// A priority of the policy.
    PriorityName: "priority";
    /// A trigger of the policy: a named kind of trouble with the priority that answers it.
    TriggerName: "trigger";
    /// An incident within its release: `I1`, `I2`.
    IncidentId: "incident";
    /// An obligation within its release.
    ObligationId: "obligation";
    /// A checklist that others extend.
    ChecklistName: "checklist";
    /// A freeze of the calendar.
    FreezeName: "freeze";
}

/// A SHA-256 digest, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The id of a ledger record: the SHA-256 of its canonical form.
pub type RecordId = Digest;

impl Digest {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(digest.as_ref());
        Self(out)
    }

    /// A digest from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first 12 hexadecimal digits: enough to tell records of one release apart when shown.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 64];
        for (index, byte) in self.0.iter().enumerate() {
            text[index * 2] = HEX[usize::from(byte >> 4)];
            text[index * 2 + 1] = HEX[usize::from(byte & 15)];
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = || NameError {
            what: "SHA-256 digest",
            text: text.chars().take(80).collect(),
            why: "expected 64 lower-case hexadecimal digits",
        };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(refuse()),
        };
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return Err(refuse());
        }
        let mut out = [0u8; 32];
        for (index, pair) in bytes.chunks_exact(2).enumerate() {
            out[index] = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(out))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Sha256".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "A SHA-256 digest: 64 lower-case hexadecimal digits."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_name_never_leaves_its_folder() {
        for bad in [
            "", "../x", "/etc", "a/b", "a\\b", "..", ".", "a..b", "-rf", ".hidden", "a\n", "a\0",
            "a b", "a.", "é",
        ] {
            assert!(ReleaseName::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(ReleaseName::new("x".repeat(101)).is_err());
        for good in ["2.4.0", "v1", "2026-11-20", "3.0.0-rc.1+build5"] {
            assert!(ReleaseName::new(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn a_digest_reads_back_and_refuses_other_forms() {
        let digest = Digest::of(b"");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        assert!(text.to_uppercase().parse::<Digest>().is_err());
        assert!(text[1..].parse::<Digest>().is_err());
    }
}
