//! Appending, by one and by many at once.

use super::*;

#[test]
fn a_ledger_that_does_not_exist_is_empty_and_begins_with_the_first_record() {
    let (_parent, folder) = place();
    let mut ledger = ledger(&folder);
    assert!(ledger.refresh().expect("no error").records().is_empty());
    assert!(!folder.exists());
    assert!(audited(&folder).is_sound());
    let written = append(&mut ledger, &["a", "b"]).expect("appended");
    assert_eq!(written[1].parents, [written[0].id]);
    assert_eq!(assert_chain(&folder), ["a", "b"]);
    let bytes = fs::read(folder.join(written[0].file_name())).expect("the file");
    assert_eq!(bytes, written[0].bytes().to_vec());
}

#[test]
fn a_refusal_passes_through_and_writes_nothing() {
    let (_parent, folder) = place();
    let mut ledger = ledger(&folder);
    append(&mut ledger, &["a"]).expect("appended");
    let before = names(&folder);
    let refusal = Refusal::refused("somebody else was first").help("relgate status");
    let error = ledger
        .append(&mut |_, _| Err(refusal.clone()))
        .expect_err("it is refused");
    assert!(matches!(error, AppendError::Refused(it) if it == refusal));
    assert_eq!(names(&folder), before);
}

#[test]
fn a_decision_sees_what_others_appended_and_the_clock() {
    let (_parent, folder) = place();
    let (mut mine, mut theirs) = (ledger_at(&folder, ByHand::at(7)), ledger(&folder));
    append(&mut mine, &["a"]).expect("appended");
    append(&mut theirs, &["b"]).expect("appended");
    let mut seen = Vec::new();
    mine.append(&mut |history, now| {
        assert_eq!(now.wall, DateTime::UNIX_EPOCH + TimeDelta::seconds(7));
        seen.push(texts(history));
        match history.records().len() {
            // What it would record is decided again once the store says that something is new.
            1 => Ok(vec![note("c")]),
            _ => Ok(Vec::new()),
        }
    })
    .expect("nothing to do");
    assert_eq!(seen, [vec!["a"], vec!["a", "b"]]);
    let refusal = Refusal::refused("b is there").help("relgate status");
    append(&mut theirs, &["d"]).expect("appended");
    let error = mine.append(&mut |history, _| match texts(history).len() {
        3 => Err(refusal.clone()),
        _ => Err(Refusal::refused("too early")),
    });
    assert!(matches!(error, Err(AppendError::Refused(it)) if it == refusal));
}

#[test]
fn a_clock_set_back_a_little_keeps_the_order_and_a_wrong_one_is_not_followed() {
    let (_parent, folder) = place();
    let clock = ByHand::at(1_000_000);
    let mut ledger = ledger_at(&folder, clock);
    let mut write = |seconds: i64| {
        clock.set(seconds);
        let written = ledger.append(&mut |_, _| Ok(vec![note("x")]));
        written.expect("appended")[0].at.timestamp()
    };
    assert_eq!(write(1_000_000), 1_000_000);
    assert_eq!(write(999_000), 1_000_000, "set back a little");
    assert_eq!(write(1_000_001), 1_000_001);
    assert_eq!(write(900_000), 900_000, "set back by more than a day");
    let found: Vec<Damage> = audited(&folder)
        .findings
        .iter()
        .map(|it| it.damage)
        .collect();
    assert_eq!(found, [Damage::TimeOrder]);
}

#[test]
fn a_record_too_large_to_be_read_is_never_written() {
    let (_parent, folder) = place();
    let mut ledger = ledger(&folder);
    append(&mut ledger, &["a"]).expect("appended");
    let before = names(&folder);
    let error = append(&mut ledger, &[&"x".repeat(17 << 20)]).expect_err("too large");
    let AppendError::Store(StoreError::Write { source, .. }) = error else {
        panic!("not an error of writing");
    };
    assert_eq!(source.kind(), ErrorKind::FileTooLarge);
    assert_eq!(names(&folder), before);
    append(&mut ledger, &["b"]).expect("the ledger is as it was");
}

#[test]
fn threads_that_append_at_once_make_one_chain() {
    // req: E10
    let (_parent, folder) = place();
    std::thread::scope(|scope| {
        for who in ["x", "y"] {
            let folder = &folder;
            scope.spawn(move || {
                let mut ledger = ledger(folder);
                for number in 0..20 {
                    append(&mut ledger, &[&format!("{who}{number}")]).expect("appended");
                    // A loop without a pause in it would lock others out; nobody writes like that.
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            });
        }
    });
    assert_all_of(&["x", "y"], assert_chain(&folder));
}

#[test]
fn processes_that_append_at_once_make_one_chain() {
    // req: E10
    let (_parent, folder) = place();
    let children = ["x", "y", "z"].map(|who| spawn(&format!("append {who}"), &folder));
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    assert_all_of(&["x", "y", "z"], assert_chain(&folder));
}

/// Each writer's twenty records are there, once, in the order that it wrote them.
fn assert_all_of(writers: &[&str], texts: Vec<String>) {
    assert_eq!(texts.len(), writers.len() * 20);
    for who in writers {
        let theirs: Vec<&String> = texts.iter().filter(|it| it.starts_with(who)).collect();
        let expected: Vec<String> = (0..20).map(|number| format!("{who}{number}")).collect();
        assert_eq!(theirs, expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn two_diverged_copies_merge_without_conflict_whichever_way() {
    let (_one, ours) = place();
    let (_two, theirs) = place();
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to).expect("a folder");
        for name in names(from).iter().filter(|it| it.ends_with(".json")) {
            fs::copy(from.join(name), to.join(name)).expect("copied");
        }
    };
    let mut before = ledger(&ours);
    append(&mut before, &["a"]).expect("appended");
    copy(&ours, &theirs);
    append(&mut before, &["ours 1", "ours 2"]).expect("appended");
    let mut other = ledger(&theirs);
    append(&mut other, &["theirs"]).expect("appended");

    let (_both, merged) = place();
    copy(&theirs, &merged);
    copy(&ours, &merged);
    copy(&theirs, &ours);
    // One that read a branch before, and one that reads all at once.
    let mut fresh = ledger(&merged);
    let fresh = fresh.refresh().expect("it can be read");
    let state = before.refresh().expect("it can be read");
    assert_eq!(state.records(), fresh.records());
    assert_eq!(state.state(), fresh.state());
    assert_eq!(state.anomalies(), []);
    assert_eq!(state.heads().len(), 2);
    assert!(audited(&ours).is_sound());
    let joined = append(&mut before, &["joined"]).expect("appended");
    assert_eq!(joined[0].parents.len(), 2);
    let history = before.refresh().expect("it can be read");
    assert_eq!(history.heads(), [joined[0].id]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// However the writers alternate, each with its own idea of what is there, they make one chain.
    #[test]
    fn any_interleaving_of_writers_makes_one_chain(turns in prop::collection::vec((0..3usize, 0..3usize, any::<bool>()), 1..10)) {
        let (_parent, folder) = place();
        let mut ledgers = [ledger(&folder), ledger(&folder), ledger(&folder)];
        let mut expected = Vec::new();
        for (turn, (who, count, look)) in turns.into_iter().enumerate() {
            let new: Vec<String> = (0..count).map(|it| format!("{turn}/{it}")).collect();
            let new: Vec<&str> = new.iter().map(String::as_str).collect();
            let written = append(&mut ledgers[who], &new).expect("appended");
            prop_assert_eq!(written.len(), count);
            expected.extend(new.iter().map(|it| (*it).to_owned()));
            if look {
                for ledger in &mut ledgers {
                    prop_assert_eq!(texts(ledger.refresh().expect("it can be read")), expected.clone());
                }
            }
        }
        if !expected.is_empty() {
            prop_assert_eq!(assert_chain(&folder), expected);
        }
    }
}
