//! SSH signatures over records and files, as `ssh-keygen -Y sign` writes them (OpenSSH's PROTOCOL.sshsig).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA512, digest};

use super::Flaw;
use super::key::{Maker, malformed};
use super::wire::{Wire, put};

/// The namespace of signatures over records: one made for git, or for a file, is none.
pub const NAMESPACE: &str = "relgate";

/// The namespace of machines' signatures over what relgate records by itself.
pub const MACHINE_NAMESPACE: &str = "relgate-machine";

/// The namespace of signatures over files, by OpenSSH's own convention.
pub const FILE_NAMESPACE: &str = "file";

/// The largest armored signature that is looked at, in bytes; an RSA key of 8,192 bits with a certificate fits.
const LARGEST: usize = 32 * 1024;

/// How many characters of base64 stand in a line of an armored signature, as OpenSSH writes it.
const LINE: usize = 70;

const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// The hash that a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512, the default of OpenSSH.
    Sha512,
}

impl Hash {
    /// The hash of `bytes`.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let hash = match self {
            Self::Sha256 => &SHA256,
            Self::Sha512 => &SHA512,
        };
        digest(hash, bytes).as_ref().to_vec()
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A signature, read and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSig {
    /// Whom it says it is made by.
    pub maker: Maker,
    /// The hash of what it is over.
    pub hash: Hash,
    namespace: &'static str,
    /// In the binary form of the key's type.
    signature: Vec<u8>,
}

impl SshSig {
    /// Reads an armored signature over a record.
    ///
    /// # Errors
    /// Malformed, of another namespace, or of a kind that is not verified.
    pub fn read(armored: &str) -> Result<Self, Flaw> {
        Self::read_in(NAMESPACE, armored)
    }

    /// Reads an armored signature that was made for `purpose`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_in(purpose: &'static str, armored: &str) -> Result<Self, Flaw> {
        if armored.len() > LARGEST {
            return Err(malformed(&format!("it has more than {LARGEST} bytes")));
        }
        let body = armored
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.trim_end().strip_suffix(END))
            .filter(|body| body.starts_with(['\r', '\n']) && body.ends_with('\n'))
            .ok_or_else(|| malformed("it is not an armored SSH signature"))?;
        // Lines of any length, as OpenSSH reads them.
        let base64: String = body.split_ascii_whitespace().collect();
        let blob = STANDARD
            .decode(base64)
            .map_err(|_| malformed("it is not base64"))?;
        let mut wire = Wire::new(&blob);
        let mut read = || {
            wire.magic(MAGIC)?;
            let version = wire.number()?;
            let key = wire.string()?;
            let namespace = wire.string()?;
            let reserved = wire.string()?;
            let hash = wire.string()?;
            Some((version, key, namespace, reserved, hash, wire.string()?))
        };
        let Some((version, key, namespace, reserved, hash, signature)) = read() else {
            return Err(malformed("it is cut off"));
        };
        wire.end()
            .ok_or_else(|| malformed("something follows its end"))?;
        if version != 1 || !reserved.is_empty() {
            return Err(malformed("it is of another version than 1"));
        }
        if namespace != purpose.as_bytes() {
            let found: String = String::from_utf8_lossy(namespace)
                .chars()
                .take(60)
                .collect();
            return Err(Flaw::WrongNamespace { found });
        }
        let hash = match hash {
            b"sha512" => Hash::Sha512,
            b"sha256" => Hash::Sha256,
            other => {
                let what = format!("the hash {:.40}", String::from_utf8_lossy(other));
                return Err(Flaw::Unsupported { what });
            }
        };
        Ok(Self {
            maker: Maker::read(key)?,
            hash,
            namespace: purpose,
            signature: signature.to_vec(),
        })
    }

    /// Whether it is its maker's, over `payload`.
    ///
    /// # Errors
    /// Tampered where it is not; malformed, unsupported, or without the touch of a security key.
    pub fn verify(&self, payload: &[u8]) -> Result<(), Flaw> {
        self.verify_hashed(&self.hash.of(payload))
    }

    /// Whether it is its maker's, over something whose [`Self::hash`] is `hashed`.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub(super) fn verify_hashed(&self, hashed: &[u8]) -> Result<(), Flaw> {
        let message = message(self.namespace, self.hash, hashed);
        self.maker.key().verify(&message, &self.signature)
    }
}

/// What a key signs for something whose hash is `hashed`.
pub(super) fn message(namespace: &str, hash: Hash, hashed: &[u8]) -> Vec<u8> {
    let mut message = MAGIC.to_vec();
    for part in [namespace.as_bytes(), b"", hash.word().as_bytes(), hashed] {
        put(&mut message, part);
    }
    message
}

/// The armored form of a `signature` that the key in `key` made, both in SSH's binary form.
pub(super) fn armored(namespace: &str, hash: Hash, key: &[u8], signature: &[u8]) -> String {
    let mut blob = MAGIC.to_vec();
    blob.extend(1u32.to_be_bytes());
    for part in [
        key,
        namespace.as_bytes(),
        b"",
        hash.word().as_bytes(),
        signature,
    ] {
        put(&mut blob, part);
    }
    let mut out = format!("{BEGIN}\n");
    for (place, char) in STANDARD.encode(&blob).chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            out.push('\n');
        }
        out.push(char);
    }
    out.push('\n');
    out.push_str(END);
    out.push('\n');
    out
}
