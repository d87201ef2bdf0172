//! What every store promises, tried on each of them.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use chrono::DateTime;
use relgate::app::ledger::Ledgers;
use relgate::domain::audit::audit;
use relgate::domain::clock::Reading;
use relgate::domain::ids::{RecordId, ReleaseName};
use relgate::domain::record::body::Noted;
use relgate::domain::record::{Body, Draft, Record};
use relgate::domain::refusal::Refusal;
use relgate::effects::store::file::FileStore;
use relgate::effects::store::memory::{Memory, MemoryStore};
use relgate::ports::{
    Acquired, AppendError, Appended, Clock, LeaseName, Leases, Order, Presence, Proposal, Records,
    Summaries, Tenure, Unsealed,
};

use crate::world::{boot, release, writer};

/// All that a store is.
trait Store: Records + Leases + Presence + Summaries {}
impl<T: Records + Leases + Presence + Summaries> Store for T {}

/// A clock that stands still.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Reading {
        Reading {
            wall: DateTime::UNIX_EPOCH,
            boot_ms: 1,
            boot: boot("host"),
        }
    }

    fn wait(&self, time: Duration) {
        std::thread::park_timeout(time);
    }
}

/// Something that several processes share.
enum Shared {
    Memory(Memory),
    Files(tempfile::TempDir),
}

impl Shared {
    /// The store as the process of this number sees it.
    fn store(&self, pid: u32) -> Box<dyn Store + '_> {
        let writer = writer("host", pid);
        match self {
            Self::Memory(memory) => Box::new(MemoryStore::new(memory, &Still, writer)),
            Self::Files(folder) => {
                let releases: PathBuf = folder.path().join("releases");
                std::fs::create_dir_all(releases.join("2.0.0")).expect("folders");
                std::fs::create_dir_all(releases.join("1.9.0")).expect("folders");
                Box::new(FileStore::new(releases, &Still, writer))
            }
        }
    }
}

/// Tries it on every store.
fn each(test: impl Fn(&Shared)) {
    test(&Shared::Memory(Memory::new()));
    test(&Shared::Files(tempfile::tempdir().expect("a folder")));
}

fn note(text: &str, parents: Vec<RecordId>) -> Record {
    let body = Body::Noted(Noted { text: text.into() });
    let draft = Draft {
        by: "ana".into(),
        body,
    };
    Record::new(draft, &release(), parents, DateTime::UNIX_EPOCH, "host")
}

fn proposal<'a>(heads: &'a [RecordId], records: &'a [Record]) -> Proposal<'a> {
    Proposal {
        heads,
        records,
        order: Order::ParentsFirst,
    }
}

fn ids(records: &[Record]) -> Vec<RecordId> {
    let mut ids: Vec<RecordId> = records.iter().map(|it| it.id).collect();
    ids.sort_unstable();
    ids
}

fn other() -> ReleaseName {
    ReleaseName::new("1.9.0").expect("a name")
}

#[test]
fn what_is_appended_is_read_once_by_everybody() {
    each(|shared| {
        let (mine, theirs) = (shared.store(1), shared.store(2));
        let (mut mine, mut theirs) = (mine.reader(&release()), theirs.reader(&release()));
        assert!(mine.read_since().expect("read").records.is_empty());
        let first = note("a", vec![]);
        let records = [first.clone(), note("b", vec![first.id])];
        let appended = mine.append_if_heads(&proposal(&[], &records), &mut || Ok(()));
        assert!(matches!(appended, Ok(Appended::Stored)));
        assert!(
            mine.read_since().expect("read").records.is_empty(),
            "its own"
        );
        let read = theirs.read_since().expect("read");
        assert_eq!(ids(&read.records), ids(&records));
        assert!(read.flaws.is_empty());
        assert!(
            theirs.read_since().expect("read").records.is_empty(),
            "read"
        );
    });
}

#[test]
fn what_was_stored_meanwhile_is_a_conflict_that_brings_it() {
    each(|shared| {
        let (mine, theirs) = (shared.store(1), shared.store(2));
        let (mut mine, mut theirs) = (mine.reader(&release()), theirs.reader(&release()));
        let (first, second) = ([note("a", vec![])], [note("b", vec![])]);
        let mut asked = 0;
        let mut still = || {
            asked += 1;
            Ok(())
        };
        assert!(
            theirs
                .append_if_heads(&proposal(&[], &first), &mut still)
                .is_ok()
        );
        match mine.append_if_heads(&proposal(&[], &second), &mut still) {
            Ok(Appended::Conflict(batch)) => assert_eq!(ids(&batch.records), ids(&first)),
            other => panic!("{other:?}"),
        }
        let after = [note("b", vec![first[0].id])];
        let appended = mine.append_if_heads(&proposal(&[first[0].id], &after), &mut still);
        assert!(matches!(appended, Ok(Appended::Stored)));
        assert_eq!(
            ids(&theirs.read_since().expect("read").records),
            ids(&after)
        );
        assert!(asked >= 2);
    });
}

#[test]
fn nothing_is_stored_where_the_decision_no_longer_stands() {
    each(|shared| {
        for order in [Order::ParentsFirst, Order::AllOrNone] {
            let store = shared.store(1);
            let records = [note("a", vec![])];
            let late = Proposal {
                order,
                ..proposal(&[], &records)
            };
            let refusal = Refusal::refused("too late").help("relgate status");
            let mut reader = store.reader(&release());
            let appended = reader.append_if_heads(&late, &mut || Err(refusal.clone()));
            assert!(matches!(appended, Err(AppendError::Refused(it)) if it == refusal));
            assert!(
                shared
                    .store(2)
                    .stored(&release())
                    .expect("listed")
                    .is_empty()
            );
        }
    });
}

#[test]
fn releases_are_apart_and_every_process_knows_one_by_the_same_name() {
    each(|shared| {
        let (mine, theirs) = (shared.store(1), shared.store(2));
        let records = [note("a", vec![])];
        let mut reader = mine.reader(&release());
        assert!(
            reader
                .append_if_heads(&proposal(&[], &records), &mut || Ok(()))
                .is_ok()
        );
        assert!(
            theirs
                .reader(&other())
                .read_since()
                .expect("read")
                .records
                .is_empty()
        );
        assert_eq!(mine.identity(&release()), theirs.identity(&release()));
        assert_ne!(mine.identity(&release()), mine.identity(&other()));
        assert_eq!(mine.place(&release()), theirs.place(&release()));
        assert_eq!(mine.now().expect("a time"), Still.now());
    });
}

#[test]
fn what_is_stored_can_be_audited() {
    each(|shared| {
        let store = shared.store(1);
        let first = note("a", vec![]);
        let records = [first.clone(), note("b", vec![first.id])];
        let mut reader = store.reader(&release());
        assert!(
            reader
                .append_if_heads(&proposal(&[], &records), &mut || Ok(()))
                .is_ok()
        );
        let audit = audit(
            &release(),
            "here",
            store.stored(&release()).expect("listed"),
        );
        assert!(audit.is_sound(), "{:?}", audit.findings);
        assert_eq!(audit.records, 2);
    });
}

#[test]
fn many_writers_make_one_chain() {
    each(|shared| {
        std::thread::scope(|scope| {
            for who in 1..=4 {
                scope.spawn(move || {
                    let store = shared.store(who);
                    let ledgers = Ledgers::new((&*store, &*store), &Unsealed, writer("host", who));
                    let mut ledger = ledgers.open(&release());
                    for number in 0..10 {
                        let draft = Draft {
                            by: "ana".into(),
                            body: Body::Noted(Noted {
                                text: format!("{who}/{number}"),
                            }),
                        };
                        let appended = ledger.append(&mut |_, _| Ok(vec![draft.clone()]));
                        assert_eq!(appended.expect("appended").len(), 1);
                    }
                });
            }
        });
        let store = shared.store(9);
        let ledgers = Ledgers::new((&*store, &*store), &Unsealed, writer("host", 9));
        let mut ledger = ledgers.open(&release());
        let history = ledger.refresh().expect("read");
        assert_eq!(history.records().len(), 40);
        assert_eq!(history.heads().len(), 1);
        assert!(history.records().iter().all(|it| it.parents.len() <= 1));
    });
}

#[test]
fn of_two_processes_one_holds_a_lease_until_it_gives_it_back() {
    each(|shared| {
        let (mine, theirs) = (shared.store(1), shared.store(2));
        let names = [
            LeaseName::Rollback(release()),
            LeaseName::Rollback(other()),
            LeaseName::Target("shop".to_owned()),
        ];
        // The records are there before anybody drives a rollback.
        for name in [release(), other()] {
            let mut reader = mine.reader(&name);
            let records = [note("a", vec![])];
            let _ = reader.append_if_heads(&proposal(&[], &records), &mut || Ok(()));
        }
        for name in &names {
            assert_eq!(Leases::holder(&*mine, name).expect("told"), None);
            let Ok(Acquired::Held(lease)) = mine.acquire(name) else {
                panic!("{name:?} is free");
            };
            assert_eq!((&lease.name, lease.holder.pid), (name, 1));
            assert!(matches!(theirs.acquire(name), Ok(Acquired::Taken(_))));
            assert!(Leases::holder(&*theirs, name).expect("told").is_some());
            assert_eq!(mine.still_held(&lease).expect("told"), Tenure::Held);
            assert!(matches!(
                theirs.still_held(&lease),
                Ok(Tenure::Lost(Some(_)))
            ));
            mine.release(&lease);
            assert_eq!(mine.still_held(&lease).expect("told"), Tenure::Lost(None));
            let Ok(Acquired::Held(next)) = theirs.acquire(name) else {
                panic!("{name:?} is free again");
            };
            // What ended never comes back, and ends nobody else's.
            mine.release(&lease);
            assert!(matches!(mine.still_held(&lease), Ok(Tenure::Lost(Some(_)))));
            assert_eq!(theirs.still_held(&next).expect("told"), Tenure::Held);
            theirs.release(&next);
            let Ok(Acquired::Held(last)) = mine.acquire(name) else {
                panic!("{name:?} is free again");
            };
            assert_ne!(last.term, lease.term);
            mine.release(&last);
        }
    });
}

#[test]
fn whoever_watches_is_seen_and_excludes_nobody() {
    each(|shared| {
        let (mine, theirs) = (shared.store(1), shared.store(2));
        let mut reader = mine.reader(&release());
        let records = [note("a", vec![])];
        assert!(
            reader
                .append_if_heads(&proposal(&[], &records), &mut || Ok(()))
                .is_ok()
        );
        assert_eq!(theirs.watchers(&release()).expect("told"), []);
        assert_eq!(mine.announce(&release()).expect("announced"), None);
        assert_eq!(mine.announce(&release()).expect("announced"), None);
        assert_eq!(theirs.watchers(&release()).expect("told").len(), 1);
        theirs.announce(&release()).expect("announced");
        assert_eq!(theirs.watchers(&other()).expect("told"), []);
        mine.withdraw(&release());
        theirs.announce(&release()).expect("announced");
        assert_eq!(mine.watchers(&release()).expect("told").len(), 1);
        theirs.withdraw(&release());
        assert_eq!(mine.watchers(&release()).expect("told"), []);
    });
}

#[test]
fn a_summary_changes_whenever_something_is_stored() {
    each(|shared| {
        let store = shared.store(1);
        let empty = store.summary(&release()).expect("told");
        assert_eq!(empty.kinds.map(|it| it.len()), Some(0));
        let mut versions = vec![empty.version];
        let mut heads = Vec::new();
        let mut reader = store.reader(&release());
        for text in ["a", "b", "c"] {
            let records = [note(text, heads.clone())];
            assert!(
                reader
                    .append_if_heads(&proposal(&heads, &records), &mut || Ok(()))
                    .is_ok()
            );
            heads = vec![records[0].id];
            let summary = store.summary(&release()).expect("told");
            assert!(summary.kinds.is_some_and(|it| it.contains("noted")));
            assert!(!versions.contains(&summary.version));
            versions.push(summary.version);
        }
        assert!(store.has_sound(&release(), "noted").expect("told"));
        assert!(!store.has_sound(&release(), "closed").expect("told"));
        assert!(!store.has_sound(&other(), "noted").expect("told"));
    });
}

#[test]
fn a_store_that_fails_says_so_and_stores_nothing() {
    each(|shared| {
        let store = shared.store(1);
        let mut reader = store.reader(&release());
        let records = [note("a", vec![])];
        let fail = |failing: bool| match shared {
            Shared::Memory(memory) => memory.fail_writing(failing.then_some(ErrorKind::Other)),
            Shared::Files(folder) => {
                let release = folder.path().join("releases/2.0.0");
                let aside = folder.path().join("aside");
                let (from, to) = if failing {
                    (release, aside)
                } else {
                    (aside, release)
                };
                std::fs::rename(from, to).expect("moved");
            }
        };
        fail(true);
        let failed = reader.append_if_heads(&proposal(&[], &records), &mut || Ok(()));
        assert!(matches!(failed, Err(AppendError::Store(_))), "{failed:?}");
        fail(false);
        assert!(store.stored(&release()).expect("listed").is_empty());
        let appended = reader.append_if_heads(&proposal(&[], &records), &mut || Ok(()));
        assert!(matches!(appended, Ok(Appended::Stored)));
    });
}

#[test]
fn what_was_written_elsewhere_is_taken_in_whole_or_not_at_all() {
    each(|shared| {
        let store = shared.store(1);
        let ledgers = Ledgers::new((&*store, &*store), &Unsealed, writer("host", 1));
        let first = note("a", vec![]);
        let second = note("b", vec![first.id]);
        let missing = ledgers.adopt(&release(), std::slice::from_ref(&second));
        assert!(matches!(missing, Err(AppendError::Refused(_))));
        assert!(store.stored(&release()).expect("listed").is_empty());
        let both = [second.clone(), first.clone()];
        let added = ledgers.adopt(&release(), &both).expect("adopted");
        assert_eq!(added, [first.clone(), second.clone()]);
        assert_eq!(ledgers.adopt(&release(), &both).expect("known"), []);
    });
}
