//! A team whose people sign: their keys, records that somebody writes by hand, and what OpenSSH makes of both.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::team::Team;

/// Who signs with which key.
pub const SIGNERS: &str = ".relgate/allowed_signers";

/// The people of the policy.
pub const PEOPLE: [&str; 4] = ["dana", "quin", "rory", "omar"];

impl Team {
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
    pub fn forge(&self, record: serde_json::Value, key: Option<&str>) -> PathBuf {
        self.forge_in(record, key.map(|key| (key, "relgate")))
    }

    /// The same, signed with a key in a namespace.
    pub fn forge_in(&self, mut record: serde_json::Value, signed: Option<(&str, &str)>) -> PathBuf {
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
        if let Some((key, namespace)) = signed {
            record["signature"] =
                serde_json::json!(self.openssh_sign(key, namespace, &record.to_string()));
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
}
