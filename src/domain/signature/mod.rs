//! Signatures over records and artifacts: whose they are, and whether they count.
//!
//! Pure: the files are read by others, and so is what OpenSSH alone can tell (certificates, revocation lists in its
//! binary form), which is asked for through [`trust::Oracle`]. Making signatures is left to the effects.

pub mod allowed_signers;
pub mod artifact;
pub mod key;
pub mod machine;
pub mod revoked;
pub mod sshsig;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod trust;
mod wire;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use sshsig::{MACHINE_NAMESPACE, NAMESPACE};

/// The largest difference between the clocks of two machines that is not held against a signature, in minutes.
pub const SKEW_MINUTES: i64 = 5;

/// Who signed a record, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// As `allowed_signers` knows the person.
    pub principal: String,
    /// The key's fingerprint: `SHA256:…`.
    pub fingerprint: String,
}

/// What a record's signature makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has none and needs none.
    Plain,
    /// It is relgate's own and no machine that the policy names attests it, although signatures are required: it is
    /// believed in part. With what is wrong with its signature, where it has one.
    Unattested(Option<Flaw>),
    /// It is relgate's own and nobody attests it; this process wrote it, so that it knows that it is so.
    Own,
    /// It is signed by whom it says.
    Signed(Signer),
    /// It was signed by whom it says, and what made that count then does not hold now. It goes on to be cautious for:
    /// what shuts a gate or keeps a window armed stands, what opens or disarms does not.
    Lapsed(Signer, Flaw),
    /// It has no effect at all.
    Void(Flaw),
}

impl Standing {
    /// Who signed, where that is known.
    pub fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Signed(signer) | Self::Lapsed(signer, _) => Some(signer),
            Self::Plain | Self::Unattested(_) | Self::Own | Self::Void(_) => None,
        }
    }
}

/// Why a record does not count as its writer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "flaw", rename_all = "kebab-case")]
pub enum Flaw {
    /// It must be signed, and is not.
    #[error("it is not signed, and the policy requires signatures")]
    Unsigned,
    /// What stands there is no signature.
    #[error("its signature is malformed: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// It was signed for something else.
    #[error(
        "its signature is in the namespace {found:?}, and records are signed in \"{NAMESPACE}\""
    )]
    WrongNamespace {
        /// For what.
        found: String,
    },
    /// The signature is not over these bytes, or not by this key.
    #[error(
        "its signature does not fit: the record was changed, or the signature copied from elsewhere"
    )]
    Tampered,
    /// Nobody's key.
    #[error("its key {fingerprint} is not in .relgate/allowed_signers")]
    UnknownKey {
        /// Which.
        fingerprint: String,
    },
    /// Somebody else's key.
    #[error("its key {fingerprint} is not {principal}'s in .relgate/allowed_signers")]
    NotTheirs {
        /// Who it should be.
        principal: String,
        /// Which key.
        fingerprint: String,
    },
    /// A key for other things.
    #[error(
        "its key {fingerprint} is not for the namespace \"{NAMESPACE}\" in .relgate/allowed_signers"
    )]
    OtherUse {
        /// Which.
        fingerprint: String,
    },
    /// A key that was not valid when the record says it was signed.
    #[error("its key {fingerprint} is valid from {} on", from.format("%Y-%m-%d %H:%M:%S UTC"))]
    NotYetValid {
        /// Which.
        fingerprint: String,
        /// Since when.
        from: DateTime<Utc>,
    },
    /// A key whose time is over.
    #[error("its key {fingerprint} was valid until {}", at.format("%Y-%m-%d %H:%M:%S UTC"))]
    Ended {
        /// Which.
        fingerprint: String,
        /// Until when.
        at: DateTime<Utc>,
    },
    /// A key that was taken back.
    #[error("its key {fingerprint} is revoked in .relgate/revoked_keys")]
    Revoked {
        /// Which.
        fingerprint: String,
    },
    /// A security key that nobody touched.
    #[error("its security key {fingerprint} was not touched: nobody was there")]
    Untouched {
        /// Which.
        fingerprint: String,
    },
    /// A certificate that does not allow it.
    #[error("the certificate of its key {fingerprint} does not let {principal} sign: {why}")]
    NotCertified {
        /// Who it should be.
        principal: String,
        /// Which key.
        fingerprint: String,
        /// What OpenSSH says.
        why: String,
    },
    /// Something that is not verified.
    #[error("it is signed with {what}, which relgate does not verify")]
    Unsupported {
        /// What.
        what: String,
    },
    /// Nobody of the policy.
    #[error("the policy has no person \"{by}\"")]
    UnknownPerson {
        /// Who it says.
        by: String,
    },
    /// Somebody whom the policy does not let do it.
    #[error("the policy gives {by} no authority for \"{action}\"")]
    NoAuthority {
        /// Who.
        by: String,
        /// What for.
        action: &'static str,
    },
    /// From a time that is not yet.
    #[error("it is dated in the future: {}", at.format("%Y-%m-%d %H:%M:%S UTC"))]
    FutureDated {
        /// When.
        at: DateTime<Utc>,
    },
    /// Something that only people do.
    #[error("relgate does not record \"{kind}\" by itself")]
    NotByItself {
        /// What it records.
        kind: String,
    },
    /// A resolution by evidence that nobody attests.
    #[error("nobody signed it, so its evidence is asked for again")]
    AskedAgain,
    /// It cannot be found out.
    #[error("its signature cannot be verified: {why}")]
    Unverifiable {
        /// Why not.
        why: String,
    },
}

impl Flaw {
    /// Whether a record with it may have counted under other files than today's: a key, a person or a rule that has gone
    /// since. What is wrong with the record itself was never right.
    pub fn may_have_counted(&self) -> bool {
        match self {
            Self::Malformed { .. }
            | Self::WrongNamespace { .. }
            | Self::Tampered
            | Self::Untouched { .. }
            | Self::Unsupported { .. }
            | Self::FutureDated { .. }
            | Self::AskedAgain
            | Self::NotByItself { .. } => false,
            Self::Unsigned
            | Self::UnknownKey { .. }
            | Self::NotTheirs { .. }
            | Self::OtherUse { .. }
            | Self::NotYetValid { .. }
            | Self::Ended { .. }
            | Self::Revoked { .. }
            | Self::NotCertified { .. }
            | Self::UnknownPerson { .. }
            | Self::NoAuthority { .. }
            | Self::Unverifiable { .. } => true,
        }
    }

    /// What a person whose record has it does about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unsigned
            | Self::Malformed { .. }
            | Self::WrongNamespace { .. }
            | Self::Tampered => "sign again, with a key of your own",
            Self::UnknownKey { .. } | Self::NotTheirs { .. } | Self::OtherUse { .. } => {
                "sign with a key that .relgate/allowed_signers gives to you, or have this one added there"
            }
            Self::NotYetValid { .. } | Self::Ended { .. } | Self::Revoked { .. } => {
                "sign again with a valid key"
            }
            Self::Untouched { .. } => "sign again, and touch the key",
            Self::NotCertified { .. } => "sign again with a certificate that is valid for you",
            Self::Unsupported { .. } => "sign again with an ed25519, ECDSA or RSA key",
            Self::UnknownPerson { .. } | Self::NoAuthority { .. } => {
                "let somebody do it whom the policy lets"
            }
            Self::FutureDated { .. } => "put the clock right, and do it again",
            Self::AskedAgain => "let a person resolve it, or a watcher with the key of a machine",
            Self::NotByItself { .. } => "let a person do it, and sign",
            Self::Unverifiable { .. } => "relgate lint",
        }
    }
}
