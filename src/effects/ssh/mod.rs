//! OpenSSH's `ssh-keygen`: signing with the keys that people have, and what it alone can tell of certificates and
//! revocation lists. Whether a signature counts is decided elsewhere.

mod keys;
mod machine;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tempfile::TempDir;

use crate::domain::signature::NAMESPACE;
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::machine::MachineKey;
use crate::domain::signature::trust::Payload;
use crate::ports::{Certified, KeyFile, OpenSsh, SigningKey};

const PROGRAM: &str = "ssh-keygen";

/// The OpenSSH of this machine.
#[derive(Clone, Debug)]
pub struct SystemSsh {
    /// Where git is asked for its settings, and signed files lie.
    root: PathBuf,
    /// The key that was named on the command line or in the environment.
    named: Option<String>,
    /// The private key of this machine, where one was named.
    machine: Option<PathBuf>,
}

impl SystemSsh {
    /// The OpenSSH of this machine, with the key that was named, if one was.
    pub fn new(root: impl Into<PathBuf>, named: Option<String>) -> Self {
        Self {
            root: root.into(),
            named,
            machine: None,
        }
    }

    /// The same with the private key of this machine, if one was named.
    #[must_use]
    pub fn with_machine_key(self, machine: Option<PathBuf>) -> Self {
        Self { machine, ..self }
    }
}

impl OpenSsh for SystemSsh {
    fn named_key(&self) -> Option<SigningKey> {
        let named = self.named.as_deref()?;
        Some(keys::of_setting(named, "--key"))
    }

    fn ready_keys(&self) -> Vec<SigningKey> {
        keys::ready(&self.root)
    }

    fn sign(&self, key: &SigningKey, payload: &[u8]) -> Result<String, String> {
        let failed = |why: String| format!("{} cannot sign: {why}", key.source);
        let folder = Folder::new().map_err(failed)?;
        let file = match &key.file {
            KeyFile::Path(path) => path.clone(),
            KeyFile::Line(line) => folder
                .write("key.pub", format!("{line}\n").as_bytes())
                .map_err(failed)?,
        };
        let payload = folder.write("record", payload).map_err(failed)?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"])
            .args([&file, &payload])
            .stdout(Stdio::null());
        // A passphrase is asked for, and a touch, where the person is; with anything else behind standard input OpenSSH
        // would look for a window to ask in.
        let terminal = |is: bool, no: fn() -> Stdio| if is { Stdio::inherit() } else { no() };
        command.stdin(terminal(is_terminal(io::stdin()), Stdio::null));
        command.stderr(terminal(is_terminal(io::stderr()), Stdio::piped));
        let output = run(&mut command).map_err(failed)?;
        if !output.status.success() {
            return Err(failed(said(&output)));
        }
        let signature = payload.with_extension("sig");
        fs::read_to_string(&signature).map_err(|error| failed(format!("its signature: {error}")))
    }

    fn machine_key(&self) -> Option<Result<MachineKey, String>> {
        Some(machine::read(self.machine.as_ref()?))
    }

    fn is_revoked(&self, key: &PublicKey, list: &[u8]) -> Result<bool, String> {
        let folder = Folder::new()?;
        let list = folder.write("revoked", list)?;
        let key = folder.write("key.pub", format!("{}\n", key.line()).as_bytes())?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["-Q", "-f"])
            .args([&list, &key])
            .stdin(Stdio::null());
        let output = run(&mut command)?;
        match output.status.code() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(format!(
                "the revocation list cannot be read: {}",
                said(&output)
            )),
        }
    }

    fn certifies(&self, question: &Certified<'_>) -> Result<(), String> {
        let folder = Folder::new()?;
        let signers = folder.write("signers", question.signers)?;
        let signature = folder.write("signature", question.signature.as_bytes())?;
        let payload = match question.payload {
            Payload::Record(bytes) => folder.write("record", bytes)?,
            Payload::File(path) => self.root.join(path),
        };
        let revoked = question.revoked.map(|list| folder.write("revoked", list));
        let revoked = revoked.transpose()?;
        // Times without a zone are local to OpenSSH: what is asked must hold however they are read.
        let zones = ["UTC", question.zone];
        let zones = match question.zone {
            "UTC" => &zones[..1],
            _ => &zones[..],
        };
        for zone in zones {
            let mut command = Command::new(PROGRAM);
            command
                .args([
                    "-q",
                    "-Y",
                    "verify",
                    "-n",
                    question.payload.namespace(),
                    "-I",
                    question.principal,
                ])
                .arg("-f")
                .arg(&signers)
                .arg("-s")
                .arg(&signature)
                .arg(format!("-Overify-time={}", local(question.at, zone)))
                .env("TZ", zone);
            if let Some(list) = &revoked {
                command.arg("-r").arg(list);
            }
            let input = fs::File::open(&payload).map_err(|error| error.to_string())?;
            let output = run(command.stdin(input))?;
            if !output.status.success() {
                return Err(said(&output));
            }
        }
        Ok(())
    }
}

/// `at` as the clocks in `zone` show it, in the form that OpenSSH takes.
fn local(at: DateTime<Utc>, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    at.with_timezone(&zone).format("%Y%m%d%H%M%S").to_string()
}

fn is_terminal(stream: impl io::IsTerminal) -> bool {
    stream.is_terminal()
}

fn run(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{PROGRAM} is not installed; install OpenSSH, such as Debian's openssh-client")
        }
        _ => format!("{PROGRAM} cannot be started: {error}"),
    })
}

/// What a program said of its failure, in one line; its paths are of no use to anybody.
fn said(output: &Output) -> String {
    let text = [output.stderr.as_slice(), &output.stdout].concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let text: Vec<&str> = lines.take(3).collect();
    match text.as_slice() {
        [] => format!("{PROGRAM} failed ({})", output.status),
        lines => lines.join("; ").chars().take(300).collect(),
    }
}

/// A folder of this process alone, for what OpenSSH takes as files.
struct Folder(TempDir);

impl Folder {
    fn new() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("relgate-").tempdir();
        folder
            .map(Self)
            .map_err(|error| format!("no temporary folder: {error}"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, String> {
        let path = self.0.path().join(name);
        write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}
