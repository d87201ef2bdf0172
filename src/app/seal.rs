//! What signs records and judges their signatures: the policy, `allowed_signers` and the revocation list of the
//! repository, held against the keys of this person.
//!
//! What counted when it was first seen goes on to count within a process: what closed a window in time stays closed for
//! whoever watched it. What did not is held against the files as they are when it is asked about again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::finding::{Finding, Source};
use crate::domain::ids::RecordId;
use crate::domain::record::{Body, Record};
use crate::domain::refusal::Refusal;
use crate::domain::shares::in_shares;
use crate::domain::signature::allowed_signers::{self, AllowedSigners};
use crate::domain::signature::artifact::{Fault, SignedArtifact, SignedBy};
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::machine::{MachineKey, is_machines};
use crate::domain::signature::revoked::{self, Revoked};
use crate::domain::signature::sshsig::SshSig;
use crate::domain::signature::trust::{Oracle, Payload, Trust, grants_nothing, needs_no_signature};
use crate::domain::signature::{Flaw, MACHINE_NAMESPACE, NAMESPACE, Standing};
use crate::parse;
use crate::ports::{Certified, Clock, Files, OpenSsh, Seal, SigningKey};

use super::policy_text::PolicyText;

/// What is said where relgate's own records could not be signed.
pub const UNSIGNED: &str = "what relgate recorded by itself is not signed";

/// Signs and judges for one repository.
pub struct Sealer<'a> {
    policy_path: &'a str,
    files: &'a dyn Files,
    clock: &'a dyn Clock,
    openssh: &'a dyn OpenSsh,
    text: &'a PolicyText,
    known: Mutex<Known>,
}

/// What was read and found out so far.
#[derive(Default)]
struct Known {
    loaded: Option<Arc<Loaded>>,
    /// The records that count as signed, or that this process wrote.
    signed: HashMap<RecordId, Standing>,
    /// The key of this machine, once it could be read.
    machine: Option<Arc<MachineKey>>,
    /// Why a record of relgate's own was not signed, and nobody was told yet; and what was told.
    unattested: Option<String>,
    told: Option<String>,
}

/// The files, and what they say.
struct Loaded {
    /// The policy, the signers, the revocations.
    bytes: [Bytes; 3],
    trust: Trust,
    revoked: Mutex<BTreeMap<PublicKey, Result<bool, String>>>,
}

/// What is in a file: why that is not known, or that there is none.
type Bytes = Result<Option<Vec<u8>>, String>;

impl<'a> Sealer<'a> {
    /// For the repository of `files`, whose policy lies in `policy_path`; what it says is shared with `text`. Nothing is read before it is needed.
    pub fn new(
        (policy_path, text): (&'a str, &'a PolicyText),
        files: &'a dyn Files,
        clock: &'a dyn Clock,
        openssh: &'a dyn OpenSsh,
    ) -> Self {
        Self {
            text,
            policy_path,
            files,
            clock,
            openssh,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the files say now; they are parsed again only where they have changed.
    fn loaded(&self) -> Arc<Loaded> {
        let read = |path: &str| self.files.read(path).map_err(|error| error.to_string());
        let bytes = [
            read(self.policy_path),
            read(allowed_signers::PATH),
            read(revoked::PATH),
        ];
        let mut known = self.known();
        match &known.loaded {
            Some(loaded) if loaded.bytes == bytes => Arc::clone(loaded),
            _ => {
                let loaded = Arc::new(Loaded::new((self.policy_path, self.text), bytes));
                known.loaded = Some(Arc::clone(&loaded));
                loaded
            }
        }
    }

    /// The key that signs for `principal`: the one that was named, or the first that lies ready and is the principal's.
    fn key(&self, loaded: &Loaded, principal: &str) -> Option<SigningKey> {
        if let Some(key) = self.openssh.named_key() {
            return Some(key);
        }
        let signers = loaded.trust.signers.as_ref().ok()?;
        let own: Vec<&PublicKey> = signers.keys_of(principal).collect();
        if own.is_empty() {
            return None;
        }
        let is_own = |key: &SigningKey| key.public.as_ref().is_some_and(|it| own.contains(&it));
        self.openssh.ready_keys().into_iter().find(is_own)
    }

    /// The key of this machine; none where none was named and none is needed.
    ///
    /// # Errors
    /// Why there is none although there should be.
    fn machine_key(&self, loaded: &Loaded) -> Result<Option<Arc<MachineKey>>, String> {
        if let Some(key) = &self.known().machine {
            return Ok(Some(Arc::clone(key)));
        }
        match self.openssh.machine_key() {
            Some(Ok(key)) => {
                let key = Arc::new(key);
                self.known().machine = Some(Arc::clone(&key));
                Ok(Some(key))
            }
            Some(Err(why)) => Err(why),
            None if loaded.trust.needs_machines() => Err(
                "the policy names machines that sign, and no key of one was named; add --machine-key FILE, or set \
                 RELGATE_MACHINE_KEY"
                    .to_owned(),
            ),
            None => Ok(None),
        }
    }

    /// The signature of this machine's key over `record`, if it counts.
    ///
    /// # Errors
    /// Why it cannot sign, or what speaks against its signature.
    fn machine_signature(
        &self,
        loaded: &Loaded,
        record: &Record,
    ) -> Result<Option<String>, String> {
        let Some(key) = self.machine_key(loaded)? else {
            return Ok(None);
        };
        match self.machine_flaw(loaded, key.public()) {
            None => Ok(Some(key.sign(&record.payload()))),
            Some(why) => Err(why),
        }
    }

    /// Why what the key of this machine signs would not count.
    fn machine_flaw(&self, loaded: &Loaded, key: &PublicKey) -> Option<String> {
        let asks = Asks {
            sealer: self,
            loaded,
        };
        let trust = &loaded.trust;
        let flaw = trust.machine_key_flaw(key, self.clock.now().wall, &asks)?;
        Some(format!(
            "what the machine's key {key} signs would not count: {flaw}; add to the policy: machines: {{NAME: \
             {{principal: NAME@HOST}}}}, and to {}: NAME@HOST namespaces=\"{MACHINE_NAMESPACE}\" {}",
            allowed_signers::PATH,
            key.line()
        ))
    }

    fn no_key(&self, record: &Record, principal: &str) -> Refusal {
        let message = format!(
            "the policy requires signatures, and no key of {} was found that {} gives to {principal}",
            record.by,
            allowed_signers::PATH
        );
        Refusal::refused(message).help(format!(
            "add --key FILE, set RELGATE_SIGNING_KEY, or load the key into the agent; a new key: ssh-keygen -t ed25519, \
             and its line in {}: {principal} namespaces=\"{NAMESPACE}\" ssh-ed25519 AAAA…",
            allowed_signers::PATH
        ))
    }
}

impl Seal for Sealer<'_> {
    fn sign(&self, record: &Record) -> Result<Option<String>, Refusal> {
        let loaded = self.loaded();
        let trust = &loaded.trust;
        let Some(principal) = trust.principal(&record.by) else {
            return Ok(None);
        };
        // Nobody is made to look for a key in order to ask a question: without a named one it goes unsigned.
        if grants_nothing(&record.body) && self.openssh.named_key().is_none() {
            return Ok(None);
        }
        let Some(key) = self.key(&loaded, principal) else {
            return match trust.requires_signatures() {
                true => Err(self.no_key(record, principal)),
                false => Ok(None),
            };
        };
        let signature = self.openssh.sign(&key, &record.payload()).map_err(|why| {
            Refusal::refused(format!("{why}; nothing was recorded"))
                .help("see that the key is there and unlocked, or name another one: --key FILE")
        })?;
        // What would not count is not recorded.
        let signed = record.clone().signed(signature.clone());
        let flaw = match trust.judge(
            &signed,
            self.clock.now().wall,
            &Asks {
                sealer: self,
                loaded: &loaded,
            },
        ) {
            Standing::Signed(_) | Standing::Plain | Standing::Unattested(_) | Standing::Own => {
                return Ok(Some(signature));
            }
            Standing::Lapsed(_, flaw) | Standing::Void(flaw) => flaw,
        };
        let help = match (&flaw, SshSig::read(&signature)) {
            (
                Flaw::UnknownKey { .. } | Flaw::NotTheirs { .. } | Flaw::OtherUse { .. },
                Ok(read),
            ) => format!(
                "sign with another key: --key FILE; or add to {}: {principal} namespaces=\"{NAMESPACE}\" {}",
                allowed_signers::PATH,
                read.maker.key().line()
            ),
            _ => format!("{}: --key FILE", flaw.remedy()),
        };
        let message = format!(
            "what {} signs as {} would not count: {flaw}; nothing was recorded",
            key.source, record.by
        );
        Err(Refusal::refused(message).help(help))
    }

    fn attest(&self, record: &Record) -> Option<String> {
        if !is_machines(&record.body) {
            return None;
        }
        let signed = self.machine_signature(&self.loaded(), record);
        signed.unwrap_or_else(|why| {
            let mut known = self.known();
            if known.told.as_ref() != Some(&why) {
                known.unattested = Some(why);
            }
            None
        })
    }

    fn vouch(&self, record: RecordId) {
        self.known().signed.insert(record, Standing::Own);
    }

    fn machine_fault(&self) -> Option<String> {
        let key = match self.openssh.machine_key()? {
            Ok(key) => key,
            Err(why) => return Some(why),
        };
        self.machine_flaw(&self.loaded(), key.public())
    }

    fn unattested(&self) -> Option<String> {
        let mut known = self.known();
        let why = known.unattested.take();
        if why.is_some() {
            known.told.clone_from(&why);
        }
        why
    }

    fn signs(&self) -> bool {
        self.openssh.named_key().is_some() || self.loaded().trust.requires_signatures()
    }

    fn signer_of(&self, artifact: &SignedArtifact<'_>) -> Result<SignedBy, Fault> {
        let loaded = self.loaded();
        let asks = Asks {
            sealer: self,
            loaded: &loaded,
        };
        artifact.signer(&loaded.trust, self.clock.now().wall, &asks)
    }

    fn judge(&self, records: &[Record]) -> Vec<Standing> {
        if records.iter().all(needs_no_signature) {
            return vec![Standing::Plain; records.len()];
        }
        let loaded = self.loaded();
        let reading = self.clock.now();
        let now = reading.wall;
        let asks = Asks {
            sealer: self,
            loaded: &loaded,
        };
        let judge = |record: &Record| {
            if record.signature.is_none() {
                let standing = loaded.trust.judge(record, now, &asks);
                let known = || self.known().signed.get(&record.id).cloned();
                return match standing {
                    Standing::Unattested(flaw) => known().unwrap_or_else(|| {
                        Trust::is_ahead(record, &reading)
                            .map_or(Standing::Unattested(flaw), Standing::Void)
                    }),
                    Standing::Plain if matches!(record.body, Body::IncidentResolved(_)) => {
                        known().unwrap_or(Standing::Plain)
                    }
                    other => other,
                };
            }
            if let Some(known) = self.known().signed.get(&record.id) {
                return known.clone();
            }
            let standing = loaded.trust.judge(record, now, &asks);
            if let Standing::Signed(_) = &standing {
                self.known().signed.insert(record.id, standing.clone());
            }
            standing
        };
        in_shares(records, |share| share.iter().map(judge).collect())
    }
}

impl Loaded {
    fn new((policy_path, text): (&str, &PolicyText), bytes: [Bytes; 3]) -> Self {
        let [policy, signers, revoked] = &bytes;
        let policy = match policy {
            Ok(Some(bytes)) => {
                let parsed = text.parse(policy_path, bytes.clone());
                let document = parsed.document.as_ref().ok();
                document.map(|document| document.value.clone())
            }
            _ => None,
        };
        let trust = Trust {
            policy,
            signers: signers
                .clone()
                .and_then(|bytes| read_signers(bytes.as_deref())),
            revoked: revoked
                .clone()
                .and_then(|bytes| read_revoked(bytes.as_deref())),
        };
        Self {
            bytes,
            trust,
            revoked: Mutex::default(),
        }
    }
}

fn read_signers(bytes: Option<&[u8]>) -> Result<AllowedSigners, String> {
    let Some(bytes) = bytes else {
        return Ok(AllowedSigners::default());
    };
    let source = parse::source(allowed_signers::PATH, bytes.to_vec()).map_err(first)?;
    let (signers, findings) = AllowedSigners::read(&source);
    match findings.iter().any(Finding::is_error) {
        true => Err(first(findings)),
        false => Ok(signers),
    }
}

fn read_revoked(bytes: Option<&[u8]>) -> Result<Revoked, String> {
    match bytes {
        None => Ok(Revoked::default()),
        Some(bytes) if Revoked::is_krl(bytes) => Ok(Revoked::Krl),
        Some(bytes) => parse::source(revoked::PATH, bytes.to_vec())
            .and_then(|source: Source| Revoked::read(&source))
            .map_err(first),
    }
}

/// The first error, in one line.
fn first(findings: Vec<Finding>) -> String {
    let first = findings.iter().find(|it| it.is_error());
    first.map(ToString::to_string).unwrap_or_default()
}

/// What OpenSSH is asked about, with the files as they were read.
struct Asks<'a, 'w> {
    sealer: &'a Sealer<'w>,
    loaded: &'a Loaded,
}

impl Asks<'_, '_> {
    fn list(&self) -> Option<&[u8]> {
        self.loaded.bytes[2].as_ref().ok()?.as_deref()
    }
}

impl Oracle for Asks<'_, '_> {
    fn is_revoked(&self, key: &PublicKey) -> Result<bool, String> {
        let mut known = self
            .loaded
            .revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(key) {
            return known.clone();
        }
        let list = self.list().unwrap_or_default();
        let answer = self.sealer.openssh.is_revoked(key, list);
        known.insert(key.clone(), answer.clone());
        answer
    }

    fn certifies(
        &self,
        principal: &str,
        (payload, signature): (Payload<'_>, &str),
        at: DateTime<Utc>,
        zone: Tz,
    ) -> Result<(), String> {
        let signers = self.loaded.bytes[1].as_ref().ok();
        self.sealer.openssh.certifies(&Certified {
            principal,
            payload,
            signature,
            at,
            zone: zone.name(),
            signers: signers.and_then(|it| it.as_deref()).unwrap_or_default(),
            revoked: self.list(),
        })
    }
}
