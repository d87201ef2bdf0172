//! The file of a machine's private key. It is read here and never handed to another program.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::domain::quote;
use crate::domain::signature::machine::{HOW_TO_MAKE, MachineKey};

/// A pipe is opened without waiting for whoever writes into it.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// A private key is some hundred bytes; more is something else.
const LARGEST: u64 = 64 * 1024;

/// Those beside the owner who may read a file.
const OTHERS: u32 = 0o077;

/// The private key in the file `path`, which nobody else may read.
pub(super) fn read(path: &Path) -> Result<MachineKey, String> {
    let name = quote::word(&path.display().to_string());
    let fault = |why: String| format!("the machine's key {name} cannot be used: {why}");
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(NONBLOCK)
        .open(path)
        .map_err(|error| fault(format!("{error}; {HOW_TO_MAKE}")))?;
    let found = file.metadata().map_err(|error| fault(error.to_string()))?;
    if !found.is_file() || found.len() > LARGEST {
        return Err(fault(format!("it is no file of a key; {HOW_TO_MAKE}")));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(fault(format!(
            "others may read it (its mode is {mode:03o}, its owner {}); chmod 600 {name}",
            found.uid()
        )));
    }
    let mut text = String::new();
    file.take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| fault(format!("{error}; {HOW_TO_MAKE}")))?;
    MachineKey::read(&text).map_err(|why| fault(format!("{why}; {HOW_TO_MAKE}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn a_file_that_is_no_key_of_ones_own_is_refused_with_the_next_step() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        let why = |path: &Path| read(path).err().expect("no key");
        assert!(why(&path).contains("ssh-keygen -t ed25519"));
        assert!(why(folder.path()).contains("no file of a key"));
        fs::write(&path, "text").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        assert!(why(&path).contains("its mode is 640"), "{}", why(&path));
        assert!(why(&path).contains("chmod 600"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        assert!(why(&path).contains("no private key"), "{}", why(&path));
    }
}
