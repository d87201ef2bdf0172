//! What is found in a folder that somebody else wrote in.

use super::*;

/// A ledger of three records: its folder, and their names in order.
fn three() -> (tempfile::TempDir, PathBuf, Vec<String>) {
    let (parent, folder) = place();
    let mut ledger = ledger(&folder);
    let written = append(&mut ledger, &["a", "b", "c"]).expect("appended");
    let names = written.iter().map(Record::file_name).collect();
    (parent, folder, names)
}

/// What a reading and an audit find after `harm` was done to a ledger, with how many sound records the reading has;
/// the two agree.
fn after(harm: impl FnOnce(&Path, &[String])) -> (Vec<(Damage, String)>, Vec<String>) {
    let (_parent, folder, names) = three();
    harm(&folder, &names);
    let mut fresh = ledger(&folder);
    let read: Vec<_> = anomalies(&mut fresh)
        .into_iter()
        // That the next record lacks its parent follows from the damage.
        .filter(|(damage, _)| *damage != Damage::Removed)
        .collect();
    let audit = audited(&folder);
    let told: Vec<_> = audit
        .findings
        .iter()
        .map(|it| (it.damage, it.file.clone().expect("a file")))
        .collect();
    assert_eq!(read, told);
    (read, names)
}

#[test]
fn what_is_no_plain_file_is_never_followed_nor_waited_for() {
    // req: E10
    let (found, names) = after(|folder, names| {
        let path = folder.join(&names[1]);
        // The very bytes, behind a link.
        fs::rename(&path, folder.with_file_name("moved")).expect("moved");
        symlink("../moved", &path).expect("a link");
    });
    assert_eq!(found, [(Damage::NotAFile, names[1].clone())]);

    let (found, names) = after(|folder, names| {
        fs::remove_file(folder.join(&names[1])).expect("removed");
        fs::create_dir(folder.join(&names[1])).expect("a folder");
    });
    assert_eq!(found, [(Damage::NotAFile, names[1].clone())]);

    let (found, names) = after(|folder, names| {
        let path = folder.join(&names[1]);
        fs::remove_file(&path).expect("removed");
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
    });
    assert_eq!(found, [(Damage::NotAFile, names[1].clone())]);
}

#[test]
fn a_huge_file_is_not_read() {
    let (found, names) = after(|folder, names| {
        let file = fs::File::options().write(true).open(folder.join(&names[1]));
        // Sparse: reading a terabyte would be noticed.
        file.and_then(|file| file.set_len(1 << 40))
            .expect("stretched");
    });
    assert_eq!(found, [(Damage::TooLarge, names[1].clone())]);
}

#[test]
fn files_that_do_not_belong_are_told_and_those_that_do_are_not() {
    // req: E10
    let (found, _) = after(|folder, _| {
        for own in [".watch", ".rollback", ".gitattributes", ".tmp-left"] {
            fs::write(folder.join(own), "").expect("written");
        }
        fs::create_dir(folder.join("output")).expect("a folder");
        fs::write(folder.join("output/1"), "text").expect("written");
    });
    assert_eq!(found, []);
    let (found, _) = after(|folder, _| {
        fs::write(folder.join("notes.txt"), "text").expect("written");
        fs::create_dir(folder.join("old")).expect("a folder");
        symlink("notes.txt", folder.join("x.json")).expect("a link");
    });
    let expected = ["notes.txt", "old", "x.json"].map(|it| (Damage::Foreign, it.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn edited_truncated_and_renamed_records_are_told_by_every_reading() {
    // req: E10
    let (found, names) = after(|folder, names| {
        let path = folder.join(&names[1]);
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.replace("\"b\"", "\"B\"")).expect("written");
    });
    assert_eq!(found, [(Damage::Edited, names[1].clone())]);

    let (found, names) = after(|folder, names| {
        let file = fs::File::options().write(true).open(folder.join(&names[1]));
        file.and_then(|file| file.set_len(100)).expect("cut");
    });
    assert_eq!(found, [(Damage::Truncated, names[1].clone())]);

    let later = |name: &str| name.replace("19700101", "19990101");
    let (found, names) = after(|folder, names| {
        fs::rename(folder.join(&names[1]), folder.join(later(&names[1]))).expect("renamed");
    });
    assert_eq!(found, [(Damage::Renamed, later(&names[1]))]);
}

#[test]
fn a_damaged_record_is_read_again_once_it_is_whole() {
    let (_parent, folder, names) = three();
    let path = folder.join(&names[1]);
    let whole = fs::read(&path).expect("bytes");
    fs::write(&path, &whole[..50]).expect("written");
    let mut ledger = ledger(&folder);
    let found = anomalies(&mut ledger);
    assert_eq!(found[0], (Damage::Truncated, names[1].clone()));
    // As a checkout does that is still writing.
    fs::write(&path, &whole).expect("written");
    assert_eq!(anomalies(&mut ledger), []);
    assert_eq!(texts(ledger.refresh().expect("read")), ["a", "b", "c"]);
}

#[test]
fn a_record_that_vanishes_is_told_until_it_is_back() {
    // req: E10
    let (_parent, folder, names) = three();
    let mut ledger = ledger(&folder);
    assert_eq!(anomalies(&mut ledger), []);
    // The last one: nothing follows it, and a reading that knew it still tells.
    let path = folder.join(&names[2]);
    let bytes = fs::read(&path).expect("bytes");
    fs::remove_file(&path).expect("removed");
    for _ in 0..2 {
        let found = anomalies(&mut ledger);
        assert_eq!(found, [(Damage::Removed, names[2].clone())]);
    }
    fs::write(&path, "something else").expect("written");
    assert_eq!(anomalies(&mut ledger), [(Damage::Edited, names[2].clone())]);
    fs::write(&path, bytes).expect("written");
    assert_eq!(anomalies(&mut ledger), []);
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_no_text_is_told() {
    use std::os::unix::ffi::OsStrExt;
    let (_parent, folder, _) = three();
    let name = std::ffi::OsStr::from_bytes(b"\xff.json");
    // macOS makes no such names, so none can be found there either.
    fs::write(folder.join(name), "").expect("a file system that takes any name");
    let found = anomalies(&mut ledger(&folder));
    assert_eq!(found, [(Damage::Foreign, "\u{fffd}.json".to_owned())]);
    assert_eq!(audited(&folder).findings.len(), 1);
}

#[test]
fn a_record_of_the_same_name_is_never_replaced() {
    let (_parent, folder) = place();
    fs::create_dir(&folder).expect("a folder");
    let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(100);
    let record = Record::new(note("a"), &release(), vec![], at, "host");
    let path = folder.join(record.file_name());
    fs::write(&path, "somebody's").expect("written");
    let error = append(&mut ledger(&folder), &["a"]).expect_err("the name is taken");
    let AppendError::Store(StoreError::Write { place: named, .. }) = error else {
        panic!("not an error of writing");
    };
    assert_eq!(named, path.display().to_string());
    assert_eq!(fs::read(&path).expect("bytes"), b"somebody's");
    assert!(!names(&folder).iter().any(|it| it.starts_with(".tmp-")));
}

#[test]
fn a_refresh_reads_only_what_is_new() {
    let (_parent, folder, names) = three();
    let mut ledger = ledger(&folder);
    assert_eq!(anomalies(&mut ledger), []);
    // Read again, it would be found to be edited: that is for the next process and the audit.
    fs::write(folder.join(&names[0]), "something else").expect("written");
    assert_eq!(anomalies(&mut ledger), []);
    assert_eq!(audited(&folder).findings[0].damage, Damage::Edited);
}

#[test]
fn many_files_are_read_by_several_threads_to_the_same_history() {
    let (_parent, folder) = place();
    fs::create_dir(&folder).expect("a folder");
    let mut parents = Vec::new();
    let mut expected = Vec::new();
    for number in 0..1_500 {
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(number);
        let text = note(&number.to_string());
        let record = Record::new(text, &release(), parents, at, "host");
        fs::write(folder.join(record.file_name()), record.bytes()).expect("written");
        parents = vec![record.id];
        expected.push(number.to_string());
    }
    assert_eq!(assert_chain(&folder), expected);
    let damaged = names(&folder).into_iter().nth(1_000).expect("a name");
    fs::write(folder.join(&damaged), "").expect("written");
    let found = anomalies(&mut ledger(&folder));
    assert_eq!(found[0], (Damage::Truncated, damaged));
}
