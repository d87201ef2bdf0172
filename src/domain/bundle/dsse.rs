//! DSSE envelopes (the Dead Simple Signing Envelope, version 1) around in-toto statements, signed with SSH keys.
//!
//! A sign-off is signed over its record, and that signature cannot be made one over an envelope: the envelope is signed by
//! whoever exports, and carries the record with its own signature within. Both are in relgate's namespace; neither can be
//! taken for the other, because what an envelope signs begins with `DSSEv1` and a record with `{`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::signature::key::PublicKey;
use crate::domain::signature::sshsig::SshSig;

/// What is in every envelope here.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The statement's bytes in base64.
    pub payload: String,
    /// What they are: [`PAYLOAD_TYPE`].
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Over the pre-authentication encoding of both.
    pub signatures: Vec<Signature>,
}

/// A signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The key's fingerprint: `SHA256:…`.
    pub keyid: String,
    /// An armored SSH signature in base64: decoded, it is what `ssh-keygen -Y verify -s` takes.
    pub sig: String,
}

/// A statement whose signatures hold, and the keys that made them. Whose keys they are is another question.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The statement.
    pub statement: Value,
    /// The keys.
    pub keys: Vec<PublicKey>,
}

/// What a signature is over: DSSE's pre-authentication encoding.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    /// Puts `statement` into an envelope that `sign` signs: it is given the bytes to sign, and returns an armored SSH
    /// signature.
    ///
    /// # Errors
    /// What `sign` says; a signature that does not hold.
    pub fn seal(
        statement: &Value,
        sign: &dyn Fn(&[u8]) -> Result<String, String>,
    ) -> Result<Self, String> {
        let payload = serde_json_canonicalizer::to_vec(statement).unwrap_or_default();
        let encoded = pae(PAYLOAD_TYPE, &payload);
        let armored = sign(&encoded)?;
        let read = SshSig::read(&armored).map_err(|flaw| flaw.to_string())?;
        read.verify(&encoded).map_err(|flaw| flaw.to_string())?;
        Ok(Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature {
                keyid: read.maker.key().fingerprint(),
                sig: STANDARD.encode(armored),
            }],
        })
    }

    /// The statement, once every signature was found to hold; there must be one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(&self) -> Result<Opened, String> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!(
                "its payload is of the type {:.60?}, and an in-toto statement was expected",
                self.payload_type
            ));
        }
        let payload = STANDARD
            .decode(&self.payload)
            .map_err(|_| "its payload is not base64".to_owned())?;
        let statement = serde_json::from_slice(&payload)
            .map_err(|error| format!("its payload is not JSON: {error}"))?;
        if self.signatures.is_empty() {
            return Err("it is not signed".to_owned());
        }
        let encoded = pae(&self.payload_type, &payload);
        let mut keys = Vec::new();
        for signature in &self.signatures {
            let armored = STANDARD.decode(&signature.sig).ok();
            let armored = armored.and_then(|bytes| String::from_utf8(bytes).ok());
            let armored = armored.ok_or("its signature is not an SSH signature in base64")?;
            let read = SshSig::read(&armored).map_err(|flaw| flaw.to_string())?;
            read.verify(&encoded)
                .map_err(|_| "its signature does not fit: it was changed".to_owned())?;
            let key = read.maker.key();
            if key.fingerprint() != signature.keyid {
                return Err("its keyid is not the key that signed it".to_owned());
            }
            keys.push(key.clone());
        }
        Ok(Opened { statement, keys })
    }
}
