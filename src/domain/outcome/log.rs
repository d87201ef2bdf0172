//! What was recorded, in a line each.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::signature::Flaw;

/// What happened.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    /// Which release.
    pub release: ReleaseName,
    /// In order.
    pub entries: Vec<LogEntry>,
}

/// One record, told in a line.
#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// On which host.
    pub host: String,
    /// The record's kind.
    pub kind: String,
    /// What, for people.
    pub text: String,
    /// The fingerprint of the key that signed it; none of what nobody signed, or does not count as signed.
    pub signed: Option<String>,
    /// Why it does not count as its writer's.
    pub flaw: Option<Flaw>,
    /// The record.
    pub record: RecordId,
    /// All that it says.
    pub body: serde_json::Value,
}
