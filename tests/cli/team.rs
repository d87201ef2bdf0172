//! A team's repository in a temporary folder, complete and small: three hand-offs, a deployment that is a file named
//! `live/version`, probes that look for files under `live`, and a rollback that is a script.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Where the release's notes lie.
pub const NOTES: &str = "releases/2.0.0/release-notes.md";

/// Who signs with which key.
pub const SIGNERS: &str = ".relgate/allowed_signers";

/// The people of the policy.
pub const PEOPLE: [&str; 4] = ["dana", "quin", "rory", "omar"];

/// A team's repository, removed at the end.
pub struct Team {
    folder: TempDir,
}

impl Team {
    /// The complete repository, with a release that is to be deployed within the hour and version 1.0.0 live.
    pub fn new() -> Self {
        let team = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        team.write("relgate.yaml", include_str!("team/relgate.yaml"));
        team.write(
            ".relgate/checklists/standard.yaml",
            include_str!("team/standard.yaml"),
        );
        let notes = include_str!("team/release-notes.md");
        team.write(NOTES, notes.replace("DEPLOY_AT", &team.in_hours(1)));
        team.write("releases/2.0.0/checklist.yaml", "extends: standard\n");
        team.script(include_str!("team/back.sh"));
        team.write("live/version", "1.0.0\n");
        team.write("live/home", "");
        team.write("live/search", "");
        team
    }

    /// The same, in which everybody signs with a key of their own: `keys/dana` and so on, which `--key` need not name.
    pub fn signed() -> Self {
        let team = Self::new();
        team.edit(
            "relgate.yaml",
            "product: Shop\n",
            "product: Shop\nsignatures: required\n",
        );
        let lines: String = PEOPLE
            .iter()
            .map(|by| team.signer_line(by, &team.new_key(&format!("keys/{by}"), "ed25519"), ""))
            .collect();
        team.write(SIGNERS, lines);
        team
    }

    /// Makes a key of this type (`ed25519`, `ecdsa-256`, `rsa-3072`) and returns its public half.
    pub fn new_key(&self, file: &str, kind: &str) -> String {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        let (kind, bits) = kind.split_once('-').unwrap_or((kind, "256"));
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f"])
            .arg(&path)
            .status();
        assert!(made.expect("ssh-keygen is there").success());
        self.read(&format!("{file}.pub")).trim().to_owned()
    }

    /// The files of the records of a kind, in their order.
    pub fn record_files(&self, kind: &str) -> Vec<PathBuf> {
        let marked = format!("Z-{kind}-");
        let files = self.files().into_keys();
        files
            .filter(|path| path.to_string_lossy().contains(&marked))
            .collect()
    }

    /// Writes a record by hand, with the id and the name that its bytes have, after all that are there; signed with
    /// `key`, where one is given. Returns its file.
    pub fn forge(&self, mut record: serde_json::Value, key: Option<&str>) -> PathBuf {
        let followed: Vec<serde_json::Value> = self
            .records()
            .iter()
            .flat_map(|it| it["parents"].as_array().cloned().unwrap_or_default())
            .collect();
        let ledger = self.path("releases/2.0.0/ledger");
        let ids = self.files().into_keys().filter_map(|path| {
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix(".json")?
                .to_owned();
            let is_record = path.parent() == Some(&ledger);
            is_record.then(|| name.rsplit_once('-').map(|(_, id)| serde_json::json!(id)))?
        });
        let mut heads: Vec<serde_json::Value> = ids.filter(|id| !followed.contains(id)).collect();
        heads.sort_by_key(|id| id.to_string());
        let blank = |record: &serde_json::Value, key: &str| record.get(key).is_none();
        for (key, value) in [
            ("version", serde_json::json!(1)),
            ("release", serde_json::json!("2.0.0")),
            ("parents", serde_json::json!(heads)),
            ("host", serde_json::json!("elsewhere")),
            ("at", serde_json::json!(self.now(0))),
        ] {
            if blank(&record, key) {
                record[key] = value;
            }
        }
        if let Some(key) = key {
            record["signature"] =
                serde_json::json!(self.openssh_sign(key, "relgate", &record.to_string()));
        }
        self.put(&record)
    }

    /// Writes a record into the ledger under the name that its bytes have. A `Value` is written in canonical form.
    pub fn put(&self, record: &serde_json::Value) -> PathBuf {
        let text = record.to_string();
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let id: String = digest
            .as_ref()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let word = |key: &str| record[key].as_str().expect("a text").to_owned();
        let at = word("at").replace(['-', ':'], "");
        let name = format!("releases/2.0.0/ledger/{at}-{}-{id}.json", word("kind"));
        self.write(&name, text);
        self.path(&name)
    }

    /// A signature of OpenSSH over a text.
    pub fn openssh_sign(&self, key: &str, namespace: &str, text: &str) -> String {
        self.write("live/payload", text);
        let signature = self.path("live/payload.sig");
        let _ = fs::remove_file(&signature);
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .args([self.path(key), self.path("live/payload")])
            .status();
        assert!(signed.expect("ssh-keygen is there").success());
        fs::read_to_string(signature).expect("a signature")
    }

    /// The time so many seconds from now, as records have it.
    pub fn now(&self, seconds: i64) -> String {
        self.write("live/now", "");
        let now = fs::metadata(self.path("live/now")).and_then(|it| it.modified());
        let now = chrono::DateTime::<chrono::Utc>::from(now.expect("a time"));
        let now = now + chrono::Duration::seconds(seconds);
        now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// A line of `allowed_signers` for a person of the policy.
    pub fn signer_line(&self, by: &str, key: &str, options: &str) -> String {
        format!("{by}@shop.example {options} {key}\n")
    }

    /// The path of a file of the repository.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file, and the folders around it.
    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("written");
    }

    /// Replaces the rollback's script.
    pub fn script(&self, text: &str) {
        self.write("back.sh", text);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("back.sh"), mode).expect("it may be executed");
    }

    /// The text of a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Replaces the first `from` in a file, which must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, text.replacen(from, to, 1));
    }

    /// Replaces what is between the first `from`, itself included, and the next `until`.
    pub fn cut(&self, file: &str, from: &str, until: &str, to: &str) {
        let text = self.read(file);
        let (head, rest) = text.split_once(from).expect("the beginning");
        let (_, tail) = rest.split_once(until).expect("the end");
        self.write(file, format!("{head}{to}{until}{tail}"));
    }

    /// Removes a file, which must be there.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// A time so many hours from now, as the notes have it.
    pub fn in_hours(&self, hours: i64) -> String {
        self.write("live/now", "");
        let now = fs::metadata(self.path("live/now")).and_then(|it| it.modified());
        let now = chrono::DateTime::<chrono::Utc>::from(now.expect("a time"));
        (now + chrono::Duration::hours(hours)).to_rfc3339()
    }

    /// A command of the program under test, in the repository, in an environment that is the same everywhere.
    pub fn command(&self, by: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relgate"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("RELGATE_BY", by);
        let key = self.path(&format!("keys/{by}"));
        if key.is_file() {
            command.env("RELGATE_SIGNING_KEY", key);
        }
        command
    }

    /// Every file with what it holds, apart from `live`, and from the lock that a ledger's every reader may leave.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        gather(self.folder.path(), &mut files);
        files.retain(|path, _| !path.starts_with(self.path("live")));
        files.retain(|path, _| !path.ends_with("ledger/.lock"));
        files.retain(|path, _| !path.ends_with("ledger/.gitignore"));
        files
    }

    /// The records of the release, in the order of their names.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let folder = self.path("releases/2.0.0/ledger");
        let files = self.files().into_iter();
        files
            .filter(|(path, _)| path.parent() == Some(&folder))
            .filter(|(path, _)| path.extension().is_some_and(|it| it == "json"))
            .map(|(path, bytes)| {
                serde_json::from_slice(&bytes)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            })
            .collect()
    }

    /// The bodies of the records of a kind.
    pub fn recorded(&self, kind: &str) -> Vec<serde_json::Value> {
        let records = self.records().into_iter();
        records
            .filter(|record| record["kind"] == kind)
            .map(|record| record["body"].clone())
            .collect()
    }
}

fn gather(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files);
        } else {
            // One that is gone by now was a temporary one.
            files.extend(fs::read(&path).ok().map(|bytes| (path, bytes)));
        }
    }
}
