//! What of a ledger could not be read or understood, and may matter to a window: over such a ledger nobody says that no
//! incident is open.

use serde::Serialize;

use super::{Anomaly, History};
use crate::domain::record::Body;

/// Something that may be an incident, its resolution or a rollback, and is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// What it is, for people; it names the file.
    pub what: String,
    /// The next command to type.
    pub help: String,
}

/// What the kinds begin with that arm a window, end one, or roll back.
const MATTERING: [&str; 6] = [
    "incident",
    "window",
    "rollback",
    "rolled-back",
    "attempt",
    "step",
];

impl History {
    /// What could not be read, and the records of a newer version that concern a window. A record that is not understood
    /// disarms nothing: a window whose resolution is one stays armed, and so does one whose claim is one.
    pub fn unread(&self) -> Vec<Unread> {
        let all = self.damage.iter().chain(&self.anomalies);
        let damaged = all.filter(|it| it.hides_a_record()).map(|it| Unread {
            what: it.what.clone(),
            help: it.help.clone(),
        });
        damaged.chain(self.not_understood()).collect()
    }

    /// Whether all that may matter to a window could be read.
    pub fn is_whole(&self) -> bool {
        let mut all = self.damage.iter().chain(&self.anomalies);
        !all.any(Anomaly::hides_a_record) && self.not_understood().next().is_none()
    }

    fn not_understood(&self) -> impl Iterator<Item = Unread> {
        let records = self.unknown.iter().filter_map(|id| self.find(id));
        records.filter_map(|record| {
            let Body::Unknown { kind, .. } = &record.body else {
                return None;
            };
            let matters = MATTERING.iter().any(|word| kind.starts_with(word));
            matters.then(|| Unread {
                what: format!(
                    "{} ({kind}, by {}) was written by a newer relgate: this one does not understand it, and goes on \
                     without it",
                    record.file_name(),
                    record.by
                ),
                help: "relgate --version; use the relgate that wrote it".to_owned(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anomaly::Damage;
    use crate::domain::record::Record;
    use crate::domain::testing::Site;

    #[test]
    fn what_cannot_be_read_or_understood_is_named() {
        let mut site = Site::deployed();
        assert!(site.history.is_whole() && site.history.unread().is_empty());
        let anomaly = |damage| Anomaly {
            damage,
            file: Some("x.json".to_owned()),
            record: None,
            what: "x.json".to_owned(),
            help: "ls".to_owned(),
        };
        site.history.set_damage(vec![anomaly(Damage::Foreign)]);
        assert!(site.history.is_whole(), "it hides nothing");
        for damage in [
            Damage::Unreadable,
            Damage::Truncated,
            Damage::Edited,
            Damage::Removed,
        ] {
            site.history.set_damage(vec![anomaly(damage)]);
            assert!(!site.history.is_whole());
            assert_eq!(site.history.unread().len(), 1);
        }
        for (kind, matters) in [
            ("incident-resolved", true),
            ("rollback-claimed", true),
            ("blessed", false),
        ] {
            let mut site = Site::deployed();
            let head = site.history.heads()[0];
            let text = format!(
                r#"{{"at":"2026-11-20T18:00:00.000Z","body":{{}},"by":"cy","host":"h","kind":"{kind}","parents":["{head}"],"release":"2.4.0","version":2}}"#
            );
            let newer = Record::from_bytes(text.as_bytes()).expect("a record");
            site.history.extend(vec![newer]);
            assert_eq!(!site.history.is_whole(), matters, "{kind}");
        }
    }
}
