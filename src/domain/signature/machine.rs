//! The keys of machines, and what they sign: a short list of kinds that relgate records by itself, and nothing that
//! people decide.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::Ed25519KeyPair;

use super::key::PublicKey;
use super::sshsig::{Hash, MACHINE_NAMESPACE, armored, message};
use super::wire::{Wire, put};
use crate::domain::record::Body;
use crate::domain::record::body::Cause;

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const ED25519: &str = "ssh-ed25519";

/// How to make a key that a machine can sign with.
pub const HOW_TO_MAKE: &str = "make one: ssh-keygen -t ed25519 -N '' -f FILE";

/// Whether a machine's key signs `body`: relgate records it by itself, and nobody decides anything by it.
///
/// The list is short and explicit, so that a new kind is no machine's before somebody adds it here. A sign-off, a waiver,
/// a deployment, a pass, a verification, a decision, an override, a rollback by hand, a settled obligation and a closing are
/// people's, and so is every remark.
pub const fn is_machines(body: &Body) -> bool {
    match body {
        Body::IncidentOpened(_)
        | Body::WindowExpired(_)
        | Body::Checkpoint(_)
        | Body::AttemptStarted(_)
        | Body::StepStarted(_)
        | Body::StepEnded(_)
        | Body::AttemptEnded(_)
        | Body::StageRolledBack(_)
        | Body::RolledBack(_)
        | Body::RollbackStuck(_) => true,
        // Evidence may resolve an incident, an override is a person's.
        Body::IncidentResolved(fact) => fact.overridden.is_none() && !fact.evidence.is_empty(),
        Body::RollbackClaimed(fact) => !matches!(fact.cause, Cause::Person { .. }),
        _ => false,
    }
}

/// The private key of a machine.
pub struct MachineKey {
    pair: Ed25519KeyPair,
    blob: Vec<u8>,
    public: PublicKey,
}

/// What is wrong with the file of a machine's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is another file.
    #[error("it is no private key in OpenSSH's form")]
    NoKey,
    /// A passphrase protects it, and nobody is there to type one.
    #[error("it is protected by a passphrase, and a machine has nobody to type it")]
    Encrypted,
    /// It is of another type.
    #[error("it is no Ed25519 key")]
    OtherType,
    /// Its parts do not fit together.
    #[error("it is damaged")]
    Damaged,
}

impl MachineKey {
    /// Reads the text of a private key's file.
    ///
    /// # Errors
    /// Why nothing can be signed with it.
    pub fn read(text: &str) -> Result<Self, KeyFault> {
        let body = text
            .trim()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .ok_or(KeyFault::NoKey)?;
        let base64: String = body.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(base64).map_err(|_| KeyFault::Damaged)?;
        let mut wire = Wire::new(&bytes);
        wire.magic(MAGIC).ok_or(KeyFault::Damaged)?;
        let (cipher, kdf) = (wire.text(), wire.text());
        wire.string().ok_or(KeyFault::Damaged)?;
        if (cipher, kdf) != (Some("none"), Some("none")) {
            return Err(KeyFault::Encrypted);
        }
        let count = wire.number();
        let (public, private) = (wire.string(), wire.string());
        let (Some(1), Some(public), Some(private), Some(())) = (count, public, private, wire.end())
        else {
            return Err(KeyFault::Damaged);
        };
        if Wire::new(public).text() != Some(ED25519) {
            return Err(KeyFault::OtherType);
        }
        Self::of_parts(public, private).ok_or(KeyFault::Damaged)
    }

    fn of_parts(blob: &[u8], private: &[u8]) -> Option<Self> {
        let mut wire = Wire::new(private);
        let (one, two) = (wire.number()?, wire.number()?);
        let kind = wire.text()?;
        let (point, secret) = (wire.string()?, wire.string()?);
        if one != two || kind != ED25519 {
            return None;
        }
        let seed = secret.strip_suffix(point)?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, point).ok()?;
        let mut own = Vec::new();
        put(&mut own, ED25519.as_bytes());
        put(&mut own, point);
        let public = PublicKey::from_blob(blob).ok()?;
        (own == blob).then_some(Self {
            pair,
            blob: own,
            public,
        })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// An armored signature over the payload of a record, in the machines' namespace.
    pub fn sign(&self, payload: &[u8]) -> String {
        let hash = Hash::Sha512;
        let signed = self
            .pair
            .sign(&message(MACHINE_NAMESPACE, hash, &hash.of(payload)));
        let mut signature = Vec::new();
        put(&mut signature, ED25519.as_bytes());
        put(&mut signature, signed.as_ref());
        armored(MACHINE_NAMESPACE, hash, &self.blob, &signature)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sshsig::SshSig;
    use super::*;

    /// Made by `ssh-keygen -t ed25519 -N '' -C ''`.
    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n\
        b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
        QyNTUxOQAAACAUOIg/9JA9ADpn/W3i/dpNSXGH4W/Zig5ALNcVf9zV9AAAAIgoY0dCKGNH\n\
        QgAAAAtzc2gtZWQyNTUxOQAAACAUOIg/9JA9ADpn/W3i/dpNSXGH4W/Zig5ALNcVf9zV9A\n\
        AAAEA15jE+fKP+3ZnWGKKG/zzxPWkfPZSj44wewfxZB0LXYBQ4iD/0kD0AOmf9beL92k1J\n\
        cYfhb9mKDkAs1xV/3NX0AAAAAAECAwQF\n\
        -----END OPENSSH PRIVATE KEY-----";

    /// The same with a passphrase.
    const ENCRYPTED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n\
        b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAp/Pbbru\n\
        DGFJvQ623adZHjAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIIezpAtYwbY0rza+\n\
        DCqWi6GXDSIubd3CYcrOKRvdSX7VAAAAkGSDTVe8h+fiChq8HHF2TKRwgS3GfvUKcKfsTy\n\
        RloeesmUON5ASqTz8fVVUICWcZIfxStn3spUqRyf8VrGTL1m7xFTg59LpUsbhtD1feUEw1\n\
        L0CMPmFBPzu1d4SUxHtPl+WxvSUgm0JC0mp0341+q3/napoicI2YMPQOdsWFP0tu0qAwMM\n\
        i2pXF8enGsLtpe5A==\n\
        -----END OPENSSH PRIVATE KEY-----";

    #[test]
    fn a_key_of_openssh_signs_in_the_namespace_of_machines() {
        let key = MachineKey::read(KEY).expect("a key");
        assert_eq!(
            key.public().line(),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBQ4iD/0kD0AOmf9beL92k1JcYfhb9mKDkAs1xV/3NX0"
        );
        let armored = key.sign(b"payload");
        let read = SshSig::read_in(MACHINE_NAMESPACE, &armored).expect("a signature");
        assert_eq!(read.verify(b"payload"), Ok(()));
        assert!(read.verify(b"another").is_err());
        assert!(SshSig::read(&armored).is_err(), "it is no person's");
    }

    #[test]
    fn what_is_no_usable_key_is_said_to_be_so() {
        let fault = |text: &str| MachineKey::read(text).err();
        assert_eq!(fault(""), Some(KeyFault::NoKey));
        assert_eq!(fault("ssh-ed25519 AAAA"), Some(KeyFault::NoKey));
        assert_eq!(fault(ENCRYPTED), Some(KeyFault::Encrypted));
        let other = "-----BEGIN OPENSSH PRIVATE KEY-----\n\
        b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n\
        1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQPPz2Xs/cPMK1eE+ePgytov/Le9etB\n\
        D3R9LAq1AmIDY30/9iAtlELxxI/0oL5qChnp/FfXyygp8PbRgkBpYftGAAAAmByOuZscjr\n\
        mbAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA8/PZez9w8wrV4T\n\
        54+DK2i/8t7160EPdH0sCrUCYgNjfT/2IC2UQvHEj/SgvmoKGen8V9fLKCnw9tGCQGlh+0\n\
        YAAAAgIUKEw1guTptXbstCbuevj3j88Xis1AE6ZOgmv+C5KnYAAAAA\n\
        -----END OPENSSH PRIVATE KEY-----";
        assert_eq!(fault(other), Some(KeyFault::OtherType));
        // Every cut is found.
        let lines: Vec<&str> = KEY.lines().collect();
        for left_out in 1..lines.len() - 1 {
            let mut some = lines.clone();
            some.remove(left_out);
            assert_eq!(fault(&some.join("\n")), Some(KeyFault::Damaged));
        }
    }
}
