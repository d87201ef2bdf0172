//! An artifact's own signature: a detached SSH signature over its bytes, as `ssh-keygen -Y sign -n file` makes it, held
//! against the signers, the revocations and the policy as they are now.
//!
//! The bytes are hashed by others, who read them once, however many they are. A signature of another kind is recognised,
//! so that it can be told, and is not verified here.

use chrono::{DateTime, Utc};

use super::allowed_signers::Question;
use super::key::{Maker, PublicKey};
use super::sshsig::{FILE_NAMESPACE, Hash, SshSig};
use super::trust::{Oracle, Payload, Trust, principal};
use super::{Flaw, Signer};
use crate::domain::policy::Policy;

/// What a signature's file holds, read and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detached {
    armored: String,
    signature: SshSig,
}

/// An artifact with its signature.
#[derive(Clone, Copy, Debug)]
pub struct SignedArtifact<'a> {
    /// Where it lies, relative to the repository's root.
    pub path: &'a str,
    /// The hash of its bytes that the signature is over: [`Detached::hash`].
    pub hashed: &'a [u8],
    /// The signature.
    pub detached: &'a Detached,
}

/// Who signed an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// The person of the policy, or the principal that the policy names.
    pub who: String,
    /// As `allowed_signers` has it.
    pub signer: Signer,
}

/// Why an artifact's own signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such file.
    #[error("its signature {file} is not there")]
    Absent {
        /// Which.
        file: String,
    },
    /// The file holds nothing.
    #[error("its signature {file} is empty")]
    Empty {
        /// Which.
        file: String,
    },
    /// The file cannot be read.
    #[error("its signature cannot be read: {why}")]
    Unreadable {
        /// Why not.
        why: String,
    },
    /// It is a signature of another kind.
    #[error("{file} is {format}, which relgate does not verify")]
    Foreign {
        /// Which file.
        file: String,
        /// What it was taken for.
        format: &'static str,
    },
    /// What stands there is no signature.
    #[error("{file} is no SSH signature: {why}")]
    Malformed {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// It was made for something else.
    #[error(
        "its signature is in the namespace {found:?}, and artifacts are signed in \"{FILE_NAMESPACE}\""
    )]
    WrongNamespace {
        /// For what.
        found: String,
    },
    /// It is not over these bytes.
    #[error(
        "its signature does not fit: the artifact was changed or replaced, or the signature is that of another one"
    )]
    OtherBytes,
    /// Its key is known, and is nobody's who counts.
    #[error("its key {fingerprint} is that of nobody whom the policy lets sign artifacts")]
    Nobody {
        /// Which.
        fingerprint: String,
    },
    /// It is somebody's who does not count.
    #[error("{who} signed it, whom the policy does not let sign artifacts")]
    NoAuthority {
        /// Who.
        who: String,
    },
    /// Its key is for other things.
    #[error(
        "its key {fingerprint} is not for the namespace \"{FILE_NAMESPACE}\" in .relgate/allowed_signers"
    )]
    OtherUse {
        /// Which.
        fingerprint: String,
    },
    /// Something else about its key.
    #[error(transparent)]
    Key(Flaw),
    /// It cannot be found out.
    #[error("its signature cannot be verified: {why}")]
    Unverifiable {
        /// Why not.
        why: String,
    },
}

impl Detached {
    /// Reads the bytes of the file `file`.
    ///
    /// # Errors
    /// What they are instead.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, Fault> {
        let file = || file.to_owned();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::Empty { file: file() });
        }
        if let Some(format) = foreign(bytes) {
            return Err(Fault::Foreign {
                file: file(),
                format,
            });
        }
        let malformed = |why: String| Fault::Malformed { file: file(), why };
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is binary".to_owned()))?;
        // Version control may have changed the ends of its lines.
        let armored = text.replace("\r\n", "\n");
        match SshSig::read_in(FILE_NAMESPACE, &armored) {
            Ok(signature) => Ok(Self { armored, signature }),
            Err(Flaw::WrongNamespace { found }) => Err(Fault::WrongNamespace { found }),
            Err(Flaw::Malformed { why }) => Err(malformed(why)),
            Err(other) => Err(Fault::Key(other)),
        }
    }

    /// The hash of the artifact that it is over.
    pub const fn hash(&self) -> Hash {
        self.signature.hash
    }
}

/// What a signature is that is not OpenSSH's.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 5] = [
        (b"-----BEGIN PGP ", "an OpenPGP signature"),
        (b"untrusted comment:", "a minisign or signify signature"),
        (b"-----BEGIN PKCS7-----", "a CMS signature"),
        (b"-----BEGIN CMS-----", "a CMS signature"),
        (b"{", "JSON, such as a Sigstore bundle"),
    ];
    let text = bytes.trim_ascii_start();
    let known = BEGINNINGS
        .iter()
        .find(|(beginning, _)| text.starts_with(beginning));
    // A signature packet of RFC 9580, with either header; what is text is none.
    let is_packet = matches!(bytes.first(), Some(0x88..=0x8b | 0xc2));
    let binary = (is_packet && std::str::from_utf8(bytes).is_err())
        .then_some("what looks like a binary OpenPGP signature");
    known.map(|(_, format)| *format).or(binary)
}

impl SignedArtifact<'_> {
    /// Who signed it. The key must be valid now, whatever time the signer had in mind.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn signer(
        &self,
        trust: &Trust,
        now: DateTime<Utc>,
        oracle: &dyn Oracle,
    ) -> Result<SignedBy, Fault> {
        let maker = &self.detached.signature.maker;
        let verified = self.detached.signature.verify_hashed(self.hashed);
        verified.map_err(|flaw| match flaw {
            Flaw::Tampered => Fault::OtherBytes,
            other => Fault::Key(other),
        })?;
        let unverifiable = |why: &str| Fault::Unverifiable {
            why: why.to_owned(),
        };
        let policy = trust.policy.as_ref();
        let policy = policy.ok_or_else(|| unverifiable("the policy cannot be read"))?;
        let (who, known_as) = match maker {
            Maker::Key(key) => by_key(trust, policy, key, now)?,
            Maker::Certified(key, named) => {
                self.by_certificate(trust, policy, (key, named), (now, oracle))?
            }
        };
        let fingerprint = maker.key().fingerprint();
        match trust.is_revoked(maker.key(), oracle) {
            Ok(false) => Ok(SignedBy {
                who: who.to_owned(),
                signer: Signer {
                    principal: known_as.to_owned(),
                    fingerprint,
                },
            }),
            Ok(true) => Err(Fault::Key(Flaw::Revoked { fingerprint })),
            Err(why) => Err(unverifiable(&why)),
        }
    }

    /// Who signed it with a certificate, of those whom it names.
    fn by_certificate<'a>(
        &self,
        trust: &Trust,
        policy: &'a Policy,
        (key, named): (&PublicKey, &[String]),
        (now, oracle): (DateTime<Utc>, &dyn Oracle),
    ) -> Result<(&'a str, &'a str), Fault> {
        let refused = |principal: String, why: String| {
            Fault::Key(Flaw::NotCertified {
                principal,
                fingerprint: key.fingerprint(),
                why,
            })
        };
        let names: String = named.join(", ").chars().take(60).collect();
        let mut fault = refused(
            format!("{names:?}"),
            "the policy lets nobody whom it names sign artifacts".to_owned(),
        );
        let able = able(policy).into_iter();
        for (who, known_as) in able.filter(|(_, known_as)| named.iter().any(|it| it == known_as)) {
            let signed = (Payload::File(self.path), self.detached.armored.as_str());
            match oracle.certifies(known_as, signed, now, trust.zone()) {
                Ok(()) => return Ok((who, known_as)),
                Err(why) => fault = refused(known_as.to_owned(), why),
            }
        }
        Err(fault)
    }
}

/// Who may sign artifacts: as shown, and as `allowed_signers` knows them.
fn able(policy: &Policy) -> Vec<(&str, &str)> {
    let rules = policy.artifacts.as_ref();
    let people = policy
        .people
        .keys()
        .filter(|it| policy.may_sign_artifacts(it));
    let others = rules.and_then(|rules| rules.signers.as_deref());
    people
        .filter_map(|name| Some((name.as_str(), principal(policy, name.as_str())?)))
        .chain(
            others
                .unwrap_or_default()
                .iter()
                .map(|it| (it.as_str(), it.as_str())),
        )
        .collect()
}

/// Who signed with a plain key.
fn by_key<'a>(
    trust: &Trust,
    policy: &'a Policy,
    key: &PublicKey,
    now: DateTime<Utc>,
) -> Result<(&'a str, &'a str), Fault> {
    let signers = match &trust.signers {
        Ok(signers) => signers,
        Err(why) => return Err(Fault::Unverifiable { why: why.clone() }),
    };
    let zone = trust.zone();
    let allows = |principal: &str| {
        signers.allows(Question {
            key,
            principal,
            namespace: FILE_NAMESPACE,
            at: now,
            zone,
        })
    };
    let mut nearest = None;
    for (who, known_as) in able(policy) {
        match allows(known_as) {
            Ok(()) => return Ok((who, known_as)),
            // Theirs, and not for this or not now.
            Err(flaw @ (Flaw::NotYetValid { .. } | Flaw::Ended { .. })) => {
                nearest = Some(Fault::Key(flaw));
            }
            Err(Flaw::OtherUse { fingerprint }) => {
                nearest = nearest.or(Some(Fault::OtherUse { fingerprint }));
            }
            Err(_) => {}
        }
    }
    if let Some(fault) = nearest {
        return Err(fault);
    }
    let people = policy.people.keys().map(|name| name.as_str());
    let people = people.filter_map(|name| Some((name, principal(policy, name)?)));
    let own = || signers.entries().iter().filter(|it| it.key == *key);
    let listed = own().flat_map(|it| it.principals.names());
    let mut others = people.chain(listed.map(|name| (name, name)));
    let fingerprint = key.fingerprint();
    Err(
        match others.find(|(_, known_as)| allows(known_as).is_ok()) {
            Some((who, _)) => Fault::NoAuthority {
                who: who.to_owned(),
            },
            None if own().next().is_some() => Fault::Nobody { fingerprint },
            None => Fault::Key(Flaw::UnknownKey { fingerprint }),
        },
    )
}
