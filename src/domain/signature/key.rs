//! SSH's public keys, and whether a signature is theirs.
//!
//! Read here to the last byte and not by a crate for all of SSH: what counts is that nothing but the one proper form of
//! a key or signature is taken, that the touch of a security key shows, and that a certificate is known as one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::Flaw;
use super::wire::{Wire, put};

/// The end of the type of every certificate.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// The types of keys that signatures are verified with.
pub const TYPES: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Types that OpenSSH knows and nothing here verifies.
pub const OTHER_TYPES: [&str; 4] = [
    "ecdsa-sha2-nistp521",
    "ssh-dss",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-ed448",
];

/// What a signature is verified with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Material {
    Ed25519(Vec<u8>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Rsa {
        e: Vec<u8>,
        n: Vec<u8>,
    },
    SkEd25519 {
        key: Vec<u8>,
        application: Vec<u8>,
    },
    SkP256 {
        point: Vec<u8>,
        application: Vec<u8>,
    },
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey {
    blob: Vec<u8>,
    material: Material,
}

/// Whom a signature says it is made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// A key.
    Key(PublicKey),
    /// A key with a certificate: whether its authority may say so is for OpenSSH to find out. With those whom it says it is for.
    Certified(PublicKey, Vec<String>),
}

impl Maker {
    /// The key, certified or not.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) | Self::Certified(key, _) => key,
        }
    }

    /// Reads what a signature names as its key.
    pub(super) fn read(blob: &[u8]) -> Result<Self, Flaw> {
        let mut wire = Wire::new(blob);
        let kind = wire
            .text()
            .ok_or_else(|| malformed("its key has no type"))?;
        let Some(plain) = kind.strip_suffix(CERTIFICATE) else {
            return PublicKey::from_blob(blob).map(Self::Key);
        };
        // `sk-ssh-ed25519-cert-v01@openssh.com` certifies an `sk-ssh-ed25519@openssh.com`.
        let plain = match plain.starts_with("sk-") {
            true => format!("{plain}@openssh.com"),
            false => plain.to_owned(),
        };
        let fields = match plain.as_str() {
            "ssh-ed25519" => 1,
            "ssh-rsa" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" => 2,
            "sk-ssh-ed25519@openssh.com" => 2,
            "sk-ecdsa-sha2-nistp256@openssh.com" => 3,
            _ => return Err(unsupported(kind)),
        };
        let mut copy = Vec::new();
        put(&mut copy, plain.as_bytes());
        wire.string(); // the nonce
        for _ in 0..fields {
            let field = wire.string();
            put(
                &mut copy,
                field.ok_or_else(|| malformed("its certificate is cut off"))?,
            );
        }
        // Its number and its kind come before its own name, and then those whom it is for.
        let named = (|| {
            wire.number()?;
            wire.number()?;
            wire.number()?;
            wire.string()?;
            let mut list = Wire::new(wire.string()?);
            let mut principals = Vec::new();
            while !list.is_empty() {
                principals.push(list.text()?.to_owned());
            }
            Some(principals)
        })();
        let named = named.ok_or_else(|| malformed("its certificate is cut off"))?;
        PublicKey::from_blob(&copy).map(|key| Self::Certified(key, named))
    }
}

impl PublicKey {
    /// Reads a key from its binary form.
    ///
    /// # Errors
    /// Malformed, or of a type or strength that is not verified.
    pub fn from_blob(blob: &[u8]) -> Result<Self, Flaw> {
        let mut wire = Wire::new(blob);
        let kind = wire
            .text()
            .ok_or_else(|| malformed("its key has no type"))?;
        let material = Material::read(kind, &mut wire)?
            .filter(|_| wire.end().is_some())
            .ok_or_else(|| malformed(&format!("its key is no proper {kind} key")))?;
        if let Material::Rsa { n, .. } = &material
            && !(256..=1024).contains(&n.len())
        {
            let bits = n.len() * 8;
            return Err(unsupported(&format!("an RSA key of about {bits} bits")));
        }
        Ok(Self {
            blob: blob.to_vec(),
            material,
        })
    }

    /// Reads a key from the two words that stand for it in a `.pub` file: its type and its base64.
    ///
    /// # Errors
    /// As [`Self::from_blob`]; malformed too where the type is another than the one within.
    pub fn from_words(kind: &str, base64: &str) -> Result<Self, Flaw> {
        let blob = STANDARD
            .decode(base64)
            .map_err(|_| malformed("its key is not base64"))?;
        if Wire::new(&blob).text() != Some(kind) {
            return Err(malformed(&format!("its key is not of the type {kind}")));
        }
        Self::from_blob(&blob)
    }

    /// The first key in the text of a `.pub` file, or in a line of `ssh-add -L`.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Self::from_words(words.next()?, words.next()?).ok()
    }

    /// The key as a line of a `.pub` file, without a comment.
    pub fn line(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(&self.blob))
    }

    /// Whether it is an Ed25519 key, and none on a device.
    pub fn is_ed25519(&self) -> bool {
        matches!(self.material, Material::Ed25519(_))
    }

    /// The word for its type.
    pub fn kind(&self) -> &'static str {
        match self.material {
            Material::Ed25519(_) => TYPES[0],
            Material::P256(_) => TYPES[1],
            Material::P384(_) => TYPES[2],
            Material::Rsa { .. } => TYPES[3],
            Material::SkEd25519 { .. } => TYPES[4],
            Material::SkP256 { .. } => TYPES[5],
        }
    }

    /// The fingerprint as `ssh-keygen -l` shows it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, &self.blob);
        format!("SHA256:{}", STANDARD_NO_PAD.encode(hash.as_ref()))
    }

    /// Whether `signature`, in SSH's binary form, is this key's over `message`.
    ///
    /// # Errors
    /// Tampered where it is not; malformed, unsupported, or without the touch of a security key.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Flaw> {
        let bad = || malformed("its signature has not the form of its key's type");
        let mut wire = Wire::new(signature);
        let algorithm = wire.text().ok_or_else(bad)?;
        let bytes = wire.string().ok_or_else(bad)?;
        let is_own = match &self.material {
            Material::Rsa { .. } => ["rsa-sha2-256", "rsa-sha2-512"].contains(&algorithm),
            _ => algorithm == self.kind(),
        };
        if !is_own {
            return Err(match algorithm {
                "ssh-rsa" => unsupported("an RSA signature over SHA-1"),
                _ => bad(),
            });
        }
        let touched = match &self.material {
            Material::SkEd25519 { application, .. } | Material::SkP256 { application, .. } => {
                let flags = wire.byte().ok_or_else(bad)?;
                let counter = wire.number().ok_or_else(bad)?;
                let mut signed = digest(&SHA256, application).as_ref().to_vec();
                signed.push(flags);
                signed.extend(counter.to_be_bytes());
                signed.extend(digest(&SHA256, message).as_ref());
                Some((signed, flags & 1 == 1))
            }
            _ => None,
        };
        wire.end().ok_or_else(bad)?;
        let message = touched.as_ref().map_or(message, |(signed, _)| signed);
        let holds = match &self.material {
            Material::Ed25519(key) | Material::SkEd25519 { key, .. } => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, bytes)
            }
            Material::P256(point) | Material::SkP256 { point, .. } => {
                let fixed = fixed::<32>(bytes).ok_or_else(bad)?;
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &fixed)
            }
            Material::P384(point) => {
                let fixed = fixed::<48>(bytes).ok_or_else(bad)?;
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, &fixed)
            }
            Material::Rsa { e, n } => {
                let hash = match algorithm {
                    "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA512,
                };
                // As long as the modulus: OpenSSH fills up what is shorter.
                let mut filled = vec![0; n.len().saturating_sub(bytes.len())];
                filled.extend(bytes);
                RsaPublicKeyComponents { n, e }.verify(hash, message, &filled)
            }
        };
        holds.map_err(|_| Flaw::Tampered)?;
        match touched {
            Some((_, false)) => Err(Flaw::Untouched {
                fingerprint: self.fingerprint(),
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl Material {
    /// `Ok(None)` where the fields are not those of the type.
    fn read(kind: &str, wire: &mut Wire<'_>) -> Result<Option<Self>, Flaw> {
        let own = |bytes: &[u8]| bytes.to_vec();
        let key = |wire: &mut Wire<'_>| wire.string().filter(|it| it.len() == 32).map(own);
        let point = |wire: &mut Wire<'_>, curve: &str, length: usize| {
            (wire.text()? == curve).then_some(())?;
            // Uncompressed, as SSH has it.
            let point = wire.string()?;
            (point.len() == length && point[0] == 4).then(|| own(point))
        };
        Ok(match kind {
            "ssh-ed25519" => key(wire).map(Self::Ed25519),
            "ecdsa-sha2-nistp256" => point(wire, "nistp256", 65).map(Self::P256),
            "ecdsa-sha2-nistp384" => point(wire, "nistp384", 97).map(Self::P384),
            "ssh-rsa" => wire.positive().map(own).and_then(|e| {
                let n = own(wire.positive()?);
                Some(Self::Rsa { e, n })
            }),
            "sk-ssh-ed25519@openssh.com" => key(wire).and_then(|key| {
                let application = own(wire.string()?);
                Some(Self::SkEd25519 { key, application })
            }),
            "sk-ecdsa-sha2-nistp256@openssh.com" => point(wire, "nistp256", 65).and_then(|point| {
                let application = own(wire.string()?);
                Some(Self::SkP256 { point, application })
            }),
            other => return Err(unsupported(&format!("a key of the type {other:.60}"))),
        })
    }
}

/// The two numbers of an ECDSA signature, each filled up to `SIZE` bytes.
fn fixed<const SIZE: usize>(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut wire = Wire::new(bytes);
    let mut out = Vec::with_capacity(2 * SIZE);
    for _ in 0..2 {
        let number = wire.padded()?;
        out.resize(out.len() + SIZE.checked_sub(number.len())?, 0);
        out.extend(number);
    }
    wire.end()?;
    Some(out)
}

pub(super) fn malformed(why: &str) -> Flaw {
    Flaw::Malformed {
        why: why.to_owned(),
    }
}

fn unsupported(what: &str) -> Flaw {
    Flaw::Unsupported {
        what: what.to_owned(),
    }
}
