use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::statement::{Subjects, all};
use super::*;
use crate::domain::record::body::Noted;
use crate::domain::record::{Body, Draft};
use crate::domain::signature::testing::TestKey;

fn bundle(texts: &[String], key: Option<&TestKey>) -> Bundle {
    let release = ReleaseName::new("2.4.0").expect("a name");
    let mut parents = Vec::new();
    let mut records = Vec::new();
    for text in texts {
        let draft = Draft {
            by: "ana".into(),
            body: Body::Noted(Noted { text: text.clone() }),
        };
        let record = Record::new(draft, &release, parents, DateTime::UNIX_EPOCH, "host");
        parents = vec![record.id];
        records.push(record);
    }
    let statements = all(&records, &parents, &Subjects::default());
    let seal = |key: &TestKey| {
        let sign = |bytes: &[u8]| Ok(key.sign(bytes));
        let sealed = statements.iter().map(|it| Envelope::seal(it, &sign));
        sealed.collect::<Result<Vec<_>, _>>().expect("sealed")
    };
    Bundle {
        relgate_bundle: VERSION,
        release,
        at: DateTime::UNIX_EPOCH,
        by: "ana".into(),
        policy: "relgate.yaml".into(),
        heads: parents,
        records: records
            .iter()
            .map(|record| BundledRecord {
                file: record.file_name(),
                text: String::from_utf8(record.bytes().to_vec()).expect("text"),
            })
            .collect(),
        files: vec![
            BundledFile::new("relgate.yaml".into(), b"version: 1\n".to_vec()),
            BundledFile::new("releases/2.4.0/documents/x.bin".into(), vec![0xff, 0, 1]),
        ],
        artifacts: Vec::new(),
        outputs: Vec::new(),
        attestations: key.map(seal).unwrap_or_default(),
    }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("note {number}")).collect()
}

#[test]
fn the_encoding_that_is_signed_is_the_one_of_the_dsse_protocol() {
    // The example of its specification.
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

#[test]
fn an_envelope_is_never_a_record_nor_a_record_an_envelope() {
    let key = TestKey::ed25519(1);
    let record = bundle(&texts(1), None).records.remove(0);
    // A signature over a record, put into an envelope around the same bytes.
    let mut envelope = Envelope::seal(&json!({}), &|bytes| Ok(key.sign(bytes))).expect("sealed");
    envelope.payload = STANDARD.encode(&record.text);
    envelope.signatures[0].sig = STANDARD.encode(key.sign(record.text.as_bytes()));
    assert!(envelope.open().is_err());
    assert!(Record::from_bytes(&pae(PAYLOAD_TYPE, record.text.as_bytes())).is_err());
}

#[test]
fn a_version_from_the_future_is_named_before_its_shape_is_looked_at() {
    let error = Bundle::from_bytes(br#"{"relgate_bundle": 7, "records": "elsewhere"}"#);
    assert_eq!(error, Err(BundleError::Version(7)));
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn what_was_written_reads_back_and_has_no_fault(texts in proptest::collection::vec("\\PC{0,40}", 0..6), attested: bool) {
        let key = TestKey::ed25519(1);
        let bundle = bundle(&texts, attested.then_some(&key));
        let read = Bundle::from_bytes(&bundle.to_bytes()).expect("a bundle");
        prop_assert_eq!(&read, &bundle);
        prop_assert_eq!(read.sound_records().len(), texts.len());
        let faults = read.faults("it");
        prop_assert!(faults.is_empty(), "{:?}", faults);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Bundle::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_a_fault_or_changes_nothing_that_is_recorded(at in any::<prop::sample::Index>(), change in 1..=255u8) {
        let key = TestKey::ed25519(1);
        let good = bundle(&texts(3), Some(&key));
        let mut bytes = good.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(read) = Bundle::from_bytes(&bytes) && read.faults("it").is_empty() {
            prop_assert_eq!(read.sound_records(), good.sound_records());
            prop_assert_eq!(read.heads, good.heads);
            prop_assert_eq!(read.attestations, good.attestations);
        }
    }

    #[test]
    fn a_removed_or_repeated_piece_never_panics_and_never_adds_a_record(from in any::<prop::sample::Index>(), length in 1..200usize, times in 0..3usize) {
        let good = bundle(&texts(3), None);
        let bytes = good.to_bytes();
        let from = from.index(bytes.len());
        let to = (from + length).min(bytes.len());
        let damaged = [&bytes[..from], &bytes[from..to].repeat(times), &bytes[to..]].concat();
        if let Ok(read) = Bundle::from_bytes(&damaged) && read.faults("it").is_empty() {
            prop_assert_eq!(read.sound_records(), good.sound_records());
        }
    }
}
