//! Who and what is at this end: git's idea of the user, the size of the terminal, a name that nothing else has.

use std::path::Path;
use std::process::{Command, Stdio};

use ring::rand::{SecureRandom, SystemRandom};

/// The `user.email` that git would put on a commit in `folder`; `None` where git or the setting is missing.
pub fn git_email(folder: &Path) -> Option<String> {
    let output = Command::new("git")
        .args(["config", "--get", "user.email"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let email = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !email.is_empty()).then_some(email)
}

/// The columns and rows of the terminal behind standard output; 0 where it is none, or does not say.
pub fn terminal_size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.map_or((0, 0), |size| {
        (usize::from(size.ws_col), usize::from(size.ws_row))
    })
}

/// Thirty-two digits that nobody has drawn before; `None` where the system gives no random bytes.
pub fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
