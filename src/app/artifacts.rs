//! What is found of the artifacts: whether they are there, what their bytes come to, and who signed them.

use crate::domain::ids::Digest;
use crate::domain::readiness::Facts;
use crate::domain::record::digest_of;
use crate::domain::signature::artifact::{Detached, Fault, SignedArtifact};
use crate::domain::signature::sshsig::Hash;

use super::World;
use super::project::Release;

/// Digests every artifact on disk, holds it against the notes and, where it has one, against its own signature (req: A19).
///
/// What sign-offs are bound to are the bytes alone: a signature that is renewed, or added to a file that was there before,
/// takes nothing from them. One that is missing or cannot be read has no digest: nothing is equal to it.
pub(super) fn gather(world: &World<'_>, release: &Release, facts: &mut Facts) {
    let mut digests: Vec<(String, Option<Digest>)> = Vec::new();
    for artifact in release.notes.artifacts() {
        let mut problem = None;
        let mut digest = artifact.sha256;
        if let Some(path) = &artifact.path {
            let detached = artifact.signature.as_ref().map(|file| read(world, file));
            let hash = match &detached {
                Some(Ok(detached)) => detached.hash(),
                _ => Hash::Sha256,
            };
            match world.files.hashes(path, hash) {
                Ok(Some(found)) => {
                    if artifact.sha256.is_some_and(|it| it != found.sha256) {
                        problem = Some(format!(
                            "{path} is not what the notes say: its sha256 is {}",
                            found.sha256
                        ));
                    }
                    digest = Some(found.sha256);
                    let name = artifact.name.clone();
                    facts.artifact_digests.insert(name, found.sha256);
                    if let Some(detached) = detached {
                        let signer = detached.and_then(|detached| {
                            world.seal.signer_of(&SignedArtifact {
                                path,
                                hashed: &found.signed,
                                detached: &detached,
                            })
                        });
                        let name = artifact.name.clone();
                        facts.artifact_signers.insert(name, signer);
                    }
                }
                // What the notes say of it is no digest of what is not there.
                Ok(None) => {
                    digest = None;
                    problem = Some(format!("{path} is not there"));
                }
                Err(error) => {
                    digest = None;
                    problem = Some(error.to_string());
                }
            }
            if digest.is_none() {
                facts.artifacts_gone.insert(artifact.name.clone());
            }
        }
        digests.push((artifact.name.to_string(), digest));
        if let Some(problem) = problem {
            let name = artifact.name.clone();
            facts.artifact_problems.insert(name, problem);
        }
    }
    facts.artifacts = Some(digest_of(&digests));
}

/// The signature in a file.
fn read(world: &World<'_>, file: &str) -> Result<Detached, Fault> {
    match world.files.read(file) {
        Ok(Some(bytes)) => Detached::read(file, &bytes),
        Ok(None) => Err(Fault::Absent {
            file: file.to_owned(),
        }),
        Err(error) => Err(Fault::Unreadable {
            why: error.to_string(),
        }),
    }
}
