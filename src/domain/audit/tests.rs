use super::*;
use crate::domain::record::Draft;
use crate::domain::record::body::{DeployDone, Noted};
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

const FOLDER: &str = "releases/2.4.0/ledger";

fn release() -> ReleaseName {
    ReleaseName::new("2.4.0").expect("a name")
}

fn note(text: &str, parents: &[RecordId], seconds: i64) -> Record {
    let draft = Draft {
        by: "ana".into(),
        body: Body::Noted(Noted { text: text.into() }),
    };
    let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
    Record::new(draft, &release(), parents.to_vec(), at, "h")
}

/// Three records, one after the other.
fn chain() -> [Record; 3] {
    let a = note("a", &[], 1);
    let b = note("b", &[a.id], 2);
    let c = note("c", &[b.id], 3);
    [a, b, c]
}

fn file(record: &Record) -> File {
    with_name(&record.file_name(), record.bytes().to_vec())
}

fn with_name(name: &str, bytes: Vec<u8>) -> File {
    File {
        name: name.to_owned(),
        content: Content::Bytes(bytes),
    }
}

/// Bytes of one's own making under the name that they would have had.
fn forged(record: &Record, bytes: &[u8]) -> File {
    let name = record
        .file_name()
        .replace(&record.id.to_string(), &Digest::of(bytes).to_string());
    with_name(&name, bytes.to_vec())
}

/// The findings, each with its kind and file; every one names its file and a next step.
fn findings(files: Vec<File>) -> Vec<(Damage, String)> {
    let audit = audit(&release(), FOLDER, files);
    assert_eq!(audit.is_sound(), audit.findings.is_empty());
    let told = |finding: Anomaly| {
        assert!(!finding.help.is_empty(), "no next step: {finding:?}");
        let file = finding.file.expect("a file");
        let id = finding.record.map(|id| id.short()).unwrap_or_default();
        assert!(
            finding.what.contains(&file) || (!id.is_empty() && finding.what.contains(&id)),
            "{} does not name {file}",
            finding.what
        );
        (finding.damage, file)
    };
    audit.findings.into_iter().map(told).collect()
}

#[test]
fn a_sound_chain_has_no_findings_and_one_head() {
    // req: D6
    // req: E10
    let [a, b, c] = chain();
    let audit = audit(&release(), FOLDER, [&b, &c, &a].map(file));
    assert_eq!(audit.findings, []);
    assert_eq!(
        (audit.records, audit.heads, audit.unknown.len()),
        (3, vec![c.id], 0)
    );
}

#[test]
fn an_edited_byte_is_found_wherever_it_is() {
    // req: E10
    let [a, b, c] = chain();
    let bytes = b.bytes().to_vec();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let found = findings(vec![file(&a), with_name(&b.file_name(), changed), file(&c)]);
        let expected = match bytes[index] {
            // Without its closing brace or quote the text seems to end early.
            b'}' | b'"' | b'\\' if found[0].0 == Damage::Truncated => Damage::Truncated,
            _ => Damage::Edited,
        };
        assert_eq!(found, [(expected, b.file_name())], "byte {index}");
    }
}

#[test]
fn a_truncated_record_is_found_at_every_length() {
    // req: E10
    let [a, b, c] = chain();
    let bytes = b.bytes().to_vec();
    for length in 0..bytes.len() {
        let cut = with_name(&b.file_name(), bytes[..length].to_vec());
        let found = findings(vec![file(&a), cut, file(&c)]);
        assert_eq!(found, [(Damage::Truncated, b.file_name())], "{length}");
    }
}

#[test]
fn a_renamed_record_is_found_with_its_proper_name() {
    // req: E10
    let [a, b, c] = chain();
    // Another time, as if it had come last; another kind; another id; a name of another form.
    let other_id = b
        .file_name()
        .replace(&b.id.to_string(), &Digest::of(b"other").to_string());
    for name in [
        b.file_name().replace("19700101", "19990101"),
        b.file_name().replace("noted", "checked"),
        other_id,
        "b.json".to_owned(),
    ] {
        let files = vec![file(&a), with_name(&name, b.bytes().to_vec()), file(&c)];
        let audit = audit(&release(), FOLDER, files.clone());
        assert!(audit.findings[0].what.contains(&b.file_name()));
        assert!(audit.findings[0].help.starts_with("git mv "));
        assert_eq!(findings(files), [(Damage::Renamed, name)]);
    }
}

#[test]
fn two_records_that_changed_names_are_both_found() {
    // req: E10
    let [a, b, c] = chain();
    let found = findings(vec![
        with_name(&b.file_name(), a.bytes().to_vec()),
        with_name(&a.file_name(), b.bytes().to_vec()),
        file(&c),
    ]);
    assert_eq!(
        found,
        [
            (Damage::Renamed, a.file_name()),
            (Damage::Renamed, b.file_name())
        ]
    );
}

#[test]
fn a_removed_record_is_found_by_those_that_follow_it() {
    // req: E10
    let [a, b, c] = chain();
    assert_eq!(
        findings(vec![file(&a), file(&c)]),
        [(Damage::Removed, format!("*-{}.json", b.id))]
    );
    assert_eq!(
        findings(vec![file(&b), file(&c)]),
        [(Damage::Removed, format!("*-{}.json", a.id))]
    );
    // The last of a chain can be removed without a trace in the others; the module says so.
    assert_eq!(findings(vec![file(&a), file(&b)]), []);
}

#[test]
fn a_copy_under_another_name_is_found() {
    // req: E10
    let [a, b, c] = chain();
    for name in [
        b.file_name().replace("19700101", "19990101"),
        b.file_name()
            .replace(&b.id.to_string(), &Digest::of(b"other").to_string()),
        "copy of b.json".to_owned(),
    ] {
        let copy = with_name(&name, b.bytes().to_vec());
        let found = findings(vec![file(&a), file(&b), file(&c), copy]);
        assert_eq!(found, [(Damage::Copied, name)]);
    }
}

#[test]
fn swapped_parents_are_found() {
    // req: E10
    let a = note("a", &[], 1);
    let b = note("b", &[a.id], 2);
    let c = note("c", &[a.id], 3);
    let d = note("d", &[b.id, c.id], 4);
    let text = String::from_utf8(d.bytes().to_vec()).expect("UTF-8");
    let [first, second] = [d.parents[0].to_string(), d.parents[1].to_string()];
    let swapped = text
        .replace(&first, "X")
        .replace(&second, &first)
        .replace('X', &second);
    assert_ne!(swapped, text);
    let with = |last: File| findings(vec![file(&a), file(&b), file(&c), last]);
    let in_place = with_name(&d.file_name(), swapped.clone().into_bytes());
    assert_eq!(with(in_place), [(Damage::Edited, d.file_name())]);
    // Under the name that the forgery would have, its form still gives it away.
    let renamed = forged(&d, swapped.as_bytes());
    let name = renamed.name.clone();
    assert_eq!(with(renamed), [(Damage::NotCanonical, name)]);
    // A parent that came later gives it away by its time.
    let early = note("e", &[d.id], 0);
    assert_eq!(
        findings([&a, &b, &c, &d, &early].map(file).into()),
        [(Damage::TimeOrder, early.file_name())]
    );
}

#[test]
fn foreign_files_are_found_and_the_ledgers_own_are_not() {
    // req: E10
    let [a, b, c] = chain();
    let foreign = with_name("README.md", b"read me".to_vec());
    let found = findings(vec![file(&a), file(&b), file(&c), foreign]);
    assert_eq!(found, [(Damage::Foreign, "README.md".to_owned())]);
    for own in [".lock", ".watch", ".rollback", ".gitignore", ".tmp-x1"] {
        assert!(belongs(own, false) && !belongs(own, true), "{own}");
    }
    assert!(belongs("output", true) && !belongs("output", false));
    assert!(!belongs(".tmp", false) && !belongs("old", true));
}

#[test]
fn a_record_of_another_release_is_found() {
    // req: E10
    let [a, b, c] = chain();
    let draft = Draft {
        by: "ana".into(),
        body: Body::Noted(Noted { text: "x".into() }),
    };
    let other = ReleaseName::new("2.5.0").expect("a name");
    let stray = Record::new(
        draft,
        &other,
        vec![Digest::of(b"in its own ledger")],
        DateTime::UNIX_EPOCH,
        "h",
    );
    assert_eq!(
        findings([&a, &b, &c, &stray].map(file).into()),
        [(Damage::OtherRelease, stray.file_name())]
    );
}

#[test]
fn other_forms_of_the_same_record_are_found() {
    // req: E10
    let [a, ..] = chain();
    let text = String::from_utf8(a.bytes().to_vec()).expect("UTF-8");
    let spaced = forged(&a, text.replace("\"by\":", "\"by\": ").as_bytes());
    let name = spaced.name.clone();
    assert_eq!(findings(vec![spaced]), [(Damage::NotCanonical, name)]);
    let wordless = forged(&a, text.replace("\"text\"", "\"test\"").as_bytes());
    let name = wordless.name.clone();
    assert_eq!(findings(vec![wordless]), [(Damage::NotARecord, name)]);
}

#[test]
fn an_unknown_kind_or_version_is_told_and_is_no_damage() {
    let [a, b, _] = chain();
    let text = String::from_utf8(b.bytes().to_vec()).expect("UTF-8");
    let bytes = text.replace("\"noted\"", "\"blessed\"").into_bytes();
    let future = Record::from_bytes(&bytes).expect("a record");
    let audit = audit(&release(), FOLDER, [file(&a), file(&future)]);
    assert_eq!(audit.findings, []);
    assert_eq!(audit.unknown.len(), 1);
    assert_eq!(audit.unknown[0].kind, "blessed");
    assert_eq!(audit.unknown[0].file, future.file_name());
}

#[test]
fn an_illegal_record_is_found_where_the_history_has_no_gap() {
    // req: D6
    let [a, b, c] = chain();
    let stage = "production".parse().expect("a name");
    let draft = Draft {
        by: "ana".into(),
        body: Body::DeployDone(DeployDone { stage }),
    };
    let done = Record::new(draft, &release(), vec![c.id], c.at, "h");
    assert_eq!(
        findings([&a, &b, &c, &done].map(file).into()),
        [(Damage::Illegal, done.file_name())]
    );
    // What was removed may have been what made it legal.
    assert_eq!(
        findings([&a, &c, &done].map(file).into()),
        [(Damage::Removed, format!("*-{}.json", b.id))]
    );
}

#[test]
fn what_was_not_read_is_told_as_it_is() {
    let [a, b, c] = chain();
    let link = File {
        name: b.file_name(),
        content: Content::Unfit(Flaw::new(Damage::NotAFile, "it is a symbolic link")),
    };
    let found = findings(vec![file(&a), link, file(&c)]);
    assert_eq!(found, [(Damage::NotAFile, b.file_name())]);
}

#[test]
fn the_audit_as_json_has_the_words_that_people_see() {
    let [a, _, c] = chain();
    let audit = audit(&release(), FOLDER, [&a, &c].map(file));
    let json = serde_json::to_value(&audit).expect("JSON");
    assert_eq!(json["findings"][0]["damage"], "removed");
    assert_eq!(json["heads"].as_array().map(Vec::len), Some(2));
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    /// No bytes, whatever they are, are taken for a record under a name that is not theirs.
    #[test]
    fn only_the_very_bytes_are_sound(index in 0usize..400, byte: u8, extra in prop::collection::vec(any::<u8>(), 0..3)) {
        let [a, ..] = chain();
        let mut bytes = a.bytes().to_vec();
        let length = bytes.len();
        bytes[index % length] = byte;
        bytes.extend(extra);
        let sound = examine(&a.file_name(), &bytes).is_ok();
        prop_assert_eq!(sound, bytes == a.bytes());
    }

    /// A number that a probe measured is the same number after it was stored, or a sound record would look forged.
    #[test]
    fn numbers_survive_being_stored(number in prop::num::f64::NORMAL) {
        let bytes = serde_json_canonicalizer::to_vec(&number).expect("a number");
        prop_assert_eq!(check_canonical(&bytes), Ok(()));
        prop_assert_eq!(serde_json::from_slice::<f64>(&bytes).expect("a number"), number);
    }
}
