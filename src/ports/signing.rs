//! Signing records, judging signatures, and OpenSSH.

use std::path::PathBuf;

use crate::domain::ids::RecordId;
use crate::domain::record::Record;
use crate::domain::refusal::Refusal;
use crate::domain::signature::Standing;
use crate::domain::signature::artifact::{Fault, SignedArtifact, SignedBy};
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::machine::MachineKey;
use crate::domain::signature::trust::Payload;

/// Signs what people record, and says what the signatures of records make of them.
pub trait Seal: Sync {
    /// The signature of `record`, which has none yet; `None` where it needs none.
    ///
    /// # Errors
    /// Refused where it must be signed and cannot be, or would not count as it is signed; with the next step.
    fn sign(&self, record: &Record) -> Result<Option<String>, Refusal>;

    /// The signature of a machine over `record`, which relgate makes by itself; `None` where no machine signs such a thing,
    /// or it cannot. Never slow: it is called under the ledger's lock.
    fn attest(&self, record: &Record) -> Option<String>;

    /// From now on this process believes a record of relgate's own that nobody attests: it wrote it.
    fn vouch(&self, record: RecordId);

    /// What is wrong with the key of this machine, where one was named.
    fn machine_fault(&self) -> Option<String>;

    /// Why what relgate recorded by itself was not signed, although it should have been: since the last call.
    fn unattested(&self) -> Option<String>;

    /// What the signature of each record, or its lack, makes of it now, in their order.
    fn judge(&self, records: &[Record]) -> Vec<Standing>;

    /// Whether what people record is signed, so that it cannot be dated ahead of the clock.
    fn signs(&self) -> bool;

    /// Who signed an artifact, as the policy, the signers and the revocations are now.
    ///
    /// # Errors
    /// What speaks against the signature.
    fn signer_of(&self, artifact: &SignedArtifact<'_>) -> Result<SignedBy, Fault>;
}

/// Signs nothing, and holds nothing against anybody: for a ledger on its own.
#[derive(Clone, Copy, Debug)]
pub struct Unsealed;

impl Seal for Unsealed {
    fn sign(&self, _: &Record) -> Result<Option<String>, Refusal> {
        Ok(None)
    }

    fn attest(&self, _: &Record) -> Option<String> {
        None
    }

    fn vouch(&self, _: RecordId) {}

    fn machine_fault(&self) -> Option<String> {
        None
    }

    fn unattested(&self) -> Option<String> {
        None
    }

    fn judge(&self, records: &[Record]) -> Vec<Standing> {
        vec![Standing::Plain; records.len()]
    }

    fn signs(&self) -> bool {
        false
    }

    fn signer_of(&self, _: &SignedArtifact<'_>) -> Result<SignedBy, Fault> {
        let why = "nothing is held against signers here".to_owned();
        Err(Fault::Unverifiable { why })
    }
}

/// A key that could sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Where it comes from, to show: `--key`, `git's user.signingkey`.
    pub source: String,
    /// The file that `ssh-keygen -Y sign -f` takes; of an agent's key the public half.
    pub file: KeyFile,
    /// The public half, where it could be read.
    pub public: Option<PublicKey>,
}

/// What stands for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// A file.
    Path(PathBuf),
    /// The public half itself, as a line of a `.pub` file: the other one is an agent's.
    Line(String),
}

/// OpenSSH, where it alone can sign or tell.
pub trait OpenSsh: Sync {
    /// The key that was named for this program, with a flag or in the environment.
    fn named_key(&self) -> Option<SigningKey>;

    /// The keys that lie ready: git's, the agent's, and those where OpenSSH looks for them.
    fn ready_keys(&self) -> Vec<SigningKey>;

    /// Signs `payload` in relgate's namespace. The terminal is left to OpenSSH, which may ask for a passphrase there, or
    /// for a touch.
    ///
    /// # Errors
    /// A text that names the key and the cause.
    fn sign(&self, key: &SigningKey, payload: &[u8]) -> Result<String, String>;

    /// The private key of this machine, where one was named for this program; why it cannot be used.
    fn machine_key(&self) -> Option<Result<MachineKey, String>>;

    /// Whether the binary revocation list `list` has the key.
    ///
    /// # Errors
    /// Why it could not be asked.
    fn is_revoked(&self, key: &PublicKey, list: &[u8]) -> Result<bool, String>;

    /// Whether the certificate of a signature lets its principal sign.
    ///
    /// # Errors
    /// What OpenSSH says against it.
    fn certifies(&self, question: &Certified<'_>) -> Result<(), String>;
}

/// A signature with a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Certified<'a> {
    /// Whose it should be.
    pub principal: &'a str,
    /// What it is over, and is signed for.
    pub payload: Payload<'a>,
    /// The armored signature.
    pub signature: &'a str,
    /// When it should be valid.
    pub at: chrono::DateTime<chrono::Utc>,
    /// The zone of times that have none.
    pub zone: &'a str,
    /// The text of `allowed_signers`.
    pub signers: &'a [u8],
    /// The revocation list, in either form.
    pub revoked: Option<&'a [u8]>,
}
