//! The ledger of a driver, which a store that fails does not stop.

use std::io::ErrorKind;

use relgate::app::insistent::Insistent;
use relgate::app::ledger::{Ledger, Ledgers};
use relgate::domain::history::History;
use relgate::domain::record::body::Noted;
use relgate::domain::record::{Body, Draft, Record, TOOL};
use relgate::effects::store::memory::{Memory, MemoryStore};
use relgate::ports::Unsealed;

use crate::stores::Still;
use crate::world::{release, writer};

fn note(text: &str) -> Draft {
    Draft {
        by: TOOL.to_owned(),
        body: Body::Noted(Noted { text: text.into() }),
    }
}

fn texts(history: &History) -> Vec<String> {
    let text = |record: &Record| match &record.body {
        Body::Noted(noted) => noted.text.clone(),
        _ => String::new(),
    };
    history.records().iter().map(text).collect()
}

#[test]
fn a_full_disk_stops_nothing_and_everything_is_written_in_order_afterwards() {
    let memory = Memory::new();
    let writer = writer("host", 1);
    let store = MemoryStore::new(&memory, &Still, writer.clone());
    let ledgers = Ledgers::new((&store, &store), &Unsealed, writer.clone());
    let mut ledger = Insistent::new(ledgers.open(&release()), (&Still, writer));
    let append = |ledger: &mut Insistent<'_>, text: &str| {
        ledger
            .append(&mut |_, _| Ok(vec![note(text)]))
            .expect("never fails on a full disk");
    };
    append(&mut ledger, "a");
    memory.fail_writing(Some(ErrorKind::StorageFull));
    append(&mut ledger, "b");
    append(&mut ledger, "c");
    assert_eq!(texts(ledger.refresh().expect("readable")), ["a", "b", "c"]);
    assert!(!ledger.make_good());
    assert_eq!(memory.records(&release()).len(), 1);
    memory.fail_writing(None);
    append(&mut ledger, "d");
    let mut history = History::new(release());
    history.extend(memory.records(&release()));
    let written = texts(&history);
    assert_eq!(written[..3], ["a", "b", "c"]);
    assert!(written[3].contains("written late"), "{written:?}");
    assert_eq!(written[4], "d");
}
