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
