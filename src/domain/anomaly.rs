//! What can be wrong with a ledger: one word for each kind of damage, and how a case of it is told.
//!
//! Finding it is left to [`super::history`] for what follows from the records alone, and to [`super::audit`] for the
//! files that they lie in.

use serde::Serialize;

use super::ids::RecordId;

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// The bytes are not those that the name stands for.
    Edited,
    /// The end of the file is missing.
    Truncated,
    /// A sound record under another name than its own.
    Renamed,
    /// A second copy of a record that is there.
    Copied,
    /// A record that others follow is not there, or one that was there is gone.
    Removed,
    /// The bytes are those that the name stands for, and no record.
    NotARecord,
    /// A record in another form than the canonical one.
    NotCanonical,
    /// A record of another release.
    OtherRelease,
    /// A record that cannot follow what was recorded before it.
    Illegal,
    /// A record that claims to be older than one that it follows.
    TimeOrder,
    /// A file or folder that does not belong to a ledger.
    Foreign,
    /// A symbolic link, a folder or a device where a record should be.
    NotAFile,
    /// A file too large to be a record.
    TooLarge,
    /// A file that the system does not let us read.
    Unreadable,
}

impl Damage {
    /// Whether a record is missing because of it, so that the state folded from the others says nothing.
    pub fn leaves_a_gap(self) -> bool {
        match self {
            Self::Edited
            | Self::Truncated
            | Self::Renamed
            | Self::Removed
            | Self::NotARecord
            | Self::NotAFile
            | Self::TooLarge
            | Self::Unreadable => true,
            Self::Copied
            | Self::NotCanonical
            | Self::OtherRelease
            | Self::Illegal
            | Self::TimeOrder
            | Self::Foreign => false,
        }
    }
}

/// One thing that is wrong with a release's ledger. None of it can be made right by leaving records out, so a gate
/// refuses to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// What kind of damage it is.
    pub damage: Damage,
    /// The name of the file in the ledger's folder, where it is one.
    pub file: Option<String>,
    /// Which record, where it is one.
    pub record: Option<RecordId>,
    /// What is wrong, for people; it names the file or the record.
    pub what: String,
    /// The next command to type.
    pub help: String,
}

impl Anomaly {
    /// Whether a record may be missing because of it, an opening of an incident too: over such a ledger nobody says that
    /// nothing is open.
    pub fn hides_a_record(&self) -> bool {
        self.damage.leaves_a_gap()
    }
}
