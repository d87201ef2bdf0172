//! `relgate ledger export`, `import` and `verify --bundle`: a release's evidence as one document, and back.
//!
//! What a bundle is and what is wrong with one is [`crate::domain::bundle`]'s; here it is gathered, held against signers,
//! and taken in.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::domain::audit::Content;
use crate::domain::bundle::statement::{self, Subjects};
use crate::domain::bundle::{
    Bundle, BundledArtifact, BundledFile, BundledRecord, Envelope, Output, VERSION,
};
use crate::domain::finding::Finding;
use crate::domain::ids::Digest;
use crate::domain::outcome::{Imported, Integrity, IntegrityFinding};
use crate::domain::quote;
use crate::domain::record::{Record, digest_of};
use crate::domain::refusal::Refusal;
use crate::domain::signature::allowed_signers::{self, AllowedSigners, Question};
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::revoked::{self, Revoked};
use crate::domain::signature::sshsig::Hash;
use crate::domain::signature::{Flaw, NAMESPACE, Standing};
use crate::parse;
use crate::ports::{Clock, FileError, Files, Hashes, OpenSsh, Seal};

use super::policy_text::PolicyText;
use super::project::{self, RELEASES, Release};
use super::seal::Sealer;
use super::{Result, World, facts, pin};

/// A bundle, and what was left out of it.
pub struct Export {
    /// The bundle.
    pub bundle: Bundle,
    /// What is worth knowing.
    pub remarks: Vec<String>,
}

/// Gathers the evidence of `release`. `by` is who asks for it.
///
/// # Errors
/// A ledger that is not whole, a file that cannot be read, a key that was named and does not sign.
pub fn export(
    world: &World<'_>,
    openssh: &dyn OpenSsh,
    policy_path: &str,
    release: &Release,
    by: &str,
) -> Result<Export> {
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    if let Some(anomaly) = history.anomalies().first() {
        return Err(
            Refusal::invalid(format!("the ledger is not whole: {}", anomaly.what))
                .help(format!("relgate ledger verify --release {}", release.name))
                .into(),
        );
    }
    let records = history.records();
    let mut texts = BTreeMap::new();
    for file in world.ledgers.records().stored(&release.name)? {
        if let Content::Bytes(bytes) = file.content
            && let Ok(text) = String::from_utf8(bytes)
        {
            texts.insert(file.name, text);
        }
    }
    let bundled = records.iter().filter_map(|record| {
        let file = record.file_name();
        let text = texts.remove(&file)?;
        Some(BundledRecord { file, text })
    });
    let facts = facts::quiet(world, release)?;
    let artifacts: Vec<BundledArtifact> = release
        .notes
        .artifacts()
        .iter()
        .map(|artifact| BundledArtifact {
            name: artifact.name.to_string(),
            expected: artifact.sha256,
            found: facts.artifact_digests.get(&artifact.name).copied(),
        })
        .collect();
    let subjects = Subjects {
        notes: Some(digest_of(&release.notes)),
        list: facts.artifacts,
        now: named(&artifacts, |it| it.found.or(it.expected)),
        noted: named(&artifacts, |it| it.expected),
    };
    let mut bundle = Bundle {
        relgate_bundle: VERSION,
        release: release.name.clone(),
        at: world.clock.now().wall,
        by: by.to_owned(),
        policy: policy_path.to_owned(),
        heads: history.heads(),
        records: bundled.collect(),
        files: files(world, policy_path, release)?,
        artifacts,
        outputs: outputs(world, release)?,
        attestations: Vec::new(),
    };
    let mut remarks = Vec::new();
    match openssh.named_key() {
        None => remarks.push(
            "no statement is attested: an envelope needs the signature of a key, and none was named (--key FILE)".to_owned(),
        ),
        Some(key) => {
            let sign = |encoded: &[u8]| openssh.sign(&key, encoded);
            for statement in statement::all(records, &bundle.heads, &subjects) {
                let envelope = Envelope::seal(&statement, &sign).map_err(|why| {
                    Refusal::refused(format!("{why}; nothing was exported"))
                        .help("name another key with --key FILE, or none: then no statement is attested")
                })?;
                bundle.attestations.push(envelope);
            }
            if let Some(flaw) = keys_of_attestations(&bundle, world.files).into_iter().next() {
                return Err(Refusal::refused(format!("what {} attests would not count: {flaw}", key.source))
                    .help("name a key that .relgate/allowed_signers gives to somebody, or none")
                    .into());
            }
        }
    }
    Ok(Export { bundle, remarks })
}

fn named(
    artifacts: &[BundledArtifact],
    digest: fn(&BundledArtifact) -> Option<Digest>,
) -> Vec<(String, Digest)> {
    let known = |it: &BundledArtifact| Some((it.name.clone(), digest(it)?));
    artifacts.iter().filter_map(known).collect()
}

/// The files that decide, and those of the release, documents among them.
fn files(world: &World<'_>, policy_path: &str, release: &Release) -> Result<Vec<BundledFile>> {
    let deciding = pin::pin(world, policy_path)?.files;
    let mut paths: Vec<String> = deciding.into_iter().map(|file| file.path).collect();
    let folder = format!("{RELEASES}/{}", release.name);
    for folder in [folder.clone(), format!("{folder}/documents")] {
        let names = world.files.files(&folder)?;
        paths.extend(names.into_iter().map(|name| format!("{folder}/{name}")));
    }
    let mut files = Vec::new();
    for path in paths {
        if let Some(bytes) = world.files.read(&path)? {
            files.push(BundledFile::new(path, bytes));
        }
    }
    Ok(files)
}

fn outputs(world: &World<'_>, release: &Release) -> Result<Vec<Output>> {
    let folder = format!("{RELEASES}/{}/ledger/output", release.name);
    let mut outputs = Vec::new();
    for file in world.files.files(&folder)? {
        if let Some(sha256) = world.files.digest(&format!("{folder}/{file}"))? {
            outputs.push(Output { file, sha256 });
        }
    }
    Ok(outputs)
}

/// Reads a bundle.
///
/// # Errors
/// Invalid where it is none; `shown` is what it is called.
pub fn read(bytes: &[u8], shown: &str) -> Result<Bundle> {
    Bundle::from_bytes(bytes).map_err(|error| {
        Refusal::invalid(format!("{shown}: {error}"))
            .help("relgate ledger export FILE makes one")
            .into()
    })
}

/// Checks a bundle by itself: its records' signatures are held against the signers that it carries.
pub fn verify(clock: &dyn Clock, openssh: &dyn OpenSsh, bundle: &Bundle, shown: &str) -> Integrity {
    let mut findings = bundle.faults(shown);
    let files = Carried(bundle);
    let records = bundle.sound_records();
    let text = PolicyText::default();
    let seal = Sealer::new((&bundle.policy, &text), &files, clock, openssh);
    let mut remarks = Vec::new();
    for (record, standing) in records.iter().zip(seal.judge(&records)) {
        match standing {
            Standing::Plain | Standing::Unattested(_) | Standing::Own | Standing::Signed(_) => {}
            Standing::Void(flaw) => findings.push(void(record, &flaw)),
            Standing::Lapsed(_, flaw) => remarks.push(format!(
                "{} was signed, and does not count any more: {flaw}",
                record.file_name()
            )),
        }
    }
    findings.extend(
        keys_of_attestations(bundle, &files)
            .into_iter()
            .map(|what| IntegrityFinding {
                file: Some("attestations".to_owned()),
                what,
                help: None,
            }),
    );
    remarks.push(format!(
        "the signatures were held against the signers in the bundle, whose policy digest is sha256:{}: compare it with \
         the one that you trust",
        bundle.policy_digest()
    ));
    remarks.push(match bundle.attestations.len() {
        0 => "nothing is attested: that records were removed from the end shows only where somebody remembers the end"
            .to_owned(),
        some => format!("{some} statements are attested, with where the ledger ended"),
    });
    Integrity {
        release: bundle.release.clone(),
        folder: shown.into(),
        records: records.len(),
        heads: bundle.heads.len(),
        findings,
        remarks,
    }
}

fn void(record: &Record, flaw: &Flaw) -> IntegrityFinding {
    IntegrityFinding {
        file: Some(record.file_name()),
        what: format!("it does not count: {flaw}"),
        help: None,
    }
}

/// Adds the records of a bundle that the ledger of its release does not have: all of them, or none. They are held against
/// the signers of this repository.
///
/// # Errors
/// Invalid for a bundle with anything wrong, for a release that is not here; refused where a record does not count here, or
/// cannot follow what is recorded here.
pub fn import(world: &World<'_>, bundle: &Bundle, shown: &str) -> Result<Imported> {
    let faults = bundle.faults(shown);
    if let [first, rest @ ..] = faults.as_slice() {
        let file = first.file.as_deref().unwrap_or(shown);
        let more = match rest.len() {
            0 => String::new(),
            some => format!(" (and {some} more)"),
        };
        return Err(Refusal::invalid(format!(
            "nothing was imported: {file}: {}{more}",
            first.what
        ))
        .help(format!(
            "relgate ledger verify --bundle {}",
            quote::word(shown)
        ))
        .into());
    }
    let flaws = keys_of_attestations(bundle, world.files);
    if let Some(flaw) = flaws.first() {
        return Err(
            Refusal::refused(format!("nothing was imported: its attestations: {flaw}"))
                .help("see who made it; the line of that key belongs in .relgate/allowed_signers")
                .into(),
        );
    }
    let release = project::select(world, Some(bundle.release.as_str()))?;
    let records = bundle.sound_records();
    let known = records.len();
    let added = world.ledgers.adopt(&release, &records)?;
    Ok(Imported {
        known: known - added.len(),
        added: added.iter().map(Record::file_name).collect(),
        next: vec![format!("relgate ledger verify --release {release}")],
        release,
    })
}

/// What speaks against the keys that signed the attestations: each must be somebody's among the signers in `files`, now and
/// when the bundle was made.
fn keys_of_attestations(bundle: &Bundle, files: &dyn Files) -> Vec<String> {
    let opened = bundle.attestations.iter().filter_map(|it| it.open().ok());
    let mut keys: Vec<PublicKey> = opened.flat_map(|it| it.keys).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return Vec::new();
    }
    let source = |path: &str| match files.read(path) {
        Ok(Some(bytes)) if Revoked::is_krl(&bytes) => Err("it is a binary list".to_owned()),
        Ok(Some(bytes)) => parse::source(path, bytes)
            .map(Some)
            .map_err(|_| "it is no text".to_owned()),
        Ok(None) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    let signers = source(allowed_signers::PATH).and_then(|source| {
        let Some(source) = source else {
            return Ok(AllowedSigners::default());
        };
        let (signers, findings) = AllowedSigners::read(&source);
        match findings.iter().find(|it| Finding::is_error(it)) {
            Some(first) => Err(first.to_string()),
            None => Ok(signers),
        }
    });
    let revoked = source(revoked::PATH).and_then(|source| match source {
        None => Ok(Revoked::default()),
        Some(source) => {
            Revoked::read(&source).map_err(|_| "it has lines that are no key".to_owned())
        }
    });
    let against = |key: &PublicKey| -> std::result::Result<(), String> {
        let signers = signers
            .as_ref()
            .map_err(|why| format!("{}: {why}", allowed_signers::PATH))?;
        allows(signers, key, bundle.at).map_err(|flaw| flaw.to_string())?;
        match &revoked {
            Ok(Revoked::Keys(keys)) if !keys.contains(key) => Ok(()),
            Ok(Revoked::Keys(_)) => Err(format!("its key {} is revoked", key.fingerprint())),
            Ok(Revoked::Krl) => Err(format!("{}: it is a binary list", revoked::PATH)),
            Err(why) => Err(format!("{}: {why}", revoked::PATH)),
        }
    };
    keys.iter().filter_map(|key| against(key).err()).collect()
}

/// Whether `key` is that of anybody who is named among the signers.
fn allows(
    signers: &AllowedSigners,
    key: &PublicKey,
    at: DateTime<Utc>,
) -> std::result::Result<(), Flaw> {
    let mut flaw = Flaw::UnknownKey {
        fingerprint: key.fingerprint(),
    };
    for principal in signers
        .entries()
        .iter()
        .flat_map(|entry| entry.principals.names())
    {
        let asked = Question {
            key,
            principal,
            namespace: NAMESPACE,
            at,
            zone: chrono_tz::Tz::UTC,
        };
        match signers.allows(asked) {
            Ok(()) => return Ok(()),
            Err(Flaw::NotTheirs { .. }) => {}
            Err(other) => flaw = other,
        }
    }
    Err(flaw)
}

/// The files that a bundle carries, in place of a repository.
struct Carried<'a>(&'a Bundle);

impl Files for Carried<'_> {
    fn root(&self) -> &Path {
        Path::new("")
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, FileError> {
        let file = self.0.files.iter().find(|file| file.path == path);
        let Some(file) = file else { return Ok(None) };
        let damaged = || FileError {
            path: path.into(),
            source: std::io::Error::other("its bytes are not those of its digest"),
        };
        file.bytes().map(Some).ok_or_else(damaged)
    }

    fn hashes(&self, path: &str, signed: Hash) -> std::result::Result<Option<Hashes>, FileError> {
        let bytes = self.read(path)?;
        Ok(bytes.map(|bytes| Hashes {
            sha256: Digest::of(&bytes),
            signed: signed.of(&bytes),
        }))
    }

    fn folders(&self, _: &str) -> std::result::Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }

    fn files(&self, _: &str) -> std::result::Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }

    fn create(&self, _: &[(String, String)]) -> std::result::Result<(), FileError> {
        Err(FileError {
            path: "".into(),
            source: std::io::Error::other("a bundle is not written to"),
        })
    }
}
