//! The files that say who may decide, pinned by one digest: a pipeline that names it is not led to a go by a weaker policy
//! that somebody put in its working copy. The gates of a release itself are not among them: sign-offs are bound to those.

use crate::domain::ids::Digest;
use crate::domain::outcome::{PinnedFile, PolicyPin};
use crate::domain::record::digest_of;
use crate::domain::refusal::Refusal;
use crate::domain::signature::{allowed_signers, revoked};

use super::project::CHECKLISTS;
use super::{Result, World};

/// The files as they are now: the policy, who signs with which key, which keys are revoked, and every checklist that
/// others extend. One that is not there is not among them, so that it changes the digest when it appears.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn pin(world: &World<'_>, policy_path: &str) -> Result<PolicyPin> {
    let checklists = world.files.files(CHECKLISTS)?.into_iter();
    let mut paths: Vec<String> = [policy_path, allowed_signers::PATH, revoked::PATH]
        .map(str::to_owned)
        .into_iter()
        .chain(checklists.map(|name| format!("{CHECKLISTS}/{name}")))
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        if let Some(bytes) = world.files.read(&path)? {
            let sha256 = Digest::of(&bytes);
            files.push(PinnedFile { path, sha256 });
        }
    }
    Ok(PolicyPin {
        digest: digest_of_files(&files),
        files,
    })
}

/// The digest of files, which are in the order of their paths: the SHA-256 of the canonical JSON of the list of
/// `{path, sha256}`.
pub fn digest_of_files(files: &[PinnedFile]) -> Digest {
    digest_of(&files)
}

/// Holds the files against the digest that was named.
///
/// # Errors
/// Refused where they are others, with both digests.
pub fn require(world: &World<'_>, policy_path: &str, expected: &Digest) -> Result<()> {
    Ok(same(expected, &pin(world, policy_path)?.digest)?)
}

/// Whether the digest that was found is the one that was named.
///
/// # Errors
/// Refused where it is not.
pub fn same(expected: &Digest, found: &Digest) -> std::result::Result<(), Refusal> {
    if found == expected {
        return Ok(());
    }
    Err(Refusal::refused(format!(
        "the policy and its signers are not the pinned ones: expected sha256:{expected}, found sha256:{found}"
    ))
    .help(
        "relgate policy digest shows each file; once the change is reviewed, name the new digest with --policy-digest \
         or RELGATE_POLICY_DIGEST",
    ))
}
