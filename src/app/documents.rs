//! The documents of a release, looked at: they are there, and somebody has written in them.

use crate::domain::document;
use crate::domain::release::ReleaseNotes;

use super::project::RELEASES;
use super::{World, root_cause};

/// The bytes of a file that answers something. `path` is relative to the repository's root.
///
/// # Errors
/// Why it answers nothing, for people: it is missing, cannot be read, is empty, or as its template left it.
pub fn read(world: &World<'_>, path: &str) -> Result<Vec<u8>, String> {
    let bytes = match world.files.read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(format!("{path} is not there")),
        Err(error) => return Err(error.to_string()),
    };
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
    let template = root_cause::template(world, name)?;
    match document::problem(&bytes, template.as_deref()) {
        Some(why) => Err(format!("{path} {why}")),
        None => Ok(bytes),
    }
}

/// What is wrong with the documents that the release notes name, by name. One lies in the release's folder, or below the
/// repository's root; one at an address is not looked at.
pub fn problems(world: &World<'_>, notes: &ReleaseNotes) -> Vec<(String, String)> {
    let named = notes.documents.iter().flatten();
    named
        .filter(|(_, file)| !file.contains("://") && !file.trim().is_empty())
        .filter_map(|(name, file)| {
            let own = format!("{RELEASES}/{}/{file}", notes.release);
            let shared = matches!(world.files.read(&own), Ok(None))
                && matches!(world.files.read(file), Ok(Some(_)));
            let path = if shared { file } else { &own };
            Some((name.clone(), read(world, path).err()?))
        })
        .collect()
}
