//! Keys made in memory, and what OpenSSH would make with them: for tests of what follows from a signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA512, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair,
};

use super::key::PublicKey;
use super::wire::put;

/// The application of security keys, as OpenSSH has it.
const APPLICATION: &[u8] = b"ssh:";

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

/// A key that signs as OpenSSH does.
pub struct TestKey {
    pair: Pair,
    /// Whether it is a security key, and whether it is touched.
    touch: Option<bool>,
}

impl TestKey {
    /// The ed25519 key of a number: the same for the same one.
    pub fn ed25519(number: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]);
        Self {
            pair: Pair::Ed25519(pair.expect("a seed")),
            touch: None,
        }
    }

    pub fn p256() -> Self {
        Self {
            pair: Pair::P256(ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            touch: None,
        }
    }

    pub fn p384() -> Self {
        Self {
            pair: Pair::P384(ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            touch: None,
        }
    }

    /// The same as a security key, which is touched or is not.
    pub fn security(self, touched: bool) -> Self {
        Self {
            touch: Some(touched),
            ..self
        }
    }

    fn kind(&self) -> &'static str {
        match (&self.pair, self.touch) {
            (Pair::Ed25519(_), None) => "ssh-ed25519",
            (Pair::Ed25519(_), Some(_)) => "sk-ssh-ed25519@openssh.com",
            (Pair::P256(_), None) => "ecdsa-sha2-nistp256",
            (Pair::P256(_), Some(_)) => "sk-ecdsa-sha2-nistp256@openssh.com",
            (Pair::P384(_), _) => "ecdsa-sha2-nistp384",
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, self.kind().as_bytes());
        match &self.pair {
            Pair::Ed25519(pair) => put(&mut blob, pair.public_key().as_ref()),
            Pair::P256(pair) => {
                put(&mut blob, b"nistp256");
                put(&mut blob, pair.public_key().as_ref());
            }
            Pair::P384(pair) => {
                put(&mut blob, b"nistp384");
                put(&mut blob, pair.public_key().as_ref());
            }
        }
        if self.touch.is_some() {
            put(&mut blob, APPLICATION);
        }
        blob
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::from_blob(&self.blob()).expect("a key")
    }

    pub fn line(&self) -> String {
        self.public().line()
    }

    /// An armored signature over `payload`.
    pub fn sign(&self, payload: &[u8]) -> String {
        self.sign_in("relgate", payload)
    }

    pub fn sign_in(&self, namespace: &str, payload: &[u8]) -> String {
        let hashed = digest(&SHA512, payload);
        let mut message = b"SSHSIG".to_vec();
        for part in [namespace.as_bytes(), b"", b"sha512", hashed.as_ref()] {
            put(&mut message, part);
        }
        let mut tail = Vec::new();
        if let Some(touched) = self.touch {
            tail.push(u8::from(touched));
            tail.extend(7u32.to_be_bytes());
            let mut signed = digest(&SHA256, APPLICATION).as_ref().to_vec();
            signed.extend(&tail);
            signed.extend(digest(&SHA256, &message).as_ref());
            message = signed;
        }
        let mut signature = Vec::new();
        put(&mut signature, self.kind().as_bytes());
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed25519(pair) => put(&mut signature, pair.sign(&message).as_ref()),
            Pair::P256(pair) | Pair::P384(pair) => {
                let fixed = pair.sign(&random, &message).expect("a signature");
                put(&mut signature, &integers(fixed.as_ref()));
            }
        }
        signature.extend(tail);
        let mut blob = b"SSHSIG".to_vec();
        blob.extend(1u32.to_be_bytes());
        let parts: [&[u8]; 5] = [
            &self.blob(),
            namespace.as_bytes(),
            b"",
            b"sha512",
            &signature,
        ];
        for part in parts {
            put(&mut blob, part);
        }
        armor(&blob)
    }
}

/// Bytes in the form of a signature's text.
pub fn armor(blob: &[u8]) -> String {
    let base64 = STANDARD.encode(blob);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n")
}

fn ecdsa(kind: &'static ring::signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).expect("a key")
}

/// The two halves of a fixed ECDSA signature as SSH's integers.
fn integers(fixed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for half in fixed.chunks(fixed.len() / 2) {
        let first = half
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(half.len());
        let mut number = half[first..].to_vec();
        if number.first().is_some_and(|byte| *byte >= 0x80) {
            number.insert(0, 0);
        }
        put(&mut out, &number);
    }
    out
}
